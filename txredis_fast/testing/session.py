"""One connection of a :class:`~txredis_fast.testing.FakeServer`: its commands, transaction, subscriptions and wait.

This module must not know what the commands do.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall

from ..exceptions import InvalidData
from ..resp import Reader
from .commands import COMMANDS, WITHOUT_LOGIN, Command, Wait
from .replies import NO_REPLY, NULL_ARRAY, ReplyError, Status, encode

if TYPE_CHECKING:
    from .._types import Reply
    from .database import Database
    from .fake import FakeServer
    from .link import FakeTransport

__all__ = ["Session"]

_QUEUED = Status("QUEUED")
#: Commands of real servers, for which it would mislead to say that they are unknown.
_ON_REAL_SERVERS = re.compile(
    "EVAL(SHA)?(_RO)?|FCALL(_RO)?|SCRIPT|FUNCTION|X[A-Z]+|GEO[A-Z_]+|PF[A-Z]+|BIT[A-Z]+(_RO)?|SORT(_RO)?|ACL|CONFIG"
    "|CLUSTER(SCAN)?|SENTINEL|MONITOR|COMMAND(LOG)?|MEMORY|MSETEX|DELIFEQ"
    "|OBJECT|SLOWLOG|LATENCY|DEBUG|WAIT(AOF)?"
    "|B?[LZ]MPOP|[SZ]INTERCARD|Z(UNION|INTER|DIFF|DIFFSTORE|RANGESTORE|RANDMEMBER|REMRANGEBYLEX|REVRANGEBYLEX)"
    "|H(RANDFIELD|GETDEL|GETEX|SETEX|P?EXPIRE(AT|TIME)?|P?TTL|PERSIST)|LCS|SWAPDB|DUMP|RESTORE|MIGRATE|SAVE|BGSAVE"
    "|BGREWRITEAOF|LASTSAVE|SHUTDOWN|REPLICAOF|SLAVEOF|FAILOVER|MODULE|LOLWUT|PSYNC|SYNC|READONLY|READWRITE|ASKING"
)
#: Commands that are executed at once inside of MULTI.
_NOT_QUEUED = ("EXEC", "DISCARD", "MULTI", "WATCH", "QUIT", "RESET")
#: Commands that a RESP2 connection may send while it has subscriptions.
_SUBSCRIBED = (
    *("SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE", "SSUBSCRIBE", "SUNSUBSCRIBE"),
    *("PING", "QUIT", "RESET"),
)


class Session:
    """The server's end of one connection.

    :ivar number: what CLIENT ID answers.
    :ivar protocol: 2 or 3.
    :ivar index: the number of the selected database.
    :ivar queued: the commands since MULTI; None outside of a transaction.
    :ivar refused: whether a command since MULTI was refused instead of queued.
    :ivar watched: the database and the key of each WATCH, and whether the key existed.
    :ivar conflict: whether a watched key has changed.
    """

    def __init__(self, server: FakeServer, number: int, transport: FakeTransport | None = None) -> None:
        """Make one.

        :param transport: the client's end; None: the test itself asks, and replies are returned.
        """
        self.server = server
        self.number = number
        self.transport = transport
        self.protocol = 2
        self.name = b""
        self.index = 0
        self.logged_in = transport is None or server.password is None
        self.queued: list[tuple[Command, list[bytes]]] | None = None
        self.refused = False
        self.executing = False
        self.watched: dict[tuple[Database, bytes], bool] = {}
        self.conflict = False
        self.channels: dict[bytes, None] = {}
        self.patterns: dict[bytes, None] = {}
        self.shard_channels: dict[bytes, None] = {}
        self.wait: Wait | None = None
        self._wait_timer: IDelayedCall | None = None
        self._reader = Reader(charset=None, convert_numbers=False)
        self._unread: deque[list[bytes]] = deque()
        self._outgoing: deque[tuple[float, bytes]] = deque()
        self._outgoing_timer: IDelayedCall | None = None
        self._closing = False

    @property
    def database(self) -> Database:
        """The selected database."""
        return self.server.databases[self.index]

    @property
    def subscriptions(self) -> int:
        """The number of channels, sharded ones too, and patterns."""
        return len(self.channels) + len(self.patterns) + len(self.shard_channels)

    # -- bytes

    def receive(self, data: bytes) -> None:
        """Bytes have come from the client."""
        self._reader.feed(data)
        try:
            self._unread.extend(self._reader.get_all())
        except InvalidData as error:
            self.send(ReplyError(f"ERR Protocol error: {error}"))
            self.close()
            return
        self.execute_unread()

    def lost(self) -> None:
        """The connection is gone."""
        self._unread.clear()
        self._outgoing.clear()
        for timer in (self._outgoing_timer, self._wait_timer):
            if timer is not None and timer.active():
                timer.cancel()
        self.unwatch()
        self.wait = None
        self.server.forget(self)

    def send(self, reply: Reply) -> None:
        """Send a reply or a message, after the server's delay."""
        transport = self.transport
        if transport is None:
            return
        data = encode(reply, self.protocol)
        delay = self.server.delay
        if not delay and not self._outgoing:
            transport.send(data)
            return
        self._outgoing.append((self.server.reactor.seconds() + delay, data))
        self._start_outgoing()

    def close(self) -> None:
        """Close the connection after what was sent."""
        self._unread.clear()
        self._closing = True
        self._close_if_sent()

    def _close_if_sent(self) -> None:
        if self._closing and not self._outgoing and self.transport is not None:
            self.transport.close()

    def _start_outgoing(self) -> None:
        if self._outgoing and (self._outgoing_timer is None or not self._outgoing_timer.active()):
            left = max(0.0, self._outgoing[0][0] - self.server.reactor.seconds())
            self._outgoing_timer = self.server.reactor.callLater(left, self._send_outgoing)

    def _send_outgoing(self) -> None:
        # The clock adds up its steps, so that a time may be short by a rounding error.
        now = self.server.reactor.seconds() + 1e-6
        while self._outgoing and self._outgoing[0][0] <= now and self.transport is not None:
            self.transport.send(self._outgoing.popleft()[1])
        self._start_outgoing()
        self._close_if_sent()

    # -- commands

    def execute_unread(self) -> None:
        """Execute what has come, unless the server hangs or this connection waits."""
        while self._unread and not self._closing and not self.server.hangs and self.wait is None:
            args = self._unread.popleft()
            if not args:
                continue
            self.server.commands.append(args)
            name = args[0].decode(errors="replace").upper()
            executed, ends = self.server.next_cut(name)
            reply = self.execute(args) if executed else NO_REPLY
            if ends:
                self.server.serve_waiting()
                if self.transport is not None:
                    self.server.cut_session(self)
                return
            if reply is not NO_REPLY:
                self.send(reply)
            self.server.serve_waiting()

    def execute(self, args: list[bytes]) -> Reply:
        """Execute or queue a command; return its reply."""
        name = args[0].decode(errors="replace").upper()
        try:
            command = self._admit(name, args)
            if self.queued is not None and name not in _NOT_QUEUED:
                self.queued.append((command, args))
                return _QUEUED
            return self.run(command, args)
        except ReplyError as error:
            return error

    def _admit(self, name: str, args: list[bytes]) -> Command:
        """Return the command, if it may be executed now."""
        try:
            command = self.server.scripted.get(name) or COMMANDS.get(name)
            if command is None and _ON_REAL_SERVERS.fullmatch(name):
                raise ReplyError(
                    f"ERR FakeServer does not have {name}, which real servers have: script its reply with "
                    f"answer({name!r}, ...), or test on a real server (EmbeddedServer)"
                )
            if command is None or (name == "HELLO" and not self.server.accepts_hello):
                # A server takes the words for C strings, which end at a zero.
                shown = "".join(f"'{_text(each).partition(chr(0))[0]}' " for each in args[1:])
                raise ReplyError(f"ERR unknown command '{_text(args[0])}', with args beginning with: {shown}")
            command.check(args)
            if not self.logged_in and name not in WITHOUT_LOGIN:
                raise ReplyError("NOAUTH Authentication required.")
            self.server.next_failure(name)
            if self.subscriptions and self.protocol == 2 and name not in _SUBSCRIBED:
                raise ReplyError(
                    f"ERR Can't execute '{name.lower()}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
                    "are allowed in this context"
                )
        except ReplyError as error:
            self.refused = True
            if name == "EXEC":
                self.end_transaction()
                why = error.text.removeprefix("ERR ")
                raise ReplyError(f"EXECABORT Transaction discarded because of: {why}") from None
            raise
        return command

    def run(self, command: Command, args: list[bytes]) -> Reply:
        """Execute a command now; return its reply, or begin to wait.

        :raises ReplyError: it is refused.
        """
        reply = command.function(self, *args[1:])
        if not isinstance(reply, Wait):
            return reply
        found = reply.attempt()
        if found is not None:
            return found
        if self.executing or self.transport is None:
            return reply.null
        self.wait = reply
        self.server.waiting.append(self)
        if reply.seconds:
            self._wait_timer = self.server.reactor.callLater(reply.seconds, self.end_wait, NULL_ARRAY)
        return NO_REPLY

    def end_wait(self, reply: Reply) -> None:
        """End the wait of a blocking command with a reply."""
        self.wait = None
        self.server.waiting.remove(self)
        if self._wait_timer is not None and self._wait_timer.active():
            self._wait_timer.cancel()
        self._wait_timer = None
        self.send(reply)
        self.server.reactor.callLater(0, self.execute_unread)

    # -- transactions

    def execute_queued(self) -> Reply:
        """Execute the commands since MULTI; return their replies."""
        queued, self.queued = self.queued or [], None
        refused, self.refused = self.refused, False
        conflict = self.has_conflict()
        self.unwatch()
        if refused:
            raise ReplyError("EXECABORT Transaction discarded because of previous errors.")
        if conflict:
            return NULL_ARRAY
        replies = []
        self.executing = True
        try:
            for command, args in queued:
                try:
                    replies.append(self.run(command, args))
                except ReplyError as error:
                    replies.append(error)
        finally:
            self.executing = False
        return replies

    def end_transaction(self) -> None:
        """Forget the commands since MULTI, and the watched keys."""
        self.queued = None
        self.refused = False
        self.unwatch()

    def has_conflict(self) -> bool:
        """Whether a watched key has changed or expired."""
        for (database, key), existed in list(self.watched.items()):
            if existed and database.get(key) is None:
                self.conflict = True
        return self.conflict

    def unwatch(self) -> None:
        """Forget the watched keys."""
        self.watched.clear()
        self.conflict = False


def _text(word: bytes) -> str:
    """A word in the text of an error, whose bytes are restored when it is sent."""
    return word[:128].decode(errors="surrogateescape")
