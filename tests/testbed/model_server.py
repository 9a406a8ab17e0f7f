"""A server in memory, for the model: a few commands, as a real server executes them, one at a time.

Each connection is a :class:`ModelSession`, which takes the place of a scripted one (see ``scripted``) behind a
``MemoryLink``. Knows nothing of the code under test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Protocol

from .scripted import parse_commands
from .wire import OK, aggregate, bulk

Reply = bytes | None

READONLY = b"-READONLY You can't write against a read only replica.\r\n"
ABORTED = b"-EXECABORT Transaction discarded because of previous errors.\r\n"
ROLE_CHANGED = b"-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n"
#: What a replica refuses.
WRITES = ("SET", "INCR", "INCRBY", "RPUSH", "BLPOP")


class ModelServer:
    """The data, and everybody who is connected.

    Two of them may have the same data, as if what one writes were at the other one at once. Clients have their numbers
    from each server alone.

    :ivar sessions: the connections that are up.
    :ivar twice: writes that were executed more than once, though each is sent once.
    :ivar paused: nothing is executed while it is set; see :meth:`resume`.
    :ivar password: what AUTH has to say; None: nobody needs to. Who is logged in stays so.
    :ivar strangers: numbers of clients that it was told to unblock, and that it has not given to any of its own.
    :ivar popped: elements that were taken out, in their order.
    """

    def __init__(self, clock: Any, twin: ModelServer | None = None, stride: int = 1) -> None:
        """
        :param twin: whose data this one has, too.
        :param stride: from one client's number to the next; those between are strangers'.
        """
        self.clock = clock
        self.data: dict[bytes, Any] = {} if twin is None else twin.data
        self.changes: dict[bytes, int] = {} if twin is None else twin.changes
        self.blocked: list[ModelSession] = [] if twin is None else twin.blocked
        self.twice: list[bytes] = [] if twin is None else twin.twice
        self.popped: list[bytes] = [] if twin is None else twin.popped
        self._written: set[bytes] = set() if twin is None else twin._written
        self.sessions: list[ModelSession] = []
        self.strangers: list[int] = []
        self.password: bytes | None = None
        self.paused = False
        self.is_replica = False
        self.executed = 0
        self._ids = 0
        self._stride = stride

    def session(self) -> ModelSession:
        """A new connection."""
        self._ids += self._stride
        return ModelSession(self, self._ids)

    def resume(self) -> None:
        """Execute what has come meanwhile."""
        self.paused = False
        for session in list(self.sessions):
            session.execute_what_came()

    def restart(self) -> None:
        """Lose all data and all connections."""
        self.data.clear()
        self.kill_clients()

    def kill_clients(self) -> None:
        """Lose all connections."""
        for session in list(self.sessions):
            session.transport.abortConnection()

    def demote(self) -> None:
        """Be a replica, and close nothing."""
        self.is_replica = True
        for session in list(self.sessions):
            if session.waits_for:
                session.unblock(ROLE_CHANGED)

    def unblock(self, number: int, reply: bytes) -> int:
        """End the wait of a client; returns how many were found."""
        if number % self._stride or not 0 < number <= self._ids:
            self.strangers.append(number)
            return 0
        found = [session for session in self.blocked if session.server is self and session.number == number]
        for session in found:
            session.unblock(reply)
        return len(found)

    def wrote(self, key: bytes, value: bytes) -> None:
        """A key has changed; ``value`` is unlike any other that is written, if it is not empty."""
        self.changes[key] = self.changes.get(key, 0) + 1
        if value and b"=" in value and not key.endswith((b"0", b"1", b"2")):
            if value in self._written:
                self.twice.append(value)
            self._written.add(value)

    def pushed(self, key: bytes) -> None:
        """Serve who waits for an element."""
        while self.data.get(key):
            waiting = next((session for session in self.blocked if key in session.waits_for), None)
            if waiting is None:
                return
            waiting.unblock(aggregate([bulk(key), bulk(self.pop(key))]))

    def pop(self, key: bytes) -> bytes | None:
        """The first element of a list."""
        items = self.data.get(key)
        if not items:
            return None
        self.wrote(key, b"")
        item: bytes = items.pop(0)
        self.popped.append(item)
        if not items:
            del self.data[key]
        return item


class ModelSession(Protocol):
    """One connection."""

    def __init__(self, server: ModelServer, number: int) -> None:
        self.server = server
        self.number = number
        self.name = b""
        self.lost = False
        self.queued: list[list[bytes]] | None = None
        self.watched: dict[bytes, int] = {}
        self.logged_in = server.password is None
        #: Whether a command was refused instead of queued.
        self.dirty = False
        self.waits_for: list[bytes] = []
        self._unread: list[list[bytes]] = []
        self._rest = b""
        self._timer: Any = None

    def connectionMade(self) -> None:
        self.server.sessions.append(self)

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True
        self.server.sessions.remove(self)
        self._end_wait()

    def dataReceived(self, data: bytes) -> None:
        commands, self._rest = parse_commands(self._rest + data)
        self._unread += commands
        self.execute_what_came()

    def execute_what_came(self) -> None:
        """As a server does, unless it waits for something."""
        while self._unread and not self.server.paused and not self.waits_for and not self.lost:
            args = self._unread.pop(0)
            reply = self._take(args[0].upper().decode(), args)
            if reply is not None and not self.lost:
                self.transport.write(reply)

    def unblock(self, reply: bytes) -> None:
        """A wait is over."""
        self._end_wait()
        self.transport.write(reply)
        self.server.clock.callLater(0, self.execute_what_came)

    def _end_wait(self) -> None:
        self.waits_for = []
        if self in self.server.blocked:
            self.server.blocked.remove(self)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _take(self, name: str, args: list[bytes]) -> Reply:
        if not self.logged_in and name != "AUTH":
            return b"-NOAUTH Authentication required.\r\n"
        if self.server.is_replica and name in WRITES:
            self.dirty = self.queued is not None
            return READONLY
        if self.queued is not None and name not in ("EXEC", "DISCARD", "MULTI", "WATCH"):
            self.queued.append(args)
            return b"+QUEUED\r\n"
        return self._execute(name, args[1:])

    def _execute(self, name: str, args: list[bytes]) -> Reply:
        self.server.executed += 1
        command: Callable[..., Reply] | None = getattr(self, f"_{name.lower()}", None) if name.isalpha() else None
        if command is None or name.lower() in ("take", "execute"):
            return b"-ERR unknown command '%b'\r\n" % name.encode()
        return command(*args)

    # -- commands

    def _ping(self) -> Reply:
        return b"+PONG\r\n"

    def _echo(self, text: bytes) -> Reply:
        return bulk(text)

    def _auth(self, *login: bytes) -> Reply:
        if login[-1] != self.server.password:
            return b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
        self.logged_in = True
        return OK

    def _select(self, number: bytes) -> Reply:
        return OK

    def _client(self, what: bytes, *more: bytes) -> Reply:
        if what.upper() == b"ID":
            return b":%d\r\n" % self.number
        if what.upper() == b"UNBLOCK":
            reply = b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n" if b"ERROR" in more else b"*-1\r\n"
            return b":%d\r\n" % self.server.unblock(int(more[0]), reply)
        if what.upper() == b"SETNAME":
            self.name = more[0]
        if what.upper() == b"LIST":
            known = [each for each in self.server.sessions if each.number == int(more[1])]
            return bulk(b"".join(b"id=%d name=%b cmd=none\n" % (each.number, each.name) for each in known))
        return OK

    def _get(self, key: bytes) -> Reply:
        return bulk(self.server.data.get(key))

    def _set(self, key: bytes, value: bytes) -> Reply:
        self.server.data[key] = value
        self.server.wrote(key, value)
        return OK

    def _incrby(self, key: bytes, by: bytes = b"1") -> Reply:
        number = int(self.server.data.get(key, b"0")) + int(by)
        self.server.data[key] = b"%d" % number
        self.server.wrote(key, b"")
        return b":%d\r\n" % number

    _incr = _incrby

    def _rpush(self, key: bytes, value: bytes) -> Reply:
        items = self.server.data.setdefault(key, [])
        items.append(value)
        length = len(items)
        self.server.wrote(key, value)
        self.server.pushed(key)
        return b":%d\r\n" % length

    def _blpop(self, *args: bytes) -> Reply:
        for key in args[:-1]:
            item = self.server.pop(key)
            if item is not None:
                return aggregate([bulk(key), bulk(item)])
        self.waits_for = list(args[:-1])
        self.server.blocked.append(self)
        self._timer = self.server.clock.callLater(float(args[-1]), self.unblock, b"*-1\r\n")
        return None

    def _eval(self, source: bytes, number: bytes, *args: bytes) -> Reply:
        if b"error_reply" in source:
            return b"-%b\r\n" % args[0]
        return aggregate(map(bulk, args))

    def _evalsha(self, *args: bytes) -> Reply:
        return b"-NOSCRIPT No matching script\r\n"

    def _watch(self, *keys: bytes) -> Reply:
        if self.queued is not None:
            return b"-ERR WATCH inside MULTI is not allowed\r\n"
        for key in keys:
            self.watched.setdefault(key, self.server.changes.get(key, 0))
        return OK

    def _unwatch(self) -> Reply:
        self.watched.clear()
        return OK

    def _multi(self) -> Reply:
        if self.queued is not None:
            return b"-ERR MULTI calls can not be nested\r\n"
        self.queued = []
        self.dirty = False
        return OK

    def _discard(self) -> Reply:
        if self.queued is None:
            return b"-ERR DISCARD without MULTI\r\n"
        self.queued = None
        self.watched.clear()
        return OK

    def _exec(self) -> Reply:
        if self.queued is None:
            return b"-ERR EXEC without MULTI\r\n"
        queued, self.queued = self.queued, None
        changed = any(self.server.changes.get(key, 0) != number for key, number in self.watched.items())
        self.watched.clear()
        if self.dirty:
            return ABORTED
        if self.server.is_replica and any(args[0].upper().decode() in WRITES for args in queued):
            return b"-EXECABORT Transaction discarded because of: " + READONLY[1:]
        if changed:
            return b"*-1\r\n"
        return aggregate(self._execute(args[0].upper().decode(), args[1:]) or b"" for args in queued)
