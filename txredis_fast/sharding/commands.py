"""The commands of a sharded handler: each is sent to the node of its keys.

Commands with keys are methods; so is ``execute_command``, which finds the keys of any command in its arguments, by the
table of commands. This module must not know how a node connects or sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from twisted.internet import defer
from twisted.internet.defer import Deferred

from .._checks import nearest, shown
from .._types import Argument, Items, Key, Keys, V
from ..client import CommandView, ConnectionHandler, no_cache
from ..commands._parts import command_name, errors_to_deferred, one_or_many
from ..commands._parts.keys import ONE_KEY, keys_of, sort_patterns
from ..commands.control import FunctionCommands, InspectionCommands, PubSubCommands, ScriptingCommands
from ..commands.data import (
    BitmapCommands,
    HashCommands,
    HashFieldCommands,
    HyperLogLogCommands,
    KeyCommands,
    KeyExpiryCommands,
    ListCommands,
    SetCommands,
    SortedSetCommands,
    StringCommands,
    VectorSetCommands,
)
from ..commands.flagged import FlaggedReplies
from ..commands.modules import ModuleNamespaces
from ..commands.newer import ArrayCommands, NewerListSetCommands, NewerStringCommands
from ..commands.sorted_sets import (
    GeoCommands,
    SortedSetCombiningCommands,
    SortedSetPoppingCommands,
    SortedSetRangeCommands,
)
from ..commands.streams import StreamCommands, StreamGroupCommands
from ..exceptions import InvalidData, NotSentError
from ..helpers import RegisteredScripts, ScanIterators
from ..inflight import check_timeout
from .ring import HashRing, Node, hashed_part
from .split import SPLIT, Send, Split, send_split, send_to

__all__ = ["NotShardableError", "ShardedCommands", "ShardedMethods", "ShardedView"]

_TEXT = (str, bytes, bytearray, memoryview)

#: A channel is sent to the node that a key of this name belongs to: command -> the channel's index.
_CHANNELS = {"PUBLISH": 1, "SPUBLISH": 1}


class NotShardableError(NotImplementedError, AttributeError):
    """A sharded handler cannot send this command, or has no such method.

    Also an ``AttributeError``, so that ``hasattr`` returns False instead of raising.
    """


class ShardedCommands(
    FlaggedReplies[V],
    StringCommands[V],
    KeyCommands[V],
    KeyExpiryCommands[V],
    HashCommands[V],
    HashFieldCommands[V],
    ListCommands[V],
    SetCommands[V],
    SortedSetCommands[V],
    SortedSetPoppingCommands[V],
    SortedSetRangeCommands[V],
    SortedSetCombiningCommands[V],
    GeoCommands[V],
    VectorSetCommands[V],
    BitmapCommands[V],
    HyperLogLogCommands[V],
    StreamCommands[V],
    StreamGroupCommands[V],
    ScriptingCommands[V],
    FunctionCommands[V],
    PubSubCommands[V],
    InspectionCommands[V],
    ArrayCommands[V],
    NewerStringCommands[V],
    NewerListSetCommands[V],
    ModuleNamespaces[V],
    ScanIterators[V],
    RegisteredScripts,
):
    """The commands with keys, each sent to the node of its keys; pipelines and the like; and their views."""

    #: The names of the methods that send a command to the node of its keys.
    ShardedMethods: frozenset[str]

    #: The nodes; None until they are connected.
    _ring: HashRing | None
    #: Options of ``execute_command``, for each command.
    _options: Mapping[str, Any] = {}

    @property
    def raw(self) -> ShardedView[bytes]:
        """The same commands, with replies left as bytes: ``yield rc.raw.get("key")``."""
        return self._with("raw", True)

    @property
    def retrying(self) -> ShardedView[V]:
        """The same commands, marked as safe to be executed twice: ``yield rc.retrying.set("k", 1)``.

        They are sent again when a connection is lost, by the option ``retry``, or else by ``RetryPolicy()``.
        """
        return self._with("retry", True)

    def withTimeout(self, seconds: float) -> ShardedView[V]:
        """The same commands, with a time limit for each call: ``yield rc.withTimeout(2).mget(keys)``.

        :param seconds: for the whole call, as in :meth:`txredis_fast.ConnectionHandler.withTimeout`. Several nodes are
            asked at the same time.
        :raises ValueError: it is not a number above 0.
        """
        return self._with("timeout", check_timeout(seconds))

    def _with(self, name: str, value: object) -> ShardedView[Any]:
        return ShardedView(self, {name: value})

    def _on(self, node: Node) -> Any:
        """The commands of a node, with the options of this view."""
        return CommandView(node, self._options) if self._options else node

    def _hosts_of_all(self) -> list[Any]:
        if self._ring is None or not self._ring.nodes:
            raise NotSentError("Not connected")
        return [self._on(node) for node in self._ring.nodes]

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

    def get_type(self, key: Key) -> Deferred[Any]:
        """Get the type of a key's value; the same as :meth:`~txredis_fast.ConnectionHandler.type`.

        :param key: the key.
        :returns: fires with ``"string"``, ``"list"`` and so on, or ``"none"`` if it does not exist.

        https://redis.io/commands/type/, since 1.0.0
        """
        return self.execute_command("TYPE", key)

    def eval(
        self,
        script: str | bytes | bytearray | memoryview,
        keys: Keys = [],  # noqa: B006  # txredisapi's defaults; nothing changes them
        args: Argument | Items = [],  # noqa: B006
    ) -> Deferred[Any]:
        """Execute a Lua script on the node of its keys; as :meth:`txredis_fast.ConnectionHandler.eval`.

        :param script: the script; ``str`` is sent as UTF-8.
        :param keys: the keys that the script uses, its ``KEYS``: one key or an iterable of keys, at least one.
        :param args: its ``ARGV``: one argument or an iterable of arguments.
        :returns: fires with the script's return value.

        https://redis.io/commands/eval/, since 2.6.0
        """
        # By the node's method, because each connection knows which scripts its server has.
        try:
            names = one_or_many(keys)
            return self._on(self._node_of_all("EVAL", names)).eval(script, names, args)  # type: ignore[no-any-return]
        except Exception:  # any exception, because a command never raises
            return defer.fail()

    def execute_command(self, *args: Any, **kwargs: object) -> Deferred[Any]:
        """Send any command with keys to their node: ``rc.execute_command("OBJECT", "ENCODING", "key")``.

        Keyword arguments are those of :meth:`.ConnectionHandler.execute_command`. MGET, MSET, DEL, UNLINK, EXISTS and
        TOUCH are sent to each node with its keys.

        :returns: fires with the value; fails, and nothing is sent, with ``NotImplementedError`` if the command has no
            keys, or keys of several nodes, or is none that this package knows; with ``ValueError`` if a key is neither
            ``str`` nor bytes-like.
        """
        try:
            place = ONE_KEY.get(args[0]) if args and type(args[0]) is str else None
            if place is not None and place < len(args):
                return self._node(args[0], args[place]).execute_command(*args, **kwargs)
            return self._route(args, kwargs)
        except Exception:  # any exception, because a command never raises
            return defer.fail()

    def _route(self, args: tuple[Any, ...], kwargs: dict[str, Any], send: Send = send_to) -> Deferred[Any]:
        name = command_name(args)
        split = SPLIT.get(name)
        if split is not None:
            return self._send_by_node(name, split, args, kwargs, send)
        keys = _keys(name, args)
        node = self._node_of_all(name, keys)
        for pattern in sort_patterns(args):
            if _is_open(pattern) or self._node(name, pattern) is not node:
                raise NotShardableError(
                    f"{name} cannot be sharded when the keys that it makes of {shown(pattern)} may lie on other nodes "
                    f"than {shown(keys[0])}; the same hash tag in braces keeps them together"
                )
        return send(node, *args, **kwargs)

    def _send_by_node(
        self, name: str, split: Split, args: tuple[Any, ...], kwargs: dict[str, Any], send: Send = send_to
    ) -> Deferred[Any]:
        step, _ = split
        keys = args[1::step]
        if not keys:
            if name == "MGET":
                return defer.succeed([])
            raise _key_required(name)
        if (len(args) - 1) % step:
            raise InvalidData(f"{name} needs a value for each key")
        groups: dict[Node, list[int]] = {}
        for index, node in enumerate(self._nodes(name, keys)):
            if node in groups:
                groups[node].append(index)
            else:
                groups[node] = [index]
        if len(groups) > 1:
            return send_split(split, args, groups, kwargs, send)
        [node] = groups
        return send(node, *args, **kwargs)

    def _node_of_all(self, name: str, keys: Sequence[object]) -> Node:
        """The node that all keys of a command belong to."""
        if not keys:
            raise NotShardableError(f"{name} cannot be sharded without a key")
        nodes = self._nodes(name, keys)
        for node, key in zip(nodes, keys, strict=True):
            if node is not nodes[0]:
                raise NotShardableError(
                    f"{name} cannot be sharded when its keys lie on different nodes, as {shown(keys[0])} and "
                    f"{shown(key)} do; the same hash tag in braces keeps them together"
                )
        return nodes[0]

    def _nodes(self, name: str, keys: Sequence[object]) -> list[Node]:
        """The node of each key of a command."""
        first = self._node(name, keys[0])  # tells whether there are nodes at all
        ring: Any = self._ring
        nodes = [first]
        for key in keys[1:]:
            if not isinstance(key, _TEXT):
                raise _key_required(name, f", not {shown(key)}")
            nodes.append(ring(hashed_part(key)))
        return nodes

    def _node(self, name: str, key: object) -> Node:
        """The node that a key of a command belongs to."""
        if not isinstance(key, _TEXT):
            raise _key_required(name, f", not {shown(key)}")
        ring = self._ring
        if ring is None or not ring.nodes:
            raise NotSentError("Not connected")
        node: Node = ring(hashed_part(key))
        return node

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__()} - WITHOUT_KEYS)

    if not TYPE_CHECKING:  # type checkers report an unknown name themselves

        def __getattr__(self, name: str) -> NoReturn:
            if name == "cache":  # the property has raised this already
                raise no_cache()
            raise NotShardableError(f"Method '{name}' cannot be sharded{_advice(name)}")


class ShardedView(ShardedCommands[V]):
    """The commands of a sharded handler with options of ``execute_command``; ``rc.raw``, for one."""

    def __init__(self, host: ShardedCommands[Any], options: Mapping[str, Any]) -> None:
        self._host = host
        self._options = options

    @property
    def _ring(self) -> HashRing | None:  # type: ignore[override]
        return self._host._ring

    def execute_command(self, *args: Any, **kwargs: object) -> Deferred[Any]:
        """Send a command with the options of this view; else as the handler's."""
        return self._host.execute_command(*args, **{**kwargs, **self._options})

    def _with(self, name: str, value: object) -> ShardedView[Any]:
        return ShardedView(self._host, {**self._options, name: value})

    def __repr__(self) -> str:
        return f"<{self._host!r} with {', '.join(f'{name}={value!r}' for name, value in self._options.items())}>"


class _WithoutKeys:
    """A method of a command group that is none of a sharded handler, because its command has no keys."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: object = None) -> NoReturn:
        raise NotShardableError(f"Method '{self._name}' cannot be sharded")


def _public(*groups: type) -> frozenset[str]:
    return frozenset(name for group in groups for name in vars(group) if not name.startswith("_"))


#: The commands with keys among those of groups that have few.
_WITH_KEYS = {
    *("eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro", "publish", "spublish"),
    *("memory_usage", "object_encoding", "object_freq", "object_idletime", "object_refcount"),
}

#: Names of methods that a sharded handler does not have.
WITHOUT_KEYS = frozenset(("keys", "randomkey", "scan", "wait", "waitaof")) | (
    _public(FunctionCommands, InspectionCommands, PubSubCommands, ScriptingCommands) - _WITH_KEYS
)

#: The names of the methods that send a command to the node of its keys.
ShardedMethods = _public(*ShardedCommands.__bases__) - _public(
    ModuleNamespaces, ScanIterators, RegisteredScripts
) - WITHOUT_KEYS | {"get_type"}

ShardedCommands.ShardedMethods = ShardedMethods
for _name in ShardedMethods:
    _method = getattr(ShardedCommands, _name)
    if not hasattr(_method, "__wrapped__"):  # else its errors fail the Deferred already, as those of every handler do
        setattr(ShardedCommands, _name, errors_to_deferred(_method))
for _name in WITHOUT_KEYS:
    setattr(ShardedCommands, _name, _WithoutKeys(_name))


def _keys(name: str, args: Sequence[Any]) -> list[Any]:
    """The keys of a command, or its channel."""
    place = _CHANNELS.get(name)
    keys = keys_of(args) if place is None else [*args[place : place + 1]]
    if keys is None:
        raise NotShardableError(f"{name or shown(args[:1])} cannot be sharded: it is not known where its keys are")
    return keys


def _key_required(name: str, why: str = "") -> ValueError:
    return ValueError(f"{name} requires keys that are str or bytes-like{why}")


def _is_open(pattern: str | bytes) -> bool:
    """Whether it depends on the elements which node the keys of a pattern of SORT belong to."""
    return b"*" in hashed_part(pattern)


def _advice(name: str) -> str:
    """The names to use instead of a name that no command has."""
    if name.startswith("_") or hasattr(ConnectionHandler, name):
        return ""
    close = nearest(name, ShardedMethods)
    return f"; the nearest that can: {', '.join(close)}" if close else ""
