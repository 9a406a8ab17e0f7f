"""Commands that take members out of sorted sets, some of them blocking; and random members, scores of several."""

from __future__ import annotations

import datetime
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Items, Key, Keys, Seconds, V
from ...exceptions import InvalidData
from .._parts import (
    CommandHost,
    as_floats,
    blocking,
    counted_keys,
    errors_to_deferred,
    key_scored_member,
    key_scored_members,
    one_or_many,
    scored_member,
    scored_members,
    waiting_time,
)

__all__ = ["SortedSetPoppingCommands"]


class SortedSetPoppingCommands(CommandHost[V]):
    """Commands of Redis's group "sorted-set" that remove the first or last members, and some that read.

    A score is always a float.
    """

    __slots__ = ()

    def zpopmin(self, key: Key, count: int | None = None) -> Deferred[Any]:
        """Remove the members with the lowest scores.

        :param key: key of the sorted set.
        :param count: maximum number of members. None: one member.
        :returns: fires with ``(member, score)``, or None if the key does not exist; with *count*, with a list of these,
            the lowest score first.

        https://redis.io/commands/zpopmin/, since 5.0.0
        """
        if count is None:
            return self.execute_command("ZPOPMIN", key, post_proc=scored_member)
        return self.execute_command("ZPOPMIN", key, count, post_proc=scored_members)

    def zpopmax(self, key: Key, count: int | None = None) -> Deferred[Any]:
        """Remove the members with the highest scores.

        :param key: key of the sorted set.
        :param count: maximum number of members. None: one member.
        :returns: fires with ``(member, score)``, or None if the key does not exist; with *count*, with a list of these,
            the highest score first.

        https://redis.io/commands/zpopmax/, since 5.0.0
        """
        if count is None:
            return self.execute_command("ZPOPMAX", key, post_proc=scored_member)
        return self.execute_command("ZPOPMAX", key, count, post_proc=scored_members)

    @blocking
    @errors_to_deferred
    def bzpopmin(self, keys: Keys, timeout: Seconds | datetime.timedelta = 0) -> Deferred[tuple[V, V, float] | None]:
        """Remove the member with the lowest score of the first sorted set that has any; block while none has.

        The reply may take *timeout* and ``replyTimeout`` seconds (10 if that is None); any time if *timeout* is 0.

        :param keys: one key or an iterable of keys, in order of precedence.
        :param timeout: seconds to wait, or a ``timedelta``; 0: no limit. A fraction needs Redis 6.0.
        :returns: fires with ``(key, member, score)``, or None after *timeout*.

        https://redis.io/commands/bzpopmin/, since 5.0.0
        """
        return self._popped("BZPOPMIN", *one_or_many(keys), waiting_time(timeout))

    @blocking
    @errors_to_deferred
    def bzpopmax(self, keys: Keys, timeout: Seconds | datetime.timedelta = 0) -> Deferred[tuple[V, V, float] | None]:
        """Remove the member with the highest score of the first sorted set that has any; block while none has.

        The reply may take *timeout* and ``replyTimeout`` seconds (10 if that is None); any time if *timeout* is 0.

        :param keys: one key or an iterable of keys, in order of precedence.
        :param timeout: seconds to wait, or a ``timedelta``; 0: no limit. A fraction needs Redis 6.0.
        :returns: fires with ``(key, member, score)``, or None after *timeout*.

        https://redis.io/commands/bzpopmax/, since 5.0.0
        """
        return self._popped("BZPOPMAX", *one_or_many(keys), waiting_time(timeout))

    @errors_to_deferred
    def zmpop(
        self, num_keys: int, keys: Keys, min: bool = False, max: bool = False, count: int = 1
    ) -> Deferred[tuple[V, list[tuple[V, float]]] | None]:
        """Remove members of the first sorted set that has any.

        :param num_keys: number of *keys*.
        :param keys: one key or an iterable of keys, in order of precedence.
        :param min: those with the lowest scores. Either *min* or *max* must be true.
        :param max: those with the highest scores.
        :param count: maximum number of members.
        :returns: fires with ``(key, [(member, score), ...])``, or None if no sorted set has members. Fails with
            :exc:`.InvalidData` if *num_keys* is wrong, or not exactly one of *min* and *max* is true.

        https://redis.io/commands/zmpop/, since 7.0.0
        """
        arguments = _popping("zmpop", num_keys, keys, min, max, count)
        return self.execute_command("ZMPOP", *arguments, post_proc=key_scored_members)

    @blocking
    @errors_to_deferred
    def bzmpop(
        self,
        timeout: Seconds | datetime.timedelta,
        numkeys: int,
        keys: Keys,
        min: bool = False,
        max: bool = False,
        count: int = 1,
    ) -> Deferred[tuple[V, list[tuple[V, float]]] | None]:
        """Remove members of the first sorted set that has any; block while none has.

        The reply may take *timeout* and ``replyTimeout`` seconds (10 if that is None); any time if *timeout* is 0.

        :param timeout: seconds to wait, or a ``timedelta``; 0: no limit.
        :param numkeys: number of *keys*.
        :param keys: one key or an iterable of keys, in order of precedence.
        :param min: those with the lowest scores. Either *min* or *max* must be true.
        :param max: those with the highest scores.
        :param count: maximum number of members.
        :returns: fires with ``(key, [(member, score), ...])``, or None after *timeout*. Fails as :meth:`zmpop` does.

        https://redis.io/commands/bzmpop/, since 7.0.0
        """
        arguments = (waiting_time(timeout), *_popping("bzmpop", numkeys, keys, min, max, count))
        return self.execute_command(
            "BZMPOP", *arguments, post_proc=key_scored_members, blocking=True, apply_timeout=False
        )

    def zrandmember(self, key: Key, count: int | None = None, withscores: bool = False) -> Deferred[Any]:
        """Get random members without removing them.

        :param key: key of the sorted set.
        :param count: maximum number of different members. Negative: exact number of members, with repetitions. None:
            one member.
        :param withscores: whether to return the scores, too; needs *count*.
        :returns: fires with a member, or None if the key does not exist; with *count*, with a list of members; with
            *withscores*, of tuples ``(member, score)``. Fails with :exc:`.InvalidData` if *withscores* has no *count*.

        https://redis.io/commands/zrandmember/, since 6.2.0
        """
        if count is None:
            if withscores:
                return self._refuse(InvalidData("withscores of zrandmember needs count"))
            return self.execute_command("ZRANDMEMBER", key)
        if withscores:
            return self.execute_command("ZRANDMEMBER", key, count, "WITHSCORES", post_proc=scored_members)
        return self.execute_command("ZRANDMEMBER", key, count)

    @errors_to_deferred
    def zmscore(self, key: Key, members: Argument | Items) -> Deferred[list[float | None]]:
        """Get the scores of several members.

        :param key: key of the sorted set.
        :param members: one member or an iterable of members.
        :returns: fires with a list of floats in the order of the members; None where a member does not exist.

        https://redis.io/commands/zmscore/, since 6.2.0
        """
        return self.execute_command("ZMSCORE", key, *one_or_many(members), post_proc=as_floats)

    def _popped(self, command: str, *args: Argument) -> Deferred[Any]:
        return self.execute_command(command, *args, post_proc=key_scored_member, blocking=True, apply_timeout=False)


def _popping(method: str, number: int, keys: Keys, min: bool, max: bool, count: int) -> list[Argument]:
    counted = counted_keys(method, number, keys)
    if bool(min) == bool(max):
        raise InvalidData(f"exactly one of min and max of {method} must be true")
    return [*counted, "MIN" if min else "MAX", *(() if count == 1 else ("COUNT", count))]
