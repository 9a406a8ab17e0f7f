"""Tables for the terminal. The functions return lines of text; they neither measure nor print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from testbed.terminal import Column, table

from .figures import CPU, MEMORY, PEAK, WALL, Figure, Figures
from .targets import Target
from .workloads import Workload


def micro(seconds: float) -> str:
    """Format seconds as microseconds, with three digits or more."""
    value = seconds * 1e6
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def times(figure: Figure | None) -> str:
    """Format a ratio with its spread."""
    if figure is None:
        return "-"
    digits = 2 if figure.median < 10 else 1
    if figure.rounds == 1:
        return f"{figure.median:.{digits}f}x"
    spread = f"{figure.low:.{digits}f}-{figure.high:.{digits}f}"
    return f"{figure.median:.{digits}f}x ({spread})"


def environment_lines(about: Mapping[str, str]) -> list[str]:
    """Return a line for each fact about the machine and the versions."""
    return [f"{name + ':':<11}{value}" for name, value in about.items()]


def workload_lines(figures: Figures, workload: Workload, base: str) -> list[str]:
    """Return the table of a workload, the cheapest driver first."""
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
    columns: list[Column] = [
        ("driver", False),
        (f"CPU us/{unit}", True),
        ("quartiles", True),
        (f"wall us/{unit}", True),
        (f"{unit}s/s", True),
        ("CPU ratio", True),
        ("wall ratio", True),
    ]
    peak = workload.peak and any(figures.get(name, driver, PEAK) for driver, _, _ in measured)
    if peak:
        columns.append(("peak / value", True))
    rows = []
    for driver, cpu, wall in sorted(measured, key=lambda entry: entry[1].median):
        spread = f"{micro(cpu.low)}-{micro(cpu.high)}" if cpu.rounds > 1 else "-"
        row = [driver, micro(cpu.median), spread, micro(wall.median)]
        row.append(f"{1 / wall.median:,.0f}" if wall.median < 0.1 else f"{1 / wall.median:.1f}")
        row += [times(figures.ratio((name, driver), (name, base), metric)) for metric in (CPU, WALL)]
        if peak:
            bytes_ = figures.get(name, driver, PEAK)
            row.append("-" if bytes_ is None else f"{bytes_.median:.2f}")
        rows.append(row)
    return [f"{name}: {workload.title} (ratios are to {base})", *table(columns, rows)]


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
    """Return the table of the targets that the session measured. A star marks the deciding figure."""
    rows = []
    for target in targets:
        met = target.met(figures)
        if met is None:
            continue
        rows.append([target.row, target.text, *_measured(figures, target), "met" if met else "NOT MET"])
    if not rows:
        return []
    columns: list[Column] = [
        ("work", False),
        ("must reach", False),
        ("CPU or memory", True),
        ("wall time", True),
        ("", False),
    ]
    return ["Targets (* decides)", *table(columns, rows)]


def _measured(figures: Figures, target: Target) -> list[str]:
    if target.metric in (PEAK, MEMORY):
        value = target.measured(figures, target.metric)
        amount = 0.0 if value is None else value.median
        return [f"{amount:.2f}x*" if target.metric == PEAK else f"{amount:,.2f} B*", ""]
    return [
        times(target.measured(figures, metric)) + ("*" if metric == target.metric else " ") for metric in (CPU, WALL)
    ]
