"""A node that has lost its role and leaves: its blocking commands go on elsewhere, and it is closed in time."""

from __future__ import annotations

import pytest
from testbed.scripted_cluster import ScriptedCluster
from testbed.slots import key_in

import txredis_fast as redis

KEY = key_in(4321, "list")
GRACE = 1.0


@pytest.fixture
def cluster(network):
    return ScriptedCluster(network, masters=3, replicas=1)


@pytest.fixture
def rc(network, cluster):
    rc = redis.lazyClusterConnection(cluster.addresses[:3], nodeGrace=GRACE, topologyInterval=0, healthCheckInterval=0)
    yield rc
    rc.disconnect(timeout=0.01)
    network.settle()
    network.advance(2 * GRACE)
    network.settle()
    assert not network.links


@pytest.fixture
def left(network, cluster, rc, monkeypatch):
    """A master was demoted, and has left: its successor does not tell yet that it is a replica. It blocks a BLPOP.

    :returns: the Deferred of the BLPOP, the former master, and what has it answer its blocked clients.
    """
    waiting = rc.blpop(KEY, 30)
    rc.get(KEY)
    network.turn(0.1)
    former = cluster.owner_of(KEY)
    assert any(session.waits_for for session in former.sessions)
    look_again = former.look_again
    monkeypatch.setattr(former, "look_again", lambda demoted: None)
    cluster.failover(cluster.replicas_of(former)[0])
    monkeypatch.setattr(cluster, "replicas_of", lambda node: [])
    cluster.changed()
    read = rc.get(KEY)  # is refused, which has the topology read
    network.turn(0.1)
    assert read.called and former.address not in [node.address for node in rc.nodes()]
    return waiting, former, look_again


@pytest.mark.promise("Blocking commands follow their slots, with the time that is left")
@pytest.mark.parametrize("tells_unblocked", [True, False])
def test_a_node_that_has_left_answers_what_it_blocks(network, cluster, rc, left, tells_unblocked):
    waiting, former, look_again = left
    cluster.tells_unblocked = tells_unblocked
    assert not waiting.called
    look_again(demoted=True)
    network.turn(0.2)
    assert not waiting.called and not former.sessions, "its connections are closed"
    rc.rpush(KEY, "v")
    network.turn(0.2)
    assert waiting.result == [KEY, "v"]


def test_the_end_of_the_handler_waits_for_no_blocking_command(network, rc, left):
    waiting, former, _ = left
    closing = rc.disconnect()
    network.settle()
    assert closing.called and not former.sessions
    assert isinstance(waiting.result.value, redis.MaybeExecutedError)
    waiting.addErrback(lambda _: None)


def test_a_node_that_leaves_twice_is_closed_when_the_last_word_says(network, rc, left):
    waiting, former, _ = left
    [node] = rc._members._leaving
    node.pool.leave(3 * GRACE)
    network.turn(GRACE)
    assert not waiting.called
    closing = rc.disconnect(timeout=0.01)
    network.turn(0.1)
    assert closing.called and not former.sessions
    assert waiting.result.check(redis.MaybeExecutedError)
    waiting.addErrback(lambda _: None)
    assert not network.getDelayedCalls()


def test_the_end_of_the_handler_can_be_given_up_and_all_is_closed(network, rc, left, logged_errors):
    waiting, former, _ = left
    waiting.addErrback(lambda _: None)
    closing = rc.disconnect()
    closing.addErrback(lambda _: None)
    closing.cancel()
    network.turn(0.1)
    assert not former.sessions and not rc._members._leaving
    assert logged_errors.describe() == []


def test_a_node_that_leaves_takes_its_tracked_connection_along_in_time(network, cluster, monkeypatch):
    rc = redis.lazyClusterConnection(
        cluster.addresses[:3], nodeGrace=GRACE, topologyInterval=0, healthCheckInterval=0, cache=redis.ClientCache()
    )
    rc.get(KEY)
    network.turn(0.1)
    former = cluster.owner_of(KEY)
    former.pause()
    read = rc.cached(60).get(KEY)
    network.turn(0.05)
    cluster.failover(cluster.replicas_of(former)[0])
    monkeypatch.setattr(cluster, "replicas_of", lambda node: [])
    cluster.changed()
    rc.refresh()
    network.turn(0.2)
    assert rc._members._leaving and not read.called
    closing = rc.disconnect(timeout=0.01)
    network.turn(0.1)
    assert closing.called and read.called and not network.links
    read.addErrback(lambda _: None)


def test_a_node_that_has_left_and_does_not_answer_is_waited_for_no_longer_than_its_grace(network, rc, left):
    waiting, former, _ = left
    network.turn(GRACE)
    assert isinstance(waiting.result.value, redis.MaybeExecutedError)
    waiting.addErrback(lambda _: None)
    assert not former.sessions
