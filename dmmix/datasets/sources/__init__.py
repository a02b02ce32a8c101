"""Data sets, and how one takes its samples from another."""
