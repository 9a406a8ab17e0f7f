"""The nodes of a scripted cluster, their slots, and how these move."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from ..slots import SLOTS, shares, slot_of
from ..wire import aggregate, bulk, bulks, integer
from .node import ScriptedNode
from .truth import Truth


class Move:
    """A slot on its way.

    :ivar moved: keys that the target has, if they are there at all.
    """

    def __init__(self, source: ScriptedNode, target: ScriptedNode) -> None:
        self.source = source
        self.target = target
        self.moved: set[bytes] = set()


class ScriptedCluster:
    """Masters with equal parts of the slots, each with its replicas, in the order of ``clusters.Cluster``.

    :ivar truth: the data and what was executed.
    :ivar nodes: the masters, then their replicas.
    :ivar owners: the master of each slot; None: nobody serves it.
    :ivar moves: the slots on their way.
    :ivar down: whether all answer CLUSTERDOWN.
    :ivar password: what AUTH has to say; None: nobody needs to.
    :ivar asks_when_queued: whether a source answers ASK to a command of a transaction when it is queued, as older
        servers do, or to EXEC only.
    :ivar tells_unblocked: whether blocked clients of a demoted master get UNBLOCKED, as from Redis, or MOVED, as from
        Valkey.
    """

    def __init__(self, network: Any, masters: int = 3, replicas: int = 0, password: str | None = None) -> None:
        """
        :param network: a :class:`Network`, or what else gives doors.
        """
        self.network = network
        self.truth = Truth()
        self.nodes: list[ScriptedNode] = []
        self.owners: list[ScriptedNode | None] = [None] * SLOTS
        self.moves: dict[int, Move] = {}
        self.down = False
        self.password = password.encode() if password is not None else None
        self.asks_when_queued = False
        self.tells_unblocked = False
        #: Where the present command is executed.
        self.executing: ScriptedNode | None = None
        self.truth.changed = self._tell_of_change
        self._clients = 0
        self._replies: dict[int, bytes] = {}
        for _ in range(masters):
            self.add_node()
        for number in range(masters * replicas):
            self.add_node(self.nodes[number % masters])
        for node, slots in zip(self.nodes, shares(masters), strict=False):
            for slot in slots:
                self.owners[slot] = node

    # Who is there.

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of every node."""
        return [node.address for node in self.nodes]

    @property
    def masters(self) -> list[ScriptedNode]:
        """The masters."""
        return [node for node in self.nodes if node.is_master]

    def node(self, which: int | tuple[str, int]) -> ScriptedNode:
        """A node by its place in :attr:`nodes`, or by its address."""
        if isinstance(which, int):
            return self.nodes[which]
        return next(node for node in self.nodes if node.address == which)

    def replicas_of(self, master: ScriptedNode) -> list[ScriptedNode]:
        """The replicas of a node."""
        return [node for node in self.nodes if node.master is master]

    def owner_of(self, key: str | bytes | int) -> ScriptedNode:
        """The master of a key's slot, or of a slot."""
        owner = self.owners[key if isinstance(key, int) else slot_of(key)]
        assert owner is not None
        return owner

    def add_node(self, replica_of: ScriptedNode | None = None) -> ScriptedNode:
        """One more node, without slots, or a replica."""
        node = ScriptedNode(self, len(self.nodes), replica_of)
        node.door = self.network.door(node)
        self.nodes.append(node)
        node.accept_connections()
        self.changed()
        return node

    def move_to_other_addresses(self) -> None:
        """Every node gets another port; connections are lost, and the former ports refuse."""
        for node in self.nodes:
            node.refuse_connections()
            node.lose_connections()
            node.door = self.network.door(node)
            node.accept_connections()
        self.changed()

    # Moving slots.

    def begin_move(self, slot: int, to: ScriptedNode) -> None:
        """Let a slot be on its way: its owner answers ASK for the keys that it does not have."""
        source = self.owner_of(slot)
        if source is not to and slot not in self.moves:
            self.moves[slot] = Move(source, to)

    def migrate_keys(self, slot: int, count: int = 1000000) -> int:
        """Hand over at most so many keys of a slot on its way; returns how many there were."""
        move = self.moves[slot]
        left = [key for key in self.truth.data if key not in move.moved and slot_of(key) == slot][:count]
        move.moved.update(left)
        for key in left:
            move.source.invalidate(key)
        return len(left)

    def finish_move(self, slot: int) -> None:
        """Let the target own a slot on its way; what keys are left go with it."""
        move = self.moves.pop(slot)
        self._give([slot], move.target)

    def move_slots(self, slots: Iterable[int], to: ScriptedNode) -> None:
        """Move slots with their keys, all at one instant."""
        wanted = list(slots)
        for slot in wanted:
            self.moves.pop(slot, None)
        self._give(wanted, to)

    def drop_slots(self, slots: Iterable[int]) -> None:
        """Let nobody serve these slots."""
        for slot in slots:
            self.owners[slot] = None
            self.moves.pop(slot, None)
        self.changed()

    def _give(self, slots: list[int], to: ScriptedNode) -> None:
        former = {owner for slot in slots if (owner := self.owners[slot]) is not None and owner is not to}
        given = set(slots)
        for key in [key for key in self.truth.data if slot_of(key) in given]:
            owner = self.owners[slot_of(key)]
            if owner is not None and owner is not to:
                owner.invalidate(key)  # of keys that do not exist, a server does not tell
        for slot in slots:
            self.owners[slot] = to
        self.changed()
        for node in sorted(former, key=lambda node: node.number):
            for each in [node, *self.replicas_of(node)]:
                each.look_again()

    # Roles.

    def failover(self, replica: ScriptedNode) -> None:
        """A replica takes the place of its master, which becomes its replica, whether it lives or not."""
        master = replica.master
        assert master is not None
        for node in self.replicas_of(master):
            node.master = replica
        replica.master, master.master = None, replica
        for slot, owner in enumerate(self.owners):
            if owner is master:
                self.owners[slot] = replica
        for move in self.moves.values():
            move.source = replica if move.source is master else move.source
            move.target = replica if move.target is master else move.target
        self.changed()
        master.look_again(demoted=True)

    # What the nodes ask.

    def put(self, key: bytes, value: Any) -> None:
        """Another client writes a key at the owner of its slot, or where the slot is on its way to."""
        move = self.moves.get(slot_of(key))
        at_source = move is None or (key in self.truth.data and key not in move.moved)
        self.executing = self.owner_of(key) if move is None or at_source else move.target
        if move is not None and not at_source:
            move.moved.add(key)
        self.truth.put(key, value)

    def _tell_of_change(self, key: bytes) -> None:
        if self.executing is not None:
            self.executing.invalidate(key)

    def next_client(self) -> int:
        """A number for a connection."""
        self._clients += 1
        return self._clients

    def changed(self) -> None:
        """The topology has changed."""
        self._replies.clear()

    def slots_reply(self, protocol: int) -> bytes:
        """The reply to CLUSTER SLOTS: without failed replicas, with failed masters until they are replaced."""
        if protocol not in self._replies:
            entries = []
            for first, last, owner in self._ranges():
                nodes = [owner, *(node for node in self.replicas_of(owner) if not node.is_dead)]
                told = [self._node_reply(node, protocol) for node in nodes]
                entries.append(aggregate([integer(first), integer(last), *told]))
            self._replies[protocol] = aggregate(entries)
        return self._replies[protocol]

    def _ranges(self) -> Iterator[tuple[int, int, ScriptedNode]]:
        first = 0
        for owner, run in groupby(self.owners):
            length = len(list(run))
            if owner is not None:
                yield first, first + length - 1, owner
            first += length

    @staticmethod
    def _node_reply(node: ScriptedNode, protocol: int) -> bytes:
        more = {b"hostname": node.hostname, b"availability-zone": node.zone}
        told = [part for name, value in more.items() if value is not None for part in (name, value)]
        header = b"*%d\r\n" % len(told) if protocol == 2 else b"%%%d\r\n" % (len(told) // 2)
        return aggregate([bulk(node.host), integer(node.port), bulk(node.id), header + bulks(told)])

    def nodes_reply(self, myself: ScriptedNode) -> bytes:
        """The reply to CLUSTER NODES."""
        lines = []
        for node in self.nodes:
            flags = ["myself"] * (node is myself) + ["slave" if node.master else "master"] + ["fail"] * node.is_dead
            master = node.master.id if node.master else "-"
            ranges = [f"{first}-{last}" for first, last, owner in self._ranges() if owner is node]
            ranges += [f"[{slot}->-{move.target.id}]" for slot, move in self.moves.items() if move.source is node]
            ranges += [f"[{slot}-<-{move.source.id}]" for slot, move in self.moves.items() if move.target is node]
            place = f"{node.host}:{node.port}@{node.port + 10000}"
            lines.append(" ".join([node.id, place, ",".join(flags), master, "0 0 1 connected", *ranges]))
        return bulk("\n".join(lines) + "\n")
