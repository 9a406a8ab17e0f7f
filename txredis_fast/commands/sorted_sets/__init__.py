"""Further commands on sorted sets: popping, combining, ranges by text, and places on the Earth, which are scores."""

from __future__ import annotations

from .combining import SortedSetCombiningCommands
from .geo import GeoCommands
from .popping import SortedSetPoppingCommands
from .ranges import SortedSetRangeCommands

__all__ = ["GeoCommands", "SortedSetCombiningCommands", "SortedSetPoppingCommands", "SortedSetRangeCommands"]
