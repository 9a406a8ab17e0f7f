"""Replies that nobody asked for, or too early: they end the connection, and nobody is given them."""

from __future__ import annotations

import pytest
from testbed.support import connected, failed, fired
from testbed.wire import command

import txredis_fast as redis

pytestmark = pytest.mark.promise(
    "A surplus reply, or a reply that arrives before its command is written, ends the connection and reaches no caller",
    "A command that has failed is never written later. (Written means handed to Twisted. A command that is "
    "cancelled in the reactor turn in which it was issued may still be written; its reply is dropped.)",
    about="Replies and their callers",
)


def test_a_reply_that_nobody_asked_for_ends_the_connection(both):
    protocol, transport = connected()
    protocol.dataReceived(b"+surprise\r\n")
    assert transport.aborted
    failed(protocol.get("a"), redis.NotSentError)


def test_a_push_that_nobody_asked_for_is_let_through(both):
    protocol, transport = connected()
    d = protocol.get("a")
    protocol.dataReceived(b">1\r\n+push\r\n+v\r\n")
    assert fired(d) == "v" and not transport.aborted


@pytest.mark.parametrize("batch", [False, True])
def test_a_reply_to_a_command_of_a_callback_that_is_not_written_yet_ends_the_connection(both, batch):
    protocol, transport = connected()
    given = []

    def go_on(value):
        given.append(protocol.execute_batch([(("GET", "b"), None, False)]) if batch else protocol.get("b"))
        return value

    first = protocol.get("a").addCallback(go_on)
    protocol.dataReceived(b"+1\r\n+2\r\n")  # the second one in the same piece: before the command can have left
    assert fired(first) == "1"
    assert transport.aborted
    failed(given[0], redis.NotSentError)
    assert transport.take() == command("GET", "a")


def test_a_reply_that_comes_before_its_command_left_the_burst_ends_the_connection(both):
    protocol, transport = connected()
    protocol._requests.outgoing = []  # as in the middle of a burst
    d = protocol.get("a")
    protocol.dataReceived(b"+early\r\n")
    assert transport.aborted
    assert "Not connected" in str(failed(d, redis.NotSentError))
    protocol.link.writing.flush()  # the end of the burst
    assert transport.take() == b""


def test_the_commands_that_were_written_have_their_replies_while_others_are_not_yet(both):
    protocol, transport = connected()
    written = [protocol.get(name) for name in "ab"]
    protocol._requests.outgoing = []
    kept = protocol.get("c")
    protocol.dataReceived(b"+1\r\n")
    assert fired(written[0]) == "1"
    assert transport.take() == b"".join(command("GET", name) for name in "abc")
    protocol.dataReceived(b"+2\r\n+3\r\n")
    fired(written[1])
    fired(kept)
    assert not transport.aborted


def test_nothing_of_what_has_failed_is_written_later(both):
    protocol, transport = connected()
    written = protocol.get("a")
    protocol._requests.outgoing = []
    kept = protocol.get("b")
    transport.take()
    protocol.link.abort(redis.ConnectionError("test"))
    failed(written, redis.MaybeExecutedError)
    failed(kept, redis.NotSentError)
    protocol.link.writing.flush()
    failed(protocol.get("c"), redis.NotSentError)
    assert transport.take() == b""


def test_a_confirmation_before_its_subscription_was_written_confirms_nothing(both):
    protocol, transport = connected(redis.SubscriberProtocol)
    ping = protocol.ping()
    given = []
    ping.addCallback(lambda _: given.append(protocol.subscribe("news")))
    protocol.dataReceived(b"+PONG\r\n" + b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")
    assert transport.aborted
    failed(given[0], redis.NotSentError)
