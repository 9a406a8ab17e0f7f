"""Outages of real servers in the log: one line when one begins and one when it ends, for every kind of handler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from testbed.live import bounded, opened, until
from testbed.servers import Server
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

import txredis_fast as redis
from txredis_fast.telemetry import outage

pytestmark = pytest.mark.promise(
    "An outage is one line of the log when it begins and one when it ends, whatever the size of the pool"
)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The lines of the log above debug."""
    monkeypatch.setattr(outage, "_groups", {})
    seen: list[str] = []

    def observe(event: Any) -> None:
        if event["log_level"] > LogLevel.debug:
            seen.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


def about(lines: list[str], server: Any) -> list[str]:
    """The beginnings and ends of the outages of one server."""
    name = f"Redis {server.host}:{server.port}: "
    return [line.removeprefix(name).split(" ")[0] for line in lines if line.startswith(name)]


@pytest_twisted.ensureDeferred
async def test_a_pool_of_ten(fresh_server, lines):
    async with opened(redis.ConnectionPool(*fresh_server.address, poolsize=10)) as rc:
        fresh_server.kill()
        await until(lambda: not rc._factory.size, "all are lost")
        await until(lambda: rc.stats().retries > 20, "they are tried again")
        fresh_server.start()
        await until(lambda: rc._factory.size == 10, "all are back")
    assert about(lines, fresh_server) == ["not", "connected"], lines
    assert len(lines) == 2, lines


@pytest_twisted.ensureDeferred
async def test_each_server_of_a_sharded_handler(fresh_server, lines):
    with Server() as other:
        hosts = [f"{each.host}:{each.port}" for each in (fresh_server, other)]
        async with opened(redis.ShardedConnectionPool(hosts, poolsize=3)) as rc:
            nodes = {node._factory.uuid: node._factory for node in rc._ring.nodes}
            for server in (fresh_server, other):
                server.kill()
            await until(lambda: not any(node.size for node in nodes.values()), "all are lost")
            fresh_server.start()
            await until(lambda: nodes[hosts[0]].size == 3, "one is back")
    assert about(lines, fresh_server) == ["not", "connected"], lines
    assert about(lines, other) == ["not"], lines
    assert len(lines) == 3, lines


@pytest_twisted.ensureDeferred
async def test_a_subscriber_of_a_server_that_is_not_there_yet(fresh_server, lines):
    fresh_server.kill()
    factory = redis.SubscriberFactory(isLazy=True)
    factory.initialDelay = factory.maxDelay = 0.05
    factory.startConnecting(TCP4ClientEndpoint(redis.reactor, *fresh_server.address))
    await until(lambda: factory.handler.stats().retries > 3, "it is tried again")
    fresh_server.start()
    await until(lambda: factory.size, "it is connected")
    await bounded(factory.disconnect())
    assert about(lines, fresh_server) == ["not", "connected"], lines
    assert len(lines) == 2, lines


@pytest_twisted.ensureDeferred
async def test_a_service_of_which_no_sentinel_is_there(fresh_server, lines):
    fresh_server.kill()
    sentinel = redis.Sentinel([fresh_server.address])
    sentinel.discovery_timeout = 0.3
    rc = sentinel.master_for("mymaster", poolsize=3)
    await until(lambda: rc.stats().retries > 6, "it is tried again")
    place = f"{fresh_server.host}:{fresh_server.port}"
    assert about(lines, fresh_server) == ["not"], lines
    (told,) = [line for line in lines if line.startswith("Redis mymaster: ")]
    assert told.startswith(f"Redis mymaster: not connected: No master found for mymaster: Sentinel {place}: ")
    assert len(lines) == 2, lines
    await bounded(rc.disconnect())
    await bounded(sentinel.disconnect())
