"""Connections in memory: a transport, its connector, and a reactor that makes them. No socket, no thread.

Bytes are delivered in the next turn of the clock, in their order, as over a socket: never in the middle of a write.
This module must not know Redis.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, Protocol

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.base import BaseConnector
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IReactorUNIX,
    IResolutionReceiver,
)
from twisted.internet.protocol import ClientFactory
from twisted.internet.testing import StringTransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["FakeReactor", "FakeTransport", "Listener", "Peer"]

_log = Logger()

#: The address of the client's end.
_CLIENT = IPv4Address("TCP", "127.0.0.1", 49152)


class Peer(Protocol):
    """The server's end of a connection."""

    def receive(self, data: bytes) -> None:
        """Bytes have come."""

    def lost(self) -> None:
        """The connection is gone."""


class Listener(Protocol):
    """The side that accepts connections.

    :ivar refuses: whether attempts to connect fail.
    """

    refuses: bool

    def accept(self, transport: FakeTransport) -> Peer:
        """Return the server's end of a new connection."""


class FakeTransport(StringTransport):
    """The client's end of a connection.

    :ivar reactor: the :class:`FakeReactor`; drivers set their timers there.
    """

    def __init__(self, connector: FakeConnector) -> None:
        super().__init__(hostAddress=_CLIENT, peerAddress=connector.getDestination())  # type: ignore[no-untyped-call]
        self.reactor: FakeReactor = connector.reactor  # type: ignore[assignment]
        self.connected = False
        self.protocol: Any = None
        self._connector = connector
        self._peer: Peer | None = None
        self._failed = False
        self._kept: list[bytes] = []
        self._queue: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._call: IDelayedCall | None = None
        self._attempt: IDelayedCall = self.reactor.callLater(0, self._connect)

    # -- connecting

    def _connect(self) -> None:
        listener = self._connector.listener
        if listener.refuses:
            self.failIfNotConnected(ConnectionRefusedError())
            return
        protocol = self._connector.buildProtocol(self._connector.getDestination())
        if protocol is None:
            self._failed = True
            self._connector.connectionLost(Failure(ConnectionDone()))
            return
        self.connected = True
        self.protocol = protocol
        self._peer = listener.accept(self)
        protocol.makeConnection(self)

    def failIfNotConnected(self, error: BaseException) -> None:
        """End the attempt, as connectors ask for it."""
        if self.connected or self._failed:
            return
        self._failed = True
        if self._attempt.active():
            self._attempt.cancel()
        self._connector.connectionFailed(Failure(error))

    # -- the client's side

    def write(self, data: bytes) -> None:
        """Deliver bytes to the server in the next turn."""
        if not isinstance(data, bytes):
            raise TypeError(f"a transport takes bytes, not {type(data).__name__}")
        if self.connected and not self.disconnecting and self._peer is not None:
            self._later(self._peer.receive, data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Deliver joined bytes."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close the connection after what was written."""
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self._later(self.end, ConnectionDone())

    def abortConnection(self) -> None:
        """Lose the connection in the next turn."""
        if self.connected:
            self.disconnecting = self.disconnected = True
            self._later(self.end, ConnectionLost())

    def pauseProducing(self) -> None:
        """Keep what comes."""
        self.producerState = "paused"

    def resumeProducing(self) -> None:
        """Deliver what was kept."""
        self.producerState = "producing"
        kept, self._kept = self._kept, []
        for data in kept:
            self._later(self._deliver, data)

    def stopProducing(self) -> None:
        """Close the connection."""
        self.loseConnection()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Do nothing: there is no socket."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Do nothing: there is no socket."""

    # -- the server's side

    def send(self, data: bytes) -> None:
        """Deliver bytes to the client in the next turn."""
        if self.connected:
            self._later(self._deliver, data)

    def close(self, error: BaseException | None = None) -> None:
        """Lose the connection in the next turn, after what was sent.

        :param error: the reason that the client sees; None: the server has closed it in order.
        """
        self._later(self.end, ConnectionDone() if error is None else error)

    def end(self, error: BaseException) -> None:
        """Lose the connection now; what is on its way is lost, too."""
        if not self.connected:
            return
        self.connected = False
        self._queue.clear()
        self._kept.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._peer is not None:
            self._peer.lost()
        reason = Failure(error)
        try:
            self.protocol.connectionLost(reason)
        except Exception:
            _log.failure("connectionLost() of {protocol} raised", protocol=self.protocol)
        self._connector.connectionLost(reason)

    def _deliver(self, data: bytes) -> None:
        if self.producerState == "paused":
            self._kept.append(data)
            return
        try:
            self.protocol.dataReceived(data)
        except Exception as error:  # as a reactor does it
            _log.failure("dataReceived() of {protocol} raised", protocol=self.protocol)
            self.end(error)

    def _later(self, function: Callable[..., object], *args: object) -> None:
        self._queue.append((function, args))
        if self._call is None:
            self._call = self.reactor.callLater(0, self._turn)

    def _turn(self) -> None:
        self._call = None
        for _ in range(len(self._queue)):
            if not self._queue:  # the connection has ended
                return
            function, args = self._queue.popleft()
            function(*args)
        if self._queue and self._call is None:
            self._call = self.reactor.callLater(0, self._turn)


class FakeConnector(BaseConnector):
    """Twisted's own connector, over a :class:`FakeTransport`."""

    def __init__(
        self,
        factory: ClientFactory[Any],
        timeout: float | None,
        reactor: FakeReactor,
        listener: Listener,
        address: IAddress,
    ) -> None:
        super().__init__(factory, timeout, reactor)  # type: ignore[arg-type]
        self.listener = listener
        self._address = address

    def _makeTransport(self) -> FakeTransport:  # type: ignore[override]
        return FakeTransport(self)

    def getDestination(self) -> IAddress:
        """Return the server's address."""
        return self._address


@implementer(IHostnameResolver)
class _Resolver:
    """Finds one address for every name."""

    def __init__(self, reactor: FakeReactor) -> None:
        self._reactor = reactor

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        resolutionReceiver.resolutionBegan(self)  # type: ignore[arg-type]
        resolutionReceiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
        resolutionReceiver.resolutionComplete()
        return self  # type: ignore[return-value]

    def cancel(self) -> None:
        """Do nothing: the answer has been given."""


@implementer(IReactorTime, IReactorTCP, IReactorUNIX, IReactorPluggableNameResolver)
class FakeReactor:
    """The part of a reactor that a driver needs: time, from a clock, and connections, which lead to one listener.

    Every host, port and path leads to it.

    :ivar clock: the ``IReactorTime``.
    """

    def __init__(self, clock: IReactorTime, listener: Listener) -> None:
        self.clock = clock
        self._listener = listener
        self._resolver = _Resolver(self)

    # -- IReactorTime

    def seconds(self) -> float:
        """Return the clock's time in seconds."""
        return float(self.clock.seconds())

    def callLater(self, delay: float, callable: Callable[..., object], *args: object, **kwargs: object) -> IDelayedCall:
        """Call a function when so many seconds of the clock have passed."""
        call: IDelayedCall = self.clock.callLater(delay, callable, *args, **kwargs)
        return call

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """Return the calls that are due later."""
        calls: Sequence[IDelayedCall] = self.clock.getDelayedCalls()
        return calls

    def callFromThread(self, callable: Callable[..., object], *args: object, **kwargs: object) -> None:
        """Call a function in the next turn. The reactor's thread is the test's."""
        from_thread = getattr(self.clock, "callFromThread", None)
        if from_thread is not None:
            from_thread(callable, *args, **kwargs)
        else:
            self.clock.callLater(0, callable, *args, **kwargs)

    # -- IReactorPluggableNameResolver

    @property
    def nameResolver(self) -> IHostnameResolver:
        """Finds one address for every name."""
        return self._resolver

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Refuse: every name leads to the same server."""
        raise NotImplementedError("FakeReactor resolves every name to the same server")

    # -- IReactorTCP, IReactorUNIX

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: ClientFactory[Any],
        timeout: float = 30,
        bindAddress: tuple[str, int] | None = None,
    ) -> FakeConnector:
        """Connect to the listener."""
        return self._connect(factory, timeout, IPv4Address("TCP", host, port))

    def connectUNIX(
        self, address: str, factory: ClientFactory[Any], timeout: float = 30, checkPID: bool = False
    ) -> FakeConnector:
        """Connect to the listener."""
        return self._connect(factory, timeout, UNIXAddress(address))

    def _connect(self, factory: ClientFactory[Any], timeout: float, address: IAddress) -> FakeConnector:
        connector = FakeConnector(factory, timeout, self, self._listener, address)
        connector.connect()
        return connector

    def listenTCP(self, port: int, factory: object, backlog: int = 50, interface: str = "") -> NoReturn:
        """Refuse: there are only clients."""
        raise NotImplementedError("FakeReactor has no listenTCP(): it only connects to its FakeServer")

    def listenUNIX(
        self, address: str, factory: object, backlog: int = 50, mode: int = 0o666, wantPID: bool = False
    ) -> NoReturn:
        """Refuse: there are only clients."""
        raise NotImplementedError("FakeReactor has no listenUNIX(): it only connects to its FakeServer")
