"""Parse thousands of replies over several turns of the reactor, so that no turn is long.

With thousands of commands in flight, data of one read may complete thousands of replies, each with callbacks that take
time. It is then passed to the parser in small chunks. When a slice of time is used up, the transport is paused, and the
rest is parsed in the next turn.

This module must not know of replies: it passes on bytes, in their order.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall

from .._tunables import REPLY_CHUNK_BYTES, REPLY_SLICE_SECONDS

if TYPE_CHECKING:
    from .._types import Transport

__all__ = ["Flood"]

#: The clock, which tests replace.
seconds = monotonic


class Flood:
    """The received data of one connection that is not parsed yet."""

    def __init__(
        self,
        transport: Transport,
        hand_on: Callable[[bytes], object],
        done: Callable[[], object],
        failed: Callable[[BaseException], object],
    ) -> None:
        """Make one, empty.

        :param transport: a transport of the reactor; it has a ``reactor``.
        :param hand_on: parses a chunk.
        :param done: called once, when nothing is left.
        :param failed: called with an exception that was raised in a later turn, to end the connection.
        """
        self._transport = transport
        self._hand_on = hand_on
        self._done = done
        self._failed = failed
        self._data = bytearray()
        self._at = 0
        self._timer: IDelayedCall | None = None
        self._running = False

    @property
    def left(self) -> int:
        """How many bytes are not parsed yet."""
        return max(0, len(self._data) - self._at)

    def add(self, data: bytes) -> None:
        """Append data, and parse as much as a slice of time allows; nothing if earlier data waits for a later turn."""
        self._data += data
        if self._timer is None and not self._running:
            self._run(seconds() + REPLY_SLICE_SECONDS)

    def finish(self) -> None:
        """Parse all that is left at once: the connection is lost."""
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
