# cython: language_level=3, freethreading_compatible=True, binding=False, embedsignature=True
# cython: embedsignature.format=clinic
"""Decoded elements -> list, dict, set, Push, compiled: see :mod:`txredis_fast.resp._pyaggregates`.

The functions called for each element are inline, in ``_caggregates.pxd``.
"""

cimport cython
from cpython.object cimport PyObject

from txredis_fast import _tunables
from txredis_fast.resp._keys import spread_at_once
from txredis_fast.resp._shared import Push

__all__ = ["dict_of", "may_collide"]

cdef extern from "Python.h":
    bint PyFloat_CheckExact(PyObject *value)
    bint PyLong_CheckExact(PyObject *value)
    long long PyLong_AsLongLongAndOverflow(PyObject *value, int *overflow) except? -1

cdef Py_ssize_t _MAX_SAME_HASH = _tunables.SAME_HASH_MAX_KEYS
cdef int _MAX_FROZEN_DEPTH = _tunables.KEY_MAX_DEPTH
cdef Py_ssize_t _MAX_INNER = _tunables.KEY_MAX_AGGREGATES
cdef Py_ssize_t _MAX_FROZEN = _tunables.REPLY_MAX_KEY_AGGREGATES
cdef Py_ssize_t _SET_BYTES = _tunables.SET_COST_BYTES
cdef Py_ssize_t _MAP_BYTES = _tunables.MAP_COST_BYTES

#: Initial capacity of an aggregate's list, up to the usual nesting of replies and below it.
cdef enum:
    PREPARED_ITEMS = 128
    DEEP_PREPARED_ITEMS = 8
    USUAL_DEPTH = 8


def may_collide(keys):
    """See :func:`txredis_fast.resp._pyaggregates.may_collide`."""
    return _may_collide(_exact(keys), 1)


def dict_of(items):
    """See :func:`txredis_fast.resp._pyaggregates.dict_of`."""
    return _dict(_exact(items))


cdef list _exact(items):
    # A program that overrides replyReceived may pass on a list of a class of its own.
    return items if type(items) is list else list(items)


cdef bint _may_collide(list items, Py_ssize_t step) except -1:
    """Tell whether more than SAME_HASH_MAX_KEYS keys are numbers that may have the same hash.

    :param step: distance of the keys in the list; 2: each is followed by its value.
    """
    cdef Py_ssize_t found = 0
    cdef Py_ssize_t i = -step
    cdef int overflow = 0
    cdef PyObject *key
    if len(items) <= step * _MAX_SAME_HASH:
        return False
    while i + step < len(items):  # Cython would make an object of a range whose step is a variable
        i += step
        key = PyList_GET_ITEM(<PyObject *>items, i)
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
    return spread_at_once(items) if _may_collide(items, 1) else items


cdef dict _dict(list items):
    cdef list keys
    cdef dict pairs = {}
    cdef Py_ssize_t i
    if _may_collide(items, 2):
        keys = spread_at_once(items[::2])
        for i in range(len(items) // 2):
            pairs[keys[i]] = items[2 * i + 1]
    else:
        for i in range(0, len(items) - 1, 2):
            pairs[items[i]] = items[i + 1]
    return pairs


@cython.final
@cython.no_gc
@cython.freelist(16)
cdef class Frame:
    """See :class:`txredis_fast.resp._pyaggregates.Frame`. The list is allocated with room for elements to come."""

    cdef int grow(self, Py_ssize_t index) except -1:
        """Grow the list by half: the elements that the header announces may never arrive."""
        self.items += [None] * min(self.left, max(PREPARED_ITEMS, index // 2))
        return 0

    cdef int child_frozen(self) noexcept:
        """Return the ``frozen`` of an aggregate that is the next element of this one."""
        if self.frozen:
            return self.frozen + 1
        if self.kind == c"~":
            return 1
        return (self.kind == c"%" or self.kind == c"|") and self.left % 2 == 0

    cdef object build(self):
        """Make the Python value. All elements must be decoded."""
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
cdef class Nest:
    """See :class:`txredis_fast.resp._pyaggregates.Nest`."""

    def __cinit__(self):
        self.around = []

    cdef str open(self, char kind, Py_ssize_t size):
        """See :meth:`txredis_fast.resp._pyaggregates.Nest.open`."""
        cdef Frame frame
        cdef int frozen = 0
        cdef Py_ssize_t depth = 0
        if self.frame is not None:
            frozen = self.frame.child_frozen()
            depth = len(self.around) + 1
        if depth >= self.max_depth:
            return f"at most {self.max_depth} nested aggregates"
        if self.elements + size > self.max_elements:
            return f"at most {self.max_elements} elements in a reply"
        if frozen > _MAX_FROZEN_DEPTH:
            return f"at most {_MAX_FROZEN_DEPTH} nested aggregates in a key"
        if frozen:
            self.frozen += 1
            self.frame.inner += 1
            if self.frame.inner > _MAX_INNER:
                return f"at most {_MAX_INNER} aggregates in the keys of a collection"
            if self.frozen > _MAX_FROZEN:
                return f"at most {_MAX_FROZEN} aggregates in the keys of a reply"
        frame = Frame.__new__(Frame)
        frame.kind = kind
        frame.frozen = frozen
        frame.size = size
        frame.left = size
        frame.items = [None] * min(size, PREPARED_ITEMS if depth < USUAL_DEPTH else DEEP_PREPARED_ITEMS)
        if self.frame is not None:
            self.around.append(self.frame)
        self.frame = frame
        self.elements += size
        if kind != c"*":
            self.extra += _SET_BYTES if kind == c"~" else _MAP_BYTES
        return None

    cdef void clear(self) noexcept:
        """See :meth:`txredis_fast.resp._pyaggregates.Nest.clear`."""
        self.frame = None
        self.around = []
        self.end_reply()
