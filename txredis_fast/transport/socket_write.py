"""Write data to the socket at once, on Twisted's own TCP and unix transports.

``transport.write`` waits for the next turn of the reactor. For a single command that costs two more system calls, to
learn that the socket is writable, as it nearly always is. This touches private attributes of Twisted (the data that a
transport still has to send). :func:`sends_directly` checks that they exist; all other transports are written to in the
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


def sends_directly(transport: object) -> bool:
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

    Errors are left to the reactor as well: it meets them at its next read or write, and tells the protocol.
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
