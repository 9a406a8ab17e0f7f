"""What a user of a cluster may do, and what the handler needs."""

from __future__ import annotations

import contextlib

import pytest
import pytest_twisted
from testbed.slots import key_in
from twisted.internet import defer
from twisted.internet.threads import deferToThread

import txredis_fast as redis

pytestmark = pytest.mark.once

SLOT = 7
USERS = {"none": "on >pw ~* +@all -cluster", "slots": "on >pw ~* +@all -cluster +cluster|slots"}


@pytest.mark.parametrize("user", ["none", "slots"])
@pytest_twisted.ensureDeferred
async def test_a_user_without_permission_works_by_moved_alone(make_cluster, user):
    cluster = await deferToThread(make_cluster, masters=3, replicas=0, users=USERS)
    async with redis.ClusterConnection(cluster.addresses[:2], username=user, password="pw") as rc:
        for node in cluster.nodes:
            node.call("ACL", "SETUSER", "slots", "-cluster")
        keys = [f"key{number}" for number in range(60)]
        assert await defer.gatherResults([rc.set(key, 1) for key in keys]) == ["OK"] * 60
        assert await rc.mget(keys) == [1] * 60
        await rc.set(key_in(SLOT, "a"), "1")
        before = rc.stats().moved
        await deferToThread(cluster.move_slots, [SLOT], cluster.nodes[2])
        assert [await rc.get(key_in(SLOT, "a")) for _ in range(5)] == [1] * 5
        assert rc.stats().moved == before + 1
        with contextlib.suppress(redis.NotSentError):
            await rc.refresh()
        assert rc.stats().errors["NOPERM"] > 0
