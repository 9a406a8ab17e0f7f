"""The reason of a failed connection in one line, with a remedy if there is one."""

from __future__ import annotations

import os
import re
import socket

from twisted.internet import error as neterror

from ..exceptions import AuthenticationError, ProtocolError, ReplyTimeoutError, ResponseError
from .address import Address
from .screen import plain

__all__ = ["Reason", "tls_failure"]

#: First bytes from a TLS server that receives plain text: the header of an alert.
_TLS_ALERT = re.compile(rb"^\x15\x03")


class Reason:
    """The progress of an attempt to connect, and the message for its failure.

    :ivar resolved: whether the host name is resolved.
    :ivar connected: whether the connection is established.
    :ivar refusal: message and error if the server refused AUTH or SELECT, else None.
    :ivar lost_because: exception with which the connection was lost, or None.
    :ivar first_bytes: first bytes received on the connection.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        """Start with no progress.

        :param timeout: time limit in seconds, for the messages.
        """
        self._address = address
        self._timeout = timeout
        self.resolved = False
        self.connected = False
        self.refusal: tuple[str, BaseException] | None = None
        self.lost_because: Exception | None = None
        self.first_bytes = b""

    def timed_out(self) -> str:
        """Return the message for a timeout."""
        within = f"within {self._timeout:g} seconds"
        if not self.resolved:
            return f"the name {self._address.host} was not resolved {within}"
        if not self.connected:
            return f"no answer {within}; the host is down, or a firewall drops the packets"
        return f"it accepted the connection but did not answer {within}"

    def explain(self, error: Exception) -> str:
        """Return the message for an exception."""
        if isinstance(error, socket.gaierror):
            return f"the name {self._address.host} does not resolve ({error.strerror})"
        if self.refusal is not None:
            return self._refused(*self.refusal)
        if isinstance(error, AuthenticationError):
            return self._refused("", error)
        if isinstance(error, ResponseError):
            return f"it refused: {self._address.scrub(error)}"
        if isinstance(error, ReplyTimeoutError):
            return self.timed_out()
        return self._not_made(error) if not self.connected else self._lost(error)

    def _refused(self, message: str, error: BaseException) -> str:
        code = getattr(error, "code", "")
        text = str(error)
        if code == "WRONGPASS" or "invalid password" in text:
            return "wrong user or password"
        if code == "NOAUTH":
            return "it requires a password: redis://user:password@host, or redis://:password@host without a user"
        if "without any password configured" in text or "no password is set" in text:
            return "it has no password set for this user; leave it out of the URL"
        if "DB index" in text or "invalid DB" in text:
            return f"there is no db {self._address.options.get('dbid')} there ({text.removeprefix('ERR ')})"
        return self._address.scrub(message or text)

    def _not_made(self, error: Exception) -> str:
        if isinstance(error, neterror.ConnectionRefusedError):
            return "connection refused; nothing listens there" + ("" if self._address.path else " (wrong port?)")
        if isinstance(error, (neterror.TimeoutError, neterror.ConnectingCancelledError, neterror.NotConnectingError)):
            return self.timed_out()
        if self._address.uses_tls and (
            isinstance(error, neterror.SSLError) or not isinstance(error, neterror.ConnectError)
        ):
            return tls_failure(error)
        number = getattr(error, "osError", None)
        if self._address.path and number == 2:
            return "the socket does not exist"
        return os.strerror(number) if isinstance(number, int) and number > 0 else plain(error)

    def _lost(self, error: Exception) -> str:
        error = self.lost_because or error  # the error of a command has the reason only as text
        if self._address.uses_tls:
            return tls_failure(error)
        if _TLS_ALERT.match(self.first_bytes):
            return "this port speaks TLS; the URL then begins with rediss://"
        if isinstance(error, ProtocolError):
            return f"the peer is not a Redis or Valkey server ({plain(error)})"
        if self.first_bytes:
            return f"it closed the connection ({plain(error)})"
        hint = "" if self._address.path else "; if it speaks TLS, the URL begins with rediss://"
        return f"it closed the connection without an answer{hint}"


def tls_failure(error: Exception) -> str:
    """Return the message for a TLS connection that failed or was lost."""
    if type(error).__name__ in ("VerificationError", "CertificateError"):
        return "the TLS certificate is not for this host name"
    if "host name" in str(error):
        return "the TLS certificate is not for this host name"
    if "certificate verify failed: it has expired" in str(error):
        return "the TLS certificate has expired"
    # OpenSSL's error queue: a list of tuples (library, function, reason).
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reasons = [reason[-1] for reason in queue if isinstance(reason, tuple) and reason] or [str(error)]
    if any("certificate verify failed" in reason for reason in reasons):
        return "the TLS certificate is not trusted; SSL_CERT_FILE can name the certificate of your own authority"
    plain_server = ("wrong version number", "record layer", "does not speak TLS")
    if any(sign in reason for reason in reasons for sign in plain_server):
        return "this port does not speak TLS; without it the URL begins with redis://"
    return f"TLS failed ({', '.join(reasons) if queue else plain(error)})"
