"""One node of a real cluster, with ports that are nobody else's; and what a node knows of the others."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .client import Connection
from .servers import Server

#: Seconds within which a node counts as failed when it does not answer, as ``cluster-node-timeout`` has it.
NODE_TIMEOUT = 1.0

_ports_given: set[int] = set()


def reserve_port() -> socket.socket:
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

    def __init__(
        self, number: int, *config: str, host: str, hostname: str | None, certificates: Any, **options: Any
    ) -> None:
        """
        :param host: the address that it listens at, and that the other nodes know.
        :param hostname: the name that it announces; None: none.
        :param certificates: of ``tls.make_certificates``, for a server that was built with TLS; None: none.
        :param options: of :class:`servers.Server`.
        """
        super().__init__(*config, **options)
        self.host = host
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

    def told(self) -> set[tuple[str, int]]:
        """Host and port of each node that it tells clients of: CLUSTER SLOTS."""
        shards = self.call("CLUSTER", "SLOTS")
        return {(host.decode(), port) for _, _, *nodes in shards for host, port, *_ in nodes}

    def keys_in(self, slot: int, count: int = 1000) -> list[bytes]:
        """Keys that it has of a slot, at most so many."""
        return list(self.call("CLUSTER", "GETKEYSINSLOT", slot, count))

    def settings(self) -> list[str]:
        lines = [
            *super().settings(),
            f"bind {self.host}",
            "cluster-enabled yes",
            "cluster-config-file nodes.conf",
            f"cluster-port {self.bus_port}",
            f"cluster-node-timeout {int(NODE_TIMEOUT * 1000)}",
            "cluster-replica-validity-factor 0",  # a replica takes over however long it was without its master
            "repl-ping-replica-period 1",  # CLUSTER SLOTS of Redis leaves replicas out that had nothing from a master
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
                "tls-cluster yes",  # otherwise Redis tells clients no other node's port of TLS
                "tls-replication yes",
            ]
        return lines

    def stop(self) -> None:
        super().stop()
        self._give_ports_back()

    def _ports(self) -> Iterator[int]:
        while True:
            self._give_ports_back()
            self._holders = [reserve_port() for _ in range(2 if self._certificates is None else 3)]
            port, self.bus_port, *more = (holder.getsockname()[1] for holder in self._holders)
            self.tls_port = more[0] if more else 0
            yield port

    def _give_ports_back(self) -> None:
        while self._holders:
            self._holders.pop().close()
