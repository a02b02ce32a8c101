"""Trains a classifier: python tools/train.py CONFIG; the same as dmmix train."""

from dmmix.cli.train import main

if __name__ == "__main__":
    main()
