"""Time limits of single calls, which cover the waiting for a connection and what is done with it then.

This module must not know of connections.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from .._checks import check_number, shown
from .._reactor import current_reactor
from .._tunables import MAX_TIMEOUT_SECONDS, MIN_TIMEOUT_SECONDS
from ..exceptions import NotSentError
from ..transport import cancel_timer
from . import LastLook

__all__ = ["TimeLimit", "check_timeout", "limit_error", "within"]

_KIND = "a finite number of seconds"


def check_timeout(seconds: Any) -> float:
    """Return a time limit in seconds.

    :raises ValueError: it is not a number of seconds above 0, up to 10**9.
    """
    return check_number("a timeout", seconds, exclusive=True, most=MAX_TIMEOUT_SECONDS, kind=_KIND)  # type: ignore[no-any-return]


def limit_error(timeout: Any) -> Exception | None:
    """What a call with this time limit fails with, before anything is sent; None: it is one, or there is none.

    A limit of 0 or below is over already, as ``deadline - now`` is after a stall: :exc:`NotSentError`. What is no
    finite number is a mistake: ``ValueError``.
    """
    if timeout is None:
        return None
    is_number = type(timeout) is int or isinstance(timeout, float)
    if not is_number or not -math.inf < timeout <= MAX_TIMEOUT_SECONDS:
        return ValueError(f"timeout must be {_KIND}, up to {MAX_TIMEOUT_SECONDS}, or None, not {shown(timeout)}")
    if timeout <= 0:
        return NotSentError(f"Not sent: the time limit was over already ({timeout} seconds)")
    return None


class TimeLimit:
    """Calls a function when a time is up, and one more turn of the reactor has brought nothing.

    A reactor runs its timers before it reads: what has come in time may still lie in a socket.
    """

    def __init__(
        self,
        clock: Any,
        seconds: float,
        over: Callable[[], object],
        progress: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        """Begin.

        :param clock: an ``IReactorTime``, or a connection with ``callLater``.
        :param over: called without arguments, unless :meth:`stop` is called before.
        :param progress: see :class:`~txredis_fast.inflight.LastLook`.
        """
        self._clock = clock
        self._last_look = LastLook(progress, over)
        self._timer: Any = clock.callLater(seconds, self._up)

    def _up(self) -> None:
        self._timer = None
        self._last_look.begin(self._clock.callLater)

    def stop(self) -> None:
        """Leave nothing in the reactor."""
        timer, self._timer = self._timer, None
        cancel_timer(timer)
        self._last_look.stop()


def within(getting: Deferred[Any], timeout: float, use: Callable[[Any, float], Any]) -> Deferred[Any]:
    """Use a connection as soon as there is one, if that is in time.

    :param getting: fires with the connection.
    :param timeout: in seconds.
    :param use: called with the connection and the seconds that are left.
    :returns: fires with what that returns; fails with :exc:`NotSentError` when the time is up before.
    """
    reactor = current_reactor()
    deadline = reactor.seconds() + timeout
    is_over = False

    def over() -> None:
        nonlocal is_over
        is_over = True
        getting.cancel()

    limit = TimeLimit(reactor, timeout, over)

    def got(connection: Any) -> Any:
        limit.stop()
        return use(connection, max(deadline - reactor.seconds(), MIN_TIMEOUT_SECONDS))

    def failed(failure: Failure) -> Any:
        limit.stop()
        if is_over and failure.check(CancelledError):
            raise NotSentError(f"Not connected: no connection was free within {timeout} seconds")
        return failure

    return getting.addCallbacks(got, failed)
