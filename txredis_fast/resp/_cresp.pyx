# cython: language_level=3, freethreading_compatible=True, binding=False, embedsignature=True
# cython: embedsignature.format=clinic
r"""RESP2 and RESP3, compiled: the same names and behaviour as :mod:`txredis_fast.resp._pyresp`.

That module has the grammar, the documentation and most reasons. The parts are the same, too: ``_cinput``,
``_cscalars``, ``_clarge`` and ``_caggregates``.

Python code can run in the middle of a call (codecs, warnings, finalizers). ``_busy`` makes the reader refuse calls from
it, so that pointers into the input stay valid. Input is consumed only after its value is made.

More than 500 lines, because the fast paths share the reader's C structure, and call each other for each value.
"""

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memcmp

from txredis_fast.resp._caggregates cimport Frame, Nest
from txredis_fast.resp._cinput cimport (
    NO_LINE_END, clear, consume, feed, find_message, is_type_byte, length, line_end, line_of_double, release, waiting,
    whole_bulk, whole_scored
)
from txredis_fast.resp._clarge cimport LargeString, begin_large
from txredis_fast.resp._cscalars cimport (
    Heading, MALFORMED, Name, PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE, SAFE_DIGITS, Scalars,
    digits, double_of, new_bytes, owned, short_integer
)

from txredis_fast import _tunables
from txredis_fast.exceptions import ProtocolError
from txredis_fast.resp import _shared
from txredis_fast.resp._caggregates import dict_of, may_collide
from txredis_fast.resp._cencode import encode_command, encode_commands, key_slot
from txredis_fast.resp._keys import attributes_of
from txredis_fast.resp._shared import (
    DEFAULT_MAX_BUFFERED, DEFAULT_MAX_BULK_LENGTH, DEFAULT_MAX_DEPTH, DEFAULT_MAX_ELEMENTS, DEFAULT_MAX_LINE_LENGTH,
    DEFAULT_MAX_TEXT_LENGTH, HUGE, check_options, check_undecodable, copy_of_chunk, counted_error, is_invalidation,
    Push, line_error, line_fault, malformed, text_length, undecodable_error
)

__all__ = ["Reader", "dict_of", "encode_command", "encode_commands", "key_slot", "may_collide"]

cdef object _INCOMPLETE = _shared.INCOMPLETE
cdef Py_ssize_t _LARGE_BULK = _tunables.LARGE_BULK_BYTES
cdef Py_ssize_t _HUGE = _shared.HUGE
cdef Py_ssize_t _ERROR_BYTES = _tunables.ERROR_COST_BYTES

cdef object _OPENED = object()


cdef class Reader:
    """See :class:`txredis_fast.resp._pyresp.Reader`."""

    def __cinit__(self, *args, **kwargs):
        clear(&self._input)
        self._nest = Nest.__new__(Nest)
        self._heading = Heading.__new__(Heading)
        self._pattern = Name.__new__(Name)
        self._errors = {}
        self._raw = -1
        self._broken = "the reader was not initialised"

    def __init__(
        self,
        charset="utf-8",
        convert_numbers=True,
        *,
        undecodable=None,
        max_bulk_length=DEFAULT_MAX_BULK_LENGTH,
        max_elements=DEFAULT_MAX_ELEMENTS,
        max_depth=DEFAULT_MAX_DEPTH,
        max_line_length=DEFAULT_MAX_LINE_LENGTH,
        max_text_length=DEFAULT_MAX_TEXT_LENGTH,
        max_buffered=DEFAULT_MAX_BUFFERED,
    ):
        cdef dict limits = {
            "max_bulk_length": max_bulk_length,
            "max_elements": max_elements,
            "max_depth": max_depth,
            "max_line_length": max_line_length,
            "max_text_length": max_text_length,
            "max_buffered": max_buffered,
        }
        if self._busy:
            raise RuntimeError("this reader is in use by another call")
        charset_name, numbers = check_options(charset, convert_numbers, limits)
        self._scalars = Scalars(charset_name, numbers, check_undecodable(undecodable))
        self._input.max_bulk = min(max_bulk_length, HUGE)
        self._input.max_elements = self._nest.max_elements = min(max_elements, HUGE)
        self._nest.max_depth = min(max_depth, HUGE)
        self._input.max_line = min(max_line_length, HUGE)
        self._max_text = min(text_length(max_text_length, max_line_length), HUGE)
        self._max_any_line = min(self._max_text, self._input.max_line)
        self._max_buffered = min(max_buffered, HUGE)
        self._clear()
        self._attributes = None
        self._heading.data = self._pattern.data = None
        self._broken = None

    def __dealloc__(self):
        clear(&self._input)

    @property
    def attributes(self):
        """See :attr:`txredis_fast.resp._pyresp.Reader.attributes`."""
        return self._attributes

    @property
    def buffered(self):
        """See :attr:`txredis_fast.resp._pyresp.Reader.buffered`."""
        return self._fed - self._returned

    @property
    def fed(self):
        """See :attr:`txredis_fast.resp._pyresp.Reader.fed`."""
        return self._fed

    @property
    def errors(self):
        """See :attr:`txredis_fast.resp._pyresp.Reader.errors`."""
        return self._errors

    @cython.critical_section
    def feed(self, data):
        """See :meth:`txredis_fast.resp._pyresp.Reader.feed`."""
        self.take(data)

    cdef int take(self, object data) except -1:
        cdef bytes chunk
        cdef Py_ssize_t size
        cdef Py_ssize_t taken = 0
        self._check_usable()
        chunk = <bytes>data if type(data) is bytes else copy_of_chunk(data)
        self._check_buffered()
        size = PyBytes_GET_SIZE(chunk)
        if self._large is not None and self._large.filled < self._large.length:
            taken = min(size, self._large.length - self._large.filled)
            self._make_room(taken)
            self._large.append(PyBytes_AS_STRING(chunk), taken)
        feed(&self._input, chunk, taken)
        self._fed += size
        return 0

    @property
    def awaited(self):
        """See :attr:`txredis_fast.resp._pyresp.Reader.awaited`."""
        return 0 if self._large is None else self._large.length - self._large.filled

    @cython.critical_section
    def receive(self, recv_into, Py_ssize_t limit):
        """See :meth:`txredis_fast.resp._pyresp.Reader.receive`."""
        cdef LargeString large = self._large
        cdef Py_ssize_t size
        self._check_usable()
        if limit < 1 or large is None or large.filled == large.length:
            raise ValueError("nothing can be received now")
        self._check_buffered()
        self._make_room(1)
        self._busy = True
        try:
            size = large.receive(recv_into, limit)
        finally:
            self._busy = False
            if large.is_lost():
                self._fail("expected recv_into to let go of its buffer")
        self._check_usable()
        self._fed += size
        return size

    @cython.critical_section
    def forget(self):
        """See :meth:`txredis_fast.resp._pyresp.Reader.forget`."""
        if not self._busy:
            self._clear()
            self._attributes = None

    @cython.critical_section
    def get(self, raw=False):
        """See :meth:`txredis_fast.resp._pyresp.Reader.get`."""
        return self.next(raw)

    cdef object next(self, bint raw):
        self._check_usable()
        self._busy = True
        try:
            return self._run(raw, None, 0)
        finally:
            self._busy = False

    @cython.critical_section
    def get_all(self):
        """See :meth:`txredis_fast.resp._pyresp.Reader.get_all`."""
        return self.get_many(_HUGE)

    @cython.critical_section
    def get_many(self, Py_ssize_t limit):
        """See :meth:`txredis_fast.resp._pyresp.Reader.get_many`."""
        cdef list replies = []
        self._check_usable()
        self._busy = True
        try:
            self._run(False, replies, limit)
        except Exception:
            if not replies:
                raise
        finally:
            self._busy = False
        return replies

    @cython.critical_section
    def get_message(self, bytes kind not None):
        """See :meth:`txredis_fast.resp._pyresp.Reader.get_message`."""
        cdef PyObject *parts[3]
        if not self.next_message(kind, parts):
            return None
        return owned(parts[0]), owned(parts[1]), owned(parts[2])

    cdef bint next_message(self, bytes kind, PyObject **parts) except -1:
        cdef Heading heading = self._heading
        cdef Py_ssize_t start = 0
        cdef Py_ssize_t known, size
        cdef const char *text
        if self._busy or self._broken is not None:
            self._check_usable()  # raises
        if (
            self._nest.frame is not None or self._raw >= 0 or self._large is not None
            or self._pending_attributes is not None
        ):
            return False
        text = self._input.data + self._input.pos
        known = heading.begins(text, waiting(&self._input))
        if known == 0 or text[0] != PyBytes_AS_STRING(kind)[0]:
            return self._next_with_heading(PyBytes_AS_STRING(kind)[0], parts)
        self._input.pos += known
        size = whole_bulk(&self._input, &start)
        self._input.pos -= known
        if size < 0:
            return False
        self._busy = True
        try:
            parts[2] = self._scalars.fresh_bulk(self._input.data + start, size)
            if self._scalars.failed and kind[0] == c"*":
                Py_XDECREF(parts[2])
                return False
        finally:
            self._busy = False
            self._scalars.failed = False
        heading.values(parts)
        self._consume_message(start + size + 2)
        return True

    cdef bint _next_with_heading(self, char kind, PyObject **parts) except -1:
        """As ``next_message()``, of a message whose heading is not that of the one before."""
        cdef Py_ssize_t starts[3]
        cdef Py_ssize_t sizes[3]
        cdef Py_ssize_t end
        cdef Py_ssize_t begin = self._input.pos
        cdef const char *text = self._input.data
        cdef object pattern = None
        cdef object channel
        cdef int names = find_message(&self._input, kind, starts, sizes, &end)
        if names == 0:
            return False
        self._busy = True
        try:
            if names == 2:
                pattern = self._pattern.value_of(self._scalars, text + starts[0], sizes[0])
            channel = owned(self._scalars.fresh_bulk(text + starts[names - 1], sizes[names - 1]))
            parts[2] = self._scalars.fresh_bulk(text + starts[names], sizes[names])
            if self._scalars.failed and kind == c"*":
                Py_XDECREF(parts[2])
                return False
            self._heading.keep(text + begin, starts[names - 1] + sizes[names - 1] + 2 - begin, pattern, channel)
        finally:
            self._busy = False
            self._scalars.failed = False
        Py_INCREF(pattern)
        Py_INCREF(channel)
        parts[0] = <PyObject *>pattern
        parts[1] = <PyObject *>channel
        self._consume_message(end)
        return True

    cdef inline void _consume_message(self, Py_ssize_t end) noexcept:
        consume(&self._input, end - self._input.pos)
        self._returned = self._fed - waiting(&self._input)
        self._attributes = None

    cdef int _check_usable(self) except -1:
        """Refuse a reentrant call (from a codec that this reader is calling), and any call after an error."""
        if self._busy:
            raise RuntimeError("this reader is in use by another call")
        if self._broken is not None:
            raise ProtocolError(self._broken)
        return 0

    cdef void _clear(self) noexcept:
        """Drop all bytes that were fed and not returned."""
        clear(&self._input)
        self._large = None
        self._nest.clear()
        self._raw = -1
        self._pending_attributes = None
        self._returned = self._fed
        if self._scalars is not None:
            self._scalars.failed = False

    cdef object _fail(self, str message):
        """Mark the reader as broken, and return the error to raise."""
        self._broken = message
        self._clear()
        return ProtocolError(message)

    cdef int _check_buffered(self) except -1:
        if self._fed - self._returned + self._nest.extra > self._max_buffered:
            raise self._fail(f"expected a complete reply within {self._max_buffered} bytes, got more")
        return 0

    cdef object _judged(self, object value):
        """See :meth:`txredis_fast.resp._pyresp.Reader._judged`. ``_raw`` is 1 if the reply is raw."""
        cdef object error
        if self._raw != 1 and self._scalars.charset is not None and type(value) is not Push:
            error = undecodable_error(value, self._scalars.charset)
            if error is not None:
                value = error
        self._scalars.failed = False
        return value

    cdef int _begin_push(self, Frame frame) except -1:
        """See :meth:`txredis_fast.resp._pyresp.Reader._begin_push`."""
        if frame.left and frame.left == frame.size and self._large is None:
            self._fill_frame(frame, frame.left - 1)
        if frame.left == frame.size - 1 and is_invalidation(frame.items[0]):
            self._raw = True
        return 0

    cdef int _fill_frame(self, Frame frame, Py_ssize_t rest) except -1:
        """Decode the complete bulk strings, doubles, and pairs of these that are next in an aggregate.

        _element() decodes everything else.

        :param rest: number of elements of the aggregate that are left to be decoded later.
        """
        cdef Scalars scalars = self._scalars
        cdef bint raw = self._raw
        cdef const char *text
        cdef Py_ssize_t start = 0
        cdef Py_ssize_t size
        while frame.left > rest:
            size = whole_bulk(&self._input, &start)
            if size < 0:
                if waiting(&self._input) > 4 and self._fill_doubles(frame):
                    continue
                break
            text = self._input.data + start
            frame.add(new_bytes(text, size) if raw else scalars.fresh_bulk(text, size))
            consume(&self._input, start + size + 2 - self._input.pos)
        return 0

    cdef bint _fill_doubles(self, Frame frame) except -1:
        """Decode one complete double, or one pair of a bulk string and a double; tell whether there was one."""
        cdef const char *text = self._input.data + self._input.pos
        cdef object value, member
        cdef PyObject *fresh
        cdef Py_ssize_t size
        cdef Py_ssize_t start = 0
        cdef Py_ssize_t score = 0
        cdef Py_ssize_t score_size = 0
        if text[0] == c",":
            score = self._input.pos
            score_size = line_of_double(&self._input, score)
            if score_size < 0:
                return False
            value = double_of(self._input.data + score + 1, score_size - 1)
            if value is MALFORMED:
                return False
        elif (
            text[0] == c"*" and frame.kind == c"*" and not frame.frozen
            and len(self._nest.around) + 1 < self._nest.max_depth
            and self._nest.elements + 2 <= self._nest.max_elements
        ):
            size = whole_scored(&self._input, &start, &score, &score_size)
            if size < 0:
                return False
            value = double_of(self._input.data + score + 1, score_size - 1)
            if value is MALFORMED:
                return False
            text = self._input.data + start
            fresh = new_bytes(text, size) if self._raw else self._scalars.fresh_bulk(text, size)
            member = owned(fresh)
            value = [member, value]
            self._nest.elements += 2
        else:
            return False
        Py_INCREF(value)
        frame.add(<PyObject *>value)
        consume(&self._input, score + score_size + 2 - self._input.pos)
        return True

    cdef object _run(self, bint raw, list replies, Py_ssize_t limit):
        """Return the next reply; or, if *replies* is given, append up to *limit* complete replies to it."""
        cdef Frame frame
        cdef object value
        cdef PyObject *fresh
        cdef const char *text
        cdef Py_ssize_t start = 0
        cdef Py_ssize_t size
        while replies is None or len(replies) < limit:
            frame = self._nest.frame
            if frame is not None:
                if frame.kind == c">" and not self._raw:
                    self._begin_push(frame)
                if self._large is None:
                    self._fill_frame(frame, 0)
            elif self._raw < 0 and self._pending_attributes is None:
                size = whole_bulk(&self._input, &start)
                if size >= 0:
                    self._raw = raw
                    text = self._input.data + start
                    fresh = new_bytes(text, size) if raw else self._scalars.fresh_bulk(text, size)
                    self._raw = -1
                    if self._scalars.failed:
                        value = owned(fresh)
                        value = self._judged(value)
                        Py_INCREF(value)
                        fresh = <PyObject *>value
                    consume(&self._input, start + size + 2 - self._input.pos)
                    self._returned = self._fed - waiting(&self._input)
                    if self._attributes is not None:
                        self._attributes = None
                    if replies is None:
                        return owned(fresh)
                    value = owned(fresh)
                    replies.append(value)
                    continue
            if frame is not None and frame.left == 0:
                if frame.kind == c"|":
                    if not self._nest.around:
                        if self._pending_attributes is None:
                            self._pending_attributes = {}
                        self._pending_attributes.update(attributes_of(frame.items))
                        self._raw = -1
                    self._nest.close()
                    continue
                value = frame.build()
                if self._scalars.failed and not self._nest.around:
                    value = self._judged(value)
                self._nest.close()
                frame = self._nest.frame
            else:
                value = self._element(raw)
                if value is _OPENED:
                    continue
                if value is _INCOMPLETE:
                    if waiting(&self._input) == 0:
                        release(&self._input)
                    self._check_buffered()
                    return value
            if frame is not None:
                Py_INCREF(value)
                frame.add(<PyObject *>value)
                continue
            self._returned = self._fed - waiting(&self._input)
            self._attributes = self._pending_attributes
            self._pending_attributes = None
            self._raw = -1
            self._scalars.failed = False
            self._nest.end_reply()
            if replies is None:
                return value
            replies.append(value)

    cdef object _element(self, bint raw):
        """Decode one element other than an aggregate; or open an aggregate and return ``_OPENED``."""
        cdef Py_ssize_t available = waiting(&self._input)
        cdef const char *text = self._input.data + self._input.pos
        cdef Py_ssize_t size, after, longest, i
        cdef object value
        cdef char kind
        if self._large is not None:
            return self._finish_large()
        if available == 0:
            return _INCOMPLETE
        kind = text[0]
        if not is_type_byte(kind) or (kind == c">" and self._nest.frame is not None):
            raise self._fail(
                malformed("a type byte" if self._nest.frame is None else "the type byte of an element", text[:1])
            )
        if self._raw < 0:
            self._raw = raw and kind != c">" and kind != c"|"

        # Most lines are a short number. Reading its digits finds the end of the line without a search.
        i = 1 + digits(text + 1, min(available - 1, SAFE_DIGITS))
        if i > 1 and available > i + 1 and text[i] == c"\r" and text[i + 1] == c"\n" and i <= self._max_any_line:
            after = i + 2
            if kind == c":":
                value = short_integer(text + 1, i - 1)
                consume(&self._input, after)
                return value
            size = short_integer(text + 1, i - 1)
        else:
            longest = self._max_text if kind == c"+" or kind == c"-" else self._input.max_line
            after = line_end(&self._input, longest)
            if after == 0:
                return _INCOMPLETE
            if after == NO_LINE_END:
                raise self._fail(line_fault(text[:min(available, longest + 2)], longest))
            size = length(text + 1, after - 3)
        if kind == c"$" or kind == c"!" or kind == c"=":
            return self._read_bulk(kind, text, size, after, available)
        if kind == c"*" or kind == c"%" or kind == c"~" or kind == c"|" or kind == c">":
            value = self._open(kind, text, size, after)
        else:
            value = self._simple(kind, text, after)
        consume(&self._input, after)
        return value

    cdef object _read_bulk(
        self, char kind, const char *text, Py_ssize_t size, Py_ssize_t after, Py_ssize_t available
    ):
        """Decode a bulk string, bulk error or verbatim string of ``size`` bytes, whose header ends at ``after``."""
        cdef object value
        if size < 0:
            if kind != c"$" or after != 5 or memcmp(text, b"$-1", 3) != 0:
                raise self._fail(line_error(text[:after], self._input.max_line))
            consume(&self._input, after)
            return None
        if size > self._input.max_bulk:
            raise self._fail(malformed(f"a bulk string of at most {self._input.max_bulk} bytes", text[:after - 2]))
        if kind == c"=":
            if size < 4:
                raise self._fail(line_error(text[:after], self._input.max_line))
            if available < after + 4:
                return _INCOMPLETE
            if text[after + 3] != c":":
                raise self._fail(malformed("a format of 3 bytes and ':'", text[after:after + 4]))
            after += 4
            size -= 4
        if available - after >= size + 2:
            if text[after + size] != c"\r" or text[after + size + 1] != c"\n":
                raise self._fail(malformed("CRLF after the bulk string", text[after + size:after + size + 2]))
            value = self._string(kind, text + after, size, None)
            consume(&self._input, after + size + 2)
            return value
        if size < _LARGE_BULK:
            return _INCOMPLETE
        self._large = begin_large(
            kind, text + after, min(size, available - after), size,
            self._scalars.ascii_superset and kind != c"!" and not self._raw,
        )
        consume(&self._input, after + self._large.filled)
        return self._finish_large()

    cdef int _make_room(self, Py_ssize_t size) except -1:
        """Make room for ``size`` bytes of the large bulk string."""
        try:
            self._large.make_room(size)
        except MemoryError:
            raise self._fail(f"expected memory for a bulk string of {self._large.length} bytes, got none")
        return 0

    cdef object _finish_large(self):
        cdef LargeString large = self._large
        cdef const char *end = self._input.data + self._input.pos
        cdef object value
        if large.filled < large.length or waiting(&self._input) < 2:
            return _INCOMPLETE
        if end[0] != c"\r" or end[1] != c"\n":
            raise self._fail(malformed("CRLF after the bulk string", end[:2]))
        value = self._string(large.kind, large.data(), large.length, large.whole())
        self._large = None
        consume(&self._input, 2)
        return value

    cdef object _string(self, char kind, const char *text, Py_ssize_t size, object whole):
        """Make the value of a bulk string, bulk error or verbatim string.

        :param whole: see :class:`txredis_fast.resp._cscalars.Scalars`.
        """
        cdef object value
        if kind == c"!":
            return self._error(text, size)
        if self._raw:
            return PyBytes_FromStringAndSize(text, size) if whole is None else whole
        value = self._scalars.bulk(text, size, whole) if kind == c"$" else self._scalars.text(text, size, whole)
        return self._judged(value) if self._scalars.failed and self._nest.frame is None else value

    cdef object _error(self, const char *text, Py_ssize_t size):
        self._nest.extra += _ERROR_BYTES
        return counted_error(PyUnicode_DecodeUTF8(text, size, b"replace"), self._errors, self.on_error)

    cdef object _simple(self, char kind, const char *text, Py_ssize_t after):
        """Make the value of a line that is a complete element."""
        cdef object value
        if kind == c"-":
            return self._error(text + 1, after - 3)
        value = self._scalars.line(kind, text + 1, after - 3, self._raw)
        if value is MALFORMED:
            raise self._fail(line_error(text[:after], self._input.max_line))
        return self._judged(value) if self._scalars.failed and self._nest.frame is None else value

    cdef object _open(self, char kind, const char *text, Py_ssize_t size, Py_ssize_t after):
        """Open an aggregate from its header."""
        cdef str fault
        if size < 0:
            if kind == c"*" and after == 5 and memcmp(text, b"*-1", 3) == 0:
                return None
            raise self._fail(line_error(text[:after], self._input.max_line))
        fault = self._nest.open(kind, 2 * size if kind == c"%" or kind == c"|" else size)
        if fault is not None:
            raise self._fail(malformed(fault, text[:after - 2]))
        return _OPENED
