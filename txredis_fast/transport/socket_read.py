"""Receive the rest of a large value straight into its buffer, on Twisted's own TCP and unix transports.

Twisted reads 64 KiB at a time into new objects, which are then copied: for a large value that costs several times the
value itself. So the transport's ``doRead`` is replaced until the value is complete, by one that calls
:meth:`~txredis_fast.resp.Reader.receive`. This touches private parts of Twisted (how a transport reads, and what stands
between it and the protocol). :func:`receives_directly` checks that they match what this module expects; all other
transports are read in the public way.

This module must not know of Redis.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from twisted.internet import main

from .._implementation import IMPLEMENTATION
from .._tunables import DIRECT_READ_TURN_BYTES, DIRECT_WRITE_MAX_BYTES

if TYPE_CHECKING:
    from socket import socket as Socket

if TYPE_CHECKING or IMPLEMENTATION == "python":
    SocketReader: Callable[..., Callable[[], object]] | None = None
    has_sockets: Callable[[type], bool] | None = None
else:
    from ._csocket import SocketReader, has_sockets

__all__ = ["fill_from_socket", "fill_no_more", "is_as_expected", "read_compiled", "receives_directly"]

#: Twisted's wrappers between a transport and a protocol, and the attribute that holds the wrapped protocol.
_WRAPPERS = {"_WrappingProtocol": "_wrappedProtocol", "_ReconnectingProtocolProxy": "_protocol"}

#: Set it to False to receive in the public way only.
enabled = True


class DirectTransport(Protocol):
    """A transport of Twisted's own, as far as this module touches it."""

    socket: Socket
    protocol: object
    doRead: Callable[[], object]


class Receiver(Protocol):
    """A parser that can receive the rest of a large value; :class:`~txredis_fast.Reader` is one."""

    @property
    def awaited(self) -> int:
        """How many bytes of the value are missing; 0: there is no large value."""

    def receive(self, receive_into: Callable[..., int], most: int) -> int:
        """Receive some of them; returns how many."""


def receives_directly(transport: object, protocol: object) -> TypeGuard[DirectTransport]:
    """Whether :func:`fill_from_socket` may be used: a transport of Twisted's own that passes its data on unchanged."""
    tcp = sys.modules.get("twisted.internet.tcp")
    if not enabled or tcp is None or not isinstance(transport, tcp.Connection) or getattr(transport, "TLS", False):
        return False
    reads = [getattr(tcp.Connection, "doRead", None)]
    unix = sys.modules.get("twisted.internet.unix")
    if unix is not None:
        reads.append(getattr(getattr(unix, "_SendmsgMixin", None), "doRead", None))
    return (
        getattr(type(transport), "doRead", None) in reads
        and _is_stock_or_ours(vars(transport).get("doRead"))
        and hasattr(transport, "socket")
        and _innermost(getattr(transport, "protocol", None)) is protocol
    )


def _is_stock_or_ours(read: object) -> bool:
    """Whether a transport's own ``doRead`` is none or compiled, not that of another reader or abortConnection()."""
    return read is None or (SocketReader is not None and type(read) is SocketReader)


def read_compiled(
    transport: object, protocol: object, receive: Callable[[bytes], object], stock: tuple[object, ...]
) -> None:
    """Let compiled code receive the bytes of a transport, if there is such code, and it fits this transport.

    :param receive: called with data instead of the protocol's ``dataReceived``.
    :param stock: the functions for which ``receive`` stands: data is passed on in the public way while the protocol's
        ``dataReceived`` is another one.
    """
    if SocketReader is None or has_sockets is None or not receives_directly(transport, protocol):
        return
    tcp = sys.modules["twisted.internet.tcp"].Connection
    if (
        all(getattr(type(transport), name, None) is getattr(tcp, name) for name in ("doRead", "_dataReceived"))
        and "doRead" not in vars(transport)
        and is_as_expected()
        and has_sockets(tcp)
    ):
        transport.doRead = SocketReader(transport, protocol, receive, stock)


def _innermost(protocol: object) -> object:
    while True:
        kind = type(protocol)
        place = _WRAPPERS.get(kind.__name__) if kind.__module__.startswith("twisted.") else None
        if place is None:
            return protocol
        protocol = getattr(protocol, place, None)


def fill_from_socket(transport: DirectTransport, reader: Receiver, failed: Callable[[Exception], object]) -> None:
    """Receive the rest of the reader's large value straight from the socket; then let the transport read as usual.

    :param failed: called with an exception of the reader; it must end the connection.
    """
    protocol = transport.protocol
    before = vars(transport).get("doRead")

    def end() -> None:
        del transport.doRead
        if before is not None:
            transport.doRead = before

    def read() -> object:
        if not reader.awaited or transport.protocol is not protocol:
            end()
            return transport.doRead()
        try:
            received = reader.receive(transport.socket.recv_into, DIRECT_READ_TURN_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            end()
            return main.CONNECTION_LOST
        except Exception as error:
            end()
            failed(error)
            return None
        if not received:
            end()
            return main.CONNECTION_DONE
        if not reader.awaited:
            # The end of the value, and bytes behind it, have often been received, too.
            end()
            return transport.doRead()
        return None

    transport.doRead = read


def is_filling(transport: object) -> bool:
    """Whether :func:`fill_from_socket` is in force."""
    return getattr(getattr(transport, "__dict__", {}).get("doRead"), "__module__", None) == __name__


def fill_no_more(transport: object) -> None:
    """Undo :func:`read_compiled` and :func:`fill_from_socket`, where they are in force.

    Else a lost transport would keep the reader alive.
    """
    own = getattr(transport, "__dict__", {})
    read = own.get("doRead")
    if read is not None and (is_filling(transport) or _is_stock_or_ours(read)):
        del own["doRead"]


#: Results of a socket in the story: the bytes that it has, or the error that it raises.
_BLOCKS = BlockingIOError(errno.EWOULDBLOCK, "would block")
_READS: tuple[object, ...] = (b"data", b"", _BLOCKS, ConnectionResetError(errno.ECONNRESET, "lost"))
_WRITES: tuple[object, ...] = (2, _BLOCKS, BrokenPipeError(errno.EPIPE, "lost"))


class _Socket:
    def __init__(self, outcome: object, seen: list[object]) -> None:
        self._outcome, self._seen = outcome, seen

    def recv(self, size: int) -> object:
        return self._do("recv", size)

    def send(self, data: bytes | memoryview) -> object:
        return self._do("send", bytes(data))

    def _do(self, *event: object) -> object:
        self._seen.append(event)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


class _Protocol:
    def __init__(self, seen: list[object]) -> None:
        self._seen = seen

    def dataReceived(self, data: bytes) -> None:
        self._seen.append(("dataReceived", data))


def _story(connection: Any) -> list[object]:
    """Read and write with each outcome; return the events."""
    seen: list[object] = []

    class Transport:
        bufferSize = connection.bufferSize
        SEND_LIMIT = connection.SEND_LIMIT
        _dataReceived = connection._dataReceived
        protocol = _Protocol(seen)
        socket: _Socket

    for outcome in _READS:
        Transport.socket = _Socket(outcome, seen)
        seen.append(connection.doRead(Transport()))
    for outcome in _WRITES:
        Transport.socket = _Socket(outcome, seen)
        seen.append(connection.writeSomeData(Transport(), b"data"))
    return seen


def _expected() -> list[object]:
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
