"""Iterators and registered scripts over real servers."""

from __future__ import annotations

import pytest
import pytest_twisted
from testbed.live import bounded, opened
from twisted.internet.defer import inlineCallbacks

import txredis_fast as redis

KEYS = {f"key:{number}" for number in range(300)}


@pytest_twisted.ensureDeferred
async def test_iterators_find_everything(any_server):
    async with opened(redis.ConnectionPool(*any_server.address, poolsize=3)) as rc:
        await rc.mset(dict.fromkeys(KEYS, 1))
        assert {key async for key in rc.scan_iter()} == KEYS
        assert {key async for key in rc.scan_iter("key:1?", count=50)} == {f"key:{n}" for n in range(10, 20)}
        await rc.hset("hash", mapping={f"f{n}": n for n in range(1000)})
        assert {pair async for pair in rc.hscan_iter("hash")} == {(f"f{n}", n) for n in range(1000)}
        await rc.sadd("set", range(1000))
        assert {each async for each in rc.sscan_iter("set", count=100)} == set(range(1000))
        await rc.zadd("zset", {f"m{n}": n / 2 for n in range(1000)})
        assert {pair async for pair in rc.zscan_iter("zset")} == {(f"m{n}", n / 2) for n in range(1000)}
        assert [key async for key in rc.scan_iter(type="zset")] == ["zset"]
        assert [key async for key in rc.scan_iter(match="no*")] == []
        with pytest.raises(redis.WrongTypeError):
            await rc.hscan_iter("set").next_page()


@pytest_twisted.inlineCallbacks
def test_pages_for_inline_callbacks(server):
    rc = yield bounded(redis.Connection(*server.address))
    yield rc.mset(dict.fromkeys(KEYS, 1))
    found = set()
    keys = rc.scan_iter(count=20)
    while page := (yield bounded(keys.next_page())):
        found.update(page)
    assert found == KEYS
    yield rc.disconnect()


@pytest_twisted.ensureDeferred
async def test_an_iterator_goes_on_after_its_connection_was_lost(server):
    async with opened(redis.Connection(*server.address)) as rc:
        await rc.mset(dict.fromkeys(KEYS, 1))
        keys = rc.scan_iter(count=100)
        found = set(await bounded(keys.next_page()))
        server.command("CLIENT", "KILL", "TYPE", "normal")
        with pytest.raises(redis.ConnectionError):
            await bounded(rc.ping())
        found.update([key async for key in keys])
        assert found == KEYS


@pytest_twisted.ensureDeferred
async def test_over_shards(make_server):
    pair = make_server(), make_server()
    hosts = [f"{server.host}:{server.port}" for server in pair]
    async with opened(redis.ShardedConnectionPool(hosts, poolsize=2)) as rc:
        for key in KEYS:
            await rc.set(key, 1)
        assert {key async for key in rc.scan_iter()} == KEYS
        await rc.hset("hash", "f", 1)
        assert [pair async for pair in rc.hscan_iter("hash")] == [("f", 1)]
        get = rc.register_script("return redis.call('get', KEYS[1])")
        assert [await get([key]) for key in sorted(KEYS)] == [1] * len(KEYS)
        assert any(server.command("SCRIPT", "EXISTS", get.sha) == [1] for server in pair)


@pytest_twisted.ensureDeferred
async def test_a_script_is_found_again_after_the_server_has_lost_it(any_server):
    async with opened(redis.ConnectionPool(*any_server.address, poolsize=2)) as rc:
        add = rc.register_script("return redis.call('incrby', KEYS[1], ARGV[1])")
        assert [await bounded(add(["n"], [2])) for _ in range(5)] == [2, 4, 6, 8, 10]
        assert await rc.script_exists(add.sha) is True
        any_server.command("SCRIPT", "FLUSH")
        assert await bounded(add(["n"], [2])) == 12
        async with rc.transaction() as t:
            add(["n"], [1], client=t)
            add(["n"], [1], client=t)
        assert t.results == [13, 14]
        async with rc.pipelined() as p:
            add(["n"], [1], client=p)
        assert p.results == [15]


@inlineCallbacks
def _collect(keys):
    found = yield keys.next_page()
    return found


@pytest_twisted.ensureDeferred
async def test_every_kind_of_handler_has_iterators(server, sentinels):
    for making in (
        redis.lazyConnection(*server.address),
        redis.lazyConnectionPool(*server.address),
        redis.connect(f"redis://{server.host}:{server.port}"),
    ):
        async with opened(making) as rc:
            await rc.set("k", 1)
            assert await bounded(_collect(rc.scan_iter())) == ["k"]
    _, _, watchers = sentinels
    client = redis.Sentinel([each.address for each in watchers])
    async with opened(client.master_for("mymaster")) as rc:
        await bounded(rc.set("k", 1))
        assert await bounded(_collect(rc.scan_iter())) == ["k"]
    await client.disconnect()
