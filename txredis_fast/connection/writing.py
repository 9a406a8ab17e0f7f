"""Writing of one connection: at once, corked for one write, or in pieces as the transport takes them.

:class:`Writing` is the only owner of the cork and of ``requests.outgoing``, which is None where commands go through.
This module must not know of commands, nor of replies.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from .._tunables import BUSY_MIN_REQUESTS, WRITE_CHUNK_BYTES
from ..transport import Outlet, send, sends_directly
from .cork import TRANSITIONS, CorkEvent, CorkState

if TYPE_CHECKING:
    from .link import Link

__all__ = ["Writing"]

#: Members of the enums; see :mod:`.link`.
CORKED = CorkState.CORKED
HOLD, WRITTEN, OVERFLOW = CorkEvent.HOLD, CorkEvent.WRITTEN, CorkEvent.OVERFLOW
DRAINED, DRAINED_HELD = CorkEvent.DRAINED, CorkEvent.DRAINED_HELD


class Writing:
    """Writes what the queue of requests has.

    :ivar state: of the cork.
    """

    __slots__ = ("_direct_transport", "_link", "_outlet", "state")

    def __init__(self, link: Link) -> None:
        """Make the part of a connection that writes."""
        self.state = CorkState.THROUGH
        self._link = link
        #: The transport, where data may be handed to its socket at once.
        self._direct_transport: Any = None
        #: Writes what is too much for one write; None where nothing is.
        self._outlet: Outlet | None = None

    def look_at(self, transport: Any) -> None:
        """Look whether a transport's socket may be handed data at once."""
        self._direct_transport = transport if sends_directly(transport) else None

    def write_in_burst(self, data: bytes) -> None:
        """Write a command behind many that are in flight, issued outside of reply delivery.

        Twisted sends what is written before the next poll in one piece; in a long burst even the calls of
        ``transport.write`` are saved.
        """
        link = self._link
        requests = link.requests
        transport = requests.transport
        if link.on_busy is not None and len(requests.waiting) > BUSY_MIN_REQUESTS:
            link.on_busy(link.protocol)
        if transport is self._direct_transport:
            requests.outgoing = [data]
            self._enter(HOLD)
            transport.reactor.callLater(0, self.flush)
        else:
            transport.write(data)

    def hold(self) -> None:
        """Collect the commands given from here on, until :meth:`flush`."""
        requests = self._link.requests
        if requests.outgoing is None:
            requests.outgoing = []
            self.state = CORKED

    def flush(self) -> None:
        """Write what was collected."""
        link = self._link
        if link.end_reason is not None:
            return  # what was not written by now never is, and fails as such
        requests = link.requests
        outgoing = requests.outgoing
        try:
            if (
                outgoing
                and (requests.bytes_in_flight > WRITE_CHUNK_BYTES or self._outlet is not None)
                and self._is_much(outgoing)
            ):
                return
            requests.outgoing = None
            self.state = TRANSITIONS.get((self.state, WRITTEN), self.state)
            if outgoing:
                data = b"".join(outgoing) if len(outgoing) > 1 else outgoing[0]
                transport = requests.transport
                if transport is self._direct_transport:
                    send(transport, data)
                else:
                    transport.write(data)
        except BaseException as error:
            link.tear(error)
            raise

    @contextlib.contextmanager
    def corked(self) -> Generator[None, None, None]:
        """Collect what is sent within the block, and write it in one piece at its end. Blocks may be nested."""
        if self._link.requests.outgoing is not None:
            yield
            return
        try:
            self.hold()
            yield
        except BaseException as error:
            if self._link.requests.outgoing:
                self._link.tear(error)  # some of it is not written, and never will be
            self._let_through(WRITTEN)
            raise
        self.flush()

    def stop(self) -> None:
        """Write no more: the connection ends."""
        if self._outlet is not None:
            self._outlet.stop()

    def _enter(self, event: CorkEvent) -> None:
        self.state = TRANSITIONS.get((self.state, event), self.state)

    def _let_through(self, event: CorkEvent) -> None:
        self._link.requests.outgoing = None
        self._enter(event)

    def _is_much(self, outgoing: list[bytes]) -> bool:
        """Leave it to an outlet, if one is at work already or this is more than one write's worth."""
        if self._outlet is None:
            if len(outgoing) == 1 or sum(map(len, outgoing)) <= WRITE_CHUNK_BYTES:
                return False
            self._outlet = Outlet(self._link.requests.transport, outgoing, self._all_written)
            self._enter(OVERFLOW)
            self._outlet.start()
        return True

    def _all_written(self) -> None:
        self._outlet = None
        # A transport that answers within its write may have had more collected, by a holder that flushes it.
        if self._link.reading.delivering or self._link.requests.outgoing:
            self._enter(DRAINED_HELD)
        else:
            self._let_through(DRAINED)
