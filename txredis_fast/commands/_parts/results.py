"""The named tuples that command methods return where a reply has several parts of different meaning.

Their parameter is the type of stored values: ``rc.raw.xpending(...)`` fires with a ``Pending[bytes]``. IDs and other
words of the server are :data:`.Text`. This module must not know replies as they come.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Generic

from ..._types import Text, V

if sys.version_info >= (3, 11):
    from typing import NamedTuple
else:
    from typing_extensions import NamedTuple  # one that can be generic, from 4.3 on

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    E = TypeVar("E", default=Any, covariant=True)
else:
    from typing import TypeVar

    E = TypeVar("E", covariant=True)

__all__ = ["Claimed", "Pending", "PendingEntry", "SlowlogEntry"]


class Pending(NamedTuple, Generic[V]):
    """Summary of the entries that a consumer group has delivered and that are not acknowledged: XPENDING."""

    #: Number of entries.
    total: int
    #: The lowest and the highest ID; None if there is no entry.
    first: Text | None
    last: Text | None
    #: Consumer -> number of its entries.
    consumers: dict[V, int]


class PendingEntry(NamedTuple, Generic[V]):
    """One entry that was delivered and is not acknowledged: XPENDING with a range."""

    id: Text
    consumer: V
    #: Milliseconds since the last delivery.
    idle: int
    #: How often it was delivered.
    deliveries: int


class Claimed(NamedTuple, Generic[E]):
    """The reply of XAUTOCLAIM. The parameter is the type of an entry."""

    #: Where the next call goes on; ``"0-0"`` at the end.
    next_id: Text
    #: Tuples ``(id, {field: value})``; with ``justid``, only IDs.
    entries: list[E]
    #: IDs of pending entries that are no longer in the stream. Empty before Redis 7.0.
    deleted: list[Text]


class SlowlogEntry(NamedTuple, Generic[V]):
    """One command of SLOWLOG or COMMANDLOG."""

    id: int
    #: Unix time in seconds.
    start_time: int
    #: Microseconds; of COMMANDLOG's large requests and replies, bytes.
    duration: int
    #: Name and arguments; the server shortens long ones.
    command: list[V]
    #: ``"host:port"``.
    client_address: str
    client_name: str
