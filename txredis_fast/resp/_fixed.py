"""Arguments as they were given: what a program may change before they are sent is copied.

Shared by both implementations. This module must not know when anything is sent.
"""

from __future__ import annotations

import datetime
import enum
import numbers
import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any

__all__ = ["CapturedText", "fix_argument", "fixed_arguments", "fixed_values"]

#: Types whose values nobody can change.
_PLAIN = frozenset((str, bytes, int, float, bool, type(None)))
_IMMUTABLE = (
    str,
    bytes,
    numbers.Number,
    enum.Enum,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
    type,
    type(None),
)


class CapturedText(str):
    """The ``str()`` of an argument of another type, from when that was given. Strict mode refuses it, too.

    :ivar kind: the name of that type.
    """

    __slots__ = ("kind",)
    kind: str


def fix_argument(value: Any, words: bool = False) -> Any:
    """Return one argument of a command as it is now: the same where nobody can change it, else a copy.

    :param words: what is no text becomes the text that it is sent as.
    """
    if type(value) in _PLAIN or isinstance(value, (str, bytes) if words else _IMMUTABLE):
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if not words and isinstance(value, (list, tuple, dict, set, frozenset)):  # sent as their str(), with a warning
        return value.copy() if hasattr(value, "copy") else value
    text = CapturedText(value)
    text.kind = type(value).__name__
    return text


def fixed_arguments(args: tuple[Any, ...], words: bool = False) -> tuple[Any, ...]:
    """Return the arguments of a command as they are now: the same tuple, or a copy.

    The name of the command stays what it is, so that one which is no text is refused.

    :param words: what is no text becomes the text that it is sent as.
    """
    for value in args:
        if type(value) not in _PLAIN:
            name = args[0]
            if isinstance(name, (bytearray, memoryview)):
                name = bytes(name)
            return (name, *(fix_argument(value, words) for value in args[1:]))
    return args


def fixed_values(value: Any) -> Any:
    """Return an argument of a command's method as it is now, with what is in it.

    Iterators are used up.
    """
    if type(value) in _PLAIN or isinstance(value, _IMMUTABLE) or callable(value):
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, Mapping):
        return {fixed_values(key): fixed_values(each) for key, each in value.items()}
    if isinstance(value, (set, frozenset)):
        return type(value)(map(fixed_values, value)) if type(value) in (set, frozenset) else set(value)
    if isinstance(value, tuple) and type(value) is not tuple:
        return value  # a named tuple, whose class its method may look at
    if isinstance(value, (Collection, Iterator)):
        fixed = list(map(fixed_values, value))
        return tuple(fixed) if isinstance(value, tuple) else fixed
    return fix_argument(value)
