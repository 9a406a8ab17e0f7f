"""``python -m bench``: see :mod:`bench.command_line`."""

import sys

from bench.command_line import main

if __name__ == "__main__":
    sys.exit(main())
