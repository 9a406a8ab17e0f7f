"""The input buffer, and fast paths for its commonest contents: the reference for ``_cinput``.

The buffer has two parts: the bytes being parsed, and a tail of chunks that arrived later. This module must not know the
values that are made of the bytes. It never raises because of their contents.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from txredis_fast._tunables import FIRST_SPLIT_BYTES, LAST_SPLIT_BYTES

__all__ = ["SCORED_LINE", "SHORT_LENGTHS", "Input"]

_LINE_DONE = re.compile(rb"\r[\s\S]|\n").search
_TEXT_LINES = frozenset(b"+-")
#: Headers of the bulk strings that :meth:`Input.take_bulks` looks for.
SHORT_LENGTHS: Final = {b"$%d" % length: length for length in range(1000)}
#: An array of a bulk string, of up to 999 bytes without CR and LF, and a double, as RESP3 has a member and its score.
#: Repetitions are bounded, so that little is read again where it is not found.
_SCORED = re.compile(
    rb"\*2\r\n(\$[0-9]{1,3})\r\n([^\r\n]{0,999})\r\n"
    rb",([+-]?[0-9]{1,20}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,5})?)\r\n"
).match
#: Length of the longest line of these doubles.
SCORED_LINE: Final = 60
#: Kind of message (array or push) -> its possible beginnings -> number of strings before the message: the channel, or
#: pattern and channel.
_MESSAGE_BEGINS: Final = {
    kind: {
        kind + b"3\r\n$7\r\nmessage\r\n": 1,
        kind + b"3\r\n$8\r\nsmessage\r\n": 1,
        kind + b"4\r\n$8\r\npmessage\r\n": 2,
    }
    for kind in (b"*", b">")
}


class Input:
    """The input buffer of a reader.

    :param max_line: maximum bytes in a line, without CRLF.
    :param max_text: the same for simple strings and errors.

    :ivar buf: the bytes being parsed.
    :ivar pos: index of the first byte in ``buf`` that is not consumed.
    """

    __slots__ = ("_max_line", "_max_text", "_need", "_scanned", "_tail", "buf", "pos")

    def __init__(self, max_line: int, max_text: int) -> None:
        self._max_line = max_line
        self._max_text = max_text
        self.clear()

    def clear(self) -> None:
        """Drop all bytes."""
        self.buf = b""
        self.pos = 0
        #: The bytes that arrived after ``buf``.
        self._tail = bytearray()
        #: Number of bytes that the tail needs before it is parsed; 0: it needs the end of its first line.
        self._need = 1
        #: Bytes of the tail known to hold no line end.
        self._scanned = 0

    def settle(self) -> int:
        """Free ``buf`` at the end of a reply if all of it is consumed; return the number of bytes not consumed."""
        left = len(self.buf) - self.pos
        if not left:
            self.buf = b""
            self.pos = 0
        return left + len(self._tail)

    def feed(self, chunk: bytes) -> None:
        """Append a chunk."""
        if self.pos == len(self.buf) and not self._tail:
            self.buf = chunk
            self.pos = 0
        else:
            self._tail += chunk

    def release(self) -> None:
        """Free ``buf`` if all of it is consumed."""
        if self.pos == len(self.buf):
            self.buf = b""
            self.pos = 0

    def has_more(self) -> bool:
        """Call :meth:`more` with the last need. All of ``buf`` must be consumed."""
        return self.more(self._need)

    def more(self, need: int) -> bool:
        """Move the tail into ``buf``, after the bytes that are not consumed, if both together suffice.

        :param need: number of bytes needed from ``pos`` on; 0: the end of the line at ``pos`` is needed.
        :returns: whether they suffice.
        """
        tail = self._tail
        if not tail:
            return False
        if self.pos < len(self.buf):
            tail[:0] = memoryview(self.buf)[self.pos :]
            self._scanned = 0
        self.buf = b""
        self.pos = 0
        self._need = need
        if need:
            if len(tail) < need:
                return False
        elif len(tail) <= self.longest_line(tail[0]) and _LINE_DONE(tail, self._scanned) is None:
            self._scanned = len(tail) - 1  # the last byte may be the CR of a CRLF
            return False
        self.buf = bytes(tail)
        self._tail = bytearray()
        self._need = 1
        return True

    def longest_line(self, kind: int) -> int:
        """Return the maximum length of a line in bytes, given its type byte."""
        return self._max_text if kind in _TEXT_LINES else self._max_line

    def hand_over(self, start: int, taken_by: Callable[[memoryview], int]) -> None:
        """Pass the bytes from index *start* on to a function, and consume as many as it returns."""
        with memoryview(self.buf) as view:
            self.pos = min(start, len(view)) + taken_by(view[start:])
        if self.pos == len(self.buf) and self._tail:
            with memoryview(self._tail) as view:
                taken = taken_by(view)
            del self._tail[:taken]

    def take_bulks(self, items: list[Any], limit: int, convert: Callable[[bytes], Any] | None) -> None:
        """Consume the short bulk strings at ``pos``, at most ``limit``, and append their values to ``items``.

        A fast path: most input consists of short bulk strings, and splitting it at CRLF is the fastest way to decode
        them. It stops before anything else, such as a bulk string that contains CRLF.

        :param convert: makes a value of the bytes; None: the bytes are the value. If it raises, the bulk strings before
            are consumed.
        """
        buf = self.buf
        pos = self.pos
        window = FIRST_SPLIT_BYTES
        try:
            while limit and buf[pos : pos + 1] == b"$":
                parts = buf[pos : pos + window].split(b"\r\n", min(2 * limit, window))
                del parts[-1]  # no CRLF after it yet
                found = iter(parts)
                for header, data in zip(found, found, strict=False):
                    if SHORT_LENGTHS.get(header) != len(data):
                        return
                    end = pos + len(header) + len(data) + 4
                    items.append(data if convert is None else convert(data))
                    pos = end  # right after append(): an exception in between would deliver the string twice
                    limit -= 1
                if len(parts) < 2:
                    break
                window = min(4 * window, LAST_SPLIT_BYTES)
        finally:
            self.pos = pos

    def take_scored(self, items: list[Any], limit: int, convert: Callable[[bytes], Any] | None) -> None:
        """Consume the arrays of a short bulk string and a double at ``pos``, at most ``limit``; append their values.

        A fast path, as :meth:`take_bulks`, for lines of up to :data:`SCORED_LINE` bytes.
        """
        buf = self.buf
        for _ in range(limit):
            found = _SCORED(buf, self.pos)
            if found is None:
                break
            header, data, score = found.groups()
            if SHORT_LENGTHS.get(header) != len(data):
                break
            items.append([data if convert is None else convert(data), float(score)])
            self.pos = found.end()

    def find_message(self, kind: bytes) -> tuple[list[bytes], int] | None:
        """Find a complete published message at ``pos``.

        :returns: its strings after the first, and the index after its end; None if anything else is at ``pos``.
        """
        buf = self.buf
        pos = self.pos
        for begin, names in _MESSAGE_BEGINS[kind].items():  # noqa: B007
            if buf.startswith(begin, pos):
                pos += len(begin)
                break
        else:
            return None
        strings = []
        for _ in range(names + 1):
            end = buf.find(b"\r\n", pos, pos + 6)
            size = SHORT_LENGTHS.get(buf[pos:end])
            if end < 0 or size is None:
                return None
            pos = end + 2 + size
            if buf[pos : pos + 2] != b"\r\n":
                return None
            strings.append(buf[end + 2 : pos])
            pos += 2
        return strings, pos
