"""Where scripted nodes listen: a reactor in memory whose clock the test turns, or real sockets on loopback."""

from __future__ import annotations

import contextlib
import socket
from bisect import insort
from collections.abc import AsyncIterator
from typing import Any

from twisted.internet import defer
from twisted.internet.address import IPv4Address
from twisted.internet.base import DelayedCall
from twisted.internet.error import ConnectionRefusedError, TimeoutError, UserError
from twisted.internet.interfaces import IConnector, IReactorPluggableNameResolver, IReactorTCP
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from ..scripted import MemoryLink, settle
from ..support import Resolver, Turns
from ..ways import NO_FAULT, Fault
from .cluster import ScriptedCluster
from .node import ScriptedNode

#: The port of the first node in memory.
FIRST_PORT = 7000
#: So many calls at one time are a circle.
MOST_CALLS = 300_000


class _Call(DelayedCall):
    """Says, too, when it is put off."""

    def reset(self, seconds: float) -> None:
        super().reset(seconds)
        self.resetter(self)

    def delay(self, seconds: float) -> None:
        super().delay(seconds)
        self.resetter(self)


@implementer(IReactorTCP, IReactorPluggableNameResolver)
class Network(Turns):
    """A clock on which TCP works, in memory; let it be ``txredis_fast.reactor``. All names are 127.0.0.1.

    :ivar links: every connection, while it is up.
    :ivar attempts: how many attempts to connect there were.
    :ivar faults: of the next connections: (up, down).
    """

    def __init__(self) -> None:
        super().__init__()
        self.nameResolver = Resolver()
        self.links: list[MemoryLink] = []
        self.attempts = 0
        self.faults: tuple[Fault, Fault] = (NO_FAULT, NO_FAULT)
        self.doors: dict[int, MemoryDoor] = {}

    @property
    def clock(self) -> Network:
        """What tells the time."""
        return self

    def turn(self, seconds: float) -> None:
        """Let time pass in steps of 10 milliseconds, and everything happen that is due in each."""
        for _ in range(round(seconds / 0.01)):
            self.advance(0.01)
            self.settle()

    def callLater(self, delay: float, callable: Any, *args: Any, **kw: Any) -> DelayedCall:
        """As a clock does; that one sorts all calls each time, too slow for a million commands."""
        due = self.seconds() + delay
        call = _Call(due, callable, args, kw, self.calls.remove, lambda call: self._sortCalls(), self.seconds)
        insort(self.calls, call, key=DelayedCall.getTime)
        return call

    def advance(self, amount: float) -> None:
        """As a clock does; but what never lets the time pass is an error."""
        self.runAsked()
        self.rightNow += amount
        calls, left = self.calls, MOST_CALLS
        while calls and calls[0].getTime() <= self.rightNow:
            left -= 1
            if not left:
                raise AssertionError(f"{MOST_CALLS} calls, and no end: {calls[0]}")
            call = calls.pop(0)
            call.called = 1
            call.func(*call.args, **call.kw)

    def door(self, node: ScriptedNode) -> MemoryDoor:
        """A port of the node's own, which no other had before."""
        door = MemoryDoor(node, FIRST_PORT + len(self.doors))
        self.doors[door.port] = door
        node.port = door.port
        return door

    def settle(self, turns: int = 100000) -> None:
        """Turn it, without time passing, until nothing is due."""
        settle(self, turns)

    def installNameResolver(self, resolver: Any) -> Any:
        """Let names be found otherwise; returns the former resolver."""
        former, self.nameResolver = self.nameResolver, resolver
        return former

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None
    ) -> MemoryConnector:
        """Connect to the node that listens at this port."""
        connector = MemoryConnector(self, host, port, factory, timeout)
        connector.connect()
        return connector

    def listenTCP(self, *unused: Any, **options: Any) -> Any:
        """Not here: nodes listen at their doors."""
        raise NotImplementedError


class MemoryDoor:
    """Where a node listens in memory."""

    def __init__(self, node: ScriptedNode, port: int) -> None:
        self.node = node
        self.port = port
        self.is_open = False

    def open(self) -> None:
        """Accept connections."""
        self.is_open = True

    def close(self) -> None:
        """Refuse them."""
        self.is_open = False


@implementer(IConnector)
class MemoryConnector:
    """One client's way to a port."""

    def __init__(self, network: Network, host: str, port: int, factory: Any, timeout: float) -> None:
        self.reactor = network
        self.host = host
        self.port = port
        self.factory = factory
        self.timeout = timeout
        self._call: Any = None
        self._link: MemoryLink | None = None

    def connect(self) -> None:
        """Begin an attempt."""
        if self._call is not None:
            raise RuntimeError("connecting already")
        self.factory.doStart()
        self.factory.startedConnecting(self)
        self.reactor.attempts += 1
        door = self.reactor.doors.get(self.port)
        if door is not None and door.node.unreachable:
            self._call = self.reactor.callLater(self.timeout, self._fail, TimeoutError())
        else:
            self._call = self.reactor.callLater(0, self._attempt)

    def stopConnecting(self) -> None:
        """End an attempt."""
        if self._call is not None:
            self._call.cancel()
            self._fail(UserError())

    def disconnect(self) -> None:
        """End an attempt or a connection."""
        if self._call is not None:
            self.stopConnecting()
        elif self._link is not None:
            self._link.client.loseConnection()

    def getDestination(self) -> IPv4Address:
        """Where it leads."""
        return IPv4Address("TCP", self.host, self.port)

    def _fail(self, error: Exception) -> None:
        self._call = None
        self.factory.clientConnectionFailed(self, Failure(error))
        if self._call is None:  # not tried again
            self.factory.doStop()

    def _attempt(self) -> None:
        door = self.reactor.doors.get(self.port)
        if door is None or not door.is_open:
            self._fail(ConnectionRefusedError())
            return
        self._call = None
        protocol = self.factory.buildProtocol(self.getDestination())
        if protocol is None:
            self._fail(ConnectionRefusedError())
            return
        self._link = _Link(self, protocol, door.node.session())


class _Link(MemoryLink):
    """A link that its connector and its network know."""

    def __init__(self, connector: MemoryConnector, protocol: Any, session: Any) -> None:
        self._connector = connector
        self._network = network = connector.reactor
        network.links.append(self)
        super().__init__(
            protocol, session, network, *network.faults, tells_reactor=True, address=(connector.host, connector.port)
        )

    def _lose(self, why: BaseException) -> None:
        was = self.client.connected
        super()._lose(why)
        if was and not self.client.connected:
            self._network.links.remove(self)
            self._connector.factory.clientConnectionLost(self._connector, Failure(why))


class Sockets:
    """The real network of loopback."""

    def __init__(self) -> None:
        from twisted.internet import reactor

        self.clock: Any = reactor
        self.doors: list[SocketDoor] = []

    def door(self, node: ScriptedNode) -> SocketDoor:
        """A port of the node's own."""
        door = SocketDoor(self.clock, node)
        self.doors.append(door)
        node.port = door.port
        return door


class SocketDoor:
    """Where a node listens on a socket; its port stays its own while it refuses."""

    def __init__(self, reactor: Any, node: ScriptedNode) -> None:
        self._reactor = reactor
        self.node = node
        # Bound for good and never listening: see ``proxy.Proxy``.
        self._holder = self._bind(0)
        self.port: int = self._holder.getsockname()[1]
        self._port: Any = None
        self._factory = Factory.forProtocol(self.node.session)
        self._factory.noisy = False

    @property
    def is_open(self) -> bool:
        """Whether it accepts connections."""
        return self._port is not None

    def open(self) -> None:
        """Accept connections."""
        if self._port is None:
            with self._bind(self.port) as listener:
                listener.listen(128)
                listener.setblocking(False)
                self._port = self._reactor.adoptStreamPort(listener.fileno(), socket.AF_INET, self._factory)

    def close(self) -> Any:
        """Refuse them."""
        port, self._port = self._port, None
        return defer.maybeDeferred(port.stopListening) if port is not None else defer.succeed(None)

    async def stop(self) -> None:
        """Close it, and give its port back."""
        await self.close()
        self._holder.close()

    def _bind(self, port: int) -> socket.socket:
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((self.node.host, port))
        return bound


@contextlib.asynccontextmanager
async def listening_cluster(*args: Any, **options: Any) -> AsyncIterator[ScriptedCluster]:
    """A :class:`ScriptedCluster` on sockets, with its arguments but the first, that is stopped at the end."""
    sockets = Sockets()
    cluster = ScriptedCluster(sockets, *args, **options)
    try:
        yield cluster
    finally:
        for door in sockets.doors:
            await door.stop()
        for node in cluster.nodes:
            node.lose_connections()
