"""The reading side of one connection: pass received bytes to the parser, and deliver the replies to the requests.

Bytes are usually parsed when they are received. There are two exceptions. A flood, a large chunk while many requests
are in flight, is parsed over several turns of the reactor. A large value is received from the socket directly into the
buffer that becomes the value.

:class:`Reading` must not know of commands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from .._implementation import IMPLEMENTATION
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
    read_compiled,
    receives_directly,
)
from .state import ConnectionState

_Receive = TypeVar("_Receive", bound=Callable[..., None])

if TYPE_CHECKING or IMPLEMENTATION == "python":

    def compiled_receive(receive: _Receive) -> _Receive:
        """Return the method itself: the compiled one is :func:`._creading.compiled_receive`."""
        return receive

    def stands_for(deliver_replies: Callable[..., None], reply_received: Callable[..., None]) -> None:
        """Tell the compiled method for which methods of the protocol it stands."""

else:
    from ._creading import compiled_receive, stands_for

if TYPE_CHECKING:
    from .link import Link

__all__ = ["Reading", "stands_for"]

#: The bytes with which a reply of any version of RESP begins.
TYPE_BYTES = b"+-:$*_,#!=(%~>|"

#: Prefixes of the error that a server sends, before it closes, to a client that it refuses.
REFUSALS = (b"-DENIED ", b"-ERR max number of clients")

DRAINING = ConnectionState.DRAINING


class Reading:
    """Parses received bytes, and delivers the replies in them.

    :ivar reader: the parser; None before the first byte.
    :ivar flood: the backlog being parsed over several reactor turns, or None.
    :ivar refused: whether the server has refused the connection.
    :ivar strange: whether the peer's first byte begins no reply: it is another kind of server.
    """

    __slots__ = ("_link", "flood", "reader", "refused", "strange")

    def __init__(self, link: Link) -> None:
        """Make the reading side of a connection."""
        self._link = link
        self.reader: Reader | None = None
        self.flood: Flood | None = None
        self.refused = False
        self.strange = False

    @compiled_receive
    def receive(self, data: bytes) -> None:
        """Parse bytes, and deliver each reply that they complete before returning, unless they are a flood."""
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
        """Make the reader for the first bytes; None if these are a TLS alert or a refusal."""
        link = self._link
        reader: Reader = link.protocol._make_reader()
        self.reader = reader
        reader.on_error = telling_of_replica(link.protocol)
        if data[:2] == ALERT:
            server = name_of_peer(link.requests.transport) or "the server"
            why = f"{server} speaks TLS, and this connection does not (rediss://, tls=True)"
            link.abort(ProtocolError(why))
            return None
        self.strange = data[:1] not in TYPE_BYTES
        if data.startswith(REFUSALS):
            self._take_refusal(data)
            return None
        read_compiled(link.requests.transport, link.protocol, self.receive, link.protocol._stock_receivers)
        return reader

    def _take_refusal(self, data: bytes) -> None:
        """Keep the server's refusal as the reason for closing: the close that follows gives none."""
        self.refused = True
        self._parse(data)  # the refusal answers a command that is already in flight
        text = data[1:].partition(b"\r\n")[0].decode("utf-8", "replace")
        why = told(response_error(text), self._link.protocol)
        self._link.abort(ConnectionError(f"the server refused the connection: {why}"))

    def deliver(self, reader: Reader) -> None:
        """Deliver every complete reply, then write the commands that their callbacks have sent, together."""
        link = self._link
        requests = link.requests
        nested = requests.delivering  # a fake transport answers inside its write()
        try:
            requests.delivering = True
            try:
                link.protocol.deliverReplies(reader)
            except ProtocolError as error:
                link.abort(error)
            if not nested:
                if requests.full and requests.has_room() and link.on_room is not None:
                    link.on_room(link.protocol)  # commands that this sends go out in the same write
                requests.delivering = False
                if requests.outgoing is not None:
                    link.writing.flush()
                if link.on_busy is not None and len(requests.waiting) > BUSY_MIN_REQUESTS:
                    link.on_busy(link.protocol)
                if link.state is DRAINING:
                    link.close_if_idle()
        except BaseException as error:
            requests.delivering = nested
            link.tear(error)
            raise

    # -- large values and floods

    def _receive_rest(self, reader: Reader) -> None:
        """Receive the rest of a large value into its buffer, unless ``dataReceived`` is overridden."""
        link = self._link
        transport = link.requests.transport
        if link.protocol._receives_unseen and receives_directly(transport, link.protocol):
            fill_from_socket(transport, reader, link.abort)

    def _take_flood(self, data: bytes) -> None:
        """Parse in slices, one a turn of the reactor; at once if the transport has no reactor."""
        transport = self._link.requests.transport
        if self.flood is None:
            if transport is None or getattr(transport, "reactor", None) is None:
                self._parse(data)
                return
            self.flood = Flood(transport, self._parse, self._flood_is_over, self._link.tear)
        self.flood.add(data)

    def _flood_is_over(self) -> None:
        flood, self.flood = self.flood, None
        if flood is not None and not self._link.protocol.paused:
            self._link.requests.transport.resumeProducing()  # type: ignore[union-attr]
            if self.reader is not None and self.reader.awaited:
                self._receive_rest(self.reader)

    def end(self) -> None:
        """Parse the backlog of a lost connection; release buffers of incomplete replies and unsent commands.

        The protocol is part of reference cycles, so these buffers, which may be large, would else stay until the
        garbage collector runs.
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
