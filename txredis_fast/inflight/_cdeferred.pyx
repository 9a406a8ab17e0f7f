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

from txredis_fast.inflight._probe import answering_coroutine, answering_generator, story, yields

__all__ = ["uses_private_parts"]

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN, PYGEN_ERROR, PYGEN_NEXT
    PySendResult PyIter_Send(object iterator, object value, PyObject **result) except PYGEN_ERROR
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
    bint PyObject_TypeCheck(object value, PyTypeObject *kind)
    # A cast that makes Cython take over a reference.
    object owned "(PyObject *)"(PyObject *value)
    PyObject *PyDict_GetItemWithError(PyObject *items, object key) except? NULL
    PyObject *PyList_GET_ITEM(PyObject *items, Py_ssize_t index)
    Py_ssize_t Py_REFCNT(PyObject *value)
    unsigned long PyThread_get_thread_ident()
    void PyErr_Fetch(PyObject **kind, PyObject **error, PyObject **traceback) noexcept
    void PyErr_Restore(PyObject *kind, PyObject *error, PyObject *traceback) noexcept

cdef extern from *:
    """
    #define TYPE_DICT(kind) (((PyTypeObject *)(kind))->tp_dict)
    #define NEW_INSTANCE(kind, nothing) (((PyTypeObject *)(kind))->tp_new((PyTypeObject *)(kind), (nothing), NULL))
    #define SET_ATTRIBUTE(target, name, value) (Py_TYPE(target)->tp_setattro(target, name, value))
    """
    PyObject *TYPE_DICT(object kind)
    # As `kind.__new__(kind)`.
    object NEW_INSTANCE(object kind, tuple nothing)
    # For a name that is written out. What is raised is left set.
    int SET_ATTRIBUTE(object target, object name, object value) noexcept

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
#: The object, which a cast of the constant would not give: that is a null pointer.
cdef object _FALSE = False
cdef bint _private = False
#: Whether this Twisted runs coroutines and generators that a generator yields; older ones hand them back as they are.
cdef bint _runs_coroutines = False
cdef bint _runs_generators = False
#: Deferreds whose firing was cut short where the stack or the memory had come to an end, each with its thread, its
#: value, and whether that is an error. They are fired where there is more room: further out, or with the next reply.
cdef list _cut_short = []

cdef enum:
    #: How many coroutines that end, each of which lets the next one go on, are resumed one inside the other.
    NESTED = 8
    #: How many levels of a traceback are kept at its beginning, and at its end, where an error goes along a longer
    #: chain. Older Twisted looks at all of them at each coroutine.
    KEPT_LEVELS = 50


cdef inline bint _is_deferred(object value) noexcept:
    """As ``isinstance``, which has to ask the abstract base class of Deferred."""
    return PyObject_TypeCheck(value, <PyTypeObject *>_Deferred)


cdef inline bint _is_failure(object value) noexcept:
    return PyObject_TypeCheck(value, <PyTypeObject *>_Failure)


cdef object new_deferred(object canceller):
    """As ``Deferred(canceller)``."""
    # As `_Deferred.debug`, which is asked once a command.
    if not _private or PyDict_GetItemWithError(TYPE_DICT(_Deferred), "debug") != <PyObject *>_FALSE:
        return _Deferred(canceller)
    cdef object deferred = NEW_INSTANCE(_Deferred, ())
    deferred._canceller = canceller
    setattr(deferred, _CALLBACKS, [])
    return deferred


cdef int fire(object deferred, object value) except -1:
    """As ``deferred.callback(value)``, for a Deferred that has not been called.

    Where this raises, the Deferred has been called, or is as it was.
    """
    _fire(deferred, value, 0)
    if _cut_short:
        _fire_cut_short()
    return 0


cdef int fire_error(object deferred, object error) except -1:
    """As ``deferred.errback(error)``, for a Deferred that has not been called."""
    cdef object failure
    try:
        failure = _Failure(error)
    except BaseException:
        _cut_short.append((PyThread_get_thread_ident(), deferred, error, True))
        raise
    return fire(deferred, failure)


cdef int _fire(object deferred, object value, int depth) except -1:
    """Fire a Deferred, and those of coroutines that end by it, each of which may let the next one go on.

    They are fired one inside the other, as Twisted does it, ``NESTED`` deep; further ones in a loop. Those that are
    around are finished only afterwards, innermost first, so that callbacks added meanwhile run when they do in Twisted.
    """
    cdef tuple following = _fire_one(deferred, value, depth)
    return 0 if following is None else _fire_following(deferred, following, depth)


cdef int _fire_following(object deferred, tuple following, int depth) except -1:
    """As :func:`_fire`, for what comes after the first one."""
    cdef list around = None
    cdef object value = None
    cdef object failed = None
    try:
        around = []
        while following is not None:
            around.append(deferred)
            deferred, value = following
            following = None
            following = _fire_one(deferred, value, depth)
    except BaseException as error:
        if following is not None:
            # No memory to remember who is around.
            _fire_anyhow(following[0], following[1])
            _finish(deferred, getattr(deferred, _CALLBACKS), None)
        else:
            failed = error
    return _finish_around(around, deferred, value, failed)


cdef int _finish_around(list around, object deferred, object value, object failed) except -1:
    """Finish those whose coroutines let the next ones go on; the innermost has failed where the last one raised."""
    if failed is not None:
        _fire_anyhow(deferred, value)
    while around is not None and around:
        deferred = around.pop()
        try:
            _finish(deferred, getattr(deferred, _CALLBACKS), None if failed is None else _Failure(failed))
            failed = None
        except BaseException as error:
            failed = error
    if failed is not None:
        raise failed
    return 0


cdef int _fire_anyhow(object deferred, object value) except -1:
    """Firing has raised: if it has come to nothing, try once more, now or later."""
    if deferred.called or _is_deferred(value):
        return 0
    try:
        deferred.callback(value)
    except BaseException:
        _cut_short.append((PyThread_get_thread_ident(), deferred, value, False))
    return 0


cdef int _fire_cut_short() except -1:
    """Fire what could not be fired further in, in this thread."""
    cdef tuple kept
    cdef object mine = PyThread_get_thread_ident()
    for kept in _cut_short[:]:
        if kept[0] != mine:
            continue
        _cut_short.remove(kept)
        deferred, value, failed = kept[1:]
        if deferred.called:
            continue
        try:
            deferred.callback(_Failure(value) if failed else value)
        except BaseException:
            if not deferred.called:
                _cut_short.append(kept)
            raise
    return 0


cdef tuple _fire_one(object deferred, object value, int depth):
    """Fire one; returns what is to be fired next, before this one is finished: a Deferred and its value."""
    cdef list callbacks
    cdef tuple entry, call
    cdef tuple following = None
    cdef object callback
    cdef object result = None
    cdef bint failing
    if not _private or type(deferred) is not _Deferred or deferred.paused or deferred.debug or _is_deferred(value):
        deferred.callback(value)
        return None
    failing = _is_failure(value)
    callbacks = getattr(deferred, _CALLBACKS)
    if not callbacks and not failing:
        _set_result(deferred, value, False)
        return None
    if len(callbacks) != 1:
        deferred.callback(value)
        return None
    entry = callbacks[0]
    call = entry[failing]
    callback = call[0]
    if callback is _GOT_RESULT and _is_resumable(call):
        _set_result(deferred, value, True)
        callbacks.clear()
        try:
            following = _resume(value, entry, depth)
        except BaseException as error:
            result = _failure_of(deferred, error)
        if following is not None:
            return following
    elif callback is _CONTINUE or failing:
        deferred.callback(value)
        return None
    else:
        _set_result(deferred, value, True)
        callbacks.clear()
        try:
            if call[2]:
                result = callback(value, *call[1], **call[2])
            else:
                result = callback(value, *call[1])
        except BaseException as error:
            result = _failure_of(deferred, error)
    _finish(deferred, callbacks, result)
    return None


cdef inline int _set_result(object deferred, object value, bint running) except -1:
    """Make a Deferred one that has been called, or leave it as it was."""
    if (
        running and SET_ATTRIBUTE(deferred, "_runningCallbacks", True) < 0
        or SET_ATTRIBUTE(deferred, "result", value) < 0
        or SET_ATTRIBUTE(deferred, "_canceller", None) < 0
        or SET_ATTRIBUTE(deferred, "called", True) < 0
    ):
        return _undo(deferred)
    return 0


cdef int _undo(object deferred) except -1:
    """Leave a Deferred as it was, and raise what has been set as raised."""
    cdef PyObject *kind = NULL
    cdef PyObject *error = NULL
    cdef PyObject *traceback = NULL
    PyErr_Fetch(&kind, &error, &traceback)
    try:
        deferred._runningCallbacks = False
        vars(deferred).pop("result", None)
    finally:
        PyErr_Restore(kind, error, traceback)
    return -1


cdef object _failure_of(object deferred, error):
    """What a callback raised, as its result; where even that cannot be made, the Deferred keeps what it has."""
    try:
        return _Failure(error, type(error), error.__traceback__)
    except BaseException:
        deferred._runningCallbacks = False
        raise


cdef inline int _finish(object deferred, list callbacks, object result) except -1:
    """A Deferred's only callback has returned; others may have been added meanwhile."""
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


cdef tuple _resume(object value, tuple entry, int depth):
    """As Twisted's ``_inlineCallbacks``: give a coroutine what it awaited, until it awaits what has no result yet.

    :param entry: how it was waiting, which is also how it will wait.
    :returns: as :func:`_end`, if it has ended.
    """
    cdef tuple args = (<tuple>entry[0])[1]
    cdef object gen = args[1]
    cdef object status = args[2]
    cdef object context = args[3]
    cdef object awaited, traceback
    cdef list waiting
    cdef bint returned = False
    cdef bint stepped
    while True:
        stepped = False
        try:
            awaited = _step(context, gen, value, &returned)
            stepped = True
            if returned:
                pass
            elif type(awaited) is _Deferred and not awaited.called:
                status.waitingOn = awaited
                (<list?>getattr(awaited, _CALLBACKS)).append(entry)
                return None
            else:
                if (
                    (type(awaited) is _Generator and _runs_generators)
                    or (_runs_coroutines and not _is_deferred(awaited) and defer.iscoroutine(awaited))
                ):
                    awaited = defer._cancellableInlineCallbacks(awaited)
                if _is_deferred(awaited):
                    waiting = [True, None]
                    awaited.addBoth(_GOT_RESULT, waiting, gen, status, context)
                    if waiting[0]:
                        status.waitingOn = awaited
                        waiting[0] = False
                        return None
                    awaited = waiting[1]
        except BaseException as error:
            if stepped:
                # It could not be made to wait: it learns of that.
                value = _Failure(error)
                continue
            traceback = _application_part(error.__traceback__)
            if isinstance(error, _Returned):
                # Twisted looks at the traceback to see who called its returnValue.
                if traceback is not None:
                    traceback = traceback.tb_next
                _GO_ON(None, _Raiser(error.with_traceback(traceback)), status, context)
                return None
            try:
                if depth >= NESTED:
                    _shorten(traceback)
                awaited = _Failure(error, type(error), traceback)
            except BaseException:
                _cut_short.append((PyThread_get_thread_ident(), status.deferred, error, True))
                raise
            returned = True
        if returned:
            return _end(status.deferred, awaited, depth)
        value = awaited


cdef tuple _end(object deferred, object value, int depth):
    """A coroutine has ended: fire its Deferred, or return that and its value, to be fired by who called."""
    if deferred.called:
        deferred.callback(value)  # as Twisted does it: it raises, or the Deferred was cancelled
        return None
    if depth >= NESTED:
        return _as_following(deferred, value)
    try:
        _fire(deferred, value, depth + 1)
    except BaseException:
        _fire_anyhow(deferred, value)
        raise
    return None


cdef tuple _as_following(object deferred, object value):
    try:
        return (deferred, value)
    except MemoryError:
        _fire_anyhow(deferred, value)


cdef object _application_part(object traceback):
    """A traceback without the places in this module that come first."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename.endswith("_cdeferred.pyx"):
        traceback = traceback.tb_next
    return traceback


cdef int _shorten(object traceback) except -1:
    """Take the middle out of a traceback that is long."""
    cdef Py_ssize_t length = 0
    cdef object at = traceback
    cdef object end
    while at is not None:
        length += 1
        at = at.tb_next
    if length <= 2 * KEPT_LEVELS:
        return 0
    at = traceback
    for _ in range(KEPT_LEVELS - 1):
        at = at.tb_next
    end = at
    for _ in range(length - 2 * KEPT_LEVELS + 1):
        end = end.tb_next
    at.tb_next = end
    return 0


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
