"""Commands over several independent servers: :class:`ShardedConnectionHandler` sends each to the node of its key.

A node is a connection handler. This module must not know how a node connects, nor which node a key belongs to
(:mod:`txredis_fast.sharding.ring`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from inspect import unwrap
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from .._tunables import CACHED_VIEWS_KEPT
from .._types import Argument, Key, Keys, V
from ..commands._parts import errors_to_deferred, list_or_args
from ..exceptions import ConnectionError, ConnectionFailedError
from ..streaming import StreamConsumer
from ..telemetry import Stats
from .commands import ShardedCommands
from .ring import HashRing, Node
from .split import SPLIT

if TYPE_CHECKING:
    from ..client import ConnectionHandler
    from .caching import ShardedCache, ShardedCachedView

__all__ = ["ShardedConnectionHandler", "ShardedUnixConnectionHandler", "connect_shards"]

_Self = TypeVar("_Self", bound="ShardedConnectionHandler")

#: The names of this package's modules begin with it.
_PACKAGE = f"{__package__.partition('.')[0]}."


class ShardedConnectionHandler(ShardedCommands[V]):
    """Every command with keys, over several servers, each key on one of them.

    Its commands have the parameters and results of :class:`~txredis_fast.ConnectionHandler`, and its views: ``raw``,
    ``retrying`` and ``withTimeout``. ``ShardedMethods`` has their names.

    A key is a ``str`` or bytes-like object; with another one the Deferred fails with ``ValueError``. All keys of a
    command must belong to one server; otherwise the Deferred fails with ``NotImplementedError``, and nothing is sent.
    ``mget``, ``mset``, ``delete``, ``unlink``, ``exists`` and ``touch`` take keys of all servers: each server is asked
    once, all at the same time. If one fails, the Deferred fails with its error, and the others may have executed their
    parts. If a server is down, only commands for its keys fail.
    """

    def __init__(self, connections: Deferred[Any] | Iterable[Node], *, names: Sequence[str] = ()) -> None:
        """Make the handler of several nodes.

        :param connections: the nodes' connection handlers; or a ``DeferredList`` of the Deferreds that fire with them,
            which then fires with this handler. If one of them fails, it fails with
            :exc:`~txredis_fast.ConnectionFailedError`, after the others have been disconnected.
        :param names: a name of each node for error texts, in the same order.
        """
        self._ring: HashRing | None = None
        self._names = names
        self._cached_views: dict[float | None, ShardedCachedView[Any]] = {}
        if isinstance(connections, Deferred):
            connections.addCallback(self._connected_to)
        else:
            self._use(connections)

    def _connected_to(self, results: list[tuple[bool, Any]]) -> object:
        nodes = [result for success, result in results if success]
        if len(nodes) == len(results):
            self._use(nodes)
            return self
        names = self._names or [f"shard {number}" for number in range(1, len(results) + 1)]
        failures = [(name, why) for name, (success, why) in zip(names, results, strict=True) if not success]
        reasons = ", ".join(f"{name} ({_reason(failure, name)})" for name, failure in failures)
        error = ConnectionFailedError(f"Could not connect to {reasons}")
        error.__cause__ = failures[0][1].value

        def fail(_: object) -> NoReturn:
            raise error

        # Errors of disconnecting do not matter.
        return _disconnect_all(nodes).addCallback(fail)

    def _use(self, nodes: Iterable[Node]) -> None:
        self._ring = HashRing(nodes)
        for name in {name for node in self._ring.nodes for name in _overridden(node)}:
            vars(self)[name] = partial(_WITH_SEVERAL_KEYS.get(name, ShardedConnectionHandler._call_node), self, name)

    # A method that a program has overridden is called on the nodes of its keys.

    def _call_node(self, name: str, *args: object, **kwargs: object) -> Deferred[Any]:
        try:
            key = args[0] if args else kwargs.get("key")
            return getattr(self._node(name, key), name)(*args, **kwargs)  # type: ignore[no-any-return]
        except Exception:  # any exception, because a command never raises
            return defer.fail()

    @errors_to_deferred
    def _call_rename(self, name: str, oldkey: Key, newkey: Key) -> Deferred[Any]:
        return self._node_of_all("RENAME", (oldkey, newkey)).rename(oldkey, newkey)  # type: ignore[attr-defined,no-any-return]

    @errors_to_deferred
    def _call_exists(self, name: str, key: Key, *keys: Key) -> Deferred[Any]:
        def call(node: ConnectionHandler, _: str, *keys: Key) -> Deferred[int]:
            return node.exists(*keys)

        return self._send_by_node("EXISTS", SPLIT["EXISTS"], ("EXISTS", key, *keys), {}, call)

    @errors_to_deferred
    def _call_nodes(self, name: str, keys: Keys, *args: Key) -> Deferred[Any]:
        command = {"delete": "DEL", "mget": "MGET"}[name]

        def call(node: Node, _: str, *keys: Key) -> Deferred[Any]:
            return getattr(node, name)(list(keys))  # type: ignore[no-any-return]

        return self._send_by_node(command, SPLIT[command], (command, *list_or_args(name, keys, args)), {}, call)

    async def __aenter__(self: _Self) -> _Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.disconnect()

    def disconnect(self) -> Deferred[bool]:
        """Disconnect from every node.

        :returns: fires with True when all are disconnected; if one fails, fails with its error when all have ended.
        """
        if self._ring is None:
            return defer.fail(ConnectionError("Not connected"))
        return _disconnect_all(self._ring.nodes).addCallback(_first_failure_or_true)

    def consume(self, stream: Key, group: Argument, name: Argument, **options: object) -> StreamConsumer:
        """Read the entries of a stream on its node; else as :meth:`txredis_fast.ConnectionHandler.consume`.

        :raises NotImplementedError: the dead-letter stream is on another node.
        :raises NotSentError: the handler is not connected yet.
        """
        dead_letter = options.get("dead_letter")
        node = self._node_of_all("consume", [stream] if dead_letter is None else [stream, dead_letter])
        return node.consume(stream, group, name, **options)  # type: ignore[attr-defined,no-any-return]

    def stats(self) -> Stats:
        """Return the sum of all nodes' statistics; see :class:`~txredis_fast.Stats`."""
        nodes = self._ring.nodes if self._ring is not None else ()
        return sum((node.stats() for node in nodes), Stats())

    def cached(self, ttl: float | None = None) -> ShardedCachedView[V]:
        """The commands that read keys, answered from memory where it has a young reply: ``rc.cached(60).get("key")``.

        Needs the option ``cache``. Each server tells of each change; see :class:`~txredis_fast.ClientCache`. ``mget``
        and ``exists`` take keys of all servers.

        :param ttl: age in seconds that is accepted, 0 or more; 0: the server is asked. None: ``default_ttl``.
        :raises RedisError: the handler was made without the option ``cache``.
        :raises ValueError: ``ttl`` is not a finite number, 0 or more.
        """
        view = self._cached_views.get(ttl) if ttl is None or type(ttl) in (int, float) else None
        if view is None:
            from ..caching import check_ttl
            from .caching import ShardedCachedView  # few programs need it

            self.cache.caches()
            view = ShardedCachedView(self, None if ttl is None else check_ttl(ttl), {})
            if len(self._cached_views) < CACHED_VIEWS_KEPT:
                self._cached_views[view.max_age] = view
        return view

    @property
    def cache(self) -> ShardedCache:
        """The cache that :meth:`cached` reads from, with ``forget(*keys)``, ``clear()`` and ``stats()``.

        :raises RedisError: the handler was made without the option ``cache``.
        """
        from .caching import ShardedCache  # few programs need it

        cache = ShardedCache(self)
        cache.caches()
        return cache

    def __repr__(self) -> str:
        nodes = []
        for node in self._ring.nodes if self._ring is not None else ():
            factory = node._factory
            nodes.append(f"{factory.uuid}/{factory.size}" + ("" if factory.pool else " (not connected)"))
        return f"<Redis Sharded Connection: {', '.join(nodes) or 'Not connected'}>"


class ShardedUnixConnectionHandler(ShardedConnectionHandler[V]):
    """A :class:`ShardedConnectionHandler` over unix sockets."""


def _reason(failure: Failure, name: str) -> str:
    """Why a node could not be connected, without the words that the error begins with already."""
    text = failure.getErrorMessage().removeprefix("Redis error: ").removeprefix("could not connect: ")
    return text.removeprefix(f"{name}: ").removesuffix(f" ({name})")


#: The methods with more than one key that a program may override in its classes of a node.
_WITH_SEVERAL_KEYS: dict[str, Any] = {
    "delete": ShardedConnectionHandler._call_nodes,
    "exists": ShardedConnectionHandler._call_exists,
    "mget": ShardedConnectionHandler._call_nodes,
    "rename": ShardedConnectionHandler._call_rename,
}


def _first_parameter(name: str) -> str:
    """The name of a command's first parameter."""
    return unwrap(getattr(ShardedCommands, name)).__code__.co_varnames[1]  # type: ignore[no-any-return]


def _overridden(node: Node) -> Iterator[str]:
    """The names of the commands that a program's classes of a node override, if it is known where their keys are."""
    for cls in (type(node), getattr(node._factory, "protocol", None)):
        if not isinstance(cls, type) or cls.__module__.startswith(_PACKAGE):
            continue
        for name in ShardedCommands.ShardedMethods:
            is_callable = name in _WITH_SEVERAL_KEYS or _first_parameter(name) == "key"
            if is_callable and not _is_ours(getattr(cls, name, None)):
                yield name


def _is_ours(method: object) -> bool:
    return getattr(method, "__module__", _PACKAGE).startswith(_PACKAGE)


def _disconnect_all(nodes: Iterable[Node]) -> Deferred[list[tuple[bool, Any]]]:
    return DeferredList([defer.maybeDeferred(node.disconnect) for node in nodes], consumeErrors=True)


def _first_failure_or_true(results: Iterable[tuple[bool, Any]]) -> bool | Failure:
    return next((result for success, result in results if not success), True)


def connect_shards(
    connections: Sequence[Deferred[Any]],
    names: Sequence[str],
    handler: type[ShardedConnectionHandler] = ShardedConnectionHandler,
) -> Deferred[Any]:
    """Make a sharded handler of connections that are being made.

    :param connections: Deferreds that fire with connection handlers.
    :param names: a name of each for error texts, such as ``"10.0.0.1:6379"``.
    :param handler: the handler's class.
    :returns: a ``DeferredList`` that fires with the handler. If some connections cannot be made it fails with
        :exc:`~txredis_fast.ConnectionFailedError`, which names them, after the others have been disconnected.
    """
    shards: Deferred[Any] = DeferredList(connections, consumeErrors=True)
    handler(shards, names=names)
    return shards
