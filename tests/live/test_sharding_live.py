"""Sharding over two real servers, also while one of them is down."""

from __future__ import annotations

import pytest
import pytest_twisted
from testbed.live import bounded, opened, turn, until
from twisted.internet.defer import gatherResults

import txredis_fast as redis

KEYS = [f"key:{number}" for number in range(200)]


@pytest.fixture
def pair(make_server):
    return make_server(), make_server()


def hosts(servers):
    return [f"{server.host}:{server.port}" for server in servers]


def keys_of(server):
    return {key.decode() for key in server.command("KEYS", "*")}


@pytest_twisted.ensureDeferred
async def test_keys_are_spread_found_again_and_removed(pair):
    one, two = pair
    async with opened(redis.ShardedConnectionPool(hosts(pair), poolsize=2)) as rc:
        await bounded(gatherResults([rc.set(key, f"value of {key}") for key in KEYS]))
        assert keys_of(one) | keys_of(two) == set(KEYS)
        assert not keys_of(one) & keys_of(two)
        assert min(len(keys_of(one)), len(keys_of(two))) > 20
        values = await bounded(gatherResults([rc.get(key.encode()) for key in KEYS]))
        assert values == [f"value of {key}" for key in KEYS]
        # In the order asked, with repetitions and holes.
        asked = [KEYS[7], "missing", *reversed(KEYS), KEYS[7], b"missing"]
        expected = [None if key in ("missing", b"missing") else f"value of {key}" for key in asked]
        assert await bounded(rc.mget(asked)) == expected
        assert await bounded(rc.delete([*KEYS, "missing"])) == len(KEYS)
        assert not keys_of(one) | keys_of(two)


@pytest_twisted.ensureDeferred
async def test_every_constructor_finds_what_another_one_stored(pair):
    options = {"poolsize": 2}
    ways = [
        lambda: redis.ShardedConnection(hosts(pair)),
        lambda: redis.ShardedConnectionPool(hosts(pair), **options),
        lambda: redis.lazyShardedConnection(hosts(pair)),
        lambda: redis.lazyShardedConnectionPool(hosts(pair), **options),
    ]
    async with opened(ways[0]()) as rc:
        await bounded(gatherResults([rc.set(key, key) for key in KEYS]))
    for connect in ways:
        async with opened(connect()) as rc:
            assert await bounded(rc.mget(KEYS)) == KEYS
    paths = [server.path for server in pair]
    ways = [
        lambda: redis.ShardedUnixConnection(paths),
        lambda: redis.ShardedUnixConnectionPool(paths, **options),
        lambda: redis.lazyShardedUnixConnection(paths),
        lambda: redis.lazyShardedUnixConnectionPool(paths, **options),
    ]
    for server in pair:
        server.command("FLUSHALL")
    for connect in ways:
        async with opened(connect()) as rc:
            for key in KEYS[:20]:
                await bounded(rc.incr(key))
    async with opened(ways[0]()) as rc:
        assert await bounded(rc.mget(KEYS[:20])) == [4] * 20


@pytest_twisted.ensureDeferred
async def test_hash_tags_keep_keys_together(pair):
    async with opened(redis.ShardedConnection(hosts(pair))) as rc:
        for number in range(50):
            for name in ("cart", "orders", "name"):
                await bounded(rc.set(f"{name}{{user:{number}}}", number))
            assert await bounded(rc.rename(f"cart{{user:{number}}}", f"old{{user:{number}}}")) == "OK"
        for server in pair:
            tags = [key.partition("{")[2] for key in keys_of(server)]
            assert tags
            assert all(tags.count(tag) == 3 for tag in tags)
        one = next(key for key in KEYS if rc._ring(key) is rc._ring.nodes[0])
        other = next(key for key in KEYS if rc._ring(key) is rc._ring.nodes[1])
        await bounded(rc.set(one, 1))
        with pytest.raises(NotImplementedError, match=f"RENAME cannot be sharded .* {one!r} and {other!r}"):
            await bounded(rc.rename(one, other))
        assert await bounded(rc.get(one)) == 1


#: The methods that txredisapi shards, with arguments after the key, what they answer, and what was done to the key
#: before. publish and rename have tests of their own.
CALLS = {
    "set": (["x"], "OK", None),
    "get": ([], 5, ("SET", 5)),
    "getset": (["y"], 5, ("SET", 5)),
    "setnx": (["x"], 1, None),
    "setex": ([100, "x"], "OK", None),
    "incr": ([], 6, ("SET", 5)),
    "decr": ([], 4, ("SET", 5)),
    "exists": ([], 1, ("SET", 5)),
    "get_type": ([], "string", ("SET", 5)),
    "delete": ([], 1, ("SET", 5)),
    "expire": ([100], 1, ("SET", 5)),
    "ttl": ([], -1, ("SET", 5)),
    "push": (["x"], 3, ("RPUSH", "a", "b")),
    "pop": ([], "a", ("RPUSH", "a", "b")),
    "llen": ([], 2, ("RPUSH", "a", "b")),
    "lindex": ([1], "b", ("RPUSH", "a", "b")),
    "lrange": ([0, -1], ["a", "b"], ("RPUSH", "a", "b")),
    "lset": ([0, "x"], "OK", ("RPUSH", "a", "b")),
    "lrem": ([1, "a"], 1, ("RPUSH", "a", "b")),
    "ltrim": ([0, 0], "OK", ("RPUSH", "a", "b")),
    "sadd": (["x"], 1, ("SADD", "a")),
    "srem": (["a"], 1, ("SADD", "a")),
    "sismember": (["a"], 1, ("SADD", "a")),
    "smembers": ([], {"a"}, ("SADD", "a")),
    "hset": (["g", "x"], 1, ("HSET", "f", 1)),
    "hget": (["f"], 1, ("HSET", "f", 1)),
    "hmset": ([{"g": 2}], "OK", ("HSET", "f", 1)),
    "hmget": ([["f", "g"]], [1, None], ("HSET", "f", 1)),
    "hexists": (["f"], 1, ("HSET", "f", 1)),
    "hdel": (["f"], 1, ("HSET", "f", 1)),
    "hlen": ([], 1, ("HSET", "f", 1)),
    "hkeys": ([], ["f"], ("HSET", "f", 1)),
    "hvals": ([], [1], ("HSET", "f", 1)),
    "hgetall": ([], {"f": 1}, ("HSET", "f", 1)),
    "hincrby": (["f", 2], 3, ("HSET", "f", 1)),
    "zadd": ([3, "c"], 1, ("ZADD", 1, "a", 2, "b")),
    "zrem": (["a"], 1, ("ZADD", 1, "a", 2, "b")),
    "zcard": ([], 2, ("ZADD", 1, "a", 2, "b")),
    "zcount": ([1, 1], 1, ("ZADD", 1, "a", 2, "b")),
    "zscore": (["b"], 2, ("ZADD", 1, "a", 2, "b")),
    "zrank": (["b"], 1, ("ZADD", 1, "a", 2, "b")),
    "zrevrank": (["b"], 0, ("ZADD", 1, "a", 2, "b")),
    "zincr": (["a"], 2, ("ZADD", 1, "a", 2, "b")),
    "zdecr": (["a"], 0, ("ZADD", 1, "a", 2, "b")),
    "zincrby": ([5, "a"], 6, ("ZADD", 1, "a", 2, "b")),
    "zrange": ([0, -1], ["a", "b"], ("ZADD", 1, "a", 2, "b")),
    "zrevrange": ([0, -1], ["b", "a"], ("ZADD", 1, "a", 2, "b")),
    "zrangebyscore": ([1, 1], ["a"], ("ZADD", 1, "a", 2, "b")),
    "zrevrangebyscore": ([2, 2], ["b"], ("ZADD", 1, "a", 2, "b")),
    "zremrangebyrank": ([0, 0], 1, ("ZADD", 1, "a", 2, "b")),
    "zremrangebyscore": ([1, 1], 1, ("ZADD", 1, "a", 2, "b")),
}


@pytest.mark.filterwarnings("ignore:redis.* has been deprecated:DeprecationWarning")
@pytest_twisted.ensureDeferred
async def test_what_txredisapi_shards_reaches_the_server_of_its_key(pair):
    async with opened(redis.ShardedConnection(hosts(pair))) as rc:
        assert rc.ShardedMethods >= {*CALLS, "publish", "rename"}
        used = set()
        for name, (args, expected, before) in CALLS.items():
            key = f"key of {name}"
            server = pair[rc._ring.nodes.index(rc._ring(key))]
            used.add(server)
            if before is not None:
                server.command(before[0], key, *before[1:])
            value = await bounded(getattr(rc, name)(key, *args))
            assert (name, value) == (name, expected)
            other = next(each for each in pair if each is not server)
            assert key not in keys_of(other)
        assert used == set(pair)
        assert await bounded(rc.publish("channel", "message")) == 0


@pytest_twisted.ensureDeferred
async def test_what_cannot_be_sharded_says_so(pair):
    async with opened(redis.ShardedConnection(hosts(pair))) as rc:
        for name in ("keys", "flushall", "multi", "watch", "scan", "script_load", "batch"):
            with pytest.raises(NotImplementedError, match=f"'{name}' cannot be sharded"):
                getattr(rc, name)
            assert not hasattr(rc, name)
        with pytest.raises(NotImplementedError, match="Pipelining"):
            rc.pipeline()


@pytest_twisted.ensureDeferred
async def test_a_server_that_is_down_fails_its_own_keys_only_and_recovers(pair):
    one = pair[0]
    async with opened(redis.ShardedConnectionPool(hosts(pair), poolsize=2, poolTimeout=0)) as rc:
        nodes = rc._ring.nodes
        of_one = [key for key in KEYS if rc._ring(key) is nodes[0]]
        of_two = [key for key in KEYS if rc._ring(key) is nodes[1]]
        await bounded(gatherResults([rc.set(key, key) for key in KEYS]))
        one.kill()
        await until(lambda: not nodes[0]._factory.size, "lost")
        for key in of_one[:10]:
            with pytest.raises(redis.NotSentError, match="Not connected"):
                await bounded(rc.get(key))
        assert await bounded(gatherResults([rc.get(key) for key in of_two])) == of_two
        assert await bounded(rc.mget(of_two)) == of_two
        for command in (rc.mget, rc.delete):
            with pytest.raises(redis.NotSentError, match="Not connected"):
                await bounded(command([of_one[0], "missing", of_one[1]]))
        assert "not connected" in repr(rc)
        one.start()
        await until(lambda: nodes[0]._factory.size == 2, "connected again")
        assert await bounded(rc.mget(of_one)) == [None] * len(of_one)
        await bounded(gatherResults([rc.set(key, "new") for key in of_one]))
        assert await bounded(rc.mget(KEYS)) == ["new" if key in of_one else key for key in KEYS]


@pytest_twisted.ensureDeferred
async def test_a_time_limit_bounds_what_a_server_that_hangs_is_asked_for(pair):
    one = pair[0]
    async with opened(redis.ShardedConnection(hosts(pair))) as rc:
        of_two = [key for key in KEYS if rc._ring(key) is rc._ring.nodes[1]]
        await bounded(gatherResults([rc.set(key, 7) for key in KEYS]))
        assert await bounded(rc.raw.withTimeout(5).mget(KEYS)) == [b"7"] * len(KEYS)
        one.pause()
        limited = rc.withTimeout(0.3)
        with pytest.raises(redis.ReplyTimeoutError):
            await bounded(limited.mget(KEYS), 2)
        assert await bounded(limited.mget(of_two)) == [7] * len(of_two)
        one.resume()
        assert await bounded(rc.withTimeout(5).mget(KEYS)) == [7] * len(KEYS)


@pytest_twisted.ensureDeferred
async def test_what_is_marked_is_sent_again_by_the_node_that_lost_it(pair):
    one = pair[0]
    async with opened(redis.ShardedConnection(hosts(pair))) as rc:
        await bounded(gatherResults([rc.set(key, 7) for key in KEYS]))
        one.pause()
        asked = rc.retrying.mget(KEYS)
        await turn(0.1)
        rc._ring.nodes[0]._factory.pool[0].transport.abortConnection()
        one.resume()
        assert await bounded(asked) == [7] * len(KEYS)


@pytest_twisted.ensureDeferred
async def test_a_shard_that_cannot_be_reached_fails_the_constructor_and_closes_the_others(pair):
    one, two = pair
    two.kill()
    with pytest.raises(redis.ConnectionFailedError, match=f"{two.host}:{two.port}.*refused"):
        await bounded(redis.ShardedConnectionPool(hosts(pair), poolsize=3, reconnect=False))
    assert one.info("clients")["connected_clients"] == "1"


@pytest.fixture
def three(make_server):
    return make_server(), make_server(), make_server()


@pytest_twisted.ensureDeferred
async def test_commands_with_several_keys_work_where_these_are_together(three):
    async with opened(redis.ShardedConnectionPool(hosts(three), poolsize=2)) as rc:
        of_server = {server: [] for server in three}
        for tag in (f"user:{number}" for number in range(2000)):
            of_server[three[rc._ring.nodes.index(rc._ring(tag))]].append(tag)
        for number, server in ((tag, server) for server, tags in of_server.items() for tag in tags[:8]):
            a, b, c = (f"{name}{{{number}}}" for name in "abc")
            await bounded(rc.sadd(a, [1, 2, 3]))
            await bounded(rc.sadd(b, [2, 3, 4]))
            assert await bounded(rc.sinterstore(c, [a, b])) == 2
            assert await bounded(rc.sinter([a, b, c])) == {2, 3}
            assert await bounded(rc.delete([a, b, c])) == 3
            await bounded(rc.zadd(a, 1, "x"))
            await bounded(rc.zadd(b, 2, "x"))
            assert await bounded(rc.zunionstore(c, [a, b])) == 1
            assert await bounded(rc.zscore(c, "x")) == 3
            assert await bounded(rc.raw.object_encoding(c)) in (b"listpack", b"ziplist", b"skiplist")
            assert await bounded(rc.delete([a, b, c])) == 3
            await bounded(rc.rpush(a, [3, 1, 2]))
            assert await bounded(rc.sort(a, store=b)) == 3
            assert await bounded(rc.lmove(b, c, "LEFT", "RIGHT")) == 1
            assert await bounded(rc.eval("return redis.call('LRANGE', KEYS[1], 0, -1)", [b])) == [2, 3]
            assert await bounded(rc.execute_command("lrange", c.encode(), 0, -1)) == [1]
            popped = rc.blpop([f"x{{{number}}}", f"y{{{number}}}"], 5)
            await bounded(rc.rpush(f"y{{{number}}}", "late"))
            assert await bounded(popped) == [f"y{{{number}}}", "late"]
            await bounded(rc.xadd(f"s{{{number}}}", {"f": "v"}, id="1-1"))
            assert await bounded(rc.xread({f"s{{{number}}}": 0})) == {f"s{{{number}}}": [("1-1", {"f": "v"})]}
            assert {a, b, c} & keys_of(server)
            assert not any({a, b, c} & keys_of(other) for other in three if other is not server)
        assert all(len(tags) >= 8 for tags in of_server.values())


@pytest_twisted.ensureDeferred
async def test_keys_of_all_servers_are_set_counted_and_removed_at_once(three):
    async with opened(redis.ShardedConnection(hosts(three))) as rc:
        before = [int(server.info("stats")["total_commands_processed"]) for server in three]
        assert await bounded(rc.mset({key: f"value of {key}" for key in KEYS})) == "OK"
        assert await bounded(rc.mget(KEYS)) == [f"value of {key}" for key in KEYS]
        assert await bounded(rc.exists(*KEYS, "missing")) == len(KEYS)
        assert await bounded(rc.touch(*KEYS)) == len(KEYS)
        after = [int(server.info("stats")["total_commands_processed"]) for server in three]
        # One round trip for each command; INFO is one more.
        assert all(4 <= now - then <= 6 for then, now in zip(before, after, strict=True))
        assert set().union(*map(keys_of, three)) == set(KEYS)
        assert all(keys_of(server) for server in three)
        assert await bounded(rc.unlink(*KEYS)) == len(KEYS)
        assert not any(map(keys_of, three))


@pytest_twisted.ensureDeferred
async def test_keys_of_two_servers_are_refused_and_nothing_is_written(three):
    async with opened(redis.ShardedConnection(hosts(three))) as rc:
        one, other = (next(key for key in KEYS if rc._ring(key) is node) for node in rc._ring.nodes[:2])
        for call in (
            lambda: rc.sinterstore(one, [other]),
            lambda: rc.msetnx({one: 1, other: 2}),
            lambda: rc.blpop([one, other], 1),
            lambda: rc.eval("return 1", [one, other]),
            lambda: rc.execute_command("COPY", one, other),
        ):
            with pytest.raises(NotImplementedError, match=f"{one!r} and {other!r}"):
                await bounded(call())
        assert not any(map(keys_of, three))
