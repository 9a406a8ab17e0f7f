# cython: language_level=3, freethreading_compatible=True
"""Make and fire Deferreds in compiled code instead of Twisted's Python code, with the same observable behaviour.

The compiled way handles Deferreds with at most one callback; Twisted fires all others. If the callback is the one that
Twisted adds for a coroutine or generator that awaits the Deferred, the coroutine is resumed from here, too.

This uses private parts of Twisted. So a probe at import compares the compiled way with Twisted's own; if they differ,
Twisted's own is used.

This module must not know of Redis.

More than 500 lines, because making, firing and resuming call each other in C for each reply.
"""

from contextvars import Context
from types import CoroutineType, GeneratorType

from cpython.object cimport PyObject, PyTypeObject

from twisted.internet import defer
from twisted.internet.defer import Deferred, succeed
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
    # A cast of a new reference, which Cython then owns.
    object owned "(PyObject *)"(PyObject *value)
    PyObject *PyDict_GetItemWithError(PyObject *items, object key) except? NULL
    PyObject *PyList_GET_ITEM(PyObject *items, Py_ssize_t index)
    unsigned long PyThread_get_thread_ident()
    void PyErr_Fetch(PyObject **kind, PyObject **error, PyObject **traceback) noexcept
    void PyErr_Restore(PyObject *kind, PyObject *error, PyObject *traceback) noexcept

cdef extern from *:
    """
    #define TYPE_DICT(kind) (((PyTypeObject *)(kind))->tp_dict)
    #define NEW_INSTANCE(kind, nothing) (((PyTypeObject *)(kind))->tp_new((PyTypeObject *)(kind), (nothing), NULL))
    #define SET_ATTRIBUTE(target, name, value) (Py_TYPE(target)->tp_setattro(target, name, value))
    #if PY_VERSION_HEX >= 0x030E0000
        #define HAS_ONE_REFERENCE(value) PyUnstable_Object_IsUniquelyReferenced(value)
    #elif defined(Py_GIL_DISABLED)
        #define HAS_ONE_REFERENCE(value) 0
    #else
        #define HAS_ONE_REFERENCE(value) (Py_REFCNT(value) == 1)
    #endif
    """
    PyObject *TYPE_DICT(object kind)
    # As `kind.__new__(kind)`.
    object NEW_INSTANCE(object kind, tuple nothing)
    # `name` must be a str literal. An exception stays set.
    int SET_ATTRIBUTE(object target, object name, object value) noexcept
    # Without a GIL, a count of 1 does not tell that no other thread has a reference. CPython 3.14 can tell.
    bint HAS_ONE_REFERENCE(PyObject *value) noexcept

cdef object _Deferred = Deferred
cdef object _Failure = Failure
cdef object _succeed = succeed
cdef object _Context = Context
cdef object _Coroutine = CoroutineType
cdef object _Generator = GeneratorType
#: Twisted's marker in place of a callback, in a Deferred that another Deferred is chained to.
cdef object _CONTINUE = getattr(defer, "_CONTINUE", None)
#: The callback that Twisted adds to a Deferred awaited by a coroutine, and the function that resumes the coroutine.
cdef object _GOT_RESULT = getattr(defer, "_gotResultInlineCallbacks", None)
cdef object _GO_ON = getattr(defer, "_inlineCallbacks", None)
cdef object _Returned = getattr(defer, "_DefGen_Return", None)
#: Name of the attribute that has a Deferred's list of callbacks; it depends on the version of Twisted.
cdef str _CALLBACKS = "_callbacks" if "_callbacks" in vars(Deferred()) else "callbacks"
#: The object False: Cython compiles a cast of the constant, `<PyObject *>False`, to a null pointer.
cdef object _FALSE = False
cdef bint _private = False
#: Whether this Twisted runs coroutines and generators that a generator yields; older versions return them unchanged.
cdef bint _runs_coroutines = False
cdef bint _runs_generators = False
#: Deferreds that could not be fired because the stack or the memory was exhausted, each with its thread, its value, and
#: whether that is an error. They are fired later: further up the stack, or with the next reply.
cdef list _cut_short = []

cdef enum:
    #: Depth of recursion in a chain of coroutines in which the end of each resumes the next; beyond it, a loop is used.
    NESTED = 8
    #: Number of entries kept at each end of a traceback whose exception passes a longer chain of coroutines. Older
    #: versions of Twisted read the whole traceback at each coroutine, which takes quadratic time.
    KEPT_LEVELS = 50


cdef inline bint _is_deferred(object value) noexcept:
    """As ``isinstance``, without the slow check of its metaclass ABCMeta."""
    return PyObject_TypeCheck(value, <PyTypeObject *>_Deferred)


cdef inline bint _is_failure(object value) noexcept:
    return PyObject_TypeCheck(value, <PyTypeObject *>_Failure)


cdef object new_deferred(object canceller):
    """As ``Deferred(canceller)``."""
    # As `_Deferred.debug`, faster; this runs for each command.
    if not _private or PyDict_GetItemWithError(TYPE_DICT(_Deferred), "debug") != <PyObject *>_FALSE:
        return _Deferred(canceller)
    cdef object deferred = NEW_INSTANCE(_Deferred, ())
    deferred._canceller = canceller
    setattr(deferred, _CALLBACKS, [])
    return deferred


cdef object new_fired(object value):
    """As ``succeed(value)``, for a value that is neither a Deferred nor a Failure.

    Without a canceller, which only ``cancel()`` of a Deferred that has not fired asks for.
    """
    if not _private or PyDict_GetItemWithError(TYPE_DICT(_Deferred), "debug") != <PyObject *>_FALSE:
        return _succeed(value)
    cdef object deferred = NEW_INSTANCE(_Deferred, ())
    cdef list callbacks = []
    if (
        SET_ATTRIBUTE(deferred, _CALLBACKS, callbacks) < 0
        or SET_ATTRIBUTE(deferred, "result", value) < 0
        or SET_ATTRIBUTE(deferred, "called", True) < 0
    ):
        return _succeed(value)
    return deferred


cdef int fire(object deferred, object value) except -1:
    """As ``deferred.callback(value)``, for a Deferred that has not been called.

    If this raises, the Deferred has been called, or is unchanged.
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
    """Fire a Deferred. It may end a coroutine, whose own Deferred is then fired, which may end the next, and so on.

    These Deferreds are fired by recursion, as in Twisted, to a depth of ``NESTED``; further ones in a loop. After
    a loop, the Deferreds are finished innermost first, so that callbacks added meanwhile run in Twisted's order.
    """
    cdef tuple following = _fire_one(deferred, value, depth)
    return 0 if following is None else _fire_following(deferred, following, depth)


cdef int _fire_following(object deferred, tuple following, int depth) except -1:
    """Fire the Deferreds after the first, in a loop; then finish those before them, innermost first."""
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
            # No memory to append to `around`.
            _fire_anyhow(following[0], following[1])
            _finish(deferred, getattr(deferred, _CALLBACKS), None)
        else:
            failed = error
    return _finish_around(around, deferred, value, failed)


cdef int _finish_around(list around, object deferred, object value, object failed) except -1:
    """Finish the outer Deferreds, innermost first; ``failed`` is the exception of the last firing, or None."""
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
    """Fire a Deferred whose firing has raised before it was called: once more now, and if that raises, later."""
    if deferred.called or _is_deferred(value):
        return 0
    try:
        deferred.callback(value)
    except BaseException:
        _cut_short.append((PyThread_get_thread_ident(), deferred, value, False))
    return 0


cdef int _fire_cut_short() except -1:
    """Fire the Deferreds of this thread that could not be fired when the stack or the memory was exhausted."""
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
    """Fire a single Deferred.

    :returns: a Deferred and its value, to be fired next; the caller then finishes this one. None: it is finished.
    """
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
    """Set the result of a Deferred and mark it as called; if that raises, leave the Deferred unchanged."""
    if (
        running and SET_ATTRIBUTE(deferred, "_runningCallbacks", True) < 0
        or SET_ATTRIBUTE(deferred, "result", value) < 0
        or SET_ATTRIBUTE(deferred, "_canceller", None) < 0
        or SET_ATTRIBUTE(deferred, "called", True) < 0
    ):
        return _undo(deferred)
    return 0


cdef int _undo(object deferred) except -1:
    """Restore a Deferred, and raise the exception that is set."""
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
    """Make the result of a callback that has raised; if even that raises, the Deferred keeps its former result."""
    try:
        return _Failure(error, type(error), error.__traceback__)
    except BaseException:
        deferred._runningCallbacks = False
        raise


cdef inline int _finish(object deferred, list callbacks, object result) except -1:
    """Set the result of a Deferred's only callback, and run callbacks that it has added."""
    deferred._runningCallbacks = False
    if _is_failure(result) or _is_deferred(result):
        # Twisted itself chains Deferreds and records unhandled errors: a callback returns the result to it.
        deferred.result = None
        callbacks.insert(0, _plain_callback(result))
        deferred._runCallbacks()
        return 0
    deferred.result = result
    if callbacks:
        deferred._runCallbacks()
    return 0


cdef int fire_kept(list deferreds, Py_ssize_t index, object value) except -1:
    """As :func:`fire`, for a Deferred in a list; it is skipped if the list has the only reference to it."""
    cdef PyObject *kept = PyList_GET_ITEM(<PyObject *>deferreds, index)
    cdef bint forgotten = HAS_ONE_REFERENCE(kept)
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
    """Whether this call resumes a coroutine that is suspended, and can be resumed from here."""
    cdef tuple args = call[1]
    if len(args) != 4 or call[2]:
        return False
    return (
        (<list?>args[0])[0] is False
        and (type(args[1]) is _Coroutine or type(args[1]) is _Generator)
        and type(args[3]) is _Context
    )


cdef object _step(object context, object gen, object value, bint *returned):
    """Resume a coroutine until it awaits again, returns (``returned`` is set) or raises."""
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
    """As Twisted's ``_inlineCallbacks``: resume a coroutine with a result, until it awaits a Deferred without a result.

    :param entry: the callback entry by which it was waiting; added to the next Deferred that it awaits.
    :returns: as :func:`_end` if the coroutine has ended; None if it waits.
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
                # The Deferred could not be awaited: the coroutine gets the exception.
                value = _Failure(error)
                continue
            traceback = _application_part(error.__traceback__)
            if isinstance(error, _Returned):
                # Twisted reads the traceback to find the caller of returnValue.
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
    """Fire the Deferred of a coroutine that has ended; at depth ``NESTED``, return it and its value to the caller."""
    if deferred.called:
        deferred.callback(value)  # as Twisted: it raises AlreadyCalledError, unless the Deferred was cancelled
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
    """A traceback without its first entries in this module."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename.endswith("_cdeferred.pyx"):
        traceback = traceback.tb_next
    return traceback


cdef int _shorten(object traceback) except -1:
    """Remove the middle of a traceback with more than 2 * KEPT_LEVELS entries."""
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
    """Whether Deferreds are made and fired in the compiled way; with an argument, set it, for tests."""
    global _private
    if wanted is not None:
        _private = wanted
    return _private


cdef bint _runs(object inner):
    """Whether Twisted runs ``inner`` where a generator yields it."""
    cdef object result = defer.inlineCallbacks(yields)(inner).result
    inner.close()
    return result is not inner


def _probe():
    """Whether Deferreds made and fired in the compiled way behave as Twisted's own."""
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
