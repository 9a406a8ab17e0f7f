"""Shard channels of a cluster's subscriber that the server refuses when a connection is made again."""

from __future__ import annotations

import pytest
from testbed.scripted_cluster import ScriptedCluster
from testbed.support import fired

import txredis_fast as redis


@pytest.fixture
def rc(network):
    cluster = ScriptedCluster(network, masters=3, replicas=0)
    rc = redis.lazyClusterConnection(cluster.addresses, topologyInterval=0, healthCheckInterval=0)
    rc.cluster = cluster
    yield rc
    rc.disconnect(timeout=0.01)
    network.turn(1)
    assert not network.links


@pytest.mark.parametrize("name", ["news", "7", "1.50", "007", "1e3", b"\xff"])
def test_a_channel_that_is_refused_after_a_reconnection_can_be_asked_for_again(network, rc, name):
    gaps = []
    opening = rc.subscriber(on_gap=lambda seconds, refused: gaps.append(refused))
    network.turn(0.2)
    sub = fired(opening)
    sub.ssubscribe([name, "other"])
    network.turn(0.3)
    owner = rc.cluster.owner_of(name)
    [session] = [each for each in owner.sessions if each.shard_channels]
    owner.refuse_next(b"NOPERM this user has no permissions to access the channel", b"SSUBSCRIBE")
    session.transport.abortConnection()
    network.turn(3)
    [[refused]] = gaps
    assert refused.command == "ssubscribe" and isinstance(refused.error, redis.NoPermissionError)
    encoded = name if isinstance(name, bytes) else name.encode()
    assert encoded not in sub._wanted_shards
    asked = sub.ssubscribe(name)
    network.turn(0.5)
    assert fired(asked) is None
    assert encoded in [channel for each in owner.sessions for channel in each.shard_channels]
