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
from typing import Any

from .._tunables import DIRECT_WRITE_MAX_BYTES

__all__ = ["direct_sender"]

_PARTS = ("writeSomeData", "dataBuffer", "_tempDataBuffer", "disconnecting", "_writeDisconnected", "TLS")

#: Set it to False to write in the public way only.
enabled = True


def direct_sender(transport: Any) -> Callable[[bytes], object] | None:
    """Return a function that writes to a transport, down to its socket, at once; None if there is no such way."""
    if not enabled:
        return None
    if _is_plain(transport):
        return partial(_send, transport, None)
    socket = _socket_below(transport)
    if socket is None:
        return None
    # TLS writes what it has encrypted to this transport, which would leave it to the reactor.
    socket.write = partial(_send, socket, socket.write)
    return partial(_encrypt, transport, super(type(transport), transport).write)


def _is_plain(transport: Any) -> bool:
    tcp = sys.modules.get("twisted.internet.tcp")
    return (
        tcp is not None
        and isinstance(transport, tcp.Connection)
        and not getattr(transport, "TLS", False)
        and all(hasattr(transport, part) for part in _PARTS)
    )


def _socket_below(transport: Any) -> Any:
    """Return the TCP or unix transport below TLS; None if either is not Twisted's own as this module knows it."""
    tls = sys.modules.get("twisted.protocols.tls")
    if tls is None or type(transport) is not getattr(tls, "BufferingTLSTransport", None):
        return None
    gathers: Any = getattr(transport, "_aggregator", None)
    socket: Any = transport.transport
    known = (
        type(gathers) is getattr(tls, "_AggregateSmallWrites", None)
        and all(hasattr(gathers, part) for part in ("_buffer", "flush"))
        and vars(transport).get("write") == gathers.write
        and _is_plain(socket)
        and "write" not in vars(socket)
    )
    return socket if known else None


def _encrypt(transport: Any, write: Callable[[bytes], object], data: bytes) -> None:
    """Encrypt and send data now.

    :param write: the transport's method that does so, below the buffer of small writes.
    """
    gathers = transport._aggregator
    if getattr(gathers, "_buffer", None) == []:
        write(data)
        return
    transport.write(data)  # behind a small write of the same turn, or on a lost connection
    gathers.flush()


def _send(transport: Any, write: Callable[[bytes], object] | None, data: bytes) -> None:
    """Send what the socket takes now, and leave the rest to the reactor.

    An error is left to the reactor as well: it meets the same error, and tells the protocol.

    :param write: the transport's own ``write`` if that is replaced by this function; None: ``transport.write``.
    """
    if (
        len(data) <= DIRECT_WRITE_MAX_BYTES
        and transport.connected
        and not transport.disconnecting
        and not transport.dataBuffer
        and not transport._tempDataBuffer
        and not transport._writeDisconnected
        and not transport.TLS  # a program may call startTLS at any time
    ):
        sent = transport.writeSomeData(data)
        if sent.__class__ is int:
            if sent == len(data):
                return
            data = data[sent:]
    if write is None:
        transport.write(data)
    else:
        write(data)
