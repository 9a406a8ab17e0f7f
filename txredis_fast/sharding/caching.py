"""Client-side caching over several servers: each node has a cache, and a read goes to that of its key's node.

This module must not know how anything is kept, nor which node a key belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet import defer
from twisted.internet.defer import Deferred

from .._types import Argument, Text, V
from ..caching import Cache, CachedView, Caches, read_of
from ..exceptions import RedisError
from ..inflight import check_timeout
from ..telemetry import CacheStats
from .commands import ShardedCommands
from .ring import HashRing, Node

if TYPE_CHECKING:
    from .handler import ShardedConnectionHandler

__all__ = ["ShardedCache", "ShardedCachedView"]


class ShardedCache(Caches):
    """The replies that a sharded handler keeps: ``rc.cache``. Each node has a cache of its own."""

    def __init__(self, handler: ShardedConnectionHandler[Any]) -> None:
        self._handler = handler

    def caches(self) -> Iterable[Cache]:
        """See :meth:`.Caches.caches`.

        :raises RedisError: a node was made without the option ``cache``.
        """
        ring = self._handler._ring
        return [] if ring is None else [_cache_of(node) for node in ring.nodes]

    def stats(self) -> CacheStats:
        """See :meth:`.Caches.stats`."""
        return self._handler.stats().cache or CacheStats()


class ShardedCachedView(ShardedCommands[V]):
    """The commands that read keys, answered from memory where it has a reply that is young enough.

    Made by ``rc.cached(ttl)`` of a sharded handler. As :class:`.CachedView`; each read goes to the cache of its key's
    node. ``mget`` and ``exists`` take keys of all servers.

    :ivar max_age: age in seconds that is accepted; None: the ``default_ttl`` of each node's cache.
    """

    _eval_by_hash = False

    def __init__(self, handler: ShardedConnectionHandler[Any], ttl: float | None, options: Mapping[str, Any]) -> None:
        """Make one; ``rc.cached(ttl)`` does it."""
        self._handler = handler
        self._options = options
        self.max_age = ttl

    @property
    def _ring(self) -> HashRing | None:  # type: ignore[override]
        return self._handler._ring

    def execute_command(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Read by any cacheable command: ``rc.cached(60).execute_command("GET", "key")``.

        :returns: fires with the value; fails with :exc:`RedisError` if the command cannot be cached, and with
            ``NotImplementedError`` if its keys belong to different nodes.
        """
        try:
            return self._route(args, {**kwargs, **self._options}, self._read)
        except Exception:  # any exception, because a command never raises
            return defer.fail()

    def _read(self, node: Node, *args: Any, **options: Any) -> Deferred[Any]:
        return _cache_of(node).view(self.max_age).execute_command(*args, **options)

    def _on(self, node: Node) -> Any:
        view: CachedView[Any] = _cache_of(node).view(self.max_age)
        if self._options.get("raw"):
            view = view.raw  # type: ignore[assignment]
        return view

    def peek(self, command: Text, /, *args: Argument, default: Any = None) -> Any:
        """Return the kept value, at once and without a Deferred: ``rc.cached(60).peek("GET", "key")``.

        Nothing is fetched. The value is converted as for the read that has fetched it.

        :param command: its name; its arguments follow.
        :param default: returned if nothing is kept that is young enough, or the keys belong to several servers.
        :raises ValueError: a key is neither ``str`` nor bytes-like.
        :raises InvalidData: an argument cannot be encoded.
        """
        ring = self._ring
        asked = (command, *args)
        looked = read_of(asked, True)
        if isinstance(looked, RedisError) or ring is None or not ring.nodes:
            return default
        nodes = {*self._nodes(looked.name, [asked[place] for place in looked.places])}
        if len(nodes) > 1:
            return default
        return self._on(nodes.pop()).peek(*asked, default=default)

    @property
    def raw(self) -> ShardedCachedView[bytes]:  # type: ignore[override]
        """The same, with replies left as bytes."""
        return self._with("raw", True)

    def withTimeout(self, seconds: float) -> ShardedCachedView[V]:  # type: ignore[override]
        """The same, each read with a time limit.

        :param seconds: from the call to the reply, above 0. A read that waits longer fails with
            :exc:`ReplyTimeoutError`; its fetch goes on for others.
        :raises ValueError: ``seconds`` is not a number above 0.
        """
        return self._with("timeout", check_timeout(seconds))

    def _with(self, name: str, value: object) -> ShardedCachedView[Any]:  # type: ignore[override]
        return ShardedCachedView(self._handler, self.max_age, {**self._options, name: value})

    def __repr__(self) -> str:
        more = "".join(f", {name}={value!r}" for name, value in self._options.items())
        return f"<ShardedCachedView of {self._handler!r} max_age={self.max_age}{more}>"


def _cache_of(node: Any) -> Cache:
    cache: Cache = node.cache
    return cache
