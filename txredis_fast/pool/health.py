"""Detection of dead links: by a PING on an idle connection, and by TCP keepalive.

A link whose other end has vanished without a FIN or RST looks like an idle one. :class:`HealthChecks` has one timer for
all connections of a pool, and sends a PING on each on which nothing has been received for a while.

This module must not know how connections are made or lost, nor single commands but PING.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
import socket
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from .._tunables import HEALTH_TURNS, KEEPALIVE_MAX_IDLE_SECONDS, KEEPALIVE_PROBES
from ..connection import RedisProtocol
from ..exceptions import ReplyTimeoutError
from ..inflight import LastLook
from ..transport import cancel_timer

__all__ = ["HealthChecks", "keep_alive"]


class HealthChecks:
    """Aborts the connections of a pool whose links are dead.

    When nothing has been received on a connection for half of ``interval``, it is sent a PING, unless a reply is due
    anyway. If nothing is received within the time that a reply may take, the link counts as dead. Connections that wait
    for a blocking command, and those whose reading this side has paused, are neither sent a PING nor aborted. A
    connection that is lent, to a transaction, is sent no PING, whose reply would be among the transaction's.

    The connections are examined in the order in which it is their turn, several of them when the timer rings: it rings
    at most ``HEALTH_TURNS`` times in the time from one examination of a connection to the next. Where a program changes
    the interval, connections that are up keep theirs, and that time is the shortest of all.
    """

    def __init__(self, is_free: Callable[[RedisProtocol], bool]) -> None:
        """Begin with no connections.

        :param is_free: returns whether a connection is lent to no caller.
        """
        self._is_free = is_free
        #: Of each connection: when it is its turn, a number that tells equal times apart, and its check.
        self._turns: list[tuple[float, int, _Check]] = []
        self._numbers = itertools.count()
        self._live = 0
        #: The shortest time from one examination of a connection to the next, in seconds.
        self._pace = math.inf
        self._timer: IDelayedCall | None = None

    def add(self, connection: RedisProtocol, interval: float) -> None:
        """Examine a connection until it is lost.

        :param interval: in seconds. A reply may take as long, or ``replyTimeout`` if that is shorter.
        """
        check = _Check(connection, interval, self._is_free)
        self._live += 1
        try:
            self._queue(check)
            self._pace = min(self._pace, check.pace)
            if self._timer is None or self._turns[0][2] is check:
                self._start_timer(0.0)
            connection.whenDisconnected().addCallback(self._remove, check)
        except BaseException:
            self._remove(connection, check)
            raise

    def _queue(self, check: _Check) -> None:
        heapq.heappush(self._turns, (check.seconds() + check.pace, next(self._numbers), check))

    def _start_timer(self, least: float) -> None:
        """Start the timer for the first turn.

        :param least: seconds from now at least.
        """
        cancel_timer(self._timer)
        self._timer = None
        if self._turns:
            due, _, check = self._turns[0]
            self._timer = check.call_later(max(least, due - check.seconds()), self._examine)

    def _examine(self) -> None:
        self._timer = None
        least = 0.0
        try:
            # Each at most once: else, where this takes longer than the pace, the reactor would get no turn any more.
            for _ in range(len(self._turns)):
                if not self._turns or self._turns[0][0] > self._turns[0][2].seconds():
                    break
                _, _, check = heapq.heappop(self._turns)
                least = self._pace / HEALTH_TURNS
                if check.connection is not None:
                    self._queue(check)
                    check.look(check.connection)
        finally:
            self._start_timer(least)

    def _remove(self, connection: RedisProtocol, check: _Check) -> RedisProtocol:
        if check.connection is None:
            return connection
        check.connection = None
        self._live -= 1  # no call between the two lines: a call may raise
        check.stop()
        if not self._live:
            self._turns.clear()
            self._pace = math.inf
            self._start_timer(0.0)
        elif len(self._turns) > 2 * self._live + 16:
            # Only when they are the most: so the end of many connections costs no more than that of each.
            self._turns = [turn for turn in self._turns if turn[2].connection is not None]
            heapq.heapify(self._turns)
        return connection


class _Check:
    """The record of one connection.

    :ivar connection: None once it is lost.
    :ivar pace: seconds from one examination to the next.
    :ivar call_later: of the connection's clock, whose time :ivar seconds: tells.
    """

    def __init__(self, connection: RedisProtocol, interval: float, is_free: Callable[[RedisProtocol], bool]) -> None:
        self.connection: RedisProtocol | None = connection
        self.call_later = connection.callLater
        self.seconds = connection.link.clock_seconds
        self._half = interval / 2
        self._patience = min(interval, connection.replyTimeout or interval)
        self.pace = min(self._half, self._patience)
        self._is_free = is_free
        #: Bytes received at the last check; seconds since then without any; seconds that a reply has been due.
        self._heard = _how_much_has_come(connection)
        self._silent = 0.0
        self._due: float | None = None
        #: The last look at a link that seems to be dead; while it is under way, there are no others.
        self._last_look = LastLook(connection.link.progress, self._judge)

    def look(self, connection: RedisProtocol) -> None:
        """Examine the connection, when it is its turn."""
        if self._last_look.timer is not None:
            return
        heard = _how_much_has_come(connection)
        if heard != self._heard or _cannot_be_judged(connection):
            self._heard, self._silent, self._due = heard, 0.0, None
        else:
            self._silent += self.pace
            if not self._goes_on(connection):
                self._last_look.begin(connection.callLater)

    def _judge(self) -> None:
        """Abort, unless the reactor has read something by now: after a long turn, data may have lain in the socket."""
        connection = self.connection
        if connection is None:
            return
        heard = _how_much_has_come(connection)
        if heard != self._heard:
            self._heard, self._silent, self._due = heard, 0.0, None
            return
        error = ReplyTimeoutError(f"Nothing came from the server for {self._silent:g} seconds")
        error.silent = True
        connection.link.abort(error)

    def _goes_on(self, connection: RedisProtocol) -> bool:
        """Nothing was received: send a PING or await the reply that is due; False if that took too long."""
        waiting = connection.link.requests.waiting
        if not waiting:
            self._due = None
            if self._silent >= self._half and self._is_free(connection):
                # Not by execute_command: a program that overrides it to count commands did not send this one.
                connection.link.execute_stock("PING").addErrback(lambda _: None)
                self._due = 0.0
        elif self._due is None:
            self._due = 0.0
        else:
            self._due += self.pace
        return self._due is None or self._due < self._patience

    def stop(self) -> None:
        """Leave nothing in the reactor: the connection is lost."""
        self._last_look.stop()


def _cannot_be_judged(connection: RedisProtocol) -> bool:
    blocked_by = connection.link.blocked_by
    return connection.paused or (blocked_by is not None and not blocked_by.called)


def _how_much_has_come(connection: RedisProtocol) -> tuple[int, int]:
    reader = connection.link.reader
    return (0, 0) if reader is None else (reader.fed, reader.awaited)


def keep_alive(transport: object, interval: float) -> None:
    """Turn on TCP keepalive, with times that fit the interval where the platform has options for them.

    It also works while a blocking command waits, when no PING is sent.

    :param interval: seconds without data before TCP sends a probe.
    """
    connected = _socket_of(transport)
    if connected is None or connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    idle = max(1, min(round(interval), KEEPALIVE_MAX_IDLE_SECONDS))
    between = max(1, idle // KEEPALIVE_PROBES)
    options = {
        "TCP_KEEPIDLE": idle,
        "TCP_KEEPALIVE": idle,  # its name on macOS
        "TCP_KEEPINTVL": between,
        "TCP_KEEPCNT": KEEPALIVE_PROBES,
        "TCP_USER_TIMEOUT": 1000 * (idle + between * KEEPALIVE_PROBES),  # for data that is not acknowledged
    }
    for name, value in options.items():
        if hasattr(socket, name):
            with contextlib.suppress(OSError):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _socket_of(transport: object) -> socket.socket | None:
    while transport is not None:
        connected = getattr(transport, "socket", None)
        if isinstance(connected, socket.socket):
            return connected
        transport = getattr(transport, "transport", None)  # the transport below TLS
    return None
