"""Pipelines and batches of any size are written in slices, as the transport takes them."""

from __future__ import annotations

import pytest
from testbed.support import Pool, Transport, connected, failed, fired
from testbed.wire import command
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

import txredis_fast as redis
from txredis_fast._tunables import WRITE_CHUNK_BYTES

pytestmark = [
    pytest.mark.usefixtures("both"),
    pytest.mark.promise(
        "A pipeline or batch of any size is written in pieces of 64 KB, as the transport takes them",
        "Commands given meanwhile are written after it. It is encoded when it is given, 100,000 commands in "
        "about 45 ms, so a wrong argument fails it before anything is written. The Deferreds of a pipeline of "
        "more than 5,000 commands fire in as many turns of the reactor as they need, of 5 ms each.",
        about="Transactions, pipelines and batches",
    ),
]

COUNT = 20_000
VALUE = "v" * 50


def sets(count=COUNT):
    return [("SET", f"key {number}", VALUE) for number in range(count)]


WIRE = b"".join(command(*each) for each in sets())


class Socket(Transport):
    """Takes what it is given, and asks for more only when the test says so, as one whose peer is slow."""

    def __init__(self):
        super().__init__()
        self.longest = 0

    def registerProducer(self, producer, streaming):
        assert streaming
        super().registerProducer(producer, streaming)

    def write(self, data):
        self.longest = max(self.longest, len(data))
        super().write(data)
        if self.producer is not None and len(self.value()) > WRITE_CHUNK_BYTES:
            self.producer.pauseProducing()

    def drain(self):
        """What was written, which the peer takes now."""
        data = self.take()
        if self.producer is not None:
            self.producer.resumeProducing()
        return data

    def drain_all(self):
        parts = []
        while part := self.drain():
            parts.append(part)
        return b"".join(parts)


def slow(**options):
    pool = Pool(connect=False, **options)
    transport = Socket()
    protocol = pool.factory.buildProtocol(None)
    transport.protocol = protocol
    protocol.makeConnection(transport)
    pool.transports.append(transport)
    return pool, transport


def test_a_batch_is_written_as_the_transport_takes_it():
    pool, socket = slow()
    replies = pool.handler.batch(sets())
    assert len(socket.value()) < 4 * WRITE_CHUNK_BYTES
    assert socket.drain_all() == WIRE
    assert socket.longest < 2 * WRITE_CHUNK_BYTES
    assert socket.producer is None
    socket.protocol.dataReceived(b"+OK\r\n" * COUNT)
    assert fired(replies) == ["OK"] * COUNT


def test_what_fits_into_one_piece_is_one_request_and_one_write():
    pool, socket = slow()
    commands = sets(WRITE_CHUNK_BYTES // len(command(*sets(1)[0])) - 50)
    replies = pool.handler.batch(commands)
    assert len(socket.protocol.link.requests.waiting) == 1
    assert 0.9 * WRITE_CHUNK_BYTES < socket.longest == len(socket.value()) <= WRITE_CHUNK_BYTES
    socket.protocol.dataReceived(b"+OK\r\n" * len(commands))
    assert fired(replies) == ["OK"] * len(commands)


def test_a_pipeline_too_with_a_value_for_each(clock):
    pool, socket = slow()
    pipeline = fired(pool.handler.pipeline())
    each = [pipeline.incr(f"key {number}") for number in range(COUNT)]
    done = pipeline.execute_pipeline()
    assert len(socket.value()) < 4 * WRITE_CHUNK_BYTES
    assert socket.drain_all() == b"".join(command("INCRBY", f"key {number}", 1) for number in range(COUNT))
    socket.protocol.dataReceived(b"".join(b":%d\r\n" % number for number in range(COUNT)))
    clock.advance(0)  # the Deferreds of so many commands may fire in several turns
    assert fired(done) == list(range(COUNT))
    assert [fired(one) for one in each] == list(range(COUNT))


def test_what_is_sent_meanwhile_comes_after_it():
    pool, socket = slow()
    batch = pool.handler.batch(sets())
    after = pool.handler.get("after")
    another = pool.handler.batch([("GET", "b")] * 3)
    assert b"after" not in socket.value()
    assert socket.drain_all() == WIRE + command("GET", "after") + command("GET", "b") * 3
    last = pool.handler.get("last")
    assert socket.drain() == command("GET", "last"), "and then all is as before"
    socket.protocol.dataReceived(b"+OK\r\n" * COUNT + b":1\r\n:2\r\n:3\r\n:4\r\n:5\r\n")
    assert [fired(batch), fired(after), fired(another), fired(last)] == [["OK"] * COUNT, 1, [2, 3, 4], 5]


def test_replies_that_come_while_it_is_written_are_taken():
    pool, socket = slow()
    batch = pool.handler.batch(sets())
    before = pool.handler.get("x").addCallback(lambda _: pool.handler.get("y"))
    written = b""
    answered = 0
    while part := socket.drain():
        written += part
        count = written.count(b"SET") - answered
        socket.protocol.dataReceived(b"+OK\r\n" * count)
        answered += count
    assert fired(batch) == ["OK"] * COUNT
    assert written == WIRE + command("GET", "x")
    socket.protocol.dataReceived(b":1\r\n")
    assert socket.drain() == command("GET", "y")
    socket.protocol.dataReceived(b":2\r\n")
    assert fired(before) == 2


def test_a_reply_to_what_is_not_written_yet_ends_the_connection():
    pool, socket = slow()
    batch = pool.handler.batch(sets())
    written = socket.value().count(b"SET")
    socket.protocol.dataReceived(b"+OK\r\n" * (written + 1))
    assert socket.aborted
    failed(batch, redis.MaybeExecutedError)


def test_what_callbacks_send_in_one_turn_is_written_so_too():
    pool, socket = slow()
    sent = []
    pool.handler.get("a").addCallback(lambda _: sent.extend(pool.handler.set(*each[1:]) for each in sets()))
    assert socket.drain() == command("GET", "a")
    socket.protocol.dataReceived(b"$-1\r\n")
    assert 0 < len(socket.value()) < 4 * WRITE_CHUNK_BYTES
    assert socket.drain_all() == WIRE
    socket.protocol.dataReceived(b"+OK\r\n" * COUNT)
    assert [fired(one) for one in sent] == ["OK"] * COUNT


def test_long_values_are_not_copied_together_with_others():
    pool, socket = slow()
    value = b"v" * 1_000_000
    pool.handler.get("a").addCallback(lambda _: [pool.handler.set("k", value) for _ in range(5)])
    socket.drain()
    socket.protocol.dataReceived(b"$-1\r\n")
    assert len(socket.value()) == len(command("SET", "k", value)), "the next waits until this one is taken"
    assert socket.drain_all() == command("SET", "k", value) * 5


def test_of_a_wrong_argument_nothing_is_sent():
    pool, socket = slow()
    failed(pool.handler.batch([*sets(), ("GET", "\ud800")]), redis.InvalidData)
    assert socket.value() == b""
    pool.handler.get("a")
    assert socket.drain() == command("GET", "a")


def test_lost_while_it_is_written_it_may_have_been_executed():
    pool, socket = slow()
    batch, after = pool.handler.batch(sets()), pool.handler.get("after")
    socket.drain()
    socket.loseConnection()
    failed(batch, redis.MaybeExecutedError)
    failed(after, redis.NotSentError)


def test_lost_when_all_that_was_written_is_answered_it_has_been_executed_in_part():
    pool, socket = slow()
    batch = pool.handler.batch(sets())
    socket.protocol.dataReceived(b"+OK\r\n" * socket.take().count(b"SET"))
    socket.loseConnection()
    error = failed(batch, redis.MaybeExecutedError)
    assert "parts still to be written" in str(error)


def test_lost_before_it_was_written_it_was_not_sent():
    pool, socket = slow()
    first = pool.handler.batch(sets())
    second = pool.handler.batch(sets())
    socket.loseConnection()
    failed(first, redis.MaybeExecutedError)
    failed(second, redis.NotSentError)


def test_cancelled_it_keeps_its_places():
    pool, socket = slow()
    batch, after = pool.handler.batch(sets()), pool.handler.get("after")
    batch.cancel()
    failed(batch, CancelledError)
    assert socket.drain_all() == WIRE + command("GET", "after")
    socket.protocol.dataReceived(b"+OK\r\n" * COUNT + b":7\r\n")
    assert fired(after) == 7
    stats = pool.handler.stats()
    assert (stats.commands, stats.replies, stats.cancelled, stats.in_flight) == (COUNT + 1, COUNT + 1, 1, 0)


def test_one_overdue_reply_ends_all_of_it(clock):
    pool, socket = slow(replyTimeout=2)
    socket.protocol.callLater = clock.callLater
    batch = pool.handler.batch(sets())
    clock.advance(2)
    assert socket.aborted
    failed(batch, redis.ReplyTimeoutError)
    length = len(socket.value())
    socket.drain()
    assert (length > 0, socket.value()) == (True, b""), "nothing more is written"
    assert not clock.getDelayedCalls()


def test_a_transport_that_is_being_closed_is_given_no_more():
    pool, socket = slow()
    batch = pool.handler.batch(sets())
    socket.disconnecting = True  # and waits for what it has, and for the producer to go
    socket.drain()
    assert (socket.producer, socket.value()) == (None, b"")
    socket.protocol.connectionLost(Failure(ConnectionLost()))
    failed(batch, redis.MaybeExecutedError)


def test_disconnecting_waits_for_all_of_it(clock):
    pool, socket = slow()
    socket.protocol.callLater = clock.callLater
    batch = pool.handler.batch(sets())
    ended = []
    pool.handler.disconnect().addBoth(ended.append)
    assert socket.drain_all() == WIRE
    assert ended == []
    socket.protocol.dataReceived(b"+OK\r\n" * COUNT)
    assert fired(batch) == ["OK"] * COUNT
    assert ended == [None]


@pytest.mark.parametrize("registered", [True, False])
def test_a_transport_without_producers_or_with_another_one_is_given_all_at_once(registered):
    class Plain(Transport):
        if not registered:
            registerProducer = None

    protocol, transport = connected()
    transport = Plain()
    transport.protocol = protocol
    protocol.makeConnection(transport)
    if registered:
        transport.registerProducer(object(), True)
    batch = protocol.execute_batch([(each, None, False) for each in sets()])
    assert transport.take() == WIRE
    protocol.dataReceived(b"+OK\r\n" * COUNT)
    assert fired(batch) == ["OK"] * COUNT
    protocol.get("a")
    assert transport.take() == command("GET", "a")
