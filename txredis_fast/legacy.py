"""txredisapi's parts that this package does not need itself, kept importable and working for programs that use them.

:class:`LineReceiver` is also where ``callLater`` lives, the clock of reply timeouts, which tests patch.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredQueue, succeed
from twisted.internet.protocol import Protocol
from twisted.protocols.basic import _PauseableMixin

from ._reactor import current_reactor

__all__ = ["LineReceiver", "MultiBulkStorage", "PeekableQueue", "ReplyQueue"]


class LineReceiver(Protocol, _PauseableMixin):
    """Splits what comes into lines, or passes it on raw; calls :meth:`lineReceived` with each line as str."""

    line_mode = 1
    delimiter = b"\r\n"
    #: Longest line in bytes; a longer one ends the connection.
    MAX_LENGTH = 16384
    _line_buffer = b""

    def callLater(self, delay: float, function: Callable[..., object], *args: Any, **kwargs: Any) -> Any:
        """Call a function in ``delay`` seconds. Patch it, on the class or an instance, to use another clock."""
        return current_reactor().callLater(delay, function, *args, **kwargs)

    def clearLineBuffer(self) -> bytes:
        """Return and forget what was received and not yet passed on."""
        buffer, self._line_buffer = self._line_buffer, b""
        return buffer

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        """Take bytes from the transport.

        :param unpause: put the data before what is buffered, and go on after a pause.
        """
        if unpause:
            self._line_buffer = data + self._line_buffer
            self.resumeProducing()  # type: ignore[no-untyped-call]
        else:
            self._line_buffer += data
        while self.line_mode and not self.paused:
            line, found, rest = self._line_buffer.partition(self.delimiter)
            if len(line) > self.MAX_LENGTH:
                self.clearLineBuffer()
                self.lineLengthExceeded(line + found + rest)
                return
            if not found:
                return
            self._line_buffer = rest
            self.lineReceived(line.decode())
            if self.transport and getattr(self.transport, "disconnecting", False):
                return
        if not self.paused and self._line_buffer:
            self.rawDataReceived(self.clearLineBuffer())

    def setLineMode(self, extra: bytes = b"") -> None:
        """Go back to lines; ``extra`` is handled in the next reactor turn."""
        self.line_mode = 1
        if extra:
            self.pauseProducing()  # type: ignore[no-untyped-call]
            self.callLater(0, self.dataReceived, extra, True)

    def setRawMode(self) -> None:
        """Pass what comes to :meth:`rawDataReceived`."""
        self.line_mode = 0

    def rawDataReceived(self, data: bytes) -> None:
        """Override this to take raw data."""
        raise NotImplementedError

    def lineReceived(self, line: str) -> None:
        """Override this to take a line, without its delimiter."""
        raise NotImplementedError

    def sendLine(self, line: str | bytes) -> None:
        """Write a line and the delimiter; str goes as UTF-8."""
        if isinstance(line, str):
            line = line.encode()
        self.transport.write(line + self.delimiter)  # type: ignore[union-attr]

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line was longer than :attr:`MAX_LENGTH`: close the connection."""
        self.transport.loseConnection()  # type: ignore[union-attr]


class MultiBulkStorage:
    """Collects the elements of an array reply, nested ones by way of ``parent``."""

    def __init__(self, parent: MultiBulkStorage | None = None) -> None:
        self.items: Any = None
        self.pending: Any = None
        self.parent = parent

    def set_pending(self, pending: int) -> MultiBulkStorage:
        """Begin an array of ``pending`` elements, here or, if one is open here, below; -1 is the null array."""
        storage = self if self.pending is None else MultiBulkStorage(self)
        storage.items = None if pending < 0 else []
        storage.pending = max(pending, 0)
        return storage

    def append(self, item: Any) -> None:
        """Add the next element."""
        self.pending -= 1
        self.items.append(item)


class ReplyQueue(DeferredQueue[Any]):
    """A DeferredQueue in which a cancelled ``get()`` keeps its place and swallows the item meant for it."""

    def _cancelGet(self, d: Deferred[Any]) -> None:
        self.waiting[self.waiting.index(d)] = Deferred()


class PeekableQueue(DeferredQueue[Any]):
    """A DeferredQueue whose items can also be looked at without being taken."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.peekers: list[Deferred[Any]] = []

    def peek(self) -> Deferred[Any]:
        """Fire with any item, which stays in the queue; waits for one if there is none."""
        if self.pending:
            return succeed(random.choice(self.pending))
        deferred: Deferred[Any] = Deferred(self.peekers.remove)
        self.peekers.append(deferred)
        return deferred

    def remove(self, item: Any) -> None:
        """Take this item out."""
        self.pending.remove(item)

    def put(self, obj: Any) -> None:
        """Show the item to all that peek, then hand it to the first that waits for one."""
        peekers, self.peekers = self.peekers, []
        for deferred in peekers:
            deferred.callback(obj)
        super().put(obj)
