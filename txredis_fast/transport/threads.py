"""Commands that are given in another thread than the reactor's are refused, in debug mode.

Like all of Twisted, this package is used in the reactor's thread. A command from another one seems to work, and now and
then two threads are in the middle of the same queue: then a reply reaches the wrong caller. Looking for that costs
something with every command, so it is done in debug mode only: after ``twisted.internet.defer.setDebugging(True)``,
or with ``TXREDIS_FAST_DEBUG=1`` in the environment, looked at when a factory or a connection is made. Otherwise
nothing is looked at.

This module must not know how commands are sent.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, getDebugging
from twisted.python import threadable

from ..exceptions import RedisError

__all__ = ["guard_connection", "guard_factory"]

_SWITCH = "TXREDIS_FAST_DEBUG"


def guard_connection(protocol: Any) -> None:
    """Have a connection refuse what is given to it in another thread than the one that makes it, in debug mode."""
    if _wanted():
        home = threading.get_ident()
        _guard(protocol, ("execute_command", "execute_batch"), lambda: home)
        _guard(protocol.link, ("execute_stock",), lambda: home)


def guard_factory(factory: Any) -> None:
    """Have a pool refuse who would wait for a connection, or need one of his own, in another thread; in debug mode."""
    if _wanted():
        # The factory may be made anywhere, and before it is known which thread is the reactor's.
        _guard(factory, ("getConnection",), lambda: threadable.ioThread)
        _guard(factory.handler, ("_run_blocking", "_send_batch"), lambda: threadable.ioThread)


def _wanted() -> bool:
    return getDebugging() or os.environ.get(_SWITCH, "0") not in ("", "0")


def _guard(thing: Any, names: tuple[str, ...], home: Callable[[], int | None]) -> None:
    for name in names:
        setattr(thing, name, _guarded(getattr(thing, name), home))


def _guarded(method: Callable[..., Any], home: Callable[[], int | None]) -> Callable[..., Any]:
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if home() in (None, threading.get_ident()):
            return method(*args, **kwargs)
        return _refuse()

    return guarded


def _refuse() -> Deferred[Any]:
    return fail(
        RedisError(
            f"a command was given in the thread {threading.current_thread().name!r}, which is not the reactor's: "
            "replies would reach the wrong callers. Use reactor.callFromThread(function), or, to wait for the result, "
            "twisted.internet.threads.blockingCallFromThread(reactor, function)"
        )
    )
