"""Time limits of single calls, which cover the waiting for a connection and what is done with it then.

This module must not know of connections.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ._reactor import current_reactor
from .checks import check_seconds
from .exceptions import NotSentError

__all__ = ["check_timeout", "within"]

#: What is left for the reply to a command whose time was up when it could be sent: 0 would mean no limit.
_LEAST = 0.001


def check_timeout(seconds: Any) -> float:
    """Return a time limit in seconds.

    :raises ValueError: it is not a finite number of seconds above 0.
    """
    return check_seconds("a timeout", seconds, exclusive=True)  # type: ignore[no-any-return]


def within(getting: Deferred[Any], timeout: float, use: Callable[[Any, float], Any]) -> Deferred[Any]:
    """Use a connection as soon as there is one, if that is in time.

    :param getting: fires with the connection.
    :param timeout: in seconds.
    :param use: called with the connection and the seconds that are left.
    :returns: fires with what that returns; fails with :exc:`NotSentError` when the time is up before.
    """
    reactor = current_reactor()
    deadline = reactor.seconds() + timeout
    timer = reactor.callLater(timeout, getting.cancel)

    def got(connection: Any) -> Any:
        timer.cancel()
        return use(connection, max(deadline - reactor.seconds(), _LEAST))

    def failed(failure: Failure) -> Any:
        if timer.active():
            timer.cancel()
        elif failure.check(CancelledError):
            raise NotSentError(f"Not connected: no connection was free within {timeout} seconds")
        return failure

    return getting.addCallbacks(got, failed)
