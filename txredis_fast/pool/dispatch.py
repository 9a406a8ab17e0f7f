"""The free connections of a pool, and the callers that wait for one.

A caller either *peeks*, to share a connection that stays free for others, or *gets* one for itself until it *puts* it
back. Waiting callers are served in the order of their calls; one that has waited for ``timeout`` seconds fails with
``NotSentError``.

A connection is either free or lent to one caller; an exception raised while it is handed over gives it back. None is
handed over where the stack is nearly exhausted.

This module must not know how connections are made.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall

from .._reactor import current_reactor
from .._tunables import LENDING_STACK_DEPTH, RECHECK_WAITERS_SECONDS, WAITERS_PER_TURN
from ..connection import RedisProtocol
from ..exceptions import NotSentError, QueueFullError
from ..inflight import fail_each
from ..telemetry import Observer
from ..transport import cancel_timer

__all__ = ["ConnectionQueue"]


class ConnectionQueue:
    """The free connections, and two lines of waiting callers: those that peek, and those that get.

    :ivar pending: the free connections. (txredisapi's name, which its queue has from Twisted's ``DeferredQueue``.)
    :ivar current: the connection that commands share now; None if they have to wait. Commands go to one connection
        while it has little in flight, so that those of one burst are written together.
    """

    def __init__(
        self,
        timeout: Callable[[], float | None],
        why: Callable[[], str],
        reset: Callable[[RedisProtocol], object],
        observer: Observer | None = None,
        fails_when_full: bool = False,
    ) -> None:
        """Make a queue without connections.

        :param timeout: returns the seconds that a caller may wait, called at each call; 0: fail at once; None: no
            limit.
        :param why: returns the error's text for a caller that got no connection in time.
        :param reset: called with each connection before it becomes free.
        :param observer: notified of waits that were long or in vain; see ``telemetry.Observer``.
        :param fails_when_full: whether callers fail rather than wait while every free connection has as much in flight
            as it may.
        """
        self.pending: list[RedisProtocol] = []
        self.current: RedisProtocol | None = None
        self._closed = False
        self._timeout = timeout
        self._why = why
        self._reset = reset
        self.fails_when_full = fails_when_full
        #: The delayed call that serves the remaining callers, and whether callers are being served now.
        self._serving: IDelayedCall | None = None
        self._is_serving = False
        self._peekers = _Line(self._gave_up, observer)
        self._getters = _Line(self._gave_up, observer)

    @property
    def waiting(self) -> int:
        """Number of waiting callers."""
        return self._peekers.live + self._getters.live

    @property
    def full(self) -> bool:
        """Whether there are free connections, and each has as much in flight as it may."""
        return bool(self.pending) and all(connection.link.full for connection in self.pending)

    def pick(self) -> RedisProtocol | None:
        """Return a free connection to share; None if there is none, or if other callers wait for one."""
        if self.current is None or not self.current.link.usable:
            self._choose()
        return self.current

    def rebalance(self, connection: RedisProtocol) -> None:
        """A connection has much in flight: share the one with the fewest requests in flight instead."""
        if connection is self.current and len(self.pending) > 1:
            self.current = min(
                (free for free in self.pending if free.link.usable and not free.link.full), key=_in_flight, default=None
            )

    def filled(self, connection: RedisProtocol) -> None:
        """A connection has as much in flight as it may: share another one, or let callers wait."""
        if connection is self.current:
            self._choose()

    def has_room(self, connection: RedisProtocol) -> None:
        """A connection that was full accepts requests again."""
        if connection in self.pending:
            self._serve()

    def _choose(self) -> None:
        usable = [connection for connection in self.pending if connection.link.usable]
        if len(usable) < len(self.pending):
            for connection in self.pending:
                connection.link.end_if_torn()
        self.pending = usable
        if self._peekers.live:
            self.current = None
        elif self.current not in self.pending or self.current.link.full:
            self.current = self._first_with_room()

    def _first_with_room(self) -> RedisProtocol | None:
        return next((connection for connection in self.pending if not connection.link.full), None)

    def peek(self) -> Deferred[RedisProtocol]:
        """Fires with a free connection, which other callers share."""
        connection = self.pick()
        return self._wait_in(self._peekers) if connection is None else succeed(connection)

    def get(self) -> Deferred[RedisProtocol]:
        """Fires with a connection that is the caller's alone until :meth:`put`.

        :raises RecursionError: too few frames of the stack are left; nothing has changed.
        """
        _need_frames(LENDING_STACK_DEPTH)
        self._choose()
        if self._getters.live or self._first_with_room() is None:
            return self._wait_in(self._getters)
        connection = self._take()
        try:
            return succeed(connection)
        except BaseException:
            self.pending.append(connection)
            raise

    def _wait_in(self, line: _Line) -> Deferred[RedisProtocol]:
        if self.fails_when_full and not line.live and self.full:
            return fail(QueueFullError(self._why()))
        return line.join(self._timeout(), self._why)

    def take_shared(self) -> RedisProtocol | None:
        """Return the connection that commands share now, or None; it is the caller's alone until :meth:`put`."""
        connection = self.pick()
        if connection is not None:
            _need_frames(LENDING_STACK_DEPTH)
            self._take_out(connection)
        return connection

    def _take_out(self, connection: RedisProtocol) -> None:
        self.pending.remove(connection)
        if self.current is connection:
            self.current = None  # a caller that sees a current one takes it for free
        try:
            self._choose()
        except BaseException:
            self.pending.append(connection)
            raise

    def put(self, connection: RedisProtocol, new: bool = False) -> None:
        """Add a connection that is new or given back; one that was lost or is closing is ignored.

        :param new: whether it was never in a pool, so that it is not looked for among thousands.
        """
        if self._closed or not connection.link.usable or (not new and connection in self.pending):
            connection.link.end_if_torn()
            return
        try:
            self._reset(connection)
        except BaseException as error:
            connection.link.tear(error)  # its state is unknown; the pool makes another one
            raise
        if not connection.link.usable:
            return
        self.pending.append(connection)
        if self.waiting or self.current is None or not self.current.link.usable:
            self._serve()  # looks at each free connection, of which a pool may have thousands

    def remove(self, connection: RedisProtocol) -> None:
        """Take out a lost connection, if it is free."""
        if connection in self.pending:
            self.pending.remove(connection)
        if self.current is connection:
            self.current = None  # until a caller wants one: a pool may lose thousands in one turn

    def reopen(self) -> None:
        """Lend connections again."""
        self._closed = False

    def close(self, error: Exception) -> None:
        """Lend no more connections, and fail all waiting callers."""
        self._closed = True
        self.pending = []
        self.current = None
        serving, self._serving = self._serving, None
        if serving is not None:
            serving.cancel()
        self.fail_waiting(error)

    def fail_waiting(self, error: Exception) -> None:
        """Fail all waiting callers."""
        self._peekers.fail_all(error)
        self._getters.fail_all(error)

    def _take(self) -> RedisProtocol:
        connection = next(connection for connection in reversed(self.pending) if not connection.link.full)
        self._take_out(connection)
        return connection

    def _serve(self) -> None:
        if self._is_serving:  # called by a caller that was just served and gave its connection back at once
            return
        self._is_serving = True
        try:
            self._serve_some()
        except BaseException:
            if self._serving is None and not self._closed:
                self._serving = current_reactor().callLater(0, self._go_on_serving)
            raise
        finally:
            self._is_serving = False

    def _serve_some(self) -> None:
        if self.waiting:
            _need_frames(LENDING_STACK_DEPTH)
        self._choose()
        left = WAITERS_PER_TURN
        while left and self.waiting and (connection := self._first_with_room()) is not None:
            # Callers that share are served first, also those that a served one has just added: their commands are
            # written before a caller takes the connection.
            if self._peekers.live:
                self._peekers.serve_first(connection)
            else:
                taken = self._take()
                try:
                    self._getters.serve_first(taken)
                except BaseException:
                    self.pending.append(taken)
                    raise
            self._choose()
            left -= 1
        if not left and self._serving is None and not self._closed and self.waiting:
            self._serving = current_reactor().callLater(0, self._go_on_serving)

    def _go_on_serving(self) -> None:
        self._serving = None
        self._serve()

    def _gave_up(self) -> NotSentError:
        return NotSentError(self._why())


class _Place:
    """One caller's place in a line.

    :ivar line: None once the caller is served, has failed or has cancelled.
    :ivar since: reactor time when the wait began; None if it has no deadline.
    :ivar deadline: reactor time in seconds; None: no limit.
    :ivar context: contextvars context of the waiting caller; its callbacks run in it.
    """

    __slots__ = ("context", "deadline", "deferred", "line", "since")

    def __init__(self, line: _Line, since: float | None, deadline: float | None) -> None:
        self.line: _Line | None = line
        self.since = since
        self.deadline = deadline
        self.context = contextvars.copy_context()
        self.deferred: Deferred[RedisProtocol] = Deferred(self._leave)

    def _leave(self, deferred: Deferred[RedisProtocol]) -> None:
        line, self.line = self.line, None
        if line is not None:
            line.live -= 1  # no call between the two lines: a call may raise
            line.tidy()


class _Line:
    """Waiting callers in the order of their calls, with one timer for the earliest deadline.

    A cancelled place is only marked, and removed later together with others, so that the cost of cancelling does not
    grow with the line. A place is marked and ``live`` is decremented without a call between the two, so that they agree
    whatever is raised.

    :ivar live: number of callers that wait.
    """

    def __init__(self, make_error: Callable[[], Exception], observer: Observer | None) -> None:
        self.live = 0
        self._observer = observer
        self._places: deque[_Place] = deque()
        #: Whether the deadlines ascend along the line; they do unless a program has changed the timeout.
        self._sorted = True
        self._make_error = make_error
        self._timer: IDelayedCall | None = None

    def join(self, timeout: float | None, why: Callable[[], str]) -> Deferred[RedisProtocol]:
        if timeout == 0:
            return fail(NotSentError(why()))
        since = deadline = None
        if timeout is not None:
            since = current_reactor().seconds()
            deadline = since + timeout
        place = _Place(self, since, deadline)
        if self._places:
            last = self._places[-1].deadline
            in_order = last is deadline if last is None or deadline is None else last <= deadline
            self._sorted = self._sorted and in_order
        if timeout is not None and self._timer is None:
            self._timer = current_reactor().callLater(timeout, self._check)
        self._places.append(place)
        self.live += 1
        return place.deferred

    def serve_first(self, connection: RedisProtocol) -> None:
        """Give a connection to the caller that has waited longest. If this raises, he still waits."""
        places = self._places
        while places[0].line is None:
            places.popleft()
        place = places.popleft()
        place.line = None
        self.live -= 1
        try:
            if self._observer is not None and place.since is not None:
                self._observer.waited(place.since)
            place.context.run(place.deferred.callback, connection)
        except BaseException:
            if not place.deferred.called:
                place.line = self  # no call but the last: there may be no stack for one
                self.live += 1
                places.appendleft(place)
                raise
        # The caller has the connection, so this must not raise. A timer that stays finds nobody.
        with contextlib.suppress(BaseException):
            self._rest_if_empty()

    def fail_all(self, error: Exception) -> None:
        places = [place for place in self._places if place.line is not None]
        self._fail(places, lambda: error)

    def tidy(self) -> None:
        """Remove the places of callers that no longer wait."""
        # Only when they are more than half of the line: so each place is looked at twice on average.
        if len(self._places) > 2 * self.live + 16:
            self._places = deque(place for place in self._places if place.line is not None)
        self._rest_if_empty()

    def _fail(self, places: list[_Place], make_error: Callable[[], Exception]) -> None:
        def fail_place(_: int, place: _Place) -> None:
            if not place.deferred.called:  # a callback of another caller may have cancelled it
                place.deferred.errback(make_error())

        for place in places:
            place.line = None
            self.live -= 1
        try:
            self.tidy()
        finally:
            fail_each(places, fail_place, True)

    def _rest_if_empty(self) -> None:
        if self.live:
            return
        self._places.clear()
        self._sorted = True
        cancel_timer(self._timer)  # if this raises, the next call tries again
        self._timer = None

    def _soonest(self) -> float | None:
        deadlines = (place.deadline for place in self._places if place.line is not None and place.deadline is not None)
        return next(deadlines, None) if self._sorted else min(deadlines, default=None)

    def _check(self, looked: bool = False) -> None:
        """Fail the callers whose deadline is over.

        :param looked: whether the reactor has read from its sockets since the deadline. A reply that lies there may
            free a connection, so the callers fail one reactor turn later.
        """
        self._timer = None
        try:
            self._judge(looked)
        except BaseException:
            if self._timer is None and self.live:  # without a timer the other callers would wait for ever
                self._timer = current_reactor().callLater(RECHECK_WAITERS_SECONDS, self._check)
            raise

    def _judge(self, looked: bool) -> None:
        reactor = current_reactor()
        now = reactor.seconds()
        deadline = self._soonest()
        if deadline is not None and deadline <= now and not looked:
            self._timer = reactor.callLater(0, self._check, True)
            return
        overdue = self._overdue(now)
        try:
            if overdue and self._observer is not None:
                self._observer.pool_wait_over(len(overdue), str(self._make_error()))
        finally:
            try:
                self._fail(overdue, self._make_error)
            finally:
                self._wait_for_next(now)

    def _wait_for_next(self, now: float) -> None:
        timer, self._timer = self._timer, None
        cancel_timer(timer)  # a caller that joined during the failures has started it
        deadline = self._soonest()
        if deadline is not None:
            self._timer = current_reactor().callLater(max(0.0, deadline - now), self._check)

    def _overdue(self, now: float) -> list[_Place]:
        """Return the places whose deadline is over."""
        overdue = []
        for place in self._places:
            if place.line is not None and place.deadline is not None and place.deadline <= now:
                overdue.append(place)
            elif place.line is not None and self._sorted:
                break
        return overdue


def _need_frames(count: int) -> None:
    """Raise RecursionError if fewer frames are left on the stack.

    A Deferred that is fired where its first callback cannot be called keeps the connection for ever.
    """
    if count:
        _need_frames(count - 1)


def _in_flight(connection: RedisProtocol) -> int:
    return connection.link.in_flight
