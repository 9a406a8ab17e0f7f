"""Pipelines, batches and commands of several slots on real clusters, while slots move and nodes are lost."""

from __future__ import annotations

import random

import pytest
import pytest_twisted
from testbed.live import connect, turn
from testbed.slots import key_in
from twisted.internet.defer import ensureDeferred
from twisted.internet.threads import deferToThread

import txredis_fast as redis
from txredis_fast import exceptions

pytestmark = pytest.mark.once

KEYS = [f"key{number}" for number in range(200)]


@pytest.mark.promise("A command with keys of several slots is refused before anything is sent")
@pytest.mark.parametrize("raw", [False, True])
@pytest_twisted.ensureDeferred
async def test_keys_of_all_slots(any_cluster, raw):
    async with connect(any_cluster) as rc:
        host = rc.raw if raw else rc
        values = [f"v{number}" for number in range(200)]
        assert await rc.mset(dict(zip(KEYS, values, strict=True))) == "OK"
        assert await host.mget(KEYS) == [each.encode() if raw else each for each in values]
        assert await rc.exists(*KEYS) == 200
        assert await rc.touch(*KEYS) == 200
        assert await rc.dbsize() == 200
        assert sorted(await rc.keys("*")) == sorted(KEYS)
        assert await rc.randomkey() in KEYS
        assert await rc.unlink(*KEYS[:50]) == 50
        assert await rc.delete(KEYS) == 150


@pytest.mark.promise(
    "A cluster's pipelines keep the order of each slot through redirections, and nothing of them is executed twice"
)
@pytest_twisted.ensureDeferred
async def test_a_pipeline_of_everything(any_cluster):
    async with connect(any_cluster) as rc:
        async with rc.pipelined() as pipe:
            for name in KEYS:
                pipe.incr(name)
            pipe.mget(KEYS)
            pipe.dbsize()
            pipe.multi()
            pipe.incr("{a}1")
            pipe.hset("{a}h", mapping={"f": 1})
            pipe.hgetall("{a}h")
            pipe.commit()
            pipe.time()
        assert pipe.results[:200] == [1] * 200
        values, size, *transaction, time = pipe.results[200:]
        assert (values, size) == (["1"] * 200, 200)
        assert transaction == ["OK", "QUEUED", "QUEUED", "QUEUED", [1, 1, {"f": "1"}]]
        assert len(time) == 2


@pytest_twisted.ensureDeferred
async def test_commands_for_all_nodes_and_views_of_nodes(any_cluster):
    async with connect(any_cluster) as rc:
        assert await rc.config_set("maxmemory-policy", "noeviction") == "OK"
        digest = await rc.script_load("return 1")
        assert await rc.script_exists(digest) is True
        assert len(await rc.on_all.config_get("maxmemory-policy")) == 6
        await rc.mset(dict.fromkeys(KEYS, 1))
        sizes = await rc.on_masters.gather.dbsize()
        assert len(sizes) == 3 and sum(sizes.values()) == 200
        assert len(await rc.on_replicas.ping()) == 3
        assert all(node.slots and node.is_master and len(node.id) == 40 for node in rc.masters())
        assert await rc.node_for("a").incr("a") == 1
        assert await rc.on(rc.node_for("a").name).get("a") == "1"
        assert await rc.wait(1, 1000) == 1
        assert await rc.script_flush() == "OK"
        assert await rc.flushall() == "OK"
        assert await rc.dbsize() == 0
        await rc.refresh()


@pytest_twisted.ensureDeferred
async def test_a_blocking_command_inside_delays_no_other_caller(any_cluster):
    async with connect(any_cluster) as rc:
        pipe = await rc.pipeline()
        pipe.rpush("{a}list", ["x"])
        pipe.blpop("{a}list", timeout=5)
        pipe.blpop("{a}none", timeout=1)
        pipe.incr("b")
        done = pipe.execute_pipeline()
        assert await rc.incr("{a}n") == 1  # on a connection of its own
        assert not done.called
        assert await done == [1, ["{a}list", "x"], None, 1]


@pytest_twisted.ensureDeferred
async def test_transactions_and_two_slots(any_cluster):
    async with connect(any_cluster) as rc:
        with pytest.raises(exceptions.CrossSlotError):
            await rc.batch([("SET", "a", 1), ("MULTI",), ("INCR", "a"), ("INCR", "b"), ("EXEC",)])
        with pytest.raises(exceptions.CrossSlotError):
            await rc.batch([("SET", "a", 1), ("RENAME", "a", "b")])
        assert await rc.dbsize() == 0


@pytest.mark.promise("A planned fail-over, a resharding and a moved slot cost no error")
@pytest.mark.parametrize("step", ["begun", "half", "moved"])
@pytest_twisted.ensureDeferred
async def test_a_slot_on_its_way(any_cluster, step):
    slot = 7
    names = [key_in(slot, number) for number in range(10)]
    other = key_in(9000)
    async with connect(any_cluster) as rc:
        await rc.batch([("SET", name, "0") for name in names[:6]])
        to = any_cluster.another(slot)
        await deferToThread(any_cluster.begin_move, slot, to)
        if step != "begun":
            await deferToThread(any_cluster.migrate_keys, slot, 3)
        if step == "moved":
            await deferToThread(any_cluster.migrate_keys, slot)
            await deferToThread(any_cluster.finish_move, slot)
        commands = [("INCR", name) for name in names for _ in range(3)] + [("INCR", other)]
        block = [("MULTI",), ("INCR", names[9]), ("INCR", names[9]), ("EXEC",)]
        assert await rc.batch(commands + block) == [1, 2, 3] * 10 + [1, "OK", "QUEUED", "QUEUED", [4, 5]]
        assert await rc.mget([names[0], other]) == ["3", "1"]
        if step != "moved":
            await deferToThread(any_cluster.migrate_keys, slot)
            await deferToThread(any_cluster.finish_move, slot)
        assert await rc.mget(names) == ["3"] * 9 + ["5"]


@pytest.mark.promise(
    "A cluster's pipelines keep the order of each slot through redirections, and nothing of them is executed twice"
)
@pytest.mark.promise("No command is executed twice in a cluster, whatever fails")
@pytest_twisted.ensureDeferred
async def test_moving_slots_cost_no_order_and_double_nothing(cluster):
    slots = [5, 6, 9000]
    counts, texts = {}, {}
    chance = random.Random(1)
    going = True
    errors = []
    async with connect(cluster) as rc:

        async def write(number):
            written = 0
            while going or written < 20:
                commands = []
                for each in range(30):
                    slot = chance.choice(slots)
                    # Each writer has keys of its own: order is promised within a pipeline, and they come one by one.
                    name, text = key_in(slot, f"{number}.{each % 4}"), f"{written}.{each},"
                    counts[name + "n"] = counts.get(name + "n", 0) + 1
                    texts.setdefault(name, []).append(text)
                    commands += [("INCR", name + "n"), ("APPEND", name, text)]
                replies = await rc.batch(commands, raise_on_error=False)
                errors.extend(reply for reply in replies if isinstance(reply, Exception))
                written += 1

        writers = [ensureDeferred(write(number)) for number in range(3)]
        for _ in range(3):
            for slot in slots:
                await deferToThread(cluster.begin_move, slot, cluster.another(slot))
                while await deferToThread(cluster.migrate_keys, slot, 1):
                    await turn(0.002)
                await deferToThread(cluster.migrate_keys, slot)
                await deferToThread(cluster.finish_move, slot)
        going = False
        for writer in writers:
            await writer
        assert not errors
        assert await rc.mget(list(counts)) == [str(count) for count in counts.values()]
        assert await rc.mget(list(texts)) == ["".join(parts) for parts in texts.values()]
        assert rc._members.counts["ASK"] and rc._members.counts["MOVED"]


@pytest.mark.promise("A node that is lost fails its own commands of a cluster's pipeline only")
@pytest_twisted.ensureDeferred
async def test_a_killed_master_fails_its_commands_only_and_its_successor_gets_the_next(cluster):
    async with connect(cluster, poolTimeout=20) as rc:
        names = {node.port: key_in(node.slots[0][0]) for node in rc.masters()}
        dead = cluster.owner_of(names[rc.masters()[0].port])
        await deferToThread(cluster.pause, dead)
        commands = [("INCR", name) for name in names.values()]
        sent = rc.batch(commands, raise_on_error=False)
        await deferToThread(cluster.kill, dead)
        replies = dict(zip(names, await sent, strict=True))
        lost = replies.pop(dead.port)
        assert isinstance(lost, redis.MaybeExecutedError)
        assert set(replies.values()) == {1}
        # While a master is missing, all may answer CLUSTERDOWN for a moment: that is waited for.
        again = dict(zip(names, await rc.batch(commands), strict=True))
        assert again.pop(dead.port) == 1
        assert set(again.values()) == {2}


@pytest.mark.promise("A planned fail-over, a resharding and a moved slot cost no error")
@pytest_twisted.ensureDeferred
async def test_a_planned_failover_costs_no_error(cluster):
    async with connect(cluster) as rc:
        node = cluster.owner_of("a")
        [replica] = cluster.replicas_of(node)
        moved = deferToThread(cluster.failover, replica)
        counts = 0
        while not moved.called:
            assert await rc.batch([("INCR", "a"), ("INCR", "a"), ("INCR", "b")]) == [
                counts + 1,
                counts + 2,
                counts // 2 + 1,
            ]
            counts += 2
        await moved
        assert await rc.mget(["a", "b"]) == [str(counts), str(counts // 2)]


@pytest.mark.promise("Reads of replicas fall back to the master")
@pytest.mark.parametrize("read_from", ["replica", "any"])
@pytest_twisted.ensureDeferred
async def test_keys_of_all_slots_are_read_from_replicas(cluster, read_from):
    async with connect(cluster, readFrom=read_from) as rc:
        await rc.mset(dict.fromkeys(KEYS, 1))
        assert await rc.wait(1, 2000) == 1
        for _ in range(3):
            assert await rc.mget(KEYS) == ["1"] * 200
        stats = await rc.on_replicas.info("commandstats")
        assert sum("cmdstat_mget" in str(each) for each in stats.values()) >= 2


@pytest_twisted.ensureDeferred
async def test_disconnecting_leaves_nothing(cluster):
    rc = await connect(cluster)
    sent = rc.batch([("INCR", name) for name in KEYS])
    closed = rc.disconnect()
    assert await sent == [1] * 200
    await closed
    with pytest.raises(redis.NotSentError):
        await rc.batch([("INCR", "a")])
