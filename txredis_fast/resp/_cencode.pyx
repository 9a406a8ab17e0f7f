# cython: language_level=3, freethreading_compatible=True, binding=False, embedsignature=True
# cython: embedsignature.format=clinic
"""Commands -> bytes, compiled: the same names and behaviour as :mod:`txredis_fast.resp._pyencode`."""

from cpython.mem cimport PyMem_Free
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from cpython.unicode cimport PyUnicode_AsUTF8String
from libc.string cimport memchr, memcpy

from sys import maxsize

from txredis_fast.exceptions import InvalidData
from txredis_fast.resp._shared import encode_key, encode_other

__all__ = ["encode_command", "encode_commands", "key_slot"]

cdef extern from "Python.h":
    enum:
        Py_DTSF_ADD_DOT_0
    bytes PyBytes_FromStringAndSize(const char *data, Py_ssize_t size)
    const char *PyBytes_AS_STRING(bytes data)
    Py_ssize_t PyBytes_GET_SIZE(bytes data)
    char *PyOS_double_to_string(double value, char code, int precision, int flags, int *kind) except NULL
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1
    bint PyUnicode_IS_ASCII(object text)
    const char *PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    # For new objects without a second reference, which may be written to and resized.
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) except NULL
    char *bytes_data "PyBytes_AS_STRING"(PyObject *data)
    int resize_bytes "_PyBytes_Resize"(PyObject **data, Py_ssize_t size) except -1

#: The output buffer: first memory on the C stack, then a bytes object without a second reference.
cdef struct _Output:
    char *data
    Py_ssize_t size
    Py_ssize_t capacity
    PyObject *grown


cdef enum:
    STACK_BYTES = 1024
    #: Maximum bytes of "$", a length, two CRLF and an integer.
    ARGUMENT_BYTES = 64


cdef int _reserve(_Output *out, Py_ssize_t size) except -1:
    """Make room for an argument of ``size`` bytes, with its header and CRLF."""
    cdef Py_ssize_t need = out.size + size + ARGUMENT_BYTES
    cdef Py_ssize_t capacity
    if need <= out.capacity:
        return 0
    capacity = max(need, 2 * out.capacity)
    if out.grown == NULL:
        out.grown = new_bytes(NULL, capacity)
        memcpy(bytes_data(out.grown), out.data, out.size)
    else:
        resize_bytes(&out.grown, capacity)
    out.data = bytes_data(out.grown)
    out.capacity = capacity
    return 0


cdef inline void _write_decimal(_Output *out, unsigned long long value) noexcept:
    cdef char digits[20]
    cdef int i = 20
    while True:
        i -= 1
        digits[i] = <char>(c"0" + value % 10)
        value //= 10
        if value == 0:
            break
    memcpy(out.data + out.size, digits + i, 20 - i)
    out.size += 20 - i


cdef inline void _write_line(_Output *out, char kind, Py_ssize_t size) noexcept:
    """Write ``kind``, a length and CRLF."""
    out.data[out.size] = kind
    out.size += 1
    if size < 10:
        out.data[out.size] = <char>(c"0" + size)
        out.size += 1
    else:
        _write_decimal(out, size)
    out.data[out.size] = c"\r"
    out.data[out.size + 1] = c"\n"
    out.size += 2


cdef inline int _write_bulk(_Output *out, const char *data, Py_ssize_t size) except -1:
    _reserve(out, size)
    _write_line(out, c"$", size)
    memcpy(out.data + out.size, data, size)
    out.size += size
    out.data[out.size] = c"\r"
    out.data[out.size + 1] = c"\n"
    out.size += 2
    return 0


cdef int _write_integer(_Output *out, long long value) except -1:
    cdef char digits[ARGUMENT_BYTES]
    cdef _Output text
    text.data = digits
    text.size = 0
    if value < 0:
        digits[0] = c"-"
        text.size = 1
    _write_decimal(&text, <unsigned long long>value if value >= 0 else 0 - <unsigned long long>value)
    return _write_bulk(out, digits, text.size)


cdef int _write_float(_Output *out, double value) except -1:
    cdef char *text = PyOS_double_to_string(value, c"r", 0, Py_DTSF_ADD_DOT_0, NULL)
    cdef Py_ssize_t size = 0
    while text[size] != 0:
        size += 1
    try:
        return _write_bulk(out, text, size)
    finally:
        PyMem_Free(text)


cdef set _ASCII_SUPERSETS = {"utf-8", "utf8", "ascii", "us-ascii", "latin-1", "latin1", "iso8859-1", "iso-8859-1"}


cdef int _encode(
    _Output *out, object command, object charset, object errors, bint strict, bint usual_only=False
) except -1:
    """Append an encoded command to ``out``.

    :param usual_only: stop at an argument whose encoding needs Python code.
    :returns: 1 if it stopped, else 0.
    """
    cdef tuple args = command if type(command) is tuple else tuple(command)
    cdef bint utf8 = charset is None or charset == "utf-8"
    cdef bint ascii_superset = utf8 or (isinstance(charset, str) and charset.lower() in _ASCII_SUPERSETS)
    cdef Py_ssize_t index
    cdef object value, kind
    cdef bytes data
    cdef int overflow
    cdef long long integer
    if not args:
        raise InvalidData("a command needs at least its name")
    _reserve(out, 0)
    _write_line(out, c"*", len(args))
    for index in range(len(args)):
        value = args[index]
        kind = type(value)
        if kind is bytes:
            _write_bulk(out, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
            continue
        if kind is str:
            if PyUnicode_IS_ASCII(value) and (ascii_superset or index == 0):
                _write_bulk(out, PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value))
                continue
            if utf8:
                try:
                    data = PyUnicode_AsUTF8String(value)
                except UnicodeError:
                    data = None
                if data is not None:
                    _write_bulk(out, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
                    continue
        elif kind is int and index:
            integer = PyLong_AsLongLongAndOverflow(value, &overflow)
            if overflow == 0:
                _write_integer(out, integer)
                continue
        elif kind is float and index:
            _write_float(out, value)
            continue
        if usual_only:
            return 1
        data = encode_other(args, index, "utf-8" if charset is None else charset, errors, strict)
        _write_bulk(out, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    return 0


cdef bytes _finish(_Output *out):
    """Return the output as bytes."""
    cdef bytes data
    if out.grown == NULL:
        return PyBytes_FromStringAndSize(out.data, out.size)
    resize_bytes(&out.grown, out.size)
    data = <bytes>out.grown
    return data


cdef bytes encode_usual(tuple args, object charset):
    """Encode a command of common argument types; None if an argument needs Python code. *args* must not be empty."""
    cdef char stack[STACK_BYTES]
    cdef _Output out
    out.data, out.size, out.capacity, out.grown = stack, 0, STACK_BYTES, NULL
    try:
        if _encode(&out, args, charset, None, False, True):
            return None
        return _finish(&out)
    finally:
        Py_XDECREF(out.grown)


def encode_command(args, charset="utf-8", errors="strict", strict=False):
    """See :func:`txredis_fast.resp._pyencode.encode_command`."""
    cdef char stack[STACK_BYTES]
    cdef _Output out
    out.data, out.size, out.capacity, out.grown = stack, 0, STACK_BYTES, NULL
    try:
        _encode(&out, args, charset, errors, strict)
        return _finish(&out)
    finally:
        Py_XDECREF(out.grown)


def encode_commands(
    list commands not None, charset="utf-8", errors="strict", strict=False, Py_ssize_t start=0, Py_ssize_t size=maxsize
):
    """See :func:`txredis_fast.resp._pyencode.encode_commands`."""
    cdef char stack[STACK_BYTES]
    cdef _Output out
    out.data, out.size, out.capacity, out.grown = stack, 0, STACK_BYTES, NULL
    try:
        while start < len(commands):
            _encode(&out, commands[start], charset, errors, strict)
            start += 1
            if out.size >= size:
                break
        return _finish(&out), start
    finally:
        Py_XDECREF(out.grown)


cdef enum:
    POLYNOMIAL = 0x1021
    SLOT_MASK = 0x3FFF

#: The CRC of each byte.
cdef unsigned short[256] _CRCS


cdef void _fill() noexcept:
    cdef int byte, _
    cdef unsigned int crc
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ POLYNOMIAL if crc & 0x8000 else crc << 1
        _CRCS[byte] = <unsigned short>crc


_fill()


cdef int _slot(const char *data, Py_ssize_t size) noexcept:
    cdef const char *start = <const char *>memchr(data, c"{", size)
    cdef const char *end
    cdef unsigned int crc = 0
    cdef Py_ssize_t index
    if start != NULL:
        start += 1
        end = <const char *>memchr(start, c"}", size - (start - data))
        if end != NULL and end != start:
            data, size = start, end - start
    for index in range(size):
        crc = ((crc << 8) ^ _CRCS[(crc >> 8) ^ <unsigned char>data[index]]) & 0xFFFF
    return crc & SLOT_MASK


cdef int slot_of_text(object key) except -2:
    if type(key) is bytes:
        return _slot(PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
    if type(key) is str and PyUnicode_IS_ASCII(key):
        return _slot(PyUnicode_DATA(key), PyUnicode_GET_LENGTH(key))
    return -1


def key_slot(key, charset="utf-8", errors="strict"):
    """See :func:`txredis_fast.resp._pyencode.key_slot`."""
    cdef bytes data
    cdef int slot = slot_of_text(key) if type(key) is bytes or charset is None or charset == "utf-8" else -1
    if slot >= 0:
        return slot
    data = encode_key(key, charset, errors)
    return _slot(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
