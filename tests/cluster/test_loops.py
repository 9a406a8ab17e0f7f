"""Two nodes name each other as the owner of a slot for a moment: commands wait for its end. In memory, with a clock."""

from __future__ import annotations

import pytest
from testbed.scripted_cluster import ScriptedCluster
from testbed.slots import key_in
from testbed.support import failed, fired

import txredis_fast as redis

SLOT = 4321
KEY, OTHER = key_in(SLOT, "k"), key_in(SLOT, "other")


@pytest.fixture
def cluster(network):
    return ScriptedCluster(network, masters=3)


@pytest.fixture
def rc(network, cluster):
    rc = redis.lazyClusterConnection(
        cluster.addresses, topologyInterval=0, healthCheckInterval=0, poolTimeout=3, maxRedirections=16
    )
    written = rc.set(KEY, "v")
    network.turn(0.3)
    fired(written)
    yield rc
    rc.disconnect(timeout=0.01)
    network.turn(1)
    assert not network.links


@pytest.fixture
def loop(cluster):
    """The slot's owner and another node name each other; returns what ends that."""
    owner = cluster.owner_of(SLOT)
    other, third = (node for node in cluster.masters if node is not owner)
    cluster.move_slots([SLOT], other)
    owner.freeze()  # believes in the other one for good
    cluster.move_slots([SLOT], owner)
    other.freeze()  # and this one in it
    cluster.move_slots([SLOT], third)

    def end():
        owner.thaw()
        other.thaw()

    return end


WAYS = {
    "alone": lambda rc: rc.get(KEY),
    "batch": lambda rc: rc.batch([("GET", KEY), ("GET", OTHER)]).addCallback(lambda replies: replies[0]),
    "in time": lambda rc: rc.withTimeout(2).get(KEY),
}


@pytest.mark.promise("A planned fail-over, a resharding and a moved slot cost no error")
@pytest.mark.parametrize("way", WAYS)
def test_a_command_waits_until_the_nodes_agree(network, cluster, rc, loop, way):
    got = WAYS[way](rc)
    network.turn(0.2)
    assert not got.called, "it has not used up its redirections"
    loop()
    network.turn(1)
    assert fired(got) == "v"


@pytest.mark.parametrize("way", WAYS)
def test_nodes_that_never_agree_are_asked_a_bounded_number_of_times(network, cluster, rc, loop, way):
    got = WAYS[way](rc)
    network.turn(10)
    failed(got, redis.RedisError if way == "batch" else redis.MovedError)
    assert sum(node.commands.get(b"GET", 0) for node in cluster.nodes) <= 3 * 17
