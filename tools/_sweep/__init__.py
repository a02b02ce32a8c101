"""Grids of trainings: what tools/sweep.py and tools/analysis/summarize.py share."""
