"""Instructions per command, counted by valgrind: figures that do not depend on other load on the machine.

A worker under callgrind runs two rounds of each workload, the second with three times as many commands. The difference
excludes what a round costs by itself. It counts the instructions of the client's process in user space, from the call
of one function of libc to that of another, which the worker makes around a round.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from testbed.terminal import Progress, UsageError

from . import budget
from .drivers import Driver
from .figures import calibrate
from .process import WorkerError, WorkerProcess
from .report import Column, table
from .server import Address, TLSAddress
from .session import data, spec_for
from .worker import COUNTED
from .workloads import Workload

#: Functions of libc, called around a round. (Callgrind does not follow aliases.)
FROM, TO = "getsid", "getpgid"

#: Commands of the shorter round, and how many times that the longer one has.
_COMMANDS, _TIMES = 300, 3
#: Those of work that costs much less or much more.
_COMMANDS_OF = {"messages": 3000, "hgetall": 20, "lrange": 4, "get-1mb": 4, "get-64mb": 1, "tls": 100, "lone": 100}

#: Measured where nothing is named, in this order: where the pieces in which replies arrive vary from run to run, as
#: those of large replies, memory is laid out differently afterwards.
ROADS = (
    *("sequential", "lone", "get", "set", "by-name", "eval", "get-timeout", "tls", "tls-50", "batch-100", "pipeline"),
    *("hgetall", "lrange", "gather", "messages", "pipeline-10000"),
)
_DRIVERS = ("txredis_fast", "floor", "txredisapi-hiredis")

#: Number of layouts of memory whose median is a budget.
LAYOUTS = 3

#: Variables of the environment by which layouts of memory differ.
_PADDING = 37

_PREFIX = "txredis_fast:bench:instructions"


class _Counter:
    """A worker under callgrind, which writes a file for each round."""

    def __init__(
        self, driver: Driver, address: Address, tls: TLSAddress | None, reactor: str, folder: str, layout: int = 0
    ) -> None:
        self._out = Path(folder, "callgrind.out")
        self._rounds = 0
        command = ["valgrind", "--tool=callgrind", "--vgdb=no", f"--callgrind-out-file={self._out}"]
        command += [f"--zero-before={FROM}", f"--dump-before={TO}"]
        padding = {f"BENCH_PADDING_{number}": str(number) for number in range(_PADDING * layout)}
        self.worker = WorkerProcess(driver, address, tls, reactor, None, command, {COUNTED: "1", **padding})

    def count(self, workload: Workload, commands: int, publisher: Any) -> int:
        """Return the instructions of a round."""
        self.worker.run(spec_for(workload, self.worker.driver, commands, _PREFIX), publisher)
        self._rounds += 1
        out = Path(f"{self._out}.{self._rounds}")
        found = re.search(r"^totals: (\d+)", out.read_text(errors="replace") if out.exists() else "", re.MULTILINE)
        if found is None:
            raise WorkerError("valgrind has not counted the round")
        out.unlink()
        return int(found[1])


def per_command(counter: _Counter, workload: Workload, publisher: Any) -> float:
    """Return the instructions per command."""
    spec = replace(workload.spec, prefix=_PREFIX)
    if spec.scenario != "messages":
        counter.worker.check(spec)
    few = calibrate(1, _COMMANDS_OF.get(workload.name, _COMMANDS), 1, spec.step)
    more = few * _TIMES if few < _COMMANDS * 10 else few * 2
    _, less, all_ = (counter.count(workload, commands, publisher) for commands in (few, few, more))  # the first: warms
    return (all_ - less) / (more - few)


def count(
    address: Address,
    tls: TLSAddress | None,
    reactor: str,
    workloads: Sequence[Workload],
    drivers: Sequence[Driver],
    layout: int = 0,
) -> Iterator[tuple[str, str, float]]:
    """Count; yield workload, driver and instructions per command.

    :param layout: number of the layout of memory. With the same one, counts are the same to a thousandth. Another one
        changes some by up to 5 %, as any change of the code may, because Python caches by address: hence medians.
    """
    publisher = address.connect()
    with publisher, data(address, tls, [workload.spec for workload in workloads], _PREFIX):
        for driver in drivers:
            able = [workload for workload in workloads if workload.needs <= driver.abilities]
            with tempfile.TemporaryDirectory() as folder:
                counter = _Counter(driver, address, tls, reactor, folder, layout)
                try:
                    for workload in able:
                        yield workload.name, driver.name, per_command(counter, workload, publisher)
                finally:
                    counter.worker.stop()


def run(
    options: argparse.Namespace,
    address: Address,
    tls: TLSAddress | None,
    workloads: Sequence[Workload],
    drivers: Sequence[Driver],
) -> None:
    """Count, print, and write the budget if the options ask for it."""
    if shutil.which("valgrind") is None:
        raise UsageError("--instructions: valgrind is not installed here")
    workloads = [workload for workload in workloads if workload.kind == "rounds"]
    if options.drivers is None:
        drivers = [
            driver for driver in drivers if driver.name in ((budget.DRIVER,) if options.write_expected else _DRIVERS)
        ]
    drivers = [driver for driver in drivers if driver.family != "program"]
    rounds = options.rounds or (LAYOUTS if options.write_expected else 1)
    total = len(workloads) * len(drivers) * rounds
    figures: dict[tuple[str, str], list[float]] = {}
    with Progress() as progress:
        done = 0
        for layout in range(rounds):
            for workload, driver, figure in count(address, tls, options.reactor, workloads, drivers, layout):
                figures.setdefault((workload, driver), []).append(figure)
                done += 1
                progress.update(done / total, f"{workload}: {driver}")
    print("", *_lines(figures, workloads, options.base), sep="\n")
    roads = {
        name: round(statistics.median(counts)) for (name, driver), counts in figures.items() if driver == budget.DRIVER
    }
    if options.write_expected:
        print(f"\nWritten: {budget.write(budget.environment(), roads)}")


def _lines(figures: dict[tuple[str, str], list[float]], workloads: Sequence[Workload], base: str) -> list[str]:
    rows = []
    for name in [workload.name for workload in workloads]:
        for (workload, driver), counts in figures.items():
            if workload != name:
                continue
            mine = statistics.median(counts)
            theirs = statistics.median(figures.get((name, base), [0]))
            row = [name, driver, f"{mine:,.0f}", f"{mine / theirs:.2f}x" if theirs else "-"]
            rows.append([*row, f"{100 * (max(counts) - min(counts)) / mine:.2f} %" if len(counts) > 1 else "-"])
    columns: list[Column] = [
        ("workload", False),
        ("driver", False),
        ("instructions/command", True),
        (f"/ {base}", True),
        ("spread", True),
    ]
    return table(columns, rows)
