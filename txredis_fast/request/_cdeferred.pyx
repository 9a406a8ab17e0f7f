# cython: language_level=3, freethreading_compatible=True
"""Deferreds made and fired without running Twisted's own Python code for that, where nobody can tell the difference.

A Deferred is fired the short way where it has no callback or exactly one. Where that one is what Twisted adds for a
coroutine (or generator) that awaits the Deferred, the coroutine is resumed from here, too.

This touches private parts of Twisted, so a probe tries it all when this is imported; where it does not come out as
Twisted's own, that is used.

This module must not know of Redis.
"""

from contextvars import Context
from types import CoroutineType, GeneratorType

from cpython.object cimport PyObject, PyTypeObject

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txredis_fast.request._probe import answering_coroutine, answering_generator, story, yields

__all__ = ["uses_private_parts"]

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN, PYGEN_ERROR, PYGEN_NEXT
    PySendResult PyIter_Send(object iterator, object value, PyObject **result) except PYGEN_ERROR
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
    bint PyObject_TypeCheck(object value, PyTypeObject *kind)
    object PyType_GenericAlloc(PyTypeObject *kind, Py_ssize_t items)
    # A cast that makes Cython take over a reference.
    object owned "(PyObject *)"(PyObject *value)
    PyObject *PyDict_GetItemWithError(PyObject *items, object key) except? NULL
    PyObject *PyList_GET_ITEM(PyObject *items, Py_ssize_t index)
    Py_ssize_t Py_REFCNT(PyObject *value)

cdef extern from *:
    """
    #define TYPE_DICT(kind) (((PyTypeObject *)(kind))->tp_dict)
    """
    PyObject *TYPE_DICT(object kind)

cdef object _Deferred = Deferred
cdef object _Failure = Failure
cdef object _Context = Context
cdef object _Coroutine = CoroutineType
cdef object _Generator = GeneratorType
#: What stands in for a callback in a Deferred that another one is chained to.
cdef object _CONTINUE = getattr(defer, "_CONTINUE", None)
#: What Twisted adds to a Deferred that a coroutine awaits, and what that goes on with.
cdef object _GOT_RESULT = getattr(defer, "_gotResultInlineCallbacks", None)
cdef object _GO_ON = getattr(defer, "_inlineCallbacks", None)
cdef object _Returned = getattr(defer, "_DefGen_Return", None)
#: The name of a Deferred's list of callbacks, which is not the same in all versions of Twisted.
cdef str _CALLBACKS = "_callbacks" if "_callbacks" in vars(Deferred()) else "callbacks"
cdef bint _private = False
#: Whether this Twisted runs coroutines and generators that a generator yields; older ones hand them back as they are.
cdef bint _runs_coroutines = False
cdef bint _runs_generators = False


cdef inline bint _is_deferred(object value) noexcept:
    """As ``isinstance``, which has to ask the abstract base class of Deferred."""
    return PyObject_TypeCheck(value, <PyTypeObject *>_Deferred)


cdef inline bint _is_failure(object value) noexcept:
    return PyObject_TypeCheck(value, <PyTypeObject *>_Failure)


cdef object new_deferred(object canceller):
    """As ``Deferred(canceller)``."""
    # As `_Deferred.debug`, which is asked once a command.
    if not _private or PyDict_GetItemWithError(TYPE_DICT(_Deferred), "debug") != <PyObject *>False:
        return _Deferred(canceller)
    cdef object deferred = PyType_GenericAlloc(<PyTypeObject *>_Deferred, 0)
    deferred._canceller = canceller
    setattr(deferred, _CALLBACKS, [])
    return deferred


cdef int fire(object deferred, object value) except -1:
    """As ``deferred.callback(value)``, for a Deferred that has not been called."""
    cdef list callbacks
    cdef tuple entry, call
    cdef object callback, result
    if (
        not _private or type(deferred) is not _Deferred or deferred.paused or deferred.debug
        or _is_failure(value) or _is_deferred(value)
    ):
        deferred.callback(value)
        return 0
    callbacks = getattr(deferred, _CALLBACKS)
    if not callbacks:
        deferred.called = True
        deferred._canceller = None
        deferred.result = value
        return 0
    entry = callbacks[0]
    call = entry[0]
    callback = call[0]
    if len(callbacks) != 1 or callback is _CONTINUE:
        deferred.callback(value)
        return 0
    deferred.called = True
    deferred._canceller = None
    deferred.result = value
    callbacks.clear()
    deferred._runningCallbacks = True
    try:
        if callback is _GOT_RESULT and _is_resumable(call):
            result = _resume(value, entry)
        elif call[2]:
            result = callback(value, *call[1], **call[2])
        else:
            result = callback(value, *call[1])
    except BaseException:
        result = _Failure()
    deferred._runningCallbacks = False
    if _is_failure(result) or _is_deferred(result):
        # Chaining and the record of unhandled errors are left to Twisted: it gets the result from a callback.
        deferred.result = None
        callbacks.insert(0, _plain_callback(result))
        deferred._runCallbacks()
        return 0
    deferred.result = result
    if callbacks:
        deferred._runCallbacks()
    return 0


cdef int fire_kept(list deferreds, Py_ssize_t index, object value) except -1:
    """As :func:`fire`, for one that was kept for its maker, who may have forgotten it."""
    cdef PyObject *kept = PyList_GET_ITEM(<PyObject *>deferreds, index)
    cdef bint forgotten = Py_REFCNT(kept) == 1
    cdef object deferred = <object>kept
    if forgotten and _private and type(deferred) is _Deferred and not getattr(deferred, _CALLBACKS):
        return 0
    if not deferred.called:
        fire(deferred, value)
    return 0


cdef tuple _plain_callback(object result):
    cdef tuple give = (lambda _: result, (), {})
    return (give, give)


cdef bint _is_resumable(tuple call) except -1:
    """Whether a coroutine waits for this call, rather than still being about to wait."""
    cdef tuple args = call[1]
    if len(args) != 4 or call[2]:
        return False
    return (
        (<list?>args[0])[0] is False
        and (type(args[1]) is _Coroutine or type(args[1]) is _Generator)
        and type(args[3]) is _Context
    )


cdef object _step(object context, object gen, object value, bint *returned):
    """Have a coroutine go on until it waits again or returns; what it raises is raised."""
    cdef PyObject *result = NULL
    cdef PySendResult state
    if _is_failure(value):
        try:
            return context.run(value.throwExceptionIntoGenerator, gen)
        except StopIteration as stop:
            returned[0] = True
            return stop.value
    PyContext_Enter(context)
    try:
        state = PyIter_Send(gen, value, &result)
    finally:
        PyContext_Exit(context)
    returned[0] = state == PYGEN_RETURN
    return owned(result)


cdef object _resume(object value, tuple entry):
    """As Twisted's ``_inlineCallbacks``: give a coroutine what it awaited, until it awaits what has no result yet.

    :param entry: how it was waiting, which is also how it will wait.
    """
    cdef tuple args = (<tuple>entry[0])[1]
    cdef object gen = args[1]
    cdef object status = args[2]
    cdef object context = args[3]
    cdef object awaited, deferred, traceback
    cdef list waiting
    cdef bint returned = False
    while True:
        try:
            awaited = _step(context, gen, value, &returned)
        except BaseException as error:
            traceback = _application_part(error.__traceback__)
            if isinstance(error, _Returned):
                # Twisted looks at the traceback to see who called its returnValue.
                if traceback is not None:
                    traceback = traceback.tb_next
                _GO_ON(None, _Raiser(error.with_traceback(traceback)), status, context)
            else:
                status.deferred.errback(_Failure(error, type(error), traceback))
            return None
        if returned:
            deferred = status.deferred
            if deferred.called:
                deferred.callback(awaited)
            else:
                fire(deferred, awaited)
            return None
        if type(awaited) is _Deferred and not awaited.called:
            (<list?>getattr(awaited, _CALLBACKS)).append(entry)
            status.waitingOn = awaited
            return None
        if (
            (type(awaited) is _Generator and _runs_generators)
            or (_runs_coroutines and not _is_deferred(awaited) and defer.iscoroutine(awaited))
        ):
            awaited = defer._cancellableInlineCallbacks(awaited)
        if _is_deferred(awaited):
            waiting = [True, None]
            awaited.addBoth(_GOT_RESULT, waiting, gen, status, context)
            if waiting[0]:
                waiting[0] = False
                status.waitingOn = awaited
                return None
            awaited = waiting[1]
        value = awaited


cdef object _application_part(object traceback):
    """A traceback without the places in this module that come first."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename.endswith("_cdeferred.pyx"):
        traceback = traceback.tb_next
    return traceback


cdef class _Raiser:
    """A generator that raises."""

    cdef object _error

    def __init__(self, error):
        self._error = error

    def send(self, value):
        raise self._error


def uses_private_parts(wanted=None):
    """Whether Deferreds are made and fired the short way; with an argument, set that, for tests."""
    global _private
    if wanted is not None:
        _private = wanted
    return _private


cdef bint _runs(object inner):
    """Whether a generator that yields this one gets its result."""
    cdef object result = defer.inlineCallbacks(yields)(inner).result
    inner.close()
    return result is not inner


def _probe():
    """Whether Deferreds made and fired the short way cannot be told from Twisted's own."""
    plain = _Deferred(None)
    if type(vars(plain).get(_CALLBACKS)) is not list or vars(new_deferred(None)) != vars(plain):
        return False
    if _CONTINUE is None or _GOT_RESULT is None or _GO_ON is None or _Returned is None:
        return False
    global _runs_coroutines, _runs_generators
    _runs_coroutines, _runs_generators = _runs(answering_coroutine()), _runs(answering_generator())
    return (
        story(new_deferred, lambda deferred, value: fire(deferred, value), _CALLBACKS)
        == story(_Deferred, lambda deferred, value: deferred.callback(value), _CALLBACKS)
    )


_private = True
try:
    _private = _probe()
except Exception:
    _private = False
