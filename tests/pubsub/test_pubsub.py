"""Subscribers and monitors: who is told what, that no reply is shifted, and what survives a reconnection."""

from __future__ import annotations

import gc

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
from testbed.support import Pool, Transport, connect, connected, failed, fired, pending
from testbed.wire import command
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import ClientFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure

import txredis_fast as redis
from txredis_fast.pubsub.monitor import MonitorFactory, MonitorProtocol
from txredis_fast.pubsub.subscriber import SubscriberFactory, SubscriberProtocol

pytestmark = [
    pytest.mark.usefixtures("both", "logged_errors"),
    pytest.mark.promise(
        "After lost connections and restarts exactly the current channels, patterns and shard channels are restored"
    ),
]


class Monitor(MonitorProtocol):
    """Keeps what it is told."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.messages = []

    def messageReceived(self, message):
        self.messages.append(message)


# -- confirmations


def test_one_channel_is_confirmed_by_its_confirmation():
    protocol, transport = connected(Recorder)
    d = protocol.subscribe("news")
    assert transport.take() == command("SUBSCRIBE", "news")
    protocol.dataReceived(array("subscribe", "news", 1))
    assert fired(d) == ["subscribe", "news", 1]


@pytest.mark.parametrize(
    ("method", "word"),
    [
        ("subscribe", "subscribe"),
        ("unsubscribe", "unsubscribe"),
        ("psubscribe", "psubscribe"),
        ("punsubscribe", "punsubscribe"),
        ("ssubscribe", "ssubscribe"),
        ("sunsubscribe", "sunsubscribe"),
    ],
)
@pytest.mark.parametrize("channels", ["ab", b"ab", bytearray(b"ab"), ["ab"], (b"ab",), {"ab": 1}], ids=type)
def test_channels_are_text_bytes_or_any_iterable_of_these(method, word, channels):
    protocol, transport = connected(Recorder)
    d = getattr(protocol, method)(channels)
    assert transport.take() == command(word.upper(), "ab")
    protocol.dataReceived(array(word, "ab", 1))
    assert fired(d) == [word, "ab", 1]


def test_several_channels_fire_with_the_first_confirmation_when_the_last_has_come():
    protocol, _ = connected(Recorder)
    d, after = protocol.subscribe(["a", "b", "c"]), protocol.ping()
    protocol.dataReceived(array("subscribe", "a", 1) + array("subscribe", "b", 2))
    assert pending(d)
    protocol.dataReceived(array("subscribe", "c", 3))
    assert fired(d) == ["subscribe", "a", 1]
    assert pending(after)
    protocol.dataReceived(array("pong", ""))
    assert fired(after) == ["pong", ""]


def test_the_same_channel_twice_is_confirmed_twice():
    protocol, _ = connected(Recorder)
    d = protocol.subscribe(["a", "a"])
    protocol.dataReceived(array("subscribe", "a", 1))
    assert pending(d)
    protocol.dataReceived(array("subscribe", "a", 1))
    assert fired(d) == ["subscribe", "a", 1]
    d = protocol.unsubscribe()
    protocol.dataReceived(array("unsubscribe", "a", 0))
    assert fired(d) == ["unsubscribe", "a", 0]


def test_unsubscribing_from_everything_awaits_as_many_confirmations_as_there_are_channels():
    protocol, transport = subscriber("a", "b")
    protocol.psubscribe("p*")
    protocol.dataReceived(array("psubscribe", "p*", 3))
    transport.take()
    d, patterns, after = protocol.unsubscribe(), protocol.punsubscribe(), protocol.ping()
    assert transport.take() == command("UNSUBSCRIBE") + command("PUNSUBSCRIBE") + command("PING")
    protocol.dataReceived(array("unsubscribe", "a", 2))
    assert pending(d)
    protocol.dataReceived(array("unsubscribe", "b", 1))
    assert fired(d) == ["unsubscribe", "a", 2]
    protocol.dataReceived(array("punsubscribe", "p*", 0) + b"+PONG\r\n")
    assert fired(patterns) == ["punsubscribe", "p*", 0]
    assert fired(after) == "PONG"


def test_unsubscribing_from_nothing_is_confirmed_once():
    protocol, _ = connected(Recorder)
    d, after = protocol.unsubscribe(), protocol.ping()
    protocol.dataReceived(array("unsubscribe", None, 0) + b"+PONG\r\n")
    assert fired(d) == ["unsubscribe", None, 0]
    assert fired(after) == "PONG"


def test_channels_that_are_subscribed_to_when_the_answer_comes_are_those_that_count():
    protocol, _ = connected(Recorder)
    protocol.subscribe(["a", "b"])
    d, after = protocol.unsubscribe(), protocol.ping()  # written before the first confirmation has come
    protocol.dataReceived(array("subscribe", "a", 1) + array("subscribe", "b", 2))
    protocol.dataReceived(array("unsubscribe", "b", 1))
    assert pending(d)
    protocol.dataReceived(array("unsubscribe", "a", 0) + b"+PONG\r\n")
    assert fired(d) == ["unsubscribe", "b", 1]
    assert fired(after) == "PONG"


def test_names_that_convert_to_the_same_number_are_still_two():
    protocol, _ = connected(Recorder)
    d = protocol.subscribe(["7", "007"])
    protocol.dataReceived(array("subscribe", "7", 1))
    assert pending(d)
    protocol.dataReceived(array("subscribe", "007", 2))
    assert fired(d) == ["subscribe", 7, 1]
    d = protocol.unsubscribe()
    protocol.dataReceived(array("unsubscribe", "7", 1))
    assert pending(d)
    protocol.dataReceived(array("unsubscribe", "007", 0))
    assert fired(d) == ["unsubscribe", 7, 1]


def test_a_cancelled_subscription_keeps_its_place_for_all_its_confirmations():
    protocol, _ = connected(Recorder)
    d, after = protocol.subscribe(["a", "b"]), protocol.subscribe("c")
    d.cancel()
    failed(d, CancelledError)
    protocol.dataReceived(array("subscribe", "a", 1) + array("subscribe", "b", 2) + message("b", "hi"))
    assert pending(after)
    protocol.dataReceived(array("subscribe", "c", 3))
    assert fired(after) == ["subscribe", "c", 3]
    assert protocol.messages == [(None, "b", "hi")]


@pytest.mark.parametrize("surplus", [("unsubscribe", "a", 0), ("psubscribe", "a", 1), ("sunsubscribe", "a", 0)])
def test_a_confirmation_nobody_asked_for_goes_to_nobody(surplus):
    protocol, transport = subscriber("a")
    protocol.dataReceived(array(*surplus))
    d, after = protocol.subscribe("b"), protocol.ping()
    protocol.dataReceived(array(*surplus) + array("subscribe", "b", 1))
    assert fired(d) == ["subscribe", "b", 1]
    protocol.dataReceived(array(*surplus) + array("pong", ""))
    assert fired(after) == ["pong", ""]
    assert protocol.messages == []
    assert not transport.disconnecting


def test_a_channel_that_the_server_took_away_is_not_counted_any_more():
    protocol, _ = subscriber("a", "b")
    protocol.dataReceived(array("unsubscribe", "a", 1))
    d = protocol.unsubscribe()
    protocol.dataReceived(array("unsubscribe", "b", 0))
    assert fired(d) == ["unsubscribe", "b", 0]


def test_a_refused_subscription_fails_alone():
    protocol, _ = connected(Recorder)
    d, after = protocol.subscribe(["a", "b"]), protocol.ping()
    protocol.dataReceived(b"-NOPERM no\r\n+PONG\r\n")
    assert str(failed(d, redis.NoPermissionError)) == "NOPERM no"
    assert fired(after) == "PONG"


def test_subscribing_never_raises():
    protocol, transport = connected(Recorder, charset="ascii")
    failed(protocol.subscribe("caf\xe9"), redis.InvalidData)
    failed(protocol.subscribe(object()), TypeError)
    lose(protocol)
    failed(protocol.subscribe("a"), redis.NotSentError)
    assert transport.take() == b""


def test_what_waits_for_confirmations_fails_when_the_connection_is_lost():
    protocol, _ = connected(Recorder)
    d, after = protocol.subscribe(["a", "b"]), protocol.ping()
    protocol.dataReceived(array("subscribe", "a", 1))
    lose(protocol)
    failed(d, redis.MaybeExecutedError)
    failed(after, redis.MaybeExecutedError)


def test_an_end_of_a_subscription_that_is_not_confirmed_in_time_ends_the_connection(clock):
    protocol, transport = subscriber("a", "b", replyTimeout=5)
    d = protocol.unsubscribe(["a", "b"])
    protocol.dataReceived(array("unsubscribe", "a", 1))
    clock.advance(5)
    failed(d, redis.ReplyTimeoutError)
    assert transport.aborted


@pytest.mark.parametrize("name", ["subscribe", "psubscribe"])
def test_replyTimeout_does_not_limit_the_begin_of_a_subscription_and_leaves_no_timer(clock, name):
    protocol, transport = connected(Recorder, replyTimeout=5)
    d = getattr(protocol, name)("a")
    assert not clock.getDelayedCalls()
    clock.advance(6)
    protocol.dataReceived(array(name, "a", 1))
    assert fired(d) == [name, "a", 1]
    assert not transport.aborted


def test_commands_given_by_their_name_are_counted_too():
    protocol, _ = connected(Recorder)
    d, after = protocol.execute_command(b"Subscribe", "a", "b"), protocol.ping()
    protocol.dataReceived(array("subscribe", "a", 1))
    assert pending(d)
    protocol.dataReceived(array("subscribe", "b", 2) + array("pong", ""))
    assert fired(d) == ["subscribe", "a", 1]
    assert fired(after) == ["pong", ""]


def test_every_command_goes_through_execute_command():
    class Logging(Recorder):
        seen = ()

        def execute_command(self, *args, **kwargs):
            self.seen += (args,)
            return super().execute_command(*args, **kwargs)

    protocol, _ = connected(Logging)
    d = protocol.subscribe(["a", "b"])
    protocol.unsubscribe()
    assert protocol.seen == (("SUBSCRIBE", "a", "b"), ("UNSUBSCRIBE",))
    protocol.dataReceived(array("subscribe", "a", 1) + array("subscribe", "b", 2))
    assert fired(d) == ["subscribe", "a", 1]


def test_confirmations_are_counted_in_a_pipeline():
    protocol, transport = connected(Recorder)
    protocol.pipeline()
    protocol.ping()
    protocol.subscribe(["a", "b"])
    protocol.subscribe("c")
    d = protocol.execute_pipeline()
    assert transport.take() == command("PING") + command("SUBSCRIBE", "a", "b") + command("SUBSCRIBE", "c")
    protocol.dataReceived(b"+PONG\r\n" + array("subscribe", "a", 1) + array("subscribe", "b", 2) + message("a", "x"))
    assert pending(d)
    protocol.dataReceived(array("subscribe", "c", 3))
    assert fired(d) == ["PONG", ["subscribe", "a", 1], ["subscribe", "c", 3]]
    assert protocol.messages == [(None, "a", "x")]


# -- messages


def test_messages_are_told_with_channel_and_pattern():
    protocol, _ = subscriber("a")
    protocol.dataReceived(message("a", "hi") + array("pmessage", "a*", "ab", "ho") + array("smessage", "s", "!"))
    assert protocol.messages == [(None, "a", "hi"), ("a*", "ab", "ho"), (None, "s", "!")]


def test_messages_cut_anywhere_are_told_whole():
    data = message("a", "hi\r\n*3") + array("pmessage", "a*", "ab", "ho")
    for cut in range(len(data)):
        protocol, _ = subscriber("a")
        protocol.dataReceived(data[:cut])
        protocol.dataReceived(data[cut:])
        assert protocol.messages == [(None, "a", "hi\r\n*3"), ("a*", "ab", "ho")]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, (7, 1.5)),
        ({"convertNumbers": False}, ("007", "1.5")),
        ({"convertNumbers": "exact"}, ("007", 1.5)),
        ({"charset": None}, (7, 1.5)),
        ({"charset": None, "convertNumbers": False}, (b"007", b"1.5")),
    ],
)
def test_messages_are_converted_as_replies_are(options, told):
    protocol, _ = subscriber("a", **options)
    protocol.dataReceived(message("007", "1.5"))
    assert protocol.messages == [(None, *told)]


def test_text_is_decoded_by_the_charset_and_stays_bytes_where_it_cannot_be():
    protocol, _ = subscriber("a", charset="latin-1")
    protocol.dataReceived(message(b"caf\xe9", b"\xff"))
    assert protocol.messages == [(None, "caf\xe9", "\xff")]
    protocol, _ = subscriber("a")
    protocol.dataReceived(message(b"caf\xe9", "\u2713"))
    assert protocol.messages == [(None, b"caf\xe9", "\u2713")]


def test_without_a_charset_confirmations_and_messages_are_bytes():
    protocol, _ = connected(Recorder, charset=None)
    d = protocol.psubscribe(["a*", "b*"])
    protocol.dataReceived(array("psubscribe", "a*", 1) + array("psubscribe", "b*", 2))
    assert fired(d) == [b"psubscribe", b"a*", 1]
    protocol.dataReceived(array("pmessage", "a*", "ab", b"\xff"))
    assert protocol.messages == [(b"a*", b"ab", b"\xff")]


def test_a_message_that_comes_before_a_reply_wanted_raw_is_converted_all_the_same():
    protocol, _ = subscriber("a")
    d = protocol.execute_command("PING", raw=True)
    protocol.dataReceived(message("a", "12") + array("pong", ""))
    assert protocol.messages == [(None, "a", 12)]
    assert fired(d) == [b"pong", b""]


def test_messages_between_a_command_and_its_reply_do_not_shift_it():
    protocol, _ = subscriber("a")
    d, ping = protocol.subscribe("b"), protocol.ping()
    protocol.dataReceived(message("a", "1") + array("subscribe", "b", 2) + message("b", "2") + array("pong", ""))
    assert fired(d) == ["subscribe", "b", 2]
    assert fired(ping) == ["pong", ""]
    assert protocol.messages == [(None, "a", 1), (None, "b", 2)]


def test_a_reply_that_looks_like_a_message_is_a_reply_where_nothing_is_subscribed_to():
    protocol, _ = connected(Recorder)
    message_like, confirmation_like = protocol.lrange("key", 0, -1), protocol.lrange("key", 0, -1)
    protocol.subscribe("a")
    protocol.dataReceived(message("a", "b") + array("subscribe", "a", "b"))
    assert fired(message_like) == ["message", "a", "b"]
    assert fired(confirmation_like) == ["subscribe", "a", "b"]
    assert protocol.messages == []


def test_after_unsubscribing_a_reply_that_looks_like_a_message_is_a_reply_again():
    protocol, _ = subscriber("a")
    protocol.unsubscribe("a")
    protocol.dataReceived(array("unsubscribe", "a", 0))
    d = protocol.lrange("key", 0, -1)
    protocol.dataReceived(message("a", "b"))
    assert fired(d) == ["message", "a", "b"]
    assert protocol.messages == []


def test_an_ordinary_list_is_not_shortened():
    protocol, _ = connected(Recorder)
    d = protocol.lrange("key", 0, -1)
    protocol.dataReceived(array("a", "b", "c", "d", "e"))
    assert fired(d) == ["a", "b", "c", "d", "e"]


def test_a_message_fed_to_a_bare_protocol_is_told():
    protocol = Recorder()
    protocol.makeConnection(Transport())
    protocol.dataReceived(message("a", "b"))
    protocol.replyReceived(["pmessage", "a*", "ab", "c"])
    assert protocol.messages == [(None, "a", "b"), ("a*", "ab", "c")]


def test_a_reply_nobody_asked_for_ends_the_connection():
    protocol, transport = subscriber("a")
    protocol.dataReceived(array("pong", "") + message("a", "b"))
    assert transport.aborted
    assert protocol.messages == []


def test_an_exception_in_messageReceived_is_logged_and_loses_nothing(logged_errors):
    class Failing(Recorder):
        def messageReceived(self, pattern, channel, message):
            super().messageReceived(pattern, channel, message)
            raise ZeroDivisionError

    protocol, transport = subscriber("a", cls=Failing)
    d = protocol.ping()
    protocol.dataReceived(message("a", "x") + message("a", "y") + array("pong", ""))
    assert protocol.messages == [(None, "a", "x"), (None, "a", "y")]
    assert fired(d) == ["pong", ""]
    assert not transport.disconnecting
    assert len(logged_errors.flush(ZeroDivisionError)) == 2


def test_after_losing_the_connection_in_messageReceived_nothing_more_is_told():
    class Leaving(Recorder):
        def messageReceived(self, pattern, channel, message):
            super().messageReceived(pattern, channel, message)
            self.transport.loseConnection()

    protocol, _ = subscriber("a", cls=Leaving)
    protocol.dataReceived(message("a", "x") + message("a", "y"))
    assert protocol.messages == [(None, "a", "x")]


def test_quit_and_reset_are_answered_while_subscribed():
    protocol, transport = subscriber("a", "b")
    d = protocol.reset()
    assert transport.take() == command("RESET")
    protocol.dataReceived(b"+RESET\r\n")
    assert fired(d) == "RESET"
    d, after = protocol.unsubscribe(), protocol.quit()
    protocol.dataReceived(array("unsubscribe", None, 0) + b"+OK\r\n")
    assert fired(d) == ["unsubscribe", None, 0]
    assert fired(after) == "OK"


def test_pushes_are_messages_and_confirmations_too():
    protocol, _ = connected(Recorder)
    d = protocol.subscribe(["a", "b"])
    get, raw, ping = protocol.lrange("key", 0, -1), protocol.execute_command("GET", "k", raw=True), protocol.ping()
    protocol.dataReceived(array("subscribe", "a", 1, kind=b">") + array("subscribe", "b", 2, kind=b">"))
    assert fired(d) == ["subscribe", "a", 1]
    protocol.dataReceived(array("message", "a", "12", kind=b">") + message("an", "item"))
    assert fired(get) == ["message", "an", "item"]
    protocol.dataReceived(array("pmessage", "a*", "ab", "12", kind=b">") + b"$2\r\n12\r\n")
    assert fired(raw) == b"12"
    protocol.dataReceived(array("invalidate", "k", "x", kind=b">") + b"+PONG\r\n")
    assert fired(ping) == ["pong", ""], "as under RESP2"
    assert protocol.messages == [(None, "a", 12), ("a*", "ab", 12)]
    by_name, texts = protocol.execute_command("PING"), [protocol.ping(message=text) for text in ("x", "PONG", 7)]
    gone, ping = protocol.unsubscribe(), protocol.ping(message="y")
    protocol.dataReceived(b"+PONG\r\n$1\r\nx\r\n$4\r\nPONG\r\n$1\r\n7\r\n")
    assert fired(by_name) == "PONG", "what has no method is as the server sends it"
    assert [fired(each) for each in texts] == [["pong", "x"], ["pong", "PONG"], ["pong", 7]]
    confirmed = array("unsubscribe", "a", 1, kind=b">") + array("unsubscribe", "b", 0, kind=b">")
    protocol.dataReceived(confirmed + b"$1\r\ny\r\n")
    assert fired(gone) == ["unsubscribe", "a", 1]
    assert fired(ping) == "y"


def test_a_push_before_a_reply_wanted_raw_is_converted_once():
    protocol, _ = connected(Recorder, charset="latin-1")
    protocol.subscribe("a")
    raw = protocol.execute_command("GET", "k", raw=True)
    protocol.dataReceived(array("subscribe", "a", 1, kind=b">"))
    protocol.dataReceived(b">3\r\n+message\r\n$1\r\n\xe9\r\n$1\r\n\xe4\r\n" + b"$1\r\n\xe9\r\n")
    assert protocol.messages == [(None, "\xe9", "\xe4")]
    assert fired(raw) == b"\xe9"


def test_after_reset_messages_are_lists_again():
    protocol, _ = connected(Recorder)
    protocol.subscribe("a")
    protocol.dataReceived(array("subscribe", "a", 1, kind=b">"))
    protocol.reset()
    protocol.dataReceived(b"+RESET\r\n")
    d = protocol.subscribe("b")
    protocol.dataReceived(array("subscribe", "b", 1) + message("b", "x"))
    assert fired(d) == ["subscribe", "b", 1]
    assert protocol.messages == [(None, "b", "x")]


# -- connecting and reconnecting


def test_a_successor_subscribes_to_what_the_lost_connection_wanted():
    factory = subscriber_factory()
    protocol, transport = connect_factory(factory)
    unanswered(protocol.subscribe(["a", b"b\xff", "c"]))
    unanswered(protocol.psubscribe("p*"))
    unanswered(protocol.ssubscribe("s"))
    unanswered(protocol.unsubscribe("c"))
    lose(protocol)
    successor, transport = connect_factory(factory)
    assert transport.take() == (
        command("SUBSCRIBE", "a", b"b\xff") + command("PSUBSCRIBE", "p*") + command("SSUBSCRIBE", "s")
    )
    ping = successor.ping()
    successor.dataReceived(array("subscribe", "a", 1) + array("subscribe", b"b\xff", 2))
    successor.dataReceived(array("psubscribe", "p*", 3) + array("ssubscribe", "s", 1) + array("pong", ""))
    assert fired(ping) == ["pong", ""]
    successor.dataReceived(message("a", "again"))
    assert successor.messages == [(None, "a", "again")]


def test_what_is_wanted_survives_any_number_of_connections():
    factory = subscriber_factory()
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe("a"))
    for _ in range(5):
        lose(protocol)
        protocol, transport = connect_factory(factory)
        assert transport.take() == command("SUBSCRIBE", "a")
    unanswered(protocol.subscribe("b"))
    unanswered(protocol.unsubscribe("a"))
    lose(protocol)
    _, transport = connect_factory(factory)
    assert transport.take() == command("SUBSCRIBE", "b")


@pytest.mark.parametrize("leave", [lambda p: p.unsubscribe(), lambda p: p.unsubscribe(["a", "b"]), lambda p: p.reset()])
def test_what_was_unsubscribed_from_is_not_wanted_any_more(leave):
    factory = subscriber_factory()
    protocol, transport = connect_factory(factory)
    unanswered(protocol.subscribe(["a", "b"]))
    unanswered(leave(protocol))
    lose(protocol)
    _, transport = connect_factory(factory)
    assert transport.take() == b""


def test_a_refused_channel_is_not_wanted():
    factory = subscriber_factory()
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe("a"))
    protocol.dataReceived(array("subscribe", "a", 1))
    d = protocol.subscribe(["a", "secret"])
    protocol.dataReceived(b"-NOPERM no\r\n")
    failed(d, redis.NoPermissionError)
    lose(protocol)
    _, transport = connect_factory(factory)
    assert transport.take() == command("SUBSCRIBE", "a")


def test_what_could_not_be_sent_is_not_wanted():
    factory = subscriber_factory()
    protocol, _ = connect_factory(factory)
    lose(protocol)
    failed(protocol.subscribe("a"), redis.NotSentError)
    _, transport = connect_factory(factory)
    assert transport.take() == b""


def test_a_program_that_subscribes_again_itself_does_so_once():
    class Program(Recorder):
        def connectionMade(self):
            super().connectionMade()
            self.confirmed = self.subscribe(["a", "b"])

    factory = subscriber_factory(Program)
    protocol, transport = connect_factory(factory)
    assert transport.take() == command("SUBSCRIBE", "a", "b")
    unanswered(protocol.subscribe("later"))
    lose(protocol)
    failed(protocol.confirmed, redis.MaybeExecutedError)
    successor, transport = connect_factory(factory)
    assert transport.take() == command("SUBSCRIBE", "a", "b") + command("SUBSCRIBE", "later")
    successor.dataReceived(array("subscribe", "a", 1) + array("subscribe", "b", 2))
    assert fired(successor.confirmed) == ["subscribe", "a", 1]


@pytest.mark.parametrize("version", [2, 3])
def test_a_program_whose_methods_do_not_chain_gets_its_subscriptions_back_too(version):
    class Program(Recorder):
        def connectionMade(self):
            self.confirmed = unanswered(self.subscribe("a"))

        def connectionLost(self, reason):
            self.connected = 0

    factory = subscriber_factory(Program)
    factory.respVersion = version
    protocol, transport = connect_factory(factory)
    assert transport.take() == command("SUBSCRIBE", "a")
    unanswered(protocol.subscribe("later"))
    lose(protocol)
    _, transport = connect_factory(factory)
    assert transport.take() == command("SUBSCRIBE", "a") + command("SUBSCRIBE", "later")


def test_auth_and_select_come_first_and_what_was_wanted_when_they_have_succeeded():
    class Program(Recorder):
        def connectionMade(self):
            super().connectionMade()
            self.confirmed = self.subscribe("a")

    factory = subscriber_factory(Program, password="secret", username="alice", dbid=2)
    handshake = command("AUTH", "alice", "secret") + command("SELECT", 2)
    protocol, transport = connect_factory(factory)
    assert transport.take() == handshake + command("SUBSCRIBE", "a")
    protocol.dataReceived(b"+OK\r\n+OK\r\n" + array("subscribe", "a", 1))
    assert fired(protocol.confirmed) == ["subscribe", "a", 1]
    assert factory.pool == [protocol]
    unanswered(protocol.subscribe("later"))
    lose(protocol)
    successor, transport = connect_factory(factory)
    assert transport.take() == handshake + command("SUBSCRIBE", "a")
    successor.dataReceived(b"+OK\r\n+OK\r\n")
    assert transport.take() == command("SUBSCRIBE", "later")


def test_a_connection_whose_auth_is_refused_leaves_what_is_wanted_to_the_next():
    factory = subscriber_factory(password="secret", isLazy=True)
    protocol, _ = connect_factory(factory)
    protocol.dataReceived(b"+OK\r\n")
    unanswered(protocol.subscribe("a"))
    lose(protocol)
    refused, transport = connect_factory(factory)
    refused.dataReceived(b"-LOADING later\r\n")
    assert transport.disconnecting
    assert transport.take() == command("AUTH", "secret")
    protocol, transport = connect_factory(factory)
    protocol.dataReceived(b"+OK\r\n")
    assert transport.take() == command("AUTH", "secret") + command("SUBSCRIBE", "a")


def test_one_channel_refused_after_a_reconnection_does_not_take_the_others_with_it():
    factory = subscriber_factory()
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe(["a", "b", "c"]))
    lose(protocol)
    protocol, transport = connect_factory(factory)
    assert transport.take() == command("SUBSCRIBE", "a", "b", "c")
    unanswered(protocol.unsubscribe("c"))
    transport.take()
    protocol.dataReceived(b"-NOPERM no\r\n" + array("unsubscribe", "c", 0))
    assert transport.take() == command("SUBSCRIBE", "a") + command("SUBSCRIBE", "b")
    protocol.dataReceived(b"-NOPERM no\r\n" + array("subscribe", "b", 1) + message("b", "x"))
    assert protocol.messages == [(None, "b", "x")]
    lose(protocol)
    _, transport = connect_factory(factory)
    assert sorted(transport.take().split(b"\r\n")) == sorted(command("SUBSCRIBE", "a", "b").split(b"\r\n"))


def test_a_channel_refused_after_a_reconnection_is_logged_and_a_lost_connection_is_not():
    factory = subscriber_factory()
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe("a"))
    lose(protocol)
    protocol, _ = connect_factory(factory)

    def own(events):
        """But for what is told of every connection."""
        return [formatEvent(event) for event in events if "redis_event" not in event]

    events = []
    globalLogPublisher.addObserver(events.append)
    try:
        lose(protocol)
        assert own(events) == []
        protocol, _ = connect_factory(factory)
        protocol.dataReceived(b"-NOPERM no\r\n")
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert own(events) == ["Cannot subscribe again to channel b'a': NOPERM no"]


def test_channels_that_come_and_go_leave_nothing_behind():
    protocol, _ = connected(Recorder)
    for number in range(100):
        name = f"user:{number}"
        protocol.subscribe(name)
        protocol.unsubscribe(name if number % 2 else None)
        protocol.dataReceived(array("subscribe", name, 1) + array("unsubscribe", name, 0))
    kept = [protocol._wanted.asked, protocol._wanted.confirmed, protocol._wanted._wanted.names]
    assert not any(names for by_kind in kept for names in by_kind.values())


def test_two_connections_at_once_do_not_share_what_they_want():
    pool = Pool(2, protocol=Recorder)
    first, second = (transport.protocol for transport in pool.transports)
    unanswered(first.subscribe("a"))
    unanswered(second.subscribe("b"))
    pool.written()
    lose(first)
    assert pool.connect().take() == command("SUBSCRIBE", "a")
    lose(second)
    assert pool.connect().take() == command("SUBSCRIBE", "b")


def test_connections_of_a_factory_that_is_not_ours_have_nothing_to_do_with_each_other():
    factory = ClientFactory()
    factory.protocol = Recorder
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe("a"))
    lose(protocol)
    _, transport = connect_factory(factory)
    assert transport.take() == b""


def test_the_handler_subscribes():
    factory = subscriber_factory()
    protocol, transport = connect_factory(factory)
    d = factory.handler.subscribe(["a", "b"])
    assert transport.take() == command("SUBSCRIBE", "a", "b")
    protocol.dataReceived(array("subscribe", "a", 1))
    assert pending(d)
    protocol.dataReceived(array("subscribe", "b", 2))
    assert fired(d) == ["subscribe", "a", 1]
    d = factory.handler.unsubscribe()
    protocol.dataReceived(array("unsubscribe", "a", 1) + array("unsubscribe", "b", 0))
    assert fired(d) == ["unsubscribe", "a", 1]


def test_the_handlers_pipeline_counts_confirmations():
    factory = subscriber_factory()
    protocol, _ = connect_factory(factory)
    pipeline = fired(factory.handler.pipeline())
    pipeline.subscribe(["a", "b"])
    pipeline.ping()
    d = pipeline.execute_pipeline()
    protocol.dataReceived(array("subscribe", "a", 1) + array("subscribe", "b", 2) + array("pong", ""))
    assert fired(d) == [["subscribe", "a", 1], ["pong", ""]]


@pytest.mark.usefixtures("clock")
def test_what_the_handler_is_asked_while_disconnected_goes_out_before_what_was_wanted():
    factory = subscriber_factory()
    protocol, _ = connect_factory(factory)
    unanswered(protocol.subscribe(["a", "b"]))
    lose(protocol)
    d = factory.handler.unsubscribe("a")
    successor, transport = connect_factory(factory)
    assert transport.take() == command("UNSUBSCRIBE", "a") + command("SUBSCRIBE", "b")
    successor.dataReceived(array("unsubscribe", "a", 0))
    assert fired(d) == ["unsubscribe", "a", 0]


def test_an_ordinary_pool_cannot_subscribe():
    pool = Pool()
    with pytest.raises(AttributeError, match="SubscriberFactory"):
        pool.handler.subscribe("a")
    assert pool.written() == b""


def test_the_factories_take_the_arguments_of_txredisapi_and_the_options_of_RedisFactory():
    for cls, protocol in ((SubscriberFactory, SubscriberProtocol), (MonitorFactory, MonitorProtocol)):
        made = []
        factory = cls(True, lambda factory, made=made: made.append(factory) or "handler")
        assert (factory.isLazy, factory.handler, factory.protocol, made) == (True, "handler", protocol, [factory])
        assert (factory.uuid, factory.dbid, factory.poolsize) == (None, None, 1)
        assert cls().isLazy is False
        assert cls.__bases__ == (redis.RedisFactory,)
        assert protocol.__bases__ == (redis.HiredisProtocol,)
        options = {"charset": None, "replyTimeout": 3, "convertNumbers": False, "password": "p", "username": "u"}
        made = cls(dbid=3, poolTimeout=1, strict=True, limits={"max_depth": 2}, **options).buildProtocol(None)
        assert {name: getattr(made, name) for name in options} == options
        assert (made.dbid, made.strict, made.limits, made.factory.poolTimeout) == (3, True, {"max_depth": 2}, 1)
        with pytest.raises(ValueError, match="dbid"):
            cls(dbid="x")
        with pytest.raises(TypeError):
            cls(True, redis.ConnectionHandler, None)
        with pytest.raises(TypeError):
            cls(no_such_option=1)


def test_options_set_on_the_factory_after_its_construction_are_used():
    factory = SubscriberFactory()
    factory.password = "secret"
    factory.charset = None
    _, transport = connect_factory(factory)
    assert transport.take() == command("AUTH", "secret")


class Replication(SubscriberProtocol):
    """A program in the style of a chat server's replication."""

    def connectionMade(self):
        super().connectionMade()
        self.confirmed = self.subscribe(["events", "commands"])
        self.log.append("made")

    def messageReceived(self, pattern, channel, message):
        self.log.append((channel, message))

    def connectionLost(self, reason):
        super().connectionLost(reason)
        self.log.append("lost")


class AlwaysTrying:
    """``continueTrying`` as a program has it that is never to give up."""

    def __get__(self, factory, owner=None):
        return True

    def __set__(self, factory, value):
        pass


class ReplicationFactory(redis.RedisFactory):
    maxDelay = 5
    continueTrying = AlwaysTrying()
    protocol = Replication

    def __init__(self, log):
        super().__init__(uuid="subscriber", dbid=None, poolsize=1, replyTimeout=30, password="secret")
        self.log = log

    def buildProtocol(self, addr):
        protocol = super().buildProtocol(addr)
        protocol.log = self.log
        return protocol


def test_a_replication_program_over_connectTCP_comes_back_by_itself(monkeypatch):
    reactor = MemoryReactorClock()
    monkeypatch.setattr(redis, "reactor", reactor, raising=False)
    factory = ReplicationFactory([])
    connector = reactor.connectTCP("redis.example", 6379, factory, timeout=30, bindAddress=None)
    *_, client_factory, _, _ = reactor.tcpClients[0]
    assert client_factory is factory

    def come_up():
        protocol = factory.buildProtocol(None)
        transport = connect(protocol)
        assert transport.take() == command("AUTH", "secret") + command("SUBSCRIBE", "events", "commands")
        protocol.dataReceived(b"+OK\r\n" + array("subscribe", "events", 1) + array("subscribe", "commands", 2))
        assert fired(protocol.confirmed) == ["subscribe", "events", 1]
        return protocol, transport

    factory.startedConnecting(connector)
    protocol, _ = come_up()
    assert factory.pool == [protocol]
    protocol.dataReceived(message("events", "POSITION 12"))
    for connection in factory.pool:
        ping = connection.ping()
    protocol.dataReceived(array("pong", ""))
    assert fired(ping) == ["pong", ""]
    reason = Failure(ConnectionLost())
    protocol.connectionLost(reason)
    reconnected = []
    monkeypatch.setattr(connector, "connect", lambda: reconnected.append(connector))
    factory.clientConnectionLost(connector, reason)
    reactor.advance(10)
    assert reconnected == [connector]
    protocol, transport = come_up()
    assert transport.take() == b""
    protocol.dataReceived(message("events", "again"))
    assert factory.log == ["made", ("events", "POSITION 12"), "lost", "made", ("events", "again")]


# -- monitors

LINE = b'+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"\r\n'


def test_a_monitor_is_told_of_its_beginning_and_of_every_line():
    protocol, transport = connected(Monitor)
    d = protocol.monitor()
    assert transport.take() == command("MONITOR")
    protocol.dataReceived(b"+OK\r\n" + LINE + LINE[:9])
    assert fired(d) == "OK"
    protocol.dataReceived(LINE[9:])
    line = LINE[1:-2].decode()
    assert protocol.messages == ["OK", line, line]


def test_commands_before_monitor_get_their_replies():
    class Program(Monitor):
        def connectionMade(self):
            super().connectionMade()
            self.begun = self.monitor()

    factory = MonitorFactory(password="secret", dbid=1)
    factory.protocol = Program
    protocol, transport = connect_factory(factory)
    assert transport.take() == command("AUTH", "secret") + command("SELECT", 1) + command("MONITOR")
    protocol.dataReceived(b"+OK\r\n+OK\r\n")
    assert factory.pool == [protocol]
    assert protocol.messages == []
    protocol.dataReceived(b"+OK\r\n" + LINE)
    assert fired(protocol.begun) == "OK"
    assert protocol.messages == ["OK", LINE[1:-2].decode()]


def test_a_value_that_looks_like_a_line_is_a_reply_before_the_monitor_begins():
    protocol, _ = connected(Monitor)
    d = protocol.get("key")
    protocol.execute_command("monitor")
    protocol.dataReceived(LINE + b"+OK\r\n")
    assert fired(d) == LINE[1:-2].decode()
    assert protocol.messages == ["OK"]


def test_lines_before_the_reply_to_a_command_do_not_shift_it():
    protocol, _ = connected(Monitor, charset=None)
    protocol.monitor()
    protocol.dataReceived(b"+OK\r\n")
    ping, refused, end = protocol.ping(), protocol.get("key"), protocol.quit()
    protocol.dataReceived(LINE + b"+PONG\r\n" + LINE + b"-ERR no\r\n+OK\r\n")
    assert fired(ping) == b"PONG"
    failed(refused, redis.ResponseError)
    assert fired(end) == b"OK"
    assert protocol.messages == [b"OK", LINE[1:-2], LINE[1:-2]]


def test_a_refused_monitor_fails():
    protocol, _ = connected(Monitor)
    d = protocol.monitor()
    protocol.dataReceived(b"-NOPERM no\r\n")
    failed(d, redis.NoPermissionError)
    assert protocol.messages == []


def test_a_monitor_that_is_lost_fails_what_waits_and_tells_nothing():
    protocol, _ = connected(Monitor)
    begun, ping = protocol.monitor(), protocol.ping()
    lose(protocol)
    failed(begun, redis.MaybeExecutedError)
    failed(ping, redis.MaybeExecutedError)
    assert protocol.messages == []


def test_stop_closes_the_monitors_connection():
    Monitor().stop()
    protocol, transport = connected(Monitor)
    protocol.stop()
    assert transport.disconnecting


def test_an_exception_in_a_monitors_messageReceived_is_logged_and_loses_nothing(logged_errors):
    class Failing(Monitor):
        def messageReceived(self, message):
            super().messageReceived(message)
            raise ZeroDivisionError

    protocol, transport = connected(Failing)
    d = protocol.monitor()
    protocol.dataReceived(b"+OK\r\n" + LINE)
    assert fired(d) == "OK"
    assert len(protocol.messages) == 2
    assert not transport.disconnecting
    assert len(logged_errors.flush(ZeroDivisionError)) == 2


def test_lost_subscriptions_keep_no_protocol_alive_but_the_last():
    factory = subscriber_factory()
    for _ in range(20):
        protocol, transport = connect_factory(factory)
        unanswered(unanswered(protocol.subscribe("a")))
        lose(protocol)
    del protocol, transport
    gc.collect()
    assert len([item for item in gc.get_objects() if type(item) is Recorder and item.factory is factory]) == 1
