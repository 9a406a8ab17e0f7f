"""A method's arguments -> the command's arguments: one key or many, flags, times, names of operations.

These functions raise on wrong arguments; the command methods turn the exception into a failed Deferred. This module
must not know replies.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Iterable, Mapping
from typing import Any

from ..._checks import real_number, shown
from ..._types import Aggregate, Argument, Items, Keys, Weights
from ...exceptions import InvalidData, RedisError
from ...resp import warn_caller

__all__ = [
    "aggregate_arguments",
    "conditions",
    "counted_keys",
    "deprecated",
    "exclusive",
    "expiry",
    "flags",
    "flatten",
    "limit_arguments",
    "list_or_args",
    "milliseconds",
    "one_or_many",
    "operation_name",
    "range_arguments",
    "scan_arguments",
    "time_arguments",
    "waiting_time",
]

_BYTES_LIKE = (str, bytes, bytearray, memoryview)

_AGGREGATES = {"MIN": min, "MAX": max, "SUM": sum}

#: BITOP's operations, and the functions of :mod:`operator` that stand for them.
_BIT_OPERATIONS = (
    ("AND", operator.and_),
    ("OR", operator.or_),
    ("XOR", operator.xor),
    ("NOT", operator.not_),
    *((name, None) for name in ("DIFF", "DIFF1", "ANDOR", "ONE")),  # of Redis 8.2
)

#: Issues a DeprecationWarning at the line that called the command method.
deprecated = warn_caller


def list_or_args(command: str, keys: Keys, args: tuple[Argument, ...]) -> Iterable[Argument]:
    """Collect keys passed as one iterable, or (deprecated) as separate arguments.

    :param command: the method's name, for the warning.
    :param keys: one key, or an iterable of keys. A ``str`` or bytes-like object is one key.
    :param args: further keys; a DeprecationWarning unless empty.
    :returns: *keys* itself if it is an iterable and *args* is empty, else a new list.
    """
    if isinstance(keys, _BYTES_LIKE):
        if not args:
            return [keys]
        listed = [keys, *args]
    else:
        try:
            iter(keys)  # type: ignore[arg-type]
        except TypeError:
            listed = [keys, *args]  # type: ignore[list-item]
        else:
            if not args:
                return keys  # type: ignore[return-value]  # it is iterable
            listed = [*keys, *args]  # type: ignore[misc]
    deprecated(f"Passing *args to redis.{command} is deprecated. Pass an iterable to ``keys`` instead")
    return listed


def one_or_many(items: Argument | Items) -> tuple[Argument, ...]:
    """Make a tuple of one item, or of the elements of an iterable.

    :param items: a ``str`` or bytes-like object, which is one item, or an iterable.
    :raises TypeError: *items* is neither.
    """
    if isinstance(items, _BYTES_LIKE):
        return (items,)
    return tuple(items)  # type: ignore[arg-type]  # Python's own TypeError for a number


def flatten(mapping: Mapping[Any, Any]) -> list[Argument]:
    """Make a list of the names of *mapping*, each followed by its value."""
    return [argument for pair in mapping.items() for argument in pair]


def flags(**given: object) -> list[str]:
    """Make a list of the keywords whose value is true, in upper case: ``flags(nx=True)`` returns ``["NX"]``."""
    return [word.upper() for word, wanted in given.items() if wanted]


def exclusive(method: str, **given: object) -> None:
    """Check options of which a command takes one at most.

    :param method: for the error.
    :raises InvalidData: more than one of them is true.
    """
    words = [word for word, wanted in given.items() if wanted]
    if len(words) > 1:
        raise InvalidData(f"{' and '.join(words)} of {method} cannot be given together")


def conditions(method: str, nx: bool, xx: bool, gt: bool, lt: bool) -> list[str]:
    """Make the arguments of the conditions of a change: NX alone, or XX, or GT or LT with or without XX.

    :param method: for the error.
    :raises InvalidData: they contradict each other.
    """
    exclusive(method, nx=nx, xx=xx)
    exclusive(method, nx=nx, gt=gt, lt=lt)
    return flags(nx=nx, xx=xx, gt=gt, lt=lt)


def range_arguments(start: int | None, end: int | None) -> tuple[int, ...]:
    """Make the arguments of an optional range: both ends, or none.

    :raises RedisError: only one end is given.
    """
    if start is None and end is None:
        return ()
    if start is None or end is None:
        raise RedisError("``start`` and ``end`` must both be specified")
    return (start, end)


def limit_arguments(method: str, offset: int | None, num: int | None) -> tuple[Argument, ...]:
    """Make the arguments of LIMIT; none if it is not asked for.

    :param method: for the error.
    :raises InvalidData: only one of *offset* and *num* is given.
    """
    if offset is None and num is None:
        return ()
    if offset is None or num is None:
        raise InvalidData(f"a limit of {method} needs both numbers: how many to skip, and how many after these")
    return ("LIMIT", offset, num)


def counted_keys(method: str, number: int, keys: Keys, limit: int = 0) -> list[Argument]:
    """Make the arguments: number of keys, keys, LIMIT if it is not 0.

    :param number: what the caller says; redis-py's methods have it.
    :raises InvalidData: it is not the number of *keys*.
    """
    names = one_or_many(keys)
    if number != len(names):
        raise InvalidData(f"the number of keys of {method} must be {len(names)}, as there are so many, not {number!r}")
    return [number, *names, *(("LIMIT", limit) if limit else ())]


def time_arguments(
    method: str, *, ex: object = None, px: object = None, exat: object = None, pxat: object = None, **others: bool
) -> list[Argument]:
    """Make the arguments of a time to live: EX, PX, EXAT, PXAT with their numbers, or the word of another option.

    :param method: for the error.
    :param others: options without a number, ``persist`` or ``keepttl``.
    :raises InvalidData: more than one is given, or a time is none.
    """
    given = [name for name, time in (("ex", ex), ("px", px), ("exat", exat), ("pxat", pxat)) if time is not None]
    given += [name for name, wanted in others.items() if wanted]
    if len(given) > 1:
        raise InvalidData(f"{' and '.join(given)} of {method} cannot be given together: a key has one time to live")
    if not given:
        return []
    [name] = given
    if name in others:
        return [name.upper()]
    if name in ("px", "pxat"):
        return [name.upper(), milliseconds(name, px if name == "px" else pxat)]
    in_milliseconds, time = expiry(name, ex if name == "ex" else exat)
    return [{"ex": "PX", "exat": "PXAT"}[name] if in_milliseconds else name.upper(), time]


def expiry(name: str, time: object) -> tuple[bool, Argument]:
    """Convert a time to live, or a Unix time, to a whole number, because servers accept no fractions.

    :param name: name of the argument, for the error.
    :param time: seconds as a number, ``timedelta`` or ``datetime``. Text is passed on unchanged, for the server to
        parse.
    :returns: whether the number is in milliseconds, and the number. Whole seconds stay seconds.
    :raises InvalidData: *time* is not a finite number.
    """
    if type(time) is int or isinstance(time, (str, bytes, bytearray, memoryview)):
        return False, time
    if isinstance(time, datetime.timedelta):
        time = time.total_seconds()
    elif isinstance(time, datetime.datetime):
        time = time.timestamp()
    seconds = _number(name, time)
    whole = round(seconds)
    if whole == seconds:
        return False, whole
    # Rounded away from 0, because the server deletes the key at 0, or replies with an error.
    milliseconds = round(seconds * 1000) or (1 if seconds > 0 else -1)
    return (True, milliseconds) if milliseconds % 1000 else (False, milliseconds // 1000)


def milliseconds(name: str, time: object) -> Argument:
    """Convert a time to live, or a Unix time, of milliseconds to a whole number; see :func:`expiry`.

    :param time: milliseconds as a number, or a ``timedelta`` or ``datetime``. Text is passed on unchanged.
    :raises InvalidData: *time* is not a finite number.
    """
    if type(time) is int or isinstance(time, (str, bytes, bytearray, memoryview)):
        return time
    if isinstance(time, datetime.timedelta):
        time = time.total_seconds() * 1000
    elif isinstance(time, datetime.datetime):
        time = time.timestamp() * 1000
    number = _number(name, time)
    return round(number) or (number > 0) - (number < 0)


def waiting_time(time: Argument | datetime.timedelta) -> Argument:
    """Convert the time limit of a blocking command to seconds if it is a ``timedelta``."""
    return time.total_seconds() if isinstance(time, datetime.timedelta) else time


def _number(name: str, value: object) -> int | float:
    number = real_number(value)
    if number is None:
        raise InvalidData(f"{name} must be a finite number of seconds or a timedelta, not {shown(value)}")
    return number


def scan_arguments(
    cursor: Argument, pattern: Argument | None, count: int | None, type: Argument | None = None
) -> list[Argument]:
    """Make the arguments of SCAN, HSCAN, SSCAN and ZSCAN after the key."""
    arguments: list[Argument] = [cursor]
    if pattern is not None:
        arguments += ("MATCH", pattern)
    if count is not None:
        arguments += ("COUNT", count)
    if type is not None:
        arguments += ("TYPE", type)
    return arguments


def operation_name(operation: object) -> str:
    """Return the name of a BITOP operation.

    :param operation: the name in any case, or a function of :mod:`operator`.
    :raises InvalidData: it is neither.
    """
    if isinstance(operation, str):
        operation = operation.upper()
    for name, function in _BIT_OPERATIONS:
        if operation == name or (function is not None and operation is function):
            return name
    raise InvalidData(f"Invalid operation: {operation}")


def aggregate_arguments(keys: Weights, aggregate: Aggregate) -> list[Argument]:
    """Make the arguments of ZUNIONSTORE and ZINTERSTORE after the destination: count, keys, weights, aggregate.

    :raises InvalidData: *aggregate* is none of minimum, maximum and sum.
    """
    names = one_or_many(keys)
    arguments: list[Argument] = [len(names), *names]
    if isinstance(keys, Mapping) and names:
        arguments += ("WEIGHTS", *keys.values())
    if aggregate:
        arguments += ("AGGREGATE", _aggregate_name(aggregate))
    return arguments


def _aggregate_name(aggregate: Aggregate) -> str:
    wanted = aggregate.upper() if isinstance(aggregate, str) else aggregate
    for name, function in _AGGREGATES.items():
        if wanted == name or wanted is function:
            return name
    raise InvalidData(f"Invalid aggregate function: {aggregate}")
