"""Receive the rest of a large value straight into its buffer, on Twisted's own TCP and unix transports.

Twisted reads 64 KiB at a time into new objects, which are then copied: for a large value that costs several times the
value itself. So the transport's ``doRead`` is replaced until the value is complete, by one that calls
:meth:`~txredis_fast.resp.Reader.receive`. This touches private parts of Twisted (how a transport reads, and what stands
between it and the protocol). :func:`receives_directly` checks that they match what this module expects; all other
transports are read in the public way.

This module must not know of Redis.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet import main

from .._tunables import DIRECT_READ_TURN_BYTES

__all__ = ["fill_from_socket", "fill_no_more", "receives_directly"]

#: Twisted's wrappers between a transport and a protocol, and the attribute that holds the wrapped protocol.
_WRAPPERS = {"_WrappingProtocol": "_wrappedProtocol", "_ReconnectingProtocolProxy": "_protocol"}

#: Set it to False to receive in the public way only.
enabled = True


class Receiver(Protocol):
    """A parser that can receive the rest of a large value; :class:`~txredis_fast.Reader` is one."""

    @property
    def awaited(self) -> int:
        """How many bytes of the value are missing; 0: there is no large value."""

    def receive(self, receive_into: Callable[..., int], most: int) -> int:
        """Receive some of them; returns how many."""


def receives_directly(transport: object, protocol: object) -> bool:
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
        and "doRead" not in vars(transport)  # set by another reader, or by abortConnection()
        and hasattr(transport, "socket")
        and _innermost(getattr(transport, "protocol", None)) is protocol
    )


def _innermost(protocol: object) -> object:
    while True:
        kind = type(protocol)
        place = _WRAPPERS.get(kind.__name__) if kind.__module__.startswith("twisted.") else None
        if place is None:
            return protocol
        protocol = getattr(protocol, place, None)


def fill_from_socket(transport: Any, reader: Receiver, failed: Callable[[Exception], object]) -> None:
    """Receive the rest of the reader's large value straight from the socket; then let the transport read as usual.

    :param failed: called with an exception of the reader; it must end the connection.
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
            # The end of the value, and what follows it, has often been received, too.
            del transport.doRead
            return transport.doRead()
        return None

    transport.doRead = read


def fill_no_more(transport: Any) -> None:
    """Undo :func:`fill_from_socket`, if it is in force, so that a lost transport does not keep the reader alive."""
    read = getattr(transport, "__dict__", {}).get("doRead")
    if getattr(read, "__module__", None) == __name__:
        del transport.doRead
