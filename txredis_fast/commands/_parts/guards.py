"""Guards: refuse commands that would change the state of a connection shared by many callers.

A pool's connection carries the commands of many callers. MULTI sent by name would queue the commands of all of them,
SELECT would change their database, CLIENT REPLY OFF would suppress their replies. The error names the right way
instead. A connection that the program made for itself has no guards.

This module must not know how a command is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

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

_TRANSACTION = "rc.multi(), rc.transaction() and rc.transact() take a connection out of the pool for it"
_SUBSCRIBER = "use rc.subscriber(), or a SubscriberFactory, which make connections for subscriptions"
_TOGETHER = "its connection alone knows the fieldset: put it in a pipeline behind HIMPORT PREPARE"
_OWN = "it needs a connection of its own: make a RedisProtocol with a Twisted factory or ClientCreator"

#: Name of a refused command -> the second half of the error: the reason, or what to use instead.
_REASONS = {
    "MULTI": _TRANSACTION,
    "WATCH": _TRANSACTION,
    "SUBSCRIBE": _SUBSCRIBER,
    "PSUBSCRIBE": _SUBSCRIBER,
    "SSUBSCRIBE": _SUBSCRIBER,
    "UNSUBSCRIBE": _SUBSCRIBER,
    "PUNSUBSCRIBE": _SUBSCRIBER,
    "SUNSUBSCRIBE": _SUBSCRIBER,
    "MONITOR": "use a MonitorFactory, which makes connections for it",
    "SYNC": _OWN,
    "PSYNC": _OWN,
    "RESET": "it would undo the login and the database of a connection of the pool",
    "HELLO": "with arguments it changes the protocol or the login of a connection of the pool",
    "CLIENT": "the callers that share the connection would be left without replies",
    "SCRIPT": "debugging would stop the callers that share the connection",
    "HIMPORT": _TOGETHER,
    "SELECT": "rc.select() changes the database of the whole pool",
    "AUTH": "rc.auth() logs in the whole pool",
}

#: ``dbid`` of a connection on which SELECT was sent. When it returns to the pool, the pool's database is selected.
UNKNOWN_DATABASE = -1

#: ``link.login`` of a connection on which AUTH was sent. When it returns to the pool, it is closed.
FOREIGN_LOGIN = -1

#: Names, in upper case, of the commands that the guards examine. Most are refused.
GUARDED = frozenset(_REASONS)


def _changes_state(name: str, args: Sequence[Any]) -> bool:
    if name == "HELLO":
        return len(args) > 1
    if name == "CLIENT":
        return len(args) > 2 and command_name(args[1:]) == "REPLY" and command_name(args[2:]) != "ON"
    if name == "SCRIPT":
        return len(args) > 2 and command_name(args[1:]) == "DEBUG" and command_name(args[2:]) != "NO"
    return name in GUARDED


def refusal(args: Sequence[Any], protocol: object = None) -> RedisError | None:
    """Build the error for a command that must not be sent on a shared connection; None for any other command.

    :param protocol: class of the connections. A class with a method of the command's name may send the command.
    """
    name = command_name(args)
    if not _changes_state(name, args):
        return None
    if name in _REASONS and _REASONS[name] not in (_TRANSACTION, _OWN) and _is_made_for(name, protocol):
        return None
    return RedisError(f"{name} cannot be sent on a connection that others share: {_REASONS[name]}")


def guarded_arguments(args: Sequence[Any], name: str) -> tuple[Any, ...]:
    """Return a snapshot of a guarded command's arguments, as text that the guards can examine.

    An argument other than text (an Enum member, any object with ``str()``) becomes the text that it is sent as.

    :param name: the command's name in upper case. The arguments of other commands are returned unchanged.
    """
    return fixed_arguments(tuple(args), words=True) if name in GUARDED else tuple(args)


def _is_made_for(name: str, protocol: object) -> bool:
    if name == "HELLO":  # no caller shares a subscriber's connection
        name = "SUBSCRIBE"
    return name not in ("SELECT", "AUTH", "RESET") and callable(getattr(protocol, name.lower(), None))


def guarded_names(commands: Sequence[tuple[Sequence[Any], Any, Any]]) -> set[str]:
    """Return the names of the guarded commands among *commands*.

    :param commands: tuples whose first element is a command's arguments.
    """
    # A long batch has few different names; each is examined once.
    try:
        names: Collection[object] = {command[0][0] for command in commands}
    except (IndexError, TypeError):
        names = [command[0][0] for command in commands if command[0]]
    return {name for name in map(_name_in_capitals, names) if name in GUARDED}


def _name_in_capitals(argument: object) -> str:
    return command_name((argument,))


def check_together(commands: Sequence[tuple[Sequence[Any], Any, Any]], protocol: object = None) -> RedisError | None:
    """Build the error for a batch or pipeline that must not be sent; None if it may be.

    A complete MULTI ... EXEC is allowed, and so are SELECT and AUTH. The caller then takes a connection out of the pool
    for the batch, and passes the names to :func:`note_changes`. HIMPORT is allowed, because a batch is written to one
    connection without other commands among its own.
    """
    opened: RedisError | None = None
    for args, _, _ in commands:
        name = command_name(args)
        args = guarded_arguments(args, name)
        if name in ("EXEC", "DISCARD"):
            opened = None
        elif name in GUARDED and name not in _TOGETHER_ONLY:
            refused = refusal(args, protocol)
            if refused is not None and name == "MULTI":
                opened = refused
            elif refused is not None:
                return refused
    return opened


class _LoginOfLink(Protocol):
    login: int | None
    last_change: dict[str, object]


class LentConnection(Protocol):
    """A connection of a pool, as far as its state is marked here."""

    dbid: int | None

    @property
    def link(self) -> _LoginOfLink:
        """The link, which lives as long as the connection."""


#: Guarded commands that a batch may have, because it uses one connection.
_TOGETHER_ONLY = ("SELECT", "AUTH", "HIMPORT")


def note_changes(connection: LentConnection, names: Collection[str]) -> None:
    """Mark a connection whose database or login changes, so that the pool restores or closes it.

    :param names: names of the commands sent on it, in upper case.
    """
    if "SELECT" in names:
        connection.dbid = UNKNOWN_DATABASE
        connection.link.last_change["SELECT"] = None
    if "AUTH" in names:
        connection.link.login = FOREIGN_LOGIN
        connection.link.last_change["AUTH"] = None


def check_alone(args: Sequence[Any], connection: LentConnection) -> RedisError | None:
    """Judge a command of a transaction: return its refusal, or mark *connection* as changed by it."""
    name = command_name(args)
    if name in _TOGETHER_ONLY:
        note_changes(connection, (name,))
        return None
    return refusal(args) if name in GUARDED else None
