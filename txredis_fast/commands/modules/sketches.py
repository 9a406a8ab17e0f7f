"""Sketches of the module RedisBloom: count-min sketch, top-k, t-digest. Each estimates a property of a large set.

This module must not know how a command is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Keys, Number, Reply, Result, Text, Value
from ...exceptions import InvalidData
from .._parts import (
    as_bools,
    as_float_always,
    as_floats,
    as_pairs,
    counted_keys,
    described,
    errors_to_deferred,
    flags,
    one_or_many,
)
from .namespace import Namespace, options, pairs_of, some

__all__ = ["CountMinSketchCommands", "TDigestCommands", "TopKCommands"]


class CountMinSketchCommands(Namespace):
    """Commands of ``rc.cms``: count-min sketches, which estimate how often each item occurred."""

    __slots__ = ()

    def initbydim(self, key: Key, width: int, depth: int) -> Deferred[Text]:
        """Create a sketch by its dimensions.

        :param key: key of the sketch, which must not exist.
        :param width: number of counters in a row: lowers the error.
        :param depth: number of rows: lowers the probability of an error.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the key exists.

        https://redis.io/commands/cms.initbydim/, since 2.0.0
        """
        return self._send("CMS.INITBYDIM", key, width, depth)

    def initbyprob(self, key: Key, error: Number, probability: Number) -> Deferred[Text]:
        """Create a sketch by its error.

        :param key: key of the sketch, which must not exist.
        :param error: the error, as a share of all occurrences, 0 to 1.
        :param probability: probability of a greater error, 0 to 1.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the key exists.

        https://redis.io/commands/cms.initbyprob/, since 2.0.0
        """
        return self._send("CMS.INITBYPROB", key, error, probability)

    @errors_to_deferred
    def incrby(self, key: Key, items: Iterable[Argument], increments: Iterable[int]) -> Deferred[list[int]]:
        """Count items.

        :param key: key of the sketch.
        :param items: the items, one at least.
        :param increments: number of occurrences of each, in the same order.
        :returns: fires with a list of the new counts.

        https://redis.io/commands/cms.incrby/, since 2.0.0
        """
        return self._send("CMS.INCRBY", key, *pairs_of("cms.incrby", items, increments))

    @errors_to_deferred
    def query(self, key: Key, *items: Argument) -> Deferred[list[int]]:
        """Get the counts of items.

        :param key: key of the sketch.
        :param items: the items, one at least.
        :returns: fires with a list of counts, which may be too high.

        https://redis.io/commands/cms.query/, since 2.0.0
        """
        return self._send("CMS.QUERY", key, *some("cms.query", "items", items))

    @errors_to_deferred
    def merge(self, dest: Key, numkeys: int, src: Keys, weights: Sequence[int] | None = None) -> Deferred[Text]:
        """Set a sketch to the sum of others of the same dimensions.

        :param dest: key of the sketch to set, which must exist.
        :param numkeys: number of the others.
        :param src: their keys.
        :param weights: factor of each. None: 1.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/cms.merge/, since 2.0.0
        """
        keys = _keys("cms.merge", numkeys, src)
        if weights and len(weights) != numkeys:
            raise InvalidData(f"cms.merge needs as many weights as keys: {len(weights)} for {numkeys}")
        return self._send("CMS.MERGE", dest, *keys, *(["WEIGHTS", *weights] if weights else ()))

    def info(self, key: Key) -> Deferred[dict[str, Value]]:
        """Describe a sketch.

        :param key: key of the sketch.
        :returns: fires with a dict: ``"width"``, ``"depth"``, ``"count"``, the number of all occurrences.

        https://redis.io/commands/cms.info/, since 2.0.0
        """
        return self._send("CMS.INFO", key, post_proc=described)


class TopKCommands(Namespace):
    """Commands of ``rc.topk``: the k items that occurred most often."""

    __slots__ = ()

    @errors_to_deferred
    def reserve(
        self, key: Key, k: int, width: int | None = None, depth: int | None = None, decay: Number | None = None
    ) -> Deferred[Text]:
        """Create an empty list.

        :param key: key of the list, which must not exist.
        :param k: number of items to keep.
        :param width: number of counters in a row. None: 8. It needs *depth* and *decay*, too.
        :param depth: number of rows. None: 7.
        :param decay: probability with which a counter is lowered by another item, 0 to 1. None: 0.9.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the key exists.

        https://redis.io/commands/topk.reserve/, since 2.0.0
        """
        dimensions = [each for each in (width, depth, decay) if each is not None]
        if len(dimensions) not in (0, 3):
            raise InvalidData("topk.reserve needs width, depth and decay together, or none of them")
        return self._send("TOPK.RESERVE", key, k, *dimensions)

    @errors_to_deferred
    def add(self, key: Key, *items: Argument) -> Deferred[list[Value | None]]:
        """Count an occurrence of each item.

        :param key: key of the list.
        :param items: the items, one at least.
        :returns: fires with a list: for each, the item that it pushed out, or None.

        https://redis.io/commands/topk.add/, since 2.0.0
        """
        return self._send("TOPK.ADD", key, *some("topk.add", "items", items))

    @errors_to_deferred
    def incrby(self, key: Key, items: Iterable[Argument], increments: Iterable[int]) -> Deferred[list[Value | None]]:
        """Count several occurrences of each item.

        :param key: key of the list.
        :param items: the items, one at least.
        :param increments: number of occurrences of each, in the same order.
        :returns: fires with a list as :meth:`add`.

        https://redis.io/commands/topk.incrby/, since 2.0.0
        """
        return self._send("TOPK.INCRBY", key, *pairs_of("topk.incrby", items, increments))

    @errors_to_deferred
    def query(self, key: Key, *items: Argument) -> Deferred[list[bool]]:
        """Test whether items are in the list.

        :param key: key of the list.
        :param items: the items, one at least.
        :returns: fires with a list of bools.

        https://redis.io/commands/topk.query/, since 2.0.0
        """
        return self._send("TOPK.QUERY", key, *some("topk.query", "items", items), post_proc=as_bools)

    @errors_to_deferred
    def count(self, key: Key, *items: Argument) -> Deferred[list[int]]:
        """Get the counts of items. Servers advise against it since 2.4: the counts are estimates of a sketch.

        :param key: key of the list.
        :param items: the items, one at least.
        :returns: fires with a list of numbers.

        https://redis.io/commands/topk.count/, since 2.0.0
        """
        return self._send("TOPK.COUNT", key, *some("topk.count", "items", items))

    def info(self, key: Key) -> Deferred[dict[str, Value]]:
        """Describe a list.

        :param key: key of the list.
        :returns: fires with a dict: ``"k"``, ``"width"``, ``"depth"``, and ``"decay"``, a float.

        https://redis.io/commands/topk.info/, since 2.0.0
        """
        return self._send("TOPK.INFO", key, post_proc=_with_decay)

    def list(self, key: Key, withcount: bool = False) -> Deferred[Any]:
        """Get the items.

        :param key: key of the list.
        :param withcount: whether to return the counts, too.
        :returns: fires with a list of items, the most frequent first; with *withcount*, of tuples ``(item, count)``.

        https://redis.io/commands/topk.list/, since 2.0.0
        """
        if withcount:
            return self._send("TOPK.LIST", key, "WITHCOUNT", post_proc=as_pairs)
        return self._send("TOPK.LIST", key)


class TDigestCommands(Namespace):
    """Commands of ``rc.tdigest``: estimates of quantiles and ranks of many numbers."""

    __slots__ = ()

    def create(self, key: Key, compression: int = 100) -> Deferred[Text]:
        """Create an empty sketch.

        :param key: key of the sketch, which must not exist.
        :param compression: more is more exact, and larger.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the key exists.

        https://redis.io/commands/tdigest.create/, since 2.4.0
        """
        return self._send("TDIGEST.CREATE", key, "COMPRESSION", compression)

    def reset(self, key: Key) -> Deferred[Text]:
        """Empty a sketch.

        :param key: key of the sketch.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/tdigest.reset/, since 2.4.0
        """
        return self._send("TDIGEST.RESET", key)

    @errors_to_deferred
    def add(self, key: Key, values: Iterable[Number]) -> Deferred[Text]:
        """Add numbers.

        :param key: key of the sketch.
        :param values: the numbers, one at least.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/tdigest.add/, since 2.4.0
        """
        return self._send("TDIGEST.ADD", key, *some("tdigest.add", "values", values))

    @errors_to_deferred
    def merge(
        self, destination_key: Key, num_keys: int, *keys: Key, compression: int | None = None, override: bool = False
    ) -> Deferred[Text]:
        """Merge sketches into another one, which is created if it does not exist.

        :param destination_key: key of the other one.
        :param num_keys: number of the sketches.
        :param keys: their keys.
        :param compression: as of :meth:`create`. None: the greatest of the sketches.
        :param override: empty the other one first.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/tdigest.merge/, since 2.4.0
        """
        more = [*options(("COMPRESSION", compression)), *flags(override=override)]
        return self._send("TDIGEST.MERGE", destination_key, *_keys("tdigest.merge", num_keys, keys), *more)

    def min(self, key: Key) -> Deferred[float]:
        """Get the smallest number.

        :param key: key of the sketch.
        :returns: fires with a float; NaN if the sketch is empty.

        https://redis.io/commands/tdigest.min/, since 2.4.0
        """
        return self._send("TDIGEST.MIN", key, post_proc=as_float_always)

    def max(self, key: Key) -> Deferred[float]:
        """Get the greatest number.

        :param key: key of the sketch.
        :returns: fires with a float; NaN if the sketch is empty.

        https://redis.io/commands/tdigest.max/, since 2.4.0
        """
        return self._send("TDIGEST.MAX", key, post_proc=as_float_always)

    def quantile(self, key: Key, quantile: Number, *quantiles: Number) -> Deferred[list[float]]:
        """Estimate the numbers below which given shares of all numbers are.

        :param key: key of the sketch.
        :param quantile: the share, 0 to 1.
        :param quantiles: more of them.
        :returns: fires with a list of floats; NaN if the sketch is empty.

        https://redis.io/commands/tdigest.quantile/, since 2.4.0
        """
        return self._send("TDIGEST.QUANTILE", key, quantile, *quantiles, post_proc=as_floats)

    def cdf(self, key: Key, value: Number, *values: Number) -> Deferred[list[float]]:
        """Estimate which shares of all numbers are below given ones; a number that is equal counts half.

        :param key: key of the sketch.
        :param value: the number.
        :param values: more of them.
        :returns: fires with a list of floats, 0 to 1; NaN if the sketch is empty.

        https://redis.io/commands/tdigest.cdf/, since 2.4.0
        """
        return self._send("TDIGEST.CDF", key, value, *values, post_proc=as_floats)

    def trimmed_mean(self, key: Key, low_cut_quantile: Number, high_cut_quantile: Number) -> Deferred[float]:
        """Estimate the mean of the numbers between two quantiles.

        :param key: key of the sketch.
        :param low_cut_quantile: the lower share, 0 to 1.
        :param high_cut_quantile: the upper one.
        :returns: fires with a float; NaN if the sketch is empty.

        https://redis.io/commands/tdigest.trimmed_mean/, since 2.4.0
        """
        arguments = (low_cut_quantile, high_cut_quantile)
        return self._send("TDIGEST.TRIMMED_MEAN", key, *arguments, post_proc=as_float_always)

    def rank(self, key: Key, value: Number, *values: Number) -> Deferred[list[int]]:
        """Estimate how many numbers are smaller than given ones.

        :param key: key of the sketch.
        :param value: the number.
        :param values: more of them.
        :returns: fires with a list of ints; -1 below the smallest, -2 if the sketch is empty.

        https://redis.io/commands/tdigest.rank/, since 2.4.0
        """
        return self._send("TDIGEST.RANK", key, value, *values)

    def revrank(self, key: Key, value: Number, *values: Number) -> Deferred[list[int]]:
        """Estimate how many numbers are greater than given ones.

        :param key: key of the sketch.
        :param value: the number.
        :param values: more of them.
        :returns: fires with a list of ints; -1 above the greatest, -2 if the sketch is empty.

        https://redis.io/commands/tdigest.revrank/, since 2.4.0
        """
        return self._send("TDIGEST.REVRANK", key, value, *values)

    def byrank(self, key: Key, rank: int, *ranks: int) -> Deferred[list[float]]:
        """Estimate the numbers that have given ranks.

        :param key: key of the sketch.
        :param rank: the rank; 0: the smallest.
        :param ranks: more of them.
        :returns: fires with a list of floats; infinity beyond the last, NaN if the sketch is empty.

        https://redis.io/commands/tdigest.byrank/, since 2.4.0
        """
        return self._send("TDIGEST.BYRANK", key, rank, *ranks, post_proc=as_floats)

    def byrevrank(self, key: Key, rank: int, *ranks: int) -> Deferred[list[float]]:
        """Estimate the numbers that have given ranks from the greatest on.

        :param key: key of the sketch.
        :param rank: the rank; 0: the greatest.
        :param ranks: more of them.
        :returns: fires with a list of floats; minus infinity beyond the last, NaN if the sketch is empty.

        https://redis.io/commands/tdigest.byrevrank/, since 2.4.0
        """
        return self._send("TDIGEST.BYREVRANK", key, rank, *ranks, post_proc=as_floats)

    def info(self, key: Key) -> Deferred[dict[str, Value]]:
        """Describe a sketch.

        :param key: key of the sketch.
        :returns: fires with a dict of the server's fields, ``"Compression"`` ...

        https://redis.io/commands/tdigest.info/, since 2.4.0
        """
        return self._send("TDIGEST.INFO", key, post_proc=described)


def _keys(method: str, number: int, keys: Keys) -> Sequence[Argument]:
    """Make the arguments: number of keys, and the keys, of which there must be one at least."""
    return counted_keys(method, number, some(method, "keys", one_or_many(keys)))


def _with_decay(reply: Reply) -> Result:
    description = described(reply)
    if isinstance(description, dict) and "decay" in description:
        description["decay"] = as_float_always(description["decay"])
    return description
