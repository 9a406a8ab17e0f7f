"""Client-side consistent hashing: one key space over several independent servers."""

from __future__ import annotations

from .addresses import parse_hosts, parse_paths
from .commands import ShardedMethods
from .handler import ShardedConnectionHandler, ShardedUnixConnectionHandler, connect_shards
from .ring import HashRing

__all__ = [
    "HashRing",
    "ShardedConnectionHandler",
    "ShardedMethods",
    "ShardedUnixConnectionHandler",
    "connect_shards",
    "parse_hosts",
    "parse_paths",
]
