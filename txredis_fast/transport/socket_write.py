"""Write data to the socket at once, on Twisted's own TCP and unix transports, and on its TLS over these.

``transport.write`` waits for the next turn of the reactor. For a single command that costs three more system calls, to
learn that the socket is writable, as it nearly always is. Twisted's TLS first waits for another turn, to encrypt small
writes together. This touches private attributes of Twisted (the data that a transport still has to send, the buffer of
small writes). :func:`direct_sender` checks that they exist; all other transports are written to in the public way.

This module must not know of Redis.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeGuard

from .._implementation import IMPLEMENTATION
from .._tunables import DIRECT_WRITE_MAX_BYTES
from .socket_read import is_as_expected

if TYPE_CHECKING or IMPLEMENTATION == "python":
    Sender: Callable[[object, bool], Callable[[bytes], object]] | None = None
    has_sockets: Callable[[type], bool] | None = None
else:
    from ._csocket import Sender, has_sockets

__all__ = ["direct_sender"]

_PARTS = ("writeSomeData", "dataBuffer", "_tempDataBuffer", "disconnecting", "_writeDisconnected", "TLS")

#: Set it to False to write in the public way only.
enabled = True


class SocketTransport(Protocol):
    """A TCP or unix transport of Twisted's own, as far as this module touches it."""

    write: Callable[[bytes], object]
    writeSomeData: Callable[[bytes], object]
    connected: int
    disconnecting: bool
    dataBuffer: bytes
    _tempDataBuffer: list[bytes]
    _writeDisconnected: bool
    TLS: bool


class SmallWrites(Protocol):
    """The writes that Twisted's TLS gathers in a turn, to encrypt them together."""

    def flush(self) -> object:
        """Encrypt them now."""


class TLSTransport(Protocol):
    """Twisted's TLS protocol, as far as this module touches it."""

    write: Callable[[bytes], object]
    transport: SocketTransport
    _aggregator: SmallWrites


def direct_sender(transport: object) -> Callable[[bytes], object] | None:
    """Return a function that writes to a transport, down to its socket, at once; None if there is no such way.

    The function writes in the public way once ``transport.write`` is replaced by a program, and after ``startTLS``.
    """
    if not enabled:
        return None
    if _is_plain(transport):
        return _sender(transport, False)
    if not _is_tls(transport):
        return None
    # TLS writes its encrypted bytes to this transport, which would leave them to the reactor.
    transport.transport.write = _sender(transport.transport, True)
    return partial(_encrypt, transport, transport.write, super(type(transport), transport).write)  # type: ignore[misc]


def _is_plain(transport: object) -> TypeGuard[SocketTransport]:
    tcp = sys.modules.get("twisted.internet.tcp")
    return (
        tcp is not None
        and isinstance(transport, tcp.Connection)
        and not getattr(transport, "TLS", True)
        and all(hasattr(transport, part) for part in _PARTS)
        and getattr(type(transport), "write", None) is tcp.Connection.write
        and "write" not in vars(transport)
    )


def _is_tls(transport: object) -> TypeGuard[TLSTransport]:
    """Whether this is TLS over TCP or a unix socket, and both are Twisted's own as this module knows them."""
    tls = sys.modules.get("twisted.protocols.tls")
    if tls is None or type(transport) is not getattr(tls, "BufferingTLSTransport", None):
        return False
    gathers = getattr(transport, "_aggregator", None)
    return (
        type(gathers) is getattr(tls, "_AggregateSmallWrites", None)
        and gathers is not None
        and all(hasattr(gathers, part) for part in ("_buffer", "flush"))
        and vars(transport).get("write") == gathers.write
        and _is_plain(getattr(transport, "transport", None))
    )


def _encrypt(
    transport: TLSTransport, own: Callable[[bytes], object], write: Callable[[bytes], object], data: bytes
) -> None:
    """Encrypt and send data now.

    :param own: the transport's ``write``, which gathers small writes.
    :param write: the transport's method below that, which encrypts at once.
    """
    gathers = transport._aggregator
    if getattr(gathers, "_buffer", None) == [] and transport.write is own:
        write(data)
        return
    transport.write(data)  # behind a small write of the same turn, by a program's own write, or on a lost connection
    gathers.flush()


def _sender(transport: SocketTransport, below_tls: bool) -> Callable[[bytes], object]:
    """Return the function that sends the bytes that the socket takes now, and leaves the rest to the reactor.

    It leaves an error to the reactor as well, which meets the same error, and tells the protocol.

    :param below_tls: the function replaces ``transport.write``.
    """
    tcp = sys.modules["twisted.internet.tcp"]
    if Sender is not None and has_sockets is not None and is_as_expected() and has_sockets(tcp.Connection):
        return Sender(transport, below_tls)
    own = transport.write

    def send(data: bytes) -> None:
        if (
            len(data) <= DIRECT_WRITE_MAX_BYTES
            and transport.connected
            and not transport.disconnecting
            and not transport.dataBuffer
            and not transport._tempDataBuffer
            and not transport._writeDisconnected
            and not transport.TLS
            and transport.write == expected
        ):
            sent = transport.writeSomeData(data)
            if sent.__class__ is int:
                if sent == len(data):
                    return
                data = data[sent:]
        if below_tls:
            own(data)
        else:
            transport.write(data)

    expected = send if below_tls else own
    return send
