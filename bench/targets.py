"""The targets of the package, and whether a session reaches them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .figures import CPU, MEMORY, PEAK, WALL, Figure, Figures

OURS, PURE, FLOOR, C_CLIENT = "txredis_fast", "txredis_fast-pure", "floor", "c-client"
THEIRS, THEIRS_PURE = "txredisapi-hiredis", "txredisapi"


@dataclass(frozen=True)
class Target:
    """One comparison of a row.

    :ivar row: name of the work.
    :ivar text: the target in words.
    :ivar subject: our workload and driver.
    :ivar base: workload and driver to compare with. None: the figure itself is compared with the limit.
    :ivar metric: the deciding metric.
    :ivar at_most: the limit of subject / base.
    :ivar at_least: the limit of base / subject.
    """

    row: str
    text: str
    subject: tuple[str, str]
    base: tuple[str, str] | None
    metric: str
    at_most: float | None = None
    at_least: float | None = None

    def measured(self, figures: Figures, metric: str) -> Figure | None:
        """Return the session's figure in the direction of the target."""
        if self.base is None:
            return figures.get(*self.subject, metric)
        if self.at_least is not None:
            return figures.ratio(self.base, self.subject, metric)
        return figures.ratio(self.subject, self.base, metric)

    def met(self, figures: Figures) -> bool | None:
        """Return whether the target is reached; None if the session did not measure it."""
        measured = self.measured(figures, self.metric)
        if measured is None:
            return None
        if self.at_least is not None:
            return measured.median >= self.at_least
        return measured.median <= (self.at_most or 0.0)


def _against_floor(workload: str, row: str, limit: float) -> Target:
    return Target(row, f"CPU <= {limit:.2f}x of the floor", (workload, OURS), (workload, FLOOR), CPU, at_most=limit)


def _times_less(
    workload: str, row: str, limit: float, theirs: str = THEIRS, ours: str = OURS, metric: str = CPU, base: str = ""
) -> Target:
    what = "CPU" if metric == CPU else "time"
    of = f"{theirs}'s pipeline" if base else theirs
    text = f"{limit:g}x less {what} than {of}"
    return Target(row, text, (workload, ours), (base or workload, theirs), metric, at_least=limit)


def _pool(workload: str, single: str, row: str) -> Target:
    return Target(row, "CPU <= 1.15x of one connection", (workload, OURS), (single, OURS), CPU, at_most=1.15)


def _c_client(workload: str, row: str, speed: float) -> Target:
    text = f"speed >= {speed:.2f}x of the C client"
    return Target(row, text, (workload, OURS), (workload, C_CLIENT), WALL, at_least=speed)


def _peak(workload: str, row: str) -> Target:
    return Target(row, "peak memory <= 2.2x the value", (workload, OURS), None, PEAK, at_most=2.2)


def _awaited_by_peer(reactor: str, peer: str) -> Target:
    # Twisted's and asyncio's sides of a session on one reactor: `@uvloop` names the variants of a plain session.
    ours = f"{OURS}@{reactor}"
    theirs = f"{peer}@uvloop" if reactor == "uvloop" else peer
    return _times_less("get", f"50 awaiting GET, {reactor}", 8, theirs, ours)


TARGETS: Sequence[Target] = [
    _against_floor("get", "50 awaiting GET", 1.10),
    _times_less("get", "50 awaiting GET", 6),
    _against_floor("set", "50 awaiting SET", 1.10),
    _times_less("set", "50 awaiting SET", 6),
    _pool("pool-get", "get", "GET, pool of 10"),
    _pool("pool-set", "set", "SET, pool of 10"),
    _against_floor("gather", "1,000 gathered", 1.15),
    _times_less("gather", "1,000 gathered", 5),
    _times_less("sequential", "one at a time", 1.8, metric=WALL),
    Target("one at a time", "latency <= 1.30x of the C client", ("sequential", OURS), ("sequential", C_CLIENT), WALL,
           at_most=1.30),
    _times_less("pipeline", "pipeline of 100", 6, metric=WALL),
    _times_less("batch-100", "batch of 100", 15, metric=WALL, base="pipeline"),
    _c_client("batch-100", "batch of 100", 0.6),
    _times_less("batch-1000", "batch of 1,000", 15, metric=WALL, base="pipeline"),
    _c_client("batch-1000", "batch of 1,000", 0.7),
    _times_less("lrange", "LRANGE of 1,000", 8),
    _times_less("lrange", "LRANGE: the parser alone", 1.3, "hiredis", "reader"),
    _times_less("get-1mb", "GET of 1 MB text", 6),
    _times_less("get-64mb", "GET of 64 MB bytes", 6),
    _peak("get-64mb", "GET of 64 MB bytes"),
    _times_less("messages", "messages", 12),
    _times_less("eval", "50 awaiting a script", 7),
    _times_less("tls", "one at a time over TLS", 1.5),
    _times_less("tls", "one at a time over TLS", 1, "redis-py", metric=WALL),
    _times_less("get", "pure Python: awaited", 3, THEIRS_PURE, PURE),
    *(_times_less(name, f"pure Python: {name}", 1, THEIRS_PURE, PURE)
      for name in ("set", "gather", "sequential", "pipeline", "lrange", "get-1mb", "messages")),
    *(_awaited_by_peer(reactor, peer) for reactor in ("asyncio", "uvloop")
      for peer in ("redis-py", "coredis", "valkey-glide")),
    Target("import", "CPU <= 1.00x of txredisapi", ("import", OURS), ("import", THEIRS), CPU, at_most=1.0),
    Target("memory", "<= 1,500 B per command in flight", ("memory", OURS), None, MEMORY, at_most=1500),
    Target("memory", "no growth over 10 million GETs", ("soak", OURS), None, MEMORY, at_most=0.05),
]  # fmt: skip
