"""The ways in: signatures, URLs, endpoints, install()."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands.additions import ADDITIONS
from testbed.support import MemoryReactor, connect, failed, fired
from testbed.wire import command

import txredis_fast as redis
from txredis_fast.options import ConnectionOptions, RedisURL

SIGNATURES = Path(__file__).parent / "data" / "txredisapi-1.6.0-signatures.txt"


@pytest.fixture
def reactor(monkeypatch):
    reactor = MemoryReactor()
    monkeypatch.setattr(redis, "reactor", reactor, raising=False)
    return reactor


def connect_first(reactor):
    """Accept the first connection over TCP; returns its transport."""
    reactor.advance(0)
    return connect(reactor.tcpClients[0][2].buildProtocol(None))


# -- signatures


def _records():
    """Yield (class name or None, bases, attribute or function name, signature or value)."""
    owner = None
    for line in SIGNATURES.read_text().splitlines():
        if match := re.fullmatch(r"class (\w+)\((.*)\)", line):
            owner = match[1]
            yield "class", owner, None, [base.strip() for base in match[2].split(",")]
        elif match := re.fullmatch(r"def (\w+)(\(.*\))", line):
            yield "function", None, match[1], match[2]
        elif match := re.fullmatch(r"    (\w+)(\(.*\))", line):
            yield "method", owner, match[1], match[2]
        elif match := re.fullmatch(r"    (\w+) = (.*)", line):
            yield "attribute", owner, match[1], match[2]
        else:
            assert line.startswith("#"), line


RECORDS = list(_records())


def _old_signature(text):
    text = re.sub(r": Union\[.*?\](?= =)", "", text)
    text = re.sub(r"<class 'txredisapi\.(\w+)'>", r"redis.\1", text)
    namespace = {"redis": redis}
    exec(f"def f{text}: pass", namespace)
    return inspect.signature(namespace["f"])


def _check(ours, theirs_text):
    theirs = _old_signature(theirs_text)
    ours_name, ours = ours.__name__, inspect.signature(ours)
    mine = list(ours.parameters.values())
    old = [(p.name, p.kind, p.default) for p in theirs.parameters.values()]
    new = [(p.name, p.kind, p.default) for p in mine if p.kind != p.KEYWORD_ONLY]
    for (name, kind, default), ours_here in zip(old, new, strict=False):
        # What must be given there may be left out here: unsubscribe() leaves all channels.
        assert ours_here == (name, kind, ours_here[2] if default is inspect.Parameter.empty else default)
    assert len(new) >= len(old)
    added = {p.name for p in mine} - set(theirs.parameters)
    by_keyword = [p.kind in (p.KEYWORD_ONLY, p.VAR_KEYWORD) for p in mine if p.name in added]
    assert all(by_keyword) or ours_name in ADDITIONS


def _id(record):
    return ".".join(part for part in record[:3] if part)


@pytest.mark.parametrize("record", RECORDS, ids=_id)
def test_every_public_name_of_txredisapi_is_there_with_its_signature(record):
    kind, owner, name, rest = record
    if kind == "function":
        _check(getattr(redis, name), rest)
        return
    cls = getattr(redis, owner)
    if kind == "class":
        names = {base.__name__ for base in cls.__mro__}
        wanted = {"RedisProtocol" if base == "HiredisProtocol" else base for base in rest}
        wanted = {"Protocol" if base == "Protocol" else base for base in wanted}
        assert wanted <= names | {"object"}
        if owner.endswith(("Error", "Response", "Data", "Exist", "Running")):
            assert cls.__bases__[0].__name__ == rest[0]
    elif kind == "attribute":
        assert repr(getattr(cls, name)) == rest
    else:
        _check(getattr(cls, name), rest)


def test_no_exception_is_or_derives_from_a_builtin_of_the_same_name():
    import builtins

    for name in ("ConnectionError", "TimeoutError"):
        assert not issubclass(getattr(redis, name), getattr(builtins, name))


# -- options and URLs


@pytest.mark.parametrize(
    "wrong",
    [
        {"dbid": "1"},
        {"poolsize": 1.5},
        {"poolsize": 0},
        {"replyTimeout": "soon"},
        {"connectTimeout": -1},
        {"poolTimeout": "never"},
        {"poolTimeout": -1},
        {"charset": "no-such-charset"},
        {"convertNumbers": "sometimes"},
        {"undecodable": "strict"},
        {"undecodable": True},
        {"limits": {"max_depht": 3}},
    ],
)
def test_constructors_refuse_wrong_options_at_once(reactor, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)) if "limits" not in wrong else "max_depht"):
        redis.lazyConnection("127.0.0.1", **wrong) if "poolsize" not in wrong else redis.lazyConnectionPool(**wrong)
    assert reactor.tcpClients == []


def test_the_password_is_in_no_repr():
    options = ConnectionOptions(password="s3cret", username="u")
    url = RedisURL.parse("redis://u:s3cret@h/1")
    assert "s3cret" not in repr(options) + repr(url)


@pytest.mark.parametrize(
    ("url", "addresses", "options"),
    [
        ("redis://localhost", (("localhost", 6379),), {}),
        ("redis://", (("localhost", 6379),), {}),
        ("redis://h:1/2", (("h", 1),), {"dbid": 2}),
        ("redis://u:p%40ss@h:1", (("h", 1),), {"username": "u", "password": "p@ss"}),
        ("redis://:pw@[::1]:7/0", (("::1", 7),), {"password": "pw", "dbid": 0}),
        ("rediss://h", (("h", 6379),), {"ssl_context_factory": True}),
        (
            "redis://h?charset=none&db=3&poolsize=4&convertNumbers=exact&replyTimeout=1.5&poolTimeout=none",
            (("h", 6379),),
            {
                "charset": None, "dbid": 3, "poolsize": 4, "convertNumbers": "exact", "replyTimeout": 1.5,
                "poolTimeout": None,
            },
        ),
    ],
)  # fmt: skip
def test_urls(url, addresses, options):
    parsed = RedisURL.parse(url)
    assert parsed.addresses == addresses
    assert dict(parsed.options) == options


def test_urls_of_sockets_and_sentinels():
    unix = RedisURL.parse("unix://u:p@/run/redis%20x.sock?db=2")
    assert (unix.path, dict(unix.options)) == (
        "/run/redis x.sock",
        {"username": "u", "password": "p", "dbid": 2},
    )
    sentinel = RedisURL.parse("redis+sentinel://:pw@a:1,b/mymaster/3")
    assert sentinel.addresses == (("a", 1), ("b", 26379))
    assert (sentinel.service, dict(sentinel.options)) == ("mymaster", {"password": "pw", "dbid": 3})


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://h", "begins with one of"),
        ("localhost:6379", "begins with one of"),
        ("redis://h/x", "dbid"),
        ("redis://h:port", "address"),
        ("redis://h?charst=ascii", "charst"),
        ("redis://h?replyTimeout=soon", "replyTimeout"),
        ("unix://run/redis.sock", "three slashes"),
        ("redis+sentinel://h", "service"),
        ("redis://x/s3cret@h", "percent-encoded"),
    ],
)
def test_a_wrong_url_says_what_is_wrong_without_the_password(url, says):
    with pytest.raises(ValueError, match=says) as caught:
        RedisURL.parse(url.replace("://", "://user:s3cret@", 1) if "unix" not in url else url)
    assert "s3cret" not in str(caught.value)


# -- ways in


def test_from_url_connects_with_what_the_url_says(reactor):
    handler = redis.from_url("redis://u:pw@127.0.0.1:7000/2?charset=none", isLazy=True, poolTimeout=1)
    reactor.advance(0)
    host, port = reactor.tcpClients[0][:2]
    assert (host, port) == ("127.0.0.1", 7000)
    transport = connect_first(reactor)
    assert transport.take() == command("AUTH", "u", "pw")
    transport.protocol.dataReceived(b"+OK\r\n")
    assert transport.take() == command("SELECT", 2)
    assert handler._factory.poolTimeout == 1
    assert handler._factory.charset is None
    handler.disconnect()


def test_from_url_unix(reactor):
    handler = redis.from_url("unix:///run/r.sock", isLazy=True)
    assert isinstance(handler, redis.UnixConnectionHandler)
    assert reactor.unixClients[0][0] == "/run/r.sock"
    handler.disconnect()


def test_from_endpoint_takes_objects_and_strings(reactor):
    handler = redis.from_endpoint("tcp:127.0.0.1:7001", isLazy=True)
    reactor.advance(0)
    assert reactor.tcpClients[0][:2] == ("127.0.0.1", 7001)
    handler.disconnect()
    with pytest.raises(ValueError, match="endpoint"):
        redis.from_endpoint(5)
    with pytest.raises(ValueError, match="connectTimeout"):
        redis.from_endpoint("tcp:127.0.0.1:7001", connectTimeout=3)


def test_connectTimeout_is_handed_on(reactor):
    redis.lazyConnection("127.0.0.1", connectTimeout=3).disconnect()
    redis.lazyConnection("127.0.0.1").disconnect()
    assert [client[3] for client in reactor.tcpClients] == [3, 30]


def test_a_constructor_fires_with_the_handler(reactor):
    connecting = redis.Connection("127.0.0.1")
    connect_first(reactor)
    reactor.advance(0)
    handler = fired(connecting)
    assert isinstance(handler, redis.ConnectionHandler)
    handler.disconnect()


def test_without_reconnect_a_constructor_fails_with_an_error_that_is_also_a_ValueError(reactor):
    from twisted.internet.error import ConnectionRefusedError
    from twisted.python.failure import Failure

    connecting = redis.Connection("127.0.0.1", reconnect=False)
    reactor.advance(0)
    reactor.tcpClients[0][2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))
    reactor.advance(1)
    error = failed(connecting, redis.ConnectionError)
    assert isinstance(error, ValueError)


def test_a_wrong_context_factory_is_refused(reactor):
    with pytest.raises(ValueError, match="ssl_context_factory"):
        redis.lazyConnection("127.0.0.1", ssl_context_factory="yes")


# -- install()


def python(*lines):
    return subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60)


def test_install_registers_this_package_and_twice_does_nothing():
    done = python(
        "import txredis_fast",
        "txredis_fast.install(); txredis_fast.install()",
        "import txredisapi, txredisapi as redis",
        "from txredisapi import Connection, RedisFactory",
        "assert txredisapi is txredis_fast and redis.version",
        "import sys; assert 'twisted.internet.reactor' not in sys.modules",
        "print('fine')",
    )
    assert done.stdout == "fine\n", done.stderr


def test_install_after_the_real_one_says_what_to_do():
    done = python(
        "import sys, types",
        "sys.modules['txredisapi'] = types.ModuleType('txredisapi')",
        "import txredis_fast",
        "txredis_fast.install()",
    )
    assert "RuntimeError" in done.stderr and "before the first import" in done.stderr


def test_the_limits_are_those_of_the_parser():
    from txredis_fast.options.checks import LIMITS
    from txredis_fast.resp._pyresp import Reader

    assert {name for name in inspect.signature(Reader).parameters if name.startswith("max_")} == set(LIMITS)
