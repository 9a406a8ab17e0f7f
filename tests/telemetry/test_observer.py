"""Events, counters and hooks: what a program can see of its connections."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import sys
import threading
import time
from typing import Any

import pytest
from testbed.support import Pool, connect, failed, fired
from testbed.wire import command
from twisted.internet import defer
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

import txredis_fast as redis
from txredis_fast.telemetry import events, outage

pytestmark = [
    pytest.mark.usefixtures("both"),
    pytest.mark.promise(
        "Events, counters and hooks tell of every connection and command, without arguments and replies",
        "Without hooks a command has no extra cost.",
        about="Observability",
    ),
]


class Seen:
    """A hook that keeps what it is told."""

    def __init__(self) -> None:
        self.started: list[redis.CommandInfo] = []
        self.ended: list[tuple[str, BaseException | None]] = []

    def command_started(self, info: redis.CommandInfo) -> Any:
        self.started.append(info)
        return info.name

    def command_ended(self, token: Any, error: BaseException | None) -> None:
        self.ended.append((token, error))

    def take(self) -> list[tuple[str, str]]:
        """Name and kind of the outcome of each command that has ended."""
        ended, self.ended = self.ended, []
        return [(name, type(error).__name__ if error is not None else "OK") for name, error in ended]


@pytest.fixture
def log(monkeypatch):
    """Every event of the package's log, by name."""
    monkeypatch.setattr(outage, "_groups", {})
    seen: list[dict[str, Any]] = []

    def observe(event: Any) -> None:
        if event.get("log_namespace") == events.NAMESPACE:
            assert bool(formatEvent(event)) is (event["log_level"] > LogLevel.debug)
            seen.append(event)

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


def names(log: list[dict[str, Any]]) -> list[str]:
    return [event["redis_event"] for event in log]


# -- hooks


def test_without_hooks_a_connection_has_nothing_of_them():
    pool = Pool()
    (connection,) = pool.factory.pool
    assert not {"execute_command", "execute_batch"} & set(vars(connection))
    assert connection.link.execute_stock == connection._execute_stock


def test_every_road_to_the_wire_is_seen_once():
    seen = Seen()
    pool = Pool(hooks=[seen], dbid=None)
    rc = pool.handler

    got = rc.get("key")
    pool.answer(b"$1\r\n1\r\n")
    assert fired(got) == 1
    (info,) = seen.started
    assert info == redis.CommandInfo("GET", 1, 1, False, ("fake", 6379), 0)
    assert seen.take() == [("GET", "OK")]

    popped = rc.blpop("list", timeout=1)
    pool.answer(b"*2\r\n$4\r\nlist\r\n$1\r\nx\r\n")
    fired(popped)
    assert seen.started[-1].blocking
    assert seen.take() == [("BLPOP", "OK")]

    wrong = rc.execute_command(b"lpush", "key", "value")
    pool.answer(b"-WRONGTYPE no list\r\n")
    failed(wrong, redis.WrongTypeError)
    assert seen.take() == [("LPUSH", "WrongTypeError")]

    pipeline = fired(rc.pipeline())
    pipeline.set("a", 1)
    pipeline.get("a")
    assert not seen.take()
    done = pipeline.execute_pipeline(raise_on_error=False)
    pool.answer(b"+OK\r\n-ERR no\r\n")
    fired(done)
    assert (seen.started[-1].commands, seen.started[-1].arguments) == (2, 3)
    assert seen.take() == [("PIPELINE", "ResponseError")]

    batch = rc.batch([("GET", "a"), ("GET", "b")])
    pool.answer(b"$1\r\n1\r\n$1\r\n2\r\n")
    assert fired(batch) == [1, 2]
    assert seen.take() == [("PIPELINE", "OK")]

    beginning = rc.multi()
    pool.answer(b"+OK\r\n")
    transaction = fired(beginning)
    queued = transaction.incr("a")
    committed = transaction.commit()
    pool.answer(b"+QUEUED\r\n*1\r\n:1\r\n")
    assert (fired(queued), fired(committed)) == ("QUEUED", [1])
    assert seen.take() == [("MULTI", "OK"), ("INCRBY", "OK"), ("EXEC", "OK")]


def test_a_scope_on_a_connection_itself_is_seen_once_too():
    seen = Seen()
    pool = Pool(hooks=[seen])
    (connection,) = pool.factory.pool
    connection.multi()
    connection.incr("a")
    done = connection.commit()
    pool.answer(b"+OK\r\n+QUEUED\r\n*1\r\n:1\r\n")
    assert fired(done) == [1]
    assert seen.take() == [("MULTI", "OK"), ("INCRBY", "OK"), ("EXEC", "OK")]
    connection.pipeline()
    connection.incr("a")
    done = connection.execute_pipeline()
    pool.answer(b":2\r\n")
    assert fired(done) == [2]
    assert seen.take() == [("PIPELINE", "OK")]


def test_a_subclass_that_overrides_execute_command_is_seen_with_what_it_sends():
    class Prefixed(redis.RedisProtocol):
        def execute_command(self, *args, **kwargs):
            return super().execute_command(args[0], *(f"p:{arg}" for arg in args[1:]), **kwargs)

    seen = Seen()
    pool = Pool(protocol=Prefixed, hooks=[seen])
    got = pool.handler.get("key")
    assert pool.answer(b"$-1\r\n") == command("GET", "p:key")
    assert fired(got) is None
    assert seen.take() == [("GET", "OK")]


def test_hooks_see_refusals_cancellations_and_losses():
    seen = Seen()
    pool = Pool(hooks=[seen])
    rc = pool.handler
    failed(rc.execute_command("GET", "\ud800"), redis.InvalidData)
    assert seen.take() == [("GET", "InvalidData")]
    cancelled = rc.get("a")
    cancelled.cancel()
    failed(cancelled, defer.CancelledError)
    assert seen.take() == [("GET", "CancelledError")]
    lost = rc.get("a")
    pool.transports[0].loseConnection()
    failed(lost, redis.MaybeExecutedError)
    assert seen.take() == [("GET", "MaybeExecutedError")]


def test_a_hook_that_raises_harms_neither_the_command_nor_other_hooks(log, logged_errors):
    class Broken:
        def command_started(self, info):
            raise RuntimeError("started")

        def command_ended(self, token, error):
            raise AssertionError("never: it has not started")

    class BrokenAtTheEnd(Seen):
        def command_ended(self, token, error):
            raise RuntimeError("ended")

    seen = Seen()
    pool = Pool(hooks=[Broken(), BrokenAtTheEnd(), seen])
    got = pool.handler.get("key")
    pool.answer(b"$1\r\n1\r\n")
    assert fired(got) == 1
    assert seen.take() == [("GET", "OK")]
    assert names(log) == ["connected", "hook_failed", "hook_failed"]
    assert len(logged_errors.flush(RuntimeError)) == 2


@pytest.mark.parametrize(("uuid", "server"), [("fake:1", ("fake", 1)), (b"fake:1", ("fake", 1))])
def test_hooks_know_the_server_of_a_factory_that_was_named_by_text_or_bytes(uuid, server):
    seen = Seen()
    pool = Pool(connect=False, hooks=[seen])
    pool.factory.uuid = uuid
    pool.connect()
    d = pool.handler.get("k")
    assert [info.server for info in seen.started] == [server]
    pool.answer(b"+v\r\n")
    assert fired(d) == "v"


def test_something_that_is_no_hook_is_refused():
    with pytest.raises(ValueError, match="a hook has command_started and command_ended; object has not"):
        redis.lazyConnection(hooks=[object()])


# -- counters


def test_a_new_pool_has_counted_nothing():
    pool = Pool(2, connect=False)
    assert pool.handler.stats() == redis.Stats(poolsize=2)


def test_what_is_counted():
    pool = Pool(2)
    rc = pool.handler
    got = [rc.get("a"), rc.get("b"), rc.get("c")]
    stats = rc.stats()
    assert (stats.commands, stats.replies, stats.in_flight) == (3, 0, 3)
    assert stats.bytes_out == len(command("GET", "a")) * 3
    pool.answer(b"$1\r\n1\r\n-WRONGTYPE no\r\n-ERR no\r\n")
    for deferred in got[1:]:
        failed(deferred, redis.ResponseError)
    stats = rc.stats()
    assert (stats.commands, stats.replies, stats.in_flight) == (3, 3, 0)
    assert stats.errors == {"WRONGTYPE": 1, "ERR": 1}
    assert stats.bytes_in == len(b"$1\r\n1\r\n-WRONGTYPE no\r\n-ERR no\r\n")
    assert (stats.connections, stats.connections_made, stats.free, stats.poolsize) == (2, 2, 2, 2)
    batch = rc.batch([("GET", str(number)) for number in range(5)])
    pool.busy().protocol.dataReceived(b":1\r\n:2\r\n")
    stats = rc.stats()
    assert (stats.commands, stats.replies, stats.in_flight) == (8, 5, 3)
    pool.answer(b":3\r\n:4\r\n:5\r\n")
    assert fired(batch) == [1, 2, 3, 4, 5]
    assert rc.stats().in_flight == 0


def test_a_lost_connection_keeps_its_counts():
    pool = Pool()
    rc = pool.handler
    answered, lost = rc.get("a"), rc.batch([("GET", "b"), ("GET", "c")])
    pool.busy().protocol.dataReceived(b"-ERR no\r\n:1\r\n")
    failed(answered, redis.ResponseError)
    before = rc.stats()
    pool.transports[0].loseConnection()
    failed(lost, redis.MaybeExecutedError)
    after = rc.stats()
    assert (before.in_flight, after.in_flight) == (1, 0)
    assert (after.unanswered, after.connections_lost, after.connections) == (1, 1, 0)
    for field in ("commands", "replies", "errors", "bytes_in", "bytes_out"):
        assert getattr(before, field) == getattr(after, field)


def test_cancellations_are_counted():
    pool = Pool()
    rc = pool.handler
    for sent in (rc.get("a"), rc.batch([("GET", "b")])):
        sent.cancel()
        failed(sent, defer.CancelledError)
    assert rc.stats().cancelled == 2
    pool.answer(b":1\r\n:2\r\n")
    assert (rc.stats().replies, rc.stats().in_flight) == (2, 0)


def test_a_server_that_sends_ever_new_errors_does_not_make_the_counters_grow():
    pool = Pool()
    for number in range(1000):
        sent = pool.handler.get("a")
        pool.answer(b"-E%d%b no\r\n" % (number, b"x" * 1000))
        failed(sent, redis.ResponseError)
    errors = pool.handler.stats().errors
    assert len(errors) <= 65
    assert sum(errors.values()) == 1000
    assert max(map(len, errors)) <= 32


def test_a_snapshot_cannot_be_changed_and_adds_up():
    pool = Pool()
    stats = pool.handler.stats()
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.commands = 1
    with pytest.raises(TypeError):
        stats.errors["ERR"] = 1
    double = stats + stats
    assert double.connections == 2
    one, other = redis.Stats(errors={"A": 1, "B": 1}), redis.Stats(errors={"B": 2})
    assert (one + other).errors == {"A": 1, "B": 3}


def handlers_of_every_kind() -> dict[str, Any]:
    """A handler of each kind, as its constructor or factory makes it, without a connection or over a fake one.

    (An address, because a name would need a reactor that resolves it.)
    """
    nodes = [Pool(), Pool(2)]
    for number, pool in enumerate(nodes):
        pool.factory.uuid = f"fake:{number}"
    sentinel = redis.Sentinel([("127.0.0.1", 1)])
    return {
        "pool": Pool(2).handler,
        "front door": redis.connect("redis://127.0.0.1:1", lazy=True),
        "connection": redis.lazyConnection("127.0.0.1", 1),
        "unix": redis.lazyUnixConnectionPool("/no/such/socket"),
        "sharded": redis.ShardedConnectionHandler([pool.handler for pool in nodes]),
        "sharded by hosts": redis.lazyShardedConnectionPool(["127.0.0.1:1", "127.0.0.1:2"]),
        "sharded unix": redis.lazyShardedUnixConnection(["/no/such/one", "/no/such/two"]),
        "sentinel": sentinel.master_for("mymaster"),
        "replicas": sentinel.slave_for("mymaster"),
    }


def test_the_numbers_of_every_kind_of_handler_are_ready_for_json(monkeypatch):
    monkeypatch.setattr(redis, "reactor", MemoryReactorClock(), raising=False)
    names = [field.name for field in dataclasses.fields(redis.Stats)]
    handlers = handlers_of_every_kind()
    for kind, handler in handlers.items():
        stats = handler.stats()
        numbers = json.loads(json.dumps(stats.as_dict()))
        assert list(numbers) == names, kind
        assert redis.Stats(**numbers) == stats, kind
        assert {type(value) for name, value in numbers.items() if name not in ("errors", "cache")} == {int}, kind
        assert numbers["cache"] is None, kind
    assert handlers["sharded"].stats().as_dict()["connections"] == 3


def test_the_numbers_of_a_cache_are_ready_for_json():
    stats = Pool(cache=redis.ClientCache()).handler.stats()
    numbers = json.loads(json.dumps(stats.as_dict()))
    assert numbers["cache"].pop("link") == "down"
    assert set(numbers["cache"].values()) == {0}
    assert stats.cache == redis.CacheStats()


def test_numbers_for_json_are_a_copy():
    stats = redis.Stats(errors={"ERR": 1}, commands=2)
    numbers = stats.as_dict()
    assert (numbers["commands"], type(numbers["errors"])) == (2, dict)
    numbers["errors"]["ERR"] += 1
    assert stats.errors == {"ERR": 1}


def test_a_sharded_handler_sums_its_nodes():
    pools = [Pool(), Pool(2)]
    for number, pool in enumerate(pools):
        pool.factory.uuid = f"fake:{number}"
    sharded = redis.ShardedConnectionHandler([pool.handler for pool in pools])
    assert sharded.stats().connections == 3
    waiting = redis.ShardedConnectionHandler(defer.DeferredList([defer.Deferred()]))
    assert waiting.stats() == redis.Stats()


# -- events


def test_a_connection_that_comes_and_goes_is_told_at_low_levels(log):
    pool = Pool(size=2)
    pool.transports[0].protocol.connectionLost(Failure(ConnectionLost()))
    connected, _, lost = log
    assert (connected["redis_event"], connected["log_level"], connected["server"]) == (
        "connected",
        LogLevel.debug,
        "fake:6379",
    )
    assert (lost["redis_event"], lost["log_level"], lost["unanswered"]) == ("lost", LogLevel.debug, 0)
    assert "non-clean" in lost["reason"]


def test_a_loss_that_the_program_wanted_is_told_as_debug(log):
    pool = Pool()
    fired(pool.handler.disconnect())
    assert [(event["redis_event"], event["log_level"]) for event in log] == [
        ("connected", LogLevel.debug),
        ("lost", LogLevel.debug),
    ]


def test_a_timeout_and_what_it_leaves_unanswered(log, clock):
    pool = Pool(replyTimeout=2)
    sent = [pool.handler.get("a"), pool.handler.get("b")]
    clock.advance(2)
    for deferred in sent:
        failed(deferred, redis.ReplyTimeoutError)
    assert names(log) == ["connected", "timeout", "outage"]
    assert (log[1]["log_level"], log[1]["unanswered"]) == (LogLevel.warn, 2)
    assert pool.handler.stats().timeouts == 1


def test_slow_commands_are_told_without_their_arguments(log, clock):
    pool = Pool(slowCommandThreshold=0.5)
    quick, slow = pool.handler.get("marker"), pool.handler.set("marker", "marker")
    clock.advance(0.4)
    pool.busy().protocol.dataReceived(b"$1\r\n1\r\n")
    clock.advance(0.2)
    pool.answer(b"+OK\r\n")
    assert (fired(quick), fired(slow)) == (1, "OK")
    blocking = pool.handler.blpop("marker", timeout=9)
    clock.advance(5)
    pool.answer(b"*-1\r\n")
    fired(blocking)
    (told,) = [event for event in log if event["redis_event"] == "slow_command"]
    assert (told["command"], told["arguments"], told["server"]) == ("SET", 2, "fake:6379")
    assert told["seconds"] == pytest.approx(0.6)
    assert "marker" not in repr(log)


def test_the_subscription_gap_is_told_and_counted(log):
    pool = Pool()
    pool.factory.observer.subscription_gap(1.5, 3)
    assert names(log) == ["connected", "subscription_gap"]
    assert pool.handler.stats().subscription_gaps == 1


def test_a_connection_given_up_before_it_was_usable_is_no_loss(log):
    pool = Pool(connect=False, password="x")
    transport = connect(pool.factory.buildProtocol(None))
    transport.protocol.connectionLost(Failure(ConnectionLost()))
    assert names(log) == []
    stats = pool.handler.stats()
    assert (stats.connections_made, stats.connections_lost, stats.unanswered) == (0, 0, 1)


def test_waits_for_a_connection_that_were_long_or_in_vain_are_told(log, clock):
    pool = Pool(connect=False, poolTimeout=3, slowCommandThreshold=1)
    served = pool.handler.get("marker")
    clock.advance(2)
    pool.connect()
    pool.answer(b"$-1\r\n")
    assert fired(served) is None
    pool.transports[0].loseConnection()
    vain = [pool.handler.get("marker") for _ in range(50)]
    assert pool.handler.stats().waiting == 50
    clock.advance(3)
    for deferred in vain:
        failed(deferred, redis.NotSentError)
    told = {event["redis_event"]: event for event in log}
    assert told["slow_pool_wait"]["seconds"] == 2
    assert told["pool_wait_over"]["waited"] == 50
    assert names(log).count("pool_wait_over") == 1, "one event for all that gave up in one moment"
    assert (pool.handler.stats().wait_timeouts, pool.handler.stats().waiting) == (50, 0)
    assert "marker" not in repr(log)


def test_texts_have_a_number_and_its_noun(log):
    events.pool_wait_over("r:1", 1, "full", False)
    events.pool_wait_over("r:1", 2, "full", False)
    events.timeout("r:1", "overdue", 1, False)
    events.slow_command("r:1", "GET", 1, 2.0)
    events.slow_command("r:1", "SET", 2, 2.0)
    assert [formatEvent(event) for event in log] == [
        "Redis r:1: 1 command waited for a connection in vain: full",
        "Redis r:1: 2 commands waited for a connection in vain: full",
        "Redis r:1: overdue; its connection is closed, with 1 command unanswered",
        "Redis r:1: GET with 1 argument took 2.000 seconds",
        "Redis r:1: SET with 2 arguments took 2.000 seconds",
    ]


def test_a_snapshot_can_be_copied_pickled_and_made_a_dict():
    pool = Pool()
    sent = pool.handler.get("key")
    pool.answer(b"-WRONGTYPE no\r\n")
    failed(sent, redis.WrongTypeError)
    stats = pool.handler.stats()
    assert copy.copy(stats) == copy.deepcopy(stats) == pickle.loads(pickle.dumps(stats)) == stats
    values = dataclasses.asdict(stats)
    assert values["errors"] == {"WRONGTYPE": 1}
    assert json.loads(json.dumps(values))["commands"] == 1
    assert redis.Stats(**values) == stats == dataclasses.replace(stats)
    for change in (
        lambda errors: errors.update(A=1),
        lambda errors: errors.pop("WRONGTYPE"),
        lambda errors: errors.clear(),
        lambda errors: errors.setdefault("A", 1),
        lambda errors: errors.__ior__({"A": 1}),
    ):
        with pytest.raises(TypeError):
            change(stats.errors)
        with pytest.raises(TypeError):
            change(pickle.loads(pickle.dumps(stats)).errors)


@pytest.mark.promise("``rc.stats()`` may be called in any thread", about="Observability")
def test_a_snapshot_may_be_taken_in_any_thread_while_the_reactor_works():
    """Whoever reads metrics has a thread of his own: it never fails there, and what only grows does."""
    pool = Pool(size=1)
    stop = threading.Event()
    wrong: list[Any] = []
    reads = [0]

    def read() -> None:
        last = 0
        while not stop.is_set():
            try:
                stats = pool.handler.stats()
            except Exception as error:
                wrong.append(error)
                return
            reads[0] += 1
            if stats.commands < last:
                wrong.append((stats.commands, last))
            last = stats.commands

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    reader = threading.Thread(target=read)
    reader.start()
    try:
        end = time.monotonic() + 0.3
        number = 0
        while time.monotonic() < end and not wrong:
            transport = pool.transports[-1]
            number += 1
            sent = [transport.protocol.get("key") for _ in range(20)]
            transport.protocol.dataReceived(b"-E%d no\r\n" % number * 20)
            sent.append(transport.protocol.get("key"))
            transport.loseConnection()
            for deferred in sent:
                deferred.addErrback(lambda _: None)
            pool.connect()
    finally:
        stop.set()
        reader.join()
        sys.setswitchinterval(interval)
    assert reads[0] > 5
    assert not wrong, wrong[0]


def test_a_script_that_the_server_does_not_have_is_two_commands_that_do_not_overlap():
    hook = Seen()
    pool = Pool(hooks=[hook])
    pool.handler.eval("return 1")
    (connection,) = pool.factory.pool
    connection.dataReceived(b":1\r\n")
    hook.take()
    deferred = pool.handler.eval("return 1")
    connection.dataReceived(b"-NOSCRIPT No matching script.\r\n")
    assert hook.take() == [("EVALSHA", "ScriptDoesNotExist")]
    connection.dataReceived(b":2\r\n")
    assert hook.take() == [("EVAL", "OK")]
    assert fired(deferred) == 2
