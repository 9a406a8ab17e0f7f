"""Of a flood of replies no turn of the reactor hands on more than there is time for."""

from __future__ import annotations

import pytest
from testbed.support import Transport, connect, failed, fired
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txredis_fast._tunables import FLOOD_MIN_REQUESTS, REPLY_SLICE_SECONDS
from txredis_fast.connection.protocol import RedisProtocol
from txredis_fast.exceptions import MaybeExecutedError
from txredis_fast.transport import flood

pytestmark = pytest.mark.promise(
    "Neither a value of 512 MB, nor a list, set or dict of a million strings, nor 100,000 replies at once "
    "hold up the reactor for longer than 50 ms at a time"
)

COUNT = 5000


class Time:
    """What the code under test takes for the time; each reply that is handed on takes 100 us of it."""

    def __init__(self):
        self.now = 0.0
        self.slices = []

    def __call__(self):
        return self.now

    def spend(self, value):
        self.now += 0.0001
        return value


class RealTransport(Transport):
    """One with a reactor, as real ones have."""

    def __init__(self):
        super().__init__()
        self.reactor = Clock()


class Flooded:
    """A connection with many commands in flight, whose answers are about to come."""

    def __init__(self, time, count=COUNT, transport=RealTransport):
        self.time = time
        self.replies = []
        self.longest = 0.0
        self.protocol = RedisProtocol()
        self.transport = connect(self.protocol, transport())
        self.deferreds = [self.protocol.get(str(number)) for number in range(count)]
        for deferred in self.deferreds:
            deferred.addCallback(time.spend).addCallbacks(self.replies.append, lambda _: None)
        self.wire = b"".join(b":%d\r\n" % number for number in range(count))

    def receives(self, data=None):
        self.turn(self.protocol.dataReceived, self.wire if data is None else data)

    def turn(self, function, *args):
        begun = self.time.now
        function(*args)
        self.longest = max(self.longest, self.time.now - begun)

    def goes_on(self):
        """Turns of the reactor, until it has nothing to do."""
        turns = 0
        while calls := self.transport.reactor.getDelayedCalls():
            for call in calls:
                function, args = call.func, call.args
                call.cancel()
                self.turn(function, *args)
            turns += 1
        return turns


@pytest.fixture
def time(monkeypatch):
    time = Time()
    monkeypatch.setattr(flood, "seconds", time)
    return time


def test_replies_are_handed_on_in_slices_and_in_their_order(both, time):
    flooded = Flooded(time)
    flooded.receives()
    assert 0 < len(flooded.replies) < COUNT / 5
    assert flooded.transport.producerState == "paused"
    assert flooded.goes_on() > 5
    assert flooded.replies == list(range(COUNT))
    assert flooded.longest < 0.05 + REPLY_SLICE_SECONDS
    assert flooded.transport.producerState == "producing"


def test_what_comes_meanwhile_waits_its_turn(both, time):
    flooded = Flooded(time)
    at = len(flooded.wire) // 2
    flooded.receives(flooded.wire[:at])
    flooded.receives(flooded.wire[at:-3])
    flooded.receives(flooded.wire[-3:])
    flooded.goes_on()
    assert flooded.replies == list(range(COUNT))
    assert flooded.longest < 0.05 + REPLY_SLICE_SECONDS


@pytest.mark.parametrize("count", [1, 100, FLOOD_MIN_REQUESTS])
def test_the_replies_of_an_ordinary_number_of_commands_are_handed_on_at_once(both, time, count):
    flooded = Flooded(time, count)
    flooded.receives()
    assert flooded.replies == list(range(count))


def test_all_are_handed_on_at_once_where_no_reactor_goes_on_with_them(both, time):
    flooded = Flooded(time, transport=Transport)
    flooded.receives()
    assert flooded.replies == list(range(COUNT))


def test_what_had_come_is_handed_on_when_the_connection_is_lost(both, time):
    flooded = Flooded(time)
    flooded.receives(flooded.wire[:-6])
    flooded.protocol.connectionLost(Failure(ConnectionLost()))
    assert flooded.replies == list(range(COUNT - 1))
    assert not flooded.transport.reactor.getDelayedCalls()
    assert fired(flooded.deferreds[-1]) is None  # the errback of this test


def test_nothing_is_handed_on_of_a_connection_that_is_given_up(both, time):
    flooded = Flooded(time)
    flooded.receives()
    count = len(flooded.replies)
    flooded.protocol.link.abort(ConnectionError("enough"))
    flooded.goes_on()
    assert len(flooded.replies) == count


def test_a_program_that_pauses_keeps_what_is_left(both, time):
    flooded = Flooded(time)
    flooded.deferreds[10].addCallback(lambda _: flooded.protocol.pauseProducing())
    flooded.receives()
    flooded.goes_on()
    assert len(flooded.replies) == 11
    assert flooded.transport.producerState == "paused"
    flooded.protocol.resumeProducing()
    flooded.goes_on()
    assert flooded.replies == list(range(COUNT))
    assert flooded.transport.producerState == "producing"


def test_garbage_in_a_flood_ends_the_connection_after_what_was_right(both, time):
    flooded = Flooded(time)
    flooded.receives(flooded.wire[:-6] + b"garbage\r\n")
    last = flooded.protocol.get("later")
    flooded.goes_on()
    assert flooded.transport.aborted
    assert flooded.replies == list(range(COUNT - 1))
    failed(last, MaybeExecutedError)
