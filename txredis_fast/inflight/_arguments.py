"""The parts of a command: its arguments and its converter; and arguments that a program gives as a sequence.

Both implementations use this module. It must not know what a request is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from .._checks import shown
from .._types import Arguments, Converter
from ..exceptions import InvalidData

__all__ = ["Command", "PostProc", "arguments_of"]

#: A command's converter: makes the command's value from a reply that is not an error.
PostProc: TypeAlias = Converter

#: A command: its arguments, its converter or None, and whether its reply stays raw.
Command: TypeAlias = tuple[Arguments, PostProc | None, bool]


def arguments_of(command: Iterable[Any]) -> tuple[Any, ...]:
    """Return the arguments of a command.

    :raises InvalidData: it is text, whose letters would be sent as arguments.
    """
    if isinstance(command, (str, bytes, bytearray, memoryview)):
        raise InvalidData(
            f'a command must be a sequence of its arguments, such as ("GET", "key"), not {shown(command)}'
        )
    return tuple(command)
