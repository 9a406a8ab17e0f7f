# coding: utf-8
"""Records where txredisapi on Python 2 puts keys; made ring_placements.json, which test_sharding.py compares with.

To run it again (txredisapi 1.4.4 is the last version with Python 2 in its classifiers):

    python2.7 -m pip install txredisapi==1.4.4 'twisted<21'
    python2.7 record_placements.py > ring_placements.json
"""

from __future__ import print_function

import json
import sys
import zlib

import txredisapi

assert sys.version_info[0] == 2

RINGS = [
    (160, ["127.0.0.1:6379"]),
    (160, ["127.0.0.1:6379", "127.0.0.1:6380"]),
    (160, ["10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"]),
    (160, ["redis-%d.example.com:%d" % (n, 7000 + n) for n in range(5)]),
    (160, ["192.168.1.%d:6379" % n for n in range(1, 11)]),
    (160, ["/tmp/redis.sock", "/var/run/redis/redis.sock", "/tmp/r\xc3\xa9dis.sock"]),
    (160, ["127.0.0.1:6379", "[::1]:6379"]),
    # All their places on the ring are the same: the node that was added last has them.
    (160, ["127.0.0.1:6379", "127.0.0.1:6379", "127.0.0.1:6380"]),
    # Few places, so many keys lie beyond the last one.
    (1, ["127.0.0.1:6379", "127.0.0.1:6380", "127.0.0.1:6381"]),
    (7, ["a:1", "b:2", "c:3", "d:4"]),
]

KEYS = (
    ["", "0", "1", "foo", "bar", "a b", "a\nb", "a\r\nb{t}", "x" * 1000, "\x00", "%s", ":"]
    + [str(n) for n in range(100)]
    + ["user:%d" % n for n in range(100)]
    + ["session:%s" % (n * 7919 % 100003) for n in range(60)]
    + ["schl\u00fcssel:%d".encode("utf-8") % n for n in range(30)]
    + ["\u30ad\u30fc:%d".encode("utf-8") % n for n in range(30)]
    + ["\U0001f511:%d".encode("utf-8") % n for n in range(10)]
    + ["cart{user:%d}" % n for n in range(20)]
    + ["{user:%d}cart" % n for n in range(5)]
    + ["a{%d}b" % n for n in range(20)]
    + [
        "a{b}{c}",
        "a{b{c}d}e",
        "a{}",
        "a{}b",
        "{}",
        "{a}",
        "x{a",
        "x}a{",
        "x}a{b}",
        "{a}{b}",
        "{{a}}",
        "a{b}\nc",
        "a\n{b}",
        "x{a\nb}",
        "\n{a}",
        "\nx{a}",
        "\u00fc{\u00e9}".encode("utf-8"),
        "\u00fc{a}\u00e9".encode("utf-8"),
    ]
    + ["\xff\xfe", "\x80{tag}", "k{\xff}", "\xc3"]
)


class Factory(object):
    def __init__(self, uuid):
        self.uuid = uuid


class Node(object):
    def __init__(self, uuid, number):
        self._factory = Factory(uuid)
        self.number = number

    def get(self, key):
        return self.number


def last_place(replicas, uuids):
    return max(
        zlib.crc32(uuid.encode("utf-8") + ":%d" % n if isinstance(uuid, unicode) else uuid + ":%d" % n)
        for uuid in uuids
        for n in range(replicas)
    )


# So that each ring has keys that lie beyond its end.
beyond = []
for replicas, uuids in RINGS:
    end = last_place(replicas, uuids)
    beyond.append(next(key for key in ("edge:%d" % n for n in range(10**7)) if zlib.crc32(key) >= end))
# And keys that lie exactly on a place.
places = [uuids[0].encode("utf-8") + ":0" for replicas, uuids in RINGS if isinstance(uuids[0], str)]
keys = KEYS + sorted(set(beyond + places))

record = {"keys": [key.encode("hex") for key in keys], "rings": []}
for replicas, uuids in RINGS:
    nodes = [Node(uuid, number) for number, uuid in enumerate(uuids)]
    ring = txredisapi.HashRing(nodes, replicas)
    handler = txredisapi.ShardedConnectionHandler(nodes)
    handler._ring = ring
    record["rings"].append(
        {
            "replicas": replicas,
            "uuids": uuids,
            # The ring on its own, which knows nothing of tags, and its place for each key.
            "positions": [ring.get_node_pos(key)[1] for key in keys],
            "nodes": "".join(str(ring.get_node(key).number) for key in keys),
            # What a command does: the tag counts.
            "get": "".join(str(handler.get(key)) for key in keys),
            "places": [[place, node.number] for place, node in ring.iter_nodes(keys[0])][:5],
        }
    )
json.dump(record, sys.stdout, sort_keys=True, separators=(",", ":"))
print()
