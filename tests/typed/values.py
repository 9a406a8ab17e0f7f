"""The types of values, as type checkers see them: mypy and pyright check this file, and nothing runs it."""

from __future__ import annotations

import datetime
from typing import Any

from twisted.internet.defer import Deferred
from typing_extensions import assert_type

import txredis_fast as redis
from txredis_fast import Connecting, ConnectionHandler, Pipeline, Transaction
from txredis_fast.commands import Claimed, Commands, Pending, PendingEntry, SlowlogEntry

Default = str | bytes | int | float


async def by_the_options_of_constructors() -> None:
    assert_type(await redis.Connection(), ConnectionHandler)
    assert_type(await redis.Connection("localhost", 6379, 0), ConnectionHandler)
    assert_type(await redis.Connection("localhost", 6379, 0, True, "latin-1"), ConnectionHandler)
    assert_type(await redis.ConnectionPool(poolsize=3, charset=None), ConnectionHandler[bytes])
    assert_type(await redis.ConnectionPool("localhost", charset=None, convertNumbers=True), ConnectionHandler[bytes])
    assert_type(await redis.ConnectionPool(convertNumbers=False), ConnectionHandler[str | bytes])
    assert_type(await redis.ConnectionPool(convertNumbers=False, charset="latin-1"), ConnectionHandler[str | bytes])
    assert_type(await redis.ConnectionPool(convertNumbers=False, undecodable="replace"), ConnectionHandler[str])
    assert_type(await redis.ConnectionPool(convertNumbers=False, undecodable=None), ConnectionHandler[str | bytes])
    assert_type(await redis.ConnectionPool(charset=None, undecodable="replace"), ConnectionHandler[bytes])
    assert_type(await redis.ConnectionPool(undecodable="replace"), ConnectionHandler)
    assert_type(await redis.ConnectionPool(convertNumbers=False, undecodable="error"), ConnectionHandler[str])
    assert_type(await redis.ConnectionPool(charset=None, undecodable="error"), ConnectionHandler[bytes])
    assert_type(await redis.ConnectionPool(undecodable="error"), ConnectionHandler)
    assert_type(await redis.ConnectionPool(convertNumbers="exact"), ConnectionHandler)
    assert_type(redis.lazyConnection(charset=None, replyTimeout=2), ConnectionHandler[bytes])
    assert_type(redis.lazyConnectionPool(convertNumbers=False, poolsize=2, tls=True), ConnectionHandler[str | bytes])
    assert_type(redis.lazyConnectionPool(poolsize=2), ConnectionHandler)
    assert_type(await redis.UnixConnection(charset=None), redis.UnixConnectionHandler[bytes])
    assert_type(await redis.UnixConnectionPool("/s", convertNumbers=False), redis.UnixConnectionHandler[str | bytes])
    assert_type(redis.lazyUnixConnection(charset=None), redis.UnixConnectionHandler[bytes])
    assert_type(redis.lazyUnixConnectionPool(), redis.UnixConnectionHandler)
    assert_type(
        redis.lazyShardedConnection(["h"], convertNumbers=False, undecodable="replace"),
        redis.ShardedConnectionHandler[str],
    )
    shards = await redis.ShardedConnectionPool(["localhost"], charset=None, poolsize=2)
    assert_type(shards, redis.ShardedConnectionHandler[bytes])
    assert_type(await shards.zrange("k", withscores=True), list[tuple[bytes, float]])
    assert_type(await redis.lazyShardedConnection(["localhost"]).raw.mget("a"), list[bytes | None])
    assert_type(await redis.ShardedConnection(["localhost"]), redis.ShardedConnectionHandler)
    assert_type(
        redis.lazyShardedUnixConnection(["/s"], convertNumbers=False), redis.ShardedUnixConnectionHandler[str | bytes]
    )


async def by_the_options_of_from_url_and_from_endpoint(flag: bool) -> None:
    assert_type(await redis.from_url("redis://localhost"), ConnectionHandler)
    assert_type(await redis.from_url("redis://localhost", charset=None, dbid=1), ConnectionHandler[bytes])
    assert_type(await redis.from_url("redis://localhost", convertNumbers=False), ConnectionHandler[str | bytes])
    assert_type(redis.from_url("redis://localhost", isLazy=True, charset=None), ConnectionHandler[bytes])
    assert_type(redis.from_url("redis://localhost", isLazy=True, convertNumbers=False), ConnectionHandler[str | bytes])
    assert_type(redis.from_url("redis://localhost", isLazy=True), ConnectionHandler)
    text = redis.from_url("redis://localhost", convertNumbers=False, undecodable="replace")
    assert_type(await text, ConnectionHandler[str])
    assert_type(redis.from_url("redis://localhost", isLazy=flag), Any)
    assert_type(await redis.from_endpoint("tcp:localhost"), ConnectionHandler)
    assert_type(await redis.from_endpoint("tcp:localhost", charset=None), ConnectionHandler[bytes])
    assert_type(redis.from_endpoint("tcp:localhost", isLazy=True, convertNumbers=False), ConnectionHandler[str | bytes])
    lazy = redis.from_endpoint("tcp:localhost", isLazy=True, convertNumbers=False, undecodable="replace")
    assert_type(lazy, ConnectionHandler[str])


async def by_the_options_of_connect() -> None:
    assert_type(redis.connect(), Connecting[str | bytes])
    assert_type(await redis.connect("redis://localhost", strict=False), ConnectionHandler[str | bytes])
    assert_type(await redis.connect(charset=None), ConnectionHandler[bytes])
    assert_type(await redis.connect(convertNumbers=True), ConnectionHandler)
    assert_type(redis.connect(lazy=True), ConnectionHandler[str | bytes])
    assert_type(redis.connect(undecodable="replace"), Connecting[str])
    assert_type(await (await redis.connect(undecodable="replace")).get("key"), str | None)
    assert_type(await redis.connect(undecodable="replace", convertNumbers=True), ConnectionHandler)
    assert_type(redis.connect(lazy=True, undecodable="replace", strict=False), ConnectionHandler[str])
    assert_type(redis.connect(undecodable="error"), Connecting[str])
    assert_type(await redis.connect(undecodable="error", charset=None), ConnectionHandler[bytes])
    assert_type(await (await redis.connect(undecodable="error")).mget("key"), list[str | None])
    assert_type(redis.connect(lazy=True, charset=None), ConnectionHandler[bytes])
    assert_type(redis.connect(lazy=True, convertNumbers="exact"), ConnectionHandler)
    async with redis.connect(host="localhost", port=6379, charset=None) as rc:
        assert_type(rc, ConnectionHandler[bytes])


class Factory(redis.SentinelConnectionFactory):
    pass


def by_the_options_of_a_sentinel(sentinel: redis.Sentinel) -> None:
    assert_type(sentinel.master_for("service"), ConnectionHandler)
    assert_type(sentinel.master_for("service", Factory, 1, poolsize=3), ConnectionHandler)
    assert_type(sentinel.master_for("service", charset=None, tls=True), ConnectionHandler[bytes])
    assert_type(sentinel.slave_for("service", convertNumbers=False), ConnectionHandler[str | bytes])
    text = sentinel.master_for("service", convertNumbers=False, undecodable="replace", tls=True)
    assert_type(text, ConnectionHandler[str])


async def of_views_transactions_and_pipelines(rc: ConnectionHandler, binary: ConnectionHandler[bytes]) -> None:
    assert_type(await rc.raw.get("k"), bytes | None)
    assert_type(await rc.raw.withTimeout(2).retrying.hgetall("k"), dict[bytes, bytes])
    assert_type(await rc.raw.geosearch("k", "m", radius=1, withdist=True), list[tuple[bytes, float]])
    assert_type((await rc.raw.xpending_range("k", "g"))[0].consumer, bytes)
    assert_type((await rc.xpending_range("k", "g"))[0].consumer, Default)
    assert_type(await rc.withTimeout(2).get("k"), Default | None)
    assert_type(await binary.retrying.get("k"), bytes | None)
    assert_type(await binary.multi("k"), Transaction[bytes])
    assert_type(await binary.watch("k"), Transaction[bytes])
    assert_type(await binary.pipeline(), Pipeline[bytes])
    async with binary.transaction(watch="k") as t:
        assert_type(t, Transaction[bytes])
        assert_type(await t.get("k"), bytes | None)
    async with rc.pipelined() as p:
        assert_type(p, Pipeline)
        assert_type(p.lrange("k", 0, -1), Deferred[list[Default]])
    len(p.results)  # no question of None

    async def increment(t: Transaction[bytes]) -> None:
        assert_type(await t.get("k"), bytes | None)

    await binary.transact(increment, "k")


async def of_values(rc: ConnectionHandler[bytes]) -> None:
    assert_type(await rc.get("k"), bytes | None)
    assert_type(await rc.getset("k", 1), bytes | None)
    assert_type(await rc.mget(["a", "b"]), list[bytes | None])
    assert_type(await rc.hgetall("k"), dict[bytes, bytes])
    assert_type(await rc.hmget("k", ["a", "b"]), list[bytes | None])
    assert_type(await rc.hkeys("k"), list[bytes])
    assert_type(await rc.lrange("k", 0, -1), list[bytes])
    assert_type(await rc.blpop(["k"], 1), list[bytes] | None)
    assert_type(await rc.smembers("k"), set[bytes])
    assert_type(await rc.keys(), list[bytes])
    assert_type(await rc.zrangebylex("k", "-", "+"), list[bytes])
    assert_type(await rc.bzpopmin(["k"]), tuple[bytes, bytes, float] | None)
    assert_type(await rc.xrange("k"), list[tuple[str | bytes, dict[bytes, bytes]]])
    assert_type(await rc.xpending("k", "g"), Pending[bytes])
    assert_type((await rc.xpending("k", "g")).consumers, dict[bytes, int])
    assert_type((await rc.xpending_range("k", "g"))[0], PendingEntry[bytes])
    assert_type((await rc.xpending_range("k", "g"))[0].consumer, bytes)
    assert_type((await rc.xpending_range("k", "g"))[0].idle, int)
    assert_type(await rc.xautoclaim("k", "g", "c", 1), Claimed[tuple[str | bytes, dict[bytes, bytes]]])
    assert_type((await rc.xautoclaim("k", "g", "c", 1)).entries[0][1], dict[bytes, bytes])
    assert_type((await rc.xautoclaim("k", "g", "c", 1, justid=True)).entries, list[str | bytes])
    assert_type((await rc.slowlog_get())[0], SlowlogEntry[bytes])
    assert_type((await rc.slowlog_get())[0].command, list[bytes])
    assert_type(await rc.geosearch("k", "m", radius=1), list[bytes])
    assert_type(await rc.geosearch("k", "m", radius=1, withdist=True), list[tuple[bytes, float]])
    assert_type(await rc.geosearch("k", "m", radius=1, withcoord=True), list[tuple[bytes, tuple[float, float]]])
    places = await rc.geosearch("k", "m", radius=1, withdist=True, withcoord=True)
    assert_type(places, list[tuple[bytes, float, tuple[float, float]]])
    assert_type(await rc.vsim("k", [0.1]), list[bytes])
    assert_type(await rc.vsim("k", "element", with_scores=True), dict[bytes, float])
    assert_type(await rc.vsim("k", "element", with_attribs=True), dict[bytes, Any])
    assert_type(await rc.vsim("k", "element", True, True), dict[bytes, tuple[float, Any]])
    assert_type(await rc.incr("k"), int)
    assert_type(await rc.scan(), tuple[int, list[bytes]])
    cursor, items = await rc.hscan("k", 0, no_values=True)
    assert_type(cursor, int)
    assert_type(items, list[bytes])
    assert_type(await rc.hscan("k", cursor), tuple[int, list[bytes]])
    assert_type((await rc.sscan("k"))[1], list[bytes])
    assert_type(await rc.zscan("k", noscores=True), tuple[int, list[bytes]])
    assert_type([key async for key in rc.scan_iter()], list[bytes])
    assert_type([each async for each in rc.raw.hscan_iter("k")], list[tuple[bytes, bytes]])
    assert_type(await rc.zscan_iter("k", noscores=True).next_page(), list[bytes])
    assert_type(await rc.expire("k", datetime.timedelta(seconds=1)), int)


async def pages_of_scans(rc: ConnectionHandler, texts: ConnectionHandler[str]) -> None:
    assert_type(await rc.scan(0, match="a*"), tuple[int, list[Default]])
    assert_type(await rc.raw.zscan("k"), tuple[int, list[bytes]])
    assert_type(await rc.retrying.sscan("k"), tuple[int, list[Default]])
    assert_type((await texts.hscan("k"))[1][0], str)
    assert_type((await texts.scan(type="hash"))[0], int)


async def of_modules(rc: ConnectionHandler) -> None:
    assert_type(await rc.ts.range("k", "-", count=5), list[tuple[int, float]])
    assert_type(await rc.ts.revrange("k", "-", count=5), list[tuple[int, float]])
    assert_type(await rc.ts.nrevrange(["k"], 0, 9), list[tuple[int, list[float]]])
    assert_type((await rc.ts.mrevrange("-", "+", ["a=b"]))["k"].samples, list[tuple[int, float]])
    assert_type(await rc.ts.read("k", "$", datetime.timedelta(seconds=1)), list[tuple[int, float]])
    assert_type((await rc.search("i").hybrid_search("*", "@v", "$q")).warnings, list[str])


async def by_flags(rc: ConnectionHandler[str], flag: bool) -> None:
    assert_type(await rc.set("k", 1), str | bytes | None)
    assert_type(await rc.set("k", 1, nx=True, ex=2.5), str | bytes | None)
    assert_type(await rc.set("k", 1, get=True), str | None)
    assert_type(await rc.ping(), str | bytes)
    assert_type(await rc.ping(message="m"), str)
    assert_type(await rc.sort("k", desc=True), list[str])
    assert_type(await rc.sort("k", store="to"), int)
    assert_type(await rc.lpop("k"), str | None)
    assert_type(await rc.lpop("k", 2), list[str] | None)
    assert_type(await rc.rpop("k", count=2), list[str] | None)
    assert_type(await rc.lpos("k", "v"), int | None)
    assert_type(await rc.lpos("k", "v", count=0), list[int])
    assert_type(await rc.spop("k"), str | None)
    assert_type(await rc.spop("k", 2), set[str])
    assert_type(await rc.srandmember("k"), str | None)
    assert_type(await rc.srandmember("k", -2), list[str])
    assert_type(await rc.hrandfield("k"), str | None)
    assert_type(await rc.hrandfield("k", 2), list[str])
    assert_type(await rc.hrandfield("k", 2, withvalues=True), list[tuple[str, str]])
    assert_type(await rc.vrandmember("k"), str | None)
    assert_type(await rc.vrandmember("k", 2), list[str])
    assert_type(await rc.zadd("k", 1, "m"), int)
    assert_type(await rc.zadd("k", {"m": 1}, ch=True), int)
    assert_type(await rc.zadd("k", 1, "m", incr=True), int | float | None)
    assert_type(await rc.zrank("k", "m"), int | None)
    assert_type(await rc.zrank("k", "m", withscore=True), tuple[int, float] | None)
    assert_type(await rc.zrevrank("k", "m", withscore=True), tuple[int, float] | None)
    assert_type(await rc.zrange("k", 0, -1), list[str])
    assert_type(await rc.zrange("k", 0, -1, True), list[tuple[str, float]])
    assert_type(await rc.zrange("k", withscores=True, desc=True), list[tuple[str, float]])
    assert_type(await rc.zrange("k", withscores=flag), Any)
    assert_type(await rc.zrevrange("k"), list[str])
    assert_type(await rc.zrevrange("k", withscores=True), list[tuple[str, float]])
    assert_type(await rc.zrangebyscore("k", "-inf", 5), list[str])
    assert_type(await rc.zrangebyscore("k", "-inf", 5, withscores=True), list[tuple[str, float]])
    assert_type(await rc.zrevrangebyscore("k", withscores=True, offset=0, count=1), list[tuple[str, float]])
    assert_type(await rc.zunion(["a", "b"]), list[str])
    assert_type(await rc.zunion({"a": 1}, withscores=True), list[tuple[str, float]])
    assert_type(await rc.zinter(["a", "b"], withscores=True), list[tuple[str, float]])
    assert_type(await rc.zdiff(["a", "b"]), list[str])
    assert_type(await rc.zdiff(["a", "b"], True), list[tuple[str, float]])
    assert_type(await rc.zpopmin("k"), tuple[str, float] | None)
    assert_type(await rc.zpopmax("k", 2), list[tuple[str, float]])
    assert_type(await rc.zrandmember("k"), str | None)
    assert_type(await rc.zrandmember("k", 2), list[str])
    assert_type(await rc.zrandmember("k", 2, True), list[tuple[str, float]])
    assert_type(await rc.xclaim("k", "g", "c", 1, "1-1", justid=True), list[str | bytes])
    assert_type(await rc.xclaim("k", "g", "c", 1, "1-1"), list[tuple[str | bytes, dict[str, str]] | None])


def a_narrower_handler_is_one_of_a_wider_type(
    text: ConnectionHandler[str], binary: ConnectionHandler[bytes], pipeline: Pipeline[str]
) -> None:
    def any_values(rc: ConnectionHandler) -> None: ...
    def text_or_bytes(rc: ConnectionHandler[str | bytes]) -> None: ...
    def any_commands(rc: Commands) -> None: ...

    any_values(text)
    any_values(binary)
    text_or_bytes(text)
    any_commands(pipeline)
    any_commands(binary.raw)
    text_or_bytes(redis.lazyConnection())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class Protocol(redis.RedisProtocol):
    """Subclasses need no brackets."""

    def shout(self, key: str) -> Deferred[Any]:
        return self.execute_command("GET", key)


class Handler(ConnectionHandler):
    def both(self) -> Deferred[list[Default | None]]:
        return self.mget(["a", "b"])


class Store(redis.RedisFactory):
    protocol = Protocol
