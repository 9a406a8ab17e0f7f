"""The option ``protocol=3``: HELLO in the handshake, and what happens where it is refused."""

from __future__ import annotations

import pytest
from testbed.scripted import MemoryEndpoint, Session, answering, settle
from testbed.subscribers import array
from testbed.support import Pool, Transport, connect, failed, fired, pending
from testbed.wire import bulk, command, integer
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

import txredis_fast as redis
from txredis_fast.telemetry import events

OK = b"+OK\r\n"
HELLO = command("HELLO", 3)
AGREED = b"%2\r\n" + bulk("server") + bulk("redis") + bulk("proto") + integer(3)
UNKNOWN = b"-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n"
NOAUTH = b"-NOAUTH HELLO must be called with the client already authenticated\r\n"

pytestmark = [
    pytest.mark.usefixtures("both"),
    pytest.mark.promise(
        "A server that refuses RESP3 is used with RESP2, and one event tells it",
        "So does a proxy that does not know HELLO.",
        about="Replies and their callers",
    ),
]


@pytest.fixture
def refusals():
    """The events of refused versions."""
    seen = []

    def observe(event):
        if event.get("log_namespace") == events.NAMESPACE and event["redis_event"] == "protocol_refused":
            seen.append((event["server"], event["version"], event["reason"]))

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


class Writes(list):
    """What each call of a transport's ``write`` was given."""

    def __init__(self, transport):
        super().__init__()
        write = transport.write
        transport.write = lambda data: (self.append(data), write(data))[1]


def test_without_the_option_no_hello_is_sent():
    assert b"HELLO" not in Pool(password="pw", dbid=1, connect=False).connect().take()


@pytest.mark.parametrize("charset", ["utf-8", None])
@pytest.mark.parametrize("login", ["right", lambda: "right"])
def test_the_handshake_is_one_write_and_selects_without_waiting(charset, login):
    pool = Pool(password=login, dbid=2, connect=False, charset=charset)
    pool.factory.respVersion = 3
    protocol, transport = pool.factory.buildProtocol(None), Transport()
    written = Writes(transport)
    connect(protocol, transport)
    assert written == [command("AUTH", "right") + HELLO + command("SELECT", 2)]
    protocol.dataReceived(OK + AGREED)
    assert pool.factory.size == 0
    protocol.dataReceived(OK)
    assert pool.factory.size == 1
    assert protocol.link.resp_version == 3


def factory_of(answers, clock, size=1, made=None, **options):
    """A factory of connections in memory."""
    sessions = [] if made is None else made

    def make():
        sessions.append(Session(answering(answers), clock))
        return sessions[-1]

    factory = redis.RedisFactory("fake:6379", None, size, True, protocol=3, **options)
    factory.jitter = 0
    endpoint = MemoryEndpoint(make, clock)
    factory.startConnecting(endpoint)
    settle(clock)
    return factory, endpoint


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (UNKNOWN, "ERR unknown command `HELLO`, with args beginning with: `3`, "),
        (b"-NOPROTO unsupported protocol version\r\n", "NOPROTO unsupported protocol version"),
        (b"-NOPERM this user has no permissions to run the 'hello' command\r\n", None),
        (b"*2\r\n$5\r\nproto\r\n:2\r\n", "it answered HELLO 3 with a list of 2"),
        (b"%1\r\n$5\r\nproto\r\n:2\r\n", "it answered HELLO 3 with a dict of 1"),
        (OK, "it answered HELLO 3 with a string of 2 characters"),
    ],
)
def test_a_server_that_refuses_is_used_with_resp2_and_told_once(clock, refusals, answer, reason):
    factory, endpoint = factory_of({"HELLO": answer, "GET": bulk("v")}, clock, size=2)
    assert factory.size == 2
    got = factory.handler.get("k")
    settle(clock)
    assert fired(got) == "v"
    assert [each.link.resp_version for each in factory.pool] == [2, 2]
    for link in endpoint.alive:
        link.reset()
    for _ in range(20):
        clock.advance(0.25)
        settle(clock)
    assert factory.size == 2
    ((server, version, told),) = refusals
    assert (server, version) == ("fake:6379", 3)
    assert reason is None or told == reason


def test_a_connection_without_a_pool_tells_it_too(refusals):
    protocol = redis.RedisProtocol()
    protocol.respVersion = 3
    ready = protocol.whenConnected()
    assert connect(protocol).take() == HELLO
    assert pending(ready)
    protocol.dataReceived(UNKNOWN)
    assert fired(ready) is protocol
    assert [version for _, version, _ in refusals] == [3]


def test_a_refused_login_is_the_error_and_not_hello(refusals):
    pool = Pool(password="wrong", dbid=1, connect=False)
    pool.factory.respVersion = 3
    connecting = pool.factory.deferred
    transport = pool.connect()
    transport.protocol.dataReceived(b"-WRONGPASS invalid username-password pair\r\n" + NOAUTH + NOAUTH)
    assert "WRONGPASS" in str(failed(connecting, redis.ConnectionError))
    assert refusals == []


def test_a_server_with_too_many_clients_has_not_refused_hello(refusals):
    pool = Pool(connect=False)
    pool.factory.respVersion = 3
    transport = pool.connect()
    transport.protocol.dataReceived(b"-ERR max number of clients reached\r\n")
    assert (pool.factory.size, refusals, transport.disconnecting) == (0, [], True)


@pytest.mark.parametrize(("accepted", "version"), [(AGREED, 3), (UNKNOWN, 2)])
def test_a_login_of_the_pool_says_hello_to_a_server_that_demanded_it(refusals, accepted, version):
    pool = Pool(connect=False)
    pool.factory.respVersion = 3
    transport = pool.connect()
    assert transport.take() == HELLO
    transport.protocol.dataReceived(NOAUTH)
    assert (pool.factory.size, refusals) == (1, [])
    done = pool.handler.auth("pw")
    assert transport.take() == command("AUTH", "pw") + HELLO
    transport.protocol.dataReceived(OK + accepted)
    assert fired(done) == "OK"
    assert transport.protocol.link.resp_version == version
    assert len(refusals) == (version == 2)
    done = pool.handler.auth("other")
    assert transport.take() == command("AUTH", "other")


def test_a_connection_that_is_lost_in_the_handshake_tells_nothing(refusals):
    pool = Pool(connect=False)
    pool.factory.respVersion = 3
    transport = pool.connect()
    transport.loseConnection()
    assert (pool.factory.size, refusals) == (0, [])


def test_a_login_that_comes_later_is_followed_by_hello():
    token = Deferred()
    protocol = redis.RedisProtocol(password=lambda: token, dbid=3)
    protocol.respVersion = 3
    transport = connect(protocol)
    assert transport.take() == b""
    token.callback("pw")
    assert transport.take() == command("AUTH", "pw") + HELLO + command("SELECT", 3)


def test_connections_for_blocking_commands_say_hello(clock):
    made = []
    factory, _ = factory_of({"HELLO": AGREED, "CLIENT ID": b":7\r\n", "BLPOP": b"_\r\n"}, clock, made=made)
    reply = factory.handler.blpop("k", 1)
    settle(clock)
    assert fired(reply) is None
    assert [session.commands[0] for session in made] == [[b"HELLO", b"3"]] * 2


@pytest.mark.parametrize("factory", [redis.SubscriberFactory, redis.MonitorFactory])
def test_subscribers_and_monitors_say_hello(factory):
    assert connect(factory(True, protocol=3).buildProtocol(None)).take() == HELLO


def push(*items):
    return array(*items, kind=b">")


def test_a_subscriber_gets_pushes_and_ordinary_replies_between_them():
    messages = []

    class Program(redis.SubscriberProtocol):
        def messageReceived(self, pattern, channel, message):
            messages.append((pattern, channel, message))

    factory = redis.SubscriberFactory(True, protocol=3)
    factory.protocol = Program
    protocol = factory.buildProtocol(None)
    transport = connect(protocol)
    protocol.dataReceived(AGREED)
    subscribed = protocol.subscribe("a")
    assert transport.take() == HELLO + command("SUBSCRIBE", "a")
    protocol.dataReceived(push("subscribe", "a", 1))
    assert fired(subscribed) == ["subscribe", "a", 1]
    reply = protocol.lrange("message", 0, -1)
    protocol.dataReceived(push("message", "a", "x") + array("message", "a", "y") + push("message", "a", "z"))
    assert fired(reply) == ["message", "a", "y"]
    assert messages == [(None, "a", "x"), (None, "a", "z")]


@pytest.mark.parametrize("wrong", [1, 4, 0, True, "3", 3.0, None, redis.RedisProtocol])
def test_what_is_no_version_is_refused_by_name(wrong):
    for make in (redis.lazyConnection, redis.ConnectionOptions, redis.SubscriberFactory):
        with pytest.raises(ValueError, match=r"^protocol must be 2 or 3, a version of RESP"):
            make(protocol=wrong)


@pytest.mark.parametrize("text", ["1", "4", "three", "", "-3"])
def test_a_url_with_no_version_is_refused(text):
    with pytest.raises(ValueError, match="protocol in the URL must be 2 or 3"):
        redis.RedisURL.parse(f"redis://h?protocol={text}")
