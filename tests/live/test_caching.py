"""Client-side caching over real servers: what the design takes for granted, and what is promised."""

from __future__ import annotations

import random
import socket
import time
from typing import Any

import pytest
import pytest_twisted
from testbed.client import Connection
from testbed.live import bounded, opened, turn, until
from testbed.proxy import proxied
from testbed.servers import KINDS, ReplyError, Server
from testbed.tls import TLSProxy
from testbed.tracking import NOT_CACHED
from testbed.ways import Fault
from testbed.wire import command
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import globalLogPublisher

import txredis_fast as redis
from txredis_fast.caching import reads

#: The first version whose invalidations are never inside a reply.
FIRST = (7, 0)


def version_of(server):
    return tuple(map(int, server.version[1].split(".")[:2]))


@pytest.fixture
def tracking(any_server):
    """Each kind of server whose tracking is used."""
    if version_of(any_server) < FIRST:
        pytest.skip("its tracking is not used")
    return any_server


def lazy(address, **options):
    host, port = address
    options.setdefault("cache", redis.ClientCache())
    return redis.lazyConnectionPool(host, port, poolsize=2, **options)


async def up(rc):
    """Wait until reads are kept."""
    await bounded(rc.ping())
    await until(lambda: rc.cache.stats().link == "up", "the tracked connection")
    return rc


def events():
    """Collects the package's events."""
    found: list[dict[str, Any]] = []
    globalLogPublisher.addObserver(lambda event: found.append(event) if "redis_event" in event else None)
    return found


# -- what servers do: the design rests on it


class Raw:
    """A blocking connection of RESP3 that shows the order of replies and pushes; a push is a tuple."""

    def __init__(self, server: Server, *tracking: str) -> None:
        self._socket = socket.create_connection(server.address, 5)
        self._socket.settimeout(5)
        self._file = self._socket.makefile("rb")
        self(("HELLO", 3))
        if tracking:
            assert self(("CLIENT", "TRACKING", "ON", *tracking)) == ["OK"]

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *unused: object) -> None:
        self._file.close()
        self._socket.close()

    def __call__(self, *commands: tuple[str | int, ...], wait: float = 0.0) -> list[Any]:
        """Send commands in one write; return all that comes until the reply to an ECHO behind them."""
        self._socket.sendall(b"".join(command(*args) for args in commands))
        time.sleep(wait)
        self._socket.sendall(command("ECHO", "that is all"))
        found = []
        while (reply := self._read()) != "that is all":
            found.append(reply)
        return found

    def _read(self) -> Any:
        line = self._file.readline()
        kind, rest = line[:1], line[1:-2].decode()
        if kind in b"+:,#(":
            return int(rest) if kind == b":" else rest
        if kind == b"-":
            return ReplyError(rest)
        if kind == b"_":
            return None
        if kind in (b"$", b"="):
            return self._file.read(int(rest) + 2)[:-2].decode()
        items = [self._read() for _ in range(int(rest) * (2 if kind == b"%" else 1))]
        return tuple(items) if kind == b">" else items


YES = ("CLIENT", "CACHING", "YES")
PUSH = ("invalidate", ["k"])
ALL = ("invalidate", None)


@pytest.fixture
def raw(tracking):
    with Raw(tracking, "OPTIN") as connection:
        yield connection


def track(raw, read=("GET", "k")):
    """Have a key tracked."""
    return raw(YES, read)[1]


def test_the_word_of_an_own_write_comes_behind_its_reply(raw):
    track(raw)
    assert raw(("SET", "k", "new"), ("GET", "k")) == ["OK", PUSH, "new"]


def test_a_write_of_another_client_is_told_before_later_replies(raw, tracking):
    """A PING that is sent after the writer's reply is answered behind the word: scripts rest on it."""
    for write in [("SET", "k", 1), ("EVAL", "redis.call('set', 'k', 2)", 0), ("EXPIRE", "k", 100), ("DEL", "k")]:
        track(raw)
        tracking.command(*write)
        assert raw(("PING",)) == [PUSH, "PONG"]
    tracking.command("SET", "k", 1)
    for write in [("PEXPIRE", "k", 100_000), ("PERSIST", "k"), ("MOVE", "k", 1)]:
        track(raw)
        tracking.command(*write)
        assert raw(("PING",)) == [PUSH, "PONG"], write


def test_a_function_is_told_of_as_a_script_is(raw, tracking):
    code = "#!lua name=mine\nredis.register_function('write', function(keys, args) redis.call('set', 'k', args[1]) end)"
    tracking.command("FUNCTION", "LOAD", "REPLACE", code)
    track(raw)
    tracking.command("FCALL", "write", 0, "new")
    assert raw(("PING",), ("GET", "k")) == [PUSH, "PONG", "new"]


def test_a_transaction_is_told_of_before_later_replies(raw, tracking):
    track(raw)
    with Connection(tracking.address) as other:
        other.exchange(("MULTI",), ("SET", "k", 1), ("SET", "other", 1), ("EXEC",))
    assert raw(("PING",)) == [PUSH, "PONG"]
    track(raw)
    with Connection(tracking.address) as other:
        other.exchange(("MULTI",), ("FLUSHALL",), ("EXEC",))
    assert raw(("PING",)) == [ALL, "PONG"]


def test_a_change_of_permissions_is_told_to_nobody(make_server, tracking):
    """So it is not promised, beyond the ttl."""
    server = make_server(binary=tracking.binary)
    server.command("SET", "k", 1)
    with Raw(server, "OPTIN") as raw:
        track(raw)
        server.command("ACL", "SETUSER", "default", "resetkeys", "~other")
        first, second = raw(("PING",), ("GET", "k"))
        assert first == "PONG" and str(second).startswith("NOPERM")


def test_caching_yes_covers_the_next_command_only(raw, tracking):
    assert raw(YES, ("PING",), ("GET", "k")) == ["OK", "PONG", None]
    tracking.command("SET", "k", 1)
    assert raw(("PING",)) == ["PONG"]
    assert raw(YES, ("GET", "k"), ("PTTL", "other")) == ["OK", "1", -2]
    tracking.command("SET", "other", 1)
    assert raw(("PING",)) == ["PONG"]
    tracking.command("SET", "k", 2)
    assert raw(("PING",)) == [PUSH, "PONG"]


def test_nil_and_errors_are_tracked(raw, tracking):
    assert track(raw) is None
    tracking.command("HSET", "k", "f", "v")
    assert raw(("PING",)) == [PUSH, "PONG"]
    assert str(track(raw)).startswith("WRONGTYPE")
    tracking.command("DEL", "k")
    assert raw(("PING",)) == [PUSH, "PONG"]
    track(raw, ("EVAL_RO", "return redis.call('get', KEYS[1])", 1, "k"))
    tracking.command("SET", "k", 1)
    assert raw(("PING",)) == [PUSH, "PONG"]


def test_each_key_is_told_and_what_does_nothing_is_not(raw, tracking):
    raw(YES, ("MGET", "k", "a", "b"))
    tracking.command("MSET", "k", 1, "a", 2, "b", 3)
    assert raw(("PING",)) == [PUSH, ("invalidate", ["a"]), ("invalidate", ["b"]), "PONG"]
    raw(YES, ("MGET", "k", "absent"))
    tracking.command("DEL", "absent")
    tracking.command("SETNX", "k", 2)
    assert raw(("PING",)) == ["PONG"]


def test_all_is_told_of_a_flush_of_any_database(raw, tracking):
    for flush in [("FLUSHALL",), ("FLUSHDB",)]:
        track(raw)
        tracking.command(*flush)
        assert raw(("PING",)) == [ALL, "PONG"]
    track(raw)
    with Connection(tracking.address) as other:
        other.exchange(("SELECT", 1), ("SET", "x", 1), ("FLUSHDB",))
        assert ALL in raw(("PING",))
        track(raw)
        other.call("SET", "k", 1)  # the same name in another database
        assert raw(("PING",)) == [PUSH, "PONG"]


def test_nobody_is_told_of_swapdb(raw, tracking):
    """So P3 drops everything for it, and by others it is bounded by the ttl only."""
    tracking.command("SET", "k", 1)
    track(raw)
    tracking.command("SWAPDB", 0, 1)
    assert raw(("PING",), ("GET", "k")) == ["PONG", None]


def test_a_key_that_expires_is_told_of(raw, tracking):
    tracking.command("SET", "k", 1, "PX", 30)
    track(raw)
    assert raw(("PING",), wait=0.6) in (["PONG", PUSH], [PUSH, "PONG"])


def test_a_read_that_finds_its_key_expired_is_told_behind_pttl(make_server, tracking):
    """PTTL deletes it, and its -2 says that the value before it is one of a key that is no more."""
    server = make_server("enable-debug-command yes", binary=tracking.binary)
    server.command("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    server.command("SET", "k", 1, "PX", 30)
    with Raw(server, "OPTIN") as raw:
        track(raw)
        time.sleep(0.05)
        assert raw(("PING",)) == ["PONG"]
        assert raw(("PTTL", "k")) == [-2, PUSH]


def test_what_the_table_drops_is_told(make_server, tracking):
    server = make_server("tracking-table-max-keys 10", binary=tracking.binary)
    with Raw(server, "OPTIN") as raw:
        pushes = []
        for number in range(200):
            pushes += [each for each in raw(YES, ("GET", f"k{number}"), wait=0.002) if isinstance(each, tuple)]
        assert len(pushes) > 100


def test_in_broadcast_mode_the_word_comes_behind_later_replies(tracking):
    """So a PING tells nothing about scripts there."""
    with Raw(tracking, "BCAST", "PREFIX", "p:") as raw:
        got = raw(("SET", "p:1", 1), ("GET", "p:1"), ("PING",), ("SET", "other", 1))
        assert got[:4] == ["OK", "1", "PONG", "OK"]
        rest = got[4:] or raw(("PING",))
        assert ("invalidate", ["p:1"]) in rest


def test_a_write_at_the_master_and_a_new_master_are_told_to_who_tracks_at_a_replica(make_server, tracking):
    master = make_server(binary=tracking.binary)
    replica = make_server(binary=tracking.binary, replica_of=master)
    deadline = time.monotonic() + 15
    while not replica.in_sync():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with Raw(replica, "OPTIN") as raw:
        track(raw)
        master.command("SET", "k", 1)
        told: list[Any] = []
        while PUSH not in told:
            assert time.monotonic() < deadline
            told = raw(("PING",), wait=0.1)
        track(raw)
        other = make_server(binary=tracking.binary)
        replica.command("REPLICAOF", other.host, other.port)
        deadline = time.monotonic() + 15
        while ALL not in told:
            assert time.monotonic() < deadline
            told = raw(("PING",), wait=0.1)


def test_a_field_that_expires_is_told_of(raw, tracking):
    """Where fields may expire: HGET gives it up to the ttl, or until the server looks."""
    tracking.command("HSET", "k", "f", "v", "g", "w")
    try:
        tracking.command("HPEXPIRE", "k", 30, "FIELDS", 1, "f")
    except ReplyError:
        pytest.skip("fields do not expire here")
    track(raw, ("HGETALL", "k"))
    told = [PUSH] * 0
    deadline = time.monotonic() + 5
    while not told and time.monotonic() < deadline:
        told = [each for each in raw(("PING",), wait=0.2) if each == PUSH]
    assert told


# -- the allow-list


def text(reply):
    if isinstance(reply, list):
        return [text(element) for element in reply]
    return reply.decode() if isinstance(reply, bytes) else reply


def commands_of(reply):
    for name, _, flags, first, last, step, *more in text(reply):
        yield name.upper().replace("|", " "), {*flags}, (first, last, step)
        if len(more) > 3:
            for sub in more[3]:
                yield sub[0].upper().replace("|", " "), {*sub[2]}, tuple(sub[3:6])


def test_every_command_that_reads_keys_is_cached_or_refused_for_a_reason(tracking):
    keyed = {}
    for name, flags, places in commands_of(tracking.command("COMMAND")):
        if "readonly" in flags and (places[0] or "movablekeys" in flags):
            keyed[name] = (flags, places)
    own = {name for name in keyed if "." not in name}
    assert own - reads.CACHEABLE - {*NOT_CACHED} == set()
    for name in own & reads.CACHEABLE:
        flags, places = keyed[name]
        assert not flags & {"write", "blocking", "random"}, name
        if name in reads.SIMPLE:
            assert places == (1, 1, 1), name


# -- what is promised


async def reached(way, server, certificates, closing):
    """A handler that is connected one way, ready to keep replies."""
    cache = redis.ClientCache()
    if way == "tcp":
        rc = redis.lazyConnectionPool(*server.address, poolsize=2, cache=cache)
    elif way == "unix":
        rc = redis.lazyUnixConnectionPool(server.path, poolsize=2, cache=cache)
    else:
        proxy = TLSProxy(server.host, server.port, certificates)
        closing.append(proxy.stop)
        rc = redis.lazyConnectionPool(
            "localhost", proxy.port, poolsize=2, cache=cache, tls=True, tls_ca=certificates.authority
        )
    return rc


@pytest.mark.parametrize("way", ["tcp", "unix", "tls"])
@pytest_twisted.ensureDeferred
async def test_changes_by_others_are_seen(tracking, way, certificates):
    closing: list[Any] = []
    try:
        async with opened(await reached(way, tracking, certificates, closing)) as rc:
            await up(rc)
            view = rc.cached(60)
            for number in range(20):
                tracking.command("SET", "k", f"v{number}")
                await until(lambda: view.peek("GET", "k") is None, "the word of a change")
                assert await bounded(view.get("k")) == f"v{number}"
                assert await bounded(view.get("k")) == f"v{number}"
            stats = rc.cache.stats()
            assert stats.hits >= 20 and stats.misses == 20 and stats.invalidations == 19
    finally:
        for close in closing:
            await bounded(Deferred.fromCoroutine(close()))


WAYS = [
    lambda rc, value: rc.set("k", value),
    lambda rc, value: rc.execute_command("set", "k", value),
    lambda rc, value: rc.batch([("GET", "k"), ("SET", "k", value)]),
    lambda rc, value: rc.raw.withTimeout(5).set("k", value),
    lambda rc, value: rc.eval("redis.call('set', KEYS[1], ARGV[1])", ["k"], [value]),
    lambda rc, value: rc.eval("redis.call('set', 'k', ARGV[1])", [], [value]),
    lambda rc, value: rc.register_script("redis.call('set', 'k', ARGV[1])")([], [value]),
    lambda rc, value: rc.mset({"other": "x", "k": value}),
    lambda rc, value: Deferred.fromCoroutine(in_transaction(rc, value)),
    lambda rc, value: Deferred.fromCoroutine(in_pipeline(rc, value)),
]


async def in_transaction(rc, value):
    async with rc.transaction(watch=["k"]) as t:
        await t.multi()
        t.set("k", value)


async def in_pipeline(rc, value):
    async with rc.pipelined() as pipe:
        pipe.set("k", value)


@pytest.mark.parametrize("way", ["tcp", "unix", "tls"])
@pytest_twisted.ensureDeferred
async def test_own_writes_are_seen(tracking, way, certificates):
    closing: list[Any] = []
    chance = random.Random(7)
    try:
        async with opened(await reached(way, tracking, certificates, closing)) as rc:
            await up(rc)
            view = rc.cached(60)
            for number in range(200):
                await bounded(chance.choice(WAYS)(rc, f"v{number}"))
                assert await bounded(view.get("k")) == f"v{number}"
                if number % 3 == 0:
                    assert (await bounded(view.mget(["k", "absent"]))) == [f"v{number}", None]
            assert rc.cache.stats().uncached == 0
    finally:
        for close in closing:
            await bounded(Deferred.fromCoroutine(close()))


@pytest_twisted.ensureDeferred
async def test_an_old_server_is_read_without_a_cache(any_server):
    if version_of(any_server) >= FIRST:
        pytest.skip("it is new enough")
    found = events()
    async with opened(lazy(any_server.address)) as rc:
        any_server.command("SET", "k", "v1")
        await bounded(rc.ping())
        await until(lambda: rc.cache.stats().link == "off", "the refusal")
        for number in range(3):
            any_server.command("SET", "k", f"v{number}")
            assert await bounded(rc.cached(60).get("k")) == f"v{number}"
            assert await bounded(rc.cached(60).mget(["k"])) == [f"v{number}"]
        stats = rc.cache.stats()
        assert (stats.entries, stats.misses, stats.uncached) == (0, 0, 6)
    assert [each["redis_event"] for each in found].count("cache_off") == 1
    (told,) = [each for each in found if each["redis_event"] == "cache_off"]
    assert "7.0" in told["reason"]


@pytest.mark.parametrize("rules", ["-client", "-client|tracking"])
@pytest_twisted.ensureDeferred
async def test_a_user_who_may_not_track_reads_without_a_cache(make_server, tracking, rules):
    server = make_server(binary=tracking.binary, users={"alice": f"on >wonder ~* &* +@all {rules}"})
    found = events()
    async with opened(lazy(server.address, username="alice", password="wonder")) as rc:
        server.command("SET", "k", "v")
        assert await bounded(rc.cached(60).get("k")) == "v"
        await until(lambda: rc.cache.stats().link == "off", "the refusal")
        server.command("SET", "k", "w")
        assert await bounded(rc.cached(60).get("k")) == "w"
    assert [each["redis_event"] for each in found].count("cache_off") == 1


@pytest_twisted.ensureDeferred
async def test_an_expired_key_is_not_served(tracking):
    async with opened(lazy(tracking.address)) as rc:
        await up(rc)
        tracking.command("SET", "k", "v", "PX", 80)
        assert await bounded(rc.cached(60).get("k")) == "v"
        time.sleep(0.1)  # the reactor reads no word of it
        assert rc.cached(60).peek("GET", "k", default="gone") == "gone"
        assert await bounded(rc.cached(60).get("k")) is None


@pytest_twisted.ensureDeferred
async def test_a_restart_loses_what_was_kept(make_server, tracking):
    server = make_server(binary=tracking.binary)
    async with opened(lazy(server.address)) as rc:
        await up(rc)
        server.command("SET", "k", "v")
        assert await bounded(rc.cached(60).get("k")) == "v"
        server.restart()
        await until(lambda: rc.cache.stats().link_lost, "the loss")
        assert rc.cached(60).peek("GET", "k") is None
        await until(lambda: rc.cache.stats().link == "up", "the connection", 30)
        assert await bounded(rc.cached(60).get("k")) is None


@pytest_twisted.ensureDeferred
async def test_a_reload_loses_what_was_kept(make_server, tracking):
    server = make_server("enable-debug-command yes", binary=tracking.binary)
    async with opened(lazy(server.address)) as rc:
        await up(rc)
        server.command("SET", "k", "v")
        assert await bounded(rc.cached(60).get("k")) == "v"
        server.command("DEBUG", "RELOAD")
        await until(lambda: rc.cached(60).peek("GET", "k") is None, "the word of a reload")


@pytest_twisted.ensureDeferred
async def test_a_table_that_is_too_small_costs_hits_only(make_server, tracking):
    server = make_server("tracking-table-max-keys 20", binary=tracking.binary)
    chance = random.Random(1)
    async with opened(lazy(server.address)) as rc:
        await up(rc)
        for _ in range(600):
            key = f"k{chance.randrange(60)}"
            value = await bounded(rc.cached(60).raw.get(key))
            assert value == server.command("GET", key)
            if chance.random() < 0.2:
                await bounded(rc.set(key, chance.random()))
        assert rc.cache.stats().invalidations > 20


@pytest.mark.parametrize("back", [True, False])
@pytest_twisted.ensureDeferred
async def test_ages_do_not_depend_on_the_wall_clock(server, monkeypatch, back):
    from twisted.internet import reactor

    async with opened(lazy(server.address)) as rc:
        await up(rc)
        server.command("SET", "k", "v")
        assert await bounded(rc.cached(60).get("k")) == "v"
        real = type(reactor).seconds
        monkeypatch.setattr(reactor, "seconds", lambda: real(reactor) + (-3600 if back else 3600))
        monkeypatch.setattr(time, "time", lambda: real(reactor) + (-3600 if back else 3600))
        time.sleep(0.15)
        assert rc.cached(60).peek("GET", "k") == "v"
        assert rc.cached(0.1).peek("GET", "k") is None
        monkeypatch.undo()


@pytest_twisted.ensureDeferred
async def test_a_new_master_is_another_server(sentinels):
    master, _, processes = sentinels
    sentinel = redis.Sentinel([each.address for each in processes])
    rc = sentinel.master_for("mymaster", cache=redis.ClientCache())
    try:
        await up(rc)
        await bounded(rc.set("k", "v"))
        assert await bounded(rc.cached(60).get("k")) == "v"
        master.kill()
        await until(lambda: rc.cache.stats().link_lost, "the loss", 30)
        assert rc.cached(60).peek("GET", "k") is None

        async def written():
            while True:
                try:
                    await bounded(rc.set("k", "w"), 2)
                    return
                except Exception:
                    await turn(0.1)

        await bounded(Deferred.fromCoroutine(written()), 40)
        assert await bounded(rc.cached(60).get("k")) == "w"
        await until(lambda: rc.cache.stats().link == "up", "the new connection", 30)
        assert await bounded(rc.cached(60).get("k")) == "w"
        assert await bounded(rc.cached(60).get("k")) == "w"
    finally:
        await bounded(rc.disconnect())
        await bounded(sentinel.disconnect())


# -- faults of the network


@pytest.mark.parametrize("kind", ["late", "in single bytes", "cut", "silent"])
@pytest_twisted.ensureDeferred
async def test_nothing_is_staler_than_promised_whatever_the_network_does(tracking, kind):
    """A reference knows the number that each key had; own writes are at once binding, those of others by the ttl."""
    chance = random.Random(kind)
    ttl = 0.5
    async with proxied(*tracking.address) as proxy:
        cache = redis.ClientCache(health_interval=0.2)
        async with opened(lazy(proxy.address, cache=cache, replyTimeout=1.0)) as rc:
            await up(rc)
            numbers = dict.fromkeys("abc", 0)
            history = {key: [(0.0, 0)] for key in numbers}
            own: dict[str, int] = {}
            problems: list[str] = []

            def write(key):
                numbers[key] += 1
                tracking.command("SET", key, numbers[key])
                history[key].append((time.monotonic(), numbers[key]))

            for key in numbers:
                write(key)

            def got(value, key, begun, least):
                # What was overwritten more than the ttl before the read began is too old; so is what was own.
                fresh = max(number for when, number in history[key] if when <= begun - ttl)
                if value < max(fresh, least):
                    problems.append(f"{key}: {value}, which is older than {fresh} or {least}")
                own[key] = max(own.get(key, 0), value)

            async def read(key):
                begun, least = time.monotonic(), own.get(key, 0)
                try:
                    value = await bounded(rc.cached(ttl).get(key))
                except redis.RedisError:
                    return
                got(value, key, begun, least)

            for number in range(250):
                if kind == "late" and number == 20:
                    proxy.set_faults(down=Fault(delay=0.02))
                if kind == "in single bytes" and number == 20:
                    proxy.set_faults(up=Fault(trickle=True), down=Fault(trickle=True))
                if kind == "cut" and chance.random() < 0.06:
                    proxy.reset()
                if kind == "silent" and number in (30, 120):
                    proxy.stop_forwarding()
                    await turn(0.5)
                if chance.random() < 0.4:
                    write(chance.choice("abc"))
                reading = [Deferred.fromCoroutine(read(chance.choice("abc"))) for _ in range(3)]
                await bounded(gatherResults(reading))
                if number % 10 == 0:
                    await turn(0.01)
            assert problems == []
            stats = rc.cache.stats()
            assert stats.hits > 20
            if kind in ("cut", "silent"):
                assert stats.link_lost
            proxy.set_faults()


@pytest_twisted.ensureDeferred
async def test_the_tracked_connection_is_one_client_of_the_server(tracking):
    async with opened(lazy(tracking.address)) as rc:
        await up(rc)
        await bounded(gatherResults([rc.get("a"), rc.get("b")]))
        await bounded(rc.cached(60).get("k"))
        lines = tracking.command("CLIENT", "LIST").decode().splitlines()
        tracked = [line for line in lines if " flags=" in line and "t" in line.split(" flags=")[1].split(" ")[0]]
        assert len(tracked) == 1
        assert rc.stats().connections == rc._factory.size == rc._factory.poolsize == 2


def test_there_are_servers_of_several_kinds():
    assert [kind.name for kind in KINDS if kind.binary()]
