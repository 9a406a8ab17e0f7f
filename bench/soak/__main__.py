"""``python -m bench.soak``: see :mod:`bench.soak.command_line`."""

import sys

from bench.soak.command_line import main

if __name__ == "__main__":
    sys.exit(main())
