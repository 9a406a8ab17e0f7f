"""How much the tests try: all, or what has to be tried again on another Python, Twisted or reactor.

With TXREDIS_FAST_SHORT=1 in the environment, tests with the mark ``once`` or ``self_check`` are left out, random tests
have short counts, and some rows of tables, as of commands, are tried. With TXREDIS_FAST_SHORT=counts, no test is left
out. ``.ci/run`` sets it where it repeats the tests: the header there says where everything runs.

With TXREDIS_FAST_BOTH=0, connections of tests run over the implementation in use only, where they would run over each:
another run has the other.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Row = TypeVar("Row")

_GIVEN = os.environ.get("TXREDIS_FAST_SHORT", "")
SHORT = _GIVEN not in ("", "0")
LEAVES_OUT = SHORT and _GIVEN != "counts"
BOTH = os.environ.get("TXREDIS_FAST_BOTH", "") != "0"


def extent(full: int, short: int) -> int:
    """How many to try."""
    return short if SHORT else full


def some(rows: Sequence[Row]) -> Sequence[Row]:
    """All rows of a table; in short every eighth, where all take the same way through the package."""
    return rows[::8] if SHORT else rows
