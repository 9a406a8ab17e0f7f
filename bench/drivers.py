"""The measured drivers: their abilities, and whether they are installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from testbed.terminal import UsageError

from .server import benchmark_program

#: Event loops. ``default``: Twisted's own choice, and asyncio's own loop.
REACTORS = ("default", "select", "asyncio", "uvloop")

_EVERYTHING = frozenset(
    {
        "get",
        "set",
        "lrange",
        "hgetall",
        "eval",
        "by-name",
        "pool",
        "gather",
        "lone",
        "tls",
        "pipeline",
        "batch",
        "large",
    }
    | {"messages", "import"}
)


@dataclass(frozen=True)
class Driver:
    """One side of the comparison.

    :ivar name: its name on the command line, with ``@REACTOR`` if that differs from the session's.
    :ivar client: its class in :mod:`bench.twisted_clients` or :mod:`bench.asyncio_clients`; empty for a program.
    :ivar family: what runs it: ``twisted``, ``asyncio``, or ``program``.
    :ivar imports: the modules that it needs.
    :ivar statement: what the workload ``import`` runs.
    :ivar environment: of its process.
    :ivar hidden: modules that its process is not to find.
    :ivar abilities: see :attr:`bench.workloads.Workload.needs`.
    :ivar reactor: None: the session's.
    """

    name: str
    title: str
    client: str
    family: str
    imports: tuple[str, ...]
    statement: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    abilities: frozenset[str] = _EVERYTHING
    reactor: str | None = None
    quick: bool = True

    def missing(self) -> str | None:
        """Return the name of a missing module or program; None if nothing is missing."""
        if self.family == "program":
            return None if benchmark_program() else "redis-benchmark"
        modules = [*self.imports, *(["uvloop"] if self.reactor == "uvloop" else [])]
        return next((name for name in modules if not _found(name)), None)


def _found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


_DRIVERS = (
    Driver("txredis_fast", "this package, compiled", "TxredisFast", "twisted", ("txredis_fast.resp._cresp",),
           "import txredis_fast", {"TXREDIS_FAST_PUREPYTHON": ""}),
    Driver("txredis_fast-pure", "this package, in pure Python", "TxredisFast", "twisted", ("txredis_fast",),
           "import txredis_fast", {"TXREDIS_FAST_PUREPYTHON": "1"}),
    Driver("floor", "prebuilt bytes, counted reply bytes, one Deferred per reply", "Floor", "twisted", ("twisted",),
           abilities=_EVERYTHING - {"pipeline", "pool", "import"}),
    Driver("txredisapi", "txredisapi without hiredis", "Txredisapi", "twisted", ("txredisapi",),
           "import txredisapi", hidden=("hiredis",), quick=False),
    Driver("txredisapi-hiredis", "txredisapi with hiredis", "Txredisapi", "twisted", ("txredisapi", "hiredis"),
           "import txredisapi"),
    Driver("redis-py", "redis-py's asyncio client, with hiredis", "RedisPy", "asyncio", ("redis", "hiredis"),
           "import redis.asyncio"),
    Driver("coredis", "coredis, on asyncio", "Coredis", "asyncio", ("coredis",), "import coredis", quick=False),
    Driver("valkey-glide", "valkey-glide, on asyncio", "Glide", "asyncio", ("glide",), "import glide",
           abilities=_EVERYTHING - {"pool"}, quick=False),
    Driver("reader", "this package's parser alone, decoding the same bytes: no sockets", "OwnParser", "asyncio",
           ("txredis_fast.resp._cresp",), environment={"TXREDIS_FAST_PUREPYTHON": ""}, abilities=frozenset({"lrange"})),
    Driver("hiredis", "hiredis alone, decoding the same bytes: no sockets", "HiredisParser", "asyncio", ("hiredis",),
           abilities=frozenset({"lrange"})),
    Driver("c-client", "the server's own benchmark client", "", "program", (),
           abilities=frozenset({"get", "set", "batch"})),
)  # fmt: skip

#: Drivers on other reactors, measured if a workload has variants and the user names no drivers.
VARIANTS = (
    "txredis_fast@asyncio",
    "txredis_fast@uvloop",
    "redis-py@uvloop",
    "coredis@uvloop",
    "valkey-glide@uvloop",
)

#: Distributions whose versions the report names.
DISTRIBUTIONS = ("twisted", "txredisapi", "hiredis", "redis", "coredis", "valkey-glide", "uvloop")


def driver_names() -> list[str]:
    """Return the names of all drivers."""
    return [driver.name for driver in _DRIVERS]


def find_driver(name: str) -> Driver:
    """Return the driver of a name, which may end with ``@REACTOR``."""
    plain, at, reactor = name.partition("@")
    for driver in _DRIVERS:
        if driver.name == plain:
            if not at:
                return driver
            if reactor not in REACTORS or driver.family == "program":
                raise UsageError(f"no such reactor: {name!r}; known are {', '.join(REACTORS)}")
            return replace(driver, name=name, title=f"{driver.title}, on {reactor}", reactor=reactor)
    raise UsageError(f"no such driver: {name!r}; known are {', '.join(driver_names())}")


def choose(names: Sequence[str] | None, quick: bool) -> tuple[list[Driver], list[str]]:
    """Return the drivers of a session, and a line of text for each driver that is not installed.

    :param names: the drivers that the user named, all of which must be installed. None: all installed drivers.
    """
    if names is not None:
        drivers = [find_driver(name) for name in dict.fromkeys(names)]
        for driver in drivers:
            if missing := driver.missing():
                raise UsageError(f"driver {driver.name}: {missing} is not installed here")
        return drivers, []
    drivers = [driver for driver in _DRIVERS if driver.quick or not quick]
    if not quick:
        drivers += [find_driver(name) for name in VARIANTS]
    missing_lines = [
        f"{driver.name}: {missing} is not installed" for driver in drivers if (missing := driver.missing())
    ]
    return [driver for driver in drivers if not driver.missing()], missing_lines
