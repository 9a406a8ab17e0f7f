"""Outages that many wait through: 50,000 commands, and a thousand clients that come back."""

from __future__ import annotations

import operator
import random
import tracemalloc

import pytest
from testbed.memory import let_pass, pool_in_memory
from testbed.scripted import answering, settle
from testbed.support import failed

import txredis_fast as redis

pytestmark = pytest.mark.once


@pytest.mark.promise(
    "A lost connection is made again after a back-off that grows to ``maxDelay`` (10 s) and is spread at random"
)
def test_a_thousand_clients_of_a_lost_server_do_not_come_back_in_one_instant(both, clock):
    random.seed(20260601)
    clock._sortCalls = lambda: clock.calls.sort(key=operator.attrgetter("time"))  # the same, but fast enough
    pools = [pool_in_memory(clock, answering()) for _ in range(1000)]
    settle(clock)
    assert all(factory.size == 1 for factory, _ in pools)
    for _, endpoint in pools:
        endpoint.refuses = True
        endpoint.alive[0].reset()
    before = sum(endpoint.attempts for _, endpoint in pools)
    tenths = []
    for _ in range(200):
        clock.advance(0.1)
        settle(clock)
        after = sum(endpoint.attempts for _, endpoint in pools)
        tenths.append(after - before)
        before = after
    # Spread evenly, the first second has an attempt of each: 100 in a tenth. All at once would be 1,000 in one.
    assert max(tenths) < 200
    assert sum(tenths[100:]) < 10 * 300  # later, at most 300 a second
    for _, endpoint in pools:
        endpoint.refuses = False
    let_pass(clock, 15, 0.5)
    assert all(factory.size == 1 for factory, _ in pools)
    for factory, _ in pools:
        factory.disconnect()


def outage(clock, commands):
    """A pool whose server is away, and commands that wait for it."""
    factory, endpoint = pool_in_memory(clock, answering({"GET": b"$1\r\nv\r\n"}), 10)
    endpoint.refuses = True
    settle(clock)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    waiting = [factory.handler.get(f"key:{n}") for n in range(commands)]
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return factory, endpoint, waiting, (after - before) / commands


@pytest.mark.promise(
    "50,000 commands that wait during an outage take less than 1.5 KB each, and each ends within its time limit",
    "The cost of cancelling a command does not depend on the number of waiting commands.",
    about="Load and memory",
)
def test_50000_commands_wait_through_an_outage_for_less_than_1500_bytes_each(both, clock):
    factory, endpoint, waiting, cost = outage(clock, 50_000)
    assert cost < 1500
    clock.advance(10)
    endpoint.refuses = False
    let_pass(clock, 15)
    assert all(deferred.result == "v" for deferred in waiting)
    factory.disconnect()


@pytest.mark.promise(
    "50,000 commands that wait during an outage take less than 1.5 KB each, and each ends within its time limit"
)
def test_50000_commands_that_wait_in_vain_all_fail_in_their_time(both, clock):
    factory, _, waiting, _ = outage(clock, 50_000)
    let_pass(clock, 29.5)
    assert not any(deferred.called for deferred in waiting)
    let_pass(clock, 1)
    for deferred in waiting:
        failed(deferred, redis.NotSentError)
    factory.disconnect()


@pytest.mark.promise(
    "50,000 commands that wait during an outage take less than 1.5 KB each, and each ends within its time limit"
)
def test_50000_commands_that_are_cancelled_while_they_wait_cost_what_one_does(both, clock):
    factory, endpoint, waiting, _ = outage(clock, 50_000)
    line = factory.connectionQueue._peekers
    looked_at = 0
    for n in random.sample(range(50_000), 49_999):
        before = len(line._places)
        waiting[n].addErrback(lambda _: None)
        waiting[n].cancel()
        looked_at += before if len(line._places) < before else 0
    assert looked_at < 3 * 50_000
    endpoint.refuses = False
    let_pass(clock, 12)
    assert [deferred.result for deferred in waiting if deferred.result is not None] == ["v"]
    assert sum(len(link.server.protocol.commands) for link in endpoint.links) == 1
    factory.disconnect()
