"""Conversion of EXEC's reply: each element of the list is converted as the reply of its own command.

This module must not know of transactions or pipelines.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from .._tunables import EXEC_PART_ELEMENTS
from .._types import Converter, Reply, Result
from ..exceptions import DecodeError, InvalidResponse, WatchError
from ..inflight import ListOfReplies, as_exception, parts_of
from ..resp import undecodable_error
from ..transport import at_once
from .reply_order import ReplyOrder

__all__ = ["ExecConverter", "Queued"]

#: Of a queued command its converter or None, and whether its reply stays raw.
Queued = tuple[Converter | None, bool]


class ExecConverter(ListOfReplies):
    """The converter of EXEC's reply.

    It raises :exc:`WatchError` if a watched key has changed. Error replies are values. An exception of an element's
    converter is a value, too, because the other commands were executed.
    """

    def __init__(self, queued: Sequence[Queued], convert: Converter, order: ReplyOrder | None = None) -> None:
        """Make one.

        :param queued: the queued commands, in their order.
        :param convert: charset and number conversion. One raw command makes the whole reply raw, so ``convert`` is
            applied to the elements of all others.
        :param order: maps elements to commands if an override of ``execute_command`` may have changed their order.
        """
        self._queued = queued
        self._convert = convert
        self._order = order
        self._some_raw = any(raw for _, raw in queued)

    def __call__(self, reply: Reply) -> list[Result]:
        """Convert the whole reply at once."""
        return at_once(self.in_parts(reply))

    def of_undecodable(self, error: DecodeError) -> Reply:
        """Return EXEC's reply with an error in place of each element that has text that cannot be decoded."""
        if not isinstance(error.reply, list):
            return error
        return [undecodable_error(element, error.charset) or element for element in error.reply]

    def in_order(self, order: ReplyOrder) -> ExecConverter:
        """Return a copy with an order, for commands of which some were not sent, or others were sent among them."""
        return ExecConverter(self._queued, self._convert, order)

    def in_parts(self, reply: Reply) -> Generator[None, None, list[Result]]:
        """Convert the reply in parts: a generator that returns the values."""
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
        values: list[Result] = []
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
