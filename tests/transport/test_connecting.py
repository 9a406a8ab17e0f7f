"""Every attempt to connect ends within a bound of ours, whatever its endpoint does, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest
from testbed.support import Transport, failed, fired
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IHostnameResolver, IReactorPluggableNameResolver
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer

import txredis_fast as redis
from txredis_fast._tunables import PROGRAM_ENDPOINT_TIMEOUT_SECONDS
from txredis_fast.pubsub.monitor import MonitorFactory
from txredis_fast.sentinel.factory import SentinelConnectionFactory, SentinelEndpoint
from txredis_fast.transport.attempt import AttemptTimeoutError, connect_within
from txredis_fast.transport.endpoints import tcp_endpoint, unix_endpoint

pytestmark = pytest.mark.promise(
    "Every attempt to connect ends within a time limit, whatever its endpoint does",
    "A connection that comes later is closed.",
    about="Connections",
)

ADDRESS = IPv4Address("TCP", "127.0.0.1", 6379)


class Silent:
    """Never says anything, and cannot be cancelled.

    :ivar factories: that it was to connect, by attempts.
    """

    def __init__(self) -> None:
        self.factories: list[Any] = []
        self.cancelled = 0

    def connect(self, factory: Any) -> Any:
        self.factories.append(factory)
        # Goes on waiting for what was cancelled.
        endless: Deferred[Any] = Deferred(self.cancel)
        return endless.addBoth(lambda _: Deferred(self.cancel))

    def cancel(self, deferred: Any) -> None:
        self.cancelled += 1


class Raises(Silent):
    """Raises when it is cancelled."""

    def cancel(self, deferred: Any) -> None:
        super().cancel(deferred)
        raise RuntimeError("not like this")


class Builds(Silent):
    """Makes a protocol and leaves it without a transport."""

    def connect(self, factory: Any) -> Any:
        self.protocols = [*getattr(self, "protocols", []), factory.buildProtocol(ADDRESS)]
        return super().connect(factory)


class Connects(Builds):
    """Connects, and does not say so."""

    def connect(self, factory: Any) -> Any:
        connecting = super().connect(factory)
        self.transports = [*getattr(self, "transports", []), give_transport(self.protocols[-1])]
        return connecting


ENDPOINTS = [Silent, Raises, Builds, Connects]


def give_transport(protocol: Any) -> Transport:
    transport = Transport()
    transport.protocol = protocol
    protocol.makeConnection(transport)
    return transport


def stop(rc: Any, clock: Any) -> None:
    """Close a handler; that ends, too."""
    closing = rc.disconnect()
    clock.advance(0)
    clock.advance(0)
    fired(closing)
    assert not clock.getDelayedCalls()


@pytest.fixture
def quiet(logged_errors: Any) -> Any:
    """Lets endpoints raise."""
    yield
    logged_errors.flush(RuntimeError)


@pytest.mark.parametrize("kind", ENDPOINTS)
def test_an_endpoint_that_never_fires_is_given_up_and_tried_again(clock, kind, quiet, monkeypatch):
    monkeypatch.setattr(redis.RedisProtocol, "handshakeTimeout", 1000)  # else it ends the attempt that has connected
    endpoint = kind()
    rc = redis.from_endpoint(endpoint, isLazy=True, password="x", poolTimeout=None)
    for attempt in range(1, 4):
        assert len(endpoint.factories) == attempt
        clock.advance(PROGRAM_ENDPOINT_TIMEOUT_SECONDS - 1)
        assert len(endpoint.factories) == attempt
        clock.advance(1)
        assert endpoint.cancelled
        assert "60 seconds" in rc._factory.why_not_connected()
        assert rc._factory.size == 0
        clock.advance(30)  # the back-off
    stop(rc, clock)


@pytest.mark.parametrize("kind", ENDPOINTS)
def test_a_constructor_that_waits_for_it_fails(clock, kind, quiet):
    connecting = redis.from_endpoint(kind(), reconnect=False, password="never answered")
    clock.advance(PROGRAM_ENDPOINT_TIMEOUT_SECONDS)
    clock.advance(0)
    clock.advance(0)
    error = failed(connecting, redis.ConnectionFailedError)
    assert f"timeout: {kind.__name__} has not connected within 60 seconds" in str(error)


@pytest.mark.parametrize("kind", ENDPOINTS)
@pytest.mark.parametrize("make", [redis.SubscriberFactory, MonitorFactory, redis.RedisFactory])
def test_the_pools_limit_is_that_of_its_attempts(clock, kind, make, quiet):
    factory = make(isLazy=True) if make is not redis.RedisFactory else make(None, None, 2, True)
    factory.connectTimeout = 2
    endpoint = kind()
    factory.startConnecting(endpoint)
    begun = len(endpoint.factories)
    assert begun == factory.poolsize
    clock.advance(1.9)
    assert not endpoint.cancelled
    clock.advance(0.1)
    assert endpoint.cancelled >= begun
    clock.advance(1.9)  # the longest first delay there is
    assert len(endpoint.factories) > begun
    stop(factory.handler, clock)


@pytest.mark.parametrize("kind", ENDPOINTS)
def test_a_connection_for_a_blocking_command_comes_in_time_or_not_at_all(clock, kind, quiet):
    endpoint = kind()
    factory = redis.RedisFactory("x", None, 1, True, connectTimeout=2, poolTimeout=10)
    give_transport(factory.buildProtocol(ADDRESS))
    factory._endpoint = endpoint
    waiting = factory.handler.blpop(["a"], 1)
    clock.advance(0)
    assert len(endpoint.factories) == 1
    clock.advance(2)
    assert endpoint.cancelled
    clock.advance(2)
    assert len(endpoint.factories) == 2
    clock.advance(10)
    assert "has not connected within 2 seconds" in str(failed(waiting, redis.NotSentError))
    assert not factory.lane.connections or kind is not Silent
    clock.advance(5)
    closing = factory.lane.close()
    clock.advance(0)
    fired(closing)


def test_a_program_of_its_own_that_never_names_a_master_is_given_up(clock):
    class Manager:
        discovery_timeout = 3

        def __init__(self) -> None:
            self.asked = 0

        def discover_master(self, service: Any) -> Any:
            self.asked += 1
            return Deferred(lambda _: None).addBoth(lambda _: Deferred(lambda _: None))

    manager = Manager()
    factory = SentinelConnectionFactory(manager, "main", True, None, None, 1, isLazy=True)
    factory.connectTimeout = 2
    factory.startConnecting(SentinelEndpoint(factory))
    clock.advance(4.9)  # both, and more: their own words are better
    assert manager.asked == 1
    clock.advance(5)
    clock.advance(5)
    assert manager.asked > 1
    stop(factory.handler, clock)


def test_a_sentinel_that_names_a_port_that_is_none_once_is_asked_again(reactor):
    class Manager:
        ports = [10**20, 7001]

        def discover_master(self, service: Any) -> Any:
            return succeed(("127.0.0.1", self.ports.pop(0)))

    factory = SentinelConnectionFactory(Manager(), "main", True, None, None, 1, isLazy=True)
    factory.startConnecting(SentinelEndpoint(factory))
    assert "a port is a whole number from 0 to 65535" in factory.why_not_connected()
    reactor.advance(1)
    assert [client[:2] for client in reactor.tcpClients] == [("127.0.0.1", 7001)]
    factory.disconnect()


def test_a_connection_that_comes_late_is_closed_and_never_used(clock):
    endpoint = Builds()
    rc = redis.from_endpoint(endpoint, isLazy=True, password="secret", poolTimeout=None)
    clock.advance(PROGRAM_ENDPOINT_TIMEOUT_SECONDS)
    late = give_transport(endpoint.protocols[0])
    assert late.aborted
    assert late.value() == b""
    assert endpoint.factories[0].buildProtocol(ADDRESS) is None
    assert rc._factory.size == 0
    clock.advance(30)
    current = give_transport(endpoint.protocols[1])
    assert b"secret" in current.value()
    stop(rc, clock)
    assert current.aborted


class Late:
    """Fires whenever the test says so, cancelled or not."""

    def __init__(self) -> None:
        class Stubborn(Deferred):  # type: ignore[type-arg]
            def cancel(self) -> None:
                pass

        self.told: Deferred[Any] = Stubborn()

    def connect(self, factory: Any) -> Any:
        return self.told


@pytest.mark.parametrize("end", ["too late", "cancelled"])
def test_what_an_endpoint_fires_with_after_its_time_is_closed(clock, end):
    endpoint = Late()
    protocol = redis.RedisProtocol()

    class Makes:
        def doStart(self) -> None:
            pass

        def doStop(self) -> None:
            pass

        def buildProtocol(self, address: Any) -> Any:
            return protocol

    connecting = connect_within(5, endpoint, Makes())
    if end == "cancelled":
        connecting.cancel()
        failed(connecting, CancelledError)
    else:
        clock.advance(5)
        failed(connecting, AttemptTimeoutError)
    assert not clock.getDelayedCalls()
    own = Transport()
    own.protocol = other = redis.RedisProtocol()
    other.makeConnection(own)
    endpoint.told.callback(other)
    assert own.aborted


@pytest.mark.parametrize("reconnect", [True, False])
def test_a_connection_lost_before_its_endpoint_says_that_it_is_there_is_an_attempt_that_failed(clock, reconnect):
    endpoint = Connects()
    rc = redis.from_endpoint(endpoint, isLazy=True, reconnect=reconnect, poolTimeout=None)
    clock.advance(0)
    endpoint.transports[0].loseConnection()
    clock.advance(0)
    clock.advance(3)
    assert len(endpoint.factories) == 1 + reconnect
    assert rc._factory.size == int(reconnect)
    stop(rc, clock)


def test_what_an_endpoint_raises_fails_the_attempt(clock):
    class Broken:
        def connect(self, factory: Any) -> Any:
            raise OverflowError("too long")

    connecting = redis.from_endpoint(Broken(), reconnect=False)
    clock.advance(0)
    assert "too long" in str(failed(connecting, redis.ConnectionFailedError))


def test_an_attempt_that_succeeds_leaves_no_timer(clock):
    class Good:
        def connect(self, factory: Any) -> Any:
            protocol = factory.buildProtocol(ADDRESS)
            give_transport(protocol)
            return succeed(protocol)

    rc = redis.from_endpoint(Good(), isLazy=True)
    clock.advance(0)
    assert rc._factory.size == 1
    assert not clock.getDelayedCalls()


# -- our own endpoints: names and addresses


@implementer(IHostnameResolver)
class Asleep:
    """Resolves when the test says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def resolveHostName(self, receiver: Any, hostName: str, portNumber: int = 0, *args: Any, **more: Any) -> Any:
        receiver.resolutionBegan(self)
        self.asked.append(hostName)
        self.receiver, self.port = receiver, portNumber
        return self

    def wake(self) -> None:
        self.receiver.addressResolved(IPv4Address("TCP", "10.0.0.1", self.port))
        self.receiver.resolutionComplete()


@implementer(IReactorPluggableNameResolver)
class SleepyReactor(MemoryReactorClock):
    def __init__(self) -> None:
        super().__init__()
        self.nameResolver = Asleep()


@pytest.fixture
def reactor(monkeypatch: pytest.MonkeyPatch) -> SleepyReactor:
    reactor = SleepyReactor()
    monkeypatch.setattr(redis, "reactor", reactor, raising=False)
    return reactor


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "::1", "2001:db8::1", "fe80::1%lo"])
def test_an_address_is_not_resolved(reactor, host):
    rc = redis.lazyConnection(host, 7001, connectTimeout=3)
    assert reactor.nameResolver.asked == []
    assert reactor.tcpClients[0][:2] == (host, 7001)
    assert reactor.tcpClients[0][3] == 3
    rc.disconnect()


def test_a_name_is_resolved_at_each_attempt_within_the_limit(reactor):
    rc = redis.lazyConnection("redis.example", 7001, connectTimeout=5, poolTimeout=None)
    asked = reactor.nameResolver.asked
    assert asked == ["redis.example"]
    reactor.advance(4)
    assert "resolver" not in rc._factory.why_not_connected()
    reactor.advance(1)
    why = "timeout: no answer from the resolver within 5 seconds, for redis.example:7001"
    assert why in rc._factory.why_not_connected()
    reactor.advance(5)
    assert len(asked) == 2
    reactor.nameResolver.wake()
    assert [client[:2] for client in reactor.tcpClients] == [("10.0.0.1", 7001)]
    rc.disconnect()


def test_resolving_and_connecting_have_one_limit_together(reactor):
    reactor_connects(reactor)
    connecting = redis.Connection("redis.example", 7001, connectTimeout=5, reconnect=False)
    reactor.advance(4)
    reactor.nameResolver.wake()
    reactor.advance(1)
    reactor.advance(0)
    error = failed(connecting, redis.ConnectionFailedError)
    assert "timeout: no connection within 5 seconds, to redis.example:7001" in str(error)


def reactor_connects(reactor: Any) -> None:
    """Begin to connect as real reactors do, which the one of Twisted's tests does not."""
    connect = reactor.connectTCP

    def begin(host: str, port: int, factory: Any, *args: Any, **more: Any) -> Any:
        factory.doStart()
        return connect(host, port, factory, *args, **more)

    reactor.connectTCP = begin


def test_a_resolver_that_answers_late_connects_nowhere(reactor):
    rc = redis.lazyConnection("redis.example", 7001, connectTimeout=5, reconnect=False)
    reactor.advance(5)
    reactor.nameResolver.wake()
    assert reactor.tcpClients == []
    del rc


@pytest.mark.parametrize("port", [-1, 65536, 70000, 10**20, 7134.0, float("nan")])
def test_a_port_that_is_none_is_refused_at_once(port):
    for host in ("127.0.0.1", "redis.example"):
        with pytest.raises(ValueError, match="port"):
            tcp_endpoint(host, port)


def test_a_unix_socket_has_the_limit_too(clock, monkeypatch):
    endpoint = unix_endpoint("/run/redis.sock", 4)
    monkeypatch.setattr("twisted.internet.endpoints.UNIXClientEndpoint.connect", lambda *args: Deferred())
    connecting = endpoint.connect(redis.RedisFactory(None, None, 1))
    clock.advance(4)
    assert "no connection within 4 seconds, to /run/redis.sock" in str(failed(connecting, AttemptTimeoutError))
