"""One session: all drivers run their rounds in turns, against one server.

Each round runs each group of workloads, each workload of a group, and each driver of a workload, every second round in
reverse order. Compared figures are thus measured within seconds of each other, and no driver is always the first.
"""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from testbed.client import Connection
from testbed.terminal import Progress, UsageError

from . import c_client
from .drivers import VARIANTS, Driver
from .figures import Figures, Sample, calibrate
from .process import WorkerError, WorkerProcess, environment_of
from .server import Address, TLSAddress
from .workloads import SCRIPT, Spec, Workload, hash_values, list_values

#: Duration of a calibrating round as a fraction of a round.
_WARM_UP = 0.3
#: A workload whose round takes more than _SLOW seconds has at most _SLOW_ROUNDS rounds.
_SLOW, _SLOW_ROUNDS = 3.0, 2

_IMPORT = """
import time
cpu, wall = time.process_time(), time.perf_counter()
{statement}
print(time.process_time() - cpu, time.perf_counter() - wall)
"""


@dataclass(frozen=True)
class Plan:
    """The plan of a session.

    :ivar variants: whether drivers on other reactors run only the workloads that have variants.
    :ivar seconds: duration of a round.
    :ivar limit: seconds after which no new round begins; None: no limit.
    """

    workloads: Sequence[Workload]
    drivers: Sequence[Driver]
    reactor: str = "default"
    rounds: int = 7
    seconds: float = 0.3
    cpu: int | None = None
    limit: float | None = None
    variants: bool = False

    def cells(self) -> list[list[tuple[Workload, Driver]]]:
        """Return the pairs of workload and driver, in groups."""
        groups = groupby(self.workloads, key=lambda workload: workload.group or workload.name)
        return [[(workload, driver) for workload in group for driver in self._able(workload)] for _, group in groups]

    def _able(self, workload: Workload) -> list[Driver]:
        return [
            driver
            for driver in self.drivers
            if workload.needs <= driver.abilities
            and (workload.kind == "rounds" or driver.family != "program")
            and (workload.variants or not self.variants or driver.name not in VARIANTS)
        ]


class Session:
    """Runs a plan.

    :ivar figures: the measured figures.
    :ivar problems: a line for each driver that failed in a workload.
    """

    def __init__(self, plan: Plan, address: Address, progress: Progress, tls: TLSAddress | None = None) -> None:
        self.figures = Figures()
        self.problems: list[str] = []
        self._plan = plan
        self._address = address
        self._tls = tls
        self._progress = progress
        self._workers: dict[str, WorkerProcess] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._rounds: dict[tuple[str, str], int] = {}
        self._failed: set[tuple[str, str]] = set()
        self._publisher: Connection | None = None
        self._prefix = f"txredis_fast:bench:{secrets.token_hex(4)}"

    def run(self) -> Figures:
        """Measure everything."""
        start = time.monotonic()
        groups = self._plan.cells()
        total = sum(map(len, groups)) * (self._plan.rounds + 1)
        done = 0
        self._publisher = self._address.connect()
        try:
            with self._data():
                for turn in range(-1, self._plan.rounds):  # the first one is not counted: it warms up and calibrates
                    late = self._plan.limit is not None and time.monotonic() - start > self._plan.limit
                    if late and turn > 0:
                        break
                    for group in groups:
                        for workload, driver in group if turn % 2 else reversed(group):
                            self._progress.update(done / total, f"{workload.name}: {driver.name}")
                            self._do(workload, driver, turn)
                            done += 1
        finally:
            self._publisher.close()
            for worker in self._workers.values():
                worker.stop()
        return self.figures

    def _do(self, workload: Workload, driver: Driver, turn: int) -> None:
        cell = (workload.name, driver.name)
        if cell in self._failed or turn >= self._rounds.get(cell, turn + 1):
            return
        try:
            if turn < 0:
                self._prepare(workload, driver)
            else:
                self.figures.add(*cell, turn, self._sample(workload, driver))
        except UsageError as error:
            self._failed.add(cell)
            self.problems.append(f"{driver.name}: {workload.name}: {error}")
            worker = self._workers.pop(driver.name, None)  # its state is unknown
            if worker is not None:
                worker.stop()

    def _prepare(self, workload: Workload, driver: Driver) -> None:
        """Check the driver's reply, and calibrate the number of commands per round."""
        cell = (workload.name, driver.name)
        if workload.kind == "memory":
            self._rounds[cell] = max(1, self._plan.rounds // 3)  # its figures vary little
        if workload.kind != "rounds":
            return
        spec = replace(workload.spec, prefix=self._prefix)
        if driver.family != "program" and spec.scenario != "messages":
            self._worker(driver, spec).check(spec)
        if workload.fixed is not None:
            self._counts[cell] = workload.fixed
            few = max(1, workload.fixed // 20)
            self._limit_slow(cell, self._seconds(workload, driver, few) * workload.fixed / few)
            return
        count = seconds = 0.0
        while seconds < self._plan.seconds * _WARM_UP:
            # Start with one step, and grow by a factor of at most twenty.
            more = calibrate(seconds, int(count), self._plan.seconds * _WARM_UP, spec.step) if count else spec.step
            count = max(min(more, 20 * int(count) or more), int(count) + spec.step)
            seconds = self._seconds(workload, driver, int(count))
        self._counts[cell] = calibrate(seconds, int(count), self._plan.seconds, spec.step)
        self._limit_slow(cell, seconds * self._counts[cell] / count)

    def _limit_slow(self, cell: tuple[str, str], seconds: float) -> None:
        if seconds > _SLOW:
            self._rounds[cell] = _SLOW_ROUNDS

    def _seconds(self, workload: Workload, driver: Driver, count: int) -> float:
        return self._round(workload, driver, count)["wall"]

    def _sample(self, workload: Workload, driver: Driver) -> Sample:
        """Run one round; return its costs per command."""
        if workload.kind == "import":
            return import_time(driver)
        count = workload.fixed or 0
        if workload.kind == "memory":
            worker = self._new_worker(driver)
            try:
                cost = worker.run(replace(workload.spec, count=count, prefix=self._prefix))
            finally:
                worker.stop()
            return {"memory": cost["memory"] / count}
        count = self._counts[(workload.name, driver.name)]
        cost = self._round(workload, driver, count)
        sample = {metric: cost[metric] / count for metric in ("cpu", "wall")}
        if workload.peak and "peak" in cost:
            sample["peak"] = cost["peak"] / workload.spec.size
        return sample

    def _round(self, workload: Workload, driver: Driver, count: int) -> dict[str, float]:
        spec = spec_for(workload, driver, count, self._prefix)
        if driver.family == "program":
            return c_client.run(self._address, spec, self._plan.cpu)
        return self._worker(driver, spec).run(spec, self._publisher)

    def _worker(self, driver: Driver, spec: Spec) -> WorkerProcess:
        if driver.name not in self._workers:
            self._workers[driver.name] = worker = self._new_worker(driver)
            if spec.scenario != "messages":
                worker.check(spec)  # of a driver that failed in another workload: no round is to include connecting
        return self._workers[driver.name]

    def _new_worker(self, driver: Driver) -> WorkerProcess:
        return WorkerProcess(driver, self._address, self._tls, self._plan.reactor, self._plan.cpu)

    @contextlib.contextmanager
    def _data(self) -> Iterator[None]:
        with data(self._address, self._tls, [workload.spec for workload in self._plan.workloads], self._prefix):
            yield


@contextlib.contextmanager
def data(address: Address, tls: TLSAddress | None, specs: Sequence[Spec], prefix: str) -> Iterator[None]:
    """Write the data that workloads read to the servers, and delete it at the end."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_data_on(address, [spec for spec in specs if not spec.tls], prefix))
        if tls is not None:
            stack.enter_context(_data_on(tls.plain, [spec for spec in specs if spec.tls], prefix))
        yield


@contextlib.contextmanager
def _data_on(address: Address, specs: Sequence[Spec], prefix: str) -> Iterator[None]:
    keys = set()
    connection = address.connect()
    try:
        for spec in (replace(spec, prefix=prefix) for spec in specs):
            if spec.command == "eval":
                connection.call("SCRIPT", "LOAD", SCRIPT)  # for the floor, which knows no NOSCRIPT
            if spec.key in keys:
                continue
            keys.add(spec.key)
            if spec.command in ("get", "eval"):
                connection.call("SET", spec.key, spec.value)
            elif spec.command == "hgetall":
                connection.call("HSET", spec.key, *(word for pair in hash_values().items() for word in pair))
            elif spec.command == "lrange":
                connection.call("RPUSH", spec.key, *list_values())
        yield
    finally:
        for key in keys:
            connection.call("DEL", key)
        connection.close()


def spec_for(workload: Workload, driver: Driver, count: int, prefix: str) -> Spec:
    """Make a driver's spec of a workload.

    Keys are the same for all drivers, but each subscriber has a channel of its own: otherwise the messages of one
    driver's round would wait in the sockets of all others and be counted in their rounds.
    """
    if workload.spec.scenario == "messages":
        prefix = f"{prefix}:{driver.name}"
    return replace(workload.spec, count=count, prefix=prefix)


def import_time(driver: Driver) -> Sample:
    """Measure an import in a new process, without the start of the interpreter, with all modules compiled to bytecode.

    pip compiles the modules of an installed package. Those of a checkout, or with ``PYTHONDONTWRITEBYTECODE`` set, may
    not be compiled.
    """
    environment = environment_of(driver)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        environment["PYTHONPYCACHEPREFIX"] = folder
        _import(driver, environment)
        return _import(driver, environment)


def _import(driver: Driver, environment: dict[str, str]) -> Sample:
    hide = "".join(f"import sys; sys.modules[{module!r}] = None\n" for module in driver.hidden)
    ran = subprocess.run(
        [sys.executable, "-c", hide + _IMPORT.format(statement=driver.statement)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise WorkerError((ran.stderr.strip() or "?").splitlines()[-1][:200])
    seconds = [float(number) for number in ran.stdout.split()]
    return {"cpu": seconds[0], "wall": seconds[1]}
