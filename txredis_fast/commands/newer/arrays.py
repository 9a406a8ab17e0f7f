"""Commands on arrays: values at indexes, many of which may be empty (Redis 8.8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Pairs, Score, Text, Value
from ...exceptions import InvalidData
from .._parts import CommandHost, as_pairs, as_score, described, errors_to_deferred, flags, flatten, text_of

__all__ = ["ArrayCommands"]


class ArrayCommands(CommandHost):
    """Commands of Redis's group "array" (Redis 8.8).

    An index is a number from 0. A range includes both ends; if its start is greater than its end, it is read backwards.
    An array has a cursor: the index at which :meth:`arinsert` and :meth:`arring` go on.
    """

    __slots__ = ()

    def arset(self, key: Key, index: int, *values: Argument) -> Deferred[int]:
        """Set values at consecutive indexes.

        :param key: key of the array, which is created if it does not exist.
        :param index: of the first value.
        :param values: the values, at least one.
        :returns: fires with the number of indexes that were empty before.

        https://redis.io/commands/arset/, since 8.8.0
        """
        return self.execute_command("ARSET", key, index, *values)

    @errors_to_deferred
    def armset(self, key: Key, mapping: Pairs) -> Deferred[int]:
        """Set values at any indexes.

        :param key: key of the array, which is created if it does not exist.
        :param mapping: the indexes and their values.
        :returns: fires with the number of indexes that were empty before.

        https://redis.io/commands/armset/, since 8.8.0
        """
        return self.execute_command("ARMSET", key, *flatten(mapping))

    def arinsert(self, key: Key, *values: Argument) -> Deferred[int]:
        """Set values at the cursor, and move the cursor behind them.

        :param key: key of the array, which is created if it does not exist.
        :param values: the values, at least one.
        :returns: fires with the index of the last value.

        https://redis.io/commands/arinsert/, since 8.8.0
        """
        return self.execute_command("ARINSERT", key, *values)

    def arring(self, key: Key, size: int, *values: Argument) -> Deferred[int]:
        """Set values at the cursor of a ring: behind the last index follows index 0, whose value is replaced.

        :param key: key of the array, which is created if it does not exist.
        :param size: number of indexes; a longer array is cut.
        :param values: the values, at least one.
        :returns: fires with the index of the last value.

        https://redis.io/commands/arring/, since 8.8.0
        """
        return self.execute_command("ARRING", key, size, *values)

    def arseek(self, key: Key, index: int) -> Deferred[bool]:
        """Move the cursor.

        :param key: key of the array.
        :param index: where to.
        :returns: fires with True, or False if the key does not exist.

        https://redis.io/commands/arseek/, since 8.8.0
        """
        return self.execute_command("ARSEEK", key, index, post_proc=bool)

    def arnext(self, key: Key) -> Deferred[int | None]:
        """Get the cursor.

        :param key: key of the array.
        :returns: fires with the index, 0 if nothing was inserted; None if there is no index behind the last one.

        https://redis.io/commands/arnext/, since 8.8.0
        """
        return self.execute_command("ARNEXT", key)

    def arget(self, key: Key, index: int) -> Deferred[Value | None]:
        """Get the value at an index.

        :param key: key of the array.
        :param index: the index.
        :returns: fires with the value, or None if there is none.

        https://redis.io/commands/arget/, since 8.8.0
        """
        return self.execute_command("ARGET", key, index)

    def armget(self, key: Key, *indices: int) -> Deferred[list[Value | None]]:
        """Get the values at several indexes.

        :param key: key of the array.
        :param indices: the indexes, at least one.
        :returns: fires with a list of values in the order of the indexes; None where there is none.

        https://redis.io/commands/armget/, since 8.8.0
        """
        return self.execute_command("ARMGET", key, *indices)

    def argetrange(self, key: Key, start: int, end: int) -> Deferred[list[Value | None]]:
        """Get the values in a range.

        :param key: key of the array.
        :param start: the first index.
        :param end: the last index.
        :returns: fires with a list of a value for each index; None where there is none.

        https://redis.io/commands/argetrange/, since 8.8.0
        """
        return self.execute_command("ARGETRANGE", key, start, end)

    def arlastitems(self, key: Key, count: int, rev: bool = False) -> Deferred[list[Value | None]]:
        """Get the values that were inserted last.

        :param key: key of the array.
        :param count: maximum number of values.
        :param rev: the last one first.
        :returns: fires with a list of values.

        https://redis.io/commands/arlastitems/, since 8.8.0
        """
        return self.execute_command("ARLASTITEMS", key, count, *flags(rev=rev))

    def arscan(self, key: Key, start: int, end: int, limit: int | None = None) -> Deferred[list[tuple[int, Value]]]:
        """Get the values in a range with their indexes, without the empty ones.

        :param key: key of the array.
        :param start: the first index.
        :param end: the last index.
        :param limit: maximum number of values. None: all.
        :returns: fires with a list of tuples ``(index, value)``.

        https://redis.io/commands/arscan/, since 8.8.0
        """
        limits = () if limit is None else ("LIMIT", limit)
        return self.execute_command("ARSCAN", key, start, end, *limits, post_proc=as_pairs)

    @errors_to_deferred
    def argrep(
        self,
        key: Key,
        start: int | Text,
        end: int | Text,
        predicates: Iterable[tuple[Text, Argument]],
        combinator: Text | None = None,
        limit: int | None = None,
        withvalues: bool = False,
        nocase: bool = False,
    ) -> Deferred[list[Any]]:
        """Find the values in a range that match.

        :param key: key of the array.
        :param start: the first index; ``"-"``: of the array.
        :param end: the last index; ``"+"``: of the array.
        :param predicates: pairs of a kind and a text: ``("EXACT", "value")``, ``("MATCH", "part")``, ``("GLOB",
            "a*")``, ``("RE", "a|b")``; at least one.
        :param combinator: ``"AND"``: all must match; ``"OR"``: any of them. None: OR.
        :param limit: maximum number of matches.
        :param withvalues: whether to return the values, too.
        :param nocase: ignore the case.
        :returns: fires with a list of indexes; with *withvalues*, of tuples ``(index, value)``. Fails with
            :exc:`.InvalidData` without *predicates*.

        https://redis.io/commands/argrep/, since 8.8.0
        """
        arguments: list[Argument] = [word for kind, text in predicates for word in (kind, text)]
        if not arguments:
            raise InvalidData("argrep needs at least one predicate")
        if combinator is not None:
            arguments.append(combinator)
        if limit is not None:
            arguments += ("LIMIT", limit)
        arguments += flags(withvalues=withvalues, nocase=nocase)
        convert = as_pairs if withvalues else None
        return self.execute_command("ARGREP", key, start, end, *arguments, post_proc=convert)

    @errors_to_deferred
    def arop(
        self, key: Key, start: int, end: int, operation: Text, value: Argument | None = None
    ) -> Deferred[Score | None]:
        """Compute one number of the values in a range.

        :param key: key of the array.
        :param start: an end of the range.
        :param end: the other end.
        :param operation: ``"SUM"``, ``"MIN"``, ``"MAX"``; of integers ``"AND"``, ``"OR"``, ``"XOR"``; ``"USED"``: count
            the values; ``"MATCH"``: count those equal to *value*.
        :param value: of MATCH.
        :returns: fires with the number, an int where it is whole, or None if there are no such values. Fails with
            :exc:`.InvalidData` for MATCH without *value*, and for *value* with another operation.

        https://redis.io/commands/arop/, since 8.8.0
        """
        if (text_of(operation).upper() == "MATCH") != (value is not None):
            raise InvalidData("operation MATCH of arop needs value, and no other has one")
        values = () if value is None else (value,)
        return self.execute_command("AROP", key, start, end, operation, *values, post_proc=as_score)

    def ardel(self, key: Key, *indices: int) -> Deferred[int]:
        """Remove the values at indexes.

        :param key: key of the array.
        :param indices: the indexes, at least one.
        :returns: fires with the number of values removed.

        https://redis.io/commands/ardel/, since 8.8.0
        """
        return self.execute_command("ARDEL", key, *indices)

    @errors_to_deferred
    def ardelrange(self, key: Key, *ranges: tuple[int, int]) -> Deferred[int]:
        """Remove the values in ranges.

        :param key: key of the array.
        :param ranges: tuples ``(start, end)``, at least one.
        :returns: fires with the number of values removed.

        https://redis.io/commands/ardelrange/, since 8.8.0
        """
        ends = [index for start, end in ranges for index in (start, end)]
        return self.execute_command("ARDELRANGE", key, *ends)

    def arlen(self, key: Key) -> Deferred[int]:
        """Get the length of an array: its highest index and 1.

        :param key: key of the array.
        :returns: fires with the length, 0 if the key does not exist.

        https://redis.io/commands/arlen/, since 8.8.0
        """
        return self.execute_command("ARLEN", key)

    def arcount(self, key: Key) -> Deferred[int]:
        """Count the values of an array.

        :param key: key of the array.
        :returns: fires with the number, 0 if the key does not exist.

        https://redis.io/commands/arcount/, since 8.8.0
        """
        return self.execute_command("ARCOUNT", key)

    def arinfo(self, key: Key, full: bool = False) -> Deferred[dict[str, Any]]:
        """Describe how the server stores an array.

        :param key: key of the array.
        :param full: with statistics of its parts, which takes longer.
        :returns: fires with a dict of the server's fields: ``"count"``, ``"len"``, ``"next-insert-index"`` ... Fails
            with :exc:`.ResponseError` if the key does not exist.

        https://redis.io/commands/arinfo/, since 8.8.0
        """
        return self.execute_command("ARINFO", key, *flags(full=full), post_proc=described)
