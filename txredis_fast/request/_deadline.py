"""The one timer of a connection's requests: both implementations of the queue use it.

Each request has its deadline. The timer runs to the soonest one that it knows of; when it rings it looks for the
soonest one that there is now, so that most requests, which are answered in time, cost it nothing.

This module must not know what a request is, beside its ``deadline``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..exceptions import ReplyTimeoutError

__all__ = ["DeadlineTimer"]


class _Deadline(float):
    """A deadline that knows its time limit, where that is not the usual one."""

    __slots__ = ("timeout",)
    timeout: float


class DeadlineTimer:
    """Calls when a deadline has passed.

    :ivar running: whether there is something to stop.
    :ivar usual: the time limit of the first request since there was none.
    """

    __slots__ = ("_call", "_due", "_mixed", "_now", "_on_overdue", "running", "usual")

    def __init__(self, on_overdue: Callable[[ReplyTimeoutError], object]) -> None:
        """Make one.

        :param on_overdue: called when a deadline has passed; it must end the connection.
        """
        self._on_overdue = on_overdue
        self._call: Any = None
        #: When the timer rings.
        self._due = 0.0
        self.usual = 0.0
        #: Whether others came since, so that the oldest request need not have the soonest deadline.
        self._mixed = False
        #: When a deadline was found to have passed; None before.
        self._now: float | None = None
        self.running = False

    def start(
        self,
        timeout: float,
        call_later: Callable[..., Any],
        seconds: Callable[[], float],
        waiting: Iterable[Any],
    ) -> float:
        """Return the deadline of a request that is written now, and see that the timer runs.

        :param timeout: in seconds.
        :param call_later: as ``reactor.callLater``.
        :param seconds: tells the time of the same clock.
        :param waiting: the requests, oldest first, to be looked at when the timer rings.
        """
        now = seconds()
        deadline = now + timeout
        if not self.running:
            self.running = True
            self.usual, self._mixed = timeout, False
            self._run(timeout, deadline, call_later, seconds, waiting)
        elif timeout != self.usual:
            self._mixed = True
            if deadline < self._due:
                self._cancel()
                self._run(timeout, deadline, call_later, seconds, waiting)
        if timeout == self.usual:
            return deadline
        other = _Deadline(deadline)
        other.timeout = timeout
        return other

    def _run(self, delay: float, due: float, call_later: Any, seconds: Any, waiting: Iterable[Any]) -> None:
        self._due = due
        self._call = call_later(delay, self._check, call_later, seconds, waiting)

    def stop(self) -> None:
        """Leave nothing in the reactor: no request is left."""
        self.running = False
        self._cancel()

    def _cancel(self) -> None:
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()

    def _check(self, call_later: Any, seconds: Any, waiting: Iterable[Any]) -> None:
        self._call = None
        deadlines = (request.deadline for request in waiting if request.deadline is not None)
        soonest = min(deadlines, default=None) if self._mixed else next(deadlines, None)
        if soonest is None:
            self.running = False
            return
        now = seconds()
        if soonest <= now:
            self.running = False
            self._now = now
            self._on_overdue(self._error(soonest))
        else:
            self._run(soonest - now, soonest, call_later, seconds, waiting)

    def _error(self, deadline: float) -> ReplyTimeoutError:
        return ReplyTimeoutError(f"Not received Redis response in {getattr(deadline, 'timeout', self.usual)} seconds")

    def overdue(self, request: Any) -> ReplyTimeoutError | None:
        """The error of a request whose own deadline had passed when the connection was ended for that; else None."""
        deadline = request.deadline
        if self._now is None or deadline is None or deadline > self._now:
            return None
        return self._error(deadline)
