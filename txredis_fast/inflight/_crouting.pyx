# cython: language_level=3, freethreading_compatible=True
"""``execute_command`` of a cluster's handler in compiled code, for a command with one key whose node is connected.

It has the steps of the pure-Python method, which is called in all other cases.
"""

cimport cython

from functools import wraps

from twisted.internet.defer import fail

from txredis_fast.commands._parts import Recovery
from txredis_fast.inflight._crequest cimport LateRecovery, RequestQueue, send_usual
from txredis_fast.resp import fixed_arguments
from txredis_fast.resp._cencode cimport slot_of_text
from txredis_fast.transport._cmethods cimport is_method

__all__ = ["fast_path_of_cluster"]

cdef object _Recovery = Recovery


def fast_path_of_cluster(dict one_key not None, by_connection, execute_command):
    @wraps(execute_command)
    def fast_path(self, *args, **kwargs):
        cdef object deferred = None
        try:
            if not kwargs:
                deferred = _send(self, args, None, one_key, by_connection)
            elif len(kwargs) == 1 and "post_proc" in kwargs:
                deferred = _send(self, args, kwargs["post_proc"], one_key, by_connection)
        except Exception:
            return fail()
        return execute_command(self, *args, **kwargs) if deferred is None else deferred

    return fast_path


@cython.final
cdef class _FirstAttempt(LateRecovery):
    """Leaves a command that was refused to the handler."""

    cdef object _handler
    cdef tuple _args
    cdef object _pool
    cdef object _post_proc

    cdef object make(self):
        return self._handler.recovery_of(self._args, self._post_proc, self._pool)


cdef object _send(object handler, tuple args, object post_proc, dict one_key, object by_connection):
    """Send a command in the usual case; return None in all other cases."""
    cdef object place, pool, connection, requests, value
    cdef list pools = handler.pools
    cdef int slot
    cdef _FirstAttempt recovery
    if pools is None or not args or type(args[0]) is not str:
        return None
    place = one_key.get(args[0])
    if place is None or <Py_ssize_t>place >= len(args) or type(post_proc) is _Recovery:
        return None
    slot = slot_of_text(args[<Py_ssize_t>place])
    pool = pools[slot] if slot >= 0 else None
    if pool is None:
        return None
    connection = pool.connectionQueue.current
    if connection is None:
        return None
    requests = connection._requests
    if type(requests) is not RequestQueue or not is_method(connection.execute_command, by_connection):
        return None
    for value in args:
        if type(value) is not str and type(value) is not bytes and type(value) is not int and type(value) is not float:
            args = fixed_arguments(args)
            break
    recovery = _FirstAttempt.__new__(_FirstAttempt)
    recovery._handler = handler
    recovery._args = args
    recovery._pool = pool
    recovery._post_proc = post_proc
    recovery.convert = post_proc
    return send_usual(connection, <RequestQueue>requests, args, recovery)
