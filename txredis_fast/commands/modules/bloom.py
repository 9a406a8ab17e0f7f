"""Filters that say "certainly not" or "probably", of the module RedisBloom: Bloom and cuckoo filters.

This module must not know how a command is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Number, Reply, Result, Text, Value
from .._parts import as_bools, as_tuple, described, errors_to_deferred, flags
from .namespace import Namespace, as_bools_or_errors, options, some

__all__ = ["BloomFilterCommands", "CuckooFilterCommands"]


class BloomFilterCommands(Namespace):
    """Commands of ``rc.bf``: Bloom filters, to which items can be added only."""

    __slots__ = ()

    def create(
        self, key: Key, error_rate: Number, capacity: int, expansion: int | None = None, no_scale: bool = False
    ) -> Deferred[Text]:
        """Create an empty filter: BF.RESERVE.

        :param key: key of the filter, which must not exist.
        :param error_rate: probability of a false "yes", between 0 and 1.
        :param capacity: number of items for which it holds.
        :param expansion: factor of the next sub-filter's capacity when this one is full. None: 2.
        :param no_scale: add no sub-filters: a full filter refuses items.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the key exists.

        https://redis.io/commands/bf.reserve/, since 1.0.0
        """
        more = [*options(("EXPANSION", expansion)), *flags(nonscaling=no_scale)]
        return self._send("BF.RESERVE", key, error_rate, capacity, *more)

    reserve = create

    def add(self, key: Key, item: Argument) -> Deferred[bool]:
        """Add an item; create the filter if there is none.

        :param key: key of the filter.
        :param item: the item.
        :returns: fires with True, or False if the item was probably there already.

        https://redis.io/commands/bf.add/, since 1.0.0
        """
        return self._send("BF.ADD", key, item, post_proc=bool)

    @errors_to_deferred
    def madd(self, key: Key, *items: Argument) -> Deferred[list[Any]]:
        """Add items; create the filter if there is none.

        :param key: key of the filter.
        :param items: the items, one at least.
        :returns: fires with a list of bools as :meth:`add`; it ends with a :exc:`.ResponseError` where the filter was
            full.

        https://redis.io/commands/bf.madd/, since 1.0.0
        """
        return self._send("BF.MADD", key, *some("bf.madd", "items", items), post_proc=as_bools_or_errors)

    @errors_to_deferred
    def insert(
        self,
        key: Key,
        items: Iterable[Argument],
        capacity: int | None = None,
        error: Number | None = None,
        no_create: bool = False,
        expansion: int | None = None,
        no_scale: bool = False,
    ) -> Deferred[list[Any]]:
        """Add items; create the filter as the options have it if there is none.

        :param key: key of the filter.
        :param items: the items, one at least.
        :param capacity: as of :meth:`create`. None: 100.
        :param error: as *error_rate* of :meth:`create`. None: 0.01.
        :param no_create: fail if there is no filter.
        :param expansion: as of :meth:`create`.
        :param no_scale: as of :meth:`create`.
        :returns: fires with a list as :meth:`madd` does; fails with :exc:`.ResponseError` if there is no filter, with
            *no_create*.

        https://redis.io/commands/bf.insert/, since 1.0.0
        """
        arguments = options(("CAPACITY", capacity), ("ERROR", error), ("EXPANSION", expansion))
        arguments += flags(nocreate=no_create, nonscaling=no_scale)
        given = some("bf.insert", "items", items)
        return self._send("BF.INSERT", key, *arguments, "ITEMS", *given, post_proc=as_bools_or_errors)

    def exists(self, key: Key, item: Argument) -> Deferred[bool]:
        """Test whether an item was added.

        :param key: key of the filter.
        :param item: the item.
        :returns: fires with False: certainly not, or True: probably.

        https://redis.io/commands/bf.exists/, since 1.0.0
        """
        return self._send("BF.EXISTS", key, item, post_proc=bool)

    @errors_to_deferred
    def mexists(self, key: Key, *items: Argument) -> Deferred[list[bool]]:
        """Test whether items were added.

        :param key: key of the filter.
        :param items: the items, one at least.
        :returns: fires with a list of bools as :meth:`exists`.

        https://redis.io/commands/bf.mexists/, since 1.0.0
        """
        return self._send("BF.MEXISTS", key, *some("bf.mexists", "items", items), post_proc=as_bools)

    def card(self, key: Key) -> Deferred[int]:
        """Get the number of items that were added, as far as the filter could tell that they were new.

        :param key: key of the filter.
        :returns: fires with the number, 0 if there is no filter.

        https://redis.io/commands/bf.card/, since 2.4.4
        """
        return self._send("BF.CARD", key)

    def info(self, key: Key, field: Text | None = None) -> Deferred[Any]:
        """Describe a filter.

        :param key: key of the filter.
        :param field: one field only: ``"CAPACITY"``, ``"SIZE"``, ``"FILTERS"``, ``"ITEMS"`` or ``"EXPANSION"``.
        :returns: fires with a dict of the server's fields, ``"Capacity"`` ...; with *field*, with its number.

        https://redis.io/commands/bf.info/, since 1.0.0
        """
        if field is None:
            return self._send("BF.INFO", key, post_proc=described)
        return self._send("BF.INFO", key, field, post_proc=_single_field)

    def scandump(self, key: Key, iter: int) -> Deferred[tuple[int, bytes]]:
        """Get a part of a filter, to make a copy by :meth:`loadchunk`.

        :param key: key of the filter.
        :param iter: 0, then the number that the previous part came with.
        :returns: fires with a tuple ``(iter, bytes)``; the number is 0, and the bytes are empty, after the last part.

        https://redis.io/commands/bf.scandump/, since 1.0.0
        """
        return self._send("BF.SCANDUMP", key, iter, post_proc=as_tuple, raw=True)

    def loadchunk(self, key: Key, iter: int, data: Argument) -> Deferred[Text]:
        """Put a part of a copy.

        :param key: key of the copy.
        :param iter: the number that :meth:`scandump` fired with.
        :param data: the bytes.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/bf.loadchunk/, since 1.0.0
        """
        return self._send("BF.LOADCHUNK", key, iter, data)


class CuckooFilterCommands(Namespace):
    """Commands of ``rc.cf``: cuckoo filters, whose items can be deleted and counted."""

    __slots__ = ()

    def create(
        self,
        key: Key,
        capacity: int,
        expansion: int | None = None,
        bucket_size: int | None = None,
        max_iterations: int | None = None,
    ) -> Deferred[Text]:
        """Create an empty filter: CF.RESERVE.

        :param key: key of the filter, which must not exist.
        :param capacity: number of items.
        :param expansion: factor of the next sub-filter's capacity when this one is full. None: 1; 0: no sub-filters.
        :param bucket_size: number of items in a bucket. None: 2.
        :param max_iterations: how often to swap items before the filter counts as full. None: 20.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the key exists.

        https://redis.io/commands/cf.reserve/, since 1.0.0
        """
        more = options(("BUCKETSIZE", bucket_size), ("MAXITERATIONS", max_iterations), ("EXPANSION", expansion))
        return self._send("CF.RESERVE", key, capacity, *more)

    reserve = create

    def add(self, key: Key, item: Argument) -> Deferred[bool]:
        """Add an item, once more if it is there already; create the filter if there is none.

        :param key: key of the filter.
        :param item: the item.
        :returns: fires with True; fails with :exc:`.ResponseError` if the filter is full.

        https://redis.io/commands/cf.add/, since 1.0.0
        """
        return self._send("CF.ADD", key, item, post_proc=bool)

    def addnx(self, key: Key, item: Argument) -> Deferred[bool]:
        """Add an item unless it is probably there; create the filter if there is none.

        :param key: key of the filter.
        :param item: the item.
        :returns: fires with True, or False if it was probably there.

        https://redis.io/commands/cf.addnx/, since 1.0.0
        """
        return self._send("CF.ADDNX", key, item, post_proc=bool)

    @errors_to_deferred
    def insert(
        self, key: Key, items: Iterable[Argument], capacity: int | None = None, nocreate: bool = False
    ) -> Deferred[list[bool | None]]:
        """Add items as :meth:`add` does.

        :param key: key of the filter.
        :param items: the items, one at least.
        :param capacity: number of items of a new filter. None: 1024.
        :param nocreate: fail if there is no filter.
        :returns: fires with a list of True; None for an item that found no room.

        https://redis.io/commands/cf.insert/, since 1.0.0
        """
        return self._insert("CF.INSERT", key, items, capacity, nocreate)

    @errors_to_deferred
    def insertnx(
        self, key: Key, items: Iterable[Argument], capacity: int | None = None, nocreate: bool = False
    ) -> Deferred[list[bool | None]]:
        """Add items as :meth:`addnx` does.

        :param key: key of the filter.
        :param items: the items, one at least.
        :param capacity: number of items of a new filter. None: 1024.
        :param nocreate: fail if there is no filter.
        :returns: fires with a list of True, False for an item that was probably there, None for one without room.

        https://redis.io/commands/cf.insertnx/, since 1.0.0
        """
        return self._insert("CF.INSERTNX", key, items, capacity, nocreate)

    def _insert(
        self, name: str, key: Key, items: Iterable[Argument], capacity: int | None, nocreate: bool
    ) -> Deferred[Any]:
        arguments = [*options(("CAPACITY", capacity)), *flags(nocreate=nocreate)]
        given = some(name.lower(), "items", items)
        return self._send(name, key, *arguments, "ITEMS", *given, post_proc=_inserted)

    def exists(self, key: Key, item: Argument) -> Deferred[bool]:
        """Test whether an item is in a filter.

        :param key: key of the filter.
        :param item: the item.
        :returns: fires with False: certainly not, or True: probably.

        https://redis.io/commands/cf.exists/, since 1.0.0
        """
        return self._send("CF.EXISTS", key, item, post_proc=bool)

    @errors_to_deferred
    def mexists(self, key: Key, *items: Argument) -> Deferred[list[bool]]:
        """Test whether items are in a filter.

        :param key: key of the filter.
        :param items: the items, one at least.
        :returns: fires with a list of bools as :meth:`exists`.

        https://redis.io/commands/cf.mexists/, since 1.0.0
        """
        return self._send("CF.MEXISTS", key, *some("cf.mexists", "items", items), post_proc=as_bools)

    def delete(self, key: Key, item: Argument) -> Deferred[bool]:
        """Delete an item once. One that was never added may delete another one's mark.

        :param key: key of the filter.
        :param item: the item.
        :returns: fires with True, or False if it is not there; fails with :exc:`.ResponseError` if there is no filter.

        https://redis.io/commands/cf.del/, since 1.0.0
        """
        return self._send("CF.DEL", key, item, post_proc=bool)

    def count(self, key: Key, item: Argument) -> Deferred[int]:
        """Estimate how often an item is in a filter.

        :param key: key of the filter.
        :param item: the item.
        :returns: fires with the number, which may be too high.

        https://redis.io/commands/cf.count/, since 1.0.0
        """
        return self._send("CF.COUNT", key, item)

    def compact(self, key: Key) -> Deferred[Text]:
        """Move items to lower sub-filters, and free empty ones.

        :param key: key of the filter.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/cf.reserve/, since 1.0.0
        """
        return self._send("CF.COMPACT", key)

    def info(self, key: Key) -> Deferred[dict[str, Value]]:
        """Describe a filter.

        :param key: key of the filter.
        :returns: fires with a dict of the server's fields, ``"Size"`` ...

        https://redis.io/commands/cf.info/, since 1.0.0
        """
        return self._send("CF.INFO", key, post_proc=described)

    def scandump(self, key: Key, iter: int) -> Deferred[tuple[int, bytes]]:
        """Get a part of a filter, to make a copy by :meth:`loadchunk`.

        :param key: key of the filter.
        :param iter: 0, then the number that the previous part came with.
        :returns: fires with a tuple ``(iter, bytes)``; the number is 0 after the last part.

        https://redis.io/commands/cf.scandump/, since 1.0.0
        """
        return self._send("CF.SCANDUMP", key, iter, post_proc=as_tuple, raw=True)

    def loadchunk(self, key: Key, iter: int, data: Argument) -> Deferred[Text]:
        """Put a part of a copy.

        :param key: key of the copy.
        :param iter: the number that :meth:`scandump` fired with.
        :param data: the bytes.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/cf.loadchunk/, since 1.0.0
        """
        return self._send("CF.LOADCHUNK", key, iter, data)


def _single_field(reply: Reply) -> Result:
    """Convert a description with one field, of which RESP2 has the value only."""
    values = list(reply.values()) if isinstance(reply, dict) else reply
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def _inserted(reply: Reply) -> Result:
    if not isinstance(reply, list):
        return reply
    # -1, also under RESP3: no room.
    return [each if isinstance(each, Exception) else None if each == -1 else bool(each) for each in reply]
