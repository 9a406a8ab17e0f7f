"""What travels over connections to real servers: time limits, lost connections, blocking commands, values, scripts."""

from __future__ import annotations

import pytest
import pytest_twisted
from testbed.live import bounded, clients, opened, turn, until
from twisted.internet.defer import CancelledError, DeferredList, gatherResults

import txredis_fast as redis


async def outcomes(deferreds):
    """What each has fired or failed with."""
    results = await bounded(DeferredList(deferreds, consumeErrors=True))
    return [result if success else result.value for success, result in results]


# -- time limits


@pytest_twisted.ensureDeferred
async def test_replyTimeout_against_a_server_that_hangs(fresh_server):
    async with opened(redis.ConnectionPool(*fresh_server.address, poolsize=2, replyTimeout=0.2)) as rc:
        fresh_server.pause()
        # On a connection each: a command that shares one with another may end when that is overdue, as lost.
        incremented = [rc.incr("key") for _ in range(2)]
        for error in await outcomes(incremented):
            assert isinstance(error, redis.ReplyTimeoutError)
            assert isinstance(error, redis.MaybeExecutedError)
        fresh_server.resume()
        # Executed once each, or not at all; and nothing is left that would answer the next.
        assert await bounded(rc.get("key")) in (None, 1, 2)
        assert await bounded(rc.execute_command("ECHO", "hello")) == "hello"


@pytest_twisted.ensureDeferred
async def test_replyTimeout_does_not_limit_a_blocking_command(server):
    async with opened(redis.ConnectionPool(*server.address, poolsize=2, replyTimeout=0.1)) as rc:
        waiting = rc.blpop("list", timeout=10)
        await turn(0.3)
        await bounded(rc.rpush("list", "x"))
        assert await bounded(waiting) == ["list", "x"]


@pytest_twisted.ensureDeferred
async def test_poolTimeout_while_every_connection_is_taken(server):
    async with opened(redis.ConnectionPool(*server.address, poolsize=2, poolTimeout=0.1)) as rc:
        taken = [await bounded(rc.multi()) for _ in range(2)]
        with pytest.raises(redis.NotSentError, match="all 2 connections are taken"):
            await bounded(rc.get("key"))
        waiting = rc.set("key", "value")
        await bounded(taken[0].commit())
        assert await bounded(waiting) == "OK"
        await bounded(taken[1].discard())


@pytest_twisted.ensureDeferred
async def test_poolTimeout_of_0_fails_at_once_while_the_server_is_down_and_recovers(fresh_server):
    async with opened(redis.lazyConnectionPool(*fresh_server.address, poolsize=2, poolTimeout=0)) as rc:
        for _ in range(3):
            await until(lambda: rc._factory.size == 2, "connected")
            assert await bounded(rc.ping()) == "PONG"
            fresh_server.kill()
            await until(lambda: not rc._factory.size, "lost")
            for command in (rc.get("key"), rc.multi(), rc.blpop("list"), rc.eval("return 1")):
                assert command.called
                with pytest.raises(redis.NotSentError, match=r"^Not connected: "):
                    await command
            fresh_server.start()


# -- lost connections


@pytest.mark.parametrize("size", [1, 3])
@pytest_twisted.ensureDeferred
async def test_commands_given_while_the_server_is_down_wait_and_go_out_in_order(fresh_server, size):
    async with opened(redis.ConnectionPool(*fresh_server.address, poolsize=size)) as rc:
        for _ in range(3):
            fresh_server.kill()
            await until(lambda: not rc._factory.size, "lost")
            waiting = [rc.rpush("list", number) for number in range(50)]
            await turn(0.05)
            assert not any(command.called for command in waiting)
            fresh_server.start()
            assert await bounded(gatherResults(waiting)) == list(range(1, 51))
            assert await bounded(rc.lrange("list", 0, -1)) == list(range(50))


@pytest_twisted.ensureDeferred
async def test_what_was_written_when_the_server_died_fails_and_is_not_sent_again(fresh_server):
    async with opened(redis.Connection(*fresh_server.address)) as rc:
        fresh_server.pause()
        written = [rc.incr("key") for _ in range(5)]
        await turn(0.05)
        fresh_server.restart()
        assert [type(error) for error in await outcomes(written)] == [redis.MaybeExecutedError] * 5
        assert await bounded(rc.get("key")) is None
        assert "cmdstat_incr" not in fresh_server.info("commandstats")


@pytest_twisted.ensureDeferred
async def test_connections_that_are_killed_under_load_lose_and_repeat_nothing(fresh_server):
    async with opened(redis.ConnectionPool(*fresh_server.address, poolsize=4)) as rc:
        commands = []
        for _ in range(20):
            commands += [rc.incr("key") for _ in range(100)]
            await turn(0.002)
            fresh_server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        ended = await outcomes(commands)
        confirmed = [count for count in ended if isinstance(count, int)]
        errors = [error for error in ended if not isinstance(error, int)]
        assert {type(error) for error in errors} <= {redis.MaybeExecutedError, redis.NotSentError}
        doubtful = sum(isinstance(error, redis.MaybeExecutedError) for error in errors)
        assert len(set(confirmed)) == len(confirmed)
        assert len(confirmed) <= int(fresh_server.command("GET", "key")) <= len(confirmed) + doubtful


@pytest_twisted.ensureDeferred
async def test_without_reconnect_a_lost_connection_stays_lost(fresh_server):
    async with opened(redis.ConnectionPool(*fresh_server.address, poolsize=2, reconnect=False)) as rc:
        fresh_server.restart()
        await until(lambda: not rc._factory.size, "lost")
        with pytest.raises(redis.NotSentError, match="Not connected"):
            await bounded(rc.ping())
        await turn(0.2)
        assert clients(fresh_server) == []


# -- blocking commands


@pytest_twisted.ensureDeferred
async def test_a_blocking_command_waits_for_an_element_from_another_connection(any_server):
    async with (
        opened(redis.Connection(*any_server.address)) as one,
        opened(redis.Connection(*any_server.address)) as other,
    ):
        came = []
        waiting = one.blpop(["first", "second"], timeout=10).addCallback(came.append)
        await bounded(other.set("key", "meanwhile"))
        assert await bounded(one.get("key")) == "meanwhile"
        await turn(0.05)
        assert came == []
        await bounded(other.rpush("second", "x"))
        await bounded(waiting)
        assert came == [["second", "x"]]
        moved = one.brpoplpush("first", "second", timeout=10)
        await bounded(other.rpush("first", "y"))
        assert await bounded(moved) == "y"
        assert await bounded(other.lrange("second", 0, -1)) == ["y"]


@pytest_twisted.ensureDeferred
async def test_a_blocking_command_gives_up_after_its_timeout(server):
    async with opened(redis.Connection(*server.address)) as rc:
        assert await bounded(gatherResults([rc.brpop("list", timeout=1), rc.ping()])) == [None, "PONG"]


@pytest.mark.parametrize("size", [1, 2])
@pytest_twisted.ensureDeferred
async def test_a_cancelled_blocking_command_eats_no_element(server, size):
    async with opened(redis.ConnectionPool(*server.address, poolsize=size)) as rc:
        for number in range(10):
            waiting = rc.blpop(f"list:{number}", timeout=10)
            await until(lambda: any("b" in client["flags"] for client in clients(server)), "it waits")
            waiting.cancel()
            with pytest.raises(CancelledError):
                await waiting
            await until(lambda: not any("b" in client["flags"] for client in clients(server)), "it is gone")
            await bounded(rc.rpush(f"list:{number}", "x"))
            assert await bounded(rc.lrange(f"list:{number}", 0, -1)) == ["x"]


# -- values


CONVERTED = {
    True: [7, 1.5, "1_000", "x", "é", b"\xff"],
    "exact": ["007", "1.50", "1_000", "x", "é", b"\xff"],
    False: ["007", "1.50", "1_000", "x", "é", b"\xff"],
}
STORED = [b"007", b"1.50", b"1_000", b"x", "é".encode(), b"\xff"]


@pytest.mark.parametrize("mode", CONVERTED)
@pytest_twisted.ensureDeferred
async def test_numbers_and_text(server, mode):
    for index, value in enumerate(STORED):
        server.command("SET", f"key{index}", value)
    keys = [f"key{index}" for index in range(len(STORED))]
    async with opened(redis.ConnectionPool(*server.address, convertNumbers=mode)) as rc:
        assert await bounded(rc.mget(keys)) == CONVERTED[mode]
        assert [await bounded(rc.get(key)) for key in keys] == CONVERTED[mode]
        assert await bounded(rc.raw.mget(keys)) == STORED
        assert await bounded(rc.raw.get("missing")) is None


@pytest_twisted.ensureDeferred
async def test_charsets(server):
    async with opened(redis.Connection(*server.address, charset="latin-1")) as rc:
        await bounded(rc.set("é", "ü"))
        assert server.command("GET", b"\xe9") == b"\xfc"
        assert await bounded(rc.get("é")) == "ü"
        with pytest.raises(redis.InvalidData):
            await bounded(rc.set("€", 1))
    async with opened(redis.Connection(*server.address, charset=None)) as rc:
        await bounded(rc.set("€", b"\xff"))
        assert await bounded(rc.get("€")) == b"\xff"
        t = await bounded(rc.multi())
        await bounded(t.hset("hash", "field", "value"))
        t.hgetall("hash")
        assert await bounded(t.commit()) == [1, {b"field": b"value"}]


@pytest_twisted.ensureDeferred
async def test_values_of_0_bytes_and_of_20_megabytes(server):
    big = bytes(range(256)) * (20 * 1024 * 1024 // 256)
    text = "ä" * (10 * 1024 * 1024)
    async with opened(redis.ConnectionPool(*server.address, poolsize=2)) as rc:
        values = {"empty": "", "big": big, "text": text}
        for key, value in values.items():
            assert await bounded(rc.set(key, value)) == "OK"
        # Short replies on their way beside and behind the long ones.
        keys = ["big", "empty", "text", "empty"]
        replies = await bounded(gatherResults([rc.get(key) for key in keys]))
        assert all(reply == values[key] for key, reply in zip(keys, replies, strict=True))
        memory = memoryview(big)
        assert await bounded(rc.append("empty", memory)) == len(big)
        assert await bounded(rc.raw.substr("empty", -3, -1)) == b"\xfd\xfe\xff"


@pytest.mark.parametrize("size", [1, 10])
@pytest_twisted.ensureDeferred
async def test_10_000_commands_at_once_each_get_their_own_reply(server, size):
    async with opened(redis.ConnectionPool(*server.address, poolsize=size)) as rc:
        written = [rc.set(f"key:{number}", f"value of {number}") for number in range(10_000)]
        assert set(await bounded(gatherResults(written))) == {"OK"}
        read = await bounded(gatherResults([rc.get(f"key:{number}") for number in range(10_000)]))
        assert read == [f"value of {number}" for number in range(10_000)]


# -- scripts and walks


@pytest_twisted.ensureDeferred
async def test_scripts_are_run_whatever_the_server_has_forgotten(any_server):
    script = "return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}"
    async with opened(redis.ConnectionPool(*any_server.address, poolsize=3)) as rc:
        expected = 0
        for _ in range(3):
            runs = [rc.eval(script, ["key"], [number]) for number in range(200)]
            replies = await bounded(gatherResults(runs))
            expected += 200
            assert [reply[:2] for reply in replies] == [["key", number] for number in range(200)]
            assert await bounded(rc.get("key")) == expected
            any_server.command("SCRIPT", "FLUSH")
        # The server forgot it, the connections did not notice; nor may a transaction.
        t = await bounded(rc.multi())
        t.eval(script, "key", "x")
        t.get("key")
        assert await bounded(t.commit()) == [["key", "x", expected + 1], expected + 1]
        sha1_hash = await bounded(rc.script_load("return 12"))
        assert await bounded(rc.evalsha(sha1_hash)) == 12
        assert await bounded(rc.script_exists(sha1_hash)) is True
        await bounded(rc.script_flush())
        with pytest.raises(redis.ScriptDoesNotExist):
            await bounded(rc.evalsha(sha1_hash))
        with pytest.raises(redis.NoScriptRunning):
            await bounded(rc.script_kill())
        with pytest.raises(redis.ResponseError, match=r"(?i)compil"):
            await bounded(rc.eval("this is no Lua"))


async def walk(scan):
    """All the elements that a scan gives, and in how many parts."""
    cursor, found, parts = 0, [], 0
    while True:
        cursor, elements = await bounded(scan(cursor))
        found += elements
        parts += 1
        if not cursor:
            return found, parts


@pytest_twisted.ensureDeferred
async def test_scans_find_everything(any_server):
    names = [f"name{number}" for number in range(2000)]
    async with opened(redis.ConnectionPool(*any_server.address, poolsize=2)) as rc:
        p = await bounded(rc.pipeline())
        for number, name in enumerate(names):
            p.set(name, number)
            p.sadd("set", name)
            p.hset("hash", name, number)
            p.zadd("zset", number, name)
        await bounded(p.execute_pipeline())
        numbers = dict(zip(names, range(2000), strict=True))
        keys, parts = await walk(lambda cursor: rc.scan(cursor, "name*", 100))
        assert set(keys) == set(names)
        assert parts > 1
        members, _ = await walk(lambda cursor: rc.sscan("set", cursor))
        assert set(members) == set(names)
        fields, _ = await walk(lambda cursor: rc.hscan("hash", cursor, count=100))
        assert dict(zip(fields[::2], fields[1::2], strict=True)) == numbers
        ranked, _ = await walk(lambda cursor: rc.zscan("zset", cursor))
        assert dict(zip(ranked[::2], ranked[1::2], strict=True)) == numbers
