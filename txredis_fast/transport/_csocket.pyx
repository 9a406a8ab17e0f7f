# cython: language_level=3, freethreading_compatible=True
"""Read and write the socket of Twisted's own TCP transport in compiled code, with the behaviour of Twisted's.

:class:`Sender` is the twin of the function that ``socket_write`` makes; :class:`SocketReader` is in the place of the
transport's ``doRead``. Both call ``recv`` and ``send`` of the operating system. The methods of Python's sockets make
an object for the largest possible result, and release the GIL, which is not needed where no call blocks.

``socket_read`` and ``socket_write`` check that a transport is as this module expects. This module must not know of
Redis.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize

from socket import socket as _python_socket

from twisted.internet import main

from txredis_fast import _tunables
from txredis_fast.transport._cmethods cimport is_method_of, is_one_of

__all__ = ["Sender", "SocketReader", "has_sockets"]

cdef extern from *:
    """
    #define READ_BYTES (64 * 1024)
    #ifdef Py_GIL_DISABLED
    static _Thread_local char *read_buffer = NULL;
    #else
    static char *read_buffer = NULL;
    #endif
    #ifdef _WIN32
    #define HAS_SOCKETS 0
    static Py_ssize_t read_socket(int number) { return -2; }
    static Py_ssize_t write_socket(int number, const char *data, Py_ssize_t size) { return -2; }
    #else
    #include <errno.h>
    #include <stdlib.h>
    #include <sys/socket.h>
    #define HAS_SOCKETS 1
    static Py_ssize_t read_socket(int number) {
        Py_ssize_t size;
        if (read_buffer == NULL && (read_buffer = malloc(READ_BYTES)) == NULL)
            return -3;
        size = recv(number, read_buffer, READ_BYTES, MSG_DONTWAIT);
        if (size >= 0)
            return size;
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? -1 : -2;
    }
    static Py_ssize_t write_socket(int number, const char *data, Py_ssize_t size) {
        Py_ssize_t sent = send(number, data, size, MSG_DONTWAIT);
        if (sent >= 0)
            return sent;
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR ? 0 : -2;
    }
    #endif
    """
    bint HAS_SOCKETS
    Py_ssize_t READ_BYTES
    const char *read_buffer
    #: Read into ``read_buffer``; how many bytes. -1: nothing to read. -2: the connection is lost. -3: no memory.
    Py_ssize_t read_socket(int number) noexcept
    #: Write; how many bytes. -2: the connection is lost.
    Py_ssize_t write_socket(int number, const char *data, Py_ssize_t size) noexcept

cdef extern from "Python.h":
    const char *PyBytes_AS_STRING(bytes data)
    Py_ssize_t PyBytes_GET_SIZE(bytes data)

cdef object _DONE = main.CONNECTION_DONE
cdef object _LOST = main.CONNECTION_LOST
cdef object _Socket = _python_socket
cdef Py_ssize_t _MOST = _tunables.DIRECT_WRITE_MAX_BYTES
#: Twisted's functions that the classes here stand in for, when the first transport is seen.
cdef object _Connection = None
cdef object _write = None
cdef object _write_some = None


def has_sockets(connection):
    """Whether this module can read and write sockets.

    :param connection: Twisted's class of TCP connections, as it is when a transport is seen first.
    """
    global _Connection, _write, _write_some
    if _Connection is None:
        _Connection = connection
        _write = connection.write
        _write_some = connection.writeSomeData
    return HAS_SOCKETS != 0 and connection is _Connection


cdef class Sender:
    def __init__(self, transport, bint below_tls):
        self._transport = transport
        self._own = transport.write
        self._below_tls = below_tls

    def __call__(self, bytes data not None):
        self.send(data)

    cdef int send(self, bytes data) except -1:
        cdef Py_ssize_t sent = self._send_now(data)
        if sent:
            if sent == PyBytes_GET_SIZE(data):
                return 0
            data = data[sent:]
        if self._below_tls:
            self._own(data)
        else:
            self._transport.write(data)
        return 0

    cdef Py_ssize_t _send_now(self, bytes data) except -1:
        """Send the bytes that the socket takes; return their number."""
        cdef object transport = self._transport
        cdef object socket, write_some, sent, write
        cdef Py_ssize_t size
        if (
            PyBytes_GET_SIZE(data) > _MOST
            or not transport.connected
            or transport.disconnecting
            or transport.dataBuffer
            or transport._tempDataBuffer
            or transport._writeDisconnected
            or transport.TLS
        ):
            return 0
        write = transport.write
        if write is not self if self._below_tls else not is_method_of(write, _write, transport):
            return 0
        write_some = transport.writeSomeData
        if is_method_of(write_some, _write_some, transport):
            socket = transport.socket
            if type(socket) is _Socket:
                size = write_socket(socket.fileno(), PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
                return size if size > 0 else 0
        sent = write_some(data)
        return sent if type(sent) is int else 0


cdef class SocketReader:
    """Receives the bytes of a transport's socket, and passes them on.

    :param transport: the transport, whose ``doRead`` is to be this object.
    :param protocol: the protocol that is to get the data.
    :param receive: called with data instead of the protocol's ``dataReceived``, while that is one of ``stock``.
    :param stock: the functions for which ``receive`` stands.
    """

    cdef object _transport
    cdef object _outer
    cdef object _protocol
    cdef object _receive
    cdef tuple _stock

    def __init__(self, transport, protocol, receive, tuple stock not None):
        self._transport = transport
        self._outer = transport.protocol
        self._protocol = protocol
        self._receive = receive
        self._stock = stock

    def __call__(self):
        cdef object transport = self._transport
        cdef object socket = transport.socket
        cdef Py_ssize_t size
        cdef bytes data
        if transport.protocol is not self._outer or type(socket) is not _Socket:
            del transport.doRead
            return transport.doRead()
        size = read_socket(socket.fileno())
        if size <= 0:
            if size == -3:
                raise MemoryError
            return None if size == -1 else _LOST if size == -2 else _DONE
        data = PyBytes_FromStringAndSize(read_buffer, size)
        if is_one_of(self._protocol.dataReceived, self._stock, self._protocol):
            self._receive(data)
            return None
        return transport._dataReceived(data)
