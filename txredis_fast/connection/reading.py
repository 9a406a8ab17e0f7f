"""What has come on a connection, on its way to the parser: as it is, a flood in slices, a large value directly.

:class:`Incoming` is the part of a protocol that takes bytes. It must not know of commands, nor what becomes of replies.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .._roles import telling_of_replica
from .._tunables import DIRECT_READ_MIN_BYTES, FLOOD_MIN_REQUESTS, REPLY_CHUNK_BYTES
from ..exceptions import ConnectionError, ProtocolError, response_error
from ..inflight import RequestQueue
from ..resp import Reader
from ..telemetry import told
from ..transport import (
    ALERT,
    Flood,
    fill_from_socket,
    fill_no_more,
    forget_unsent,
    name_of_peer,
    receives_directly,
)
from .legacy import ParsingSteps
from .link import Link

__all__ = ["Incoming"]

#: How servers begin what they say to a client that they accept only to tell it that they do not.
REFUSALS = (b"-DENIED ", b"-ERR max number of clients")


class Incoming(ParsingSteps):
    """Takes bytes from the transport."""

    #: The methods that are ``dataReceived`` where nobody has overridden or patched it.
    _stock: ClassVar[tuple[Any, ...]] = ()
    _requests: RequestQueue
    link: Link
    _reader: Reader | None = None
    #: What has come and is handed on in slices, while there is such.
    _flood: Flood | None = None
    #: Whether the server has refused the connection as such.
    _refused = False

    def _deliver(self, reader: Reader) -> None:
        raise NotImplementedError

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        """Take bytes from the transport, and hand on each reply that they complete before returning.

        Where more than a thousand commands are in flight, some replies may wait for a later turn of the reactor.
        """
        may_be_flood = len(data) > REPLY_CHUNK_BYTES and len(self._requests.waiting) > FLOOD_MIN_REQUESTS
        if may_be_flood or self._flood is not None:
            self._take_flood(data)
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        if self.link.end_reason is not None:
            self.link.end_if_torn()
            return
        try:
            reader = self._reader
            if reader is None:
                reader = self._reader = self._make_reader()
                reader.on_error = telling_of_replica(self)
                if data[:2] == ALERT:
                    server = name_of_peer(self.transport) or "the server"
                    why = f"{server} speaks TLS, and this connection does not (rediss://, tls=True)"
                    self.link.abort(ProtocolError(why))
                    return
                if data.startswith(REFUSALS):
                    self._take_refusal(data)
                    return
            try:
                reader.feed(data)
            except ProtocolError as error:
                self.link.abort(error)
                return
            self._deliver(reader)
            if len(data) >= DIRECT_READ_MIN_BYTES and reader.awaited:
                self._receive_rest(reader)
        except BaseException as error:
            if not self._requests.torn:
                self.link.tear(error)
            raise

    def _take_refusal(self, data: bytes) -> None:
        """The server closes next, which would be all that is told to those that come later."""
        self._refused = True
        self._parse(data)  # who has given a command already is answered
        text = data[1:].partition(b"\r\n")[0].decode("utf-8", "replace")
        self.link.abort(ConnectionError(f"the server refused the connection: {told(response_error(text), self)}"))

    def _receive_rest(self, reader: Reader) -> None:
        """Have the rest of a large value written to where it is collected, unless somebody else is to see it."""
        stock = getattr(self.dataReceived, "__func__", None) in self._stock
        if stock and receives_directly(self.transport, self):
            fill_from_socket(self.transport, reader, self.link.abort)

    def _take_flood(self, data: bytes) -> None:
        """Hand on in slices, where there is a reactor to go on with them."""
        if self._flood is None:
            if getattr(self.transport, "reactor", None) is None:
                self._parse(data)
                return
            self._flood = Flood(self.transport, self._parse, self._flood_is_over, self.link.tear)
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
