"""Bulk strings that are filled as their chunks come, in pure Python: the reference for the compiled ``_clarge``.

They begin at :data:`._shared.LARGE_BULK` bytes. This module must not know what is made of them.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from txredis_fast._tunables import LARGE_BULK_BYTES, TRUSTED_BULK_BYTES
from txredis_fast.resp._shared import HUGE

__all__ = ["LargeString"]


def room_for(filled: int) -> int:
    """For how many bytes of a large bulk string to make room, given how many have come.

    A header alone gets little, however long a string it announces. Room for the whole is made at once then, because
    what is not written to costs addresses, not memory, and a large object is slow to move.
    """
    return HUGE if filled >= TRUSTED_BULK_BYTES else 16 * filled + LARGE_BULK_BYTES


class LargeString:
    """A bulk string that is filled as its chunks come.

    :ivar kind: its type byte.
    :ivar left: how many bytes are still to come.
    """

    __slots__ = ("_content", "_room", "kind", "left")

    def __init__(self, kind: int, length: int) -> None:
        self.kind = kind
        self.left = length
        self._content = io.BytesIO()
        #: How long the content may get without growing.
        self._room = 0

    def begin(self, data: memoryview) -> int:
        """Take what has come already; return how many of the bytes belong to this string."""
        taken = self._content.write(data[: self.left])
        self.left -= taken
        return taken

    def append(self, data: memoryview) -> int:
        """Take what comes; return how many of the bytes belong to this string."""
        self._make_room(min(len(data), self.left))
        return self.begin(data)

    def receive(self, recv_into: Callable[[memoryview], int], limit: int) -> int:
        """Take bytes straight from where they come; see :meth:`._pyresp.Reader.receive`."""
        self._make_room(1)
        content = self._content
        filled = content.tell()
        try:
            if content.seek(0, io.SEEK_END) < self._room:
                self._content = content = _larger(content, self._room)
            with content.getbuffer() as whole, whole[filled : min(filled + limit, self._room)] as view:
                size = recv_into(view)
                if not 0 <= size <= len(view):
                    raise ValueError(f"recv_into returned {size} for a buffer of {len(view)} bytes")
        finally:
            content.seek(filled)
        content.seek(filled + size)
        self.left -= size
        return size

    def whole(self) -> bytes:
        """The string, once all has come."""
        return self._content.getvalue()

    def _make_room(self, size: int) -> None:
        """Let the content get longer by at least ``size`` bytes, which it lacks."""
        filled = self._content.tell()
        if filled + size > self._room:
            self._room = min(filled + self.left, max(room_for(filled), filled + size))


def _larger(content: io.BytesIO, size: int) -> io.BytesIO:
    """Make a larger one with the same bytes, and zeros after them that are not written: its memory is not used yet."""
    larger = io.BytesIO(bytes(size))
    with content.getbuffer() as filled:
        larger.write(filled)
    return larger
