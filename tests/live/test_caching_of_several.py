"""Cached reads over several real servers: shards, clusters that change, masters that Sentinels name."""

from __future__ import annotations

import pytest
import pytest_twisted
from testbed.clusters import NODE_TIMEOUT
from testbed.live import bounded, clients, opened, turn, until
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread
from twisted.logger import globalLogPublisher

import txredis_fast as redis
from txredis_fast.sentinel import Sentinel

pytestmark = pytest.mark.once

SERVICE = "mymaster"
FAIL_OVER_LIMIT = 15.0
KEYS = [f"key{number}" for number in range(30)]


def peek(rc, key):
    return rc.cached(600).peek("GET", key, default="nothing")


async def is_up(rc):
    await until(lambda: rc.cache.stats().link == "up", "the tracked connections are up", FAIL_OVER_LIMIT)


# -- shards


def some_of_each(rc, count):
    """Keys in turn of each shard, *count* of each: which key belongs to which follows from the servers' ports."""
    names = [f"key{number}" for number in range(1000)]
    of_each = [[name for name in names if rc._ring(name) is node][:count] for node in rc._ring.nodes]
    return [name for together in zip(*of_each, strict=True) for name in together]


@pytest_twisted.ensureDeferred
async def test_each_shard_keeps_its_keys_and_tells_of_their_changes(make_server):
    servers = [make_server(), make_server()]
    hosts = [f"{server.host}:{server.port}" for server in servers]
    async with opened(redis.ShardedConnection(hosts, cache=redis.ClientCache(default_ttl=600))) as rc:
        await is_up(rc)
        view, keys = rc.cached(), some_of_each(rc, 15)
        await rc.mset({key: number for number, key in enumerate(keys)})
        expected = list(range(30))
        assert await view.mget(keys) == expected
        before = [server.command("INFO", "commandstats") for server in servers]
        assert await view.mget(reversed(keys)) == expected[::-1]
        assert await gatherResults([view.get(key) for key in keys]) == expected
        assert await view.mget([keys[3], "missing", keys[3]]) == [3, None, 3]
        assert [peek(rc, key) for key in keys] == expected
        assert [b"cmdstat_get:" in server.command("INFO", "commandstats") for server in servers] == [False, False]
        assert all(b"cmdstat_mget:" in each for each in before)
        per_node = [node.stats().cache for node in rc._ring.nodes]
        assert all(each.entries >= 15 and each.hits >= 30 for each in per_node)
        assert rc.stats().cache == sum(per_node[1:], per_node[0]) == rc.cache.stats()
        # Own writes, whichever way; and those of others.
        for number, write in enumerate(
            (lambda n: rc.mset(dict.fromkeys(keys, n)), lambda n: gatherResults([rc.set(key, n) for key in keys]))
        ):
            await bounded(write(100 + number))
            assert await view.mget(keys) == [100 + number] * 30
        assert await rc.delete(keys[:2]) == 2 and await view.mget(keys[:3]) == [None, None, 101]
        for server in servers:
            for key in server.command("KEYS", "*"):
                server.command("SET", key, "other")
        await until(lambda: all(peek(rc, key) == "nothing" for key in keys[2:]), "all are invalidated")
        assert await view.exists(*keys) == 28 and await view.raw.get(keys[5]) == b"other"
        assert view.raw.peek("GET", keys[5]) == b"other" and await view.withTimeout(2).get("a{tag}") is None
        rc.cache.forget(keys[5])
        assert view.raw.peek("GET", keys[5]) is None
        rc.cache.clear()
        assert rc.stats().cache.entries == 0 and "up, 0 entries" in repr(rc.cache)


@pytest_twisted.ensureDeferred
async def test_what_shards_cannot_cache_is_refused_and_nothing_is_sent(make_server):
    servers = [make_server(), make_server()]
    hosts = [f"{server.host}:{server.port}" for server in servers]
    async with opened(redis.ShardedConnection(hosts, cache=redis.ClientCache())) as rc:
        await is_up(rc)
        view = rc.cached(60)
        one, two = some_of_each(rc, 1)
        for refused in (
            view.set("a", 1),
            view.mset({one: 1, two: 2}),
            view.delete([one, two]),
            view.ttl("a"),
            view.eval("return redis.call('SET', KEYS[1], 1)", ["a"]),
            view.blpop("a"),
        ):
            with pytest.raises(redis.RedisError, match="cannot be cached"):
                await refused
        for refused in (view.sinter([one, two]), view.execute_command("DBSIZE")):
            with pytest.raises(NotImplementedError):
                await refused
        with pytest.raises(ValueError, match="ttl"):
            rc.cached(-1)
        assert view.peek("SINTER", one, two) is None and view.peek("DBSIZE", default=5) == 5
        assert rc.cached(60) is view and repr(view.raw).endswith("max_age=60, raw=True>")
        assert [server.command("DBSIZE") for server in servers] == [0, 0]
    async with opened(redis.ShardedConnection(hosts)) as rc:
        for use in (lambda: rc.cached(60), lambda: rc.cache):
            with pytest.raises(redis.RedisError, match="has no cache"):
                use()


# -- clusters


class Reader:
    """Reads keys by the cache of a cluster's handler and writes them, while the cluster changes.

    A program's own write is seen by each read that begins afterwards, and no read gives something older than a read
    that has ended before it began.
    """

    def __init__(self, rc, other):
        self.rc = rc
        self.other = other
        self.reads = self.writes = 0
        self.seen = dict.fromkeys(KEYS, 0)
        self.ends = False

    async def run_key(self, key):
        number = 0
        while not self.ends:
            number += 1
            if number % 3:
                await self.rc.set(key, number)
                self.seen[key] = number
            else:
                await self.other.set(key, number)
            self.writes += 1
            for reading in range(4):
                if reading == 2:
                    value = (await self.rc.cached(600).mget([key, KEYS[0]]))[0]
                else:
                    value = await self.rc.cached(600).get(key)
                assert self.seen[key] <= value <= number, (key, self.seen[key], value, number)
                self.seen[key] = value
                self.reads += 1
            await turn(0.001)

    async def end(self, running):
        self.ends = True
        await bounded(gatherResults(running))


@pytest.mark.parametrize("readFrom", ["master", "replica"])
@pytest_twisted.ensureDeferred
async def test_cached_readers_notice_nothing_while_slots_and_masters_move(any_cluster, readFrom):
    cluster = any_cluster
    async with (
        redis.ClusterConnection(cluster.addresses, cache=redis.ClientCache(), readFrom=readFrom) as rc,
        redis.ClusterConnection(cluster.addresses) as other,
    ):
        await is_up(rc)
        await rc.mset(dict.fromkeys(KEYS, 0))
        reader = Reader(rc, other)
        running = [Deferred.fromCoroutine(reader.run_key(key)) for key in KEYS[1:]]
        slots = sorted({redis.key_slot(key) for key in KEYS})
        for number in range(3):
            to = cluster.masters[number]
            await deferToThread(cluster.move_slots, slots[number::3], to)
        if cluster.moves_atomically:
            slot = slots[0]
            to = next(node for node in cluster.masters if node is not cluster.owner_of(slot))
            await deferToThread(cluster.move_atomically, [slot], to)
        master = cluster.owner_of(KEYS[1])
        await deferToThread(cluster.failover, cluster.replicas_of(master)[0])
        await turn(0.3)
        await reader.end(running)
        assert reader.reads > 300
        stats = rc.stats()
        assert stats.cache.hits > 100 and stats.moved > 0
        # Where all is quiet, all is kept, and is what the servers have.
        await is_up(rc)
        expected = await other.mget(KEYS)
        assert await rc.cached(600).mget(KEYS) == expected
        await rc.cached(600).mget(KEYS)
        assert [peek(rc, key) for key in KEYS] == expected


@pytest_twisted.ensureDeferred
async def test_after_a_lost_master_nothing_that_it_has_told_is_given(cluster):
    async with redis.ClusterConnection(cluster.addresses, cache=redis.ClientCache()) as rc:
        await is_up(rc)
        await rc.mset(dict.fromkeys(KEYS, "old"))
        assert await rc.cached(600).mget(KEYS) == ["old"] * 30
        master = cluster.owner_of(KEYS[0])
        [replica] = cluster.replicas_of(master)
        lost = [key for key in KEYS if cluster.owner_of(key) is master]
        await until(replica.in_sync, "the replica has everything")
        await deferToThread(cluster.kill, master)
        await until(lambda: peek(rc, lost[0]) == "nothing", "the link is lost")
        assert [peek(rc, key) for key in KEYS if key not in lost] == ["old"] * (30 - len(lost))
        assert await bounded(rc.retrying.set(lost[0], "new"), 20 * NODE_TIMEOUT / 1000 + 15) == "OK"
        assert await rc.cached(600).get(lost[0]) == "new"
        await is_up(rc)
        assert await rc.cached(600).mget(lost) == ["new", *["old"] * (len(lost) - 1)]
        assert peek(rc, lost[0]) == "new"
        replica.call("SET", lost[0], "newer")
        await until(lambda: peek(rc, lost[0]) == "nothing", "the new master tells")
        tracked = [client for client in clients(replica) if client.get("resp") == "3"]
        assert len(tracked) == 1


# -- Sentinel

GOING = {
    "planned": lambda master, process: process.command("SENTINEL", "FAILOVER", SERVICE),
    "killed": lambda master, process: master.kill(),
    "hanging": lambda master, process: master.pause(),
}


@pytest.mark.parametrize("go", GOING.values(), ids=list(GOING))
@pytest_twisted.ensureDeferred
async def test_what_is_written_at_a_new_master_is_never_hidden_by_what_the_former_one_had(sentinels, go):
    master, (replica,), processes = sentinels
    events = []
    globalLogPublisher.addObserver(events.append)
    client = Sentinel([process.address for process in processes])
    rc = client.master_for(SERVICE, poolsize=2, cache=redis.ClientCache(), password=None)
    try:
        await rc.set("key", "old")
        await is_up(rc)
        assert await rc.cached(600).get("key") == "old" and peek(rc, "key") == "old"
        link = rc._factory.cache.tracking.connection.transport
        assert link.getPeer().port == master.port
        await until(lambda: replica.command("GET", "key") == b"old", "replicated")
        go(master, processes[0])

        def leads(port):
            return {each.transport.getPeer().port for each in rc._factory.pool} == {port}

        await until(lambda: leads(replica.port), "the pool is on the new master", FAIL_OVER_LIMIT)
        replica.command("SET", "key", "new")
        assert await rc.cached(600).get("key") == "new"
        assert await rc.set("key", "own") == "OK"
        assert await rc.cached(600).get("key") == "own"
        await is_up(rc)
        assert rc._factory.cache.tracking.connection.transport.getPeer().port == replica.port
        assert await rc.cached(600).get("key") == "own" and peek(rc, "key") == "own"
        replica.command("SET", "key", "newer")
        await until(lambda: peek(rc, "key") == "nothing", "the new master tells")
        assert rc.stats().cache.link_lost >= 1
        assert not [event for event in events if event.get("redis_event") == "cache_off"]
    finally:
        globalLogPublisher.removeObserver(events.append)
        master.resume()
        await rc.disconnect()
        await client.disconnect()


@pytest_twisted.ensureDeferred
async def test_replicas_that_sentinels_name_are_cached_and_followed(sentinels):
    master, (replica,), processes = sentinels
    client = Sentinel([process.address for process in processes])
    rc = client.slave_for(SERVICE, cache=redis.ClientCache())
    try:
        master.command("SET", "key", "old")
        await until(lambda: replica.command("GET", "key") == b"old", "replicated")
        await rc.get("key")
        await is_up(rc)
        assert rc._factory.cache.tracking.connection.transport.getPeer().port == replica.port
        assert await rc.cached(600).get("key") == "old" and peek(rc, "key") == "old"
        master.command("SET", "key", "new")
        await until(lambda: peek(rc, "key") == "nothing", "the replica tells")
        assert await rc.cached(600).get("key") == "new"
    finally:
        await rc.disconnect()
        await client.disconnect()


@pytest_twisted.ensureDeferred
async def test_a_server_that_was_found_to_be_a_replica_is_left_by_the_link_too(make_server):
    """Without Sentinels: the name of the server may lead to another one by now."""
    server, other = make_server(), make_server()
    async with opened(redis.ConnectionPool(server.host, server.port, cache=redis.ClientCache())) as rc:
        await rc.set("key", "old")
        await until(lambda: rc.cache.link_state == "up", "the link is up")
        server.command("REPLICAOF", other.host, other.port)
        await until(server.in_sync, "it is a replica")
        await until(lambda: rc.cache.link_state == "up", "the link is up")
        assert rc.stats().cache.link_lost == 0
        with pytest.raises(redis.ReadOnlyError):
            await rc.set("key", "new")
        await until(lambda: rc.stats().cache.link_lost == 1, "the link is lost")
        await until(lambda: rc.cache.link_state == "up", "the link is up again")
