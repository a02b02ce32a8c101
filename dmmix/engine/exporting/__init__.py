"""Trained classifiers for programs that know nothing of dmmix."""
