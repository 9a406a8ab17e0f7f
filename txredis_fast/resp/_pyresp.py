r"""RESP2 and RESP3 in pure Python: the reference for the compiled :mod:`txredis_fast.resp._cresp`.

Grammar (``CRLF`` is ``\r\n``; a line has no other CR or LF; ``length`` is ``[0-9]+``)::

    stream    = { { attribute } ( reply | push ) }
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
    push      = ">" length CRLF element...               Push; only at top level; behind the word
                                                         "invalidate", all strings stay bytes

Keys of maps and attributes, and elements of sets, are hashable: an aggregate in such a place is built
frozen, including its elements (array: tuple, map: tuple of pairs, set: frozenset), and may be nested at
most 32 deep there, because hashing recurses in C. The streamed types of RESP3 are not accepted.

Numbers are recognised in bulk strings only, before the charset is applied: ``[+-]?[0-9]+`` of at most
4,300 digits is an int; ``[+-]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?`` is a float if it is finite;
anything else is text. The charset decodes text; text that it cannot decode stays bytes,
or is decoded with U+FFFD for malformed bytes, or the reply becomes a DecodeError (``undecodable``).
Map keys and set elements stay text if too many of them would have the same hash (see :mod:`._keys`).

A line, without its CRLF, has at most ``max_line_length`` bytes; a simple string or error has at most
``max_text_length``. The chunks in which input arrives affect neither whether it is malformed nor the error's message.

The parts have modules of their own, in pure Python and compiled: the input buffer (``_pyinput``, ``_cinput``), lines
and strings (``_pyscalars``, ``_cscalars``), large bulk strings (``_pylarge``, ``_clarge``), aggregates
(``_pyaggregates``, ``_caggregates``). This module exceeds 500 lines because it has the grammar and the reader's
documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal

from txredis_fast._tunables import ERROR_COST_BYTES, FIRST_SPLIT_BYTES, LARGE_BULK_BYTES
from txredis_fast.exceptions import ProtocolError, ResponseError
from txredis_fast.resp._keys import attributes_of
from txredis_fast.resp._pyaggregates import Frame, Nest, dict_of, may_collide
from txredis_fast.resp._pyencode import encode_command, encode_commands, key_slot
from txredis_fast.resp._pyinput import SCORED_LINE, SHORT_LENGTHS, Input
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
    Push,
    check_options,
    check_undecodable,
    copy_of_chunk,
    counted_error,
    is_invalidation,
    line_error,
    line_fault,
    malformed,
    text_length,
    undecodable_error,
)

if TYPE_CHECKING:
    from txredis_fast._types import Reply

__all__ = ["Reader", "dict_of", "encode_command", "encode_commands", "key_slot", "may_collide"]

_LINE_BREAK = re.compile(rb"[\r\n]").search

_MINUS, _COLON, _DOLLAR, _STAR, _BANG, _EQUALS, _PERCENT, _TILDE, _PIPE, _GREATER = b"-:$*!=%~|>"

#: The commonest replies of one line, without CRLF, and their values.
_USUAL_LINES: Final = {
    b"+OK": "OK",
    b"+PONG": "PONG",
    b"+QUEUED": "QUEUED",
    b"$-1": None,
    b"_": None,
    **{b":%d" % number: number for number in range(256)},
}
#: Bytes that sort at or after this begin with none of the characters of a number.
_AFTER_NUMBERS: Final = b":"

_BULKS = frozenset(b"$!=")
_AGGREGATES = frozenset(b"*%~|>")
#: Returned by ``Reader._element`` after it has opened an aggregate.
_OPENED: Final = object()


class Reader:
    """An incremental decoder of RESP2 and RESP3: :meth:`feed` it bytes, :meth:`get` replies. One per connection.

    The module's docstring has the grammar. All limits are positive ints.

    :param charset: codec of text; None: text stays bytes.
    :param convert_numbers: whether bulk strings that look like numbers become numbers: True, False, or ``"exact"``:
        only if formatting the number restores the same bytes.
    :param undecodable: None: text that the charset cannot decode stays bytes. ``"replace"``: it is decoded as by
        ``bytes.decode(charset, "replace")``, so that all text is str. ``"error"``: a reply with such text, at any
        depth, is returned as a :exc:`.DecodeError`, not raised, whose attribute ``reply`` is the reply; in pushes and
        attributes such text stays bytes. Without effect if ``charset`` is None.
    :param max_bulk_length: maximum bytes in a bulk string, bulk error or verbatim string; default 512 MiB.
    :param max_elements: maximum number of elements announced in one reply, including nested ones and attributes; a
        pair counts two; default 2**26.
    :param max_depth: maximum nesting of aggregates; default 1,024.
    :param max_line_length: maximum bytes in a line, without CRLF; default 64 KiB.
    :param max_text_length: the same for simple strings and errors; default 1 MiB, or ``max_line_length`` if only that
        is set.
    :param max_buffered: maximum bytes of an incomplete reply, checked after each chunk; a set in it counts 200 bytes
        more, a map or an error 100; default 1 GiB.
    :raise ValueError: an option is wrong; the message names it.

    :ivar on_error: None, or a function that is called with each :exc:`.ResponseError` as it is decoded, nested ones
        included, before the reply is returned. It must neither raise nor use the reader.
    """

    __slots__ = (
        "_attributes",
        "_broken",
        "_buffered",
        "_busy",
        "_channel",
        "_charset",
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
        "_scalars",
        "_usual",
        "on_error",
    )

    def __init__(
        self,
        charset: str | None = "utf-8",
        convert_numbers: bool | Literal["exact"] = True,
        *,
        undecodable: Literal["replace", "error"] | None = None,
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
        charset_name, numbers = check_options(charset, convert_numbers, limits)
        self._charset = charset_name
        self._scalars = Scalars(charset_name, numbers, check_undecodable(undecodable))
        self._max_bulk = min(max_bulk_length, HUGE)
        self._max_elements = min(max_elements, HUGE)
        self._nest = Nest(min(max_depth, HUGE), self._max_elements)
        self._max_line = min(max_line_length, HUGE)
        max_text = min(text_length(max_text_length, max_line_length), HUGE)
        self._input = Input(self._max_line, max_text)
        self._max_buffered = min(max_buffered, HUGE)
        #: Whether all limits are high enough for :meth:`_take_bulks`, which does not check them.
        self._quick = self._max_bulk >= len(SHORT_LENGTHS) and self._max_line >= 4
        #: Whether :meth:`get` may decode the usual replies itself: no limit is that low, and ASCII is text by no codec
        #: that runs Python code.
        self._usual = (
            self._quick and charset_name == "utf-8" and min(self._max_line, max_text) >= max(map(len, _USUAL_LINES))
        )
        #: The incomplete large bulk string, if any.
        self._large: LargeString | None = None
        #: Whether the current reply is raw; None before its first byte.
        self._raw: bool | None = None
        self._pending_attributes: dict[Any, Any] | None = None
        self._attributes: dict[Any, Any] | None = None
        self._channel = Name()
        self._pattern = Name()
        self._errors: dict[str, int] = {}
        self.on_error: Callable[[ResponseError], object] | None = None
        self._fed = 0
        self._buffered = 0
        self._broken: str | None = None
        self._busy = False

    @property
    def attributes(self) -> dict[Any, Any] | None:
        """The RESP3 attributes of the last reply returned; None if it had none. Never raw."""
        return self._attributes

    # The getter runs no Python code, because a delivery of replies asks before each.
    buffered = property(attrgetter("_buffered"), doc="Number of bytes that were fed and not returned in replies.")

    @property
    def fed(self) -> int:
        """Number of bytes that were fed."""
        return self._fed

    @property
    def errors(self) -> dict[str, int]:
        """Number of error replies by their code, such as ``"ERR"``. Do not change it."""
        return self._errors

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Append received bytes.

        :raise ProtocolError: an earlier call found the input malformed, or ``max_buffered`` is already exceeded.
        :raise TypeError: *data* is not bytes-like.
        """
        if self._busy or self._broken is not None:
            self._check_usable()
        chunk = data if type(data) is bytes else copy_of_chunk(data)
        size = len(chunk)
        if not self._buffered:
            self._input.buf, self._input.pos = chunk, 0
            self._buffered = size
            self._fed += size
            return
        if self._buffered + self._nest.extra > self._max_buffered:
            self._check_buffered()
        self._fed += size
        self._buffered += size
        if self._large is not None and self._large.left:
            with memoryview(chunk) as view:
                taken = self._large.append(view)
            if taken == size:
                return
            chunk = chunk[taken:]
        self._input.feed(chunk)

    @property
    def awaited(self) -> int:
        """Number of bytes that are missing from the current large bulk string; 0 if there is none."""
        return 0 if self._large is None else self._large.left

    def receive(self, recv_into: Callable[[memoryview], int], limit: int) -> int:
        """Receive bytes straight into the current large bulk string; for use while :attr:`awaited` is positive.

        :param recv_into: a function like ``socket.recv_into``: it writes to the buffer passed to it and returns the
            number of bytes written. It must not keep the buffer. If it raises, the exception is passed on and the
            reader is unchanged.
        :param limit: maximum number of bytes.
        :returns: the result of ``recv_into``.
        :raise ProtocolError: as :meth:`feed`.
        :raise ValueError: no bytes are awaited, or ``recv_into`` returned an impossible number.
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
        self._buffered += size
        return size

    def forget(self) -> None:
        """Drop the bytes that were fed and not returned, because the connection is lost. The counters stay.

        A call from inside another call of the reader, for example from a codec, has no effect.
        """
        if not self._busy:
            self._clear()
            self._attributes = None

    def get(self, raw: bool = False) -> Reply:
        """Return the next complete reply or push.

        :param raw: whether bulk, simple and verbatim strings of this reply stay bytes. The call that decodes the
            reply's first byte decides, even if a later call completes the reply. A push is never raw, but for the
            keys of ``invalidate``, which are names, and always bytes.
        :returns: its value, or :data:`INCOMPLETE`.
        :raise ProtocolError: the input is malformed. Every later call raises it again.
        """
        if self._busy or self._broken is not None:
            self._check_usable()
        if not self._buffered:
            return INCOMPLETE
        if self._usual and not raw and self._raw is None and self._pending_attributes is None:
            # The usual replies, short text and the commonest lines, are decoded here: the long way has many calls.
            waiting = self._input
            buf, begin = waiting.buf, waiting.pos
            line, *rest = buf[begin : begin + FIRST_SPLIT_BYTES].split(b"\r\n", 2)
            value: Reply = None
            end = 0
            if len(rest) == 2 and SHORT_LENGTHS.get(line) == len(rest[0]):
                if rest[0] >= _AFTER_NUMBERS and rest[0].isascii():
                    value = rest[0].decode()
                    end = begin + len(line) + len(rest[0]) + 4
            elif rest and line in _USUAL_LINES:
                value = _USUAL_LINES[line]
                end = begin + len(line) + 2
            if end:
                is_last = end == len(buf)
                # Assignments only: after a call that raises, the reply would be lost.
                self._attributes = None
                self._buffered -= end - begin
                waiting.buf, waiting.pos = (b"", 0) if is_last else (buf, end)
                return value
        self._busy = True
        try:
            return self._run(bool(raw), None)
        finally:
            self._busy = False

    def get_all(self) -> list[Any]:
        """Return all complete replies and pushes.

        :raise ProtocolError: as :meth:`get`. If replies precede the malformed input, this call returns them and the
            next call raises.
        """
        return self.get_many(HUGE)

    def get_many(self, limit: int) -> list[Any]:
        """Return complete replies and pushes.

        :param limit: maximum number of them.
        :raise ProtocolError: as :meth:`get_all`.
        """
        self._check_usable()
        self._busy = True
        replies: list[Any] = []
        try:
            self._run(False, replies, limit)
        except Exception:
            # The replies before the fault are returned. The reader has not consumed the fault: the next call raises.
            if not replies:
                raise
        finally:
            self._busy = False
        return replies

    def get_message(self, kind: bytes) -> tuple[Any, Any, Any] | None:
        """Return the next reply if it is a complete published message of short strings.

        A fast path for subscribers: it makes the same values as :meth:`get` at a fraction of the cost. The caller uses
        :meth:`get` for every other reply, including longer messages.

        :param kind: type byte of a message: ``b"*"``, an array (RESP2), or ``b">"``, a push (RESP3).
        :returns: ``(pattern or None, channel, message)``; None, with nothing consumed, for any other reply, also for
            an array that :meth:`get` returns as a :exc:`.DecodeError`.
        :raise ProtocolError: an earlier call found the input malformed.
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
            if self._scalars.failed and kind == b"*":
                return None
        finally:
            self._busy = False
            self._raw = None
            self._scalars.failed = False
        self._input.pos = end
        self._attributes = None
        self._end_reply()
        return pattern, channel, message

    def _check_usable(self) -> None:
        """Refuse a reentrant call (from a codec that this reader is calling), and any call after an error."""
        if self._busy:
            raise RuntimeError("this reader is in use by another call")
        if self._broken is not None:
            raise ProtocolError(self._broken)

    def _fail(self, message: str) -> ProtocolError:
        """Mark the reader as broken, and return the error to raise."""
        self._broken = message
        self._clear()
        return ProtocolError(message)

    def _clear(self) -> None:
        """Drop all bytes that were fed and not returned."""
        self._input.clear()
        self._large = None
        self._nest.clear()
        self._pending_attributes = None
        self._end_reply()

    def _check_buffered(self) -> None:
        if self._buffered + self._nest.extra > self._max_buffered:
            raise self._fail(f"expected a complete reply within {self._max_buffered} bytes, got more")

    def _run(self, raw: bool, replies: list[Any] | None, limit: int = HUGE) -> Reply:
        """Return the next reply; or, if *replies* is given, append up to *limit* complete replies to it."""
        frames = self._nest.frames
        while replies is None or len(replies) < limit:
            if frames and frames[-1].kind == _GREATER and not self._raw:
                self._begin_push(frames[-1])
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
                if self._scalars.failed and len(frames) == 1:
                    value = self._judged(value)
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

    def _begin_push(self, frame: Frame) -> None:
        """Decode the first word of a push, if it is complete: it decides whether the following strings stay bytes."""
        if not frame.items and frame.size and self._quick and self._large is None:
            self._take_bulks(frame.items, 1, False)
        if len(frame.items) == 1 and is_invalidation(frame.items[0]):
            self._raw = True

    def _judged(self, value: Any) -> Any:
        """Return a complete reply, or its error: text in it or in its attributes could not be decoded.

        Called before the reply's last byte is consumed, because a codec may raise.
        """
        if not self._raw and self._charset is not None and type(value) is not Push:
            error = undecodable_error(value, self._charset)
            value = value if error is None else error
        self._scalars.failed = False
        return value

    def _bulk_reply(self, data: bytes) -> Any:
        """Make the value of a bulk string that is a complete reply."""
        value = self._scalars.bulk(data)
        return self._judged(value) if self._scalars.failed else value

    def _end_reply(self) -> None:
        self._buffered = self._input.settle()
        self._raw = None
        self._scalars.failed = False
        if self._nest.elements or self._nest.extra:
            self._nest.end_reply()

    def _take_bulks(self, items: list[Any], limit: int, raw: bool) -> bool:
        """Decode the short bulk strings that are next in the input, and append them to ``items``.

        :returns: whether there were any. :meth:`_element` decodes everything else.
        """
        begin = self._input.pos
        if self._input.buf[begin : begin + 1] != b"$":
            return False
        failed = True
        try:
            convert = self._scalars.bulk if self._nest.frames else self._bulk_reply
            self._input.take_bulks(items, limit, None if raw else convert)
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

    def _take_scored(self, frame: Frame) -> bool:
        """Decode the arrays of a short bulk string and a double that are next in an array.

        Looked for at the beginning and after another one only, because looking costs time.

        :returns: whether there were any.
        """
        items = frame.items
        count = len(items)
        if count:
            last = items[-1]
            if last.__class__ is not list or len(last) != 2 or last[1].__class__ is not float:
                return False
        if frame.kind != _STAR or frame.frozen or not self._quick or self._max_line < SCORED_LINE:
            return False
        limit = min(frame.size - count, self._nest.room_for(2))
        try:
            self._input.take_scored(items, limit, None if self._raw else self._scalars.bulk)
        finally:
            self._nest.elements += 2 * (len(items) - count)
        return len(items) > count

    def _element(self, raw: bool) -> Reply:
        """Decode one element other than an aggregate; or open aggregates and return ``_OPENED``."""
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
                    if line == b"2" and self._nest.frames and self._take_scored(self._nest.frames[-1]):
                        return _OPENED
                    value = self._open(kind, line)
                elif kind == _MINUS and not _LINE_BREAK(line):
                    value = self._error(line)
                else:
                    value = self._scalars.line(kind, line, self._raw)
                    if value is MALFORMED:
                        raise self._fail(line_error(buf[pos:end], longest))
                    if self._scalars.failed and not self._nest.frames:
                        value = self._judged(value)
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

    def _finish_large(self, large: LargeString) -> Reply:
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

    def _string(self, kind: int, data: bytes) -> Reply:
        """Make the value of a bulk string, bulk error or verbatim string."""
        if kind == _BANG:
            return self._error(data)
        if self._raw:
            return data
        value = self._scalars.bulk(data) if kind == _DOLLAR else self._scalars.text(data)
        return self._judged(value) if self._scalars.failed and not self._nest.frames else value

    def _error(self, data: bytes) -> Exception:
        self._nest.extra += ERROR_COST_BYTES
        return counted_error(data.decode("utf-8", "replace"), self._errors, self.on_error)

    def _open(self, kind: int, line: bytes) -> Reply:
        """Open an aggregate from its header."""
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
    """Convert a length. A length far beyond every limit may be converted to another such length."""
    return int(digits) if len(digits) < 20 else int(digits.lstrip(b"0")[:20] or b"0")
