"""Which reactor to use: the package's ``reactor`` attribute, looked up at each use.

Programs' tests put their own clock or memory reactor there (``txredis_fast.reactor = clock``), and a program may
install another reactor after importing this package, so nothing may keep or import a reactor early.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def current_reactor() -> Any:
    """Return ``txredis_fast.reactor``: the patched one, else the global reactor, imported only now.

    ``Any``, because a reactor provides several interfaces at once, which Python's types cannot say.
    """
    return sys.modules["txredis_fast"].reactor


def call_from_finalizer(function: Callable[[], Any]) -> None:
    """Call it in a turn of the reactor of its own.

    The garbage collector runs finalizers in any thread and in the middle of anything, which may be the reactor that
    sorts its delayed calls. A clock that tests put in its place has no threads: there it is called at once. It is not
    called at the end of the interpreter, when what it needs may be gone already; connections end there, too.
    """
    if sys.is_finalizing():
        return
    reactor = current_reactor()
    getattr(reactor, "callFromThread", _call)(function)


def _call(function: Callable[[], Any]) -> None:
    function()
