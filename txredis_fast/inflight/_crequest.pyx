# cython: language_level=3, freethreading_compatible=True
"""The request queue of one connection, compiled. It has the names of ``_pyrequest``, which has the documentation.

Deferreds are made and fired by ``_cdeferred``.

More than 500 lines, because the fast paths reach into C structures of the queue and of its requests.
"""

from collections import deque
from functools import partial, wraps
from sys import maxsize

from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF

from twisted.internet.defer import Deferred, fail, maybeDeferred

from txredis_fast._tunables import BURST_MIN_REQUESTS, LONG_REPLY_MIN_ELEMENTS
from txredis_fast.commands._parts import Recovery
from txredis_fast.exceptions import MaybeExecutedError, NotSentError, RedisError
from txredis_fast.inflight._cdeferred cimport fire, fire_error, fire_kept, new_deferred
from txredis_fast.inflight._deadline import DeadlineTimer
from txredis_fast.inflight._arguments import arguments_of
from txredis_fast.inflight._failing import as_exception, fail_each
from txredis_fast.inflight._long import ListOfReplies, convert_in_turns, finish_in_turns, own_reply, parts_of
from txredis_fast.resp import INCOMPLETE, Push, fixed_arguments
from txredis_fast.resp._cencode cimport encode_usual
from txredis_fast.resp._cresp cimport Reader
from txredis_fast.transport._csocket cimport Sender

__all__ = [
    "BatchRequest", "EffectBatchRequest", "EffectRequest", "Request", "RequestQueue", "add_command", "answer_each",
    "cancelled_with_effect", "compiled_fast_path", "fast_path_of_cached",
    "fast_path_by_name", "fast_path_of_batch", "fast_path_of_pipeline", "fast_path_of_pool", "first_error",
    "plain_commands"
]

cdef extern from "Python.h":
    enum:
        PY_VECTORCALL_ARGUMENTS_OFFSET
    object call_method "PyObject_VectorcallMethod"(object name, PyObject **args, size_t count, void *names)
    # NULL: an exception is set.
    PyObject *call_method_or_null "PyObject_VectorcallMethod"(
        object name, PyObject **args, size_t count, void *names
    ) noexcept
    object generic_attribute "PyObject_GenericGetAttr"(object value, object name)
    # A cast of a new reference, which Cython then owns; of NULL, it raises the exception that is set.
    object owned "(PyObject *)"(PyObject *value)

cdef enum:
    #: Largest number of arguments that are passed to a method without a tuple.
    MAX_ARGUMENTS = 7

cdef object _Deferred = Deferred
cdef object _Push = Push
cdef object _INCOMPLETE = INCOMPLETE
cdef Py_ssize_t _LONG = LONG_REPLY_MIN_ELEMENTS
cdef Py_ssize_t _BURST = BURST_MIN_REQUESTS
cdef object _Recovery = Recovery
cdef object _ListOfReplies = ListOfReplies


cdef inline bint may_be_long(object convert, object reply) except -1:
    if isinstance(reply, list):
        return len(<list>reply) > _LONG or isinstance(convert, _ListOfReplies)
    return isinstance(reply, dict) and isinstance(convert, _ListOfReplies)


cdef class LateRecovery:
    cdef object make(self):
        """Make the ``Recovery``."""
        raise NotImplementedError

    cdef int recover(self, object error, object deferred) except -1:
        self._made = self.make()
        self._made.recover(error, deferred)
        return 0

    def __call__(self, deferred):
        """See ``Recovery.cancel``."""
        if self._made is None:
            self._note_cancelled(deferred)
        else:
            self._made.cancel(self._note_cancelled, deferred)


cdef class Request:
    @property
    def remaining(self):
        return 1

    def __init__(self, deferred, post_proc, bint raw, deadline, Py_ssize_t size):
        self.deferred = deferred
        self.post_proc = post_proc
        self.raw = raw
        self.deadline = deadline
        self.size = size

    cpdef bint answer(self, reply) except -1:
        cdef object deferred = self.deferred
        cdef object work
        if deferred.called:
            return True
        cdef object post_proc = self.post_proc
        if post_proc is None:
            pass
        elif isinstance(post_proc, LateRecovery):
            if isinstance(reply, Exception):
                (<LateRecovery>post_proc).recover(reply, deferred)
                return True
            post_proc = (<LateRecovery>post_proc).convert
        elif type(post_proc) is _Recovery:
            if isinstance(reply, Exception):
                post_proc.recover(reply, deferred)
                return True
            post_proc = post_proc.convert
        if isinstance(reply, Exception):
            reply = own_reply(post_proc, reply)
            if isinstance(reply, Exception):
                fire_error(deferred, reply)
                return True
        if post_proc is not None:
            try:
                if may_be_long(post_proc, reply):
                    work = parts_of(post_proc, reply)
                    if work is not None:
                        convert_in_turns(work, deferred)
                        return True
                reply = post_proc(reply)
            except BaseException:
                deferred.errback()
                return True
        fire(deferred, reply)
        return True

    def fail(self, error):
        if self.deferred.called:
            return
        if self.post_proc is not None and isinstance(error, NotSentError):
            if isinstance(self.post_proc, LateRecovery):
                (<LateRecovery>self.post_proc).recover(error, self.deferred)
                return
            if type(self.post_proc) is _Recovery:
                self.post_proc.recover(error, self.deferred)
                return
        fire_error(self.deferred, error)


cdef class EffectRequest(Request):
    def __init__(self, deferred, post_proc, bint raw, deadline, Py_ssize_t size, effect):
        Request.__init__(self, deferred, post_proc, raw, deadline, size)
        self.effect = effect

    def __call__(self, deferred):
        cancelled_with_effect(self.effect, self._canceller, deferred)

    cpdef bint answer(self, reply) except -1:
        self.effect()
        return Request.answer(self, reply)

    def fail(self, error):
        self.effect()
        Request.fail(self, error)


cdef class BatchRequest:
    def __init__(self, deferred, converters, deadline, Py_ssize_t size):
        self.deferred = deferred
        self.size = size
        self._converters = list(converters)
        self._size = len(self._converters)
        self._plain = True
        for converter in self._converters:
            if (<tuple?>converter)[-2] is not None or (<tuple>converter)[-1]:
                self._plain = False
                break
        self.replies = []
        self.deadline = deadline

    @property
    def raw(self):
        return (<tuple?>self._converters[len(self.replies)])[-1]

    @property
    def post_proc(self):
        return (<tuple?>self._converters[len(self.replies)])[-2]

    @property
    def remaining(self):
        return self._size - len(self.replies)

    @property
    def plain(self):
        return self._size - len(self.replies) if self._plain else 0

    cdef bint next_raw(self) except -1:
        if type(self) is BatchRequest:
            return (<tuple?>self._converters[len(self.replies)])[-1]
        return self.raw

    cdef Py_ssize_t next_plain(self) except -1:
        if type(self) is BatchRequest or type(self) is EffectBatchRequest:
            return self._size - len(self.replies) if self._plain else 0
        return self.plain

    cpdef bint answer_many(self, list replies) except -1:
        self.replies += replies
        return len(self.replies) == self._size

    cpdef bint answer(self, reply) except -1:
        cdef object post_proc = (<tuple?>self._converters[len(self.replies)])[-2]
        cdef object work = None
        if post_proc is not None and isinstance(reply, Exception):
            reply = own_reply(post_proc, reply)
        if post_proc is not None and not isinstance(reply, Exception):
            try:
                if may_be_long(post_proc, reply):
                    work = parts_of(post_proc, reply)
                if work is not None:
                    if self._long is None:
                        self._long = []
                    self._long.append((len(self.replies), work))
                else:
                    reply = post_proc(reply)
            except BaseException as error:
                reply = as_exception(error)
        self.replies.append(reply)
        return len(self.replies) == self._size

    cpdef finish(self):
        if self.deferred.called:
            return
        if self._long is not None:
            finish_in_turns(self._long, self.replies, self.deferred)
        else:
            fire(self.deferred, self.replies)

    def fail(self, error):
        if not self.deferred.called:
            fire_error(self.deferred, error)


cdef class EffectBatchRequest(BatchRequest):
    def __init__(self, deferred, converters, deadline, Py_ssize_t size, effect):
        BatchRequest.__init__(self, deferred, converters, deadline, size)
        self.effect = effect

    cpdef finish(self):
        self.effect()
        BatchRequest.finish(self)

    def fail(self, error):
        self.effect()
        BatchRequest.fail(self, error)


def cancelled_with_effect(effect, canceller, deferred):
    effect()
    canceller(deferred)


cdef class RequestQueue:
    def __init__(self, write, on_overdue, tear=None, progress=None):
        self.waiting = deque()
        self.outgoing = None
        self.message_kind = self.transport = self.send_now = None
        self.charset = "utf-8"
        self.reply_timeout = None
        self.effects = None
        self.full = False
        self.accepting = False
        self.delivering = False
        self.stopped = False
        self.torn = False
        self._max_in_flight = self._max_bytes = maxsize
        self._on_full = None
        self._replies_left = -1
        self._timer = DeadlineTimer(on_overdue, progress)
        self._write = write
        self._tear = tear or on_overdue
        self._note_cancelled = self._cancelled

    @property
    def owed(self):
        return self._owed()

    cdef Py_ssize_t _owed(self) except -1:
        cdef Py_ssize_t owed = len(self.waiting)
        return owed if self.outgoing is None else owed - len(<list?>self.outgoing)

    def limit(self, max_in_flight, max_bytes, on_full):
        self._max_in_flight = maxsize if max_in_flight is None else max_in_flight
        self._max_bytes = maxsize if max_bytes is None else max_bytes
        self._on_full = on_full

    cpdef bint has_room(self) except -1:
        self.full = self.in_flight >= self._max_in_flight or self.bytes_in_flight >= self._max_bytes
        return not self.full

    def _cancelled(self, deferred):
        self.cancelled += 1

    cdef int _add(self, object request, Py_ssize_t commands, bytes data) except -1:
        cdef Py_ssize_t size = len(data)
        self.waiting.append(request)
        self.sent += commands
        self.in_flight += commands
        self.bytes_out += size
        self.bytes_in_flight += size
        if self.outgoing is not None:
            (<list?>self.outgoing).append(data)
        elif self.delivering or self.transport is None or len(self.waiting) > _BURST:
            self._write(data)
        elif self.send_now is not None and len(self.waiting) == 1:
            if type(self.send_now) is Sender:
                (<Sender>self.send_now).send(data)
            else:
                self.send_now(data)
        else:
            self.transport.write(data)
        if not self.full and not self.has_room() and self._on_full is not None:
            self._on_full()
        return 0

    def send(self, bytes data not None, post_proc, bint raw, canceller, deadline):
        return self._send(data, post_proc, raw, canceller, deadline)

    cdef object _send(self, bytes data, object post_proc, bint raw, object canceller, object deadline):
        if canceller is None:
            canceller = self._note_cancelled
        if post_proc is None:
            pass
        elif isinstance(post_proc, LateRecovery):
            (<LateRecovery>post_proc)._note_cancelled = canceller
            canceller = post_proc
        elif type(post_proc) is _Recovery:
            canceller = partial(post_proc.cancel, canceller)
        cdef object effect
        if self.effects is not None:
            effect = self.effects(data)
            if effect is not None:
                return self._send_with_effect(data, post_proc, raw, canceller, deadline, effect)
        cdef object deferred = new_deferred(canceller)
        cdef Request request = Request.__new__(Request)
        request.deferred = deferred
        request.post_proc = post_proc
        request.raw = raw
        request.deadline = deadline
        request.size = len(data)
        try:
            self._add(request, 1, data)
        except BaseException as error:
            self._torn_by(error, request)
        return deferred

    cdef object _send_with_effect(
        self, bytes data, object post_proc, bint raw, object canceller, object deadline, object effect
    ):
        cdef EffectRequest request = EffectRequest.__new__(EffectRequest)
        cdef object deferred = new_deferred(request)
        request._canceller = canceller
        request.effect = effect
        request.deferred = deferred
        request.post_proc = post_proc
        request.raw = raw
        request.deadline = deadline
        request.size = len(data)
        self.send_request(request, 1, data)
        return deferred

    cpdef send_request(self, request, Py_ssize_t commands, bytes data):
        try:
            self._add(request, commands, data)
        except BaseException as error:
            self._torn_by(error, request)

    def send_batch(self, bytes data not None, converters, deadline):
        cdef object effect = None if self.effects is None else self.effects(data)
        cdef object canceller = self._note_cancelled
        cdef BatchRequest request
        if effect is not None:
            canceller = partial(cancelled_with_effect, effect, canceller)
        cdef object deferred = new_deferred(canceller)
        if effect is None:
            request = BatchRequest(deferred, converters, deadline, len(data))
        else:
            request = EffectBatchRequest(deferred, converters, deadline, len(data), effect)
        self.send_request(request, request._size, data)
        return deferred

    cdef _torn_by(self, error, request):
        self.torn = self.stopped = True
        if request in self.waiting:
            self.waiting.remove(request)
        try:
            self._tear(error)
        finally:
            if isinstance(request, (EffectRequest, EffectBatchRequest)):
                request.effect()
        if not isinstance(error, Exception):
            raise error
        raise MaybeExecutedError(
            f"{type(error).__name__} was raised while the command was sent, so its connection is closed; "
            "it may have been executed"
        ) from error

    def deliver(self, reader, take_reply, take_push, unasked):
        self.deliver_all(reader, take_reply, take_push, unasked)

    cdef int deliver_all(self, object reader, object take_reply, object take_push, object unasked) except -1:
        cdef Reader own = <Reader>reader if type(reader) is Reader else None
        cdef object get = reader.get if own is None else None
        cdef object reply, request
        cdef bint raw
        cdef Py_ssize_t left
        while not self.stopped:
            request = self.waiting[0] if self.waiting else None
            if (
                take_reply is None and isinstance(request, BatchRequest) and self._owed()
                and (<BatchRequest>request).next_plain()
            ):
                self._deliver_batch(<BatchRequest>request, reader, take_push)
                if self.stopped:
                    break
                request = self.waiting[0] if self.waiting else None
            if request is None:
                raw = False
            elif isinstance(request, Request):
                raw = (<Request>request).raw
            else:
                raw = (<BatchRequest?>request).next_raw()
            reply = get(raw) if own is None else own.next(raw)
            if reply is _INCOMPLETE:
                break
            if type(reply) is _Push:
                take_push(reply)
            elif take_reply is not None:
                left, self._replies_left = self._replies_left, 1
                take_reply(reply)
                self._replies_left = left
            elif self._owed():
                self.answer(reply)
            else:
                unasked(reply)
        if not self.waiting and self._timer.running:
            self._timer.stop()
        return 0

    def deliver_messages(self, reader, receiver, took, failed):
        cdef Reader own = <Reader>reader if type(reader) is Reader else None
        cdef object get_message = reader.get_message if own is None else None
        cdef object message, result
        cdef PyObject *called
        cdef PyObject *passed[5]
        while self.message_kind is not None and not self.stopped:
            if own is None:
                message = get_message(self.message_kind)
                if message is None:
                    break
            elif not own.next_message(<bytes?>self.message_kind, &passed[2]):
                break
            try:
                if own is None:
                    result = _call(receiver, "messageReceived", <tuple?>message)
                else:
                    passed[1] = <PyObject *>receiver
                    # Not with try and finally, which cost more than they do.
                    called = call_method_or_null(
                        "messageReceived", &passed[1], 4 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL
                    )
                    Py_XDECREF(passed[2])
                    Py_XDECREF(passed[3])
                    Py_XDECREF(passed[4])
                    result = owned(called)
            except Exception:
                failed()
            else:
                if result is not None:
                    took(result)

    cdef int _deliver_batch(self, BatchRequest request, object reader, object take_push) except -1:
        cdef list replies = reader.get_many(request.plain)
        cdef list pushes = None
        cdef object reply
        cdef bint done
        for reply in replies:
            if type(reply) is _Push:
                pushes = [push for push in replies if type(push) is _Push]
                replies = [reply for reply in replies if type(reply) is not _Push]
                break
        self.in_flight -= len(replies)
        done = request.answer_many(replies)
        if done:
            self.waiting.popleft()
            self.bytes_in_flight -= request.size
        try:
            if pushes is not None:
                for reply in pushes:
                    take_push(reply)
            if done:
                request.finish()
        except BaseException:
            if done:
                self._unanswered(request, request.deferred)
            raise
        return 0

    cpdef answer(self, reply):
        cdef object request
        if self._replies_left >= 0:
            if self._replies_left == 0:
                raise RedisError("replyReceived was called twice with one reply, which would be another command's")
            self._replies_left -= 1
        request = self.waiting[0]
        self.in_flight -= 1
        if isinstance(request, Request):
            self.waiting.popleft()
            self.bytes_in_flight -= (<Request>request).size
            try:
                (<Request>request).answer(reply)
            except BaseException:
                self._unanswered(request, (<Request>request).deferred)
                raise
        elif (<BatchRequest?>request).answer(reply):
            self.waiting.popleft()
            self.bytes_in_flight -= (<BatchRequest>request).size
            try:
                (<BatchRequest>request).finish()
            except BaseException:
                self._unanswered(request, (<BatchRequest>request).deferred)
                raise

    cdef int _unanswered(self, request, deferred) except -1:
        self.torn = self.stopped = True
        if not deferred.called:
            self.waiting.appendleft(request)
        return 0

    def fail_all(self, make_error, turns=False):
        timer, sent = self._timer, self._owed()
        timer.stop()
        self.outgoing = None
        self.in_flight = self.bytes_in_flight = 0
        waiting, self.waiting = self.waiting, deque()

        def fail(place, request):
            if place >= sent:
                request.fail(NotSentError("Not connected"))
            else:
                request.fail(timer.overdue(request) or make_error())

        try:
            fail_each(waiting, fail, turns)
        except BaseException:
            fail_each(waiting, fail, turns)  # skips the requests whose Deferred has fired
            raise

    def start_deadline(self, timeout, call_later, seconds):
        return self._timer.start(timeout, call_later, seconds, self.waiting)

    def turn_was_long(self, late):
        self._timer.turn_was_long(late)

    cpdef usual_deadline(self, timeout):
        cdef object timer = self._timer
        return timer.seconds() + timeout if timer.running and timeout == timer.usual else None


def compiled_fast_path(execute_command):
    @wraps(execute_command)
    def fast_path(self, *args, **kwargs):
        cdef object deferred = None
        try:
            if not kwargs:
                deferred = _send_by_host(self, args, None)
            elif len(kwargs) == 1 and "post_proc" in kwargs:
                deferred = _send_by_host(self, args, kwargs["post_proc"])
        except Exception:
            return fail()
        return execute_command(self, *args, **kwargs) if deferred is None else deferred

    return fast_path


cdef inline object _send_by_host(object connection, tuple args, object post_proc):
    cdef object requests = connection._requests
    return send_usual(connection, <RequestQueue>requests, args, post_proc) if type(requests) is RequestQueue else None


cdef object send_usual(object connection, RequestQueue requests, tuple args, object post_proc):
    """Send a command in the usual case; return None in all other cases."""
    cdef object deadline = None
    cdef object timeout
    cdef bytes data
    if not args or not requests.accepting:
        return None
    data = encode_usual(args, requests.charset)
    if data is None:
        return None
    timeout = requests.reply_timeout
    if timeout:
        deadline = requests.usual_deadline(timeout)
        if deadline is None:
            deadline = connection._deadline(timeout)
    return requests._send(data, post_proc, False, None, deadline)


def fast_path_of_pool(str name not None, method, run_shared):
    def fast_path(self, *args, **kwargs):
        if not kwargs and len(args) <= MAX_ARGUMENTS:
            connection = self._factory.connectionQueue.current
            if connection is not None and connection.link.requests.accepting:
                try:
                    return _call(connection, name, args)
                except Exception:
                    return fail()
        return run_shared(self, name, method, args, kwargs)

    return fast_path


def fast_path_by_name(set plain_names not None, execute_command):
    @wraps(execute_command)
    def fast_path(self, *args, **kwargs):
        cdef object result
        if args and len(args) <= MAX_ARGUMENTS and type(args[0]) is str and args[0] in plain_names:
            if not kwargs or (len(kwargs) == 1 and "post_proc" in kwargs):
                connection = self._factory.connectionQueue.current
                if connection is not None and connection.link.requests.accepting:
                    try:
                        if kwargs:
                            result = connection.execute_command(*args, **kwargs)
                        else:
                            result = _call(connection, "execute_command", args)
                    except Exception:
                        return fail()
                    return result if type(result) is _Deferred else maybeDeferred(lambda: result)
        return execute_command(self, *args, **kwargs)

    return fast_path


def fast_path_of_cached(cached):
    @wraps(cached)
    def fast_path(self, ttl=None):
        cdef object view
        if type(ttl) is int or type(ttl) is float:
            # Not self._views: a handler's __getattr__ makes that slower.
            view = (<dict?>generic_attribute(self, "_views")).get(ttl)
            if view is not None:
                return view
        return cached(self, ttl)

    return fast_path


cdef object _call(object host, str name, tuple args):
    """Call a method with at most MAX_ARGUMENTS arguments."""
    cdef PyObject *passed[MAX_ARGUMENTS + 2]
    cdef Py_ssize_t index
    passed[1] = <PyObject *>host
    for index in range(len(args)):
        passed[2 + index] = <PyObject *>args[index]
    return call_method(name, &passed[1], (len(args) + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)


def plain_commands(commands):
    cdef list listed = []
    for args in commands:
        listed.append((_fixed(args if type(args) is tuple else arguments_of(args)), None, False))
    return listed


def add_command(list commands not None, list deferreds not None, args, post_proc=None, raw=False):
    return _add_command(commands, deferreds, args, post_proc, raw)


cdef inline object _add_command(list commands, list deferreds, object args, object post_proc, object raw):
    cdef tuple command = (_fixed(args if type(args) is tuple else tuple(args)), post_proc, raw)
    cdef object deferred = new_deferred(None)
    commands.append(command)
    try:
        deferreds.append(deferred)
    except BaseException:
        commands.pop()
        raise
    return deferred


cdef inline tuple _fixed(tuple args):
    """As ``fixed_arguments``, which is called only if an argument may be mutable."""
    cdef object value
    for value in args:
        if type(value) is not str and type(value) is not bytes and type(value) is not int and type(value) is not float:
            return fixed_arguments(args)
    return args


def fast_path_of_pipeline(execute_command):
    @wraps(execute_command)
    def fast_path(self, *args, **kwargs):
        cdef object post_proc = None
        if kwargs:
            if len(kwargs) != 1 or "post_proc" not in kwargs:
                return execute_command(self, *args, **kwargs)
            post_proc = kwargs["post_proc"]
        if not self._open:
            return execute_command(self, *args, **kwargs)
        try:
            return _add_command(self._commands, self._deferreds, args, post_proc, False)
        except Exception as error:
            return self._refuse(error)

    return fast_path


def fast_path_of_batch(execute_command):
    @wraps(execute_command)
    def fast_path(self, *args, **kwargs):
        cdef object post_proc = None
        if kwargs:
            if len(kwargs) != 1 or "post_proc" not in kwargs:
                return execute_command(self, *args, **kwargs)
            post_proc = kwargs["post_proc"]
        (<list?>self._commands).append((_fixed(args), post_proc, False))

    return fast_path


def answer_each(list deferreds not None, list replies not None):
    cdef Py_ssize_t first_error = -1
    cdef Py_ssize_t index
    cdef object reply, deferred
    for index in range(len(replies)):
        reply = replies[index]
        if not isinstance(reply, Exception):
            fire_kept(deferreds, index, reply)
            continue
        if first_error < 0:
            first_error = index
        deferred = deferreds[index]
        if not deferred.called:
            deferred.errback(reply)
            deferred.addErrback(_forget)
    return first_error


def first_error(list replies not None):
    cdef Py_ssize_t index
    for index in range(len(replies)):
        if isinstance(replies[index], Exception):
            return index
    return -1


def _forget(failure):
    return None
