"""What can be said to a server: every command as a method, one class per group of Redis.

Nothing here sends or waits: a method makes a command's arguments, picks the function that converts its reply,
and hands both to the host's ``execute_command``.
"""

from __future__ import annotations

from ._parts import CommandHost, blocking, errors_to_deferred
from .control import ConnectionCommands, PubSubCommands, ScriptingCommands, SentinelCommands, ServerCommands
from .data import (
    BitmapCommands,
    HashCommands,
    HyperLogLogCommands,
    KeyCommands,
    ListCommands,
    SetCommands,
    SortedSetCommands,
    StringCommands,
)

__all__ = ["CommandHost", "Commands", "blocking", "errors_to_deferred"]


class Commands(
    StringCommands,
    KeyCommands,
    HashCommands,
    ListCommands,
    SetCommands,
    SortedSetCommands,
    BitmapCommands,
    HyperLogLogCommands,
    ScriptingCommands,
    PubSubCommands,
    ConnectionCommands,
    ServerCommands,
    SentinelCommands,
):
    """Every command that a connection, a pool, a transaction or a pipeline can execute.

    Each method returns a Deferred that fires with the command's value, and fails with
    :exc:`.ResponseError` where the server answers with an error, with :exc:`.ConnectionError` where
    no answer comes, or with what is wrong with the arguments. In a transaction it fires with ``"QUEUED"``, and
    the value is an element of what ``commit`` fires with.
    """

    __slots__ = ()
