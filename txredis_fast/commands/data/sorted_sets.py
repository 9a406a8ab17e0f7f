"""Commands on sorted sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Aggregate, Argument, Key, Number, Page, Score, ScoreBound, V, Weights
from ...exceptions import InvalidData
from .._parts import (
    CommandHost,
    aggregate_arguments,
    as_score,
    conditions,
    errors_to_deferred,
    flags,
    limit_arguments,
    rank_and_score,
    scan_arguments,
    scanned,
    scored_members,
)

__all__ = ["SortedSetCommands"]


class SortedSetCommands(CommandHost[V]):
    """Commands of Redis's group "sorted-set".

    Members are ordered by score; members with the same score are ordered by their bytes. Rank 0 is the member with the
    lowest score, -1 the member with the highest one. A bound of a range of scores is a number, or text: ``"(1.5"``
    excludes 1.5, ``"-inf"`` and ``"+inf"`` are no bound.

    A score in a list is always a float. A single score (:meth:`zscore`, :meth:`zincrby`) is an int or float by number
    conversion, ``5`` or ``1.5``. Text that number conversion does not convert (``inf``, ``1e+20``, or any score with
    ``convertNumbers=False``) becomes a float; :meth:`zscore` makes an int of text that has only digits.
    """

    __slots__ = ()

    def zadd(
        self,
        key: Key,
        score: Number | str | bytes | Mapping[Any, Number | str | bytes],
        member: Argument | None = None,
        *args: Argument,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
        ch: bool = False,
        incr: bool = False,
    ) -> Deferred[Any]:
        """Add members to a sorted set, which is created if it does not exist, or change the scores of members.

        :param key: key of the sorted set.
        :param score: the score; ``"inf"`` and ``"-inf"`` are scores too. Or a mapping of members to their scores.
        :param member: the member; not with a mapping.
        :param args: further scores and members, alternating.
        :param nx: only add members, change none (*nx*, *xx*, *ch* and *incr*: Redis 3.0.2).
        :param xx: only change members, add none.
        :param gt: change a score only to a greater one (Redis 6.2).
        :param lt: change a score only to a lower one (Redis 6.2).
        :param ch: count changed members, too.
        :param incr: add *score* to the member's score, as :meth:`zincrby` does; allows one member only.
        :returns: fires with the number of new members; with *incr*, with the new score, or None if an option
            prevented the change. Fails with :exc:`.InvalidData` if a score has no member, or a mapping has none.

        https://redis.io/commands/zadd/, since 1.2.0
        """
        first: Any = score
        if member is None or len(args) % 2:
            if not isinstance(score, Mapping) or not score or member is not None:
                return self._refuse(InvalidData("Invalid number of arguments to ZADD"))
            first, member, *more = [each for name, number in score.items() for each in (number, name)]
            args = tuple(more)
        if nx or xx or gt or lt or ch or incr:
            try:
                options = [*conditions("zadd", nx, xx, gt, lt), *flags(ch=ch, incr=incr)]
            except InvalidData as error:
                return self._refuse(error)
            if incr and args:
                return self._refuse(InvalidData("incr of zadd needs one member, not several"))
            post_proc = as_score if incr else None
            return self.execute_command("ZADD", key, *options, first, member, *args, post_proc=post_proc)
        return self.execute_command("ZADD", key, first, member, *args)

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
        """Subtract 1 from the score of a member, as :meth:`zincrby` does.

        :param key: key of the sorted set.
        :param member: the member.
        :returns: fires with the new score.

        https://redis.io/commands/zincrby/, since 1.2.0
        """
        return self.zincrby(key, -1, member)

    def zincrby(self, key: Key, increment: Number | str | bytes, member: Argument) -> Deferred[Score]:
        """Add to the score of a member; a missing member counts as 0 and is added.

        :param key: key of the sorted set.
        :param increment: the number to add.
        :param member: the member.
        :returns: fires with the new score: an int if it is whole and at most 2**53, else a float.

        https://redis.io/commands/zincrby/, since 1.2.0
        """
        return self.execute_command("ZINCRBY", key, increment, member, post_proc=as_score)

    def zrank(self, key: Key, member: Argument, *, withscore: bool = False) -> Deferred[Any]:
        """Get the rank of a member; the lowest score has rank 0.

        :param key: key of the sorted set.
        :param member: the member.
        :param withscore: whether to return the score, too (Redis 7.2).
        :returns: fires with the rank, or, with *withscore*, with ``(rank, float)``; None if the member does not exist.

        https://redis.io/commands/zrank/, since 2.0.0
        """
        if withscore:
            return self.execute_command("ZRANK", key, member, "WITHSCORE", post_proc=rank_and_score)
        return self.execute_command("ZRANK", key, member)

    def zrevrank(self, key: Key, member: Argument, *, withscore: bool = False) -> Deferred[Any]:
        """Get the rank of a member; the highest score has rank 0.

        :param key: key of the sorted set.
        :param member: the member.
        :param withscore: whether to return the score, too (Redis 7.2).
        :returns: fires with the rank, or, with *withscore*, with ``(rank, float)``; None if the member does not exist.

        https://redis.io/commands/zrevrank/, since 2.0.0
        """
        if withscore:
            return self.execute_command("ZREVRANK", key, member, "WITHSCORE", post_proc=rank_and_score)
        return self.execute_command("ZREVRANK", key, member)

    def zrange(
        self,
        key: Key,
        start: Argument = 0,
        end: Argument = -1,
        withscores: bool = False,
        *,
        desc: bool = False,
        byscore: bool = False,
        bylex: bool = False,
        offset: int | None = None,
        num: int | None = None,
    ) -> Deferred[Any]:
        """Get the members in a range, the lowest score first. The options by keyword only: Redis 6.2.

        :param key: key of the sorted set.
        :param start: rank of the first member; with *byscore*, a score, with *bylex*, text such as ``"[a"``.
        :param end: rank of the last member, included; with *byscore*, a score, with *bylex*, text.
        :param withscores: whether to return the scores, too.
        :param desc: the highest score first: *start* is then the higher end.
        :param byscore: *start* and *end* are scores.
        :param bylex: *start* and *end* are texts, as of :meth:`zrangebylex`.
        :param offset: with *byscore* or *bylex*, number of members to skip; needs *num*.
        :param num: maximum number of members after these; negative: all; needs *offset*.
        :returns: fires with a list of members, or, with *withscores*, of tuples ``(member, float)``. Fails with
            :exc:`.InvalidData` if only one of *offset* and *num* is given.

        https://redis.io/commands/zrange/, since 1.2.0
        """
        if desc or byscore or bylex or offset is not None or num is not None:
            return self._range_by(
                key, start, end, withscores, flags(byscore=byscore, bylex=bylex, rev=desc), offset, num
            )
        return self._range("ZRANGE", key, start, end, withscores)

    def zrevrange(self, key: Key, start: int = 0, end: int = -1, withscores: bool = False) -> Deferred[Any]:
        """Get the members in a range of ranks, the highest score first.

        :param key: key of the sorted set.
        :param start: rank of the first member; the highest score has rank 0.
        :param end: rank of the last member, included.
        :param withscores: whether to return the scores, too.
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
        """Get the members in a range of scores, the lowest score first.

        :param key: key of the sorted set.
        :param min: the lowest score.
        :param max: the highest score.
        :param withscores: whether to return the scores, too.
        :param offset: number of members to skip; needs *count*.
        :param count: maximum number of members after these; negative: all; needs *offset*.
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
        """Get the members in a range of scores, the highest score first. Note that *max* precedes *min*.

        :param key: key of the sorted set.
        :param max: the highest score.
        :param min: the lowest score.
        :param withscores: whether to return the scores, too.
        :param offset: number of members to skip; needs *count*.
        :param count: maximum number of members after these; negative: all; needs *offset*.
        :returns: fires with a list of members, or, with *withscores*, of tuples ``(member, float)``. Fails with
            :exc:`.InvalidData` if only one of *offset* and *count* is given.

        https://redis.io/commands/zrevrangebyscore/, since 2.2.0
        """
        return self._range("ZREVRANGEBYSCORE", key, max, min, withscores, offset, count)

    def zcount(self, key: Key, min: ScoreBound = "-inf", max: ScoreBound = "+inf") -> Deferred[int]:
        """Count the members in a range of scores. For the default range the command is ZCARD, which is faster.

        :param key: key of the sorted set.
        :param min: the lowest score.
        :param max: the highest score.
        :returns: fires with the number of members.

        https://redis.io/commands/zcount/, since 2.0.0
        """
        if min == "-inf" and max == "+inf":
            return self.zcard(key)
        return self.execute_command("ZCOUNT", key, min, max)

    def zcard(self, key: Key) -> Deferred[int]:
        """Get the number of members of a sorted set.

        :param key: key of the sorted set.
        :returns: fires with the number, 0 if the key does not exist.

        https://redis.io/commands/zcard/, since 1.2.0
        """
        return self.execute_command("ZCARD", key)

    def zscore(self, key: Key, element: Argument) -> Deferred[Score | None]:
        """Get the score of a member.

        :param key: key of the sorted set.
        :param element: the member.
        :returns: fires with the score, an int if it is whole and at most 2**53, else a float; None if the member does
            not exist.

        https://redis.io/commands/zscore/, since 1.2.0
        """
        return self.execute_command("ZSCORE", key, element, post_proc=as_score)

    def zremrangebyrank(self, key: Key, min: int = 0, max: int = -1) -> Deferred[int]:
        """Remove the members in a range of ranks.

        :param key: key of the sorted set.
        :param min: rank of the first member.
        :param max: rank of the last member, included.
        :returns: fires with the number of members removed.

        https://redis.io/commands/zremrangebyrank/, since 2.0.0
        """
        return self.execute_command("ZREMRANGEBYRANK", key, min, max)

    def zremrangebyscore(self, key: Key, min: ScoreBound = "-inf", max: ScoreBound = "+inf") -> Deferred[int]:
        """Remove the members in a range of scores.

        :param key: key of the sorted set.
        :param min: the lowest score.
        :param max: the highest score.
        :returns: fires with the number of members removed.

        https://redis.io/commands/zremrangebyscore/, since 1.2.0
        """
        return self.execute_command("ZREMRANGEBYSCORE", key, min, max)

    @errors_to_deferred
    def zunionstore(self, dstkey: Key, keys: Weights, aggregate: Aggregate = None) -> Deferred[int]:
        """Compute the union of sorted sets and store it.

        :param dstkey: key of the result; an existing value is replaced.
        :param keys: keys of the sorted sets, as an iterable; or a mapping of keys to weights, by which the scores are
            multiplied.
        :param aggregate: how the scores of a member are combined: the function ``min``, ``max`` or ``sum``, or its
            name. None: ``sum``.
        :returns: fires with the number of members of the result. Fails with :exc:`.InvalidData` for another
            *aggregate*.

        https://redis.io/commands/zunionstore/, since 2.0.0
        """
        return self.execute_command("ZUNIONSTORE", dstkey, *aggregate_arguments(keys, aggregate))

    @errors_to_deferred
    def zinterstore(self, dstkey: Key, keys: Weights, aggregate: Aggregate = None) -> Deferred[int]:
        """Compute the intersection of sorted sets and store it.

        :param dstkey: key of the result; an existing value is replaced.
        :param keys: keys of the sorted sets, as an iterable; or a mapping of keys to weights, by which the scores are
            multiplied.
        :param aggregate: how the scores of a member are combined: the function ``min``, ``max`` or ``sum``, or its
            name. None: ``sum``.
        :returns: fires with the number of members of the result. Fails with :exc:`.InvalidData` for another
            *aggregate*.

        https://redis.io/commands/zinterstore/, since 2.0.0
        """
        return self.execute_command("ZINTERSTORE", dstkey, *aggregate_arguments(keys, aggregate))

    def zscan(
        self,
        key: Key,
        cursor: Argument = 0,
        pattern: Argument | None = None,
        count: int | None = None,
        *,
        match: Argument | None = None,
        noscores: bool = False,
    ) -> Deferred[Page[V]]:
        """Iterate over the members of a sorted set, some at each call.

        :param key: key of the sorted set.
        :param cursor: 0 to start, then the cursor that the previous call returned.
        :param pattern: glob-style pattern that the members must match.
        :param count: hint for the number of elements per call. None: the server's default, 10.
        :param match: the same as *pattern*.
        :param noscores: members only (Valkey 8.1).
        :returns: fires with ``[cursor, [member, score, member, score, ...]]``, with *noscores* ``[cursor, members]``;
            the cursor is an int. A score is converted like other data, ``5`` or ``1.5``. The iteration ends with the
            cursor 0.

        https://redis.io/commands/zscan/, since 2.8.0
        """
        arguments = scan_arguments(cursor, pattern if match is None else match, count)
        return self.execute_command("ZSCAN", key, *arguments, *flags(noscores=noscores), post_proc=scanned)

    @errors_to_deferred
    def _range_by(
        self,
        key: Key,
        start: Argument,
        end: Argument,
        withscores: bool,
        options: list[str],
        offset: int | None,
        num: int | None,
    ) -> Deferred[Any]:
        arguments = (start, end, *options, *limit_arguments("zrange", offset, num))
        if "BYSCORE" in options or "BYLEX" in options:
            if "BYSCORE" in options and "BYLEX" in options:
                raise InvalidData("byscore and bylex of zrange cannot be given together")
            if "BYLEX" in options and withscores:
                raise InvalidData("bylex and withscores of zrange cannot be given together")
        elif num is not None:
            raise InvalidData("a limit of zrange needs byscore or bylex")
        if withscores:
            return self.execute_command("ZRANGE", key, *arguments, "WITHSCORES", post_proc=scored_members)
        return self.execute_command("ZRANGE", key, *arguments)

    def _range(
        self,
        command: str,
        key: Key,
        first: Argument,
        last: Argument,
        withscores: bool,
        offset: int | None = None,
        count: int | None = None,
    ) -> Deferred[list[V] | list[tuple[V, float]]]:
        if (offset is None) != (count is None):
            return self._refuse(InvalidData(f"Invalid count and offset arguments to {command}"))
        limit = () if offset is None else ("LIMIT", offset, count)
        if withscores:
            return self.execute_command(command, key, first, last, "WITHSCORES", *limit, post_proc=scored_members)
        return self.execute_command(command, key, first, last, *limit)
