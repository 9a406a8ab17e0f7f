"""Which node serves a command that only reads, where the option ``readFrom`` allows replicas.

Replicas that are connected come first, then the others, and the master at the end: so a replica that is down, loads its
data or has lost its master costs one more attempt, and no pause.

This module must not know commands.
"""

from __future__ import annotations

import itertools
from typing import Any

from .members import Members
from .node import ClusterNode

__all__ = ["ReadChoice"]

#: Counts the choices of all handlers, so that replicas take turns.
_turns = itertools.count()


class ReadChoice:
    """The nodes to ask for one command, one after the other; the master whenever there is no other any more."""

    def __init__(self, members: Members, slot: int) -> None:
        self._members = members
        self._slot = slot
        self._left = self._candidates()

    def _candidates(self) -> list[ClusterNode[Any]]:
        """The replicas in the order in which they are asked; for "any", with the master among them."""
        members, policy = self._members, self._members.options.readFrom
        master = members.owner(self._slot)
        if master is None or members.topology.view is None:
            return []
        nodes = [members.node_at(each) for each in members.topology.view.replicas.get(master.address, ())]
        if policy == "any":
            nodes.append(master)
        for node in nodes:
            node.pool.start()
        if nodes:
            turn = next(_turns) % len(nodes)
            nodes = nodes[turn:] + nodes[:turn]
        zone = members.options.clientZone if policy == "zone" else None
        nodes.sort(key=lambda node: (not node.pool.size, zone is not None and node.zone != zone))
        if zone is not None and nodes and nodes[0].zone != zone and master.zone == zone:
            nodes.insert(0, master)
        return nodes

    @property
    def has_others(self) -> bool:
        """Whether a node is left that was not asked, beside the master."""
        return bool(self._left)

    def __call__(self) -> ClusterNode[Any] | None:
        """The next node; None if no node is known to serve the slot."""
        return self._left.pop(0) if self._left else self._members.owner(self._slot)
