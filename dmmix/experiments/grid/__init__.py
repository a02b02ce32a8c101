"""Sweep files and their cells."""
