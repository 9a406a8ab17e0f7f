"""A program reads what it has written itself, in whatever way it wrote: before the server's word of it is here."""

from __future__ import annotations

import random

import pytest
from testbed.scripted import settle
from testbed.support import failed, fired, pending
from testbed.ways import Fault
from testbed.wire import error
from twisted.internet.defer import CancelledError, Deferred

import txredis_fast as redis
from txredis_fast.client import ConnectionHandler

pytestmark = [
    pytest.mark.usefixtures("logged_errors"),
    pytest.mark.promise(
        "A program's own writes are seen by its cached reads",
        "When the Deferred of a write through a handler has fired (also with an error, when it was cancelled, timed "
        "out or lost), a cached read of the same handler that begins afterwards gives that write or something later. "
        "So for methods, commands by name, batches, pipelines, transactions, scripts, views, blocking commands, and "
        "those of another handler of the same pool.",
        about="Client-side caching",
    ),
]


def coroutine(function):
    """A way to write that is a coroutine."""
    return lambda rc: Deferred.fromCoroutine(function(rc))


async def pipeline(rc):
    pipe = await rc.pipeline()
    pipe.get("a")
    pipe.set("k", "new")
    await pipe.execute_pipeline()


async def pipelined(rc):
    async with rc.pipelined() as pipe:
        pipe.set("k", "new")


async def transaction_in_pipeline(rc):
    pipe = await rc.pipeline()
    pipe.multi()
    pipe.set("k", "new")
    pipe.commit()
    await pipe.execute_pipeline()


async def multi(rc):
    transaction = await rc.multi("w")
    await transaction.set("k", "new")
    await transaction.commit()


async def script_in_transaction(rc):
    async with rc.transaction() as t:
        t.eval("hidden k", ["a"], ["new"])


async def watched(rc):
    transaction = await rc.watch("k")
    await transaction.set("k", "new")  # at once: there is no MULTI
    await transaction.unwatch()


async def transaction(rc):
    async with rc.transaction(watch=["k"]) as t:
        await t.multi()
        t.set("k", "new")


async def transact(rc):
    async def function(t):
        await t.multi()
        t.set("k", "new")

    await rc.transact(function, "k")


def batch_object(rc):
    batch = redis.Batch()
    batch.get("a")
    batch.set("k", "new")
    return rc.batch(batch)


def second_handler(rc):
    return ConnectionHandler(rc._factory).set("k", "new")


WAYS = {
    "method": lambda rc: rc.set("k", "new"),
    "several keys": lambda rc: rc.mset({"a": "1", "k": "new"}),
    "key as bytes": lambda rc: rc.set(b"k", b"new"),
    "renamed to": lambda rc: rc.rename("source", "k"),
    "renamed from": lambda rc: rc.rename("k", "elsewhere"),
    "deleted": lambda rc: rc.delete("k"),
    "flushed": lambda rc: rc.flushall(),
    "databases swapped": lambda rc: rc.execute_command("SWAPDB", 0, 1),
    "by name": lambda rc: rc.execute_command("SET", "k", "new"),
    "by name in small letters": lambda rc: rc.execute_command("set", "k", "new"),
    "by name as bytes": lambda rc: rc.execute_command(b"Set", b"k", b"new"),
    "unknown": lambda rc: rc.execute_command("XX.SET", "k", "new"),
    "batch": lambda rc: rc.batch([("GET", "a"), ("SET", "k", "new"), ("GET", "b")]),
    "batch object": batch_object,
    "pipeline": coroutine(pipeline),
    "pipelined": coroutine(pipelined),
    "transaction in a pipeline": coroutine(transaction_in_pipeline),
    "multi": coroutine(multi),
    "watch": coroutine(watched),
    "transaction": coroutine(transaction),
    "transact": coroutine(transact),
    "script": lambda rc: rc.eval("write", ["k"], ["new"]),
    "script with a key that it does not declare": lambda rc: rc.eval("hidden k", ["a"], ["new"]),
    "registered script": lambda rc: rc.register_script("write")(["k"], ["new"]),
    "script in a batch": lambda rc: rc.batch([("EVAL", "hidden k", 1, "a", "new")]),
    "script in a transaction": coroutine(script_in_transaction),
    "raw": lambda rc: rc.raw.set("k", "new"),
    "retrying": lambda rc: rc.retrying.set("k", "new"),
    "with a time limit": lambda rc: rc.withTimeout(3).set("k", "new"),
    "views on views": lambda rc: rc.raw.withTimeout(3).retrying.batch([("SET", "k", "new")]),
    "second handler": second_handler,
}


@pytest.fixture
def at(make):
    at = make(2)
    at.server.write("k", "old")
    at.server.write("source", "new")
    at.server.__dict__["_do_xx.set"] = at.server._do_set  # an extension's command, which nobody knows
    return at


NEW = {"renamed from": None, "deleted": None, "flushed": None, "databases swapped": None}


@pytest.mark.parametrize("way", WAYS)
def test_a_read_behind_a_write_sees_it(at, way):
    """The invalidation is held back: it comes to the client after the read has begun."""
    assert at.get() == "old"
    at.get("a")
    at.server.link.hold()
    reads = []
    seen = []

    def read(_):
        seen.append(at.rc.cached(60).peek("GET", "k"))
        reads.append(at.rc.cached(60).get("k"))
        reads.append(at.rc.cached(60).mget(["k", "a"]))

    WAYS[way](at.rc).addCallback(read)
    settle(at.clock)
    assert seen == [None]
    assert all(map(pending, reads))
    at.server.link.read()
    settle(at.clock)
    assert fired(reads[0]) == NEW.get(way, "new")
    assert fired(reads[1])[0] == NEW.get(way, "new")
    assert at.get() == NEW.get(way, "new")


def test_a_read_that_waits_for_a_fetch_from_before_a_script_sees_the_script(at):
    """A fetch that the server answered before the script may be joined only if the script has not written its key."""
    at.server.link.hold()
    early = at.rc.cached(60).get("k")
    settle(at.clock)
    at.settled(at.rc.eval("hidden k", [], ["new"]))
    late = at.rc.cached(60).get("k")
    settle(at.clock)
    at.server.link.read()
    settle(at.clock)
    assert (fired(early), fired(late)) == ("old", "new")


def test_what_a_script_has_not_written_stays(at):
    at.get()
    at.get("other")
    at.settled(at.rc.eval("hidden k", ["a"], ["new"]))
    at.server.forget()
    assert at.get("other") is None
    assert at.server.names(tracked=True) == ["PING"]
    assert at.get("other") is None
    assert at.server.names(tracked=True) == ["PING"]
    assert at.get() == "new"


def test_many_reads_behind_a_script_ask_once(at):
    at.get()
    at.settled(at.rc.eval("hidden other", ["a"], ["new"]))
    at.server.forget()
    reads = [at.rc.cached(60).get("k") for _ in range(50)] + [at.rc.cached(60).mget(["k"])]
    settle(at.clock)
    assert [fired(read) for read in reads] == ["old"] * 50 + [["old"]]
    assert at.server.names(tracked=True) == ["PING"]


def test_a_script_whose_reply_comes_while_the_first_is_asked_about_is_asked_about_too(at):
    at.get()
    at.settled(at.rc.eval("hidden other", [], ["1"]))
    at.server.link.hold()
    first = at.rc.cached(60).get("k")
    settle(at.clock)
    at.settled(at.rc.eval("hidden k", [], ["new"]))
    second = at.rc.cached(60).get("k")
    at.server.link.read()
    settle(at.clock)
    assert fired(first) in ("old", "new")
    assert fired(second) == "new"


def test_reads_that_wait_for_a_scripts_writes_are_bounded(make):
    at = make(maxInFlight=10)
    at.server.write("k", "old")
    at.get()
    at.server.link.hold()
    at.settled(at.rc.eval("hidden k", [], ["new"]))
    reads = [at.rc.cached(60).get("k") for _ in range(15)]
    settle(at.clock)
    assert sum(map(pending, reads)) == 10
    assert all(fired(read) == "new" for read in reads[10:])
    at.server.link.read()
    settle(at.clock)
    assert [fired(read) for read in reads[:10]] == ["new"] * 10
    assert at.get() == "new"


def test_a_link_that_is_lost_while_it_is_asked_answers_from_the_pool(at):
    at.get()
    link = at.server.link
    link.hold()
    at.settled(at.rc.eval("hidden k", [], ["new"]))
    read = at.rc.cached(60).get("k")
    settle(at.clock)
    link.client.held = None
    link.reset()
    assert at.settled(read) == "new"


def test_what_a_former_link_answers_is_about_what_it_was_asked_alone(at):
    """A master that becomes a replica and master again, while its first tracked connection ends slowly."""
    at.get()
    at.settled(at.rc.eval("hidden other", ["a"], ["x"]))
    former = at.server.link
    former.hold()
    waits = at.rc.cached(60).get("k")  # for the former link, which is asked
    settle(at.clock)
    at.cache.tracking.stop()
    settle(at.clock)
    at.cache.tracking.start()
    settle(at.clock)
    assert at.get() == "old"
    [present] = [link for link in map(at.server.link_of, at.server.trackers) if link is not former]
    present.hold()
    at.settled(at.rc.eval("hidden k", ["a"], ["new"]))
    former.read()
    settle(at.clock)
    assert fired(waits) in ("old", "new")
    assert at.rc.cached(60).peek("GET", "k", default="nothing") == "nothing"
    read = at.rc.cached(60).get("k")
    settle(at.clock)
    present.read()
    assert at.settled(read) == "new"


def test_a_blocking_command(at):
    at.server.write("k", [b"1", b"2"])
    read = at.rc.cached(60).lrange("k", 0, -1)
    assert at.settled(read) == [1, 2]
    at.server.link.hold()
    again = []
    at.rc.blpop("k", 1).addCallback(lambda _: again.append(at.rc.cached(60).lrange("k", 0, -1)))
    settle(at.clock)
    assert pending(again[0])
    at.server.link.read()
    settle(at.clock)
    assert fired(again[0]) == [2]


@pytest.mark.parametrize("seed", range(40))
def test_random_reads_and_writes_over_a_network_with_faults(make, logged_errors, seed):
    """The reference: which value of each key a read that begins now has to give, or a later one."""
    chance = random.Random(seed)
    at = make(2, cache=redis.ClientCache(mode=chance.choice(["optin", "optin", "broadcast"])))
    server = at.server
    history: dict[bytes, list[str]] = {}
    put = server._put

    def noted(key, value, client, db):
        put(key, value, client, db)
        if value is not None:
            history.setdefault(key, []).append(value.decode())

    server._put = noted
    keys = ["a", "b", "c"]
    number = iter(range(100_000))
    least = dict.fromkeys(keys, 0)
    for key in keys:
        server.write(key, f"v{next(number)}")
    problems = []

    def place(key, value):
        return history[key.encode()].index(value)

    def got(value, key, floor):
        if place(key, value) < floor[key]:
            problems.append(f"{key}: {value}, and not {history[key.encode()][floor[key]]} or later")
        least[key] = max(least[key], place(key, value))

    def all_got(values, several, floor):
        for value, key in zip(values, several, strict=True):
            got(value, key, floor)

    def written(_, key, value):
        least[key] = max(least[key], place(key, value))

    def write(key):
        value = f"v{next(number)}"
        way = chance.randrange(6)
        if way == 0:
            return at.rc.set(key, value), key, value
        if way == 1:
            return at.rc.batch([("GET", "a"), ("SET", key, value)]), key, value
        if way == 2:
            return at.rc.eval(f"hidden {key}", [], [value]), key, value
        if way == 3:
            return at.rc.mset({key: value}), key, value
        if way == 4:
            return at.rc.execute_command("EVAL", "write", 1, key, value), key, value

        async def transaction():
            t = await at.rc.multi()
            await t.set(key, value)
            await t.commit()

        return Deferred.fromCoroutine(transaction()), key, value

    server.before = lambda client, args: chance.random() < 0.1 and server.write(chance.choice(keys), f"v{next(number)}")
    running = []
    for _ in range(400):
        key = chance.choice(keys)
        view = at.rc.cached(chance.choice([0, 1, 60, 60]))
        action = chance.randrange(20)
        if action < 6:
            running.append(view.get(key).addCallback(got, key, dict(least)))
        elif action < 9:
            several = chance.sample(keys, 2)
            running.append(view.mget(several).addCallback(all_got, several, dict(least)))
        elif action < 12:
            deferred, key, value = write(key)
            running.append(deferred.addCallback(written, key, value))
        elif action == 12:
            server.write(key, f"v{next(number)}")
        elif action == 13:
            for link in chance.sample(server.endpoint.alive, min(1, len(server.endpoint.alive))):
                if link.client.held is None:
                    link.hold()
        elif action == 14:
            for link in server.endpoint.alive:
                if link.client.held is not None:
                    link.read()
        elif action == 15 and chance.random() < 0.1:
            for link in chance.sample(server.endpoint.alive, min(1, len(server.endpoint.alive))):
                link.client.held = None
                link.reset()
        elif action == 16:
            for link in server.endpoint.alive:
                link.down.fault = Fault(delay=chance.choice([0, 0, 0.01, 0.1]))
        elif action == 17 and running:
            chance.choice(running).cancel()
        else:
            at.clock.advance(chance.choice([0, 0, 0.001, 0.02]))
    server.before = None
    for link in server.endpoint.alive:
        link.down.fault = Fault()
        if link.client.held is not None:
            link.read()
    at.let_pass(12)
    for each in running:
        assert each.called
        each.addErrback(lambda failure: failure.trap(redis.RedisError, CancelledError))
    assert problems == []
    for key in keys:
        assert at.get(key) == history[key.encode()][-1]
        assert at.get(key) == history[key.encode()][-1]
    assert at.stats.fetching == 0 and at.cache.store.waiting == 0


# -- writes whose end is not known


def timed_out(at):
    return at.rc.withTimeout(1).set("k", "new"), redis.ReplyTimeoutError


def timed_out_batch(at):
    return at.rc.batch([("SET", "k", "new"), ("GET", "a")], timeout=1), redis.ReplyTimeoutError


def timed_out_script(at):
    return at.rc.execute_command("EVAL", "write", 1, "k", "new", timeout=1), redis.ReplyTimeoutError


@pytest.mark.parametrize("begin", [timed_out, timed_out_batch, timed_out_script])
def test_a_write_that_has_timed_out(at, begin):
    at.get()
    at.server.link.hold()
    for link in at.server.pool_links:
        link.down.fault = Fault(stop_after=0)
    writing, kind = begin(at)
    seen = []
    writing.addErrback(lambda failure: seen.append((failure.type, at.rc.cached(60).peek("GET", "k"))))
    at.let_pass(1.5)
    assert seen == [(kind, None)]
    at.server.link.read()
    assert at.get() == "new"


@pytest.mark.parametrize("way", ["method", "batch", "by name", "script"])
def test_a_write_that_is_lost(at, way):
    at.get()
    at.server.link.hold()
    for link in at.server.pool_links:
        link.hold()
    writing = WAYS[way](at.rc)
    seen = []
    writing.addErrback(lambda failure: seen.append((failure.type, at.rc.cached(60).peek("GET", "k"))))
    settle(at.clock)
    for link in at.server.pool_links:
        link.client.held = None
        link.reset()
    assert seen == [(redis.MaybeExecutedError, None)]
    at.server.link.read()
    assert at.get() == "new"


@pytest.mark.parametrize("way", ["method", "batch", "by name", "multi", "script", "raw"])
def test_a_write_that_is_cancelled(at, way):
    at.get()
    at.server.link.hold()
    for link in at.server.pool_links:
        link.hold()
    writing = WAYS[way](at.rc)
    settle(at.clock)
    for link in at.server.pool_links:
        if way == "multi":  # up to EXEC
            while b"EXEC" not in link.client.written and link.client.held:
                link.read()
                link.hold()
                settle(at.clock)
    writing.cancel()
    kinds = (CancelledError, redis.RedisError)
    failed(writing, *kinds)
    assert at.rc.cached(60).peek("GET", "k") is None
    for link in at.server.pool_links:
        link.read()
    at.server.link.read()
    settle(at.clock)
    assert at.get() == "new"


def test_a_transaction_that_the_server_aborts(at):
    """Nothing was written; whether that is so is the server's word, which may be lost."""
    at.get()
    at.server.refused["EXEC"] = error("EXECABORT Transaction discarded because of previous errors.")
    failed_with = []
    WAYS["multi"](at.rc).addErrback(lambda failure: failed_with.append(failure.type))
    settle(at.clock)
    assert failed_with and at.get() == "old"


def test_a_discarded_transaction_has_no_effect(at):
    at.get()

    async def discarded():
        t = await at.rc.multi()
        await t.set("k", "new")
        await t.discard()

    at.settled(Deferred.fromCoroutine(discarded()))
    at.server.forget()
    assert at.get() == "old" and at.server.names() == []


def test_a_connection_whose_multi_was_refused_has_effects_again(make):
    """What is sent behind it is no part of a transaction."""
    at = make()
    at.server.write("k", "old")
    at.server.refused["MULTI"] = error("NOPERM this user has no permissions to run the 'multi' command")
    refused = at.rc.multi()
    settle(at.clock)
    failed(refused, redis.NoPermissionError)
    at.server.refused.clear()
    at.server.untold = True
    at.get()
    at.settled(at.rc.set("k", "new"))
    assert at.get() == "new"


def test_commands_that_only_read_have_no_effect(at):
    at.get()
    at.settled(at.rc.get("k"))
    at.settled(at.rc.batch([("GET", "k"), ("STRLEN", "k"), ("PING",)]))
    at.settled(at.rc.execute_command("EVAL_RO", "return", 1, "k"))
    at.server.__dict__["_do_json.get"] = at.server._do_get
    at.settled(at.rc.execute_command("JSON.GET", "k"))
    at.server.forget()
    assert at.get() == "old" and at.server.names() == []


def test_a_write_drops_every_reply_of_its_key_and_no_other(at):
    view = at.rc.cached(60)
    reads = [view.get("k"), view.raw.get("k"), view.strlen("k"), view.exists("k"), view.get("a"), view.mget(["k", "a"])]
    settle(at.clock)
    for read in reads:
        fired(read)
    at.settled(at.rc.set("k", "new"))
    assert view.peek("GET", "k") is view.raw.peek("GET", "k") is view.peek("STRLEN", "k") is None
    assert view.peek("EXISTS", "k") is None
    assert view.peek("GET", "a", default="gone") is None
    assert at.stats.entries == 1


def test_the_bytes_of_the_key_decide(at):
    """An argument is a kept key's name if it is the same bytes, whatever it was in Python."""
    at.server.write("1", "old")
    at.server.write("1.0", "other")
    assert at.get("1") == "old" and at.get("1.0") == "other"
    at.settled(at.rc.set(1, "new"))
    assert at.rc.cached(60).peek("GET", "1") is None
    assert at.rc.cached(60).peek("GET", 1.0) == "other"
