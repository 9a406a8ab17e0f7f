"""The arguments of a command that a program gives as a sequence.

Both implementations use this module. It must not know what a request is.
"""

from __future__ import annotations

from typing import Any

from .._checks import shown
from ..exceptions import InvalidData

__all__ = ["arguments_of"]


def arguments_of(command: Any) -> tuple[Any, ...]:
    """Return the arguments of a command.

    :raises InvalidData: it is text, whose letters would be sent as arguments.
    """
    if isinstance(command, (str, bytes, bytearray, memoryview)):
        raise InvalidData(
            f'a command must be a sequence of its arguments, such as ("GET", "key"), not {shown(command)}'
        )
    return tuple(command)
