"""Helpers over single commands, which programs otherwise write by hand: iterators over SCAN, named scripts.

This room must not know how a command is sent.
"""

from __future__ import annotations

from .scanning import ScanIterator, ScanIterators
from .scripts import RegisteredScripts, Script

__all__ = ["RegisteredScripts", "ScanIterator", "ScanIterators", "Script"]
