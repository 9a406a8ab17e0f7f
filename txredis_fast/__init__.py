"""A fast Redis and Valkey client for Twisted, and a drop-in replacement of txredisapi.

::

    import txredis_fast as redis

    async with redis.connect("redis://localhost:6379") as rc:
        await rc.set("greeting", "hello")
        await rc.get("greeting")  # 'hello'

``connect`` is the way in for new programs: it takes every URL and option, fails with the server and the reason if there
is no server, and guesses no numbers.

There are ten more ways in. The first eight make a handler, which has every command as a method.
:class:`ConnectionOptions` documents the options that they share.

- ``Connection``, ``lazyConnection``: one TCP connection to a server.
- ``ConnectionPool``, ``lazyConnectionPool``: a pool of TCP connections to a server.
- ``UnixConnection``, ``UnixConnectionPool`` and their ``lazy`` forms: the same over a unix socket.
- ``ShardedConnection``, ``ShardedConnectionPool`` and their ``lazy`` forms: several servers, by consistent hashing.
- ``ShardedUnixConnection``, ``ShardedUnixConnectionPool`` and their ``lazy`` forms: the same over unix sockets.
- ``from_url``: a server, a unix socket or a Sentinel service by its URL: ``rediss://user:password@host:6379/0``.
- ``from_endpoint``: a pool over a Twisted endpoint, given as an object or as a string.
- ``Sentinel``: pools that follow the master or the replicas of a service.
- ``SubscriberFactory``, ``MonitorFactory``: connections for SUBSCRIBE and for MONITOR, by subclassing a protocol;
  ``rc.subscriber()`` of a handler receives messages without.
- ``RedisFactory``: a pool that ``reactor.connectTCP()`` or ``startConnecting(endpoint)`` connects.

A ``lazy`` constructor returns its handler at once and connects in the background. The others return a Deferred that
fires with the handler once all connections are up. ``install()`` puts this package in the place of txredisapi.
"""

from __future__ import annotations

import importlib
from typing import Any

from ._implementation import IMPLEMENTATION
from .api import (
    Connecting,
    Connection,
    ConnectionPool,
    ShardedConnection,
    ShardedConnectionPool,
    ShardedUnixConnection,
    ShardedUnixConnectionPool,
    UnixConnection,
    UnixConnectionPool,
    connect,
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
from .pubsub import (
    Message,
    MonitorFactory,
    MonitorProtocol,
    Refused,
    Subscriber,
    SubscriberFactory,
    SubscriberProtocol,
    Subscribing,
)
from .resp import Push, Reader, encode_command
from .sentinel import Sentinel, SentinelConnectionFactory, SentinelRedisProtocol
from .sharding import HashRing, ShardedConnectionHandler, ShardedMethods, ShardedUnixConnectionHandler
from .telemetry import CommandHook, CommandInfo, Stats

# ConnectionError and TimeoutError are left out: `import *` must not replace the builtins.
__all__ = [
    "IMPLEMENTATION",
    "AuthenticationError",
    "BaseRedisProtocol",
    "Batch",
    "BusyError",
    "CommandHook",
    "CommandInfo",
    "Connecting",
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
    "Message",
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
    "Refused",
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
    "Subscriber",
    "SubscriberFactory",
    "SubscriberProtocol",
    "Subscribing",
    "Transaction",
    "UnixConnection",
    "UnixConnectionHandler",
    "UnixConnectionPool",
    "WatchError",
    "WrongTypeError",
    "connect",
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
    if name == "reactor":  # imported at first use: importing this package must install no reactor
        from twisted.internet import reactor

        return reactor
    if name == "otel":  # imported at first use: most programs do not need it
        return importlib.import_module(f"{__name__}.otel")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
