"""Real servers that become replicas and close no connection: the pool is on the master again as soon as it may be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytest_twisted
from testbed.live import bounded, clients, opened, turn
from testbed.proxy import proxied
from testbed.sentinels import Sentinel as SentinelProcess
from testbed.servers import KINDS, Server, wait_until
from twisted.internet.defer import Deferred

import txredis_fast as redis

pytestmark = pytest.mark.promise("The first refused write notices a fail-over that closes no connection")

#: The user that the documentation of Redis makes for clients of Sentinels.
DOCUMENTED_USER = (
    "on >hers -@all +auth +client|getname +client|id +client|setname +command +hello +ping +role "
    "+sentinel|get-master-addr-by-name +sentinel|master +sentinel|myid +sentinel|replicas +sentinel|sentinels"
)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def two_servers(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Server]]:
    """Two servers of a kind that know nothing of each other; each kind that is installed in turn."""
    binary = request.param.binary()
    if binary is None:
        pytest.skip(f"{request.param.name} is not installed")
    with Server(binary=binary) as first, Server(binary=binary) as second:
        yield first, second


async def single(rc: Any) -> Any:
    return await rc.set("k", 1)


async def piped(rc: Any) -> Any:
    async with rc.pipelined() as p:
        p.get("k")
        p.set("k", 1)
    return p.results


async def batch(rc: Any) -> Any:
    replies = await rc.batch([("GET", "k"), ("SET", "k", 1)], raise_on_error=False)
    if isinstance(replies[1], Exception):
        raise replies[1]
    return replies


async def transaction(rc: Any) -> Any:
    async with rc.transaction() as t:
        t.set("k", 1).addErrback(lambda _: None)  # what matters is what EXEC says
    return t.results


async def script(rc: Any) -> Any:
    return await rc.eval("return redis.call('set', KEYS[1], 1)", ["k"])


async def blocking(rc: Any) -> Any:
    return await rc.blpop("list", timeout=0.1)


WAYS: dict[str, Callable[[Any], Any]] = {
    each.__name__: each for each in (single, piped, batch, transaction, script, blocking)
}


async def until_written(way: Callable[[Any], Any], rc: Any, limit: float) -> int:
    """Try until it succeeds; returns how often it was refused."""
    refused = 0
    start = time.monotonic()
    while time.monotonic() - start < limit:
        try:
            await bounded(Deferred.fromCoroutine(way(rc)))
        except (redis.ResponseError, redis.PipelineError):
            refused += 1
            await turn()
        else:
            return refused
    raise AssertionError(f"refused {refused} times in {limit} seconds")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest_twisted.ensureDeferred
async def test_a_name_that_moves_is_followed_though_the_former_master_closes_nothing(
    two_servers: tuple[Server, Server], way: Callable[[Any], Any]
) -> None:
    former, new = two_servers
    async with proxied(*former.address) as name:
        connecting = redis.ConnectionPool(*name.address, poolsize=2)
        async with opened(connecting) as rc:
            assert await until_written(way, rc, 5) == 0
            former.command("REPLICAOF", *new.address)
            wait_until(former.in_sync, "in sync")
            name.forward_to(*new.address)
            assert name.fronts, "no connection was closed"
            assert 1 <= await until_written(way, rc, 10) <= 20
            if way is not blocking:
                assert new.command("GET", "k") == b"1"


@pytest_twisted.ensureDeferred
async def test_a_server_that_is_master_again_is_used_and_reads_never_fail(two_servers: tuple[Server, Server]) -> None:
    server, other = two_servers
    async with opened(redis.ConnectionPool(*server.address, poolsize=1)) as rc:
        await bounded(rc.set("k", 1))
        other.command("SET", "k", 1)
        server.command("REPLICAOF", *other.address)
        wait_until(server.in_sync, "in sync")
        for _ in range(100):
            with pytest.raises(redis.ReadOnlyError):
                await bounded(rc.set("k", 2))
            assert await bounded(rc.get("k")) == 1
            await turn(0.005)
        assert rc.stats().connections_made <= 50
        server.command("REPLICAOF", "NO", "ONE")
        assert await bounded(rc.set("k", 3)) == "OK"
        assert len(clients(server)) == 1


@pytest_twisted.ensureDeferred
async def test_a_policy_that_repeats_what_was_refused_hides_the_change(two_servers: tuple[Server, Server]) -> None:
    former, new = two_servers
    async with proxied(*former.address) as name:
        policy = redis.RetryPolicy(refused=True, attempts=20)
        async with opened(redis.ConnectionPool(*name.address, poolsize=2, retry=policy)) as rc:
            assert await bounded(rc.incr("k")) == 1
            former.command("REPLICAOF", *new.address)
            wait_until(former.in_sync, "in sync")
            name.forward_to(*new.address)
            new.command("SET", "k", 10)
            assert await bounded(rc.incr("k")) == 11


@pytest_twisted.ensureDeferred
async def test_below_a_sentinel_whose_word_was_not_heard_the_new_master_is_found(make_server: Any) -> None:
    master = make_server()
    replica = make_server(replica_of=master)
    wait_until(replica.in_sync, "in sync")
    with SentinelProcess(master) as process:
        wait_until(lambda: process.knows({"flags": "master", "num-slaves": "1"}), "knows the replica")
        process.command("ACL", "SETUSER", "client", *DOCUMENTED_USER.split())  # who may not SUBSCRIBE
        client = redis.Sentinel([process.address], username="client", password="hers")
        assert await bounded(client.discover_master("mymaster")) == master.address
        assert await bounded(client.discover_slaves("mymaster")) == [replica.address]
        async with opened(client.master_for("mymaster", poolsize=2)) as rc:
            await bounded(rc.set("k", 1))
            # As a fail-over does, but for what Sentinel does with the connections of clients.
            replica.command("REPLICAOF", "NO", "ONE")
            master.command("REPLICAOF", *replica.address)
            process.command("SENTINEL", "REMOVE", "mymaster")
            process.command("SENTINEL", "MONITOR", "mymaster", *replica.address, 1)
            with pytest.raises(redis.ReadOnlyError):
                await bounded(rc.set("k", 2))
            assert await bounded(rc.set("k", 3)) == "OK"
            assert replica.command("GET", "k") == b"3"
        await bounded(client.disconnect())
