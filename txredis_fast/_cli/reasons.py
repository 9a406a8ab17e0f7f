"""Why there is no connection, in words: one line, with what to do about it where that is known."""

from __future__ import annotations

import os
import re
import socket
from typing import Any

from twisted.internet import error as neterror

from ..exceptions import AuthenticationError, ProtocolError, ReplyTimeoutError, ResponseError
from .address import Address
from .screen import plain

__all__ = ["Reason", "tls_failure"]

#: How TLS begins what it sends when it is spoken to in plain text: the header of an alert.
_TLS_ALERT = re.compile(rb"^\x15\x03")


class Reason:
    """How far connecting came, and the words for why it came no further.

    :ivar resolved: whether the host's address is known.
    :ivar connected: whether the connection was accepted.
    :ivar refusal: the text and the error that AUTH or SELECT was refused with.
    :ivar lost_because: why the connection was lost.
    :ivar first_bytes: that came on it.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        """Begin, with nothing done.

        :param timeout: seconds, of which it is told when they are over.
        """
        self._address = address
        self._timeout = timeout
        self.resolved = False
        self.connected = False
        self.refusal: tuple[str, BaseException] | None = None
        self.lost_because: Any = None
        self.first_bytes = b""

    def timed_out(self) -> str:
        """Say what did not happen in time."""
        within = f"within {self._timeout:g} seconds"
        if not self.resolved:
            return f"the name {self._address.host} was not resolved {within}"
        if not self.connected:
            return f"no answer {within}; the host is down, or a firewall keeps it from answering"
        return f"it accepted the connection but did not answer {within}"

    def explain(self, error: Exception) -> str:
        """Say why an exception came."""
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
            return "it wants a password: redis://user:password@host, or redis://:password@host without a user"
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
            return "there is no such socket"
        return os.strerror(number) if isinstance(number, int) and number > 0 else plain(error)

    def _lost(self, error: Exception) -> str:
        error = self.lost_because or error  # what a command failed with has it only as text
        if self._address.uses_tls:
            return tls_failure(error)
        if _TLS_ALERT.match(self.first_bytes):
            return "this port speaks TLS; the URL then begins with rediss://"
        if isinstance(error, ProtocolError):
            return f"what answers there is not a Redis or Valkey server ({plain(error)})"
        if self.first_bytes:
            return f"it closed the connection ({plain(error)})"
        hint = "" if self._address.path else "; if it speaks TLS, the URL begins with rediss://"
        return f"it closed the connection without an answer{hint}"


def tls_failure(error: Exception) -> str:
    """The words for a TLS connection that was not made or lost."""
    if type(error).__name__ in ("VerificationError", "CertificateError"):
        return "the TLS certificate is not for this host name"
    if "host name" in str(error):
        return "the TLS certificate is not for this host name"
    if "certificate verify failed: it has expired" in str(error):
        return "the TLS certificate has expired"
    # OpenSSL's errors: a list of (library, function, reason).
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reasons = [reason[-1] for reason in queue if isinstance(reason, tuple) and reason] or [str(error)]
    if any("certificate verify failed" in reason for reason in reasons):
        return "the TLS certificate is not trusted; SSL_CERT_FILE may name the certificate of your own authority"
    plain_server = ("wrong version number", "record layer", "does not speak TLS")
    if any(sign in reason for reason in reasons for sign in plain_server):
        return "this port does not speak TLS; without it the URL begins with redis://"
    return f"TLS failed ({', '.join(reasons) if queue else plain(error)})"
