"""Image files: which there are, decoded, cropped to one size."""
