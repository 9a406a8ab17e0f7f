"""Servers found by asking Sentinels: which one is the master now, and which are its replicas.

``survey`` asks all Sentinels at once and takes the first usable answer. ``factory`` asks so before each attempt to
connect, so that a lost connection is made again where the master is by then, and makes sure that the server reached
takes itself for the master too. ``manager`` has what a program holds: :class:`Sentinel`.

This package must not know how a pool uses its connections.
"""

from __future__ import annotations

from .factory import SentinelConnectionFactory, SentinelEndpoint, SentinelRedisProtocol
from .manager import Sentinel, connect_through_sentinels

__all__ = [
    "Sentinel",
    "SentinelConnectionFactory",
    "SentinelEndpoint",
    "SentinelRedisProtocol",
    "connect_through_sentinels",
]
