"""Client-side caching in a cluster: each node has a cache, and a read goes to that of its slot's owner.

Theory of operation. A node's cache has its tracked connection while the node is a master. It never says READONLY, so
a master that has lost a slot answers MOVED and not with old data. Whenever a slot gets another owner, by a MOVED or by
a topology, its kept replies are dropped at the former owner and at the new one, before a read is routed by that. A
fetch that a node has refused is read again without the cache, by the way that every command of the cluster has. So the
reply to an ASK is never kept.

A node tells of the keys that it hands over with a slot, but not of the keys of the slot that do not exist. So a reply
about such a key is kept for ``health_interval`` seconds at most: it may have been written at the new owner.

This module must not know how anything is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, gatherResults

from ..._tunables import CACHED_VIEWS_KEPT
from ..._types import Argument, Converter, Result, Text, V
from ...batching import first_error
from ...caching import Cache, CachedCommands, Caches, check_ttl, read_of, read_options
from ...commands._parts.keys import ONE_KEY, keys_of
from ...exceptions import MaybeExecutedError, NotSentError, RedisError
from ...options import ClientCache
from ...resp import fixed_arguments, key_slot
from ...telemetry import CacheStats
from ..node import ClusterNode
from ..redirects import CommandWay, is_refusal
from ..routing import groups_of_slots, slot_of_keys

if TYPE_CHECKING:
    from ..members import Members
    from ..sending import ClusterCommands
    from ..topology import Address

__all__ = ["ClusterCache", "ClusterCachedView"]


def _in_order(values: list[list[Any]], groups: Iterable[list[int]]) -> list[Any]:
    placed: dict[int, Any] = {}
    for part, group in zip(values, groups, strict=True):
        placed.update(zip(group, part, strict=True))
    return [placed[number] for number in range(len(placed))]


#: Commands that may be cached and whose keys may belong to several slots -> the function that joins the parts' values.
_SPLIT: Mapping[str, Callable[[list[Any], Iterable[list[int]]], Any]] = {
    "EXISTS": lambda values, _: sum(values),
    "MGET": _in_order,
}


class ClusterCache(Caches):
    """The replies that a cluster's handler keeps: ``rc.cache``. Each master has a cache of its own."""

    def __init__(self, handler: ClusterCommands[Any], members: Members, options: ClientCache) -> None:
        """Make it; nothing connects yet."""
        self.options = options
        self._handler = handler
        self._members = members
        #: The owners of slots by which reads were routed so far.
        self._owners: list[Address | None] = list(members.owners)
        self._views: dict[float, ClusterCachedView[Any]] = {}

    def caches(self) -> Iterable[Cache]:
        """See :meth:`.Caches.caches`."""
        return [node.cache for node in self._members.nodes.values()]

    def stats(self) -> CacheStats:
        """See :meth:`.Caches.stats`."""
        return self._members.stats().cache or CacheStats()

    def view(self, ttl: float | None = None) -> ClusterCachedView[Any]:
        """Return the view with a time to live; see ``ClusterConnectionHandler.cached``."""
        seconds = self.options.default_ttl if ttl is None else ttl
        view = self._views.get(seconds) if type(seconds) in (int, float) else None
        if view is None:
            view = ClusterCachedView(self, self._members, check_ttl(seconds))
            if len(self._views) < CACHED_VIEWS_KEPT:
                self._views[view.max_age] = view
        return view

    # -- reports of the members

    def adopt(self, node: ClusterNode[Any]) -> None:
        """A node was made."""
        cache = node.cache
        cache.reads = NodeReads(self._handler, self._members, node, self.options)
        cache.store.absent_seconds = self.options.health_interval

    def slot_moved(self, slot: int) -> None:
        """A slot may have another owner."""
        former, now = self._owners[slot], self._members.owners[slot]
        if former != now:
            self._owners[slot] = now
            for address in (former, now):
                self._forget(address, (slot,))

    def topology_changed(self) -> None:
        """There is another topology: masters get tracked connections, and replicas lose theirs."""
        former, owners = self._owners, self._members.owners
        if former != owners:
            self._owners = list(owners)
            moved: dict[Address | None, set[int]] = {}
            for slot, (one, other) in enumerate(zip(former, owners, strict=True)):
                if one != other:
                    moved.setdefault(one, set()).add(slot)
                    moved.setdefault(other, set()).add(slot)
            for address, slots in moved.items():
                self._forget(address, slots)
        for node in list(self._members.nodes.values()):
            if node.is_replica:
                node.cache.tracking.stop()
            elif node.pool.size:
                node.pool.start_cache()

    def _forget(self, address: Address | None, slots: Collection[int]) -> None:
        node = None if address is None else self._members.nodes.get(address)
        if node is not None:
            node.cache.forget_slots(slots)

    # -- reading

    def read(
        self, args: tuple[Any, ...], options: Mapping[str, Any], ttl: float, views: Mapping[str, Any]
    ) -> Deferred[Any]:
        """Read by the caches of the keys' owners.

        :param options: those of ``execute_command``.
        :param ttl: age in seconds that is accepted.
        :param views: the options of the view among them.
        """
        convert, raw, timeout = read_options({**options, **views})
        args = fixed_arguments(args)
        looked = read_of(args, self.options.cacheable_scripts)
        if isinstance(looked, RedisError):
            return fail(looked)
        charset = self._members.options.charset
        kept = {"raw": raw, "timeout": timeout}
        if looked.name in _SPLIT and len(args) > 2:
            groups = groups_of_slots(looked.name, args, charset)
            if len(groups) > 1:
                parts = [(args[0], *(args[1 + number] for number in group)) for group in groups.values()]
                reading = [self._read(part, slot, None, kept, ttl) for slot, part in zip(groups, parts, strict=True)]
                joined: Deferred[Any] = gatherResults(reading, consumeErrors=True).addErrback(first_error)
                joined.addCallback(_SPLIT[looked.name], list(groups.values()))
                return joined if convert is None else joined.addCallback(convert)
        keys = (
            keys_of(args) or ()
        )  # which notes the names of commands with one key: those take the short way from now on
        slot = slot_of_keys(looked.name, keys, charset)
        return self._read(args, slot, convert, kept, ttl)

    def _read(
        self, args: tuple[Any, ...], slot: int, convert: Converter | None, options: Mapping[str, Any], ttl: float
    ) -> Deferred[Any]:
        given = {"post_proc": convert, **{name: value for name, value in options.items() if value is not None}}
        node = self._members.owner(slot)
        if node is not None:
            read = partial(node.cache.view(ttl).execute_command, *args, **given)
            observer = self._members.observer
            if not observer.tells or node.cache.is_kept(args, bool(options["raw"]), ttl):
                return read()
            telling = observer.command(args)
            telling.begin(node.address, slot)
            return telling.around(read)
        if self.options.while_down == "fail":
            return fail(NotSentError(f"Not connected: {self._members.nobody(slot)}"))
        return self._handler.read_from_master(args, given, is_told=False)

    def peek(self, args: tuple[Any, ...], raw: bool, ttl: float, default: Result) -> Result:
        """Return the kept value; see :meth:`ClusterCachedView.peek`."""
        looked = read_of(args, self.options.cacheable_scripts)
        if isinstance(looked, RedisError):
            return default
        charset = self._members.options.charset
        slots = {key_slot(args[place], charset) for place in looked.places}
        address = self._members.owners[slots.pop()]
        node = None if address is None or slots else self._members.nodes.get(address)
        return default if node is None else node.cache.peek(args, raw, ttl, default)


class NodeReads:
    """Reads that the cache of a node cannot answer: by the way of every command, at the slot's master."""

    def __init__(
        self, handler: ClusterCommands[Any], members: Members, node: ClusterNode[Any], options: ClientCache
    ) -> None:
        self._handler = handler
        self._members = members
        self._node = node
        self._options = options

    def read(self, args: Sequence[Any], options: Mapping[str, Any]) -> Deferred[Any]:
        """Read at the master of the slot."""
        if self._node.pool.size and not self._node.is_replica:
            self._node.cache.tracking.start()  # a node of which no topology tells, perhaps
        return self._handler.read_from_master(args, options, is_told=True)

    def again(self, args: Sequence[Any], raw: bool, error: Exception | None) -> Callable[[], Deferred[Any]] | None:
        """Repeat reads that were refused or never sent, and lost ones if the option ``retry`` allows that."""
        policy = self._members.options.retry
        if self._members.closed or (isinstance(error, NotSentError) and self._options.while_down == "fail"):
            return None
        if error is None:  # the key has expired meanwhile
            return partial(self.read, args, {"raw": raw})
        if is_refusal(error, args):
            return partial(self._follow, args, raw, error)
        if isinstance(error, MaybeExecutedError) and policy is not None and policy.read_only:
            return partial(self.read, args, {"raw": raw})
        return None

    def _follow(self, args: Sequence[Any], raw: bool, error: Exception) -> Deferred[Any]:
        keys: list[Any] = keys_of(args) or []
        slot = key_slot(keys[0])
        choose = partial(self._members.owner, slot)
        way = CommandWay(self._members, args, {"raw": raw}, slot, choose)
        return way.refused(error, self._node).addBoth(self._followed, slot, keys)

    def _followed(self, result: Result, slot: int, keys: Iterable[Any]) -> Result:
        """A fetch that was sent meanwhile may bring something older than this reply."""
        owner = self._members.owner(slot)
        if owner is not None:
            owner.cache.forget(*keys)
        return result


class ClusterCachedView(CachedCommands[V]):
    """The commands that read keys, answered from memory where it has a reply that is young enough.

    Made by ``rc.cached(ttl)`` of a cluster's handler. As :class:`.CachedView`; each read goes to the cache of the
    master that serves its slot. ``mget`` and ``exists`` take keys of any slots.
    """

    def __init__(self, cache: ClusterCache, members: Members, ttl: float, options: Mapping[str, Any] | None = None):
        """Make one; ``rc.cached(ttl)`` does it."""
        self._options = dict(options or {})
        self.max_age = ttl
        self._cache = cache
        self._members = members
        self._charset = members.options.charset
        self._is_short = not members.observer.tells
        self._pools: list[Any] = members.pools

    def execute_command(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Read by any cacheable command: ``rc.cached(60).execute_command("GET", "key")``.

        :returns: fires with the value; fails with :exc:`RedisError` if the command cannot be cached, and with
            :exc:`CrossSlotError` if its keys belong to different slots.
        """
        try:
            place = ONE_KEY.get(args[0]) if self._is_short and args and type(args[0]) is str else None
            if place is not None and place < len(args):
                pool = self._pools[key_slot(args[place], self._charset)]
                if pool is not None:
                    options = {**kwargs, **self._options} if self._options else kwargs
                    return pool.cache.view(self.max_age).execute_command(*args, **options)  # type: ignore[no-any-return]
            return self._cache.read(args, kwargs, self.max_age, self._options)
        except Exception:  # any exception, because a command never raises
            return fail()

    def _owner(self) -> ClusterCache:
        return self._cache

    def _with(self, name: str, value: object) -> ClusterCachedView[Any]:
        return ClusterCachedView(self._cache, self._members, self.max_age, {**self._options, name: value})

    def peek(self, command: Text, /, *args: Argument, default: Result = None) -> Result:
        """Return the kept value, at once and without a Deferred: ``rc.cached(60).peek("GET", "key")``.

        Nothing is fetched. The value is converted as for the read that has fetched it.

        :param command: its name; its arguments follow.
        :param default: returned if nothing is kept that is young enough, or the keys belong to several slots.
        :raises InvalidData: an argument cannot be encoded.
        """
        return self._cache.peek((command, *args), bool(self._options.get("raw", False)), self.max_age, default)
