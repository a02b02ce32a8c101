"""Few labels out of many."""
