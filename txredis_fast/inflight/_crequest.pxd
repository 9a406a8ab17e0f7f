# cython: language_level=3
# The C structures of the queue and of its requests, for compiled code of the rooms above. See _crequest.pyx.


#: Makes a converter ``Recovery`` of one request if it is needed, which is rare: if the reply is an error. It is the
#: canceller of the request's Deferred, too.
cdef class LateRecovery:
    #: The converter of replies that are no error, or None.
    cdef object convert
    cdef object _made
    cdef object _note_cancelled

    cdef object make(self)
    cdef int recover(self, object error, object deferred) except -1


cdef class Request:
    cdef readonly object deferred
    cdef readonly object post_proc
    cdef readonly bint raw
    cdef readonly object deadline
    cdef readonly Py_ssize_t size

    cpdef bint answer(self, reply) except -1


cdef class EffectRequest(Request):
    cdef readonly object effect


cdef class BatchRequest:
    cdef readonly object deferred
    cdef readonly list replies
    cdef readonly object deadline
    cdef readonly Py_ssize_t size
    cdef list _converters
    cdef list _long
    cdef Py_ssize_t _size
    cdef bint _plain

    #: As the properties ``raw`` and ``plain``, which a subclass in Python overrides.
    cdef bint next_raw(self) except -1
    cdef Py_ssize_t next_plain(self) except -1
    cpdef bint answer_many(self, list replies) except -1
    cpdef bint answer(self, reply) except -1
    cpdef finish(self)


cdef class EffectBatchRequest(BatchRequest):
    cdef readonly object effect


cdef class RequestQueue:
    cdef readonly object waiting
    cdef public object outgoing
    cdef public object message_kind
    cdef public object transport
    cdef public object send_now
    cdef public object charset
    cdef public object reply_timeout
    cdef public object effects
    cdef readonly bint full
    cdef public bint accepting
    cdef public bint delivering
    cdef public bint stopped
    cdef public bint torn
    cdef readonly long long sent
    cdef readonly long long bytes_out
    cdef readonly Py_ssize_t in_flight
    cdef readonly Py_ssize_t bytes_in_flight
    cdef public long long cancelled
    cdef object _note_cancelled
    cdef Py_ssize_t _max_in_flight
    cdef Py_ssize_t _max_bytes
    cdef object _on_full
    cdef Py_ssize_t _replies_left
    cdef object _tear
    cdef object _timer
    cdef object _write

    cdef Py_ssize_t _owed(self) except -1
    cpdef bint has_room(self) except -1
    cdef int _add(self, object request, Py_ssize_t commands, bytes data) except -1
    cdef object _send(self, bytes data, object post_proc, bint raw, object canceller, object deadline)
    cdef object _send_with_effect(
        self, bytes data, object post_proc, bint raw, object canceller, object deadline, object effect
    )
    cpdef send_request(self, request, Py_ssize_t commands, bytes data)
    cdef _torn_by(self, error, request)
    #: As ``deliver()``.
    cdef int deliver_all(self, object reader, object take_reply, object take_push, object unasked) except -1
    cdef int _deliver_batch(self, BatchRequest request, object reader, object take_push) except -1
    cpdef answer(self, reply)
    cdef int _unanswered(self, request, deferred) except -1
    cpdef usual_deadline(self, timeout)


#: Send a command of a connection, of which this is the queue, in the usual case; return None in all other cases.
cdef object send_usual(object connection, RequestQueue requests, tuple args, object post_proc)
