"""An option is declared once: constructors, factories, URLs, ``help()`` and documents follow that declaration."""

from __future__ import annotations

import dataclasses
import inspect
import pydoc
import typing
from pathlib import Path

import pytest
from testbed.support import MemoryReactor

import txredis_fast as redis
from txredis_fast.options import OPTIONS, TLS_OPTIONS, cluster, keywords, option_table
from txredis_fast.options.option import options_of
from txredis_fast.telemetry import CommandHook

ROOT = Path(redis.__file__).parent.parent

CONSTRUCTORS = [
    f"{lazy}{sharded}{unix}Connection{pool}"
    for lazy in ("", "lazy")
    for sharded in ("", "Sharded")
    for unix in ("", "Unix")
    for pool in ("", "Pool")
]

GROUPS = [group for name, group in vars(keywords).items() if name.endswith("Group")]


def types_of(declaring):
    """The types of annotations, by name, as objects rather than as text."""
    names = {
        "CommandHook": CommandHook,
        "ClientCache": redis.ClientCache,
        "ReadFrom": cluster.ReadFrom,
        "AddressMap": cluster.AddressMap,
    }
    return typing.get_type_hints(declaring, localns=names)


def parameters(taker):
    return inspect.signature(taker).parameters


class Hook:
    def command_started(self, *args):
        """Nothing."""

    command_ended = command_started


#: A value of each option that is not its default, and that the factory keeps as it is.
VALUES = {
    "cache": redis.ClientCache(max_bytes=1000),
    "dbid": 3,
    "poolsize": 2,
    "charset": "latin-1",
    "username": "u",
    "password": "p",
    "clientName": "me",
    "protocol": 3,
    "connectTimeout": 3.0,
    "replyTimeout": 4.0,
    "poolTimeout": 5.0,
    "healthCheckInterval": 6.0,
    "disconnectTimeout": 7.0,
    "maxBlockingConnections": 8,
    "maxInFlight": 9,
    "maxQueuedBytes": 10,
    "whenFull": "fail",
    "undecodable": "error",
    "onUnclaimedReply": print,
    "retry": redis.RetryPolicy(attempts=2),
    "convertNumbers": "exact",
    "strict": True,
    "hooks": (Hook(),),
    "slowCommandThreshold": 11.0,
    "limits": {"max_depth": 12},
}

#: Where a factory keeps an option under another name, because ``retry`` is a method of Twisted's, or not at all,
#: because it hands the option on; then other tests see it at work.
KEPT_ELSEWHERE = {
    "retry": lambda factory: factory.retryPolicy,
    "protocol": lambda factory: factory.respVersion,
    "whenFull": lambda factory: VALUES["whenFull"],
    "hooks": lambda factory: VALUES["hooks"],
    "slowCommandThreshold": lambda factory: VALUES["slowCommandThreshold"],
    "cache": lambda factory: VALUES["cache"] if factory.cache is not None else None,
}


#: A text in a URL, and what it means, for each option that a URL may set.
IN_URLS = {
    "dbid": ("3", 3),
    "poolsize": ("2", 2),
    "reconnect": ("off", False),
    "charset": ("none", None),
    "clientName": ("me", "me"),
    "protocol": ("3", 3),
    "tls": ("yes", True),
    "tls_ca": ("ca.pem", "ca.pem"),
    "tls_certificate": ("me.pem", "me.pem"),
    "tls_key": ("key.pem", "key.pem"),
    "tls_host": ("h", "h"),
    "connectTimeout": ("1.5", 1.5),
    "replyTimeout": ("none", None),
    "poolTimeout": ("0", 0.0),
    "healthCheckInterval": ("2", 2.0),
    "disconnectTimeout": ("3", 3.0),
    "maxBlockingConnections": ("0", 0),
    "maxInFlight": ("none", None),
    "maxQueuedBytes": ("5", 5),
    "whenFull": ("fail", "fail"),
    "undecodable": ("replace", "replace"),
    "convertNumbers": ("exact", "exact"),
    "strict": ("1", True),
    "slowCommandThreshold": ("0.25", 0.25),
}


# -- the table, and the types beside it


def test_the_types_of_keywords_are_those_of_the_table():
    declared = types_of(redis.ClusterOptions)
    grouped = [(name, kind) for group in GROUPS for name, kind in types_of(group).items()]
    assert len(GROUPS) > 5
    assert dict(grouped) == declared
    assert sorted(name for name, _ in grouped) == sorted(declared), "an option stands in one group"
    assert types_of(keywords.AllClusterOptions) == declared
    assert types_of(keywords.AllOptions) == types_of(redis.ConnectionOptions)


@pytest.mark.parametrize("declaring", [redis.ConnectionOptions, redis.ClusterOptions, redis.RetryPolicy])
def test_every_default_is_a_value_that_its_own_check_takes_as_it_is(declaring):
    for name, declared in options_of(declaring).items():
        assert declared.check(name, declared.default) == declared.default == getattr(declaring(), name)


def test_passwords_and_keys_are_in_no_repr():
    hidden = {field.name for field in dataclasses.fields(redis.ConnectionOptions) if not field.repr}
    assert hidden == {"password", "tls_certificate", "tls_key"}


# -- what follows from it


@pytest.mark.parametrize("declaring", [redis.ConnectionOptions, redis.ClusterOptions, redis.RetryPolicy])
def test_help_shows_the_whole_text_of_every_option(declaring):
    text = " ".join(pydoc.render_doc(declaring, renderer=pydoc.plaintext).replace("|", " ").split())
    for name, declared in options_of(declaring).items():
        assert len(declared.doc) > 20
        said = f":param {name}: {declared.doc} Default: {declared.default_text}.".replace("|", " ")
        assert " ".join(said.split()) in text


@pytest.mark.parametrize("declaring", [redis.ConnectionOptions, redis.ClusterOptions, redis.RetryPolicy])
def test_the_table_of_a_document_is_made_of_the_declarations(declaring):
    place = "howto/cluster.rst" if declaring is redis.ClusterOptions else "connecting.rst"
    page = ROOT.joinpath("docs", place).read_text(encoding="utf-8")
    assert f".. option-table:: txredis_fast.{declaring.__name__}\n" in page
    rows = option_table(declaring).split("\n   * - ")[2:]
    assert [row.partition("\n")[0] for row in rows] == [f"``{name}``" for name in options_of(declaring)]
    for row, declared in zip(rows, options_of(declaring).values(), strict=True):
        assert f"     - {declared.default_text}\n" in row
        assert " ".join(declared.doc.split()) in " ".join(row.split())


@pytest.mark.parametrize("name", [*CONSTRUCTORS, "from_url"])
def test_a_constructor_shows_every_option_with_its_default(name):
    shown = parameters(getattr(redis, name))
    absent = set(OPTIONS) - set(shown)
    expected = set() if "Pool" in name or name == "from_url" else {"poolsize"}
    assert absent == expected | ({"ssl_context_factory"} if "Unix" in name else set())
    assert not any(each.kind is each.VAR_KEYWORD for each in shown.values())
    for option in set(OPTIONS) & set(shown) - {"poolsize"}:
        assert shown[option].default == OPTIONS[option].default


TAKERS = [
    *(*CONSTRUCTORS, "from_url", "from_endpoint", "makeConnection", "makeUnixConnection", "makeShardedConnection"),
    *("makeShardedUnixConnection", "RedisFactory", "SubscriberFactory", "MonitorFactory", "BaseRedisProtocol"),
]


@pytest.mark.parametrize("name", TAKERS)
def test_a_parameter_has_the_type_and_the_default_of_the_table(name):
    taker = getattr(redis, name)
    named = parameters(taker.__init__ if isinstance(taker, type) else taker)
    shown = [each for each in named.values() if each.name in OPTIONS]
    assert len(shown) > 5
    for each in shown:
        assert each.annotation == redis.ConnectionOptions.__annotations__[each.name]
        if each.name != "poolsize":  # a pool of txredisapi has 10
            assert each.default in (OPTIONS[each.name].default, each.empty)


def test_an_endpoint_brings_the_options_of_the_attempt_with_it():
    assert set(OPTIONS) - set(parameters(redis.from_endpoint)) == {*TLS_OPTIONS, "connectTimeout"}


def test_a_url_sets_each_option_that_text_can_spell():
    for name in OPTIONS:
        text, value = IN_URLS.get(name, ("1", None))
        if name in IN_URLS:
            assert redis.RedisURL.parse(f"redis://h?{name}={text}").options == {name: value}
        else:
            with pytest.raises(ValueError, match="unknown option"):
                redis.RedisURL.parse(f"redis://h?{name}={text}")
    beyond_text = {"onUnclaimedReply", "retry", "hooks", "limits", "ssl_context_factory", "cache"}
    assert set(OPTIONS) - set(IN_URLS) == beyond_text | {"username", "password"}


@pytest.mark.parametrize("name", ["RedisFactory", "SubscriberFactory", "MonitorFactory"])
def test_a_factory_takes_every_option_but_those_of_the_endpoint_and_keeps_each(name):
    kind = getattr(redis, name)
    taken = set(parameters(kind)) & set(OPTIONS)
    own = {"poolsize"} if name == "RedisFactory" else set()
    assert taken == set(OPTIONS) - {*TLS_OPTIONS, "reconnect", "poolsize"} | own
    assert set(VALUES) == taken | {"poolsize"}
    given = {option: VALUES[option] for option in taken}
    factory = kind(None, isLazy=True, **given) if own else kind(True, **given)
    for option, value in given.items():
        keep = KEPT_ELSEWHERE.get(option, lambda factory, option=option: getattr(factory, option))
        assert keep(factory) == value, option


@pytest.mark.parametrize("name", ["RedisFactory", "SubscriberFactory", "MonitorFactory"])
@pytest.mark.parametrize("option", [*TLS_OPTIONS, "reconnect", "charest"])
def test_a_factory_refuses_an_option_that_it_would_not_heed(name, option):
    kind = getattr(redis, name)
    more = {"uuid": None, "dbid": None, "poolsize": 1} if name == "RedisFactory" else {}
    with pytest.raises(TypeError, match=option):
        kind(**more, **{option: True})


@pytest.mark.parametrize("lazy", ["", "lazy"])
@pytest.mark.parametrize("option", [{"tls": True}, {"ssl_context_factory": True}])
def test_tls_is_refused_over_a_unix_socket_rather_than_left_out(monkeypatch, lazy, option):
    reactor = MemoryReactor()
    monkeypatch.setattr(redis, "reactor", reactor, raising=False)
    with pytest.raises(ValueError, match="TLS"):
        getattr(redis, f"{lazy}UnixConnection")("/run/redis.sock", **option)
    with pytest.raises(ValueError, match="TLS"):
        redis.from_url("unix:///run/redis.sock", **option)
    assert not reactor.unixClients


EVERY_KEYWORD = """
    True, dbid=1, charset=None, username=b"u", password=lambda: "p", clientName="me", connectTimeout=3,
    replyTimeout=4, poolTimeout="default", healthCheckInterval=6, disconnectTimeout=7, maxBlockingConnections=8,
    maxInFlight=9, maxQueuedBytes=None, whenFull="fail", onUnclaimedReply=unclaimed, retry=redis.RetryPolicy(),
    convertNumbers="exact", strict=True, hooks=hooks, slowCommandThreshold=11, limits=limits, protocol=3,
    undecodable="replace", cache=redis.ClientCache()
"""

TYPED_PROGRAM = f"""
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred

import txredis_fast as redis

def unclaimed(command: Any, reply: Any) -> None: ...

hooks: Sequence[redis.CommandHook] = ()
limits: Mapping[str, int] = {{}}
redis.SubscriberFactory({EVERY_KEYWORD}, maxPendingMessages=1)
redis.MonitorFactory({EVERY_KEYWORD})
first: Deferred[redis.ConnectionHandler] = redis.from_url("redis://h", poolTimeout=None, tls=True)
second: redis.ConnectionHandler = redis.from_url("redis://h", isLazy=True)
third: redis.ConnectionHandler = redis.lazyConnection(poolTimeout="default", whenFull="wait")
redis.SubscriberFactory(tls=True)  # refused
redis.from_endpoint("tcp:h:1", connectTimeout=3)  # refused
redis.lazyConnection(whenFull="never")  # refused
"""


@pytest.mark.self_check
@pytest.mark.typing
def test_a_typed_program_may_give_a_factory_all_that_it_takes(mypy):
    given = {name for name in VALUES if name != "poolsize"}
    assert all(f" {name}=" in EVERY_KEYWORD for name in given)
    lines = [number for number, line in enumerate(TYPED_PROGRAM.splitlines(), 1) if line.endswith("# refused")]
    out = mypy(TYPED_PROGRAM)
    assert sorted({int(line.split(":")[1]) for line in out.splitlines() if ": error:" in line}) == lines, out
