"""Every command can have a time limit of its own, and a reply that is overdue ends its own connection only."""

from __future__ import annotations

import pytest
from testbed.scripted import MemoryEndpoint, Session, answering, settle
from testbed.support import Pool, connected, failed, fired, pending
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock

import txredis_fast as redis
from txredis_fast.client.factory import RedisFactory

pytestmark = [
    pytest.mark.usefixtures("both", "logged_errors"),
    pytest.mark.promise(
        "``rc.withTimeout(seconds)`` bounds the whole call",
        "An overdue reply closes its own connection only; the other commands in flight on it fail with "
        "``MaybeExecutedError``.",
        about="Time limits and cancellation",
    ),
]


def silent_protocol(**options):
    clock = Clock()
    protocol, transport = connected(**options)
    protocol.callLater = clock.callLater
    return protocol, transport, clock


# -- one connection, deadlines of all kinds


@pytest.mark.parametrize("order", [(1, 5, 3), (5, 3, 1), (3, 1, 5), (5, 1, 3)])
def test_the_soonest_deadline_counts_in_whatever_order_they_come(order):
    protocol, transport, clock = silent_protocol(replyTimeout=10)
    sent = {seconds: protocol.execute_command("GET", "k", timeout=seconds) for seconds in order}
    sent["none"] = protocol.execute_command("GET", "k", apply_timeout=False)
    sent["usual"] = protocol.get("k")
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(0.99)
    assert not transport.aborted
    clock.advance(0.02)
    assert transport.aborted
    assert str(failed(sent.pop(1), redis.ReplyTimeoutError)) == "Not received Redis response in 1 seconds"
    for each in sent.values():
        error = failed(each, redis.MaybeExecutedError)
        assert not isinstance(error, redis.TimeoutError)
        assert "may have been executed" in str(error)
    assert clock.getDelayedCalls() == []


def test_a_deadline_that_was_met_is_forgotten():
    protocol, transport, clock = silent_protocol(replyTimeout=10)
    protocol.execute_command("GET", "k", timeout=1)
    usual = protocol.get("k")
    protocol.dataReceived(b":1\r\n")
    clock.pump([0.01] * 990)  # in one step it would be a long turn
    assert not transport.aborted
    clock.pump([0.01] * 12)
    assert str(failed(usual, redis.ReplyTimeoutError)) == "Not received Redis response in 10 seconds"


def test_the_usual_limit_is_told_after_a_shorter_one_was_met():
    protocol, _, clock = silent_protocol(replyTimeout=10)
    first = protocol.get("k")
    short = protocol.execute_command("GET", "k", timeout=2)
    clock.advance(1)
    protocol.dataReceived(b":1\r\n:2\r\n")
    assert (fired(first), fired(short)) == (1, 2)
    assert clock.getDelayedCalls() == []
    last = protocol.execute_command("GET", "k", timeout=3)
    clock.advance(3)
    assert "in 3 seconds" in str(failed(last, redis.ReplyTimeoutError))


def test_a_batch_has_a_limit_too():
    protocol, transport, clock = silent_protocol()
    replies = protocol.execute_batch([(("GET", "k"), None, False)] * 3, timeout=2)
    protocol.dataReceived(b":1\r\n")
    clock.advance(2)
    assert transport.aborted
    failed(replies, redis.ReplyTimeoutError)


def test_many_equal_limits_keep_one_timer():
    protocol, _, clock = silent_protocol(replyTimeout=2)
    for _ in range(100):
        protocol.get("k").addErrback(lambda _: None)
        protocol.dataReceived(b":1\r\n")
        protocol.get("k").addErrback(lambda _: None)
        clock.advance(0.1)
        protocol.dataReceived(b":1\r\n")
        assert len(clock.getDelayedCalls()) <= 1


# -- through a pool


def memory_pool(clock, script=None, **options):
    factory = RedisFactory("memory", None, options.pop("poolsize", 1), isLazy=True, **options)
    factory.jitter = 0
    endpoint = MemoryEndpoint(lambda: Session(script or answering(), clock), clock)
    return factory, endpoint


def test_the_limit_bounds_the_waiting_for_a_connection(clock):
    factory, endpoint = memory_pool(clock)
    endpoint.refuses = True
    factory.startConnecting(endpoint)
    rc = factory.handler
    short, usual = rc.withTimeout(2).get("k"), rc.get("k")
    batch = rc.withTimeout(2).batch([("GET", "k")])
    clock.pump([0.5] * 5)
    for each in (short, batch):
        assert "within 2 seconds" in str(failed(each, redis.NotSentError))
    assert pending(usual)
    factory.disconnect()
    failed(usual, redis.NotSentError)
    settle(clock)
    assert clock.getDelayedCalls() == []


def test_what_is_left_bounds_the_reply(clock):
    def silent(session):
        yield

    factory, endpoint = memory_pool(clock, silent)
    endpoint.refuses = True
    factory.startConnecting(endpoint)
    limited = factory.handler.withTimeout(4).get("k")
    clock.pump([0.25] * 4)
    endpoint.refuses = False
    ended = []
    limited.addBoth(lambda result: ended.append(clock.seconds()) or result)
    clock.pump([0.25] * 40)
    failed(limited, redis.ReplyTimeoutError)
    assert 3.9 < ended[0] < 4.6
    factory.disconnect()
    settle(clock)


def test_cancelling_while_it_waits_for_a_connection_leaves_nothing(clock):
    factory, endpoint = memory_pool(clock)
    endpoint.refuses = True
    factory.startConnecting(endpoint)
    waiting = factory.handler.withTimeout(2).get("k")
    waiting.cancel()
    failed(waiting, CancelledError)
    factory.disconnect()
    settle(clock)
    assert clock.getDelayedCalls() == []


def test_only_the_connection_with_the_overdue_reply_is_closed(clock):
    pool = Pool(2)
    first = pool.handler.withTimeout(1).get("a")
    slow = pool.busy()
    taken = pool.factory.getConnection()
    other = fired(taken)
    kept = other.get("b")
    clock.advance(1)
    failed(first, redis.ReplyTimeoutError)
    assert slow.aborted
    assert pending(kept)
    other.dataReceived(b":1\r\n")
    assert fired(kept) == 1


def test_views_are_combined():
    pool = Pool()
    for view in (pool.handler.raw.withTimeout(2), pool.handler.withTimeout(2).raw):
        d = view.get("k")
        assert pool.factory.pool[0]._requests.waiting[-1].deadline is not None
        pool.answer(b"$1\r\n1\r\n")
        assert fired(d) == b"1"
        assert "timeout=2" in repr(view)


@pytest.mark.parametrize("wrong", [0, -1, None, "2", True, float("nan")])
def test_a_wrong_limit_is_refused(wrong):
    with pytest.raises(ValueError, match="seconds above 0"):
        Pool().handler.withTimeout(wrong)


def test_the_shortest_limit_in_a_pipeline_is_that_of_all(clock):
    pool = Pool()
    p = fired(pool.handler.pipeline())
    p.execute_command("GET", "a", timeout=3)
    p.execute_command("GET", "b", timeout=2)
    done = p.execute_pipeline(timeout=5)
    clock.advance(2)
    failed(done, redis.PipelineLostError)


def test_a_command_in_a_transaction_has_a_limit_too(clock):
    pool = Pool()
    begun = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    t = fired(begun)
    late = t.execute_command("GET", "a", timeout=2)
    clock.advance(2)
    failed(late, redis.ReplyTimeoutError)
    assert pool.transports[0].aborted
