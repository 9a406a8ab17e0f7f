"""Commands that combine sorted sets and return, or count, or store the result."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Aggregate, Argument, Key, Keys, V, Weights
from .._parts import CommandHost, aggregate_arguments, counted_keys, errors_to_deferred, one_or_many, scored_members

__all__ = ["SortedSetCombiningCommands"]


class SortedSetCombiningCommands(CommandHost[V]):
    """Commands of Redis's group "sorted-set" on several sorted sets. A score is always a float."""

    __slots__ = ()

    @errors_to_deferred
    def zunion(self, keys: Weights, aggregate: Aggregate = None, withscores: bool = False) -> Deferred[Any]:
        """Compute the union of sorted sets.

        :param keys: keys of the sorted sets, as an iterable; or a mapping of keys to weights, by which the scores are
            multiplied.
        :param aggregate: how the scores of a member are combined: the function ``min``, ``max`` or ``sum``, or its
            name. None: ``sum``.
        :param withscores: whether to return the scores, too.
        :returns: fires with a list of members, or, with *withscores*, of tuples ``(member, float)``, the lowest score
            first. Fails with :exc:`.InvalidData` for another *aggregate*.

        https://redis.io/commands/zunion/, since 6.2.0
        """
        return self._combined("ZUNION", aggregate_arguments(keys, aggregate), withscores)

    @errors_to_deferred
    def zinter(self, keys: Weights, aggregate: Aggregate = None, withscores: bool = False) -> Deferred[Any]:
        """Compute the intersection of sorted sets.

        :param keys: keys of the sorted sets, as an iterable; or a mapping of keys to weights, by which the scores are
            multiplied.
        :param aggregate: how the scores of a member are combined: the function ``min``, ``max`` or ``sum``, or its
            name. None: ``sum``.
        :param withscores: whether to return the scores, too.
        :returns: fires with a list of members, or, with *withscores*, of tuples ``(member, float)``, the lowest score
            first. Fails with :exc:`.InvalidData` for another *aggregate*.

        https://redis.io/commands/zinter/, since 6.2.0
        """
        return self._combined("ZINTER", aggregate_arguments(keys, aggregate), withscores)

    @errors_to_deferred
    def zintercard(self, numkeys: int, keys: Keys, limit: int = 0) -> Deferred[int]:
        """Count the members of the intersection of sorted sets.

        :param numkeys: number of *keys*.
        :param keys: one key or an iterable of keys.
        :param limit: stop counting there; 0: count all.
        :returns: fires with the number. Fails with :exc:`.InvalidData` if *numkeys* is wrong.

        https://redis.io/commands/zintercard/, since 7.0.0
        """
        return self.execute_command("ZINTERCARD", *counted_keys("zintercard", numkeys, keys, limit))

    @errors_to_deferred
    def zdiff(self, keys: Keys, withscores: bool = False) -> Deferred[Any]:
        """Compute the difference between the first sorted set and all others.

        :param keys: one key or an iterable of keys, the first sorted set's first.
        :param withscores: whether to return the scores, too.
        :returns: fires with a list of members, or, with *withscores*, of tuples ``(member, float)``, the lowest score
            first.

        https://redis.io/commands/zdiff/, since 6.2.0
        """
        names = one_or_many(keys)
        return self._combined("ZDIFF", [len(names), *names], withscores)

    @errors_to_deferred
    def zdiffstore(self, dest: Key, keys: Keys) -> Deferred[int]:
        """Compute the difference between the first sorted set and all others, and store it.

        :param dest: key of the result; an existing value is replaced.
        :param keys: one key or an iterable of keys, the first sorted set's first.
        :returns: fires with the number of members of the result.

        https://redis.io/commands/zdiffstore/, since 6.2.0
        """
        names = one_or_many(keys)
        return self.execute_command("ZDIFFSTORE", dest, len(names), *names)

    def _combined(self, command: str, arguments: list[Argument], withscores: bool) -> Deferred[Any]:
        if withscores:
            return self.execute_command(command, *arguments, "WITHSCORES", post_proc=scored_members)
        return self.execute_command(command, *arguments)
