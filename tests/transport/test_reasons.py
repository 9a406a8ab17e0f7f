"""Why an attempt to connect failed, in words."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import pytest
from twisted.internet import error
from twisted.python.failure import Failure

from txredis_fast.transport import at_place, reason_of

TLS = ssl.SSLError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (error.ConnectionRefusedError(), "connection refused"),
        (error.ConnectionRefusedError(osError=errno.ECONNREFUSED), "connection refused"),
        (error.ConnectError(errno.ENETUNREACH, "x"), "network is unreachable"),
        (ConnectionRefusedError(), "connection refused"),
        (OSError(errno.EHOSTUNREACH, "x"), "no route to host"),
        (TLS, str(TLS)),
        (socket.gaierror(8, "nodename nor servname provided"), "[Errno 8] nodename nor servname provided"),
        (error.UnknownHostError(8, "nodename"), str(error.UnknownHostError(8, "nodename"))),
        (
            FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "ca.pem"),
            "[Errno 2] No such file or directory: 'ca.pem'",
        ),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_a_number_has_the_words_of_the_system_only_if_it_is_of_the_system(value, words):
    assert reason_of(at_place(Failure(value), "r:1")) == f"r:1: {words}"
