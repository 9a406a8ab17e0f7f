"""The factory and its pool: in both of its faces, how it waits, gives up, comes back and ends."""

from __future__ import annotations

import pytest
from testbed.support import MemoryReactor, Pool, Transport, connect, failed, fired, pending
from testbed.wire import command
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import ReconnectingClientFactory
from twisted.python.failure import Failure
from zope.interface import implementer

import txredis_fast as redis
from txredis_fast.connection.state import Lifecycle

OK = b"+OK\r\n"


@implementer(IStreamClientEndpoint)
class Endpoint:
    """An endpoint whose attempts the test ends."""

    def __init__(self):
        self.attempts = []

    def connect(self, protocolFactory):
        deferred = Deferred()
        self.attempts.append((deferred, protocolFactory))
        return deferred

    def accept(self):
        """The oldest open attempt succeeds; returns the transport."""
        deferred, factory = self.attempts.pop(0)
        protocol = factory.buildProtocol(None)
        transport = connect(protocol)
        deferred.callback(protocol)
        return transport

    def refuse(self):
        deferred, _ = self.attempts.pop(0)
        deferred.errback(ConnectionRefusedError())


@pytest.fixture
def endpoint():
    return Endpoint()


def start(endpoint, size=1, **options):
    lazy = options.pop("isLazy", False)
    factory = redis.RedisFactory("fake:6379", options.pop("dbid", None), size, lazy, **options)
    factory.jitter = 0
    connected = factory.deferred
    factory.startConnecting(endpoint)
    return factory, connected


# -- over an endpoint


def test_it_fires_with_the_handler_one_turn_after_all_connections_are_usable(clock, endpoint):
    factory, connected = start(endpoint, 2)
    endpoint.accept()
    clock.advance(0)
    assert pending(connected) and factory.size == 1
    endpoint.accept()
    assert pending(connected)
    clock.advance(0)
    assert fired(connected) is factory.handler
    assert factory.deferred is None and len(factory.pool) == 2


def test_a_lost_connection_is_made_again_after_a_growing_delay(clock, endpoint, logged_errors):
    factory, connected = start(endpoint)
    transport = endpoint.accept()
    clock.advance(0)
    transport.loseConnection()
    assert factory.size == 0 and endpoint.attempts == []
    delays = []
    for _ in range(4):
        waited = 0.0
        while not endpoint.attempts:
            clock.advance(0.125)
            waited += 0.125
        delays.append(waited)
        endpoint.refuse()
    assert delays == sorted(delays) and delays[0] <= 1.0 and delays[-1] == factory.maxDelay == 10
    clock.advance(10)
    endpoint.accept()
    clock.advance(0)
    assert factory.size == 1
    factory.disconnect()


def test_a_connection_that_never_proves_usable_does_not_reset_the_delay(clock, endpoint):
    factory, _ = start(endpoint, password="pw", isLazy=True)
    for _ in range(4):
        clock.advance(10)
        transport = endpoint.accept()
        transport.protocol.dataReceived(b"-LOADING the dataset\r\n")
        assert endpoint.attempts == []
    clock.advance(5)
    assert endpoint.attempts == []
    clock.advance(5)
    assert len(endpoint.attempts) == 1
    factory.disconnect()


def test_without_reconnect_the_first_failure_is_told(clock, endpoint):
    factory = redis.RedisFactory(None, None, 1)
    factory.reconnect = False
    connected = factory.deferred
    factory.startConnecting(endpoint)
    endpoint.refuse()
    clock.advance(0)
    error = failed(connected, redis.ConnectionFailedError)
    assert isinstance(error, ValueError) and isinstance(error, redis.ConnectionError)
    assert "could not connect" in str(error) and "refused" in str(error)
    clock.advance(100)
    assert endpoint.attempts == []


def test_an_endpoint_that_fails_at_once_is_told_as_well(clock):
    class Failing:
        def connect(self, factory):
            return fail(ConnectionRefusedError())

    factory = redis.RedisFactory(None, None, 2)
    factory.reconnect = False
    connected = factory.deferred
    factory.startConnecting(Failing())
    clock.advance(0)
    failed(connected, redis.ConnectionFailedError)


def test_without_reconnect_a_lost_connection_ends_it(clock, endpoint):
    factory, connected = start(endpoint)
    factory.reconnect = False
    transport = endpoint.accept()
    clock.advance(0)
    handler = fired(connected)
    waiting = handler.multi()
    transport.loseConnection()
    failed(waiting, redis.MaybeExecutedError)
    clock.advance(100)
    assert endpoint.attempts == []
    assert str(failed(handler.get("a"), redis.NotSentError)).startswith(
        "Not connected: fake:6379: Connection was closed"
    )


def test_connectionLost_that_does_not_chain_still_frees_the_place(clock, endpoint):
    class Program(redis.RedisProtocol):
        def connectionLost(self, reason):
            pass

    factory, connected = start(endpoint)
    factory.protocol = Program
    transport = endpoint.accept()
    clock.advance(0)
    d = factory.handler.get("a")
    transport.loseConnection()
    failed(d, redis.MaybeExecutedError)
    assert factory.size == 0
    clock.advance(1)
    assert len(endpoint.attempts) == 1
    factory.disconnect()


def test_connectionLost_assigned_on_the_instance_still_frees_the_place(clock, endpoint):
    factory, _ = start(endpoint)
    transport = endpoint.accept()
    clock.advance(0)
    transport.protocol._protocol.connectionLost = lambda reason: None
    d = factory.handler.get("a")
    transport.loseConnection()
    failed(d, redis.MaybeExecutedError)
    assert factory.size == 0
    factory.disconnect()


def test_a_refused_password_fails_the_constructor_and_ends_trying(clock, endpoint):
    factory, connected = start(endpoint, password="secret")
    transport = endpoint.accept()
    assert transport.take() == command("AUTH", "secret")
    transport.protocol.dataReceived(b"-WRONGPASS invalid username-password pair\r\n")
    error = failed(connected, redis.ConnectionFailedError)
    assert "could not auth" in str(error) and "WRONGPASS" in str(error) and "secret" not in str(error)
    clock.advance(100)
    assert endpoint.attempts == []


def test_below_a_pool_SELECT_waits_for_AUTH(clock, endpoint):
    factory, connected = start(endpoint, password="secret", dbid=3)
    transport = endpoint.accept()
    assert transport.take() == command("AUTH", "secret")
    transport.protocol.dataReceived(OK)
    assert transport.take() == command("SELECT", 3)
    transport.protocol.dataReceived(OK)
    clock.advance(0)
    assert fired(connected) is factory.handler
    factory.disconnect()


@pytest.mark.parametrize("answers", [[b"-WRONGPASS no\r\n"], [OK, b"-ERR DB index is out of range\r\n"]])
def test_below_a_pool_either_may_be_refused(clock, endpoint, answers):
    _, connected = start(endpoint, password="secret", dbid=99)
    transport = endpoint.accept()
    for answer in answers:
        transport.protocol.dataReceived(answer)
    failed(connected, redis.ConnectionFailedError)
    clock.advance(0)
    assert clock.getDelayedCalls() == []


def test_a_refused_password_of_a_lazy_pool_fails_who_waits_and_goes_on_slowly(clock, endpoint):
    factory, _ = start(endpoint, password="secret", isLazy=True)
    waiting = factory.handler.get("a")
    endpoint.accept().protocol.dataReceived(b"-WRONGPASS no\r\n")
    assert "WRONGPASS" in str(failed(waiting, redis.NotSentError))
    clock.advance(9.9)
    assert endpoint.attempts == []
    clock.advance(0.2)
    endpoint.accept().protocol.dataReceived(OK)
    clock.advance(0)
    assert factory.size == 1
    factory.disconnect()


@pytest.mark.parametrize("passing", [b"-LOADING x\r\n", b"-BUSY x\r\n", b"-ERR max number of clients reached\r\n"])
def test_what_passes_by_itself_is_tried_again_and_nobody_fails(clock, endpoint, passing):
    factory, connected = start(endpoint, password="pw")
    endpoint.accept().protocol.dataReceived(passing)
    clock.advance(3)
    endpoint.accept().protocol.dataReceived(OK)
    clock.advance(0)
    assert fired(connected) is factory.handler
    factory.disconnect()


def test_a_connection_dropped_during_AUTH_is_tried_again(clock, endpoint):
    factory, connected = start(endpoint, password="pw")
    endpoint.accept().loseConnection()
    clock.advance(3)
    endpoint.accept().protocol.dataReceived(OK)
    clock.advance(0)
    assert fired(connected) is factory.handler
    factory.disconnect()


def test_disconnect_closes_all_fails_who_waits_and_ends_trying(clock, endpoint):
    factory, connected = start(endpoint)
    endpoint.accept()
    clock.advance(0)
    handler = fired(connected)
    taken = handler.multi()
    waiting = handler.get("a")
    done = handler.disconnect(timeout=0)
    clock.advance(0)
    fired(done)
    failed(taken, redis.ConnectionError)
    failed(waiting, redis.NotSentError)
    assert str(failed(handler.get("a"), redis.ConnectionError)) == "Not connected"
    clock.advance(100)
    assert endpoint.attempts == [] and clock.getDelayedCalls() == []


def test_cancelling_the_constructor_ends_it(clock, endpoint):
    factory, connected = start(endpoint)
    connected.cancel()
    connected.addErrback(lambda _: None)
    clock.advance(100)
    assert clock.getDelayedCalls() == []
    assert not factory.keeps_trying


def test_user_code_that_disconnects_at_once_is_no_problem(clock, endpoint):
    factory, connected = start(endpoint)
    done = []
    connected.addCallback(lambda handler: handler.disconnect()).addCallback(done.append)
    endpoint.accept()
    clock.advance(0)
    clock.advance(0)
    assert done and clock.getDelayedCalls() == []


# -- waiting for a connection


def test_commands_wait_and_then_go_out_in_order(clock, endpoint):
    factory, _ = start(endpoint, isLazy=True)
    ds = [factory.handler.get(n) for n in "abc"]
    ds[1].cancel()
    ds[1].addErrback(lambda _: None)
    transport = endpoint.accept()
    assert transport.take() == b""
    clock.advance(0)
    assert transport.take() == command("GET", "a") + command("GET", "c")
    transport.protocol.dataReceived(b":1\r\n:3\r\n")
    assert [fired(ds[0]), fired(ds[2])] == [1, 3]
    factory.disconnect()


def test_a_command_given_while_others_are_served_goes_after_them(clock, endpoint):
    factory, _ = start(endpoint, isLazy=True)
    handler = factory.handler
    factory.getConnection(True).addCallback(lambda _: handler.get("late") and None)
    handler.get("early").addErrback(lambda _: None)
    transport = endpoint.accept()
    clock.advance(0)
    assert transport.take() == command("GET", "early") + command("GET", "late")
    factory.disconnect()


@pytest.mark.parametrize(
    ("options", "seconds"), [({}, 30), ({"replyTimeout": 5}, 5), ({"poolTimeout": 2, "replyTimeout": 5}, 2)]
)
def test_waiting_is_bounded(clock, endpoint, options, seconds):
    factory, _ = start(endpoint, isLazy=True, **options)
    endpoint.refuse()
    d = factory.handler.get("a")
    clock.advance(seconds - 0.1)
    assert pending(d)
    clock.advance(0.2)
    error = failed(d, redis.NotSentError)
    assert str(error).startswith("Not connected") and "refused" in str(error)
    factory.disconnect()


def test_poolTimeout_0_fails_at_once_and_None_never(clock, endpoint):
    factory, _ = start(endpoint, isLazy=True, poolTimeout=0)
    failed(factory.handler.get("a"), redis.NotSentError)
    failed(factory.handler.multi(), redis.NotSentError)
    factory.poolTimeout = None
    d = factory.handler.get("a")
    clock.advance(1e6)
    assert pending(d)
    d.addErrback(lambda _: None)
    factory.disconnect()
    clock.advance(0)
    assert clock.getDelayedCalls() == []


def test_one_timer_serves_all_who_wait_and_each_fails_in_its_time(clock, endpoint):
    factory, _ = start(endpoint, isLazy=True, poolTimeout=10)
    before = len(clock.getDelayedCalls())
    ds = []
    for _ in range(50):
        ds.append(factory.handler.get("a"))
        clock.advance(0.1)
    assert len(clock.getDelayedCalls()) == before + 1
    clock.advance(5.05)
    assert not pending(ds[0]) and pending(ds[2])
    clock.advance(10)
    for d in ds:
        failed(d, redis.NotSentError)
    factory.disconnect()


def test_when_all_connections_are_taken_the_error_says_so(clock):
    pool = Pool(poolTimeout=1)
    pool.handler.multi()
    pool.answer(OK)
    d = pool.handler.get("a")
    clock.advance(1)
    assert "taken by transactions or blocking commands" in str(failed(d, redis.NotSentError))


# -- as a ReconnectingClientFactory


class Connector:
    """What a reactor's connector is to a factory."""

    def __init__(self, factory):
        self.factory = factory
        self.state = "disconnected"
        self.transport = None
        self.connected = 0

    def connect(self):
        self.state = "connecting"
        self.connected += 1
        self.factory.doStart()
        self.factory.startedConnecting(self)

    def stopConnecting(self):
        self.state = "disconnected"

    def accept(self):
        self.state = "connected"
        protocol = self.factory.buildProtocol(None)
        self.transport = Transport()
        self.transport.connector = self
        connect(protocol, self.transport)
        return self.transport

    def lose(self):
        reason = Failure(ConnectionDone())
        protocol, self.transport.protocol = self.transport.protocol, None  # as Twisted's transports forget it
        protocol.connectionLost(reason)
        self.state = "disconnected"
        self.factory.clientConnectionLost(self, reason)

    def fail(self):
        self.state = "disconnected"
        self.factory.clientConnectionFailed(self, Failure(ConnectionRefusedError()))


def connector_of(factory):
    factory.jitter = 0
    connector = Connector(factory)
    connector.connect()
    return connector


def test_over_connectTCP_a_connection_is_in_the_pool_when_connectionMade_returns(clock):
    factory = redis.RedisFactory(None, None, 1)
    connected = factory.deferred
    transport = connector_of(factory).accept()
    assert factory.size == 1 and factory.pool == [transport.protocol]
    assert fired(connected) is factory.handler


@pytest.mark.parametrize("options", [{}, {"password": "Marker-9f31"}, {"dbid": 3}])
def test_over_connectTCP_the_words_of_a_server_that_refuses_are_kept(both, clock, options):
    factory = redis.RedisFactory(None, options.pop("dbid", None), 1, isLazy=True, **options)
    connector = connector_of(factory)
    transport = connector.accept()
    protocol = transport.protocol
    transport.loseConnection = transport.abortConnection = lambda: None  # what it wants is done below
    protocol.dataReceived(b"-DENIED Redis is running in protected mode.\r\n")
    connector.lose()
    assert "DENIED Redis is running in protected mode." in factory.why_not_connected()
    assert "cleanly" not in factory.why_not_connected()
    factory.stopTrying()


def test_it_is_a_ReconnectingClientFactory_and_keeps_trying(clock):
    factory = redis.RedisFactory(None, None, 1)
    assert isinstance(factory, ReconnectingClientFactory)
    connector = connector_of(factory)
    connector.fail()
    clock.advance(1)
    assert connector.connected == 2
    transport = connector.accept()
    d = factory.handler.get("a")
    transport.protocol.dataReceived(b"+v\r\n")  # only now has the connection proved usable
    assert fired(d) == "v"
    connector.lose()
    clock.advance(0.9)
    assert connector.connected == 2
    clock.advance(0.2)
    assert connector.connected == 3


def test_what_waits_fails_as_soon_as_no_connector_will_connect_again(clock):
    factory = redis.RedisFactory(None, None, 1)
    factory.continueTrying = False
    connector = connector_of(factory)
    transport = connector.accept()
    outcomes = []
    lost = transport.protocol.whenDisconnected()  # fires while the connector still counts as connected
    lost.addCallback(lambda _: factory.handler.get("k").addErrback(outcomes.append))
    connector.lose()
    assert outcomes[0].check(redis.NotSentError)
    assert not clock.getDelayedCalls()


def test_what_waits_fails_when_the_last_attempt_of_connectTCP_fails(clock):
    factory = redis.RedisFactory(None, None, 1, isLazy=True)
    factory.continueTrying = False
    connector = connector_of(factory)
    d = factory.handler.get("k")
    assert pending(d)
    connector.fail()
    assert "refused" in str(failed(d, redis.NotSentError))


def test_each_connector_has_its_own_back_off(clock):
    factory = redis.RedisFactory(None, None, 3)
    connectors = [connector_of(factory) for _ in range(3)]
    for connector in connectors:
        connector.accept()
    for connector in connectors:
        connector.lose()
    clock.advance(1)
    assert [connector.connected for connector in connectors] == [2, 2, 2]


def test_clientConnectionLost_may_be_overridden_and_called_unbound(clock):
    calls = []

    class Factory(redis.RedisFactory):
        def clientConnectionLost(self, connector, reason):
            calls.append("lost")
            ReconnectingClientFactory.clientConnectionLost(self, connector, reason)

        def clientConnectionFailed(self, connector, reason):
            calls.append("failed")
            redis.RedisFactory.clientConnectionFailed(self, connector, reason)

    connector = connector_of(Factory(None, None, 1))
    connector.fail()
    clock.advance(1)
    connector.accept().protocol.dataReceived(b">1\r\n+push\r\n")  # the server has spoken: the back-off begins anew
    connector.lose()
    clock.advance(1)
    assert calls == ["failed", "lost"] and connector.connected == 3


def test_continueTrying_is_read_afresh_and_is_one_fact_with_reconnect(clock):
    factory = redis.RedisFactory(None, None, 1)
    factory.deferred.addErrback(lambda _: None)
    assert redis.RedisFactory.reconnect is True and factory.reconnect is True
    factory.continueTrying = False
    assert factory.reconnect is False
    factory.reconnect = True
    assert factory.continueTrying is True
    connector = connector_of(factory)
    factory.continueTrying = False
    connector.fail()
    clock.advance(100)
    assert connector.connected == 1


def test_continueTrying_may_be_a_descriptor_that_ignores_being_set(clock):
    class Always:
        def __get__(self, factory, owner=None):
            return True

        def __set__(self, factory, value):
            pass

    class Factory(redis.RedisFactory):
        continueTrying = Always()

    factory = Factory(None, None, 1, password="pw")
    factory.deferred.addErrback(lambda _: None)
    connector = connector_of(factory)
    transport = connector.accept()
    transport.protocol.dataReceived(b"-WRONGPASS no\r\n")
    connector.lose()
    clock.advance(11)
    assert connector.connected == 2
    factory.stopTrying()
    connector.fail()
    clock.advance(11)
    assert connector.connected == 3


def test_reconnect_may_be_a_class_attribute(clock):
    class Factory(redis.RedisFactory):
        reconnect = False

    connector = connector_of(Factory(None, None, 1))
    connector.accept()
    connector.lose()
    clock.advance(100)
    assert connector.connected == 1


@pytest.mark.parametrize("name", ["reconnect", "continueTrying"])
def test_reconnect_set_again_makes_lost_connections_of_an_endpoint_anew(clock, endpoint, name):
    factory, connected = start(endpoint, 2)
    transports = [endpoint.accept(), endpoint.accept()]
    clock.advance(0)
    handler = fired(connected)
    setattr(factory, name, False)
    transports[0].loseConnection()
    transports[1].loseConnection()
    clock.advance(100)
    assert endpoint.attempts == []
    setattr(factory, name, True)
    waiting = handler.get("k")
    clock.advance(0)
    assert len(endpoint.attempts) == 2
    transport = endpoint.accept()
    clock.advance(0)
    transport.protocol.dataReceived(b"+v\r\n")
    assert fired(waiting) == "v"
    endpoint.accept()
    clock.advance(0)
    assert factory.size == 2 == len(factory.slots)
    factory.disconnect()
    clock.advance(100)
    assert endpoint.attempts == [] and clock.getDelayedCalls() == []


@pytest.mark.parametrize("name", ["reconnect", "continueTrying"])
def test_reconnect_set_again_makes_lost_connections_of_connectors_anew(clock, name):
    factory = redis.RedisFactory(None, None, 2)
    lost, up = connector_of(factory), connector_of(factory)
    lost.accept()
    up.accept()
    setattr(factory, name, 0)
    lost.lose()
    clock.advance(100)
    assert (lost.connected, up.connected) == (1, 1)
    setattr(factory, name, 1)
    clock.advance(0)
    assert (lost.connected, up.connected) == (2, 1)
    setattr(factory, name, 1)
    clock.advance(100)
    assert (lost.connected, up.connected) == (2, 1)


def test_reconnect_set_again_where_the_loss_is_told_makes_one_attempt(clock):
    class Factory(redis.RedisFactory):
        def clientConnectionLost(self, connector, reason):
            self.continueTrying = True
            super().clientConnectionLost(connector, reason)

    factory = Factory(None, None, 1)
    connector = connector_of(factory)
    connector.accept()
    factory.continueTrying = False
    connector.lose()
    clock.advance(0)
    assert connector.connected == 1, "the attempt has its delay"
    clock.advance(2)
    assert connector.connected == 2


def test_reconnect_set_again_in_the_turn_of_stopTrying_goes_on(clock, endpoint):
    factory, connected = start(endpoint)
    factory.stopTrying()
    factory.reconnect = True
    clock.advance(0)
    endpoint.accept()
    clock.advance(0)
    assert fired(connected) is factory.handler and factory.size == 1
    factory.disconnect()


def test_reconnect_set_again_after_disconnect_connects_nothing(clock, endpoint):
    factory, connected = start(endpoint)
    endpoint.accept()
    clock.advance(0)
    fired(connected)
    factory.disconnect()
    factory.reconnect = True
    clock.advance(100)
    assert endpoint.attempts == []


def test_stopTrying_cancels_what_is_planned(clock):
    factory = redis.RedisFactory(None, None, 1)
    connector = connector_of(factory)
    connector.fail()
    factory.stopTrying()
    clock.advance(100)
    assert connector.connected == 1 and clock.getDelayedCalls() == []


def test_connectionLost_that_does_not_chain_is_noticed_over_connectTCP(clock):
    class Program(redis.RedisProtocol):
        def connectionLost(self, reason):
            pass

    factory = redis.RedisFactory(None, None, 1)
    factory.protocol = Program
    connector = connector_of(factory)
    connector.accept()
    d = factory.handler.get("a")
    connector.lose()
    failed(d, redis.MaybeExecutedError)
    assert factory.size == 0


def test_buildProtocol_may_be_overridden_and_called_by_hand():
    class Factory(redis.RedisFactory):
        def buildProtocol(self, addr):
            protocol = super().buildProtocol(addr)
            protocol.extra = "yes"
            return protocol

    factory = Factory("id", 2, 1, charset=None, password="pw", username="u", replyTimeout=3, convertNumbers=False)
    protocol = factory.buildProtocol(None)
    assert (protocol.extra, protocol.factory, protocol.dbid) == ("yes", factory, 2)
    assert (protocol.charset, protocol.replyTimeout, protocol.convertNumbers) == (None, 3, False)
    assert (protocol.username, protocol.password) == ("u", "pw")


def test_the_protocol_may_be_replaced_on_the_class_and_on_an_instance():
    class Mine(redis.RedisProtocol):
        pass

    class Factory(redis.RedisFactory):
        protocol = Mine

    assert type(Factory(None, None, 1).buildProtocol(None)) is Mine
    factory = redis.RedisFactory(None, None, 1)
    factory.protocol = Mine
    assert type(factory.buildProtocol(None)) is Mine


def test_waitForEmptyPool_fires_when_the_last_connection_is_gone(clock):
    pool = Pool(2)
    empty = pool.factory.waitForEmptyPool()
    pool.transports[0].loseConnection()
    assert pending(empty)
    pool.transports[1].loseConnection()
    assert fired(empty) is None
    assert fired(pool.factory.waitForEmptyPool()) is None


@pytest.mark.parametrize(("args", "word"), [((None, "1", 1), "dbid"), ((None, None, "1"), "poolsize")])
def test_a_wrong_type_is_a_ValueError(args, word):
    with pytest.raises(ValueError, match=word):
        redis.RedisFactory(*args)


def test_retryDelay_grows_to_its_limit_and_never_overflows():
    factory = redis.RedisFactory(None, None, 1)
    factory.jitter = 0
    assert factory.retryDelay(1) == 1.0
    assert factory.retryDelay(10**6) == factory.maxDelay
    factory.jitter = 0.1
    assert all(0 <= factory.retryDelay(50) < 2 * factory.maxDelay for _ in range(100))


def test_a_dead_connection_is_not_pooled():
    factory = redis.RedisFactory(None, None, 1)
    protocol = factory.buildProtocol(None)
    factory.addConnection(protocol)
    assert factory.size == 0


def test_a_memory_reactor_patched_in_is_what_connects(monkeypatch):
    reactor = MemoryReactor()
    monkeypatch.setattr(redis, "reactor", reactor, raising=False)
    handler = redis.lazyConnection("127.0.0.1", 6380)
    reactor.advance(0)
    ((host, port, factory, _, _),) = reactor.tcpClients
    assert (host, port) == ("127.0.0.1", 6380)
    transport = connect(factory.buildProtocol(None))
    reactor.advance(0)
    d = handler.get("key")
    assert transport.take() == command("GET", "key")
    transport.protocol.dataReceived(b"+v\r\n")
    assert fired(d) == "v"
    handler.disconnect()


def test_a_connection_comes_and_goes_at_the_same_cost_however_many_there_are(monkeypatch):
    looks = []
    usable = Lifecycle.usable
    monkeypatch.setattr(Lifecycle, "usable", property(lambda link: looks.append(link) or usable.fget(link)))

    def looks_of_one_more(count):
        pool = Pool(count)
        looks.clear()
        transport = pool.connect()
        transport.loseConnection()
        pool.transports[0].loseConnection()
        return len(looks)

    assert looks_of_one_more(50) == looks_of_one_more(2)


def test_the_connection_that_commands_shared_is_lost_and_the_next_one_is_shared():
    pool = Pool(3)
    for left in (2, 1):
        shared = pool.factory.connectionQueue.current or pool.factory.connectionQueue.pick()
        shared.transport.loseConnection()
        d = pool.handler.get("a")
        assert pool.answer(b"$1\r\nv\r\n") == command("GET", "a")
        assert fired(d) == "v"
        assert len(pool.factory.connectionQueue.pending) == left


@pytest.mark.parametrize(
    "make", [lambda: redis.RedisFactory("fake:6379", None, 100), redis.SubscriberFactory], ids=["pool", "subscribers"]
)
def test_a_new_connection_of_a_large_pool_is_compared_with_no_other(make):
    factory = make()

    class Compared(factory.protocol):
        compared = 0

        def __eq__(self, other):
            Compared.compared += 1
            return self is other

        __hash__ = factory.protocol.__hash__

    factory.protocol = Compared
    for _ in range(100):
        connect(factory.buildProtocol(None))
    assert len(factory.connectionQueue.pending) == 100
    assert Compared.compared <= 100, "at most one comparison each, not one with each"


def test_after_quit_a_command_is_never_sent():
    pool = Pool()
    done = pool.handler.quit()
    together = pool.handler.get("a")
    pool.answer(b"+OK\r\n")
    assert fired(done) == "OK"
    for refused in (together, pool.handler.get("a")):
        failed(refused, redis.NotSentError)
    assert pool.written() == b""


def test_quit_of_one_connection_leaves_the_others():
    pool = Pool(2)
    done, got = pool.handler.quit(), pool.handler.get("a")
    ends, stays = sorted(pool.transports, key=lambda transport: b"GET" in transport.value())
    assert (ends.take(), stays.take()) == (command("QUIT"), command("GET", "a"))
    ends.protocol.dataReceived(b"+OK\r\n")
    stays.protocol.dataReceived(b"$1\r\na\r\n")
    assert (fired(done), fired(got)) == ("OK", "a")
    assert pool.factory.size == 1


def test_quit_in_a_pipeline_is_sent_with_it():
    pool = Pool()
    p = fired(pool.handler.pipeline())
    p.get("a"), p.quit()
    done = p.execute_pipeline()
    assert pool.answer(b"$1\r\na\r\n+OK\r\n") == command("GET", "a") + command("QUIT")
    assert fired(done) == ["a", "OK"]


def test_a_caller_that_gives_its_connection_back_leaves_none_waiting_beside_a_free_one(clock):
    pool = Pool(1, poolTimeout=10)
    queue = pool.factory.connectionQueue
    taken = fired(pool.factory.getConnection())

    def use(mine):
        sent = pool.handler.get("k")  # waits, as all connections are taken
        queue.put(mine)
        return sent

    served = pool.factory.getConnection().addCallback(use)
    queue.put(taken)
    assert queue.waiting == 0 and pool.answer(b"$1\r\nv\r\n") == command("GET", "k")
    assert fired(served) == "v"
