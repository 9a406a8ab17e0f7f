"""A protocol over a real socket without a reactor: the test says when the transport reads."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import main, tcp
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from txredis_fast.connection.protocol import RedisProtocol
from txredis_fast.transport import socket_read

SIZE = 1_000_000
VALUE = b"x" * SIZE


class Link:
    """A protocol over one of Twisted's transports, whose reads the test calls for; and the other end of the socket."""

    def __init__(self, protocol: Any = None, transport: Any = tcp.Connection, wrapper: Any = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ours = socket.create_connection(listener.getsockname())
            self.other, _ = listener.accept()
        self.other.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * SIZE)
        self.protocol = RedisProtocol(charset=None) if protocol is None else protocol
        outer = self.protocol if wrapper is None else wrapper(self.protocol)
        self.transport = transport(ours, outer, MemoryReactorClock())
        self.transport.connected = True
        self.protocol.makeConnection(self.transport)
        self.lost: Any = None

    def sends(self, data: bytes, then_reads: bool = True) -> None:
        """The other end sends; this end reads as long as something comes."""
        view = memoryview(data)
        while len(view):
            view = view[self.other.send(view[:100_000]) :]
            if then_reads:
                self.reads()

    def reads(self) -> None:
        """What a reactor does once the socket is readable."""
        for _ in range(20):
            self.lost = self.transport.doRead()
            if self.lost is not None:
                self.transport.connectionLost(Failure(self.lost))
                return

    @property
    def is_direct(self) -> bool:
        """Whether the rest of a large value is received straight into its place."""
        return socket_read.is_filling(self.transport)

    def close(self) -> None:
        """Close both ends."""
        self.other.close()
        if self.lost is None:
            self.lost = main.CONNECTION_DONE
            self.transport.connectionLost(Failure(ConnectionDone()))
