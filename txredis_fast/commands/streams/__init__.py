"""Commands on streams and their consumer groups."""

from __future__ import annotations

from .entries import StreamCommands
from .groups import StreamGroupCommands
from .replies import entries as entries_of
from .replies import stream_description, streams

__all__ = ["StreamCommands", "StreamGroupCommands", "entries_of", "stream_description", "streams"]
