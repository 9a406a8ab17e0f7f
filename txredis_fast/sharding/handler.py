"""Commands over several independent servers: :class:`ShardedConnectionHandler` sends each to the node of its key.

A node is a connection handler. This module must not know how a node connects, nor which node a key belongs to
(:mod:`txredis_fast.sharding.ring`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from types import TracebackType
from typing import Any, NoReturn, TypeVar

from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from .._checks import nearest
from .._types import Argument, Key, Keys, Value
from ..client import CommandView, ConnectionHandler
from ..commands import Commands
from ..commands._parts import errors_to_deferred, list_or_args
from ..exceptions import ConnectionError, ConnectionFailedError, NotSentError
from ..inflight import check_timeout
from ..streaming import StreamConsumer
from ..telemetry import Stats
from .helpers import ShardedHelpers
from .ring import HashRing, Node, hashed_part

__all__ = [
    "NotShardableError",
    "ShardedConnectionHandler",
    "ShardedMethods",
    "ShardedUnixConnectionHandler",
    "connect_shards",
]

#: Node -> its keys, each with its index in the caller's list.
Groups = dict[Node, list[tuple[int, Any]]]

_SHARDED = """
    decr delete exists expire get get_type getset hdel hexists hget hgetall hincrby hkeys hlen hmget hmset
    hset hvals incr lindex llen lrange lrem lset ltrim pop publish push rename sadd set setex setnx sismember
    smembers srem ttl zadd zcard zcount zdecr zincr zincrby zrange zrangebyscore zrank zrem zremrangebyrank
    zremrangebyscore zrevrange zrevrangebyscore zrevrank zscore
"""

#: The names of the commands that a sharded handler sends to the node of their first argument.
ShardedMethods = frozenset(_SHARDED.split())


class NotShardableError(NotImplementedError, AttributeError):
    """A sharded handler has no such method.

    Also an ``AttributeError``, so that ``hasattr`` returns False instead of raising.
    """


class _ShardedCommands(ShardedHelpers):
    """The commands of :data:`ShardedMethods` and MGET, each sent to the nodes of its keys; and their views."""

    #: The names of the commands that can be sharded; MGET is one more.
    ShardedMethods = ShardedMethods

    #: The nodes; None until they are connected.
    _ring: HashRing | None
    #: Options of ``execute_command``, for each command.
    _options: Mapping[str, Any] = {}

    @property
    def raw(self) -> ShardedView:
        """The same commands, with replies left as bytes: ``yield rc.raw.get("key")``."""
        return self._with("raw", True)

    @property
    def retrying(self) -> ShardedView:
        """The same commands, marked as safe to be executed twice: ``yield rc.retrying.set("k", 1)``.

        They are sent again when a connection is lost, by the option ``retry``, or else by ``RetryPolicy()``.
        """
        return self._with("retry", True)

    def withTimeout(self, seconds: float) -> ShardedView:
        """The same commands, with a time limit for each call: ``yield rc.withTimeout(2).mget(keys)``.

        :param seconds: for the whole call, as in :meth:`txredis_fast.ConnectionHandler.withTimeout`. Several nodes are
            asked at the same time.
        :raises ValueError: it is not a number above 0.
        """
        return self._with("timeout", check_timeout(seconds))

    def _with(self, name: str, value: object) -> ShardedView:
        return ShardedView(self, {name: value})

    def _on(self, node: Node) -> Any:
        """The commands of a node, with the options of this view."""
        return CommandView(node, self._options) if self._options else node

    def pipeline(self) -> NoReturn:
        """Not possible.

        :raises NotImplementedError: always.
        """
        raise NotImplementedError("Pipelining is not supported across shards")

    def subscriber(self, *args: object, **options: object) -> Deferred[Any]:
        """Not possible.

        :returns: fails with ``NotImplementedError``.
        """
        return defer.fail(
            NotShardableError(
                "A sharded handler has no subscriber, because its publish() sends each channel to one node; "
                "subscribe with a handler of your own at that node"
            )
        )

    @errors_to_deferred
    def mget(self, keys: Keys, *args: Key) -> Deferred[list[Value | None]]:
        """Get the values of keys, with one command for each node that has some of them, all at the same time.

        :param keys: one key or an iterable of keys.
        :param args: further keys. Deprecated: give an iterable instead.
        :returns: fires with a value for each key, in the order of the keys, None for those that do not exist. If one
            node fails, fails with its error, because its values are not known.

        https://redis.io/commands/mget/, since 1.0.0
        """
        groups = self._group("mget", list_or_args("mget", keys, args))
        return self._ask("mget", groups).addCallback(_in_order, groups)

    @errors_to_deferred
    def delete(self, keys: Keys, *args: Key) -> Deferred[int]:
        """Remove keys, each from its node; keys that do not exist are ignored.

        :param keys: one key or an iterable of keys.
        :param args: further keys. Deprecated: give an iterable instead.
        :returns: fires with the number of keys that were removed. If one node fails, fails with its error;
            the keys on other nodes may have been removed.

        https://redis.io/commands/del/, since 1.0.0
        """
        groups = self._group("delete", list_or_args("delete", keys, args))
        if not groups:
            raise _key_required("delete")
        return self._ask("delete", groups).addCallback(sum)

    @errors_to_deferred
    def rename(self, oldkey: Key, newkey: Key) -> Deferred[Any]:
        """Rename a key, if both names belong to the same node, as they do with the same hash tag.

        :param oldkey: the key.
        :param newkey: its new name.
        :returns: fires with ``"OK"``; fails with ``NotImplementedError`` if the names belong to different nodes: the
            value could not be found after the renaming.

        https://redis.io/commands/rename/, since 1.0.0
        """
        node = self._node("rename", oldkey)
        if self._node("rename", newkey) is not node:
            raise NotImplementedError(
                "Method 'rename' cannot be sharded when the keys are on different nodes; "
                "the same hash tag in braces keeps them together"
            )
        return self._on(node).rename(oldkey, newkey)  # type: ignore[no-any-return]

    @errors_to_deferred
    def get_type(self, key: Key) -> Deferred[Any]:
        """Get the type of a key's value; the same as :meth:`~txredis_fast.ConnectionHandler.type`.

        :param key: the key.
        :returns: fires with ``"string"``, ``"list"`` and so on, or ``"none"`` if it does not exist.

        https://redis.io/commands/type/, since 1.0.0
        """
        return self._on(self._node("get_type", key)).type(key)  # type: ignore[no-any-return]

    def _node(self, method: str, *args: object) -> Node:
        """The node of the key, which is the first of a method's arguments."""
        if not args or not isinstance(args[0], (str, bytes, bytearray, memoryview)):
            raise _key_required(method)
        if self._ring is None or not self._ring.nodes:
            raise NotSentError("Not connected")
        node: Node = self._ring(hashed_part(args[0]))
        return node

    def _group(self, method: str, keys: Iterable[object]) -> Groups:
        """Node -> its keys among *keys*, each with its index."""
        groups: Groups = {}
        for index, key in enumerate(keys):
            groups.setdefault(self._node(method, key), []).append((index, key))
        return groups

    def _ask(self, method: str, groups: Groups) -> Deferred[list[Any]]:
        """Call a method of every node with the list of its keys; fires with their results in order."""
        asked = [
            defer.maybeDeferred(getattr(self._on(node), method), [key for _, key in group])
            for node, group in groups.items()
        ]
        return defer.gatherResults(asked, consumeErrors=True).addErrback(_unwrap_first_error)

    def _refuse(self, error: Exception) -> Deferred[Any]:
        return defer.fail(error)

    def __getattr__(self, name: str) -> Any:
        raise NotShardableError(f"Method '{name}' cannot be sharded{_advice(name)}")


_Self = TypeVar("_Self", bound="ShardedConnectionHandler")


class ShardedConnectionHandler(_ShardedCommands):
    """The commands of :data:`ShardedMethods` and MGET over several servers, each key on one of them.

    Its commands have the parameters and results of :class:`~txredis_fast.ConnectionHandler`, and its views: ``raw``,
    ``retrying`` and ``withTimeout``. The first argument must be the key, a ``str`` or bytes-like object, and be
    positional; otherwise the Deferred fails with ``ValueError``. If a server is down, only commands for its keys fail.
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
        if isinstance(connections, Deferred):
            connections.addCallback(self._connected_to)
        else:
            self._ring = HashRing(connections)

    def _connected_to(self, results: list[tuple[bool, Any]]) -> Any:
        nodes = [result for success, result in results if success]
        if len(nodes) == len(results):
            self._ring = HashRing(nodes)
            return self
        names = self._names or [f"shard {number}" for number in range(1, len(results) + 1)]
        failures = [(name, why) for name, (success, why) in zip(names, results, strict=True) if not success]
        reasons = ", ".join(f"{name} ({_reason(failure, name)})" for name, failure in failures)
        error = ConnectionFailedError(f"Could not connect to {reasons}")
        error.__cause__ = failures[0][1].value

        def fail(_: object) -> Any:
            raise error

        # Errors of disconnecting do not matter.
        return _disconnect_all(nodes).addCallback(fail)

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

    def consume(self, stream: Key, group: Argument, name: Argument, **options: Any) -> StreamConsumer:
        """Read the entries of a stream on its node; else as :meth:`txredis_fast.ConnectionHandler.consume`.

        :raises NotImplementedError: the dead-letter stream is on another node.
        :raises NotSentError: the handler is not connected yet.
        """
        node = self._node("consume", stream)
        dead_letter = options.get("dead_letter")
        if dead_letter is not None and self._node("consume", dead_letter) is not node:
            raise NotImplementedError(
                "Method 'consume' cannot be sharded when the dead-letter stream is on a different node; "
                "the same hash tag in braces keeps them together"
            )
        return node.consume(stream, group, name, **options)  # type: ignore[attr-defined,no-any-return]

    def stats(self) -> Stats:
        """Return the sum of all nodes' statistics; see :class:`~txredis_fast.Stats`."""
        nodes = self._ring.nodes if self._ring is not None else ()
        return sum((node.stats() for node in nodes), Stats())

    def __repr__(self) -> str:
        nodes = []
        for node in self._ring.nodes if self._ring is not None else ():
            factory = node._factory
            nodes.append(f"{factory.uuid}/{factory.size}" + ("" if factory.pool else " (not connected)"))
        return f"<Redis Sharded Connection: {', '.join(nodes) or 'Not connected'}>"


class ShardedView(_ShardedCommands):
    """The commands of a sharded handler with options of ``execute_command``; ``rc.raw``, for one."""

    def __init__(self, host: _ShardedCommands, options: Mapping[str, Any]) -> None:
        self._host = host
        self._options = options

    @property
    def _ring(self) -> HashRing | None:  # type: ignore[override]
        return self._host._ring

    def _with(self, name: str, value: object) -> ShardedView:
        return ShardedView(self._host, {**self._options, name: value})

    def __repr__(self) -> str:
        return f"<{self._host!r} with {', '.join(f'{name}={value!r}' for name, value in self._options.items())}>"


class ShardedUnixConnectionHandler(ShardedConnectionHandler):
    """A :class:`ShardedConnectionHandler` over unix sockets."""


def _reason(failure: Failure, name: str) -> str:
    """Why a node could not be connected, without what stands before it already."""
    text = failure.getErrorMessage().removeprefix("Redis error: ").removeprefix("could not connect: ")
    return text.removeprefix(f"{name}: ").removesuffix(f" ({name})")


def _advice(name: str) -> str:
    """What to use instead of a name that no command has."""
    if name.startswith("_") or hasattr(ConnectionHandler, name):
        return ""
    close = nearest(name, {"mget", *ShardedMethods})
    return f"; the nearest that can: {', '.join(close)}" if close else ""


def _key_required(method: str) -> ValueError:
    return ValueError(f"Method '{method}' requires a key as the first argument")


def _disconnect_all(nodes: Iterable[Node]) -> Deferred[list[tuple[bool, Any]]]:
    return DeferredList([defer.maybeDeferred(node.disconnect) for node in nodes], consumeErrors=True)


def _first_failure_or_true(results: Iterable[tuple[bool, Any]]) -> Any:
    return next((result for success, result in results if not success), True)


def _unwrap_first_error(failure: Failure) -> Failure:
    return failure.value.subFailure if isinstance(failure.value, defer.FirstError) else failure


def _in_order(answers: list[list[Any]], groups: Groups) -> list[Any]:
    values = {
        index: value
        for answer, group in zip(answers, groups.values(), strict=True)
        for value, (index, _) in zip(answer, group, strict=True)
    }
    return [values[index] for index in range(len(values))]


def _sharded(name: str) -> Callable[..., Deferred[Any]]:
    """Make the method that sends a command to the node of its key, with the command's name and docstring."""

    @errors_to_deferred
    def method(self: _ShardedCommands, *args: Any, **kwargs: Any) -> Deferred[Any]:
        answer: Deferred[Any] = getattr(self._on(self._node(name, *args)), name)(*args, **kwargs)
        return answer

    described = getattr(Commands, name, None)
    return method if described is None else wraps(described)(method)


# Real methods, so that help() and completion show them.
for _name in ShardedMethods - vars(_ShardedCommands).keys():
    setattr(_ShardedCommands, _name, _sharded(_name))


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
