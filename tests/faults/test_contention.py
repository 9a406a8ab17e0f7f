"""Many who run transactions on one key at once: all succeed with the documented number of repeats."""

from __future__ import annotations

import random

import pytest
from testbed.model_server import ModelServer
from testbed.scripted import MemoryEndpoint, settle
from testbed.support import failed, fired, pending
from testbed.ways import Fault
from twisted.internet.defer import CancelledError

import txredis_fast as redis

pytestmark = pytest.mark.promise(
    "50 ``transact()`` on one key over 10 connections all succeed", about="Transactions, pipelines and batches"
)


def pool_of_model(clock, size, delay=0.0):
    """A factory over a model of a server, every way to and from which takes so long; and the model."""
    server = ModelServer(clock)
    factory = redis.RedisFactory("memory", None, size, True)
    endpoint = MemoryEndpoint(server.session, clock)
    endpoint.faults = (Fault(delay=delay), Fault(delay=delay))
    factory.startConnecting(endpoint)
    settle(clock)
    return factory, server


async def increment(t):
    count = await t.get("counter")
    await t.multi()
    t.set("counter", count + 1)


@pytest.mark.parametrize("delay", [0.0001, 0.005, 0.1])
@pytest.mark.parametrize("seed", range(2))
def test_50_who_increment_one_counter_over_10_connections_all_succeed(both, clock, logged_errors, delay, seed):
    random.seed(seed)
    factory, server = pool_of_model(clock, 10, delay)
    server.data[b"counter"] = b"0"
    runs = [factory.handler.transact(increment, "counter") for _ in range(50)]
    for _ in range(4000):
        clock.advance(delay)
        settle(clock)
        if all(run.called for run in runs):
            break
    for run in runs:
        fired(run)
    assert server.data[b"counter"] == b"50"
    factory.disconnect()


class Loser:
    """A transaction that always loses."""

    def __init__(self, rc, server):
        self.rc, self.server = rc, server
        self.runs = []

    async def __call__(self, t):
        self.runs.append(self.server.clock.seconds())
        await t.get("k")
        await t.multi()
        self.server.wrote(b"k", b"")
        t.set("k", "mine")


def test_the_pauses_grow_with_what_a_run_takes_and_have_an_end(both, clock, logged_errors, monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda least, most: most)
    for delay, first, last in ((0.0, 0.002, 0.256), (0.1, 1.6, 10)):
        factory, server = pool_of_model(clock, 1, delay)
        clock.advance(1)
        settle(clock)
        loser = Loser(factory.handler, server)
        run = factory.handler.transact(loser, "k")
        for _ in range(2000):
            clock.advance(0.1 if delay else 0.002)
            settle(clock)
        failed(run, redis.WatchError)
        assert len(loser.runs) == 17
        pauses = [after - before for before, after in zip(loser.runs, loser.runs[1:], strict=False)]
        assert first <= pauses[0] <= 3 * first and last <= pauses[-1] <= last + 1
        factory.disconnect()


def test_in_the_pause_the_connection_is_for_others_and_a_cancellation_ends_it(both, clock, logged_errors, monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda least, most: 5.0)
    factory, server = pool_of_model(clock, 1)
    loser = Loser(factory.handler, server)
    run = factory.handler.transact(loser, "k")
    settle(clock)
    assert len(loser.runs) == 1 and pending(run)
    taken = factory.getConnection()
    factory.connectionQueue.put(fired(taken))
    other = factory.handler.get("k")
    settle(clock)
    assert fired(other) is None
    run.cancel()
    failed(run, CancelledError)
    clock.advance(60)
    settle(clock)
    assert len(loser.runs) == 1
    factory.disconnect()
    settle(clock)
    assert clock.getDelayedCalls() == []
