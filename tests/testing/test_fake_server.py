"""``FakeServer``: a program's connections lead to it, its time is the test's, and what goes wrong is scripted."""

from __future__ import annotations

import gc

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher

import txredis_fast as redis
from txredis_fast.testing import FakeServer


@pytest.fixture
def server():
    with FakeServer() as server:
        yield server


@pytest.fixture
def rc(server):
    rc = server.result(redis.connect("redis://cache.internal"))
    yield rc
    server.recover()
    server.result(rc.disconnect(), seconds=10)


@pytest.fixture
def told():
    """The events above debug."""
    events = []

    def keep(event):
        if event["log_level"] > LogLevel.debug and event.get("redis_event"):
            events.append(event)

    globalLogPublisher.addObserver(keep)
    yield events
    globalLogPublisher.removeObserver(keep)


# -- ways in


@pytest.mark.parametrize(
    "connect",
    [
        lambda: redis.connect("redis://cache.internal:7000/3"),
        lambda: redis.connect("unix:///run/redis.sock"),
        lambda: redis.Connection("10.0.0.1", 6379),
        lambda: redis.ConnectionPool("::1", 6379, poolsize=3),
        lambda: redis.UnixConnection("/run/redis.sock"),
        lambda: redis.from_endpoint("tcp:elsewhere:7001"),
    ],
)
def test_every_way_of_connecting_leads_to_the_installed_server(server, connect):
    rc = server.result(connect())
    server.result(rc.set("k", "v"))
    assert server.result(rc.get("k")) == "v"
    server.result(rc.disconnect())
    assert server.sessions == []


def test_an_endpoint_leads_to_the_server_without_installing_it(clock):
    server = FakeServer(clock)
    connecting = redis.from_endpoint(server.endpoint())
    rc = server.result(connecting)
    server.result(rc.set("k", "v"))
    assert server.execute("GET", "k") == b"v"
    server.result(rc.disconnect())


def test_connectors_lead_to_the_server(server):
    factory = redis.RedisFactory(None, None, 1)
    server.reactor.connectTCP("localhost", 6379, factory)
    rc = server.result(factory.deferred)
    assert server.result(rc.ping()) == "PONG"
    server.result(rc.disconnect())
    assert server.sessions == []


def test_the_reactor_is_given_back(monkeypatch):
    monkeypatch.delitem(redis.__dict__, "reactor", raising=False)
    with FakeServer() as server:
        assert redis.reactor is server.reactor
    assert "reactor" not in redis.__dict__
    clock = Clock()
    monkeypatch.setattr(redis, "reactor", clock, raising=False)
    with FakeServer():
        assert redis.reactor is not clock
    assert redis.reactor is clock


def test_leaving_the_block_loses_the_connections():
    with FakeServer() as server:
        server.result(redis.connect(reconnect=False))
        assert len(server.sessions) == 10
    assert server.sessions == []


def test_two_servers_at_once_are_refused_in_words(server):
    with pytest.raises(RuntimeError, match=r"installed already.*uninstall"), FakeServer():
        pass
    assert redis.reactor is server.reactor


def test_importing_the_package_does_not_import_the_room():
    import subprocess
    import sys

    code = (
        "import sys, txredis_fast; print('txredis_fast.testing' in sys.modules); "
        "txredis_fast.testing.FakeServer; print('pytest' in sys.modules, 'twisted.internet.reactor' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout == "False\nFalse False\n"


def test_without_pytest_the_plugin_says_what_to_install():
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "try:\n    import txredis_fast.testing.fixtures\n"
        "except ImportError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "needs pytest: pip install 'txredis-fast[testing]'" in run.stdout
    assert "RedisTestMixin" in run.stdout


# -- time


def test_a_key_expires_when_the_clock_says_so(server, rc):
    server.result(rc.set("k", "v", expire=60))
    server.advance(59.5)
    assert server.result(rc.get("k")) == "v"
    assert server.result(rc.ttl("k")) == 1
    server.advance(0.5)
    assert server.result(rc.get("k")) is None
    assert server.execute("DBSIZE") == 0


def test_a_blocking_pop_waits_by_the_clock(server, rc):
    popping = rc.blpop("queue", timeout=10)
    server.advance(9)
    assert not popping.called
    assert server.result(popping, seconds=2) is None
    popping = rc.blpop("queue", timeout=10)
    server.advance(1)
    server.result(rc.rpush("queue", "job"))
    assert server.result(popping) == ["queue", "job"]


def test_a_result_that_does_not_come_says_what_is_waited_for(server, rc):
    with pytest.raises(AssertionError, match=r"no result within 0 s .* next timer is due in 5 s; .*seconds=N"):
        server.result(rc.blpop("queue", timeout=5))
    server.hang()
    with pytest.raises(AssertionError, match=r"the server hangs, see recover\(\)"):
        server.result(rc.get("k"), seconds=3)


def test_a_coroutine_has_a_result_and_an_error(server, rc):
    async def works():
        await rc.set("k", "v")
        return await rc.get("k")

    async def fails():
        await rc.lpush("k", "x")

    assert server.result(works()) == "v"
    with pytest.raises(redis.WrongTypeError, match="wrong kind of value"):
        server.result(fails())


def test_with_the_real_reactor_it_is_told_to_await():
    from twisted.internet import reactor

    server = FakeServer(reactor)
    for call in (lambda: server.advance(1), lambda: server.result(Deferred())):
        with pytest.raises(RuntimeError, match="await the Deferred"):
            call()


def test_time_does_not_run_backwards(server):
    with pytest.raises(ValueError, match="must not be negative: -1"):
        server.advance(-1)
    with pytest.raises(ValueError, match="must not be negative: -1"):
        server.slow(-1)


# -- failures


def test_connections_are_refused_and_taken_again(server):
    server.refuse()
    with pytest.raises(redis.ConnectionFailedError, match="localhost:6379: connection refused"):
        server.result(redis.connect(), seconds=5)
    rc = redis.connect(lazy=True, poolTimeout=60)
    reading = rc.get("k")
    server.advance(5)
    assert not reading.called
    server.recover()
    assert server.result(reading, seconds=60) is None
    server.result(rc.disconnect())


def test_a_cut_connection_fails_what_is_in_flight_and_comes_back(server, rc):
    server.hang()
    counting = rc.incr("k")
    server.advance(0)
    server.cut()
    with pytest.raises(redis.MaybeExecutedError):
        server.result(counting)
    server.recover()
    assert server.result(rc.incr("k"), seconds=10) == 1


@pytest.mark.parametrize(("executed", "value"), [(True, b"1"), (False, None)])
def test_a_command_whose_reply_is_cut_off_was_executed_or_not(server, rc, executed, value):
    server.cut_next("INCRBY", executed=executed)
    server.result(rc.ping())
    with pytest.raises(redis.MaybeExecutedError):
        server.result(rc.incr("k"))
    assert server.execute("GET", "k") == value
    assert server.result(rc.get("k"), seconds=10) == (None if value is None else "1")


def test_a_server_that_hangs_answers_when_it_recovers(server):
    rc = server.result(redis.connect(replyTimeout=2, reconnect=False, poolsize=1))
    server.hang()
    reading, other = rc.get("k"), rc.set("k", "v")
    server.advance(1)
    assert not reading.called
    server.recover()
    assert server.result(reading) is None
    assert server.result(other) == "OK"
    assert server.result(other) == "OK"
    server.hang()
    with pytest.raises(redis.ReplyTimeoutError):
        server.result(rc.get("k"), seconds=3)
    server.result(rc.disconnect(), seconds=10)


def test_a_slow_server_replies_after_its_seconds(server):
    rc = server.result(redis.connect(poolsize=1))
    server.slow(3)
    first = rc.set("k", "v")
    server.advance(2)
    second = rc.get("k")
    server.advance(0.5)
    assert server.execute("GET", "k") == b"v"
    assert not first.called
    server.advance(0.5)
    assert first.called
    assert not second.called
    assert server.result(second, seconds=2) == "v"
    server.recover()
    server.result(rc.disconnect())


def test_a_reply_to_quit_leaves_before_the_connection_closes(server):
    rc = server.result(redis.connect(poolsize=1, reconnect=False))
    server.slow(3)
    leaving = rc.execute_command("ECHO", "text")
    server.result(rc.disconnect(timeout=10), seconds=20)
    assert server.result(leaving) == "text"


def test_after_quit_the_next_command_says_that_it_was_not_sent_and_why_and_nothing_is_logged(server, told):
    rc = server.result(redis.connect("redis://left.internal:7001", poolsize=1))
    assert server.result(rc.quit()) == "OK"
    with pytest.raises(redis.NotSentError, match="the program has sent QUIT"):
        server.result(rc.get("k"))
    assert told == []


def test_the_loss_of_a_connection_is_an_outage(server, told):
    rc = server.result(redis.connect("redis://lost.internal:7002", poolsize=1))
    server.cut()
    server.advance(0)
    assert [event["redis_event"] for event in told] == ["outage"]
    server.result(rc.disconnect())


def test_the_next_commands_fail_with_an_error(server, rc):
    server.fail_next("LOADING Redis is loading the dataset in memory", times=2)
    for _ in range(2):
        with pytest.raises(redis.LoadingError):
            server.result(rc.get("k"))
    assert server.result(rc.get("k")) is None
    server.fail_next("OOM command not allowed when used memory > 'maxmemory'.", "set")
    assert server.result(rc.get("k")) is None
    with pytest.raises(redis.ResponseError, match=r"^OOM"):
        server.result(rc.set("k", "v"))


def test_an_error_inside_of_a_transaction_ends_it_as_on_a_server(server, rc):
    async def program():
        async with rc.transaction() as t:
            t.set("a", 1)
            t.set("b", 2)

    server.fail_next("OOM no memory", "SET")
    with pytest.raises(redis.RedisError):
        server.result(program())
    assert server.execute("EXISTS", "a", "b") == 0


def test_a_scripted_failure_that_never_happens_is_told():
    with (
        pytest.raises(
            AssertionError, match=r"never happened: cut_next\('INCR'\); the commands that came: PING, INCRBY"
        ),
        FakeServer() as server,
    ):
        server.cut_next("incr")
        rc = server.result(redis.connect(reconnect=False))
        server.result(rc.ping())
        server.result(rc.incr("k"))


# -- what a test asks and scripts


def test_data_is_prepared_and_examined_without_a_connection(server, rc):
    server.execute("HSET", "h", "f", 1)
    assert server.result(rc.hgetall("h")) == {"f": "1"}
    assert server.execute("HGETALL", "h") == [b"f", b"1"]
    server.execute("ZADD", "z", 1.5, "m")
    assert server.execute("ZRANGE", "z", 0, -1, "WITHSCORES") == [b"m", b"1.5"]
    assert server.execute("SET", "k", "v", db=3) == b"OK"
    assert server.execute("GET", "k") is None
    assert server.execute("GET", "k", db=3) == b"v"
    with pytest.raises(redis.WrongTypeError):
        server.execute("GET", "h")
    with pytest.raises(redis.ResponseError, match="unknown command 'NOSUCH'"):
        server.execute("NOSUCH")
    assert server.execute("BLPOP", "nothing", 0) is None


def test_what_a_test_pushes_wakes_a_client(server, rc):
    popping = rc.blpop("queue", timeout=0)
    server.advance(0)
    server.execute("RPUSH", "queue", "job")
    assert server.result(popping) == ["queue", "job"]


def test_what_a_test_changes_is_a_conflict_of_a_watched_key(server, rc):
    async def program():
        async with rc.transaction(watch=["k"]) as t:
            await t.multi()
            t.set("k", "mine")
            server.execute("SET", "k", "theirs")

    with pytest.raises(redis.WatchError):
        server.result(program())
    assert server.execute("GET", "k") == b"theirs"


def test_a_watched_key_that_expires_is_a_conflict(server, rc):
    server.execute("SET", "k", "v", "EX", 10)

    async def program():
        async with rc.transaction(watch=["k"]) as t:
            await t.multi()
            t.set("k", "mine")
            server.clock.advance(11)

    with pytest.raises(redis.WatchError):
        server.result(program())


def test_transact_repeats_after_a_conflict(server, rc):
    server.execute("SET", "k", 1)
    conflicts = iter([5])

    async def double(t):
        value = int(await t.get("k"))
        await t.multi()
        t.set("k", value * 2)
        for each in conflicts:
            server.execute("SET", "k", each)

    server.result(rc.transact(double, "k"), seconds=5)
    assert server.execute("GET", "k") == b"10"


def test_replies_are_scripted(server, rc):
    server.answer("EVALSHA", [1, b"two", None])
    assert server.result(rc.execute_command("EVALSHA", "0" * 40, 0)) == [1, "two", None]
    server.answer("bf.add", lambda key, item: int(item == b"new"))
    assert server.result(rc.execute_command("BF.ADD", "f", "new")) == 1
    server.answer("GET", redis.ResponseError("ERR broken"))
    with pytest.raises(redis.ResponseError, match="ERR broken"):
        server.result(rc.get("k"))
    server.answer("GET", object())
    with pytest.raises(TypeError, match="a reply is None, int"):
        server.execute("GET", "k")


@pytest.mark.parametrize("name", ["EVAL", "XADD", "CONFIG", "ZUNION", "HPEXPIREAT", "WAIT"])
def test_a_command_that_only_real_servers_have_says_what_to_do(server, rc, name):
    with pytest.raises(redis.ResponseError, match=rf"FakeServer does not have {name}, .* answer\('{name}', \.\.\.\)"):
        server.result(rc.execute_command(name, "x"))


def test_the_commands_that_came_are_kept(server, rc):
    server.result(rc.set("k", "v"))
    assert server.commands[-1] == [b"SET", b"k", b"v"]
    server.flush()
    assert list(server.commands) == []
    assert server.execute("DBSIZE") == 0


def test_random_choices_are_those_of_the_seed():
    def popped(seed):
        server = FakeServer(seed=seed)
        server.execute("SADD", "s", *range(100))
        return [server.execute("SPOP", "s") for _ in range(10)]

    assert popped(1) == popped(1)
    assert popped(1) != popped(2)


# -- login, databases, protocol


def test_a_password_is_needed():
    with FakeServer(password="secret") as server:
        with pytest.raises(redis.AuthenticationError, match="NOAUTH"):
            server.result(server.result(redis.connect(poolsize=1)).get("k"), seconds=5)
        with pytest.raises(redis.ConnectionFailedError, match="WRONGPASS"):
            server.result(redis.connect(password="wrong-one"), seconds=5)
        rc = server.result(redis.connect("redis://default:secret@h/2"))
        server.result(rc.set("k", "v"))
        assert server.execute("GET", "k", db=2) == b"v"


def test_hello_is_accepted_or_unknown():
    assert FakeServer().execute("HELLO", 3)[4:6] == [b"proto", 3]
    with pytest.raises(redis.ResponseError, match="unknown command 'HELLO'"):
        FakeServer(hello=False).execute("HELLO", 3)


def test_what_is_no_resp_ends_the_connection(server):
    from twisted.internet.protocol import ClientFactory, Protocol

    came = []

    class Client(Protocol):
        def connectionMade(self):
            self.transport.write(b"?GET / HTTP/1.1\r\n\r\n")

        def dataReceived(self, data):
            came.append(data)

        def connectionLost(self, reason):
            came.append("lost")

    factory = ClientFactory.forProtocol(Client)
    factory.noisy = False
    server.reactor.connectTCP("h", 6379, factory)
    server.advance(0)
    assert came[0].startswith(b"-ERR Protocol error")
    assert came[-1] == "lost"
    assert server.sessions == []


# -- publishing and subscribing


def test_a_subscriber_gets_messages_also_after_a_cut(server, rc):
    came = []

    class News(redis.SubscriberProtocol):
        def messageReceived(self, pattern, channel, message):
            came.append((pattern, channel, message))

    factory = redis.SubscriberFactory()
    factory.protocol = News
    connected = factory.deferred
    factory.startConnecting(server.endpoint())
    subscriber = server.result(connected)
    server.result(subscriber.subscribe("news"))
    server.result(subscriber.psubscribe("n*"))
    assert server.result(rc.publish("news", "one")) == 2
    server.advance(0)
    assert came == [(None, "news", "one"), ("n*", "news", "one")]
    server.cut()
    server.advance(30)
    assert server.execute("PUBLISH", "news", "two") == 2
    server.advance(0)
    assert came[2:] == [(None, "news", "two"), ("n*", "news", "two")]
    server.result(factory.disconnect(), seconds=10)


# -- bounds


def test_nothing_is_left_after_a_test():
    with FakeServer() as server:
        rc = server.result(redis.connect())
        for number in range(100):
            server.result(rc.set("k", number, expire=5))
        server.result(rc.disconnect())
    assert server.clock.getDelayedCalls() == []
    gc.collect()


def test_large_values_and_pipelines_pass(server, rc):
    value = b"x" * 300_000
    server.result(rc.set("k", value))
    assert server.result(rc.raw.get("k")) == value
    assert server.result(rc.batch([("SET", f"k{n}", n) for n in range(20_000)]), seconds=10)[-1] == "OK"
    assert server.execute("DBSIZE") == 20_001
    assert len(server.commands) == 10_000
