"""Experiments: the paper's settings, grids of trainings, what they leave, reports on it."""
