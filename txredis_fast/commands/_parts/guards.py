"""Commands that change the state of their connection, and so must not be sent on one that others share.

A pool hands one connection to many users. MULTI sent by hand would swallow the commands of all others, SELECT would
move them to another database, CLIENT REPLY OFF would leave them without replies. For each there is a right way, and
the error names it. Programs that hold a connection of their own are free to send what they like.

This module must not know how anything is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ...exceptions import RedisError
from ...resp import fixed_arguments
from .traits import command_name

__all__ = [
    "FOREIGN_LOGIN",
    "GUARDED",
    "UNKNOWN_DATABASE",
    "check_alone",
    "check_together",
    "guarded_arguments",
    "guarded_names",
    "note_changes",
    "refusal",
]

_TRANSACTION = "rc.multi(), rc.transaction() or rc.transact() take a connection for a transaction"
_SUBSCRIBER = "subscribe with a SubscriberFactory, whose connections are for that"
_OWN = "it needs a connection of its own: a RedisProtocol made by a Twisted factory or ClientCreator"

#: Why a command is refused, and what to use instead.
_REASONS = {
    "MULTI": _TRANSACTION,
    "WATCH": _TRANSACTION,
    "SUBSCRIBE": _SUBSCRIBER,
    "PSUBSCRIBE": _SUBSCRIBER,
    "SSUBSCRIBE": _SUBSCRIBER,
    "UNSUBSCRIBE": _SUBSCRIBER,
    "PUNSUBSCRIBE": _SUBSCRIBER,
    "SUNSUBSCRIBE": _SUBSCRIBER,
    "MONITOR": "monitor with a MonitorFactory, whose connections are for that",
    "SYNC": _OWN,
    "PSYNC": _OWN,
    "RESET": "it would undo the login and the database of a connection of the pool",
    "HELLO": "with arguments it changes the protocol or the login of a connection of the pool",
    "CLIENT": "commands of all users of the connection would be left without replies",
    "SCRIPT": "debugging would stop all users of the connection",
    "SELECT": "rc.select() changes the database of the whole pool",
    "AUTH": "rc.auth() logs in the whole pool",
}

#: ``dbid`` of a connection on which SELECT was sent: when it is given back, the pool's database is selected again.
UNKNOWN_DATABASE = -1

#: ``link.login`` of a connection on which AUTH was sent: when it is given back, it is closed.
FOREIGN_LOGIN = -1

#: The names, in capitals, of commands that have to be looked at; most are refused.
GUARDED = frozenset(_REASONS)


def _changes_state(name: str, args: Sequence[Any]) -> bool:
    if name == "HELLO":
        return len(args) > 1
    if name == "CLIENT":
        return len(args) > 2 and command_name(args[1:]) == "REPLY" and command_name(args[2:]) != "ON"
    if name == "SCRIPT":
        return len(args) > 2 and command_name(args[1:]) == "DEBUG" and command_name(args[2:]) != "NO"
    return name in GUARDED


def refusal(args: Sequence[Any], protocol: Any = None) -> RedisError | None:
    """What is wrong with sending a command on a shared connection; None if nothing is.

    :param protocol: the class of the connections. One with a method of the command's name is made for it.
    """
    name = command_name(args)
    if not _changes_state(name, args):
        return None
    if name in _REASONS and _REASONS[name] not in (_TRANSACTION, _OWN) and _is_made_for(name, protocol):
        return None
    return RedisError(f"{name} cannot be sent on a connection that others share: {_REASONS[name]}")


def guarded_arguments(args: Sequence[Any], name: str) -> tuple[Any, ...]:
    """The arguments of a command as they will be sent, where its name says that they have to be looked at.

    A word that is no text (an Enum, any object with ``str()``) is looked at as the text that it is sent as.
    """
    return fixed_arguments(tuple(args), words=True) if name in GUARDED else tuple(args)


def _is_made_for(name: str, protocol: Any) -> bool:
    if name == "HELLO":  # the connection of a subscriber is nobody else's
        name = "SUBSCRIBE"
    return name not in ("SELECT", "AUTH", "RESET") and callable(getattr(protocol, name.lower(), None))


def guarded_names(commands: Sequence[tuple[Sequence[Any], Any, Any]]) -> set[str]:
    """Which guarded commands are among these.

    :param commands: of each its arguments, and what does not matter here.
    """
    # A long batch has few names, of which each is looked at once.
    try:
        names: Any = {command[0][0] for command in commands}
    except (IndexError, TypeError):
        names = [command[0][0] for command in commands if command[0]]
    return {name for name in map(_name_in_capitals, names) if name in GUARDED}


def _name_in_capitals(argument: Any) -> str:
    return command_name((argument,))


def check_together(commands: Sequence[tuple[Sequence[Any], Any, Any]], protocol: Any = None) -> RedisError | None:
    """As :func:`refusal`, for commands that are written together on a connection taken for them.

    A whole MULTI ... EXEC does no harm there, nor do SELECT and AUTH if they are noted: see :func:`note_changes`.
    """
    opened: RedisError | None = None
    for args, _, _ in commands:
        name = command_name(args)
        args = guarded_arguments(args, name)
        if name in ("EXEC", "DISCARD"):
            opened = None
        elif name in GUARDED and name not in ("SELECT", "AUTH"):
            refused = refusal(args, protocol)
            if refused is not None and name == "MULTI":
                opened = refused
            elif refused is not None:
                return refused
    return opened


def note_changes(connection: Any, names: Collection[str]) -> None:
    """Note on a connection that it has to be put right before others use it.

    :param names: of the commands that are sent on it, in capitals.
    """
    if "SELECT" in names:
        connection.dbid = UNKNOWN_DATABASE
    if "AUTH" in names:
        connection.link.login = FOREIGN_LOGIN


def check_alone(args: Sequence[Any], connection: Any) -> RedisError | None:
    """As :func:`refusal`, for a command on a connection that others use afterwards; SELECT and AUTH are noted."""
    name = command_name(args)
    if name in ("SELECT", "AUTH"):
        note_changes(connection, (name,))
        return None
    return refusal(args) if name in GUARDED else None
