"""Shard channels of a cluster's subscriber: each is heard while one call that has succeeded wants it, and no longer.

What is missed meanwhile is told. In memory, with a clock.
"""

from __future__ import annotations

from itertools import count

import pytest
from testbed.scripted_cluster import ScriptedCluster
from testbed.slots import slot_of
from testbed.support import failed, fired, pending
from testbed.wire import aggregate, bulk, integer
from twisted.internet.defer import CancelledError, Deferred

import txredis_fast as redis

DENIED = b"NOPERM this user has no permissions to access the channel"


class Listening:
    """A subscriber of a cluster.

    :ivar gaps: what its program was told: seconds, and what was refused.
    """

    def __init__(self, network, replicas=0, options=None, on_message=None, on_gap=None, **bounds):
        self.network = network
        password = (options or {}).get("password")
        self.cluster = ScriptedCluster(network, masters=3, replicas=replicas, password=password)
        self.gaps = []
        self.rc = redis.lazyClusterConnection(
            self.cluster.addresses, **{"topologyInterval": 0, "healthCheckInterval": 0, **(options or {})}
        )
        opening = self.rc.subscriber(on_message, on_gap=on_gap or self.told, **bounds)
        network.turn(0.3)
        self.sub = fired(opening)

    def told(self, *gap):
        self.gaps.append(gap)

    def channels(self, *nodes):
        """A channel of a slot of each of these masters, all different."""
        names = (f"channel{number}" for number in count())
        masters = self.cluster.masters
        return [next(name for name in names if self.cluster.owner_of(name) is masters[number]) for number in nodes]

    def lose_one(self):
        """Listen to a channel whose slot then moves to a node that hangs; returns its name, and that node."""
        [name, there] = self.channels(0, 1)
        self.sub.ssubscribe([name, there])
        self.network.turn(0.3)
        successor = self.cluster.owner_of(there)
        successor.pause()
        self.cluster.move_slots([slot_of(name.encode())], successor)
        self.network.turn(0.5)
        return name, successor

    def session_of(self, channel):
        """Of the node that owns the slot of a channel, the connection that listens to some."""
        [session] = [each for each in self.cluster.owner_of(channel).sessions if each.shard_channels]
        return session

    def hears(self, channel):
        """Whether it is subscribed to a channel at the owner of its slot, and nowhere else where it could leave it."""
        nodes = [node for node in self.cluster.nodes if not node.is_paused]
        where = [node for node in nodes for each in node.sessions if channel.encode() in each.shard_channels]
        assert where in ([], [self.cluster.owner_of(channel)])
        return bool(where)


@pytest.fixture
def listening(network):
    made = []

    def listening(*args, **options):
        made.append(Listening(network, *args, **options))
        return made[-1]

    yield listening
    for each in made:
        each.rc.disconnect(timeout=0.01)
    network.turn(1)
    assert not network.links and not network.getDelayedCalls()


@pytest.fixture
def at(listening):
    return listening()


@pytest.mark.parametrize("name", ["news", "7", "1.50", "007", "1e3"])
def test_a_channel_that_is_refused_after_a_reconnection_can_be_asked_for_again(network, at, name):
    at.sub.ssubscribe([name, "other"])
    network.turn(0.3)
    at.cluster.owner_of(name).refuse_next(DENIED, b"SSUBSCRIBE")
    at.session_of(name).transport.abortConnection()
    network.turn(1)
    [refused] = [each for _, some in at.gaps for each in some]
    assert refused.command == "ssubscribe" and isinstance(refused.error, redis.NoPermissionError)
    assert not at.hears(name) and at.hears("other")
    asked = at.sub.ssubscribe(name)
    network.turn(0.3)
    assert fired(asked) is None and at.hears(name)


@pytest.mark.parametrize("name", ["news", "1.50"])
def test_a_channel_that_is_withdrawn_while_another_one_is_left_is_heard_again(network, at, name):
    other = next(
        each for each in (f"c{number}" for number in count()) if slot_of(each.encode()) == slot_of(name.encode())
    )
    at.sub.ssubscribe([name, other])
    network.turn(0.3)
    session = at.session_of(name)
    left = at.sub.sunsubscribe(other)
    session.shard_channels.discard(name.encode())
    session.push(b"sunsubscribe", bulk(name), integer(1))  # the slot has gone and come back
    network.turn(1)
    assert fired(left) is None and at.hears(name) and not at.hears(other) and len(at.gaps) == 1


# -- calls that overlap


def test_a_call_that_is_cancelled_takes_nothing_from_another_one(network, at):
    [name, elsewhere] = at.channels(0, 1)
    first, second = at.sub.ssubscribe(name), at.sub.ssubscribe(name)
    first.cancel()
    failed(first, CancelledError)
    network.turn(0.3)
    assert fired(second) is None and at.hears(name)
    at.cluster.owner_of(elsewhere).pause()
    third = at.sub.ssubscribe([name, elsewhere])
    network.turn(0.3)
    third.cancel()
    failed(third, CancelledError)
    at.cluster.owner_of(elsewhere).resume()
    network.turn(0.3)
    assert at.hears(name) and not at.hears(elsewhere)


@pytest.mark.parametrize("is_connected", [True, False])
def test_a_call_that_fails_for_one_channel_leaves_none_subscribed(network, at, is_connected):
    [name, slow, third] = at.channels(0, 1, 1)
    if is_connected:
        at.sub.ssubscribe(third)
        network.turn(0.3)
    at.cluster.owner_of(name).refuse_next(DENIED, b"SSUBSCRIBE")
    at.cluster.owner_of(slow).pause()
    asked = at.sub.ssubscribe([name, slow])
    network.turn(0.3)
    failed(asked, redis.NoPermissionError)
    at.cluster.owner_of(slow).resume()
    network.turn(0.3)
    assert not at.hears(name) and not at.hears(slow) and at.hears(third) is is_connected
    again = at.sub.ssubscribe(slow)
    network.turn(0.3)
    assert fired(again) is None and at.hears(slow)


def test_what_is_left_before_it_is_confirmed_is_left(network, at):
    [name] = at.channels(0)
    asked, left = at.sub.ssubscribe(name), at.sub.sunsubscribe(name)
    network.turn(0.5)
    assert fired(asked) is fired(left) is None and not at.hears(name)


def test_what_is_left_and_joined_while_it_is_subscribed_to_elsewhere_is_heard(network, at):
    name, successor = at.lose_one()
    left, joined = at.sub.sunsubscribe(name), at.sub.ssubscribe(name)
    network.turn(0.1)
    successor.resume()
    network.turn(0.5)
    assert fired(left) is fired(joined) is None and at.hears(name)


def test_a_gap_may_be_answered_by_subscribing_again(network, listening):
    at = listening(on_gap=lambda seconds, refused: again.append(at.sub.ssubscribe(name)))
    again = []
    name, successor = at.lose_one()
    left = at.sub.sunsubscribe(name)
    network.turn(0.1)
    successor.resume()
    network.turn(0.5)
    assert fired(left) is None and fired(again[0]) is None and at.hears(name)


def test_a_call_for_a_channel_that_is_lost_waits_until_it_is_confirmed(network, at):
    name, successor = at.lose_one()
    asked = at.sub.ssubscribe(name)
    network.turn(0.3)
    assert pending(asked)
    successor.resume()
    network.turn(0.3)
    assert fired(asked) is None and at.hears(name)


# -- moves and losses


def test_a_slot_that_moves_on_is_not_waited_for_where_it_was(network, listening):
    at = listening(options={"poolTimeout": None})
    [name, there] = at.channels(0, 1)
    at.sub.ssubscribe([name, there])
    network.turn(0.3)
    unreachable = at.cluster.masters[2]
    unreachable.refuse_connections()
    at.cluster.move_slots([slot_of(name.encode())], unreachable)
    network.turn(1)
    at.cluster.move_slots([slot_of(name.encode())], at.cluster.owner_of(there))
    at.rc.refresh()
    network.turn(1)
    assert at.hears(name)


def test_a_refusal_of_one_channel_is_not_that_of_the_others_of_its_slot(network, listening):
    at = listening(replicas=1)
    [tag] = at.channels(0)
    names = [f"{{{tag}}}{each}" for each in "xyz"]
    at.sub.ssubscribe(names)
    network.turn(0.3)
    master = at.cluster.owner_of(tag)
    [replica] = at.cluster.replicas_of(master)
    for _ in range(2):  # the command for all, and that for the first
        replica.refuse_next(DENIED, b"SSUBSCRIBE")
    master.kill()
    at.cluster.failover(replica)
    network.turn(5)
    [refused] = [each for _, some in at.gaps for each in some]
    assert refused.name == names[0]
    assert [at.hears(name) for name in names] == [False, True, True]


def test_the_gap_of_a_master_that_hangs_begins_when_it_was_last_heard(network, listening):
    at = listening(replicas=1, options={"topologyInterval": 5})
    [name] = at.channels(0)
    at.sub.ssubscribe(name)
    network.turn(0.3)
    hung_at, master = network.seconds(), at.cluster.owner_of(name)
    master.pause()
    at.cluster.failover(at.cluster.replicas_of(master)[0])
    while not at.gaps:
        network.turn(0.1)
        assert network.seconds() < 30
    assert at.hears(name) and at.gaps[0][0] >= network.seconds() - hung_at - 0.2


def test_a_node_that_refuses_the_login_is_not_asked_again_and_again(network, listening):
    at = listening(options={"password": "old"})
    [name, there] = at.channels(0, 1)
    at.sub.ssubscribe([name, there])
    network.turn(0.3)
    at.cluster.password = b"new"  # connections that are up stay
    target = at.cluster.masters[2]
    at.cluster.move_slots([slot_of(name.encode())], target)
    network.turn(5)
    before = target.accepted
    network.turn(30)
    assert target.accepted - before < 30
    assert sum(len(node.pool.companions) for node in at.rc.nodes()) <= 3


def test_bounds_hold_for_messages_of_all_nodes_together(network, listening):
    begun = []

    def slow(*_):
        begun.append(Deferred())
        return begun[-1]

    at = listening(on_message=slow, maxPendingMessages=10)
    names = at.channels(0, 1)
    at.sub.ssubscribe(names)
    network.turn(0.3)
    for name in names:
        one = aggregate([bulk(b"smessage"), bulk(name), bulk("x")])
        at.session_of(name).send(one * 500)
    for number in range(60):
        network.turn(0.02)
        assert at.sub.inbox.unfinished <= 10
        begun[number].callback(None)


def test_a_subscriber_that_ends_by_itself_closes_all_its_connections(network, listening):
    at = listening(options={"reconnect": False})
    [name] = at.channels(0)
    at.sub.ssubscribe(name)
    network.turn(0.3)
    waiting = Deferred.fromCoroutine(at.sub.__anext__())
    at.sub.pool.drop(redis.ConnectionError("lost"))
    network.turn(0.5)
    failed(waiting, redis.NotSentError)
    assert at.sub.ended and not at.hears(name)
    late = at.sub.ssubscribe(name)
    failed(late, redis.NotSentError)


@pytest.fixture(params=["replica", "left"])
def replaced(request, network, listening, monkeypatch):
    """A subscriber to one channel, whose master hangs and was replaced: its successor calls it a replica, or not yet.

    :returns: the subscriber, the channel, what is heard, the former master, and its connection.
    """
    heard = []
    at = listening(replicas=1, on_message=lambda *message: heard.append(message[-1]), options={"nodeGrace": 1.0})
    [name] = at.channels(0)
    at.sub.ssubscribe(name)
    network.turn(0.3)
    former, session = at.cluster.owner_of(name), at.session_of(name)
    former.pause()
    at.cluster.failover(at.cluster.replicas_of(former)[0])
    with monkeypatch.context() as patched:
        if request.param == "left":
            patched.setattr(at.cluster, "replicas_of", lambda node: [])
        at.rc.refresh()
        network.turn(0.3)
    assert (former.address in [node.address for node in at.rc.nodes()]) is (request.param == "replica")
    return at, name, heard, former, session


def test_what_a_former_owner_has_sent_before_it_confirms_the_leaving_is_delivered(network, replaced):
    at, name, heard, former, session = replaced
    session.push(b"smessage", bulk(name), bulk("late"))
    network.turn(0.1)
    assert heard == ["late"]
    former.resume()
    network.turn(0.3)
    assert at.hears(name) and session not in former.sessions and len(at.gaps) == 1


@pytest.mark.parametrize("replaced", ["left"], indirect=True)
def test_a_node_that_leaves_and_does_not_answer_is_heard_no_longer_than_its_grace(network, replaced):
    at, name, _, former, session = replaced
    network.turn(0.5)
    assert session in former.sessions
    network.turn(0.5)
    assert session not in former.sessions and at.hears(name)


@pytest.mark.parametrize("end", ["sub", "rc"])
def test_a_node_that_was_replaced_is_heard_no_longer_than_the_subscriber(network, replaced, end):
    at, _, heard, former, session = replaced
    getattr(at, end).disconnect()
    session.push(b"smessage", bulk("any"), bulk("late"))
    network.turn(0.01)
    assert session not in former.sessions and heard == []


def test_what_a_node_that_leaves_and_returns_does_not_confirm_is_asked_for_again(network, listening, monkeypatch):
    at = listening(options={"nodeGrace": 30.0})
    names = at.channels(0, 0)
    at.sub.ssubscribe(names[0])
    network.turn(0.3)
    node, session = at.cluster.owner_of(names[0]), at.session_of(names[0])
    monkeypatch.setattr(session, "execute_what_came", lambda: None)  # this connection hangs, others are answered
    asked = at.sub.ssubscribe(names[1])
    network.turn(0.1)
    pending(asked)
    at.rc._members._let_go(node.address, at.rc._members.nodes[node.address])
    network.turn(0.5)
    assert fired(asked) is None and at.hears(names[1])
    network.turn(31)  # the former connection is given up
    assert all(map(at.hears, names))
