"""Hand on a flood of replies in slices, so that no turn of the reactor is long.

Where thousands of commands are in flight, one piece of data may complete thousands of replies, each with callbacks that
take their time. It is then handed on bit by bit; what is left after a slice of time goes on in the next turn of the
reactor, and meanwhile the transport reads nothing.

This module must not know of replies: it hands on bytes, in their order.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from .._tunables import REPLY_CHUNK_BYTES, REPLY_SLICE_SECONDS

__all__ = ["Flood"]

#: The clock, which tests replace.
seconds = monotonic


class Flood:
    """Data of one connection that has come and is not handed on yet."""

    def __init__(
        self,
        transport: Any,
        hand_on: Callable[[bytes], object],
        done: Callable[[], object],
        failed: Callable[[BaseException], object],
    ) -> None:
        """Make one.

        :param transport: has a ``reactor``.
        :param hand_on: takes a piece.
        :param done: called when nothing is left, once.
        :param failed: called with what was raised in a later turn, where nobody else ends the connection for it.
        """
        self._transport = transport
        self._hand_on = hand_on
        self._done = done
        self._failed = failed
        self._data = bytearray()
        self._at = 0
        self._timer: Any = None
        self._running = False

    @property
    def left(self) -> int:
        """How many bytes are not handed on yet."""
        return max(0, len(self._data) - self._at)

    def add(self, data: bytes) -> None:
        """Take more data, and hand on what there is time for; behind what waits for a later turn, that is nothing."""
        self._data += data
        if self._timer is None and not self._running:
            self._run(seconds() + REPLY_SLICE_SECONDS)

    def finish(self) -> None:
        """Hand on all that is left, now: the connection is lost."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._running:
            self._run(None)

    def _next_turn(self) -> None:
        try:
            self._run(seconds() + REPLY_SLICE_SECONDS)
        except BaseException as error:
            self._failed(error)
            raise

    def _run(self, end: float | None) -> None:
        self._timer = None
        self._running = True
        try:
            while self._at < len(self._data):
                if end is not None and seconds() >= end:
                    self._transport.pauseProducing()
                    self._timer = self._transport.reactor.callLater(0, self._next_turn)
                    return
                piece = bytes(self._data[self._at : self._at + REPLY_CHUNK_BYTES])
                self._at += REPLY_CHUNK_BYTES
                self._hand_on(piece)
        finally:
            self._running = False
        self._done()
