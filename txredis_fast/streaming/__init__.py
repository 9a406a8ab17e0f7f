"""Consumers of streams: an iteration over the entries of a consumer group that loses none, ``rc.consume()``.

This room must not know how a command is sent, nor how many servers there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names
from .consuming import consume

if TYPE_CHECKING:
    from .consumer import StreamConsumer
    from .entry import StreamEntry
else:
    __getattr__, __dir__ = lazy_names(globals(), {"consumer": ("StreamConsumer",), "entry": ("StreamEntry",)})

__all__ = ["StreamConsumer", "StreamEntry", "consume"]
