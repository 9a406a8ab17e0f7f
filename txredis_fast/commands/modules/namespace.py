"""The base of the namespaces: commands over the ``execute_command`` of their host; and helpers for their arguments.

This module must not know which namespaces there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from twisted.internet.defer import Deferred

from ..._types import Argument, Converter, Reply, Result
from ...exceptions import InvalidData
from .._parts import CommandHost, unknown_name

__all__ = [
    "Namespace",
    "as_bools_or_errors",
    "counted",
    "number",
    "options",
    "pairs_of",
    "some",
]

_T = TypeVar("_T")


class Namespace:
    """The commands of one module, or of one of its types, over a host."""

    __slots__ = ("_host",)

    def __init__(self, host: CommandHost[Any]) -> None:
        """Make the namespace of a host.

        :param host: handler, view, connection, transaction, pipeline or batch; its ``execute_command`` sends all
            commands.
        """
        self._host = host

    def _send(self, *args: Argument, post_proc: Converter | None = None, raw: bool = False) -> Deferred[Any]:
        # Without ``raw`` unless it is needed, because a program's execute_command may not know it.
        if raw:
            return self._host.execute_command(*args, post_proc=post_proc, raw=True)
        if post_proc is None:
            return self._host.execute_command(*args)
        return self._host.execute_command(*args, post_proc=post_proc)

    def _send_blocking(self, *args: Argument, post_proc: Converter) -> Deferred[Any]:
        """Send a command whose reply the server may delay, for as long as its arguments say."""
        return self._host.execute_command(*args, post_proc=post_proc, blocking=True, apply_timeout=False)

    def _refuse(self, error: Exception) -> Deferred[Any]:
        return self._host._refuse(error)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._host!r}>"

    if not TYPE_CHECKING:  # type checkers report an unknown name themselves

        def __getattr__(self, name: str) -> NoReturn:
            raise unknown_name(self, name)


def options(*given: tuple[str, Any]) -> list[Any]:
    """Make the arguments of options: the word of each pair, then its value; nothing where the value is None."""
    return [argument for word, value in given if value is not None for argument in (word, value)]


def some(method: str, what: str, items: Iterable[_T]) -> list[_T]:
    """Return a list of arguments, of which there must be one at least.

    :param method: for the error; so is *what*: the noun in the plural.
    :raises InvalidData: there are none, or *items* is one text instead of several.
    """
    if isinstance(items, (str, bytes, bytearray, memoryview)):
        raise InvalidData(f"{what} of {method} must be a list, not a single text")
    listed = list(items)
    if not listed:
        raise InvalidData(f"{method} needs {what}: there are none")
    return listed


def counted(word: str, items: Iterable[Any], always: bool = False) -> list[Argument]:
    """Make the arguments of a list: its word, the number of items, and the items; nothing where there are none.

    :param always: make the word and 0 where there are none.
    :raises InvalidData: *items* is one text instead of several.
    """
    if isinstance(items, (str, bytes)):
        raise InvalidData(f"{word} must be a list, not a single text")
    listed = list(items)
    return [word, len(listed), *listed] if listed or always else []


def pairs_of(method: str, first: Iterable[_T], second: Iterable[_T]) -> list[_T]:
    """Make a flat list of two lists of equal length, element by element.

    :raises InvalidData: they are empty, or their lengths differ.
    """
    names, values = some(method, "items", first), list(second)
    if len(names) != len(values):
        raise InvalidData(f"{method} needs as many increments as items: {len(values)} for {len(names)}")
    return [argument for pair in zip(names, values, strict=True) for argument in pair]


def as_bools_or_errors(reply: Reply) -> Reply:
    """Convert each element of a list to a bool; error replies in it stay."""
    if not isinstance(reply, list):
        return reply
    return [each if isinstance(each, Exception) else bool(each) for each in reply]


def number(value: Reply) -> Result:
    """Convert a number, text or not, to an int if it is whole, else to a float; other values stay.

    RESP2 has numbers as text, RESP3 as doubles: the value is the same.
    """
    if isinstance(value, (str, bytes)):
        try:
            value = float(value)
        except ValueError:
            return value
    return int(value) if isinstance(value, float) and value.is_integer() else value
