"""Consumers of streams: an iteration over the entries of a consumer group that loses none, ``rc.consume()``.

This room must not know how a command is sent, nor how many servers there are.
"""

from __future__ import annotations

from .consumer import StreamConsumer
from .consuming import consume
from .entry import StreamEntry

__all__ = ["StreamConsumer", "StreamEntry", "consume"]
