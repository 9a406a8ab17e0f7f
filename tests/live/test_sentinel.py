"""Sentinel for real: three Sentinels, a master and a replica, and what happens when the master goes away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from testbed.live import bounded, clients
from testbed.sentinels import Sentinel as SentinelProcess
from testbed.sentinels import sentinel_group
from testbed.servers import Server, wait_until
from testbed.tls import TLSProxy, make_certificates
from testbed.wire import array
from twisted.internet import ssl, task
from twisted.internet.protocol import Factory

import txredis_fast as redis
from txredis_fast.sentinel import Sentinel, open_through_sentinels

SERVICE = "mymaster"

#: Seconds in which everything must be well again after the master is lost: half a second until it is missed
#: (``down-after-milliseconds``), then the election, which Sentinels may have to repeat after their
#: ``failover-timeout`` of three seconds, and the next attempt to connect.
FAIL_OVER_LIMIT = 15.0


def sleep(seconds: float) -> Any:
    from twisted.internet import reactor

    return task.deferLater(reactor, seconds)


async def until(condition: Any, limit: float = FAIL_OVER_LIMIT) -> float:
    """Let the reactor run until the condition holds; returns the seconds that took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < limit, "took too long"
        await sleep(0.02)
    return time.monotonic() - start


class Client(Sentinel):
    """Notes in ``closing`` what it makes, and itself."""

    def __init__(self, closing: list[Any], addresses: list[tuple[str, int]], **options: Any) -> None:
        super().__init__(addresses, **options)
        self.closing = closing
        closing.append(self)

    def master_for(self, *args: Any, **options: Any) -> Any:
        return self.noted(super().master_for(*args, **options))

    def slave_for(self, *args: Any, **options: Any) -> Any:
        return self.noted(super().slave_for(*args, **options))

    def noted(self, handler: Any) -> Any:
        self.closing.append(handler)
        return handler


def addresses_of(processes: list[SentinelProcess]) -> list[tuple[str, int]]:
    return [process.address for process in processes]


def ports_of(handler: Any) -> list[int]:
    """The port that each connection of a pool leads to."""
    return [connection.transport.getPeer().port for connection in handler._factory.pool]


@pytest_twisted.async_yield_fixture()
async def closing() -> Any:
    """A list of what to disconnect after the test."""
    opened: list[Any] = []
    yield opened
    for each in opened:
        await each.disconnect()


@pytest.fixture
def protected() -> Iterator[tuple[Server, list[Server], list[SentinelProcess]]]:
    """As ``sentinels``, but everything asks for a password."""
    with sentinel_group(password="pw") as group:
        yield group


@pytest.mark.once
@pytest_twisted.ensureDeferred
async def test_master_and_replicas_are_found(closing: list[Any], sentinels: Any) -> None:
    master, (replica,), processes = sentinels
    for options in ({}, {"charset": None}, {"convertNumbers": False}):
        client = Client(closing, addresses_of(processes), **options)
        assert await client.discover_master(SERVICE) == master.address
        assert await client.discover_slaves(SERVICE) == [replica.address]
        start = time.monotonic()
        with pytest.raises(redis.MasterNotFoundError, match="does not know this service"):
            await client.discover_master("unknown")
        assert await client.discover_slaves("unknown") == []
        assert time.monotonic() - start < 2


@pytest.mark.once
@pytest_twisted.ensureDeferred
async def test_handlers_reach_the_master_and_the_replica(closing: list[Any], sentinels: Any) -> None:
    master, (replica,), processes = sentinels
    processes[0].kill()
    client = Client(closing, addresses_of(processes))
    for_master, for_replica = client.master_for(SERVICE, poolsize=3, dbid=2), client.slave_for(SERVICE, dbid=2)
    await for_master.set("key", "value")
    assert (await for_master.role())[0] == "master"
    assert (await for_replica.role())[0] == "slave"
    await until(lambda: ports_of(for_master) == [master.port] * 3 and ports_of(for_replica) == [replica.port])
    with pytest.raises(redis.ReadOnlyError):
        await for_replica.set("key", "other")


@pytest_twisted.ensureDeferred
async def test_after_the_master_is_lost_the_pool_is_on_the_new_one_and_what_waited_is_executed(
    closing: list[Any], sentinels: Any
) -> None:
    master, (replica,), processes = sentinels
    client = Client(closing, addresses_of(processes))
    rc, reading = client.master_for(SERVICE, poolsize=3), client.slave_for(SERVICE)
    await rc.set("before", 1)
    await reading.role()
    await until(lambda: len(ports_of(rc)) == 3)
    wait_until(lambda: replica.command("GET", "before") == b"1", "replicated")

    master.kill()
    await until(lambda: rc._factory.size == 0)
    waiting = [rc.rpush("list", number) for number in range(20)]
    start = time.monotonic()
    assert [await command for command in waiting] == list(range(1, 21))
    assert time.monotonic() - start < FAIL_OVER_LIMIT
    assert await rc.lrange("list", 0, -1) == list(range(20))
    assert await rc.get("before") == 1
    await until(lambda: ports_of(rc) == [replica.port] * 3)
    assert replica.command("ROLE")[0] == b"master"
    assert await reading.get("before") == 1


@pytest_twisted.ensureDeferred
async def test_a_planned_fail_over_moves_all_connections_before_the_former_master_is_told(
    closing: list[Any], protected: Any
) -> None:
    master, (replica,), processes = protected
    client = Client(closing, addresses_of(processes), password="pw")
    rc = client.master_for(SERVICE, poolsize=3, password="pw")
    await rc.set("key", 1)
    await until(lambda: replica.command("GET", "key") == b"1")  # else the fail-over may lose it, as it may
    await until(lambda: ports_of(rc) == [master.port] * 3)
    processes[0].command("SENTINEL", "FAILOVER", SERVICE)
    await until(lambda: ports_of(rc) == [replica.port] * 3)
    # For some seconds from now on, what is written to the former master is lost.
    assert master.command("ROLE")[0] == b"master"
    assert await rc.incr("key") == 2
    assert replica.command("GET", "key") == b"2"


@pytest_twisted.ensureDeferred
async def test_a_master_that_hangs_is_left_for_the_new_one(closing: list[Any], sentinels: Any) -> None:
    master, (replica,), processes = sentinels
    client = Client(closing, addresses_of(processes))
    rc = client.master_for(SERVICE, poolsize=2)  # no replyTimeout: nothing but the Sentinels can tell
    await rc.set("key", 1)
    await until(lambda: len(ports_of(rc)) == 2)
    master.pause()
    start = time.monotonic()
    with pytest.raises(redis.MaybeExecutedError, match="the master has changed"):
        await rc.set("key", 2)
    assert await rc.set("key", 3) == "OK"
    assert time.monotonic() - start < FAIL_OVER_LIMIT
    await until(lambda: ports_of(rc) == [replica.port] * 2)
    master.resume()
    assert await rc.get("key") == 3


GOING = {
    "planned": lambda master, process: process.command("SENTINEL", "FAILOVER", SERVICE),
    "killed": lambda master, process: master.kill(),
    "hanging": lambda master, process: master.pause(),
}


@pytest.mark.parametrize(
    "go", [pytest.param(go, id=name, marks=[] if name == "killed" else pytest.mark.once) for name, go in GOING.items()]
)
@pytest_twisted.ensureDeferred
async def test_what_waits_in_a_blocking_command_ends_when_the_master_changes_and_the_next_is_on_the_new_one(
    closing: list[Any], sentinels: Any, go: Any
) -> None:
    master, (replica,), processes = sentinels
    client = Client(closing, addresses_of(processes))
    rc = client.master_for(SERVICE, poolsize=2)  # no replyTimeout
    await until(lambda: ports_of(rc) == [master.port] * 2)
    waiting, marked = rc.blpop("queue", timeout=0), rc.retrying.blpop("marked", timeout=0)
    await until(lambda: [each["cmd"] for each in clients(master)].count("blpop") == 2)
    go(master, processes[0])
    with pytest.raises(redis.MaybeExecutedError):
        await bounded(waiting, FAIL_OVER_LIMIT)
    # Given before the pool has moved: it waits for a connection to the new master.
    following = rc.blpop("queue", timeout=0)
    await until(lambda: ports_of(rc) == [replica.port] * 2)
    assert await rc.rpush("queue", "a") == 1
    assert await bounded(following) == ["queue", "a"]
    assert await rc.rpush("marked", "b") == 1
    assert await bounded(marked) == ["marked", "b"]
    assert {connection.transport.getPeer().port for connection in rc._factory.lane.connections} == {replica.port}


@pytest_twisted.ensureDeferred
async def test_sentinels_and_servers_have_passwords_of_their_own(closing: list[Any], make_server: Any) -> None:
    master = make_server(password="of-the-server", users={"alice": "on >hers ~* &* +@all"})
    with SentinelProcess(master, password="of-the-Sentinel") as process:
        client = Client(closing, [process.address], password="of-the-Sentinel")
        rc, alices = (
            client.master_for(SERVICE, password="of-the-server"),
            client.master_for(SERVICE, username="alice", password="hers", dbid=1),
        )
        assert await rc.set("key", 1) == "OK"
        assert await alices.execute_command("ACL", "WHOAMI") == "alice"
        refused = client.master_for(SERVICE, password="wrong")
        with pytest.raises(redis.NotSentError, match=rf"could not auth: WRONGPASS .*\(the server .*:{master.port}\)"):
            await refused.get("key")
        client = Client(closing, [process.address], password="wrong")
        with pytest.raises(redis.MasterNotFoundError, match="WRONGPASS"):
            await client.discover_master(SERVICE)


@pytest.mark.parametrize("lazy", [pytest.param(True, marks=pytest.mark.once), False])
@pytest_twisted.ensureDeferred
async def test_a_handler_with_sentinels_of_its_own_survives_a_fail_over(
    closing: list[Any], protected: Any, lazy: bool
) -> None:
    master, (replica,), processes = protected
    options = redis.ConnectionOptions(password="pw", poolsize=2, dbid=1)
    opened_ = open_through_sentinels(addresses_of(processes), SERVICE, options, lazy, {"password": "pw"})
    made = opened_[0 if lazy else 1]
    rc = made if lazy else await made
    closing.append(rc)
    assert await rc.set("key", 1) == "OK"
    if not lazy:
        master.kill()
        await until(lambda: rc._factory.size == 0)
        assert await rc.set("key", 2) == "OK"
        assert set(ports_of(rc)) == {replica.port}


# -- TLS: the embedded servers have none, so a TLS end stands in front, and a fake Sentinel names it


class FakeSentinel(redis.BaseRedisProtocol):
    """Names one master, whatever it is asked."""

    def replyReceived(self, request: Any) -> None:
        host, port = self.factory.master
        fields = ["name", SERVICE, "ip", host, "port", str(port), "flags", "master", "num-other-sentinels", "0"]
        self.transport.write(array(*fields))


async def sentinel_naming(host: str, port: int) -> Any:
    from twisted.internet import reactor

    factory = Factory.forProtocol(FakeSentinel)
    factory.noisy = False
    factory.master = (host, port)
    return reactor.listenTCP(0, factory, interface="127.0.0.1")


@pytest.mark.parametrize("verified", [True, False])
@pytest_twisted.ensureDeferred
async def test_tls_is_verified_against_the_host_that_the_sentinel_names(
    closing: list[Any], server: Server, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, verified: bool
) -> None:
    certificates = make_certificates("localhost" if verified else "redis.example")
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(certificates.authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))  # what OpenSSL takes for the platform's authorities
    proxy = TLSProxy(*server.address, certificates=certificates)
    listening = await sentinel_naming("localhost", proxy.port)
    client = Client(closing, [("127.0.0.1", listening.getHost().port)])
    rc = client.master_for(SERVICE, poolsize=2, ssl_context_factory=True, poolTimeout=2)
    if verified:
        assert await rc.set("key", 1) == "OK"
        assert server.command("GET", "key") == b"1"
    else:
        with pytest.raises(redis.NotSentError, match=r"(?i)verif|certificate"):
            await rc.set("key", 1)
    await listening.stopListening()
    await proxy.stop()


@pytest_twisted.ensureDeferred
async def test_a_context_of_the_programs_own_is_used(closing: list[Any], server: Server, tls_proxy: Any) -> None:
    listening = await sentinel_naming("127.0.0.1", tls_proxy.port)
    client = Client(closing, [("127.0.0.1", listening.getHost().port)])
    context = ssl.optionsForClientTLS("localhost", trustRoot=tls_proxy.certificates.trust_root())
    rc = client.master_for(SERVICE, ssl_context_factory=context)
    assert await rc.set("key", 2) == "OK"
    assert server.command("GET", "key") == b"2"
    await listening.stopListening()
