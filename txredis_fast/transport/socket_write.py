"""Hand data to the socket at once, where the transport is Twisted's own over TCP or a unix socket, or TLS over these.

``transport.write`` waits for the next turn of the reactor, which a lone command feels: three more system calls to be
told that the socket is writable, as it nearly always is. Twisted's TLS waits for a turn before that, so as to encrypt
small writes together. This touches private parts of Twisted (what a transport still has to send, what gathers small
writes of TLS), so :func:`direct_sender` looks whether they are there, and every other transport is written to in the
public way.

This module must not know of Redis.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from .._tunables import DIRECT_WRITE_MAX_BYTES

__all__ = ["direct_sender"]

_PARTS = ("writeSomeData", "dataBuffer", "_tempDataBuffer", "disconnecting", "_writeDisconnected")

#: Set it to False to write in the public way only.
enabled = True


def direct_sender(transport: Any) -> Callable[[bytes], object] | None:
    """Return a function that writes to a transport and has its socket given the data at once; None: there is none."""
    if not enabled:
        return None
    if _is_plain(transport):
        return partial(_send, transport, None)
    socket = _socket_below(transport)
    if socket is None:
        return None
    # What is encrypted comes here; else it would wait for the reactor.
    socket.write = partial(_send, socket, socket.write)
    return partial(_encrypt, transport)


def _is_plain(transport: Any) -> bool:
    tcp = sys.modules.get("twisted.internet.tcp")
    return (
        tcp is not None
        and isinstance(transport, tcp.Connection)
        and not getattr(transport, "TLS", False)
        and all(hasattr(transport, part) for part in _PARTS)
    )


def _socket_below(transport: Any) -> Any:
    """Return the plain transport below TLS, if both are as they are known and nobody has put others in place."""
    tls = sys.modules.get("twisted.protocols.tls")
    if tls is None or type(transport) is not getattr(tls, "BufferingTLSTransport", None):
        return None
    gathers: Any = getattr(transport, "_aggregator", None)
    socket: Any = transport.transport
    known = (
        type(gathers) is getattr(tls, "_AggregateSmallWrites", None)
        and all(hasattr(gathers, part) for part in ("_buffer", "_write", "flush"))
        and vars(transport).get("write") == gathers.write
        and _is_plain(socket)
        and "write" not in vars(socket)
    )
    return socket if known else None


def _encrypt(transport: Any, data: bytes) -> None:
    gathers = transport._aggregator
    if getattr(gathers, "_buffer", None) == []:
        gathers._write(data)
        return
    transport.write(data)  # it is lost, or a command of the same turn waits
    gathers.flush()


def _send(transport: Any, write: Callable[[bytes], object] | None, data: bytes) -> None:
    """Send what the socket takes now, and leave the rest to the reactor.

    :param write: the transport's own ``write``, where that has been replaced; None: it has not.
    What goes wrong is left to the reactor as well, which finds it out for itself and tells the protocol.
    """
    if (
        len(data) <= DIRECT_WRITE_MAX_BYTES
        and transport.connected
        and not transport.disconnecting
        and not transport.dataBuffer
        and not transport._tempDataBuffer
        and not transport._writeDisconnected
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
