"""Trains a grid of configs: python tools/sweep.py SWEEP; the same as dmmix sweep."""

from dmmix.cli.sweep import main

if __name__ == "__main__":
    main()
