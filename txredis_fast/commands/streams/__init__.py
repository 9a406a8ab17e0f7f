"""Commands on streams and their consumer groups."""

from __future__ import annotations

from .entries import StreamCommands
from .groups import StreamGroupCommands
from .replies import entries, stream_description, streams

__all__ = ["StreamCommands", "StreamGroupCommands", "entries", "stream_description", "streams"]
