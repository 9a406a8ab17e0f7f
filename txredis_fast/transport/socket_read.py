"""Receive the rest of a large value where it is collected, where the transport is Twisted's own on TCP or unix sockets.

Twisted reads 64 KiB at a time, each into an object of its own, which is copied and forgotten: for a large value that
costs several times what the value itself does. Meanwhile the transport reads by way of
:meth:`~txredis_fast.resp.Reader.receive` instead. This touches private parts of Twisted (how a transport reads, what
stands between it and the protocol), so :func:`receives_directly` looks whether they are as they are known, and every
other transport is read in the public way.

This module must not know of Redis: the reader is anything that has ``awaited`` and ``receive``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from twisted.internet import main

from .._tunables import DIRECT_READ_TURN_BYTES

__all__ = ["fill_from_socket", "fill_no_more", "receives_directly"]

#: What Twisted puts between a transport and a protocol, and passes on to it what comes: where that is kept.
_WRAPPERS = {"_WrappingProtocol": "_wrappedProtocol", "_ReconnectingProtocolProxy": "_protocol"}

#: Set it to False to receive in the public way only.
enabled = True


def receives_directly(transport: Any, protocol: Any) -> bool:
    """Whether :func:`fill_from_socket` may be used on a transport, whose data must come to this protocol as it is."""
    tcp = sys.modules.get("twisted.internet.tcp")
    if not enabled or tcp is None or not isinstance(transport, tcp.Connection) or getattr(transport, "TLS", False):
        return False
    reads = [getattr(tcp.Connection, "doRead", None)]
    unix = sys.modules.get("twisted.internet.unix")
    if unix is not None:
        reads.append(getattr(getattr(unix, "_SendmsgMixin", None), "doRead", None))
    return (
        getattr(type(transport), "doRead", None) in reads
        and "doRead" not in vars(transport)  # another one's, or that of a connection that is being aborted
        and hasattr(transport, "socket")
        and _innermost(getattr(transport, "protocol", None)) is protocol
    )


def _innermost(protocol: Any) -> Any:
    while True:
        kind = type(protocol)
        place = _WRAPPERS.get(kind.__name__) if kind.__module__.startswith("twisted.") else None
        if place is None:
            return protocol
        protocol = getattr(protocol, place, None)


def fill_from_socket(transport: Any, reader: Any, failed: Callable[[Exception], object]) -> None:
    """Receive what the reader awaits straight from the transport's socket; then let the transport read as ever.

    :param failed: told what the reader raises; it must end the connection.
    """
    protocol = transport.protocol

    def read() -> Any:
        if not reader.awaited or transport.protocol is not protocol:
            del transport.doRead
            return transport.doRead()
        try:
            received = reader.receive(transport.socket.recv_into, DIRECT_READ_TURN_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            del transport.doRead
            return main.CONNECTION_LOST
        except Exception as error:
            del transport.doRead
            failed(error)
            return None
        if not received:
            del transport.doRead
            return main.CONNECTION_DONE
        if not reader.awaited:
            # What ends the value, and what follows it, has often come as well.
            del transport.doRead
            return transport.doRead()
        return None

    transport.doRead = read


def fill_no_more(transport: Any) -> None:
    """Undo :func:`fill_from_socket`, where it is in force: the reader is not kept by a transport that is lost."""
    read = getattr(transport, "__dict__", {}).get("doRead")
    if getattr(read, "__module__", None) == __name__:
        del transport.doRead
