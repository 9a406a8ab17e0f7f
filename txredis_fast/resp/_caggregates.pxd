# cython: language_level=3
# The inline functions here are compiled into each module that cimports them, because a call through a pointer for each
# element would cost too much. See _caggregates.pyx.

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF

cdef extern from "Python.h":
    Py_ssize_t PyList_GET_SIZE(PyObject *items)
    PyObject *PyList_GET_ITEM(PyObject *items, Py_ssize_t index)
    void PyList_SET_ITEM(PyObject *items, Py_ssize_t index, PyObject *value)


@cython.final
cdef class Frame:
    cdef char kind
    cdef int frozen
    cdef Py_ssize_t size
    cdef Py_ssize_t left
    cdef Py_ssize_t inner
    cdef list items

    cdef int grow(self, Py_ssize_t index) except -1
    cdef int child_frozen(self) noexcept
    cdef object build(self)

    cdef inline int add(self, PyObject *fresh) except -1:
        """Store the next element, and steal the reference to it."""
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


@cython.final
cdef class Nest:
    #: The innermost incomplete aggregate, or None; and the aggregates around it.
    cdef Frame frame
    cdef list around
    #: Counters of the reply: announced elements, and aggregates inside map keys and set elements.
    cdef Py_ssize_t elements
    cdef Py_ssize_t frozen
    #: Bytes that sets, maps and errors count in max_buffered besides those on the wire.
    cdef Py_ssize_t extra
    cdef Py_ssize_t max_elements
    cdef Py_ssize_t max_depth

    cdef str open(self, char kind, Py_ssize_t size)
    cdef void clear(self) noexcept

    cdef inline int close(self) except -1:
        """Pop the innermost aggregate."""
        self.frame = self.around.pop() if self.around else None
        return 0

    cdef inline void end_reply(self) noexcept:
        """See :meth:`txredis_fast.resp._pyaggregates.Nest.end_reply`."""
        self.elements = self.frozen = self.extra = 0
