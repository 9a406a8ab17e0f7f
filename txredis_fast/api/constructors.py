"""txredisapi's constructors with their exact signatures; ``from_url``, ``from_endpoint`` and ``install``.

Each constructor calls the ``make...`` function of its kind: over TCP or a unix socket, sharded or not. It takes all
other options as keyword arguments; :class:`~txredis_fast.ConnectionOptions` documents them. A constructor whose name
begins with ``lazy`` returns the handler at once, and connects in the background. The others return a Deferred: it fires
with the handler when all connections are usable, and fails with :exc:`ConnectionFailedError` if the attempts to connect
end before that. A wrong argument raises ``ValueError``.

The rooms for several servers are imported when such a constructor is called; most programs call none.

Overloads tell type checkers the type of values, where keyword arguments decide it. More than 500 lines, because the
sixteen signatures of txredisapi are written out, and once more as overloads.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint

from .._checks import Credential, check_host, check_path, check_port, check_truth, shown
from ..client import ConnectionHandler, RedisFactory, UnixConnectionHandler
from ..options import (
    AllClusterOptions,
    AllOptions,
    ClusterGroup,
    ConnectionOptions,
    ConvertNumbers,
    EndpointOptions,
    MoreOptions,
    RedisURL,
    refuse_others,
    shows_options,
)
from ..transport import endpoint_from, place_of, tcp_endpoint, unix_endpoint

if TYPE_CHECKING:
    from typing import overload

    from typing_extensions import Unpack

    from ..options import (
        AllOptionsOfAnyValues,
        EndpointOptionsOfAnyValues,
        TCPConnectionOptions,
        TCPPoolOptions,
        Undecodable,
        UnixConnectionOptions,
        UnixPoolOptions,
    )
    from ..sharding import ShardedConnectionHandler, ShardedUnixConnectionHandler
else:
    from .._lazy import overload

__all__ = [
    "Connection",
    "ConnectionPool",
    "ShardedConnection",
    "ShardedConnectionPool",
    "ShardedUnixConnection",
    "ShardedUnixConnectionPool",
    "UnixConnection",
    "UnixConnectionPool",
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
    "makeConnection",
    "makeShardedConnection",
    "makeShardedUnixConnection",
    "makeUnixConnection",
    "open_url",
    "options_for",
]

# fmt: off
# Several parameters per line, so that the signatures can be compared.

@shows_options(MoreOptions)
def makeConnection(
    host: str, port: int, dbid: int | None, poolsize: int, reconnect: bool, isLazy: bool, charset: str | None,
    password: Credential | None, ssl_context_factory: object, connectTimeout: float | None,
    replyTimeout: float | None, convertNumbers: ConvertNumbers, username: Credential | None = None,
    **more: Unpack[MoreOptions],
) -> Any:
    """Connect to a server over TCP, for the four constructors that do.

    :returns: the handler if ``isLazy``; else a Deferred that fires with it when all connections are usable.
    """
    refuse_others("the constructor", more, MoreOptions)
    options = ConnectionOptions(
        dbid=dbid, poolsize=poolsize, reconnect=reconnect, charset=charset, password=password, username=username,
        ssl_context_factory=ssl_context_factory, connectTimeout=connectTimeout, replyTimeout=replyTimeout,
        convertNumbers=convertNumbers, **more,
    )
    host, port = check_host("host", host), check_port("port", port)
    endpoint = tcp_endpoint(host, port, options.connectTimeout, options.tls_context)
    return _connect(endpoint, f"{host}:{port}", options, isLazy, ConnectionHandler)


@shows_options(MoreOptions)
def makeUnixConnection(
    path: str, dbid: int | None, poolsize: int, reconnect: bool, isLazy: bool, charset: str | None,
    password: Credential | None, connectTimeout: float | None, replyTimeout: float | None,
    convertNumbers: ConvertNumbers, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Any:
    """Connect to a server over a unix socket, for the four constructors that do.

    :returns: as :func:`makeConnection`.
    """
    refuse_others("the constructor", more, AllOptions)  # `ssl_context_factory`, too, which is refused in other words
    options = ConnectionOptions(
        dbid=dbid, poolsize=poolsize, reconnect=reconnect, charset=charset, password=password, username=username,
        connectTimeout=connectTimeout, replyTimeout=replyTimeout, convertNumbers=convertNumbers, **more,
    )
    _refuse_tls(options)
    path = check_path("path", path)
    return _connect(unix_endpoint(path, options.connectTimeout), path, options, isLazy, UnixConnectionHandler)


def _refuse_tls(options: ConnectionOptions) -> None:
    if options.tls_context:
        raise ValueError("TLS is for TCP, and a unix socket has none: leave the TLS options out, or connect over TCP")


def _connect(
    endpoint: IStreamClientEndpoint, uuid: str, options: ConnectionOptions, isLazy: bool,
    handler: type[ConnectionHandler],
) -> Any:
    made, connected = _begin(endpoint, uuid, options, isLazy, handler)
    return made if isLazy else connected


def _begin(
    endpoint: IStreamClientEndpoint, uuid: str, options: ConnectionOptions, isLazy: bool,
    handler: type[ConnectionHandler],
) -> tuple[Any, Any]:
    isLazy = check_truth("isLazy", isLazy)
    factory = RedisFactory(handler=handler, **RedisFactory.arguments(uuid, options, isLazy))
    factory.reconnect = options.reconnect
    connected = factory.deferred
    factory.startConnecting(endpoint)
    return factory.handler, connected


def _shard(
    connections: list[Any], names: Sequence[str], isLazy: bool, handler: type[ShardedConnectionHandler]
) -> Any:
    from ..sharding import connect_shards

    return handler(connections) if isLazy else connect_shards(connections, names, handler)


@overload
def Connection(
    host: str = ..., port: int = ..., dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[TCPConnectionOptions],
) -> Deferred[ConnectionHandler[bytes]]: ...
@overload
def Connection(
    host: str = ..., port: int = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[TCPConnectionOptions],
) -> Deferred[ConnectionHandler[str | bytes]]: ...
@overload
def Connection(
    host: str = ..., port: int = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[TCPConnectionOptions],
) -> Deferred[ConnectionHandler[str]]: ...
@overload
def Connection(
    host: str = "localhost", port: int = 6379, dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[ConnectionHandler]: ...
@shows_options(MoreOptions)
def Connection(
    host: str = "localhost", port: int = 6379, dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[ConnectionHandler[Any]]:
    """Connect to a server with one connection; fires with the handler when it is usable."""
    return makeConnection(  # type: ignore[no-any-return]
        host, port, dbid, 1, reconnect, False, charset, password, ssl_context_factory, connectTimeout,
        replyTimeout, convertNumbers, username, **more,
    )


@overload
def lazyConnection(
    host: str = ..., port: int = ..., dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[TCPConnectionOptions],
) -> ConnectionHandler[bytes]: ...
@overload
def lazyConnection(
    host: str = ..., port: int = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[TCPConnectionOptions],
) -> ConnectionHandler[str | bytes]: ...
@overload
def lazyConnection(
    host: str = ..., port: int = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[TCPConnectionOptions],
) -> ConnectionHandler[str]: ...
@overload
def lazyConnection(
    host: str = "localhost", port: int = 6379, dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> ConnectionHandler: ...
@shows_options(MoreOptions)
def lazyConnection(
    host: str = "localhost", port: int = 6379, dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> ConnectionHandler:
    """Connect to a server with one connection, in the background; returns the handler at once."""
    return makeConnection(  # type: ignore[no-any-return]
        host, port, dbid, 1, reconnect, True, charset, password, ssl_context_factory, connectTimeout,
        replyTimeout, convertNumbers, username, **more,
    )


@overload
def ConnectionPool(
    host: str = ..., port: int = ..., dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[TCPPoolOptions],
) -> Deferred[ConnectionHandler[bytes]]: ...
@overload
def ConnectionPool(
    host: str = ..., port: int = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[TCPPoolOptions],
) -> Deferred[ConnectionHandler[str | bytes]]: ...
@overload
def ConnectionPool(
    host: str = ..., port: int = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[TCPPoolOptions],
) -> Deferred[ConnectionHandler[str]]: ...
@overload
def ConnectionPool(
    host: str = "localhost", port: int = 6379, dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[ConnectionHandler]: ...
@shows_options(MoreOptions)
def ConnectionPool(
    host: str = "localhost", port: int = 6379, dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[ConnectionHandler[Any]]:
    """Connect to a server with ``poolsize`` connections; fires with the handler when all are usable."""
    return makeConnection(  # type: ignore[no-any-return]
        host, port, dbid, poolsize, reconnect, False, charset, password, ssl_context_factory, connectTimeout,
        replyTimeout, convertNumbers, username, **more,
    )


@overload
def lazyConnectionPool(
    host: str = ..., port: int = ..., dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[TCPPoolOptions],
) -> ConnectionHandler[bytes]: ...
@overload
def lazyConnectionPool(
    host: str = ..., port: int = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[TCPPoolOptions],
) -> ConnectionHandler[str | bytes]: ...
@overload
def lazyConnectionPool(
    host: str = ..., port: int = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[TCPPoolOptions],
) -> ConnectionHandler[str]: ...
@overload
def lazyConnectionPool(
    host: str = "localhost", port: int = 6379, dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> ConnectionHandler: ...
@shows_options(MoreOptions)
def lazyConnectionPool(
    host: str = "localhost", port: int = 6379, dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> ConnectionHandler:
    """Connect to a server with ``poolsize`` connections, in the background; returns the handler at once."""
    return makeConnection(  # type: ignore[no-any-return]
        host, port, dbid, poolsize, reconnect, True, charset, password, ssl_context_factory, connectTimeout,
        replyTimeout, convertNumbers, username, **more,
    )


@overload
def UnixConnection(
    path: str = ..., dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[UnixConnectionOptions],
) -> Deferred[UnixConnectionHandler[bytes]]: ...
@overload
def UnixConnection(
    path: str = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[UnixConnectionOptions],
) -> Deferred[UnixConnectionHandler[str | bytes]]: ...
@overload
def UnixConnection(
    path: str = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[UnixConnectionOptions],
) -> Deferred[UnixConnectionHandler[str]]: ...
@overload
def UnixConnection(
    path: str = "/tmp/redis.sock", dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[UnixConnectionHandler]: ...
@shows_options(MoreOptions)
def UnixConnection(
    path: str = "/tmp/redis.sock", dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[UnixConnectionHandler[Any]]:
    """Connect to a server over a unix socket with one connection; fires with the handler when it is usable."""
    return makeUnixConnection(  # type: ignore[no-any-return]
        path, dbid, 1, reconnect, False, charset, password, connectTimeout, replyTimeout,
        convertNumbers, username, **more,
    )


@overload
def lazyUnixConnection(
    path: str = ..., dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[UnixConnectionOptions],
) -> UnixConnectionHandler[bytes]: ...
@overload
def lazyUnixConnection(
    path: str = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[UnixConnectionOptions],
) -> UnixConnectionHandler[str | bytes]: ...
@overload
def lazyUnixConnection(
    path: str = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[UnixConnectionOptions],
) -> UnixConnectionHandler[str]: ...
@overload
def lazyUnixConnection(
    path: str = "/tmp/redis.sock", dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> UnixConnectionHandler: ...
@shows_options(MoreOptions)
def lazyUnixConnection(
    path: str = "/tmp/redis.sock", dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> UnixConnectionHandler:
    """Connect to a server over a unix socket with one connection, in the background; returns the handler at once."""
    return makeUnixConnection(  # type: ignore[no-any-return]
        path, dbid, 1, reconnect, True, charset, password, connectTimeout, replyTimeout,
        convertNumbers, username, **more,
    )


@overload
def UnixConnectionPool(
    path: str = ..., dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[UnixPoolOptions],
) -> Deferred[UnixConnectionHandler[bytes]]: ...
@overload
def UnixConnectionPool(
    path: str = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[UnixPoolOptions],
) -> Deferred[UnixConnectionHandler[str | bytes]]: ...
@overload
def UnixConnectionPool(
    path: str = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[UnixPoolOptions],
) -> Deferred[UnixConnectionHandler[str]]: ...
@overload
def UnixConnectionPool(
    path: str = "/tmp/redis.sock", dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[UnixConnectionHandler]: ...
@shows_options(MoreOptions)
def UnixConnectionPool(
    path: str = "/tmp/redis.sock", dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[UnixConnectionHandler[Any]]:
    """Connect to a server over a unix socket with ``poolsize`` connections.

    Fires with the handler when all are usable.
    """
    return makeUnixConnection(  # type: ignore[no-any-return]
        path, dbid, poolsize, reconnect, False, charset, password, connectTimeout, replyTimeout,
        convertNumbers, username, **more,
    )


@overload
def lazyUnixConnectionPool(
    path: str = ..., dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[UnixPoolOptions],
) -> UnixConnectionHandler[bytes]: ...
@overload
def lazyUnixConnectionPool(
    path: str = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[UnixPoolOptions],
) -> UnixConnectionHandler[str | bytes]: ...
@overload
def lazyUnixConnectionPool(
    path: str = ..., dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[UnixPoolOptions],
) -> UnixConnectionHandler[str]: ...
@overload
def lazyUnixConnectionPool(
    path: str = "/tmp/redis.sock", dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> UnixConnectionHandler: ...
@shows_options(MoreOptions)
def lazyUnixConnectionPool(
    path: str = "/tmp/redis.sock", dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> UnixConnectionHandler:
    """Connect to a server over a unix socket with ``poolsize`` connections.

    Returns the handler at once, and connects in the background.
    """
    return makeUnixConnection(  # type: ignore[no-any-return]
        path, dbid, poolsize, reconnect, True, charset, password, connectTimeout, replyTimeout,
        convertNumbers, username, **more,
    )


@shows_options(MoreOptions)
def makeShardedConnection(
    hosts: Sequence[str], dbid: int | None, poolsize: int, reconnect: bool, isLazy: bool, charset: str | None,
    password: Credential | None, ssl_context_factory: object, connectTimeout: float | None,
    replyTimeout: float | None, convertNumbers: ConvertNumbers, username: Credential | None = None,
    **more: Unpack[MoreOptions],
) -> Any:
    """Connect to several servers over TCP, for the four sharded constructors that do.

    :param hosts: the servers, each as ``"host:port"`` or ``"[ipv6]:port"``.
    :returns: the handler if ``isLazy``; else a Deferred that fires with it when all connections are usable.
    """
    from ..sharding import ShardedConnectionHandler, parse_hosts

    connections = [
        makeConnection(
            host, port, dbid, poolsize, reconnect, isLazy, charset, password, ssl_context_factory, connectTimeout,
            replyTimeout, convertNumbers, username, **more,
        )
        for host, port in parse_hosts(hosts)
    ]
    return _shard(connections, hosts, isLazy, ShardedConnectionHandler)


@shows_options(MoreOptions)
def makeShardedUnixConnection(
    paths: Sequence[str], dbid: int | None, poolsize: int, reconnect: bool, isLazy: bool, charset: str | None,
    password: Credential | None, connectTimeout: float | None, replyTimeout: float | None,
    convertNumbers: ConvertNumbers, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Any:
    """Connect to several servers over unix sockets, for the four sharded constructors that do.

    :returns: as :func:`makeShardedConnection`.
    """
    from ..sharding import ShardedUnixConnectionHandler, parse_paths

    connections = [
        makeUnixConnection(
            path, dbid, poolsize, reconnect, isLazy, charset, password, connectTimeout, replyTimeout,
            convertNumbers, username, **more,
        )
        for path in parse_paths(paths)
    ]
    return _shard(connections, paths, isLazy, ShardedUnixConnectionHandler)


@overload
def ShardedConnection(
    hosts: Sequence[str], dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[TCPConnectionOptions],
) -> Deferred[ShardedConnectionHandler[bytes]]: ...
@overload
def ShardedConnection(
    hosts: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[TCPConnectionOptions],
) -> Deferred[ShardedConnectionHandler[str | bytes]]: ...
@overload
def ShardedConnection(
    hosts: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[TCPConnectionOptions],
) -> Deferred[ShardedConnectionHandler[str]]: ...
@overload
def ShardedConnection(
    hosts: Sequence[str], dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[ShardedConnectionHandler]: ...
@shows_options(MoreOptions)
def ShardedConnection(
    hosts: Sequence[str], dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[ShardedConnectionHandler[Any]]:
    """Connect to several servers, with one connection to each; keys are sharded among them.

    Fires with the handler when all connections are usable.
    """
    return makeShardedConnection(  # type: ignore[no-any-return]
        hosts, dbid, 1, reconnect, False, charset, password, ssl_context_factory, connectTimeout,
        replyTimeout, convertNumbers, username, **more,
    )


@overload
def lazyShardedConnection(
    hosts: Sequence[str], dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[TCPConnectionOptions],
) -> ShardedConnectionHandler[bytes]: ...
@overload
def lazyShardedConnection(
    hosts: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[TCPConnectionOptions],
) -> ShardedConnectionHandler[str | bytes]: ...
@overload
def lazyShardedConnection(
    hosts: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[TCPConnectionOptions],
) -> ShardedConnectionHandler[str]: ...
@overload
def lazyShardedConnection(
    hosts: Sequence[str], dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> ShardedConnectionHandler: ...
@shows_options(MoreOptions)
def lazyShardedConnection(
    hosts: Sequence[str], dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> ShardedConnectionHandler:
    """Connect to several servers, with one connection to each; keys are sharded among them.

    Returns the handler at once, and connects in the background.
    """
    return makeShardedConnection(  # type: ignore[no-any-return]
        hosts, dbid, 1, reconnect, True, charset, password, ssl_context_factory, connectTimeout,
        replyTimeout, convertNumbers, username, **more,
    )


@overload
def ShardedConnectionPool(
    hosts: Sequence[str], dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[TCPPoolOptions],
) -> Deferred[ShardedConnectionHandler[bytes]]: ...
@overload
def ShardedConnectionPool(
    hosts: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[TCPPoolOptions],
) -> Deferred[ShardedConnectionHandler[str | bytes]]: ...
@overload
def ShardedConnectionPool(
    hosts: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[TCPPoolOptions],
) -> Deferred[ShardedConnectionHandler[str]]: ...
@overload
def ShardedConnectionPool(
    hosts: Sequence[str], dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[ShardedConnectionHandler]: ...
@shows_options(MoreOptions)
def ShardedConnectionPool(
    hosts: Sequence[str], dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[ShardedConnectionHandler[Any]]:
    """Connect to several servers, with ``poolsize`` connections to each; keys are sharded among them.

    Fires with the handler when all connections are usable.
    """
    return makeShardedConnection(  # type: ignore[no-any-return]
        hosts, dbid, poolsize, reconnect, False, charset, password, ssl_context_factory, connectTimeout,
        replyTimeout, convertNumbers, username, **more,
    )


@overload
def lazyShardedConnectionPool(
    hosts: Sequence[str], dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[TCPPoolOptions],
) -> ShardedConnectionHandler[bytes]: ...
@overload
def lazyShardedConnectionPool(
    hosts: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[TCPPoolOptions],
) -> ShardedConnectionHandler[str | bytes]: ...
@overload
def lazyShardedConnectionPool(
    hosts: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[TCPPoolOptions],
) -> ShardedConnectionHandler[str]: ...
@overload
def lazyShardedConnectionPool(
    hosts: Sequence[str], dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> ShardedConnectionHandler: ...
@shows_options(MoreOptions)
def lazyShardedConnectionPool(
    hosts: Sequence[str], dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None, ssl_context_factory: object = False,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> ShardedConnectionHandler:
    """Connect to several servers, with ``poolsize`` connections to each; keys are sharded among them.

    Returns the handler at once, and connects in the background.
    """
    return makeShardedConnection(  # type: ignore[no-any-return]
        hosts, dbid, poolsize, reconnect, True, charset, password, ssl_context_factory, connectTimeout,
        replyTimeout, convertNumbers, username, **more,
    )


@overload
def ShardedUnixConnection(
    paths: Sequence[str], dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[UnixConnectionOptions],
) -> Deferred[ShardedUnixConnectionHandler[bytes]]: ...
@overload
def ShardedUnixConnection(
    paths: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[UnixConnectionOptions],
) -> Deferred[ShardedUnixConnectionHandler[str | bytes]]: ...
@overload
def ShardedUnixConnection(
    paths: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[UnixConnectionOptions],
) -> Deferred[ShardedUnixConnectionHandler[str]]: ...
@overload
def ShardedUnixConnection(
    paths: Sequence[str], dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[ShardedUnixConnectionHandler]: ...
@shows_options(MoreOptions)
def ShardedUnixConnection(
    paths: Sequence[str], dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[ShardedUnixConnectionHandler[Any]]:
    """Connect to several servers over unix sockets, with one connection to each; keys are sharded among them.

    Fires with the handler when all connections are usable.
    """
    return makeShardedUnixConnection(  # type: ignore[no-any-return]
        paths, dbid, 1, reconnect, False, charset, password, connectTimeout, replyTimeout,
        convertNumbers, username, **more,
    )


@overload
def lazyShardedUnixConnection(
    paths: Sequence[str], dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[UnixConnectionOptions],
) -> ShardedUnixConnectionHandler[bytes]: ...
@overload
def lazyShardedUnixConnection(
    paths: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[UnixConnectionOptions],
) -> ShardedUnixConnectionHandler[str | bytes]: ...
@overload
def lazyShardedUnixConnection(
    paths: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[UnixConnectionOptions],
) -> ShardedUnixConnectionHandler[str]: ...
@overload
def lazyShardedUnixConnection(
    paths: Sequence[str], dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> ShardedUnixConnectionHandler: ...
@shows_options(MoreOptions)
def lazyShardedUnixConnection(
    paths: Sequence[str], dbid: int | None = None, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> ShardedUnixConnectionHandler:
    """Connect to several servers over unix sockets, with one connection to each; keys are sharded among them.

    Returns the handler at once, and connects in the background.
    """
    return makeShardedUnixConnection(  # type: ignore[no-any-return]
        paths, dbid, 1, reconnect, True, charset, password, connectTimeout, replyTimeout,
        convertNumbers, username, **more,
    )


@overload
def ShardedUnixConnectionPool(
    paths: Sequence[str], dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[UnixPoolOptions],
) -> Deferred[ShardedUnixConnectionHandler[bytes]]: ...
@overload
def ShardedUnixConnectionPool(
    paths: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[UnixPoolOptions],
) -> Deferred[ShardedUnixConnectionHandler[str | bytes]]: ...
@overload
def ShardedUnixConnectionPool(
    paths: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[UnixPoolOptions],
) -> Deferred[ShardedUnixConnectionHandler[str]]: ...
@overload
def ShardedUnixConnectionPool(
    paths: Sequence[str], dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[ShardedUnixConnectionHandler]: ...
@shows_options(MoreOptions)
def ShardedUnixConnectionPool(
    paths: Sequence[str], dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> Deferred[ShardedUnixConnectionHandler[Any]]:
    """Connect to several servers over unix sockets, with ``poolsize`` connections to each; keys are sharded among them.

    Fires with the handler when all connections are usable.
    """
    return makeShardedUnixConnection(  # type: ignore[no-any-return]
        paths, dbid, poolsize, reconnect, False, charset, password, connectTimeout, replyTimeout,
        convertNumbers, username, **more,
    )


@overload
def lazyShardedUnixConnectionPool(
    paths: Sequence[str], dbid: int | None = ..., *, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **more: Unpack[UnixPoolOptions],
) -> ShardedUnixConnectionHandler[bytes]: ...
@overload
def lazyShardedUnixConnectionPool(
    paths: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **more: Unpack[UnixPoolOptions],
) -> ShardedUnixConnectionHandler[str | bytes]: ...
@overload
def lazyShardedUnixConnectionPool(
    paths: Sequence[str], dbid: int | None = ..., *, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **more: Unpack[UnixPoolOptions],
) -> ShardedUnixConnectionHandler[str]: ...
@overload
def lazyShardedUnixConnectionPool(
    paths: Sequence[str], dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> ShardedUnixConnectionHandler: ...
@shows_options(MoreOptions)
def lazyShardedUnixConnectionPool(
    paths: Sequence[str], dbid: int | None = None, poolsize: int = 10, reconnect: bool = True,
    charset: str | None = "utf-8", password: Credential | None = None,
    connectTimeout: float | None = None, replyTimeout: float | None = None,
    convertNumbers: ConvertNumbers = True, username: Credential | None = None, **more: Unpack[MoreOptions],
) -> ShardedUnixConnectionHandler:
    """Connect to several servers over unix sockets, with ``poolsize`` connections to each; keys are sharded among them.

    Returns the handler at once, and connects in the background.
    """
    return makeShardedUnixConnection(  # type: ignore[no-any-return]
        paths, dbid, poolsize, reconnect, True, charset, password, connectTimeout, replyTimeout,
        convertNumbers, username, **more,
    )


@overload
def from_endpoint(
    endpoint: object, *, isLazy: Literal[False] = False, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **options: Unpack[EndpointOptionsOfAnyValues],
) -> Deferred[ConnectionHandler[bytes]]: ...
@overload
def from_endpoint(
    endpoint: object, *, isLazy: Literal[False] = False, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **options: Unpack[EndpointOptionsOfAnyValues],
) -> Deferred[ConnectionHandler[str | bytes]]: ...
@overload
def from_endpoint(
    endpoint: object, *, isLazy: Literal[False] = False, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **options: Unpack[EndpointOptionsOfAnyValues],
) -> Deferred[ConnectionHandler[str]]: ...
@overload
def from_endpoint(
    endpoint: object, *, isLazy: Literal[False] = False, **options: Unpack[EndpointOptions],
) -> Deferred[ConnectionHandler]: ...
@overload
def from_endpoint(
    endpoint: object, *, isLazy: Literal[True], charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **options: Unpack[EndpointOptionsOfAnyValues],
) -> ConnectionHandler[bytes]: ...
@overload
def from_endpoint(
    endpoint: object, *, isLazy: Literal[True], charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **options: Unpack[EndpointOptionsOfAnyValues],
) -> ConnectionHandler[str | bytes]: ...
@overload
def from_endpoint(
    endpoint: object, *, isLazy: Literal[True], charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **options: Unpack[EndpointOptionsOfAnyValues],
) -> ConnectionHandler[str]: ...
@overload
def from_endpoint(
    endpoint: object, *, isLazy: Literal[True], **options: Unpack[EndpointOptions],
) -> ConnectionHandler: ...
@overload
def from_endpoint(
    endpoint: object, *, isLazy: bool, **options: Unpack[EndpointOptions],
) -> Any: ...
@shows_options(EndpointOptions)
def from_endpoint(endpoint: object, *, isLazy: bool = False, **options: Unpack[EndpointOptions]) -> Any:
    """Connect to a server over a Twisted endpoint.

    :param endpoint: an ``IStreamClientEndpoint``, or its description as a str: ``"tcp:redis.example:6379"``.
    :param isLazy: True: return the handler at once, and connect in the background.
    :param options: the options of :class:`~txredis_fast.ConnectionOptions`, except those that the endpoint decides:
        ``connectTimeout``, ``ssl_context_factory``, ``tls`` and those that begin with ``tls_``.
    :returns: the handler if ``isLazy``; else a Deferred that fires with it when all connections are usable, and fails
        with :exc:`ConnectionFailedError`.
    :raises ValueError: the endpoint or an option is wrong; the error names it.
    """
    for name in options:
        if name in AllOptions.__annotations__.keys() - EndpointOptions.__annotations__.keys():
            raise ValueError(f"{name} is a property of the endpoint: give it to the endpoint, not to from_endpoint()")
    refuse_others("from_endpoint()", options, EndpointOptions)
    chosen = ConnectionOptions(**options)
    try:
        found = endpoint_from(endpoint)
    except Exception as error:  # Twisted raises exceptions of many types for a wrong description
        kind = type(error).__name__
        found = None
    if found is None:
        raise ValueError(
            "endpoint must be an IStreamClientEndpoint or its description, such as 'tcp:localhost:6379', "
            f"not {shown(endpoint)} ({kind})"
        )
    uuid = endpoint if isinstance(endpoint, str) else place_of(endpoint) or shown(endpoint)
    return _connect(found, uuid, chosen, isLazy, ConnectionHandler)


@overload
def from_url(
    url: str, *, sentinel_options: Mapping[str, Any] | None = ...,
    isLazy: Literal[False] = False, charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **options: Unpack[AllOptionsOfAnyValues],
) -> Deferred[ConnectionHandler[bytes]]: ...
@overload
def from_url(
    url: str, *, sentinel_options: Mapping[str, Any] | None = ...,
    isLazy: Literal[False] = False, charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **options: Unpack[AllOptionsOfAnyValues],
) -> Deferred[ConnectionHandler[str | bytes]]: ...
@overload
def from_url(
    url: str, *, sentinel_options: Mapping[str, Any] | None = ...,
    isLazy: Literal[False] = False, charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **options: Unpack[AllOptionsOfAnyValues],
) -> Deferred[ConnectionHandler[str]]: ...
@overload
def from_url(
    url: str, *, sentinel_options: Mapping[str, Any] | None = ...,
    isLazy: Literal[False] = False, **options: Unpack[AllClusterOptions],
) -> Deferred[ConnectionHandler]: ...
@overload
def from_url(
    url: str, *, sentinel_options: Mapping[str, Any] | None = ...,
    isLazy: Literal[True], charset: None, convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ..., **options: Unpack[AllOptionsOfAnyValues],
) -> ConnectionHandler[bytes]: ...
@overload
def from_url(
    url: str, *, sentinel_options: Mapping[str, Any] | None = ...,
    isLazy: Literal[True], charset: str = ..., convertNumbers: Literal[False],
    undecodable: None = ..., **options: Unpack[AllOptionsOfAnyValues],
) -> ConnectionHandler[str | bytes]: ...
@overload
def from_url(
    url: str, *, sentinel_options: Mapping[str, Any] | None = ...,
    isLazy: Literal[True], charset: str = ..., convertNumbers: Literal[False],
    undecodable: Literal["replace", "error"], **options: Unpack[AllOptionsOfAnyValues],
) -> ConnectionHandler[str]: ...
@overload
def from_url(
    url: str, *, sentinel_options: Mapping[str, Any] | None = ...,
    isLazy: Literal[True], **options: Unpack[AllClusterOptions],
) -> ConnectionHandler: ...
@overload
def from_url(
    url: str, *, sentinel_options: Mapping[str, Any] | None = ...,
    isLazy: bool, **options: Unpack[AllClusterOptions],
) -> Any: ...
@shows_options(AllClusterOptions)
def from_url(
    url: str, *, isLazy: bool = False, sentinel_options: Mapping[str, Any] | None = None,
    **options: Unpack[AllClusterOptions],
) -> Any:
    """Connect to the server of a URL: ``"redis://user:password@host:6379/2?charset=latin-1"``.

    :param url: a URL as :meth:`RedisURL.parse` takes it; its scheme is ``redis``, ``rediss`` (TLS), ``unix``,
        ``redis+sentinel``, ``redis+cluster`` or ``rediss+cluster``.
    :param isLazy: True: return the handler at once, and connect in the background.
    :param sentinel_options: options of the connections to the Sentinels, such as their ``password``; None: their
        defaults.
    :param options: the options of :class:`~txredis_fast.ConnectionOptions`; they override those of the URL.
        For a cluster, also those of :class:`~txredis_fast.ClusterOptions`.
    :returns: the handler if ``isLazy``; else a Deferred that fires with it when all connections are usable, and fails
        with :exc:`ConnectionFailedError`.
    :raises ValueError: the URL or an option is wrong; the error names it.
    """
    refuse_others("from_url()", options, AllClusterOptions)
    isLazy = check_truth("isLazy", isLazy)
    parsed = RedisURL.parse(url)
    chosen = options_for(parsed, {**parsed.options, **options})
    handler, connected = open_url(parsed, chosen, isLazy, sentinel_options)
    return handler if isLazy else connected


def options_for(parsed: RedisURL, given: Mapping[str, Any]) -> ConnectionOptions:
    """Make the options for the servers of a URL.

    :raises ValueError: one of them is wrong, or only for clusters.
    """
    if parsed.is_cluster:
        from ..options import ClusterOptions

        return ClusterOptions(**given)
    for name in given:
        if name in ClusterGroup.__annotations__:
            raise ValueError(f"{name} is an option of clusters: redis+cluster:// or ClusterConnection()")
    return ConnectionOptions(**given)


def check_scheme(parsed: RedisURL, chosen: ConnectionOptions) -> None:
    """Raise ValueError if the scheme of a URL and the options contradict each other."""
    if parsed.scheme.startswith("rediss") and not chosen.tls_context:
        plain = parsed.scheme.replace("rediss", "redis")
        raise ValueError(
            f"a {parsed.scheme}:// URL needs TLS, and an option turns it off; to connect without TLS, use {plain}://"
        )
    if parsed.scheme == "unix":
        _refuse_tls(chosen)


def open_url(
    parsed: RedisURL, chosen: ConnectionOptions, isLazy: bool, sentinel_options: Mapping[str, Any] | None
) -> tuple[Any, Any]:
    """Begin to connect to the server of a URL.

    :param parsed: the URL.
    :param chosen: all options, including those of the URL.
    :returns: the handler, and the Deferred that fires with it when all connections are usable.
    :raises ValueError: options and scheme contradict each other.
    """
    check_scheme(parsed, chosen)
    if parsed.is_cluster:
        from .clusters import open_cluster_url

        return open_cluster_url(parsed.addresses, chosen, isLazy)
    if parsed.scheme == "redis+sentinel":
        from ..sentinel import open_through_sentinels

        return open_through_sentinels(parsed.addresses, parsed.service, chosen, isLazy, sentinel_options)
    if parsed.scheme == "unix":
        endpoint = unix_endpoint(parsed.path, chosen.connectTimeout)
        return _begin(endpoint, parsed.path, chosen, isLazy, UnixConnectionHandler)
    (host, port), = parsed.addresses
    endpoint = tcp_endpoint(host, port, chosen.connectTimeout, chosen.tls_context)
    return _begin(endpoint, f"{host}:{port}", chosen, isLazy, ConnectionHandler)


def install() -> None:
    """Make ``import txredisapi`` import this package instead, in the whole process.

    Call it before any module imports txredisapi. A second call does nothing.

    :raises RuntimeError: the real txredisapi is imported already; modules that have imported it would keep using it.
    """
    package = sys.modules["txredis_fast"]
    installed = sys.modules.setdefault("txredisapi", package)
    if installed is not package:
        raise RuntimeError(
            "txredisapi is already imported; call txredis_fast.install() before the first import of it "
            "(at the top of the program's main module), or run the program with: python -m txredis_fast run ..."
        )
