# cython: language_level=3, freethreading_compatible=True
"""``Reading.receive`` in compiled code: parse, answer, and write the commands of the callbacks.

It has the steps of ``receive``, ``_parse`` and ``deliver`` of :mod:`.reading`, and of ``flush`` of :mod:`.writing`, for
the usual case: little data, a protocol with this package's own methods, and the compiled queue and parser. Everything
else is left to these methods, which have the reasons.

This module must not know of commands.
"""

from functools import wraps

from txredis_fast._tunables import (
    BUSY_MIN_REQUESTS, DIRECT_READ_MIN_BYTES, FLOOD_MIN_REQUESTS, REPLY_CHUNK_BYTES, WRITE_CHUNK_BYTES
)
from txredis_fast.connection.cork import CorkState
from txredis_fast.connection.state import ConnectionState
from txredis_fast.exceptions import ProtocolError
from txredis_fast.inflight._crequest cimport RequestQueue
from txredis_fast.resp._cresp cimport Reader
from txredis_fast.transport._cmethods cimport is_method
from txredis_fast.transport._csocket cimport Sender

__all__ = ["compiled_receive", "stands_for"]

cdef extern from "Python.h":
    Py_ssize_t PyBytes_GET_SIZE(bytes data)

cdef object _DRAINING = ConnectionState.DRAINING
cdef object _CORKED = CorkState.CORKED
cdef object _THROUGH = CorkState.THROUGH
cdef Py_ssize_t _BUSY = BUSY_MIN_REQUESTS
cdef Py_ssize_t _FLOOD = FLOOD_MIN_REQUESTS
cdef Py_ssize_t _CHUNK = REPLY_CHUNK_BYTES
cdef Py_ssize_t _LARGE = DIRECT_READ_MIN_BYTES
cdef Py_ssize_t _WRITE_CHUNK = WRITE_CHUNK_BYTES
#: The protocol's methods for which this module stands.
cdef object _deliver_replies = None
cdef object _reply_received = None


def stands_for(deliver_replies, reply_received):
    """Set the protocol's methods for which this module stands."""
    global _deliver_replies, _reply_received
    _deliver_replies, _reply_received = deliver_replies, reply_received


def compiled_receive(receive):
    @wraps(receive)
    def compiled(self, data):
        cdef object link = self._link
        cdef object requests = link.requests
        cdef object reader = self.reader
        cdef object protocol, take
        if (
            type(data) is not bytes
            or PyBytes_GET_SIZE(<bytes>data) >= _LARGE
            or type(requests) is not RequestQueue
            or type(reader) is not Reader
            or (<RequestQueue>requests).outgoing is not None
            or (PyBytes_GET_SIZE(<bytes>data) > _CHUNK and len((<RequestQueue>requests).waiting) > _FLOOD)
            or self.flood is not None
            or (<RequestQueue>requests).delivering
            or link.end_reason is not None
        ):
            return receive(self, data)
        protocol = link.protocol
        take = protocol.replyReceived
        if not is_method(take, _reply_received) or not is_method(protocol.deliverReplies, _deliver_replies):
            return receive(self, data)
        try:
            _receive(link, <RequestQueue>requests, <Reader>reader, protocol, take, <bytes>data)
        except BaseException as error:
            (<RequestQueue>requests).delivering = False
            link.tear(error)
            raise

    return compiled


cdef int _receive(
    object link, RequestQueue requests, Reader reader, object protocol, object take, bytes data
) except -1:
    cdef object writing = link.writing
    try:
        reader.take(data)
    except ProtocolError as error:
        link.abort(error)
        return 0
    requests.delivering = True
    requests.outgoing = []
    writing.state = _CORKED
    try:
        requests.deliver_all(reader, None, protocol._deliver_push, take)
    except ProtocolError as error:
        link.abort(error)
    if requests.full and requests.has_room() and link.on_room is not None:
        link.on_room(protocol)
    requests.delivering = False
    _flush(link, requests, writing)
    if len(requests.waiting) > _BUSY and link.on_busy is not None:
        link.on_busy(protocol)
    if link.state is _DRAINING:
        link.close_if_idle()
    return 0


cdef int _flush(object link, RequestQueue requests, object writing) except -1:
    cdef object outgoing = requests.outgoing
    cdef object send_now
    cdef bytes data
    if (
        type(outgoing) is not list
        or requests.bytes_in_flight > _WRITE_CHUNK
        or writing.state is not _CORKED
        or writing._outlet is not None
    ):
        writing.flush()
        return 0
    if link.end_reason is not None:
        return 0
    requests.outgoing = None
    writing.state = _THROUGH
    if not outgoing:
        return 0
    data = (<list>outgoing)[0] if len(<list>outgoing) == 1 else b"".join(outgoing)
    send_now = requests.send_now
    if type(send_now) is Sender:
        (<Sender>send_now).send(data)
    elif send_now is not None:
        send_now(data)
    else:
        requests.transport.write(data)
    return 0
