"""Time series: the commands of the module RedisTimeSeries.

A sample is a tuple ``(Unix time in milliseconds, float)``. This module must not know how a command is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Number, Text
from .._parts import errors_to_deferred, flags, milliseconds
from .namespace import options, some
from .timeseries_parts import (
    Duration,
    Time,
    described_series,
    ignoring,
    label_arguments,
    sample,
    series_options,
    time_argument,
)
from .timeseries_ranges import TimeSeriesRanges

__all__ = ["TimeSeriesCommands"]


class TimeSeriesCommands(TimeSeriesRanges):
    """Commands of ``rc.ts``: series of numbers of the module RedisTimeSeries.

    A time is Unix time in milliseconds, or a ``datetime``; a duration is in milliseconds, or a ``timedelta``. A sample
    is a tuple ``(milliseconds, float)``.
    """

    __slots__ = ()

    @errors_to_deferred
    def create(
        self,
        key: Key,
        retention_msecs: Duration | None = None,
        uncompressed: bool = False,
        labels: Mapping[Any, Any] | None = None,
        chunk_size: int | None = None,
        duplicate_policy: Text | None = None,
        ignore_max_time_diff: Duration | None = None,
        ignore_max_val_diff: Number | None = None,
    ) -> Deferred[Text]:
        """Create an empty series.

        :param key: key of the series, which must not exist.
        :param retention_msecs: how long samples are kept, counted from the latest one. None: the server's setting; 0:
            forever.
        :param uncompressed: store samples as they are.
        :param labels: names and values, by which series are found.
        :param chunk_size: bytes of a chunk of samples.
        :param duplicate_policy: what becomes of a second sample of the same time: ``"BLOCK"``, an error, ``"FIRST"``,
            ``"LAST"``, ``"MIN"``, ``"MAX"`` or ``"SUM"``.
        :param ignore_max_time_diff: with *ignore_max_val_diff*: a sample that differs less, in time and value, from
            the latest one is ignored.
        :param ignore_max_val_diff: the difference of the values.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the key exists.

        https://redis.io/commands/ts.create/, since 1.0.0
        """
        arguments = series_options("ts.create", retention_msecs, uncompressed, chunk_size)
        arguments += options(("DUPLICATE_POLICY", duplicate_policy))
        arguments += ignoring("ts.create", ignore_max_time_diff, ignore_max_val_diff)
        return self._send("TS.CREATE", key, *arguments, *label_arguments(labels))

    @errors_to_deferred
    def alter(
        self,
        key: Key,
        retention_msecs: Duration | None = None,
        labels: Mapping[Any, Any] | None = None,
        chunk_size: int | None = None,
        duplicate_policy: Text | None = None,
        ignore_max_time_diff: Duration | None = None,
        ignore_max_val_diff: Number | None = None,
    ) -> Deferred[Text]:
        """Change the settings of a series.

        :param key: key of the series.
        :param retention_msecs: as of :meth:`create`, as are all others. None: stays.
        :param labels: the new labels; an empty mapping removes all.
        :param chunk_size: bytes of a new chunk.
        :param duplicate_policy: the new policy.
        :param ignore_max_time_diff: the new difference of times.
        :param ignore_max_val_diff: the new difference of values.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/ts.alter/, since 1.0.0
        """
        arguments = series_options("ts.alter", retention_msecs, False, chunk_size)
        arguments += options(("DUPLICATE_POLICY", duplicate_policy))
        arguments += ignoring("ts.alter", ignore_max_time_diff, ignore_max_val_diff)
        return self._send("TS.ALTER", key, *arguments, *label_arguments(labels))

    @errors_to_deferred
    def add(
        self,
        key: Key,
        timestamp: Time,
        value: Number,
        retention_msecs: Duration | None = None,
        uncompressed: bool = False,
        labels: Mapping[Any, Any] | None = None,
        chunk_size: int | None = None,
        duplicate_policy: Text | None = None,
        ignore_max_time_diff: Duration | None = None,
        ignore_max_val_diff: Number | None = None,
        on_duplicate: Text | None = None,
    ) -> Deferred[int]:
        """Add a sample; create the series if it does not exist.

        :param key: key of the series.
        :param timestamp: the time; ``"*"``: the server's.
        :param value: the number.
        :param retention_msecs: as of :meth:`create`, as are all others but the last: settings of a new series.
        :param uncompressed: of a new series.
        :param labels: of a new series.
        :param chunk_size: of a new series.
        :param duplicate_policy: of a new series.
        :param ignore_max_time_diff: of a new series.
        :param ignore_max_val_diff: of a new series.
        :param on_duplicate: what becomes of this sample if the series has one of this time, instead of its policy.
        :returns: fires with the time, in milliseconds.

        https://redis.io/commands/ts.add/, since 1.0.0
        """
        arguments = series_options("ts.add", retention_msecs, uncompressed, chunk_size)
        arguments += options(("DUPLICATE_POLICY", duplicate_policy), ("ON_DUPLICATE", on_duplicate))
        arguments += ignoring("ts.add", ignore_max_time_diff, ignore_max_val_diff)
        return self._send("TS.ADD", key, time_argument(timestamp), value, *arguments, *label_arguments(labels))

    @errors_to_deferred
    def madd(self, ktv_tuples: Iterable[Sequence[Any]]) -> Deferred[list[Any]]:
        """Add samples to series that exist.

        :param ktv_tuples: tuples ``(key, time, value)``, one at least.
        :returns: fires with a list: of each sample the time, in milliseconds, or a :exc:`.ResponseError`.

        https://redis.io/commands/ts.madd/, since 1.0.0
        """
        arguments: list[Argument] = []
        for key, time, value in some("ts.madd", "samples", ktv_tuples):
            arguments += (key, time_argument(time), value)
        return self._send("TS.MADD", *arguments)

    @errors_to_deferred
    def incrby(
        self,
        key: Key,
        value: Number,
        timestamp: Time | None = None,
        retention_msecs: Duration | None = None,
        uncompressed: bool = False,
        labels: Mapping[Any, Any] | None = None,
        chunk_size: int | None = None,
        duplicate_policy: Text | None = None,
        ignore_max_time_diff: Duration | None = None,
        ignore_max_val_diff: Number | None = None,
    ) -> Deferred[int]:
        """Add a sample that is the latest one plus a number; create the series if it does not exist.

        :param key: key of the series.
        :param value: what to add.
        :param timestamp: the time, not before that of the latest sample. None: the server's.
        :param retention_msecs: as of :meth:`create`, as are all others: settings of a new series.
        :param uncompressed: of a new series.
        :param labels: of a new series.
        :param chunk_size: of a new series.
        :param duplicate_policy: of a new series.
        :param ignore_max_time_diff: of a new series.
        :param ignore_max_val_diff: of a new series.
        :returns: fires with the time, in milliseconds.

        https://redis.io/commands/ts.incrby/, since 1.0.0
        """
        arguments = options(("TIMESTAMP", time_argument(timestamp)))
        arguments += series_options("ts.incrby", retention_msecs, uncompressed, chunk_size)
        arguments += options(("DUPLICATE_POLICY", duplicate_policy))
        arguments += ignoring("ts.incrby", ignore_max_time_diff, ignore_max_val_diff)
        return self._send("TS.INCRBY", key, value, *arguments, *label_arguments(labels))

    @errors_to_deferred
    def decrby(
        self,
        key: Key,
        value: Number,
        timestamp: Time | None = None,
        retention_msecs: Duration | None = None,
        uncompressed: bool = False,
        labels: Mapping[Any, Any] | None = None,
        chunk_size: int | None = None,
        duplicate_policy: Text | None = None,
        ignore_max_time_diff: Duration | None = None,
        ignore_max_val_diff: Number | None = None,
    ) -> Deferred[int]:
        """Add a sample that is the latest one minus a number; else as :meth:`incrby`.

        :param key: key of the series.
        :param value: what to subtract.
        :param timestamp: the time, not before that of the latest sample. None: the server's.
        :param retention_msecs: as of :meth:`create`, as are all others: settings of a new series.
        :param uncompressed: of a new series.
        :param labels: of a new series.
        :param chunk_size: of a new series.
        :param duplicate_policy: of a new series.
        :param ignore_max_time_diff: of a new series.
        :param ignore_max_val_diff: of a new series.
        :returns: fires with the time, in milliseconds.

        https://redis.io/commands/ts.decrby/, since 1.0.0
        """
        arguments = options(("TIMESTAMP", time_argument(timestamp)))
        arguments += series_options("ts.decrby", retention_msecs, uncompressed, chunk_size)
        arguments += options(("DUPLICATE_POLICY", duplicate_policy))
        arguments += ignoring("ts.decrby", ignore_max_time_diff, ignore_max_val_diff)
        return self._send("TS.DECRBY", key, value, *arguments, *label_arguments(labels))

    @errors_to_deferred
    def delete(self, key: Key, from_time: Time, to_time: Time) -> Deferred[int]:
        """Delete the samples between two times.

        :param key: key of the series.
        :param from_time: the first time.
        :param to_time: the last time.
        :returns: fires with the number of samples deleted.

        https://redis.io/commands/ts.del/, since 1.6.0
        """
        return self._send("TS.DEL", key, time_argument(from_time), time_argument(to_time))

    @errors_to_deferred
    def createrule(
        self,
        source_key: Key,
        dest_key: Key,
        aggregation_type: Text,
        bucket_size_msec: Duration,
        alignment_timestamp: int | None = None,
    ) -> Deferred[Text]:
        """Let the server write aggregates of a series to another one, as samples come.

        :param source_key: key of the series.
        :param dest_key: key of the other one, which must exist.
        :param aggregation_type: ``"avg"``, ``"sum"``, ``"min"``, ``"max"``, ``"range"``, ``"count"``, ``"first"``,
            ``"last"``, ``"std.p"``, ``"std.s"``, ``"var.p"``, ``"var.s"`` or ``"twa"``.
        :param bucket_size_msec: the duration that one aggregate covers.
        :param alignment_timestamp: a time at which a bucket begins, in milliseconds. None: 0.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/ts.createrule/, since 1.0.0
        """
        bucket = milliseconds("bucket_size_msec", bucket_size_msec)
        more = [] if alignment_timestamp is None else [alignment_timestamp]
        return self._send("TS.CREATERULE", source_key, dest_key, "AGGREGATION", aggregation_type, bucket, *more)

    def deleterule(self, source_key: Key, dest_key: Key) -> Deferred[Text]:
        """End what :meth:`createrule` began.

        :param source_key: key of the series.
        :param dest_key: key of the other one.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/ts.deleterule/, since 1.0.0
        """
        return self._send("TS.DELETERULE", source_key, dest_key)

    def get(self, key: Key, latest: bool = False) -> Deferred[tuple[int, float] | None]:
        """Get the latest sample.

        :param key: key of the series.
        :param latest: whether to return the aggregate of a bucket that is not full, in a series with a rule.
        :returns: fires with a tuple ``(milliseconds, float)``, or None if the series is empty.

        https://redis.io/commands/ts.get/, since 1.0.0
        """
        return self._send("TS.GET", key, *flags(latest=latest), post_proc=sample)

    def info(self, key: Key, debug: bool = False) -> Deferred[dict[str, Any]]:
        """Describe a series.

        :param key: key of the series.
        :param debug: whether to describe its chunks, too.
        :returns: fires with a dict of the server's fields, ``"totalSamples"`` ...; ``"labels"`` is a dict, ``"rules"``
            a dict: key of the other series -> tuple ``(milliseconds of a bucket, aggregation, alignment)``.

        https://redis.io/commands/ts.info/, since 1.0.0
        """
        return self._send("TS.INFO", key, *flags(debug=debug), post_proc=described_series)
