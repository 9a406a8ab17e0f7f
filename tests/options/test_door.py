"""The door: every option is judged where it comes in, by every way in; what passes harms nothing later.

Each option of each constructor and factory is given a list of nasty values. It is refused at once, by an error that
names it; or all that can happen to a connection happens (its handshake, commands, a reply that is overdue, an abort, a
lost connection, a health check, a blocking command, the end), and nothing is logged, nothing raises in a timer, and
nothing waits for ever.
"""

from __future__ import annotations

import contextlib
import dataclasses
import decimal
import enum
import fractions
import inspect
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from testbed.extent import extent, some
from testbed.scripted import MemoryEndpoint, Session, settle
from testbed.support import connect, failed
from testbed.wire import array
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError

import txredis_fast as redis
from txredis_fast import _checks as checks
from txredis_fast.options import ConnectionOptions
from txredis_fast.resp import encode_command

pytestmark = pytest.mark.promise(
    "An accepted option causes no exception later; a wrong option raises at once, and the error names it",
    about="Connections",
)


class Hostile:
    """Raises whatever is asked of it."""

    __hash__ = object.__hash__

    def _raise(self, *args):
        raise LookupError("asked of a hostile object")

    __str__ = __repr__ = __eq__ = __bool__ = __len__ = __iter__ = __index__ = __float__ = __lt__ = __fspath__ = _raise
    __format__ = __getitem__ = __bytes__ = __contains__ = __gt__ = __le__ = __ge__ = _raise

    def __getattr__(self, name):
        raise LookupError("asked of a hostile object")


class Numpy:
    """As numpy's integers are."""

    def __index__(self):
        return 5


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 5


NASTY = {
    "None": None,
    "True": True,
    "False": False,
    "0": 0,
    "-1": -1,
    "0.5": 0.5,
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "10**30": 10**30,
    "10**5000": 10**5000,
    "empty": "",
    "x": "x",
    "'5'": "5",
    "b'5'": b"5",
    "surrogate": "\udc80",
    "NUL": "\0",
    "list": [],
    "dict": {},
    "list of None": [None],
    "dict of None": {"max_depth": None},
    "object": object(),
    "hostile": Hostile(),
    "numpy": Numpy(),
    "enum": Colour.RED,
    "int enum": Level.LOW,
    "Decimal": decimal.Decimal(5),
    "Decimal nan": decimal.Decimal("nan"),
    "Fraction": fractions.Fraction(1, 2),
    "complex": 5j,
    "function": lambda: 5,
    "class": int,
}

FIELDS = [field.name for field in dataclasses.fields(ConnectionOptions)]


class TurnedEndpoint(MemoryEndpoint):
    """As Twisted's own: what a factory raises when it builds a protocol is why the attempt has failed."""

    def connect(self, factory):
        connecting = Deferred()

        class Built:
            def buildProtocol(self, address):
                try:
                    return factory.buildProtocol(address)
                except Exception:
                    connecting.errback()
                    return None

        def end(result):
            if not connecting.called:
                connecting.callback(result)
            else:
                result.trap(ConnectionRefusedError)

        attempt = super().connect(Built())
        attempt.addBoth(end)
        connecting._canceller = lambda _: attempt.cancel()
        return connecting


def server(session):
    while True:
        args = yield
        name = args[0].upper()
        if args[-1] == b"silence":
            continue
        if name == b"SENTINEL":
            what = args[1].upper()
            state = [
                b"name",
                b"m",
                b"ip",
                b"127.0.0.1",
                b"port",
                b"6379",
                b"flags",
                b"master",
                b"num-other-sentinels",
                b"2",
            ]
            if what == b"GET-MASTER-ADDR-BY-NAME":
                session.send(encode_command([b"127.0.0.1", b"6379"]))
            elif what == b"MASTERS":
                session.send(b"*1\r\n" + encode_command(state))
            elif what == b"MASTER":
                session.send(encode_command(state))
            else:
                session.send(b"*0\r\n")
        elif name == b"ROLE":
            session.send(b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")
        elif name == b"CLIENT" and args[1].upper() == b"ID":
            session.send(b":7\r\n")
        elif name == b"BLPOP":
            session.send(b"*-1\r\n")
        elif name == b"PING":
            session.send(b"+PONG\r\n")
        elif name == b"SUBSCRIBE":
            session.send(array("subscribe", args[1], b":1\r\n"))
        else:
            session.send(b"+OK\r\n")


class World:
    """A package whose connections all end at one server in memory."""

    def __init__(self, clock, monkeypatch):
        self.clock = clock
        self.endpoint = TurnedEndpoint(lambda: Session(server, clock), clock)
        for module in ("api.constructors", "sentinel.manager", "sentinel.factory"):
            monkeypatch.setattr(f"txredis_fast.{module}.tcp_endpoint", lambda *args: self.endpoint)
        monkeypatch.setattr("txredis_fast.api.constructors.unix_endpoint", lambda *args: self.endpoint)

    def pass_time(self, seconds, step=0.5):
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            settle(self.clock)

    def live_through(self, made):
        """All that can happen to connections; every Deferred must have fired, and no timer be left."""
        clock, waiting = self.clock, []
        settle(clock)
        handlers = []
        if isinstance(made, Deferred):
            made.addBoth(handlers.append)
            waiting.append(made)
            settle(clock)
            assert handlers, "a first connection waits for ever"
        else:
            handlers.append(made)
        (handler,) = handlers
        assert hasattr(handler, "disconnect"), f"no handler but {handler!r}"
        waiting += [handler.get("k"), handler.get("silence"), handler.set("k", "v", expire=1)]
        settle(clock)
        for connection in connections(handler):
            connection.transport
        self.pass_time(3)
        for connection in connections(handler):
            connection.link.abort(redis.ConnectionError("of the test"))
        settle(clock)
        waiting.append(handler.get("k"))
        self.pass_time(2)
        for link in self.endpoint.alive:
            link.reset()
        waiting.append(handler.get("k"))
        self.pass_time(2)
        if hasattr(handler, "multi"):
            waiting += [handler.blpop("k", 1), handler.multi(), handler.batch([("GET", "k")])]
            settle(clock)
        self.pass_time(40, 4)
        waiting.append(handler.disconnect())
        self.pass_time(12, 2)
        for deferred in waiting:
            deferred.addErrback(lambda failure: failure.trap(redis.RedisError) and None)
            assert deferred.called, "something waits for ever"
        return handler

    def live_briefly(self, made):
        """As far as the ways in differ: a connection is made, used and ended."""
        settle(self.clock)
        handlers = [made]
        if isinstance(made, Deferred):
            handlers.clear()
            made.addCallback(handlers.append)
        waiting = [handlers[0].get("k")]
        settle(self.clock)
        waiting.append(handlers[0].disconnect())
        self.pass_time(12, 4)
        for deferred in waiting:
            deferred.addErrback(lambda failure: failure.trap(redis.RedisError) and None)
            assert deferred.called, "something waits for ever"


def connections(handler):
    nodes = handler._ring.nodes if isinstance(handler, redis.ShardedConnectionHandler) else [handler]
    return [connection for node in nodes for connection in list(node._factory.pool)]


@pytest.fixture
def world(clock, monkeypatch):
    return World(clock, monkeypatch)


def by_constructor(name):
    def make(world, options):
        given = ["/run/r.sock"] if "Unix" in name else ["h:6379"]
        return getattr(redis, name)(*([given] if "Sharded" in name else []), **options)

    return make


def by_factory(cls):
    def make(world, options):
        options = dict(options)
        args = () if cls is not redis.RedisFactory else ("u", options.pop("dbid", None), options.pop("poolsize", 1))
        factory = cls(*args, isLazy=True, **options)
        factory.startConnecting(world.endpoint)
        return factory.handler

    return make


def by_sentinel(world, options):
    manager = redis.Sentinel([("127.0.0.1", 26379)], **options)
    settle(world.clock)
    manager.discover_master("m").addErrback(lambda failure: failure.trap(redis.RedisError) and None)
    settle(world.clock)
    (handler,) = manager.sentinels
    return handler


def by_service(method):
    def make(world, options):
        manager = redis.Sentinel([("127.0.0.1", 26379)])
        try:
            handler = getattr(manager, method)("m", **options)
        except Exception:
            manager.disconnect()
            raise
        handler._factory.whenever = manager
        plain = handler.disconnect

        def disconnect():
            manager.disconnect()
            return plain()

        handler.disconnect = disconnect
        return handler

    return make


CONSTRUCTORS = [
    f"{lazy}{sharded}{unix}Connection{pool}"
    for lazy in ("", "lazy")
    for sharded in ("", "Sharded")
    for unix in ("", "Unix")
    for pool in ("", "Pool")
]

WAYS = {
    **{name: by_constructor(name) for name in CONSTRUCTORS},
    "RedisFactory": by_factory(redis.RedisFactory),
    "SubscriberFactory": by_factory(redis.SubscriberFactory),
    "MonitorFactory": by_factory(redis.MonitorFactory),
    "Sentinel": by_sentinel,
    "master_for": by_service("master_for"),
    "slave_for": by_service("slave_for"),
    "from_endpoint": lambda world, options: redis.from_endpoint(world.endpoint, isLazy=True, **options),
    "from_url": lambda world, options: redis.from_url("redis://h", **options),
    "from_url of Sentinels": lambda world, options: redis.from_url("redis+sentinel://h/m", isLazy=True, **options),
}


def tried(make, *args, **kwargs):
    """What was made and None; or None and the words in which that was refused."""
    try:
        return make(*args, **kwargs), None
    except ValueError as error:
        return None, str(error)


def takes(way, name):
    """Whether there is such an option there; what the endpoint has, ``from_endpoint`` refuses by name."""
    if way in ("RedisFactory", "SubscriberFactory", "MonitorFactory") and name == "reconnect":
        return False  # an attribute
    if "Factory" in way:
        named = set(inspect.signature(redis.RedisFactory).parameters)
        if way != "RedisFactory":
            named = set(inspect.signature(getattr(redis, way)).parameters)
        return name in named
    if name == "poolsize" and (way == "Sentinel" or (way in CONSTRUCTORS and "Pool" not in way)):
        return False
    if "Unix" in way and name == "ssl_context_factory":
        return False
    return not (
        way == "from_endpoint" and (name.startswith("tls") or name in ("ssl_context_factory", "connectTimeout"))
    )


def refuses_or_survives(world, way, name, live):
    """Try each nasty value of an option: it is refused by name, or ``live`` ends well."""
    for label, value in NASTY.items():
        made, refused = tried(WAYS[way], world, {name: value})
        if refused is not None:
            assert name.lower() in refused.lower(), f"{name}={label}: {refused}"
            continue
        live(made)
        assert not world.clock.getDelayedCalls(), f"{name}={label}: {world.clock.getDelayedCalls()}"


#: The whole life of a connection is led by one way of each kind.
THOROUGH = (
    "lazyConnection", "UnixConnection", "lazyShardedConnection", "RedisFactory", "SubscriberFactory", "MonitorFactory",
    "Sentinel", "master_for", "from_url of Sentinels",
)  # fmt: skip


@pytest.mark.once
@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("way", THOROUGH)
def test_a_nasty_value_is_refused_by_name_or_harms_nothing(way, name, world, logged_errors):
    if not takes(way, name):
        pytest.skip("there is no such option")
    refuses_or_survives(world, way, name, world.live_through)


@pytest.mark.once
@pytest.mark.parametrize("way", some(sorted(WAYS.keys() - set(THOROUGH))))
def test_every_way_in_is_a_door(way, world, logged_errors):
    for name in FIELDS:
        if takes(way, name):
            refuses_or_survives(world, way, name, world.live_briefly)


def test_the_table_has_every_option_and_every_way_in():
    assert len(CONSTRUCTORS) == 16 and all(hasattr(redis, name) for name in CONSTRUCTORS)
    assert {name for name in FIELDS if any(takes(way, name) for way in WAYS)} == set(FIELDS)


# -- what is no option of a connection


@pytest.mark.parametrize("label", NASTY)
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(redis.RetryPolicy)])
def test_a_retry_policy_is_judged_at_once(name, label):
    with contextlib.suppress(ValueError):
        policy = redis.RetryPolicy(**{name: NASTY[label]})
        delays = [policy.delay_after(attempt) for attempt in (1, 2, 100, 10**6)]
        assert all(math.isfinite(delay) for delay in delays)
        assert policy.repeats(redis.NotSentError(), False) is True


@pytest.mark.parametrize("name", ["maxPendingMessages", "maxConcurrentMessages", "slowConsumer"])
@pytest.mark.parametrize("label", NASTY)
def test_the_bounds_of_a_subscriber_are_judged_at_once(name, label, clock):
    factory, refused = tried(redis.SubscriberFactory, True, **{name: NASTY[label]})
    if refused is not None:
        assert name in refused
        return
    transport = connect(factory.buildProtocol(None))
    transport.protocol.subscribe("c")
    transport.protocol.dataReceived(
        b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n"
    )


@pytest.mark.parametrize("label", NASTY)
def test_a_host_a_port_and_a_path_are_judged_at_once(label, world):
    value = NASTY[label]
    handler = redis.lazyConnection()
    for name, make in (
        ("host", lambda: redis.lazyConnection(value)),
        ("port", lambda: redis.lazyConnection("h", value)),
        ("path", lambda: redis.lazyUnixConnection(value)),
        ("paths", lambda: redis.lazyShardedUnixConnection([value])),
        ("host", lambda: redis.lazyShardedConnection([value])),
        ("sentinel_addresses", lambda: redis.Sentinel([("h", value)])),
        ("sentinel_addresses", lambda: redis.Sentinel([(value, 1)])),
        ("sentinel_addresses", lambda: redis.Sentinel([value])),
        ("sentinel_addresses", lambda: redis.Sentinel(value)),
        ("min_other_sentinels", lambda: redis.Sentinel([], value)),
        ("service_name", lambda: redis.Sentinel([]).master_for(value)),
        ("endpoint", lambda: redis.from_endpoint(value)),
        ("isLazy", lambda: redis.from_endpoint(world.endpoint, isLazy=value)),
        ("URL", lambda: redis.from_url(value)),
        ("seconds", lambda: handler.withTimeout(value)),
    ):
        made, refused = tried(make)
        if refused is not None:
            assert name in refused, f"{name}: {refused}"
        elif isinstance(made, Deferred):
            made.cancel()
            made.addErrback(lambda failure: failure.trap(redis.RedisError, CancelledError) and None)
        elif name != "seconds":
            made.disconnect()
        settle(world.clock)


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("localhost:7202", "from_url"),
        ("redis://:s3cret@h", "from_url"),
        ("u:s3cret@h", "from_url"),
        ("/run/redis.sock", "from_url"),
        ("[::1]:6379", "port"),
        ("[::1", "port"),
        ("a b", "characters"),
        ("a\n", "characters"),
        ("a..b", "length"),
        ("a" * 64, "length"),
        ("a." * 130, "length"),
        ("ü" * 64, "length"),
        ("fe80::1%", "port"),
        ("", "characters"),
    ],
)
def test_what_is_no_host_is_told_without_showing_it(host, says):
    with pytest.raises(ValueError, match=says) as caught:
        redis.lazyConnection(host)
    assert "host must be a host name or an address" in str(caught.value) and "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "judged"),
    [
        ("localhost", "localhost"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("[::1]", "::1"), (b"h", "h"),
        ("fe80::1%eth0", "fe80::1%eth0"), ("redis_1.example.", "redis_1.example."),
        ("bücher.example", "bücher.example"),
        ("LOCALHOST", "LOCALHOST"),
    ],
)  # fmt: skip
def test_hosts(host, judged):
    assert checks.check_host("host", host) == judged


@pytest.mark.parametrize(
    "port", [0, -1, 65536, 70000, 7134.0, "0", "70000", "6379x", "٣", "+1", "1_0", None, b"1", True]
)
def test_what_is_no_port_is_refused(port):
    for make in (lambda: redis.lazyConnection("h", port), lambda: redis.Sentinel([("h", port)])):
        with pytest.raises(ValueError, match="must be a number from 1 to 65535"):
            make()


def test_a_port_may_be_digits(world):
    factory = redis.lazyConnection("127.0.0.1", "7202")._factory
    assert factory.uuid == "127.0.0.1:7202"
    factory.disconnect()


def test_the_path_of_a_socket_has_a_longest_length(world):
    longest = "/" + "a" * (checks._LONGEST_PATH - 1)
    redis.lazyUnixConnection(longest).disconnect()
    for wrong in (longest + "a", "/" + "ü" * 60, "/a\0b", ""):
        with pytest.raises(ValueError, match="path"):
            redis.lazyUnixConnection(wrong)
        with pytest.raises(ValueError, match="paths"):
            redis.lazyShardedUnixConnection(["/good", wrong])
    with pytest.raises(ValueError, match="path in the URL"):
        redis.from_url("unix://" + longest + "a")


@pytest.mark.parametrize(
    "charset", ["utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig", "cp037", "cp500", "punycode", "idna"]
)
def test_a_charset_that_does_not_contain_ascii_is_refused(charset):
    for make in (redis.lazyConnection, redis.RedisProtocol, redis.ConnectionOptions, redis.SubscriberFactory):
        with pytest.raises(ValueError, match="charset must be an encoding that contains ASCII"):
            make(charset=charset)


@pytest.mark.parametrize(
    "charset", ["utf-8", "UTF8", "latin-1", "ascii", "cp1252", "shift_jis", "euc-jp", "gbk", "big5", "koi8-r"]
)
def test_every_charset_that_contains_ascii_is_taken_and_keywords_are_ascii(charset, both):
    protocol = redis.RedisProtocol(charset=charset)
    transport = connect(protocol)
    protocol.set("k", "v", expire=5, only_if_not_exists=True)
    protocol.zrangebyscore("z", "-inf", "(1.5", withscores=True, offset=0, count=1)
    protocol.scan(0, "a*", 10)
    words = transport.take().split(b"\r\n")
    assert {b"EX", b"NX", b"-inf", b"(1.5", b"WITHSCORES", b"LIMIT", b"MATCH", b"a*", b"COUNT"} <= set(words)


# -- attributes that programs set later


LATER = [
    *("initialDelay", "maxDelay", "factor", "jitter", "spread", "poolTimeout", "blockingIdleTime", "disconnectTimeout"),
    *("healthCheckInterval", "connectTimeout", "password", "username", "dbid", "replyTimeout", "charset"),
]


@pytest.mark.parametrize("name", LATER)
def test_an_attribute_set_later_raises_in_no_timer(name, world, logged_errors):
    for label, value in NASTY.items():
        factory = redis.RedisFactory("u", None, 1, True, poolTimeout=3)
        setattr(factory, name, value)
        factory.startConnecting(world.endpoint)
        settle(world.clock)
        for connection in connections(factory.handler):
            connection.transport.loseConnection()
        waiting = [factory.handler.get("k"), factory.handler.blpop("k", 1)]
        world.pass_time(4)
        for delay in (factory.retryDelay(1), factory.retryDelay(50)):
            assert delay >= 0 and math.isfinite(delay), label
        waiting.append(factory.disconnect())
        world.pass_time(12, 2)
        for deferred in waiting:
            deferred.addErrback(lambda failure: failure.trap(redis.RedisError, ValueError) and None)
            assert deferred.called, label
        assert not world.clock.getDelayedCalls(), label


@pytest.mark.parametrize("label", NASTY)
def test_the_time_of_a_disconnect_is_judged_at_once(label, world):
    factory = redis.RedisFactory("u", None, 1, True)
    factory.startConnecting(world.endpoint)
    settle(world.clock)
    ended = factory.handler.disconnect(timeout=NASTY[label])
    world.pass_time(1)
    if not factory.disconnectCalled:
        assert "timeout must be a finite number of seconds" in str(failed(ended, ValueError))
        factory.disconnect()
        settle(world.clock)
    assert ended.called


# -- URLs


SECRET = "hunter2-Zq"

PIECES = st.sampled_from(
    [*"/:@?#[]%&=,.; \n\t\\", "//", "://", "redis", "rediss", "unix", "redis+sentinel", "REDIS", "http", "user", "host",
     "6379", "0", "99999", "::1", "fe80::1%25eth0", "%2F", "%40", "%ff", "%zz", "db=1", "dbid=2", "charset=",
     "password=", "replyTimeout=nan", "tls=1", "ü", "\udc80", "\0"]
)  # fmt: skip


@settings(deadline=None, max_examples=extent(600, 60))
@given(st.lists(PIECES, max_size=12), st.lists(PIECES, max_size=8))
def test_a_url_of_any_kind_is_read_or_refused_without_the_password(before, after):
    check_url("".join([*before, SECRET, *after]))


MANGLED = st.tuples(
    st.sampled_from(["redis://", "redis:/", "redis:", "redis//", "//", "/", "", "redis ://", "Redis://", "rediss://",
                     "redis+sentinel://", "unix://", " redis://", "redis:///", "valkey://"]),
    st.sampled_from(["user:", ":", "", "us/er:", "us?er:", "us#er:", "u[:", "üser:", "u@:"]),
    st.sampled_from([SECRET, f"a/{SECRET}", f"{SECRET}#b", f"a?{SECRET}", f"a@{SECRET}", f"{SECRET}:b", f"1?{SECRET}=",
                     f"{SECRET}&x", f"1/{SECRET}", f"1?charset={SECRET}", f"1?{SECRET}&charset",
                     f"[{SECRET}]", f"%{SECRET}"]),
    st.sampled_from(["@", "", "%40", " ", "@@"]),
    st.sampled_from(["host", "", "[::1]", "host:6379", "a,b", "[::1", "host:port", "h:0", "host:6379:1"]),
    st.sampled_from(["", "/", "/0", "/x", "/m/0", "?db=1", "/1?db=2", "?charst=x", "?charset=x&charset=y",
                     "?%ff=1", "#x"]),
)  # fmt: skip


@settings(deadline=None, max_examples=extent(600, 60))
@given(MANGLED)
def test_a_misspelt_url_does_not_tell_the_password(parts):
    check_url("".join(parts))


@settings(deadline=None, max_examples=extent(300, 30))
@given(st.text(max_size=60))
def test_any_text_is_a_url_or_a_ValueError(text):
    check_url(text)
    check_url(f"redis://{text}")


def check_url(url):
    parsed = error = None
    try:
        parsed = redis.RedisURL.parse(url)
    except Exception as caught:
        error = caught
    if error is None:
        assert parsed.scheme in ("redis", "rediss", "unix", "redis+sentinel")
        details = any(name.startswith("tls_") for name in parsed.options)
        with contextlib.suppress(ValueError):  # options that do not go together
            ConnectionOptions(**{**parsed.options, "tls": True} if details else parsed.options)
    else:
        assert type(error) is ValueError
        assert SECRET not in str(error) + repr(error.__context__) + repr(error.__cause__)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis:/user:s3cret@host", "begins with one of"),
        ("redis//user:s3cret@host", "begins with one of"),
        ("//user:s3cret@host", "begins with one of"),
        ("user:s3cret@host", "begins with one of"),
        ("s3cret://host", "begins with one of"),
        ("host:6379", "begins with one of"),
        (" redis://:s3cret@host", "spaces"),
        ("redis://:s3c ret@host", "spaces"),
        ("redis://:s3cret@host\n", "spaces"),
        ("redis://a,b", "one host"),
        ("redis://h:0", "from 1 to 65535"),
        ("redis://h:65536", "from 1 to 65535"),
        ("redis://h/1?db=2", "two databases"),
        ("redis://h/1?dbid=2", "two databases"),
        ("redis://h?db=1&dbid=1", "dbid twice"),
        ("redis://h?charset=ascii&charset=ascii", "charset twice"),
        ("redis://h/1_0", "the number of a database"),
        ("redis://h#s3cret", "fragment"),
        ("redis://u:s3cret#x@h", "percent-encoded"),
        ("redis://::1", "brackets"),
        ("redis://[::1]x", "address"),
        ("redis://[fe80::1%25]", "address"),
        ("redis://h?replyTimeout=nan", "^replyTimeout in the URL must be a number of seconds, 0 or more, or none$"),
        ("redis://h?replyTimeout=-1", "replyTimeout"),
        ("redis://h?poolsize=0", "^poolsize in the URL must be a whole number, 1 or more$"),
        ("redis://h?poolsize=1e9", "poolsize"),
        ("redis://h?charset=utf-16", "a text encoding that contains ASCII"),
        ("redis://h?clientName=a+b", "clientName in the URL must be visible ASCII"),
        ("redis://h?whenFull=x", "must be wait or fail"),
        ("redis://h?strict=maybe", "true or false"),
        ("redis://h?undecodable=strict", "^undecodable in the URL must be replace, error or none$"),
        ("redis://h?convertNumbers=few", "true, false or exact"),
        ("redis://h?maxInFlight=0", "a whole number, 1 or more, or none"),
        ("redis://h?maxBlockingConnections=-1", "a whole number, 0 or more, or none"),
        ("redis://h?connectTimeout=0", "a number of seconds above 0, or none"),
        ("redis://h?disconnectTimeout=none", "must be a number of seconds, 0 or more$"),
        ("redis://h?dbid=-1", "the number of a database, 0 or more"),
        ("redis://h?%ff=1", "UTF-8"),
        ("redis+sentinel://a,,b/m", "empty"),
        ("redis+sentinel://a/%ff", "UTF-8"),
        ("redis://host?password=s3cret", "unknown option"),
    ],
)
def test_what_is_wrong_with_a_url(url, says):
    with pytest.raises(ValueError, match=says) as caught:
        redis.RedisURL.parse(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "addresses", "options"),
    [
        ("REDIS://h", (("h", 6379),), {}),
        ("redis://h/0?clientName=a@b", (("h", 6379),), {"dbid": 0, "clientName": "a@b"}),
        ("redis://u:p@h?tls_host=x.example&tls=1", (("h", 6379),), {
            "username": "u", "password": "p", "tls": True, "tls_host": "x.example"}),
        ("redis://[fe80::1%25eth0]:7", (("fe80::1%eth0", 7),), {}),
        ("redis://[fe80::1%eth0]", (("fe80::1%eth0", 6379),), {}),
        ("redis://:p%ff@h", (("h", 6379),), {"password": b"p\xff"}),
        ("redis://%ff@h", (("h", 6379),), {"username": b"\xff"}),
        ("redis://nobody@h", (("h", 6379),), {"username": "nobody"}),
        ("redis://h/2?db=2", (("h", 6379),), {"dbid": 2}),
        ("redis://u:a:b@h", (("h", 6379),), {"username": "u", "password": "a:b"}),
        ("redis+sentinel://a,b:1/m@x/3?db=3", (("a", 26379), ("b", 1)), {"dbid": 3}),
        ("unix:///run/a@b.sock", (), {}),
    ],
)  # fmt: skip
def test_urls_that_are_read(url, addresses, options):
    parsed = redis.RedisURL.parse(url)
    assert parsed.addresses == addresses
    assert dict(parsed.options) == options


def test_an_at_sign_behind_the_host_is_no_end_of_credentials():
    assert redis.RedisURL.parse("unix:///run/a@b.sock").path == "/run/a@b.sock"
    assert redis.RedisURL.parse("redis+sentinel://h/m@x").service == "m@x"


# -- numbers


@pytest.mark.parametrize(
    "value", [1, 1.5, 10**30, decimal.Decimal("1.5"), fractions.Fraction(3, 2), Numpy(), Level.LOW]
)
def test_numbers_of_every_type_are_kept_as_int_or_float(value):
    judged = checks.check_seconds("n", value)
    assert type(judged) in (int, float)
    assert judged == (5 if isinstance(value, Numpy) else value)


@pytest.mark.parametrize("label", NASTY)
def test_a_checker_raises_ValueError_only(label):
    value = NASTY[label]
    for check in (
        checks.check_seconds, checks.check_count, checks.check_number, checks.check_flag, checks.check_truth,
        checks.check_host, checks.check_port, checks.check_path, checks.check_credential, checks.check_client_name,
        checks.check_charset, checks.check_address, checks.check_callable,
    ):  # fmt: skip
        with contextlib.suppress(ValueError):
            check("name", value)
    assert checks.number_or(value, 7) == 7 or checks.number_or(value, 7) >= 0
    assert checks.shown(value)


def test_an_address_tells_its_host():
    assert IPv4Address("TCP", *checks.check_address("a", ["h", 1])) == IPv4Address("TCP", "h", 1)
