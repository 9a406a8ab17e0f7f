"""Pipelines: collected, written at once, answered in order."""

from __future__ import annotations

import pytest
from testbed.support import Pool, Transport, failed, fired, pending
from testbed.wire import command
from twisted.internet.defer import CancelledError, FirstError, ensureDeferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

import txredis_fast as redis
from txredis_fast.transport import flood

pytestmark = pytest.mark.usefixtures("both", "clock", "logged_errors")


def pipeline(pool):
    return fired(pool.handler.pipeline())


def test_commands_are_written_at_once_and_answered_in_order():
    pool = Pool()
    p = pipeline(pool)
    ds = [p.set("a", 1), p.get("a"), p.hgetall("h")]
    assert pool.written() == b""
    assert p.pipelining and len(p) == 3
    done = p.execute_pipeline()
    assert pool.written() == command("SET", "a", 1) + command("GET", "a") + command("HGETALL", "h")
    pool.transports[0].protocol.dataReceived(b"+OK\r\n$1\r\n1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n")
    assert fired(done) == ["OK", 1, {"f": "v"}]
    assert [fired(d) for d in ds] == ["OK", 1, {"f": "v"}]
    assert p.results == ["OK", 1, {"f": "v"}]
    assert not p.pipelining


def test_it_is_one_write():
    pool = Pool()
    writes = []

    class Counting(Transport):
        def write(self, data):
            writes.append(data)

    p = pipeline(pool)
    p.transport = Counting()
    for _ in range(50):
        p.get("a")
    p.execute_pipeline()
    assert writes == [command("GET", "a") * 50]
    assert isinstance(p, redis.RedisProtocol)


def test_an_open_pipeline_holds_no_connection():
    pool = Pool()
    p = pipeline(pool)
    p.get("a")
    d = pool.handler.get("b")
    assert pool.answer(b"$1\r\nb\r\n") == command("GET", "b")
    assert fired(d) == "b"


def test_an_error_reply_fails_it_with_both_old_and_new_exception_and_all_replies():
    pool = Pool()
    p = pipeline(pool)
    first, second, third = p.get("a"), p.lpush("s", 1), p.get("b")
    done = p.execute_pipeline()
    pool.answer(b"$1\r\n1\r\n-WRONGTYPE no\r\n$1\r\n2\r\n")
    error = failed(done, redis.PipelineError)
    assert isinstance(error, redis.ResponseError) and isinstance(error, FirstError)
    assert error.results[0] == 1 and error.results[2] == 2
    assert isinstance(error.results[1], redis.WrongTypeError)
    assert error.index == 1 and error.subFailure.value is error.results[1]
    assert error.code == "WRONGTYPE"
    assert str(error) == "WRONGTYPE no (command 2 of 3, 1 failed)"
    assert [fired(first), fired(third)] == [1, 2]
    assert fired(second) is None  # it had failed, and was consumed


def test_a_reply_that_cannot_be_decoded_fails_it_as_an_error_reply_does():
    pool = Pool(undecodable="error")
    p = fired(pool.handler.pipeline())
    p.multi()
    ds = [p.get("a"), p.lrange("l", 0, -1)]
    executed = p.commit()
    ds.append(p.get("b"))
    errors = []
    ds[-1].addErrback(lambda failure: errors.append(failure.value))
    done = p.execute_pipeline()
    pool.answer(b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$1\r\na\r\n*1\r\n$1\r\n\xff\r\n$1\r\n\xfe\r\n")
    error = failed(done, redis.PipelineError)
    assert error.index == 4
    assert error.results[3][0] == "a"
    assert error.results[3][1].reply == [b"\xff"]
    assert error.results[4] is errors[0]
    assert errors[0].reply == b"\xfe"
    assert fired(executed) is error.results[3]


def test_errors_can_be_values():
    pool = Pool()
    p = pipeline(pool)
    p.get("a"), p.get("b")
    done = p.execute_pipeline(raise_on_error=False)
    pool.answer(b"-ERR no\r\n:2\r\n")
    error, two = fired(done)
    assert isinstance(error, redis.ResponseError) and two == 2


def test_a_lost_connection_fails_it_as_maybe_executed_and_every_command_too():
    pool = Pool()
    p = pipeline(pool)
    seen = []
    for _ in range(3):
        p.get("a").addErrback(lambda failure: seen.append(failure.value))
    done = p.execute_pipeline()
    pool.transports[0].protocol.dataReceived(b":1\r\n")
    pool.transports[0].loseConnection()
    error = failed(done, redis.MaybeExecutedError)
    assert isinstance(error, FirstError)
    assert len(seen) == 3 and all(isinstance(e, redis.MaybeExecutedError) for e in seen)


def test_without_a_connection_it_waits_and_then_fails_as_never_sent(clock):
    pool = Pool(connect=False, poolTimeout=3)
    p = pipeline(pool)
    p.get("a")
    done = p.execute_pipeline()
    clock.advance(2.9)
    assert pending(done)
    clock.advance(0.2)
    failed(done, redis.NotSentError)


def test_an_empty_pipeline_gives_an_empty_list():
    assert fired(pipeline(Pool()).execute_pipeline()) == []


def test_executing_twice_or_without_one_is_an_error():
    pool = Pool()
    p = pipeline(pool)
    p.execute_pipeline()
    text = "Not currently pipelining commands, please use pipeline() first"
    assert str(failed(p.execute_pipeline(), redis.RedisError)) == text
    assert str(failed(pool.handler.execute_pipeline(), redis.RedisError)) == text


def test_after_the_end_its_commands_go_through_the_pool():
    pool = Pool()
    p = pipeline(pool)
    p.execute_pipeline()
    d = p.get("a")
    assert pool.answer(b":1\r\n") == command("GET", "a")
    assert fired(d) == 1


def test_cancelling_it_shifts_no_reply():
    pool = Pool()
    p = pipeline(pool)
    p.get("a"), p.get("b")
    done = p.execute_pipeline()
    after = pool.handler.get("c")
    done.cancel()
    failed(done, CancelledError)
    pool.answer(b":1\r\n:2\r\n:3\r\n")
    assert fired(after) == 3


def test_cancelling_one_command_of_it_leaves_the_rest():
    pool = Pool()
    p = pipeline(pool)
    first, second = p.get("a"), p.get("b")
    first.cancel()
    failed(first, CancelledError)
    done = p.execute_pipeline()
    pool.answer(b":1\r\n:2\r\n")
    assert fired(done) == [1, 2]
    assert fired(second) == 2


def test_callbacks_of_commands_that_the_program_has_forgotten_run_in_order():
    pool = Pool()
    p = pipeline(pool)
    seen = []
    p.get("a").addCallback(seen.append)
    p.get("b")
    p.hget("h", "f").addErrback(lambda failure: seen.append(failure.type))
    p.get("c").addCallback(lambda value: seen.append((value, "c")))
    done = p.execute_pipeline(raise_on_error=False)
    pool.transports[0].protocol.dataReceived(b":1\r\n:2\r\n-ERR no\r\n:3\r\n")
    assert fired(done)[3] == 3
    assert seen == [1, redis.ResponseError, (3, "c")]


def test_a_transaction_inside_it_is_converted_as_one():
    pool = Pool()
    p = pipeline(pool)
    p.get("x")
    m = p.multi()
    q, r = p.hgetall("h"), p.execute_command("GET", "a", raw=True)
    c = p.commit()
    done = p.execute_pipeline()
    pool.answer(b":1\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n*2\r\n$1\r\nf\r\n$1\r\n1\r\n$1\r\n2\r\n")
    assert fired(done) == [1, "OK", "QUEUED", "QUEUED", [{"f": 1}, b"2"]]
    assert fired(m) is p
    assert [fired(q), fired(r), fired(c)] == ["QUEUED", "QUEUED", [{"f": 1}, b"2"]]


def test_a_transaction_left_open_in_it_is_discarded():
    pool = Pool()
    p = pipeline(pool)
    p.multi()
    p.set("a", 1)
    done = p.execute_pipeline()
    assert pool.answer(b"+OK\r\n+QUEUED\r\n+OK\r\n").endswith(command("DISCARD"))
    assert fired(done) == ["OK", "QUEUED", "OK"]
    assert len(pool.factory.connectionQueue.pending) == 1


def test_what_makes_no_sense_in_it_is_refused():
    p = pipeline(Pool())
    for d in (p.watch("k"), p.multi("k"), p.commit(), p.discard(), p.pipeline()):
        failed(d, redis.RedisError)
    p.multi()
    assert "nested" in str(failed(p.multi(), redis.ResponseError))


def test_the_context_manager_executes_it():
    pool = Pool()

    async def program():
        async with pool.handler.pipelined() as p:
            p.get("a")
        return p.results

    d = ensureDeferred(program())
    pool.answer(b":1\r\n")
    assert fired(d) == [1]


def test_the_context_manager_sends_nothing_after_an_exception():
    pool = Pool()
    ds = []

    async def program():
        async with pool.handler.pipelined() as p:
            ds.append(p.get("a"))
            raise KeyError

    failed(ensureDeferred(program()), KeyError)
    assert pool.written() == b""
    assert ds[0].called


def test_a_protocol_subclass_sees_each_command_and_it_is_still_one_write():
    seen = []

    class Program(redis.RedisProtocol):
        def execute_command(self, *args, **kwargs):
            seen.append(args)
            return super().execute_command(*args, **kwargs)

    pool = Pool(protocol=Program)
    p = pipeline(pool)
    p.hgetall("h"), p.get("a")
    done = p.execute_pipeline()
    assert pool.answer(b"*2\r\n$1\r\nf\r\n:1\r\n:2\r\n") == command("HGETALL", "h") + command("GET", "a")
    assert fired(done) == [{"f": 1}, 2]
    assert seen == [("HGETALL", "h"), ("GET", "a")]


def test_a_command_refused_before_it_was_sent_fails_the_pipeline_and_sends_nothing():
    pool = Pool()
    p = pipeline(pool)
    first = p.set("a", 1)
    failed(p.bitcount("a", 0), redis.RedisError)
    p.get("a")
    assert "must both be specified" in str(failed(p.execute_pipeline(), redis.RedisError))
    assert pool.written() == b""
    assert first.called


# -- many commands


class Spent:
    """What the code under test takes for the time: each command's callback takes 100 us of it."""

    def __init__(self, clock, monkeypatch):
        self.now = self.longest = 0.0
        self.clock = clock
        self.seen = []
        monkeypatch.setattr(flood, "seconds", lambda: self.now)

    def spend(self, value):
        self.now += 0.0001
        self.seen.append(value)
        return value

    def turn(self, function, *args):
        """Run something, as one turn of the reactor."""
        begun = self.now
        function(*args)
        self.longest = max(self.longest, self.now - begun)

    def turns(self):
        """Run what was left for later turns; returns how many there were."""
        count = 0
        while self.clock.calls:
            call = self.clock.calls.pop()
            self.turn(call.func, *call.args)
            count += 1
        return count


@pytest.fixture
def spent(clock, monkeypatch):
    return Spent(clock, monkeypatch)


def long_pipeline(spent, count=20_000):
    pool = Pool()
    pipeline = fired(pool.handler.pipeline())
    each = [pipeline.get("k").addBoth(spent.spend) for _ in range(count)]
    done = pipeline.execute_pipeline()
    pool.written()
    return pool, each, done


@pytest.mark.promise("A pipeline or batch of any size is written in pieces of 64 KB, as the transport takes them")
def test_the_deferreds_of_a_long_pipeline_fire_in_as_many_turns_as_they_need(spent):
    pool, each, done = long_pipeline(spent)
    ended = []
    done.addBoth(ended.append)
    spent.turn(pool.transports[0].protocol.dataReceived, b"".join(b":%d\r\n" % number for number in range(20_000)))
    assert not each[-1].called
    assert ended == []
    assert spent.turns() > 20
    assert spent.longest < 0.1
    assert [fired(one) for one in each] == list(range(20_000))
    assert ended == [list(range(20_000))]


def test_of_a_long_pipeline_the_first_error_is_told_whatever_turn_it_came_in(spent):
    pool, each, done = long_pipeline(spent)
    replies = [b":1\r\n"] * 20_000
    replies[9_000] = replies[15_000] = b"-ERR no\r\n"
    spent.turn(pool.transports[0].protocol.dataReceived, b"".join(replies))
    spent.turns()
    error = failed(done, redis.PipelineError)
    assert error.index == 9_000
    assert len(error.results) == 20_000
    assert isinstance(spent.seen[15_000].value, redis.ResponseError)


def test_a_long_pipeline_that_is_cancelled_while_its_deferreds_fire_fires_them_all(spent):
    pool, each, done = long_pipeline(spent)
    spent.turn(pool.transports[0].protocol.dataReceived, b":7\r\n" * 20_000)
    done.cancel()
    failed(done, CancelledError)
    spent.turns()
    assert [fired(one) for one in each] == [7] * 20_000
    assert fired_by(pool, pool.handler.get("k")) == 8


def fired_by(pool, deferred):
    pool.answer(b":8\r\n")
    return fired(deferred)


def test_the_reply_to_EXEC_is_converted_when_the_pools_other_connections_are_lost():
    pool = Pool(2)
    pipeline = fired(pool.handler.pipeline())
    pipeline.multi()
    for raw in (False, True):
        pipeline.execute_command("INCR", "a", raw=raw).addErrback(lambda _: None)
    pipeline.commit().addErrback(lambda _: None)
    executed = pipeline.execute_pipeline()
    executing = pool.busy()
    for transport in pool.transports:
        if transport is not executing:
            transport.protocol.connectionLost(Failure(ConnectionLost()))
    pool.factory.pool.remove(executing.protocol)  # as one of the lane, which is none of the pool's
    executing.protocol.dataReceived(b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$1\r\n7\r\n$1\r\n8\r\n")
    assert fired(executed)[-1] == [7, b"8"]
