"""Subscribers of a cluster in a storm: no message is given to who does not listen to it, nor twice, but for those of
shard channels around a gap that was told; what is missed was published in such a gap; and when the storm is over
everybody hears everything again.

In memory, with a clock: see ``cluster_listeners``. TXREDIS_FAST_MODEL_SEED in the environment says which stories.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from testbed.extent import extent
from testbed.slots import slot_of

import txredis_fast as redis
from faults.cluster_listeners import SHARDS, Found, Listeners
from txredis_fast.cluster.messages import ClusterSubscriber
from txredis_fast.cluster.messages.channels import ShardChannels
from txredis_fast.pubsub import Inbox

pytestmark = [pytest.mark.once, pytest.mark.promise("Subscriptions to shard channels follow their slots")]

STORIES = extent(16, 4)
SEED = int(os.environ.get("TXREDIS_FAST_MODEL_SEED", "1"))


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """Stories put their clock where the reactor is; afterwards it is put back."""
    monkeypatch.setattr(redis, "reactor", None, raising=False)
    monkeypatch.setattr("twisted.logger.Logger.emit", lambda *_, **__: None)


def tell(seed, rough, steps=300):
    """Tell a story."""
    try:
        return Listeners(seed, rough).run(steps)
    except Found as error:
        pytest.fail(f"Listeners({seed}, {rough}).run({steps}): {error}", pytrace=False)


@pytest.mark.parametrize("rough", [False, True])
def test_every_message_comes_once_to_who_listens_and_what_is_missed_is_told(rough):
    told = Counter()
    for seed in range(SEED, SEED + STORIES):
        told.update(tell(seed, rough).told)
    # The stories are worth something only if what can go wrong did.
    assert told["heard"] > 500 * STORIES, told
    assert all(told[name] > STORIES / 2 for name in ("gaps", "missed", "ssubscribe", "psubscribe", "sunsubscribe")), (
        told
    )
    # Without losses, a call may be overdue when slots go on moving under it: that is rare.
    assert told["failed"] > 0 if rough else told["failed"] <= STORIES / 5, told


# -- what the stories have found, one by one


@pytest.fixture
def quiet():
    """A cluster in which nothing happens by itself, and somebody who listens to nothing yet."""
    return Listeners(1, False)


def test_nodes_that_name_each_other_are_not_asked_without_a_pause(quiet):
    cluster, channel = quiet.cluster, SHARDS[0]
    slot = slot_of(channel)
    first, second, third = cluster.masters
    cluster.move_slots([slot], third)
    second.freeze()
    cluster.move_slots([slot], second)
    third.freeze()
    cluster.move_slots([slot], first)
    quiet.rc._members.moved(slot, second.address)
    asked = quiet.listeners[0].sub.ssubscribe(channel)
    quiet.network.settle()
    assert sum(node.commands.get(b"SSUBSCRIBE", 0) for node in cluster.nodes) < 30
    second.thaw()
    third.thaw()
    for _ in range(90):
        quiet.network.advance(0.01)
    assert asked.called and asked.result is None


def test_a_channel_that_is_withdrawn_before_the_others_of_its_call_are_confirmed_is_not_lost(quiet):
    cluster, early, late = quiet.cluster, SHARDS[0], SHARDS[-1]
    _, second, third = cluster.masters
    sub, heard = quiet.listeners[0].sub, []
    quiet.network.settle()
    third.pause()
    asked = sub.ssubscribe([early, late])
    for _ in range(20):
        quiet.network.advance(0.01)
    assert not asked.called
    cluster.move_slots([slot_of(early)], second)
    third.resume()
    for _ in range(50):
        quiet.network.advance(0.01)
    assert asked.called and asked.result is None
    quiet.rc.spublish(early, "now").addCallback(heard.append)
    quiet.network.settle()
    assert heard == [1]


def wait(listeners, seconds):
    for _ in range(round(seconds * 100)):
        listeners.network.advance(0.01)


def test_a_channel_that_is_lost_waits_for_no_other_one(quiet):
    cluster, (early, late) = quiet.cluster, (SHARDS[0], SHARDS[-1])
    first, second, third = cluster.masters
    assert cluster.owner_of(early) is first and cluster.owner_of(late) is third
    listener, heard = quiet.listeners[0], []
    listener.sub.ssubscribe([early, late])
    wait(quiet, 0.5)
    second.pause()
    cluster.move_slots([slot_of(early)], second)  # who hangs
    wait(quiet, 0.3)
    cluster.move_slots([slot_of(late)], first)
    wait(quiet, 0.1)
    quiet.rc.spublish(late, "now").addCallback(heard.append)
    wait(quiet, 0.1)
    assert heard == [1] and len(listener.gaps) == 1
    second.resume()
    wait(quiet, 1)
    assert len(listener.gaps) == 2


def test_a_channel_that_is_lost_and_left_before_it_is_heard_again_is_told_as_a_gap(quiet):
    cluster, channel, listener = quiet.cluster, SHARDS[-1], quiet.listeners[0]
    _, second, _ = cluster.masters
    listener.sub.ssubscribe(channel)
    wait(quiet, 0.5)
    second.pause()
    cluster.move_slots([slot_of(channel)], second)
    wait(quiet, 0.3)
    begun = quiet.network.seconds()
    assert not listener.gaps
    listener.sub.sunsubscribe(channel)
    wait(quiet, 0.01)
    [(since, until)] = listener.gaps
    assert begun - since == pytest.approx(0.3, abs=0.05) and until == pytest.approx(begun, abs=0.02)
    second.resume()
    wait(quiet, 1)
    assert len(listener.gaps) == 1


def test_a_call_that_is_overdue_ends_and_leaves_nothing_subscribed(quiet):
    cluster, channel = quiet.cluster, SHARDS[0]
    owner = cluster.owner_of(channel)
    asked = quiet.listeners[0].sub.ssubscribe(channel)
    quiet.network.settle()
    assert asked.called
    quiet.listeners[0].sub.sunsubscribe()
    quiet.network.settle()
    owner.pause()
    asked, failed = quiet.listeners[0].sub.ssubscribe([channel, SHARDS[-1]]), []
    asked.addErrback(lambda failure: failed.append(failure.type))
    for _ in range(120):
        quiet.network.advance(0.01)
    assert failed == [redis.ReplyTimeoutError]
    owner.resume()
    for _ in range(500):
        quiet.network.advance(0.01)
    assert not any(session.shard_channels for node in cluster.nodes for session in node.sessions)


@pytest.mark.self_check
def test_a_message_that_comes_twice_is_noticed(monkeypatch):
    put = Inbox.put
    monkeypatch.setattr(Inbox, "put", lambda self, message: (put(self, message), put(self, message)))
    with pytest.raises(Found, match="twice"):
        Listeners(SEED, False).run(50)


@pytest.mark.self_check
def test_a_gap_that_is_not_told_is_noticed(monkeypatch):
    monkeypatch.setattr(ClusterSubscriber, "gap", lambda *_: None)
    with pytest.raises(Found, match="in no gap"):
        Listeners(SEED, False).run(200)


@pytest.mark.self_check
def test_a_channel_that_is_not_subscribed_to_again_is_noticed(monkeypatch):
    monkeypatch.setattr(ShardChannels, "_lose", lambda *_: None)
    with pytest.raises(Found, match="no more"):
        Listeners(SEED, False).run(200)
