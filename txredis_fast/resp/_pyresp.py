r"""RESP2 and RESP3 in pure Python: the reference for the compiled :mod:`txredis_fast.resp._cresp`.

Grammar (``CRLF`` is ``\r\n``; a line has no other CR or LF; ``length`` is ``[0-9]+``)::

    stream    = { attribute } ( reply | push )           repeated
    reply     = simple | error | integer | bulk | array | null | boolean | double | big
              | bulkerror | verbatim | map | set
    element   = { attribute } reply                      attributes of elements are dropped
    simple    = "+" text CRLF                            text; never a number
    error     = "-" text CRLF                            ResponseError, returned, not raised
    integer   = ":" [+-]?[0-9]+ CRLF                     int of any size
    bulk      = "$" length CRLF bytes CRLF               number, text or bytes
              | "$-1" CRLF                               None
    array     = "*" length CRLF element...               list
              | "*-1" CRLF                               None
    null      = "_" CRLF                                 None
    boolean   = "#" ( "t" | "f" ) CRLF                   bool
    double    = "," [+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)? CRLF
              | "," ( [+-]?"inf" | "-"?"nan" ) CRLF      float
    big       = "(" [+-]?[0-9]+ CRLF                     int
    bulkerror = "!" length CRLF bytes CRLF               ResponseError
    verbatim  = "=" length CRLF 3bytes ":" bytes CRLF    text; never a number; length counts the 4 bytes
    map       = "%" length CRLF (element element)...     dict
    set       = "~" length CRLF element...               set
    attribute = "|" length CRLF (element element)...     dict, see Reader.attributes
    push      = ">" length CRLF element...               Push; only at top level

Keys of maps and attributes, and elements of sets, are hashable: an aggregate in such a place is built
frozen, with all that is in it (array: tuple, map: tuple of pairs, set: frozenset), and may be nested at
most 32 deep there, because hashing recurses in C. The streamed types of RESP3 are not accepted.

Numbers are recognised in bulk strings only, before the charset is applied: ``[+-]?[0-9]+`` of at most
4,300 digits is an int; ``[+-]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?`` is a float where that is finite;
all else is text. Text is decoded by the charset; what it cannot decode stays bytes.
Keys of maps, and elements of sets, stay text where too many would have the same hash (see :mod:`._keys`).

A line, without its CRLF, has at most ``max_line_length`` bytes; that of a simple string or error at most
``max_text_length``. Whether input is malformed, and what the
error says, does not depend on how it was cut into chunks.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from txredis_fast.exceptions import ProtocolError, ResponseError
from txredis_fast.resp._keys import MAX_SAME_HASH, attributes_of, spread_at_once
from txredis_fast.resp._pyencode import encode_command, encode_commands
from txredis_fast.resp._shared import (
    DEFAULT_MAX_BUFFERED,
    DEFAULT_MAX_BULK_LENGTH,
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_ELEMENTS,
    DEFAULT_MAX_LINE_LENGTH,
    DEFAULT_MAX_TEXT_LENGTH,
    ERROR_BYTES,
    EXPECTED,
    HUGE,
    INCOMPLETE,
    LARGE_BULK,
    MAP_BYTES,
    MAX_FROZEN,
    MAX_FROZEN_DEPTH,
    SET_BYTES,
    Push,
    bulk_room,
    check_options,
    counted_error,
    line_error,
    line_fault,
    malformed,
    parse_integer,
    parse_number,
    text_length,
)

__all__ = ["Reader", "encode_command", "encode_commands", "may_collide"]

_INTEGER = re.compile(rb"[+-]?[0-9]+").fullmatch
_DOUBLE = re.compile(rb"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?").fullmatch
_SPECIAL_DOUBLES = {
    b"inf": float("inf"),
    b"+inf": float("inf"),
    b"-inf": float("-inf"),
    b"nan": float("nan"),
    b"-nan": float("nan"),
}
_LINE_BREAK = re.compile(rb"[\r\n]").search
_LINE_DONE = re.compile(rb"\r[\s\S]|\n").search

#: Simple strings that come with every command: one object each, text in every charset.
_SHARED_TEXT = {b"OK": "OK", b"QUEUED": "QUEUED", b"PONG": "PONG"}
_SHARED_BYTES = {word: word for word in _SHARED_TEXT}

_PLUS, _MINUS, _COLON, _DOLLAR, _STAR, _UNDERSCORE, _HASH, _COMMA, _PAREN, _BANG, _EQUALS = b"+-:$*_#,(!="
_PERCENT, _TILDE, _PIPE, _GREATER = b"%~|>"

_TEXT_LINES = frozenset(b"+-")
_LAST_DIGIT: Final = ord("9")
_BULKS = frozenset(b"$!=")
_AGGREGATES = frozenset(b"*%~|>")
#: Returned inside by ``Reader._element``: an aggregate was opened.
_OPENED: Final = object()
#: Headers of the bulk strings that :meth:`Reader._take_bulks` looks for.
_SHORT_LENGTHS: Final = {b"$%d" % length: length for length in range(1000)}
#: The beginnings of messages by their kind -> whether a pattern comes before the channel.
_MESSAGE_BEGINS: Final = {
    kind: {
        kind + b"3\r\n$7\r\nmessage\r\n": False,
        kind + b"3\r\n$8\r\nsmessage\r\n": False,
        kind + b"4\r\n$8\r\npmessage\r\n": True,
    }
    for kind in (b"*", b">")
}
#: How many bytes it splits at once: few at first, in case that it does not get far.
_FIRST_WINDOW: Final = 512
_LAST_WINDOW: Final = 32 * 1024


class _Frame:
    """An aggregate that is being read."""

    __slots__ = ("frozen", "items", "kind", "size")

    def __init__(self, kind: int, size: int, frozen: int) -> None:
        self.kind = kind
        self.size = size
        #: How deep this is inside a map key or set element; 0 if it is in none.
        self.frozen = frozen
        self.items: list[Any] = []

    def child_frozen(self) -> int:
        """The ``frozen`` of an aggregate that comes next in this one."""
        if self.frozen:
            return self.frozen + 1
        if self.kind == _TILDE:
            return 1
        return int(self.kind in (_PERCENT, _PIPE) and len(self.items) % 2 == 0)

    def build(self) -> Any:
        """Make the value, once all items have come."""
        if self.kind == _STAR:
            return tuple(self.items) if self.frozen else self.items
        if self.kind == _TILDE:
            elements = _keys(self.items)
            return frozenset(elements) if self.frozen else set(elements)
        if self.kind == _GREATER:
            return Push(self.items)
        if self.frozen:
            items: Iterator[Any] = iter(self.items)
            return tuple(zip(items, items, strict=True))
        return dict(zip(_keys(self.items[::2]), self.items[1::2], strict=True))


def may_collide(keys: list[Any]) -> bool:
    """Whether keys are so many that numbers among them might have to be :func:`._keys.spread`."""
    return len(keys) > MAX_SAME_HASH


def _keys(items: list[Any]) -> list[Any]:
    return spread_at_once(items) if may_collide(items) else items


def _larger(bulk: io.BytesIO, size: int) -> io.BytesIO:
    """Make a larger one with the same bytes, and zeros after them that are not written: its memory is not used yet."""
    larger = io.BytesIO(bytes(size))
    with bulk.getbuffer() as filled:
        larger.write(filled)
    return larger


class Reader:
    """Feed it bytes, get replies out. One reader belongs to one connection.

    :param charset: codec of text; None leaves bytes.
    :param convert_numbers: make numbers of bulk strings that look like them: True; False; or ``"exact"``,
        only where the number gives the same bytes back.
    :param max_bulk_length: bytes in a bulk string, bulk error or verbatim string.
    :param max_elements: elements announced in one reply, nested ones and its attributes included; a pair counts two.
    :param max_depth: aggregates nested in one another.
    :param max_line_length: bytes in a line, without CRLF.
    :param max_text_length: the same for simple strings and errors. Where this is left at its default, and
        ``max_line_length`` is not, that holds for them, too.
    :param max_buffered: bytes of a reply that is not complete, checked after each chunk; each set in it counts 200
        more, each map and error 100.
    :raise ValueError: an option is wrong.

    :ivar on_error: called with each error reply when it has come, nested ones included, before anybody is given it;
        None: nobody is. It must not raise, nor use the reader.
    """

    __slots__ = (
        "_attributes",
        "_broken",
        "_buf",
        "_bulk",
        "_bulk_kind",
        "_bulk_left",
        "_bulk_room",
        "_busy",
        "_channel",
        "_charset",
        "_elements",
        "_errors",
        "_extra",
        "_fed",
        "_frozen",
        "_max_buffered",
        "_max_bulk",
        "_max_depth",
        "_max_elements",
        "_max_line",
        "_max_text",
        "_need",
        "_numbers",
        "_pattern",
        "_pending_attributes",
        "_pos",
        "_quick",
        "_raw",
        "_returned",
        "_scanned",
        "_stack",
        "_tail",
        "on_error",
    )

    def __init__(
        self,
        charset: str | None = "utf-8",
        convert_numbers: bool | Literal["exact"] = True,
        *,
        max_bulk_length: int = DEFAULT_MAX_BULK_LENGTH,
        max_elements: int = DEFAULT_MAX_ELEMENTS,
        max_depth: int = DEFAULT_MAX_DEPTH,
        max_line_length: int = DEFAULT_MAX_LINE_LENGTH,
        max_text_length: int = DEFAULT_MAX_TEXT_LENGTH,
        max_buffered: int = DEFAULT_MAX_BUFFERED,
    ) -> None:
        limits = {
            "max_bulk_length": max_bulk_length,
            "max_elements": max_elements,
            "max_depth": max_depth,
            "max_line_length": max_line_length,
            "max_text_length": max_text_length,
            "max_buffered": max_buffered,
        }
        self._charset, self._numbers = check_options(charset, convert_numbers, limits)
        self._max_bulk = min(max_bulk_length, HUGE)
        self._max_elements = min(max_elements, HUGE)
        self._max_depth = min(max_depth, HUGE)
        self._max_line = min(max_line_length, HUGE)
        self._max_text = min(text_length(max_text_length, max_line_length), HUGE)
        self._max_buffered = min(max_buffered, HUGE)
        #: Whether no limit is so low that :meth:`_take_bulks` would have to check it.
        self._quick = self._max_bulk >= len(_SHORT_LENGTHS) and self._max_line >= 4
        #: The bytes being parsed, and how far; then those that came after them.
        self._buf = b""
        self._pos = 0
        self._tail = bytearray()
        #: What makes it worth parsing the tail: that many bytes, or 0, the end of its line.
        self._need = 1
        #: Bytes of the tail known to hold no line end.
        self._scanned = 0
        #: A large bulk string that is being filled, how much of it is to come, and how long it may get without growing.
        self._bulk: io.BytesIO | None = None
        self._bulk_kind = _DOLLAR
        self._bulk_left = 0
        self._bulk_room = 0
        self._stack: list[_Frame] = []
        self._elements = 0
        #: What its sets, maps and errors count besides their bytes; and how many of its aggregates are inside keys.
        self._extra = 0
        self._frozen = 0
        #: Whether the reply that has begun is raw; None before its first byte.
        self._raw: bool | None = None
        self._pending_attributes: dict[Any, Any] | None = None
        self._attributes: dict[Any, Any] | None = None
        #: Names of the last message: as bytes, and converted.
        self._channel: tuple[bytes | None, Any] = (None, None)
        self._pattern: tuple[bytes | None, Any] = (None, None)
        self._errors: dict[str, int] = {}
        self.on_error: Callable[[ResponseError], object] | None = None
        self._fed = 0
        self._returned = 0
        self._broken: str | None = None
        self._busy = False

    @property
    def attributes(self) -> dict[Any, Any] | None:
        """The attributes that preceded the last reply returned; None if there were none. Never raw."""
        return self._attributes

    @property
    def buffered(self) -> int:
        """How many bytes were fed and are not yet returned as replies."""
        return self._fed - self._returned

    @property
    def fed(self) -> int:
        """How many bytes were fed."""
        return self._fed

    @property
    def errors(self) -> dict[str, int]:
        """How many error replies there were, by their code; do not change it."""
        return self._errors

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Append received bytes.

        :raise ProtocolError: the input was found malformed before, or ``max_buffered`` is exceeded already.
        """
        self._check_usable()
        if type(data) is bytes:
            chunk = data
        elif isinstance(data, (bytes, bytearray)) or (isinstance(data, memoryview) and data.contiguous):
            with memoryview(data) as view:  # released now, wherever objects live on until they are collected
                chunk = bytes(view)
        else:
            raise TypeError(f"feed() takes bytes, bytearray or a contiguous memoryview, not {type(data).__name__}")
        self._check_buffered()
        self._fed += len(chunk)
        if self._bulk_left and self._bulk is not None:
            self._make_room(self._bulk, min(len(chunk), self._bulk_left))
            with memoryview(chunk) as view:
                taken = self._bulk.write(view[: self._bulk_left])
            self._bulk_left -= taken
            if taken == len(chunk):
                return
            chunk = chunk[taken:]
        if self._pos == len(self._buf) and not self._tail:
            self._buf = chunk
            self._pos = 0
        else:
            self._tail += chunk

    @property
    def awaited(self) -> int:
        """How many bytes are still to come of a large bulk string that is being filled; else 0."""
        return 0 if self._bulk is None else self._bulk_left

    def receive(self, recv_into: Callable[[memoryview], int], limit: int) -> int:
        """Fill the large bulk string of which :attr:`awaited` tells straight from where the bytes come.

        :param recv_into: as that of a socket: writes to the buffer that it is given, and returns how many bytes. What
            it raises is raised here, and changes nothing. It must not keep the buffer.
        :param limit: bytes at most.
        :returns: what ``recv_into`` returned.
        :raise ProtocolError: as :meth:`feed`.
        :raise ValueError: no bytes are awaited, or ``recv_into`` returned what cannot be.
        """
        self._check_usable()
        bulk = self._bulk
        if limit < 1 or bulk is None or not self._bulk_left:
            raise ValueError("nothing can be received now")
        self._check_buffered()
        filled = bulk.tell()
        self._busy = True
        try:
            self._make_room(bulk, 1)
            if bulk.seek(0, io.SEEK_END) < self._bulk_room:
                self._bulk = bulk = _larger(bulk, self._bulk_room)
            with bulk.getbuffer() as whole, whole[filled : min(filled + limit, self._bulk_room)] as view:
                size = recv_into(view)
                if not 0 <= size <= len(view):
                    raise ValueError(f"recv_into returned {size} for a buffer of {len(view)} bytes")
        finally:
            bulk.seek(filled)
            self._busy = False
        bulk.seek(filled + size)
        self._bulk_left -= size
        self._fed += size
        return size

    def forget(self) -> None:
        """Let go of what was fed and not returned: the rest will not come. What was counted stays.

        A program that calls this from a codec is not heard.
        """
        if not self._busy:
            self._clear()
            self._attributes = None

    def get(self, raw: bool = False) -> Any:
        """Take the next complete reply or push; :data:`INCOMPLETE` if there is none.

        :param raw: give bulk, simple and verbatim strings as bytes in this one reply. It holds for the reply
            whose first byte is looked at now, even if that is completed by a later call; never for a push.
        :raise ProtocolError: the input is malformed; so is every later call.
        """
        self._check_usable()
        self._busy = True
        try:
            return self._run(bool(raw), None)
        finally:
            self._busy = False

    def get_all(self) -> list[Any]:
        """Take all complete replies and pushes.

        :raise ProtocolError: as :meth:`get`; if replies preceded the malformed input, not before the next call.
        """
        return self.get_many(HUGE)

    def get_many(self, limit: int) -> list[Any]:
        """Take complete replies and pushes.

        :param limit: how many at most.
        :raise ProtocolError: as :meth:`get_all`.
        """
        self._check_usable()
        self._busy = True
        replies: list[Any] = []
        try:
            self._run(False, replies, limit)
        except Exception:
            # The reader is where it was before the exception, so that the next call meets it again.
            if not replies:
                raise
        finally:
            self._busy = False
        return replies

    def get_message(self, kind: bytes) -> tuple[Any, Any, Any] | None:
        """Take the next reply if it is a published message, complete and written in the ordinary way.

        It saves most of what :meth:`get` costs, and gives the same values. Messages that it leaves, such as long
        ones, are as good: :meth:`get` takes them.

        :param kind: what a message is: ``b"*"``, an array, or ``b">"``, a push.
        :returns: pattern or None, channel and message; None, having taken nothing, if something else comes next.
        :raise ProtocolError: as :meth:`get`, for what was malformed before.
        """
        self._check_usable()
        if not self._quick or self._stack or self._bulk is not None or self._raw is not None:
            return None
        if self._pending_attributes is not None or self._max_elements < 4:
            return None
        buf = self._buf
        pos = self._pos
        for begin, has_pattern in _MESSAGE_BEGINS[kind].items():  # noqa: B007
            if buf.startswith(begin, pos):
                pos += len(begin)
                break
        else:
            return None
        strings = []
        for _ in range(3 if has_pattern else 2):
            end = buf.find(b"\r\n", pos, pos + 6)
            size = _SHORT_LENGTHS.get(buf[pos:end])
            if end < 0 or size is None:
                return None
            pos = end + 2 + size
            if buf[pos : pos + 2] != b"\r\n":
                return None
            strings.append(buf[end + 2 : pos])
            pos += 2
        self._raw = False
        self._busy = True
        try:
            pattern = None
            if has_pattern:
                if self._pattern[0] != strings[0]:
                    self._pattern = strings[0], self._convert(_DOLLAR, strings[0])
                pattern = self._pattern[1]
            if self._channel[0] != strings[-2]:
                self._channel = strings[-2], self._convert(_DOLLAR, strings[-2])
            message = self._convert(_DOLLAR, strings[-1])
        finally:
            self._busy = False
            self._raw = None
        self._pos = pos
        self._attributes = None
        self._end_reply()
        return pattern, self._channel[1], message

    def _check_usable(self) -> None:
        """Refuse to be called from a codec that this reader is calling, and after an error."""
        if self._busy:
            raise RuntimeError("this reader is in use by another call")
        if self._broken is not None:
            raise ProtocolError(self._broken)

    def _fail(self, message: str) -> ProtocolError:
        """End this reader, and make the error to be raised."""
        self._broken = message
        self._clear()
        return ProtocolError(message)

    def _clear(self) -> None:
        """Forget all that was fed and not returned."""
        self._buf = b""
        self._pos = 0
        self._tail = bytearray()
        self._need = 1
        self._scanned = 0
        self._bulk = None
        self._bulk_left = 0
        self._stack = []
        self._pending_attributes = None
        self._end_reply()
        self._returned = self._fed

    def _check_buffered(self) -> None:
        if self._fed - self._returned + self._extra > self._max_buffered:
            raise self._fail(f"expected a complete reply within {self._max_buffered} bytes, got more")

    def _run(self, raw: bool, replies: list[Any] | None, limit: int = HUGE) -> Any:
        """Return the next reply; or, given a list, append those that are complete to it, up to a number."""
        stack = self._stack
        while replies is None or len(replies) < limit:
            if self._quick and self._bulk is None:
                if stack:
                    frame = stack[-1]
                    self._take_bulks(frame.items, frame.size - len(frame.items), bool(self._raw))
                elif self._raw is None and self._pending_attributes is None:
                    taken = [] if replies is None else replies
                    if self._take_bulks(taken, 1 if replies is None else limit - len(taken), raw):
                        if replies is None:
                            return taken[0]
                        continue
            if stack and len(stack[-1].items) == stack[-1].size:
                frame = stack[-1]
                if frame.kind == _PIPE:
                    if len(stack) == 1:
                        if self._pending_attributes is None:
                            self._pending_attributes = {}
                        self._pending_attributes.update(attributes_of(frame.items))
                        self._raw = None
                    stack.pop()
                    continue
                value = frame.build()
                stack.pop()
            else:
                value = self._element(raw)
                if value is INCOMPLETE:
                    if self._pos == len(self._buf):
                        self._buf = b""
                        self._pos = 0
                    self._check_buffered()
                    return value
                if value is _OPENED:
                    continue
            if stack:
                stack[-1].items.append(value)
                continue
            self._attributes = self._pending_attributes
            self._pending_attributes = None
            self._end_reply()
            if replies is None:
                return value
            replies.append(value)
        return None

    def _end_reply(self) -> None:
        self._returned = self._fed - (len(self._buf) - self._pos) - len(self._tail)
        self._raw = None
        self._elements = 0
        self._extra = 0
        self._frozen = 0

    def _take_bulks(self, items: list[Any], limit: int, raw: bool) -> bool:
        """Append short bulk strings that come next to ``items``, at most ``limit``; tell whether there were any.

        This is what most input consists of, and splitting it at CRLF is the fastest way through it. Whatever is
        not simply a header and that many bytes is left to :meth:`_element`.
        """
        buf = self._buf
        pos = self._pos
        top_level = not self._stack
        convert = self._convert
        window = _FIRST_WINDOW
        failed = False
        try:
            while limit and buf[pos : pos + 1] == b"$":
                parts = buf[pos : pos + window].split(b"\r\n", min(2 * limit, window))
                del parts[-1]  # it is not known to end with CRLF
                found = iter(parts)
                for header, data in zip(found, found, strict=False):
                    if _SHORT_LENGTHS.get(header) != len(data):
                        return pos != self._pos
                    end = pos + len(header) + len(data) + 4
                    items.append(data if raw else convert(_DOLLAR, data))
                    pos = end  # with nothing between that could raise, or it would be taken again
                    limit -= 1
                if len(parts) < 2:
                    break
                window = min(4 * window, _LAST_WINDOW)
            return pos != self._pos
        except BaseException:
            failed = True
            raise
        finally:
            if pos != self._pos:
                self._pos = pos
                if top_level:
                    self._attributes = None
                    self._end_reply()
            if failed and top_level:
                self._raw = raw

    def _element(self, raw: bool) -> Any:
        """Read one value that is no aggregate, or open an aggregate and return ``_OPENED``."""
        if self._bulk is not None:
            return self._finish_bulk(self._bulk)
        while True:
            buf = self._buf
            pos = self._pos
            if pos == len(buf):
                if not self._more(self._need):
                    return INCOMPLETE
                continue
            kind = buf[pos]
            if kind not in EXPECTED or (kind == _GREATER and self._stack):
                raise self._fail(
                    malformed(
                        "a type byte" if not self._stack else "the type byte of an element",
                        buf[pos : pos + 1],
                    )
                )
            if self._raw is None:
                self._raw = raw and kind != _GREATER and kind != _PIPE
            longest = self._longest_line(kind)
            end = buf.find(b"\r\n", pos, pos + longest + 2)
            if end < 0:
                fault = line_fault(buf[pos : pos + longest + 2], longest)
                if fault is not None:
                    raise self._fail(fault)
                if not self._more(0):
                    return INCOMPLETE
                continue
            line = buf[pos + 1 : end]
            end += 2
            if kind not in _BULKS:
                value = self._open(kind, line) if kind in _AGGREGATES else self._simple(kind, line)
                self._pos = end
                return value
            if not line.isdigit():
                if kind != _DOLLAR or line != b"-1":
                    raise self._fail(line_error(buf[pos:end], self._max_line))
                self._pos = end
                return None
            size = _length(line)
            if size > self._max_bulk:
                raise self._fail(malformed(f"a bulk string of at most {self._max_bulk} bytes", buf[pos : end - 2]))
            if kind == _EQUALS:
                if size < 4:
                    raise self._fail(line_error(buf[pos:end], self._max_line))
                if len(buf) < end + 4:
                    if not self._more(end + 4 - pos):
                        return INCOMPLETE
                    continue
                if buf[end + 3] != _COLON:
                    raise self._fail(malformed("a format of 3 bytes and ':'", buf[end : end + 4]))
                end += 4
                size -= 4
            after = end + size
            if len(buf) >= after + 2:
                if buf[after : after + 2] != b"\r\n":
                    raise self._fail(malformed("CRLF after the bulk string", buf[after : after + 2]))
                value = self._convert(kind, buf[end:after])
                self._pos = after + 2
                return value
            if size >= LARGE_BULK:
                return self._finish_bulk(self._begin_bulk(kind, end, size))
            if not self._more(after + 2 - pos):
                return INCOMPLETE

    def _longest_line(self, kind: int) -> int:
        return self._max_text if kind in _TEXT_LINES else self._max_line

    def _more(self, need: int) -> bool:
        """Make what came later available to parse, if it is enough to go on with.

        :param need: bytes wanted from the parse position on, or 0 if the end of its line is.
        """
        tail = self._tail
        if not tail:
            return False
        if self._pos < len(self._buf):
            tail[:0] = memoryview(self._buf)[self._pos :]
            self._scanned = 0
        self._buf = b""
        self._pos = 0
        self._need = need
        if need:
            if len(tail) < need:
                return False
        elif len(tail) <= self._longest_line(tail[0]) and _LINE_DONE(tail, self._scanned) is None:
            self._scanned = len(tail) - 1  # the last byte may be the CR of a CRLF
            return False
        self._buf = bytes(tail)
        self._tail = bytearray()
        self._need = 1
        return True

    def _make_room(self, bulk: io.BytesIO, size: int) -> None:
        """Let the large bulk string get longer by at least ``size`` bytes, which it lacks."""
        filled = bulk.tell()
        if filled + size > self._bulk_room:
            self._bulk_room = min(filled + self._bulk_left, max(bulk_room(filled), filled + size))

    def _begin_bulk(self, kind: int, start: int, size: int) -> io.BytesIO:
        """Go on with a large bulk string, of which a part has come, in a buffer of its own."""
        bulk = io.BytesIO()
        with memoryview(self._buf) as view:
            left = size - bulk.write(view[start : start + size])
        self._pos = min(start + size, len(self._buf))
        if left and self._tail:
            with memoryview(self._tail) as view:
                taken = bulk.write(view[:left])
            del self._tail[:taken]
            left -= taken
        self._bulk = bulk
        self._bulk_kind = kind
        self._bulk_left = left
        self._bulk_room = min(size, bulk_room(size - left))
        return bulk

    def _finish_bulk(self, bulk: io.BytesIO) -> Any:
        if self._bulk_left:
            return INCOMPLETE
        while len(self._buf) - self._pos < 2:
            if not self._more(2):
                return INCOMPLETE
        end = self._buf[self._pos : self._pos + 2]
        if end != b"\r\n":
            raise self._fail(malformed("CRLF after the bulk string", end))
        value = self._convert(self._bulk_kind, bulk.getvalue())
        self._bulk = None
        self._pos += 2
        return value

    def _convert(self, kind: int, data: bytes) -> Any:
        """Make the value of a bulk string, bulk error or verbatim string."""
        if kind == _BANG:
            return self._error(data)
        if self._raw:
            return data
        if self._numbers and kind == _DOLLAR and data and data[0] <= _LAST_DIGIT:
            number = parse_number(data, self._numbers)
            if number is not None:
                return number
        if self._charset is not None:
            try:
                return data.decode(self._charset)
            except UnicodeError:
                pass
        return data

    def _error(self, data: bytes) -> Exception:
        self._extra += ERROR_BYTES
        return counted_error(data.decode("utf-8", "replace"), self._errors, self.on_error)

    def _simple(self, kind: int, line: bytes) -> Any:
        """Make the value of a line that is a whole reply."""
        if kind in (_COLON, _PAREN):
            if _INTEGER(line):
                return parse_integer(line)
        elif kind in (_PLUS, _MINUS):
            if not _LINE_BREAK(line):
                if kind == _MINUS:
                    return self._error(line)
                as_bytes = self._raw or self._charset is None
                shared = (_SHARED_BYTES if as_bytes else _SHARED_TEXT).get(line)
                return self._convert(kind, line) if shared is None else shared
        elif kind == _UNDERSCORE:
            if not line:
                return None
        elif kind == _HASH:
            if line == b"t" or line == b"f":
                return line == b"t"
        elif _DOUBLE(line):
            return float(line)
        elif line in _SPECIAL_DOUBLES:
            return _SPECIAL_DOUBLES[line]
        raise self._fail(line_error(bytes((kind,)) + line + b"\r\n", self._longest_line(kind)))

    def _open(self, kind: int, line: bytes) -> Any:
        """Begin an aggregate."""
        header = bytes((kind,)) + line
        if not line.isdigit():
            if kind == _STAR and line == b"-1":
                return None
            raise self._fail(line_error(header + b"\r\n", self._max_line))
        size = _length(line)
        if kind in (_PERCENT, _PIPE):
            size *= 2
        stack = self._stack
        if len(stack) >= self._max_depth:
            raise self._fail(malformed(f"at most {self._max_depth} nested aggregates", header))
        if self._elements + size > self._max_elements:
            raise self._fail(malformed(f"at most {self._max_elements} elements in a reply", header))
        frozen = stack[-1].child_frozen() if stack else 0
        if frozen > MAX_FROZEN_DEPTH:
            raise self._fail(malformed(f"at most {MAX_FROZEN_DEPTH} nested aggregates in a key", header))
        if frozen:
            self._frozen += 1
            if self._frozen > MAX_FROZEN:
                raise self._fail(malformed(f"at most {MAX_FROZEN} aggregates in the keys of a reply", header))
        stack.append(_Frame(kind, size, frozen))
        if kind != _STAR:
            self._extra += SET_BYTES if kind == _TILDE else MAP_BYTES
        self._elements += size
        return _OPENED


def _length(digits: bytes) -> int:
    """Convert a length; one far beyond every limit may come out as another such."""
    return int(digits) if len(digits) < 20 else int(digits.lstrip(b"0")[:20] or b"0")
