"""``python -m dmmix``."""

from dmmix.cli.main import main

if __name__ == "__main__":
    main()
