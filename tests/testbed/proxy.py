"""A proxy that misbehaves as told, between a client and a real server: on a port, or on a unix socket.

::

    async with proxied(server.host, server.port) as proxy:
        rc = await redis.Connection(*proxy.address)
        proxy.faults = Fault(), Fault(cut_after=100)     # (up, down) of connections made from now on
        proxy.set_faults(Fault(), Fault(delay=0.5))      # of those that there are, too
        proxy.stop_forwarding()                          # half-open: all stay open, and nothing passes
        proxy.reset()                                    # every connection
        proxy.refuse()                                   # new connections; proxy.accept() ends it
        proxy.on_accept = OnAccept.CLOSE                 # accept, and close at once

Knows nothing of Redis. Its port stays its own while it refuses: a second socket holds it.
"""

from __future__ import annotations

import contextlib
import enum
import socket
import tempfile
from collections.abc import AsyncIterator
from typing import Any

from twisted.internet import defer
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from .ways import NO_FAULT, Fault, Way


class OnAccept(enum.Enum):
    """What happens to a new connection."""

    FORWARD = "forward"
    #: Closed at once, in order.
    CLOSE = "close"
    #: Reset at once.
    RESET = "reset"
    #: Kept open; nothing is read or sent.
    SILENT = "silent"
    #: Sent what is no RESP, then kept open.
    GARBAGE = "garbage"


class _Front(Protocol):
    """The client's side of one connection."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.back: _Back | None = None
        self.up: Way | None = None
        self.down: Way | None = None
        self._early: list[bytes] = []
        self._connecting: Any = None
        self._gone = False

    def connectionMade(self) -> None:
        proxy = self.proxy
        proxy.accepted += 1
        proxy.fronts.add(self)
        set_no_delay = getattr(self.transport, "setTcpNoDelay", None)
        if set_no_delay is not None:
            with contextlib.suppress(OSError):  # older Twisted has it on unix sockets, too
                set_no_delay(True)
        mode = proxy.on_accept
        if mode is OnAccept.CLOSE:
            self.transport.loseConnection()
        elif mode is OnAccept.RESET:
            self.transport.abortConnection()
        elif mode is OnAccept.GARBAGE:
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        elif mode is OnAccept.FORWARD:
            up, down = proxy.faults
            self.up = Way(proxy.reactor, up, self._write_up, self.cut)
            self.down = Way(proxy.reactor, down, self.transport.write, self.cut)
            factory = Factory.forProtocol(lambda: _Back(self))
            factory.noisy = False
            self._connecting = proxy.endpoint.connect(factory)
            self._connecting.addErrback(self._not_connected)

    def _not_connected(self, failure: Failure) -> None:
        if not self._gone:
            self.cut()

    def _write_up(self, data: bytes) -> None:
        if self.back is None:
            self._early.append(data)
        else:
            self.back.transport.write(data)

    def back_made(self, back: _Back) -> None:
        if self._gone:
            back.transport.abortConnection()
            return
        self.back = back
        for data in self._early:
            back.transport.write(data)
        self._early.clear()

    def dataReceived(self, data: bytes) -> None:
        self.proxy.bytes_up += len(data)
        if self.up is not None:
            self.up.feed(data)

    def connectionLost(self, reason: Failure = None) -> None:
        self._gone = True
        self.proxy.fronts.discard(self)
        self._close_ways()
        if self._connecting is not None:
            self._connecting.cancel()
        if self.back is not None:
            self.back.transport.abortConnection()
        self.proxy._front_lost()

    def back_lost(self) -> None:
        """The server closed its side: so does the proxy, once all has passed, unless it is to seem half-open."""
        if self._gone or self.down is None or self.down.fault.stop_after is not None:
            return
        self.down.end(self.transport.loseConnection)

    def cut(self) -> None:
        """Reset both sides."""
        self._close_ways()
        if self.back is not None:
            self.back.transport.abortConnection()
        self.transport.abortConnection()

    def _close_ways(self) -> None:
        for way in (self.up, self.down):
            if way is not None:
                way.close()


class _Back(Protocol):
    """The server's side."""

    def __init__(self, front: _Front) -> None:
        self.front = front

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.front.back_made(self)

    def dataReceived(self, data: bytes) -> None:
        self.front.proxy.bytes_down += len(data)
        if self.front.down is not None:
            self.front.down.feed(data)

    def connectionLost(self, reason: Failure = None) -> None:
        self.front.back_lost()


class Proxy:
    """Listens on a free port of 127.0.0.1 and forwards to a server.

    :ivar endpoint: where new connections are forwarded to; replace it to fail over.
    :ivar faults: of new connections: (from client to server, from server to client).
    :ivar on_accept: what happens to new connections.
    :ivar accepted: how many were accepted so far.
    :ivar bytes_up: how many bytes came from clients; :ivar bytes_down: from the server.
    """

    host = "127.0.0.1"

    def __init__(self, host: str, port: int, *, faults: tuple[Fault, Fault] = (NO_FAULT, NO_FAULT)) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.endpoint: Any = TCP4ClientEndpoint(reactor, host, port, timeout=5)
        self.faults = faults
        self.on_accept = OnAccept.FORWARD
        self.accepted = 0
        self.bytes_up = 0
        self.bytes_down = 0
        self.fronts: set[_Front] = set()
        self._listening: Any = None
        self._all_lost: defer.Deferred[None] | None = None
        self._factory = self._make_factory()
        self._take_address()
        self.accept()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port

    def forward_to(self, host: str, port: int) -> None:
        """Forward connections made from now on to another server."""
        self.endpoint = TCP4ClientEndpoint(self.reactor, host, port, timeout=5)

    def set_faults(self, up: Fault = NO_FAULT, down: Fault = NO_FAULT) -> None:
        """Give these faults to the connections that there are, and to new ones."""
        self.faults = (up, down)
        for front in self.fronts:
            if front.up is not None and front.down is not None:
                front.up.fault, front.down.fault = up, down

    def stop_forwarding(self, new: bool = False) -> None:
        """Let the connections that there are stay open, and nothing pass any more, not even their end.

        :param new: whether new connections are accepted and never answered, too.
        """
        for front in self.fronts:
            if front.up is not None and front.down is not None:
                front.up.fault = front.down.fault = Fault(stop_after=0)
        if new:
            self.on_accept = OnAccept.SILENT

    def reset(self, how_many: int | None = None) -> int:
        """Reset connections, all unless told; returns how many."""
        chosen = list(self.fronts)[:how_many]
        for front in chosen:
            front.cut()
        return len(chosen)

    def refuse(self) -> defer.Deferred[Any]:
        """Refuse new connections; the others stay. Fires when that holds."""
        listening, self._listening = self._listening, None
        return defer.maybeDeferred(listening.stopListening) if listening is not None else defer.succeed(None)

    def accept(self) -> None:
        """Accept new connections again."""
        if self._listening is None:
            self._listening = self._listen()

    def _make_factory(self) -> Any:
        factory = Factory.forProtocol(lambda: _Front(self))
        factory.noisy = False
        return factory

    def _take_address(self) -> None:
        """Take an address that stays this proxy's own, also while it refuses."""
        # Bound for good and never listening: connecting is refused while there is no other socket, and neither
        # another program nor an outgoing connection gets the port.
        self._holder = self._bind(0)
        self.port: int = self._holder.getsockname()[1]

    def _give_address_back(self) -> None:
        self._holder.close()

    def _listen(self) -> Any:
        with self._bind(self.port) as listener:
            listener.listen(128)
            listener.setblocking(False)
            return self.reactor.adoptStreamPort(listener.fileno(), socket.AF_INET, self._factory)

    def _bind(self, port: int) -> socket.socket:
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((self.host, port))
        return bound

    def _front_lost(self) -> None:
        if self._all_lost is not None and not self.fronts:
            done, self._all_lost = self._all_lost, None
            done.callback(None)

    async def stop(self) -> None:
        """Stop listening and reset every connection."""
        await self.refuse()
        self._give_address_back()
        if self.fronts:
            self._all_lost = done = defer.Deferred()
            self.reset()
            await done


class UnixProxy(Proxy):
    """The same on a unix socket, in a temporary folder that is removed at the end; there is no file while it refuses.

    :ivar path: of the socket.
    """

    def _take_address(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="txrf-")
        self.path = f"{self._folder.name}/socket"

    def _give_address_back(self) -> None:
        self._folder.cleanup()

    def _listen(self) -> Any:
        return self.reactor.listenUNIX(self.path, self._factory, backlog=128)


@contextlib.asynccontextmanager
async def proxied(
    host: str, port: int, *, faults: tuple[Fault, Fault] = (NO_FAULT, NO_FAULT), kind: type[Proxy] = Proxy
) -> AsyncIterator[Any]:
    """A :class:`Proxy` that is stopped at the end."""
    proxy = kind(host, port, faults=faults)
    try:
        yield proxy
    finally:
        await proxy.stop()
