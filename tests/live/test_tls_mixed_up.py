"""TLS met by plain text and the other way round: the error says what it looks like, and where."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_twisted
from testbed.live import bounded, opened
from testbed.tls import TLSProxy
from twisted.internet.protocol import Factory, Protocol

import txredis_fast as redis

#: What TLS servers answer to plain text: unexpected message, protocol version, handshake failure.
ALERTS = [b"\x15\x03\x03\x00\x02\x02\x0a", b"\x15\x03\x01\x00\x02\x02\x46", b"\x15\x03\x03\x00\x02\x02\x28"]


@contextlib.asynccontextmanager
async def answering(answer: bytes | None, close: bool = True) -> AsyncIterator[int]:
    """A server that answers the first data it gets; None: not at all.

    :param close: and closes then.
    """
    from twisted.internet import reactor

    class Answering(Protocol):
        def dataReceived(self, data: bytes) -> None:
            if answer is not None:
                self.transport.write(answer)
            if close:
                self.transport.loseConnection()

    port = reactor.listenTCP(0, Factory.forProtocol(Answering), interface="127.0.0.1")
    try:
        yield port.getHost().port
    finally:
        await bounded(port.stopListening())


async def failing(port: int, why: str, **options: Any) -> None:
    """Both a constructor that waits and the commands of one that does not say why, and where."""
    where = f"127.0.0.1:{port}"
    lazy = redis.lazyConnection("127.0.0.1", port, poolTimeout=0.6, **options)
    async with opened(lazy) as rc:
        with pytest.raises(redis.ConnectionError, match=why) as e:
            await bounded(rc.get("a"))
        assert where in str(e.value)
    if "password" in options or "tls" in options:
        with pytest.raises(redis.ConnectionFailedError, match=why) as e:
            await bounded(redis.Connection("127.0.0.1", port, reconnect=False, **options))
        assert where in str(e.value)


@pytest.mark.parametrize("answer", [b"-ERR Protocol error: unbalanced quotes in request\r\n", b"HTTP/1.1 400 Bad\r\n"])
@pytest.mark.parametrize("close", [True, False])
@pytest_twisted.ensureDeferred
async def test_a_plain_server_that_answers_the_beginning_of_tls(answer, close):
    async with answering(answer, close) as port:
        await failing(port, rf"the server does not speak TLS: it answered b'{answer[:4].decode()}", tls=True)


@pytest_twisted.ensureDeferred
async def test_a_plain_server_that_closes_at_the_beginning_of_tls():
    async with answering(None) as port:
        await failing(port, "perhaps the server does not speak TLS", tls=True)


@pytest_twisted.ensureDeferred
async def test_a_plain_server_that_says_nothing_to_tls():
    async with answering(None, close=False) as port:
        why = "no TLS handshake within 0.2 seconds; .* perhaps does not speak TLS"
        await failing(port, why, tls=True, connectTimeout=0.2)


@pytest_twisted.ensureDeferred
async def test_a_real_plain_server_met_with_tls(server):
    why = "does not speak TLS"
    with pytest.raises(redis.ConnectionFailedError, match=why) as e:
        await bounded(redis.Connection("localhost", server.port, tls=True, reconnect=False, connectTimeout=0.5))
    assert f"localhost:{server.port}" in str(e.value)


@pytest.mark.parametrize("options", [{}, {"password": "marker"}])
@pytest.mark.parametrize("alert", ALERTS)
@pytest_twisted.ensureDeferred
async def test_a_tls_server_that_answers_plain_text_with_an_alert(alert, options):
    async with answering(alert) as port:
        await failing(port, r"speaks TLS, and this connection does not \(rediss://, tls=True\)", **options)


@pytest.mark.parametrize("options", [{}, {"password": "marker"}])
@pytest_twisted.ensureDeferred
async def test_a_tls_server_that_closes_without_a_word(options):
    async with answering(None) as port:
        await failing(port, r"had answered nothing at all: perhaps it wants TLS", **options)


@pytest_twisted.ensureDeferred
async def test_a_real_tls_server_met_with_plain_text(server, certificates):
    end = TLSProxy(server.host, server.port, certificates)
    try:
        await failing(end.port, r"speaks TLS|perhaps it wants TLS", password="marker")
    finally:
        await end.stop()


@pytest_twisted.ensureDeferred
async def test_who_has_answered_is_not_said_to_want_tls():
    async with answering(b"+OK\r\n") as port:
        connecting = redis.Connection("127.0.0.1", port, password="marker", dbid=1, reconnect=False)
        with pytest.raises(redis.ConnectionFailedError) as e:
            await bounded(connecting)
        assert "TLS" not in str(e.value)
