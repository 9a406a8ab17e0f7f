"""How much the tests try: all, or what has to be tried again on another Python, Twisted or reactor.

With TXREDIS_FAST_SHORT=1 in the environment, tests with the mark ``once`` or ``self_check`` are left out, and random
tests have short counts. ``.ci/run`` sets it where it repeats the tests; its header says where everything runs.
"""

from __future__ import annotations

import os

SHORT = os.environ.get("TXREDIS_FAST_SHORT", "") not in ("", "0")


def extent(full: int, short: int) -> int:
    """How many to try."""
    return short if SHORT else full
