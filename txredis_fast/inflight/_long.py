"""Conversion of long replies in several turns of the reactor, so that no turn becomes too long."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TypeAlias

from twisted.internet.defer import Deferred

from .._tunables import LONG_REPLY_MIN_ELEMENTS
from .._types import Converter, Reply, Result
from ..commands._parts import ListOfReplies
from ..exceptions import DecodeError
from ..transport import in_turns

__all__ = ["Conversion", "ListOfReplies", "convert_in_turns", "finish_in_turns", "own_reply", "parts_of"]

#: Converts a long reply in parts: yields after each part, and returns the value.
Conversion: TypeAlias = Generator[None, None, Result]


def parts_of(convert: Converter, reply: Reply) -> Conversion | None:
    """Return a generator that converts a long reply in parts, and returns the value.

    :param convert: a converter; it can convert in parts if it has ``in_parts`` (see ``commands.replies``).
    :returns: None if the reply is short or the converter has no ``in_parts``: convert it at once.
    """
    if not isinstance(reply, list) and not (isinstance(reply, dict) and isinstance(convert, ListOfReplies)):
        return None
    in_parts: Callable[[Reply], Conversion] | None = getattr(convert, "in_parts", None)
    if in_parts is None:
        return None
    size = convert.size_of(reply) if isinstance(convert, ListOfReplies) else len(reply)
    return in_parts(reply) if size > LONG_REPLY_MIN_ELEMENTS else None


def own_reply(convert: Converter | None, error: Exception) -> Reply | Exception:
    """Return what a request gets of a reply that is an error: the error, or a reply whose elements fail by themselves.

    :param convert: the converter of the request.
    """
    of_undecodable: Callable[[DecodeError], Reply] | None = getattr(convert, "of_undecodable", None)
    return of_undecodable(error) if isinstance(error, DecodeError) and of_undecodable is not None else error


def convert_in_turns(work: Conversion, deferred: Deferred[Result]) -> None:
    """Convert a long reply in several turns of the reactor, then fire the Deferred with the value."""
    in_turns(work).addBoth(_fire, deferred)


def finish_in_turns(
    works: Iterable[tuple[int, Conversion]], replies: list[Result], deferred: Deferred[list[Result]]
) -> None:
    """Convert the long replies of a list in several turns of the reactor, then fire the Deferred with the list.

    :param works: of each long reply its index, and the generator that converts it. An exception becomes the value.
    """
    in_turns(_convert_each(works, replies)).addBoth(_fire, deferred)


def _convert_each(
    works: Iterable[tuple[int, Conversion]], replies: list[Result]
) -> Generator[None, None, list[Result]]:
    for place, work in works:
        try:
            replies[place] = yield from work
        except Exception as error:
            replies[place] = error
    return replies


def _fire(result: Result, deferred: Deferred[Result]) -> None:
    if not deferred.called:  # else it was cancelled during the conversion
        deferred.callback(result)
