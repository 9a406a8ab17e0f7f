# cython: language_level=3, freethreading_compatible=True
"""The effects of this process's commands on the cache, compiled. ``_pyeffects`` has the same names, documented."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from txredis_fast._tunables import CACHED_KEY_MAX_BYTES
from txredis_fast.caching.writes import KNOWN, Touching, touching

__all__ = ["Effect", "Effects"]

cdef dict _KNOWN = KNOWN
cdef object _NOTHING = Touching.NOTHING
cdef object _SCRIPT = Touching.SCRIPT
cdef object _EVERYTHING = Touching.EVERYTHING
cdef object _MULTI = Touching.MULTI
cdef object _EXEC = Touching.EXEC
cdef object _DISCARD = Touching.DISCARD
cdef Py_ssize_t _KEY_MAX_BYTES = CACHED_KEY_MAX_BYTES


@cython.final
cdef class Effect:
    cdef readonly list names
    cdef readonly bint scripts
    cdef readonly bint everything
    cdef object _apply
    cdef object _touch

    def __init__(self, apply, touch):
        self.names = []
        self._apply = apply
        self._touch = touch

    def __call__(self):
        if self.scripts or self.everything:
            self._apply(self)
        else:
            self._touch(self.names)

    cdef int add(self, object kind, list command) except -1:
        if kind is _EVERYTHING:
            self.everything = True
        elif kind is not _NOTHING:
            self.names += command[1:]
            self.scripts = self.scripts or kind is _SCRIPT
        return 0


@cython.final
cdef class Effects:
    cdef object _apply
    cdef object _touch
    cdef Effect _multi

    def __init__(self, apply, touch):
        self._apply = apply
        self._touch = touch

    def __call__(self, bytes data not None):
        cdef const char *text = PyBytes_AS_STRING(data)
        cdef Py_ssize_t end = PyBytes_GET_SIZE(data)
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t count, size
        cdef bytes name
        cdef object kind
        cdef Effect effect = None
        cdef list command
        while at < end:
            count = _number(text, &at)
            size = _number(text, &at)
            name = data[at : at + size] if size <= _KEY_MAX_BYTES else None
            at += size + 2
            kind = None if name is None else _KNOWN.get(name)
            if kind is _NOTHING:
                for _ in range(count - 1):
                    size = _number(text, &at)
                    at += size + 2
                continue
            command = [name]
            for _ in range(count - 1):
                size = _number(text, &at)
                command.append(data[at : at + size] if size <= _KEY_MAX_BYTES else None)
                at += size + 2
            if kind is None:
                kind = touching(command)
                if kind is _NOTHING:
                    continue
            if kind is _MULTI:
                if self._multi is None:
                    self._multi = Effect(self._apply, self._touch)
            elif kind is _DISCARD:
                self._multi = None
            elif kind is _EXEC:
                if self._multi is not None:
                    if effect is None:
                        effect = Effect(self._apply, self._touch)
                    effect.names += self._multi.names
                    effect.scripts = effect.scripts or self._multi.scripts
                    effect.everything = effect.everything or self._multi.everything
                    self._multi = None
            elif self._multi is not None:
                self._multi.add(kind, command)
            else:
                if effect is None:
                    effect = Effect(self._apply, self._touch)
                effect.add(kind, command)
        return effect


cdef inline Py_ssize_t _number(const char *text, Py_ssize_t *at) noexcept:
    """Read the number of a header, and go behind its line."""
    cdef Py_ssize_t value = 0
    cdef Py_ssize_t place = at[0] + 1
    while text[place] != b"\r":
        value = value * 10 + (text[place] - c"0")
        place += 1
    at[0] = place + 2
    return value
