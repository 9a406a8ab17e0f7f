# cython: language_level=3
# The inline functions here are compiled into each module that cimports them, because a call through a pointer for each
# value would cost too much. See _cscalars.pyx. Loops over ``const char *`` stay inside the given size.

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy

cdef extern from "Python.h":
    bytes PyBytes_FromStringAndSize(const char *data, Py_ssize_t size)
    const char *PyBytes_AS_STRING(bytes data)
    Py_ssize_t PyBytes_GET_SIZE(bytes data)
    # For new objects without a second reference, which may be written to and resized.
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) except NULL
    char *bytes_data "PyBytes_AS_STRING"(PyObject *data)
    Py_ssize_t bytes_size "PyBytes_GET_SIZE"(PyObject *data)
    PyObject *new_text "PyUnicode_New"(Py_ssize_t size, unsigned int maximum) except NULL
    void *text_data "PyUnicode_DATA"(PyObject *text)
    Py_ssize_t text_size "PyUnicode_GET_LENGTH"(PyObject *text)
    # A cast that makes Cython steal the reference. An INCREF and a DECREF instead may cost more than making a small
    # object: CPython 3.12 and later write half of the reference count, which stalls the read of all of it.
    object owned "(PyObject *)"(PyObject *value)

cdef extern from *:
    """
    #include <float.h>
    #define ASCII_DATA(text) ((char *)((PyASCIIObject *)(text) + 1))
    /* With more precision between operations, as that of the x87, a quotient would be rounded twice. */
    #if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0 && FLT_RADIX == 2 && DBL_MANT_DIG == 53
    #define HAS_EXACT_QUOTIENTS 1
    #else
    #define HAS_EXACT_QUOTIENTS 0
    #endif
    static const double powers_of_ten[] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15
    };
    """
    # As PyUnicode_DATA() of a new str of ASCII, without a look at its kind.
    char *ascii_data "ASCII_DATA"(PyObject *text)
    bint HAS_EXACT_QUOTIENTS
    const double *POWERS_OF_TEN "powers_of_ten"

#: Every number of this many digits fits a long long.
cdef enum:
    SAFE_DIGITS = 18

#: Every integer of this many digits is an exact double, and so is every power of ten that divides it.
cdef enum:
    MAX_EXACT_DIGITS = 15

#: Strings of up to this many bytes are first checked for ASCII, which saves the codec's work. Those of one word to two
#: are checked and copied as two words, which may overlap: a call of memcpy() costs more.
cdef enum:
    WORD = 8
    SHORT_TEXT = 64

cdef enum Codec:
    CODEC_NONE, CODEC_UTF8, CODEC_ASCII, CODEC_LATIN1, CODEC_OTHER

#: Returned by :meth:`Scalars.line` for a malformed line.
cdef object MALFORMED


cdef inline bint is_digit(char byte) noexcept:
    return c"0" <= byte <= c"9"


cdef inline Py_ssize_t digits(const char *text, Py_ssize_t size) noexcept:
    """Return the number of digits at the beginning of ``text``."""
    cdef Py_ssize_t i = 0
    while i < size and is_digit(text[i]):
        i += 1
    return i


cdef inline bint is_ascii(const char *text, Py_ssize_t size) noexcept:
    """Tell whether bytes are all ASCII, 8 at a time; the last word may overlap the one before."""
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


cdef inline long long short_integer(const char *text, Py_ssize_t count) noexcept:
    """Convert ``count`` digits, at most SAFE_DIGITS."""
    cdef long long value = 0
    cdef Py_ssize_t i
    for i in range(count):
        value = value * 10 + (text[i] - c"0")
    return value


cdef inline bint short_double(const char *text, Py_ssize_t size, double *value) noexcept:
    """Convert ``-?[0-9]+([.][0-9]*)?`` of at most MAX_EXACT_DIGITS bytes; else return False.

    Both the digits as an integer and the power of ten are exact doubles then, so their quotient is rounded correctly.
    """
    cdef Py_ssize_t i = 1 if size and text[0] == c"-" else 0
    cdef Py_ssize_t begin = i
    cdef Py_ssize_t point
    cdef long long number = 0
    if not HAS_EXACT_QUOTIENTS or size > MAX_EXACT_DIGITS:
        return False
    while i < size and is_digit(text[i]):
        number = number * 10 + (text[i] - c"0")
        i += 1
    point = i
    if i == begin:
        return False
    if i < size:
        if text[i] != c".":
            return False
        i += 1
        while i < size and is_digit(text[i]):
            number = number * 10 + (text[i] - c"0")
            i += 1
        if i < size:
            return False
        point += 1
    value[0] = <double>number / POWERS_OF_TEN[i - point]
    if begin:
        value[0] = -value[0]
    return True


#: Convert a RESP3 double; MALFORMED for anything else. A CR follows ``text``.
cdef object double_of(const char *text, Py_ssize_t size)


@cython.final
cdef class Scalars:
    cdef str charset
    cdef Codec codec
    cdef int numbers
    #: Whether bulk strings always stay bytes; whether the charset decodes ASCII to itself.
    cdef bint plain
    cdef bint ascii_superset
    #: Whether text that the charset cannot decode is decoded with U+FFFD; whether ``failed`` tells of it.
    cdef bint replaces
    cdef bint fails
    cdef bint failed

    cdef object bulk(self, const char *text, Py_ssize_t size, object whole)
    cdef object text(self, const char *text, Py_ssize_t size, object whole)
    cdef object line(self, char kind, const char *text, Py_ssize_t size, bint raw)

    cdef inline PyObject *fresh_bulk(self, const char *text, Py_ssize_t size) except NULL:
        """Make the value of a bulk string, as a new reference: the two commonest cases here, the rest in bulk()."""
        cdef uint64_t first, last
        cdef PyObject *fresh
        cdef char *data
        cdef object value
        if self.plain:
            return new_bytes(text, size)
        if WORD <= size <= SHORT_TEXT and self.ascii_superset and (not self.numbers or text[0] > c"9"):
            if size <= 2 * WORD:
                memcpy(&first, text, WORD)
                memcpy(&last, text + size - WORD, WORD)
                if ((first | last) & <uint64_t>0x8080808080808080) == 0:
                    fresh = new_text(size, 127)
                    data = ascii_data(fresh)
                    memcpy(data, &first, WORD)
                    memcpy(data + size - WORD, &last, WORD)
                    return fresh
            elif is_ascii(text, size):
                fresh = new_text(size, 127)
                memcpy(ascii_data(fresh), text, size)
                return fresh
        value = self.bulk(text, size, None)
        Py_INCREF(value)
        return <PyObject *>value


@cython.final
cdef class Name:
    cdef bytes data
    cdef object value

    cdef inline bint has(self, const char *text, Py_ssize_t size) noexcept:
        """Whether the name is the last one, whose value is ``value``."""
        return (
            self.data is not None and PyBytes_GET_SIZE(self.data) == size
            and memcmp(PyBytes_AS_STRING(self.data), text, size) == 0
        )

    cdef object value_of(self, Scalars scalars, const char *text, Py_ssize_t size)


@cython.final
cdef class Heading:
    cdef bytes data
    #: The values of the pattern, or None, and of the channel.
    cdef object pattern
    cdef object channel

    cdef inline Py_ssize_t begins(self, const char *text, Py_ssize_t size) noexcept:
        """The length of the heading if it begins ``text``, and more follows; else 0."""
        if self.data is None:
            return 0
        cdef Py_ssize_t known = PyBytes_GET_SIZE(self.data)
        return known if known < size and memcmp(PyBytes_AS_STRING(self.data), text, known) == 0 else 0

    cdef inline void values(self, PyObject **values) noexcept:
        """Return the values of the pattern and the channel, as new references."""
        Py_INCREF(self.pattern)
        Py_INCREF(self.channel)
        values[0] = <PyObject *>self.pattern
        values[1] = <PyObject *>self.channel

    cdef int keep(self, const char *text, Py_ssize_t size, object pattern, object channel) except -1
