"""One connection, from handshake to end: parse incoming bytes, match replies to requests, write commands.

This room must not know of pools, nor of other connections.
"""

from __future__ import annotations

from .handshake import Step, log_in
from .legacy import LineReceiver, MultiBulkStorage, PeekableQueue, ReplyQueue
from .link import Link
from .protocol import BaseRedisProtocol, HiredisProtocol, RedisProtocol

__all__ = [
    "BaseRedisProtocol",
    "HiredisProtocol",
    "LineReceiver",
    "Link",
    "MultiBulkStorage",
    "PeekableQueue",
    "RedisProtocol",
    "ReplyQueue",
    "Step",
    "log_in",
]
