"""Tests a trained classifier: python tools/test.py CONFIG CHECKPOINT; the same as dmmix test."""

from dmmix.cli.test import main

if __name__ == "__main__":
    main()
