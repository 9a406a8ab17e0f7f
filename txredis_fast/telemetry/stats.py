"""Counters, as a snapshot: :class:`Stats`, which ``rc.stats()`` returns.

Each connection's queue of requests and its reader count commands, replies and bytes anyway. A snapshot adds up the
present connections and the totals of the former ones. It may be taken in any thread: the code iterates over copies, and
the counts of a lost connection move to the totals under a lock. A command that is sent meanwhile may be in one number
and not yet in another.

This module must not know how connections are made.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from .observed import Connection

__all__ = ["Counters", "Stats"]


class _Counts(dict[str, int]):
    """An immutable dict. Unlike a ``MappingProxyType`` it can be copied and pickled."""

    __slots__ = ()

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("a snapshot does not change")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return _Counts, (dict(self),)


_NO_ERRORS: Mapping[str, int] = _Counts()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stats:
    """What a handler has done since it was made, and what it is doing. Immutable; ``a + b`` adds two up.

    ``commands`` to ``subscription_gaps`` are totals, which only grow. The others are the present state.
    """

    #: Commands sent or about to be written, each of a batch or a pipeline counted.
    commands: int = 0
    #: Replies received, errors and replies to cancelled commands included.
    replies: int = 0
    #: Error replies by their code (``"WRONGTYPE"``); codes beyond the first 64 are counted as ``"other"``.
    errors: Mapping[str, int] = dataclasses.field(default_factory=lambda: _NO_ERRORS)
    #: Commands whose connection was lost before their reply came.
    unanswered: int = 0
    #: Commands that were cancelled after they were sent.
    cancelled: int = 0
    #: Connections that were closed because a reply was overdue.
    timeouts: int = 0
    #: Commands that failed because no connection was free in time.
    wait_timeouts: int = 0
    #: Connections that became usable.
    connections_made: int = 0
    #: Usable connections that were lost, whichever side closed them.
    connections_lost: int = 0
    #: Attempts to reconnect that were scheduled, after a failed attempt or a lost connection.
    retries: int = 0
    #: Bytes received and written, before encryption by TLS.
    bytes_in: int = 0
    bytes_out: int = 0
    #: How often subscriptions were interrupted and restored.
    subscription_gaps: int = 0
    #: Commands sent that have no reply yet.
    in_flight: int = 0
    #: Commands waiting for a connection.
    waiting: int = 0
    #: Usable connections of the pool, and how many it is to have.
    connections: int = 0
    poolsize: int = 0
    #: Usable connections of the pool that no transaction or blocking command has taken.
    free: int = 0
    #: Connections beyond the pool's, for blocking commands, idle ones included.
    blocking_connections: int = 0

    def __add__(self, other: object) -> Stats:
        """Return the sum, field by field."""
        if not isinstance(other, Stats):
            return NotImplemented
        sums = {
            field.name: getattr(self, field.name) + getattr(other, field.name)
            for field in dataclasses.fields(self)
            if field.name != "errors"
        }
        return Stats(errors=_sum_of_errors((self.errors, other.errors)), **sums)


class Counters:
    """Totals of a pool: of its lost connections, and of what no connection counts. Mutable."""

    def __init__(self) -> None:
        self.commands = 0
        self.replies = 0
        self.unanswered = 0
        self.cancelled = 0
        self.timeouts = 0
        self.wait_timeouts = 0
        self.connections_made = 0
        self.connections_lost = 0
        self.retries = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.subscription_gaps = 0
        self._errors: dict[str, int] = {}
        #: Held while counts move from a connection to the totals. Reentrant, for signal handlers.
        self._lock = threading.RLock()

    def keep(self, protocol: Connection, counted: dict[Connection, None]) -> tuple[int, bool]:
        """Add the counts of a lost connection to the totals.

        :param counted: the present connections, from which this one is removed.
        :returns: how many of its commands have no reply, and whether it was among the present connections.
        """
        with self._lock:
            return self._keep(protocol), counted.pop(protocol, self) is None

    def _keep(self, protocol: Connection) -> int:
        requests, reader = protocol.link.requests, protocol.link.reader
        unanswered: int = requests.in_flight
        self.commands += requests.sent
        self.replies += requests.sent - unanswered
        self.unanswered += unanswered
        self.cancelled += requests.cancelled
        self.bytes_out += requests.bytes_out
        if reader is not None:
            self.bytes_in += reader.fed
            if reader.errors:
                self._errors = dict(_sum_of_errors((self._errors, reader.errors)))
        return unanswered

    def snapshot(self, protocols: Iterable[Connection], **now: int) -> Stats:
        """Make a snapshot.

        :param protocols: the present connections.
        :param now: the fields of the present state, except ``in_flight``.
        """
        with self._lock:
            return self._snapshot(list(protocols), now)

    def _snapshot(self, protocols: list[Connection], now: dict[str, int]) -> Stats:
        kept = {name: count for name, count in dict(vars(self)).items() if not name.startswith("_")}
        total = Stats(errors=_sum_of_errors((self._errors,)), **kept, **now)
        for protocol in protocols:
            requests, reader = protocol.link.requests, protocol.link.reader
            waiting = requests.in_flight
            total += Stats(
                commands=requests.sent,
                replies=requests.sent - waiting,
                cancelled=requests.cancelled,
                bytes_out=requests.bytes_out,
                bytes_in=0 if reader is None else reader.fed,
                errors=_NO_ERRORS if reader is None else reader.errors,
                in_flight=waiting,
            )
        return total


def _sum_of_errors(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for code, count in dict(each).items():  # a copy: a reader's dict may grow meanwhile
            total[code] = total.get(code, 0) + count
    return _Counts(total)
