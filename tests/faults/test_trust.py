"""Whatever a program does or its stack allows: no reply reaches another caller, and nothing is executed in part."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import math

import pytest
from testbed.lists import ListServer
from testbed.memory import let_pass
from testbed.model_server import ModelServer
from testbed.scripted import MemoryEndpoint, settle
from testbed.support import Pool, connected, failed, fired
from testbed.wire import command
from twisted.internet.defer import Deferred

import txredis_fast as redis
from txredis_fast._tunables import BURST_MIN_REQUESTS as BURST
from txredis_fast.client.factory import RedisFactory
from txredis_fast.connection.protocol import RedisProtocol

pytestmark = pytest.mark.usefixtures("both", "logged_errors")


class InMemory:
    """A pool over a server in memory, whose connections are of a class of the program's own."""

    def __init__(self, clock, protocol=RedisProtocol, poolsize=1, **options):
        self.clock = clock
        self.server = ModelServer(clock)
        self.server.data = {b"a": b"va", b"b": b"vb", b"c": b"vc"}
        self.factory = RedisFactory("memory", None, poolsize, **options)
        self.factory.protocol = protocol
        self.factory.startConnecting(MemoryEndpoint(self.server.session, clock))
        self.rc = self.factory.handler
        self.settle()

    def settle(self):
        settle(self.clock)

    def get(self, key):
        got = self.rc.get(key)
        self.settle()
        return fired(got)

    @property
    def is_whole(self):
        self.settle()
        self.clock.advance(self.factory.maxDelay * 2)
        self.settle()
        return len(self.factory.connectionQueue.pending) == self.factory.poolsize


@pytest.fixture
def in_memory(clock):
    made = []

    def make(*args, **options):
        made.append(InMemory(clock, *args, **options))
        return made[-1]

    yield make
    for each in made:
        each.factory.disconnect()
        each.settle()
        clock.advance(20)
        each.settle()
        assert clock.getDelayedCalls() == []


# -- no half changes


@pytest.mark.promise("An exception in any call while a command, reply or loss is handled never shifts replies")
def test_a_write_that_raises_shifts_no_reply(in_memory):
    a = in_memory()
    (connection,) = a.factory.pool
    write = connection.transport.write

    def raises(data):
        connection.transport.write = write
        raise RecursionError

    connection.transport.write = raises
    failed(a.rc.get("a"), redis.MaybeExecutedError)
    waits = a.rc.get("b")
    assert a.is_whole
    assert fired(waits) == "vb"
    assert [a.get(key) for key in "abcab"] == ["va", "vb", "vc", "va", "vb"]


@pytest.mark.promise("An exception in any call while a command, reply or loss is handled never shifts replies")
def test_a_program_deep_in_recursion_gets_its_own_value_or_an_error(in_memory):
    a = in_memory(poolsize=2)
    values = []

    def deep(number):
        with contextlib.suppress(RecursionError):
            deep(number + 1)
        if len(values) < 60:
            key = "abc"[len(values) % 3]
            try:
                got = a.rc.get(key)
            except RecursionError:
                return
            values.append((key, got))

    deep(0)
    a.settle()
    assert a.is_whole
    for key, got in values:
        if not isinstance(got.result, str):
            failed(got, redis.ConnectionError, RecursionError)
        else:
            assert got.result == f"v{key}"
    assert [a.get(key) for key in "abc"] == ["va", "vb", "vc"]


@pytest.mark.promise("An exception in any call while a command, reply or loss is handled never shifts replies")
def test_a_flush_that_raises_ends_the_connection_rather_than_shift_replies(in_memory):
    a = in_memory()
    (connection,) = a.factory.pool
    first = a.rc.get("a")
    later = []
    first.addCallback(lambda _: later.append(a.rc.get("b")))
    connection.transport.write = lambda data: 1 / 0
    with pytest.raises(ZeroDivisionError):
        a.settle()
    assert first.called
    assert a.is_whole
    failed(later[0], redis.ConnectionError)
    assert a.get("c") == "vc"


class RaisesOnce(RedisProtocol):
    armed = False

    def replyReceived(self, reply):
        if type(self).armed:
            type(self).armed = False
            raise ValueError("a program's own")
        super().replyReceived(reply)


@pytest.mark.promise("An exception in any call while a command, reply or loss is handled never shifts replies")
def test_a_reply_handler_that_raises_ends_the_connection(in_memory):
    a = in_memory(RaisesOnce)
    RaisesOnce.armed = True
    got = [a.rc.get(key) for key in "abc"]
    with pytest.raises(ValueError, match="a program's own"):
        a.settle()
    assert a.is_whole
    for each in got:
        failed(each, redis.MaybeExecutedError)
    assert a.get("b") == "vb"


@pytest.mark.promise("An exception in any call while a command, reply or loss is handled never shifts replies")
def test_a_reply_handler_that_raises_on_resuming_ends_the_connection(in_memory):
    a = in_memory(RaisesOnce)
    (connection,) = a.factory.pool
    connection.pauseProducing()
    got = [a.rc.get(key) for key in "abc"]
    a.settle()
    connection._make_reader()
    connection.transport.paused = False
    connection.paused = True
    connection.dataReceived(b"")
    RaisesOnce.armed = True
    with pytest.raises(ValueError, match="a program's own"):
        connection.dataReceived(b"$2\r\nva\r\n")
        connection.resumeProducing()
    a.settle()
    assert a.is_whole
    for each in got:
        failed(each, redis.MaybeExecutedError)


class AnswersTwice(RedisProtocol):
    def replyReceived(self, reply):
        super().replyReceived(reply)
        if reply == "va":
            super().replyReceived(reply)


@pytest.mark.promise("An exception in any call while a command, reply or loss is handled never shifts replies")
def test_a_reply_that_is_handed_on_twice_reaches_one_caller(in_memory, logged_errors):
    a = in_memory(AnswersTwice)
    first, second = a.rc.get("a"), a.rc.get("b")
    with pytest.raises(redis.RedisError, match="twice"):
        a.settle()
    assert fired(first) == "va"
    assert a.is_whole
    failed(second, redis.MaybeExecutedError)


@pytest.mark.promise("An exception in any call while a command, reply or loss is handled never shifts replies")
def test_a_converter_that_raises_no_exception_fails_its_own_command(in_memory):
    def converter(reply):
        raise asyncio.CancelledError

    a = in_memory()
    got = a.rc.execute_command("GET", "a", post_proc=converter)
    batch = a.rc.batch([("GET", "a")])
    a.settle()
    failed(got, asyncio.CancelledError)
    assert fired(batch) == ["va"]
    assert a.get("b") == "vb"


@pytest.mark.promise("An exception in any call while a command, reply or loss is handled never shifts replies")
def test_commands_that_fail_at_once_leave_the_lane_whole(clock):
    class Refuses(RedisProtocol):
        def execute_command(self, *args, **kwargs):
            if args[0] == "BLPOP":
                raise ValueError("not here")
            return super().execute_command(*args, **kwargs)

    server = ListServer(clock)
    factory = RedisFactory("memory", None, 1, maxBlockingConnections=2)
    factory.protocol = Refuses
    factory.startConnecting(server.endpoint)
    settle(clock)
    failing = [factory.handler.blpop("q") for _ in range(3000)]
    for _ in range(20):
        settle(clock)
        clock.advance(0.1)
    for each in failing:
        failed(each, ValueError)
    lane = factory.blockingLane
    assert len(lane._idle) == len(lane.connections) <= 2
    factory.disconnect()
    settle(clock)


@pytest.mark.parametrize("begin", ["watch", "multi"])
def test_what_are_no_keys_takes_no_connection(in_memory, begin):
    a = in_memory()
    kept = getattr(a.rc, begin)(5)
    a.settle()
    assert a.get("a") == "va", "while the failure is kept"
    failed(kept, TypeError)


# -- a transaction is executed whole or not at all


class Unprintable:
    def __str__(self):
        raise LookupError("no text")


def released():
    view = memoryview(b"v")
    view.release()
    return view


@pytest.mark.promise(
    "A transaction is executed whole or not at all, whatever its arguments or an override of ``execute_command`` do",
    about="Transactions, pipelines and batches",
)
@pytest.mark.parametrize("wrong", [Unprintable(), released(), "\ud800"], ids=["str", "memoryview", "surrogate"])
@pytest.mark.parametrize("way", ["transaction", "pipeline", "connection"])
def test_a_transaction_with_an_argument_that_cannot_be_sent_is_not_executed(in_memory, wrong, way):
    a = in_memory()

    async def story():
        if way == "transaction":
            t = await a.rc.multi()
        elif way == "pipeline":
            t = await a.rc.pipeline()
            t.multi().addErrback(lambda _: None)
        else:
            t = a.factory.pool[0]
            await t.multi()
        t.set("x", 1).addErrback(lambda _: None)
        t.set("y", wrong).addErrback(lambda _: None)
        t.set("z", 2).addErrback(lambda _: None)
        committed = t.commit().addErrback(lambda failure: failure.value)
        if way == "pipeline":
            await t.execute_pipeline().addErrback(lambda failure: failure.value)
        return await committed

    result = Deferred.fromCoroutine(story())
    a.settle()
    assert isinstance(fired(result), redis.RedisError)
    assert not a.server.data.keys() & {b"x", b"y", b"z"}
    assert a.is_whole


# -- limits of calls


NO_LIMITS = [math.nan, math.inf, -math.inf, "1", b"1", True, [], 10**400]
OVER = [0, -1, -0.5, -1e300]


def ways_with_timeout(a):
    def pipelined(timeout):
        p = fired(a.rc.pipeline())
        p.get("a").addErrback(lambda _: None)
        return p.execute_pipeline(timeout=timeout)

    (connection,) = a.factory.pool
    return {
        "command": lambda timeout: a.rc.execute_command("GET", "a", timeout=timeout),
        "retrying": lambda timeout: a.rc.retrying.execute_command("GET", "a", timeout=timeout),
        "blocking": lambda timeout: a.rc.execute_command("BLPOP", "q", 1, timeout=timeout),
        "batch": lambda timeout: a.rc.batch([("GET", "a")], timeout=timeout),
        "pipeline": pipelined,
        "connection": lambda timeout: connection.execute_command("GET", "a", timeout=timeout),
        "connection's batch": lambda timeout: connection.execute_batch([(("GET", "a"), None, False)], timeout),
    }


def test_a_limit_that_is_over_or_none_fails_at_once_and_harms_nobody(in_memory):
    a = in_memory(replyTimeout=2)
    for name, run in ways_with_timeout(a).items():
        for timeouts, error in ((NO_LIMITS, ValueError), (OVER, redis.NotSentError)):
            for timeout in timeouts:
                outcome = failed(run(timeout), error)
                assert isinstance(outcome, error), (name, timeout)
    assert a.get("a") == "va"
    a.server.paused = True
    waits = a.rc.get("b")
    a.clock.advance(2.01)
    a.settle()
    failed(waits, redis.ReplyTimeoutError)  # replyTimeout is in force
    a.server.resume()
    assert a.is_whole


@pytest.mark.parametrize("seconds", [*NO_LIMITS, *OVER])
def test_a_view_takes_a_limit_that_is_one(in_memory, seconds):
    with pytest.raises(ValueError, match="timeout"):
        in_memory().rc.withTimeout(seconds)


def test_a_retry_after_a_stall_of_the_program_fires(in_memory, clock):
    a = in_memory(retry=redis.RetryPolicy(attempts=5, delay=0.2, jitter=0))
    a.server.paused = True
    got = a.rc.withTimeout(1).retrying.get("a")
    a.settle()
    a.factory.pool[0].transport.abortConnection()
    a.settle()
    clock.advance(30)
    a.settle()
    failed(got, redis.ConnectionError)
    a.server.resume()


# -- what lies in the socket has come


def turn(clock):
    """One turn of a reactor: what is due by now, and not what that leads to."""
    for call in [call for call in clock.getDelayedCalls() if call.getTime() <= clock.seconds()]:
        run_now(call)


def run_now(call):
    function, args, kwargs = call.func, call.args, call.kw
    call.cancel()
    function(*args, **kwargs)


def stalled(clock, transport, data, seconds):
    """A long turn of the program, in which data came: the reactor runs its timers, and then it reads."""
    clock.rightNow += seconds
    turn(clock)
    transport.protocol.dataReceived(data)
    settle(clock)


@pytest.mark.promise(
    "A reply that is in the socket or in memory when its time limit is checked counts as in time",
    about="Time limits and cancellation",
)
@pytest.mark.parametrize("seconds", [3, 300])
def test_a_reply_that_came_during_a_long_turn_is_in_time(clock, seconds):
    protocol, transport = connected(replyTimeout=2)
    got, other = protocol.get("a"), protocol.get("b")
    stalled(clock, transport, b"$2\r\nva\r\n$2\r\nvb\r\n", seconds)
    assert (fired(got), fired(other)) == ("va", "vb")
    assert not transport.aborted


def given_right_before_a_long_turn(clock, seconds):
    """What transports are given in a turn is sent at its end, and read by the server then."""
    protocol, transport = connected(replyTimeout=2)
    got, other = protocol.get("a"), protocol.get("b")
    stalled(clock, transport, b"", seconds)
    assert not got.called
    assert not transport.aborted
    return transport, got, other


@pytest.mark.promise("A reply that is in the socket or in memory when its time limit is checked counts as in time")
@pytest.mark.parametrize("seconds", [2.1, 3, 300])
def test_a_command_that_was_given_right_before_a_long_turn_is_not_late(clock, seconds):
    transport, got, other = given_right_before_a_long_turn(clock, seconds)
    clock.advance(0.05)
    transport.protocol.dataReceived(b"$2\r\nva\r\n$2\r\nvb\r\n")
    assert (fired(got), fired(other)) == ("va", "vb")
    assert clock.getDelayedCalls() == []


@pytest.mark.promise("A reply that is in the socket or in memory when its time limit is checked counts as in time")
@pytest.mark.parametrize("before", [0.5, 1, 1.9])
@pytest.mark.parametrize("seconds", [1.6, 1.9, 1.99, 2, 2.01, 2.1, 3])
@pytest.mark.parametrize("timeout", [None, 1.9])
def test_the_timer_of_an_earlier_command_sees_a_long_turn(clock, before, seconds, timeout):
    protocol, transport = connected(replyTimeout=2)
    earlier = protocol.get("a")
    clock.advance(before)
    protocol.get("b")
    protocol.dataReceived(b"$2\r\nva\r\n")
    given = protocol.execute_command("GET", "c", timeout=timeout)
    stalled(clock, transport, b"$2\r\nvb\r\n", seconds)
    clock.advance(0.05)
    protocol.dataReceived(b"$2\r\nvc\r\n")
    assert (fired(earlier), fired(given)) == ("va", "vc")
    assert not transport.aborted and clock.getDelayedCalls() == []


@pytest.mark.promise("A reply that is in the socket or in memory when its time limit is checked counts as in time")
@pytest.mark.parametrize("seconds", [1.5, 1.99, 2, 2.01, 3, 300])
def test_commands_that_are_held_for_one_turn_are_not_late_after_a_long_one(clock, seconds):
    protocol, transport = held(clock)
    asked = [protocol.get("k") for _ in range(2 * BURST)]
    sent = transport.take().count(b"GET")
    assert 0 < sent < 2 * BURST
    stalled(clock, transport, b"$1\r\nv\r\n" * sent, seconds)
    assert transport.take().count(b"GET") == 2 * BURST - sent
    clock.advance(0.5)
    protocol.dataReceived(b"$1\r\nv\r\n" * (2 * BURST - sent))
    assert {fired(each) for each in asked} == {"v"}
    assert clock.getDelayedCalls() == []


def test_a_program_that_holds_commands_in_turns_that_are_always_long_has_its_limits(clock):
    protocol, transport = held(clock)
    asked = [protocol.get("k") for _ in range(2 * BURST)]
    for _ in range(10):
        asked.append(protocol.get("k"))
        stalled(clock, transport, b"", 1.5)
    assert transport.aborted
    for each in asked[: 2 * BURST]:
        failed(each, redis.ReplyTimeoutError)
    for each in asked[2 * BURST :]:
        failed(each, redis.RedisError)


@pytest.mark.parametrize("seconds", [1.5, 3])
def test_a_command_that_is_given_after_a_long_turn_has_its_own_limit_only(clock, seconds):
    protocol, transport = connected(replyTimeout=2)
    earlier = protocol.get("a")
    clock.advance(0.1)
    stalled(clock, transport, b"", seconds)
    clock.advance(0.01)
    short = protocol.execute_command("GET", "b", timeout=0.2)
    let_pass(clock, 0.18, 0.02)
    assert not short.called
    let_pass(clock, 0.04, 0.02)
    assert "0.2 seconds" in str(failed(short, redis.ReplyTimeoutError))
    failed(earlier, redis.RedisError)


def test_a_younger_command_with_the_usual_limit_is_late_in_time_after_a_long_turn(clock):
    protocol, transport = connected(replyTimeout=0.2)
    earlier = protocol.get("a")
    stalled(clock, transport, b"", 1)
    clock.advance(0.02)
    younger = protocol.get("b")
    protocol.dataReceived(b"$2\r\nva\r\n")
    let_pass(clock, 0.18, 0.02)
    assert fired(earlier) == "va" and not younger.called
    let_pass(clock, 0.26, 0.02)
    failed(younger, redis.ReplyTimeoutError)


def test_former_long_turns_take_no_grace_from_a_later_one(clock):
    protocol, transport = held(clock, 60)
    asked = [protocol.get("k") for _ in range(2 * BURST)]
    for _ in range(5):  # the queue never becomes empty
        stalled(clock, transport, b"$1\r\nv\r\n" * 2, 0.08)
        let_pass(clock, 0.5, 0.02)
        asked += [protocol.get("k"), protocol.get("k")]
    clock.advance(0)
    late = protocol.execute_command("GET", "late", timeout=0.5)
    stalled(clock, transport, b"", 1)
    let_pass(clock, 0.2, 0.02)
    protocol.dataReceived(b"$1\r\nv\r\n" * (2 * BURST + 1))
    assert fired(late) == "v" and {fired(each) for each in asked} == {"v"}


@pytest.mark.parametrize("turns", [(1, 0.3), (1.1, 0.3), (0.5, 0.5), (0.1, 1)])
def test_a_long_turn_within_the_grace_of_another_one_gives_its_own(clock, turns):
    protocol, transport = held(clock)
    asked = [protocol.get("k") for _ in range(2 * BURST)]
    stalled(clock, transport, b"", turns[0])
    let_pass(clock, 0.02, 0.02)
    late = protocol.execute_command("GET", "late", timeout=0.1)
    stalled(clock, transport, b"", turns[1])
    clock.advance(0.2)
    protocol.dataReceived(b"$1\r\nv\r\n" * (2 * BURST + 1))
    assert fired(late) == "v" and {fired(each) for each in asked} == {"v"}


def held(clock, seconds=2):
    """A connection over a transport with a reactor: commands of a burst are held until the next turn."""
    protocol, transport = connected(replyTimeout=seconds)
    transport.reactor = clock
    protocol.link.requests.send_now = transport.write
    return protocol, transport


@pytest.mark.parametrize("seconds", [2.1, 3, 300])
def test_a_dead_link_is_noticed_soon_after_a_long_turn(clock, seconds):
    transport, got, other = given_right_before_a_long_turn(clock, seconds)
    let_pass(clock, 1.1, 0.04)
    assert transport.aborted
    failed(got, redis.ReplyTimeoutError)
    failed(other, redis.ReplyTimeoutError)


def test_a_program_that_never_turns_in_time_has_its_limits(clock):
    transport, got, other = given_right_before_a_long_turn(clock, 3)
    let_pass(clock, 4.5, 1.5)
    assert transport.aborted
    failed(got, redis.ReplyTimeoutError)
    failed(other, redis.ReplyTimeoutError)


@pytest.mark.promise("A reply that is in the socket or in memory when its time limit is checked counts as in time")
def test_a_reply_of_which_more_comes_in_each_turn_is_in_time(clock):
    protocol, transport = connected(replyTimeout=2)
    got = protocol.get("a")
    clock.rightNow += 3
    protocol.dataReceived(b"$100000\r\n")
    for _ in range(10):
        (call,) = clock.getDelayedCalls()
        run_now(call)  # a turn of the reactor: its timers, and then it reads
        protocol.dataReceived(b"x" * 10_000)
    protocol.dataReceived(b"\r\n")
    assert fired(got) == "x" * 100_000
    assert not transport.aborted


@pytest.mark.promise("A reply that is in the socket or in memory when its time limit is checked counts as in time")
def test_a_reply_that_does_not_come_is_late_one_turn_later(clock):
    protocol, transport = connected(replyTimeout=2)
    got = protocol.get("a")
    clock.advance(2)
    settle(clock)
    assert transport.aborted
    assert "2 seconds" in str(failed(got, redis.ReplyTimeoutError))


@pytest.mark.promise("A reply that is in the socket or in memory when its time limit is checked counts as in time")
def test_an_element_popped_during_a_long_turn_is_not_thrown_away(clock):
    server = ListServer(clock)
    unclaimed = []
    factory = RedisFactory("memory", None, 1, onUnclaimedReply=lambda *args: unclaimed.append(args))
    factory.startConnecting(server.endpoint)
    settle(clock)
    for timeout in (None, 3):
        options = {} if timeout is None else {"timeout": timeout}
        popped = factory.handler.execute_command("BLPOP", "q", 2, **options)
        settle(clock)
        (connection,) = factory.blockingLane.connections
        server.blocked.clear()
        stalled(clock, connection.transport, b"*2\r\n$1\r\nq\r\n$1\r\nx\r\n", 30)
        assert fired(popped) == ["q", "x"]
    assert unclaimed == []
    factory.disconnect()
    settle(clock)


def test_a_connection_that_was_given_back_during_a_long_turn_serves_who_waited(clock):
    pool = Pool(poolTimeout=5)
    transaction = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    t = fired(transaction)
    waits = pool.handler.multi()
    committed = t.commit()
    stalled(clock, pool.transports[0], b"*0\r\n", 6)
    assert fired(committed) == []
    pool.transports[0].take()
    pool.transports[0].protocol.dataReceived(b"+OK\r\n")
    assert fired(waits).inTransaction


# -- arguments are what they were when they were given


@pytest.mark.promise(
    "Arguments are sent as they were when the command was issued; guards check the sent values",
    about="Replies and their callers",
)
def test_arguments_that_wait_are_sent_as_they_were_given(clock):
    pool = Pool(connect=False, poolTimeout=None)
    data, keys, mapping, values = bytearray(b"one"), ["a", "b"], {"k": "v"}, [bytearray(b"x")]
    given = [
        pool.handler.set("key", data),
        pool.handler.execute_command("SET", "named", data),
        pool.handler.mget(keys),
        pool.handler.mset(mapping),
        pool.handler.rpush("list", values),
        pool.handler.batch([["SET", "batch", data]]),
        pool.handler.mget(key for key in keys),
    ]
    p = fired(pool.handler.pipeline())
    p.set("pipeline", data).addErrback(lambda _: None)
    given.append(p.execute_pipeline())
    watching = pool.handler.watch(keys)
    data[:] = b"TWO"
    keys[:] = ["c"]
    mapping["k"] = "changed"
    values[0][:] = b"y"
    values.append(b"z")
    transport = pool.connect()
    written = transport.take()
    for expected in (
        command("SET", "key", "one"),
        command("SET", "named", "one"),
        command("MGET", "a", "b"),
        command("MSET", "k", "v"),
        command("RPUSH", "list", "x"),
        command("SET", "batch", "one"),
        command("SET", "pipeline", "one"),
        command("WATCH", "a", "b"),
    ):
        assert expected in written
    assert b"TWO" not in written
    for each in (*given, watching):
        each.addErrback(lambda _: None)


@pytest.mark.promise("Arguments are sent as they were when the command was issued; guards check the sent values")
def test_a_pipeline_and_a_batch_have_arguments_as_they_were_given():
    pool = Pool()
    data = bytearray(b"one")
    p = fired(pool.handler.pipeline())
    p.set("key", data)
    p.execute_command("SET", "named", memoryview(data))
    recorded = redis.Batch()
    recorded.set("recorded", data)
    data[:] = b"TWO"
    p.execute_pipeline()
    pool.handler.batch(recorded)
    assert pool.written() == b"".join(command("SET", key, "one") for key in ("key", "named", "recorded"))


# -- guards see what is sent


class Name(enum.Enum):
    MULTI = "MULTI"
    REPLY = "REPLY"

    def __str__(self):
        return self.value


class Text(str):
    """Has methods of its own."""

    def upper(self):
        return "GET"


class Sayer:
    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


@pytest.mark.promise("Arguments are sent as they were when the command was issued; guards check the sent values")
@pytest.mark.parametrize("name", [Name.MULTI, Sayer("MULTI"), 5, None, ("MULTI",)], ids=repr)
def test_a_command_name_that_is_no_text_is_refused(name):
    pool = Pool()
    p = fired(pool.handler.pipeline())
    p.execute_command(name).addErrback(lambda _: None)
    for refused in (
        pool.handler.execute_command(name),
        pool.handler.batch([(name,)]),
        p.execute_pipeline(),
        pool.factory.pool[0].execute_command(name),
    ):
        failed(refused, redis.InvalidData)
    assert pool.written() == b""
    waiting = Pool(connect=False, poolTimeout=None)
    waits = waiting.handler.execute_command(name)
    waiting.connect()
    failed(waits, redis.InvalidData)
    assert waiting.written() == b""


@pytest.mark.promise("Arguments are sent as they were when the command was issued; guards check the sent values")
@pytest.mark.parametrize(
    "args",
    [
        ("CLIENT", Name.REPLY, "OFF"),
        ("CLIENT", Sayer("reply"), Sayer("off")),
        (Text("MULTI"),),
        (bytearray(b"multi"),),
        ("SCRIPT", b"DEBUG", Sayer("yes")),
    ],
    ids=repr,
)
def test_guards_look_at_what_is_sent(args):
    pool = Pool()
    failed(pool.handler.execute_command(*args), redis.RedisError)
    failed(pool.handler.batch([args, ("GET", "k")]), redis.RedisError)
    assert pool.written() == b""


# -- overrides of execute_command


class Overrides(RedisProtocol):
    """As documented: logs, caches, refuses, counts."""

    mode = ""

    def execute_command(self, *args, **kwargs):
        send = super().execute_command
        if args[:2] == ("GET", "b"):
            if self.mode == "answers itself":
                return "cached"
            if self.mode == "fires itself":
                deferred = Deferred()
                deferred.callback("cached")
                return deferred
            if self.mode == "raises":
                raise LookupError("refused")
            if self.mode == "returns nothing":
                return None
            if self.mode == "sends another one before":
                send("PING").addErrback(lambda _: None)
            if self.mode == "sends another one behind":
                sent = send(*args, **kwargs)
                send("PING").addErrback(lambda _: None)
                return sent
        return send(*args, **kwargs)


MODES = {
    "": "vb",
    "answers itself": "cached",
    "fires itself": "cached",
    "raises": LookupError,
    "returns nothing": None,
    "sends another one before": "vb",
    "sends another one behind": "vb",
}


def same(value, expected):
    return isinstance(value, expected) if isinstance(expected, type) else value == expected


@pytest.fixture(params=MODES, ids=lambda mode: mode or "chains")
def overriding(request, in_memory):
    cls = type("Overriding", (Overrides,), {"mode": request.param})
    return in_memory(cls), MODES[request.param]


def caught(deferred):
    return deferred.addErrback(lambda failure: failure.value)


@pytest.mark.promise(
    "Each result of a batch, pipeline or transaction is the reply to its own command",
    about="Transactions, pipelines and batches",
)
def test_each_reply_of_a_batch_is_its_own_commands_whatever_an_override_does(overriding):
    a, expected = overriding
    batch = a.rc.batch([("GET", "a"), ("GET", "b"), ("GET", "c")], raise_on_error=False)
    a.settle()
    first, own, last = fired(batch)
    assert (first, last) == ("va", "vc")
    assert same(own, expected)
    assert a.get("c") == "vc"
    assert a.is_whole


@pytest.mark.promise("Each result of a batch, pipeline or transaction is the reply to its own command")
def test_each_reply_of_a_pipeline_is_its_own_commands_whatever_an_override_does(overriding):
    a, expected = overriding
    p = fired(a.rc.pipeline())
    each = [caught(p.get(key)) for key in "abc"]
    done = p.execute_pipeline(raise_on_error=False)
    a.settle()
    assert same(fired(done)[1], expected)
    values = [fired(one) for one in each]
    assert (values[0], values[2]) == ("va", "vc")
    assert same(values[1], expected)
    assert a.get("a") == "va"
    assert a.is_whole


@pytest.mark.promise("Each result of a batch, pipeline or transaction is the reply to its own command")
@pytest.mark.parametrize("in_pipeline", [False, True], ids=["transaction", "in a pipeline"])
def test_each_reply_of_a_transaction_is_its_own_commands_whatever_an_override_does(overriding, in_pipeline):
    a, expected = overriding

    async def story():
        if in_pipeline:
            t = await a.rc.pipeline()
            t.multi().addErrback(lambda _: None)
        else:
            t = await a.rc.multi()
        for key in "abc":
            t.get(key).addErrback(lambda _: None)
        committed = caught(t.commit())
        if in_pipeline:
            await caught(t.execute_pipeline(raise_on_error=False))
        return await committed

    result = Deferred.fromCoroutine(story())
    a.settle()
    if expected is LookupError:
        assert isinstance(fired(result), redis.ExecAbortError), "refused: all of it, or nothing"
    else:
        first, own, last = fired(result)
        assert (first, last) == ("va", "vc")
        assert own == expected
    assert a.get("c") == "vc"
    assert a.is_whole


def test_an_override_that_raises_leaves_no_pipeline_open_on_a_shared_connection(in_memory):
    a = in_memory(type("Raises", (Overrides,), {"mode": "raises"}))
    batch = caught(a.rc.batch([("GET", "a"), ("GET", "b")]))
    others = [a.rc.get("c") for _ in range(3)]
    a.settle()
    assert [fired(each) for each in others] == ["vc"] * 3
    assert isinstance(fired(batch), redis.PipelineError)


class Swallows(RedisProtocol):
    verb = "EXEC"

    def execute_command(self, *args, **kwargs):
        return "swallowed" if args[0] == self.verb else super().execute_command(*args, **kwargs)


@pytest.mark.promise(
    "A transaction is executed whole or not at all, whatever its arguments or an override of ``execute_command`` do"
)
@pytest.mark.parametrize("verb", ["MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"])
def test_an_override_that_swallows_a_verb_leaves_no_transaction_to_others(in_memory, verb):
    a = in_memory(type("Swallows", (Swallows,), {"verb": verb}))

    async def story():
        t = await a.rc.watch("w")
        if verb == "UNWATCH":
            return await t.unwatch()
        await t.multi()
        t.set("x", 1).addErrback(lambda _: None)
        return await (t.discard() if verb == "DISCARD" else t.commit())

    result = caught(Deferred.fromCoroutine(story()))
    a.settle()
    assert a.is_whole
    fired(result)
    assert a.get("a") == "va"
    assert all(session.queued is None and not session.watched for session in a.server.sessions)


# -- many that fail together


@pytest.mark.once
@pytest.mark.promise("100,000 commands that fail together do not block the reactor", about="Load and memory")
@pytest.mark.parametrize("fails", ["loss", "poolTimeout", "disconnect"])
def test_a_hundred_thousand_that_fail_together_take_many_turns(clock, monkeypatch, fails):
    spent = [0.0]

    def seconds():
        spent[0] += 0.001  # between two looks at it
        return spent[0]

    monkeypatch.setattr("txredis_fast.transport.flood.seconds", seconds)
    a = InMemory(clock, poolTimeout=5, maxInFlight=None)
    a.server.paused = True
    (connection,) = a.factory.pool
    connection.transport.reactor = clock
    if fails != "loss":
        a.factory._endpoint.refuses = True
        connection.transport.abortConnection()
        a.settle()
    given = [a.rc.get("a") for _ in range(20_000)]
    if fails == "disconnect":
        a.factory.disconnect()
    elif fails == "loss":
        connection.transport.abortConnection()
    else:
        clock.rightNow += 5
    turns, most = 0, 0
    while not all(each.called for each in given):
        before = sum(each.called for each in given)
        turn(clock)
        turns += 1
        most = max(most, sum(each.called for each in given) - before)
    for each in given:
        failed(each, redis.ConnectionError)
    assert most <= 1000, "in one turn of the reactor"
    a.factory.disconnect()
    a.settle()
