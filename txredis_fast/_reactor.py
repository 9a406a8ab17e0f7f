"""The reactor: the package's ``reactor`` attribute, looked up at each use.

Tests of programs set it to a clock or a memory reactor (``txredis_fast.reactor = clock``), and a program may install
another reactor after importing this package. So no module may import a reactor early, or keep it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def current_reactor() -> Any:
    """Return ``txredis_fast.reactor``: the patched one, else the global reactor, imported only now.

    ``Any``, because a reactor provides several interfaces, and Python has no type for their intersection.
    """
    return sys.modules["txredis_fast"].reactor


def patched_reactor() -> Any:
    """Return ``txredis_fast.reactor`` if a test has set it, else None. No reactor is imported."""
    return vars(sys.modules["txredis_fast"]).get("reactor")


def is_stopping() -> bool:
    """Whether the reactor runs no more, so that connections are lost because the program ends."""
    from twisted.internet.base import ReactorBase

    reactor = current_reactor()
    return isinstance(reactor, ReactorBase) and not reactor.running  # the fakes of tests never run


def call_from_finalizer(function: Callable[[], Any]) -> None:
    """Call a function in a later turn of the reactor, in the reactor's thread.

    The garbage collector runs finalizers in any thread and at any instruction, even while the reactor sorts its delayed
    calls. A test's clock has no ``callFromThread``; there the function is called at once. At the end of the interpreter
    it is not called, because modules that it needs may be gone; connections end there, too.
    """
    if sys.is_finalizing():
        return
    reactor = current_reactor()
    getattr(reactor, "callFromThread", _call)(function)


def _call(function: Callable[[], Any]) -> None:
    function()
