"""EXEC's reply: a list, each element of which is made into what its own command would have answered.

This module must not know who queued the commands.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from .exceptions import InvalidResponse, WatchError
from .request import ListOfReplies, parts_of
from .turns import at_once

__all__ = ["ExecConverter", "Queued"]

#: Of a queued command: its converter or None, and whether its reply is wanted raw.
Queued = tuple[Callable[[Any], Any] | None, bool]

#: How many elements, and elements of these, are a part of the work.
PART = 5000


class ExecConverter(ListOfReplies):
    """The converter of EXEC's reply.

    It raises :exc:`WatchError` where a watched key has changed. Error replies are values, and so is what a converter of
    one element raises: it must not hide that the others were applied.
    """

    def __init__(self, queued: Sequence[Queued], convert: Callable[[Any], Any]) -> None:
        """Make it.

        :param convert: charset and number conversion, for a reply that came raw because of one of its elements.
        """
        self._queued = queued
        self._convert = convert
        self._some_raw = any(raw for _, raw in queued)

    def __call__(self, reply: Any) -> list[Any]:
        """The values, all at once."""
        return at_once(self.in_parts(reply))

    def in_parts(self, reply: Any) -> Generator[None, None, list[Any]]:
        """The values, bit by bit."""
        if reply is None:
            raise WatchError("Transaction failed")
        if not isinstance(reply, list):
            raise InvalidResponse(f"EXEC answered no list, but {type(reply).__name__}")
        if len(reply) != len(self._queued):
            raise InvalidResponse(f"EXEC answered {len(reply)} replies to {len(self._queued)} commands")
        values: list[Any] = []
        done = 0
        for (post_proc, raw), value in zip(self._queued, reply, strict=True):
            done += 1 + (len(value) if isinstance(value, list) else 0)
            if self._some_raw and not raw:
                value = self._convert(value)
            if post_proc is not None and not isinstance(value, Exception):
                try:
                    parts = parts_of(post_proc, value)
                    value = post_proc(value) if parts is None else (yield from parts)
                except Exception as error:
                    value = error
            values.append(value)
            if done >= PART:
                done = 0
                yield
        return values
