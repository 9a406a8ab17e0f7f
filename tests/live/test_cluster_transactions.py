"""Transactions on real clusters: whole at one owner, or not at all, while slots move and nodes are lost."""

from __future__ import annotations

import pytest
import pytest_twisted
from testbed.live import connect, error_of, turn
from testbed.slots import key_in
from twisted.internet import defer
from twisted.internet.threads import deferToThread

import txredis_fast as redis

SLOT = 4444
ONE, OTHER = key_in(SLOT, "one"), key_in(SLOT, "other")


@pytest.mark.promise(
    "A transaction of a cluster is executed whole at one master, or not at all",
    "All keys belong to one slot. It is written in one piece and follows its slot; with WATCH, a moved slot "
    "is a ``WatchError``.",
    about="Cluster",
)
@pytest_twisted.ensureDeferred
async def test_a_transaction_is_one_write_without_a_connection_of_its_own(any_cluster):
    async with connect(any_cluster) as rc:
        transaction = await rc.multi()
        assert rc.stats().free == 3 and transaction.inTransaction and transaction.collects
        assert await transaction.set(ONE, 1) == "QUEUED"
        assert await transaction.hset(key_in(SLOT, "h"), mapping={"a": 1}) == "QUEUED"
        assert await transaction.hgetall(key_in(SLOT, "h")) == "QUEUED"
        assert await transaction.execute_command("GET", ONE, raw=True) == "QUEUED"
        transaction.eval("return redis.call('incr', KEYS[1])", [ONE])
        before = rc.stats()
        results = await transaction.commit()
        assert results == ["OK", 1, {"a": "1"}, b"1", 2]
        assert rc.stats().commands - before.commands == len(results) + 2
        assert transaction.results == results and not transaction.inTransaction
        assert await transaction.get(ONE) == "2"  # as the handler does

        async with rc.transaction() as t:
            t.incr(ONE)
            t.lpush(ONE, "wrong")
        assert t.results[0] == 3 and isinstance(t.results[1], redis.WrongTypeError)


@pytest.mark.promise("A transaction of a cluster is executed whole at one master, or not at all")
@pytest_twisted.ensureDeferred
async def test_another_slot_refuses_the_whole_and_nothing_is_sent(cluster):
    async with connect(cluster) as rc:
        transaction = await rc.multi()
        transaction.set(ONE, 1)
        before = rc.stats().commands
        error = await error_of(transaction.set(key_in(5, "x"), 1), redis.CrossSlotError)
        assert "slot 5" in str(error) and f"slot {SLOT}" in str(error)
        aborted = await error_of(transaction.commit(), redis.ExecAbortError)
        assert aborted.__cause__ is error
        assert rc.stats().commands == before and await rc.exists(ONE) == 0
        await error_of(rc.watch([ONE, key_in(5, "x")]), redis.CrossSlotError)
        for refused in (transaction.discard(), transaction.commit(), rc.commit(), rc.discard()):
            await error_of(refused, redis.RedisError)


@pytest_twisted.ensureDeferred
async def test_what_the_server_refuses_is_executed_not_at_all(any_cluster):
    async with connect(any_cluster) as rc:
        transaction = await rc.multi()
        transaction.set(ONE, 1)
        transaction.execute_command("SET", ONE)
        aborted = await error_of(transaction.commit(), redis.ExecAbortError)
        assert "wrong number of arguments" in str(aborted.__cause__)
        assert await rc.exists(ONE) == 0
        with pytest.raises(KeyError):
            async with rc.transaction() as t:
                t.set(ONE, 1)
                raise KeyError
        assert await rc.exists(ONE) == 0


@pytest.mark.promise("A transaction of a cluster is executed whole at one master, or not at all")
@pytest.mark.parametrize("step", ["begun", "half", "moved"])
@pytest_twisted.ensureDeferred
async def test_a_transaction_follows_its_slot(any_cluster, step):
    cluster = any_cluster
    async with connect(cluster) as rc:
        await rc.mset({ONE: 1, OTHER: 2})
        to = cluster.another(SLOT)
        cluster.begin_move(SLOT, to)
        if step != "begun":
            cluster.migrate_keys(SLOT, 1 if step == "half" else 10)
        if step == "moved":
            cluster.finish_move(SLOT)
        new = key_in(SLOT, "new")
        t = await rc.multi()
        t.incr(new)
        t.incr(new)
        assert await t.commit() == [1, 2]
        t = await rc.multi()
        t.incr(ONE)
        t.incr(OTHER)
        committed = t.commit()
        if step == "half":  # they are on two nodes: it waits for the move
            await turn(0.2)
            assert not committed.called
            cluster.migrate_keys(SLOT)
            cluster.finish_move(SLOT)
        assert await committed == [2, 3]
        assert [await rc.get(key) for key in (ONE, OTHER, new)] == ["2", "3", "2"]


@pytest.mark.promise("A transaction of a cluster is executed whole at one master, or not at all")
@pytest_twisted.ensureDeferred
async def test_a_watched_key_and_a_moved_slot_are_both_a_watch_error(any_cluster):
    cluster = any_cluster
    async with connect(cluster) as rc:
        await rc.set(ONE, 1)
        transaction = await rc.watch(ONE)
        await rc.incr(ONE)
        await transaction.multi()
        transaction.set(OTHER, 1)
        await error_of(transaction.commit(), redis.WatchError)

        transaction = await rc.multi(ONE)
        transaction.set(OTHER, 1)
        cluster.move_slots([SLOT], cluster.another(SLOT))
        await error_of(transaction.commit(), redis.WatchError)

        transaction = await rc.watch([ONE, OTHER])
        cluster.move_slots([SLOT], cluster.another(SLOT))
        await error_of(transaction.get(ONE), redis.WatchError)
        transaction.abandon()
        assert await rc.exists(OTHER) == 0
        await turn(0.05)
        assert rc.stats().free == rc.stats().connections


@pytest_twisted.ensureDeferred
async def test_transact_runs_again_at_the_new_owner(any_cluster):
    cluster = any_cluster
    async with connect(cluster) as rc:
        await rc.set(ONE, 1)
        runs = []

        async def increment(t):
            value = int(await t.get(ONE))
            runs.append(value)
            if len(runs) == 1:
                cluster.move_slots([SLOT], cluster.another(SLOT))
            if len(runs) == 2:
                await rc.set(ONE, 10)
            await t.multi()
            t.set(ONE, value + 1)

        assert await rc.transact(increment, ONE) == ["OK"]
        assert runs == [1, 1, 10] and await rc.get(ONE) == "11"
        assert await rc.transact(lambda t: t.incr(OTHER)) == [1]


@pytest.mark.promise("A transaction of a cluster is executed whole at one master, or not at all")
@pytest_twisted.ensureDeferred
async def test_concurrent_transactions_lose_no_update_while_slots_move(cluster):
    async with connect(cluster) as rc:
        await rc.mset({ONE: 0, OTHER: 0})

        async def increment(t):
            one, other = await t.mget([ONE, OTHER])
            await t.multi()
            t.mset({ONE: int(one) + 1, OTHER: int(other) + 1})

        async def work():
            for _ in range(15):
                await rc.transact(increment, ONE, OTHER, retries=1000)

        working = [defer.ensureDeferred(work()) for _ in range(4)]
        for _ in range(3):
            await turn(0.1)
            await deferToThread(cluster.move_slots, [SLOT], cluster.another(SLOT))
        await defer.gatherResults(working)
        assert await rc.mget([ONE, OTHER]) == ["60", "60"]


@pytest.mark.promise("A transaction of a cluster is executed whole at one master, or not at all")
@pytest_twisted.ensureDeferred
async def test_a_lost_master_executes_a_transaction_at_most_once(cluster):
    async with connect(cluster) as rc:
        victim = cluster.owner_of(SLOT)
        await rc.set(ONE, 0)
        assert await rc.wait(1, 1000) == 1
        cluster.pause(victim)
        lost = await rc.multi()
        lost.incr(ONE)
        committing = lost.commit()
        await turn(0.05)
        cluster.kill(victim)
        await error_of(committing, redis.MaybeExecutedError)
        waiting = await rc.multi()
        waiting.incr(ONE)
        assert await waiting.commit() == [1]
