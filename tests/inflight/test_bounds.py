"""``maxInFlight`` and ``maxQueuedBytes``: how much one connection may have in flight, and what becomes of more."""

from __future__ import annotations

import pytest
from testbed.support import Pool, failed, fired, pending
from testbed.wire import command
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

import txredis_fast as redis

pytestmark = [
    pytest.mark.usefixtures("both"),
    pytest.mark.promise(
        "A connection has at most ``maxInFlight`` commands and ``maxQueuedBytes`` in flight, and what one "
        "command or batch goes beyond",
        "More commands wait in their order, at most ``poolTimeout``, or fail at once (``whenFull``) and are "
        "never written. A thousand waiting commands are served in one turn of the reactor. A transaction that "
        'has its connection waits for nobody: its own commands are sent, or (``whenFull="fail"``) refused, '
        "and then it is not executed.",
        about="Load and memory",
    ),
]

OK = b"+OK\r\n"


def get(key):
    return command("GET", key)


def test_commands_beyond_maxInFlight_are_written_when_replies_have_come(clock):
    pool = Pool(maxInFlight=2)
    replies = [pool.handler.get(key) for key in "abcd"]
    assert pool.answer(b"$1\r\n1\r\n") == get("a") + get("b")
    assert pool.answer(b"$1\r\n2\r\n") == get("c")
    assert pool.answer(b"$1\r\n3\r\n$1\r\n4\r\n") == get("d")
    assert [fired(reply) for reply in replies] == [1, 2, 3, 4]
    assert pool.handler.stats().in_flight == 0


def test_all_that_a_reply_makes_room_for_is_written_at_once(clock):
    pool = Pool(maxInFlight=3)
    for key in "abcdef":
        pool.handler.get(key)
    writes = pool.transports[0].writes = []
    write = pool.transports[0].write
    pool.transports[0].write = lambda data: (writes.append(data), write(data))
    pool.transports[0].clear()
    pool.transports[0].protocol.dataReceived(b"$-1\r\n" * 3)
    assert writes == [get("d") + get("e") + get("f")]


def test_they_keep_their_order_with_those_that_come_later(clock):
    pool = Pool(maxInFlight=1)
    for key in "ab":
        pool.handler.get(key)
    pool.handler.get("a").addCallback(lambda _: pool.handler.get("d"))
    assert pool.answer(b"$-1\r\n") == get("a")
    pool.handler.get("c")
    assert [pool.answer(b"$-1\r\n") for _ in range(4)] == [get(key) for key in "bacd"]


def test_they_go_to_a_connection_that_has_room(clock):
    pool = Pool(2, maxInFlight=2)
    for key in "abcd":
        pool.handler.get(key)
    assert sorted(transport.take() for transport in pool.transports) == [get("a") + get("b"), get("c") + get("d")]
    waits = pool.handler.get("e")
    assert pool.written() == b""
    pool.transports[1].protocol.dataReceived(b"$-1\r\n")
    assert pool.transports[1].take() == get("e")
    pool.transports[1].protocol.dataReceived(b"$-1\r\n:5\r\n")
    assert fired(waits) == 5


def test_maxQueuedBytes_counts_until_the_replies_have_come(clock):
    pool = Pool(maxQueuedBytes=1000)
    pool.handler.set("a", "x" * 2000)  # more than the limit, but not more than one command
    second = pool.handler.set("b", "x" * 900)
    third = pool.handler.set("c", "x" * 900)
    assert pool.answer(OK) == command("SET", "a", "x" * 2000)
    assert pool.written() == command("SET", "b", "x" * 900) + command("SET", "c", "x" * 900), "the second is below it"
    pool.handler.get("d")
    assert pool.written() == b""
    pool.transports[0].protocol.dataReceived(OK + OK)
    assert [fired(second), fired(third)] == ["OK", "OK"]
    assert pool.written() == get("d")


def test_one_that_waits_too_long_fails_as_never_sent_and_says_why(clock):
    pool = Pool(maxInFlight=1, maxQueuedBytes=None, poolTimeout=2)
    first = pool.handler.get("a")
    second = pool.handler.get("b")
    clock.advance(2)
    error = failed(second, redis.NotSentError)
    assert str(error) == "Every connection (1) has as much in flight as it may: maxInFlight is 1"
    assert pool.answer(b"$-1\r\n") == get("a")
    assert fired(first) is None
    assert pool.written() == b""


def test_whenFull_fail_fails_at_once_and_nothing_is_written():
    pool = Pool(2, maxInFlight=1, whenFull="fail")
    pool.handler.get("a"), pool.handler.get("b")
    written = pool.written()
    for asked in (
        pool.handler.get("c"),
        pool.handler.execute_command("GET", "c"),
        pool.handler.batch([("GET", "c")]),
        pool.handler.multi(),
        pool.handler.withTimeout(1).get("c"),
    ):
        error = failed(asked, redis.QueueFullError)
        assert "maxInFlight is 1, maxQueuedBytes is" in str(error)
    assert isinstance(error, redis.NotSentError)
    assert sorted(written) == sorted(get("a") + get("b"))
    assert pool.written() == b""
    pool.transports[0].protocol.dataReceived(b"$-1\r\n")
    pool.handler.get("d")
    assert pool.written() == get("d")


def test_whenFull_fail_still_waits_for_a_connection(clock):
    pool = Pool(connect=False, whenFull="fail", maxInFlight=1)
    waits = pool.handler.get("a")
    assert pending(waits)
    pool.connect()
    assert pool.written() == get("a")
    failed(pool.handler.get("b"), redis.QueueFullError)


def test_a_cancelled_command_counts_until_its_reply_has_come(clock):
    pool = Pool(maxInFlight=1)
    first = pool.handler.get("a")
    first.cancel()
    failed(first, CancelledError)
    second = pool.handler.get("b")
    assert pool.answer(b"$1\r\n1\r\n") == get("a")
    assert pool.answer(b"$1\r\n2\r\n") == get("b")
    assert fired(second) == 2


def test_one_that_is_cancelled_while_it_waits_is_never_written(clock):
    pool = Pool(maxInFlight=1)
    pool.handler.get("a")
    second, third = pool.handler.get("b"), pool.handler.get("c")
    second.cancel()
    failed(second, CancelledError)
    assert pool.answer(b"$-1\r\n") == get("a")
    assert pool.answer(b":3\r\n") == get("c")
    assert fired(third) == 3


def test_those_who_wait_go_to_the_next_connection_when_a_full_one_is_lost(clock):
    pool = Pool(maxInFlight=1)
    first, second = pool.handler.get("a"), pool.handler.get("b")
    pool.written()
    pool.transports[0].loseConnection()
    failed(first, redis.MaybeExecutedError)
    pool.connect()
    assert pool.answer(b"$-1\r\n") == get("b")
    assert fired(second) is None


def test_a_batch_counts_by_its_commands(clock):
    pool = Pool(maxInFlight=3)
    pool.handler.get("a")
    batch = pool.handler.batch([("GET", "b")] * 5)  # one goes beyond, so that one of any size can be sent
    after = pool.handler.get("c")
    assert pool.answer(b"$-1\r\n") == get("a") + get("b") * 5
    pool.transports[0].protocol.dataReceived(b"$-1\r\n" * 2)
    assert pool.written() == b"", "three are still to come"
    pool.transports[0].protocol.dataReceived(b"$-1\r\n")
    assert pool.written() == get("c")
    pool.transports[0].protocol.dataReceived(b"$-1\r\n" * 3)
    assert fired(batch) == [None] * 5
    assert fired(after) is None


def test_a_transaction_waits_for_room_and_then_has_the_connection_alone(clock):
    pool = Pool(maxInFlight=1)
    pool.handler.get("a")
    begun = pool.handler.multi()
    assert pool.answer(b"$-1\r\n") == get("a")
    assert pool.answer(OK) == command("MULTI")
    transaction = fired(begun)
    queued = [transaction.get(key) for key in "bc"]  # it has nobody else to wait for
    assert pool.answer(b"+QUEUED\r\n" * 2) == get("b") + get("c")
    done = transaction.commit()
    after = pool.handler.get("d")
    assert pool.answer(b"*2\r\n$-1\r\n$-1\r\n") == command("EXEC")
    assert [fired(each) for each in [*queued, done]] == ["QUEUED", "QUEUED", [None, None]]
    assert pool.answer(b"$-1\r\n") == get("d")
    assert fired(after) is None


def test_whenFull_fail_refuses_what_a_transaction_has_no_room_for_and_the_transaction_with_it():
    pool = Pool(maxInFlight=2, whenFull="fail")
    begun = pool.handler.multi()
    pool.answer(OK)
    transaction = fired(begun)
    queued = [transaction.get(key) for key in "ab"]
    refused = failed(transaction.get("c"), redis.QueueFullError)
    assert str(refused).startswith("The connection has as much in flight as it may: maxInFlight is 2, maxQueued")
    done = transaction.commit()
    assert failed(done, redis.QueueFullError) is refused
    assert pool.answer(b"+QUEUED\r\n" * 2) == get("a") + get("b") + command("DISCARD") + command("UNWATCH")
    assert [fired(each) for each in queued] == ["QUEUED"] * 2
    pool.transports[0].protocol.dataReceived(OK * 2)
    pool.handler.get("d")
    assert pool.written() == get("d")


def test_whenFull_fail_takes_more_of_a_transaction_when_replies_have_come():
    pool = Pool(maxInFlight=2, whenFull="fail")
    begun = pool.handler.watch("k")
    pool.answer(OK)
    transaction = fired(begun)
    read = [transaction.get(key) for key in "ab"]
    failed(transaction.get("c"), redis.QueueFullError)
    assert pool.answer(b":1\r\n") == get("a") + get("b")
    third = transaction.get("c")
    assert pool.answer(b":2\r\n:3\r\n") == get("c")
    assert [fired(each) for each in [*read, third]] == [1, 2, 3]
    transaction.unwatch()
    assert pool.answer(OK) == command("UNWATCH")


def test_a_callback_that_sends_more_does_not_overtake_those_who_wait(clock):
    pool = Pool(maxInFlight=1)
    pool.handler.get("a").addCallback(lambda _: pool.handler.get("z"))
    pool.handler.get("b")
    assert pool.answer(b"$-1\r\n") == get("a")
    assert pool.answer(b"$-1\r\n") == get("b")
    assert pool.answer(b"$-1\r\n") == get("z")


def test_nothing_is_given_to_a_connection_that_garbage_ends(clock):
    pool = Pool(maxInFlight=1)
    first, second = pool.handler.get("a"), pool.handler.get("b")
    pool.answer(b"$-1\r\n?")
    assert fired(first) is None
    assert pool.written() == b""
    assert pending(second)


def test_of_many_who_wait_a_thousand_are_served_in_a_turn(clock):
    pool = Pool(connect=False)
    replies = [pool.handler.get(str(number)) for number in range(2500)]
    pool.connect()
    later = pool.handler.get("later")
    assert pool.written().count(b"GET") == 1000
    clock.advance(0)
    assert pool.written().count(b"GET") == 1501
    pool.transports[0].protocol.dataReceived(b"".join(b":%d\r\n" % number for number in range(2501)))
    assert [fired(reply) for reply in replies] == list(range(2500)), "in their order"
    assert fired(later) == 2500


def test_disconnecting_fails_those_who_wait_to_be_served(clock):
    pool = Pool(connect=False)
    replies = [pool.handler.get(str(number)) for number in range(2500)]
    pool.connect()
    pool.handler.disconnect()
    pool.transports[0].protocol.connectionLost(Failure(ConnectionError()))
    clock.advance(0)
    kinds = {type(failed(reply, redis.ConnectionError)) for reply in replies}
    assert kinds == {redis.NotSentError, redis.MaybeExecutedError}
    assert not clock.getDelayedCalls()


@pytest.mark.parametrize("name", ["maxInFlight", "maxQueuedBytes"])
@pytest.mark.parametrize("value", [0, -1, "5", 1.5])
def test_a_limit_is_a_positive_number(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a number, 1 or more, or None, not {value!r}"):
        redis.lazyConnection(**{name: value})


def test_whenFull_is_one_of_two():
    with pytest.raises(ValueError, match="whenFull must be 'wait' or 'fail', not 'drop'"):
        redis.lazyConnection(whenFull="drop")


def test_a_url_may_set_them():
    options = redis.RedisURL.parse("redis://h/?maxInFlight=5&maxQueuedBytes=none&whenFull=fail").options
    assert options == {"maxInFlight": 5, "maxQueuedBytes": None, "whenFull": "fail"}
