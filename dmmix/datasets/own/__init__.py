"""Images of one's own: what lies in a folder, found."""
