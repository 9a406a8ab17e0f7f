"""Many commands or keys of a cluster: taken apart by slot and by node, sent to all nodes at once, and put together.

This room must not know how a single command finds its way.
"""

from __future__ import annotations

from .batches import send_commands, send_to_all
from .quick import read_keys, send_simple
from .spread import has_several_slots, only_value, reach_of, refuse_of_one_node, slot_of_cursor

__all__ = [
    "has_several_slots",
    "only_value",
    "reach_of",
    "read_keys",
    "refuse_of_one_node",
    "send_commands",
    "send_simple",
    "send_to_all",
    "slot_of_cursor",
]
