"""What can go wrong: the exception hierarchy, and one table from a server's error code to its class.

This module must not know anything else of the package: every layer imports it.
The names and bases are txredisapi's, with more specific classes below them.
"""

from __future__ import annotations

import re

__all__ = [
    "AuthenticationError",
    "BusyError",
    "ConnectionError",
    "ConnectionFailedError",
    "ExecAbortError",
    "GarbledReplyError",
    "InvalidData",
    "InvalidResponse",
    "LoadingError",
    "MasterDownError",
    "MasterNotFoundError",
    "MaybeExecutedError",
    "NoPermissionError",
    "NoScriptRunning",
    "NotSentError",
    "ProtocolError",
    "QueueFullError",
    "ReadOnlyError",
    "RedisError",
    "ReplyTimeoutError",
    "ResponseError",
    "ScriptDoesNotExist",
    "TimeoutError",
    "WatchError",
    "WrongTypeError",
    "response_error",
]


class RedisError(Exception):
    """Base of every exception of this package."""


class ConnectionError(RedisError):
    """There is no usable connection, or it was lost.

    A command's Deferred fails with one of two kinds, :exc:`NotSentError` or :exc:`MaybeExecutedError`,
    so that a caller knows whether sending it again may execute it twice.
    """


class TimeoutError(ConnectionError):
    """Something took longer than its limit."""


class NotSentError(ConnectionError):
    """The command was never written: the server has not executed it."""


class QueueFullError(NotSentError):
    """All connections have as much in flight as ``maxInFlight`` or ``maxQueuedBytes`` allows; nothing was written."""


class MaybeExecutedError(ConnectionError):
    """The command was written and not answered: the server may have executed it."""


class ReplyTimeoutError(TimeoutError, MaybeExecutedError):
    """No reply came within ``replyTimeout`` seconds; the command may have been executed."""


class ConnectionFailedError(ConnectionError, ValueError):
    """The first connection could not be made, or its AUTH or SELECT was refused.

    Also a ``ValueError``, which is what txredisapi fails with there.
    """


class ResponseError(RedisError):
    """The server answered with an error. ``args[0]`` is its text, whole (``"ERR unknown command"``)."""

    @property
    def code(self) -> str:
        """The error code: the first word of the text, such as ``"WRONGTYPE"`` or ``"ERR"``."""
        text = str(self.args[0]) if self.args else ""
        return text.partition(" ")[0]


class ScriptDoesNotExist(ResponseError):
    """``NOSCRIPT``: the server does not have the script with this hash."""


class NoScriptRunning(ResponseError):
    """``NOTBUSY``: there was no script to kill."""


class AuthenticationError(ResponseError):
    """``NOAUTH`` or ``WRONGPASS``: credentials are missing or were refused."""


class NoPermissionError(ResponseError):
    """``NOPERM``: the user's ACL does not allow this."""


class WrongTypeError(ResponseError):
    """``WRONGTYPE``: the key holds a value of another type than the command is for."""


class ExecAbortError(ResponseError):
    """``EXECABORT``: a command was refused while the transaction was queued, so none was executed."""


class LoadingError(ResponseError):
    """``LOADING``: the server is reading its data set into memory."""


class BusyError(ResponseError):
    """``BUSY``: the server is running a script that takes long."""


class MasterDownError(ResponseError):
    """``MASTERDOWN``: a replica lost its master and does not serve stale data."""


class ReadOnlyError(ResponseError):
    """``READONLY``: a write was sent to a replica."""


class InvalidResponse(RedisError):
    """What the server sent makes no sense."""


class InvalidData(RedisError):
    """Data that cannot be sent, or that cannot have been sent by a server."""


class ProtocolError(InvalidData, InvalidResponse):
    """The bytes received are not RESP, or exceed a limit; says what was expected and what came."""


class GarbledReplyError(MaybeExecutedError, ProtocolError):
    """The connection was ended because what came on it is not RESP; the command may have been executed."""


class WatchError(RedisError):
    """A watched key changed before EXEC, so the transaction was not executed."""


class MasterNotFoundError(ConnectionError):
    """No Sentinel knows a usable master for the service."""


#: Server error code -> class. Codes that are not here are plain :exc:`ResponseError`.
_CLASS_OF_CODE: dict[str, type[ResponseError]] = {
    "BUSY": BusyError,
    "EXECABORT": ExecAbortError,
    "LOADING": LoadingError,
    "MASTERDOWN": MasterDownError,
    "NOAUTH": AuthenticationError,
    "NOPERM": NoPermissionError,
    "NOSCRIPT": ScriptDoesNotExist,
    "NOTBUSY": NoScriptRunning,
    "READONLY": ReadOnlyError,
    "WRONGPASS": AuthenticationError,
    "WRONGTYPE": WrongTypeError,
}


#: What servers repeat of a command that they do not have or understand, where it may be a password.
_REPEATED_SECRET = re.compile(
    r"(unknown command .(?:acl|auth|config|hello|migrate)., with args beginning with: ).*"
    r"|(unknown command .sentinel., with args beginning with: .set.).*"
    r"|(?<=ACL SETUSER modifier )('[<>#!])[^']*(?=')",
    re.IGNORECASE | re.DOTALL,
)


def response_error(text: str) -> ResponseError:
    """Make the exception for a server's error reply.

    :param text: the error line without its type byte, such as ``"WRONGTYPE Operation against ..."``.
    """
    if " with args beginning with: " in text or " ACL SETUSER modifier " in text:
        text = _REPEATED_SECRET.sub(r"\1\2\3***", text)
    return _CLASS_OF_CODE.get(text.partition(" ")[0], ResponseError)(text)
