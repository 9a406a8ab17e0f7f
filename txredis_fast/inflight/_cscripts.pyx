# cython: language_level=3, freethreading_compatible=True
"""``eval`` of a connection in compiled code, for a script that the connection has executed before.

It has the steps of :meth:`.ScriptingCommands.eval`, which is called in all other cases.
"""

cimport cython

from functools import partial, wraps

from cpython.ref cimport Py_INCREF

from twisted.internet.defer import fail

from txredis_fast._tunables import SCRIPT_CACHE_MAX_BYTES
from txredis_fast.commands._parts import Recovery
from txredis_fast.inflight._crequest cimport LateRecovery, RequestQueue, send_usual
from txredis_fast.transport._cmethods cimport is_method

__all__ = ["fast_path_of_eval"]

cdef extern from "Python.h":
    tuple PyTuple_New(Py_ssize_t size)
    void PyTuple_SET_ITEM(tuple items, Py_ssize_t index, object item)  # steals a reference

cdef object _Recovery = Recovery
cdef Py_ssize_t _LONGEST = SCRIPT_CACHE_MAX_BYTES
#: The script that was executed last, with its bytes and its hash. Without a GIL, a thread that is about to count its
#: reference must not see another one let the tuple go: hence the guard, which costs nothing with a GIL.
cdef tuple _last = (None, None, None)
cdef object _guard = object()


def fast_path_of_eval(eval, execute_command, hash_of_text):
    @wraps(eval)
    def fast_path(self, *args, **kwargs):
        cdef object deferred = None
        try:
            if not kwargs and len(args) == 3:
                deferred = _eval(self, args, execute_command, hash_of_text)
        except Exception:
            return fail()
        return eval(self, *args, **kwargs) if deferred is None else deferred

    return fast_path


@cython.final
cdef class _WholeScript(LateRecovery):
    """Sends the script itself, after a reply that the server does not have it."""

    cdef object _connection
    cdef object _host
    cdef tuple _hashed
    cdef tuple _args

    cdef object make(self):
        return _Recovery(
            None, partial(self._connection._eval_whole, self._hashed[1], self._hashed[2], self._args[2:], self._host)
        )


cdef inline void _put(tuple items, Py_ssize_t index, object item) noexcept:
    Py_INCREF(item)
    PyTuple_SET_ITEM(items, index, item)


cdef tuple _with_hash(object script, object hash_of_text):
    """Return a script, its bytes and its hash."""
    global _last
    cdef tuple last
    with cython.critical_section(_guard):
        last = _last
    if last[0] is not script:
        last = (script, *hash_of_text(script))
        with cython.critical_section(_guard):
            _last = last
    return last


cdef tuple _arguments(object sha1_hash, list keys, list values):
    cdef Py_ssize_t count = len(keys)
    cdef Py_ssize_t more = len(values)
    cdef tuple args = PyTuple_New(3 + count + more)
    cdef Py_ssize_t index
    cdef object number = count
    _put(args, 0, "EVALSHA")
    _put(args, 1, sha1_hash)
    _put(args, 2, number)
    for index in range(count):
        _put(args, 3 + index, keys[index])
    for index in range(more):
        _put(args, 3 + count + index, values[index])
    return args


cdef object _eval(object connection, tuple args, object execute_command, object hash_of_text):
    """Send EVALSHA in the usual case; return None in all other cases."""
    cdef object script = args[0]
    cdef object keys = args[1]
    cdef object values = args[2]
    cdef object requests = connection._requests
    cdef object known, factory, queue
    cdef tuple hashed
    cdef _WholeScript recovery
    if (
        type(script) is not str or len(<str>script) > _LONGEST or type(keys) is not list or type(values) is not list
        or type(requests) is not RequestQueue or not (<RequestQueue>requests).accepting
        or not is_method(connection.execute_command, execute_command)
    ):
        return None
    hashed = _with_hash(script, hash_of_text)
    known = connection.script_hashes
    if type(known) is not set or hashed[2] not in <set>known:
        return None
    recovery = _WholeScript.__new__(_WholeScript)
    recovery._connection = connection
    recovery._hashed = hashed
    recovery._args = _arguments(hashed[2], <list>keys, <list>values)
    # As connection._host_later(), which is asked unless this is the connection that commands share: it is free.
    factory = connection.factory
    queue = getattr(factory, "connectionQueue", None)
    recovery._host = (
        factory.handler if getattr(queue, "current", None) is connection else connection._host_later()
    )
    return send_usual(connection, <RequestQueue>requests, recovery._args, recovery)
