"""Commands on keys and their values: one class per data type."""

from __future__ import annotations

from .bitmaps import BitmapCommands
from .hash_fields import HashFieldCommands
from .hashes import HashCommands
from .hyperloglog import HyperLogLogCommands
from .key_expiry import KeyExpiryCommands
from .keys import KeyCommands
from .lists import ListCommands
from .sets import SetCommands
from .sorted_sets import SortedSetCommands
from .strings import StringCommands
from .vectors import VectorSetCommands

__all__ = [
    "BitmapCommands",
    "HashCommands",
    "HashFieldCommands",
    "HyperLogLogCommands",
    "KeyCommands",
    "KeyExpiryCommands",
    "ListCommands",
    "SetCommands",
    "SortedSetCommands",
    "StringCommands",
    "VectorSetCommands",
]
