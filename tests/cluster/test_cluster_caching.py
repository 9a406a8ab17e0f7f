"""Cached reads of a cluster, over scripted nodes that track keys."""

from __future__ import annotations

import pytest
from testbed.scripted_cluster import Network, ScriptedCluster
from testbed.slots import key_in, slot_of
from testbed.support import failed, fired
from twisted.logger import globalLogPublisher

import txredis_fast
import txredis_fast as redis

#: A slot of each of three masters.
SLOTS = [5, 9000, 16000]
KEY, OTHER = key_in(5, "k"), key_in(9000, "k")
KEYS = [key_in(slot, name) for name in "abc" for slot in SLOTS]


class World:
    """A cluster of three masters with a replica each, and a handler with a cache."""

    def __init__(self, monkeypatch, cache=None, **options):
        self.network = Network()
        monkeypatch.setattr(txredis_fast, "reactor", self.network, raising=False)
        self.cluster = ScriptedCluster(self.network, masters=3, replicas=1)
        options = {"topologyInterval": 0, "healthCheckInterval": 0, **options}
        self.rc = redis.lazyClusterConnection(
            self.cluster.addresses[:3], cache=cache or redis.ClientCache(health_interval=3600), **options
        )
        self.settle()
        for node in self.rc.masters():
            node.ping()
        self.settle()

    def settle(self):
        self.network.settle()

    def result(self, deferred):
        self.settle()
        return fired(deferred)

    def get(self, key, ttl=60):
        return self.result(self.rc.cached(ttl).get(key))

    def refresh(self):
        refreshed = self.rc.refresh()
        self.network.advance(0.2)
        return self.result(refreshed)

    def peek(self, key):
        return self.rc.cached(60).peek("GET", key, default="nothing")

    def commands(self, name):
        """How many of a command each node has got."""
        return [node.commands.get(name, 0) for node in self.cluster.nodes]

    def links(self, node):
        """The tracked connections of a node."""
        return [session for session in node.sessions if session.protocol == 3]

    def at(self, node):
        """The client's node of a scripted one."""
        return self.rc.on(node.address)

    def close(self):
        closing = self.rc.disconnect(timeout=0.01)
        self.settle()
        self.network.advance(1)
        self.settle()
        assert closing.called and not self.network.links
        assert not self.network.getDelayedCalls()


@pytest.fixture
def make(monkeypatch):
    made = []

    def make(**options):
        made.append(World(monkeypatch, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def world(make):
    return make()


def test_a_read_is_answered_from_memory_until_the_owner_tells_of_a_change(world):
    for key in (KEY, OTHER):
        world.cluster.put(key.encode(), b"old")
        assert [world.get(key) for _ in range(3)] == ["old"] * 3
        world.cluster.put(key.encode(), b"new")
        world.settle()
        assert [world.get(key) for _ in range(3)] == ["new"] * 3
    assert world.commands(b"GET") == [2, 2, 0, 0, 0, 0]
    stats = world.rc.stats().cache
    assert (stats.hits, stats.misses, stats.entries, stats.link) == (8, 4, 2, "up")
    assert world.rc.cache.stats() == stats


def test_each_master_has_one_tracked_connection_that_never_says_readonly_and_replicas_have_none(make):
    world = make(readFrom="replica")
    world.cluster.put(KEY.encode(), b"1")
    for _ in range(4):
        world.result(world.rc.get(KEY))
    assert world.get(KEY) == 1
    assert [len(world.links(node)) for node in world.cluster.nodes] == [1, 1, 1, 0, 0, 0]
    assert [session.readonly for node in world.cluster.masters for session in world.links(node)] == [False] * 3
    assert any(session.readonly for node in world.cluster.nodes for session in node.sessions)
    assert world.commands(b"GET")[0] == 1  # the other reads went to the replica


def test_mget_reads_each_slot_at_its_owner_and_keeps_the_order(world):
    for number, key in enumerate(KEYS[:-1]):
        world.cluster.put(key.encode(), b"%d" % number)
    asked = [*reversed(KEYS), KEYS[0]]
    expected = [None, *reversed(range(8)), 0]
    assert world.get(KEYS[3]) == 3
    assert world.result(world.rc.cached(60).mget(asked)) == expected
    assert world.commands(b"MGET")[:3] == [1, 1, 1] and world.commands(b"GET")[:3] == [1, 0, 0]
    assert world.result(world.rc.cached(60).mget(asked)) == expected
    assert world.result(world.rc.cached(60).raw.mget(KEYS[:2])) == [b"0", b"1"]
    assert world.commands(b"MGET")[:3] == [2, 2, 1]
    assert world.result(world.rc.cached(60).exists(*KEYS)) == 8
    assert world.get(KEYS[5]) == 5 and world.commands(b"GET")[:3] == [1, 0, 0]  # of MGET


def test_when_mget_fires_get_has_each_of_its_values(world):
    for number, key in enumerate(KEYS):
        world.cluster.put(key.encode(), b"%d" % number)
    read = world.rc.cached(60).mget(KEYS).addCallback(lambda _: [world.peek(key) for key in KEYS])
    assert world.result(read) == list(range(9))


@pytest.mark.parametrize("readFrom", ["master", "replica"])
@pytest.mark.parametrize(
    "way", ["single", "by name", "batch", "pipeline", "transaction", "watch", "mset", "del", "script"]
)
def test_own_writes_are_read_afterwards_whichever_way_they_went(make, way, readFrom):
    world = make(readFrom=readFrom)
    rc = world.rc
    for node in world.cluster.masters:
        for link in world.links(node):
            link.invalidate = lambda key: None  # the invalidation comes too late, or never
    for number in range(3):
        for key in KEYS:
            world.get(key)
        value = f"{way}{number}"
        wanted = value
        if way == "single":
            done = rc.set(KEY, value)
        elif way == "by name":
            done = rc.execute_command(b"set", KEY, value)
        elif way == "batch":
            done = rc.batch([("SET", KEY, value), ("SET", OTHER, value)])
        elif way == "pipeline":
            pipe = world.result(rc.pipeline())
            pipe.set(KEY, value)
            pipe.set(OTHER, value)
            done = pipe.execute_pipeline()
        elif way == "transaction":
            multi = world.result(rc.multi())
            multi.set(KEY, value)
            done = multi.commit()
        elif way == "watch":
            multi = world.result(rc.multi(KEY))
            multi.set(KEY, value)
            done = multi.commit()
        elif way == "mset":
            done = rc.mset(dict.fromkeys((KEY, OTHER), value))
        elif way == "del":
            world.result(rc.set(KEY, 1))
            assert world.get(KEY) == 1
            done, wanted = rc.delete([KEY, OTHER]), None
        else:
            done = rc.eval("script", [KEY], [value])
        kept = done.addCallback(lambda _: [world.peek(KEY), rc.cached(60).get(KEY)])
        peeked, read = world.result(kept)
        assert peeked == "nothing" and world.result(read) == wanted


@pytest.mark.parametrize("way", ["moved", "topology"])
def test_what_is_kept_of_a_moved_slot_is_dropped_on_both_sides(world, way):
    cluster, rc = world.cluster, world.rc
    source, target = cluster.nodes[0], cluster.nodes[1]
    same = key_in(6, "other")  # another slot of the same node
    for key in (KEY, same, OTHER):
        cluster.put(key.encode(), b"old")
        assert world.get(key) == "old"
    absent = key_in(5, "absent")
    assert world.get(absent) is None
    cluster.move_slots([5], target)
    # The target has something of the slot before the client knows that it owns it.
    world.at(target).cached(60).get(absent)
    world.settle()
    assert world.at(target).cached(60).peek("GET", absent, default="nothing") is None
    assert world.peek(absent) is None  # nobody has told of it
    if way == "topology":
        assert world.refresh() is None
    else:
        assert world.result(rc.set(KEY, "new")) == "OK"
    for node in (source, target):
        assert world.at(node).cached(60).peek("GET", absent, default="nothing") == "nothing"
    assert world.at(source).cached(60).peek("GET", same) == "old"
    cluster.put(absent.encode(), b"there")
    assert world.get(absent) == "there"
    assert world.get(KEY) == ("new" if way == "moved" else "old")
    assert world.peek(KEY) == ("new" if way == "moved" else "old")
    assert world.at(target).cache.stats().entries == 3


def test_a_fetch_that_is_moved_is_followed_once_for_all_who_wait(world):
    cluster, view = world.cluster, world.rc.cached(60)
    cluster.put(KEY.encode(), b"7")
    cluster.move_slots([5], cluster.nodes[1])
    reading = [view.get(KEY), view.get(KEY), view.raw.get(KEY), view.mget([KEY, OTHER]), view.withTimeout(2).get(KEY)]
    world.settle()
    assert [fired(each) for each in reading] == [7, 7, b"7", [7, None], 7]
    assert world.commands(b"GET")[1] == 2  # converted, and raw
    assert world.rc.stats().moved > 0
    assert world.get(KEY) == 7 and world.peek(KEY) == 7


def test_a_followed_read_is_never_followed_by_an_older_value(world):
    """A fetch at the new owner was executed before the read that follows the MOVED, and its reply comes later."""
    cluster, view = world.cluster, world.rc.cached(60)
    cluster.put(KEY.encode(), b"old")
    cluster.move_slots([5], cluster.nodes[1])
    [link] = world.links(cluster.nodes[1])
    [pooled] = [session for session in cluster.nodes[1].sessions if session is not link]
    asked, answered = [], []
    receive, send = pooled.dataReceived, link.send
    pooled.dataReceived, link.send = asked.append, answered.append
    first = view.get(KEY)
    world.settle()
    second = view.get(KEY)
    world.settle()
    cluster.put(KEY.encode(), b"new")
    pooled.dataReceived = receive
    receive(b"".join(asked))
    assert world.result(first) == "new"
    third = view.get(KEY)
    world.settle()
    link.send = send
    send(b"".join(answered))
    assert world.result(second) == "old" and world.result(third) == "new"


def test_the_reply_to_an_ask_is_not_kept(world):
    cluster = world.cluster
    here, there = KEY, key_in(5, "there")
    for key in (here, there):
        cluster.put(key.encode(), b"1")
    cluster.begin_move(5, cluster.nodes[1])
    cluster.moves[5].moved.add(there.encode())
    assert [world.get(there) for _ in range(3)] == [1, 1, 1]
    assert world.peek(there) == "nothing" and world.rc.stats().asked == 3
    assert world.get(here) == 1 and world.peek(here) == 1  # it is still at its owner
    cluster.put(there.encode(), b"2")
    assert world.get(there) == 2
    assert world.result(world.rc.cached(60).mget([here, there])) == [1, 2]  # TRYAGAIN, but of one key each


def test_own_writes_where_a_slot_is_on_its_way_are_read_afterwards(world):
    cluster = world.cluster
    new = key_in(5, "new")
    assert world.get(new) is None
    cluster.begin_move(5, cluster.nodes[1])
    assert world.peek(new) is None
    assert world.result(world.rc.set(new, 1).addCallback(lambda _: world.rc.cached(60).get(new))) == 1
    cluster.finish_move(5)
    assert world.result(world.rc.set(new, 2).addCallback(lambda _: world.rc.cached(60).get(new))) == 2


def test_a_reply_of_an_absent_key_is_kept_for_the_health_interval_only(make):
    """A node tells of the keys that it hands over with a slot, not of those that do not exist."""
    world = make(cache=redis.ClientCache(health_interval=5))
    assert world.get(KEY) is None
    world.cluster.put(OTHER.encode(), b"1")
    assert world.get(OTHER) == 1
    world.cluster.move_slots([5], world.cluster.nodes[1])
    world.cluster.put(KEY.encode(), b"new")
    for _ in range(19):
        world.network.advance(0.25)
        world.settle()
    assert world.peek(KEY) is None
    for _ in range(2):
        world.network.advance(0.25)
        world.settle()
    assert world.peek(KEY) == "nothing" and world.peek(OTHER) == 1
    assert world.get(KEY) == "new"


def test_a_fail_over_drops_what_the_former_master_has_kept_and_its_link(world):
    cluster = world.cluster
    master, replica = cluster.nodes[0], cluster.nodes[3]
    cluster.put(KEY.encode(), b"old")
    assert world.get(KEY) == "old"
    cluster.failover(replica)
    world.refresh()
    assert not world.links(master) and len(world.links(replica)) == 0  # nobody needed a connection to it yet
    cluster.put(KEY.encode(), b"new")
    assert world.get(KEY) == "new" and world.get(KEY) == "new"
    assert len(world.links(replica)) == 1 and world.peek(KEY) == "new"
    cluster.failover(master)
    world.refresh()
    assert len(world.links(master)) == 1 and not world.links(replica)  # the pool is connected, so the link is made
    assert world.peek(KEY) == "nothing" and world.get(KEY) == "new" and world.peek(KEY) == "new"


def test_a_node_that_leaves_takes_its_cache_along(world):
    cluster = world.cluster
    cluster.put(KEY.encode(), b"1")
    assert world.get(KEY) == 1 and world.get(KEY) == 1
    node = world.at(cluster.nodes[0])
    slots = [slot for slot, owner in enumerate(cluster.owners) if owner is cluster.nodes[0]]
    cluster.move_slots(slots, cluster.nodes[1])
    cluster.nodes[3].master = cluster.nodes[1]
    cluster.changed()
    world.refresh()
    world.network.advance(2)
    world.settle()
    assert node not in world.rc.nodes() and not cluster.nodes[0].sessions
    assert node.cache.stats().entries == 0
    stats = world.rc.stats().cache
    assert (stats.hits, stats.misses, stats.link) == (1, 1, "up")
    assert world.get(KEY) == 1 and world.peek(KEY) == 1


@pytest.mark.parametrize("while_down", ["read", "fail"])
def test_while_a_link_is_down_reads_go_through_the_cluster_and_nothing_is_kept(make, while_down):
    world = make(cache=redis.ClientCache(health_interval=3600, while_down=while_down), readFrom="replica")
    cluster = world.cluster
    cluster.put(KEY.encode(), b"1")
    assert world.get(KEY) == 1
    [link] = world.links(cluster.nodes[0])
    link.transport.abortConnection()
    world.settle()
    cluster.move_slots([5], cluster.nodes[1])
    cluster.nodes[1].freeze()
    link_at_target = world.links(cluster.nodes[1])[0]
    cluster.nodes[1].door.close(), cluster.nodes[0].door.close()
    link_at_target.transport.abortConnection()
    for session in world.links(cluster.nodes[0]):
        session.transport.abortConnection()
    world.settle()
    if while_down == "fail":
        failed(world.rc.cached(60).get(KEY), redis.NotSentError)
    else:
        assert world.get(KEY) == 1 and world.commands(b"GET")[1] == 1  # the master, and followed
        assert world.peek(KEY) == "nothing"
    assert world.commands(b"GET")[3:] == [0, 0, 0]
    for node in cluster.nodes[:2]:
        node.door.open()


@pytest.mark.parametrize(
    ("refusal", "state"),
    [(b"LOADING Redis is loading the dataset in memory", "down"), (b"NOPERM this user has no permissions", "off")],
)
def test_a_refusal_that_passes_by_itself_is_not_told_as_one_that_does_not(world, refusal, state):
    events = []
    globalLogPublisher.addObserver(events.append)
    node = world.cluster.nodes[0]
    node.refuse_next(refusal, b"CLIENT")
    [link] = world.links(node)
    link.transport.abortConnection()
    for _ in range(300):
        world.settle()
        if not node.has_plans:
            break
        world.network.advance(0.01)
    assert world.at(node).cache.link_state == state == world.rc.cache.stats().link
    for _ in range(500):
        world.settle()
        world.network.advance(0.1)
    globalLogPublisher.removeObserver(events.append)
    assert world.rc.cache.stats().link == "up"
    told = [event["redis_event"] for event in events if str(event.get("redis_event")).startswith("cache")]
    assert told == ([] if state == "down" else ["cache_off", "cache_on"])


def test_a_fetch_that_is_lost_is_read_again_if_the_policy_allows_it(make):
    for retry in (None, redis.RetryPolicy(read_only=True)):
        world = make(retry=retry)
        world.cluster.put(KEY.encode(), b"7")
        world.cluster.nodes[0].lose_connection(after=b"MGET")
        read = world.rc.cached(60).mget([KEY, OTHER, KEY])
        for _ in range(20):
            world.settle()
            world.network.advance(0.1)
        if retry is None:
            failed(read, redis.MaybeExecutedError)
        else:
            assert fired(read) == [7, None, 7]


def test_what_cannot_be_cached_fails_and_nothing_is_sent(world):
    view = world.rc.cached(60)
    before = [dict(node.commands) for node in world.cluster.nodes]
    for refused in (
        view.set(KEY, 1),
        view.mset({KEY: 1, OTHER: 2}),
        view.delete([KEY, OTHER]),
        view.ttl(KEY),
        view.dbsize(),
        view.eval("script", [KEY]),
        view.execute_command("GET"),
        view.batch([("GET", KEY)]),
    ):
        failed(refused, redis.RedisError)
    failed(view.sinter([KEY, OTHER]), redis.CrossSlotError)
    failed(view.execute_command("GET", KEY, what=1), TypeError)
    failed(view.execute_command("GET", KEY, blocking=True), redis.RedisError)
    world.settle()
    assert [dict(node.commands) for node in world.cluster.nodes] == before


def test_forget_clear_and_a_handler_without_a_cache(world, make):
    for key in KEYS:
        world.cluster.put(key.encode(), b"1")
        world.get(key)
    world.rc.cache.forget(KEYS[0], KEYS[1])
    assert [world.peek(key) for key in KEYS[:3]] == ["nothing", "nothing", 1]
    assert world.rc.cached(60) is world.rc.cached(60) and world.rc.cached().max_age == 60
    world.rc.cache.clear()
    assert world.rc.stats().cache.entries == 0
    assert "up, 0 entries" in repr(world.rc.cache) and "max_age=60" in repr(world.rc.cached(60).raw)
    for wrong in (-1, float("nan"), "1", True):
        with pytest.raises(ValueError, match="ttl"):
            world.rc.cached(wrong)
    other = redis.lazyClusterConnection(world.cluster.addresses)
    for use in (lambda: other.cached(60), lambda: other.cache):
        with pytest.raises(redis.RedisError, match="has no cache"):
            use()
    world.result(other.disconnect())
    assert slot_of(KEYS[0].encode()) == 5


def test_reads_before_the_topology_is_known_wait_for_it(monkeypatch):
    network = Network()
    monkeypatch.setattr(txredis_fast, "reactor", network, raising=False)
    cluster = ScriptedCluster(network, masters=3)
    cluster.put(KEY.encode(), b"1")
    rc = redis.lazyClusterConnection(cluster.addresses, cache=redis.ClientCache())
    reading = [rc.cached(60).get(KEY), rc.cached(60).mget([KEY, OTHER]), rc.cached(60).raw.get(KEY)]
    network.settle()
    assert [fired(each) for each in reading] == [1, [1, None], b"1"]
    rc.disconnect()
    network.settle()


def test_hooks_are_told_of_reads_that_the_server_is_asked_for(make):
    told = []

    class Hook:
        def command_started(self, info):
            told.append((info.name, info.slot))

            return info.name

        def command_ended(self, token, error):
            told.append((token, error))

    world = make(hooks=[Hook()])
    del told[:]
    world.cluster.put(KEY.encode(), b"1")
    assert [world.get(KEY) for _ in range(3)] == [1, 1, 1]
    assert told == [("GET", 5), ("GET", None)]


def test_another_database_is_another_cache(make):
    world = make()
    world.cluster.put(KEY.encode(), b"1")
    assert world.get(KEY) == 1
    world.result(world.rc.select(0))
    assert world.peek(KEY) == "nothing" and world.get(KEY) == 1
