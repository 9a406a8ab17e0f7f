"""The timer of a connection's requests: one timer for all of them, used by both implementations of the queue.

A timer for each request would cost more than the request, and most requests are answered in time. So one delayed call
runs until the earliest known deadline. When it fires, it looks for the earliest deadline of the requests still in
flight, and is started again for that.

A reactor runs its timers before it reads. After a long turn of the program, the timer therefore fires while replies
that were received in time are still unread in the socket. So after a deadline has passed, the reactor first gets turns
to read, as long as it reads something (:class:`LastLook`). And a command that was given before the long turn may have
been written only after it. So its reply gets a grace: as much time again as the turn has cost.

This module must not know anything of a request but its ``deadline``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall

from .._tunables import LATE_TURN_SECONDS, MAX_GRACE_SECONDS, MAX_GRACES, SOCKET_BUFFER_MAX_BYTES
from ..exceptions import ReplyTimeoutError
from ..transport import cancel_timer

__all__ = ["CallLater", "DeadlineTimer", "LastLook"]

#: As ``reactor.callLater``.
CallLater = Callable[..., IDelayedCall]


class _Limited(Protocol):
    """A request, as far as the timer knows it."""

    @property
    def deadline(self) -> float | None: ...


class _Deadline(float):
    """A deadline with its time limit, if that differs from :attr:`DeadlineTimer.usual`."""

    __slots__ = ("timeout",)
    timeout: float


def _nothing_comes() -> tuple[int, int]:
    return 0, 0


class LastLook:
    """After a deadline has passed, gives the reactor turns to read, until a turn receives nothing more.

    :ivar timer: the delayed call of the next turn, or None.
    """

    __slots__ = ("_begun_at", "_over", "_progress", "_seen", "timer")

    def __init__(self, progress: Callable[[], tuple[int, int]] | None, over: Callable[..., object]) -> None:
        """Make one.

        :param progress: returns the number of bytes received, and the number of these passed to the parser.
        :param over: called with the arguments of :meth:`begin` when a turn of the reactor has received nothing.
        """
        self._progress = progress or _nothing_comes
        self._over = over
        self._seen = (0, 0)
        self._begun_at = 0
        self.timer: IDelayedCall | None = None

    def begin(self, call_later: CallLater, *args: object) -> None:
        """Begin, with one turn in which the reactor reads.

        :param call_later: as ``reactor.callLater``.
        :param args: arguments of ``over``.
        """
        self._seen = self._progress()
        self._begun_at = self._seen[0]
        self.timer = call_later(0, self._look, call_later, args)

    def _look(self, call_later: CallLater, args: tuple[object, ...]) -> None:
        self.timer = None
        seen, self._seen = self._seen, self._progress()
        received, handed_on = self._seen
        in_memory = received > handed_on  # the rest is parsed in slices, one a turn
        if in_memory or (received != seen[0] and received - self._begun_at <= SOCKET_BUFFER_MAX_BYTES):
            self.timer = call_later(0, self._look, call_later, args)
        else:
            self._over(*args)

    def stop(self) -> None:
        """Cancel the delayed call."""
        timer, self.timer = self.timer, None
        cancel_timer(timer)


class DeadlineTimer:
    """Calls ``on_overdue`` when the deadline of a request has passed.

    :ivar running: whether the timer has to be stopped when no request is left.
    :ivar usual: time limit in seconds of the request that started the timer; most others have the same.
    :ivar seconds: returns the time of the clock that the timer uses.
    """

    __slots__ = (
        "_call",
        "_due",
        "_grace_ends",
        "_granted_at",
        "_last_look",
        "_mixed",
        "_now",
        "_on_overdue",
        "_overdue_since",
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

        :param on_overdue: called with the error when a deadline has passed, and nothing more is received; it must close
            the connection.
        :param progress: see :class:`LastLook`; None: the number of received bytes is unknown.
        """
        self._on_overdue = on_overdue
        self._last_look = LastLook(progress, self._judge)
        self._call: IDelayedCall | None = None
        #: Reactor time at which the timer fires.
        self._due = 0.0
        self.usual = 0.0
        #: Reactor time at which the last grace was given, and of its end.
        self._granted_at = self._grace_ends = 0.0
        #: Reactor time since which a deadline has passed, graces apart; None: none has.
        self._overdue_since: float | None = None
        #: Whether requests have different time limits, so that the oldest request may not have the earliest deadline.
        self._mixed = False
        #: Reactor time at which ``on_overdue`` was called, or None.
        self._now: float | None = None
        self.running = False
        self.seconds: Callable[[], float] = float

    def start(
        self,
        timeout: float,
        call_later: CallLater,
        seconds: Callable[[], float],
        waiting: Iterable[_Limited],
    ) -> float:
        """Return the deadline of a request that is written now, and start the timer if it does not run.

        :param timeout: in seconds.
        :param call_later: as ``reactor.callLater``.
        :param seconds: returns the time of the same clock.
        :param waiting: the requests in flight, oldest first; read when the timer fires.
        :returns: absolute reactor time in seconds.
        """
        now = seconds()
        deadline = now + timeout
        if not self.running:
            self._run(timeout, deadline, call_later, seconds, waiting)
            self.usual, self._mixed, self.seconds = timeout, False, seconds
            self._granted_at = self._grace_ends = 0.0
            self._overdue_since = None
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

    def _run(
        self,
        delay: float,
        due: float,
        call_later: CallLater,
        seconds: Callable[[], float],
        waiting: Iterable[_Limited],
    ) -> None:
        # First the call that may raise: where the clock refuses the delay, the timer stays as it was.
        self._call = call_later(delay, self._check, call_later, seconds, waiting)
        self._due = due

    def stop(self) -> None:
        """Stop the timer: no request is left."""
        self.running = False
        self._cancel()

    def _cancel(self) -> None:
        call, self._call = self._call, None
        cancel_timer(call)
        self._last_look.stop()

    def _deadlines(self, now: float, waiting: Iterable[_Limited]) -> list[float]:
        """Those of the requests in flight among which the next one is."""
        deadlines = (request.deadline for request in waiting if request.deadline is not None)
        return list(deadlines if self._mixed or self._grace_ends > now else islice(deadlines, 1))

    def _with_grace(self, deadline: float) -> float:
        """When a deadline passes: not before the end of a grace, if the request was written before the long turn."""
        asked_at = deadline - getattr(deadline, "timeout", self.usual)
        if asked_at >= self._granted_at or deadline >= self._grace_ends:
            return deadline
        if self._overdue_since is None:
            return self._grace_ends
        return max(deadline, min(self._grace_ends, self._overdue_since + MAX_GRACES * MAX_GRACE_SECONDS))

    def _check(self, call_later: CallLater, seconds: Callable[[], float], waiting: Iterable[_Limited]) -> None:
        self._call = None
        now = seconds()
        deadlines = self._deadlines(now, waiting)
        if not deadlines:
            self.running = False
            return
        if min(deadlines) > now:
            self._overdue_since = None
        elif self._overdue_since is None:
            self._overdue_since = now
        self._grant(now, now - self._due)
        due = min(map(self._with_grace, deadlines))
        if due > now:
            # Commands given in the meantime have no grace: the first of them may be late after the usual time.
            due = min(due, now + self.usual)
            self._run(due - now, due, call_later, seconds, waiting)
        else:
            self._last_look.begin(call_later, call_later, seconds, waiting)

    def turn_was_long(self, late: float) -> None:
        """A call that was due in the next turn of the reactor comes so many seconds late."""
        if late > LATE_TURN_SECONDS and self.running:
            self._grant(self.seconds(), late)

    def _grant(self, now: float, late: float) -> None:
        """Give a grace, if a late call shows that a turn was long."""
        if late > LATE_TURN_SECONDS:
            self._granted_at = now
            self._grace_ends = max(self._grace_ends, now + min(late, MAX_GRACE_SECONDS))

    def _judge(self, call_later: CallLater, seconds: Callable[[], float], waiting: Iterable[_Limited]) -> None:
        """Report an overdue request: all replies that were received in time are delivered by now."""
        now = seconds()
        soonest = min(self._deadlines(now, waiting), key=self._with_grace, default=None)
        if soonest is None or self._with_grace(soonest) > now:
            self._due = now  # the turns of reading are no long turn
            self._check(call_later, seconds, waiting)
            return
        self.running = False
        self._now = now
        self._on_overdue(self._error(soonest))

    def _error(self, deadline: float) -> ReplyTimeoutError:
        return ReplyTimeoutError(f"Not received Redis response in {getattr(deadline, 'timeout', self.usual)} seconds")

    def overdue(self, request: _Limited) -> ReplyTimeoutError | None:
        """The error of a request that was itself overdue when the connection was closed for a timeout; else None."""
        deadline = request.deadline
        if self._now is None or deadline is None or deadline > self._now:
            return None
        return self._error(deadline)
