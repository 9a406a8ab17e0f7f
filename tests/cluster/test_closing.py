"""What comes after a cluster's handler is closed."""

from __future__ import annotations

from testbed.model_cluster import SLOT_A, key, result
from testbed.scripted import settle

import txredis_fast as redis


def test_a_refusal_that_comes_after_the_end_leaves_no_timer(opened, cluster, clock):
    rc = opened()
    cluster.nodes[7001].silent = True
    sent = rc.get(key(SLOT_A))
    closed = rc.disconnect(timeout=5)
    settle(clock)
    for connection in rc._members.nodes.values():
        rc._members.observer.refused(f"CLUSTERDOWN {connection.name}", rc._members._accepts_commands)
    clock.advance(6)
    settle(clock)
    assert closed.called
    assert isinstance(result(sent, clock), redis.ConnectionError)
    clock.advance(60)
    assert not clock.getDelayedCalls()
