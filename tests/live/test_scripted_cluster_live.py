"""The scripted nodes answer as real ones do: the same commands, in the same states, to both."""

from __future__ import annotations

import re

import pytest
from testbed.client import Connection, ReplyError
from testbed.scripted_cluster import Network, ScriptedCluster
from testbed.scripted_cluster.commands import COMMANDS
from testbed.scripted_cluster.places import WHILE_LOADING
from testbed.slots import key_in, slot_of
from testbed.wire import command
from twisted.internet.protocol import Factory, Protocol

pytestmark = pytest.mark.self_check

SLOT = 7
KEYS = [key_in(SLOT, number) for number in range(6)]
OTHER = key_in(16000, "other")


class Real:
    """A connection to a real node."""

    def __init__(self, cluster, node):
        self.cluster = cluster
        self._connection = Connection(node.address)

    def ask(self, *commands):
        return [self._one(args) for args in commands]

    def _one(self, args):
        try:
            return self._connection.call(*args)
        except ReplyError as error:
            return str(error)

    def late(self):
        try:
            return self._connection._read()
        except ReplyError as error:
            return str(error)

    def send(self, *args):
        self._connection._socket.sendall(command(*args))

    def close(self):
        self._connection.close()


class Scripted:
    """The same to a scripted node."""

    def __init__(self, cluster, node):
        self.cluster = cluster
        self.network = cluster.network
        self.received = b""
        self._protocol = Protocol()
        self._protocol.dataReceived = self._take
        factory = Factory.forProtocol(lambda: self._protocol)
        factory.noisy = False
        factory.startedConnecting = factory.clientConnectionLost = lambda *_: None
        self.network.connectTCP(*node.address, factory)
        self.network.settle()

    def _take(self, data):
        self.received += data

    def ask(self, *commands):
        for args in commands:
            self.send(*args)
        return [self.late() for _ in commands]

    def send(self, *args):
        self._protocol.transport.write(command(*args))
        self.network.settle()

    def late(self):
        self.network.settle()
        if not self.received:
            self.network.advance(0.1)
            self.network.settle()
        reply, self.received = read(self.received)
        return reply

    def close(self):
        self._protocol.transport.loseConnection()
        self.network.settle()


def read(data):
    """The first reply in some bytes of RESP2, and the rest."""
    line, _, rest = data.partition(b"\r\n")
    kind, text = line[:1], line[1:]
    if kind == b"+":
        return text, rest
    if kind == b"-":
        return text.decode(), rest
    if kind == b":":
        return int(text), rest
    if kind == b"$":
        return (None, rest) if text == b"-1" else (rest[: int(text)], rest[int(text) + 2 :])
    assert kind == b"*", data
    if text == b"-1":
        return None, rest
    items = []
    for _ in range(int(text)):
        item, rest = read(rest)
        items.append(item)
    return items, rest


class Teller:
    """Tells a story on a cluster; what is answered is kept, with nodes instead of ports."""

    def __init__(self, kind, cluster):
        self.kind = kind
        self.cluster = cluster
        self.answers = []
        self.connections = []

    def open(self, number):
        connection = self.kind(self.cluster, self.cluster.nodes[number])
        self.connections.append(connection)
        return connection

    def ask(self, connection, *commands):
        self.keep(connection.ask(*commands))

    def keep(self, replies):
        self.answers.append([self.plain(reply) for reply in replies])

    def plain(self, reply):
        if isinstance(reply, str):
            ports = {node.port: node for node in self.cluster.nodes}
            text = re.sub(r"127\.0\.0\.1:(\d+)", lambda found: f"node {ports[int(found[1])].number}", reply)
            return text if text.startswith(("MOVED", "ASK")) else text.split(" ")[0]
        return reply

    def close(self):
        for connection in self.connections:
            connection.close()


def redirections(teller):
    first, second, third = (teller.open(number) for number in range(3))
    teller.ask(first, ("SET", KEYS[0], 1), ("GET", KEYS[0]), ("GET", OTHER), ("MGET", KEYS[0], KEYS[1]))
    teller.ask(second, ("GET", KEYS[0]), ("SET", KEYS[0], 2), ("ASKING",), ("GET", KEYS[0]), ("PING",))
    teller.ask(first, ("MGET", KEYS[0], OTHER), ("DEL", KEYS[0], OTHER), ("INCR", "a{x}"), ("CLUSTER", "KEYSLOT", "a"))
    teller.ask(third, ("SET", OTHER, 1), ("GETDEL", OTHER), ("SELECT", 0))
    teller.ask(first, ("GET",), ("NOTHING", "x"), ("INCR", KEYS[0]), ("LPUSH", KEYS[0], 1), ("EXISTS", *KEYS))


def a_moving_slot(teller):
    source, target, third = (teller.open(number) for number in range(3))
    cluster = teller.cluster
    teller.ask(source, ("SET", KEYS[0], 0), ("SET", KEYS[1], 1))
    cluster.begin_move(SLOT, cluster.nodes[1])
    teller.ask(source, ("GET", KEYS[0]), ("GET", KEYS[2]), ("MGET", KEYS[0], KEYS[1]), ("MGET", KEYS[0], KEYS[2]))
    teller.ask(source, ("MGET", KEYS[2], KEYS[3]), ("SET", KEYS[0], 5), ("SET", KEYS[2], 5), ("DEL", KEYS[0], KEYS[3]))
    teller.ask(target, ("GET", KEYS[2]), ("ASKING",), ("SET", KEYS[2], 2), ("GET", KEYS[2]))
    teller.ask(
        target, ("ASKING",), ("PING",), ("GET", KEYS[2]), ("ASKING",), ("GET", KEYS[2]), ("ASKING",), ("ASKING",)
    )
    teller.ask(target, ("GET", KEYS[2]), ("ASKING",), ("MGET", KEYS[2], KEYS[4]), ("ASKING",), ("MGET", KEYS[2]))
    teller.ask(third, ("GET", KEYS[2]), ("ASKING",), ("GET", KEYS[2]))
    teller.keep([cluster.migrate_keys(SLOT)])
    teller.ask(source, ("GET", KEYS[0]), ("MGET", KEYS[0], KEYS[1]))
    teller.ask(target, ("ASKING",), ("MGET", KEYS[0], KEYS[1]), ("ASKING",), ("GET", KEYS[0]), ("GET", KEYS[0]))
    cluster.finish_move(SLOT)
    teller.ask(source, ("GET", KEYS[0]))
    teller.ask(target, ("GET", KEYS[0]), ("ASKING",), ("MGET", KEYS[0], KEYS[2], KEYS[5]))


def transactions(teller):
    source, target = teller.open(0), teller.open(1)
    cluster = teller.cluster
    teller.ask(source, ("MULTI",), ("SET", KEYS[0], 1), ("INCR", KEYS[0]), ("EXEC",), ("EXEC",))
    teller.ask(source, ("MULTI",), ("SET", OTHER, 1), ("SET", KEYS[0], 7), ("EXEC",), ("GET", KEYS[0]))
    teller.ask(source, ("MULTI",), ("GET", KEYS[0]), ("DISCARD",), ("DISCARD",), ("MULTI",), ("NOTHING",), ("EXEC",))
    teller.ask(source, ("WATCH", KEYS[0]), ("SET", KEYS[0], 9), ("MULTI",), ("GET", KEYS[0]), ("EXEC",))
    teller.ask(source, ("WATCH", KEYS[0]), ("MULTI",), ("WATCH", KEYS[0]), ("GET", KEYS[0]), ("DISCARD",))
    teller.ask(source, ("WATCH", OTHER), ("WATCH", KEYS[0], OTHER), ("UNWATCH",))
    cluster.begin_move(SLOT, cluster.nodes[1])
    teller.ask(source, ("MULTI",), ("INCR", KEYS[0]), ("EXEC",), ("WATCH", KEYS[3]))
    teller.ask(target, ("ASKING",), ("MULTI",), ("SET", KEYS[2], 1), ("INCR", KEYS[2]), ("EXEC",), ("GET", KEYS[2]))
    teller.ask(target, ("MULTI",), ("INCR", KEYS[2]), ("EXEC",), ("ASKING",), ("WATCH", KEYS[2]), ("UNWATCH",))
    teller.ask(target, ("ASKING",), ("MULTI",), ("INCR", KEYS[2]), ("DISCARD",), ("GET", KEYS[2]))
    teller.ask(source, ("MULTI",), ("INCR", KEYS[0]))
    cluster.migrate_keys(SLOT)
    cluster.finish_move(SLOT)
    teller.ask(source, ("EXEC",), ("EXEC",), ("PING",))
    teller.ask(target, ("GET", KEYS[0]))


def an_absent_key_in_a_transaction(teller):
    source = teller.open(0)
    teller.cluster.begin_move(SLOT, teller.cluster.nodes[1])
    teller.ask(source, ("MULTI",), ("INCR", KEYS[0]), ("EXEC",), ("PING",))
    teller.cluster.finish_move(SLOT)


def waiting(teller):
    waits, works = teller.open(0), teller.open(0)
    teller.ask(works, ("RPUSH", KEYS[0], "a"), ("BLPOP", KEYS[0], 0), ("BLPOP", KEYS[0], 0.05), ("BLPOP", OTHER, 1))
    teller.ask(works, ("MULTI",), ("BLPOP", KEYS[0], 0), ("EXEC",))
    waits.send("BLPOP", KEYS[0], 0)
    teller.ask(works, ("RPUSH", KEYS[0], "b"), ("LLEN", KEYS[0]))
    teller.keep([waits.late()])
    waits.send("BLPOP", KEYS[0], 0)
    teller.cluster.begin_move(SLOT, teller.cluster.nodes[1])
    teller.cluster.finish_move(SLOT)
    teller.keep([waits.late(), *waits.ask(("PING",))])


def listening(teller):
    hears, works, other = teller.open(0), teller.open(0), teller.open(1)
    far = key_in(8, "far")
    teller.ask(hears, ("SSUBSCRIBE", KEYS[0]), ("SSUBSCRIBE", KEYS[0], far), ("SSUBSCRIBE", OTHER))
    teller.ask(works, ("SPUBLISH", KEYS[0], "one"), ("SPUBLISH", OTHER, "two"), ("SPUBLISH", far, "nobody"))
    teller.keep([hears.late()])
    teller.ask(other, ("SSUBSCRIBE", KEYS[0]), ("SUNSUBSCRIBE", "none"), ("SUNSUBSCRIBE",))
    teller.ask(other, ("SUBSCRIBE", "news"), ("PSUBSCRIBE", "n*"), ("PING",))
    teller.ask(works, ("PUBLISH", "news", "here"))
    teller.keep([other.late(), other.late()])
    teller.ask(other, ("UNSUBSCRIBE",), ("PUNSUBSCRIBE", "n*"), ("UNSUBSCRIBE",))
    teller.cluster.begin_move(SLOT, teller.cluster.nodes[1])
    teller.ask(works, ("SPUBLISH", KEYS[0], "three"))
    teller.keep([hears.late()])
    teller.cluster.finish_move(SLOT)
    teller.keep([hears.late()])
    teller.ask(works, ("SPUBLISH", KEYS[0], "four"))


def replicas(teller):
    cluster = teller.cluster
    first, copy = teller.open(0), teller.open(3)
    teller.ask(copy, ("GET", KEYS[0]), ("READONLY",), ("GET", KEYS[0]), ("SET", KEYS[0], 1), ("GET", OTHER))
    teller.ask(copy, ("MULTI",), ("GET", KEYS[0]), ("EXEC",), ("READWRITE",), ("GET", KEYS[0]), ("FLUSHALL",))
    waits, hears = teller.open(0), teller.open(0)
    teller.ask(hears, ("SSUBSCRIBE", KEYS[0]))
    teller.ask(first, ("READONLY",))
    waits.send("BLPOP", KEYS[1], 0)
    cluster.failover(cluster.nodes[3])
    teller.keep([waits.late(), hears.late()])
    teller.ask(first, ("GET", KEYS[0]), ("SET", KEYS[0], 1), ("READWRITE",), ("GET", KEYS[0]))
    teller.ask(copy, ("SET", KEYS[0], 3), ("GET", KEYS[0]), ("ROLE",))
    teller.answers[-1][-1] = teller.answers[-1][-1][0]


def test_what_answers_while_data_is_loaded_is_what_the_servers_say(any_cluster):
    told = any_cluster.node(0).call("COMMAND", "INFO", *COMMANDS)
    loading = {entry[0].upper() for entry in told if entry is not None and b"loading" in entry[2]}
    with_parts = {b"CLIENT", b"CLUSTER", b"SCRIPT"}
    known = {entry[0].upper() for entry in told if entry is not None}
    assert known & WHILE_LOADING - with_parts == loading - with_parts


STORIES = (redirections, a_moving_slot, transactions, an_absent_key_in_a_transaction, waiting, listening, replicas)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_scripted_nodes_answer_as_real_ones(any_cluster, story):
    assert slot_of(KEYS[0]) == SLOT
    told = []
    name, version = any_cluster.node(0).version
    for kind in (Real, Scripted):
        cluster = any_cluster
        if kind is Scripted:
            cluster = ScriptedCluster(Network(), masters=3, replicas=1)
            cluster.tells_unblocked = cluster.asks_when_queued = name == "redis"
        teller = Teller(kind, cluster)
        try:
            story(teller)
        finally:
            teller.close()
        told.append(teller.answers)
    assert told[1] == told[0]
