"""Reading of one connection: bytes from the transport to the parser, and replies to those that wait for them.

Most bytes are parsed as they come. A flood of them is parsed over several turns of the reactor, and a large value is
received directly into the buffer that becomes it.

:class:`Reading` must not know of commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._roles import telling_of_replica
from .._tunables import BUSY_MIN_REQUESTS, DIRECT_READ_MIN_BYTES, FLOOD_MIN_REQUESTS, REPLY_CHUNK_BYTES
from ..exceptions import ConnectionError, ProtocolError, response_error
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
from .state import ConnectionState

if TYPE_CHECKING:
    from .link import Link

__all__ = ["Reading"]

#: How servers begin what they say to a client that they accept only to tell it that they do not.
REFUSALS = (b"-DENIED ", b"-ERR max number of clients")

DRAINING = ConnectionState.DRAINING


class Reading:
    """Takes bytes, and has the replies in them delivered.

    :ivar reader: parses them; None before the first byte.
    :ivar flood: the backlog being parsed over several reactor turns; None where there is none.
    :ivar delivering: whether replies are being delivered: what callbacks send then is collected for one write.
    :ivar refused: whether the server has refused the connection as such.
    """

    __slots__ = ("_link", "delivering", "flood", "reader", "refused")

    def __init__(self, link: Link) -> None:
        """Make the part of a connection that reads."""
        self._link = link
        self.reader: Reader | None = None
        self.flood: Flood | None = None
        self.delivering = False
        self.refused = False

    def receive(self, data: bytes) -> None:
        """Take bytes, and deliver each reply that they complete before returning, unless they are a flood."""
        if self.flood is not None or (
            len(data) > REPLY_CHUNK_BYTES and len(self._link.requests.waiting) > FLOOD_MIN_REQUESTS
        ):
            self._take_flood(data)
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        link = self._link
        if link.end_reason is not None:
            link.end_if_torn()
            return
        try:
            reader = self.reader
            if reader is None:
                reader = self._begin(data)
                if reader is None:
                    return
            try:
                reader.feed(data)
            except ProtocolError as error:
                link.abort(error)
                return
            self.deliver(reader)
            if len(data) >= DIRECT_READ_MIN_BYTES and reader.awaited:
                self._receive_rest(reader)
        except BaseException as error:
            if not link.requests.torn:
                link.tear(error)
            raise

    def _begin(self, data: bytes) -> Reader | None:
        """Make the reader, when the first bytes have come; None if they are not what a server says to its client."""
        link = self._link
        reader: Reader = link.protocol._make_reader()
        self.reader = reader
        reader.on_error = telling_of_replica(link.protocol)
        if data[:2] == ALERT:
            server = name_of_peer(link.requests.transport) or "the server"
            why = f"{server} speaks TLS, and this connection does not (rediss://, tls=True)"
            link.abort(ProtocolError(why))
            return None
        if data.startswith(REFUSALS):
            self._take_refusal(data)
            return None
        return reader

    def _take_refusal(self, data: bytes) -> None:
        """The server closes next, which would be all that is told to those that come later."""
        self.refused = True
        self._parse(data)  # a command that was given already is answered
        text = data[1:].partition(b"\r\n")[0].decode("utf-8", "replace")
        why = told(response_error(text), self._link.protocol)
        self._link.abort(ConnectionError(f"the server refused the connection: {why}"))

    def deliver(self, reader: Reader) -> None:
        """Deliver every complete reply; what callbacks send meanwhile is written in one piece afterwards."""
        link = self._link
        requests, writing = link.requests, link.writing
        nested = self.delivering  # by a transport that answers during write
        try:
            self.delivering = True
            writing.hold()
            try:
                link.protocol.deliverReplies(reader)
            except ProtocolError as error:
                link.abort(error)
            if not nested:
                if requests.full and requests.has_room() and link.on_room is not None:
                    link.on_room(link.protocol)  # what it gives goes out in the same write
                self.delivering = False
                writing.flush()
                if link.on_busy is not None and len(requests.waiting) > BUSY_MIN_REQUESTS:
                    link.on_busy(link.protocol)
                if link.state is DRAINING:
                    link.close_if_idle()
        except BaseException as error:
            self.delivering = nested
            link.tear(error)
            raise

    # -- large values and floods

    def _receive_rest(self, reader: Reader) -> None:
        """Have the rest of a large value written to where it is collected, unless a subclass is to see the bytes."""
        link = self._link
        transport = link.requests.transport
        if link.protocol._receives_unseen and receives_directly(transport, link.protocol):
            fill_from_socket(transport, reader, link.abort)

    def _take_flood(self, data: bytes) -> None:
        """Parse in slices, where there is a reactor to go on with them."""
        transport = self._link.requests.transport
        if self.flood is None:
            if getattr(transport, "reactor", None) is None:
                self._parse(data)
                return
            self.flood = Flood(transport, self._parse, self._flood_is_over, self._link.tear)
        self.flood.add(data)

    def _flood_is_over(self) -> None:
        flood, self.flood = self.flood, None
        if flood is not None and not self._link.protocol.paused:
            transport: Any = self._link.requests.transport
            transport.resumeProducing()
            if self.reader is not None and self.reader.awaited:
                self._receive_rest(self.reader)

    def end(self) -> None:
        """The connection is lost: parse the backlog; let go of what came, or went, in part.

        That may be much, and the protocol is in cycles, so that it lives until the garbage collector has looked at all.
        """
        flood, self.flood = self.flood, None
        try:
            if flood is not None:
                flood.finish()
        finally:
            transport = self._link.requests.transport
            fill_no_more(transport)
            forget_unsent(transport)
            if self.reader is not None:
                self.reader.forget()
