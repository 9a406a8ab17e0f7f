"""Publish/subscribe and monitor against real servers, through lost connections and restarts."""

from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.ssl import optionsForClientTLS
from twisted.internet.task import deferLater

import txredis_fast as redis
from txredis_fast.pubsub.monitor import MonitorFactory, MonitorProtocol
from txredis_fast.pubsub.subscriber import SubscriberFactory, SubscriberProtocol

#: Seconds that anything awaited here may take.
LIMIT = 15


class Subscriber(SubscriberProtocol):
    """Puts what it is told into its factory's queue."""

    def messageReceived(self, pattern, channel, message):
        self.factory.told.put((pattern, channel, message))


class Monitor(MonitorProtocol):
    """Puts what it is told into its factory's queue."""

    def messageReceived(self, message):
        self.factory.told.put(message)


def bounded(deferred: Deferred) -> Deferred:
    from twisted.internet import reactor

    return deferred.addTimeout(LIMIT, reactor)


async def until(condition, what):
    """Wait, running the reactor, until ``condition()`` is true."""
    from twisted.internet import reactor

    deadline = reactor.seconds() + LIMIT
    while not condition():
        assert reactor.seconds() < deadline, f"in vain: {what}"
        await deferLater(reactor, 0.01)


def tcp(server):
    from twisted.internet import reactor

    return TCP4ClientEndpoint(reactor, *server.address)


@pytest_twisted.async_yield_fixture()
async def start():
    """Connects factories, and disconnects them when the test is over."""
    factories = []

    async def start(factory, endpoint, protocol=Subscriber):
        factory.protocol = protocol
        factory.told = DeferredQueue()
        factory.initialDelay = 0.01
        factory.maxDelay = 0.1
        factories.append(factory)
        connected = factory.deferred
        factory.startConnecting(endpoint)
        return await bounded(connected)

    yield start
    for factory in factories:
        await bounded(factory.disconnect())


def subscribed(server, channel):
    """Whether somebody is subscribed to a channel."""
    try:
        return server.command("PUBSUB", "NUMSUB", channel)[1] > 0
    except OSError:
        return False


@pytest_twisted.ensureDeferred
async def test_messages_of_channels_and_patterns_arrive_on_every_kind_of_server(any_server, start):
    rc = await start(SubscriberFactory(), tcp(any_server))
    told = rc._factory.told
    assert await bounded(rc.subscribe(["one", b"two", b"\xff"])) == ["subscribe", "one", 1]
    assert await bounded(rc.psubscribe("t*")) == ["psubscribe", "t*", 4]
    assert await bounded(rc.ping()) == ["pong", ""]
    assert any_server.command("PUBLISH", "one", "hello") == 1
    assert any_server.command("PUBLISH", "two", "12") == 2
    any_server.command("PUBLISH", b"\xff", b"\xfe")
    assert [await bounded(told.get()) for _ in range(4)] == [
        (None, "one", "hello"),
        (None, "two", 12),
        ("t*", "two", 12),
        (None, b"\xff", b"\xfe"),
    ]
    assert (await bounded(rc.unsubscribe()))[0] == "unsubscribe"
    assert await bounded(rc.punsubscribe("t*")) == ["punsubscribe", "t*", 0]
    assert await bounded(rc.unsubscribe()) == ["unsubscribe", None, 0]
    assert await bounded(rc.ping()) == "PONG"
    assert any_server.command("PUBLISH", "one", "nobody") == 0


@pytest_twisted.ensureDeferred
async def test_shard_channels(server, start):
    rc = await start(SubscriberFactory(), tcp(server))
    assert await bounded(rc.ssubscribe("shard")) == ["ssubscribe", "shard", 1]
    assert server.command("SPUBLISH", "shard", "x") == 1
    assert await bounded(rc._factory.told.get()) == (None, "shard", "x")
    assert await bounded(rc.sunsubscribe()) == ["sunsubscribe", "shard", 0]


@pytest_twisted.ensureDeferred
async def test_the_connection_is_usable_after_reset(server, start):
    rc = await start(SubscriberFactory(), tcp(server))
    await bounded(rc.subscribe("one"))
    assert await bounded(rc.reset()) == "RESET"
    assert await bounded(rc.get("key")) is None
    assert server.command("PUBLISH", "one", "x") == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"charset": None}, (b"p*", b"plain", b"text")),
        ({"charset": "latin-1"}, ("p*", "plain", "text")),
    ],
)
@pytest_twisted.ensureDeferred
async def test_charset(server, start, options, told):
    rc = await start(SubscriberFactory(**options), tcp(server))
    assert (await bounded(rc.psubscribe(["p*", "q*"])))[1:] == [told[0], 1]
    server.command("PUBLISH", "plain", "text")
    assert await bounded(rc._factory.told.get()) == told


@pytest.mark.parametrize(
    ("convert_numbers", "told"),
    [(True, (7, 1.5)), (False, ("007", "1.50")), ("exact", ("007", "1.50"))],
)
@pytest_twisted.ensureDeferred
async def test_numbers(server, start, convert_numbers, told):
    rc = await start(SubscriberFactory(convertNumbers=convert_numbers), tcp(server))
    await bounded(rc.subscribe("007"))
    server.command("PUBLISH", "007", "1.50")
    assert await bounded(rc._factory.told.get()) == (None, *told)


@pytest_twisted.ensureDeferred
async def test_pushes_of_RESP3(server, start):
    rc = await start(SubscriberFactory(), tcp(server))
    await bounded(rc.execute_command("HELLO", 3))
    assert await bounded(rc.subscribe(["one", "two"])) == ["subscribe", "one", 1]
    server.command("RPUSH", "list", "message", "one", "value")
    reply = rc.lrange("list", 0, -1)
    server.command("PUBLISH", "two", "12")
    assert await bounded(reply) == ["message", "one", "value"]
    assert await bounded(rc._factory.told.get()) == (None, "two", 12)
    assert (await bounded(rc.unsubscribe()))[0] == "unsubscribe"
    assert await bounded(rc.ping()) == "PONG"


@pytest.mark.parametrize("charset", ["utf-8", None])
@pytest_twisted.ensureDeferred
async def test_ping_has_the_same_value_under_both_protocols(server, start, charset):
    values = []
    for version in (2, 3):
        rc = await start(SubscriberFactory(charset=charset), tcp(server))
        if version == 3:
            await bounded(rc.execute_command("HELLO", 3))
        told = [rc.ping(), rc.ping(message="7"), rc.subscribe("a")]
        told += [rc.ping(), rc.ping(message="PONG"), rc.ping(message=7)]
        told += [rc.unsubscribe("a"), rc.ping(), rc.ssubscribe("b"), rc.ping(message="x"), rc.sunsubscribe(), rc.ping()]
        values.append([await bounded(each) for each in told])
        await bounded(rc.disconnect())
    assert values[0] == values[1]
    assert values[0][3] == ([b"pong", b""] if charset is None else ["pong", ""])


@pytest_twisted.ensureDeferred
async def test_a_subscriber_under_RESP3_routes_other_pushes_to_their_handlers(server, start):
    rc = await start(SubscriberFactory(), tcp(server))
    [protocol] = rc._factory.pool
    invalidated = tracked(protocol)
    await bounded(rc.execute_command("HELLO", 3))
    await bounded(rc.execute_command("CLIENT", "TRACKING", "ON", "BCAST"))
    await bounded(rc.subscribe("one"))
    server.command("SET", "k", "1")
    server.command("PUBLISH", "one", "hello")
    assert await bounded(invalidated.get()) == ["invalidate", [b"k"]]
    assert await bounded(rc._factory.told.get()) == (None, "one", "hello")


class Program(redis.RedisProtocol):
    """Puts the pushes that nobody takes into its factory's queue."""

    def pushReceived(self, push):
        self.factory.told.put(list(push))


def tracked(protocol):
    """A queue of the invalidations that come to a connection."""
    invalidated = DeferredQueue()

    def handler(push):
        invalidated.put(list(push))
        return True

    protocol.link.pushes.register(b"invalidate", handler)
    return invalidated


@pytest.mark.parametrize("registered", [True, False])
@pytest_twisted.ensureDeferred
async def test_invalidations_go_to_their_handler_and_without_one_to_pushReceived(server, start, registered):
    factory = redis.RedisFactory(None, None, 1)
    rc = await start(factory, tcp(server), Program)
    [protocol] = factory.pool
    invalidated = tracked(protocol) if registered else factory.told
    await bounded(protocol.execute_command("HELLO", 3))
    await bounded(protocol.execute_command("CLIENT", "TRACKING", "ON"))
    assert await bounded(rc.get("k")) is None
    server.command("SET", "k", "1")
    assert await bounded(invalidated.get()) == ["invalidate", [b"k"]]
    assert await bounded(rc.get("k")) == 1
    assert factory.told.pending == []


@pytest_twisted.ensureDeferred
async def test_after_the_connection_was_killed_messages_arrive_again(server, start):
    rc = await start(SubscriberFactory(), tcp(server))
    told = rc._factory.told
    await bounded(rc.subscribe(["one", "two", b"\xff"]))
    await bounded(rc.psubscribe("p*"))
    await bounded(rc.unsubscribe("two"))
    for turn in range(5):
        assert server.command("CLIENT", "KILL", "TYPE", "pubsub") == 1
        await until(lambda: subscribed(server, "one") and server.command("PUBSUB", "NUMPAT"), "subscribed again")
        assert not subscribed(server, "two")
        server.command("PUBLISH", "one", f"turn {turn}")
        assert await bounded(told.get()) == (None, "one", f"turn {turn}")
        server.command("PUBLISH", "plain", f"turn {turn}")
        assert await bounded(told.get()) == ("p*", "plain", f"turn {turn}")
        server.command("PUBLISH", b"\xff", turn)
        assert await bounded(told.get()) == (None, b"\xff", turn)
    assert await bounded(rc.ping()) == ["pong", ""]
    assert told.pending == []


@pytest_twisted.ensureDeferred
async def test_after_a_restart_of_a_server_with_password_and_database_messages_arrive_again(make_server, start):
    server = make_server(password="secret", users={"alice": "on >wonder ~* &* +@all"})
    factory = SubscriberFactory(True, username="alice", password="wonder", dbid=3)
    rc = await start(factory, tcp(server))
    await bounded(rc.subscribe("one"))
    for turn in range(2):
        server.restart()
        await until(lambda: subscribed(server, "one"), "subscribed again")
        server.command("PUBLISH", "one", turn)
        assert await bounded(factory.told.get()) == (None, "one", turn)
    assert "user=alice" in server.command("CLIENT", "LIST", "TYPE", "pubsub").decode()
    assert " db=3 " in server.command("CLIENT", "LIST", "TYPE", "pubsub").decode()


@pytest_twisted.ensureDeferred
async def test_a_program_over_connectTCP_with_txredisapis_own_example_comes_back(fresh_server):
    from twisted.internet import reactor

    class Program(SubscriberProtocol):
        def connectionMade(self):
            self.subscribe("zz").addErrback(lambda _: None)
            self.psubscribe("foo.*").addErrback(lambda _: None)

        def messageReceived(self, pattern, channel, message):
            told.put((pattern, channel, message))

        def connectionLost(self, reason):
            lost.append(reason)

    class Factory(SubscriberFactory):
        initialDelay = 0.01
        maxDelay = 0.1
        continueTrying = True
        protocol = Program

    told, lost = DeferredQueue(), []
    factory = Factory()
    connector = reactor.connectTCP(*fresh_server.address, factory)
    try:
        for turn in range(3):
            # (Two commands: the first one is sent at once, the second one with what else is given in the same turn.)
            await until(
                lambda: subscribed(fresh_server, "zz") and fresh_server.command("PUBSUB", "NUMPAT"), "subscribed"
            )
            fresh_server.command("PUBLISH", "foo.bar", turn)
            assert await bounded(told.get()) == ("foo.*", "foo.bar", turn)
            connector.transport.protocol.subscribe("later").addErrback(lambda _: None)
            await until(lambda: subscribed(fresh_server, "later"), "subscribed later")
            fresh_server.restart()
            await until(lambda turn=turn: len(lost) > turn, "lost")
        await until(lambda: subscribed(fresh_server, "later"), "subscribed again to what was asked for later")
    finally:
        factory.stopTrying()
        connector.disconnect()
        await until(lambda: connector.state == "disconnected", "disconnected")


@pytest_twisted.ensureDeferred
async def test_a_subscriber_over_tls_and_over_a_unix_socket(server, tls_proxy, start):
    from twisted.internet import reactor

    options = optionsForClientTLS("localhost", trustRoot=tls_proxy.certificates.trust_root())
    plain = TCP4ClientEndpoint(reactor, tls_proxy.host, tls_proxy.port)
    for endpoint in (wrapClientTLS(options, plain), UNIXClientEndpoint(reactor, server.path)):
        rc = await start(SubscriberFactory(), endpoint)
        await bounded(rc.subscribe("one"))
        server.command("PUBLISH", "one", "x")
        assert await bounded(rc._factory.told.get()) == (None, "one", "x")
        server.command("CLIENT", "KILL", "TYPE", "pubsub")
        await until(lambda: subscribed(server, "one"), "subscribed again")
        server.command("PUBLISH", "one", "y")
        assert await bounded(rc._factory.told.get()) == (None, "one", "y")
        await bounded(rc.disconnect())


@pytest_twisted.ensureDeferred
async def test_several_factories_keep_their_own_channels(server, start):
    subscribers = [await start(SubscriberFactory(charset=charset), tcp(server)) for charset in ("utf-8", None)]
    for name, rc in zip(["one", "two"], subscribers, strict=True):
        await bounded(rc.subscribe(name))
    server.command("CLIENT", "KILL", "TYPE", "pubsub")
    await until(lambda: subscribed(server, "one") and subscribed(server, "two"), "subscribed again")
    for name in ("one", "two"):
        assert server.command("PUBLISH", name, name) == 1
    first, second = (rc._factory.told for rc in subscribers)
    assert await bounded(first.get()) == (None, "one", "one")
    assert await bounded(second.get()) == (None, b"two", b"two")
    assert first.pending == second.pending == []


@pytest_twisted.ensureDeferred
async def test_a_refused_channel_fails_and_keeps_the_connection(make_server, start):
    server = make_server(users={"bob": "on >pw ~* resetchannels &mine &also +@all"})
    rc = await start(SubscriberFactory(username="bob", password="pw"), tcp(server))
    await bounded(rc.subscribe(["mine", "also"]))
    with pytest.raises(redis.NoPermissionError):
        await bounded(rc.subscribe(["also", "secret"]))
    server.command("CLIENT", "KILL", "TYPE", "pubsub")
    await until(lambda: subscribed(server, "mine"), "subscribed again")
    server.command("PUBLISH", "also", "x")
    assert await bounded(rc._factory.told.get()) == (None, "also", "x")


@pytest_twisted.ensureDeferred
async def test_a_monitor_is_told_what_the_server_executes(make_server, start):
    server = make_server(password="secret")
    factory = MonitorFactory(password="secret", dbid=1)
    rc = await start(factory, tcp(server), Monitor)
    assert await bounded(rc.monitor()) == "OK"
    assert await bounded(factory.told.get()) == "OK"
    server.command("SET", "key", b"\r\n\xff")
    lines = [await bounded(factory.told.get())]
    while '"SET"' not in lines[-1]:
        lines.append(await bounded(factory.told.get()))
    assert lines[-1].endswith(r'"SET" "key" "\r\n\xff"')


@pytest_twisted.ensureDeferred
async def test_a_monitor_whose_connection_is_killed_tells_nothing_more(server, start):
    factory = MonitorFactory()
    factory.reconnect = False
    rc = await start(factory, tcp(server), Monitor)
    await bounded(rc.monitor())
    [protocol] = factory.pool
    lost = protocol.whenDisconnected()
    for line in server.command("CLIENT", "LIST").decode().splitlines():
        fields = dict(field.split("=", 1) for field in line.split())
        if "O" in fields["flags"]:
            server.command("CLIENT", "KILL", "ID", fields["id"])
    await bounded(lost)
    await until(lambda: not any(slot.alive for slot in factory.slots), "given up")
    factory.told.pending.clear()
    server.command("PING")
    assert factory.told.pending == []
    with pytest.raises(redis.NotSentError):
        await bounded(rc.monitor())
