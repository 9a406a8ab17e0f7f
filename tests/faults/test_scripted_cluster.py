"""Self-checks of the scripted cluster: it lets happen what it says, and its judge finds what is wrong."""

from __future__ import annotations

import os
import random

import pytest
import pytest_twisted
from testbed.extent import extent
from testbed.live import until
from testbed.scripted_cluster import Judge, Network, ScriptedCluster, Storm, Truth, listening_cluster, marked, number_in
from testbed.slots import key_in, slot_of
from twisted.internet.defer import Deferred

from faults.mini_cluster import Lost, MiniClient, Refused

pytestmark = pytest.mark.self_check

COMMANDS = int(os.environ.get("TXREDIS_FAST_MODEL_COMMANDS", extent(20_000, 5_000)))
SEED = int(os.environ.get("TXREDIS_FAST_MODEL_SEED", "1"))
SLOTS = [5, 700, 5461, 9000, 12345, 16383]
KEYS = [key_in(slot, name).encode() for slot in SLOTS for name in ("a", "b")]


class World:
    """A cluster in memory, a small client and its judge."""

    def __init__(self, seed=SEED, bugs=(), tries=12):
        self.network = Network()
        self.cluster = ScriptedCluster(self.network, masters=3, replicas=1)
        self.judge = Judge(self.cluster.truth, maybe=(Lost,), refused=(Refused,))
        self.client = MiniClient(self.network, self.cluster.addresses, bugs, tries)
        self.chance = random.Random(seed)
        self.storm = Storm(self.cluster, self.chance, SLOTS)
        self.acts = (self.set, self.append, self.incr, self.get, self.mget, self.push, self.pop, self.script)

    def key(self, kind):
        return kind + self.chance.choice(KEYS)

    def set(self):
        key, number = self.key(b"s"), self.judge.number()
        sent = self.client.do("SET", key, marked(key, number))
        return self.judge.follow("SET", sent, [number], lambda reply: reply in ("OK", b"OK"))

    def append(self):
        key, number = self.key(b"a"), self.judge.number()
        sent = self.client.do("APPEND", key, marked(b";", number))
        return self.judge.follow("APPEND", sent, [number], lambda reply: reply > 0)

    def script(self):
        key, number = self.key(b"s"), self.judge.number()
        sent = self.client.do("EVAL", "script", 1, key, marked(b"", number), place=3)
        return self.judge.follow("EVAL", sent, [number], lambda reply: reply == [marked(b"", number)])

    def incr(self):
        key = self.key(b"i")
        return self.judge.follow_count("INCR", self.client.do("INCR", key), key)

    def get(self):
        key = self.key(b"s")
        return self.judge.follow_read("GET", self.client.do("GET", key), key)

    def mget(self):
        key = self.chance.choice(KEYS)
        keys = [b"s" + key[: key.index(b"}") + 1] + name for name in (b"a", b"b")]
        return self.judge.follow_read("MGET", self.client.do("MGET", *keys), *keys)

    def push(self):
        key, number = self.key(b"l"), self.judge.number()
        return self.judge.follow_push("RPUSH", self.client.do("RPUSH", key, marked(b"e", number)), number)

    def pop(self):
        key = self.key(b"l")
        return self.judge.follow_pop("BLPOP", self.client.do("BLPOP", key, 0.3), key)

    def run(self, commands, rough=True, storms=True):
        """So many commands at least, in a storm that ends."""
        network, judge = self.network, self.judge
        while sum(judge.ended.values()) < commands:
            for _ in range(min(20, 200 - len(judge.pending))):
                self.chance.choice(self.acts)()
            if storms and self.chance.random() < 0.3:
                self.storm.step(rough)
            network.advance(self.chance.choice((0, 0, 0, 0.01, 0.01, 0.2)))
        self.storm.mend()
        for _ in range(600):
            if not judge.pending:
                break
            network.advance(0.1)
            network.settle()
            for node in self.cluster.nodes:
                if rough and not judge.pending:
                    node.lose_connections()
        for node in self.cluster.nodes:
            node.lose_connections()
        network.settle()
        judge.end()
        assert not network.links
        assert not [session for node in self.cluster.nodes for session in node.sessions]
        return self


def test_a_storm_that_a_right_client_survives():
    world = World().run(COMMANDS)
    assert len(world.storm.told) > 20, world.storm.told
    assert all(world.judge.ended[end] > COMMANDS / 1000 for end in ("done", "maybe"))
    assert world.judge.ended["done"] > COMMANDS / 2
    assert world.cluster.truth.executed > world.judge.ended["done"] * 0.9


def test_changes_of_the_topology_alone_cost_no_error():
    world = World(tries=1000).run(5000, rough=False)
    assert world.judge.ended == {"done": sum(world.judge.ended.values())}
    assert world.storm.told["finish_move"] >= 3


def test_the_same_seed_tells_the_same_story():
    first, second, other = World(7).run(2000), World(7).run(2000), World(8).run(2000)
    assert first.cluster.truth.executions == second.cluster.truth.executions
    assert first.storm.told == second.storm.told
    assert first.judge.ended == second.judge.ended
    assert first.cluster.truth.executions != other.cluster.truth.executions


@pytest.mark.parametrize(
    ("bug", "told"),
    [
        ("again", "executed 2 times"),
        ("other", "the reply may not be"),
        ("refused", "told as refused"),
        ("done", "told as done"),
    ],
)
def test_a_wrong_client_is_found(bug, told):
    with pytest.raises(AssertionError, match=told):
        World(bugs=(bug,)).run(20_000)


# -- the judge


@pytest.fixture
def judged():
    truth = Truth()
    return truth, Judge(truth, maybe=(Lost,), refused=(Refused,))


def ends_with(judge, text):
    with pytest.raises(AssertionError, match=text):
        judge.end()


def test_numbers_are_at_the_end_of_values():
    assert marked("a#7", 12) == b"a#7#12"
    assert number_in(b"a#7#12") == number_in("#12") == 12
    assert number_in(b"#12 ") is number_in(b"") is None


def test_nothing_is_wrong_when_all_is_right(judged):
    truth, judge = judged
    done: Deferred = Deferred()
    judge.follow("SET", done, [1])
    truth.note(marked("a", 1))
    done.callback("OK")
    judge.end()


def test_what_never_ends_is_found(judged):
    judged[1].follow("SET", Deferred(), [1])
    ends_with(judged[1], "never answered: SET")


def test_what_was_executed_later_than_it_was_refused_is_found(judged):
    truth, judge = judged
    done: Deferred = Deferred()
    judge.follow("SET", done, [1])
    done.errback(Refused())
    assert not judge.wrongs
    truth.note(marked("a", 1))
    ends_with(judge, "executed after it was told as refused: #1")


def test_an_unknown_error_is_found(judged):
    done: Deferred = Deferred()
    judged[1].follow("SET", done)
    done.errback(KeyError("why"))
    ends_with(judged[1], "KeyError")


def test_a_count_that_was_lost_is_found(judged):
    truth, judge = judged
    for reply in (1, 2, Lost()):
        done: Deferred = Deferred()
        judge.follow_count("INCR", done, b"k")
        (done.errback if isinstance(reply, Lost) else done.callback)(reply)
    truth.counted[b"k"] = 4
    ends_with(judge, "counted 4 times, told 2 times, perhaps 1 more")


def test_the_same_count_twice_is_found(judged):
    judge = judged[1]
    for _ in range(2):
        done: Deferred = Deferred()
        judge.follow_count("INCR", done, b"k")
        done.callback(1)
    ends_with(judge, "the reply may not be: 1")


def test_a_lost_element_is_found(judged):
    truth, judge = judged
    done: Deferred = Deferred()
    judge.follow_push("RPUSH", done, 1)
    truth.note(marked("e", 1))
    done.callback(1)
    ends_with(judge, "lost: pushed and neither there nor taken out: #1")


def test_an_element_that_nobody_was_told_of_is_found(judged):
    truth, judge = judged
    truth.note_popped(marked("e", 1))
    ends_with(judge, "1 elements got lost on their way, 0 may")


def test_a_value_of_before_and_of_another_key_is_found():
    truth = Truth()
    truth.put(b"a", b"1")
    truth.put(b"b", b"2")
    since = truth.moment
    assert truth.had(b"a", b"1", since)
    assert not truth.had(b"a", b"2", since)
    assert not truth.had(b"a", None, since)
    truth.put(b"a", b"3")
    assert truth.had(b"a", b"1", since)
    assert truth.had(b"a", b"3", since)
    assert not truth.had(b"a", b"1", truth.moment)
    assert truth.had(b"a", None, 0)
    assert not truth.had(b"never", b"1", 0)
    assert truth.had(b"never", None, 0)


# -- what the test lets happen


def outcome(deferred):
    found: list = []
    deferred.addBoth(found.append)
    return found


@pytest.fixture
def world():
    return World()


KEY = KEYS[0]


def ask(world, *args, **options):
    """Send a command, and let everything come to its end; what it ended with."""
    found = outcome(world.client.do(*args, **options))
    world.network.settle()
    return getattr(found[0], "value", found[0]) if found else None


def test_a_connection_is_lost_before_or_after_a_command_is_executed(world):
    node = world.cluster.owner_of(KEY)
    node.lose_connection(before=b"INCR")
    assert ask(world, "SET", KEY, 5) == "OK"
    assert isinstance(ask(world, "INCR", KEY), Lost)
    assert ask(world, "GET", KEY) == b"5"
    node.lose_connection(after=b"INCR", skip=1)
    assert ask(world, "INCR", KEY) == 6
    assert isinstance(ask(world, "INCR", KEY), Lost)
    assert ask(world, "INCR", KEY) == 8
    assert node.accepted == 3


def test_a_command_is_refused_and_not_executed(world):
    world.cluster.owner_of(KEY).refuse_next(b"ERR no", b"INCR")
    assert ask(world, "SET", KEY, 5) == "OK"
    assert str(ask(world, "INCR", KEY)) == "ERR no"
    assert ask(world, "INCR", KEY) == 6


def test_a_paused_node_executes_when_it_is_resumed(world):
    node = world.cluster.owner_of(KEY)
    ask(world, "SET", KEY, 1)
    node.pause()
    found = outcome(world.client.do("INCR", KEY))
    world.network.advance(100)
    assert not found
    node.resume()
    world.network.settle()
    assert found == [2]


def test_a_paused_master_that_was_replaced_refuses_when_it_is_resumed(world):
    node = world.cluster.owner_of(KEY)
    ask(world, "SET", KEY, 1)
    node.pause()
    found = outcome(world.client.do("INCR", KEY))
    popping = outcome(world.client.do("BLPOP", KEY, 0))
    (replica,) = world.cluster.replicas_of(node)
    world.cluster.failover(replica)
    world.network.settle()
    assert not found
    node.resume()
    world.network.settle()
    assert found == [2]
    assert str(popping[0].value).startswith("WRONGTYPE")
    assert world.client.owners[slot_of(KEY)] == replica.address


def test_a_dead_node_refuses_connections_and_an_unreachable_one_does_not_answer(world):
    node = world.cluster.owner_of(KEY)
    ask(world, "SET", KEY, 1)
    node.kill()
    world.network.settle()
    assert not node.sessions
    found = outcome(world.client.do("INCR", KEY))
    world.network.settle()
    assert not found
    node.restart()
    node.unreachable = True
    world.network.advance(0.1)
    world.network.settle()
    assert not found
    node.unreachable = False
    for _ in range(20):
        world.network.advance(0.2)
    assert found == [2]


def test_a_frozen_node_tells_an_older_topology_and_is_right_about_its_own(world):
    cluster = world.cluster
    owner, to, third = cluster.masters
    owner.freeze()
    third.freeze()
    before = third.slots_reply(2)
    cluster.move_slots([SLOTS[0]], to)
    assert third.slots_reply(2) == owner.slots_reply(2) == before != to.slots_reply(2)
    assert third.believed_owner(SLOTS[0]) is owner
    assert owner.believed_owner(SLOTS[0]) is to
    third.thaw()
    assert third.slots_reply(2) == to.slots_reply(2)


@pytest.mark.parametrize("size", [1, 3])
def test_answers_come_in_slices(world, size):
    node = world.cluster.owner_of(KEY)
    assert ask(world, "SET", KEY, "value") == "OK"
    node.slices = size
    link = world.network.links[-1]
    pieces = []
    receive, link.down._write = link.down._write, lambda data: (pieces.append(data), receive(data))
    assert ask(world, "GET", KEY) == b"value"
    assert b"".join(pieces) == b"$5\r\nvalue\r\n"
    assert max(map(len, pieces)) == size


def test_passwords_and_new_addresses(world):
    cluster = world.cluster
    cluster.password = b"secret"
    assert str(ask(world, "GET", KEY)) == "NOAUTH Authentication required."
    cluster.password = None
    former = cluster.addresses
    cluster.move_to_other_addresses()
    assert not set(former) & set(cluster.addresses)
    world.network.settle()
    world.client.seeds, world.client.owners = cluster.addresses, {}
    assert ask(world, "SET", KEY, 1) == "OK"


@pytest_twisted.ensureDeferred
async def test_the_same_over_sockets():
    from twisted.internet import reactor

    async with listening_cluster(masters=2, replicas=1) as cluster:
        client = MiniClient(reactor, cluster.addresses)
        assert await client.do("SET", KEY, 1) == "OK"
        cluster.move_slots([slot_of(KEY)], cluster.masters[1])
        assert await client.do("INCR", KEY) == 2
        node = cluster.owner_of(KEY)
        node.kill()
        (replica,) = cluster.replicas_of(node)
        cluster.failover(replica)
        await until(lambda: (node.address, False) not in client.connections, "the connection is lost")
        assert await client.do("INCR", KEY) == 3
        node.restart()
        assert node.accepts
    await until(lambda: not client.connections, "all connections are lost")
