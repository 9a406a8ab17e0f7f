# cython: language_level=3

cimport cython


@cython.final
cdef class Sender:
    cdef object _transport
    cdef object _own
    cdef bint _below_tls

    cdef int send(self, bytes data) except -1
    cdef Py_ssize_t _send_now(self, bytes data) except -1
