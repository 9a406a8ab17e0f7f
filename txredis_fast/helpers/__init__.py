"""What programs otherwise write by hand over single commands: iterators over SCAN, and scripts with a name.

This room must not know how a command is sent.
"""

from __future__ import annotations

from .scanning import ScanIterator, ScanIterators
from .scripts import RegisteredScripts, Script

__all__ = ["RegisteredScripts", "ScanIterator", "ScanIterators", "Script"]
