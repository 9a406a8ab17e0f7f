# cython: language_level=3

cimport cython
from cpython.object cimport PyObject


@cython.final
cdef class LargeString:
    #: An object without a second reference: an ASCII str if the first bytes are ASCII and may be text, else bytes.
    cdef PyObject *_value
    cdef bint _is_text
    cdef bint _is_ascii
    cdef char kind
    #: Length of the whole string, and number of bytes that have arrived.
    cdef Py_ssize_t length
    cdef Py_ssize_t filled

    cdef char *_start(self) noexcept
    cdef Py_ssize_t _capacity(self) noexcept
    cdef int _new_value(self, const char *filled_with, Py_ssize_t capacity) except -1
    cdef void _has_more(self, Py_ssize_t size) noexcept
    cdef int make_room(self, Py_ssize_t size) except -1
    cdef void append(self, const char *data, Py_ssize_t size) noexcept
    cdef Py_ssize_t receive(self, object recv_into, Py_ssize_t limit) except -1
    cdef bint is_lost(self) noexcept
    cdef const char *data(self) noexcept
    cdef object whole(self)


cdef LargeString begin_large(char kind, const char *data, Py_ssize_t filled, Py_ssize_t length, bint may_be_text)
