# mypy: disable-error-code="no-overload-impl"
"""Types of the replies that a flag decides: ``zrange(key, withscores=True)``, ``lpop(key, count=2)``.

For type checkers only: at run time the class is empty. Overloads stand here and not beside each method, because a
method with its documentation is read more often than they are. Type checkers hold that both agree. The last overload of
each is the method's own signature: what it says holds where a flag is no literal. (mypy wants an implementation beside
overloads; the first line tells it that these have theirs in the other groups.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from .._types import V
from ._parts import Claimed, CommandHost

if TYPE_CHECKING:
    import datetime
    from builtins import set as builtin_set
    from collections.abc import Mapping, Sequence

    from twisted.internet.defer import Deferred

    from .._types import Aggregate, Argument, Items, Key, Keys, Number, Score, ScoreBound, Seconds, Text, Weights

__all__ = ["FlaggedReplies"]

# fmt: off
# Several parameters per line, so that the overloads of a command can be compared.

class FlaggedReplies(CommandHost[V]):
    """Overloads of the commands whose reply has another type with a flag."""

    __slots__ = ()

    if TYPE_CHECKING:
        @overload
        def set(
            self, key: Key, value: Argument, expire: Seconds | datetime.timedelta | None = ...,
            pexpire: Number | datetime.timedelta | None = ..., only_if_not_exists: bool = ...,
            only_if_exists: bool = ..., keepttl: bool = ..., get: Literal[False] = ...,
            exat: Number | datetime.datetime | None = ..., pxat: Number | datetime.datetime | None = ...,
            ex: Seconds | datetime.timedelta | None = ..., px: Number | datetime.timedelta | None = ...,
            nx: bool = ..., xx: bool = ..., ifeq: Argument | None = ...,
        ) -> Deferred[Text | None]: ...
        @overload
        def set(
            self, key: Key, value: Argument, expire: Seconds | datetime.timedelta | None = ...,
            pexpire: Number | datetime.timedelta | None = ..., only_if_not_exists: bool = ...,
            only_if_exists: bool = ..., keepttl: bool = ..., *, get: Literal[True],
            exat: Number | datetime.datetime | None = ..., pxat: Number | datetime.datetime | None = ...,
            ex: Seconds | datetime.timedelta | None = ..., px: Number | datetime.timedelta | None = ...,
            nx: bool = ..., xx: bool = ..., ifeq: Argument | None = ...,
        ) -> Deferred[V | None]: ...
        @overload
        def set(
            self, key: Key, value: Argument, expire: Seconds | datetime.timedelta | None = ...,
            pexpire: Number | datetime.timedelta | None = ..., only_if_not_exists: bool = ...,
            only_if_exists: bool = ..., keepttl: bool = ..., get: bool = ...,
            exat: Number | datetime.datetime | None = ..., pxat: Number | datetime.datetime | None = ...,
            ex: Seconds | datetime.timedelta | None = ..., px: Number | datetime.timedelta | None = ...,
            nx: bool = ..., xx: bool = ..., ifeq: Argument | None = ...,
        ) -> Deferred[Any]: ...

        # -- keys and connections

        @overload
        def sort(
            self, key: Key, start: int | None = ..., end: int | None = ..., by: Argument | None = ..., get: None = ...,
            desc: bool | None = ..., alpha: bool = ..., store: None = ...,
        ) -> Deferred[list[V]]: ...
        @overload
        def sort(
            self, key: Key, start: int | None = ..., end: int | None = ..., by: Argument | None = ...,
            get: Argument | Items | None = ..., desc: bool | None = ..., alpha: bool = ..., *, store: Key,
        ) -> Deferred[int]: ...
        @overload
        def sort(
            self, key: Key, start: int | None = ..., end: int | None = ..., by: Argument | None = ...,
            get: Argument | Items | None = ..., desc: bool | None = ..., alpha: bool = ..., store: Key | None = ...,
        ) -> Deferred[Any]: ...

        @overload
        def ping(self, *, message: None = ...) -> Deferred[Text]: ...
        @overload
        def ping(self, *, message: Argument) -> Deferred[V]: ...
        @overload
        def ping(self, *, message: Argument | None = ...) -> Deferred[Any]: ...

        # -- lists, sets, hashes, vector sets

        @overload
        def lpop(self, key: Key, count: None = ...) -> Deferred[V | None]: ...
        @overload
        def lpop(self, key: Key, count: int) -> Deferred[list[V] | None]: ...
        @overload
        def lpop(self, key: Key, count: int | None = ...) -> Deferred[Any]: ...

        @overload
        def rpop(self, key: Key, count: None = ...) -> Deferred[V | None]: ...
        @overload
        def rpop(self, key: Key, count: int) -> Deferred[list[V] | None]: ...
        @overload
        def rpop(self, key: Key, count: int | None = ...) -> Deferred[Any]: ...

        @overload
        def lpos(
            self, key: Key, value: Argument, rank: int | None = ..., count: None = ..., maxlen: int | None = ...,
        ) -> Deferred[int | None]: ...
        @overload
        def lpos(
            self, key: Key, value: Argument, rank: int | None = ..., *, count: int, maxlen: int | None = ...,
        ) -> Deferred[list[int]]: ...
        @overload
        def lpos(
            self, key: Key, value: Argument, rank: int | None = ..., count: int | None = ..., maxlen: int | None = ...,
        ) -> Deferred[Any]: ...

        @overload
        def spop(self, key: Key, count: None = ...) -> Deferred[V | None]: ...
        @overload
        def spop(self, key: Key, count: int) -> Deferred[builtin_set[V]]: ...
        @overload
        def spop(self, key: Key, count: int | None = ...) -> Deferred[Any]: ...

        @overload
        def srandmember(self, key: Key, count: None = ...) -> Deferred[V | None]: ...
        @overload
        def srandmember(self, key: Key, count: int) -> Deferred[list[V]]: ...
        @overload
        def srandmember(self, key: Key, count: int | None = ...) -> Deferred[Any]: ...

        @overload
        def hrandfield(self, key: Key, count: None = ..., withvalues: Literal[False] = ...) -> Deferred[V | None]: ...
        @overload
        def hrandfield(self, key: Key, count: int, withvalues: Literal[False] = ...) -> Deferred[list[V]]: ...
        @overload
        def hrandfield(self, key: Key, count: int, withvalues: Literal[True]) -> Deferred[list[tuple[V, V]]]: ...
        @overload
        def hrandfield(self, key: Key, count: int | None = ..., withvalues: bool = ...) -> Deferred[Any]: ...

        @overload
        def vrandmember(self, key: Key, count: None = ...) -> Deferred[V | None]: ...
        @overload
        def vrandmember(self, key: Key, count: int) -> Deferred[list[V]]: ...
        @overload
        def vrandmember(self, key: Key, count: int | None = ...) -> Deferred[Any]: ...

        @overload
        def vsim(
            self, key: Key, input: Sequence[float] | Argument, with_scores: Literal[False] = ...,
            with_attribs: Literal[False] = ..., count: int | None = ..., ef: int | None = ...,
            filter: Text | None = ..., filter_ef: int | None = ..., truth: bool = ..., no_thread: bool = ...,
            epsilon: float | None = ...,
        ) -> Deferred[list[V]]: ...
        @overload
        def vsim(
            self, key: Key, input: Sequence[float] | Argument, with_scores: Literal[True],
            with_attribs: Literal[False] = ..., count: int | None = ..., ef: int | None = ...,
            filter: Text | None = ..., filter_ef: int | None = ..., truth: bool = ..., no_thread: bool = ...,
            epsilon: float | None = ...,
        ) -> Deferred[dict[V, float]]: ...
        @overload
        def vsim(
            self, key: Key, input: Sequence[float] | Argument, with_scores: Literal[False] = ..., *,
            with_attribs: Literal[True], count: int | None = ..., ef: int | None = ...,
            filter: Text | None = ..., filter_ef: int | None = ..., truth: bool = ..., no_thread: bool = ...,
            epsilon: float | None = ...,
        ) -> Deferred[dict[V, Any]]: ...
        @overload
        def vsim(
            self, key: Key, input: Sequence[float] | Argument, with_scores: Literal[True],
            with_attribs: Literal[True], count: int | None = ..., ef: int | None = ...,
            filter: Text | None = ..., filter_ef: int | None = ..., truth: bool = ..., no_thread: bool = ...,
            epsilon: float | None = ...,
        ) -> Deferred[dict[V, tuple[float, Any]]]: ...
        @overload
        def vsim(
            self, key: Key, input: Sequence[float] | Argument, with_scores: bool = ...,
            with_attribs: bool = ..., count: int | None = ..., ef: int | None = ...,
            filter: Text | None = ..., filter_ef: int | None = ..., truth: bool = ..., no_thread: bool = ...,
            epsilon: float | None = ...,
        ) -> Deferred[Any]: ...

        # -- sorted sets

        @overload
        def zadd(
            self, key: Key, score: Number | str | bytes | Mapping[Any, Number | str | bytes],
            member: Argument | None = ..., *args: Argument, nx: bool = ..., xx: bool = ..., gt: bool = ...,
            lt: bool = ..., ch: bool = ..., incr: Literal[False] = ...,
        ) -> Deferred[int]: ...
        @overload
        def zadd(
            self, key: Key, score: Number | str | bytes | Mapping[Any, Number | str | bytes],
            member: Argument | None = ..., *args: Argument, nx: bool = ..., xx: bool = ..., gt: bool = ...,
            lt: bool = ..., ch: bool = ..., incr: Literal[True],
        ) -> Deferred[Score | None]: ...
        @overload
        def zadd(
            self, key: Key, score: Number | str | bytes | Mapping[Any, Number | str | bytes],
            member: Argument | None = ..., *args: Argument, nx: bool = ..., xx: bool = ..., gt: bool = ...,
            lt: bool = ..., ch: bool = ..., incr: bool = ...,
        ) -> Deferred[Any]: ...

        @overload
        def zrank(self, key: Key, member: Argument, *, withscore: Literal[False] = ...) -> Deferred[int | None]: ...
        @overload
        def zrank(
            self, key: Key, member: Argument, *, withscore: Literal[True]
        ) -> Deferred[tuple[int, float] | None]: ...
        @overload
        def zrank(self, key: Key, member: Argument, *, withscore: bool = ...) -> Deferred[Any]: ...

        @overload
        def zrevrank(self, key: Key, member: Argument, *, withscore: Literal[False] = ...) -> Deferred[int | None]: ...
        @overload
        def zrevrank(
            self, key: Key, member: Argument, *, withscore: Literal[True]
        ) -> Deferred[tuple[int, float] | None]: ...
        @overload
        def zrevrank(self, key: Key, member: Argument, *, withscore: bool = ...) -> Deferred[Any]: ...

        @overload
        def zrange(
            self, key: Key, start: Argument = ..., end: Argument = ..., withscores: Literal[False] = ..., *,
            desc: bool = ..., byscore: bool = ..., bylex: bool = ..., offset: int | None = ..., num: int | None = ...,
        ) -> Deferred[list[V]]: ...
        @overload
        def zrange(
            self, key: Key, start: Argument, end: Argument, withscores: Literal[True], *,
            desc: bool = ..., byscore: bool = ..., bylex: bool = ..., offset: int | None = ..., num: int | None = ...,
        ) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zrange(
            self, key: Key, start: Argument = ..., end: Argument = ..., *, withscores: Literal[True],
            desc: bool = ..., byscore: bool = ..., bylex: bool = ..., offset: int | None = ..., num: int | None = ...,
        ) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zrange(
            self, key: Key, start: Argument = ..., end: Argument = ..., withscores: bool = ..., *,
            desc: bool = ..., byscore: bool = ..., bylex: bool = ..., offset: int | None = ..., num: int | None = ...,
        ) -> Deferred[Any]: ...

        @overload
        def zrevrange(
            self, key: Key, start: int = ..., end: int = ..., withscores: Literal[False] = ...
        ) -> Deferred[list[V]]: ...
        @overload
        def zrevrange(
            self, key: Key, start: int, end: int, withscores: Literal[True]
        ) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zrevrange(
            self, key: Key, start: int = ..., end: int = ..., *, withscores: Literal[True]
        ) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zrevrange(
            self, key: Key, start: int = ..., end: int = ..., withscores: bool = ...
        ) -> Deferred[Any]: ...

        @overload
        def zrangebyscore(
            self, key: Key, min: ScoreBound = ..., max: ScoreBound = ..., withscores: Literal[False] = ...,
            offset: int | None = ..., count: int | None = ...,
        ) -> Deferred[list[V]]: ...
        @overload
        def zrangebyscore(
            self, key: Key, min: ScoreBound, max: ScoreBound, withscores: Literal[True],
            offset: int | None = ..., count: int | None = ...,
        ) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zrangebyscore(
            self, key: Key, min: ScoreBound = ..., max: ScoreBound = ..., *, withscores: Literal[True],
            offset: int | None = ..., count: int | None = ...,
        ) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zrangebyscore(
            self, key: Key, min: ScoreBound = ..., max: ScoreBound = ..., withscores: bool = ...,
            offset: int | None = ..., count: int | None = ...,
        ) -> Deferred[Any]: ...

        @overload
        def zrevrangebyscore(
            self, key: Key, max: ScoreBound = ..., min: ScoreBound = ..., withscores: Literal[False] = ...,
            offset: int | None = ..., count: int | None = ...,
        ) -> Deferred[list[V]]: ...
        @overload
        def zrevrangebyscore(
            self, key: Key, max: ScoreBound, min: ScoreBound, withscores: Literal[True],
            offset: int | None = ..., count: int | None = ...,
        ) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zrevrangebyscore(
            self, key: Key, max: ScoreBound = ..., min: ScoreBound = ..., *, withscores: Literal[True],
            offset: int | None = ..., count: int | None = ...,
        ) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zrevrangebyscore(
            self, key: Key, max: ScoreBound = ..., min: ScoreBound = ..., withscores: bool = ...,
            offset: int | None = ..., count: int | None = ...,
        ) -> Deferred[Any]: ...

        @overload
        def zunion(
            self, keys: Weights, aggregate: Aggregate = ..., withscores: Literal[False] = ...
        ) -> Deferred[list[V]]: ...
        @overload
        def zunion(
            self, keys: Weights, aggregate: Aggregate = ..., *, withscores: Literal[True]
        ) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zunion(self, keys: Weights, aggregate: Aggregate = ..., withscores: bool = ...) -> Deferred[Any]: ...

        @overload
        def zinter(
            self, keys: Weights, aggregate: Aggregate = ..., withscores: Literal[False] = ...
        ) -> Deferred[list[V]]: ...
        @overload
        def zinter(
            self, keys: Weights, aggregate: Aggregate = ..., *, withscores: Literal[True]
        ) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zinter(self, keys: Weights, aggregate: Aggregate = ..., withscores: bool = ...) -> Deferred[Any]: ...

        @overload
        def zdiff(self, keys: Keys, withscores: Literal[False] = ...) -> Deferred[list[V]]: ...
        @overload
        def zdiff(self, keys: Keys, withscores: Literal[True]) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zdiff(self, keys: Keys, withscores: bool = ...) -> Deferred[Any]: ...

        @overload
        def zpopmin(self, key: Key, count: None = ...) -> Deferred[tuple[V, float] | None]: ...
        @overload
        def zpopmin(self, key: Key, count: int) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zpopmin(self, key: Key, count: int | None = ...) -> Deferred[Any]: ...

        @overload
        def zpopmax(self, key: Key, count: None = ...) -> Deferred[tuple[V, float] | None]: ...
        @overload
        def zpopmax(self, key: Key, count: int) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zpopmax(self, key: Key, count: int | None = ...) -> Deferred[Any]: ...

        @overload
        def zrandmember(self, key: Key, count: None = ..., withscores: Literal[False] = ...) -> Deferred[V | None]: ...
        @overload
        def zrandmember(self, key: Key, count: int, withscores: Literal[False] = ...) -> Deferred[list[V]]: ...
        @overload
        def zrandmember(self, key: Key, count: int, withscores: Literal[True]) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def zrandmember(self, key: Key, count: int | None = ..., withscores: bool = ...) -> Deferred[Any]: ...

        @overload
        def geosearch(
            self, key: Key, member: Argument | None = ..., longitude: Number | None = ...,
            latitude: Number | None = ..., unit: str = ..., radius: Number | None = ..., width: Number | None = ...,
            height: Number | None = ..., sort: str | None = ..., count: int | None = ..., any: bool = ...,
            withcoord: Literal[False] = ..., withdist: Literal[False] = ..., withhash: Literal[False] = ...,
            *, polygon: Sequence[Number] | None = ...,
        ) -> Deferred[list[V]]: ...
        @overload
        def geosearch(
            self, key: Key, member: Argument | None = ..., longitude: Number | None = ...,
            latitude: Number | None = ..., unit: str = ..., radius: Number | None = ..., width: Number | None = ...,
            height: Number | None = ..., sort: str | None = ..., count: int | None = ..., any: bool = ...,
            withcoord: Literal[False] = ..., *, withdist: Literal[True], withhash: Literal[False] = ...,
            polygon: Sequence[Number] | None = ...,
        ) -> Deferred[list[tuple[V, float]]]: ...
        @overload
        def geosearch(
            self, key: Key, member: Argument | None = ..., longitude: Number | None = ...,
            latitude: Number | None = ..., unit: str = ..., radius: Number | None = ..., width: Number | None = ...,
            height: Number | None = ..., sort: str | None = ..., count: int | None = ..., any: bool = ...,
            *, withcoord: Literal[True], withdist: Literal[False] = ..., withhash: Literal[False] = ...,
            polygon: Sequence[Number] | None = ...,
        ) -> Deferred[list[tuple[V, tuple[float, float]]]]: ...
        @overload
        def geosearch(
            self, key: Key, member: Argument | None = ..., longitude: Number | None = ...,
            latitude: Number | None = ..., unit: str = ..., radius: Number | None = ..., width: Number | None = ...,
            height: Number | None = ..., sort: str | None = ..., count: int | None = ..., any: bool = ...,
            *, withcoord: Literal[True], withdist: Literal[True], withhash: Literal[False] = ...,
            polygon: Sequence[Number] | None = ...,
        ) -> Deferred[list[tuple[V, float, tuple[float, float]]]]: ...
        @overload
        def geosearch(
            self, key: Key, member: Argument | None = ..., longitude: Number | None = ...,
            latitude: Number | None = ..., unit: str = ..., radius: Number | None = ..., width: Number | None = ...,
            height: Number | None = ..., sort: str | None = ..., count: int | None = ..., any: bool = ...,
            withcoord: bool = ..., withdist: bool = ..., withhash: bool = ...,
            *, polygon: Sequence[Number] | None = ...,
        ) -> Deferred[list[Any]]: ...

        # -- streams

        @overload
        def xautoclaim(
            self, key: Key, groupname: Argument, consumername: Argument, min_idle_time: Number | datetime.timedelta,
            start_id: Argument = ..., count: int | None = ..., justid: Literal[False] = ...,
        ) -> Deferred[Claimed[tuple[Text, dict[V, V]]]]: ...
        @overload
        def xautoclaim(
            self, key: Key, groupname: Argument, consumername: Argument, min_idle_time: Number | datetime.timedelta,
            start_id: Argument = ..., count: int | None = ..., *, justid: Literal[True],
        ) -> Deferred[Claimed[Text]]: ...
        @overload
        def xautoclaim(
            self, key: Key, groupname: Argument, consumername: Argument, min_idle_time: Number | datetime.timedelta,
            start_id: Argument = ..., count: int | None = ..., justid: bool = ...,
        ) -> Deferred[Claimed]: ...

        @overload
        def xclaim(
            self, key: Key, groupname: Argument, consumername: Argument, min_idle_time: Number | datetime.timedelta,
            message_ids: Argument | Items, idle: Number | datetime.timedelta | None = ...,
            time: Number | datetime.datetime | None = ..., retrycount: int | None = ..., force: bool = ...,
            justid: Literal[False] = ..., *, lastid: Argument | None = ...,
        ) -> Deferred[list[tuple[Text, dict[V, V]] | None]]: ...
        @overload
        def xclaim(
            self, key: Key, groupname: Argument, consumername: Argument, min_idle_time: Number | datetime.timedelta,
            message_ids: Argument | Items, idle: Number | datetime.timedelta | None = ...,
            time: Number | datetime.datetime | None = ..., retrycount: int | None = ..., force: bool = ...,
            *, justid: Literal[True], lastid: Argument | None = ...,
        ) -> Deferred[list[Text]]: ...
        @overload
        def xclaim(
            self, key: Key, groupname: Argument, consumername: Argument, min_idle_time: Number | datetime.timedelta,
            message_ids: Argument | Items, idle: Number | datetime.timedelta | None = ...,
            time: Number | datetime.datetime | None = ..., retrycount: int | None = ..., force: bool = ...,
            justid: bool = ..., *, lastid: Argument | None = ...,
        ) -> Deferred[list[Any]]: ...
