"""The life of one connection, as the rooms above see it: its state, how it is ended, and why it has ended.

A protocol is made to be subclassed, so that a program may give its methods and attributes any name. What this package
itself asks of a connection is therefore one object, its :attr:`~BaseRedisProtocol.link`: whether a pool may lend the
connection, whether it is full, to abort it, to drain it.

This module must not know of pools or of single commands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .._tunables import IDLE_CLOSE_SECONDS
from ..exceptions import (
    ConnectionError,
    GarbledReplyError,
    MaybeExecutedError,
    ProtocolError,
    QueueFullError,
    ReplyTimeoutError,
)
from ..inflight import RequestQueue, TimeLimit
from ..resp import Reader
from ..telemetry import redacted, secrets_of
from ..transport import is_encrypted, name_of_peer
from .pushes import Pushes
from .reading import Reading
from .state import ACCEPTING, ConnectionEvent, ConnectionState, Lifecycle
from .writing import Writing

__all__ = ["Link"]

CRLF = b"\r\n"

#: Members of the enums: on Python 3.11 looking one up in its class runs Python code, which costs, and may raise where
#: an exception is being handled.
NEW, ABORTING, LOST = (ConnectionState.NEW, ConnectionState.ABORTING, ConnectionState.LOST)

#: Why a connection ends where that is not yet known, or cannot be said.
TORN = ConnectionError("an exception was raised in the middle of sending or of handing on a reply")


class Link(Lifecycle):
    """One connection's life.

    :ivar protocol: the connection's protocol.
    :ivar requests: its requests in flight.
    :ivar reading: the part that takes bytes.
    :ivar writing: the part that writes commands.
    :ivar pushes: the handlers of RESP3 pushes, by first word.
    :ivar execute_stock: ``execute_command`` as this package has it, whatever a subclass made of it.
    :ivar end_reason: local reason for closing; None if the peer closed the connection, or it is up.
    :ivar lost_because: why the connection was lost, in words.
    :ivar handshake_begun: whether connectionMade was called, rather than overridden without chaining.
    :ivar was_pooled: whether a pool has had the connection.
    :ivar why_full: builds the text of QueueFullError; None if senders wait instead.
    :ivar on_room: called with the protocol when it was full and has room again.
    :ivar on_busy: called with the protocol when it has much in flight.
    :ivar blocking_command: the arguments of the last blocking command that was sent.
    :ivar blocked_by: its Deferred.
    :ivar login: which of the pool's logins the connection has made.
    :ivar round: the round of attempts in which it was made; see :mod:`txredis_fast._roles`.
    :ivar replica_error: why it is to end: an error reply told that it leads to a replica.
    :ivar slot: what keeps the connection for a pool.
    """

    def __init__(self, protocol: Any) -> None:
        """Make the life of a protocol's connection, and its parts."""
        self.writing = Writing(self)
        self.reading = Reading(self)
        super().__init__(RequestQueue(self.writing.write_in_burst, self.abort, self.tear, self.progress))
        self.protocol = protocol
        self._scope: Any = None
        self.pushes = Pushes(protocol)
        self.execute_stock: Callable[..., Deferred[Any]] = protocol._execute_stock
        self.end_reason: Exception | None = None
        self.lost_because = ""
        self.handshake_begun = False
        self.was_pooled = False
        self.why_full: Callable[[], str] | None = None
        self.on_room: Callable[[Any], object] | None = None
        self.on_busy: Callable[[Any], object] | None = None
        self.blocking_command: Sequence[Any] = ()
        self.blocked_by: Deferred[Any] | None = None
        self.login: int | None = None
        self.round = 0
        self.replica_error: Exception | None = None
        self.slot: Any = None
        #: Whether the connection was up, and not all steps of its end are done.
        self._ending = False
        self._drain_timer: TimeLimit | None = None
        self._drain_reason: Exception | None = None

    # -- what is asked

    @property
    def is_lost(self) -> bool:
        """Whether the transport has said that the connection is lost."""
        return self.state is LOST

    @property
    def full(self) -> bool:
        """Whether it has as much in flight as it may; see ``ConnectionOptions.maxInFlight``."""
        return self.requests.full

    @property
    def full_error(self) -> QueueFullError | None:
        """What a command fails with that is meant for this connection alone, where it is full."""
        return QueueFullError(self.why_full()) if self.why_full is not None and self.full else None

    @property
    def in_flight(self) -> int:
        """How many requests wait for their reply; a batch is one."""
        return len(self.requests.waiting)

    @property
    def reader(self) -> Reader | None:
        """The parser of its replies; None before the first byte has come."""
        return self.reading.reader

    @property
    def proved(self) -> bool:
        """Whether the server has taken this side for a client, and said something that makes sense."""
        spoke = self.reader is not None and not self.reading.refused
        return self.was_pooled and spoke and not isinstance(self.end_reason, ProtocolError)

    @property
    def scope(self) -> Any:
        """The transaction or pipeline that is open on the connection itself; None if there is none."""
        return self._scope

    @scope.setter
    def scope(self, scope: Any) -> None:
        # Without a call, which could raise in between: a command must not pass an open transaction.
        self._scope = scope
        self.collecting = scope is not None
        self.requests.accepting = self.state in ACCEPTING and not self.marked_down and scope is None

    def corked(self) -> AbstractContextManager[None]:
        """Collect what is sent within the block, and write it in one piece at its end. Blocks may be nested."""
        return self.writing.corked()

    @property
    def has_handshake(self) -> bool:
        """Whether anything has to be told to the server before the connection is usable."""
        return self.protocol._has_handshake  # type: ignore[no-any-return]

    def start_deadline(self, timeout: float) -> float:
        """Have the timer of the queue run; returns the absolute reactor time at which ``timeout`` seconds are over."""
        return self.protocol._deadline(timeout)  # type: ignore[no-any-return]

    def progress(self) -> tuple[int, int]:
        """How many bytes have been received, and how many of these have been handed on."""
        reading = self.reading
        handed_on = 0 if reading.reader is None else reading.reader.fed
        return handed_on + (0 if reading.flood is None else reading.flood.left), handed_on

    def encode(self, *args: Any) -> bytes:
        """Encode a command as it would be sent on this connection.

        :raises InvalidData: an argument cannot be sent.
        """
        return self.protocol._build_command(*args)  # type: ignore[no-any-return]

    def encode_value(self, argument: Any) -> bytes:
        """Encode one argument, without its length; errors as of :meth:`encode`."""
        payload = self.encode("", argument).split(CRLF, 4)[4]
        return payload[: -len(CRLF)]

    # -- the end, at once

    def abort(self, reason: BaseException) -> None:
        """End the connection at once, without waiting for what is still to be written.

        :param reason: told to the requests in flight, which fail when the transport reports the loss.
        """
        # Whatever is raised below: no reply is handed on any more, and no command is taken.
        self.requests.stopped = True
        self.requests.accepting = False
        if self.state is not LOST:
            self.state = ABORTING
        if self.end_reason is None:
            self.end_reason = TORN
            self.end_reason = redacted(reason, *secrets_of(self.protocol))  # type: ignore[assignment]
        try:
            self.writing.stop()
        finally:
            transport = self.protocol.transport
            if transport is not None and self.state is not LOST:
                getattr(transport, "abortConnection", transport.loseConnection)()

    def tear(self, error: BaseException) -> None:
        """End the connection, because something was raised in the middle of a change.

        In a turn of the reactor of its own, where there is one: the program may be deep in recursion.
        """
        requests = self.requests
        requests.torn = requests.stopped = True
        requests.accepting = False
        if self.state is not LOST:
            self.state = ABORTING
        if self.end_reason is None:
            self.end_reason = TORN
            self.end_reason = ConnectionError(f"{TORN}: {type(error).__name__}")
        reactor = getattr(self.protocol.transport, "reactor", None)
        if reactor is None:
            self.abort(TORN)
        else:
            reactor.callLater(0, self.abort, TORN)

    def end_if_torn(self) -> None:
        """End the connection now, where something was raised that left no room to do so."""
        if self.requests.torn and self.state is not LOST:
            self.abort(TORN)

    def refuse(self, message: str) -> None:
        """End a connection whose handshake has failed: its transport may still write what it has."""
        if self.end_reason is None:
            self.end_reason = ConnectionError(message)
        self.enter(ConnectionEvent.ABORT)
        if self.protocol.transport is not None:
            self.protocol.transport.loseConnection()

    # -- the end in order

    def drain(self, timeout: float) -> None:
        """Take no more commands, and close the connection when those in flight are answered.

        A blocking command is not waited for: it may take for ever.

        :param timeout: seconds until the connection is aborted: the server does not answer, or does not let it close.
        """
        transport = self.protocol.transport
        if transport is None:
            return
        self.enter(ConnectionEvent.DRAIN)
        in_flight = bool(self.requests.waiting)
        blocked = self.blocked_by is not None and not self.blocked_by.called
        self._stop_drain_timer()
        if in_flight and not timeout:
            transport.loseConnection()
        elif in_flight or getattr(transport, "reactor", None) is not None:
            reason = ConnectionError(f"disconnected, {timeout} seconds after that was wanted")
            self._abort_after(timeout or IDLE_CLOSE_SECONDS, reason)
        if blocked:
            transport.loseConnection()
        self.close_if_idle()

    def drain_when_delivered(self, timeout: float, reason: Exception) -> None:
        """As :meth:`drain`, for who is called in the middle of handing on replies: it is closed after that only.

        :param timeout: seconds, above 0.
        :param reason: why it ends.
        """
        self.enter(ConnectionEvent.DRAIN)
        self._drain_reason = reason
        self._stop_drain_timer()
        self._abort_after(timeout, reason)

    def close_if_idle(self) -> None:
        """Close a connection that is being drained, where nothing is in flight."""
        if not self.requests.waiting:
            self.end_reason = self.end_reason or self._drain_reason
            self.protocol.transport.loseConnection()

    def _abort_after(self, seconds: float, reason: Exception) -> None:
        self._drain_timer = TimeLimit(self.protocol, seconds, lambda: self.abort(reason), self.progress)

    def _stop_drain_timer(self) -> None:
        timer, self._drain_timer = self._drain_timer, None
        if timer is not None:
            timer.stop()

    # -- the transport is gone

    def lost(self, why: Failure) -> None:
        """End, once: also called for a protocol whose ``connectionLost`` does not chain."""
        protocol = self.protocol
        if self.state not in (NEW, LOST):
            self._ending = True
            self.enter(ConnectionEvent.LOST)
        self.reading.end()
        if not self._ending and not self.requests.waiting and not protocol._waiting_for_disconnect:
            return
        self.requests.stopped = True
        try:
            self.lost_because = self.why_lost(why)
            self._stop_drain_timer()
            self.writing.stop()
            protocol.script_hashes.clear()
            self.scope = None
            self._ending = False
        finally:
            try:
                protocol._tell_disconnected()
            finally:
                self._fail_requests()

    def why_lost(self, why: Failure) -> str:
        """Say why the connection was lost, and what it looks like."""
        if self.end_reason is not None:
            return str(self.end_reason)
        text = why.getErrorMessage()
        transport = self.protocol.transport
        server = name_of_peer(transport)
        if self.reader is None and self.requests.waiting and server and not is_encrypted(transport):
            text += f" {server} had answered nothing at all: perhaps it wants TLS (rediss://, tls=True)"
        return text

    def _fail_requests(self) -> None:
        reason = self.end_reason
        text = f"Lost connection: {self.lost_because}"
        kind: type[MaybeExecutedError] = MaybeExecutedError
        if isinstance(reason, ReplyTimeoutError):
            # Those whose own time is not up: the one that was late stood before or behind them, if there was one.
            cause = str(reason) if reason.silent else f"another command's reply was overdue ({reason})"
            text = f"Lost connection: {cause}; this one may have been executed"
        elif isinstance(reason, ProtocolError):
            kind = GarbledReplyError
        turns = getattr(self.protocol.transport, "reactor", None) is not None
        self.requests.fail_all(lambda: kind(text), turns)
