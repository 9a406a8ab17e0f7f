"""A fast Redis and Valkey client for Twisted, and a drop-in replacement of txredisapi.

::

    import txredis_fast as redis

    rc = await redis.ConnectionPool()
    await rc.set("greeting", "hello")
    await rc.get("greeting")  # 'hello'
"""

from __future__ import annotations

import importlib
from typing import Any

from ._implementation import IMPLEMENTATION
from .api import (
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
from .batching import Batch, Pipeline, PipelineError, PipelineLostError, Transaction
from .client import ConnectionHandler, RedisFactory, UnixConnectionHandler
from .commands._parts import list_or_args
from .connection import (
    BaseRedisProtocol,
    HiredisProtocol,
    LineReceiver,
    MultiBulkStorage,
    PeekableQueue,
    RedisProtocol,
    ReplyQueue,
)
from .exceptions import (
    AuthenticationError,
    BusyError,
    ConnectionFailedError,
    ExecAbortError,
    GarbledReplyError,
    InvalidData,
    InvalidResponse,
    LoadingError,
    MasterDownError,
    MasterNotFoundError,
    MaybeExecutedError,
    NoPermissionError,
    NoScriptRunning,
    NotSentError,
    ProtocolError,
    QueueFullError,
    ReadOnlyError,
    RedisError,
    ReplyTimeoutError,
    ResponseError,
    ScriptDoesNotExist,
    WatchError,
    WrongTypeError,
)
from .exceptions import ConnectionError as ConnectionError
from .exceptions import TimeoutError as TimeoutError
from .options import ConnectionOptions, RedisURL, RetryPolicy
from .pubsub import MonitorFactory, MonitorProtocol, SubscriberFactory, SubscriberProtocol
from .resp import Push, Reader, encode_command
from .sentinel import Sentinel, SentinelConnectionFactory, SentinelRedisProtocol
from .sharding import HashRing, ShardedConnectionHandler, ShardedMethods, ShardedUnixConnectionHandler
from .telemetry import CommandHook, CommandInfo, Stats

# Without ConnectionError and TimeoutError, which `import *` must not put in place of the builtins.
__all__ = [
    "IMPLEMENTATION",
    "AuthenticationError",
    "BaseRedisProtocol",
    "Batch",
    "BusyError",
    "CommandHook",
    "CommandInfo",
    "Connection",
    "ConnectionFailedError",
    "ConnectionHandler",
    "ConnectionOptions",
    "ConnectionPool",
    "ExecAbortError",
    "GarbledReplyError",
    "HashRing",
    "HiredisProtocol",
    "InvalidData",
    "InvalidResponse",
    "LineReceiver",
    "LoadingError",
    "MasterDownError",
    "MasterNotFoundError",
    "MaybeExecutedError",
    "MonitorFactory",
    "MonitorProtocol",
    "MultiBulkStorage",
    "NoPermissionError",
    "NoScriptRunning",
    "NotSentError",
    "PeekableQueue",
    "Pipeline",
    "PipelineError",
    "PipelineLostError",
    "ProtocolError",
    "Push",
    "QueueFullError",
    "ReadOnlyError",
    "Reader",
    "RedisError",
    "RedisFactory",
    "RedisProtocol",
    "RedisURL",
    "ReplyQueue",
    "ReplyTimeoutError",
    "ResponseError",
    "RetryPolicy",
    "ScriptDoesNotExist",
    "Sentinel",
    "SentinelConnectionFactory",
    "SentinelRedisProtocol",
    "ShardedConnection",
    "ShardedConnectionHandler",
    "ShardedConnectionPool",
    "ShardedMethods",
    "ShardedUnixConnection",
    "ShardedUnixConnectionHandler",
    "ShardedUnixConnectionPool",
    "Stats",
    "SubscriberFactory",
    "SubscriberProtocol",
    "Transaction",
    "UnixConnection",
    "UnixConnectionHandler",
    "UnixConnectionPool",
    "WatchError",
    "WrongTypeError",
    "encode_command",
    "from_endpoint",
    "from_url",
    "install",
    "lazyConnection",
    "lazyConnectionPool",
    "lazyShardedConnection",
    "lazyShardedConnectionPool",
    "lazyShardedUnixConnection",
    "lazyShardedUnixConnectionPool",
    "lazyUnixConnection",
    "lazyUnixConnectionPool",
    "list_or_args",
    "makeConnection",
    "makeShardedConnection",
    "makeShardedUnixConnection",
    "makeUnixConnection",
    "version",
]

__version__ = "0.1.0"
version = __version__


def __getattr__(name: str) -> Any:
    if name == "reactor":  # imported when it is needed, so that importing this package installs none
        from twisted.internet import reactor

        return reactor
    if name == "otel":  # what most programs do not use; it imports OpenTelemetry later still, when that is used
        return importlib.import_module(f"{__name__}.otel")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
