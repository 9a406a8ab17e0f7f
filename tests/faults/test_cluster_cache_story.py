"""Cached readers of a cluster in a storm: no read gives less than the program knows already.

The same seed is the same story. A read that begins gives what the program's own last write has made, or something
later, and never something older than a read that has ended before.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest
from testbed.extent import extent
from testbed.scripted_cluster import Network, ScriptedCluster, Storm
from testbed.scripted_cluster.session import NodeSession
from testbed.slots import key_in
from twisted.python.failure import Failure

import txredis_fast
import txredis_fast as redis

pytestmark = pytest.mark.once

READS = int(os.environ.get("TXREDIS_FAST_CACHE_READS", extent(8_000, 4_000)))
SEEDS = range(1, extent(3, 1) + 1)
SLOTS = [5, 700, 5461, 9000, 12345, 16383]
KEYS = [key_in(slot, name) for slot in SLOTS for name in ("a", "b", "c")]
#: At most so many operations wait at a time.
USERS = 60


class Story:
    """A cluster, a storm, a handler with a cache and its users.

    :ivar ended: how often reads and writes ended how.
    """

    def __init__(self, seed, monkeypatch, **options):
        self.chance = random.Random(seed)
        self.network = Network()
        monkeypatch.setattr(txredis_fast, "reactor", self.network, raising=False)
        self.cluster = ScriptedCluster(self.network, masters=3, replicas=1)
        self.storm = Storm(self.cluster, self.chance, SLOTS)
        self.ended = Counter()
        self.number = self.waiting = 0
        #: Of each key, the place of each value in the order in which it had them, of nil the last one; and the least
        #: that a read may give.
        self.places = {key: {None: 0} for key in KEYS}
        self.floor = dict.fromkeys(KEYS, 0)
        self.changes = Counter()
        monkeypatch.setattr(NodeSession, "send", self.slow(NodeSession.send))
        put = self.cluster.truth.put

        def noting(key, value):
            self.changes[key] += 1
            self.places[key.decode()][value and value.decode()] = self.changes[key]
            put(key, value)

        self.cluster.truth.put = noting
        self.rc = redis.lazyClusterConnection(
            self.cluster.addresses[:3],
            cache=redis.ClientCache(health_interval=1, max_bytes=self.chance.choice((4_000, 1 << 20))),
            replyTimeout=1,
            connectTimeout=1,
            poolTimeout=5,
            convertNumbers=False,
            **options,
        )

    def slow(self, send):
        """What tracked connections send comes late, in its order: so a program may know more than these have told."""
        held = {}

        def flush(session):
            send(session, b"".join(held.pop(session)))

        def slowly(session, data):
            if session.protocol != 3 or session._out is not None:
                send(session, data)
            elif session in held:
                held[session].append(data)
            else:
                held[session] = [data]
                self.network.callLater(self.chance.choice((0, 0.002, 0.02)), flush, session)

        return slowly

    def follow(self, kind, deferred, check):
        self.waiting += 1

        def done(result):
            self.waiting -= 1
            if isinstance(result, Failure):
                result.trap(redis.RedisError)
                self.ended[f"{kind} failed"] += 1
            else:
                self.ended[kind] += 1
                check(result)

        deferred.addBoth(done).addErrback(self.found.append)

    def read(self):
        several = self.chance.random() < 0.3
        keys = self.chance.sample(KEYS, 3) if several else [self.chance.choice(KEYS)]
        view = self.rc.cached(self.chance.choice((0, 0.5, 600)))
        floors = {key: self.floor[key] for key in keys}

        def check(values):
            for key, value in zip(keys, values, strict=True):
                place = self.places[key][value]
                assert place >= floors[key], f"{key}: {value!r} is value {place}, and {floors[key]} was known"
                self.floor[key] = max(self.floor[key], place)

        if several:
            self.follow("read", view.mget(keys), check)
        else:
            self.follow("read", view.get(keys[0]), lambda value: check([value]))

    def write(self):
        self.number += 1
        key, value = self.chance.choice(KEYS), f"v{self.number}"
        way = self.chance.randrange(7)
        rc = self.rc
        if way == 0:
            done = rc.set(key, value)
        elif way == 1:
            done = rc.batch([("GET", KEYS[0]), ("SET", key, value)])
        elif way == 2:
            done = rc.mset({key: value})
        elif way < 5:
            self.follow("write", rc.delete([key]), lambda _: None)
            return
        elif way == 5:
            done = rc.eval("script", [key], [value])
        else:
            done = rc.multi().addCallback(lambda multi: multi.set(key, value).addCallback(lambda _: multi.commit()))

        def check(_):
            self.floor[key] = max(self.floor[key], self.places[key][value])

        self.follow("write", done, check)

    def write_elsewhere(self):
        self.number += 1
        key = self.chance.choice(KEYS)
        if self.cluster.owners[redis.key_slot(key)] is not None:
            self.cluster.put(key.encode(), b"v%d" % self.number)

    def run(self, reads):
        self.found = []
        while self.ended["read"] < reads and not self.found:
            for _ in range(self.chance.randrange(20)):
                if self.waiting < USERS:
                    self.chance.choice((self.read, self.read, self.read, self.read, self.write, self.write_elsewhere))()
            if self.chance.random() < 0.05:
                self.storm.step(self.chance.random() < 0.15)
            if self.chance.random() < 0.002:
                sessions = [each for node in self.cluster.nodes for each in node.sessions if each.protocol == 3]
                for session in sessions[:1]:
                    session.transport.abortConnection()
            self.network.advance(self.chance.choice((0, 0, 0, 0, 0.001, 0.01, 0.05)))
        self.storm.mend()
        for _ in range(300):
            self.network.advance(0.1)
            self.network.settle()
        assert not self.found, self.found[0].getErrorMessage()
        assert not self.waiting
        stats = self.rc.stats()
        assert self.rc.cached(600).max_age == 600 and stats.cache.fetching == 0
        closing = self.rc.disconnect(timeout=0.01)
        self.network.settle()
        self.network.advance(2)
        self.network.settle()
        assert closing.called and not self.network.links
        return stats


@pytest.mark.parametrize("readFrom", ["master", "replica"])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_cached_read_gives_less_than_what_is_known(monkeypatch, seed, readFrom):
    story = Story(seed, monkeypatch, readFrom=readFrom)
    stats = story.run(READS)
    assert story.ended["write"] > READS / 20, story.ended
    assert stats.cache.hits > READS / 20, (stats, story.ended)
    assert stats.moved > 5
