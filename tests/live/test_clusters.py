"""The test clusters keep their promises: on these rest all live tests of clusters."""

from __future__ import annotations

import os
import random
import socket
import ssl
import time

import pytest
from testbed.client import Connection, ReplyError, request
from testbed.cluster_nodes import reserve_port
from testbed.clusters import CLUSTER_KINDS, speaks_tls
from testbed.servers import wait_until
from testbed.slots import SLOTS, key_in, ranges_of, shares, slot_of, tag_of

pytestmark = pytest.mark.self_check


def slots_told(node):
    """CLUSTER SLOTS of a node: (first, last, (host, port) of the master)."""
    return sorted((entry[0], entry[1], (entry[2][0].decode(), entry[2][1])) for entry in node.call("CLUSTER", "SLOTS"))


def other_than(cluster, node):
    return next(other for other in cluster.masters if other is not node)


def test_slots_of_keys_are_those_that_a_server_tells(cluster):
    generator = random.Random(15)
    keys = [b"", b"{}", b"a{}{b}", b"{{a}}", b"a{b}c{d}", b"}{a}"]
    keys += [bytes(generator.choices(b"{}{}abc\x00\xff", k=generator.randrange(1, 12))) for _ in range(200)]
    keys += [tag_of(slot).encode() for slot in range(0, SLOTS, 100)]
    told = cluster.node(0).call_each(("CLUSTER", "KEYSLOT", key) for key in keys)
    assert [slot_of(key) for key in keys] == told
    assert all(slot_of(key_in(slot, "x")) == slot for slot in range(0, SLOTS, 100))


def test_shares_are_all_slots_and_ranges_are_runs():
    assert [slot for share in shares(3) for slot in share] == list(range(SLOTS))
    assert list(ranges_of([5, 1, 2, 3, 9, 8])) == [(1, 3), (5, 5), (8, 9)]


def test_every_kind_serves_all_slots_and_has_its_replicas(any_cluster):
    cluster = any_cluster
    told = slots_told(cluster.node(0))
    assert told == [(part.start, part.stop - 1, cluster.addresses[at]) for at, part in enumerate(shares(3))]
    assert all(slots_told(node) == told for node in cluster.nodes)
    assert all(node.told() == set(cluster.addresses) for node in cluster.nodes)
    assert cluster.masters == cluster.nodes[:3]
    assert [cluster.replicas_of(master) for master in cluster.masters] == [[node] for node in cluster.nodes[3:]]
    owner = cluster.owner_of("key")
    owner.call("SET", "key", "value")
    with pytest.raises(ReplyError, match=f"^MOVED {slot_of('key')} 127.0.0.1:{owner.port}$"):
        other_than(cluster, owner).call("SET", "key", "value")
    (replica,) = cluster.replicas_of(owner)
    wait_until(lambda: replica.call_each([("READONLY",), ("GET", "key")])[1] == b"value", "the replica has it")


def test_a_slot_moves_key_by_key(any_cluster):
    cluster, slot = any_cluster, 7
    source, (first, second) = cluster.owner_of(slot), (key_in(slot, 1), key_in(slot, 2))
    to = other_than(cluster, source)
    source.call_each(("SET", key, key) for key in (first, second))
    cluster.begin_move(slot, to)
    with pytest.raises(ReplyError, match=f"^ASK {slot} 127.0.0.1:{to.port}$"):
        source.call("GET", key_in(slot, "absent"))
    assert cluster.migrate_keys(slot, 1) == 1
    assert len(source.keys_in(slot)) == len(to.keys_in(slot)) == 1
    with pytest.raises(ReplyError, match=r"^TRYAGAIN"):
        source.call("MGET", first, second)
    with pytest.raises(ReplyError, match=r"^MOVED"):
        to.call("GET", to.keys_in(slot)[0])
    assert to.call_each([("ASKING",), ("GET", to.keys_in(slot)[0])])[1] == to.keys_in(slot)[0]
    assert cluster.migrate_keys(slot) == 1
    cluster.finish_move(slot)
    assert cluster.owner_of(slot) is to
    assert to.call("MGET", first, second) == [first.encode(), second.encode()]
    with pytest.raises(ReplyError, match=f"^MOVED {slot} 127.0.0.1:{to.port}$"):
        source.call("GET", first)
    cluster.wait_until_ok()


def test_a_move_that_is_given_up_changes_nothing(cluster):
    source = cluster.owner_of(7)
    cluster.begin_move(7, other_than(cluster, source))
    cluster.cancel_move(7)
    assert source.call("GET", key_in(7)) is None
    before = [node.pid for node in cluster.nodes]
    cluster.reset()
    assert [node.pid for node in cluster.nodes] == before


def test_many_slots_move_with_their_keys(any_cluster):
    cluster, slots = any_cluster, range(5000, 6000)  # of two masters
    for slot in slots[::50]:
        cluster.owner_of(slot).call("SET", key_in(slot), slot)
    to = cluster.node(2)
    cluster.move_slots(slots, to)
    cluster.wait_until_ok()
    assert {cluster.owner_of(slot) for slot in slots[::50]} == {to}
    assert [int(to.call("GET", key_in(slot))) for slot in slots[::50]] == list(slots[::50])


def test_slots_move_atomically_where_there_is_that(any_cluster):
    cluster = any_cluster
    if not cluster.moves_atomically:
        pytest.skip("from Valkey 9.0 on")
    source, to = cluster.node(0), cluster.node(1)
    source.call("SET", key_in(3), "value")
    cluster.move_atomically([1, 2, 3, 9], to)
    assert cluster.owner_of(3) is cluster.owner_of(9) is to
    assert cluster.owner_of(4) is source
    assert to.call("GET", key_in(3)) == b"value"


def test_a_replica_takes_over_as_planned_and_nothing_is_lost(any_cluster):
    cluster = any_cluster
    master = cluster.owner_of(0)
    (replica,) = cluster.replicas_of(master)
    master.call("SET", key_in(0), "value")
    cluster.failover(replica)
    cluster.wait_until_ok()
    assert cluster.owner_of(0) is replica
    assert cluster.replicas_of(replica) == [master]
    assert replica.call("GET", key_in(0)) == b"value"


def test_a_killed_master_is_replaced_and_comes_back_as_a_replica(any_cluster):
    cluster = any_cluster
    master = cluster.owner_of(0)
    (replica,) = cluster.replicas_of(master)
    address = master.address
    cluster.kill(master)
    with pytest.raises(ConnectionRefusedError):
        request(address, ("PING",))
    cluster.wait_until_ok()
    assert cluster.owner_of(0) is replica
    assert master not in cluster.masters
    cluster.restart(master)
    cluster.wait_until_ok()
    assert master.address == address
    assert cluster.replicas_of(replica) == [master]


def test_a_paused_master_is_replaced_and_its_clients_stay(cluster):
    master = cluster.owner_of(0)
    (replica,) = cluster.replicas_of(master)
    with Connection(master.address, timeout=10.0) as connection:
        connection.call("PING")
        cluster.pause(master)
        cluster.wait_until_ok()
        assert cluster.owner_of(0) is replica
        cluster.resume(master)
        cluster.wait_until_ok()
        with pytest.raises(ReplyError, match=r"^MOVED"):
            connection.call("SET", key_in(0), 1)


def test_a_node_is_added_and_forgotten(cluster):
    node = cluster.add_node()
    copy = cluster.add_node(replica_of=node)
    assert cluster.replicas_of(node) == [copy]
    cluster.move_slots([1, 2], node)
    cluster.wait_until_ok()
    assert cluster.owner_of(2) is node
    cluster.move_slots([1, 2], cluster.node(0))
    cluster.forget(copy)
    cluster.forget(node)
    cluster.wait_until_ok()
    assert len(cluster.nodes) == len(cluster.members()) == 6


@pytest.mark.parametrize("turn", ["first", "second"])
def test_the_shared_cluster_is_empty_and_as_it_was(cluster, turn):
    assert [node.call("DBSIZE") for node in cluster.nodes] == [0] * 6
    assert [cluster.owner_of(slot) for slot in (0, 6000, 12000)] == cluster.nodes[:3]
    cluster.owner_of(turn).call("SET", turn, 1)
    cluster.kill(cluster.node(0))


def test_passwords_users_and_names(make_cluster):
    cluster = make_cluster(
        masters=2, replicas=1, password="secret", users={"alice": "on >wonder ~* &* +@all"}, hostname="localhost"
    )
    with pytest.raises(ReplyError, match=r"^NOAUTH"):
        request(cluster.addresses[0], ("CLUSTER", "SLOTS"))
    assert request(cluster.addresses[0], ("AUTH", "alice", "wonder"), ("SET", key_in(1), 1)) == b"OK"
    assert {entry[2][0] for entry in cluster.node(0).call("CLUSTER", "SLOTS")} == {b"localhost"}
    cluster.move_slots([1], cluster.node(1))
    assert cluster.node(1).call("GET", key_in(1)) == b"1"


def test_nodes_speak_tls_where_the_server_was_built_with_it(make_cluster, certificates):
    for kind in CLUSTER_KINDS:
        if kind.binary() is None or not speaks_tls(kind.binary()):
            continue
        cluster = make_cluster(masters=2, replicas=1, binary=kind.binary(), certificates=certificates)
        context = ssl.create_default_context(cadata=certificates.authority.decode())
        with (
            socket.create_connection(cluster.tls_addresses[0]) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            secure.sendall(b"CLUSTER SLOTS\r\n")
            told = secure.recv(10000)
            assert all(b":%d\r\n" % port in told for _, port in cluster.tls_addresses)
        cluster.move_slots([0], cluster.node(1))
        cluster.wait_until_ok()
        return
    pytest.skip("no server here was built with TLS")


def test_clients_are_told_a_proxys_port(make_cluster):
    cluster = make_cluster(masters=2)
    if "cluster-announce-client-port" not in map(bytes.decode, cluster.node(1).call("CONFIG", "GET", "cluster-*")):
        pytest.skip("from Valkey 9.1 on")
    cluster.node(1).announce(4321)
    wait_until(lambda: slots_told(cluster.node(0))[1][2] == ("127.0.0.1", 4321), "the other node knows")
    with pytest.raises(ReplyError, match=r"^MOVED 16383 127.0.0.1:4321$"):
        cluster.node(0).call("GET", key_in(16383))
    copy = cluster.add_node(replica_of=cluster.node(1))  # the nodes go on at the real ports
    assert cluster.replicas_of(cluster.node(1)) == [copy]


def test_two_clusters_stay_apart_and_start_quickly(make_cluster):
    start = time.monotonic()
    first, second = make_cluster(masters=3), make_cluster(masters=3)
    assert time.monotonic() - start < 20  # about 2.2 seconds each where nothing else runs
    ports = [port for node in first.nodes + second.nodes for port in (node.port, node.bus_port)]
    assert len(set(ports)) == 12
    first.kill(first.node(0))
    third = make_cluster(masters=1)
    assert not {third.node(0).port, third.node(0).bus_port} & set(ports)
    assert len(second.members()) == 3
    assert len(third.members()) == 1


def test_stop_ends_all_nodes_also_paused_and_killed_ones(make_cluster):
    cluster = make_cluster(masters=3)
    cluster.kill(cluster.node(0))
    cluster.pause(cluster.node(1))
    processes = [node.pid for node in cluster.nodes[1:]]
    folders = [node.folder for node in cluster.nodes]
    cluster.stop()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    assert not any(folder.exists() for folder in folders)


def test_a_reserved_port_is_for_one_server_only():
    with reserve_port() as holder, socket.socket() as server:
        address = holder.getsockname()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(address)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
        server.listen()
        socket.create_connection(address).close()
