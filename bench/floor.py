"""The Twisted floor: what any driver on Twisted spends that gives one Deferred a reply.

It writes prebuilt bytes, counts the bytes of the replies without looking at them, and fires one Deferred when as
many have come as the reply is known to have. What callbacks send while it does goes out in one write, as does what
is sent in one burst. It has no errors, no timeouts, no cancellation, and no limits.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol


class FloorProtocol(Protocol):
    """One connection. Replies must come in the order and with the sizes that were told."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Deferred[None], int]] = deque()
        self._received = 0
        self._outgoing: list[bytes] | None = None

    def request(self, data: bytes, reply_size: int) -> Deferred[None]:
        """Write bytes; fires when so many have come in answer."""
        deferred: Deferred[None] = Deferred()
        self._waiting.append((deferred, reply_size))
        if self._outgoing is None:
            self._outgoing = [data]
            self.transport.reactor.callLater(0, self._flush)  # type: ignore[union-attr]
        else:
            self._outgoing.append(data)
        return deferred

    def dataReceived(self, data: bytes) -> None:
        """Count, and fire."""
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
        """Fail what waits."""
        for deferred, _ in self._waiting:
            deferred.errback(reason)
        self._waiting.clear()

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, None
        if outgoing:
            self.transport.write(b"".join(outgoing))  # type: ignore[union-attr]


class CountingProtocol(Protocol):
    """Counts bytes that come unasked: the floor of a subscriber."""

    def __init__(self) -> None:
        self._received = 0
        self._wanted = 0
        self._deferred: Deferred[None] | None = None

    def expect(self, size: int) -> Deferred[None]:
        """Fires when so many more bytes have come."""
        self._received = 0
        self._wanted = size
        self._deferred = Deferred()
        return self._deferred

    def dataReceived(self, data: bytes) -> None:
        """Count."""
        self._received += len(data)
        if self._deferred is not None and self._received >= self._wanted:
            deferred, self._deferred = self._deferred, None
            deferred.callback(None)
