"""``rc.consume()``: makes a :class:`StreamConsumer` over a handler.

This module must not know how entries are read.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from .._checks import check_count, check_number, shown
from .._tunables import STREAM_CLAIM_MIN_MILLISECONDS
from .._types import Argument, Key, Number
from ..client import ConnectionHandler, unless_overridden
from ..resp import fix_argument

if TYPE_CHECKING:
    from .consumer import StreamConsumer

__all__ = ["consume"]


def consume(
    self: ConnectionHandler,
    stream: Key,
    group: Argument,
    name: Argument,
    *,
    count: int = 10,
    block: Number | datetime.timedelta = 5000,
    claim_idle: Number | datetime.timedelta | None = None,
    max_deliveries: int | None = None,
    dead_letter: Key | None = None,
    start: Argument = 0,
) -> StreamConsumer:
    """Read the entries of a stream as a member of a consumer group, each at least once.

    ``async with rc.consume("jobs", "workers", "worker-1") as entries:``, then ``async for entry in entries:`` and, when
    it is done, ``await entry.ack()``. Entries that this consumer got before and did not acknowledge come first, after a
    restart of the program, too. It waits for new entries on a connection for blocking commands, one of
    ``maxBlockingConnections``, and goes on after lost connections.

    :param stream: key of the stream, which is created if it does not exist.
    :param group: name of the group, which is created if it does not exist.
    :param name: name of the consumer. No other one of the group may have it at the same time; a process that starts
        again uses the same name, or *claim_idle*.
    :param count: maximum number of entries to read at once. No other consumer gets what is read ahead while this one
        works: 1 for work that takes long.
    :param block: milliseconds, or a ``timedelta``, that one command waits for an entry; above 0. The iteration goes on
        after it.
    :param claim_idle: claim entries that a consumer got and has not worked on for so long: milliseconds, at least 100,
        or a ``timedelta``. Entries in work here are renewed three times in it, so it must be longer than the program
        ever keeps the reactor busy; all consumers of the group should have the same. None: claim none, renew none.
    :param max_deliveries: an entry that was delivered so often without being acknowledged goes to *dead_letter*.
    :param dead_letter: key of the stream for such entries, which get the fields ``dead-letter-stream``, ``-group``,
        ``-id`` and ``-deliveries`` in addition.
    :param start: ID after which the group begins if it is created; 0: all entries of the stream, ``"$"``: later ones.
    :returns: a :class:`StreamConsumer`; nothing is sent before it is used.
    :raises TypeError: *stream*, *group*, *name* or *dead_letter* is neither text nor a number.
    :raises ValueError: another argument is wrong; the error names it.
    """
    # Few programs need these, so that importing the package leaves them alone.
    from .consumer import StreamConsumer
    from .membership import Membership

    names = {"stream": stream, "group": group, "name": name, "start": start}
    if (max_deliveries is None) != (dead_letter is None):
        raise ValueError("max_deliveries and dead_letter need each other: how often, and where to after that")
    if dead_letter is not None:
        names["dead_letter"] = dead_letter
    fixed = {parameter: _fixed(parameter, value) for parameter, value in names.items()}
    if dead_letter is not None and _as_bytes(fixed["dead_letter"]) == _as_bytes(fixed["stream"]):
        raise ValueError("dead_letter must be another stream than the one that is read")
    return StreamConsumer(
        Membership(self, fixed["stream"], fixed["group"], fixed["name"]),
        count=check_count("count", count, 1),
        block=_milliseconds("block", block, 1),
        claim_idle=None
        if claim_idle is None
        else _milliseconds("claim_idle", claim_idle, STREAM_CLAIM_MIN_MILLISECONDS),
        max_deliveries=check_count("max_deliveries", max_deliveries, 1, none_allowed=True),
        dead_letter=fixed.get("dead_letter"),
        start=fixed["start"],
    )


# Handlers stand below this room, which knows what a consumer is.
setattr(ConnectionHandler, "consume", unless_overridden(consume))  # noqa: B010


def _fixed(parameter: str, value: object) -> Argument:
    if not isinstance(value, (str, bytes, bytearray, memoryview, int, float)) or isinstance(value, bool):
        raise TypeError(f"{parameter} must be text or a number, not {shown(value)}")
    if not isinstance(value, (int, float)) and not len(value):
        raise ValueError(f"{parameter} must not be empty")
    return fix_argument(value)  # type: ignore[no-any-return]


def _as_bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def _milliseconds(parameter: str, value: object, least: int) -> int:
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds() * 1000
    number: float = check_number(parameter, value, least, kind="a finite number of milliseconds")
    return round(number)
