"""Sequences of calls whose results are compared: each returns what it saw, step by step."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from .clients import Session
from .outcomes import outcome_of

#: A sequence of calls.
Program = Callable[[Session], Coroutine[Any, Any, Any]]

SESSIONS: list[Program] = []


def session(function: Program) -> Program:
    """Make a function one of :data:`SESSIONS`."""
    SESSIONS.append(function)
    return function


# -- transactions


@session
async def transaction(s):
    rc = await s.connect()
    t = await rc.multi()
    queued = [
        await t.set("a", 1),
        await t.incr("a"),
        await t.get("a"),
        await t.hmset("h", {"f": 2}),
        await t.hgetall("h"),
    ]
    return [queued, await t.commit(), await rc.get("a")]


@session
async def transaction_of_every_type_of_reply(s):
    rc = await s.connect()
    await rc.rpush("l", ["x", 1, "2.5"])
    t = await rc.multi()
    queued = [
        await t.ping(),
        await t.get("nothing"),
        await t.lrange("l", 0, -1),
        await t.mget(["a", "b"]),
        await t.scan(),
    ]
    queued += [
        await t.eval("return {1, {2, {'x', false}}}"),
        await t.type("l"),
        await t.zadd("z", 1.0, "m"),
        await t.zrange("z"),
    ]
    return [queued, await t.commit()]


@session
async def empty_transaction(s):
    rc = await s.connect()
    t = await rc.multi()
    return [await t.commit(), await rc.ping()]


@session
async def transaction_without_waiting_for_the_answers(s):
    rc = await s.connect()
    t = await rc.multi()
    queued = [t.incr("a") for _ in range(50)]
    committed = t.commit()
    return [await gatherResults(queued), await committed, await rc.get("a")]


@session
async def discarded_transaction(s):
    rc = await s.connect()
    t = await rc.multi()
    return [await t.set("a", 1), await t.discard(), await rc.get("a")]


@session
async def transaction_committed_twice(s):
    rc = await s.connect()
    t = await rc.multi()
    await t.set("a", 1)
    return [await t.commit(), await outcome_of(t.commit), await outcome_of(t.discard)]


@session
async def commit_and_discard_without_transaction(s):
    rc = await s.connect()
    return [await outcome_of(rc.commit), await outcome_of(rc.discard), await rc.ping()]


@session
async def transaction_with_a_refused_command(s):
    rc = await s.connect()
    t = await rc.multi()
    await t.set("a", 1)
    return [
        await outcome_of(lambda: t.execute_command("GET")),
        await outcome_of(t.commit),
        await outcome_of(lambda: rc.get("a")),
    ]


@session
async def transaction_with_a_command_that_fails(s):
    rc = await s.connect()
    t = await rc.multi()
    await t.set("a", "x")
    await t.lpush("a", 1)
    await t.get("a")
    return [await outcome_of(t.commit), await rc.get("a")]


@session
async def transaction_with_a_command_that_cannot_be_sent(s):
    rc = await s.connect()
    t = await rc.multi()
    await t.set("a", 1)
    refused = await outcome_of(lambda: t.bitcount("a", 0))
    return [refused, await outcome_of(t.commit), await rc.get("a")]


@session
async def watch_of_a_key_that_stays(s):
    rc = await s.connect()
    await rc.set("a", 1)
    t = await rc.watch("a")
    value = await t.get("a")
    await t.multi()
    return [value, await t.set("a", value + 1), await t.commit(), await rc.get("a")]


@session
async def watch_of_a_key_that_changes(s):
    rc, other = await s.connect(), await s.connect()
    t = await rc.watch(["a", "b"])
    await other.set("b", 5)
    await t.multi()
    queued = await t.set("a", 1)
    return [queued, await outcome_of(t.commit), await rc.get("a"), await rc.get("b"), await rc.ping()]


@session
async def watch_then_unwatch(s):
    rc, other = await s.connect(), await s.connect()
    t = await rc.watch("a")
    await other.set("a", 5)
    return [await t.unwatch(), await rc.get("a")]


@session
async def watch_of_keys_of_every_kind_of_iterable(s):
    rc, other = await s.connect(), await s.connect()
    seen = []
    for keys in ("a", ["a", "b"], ("a", "b"), {"a": 1}):
        t = await rc.watch(keys)
        await other.incr("a")
        await t.multi()
        await t.set("x", 1)
        seen.append(await outcome_of(t.commit))
    return seen


@session
async def watch_of_bytes(s):
    rc, other = await s.connect(), await s.connect()
    t = await rc.watch(b"a")
    await other.set("a", 1)
    await t.multi()
    await t.set("x", 1)
    return await outcome_of(t.commit)


@session
async def multi_with_keys(s):
    rc = await s.connect()
    await rc.hset("h", "f", 1)
    t = await rc.multi("h")
    await t.set("a", 1)
    await t.hgetall("h")
    await t.get("a")
    return await outcome_of(t.commit)


@session
async def multi_with_keys_that_change(s):
    rc, other = await s.connect(), await s.connect()
    t = await rc.multi(["a"])
    await t.set("x", 1)
    await other.set("a", 1)
    return [await outcome_of(t.commit), await rc.get("x")]


@session
async def transaction_over_bytes(s):
    rc = await s.connect(charset=None)
    t = await rc.multi()
    await t.set("a", "x")
    await t.get("a")
    return await t.commit()


@session
async def stored_text_like_an_answer(s):
    rc = await s.connect()
    await rc.mset({"q": "QUEUED", "o": "OK"})
    t = await rc.multi()
    await t.get("q")
    await t.get("o")
    return [await outcome_of(t.commit), await outcome_of(lambda: rc.get("q"))]


@session
async def transaction_after_a_stored_text_like_an_answer(s):
    rc = await s.connect()
    await rc.set("q", "QUEUED")
    await rc.get("q")
    t = await rc.multi()
    await t.set("a", 1)
    await t.hgetall("h")
    return [await outcome_of(t.commit), await outcome_of(lambda: rc.get("a"))]


@session
async def many_transactions_in_a_pool(s):
    rc = await s.connect(poolsize=3)

    async def add():
        t = await rc.multi()
        await t.incr("n")
        await t.hgetall("h")
        return (await t.commit())[1]

    adding = [Deferred.fromCoroutine(add()) for _ in range(9)]
    return [await gatherResults(adding, consumeErrors=True), await rc.get("n")]


# -- pipelines


@session
async def pipeline(s):
    rc = await s.connect()
    p = await rc.pipeline()
    each = [p.set("a", 1), p.incr("a"), p.get("a"), p.lpush("l", ["x", "y"]), p.lrange("l", 0, -1), p.get("nothing")]
    return [await p.execute_pipeline(), await gatherResults(each), await rc.get("a")]


@session
async def pipeline_with_conversions(s):
    rc = await s.connect()
    p = await rc.pipeline()
    p.hmset("h", {"f": 1})
    p.hgetall("h")
    p.sadd("s", [1, 2])
    p.smembers("s")
    p.hexists("h", "f")
    p.zadd("z", 1, "m")
    p.zrange("z", withscores=True)
    p.zscore("z", "m")
    p.sismember("s", 1)
    return await p.execute_pipeline()


@session
async def pipeline_with_an_error(s):
    rc = await s.connect()
    p = await rc.pipeline()
    p.set("a", "x")
    p.lpush("a", 1)
    p.get("a")
    return [await outcome_of(p.execute_pipeline), await rc.get("a")]


@session
async def pipeline_with_a_command_that_cannot_be_sent(s):
    rc = await s.connect()
    p = await rc.pipeline()
    p.set("a", 1)
    refused = await outcome_of(lambda: p.bitcount("a", 0))
    return [refused, await outcome_of(p.execute_pipeline), await rc.get("a")]


@session
async def pipeline_without_commands(s):
    rc = await s.connect()
    p = await rc.pipeline()
    return [await p.execute_pipeline(), await rc.ping()]


@session
async def pipeline_executed_twice(s):
    rc = await s.connect()
    p = await rc.pipeline()
    p.ping()
    return [await p.execute_pipeline(), await outcome_of(p.execute_pipeline)]


@session
async def pipeline_not_begun(s):
    rc = await s.connect()
    return await outcome_of(rc.execute_pipeline)


@session
async def pipeline_object_after_its_end(s):
    rc = await s.connect()
    p = await rc.pipeline()
    p.set("a", 1)
    return [await p.execute_pipeline(), await p.get("a")]


@session
async def long_pipeline(s):
    rc = await s.connect()
    p = await rc.pipeline()
    for number in range(3000):
        p.set(f"k{number % 10}", number)
        p.get(f"k{number % 10}")
    return await p.execute_pipeline()


# -- one connection


@session
async def commands_without_waiting(s):
    rc = await s.connect()
    return await gatherResults(
        [call for n in range(300) for call in (rc.set(f"k{n % 7}", n), rc.get(f"k{n % 7}"), rc.incr("n"))]
    )


@session
async def commands_without_waiting_some_of_which_fail(s):
    rc = await s.connect()
    await rc.set("a", "x")
    deferreds = [rc.get("a"), rc.incr("a"), rc.append("a", "y"), rc.lpush("a", 1), rc.get("a")]
    return [await outcome_of(lambda deferred=deferred: deferred) for deferred in deferreds]


@session
async def script_then_command_without_waiting(s):
    rc = await s.connect()
    script = "redis.call('INCR', KEYS[1]) return redis.call('GET', KEYS[1])"
    return await gatherResults(
        [rc.set("a", 1), rc.eval(script, ["a"]), rc.get("a"), rc.eval(script, ["a"]), rc.get("a")]
    )


@session
async def scripts(s):
    rc, other = await s.connect(), await s.connect()
    seen = [await rc.eval("return ARGV[1]", [], ["x"]), await rc.eval("return ARGV[1]", [], [2])]
    await other.script_flush()
    seen.append(await rc.eval("return ARGV[1]", [], [3]))
    digest = await rc.script_load("return 'loaded'")
    seen += [digest, await rc.script_exists(digest), await rc.evalsha(digest), await other.evalsha(digest)]
    await rc.script_flush()
    return [*seen, await rc.script_exists(digest, digest), await outcome_of(lambda: rc.evalsha(digest))]


@session
async def scan_loops(s):
    rc = await s.connect()
    await rc.mset({f"key:{n}": n for n in range(500)})
    await rc.sadd("set", range(500))
    await rc.hmset("hash", {f"f{n}": n for n in range(700)})
    await rc.zadd("zset", *[part for n in range(300) for part in (n, f"m{n}")])
    seen = []
    for scan in (
        lambda cursor: rc.scan(cursor, "key:*", 50),
        lambda cursor: rc.sscan("set", cursor, count=50),
        lambda cursor: rc.hscan("hash", cursor),
        lambda cursor: rc.zscan("zset", cursor, "m1*", 10),
    ):
        cursor, found = await scan(0)
        types = {type(cursor).__name__}
        while cursor not in (0, "0"):
            cursor, more = await scan(cursor)
            types.add(type(cursor).__name__)
            found += more
        seen.append([sorted(found, key=repr), types])
    return seen


@session
async def large_replies(s):
    rc = await s.connect()
    await rc.set("big", "x" * 3_000_000)
    await rc.rpush("list", list(range(20_000)))
    nested = await rc.eval("local t = {'x'} for n = 1, 6 do t = {n, t} end return t")
    return [len(await rc.get("big")), await rc.lrange("list", 0, -1), nested, await rc.ping()]


@session
async def every_byte(s):
    seen = []
    for charset in ("utf-8", None, "latin-1", "ascii"):
        rc = await s.connect(charset=charset)
        await rc.set("k", bytes(range(256)))
        await rc.rpush("each", [bytes([n]) for n in range(256)])
        seen += [await rc.get("k"), await rc.lrange("each", 0, -1)]
        await rc.flushdb()
    return seen


@session
async def text_of_every_charset(s):
    seen = []
    for charset in ("utf-8", None, "latin-1", "cp1252", "ascii", "koi8-r"):
        rc = await s.connect(charset=charset)
        for text in ("plain", "k\xe4se", "\u20ac", "\u0416", "\U0001f600"):
            seen += [await outcome_of(lambda rc=rc, text=text: rc.set("k", text)), await rc.get("k")]
        await rc.flushdb()
    return seen


@session
async def field_names_that_are_numbers(s):
    rc = await s.connect()
    await rc.hmset("h", {"1": "x", "2.5": 3, "007": "y"})
    return [await rc.hgetall("h"), await rc.hkeys("h"), await rc.hmget("h", ["1", 2.5])]


@session
async def members_that_are_numbers(s):
    rc = await s.connect()
    await rc.zadd("z", 1, "10", 2, "x", 3, "2.5")
    await rc.sadd("s", ["1", "x"])
    return [await rc.zrange("z"), await rc.zrange("z", withscores=True), await rc.smembers("s")]


@session
async def cancelled_command(s):
    rc = await s.connect()
    await rc.mset({"a": 1, "b": 2})
    first, second = rc.get("a"), rc.get("b")
    first.cancel()
    return [await outcome_of(lambda: first), await second, await rc.get("a")]


@session
async def quit_then_command(s):
    rc = await s.connect()
    return [await rc.quit(), await outcome_of(lambda: rc.get("a"))]


@session
async def command_after_disconnect(s):
    rc = await s.connect()
    await rc.disconnect()
    return [await outcome_of(lambda: rc.get("a")), await outcome_of(rc.multi), repr(rc)]


@session
async def disconnecting_twice(s):
    rc = await s.connect()
    return [await rc.disconnect() is None, await outcome_of(rc.disconnect)]


@session
async def text_of_a_handler(s):
    rc, pool = await s.connect(), await s.connect(poolsize=3)
    return [repr(rc), repr(pool), rc._factory.size, pool._factory.size, len(pool._factory.pool)]


@session
async def databases(s):
    zero, one = await s.connect(dbid=0), await s.connect(dbid=1)
    await zero.set("a", 0)
    await one.set("a", 1)
    moved = [await one.move("a", 0), await one.move("a", 3)]
    return [await zero.get("a"), await one.get("a"), moved, await zero.select(3), await zero.get("a")]


@session
async def blocking_pops(s):
    rc, other = await s.connect(poolsize=2), await s.connect()
    popped = [rc.blpop("a"), rc.brpop(["b", "c"], 5)]
    await other.rpush("c", [1, 2])
    await other.rpush("a", "x")
    seen = await gatherResults(popped)
    return [seen, await rc.brpop("nothing", 0.05), await rc.brpoplpush("nothing", "d", 0.05), await rc.ping()]


@session
async def blocking_pops_with_a_reply_timeout(s):
    rc = await s.connect(replyTimeout=0.4)
    return [await rc.blpop("nothing", 0.2), await rc.ping()]


@session
async def reply_timeout(s):
    rc = await s.connect(replyTimeout=0.1)
    # (A server that pauses answers this one.)
    await rc.execute_command("CLIENT", "PAUSE", 500, "ALL")
    return await outcome_of(lambda: rc.get("k"))


@session
async def a_blocking_command_given_by_its_name(s):
    rc = await s.connect(replyTimeout=0.3)
    return await outcome_of(lambda: rc.execute_command("BLPOP", "nothing", 0.5))


@session
async def timers_left_after_the_last_reply(s):
    from twisted.internet import reactor

    rc = await s.connect(replyTimeout=30)
    before = reactor.getDelayedCalls()
    await gatherResults([rc.get("a"), rc.get("b")])
    p = await rc.pipeline()
    p.ping()
    await p.execute_pipeline()
    await deferLater(reactor, 0)
    return len([call for call in reactor.getDelayedCalls() if call not in before])


@session
async def lazy_connection(s):
    rc = s.lazy()
    return [repr(rc), await rc.set("a", 1), await rc.get("a")]


# -- connecting that fails


@session
async def refused_connections(s):
    return [
        await outcome_of(lambda: s.connect(dbid=999)),
        await outcome_of(lambda: s.connect(password="wrong", username="nobody")),
        await outcome_of(lambda: s.connect(dbid="1")),
        await outcome_of(lambda: s.connect(poolsize="1")),
        await outcome_of(lambda: s.redis.Connection("127.0.0.1", 1, reconnect=False)),
        await outcome_of(lambda: s.redis.UnixConnection("/nonexistent/socket", reconnect=False)),
    ]


# -- published messages


@session
async def published_messages(s):
    from twisted.internet import protocol, reactor

    messages, lost = [], Deferred()

    class Subscriber(s.redis.SubscriberProtocol):
        def messageReceived(self, pattern, channel, message):
            messages.append((pattern, channel, message))
            if len(messages) == 5:
                complete.callback(None)

        def connectionLost(self, reason):
            super().connectionLost(reason)
            lost.callback(None)

    complete: Deferred[None] = Deferred()
    subscriber = await protocol.ClientCreator(reactor, Subscriber).connectTCP(*s.address)
    confirmed = [await subscriber.subscribe("a"), await subscriber.subscribe(["7"]), await subscriber.psubscribe("p*")]
    rc = await s.connect()
    sent = [
        await rc.publish("a", "text"),
        await rc.publish("a", 5),
        await rc.publish("7", "1.5"),
        await rc.publish("pq", b"\xff"),
    ]
    confirmed += [await subscriber.unsubscribe("a"), await subscriber.punsubscribe(["p*"])]
    sent += [await rc.publish("a", "unheard"), await rc.publish("pq", "unheard"), await rc.publish("7", "last")]
    await complete
    subscriber.transport.loseConnection()
    await lost
    return [confirmed, sent, messages]
