"""``rc.scan_iter()`` of a cluster: the keys of all slots, although slots and masters may move meanwhile.

Theory of operation. A set holds the slots that are not scanned yet. One of their owners is scanned with SCAN to its
end, and of what it has, the keys of those of its slots that are left are elements. Then the slots that it still owns
leave the set; those that have moved away meanwhile stay, and are scanned at their new owner. A key that existed all the
time was at its owner all the time, or moved with its slot. Which slots a node owns, before and after, only itself knows
for certain: other nodes hear of it later.

A slot that is being moved key by key has keys at two nodes, and they move in one direction only. So after its owner,
the node that it moves to is scanned, for the keys of that slot; which leaves the set if it still is on that way then.
Such a node need not serve a slot yet, and then no topology has it: CLUSTER NODES tells its address.

This module must not know how a command is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from .._reactor import current_reactor
from .._types import Argument
from ..exceptions import ConnectionError, InvalidResponse, NotSentError, RedisError
from ..helpers import ScanIterator
from ..resp import fix_argument, key_slot
from .members import Members
from .node import ClusterNode
from .topology import SLOTS, Address

__all__ = ["ClusterScanIterator", "scan_arguments"]

#: Seconds of the pause before a node is asked again that could not be asked.
PAUSE_SECONDS = 0.1


class ClusterScanIterator(ScanIterator[Any]):
    """The keys of a cluster, page by page: for ``async for``, or with ``next_page()``.

    As :class:`~txredis_fast.ScanIterator`. A key that exists from the first page to the last is found, also if its slot
    or its master moves meanwhile; then perhaps several times. A page fails if a node cannot be asked for
    ``poolTimeout`` seconds.
    """

    def __init__(self, members: Members, args: Sequence[Any], options: Mapping[str, Any]) -> None:
        """Make an iterator; the handler does it.

        :param args: the arguments of SCAN behind the cursor.
        :param options: those of ``execute_command`` that the view has.
        """
        super().__init__("scan_iter", tuple, self._ask_for, list)
        self._members = members
        self._args = tuple(args)
        self._options = options
        self._slots_left = set(range(SLOTS))
        #: The node that is being scanned, for which slots; and those to which keys of these slots are moved.
        self._node: ClusterNode[Any] | None = None
        self._wanted: set[int] = set()
        self._next_nodes: list[tuple[Address, set[int]]] = []
        #: The owner of the slots that are wanted of another node; None: the owner itself is scanned.
        self._source: ClusterNode[Any] | None = None
        #: Reactor time since when nodes could not be asked to which slots are moved.
        self._targets_failing_since: float | None = None
        self._at: Any = 0
        self._is_busy = False

    def __repr__(self) -> str:
        return f"<ClusterScanIterator, {len(self._slots_left)} slots left>"

    async def _read(self) -> list[Any]:
        if self._is_busy:
            raise RedisError("scan_iter waits for a page already: an iterator serves one call at a time")
        self._is_busy = True
        try:
            failing_since: float | None = None
            while self._node is not None or self._slots_left:
                try:
                    page = await self._page()
                except ConnectionError as error:
                    self._node = None
                    if self._source is None:
                        failing_since = await self._pause(failing_since, error)
                    else:  # their owner again, and then this node
                        self._targets_failing_since = await self._pause(self._targets_failing_since, error)
                    continue
                if page:
                    return page
            return []
        finally:
            self._is_busy = False

    def with_options(self, options: Mapping[str, Any]) -> ClusterScanIterator:
        """Return one from the beginning, with options of ``execute_command``."""
        return ClusterScanIterator(self._members, self._args, options)

    def _ask_for(self, node: ClusterNode[Any], cursor: Any) -> Deferred[Any]:
        return node.execute_command("SCAN", cursor, *self._args, **{**self._options, "raw": True})

    async def _page(self) -> list[Any]:
        """The elements of the next page, perhaps none."""
        node = self._node or await self._choose()
        reply = await maybeDeferred(self._ask_for, node, self._at)
        if not isinstance(reply, list) or len(reply) != 2 or not isinstance(reply[1], list):
            raise InvalidResponse("scan_iter needs a reply of cursor and elements")
        page = [key for key in reply[1] if key_slot(key) in self._wanted]
        if page and not self._options.get("raw"):
            page = node.pool.convert(page)
        self._at = reply[0]
        if self._at in (0, b"0", "0"):
            await self._scanned(node)
        return page

    async def _choose(self) -> ClusterNode[Any]:
        """Begin with an owner of slots that are left."""
        if self._members.closed:
            raise NotSentError("Not connected")
        slot = next(iter(self._slots_left))
        node = self._members.owner(slot)
        if node is None:
            self._members.note(f"no node serves the slot {slot}")
            raise NotSentError(f"no node serves the slot {slot}")
        owners = self._members.owners
        wanted = {each for each in self._slots_left if owners[each] == node.address}
        owned, _ = await self._own_words(node)
        wanted &= owned
        if not wanted:
            self._members.note(f"{node.name} does not serve the slot {slot}", node.address)
            raise NotSentError(f"{node.name} does not serve the slot {slot}, and no other node is known to")
        self._begin(node, wanted, None)
        return node

    def _begin(self, node: ClusterNode[Any], wanted: set[int], source: ClusterNode[Any] | None) -> None:
        self._node, self._wanted, self._source, self._at = node, wanted, source, 0

    async def _scanned(self, node: ClusterNode[Any]) -> None:
        """A node has been scanned to its end."""
        source = self._source or node
        owned, moving = await self._own_words(source)
        if source is node:
            self._slots_left -= self._wanted & owned - moving.keys()
            self._next_nodes = self._targets(owned, moving)
            if self._wanted - owned:  # these have other owners by now
                await self._members.topology.refresh()
        else:
            self._slots_left -= {slot for slot in self._wanted & owned if moving.get(slot) == node.address}
            self._targets_failing_since = None
        self._node = self._source = None
        if self._next_nodes:
            address, slots = self._next_nodes.pop()
            self._begin(self._members.node_at(address), slots, source)

    async def _own_words(self, node: ClusterNode[Any]) -> tuple[set[int], dict[int, Address]]:
        """The slots of a node by its own account, see :func:`_read_nodes`."""
        text = await node.send("CLUSTER", "NODES", raw=True)
        owned, moving = _read_nodes(bytes(text).decode("ascii", "replace"))
        address_map = self._members.topology.address_map
        return owned, {slot: address_map((host or node.address[0], port)) for slot, (host, port) in moving.items()}

    def _targets(self, owned: set[int], moving: Mapping[int, Address]) -> list[tuple[Address, set[int]]]:
        """Where slots are moved of those that are wanted: the nodes, and their slots."""
        targets: dict[Address, set[int]] = {}
        for slot in self._wanted & owned & moving.keys():
            targets.setdefault(moving[slot], set()).add(slot)
        return list(targets.items())

    async def _pause(self, since: float | None, error: ConnectionError) -> float:
        """Wait until the next attempt; raises the error if too much time has passed.

        :returns: since when nothing could be asked.
        """
        now = float(current_reactor().seconds())
        since = now if since is None else since
        timeout = self._members.pool_timeout
        if self._members.closed or (timeout is not None and now - since >= timeout):
            raise error
        self._members.note(f"SCAN has failed: {error}")
        paused: Deferred[None] = Deferred(lambda _: timer.cancel())
        timer = current_reactor().callLater(PAUSE_SECONDS, lambda: paused.callback(None))
        await paused
        return since


def scan_arguments(pattern: Argument | None, count: int | None, type: Argument | None) -> list[Any]:
    """The arguments of SCAN behind the cursor."""
    given = {"MATCH": pattern, "COUNT": count, "TYPE": type}
    return [each for name, value in given.items() if value is not None for each in (name, fix_argument(value))]


def _read_nodes(text: str) -> tuple[set[int], dict[int, Address]]:
    """Read the slots of the node that was asked from the reply of CLUSTER NODES.

    :returns: the slots that it owns; and for those that are moving away, as in ``[77->-...]``, to which node.
    """
    lines = [fields for line in text.splitlines() if len(fields := line.split(" ")) > 7]
    addresses = {fields[0]: _address(fields[1]) for fields in lines}
    owned: set[int] = set()
    moving: dict[int, Address] = {}
    for fields in lines:
        if "myself" not in fields[2].split(","):
            continue
        for word in fields[8:]:
            if word.startswith("["):
                slot, arrow, node_id = word.strip("[]").partition("->-")
                address = addresses.get(node_id)
                if arrow and address is not None:
                    moving[int(slot)] = address
            else:
                first, _, last = word.partition("-")
                owned.update(range(int(first), int(last or first) + 1))
    return owned, moving


def _address(field: str) -> Address:
    """Read ``host:port@bus,hostname``; IPv6 addresses have colons, too."""
    host, _, port = field.partition("@")[0].rpartition(":")
    return host, int(port)
