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

The parts have modules of their own, here and in the compiled twin: the bytes that wait (``_pyinput``, ``_cinput``),
lines and strings (``_pyscalars``, ``_cscalars``), large strings (``_pylarge``, ``_clarge``), aggregates
(``_pyaggregates``, ``_caggregates``). This one has more than 500 lines because the grammar and the documentation of
the reader are in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Literal

from txredis_fast._tunables import ERROR_COST_BYTES, LARGE_BULK_BYTES
from txredis_fast.exceptions import ProtocolError, ResponseError
from txredis_fast.resp._keys import attributes_of
from txredis_fast.resp._pyaggregates import Nest, may_collide
from txredis_fast.resp._pyencode import encode_command, encode_commands
from txredis_fast.resp._pyinput import SHORT_LENGTHS, Input
from txredis_fast.resp._pylarge import LargeString
from txredis_fast.resp._pyscalars import MALFORMED, Name, Scalars
from txredis_fast.resp._shared import (
    DEFAULT_MAX_BUFFERED,
    DEFAULT_MAX_BULK_LENGTH,
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_ELEMENTS,
    DEFAULT_MAX_LINE_LENGTH,
    DEFAULT_MAX_TEXT_LENGTH,
    EXPECTED,
    HUGE,
    INCOMPLETE,
    check_options,
    copy_of_chunk,
    counted_error,
    line_error,
    line_fault,
    malformed,
    text_length,
)

__all__ = ["Reader", "encode_command", "encode_commands", "may_collide"]

_LINE_BREAK = re.compile(rb"[\r\n]").search

_MINUS, _COLON, _DOLLAR, _STAR, _BANG, _EQUALS, _PERCENT, _TILDE, _PIPE, _GREATER = b"-:$*!=%~|>"

_BULKS = frozenset(b"$!=")
_AGGREGATES = frozenset(b"*%~|>")
#: Returned inside by ``Reader._element``: an aggregate was opened.
_OPENED: Final = object()


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
        "_busy",
        "_channel",
        "_errors",
        "_fed",
        "_input",
        "_large",
        "_max_buffered",
        "_max_bulk",
        "_max_elements",
        "_max_line",
        "_nest",
        "_pattern",
        "_pending_attributes",
        "_quick",
        "_raw",
        "_returned",
        "_scalars",
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
        self._scalars = Scalars(*check_options(charset, convert_numbers, limits))
        self._max_bulk = min(max_bulk_length, HUGE)
        self._max_elements = min(max_elements, HUGE)
        self._nest = Nest(min(max_depth, HUGE), self._max_elements)
        self._max_line = min(max_line_length, HUGE)
        self._input = Input(self._max_line, min(text_length(max_text_length, max_line_length), HUGE))
        self._max_buffered = min(max_buffered, HUGE)
        #: Whether no limit is so low that :meth:`_take_bulks` would have to check it.
        self._quick = self._max_bulk >= len(SHORT_LENGTHS) and self._max_line >= 4
        #: A large bulk string that is being filled.
        self._large: LargeString | None = None
        #: Whether the reply that has begun is raw; None before its first byte.
        self._raw: bool | None = None
        self._pending_attributes: dict[Any, Any] | None = None
        self._attributes: dict[Any, Any] | None = None
        self._channel = Name()
        self._pattern = Name()
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
        if self._busy or self._broken is not None:
            self._check_usable()
        chunk = data if type(data) is bytes else copy_of_chunk(data)
        if self._fed - self._returned + self._nest.extra > self._max_buffered:
            self._check_buffered()
        self._fed += len(chunk)
        if self._large is not None and self._large.left:
            with memoryview(chunk) as view:
                taken = self._large.append(view)
            if taken == len(chunk):
                return
            chunk = chunk[taken:]
        self._input.feed(chunk)

    @property
    def awaited(self) -> int:
        """How many bytes are still to come of a large bulk string that is being filled; else 0."""
        return 0 if self._large is None else self._large.left

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
        large = self._large
        if limit < 1 or large is None or not large.left:
            raise ValueError("nothing can be received now")
        self._check_buffered()
        self._busy = True
        try:
            size = large.receive(recv_into, limit)
        finally:
            self._busy = False
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
        if self._busy or self._broken is not None:
            self._check_usable()
        if self._fed == self._returned:
            return INCOMPLETE
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
        if not self._quick or self._nest.frames or self._large is not None or self._raw is not None:
            return None
        if self._pending_attributes is not None or self._max_elements < 4:
            return None
        found = self._input.find_message(kind)
        if found is None:
            return None
        strings, end = found
        self._raw = False
        self._busy = True
        try:
            pattern = self._pattern.value_of(self._scalars, strings[0]) if len(strings) == 3 else None
            channel = self._channel.value_of(self._scalars, strings[-2])
            message = self._scalars.bulk(strings[-1])
        finally:
            self._busy = False
            self._raw = None
        self._input.pos = end
        self._attributes = None
        self._end_reply()
        return pattern, channel, message

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
        self._input.clear()
        self._large = None
        self._nest.clear()
        self._pending_attributes = None
        self._end_reply()
        self._returned = self._fed

    def _check_buffered(self) -> None:
        if self._fed - self._returned + self._nest.extra > self._max_buffered:
            raise self._fail(f"expected a complete reply within {self._max_buffered} bytes, got more")

    def _run(self, raw: bool, replies: list[Any] | None, limit: int = HUGE) -> Any:
        """Return the next reply; or, given a list, append those that are complete to it, up to a number."""
        frames = self._nest.frames
        while replies is None or len(replies) < limit:
            if self._quick and self._large is None:
                if frames:
                    frame = frames[-1]
                    self._take_bulks(frame.items, frame.size - len(frame.items), bool(self._raw))
                elif self._raw is None and self._pending_attributes is None:
                    taken = [] if replies is None else replies
                    if self._take_bulks(taken, 1 if replies is None else limit - len(taken), raw):
                        if replies is None:
                            return taken[0]
                        continue
            if frames and len(frames[-1].items) == frames[-1].size:
                frame = frames[-1]
                if frame.kind == _PIPE:
                    if len(frames) == 1:
                        if self._pending_attributes is None:
                            self._pending_attributes = {}
                        self._pending_attributes.update(attributes_of(frame.items))
                        self._raw = None
                    frames.pop()
                    continue
                value = frame.build()
                frames.pop()
            else:
                value = self._element(raw)
                if value is INCOMPLETE:
                    self._input.release()
                    self._check_buffered()
                    return value
                if value is _OPENED:
                    continue
            if frames:
                frames[-1].items.append(value)
                continue
            self._attributes = self._pending_attributes
            self._pending_attributes = None
            self._end_reply()
            if replies is None:
                return value
            replies.append(value)
        return None

    def _end_reply(self) -> None:
        self._returned = self._fed - self._input.settle()
        self._raw = None
        if self._nest.elements or self._nest.extra:
            self._nest.end_reply()

    def _take_bulks(self, items: list[Any], limit: int, raw: bool) -> bool:
        """Append short bulk strings that come next to ``items``; tell whether there were any.

        All else is left to :meth:`_element`.
        """
        begin = self._input.pos
        if self._input.buf[begin : begin + 1] != b"$":
            return False
        failed = True
        try:
            self._input.take_bulks(items, limit, None if raw else self._scalars.bulk)
            failed = False
        finally:
            taken = self._input.pos != begin
            if not self._nest.frames:
                if taken:
                    self._attributes = None
                    self._end_reply()
                if failed:
                    self._raw = raw
        return taken

    def _element(self, raw: bool) -> Any:
        """Read one value that is no aggregate, or open an aggregate and return ``_OPENED``."""
        if self._large is not None:
            return self._finish_large(self._large)
        waiting = self._input
        while True:
            buf = waiting.buf
            pos = waiting.pos
            if pos == len(buf):
                if not waiting.has_more():
                    return INCOMPLETE
                continue
            kind = buf[pos]
            if kind not in EXPECTED or (kind == _GREATER and self._nest.frames):
                raise self._fail(
                    malformed(
                        "a type byte" if not self._nest.frames else "the type byte of an element",
                        buf[pos : pos + 1],
                    )
                )
            if self._raw is None:
                self._raw = raw and kind != _GREATER and kind != _PIPE
            longest = waiting.longest_line(kind)
            end = buf.find(b"\r\n", pos, pos + longest + 2)
            if end < 0:
                fault = line_fault(buf[pos : pos + longest + 2], longest)
                if fault is not None:
                    raise self._fail(fault)
                if not waiting.more(0):
                    return INCOMPLETE
                continue
            line = buf[pos + 1 : end]
            end += 2
            if kind not in _BULKS:
                if kind in _AGGREGATES:
                    value = self._open(kind, line)
                elif kind == _MINUS and not _LINE_BREAK(line):
                    value = self._error(line)
                else:
                    value = self._scalars.line(kind, line, self._raw)
                    if value is MALFORMED:
                        raise self._fail(line_error(buf[pos:end], longest))
                waiting.pos = end
                return value
            if not line.isdigit():
                if kind != _DOLLAR or line != b"-1":
                    raise self._fail(line_error(buf[pos:end], self._max_line))
                waiting.pos = end
                return None
            size = _length(line)
            if size > self._max_bulk:
                raise self._fail(malformed(f"a bulk string of at most {self._max_bulk} bytes", buf[pos : end - 2]))
            if kind == _EQUALS:
                if size < 4:
                    raise self._fail(line_error(buf[pos:end], self._max_line))
                if len(buf) < end + 4:
                    if not waiting.more(end + 4 - pos):
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
                value = self._string(kind, buf[end:after])
                waiting.pos = after + 2
                return value
            if size >= LARGE_BULK_BYTES:
                large = LargeString(kind, size)
                waiting.hand_over(end, large.begin)
                self._large = large
                return self._finish_large(large)
            if not waiting.more(after + 2 - pos):
                return INCOMPLETE

    def _finish_large(self, large: LargeString) -> Any:
        if large.left:
            return INCOMPLETE
        waiting = self._input
        while len(waiting.buf) - waiting.pos < 2:
            if not waiting.more(2):
                return INCOMPLETE
        end = waiting.buf[waiting.pos : waiting.pos + 2]
        if end != b"\r\n":
            raise self._fail(malformed("CRLF after the bulk string", end))
        value = self._string(large.kind, large.whole())
        self._large = None
        waiting.pos += 2
        return value

    def _string(self, kind: int, data: bytes) -> Any:
        """Make the value of a bulk string, bulk error or verbatim string."""
        if kind == _BANG:
            return self._error(data)
        if self._raw:
            return data
        return self._scalars.bulk(data) if kind == _DOLLAR else self._scalars.text(data)

    def _error(self, data: bytes) -> Exception:
        self._nest.extra += ERROR_COST_BYTES
        return counted_error(data.decode("utf-8", "replace"), self._errors, self.on_error)

    def _open(self, kind: int, line: bytes) -> Any:
        """Begin an aggregate."""
        header = bytes((kind,)) + line
        if not line.isdigit():
            if kind == _STAR and line == b"-1":
                return None
            raise self._fail(line_error(header + b"\r\n", self._max_line))
        size = _length(line)
        fault = self._nest.open(kind, 2 * size if kind in (_PERCENT, _PIPE) else size)
        if fault is not None:
            raise self._fail(malformed(fault, header))
        return _OPENED


def _length(digits: bytes) -> int:
    """Convert a length; one far beyond every limit may come out as another such."""
    return int(digits) if len(digits) < 20 else int(digits.lstrip(b"0")[:20] or b"0")
