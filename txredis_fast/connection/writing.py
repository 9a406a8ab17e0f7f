"""Commands on their way to the transport: at once, those of one turn together, or in pieces as it takes them.

:class:`Outgoing` is the part of a protocol that writes. It must not know of commands, nor of replies.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

from .._tunables import BURST_MIN_REQUESTS, BUSY_MIN_REQUESTS, WRITE_CHUNK_BYTES
from ..inflight import RequestQueue
from ..transport import Outlet, send, sends_directly
from .link import Link

__all__ = ["Outgoing"]


class Outgoing:
    """Writes what the queue of requests has."""

    transport: Any
    _requests: RequestQueue
    link: Link
    #: Whether replies are being handed on: what callbacks send then is kept for one write.
    _delivering = False
    #: The transport, where data may be handed to its socket at once.
    _direct_transport: Any = None
    #: Writes what is too much for one write, while there is such.
    _outlet: Outlet | None = None

    def _look_at(self, transport: Any) -> None:
        self._direct_transport = transport if sends_directly(transport) else None

    def _write(self, data: bytes) -> None:
        """Write a command that no callback of a reply gave.

        Twisted sends it, with what else comes before the next poll, in one piece. In the middle of a long burst
        even the calls of ``transport.write`` are saved.
        """
        transport: Any = self.transport
        if self.link.in_flight > BUSY_MIN_REQUESTS and self.link.on_busy is not None:
            self.link.on_busy(self)
        if self.link.in_flight > BURST_MIN_REQUESTS and transport is self._direct_transport:
            self._requests.outgoing = [data]
            transport.reactor.callLater(0, self._flush)
        else:
            transport.write(data)

    def _flush(self) -> None:
        """Write what was kept."""
        if self.link.end_reason is not None:
            return  # what was not written by now never is, and fails as such
        requests = self._requests
        outgoing = requests.outgoing
        try:
            if (
                outgoing
                and (requests.bytes_in_flight > WRITE_CHUNK_BYTES or self._outlet is not None)
                and self._is_much(outgoing)
            ):
                return
            requests.outgoing = None
            if outgoing:
                data = b"".join(outgoing) if len(outgoing) > 1 else outgoing[0]
                transport: Any = self.transport
                if transport is self._direct_transport:
                    send(transport, data)
                else:
                    transport.write(data)
        except BaseException as error:
            self.link.tear(error)
            raise

    @contextlib.contextmanager
    def corked(self) -> Generator[None, None, None]:
        """Keep what is sent within the block, and write it in one piece at its end. Blocks may be nested."""
        requests = self._requests
        if requests.outgoing is not None:
            yield
            return
        try:
            requests.outgoing = []
            yield
        except BaseException as error:
            if requests.outgoing:
                self.link.tear(error)  # some of it is not written, and never will be
            requests.outgoing = None
            raise
        self._flush()

    def _is_much(self, outgoing: list[bytes]) -> bool:
        """Leave it to an outlet, if one is at work already or this is more than one write's worth."""
        if self._outlet is None:
            if len(outgoing) == 1 or sum(map(len, outgoing)) <= WRITE_CHUNK_BYTES:
                return False
            self._outlet = Outlet(self.transport, outgoing, self._all_written)
            self._outlet.start()
        return True

    def _all_written(self) -> None:
        self._outlet = None
        if not self._delivering:
            self._requests.outgoing = None

    def _write_no_more(self) -> None:
        if self._outlet is not None:
            self._outlet.stop()
