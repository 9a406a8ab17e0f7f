"""A password appears nowhere: not in an exception, a traceback, a repr, a log line, an event or a counter.

Each error path is run with a password that is easily found, by itself or in pieces, and everything that a program or
an operator can come to see is searched for it. (The local variables of frames are not: Twisted keeps them after
``defer.setDebugging(True)`` only.)
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testbed.scripted import MemoryEndpoint, Session, answering, settle
from testbed.support import Pool, Transport, connect
from testbed.wire import bulks, command
from twisted.internet import defer
from twisted.internet.error import ConnectionLost
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure

import txredis_fast as redis
from txredis_fast.client.factory import RedisFactory

pytestmark = [
    pytest.mark.usefixtures("both"),
    pytest.mark.promise(
        "A password appears in no exception, traceback, repr, log line, event, counter or hook, on more than "
        "25 error paths",
        about="Security",
    ),
]

MARKER = "Marker-9f31-Password"
#: A piece of it counts as well.
PIECE = MARKER[:8]

PATHS: dict[str, Callable[[World], Any]] = {}


class World:
    """Where an error path runs, and all that it leaves to be seen."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.seen: list[Any] = []
        self.hooks = [Remembers(self)]

    def see(self, *things: Any) -> None:
        """Something a program can hold: its repr and str are searched, and all of an exception."""
        self.seen += things

    def outcome(self, deferred: Any) -> None:
        """What a Deferred fires or fails with."""
        self.see(deferred)
        deferred.addBoth(self.see)

    def attempt(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Something that raises."""
        try:
            made = function(*args, **kwargs)
        except Exception as error:
            self.see(error, Failure())
        else:
            pytest.fail(f"{made!r} was made")

    def pool(self, script: Any, *, wait: float = 0.0, **options: Any) -> Any:
        """A pool connected in memory to a scripted server, with the marker as its password."""
        options = {"password": MARKER, "hooks": self.hooks, "isLazy": True, "slowCommandThreshold": 0.001, **options}
        factory = RedisFactory("fake:6379", None, 1, **options)
        factory.jitter = 0
        endpoint = MemoryEndpoint(lambda: Session(script, self.clock), self.clock)
        factory.startConnecting(endpoint)
        settle(self.clock)
        if wait:
            self.clock.advance(wait)
            settle(self.clock)
        self.see(factory, factory.handler, factory.stats(), endpoint, *factory.pool, *factory.slots)
        for connection in factory.pool:
            self.see(connection._requests, *connection._requests.waiting, connection.link.reader)
        return factory

    def end(self, factory: Any) -> None:
        """Close a pool's connections."""
        self.outcome(factory.disconnect())
        settle(self.clock)
        self.clock.advance(60)
        settle(self.clock)
        self.see(factory.stats())


class Remembers:
    """A hook."""

    def __init__(self, world: World) -> None:
        self._world = world

    def command_started(self, info: Any) -> Any:
        self._world.see(info)

    def command_ended(self, token: Any, error: Any) -> None:
        self._world.see(token, error)


def path(function: Callable[[World], Any]) -> Callable[[World], Any]:
    PATHS[function.__name__] = function
    return function


def texts(thing: Any, depth: int = 0) -> Iterator[str]:
    """Every text of a thing."""
    yield repr(thing)
    yield str(thing)
    if isinstance(thing, Failure):
        for detail in ("default", "brief", "verbose"):
            yield thing.getTraceback(detail=detail)
        yield thing.getErrorMessage()
        yield from texts(thing.value, depth + 1)
    if isinstance(thing, BaseException) and depth < 8:
        yield repr(vars(thing))
        for part in (*thing.args, thing.__cause__, thing.__context__):
            if part is not None:
                yield from texts(part, depth + 1)


# -- the handshake


@path
def wrong_password(world):
    world.end(world.pool(answering({"AUTH": b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"})))


@path
def wrong_password_of_an_acl_user_on_a_first_connection(world):
    script = answering({"AUTH": b"-WRONGPASS no\r\n"})
    factory = RedisFactory("fake:6379", 0, 1, password=MARKER, username="app")
    world.outcome(factory.deferred)
    factory.startConnecting(MemoryEndpoint(lambda: Session(script, world.clock), world.clock))
    settle(world.clock)
    world.see(factory)


@path
def a_server_that_does_not_know_auth_repeats_its_arguments(world):
    for quote in "`'":
        text = f"-ERR unknown command {quote}AUTH{quote}, with args beginning with: {quote}{MARKER}{quote}, \r\n"
        factory = world.pool(answering({"AUTH": text.encode()}))
        world.outcome(factory.handler.get("key"))
        world.end(factory)


@path
def a_server_refuses_auth_with_the_password_in_its_words(world):
    factory = world.pool(answering({"AUTH": f"-ERR what is {MARKER}\r\n".encode()}))
    world.outcome(factory.handler.get("key"))
    world.end(factory)


@path
def the_password_as_bytes_that_are_no_text(world):
    password = MARKER.encode() + b"\xff\x00"
    factory = world.pool(answering({"AUTH": b"-ERR what is " + password + b"\r\n"}), password=password)
    world.end(factory)


@path
def an_echo_instead_of_a_server(world):
    def echo(session):
        while True:
            args = yield
            session.send(command(*args))
            session.send(bulks(args))

    world.end(world.pool(echo))


@path
def garbage_during_auth_that_has_the_password(world):
    for garbage in (MARKER.encode() + b"\r\n", b"$" + MARKER.encode() + b"\r\n", b"$3\r\n" + MARKER.encode() + b"\r\n"):

        def script(session, garbage=garbage):
            yield
            session.send(garbage)
            yield

        factory = world.pool(script)
        world.outcome(factory.handler.get("key"))
        world.end(factory)


@path
def garbage_that_is_cut_inside_a_long_password(world):
    password = MARKER + "x" * 40
    factory = world.pool(answering({"AUTH": password.encode() + b"\r\n"}), password=password)
    world.end(factory)


@path
def the_connection_is_lost_during_auth(world):
    def script(session):
        yield
        session.reset()

    factory = world.pool(script)
    world.outcome(factory.handler.get("key"))
    world.end(factory)


@path
def the_handshake_is_never_answered(world):
    def script(session):
        yield

    factory = RedisFactory("fake:6379", None, 1, password=MARKER, connectTimeout=2, isLazy=True)
    protocol = factory.buildProtocol(None)
    transport = Transport()
    transport.reactor = world.clock
    connect(protocol, transport)
    world.clock.advance(3)
    world.see(protocol, factory, protocol.link.end_reason, factory.why_not_connected())


@path
def refused_connections(world):
    factory = RedisFactory("fake:6379", None, 1, password=MARKER, isLazy=True, poolTimeout=1)
    endpoint = MemoryEndpoint(lambda: None, world.clock)
    endpoint.refuses = True
    factory.startConnecting(endpoint)
    settle(world.clock)
    world.outcome(factory.handler.get("key"))
    world.clock.advance(2)
    settle(world.clock)
    world.see(factory, factory.why_not_connected())
    world.end(factory)


@path
def a_connection_attempt_that_is_cancelled(world):
    factory = RedisFactory("fake:6379", None, 1, password=MARKER)
    connecting = factory.deferred
    factory.startConnecting(MemoryEndpoint(lambda: Session(answering(), world.clock), world.clock))
    connecting.cancel()
    world.outcome(connecting)
    settle(world.clock)
    world.see(factory)


@path
def a_password_that_cannot_be_sent(world):
    world.attempt(world.pool, answering(), password=MARKER + "\udc80")
    world.attempt(world.pool, answering(), password=[MARKER])
    factory = world.pool(answering(), password=MARKER + "\u20ac", charset="latin-1")
    world.end(factory)


# -- commands that have a secret


@path
def auth_refused_later(world):
    factory = world.pool(answering({"AUTH": b"+OK\r\n"}))
    server = {
        "AUTH": f"-ERR unknown command 'AUTH', with args beginning with: '{MARKER}' \r\n",
        "HELLO": f"-ERR unknown command `hello`, with args beginning with: `3`, `AUTH`, `u`, `{MARKER}`, \r\n",
        "CONFIG": f"-ERR unknown command `CONFIG`, with args beginning with: `SET`, `requirepass`, `{MARKER}`, \r\n",
        "ACL": f"-ERR Error in ACL SETUSER modifier '>{MARKER}': Syntax error\r\n",
        "MIGRATE": f"-ERR unknown command 'migrate', with args beginning with: 'h' '1' 'AUTH' '{MARKER}' \r\n",
    }
    world.end(factory)
    factory = world.pool(answering({name: text.encode() for name, text in server.items()}), password=None)
    rc = factory.handler
    world.outcome(rc.auth(MARKER))
    world.outcome(rc.auth(MARKER, "user"))
    world.outcome(rc.execute_command("AUTH", MARKER))
    world.outcome(rc.execute_command("HELLO", 3, "AUTH", "u", MARKER))
    world.outcome(rc.execute_command("CONFIG", "SET", "requirepass", MARKER))
    world.outcome(rc.execute_command("ACL", "SETUSER", "u", ">" + MARKER))
    world.outcome(rc.execute_command("MIGRATE", "h", 1, "", 0, 1, "AUTH", MARKER))
    world.outcome(rc.batch([("AUTH", MARKER), ("CONFIG", "SET", "requirepass", MARKER)]))
    settle(world.clock)
    world.end(factory)


@path
def noperm_for_a_command_with_a_secret(world):
    factory = world.pool(
        answering({"AUTH": b"+OK\r\n", "CONFIG": b"-NOPERM User app has no permissions to run 'config|set'\r\n"})
    )
    world.outcome(factory.handler.execute_command("CONFIG", "SET", "requirepass", MARKER))
    settle(world.clock)
    world.end(factory)


@path
def arguments_that_cannot_be_sent(world):
    pool = Pool(password=None, charset="latin-1", strict=True)
    world.outcome(pool.handler.set("key", MARKER + "\u20ac"))
    world.outcome(pool.handler.set("key", [MARKER]))
    world.outcome(pool.handler.auth(MARKER + "\u20ac"))
    world.outcome(pool.handler.batch([("AUTH", MARKER + "\u20ac")]))
    pipeline = pool.handler._make_pipeline()
    world.outcome(pipeline.auth(MARKER + "\u20ac"))
    world.outcome(pipeline.execute_pipeline())
    world.see(pipeline, pool.factory.stats())


@path
def a_reply_that_never_comes_to_a_command_with_a_secret(world):
    pool = Pool(replyTimeout=1, hooks=world.hooks, slowCommandThreshold=0.1)
    sent = pool.handler.auth(MARKER)
    world.see(*pool.factory.pool, *pool.factory.pool[0]._requests.waiting)
    world.clock.advance(2)
    world.outcome(sent)
    world.see(pool.factory.stats())


@path
def a_command_with_a_secret_lost_with_its_connection(world):
    pool = Pool(hooks=world.hooks)
    sent = [pool.handler.auth(MARKER), pool.handler.batch([("AUTH", MARKER)])]
    pool.transports[0].protocol.connectionLost(Failure(ConnectionLost()))
    for deferred in sent:
        world.outcome(deferred)
    world.see(pool.factory.stats())


@path
def a_cancelled_command_with_a_secret(world):
    pool = Pool(hooks=world.hooks)
    sent = pool.handler.execute_command("CONFIG", "SET", "requirepass", MARKER)
    sent.cancel()
    world.outcome(sent)
    world.see(*pool.factory.pool[0]._requests.waiting)


@path
def a_converter_that_fails_for_a_command_with_a_secret(world):
    def fails(reply):
        raise RuntimeError("the converter")

    pool = Pool(hooks=world.hooks)
    sent = pool.handler.execute_command("AUTH", MARKER, post_proc=fails)
    pool.answer(b"+OK\r\n")
    world.outcome(sent)


@path
def transactions_with_a_secret(world):
    pool = Pool(hooks=world.hooks)
    beginning = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    transaction = beginning.result
    world.outcome(transaction.auth(MARKER))
    done = transaction.commit()
    refused = f"-ERR unknown command 'AUTH', with args beginning with: '{MARKER}' \r\n".encode()
    pool.answer(refused + b"-EXECABORT Transaction discarded because of previous errors.\r\n")
    world.outcome(done)
    world.see(transaction)
    pool = Pool(hooks=world.hooks)  # another one: a connection that a user has logged in on is not given to the next
    beginning = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    transaction = beginning.result
    world.outcome(transaction.auth(MARKER))
    world.see(transaction)
    pool.transports[0].loseConnection()
    world.see(transaction)
    world.outcome(transaction.commit())


@path
def waiting_in_vain_with_a_secret(world):
    pool = Pool(connect=False, poolTimeout=1, hooks=world.hooks)
    pool.factory.startConnecting(MemoryEndpoint(lambda: Session(answering(), world.clock), world.clock))
    sent = [pool.handler.auth(MARKER), pool.handler.execute_command("CONFIG", "SET", "requirepass", MARKER)]
    pool.factory.connectionQueue.fail_waiting(redis.NotSentError("Not connected"))
    for deferred in sent:
        world.outcome(deferred)
    world.see(pool.factory, pool.factory.connectionQueue)
    world.end(pool.factory)


@path
def a_pipeline_left_open_with_a_secret(world):
    pool = Pool(hooks=world.hooks)
    pipeline = pool.handler._make_pipeline()
    world.outcome(pipeline.auth(MARKER))
    world.see(pipeline)
    pipeline.abandon()


@path
def a_batch_with_a_secret(world):
    batch = redis.Batch()
    batch.auth(MARKER)
    world.see(batch)
    world.attempt(batch.blpop, MARKER)


# -- options and URLs


@path
def wrong_urls(world):
    for url in (
        f"redis://:{MARKER}@host:port",
        f"redis://user:{MARKER}@host:99999/0",
        f"redis://user:{MARKER}@host/database",
        f"redis://user:{MARKER}@host/0?poolsize=many",
        f"redis://user:{MARKER}@host/0?no_such_option=1",
        f"redis://user:{MARKER}@[::1/0",
        f"redis://user:{MARKER}@ho\u2100st/0",
        f"redis://user:{MARKER}/x@host",
        f"http://user:{MARKER}@host",
        f"redis://user:{MARKER}",
        f"redis://:{MARKER}",
        f"unix://user:{MARKER}@host/path",
        f"redis+sentinel://user:{MARKER}@host",
    ):
        world.attempt(redis.from_url, url, isLazy=True)
    parsed = redis.RedisURL.parse(f"redis://user:{MARKER}@host:1/0")
    world.see(parsed)


@path
def wrong_options(world):
    for wrong in (
        {"dbid": "x"},
        {"poolsize": 0},
        {"charset": "none such"},
        {"limits": {"none": 1}},
        {"tls_key": MARKER},
        {"tls": True, "tls_key": MARKER},
        {"tls": True, "tls_certificate": MARKER.encode()},
        {"hooks": [object()]},
        {"no_such_option": 1},
    ):
        world.attempt(redis.ConnectionOptions, password=MARKER, **wrong) if "tls_certificate" not in wrong else None
        world.attempt(redis.lazyConnectionPool, password=MARKER, **wrong)
    world.see(redis.ConnectionOptions(password=MARKER, username="u", tls=True, tls_key=MARKER, tls_certificate="c"))
    world.see(redis.ConnectionOptions(tls=True, tls_key=MARKER, tls_certificate="c").tls_context)


@path
def reprs_of_all_that_is_connected(world):
    factory = world.pool(answering({"AUTH": b"+OK\r\n"}), replyTimeout=5)
    rc = factory.handler
    world.see(rc, rc.raw, rc.get, factory.observer, factory.connectionQueue, vars(rc))
    world.see(redis.ShardedConnectionHandler([rc]))
    world.outcome(rc.get("key"))
    settle(world.clock)
    world.end(factory)


@path
def sentinels_that_refuse_the_password(world):
    sentinel = redis.Sentinel([], password=MARKER)
    world.see(sentinel)
    rc = sentinel.master_for("mymaster", password=MARKER, poolTimeout=1)
    world.outcome(rc.get("key"))
    world.see(rc, rc._factory, rc._factory.slots)
    world.clock.advance(2)
    settle(world.clock)
    world.end(rc._factory)
    world.outcome(sentinel.disconnect())


def test_there_are_enough_paths():
    assert len(PATHS) >= 25


@pytest.mark.parametrize("name", sorted(PATHS))
def test_a_marker_password_appears_nowhere(name, clock):
    logged: list[Any] = []

    def observe(event: Any) -> None:
        logged.append({key: value for key, value in event.items() if key not in ("log_logger", "log_source")})

    globalLogPublisher.addObserver(observe)
    world = World(clock)
    try:
        PATHS[name](world)
        assert world.seen
        searched = [text for thing in world.seen for text in texts(thing)]
        del world
        gc.collect()  # Deferreds whose error nobody has handled tell of it now
    finally:
        globalLogPublisher.removeObserver(observe)
    for event in logged:
        searched += [repr(event), formatEvent(event) or ""]
        if "log_failure" in event:
            searched += texts(event["log_failure"])
    assert searched
    leaks = [text for text in searched if PIECE in text]
    assert not leaks, leaks[0]


def test_the_search_finds_what_is_there(clock):
    """That the test above can fail: each kind of text is found."""
    world = World(clock)
    world.outcome(defer.fail(redis.ResponseError("ERR " + MARKER)))
    try:
        try:
            MARKER.encode("ascii") + "\u20ac".encode("ascii")
        except UnicodeError as error:
            raise ValueError("x") from error
    except ValueError as error:
        world.see(error)
    error = ValueError("x")
    error.__context__ = UnicodeEncodeError("ascii", MARKER, 0, 1, "no")
    world.see(error)
    found = [thing for thing in world.seen if any(PIECE in text for text in texts(thing))]
    assert len(found) >= 2
