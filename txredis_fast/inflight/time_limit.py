"""Time limits of single calls. A limit covers the wait for a connection and the use of that connection.

This module must not know of connections.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from .._checks import check_number, shown
from .._reactor import current_reactor
from .._tunables import MAX_TIMEOUT_SECONDS, MIN_TIMEOUT_SECONDS
from .._types import Result
from ..exceptions import NotSentError
from ..transport import cancel_timer
from . import LastLook

__all__ = ["TimeLimit", "check_timeout", "limit_error", "within"]

_KIND = "a finite number of seconds"

_Connection = TypeVar("_Connection")


class _Clock(Protocol):
    """A clock: an ``IReactorTime``, or a connection."""

    def callLater(self, delay: float, function: Callable[..., object], /) -> IDelayedCall: ...


def check_timeout(seconds: object) -> float:
    """Check and return a time limit in seconds.

    :raises ValueError: it is not a number above 0, up to 10**9.
    """
    return check_number("a timeout", seconds, exclusive=True, most=MAX_TIMEOUT_SECONDS, kind=_KIND)  # type: ignore[no-any-return]


def limit_error(timeout: float | None) -> Exception | None:
    """Return the error of a call with this time limit, before anything is sent; None: the limit is valid, or None.

    A limit of 0 or below has already passed: programs compute ``deadline - now``. Its error is :exc:`NotSentError`.
    The error of any value that is no finite number is ``ValueError``.
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
    """Calls a function when a time is up, and one more turn of the reactor has received nothing.

    A reactor runs its timers before it reads: data that arrived in time may still be unread in a socket.
    """

    def __init__(
        self,
        clock: _Clock,
        seconds: float,
        over: Callable[[], object],
        progress: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        """Start the timer.

        :param clock: an ``IReactorTime``, or a connection with ``callLater``.
        :param seconds: the time limit.
        :param over: called when the limit has passed, unless :meth:`stop` was called.
        :param progress: see :class:`~txredis_fast.inflight.LastLook`.
        """
        self._clock = clock
        self._last_look = LastLook(progress, over)
        self._timer: IDelayedCall | None = clock.callLater(seconds, self._up)

    def _up(self) -> None:
        self._timer = None
        self._last_look.begin(self._clock.callLater)

    def stop(self) -> None:
        """Cancel the timer."""
        timer, self._timer = self._timer, None
        cancel_timer(timer)
        self._last_look.stop()


def within(
    getting: Deferred[_Connection],
    timeout: float,
    use: Callable[[_Connection, float], Result],
    why: Callable[[], str],
) -> Deferred[Result]:
    """Wait for a connection at most ``timeout`` seconds, then use it.

    :param getting: fires with the connection; is cancelled when the time is up.
    :param timeout: in seconds.
    :param use: called with the connection and the remaining seconds.
    :param why: returns the text for a caller that got no connection.
    :returns: fires with the result of ``use``; fails with :exc:`NotSentError` if the time is up before that.
    """
    reactor = current_reactor()
    deadline = reactor.seconds() + timeout
    is_over = False

    def over() -> None:
        nonlocal is_over
        is_over = True
        getting.cancel()

    limit = TimeLimit(reactor, timeout, over)

    def got(connection: _Connection) -> Result:
        limit.stop()
        return use(connection, max(deadline - reactor.seconds(), MIN_TIMEOUT_SECONDS))

    def failed(failure: Failure) -> Failure:
        limit.stop()
        if is_over and failure.check(CancelledError):
            raise NotSentError(f"{why()} (no connection was free within {timeout} seconds)")
        return failure

    return getting.addCallbacks(got, failed)
