# cython: language_level=3, freethreading_compatible=True
"""The routing of each command of a cluster's handler, compiled. ``_pyrouting`` has the same names, documented.

``execute_command`` is compiled for a command with one key whose node is connected. It has the steps of the pure-Python
method, which is called in all other cases.
"""

cimport cython

from functools import wraps

from twisted.internet.defer import fail

from txredis_fast.commands._parts import Recovery
from txredis_fast.inflight._crequest cimport LateRecovery, RequestQueue, send_usual
from txredis_fast.resp import fixed_arguments
from txredis_fast.resp._cencode cimport slot_of_text
from txredis_fast.transport._cmethods cimport is_method

__all__ = ["fast_path_of_cluster", "group_commands", "group_keys", "place_replies", "place_values"]

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)

cdef object _Recovery = Recovery
#: Python refuses to convert an int of thousands of digits.
cdef object _MOST = 2**63


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


def group_commands(commands, dict one_key not None, list pools not None):
    cdef dict groups = {}
    cdef tuple args, group
    cdef object command, place, pool
    cdef Py_ssize_t index = 0
    for command in commands:
        if type(command[0]) is not tuple:
            return None
        args = <tuple>command[0]
        if not args or type(args[0]) is not str:
            return None
        place = one_key.get(args[0])
        if place is None or <Py_ssize_t>place >= len(args):
            return None
        pool = _pool_of(args[<Py_ssize_t>place], pools)
        if pool is None or not _can_be_sent(args):
            return None
        group = <tuple>groups.get(pool)
        if group is None:
            groups[pool] = ([index], [command])
        else:
            (<list>group[0]).append(index)
            (<list>group[1]).append(command)
        index += 1
    return groups


def group_keys(str name not None, keys, bint raw, list pools not None):
    cdef dict groups = {}
    cdef dict of_slots = {}
    cdef tuple group, former
    cdef list args, indices
    cdef object key, pool, place
    cdef Py_ssize_t index = 0
    cdef int slot
    for key in keys:
        slot = slot_of_text(key)
        pool = pools[slot] if slot >= 0 else None
        if pool is None:
            return None
        former = <tuple>of_slots.get(slot)
        if former is None:
            group = <tuple>groups.get(pool)
            if group is None:
                group = groups[pool] = ([], [])
            indices = <list>group[0]
            args = [name, key]
            of_slots[slot] = (args, indices, len(indices))
            indices.append(index)
            (<list>group[1]).append((args, None, raw))
        else:
            (<list>former[0]).append(key)
            indices = <list>former[1]
            place = indices[<Py_ssize_t>former[2]]
            if type(place) is list:
                (<list>place).append(index)
            else:
                indices[<Py_ssize_t>former[2]] = [place, index]
        index += 1
    return groups


cdef inline bint _can_be_sent(tuple args) except -1:
    """Whether nothing of a command can fail to be encoded."""
    cdef object value
    for value in args:
        if type(value) is str:
            if not PyUnicode_IS_ASCII(value):
                return False
        elif type(value) is int:
            if not -_MOST <= value <= _MOST:
                return False
        elif type(value) is not bytes and type(value) is not float:
            return False
    return True


cdef inline object _pool_of(object key, list pools):
    cdef int slot = slot_of_text(key)
    return pools[slot] if slot >= 0 else None


def place_replies(list results not None, list indices not None, list replies not None):
    cdef bint is_fine = True
    cdef Py_ssize_t at
    cdef object reply
    if len(indices) != len(replies):
        raise ValueError("there are not as many replies as commands")
    for at in range(len(indices)):
        reply = replies[at]
        results[<Py_ssize_t>indices[at]] = reply
        if isinstance(reply, Exception):
            is_fine = False
    return is_fine


def place_values(list results not None, list indices not None, list replies not None):
    cdef bint is_fine = True
    cdef Py_ssize_t at
    cdef object reply, place, value, each
    if len(indices) != len(replies):
        raise ValueError("there are not as many replies as commands")
    for at in range(len(indices)):
        reply = replies[at]
        place = indices[at]
        if type(place) is not list:
            if type(reply) is list and len(<list>reply) == 1:
                results[<Py_ssize_t>place] = (<list>reply)[0]
                continue
            place = [place]
        if type(reply) is list and len(<list>reply) == len(<list>place):
            for each, value in zip(<list>place, <list>reply):
                results[<Py_ssize_t>each] = value
            continue
        is_fine = False
        for each in <list>place:
            results[<Py_ssize_t>each] = reply
    return is_fine
