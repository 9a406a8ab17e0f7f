"""``rc.subscriber()`` against real servers: plain, TLS, a password, a unix socket, Sentinels, and restarts."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import pytest_twisted
from testbed.live import bounded, clients, opened, turn, until
from twisted.internet.defer import Deferred

import txredis_fast as redis

pytestmark = pytest.mark.usefixtures("both")

#: Seconds until a fail-over is done; see ``test_sentinel``.
FAIL_OVER_LIMIT = 30.0


def iterate(sub: Any) -> tuple[list[Any], Deferred[None]]:
    """What an iteration yields, and the Deferred of its end."""
    taken: list[Any] = []

    async def run() -> None:
        async for each in sub:
            taken.append(each)  # noqa: PERF401  (one by one)

    return taken, Deferred.fromCoroutine(run())


async def heard(rc: Any, sub: Any) -> None:
    """What is published arrives, by channel and by pattern; nothing arrives after the names are left."""
    await bounded(sub.subscribe(["a", "b"]))
    await bounded(sub.psubscribe("p*"))
    taken, end = iterate(sub)
    assert await bounded(rc.publish("a", "1")) == 1
    assert await bounded(rc.publish("pq", "x")) == 1
    await until(lambda: len(taken) == 2, "both messages came")
    assert taken == [redis.Message(None, "a", taken[0].data), redis.Message("p*", "pq", "x")]
    await bounded(sub.unsubscribe("a"))
    await bounded(sub.punsubscribe())
    assert await bounded(rc.publish("a", "2")) == 0
    assert await bounded(rc.publish("b", "3")) == 1
    await until(lambda: len(taken) == 3, "the third message came")
    await bounded(sub.disconnect())
    await bounded(end)
    assert len(taken) == 3


WAYS = {
    "connect": lambda server: redis.connect(f"redis://{server.host}:{server.port}/2"),
    "lazy": lambda server: redis.lazyConnectionPool(*server.address, poolsize=2),
    "unix": lambda server: redis.UnixConnection(str(server.path)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest_twisted.ensureDeferred
async def test_messages_arrive_and_end(server, way):
    async with opened(WAYS[way](server)) as rc, rc.subscriber() as sub:
        await heard(rc, sub)


@pytest_twisted.ensureDeferred
async def test_over_connectTCP(server):
    from twisted.internet import reactor

    factory = redis.RedisFactory(None, None, 1)
    connected = factory.deferred
    reactor.connectTCP(*server.address, factory)
    async with opened(connected) as rc:
        await heard(rc, await bounded(rc.subscriber()))


@pytest_twisted.ensureDeferred
async def test_over_tls(tls_proxy):
    url = f"rediss://localhost:{tls_proxy.port}"
    async with opened(redis.connect(url, tls_ca=tls_proxy.certificates.authority)) as rc, rc.subscriber() as sub:
        await heard(rc, sub)


@pytest_twisted.ensureDeferred
async def test_with_a_user_that_may_not_read_every_channel(make_server):
    server = make_server(password="secret", users={"alice": "on >wonder ~* resetchannels &a &b &p* &pq +@all"})
    async with opened(redis.connect(f"redis://alice:wonder@{server.host}:{server.port}")) as rc:
        sub = await bounded(rc.subscriber())
        with pytest.raises(redis.NoPermissionError):
            await bounded(sub.subscribe("other"))
        await heard(rc, sub)


@pytest_twisted.ensureDeferred
async def test_shard_channels(server):
    async with opened(redis.connect(f"redis://{server.host}:{server.port}")) as rc, rc.subscriber() as sub:
        await bounded(sub.ssubscribe("a"))
        taken, _ = iterate(sub)
        assert await bounded(rc.execute_command("SPUBLISH", "a", "x")) == 1
        await until(lambda: taken, "the message came")
        await bounded(sub.sunsubscribe("a"))
        assert await bounded(rc.execute_command("SPUBLISH", "a", "x")) == 0


@pytest.mark.parametrize("by_function", [False, True])
@pytest_twisted.ensureDeferred
async def test_through_a_restart_of_the_server(fresh_server, by_function):
    gaps: list[Any] = []
    taken: list[Any] = []

    async def on_message(pattern: Any, channel: Any, data: Any) -> None:
        taken.append(data)

    rc: Any
    async with opened(redis.connect(f"redis://{fresh_server.host}:{fresh_server.port}")) as rc:
        sub = await bounded(rc.subscriber(on_message if by_function else None, on_gap=lambda *told: gaps.append(told)))
        messages = taken if by_function else iterate(sub)[0]
        await bounded(sub.subscribe("a"))
        for turn in range(2):
            await bounded(rc.publish("a", turn))
            await until(lambda: len(messages) == turn + 1, "the message came")  # noqa: B023
            if turn == 0:
                fresh_server.kill()
                await until(lambda: not sub.pool.size, "the loss was noticed")
                later = sub.subscribe("b")
                fresh_server.start()
                await bounded(later)
                await until(lambda: gaps, "the gap was told")
        [(seconds, refused)] = gaps
        assert seconds > 0
        assert refused == []
        assert [client["sub"] for client in clients(fresh_server) if client["sub"] != "0"] == ["2"]


@pytest_twisted.ensureDeferred
async def test_disconnecting_the_handler_leaves_no_connection(server):
    before = len(clients(server))
    rc = await bounded(redis.connect(f"redis://{server.host}:{server.port}"))
    sub = await bounded(rc.subscriber())
    await bounded(sub.subscribe("a"))
    _, end = iterate(sub)
    await bounded(rc.disconnect())
    await bounded(end)
    await until(lambda: len(clients(server)) == before, "every connection is closed")


@pytest_twisted.ensureDeferred
async def test_a_slow_subscriber_gets_everything(server):
    async with opened(redis.connect(f"redis://{server.host}:{server.port}")) as rc:
        sub = await bounded(rc.subscriber(maxPendingMessages=10))
        await bounded(sub.subscribe("a"))
        await bounded(rc.batch([("PUBLISH", "a", f"{number}:{'x' * 1000}") for number in range(2000)]))
        taken, _ = iterate(sub)
        await until(lambda: len(taken) == 2000, "every message came")
        assert [each.data.partition(":")[0] for each in taken] == [str(number) for number in range(2000)]


@pytest_twisted.ensureDeferred
async def test_it_follows_the_master(sentinels):
    master, (replica,), watchers = sentinels
    sentinel = redis.Sentinel([watcher.address for watcher in watchers])
    rc = sentinel.master_for("mymaster")
    gaps: list[Any] = []
    try:
        sub = await bounded(rc.subscriber(on_gap=lambda *told: gaps.append(told)))
        await bounded(sub.subscribe("a"))
        taken, _ = iterate(sub)
        await bounded(rc.publish("a", "1"))
        await until(lambda: len(taken) == 1, "the message came")
        master.kill()
        await until(lambda: gaps, "it is subscribed again", FAIL_OVER_LIMIT)

        def ports() -> list[int]:
            return [connection.transport.getPeer().port for connection in sub.pool.pool]

        # The Sentinels end the new master's clients once more when they promote it.
        await until(lambda: ports() == [replica.port], "it is connected to the new master", FAIL_OVER_LIMIT)
        for _ in range(5000):
            with contextlib.suppress(redis.RedisError):
                await bounded(rc.publish("a", "2"), FAIL_OVER_LIMIT)
            await turn()
            if len(taken) > 1:
                break
        assert set(taken[1:]) == {(None, "a", 2)}
    finally:
        await bounded(rc.disconnect())
        await bounded(sentinel.disconnect())


@pytest_twisted.ensureDeferred
async def test_a_planned_fail_over_moves_it_although_the_former_master_lives_on(sentinels):
    _, (replica,), watchers = sentinels
    sentinel = redis.Sentinel([watcher.address for watcher in watchers])
    rc = sentinel.master_for("mymaster")
    try:
        sub = await bounded(rc.subscriber())
        await bounded(sub.subscribe("a"))
        watchers[0].command("SENTINEL", "FAILOVER", "mymaster")

        def has_moved() -> bool:
            return [each.transport.getPeer().port for each in sub.pool.pool] == [replica.port]

        await until(has_moved, "it is at the new master", FAIL_OVER_LIMIT)
    finally:
        await bounded(rc.disconnect())
        await bounded(sentinel.disconnect())
