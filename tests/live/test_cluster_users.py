"""What a user of a cluster may do, and what the handler needs."""

from __future__ import annotations

import pytest
import pytest_twisted
from testbed.slots import key_in
from twisted.internet.threads import deferToThread

import txredis_fast as redis

SLOT = 7


@pytest_twisted.ensureDeferred
async def test_a_user_needs_one_permission_and_without_it_moved_is_enough_later(make_cluster):
    users = {"none": "on >pw ~* +@all -cluster", "slots": "on >pw ~* +@all -cluster +cluster|slots"}
    cluster = await deferToThread(make_cluster, masters=3, replicas=0, users=users)
    seeds = cluster.addresses[:2]

    with pytest.raises(redis.ConnectionFailedError, match=r"NOPERM .*cluster\|slots"):
        await redis.ClusterConnection(seeds, username="none", password="pw")
    async with redis.lazyClusterConnection(seeds, username="none", password="pw", poolTimeout=1) as lazy:
        with pytest.raises(redis.NoSlotError, match=r"slot 7: .*NOPERM"):
            await lazy.get(key_in(SLOT, "a"))

    async with redis.ClusterConnection(seeds, username="slots", password="pw") as rc:
        for node in cluster.nodes:
            node.call("ACL", "SETUSER", "slots", "-cluster")
        await rc.set(key_in(SLOT, "a"), "1")
        await deferToThread(cluster.move_slots, [SLOT], cluster.nodes[2])
        assert [await rc.get(key_in(SLOT, "a")) for _ in range(5)] == [1] * 5
        assert rc.stats().moved == 1
        assert rc.stats().errors["NOPERM"] > 0
