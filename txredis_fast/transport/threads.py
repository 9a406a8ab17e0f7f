"""Debug mode: commands that are issued in another thread than the reactor's are refused.

Like all of Twisted, this package must be used in the reactor's thread. A command from another thread seems to work,
until two threads change the same queue at the same time, and a reply reaches the wrong caller. The check costs time
with every command, so it is made in debug mode only: after ``twisted.internet.defer.setDebugging(True)``, or with
``TXREDIS_FAST_DEBUG=1`` in the environment. The mode is read when a factory or a connection is made.

This module must not know how commands are sent.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred, fail, getDebugging
from twisted.python import threadable

from ..exceptions import RedisError

__all__ = ["guard_connection", "guard_factory"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_SWITCH = "TXREDIS_FAST_DEBUG"


class HasLink(Protocol):
    """A connection."""

    @property
    def link(self) -> object:
        """The object between the protocol and the transport; it sends stock commands."""


class HasHandler(Protocol):
    """A pool."""

    @property
    def handler(self) -> object:
        """The handler of the program's commands."""


def guard_connection(protocol: HasLink) -> None:
    """In debug mode, make a connection refuse commands from another thread than the one that makes it."""
    if _wanted():
        home = threading.get_ident()
        _guard(protocol, ("execute_command", "execute_batch"), lambda: home)
        _guard(protocol.link, ("execute_stock",), lambda: home)


def guard_factory(factory: HasHandler) -> None:
    """In debug mode, make a pool refuse commands from another thread that wait for a connection, or need their own."""
    if _wanted():
        # The factory may be made in any thread, and before the reactor's thread is known.
        _guard(factory, ("getConnection",), lambda: threadable.ioThread)
        _guard(factory.handler, ("_run_blocking", "_send_batch"), lambda: threadable.ioThread)


def _wanted() -> bool:
    return getDebugging() or os.environ.get(_SWITCH, "0") not in ("", "0")


def _guard(thing: object, names: tuple[str, ...], home: Callable[[], int | None]) -> None:
    for name in names:
        setattr(thing, name, _guarded(getattr(thing, name), home))


def _guarded(method: Callable[_P, _T], home: Callable[[], int | None]) -> Callable[_P, _T | Deferred[Any]]:
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _T | Deferred[Any]:
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
