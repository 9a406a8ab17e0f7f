"""Hand data to the socket at once, where the transport is Twisted's own over TCP or a unix socket.

``transport.write`` waits for the next turn of the reactor, which a lone command feels: two more system calls to be told
that the socket is writable, as it nearly always is. This touches private parts of Twisted (what a transport still
has to send), so :func:`sends_directly` looks whether they are there, and every other transport is written to in the
public way.

This module must not know of Redis.
"""

from __future__ import annotations

import sys
from typing import Any

from .._tunables import DIRECT_WRITE_MAX_BYTES

__all__ = ["send", "sends_directly"]

_PARTS = ("writeSomeData", "dataBuffer", "_tempDataBuffer", "disconnecting", "_writeDisconnected")

#: Set it to False to write in the public way only.
enabled = True


def sends_directly(transport: Any) -> bool:
    """Whether :func:`send` may be used on a transport."""
    tcp = sys.modules.get("twisted.internet.tcp")
    return (
        enabled
        and tcp is not None
        and isinstance(transport, tcp.Connection)
        and not getattr(transport, "TLS", False)
        and all(hasattr(transport, part) for part in _PARTS)
    )


def send(transport: Any, data: bytes) -> None:
    """Send what the socket takes now, and leave the rest to the reactor.

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
    transport.write(data)
