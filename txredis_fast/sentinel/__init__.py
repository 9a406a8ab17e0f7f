"""Pools that find their server through Sentinels: the current master of a service, or its replicas.

``survey`` asks all Sentinels at the same time and takes the first usable answer. ``factory`` does so before each
attempt to connect, so that a lost connection is made anew to the current master, and checks that the server itself has
the role of a master. ``manager`` has the class that programs use: :class:`Sentinel`.

This package must not know how a pool uses its connections.
"""

from __future__ import annotations

from .factory import SentinelConnectionFactory, SentinelEndpoint, SentinelRedisProtocol
from .manager import Sentinel, open_through_sentinels

__all__ = [
    "Sentinel",
    "SentinelConnectionFactory",
    "SentinelEndpoint",
    "SentinelRedisProtocol",
    "open_through_sentinels",
]
