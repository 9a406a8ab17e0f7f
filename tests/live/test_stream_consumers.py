"""Consumers of streams over real servers: whoever dies at whatever moment, each entry is processed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_twisted
from testbed.live import bounded, clients, opened, turn, until
from twisted.internet.defer import Deferred, inlineCallbacks

import txredis_fast as redis

TESTS = Path(__file__).parents[1]

#: Milliseconds after which an entry counts as abandoned: many turns of a busy machine's reactor.
IDLE = 1500


def blocked(server):
    return [client for client in clients(server) if "b" in client["flags"]]


async def add(rc, count, start=0):
    """Append entries; returns their IDs."""
    return [await rc.xadd("s", {"n": n}) for n in range(start, start + count)]


async def drain(rc, name, **options):
    """Consume until nothing is pending or unread; returns the entries."""
    seen = []
    entries = rc.consume("s", "g", name, block=100, **options)

    async def is_done():
        pending = await rc.xpending("s", "g")
        [group] = await rc.xinfo_groups("s")
        [last] = await rc.xrevrange("s", count=1)
        return not pending.total and group["last-delivered-id"] == last[0]

    async with entries:
        while not await is_done():
            waiting = entries.next_entry()
            waiting.addTimeout(0.2, _reactor())
            try:
                entry = await waiting
            except Exception:
                continue
            seen.append(entry)
            await entry.ack()
    return seen


def _reactor():
    from twisted.internet import reactor

    return reactor


@pytest_twisted.ensureDeferred
async def test_entries_are_read_and_acknowledged(any_server):
    async with opened(redis.ConnectionPool(*any_server.address, poolsize=2)) as rc:
        ids = await add(rc, 25)
        seen = []
        async with rc.consume("s", "g", "me") as entries:
            async for entry in entries:
                seen.append((entry.id, entry.fields, entry.deliveries))
                assert await entry.ack() is True
                if len(seen) == 25:
                    break
        assert seen == [(number, {"n": n}, 1) for n, number in enumerate(ids)]
        assert (await rc.xpending("s", "g")).total == 0
        assert await bounded(rc.ping()) == "PONG"


@pytest_twisted.ensureDeferred
async def test_a_consumer_waits_on_a_connection_of_its_own_and_close_ends_that_at_once(server):
    async with opened(redis.Connection(*server.address)) as rc:
        entries = rc.consume("s", "g", "me", block=60000)
        waiting = entries.next_entry()
        await until(lambda: len(blocked(server)) == 1, "it waits")
        assert await bounded(rc.ping()) == "PONG"
        await rc.xadd("s", {"n": 1})
        entry = await bounded(waiting)
        assert await bounded(entry.ack()) is True
        waiting = entries.next_entry()
        await until(lambda: len(blocked(server)) == 1, "it waits again")
        entries.close()
        assert waiting.called
        assert await waiting is None
        await until(lambda: not blocked(server), "nothing waits any more")


@pytest_twisted.inlineCallbacks
def test_with_inline_callbacks(server):
    rc = yield bounded(redis.Connection(*server.address))
    yield rc.xadd("s", {"n": 1})
    entries = rc.consume("s", "g", "me")

    @inlineCallbacks
    def one():
        entry = yield entries.next_entry()
        yield entry.ack()
        return entry.fields

    assert (yield bounded(one())) == {"n": 1}
    yield entries.close()
    yield rc.disconnect()


@pytest_twisted.ensureDeferred
async def test_own_entries_come_first_and_those_of_dead_consumers_are_claimed(any_server):
    async with opened(redis.ConnectionPool(*any_server.address, poolsize=2)) as rc:
        ids = await add(rc, 6)
        await rc.xgroup_create("s", "g", 0)
        await rc.xreadgroup("g", "dead", {"s": ">"}, count=2)
        await rc.xreadgroup("g", "me", {"s": ">"}, count=2)
        await rc.xdel("s", ids[3])
        async with rc.consume("s", "g", "me", claim_idle=200, block=100) as entries:
            seen = []
            async for entry in entries:
                seen.append((entry.id, entry.deliveries))
                await entry.ack()
                if len(seen) == 5:
                    break
        assert seen[0] == (ids[2], 2), "its own"
        assert sorted(seen[1:]) == [(ids[0], 2), (ids[1], 2), (ids[4], 1), (ids[5], 1)]
        assert (await rc.xpending("s", "g")).total == 0


@pytest_twisted.ensureDeferred
async def test_an_entry_in_work_is_not_claimed_however_long_that_takes(server):
    async with opened(redis.ConnectionPool(*server.address, poolsize=2)) as rc:
        ids = await add(rc, 3)
        async with (
            rc.consume("s", "g", "busy", claim_idle=IDLE) as busy,
            rc.consume("s", "g", "other", claim_idle=IDLE, block=100) as other,
        ):
            entry = await bounded(busy.next_entry())
            waiting = other.next_entry()
            await turn(2.5 * IDLE / 1000)
            assert not waiting.called
            assert (await rc.xpending("s", "g")).consumers == {"busy": 3}, "what was read ahead, too"
            assert await entry.ack() is True
            busy.close()
            assert (await bounded(waiting)).id == ids[1]


@pytest_twisted.ensureDeferred
async def test_a_poison_entry_goes_to_the_dead_letter_stream_with_its_bytes(any_server):
    async with opened(redis.ConnectionPool(*any_server.address, poolsize=2)) as rc:
        bad = await rc.xadd("s", {"n": "1.50", "bytes": b"\xff"})
        good = await rc.xadd("s", {"n": 2})
        options = {"max_deliveries": 2, "dead_letter": "dead"}
        for _ in range(2):
            async with rc.consume("s", "g", "me", **options) as entries:
                assert (await bounded(entries.next_entry())).id == bad
        async with rc.consume("s", "g", "me", **options) as entries:
            entry = await bounded(entries.next_entry())
            assert (entry.id, entry.deliveries) == (good, 2)
            await entry.ack()
        [(_, fields)] = await rc.raw.xrange("dead")
        about = {b"stream": b"s", b"group": b"g", b"id": bad.encode(), b"deliveries": b"2"}
        expected = {b"dead-letter-" + name: value for name, value in about.items()}
        assert fields == {b"n": b"1.50", b"bytes": b"\xff", **expected}
        assert (await rc.xpending("s", "g")).total == 0


@pytest_twisted.ensureDeferred
async def test_nothing_is_lost_where_the_dead_letter_stream_is_none(server):
    async with opened(redis.Connection(*server.address)) as rc:
        await rc.set("dead", "a string")
        await rc.xadd("s", {"n": 1})
        options = {"max_deliveries": 1, "dead_letter": "dead"}
        async with rc.consume("s", "g", "me", **options) as entries:
            await bounded(entries.next_entry())
        async with rc.consume("s", "g", "me", **options) as entries:
            with pytest.raises(redis.WrongTypeError, match="dead-letter stream holds a value of type string"):
                await bounded(entries.next_entry())
        assert (await rc.xpending("s", "g")).total == 1


@pytest_twisted.ensureDeferred
async def test_a_consumer_goes_on_after_lost_connections_and_a_removed_stream(server):
    async with opened(redis.ConnectionPool(*server.address, poolsize=2)) as rc:
        seen = []
        entries = rc.consume("s", "g", "me", block=200)

        async def loop():
            async for entry in entries:
                seen.append(entry.fields["n"])
                while True:
                    try:
                        await entry.ack()
                        break
                    except redis.ConnectionError:
                        await turn()

        looping = Deferred.fromCoroutine(loop())
        for n in range(40):
            server.command("XADD", "s", "*", "n", n)
            if n % 5 == 0:
                server.command("CLIENT", "KILL", "TYPE", "normal")
            await turn(0.02)
        await until(lambda: set(seen) == set(range(40)), "every entry comes")
        server.command("DEL", "s")
        await turn(0.3)
        server.command("XADD", "s", "*", "n", 40)
        await until(lambda: seen[-1] == 40, "an entry of the new stream comes")
        entries.close()
        await bounded(looping)
        await until(lambda: server.command("XPENDING", "s", "g")[0] == 0, "nothing is pending")


@pytest_twisted.ensureDeferred
async def test_a_new_stream_with_lower_ids_is_read_from_its_begin(any_server):
    async with opened(redis.Connection(*any_server.address)) as rc, rc.consume("s", "g", "me", block=100) as entries:
        any_server.command("XADD", "s", "7-0", "n", 7)
        assert (await bounded(entries.next_entry())).id == "7-0"
        any_server.command("DEL", "s")
        waiting = entries.next_entry()
        await turn(0.2)
        any_server.command("XADD", "s", "3-0", "n", 3)
        assert (await bounded(waiting)).id == "3-0"
        # Not only where the removal was noticed in between.
        any_server.command("DEL", "s")
        any_server.command("XADD", "s", "2-0", "n", 2)
        any_server.command("XADD", "s", "2-1", "n", 2)
        assert [(await bounded(entries.next_entry())).id for _ in range(2)] == ["2-0", "2-1"]
        # A group that is removed while the stream stays begins after what was read.
        waiting = entries.next_entry()
        any_server.command("XGROUP", "DESTROY", "s", "g")
        any_server.command("XADD", "s", "2-2", "n", 2)
        assert (await bounded(waiting)).id == "2-2"


@pytest_twisted.ensureDeferred
async def test_disconnecting_the_handler_ends_the_loop(server):
    rc = await bounded(redis.Connection(*server.address))
    entries = rc.consume("s", "g", "me", claim_idle=1000)
    waiting = entries.next_entry()
    await until(lambda: len(blocked(server)) == 1, "it waits")
    await bounded(rc.disconnect())
    assert await bounded(waiting) is None


@pytest_twisted.ensureDeferred
async def test_bytes_and_shards(server, make_server):
    async with opened(redis.Connection(*server.address, charset=None)) as rc:
        await rc.xadd("s", {"n": 1})
        for deliveries in (1, 2):
            async with rc.consume("s", "g", "me", claim_idle=1000) as entries:
                entry = await bounded(entries.next_entry())
                assert (entry.fields, entry.deliveries) == ({b"n": 1}, deliveries)
                assert type(entry.id) is bytes
    hosts = [f"{each.host}:{each.port}" for each in (server, make_server())]
    async with opened(redis.ShardedConnectionPool(hosts, poolsize=2)) as rc:
        for number in range(5):
            async with rc.consume(f"stream:{number}", "g", "me") as entries:
                assert await bounded(rc.exists(f"stream:{number}")), "on its node"
                waiting = entries.next_entry()
                await turn()
                assert not waiting.called
        assert await bounded(waiting) is None


# -- processes that are killed


class Worker:
    """A child process that consumes; see ``testbed.worker``."""

    def __init__(self, server, name, poison="none"):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "testbed.worker", str(server.port), name, str(IDLE), poison],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
        )

    def kill(self):
        self.process.kill()
        return self.process.wait(10)

    @property
    def died(self):
        return self.process.poll() is not None


@pytest.mark.promise(
    "A consumer loses no entry, at whatever moment its process is killed, and delivers each at least once",
    "An entry that kills its consumer goes to the dead-letter stream after ``max_deliveries``; no other entry does.",
    about="Streams",
)
@pytest.mark.parametrize("same_name", [True, False])
@pytest_twisted.ensureDeferred
async def test_no_entry_is_lost_however_often_the_process_is_killed(fresh_server, same_name):
    server = fresh_server
    seed = random.randrange(10**6)
    print("seed", seed)
    dice = random.Random(seed)
    async with opened(redis.ConnectionPool(*server.address, poolsize=2)) as rc:
        ids = set(await add(rc, 60))
        await rc.xgroup_create("s", "g", 0)
        for number in range(5):
            before = await rc.scard("done")  # while no worker is alive, so that 40 entries more can be done
            worker = Worker(server, "me" if same_name else f"worker-{number}")
            try:
                ids.update(await add(rc, 40, 1000 * number))
                step = dice.randrange(1, 30)
                await until(lambda: server.command("SCARD", "done") > before + step, "it works", limit=60)  # noqa: B023
                await turn(dice.uniform(0, 0.02))
            finally:
                assert worker.kill() == -signal.SIGKILL
        await drain_into_done(rc, "me" if same_name else "last")
        done = await rc.smembers("done")
        assert done == ids, seed
        assert (await rc.xpending("s", "g")).total == 0
        assert await rc.xlen("dead") == 0, "an innocent entry was taken for poison"


async def drain_into_done(rc, name):
    for entry in await drain(rc, name, claim_idle=IDLE):
        await rc.sadd("done", entry.id)


@pytest_twisted.ensureDeferred
async def test_an_entry_that_kills_its_consumer_kills_three_and_no_more(fresh_server):
    server = fresh_server
    async with opened(redis.ConnectionPool(*server.address, poolsize=2)) as rc:
        ids = await add(rc, 12)
        workers = []
        try:
            for _ in range(3):
                workers.append(Worker(server, "me", poison="5"))
                await until(lambda: workers[-1].died, "it dies of the entry", limit=60)
            workers.append(Worker(server, "me", poison="5"))
            await until(lambda: server.command("XLEN", "dead") == 1, "it is set aside", limit=60)
            await until(lambda: server.command("SCARD", "done") == 11, "the others are done", limit=60)
            await until(lambda: server.command("XPENDING", "s", "g")[0] == 0, "the last one is acknowledged", limit=60)
            assert not workers[-1].died
        finally:
            for worker in workers:
                worker.kill()
        [(_, fields)] = await rc.xrange("dead")
        assert (fields["n"], fields["dead-letter-id"], fields["dead-letter-deliveries"]) == (5, ids[5], 3)
        assert await rc.smembers("done") == set(ids) - {ids[5]}
        assert (await rc.xpending("s", "g")).total == 0
