"""The workloads: each is an order for a worker process, and the abilities that a driver needs for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

MEGABYTE = 1_000_000

#: Number of strings in the list that LRANGE reads, and of fields in the hash that HGETALL reads.
LIST_LENGTH, HASH_LENGTH = 1000, 100

#: What EVAL runs.
SCRIPT = "return redis.call('GET', KEYS[1])"

#: Seconds that a reply may take, where a workload limits that.
REPLY_TIMEOUT = 5.0


@dataclass(frozen=True)
class Spec:
    """The order for one round.

    :ivar scenario: name of a function of :mod:`bench.scenarios`.
    :ivar command: ``get``, ``set``, ``lrange``, ``hgetall``, ``eval``, or ``by_name``: a SET through the driver's
        function for any command.
    :ivar count: number of commands (messages) in the round; a multiple of :attr:`step`.
    :ivar concurrency: number of coroutines that await concurrently.
    :ivar pool: number of connections.
    :ivar batch: number of commands in one pipeline, batch or gather.
    :ivar size: bytes of a value.
    :ivar text: whether replies are str; else bytes.
    :ivar timeout: seconds that a reply may take, by the driver's own option; None: no limit.
    :ivar tls: whether connections are encrypted.
    :ivar prefix: prefix of every key.
    """

    scenario: str
    command: str = "get"
    count: int = 1
    concurrency: int = 1
    pool: int = 1
    batch: int = 1
    size: int = 10
    text: bool = True
    timeout: float | None = None
    tls: bool = False
    prefix: str = ""

    @property
    def connection(self) -> tuple[Any, ...]:
        """Everything that a connection depends on: specs with the same value share a client."""
        return self.pool, self.text, self.timeout, self.tls

    @property
    def step(self) -> int:
        """Minimum number of commands; high enough that the start of coroutines is not the main cost."""
        return self.batch if self.concurrency == 1 else 4 * self.concurrency

    @property
    def key(self) -> str:
        """The key to read or write."""
        value = f"value:{self.size}"
        names = {"get": value, "eval": value, "set": "written", "by_name": "written", "lrange": "list"}
        names["hgetall"] = "hash"
        return f"{self.prefix}:{names[self.command]}"

    @property
    def channel(self) -> str:
        """The channel of the messages."""
        return f"{self.prefix}:channel"

    @property
    def value(self) -> str:
        """The value of each key and message: text that is not a number."""
        pattern = "value:0123456789-"
        return (pattern * (self.size // len(pattern) + 1))[: self.size]

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments of the method of txredisapi and this package; other drivers may have others."""
        if self.command in ("set", "by_name"):  # not for GET: building a large value costs more than reading it
            value = (self.key, self.value)
            return value if self.command == "set" else ("SET", *value, "KEEPTTL")
        if self.command == "eval":
            return SCRIPT, [self.key], []
        return (self.key, 0, -1) if self.command == "lrange" else (self.key,)

    @property
    def words(self) -> tuple[Any, ...]:
        """The command as it is sent."""
        if self.command == "eval":
            return "EVALSHA", hashlib.sha1(SCRIPT.encode()).hexdigest(), 1, self.key
        return self.arguments if self.command == "by_name" else (self.command.upper(), *self.arguments)

    @property
    def expected(self) -> Any:
        """The expected reply; None: any reply."""
        if self.command in ("get", "eval"):
            return self.value if self.text else self.value.encode()
        if self.command == "hgetall":
            return hash_values()
        return list_values() if self.command == "lrange" else None

    def as_json(self) -> dict[str, Any]:
        """The spec as JSON for the worker."""
        return asdict(self)


@dataclass(frozen=True)
class Workload:
    """A row of figures: one spec, run by every driver with the needed abilities.

    :ivar unit: unit of the costs: per command, per message ...
    :ivar needs: abilities of a driver; see :class:`bench.drivers.Driver`.
    :ivar kind: ``rounds``; ``memory`` or ``import``, which use a new process for each measurement.
    :ivar fixed: number of commands in each round; None: calibrated.
    :ivar group: workloads of a group are measured next to each other, because they are compared.
    :ivar peak: whether the peak memory is measured, too.
    :ivar optional: whether it is measured only if the user names it.
    :ivar quick: whether ``--quick`` measures it if the user names no workloads.
    :ivar variants: whether drivers run on other reactors, too, when no drivers are named.
    """

    name: str
    title: str
    spec: Spec
    needs: frozenset[str]
    unit: str = "command"
    kind: str = "rounds"
    fixed: int | None = None
    group: str = ""
    peak: bool = False
    optional: bool = False
    quick: bool = True
    variants: bool = False

    def with_spec(self, **changes: Any) -> Workload:
        """Return a copy with another spec."""
        return replace(self, spec=replace(self.spec, **changes))


def needs(*names: str) -> frozenset[str]:
    return frozenset(names)


def list_values() -> list[str]:
    """Return the reply to LRANGE."""
    return [f"value:{number}" for number in range(LIST_LENGTH)]


def hash_values() -> dict[str, str]:
    """Return the reply to HGETALL."""
    return {f"field:{number:02}": f"value:{number:02}" for number in range(HASH_LENGTH)}


def make_workloads(value_size: int = 10, concurrency: int = 50, messages: int = 100_000) -> list[Workload]:
    """Return all workloads, in the order of the report."""
    small: dict[str, Any] = {"size": value_size}
    many = {**small, "concurrency": concurrency}
    bytes_, times = f"{value_size} B", f"{concurrency} coroutines awaiting"
    return [
        Workload("get", f"{times} GET of {bytes_}, one connection", Spec("awaited", **many),
                 needs("get"), group="awaited", variants=True),
        Workload("pool-get", f"{times} GET of {bytes_}, a pool of 10", Spec("awaited", pool=10, **many),
                 needs("get", "pool"), group="awaited"),
        Workload("set", f"{times} SET of {bytes_}, one connection", Spec("awaited", "set", **many),
                 needs("set"), group="awaited-set", variants=True, quick=False),
        Workload("pool-set", f"{times} SET of {bytes_}, a pool of 10", Spec("awaited", "set", pool=10, **many),
                 needs("set", "pool"), group="awaited-set", quick=False),
        Workload("get-timeout", f"{times} GET of {bytes_}, a reply timeout of {REPLY_TIMEOUT:g} s",
                 Spec("awaited", timeout=REPLY_TIMEOUT, **many), needs("get"), group="awaited-timeout"),
        Workload("eval", f"{times} a script that GETs {bytes_}", Spec("awaited", "eval", **many), needs("eval")),
        Workload("by-name", f"{times} SET of {bytes_} by the function for any command",
                 Spec("awaited", "by_name", **many), needs("by-name"), quick=False),
        Workload("gather", f"1,000 GETs of {bytes_} gathered", Spec("gathered", batch=1000, **small),
                 needs("get", "gather")),
        Workload("sequential", f"GET of {bytes_}, one at a time", Spec("awaited", **small), needs("get")),
        Workload("lone", f"GET of {bytes_}, each in a turn of the reactor of its own", Spec("lone", **small),
                 needs("get", "lone")),
        Workload("tls", f"GET of {bytes_} over TLS, one at a time", Spec("awaited", tls=True, **small),
                 needs("get", "tls"), group="tls"),
        Workload("tls-50", f"{times} GET of {bytes_} over TLS", Spec("awaited", tls=True, **many),
                 needs("get", "tls"), group="tls", quick=False),
        Workload("pipeline", f"pipeline of 100 GETs of {bytes_}, as in txredisapi",
                 Spec("pipelined", batch=100, **small), needs("pipeline"), group="pipeline"),
        Workload("batch-100", f"batch of 100 GETs of {bytes_}, the fastest way", Spec("batched", batch=100, **small),
                 needs("batch"), group="pipeline"),
        Workload("batch-1000", f"batch of 1,000 GETs of {bytes_}, the fastest way",
                 Spec("batched", batch=1000, **small), needs("batch"), group="pipeline"),
        Workload("pipeline-10000", f"pipeline of 10,000 GETs of {bytes_}, as in txredisapi",
                 Spec("pipelined", batch=10_000, **small), needs("pipeline"), quick=False),
        Workload("hgetall", f"HGETALL of {HASH_LENGTH} fields, one at a time", Spec("awaited", "hgetall"),
                 needs("hgetall"), unit="call"),
        Workload("lrange", "LRANGE of 1,000 short strings, one at a time", Spec("awaited", "lrange"),
                 needs("lrange"), unit="call"),
        Workload("get-1mb", "GET of 1 MB, text, one at a time", Spec("awaited", size=MEGABYTE),
                 needs("get", "large"), unit="call"),
        Workload("get-64mb", "GET of 64 MB, bytes, one at a time", Spec("awaited", size=64 * MEGABYTE, text=False),
                 needs("get", "large"), unit="call", peak=True, quick=False),
        Workload("messages", f"a backlog of {messages:,} published messages of {bytes_}", Spec("messages", **small),
                 needs("messages"), unit="message", fixed=messages),
        Workload("import", "import, in a process of its own", Spec("import"), needs("import"), unit="import",
                 kind="import"),
        Workload("memory", "memory of a command in flight, 20,000 of them", Spec("in_flight", batch=20_000, **small),
                 needs("get", "gather"), kind="memory", fixed=20_000),
        Workload("soak", "memory that 10 million GETs leave behind", Spec("soak", **many), needs("get", "gather"),
                 kind="memory", fixed=10_000_000, optional=True),
    ]  # fmt: skip


def by_name(workloads: Iterable[Workload]) -> dict[str, Workload]:
    """Return a dict of the workloads by name."""
    return {workload.name: workload for workload in workloads}
