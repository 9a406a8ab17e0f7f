"""Replies that are long: their conversion is left to more than one turn of the reactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from ..turns import in_turns

__all__ = ["LONG", "convert_in_turns"]

#: A list of more elements is converted in turns, by a converter that can.
LONG = 50_000


def convert_in_turns(convert: Callable[[Any], Any], reply: list[Any], deferred: Deferred[Any]) -> bool:
    """Convert a long reply, in as many turns as that needs, then fire the Deferred.

    :param convert: a converter; one with ``in_parts`` (see ``commands.replies``) can do it.
    :returns: False if it cannot, and nothing was done.
    """
    in_parts = getattr(convert, "in_parts", None)
    if in_parts is None:
        return False
    in_turns(in_parts(reply)).addBoth(_fire, deferred)
    return True


def _fire(result: Any, deferred: Deferred[Any]) -> None:
    if not deferred.called:  # cancelled meanwhile
        deferred.callback(result)
