"""How cost grows with the amount of work: commands in flight, size of values, connections, commands in a pipeline."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from testbed.terminal import Progress

from .drivers import Driver
from .figures import CPU, Figures
from .report import Column, micro, table
from .server import Address
from .session import Plan, Session
from .workloads import Spec, Workload, needs

#: Who is measured where no drivers are named.
_DRIVERS = ("txredis_fast", "txredis_fast-pure", "floor", "txredisapi-hiredis", "redis-py")


@dataclass(frozen=True)
class Axis:
    """An axis of growth.

    :ivar unit: unit of the amounts.
    :ivar per: unit of the cost: per command, per GET ...
    :ivar workloads: amount -> workload.
    """

    name: str
    title: str
    unit: str
    per: str
    workloads: Mapping[int, Workload]


def _axis(name: str, title: str, unit: str, amounts: Sequence[int], base: Workload, field: str) -> Axis:
    workloads = {}
    for amount in amounts:
        changed = base.with_spec(**{field: amount})
        workloads[amount] = Workload(f"{name}-{amount}", title, changed.spec, base.needs, group=name)
    return Axis(name, title, unit, base.unit, workloads)


def make_axes(quick: bool) -> list[Axis]:
    """Make the axes with their amounts."""
    decades = [1, 10, 100, 1000, 10_000]
    get = needs("get")
    axes = [
        _axis("in-flight", "coroutines awaiting GET, one connection", "coroutines", decades,
              Workload("", "", Spec("awaited"), get), "concurrency"),
        _axis("value-size", "GET of a text value, one at a time", "bytes",
              [10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 64_000_000],
              Workload("", "", Spec("awaited"), get, unit="call"), "size"),
        _axis("pool", "100 coroutines awaiting GET, a pool", "connections", [1, 2, 5, 10, 20, 50, 100],
              Workload("", "", Spec("awaited", concurrency=100), needs("get", "pool")), "pool"),
        _axis("pipeline", "GETs in one pipeline or batch, the fastest way", "commands", [*decades, 100_000],
              Workload("", "", Spec("batched"), needs("batch")), "batch"),
    ]  # fmt: skip
    if quick:
        return [
            Axis(a.name, a.title, a.unit, a.per, dict(list(a.workloads.items())[:: max(1, len(a.workloads) // 2)]))
            for a in axes
        ]
    return axes


def axis_lines(figures: Figures, axis: Axis) -> list[str]:
    """Make a table: a row for each amount, a column for each driver."""
    drivers = list(dict.fromkeys(d for w in axis.workloads.values() for d in figures.drivers(w.name)))
    columns: list[Column] = [(axis.unit, True), *((driver, True) for driver in drivers)]
    rows = []
    for amount, workload in axis.workloads.items():
        cells = [figures.get(workload.name, driver, CPU) for driver in drivers]
        rows.append([f"{amount:,}", *("-" if cell is None else micro(cell.median) for cell in cells)])
    return [f"{axis.name}: {axis.title}; CPU us/{axis.per}", *table(columns, rows)]


def run(options: argparse.Namespace, address: Address, drivers: Sequence[Driver], about: Mapping[str, str]) -> None:
    """Measure and print; write JSON and charts if the options ask for them."""
    if options.drivers is None:
        drivers = [driver for driver in drivers if driver.name in _DRIVERS]
    axes = make_axes(options.quick)
    plan = Plan(
        [workload for axis in axes for workload in axis.workloads.values()],
        drivers,
        reactor=options.reactor,
        rounds=options.rounds or (2 if options.quick else 5),
        seconds=0.05 if options.quick else 0.2,
        cpu=options.cpu,
        limit=30.0 if options.quick else None,
    )
    with Progress() as progress:
        session = Session(plan, address, progress)
        figures = session.run()
    for axis in axes:
        print("", *axis_lines(figures, axis), sep="\n")
    for problem in session.problems:
        print(f"\nfailed: {problem}")
    if options.json is not None:
        everything = {"environment": about, "figures": figures.as_json(), "problems": session.problems}
        options.json.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    if options.charts is not None:
        from . import charts

        for path in charts.draw_axes(figures, axes, options.charts, about):
            print(f"Written: {path}")
