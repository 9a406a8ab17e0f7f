"""Replies that are long: their conversion is left to more than one turn of the reactor."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from twisted.internet.defer import Deferred

from .._tunables import LONG_REPLY_MIN_ELEMENTS
from ..transport import in_turns

__all__ = ["ListOfReplies", "convert_in_turns", "finish_in_turns", "parts_of"]


class ListOfReplies:
    """Base of converters of a list whose elements are replies, and may be long where the list is short."""


def parts_of(convert: Callable[[Any], Any], reply: Any) -> Generator[None, None, Any] | None:
    """The work of converting a reply that is long.

    :param convert: a converter; one with ``in_parts`` (see ``commands.replies``) can do it in parts.
    :returns: None if the reply is to be converted at once.
    """
    if not isinstance(reply, list):
        return None
    in_parts: Callable[[list[Any]], Generator[None, None, Any]] | None = getattr(convert, "in_parts", None)
    if in_parts is None:
        return None
    size = len(reply)
    if isinstance(convert, ListOfReplies):
        size += sum(len(element) for element in reply if isinstance(element, list))
    return in_parts(reply) if size > LONG_REPLY_MIN_ELEMENTS else None


def convert_in_turns(work: Generator[None, None, Any], deferred: Deferred[Any]) -> None:
    """Convert a long reply, in as many turns as that needs, then fire the Deferred."""
    in_turns(work).addBoth(_fire, deferred)


def finish_in_turns(
    works: Iterable[tuple[int, Generator[None, None, Any]]], replies: list[Any], deferred: Deferred[list[Any]]
) -> None:
    """Convert the long ones among many replies, in as many turns as that needs, then fire the Deferred with the list.

    :param works: the place of each, and what converts it. An error becomes the value.
    """
    in_turns(_convert_each(works, replies)).addBoth(_fire, deferred)


def _convert_each(
    works: Iterable[tuple[int, Generator[None, None, Any]]], replies: list[Any]
) -> Generator[None, None, list[Any]]:
    for place, work in works:
        try:
            replies[place] = yield from work
        except Exception as error:
            replies[place] = error
    return replies


def _fire(result: Any, deferred: Deferred[Any]) -> None:
    if not deferred.called:  # cancelled meanwhile
        deferred.callback(result)
