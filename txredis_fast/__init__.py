"""A fast Redis and Valkey client for Twisted, and a drop-in replacement of txredisapi.

::

    import txredis_fast as redis

    async with redis.connect("redis://localhost:6379") as rc:
        await rc.set("greeting", "hello")
        await rc.get("greeting")  # 'hello'

New programs
    ``connect(url)``: a pool of connections, by any URL (``redis``, ``rediss``, ``unix``, ``redis+sentinel`` ...) and
    with any option. It fails with the server and the reason if there is no server. No text becomes a number.
Further ways in
    ``from_url``, ``from_endpoint``: the same with txredisapi's defaults, or over a Twisted endpoint.
    ``Sentinel``: pools that follow the master or the replicas of a service.
    ``ClusterConnection``, ``lazyClusterConnection``: the handler of a Redis or Valkey Cluster.
    ``rc.subscriber()``: published messages. ``SubscriberFactory``, ``MonitorFactory``: connections for SUBSCRIBE and
    for MONITOR by subclassing a protocol.
    ``RedisService``: a service of a Twisted application, whose ``rc`` is connected while it runs.
    ``RedisFactory``: a pool that ``reactor.connectTCP()`` or ``startConnecting(endpoint)`` connects.
Programs written for txredisapi
    ``Connection``, ``ConnectionPool``; ``UnixConnection``, ``UnixConnectionPool``; ``ShardedConnection``,
    ``ShardedConnectionPool``, ``ShardedUnixConnection``, ``ShardedUnixConnectionPool``, which spread keys over several
    servers. Each returns a Deferred that fires with a handler when all connections are usable. Each has a ``lazy`` form
    (``lazyConnectionPool``), which returns the handler at once and connects in the background.
    ``install()`` puts this package in the place of txredisapi.
What a program holds
    ``ConnectionHandler``: every command is a method of it; so they are of ``Pipeline``, ``Transaction`` and ``Batch``.
    ``rc.scan_iter()`` iterates over keys (``ScanIterator``); ``rc.register_script()`` makes a function (``Script``);
    ``rc.consume()`` reads a stream as a member of a consumer group (``StreamConsumer``, ``StreamEntry``).
Options and numbers
    ``ConnectionOptions``: every option of every way in. ``ClientCache``: what ``rc.cached(ttl)`` keeps.
    ``RetryPolicy``: what is sent again. ``Stats``: what ``rc.stats()`` counts. ``CommandHook``: sees every command.
Errors
    ``RedisError`` is the base of all. ``NotSentError``: the command was not executed. ``MaybeExecutedError``: it may
    have been. ``ConnectionError``, ``ReplyTimeoutError``, ``ResponseError`` (the server's own) and more.
Tests
    ``testing``: a server in memory, an embedded server, fixtures for pytest, a mixin for trial.

``help(txredis_fast.connect)`` tells more; ``dir(txredis_fast)`` lists all; ``python -m txredis_fast`` shows it at work.
"""

import typing as _typing

from . import streaming as _streaming  # noqa: F401 - it sets a method of handlers, as pubsub does
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
from .api.namespace import attributes as _attributes
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
    AskError,
    AuthenticationError,
    BusyError,
    ClusterDownError,
    ConnectionFailedError,
    CrossSlotError,
    DecodeError,
    ExecAbortError,
    GarbledReplyError,
    InvalidData,
    InvalidResponse,
    LoadingError,
    MasterDownError,
    MasterNotFoundError,
    MaybeExecutedError,
    MovedError,
    NoPermissionError,
    NoScriptRunning,
    NoSlotError,
    NotSentError,
    ProtocolError,
    QueueFullError,
    ReadOnlyError,
    RedisError,
    ReplyTimeoutError,
    ResponseError,
    ScriptDoesNotExist,
    TryAgainError,
    WatchError,
    WrongTypeError,
)
from .exceptions import ConnectionError as _ConnectionError
from .exceptions import TimeoutError as _TimeoutError
from .helpers import ScanIterator, Script
from .options import ConnectionOptions, RedisURL, RetryPolicy
from .pubsub import Subscribing
from .resp import Push, Reader, encode_command, key_slot
from .telemetry import CacheStats, ClusterStats, CommandHook, CommandInfo, Stats

__version__ = "0.1.0"
version = __version__

if _typing.TYPE_CHECKING:
    from twisted.internet import reactor as reactor

    from . import otel as otel
    from . import testing as testing
    from .api import ClusterConnection, RedisService, lazyClusterConnection
    from .caching import Cache, CachedView
    from .cluster import ClusterConnecting, ClusterConnectionHandler, ClusterNode, ClusterTransaction
    from .exceptions import ConnectionError as ConnectionError
    from .exceptions import TimeoutError as TimeoutError
    from .options import ClientCache, ClusterOptions
    from .pubsub import (
        Message,
        MonitorFactory,
        MonitorProtocol,
        Refused,
        Subscriber,
        SubscriberFactory,
        SubscriberProtocol,
    )
    from .sentinel import Sentinel, SentinelConnectionFactory, SentinelRedisProtocol
    from .sharding import HashRing, ShardedConnectionHandler, ShardedMethods, ShardedUnixConnectionHandler
    from .streaming import StreamConsumer, StreamEntry

    # For type checkers only; see `namespace`. ConnectionError and TimeoutError are left out: `import *` must not
    # replace the builtins.
    __all__ = [
        "IMPLEMENTATION",
        "AskError",
        "AuthenticationError",
        "BaseRedisProtocol",
        "Batch",
        "BusyError",
        "Cache",
        "CacheStats",
        "CachedView",
        "ClientCache",
        "ClusterConnecting",
        "ClusterConnection",
        "ClusterConnectionHandler",
        "ClusterDownError",
        "ClusterNode",
        "ClusterOptions",
        "ClusterStats",
        "ClusterTransaction",
        "CommandHook",
        "CommandInfo",
        "Connecting",
        "Connection",
        "ConnectionFailedError",
        "ConnectionHandler",
        "ConnectionOptions",
        "ConnectionPool",
        "CrossSlotError",
        "DecodeError",
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
        "MovedError",
        "MultiBulkStorage",
        "NoPermissionError",
        "NoScriptRunning",
        "NoSlotError",
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
        "RedisService",
        "RedisURL",
        "Refused",
        "ReplyQueue",
        "ReplyTimeoutError",
        "ResponseError",
        "RetryPolicy",
        "ScanIterator",
        "Script",
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
        "StreamConsumer",
        "StreamEntry",
        "Subscriber",
        "SubscriberFactory",
        "SubscriberProtocol",
        "Subscribing",
        "Transaction",
        "TryAgainError",
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
        "key_slot",
        "lazyClusterConnection",
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

    def __getattr__(name: str) -> _typing.Any: ...

else:
    __getattr__, __dir__ = _attributes(
        globals(),
        builtins={"ConnectionError": _ConnectionError, "TimeoutError": _TimeoutError},
        # Imported when they are first used.
        lazy={
            "api": ("ClusterConnection", "RedisService", "lazyClusterConnection"),
            "caching": ("Cache", "CachedView"),
            "cluster": ("ClusterConnecting", "ClusterConnectionHandler", "ClusterNode", "ClusterTransaction"),
            "options": ("ClientCache", "ClusterOptions"),
            "pubsub": (
                *("Message", "Refused", "Subscriber"),
                *("MonitorFactory", "MonitorProtocol", "SubscriberFactory", "SubscriberProtocol"),
            ),
            "sentinel": ("Sentinel", "SentinelConnectionFactory", "SentinelRedisProtocol"),
            "sharding": ("HashRing", "ShardedConnectionHandler", "ShardedMethods", "ShardedUnixConnectionHandler"),
            "streaming": ("StreamConsumer", "StreamEntry"),
        },
    )
