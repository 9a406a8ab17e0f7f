"""The ways in: ``connect()`` for new programs, txredisapi's constructors for those written for it.

This room must not know how connections are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names
from .constructors import (
    Connection,
    ConnectionPool,
    ShardedConnection,
    ShardedConnectionPool,
    ShardedUnixConnection,
    ShardedUnixConnectionPool,
    UnixConnection,
    UnixConnectionPool,
    from_endpoint,
    from_url,
    install,
    lazyConnection,
    lazyConnectionPool,
    lazyShardedConnection,
    lazyShardedConnectionPool,
    lazyShardedUnixConnection,
    lazyShardedUnixConnectionPool,
    lazyUnixConnection,
    lazyUnixConnectionPool,
    makeConnection,
    makeShardedConnection,
    makeShardedUnixConnection,
    makeUnixConnection,
)
from .front_door import Connecting, connect

if TYPE_CHECKING:
    from .clusters import ClusterConnection, lazyClusterConnection
    from .service import RedisService
else:
    __getattr__, __dir__ = lazy_names(
        globals(), {"clusters": ("ClusterConnection", "lazyClusterConnection"), "service": ("RedisService",)}
    )

__all__ = [
    "ClusterConnection",
    "Connecting",
    "Connection",
    "ConnectionPool",
    "RedisService",
    "ShardedConnection",
    "ShardedConnectionPool",
    "ShardedUnixConnection",
    "ShardedUnixConnectionPool",
    "UnixConnection",
    "UnixConnectionPool",
    "connect",
    "from_endpoint",
    "from_url",
    "install",
    "lazyClusterConnection",
    "lazyConnection",
    "lazyConnectionPool",
    "lazyShardedConnection",
    "lazyShardedConnectionPool",
    "lazyShardedUnixConnection",
    "lazyShardedUnixConnectionPool",
    "lazyUnixConnection",
    "lazyUnixConnectionPool",
    "makeConnection",
    "makeShardedConnection",
    "makeShardedUnixConnection",
    "makeUnixConnection",
]
