"""``connect()``: every URL, its defaults, its errors, and the context manager."""

from __future__ import annotations

import inspect
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from testbed.live import bounded, until
from testbed.servers import Server
from twisted.internet import defer
from twisted.internet.endpoints import TCP4ClientEndpoint

import txredis_fast as redis

pytestmark = pytest.mark.promise(
    "connect() fails with the server and the reason when its first attempt fails; afterwards it reconnects",
    about="Connections",
)


def reactor() -> Any:
    return redis.reactor


@pytest.fixture
def nothing_listens() -> Any:
    """A port that is taken, and on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest_twisted.ensureDeferred
async def test_a_block_has_the_handler_and_closes_it(server):
    async with redis.connect(f"redis://{server.host}:{server.port}/0") as rc:
        assert await rc.set("key", "7") == "OK"
        assert await rc.get("key") == "7", "numbers are not guessed"
    with pytest.raises(redis.NotSentError):
        await bounded(rc.get("key"))
    assert rc._factory.size == 0


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
@pytest_twisted.ensureDeferred
async def test_it_is_a_deferred_that_fires_with_the_handler(server, scheme):
    rc = await bounded(redis.connect(f"{scheme}://{server.host}:{server.port}"))
    assert isinstance(rc, redis.ConnectionHandler)
    await until(lambda: rc._factory.size == 10, "the other connections follow")
    await rc.disconnect()


@pytest_twisted.ensureDeferred
async def test_host_and_port_may_be_given_instead_and_options_win(server):
    async with redis.connect(host=server.host, port=server.port, poolsize=2, convertNumbers=True) as rc:
        await rc.set("key", 7)
        assert await rc.get("key") == 7
    async with redis.connect(f"redis://{server.host}:{server.port}?convertNumbers=exact&poolsize=3", poolsize=1) as rc:
        await rc.set("key", "1.0")
        assert await rc.get("key") == "1.0"
        assert rc._factory.poolsize == 1 and rc._factory.convertNumbers == "exact"


@pytest_twisted.ensureDeferred
async def test_the_environment_has_the_url_where_none_is_given(server, monkeypatch):
    monkeypatch.setenv("REDIS_URL", f"redis://{server.host}:{server.port}/3")
    async with redis.connect() as rc:
        assert rc._factory.dbid == 3
        assert await rc.ping() == "PONG"


@pytest.mark.parametrize("door", [redis.connect, redis.RedisService])
@pytest.mark.parametrize("url", ["localhost:6379", "redis://:s3crt@h:x", "redis://h?s3crt=1"])
def test_a_wrong_url_in_the_environment_is_told_of_as_such(door, url, monkeypatch):
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(ValueError, match=r"^the environment's REDIS_URL: ") as wrong:
        door()
    assert ":s3crt" not in str(wrong.value)


@pytest_twisted.ensureDeferred
async def test_a_handler_may_be_had_at_once(server):
    async with redis.connect(f"redis://{server.host}:{server.port}", lazy=True) as rc:
        assert isinstance(rc, redis.ConnectionHandler)
        assert await bounded(rc.ping()) == "PONG"


@pytest_twisted.ensureDeferred
async def test_without_a_server_it_fails_at_once_and_names_it(nothing_listens):
    for call in (
        lambda: redis.connect(f"redis://127.0.0.1:{nothing_listens}"),
        lambda: redis.connect(host="127.0.0.1", port=nothing_listens),
    ):
        with pytest.raises(redis.ConnectionFailedError) as failed:
            await bounded(call(), 5)
        assert str(failed.value) == f"127.0.0.1:{nothing_listens}: connection refused"
    with pytest.raises(redis.ConnectionFailedError, match=f"^127.0.0.1:{nothing_listens}: connection refused$"):
        async with redis.connect(f"redis://127.0.0.1:{nothing_listens}"):
            raise AssertionError("there is no handler")


@pytest_twisted.ensureDeferred
async def test_every_kind_of_server_that_is_not_there_is_named_once_with_the_reason(nothing_listens, tmp_path):
    place, socket_path = f"127.0.0.1:{nothing_listens}", f"{tmp_path}/no.sock"
    refused = f"{place}: connection refused"
    missing = f"{socket_path}: no such file or directory"
    could_not = "Redis error: could not connect: "
    options: Any = {"reconnect": False}
    address = "127.0.0.1", nothing_listens
    endpoint = TCP4ClientEndpoint(reactor(), *address)
    for connecting, text in (
        (lambda: redis.connect(f"redis://{place}"), refused),
        (lambda: redis.connect(f"rediss://{place}"), refused),
        (lambda: redis.connect(f"unix://{socket_path}"), missing),
        (lambda: redis.Connection(*address, **options), could_not + refused),
        (lambda: redis.ConnectionPool(*address, tls=True, **options), could_not + refused),
        (lambda: redis.UnixConnection(socket_path, **options), could_not + missing),
        (lambda: redis.from_url(f"redis://{place}", **options), could_not + refused),
        (lambda: redis.from_endpoint(endpoint, **options), could_not + refused),
        (lambda: redis.ShardedConnection([place], **options), f"Could not connect to {place} (connection refused)"),
    ):
        with pytest.raises(redis.ConnectionFailedError) as failed:
            await bounded(connecting())
        assert str(failed.value) == text


@pytest_twisted.ensureDeferred
async def test_commands_of_lazy_handlers_name_what_is_not_there(nothing_listens, tmp_path):
    place, socket_path = f"127.0.0.1:{nothing_listens}", f"{tmp_path}/no.sock"
    refused = f"Not connected: {place}: connection refused"
    missing = f"Not connected: {socket_path}: no such file or directory"
    options: Any = {"lazy": True, "poolTimeout": 0.5}
    asked = f"Not connected: mymaster: no Sentinel has answered yet: Sentinel {place}: connection refused"

    async def check(rc: Any, text: str) -> None:
        with pytest.raises(redis.NotSentError) as failed:
            await bounded(rc.get("key"))
        assert str(failed.value) == text
        with pytest.raises(redis.NotSentError):
            await bounded(rc.blpop("key", timeout=1))
        await bounded(rc.disconnect())

    handlers = (
        (redis.connect(f"redis://{place}", **options), refused),
        (redis.connect(f"rediss://{place}", **options), refused),
        (redis.connect(f"unix://{socket_path}", **options), missing),
        (redis.connect(f"redis+sentinel://{place}/mymaster", **options), asked),
        (redis.lazyConnectionPool("127.0.0.1", nothing_listens, poolTimeout=0.5), refused),
        (redis.lazyUnixConnection(socket_path, poolTimeout=0.5), missing),
    )
    await defer.gatherResults([defer.Deferred.fromCoroutine(check(*each)) for each in handlers], consumeErrors=True)


@pytest.mark.parametrize("wrong", ["localhost:7202", "redis://localhost:7202", "127.0.0.1:7202", "rediss://localhost"])
def test_a_url_or_a_port_in_place_of_a_host_is_refused_with_what_takes_it(wrong):
    for constructor in (
        redis.Connection,
        redis.ConnectionPool,
        redis.lazyConnection,
        redis.lazyConnectionPool,
        lambda host: redis.connect(host=host),
        lambda host: redis.RedisService(host=host),
        lambda host: redis.Sentinel([(host, 26379)]),
    ):
        with pytest.raises(ValueError, match=r"connect\(\) and from_url\(\) take"):
            constructor(wrong)


def test_a_url_in_place_of_paths_or_shards_is_refused_with_what_takes_it():
    for wrong in (
        lambda: redis.UnixConnection("redis://localhost:7202"),
        lambda: redis.UnixConnectionPool("unix:///run/redis.sock"),
        lambda: redis.lazyUnixConnection("redis://localhost:7202"),
        lambda: redis.lazyUnixConnectionPool("redis://localhost:7202"),
        lambda: redis.ShardedUnixConnection(["unix:///run/redis.sock"]),
        lambda: redis.lazyShardedUnixConnectionPool(["unix:///run/redis.sock"]),
        lambda: redis.ShardedConnection(["redis://localhost:7202"]),
        lambda: redis.ShardedConnectionPool("redis://localhost:7202"),
        lambda: redis.lazyShardedConnection(["redis://localhost:7202"]),
        lambda: redis.lazyShardedConnectionPool(["redis://localhost:7202"]),
    ):
        with pytest.raises(ValueError, match=r"connect\(\) and from_url\(\) take URLs"):
            wrong()


def test_a_host_and_a_port_without_their_names_are_told_the_ways():
    positional: Any = redis.connect
    with pytest.raises(TypeError, match=r"connect\(\"redis://host:6379\"\), or connect\(host=..., port=...\)"):
        positional("127.0.0.1", 6379)
    for host in ("127.0.0.1", "localhost", "localhost:6379"):
        with pytest.raises(ValueError, match=r"redis://.*; a host is given as host=..., and port=..."):
            redis.connect(host)


def test_help_of_the_front_door_shows_its_own_defaults():
    for door in (redis.connect, redis.RedisService):
        shown = inspect.signature(door).parameters
        assert [shown[name].default for name in ("convertNumbers", "strict", "poolsize")] == [False, True, 10]
    assert inspect.signature(redis.ConnectionPool).parameters["convertNumbers"].default is True


def test_an_unknown_option_is_refused_with_the_nearest():
    wrong: Any = {"replytimeout": 3}
    for taker in (
        redis.connect,
        redis.RedisService,
        redis.ConnectionPool,
        redis.lazyConnection,
        lambda **options: redis.UnixConnection("/run/redis.sock", **options),
        lambda **options: redis.ShardedConnection(["localhost:6379"], **options),
        lambda **options: redis.from_url("redis://localhost", **options),
        lambda **options: redis.from_endpoint("tcp:localhost:6379", **options),
    ):
        with pytest.raises(TypeError, match=r"'replytimeout'; the nearest: [a-zA-Z, ]*Timeout"):
            taker(**wrong)
    for name, taker in (
        ("ConnectionPool", redis.ConnectionPool),
        ("lazyUnixConnectionPool", redis.lazyUnixConnectionPool),
        ("ShardedConnectionPool", lambda **options: redis.ShardedConnectionPool(["localhost:6379"], **options)),
        ("connect", redis.connect),
    ):
        with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected .* 'poolsise'; the nearest: poolsize"):
            taker(poolsise=3)
    for of_a_cluster in (redis.connect, redis.from_url, redis.ClusterConnection, redis.lazyClusterConnection):
        with pytest.raises(TypeError, match=r"'readFrm'; the nearest: readFrom"):
            of_a_cluster("redis://localhost", readFrm="replica")
    one: Any = redis.Connection
    with pytest.raises(TypeError, match=r"^Connection\(\) has one connection; ConnectionPool\(\) takes poolsize$"):
        one(poolsize=3)
    for of_redis_py, name in (("max_connections", "poolsize"), ("socket_timeout", "replyTimeout"), ("ssl", "tls")):
        with pytest.raises(TypeError, match=f"'{of_redis_py}'; the nearest: {name}$"):
            redis.connect(**{of_redis_py: 3})
    with pytest.raises(TypeError, match=r"'pasword'; the nearest: password"):
        one(pasword="x")
    with pytest.raises(ValueError, match="unknown option 'replytimeout'"):
        redis.connect("redis://localhost?replytimeout=3")


def test_the_first_program_of_the_readme_says_in_one_line_that_there_is_no_server(nothing_listens):
    readme = (Path(__file__).parents[2] / "README.rst").read_text(encoding="utf-8")
    block = readme.partition(".. code-block:: python\n\n")[2].partition("\n\n\n")[0].partition("Every command")[0]
    place = f"127.0.0.1:{nothing_listens}"
    program = textwrap.dedent(block).replace("localhost:6379", place)
    assert place in program
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(redis.__file__).parents[1])},
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{place}: connection refused\n")


@pytest_twisted.ensureDeferred
async def test_a_missing_socket_is_named(tmp_path):
    path = tmp_path / "no.sock"
    with pytest.raises(redis.ConnectionFailedError, match=str(path)):
        await bounded(redis.connect(f"unix://{path}"), 5)


@pytest_twisted.ensureDeferred
async def test_a_refused_login_fails_and_says_so(fresh_server):
    with Server(password="secret") as server:
        for url in (f"redis://:wrong@{server.host}:{server.port}", f"redis://{server.host}:{server.port}/1"):
            with pytest.raises(redis.ConnectionFailedError) as failed:
                await bounded(redis.connect(url), 5)
            assert str(failed.value).startswith(f"{server.host}:{server.port}: could not "), failed.value
            assert "wrong@" not in str(failed.value)


@pytest_twisted.ensureDeferred
async def test_a_server_that_hangs_is_waited_for_as_long_as_connectTimeout_says():
    with socket.create_server(("127.0.0.1", 0)) as hangs:
        port = hangs.getsockname()[1]
        with pytest.raises(redis.ConnectionFailedError, match=rf"^127.0.0.1:{port}: .*0.3 seconds"):
            await bounded(redis.connect(f"redis://127.0.0.1:{port}/1", connectTimeout=0.3), 5)


@pytest_twisted.ensureDeferred
async def test_once_connected_it_reconnects(fresh_server):
    async with redis.connect(f"redis://{fresh_server.host}:{fresh_server.port}", poolsize=2) as rc:
        rc._factory.initialDelay = rc._factory.maxDelay = 0.05
        await until(lambda: rc._factory.size == 2, "both connections are up")
        first = list(rc._factory.pool)
        fresh_server.command("CLIENT", "KILL", "TYPE", "normal")
        await until(lambda: not any(each in rc._factory.pool for each in first), "the loss is noticed")
        await until(lambda: rc._factory.size == 2, "both connections are made again")
        assert await bounded(rc.ping()) == "PONG"


@pytest_twisted.ensureDeferred
async def test_cancelling_it_ends_the_attempt():
    with socket.create_server(("127.0.0.1", 0)) as hangs:
        connecting = redis.connect(f"redis://127.0.0.1:{hangs.getsockname()[1]}/1")
        connecting.cancel()
        with pytest.raises(defer.CancelledError):
            await connecting


def test_wrong_arguments_raise_at_once():
    for wrong in (
        lambda: redis.connect("http://localhost"),
        lambda: redis.connect("redis://localhost", host="localhost"),
        lambda: redis.connect(port=70000),
        lambda: redis.connect(poolsize=0),
    ):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(TypeError):
        redis.connect(pool_size=3)


@pytest_twisted.ensureDeferred
async def test_arguments_without_an_encoding_are_refused(server):
    async with redis.connect(host=server.host, port=server.port) as rc:
        with pytest.raises(redis.InvalidData):
            await rc.set("key", None)


def test_a_service_refuses_at_once_what_would_fail_at_its_start():
    with pytest.raises(ValueError, match="a unix socket has none"):
        redis.RedisService("unix:///run/redis.sock", tls=True)
    wrong: Any = {"pasword": "x"}
    with pytest.raises(
        TypeError, match="sentinel_options got an unexpected keyword argument 'pasword'; the nearest: pass"
    ):
        redis.RedisService("redis+sentinel://localhost/main", sentinel_options=wrong)


@pytest_twisted.ensureDeferred
async def test_no_connection_of_a_lazy_pool_is_tried_again_where_it_must_not_be(nothing_listens):
    rc = redis.lazyConnectionPool("127.0.0.1", nothing_listens, poolsize=3, reconnect=False)
    await until(lambda: not any(slot.alive for slot in rc._factory.slots), "all have given up")
    await rc.disconnect()
