"""RESP3 with real servers: the same values as with RESP2, subscribers, logins, Sentinels, refused versions."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import pytest
import pytest_twisted
from commands.protocol_replies import alike, fill, runnable
from commands.rows import Row, command_of
from commands.tables import ROWS
from testbed.client import Connection
from testbed.extent import extent, some
from testbed.live import bounded, opened, until
from testbed.sentinels import Sentinel as SentinelProcess
from testbed.servers import Server
from twisted.internet.endpoints import TCP4ClientEndpoint

import txredis_fast as redis

from .test_rows_live import is_for

#: Options of the connections, and the ways to send a command.
SETTINGS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ("alone", "pipeline", "transaction", "raw")),
    ({"convertNumbers": False}, ("alone",)),
    ({"charset": None, "convertNumbers": "exact"}, ("alone", "raw")),
]


async def value_of(row: Row, rc: Any, way: str) -> Any:
    """What a row's call fires with, or the class and the text of its error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            if way in ("alone", "raw"):
                return await bounded(row.call(rc if way == "alone" else rc.raw))
            if way == "transaction":
                transaction = await bounded(rc.multi())
                row.call(transaction).addErrback(lambda _: None)  # as is told by the commit
                (value,) = await bounded(transaction.commit())
                return (type(value), str(value)) if isinstance(value, redis.RedisError) else value
            async with rc.pipelined() as pipeline:
                called = row.call(pipeline).addErrback(lambda failure: failure.trap(redis.RedisError))
            return await bounded(called)
        except redis.RedisError as error:
            return type(error), str(error)


async def difference(row: Row, way: str, connection: Connection, handlers: list[Any]) -> str | None:
    """Run a row twice, with the server in the same state; how the values differ, or None."""
    sent = tuple(each if isinstance(each, bytes | str) else str(each) for each in row.sent_queued or row.sent)
    values = []
    for rc in handlers:
        fill(connection, command_of(sent), sent)
        values.append(await value_of(row, rc, way))
    if alike(command_of(sent), *values):
        return None
    return f"{way}: {' '.join(map(str, sent))}:\n   {values[0]!r:.300}\n   {values[1]!r:.300}"


@pytest.mark.once
@pytest.mark.promise(
    "A method has the same value under RESP2 and RESP3",
    "Alone, in a pipeline, in a transaction and as raw, for every charset and conversion of numbers. ``eval``, "
    "``fcall`` and commands by name have what the server sends.",
    about="Replies and their callers",
)
@pytest.mark.parametrize(("options", "ways"), SETTINGS, ids=["numbers", "texts", "bytes"])
@pytest_twisted.ensureDeferred
async def test_a_method_has_the_same_value_under_either_protocol(any_server, options, ways):
    if any_server.version[1] < "7":
        pytest.skip("options of the commands are those of Redis 7.0 and later")
    async with contextlib.AsyncExitStack() as stack:
        # On a busy machine any command may be slow.
        server = stack.enter_context(Server("slowlog-log-slower-than -1", binary=any_server.binary))
        connection = stack.enter_context(Connection(server.path, timeout=60))
        handlers = [
            await stack.enter_async_context(opened(redis.Connection(*server.address, protocol=protocol, **options)))
            for protocol in (2, 3)
        ]
        assert [rc._factory.pool[0].link.resp_version for rc in handlers] == [2, 3]
        problems = [
            await difference(row, way, connection, handlers)
            for row in some(runnable(ROWS, server))
            for way in ways
            if is_for(any_server.version, row.needs) and (way == "transaction" or not row.blocking)
        ]
    assert len(problems) > extent(500, 60)
    assert not any(problems), "\n".join(filter(None, problems))


async def speaks(rc: Any) -> Any:
    """The version of the protocol that a server uses on a connection of a handler; None before Redis 6."""
    hello = await bounded(rc.execute_command("HELLO"))
    return hello["proto"] if isinstance(hello, dict) else dict(zip(hello[::2], hello[1::2], strict=True))["proto"]


@pytest_twisted.ensureDeferred
async def test_a_url_asks_for_it_and_blocking_commands_have_it(server):
    url = f"redis://{server.host}:{server.port}/2?protocol=3"
    async with opened(redis.connect(url)) as rc:
        assert await speaks(rc) == 3
        await bounded(rc.zadd("z", {"a": 1.5}))
        assert await bounded(rc.bzpopmin("z", 1)) == ("z", "a", 1.5)
        assert await bounded(rc.batch([("HGETALL", "none")])) == [{}]
        transaction = await bounded(rc.multi())
        transaction.zadd("z", {"b": 2})
        transaction.zrange("z", withscores=True)
        assert await bounded(transaction.commit()) == [1, [("b", 2.0)]]
    assert server.command("EXISTS", "z") == 0, "database 2 was selected"


@pytest_twisted.ensureDeferred
async def test_a_lost_connection_asks_again(server):
    async with opened(redis.Connection(*server.address, protocol=3)) as rc:
        server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert await speaks(rc.retrying) == 3


@pytest_twisted.ensureDeferred
async def test_a_login_comes_before_it(make_server):
    server = make_server(password="secret")
    for password in ("secret", lambda: "secret"):
        async with opened(redis.Connection(*server.address, protocol=3, password=password, dbid=1)) as rc:
            assert await speaks(rc) == 3
    async with opened(redis.Connection(*server.address, protocol=3)) as rc:
        assert await bounded(rc.auth("secret")) == "OK"
        assert await speaks(rc) == 3
    with pytest.raises(redis.ConnectionError, match="WRONGPASS"):
        await bounded(redis.Connection(*server.address, protocol=3, password="wrong"))


@pytest.mark.parametrize("protocol", [2, 3])
@pytest_twisted.ensureDeferred
async def test_subscribers_work_under_either_protocol(server, protocol):
    taken: list[Any] = []
    async with opened(redis.Connection(*server.address, protocol=protocol)) as rc:
        sub = await bounded(rc.subscriber(on_message=lambda *parts: taken.append(parts)))
        await bounded(sub.subscribe(["a", "b"]))
        await bounded(sub.psubscribe("p*"))
        await bounded(sub.ssubscribe("s"))
        first = sub.pool.connection
        sub.drop(redis.ConnectionError("of the test"))
        await until(lambda: sub.pool.connection is not first, "another connection")
        await bounded(sub.subscribe("c"))
        for name in ("a", "p1", "c"):
            assert await bounded(rc.publish(name, "1")) == 1
        assert await bounded(rc.spublish("s", "x")) == 1
        await until(lambda: len(taken) == 4, "four messages came")
        assert taken == [(None, "a", 1), ("p*", "p1", 1), (None, "c", 1), (None, "s", "x")]
        assert sub.pool.connection.link.resp_version == protocol
        await bounded(sub.unsubscribe())
        assert await bounded(rc.publish("a", "2")) == 0
        await bounded(sub.disconnect())


@pytest_twisted.ensureDeferred
async def test_a_monitor_hears_of_commands_under_resp3(server):
    heard: list[str] = []

    class Program(redis.MonitorProtocol):
        def messageReceived(self, message):
            heard.append(message)

    factory = redis.MonitorFactory(protocol=3)
    factory.protocol = Program
    from twisted.internet import reactor

    factory.startConnecting(TCP4ClientEndpoint(reactor, *server.address))
    await bounded(factory.deferred)
    await bounded(factory.pool[0].monitor())
    server.command("GET", "a key")
    await until(lambda: any("a key" in message for message in heard), "the command is told")
    assert heard[0] == "OK"
    await bounded(factory.disconnect())


@pytest_twisted.ensureDeferred
async def test_shards_and_sentinels_answer_in_it(server):
    shards = redis.ShardedConnection([f"{server.host}:{server.port}"], protocol=3)
    async with opened(shards) as rc:
        await bounded(rc.hset("h", "f", "v"))
        assert await bounded(rc.hgetall("h")) == {"f": "v"}
    with SentinelProcess(server, service="main") as watching:
        for protocol in (2, 3):
            sentinels = redis.Sentinel([watching.address], protocol=protocol)
            rc = sentinels.master_for("main", protocol=protocol)
            await bounded(rc.set("k", "v"))
            assert await bounded(rc.get("k")) == "v"
            assert rc._factory.pool[0].link.resp_version == protocol
            await bounded(rc.disconnect())
            await bounded(sentinels.disconnect())
