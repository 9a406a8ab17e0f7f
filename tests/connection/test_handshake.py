"""What a new connection says first: logins that change, users without passwords, names; and what goes wrong there."""

from __future__ import annotations

import asyncio
import functools

import pytest
from testbed.scripted import MemoryEndpoint, Session, answering, settle
from testbed.support import Pool, Transport, connect, connected, failed, fired, pending
from testbed.wire import command
from twisted.internet.defer import Deferred, fail, succeed

import txredis_fast as redis

OK = b"+OK\r\n"
WRONGPASS = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
SECRET = "s3cret-t0ken"

pytestmark = pytest.mark.usefixtures("both")


class Server:
    """A server in memory with a password that can be changed; counts the attempts to log in."""

    def __init__(self, clock, password="right"):
        self.clock = clock
        self.password = password
        self.logins = []
        #: The answers to logins, where these are held back.
        self.held = None
        self.endpoint = MemoryEndpoint(lambda: Session(self.script, clock), clock)

    def script(self, session):
        known = False
        while True:
            args = yield
            if args[0] == b"AUTH":
                self.logins.append(tuple(args[1:]))
                known = args[-1] == self.password.encode()
                answer = functools.partial(session.send, OK if known else WRONGPASS)
                answer() if self.held is None else self.held.append(answer)
            else:
                session.send(OK if known else b"-NOAUTH Authentication required.\r\n")

    def pool(self, size=1, isLazy=True, **options):
        factory = redis.RedisFactory("fake:6379", None, size, isLazy, **options)
        factory.jitter = 0
        self.connecting = factory.deferred
        factory.startConnecting(self.endpoint)
        settle(self.clock)
        return factory

    def drop(self):
        for link in self.endpoint.alive:
            link.reset()
        settle(self.clock)

    def wait(self, seconds):
        for _ in range(int(seconds * 4)):
            self.clock.advance(0.25)
            settle(self.clock)


@pytest.fixture
def server(clock):
    return Server(clock)


# -- credentials as they are


@pytest.mark.parametrize("charset", ["utf-8", None, "latin-1", "ascii", "cp1252", "shift_jis"])
def test_a_login_is_sent_as_utf_8_in_every_charset(charset):
    _, transport = connected(charset=charset, password="pä€s", username="üser")
    assert transport.take() == command("AUTH", "üser", "pä€s")
    protocol, transport = connected(charset=charset)
    protocol.auth("pä€s", "üser").addErrback(lambda _: None)
    assert transport.take() == command("AUTH", "üser", "pä€s")


@pytest.mark.parametrize(
    ("given", "sent"),
    [(b"\xff\x00", b"\xff\x00"), (bytearray(b"pw"), b"pw"), (7202, b"7202"), (0, b"0"), (-1, b"-1"), ("", b"")],
)
def test_a_password_may_be_bytes_or_a_number(given, sent):
    _, transport = connected(password=given)
    assert transport.take() == command("AUTH", sent)


@pytest.mark.parametrize("wrong", [True, 1.5, ["pw"], {"pw": 1}, ("pw",), object(), "\udc80", str])
@pytest.mark.parametrize("name", ["password", "username"])
def test_what_is_no_password_is_refused_by_name_and_not_shown(name, wrong):
    for make in (redis.RedisProtocol, redis.lazyConnection, redis.ConnectionOptions, redis.SubscriberFactory):
        with pytest.raises(ValueError, match=f"^{name} must be str, bytes, int") as caught:
            make(**{name: wrong})
        assert repr(wrong) not in str(caught.value)
        assert caught.value.__context__ is None


def test_a_user_without_a_password_logs_in_with_an_empty_one():
    for name in ("nobody", b"nobody"):
        protocol, transport = connected(username=name)
        ready = protocol.whenConnected()
        assert transport.take() == command("AUTH", "nobody", "")
        assert pending(ready)
        protocol.dataReceived(OK)
        fired(ready)
    options = redis.RedisURL.parse("redis://nobody@host").options
    assert Pool(**options).written() == command("AUTH", "nobody", "")


@pytest.mark.parametrize("name", [None, "", b""])
def test_no_user_and_no_password_is_no_login(name):
    _, transport = connected(username=name)
    assert transport.take() == b""


# -- functions that give them


async def _later(value):
    return value


@pytest.mark.promise(
    "A password that changes is asked for at each handshake, within the time limit of the handshake", about="Security"
)
@pytest.mark.parametrize(
    "function",
    [SECRET.title().lower, SECRET.encode, lambda: succeed(SECRET), lambda: _later(SECRET)],
    ids=["str", "bytes", "Deferred", "coroutine"],
)
@pytest.mark.parametrize("of", ["password", "username"])
def test_a_function_is_asked_at_each_handshake(server, function, of):
    asked = []

    def counted():
        asked.append(1)
        return function()

    server.password = SECRET
    factory = server.pool(2, **{"password": SECRET, of: counted})
    assert factory.size == 2 and len(asked) == 2
    server.drop()
    server.wait(3)
    assert factory.size == 2 and len(asked) == 4
    assert set(server.logins) == {(SECRET.encode(),) if of == "password" else (SECRET.encode(), SECRET.encode())}
    factory.disconnect()
    settle(server.clock)


@pytest.mark.promise("A password that changes is asked for at each handshake, within the time limit of the handshake")
def test_a_password_that_rotates_is_taken_over(server):
    tokens = ["right"]
    factory = server.pool(password=lambda: tokens[-1])
    assert factory.size == 1
    server.password = "new"
    tokens.append("new")
    server.drop()
    server.wait(2)
    assert factory.size == 1
    assert server.logins == [(b"right",), (b"new",)]


def test_all_that_is_written_waits_for_a_password_that_comes_later():
    token = Deferred()
    protocol = redis.RedisProtocol(password=lambda: token, dbid=3, username="u")
    ready = protocol.whenConnected()
    transport = connect(protocol)
    assert transport.take() == b"" and pending(ready)
    token.callback(SECRET)
    assert transport.take() == command("AUTH", "u", SECRET) + command("SELECT", 3)
    protocol.dataReceived(OK + OK)
    assert fired(ready) is protocol


def test_a_subscriber_restores_its_subscriptions_after_the_login(clock):
    tokens = [Deferred(), Deferred()]
    waiting = iter(tokens)
    factory = redis.SubscriberFactory(True, password=lambda: next(waiting))
    first = factory.buildProtocol(None)
    transport = connect(first)
    tokens[0].callback(SECRET)
    first.dataReceived(OK)
    transport.take()
    first.subscribe("news")
    first.dataReceived(b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")
    transport.loseConnection()
    second = factory.buildProtocol(None)
    transport = connect(second)
    assert transport.take() == b""
    tokens[1].callback(SECRET)
    assert transport.take() == command("AUTH", SECRET)
    second.dataReceived(OK)
    assert transport.take() == command("SUBSCRIBE", "news")


class Loop:
    """As much of an event loop as a future asks for; a real one cannot run below a reactor that is asyncio's."""

    def __init__(self):
        self._soon = []

    def get_debug(self):
        return False

    def call_soon(self, function, *args, context=None):
        self._soon.append((function, args))

    def run(self):
        while self._soon:
            function, args = self._soon.pop(0)
            function(*args)


def test_an_asyncio_future_will_do(clock):
    loop = Loop()
    future = asyncio.Future(loop=loop)
    protocol, transport = connected(password=lambda: future)
    assert transport.take() == b""
    future.set_result(SECRET)
    loop.run()
    assert transport.take() == command("AUTH", SECRET)


def _raises():
    raise LookupError(SECRET)


async def _fails():
    raise LookupError(SECRET)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (_raises, "the function given as password raised LookupError"),
        (_fails, "the function given as password raised LookupError"),
        (lambda: fail(LookupError(SECRET)), "the function given as password raised LookupError"),
        (lambda x: x, "the function given as password raised TypeError"),
        (lambda: [SECRET], "password must be str, bytes, int, or None, not of type list"),
        (lambda: succeed([SECRET]), "password must be str, bytes, int, or None, not of type list"),
        (lambda: None, "password must not be None"),
        (lambda: SECRET + "\udc80", "has characters that UTF-8 has not"),
        (lambda: lambda: SECRET, "not of type function"),
    ],
)
def test_a_function_that_gives_no_password_ends_the_attempt_in_words(server, function, says, logged_errors):
    server.password = SECRET
    giving = [function]
    factory = server.pool(password=lambda: giving[0]() if giving[0] is not function else function())
    assert factory.size == 0 and server.logins == []
    waiting = factory.handler.get("k")
    assert says in factory.why_not_connected() and SECRET not in factory.why_not_connected()
    giving[0] = lambda: SECRET  # it passes, as a fault of the place where tokens come from does
    server.wait(12)
    assert factory.size == 1
    assert fired(waiting) == "OK"


def test_a_first_connection_whose_function_fails_tells_so(server, logged_errors):
    factory = server.pool(isLazy=False, password=_raises)
    error = failed(server.connecting, redis.ConnectionFailedError)
    assert "the function given as password raised LookupError" in str(error)
    assert SECRET not in str(error) and factory.size == 0
    assert not server.clock.getDelayedCalls()


@pytest.mark.promise("A password that changes is asked for at each handshake, within the time limit of the handshake")
def test_a_password_that_never_comes_is_waited_for_as_long_as_a_handshake_may_take(server, logged_errors):
    tokens = []

    def never():
        tokens.append(Deferred())
        return tokens[-1]

    factory = server.pool(password=never, connectTimeout=2, poolTimeout=5)
    waiting = factory.handler.get("k")
    server.clock.advance(2)
    settle(server.clock)
    assert not server.endpoint.alive and "did not supply" in factory.why_not_connected()
    assert tokens[0].called  # it was cancelled
    server.wait(6)
    assert "did not supply" in str(failed(waiting, redis.NotSentError))
    factory.disconnect()
    settle(server.clock)
    assert not server.clock.getDelayedCalls()


@pytest.mark.promise("A password that changes is asked for at each handshake, within the time limit of the handshake")
def test_a_password_that_comes_too_late_is_not_sent(server):
    token = Deferred()
    protocol, transport = connected(password=lambda: token)
    transport.loseConnection()
    token.callback(SECRET)
    assert transport.take() == b""


def test_a_canceller_that_raises_harms_nothing(logged_errors):
    def canceller(_):
        raise LookupError("of the program")

    protocol, transport = connected(password=lambda: Deferred(canceller))
    gone = protocol.whenDisconnected()
    transport.loseConnection()
    assert fired(gone) is protocol
    logged_errors.flush(LookupError)


def test_what_a_function_gave_is_kept_out_of_texts(server, logged_errors):
    echo = answering({"AUTH": f"-ERR {SECRET}?\r\n".encode()})
    endpoint = MemoryEndpoint(lambda: Session(echo, server.clock), server.clock)
    factory = redis.RedisFactory("fake:6379", None, 1, True, password=lambda: succeed(SECRET))
    factory.startConnecting(endpoint)
    settle(server.clock)
    assert "could not auth" in factory.why_not_connected() and SECRET not in factory.why_not_connected()


# -- auth() of a pool


def test_auth_on_a_pool_that_is_cut_off_is_what_the_next_handshake_uses(server):
    factory = server.pool(password="right", poolTimeout=20)
    assert factory.size == 1
    server.password = "new"
    server.drop()
    server.wait(12)
    assert factory.size == 0
    logging_in = factory.handler.auth("new")
    server.wait(12)
    assert fired(logging_in) == "OK" and factory.size == 1
    server.drop()
    server.wait(2)
    assert factory.size == 1 and server.logins[-1] == (b"new",)


def test_an_attempt_with_the_former_password_that_is_refused_later_does_not_fail_auth(server):
    factory = server.pool(password="right", poolTimeout=20)
    server.password = "new"
    server.held = []
    server.drop()
    server.wait(12)
    assert len(server.held) == 1  # a login with the former password is under way
    logging_in = factory.handler.auth("new")
    held, server.held = server.held, None
    for answer in held:
        answer()
    server.wait(12)
    assert fired(logging_in) == "OK" and factory.size == 1


def test_a_refused_login_of_a_protocol_that_a_program_builds_itself_is_told(server):
    class Builds(redis.RedisFactory):
        def buildProtocol(self, addr):
            protocol = redis.RedisProtocol(password=self.password)
            protocol.factory = self
            return protocol

    factory = Builds("fake:6379", None, 1, False, password="wrong")
    connecting = factory.deferred
    factory.startConnecting(server.endpoint)
    settle(server.clock)
    server.wait(2)
    assert "WRONGPASS" in str(failed(connecting, redis.ConnectionFailedError))


def test_auth_on_a_pool_that_is_cut_off_takes_the_place_of_a_function(server):
    factory = server.pool(password=lambda: "stale", charset=None)
    assert factory.size == 0
    logging_in = factory.handler.auth("right", "user")
    server.wait(12)
    assert fired(logging_in) == b"OK"
    assert server.logins[-1] == (b"user", b"right")


def test_auth_with_what_is_no_password_fails_and_changes_nothing(server):
    factory = server.pool(password="right")
    for wrong in (None, True, ["x"], lambda: "x"):
        error = failed(factory.handler.auth(wrong), ValueError)
        assert str(error).startswith("password must")
    assert factory.password == "right" and server.logins == [(b"right",)]


def test_auth_after_disconnect_fails(server):
    factory = server.pool(password="right")
    factory.disconnect()
    settle(server.clock)
    failed(factory.handler.auth("new"), redis.NotSentError)
    assert factory.password == "right"


# -- the name of a connection


def introduction(name):
    version = redis.__version__
    return (
        command("CLIENT", "SETNAME", name)
        + command("CLIENT", "SETINFO", "LIB-NAME", "txredis_fast")
        + command("CLIENT", "SETINFO", "LIB-VER", version)
    )


def test_without_a_name_nothing_is_sent():
    assert Pool(2).written() == b""


def test_each_connection_tells_its_name_after_the_login():
    _, transport = pool = None, None
    pool = Pool(2, clientName="web-1", connect=False)
    for _ in range(2):
        transport = pool.connect()
        assert transport.take() == introduction("web-1")
        transport.protocol.dataReceived(OK * 3)
    assert pool.factory.size == 2
    pool = Pool(clientName="web-1", password="pw", dbid=2, connect=False)
    transport = pool.connect()
    assert transport.take() == command("AUTH", "pw") + introduction("web-1")
    transport.protocol.dataReceived(OK * 4)
    assert transport.take() == command("SELECT", 2)
    transport.protocol.dataReceived(OK)
    assert pool.factory.size == 1


@pytest.mark.parametrize("factory", [redis.SubscriberFactory, redis.MonitorFactory])
def test_subscribers_and_monitors_have_names_too(factory):
    protocol = factory(True, clientName="reader").buildProtocol(None)
    assert connect(protocol).take() == introduction("reader")


def test_servers_that_refuse_names_are_used_all_the_same(clock, logged_errors):
    refusing = answering({"CLIENT": b"-ERR unknown subcommand\r\n"})
    factory = redis.RedisFactory("fake:6379", None, 1, True, clientName="web")
    factory.startConnecting(MemoryEndpoint(lambda: Session(refusing, clock), clock))
    settle(clock)
    assert factory.size == 1
    reply = factory.handler.set("k", "v")
    settle(clock)
    assert fired(reply) == "OK"


def test_a_connection_of_the_lane_has_the_name(clock):
    sessions = []

    def make():
        sessions.append(Session(answering({"CLIENT ID": b":7\r\n", "BLPOP": b"*-1\r\n"}), clock))
        return sessions[-1]

    factory = redis.RedisFactory("fake:6379", None, 1, True, clientName="web")
    factory.startConnecting(MemoryEndpoint(make, clock))
    settle(clock)
    reply = factory.handler.blpop("k", 1)
    settle(clock)
    assert fired(reply) is None
    assert [session.commands[0] for session in sessions] == [[b"CLIENT", b"SETNAME", b"web"]] * 2


@pytest.mark.parametrize("wrong", ["", "two words", "new\nline", "naïve", 5, b"web", True, ["web"]])
def test_a_name_that_servers_refuse_is_refused_at_once(wrong):
    with pytest.raises(ValueError, match=r"^clientName must be visible ASCII"):
        redis.lazyConnection(clientName=wrong)


# -- its time


@pytest.mark.parametrize("limit", [None, -1, float("nan"), "soon", object()])
def test_an_attribute_that_is_no_time_is_as_if_it_had_not_been_set(clock, limit):
    protocol = redis.RedisProtocol(password="pw")
    protocol.handshakeTimeout = limit
    transport = Transport()
    transport.reactor = clock
    connect(protocol, transport)
    clock.advance(29)
    assert not transport.aborted
    clock.advance(1)
    assert transport.aborted
