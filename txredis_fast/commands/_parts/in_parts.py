"""Converters that can work in parts: a list of a million elements is converted in many turns of the reactor.

Such a converter has an attribute ``in_parts``: a generator function that converts a list part by part, yields between
the parts and returns the value. This module must not know what is converted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeAlias, TypeVar

from ..._tunables import LIST_PART_ELEMENTS

__all__ = ["ListOfReplies", "Parts", "by_parts", "convertible_by"]

#: Yields between the parts, and returns the value.
Parts: TypeAlias = Generator[None, None, Any]


class ListOfReplies:
    """Base class of converters of a list or a map of lists: a short one may have long elements."""

    def size_of(self, reply: list[Any] | dict[Any, Any]) -> int:
        """Return the number of elements to convert."""
        return len(reply) + sum(len(element) for element in reply if isinstance(element, list))


_Converter = TypeVar("_Converter", bound=Callable[[Any], Any])


def convertible_by(in_parts: Callable[[list[Any]], Parts]) -> Callable[[_Converter], _Converter]:
    """Decorate a converter that can also work in parts."""

    def mark(convert: _Converter) -> _Converter:
        convert.in_parts = in_parts  # type: ignore[attr-defined]
        return convert

    return mark


def by_parts(reply: list[Any]) -> Iterator[list[Any]]:
    """Cut a list in parts of equal length."""
    return (reply[at : at + LIST_PART_ELEMENTS] for at in range(0, len(reply), LIST_PART_ELEMENTS))
