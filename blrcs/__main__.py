"""``python -m blrcs``."""

from blrcs.cli import main

if __name__ == "__main__":
    main()
