"""scan_iter on a scripted cluster: what a node says of itself counts, because others hear of a move later."""

from __future__ import annotations

import pytest
from testbed.scripted_cluster import Network, ScriptedCluster
from testbed.slots import key_in
from twisted.internet.defer import Deferred

import txredis_fast as redis

SLOT = 700
KEY = key_in(SLOT).encode()


@pytest.fixture
def world(monkeypatch):
    network = Network()
    monkeypatch.setattr(redis, "reactor", network, raising=False)
    cluster = ScriptedCluster(network, masters=3)
    cluster.truth.put(KEY, b"there")
    rc = redis.lazyClusterConnection(cluster.addresses, charset=None, poolTimeout=5)
    network.settle()
    yield network, cluster, rc
    rc.disconnect(timeout=0.01)
    network.advance(1)
    network.settle()


async def keys(rc):
    return [key async for key in rc.scan_iter()]


def ended(network, scan):
    found: list = []
    scan.addBoth(found.append)
    for _ in range(80):
        network.settle()
        if found:
            return found[0]
        network.advance(0.1)
    raise AssertionError("it has come to no end")


def test_a_slot_that_has_moved_and_of_which_the_others_have_not_heard_is_scanned(world):
    network, cluster, rc = world
    for node in cluster.nodes:
        node.freeze()
    cluster.move_slots([SLOT], cluster.nodes[2])
    scan = Deferred.fromCoroutine(keys(rc))
    for _ in range(10):
        network.settle()
        network.advance(0.1)
    assert not scan.called
    for node in cluster.nodes:
        node.thaw()
    assert ended(network, scan) == [KEY]


def test_a_slot_that_moves_while_its_owner_is_scanned_is_scanned_again(world):
    network, cluster, rc = world
    owner = cluster.owner_of(SLOT)
    others = [node for node in cluster.nodes if node is not owner]
    for node in cluster.nodes:
        node.freeze()
    scan = Deferred.fromCoroutine(keys(rc))
    while not owner.commands.get(b"CLUSTER"):
        network.advance(0)
    cluster.move_slots([SLOT], others[1])
    for _ in range(5):
        network.advance(0.2)
    for node in cluster.nodes:
        node.thaw()
    assert KEY in ended(network, scan)


def test_the_topology_not_told_in_time_is_an_error(world):
    network, cluster, rc = world
    for node in cluster.nodes:
        node.freeze()
    cluster.move_slots(range(5461), cluster.nodes[2])
    error = ended(network, Deferred.fromCoroutine(keys(rc))).value
    assert isinstance(error, redis.NotSentError)
    assert "does not serve the slot" in str(error)


def test_keys_on_their_way_to_a_node_that_serves_no_slot_yet_are_found(world):
    network, cluster, rc = world
    empty = cluster.add_node()
    cluster.begin_move(SLOT, empty)
    cluster.migrate_keys(SLOT)
    assert ended(network, Deferred.fromCoroutine(keys(rc))) == [KEY]


@pytest.mark.parametrize("then", ["arrives", "goes on"])
def test_a_slot_that_arrives_while_its_target_is_scanned_is_scanned_again(world, then):
    network, cluster, rc = world
    owner, target, third = cluster.nodes
    cluster.begin_move(SLOT, target)
    cluster.migrate_keys(SLOT)
    asked = [node.commands.get(b"SCAN", 0) for node in cluster.nodes]
    scan = Deferred.fromCoroutine(keys(rc))
    while not owner.commands.get(b"SCAN", 0) > asked[0]:
        network.advance(0)
    while not target.commands.get(b"SCAN", 0) > asked[1] and not scan.called:
        if owner.commands[b"CLUSTER"] > 2:
            cluster.finish_move(SLOT)
            if then == "goes on":
                cluster.move_slots([SLOT], third)
            break
        network.advance(0)
    assert KEY in ended(network, scan)
