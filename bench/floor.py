"""The Twisted floor: the cost that every driver on Twisted with one Deferred per command has.

It writes prebuilt bytes, counts the bytes of the replies without decoding them, and fires a command's Deferred when the
known size of its reply has arrived. Commands that callbacks issue are joined in one write, as are those of one burst.
It has no errors, timeouts, cancellation or limits.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol


class FloorProtocol(Protocol):
    """One connection. Replies must arrive in order and with the announced sizes."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Deferred[None], int]] = deque()
        self._received = 0
        self._outgoing: list[bytes] | None = None

    def request(self, data: bytes, reply_size: int) -> Deferred[None]:
        """Write bytes; the Deferred fires when *reply_size* bytes have arrived."""
        deferred: Deferred[None] = Deferred()
        self._waiting.append((deferred, reply_size))
        if self._outgoing is None:
            self._outgoing = [data]
            self.transport.reactor.callLater(0, self._flush)  # type: ignore[union-attr]
        else:
            self._outgoing.append(data)
        return deferred

    def dataReceived(self, data: bytes) -> None:
        """Count the bytes and fire Deferreds."""
        received = self._received + len(data)
        waiting = self._waiting
        if self._outgoing is None:
            self._outgoing = []
        while waiting:
            deferred, size = waiting[0]
            if received < size:
                break
            received -= size
            waiting.popleft()
            deferred.callback(None)
        self._received = received
        self._flush()

    def connectionLost(self, reason: Any = None) -> None:
        """Fail all pending Deferreds."""
        for deferred, _ in self._waiting:
            deferred.errback(reason)
        self._waiting.clear()

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, None
        if outgoing:
            self.transport.write(b"".join(outgoing))  # type: ignore[union-attr]


class CountingProtocol(Protocol):
    """Counts the bytes of published messages: the floor of a subscriber."""

    def __init__(self) -> None:
        self._received = 0
        self._wanted = 0
        self._deferred: Deferred[None] | None = None

    def expect(self, size: int) -> Deferred[None]:
        """Return a Deferred that fires when *size* more bytes have arrived."""
        self._received = 0
        self._wanted = size
        self._deferred = Deferred()
        return self._deferred

    def dataReceived(self, data: bytes) -> None:
        """Count the bytes."""
        self._received += len(data)
        if self._deferred is not None and self._received >= self._wanted:
            deferred, self._deferred = self._deferred, None
            deferred.callback(None)
