"""Classifiers, and what all of them share."""
