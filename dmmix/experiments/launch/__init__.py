"""Cells, trained: here or by Slurm."""
