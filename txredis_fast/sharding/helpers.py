"""Iterators and scripts over several servers: those of a key, and scripts, go to the server of their keys.

This module must not know which node a key belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred, fail

from .._checks import shown
from .._types import Argument, Items, Key, Keys
from ..commands._parts import errors_to_deferred, one_or_many
from ..exceptions import NotSentError
from ..helpers import ScanIterators, Script
from ..resp import fix_argument
from .ring import HashRing, Node

__all__ = ["ShardedHelpers"]


class ShardedHelpers(ScanIterators):
    """SCAN over all nodes, one after the other; and scripts on the node of their keys."""

    _ring: HashRing | None

    def _on(self, node: Node) -> Any:
        """The commands of a node."""
        raise NotImplementedError

    def _node(self, method: str, *args: object) -> Node:
        """The node of the first of a method's arguments."""
        raise NotImplementedError

    def _hosts_of_all(self) -> Iterable[Any]:
        if self._ring is None or not self._ring.nodes:
            raise NotSentError("Not connected")
        return [self._on(node) for node in self._ring.nodes]

    def _hosts_of_key(self, method: str, key: Key) -> Iterable[Any]:
        return (self._on(self._node(method, key)),)

    def register_script(self, script: str | bytes | bytearray | memoryview) -> Script:
        """Make a function of a Lua script; nothing is sent.

        :param script: its text; ``str`` is sent as UTF-8.
        :returns: a :class:`.Script`, which executes on the node of its keys. A call without keys, or with keys of
            different nodes, fails with ``NotImplementedError``.
        :raises TypeError: *script* is no text.
        """
        return Script(_ScriptHost(self), script)

    def _node_of_all(self, keys: list[Any]) -> Node:
        if not keys:
            raise NotImplementedError("EVAL cannot be sharded without a key")
        node = self._node("eval", keys[0])
        for key in keys[1:]:
            if self._node("eval", key) is not node:
                raise NotImplementedError(
                    f"EVAL cannot be sharded when its keys lie on different nodes, as {shown(keys[0])} and "
                    f"{shown(key)} do; the same hash tag in braces keeps them together"
                )
        return node


class _ScriptHost:
    """Executes scripts on the nodes of their keys."""

    def __init__(self, sharded: ShardedHelpers) -> None:
        self._sharded = sharded

    def __repr__(self) -> str:
        return repr(self._sharded)

    def _refuse(self, error: Exception) -> Deferred[Any]:
        return fail(error)

    @errors_to_deferred
    def eval(self, script: Any, keys: Keys, args: Argument | Items) -> Deferred[Any]:
        """Execute a script on the node of its keys."""
        names = list(map(fix_argument, one_or_many(keys)))
        sharded = self._sharded
        return sharded._on(sharded._node_of_all(names)).eval(script, names, args)  # type: ignore[no-any-return]
