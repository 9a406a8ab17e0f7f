"""A lone command, and what callbacks of replies send, go to the socket at once, over TCP and over TLS."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted
from testbed.live import bounded, opened
from testbed.tls import TLSProxy
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater

import txredis_fast as redis
from txredis_fast.transport import socket_write

LARGE = "x" * 5_000_000


class Writes:
    """What a transport of Twisted's does for the sake of a later turn of the reactor."""

    def __init__(self, transport: Any, monkeypatch: Any) -> None:
        self.waits: list[str] = []
        #: The transport on the socket itself.
        self.socket = getattr(transport, "transport", None) or transport
        self._note(self.socket, "startWriting", monkeypatch)
        if self.socket is not transport:
            self._note(transport._aggregator, "write", monkeypatch)
            if "write" in vars(transport):
                monkeypatch.setattr(transport, "write", transport._aggregator.write)

    def _note(self, target: Any, name: str, monkeypatch: Any) -> None:
        method = getattr(target, name)

        def noted(*args: Any) -> Any:
            self.waits.append(name)
            return method(*args)

        monkeypatch.setattr(target, name, noted)


@pytest_twisted.async_yield_fixture(params=["TCP", "TLS"])
async def connect(request: Any, server: Any, certificates: Any) -> Any:
    """Connects to the server."""
    end = TLSProxy(server.host, server.port, certificates) if request.param == "TLS" else None

    def connect(**options: Any) -> Any:
        if end is None:
            return redis.Connection(server.host, server.port, **options)
        return redis.Connection("localhost", end.port, tls=True, tls_ca=certificates.authority, **options)

    yield connect
    if end is not None:
        await end.stop()


@pytest_twisted.ensureDeferred
async def test_a_lone_command_does_not_wait_for_the_reactor(connect, monkeypatch):
    async with opened(connect()) as rc:
        writes = Writes(rc._factory.pool[0].transport, monkeypatch)
        for number in range(20):
            await deferLater(reactor, 0)  # a turn of its own, as that of a web server
            assert await bounded(rc.set("key", str(number))) == "OK"
        assert writes.waits == []


@pytest_twisted.ensureDeferred
async def test_what_a_reply_leads_to_does_not_wait_for_the_reactor(connect, monkeypatch):
    async with opened(connect()) as rc:
        await rc.set("key", "value")
        writes = Writes(rc._factory.pool[0].transport, monkeypatch)

        async def one() -> None:
            for _ in range(20):
                assert await rc.get("key") == "value"

        await bounded(redis_together([one() for _ in range(10)]))
        # The first commands of all but the first coroutine were one burst.
        assert len(writes.waits) <= 10, writes.waits


def redis_together(coroutines: Any) -> Any:
    from twisted.internet.defer import Deferred

    return gatherResults([Deferred.fromCoroutine(each) for each in coroutines])


@pytest_twisted.ensureDeferred
async def test_a_burst_is_written_together_in_the_order_of_its_commands(connect):
    async with opened(connect(convertNumbers=False)) as rc:
        gathered = [rc.rpush("list", str(number)) for number in range(50)]
        assert await bounded(gatherResults(gathered)) == list(range(1, 51))
        assert await bounded(rc.lrange("list", 0, -1)) == [str(number) for number in range(50)]


@pytest_twisted.ensureDeferred
async def test_more_than_the_socket_takes_goes_on_in_the_reactor(connect):
    async with opened(connect()) as rc:
        replies = [rc.set("key", LARGE), rc.get("key"), rc.append("key", "y"), rc.get("key")]
        replies = await bounded(gatherResults(replies))
        assert replies == ["OK", LARGE, len(LARGE) + 1, LARGE + "y"]


@pytest_twisted.ensureDeferred
async def test_a_socket_that_fails_is_left_to_the_reactor(connect, monkeypatch):
    async with opened(connect(reconnect=False)) as rc:
        (connection,) = rc._factory.pool
        writes = Writes(connection.transport, monkeypatch)
        monkeypatch.setattr(writes.socket, "writeSomeData", lambda data: ConnectionError("broken"))
        with pytest.raises(redis.MaybeExecutedError):
            await bounded(rc.get("key"))


@pytest_twisted.ensureDeferred
async def test_the_public_way_gives_the_same(connect, monkeypatch):
    monkeypatch.setattr(socket_write, "enabled", False)
    async with opened(connect()) as rc:
        writes = Writes(rc._factory.pool[0].transport, monkeypatch)
        assert await bounded(rc.set("key", "value")) == "OK"
        assert await bounded(rc.get("key")) == "value"
        assert writes.waits, "the reactor writes"


@pytest_twisted.ensureDeferred
async def test_a_transport_whose_write_is_another_ones_is_written_to_in_the_public_way(server, monkeypatch):
    from twisted.internet import tcp

    seen: list[bytes] = []

    async with opened(redis.Connection(server.host, server.port)) as rc:
        (connection,) = rc._factory.pool
        assert isinstance(connection.transport, tcp.Connection)

        class Wrapper:
            """A program's own transport around Twisted's."""

            def write(self, data: bytes) -> None:
                seen.append(data)
                inner.write(data)

            def __getattr__(self, name: str) -> Any:
                return getattr(inner, name)

        inner = connection.transport
        connection.transport = Wrapper()
        assert await bounded(rc.ping()) == "PONG"
        assert seen == [b"*1\r\n$4\r\nPING\r\n"]
        connection.transport = inner


@pytest_twisted.ensureDeferred
async def test_after_startTLS_nothing_is_written_in_plain_text(server, certificates, monkeypatch):
    from twisted.internet.ssl import optionsForClientTLS

    plain: list[bytes] = []

    class StartsTLS(redis.RedisProtocol):
        def connectionMade(self) -> Any:
            send = self.transport.writeSomeData
            monkeypatch.setattr(self.transport, "writeSomeData", lambda data: plain.append(data) or send(data))
            self.transport.startTLS(optionsForClientTLS("localhost", certificates.trust_root()))
            return super().connectionMade()

    end = TLSProxy(server.host, server.port, certificates)
    factory = redis.RedisFactory(None, None, 1)
    factory.protocol = StartsTLS
    factory.clientName = "marked"
    try:
        reactor.connectTCP("localhost", end.port, factory)  # type: ignore[attr-defined]
        async with opened(factory.deferred) as rc:
            assert await bounded(rc.set("key", "marked")) == "OK"
            await bounded(gatherResults([rc.get("key") for _ in range(10)]))
            assert plain
            assert b"marked" not in b"".join(plain)
    finally:
        factory.stopTrying()
        await end.stop()
