"""Adapters for the drivers on Twisted, with the methods that :mod:`bench.scenarios` calls.

A scenario awaits the driver's own method thousands of times, never a wrapper of ours.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from testbed import wire
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import deferLater

from .floor import CountingProtocol, FloorProtocol
from .server import Address, TLSAddress
from .workloads import Spec, hash_values, list_values


class TwistedClient:
    """Base class of the adapters.

    :ivar turn: returns an awaitable that ends in the next turn of the reactor.
    """

    turn = staticmethod(partial(deferLater, reactor, 0))

    def __init__(self, address: Address, tls: TLSAddress | None = None) -> None:
        self.address = address
        self.tls = tls

    def where(self, spec: Spec) -> Address | TLSAddress:
        """Return the address of the server of a spec."""
        if not spec.tls:
            return self.address
        assert self.tls is not None
        return self.tls

    @staticmethod
    def arguments(spec: Spec) -> tuple[Any, ...]:
        """Return the arguments of the driver's method."""
        return spec.arguments

    @staticmethod
    def together(coroutines: Iterable[Coroutine[Any, Any, Any]]) -> Awaitable[Any]:
        """Run coroutines concurrently."""
        return gatherResults([Deferred.fromCoroutine(coroutine) for coroutine in coroutines], consumeErrors=True)

    @staticmethod
    def gather(calls: list[Any]) -> Awaitable[Any]:
        """Wait for all results, as a program would."""
        return gatherResults(calls, consumeErrors=True)

    @staticmethod
    def begin(calls: list[Any]) -> Awaitable[Any]:
        """Put the commands in flight."""
        return succeed(calls)


def endpoint(address: Address) -> TCP4ClientEndpoint:
    return TCP4ClientEndpoint(reactor, address.host, address.port)


def tls_endpoint(tls: TLSAddress) -> IStreamClientEndpoint:
    """Return the endpoint of a server whose certificate is verified."""
    from twisted.internet.endpoints import wrapClientTLS
    from twisted.internet.ssl import Certificate, optionsForClientTLS

    authority = Certificate.loadPEM(Path(tls.authority).read_bytes())
    options = optionsForClientTLS(tls.host, trustRoot=authority)
    return wrapClientTLS(options, TCP4ClientEndpoint(reactor, tls.host, tls.port))


class Txredisapi(TwistedClient):
    """txredisapi, and drivers with its interface."""

    module = "txredisapi"

    def __init__(self, address: Address, tls: TLSAddress | None = None) -> None:
        super().__init__(address, tls)
        self.redis: Any = importlib.import_module(self.module)
        self.rc: Any = None

    def security(self) -> dict[str, Any]:
        """Return the options for TLS. txredisapi's own context verifies nothing."""
        return {"ssl_context_factory": True}

    async def open(self, spec: Spec) -> None:
        """Connect."""
        address, where = self.address, self.where(spec)
        self.rc = await self.redis.ConnectionPool(
            where.host, where.port, address.db or None, spec.pool, password=address.password,
            username=address.username, charset="utf-8" if spec.text else None, replyTimeout=spec.timeout,
            **(self.security() if spec.tls else {}),
        )  # fmt: skip

    def command(self, spec: Spec) -> Callable[..., Any]:
        """Return the driver's method for a command."""
        name = "execute_command" if spec.command == "by_name" else spec.command
        return getattr(self.rc, name)  # type: ignore[no-any-return]

    def pipeline(self, spec: Spec) -> Callable[[], Awaitable[list[Any]]]:
        """A pipeline of GETs, as a program would write it."""
        rc, key, size = self.rc, spec.key, spec.batch

        async def run() -> list[Any]:
            pipeline = await rc.pipeline()
            for _ in range(size):
                pipeline.get(key)
            return await pipeline.execute_pipeline()  # type: ignore[no-any-return]

        return run

    def batch(self, spec: Spec) -> Callable[[], Awaitable[list[Any]]]:
        """The driver's fastest way to issue many commands: its pipeline."""
        return self.pipeline(spec)

    async def subscribe(self, spec: Spec) -> Callable[[int], Awaitable[None]]:
        """Subscribe; return a function that waits for a number of messages."""
        deferred: Deferred[None] = Deferred()
        wanted = 0

        class Subscriber(self.redis.SubscriberProtocol):  # type: ignore[misc,name-defined]
            def messageReceived(self, pattern: Any, channel: Any, message: Any) -> None:
                nonlocal wanted
                wanted -= 1
                if not wanted:
                    deferred.callback(None)

        def expect(count: int) -> Deferred[None]:
            nonlocal wanted, deferred
            wanted, deferred = count, Deferred()
            return deferred

        factory = self.redis.SubscriberFactory()
        factory.protocol = Subscriber
        factory.password, factory.username = self.address.password, self.address.username
        connected = factory.deferred
        factory.startConnecting(endpoint(self.address))
        await connected
        (connection,) = factory.pool
        subscribed = connection.subscribe(spec.channel)
        if subscribed is not None:
            await subscribed
        return expect


class TxredisFast(Txredisapi):
    """This package."""

    module = "txredis_fast"

    def security(self) -> dict[str, Any]:
        """Return the options for TLS."""
        assert self.tls is not None
        return {"tls": True, "tls_ca": self.tls.authority}

    def batch(self, spec: Spec) -> Callable[[], Awaitable[list[Any]]]:
        """The driver's fastest way to issue many commands: a batch."""
        rc, key, size = self.rc, spec.key, spec.batch

        def run() -> Awaitable[list[Any]]:
            return rc.batch([("GET", key) for _ in range(size)])  # type: ignore[no-any-return]

        return run


class Floor(TwistedClient):
    """The Twisted floor."""

    protocol: Any = None

    async def open(self, spec: Spec) -> None:
        """Connect."""
        if spec.tls:
            assert self.tls is not None
            self.protocol = await connectProtocol(tls_endpoint(self.tls), FloorProtocol())
            return
        self.protocol = await connectProtocol(endpoint(self.address), FloorProtocol())
        for command in self.address.handshake():
            await self.protocol.request(wire.command(*command), len(b"+OK\r\n"))

    def command(self, spec: Spec) -> Callable[..., Any]:
        """Write one prebuilt command; the size of its reply is known."""
        request, data, size = self.protocol.request, _request(spec), _reply_size(spec)
        return lambda *_: request(data, size)

    def batch(self, spec: Spec) -> Callable[[], Awaitable[Any]]:
        """Write many prebuilt commands with one Deferred."""
        request, data, size = self.protocol.request, _request(spec) * spec.batch, _reply_size(spec) * spec.batch
        return lambda: request(data, size)

    async def subscribe(self, spec: Spec) -> Callable[[int], Awaitable[None]]:
        """Subscribe; return a function that waits for a number of messages."""
        protocol: Any = await connectProtocol(endpoint(self.address), CountingProtocol())
        for command in self.address.handshake():
            protocol.transport.write(wire.command(*command))
            await protocol.expect(len(b"+OK\r\n"))
        confirmed = protocol.expect(len(wire.command("subscribe", spec.channel)) + len(b":1\r\n"))
        protocol.transport.write(wire.command("SUBSCRIBE", spec.channel))
        await confirmed
        size = len(wire.command("message", spec.channel, spec.value))
        return lambda count: protocol.expect(count * size)


def _request(spec: Spec) -> bytes:
    return wire.command(*spec.words)


def _reply_size(spec: Spec) -> int:
    if spec.command in ("set", "by_name"):
        return len(b"+OK\r\n")
    if spec.command == "hgetall":
        return len(wire.command(*(word for pair in hash_values().items() for word in pair)))
    if spec.command == "lrange":
        return len(wire.command(*list_values()))
    return len(b"$%d\r\n\r\n" % spec.size) + spec.size
