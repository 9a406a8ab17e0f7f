"""Single commands on real clusters: to the owner of their slot, through redirections, moves and losses."""

from __future__ import annotations

import pytest
import pytest_twisted
from testbed.live import connect, error_of, turn
from testbed.slots import key_in, slot_of
from twisted.internet import defer
from twisted.internet.threads import deferToThread

import txredis_fast as redis
from txredis_fast import exceptions

SCRIPT = "return {KEYS[1], redis.call('incr', KEYS[1])}"


@pytest_twisted.ensureDeferred
async def test_commands_go_to_the_owners_of_their_keys(any_cluster):
    async with connect(any_cluster) as rc:
        keys = [f"key{number}" for number in range(300)]
        await defer.gatherResults([rc.set(key, key) for key in keys])
        for node in rc.masters():
            held = {key for key in keys if rc.node_for(key) is node}
            assert set(await node.keys("*")) == held and held
        assert await rc.execute_command(b"get", b"key1") == "key1"
        assert await rc.raw.get("key1") == b"key1"
        assert await rc.hset("h", mapping={"a": 1}) == 1 and await rc.hgetall("h") == {"a": "1"}
        assert await rc.withTimeout(5).strlen("key1") == 4
        await rc.set("{t}a", 1)
        assert await rc.rename("{t}a", "{t}b") == "OK"
        assert "MOVED" not in rc.stats().errors


@pytest.mark.promise(
    "A command with keys of several slots is refused before anything is sent",
    "``CrossSlotError``. ``mget``, ``mset``, ``delete``, ``unlink``, ``exists`` and ``touch`` take keys of any slots.",
    about="Cluster",
)
@pytest_twisted.ensureDeferred
async def test_a_command_over_two_slots_is_refused_before_anything_is_sent(cluster):
    async with connect(cluster) as rc:
        before = rc.stats().commands
        for sent in (
            rc.rename("a", "b"),
            rc.sunionstore("a", ["b", "c"]),
            rc.eval("return 1", ["a", "b"]),
            rc.msetnx({"a": 1, "b": 2}),
            rc.execute_command("COPY", "a", "b"),
        ):
            error = await error_of(sent, redis.CrossSlotError)
            assert "'a'" in str(error) and "'b'" in str(error) and "hash tag" in str(error)
        assert rc.stats().commands == before


@pytest.mark.promise(
    "A planned fail-over, a resharding and a moved slot cost no error",
    "Slots may move key by key or all at once; commands with several keys wait for the move, for "
    "``poolTimeout`` seconds at most.",
    about="Cluster",
)
@pytest.mark.parametrize("step", ["begun", "half", "moved"])
@pytest_twisted.ensureDeferred
async def test_a_slot_that_moves_costs_no_error(any_cluster, step):
    cluster, slot = any_cluster, 1234
    old, new = key_in(slot, "old"), key_in(slot, "new")
    async with connect(cluster) as rc:
        await rc.set(old, 1)
        await rc.set(key_in(slot, "older"), 1)
        to = cluster.another(slot)
        cluster.begin_move(slot, to)
        if step != "begun":
            cluster.migrate_keys(slot, 1 if step == "half" else 10)
        if step == "moved":
            cluster.finish_move(slot)
        assert [await rc.incr(old) for _ in range(3)] == [2, 3, 4]
        assert [await rc.incr(new) for _ in range(3)] == [1, 2, 3]
        assert await rc.eval(SCRIPT, [new]) == [new, 4]
        assert await rc.eval(SCRIPT, [new]) == [new, 5]
        answers = await defer.gatherResults([rc.incr(key_in(slot, f"n{number}")) for number in range(200)])
        assert answers == [1] * 200


@pytest.mark.promise("A planned fail-over, a resharding and a moved slot cost no error")
@pytest_twisted.ensureDeferred
async def test_a_command_whose_keys_are_on_two_nodes_waits_for_the_move(cluster):
    slot = 77
    one, other = key_in(slot, "one"), key_in(slot, "other")
    async with connect(cluster) as rc:
        await rc.mset({one: 1, other: 2})
        cluster.begin_move(slot, cluster.another(slot))
        cluster.migrate_keys(slot, 1)
        reading = rc.mget([one, other])
        await turn(0.2)
        assert not reading.called
        cluster.migrate_keys(slot)
        cluster.finish_move(slot)
        assert await reading == ["1", "2"]
        assert rc.stats().errors["TRYAGAIN"] > 0


@pytest_twisted.ensureDeferred
async def test_what_is_waited_for_ends_with_pool_timeout_and_says_what_was_tried(cluster):
    slot = 78
    one, other = key_in(slot, "one"), key_in(slot, "other")
    async with connect(cluster, poolTimeout=0.3) as rc:
        await rc.mset({one: 1, other: 2})
        cluster.begin_move(slot, cluster.another(slot))
        cluster.migrate_keys(slot, 1)
        error = await error_of(rc.mget([one, other]), redis.TryAgainError)
        assert "after 0.3 s" in str(error) and "attempts, last node 127.0.0.1:" in str(error)
        assert isinstance(await error_of(rc.withTimeout(0.1).mget([one, other]), Exception), redis.TryAgainError)


@pytest.mark.promise("A planned fail-over, a resharding and a moved slot cost no error")
@pytest.mark.promise(
    "No command is executed twice in a cluster, whatever fails",
    "Sent again is only what a node has refused, and what was never written. A lost or overdue reply is "
    "``MaybeExecutedError``.",
    about="Cluster",
)
@pytest_twisted.ensureDeferred
async def test_a_planned_failover_costs_no_error_and_executes_nothing_twice(any_cluster):
    cluster = any_cluster
    async with connect(cluster) as rc:
        master = cluster.masters[0]
        key = next(name for number in range(10000) if cluster.owner_of(name := f"k{number}") is master)
        running, count = True, 0

        async def work():
            nonlocal count
            while running:
                await rc.incr(key)
                count += 1

        working = [defer.ensureDeferred(work()) for _ in range(20)]
        await turn(0.1)
        await deferToThread(cluster.failover, cluster.replicas_of(master)[0])
        await turn(0.5)
        running = False
        await defer.gatherResults(working)
        assert int(await rc.get(key)) == count > 100
        assert rc.node_for(key).address != master.address


@pytest.mark.promise(
    "A lost master of a cluster fails only what was in flight to it",
    "Later commands wait for its replica; those for other masters do not notice. A hung node is left as a dead one is.",
    about="Cluster",
)
@pytest_twisted.ensureDeferred
async def test_a_killed_master_costs_only_what_was_in_flight_to_it(cluster):
    async with connect(cluster) as rc:
        victim = cluster.masters[0]
        keys = [f"k{number}" for number in range(60)]
        mine = [key for key in keys if cluster.owner_of(key) is victim]
        others = [key for key in keys if key not in mine]
        cluster.pause(victim)  # so that something is in flight
        lost = [rc.incr(key) for key in mine]
        kept = [rc.incr(key) for key in others]
        cluster.kill(victim)
        assert await defer.gatherResults(kept) == [1] * len(others)
        for each in lost:
            await error_of(each, redis.MaybeExecutedError)
        # Given while the master is down: executed by its successor.
        assert await defer.gatherResults([rc.incr(key) for key in mine]) == [1] * len(mine)


@pytest.mark.promise("A lost master of a cluster fails only what was in flight to it")
@pytest_twisted.ensureDeferred
async def test_a_hung_master_is_left_as_a_dead_one(cluster):
    async with connect(cluster, healthCheckInterval=0.5) as rc:
        victim = cluster.masters[0]
        key = next(name for number in range(10000) if cluster.owner_of(name := f"k{number}") is victim)
        await rc.set(key, 1)
        cluster.pause(victim)
        try:
            await error_of(rc.incr(key), redis.MaybeExecutedError)
            assert await rc.withTimeout(15).exists(key) in (0, 1)
            assert rc.node_for(key).address != victim.address
        finally:
            cluster.resume(victim)


@pytest.mark.promise(
    "Blocking commands follow their slots, with the time that is left",
    "Nothing is popped twice or lost while slots move and roles change.",
    about="Cluster",
)
@pytest.mark.parametrize("how", ["moved", "failover"])
@pytest_twisted.ensureDeferred
async def test_a_blocking_command_follows_its_slot_with_the_time_that_remains(any_cluster, how):
    cluster, slot = any_cluster, 4321
    key = key_in(slot, "list")
    async with connect(cluster) as rc:
        await rc.get(key)
        waiting = rc.blpop(key, 8)
        streams = rc.xread({key_in(slot, "stream"): "0"}, block=8000)
        await turn(0.3)
        if how == "moved":
            cluster.move_slots([slot], cluster.another(slot))
        else:
            await deferToThread(cluster.failover, cluster.replicas_of(cluster.owner_of(slot))[0])
        await turn(0.5)
        assert not waiting.called and not streams.called
        await rc.rpush(key, "v")
        assert await waiting == [key, "v"]
        await rc.xadd(key_in(slot, "stream"), {"f": "v"})
        assert "'f': 'v'" in repr(await streams)
        short = rc.blpop(key, 2)
        await turn(1.4)
        cluster.move_slots([slot], cluster.another(slot))
        from twisted.internet import reactor

        begun = reactor.seconds()
        assert await short is None
        assert reactor.seconds() - begun < 1.9


@pytest.mark.promise("Blocking commands follow their slots, with the time that is left")
@pytest.mark.promise("No command is executed twice in a cluster, whatever fails")
@pytest_twisted.ensureDeferred
async def test_nothing_is_popped_twice_or_lost_by_blocking_commands_while_slots_move(cluster):
    slot = 99
    key = key_in(slot, "queue")
    async with connect(cluster) as rc:
        got = []

        async def consume():
            while len(got) < 200:
                popped = await rc.blpop(key, 1)
                if popped is not None:
                    got.append(popped[1])

        consumers = [defer.ensureDeferred(consume()) for _ in range(4)]
        for number in range(200):
            await rc.rpush(key, number)
            if number % 40 == 20:
                await deferToThread(cluster.move_slots, [slot], cluster.another(slot))
        await defer.gatherResults(consumers)
        assert sorted(map(int, got)) == list(range(200))


@pytest.mark.promise(
    "Reads of replicas fall back to the master",
    "A replica that is down costs no error; a moved slot is followed.",
    about="Cluster",
)
@pytest.mark.parametrize("read_from", ["replica", "any", "zone"])
@pytest_twisted.ensureDeferred
async def test_reads_go_to_replicas_and_to_the_master_when_none_is_left(cluster, read_from):
    async with connect(cluster, readFrom=read_from, clientZone="here") as rc:
        await rc.set("key", "v")
        await rc.wait(1, 1000)
        for _ in range(6):
            assert await rc.get("key") == "v"
            await rc.incr("counter")
        (replica,) = cluster.replicas_of(cluster.owner_of("key"))
        asked = await rc.on(f"127.0.0.1:{replica.port}").info("commandstats")
        assert "cmdstat_get" in asked and "cmdstat_incr" not in asked
        cluster.kill(replica)
        await turn(0.1)
        for _ in range(6):
            assert await rc.get("key") == "v"


@pytest.mark.promise("Reads of replicas fall back to the master")
@pytest_twisted.ensureDeferred
async def test_a_moved_slot_is_followed_by_reads_of_replicas(cluster):
    slot = 5
    key = key_in(slot, "k")
    async with connect(cluster, readFrom="replica") as rc:
        await rc.set(key, "v")
        await rc.wait(1, 1000)
        assert await rc.get(key) == "v"
        cluster.move_slots([slot], cluster.another(slot))
        assert await rc.get(key) == "v"


@pytest_twisted.ensureDeferred
async def test_a_retry_policy_looks_up_the_slot_anew(cluster):
    async with connect(cluster, retry=redis.RetryPolicy(attempts=20, read_only=True)) as rc:
        victim = cluster.masters[0]
        key = next(name for number in range(10000) if cluster.owner_of(name := f"k{number}") is victim)
        await rc.set(key, "v")
        await rc.wait(1, 1000)
        cluster.pause(victim)
        reading = rc.get(key)
        cluster.kill(victim)
        assert await reading in ("v", None)


@pytest_twisted.ensureDeferred
async def test_commands_given_before_the_first_topology_wait_for_it(cluster):
    rc = redis.lazyClusterConnection(cluster.addresses[:1], convertNumbers=False)
    try:
        assert await defer.gatherResults([rc.set(f"k{number}", number) for number in range(50)]) == ["OK"] * 50
        assert slot_of("k1") == redis.key_slot("k1")
    finally:
        await rc.disconnect()


@pytest_twisted.ensureDeferred
async def test_disconnect_is_final_and_fails_what_waits(cluster):
    slot = 78
    one, other = key_in(slot, "one"), key_in(slot, "other")
    rc = await connect(cluster)
    await rc.mset({one: 1, other: 2})
    cluster.begin_move(slot, cluster.another(slot))
    cluster.migrate_keys(slot, 1)
    waiting = rc.mget([one, other])
    await turn(0.05)
    closing = rc.disconnect()
    await error_of(waiting, redis.NotSentError)
    await closing
    await error_of(rc.get("a"), redis.NotSentError)
    await error_of(rc.mget(["a", "b"]), redis.NotSentError)
    await error_of(rc.dbsize(), redis.NotSentError)
    await rc.disconnect()


@pytest_twisted.ensureDeferred
async def test_a_cancelled_command_ends_wherever_it_is(cluster):
    slot = 78
    one, other = key_in(slot, "one"), key_in(slot, "other")
    async with connect(cluster) as rc:
        await rc.mset({one: 1, other: 2})
        cluster.begin_move(slot, cluster.another(slot))
        cluster.migrate_keys(slot, 1)
        for seconds in (0, 0.005, 0.1):
            waiting = rc.mget([one, other])
            await turn(seconds)
            waiting.cancel()
            await error_of(waiting, defer.CancelledError)
        blocked = rc.blpop(key_in(3, "none"), 0)
        await turn(0.05)
        blocked.cancel()
        await error_of(blocked, defer.CancelledError)


@pytest_twisted.ensureDeferred
async def test_commands_that_change_a_connection_are_refused(cluster):
    async with connect(cluster) as rc:
        for args in (("MULTI",), ("SUBSCRIBE", "a"), ("asking",), ("READONLY",), ("READWRITE",), ("SCAN", 0)):
            error = await error_of(rc.execute_command(*args), exceptions.RedisError)
            assert str(error).startswith(args[0].upper())
        assert await rc.get("key") is None
