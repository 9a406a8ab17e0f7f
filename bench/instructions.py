"""Instructions per command, counted by valgrind: figures that do not depend on other load on the machine.

A worker issues a fixed number of commands under callgrind, and a second worker a multiple of it. The difference
excludes start-up. It counts the instructions of the client's process in user space.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from testbed.terminal import Progress, UsageError

from .drivers import Driver
from .figures import calibrate
from .process import WorkerError, WorkerProcess
from .report import Column, table
from .server import Address
from .session import data
from .workloads import Spec, Workload

#: Commands of the shorter run, and how many times that the longer one has.
_FEW, _TIMES = 1000, 3
#: Those of calls that cost much.
_FEW_CALLS = 10

#: Measured where nothing is named.
_WORKLOADS = ("get", "set", "gather", "sequential", "batch-100", "lrange")
_DRIVERS = ("txredis_fast", "floor", "txredisapi-hiredis")


def counted(driver: Driver, address: Address, reactor: str, spec: Spec) -> int:
    """Return the instructions of a worker that runs one round."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "callgrind.out")
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        worker = WorkerProcess(driver, address, reactor, None, command)
        try:
            worker.run(spec)
            said = worker.finish()
        finally:
            worker.stop()
    found = re.search(r"Collected : (\d+)", said)
    if found is None:
        raise WorkerError(f"valgrind says: {said.strip()[-200:]}")
    return int(found[1])


def per_command(driver: Driver, address: Address, reactor: str, workload: Workload, prefix: str) -> float:
    """Return the instructions per command."""
    few = _FEW if workload.unit == "command" else _FEW_CALLS
    few = calibrate(1, few, 1, workload.spec.step)
    specs = [replace(workload.spec, count=count, prefix=prefix) for count in (few, few * _TIMES)]
    with ThreadPoolExecutor() as both:
        less, more = both.map(lambda spec: counted(driver, address, reactor, spec), specs)
    return (more - less) / (few * (_TIMES - 1))


def run(
    options: argparse.Namespace, address: Address, workloads: Sequence[Workload], drivers: Sequence[Driver]
) -> None:
    """Count and print."""
    if shutil.which("valgrind") is None:
        raise UsageError("--instructions: valgrind is not installed here")
    if options.workloads is None:
        workloads = [workload for workload in workloads if workload.name in _WORKLOADS]
    if options.drivers is None:
        drivers = [driver for driver in drivers if driver.name in _DRIVERS]
    cells = [
        (workload, driver)
        for workload in workloads
        for driver in drivers
        if workload.kind == "rounds" and workload.needs <= driver.abilities and driver.family != "program"
        and workload.spec.scenario != "messages"
    ]  # fmt: skip
    rows = []
    figures: dict[tuple[str, str], float] = {}
    prefix = "txredis_fast:bench:instructions"
    with data(address, [workload.spec for workload in workloads], prefix), Progress() as progress:
        for done, (workload, driver) in enumerate(cells):
            progress.update(done / len(cells), f"{workload.name}: {driver.name}")
            figures[workload.name, driver.name] = per_command(driver, address, options.reactor, workload, prefix)
    for workload, driver in cells:
        mine = figures[workload.name, driver.name]
        base = figures.get((workload.name, options.base))
        rows.append([workload.name, driver.name, f"{mine:,.0f}", f"{mine / base:.2f}x" if base else "-"])
    columns: list[Column] = [
        ("workload", False),
        ("driver", False),
        ("instructions/command", True),
        (f"/ {options.base}", True),
    ]
    print("", *table(columns, rows), sep="\n")
