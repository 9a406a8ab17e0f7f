"""CLUSTER SLOTS: what a client makes of the replies of real servers, and which replies it refuses."""

from __future__ import annotations

import pytest

from txredis_fast.cluster.topology.slots_reply import SLOTS, AddressMap, name_of, read_slots
from txredis_fast.exceptions import InvalidResponse
from txredis_fast.resp import Reader

ASKED = ("seed.example", 7000)
A, B, C = ("10.0.0.1", 6379), ("10.0.0.2", 6379), ("10.0.0.3", 6380)
IDS = {A: "a" * 40, B: "b" * 40, C: "c" * 40}


def node(address, *metadata, **named):
    return [*address, IDS.get(address, "d" * 40), {**named} if named else list(metadata)]


def parsed(raw, charset=None):
    """A reply as a connection gives it, from the bytes that a server sent."""
    reader = Reader(charset, convert_numbers=False)
    reader.feed(raw)
    return reader.get()


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text), text.encode())


def entry(first, last, *nodes):
    return b"*%d\r\n:%d\r\n:%d\r\n" % (2 + len(nodes), first, last) + b"".join(nodes)


def sent(host, port, metadata, version, node_id="a" * 40):
    """A node as Valkey 9.1.2 and Redis 7.0.15 send it; host None: null."""
    null = b"$-1\r\n" if version == 2 else b"_\r\n"
    size = b"*%d\r\n" % (2 * len(metadata)) if version == 2 else b"%%%d\r\n" % len(metadata)
    pairs = b"".join(bulk(name) + bulk(value) for name, value in metadata.items())
    return b"*4\r\n" + (null if host is None else bulk(host)) + b":%d\r\n" % port + bulk(node_id) + size + pairs


#: Recorded from servers: how each was set up, what it sends as host and metadata, and (host, hostname, zone) for it.
RECORDED = [
    ("alone", "", {}, ("seed.example", None, None)),
    ("a host name announced", "", {"hostname": "a.example"}, ("seed.example", "a.example", None)),
    ("host names preferred", "a.example", {"ip": ""}, ("a.example", "a.example", None)),
    ("host names preferred, none announced, alone", "?", {"ip": ""}, ("seed.example", None, None)),
    ("host names preferred, none announced", "?", {"ip": "10.0.0.9"}, ("10.0.0.9", None, None)),
    ("endpoint unknown", None, {"ip": "10.0.0.9"}, ("seed.example", None, None)),
    (
        "endpoint unknown, a zone (Valkey)",
        None,
        {"ip": "10.0.0.9", "hostname": "a.example", "availability-zone": "eu-1a"},
        ("seed.example", "a.example", "eu-1a"),
    ),
    ("a zone (Valkey)", "10.0.0.1", {"availability-zone": "eu-1a"}, ("10.0.0.1", None, "eu-1a")),
    ("no zone (Valkey)", "10.0.0.1", {"availability-zone": ""}, ("10.0.0.1", None, None)),
    ("IPv6", "2001:db8::1", {}, ("2001:db8::1", None, None)),
    ("IPv6 in brackets", "[2001:db8::1]", {}, ("2001:db8::1", None, None)),
    ("only a host name is known", "?", {"hostname": "a.example"}, ("a.example", "a.example", None)),
    ("endpoint unknown, a host name", None, {"hostname": "a.example"}, ("seed.example", "a.example", None)),
]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("charset", [None, "utf-8"])
@pytest.mark.parametrize(("host", "metadata", "wanted"), [pytest.param(*row[1:], id=row[0]) for row in RECORDED])
def test_replies_of_servers(version, charset, host, metadata, wanted):
    raw = b"*2\r\n" + b"".join(entry(*ends, sent(host, 6379, metadata, version)) for ends in ((0, 100), (300, 400)))
    view = read_slots(parsed(raw, charset), ASKED)
    ((address, facts),) = view.nodes.items()
    assert (facts.host, facts.hostname, facts.zone) == wanted
    assert address == (facts.host, facts.port) == (wanted[0], 6379)
    assert (facts.id, facts.role, view.served) == ("a" * 40, "master", 202)
    assert view.slots_of(address) == [(0, 100), (300, 400)]
    assert all(type(each) is str for each in (facts.host, facts.id, facts.role))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("host", "metadata"),
    [("?", {}), ("?", {"ip": "?"}), ("?", {"hostname": ""}), ("?", {"hostname": "?"})],
)
def test_a_node_that_tells_no_address_is_left_out(version, host, metadata):
    raw = b"*2\r\n" + entry(0, 9, sent(host, 6379, metadata, version), sent("10.0.0.2", 6379, {}, version, "b" * 40))
    raw += entry(10, 19, sent("10.0.0.3", 6379, {}, version, "c" * 40), sent(host, 6380, metadata, version))
    view = read_slots(parsed(raw), ASKED)
    assert set(view.nodes) == {("10.0.0.2", 6379), ("10.0.0.3", 6379)}
    assert view.owners[:10] == [None] * 10 and view.served == 10
    assert view.replicas == {}


def test_masters_replicas_and_several_ranges():
    reply = [
        [0, 99, node(A), node(C), node(B)],
        [200, 299, node(B, "availability-zone", "z"), node(C)],
        [100, 149, node(A), node(C)],
        [16383, 16383, node(A), node(C)],
    ]
    view = read_slots(reply, ASKED)
    assert view.slots_of(A) == [(0, 149), (16383, 16383)]
    assert view.slots_of(B) == [(200, 299)]
    assert view.slots_of(C) == view.slots_of(("nobody", 1)) == []
    assert view.replicas == {A: (B, C), B: (C,)}
    assert {address: facts.role for address, facts in view.nodes.items()} == {A: "master", B: "master", C: "replica"}
    assert len(view.owners) == SLOTS and view.served == 251 == sum(owner is not None for owner in view.owners)
    assert [view.owners[slot] for slot in (0, 149, 150, 199, 200, 299, 300, 16382, 16383)] == [
        *(A, A, None, None, B, B, None, None, A)
    ]


def test_the_same_in_another_order_is_the_same_and_a_difference_is_none():
    one = read_slots([[0, 5, node(A), node(B), node(C)], [6, 9, node(A), node(B)]], ASKED)
    assert one.is_same_as(read_slots([[6, 9, node(A), node(C)], [0, 5, node(A), node(B)]], ASKED))
    for other in (
        [[0, 9, node(A), node(B)]],
        [[0, 8, node(A), node(B), node(C)]],
        [[0, 9, node(B), node(A), node(C)]],
        [[0, 9, node(A), node(B), node(C, **{"availability-zone": "z"})]],
    ):
        assert not one.is_same_as(read_slots(other, ASKED))


@pytest.mark.parametrize("reply", [[], [[0, 16383, ["10.0.0.1", 6379]]], [[0, 0, [b"10.0.0.1", b"6379", b"x"]]]])
def test_old_and_empty_replies(reply):
    view = read_slots(reply, ASKED)
    assert view.served == (0 if not reply else reply[0][1] + 1)
    assert all(address == A for address in view.nodes)


def test_a_node_without_a_port_of_this_kind_is_left_out():
    assert read_slots([[0, 9, node(("10.0.0.1", 0)), node(B)]], ASKED).nodes.keys() == {B}


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (None, "no list of slot ranges: None"),
        (b"OK", "no list of slot ranges: b'OK'"),
        ({}, "no list of slot ranges"),
        ([0, 16383, node(A)], "no list of first slot"),
        ([[0, 16383]], "no list of first slot"),
        ([[0, "x", node(A)]], "no number from 0 to 16383: 'x'"),
        ([[True, 1, node(A)]], "no number from 0 to 16383: True"),
        ([[-1, 1, node(A)]], "no number from 0 to 16383: -1"),
        ([[0, 16384, node(A)]], "no number from 0 to 16383: 16384"),
        ([[0, "9" * 5000, node(A)]], "no number from 0 to 16383"),
        ([[5, 4, node(A)]], "from slot 5 to 4"),
        ([[0, 5, node(A)], [5, 9, node(B)]], "two entries have slot 5"),
        ([[0, 5, ["?", 1, "x"]], [3, 3, node(B)]], "two entries have slot 3"),
        ([[0, 5, "10.0.0.1:6379"]], "a node is no list of host and port: '10.0.0.1:6379'"),
        ([[0, 5, ["10.0.0.1"]]], "a node is no list"),
        ([[0, 5, [["10.0.0.1"], 6379, "x", []]]], "a host is no text"),
        ([[0, 5, ["10.0.0.1", 6379, None, []]]], "the id of a node is no text: None"),
        ([[0, 5, ["10.0.0.1", 65536, "x", []]]], "a port is no number from 0 to 65535: 65536"),
        ([[0, 5, ["10.0.0.1", None, "x", []]]], "a port is no number"),
        ([[0, 5, ["10.0.0.1", -1, "x", []]]], "a port is no number"),
        ([[0, 5, ["10.0.0.1 ", 1, "x", []]]], "a host is no host name and no address"),
        ([[0, 5, ["\r\n", 1, "x", []]]], "a host is no host name and no address"),
        ([[0, 5, ["h" * 256, 1, "x", []]]], "a host is no host name and no address"),
        ([[0, 5, ["?", 1, "x", {"ip": "a\0b"}]]], "a host is no host name and no address"),
        ([[0, 5, ["10.0.0.1", 1, "x", ["ip"]]]], "no list of pairs"),
        ([[0, 5, ["10.0.0.1", 1, "x", 7]]], "neither map nor list"),
        ([[0, 5, ["10.0.0.1", 1, "x", {"ip": ["1"]}]]], "a value in the metadata is no text"),
        ([[0, 5, node(A)], ValueError("an error inside")], "no list of first slot"),
    ],
)
def test_a_reply_that_is_not_valid_is_refused_whole(reply, words):
    with pytest.raises(InvalidResponse) as caught:
        read_slots(reply, ASKED)
    assert str(caught.value).startswith("The reply to CLUSTER SLOTS is not valid: ")
    assert words in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "address_map",
    [{A: ("nat", 7001), ("nat", 7001): ("twice", 1)}, lambda address: ("nat", 7001) if address == A else address],
)
def test_addresses_are_mapped(address_map, logged_errors):
    view = read_slots([[0, 9, node(A), node(B)], [10, 19, node(B)]], ASKED, AddressMap(address_map))
    assert view.nodes.keys() == {("nat", 7001), B}
    assert view.owners[0] == ("nat", 7001) and view.replicas == {("nat", 7001): (B,)}
    assert view.nodes[("nat", 7001)][:3] == ("nat", 7001, IDS[A])


def test_two_nodes_behind_one_address_are_one_master():
    view = read_slots([[0, 9, node(A), node(B)], [10, 19, node(C)]], ASKED, lambda address: ("nat", 1))
    assert view.slots_of(("nat", 1)) == [(0, 19)] and view.replicas == {}
    assert view.nodes[("nat", 1)].role == "master"


class Unkind(dict):
    def get(self, key, default=None):
        raise KeyError(key)


@pytest.mark.parametrize(
    ("address_map", "kind"),
    [
        (lambda address: 1 / 0, ZeroDivisionError),
        (lambda address: None, ValueError),
        (lambda address: ("", 1), ValueError),
        (lambda address: ("nat", 0), ValueError),
        ({A: "nat:1"}, ValueError),
        (Unkind(), KeyError),
    ],
)
def test_a_map_that_fails_is_told_once_and_the_address_is_kept(address_map, kind, logged_errors):
    mapped = AddressMap(address_map)
    for _ in range(3):
        assert read_slots([[0, 9, node(A)]], ASKED, mapped).nodes.keys() == {A}
    (error,) = logged_errors.flush()
    assert isinstance(error, kind)


def test_names_of_addresses():
    assert [name_of(address) for address in (A, ("::1", 6379))] == ["10.0.0.1:6379", "[::1]:6379"]
