"""``python -m bench.soak`` is an alias of ``python -m tests.testbed.soak``."""

import sys

from testbed.soak.command_line import main

if __name__ == "__main__":
    sys.exit(main())
