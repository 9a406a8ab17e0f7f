"""The compiled road of a reply, from the socket to its caller: taken where it fits, and as the public way elsewhere."""

from __future__ import annotations

import contextlib
import itertools
import socket
import sys
from typing import Any

import pytest
from testbed.sockets import Link
from testbed.support import failed, fired, pending, use_implementation
from testbed.wire import bulk, command
from twisted.internet import tcp
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import Protocol

import txredis_fast
from txredis_fast.connection.protocol import BaseRedisProtocol, RedisProtocol
from txredis_fast.exceptions import MaybeExecutedError, NotSentError, ProtocolError
from txredis_fast.transport import socket_read, socket_write

compiled_only = pytest.mark.skipif(txredis_fast.IMPLEMENTATION != "cython", reason="the extensions are not in use")

#: The Python functions on the public way of a reply, of Twisted and of this package.
PUBLIC_WAY = {"doRead", "_dataReceived", "dataReceived", "receive", "_parse", "deliver", "deliverReplies", "flush"}
PUBLIC_WAY |= {"writeSomeData", "send"}


class NotAnException(BaseException):
    """As KeyboardInterrupt."""


class Turn:
    """Notes the Python functions that are called."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def __enter__(self) -> list[str]:
        sys.setprofile(lambda frame, event, _: self.called.append(frame.f_code.co_name) if event == "call" else None)
        return self.called

    def __exit__(self, *exception: object) -> None:
        sys.setprofile(None)


@pytest.fixture
def link_of():
    links = []

    def make(*args: Any, **options: Any) -> Link:
        links.append(Link(*args, **options))
        return links[-1]

    yield make
    for link in links:
        link.close()


@pytest.fixture
def link(link_of):
    """A connection that has received its first reply, and reads in the compiled way, where there is one."""
    return _used(link_of())


def _used(link: Link) -> Link:
    link.other.settimeout(30)
    deferred = link.protocol.get("first")
    link.transport.doWrite()  # needed where the direct way is off
    assert link.other.recv(1000) == command("GET", "first")
    link.sends(bulk(b"value"))
    assert fired(deferred) == b"value"
    return link


def _reads_compiled(link: Link) -> bool:
    return type(vars(link.transport).get("doRead")).__name__ == "SocketReader"


def _get_then_set(link: Link) -> None:
    """GET, whose callback sends SET, which stays unanswered."""
    link.protocol.get("key").addCallback(lambda value: link.protocol.set("other", value)).addErrback(lambda _: None)


def _turn(link: Link, data: bytes, count: int = 1) -> list[str]:
    """Send data, and let the transport read once; the functions that were called."""
    link.other.sendall(data)
    with Turn() as called:
        assert link.transport.doRead() is None
    return called


@compiled_only
def test_a_reply_and_the_command_that_it_leads_to_run_none_of_the_public_way(link):
    _get_then_set(link)
    assert link.other.recv(1000) == command("GET", "key")
    called = _turn(link, bulk(b"value"))
    assert PUBLIC_WAY.isdisjoint(called), called
    assert "<lambda>" in called  # the callback has run
    assert link.other.recv(1000) == command("SET", "other", "value")


@compiled_only
@pytest.mark.parametrize("target", [socket_read, socket_write], ids=["read", "write"])
def test_the_public_way_where_the_direct_one_is_switched_off(link_of, monkeypatch, target):
    monkeypatch.setattr(target, "enabled", False)
    link = _used(link_of())
    _get_then_set(link)
    called = _turn(link, bulk(b"value"))
    assert ("doRead" in called) == (target is socket_read)
    link.transport.doWrite()
    assert link.other.recv(1000) == command("GET", "key") + command("SET", "other", "value")


@compiled_only
@pytest.mark.parametrize("name", ["doRead", "_dataReceived", "writeSomeData"])
def test_the_public_way_over_a_twisted_that_is_another_one(link_of, monkeypatch, name):
    stock = getattr(tcp.Connection, name)
    seen = []

    def other(self, *args):
        seen.append(name)
        return stock(self, *args)

    monkeypatch.setattr(tcp.Connection, name, other)
    socket_read.is_as_expected.cache_clear()
    try:
        link = _used(link_of())
        assert seen
        assert not _reads_compiled(link)
    finally:
        socket_read.is_as_expected.cache_clear()


@compiled_only
def test_the_probe_finds_what_differs(monkeypatch):
    monkeypatch.setattr(tcp.Connection, "bufferSize", 4096)
    socket_read.is_as_expected.cache_clear()
    try:
        assert not socket_read.is_as_expected()
    finally:
        socket_read.is_as_expected.cache_clear()
    monkeypatch.undo()
    assert socket_read.is_as_expected()


@compiled_only
def test_the_compiled_loop_does_not_serve_the_pure_queue(link_of, monkeypatch):
    use_implementation(monkeypatch, "_pyresp")
    link = _used(link_of())
    deferred = link.protocol.get("key")
    assert {"_parse", "deliver"} <= set(_turn(link, bulk(b"value")))
    assert fired(deferred) == b"value"


OVERRIDABLE = ["dataReceived", "deliverReplies", "replyReceived"]


@pytest.mark.parametrize("name", OVERRIDABLE)
@pytest.mark.parametrize("place", ["instance", "class", "base", "subclass"])
def test_an_override_is_called_from_its_first_moment_to_its_last(link_of, monkeypatch, name, place):
    class Own(RedisProtocol):
        pass

    seen = []
    stock = getattr(RedisProtocol, name)

    def own(self, *args):
        seen.append(args[0])
        return stock(self, *args)

    if place == "subclass":
        setattr(Own, name, own)
    link = _used(link_of(Own(charset=None)))
    owner: Any = {"class": RedisProtocol, "base": BaseRedisProtocol}.get(place)
    if place == "base" and name == "dataReceived":
        owner = RedisProtocol  # which overrides that of its base
    seen.clear()
    if place == "instance":
        monkeypatch.setattr(link.protocol, name, own.__get__(link.protocol), raising=False)
    elif owner is not None:
        monkeypatch.setattr(owner, name, own)
    deferred = link.protocol.get("key")
    link.sends(bulk(b"value"))
    assert fired(deferred) == b"value"
    assert seen
    monkeypatch.undo()
    if place != "subclass":
        seen.clear()
        deferred = link.protocol.get("key")
        link.sends(bulk(b"value"))
        assert fired(deferred) == b"value"
        assert not seen


def test_the_stock_method_of_another_connection_gets_the_data(link_of):
    link, other = _used(link_of()), _used(link_of())
    there = other.protocol.get("key")
    here = link.protocol.get("key")
    link.protocol.dataReceived = other.protocol.dataReceived
    _turn(link, bulk(b"value"))
    assert fired(there) == b"value"
    assert pending(here)
    here.addErrback(lambda _: None)  # when the connection is closed at the end


def test_nothing_to_read_and_a_socket_that_is_closed(link):
    deferred = link.protocol.get("key")
    assert link.transport.doRead() is None
    assert pending(deferred)
    assert link.other.recv(1000)
    link.other.close()
    link.reads()
    assert link.lost is CONNECTION_DONE
    assert "doRead" not in vars(link.transport)
    assert "closed cleanly" in str(failed(deferred, MaybeExecutedError))


def test_a_connection_that_is_reset(link):
    deferred = link.protocol.get("key")
    link.other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    link.other.close()
    link.reads()
    assert link.lost is CONNECTION_LOST
    failed(deferred, MaybeExecutedError)


def test_while_paused_no_reply_is_delivered(link):
    deferreds = [link.protocol.get("key"), link.protocol.get("key")]
    deferreds[0].addCallback(lambda value: link.protocol.pauseProducing() or value)
    link.sends(bulk(b"one") + bulk(b"two"))
    assert fired(deferreds[0]) == b"one"
    assert pending(deferreds[1])
    link.protocol.resumeProducing()
    assert fired(deferreds[1]) == b"two"


def test_a_flood_is_delivered_over_several_turns(link, monkeypatch):
    now = itertools.count(0, 0.015)  # one chunk fits a slice of time
    monkeypatch.setattr("txredis_fast.transport.flood.seconds", lambda: next(now))
    count = 1500
    deferreds = [link.protocol.get("key") for _ in range(count)]
    link.transport.reactor.advance(0)  # the burst is written
    link.other.sendall(bulk(b"value") * count)
    link.transport.doRead()
    assert any(not deferred.called for deferred in deferreds)
    for _ in range(count):
        link.transport.reactor.advance(0)
    assert [fired(deferred) for deferred in deferreds] == [b"value"] * count


def test_after_an_abort_in_a_callback_nothing_is_delivered(link):
    deferreds = [link.protocol.get("key"), link.protocol.get("key")]
    deferreds[0].addCallback(lambda _: link.protocol.link.abort(RuntimeError("enough")))
    link.other.sendall(bulk(b"one") + bulk(b"two"))
    link.transport.doRead()
    link.other.sendall(bulk(b"three"))
    link.transport.doRead()
    assert pending(deferreds[1])
    link.close()
    failed(deferreds[1], MaybeExecutedError)


def test_a_protocol_that_takes_over_the_transport_gets_the_data(link):
    seen: list[bytes] = []
    other = Protocol()
    other.dataReceived = seen.append  # type: ignore[method-assign]
    link.transport.protocol = other
    link.sends(b"other data")
    assert seen == [b"other data"]
    assert "doRead" not in vars(link.transport)
    link.transport.protocol = link.protocol


def test_garbage_ends_the_connection(link):
    deferred = link.protocol.get("key")
    link.sends(b"?\r\n")
    link.close()
    failed(deferred, MaybeExecutedError, ProtocolError)
    assert "RESP" in link.protocol.link.lost_because or "type byte" in link.protocol.link.lost_because


def test_a_reply_in_pieces(link):
    deferred = link.protocol.get("key")
    link.other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in bulk(b"value"):
        link.sends(bytes([byte]))
    assert fired(deferred) == b"value"


@pytest.mark.parametrize("point", ["push", "write", "room", "busy"])
def test_an_exception_that_passes_ends_the_connection_and_shifts_no_reply(link, monkeypatch, point):
    """What is raised in the middle of a delivery leaves no queue behind that is half changed."""

    def raises(*args: object) -> None:
        raise NotAnException

    data = bulk(b"one") + bulk(b"two")
    deferreds = [link.protocol.get("key"), link.protocol.get("key")]
    sent = []
    if point == "push":
        link.protocol.link.pushes.register(b"raise", raises)
        data = bulk(b"one") + b">1\r\n+raise\r\n" + bulk(b"two")
    elif point == "write":
        deferreds[0].addCallback(lambda value: sent.append(link.protocol.get("third")) or value)
        monkeypatch.setattr(link.transport, "write", raises, raising=False)
    elif point == "room":
        link.protocol.link.requests.limit(2, None, lambda: None)
        assert link.protocol.link.requests.full is False
        link.protocol.link.requests.has_room()
        link.protocol.link.on_room = raises
    else:
        monkeypatch.setattr("txredis_fast.connection.reading.BUSY_MIN_REQUESTS", -1)
        link.protocol.link.on_busy = raises
        many = [link.protocol.get("key") for _ in range(300)]
        deferreds += many
    link.other.sendall(data)
    with pytest.raises(NotAnException):
        link.transport.doRead()
    assert link.protocol.link.requests.torn
    assert not link.protocol.connected
    monkeypatch.undo()
    assert fired(deferreds[0]) == b"one"
    link.other.sendall(bulk(b"three"))
    link.transport.reactor.advance(0)
    link.transport.doRead()
    link.close()
    for deferred in deferreds[1:]:
        if deferred.called and deferred.result == b"two":
            continue
        failed(deferred, MaybeExecutedError)
    for deferred in sent:
        failed(deferred, NotSentError, MaybeExecutedError)


def test_a_socket_that_takes_a_part_gets_the_rest_from_the_reactor(link):
    link.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    value = b"x" * 60_000
    written = []
    for _ in range(100):
        with link.protocol.corked():
            link.protocol.set("key", value).addErrback(lambda _: None)
            written.append(command("SET", "key", value))
        if link.transport.dataBuffer or link.transport._tempDataBuffer:
            break
    else:
        pytest.fail("the socket takes everything")
    received = b""
    link.other.setblocking(False)
    for _ in range(100_000):
        link.transport.doWrite()
        with contextlib.suppress(BlockingIOError):
            received += link.other.recv(1_000_000)
        if len(received) >= sum(map(len, written)):
            break
    assert received == b"".join(written)
