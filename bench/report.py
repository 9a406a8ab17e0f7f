"""Tables for the terminal. The functions return lines of text; they neither measure nor print."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from testbed.terminal import Column, table

from .figures import CPU, MEMORY, PEAK, WALL, Figure, Figures
from .targets import Target
from .workloads import Workload

#: Columns of a line.
WIDTH = 100


def micro(seconds: float) -> str:
    """Format seconds as microseconds, with three digits or more."""
    value = seconds * 1e6
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def times(figure: Figure | None, spread: bool = True) -> str:
    """Format a ratio, with its spread if that is wanted and there are several rounds."""
    if figure is None:
        return "-"
    digits = 2 if figure.median < 10 else 1
    if figure.rounds == 1 or not spread:
        return f"{figure.median:.{digits}f}x"
    return f"{figure.median:.{digits}f}x ({figure.low:.{digits}f}-{figure.high:.{digits}f})"


def environment_lines(about: Mapping[str, str]) -> list[str]:
    """Return lines for each fact about the machine and the versions."""
    return [
        line
        for name, value in about.items()
        for line in textwrap.wrap(
            f"{name + ':':<11}{value}",
            WIDTH,
            subsequent_indent=" " * 11,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def _fitting(tables: Iterator[list[str]]) -> list[str]:
    """Return the first table that fits the width; the last one if none does."""
    lines: list[str] = []
    for lines in tables:
        if max(map(len, lines)) <= WIDTH:
            break
    return lines


def workload_lines(figures: Figures, workload: Workload, base: str) -> list[str]:
    """Return the table of a workload, the cheapest driver first.

    Where it would be too wide it has no quartiles of the CPU time, and then no spreads.
    """
    name = workload.name
    if workload.kind == "memory":
        return _memory_lines(figures, workload)
    shown = [
        (driver, figures.get(name, driver, CPU), figures.get(name, driver, WALL)) for driver in figures.drivers(name)
    ]
    measured = [(driver, cpu, wall) for driver, cpu, wall in shown if cpu is not None and wall is not None]
    if not measured:
        return []
    unit = workload.unit
    peak = workload.peak and any(figures.get(name, driver, PEAK) for driver, _, _ in measured)

    def lines(quartiles: bool, spreads: bool) -> list[str]:
        columns: list[Column] = [("driver", False), ("CPU us", True), *([("quartiles", True)] if quartiles else [])]
        columns += [("wall us", True), (f"{unit}s/s", True), ("CPU ratio", True), ("wall ratio", True)]
        if peak:
            columns.append(("peak / value", True))
        rows = []
        for driver, cpu, wall in sorted(measured, key=lambda entry: entry[1].median):
            row = [driver, micro(cpu.median)]
            if quartiles:
                row.append(f"{micro(cpu.low)}-{micro(cpu.high)}" if cpu.rounds > 1 else "-")
            row += [micro(wall.median), f"{1 / wall.median:,.0f}" if wall.median < 0.1 else f"{1 / wall.median:.1f}"]
            row += [times(figures.ratio((name, driver), (name, base), metric), spreads) for metric in (CPU, WALL)]
            if peak:
                bytes_ = figures.get(name, driver, PEAK)
                row.append("-" if bytes_ is None else f"{bytes_.median:.2f}")
            rows.append(row)
        return table(columns, rows)

    title = f"{name}: {workload.title}"
    about = f"us per {unit}; ratios are to {base}"
    heading = [f"{title} ({about})"] if len(title) + len(about) + 3 <= WIDTH else [title, f"({about})"]
    return [*heading, *_fitting(lines(*kind) for kind in ((True, True), (False, True), (False, False)))]


def _memory_lines(figures: Figures, workload: Workload) -> list[str]:
    rows = []
    for driver in figures.drivers(workload.name):
        used = figures.get(workload.name, driver, MEMORY)
        if used is not None:
            rows.append((used.median, [driver, f"{used.median:,.1f}", f"{used.low:,.1f}-{used.high:,.1f}"]))
    if not rows:
        return []
    columns: list[Column] = [("driver", False), ("B/command", True), ("quartiles", True)]
    return [f"{workload.name}: {workload.title}", *table(columns, [row for _, row in sorted(rows)])]


def target_lines(figures: Figures, targets: Sequence[Target]) -> list[str]:
    """Return the table of the targets that the session measured. A star marks the deciding figure.

    A single round decides nothing about times: its verdict is "indicative". Where the table would be too wide, it has
    the deciding figures only, and then no spreads.
    """
    shown = [(target, verdict) for target in targets if (verdict := _verdict(figures, target))]
    if not shown:
        return []

    def lines(both: bool, spreads: bool) -> list[str]:
        columns: list[Column] = [("work", False), ("must reach", False)]
        columns += [("CPU or memory", True), ("wall time", True)] if both else [("measured", True)]
        rows = []
        for target, verdict in shown:
            cells = _measured(figures, target, spreads)
            rows.append([target.row, target.text, *(cells if both else [_deciding(cells)]), verdict])
        return table([*columns, ("", False)], rows)

    tables = (lines(*kind) for kind in ((True, True), (False, True), (False, False)))
    return ["Targets (* decides)", *_fitting(tables)]


def _verdict(figures: Figures, target: Target) -> str:
    """Say whether a target is met; "" if the session did not measure it."""
    met, measured = target.met(figures), target.measured(figures, target.metric)
    if met is None or measured is None:
        return ""
    if measured.rounds == 1 and target.metric in (CPU, WALL):
        return "indicative"
    return "met" if met else "NOT MET"


def _deciding(cells: Sequence[str]) -> str:
    return next(cell for cell in cells if cell.endswith("*"))


def _measured(figures: Figures, target: Target, spreads: bool) -> list[str]:
    if target.metric in (PEAK, MEMORY):
        value = target.measured(figures, target.metric)
        amount = 0.0 if value is None else value.median
        return [f"{amount:.2f}x*" if target.metric == PEAK else f"{amount:,.2f} B*", ""]
    return [
        times(target.measured(figures, metric), spreads) + ("*" if metric == target.metric else " ")
        for metric in (CPU, WALL)
    ]
