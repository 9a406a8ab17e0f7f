# cython: language_level=3, freethreading_compatible=True, binding=False, embedsignature=True
# cython: embedsignature.format=clinic
r"""RESP2 and RESP3, compiled: the same names and behaviour as :mod:`txredis_fast.resp._pyresp`.

The grammar, the documentation and most reasons are there. What differs is how bytes are held: in one buffer,
which is the fed object itself where that suffices. Loops over ``const char *`` stay inside what has been fed;
everything else is checked as Cython does by default.

Python code can run in the middle of a call (codecs, warnings, finalizers): ``_busy`` keeps it out of the reader,
so that pointers into its buffer stay valid. Nothing is consumed before its value is made.
"""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_DecodeASCII, PyUnicode_DecodeLatin1, PyUnicode_DecodeUTF8
from libc.stdint cimport uint64_t
from libc.math cimport floor
from libc.string cimport memchr, memcmp, memcpy, memmove

from txredis_fast.exceptions import ProtocolError
from txredis_fast.resp import _shared
from txredis_fast.resp._cencode import encode_command, encode_commands
from txredis_fast.resp._keys import MAX_SAME_HASH, attributes_of, spread_at_once
from txredis_fast.resp._shared import (
    DEFAULT_MAX_BUFFERED,
    DEFAULT_MAX_BULK_LENGTH,
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_ELEMENTS,
    DEFAULT_MAX_LINE_LENGTH,
    DEFAULT_MAX_TEXT_LENGTH,
    HUGE,
    Push,
    check_options,
    counted_error,
    line_error,
    line_fault,
    malformed,
    parse_integer,
    text_length,
)

__all__ = ["Reader", "encode_command", "encode_commands", "may_collide"]

cdef extern from "Python.h":
    enum:
        Py_DTSF_ADD_DOT_0
    bytes PyBytes_FromStringAndSize(const char *data, Py_ssize_t size)
    const char *PyBytes_AS_STRING(bytes data)
    Py_ssize_t PyBytes_GET_SIZE(bytes data)
    double PyOS_string_to_double(const char *text, char **end, void *overflow) except? -1.0
    char *PyOS_double_to_string(double value, char code, int precision, int flags, int *kind) except NULL
    Py_ssize_t PyList_GET_SIZE(PyObject *items)
    PyObject *PyList_GET_ITEM(PyObject *items, Py_ssize_t index)
    bint PyFloat_CheckExact(PyObject *value)
    bint PyLong_CheckExact(PyObject *value)
    long long PyLong_AsLongLongAndOverflow(PyObject *value, int *overflow) except? -1
    void PyList_SET_ITEM(PyObject *items, Py_ssize_t index, PyObject *value)
    # On objects that nobody else can see yet, which may be written and resized.
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) except NULL
    char *bytes_data "PyBytes_AS_STRING"(PyObject *data)
    Py_ssize_t bytes_size "PyBytes_GET_SIZE"(PyObject *data)
    PyObject *new_text "PyUnicode_New"(Py_ssize_t size, unsigned int maximum) except NULL
    void *text_data "PyUnicode_DATA"(PyObject *text)
    # A cast that makes Cython take over a reference. To take a second one and drop the first may cost more than to
    # make a small object: CPython 3.12 and later write half of the reference count, which stalls reading it whole.
    object owned "(PyObject *)"(PyObject *value)
    Py_ssize_t text_size "PyUnicode_GET_LENGTH"(PyObject *text)

cdef extern from *:
    """
    #if defined(__linux__)
    #include <sys/mman.h>
    #include <unistd.h>
    #endif

    /* Ask for huge pages: making ordinary ones, one by one, is most of what a new large object costs. Where there are
       none, nothing is lost. */
    static void prefer_huge_pages(char *data, Py_ssize_t size)
    {
    #if defined(__linux__) && defined(MADV_HUGEPAGE)
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        size_t start = ((size_t)data + page - 1) / page * page;
        size_t end = ((size_t)data + (size_t)size) / page * page;
        (void)madvise((void *)start, end - start, MADV_HUGEPAGE);
    #else
        (void)data;
        (void)size;
    #endif
    }
    """
    void prefer_huge_pages(char *data, Py_ssize_t size)

cdef object _INCOMPLETE = _shared.INCOMPLETE
cdef Py_ssize_t _LARGE_BULK = _shared.LARGE_BULK
cdef Py_ssize_t _BELIEVED = _shared.BELIEVED
#: Objects from this size on are asked to lie in huge pages.
cdef Py_ssize_t _HUGE_PAGES_FROM = 4 * 1024 * 1024
cdef Py_ssize_t _HUGE = _shared.HUGE
cdef int _MAX_FROZEN_DEPTH = _shared.MAX_FROZEN_DEPTH
cdef Py_ssize_t _MAX_FROZEN = _shared.MAX_FROZEN
cdef Py_ssize_t _SET_BYTES = _shared.SET_BYTES
cdef Py_ssize_t _MAP_BYTES = _shared.MAP_BYTES
cdef Py_ssize_t _ERROR_BYTES = _shared.ERROR_BYTES
cdef Py_ssize_t _MAX_SAME_HASH = MAX_SAME_HASH
cdef Py_ssize_t _MAX_INT_DIGITS = _shared.MAX_INT_DIGITS
cdef int _NUMBERS_EXACT = _shared.NUMBERS_EXACT

#: Digits whose number surely fits a long long.
cdef enum:
    SAFE_DIGITS = 18

#: How many items a list has room for from the beginning, and how many where nesting is deeper than replies are.
cdef enum:
    PREPARED_ITEMS = 128
    DEEP_PREPARED_ITEMS = 8
    USUAL_DEPTH = 8

#: Strings up to here are checked for being ASCII, which spares the codec.
cdef enum:
    SHORT_TEXT = 64

#: Channels and patterns up to here are kept from one message to the next.
cdef enum:
    SHORT_NAME = 1000

#: A buffer of its own that is larger is released when it is empty.
cdef Py_ssize_t _KEEP_BUFFER = 256 * 1024

cdef enum Codec:
    CODEC_NONE, CODEC_UTF8, CODEC_ASCII, CODEC_LATIN1, CODEC_OTHER

cdef object _OPENED = object()
cdef object _NAN = float("nan")
cdef dict _SPECIAL_DOUBLES = {
    b"inf": float("inf"), b"+inf": float("inf"), b"-inf": float("-inf"), b"nan": _NAN, b"-nan": _NAN,
}
cdef object _OK = "OK", _QUEUED = "QUEUED", _PONG = "PONG"
cdef object _OK_BYTES = b"OK", _QUEUED_BYTES = b"QUEUED", _PONG_BYTES = b"PONG"


cdef inline bint _is_digit(char byte) noexcept:
    return c"0" <= byte <= c"9"


cdef Py_ssize_t _digits(const char *text, Py_ssize_t size) noexcept:
    """How many digits ``text`` begins with."""
    cdef Py_ssize_t i = 0
    while i < size and _is_digit(text[i]):
        i += 1
    return i


cdef inline bint _is_ascii(const char *text, Py_ssize_t size) noexcept:
    """Tell whether bytes are all ASCII; where there are 8 and more, the last 8 are looked at once more."""
    cdef uint64_t word = 0
    cdef uint64_t seen = 0
    cdef Py_ssize_t i
    if size < 8:
        memcpy(&word, text, size)
        return (word & <uint64_t>0x8080808080808080) == 0
    for i in range(0, size - 8, 8):
        memcpy(&word, text + i, 8)
        seen |= word
    memcpy(&word, text + size - 8, 8)
    return ((seen | word) & <uint64_t>0x8080808080808080) == 0


cdef inline long long _short_integer(const char *digits, Py_ssize_t count) noexcept:
    """Convert at most SAFE_DIGITS digits."""
    cdef long long value = 0
    cdef Py_ssize_t i
    for i in range(count):
        value = value * 10 + (digits[i] - c"0")
    return value


cdef inline Py_ssize_t _bulk_room(Py_ssize_t filled) noexcept:
    """See :func:`txredis_fast.resp._shared.bulk_room`."""
    return _HUGE if filled >= _BELIEVED else 16 * filled + _LARGE_BULK


cdef Py_ssize_t _length(const char *digits, Py_ssize_t count) noexcept:
    """Convert a length; -1 if it is none, and one far beyond every limit may come out as another such."""
    cdef Py_ssize_t value = 0
    cdef Py_ssize_t i
    if count == 0 or _digits(digits, count) != count:
        return -1
    for i in range(count):
        value = value * 10 + (digits[i] - c"0")
        if value > _HUGE // 16:
            return _HUGE + 1
    return value


cdef object _integer(const char *text, Py_ssize_t size):
    """Convert ``[+-]?[0-9]+``; None if it is none."""
    cdef Py_ssize_t sign = 1 if size and (text[0] == c"-" or text[0] == c"+") else 0
    cdef Py_ssize_t count = size - sign
    if count == 0 or _digits(text + sign, count) != count:
        return None
    if count > SAFE_DIGITS:
        return parse_integer(text[:size])
    cdef long long value = _short_integer(text + sign, count)
    return -value if text[0] == c"-" else value


cdef object _number(const char *text, Py_ssize_t size, bint exact):
    """Convert a bulk string that is a number; None if it is none. A byte that is no digit follows ``text``."""
    cdef Py_ssize_t sign = 1 if text[0] == c"-" or text[0] == c"+" else 0
    cdef Py_ssize_t whole = _digits(text + sign, size - sign)
    cdef Py_ssize_t i = sign + whole
    cdef Py_ssize_t count
    cdef long long value
    if i == size:
        if whole == 0 or whole > _MAX_INT_DIGITS:
            return None
        if exact and (text[0] == c"+" or (text[sign] == c"0" and size > 1)):
            return None
        if whole > SAFE_DIGITS:
            try:
                return int(text[:size])
            except ValueError:
                return None
        value = _short_integer(text + sign, whole)
        return -value if text[0] == c"-" else value
    if text[i] != c".":
        return None
    i += 1
    count = _digits(text + i, size - i)
    if whole == 0 and count == 0:
        return None
    i += count
    if i < size:
        if text[i] != c"e" and text[i] != c"E":
            return None
        i += 1
        if i < size and (text[i] == c"-" or text[i] == c"+"):
            i += 1
        if i == size or _digits(text + i, size - i) != size - i:
            return None
    cdef char *end
    cdef double real = PyOS_string_to_double(text, &end, NULL)
    if real - real != 0.0:
        return None
    cdef char *shortest
    if exact:
        if floor(real) == real:
            return None
        shortest = PyOS_double_to_string(real, c"r", 0, Py_DTSF_ADD_DOT_0, NULL)
        i = 0
        while i < size and shortest[i] == text[i]:
            i += 1
        count = shortest[i]
        PyMem_Free(shortest)
        if i != size or count != 0:
            return None
    return real


def may_collide(list keys not None):
    """See :func:`txredis_fast.resp._pyresp.may_collide`."""
    return _may_collide(keys)


cdef bint _may_collide(list keys) except -1:
    """Whether so many keys are numbers of which many may have the same hash."""
    cdef Py_ssize_t found = 0
    cdef Py_ssize_t i
    cdef int overflow = 0
    cdef PyObject *key
    if len(keys) <= _MAX_SAME_HASH:
        return False
    for i in range(len(keys)):
        key = PyList_GET_ITEM(<PyObject *>keys, i)
        if PyLong_CheckExact(key):
            PyLong_AsLongLongAndOverflow(key, &overflow)
            if overflow == 0:
                continue
        elif not PyFloat_CheckExact(key):
            continue
        found += 1
        if found > _MAX_SAME_HASH:
            return True
    return False


cdef list _keys(list items):
    return spread_at_once(items) if _may_collide(items) else items


cdef dict _dict(list items):
    """Dict of keys, each followed by its value."""
    cdef list keys
    cdef dict pairs = {}
    cdef Py_ssize_t i
    if len(items) > 2 * _MAX_SAME_HASH:
        keys = _keys(items[::2])
        for i in range(len(keys)):
            pairs[keys[i]] = items[2 * i + 1]
    else:
        for i in range(0, len(items), 2):
            pairs[items[i]] = items[i + 1]
    return pairs


@cython.final
@cython.no_gc
@cython.freelist(16)
cdef class _Frame:
    """An aggregate that is being read."""

    cdef char kind
    cdef int frozen
    cdef Py_ssize_t size
    cdef Py_ssize_t left
    cdef list items

    cdef inline int add(self, PyObject *fresh) except -1:
        """Put the next item where it belongs, and take over the reference to it."""
        cdef Py_ssize_t index = self.size - self.left
        cdef PyObject *items = <PyObject *>self.items
        cdef PyObject *replaced
        if index >= PyList_GET_SIZE(items):
            try:
                self.grow(index)
            except MemoryError:
                Py_XDECREF(fresh)
                raise
        replaced = PyList_GET_ITEM(items, index)
        PyList_SET_ITEM(items, index, fresh)
        Py_XDECREF(replaced)
        self.left -= 1
        return 0

    cdef int grow(self, Py_ssize_t index) except -1:
        """Make room for more items; by half, because what a header announces may never come."""
        self.items += [None] * min(self.left, max(PREPARED_ITEMS, index // 2))
        return 0

    cdef int child_frozen(self) noexcept:
        """The ``frozen`` of an aggregate that comes next in this one."""
        if self.frozen:
            return self.frozen + 1
        if self.kind == c"~":
            return 1
        return (self.kind == c"%" or self.kind == c"|") and self.left % 2 == 0

    cdef object build(self):
        """Make the value, once all items have come."""
        cdef list items = self.items
        cdef Py_ssize_t i
        if self.kind == c"*":
            return tuple(items) if self.frozen else items
        if self.kind == c"~":
            items = _keys(items)
            return frozenset(items) if self.frozen else set(items)
        if self.kind == c">":
            return Push(items)
        if self.frozen:
            return tuple([(items[i], items[i + 1]) for i in range(0, len(items), 2)])
        return _dict(items)


@cython.final
@cython.no_gc
cdef class _Name:
    """The channel, or pattern, of the last message: its bytes, and the value that they were converted to."""

    cdef bytes data
    cdef object value

    cdef inline bint is_for(self, const char *text, Py_ssize_t size) noexcept:
        return (
            self.data is not None and PyBytes_GET_SIZE(self.data) == size
            and memcmp(PyBytes_AS_STRING(self.data), text, size) == 0
        )


@cython.final
cdef class _Window:
    """A part of a large bulk string, to be written to as long as this object has it; knows who still holds it."""

    cdef char *_start
    cdef Py_ssize_t _size
    cdef Py_ssize_t _holders

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self._start, self._size, 0, flags)
        self._holders += 1

    def __releasebuffer__(self, Py_buffer *buffer):
        self._holders -= 1


cdef Py_ssize_t _written_by(object recv_into, _Window window) except? -1:
    with memoryview(window) as view:
        return recv_into(view)


cdef bytes _copy_of(object data):
    """Copy what was fed, where it is not bytes."""
    if isinstance(data, (bytes, bytearray)) or (isinstance(data, memoryview) and data.contiguous):
        return bytes(memoryview(data))
    raise TypeError(f"feed() takes bytes, bytearray or a contiguous memoryview, not {type(data).__name__}")


cdef class Reader:
    """See :class:`txredis_fast.resp._pyresp.Reader`."""

    #: The bytes being parsed are _data[_pos:_end]: part of _chunk, or of the buffer _own of _capacity bytes.
    cdef const char *_data
    cdef Py_ssize_t _pos
    cdef Py_ssize_t _end
    cdef bytes _chunk
    cdef char *_own
    cdef Py_ssize_t _capacity
    #: How far after _pos there is no line end.
    cdef Py_ssize_t _scanned
    #: A large bulk string that is being filled, how long it gets, and how far it is. It is an object that is ours
    #: alone: an ASCII str where what has come at first may be one, else bytes.
    cdef PyObject *_bulk
    cdef bint _bulk_is_text
    cdef bint _bulk_is_ascii
    cdef char _bulk_kind
    cdef Py_ssize_t _bulk_length
    cdef Py_ssize_t _bulk_filled
    #: The innermost aggregate being read, and those around it.
    cdef _Frame _frame
    cdef list _stack
    cdef Py_ssize_t _elements
    #: What its sets, maps and errors count besides their bytes; and how many of its aggregates are inside keys.
    cdef Py_ssize_t _extra
    cdef Py_ssize_t _frozen
    #: Whether the reply that has begun is raw; -1 before its first byte.
    cdef int _raw
    cdef object _attributes
    cdef dict _pending_attributes
    cdef dict _errors
    #: See :attr:`txredis_fast.resp._pyresp.Reader.on_error`.
    cdef public object on_error
    cdef long long _fed
    cdef long long _returned
    cdef str _broken
    cdef bint _busy
    cdef str _charset
    cdef Codec _codec
    cdef int _numbers
    #: Whether bulk strings stay bytes, and whether ASCII is text as it is.
    cdef bint _plain
    cdef bint _ascii_superset
    cdef Py_ssize_t _max_bulk
    cdef Py_ssize_t _max_elements
    cdef Py_ssize_t _max_depth
    cdef Py_ssize_t _max_line
    cdef Py_ssize_t _max_text
    cdef Py_ssize_t _max_buffered
    cdef _Name _channel
    cdef _Name _pattern

    def __cinit__(self, *args, **kwargs):
        self._data = b""
        self._stack = []
        self._channel = _Name.__new__(_Name)
        self._pattern = _Name.__new__(_Name)
        self._errors = {}
        self._raw = -1
        self._broken = "the reader was not initialised"

    def __init__(
        self,
        charset="utf-8",
        convert_numbers=True,
        *,
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
        self._charset, self._numbers = check_options(charset, convert_numbers, limits)
        self._codec = {
            None: CODEC_NONE, "utf-8": CODEC_UTF8, "ascii": CODEC_ASCII, "iso8859-1": CODEC_LATIN1,
        }.get(self._charset, CODEC_OTHER)
        self._plain = self._codec == CODEC_NONE and not self._numbers
        self._ascii_superset = self._codec in (CODEC_UTF8, CODEC_ASCII, CODEC_LATIN1)
        self._max_bulk = min(max_bulk_length, HUGE)
        self._max_elements = min(max_elements, HUGE)
        self._max_depth = min(max_depth, HUGE)
        self._max_line = min(max_line_length, HUGE)
        self._max_text = min(text_length(max_text_length, max_line_length), HUGE)
        self._max_buffered = min(max_buffered, HUGE)
        self._clear()
        self._attributes = None
        self._channel.data = self._pattern.data = None
        self._broken = None

    def __dealloc__(self):
        PyMem_Free(self._own)
        Py_XDECREF(self._bulk)

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
        cdef bytes chunk
        cdef Py_ssize_t size
        cdef Py_ssize_t taken = 0
        self._check_usable()
        chunk = <bytes>data if type(data) is bytes else _copy_of(data)
        self._check_buffered()
        size = PyBytes_GET_SIZE(chunk)
        if self._bulk != NULL and self._bulk_filled < self._bulk_length:
            taken = min(size, self._bulk_length - self._bulk_filled)
            self._make_room(taken)
            memcpy(self._bulk_data() + self._bulk_filled, PyBytes_AS_STRING(chunk), taken)
            self._bulk_has_more(taken)
        if self._pos == self._end:
            if taken < size:
                self._chunk = chunk
                self._data = PyBytes_AS_STRING(chunk)
                self._pos = taken
                self._end = size
        else:
            self._append(PyBytes_AS_STRING(chunk), size)
        self._fed += size

    @property
    def awaited(self):
        """See :attr:`txredis_fast.resp._pyresp.Reader.awaited`."""
        return 0 if self._bulk == NULL else self._bulk_length - self._bulk_filled

    @cython.critical_section
    def receive(self, recv_into, Py_ssize_t limit):
        """See :meth:`txredis_fast.resp._pyresp.Reader.receive`."""
        cdef _Window window
        cdef Py_ssize_t size
        self._check_usable()
        if limit < 1 or self._bulk == NULL or self._bulk_filled == self._bulk_length:
            raise ValueError("nothing can be received now")
        self._check_buffered()
        self._make_room(1)
        window = _Window.__new__(_Window)
        window._start = self._bulk_data() + self._bulk_filled
        window._size = min(limit, self._bulk_capacity() - self._bulk_filled)
        self._busy = True
        try:
            size = _written_by(recv_into, window)
        finally:
            self._busy = False
            if window._holders:
                # It may be written to at any time, so it can never be freed.
                self._bulk = NULL
                self._fail("expected recv_into to let go of its buffer")
        self._check_usable()
        if not 0 <= size <= window._size:
            raise ValueError(f"recv_into returned {size} for a buffer of {window._size} bytes")
        self._bulk_has_more(size)
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
        cdef bint as_bytes = raw
        self._check_usable()
        self._busy = True
        try:
            return self._run(as_bytes, None, 0)
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
        cdef Py_ssize_t starts[3]
        cdef Py_ssize_t sizes[3]
        cdef Py_ssize_t end
        cdef int names
        cdef object pattern = None
        cdef object channel, message
        self._check_usable()
        if self._frame is not None or self._raw >= 0 or self._bulk != NULL or self._pending_attributes is not None:
            return None
        names = self._find_message(PyBytes_AS_STRING(kind)[0], starts, sizes, &end)
        if names == 0:
            return None
        self._busy = True
        self._raw = False
        try:
            if names == 2:
                pattern = self._name(self._pattern, self._data + starts[0], sizes[0])
            channel = self._name(self._channel, self._data + starts[names - 1], sizes[names - 1])
            message = owned(self._bulk_value(self._data + starts[names], sizes[names]))
        finally:
            self._busy = False
            self._raw = -1
        self._consume(end - self._pos)
        self._returned = self._fed - (self._end - self._pos)
        self._attributes = None
        return pattern, channel, message

    cdef int _find_message(self, char kind, Py_ssize_t *starts, Py_ssize_t *sizes, Py_ssize_t *end) noexcept:
        """If a message comes next and is complete: where its strings are, and how many name the channel; else 0."""
        cdef const char *text = self._data + self._pos
        cdef Py_ssize_t begin = self._pos
        cdef Py_ssize_t size = 0
        cdef int names = 1
        cdef int i
        if (
            self._end - begin < 18 or text[0] != kind or text[2] != c"\r" or text[3] != c"\n"
            or self._max_bulk < 8 or self._max_elements < 4 or self._max_line < 2
        ):
            return 0
        if text[1] == c"3":
            if memcmp(text + 4, b"$7\r\nmessage\r\n", 13) == 0:
                self._pos += 17
            elif memcmp(text + 4, b"$8\r\nsmessage\r\n", 14) == 0:
                self._pos += 18
            else:
                return 0
        elif text[1] == c"4" and memcmp(text + 4, b"$8\r\npmessage\r\n", 14) == 0:
            self._pos += 18
            names = 2
        else:
            return 0
        for i in range(names + 1):
            size = self._whole_bulk(starts + i)
            if size < 0:
                break
            sizes[i] = size
            self._pos = starts[i] + size + 2
        end[0] = self._pos
        self._pos = begin
        return 0 if size < 0 else names

    cdef object _name(self, _Name name, const char *text, Py_ssize_t size):
        """Convert a name, where it is not that of the last message."""
        cdef object value
        if not name.is_for(text, size):
            value = owned(self._bulk_value(text, size))
            if size > SHORT_NAME:
                return value
            name.data = PyBytes_FromStringAndSize(text, size)
            name.value = value
        return name.value

    cdef inline int _check_usable(self) except -1:
        """Refuse to be called from a codec that this reader is calling, and after an error."""
        if self._busy:
            raise RuntimeError("this reader is in use by another call")
        if self._broken is not None:
            raise ProtocolError(self._broken)
        return 0

    cdef void _clear(self) noexcept:
        """Forget all that was fed and not returned."""
        self._data = b""  # not NULL, to which C does not even let 0 be added
        self._pos = self._end = self._scanned = 0
        self._chunk = None
        PyMem_Free(self._own)
        self._own = NULL
        self._capacity = 0
        Py_XDECREF(self._bulk)
        self._bulk = NULL
        self._frame = None
        self._stack = []
        self._elements = self._extra = self._frozen = 0
        self._raw = -1
        self._pending_attributes = None
        self._returned = self._fed

    cdef object _fail(self, str message):
        """End this reader, and make the error to be raised."""
        self._broken = message
        self._clear()
        return ProtocolError(message)

    cdef int _check_buffered(self) except -1:
        if self._fed - self._returned + self._extra > self._max_buffered:
            raise self._fail(f"expected a complete reply within {self._max_buffered} bytes, got more")
        return 0

    cdef int _append(self, const char *data, Py_ssize_t size) except -1:
        """Put bytes after those that wait; in amortised constant time a byte."""
        cdef Py_ssize_t rest = self._end - self._pos
        cdef Py_ssize_t capacity
        cdef char *own
        if self._data != self._own or self._capacity - self._end < size:
            if self._data == self._own and self._capacity - rest >= size and self._pos >= rest:
                memmove(self._own, self._own + self._pos, rest)
            else:
                capacity = rest + size + (rest + size) // 2 + 64
                own = <char *>PyMem_Malloc(capacity)
                if own == NULL:
                    raise MemoryError()
                memcpy(own, self._data + self._pos, rest)
                PyMem_Free(self._own)
                self._own = own
                self._capacity = capacity
                self._data = own
                self._chunk = None
            self._pos = 0
            self._end = rest
        memcpy(self._own + self._end, data, size)
        self._end += size
        return 0

    cdef inline void _consume(self, Py_ssize_t size) noexcept:
        self._pos += size
        self._scanned = 0

    cdef inline Py_ssize_t _whole_bulk(self, Py_ssize_t *start) noexcept:
        """If an ordinary bulk string comes next and is complete: its length and where it starts; else -1."""
        cdef const char *text = self._data + self._pos
        cdef Py_ssize_t available = self._end - self._pos
        cdef Py_ssize_t size = 0
        cdef Py_ssize_t i = 1
        if available < 6 or text[0] != c"$":
            return -1
        # At most 9 digits. At least 4 bytes must follow them, so that this many can be looked at.
        available = min(available - 4, 10)
        while i < available and _is_digit(text[i]):
            size = size * 10 + (text[i] - c"0")
            i += 1
        text += i
        if (
            self._end - self._pos - i < size + 4 or i == 1 or size > self._max_bulk or i > self._max_line
            or text[0] != c"\r" or text[1] != c"\n" or text[size + 2] != c"\r" or text[size + 3] != c"\n"
        ):
            return -1
        start[0] = self._pos + i + 2
        return size

    cdef inline PyObject *_bulk_value(self, const char *text, Py_ssize_t size) except NULL:
        """Make the value of a bulk string: the two commonest cases here, the others in _convert()."""
        cdef PyObject *fresh
        cdef object value
        if self._raw or self._plain:
            return new_bytes(text, size)
        if (
            8 <= size <= SHORT_TEXT and self._ascii_superset and (not self._numbers or text[0] > c"9")
            and _is_ascii(text, size)
        ):
            fresh = new_text(size, 127)
            memcpy(text_data(fresh), text, size)
            return fresh
        value = self._convert(c"$", text, size, NULL)
        Py_INCREF(value)
        return <PyObject *>value

    cdef int _fill_frame(self, _Frame frame) except -1:
        """Read the ordinary bulk strings that come next in an aggregate. All else is left to _element()."""
        cdef Py_ssize_t start = 0
        cdef Py_ssize_t size
        while frame.left:
            size = self._whole_bulk(&start)
            if size < 0:
                break
            frame.add(self._bulk_value(self._data + start, size))
            self._consume(start + size + 2 - self._pos)
        return 0

    cdef object _run(self, bint raw, list replies, Py_ssize_t limit):
        """Return the next reply; or, given a list, append those that are complete to it, up to a number."""
        cdef _Frame frame
        cdef object value
        cdef PyObject *fresh
        cdef Py_ssize_t start = 0
        cdef Py_ssize_t size
        while replies is None or len(replies) < limit:
            frame = self._frame
            if frame is not None:
                if self._bulk == NULL:
                    self._fill_frame(frame)
            elif self._raw < 0 and self._pending_attributes is None:
                size = self._whole_bulk(&start)
                if size >= 0:
                    self._raw = raw
                    fresh = self._bulk_value(self._data + start, size)
                    self._raw = -1
                    self._consume(start + size + 2 - self._pos)
                    self._returned = self._fed - (self._end - self._pos)
                    if self._attributes is not None:
                        self._attributes = None
                    if replies is None:
                        return owned(fresh)
                    value = owned(fresh)
                    replies.append(value)
                    continue
            if frame is not None and frame.left == 0:
                if frame.kind == c"|":
                    if not self._stack:
                        if self._pending_attributes is None:
                            self._pending_attributes = {}
                        self._pending_attributes.update(attributes_of(frame.items))
                        self._raw = -1
                    self._frame = self._stack.pop() if self._stack else None
                    continue
                value = frame.build()
                self._frame = self._stack.pop() if self._stack else None
                frame = self._frame
            else:
                value = self._element(raw)
                if value is _OPENED:
                    continue
                if value is _INCOMPLETE:
                    if self._pos == self._end:
                        self._release()
                    self._check_buffered()
                    return value
            if frame is not None:
                Py_INCREF(value)
                frame.add(<PyObject *>value)
                continue
            self._returned = self._fed - (self._end - self._pos)
            self._attributes = self._pending_attributes
            self._pending_attributes = None
            self._raw = -1
            self._elements = self._extra = self._frozen = 0
            if replies is None:
                return value
            replies.append(value)

    cdef void _release(self) noexcept:
        """Let go of buffers that are empty, except a small one of our own."""
        self._chunk = None
        self._data = b""  # not NULL, to which C does not even let 0 be added
        self._pos = self._end = 0
        if self._capacity > _KEEP_BUFFER:
            PyMem_Free(self._own)
            self._own = NULL
            self._capacity = 0

    cdef object _element(self, bint raw):
        """Read one value that is no aggregate, or open an aggregate and return ``_OPENED``."""
        cdef Py_ssize_t available = self._end - self._pos
        cdef const char *text = self._data + self._pos
        cdef Py_ssize_t size, after, i
        cdef object value
        cdef char kind
        if self._bulk != NULL:
            return self._finish_bulk()
        if available == 0:
            return _INCOMPLETE
        kind = text[0]
        if kind != c"$" and (
            memchr(b"+:*-_#,(%~!=|>", kind, 14) == NULL or (kind == c">" and self._frame is not None)
        ):
            raise self._fail(
                malformed("a type byte" if self._frame is None else "the type byte of an element", text[:1])
            )
        if self._raw < 0:
            self._raw = raw and kind != c">" and kind != c"|"

        # Most lines are a short number: their end is found by reading it.
        i = 1 + _digits(text + 1, min(available - 1, SAFE_DIGITS))
        if i > 1 and available > i + 1 and text[i] == c"\r" and text[i + 1] == c"\n" and i <= self._max_line:
            after = i + 2
            if kind == c":":
                value = _short_integer(text + 1, i - 1)
                self._consume(after)
                return value
            size = _short_integer(text + 1, i - 1)
        else:
            after = self._line_end(
                text, available, self._max_text if kind == c"+" or kind == c"-" else self._max_line
            )
            if after == 0:
                return _INCOMPLETE
            size = _length(text + 1, after - 3)
        if kind == c"$" or kind == c"!" or kind == c"=":
            return self._read_bulk(kind, text, size, after, available)
        if kind == c"*" or kind == c"%" or kind == c"~" or kind == c"|" or kind == c">":
            value = self._open(kind, text, size, after)
        else:
            value = self._simple(kind, text, after)
        self._consume(after)
        return value

    cdef Py_ssize_t _line_end(self, const char *text, Py_ssize_t available, Py_ssize_t longest) except -1:
        """Find where the line at ``text`` ends, its CRLF included; 0 if it does not yet."""
        cdef Py_ssize_t window = min(available, longest + 1)
        cdef Py_ssize_t start = self._scanned
        cdef Py_ssize_t end
        cdef const char *found = <const char *>memchr(text + start, c"\r", window - start)
        end = found - text if found != NULL else window
        if memchr(text + start, c"\n", end - start) == NULL:
            if found == NULL:
                if available <= longest:
                    self._scanned = end
                    return 0
            elif end + 1 == available:
                self._scanned = end
                return 0
            elif text[end + 1] == c"\n":
                return end + 2
        raise self._fail(line_fault(text[:min(available, longest + 2)], longest))

    cdef object _read_bulk(
        self, char kind, const char *text, Py_ssize_t size, Py_ssize_t after, Py_ssize_t available
    ):
        """Read a bulk string, bulk error or verbatim string whose line, up to ``after``, gave ``size``."""
        cdef object value
        if size < 0:
            if kind != c"$" or after != 5 or memcmp(text, b"$-1", 3) != 0:
                raise self._fail(line_error(text[:after], self._max_line))
            self._consume(after)
            return None
        if size > self._max_bulk:
            raise self._fail(malformed(f"a bulk string of at most {self._max_bulk} bytes", text[:after - 2]))
        if kind == c"=":
            if size < 4:
                raise self._fail(line_error(text[:after], self._max_line))
            if available < after + 4:
                return _INCOMPLETE
            if text[after + 3] != c":":
                raise self._fail(malformed("a format of 3 bytes and ':'", text[after:after + 4]))
            after += 4
            size -= 4
        if available - after >= size + 2:
            if text[after + size] != c"\r" or text[after + size + 1] != c"\n":
                raise self._fail(malformed("CRLF after the bulk string", text[after + size:after + size + 2]))
            value = self._convert(kind, text + after, size, NULL)
            self._consume(after + size + 2)
            return value
        if size < _LARGE_BULK:
            return _INCOMPLETE
        self._begin_bulk(kind, text + after, min(size, available - after), size)
        self._consume(after + self._bulk_filled)
        return self._finish_bulk()

    cdef int _begin_bulk(self, char kind, const char *data, Py_ssize_t filled, Py_ssize_t size) except -1:
        """Go on with a large bulk string, of which a part has come, in an object of its own."""
        self._bulk_is_text = self._ascii_superset and kind != c"!" and not self._raw and _is_ascii(data, filled)
        self._bulk_is_ascii = self._bulk_is_text
        self._bulk_kind = kind
        self._bulk_length = size
        self._bulk_filled = filled
        self._new_bulk(data, min(size, _bulk_room(filled)))
        return 0

    cdef inline char *_bulk_data(self) noexcept:
        return <char *>text_data(self._bulk) if self._bulk_is_text else bytes_data(self._bulk)

    cdef inline Py_ssize_t _bulk_capacity(self) noexcept:
        return text_size(self._bulk) if self._bulk_is_text else bytes_size(self._bulk)

    cdef int _make_room(self, Py_ssize_t size) except -1:
        """Make room for more of the large bulk string: at least ``size`` bytes, which it lacks."""
        cdef Py_ssize_t capacity
        cdef PyObject *old = self._bulk
        if self._bulk_filled + size <= self._bulk_capacity():
            return 0
        capacity = min(self._bulk_length, max(_bulk_room(self._bulk_filled), self._bulk_filled + size))
        try:
            self._new_bulk(self._bulk_data(), capacity)
        except MemoryError:
            raise self._fail(f"expected memory for a bulk string of {self._bulk_length} bytes, got none")
        Py_XDECREF(old)
        return 0

    cdef int _new_bulk(self, const char *filled_with, Py_ssize_t capacity) except -1:
        """Make the object that is filled, with what has come."""
        self._bulk = new_text(capacity, 127) if self._bulk_is_text else new_bytes(NULL, capacity)
        if capacity >= _HUGE_PAGES_FROM:
            prefer_huge_pages(self._bulk_data(), capacity)
        memcpy(self._bulk_data(), filled_with, self._bulk_filled)
        return 0

    cdef void _bulk_has_more(self, Py_ssize_t size) noexcept:
        """Take note of bytes that were written to the large bulk string, while they are in the processor's cache."""
        if self._bulk_is_ascii and not _is_ascii(self._bulk_data() + self._bulk_filled, size):
            self._bulk_is_ascii = False
        self._bulk_filled += size

    cdef object _finish_bulk(self):
        cdef const char *end = self._data + self._pos
        cdef object value
        if self._bulk_filled < self._bulk_length or self._end - self._pos < 2:
            return _INCOMPLETE
        if end[0] != c"\r" or end[1] != c"\n":
            raise self._fail(malformed("CRLF after the bulk string", end[:2]))
        # Full: the capacity reaches the length exactly when the last byte has come.
        value = self._convert(self._bulk_kind, self._bulk_data(), self._bulk_length, self._bulk)
        Py_XDECREF(self._bulk)
        self._bulk = NULL
        self._consume(2)
        return value

    cdef object _convert(self, char kind, const char *text, Py_ssize_t size, PyObject *bulk):
        """Make the value of a string. ``bulk`` is the large bulk string that it is the whole of, or NULL."""
        cdef object value
        cdef bytes whole = None
        if kind == c"!" or kind == c"-":
            self._extra += _ERROR_BYTES
            return counted_error(PyUnicode_DecodeUTF8(text, size, b"replace"), self._errors, self.on_error)
        if bulk != NULL and not self._bulk_is_text:
            whole = <bytes>bulk
        if not self._raw:
            if (
                self._numbers and kind == c"$" and size
                and (_is_digit(text[0]) or text[0] == c"-" or text[0] == c"+" or text[0] == c".")
            ):
                value = _number(text, size, self._numbers == _NUMBERS_EXACT)
                if value is not None:
                    return value
            if bulk != NULL and self._bulk_is_ascii:
                return <object>bulk
            if self._codec != CODEC_NONE:
                try:
                    if self._codec == CODEC_UTF8:
                        return PyUnicode_DecodeUTF8(text, size, NULL)
                    if self._codec == CODEC_ASCII:
                        return PyUnicode_DecodeASCII(text, size, NULL)
                    if self._codec == CODEC_LATIN1:
                        return PyUnicode_DecodeLatin1(text, size, NULL)
                    if whole is None:
                        whole = PyBytes_FromStringAndSize(text, size)
                    return whole.decode(self._charset)
                except UnicodeError:
                    pass
        return PyBytes_FromStringAndSize(text, size) if whole is None else whole

    cdef object _simple(self, char kind, const char *text, Py_ssize_t after):
        """Make the value of a line that is a whole reply."""
        cdef const char *line = text + 1
        cdef Py_ssize_t size = after - 3
        cdef bint as_bytes
        cdef object value
        if kind == c"+":
            as_bytes = self._raw or self._codec == CODEC_NONE
            if size == 2 and memcmp(line, b"OK", 2) == 0:
                return _OK_BYTES if as_bytes else _OK
            if size == 6 and memcmp(line, b"QUEUED", 6) == 0:
                return _QUEUED_BYTES if as_bytes else _QUEUED
            if size == 4 and memcmp(line, b"PONG", 4) == 0:
                return _PONG_BYTES if as_bytes else _PONG
            return self._convert(kind, line, size, NULL)
        if kind == c"-":
            return self._convert(kind, line, size, NULL)
        if kind == c":" or kind == c"(":
            value = _integer(line, size)
            if value is not None:
                return value
        elif kind == c"_":
            if size == 0:
                return None
        elif kind == c"#":
            if size == 1 and (line[0] == c"t" or line[0] == c"f"):
                return line[0] == c"t"
        else:
            value = _double(line, size)
            if value is not None:
                return value
        raise self._fail(line_error(text[:after], self._max_line))

    cdef object _open(self, char kind, const char *text, Py_ssize_t size, Py_ssize_t after):
        """Begin an aggregate."""
        cdef _Frame frame
        cdef int frozen = 0
        cdef Py_ssize_t depth = 0
        if size < 0:
            if kind == c"*" and after == 5 and memcmp(text, b"*-1", 3) == 0:
                return None
            raise self._fail(line_error(text[:after], self._max_line))
        if kind == c"%" or kind == c"|":
            size *= 2
        if self._frame is not None:
            frozen = self._frame.child_frozen()
            depth = len(self._stack) + 1
        if depth >= self._max_depth:
            raise self._fail(malformed(f"at most {self._max_depth} nested aggregates", text[:after - 2]))
        if self._elements + size > self._max_elements:
            raise self._fail(malformed(f"at most {self._max_elements} elements in a reply", text[:after - 2]))
        if frozen > _MAX_FROZEN_DEPTH:
            raise self._fail(malformed(f"at most {_MAX_FROZEN_DEPTH} nested aggregates in a key", text[:after - 2]))
        if frozen:
            self._frozen += 1
            if self._frozen > _MAX_FROZEN:
                raise self._fail(
                    malformed(f"at most {_MAX_FROZEN} aggregates in the keys of a reply", text[:after - 2])
                )
        if kind != c"*":
            self._extra += _SET_BYTES if kind == c"~" else _MAP_BYTES
        frame = _Frame.__new__(_Frame)
        frame.kind = kind
        frame.frozen = frozen
        frame.size = size
        frame.left = size
        frame.items = [None] * min(size, PREPARED_ITEMS if depth < USUAL_DEPTH else DEEP_PREPARED_ITEMS)
        if self._frame is not None:
            self._stack.append(self._frame)
        self._frame = frame
        self._elements += size
        return _OPENED


cdef object _double(const char *text, Py_ssize_t size):
    """Convert a RESP3 double; None if it is none. A CR follows ``text``."""
    cdef Py_ssize_t i = 1 if size and (text[0] == c"-" or text[0] == c"+") else 0
    cdef Py_ssize_t count = _digits(text + i, size - i)
    cdef char *end
    if count == 0:
        return _SPECIAL_DOUBLES.get(text[:size])
    i += count
    if i < size and text[i] == c".":
        i += 1
        i += _digits(text + i, size - i)
    if i < size and (text[i] == c"e" or text[i] == c"E"):
        i += 1
        if i < size and (text[i] == c"-" or text[i] == c"+"):
            i += 1
        if i == size:
            return None
        i += _digits(text + i, size - i)
        if not _is_digit(text[i - 1]):
            return None
    if i != size:
        return None
    return PyOS_string_to_double(text, &end, NULL)
