"""``python -m bench.soak`` is ``python -m tests.testbed.soak``, by the name that people know."""

import sys

from testbed.soak.command_line import main

if __name__ == "__main__":
    sys.exit(main())
