"""Time series: the commands that read samples between two times, or of several series.

This module must not know how a command is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Number, Text
from ...exceptions import InvalidData
from .._parts import as_set, errors_to_deferred, flags, milliseconds
from .namespace import Namespace, options, some
from .timeseries_parts import (
    Duration,
    Series,
    Time,
    latest_samples,
    rows_of_samples,
    samples,
    series_samples,
    time_argument,
)

__all__ = ["TimeSeriesRanges"]


_P = ParamSpec("_P")
_T = TypeVar("_T")


def _latest_first(
    method: Callable[Concatenate[TimeSeriesRanges, _P], Deferred[_T]], since: str
) -> Callable[Concatenate[TimeSeriesRanges, _P], Deferred[_T]]:
    """Return the method of the command that reads the same from the latest sample on: its options are the same.

    :param since: the version that brought that command.
    """

    @wraps(method)
    def backwards(self: TimeSeriesRanges, /, *args: _P.args, **kwargs: _P.kwargs) -> Deferred[_T]:
        return method(_LatestFirst(self._host), *args, **kwargs)

    text = (method.__doc__ or "").replace("the earliest first", "the latest first")
    text = re.sub(r"/ts\.(\w?)range/, since [\d.]+", rf"/ts.\1revrange/, since {since}", text)
    backwards.__doc__ = text
    backwards.__name__ = method.__name__.replace("range", "revrange")
    backwards.__qualname__ = f"TimeSeriesRanges.{backwards.__name__}"
    return backwards


class TimeSeriesRanges(Namespace):
    """The part of ``rc.ts`` that reads ranges, and several series by their labels."""

    __slots__ = ()

    #: The end of the names of the commands that read a range.
    _range = "range"

    @errors_to_deferred
    def mget(
        self,
        filters: Iterable[Text],
        with_labels: bool = False,
        select_labels: Iterable[Text] | None = None,
        latest: bool = False,
    ) -> Deferred[dict[Any, Series]]:
        """Get the latest sample of each series with given labels.

        :param filters: conditions, all of which must be met: ``"name=value"``, ``"name!=value"``, ``"name="`` ...
        :param with_labels: whether to return the labels, too.
        :param select_labels: names of the labels to return.
        :param latest: as of :meth:`get`.
        :returns: fires with a dict: key -> named tuple ``(labels, samples)``, whose list has one sample, or none.

        https://redis.io/commands/ts.mget/, since 1.0.0
        """
        arguments: list[Argument] = [*flags(latest=latest), *_wanted_labels("ts.mget", with_labels, select_labels)]
        conditions = some("ts.mget", "filters", filters)
        return self._send("TS.MGET", *arguments, "FILTER", *conditions, post_proc=latest_samples)

    @errors_to_deferred
    def range(
        self,
        key: Key,
        from_time: Time = "-",
        to_time: Time = "+",
        count: int | None = None,
        aggregation_type: Text | None = None,
        bucket_size_msec: Duration = 0,
        filter_by_ts: Iterable[int] | None = None,
        filter_by_min_value: Number | None = None,
        filter_by_max_value: Number | None = None,
        align: Time | None = None,
        latest: bool = False,
        bucket_timestamp: Text | None = None,
        empty: bool = False,
    ) -> Deferred[list[tuple[int, float]]]:
        """Get the samples between two times, the earliest first.

        :param key: key of the series.
        :param from_time: the first time; ``"-"``: that of the first sample.
        :param to_time: the last time; ``"+"``: that of the last sample.
        :param count: maximum number of samples, or of buckets.
        :param aggregation_type: return aggregates; see :meth:`createrule`.
        :param bucket_size_msec: the duration that one aggregate covers.
        :param filter_by_ts: only samples of these times.
        :param filter_by_min_value: only samples of this value or above; it needs *filter_by_max_value*.
        :param filter_by_max_value: only samples of this value or below.
        :param align: a time at which a bucket begins; ``"-"`` or ``"+"``: the first or the last time.
        :param latest: as of :meth:`get`.
        :param bucket_timestamp: the time of an aggregate: its bucket's beginning ``"-"``, end ``"+"`` or ``"~"``.
        :param empty: whether to return buckets without samples, too.
        :returns: fires with a list of tuples ``(milliseconds, float)``; NaN in an empty bucket.

        https://redis.io/commands/ts.range/, since 1.0.0
        """
        method = f"ts.{self._range}"
        arguments = _range_options(
            *(method, count, aggregation_type, bucket_size_msec, filter_by_ts, filter_by_min_value),
            *(filter_by_max_value, align, latest, bucket_timestamp, empty),
        )
        times = (time_argument(from_time), time_argument(to_time))
        return self._send(method.upper(), key, *times, *arguments, post_proc=samples)

    revrange = _latest_first(range, "1.4.0")

    @errors_to_deferred
    def mrange(
        self,
        from_time: Time,
        to_time: Time,
        filters: Iterable[Text],
        count: int | None = None,
        aggregation_type: Text | None = None,
        bucket_size_msec: Duration = 0,
        with_labels: bool = False,
        filter_by_ts: Iterable[int] | None = None,
        filter_by_min_value: Number | None = None,
        filter_by_max_value: Number | None = None,
        groupby: Text | None = None,
        reduce: Text | None = None,
        select_labels: Iterable[Text] | None = None,
        align: Time | None = None,
        latest: bool = False,
        bucket_timestamp: Text | None = None,
        empty: bool = False,
    ) -> Deferred[dict[Any, Series]]:
        """Get the samples between two times of each series with given labels, the earliest first.

        :param from_time: the first time.
        :param to_time: the last time.
        :param filters: conditions, as of :meth:`mget`.
        :param count: as of :meth:`range`, as are all others that are not explained.
        :param aggregation_type: return aggregates.
        :param bucket_size_msec: the duration of a bucket.
        :param with_labels: whether to return the labels, too.
        :param filter_by_ts: only samples of these times.
        :param filter_by_min_value: the least value.
        :param filter_by_max_value: the greatest value.
        :param groupby: name of a label: the samples of all series with the same value of it become one, by *reduce*.
        :param reduce: ``"sum"``, ``"min"``, ``"max"``, ``"avg"`` ...
        :param select_labels: names of the labels to return.
        :param align: a time at which a bucket begins.
        :param latest: as of :meth:`get`.
        :param bucket_timestamp: the time of an aggregate.
        :param empty: whether to return empty buckets.
        :returns: fires with a dict: key -> named tuple ``(labels, samples)``; with *groupby*, ``"name=value"`` -> it.

        https://redis.io/commands/ts.mrange/, since 1.0.0
        """
        method = f"ts.m{self._range}"
        arguments = _range_options(
            *(method, count, aggregation_type, bucket_size_msec, filter_by_ts, filter_by_min_value),
            *(filter_by_max_value, align, latest, bucket_timestamp, empty),
        )
        arguments += _wanted_labels(method, with_labels, select_labels)
        conditions = ["FILTER", *some(method, "filters", filters), *_grouping(method, groupby, reduce)]
        times = (time_argument(from_time), time_argument(to_time))
        return self._send(method.upper(), *times, *arguments, *conditions, post_proc=series_samples)

    mrevrange = _latest_first(mrange, "1.4.0")

    @errors_to_deferred
    def queryindex(self, filters: Iterable[Text]) -> Deferred[set[Any]]:
        """Find the series with given labels.

        :param filters: conditions, as of :meth:`mget`.
        :returns: fires with a set of keys.

        https://redis.io/commands/ts.queryindex/, since 1.0.0
        """
        return self._send("TS.QUERYINDEX", *some("ts.queryindex", "filters", filters), post_proc=as_set)

    @errors_to_deferred
    def nrange(
        self,
        keys: Iterable[Key],
        from_time: Time = "-",
        to_time: Time = "+",
        count: int | None = None,
        aggregators: Iterable[Text] | None = None,
        bucket_size_msec: Duration = 0,
        filter_by_ts: Iterable[int] | None = None,
        filter_by_min_value: Number | None = None,
        filter_by_max_value: Number | None = None,
        align: Time | None = None,
        latest: bool = False,
        bucket_timestamp: Text | None = None,
        empty: bool = False,
    ) -> Deferred[list[tuple[int, list[float]]]]:
        """Get what several series have between two times, a row for each time, the earliest first (Redis 8.10).

        :param keys: keys of the series, in the order of the values. In a cluster, all of one slot.
        :param from_time: the first time; this and what is not explained: as of :meth:`range`.
        :param to_time: the last time.
        :param count: maximum number of rows.
        :param aggregators: for each key, what is returned of a bucket: ``"avg"``; several: ``"min,max"``.
        :param bucket_size_msec: the duration of a bucket.
        :param filter_by_ts: only samples of these times.
        :param filter_by_min_value: the least value.
        :param filter_by_max_value: the greatest value.
        :param align: a time at which a bucket begins.
        :param latest: as of :meth:`get`.
        :param bucket_timestamp: the time of an aggregate.
        :param empty: whether to return empty buckets.
        :returns: fires with a list of tuples ``(milliseconds, values)``: a float for each key, or for each of its
            aggregators, NaN where it has no sample.

        https://redis.io/commands/ts.nrange/, since 8.10.0
        """
        return self._rows(
            *(f"ts.n{self._range}", keys, from_time, to_time, count, aggregators, bucket_size_msec, filter_by_ts),
            *(filter_by_min_value, filter_by_max_value, align, latest, bucket_timestamp, empty),
        )

    nrevrange = _latest_first(nrange, "8.10.0")

    def _rows(
        self,
        method: str,
        keys: Iterable[Key],
        from_time: Time,
        to_time: Time,
        count: int | None,
        aggregators: Iterable[Text] | None,
        *more: Any,
    ) -> Deferred[list[tuple[int, list[float]]]]:
        series = some(method, "keys", keys)
        kinds = None if aggregators is None else some(method, "aggregators", aggregators)
        if kinds is not None and len(kinds) != len(series):
            raise InvalidData(f"{method} needs aggregators for each key: {len(kinds)} for {len(series)}")
        times = (time_argument(from_time), time_argument(to_time))
        arguments = _range_options(method, count, kinds, *more)
        return self._send(method.upper(), len(series), *series, *times, *arguments, post_proc=rows_of_samples)

    @errors_to_deferred
    def read(
        self,
        key: Key,
        timestamp: Time,
        block_milliseconds: Duration | None = None,
        block_min_count: int | None = None,
        max_count: int | None = None,
    ) -> Deferred[list[tuple[int, float]]]:
        """Get the samples from a time on, the earliest first (Redis 8.10).

        With *block_milliseconds* the command has a connection of its own, and the reply may take that time and
        ``replyTimeout`` seconds (10 if that is None); any time if *block_milliseconds* is 0.

        :param key: key of the series.
        :param timestamp: the first time; ``"-"``: that of the first sample, ``"+"``: that of the last sample, ``"$"``:
            only samples that are added from now on.
        :param block_milliseconds: milliseconds, or a ``timedelta``, to wait until there are *block_min_count* samples;
            0: no limit. None: do not wait.
        :param block_min_count: number of samples to wait for. None: 1.
        :param max_count: maximum number of samples. None: all.
        :returns: fires with a list of tuples ``(milliseconds, float)``; after *block_milliseconds* with those that
            there are. Fails with :exc:`.InvalidData` if *block_min_count* is given without *block_milliseconds*.

        https://redis.io/commands/ts.read/, since 8.10.0
        """
        arguments = (key, time_argument(timestamp))
        most = options(("MAX_COUNT", max_count))
        if block_milliseconds is None:
            if block_min_count is not None:
                raise InvalidData("block_min_count of ts.read needs block_milliseconds")
            return self._send("TS.READ", *arguments, *most, post_proc=samples)
        least = 1 if block_min_count is None else block_min_count
        waiting = ("BLOCK", milliseconds("block_milliseconds", block_milliseconds), least)
        return self._send_blocking("TS.READ", *arguments, *waiting, *most, post_proc=samples)

    @errors_to_deferred
    def querylabels(self, label: Text | None = None, filters: Iterable[Text] | None = None) -> Deferred[set[Any]]:
        """List the names of labels, or the values of one (Redis 8.10).

        :param label: return the values of this label. None: return the names of all labels.
        :param filters: conditions, as of :meth:`mget`: only of series that meet them. None: of all series.
        :returns: fires with a set.

        https://redis.io/commands/ts.querylabels/, since 8.10.0
        """
        what: tuple[Argument, ...] = ("LABELS",) if label is None else ("VALUES", label)
        only = () if filters is None else ("FILTER", *some("ts.querylabels", "filters", filters))
        return self._send("TS.QUERYLABELS", *what, *only, post_proc=as_set)


class _LatestFirst(TimeSeriesRanges):
    """The commands that read a range from the latest sample on."""

    __slots__ = ()

    _range = "revrange"


def _range_options(
    method: str,
    count: int | None,
    aggregation: Text | list[Text] | None,
    bucket_size_msec: Duration,
    filter_by_ts: Iterable[int] | None,
    filter_by_min_value: Number | None,
    filter_by_max_value: Number | None,
    align: Time | None,
    latest: bool,
    bucket_timestamp: Text | None,
    empty: bool,
) -> list[Argument]:
    arguments: list[Argument] = [*flags(latest=latest)]
    if filter_by_ts is not None:
        arguments += ("FILTER_BY_TS", *map(time_argument, some(method, "times", filter_by_ts)))
    if (filter_by_min_value is None) != (filter_by_max_value is None):
        raise InvalidData(f"{method} needs filter_by_min_value and filter_by_max_value together")
    if filter_by_min_value is not None and filter_by_max_value is not None:
        arguments += ("FILTER_BY_VALUE", filter_by_min_value, filter_by_max_value)
    arguments += options(("COUNT", count))
    if aggregation is None:
        if align is not None or bucket_timestamp is not None or empty:
            needed = "aggregators" if method in ("ts.nrange", "ts.nrevrange") else "aggregation_type"
            raise InvalidData(f"align, bucket_timestamp and empty of {method} need {needed}")
        return arguments
    bucket = milliseconds("bucket_size_msec", bucket_size_msec)
    arguments += options(("ALIGN", time_argument(align)))
    kinds = aggregation if isinstance(aggregation, list) else [aggregation]
    arguments += ("AGGREGATION", *kinds, bucket, *options(("BUCKETTIMESTAMP", bucket_timestamp)))
    return [*arguments, *flags(empty=empty)]


def _wanted_labels(method: str, all_of_them: bool, names: Iterable[Text] | None) -> list[Argument]:
    if names is None:
        return ["WITHLABELS"] if all_of_them else []
    if all_of_them:
        raise InvalidData(f"with_labels and select_labels of {method} cannot be given together")
    return ["SELECTED_LABELS", *some(method, "labels", names)]


def _grouping(method: str, groupby: Text | None, reduce: Text | None) -> list[Argument]:
    if groupby is None and reduce is None:
        return []
    if groupby is None or reduce is None:
        raise InvalidData(f"groupby and reduce of {method} need each other")
    return ["GROUPBY", groupby, "REDUCE", reduce]
