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
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from .observed import Connection

__all__ = ["CacheStats", "ClusterStats", "Counters", "Stats"]


class _Counts(dict[str, int]):
    """An immutable dict. Unlike a ``MappingProxyType`` it can be copied and pickled."""

    __slots__ = ()

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError("a snapshot does not change")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return _Counts, (dict(self),)


_NO_ERRORS: Mapping[str, int] = _Counts()


@dataclasses.dataclass(frozen=True, kw_only=True)
class CacheStats:
    """Counts of a handler's cache since it was made, and its size. Immutable; ``a + b`` adds two up.

    The totals only grow.

    :ivar hits: total: reads answered from memory.
    :ivar misses: total: fetches begun; one of MGET counts each of its keys.
    :ivar joined: total: reads that have waited for the fetch of another.
    :ivar uncached: total: reads that were sent to the pool, because the server could not tell of changes, or the reply
        must not be kept.
    :ivar invalidations: total: kept replies dropped because the server told of a change.
    :ivar flushes: total: how often everything was dropped at once.
    :ivar evictions: total: kept replies dropped to stay below ``max_bytes``.
    :ivar link_lost: total: how often the tracked connection was lost.
    :ivar entries: present: replies that are kept.
    :ivar bytes: present: bytes that they take, keys and overhead included.
    :ivar fetching: present: fetches that are not answered yet.
    :ivar link: present: the tracked connection: ``"up"``; ``"down"``: it is being made; ``"off"``: the server refuses
        it, or the handler is closed.
    """

    hits: int = 0
    misses: int = 0
    joined: int = 0
    uncached: int = 0
    invalidations: int = 0
    flushes: int = 0
    evictions: int = 0
    link_lost: int = 0
    entries: int = 0
    bytes: int = 0
    fetching: int = 0
    link: str = "down"

    def as_dict(self) -> dict[str, int | str]:
        """Return a new dict of the fields by name, in their order, for JSON."""
        return dataclasses.asdict(self)

    def totals(self) -> CacheStats:
        """Return the same without the present numbers: of a cache that has come to its end."""
        return dataclasses.replace(self, entries=0, bytes=0, fetching=0, link="off")

    def __add__(self, other: object) -> CacheStats:
        """Return the sum, field by field; ``link`` is the worse of the two."""
        if not isinstance(other, CacheStats):
            return NotImplemented
        mine, others = dataclasses.asdict(self), dataclasses.asdict(other)
        sums: dict[str, Any] = {name: mine[name] + others[name] for name in mine if name != "link"}
        return CacheStats(link=max(self.link, other.link, key=_LINK_STATES.index), **sums)


#: From the best to the worst.
_LINK_STATES = ("up", "down", "off")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stats:
    """Counts of a handler since it was made, and its present load. Immutable; ``a + b`` adds two up.

    Every number is an int, and 0 by default. The totals only grow. A handler of several servers adds them up.

    :ivar commands: total: commands sent or about to be written, each of a batch or a pipeline counted.
    :ivar replies: total: replies received, errors and replies to cancelled commands included.
    :ivar errors: total: error replies by their code, as an immutable mapping of str to int (``{"WRONGTYPE": 1}``),
        empty by default; codes beyond the first 64 are counted as ``"other"``.
    :ivar unanswered: total: commands whose connection was lost before their reply came.
    :ivar cancelled: total: commands that were cancelled after they were sent.
    :ivar timeouts: total: connections that were closed because a reply was overdue.
    :ivar wait_timeouts: total: commands that failed because no connection was free in time.
    :ivar connections_made: total: connections that became usable.
    :ivar connections_lost: total: usable connections that were lost, whichever side closed them.
    :ivar retries: total: attempts to reconnect that were scheduled, after a failed attempt or a lost connection.
    :ivar bytes_in: total: bytes received, after decryption by TLS.
    :ivar bytes_out: total: bytes written, before encryption by TLS.
    :ivar subscription_gaps: total: how often subscriptions were interrupted and restored.
    :ivar in_flight: present: commands sent that have no reply yet.
    :ivar waiting: present: commands waiting for a connection.
    :ivar connections: present: usable connections of the pool.
    :ivar poolsize: present: connections that the pool is to have.
    :ivar free: present: usable connections of the pool that no transaction or blocking command has taken.
    :ivar blocking_connections: present: connections beyond the pool's, for blocking commands, idle ones included.
    :ivar cache: the counts of the cache, as :class:`CacheStats`; None without the option ``cache``.
    """

    commands: int = 0
    replies: int = 0
    errors: Mapping[str, int] = dataclasses.field(default_factory=lambda: _NO_ERRORS)
    unanswered: int = 0
    cancelled: int = 0
    timeouts: int = 0
    wait_timeouts: int = 0
    connections_made: int = 0
    connections_lost: int = 0
    retries: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    subscription_gaps: int = 0
    in_flight: int = 0
    waiting: int = 0
    connections: int = 0
    poolsize: int = 0
    free: int = 0
    blocking_connections: int = 0
    cache: CacheStats | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return a new dict of the fields by name, in their order, for JSON: ints, and two plain dicts or one."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        fields["errors"] = dict(self.errors)
        if self.cache is not None:
            fields["cache"] = self.cache.as_dict()
        return fields

    def totals(self: _S) -> _S:
        """Return the same without the present numbers, which are 0 after the end."""
        fields = {field.name for field in dataclasses.fields(self)}
        cache = None if self.cache is None else self.cache.totals()
        return dataclasses.replace(self, cache=cache, **dict.fromkeys(_PRESENT & fields, 0))  # type: ignore[arg-type]

    def __add__(self, other: object) -> Stats:
        """Return the sum, field by field; with those of a cluster it is those of a cluster."""
        if not isinstance(other, Stats):
            return NotImplemented
        kind = type(self) if isinstance(self, type(other)) else type(other) if isinstance(other, type(self)) else Stats
        sums = {
            field.name: getattr(self, field.name, 0) + getattr(other, field.name, 0)
            for field in dataclasses.fields(kind)
            if field.name not in ("errors", "cache")
        }
        cache = self.cache if other.cache is None else other.cache if self.cache is None else self.cache + other.cache
        return kind(errors=_sum_of_errors((self.errors, other.errors)), cache=cache, **sums)


_S = TypeVar("_S", bound=Stats)

#: The fields that tell of now.
_PRESENT = frozenset(("in_flight", "waiting", "connections", "poolsize", "free", "blocking_connections", "nodes"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClusterStats(Stats):
    """Counts of a cluster's handler: the sums over all nodes, those that have left included.

    ``commands`` counts each attempt, and each question for the topology. For one node, see
    ``rc.node_for(key).stats()``.

    :ivar moved: total: how often a command was sent to the node that MOVED has named.
    :ivar asked: total: the same for ASK.
    :ivar tried_again: total: how often commands were sent again after a pause: a node was not reachable, or was not
        ready.
    :ivar refreshes: total: how often nodes were asked for the topology.
    :ivar nodes: present: the nodes of the topology, masters and replicas.
    """

    moved: int = 0
    asked: int = 0
    tried_again: int = 0
    refreshes: int = 0
    nodes: int = 0


class Counters:
    """Totals of a pool: of its lost connections, and of events that no connection counts. Mutable."""

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

    def snapshot(self, protocols: Iterable[Connection], **now: Any) -> Stats:
        """Make a snapshot.

        :param protocols: the present connections.
        :param now: the fields of the present state, except ``in_flight``.
        """
        with self._lock:
            return self._snapshot(list(protocols), now)

    def _snapshot(self, protocols: list[Connection], now: dict[str, Any]) -> Stats:
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
