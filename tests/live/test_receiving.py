"""Large values are received straight from the socket, and nobody notices but by the time that it takes."""

from __future__ import annotations

import gc
import socket
import tracemalloc

import pytest
import pytest_twisted
from testbed.scripted import listening
from testbed.sockets import SIZE, VALUE, Link
from testbed.support import failed, fired, pending
from testbed.wire import bulk, command
from twisted.internet import tcp
from twisted.internet.endpoints import _WrappingProtocol
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import Protocol

import txredis_fast
from txredis_fast.connection.protocol import RedisProtocol
from txredis_fast.exceptions import MaybeExecutedError, ProtocolError
from txredis_fast.transport import socket_read as receive


@pytest.fixture
def link_of(monkeypatch):
    links = []

    def make(*args, **options):
        links.append(Link(*args, **options))
        return links[-1]

    yield make
    for link in links:
        link.close()


@pytest.fixture(params=[True, False], ids=["direct", "public"])
def enabled(request, monkeypatch):
    """Runs the test over both ways."""
    monkeypatch.setattr(receive, "enabled", request.param)
    return request.param


def test_the_rest_of_a_large_value_is_received_directly(both, enabled, link_of):
    link = link_of()
    deferred = link.protocol.get("key")
    link.sends(b"$%d\r\n" % SIZE + VALUE[:200_000])
    assert link.is_direct is enabled
    link.sends(VALUE[200_000:])
    assert pending(deferred)
    link.sends(b"\r\n")
    assert not link.is_direct
    assert fired(deferred) == VALUE


def test_what_follows_the_value_goes_to_the_next(both, enabled, link_of):
    link = link_of()
    deferreds = [link.protocol.get(str(number)) for number in range(3)] + [link.protocol.get("small")]
    link.sends(bulk(VALUE) * 3 + b"$5\r\nsmall\r\n")
    assert [fired(deferred) for deferred in deferreds] == [VALUE, VALUE, VALUE, b"small"]
    assert not link.is_direct


def test_a_list_of_large_values(both, enabled, link_of):
    link = link_of()
    deferred = link.protocol.mget(["a", "b", "c"])
    link.sends(b"*3\r\n" + bulk(VALUE) * 3)
    assert fired(deferred) == [VALUE] * 3


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_connection_lost_in_the_middle(both, enabled, link_of, ending):
    link = link_of()
    deferred = link.protocol.get("key")
    assert link.other.recv(100) == command("GET", "key")  # closed with this unread, it would be reset, too
    link.sends(b"$%d\r\n" % SIZE + VALUE[: SIZE // 2])
    if ending == "reset":
        link.other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    link.other.close()
    link.reads()
    assert link.lost is (CONNECTION_LOST if ending == "reset" else CONNECTION_DONE)
    assert not link.is_direct
    wanted = "Connection to the other side was lost" if ending == "reset" else "Connection was closed cleanly"
    assert wanted in str(failed(deferred, MaybeExecutedError))


def test_garbage_after_the_value_ends_the_connection(both, enabled, link_of, monkeypatch):
    link = link_of()
    aborted = []
    monkeypatch.setattr(link.transport, "abortConnection", lambda: aborted.append(True), raising=False)
    link.protocol.get("key").addErrback(lambda _: None)
    link.sends(b"$%d\r\n%bxx" % (SIZE, VALUE))
    assert aborted == [True]


def test_the_limits_of_the_parser_hold(both, enabled, link_of):
    class Limited(RedisProtocol):
        limits = {"max_buffered": 300_000}

    link = link_of(Limited())
    deferred = link.protocol.get("key")
    link.sends(b"$%d\r\n" % SIZE + VALUE[:400_000])
    (timer,) = link.transport.reactor.getDelayedCalls()  # the connection is being aborted
    timer.func(*timer.args)
    link.lost = CONNECTION_LOST
    assert "within 300000 bytes" in str(failed(deferred, MaybeExecutedError, ProtocolError))


def test_an_aborted_connection_reads_nothing_more(both, enabled, link_of):
    link = link_of()
    deferred = link.protocol.get("key")
    link.sends(b"$%d\r\n" % SIZE + VALUE[: SIZE // 2])
    link.transport.abortConnection()
    link.sends(VALUE[SIZE // 2 :] + b"\r\n")
    assert pending(deferred)
    deferred.addErrback(lambda _: None)


def test_no_more_than_a_slice_in_one_turn(both, link_of, monkeypatch):
    monkeypatch.setattr(receive, "DIRECT_READ_TURN_BYTES", 10_000)
    link = link_of()
    link.protocol.get("key").addErrback(lambda _: None)
    link.sends(b"$%d\r\n" % SIZE + VALUE[:200_000])
    assert link.is_direct
    link.sends(VALUE[:100_000], then_reads=False)
    awaited = link.protocol.link.reader.awaited
    link.transport.doRead()
    assert awaited - link.protocol.link.reader.awaited == 10_000


# -- who else is to see what comes gets it in the public way


class Sees(RedisProtocol):
    def dataReceived(self, data, unpause=False):
        self.seen = getattr(self, "seen", 0) + len(data)
        super().dataReceived(data, unpause)


class OwnReads(tcp.Connection):
    def doRead(self):
        return super().doRead()


class Forwards(Protocol):
    def __init__(self, protocol):
        self.inner = protocol

    def dataReceived(self, data):
        self.inner.dataReceived(data)

    def connectionLost(self, reason):
        self.inner.connectionLost(reason)


@pytest.mark.parametrize(
    "options",
    [{"protocol": Sees()}, {"transport": OwnReads}, {"wrapper": Forwards}],
    ids=["its dataReceived is overridden", "a transport of another class", "another protocol forwards to it"],
)
def test_the_public_way_where_others_may_look(link_of, options):
    link = link_of(**options)
    deferred = link.protocol.get("key")
    wire = bulk(VALUE)
    link.sends(wire[: SIZE // 2])
    assert not link.is_direct
    link.sends(wire[SIZE // 2 :])
    assert len(fired(deferred)) == SIZE
    assert getattr(link.protocol, "seen", len(wire)) == len(wire)


def test_a_patched_data_received_is_used(link_of):
    link = link_of()
    seen = []
    stock = link.protocol.dataReceived

    def patched(data):
        seen.append(len(data))
        stock(data)

    link.protocol.dataReceived = patched
    link.protocol.get("key").addErrback(lambda _: None)
    wire = bulk(VALUE)
    link.sends(wire)
    assert sum(seen) == len(wire)


def test_through_what_endpoints_put_between(link_of):
    link = link_of(wrapper=lambda protocol: _WrappingProtocol(None, protocol))
    deferred = link.protocol.get("key")
    link.sends(b"$%d\r\n" % SIZE + VALUE[:200_000])
    assert link.is_direct
    link.sends(VALUE[200_000:] + b"\r\n")
    assert fired(deferred) == VALUE


def test_a_protocol_that_takes_over_the_transport_gets_what_comes(link_of):
    link = link_of()
    link.protocol.get("key").addErrback(lambda _: None)
    link.sends(b"$%d\r\n" % SIZE + VALUE[:200_000])
    assert link.is_direct
    seen = []
    other = Protocol()
    other.dataReceived = seen.append
    link.transport.protocol = other
    link.sends(b"other data")
    assert b"".join(seen) == b"other data"
    assert not link.is_direct
    link.transport.protocol = link.protocol


# -- with a reactor and a server


@pytest.mark.parametrize("unix", [False, True], ids=["TCP", "unix socket"])
@pytest_twisted.ensureDeferred
async def test_values_of_many_sizes_come_whole(both, enabled, server, unix):
    if unix:
        rc = await txredis_fast.UnixConnection(server.path)
    else:
        rc = await txredis_fast.Connection(server.host, server.port)
    try:
        for size in (65_000, 65_537, 200_000, SIZE, 5 * SIZE, 20 * SIZE):
            for letter in ("x", "é"):
                value = letter * (size // len(letter.encode()))
                await rc.set("key", value)
                assert await rc.get("key") == value
                assert await rc.mget(["key", "none", "key"]) == [value, None, value]
    finally:
        await rc.disconnect()


@pytest_twisted.ensureDeferred
async def test_a_large_value_that_is_paused(both, enabled):
    def script(session):
        yield
        session.send(b"$%d\r\n" % SIZE + VALUE[: SIZE // 2])
        yield 0.05
        session.send(VALUE[SIZE // 2 :] + b"\r\n")

    async with listening(script) as server:
        rc = await txredis_fast.Connection(server.host, server.port, charset=None, reconnect=False)
        deferred = rc.get("key")
        (protocol,) = rc._factory.pool
        while not server.commands:
            await _turn()
        await _turn(0.02)
        protocol.transport.pauseProducing()
        await _turn(0.1)
        assert pending(deferred)
        protocol.transport.resumeProducing()
        assert await deferred == VALUE
        await rc.disconnect()


@pytest_twisted.ensureDeferred
async def test_a_reply_timeout_ends_a_large_value_that_does_not_come(both, enabled):
    def script(session):
        yield
        session.send(b"$%d\r\n" % SIZE + VALUE[: SIZE // 2])

    async with listening(script) as server:
        rc = await txredis_fast.Connection(server.host, server.port, replyTimeout=0.2, reconnect=False)
        with pytest.raises(txredis_fast.TimeoutError):
            await rc.get("key")
        await rc.disconnect()


def _turn(seconds=0.0):
    from twisted.internet import reactor, task

    return task.deferLater(reactor, seconds)


# -- memory


def test_what_was_received_of_a_value_is_let_go_when_the_connection_is_lost(both, enabled, link_of):
    link = link_of()
    deferred = link.protocol.get("key")
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        link.sends(b"$%d\r\n" % (8 * SIZE))
        for _ in range(6):
            link.sends(VALUE)
        assert not enabled or link.is_direct
        assert tracemalloc.get_traced_memory()[0] > 5 * SIZE
        link.close()
        assert not link.is_direct
        assert isinstance(failed(deferred, MaybeExecutedError), MaybeExecutedError)
        assert tracemalloc.get_traced_memory()[0] < SIZE // 2
    finally:
        tracemalloc.stop()
        gc.enable()


def test_what_was_not_written_is_let_go_when_the_connection_is_lost(both, link_of):
    link = link_of()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        deferred = link.protocol.set("key", VALUE * 8)
        for _ in range(3):
            link.transport.doWrite()
        assert tracemalloc.get_traced_memory()[0] > 5 * SIZE
        link.close()
        assert isinstance(failed(deferred, MaybeExecutedError), MaybeExecutedError)
        assert tracemalloc.get_traced_memory()[0] < SIZE // 2
    finally:
        tracemalloc.stop()
        gc.enable()
