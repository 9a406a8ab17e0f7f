"""Streams over real servers: what is added is read, by consumers too, and waiting holds up nobody."""

from __future__ import annotations

import datetime

import pytest
import pytest_twisted
from testbed.live import bounded, clients, opened, until
from twisted.internet.defer import CancelledError

import txredis_fast as redis


def blocked(server):
    return [client for client in clients(server) if "b" in client["flags"]]


@pytest_twisted.ensureDeferred
async def test_what_is_added_is_read(any_server):
    async with opened(redis.Connection(*any_server.address)) as rc:
        assert await rc.xadd("s", {"name": "Ann", "age": 42}, "1-1") == "1-1"
        second = await rc.xadd("s", {"name": "Bob"})
        assert await rc.xlen("s") == 2
        both = [("1-1", {"name": "Ann", "age": 42}), (second, {"name": "Bob"})]
        assert await rc.xrange("s") == both
        assert await rc.xrevrange("s", count=1) == both[1:]
        assert await rc.xread({"s": "1-1", "none": 0}) == {"s": both[1:]}
        assert await rc.xread({"s": "99999999999999-1"}) is None
        state = await rc.xinfo_stream("s")
        assert (state["length"], state["first-entry"], state["last-entry"]) == (2, *both)
        assert await rc.xtrim("s", 1, approximate=False) == 1
        assert await rc.xdel("s", second, "5-5") == 1


@pytest_twisted.ensureDeferred
async def test_a_group_delivers_each_entry_once_until_it_is_claimed(any_server):
    async with opened(redis.Connection(*any_server.address)) as rc:
        assert await rc.xgroup_create("s", "g", 0, mkstream=True) == "OK"
        for number in (1, 2, 3):
            await rc.xadd("s", {"n": number}, f"{number}-0")
        assert await rc.xreadgroup("g", "ann", {"s": ">"}, count=2) == {"s": [("1-0", {"n": 1}), ("2-0", {"n": 2})]}
        assert await rc.xreadgroup("g", "bob", {"s": ">"}) == {"s": [("3-0", {"n": 3})]}
        assert await rc.xreadgroup("g", "bob", {"s": ">"}) is None
        summary = await rc.xpending("s", "g")
        assert (summary.total, summary.first, summary.consumers) == (3, "1-0", {"ann": 2, "bob": 1})
        [entry] = await rc.xpending_range("s", "g", consumername="bob")
        assert (entry.id, entry.consumer, entry.deliveries) == ("3-0", "bob", 1)
        assert await rc.xack("s", "g", "1-0") == 1
        assert await rc.xclaim("s", "g", "bob", 0, "2-0") == [("2-0", {"n": 2})]
        await rc.xdel("s", "3-0")
        taken = await rc.xautoclaim("s", "g", "eve", datetime.timedelta(0))
        assert taken.next_id == "0-0"
        assert taken.entries[0] == ("2-0", {"n": 2})
        [group] = await rc.xinfo_groups("s")
        assert group["name"] == "g"
        assert {each["name"] for each in await rc.xinfo_consumers("s", "g")} == {"ann", "bob", "eve"}
        [full] = (await rc.xinfo_stream("s", full=True))["groups"]
        assert {each["name"] for each in full["consumers"]} == {"ann", "bob", "eve"}
        assert await rc.xgroup_delconsumer("s", "g", "ann") == 0
        assert await rc.xgroup_destroy("s", "g") is True


@pytest_twisted.ensureDeferred
async def test_an_entry_that_was_deleted_while_pending_has_no_fields(any_server):
    async with opened(redis.Connection(*any_server.address)) as rc:
        await rc.xgroup_create("s", "g", 0, mkstream=True)
        await rc.xadd("s", {"n": 1}, "1-0")
        await rc.xreadgroup("g", "ann", {"s": ">"})
        await rc.xdel("s", "1-0")
        assert await rc.xreadgroup("g", "ann", {"s": 0}) == {"s": [("1-0", None)]}


@pytest_twisted.ensureDeferred
async def test_waiting_for_an_entry_holds_up_nobody(server):
    async with opened(redis.Connection(*server.address)) as rc:
        waiting = rc.xread({"s": "$"}, block=20000)
        await until(lambda: len(blocked(server)) == 1, "it waits")
        assert await bounded(rc.ping()) == "PONG"
        assert await bounded(rc.xread({"s": "$"})) is None, "without block on the shared connection, at once"
        await bounded(rc.xadd("s", {"a": 1}, "1-0"))
        assert await bounded(waiting) == {"s": [("1-0", {"a": 1})]}
        assert await bounded(rc.xread({"s": "$"}, None, 1)) is None


@pytest_twisted.ensureDeferred
async def test_a_consumer_that_gives_up_waiting_takes_no_entry(server):
    async with opened(redis.Connection(*server.address)) as rc:
        await rc.xgroup_create("s", "g", mkstream=True)
        waiting = rc.xreadgroup("g", "ann", {"s": ">"}, block=0)
        await until(lambda: len(blocked(server)) == 1, "it waits")
        waiting.cancel()
        with pytest.raises(CancelledError):
            await waiting
        await until(lambda: not blocked(server), "it is gone")
        await bounded(rc.xadd("s", {"a": 1}, "1-0"))
        assert (await rc.xpending("s", "g")).total == 0
        async with rc.transaction() as t:
            queued = t.xreadgroup("g", "bob", {"s": ">"}, block=0)
        assert await bounded(queued) == "QUEUED"
        assert (await rc.xpending("s", "g")).consumers == {"bob": 1}


@pytest_twisted.ensureDeferred
async def test_redis_8_removes_with_the_references(any_server):
    if any_server.version[0] != "redis" or any_server.version[1] < "8.2":
        pytest.skip("XDELEX and XACKDEL are commands of Redis 8.2")
    async with opened(redis.Connection(*any_server.address)) as rc:
        await rc.xgroup_create("s", "g", 0, mkstream=True)
        await rc.xadd("s", {"n": 1}, "1-0")
        await rc.xadd("s", {"n": 2}, "2-0", maxlen=10, ref_policy="ACKED")
        await rc.xreadgroup("g", "ann", {"s": ">"})
        assert await rc.xdelex("s", "1-0", ref_policy="ACKED") == [2]
        assert await rc.xdelex("s", "9-9") == [-1]
        assert await rc.xackdel("s", "g", "1-0") == [1]
        assert await rc.xdelex("s", "2-0", ref_policy="DELREF") == [1]
        assert (await rc.xpending("s", "g")).total == 0
