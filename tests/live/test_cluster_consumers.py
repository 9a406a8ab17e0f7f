"""Consumers of streams of a cluster: they follow the slot of their stream."""

from __future__ import annotations

import pytest
import pytest_twisted
from testbed.live import turn
from testbed.slots import key_in, slot_of
from twisted.internet.threads import deferToThread

import txredis_fast as redis


@pytest_twisted.ensureDeferred
async def test_a_consumer_follows_its_stream_to_another_node(cluster):
    stream = key_in(1234, "jobs")
    async with redis.ClusterConnection(cluster.addresses[:2], convertNumbers=False) as rc:
        seen = []
        async with rc.consume(stream, "workers", "w1", block=1000) as entries:
            for number in range(20):
                waiting = entries.next_entry()
                if number == 10:  # while the consumer waits for an entry
                    await turn(0.1)
                    target = cluster.another(stream)
                    await deferToThread(cluster.move_slots, [slot_of(stream)], target)
                await rc.xadd(stream, {"n": number})
                entry = await waiting
                seen.append(entry.fields["n"])
                await entry.ack()
        assert seen == [str(number) for number in range(20)]
        assert (await rc.xpending(stream, "workers")).total == 0


@pytest_twisted.ensureDeferred
async def test_a_consumer_ends_with_its_handler(cluster):
    rc = await redis.ClusterConnection(cluster.addresses[:2])
    entries = rc.consume("{s}jobs", "workers", "w1", dead_letter="{s}dead", max_deliveries=3)
    waiting = entries.next_entry()
    await turn(0.1)
    await rc.disconnect()
    assert await waiting is None


@pytest_twisted.ensureDeferred
async def test_the_stream_of_dead_letters_has_the_same_slot(cluster):
    async with redis.ClusterConnection(cluster.addresses[:2]) as rc:
        with pytest.raises(redis.CrossSlotError, match="'a' and 'b'"):
            rc.consume("a", "workers", "w1", dead_letter="b", max_deliveries=3)
