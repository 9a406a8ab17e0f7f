"""The named tuples that command methods return where a reply has several parts of different meaning.

This module must not know replies as they come.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..._types import Text, Value

__all__ = ["Claimed", "Pending", "PendingEntry", "SlowlogEntry"]


class Pending(NamedTuple):
    """Summary of the entries that a consumer group has delivered and that are not acknowledged: XPENDING."""

    #: Number of entries.
    total: int
    #: The lowest and the highest ID; None if there is no entry.
    first: Text | None
    last: Text | None
    #: Consumer -> number of its entries.
    consumers: dict[Value, int]


class PendingEntry(NamedTuple):
    """One entry that was delivered and is not acknowledged: XPENDING with a range."""

    id: Text
    consumer: Value
    #: Milliseconds since the last delivery.
    idle: int
    #: How often it was delivered.
    deliveries: int


class Claimed(NamedTuple):
    """What XAUTOCLAIM has claimed."""

    #: Where the next call goes on; ``"0-0"`` at the end.
    next_id: Text
    #: Tuples ``(id, {field: value})``; with ``justid``, only IDs.
    entries: list[Any]
    #: IDs of pending entries that are no longer in the stream. Empty before Redis 7.0.
    deleted: list[Text]


class SlowlogEntry(NamedTuple):
    """One command of SLOWLOG or COMMANDLOG."""

    id: int
    #: Unix time in seconds.
    start_time: int
    #: Microseconds; of COMMANDLOG's large requests and replies, bytes.
    duration: int
    #: Name and arguments; the server shortens long ones.
    command: list[Value]
    #: ``"host:port"``.
    client_address: str
    client_name: str
