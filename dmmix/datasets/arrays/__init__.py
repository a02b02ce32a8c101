"""Arrays of many images: in memory, or left in their file."""
