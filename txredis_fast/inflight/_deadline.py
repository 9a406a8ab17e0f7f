"""The one timer of a connection's requests: both implementations of the queue use it.

Each request has its deadline. The timer runs to the soonest one that it knows of; when it rings it looks for the
soonest one that there is now, so that most requests, which are answered in time, cost it nothing.

A reactor runs its timers before it reads. After a long turn of the program the timer therefore rings while replies that
have come in time still lie in the socket. So a deadline that is found passed gives reading a turn first, and another
one as long as that brings something (:class:`LastLook`).

This module must not know what a request is, beside its ``deadline``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .._tunables import LATE_TURN_SECONDS, MAX_GRACE_SECONDS, MAX_GRACES, SOCKET_BUFFER_MAX_BYTES
from ..exceptions import ReplyTimeoutError
from ..transport import cancel_timer

__all__ = ["DeadlineTimer", "LastLook"]


class _Deadline(float):
    """A deadline that knows its time limit, where that is not the usual one."""

    __slots__ = ("timeout",)
    timeout: float


def _nothing_comes() -> tuple[int, int]:
    return 0, 0


class LastLook:
    """Waits, once a deadline has passed, until nothing more comes at once.

    :ivar timer: what is under way in the reactor; None: nothing is.
    """

    __slots__ = ("_begun_at", "_over", "_progress", "_seen", "timer")

    def __init__(self, progress: Callable[[], tuple[int, int]] | None, over: Callable[..., object]) -> None:
        """Make one.

        :param progress: tells how many bytes have been received, and how many of these have been handed on.
        :param over: called when a turn of the reactor has brought nothing, with the arguments of :meth:`begin`.
        """
        self._progress = progress or _nothing_comes
        self._over = over
        self._seen = (0, 0)
        self._begun_at = 0
        self.timer: Any = None

    def begin(self, call_later: Callable[..., Any], *args: Any) -> None:
        """Begin, with a turn in which the reactor reads.

        :param call_later: as ``reactor.callLater``.
        """
        self._seen = self._progress()
        self._begun_at = self._seen[0]
        self.timer = call_later(0, self._look, call_later, args)

    def _look(self, call_later: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.timer = None
        seen, self._seen = self._seen, self._progress()
        received, handed_on = self._seen
        in_memory = received > handed_on  # and is handed on in slices, a turn each
        if in_memory or (received != seen[0] and received - self._begun_at <= SOCKET_BUFFER_MAX_BYTES):
            self.timer = call_later(0, self._look, call_later, args)
        else:
            self._over(*args)

    def stop(self) -> None:
        """Leave nothing in the reactor."""
        timer, self.timer = self.timer, None
        cancel_timer(timer)


class DeadlineTimer:
    """Calls when a deadline has passed.

    :ivar running: whether there is something to stop.
    :ivar usual: the time limit of the first request since there was none.
    :ivar seconds: tells the time of the clock that it runs on.
    """

    __slots__ = (
        "_call",
        "_due",
        "_graces",
        "_last_look",
        "_mixed",
        "_now",
        "_on_overdue",
        "running",
        "seconds",
        "usual",
    )

    def __init__(
        self,
        on_overdue: Callable[[ReplyTimeoutError], object],
        progress: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        """Make one.

        :param on_overdue: called when a deadline has passed, and nothing more comes; it must end the connection.
        :param progress: see :class:`LastLook`; None: nothing is known of what comes.
        """
        self._on_overdue = on_overdue
        self._last_look = LastLook(progress, self._judge)
        self._call: Any = None
        #: When the timer rings.
        self._due = 0.0
        self.usual = 0.0
        #: How often replies have got more time, since one was in time.
        self._graces = 0
        #: Whether others came since, so that the oldest request need not have the soonest deadline.
        self._mixed = False
        #: When a deadline was found to have passed; None before.
        self._now: float | None = None
        self.running = False
        self.seconds: Callable[[], float] = float

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
            self._run(timeout, deadline, call_later, seconds, waiting)
            self.usual, self._mixed, self.seconds = timeout, False, seconds
            self.running = True
        elif timeout != self.usual:
            self._mixed = True
            if deadline < self._due:
                former = self._call
                self._run(timeout, deadline, call_later, seconds, waiting)
                cancel_timer(former)
        if timeout == self.usual:
            return deadline
        other = _Deadline(deadline)
        other.timeout = timeout
        return other

    def _run(self, delay: float, due: float, call_later: Any, seconds: Any, waiting: Iterable[Any]) -> None:
        # What may raise comes first: a limit that the clock does not take leaves the timer as it was.
        self._call = call_later(delay, self._check, call_later, seconds, waiting)
        self._due = due

    def stop(self) -> None:
        """Leave nothing in the reactor: no request is left."""
        self.running = False
        self._graces = 0
        self._cancel()

    def _cancel(self) -> None:
        call, self._call = self._call, None
        cancel_timer(call)
        self._last_look.stop()

    def _soonest(self, waiting: Iterable[Any]) -> float | None:
        deadlines = (request.deadline for request in waiting if request.deadline is not None)
        return min(deadlines, default=None) if self._mixed else next(deadlines, None)

    def _check(self, call_later: Any, seconds: Any, waiting: Iterable[Any]) -> None:
        self._call = None
        soonest = self._soonest(waiting)
        if soonest is None:
            self.running = False
            self._graces = 0
            return
        now = seconds()
        late = now - self._due
        if soonest > now:
            self._graces = 0
            self._run(soonest - now, soonest, call_later, seconds, waiting)
        elif late > LATE_TURN_SECONDS and self._graces < MAX_GRACES:
            # So long the reactor was kept from turning. What was given before that may have been written only now, or
            # is in this turn: replies get as long again, before anybody is judged.
            self._graces += 1
            grace = min(late, MAX_GRACE_SECONDS)
            self._run(grace, now + grace, call_later, seconds, waiting)
        else:
            self._last_look.begin(call_later, call_later, seconds, waiting)

    def _judge(self, call_later: Any, seconds: Any, waiting: Iterable[Any]) -> None:
        """What had come in time is answered now: whatever is overdue still, is late."""
        soonest = self._soonest(waiting)
        now = seconds()
        if soonest is None or soonest > now:
            self._check(call_later, seconds, waiting)
            return
        self.running = False
        self._graces = 0
        self._now = now
        self._on_overdue(self._error(soonest))

    def _error(self, deadline: float) -> ReplyTimeoutError:
        return ReplyTimeoutError(f"Not received Redis response in {getattr(deadline, 'timeout', self.usual)} seconds")

    def overdue(self, request: Any) -> ReplyTimeoutError | None:
        """The error of a request whose own deadline had passed when the connection was ended for that; else None."""
        deadline = request.deadline
        if self._now is None or deadline is None or deadline > self._now:
            return None
        return self._error(deadline)
