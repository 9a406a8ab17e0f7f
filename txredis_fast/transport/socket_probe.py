"""Whether Twisted's TCP connection reads and writes its socket as the compiled code does that stands in for it.

Its methods are called with stand-ins for a transport and a socket, once, when the first transport is seen. If they do
anything that this module does not expect, connections are read and written in Twisted's own way.

This module must not know of Redis.
"""

from __future__ import annotations

import errno
import sys
from functools import lru_cache
from typing import Any

from twisted.internet import main

from .._tunables import DIRECT_WRITE_MAX_BYTES

__all__ = ["is_as_expected"]

#: What a socket does in the story: the bytes that it has, or the error that it raises.
_BLOCKS = BlockingIOError(errno.EWOULDBLOCK, "would block")
_READS: tuple[Any, ...] = (b"data", b"", _BLOCKS, ConnectionResetError(errno.ECONNRESET, "lost"))
_WRITES: tuple[Any, ...] = (2, _BLOCKS, BrokenPipeError(errno.EPIPE, "lost"))


class _Socket:
    def __init__(self, outcome: Any, seen: list[Any]) -> None:
        self._outcome, self._seen = outcome, seen

    def recv(self, size: int) -> Any:
        return self._do("recv", size)

    def send(self, data: Any) -> Any:
        return self._do("send", bytes(data))

    def _do(self, *event: Any) -> Any:
        self._seen.append(event)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


class _Protocol:
    def __init__(self, seen: list[Any]) -> None:
        self._seen = seen

    def dataReceived(self, data: bytes) -> None:
        self._seen.append(("dataReceived", data))


def _story(connection: Any) -> list[Any]:
    """Read and write with each outcome; return what happened."""
    seen: list[Any] = []

    class Transport:
        bufferSize = connection.bufferSize
        SEND_LIMIT = connection.SEND_LIMIT
        _dataReceived = connection._dataReceived
        protocol = _Protocol(seen)
        socket: Any = None

    for outcome in _READS:
        Transport.socket = _Socket(outcome, seen)
        seen.append(connection.doRead(Transport()))
    for outcome in _WRITES:
        Transport.socket = _Socket(outcome, seen)
        seen.append(connection.writeSomeData(Transport(), b"data"))
    return seen


def _expected() -> list[Any]:
    recv, send = ("recv", 64 * 1024), ("send", b"data")
    reads = [recv, ("dataReceived", b"data"), None, recv, main.CONNECTION_DONE, recv, None, recv, main.CONNECTION_LOST]
    return [*reads, send, 2, send, 0, send, main.CONNECTION_LOST]


@lru_cache(1)
def is_as_expected() -> bool:
    """Whether that is so, for the class ``twisted.internet.tcp.Connection``, which is loaded."""
    connection = sys.modules["twisted.internet.tcp"].Connection
    if any(
        getattr(getattr(connection, name, None), "__module__", None) != connection.__module__
        for name in ("doRead", "_dataReceived", "writeSomeData")
    ):
        return False  # replaced by a program
    try:
        return connection.SEND_LIMIT >= DIRECT_WRITE_MAX_BYTES and _story(connection) == _expected()
    except Exception:
        return False
