"""After a reconnection the program is told for how long messages may have been missed, and what is not restored."""

from __future__ import annotations

import pytest
from testbed.subscribers import Recorder, array, connect_factory, lose, message, subscriber_factory, unanswered
from testbed.wire import command
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import ClientFactory
from twisted.python.failure import Failure

import txredis_fast as redis

pytestmark = [
    pytest.mark.usefixtures("both", "logged_errors", "clock"),
    pytest.mark.promise(
        "Messages arrive in order and once; every missing message is part of a reported gap or counted as dropped"
    ),
]


class Told(Recorder):
    """Keeps its messages and gaps in the factory, in the order they come."""

    def messageReceived(self, pattern, channel, message):
        self.factory.told.append(message)

    def connectionGap(self, seconds, refused):
        self.factory.told.append(("gap", round(seconds, 3), refused))

    def messagesDropped(self, count):
        self.factory.told.append(("dropped", count))


def told_factory(protocol=Told, **options):
    factory = subscriber_factory(protocol, **options)
    factory.told = []
    return factory


def close(protocol):
    protocol.connectionLost(Failure(ConnectionDone()))


def test_the_gap_is_told_when_the_last_name_is_confirmed_again(clock):
    factory = told_factory()
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe(["a", "b"]))
    unanswered(protocol.psubscribe("p*"))
    protocol.dataReceived(array("subscribe", "a", 1) + array("subscribe", "b", 2) + array("psubscribe", "p*", 3))
    assert factory.told == []
    clock.advance(100)
    close(protocol)
    clock.advance(2.5)
    protocol, _ = connect_factory(factory)
    clock.advance(0.5)
    protocol.dataReceived(array("subscribe", "a", 1) + message("a", "early") + array("subscribe", "b", 2))
    assert factory.told == ["early"]
    protocol.dataReceived(array("psubscribe", "p*", 3) + message("a", "late"))
    assert factory.told == ["early", ("gap", 3.0, []), "late"]
    assert factory.handler.stats().subscription_gaps == 1


@pytest.mark.parametrize("heard", [0, 7])
def test_where_the_link_broke_the_gap_begins_with_what_was_last_heard(clock, heard):
    factory = told_factory()
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe("a"))
    clock.advance(heard)
    protocol.dataReceived(array("subscribe", "a", 1))
    clock.advance(60)  # dead, and nobody noticed
    protocol.connectionLost(Failure(ConnectionLost()))
    clock.advance(1)
    protocol, _ = connect_factory(factory)
    protocol.dataReceived(array("subscribe", "a", 1))
    assert factory.told == [("gap", 61.0, [])]


def test_a_connection_that_this_side_gave_up_was_dead_since_it_was_last_heard(clock):
    factory = told_factory()
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe("a"))
    protocol.dataReceived(array("subscribe", "a", 1))
    clock.advance(10)
    protocol.link.abort(redis.ConnectionError("no answer"))
    protocol, _ = connect_factory(factory)
    protocol.dataReceived(array("subscribe", "a", 1))
    assert factory.told == [("gap", 10.0, [])]


def test_connections_lost_before_all_is_confirmed_are_one_gap(clock):
    factory = told_factory()
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe(["a", "b"]))
    close(protocol)
    for _ in range(3):
        clock.advance(1)
        protocol, _ = connect_factory(factory)
        protocol.dataReceived(array("subscribe", "a", 1))
        close(protocol)
    clock.advance(1)
    protocol, _ = connect_factory(factory)
    protocol.dataReceived(array("subscribe", "a", 1) + array("subscribe", "b", 2))
    assert factory.told == [("gap", 4.0, [])]
    clock.advance(9)
    close(protocol)
    clock.advance(2)
    protocol, _ = connect_factory(factory)
    protocol.dataReceived(array("subscribe", "a", 1) + array("subscribe", "b", 2))
    assert factory.told[1:] == [("gap", 2.0, [])]


def test_what_is_refused_is_told_with_the_gap(clock):
    factory = told_factory()
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe(["a", "secret", "7"]))
    unanswered(protocol.psubscribe("p*"))
    close(protocol)
    clock.advance(1)
    protocol, transport = connect_factory(factory)
    transport.take()
    protocol.dataReceived(b"-NOPERM no\r\n-NOPERM never\r\n")
    assert transport.take() == command("SUBSCRIBE", "a") + command("SUBSCRIBE", "secret") + command("SUBSCRIBE", "7")
    protocol.dataReceived(array("subscribe", "a", 1) + b"-NOPERM no\r\n-NOPERM no\r\n")
    ((_, seconds, refused),) = factory.told
    assert seconds == 1
    assert [(entry.command, entry.name, str(entry.error)) for entry in refused] == [
        ("psubscribe", "p*", "NOPERM never"),
        ("subscribe", "secret", "NOPERM no"),
        ("subscribe", 7, "NOPERM no"),
    ]
    assert all(isinstance(entry.error, redis.NoPermissionError) for entry in refused)


def test_a_program_that_subscribes_again_itself_is_told_too(clock):
    class Program(Told):
        def connectionMade(self):
            super().connectionMade()
            unanswered(self.subscribe(["a", "b"]).addErrback(lambda failure: failure.trap(redis.ResponseError)))

    factory = told_factory(Program)
    protocol, _ = connect_factory(factory)
    protocol.dataReceived(array("subscribe", "a", 1) + array("subscribe", "b", 2))
    close(protocol)
    clock.advance(1)
    protocol, _ = connect_factory(factory)
    protocol.dataReceived(array("subscribe", "a", 1) + array("subscribe", "b", 2))
    close(protocol)
    clock.advance(1)
    protocol, _ = connect_factory(factory)
    protocol.dataReceived(b"-NOPERM no\r\n")
    assert [entry[:2] for entry in factory.told] == [("gap", 1.0), ("gap", 1.0)]
    assert [entry.name for entry in factory.told[1][2]] == ["a", "b"]


def test_a_gap_behind_a_password_ends_after_the_handshake(clock):
    class Program(Told):
        def connectionMade(self):
            super().connectionMade()
            unanswered(self.subscribe("a"))

    factory = told_factory(Program, password="secret")
    protocol, _ = connect_factory(factory)
    protocol.dataReceived(b"+OK\r\n" + array("subscribe", "a", 1))
    unanswered(protocol.subscribe("later"))
    close(protocol)
    clock.advance(1)
    protocol, _ = connect_factory(factory)
    protocol.dataReceived(b"+OK\r\n" + array("subscribe", "a", 1))
    assert factory.told == []
    protocol.dataReceived(array("subscribe", "later", 2))
    assert factory.told == [("gap", 1.0, [])]


def test_what_is_not_wanted_any_more_is_not_waited_for(clock):
    factory = told_factory()
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe(["a", "b"]))
    close(protocol)
    clock.advance(1)
    protocol, _ = connect_factory(factory)
    unanswered(protocol.unsubscribe(["a", "b"]))
    assert factory.told == [("gap", 1.0, [])]


def test_where_nothing_was_wanted_nothing_was_missed(clock):
    factory = told_factory()
    protocol, _ = connect_factory(factory)
    close(protocol)
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe("a"))
    protocol.dataReceived(array("subscribe", "a", 1))
    unanswered(protocol.unsubscribe("a"))
    close(protocol)
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe("b"))
    protocol.dataReceived(array("subscribe", "b", 1))
    assert factory.told == []


def test_a_factory_that_is_not_ours_has_no_gaps():
    factory = ClientFactory()
    factory.protocol = Told
    factory.told = []
    for _ in range(2):
        protocol, _ = connect_factory(factory)
        unanswered(protocol.subscribe("a"))
        protocol.dataReceived(array("subscribe", "a", 1))
        lose(protocol)
    assert factory.told == []


def test_an_exception_in_connectionGap_is_logged_and_harms_nothing(clock, logged_errors):
    class Failing(Told):
        def connectionGap(self, seconds, refused):
            raise ZeroDivisionError

    factory = told_factory(Failing)
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe("a"))
    close(protocol)
    protocol, transport = connect_factory(factory)
    protocol.dataReceived(array("subscribe", "a", 1) + message("a", "x"))
    assert factory.told == ["x"]
    assert not transport.disconnecting
    assert len(logged_errors.flush(ZeroDivisionError)) == 1


@pytest.mark.parametrize("pause", [5, 0.5])
def test_what_piled_up_while_reading_was_paused_is_in_the_gap(clock, pause):
    factory = told_factory()
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe("a"))
    protocol.dataReceived(array("subscribe", "a", 1))
    clock.advance(10)
    for _ in range(3):  # paused now and then
        protocol.pauseProducing()
        clock.advance(pause)
        protocol.resumeProducing()
        protocol.dataReceived(message("a", "x"))
        clock.advance(0.5)
    close(protocol)
    protocol, _ = connect_factory(factory)
    protocol.dataReceived(array("subscribe", "a", 1))
    assert factory.told[-1] == ("gap", 3 * pause + 1.5, [])


def test_a_pause_that_is_long_over_is_not_in_the_gap(clock):
    factory = told_factory()
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe("a"))
    protocol.dataReceived(array("subscribe", "a", 1))
    protocol.pauseProducing()
    clock.advance(5)
    protocol.resumeProducing()
    clock.advance(5)
    close(protocol)
    clock.advance(2)
    protocol, _ = connect_factory(factory)
    protocol.dataReceived(array("subscribe", "a", 1))
    assert factory.told == [("gap", 2.0, [])]


def test_a_new_subscriber_costs_the_same_however_many_there_are():
    looks, is_up = [], Told.connected

    class Counting(Told):
        connected = property(lambda self: looks.append(self) or is_up.fget(self), is_up.fset)

    def looks_of_one_more(count):
        factory = told_factory(Counting)
        for _ in range(count):
            connect_factory(factory)
        looks.clear()
        connect_factory(factory)
        return len(looks)

    assert looks_of_one_more(50) == looks_of_one_more(2)


def test_each_lost_subscriber_has_one_successor(clock):
    factory = told_factory()
    lost = [connect_factory(factory)[0] for _ in range(3)]
    for number, protocol in enumerate(lost):
        unanswered(protocol.subscribe(str(number)))
    stays = lost.pop(1)
    lost[1].connected = 0  # by a program
    lost[1].connected = 1
    for protocol in lost:
        lose(protocol)
        protocol.link.lost(Failure(ConnectionLost()))  # again
    written = [connect_factory(factory)[1].take() for _ in range(3)]
    assert sorted(written) == [b"", command("SUBSCRIBE", "0"), command("SUBSCRIBE", "2")]
    assert stays.connected
