"""EXEC's reply: a list, each element of which is made into what its own command would have answered.

This module must not know who queued the commands.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from .._tunables import EXEC_PART_ELEMENTS
from ..exceptions import InvalidResponse, WatchError
from ..inflight import ListOfReplies, as_exception, parts_of
from ..transport import at_once
from .reply_order import ReplyOrder

__all__ = ["ExecConverter", "Queued"]

#: Of a queued command: its converter or None, and whether its reply is wanted raw.
Queued = tuple[Callable[[Any], Any] | None, bool]


class ExecConverter(ListOfReplies):
    """The converter of EXEC's reply.

    It raises :exc:`WatchError` where a watched key has changed. Error replies are values, and so is what a converter of
    one element raises: it must not hide that the others were applied.
    """

    def __init__(
        self, queued: Sequence[Queued], convert: Callable[[Any], Any], order: ReplyOrder | None = None
    ) -> None:
        """Make it.

        :param convert: charset and number conversion, for a reply that came raw because of one of its elements.
        :param order: knows which elements are whose, where that is not simply their order.
        """
        self._queued = queued
        self._convert = convert
        self._order = order
        self._some_raw = any(raw for _, raw in queued)

    def __call__(self, reply: Any) -> list[Any]:
        """The values, all at once."""
        return at_once(self.in_parts(reply))

    def in_order(self, order: ReplyOrder) -> ExecConverter:
        """The same, for commands of which not each was sent, or others beside them."""
        return ExecConverter(self._queued, self._convert, order)

    def in_parts(self, reply: Any) -> Generator[None, None, list[Any]]:
        """The values, bit by bit."""
        if reply is None:
            raise WatchError("Transaction failed")
        if not isinstance(reply, list):
            raise InvalidResponse(f"EXEC answered no list, but {type(reply).__name__}")
        queued, own = self._queued, list[int]()
        if self._order is not None:
            reply, own = self._order.elements(reply)
            queued = [entry for place, entry in enumerate(queued) if place not in own] if own else queued
        if len(reply) != len(queued):
            raise InvalidResponse(f"EXEC answered {len(reply)} replies to {len(queued)} commands")
        values: list[Any] = []
        done = 0
        for (post_proc, raw), value in zip(queued, reply, strict=True):
            done += 1 + (len(value) if isinstance(value, list) else 0)
            if self._some_raw and not raw:
                value = self._convert(value)
            if post_proc is not None and not isinstance(value, Exception):
                try:
                    parts = parts_of(post_proc, value)
                    value = post_proc(value) if parts is None else (yield from parts)
                except BaseException as error:
                    value = as_exception(error)
            values.append(value)
            if done >= EXEC_PART_ELEMENTS:
                done = 0
                yield
        for place in own:
            values.insert(place, self._order.own_answer(place))  # type: ignore[union-attr]
        return values
