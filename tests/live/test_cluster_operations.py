"""Clusters as they are operated: TLS, other addresses than announced, new clusters behind an old name, databases."""

from __future__ import annotations

import socket

import pytest
import pytest_twisted
from testbed.clusters import CLUSTER_KINDS, speaks_tls
from twisted.internet import defer
from twisted.internet.threads import deferToThread

import txredis_fast as redis

pytestmark = pytest.mark.once

KEYS = [f"key{number}" for number in range(60)]


async def works(rc):
    """Keys of all slots, a shard channel and a transaction."""
    await rc.mset(dict.fromkeys(KEYS, 1))
    assert await rc.mget(KEYS) == [1] * len(KEYS)
    assert await defer.gatherResults([rc.incr(key) for key in KEYS]) == [2] * len(KEYS)
    async with rc.subscriber() as sub:
        await sub.ssubscribe(["a", "b", "c"])
        assert await rc.spublish("b", "heard") == 1
        assert (await sub.__anext__()).data == "heard"
    async with rc.transaction() as t:
        t.incr(KEYS[0])
    assert t.results == [3]


@pytest_twisted.ensureDeferred
async def test_tls_verifies_each_node_by_the_name_that_it_announces(make_cluster, certificates):
    binary = next((kind.binary() for kind in CLUSTER_KINDS if kind.binary() and speaks_tls(kind.binary())), None)
    if binary is None:
        pytest.skip("no server here speaks TLS")
    options = {"binary": binary, "certificates": certificates, "hostname": "localhost", "password": "secret"}
    cluster = await deferToThread(make_cluster, masters=3, replicas=0, **options)
    seeds = [("localhost", cluster.tls_addresses[0][1])]
    async with redis.ClusterConnection(seeds, tls=True, tls_ca=certificates.authority, password="secret") as rc:
        await works(rc)
        assert {node.host for node in rc.nodes()} == {"localhost"}
    with pytest.raises(redis.ConnectionFailedError, match="certificate verify failed"):
        await redis.ClusterConnection(seeds, tls=True, password="secret")
    with pytest.raises(redis.ConnectionFailedError, match=r"other\.example"):
        await redis.ClusterConnection(
            seeds, tls=True, tls_ca=certificates.authority, tls_host="other.example", password="secret"
        )


@pytest.mark.parametrize("kind", ["function", "dict"])
@pytest_twisted.ensureDeferred
async def test_nodes_are_reached_where_the_address_map_says(cluster, kind):
    everywhere = {(host, port): ("localhost", port) for host, port in cluster.addresses}
    address_map = everywhere if kind == "dict" else lambda address: everywhere[address]
    async with redis.ClusterConnection(cluster.addresses[0], addressMap=address_map) as rc:
        await works(rc)
        assert {node.host for node in rc.nodes()} == {"localhost"}
        slot = redis.key_slot(KEYS[1])
        await deferToThread(cluster.move_slots, [slot], cluster.another(slot))
        assert await rc.get(KEYS[1]) == 2  # redirections are mapped as well
        assert rc.node_for(KEYS[1]).host == "localhost"


@pytest_twisted.ensureDeferred
async def test_a_new_cluster_behind_the_old_name_is_found(make_cluster):
    former = await deferToThread(make_cluster, masters=3, replicas=0)
    now = [former]
    async with redis.ClusterConnection(lambda: now[0].addresses, convertNumbers=False) as rc:
        await rc.set("key", "former")
        now[0] = await deferToThread(make_cluster, masters=3, replicas=0)
        await deferToThread(former.stop)
        await rc.set("key", "new")
        assert await rc.get("key") == "new"
        assert {(node.host, node.port) for node in rc.nodes()} == set(now[0].addresses)


@pytest_twisted.ensureDeferred
async def test_databases_of_a_cluster(make_cluster):
    try:
        cluster = await deferToThread(make_cluster, "cluster-databases 16", masters=3, replicas=0)
    except Exception as error:
        if "cluster-databases" not in str(error):
            raise
        pytest.skip(f"this server has one database in a cluster: {error!r:.80}")
    async with redis.ClusterConnection(cluster.addresses, dbid=3) as rc:
        await works(rc)
        for node in cluster.nodes:
            assert node.call("SELECT", 0) == b"OK" and node.call("DBSIZE") == 0
        assert await rc.select(0) == "OK"
        assert await rc.exists(*KEYS) == 0


def _has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")
@pytest_twisted.ensureDeferred
async def test_nodes_with_ipv6_addresses(make_cluster):
    cluster = await deferToThread(make_cluster, masters=3, replicas=1, host="::1")
    host, port = cluster.addresses[0]
    slot = redis.key_slot(KEYS[1])
    to = cluster.another(slot)
    async with redis.from_url(f"redis+cluster://[{host}]:{port}") as rc:
        await works(rc)
        assert {node.host for node in rc.nodes()} == {"::1"}
        assert {node.name for node in rc.nodes()} == {f"[::1]:{port}" for _, port in cluster.addresses}
        asked, moved = rc.stats().asked, rc.stats().moved
        cluster.begin_move(slot, to)
        cluster.migrate_keys(slot)
        assert await rc.get(KEYS[1]) == 2 and rc.stats().asked == asked + 1  # ASK ... ::1:port
        await deferToThread(cluster.finish_move, slot)
        assert await rc.get(KEYS[1]) == 2 and rc.stats().moved == moved + 1
        assert rc.node_for(KEYS[1]).port == to.port
        cluster.begin_move(slot, cluster.another(slot))
        assert KEYS[1] in {key async for key in rc.scan_iter()}  # it reads of the move in CLUSTER NODES
        cluster.cancel_move(slot)
        await deferToThread(cluster.failover, cluster.replicas_of(to)[0])
        assert await rc.incr(KEYS[1]) == 3
