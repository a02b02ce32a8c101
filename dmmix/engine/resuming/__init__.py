"""Going on with a run: its place, its rates, what differs, and the folder that it writes to."""
