"""txredisapi's helper classes, which this package keeps importable and working for programs that use them.

:class:`LineReceiver` also defines ``callLater``, the clock of reply timeouts, which tests of programs patch.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from twisted.internet.defer import Deferred, DeferredQueue, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol
from twisted.protocols.basic import _PauseableMixin

from .._reactor import current_reactor
from .._types import Reply
from ..exceptions import DecodeError
from ..resp import Reader, dict_of, spread_at_once

__all__ = ["LineReceiver", "MultiBulkStorage", "ParsingSteps", "PeekableQueue", "ReplyQueue"]


class LineReceiver(Protocol, _PauseableMixin):
    """Splits received bytes into lines, or passes them on raw; calls :meth:`lineReceived` with each line as str."""

    line_mode = 1
    delimiter = b"\r\n"
    #: Longest line in bytes; a longer one ends the connection.
    MAX_LENGTH = 16384
    _line_buffer = b""

    def callLater(self, delay: float, function: Callable[..., object], *args: object, **kwargs: object) -> IDelayedCall:
        """Call a function in ``delay`` seconds. Patch it, on the class or an instance, to use another clock."""
        return current_reactor().callLater(delay, function, *args, **kwargs)  # type: ignore[no-any-return]

    def clearLineBuffer(self) -> bytes:
        """Remove the bytes that are not yet passed on from the buffer, and return them."""
        buffer, self._line_buffer = self._line_buffer, b""
        return buffer

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        """Take bytes from the transport.

        :param unpause: put ``data`` before the buffered bytes, and resume after a pause.
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
        """Return to lines; ``extra`` is handled in the next reactor turn."""
        self.line_mode = 1
        if extra:
            self.pauseProducing()  # type: ignore[no-untyped-call]
            self.callLater(0, self.dataReceived, extra, True)

    def setRawMode(self) -> None:
        """Pass all further bytes to :meth:`rawDataReceived`."""
        self.line_mode = 0

    def rawDataReceived(self, data: bytes) -> None:
        """Override this to take raw data."""
        raise NotImplementedError

    def lineReceived(self, line: str) -> None:
        """Override this to take a line, without its delimiter."""
        raise NotImplementedError

    def sendLine(self, line: str | bytes) -> None:
        """Write a line and the delimiter; a str is encoded as UTF-8."""
        if isinstance(line, str):
            line = line.encode()
        self.transport.write(line + self.delimiter)  # type: ignore[union-attr]

    def lineLengthExceeded(self, line: bytes) -> None:
        """Close the connection: a line was longer than :attr:`MAX_LENGTH`."""
        self.transport.loseConnection()  # type: ignore[union-attr]


class MultiBulkStorage:
    """Collects the elements of an array reply; a nested array has a storage of its own, with this one as ``parent``."""

    def __init__(self, parent: MultiBulkStorage | None = None) -> None:
        self.items: list[Reply] | None = None
        self.pending: int | None = None
        self.parent = parent

    def set_pending(self, pending: int) -> MultiBulkStorage:
        """Begin an array of ``pending`` elements: here, or in a child if an array is open here; -1: a null array."""
        storage = self if self.pending is None else MultiBulkStorage(self)
        storage.items = None if pending < 0 else []
        storage.pending = max(pending, 0)
        return storage

    def append(self, item: Reply) -> None:
        """Add the next element."""
        self.pending -= 1  # type: ignore[operator]
        self.items.append(item)  # type: ignore[union-attr]


class ReplyQueue(DeferredQueue[Reply]):
    """A DeferredQueue in which a cancelled ``get()`` keeps its place, and its item is dropped."""

    def _cancelGet(self, d: Deferred[Reply]) -> None:
        self.waiting[self.waiting.index(d)] = Deferred()


class PeekableQueue(DeferredQueue[Reply]):
    """A DeferredQueue whose items can also be read without being removed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.peekers: list[Deferred[Reply]] = []

    def peek(self) -> Deferred[Reply]:
        """Fires with any item, which stays in the queue; if the queue is empty, with the next item."""
        if self.pending:
            return succeed(random.choice(self.pending))
        deferred: Deferred[Reply] = Deferred(self.peekers.remove)
        self.peekers.append(deferred)
        return deferred

    def remove(self, item: Reply) -> None:
        """Remove this item."""
        self.pending.remove(item)

    def put(self, obj: Reply) -> None:
        """Fire all Deferreds of ``peek`` with the item, then the oldest one of ``get``."""
        peekers, self.peekers = self.peekers, []
        for deferred in peekers:
            deferred.callback(obj)
        super().put(obj)


class ParsingSteps(LineReceiver):
    """txredisapi's names for the steps of parsing, for programs that call them; the parser does not."""

    _multi_bulk: MultiBulkStorage | None = None

    def _make_reader(self) -> Reader:
        raise NotImplementedError

    def replyReceived(self, reply: Reply) -> None:
        """Take a complete reply."""
        raise NotImplementedError

    @property
    def multi_bulk(self) -> MultiBulkStorage:
        """The innermost open array."""
        if self._multi_bulk is None:
            self._multi_bulk = MultiBulkStorage()
        return self._multi_bulk

    @multi_bulk.setter
    def multi_bulk(self, storage: MultiBulkStorage) -> None:
        self._multi_bulk = storage

    def lineReceived(self, line: str) -> None:
        """Take one line of a reply."""
        self.dataReceived(line.encode() + self.delimiter)

    def rawDataReceived(self, data: bytes) -> None:
        """Take more bytes of a reply."""
        self.dataReceived(data)

    def bulkDataReceived(self, data: bytes | None) -> None:
        """Take the bytes of a bulk string that is a whole reply, not yet converted."""
        self.replyReceived(self.tryConvertData(data))

    def handleMultiBulkElement(self, element: Reply) -> None:
        """Take the next element of the array begun on ``multi_bulk``."""
        self.multi_bulk.append(element)
        if not self.multi_bulk.pending:
            self.multiBulkDataReceived()

    def multiBulkDataReceived(self) -> None:
        """Append each complete array to its parent; pass a complete outermost array on as a reply."""
        while self.multi_bulk.parent is not None and not self.multi_bulk.pending:
            parent = self.multi_bulk.parent
            parent.append(self.multi_bulk.items)
            self.multi_bulk = parent
        if not self.multi_bulk.pending:
            reply, self.multi_bulk = self.multi_bulk.items, MultiBulkStorage()
            self.replyReceived(self.handleTransactionData(reply))

    def handleTransactionData(self, reply: Reply) -> Reply:
        """Return the reply unchanged: a transaction converts its replies itself."""
        return reply

    @staticmethod
    def handle_reply(r: Reply) -> Reply:
        """Raise the reply if it is an error, else return it."""
        if isinstance(r, Exception):
            raise r
        return r

    def tryConvertData(self, data: Reply) -> Reply:
        """Convert a bulk string, or an aggregate of them, by the connection's charset and number conversion.

        :returns: the value; a :exc:`.DecodeError` if ``undecodable`` is ``"error"`` and the text cannot be decoded.
        """
        if isinstance(data, _AGGREGATES):
            return self._convert_aggregate(data)
        if not isinstance(data, bytes | str):
            return data
        payload = data if isinstance(data, bytes) else data.encode()
        reader = self._make_reader()
        reader.feed(b"$%d\r\n%b\r\n" % (len(payload), payload))
        converted = reader.get()
        # A str is decoded already, as the charset decoded it; here it is UTF-8, which may be another.
        keeps = isinstance(data, str) and isinstance(converted, (bytes, str, DecodeError))
        return data if keeps else converted

    def _convert_aggregate(self, data: Reply) -> Reply:
        """Convert an aggregate without recursion: a reply may be deeper than Python's stack."""
        error: DecodeError | None = None
        #: Each aggregate that is being converted, the outermost first: the elements left, and those converted.
        open_ones: list[tuple[Reply, Iterator[Reply], list[Reply]]] = [(None, iter((data,)), [])]
        while True:
            aggregate, left, made = open_ones[-1]
            for item in left:
                if isinstance(item, _AGGREGATES):
                    elements = chain.from_iterable(item.items()) if isinstance(item, dict) else item
                    open_ones.append((item, iter(elements), []))
                    break
                value = self.tryConvertData(item)
                if isinstance(value, DecodeError):
                    error = error or value
                    value = value.reply
                made.append(value)
            else:
                open_ones.pop()
                if not open_ones:
                    break
                open_ones[-1][-1].append(_aggregate_like(aggregate, made))
        if error is None:
            return made[0]
        error.reply = made[0]
        return error


#: The types of aggregates in replies; a tuple is an array that is part of a key.
_AGGREGATES = (list, dict, set, tuple, frozenset)


def _aggregate_like(aggregate: Reply, elements: list[Reply]) -> Reply:
    """Make an aggregate of the same type; of a dict, the elements are its keys and values in turns."""
    if isinstance(aggregate, dict):
        return dict_of(elements)
    if isinstance(aggregate, (set, frozenset)):
        elements = spread_at_once(elements)
        return set(elements) if isinstance(aggregate, set) else frozenset(elements)
    return tuple(elements) if isinstance(aggregate, tuple) else elements
