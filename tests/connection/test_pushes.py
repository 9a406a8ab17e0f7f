"""RESP3 pushes: each goes to the handler of its first word, and what nobody takes to ``pushReceived``."""

from __future__ import annotations

import pytest
from testbed.subscribers import array
from testbed.support import Pool, connected, failed, fired
from testbed.wire import command

import txredis_fast as redis
from txredis_fast.pubsub import SubscriberProtocol

pytestmark = [
    pytest.mark.usefixtures("both", "logged_errors"),
    pytest.mark.promise(
        "A RESP3 push goes to the handler of its first word; what none takes, to ``pushReceived``",
        "Pushes never take the place of a reply.",
        about="Replies and their callers",
    ),
]


class Program(redis.RedisProtocol):
    """Keeps the pushes that nobody else took."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.pushes = []

    def pushReceived(self, push):
        self.pushes.append(list(push))


class Subscriber(Program, SubscriberProtocol):
    """The same, of a subscriber, which takes messages and confirmations."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.messages = []

    def messageReceived(self, pattern, channel, message):
        self.messages.append((pattern, channel, message))


def push(*items):
    return array(*items, kind=b">")


def routed(protocol, word, taken=True):
    """The pushes that come to a handler of that word from now on."""
    seen = []

    def handler(push):
        seen.append(list(push))
        return taken

    protocol.link.pushes.register(word, handler)
    return seen


def test_a_push_goes_to_the_handler_of_its_first_word():
    protocol, _ = connected(Program)
    invalidated, moved = routed(protocol, b"invalidate"), routed(protocol, b"moved")
    get = protocol.get("k")
    protocol.dataReceived(push("invalidate", "a") + push("moved", "b") + push("other", "c") + b"+v\r\n")
    assert (invalidated, moved, protocol.pushes) == ([["invalidate", b"a"]], [["moved", "b"]], [["other", "c"]])
    assert fired(get) == "v"


@pytest.mark.parametrize("charset", ["utf-8", None])
def test_the_first_word_may_be_text_or_bytes(charset):
    protocol, _ = connected(Program, charset=charset)
    seen = routed(protocol, b"invalidate")
    protocol.dataReceived(push("invalidate", "a"))
    assert len(seen) == 1 and protocol.pushes == []


@pytest.mark.parametrize("wire", [b">0\r\n", b">1\r\n:7\r\n", b">1\r\n*1\r\n+invalidate\r\n", b">1\r\n_\r\n"])
def test_a_push_without_a_word_at_its_head_is_the_programs(wire):
    protocol, transport = connected(Program)
    assert routed(protocol, b"invalidate") == []
    protocol.dataReceived(wire)
    assert len(protocol.pushes) == 1 and not transport.aborted


def test_what_a_handler_does_not_take_is_the_programs():
    protocol, _ = connected(Program)
    seen = routed(protocol, b"invalidate", taken=False)
    protocol.dataReceived(push("invalidate", "a"))
    assert seen == protocol.pushes == [["invalidate", b"a"]]


def test_a_word_has_one_handler():
    protocol, _ = connected(Subscriber)
    seen = routed(protocol, b"invalidate")
    for taken in (b"invalidate", b"message", b"sunsubscribe"):
        with pytest.raises(ValueError, match=f"pushes '{taken.decode()}' have a handler"):
            routed(protocol, taken)
    protocol.dataReceived(push("invalidate", "a"))
    assert len(seen) == 1


def test_pushReceived_may_be_replaced_at_any_time():
    protocol, _ = connected()
    seen = []
    protocol.pushReceived = seen.append
    protocol.dataReceived(push("other", "a"))
    assert seen == [["other", "a"]]


def test_pushes_between_the_replies_of_a_batch_are_routed():
    pool = Pool(protocol=Program)
    [protocol] = pool.factory.pool
    seen = routed(protocol, b"invalidate")
    d = pool.handler.batch([("GET", "a")] * 3)
    pool.answer(b":1\r\n" + push("invalidate", "x") + b":2\r\n" + push("other", "y") + b":3\r\n")
    assert fired(d) == [1, 2, 3]
    assert (seen, protocol.pushes) == ([["invalidate", b"x"]], [["other", "y"]])


@pytest.mark.parametrize("stock", [True, False])
def test_a_subscriber_takes_its_own_and_no_others(stock):
    protocol, transport = connected(Subscriber)
    if not stock:
        protocol.replyReceived = lambda reply: Subscriber.replyReceived(protocol, reply)
    invalidated = routed(protocol, b"invalidate")
    d = protocol.subscribe("a")
    assert transport.take() == command("SUBSCRIBE", "a")
    protocol.dataReceived(push("subscribe", "a", 1) + push("message", "a", "x"))
    protocol.dataReceived(push("pmessage", "p*", "a", "y") + push("smessage", "a", "z") + push("other", "b"))
    protocol.dataReceived(push("invalidate", "k") + push("message", "a"))  # the last one is no message
    assert fired(d) == ["subscribe", "a", 1]
    assert protocol.messages == [(None, "a", "x"), ("p*", "a", "y"), (None, "a", "z")]
    assert (invalidated, protocol.pushes) == ([["invalidate", b"k"]], [["other", "b"], ["message", "a"]])


def test_what_a_handler_raises_ends_the_connection_and_shifts_no_reply():
    protocol, transport = connected(Program)

    def handler(push):
        raise LookupError("of the handler")

    protocol.link.pushes.register(b"invalidate", handler)
    d = protocol.get("k")
    with pytest.raises(LookupError):
        protocol.dataReceived(push("invalidate", "a") + b"+v\r\n")
    assert transport.aborted
    failed(d, redis.MaybeExecutedError)
