"""Read the reply to CLUSTER SLOTS: which node owns which slot, which replicas it has, and the facts about each node.

The addresses are those that a client can connect to. An empty host, of a server that does not know its own address, and
null stand for the host that was asked. ``"?"`` stands for a host name that is preferred and not known, so that the
``ip`` is used. A reply is read whole, or refused with :exc:`.InvalidResponse`.

This module must not know how a node is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from twisted.logger import Logger

from ..._checks import as_text, check_address, shown
from ...exceptions import InvalidResponse

__all__ = ["SLOTS", "Address", "AddressMap", "NodeFacts", "View", "name_of", "read_slots"]

_log = Logger()

#: Slots of a cluster.
SLOTS = 16384

#: Host and port.
Address = tuple[str, int]

#: Characters of a host name; DNS allows no more.
MAX_HOST_CHARACTERS = 255

#: The host of a node whose host name is preferred, and not known.
UNKNOWN_HOST = "?"

Role = Literal["master", "replica"]


class NodeFacts(NamedTuple):
    """The entry of a node in CLUSTER SLOTS.

    :ivar host: the host to connect to, as ``addressMap`` gives it; never empty.
    :ivar port: the port to connect to.
    :ivar id: the node's name in the cluster: 40 hex digits; empty if the server sends none.
    :ivar role: ``"master"`` or ``"replica"``.
    :ivar zone: its availability zone; None if the server sends none.
    :ivar hostname: the host name that it announces, as it announces it; None if it announces none.
    """

    host: str
    port: int
    id: str
    role: Role
    zone: str | None
    hostname: str | None


class View:
    """The topology, as one node told it.

    :ivar owners: the address of the master of each of the 16384 slots; None: nobody serves the slot, or its master's
        address is not known.
    :ivar replicas: the replicas of each master that has any, sorted.
    :ivar nodes: each node with slots, and each replica of one, by its address.
    :ivar served: how many slots have an owner.
    """

    __slots__ = ("_ranges", "nodes", "owners", "replicas", "served")

    def __init__(
        self,
        ranges: Mapping[Address, Iterable[tuple[int, int]]],
        replicas: Mapping[Address, Iterable[Address]],
        nodes: Mapping[Address, NodeFacts],
    ) -> None:
        """Make one.

        :param ranges: first and last slot of each range of each master; no two ranges have a slot in common.
        """
        self.nodes: dict[Address, NodeFacts] = dict(nodes)
        self.replicas: dict[Address, tuple[Address, ...]] = {
            master: tuple(sorted(set(its))) for master, its in replicas.items()
        }
        self.owners: list[Address | None] = [None] * SLOTS
        self.served = 0
        self._ranges: dict[Address, list[tuple[int, int]]] = {}
        for master, its in ranges.items():
            joined = self._ranges[master] = _joined(its)
            for first, last in joined:
                self.owners[first : last + 1] = [master] * (last + 1 - first)
                self.served += last + 1 - first

    def __repr__(self) -> str:
        masters = len(self._ranges)
        return f"<{type(self).__name__} {masters} masters, {len(self.nodes) - masters} replicas, {self.served} slots>"

    def slots_of(self, address: Address) -> list[tuple[int, int]]:
        """First and last slot of each range that a node owns, in order; empty for a replica and for a stranger."""
        return list(self._ranges.get(address, ()))

    def is_same_as(self, other: View) -> bool:
        """Whether another view says the same."""
        return self._ranges == other._ranges and self.nodes == other.nodes and self.replicas == other.replicas


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges in order; adjacent ones are one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and joined[-1][1] + 1 == first:
            first = joined.pop()[0]
        joined.append((first, last))
    return joined


class AddressMap:
    """Gives the address at which the program reaches a node that the cluster names by another one, as behind a NAT.

    A map that raises, or gives no address, never disturbs: the address stays as it is, and each kind of error is logged
    once.
    """

    def __init__(self, addresses: Mapping[Address, Address] | Callable[[Address], Address] | None = None) -> None:
        """Make one.

        :param addresses: the program's ``addressMap``: pairs ``(host, port)`` to such pairs, or a function of such a
            pair that returns one. Addresses that a mapping does not have stay as they are. None: all do.
        """
        self._addresses = addresses
        self._told: set[type[BaseException]] = set()

    def __call__(self, address: Address) -> Address:
        """Return the address to connect to. Never raises an ``Exception``."""
        if self._addresses is None:
            return address
        try:
            if isinstance(self._addresses, Mapping):
                known = self._addresses.get(address)
                return address if known is None else check_address("addressMap", known)
            return check_address("addressMap", self._addresses(address))
        except Exception as error:
            if type(error) not in self._told:
                self._told.add(type(error))
                _log.failure("addressMap failed for {address}, which is used as it is", address=name_of(address))
            return address


def name_of(address: Address) -> str:
    """Host and port as text: ``10.0.0.1:6379``, ``[::1]:6379``."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def read_slots(reply: object, asked: Address, address_map: Callable[[Address], Address] | None = None) -> View:
    """Read the reply to CLUSTER SLOTS, of RESP2 or RESP3, as text or bytes.

    Nodes whose host is not told are left out; slots of such a master have no owner.

    :param asked: whose reply it is: its host stands where the server does not know its own.
    :param address_map: gives the address to connect to, as an :class:`AddressMap`; None: it is the one told.
    :raises InvalidResponse: it is not valid; the text says what is wrong.
    """
    return _Reading(asked, address_map or AddressMap()).view(reply)


class _Reading:
    """One reply that is read."""

    def __init__(self, asked: Address, address_map: Callable[[Address], Address]) -> None:
        self._asked = asked
        self._address_map = address_map
        #: By host, port and id as they were sent: most replies name a node many times.
        self._known: dict[tuple[object, object, object], Address | None] = {}
        self._nodes: dict[Address, NodeFacts] = {}
        self._ranges: dict[Address, list[tuple[int, int]]] = {}
        self._replicas: dict[Address, dict[Address, None]] = {}
        self._taken = bytearray(SLOTS)

    def view(self, reply: object) -> View:
        if not isinstance(reply, list | tuple):
            raise _invalid("it is no list of slot ranges", reply)
        for entry in reply:
            self._read_entry(entry)
        for master in self._ranges:
            host, port, node_id, _, zone, hostname = self._nodes[master]
            self._nodes[master] = NodeFacts(host, port, node_id, "master", zone, hostname)
        return View(self._ranges, {master: its for master, its in self._replicas.items() if its}, self._nodes)

    def _read_entry(self, entry: object) -> None:
        if not isinstance(entry, list | tuple) or len(entry) < 3:
            raise _invalid("an entry is no list of first slot, last slot and nodes", entry)
        first, last = self._slot(entry[0]), self._slot(entry[1])
        if first > last:
            raise _invalid(f"a range goes from slot {first} to {last}")
        twice = self._taken.find(1, first, last + 1)
        if twice >= 0:
            raise _invalid(f"two entries have slot {twice}")
        self._taken[first : last + 1] = b"\1" * (last + 1 - first)
        master, *replicas = [self._node(node) for node in entry[2:]]
        if master is not None:
            self._ranges.setdefault(master, []).append((first, last))
            its = self._replicas.setdefault(master, {})
            its.update(dict.fromkeys(replica for replica in replicas if replica is not None and replica != master))

    def _slot(self, slot: object) -> int:
        number = _number(slot)
        if number is None or not 0 <= number < SLOTS:
            raise _invalid(f"a slot is no number from 0 to {SLOTS - 1}", slot)
        return number

    def _node(self, node: object) -> Address | None:
        """Take note of a node, and return its address; None if that is not told."""
        try:
            return self._known[node[0], node[1], node[2]]  # type: ignore[index]
        except (LookupError, TypeError):
            address = self._new_node(node)
        if len(node) > 2:  # type: ignore[arg-type]
            self._known[node[0], node[1], node[2]] = address  # type: ignore[index]
        return address

    def _new_node(self, node: object) -> Address | None:
        if not isinstance(node, list | tuple) or len(node) < 2:
            raise _invalid("a node is no list of host and port", node)
        endpoint = None if node[0] is None else _text("a host", node[0])
        port = _number(node[1])
        if port is None or not 0 <= port <= 65535:
            raise _invalid("a port is no number from 0 to 65535", node[1])
        node_id = _text("the id of a node", node[2]) if len(node) > 2 else ""
        facts = self._read_node(endpoint, port, node_id, node[3] if len(node) > 3 else ())
        if facts is None:
            return None
        return self._nodes.setdefault((facts.host, facts.port), facts)[:2]

    def _read_node(self, endpoint: str | None, port: int, node_id: str, more: object) -> NodeFacts | None:
        metadata = _metadata(more)
        hostname = _announced(metadata.get("hostname"))
        host: str | None = "" if endpoint is None else endpoint  # null: the host that was asked
        if host == UNKNOWN_HOST:
            # A server that does not know its own address says so by an empty `ip`.
            host = _announced(metadata.get("ip")) or hostname or ("" if metadata.get("ip") == "" else None)
        elif host and hostname is None and not _is_ip(host):
            hostname = host
        if host is None or not port:  # port 0: it has no port for connections of this kind, with or without TLS
            return None
        host, port = self._address_map((_host(host) if host else self._asked[0], port))
        return NodeFacts(host, port, node_id, "replica", metadata.get("availability-zone") or None, hostname)


def _metadata(more: object) -> dict[str, str]:
    """The metadata of a node: a map, or a flat list of names and values."""
    if isinstance(more, list | tuple):
        if len(more) % 2:
            raise _invalid("the metadata of a node is no list of pairs", more)
        pairs: Iterable[tuple[object, object]] = zip(more[::2], more[1::2], strict=True)
    elif isinstance(more, Mapping):
        pairs = more.items()
    elif more is None:
        pairs = ()
    else:
        raise _invalid("the metadata of a node is neither map nor list", more)
    return {
        _text("a name in the metadata", name): _text("a value in the metadata", value)
        for name, value in pairs
        if value is not None
    }


def _announced(name: str | None) -> str | None:
    return None if name in (None, "", UNKNOWN_HOST) else name


def _host(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not host or len(host) > MAX_HOST_CHARACTERS or not host.isprintable() or " " in host:
        raise _invalid("a host is no host name and no address", host)
    return host


def _is_ip(host: str) -> bool:
    return ":" in host or host.rpartition(".")[2].isdigit()  # no host name ends in a label of digits alone


def _text(what: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | bytes | int | float):
        raise _invalid(f"{what} is no text", value)
    return as_text(value)  # a number, where a handler converts what looks like one


def _number(value: object) -> int | None:
    """A number that is sent as one, or as a few digits."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str | bytes):
        digits = as_text(value)
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 5 else None
    return value if isinstance(value, int) else None


def _invalid(what: str, *values: object) -> InvalidResponse:
    of = "".join(f": {shown(value)}" for value in values)
    return InvalidResponse(f"The reply to CLUSTER SLOTS is not valid: {what}{of}")
