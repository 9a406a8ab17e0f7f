"""The speed of commands: measures both implementations in turns, the other one in a process of its own."""

from __future__ import annotations

from .comparison import IMPLEMENTATION_NAMES
from .measure import Target
from .table import show_speed

__all__ = ["IMPLEMENTATION_NAMES", "Target", "show_speed"]
