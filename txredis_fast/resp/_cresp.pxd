# cython: language_level=3
# The C structure of the reader, for compiled code of the rooms above. See _cresp.pyx.

from cpython.object cimport PyObject

from txredis_fast.resp._caggregates cimport Frame, Nest
from txredis_fast.resp._cinput cimport Input
from txredis_fast.resp._clarge cimport LargeString
from txredis_fast.resp._cscalars cimport Heading, Name, Scalars


cdef class Reader:
    cdef Input _input
    #: The incomplete large bulk string, if any.
    cdef LargeString _large
    cdef Nest _nest
    #: Whether the current reply is raw; -1 before its first byte.
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
    cdef Scalars _scalars
    cdef Py_ssize_t _max_text
    #: Length of the longest line that no limit forbids, whatever its type byte.
    cdef Py_ssize_t _max_any_line
    cdef Py_ssize_t _max_buffered
    cdef Heading _heading
    cdef Name _pattern

    #: As ``feed()``, ``get()`` and ``get_message()``, for a caller in the thread that uses the reader.
    cdef int take(self, object data) except -1
    cdef object next(self, bint raw)
    #: ``parts``: the pattern, the channel and the message, as new references; False: there is none.
    cdef bint next_message(self, bytes kind, PyObject **parts) except -1

    cdef bint _next_with_heading(self, char kind, PyObject **parts) except -1
    cdef void _consume_message(self, Py_ssize_t end) noexcept
    cdef object _judged(self, object value)
    cdef int _check_usable(self) except -1
    cdef void _clear(self) noexcept
    cdef object _fail(self, str message)
    cdef int _check_buffered(self) except -1
    cdef int _begin_push(self, Frame frame) except -1
    cdef int _fill_frame(self, Frame frame, Py_ssize_t rest) except -1
    cdef bint _fill_doubles(self, Frame frame) except -1
    cdef object _run(self, bint raw, list replies, Py_ssize_t limit)
    cdef object _element(self, bint raw)
    cdef object _read_bulk(
        self, char kind, const char *text, Py_ssize_t size, Py_ssize_t after, Py_ssize_t available
    )
    cdef int _make_room(self, Py_ssize_t size) except -1
    cdef object _finish_large(self)
    cdef object _string(self, char kind, const char *text, Py_ssize_t size, object whole)
    cdef object _error(self, const char *text, Py_ssize_t size)
    cdef object _simple(self, char kind, const char *text, Py_ssize_t after)
    cdef object _open(self, char kind, const char *text, Py_ssize_t size, Py_ssize_t after)
