"""A server of lists in memory: enough of Redis for blocking commands to be cancelled at every moment.

Knows BLPOP, RPUSH, CLIENT ID, SETNAME, LIST and UNBLOCK; every other command is answered ``OK``.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Generator
from typing import Any

from .scripted import MemoryEndpoint, Session
from .wire import bulk, command


class ListServer:
    """What all connections share.

    :ivar lists: the elements of each key.
    :ivar blocked: number of a connection -> its session and key.
    :ivar delay: seconds before a command is looked at.
    :ivar knows_clients: False: CLIENT is an unknown command.
    :ivar names: number of a connection -> its name.
    """

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.lists: dict[bytes, deque[bytes]] = defaultdict(deque)
        self.blocked: dict[int, tuple[Session, bytes]] = {}
        self.knows_clients = True
        self.names: dict[int, bytes] = {}
        self.delay: float | None = None
        self.sessions: list[Session] = []
        self.endpoint = MemoryEndpoint(self._make_session, clock)

    def _make_session(self) -> Session:
        session = Session(self._script, self.clock)
        self.sessions.append(session)
        return session

    def push(self, key: bytes, *elements: bytes) -> None:
        """Append elements, which the connections that wait for them get in order."""
        self.lists[key].extend(elements)
        for number, (session, wanted) in list(self.blocked.items()):
            if wanted == key and self.lists[key]:
                del self.blocked[number]
                if not session.lost:
                    self._pop(session, key)

    def _pop(self, session: Session, key: bytes) -> None:
        element = self.lists[key].popleft()
        session.send(command(key, element))

    def _unblock(self, number: int) -> bytes:
        session, _ = self.blocked.pop(number, (None, None))
        if session is None:
            return b":0\r\n"
        session.send(b"*-1\r\n")
        return b":1\r\n"

    def _client(self, number: int, what: bytes, *more: bytes) -> bytes:
        if what == b"ID":
            return b":%d\r\n" % number
        if what == b"SETNAME":
            self.names[number] = more[0]
            return b"+OK\r\n"
        if what == b"LIST":
            wanted = [int(each) for each in more[1:]] or list(self.names)
            text = b"".join(b"id=%d name=%b cmd=none\n" % (each, self.names.get(each, b"")) for each in wanted)
            return bulk(text)
        return self._unblock(int(more[0]))

    def _script(self, session: Session) -> Generator[Any, Any, Any]:
        number = len(self.sessions) + 1
        while True:
            args = yield
            name = args[0].upper()
            if name == b"BLPOP":
                if self.delay is not None:
                    yield self.delay
                if self.lists[args[1]]:
                    self._pop(session, args[1])
                else:
                    self.blocked[number] = (session, args[1])
            elif name == b"RPUSH":
                self.push(args[1], *args[2:])
                session.send(b":1\r\n")
            elif name == b"CLIENT" and self.knows_clients:
                session.send(self._client(number, args[1].upper(), *args[2:]))
            else:
                session.send(b"-ERR unknown command\r\n" if name == b"CLIENT" else b"+OK\r\n")
