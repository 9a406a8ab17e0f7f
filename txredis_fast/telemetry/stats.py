"""Counters, as a snapshot: :class:`Stats`, what ``rc.stats()`` returns.

Nothing is counted a second time for it. Each connection's queue of requests and its reader count what passes through
them (an increment each); a snapshot adds up the connections that there are and what was kept of those that are gone.
It may be taken in any thread: nothing is iterated over that the reactor's thread may change, and what is counted moves
from a connection to what is kept in one step. What passes meanwhile may be in one number and not yet in another.

This module must not know how connections are made.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

__all__ = ["Counters", "Stats"]


class _Counts(dict[str, int]):
    """A dict that does not change. Not a ``MappingProxyType``, which can be neither copied nor pickled."""

    __slots__ = ()

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("a snapshot does not change")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return _Counts, (dict(self),)


_NO_ERRORS: Mapping[str, int] = _Counts()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stats:
    """How much a handler has done since it was made, and what it is doing. Immutable; ``a + b`` adds two up.

    Those that only grow: ``commands`` to ``subscription_gaps``. The others tell of now.
    """

    #: Commands given to connections, each of a batch or a pipeline counted.
    commands: int = 0
    #: Commands that were answered, errors included, or whose answer was swallowed because they had been cancelled.
    replies: int = 0
    #: Error replies by their code (``"WRONGTYPE"``); after 64 codes the others are counted as ``"other"``.
    errors: Mapping[str, int] = dataclasses.field(default_factory=lambda: _NO_ERRORS)
    #: Commands whose connection was lost before they were answered.
    unanswered: int = 0
    #: Commands that were cancelled after they had been given to a connection.
    cancelled: int = 0
    #: Connections that were closed because a reply did not come in time.
    timeouts: int = 0
    #: Commands that waited for a connection in vain.
    wait_timeouts: int = 0
    #: Connections that became usable.
    connections_made: int = 0
    #: Of these, how many were lost again, by whoever closed them.
    connections_lost: int = 0
    #: Attempts to connect again, after one that failed or a connection that was lost.
    retries: int = 0
    #: Bytes received and written, without what TLS adds.
    bytes_in: int = 0
    bytes_out: int = 0
    #: How often subscriptions were interrupted and made again.
    subscription_gaps: int = 0
    #: Commands given to connections and not answered yet.
    in_flight: int = 0
    #: Commands waiting for a connection.
    waiting: int = 0
    #: Usable connections of the pool, and how many there are to be.
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
    """What is kept of connections that are gone, and what no connection counts. Mutable, one for each factory."""

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
        #: Around what is counted once only if nobody looks in the middle. Reentrant: for signal handlers.
        self._lock = threading.RLock()

    def keep(self, protocol: Any, counted: dict[Any, None]) -> tuple[int, bool]:
        """Take over the counts of a connection that is lost.

        :param counted: the connections that there are, which is taken out of them.
        :returns: how many of its commands are unanswered, and whether it was among them.
        """
        with self._lock:
            return self._keep(protocol), counted.pop(protocol, self) is None

    def _keep(self, protocol: Any) -> int:
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

    def snapshot(self, protocols: Iterable[Any], **now: int) -> Stats:
        """Make a snapshot.

        :param protocols: the connections that there are.
        :param now: the fields that tell of now, but for ``in_flight``.
        """
        with self._lock:
            return self._snapshot(list(protocols), now)

    def _snapshot(self, protocols: list[Any], now: dict[str, int]) -> Stats:
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
        for code, count in dict(each).items():  # a copy: that of a reader grows
            total[code] = total.get(code, 0) + count
    return _Counts(total)
