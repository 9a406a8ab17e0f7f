"""The exceptions, and the table from a server's error code to its class.

Names and bases are txredisapi's, with more specific classes below them. This module must not know anything else of the
package, because every layer imports it.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = [
    "AskError",
    "AuthenticationError",
    "BusyError",
    "ClusterDownError",
    "ConnectionError",
    "ConnectionFailedError",
    "CrossSlotError",
    "DecodeError",
    "ExecAbortError",
    "GarbledReplyError",
    "InvalidData",
    "InvalidResponse",
    "LoadingError",
    "MasterDownError",
    "MasterNotFoundError",
    "MaybeExecutedError",
    "MovedError",
    "NoPermissionError",
    "NoScriptRunning",
    "NoSlotError",
    "NotSentError",
    "ProtocolError",
    "QueueFullError",
    "ReadOnlyError",
    "RedisError",
    "ReplyTimeoutError",
    "ResponseError",
    "ScriptDoesNotExist",
    "TimeoutError",
    "TryAgainError",
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
    """A time limit was exceeded."""


class NotSentError(ConnectionError):
    """The command was never written: the server has not executed it."""


class QueueFullError(NotSentError):
    """All connections have as much in flight as ``maxInFlight`` or ``maxQueuedBytes`` allows; nothing was written."""


class NoSlotError(NotSentError):
    """No node of the cluster serves the slot; nothing was executed."""


class MaybeExecutedError(ConnectionError):
    """The command was written and not answered: the server may have executed it."""


class ReplyTimeoutError(TimeoutError, MaybeExecutedError):
    """No reply came within ``replyTimeout`` seconds; the command may have been executed.

    :ivar silent: True if a health check found the link dead; False if the reply to one command was overdue.
    """

    silent = False


class ConnectionFailedError(ConnectionError, ValueError):
    """The first connection could not be made, or its AUTH or SELECT was refused.

    Also a ``ValueError``, because txredisapi fails with one there.
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


class _RedirectError(ResponseError):
    """A node of a cluster names another one."""

    @property
    def slot(self) -> int | None:
        """The slot of the command's keys; None if the text has none."""
        slot = str(self.args[0]).split(" ")[1:2]
        return int(slot[0]) if slot and slot[0].isascii() and slot[0].isdigit() else None

    @property
    def host(self) -> str:
        """The host of the node that is named; "" means that of the node that was asked."""
        return str(self.args[0]).partition(" ")[2].partition(" ")[2].rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int | None:
        """Its port; None if the text has none."""
        port = str(self.args[0]).split(" ")[2:3]
        number = port[0].rpartition(":")[2] if port else ""
        return int(number) if number.isascii() and number.isdigit() and len(number) < 6 else None


class MovedError(_RedirectError):
    """``MOVED``: another node of the cluster serves the slot."""


class AskError(_RedirectError):
    """``ASK``: another node of the cluster has the key already, because its slot is being moved."""


class TryAgainError(ResponseError):
    """``TRYAGAIN``: some of the keys are on another node already, because their slot is being moved."""


class ClusterDownError(ResponseError):
    """``CLUSTERDOWN``: the cluster does not serve the slot, or is not complete."""


class CrossSlotError(ResponseError):
    """``CROSSSLOT``: the keys of a command, or of a transaction, do not belong to one slot of the cluster."""


class InvalidResponse(RedisError):
    """The server sent something that is not valid here."""


class InvalidData(RedisError):
    """Data that cannot be sent, or that cannot have been sent by a server."""


class DecodeError(RedisError, UnicodeError):
    """The reply has text that ``charset`` cannot decode, and the option ``undecodable`` is ``"error"``.

    The command was executed. The text of the error has the position of the first byte that cannot be decoded in its
    string, and the beginning of that string.

    :ivar reply: the reply as the server sent it, before it is converted for the command: text that cannot be decoded is
        bytes. So what a command such as LPOP has removed is not lost.
    :ivar charset: name of the codec.
    """

    reply: Any = None  # as every reply, of any type
    charset: str = "utf-8"


class ProtocolError(InvalidData, InvalidResponse):
    """The received bytes are not RESP, or exceed a limit; the text says what was expected and what was received."""


class GarbledReplyError(MaybeExecutedError, ProtocolError):
    """The connection was closed because it received bytes that are not RESP; the command may have been executed."""


class WatchError(RedisError):
    """A watched key changed before EXEC, so the transaction was not executed."""


class MasterNotFoundError(ConnectionError):
    """No Sentinel knows a usable master for the service."""


#: Server error code -> class. Codes that are not here are plain :exc:`ResponseError`.
_CLASS_OF_CODE: dict[str, type[ResponseError]] = {
    "ASK": AskError,
    "BUSY": BusyError,
    "CLUSTERDOWN": ClusterDownError,
    "CROSSSLOT": CrossSlotError,
    "EXECABORT": ExecAbortError,
    "LOADING": LoadingError,
    "MASTERDOWN": MasterDownError,
    "MOVED": MovedError,
    "NOAUTH": AuthenticationError,
    "NOPERM": NoPermissionError,
    "NOSCRIPT": ScriptDoesNotExist,
    "NOTBUSY": NoScriptRunning,
    "READONLY": ReadOnlyError,
    "TRYAGAIN": TryAgainError,
    "WRONGPASS": AuthenticationError,
    "WRONGTYPE": WrongTypeError,
}


#: Parts of the name of a command whose arguments may be passwords, even if the server does not know it.
_HAS_SECRETS = re.compile("acl|auth|config|hello|migrate|pass|secret|sentinel", re.IGNORECASE)

#: Of these, the ones whose subcommand, or only argument, shows that there is no password. Rarely
#: needed, so that it is compiled where it is.
_HAS_NONE = (
    r"['`](?:acl|config|sentinel)['`], with args beginning with: ['`](?:get[a-z-]*|list|whoami|users|cat|genpass|help|"
    r"rewrite|resetstat|log|save|load|masters?|slaves|replicas|sentinels|reset|failover|ckquorum|flushconfig|myid)['`]|"
    r"['`]hello['`], with args beginning with: ['`]\d['`],? ?$"
)

#: The form of an option's name, and of an ACL rule without a password.
_OPTION = re.compile("[a-z][a-z-]*")
_ACL_RULE = re.compile(
    r"[-+~&%@][^<>#!\s\"']*|on|off|nopass|resetpass|reset|(?:all|reset)(?:keys|channels|commands|dbs)|nocommands|clearselectors"
)
_HELLO_OPTION = re.compile("auth|setname", re.IGNORECASE)
_NOTHING = re.compile("(?!)")

#: Errors in which servers repeat an argument that may be a password, or part of one: the words before and after it, and
#: the form of an argument that is not one.
_REPEATED = (
    ("ACL SETUSER modifier '", "': ", _ACL_RULE),
    ("acl selector starting at '", "'", _NOTHING),
    ("HELLO option '", "'", _HELLO_OPTION),
    ("number of arguments for CONFIG SET - '", "'", _OPTION),
    ("Unsupported CONFIG parameter: ", "", _OPTION),
    ("number of arguments for SENTINEL SET '", "'", _OPTION),
)

_SECRET_OPTION = re.compile("auth|pass|secret", re.IGNORECASE)
_ANYTHING = re.compile("")

#: The same for the value of an option: the words before and after it, and the option's name, which follows, if secret.
_REPEATED_VALUES = (
    ("Invalid argument '", "' for CONFIG SET '", _SECRET_OPTION),
    ("Invalid argument '", "' for SENTINEL SET '", _SECRET_OPTION),
    ("Invalid value '", "' to SENTINEL CONFIG SET '", _SECRET_OPTION),
    ("Invalid argument '", "' to SENTINEL CONFIG SET", _ANYTHING),
)

_ARGUMENTS = ", with args beginning with: "
_STARS = "***"


def response_error(text: str) -> ResponseError:
    """Make the exception for a server's error reply.

    Arguments that may be passwords, and that the server's text repeats, are replaced by stars: those of a command that
    it does not know or understand (``AUTH``, ``CONFIG SET``), and refused ones of ``ACL SETUSER``, ``HELLO`` or
    ``CONFIG SET``.

    :param text: the error line without its type byte, such as ``"WRONGTYPE Operation against ..."``.
    """
    return _CLASS_OF_CODE.get(text.partition(" ")[0], ResponseError)(_without_repeated_secrets(text))


def _without_repeated_secrets(text: str) -> str:
    # Without regular expressions on the whole text, whose time could be quadratic in a text that the server chooses.
    if "unknown command " in text:
        return _of_unknown_command(text)
    for before, behind, harmless in _REPEATED:
        begin, end = _between(text, before, behind)
        end = len(text) if end < 0 else end
        if begin and harmless.fullmatch(text, begin, end) is None:
            text = text[:begin] + _STARS + text[end:]
    for before, behind, secret in _REPEATED_VALUES:
        begin, end = _between(text, before, behind)
        if end >= 0 and secret.search(text, end + len(behind)):
            text = text[:begin] + _STARS + text[end:]
    return text


def _between(text: str, before: str, behind: str) -> tuple[int, int]:
    """Begin and end of the part between two texts; begin is 0 without the first, and end is -1 without the second."""
    begin = text.find(before)
    if begin < 0:
        return 0, -1
    begin += len(before)
    return begin, text.rfind(behind, begin) if behind else -1


def _of_unknown_command(text: str) -> str:
    begin = text.index("unknown command ") + len("unknown command ")
    named = text.find(_ARGUMENTS, begin)
    named = len(text) if named < 0 else named
    if not _HAS_SECRETS.search(text, begin, named) or re.match(_HAS_NONE, text[begin:], re.IGNORECASE):
        return text
    name, arguments = text[begin:named], text[named + len(_ARGUMENTS) :]
    word, _, more = name.partition(" ")
    if more:  # a whole command line in place of the name
        name = f"{word} {_STARS}{name[0] if name[0] in _QUOTES else ''}"
    return (
        text[:begin] + name + (_ARGUMENTS if named < len(text) else "") + (_STARS if arguments.strip() else arguments)
    )


#: The quotes that servers put around names.
_QUOTES = "'`"
