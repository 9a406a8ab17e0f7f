"""Blocking commands of every kind over real servers, however the connections are made."""

from __future__ import annotations

import pytest
import pytest_twisted
from testbed.live import bounded, clients, opened, until
from twisted.internet.defer import CancelledError, gatherResults

import txredis_fast as redis
from txredis_fast.client.factory import RedisFactory

pytestmark = pytest.mark.promise("Blocking commands neither delay nor use the connections of the pool")

#: Each kind with nothing to give: the command, and what makes it answer.
KINDS = [
    (("BLPOP", "k", 20), ("RPUSH", "k", "x")),
    (("brpop", "k", 20), ("RPUSH", "k", "x")),
    (("BRPOPLPUSH", "k", "other", 20), ("RPUSH", "k", "x")),
    (("BLMOVE", "k", "other", "LEFT", "RIGHT", 20), ("RPUSH", "k", "x")),
    (("BZPOPMIN", "k", 20), ("ZADD", "k", "1", "x")),
    (("BZPOPMAX", "k", 20), ("ZADD", "k", "1", "x")),
    (("XREAD", "BLOCK", 20000, "STREAMS", "k", "$"), ("XADD", "k", "*", "f", "v")),
    (("BLMPOP", 20, 1, "k", "LEFT"), ("RPUSH", "k", "x")),
    (("BZMPOP", 20, 1, "k", "MIN"), ("ZADD", "k", "1", "x")),
]


def blocked(server):
    return [client for client in clients(server) if "b" in client["flags"]]


async def works(rc, server):
    """Whether blocking commands hold up nobody, and can be given up."""
    waiting = rc.blpop("queue", 20)
    await until(lambda: len(blocked(server)) == 1, "it waits")
    assert await bounded(rc.ping()) == "PONG"
    (number,) = [client["id"] for client in blocked(server)]
    waiting.cancel()
    with pytest.raises(CancelledError):
        await waiting
    await until(lambda: not blocked(server), "it is gone")
    again = rc.blpop("queue", 20)
    await until(lambda: [client["id"] for client in blocked(server)] == [number], "on the same connection")
    assert await bounded(rc.rpush("queue", "x")) == 1
    assert await bounded(again) == ["queue", "x"]


@pytest_twisted.ensureDeferred
async def test_every_kind_by_its_name_waits_in_the_lane_and_is_given_up_without_a_trace(any_server):
    async with opened(redis.Connection(*any_server.address)) as rc:
        for command, push in KINDS:
            if command[0] in ("BLMPOP", "BZMPOP") and any_server.version[1] < "7":
                continue
            any_server.command("DEL", "k", "other")
            waiting = rc.execute_command(*command)
            await until(lambda: len(blocked(any_server)) == 1, command)
            waiting.cancel()
            with pytest.raises(CancelledError):
                await waiting
            await until(lambda: not blocked(any_server), command)
            again = rc.execute_command(*command)
            await until(lambda: len(blocked(any_server)) == 1, command)
            await bounded(rc.execute_command(*push))
            assert await bounded(again), command
        assert rc._factory.size == 1
        assert len(rc._factory.blockingLane.connections) <= 2, "one, and one more while the first was being unblocked"


@pytest_twisted.ensureDeferred
async def test_over_a_unix_socket(server):
    async with opened(redis.UnixConnection(server.path)) as rc:
        await works(rc, server)


@pytest_twisted.ensureDeferred
async def test_over_a_connector_of_Twisted(server):
    from twisted.internet import reactor

    factory = RedisFactory("by hand", None, 1)
    reactor.connectTCP(*server.address, factory)
    async with opened(factory.deferred) as rc:
        await works(rc, server)


@pytest_twisted.ensureDeferred
async def test_on_the_nodes_of_shards(make_server):
    servers = [make_server(), make_server()]
    async with opened(redis.ShardedConnection([f"{each.host}:{each.port}" for each in servers])) as shards:
        for node, server in zip(shards._ring.nodes, servers, strict=True):
            await works(node, server)


@pytest_twisted.ensureDeferred
async def test_a_time_limit_of_the_call_takes_no_element(server):
    async with opened(redis.Connection(*server.address)) as rc:
        for _ in range(5):
            with pytest.raises(redis.ReplyTimeoutError):
                await bounded(rc.withTimeout(0.05).blpop("queue", 20))
            await until(lambda: not blocked(server), "it is gone")
            await bounded(rc.rpush("queue", "x"))
            assert await bounded(rc.lpop("queue")) == "x"


@pytest_twisted.ensureDeferred
async def test_many_workers_and_a_restart(fresh_server):
    async with opened(redis.Connection(*fresh_server.address)) as rc:
        workers = [rc.blpop("queue", 20) for _ in range(10)]
        await until(lambda: len(blocked(fresh_server)) == 10, "all wait")
        fresh_server.restart()
        for worker in workers:
            with pytest.raises(redis.MaybeExecutedError):
                await bounded(worker)
        workers = [rc.blpop("queue", 20) for _ in range(10)]
        await until(lambda: len(blocked(fresh_server)) == 10, "all wait again")
        await bounded(rc.rpush("queue", list(range(10))))
        assert sorted(element for _, element in await bounded(gatherResults(workers))) == list(range(10))
        lane = rc._factory.blockingLane
        lane.close_idle_now()
        await until(lambda: not lane.connections, "closed")
        assert len(clients(fresh_server)) == 1
