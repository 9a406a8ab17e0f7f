"""Commands on vector sets, whose members have a vector each and are found by similarity (Redis 8.0)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from twisted.internet.defer import Deferred

from ..._types import Argument, Converter, Key, Text, V
from .._parts import (
    CommandHost,
    as_dict,
    as_floats,
    described,
    errors_to_deferred,
    flags,
    link_scores,
    raw_vector,
    scores_and_attributes,
    scores_by_member,
)

__all__ = ["VectorSetCommands"]

_BYTES_LIKE = (bytes, bytearray, memoryview)


class VectorSetCommands(CommandHost[V]):
    """Commands of Redis's group "vector set" (Redis 8.0).

    A vector is a list of numbers, or bytes with 32-bit floats in little-endian order.
    """

    __slots__ = ()

    @errors_to_deferred
    def vadd(
        self,
        key: Key,
        vector: Sequence[float] | bytes,
        element: Argument,
        reduce_dim: int | None = None,
        cas: bool = False,
        quantization: Text | None = None,
        ef: int | None = None,
        attributes: Text | Mapping[str, Any] | None = None,
        numlinks: int | None = None,
    ) -> Deferred[bool]:
        """Add an element with its vector, or replace its vector.

        :param key: key of the vector set, which is created if it does not exist.
        :param vector: the vector; all of a set have the same number of dimensions.
        :param element: the element.
        :param reduce_dim: number of dimensions to reduce the vectors to.
        :param cas: search for neighbours in the background.
        :param quantization: ``"NOQUANT"``, ``"BIN"`` or ``"Q8"``. None: Q8.
        :param ef: number of candidates for neighbours. None: 200.
        :param attributes: the element's attributes: a mapping, or JSON.
        :param numlinks: maximum number of neighbours. None: 16.
        :returns: fires with True if the element is new, else False.

        https://redis.io/commands/vadd/, since 8.0.0
        """
        arguments: list[Argument] = [] if reduce_dim is None else ["REDUCE", reduce_dim]
        arguments += (*_vector(vector), element, *flags(cas=cas))
        if quantization is not None:
            arguments.append(quantization)
        if ef is not None:
            arguments += ("EF", ef)
        if attributes is not None:
            arguments += ("SETATTR", _json(attributes))
        if numlinks is not None:
            arguments += ("M", numlinks)
        return self.execute_command("VADD", key, *arguments, post_proc=bool)

    @errors_to_deferred
    def vsim(
        self,
        key: Key,
        input: Sequence[float] | Argument,
        with_scores: bool = False,
        with_attribs: bool = False,
        count: int | None = None,
        ef: int | None = None,
        filter: Text | None = None,
        filter_ef: int | None = None,
        truth: bool = False,
        no_thread: bool = False,
        epsilon: float | None = None,
    ) -> Deferred[Any]:
        """Find the elements that are most similar to a vector, or to an element.

        :param key: key of the vector set.
        :param input: the vector, or the element, as text.
        :param with_scores: whether to return the similarity, 0 to 1, too.
        :param with_attribs: whether to return the attributes, too (Redis 8.2).
        :param count: maximum number of elements. None: 10.
        :param ef: number of candidates.
        :param filter: expression that the attributes must meet, such as ``".year > 1990"``.
        :param filter_ef: maximum number of elements to which the expression is applied.
        :param truth: compare with all elements, which is exact and slow.
        :param no_thread: search in the server's main thread.
        :param epsilon: greatest distance, 0 to 1 (Redis 8.2).
        :returns: fires with a list of elements, the most similar first; with *with_scores*, with a dict: element ->
            float; with *with_attribs*, with a dict: element -> JSON or None; with both, -> ``(float, JSON or None)``.

        https://redis.io/commands/vsim/, since 8.0.0
        """
        arguments: list[Argument] = _vector(input) if _is_vector(input) else ["ELE", input]  # type: ignore[list-item]
        arguments += flags(withscores=with_scores, withattribs=with_attribs)
        for word, value in (
            *(("COUNT", count), ("EPSILON", epsilon), ("EF", ef)),
            *(("FILTER", filter), ("FILTER-EF", filter_ef)),
        ):
            if value is not None:
                arguments += (word, value)
        arguments += flags(truth=truth, nothread=no_thread)
        if with_scores:
            convert: Converter | None = scores_and_attributes if with_attribs else scores_by_member
        else:
            convert = as_dict if with_attribs else None
        return self.execute_command("VSIM", key, *arguments, post_proc=convert)

    def vdim(self, key: Key) -> Deferred[int]:
        """Get the number of dimensions of the vectors.

        :param key: key of the vector set.
        :returns: fires with the number; fails with :exc:`.ResponseError` if the key does not exist.

        https://redis.io/commands/vdim/, since 8.0.0
        """
        return self.execute_command("VDIM", key)

    def vcard(self, key: Key) -> Deferred[int]:
        """Get the number of elements.

        :param key: key of the vector set.
        :returns: fires with the number, 0 if the key does not exist.

        https://redis.io/commands/vcard/, since 8.0.0
        """
        return self.execute_command("VCARD", key)

    def vrem(self, key: Key, element: Argument) -> Deferred[bool]:
        """Remove an element.

        :param key: key of the vector set.
        :param element: the element.
        :returns: fires with True, or False if there is no such element.

        https://redis.io/commands/vrem/, since 8.0.0
        """
        return self.execute_command("VREM", key, element, post_proc=bool)

    def vismember(self, key: Key, element: Argument) -> Deferred[bool]:
        """Test whether an element is in a vector set.

        :param key: key of the vector set.
        :param element: the element.
        :returns: fires with True or False.

        https://redis.io/commands/vismember/, since 8.2.0
        """
        return self.execute_command("VISMEMBER", key, element, post_proc=bool)

    def vemb(self, key: Key, element: Argument, raw: bool = False) -> Deferred[Any]:
        """Get the vector of an element.

        :param key: key of the vector set.
        :param element: the element.
        :param raw: as the server stores it.
        :returns: fires with a list of floats; with *raw*, with a tuple ``(quantization, bytes, norm)``, of ``"int8"``
            with the range as a fourth part; None if there is no such element.

        https://redis.io/commands/vemb/, since 8.0.0
        """
        if raw:
            return self.execute_command("VEMB", key, element, "RAW", post_proc=raw_vector, raw=True)
        return self.execute_command("VEMB", key, element, post_proc=as_floats)

    def vlinks(self, key: Key, element: Argument, with_scores: bool = False) -> Deferred[list[Any] | None]:
        """Get the neighbours of an element, by layers of the graph.

        :param key: key of the vector set.
        :param element: the element.
        :param with_scores: whether to return the similarities, too.
        :returns: fires with a list of lists of elements; with *with_scores*, with a list of dicts: element -> float;
            None if there is no such element.

        https://redis.io/commands/vlinks/, since 8.0.0
        """
        if with_scores:
            return self.execute_command("VLINKS", key, element, "WITHSCORES", post_proc=link_scores)
        return self.execute_command("VLINKS", key, element)

    def vinfo(self, key: Key) -> Deferred[dict[str, Any] | None]:
        """Describe a vector set.

        :param key: key of the vector set.
        :returns: fires with a dict of the server's fields, or None if the key does not exist.

        https://redis.io/commands/vinfo/, since 8.0.0
        """
        return self.execute_command("VINFO", key, post_proc=described)

    @errors_to_deferred
    def vsetattr(self, key: Key, element: Argument, attributes: Text | Mapping[str, Any]) -> Deferred[bool]:
        """Set the attributes of an element.

        :param key: key of the vector set.
        :param element: the element.
        :param attributes: a mapping, or JSON. An empty mapping or text removes them.
        :returns: fires with True, or False if there is no such element.

        https://redis.io/commands/vsetattr/, since 8.0.0
        """
        return self.execute_command("VSETATTR", key, element, _json(attributes) if attributes else "", post_proc=bool)

    def vgetattr(self, key: Key, element: Argument) -> Deferred[V | None]:
        """Get the attributes of an element.

        :param key: key of the vector set.
        :param element: the element.
        :returns: fires with JSON, or None if there is no such element or it has none.

        https://redis.io/commands/vgetattr/, since 8.0.0
        """
        return self.execute_command("VGETATTR", key, element)

    def vrandmember(self, key: Key, count: int | None = None) -> Deferred[Any]:
        """Get random elements.

        :param key: key of the vector set.
        :param count: maximum number of different elements. Negative: exact number, with repetitions. None: one element.
        :returns: fires with an element, or None if the key does not exist; with *count*, with a list.

        https://redis.io/commands/vrandmember/, since 8.0.0
        """
        return self.execute_command("VRANDMEMBER", key, *(() if count is None else (count,)))

    def vrange(
        self, key: Key, start: Argument = "-", end: Argument = "+", count: int | None = None
    ) -> Deferred[list[V]]:
        """Get the elements between two texts, in the order of their bytes (Redis 8.4).

        A page after another: the next *start* is ``"("`` and the last element.

        :param key: key of the vector set.
        :param start: ``"[text"``: from this one, ``"(text"``: after it, ``"-"``: from the first one.
        :param end: ``"[text"``: to this one, ``"(text"``: before it, ``"+"``: to the last one.
        :param count: maximum number of elements. None, or negative: all.
        :returns: fires with a list of elements; empty if the key does not exist.

        https://redis.io/commands/vrange/, since 8.4.0
        """
        return self.execute_command("VRANGE", key, start, end, *(() if count is None else (count,)))


def _is_vector(value: object) -> TypeGuard[Sequence[float] | bytes]:
    return isinstance(value, _BYTES_LIKE) or (isinstance(value, Sequence) and not isinstance(value, str))


def _vector(vector: Sequence[float] | bytes) -> list[Argument]:
    if isinstance(vector, _BYTES_LIKE):
        return ["FP32", vector]
    return ["VALUES", len(vector), *vector]


def _json(attributes: Text | Mapping[str, Any]) -> Text:
    return json.dumps(attributes) if isinstance(attributes, Mapping) else attributes
