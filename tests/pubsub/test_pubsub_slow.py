"""A program that is slow with its messages: what is unfinished is bounded, and what is dropped is counted and told."""

from __future__ import annotations

import pytest
from testbed.subscribers import (
    Recorder,
    array,
    connect_factory,
    lose,
    message,
    subscriber,
    subscriber_factory,
    unanswered,
)
from testbed.support import failed, fired, pending
from twisted.internet.defer import Deferred, succeed

import txredis_fast as redis

pytestmark = [
    pytest.mark.usefixtures("both", "logged_errors", "clock"),
    pytest.mark.promise("A slow subscriber holds at most ``maxPendingMessages``, however fast the server publishes"),
]


class Slow(Recorder):
    """Is done with a message when its Deferred fires."""

    maxPendingMessages = 3

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.working = []
        self.dropped = []

    def messageReceived(self, pattern, channel, message):
        self.messages.append(message)
        self.working.append(Deferred())
        return self.working[-1]

    def messagesDropped(self, count):
        self.dropped.append((count, len(self.messages)))

    def finish(self):
        self.working.pop(0).callback(None)


class Coroutine(Slow):
    """The same as a coroutine function."""

    async def messageReceived(self, pattern, channel, message):
        await super().messageReceived(pattern, channel, message)


def slow(cls=Slow, **attributes):
    return subscriber("a", cls=type("Program", (cls,), attributes))


def numbered(numbers):
    return b"".join(message("a", str(number)) for number in numbers)


@pytest.mark.parametrize("cls", [Slow, Coroutine])
def test_a_message_waits_until_the_one_before_is_done(cls):
    protocol, _ = slow(cls, maxPendingMessages=10)
    protocol.dataReceived(numbered(range(4)))
    for count in range(1, 5):
        assert protocol.messages == list(range(count))
        protocol.finish()
    assert not protocol.working


def test_as_many_as_wanted_are_handled_at_the_same_time():
    protocol, _ = slow(maxPendingMessages=10, maxConcurrentMessages=2)
    protocol.dataReceived(numbered(range(4)))
    assert protocol.messages == [0, 1]
    protocol.finish()
    assert protocol.messages == [0, 1, 2]


@pytest.mark.parametrize("cls", [Slow, Coroutine])
@pytest.mark.parametrize("at_once", [1, 2, 3, 9])
def test_at_the_bound_nothing_more_is_read_until_half_are_finished(cls, at_once):
    protocol, transport = slow(cls, maxPendingMessages=4, maxConcurrentMessages=at_once)
    protocol.dataReceived(numbered(range(3)))
    assert transport.producerState == "producing"
    protocol.dataReceived(numbered(range(3, 7)))
    assert transport.producerState == "paused"
    protocol.finish()
    assert transport.producerState == "paused"
    protocol.finish()  # two are unfinished, and two of those that had come already make it four again
    assert transport.producerState == "paused"
    for _ in range(3):
        protocol.finish()
    assert transport.producerState == "producing"
    while protocol.working:
        protocol.finish()
    assert protocol.messages == list(range(7))
    assert protocol.dropped == []
    assert protocol.droppedMessages == 0


def test_replies_wait_with_the_messages_and_keep_their_order():
    protocol, _ = slow(maxPendingMessages=1)
    ping = protocol.ping()
    protocol.dataReceived(numbered([1, 2]) + array("pong", ""))
    assert pending(ping)
    protocol.finish()
    assert pending(ping)
    protocol.finish()
    assert fired(ping) == ["pong", ""]


def test_replyTimeout_counts_only_while_replies_are_read(clock):
    protocol, transport = slow(maxPendingMessages=1)
    protocol.replyTimeout = 5
    ping = protocol.ping()
    protocol.dataReceived(numbered([1]))
    clock.pump([1] * 30)
    assert pending(ping)
    assert not transport.aborted
    protocol.finish()
    protocol.dataReceived(array("pong", ""))
    assert fired(ping) == ["pong", ""]
    overdue = protocol.ping()
    clock.pump([1] * 11)
    failed(overdue, redis.ReplyTimeoutError)
    assert transport.aborted


def test_the_oldest_that_waits_is_dropped():
    protocol, transport = slow(slowConsumer="drop-oldest")
    protocol.dataReceived(numbered(range(10)))
    assert transport.producerState == "producing"
    protocol.finish()
    assert protocol.messages == [0, 8]
    assert protocol.dropped == [(7, 1)]  # told before the next message
    protocol.finish()
    protocol.finish()
    protocol.dataReceived(numbered([10]))
    assert protocol.messages == [0, 8, 9, 10]
    assert protocol.dropped == [(7, 1)]
    assert protocol.droppedMessages == 7


def test_the_newest_is_dropped():
    protocol, transport = slow(slowConsumer="drop-newest")
    protocol.dataReceived(numbered(range(10)))
    assert transport.producerState == "producing"
    for _ in range(3):
        protocol.finish()
    assert protocol.messages == [0, 1, 2]
    assert protocol.dropped == [(7, 1)]
    protocol.dataReceived(numbered([10]))
    assert protocol.messages == [0, 1, 2, 10]
    assert protocol.droppedMessages == 7


@pytest.mark.parametrize("policy", ["drop-oldest", "drop-newest"])
def test_where_all_are_being_handled_what_comes_is_dropped(policy):
    protocol, _ = slow(slowConsumer=policy, maxPendingMessages=2, maxConcurrentMessages=2)
    protocol.dataReceived(numbered(range(4)))
    protocol.finish()
    protocol.dataReceived(numbered([4]))
    assert protocol.messages == [0, 1, 4]
    assert protocol.dropped == [(2, 2)]


@pytest.mark.parametrize("policy", ["pause", "drop-oldest", "drop-newest"])
def test_what_waits_when_the_connection_is_lost_is_dropped_and_told(policy):
    factory = subscriber_factory(Slow, slowConsumer=policy)
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe("a"))
    protocol.dataReceived(array("subscribe", "a", 1) + numbered(range(3)))
    lose(protocol)
    assert protocol.dropped == [(2, 1)]
    protocol.finish()
    assert protocol.messages == [0]
    successor, _ = connect_factory(factory)
    successor.dataReceived(array("subscribe", "a", 1) + numbered([7]))
    assert successor.messages == [7]
    assert successor.droppedMessages == 2


def test_a_program_that_is_fast_is_told_at_once_whatever_the_bound():
    protocol, transport = subscriber("a", cls=type("Fast", (Recorder,), {"maxPendingMessages": 1}))
    protocol.dataReceived(numbered(range(1000)))
    assert len(protocol.messages) == 1000
    assert transport.producerState == "producing"


def test_deferreds_that_have_fired_are_no_recursion():
    class Program(Slow):
        def messageReceived(self, pattern, channel, message):
            self.messages.append(message)
            return succeed(None) if message else super().messageReceived(pattern, channel, message)

    protocol, _ = subscriber("a", cls=Program)
    protocol.maxPendingMessages = 3
    protocol.dataReceived(numbered(range(5000)))
    protocol.finish()
    assert protocol.messages[-1] == 4999


@pytest.mark.parametrize("cls", [Slow, Coroutine])
def test_a_message_that_could_not_be_handled_is_logged_and_finished(cls, logged_errors):
    protocol, _ = slow(cls)
    protocol.dataReceived(numbered(range(2)))
    protocol.working.pop(0).errback(ZeroDivisionError())
    assert protocol.messages == [0, 1]
    assert len(logged_errors.flush(ZeroDivisionError)) == 1


def test_without_a_bound_what_messageReceived_returns_holds_up_nothing():
    for cls in (Slow, Coroutine):
        protocol, transport = slow(cls, maxPendingMessages=None)
        protocol.dataReceived(numbered(range(100)))
        assert protocol.messages == list(range(100))
        assert transport.producerState == "producing"


def test_an_error_of_a_coroutine_without_a_bound_is_logged(logged_errors):
    class Program(Recorder):
        async def messageReceived(self, pattern, channel, message):
            raise ZeroDivisionError

    protocol, _ = subscriber("a", cls=Program)
    protocol.dataReceived(numbered(range(2)))
    assert len(logged_errors.flush(ZeroDivisionError)) == 2


def test_a_program_may_pause_reading_itself():
    protocol, transport = slow(maxPendingMessages=2)
    protocol.dataReceived(numbered(range(2)))
    protocol.pauseProducing()
    protocol.finish()
    protocol.finish()
    assert transport.producerState == "paused"
    protocol.resumeProducing()
    assert transport.producerState == "producing"
    protocol.dataReceived(numbered(range(2)))
    protocol.resumeProducing()  # two are unfinished
    assert transport.producerState == "paused"


def test_the_factorys_options_are_those_of_its_protocols():
    bounds = {"maxPendingMessages": 7, "maxConcurrentMessages": 2, "slowConsumer": "drop-oldest"}
    protocol, _ = connect_factory(redis.SubscriberFactory(**bounds))
    assert {name: getattr(protocol, name) for name in bounds} == bounds
    protocol, _ = connect_factory(subscriber_factory(Slow))
    assert (protocol.maxPendingMessages, protocol.maxConcurrentMessages, protocol.slowConsumer) == (3, 1, "pause")


@pytest.mark.parametrize(
    ("name", "value"),
    [("maxPendingMessages", 0), ("maxPendingMessages", "3"), ("maxConcurrentMessages", 0), ("slowConsumer", "drop")],
)
def test_bounds_that_make_no_sense_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        redis.SubscriberFactory(**{name: value})
    with pytest.raises(ValueError, match=name):
        slow(**{name: value})


def test_messages_of_a_subclass_that_takes_replies_itself_are_bounded_too():
    class Program(Slow):
        def replyReceived(self, reply):
            super().replyReceived(reply)

    protocol, transport = subscriber("a", cls=Program)
    protocol.dataReceived(numbered(range(5)))
    assert protocol.messages == [0]
    assert transport.producerState == "paused"


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_program_that_pauses_and_resumes_within_messageReceived_gets_every_message(limit):
    class Brief(redis.SubscriberProtocol):
        maxPendingMessages = limit

        def messageReceived(self, pattern, channel, message):
            received.append(message)
            self.pauseProducing()
            self.resumeProducing()

    received = []
    protocol, _ = subscriber("a", cls=Brief)
    protocol.dataReceived(numbered(range(2000)))
    assert received == list(range(2000))
    assert not protocol.paused
