"""What has come on a connection, on its way to the parser: as it is, a flood in slices, a large value directly.

:class:`Incoming` is the part of a protocol that takes bytes. It must not know of commands, nor what becomes of replies.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .exceptions import ProtocolError
from .flood import MANY, PIECE, Flood
from .legacy import ParsingSteps
from .outlet import forget_unsent
from .receive import fill_from_socket, fill_no_more, receives_directly
from .request import RequestQueue
from .resp import Reader

__all__ = ["Incoming"]

#: A longer piece of data may be a part of a value that is worth to be received directly.
LARGE_PIECE = 16 * 1024


class Incoming(ParsingSteps):
    """Takes bytes from the transport."""

    #: The methods that are ``dataReceived`` where nobody has overridden or patched it.
    _stock: ClassVar[tuple[Any, ...]] = ()
    _requests: RequestQueue
    #: Why this side ended the connection, where it did.
    _end_reason: Exception | None
    _reader: Reader | None = None
    #: What has come and is handed on in slices, while there is such.
    _flood: Flood | None = None

    def _deliver(self, reader: Reader) -> None:
        raise NotImplementedError

    def _abort(self, reason: Exception) -> None:
        raise NotImplementedError

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        """Take bytes from the transport, and hand on each reply that they complete before returning.

        Where more than a thousand commands are in flight, some replies may wait for a later turn of the reactor.
        """
        if self._flood is not None or (len(data) > PIECE and len(self._requests.waiting) > MANY):
            self._take_flood(data)
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        if self._end_reason is not None:
            return
        reader = self._reader
        if reader is None:
            reader = self._reader = self._make_reader()
        try:
            reader.feed(data)
        except ProtocolError as error:
            self._abort(error)
            return
        self._deliver(reader)
        if len(data) >= LARGE_PIECE and reader.awaited:
            self._receive_rest(reader)

    def _receive_rest(self, reader: Reader) -> None:
        """Have the rest of a large value written to where it is collected, unless somebody else is to see it."""
        stock = getattr(self.dataReceived, "__func__", None) in self._stock
        if stock and receives_directly(self.transport, self):
            fill_from_socket(self.transport, reader, self._abort)

    def _take_flood(self, data: bytes) -> None:
        """Hand on in slices, where there is a reactor to go on with them."""
        if self._flood is None:
            if getattr(self.transport, "reactor", None) is None:
                self._parse(data)
                return
            self._flood = Flood(self.transport, self._parse, self._flood_is_over)
        self._flood.add(data)

    def _flood_is_over(self) -> None:
        flood, self._flood = self._flood, None
        if flood is not None and not self.paused:
            self.transport.resumeProducing()  # type: ignore[union-attr]
            if self._reader is not None and self._reader.awaited:
                self._receive_rest(self._reader)

    def _take_rest(self) -> None:
        """The connection is lost: hand on what had come; let go of what had come, or gone, in part.

        That may be much, and this object is in cycles, so that it lives until the garbage collector has looked at all.
        """
        flood, self._flood = self._flood, None
        try:
            if flood is not None:
                flood.finish()
        finally:
            fill_no_more(self.transport)
            forget_unsent(self.transport)
            if self._reader is not None:
                self._reader.forget()
