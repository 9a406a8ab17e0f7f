# cython: language_level=3, freethreading_compatible=True, binding=False
"""Large bulk strings, filled chunk by chunk, compiled: see :mod:`txredis_fast.resp._pylarge`.

A large bulk string is received straight into the object that becomes its value.
"""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.string cimport memcpy

from txredis_fast import _tunables
from txredis_fast.resp import _shared
from txredis_fast.resp._cscalars cimport bytes_data, bytes_size, is_ascii, new_bytes, new_text, text_data, text_size

cdef extern from *:
    """
    #if defined(__linux__)
    #include <sys/mman.h>
    #include <unistd.h>
    #endif

    /* Ask for huge pages, because page faults are most of the cost of a new large object. The kernel may ignore it. */
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

cdef Py_ssize_t _LARGE_BULK = _tunables.LARGE_BULK_BYTES
cdef Py_ssize_t _BELIEVED = _tunables.TRUSTED_BULK_BYTES
cdef Py_ssize_t _HUGE = _shared.HUGE
#: Objects of this many bytes or more ask for huge pages.
cdef Py_ssize_t _HUGE_PAGES_FROM = 4 * 1024 * 1024


cdef Py_ssize_t _room_for(Py_ssize_t filled) noexcept:
    """See :func:`txredis_fast.resp._pylarge.room_for`."""
    return _HUGE if filled >= _BELIEVED else 16 * filled + _LARGE_BULK


@cython.final
cdef class _Window:
    """A writable buffer over a part of a large bulk string. Counts its exported views."""

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


@cython.final
cdef class LargeString:
    """See :class:`txredis_fast.resp._pylarge.LargeString`."""

    def __dealloc__(self):
        Py_XDECREF(self._value)

    cdef char *_start(self) noexcept:
        return <char *>text_data(self._value) if self._is_text else bytes_data(self._value)

    cdef Py_ssize_t _capacity(self) noexcept:
        return text_size(self._value) if self._is_text else bytes_size(self._value)

    cdef int _new_value(self, const char *filled_with, Py_ssize_t capacity) except -1:
        """Allocate the object to fill, and copy the bytes that have arrived."""
        self._value = new_text(capacity, 127) if self._is_text else new_bytes(NULL, capacity)
        if capacity >= _HUGE_PAGES_FROM:
            prefer_huge_pages(self._start(), capacity)
        memcpy(self._start(), filled_with, self.filled)
        return 0

    cdef int make_room(self, Py_ssize_t size) except -1:
        """Make room for at least ``size`` further bytes.

        :raise MemoryError: the allocation failed; the string is unchanged.
        """
        cdef PyObject *old = self._value
        if self.filled + size <= self._capacity():
            return 0
        self._new_value(self._start(), min(self.length, max(_room_for(self.filled), self.filled + size)))
        Py_XDECREF(old)
        return 0

    cdef void append(self, const char *data, Py_ssize_t size) noexcept:
        """Append bytes. There must be room for them."""
        memcpy(self._start() + self.filled, data, size)
        self._has_more(size)

    cdef void _has_more(self, Py_ssize_t size) noexcept:
        """Account for bytes just written: update the length, and check for ASCII while they are in the CPU cache."""
        if self._is_ascii and not is_ascii(self._start() + self.filled, size):
            self._is_ascii = False
        self.filled += size

    cdef Py_ssize_t receive(self, object recv_into, Py_ssize_t limit) except -1:
        """See :meth:`txredis_fast.resp._pylarge.LargeString.receive`. There must be room for at least one byte."""
        cdef _Window window = _Window.__new__(_Window)
        cdef Py_ssize_t size
        window._start = self._start() + self.filled
        window._size = min(limit, self._capacity() - self.filled)
        try:
            size = _written_by(recv_into, window)
        finally:
            if window._holders:
                # A view survives, through which the memory may be written to at any time: it is leaked, not freed.
                self._value = NULL
        if self._value == NULL:
            return 0
        if not 0 <= size <= window._size:
            raise ValueError(f"recv_into returned {size} for a buffer of {window._size} bytes")
        self._has_more(size)
        return size

    cdef bint is_lost(self) noexcept:
        """Tell whether a view of the string survived receive(), so that the string had to be abandoned."""
        return self._value == NULL

    cdef const char *data(self) noexcept:
        """Return the bytes that have arrived, with a zero byte after the last one once the string is complete."""
        return self._start()

    cdef object whole(self):
        """Return the object itself as the value (bytes or ASCII text), or None. The string must be complete.

        Its capacity then equals its length.
        """
        return <object>self._value if self._is_ascii or not self._is_text else None


cdef LargeString begin_large(char kind, const char *data, Py_ssize_t filled, Py_ssize_t length, bint may_be_text):
    """Start a large bulk string with the ``filled`` bytes that have arrived."""
    cdef LargeString large = LargeString.__new__(LargeString)
    large._is_text = may_be_text and is_ascii(data, filled)
    large._is_ascii = large._is_text
    large.kind = kind
    large.length = length
    large.filled = filled
    large._new_value(data, min(length, _room_for(filled)))
    return large
