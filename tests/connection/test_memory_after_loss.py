"""What a lost connection had received, or was to send, in part is let go at once, without the garbage collector."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from testbed.support import Pool, connected, failed

import txredis_fast as redis
from txredis_fast.transport import flood

pytestmark = pytest.mark.promise(
    "The parts of a reply or command of a lost connection are freed at once", about="Load and memory"
)

MB = 1024 * 1024

PARTS = {
    "a large value": (b"$%d\r\n" % (64 * MB), b"x" * MB),
    "a large text": (b"$%d\r\n" % (64 * MB), "é".encode() * (MB // 2)),
    "a large value in an array": (b"*2\r\n$%d\r\n" % (64 * MB), b"x" * MB),
    "an array": (b"*10000000\r\n", b"$10\r\n0123456789\r\n" * 1000),
    "nested arrays": (b"*10000000\r\n", b"*1\r\n:1000\r\n" * 1000),
    "attributes": (b"", b"".join(b"|1\r\n+%d\r\n:1000\r\n" % number for number in range(1000))),
    "a line": (b"-", b"x" * 1000),
}


@pytest.fixture
def uncollected():
    """Memory that is only freed by counting references; tells how much more there is of it than at first."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    yield lambda: tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    gc.enable()


@pytest.mark.parametrize("name", PARTS)
def test_what_had_come_of_a_value_is_let_go_when_the_connection_is_lost(both, uncollected, name):
    begin, part = PARTS[name]
    protocol, transport = connected()
    waiting = protocol.get("key")
    protocol.dataReceived(begin)
    for _ in range(20):
        protocol.dataReceived(part)
    held = uncollected()
    transport.loseConnection()
    assert isinstance(failed(waiting, redis.MaybeExecutedError), redis.MaybeExecutedError)
    assert uncollected() < min(held, 200_000)


def test_of_a_flood_as_well(both, uncollected, clock, monkeypatch):
    now = iter(range(10**9))
    monkeypatch.setattr(flood, "seconds", lambda: next(now))
    protocol, transport = connected()
    transport.reactor = clock
    waiting = [protocol.get("key") for _ in range(1100)]
    protocol.dataReceived(b":1\r\n" * 1000 + b"$%d\r\n" % (64 * MB) + b"x" * 5 * MB)
    transport.loseConnection()
    assert [len(waiting), sum(deferred.called for deferred in waiting)] == [1100, 1100]
    for deferred in waiting:
        deferred.addErrback(lambda failure: None)
    del deferred, waiting
    assert uncollected() < MB


def test_what_was_counted_stays(both):
    pool = Pool()
    (transport,) = pool.transports
    waiting = [pool.handler.get("key") for _ in range(2)]
    data = b"-WRONGTYPE no\r\n$1000000\r\n" + b"x" * 100_000
    transport.protocol.dataReceived(data)
    pool.factory.stopTrying()
    transport.loseConnection()
    for deferred in waiting:
        deferred.addErrback(lambda failure: None)
    stats = pool.handler.stats()
    assert (stats.bytes_in, dict(stats.errors), stats.unanswered) == (len(data), {"WRONGTYPE": 1}, 1)


def test_a_protocol_that_is_connected_again_begins_anew(both):
    protocol, transport = connected()
    protocol.get("key").addErrback(lambda failure: None)
    protocol.dataReceived(b"*3\r\n$1000000\r\nxx")
    transport.loseConnection()
    assert protocol.link.reader.buffered == 0
    protocol.link.reader.feed(b"+OK\r\n")
    assert protocol.link.reader.get_all() == ["OK"]
