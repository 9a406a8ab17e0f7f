"""Published messages and scans on real clusters: shard channels and slots are followed."""

from __future__ import annotations

import contextlib

import pytest
import pytest_twisted
from testbed.live import connect, turn
from testbed.slots import key_in, slot_of
from twisted.internet import defer
from twisted.internet.threads import deferToThread

import txredis_fast as redis

CHANNELS = [f"channel{number}" for number in range(30)]


def reactor():
    """The reactor, which must not be imported before it is installed."""
    from twisted.internet import reactor

    return reactor


async def received(sub, count):
    """The next messages."""
    messages = []

    async def read():
        while len(messages) < count:
            messages.append(await sub.__anext__())  # what has come counts after a time-out, too

    with contextlib.suppress(defer.TimeoutError):
        await defer.ensureDeferred(read()).addTimeout(5, reactor())
    return messages


async def reach_all(rc, channels):
    """Publish on each shard channel until it has a subscriber; returns how often that took more than once."""
    late = 0
    for channel in channels:
        for _ in range(100):
            with contextlib.suppress(redis.MaybeExecutedError):
                if await rc.spublish(channel, channel):
                    break
            late += 1
            await turn(0.05)
    return late


@pytest.mark.promise("Subscriptions to shard channels follow their slots")
@pytest.mark.parametrize("protocol", [2, 3])
@pytest_twisted.ensureDeferred
async def test_messages_of_all_kinds_reach_one_subscriber(any_cluster, protocol):
    async with connect(any_cluster, protocol=protocol) as rc, rc.subscriber() as sub:
        await sub.subscribe("news")
        await sub.psubscribe("new*")
        await sub.ssubscribe(CHANNELS)
        await rc.publish("news", 1)
        assert await reach_all(rc, CHANNELS) == 0
        messages = await received(sub, 32)
        assert {tuple(each) for each in messages} == {
            (None, "news", "1"),
            ("new*", "news", "1"),
            *((None, channel, channel) for channel in CHANNELS),
        }
        await sub.sunsubscribe(CHANNELS[:29])
        assert await rc.spublish(CHANNELS[0], 1) == 0 and await rc.spublish(CHANNELS[29], 1) == 1
        await sub.sunsubscribe()
        assert await rc.spublish(CHANNELS[29], 1) == 0


@pytest.mark.promise(
    "Subscriptions to shard channels follow their slots",
    "Messages published meanwhile are lost, and the gap is told. Channels and patterns go to another node if "
    "theirs is lost.",
    about="Cluster",
)
@pytest.mark.parametrize("how", ["moved", "failover"])
@pytest_twisted.ensureDeferred
async def test_shard_channels_follow_their_slots_and_the_gap_is_told(any_cluster, how):
    cluster = any_cluster
    gaps = []
    async with connect(cluster) as rc, rc.subscriber(on_gap=lambda *told: gaps.append(told)) as sub:
        await sub.ssubscribe(CHANNELS)
        owner = cluster.owner_of(CHANNELS[0])
        if how == "moved":
            cluster.move_slots([slot_of(CHANNELS[0])], cluster.another(slot_of(CHANNELS[0])))
        else:
            await deferToThread(cluster.failover, cluster.replicas_of(owner)[0])
        await reach_all(rc, CHANNELS)  # a message of which no subscriber was told may have come nevertheless
        seen = {each.channel for each in await received(sub, 30)}
        # One that was published in the very moment of the change may have come from both nodes.
        while seen != set(CHANNELS) and (more := await received(sub, 1)):
            seen.add(more[0].channel)
        assert seen == set(CHANNELS)
        assert gaps and all(seconds < 2 and refused == [] for seconds, refused in gaps)


@pytest.mark.promise("Subscriptions to shard channels follow their slots")
@pytest_twisted.ensureDeferred
async def test_a_killed_master_loses_no_subscription(cluster):
    gaps = []
    async with connect(cluster) as rc, rc.subscriber(on_gap=lambda *told: gaps.append(told)) as sub:
        await sub.subscribe("news")
        await sub.ssubscribe(CHANNELS)
        begun = reactor().seconds()
        cluster.kill(cluster.owner_of(CHANNELS[0]))
        await reach_all(rc, CHANNELS)
        took = reactor().seconds() - begun
        for _ in range(100):
            with contextlib.suppress(redis.MaybeExecutedError):
                await rc.publish("news", "still here")
            if any(each.channel == "news" for each in await received(sub, 1)):
                break
        assert gaps and max(seconds for seconds, _ in gaps) <= took + 0.5
        assert max(seconds for seconds, _ in gaps) > 0.5  # told from the loss on, not from the new topology


@pytest_twisted.ensureDeferred
async def test_bounds_hold_for_all_connections_together(cluster):
    async with connect(cluster) as rc, rc.subscriber(maxPendingMessages=10) as sub:
        await sub.ssubscribe(CHANNELS)
        for number in range(300):
            await rc.spublish(CHANNELS[number % 30], number)
        await turn(0.1)
        messages = await received(sub, 300)
        assert sorted(int(each.data) for each in messages) == list(range(300))
        assert sub.droppedMessages == 0


@pytest_twisted.ensureDeferred
async def test_a_subscriber_ends_with_its_handler(cluster):
    rc = await connect(cluster)
    sub = await rc.subscriber()
    await sub.ssubscribe(CHANNELS)
    assert not sub.ended
    await rc.disconnect()
    assert sub.ended
    with pytest.raises(StopAsyncIteration):
        await sub.__anext__()
    with pytest.raises(redis.NotSentError):
        await sub.ssubscribe("x")
    with pytest.raises(redis.NotSentError):
        await sub.subscribe("x")


# -- scans


@pytest.mark.promise(
    "``scan_iter`` of a cluster finds every key that is there all the time",
    "Although slots and masters move meanwhile; a key may come twice.",
    about="Cluster",
)
@pytest_twisted.ensureDeferred
async def test_a_scan_finds_all_keys_while_slots_and_masters_move(any_cluster):
    cluster = any_cluster
    keys = {f"{{t{number % 40}}}{number}" for number in range(2000)}
    async with connect(cluster) as rc:
        await rc.mset(dict.fromkeys(keys, 1))
        found = []
        async for key in rc.scan_iter(count=20):
            found.append(key)
            if len(found) in (100, 500, 900, 1300):
                slot = slot_of(f"{{t{len(found) // 40}}}")
                await deferToThread(cluster.move_slots, [slot], cluster.another(slot))
            if len(found) == 700:
                await deferToThread(cluster.failover, cluster.replicas_of(cluster.owner_of("{t1}"))[0])
                await deferToThread(cluster.wait_until_ok)
        assert set(found) == keys


@pytest.mark.promise("``scan_iter`` of a cluster finds every key that is there all the time")
@pytest_twisted.ensureDeferred
async def test_a_scan_sees_both_nodes_of_a_slot_that_moves_key_by_key(any_cluster):
    cluster, slot = any_cluster, 321
    keys = {key_in(slot, f"k{number}") for number in range(50)}
    async with connect(cluster) as rc:
        await rc.mset(dict.fromkeys(keys, 1))
        cluster.begin_move(slot, cluster.another(slot))
        cluster.migrate_keys(slot, 25)
        assert {key async for key in rc.scan_iter()} == keys
        assert {key.decode() async for key in rc.raw.scan_iter(count=7)} == keys
        assert {key async for key in rc.scan_iter("*k1*", type="string")} == {key for key in keys if "k1" in key}
        with pytest.raises(redis.RedisError, match="scan_iter"):
            await rc.scan(0)
        node = rc.node_for(key_in(slot, ""))
        assert [key async for key in node.scan_iter()]
