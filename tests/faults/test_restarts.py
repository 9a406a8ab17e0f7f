"""Restarts and cancellations by the hundred: everything comes back, and nothing is left behind.

CI runs a part; the whole is run by::

    TXREDIS_FAST_FULL=1 python -m pytest tests/faults/test_restarts.py
"""

from __future__ import annotations

import gc
import os
import random
import tracemalloc

import pytest
from testbed.extent import extent
from testbed.memory import pool_in_memory
from testbed.scripted import answering, settle
from testbed.support import fired

import txredis_fast as redis

pytestmark = pytest.mark.promise(
    "After a restart of the server, a pool of ten connections is up again within the back-off",
    "Reconnections and cancellations leak no memory.",
    about="Connections",
)

FULL = os.environ.get("TXREDIS_FAST_FULL", "") not in ("", "0")
RESTARTS = 100 if FULL else 20
RECONNECTIONS = 2_000 if FULL else 100
CANCELLATIONS = 1_000_000 if FULL else extent(20_000, 5_000)

ANSWERS = {"GET": b"$1\r\nv\r\n"}


def pool(clock, size):
    factory, endpoint = pool_in_memory(clock, answering(ANSWERS), size, dbid=1)
    settle(clock)
    return factory, endpoint


def restart(clock, endpoint, seconds):
    endpoint.refuses = True
    for link in endpoint.alive:
        link.reset()
    for _ in range(round(seconds / 0.25)):
        clock.advance(0.25)
        settle(clock)
    endpoint.refuses = False
    endpoint.links.clear()


def test_restarts_under_a_pool_of_ten(both, clock):
    """All are back within the back-off, and every command given meanwhile ends."""
    random.seed(100)
    factory, endpoint = pool(clock, 10)
    outcomes = []
    for _ in range(RESTARTS):
        given = [factory.handler.get("k").addBoth(outcomes.append) for _ in range(20)]
        restart(clock, endpoint, random.choice([0.25, 1, 5]))
        given += [factory.handler.get("k").addBoth(outcomes.append) for _ in range(20)]
        # The longest delay there is, with its own randomness.
        for _ in range(60):
            clock.advance(0.25)
            settle(clock)
        assert factory.size == len(endpoint.alive) == 10
        assert len(outcomes) == len(given)
        for outcome in outcomes:
            assert outcome == "v" or outcome.check(redis.MaybeExecutedError)
        assert fired_in_turn(clock, factory.handler.get("k")) == "v"
        outcomes.clear()
    factory.disconnect()
    settle(clock)
    assert clock.getDelayedCalls() == []


def fired_in_turn(clock, deferred):
    settle(clock)
    return fired(deferred)


def growth(action, times):
    """By how many bytes the memory of Python objects grows over an action, done many times."""
    for _ in range(max(1, times // 20)):
        action()
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(times):
            action()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before


def test_reconnections_leave_nothing_behind(both, clock):
    factory, endpoint = pool(clock, 2)
    factory.jitter = 0

    def reconnect():
        restart(clock, endpoint, 0)
        clock.advance(factory.initialDelay)
        settle(clock)
        assert factory.size == 2

    assert growth(reconnect, RECONNECTIONS // 2) < 2_000_000
    factory.disconnect()


@pytest.mark.parametrize("up", [True, False])
def test_cancellations_leave_nothing_behind(both, clock, up):
    factory, endpoint = pool(clock, 2)
    if not up:
        restart(clock, endpoint, 0)
        endpoint.refuses = True

    def cancel():
        given = [factory.handler.get("k") for _ in range(100)]
        for deferred in given:
            deferred.addErrback(lambda _: None)
            deferred.cancel()
        settle(clock)
        for link in endpoint.links:
            link.server.protocol.commands.clear()
            link.client.written.clear()
            link.server.written.clear()

    assert growth(cancel, CANCELLATIONS // 200) < 2_000_000
    factory.disconnect()
    settle(clock)
