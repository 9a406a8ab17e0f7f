"""Commands on keys and their values: one class per data type."""

from __future__ import annotations

from .bitmaps import BitmapCommands
from .hashes import HashCommands
from .hyperloglog import HyperLogLogCommands
from .keys import KeyCommands
from .lists import ListCommands
from .sets import SetCommands
from .sorted_sets import SortedSetCommands
from .strings import StringCommands

__all__ = [
    "BitmapCommands",
    "HashCommands",
    "HyperLogLogCommands",
    "KeyCommands",
    "ListCommands",
    "SetCommands",
    "SortedSetCommands",
    "StringCommands",
]
