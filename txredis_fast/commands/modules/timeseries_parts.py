"""Arguments and reply converters that the commands on time series share.

A converter takes the lists of RESP2 and the dicts and doubles of RESP3, and makes the same value of both.
"""

from __future__ import annotations

import datetime
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from ..._types import Argument, Number, Reply, Result
from ...exceptions import InvalidData
from .._parts import as_float_always, by_parts, convertible_by, described, flatten, milliseconds, text_of
from .namespace import options

__all__ = [
    "Duration",
    "Series",
    "Time",
    "described_series",
    "ignoring",
    "label_arguments",
    "latest_samples",
    "sample",
    "samples",
    "series_options",
    "series_samples",
    "time_argument",
]

Time: TypeAlias = int | str | bytes | datetime.datetime
"""A point in time: Unix time in milliseconds, a ``datetime``, or a word of the server (``"*"``, ``"-"``, ``"+"``)."""

Duration: TypeAlias = Number | datetime.timedelta
"""A length of time: milliseconds, or a ``timedelta``."""

#: Labels that RESP2 adds to those of a group; RESP3 has them apart, and without WITHLABELS, too.
_OF_GROUPS = ("__reducer__", "__source__")


class Series(NamedTuple):
    """The samples read of one series, or of a group of them."""

    #: Name -> value; empty unless labels were asked for. None: the series has no such label.
    labels: dict[str, Any]
    #: Tuples ``(milliseconds, float)``.
    samples: list[tuple[int, float]]


def time_argument(time: Time | None) -> Result:
    """Convert a ``datetime`` to milliseconds; all else stays, None, too."""
    return milliseconds("time", time) if isinstance(time, datetime.datetime) else time


def series_options(
    method: str, retention: Duration | None, uncompressed: bool, chunk_size: int | None
) -> list[Argument]:
    """Make the arguments RETENTION, ENCODING and CHUNK_SIZE.

    :raises InvalidData: *retention* is no duration.
    """
    kept = None if retention is None else milliseconds(f"retention_msecs of {method}", retention)
    encoding = "UNCOMPRESSED" if uncompressed else None
    return options(("RETENTION", kept), ("ENCODING", encoding), ("CHUNK_SIZE", chunk_size))


def ignoring(method: str, time: Duration | None, value: Number | None) -> list[Argument]:
    """Make the argument IGNORE.

    :raises InvalidData: only one of both is given.
    """
    if time is None and value is None:
        return []
    if time is None or value is None:
        raise InvalidData(f"ignore_max_time_diff and ignore_max_val_diff of {method} need each other")
    return ["IGNORE", milliseconds("ignore_max_time_diff", time), value]


def label_arguments(labels: Mapping[Any, Any] | None) -> list[Argument]:
    """Make the argument LABELS, the last one of a command."""
    return [] if labels is None else ["LABELS", *flatten(labels)]


def sample(reply: Reply) -> Result:
    """Convert one sample; None if there is none."""
    if not isinstance(reply, list):
        return reply
    return (reply[0], float(reply[1])) if reply else None


def _samples_in_parts(reply: list[Any]) -> Generator[None, None, Any]:
    value: list[Any] = []
    for part in by_parts(reply):
        value += samples(part)
        yield
    return value


@convertible_by(_samples_in_parts)
def samples(reply: Reply) -> Result:
    """Convert a list of samples."""
    return [(time, float(value)) for time, value in reply] if isinstance(reply, list) else reply


def _rows_in_parts(reply: list[Any]) -> Generator[None, None, Any]:
    value: list[Any] = []
    for part in by_parts(reply):
        value += rows_of_samples(part)
        yield
    return value


@convertible_by(_rows_in_parts)
def rows_of_samples(reply: Reply) -> Result:
    """Convert a list of rows: a time and the values of several series."""
    return [(time, list(map(float, values))) for time, values in reply] if isinstance(reply, list) else reply


def latest_samples(reply: Reply) -> Result:
    """Convert series with their latest samples to a dict: key -> :class:`Series`."""
    if isinstance(reply, dict):
        parts: Iterable[Sequence[Reply]] = ((key, *series) for key, series in reply.items())
    elif isinstance(reply, list):
        parts = reply
    else:
        return reply
    return {key: Series(_labels(labels), samples([latest] if latest else [])) for key, labels, latest in parts}


def series_samples(reply: Reply) -> Result:
    """Convert series with their samples to a dict: key -> :class:`Series`."""
    if isinstance(reply, dict):
        # Between labels and samples RESP3 has how they were aggregated, which is what the command asked for.
        return {key: Series(_labels(series[0]), samples(series[-1])) for key, series in reply.items()}
    if not isinstance(reply, list):
        return reply
    return {key: Series(_labels(labels), samples(found)) for key, labels, found in reply}


def _labels(reply: Reply) -> dict[str, Any]:
    pairs = reply.items() if isinstance(reply, dict) else reply
    named = {text_of(name): value for name, value in pairs}
    return {name: value for name, value in named.items() if name not in _OF_GROUPS}


def described_series(reply: Reply) -> Result:
    """Convert the reply of TS.INFO to a dict; names and words of the protocol are str."""
    value = described(reply)
    if not isinstance(value, dict):
        return value
    for name in ("chunkType", "duplicatePolicy"):
        if value.get(name) is not None:
            value[name] = text_of(value[name])
    if "labels" in value:
        value["labels"] = _labels(value["labels"])
    if "rules" in value:
        rules = value["rules"]
        parts = ((key, *rule) for key, rule in rules.items()) if isinstance(rules, dict) else rules
        value["rules"] = {key: (bucket, text_of(kind), *more) for key, bucket, kind, *more in parts}
    if "ignoreMaxValDiff" in value:
        value["ignoreMaxValDiff"] = as_float_always(value["ignoreMaxValDiff"])
    if "Chunks" in value:
        value["Chunks"] = list(map(_chunk, value["Chunks"]))
    return value


def _chunk(reply: Reply) -> Result:
    chunk = described(reply)
    chunk["bytesPerSample"] = as_float_always(chunk["bytesPerSample"])
    return chunk
