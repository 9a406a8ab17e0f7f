"""Which reactor to use: the package's ``reactor`` attribute, looked up at each use.

Programs' tests put their own clock or memory reactor there (``txredis_fast.reactor = clock``), and a program may
install another reactor after importing this package, so nothing may keep or import a reactor early.
"""

from __future__ import annotations

import sys
from typing import Any


def current_reactor() -> Any:
    """Return ``txredis_fast.reactor``: the patched one, else the global reactor, imported only now.

    ``Any``, because a reactor provides several interfaces at once, which Python's types cannot say.
    """
    return sys.modules["txredis_fast"].reactor
