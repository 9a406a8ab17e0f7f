"""Which node of a cluster serves which slot: the nodes' answers, when and which nodes to ask, and the program's seeds.

This room must not know connections or commands.
"""

from __future__ import annotations

from .owners import Topology
from .seeds import GivenSeeds, Seeds
from .slots_reply import SLOTS, Address, AddressMap, NodeFacts, View, name_of, read_slots

__all__ = [
    "SLOTS",
    "Address",
    "AddressMap",
    "GivenSeeds",
    "NodeFacts",
    "Seeds",
    "Topology",
    "View",
    "name_of",
    "read_slots",
]
