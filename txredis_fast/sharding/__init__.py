"""Client-side consistent hashing: one key space over several independent servers."""

from __future__ import annotations

from .handler import (
    HashRing,
    ShardedConnectionHandler,
    ShardedMethods,
    ShardedUnixConnectionHandler,
    connect_shards,
    parse_hosts,
    parse_paths,
)

__all__ = [
    "HashRing",
    "ShardedConnectionHandler",
    "ShardedMethods",
    "ShardedUnixConnectionHandler",
    "connect_shards",
    "parse_hosts",
    "parse_paths",
]
