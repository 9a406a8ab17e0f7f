"""The ring: which node a key belongs to, by consistent hashing.

**Placement** never changes, because stored data could not be found afterwards. It is that of txredisapi under Python 2.
A node has ``replicas`` places on the ring: the CRC-32 of ``uuid:0``, ``uuid:1`` and so on. A key belongs to the first
place above its own CRC-32. Two peculiarities are part of it: CRC-32 is a *signed* number, as in Python 2, so the ring
starts at -2**31; and a key beyond the last place belongs to that last place instead of the first.

**Hash tag**: of a key with braces after its first character, only the part inside them is hashed, so that
``cart{user:1}`` and ``name{user:1}`` are on one node. Text is hashed as UTF-8, whatever the charset.

This module must not know connections: of a node it needs only ``_factory.uuid``.
"""

from __future__ import annotations

import bisect
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from ..client.views import Host

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from .._types import Text
    from ..client import RedisFactory
    from ..telemetry import Stats

__all__ = ["HashRing", "Node", "hashed_part"]


class Node(Host, Protocol):
    """A connection handler, as this room needs it."""

    @property
    def _factory(self) -> RedisFactory: ...

    def disconnect(self) -> Deferred[Any]:
        """Close its connections."""

    def stats(self) -> Stats:
        """Its statistics."""


def place_of(data: bytes) -> int:
    """Where on the ring *data* lies: its CRC-32 as a signed number of 32 bits."""
    return (zlib.crc32(data) ^ 0x80000000) - 0x80000000


def _to_bytes(key: Text | bytearray | memoryview) -> bytes:
    # By the methods of the base types, as the encoder does: a subclass may override them. A lone surrogate has a place,
    # too; the node refuses to send it.
    return str.encode(key, "utf-8", "surrogatepass") if isinstance(key, str) else bytes(memoryview(key))


def hashed_part(key: Text | bytearray | memoryview) -> bytes:
    """The part of a key that is hashed: its hash tag, or else the whole key.

    The tag begins after the last opening brace that is not the first character and that is followed by a closing brace.
    It ends before the last closing brace, and may be empty. Braces beyond the first line do not count.
    """
    data = _to_bytes(key)
    line = data.partition(b"\n")[0]
    end = line.rfind(b"}")
    start = line.rfind(b"{", 1, max(end, 0))
    return data if start < 0 else line[start + 1 : end]


class HashRing:
    """Consistent hashing: maps each key to a node, and moves few keys when a node is added or removed.

    :ivar nodes: the nodes, in the order they were added.
    :ivar replicas: the number of each node's places on the ring.
    :ivar ring: place -> node.
    :ivar sorted_keys: the places in ascending order.
    """

    def __init__(self, nodes: Iterable[Node] = [], replicas: int = 160) -> None:
        """Make a ring.

        :param nodes: connection handlers; the places of each follow from its ``_factory.uuid``.
        :param replicas: the number of places for each node.
        """
        self.nodes: list[Node] = []
        self.replicas = replicas
        self.ring: dict[int, Node] = {}
        self.sorted_keys: list[int] = []
        for node in nodes:
            self.add_node(node)

    def add_node(self, node: Node) -> None:
        """Add a node. With *N* nodes then, about 1/*N* of the keys move, all of them to it."""
        self.nodes.append(node)
        uuid = _to_bytes(node._factory.uuid)  # type: ignore[arg-type]
        for number in range(self.replicas):
            place = place_of(b"%b:%d" % (uuid, number))
            self.ring[place] = node
            self.sorted_keys.append(place)
        self.sorted_keys.sort()

    def remove_node(self, node: Node) -> None:
        """Remove a node; its keys move to the others.

        :raises ValueError: it is not one of :attr:`nodes`.
        """
        self.nodes.remove(node)
        nodes, self.nodes = self.nodes, []
        # Rebuilt, because this node may have taken places of the others.
        self.ring, self.sorted_keys = {}, []
        for left in nodes:
            self.add_node(left)

    def get_node(self, key: str | bytes) -> Any:
        """The node that *key* belongs to; None on an empty ring. Hash tags are ignored."""
        places = self.sorted_keys
        if not places:
            return None
        index = bisect.bisect(places, place_of(_to_bytes(key)))
        return self.ring[places[min(index, len(places) - 1)]]

    def get_node_pos(self, key: str | bytes) -> list[Any]:
        """The node that *key* belongs to, and the index of its place in :attr:`sorted_keys`.

        On an empty ring, ``[None, None]``.
        """
        if not self.ring:
            return [None, None]
        index = bisect.bisect(self.sorted_keys, place_of(_to_bytes(key)))
        index = min(index, len(self.sorted_keys) - 1)
        return [self.ring[self.sorted_keys[index]], index]

    def iter_nodes(self, key: str | bytes) -> Iterator[tuple[int | None, Any]]:
        """Each place from that of *key*'s node to the end of the ring, with its node.

        On an empty ring, ``(None, None)`` once.
        """
        if not self.ring:
            yield None, None
            return
        for place in self.sorted_keys[self.get_node_pos(key)[1] :]:
            yield place, self.ring[place]

    def __call__(self, key: str | bytes) -> Any:
        """The same as :meth:`get_node`."""
        return self.get_node(key)
