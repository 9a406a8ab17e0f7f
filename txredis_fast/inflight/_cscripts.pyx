# cython: language_level=3, freethreading_compatible=True
"""``eval`` of a connection in compiled code, for a script that the connection has executed before.

It has the steps of :meth:`.ScriptingCommands.eval`, which is called in all other cases.
"""

from functools import partial, wraps

from cpython.object cimport PyObject

from twisted.internet.defer import fail

from txredis_fast._tunables import SCRIPT_CACHE_MAX_BYTES
from txredis_fast.commands._parts import Recovery
from txredis_fast.inflight._crequest cimport RequestQueue, send_usual

__all__ = ["fast_path_of_eval"]

cdef extern from "Python.h":
    bint PyMethod_Check(object value)
    PyObject *PyMethod_GET_FUNCTION(object method)  # a borrowed reference

cdef object _Recovery = Recovery
cdef Py_ssize_t _LONGEST = SCRIPT_CACHE_MAX_BYTES


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


cdef object _eval(object connection, tuple args, object execute_command, object hash_of_text):
    """Send EVALSHA in the usual case; return None in all other cases."""
    cdef object script = args[0]
    cdef object keys = args[1]
    cdef object values = args[2]
    cdef object found = connection._requests
    cdef object known, method, factory, queue, host, recovery
    cdef tuple hashed, tail
    if (
        type(script) is not str or len(<str>script) > _LONGEST or type(keys) is not list or type(values) is not list
        or type(found) is not RequestQueue or not (<RequestQueue>found).accepting
    ):
        return None
    method = connection.execute_command
    if not PyMethod_Check(method) or PyMethod_GET_FUNCTION(method) != <PyObject *>execute_command:
        return None
    known = connection.script_hashes
    hashed = hash_of_text(script)
    if type(known) is not set or hashed[1] not in <set>known:
        return None
    tail = (len(<list>keys), *keys, *values)
    factory = connection.factory
    queue = getattr(factory, "connectionQueue", None)
    host = factory.handler if queue is not None and connection in queue.pending else connection
    recovery = _Recovery.__new__(_Recovery)  # without its constructor, which is Python code
    recovery.convert = None
    recovery.again = partial(connection._eval_whole, hashed[0], hashed[1], tail, host)
    recovery.sent = None
    return send_usual(connection, ("EVALSHA", hashed[1], *tail), recovery)
