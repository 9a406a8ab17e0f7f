"""What one connection may have in flight, and batches of any size, over real transports: TCP, unix sockets, TLS."""

from __future__ import annotations

import pytest
import pytest_twisted
from testbed.live import bounded, opened, turn, until
from twisted.internet.defer import gatherResults

import txredis_fast as redis

pytestmark = pytest.mark.promise(
    "A connection has at most ``maxInFlight`` commands and ``maxQueuedBytes`` in flight, and what one "
    "command or batch goes beyond"
)

#: Its commands are some MB: more than a socket's buffers take.
COUNT = 60_000
VALUE = "v" * 100


@pytest.fixture(params=["tcp", "unix", "tls"])
def connect(request, server, certificates):
    """Connects over each transport in turn."""
    if request.param == "tls":
        tls_proxy = request.getfixturevalue("tls_proxy")
        return lambda **options: redis.Connection(
            "localhost", tls_proxy.port, tls=True, tls_ca=certificates.authority, **options
        )
    if request.param == "unix":
        return lambda **options: redis.UnixConnection(server.path, **options)
    return lambda **options: redis.Connection(*server.address, **options)


def sets():
    return [("SET", f"key:{number}", f"{number}:{VALUE}") for number in range(COUNT)]


@pytest_twisted.ensureDeferred
async def test_a_large_batch_comes_back_whole_and_in_order(connect):
    async with opened(connect()) as rc:
        written = rc.batch(sets())
        after = rc.get(f"key:{COUNT - 1}")
        read = rc.batch([("GET", f"key:{number}") for number in range(COUNT)])
        assert await bounded(written, 60) == ["OK"] * COUNT
        assert await bounded(after) == f"{COUNT - 1}:{VALUE}"
        assert await bounded(read, 60) == [f"{number}:{VALUE}" for number in range(COUNT)]


@pytest.mark.promise("A pipeline or batch of any size is written in pieces of 64 KB, as the transport takes them")
@pytest_twisted.ensureDeferred
async def test_of_a_batch_the_transport_keeps_little_while_the_server_hangs(fresh_server):
    async with opened(redis.Connection(*fresh_server.address)) as rc:
        transport = rc._factory.pool[0].transport
        fresh_server.pause()
        batch = rc.batch(sets())
        others = [rc.incr("n") for _ in range(5)]
        await turn(0.3)
        kept = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
        unanswered = rc._factory.pool[0]._requests.bytes_in_flight
        assert kept < 500_000 < unanswered
        fresh_server.resume()
        assert await bounded(batch, 60) == ["OK"] * COUNT
        assert await bounded(gatherResults(others)) == [1, 2, 3, 4, 5]
        assert transport.producer is None


@pytest_twisted.ensureDeferred
async def test_a_batch_that_is_cut_in_the_middle_may_have_been_executed_and_all_goes_on(fresh_server):
    async with opened(redis.Connection(*fresh_server.address)) as rc:
        fresh_server.pause()
        batch, after = rc.batch(sets()), rc.get("key:0")
        await turn(0.1)
        fresh_server.kill()
        with pytest.raises(redis.MaybeExecutedError):
            await bounded(batch)
        with pytest.raises(redis.NotSentError):
            await bounded(after)
        fresh_server.start()
        await until(lambda: rc._factory.size, "connected again")
        assert await bounded(rc.batch(sets()), 60) == ["OK"] * COUNT


@pytest_twisted.ensureDeferred
async def test_maxInFlight_holds_while_thousands_wait(connect):
    async with opened(connect(maxInFlight=50)) as rc:
        requests = rc._factory.pool[0]._requests
        most = 0

        def answered(reply):
            nonlocal most
            most = max(most, requests.in_flight)
            return reply

        replies = [rc.incr("n").addCallback(answered) for _ in range(3000)]
        assert rc.stats().waiting == 2950
        assert await bounded(gatherResults(replies), 60) == list(range(1, 3001))
        assert 0 < most <= 50


@pytest_twisted.ensureDeferred
async def test_while_a_server_hangs_no_more_than_maxQueuedBytes_are_given_to_a_connection(fresh_server):
    limit = 1_000_000
    async with opened(redis.Connection(*fresh_server.address, maxQueuedBytes=limit, poolTimeout=0.5)) as rc:
        fresh_server.pause()
        sent = [outcome(rc.set("key", "v" * 10_000)) for _ in range(500)]
        await until(lambda: sent[-1].called, "the last one gives up")
        assert rc._factory.pool[0]._requests.bytes_in_flight < limit + 10_100
        fresh_server.resume()
        ended = await bounded(gatherResults(sent))
        assert 90 < ended.count("OK") < 110
        assert {type(each) for each in ended} == {str, redis.NotSentError}
        assert "maxQueuedBytes is 1000000" in str(ended[-1])
        assert rc.stats().wait_timeouts == 500 - ended.count("OK")


def outcome(deferred):
    return deferred.addErrback(lambda failure: failure.value)
