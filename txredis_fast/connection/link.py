"""The life of one connection, as the rooms above see it: its state, how it is closed, and why it was closed.

Programs subclass the protocol, and may add methods and attributes of any name. To avoid a clash of names, the package
itself uses one attribute of a connection, :attr:`~BaseRedisProtocol.link`, for its questions (may a pool lend the
connection, is it full) and its actions (abort, drain).

This module must not know of pools or of single commands.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .._reactor import current_reactor, is_stopping
from .._tunables import IDLE_CLOSE_SECONDS
from .._types import Arguments, Result
from ..batching import Pipeline, Transaction
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
from .state import ACCEPTING, TORN, ConnectionEvent, ConnectionState, Lifecycle
from .writing import Writing

if TYPE_CHECKING:
    from .protocol import BaseRedisProtocol

__all__ = ["Link"]

CRLF = b"\r\n"

#: Members of the enum. On Python 3.11, a look-up in the class runs Python code. That takes time, and near the end of
#: the stack it raises, where an exception is being handled.
NEW, ABORTING, LOST = (ConnectionState.NEW, ConnectionState.ABORTING, ConnectionState.LOST)


class Link(Lifecycle):
    """One connection's life.

    :ivar protocol: the connection's protocol.
    :ivar requests: the queue of its requests in flight.
    :ivar reading: the part that receives bytes.
    :ivar writing: the part that writes commands.
    :ivar pushes: the handlers of RESP3 pushes, by first word.
    :ivar execute_stock: ``execute_command`` of this package, without any override.
    :ivar end_reason: local reason for closing; None if the peer closed the connection, or it is up.
    :ivar lost_because: why the connection was lost, as text; empty before.
    :ivar handshake_begun: whether ``connectionMade`` was called; False if an override does not call the base method.
    :ivar quit_sent: whether the program has sent QUIT.
    :ivar resp_version: version of the protocol that the handshake has agreed on, 2 or 3. A program that sends HELLO or
        RESET itself changes it unseen.
    :ivar hello_awaits_login: whether the server has refused HELLO for want of a login.
    :ivar was_pooled: whether the connection was ever part of a pool.
    :ivar why_full: builds the text of QueueFullError; None if senders wait instead.
    :ivar on_ready: called with the protocol when the handshake is done, by an owner that then calls :meth:`arrived`.
    :ivar on_its_way: the time limit from the begin of the handshake to :meth:`arrived`, or None.
    :ivar on_room: called with the protocol when the queue was full and has room again.
    :ivar on_busy: called with the protocol while more than ``BUSY_MIN_REQUESTS`` are in flight.
    :ivar blocking_command: the arguments of the last blocking command that was sent.
    :ivar blocked_by: its Deferred.
    :ivar login: number of the pool's login that the connection has used, or None.
    :ivar round: number of the round of attempts that made the connection; see :mod:`txredis_fast._roles`.
    :ivar replica_error: the error reply that shows the server to be a replica; the pool then closes the connection.
    :ivar slot: the pool's slot of this connection, or None.
    """

    def __init__(self, protocol: BaseRedisProtocol) -> None:
        """Make the life of a protocol's connection, and its parts."""
        self.writing = Writing(self)
        self.reading = Reading(self)
        super().__init__(RequestQueue(self.writing.write_with_others, self.abort, self.tear, self.progress))
        self.protocol = protocol
        self._scope: Transaction | Pipeline | None = None
        self.pushes = Pushes(protocol)
        self.execute_stock: Callable[..., Deferred[Result]] = protocol._execute_stock
        self.end_reason: Exception | None = None
        self.lost_because = ""
        self.handshake_begun = False
        self.quit_sent = False
        self.resp_version = 2
        self.hello_awaits_login = False
        self.was_pooled = False
        self.why_full: Callable[[], str] | None = None
        self.on_ready: Callable[[Any], object] | None = None
        self.on_its_way: TimeLimit | None = None
        self.on_room: Callable[[BaseRedisProtocol], object] | None = None
        self.on_busy: Callable[[BaseRedisProtocol], object] | None = None
        self.blocking_command: Arguments = ()
        self.blocked_by: Deferred[Result] | None = None
        self.login: int | None = None
        #: By command, AUTH or SELECT: the sender of the last one; None: a sender that no longer knows of it.
        self.last_change: dict[str, object] = {}
        self.round = 0
        self.replica_error: Exception | None = None
        self.slot: Any = None
        #: Whether the connection is lost, and not all steps of :meth:`lost` are done.
        self._ending = False
        self._drain_timer: TimeLimit | None = None
        self._drain_reason: Exception | None = None

    # -- questions

    @property
    def is_lost(self) -> bool:
        """Whether the transport has reported the loss of the connection."""
        return self.state is LOST

    @property
    def full(self) -> bool:
        """Whether the commands in flight have reached a limit; see ``ConnectionOptions.maxInFlight``."""
        return self.requests.full

    @property
    def full_error(self) -> QueueFullError | None:
        """The error of a command that must use this connection, if it is full; None if not, or if senders wait."""
        return QueueFullError(self.why_full()) if self.why_full is not None and self.full else None

    @property
    def in_flight(self) -> int:
        """Number of requests without a reply; a batch counts as one."""
        return len(self.requests.waiting)

    @property
    def reader(self) -> Reader | None:
        """The parser of replies; None before the first byte is received."""
        return self.reading.reader

    @property
    def proved(self) -> bool:
        """Whether a pool had the connection, and the server has answered in RESP without refusing it."""
        spoke = self.reader is not None and not self.reading.refused
        return self.was_pooled and spoke and not isinstance(self.end_reason, ProtocolError)

    @property
    def scope(self) -> Transaction | Pipeline | None:
        """The transaction or pipeline that is open on the connection itself, or None."""
        return self._scope

    @scope.setter
    def scope(self, scope: Transaction | Pipeline | None) -> None:
        # No call here: it could raise halfway, and then a command would bypass an open transaction.
        self._scope = scope
        self.collecting = scope is not None
        self.requests.accepting = self.state in ACCEPTING and not self.marked_down and scope is None

    def corked(self) -> AbstractContextManager[None]:
        """Collect the commands of the block, and write them together at its end. Blocks may be nested."""
        return self.writing.corked()

    @property
    def has_handshake(self) -> bool:
        """Whether the connection needs a handshake (login, name, database) before it is usable."""
        return self.protocol._has_handshake

    def start_deadline(self, timeout: float) -> float:
        """Start the queue's timer if it does not run; return the deadline: the reactor time in ``timeout`` seconds."""
        return self.protocol._deadline(timeout)

    @property
    def clock_seconds(self) -> Callable[[], float]:
        """Tells the time of the clock that the protocol's ``callLater`` runs on."""
        clock = getattr(self.protocol.callLater, "__self__", self.protocol)
        if clock is self.protocol or not hasattr(clock, "seconds"):
            clock = current_reactor()
        return clock.seconds  # type: ignore[no-any-return]

    def progress(self) -> tuple[int, int]:
        """Number of bytes received, and number of these passed to the parser."""
        reading = self.reading
        handed_on = 0 if reading.reader is None else reading.reader.fed
        return handed_on + (0 if reading.flood is None else reading.flood.left), handed_on

    def encode(self, *args: object) -> bytes:
        """Encode a command as this connection would send it.

        :raises InvalidData: an argument cannot be sent.
        """
        return self.protocol._build_command(*args)

    def encode_value(self, argument: object) -> bytes:
        """Encode one argument, without its length; raises as :meth:`encode`."""
        payload = self.encode("", argument).split(CRLF, 4)[4]
        return payload[: -len(CRLF)]

    def limit_way(self, limit: TimeLimit) -> None:
        """The connection is on its way, within a time limit, until it has :meth:`arrived`."""
        self._stop_way()
        self.on_its_way = limit

    def arrived(self) -> None:
        """Its owner has taken the connection. One that was torn stays under its time limit until it is lost."""
        if self.state is not ABORTING and not self.requests.torn:
            self._stop_way()

    def _stop_way(self) -> None:
        way, self.on_its_way = self.on_its_way, None
        if way is not None:
            way.stop()

    # -- immediate close

    def abort(self, reason: BaseException) -> None:
        """Close the connection at once, and discard data that is not yet written.

        :param reason: part of the error of the requests in flight; they fail when the transport reports the loss.
        """
        # First, because code below may raise: no more replies are delivered, and no more commands are accepted.
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
        """Close the connection after an exception in the middle of a change of state.

        Where there is a reactor, this happens in its next turn: the stack may be nearly exhausted now.
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
        """Close the connection if an exception has torn it and :meth:`tear` could not do it."""
        if self.requests.torn and self.state is not LOST:
            self.abort(TORN)

    def refuse(self, message: str) -> None:
        """Close a connection whose handshake has failed; the transport may still write its buffer."""
        if self.end_reason is None:
            self.end_reason = ConnectionError(message)
        self.enter(ConnectionEvent.ABORT)
        self.close()

    # -- graceful close

    def close(self) -> None:
        """Close the connection in order: bytes already written are sent before, and TLS tells the peer.

        Both wait for the peer, which may be gone. So the connection is aborted if it has not ended some seconds later.
        """
        transport = self.protocol.transport
        if transport is None:
            return
        if self._drain_timer is None and self.state is not LOST and getattr(transport, "reactor", None) is not None:
            reason = ConnectionError(f"the close took more than {IDLE_CLOSE_SECONDS} seconds")
            self._abort_after(IDLE_CLOSE_SECONDS, reason)
        transport.loseConnection()

    def drain(self, timeout: float) -> None:
        """Accept no more commands, and close the connection when those in flight are answered.

        A blocking command in flight does not delay the close: its reply may never come.

        :param timeout: seconds until the connection is aborted if the server does not answer or the close does not
            complete; 0: close without waiting for replies.
        """
        transport = self.protocol.transport
        if transport is None:
            return
        self.enter(ConnectionEvent.DRAIN)
        in_flight = bool(self.requests.waiting)
        blocked = self.blocked_by is not None and not self.blocked_by.called
        self._stop_drain_timer()
        if timeout and (in_flight or getattr(transport, "reactor", None) is not None):
            reason = ConnectionError(f"the graceful close took more than {timeout} seconds")
            self._abort_after(timeout, reason)
        if blocked or (in_flight and not timeout):
            self.close()
        self.close_if_idle()

    def drain_when_delivered(self, timeout: float | None, reason: Exception) -> None:
        """As :meth:`drain`, for a caller inside the delivery of replies: the close follows the end of the delivery.

        :param timeout: seconds until the connection is aborted; above 0. None: a command was just sent, and the
            connection is closed after its reply, which its own time limit bounds.
        :param reason: the reason for closing.
        """
        self.enter(ConnectionEvent.DRAIN)
        self._drain_reason = reason
        self._stop_drain_timer()
        if timeout is not None:
            self._abort_after(timeout, reason)

    def close_if_idle(self) -> None:
        """Close a connection that is being drained, if no request is in flight."""
        if not self.requests.waiting:
            self.end_reason = self.end_reason or self._drain_reason
            self.close()

    def _abort_after(self, seconds: float, reason: Exception) -> None:
        self._drain_timer = TimeLimit(self.protocol, seconds, lambda: self.abort(reason), self.progress)

    def _stop_drain_timer(self) -> None:
        timer, self._drain_timer = self._drain_timer, None
        if timer is not None:
            timer.stop()

    # -- the transport is gone

    def lost(self, why: Failure) -> None:
        """Clean up after the loss of the connection. Further calls do nothing.

        Also called for a protocol that overrides ``connectionLost`` and does not call the base method.
        """
        protocol = self.protocol
        if self.state not in (NEW, LOST):
            self._ending = True
            self.enter(ConnectionEvent.LOST)
        self.reading.end()
        self._stop_way()
        self._stop_drain_timer()
        if not self._ending and not self.requests.waiting and not protocol._waiting_for_disconnect:
            return
        self.requests.stopped = True
        try:
            self.lost_because = self.why_lost(why)
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
        """Return the reason of the loss as text, with a hint if the peer perhaps expects TLS, or another protocol."""
        transport = self.protocol.transport
        server = name_of_peer(transport)
        if self.end_reason is not None:
            text = str(self.end_reason)
            if self.reading.strange and isinstance(self.end_reason, ProtocolError):
                text += f" ({server or 'the peer'} is perhaps no Redis or Valkey server)"
            return text
        text = why.getErrorMessage()
        silent = self.reader is None and self.requests.waiting
        if silent and server and not is_encrypted(transport) and not is_stopping():
            text += f" {server} had answered nothing at all: perhaps it wants TLS (rediss://, tls=True)"
        return text

    def _fail_requests(self) -> None:
        reason = self.end_reason
        text = f"Lost connection: {self.lost_because}"
        kind: type[MaybeExecutedError] = MaybeExecutedError
        if isinstance(reason, ReplyTimeoutError):
            # For requests whose own deadline has not passed: another request was overdue, or the server was silent.
            cause = str(reason) if reason.silent else f"another command's reply was overdue ({reason})"
            text = f"Lost connection: {cause}; this one may have been executed"
        elif isinstance(reason, ProtocolError):
            kind = GarbledReplyError
        turns = getattr(self.protocol.transport, "reactor", None) is not None
        self.requests.fail_all(lambda: kind(text), turns)
