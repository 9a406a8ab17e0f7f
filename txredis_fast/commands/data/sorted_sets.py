"""Commands on sorted sets."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Aggregate, Argument, Key, Number, Score, ScoreBound, ScoredMembers, Value, Weights
from ...exceptions import InvalidData
from .._parts import (
    CommandHost,
    aggregate_arguments,
    as_float,
    as_score,
    errors_to_deferred,
    flags,
    scan_arguments,
    scanned,
    scored_members,
)

__all__ = ["SortedSetCommands"]


class SortedSetCommands(CommandHost):
    """Commands of Redis's group "sorted-set".

    Members are ordered by their score, those with the same score by their bytes. A rank counts from 0, the
    lowest score; a negative one counts from the end.

    A score in a list is always a float. A score alone (:meth:`zscore`, :meth:`zincrby`) is what number
    conversion makes of its text, ``5`` or ``1.5``; text that it leaves alone (``inf``, ``1e+20``, or any with
    ``convertNumbers=False``) becomes a float, but whole digits an int in :meth:`zscore`.
    """

    __slots__ = ()

    def zadd(
        self,
        key: Key,
        score: Number | str | bytes,
        member: Argument,
        *args: Argument,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
        ch: bool = False,
        incr: bool = False,
    ) -> Deferred[Any]:
        """Add members to a sorted set, which is made if it does not exist, or give members another score.

        :param key: key of the sorted set.
        :param score: the score; ``"inf"`` and ``"-inf"`` are scores too.
        :param member: the member.
        :param args: further scores and members, by turns.
        :param nx: only add, never change (this, *xx*, *ch* and *incr*: Redis 3.0.2).
        :param xx: only change, never add.
        :param gt: change only to a greater score (Redis 6.2).
        :param lt: change only to a lower score (Redis 6.2).
        :param ch: count members whose score changed as well.
        :param incr: add *score* to the member's score, as :meth:`zincrby` does; one member only.
        :returns: fires with the number of members that are new; with *incr*, with the new score, or None if
            nothing was done. Fails with :exc:`.InvalidData` if a score has no member.

        https://redis.io/commands/zadd/, since 1.2.0
        """
        if len(args) % 2:
            return self._refuse(InvalidData("Invalid number of arguments to ZADD"))
        if nx or xx or gt or lt or ch or incr:
            options = flags(nx=nx, xx=xx, gt=gt, lt=lt, ch=ch, incr=incr)
            post_proc = as_float if incr else None
            return self.execute_command("ZADD", key, *options, score, member, *args, post_proc=post_proc)
        return self.execute_command("ZADD", key, score, member, *args)

    def zrem(self, key: Key, *args: Argument) -> Deferred[int]:
        """Remove members from a sorted set.

        :param key: key of the sorted set.
        :param args: the members.
        :returns: fires with the number of members removed.

        https://redis.io/commands/zrem/, since 1.2.0
        """
        return self.execute_command("ZREM", key, *args)

    def zincr(self, key: Key, member: Argument) -> Deferred[Score]:
        """Add 1 to the score of a member, as :meth:`zincrby` does.

        :param key: key of the sorted set.
        :param member: the member.
        :returns: fires with the new score.

        https://redis.io/commands/zincrby/, since 1.2.0
        """
        return self.zincrby(key, 1, member)

    def zdecr(self, key: Key, member: Argument) -> Deferred[Score]:
        """Take 1 from the score of a member, as :meth:`zincrby` does.

        :param key: key of the sorted set.
        :param member: the member.
        :returns: fires with the new score.

        https://redis.io/commands/zincrby/, since 1.2.0
        """
        return self.zincrby(key, -1, member)

    def zincrby(self, key: Key, increment: Number | str | bytes, member: Argument) -> Deferred[Score]:
        """Add to the score of a member; one that does not exist is added with the score 0 first.

        :param key: key of the sorted set.
        :param increment: what to add.
        :param member: the member.
        :returns: fires with the new score: an int if it is whole and numbers are converted, else a float.

        https://redis.io/commands/zincrby/, since 1.2.0
        """
        return self.execute_command("ZINCRBY", key, increment, member, post_proc=as_float)

    def zrank(self, key: Key, member: Argument) -> Deferred[int | None]:
        """Tell the rank of a member, from the lowest score.

        :param key: key of the sorted set.
        :param member: the member.
        :returns: fires with the rank, or None if there is no such member.

        https://redis.io/commands/zrank/, since 2.0.0
        """
        return self.execute_command("ZRANK", key, member)

    def zrevrank(self, key: Key, member: Argument) -> Deferred[int | None]:
        """Tell the rank of a member, from the highest score.

        :param key: key of the sorted set.
        :param member: the member.
        :returns: fires with the rank, or None if there is no such member.

        https://redis.io/commands/zrevrank/, since 2.0.0
        """
        return self.execute_command("ZREVRANK", key, member)

    def zrange(self, key: Key, start: int = 0, end: int = -1, withscores: bool = False) -> Deferred[Any]:
        """Read a range of ranks, the lowest score first.

        :param key: key of the sorted set.
        :param start: rank of the first member.
        :param end: rank of the last one, which belongs to the range.
        :param withscores: whether to give the scores too.
        :returns: fires with a list of members, or, with *withscores*, of tuples ``(member, float)``.

        https://redis.io/commands/zrange/, since 1.2.0
        """
        return self._range("ZRANGE", key, start, end, withscores)

    def zrevrange(self, key: Key, start: int = 0, end: int = -1, withscores: bool = False) -> Deferred[Any]:
        """Read a range of ranks, the highest score first.

        :param key: key of the sorted set.
        :param start: rank of the first member, from the highest score.
        :param end: rank of the last one, which belongs to the range.
        :param withscores: whether to give the scores too.
        :returns: fires with a list of members, or, with *withscores*, of tuples ``(member, float)``.

        https://redis.io/commands/zrevrange/, since 1.2.0
        """
        return self._range("ZREVRANGE", key, start, end, withscores)

    def zrangebyscore(
        self,
        key: Key,
        min: ScoreBound = "-inf",
        max: ScoreBound = "+inf",
        withscores: bool = False,
        offset: int | None = None,
        count: int | None = None,
    ) -> Deferred[Any]:
        """Read a range of scores, the lowest first.

        :param key: key of the sorted set.
        :param min: the lowest score.
        :param max: the highest score.
        :param withscores: whether to give the scores too.
        :param offset: how many members to leave out at the beginning; needs *count*.
        :param count: how many members to take from there at most, all if negative; needs *offset*.
        :returns: fires with a list of members, or, with *withscores*, of tuples ``(member, float)``. Fails with
            :exc:`.InvalidData` if only one of *offset* and *count* is given.

        https://redis.io/commands/zrangebyscore/, since 1.0.5
        """
        return self._range("ZRANGEBYSCORE", key, min, max, withscores, offset, count)

    def zrevrangebyscore(
        self,
        key: Key,
        max: ScoreBound = "+inf",
        min: ScoreBound = "-inf",
        withscores: bool = False,
        offset: int | None = None,
        count: int | None = None,
    ) -> Deferred[Any]:
        """Read a range of scores, the highest first. Mind that *max* comes before *min*.

        :param key: key of the sorted set.
        :param max: the highest score.
        :param min: the lowest score.
        :param withscores: whether to give the scores too.
        :param offset: how many members to leave out at the beginning; needs *count*.
        :param count: how many members to take from there at most, all if negative; needs *offset*.
        :returns: fires with a list of members, or, with *withscores*, of tuples ``(member, float)``. Fails with
            :exc:`.InvalidData` if only one of *offset* and *count* is given.

        https://redis.io/commands/zrevrangebyscore/, since 2.2.0
        """
        return self._range("ZREVRANGEBYSCORE", key, max, min, withscores, offset, count)

    def zcount(self, key: Key, min: ScoreBound = "-inf", max: ScoreBound = "+inf") -> Deferred[int]:
        """Count the members in a range of scores. The whole range is asked for as ZCARD, which is faster.

        :param key: key of the sorted set.
        :param min: the lowest score.
        :param max: the highest score.
        :returns: fires with their number.

        https://redis.io/commands/zcount/, since 2.0.0
        """
        if min == "-inf" and max == "+inf":
            return self.zcard(key)
        return self.execute_command("ZCOUNT", key, min, max)

    def zcard(self, key: Key) -> Deferred[int]:
        """Tell the number of members of a sorted set.

        :param key: key of the sorted set.
        :returns: fires with the number, 0 if the key does not exist.

        https://redis.io/commands/zcard/, since 1.2.0
        """
        return self.execute_command("ZCARD", key)

    def zscore(self, key: Key, element: Argument) -> Deferred[Score | None]:
        """Tell the score of a member.

        :param key: key of the sorted set.
        :param element: the member.
        :returns: fires with the score, an int if it is whole, else a float; None if there is no such member.

        https://redis.io/commands/zscore/, since 1.2.0
        """
        return self.execute_command("ZSCORE", key, element, post_proc=as_score)

    def zremrangebyrank(self, key: Key, min: int = 0, max: int = -1) -> Deferred[int]:
        """Remove a range of ranks.

        :param key: key of the sorted set.
        :param min: rank of the first member.
        :param max: rank of the last one, which belongs to the range.
        :returns: fires with the number of members removed.

        https://redis.io/commands/zremrangebyrank/, since 2.0.0
        """
        return self.execute_command("ZREMRANGEBYRANK", key, min, max)

    def zremrangebyscore(self, key: Key, min: ScoreBound = "-inf", max: ScoreBound = "+inf") -> Deferred[int]:
        """Remove a range of scores.

        :param key: key of the sorted set.
        :param min: the lowest score.
        :param max: the highest score.
        :returns: fires with the number of members removed.

        https://redis.io/commands/zremrangebyscore/, since 1.2.0
        """
        return self.execute_command("ZREMRANGEBYSCORE", key, min, max)

    @errors_to_deferred
    def zunionstore(self, dstkey: Key, keys: Weights, aggregate: Aggregate = None) -> Deferred[int]:
        """Unite sorted sets and store the result.

        :param dstkey: key of the result; what it held before is lost.
        :param keys: keys of the sorted sets; a mapping gives each key's weight, by which its scores are
            multiplied.
        :param aggregate: how the scores of a member are combined: ``min``, ``max``, ``sum``, or their names.
            None means the sum.
        :returns: fires with the number of members of the result. Fails with :exc:`.InvalidData` on another
            *aggregate*.

        https://redis.io/commands/zunionstore/, since 2.0.0
        """
        return self.execute_command("ZUNIONSTORE", dstkey, *aggregate_arguments(keys, aggregate))

    @errors_to_deferred
    def zinterstore(self, dstkey: Key, keys: Weights, aggregate: Aggregate = None) -> Deferred[int]:
        """Intersect sorted sets and store the result.

        :param dstkey: key of the result; what it held before is lost.
        :param keys: keys of the sorted sets; a mapping gives each key's weight, by which its scores are
            multiplied.
        :param aggregate: how the scores of a member are combined: ``min``, ``max``, ``sum``, or their names.
            None means the sum.
        :returns: fires with the number of members of the result. Fails with :exc:`.InvalidData` on another
            *aggregate*.

        https://redis.io/commands/zinterstore/, since 2.0.0
        """
        return self.execute_command("ZINTERSTORE", dstkey, *aggregate_arguments(keys, aggregate))

    def zscan(
        self, key: Key, cursor: Argument = 0, pattern: Argument | None = None, count: int | None = None
    ) -> Deferred[list[Any]]:
        """Walk through the members of a sorted set, a part at each call.

        :param key: key of the sorted set.
        :param cursor: 0 to begin, then what the call before gave.
        :param pattern: only members that match this glob-style pattern.
        :param count: how much work a call should do; a hint, 10 on the server if None.
        :returns: fires with ``[cursor, [member, score, member, score, ...]]``, the scores as the server sends
            them. The walk ends with the cursor 0.

        https://redis.io/commands/zscan/, since 2.8.0
        """
        return self.execute_command("ZSCAN", key, *scan_arguments(cursor, pattern, count), post_proc=scanned)

    def _range(
        self,
        command: str,
        key: Key,
        first: Argument,
        last: Argument,
        withscores: bool,
        offset: int | None = None,
        count: int | None = None,
    ) -> Deferred[list[Value] | ScoredMembers]:
        if (offset is None) != (count is None):
            return self._refuse(InvalidData(f"Invalid count and offset arguments to {command}"))
        limit = () if offset is None else ("LIMIT", offset, count)
        if withscores:
            return self.execute_command(command, key, first, last, "WITHSCORES", *limit, post_proc=scored_members)
        return self.execute_command(command, key, first, last, *limit)
