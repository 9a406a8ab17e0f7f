"""Detection of dead links: by a PING on an idle connection, and by TCP keepalive.

A link whose other end has vanished without a FIN or RST looks like an idle one. :class:`HealthCheck` has one timer, for
one connection, and sends a PING when nothing has been received for a while.

This module must not know how connections are made or lost, nor single commands but PING.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from .._tunables import KEEPALIVE_MAX_IDLE_SECONDS, KEEPALIVE_PROBES
from ..connection import RedisProtocol
from ..exceptions import ReplyTimeoutError
from ..inflight import LastLook
from ..transport import cancel_timer

__all__ = ["HealthCheck", "keep_alive"]


class HealthCheck:
    """Aborts a connection whose link is dead.

    When nothing has been received for half of ``interval``, it sends a PING, unless a reply is due anyway. If nothing
    is received within the time that a reply may take, the link counts as dead. Connections that wait for a blocking
    command, and those whose reading this side has paused, are neither sent a PING nor aborted. A connection that is
    lent, to a transaction, is sent no PING, whose reply would be among the transaction's.
    """

    def __init__(self, connection: RedisProtocol, interval: float, is_free: Callable[[RedisProtocol], bool]) -> None:
        """Start the timer.

        :param interval: in seconds. A reply may take as long, or ``replyTimeout`` if that is shorter.
        :param is_free: returns whether the connection is lent to no caller.
        """
        self._connection = connection
        self._half = interval / 2
        self._patience = min(interval, connection.replyTimeout or interval)
        self._pace = min(self._half, self._patience)
        self._is_free = is_free
        #: Bytes received at the last check; seconds since then without any; seconds that a reply has been due.
        self._heard = self._how_much_has_come()
        self._silent = 0.0
        self._due: float | None = None
        self._last_look = LastLook(connection.link.progress, self._judge)
        self._timer: IDelayedCall | None = connection.callLater(self._pace, self._look)
        connection.whenDisconnected().addCallback(self._stop)

    def _look(self) -> None:
        self._timer = None
        heard = self._how_much_has_come()
        if heard != self._heard or self._cannot_be_judged():
            self._heard, self._silent, self._due = heard, 0.0, None
        else:
            self._silent += self._pace
            if not self._goes_on():
                self._last_look.begin(self._connection.callLater)
                return
        self._timer = self._connection.callLater(self._pace, self._look)

    def _judge(self) -> None:
        """Abort, unless the reactor has read something by now: after a long turn, data may have lain in the socket."""
        if self._how_much_has_come() != self._heard:
            self._look()
            return
        error = ReplyTimeoutError(f"Nothing came from the server for {self._silent:g} seconds")
        error.silent = True
        self._connection.link.abort(error)

    def _goes_on(self) -> bool:
        """Nothing was received: send a PING or await the reply that is due; False if that took too long."""
        connection = self._connection
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
            self._due += self._pace
        return self._due is None or self._due < self._patience

    def _cannot_be_judged(self) -> bool:
        blocked_by = self._connection.link.blocked_by
        return self._connection.paused or (blocked_by is not None and not blocked_by.called)

    def _how_much_has_come(self) -> tuple[int, int]:
        reader = self._connection.link.reader
        return (0, 0) if reader is None else (reader.fed, reader.awaited)

    def _stop(self, connection: RedisProtocol) -> Any:
        timer, self._timer = self._timer, None
        cancel_timer(timer)
        self._last_look.stop()
        return connection


def keep_alive(transport: Any, interval: float) -> None:
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


def _socket_of(transport: Any) -> socket.socket | None:
    while transport is not None:
        connected = getattr(transport, "socket", None)
        if isinstance(connected, socket.socket):
            return connected
        transport = getattr(transport, "transport", None)  # the transport below TLS
    return None
