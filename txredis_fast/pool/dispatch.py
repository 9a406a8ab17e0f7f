"""Which connections of a pool are free, and who waits for one, for how long.

A caller either *peeks*, to share a connection that stays free for others, or *gets* one for itself until it *puts*
it back. Who waits is served in order, and at most ``timeout`` seconds later fails with ``NotSentError``.

No half changes: a connection is free, or somebody has it. Whatever is raised between the two gives it back.

This module must not know how connections are made.
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall

from .._reactor import current_reactor
from .._tunables import RECHECK_WAITERS_SECONDS, WAITERS_PER_TURN
from ..connection import RedisProtocol
from ..exceptions import NotSentError, QueueFullError
from ..inflight import fail_each
from ..telemetry import Observer
from ..transport import cancel_timer

__all__ = ["ConnectionQueue"]


class ConnectionQueue:
    """The free connections, and two lines of those who wait.

    :ivar pending: the free connections.
    """

    def __init__(
        self,
        timeout: Callable[[], float | None],
        why: Callable[[], str],
        reset: Callable[[RedisProtocol], object],
        observer: Observer | None = None,
        fails_when_full: bool = False,
    ) -> None:
        """Make one.

        :param timeout: seconds that one may wait, asked at each call; 0: fails at once; None: no limit.
        :param why: the text of the error after that.
        :param reset: called with each connection before others may use it.
        :param observer: is told of waits that were long or in vain; see ``telemetry.Observer``.
        :param fails_when_full: whether those fail who would have to wait because all free connections are full.
        """
        self.pending: list[RedisProtocol] = []
        #: The connection that commands share now, None if they have to wait. All go to the same one while it has
        #: little to do, so that those given in one burst are written together.
        self.current: RedisProtocol | None = None
        self._closed = False
        self._timeout = timeout
        self._why = why
        self._reset = reset
        self.fails_when_full = fails_when_full
        #: The turn of the reactor in which the rest of those who wait is served; and whether some are being served now.
        self._serving: IDelayedCall | None = None
        self._is_serving = False
        self._peekers = _Line(self._gave_up, observer)
        self._getters = _Line(self._gave_up, observer)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._peekers.live + self._getters.live

    @property
    def full(self) -> bool:
        """Whether there are free connections, and all are full."""
        return bool(self.pending) and all(connection.link.full for connection in self.pending)

    def pick(self) -> RedisProtocol | None:
        """Return a free connection to share, or None if there is none or others have waited longer."""
        if self.current is None or not self.current.link.usable:
            self._choose()
        return self.current

    def rebalance(self, connection: RedisProtocol) -> None:
        """A connection has much to do: let the next commands go to the one with the fewest requests in flight."""
        if connection is self.current and len(self.pending) > 1:
            self.current = min(
                (free for free in self.pending if free.link.usable and not free.link.full), key=_in_flight, default=None
            )

    def filled(self, connection: RedisProtocol) -> None:
        """A connection is full: the next commands go to another one, or wait until it has room."""
        if connection is self.current:
            self._choose()

    def has_room(self, connection: RedisProtocol) -> None:
        """A connection that was full is so no more."""
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
        """Fires with a free connection, which others may share."""
        connection = self.pick()
        return self._wait_in(self._peekers) if connection is None else succeed(connection)

    def get(self) -> Deferred[RedisProtocol]:
        """Fires with a free connection, which nobody else is given until it is put back."""
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
        """Return the connection that commands share now, which nobody else is given until it is put back; or None."""
        connection = self.pick()
        if connection is not None:
            self._take_out(connection)
        return connection

    def _take_out(self, connection: RedisProtocol) -> None:
        self.pending.remove(connection)
        try:
            self._choose()
        except BaseException:
            self.pending.append(connection)
            raise

    def put(self, connection: RedisProtocol) -> None:
        """Add a connection, new or given back. One that was lost meanwhile is left out."""
        if self._closed or not connection.link.usable or connection in self.pending:
            return
        try:
            self._reset(connection)
        except BaseException as error:
            connection.link.tear(error)  # nobody knows what state it is in; another one is made
            raise
        if not connection.link.usable:
            return
        self.pending.append(connection)
        self._serve()

    def remove(self, connection: RedisProtocol) -> None:
        """Take out a connection that was lost, if it is free."""
        if connection in self.pending:
            self.pending.remove(connection)
        self._choose()

    def close(self, error: Exception) -> None:
        """Give no connection out any more, and fail all who wait."""
        self._closed = True
        self.pending = []
        self.current = None
        serving, self._serving = self._serving, None
        if serving is not None:
            serving.cancel()
        self.fail_waiting(error)

    def fail_waiting(self, error: Exception) -> None:
        """Fail all who wait."""
        self._peekers.fail_all(error)
        self._getters.fail_all(error)

    def _take(self) -> RedisProtocol:
        connection = next(connection for connection in reversed(self.pending) if not connection.link.full)
        self._take_out(connection)
        return connection

    def _serve(self) -> None:
        if self._is_serving:  # by whoever was served just now, and gave its connection back at once
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
        # Those who share go first: what they send is written before the connection is taken.
        self._choose()
        left = WAITERS_PER_TURN
        while left and self._peekers.live and (connection := self._first_with_room()) is not None:
            self._peekers.serve_first(connection)
            self._choose()
            left -= 1
        while left and self._getters.live and self._first_with_room() is not None:
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
    """One place in a line.

    :ivar line: None once it has been served, failed or given up.
    :ivar since: when the wait began, where it has a deadline.
    :ivar context: in which what was asked for goes on, rather than in that of whoever gave the connection back.
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
            line.live -= 1  # with nothing called in between, which could raise
            line.tidy()


class _Line:
    """Places in the order of their coming, with one timer for the oldest.

    One that is given up only counts as gone, and is taken out with others: its cost does not grow with the line. A
    place that is taken is one less in ``live`` at once, with nothing called in between: both say the same, whatever is
    raised.

    :ivar live: how many wait.
    """

    def __init__(self, make_error: Callable[[], Exception], observer: Observer | None) -> None:
        self.live = 0
        self._observer = observer
        self._places: deque[_Place] = deque()
        #: Whether the deadlines come in the order of the places: they do while the timeout is not changed.
        self._sorted = True
        self._make_error = make_error
        self._timer: IDelayedCall | None = None

    def join(self, timeout: float | None, why: Callable[[], str]) -> Deferred[RedisProtocol]:
        if timeout == 0:
            return fail(NotSentError(why()))
        since = deadline = None
        if timeout is not None:
            reactor = current_reactor()
            since = reactor.seconds()
            deadline = since + timeout
            if self._timer is None:
                self._timer = reactor.callLater(timeout, self._check)
        if self._places:
            last = self._places[-1].deadline
            in_order = last is deadline if last is None or deadline is None else last <= deadline
            self._sorted = self._sorted and in_order
        place = _Place(self, since, deadline)
        self._places.append(place)
        self.live += 1
        return place.deferred

    def serve_first(self, connection: RedisProtocol) -> None:
        """Give a connection to the one who has waited longest; what is raised has not given it to anybody."""
        places = self._places
        while places[0].line is None:
            places.popleft()
        place = places[0]
        try:
            places.popleft()
            place.line = None
            self.live -= 1
            self._rest_if_empty()
            if self._observer is not None and place.since is not None:
                self._observer.waited(place.since)
            place.context.run(place.deferred.callback, connection)
        except BaseException:
            if place.deferred.called:
                return  # it has the connection
            if place.line is None:
                place.deferred.errback(self._make_error())
            raise

    def fail_all(self, error: Exception) -> None:
        places = [place for place in self._places if place.line is not None]
        self._fail(places, lambda: error)

    def tidy(self) -> None:
        """Let go of places that nobody has any more."""
        # Half of the line at a time, so that each place is looked at twice on average.
        if len(self._places) > 2 * self.live + 16:
            self._places = deque(place for place in self._places if place.line is not None)
        self._rest_if_empty()

    def _fail(self, places: list[_Place], make_error: Callable[[], Exception]) -> None:
        def fail_place(_: int, place: _Place) -> None:
            if not place.deferred.called:  # the callbacks of another one may have cancelled it
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
        timer, self._timer = self._timer, None
        cancel_timer(timer)

    def _soonest(self) -> float | None:
        deadlines = (place.deadline for place in self._places if place.line is not None and place.deadline is not None)
        return next(deadlines, None) if self._sorted else min(deadlines, default=None)

    def _check(self, looked: bool = False) -> None:
        """Fail those whose time is up.

        :param looked: whether the reactor has read since that was found: a reply that lies in a socket may give back
            the connection that they wait for.
        """
        self._timer = None
        try:
            self._judge(looked)
        except BaseException:
            if self._timer is None and self.live:  # else nobody would look any more
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
        cancel_timer(timer)  # it was begun by one that came just now, behind others
        deadline = self._soonest()
        if deadline is not None:
            self._timer = current_reactor().callLater(max(0.0, deadline - now), self._check)

    def _overdue(self, now: float) -> list[_Place]:
        """Return the places whose time is up; they are taken by what fails them."""
        overdue = []
        for place in self._places:
            if place.line is not None and place.deadline is not None and place.deadline <= now:
                overdue.append(place)
            elif place.line is not None and self._sorted:
                break
        return overdue


def _in_flight(connection: RedisProtocol) -> int:
    return connection.link.in_flight
