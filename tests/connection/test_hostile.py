"""A hostile or broken server: it gets its connection closed, and costs neither memory nor time.

In memory, with a clock, over both implementations.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from testbed.scripted import MemoryEndpoint, Session, answering, settle
from testbed.support import Pool, connected, failed, fired, outcome_of, pending
from testbed.wire import command
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

import txredis_fast as redis
from txredis_fast.client.factory import RedisFactory

pytestmark = [
    pytest.mark.usefixtures("both"),
    pytest.mark.promise(
        "A header of 100 bytes, or nesting, lines, pushes or attributes without end, cost at most 1 MB",
        "Garbage at any stage ends the connection and delivers nothing; a server that accepts and drops does "
        "not spin the client.",
        about="Security",
    ),
]

MB = 1024 * 1024

#: What a server may send within 100 bytes to promise a lot.
HEADERS = [
    b"$536870912\r\n",
    b"$536870911\r\nx",
    b"!536870912\r\n",
    b"=536870912\r\ntxt:",
    b"*1048576\r\n",
    b"*67108864\r\n",
    b"*67108863\r\n*67108863\r\n",
    b"~67108864\r\n",
    b">67108864\r\n",
    b"%33554432\r\n",
    b"|33554432\r\n",
    b"*1048576\r\n" * 9,
    b"%1048576\r\n" * 9,
    b"|1048576\r\n" * 9,
    b">1048576\r\n" * 9,
    b"*1\r\n" * 25,
    b"~1\r\n" * 25,
    b"%1\r\n" * 25,
    b"|1\r\n" * 25,
    b"*2\r\n$1\r\na\r\n$536870912\r\n",
    b"*9999999999999999999\r\n",
    b"$99999999999999999999999999\r\n",
    b"$-2\r\n",
    b":" + b"9" * 90,
    b"(" + b"9" * 90 + b"\r\n",
    b"," + b"9" * 90 + b"\r\n",
    b"+" + b"x" * 99,
    b"-" + b"x" * 97 + b"\r\n",
    b"\0" * 100,
    b"\xff" * 100,
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 536870912\r\n\r\n",
    b"\x15\x03\x03\x00\x02\x02\x0a",
]

#: Larger, and just as hollow.
NESTS = [b"*1\r\n" * 1000, b"%1\r\n" * 1000, b"*1\r\n" * 100_000, b"|1\r\n" * 1000, b"~1\r\n" * 1000]


def peak_of(function: Callable[[], Any]) -> int:
    """Bytes that a call had allocated at most."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def resident() -> int:
    """Bytes of memory that the process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: repr(header[:24]))
def test_a_header_of_at_most_100_bytes_costs_at_most_1_MB(header):
    assert len(header) <= 100
    protocol, transport = connected()
    waiting = protocol.get("key"), protocol.lrange("list", 0, -1)
    before = resident()
    assert peak_of(lambda: protocol.dataReceived(header)) <= MB
    assert resident() - before <= 8 * MB  # what the allocator and the tracing take in between counts here
    transport.loseConnection()
    for deferred in waiting:
        outcome_of(deferred)


@pytest.mark.parametrize("nest", NESTS, ids=lambda nest: f"{nest[:4]!r} x {len(nest) // 4}")
def test_nesting_without_end_is_cheap_and_ends_the_connection(nest):
    protocol, transport = connected()
    waiting = protocol.get("key")
    assert peak_of(lambda: protocol.dataReceived(nest)) <= 2 * MB
    if len(nest) > 4096:
        failed(waiting, redis.GarbledReplyError)
        assert transport.aborted
    else:
        transport.loseConnection()
        outcome_of(waiting)


def feed(protocol: Any, data: bytes, times: int) -> None:
    for _ in range(times):
        protocol.dataReceived(data)


@pytest.mark.parametrize("line", [b"+", b"-", b":", b"$", b"*", b"(", b","])
def test_a_line_without_end_is_given_up(line):
    protocol, transport = connected()
    waiting = protocol.get("key")
    protocol.dataReceived(line)
    # Text may be a megabyte; more is not kept, but for room to grow and a copy.
    longest, peak = (MB, 4 * MB) if line in b"+-" else (65536, MB)
    assert peak_of(lambda: feed(protocol, b"1" * 1000, 10_000)) <= peak
    assert transport.aborted
    assert f"a line of at most {longest} bytes" in str(failed(waiting, redis.GarbledReplyError))


def test_attributes_without_end_are_not_kept():
    protocol, transport = connected()
    waiting = protocol.get("key")
    attributes = b"|1\r\n$3\r\nkey\r\n$100\r\n" + b"x" * 100 + b"\r\n"
    assert peak_of(lambda: feed(protocol, attributes * 100, 60)) <= MB
    assert pending(waiting)
    protocol.dataReceived(b"$1\r\n1\r\n")
    assert fired(waiting) == 1
    assert not transport.aborted


def test_pushes_without_end_are_dropped():
    protocol, transport = connected()
    waiting = protocol.get("key")
    push = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$100\r\n" + b"x" * 100 + b"\r\n"
    assert peak_of(lambda: feed(protocol, push * 100, 60)) <= MB
    assert pending(waiting)
    protocol.dataReceived(b"$1\r\n1\r\n")
    assert fired(waiting) == 1
    transport.loseConnection()


@pytest.mark.parametrize("reply", [b"-ERR no\r\n", b"+OK\r\n", b"$-1\r\n", b"*0\r\n"])
def test_replies_without_end_end_the_connection_at_the_first_that_nobody_asked_for(reply):
    protocol, transport = connected()
    answered = protocol.get("key")
    protocol.dataReceived(reply * 1000)
    outcome_of(answered)
    assert transport.aborted
    assert peak_of(lambda: feed(protocol, reply * 1000, 1000)) <= MB
    failed(protocol.get("key"), redis.NotSentError)


def test_a_value_that_trickles_in_costs_what_has_come():
    protocol, transport = connected()
    waiting = protocol.get("key")
    protocol.dataReceived(b"$536870912\r\n")
    assert peak_of(lambda: feed(protocol, b"x" * 1024, 1024)) <= 3 * MB
    transport.loseConnection()
    failed(waiting, redis.MaybeExecutedError)


GARBAGE = [
    b"\r\n",
    b"garbage\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"\0" * 1000,
    b"\x15\x03\x01\x00\x02\x02F",
    b"*1\r\n$1\r\nab\r\n",
    b"$1\r\nabc",
    b":x\r\n",
    b"*-5\r\n",
    b"$5000000000000\r\n",
    b"#x\r\n",
    b"%x\r\n",
]


def greeting(session: Any, garbage: bytes) -> Any:
    session.send(garbage)
    yield


def during_auth(session: Any, garbage: bytes) -> Any:
    yield
    session.send(garbage)
    yield


def during_select(session: Any, garbage: bytes) -> Any:
    yield
    session.send(b"+OK\r\n")
    yield
    session.send(garbage)
    yield


def instead_of_a_reply(session: Any, garbage: bytes) -> Any:
    for answer in (b"+OK\r\n", b"+OK\r\n", garbage):
        yield
        session.send(answer)
    yield


def inside_a_reply(session: Any, garbage: bytes) -> Any:
    for answer in (b"+OK\r\n", b"+OK\r\n", b"*3\r\n$1\r\n1\r\n" + garbage):
        yield
        session.send(answer)
    yield


def behind_a_reply(session: Any, garbage: bytes) -> Any:
    for answer in (b"+OK\r\n", b"+OK\r\n", b"$1\r\n1\r\n" + garbage):
        yield
        session.send(answer)
    yield


STAGES = [greeting, during_auth, during_select, instead_of_a_reply, inside_a_reply, behind_a_reply]


def pool_of(script: Any, clock: Any, **options: Any) -> tuple[Any, MemoryEndpoint]:
    factory = RedisFactory("fake:6379", options.pop("dbid", None), 1, isLazy=True, **options)
    factory.jitter = 0
    endpoint = MemoryEndpoint(lambda: Session(script, clock), clock)
    factory.startConnecting(endpoint)
    settle(clock)
    return factory, endpoint


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_garbage_at_any_stage_ends_the_connection_and_delivers_nothing(stage, clock, logged_errors):
    for garbage in GARBAGE:
        factory, endpoint = pool_of(
            lambda session, garbage=garbage: stage(session, garbage), clock, password="x", dbid=1, poolTimeout=5
        )
        sent = factory.handler.get("key")
        settle(clock)
        clock.advance(6)
        settle(clock)
        result = outcome_of(sent)
        if stage is behind_a_reply:
            assert result == 1
        elif isinstance(result, Failure):
            assert isinstance(result.value, redis.ConnectionError)
            assert result.check(redis.MaybeExecutedError, redis.NotSentError)
        else:
            pytest.fail(f"{garbage!r} gave {result!r}")
        assert len(endpoint.links) <= 8
        assert endpoint.links[0].client.aborted
        factory.disconnect()
        settle(clock)
        clock.advance(60)
        settle(clock)
    assert not clock.getDelayedCalls()


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("place", ["MULTI", "QUEUED", "EXEC", "in EXEC"])
def test_garbage_in_a_transaction_fails_it_as_maybe_executed(place, garbage):
    pool = Pool()
    beginning = pool.handler.multi()
    if place == "MULTI":
        pool.answer(garbage)
        pool.transports[0].loseConnection()
        failed(beginning, redis.MaybeExecutedError)
        return
    pool.answer(b"+OK\r\n")
    transaction = fired(beginning)
    queued = transaction.incr("a")
    done = transaction.commit()
    answers = {"QUEUED": garbage, "EXEC": b"+QUEUED\r\n" + garbage, "in EXEC": b"+QUEUED\r\n*1\r\n" + garbage}
    pool.answer(answers[place])
    pool.transports[0].loseConnection()
    outcome_of(queued)
    failed(done, redis.MaybeExecutedError)
    assert not pool.factory.pool


def test_an_exec_of_another_length_is_an_error():
    for reply in (b"*0\r\n", b"*2\r\n:1\r\n:2\r\n", b"+OK\r\n", b":1\r\n", b"%1\r\n:1\r\n:1\r\n"):
        pool = Pool()
        beginning = pool.handler.multi()
        pool.answer(b"+OK\r\n")
        transaction = fired(beginning)
        queued = transaction.incr("a")
        done = transaction.commit()
        pool.answer(b"+QUEUED\r\n" + reply)
        assert fired(queued) == "QUEUED"
        failed(done, redis.InvalidResponse)
        assert pool.answer(b"-ERR DISCARD without MULTI\r\n+OK\r\n") == command("DISCARD") + command("UNWATCH")
        assert pool.factory.connectionQueue.pending, "the connection is clean and free again"


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_among_messages_ends_the_connection_of_a_subscriber(garbage):
    messages: list[Any] = []

    class Listener(redis.SubscriberProtocol):
        def messageReceived(self, pattern, channel, message):
            messages.append(message)

    protocol, transport = connected(Listener)
    subscribing = protocol.subscribe("news")
    protocol.dataReceived(b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")
    fired(subscribing)
    message = b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n"
    protocol.dataReceived(message + garbage + message)
    protocol.dataReceived(message)
    if not transport.aborted:  # it may begin something that is not complete
        transport.loseConnection()
    assert messages == ["x"]


@pytest.mark.parametrize(
    "reply",
    [b"*3\r\n$7\r\nmessage\r\n*0\r\n%0\r\n", b"*3\r\n$9\r\nsubscribe\r\n*1\r\n:1\r\n:1\r\n", b"*0\r\n", b"*-1\r\n"],
)
def test_messages_of_a_strange_shape_harm_nobody(reply, logged_errors):
    class Listener(redis.SubscriberProtocol):
        def messageReceived(self, pattern, channel, message):
            pass

    protocol, transport = connected(Listener)
    subscribing = protocol.subscribe("news")
    protocol.dataReceived(reply * 3)
    transport.loseConnection()
    outcome_of(subscribing)


def drops_at_once(session: Any) -> Any:
    session.close()
    yield


def drops_after_the_first_command(session: Any) -> Any:
    yield
    session.reset()


def answers_then_drops(session: Any) -> Any:
    yield
    session.send(b"+OK\r\n")
    session.reset()
    yield


def greets_with_garbage(session: Any) -> Any:
    session.send(b"garbage\r\n")
    yield


@pytest.mark.parametrize("password", [None, "x"])
@pytest.mark.parametrize(
    "script", [drops_at_once, drops_after_the_first_command, answers_then_drops, greets_with_garbage]
)
def test_a_server_that_accepts_and_drops_does_not_spin_the_client(script, password, clock):
    factory, endpoint = pool_of(script, clock, password=password, poolTimeout=1)
    for _ in range(200):  # seconds, with a command in each
        sent = factory.handler.get("key")
        clock.advance(1)
        settle(clock)
        if pending(sent):
            sent.cancel()
        outcome = outcome_of(sent)
        assert outcome == "OK" or outcome.check(redis.ConnectionError, CancelledError)
    assert endpoint.attempts <= 250
    assert len(clock.getDelayedCalls()) <= 4
    factory.disconnect()
    settle(clock)


def test_ever_new_error_codes_and_texts_leave_nothing_behind(clock):
    factory, endpoint = pool_of(answering({"GET": b"-" + b"E" * 60_000 + b" no\r\n"}), clock)

    def ask() -> None:
        for _ in range(50):
            sent = factory.handler.get("key")
            settle(clock)
            failed(sent, redis.ResponseError)
            endpoint.links[0].client.written.clear()
            endpoint.links[0].server.written.clear()
            endpoint.links[0].server.protocol.commands.clear()

    ask()
    gc.collect()
    tracemalloc.start()
    try:
        ask()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] <= MB
    finally:
        tracemalloc.stop()
    factory.disconnect()
    settle(clock)
