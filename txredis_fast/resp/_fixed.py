"""Snapshots of arguments: copies of mutable ones, because a program may change them before they are encoded.

Both implementations use this module. It must not know when a command is encoded or sent.
"""

from __future__ import annotations

import datetime
import enum
import sys
import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any

__all__ = ["CapturedText", "fix_argument", "fixed_arguments", "fixed_values"]

#: Types whose instances are immutable. An instance of a subclass may be mutable.
_PLAIN = frozenset((str, bytes, int, float, bool, type(None)))
_IMMUTABLE = (
    str,
    bytes,
    int,
    float,
    complex,
    enum.Enum,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
    type,
    type(None),
)


def _is_immutable(value: object) -> bool:
    numbers = sys.modules.get("numbers")  # a program that has a number of another type has imported it
    return isinstance(value, _IMMUTABLE) or (numbers is not None and isinstance(value, numbers.Number))


class CapturedText(str):
    """The ``str()`` of an argument of an unusual type, taken when the command was issued. Strict mode refuses it.

    :ivar kind: the name of the argument's type.
    """

    __slots__ = ("kind",)
    kind: str


def fix_argument(value: object, words: bool = False) -> Any:
    """Return a snapshot of one argument: the argument itself if it is immutable, else a copy.

    :param words: whether every argument other than text becomes the text that it is sent as.
    """
    if type(value) in _PLAIN or (isinstance(value, (str, bytes)) if words else _is_immutable(value)):
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if not words and isinstance(value, (list, tuple, dict, set, frozenset)):  # sent as their str(), with a warning
        return value.copy() if hasattr(value, "copy") else value
    text = CapturedText(value)
    text.kind = type(value).__name__
    return text


def fixed_arguments(args: tuple[Any, ...], words: bool = False) -> tuple[Any, ...]:
    """Return a snapshot of a command's arguments: the same tuple if all are immutable, else a copy.

    The command's name keeps its type, because the encoder refuses a name other than text.

    :param words: whether every argument other than text becomes the text that it is sent as.
    """
    for value in args:
        if type(value) not in _PLAIN:
            name = args[0]
            if isinstance(name, (bytearray, memoryview)):
                name = bytes(name)
            return (name, *(fix_argument(value, words) for value in args[1:]))
    return args


def fixed_values(value: object) -> Any:
    """Return a deep snapshot of an argument of a command method. An iterator is consumed into a list."""
    if type(value) in _PLAIN or _is_immutable(value) or callable(value):
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, Mapping):
        return {fixed_values(key): fixed_values(each) for key, each in value.items()}
    if isinstance(value, (set, frozenset)):
        return type(value)(map(fixed_values, value)) if type(value) in (set, frozenset) else set(value)
    if isinstance(value, tuple) and type(value) is not tuple:
        return value  # a named tuple: the command method may depend on its class
    if isinstance(value, (Collection, Iterator)):
        fixed = list(map(fixed_values, value))
        return tuple(fixed) if isinstance(value, tuple) else fixed
    return fix_argument(value)
