"""Commands on ranges of members that are ordered as text, and on ranges that are stored."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Value
from ...exceptions import InvalidData
from .._parts import CommandHost, errors_to_deferred, exclusive, flags, limit_arguments

__all__ = ["SortedSetRangeCommands"]


class SortedSetRangeCommands(CommandHost):
    """Commands of Redis's group "sorted-set" on members with the same score, which are ordered by their bytes.

    An end of a range of text is ``"[text"``, or ``"(text"`` which excludes the text itself; ``"-"`` and ``"+"`` are no
    bound.
    """

    __slots__ = ()

    def zlexcount(self, key: Key, min: Argument, max: Argument) -> Deferred[int]:
        """Count the members in a range of text.

        :param key: key of the sorted set.
        :param min: the lowest text.
        :param max: the highest text.
        :returns: fires with the number.

        https://redis.io/commands/zlexcount/, since 2.8.9
        """
        return self.execute_command("ZLEXCOUNT", key, min, max)

    @errors_to_deferred
    def zrangebylex(
        self, key: Key, min: Argument, max: Argument, start: int | None = None, num: int | None = None
    ) -> Deferred[list[Value]]:
        """Get the members in a range of text.

        :param key: key of the sorted set.
        :param min: the lowest text.
        :param max: the highest text.
        :param start: number of members to skip; needs *num*.
        :param num: maximum number of members after these; negative: all; needs *start*.
        :returns: fires with a list of members. Fails with :exc:`.InvalidData` if only one of *start* and *num* is
            given.

        https://redis.io/commands/zrangebylex/, since 2.8.9
        """
        return self.execute_command("ZRANGEBYLEX", key, min, max, *limit_arguments("zrangebylex", start, num))

    @errors_to_deferred
    def zrevrangebylex(
        self, key: Key, max: Argument, min: Argument, start: int | None = None, num: int | None = None
    ) -> Deferred[list[Value]]:
        """Get the members in a range of text, the highest first. Note that *max* precedes *min*.

        :param key: key of the sorted set.
        :param max: the highest text.
        :param min: the lowest text.
        :param start: number of members to skip; needs *num*.
        :param num: maximum number of members after these; negative: all; needs *start*.
        :returns: fires with a list of members. Fails with :exc:`.InvalidData` if only one of *start* and *num* is
            given.

        https://redis.io/commands/zrevrangebylex/, since 2.8.9
        """
        return self.execute_command("ZREVRANGEBYLEX", key, max, min, *limit_arguments("zrevrangebylex", start, num))

    def zremrangebylex(self, key: Key, min: Argument, max: Argument) -> Deferred[int]:
        """Remove the members in a range of text.

        :param key: key of the sorted set.
        :param min: the lowest text.
        :param max: the highest text.
        :returns: fires with the number of members removed.

        https://redis.io/commands/zremrangebylex/, since 2.8.9
        """
        return self.execute_command("ZREMRANGEBYLEX", key, min, max)

    @errors_to_deferred
    def zrangestore(
        self,
        dest: Key,
        key: Key,
        start: Argument,
        end: Argument,
        byscore: bool = False,
        bylex: bool = False,
        desc: bool = False,
        offset: int | None = None,
        num: int | None = None,
    ) -> Deferred[int]:
        """Store the members in a range of a sorted set.

        :param dest: key of the result; an existing value is replaced.
        :param key: key of the sorted set.
        :param start: rank of the first member; with *byscore*, a score, with *bylex*, text.
        :param end: rank of the last member, included; with *byscore*, a score, with *bylex*, text.
        :param byscore: *start* and *end* are scores.
        :param bylex: *start* and *end* are texts.
        :param desc: from the highest to the lowest: *start* is then the higher end.
        :param offset: with *byscore* or *bylex*, number of members to skip; needs *num*.
        :param num: maximum number of members after these; negative: all; needs *offset*.
        :returns: fires with the number of members of the result. Fails with :exc:`.InvalidData` if only one of *offset*
            and *num* is given.

        https://redis.io/commands/zrangestore/, since 6.2.0
        """
        limit = limit_arguments("zrangestore", offset, num)
        exclusive("zrangestore", byscore=byscore, bylex=bylex)
        if limit and not (byscore or bylex):
            raise InvalidData("a limit of zrangestore needs byscore or bylex")
        options = (*flags(byscore=byscore, bylex=bylex, rev=desc), *limit)
        return self.execute_command("ZRANGESTORE", dest, key, start, end, *options)
