"""Commands on streams and their consumer groups."""

from __future__ import annotations

from .entries import StreamCommands
from .groups import StreamGroupCommands

__all__ = ["StreamCommands", "StreamGroupCommands"]
