# cython: language_level=3, freethreading_compatible=True, binding=False
"""Lines and bulk strings -> numbers, text, bytes, compiled: see :mod:`txredis_fast.resp._pyscalars`.

The functions called for each value are inline, in ``_cscalars.pxd``.
"""

cimport cython
from cpython.mem cimport PyMem_Free
from cpython.unicode cimport PyUnicode_DecodeASCII, PyUnicode_DecodeLatin1, PyUnicode_DecodeUTF8
from libc.math cimport floor
from libc.string cimport memcmp

from txredis_fast.resp import _shared
from txredis_fast.resp._shared import parse_integer, replaced

cdef extern from "Python.h":
    enum:
        Py_DTSF_ADD_DOT_0
    double PyOS_string_to_double(const char *text, char **end, void *overflow) except? -1.0
    char *PyOS_double_to_string(double value, char code, int precision, int flags, int *kind) except NULL

cdef Py_ssize_t _MAX_INT_DIGITS = _shared.MAX_INT_DIGITS
cdef int _NUMBERS_EXACT = _shared.NUMBERS_EXACT
cdef int _REPLACED = _shared.UNDECODABLE_REPLACED
cdef int _FAILS = _shared.UNDECODABLE_FAILS

cdef object _NAN = float("nan")
cdef dict _SPECIAL_DOUBLES = {
    b"inf": float("inf"), b"+inf": float("inf"), b"-inf": float("-inf"), b"nan": _NAN, b"-nan": _NAN,
}
cdef object _OK = "OK", _QUEUED = "QUEUED", _PONG = "PONG"
cdef object _OK_BYTES = b"OK", _QUEUED_BYTES = b"QUEUED", _PONG_BYTES = b"PONG"

MALFORMED = object()


@cython.final
cdef class Scalars:
    """See :class:`txredis_fast.resp._pyscalars.Scalars`.

    Argument ``whole`` of the methods: the string as an object that can be the value, bytes or ASCII text; or None.
    """

    def __cinit__(self, charset, int numbers, int undecodable):
        self.charset = charset
        self.numbers = numbers
        self.replaces = undecodable == _REPLACED
        self.fails = undecodable == _FAILS
        self.codec = {
            None: CODEC_NONE, "utf-8": CODEC_UTF8, "ascii": CODEC_ASCII, "iso8859-1": CODEC_LATIN1,
        }.get(charset, CODEC_OTHER)
        self.plain = self.codec == CODEC_NONE and not numbers
        self.ascii_superset = self.codec in (CODEC_UTF8, CODEC_ASCII, CODEC_LATIN1)

    cdef object bulk(self, const char *text, Py_ssize_t size, object whole):
        """See :meth:`txredis_fast.resp._pyscalars.Scalars.bulk`. A byte other than a digit follows ``text``."""
        cdef object value
        if self.numbers and size and (is_digit(text[0]) or text[0] == c"-" or text[0] == c"+" or text[0] == c"."):
            value = _number(text, size, self.numbers == _NUMBERS_EXACT)
            if value is not None:
                return value
        return self.text(text, size, whole)

    cdef object text(self, const char *text, Py_ssize_t size, object whole):
        """See :meth:`txredis_fast.resp._pyscalars.Scalars.text`."""
        if type(whole) is str:
            return whole
        if self.codec != CODEC_NONE:
            try:
                if self.codec == CODEC_UTF8:
                    return PyUnicode_DecodeUTF8(text, size, NULL)
                if self.codec == CODEC_ASCII:
                    return PyUnicode_DecodeASCII(text, size, NULL)
                if self.codec == CODEC_LATIN1:
                    return PyUnicode_DecodeLatin1(text, size, NULL)
                if whole is None:
                    whole = PyBytes_FromStringAndSize(text, size)
                return (<bytes>whole).decode(self.charset)
            except UnicodeError:
                if self.replaces:
                    if whole is None:
                        whole = PyBytes_FromStringAndSize(text, size)
                    return replaced(whole, self.charset)
                self.failed = self.fails
        return PyBytes_FromStringAndSize(text, size) if whole is None else whole

    cdef object line(self, char kind, const char *text, Py_ssize_t size, bint raw):
        """See :meth:`txredis_fast.resp._pyscalars.Scalars.line`. A CR follows ``text``."""
        cdef bint as_bytes
        if kind == c"+":
            as_bytes = raw or self.codec == CODEC_NONE
            if size == 2 and memcmp(text, b"OK", 2) == 0:
                return _OK_BYTES if as_bytes else _OK
            if size == 6 and memcmp(text, b"QUEUED", 6) == 0:
                return _QUEUED_BYTES if as_bytes else _QUEUED
            if size == 4 and memcmp(text, b"PONG", 4) == 0:
                return _PONG_BYTES if as_bytes else _PONG
            return PyBytes_FromStringAndSize(text, size) if as_bytes else self.text(text, size, None)
        if kind == c":" or kind == c"(":
            return _integer(text, size)
        if kind == c",":
            return double_of(text, size)
        if kind == c"_" and size == 0:
            return None
        if kind == c"#" and size == 1 and (text[0] == c"t" or text[0] == c"f"):
            return text[0] == c"t"
        return MALFORMED


#: Names of up to this many bytes are cached.
cdef enum:
    SHORT_NAME = 1000


@cython.final
@cython.no_gc
cdef class Name:
    """See :class:`txredis_fast.resp._pyscalars.Name`."""

    cdef object value_of(self, Scalars scalars, const char *text, Py_ssize_t size):
        """See :meth:`txredis_fast.resp._pyscalars.Name.value_of`."""
        cdef object value
        if self.has(text, size):
            return self.value
        value = owned(scalars.fresh_bulk(text, size))
        if size <= SHORT_NAME:
            self.data = PyBytes_FromStringAndSize(text, size)
            self.value = value
        return value


@cython.final
@cython.no_gc
cdef class Heading:
    """All of a published message but the message itself, as bytes, and its values.

    Most messages have the heading of the one before: one comparison tells their kind, pattern and channel.
    """

    cdef int keep(self, const char *text, Py_ssize_t size, object pattern, object channel) except -1:
        """A message has this heading."""
        if size <= SHORT_NAME:
            self.data = PyBytes_FromStringAndSize(text, size)
            self.pattern = pattern
            self.channel = channel
        return 0


cdef object _integer(const char *text, Py_ssize_t size):
    """Convert ``[+-]?[0-9]+``; MALFORMED for anything else."""
    cdef Py_ssize_t sign = 1 if size and (text[0] == c"-" or text[0] == c"+") else 0
    cdef Py_ssize_t count = size - sign
    if count == 0 or digits(text + sign, count) != count:
        return MALFORMED
    if count > SAFE_DIGITS:
        return parse_integer(text[:size])
    cdef long long value = short_integer(text + sign, count)
    return -value if text[0] == c"-" else value


cdef object _number(const char *text, Py_ssize_t size, bint exact):
    """Convert a bulk string to a number; None if it is not a number. A byte other than a digit follows ``text``."""
    cdef Py_ssize_t sign = 1 if text[0] == c"-" or text[0] == c"+" else 0
    cdef Py_ssize_t whole = digits(text + sign, size - sign)
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
        value = short_integer(text + sign, whole)
        return -value if text[0] == c"-" else value
    if text[i] != c".":
        return None
    i += 1
    count = digits(text + i, size - i)
    if whole == 0 and count == 0:
        return None
    i += count
    if i < size:
        if text[i] != c"e" and text[i] != c"E":
            return None
        i += 1
        if i < size and (text[i] == c"-" or text[i] == c"+"):
            i += 1
        if i == size or digits(text + i, size - i) != size - i:
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


cdef object double_of(const char *text, Py_ssize_t size):
    """Convert a RESP3 double; MALFORMED for anything else. A CR follows ``text``."""
    cdef double value
    if short_double(text, size, &value):
        return value
    return _long_double(text, size)


cdef object _long_double(const char *text, Py_ssize_t size):
    cdef Py_ssize_t i = 1 if size and (text[0] == c"-" or text[0] == c"+") else 0
    cdef Py_ssize_t count = digits(text + i, size - i)
    cdef char *end
    if count == 0:
        return _SPECIAL_DOUBLES.get(text[:size], MALFORMED)
    i += count
    if i < size and text[i] == c".":
        i += 1
        i += digits(text + i, size - i)
    if i < size and (text[i] == c"e" or text[i] == c"E"):
        i += 1
        if i < size and (text[i] == c"-" or text[i] == c"+"):
            i += 1
        if i == size:
            return MALFORMED
        i += digits(text + i, size - i)
        if not is_digit(text[i - 1]):
            return MALFORMED
    if i != size:
        return MALFORMED
    return PyOS_string_to_double(text, &end, NULL)
