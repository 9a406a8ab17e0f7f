"""Every command as a method, one class per command group of Redis.

A command method makes the command's arguments, picks the function that converts its reply, and passes both to the
host's ``execute_command``. This room neither sends commands nor waits for replies.
"""

from __future__ import annotations

from .._types import V
from ._parts import Claimed, CommandHost, Pending, PendingEntry, SlowlogEntry, blocking, errors_to_deferred
from .control import (
    ACLCommands,
    CatalogueCommands,
    ClientCommands,
    ClusterCommands,
    ConfigCommands,
    ConnectionCommands,
    FunctionCommands,
    InspectionCommands,
    PubSubCommands,
    ScriptingCommands,
    SentinelCommands,
    ServerCommands,
)
from .data import (
    BitmapCommands,
    HashCommands,
    HashFieldCommands,
    HyperLogLogCommands,
    KeyCommands,
    KeyExpiryCommands,
    ListCommands,
    SetCommands,
    SortedSetCommands,
    StringCommands,
    VectorSetCommands,
)
from .flagged import FlaggedReplies
from .modules import ModuleNamespaces
from .newer import ArrayCommands, NewerHashCommands, NewerListSetCommands, NewerStringCommands
from .sorted_sets import (
    GeoCommands,
    SortedSetCombiningCommands,
    SortedSetPoppingCommands,
    SortedSetRangeCommands,
)
from .streams import StreamCommands, StreamGroupCommands

__all__ = [
    "Claimed",
    "CommandHost",
    "Commands",
    "Pending",
    "PendingEntry",
    "SlowlogEntry",
    "blocking",
    "errors_to_deferred",
]


class Commands(
    FlaggedReplies[V],
    StringCommands[V],
    KeyCommands[V],
    KeyExpiryCommands[V],
    HashCommands[V],
    HashFieldCommands[V],
    ListCommands[V],
    SetCommands[V],
    SortedSetCommands[V],
    SortedSetPoppingCommands[V],
    SortedSetRangeCommands[V],
    SortedSetCombiningCommands[V],
    GeoCommands[V],
    VectorSetCommands[V],
    BitmapCommands[V],
    HyperLogLogCommands[V],
    StreamCommands[V],
    StreamGroupCommands[V],
    ScriptingCommands[V],
    FunctionCommands[V],
    PubSubCommands[V],
    ConnectionCommands[V],
    ClientCommands[V],
    ServerCommands[V],
    ConfigCommands[V],
    ACLCommands[V],
    InspectionCommands[V],
    CatalogueCommands[V],
    ClusterCommands[V],
    SentinelCommands[V],
    ArrayCommands[V],
    NewerStringCommands[V],
    NewerListSetCommands[V],
    NewerHashCommands[V],
    ModuleNamespaces[V],
):
    """Every command that a connection, a pool, a transaction or a pipeline can execute.

    Each method returns a Deferred that fires with the command's value. The Deferred fails with

    - :exc:`.ResponseError` if the server replies with an error, :exc:`.WrongTypeError` for example;
    - :exc:`.ConnectionError` if no reply arrives; its subclasses tell whether the command may have been executed;
    - :exc:`.InvalidData`, or another error about the arguments, if the command cannot be encoded.

    In a transaction the Deferred fires with ``"QUEUED"``, and ``commit()`` fires with a list of the values. Keys,
    members and values are str, bytes-like or numbers. A reply's data is str, int, float or bytes, as the options
    ``charset`` and ``convertNumbers`` decide.
    """

    __slots__ = ()
