"""The bytes that wait to be parsed, and what comes next in them if it is simple: the reference for ``_cinput``.

They are held as the bytes being parsed, and those that came after them. This module must not know what values are
made of them, nor raise because of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from txredis_fast._tunables import FIRST_SPLIT_BYTES, LAST_SPLIT_BYTES

__all__ = ["SHORT_LENGTHS", "Input"]

_LINE_DONE = re.compile(rb"\r[\s\S]|\n").search
_TEXT_LINES = frozenset(b"+-")
#: Headers of the bulk strings that :meth:`Input.take_bulks` looks for.
SHORT_LENGTHS: Final = {b"$%d" % length: length for length in range(1000)}
#: The beginnings of messages by their kind -> how many strings name the channel: itself, and a pattern before it.
_MESSAGE_BEGINS: Final = {
    kind: {
        kind + b"3\r\n$7\r\nmessage\r\n": 1,
        kind + b"3\r\n$8\r\nsmessage\r\n": 1,
        kind + b"4\r\n$8\r\npmessage\r\n": 2,
    }
    for kind in (b"*", b">")
}


class Input:
    """The bytes that wait.

    :param max_line: bytes in a line, without CRLF.
    :param max_text: the same for simple strings and errors.

    :ivar buf: the bytes being parsed.
    :ivar pos: how far.
    """

    __slots__ = ("_max_line", "_max_text", "_need", "_scanned", "_tail", "buf", "pos")

    def __init__(self, max_line: int, max_text: int) -> None:
        self._max_line = max_line
        self._max_text = max_text
        self.clear()

    def clear(self) -> None:
        """Forget all bytes."""
        self.buf = b""
        self.pos = 0
        #: What came after ``buf``.
        self._tail = bytearray()
        #: What makes it worth parsing the tail: that many bytes, or 0, the end of its line.
        self._need = 1
        #: Bytes of the tail known to hold no line end.
        self._scanned = 0

    def settle(self) -> int:
        """A reply ends here: let go of what has been parsed, if that is all; returns how many bytes wait."""
        left = len(self.buf) - self.pos
        if not left:
            self.buf = b""
            self.pos = 0
        return left + len(self._tail)

    def feed(self, chunk: bytes) -> None:
        """Put a chunk after what waits."""
        if self.pos == len(self.buf) and not self._tail:
            self.buf = chunk
            self.pos = 0
        else:
            self._tail += chunk

    def release(self) -> None:
        """Let go of what has been parsed, if that is all of ``buf``."""
        if self.pos == len(self.buf):
            self.buf = b""
            self.pos = 0

    def has_more(self) -> bool:
        """As :meth:`more`, with what was wanted last, once all of ``buf`` has been parsed."""
        return self.more(self._need)

    def more(self, need: int) -> bool:
        """Make what came later available in ``buf``, if it is enough to go on with.

        :param need: bytes wanted from ``pos`` on, or 0 if the end of its line is.
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
        """How many bytes a line may have, given its type byte."""
        return self._max_text if kind in _TEXT_LINES else self._max_line

    def hand_over(self, start: int, taken_by: Callable[[memoryview], int]) -> None:
        """Give the bytes from a place in ``buf`` on to somebody who returns how many of them to consume."""
        with memoryview(self.buf) as view:
            self.pos = min(start, len(view)) + taken_by(view[start:])
        if self.pos == len(self.buf) and self._tail:
            with memoryview(self._tail) as view:
                taken = taken_by(view)
            del self._tail[:taken]

    def take_bulks(self, items: list[Any], limit: int, convert: Callable[[bytes], Any] | None) -> None:
        """Append short bulk strings that come next to ``items``, at most ``limit``.

        This is what most input consists of, and splitting it at CRLF is the fastest way through it. It ends before
        whatever is not simply a header and that many bytes.

        :param convert: what makes their values; None leaves bytes. Where it raises, those before are taken.
        """
        buf = self.buf
        pos = self.pos
        window = FIRST_SPLIT_BYTES
        try:
            while limit and buf[pos : pos + 1] == b"$":
                parts = buf[pos : pos + window].split(b"\r\n", min(2 * limit, window))
                del parts[-1]  # it is not known to end with CRLF
                found = iter(parts)
                for header, data in zip(found, found, strict=False):
                    if SHORT_LENGTHS.get(header) != len(data):
                        return
                    end = pos + len(header) + len(data) + 4
                    items.append(data if convert is None else convert(data))
                    pos = end  # with nothing between that could raise, or it would be taken again
                    limit -= 1
                if len(parts) < 2:
                    break
                window = min(4 * window, LAST_SPLIT_BYTES)
        finally:
            self.pos = pos

    def find_message(self, kind: bytes) -> tuple[list[bytes], int] | None:
        """If a message comes next, and is complete: its strings after the first, and where it ends; else None."""
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
