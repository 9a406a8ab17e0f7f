"""Large bulk strings, filled chunk by chunk, in pure Python: the reference for the compiled ``_clarge``.

A bulk string of ``LARGE_BULK_BYTES`` or more is large. This module must not know the values made of it.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from txredis_fast._tunables import LARGE_BULK_BYTES, TRUSTED_BULK_BYTES
from txredis_fast.resp._shared import HUGE

__all__ = ["LargeString"]


def room_for(filled: int) -> int:
    """Return the capacity in bytes of a large bulk string of which *filled* bytes have arrived.

    A header alone gets little memory, whatever length it announces. After :data:`.TRUSTED_BULK_BYTES` bytes the whole
    length is allocated at once, because untouched pages cost address space and no memory, and moving a large object is
    slow.
    """
    return HUGE if filled >= TRUSTED_BULK_BYTES else 16 * filled + LARGE_BULK_BYTES


class LargeString:
    """An incomplete large bulk string.

    :ivar kind: its type byte.
    :ivar left: number of bytes that have not arrived.
    """

    __slots__ = ("_content", "_room", "kind", "left")

    def __init__(self, kind: int, length: int) -> None:
        self.kind = kind
        self.left = length
        self._content = io.BytesIO()
        #: Capacity in bytes.
        self._room = 0

    def begin(self, data: memoryview) -> int:
        """Append bytes from the input buffer; return how many of them belong to this string."""
        taken = self._content.write(data[: self.left])
        self.left -= taken
        return taken

    def append(self, data: memoryview) -> int:
        """Append bytes of a chunk, after making room; return how many of them belong to this string."""
        self._make_room(min(len(data), self.left))
        return self.begin(data)

    def receive(self, recv_into: Callable[[memoryview], int], limit: int) -> int:
        """Receive bytes straight into the string; see :meth:`._pyresp.Reader.receive`."""
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
        """Return the string. All bytes must have arrived."""
        return self._content.getvalue()

    def _make_room(self, size: int) -> None:
        """Raise the capacity to at least ``size`` bytes more than are filled."""
        filled = self._content.tell()
        if filled + size > self._room:
            self._room = min(filled + self.left, max(room_for(filled), filled + size))


def _larger(content: io.BytesIO, size: int) -> io.BytesIO:
    """Copy the content into a buffer of *size* bytes. The zeros behind it are untouched pages, without memory."""
    larger = io.BytesIO(bytes(size))
    with content.getbuffer() as filled:
        larger.write(filled)
    return larger
