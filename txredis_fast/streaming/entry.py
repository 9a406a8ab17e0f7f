"""One entry of a stream, as a consumer has got it.

This module must not know commands: an entry is acknowledged by its consumer.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred

from .._types import Text, Value

__all__ = ["StreamEntry"]


class _Consumer(Protocol):
    def acknowledge(self, entry: StreamEntry) -> Deferred[bool]: ...
    def let_go(self, entry: StreamEntry) -> None: ...


class StreamEntry:
    """An entry of a stream that a :class:`StreamConsumer` delivers.

    It is in work until it is acknowledged, until :meth:`release`, or until the program keeps no reference to it; so
    long no other consumer claims it.

    :ivar id: its ID, ``"milliseconds-sequence"``.
    :ivar fields: a dict of its fields; of a field that occurs twice it has the last value.
    :ivar deliveries: how often it was delivered, this time included; 1 for a new entry.
    """

    __slots__ = ("__weakref__", "_consumer", "deliveries", "fields", "id")

    def __init__(self, consumer: _Consumer, id: Text, fields: dict[Value, Any], deliveries: int) -> None:
        self._consumer = consumer
        self.id = id
        self.fields = fields
        self.deliveries = deliveries

    def __repr__(self) -> str:
        times = "" if self.deliveries == 1 else f", delivered {self.deliveries} times"
        return f"<StreamEntry {self.id!r}{times}>"

    def ack(self) -> Deferred[bool]:
        """Acknowledge the entry: it is done, and will not be delivered again.

        :returns: fires with True; with False if it was not pending any more: it was acknowledged before, perhaps by
            another consumer that had claimed it. Fails as a command does; then it is still in work, and may be
            acknowledged again.
        """
        return self._consumer.acknowledge(self)

    def release(self) -> None:
        """Give the entry back without having done it: it is delivered again, here or to another consumer.

        That is when it has been idle for ``claim_idle`` milliseconds, or when this consumer starts the next time.
        """
        self._consumer.let_go(self)
