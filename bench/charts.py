"""Charts: a PNG for each workload, and a PNG for each axis of growth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.terminal import UsageError

from .drivers import driver_names
from .figures import CPU, MEMORY, WALL, Figures
from .growth import Axis
from .report import micro
from .workloads import Workload

_OURS, _OURS_LIGHT = "#1f5fa8", "#a9c6e8"
_OTHERS, _OTHERS_LIGHT = "#6b6b6b", "#cfcfcf"

#: Where the longest bar has so many times the length of the middle one, the axis is logarithmic.
_WIDE = 15

#: Of lines: every driver looks the same in every chart.
_MARKERS = "osD^vP*Xph<"
_COLOURS = (
    *("#1f5fa8", "#00a0a0", "#6b6b6b", "#8a6d3b", "#e07b00"),
    *("#b03a5b", "#7a5cc0", "#3a9d5d", "#c2a000", "#222222", "#d05ce0"),
)


def require() -> None:
    """Fail early if matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        raise UsageError("--charts needs matplotlib: pip install 'txredis-fast[bench]'") from None
    matplotlib.use("Agg")


def draw_workloads(
    figures: Figures, workloads: Sequence[Workload], folder: Path, about: Mapping[str, str]
) -> list[Path]:
    """Draw a chart for each measured workload; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        path
        for workload in workloads
        if (path := _draw_workload(figures, workload, folder / f"{workload.name}.png", about)) is not None
    ]


def _draw_workload(figures: Figures, workload: Workload, path: Path, about: Mapping[str, str]) -> Path | None:
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter

    memory = workload.kind == "memory"
    metrics = (MEMORY,) if memory else (CPU, WALL)
    scale = 1.0 if memory else 1e6
    bars = []
    for driver in figures.drivers(workload.name):
        found = [figures.get(workload.name, driver, metric) for metric in metrics]
        if None not in found:
            bars.append((driver, found))
    if not bars:
        return None
    bars.sort(key=lambda entry: -entry[1][0].median)  # type: ignore[union-attr]
    height = 0.8 / len(metrics)
    figure, axes = pyplot.subplots(figsize=(8, 1.6 + 0.42 * len(bars)), layout="constrained")
    for place, (driver, found) in enumerate(bars):
        ours = driver.startswith("txredis_fast")
        colours = (_OURS, _OURS_LIGHT) if ours else (_OTHERS, _OTHERS_LIGHT)
        for index, (value, colour) in enumerate(zip(found, colours, strict=False)):
            assert value is not None
            spread = [[scale * (value.median - value.low)], [scale * (value.high - value.median)]]
            at = place + height * (len(metrics) - 1) / 2 - index * height
            axes.barh(at, scale * value.median, height * 0.92, color=colour, xerr=spread,
                      error_kw={"elinewidth": 0.8, "ecolor": "#222222"})  # fmt: skip
            text = f"{value.median:,.0f}" if memory else micro(value.median)
            axes.annotate(text, (scale * value.high, at), (4, 0), textcoords="offset points", va="center", fontsize=7)
    axes.set_yticks(range(len(bars)), [driver for driver, _ in bars])
    axes.set_xlabel("bytes per command" if memory else f"microseconds per {workload.unit}: dark CPU, light wall time")
    axes.set_title(workload.title, loc="left", fontsize=11)
    axes.margins(x=0.1)
    sizes = sorted(scale * value.median for _, found in bars for value in found if value is not None)
    if sizes[0] > 0 and sizes[-1] > _WIDE * sizes[len(sizes) // 2]:  # else all bars but one would be invisible
        axes.set_xscale("log")
        axes.set_xlim(left=sizes[0] / 3)
        axes.set_xlabel(f"{axes.get_xlabel()} (logarithmic)")
    else:
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]) if memory else 0)
    axes.xaxis.set_major_formatter(FuncFormatter(_plain))
    _finish(figure, axes, about)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
    return path


def draw_axes(figures: Figures, axes: Sequence[Axis], folder: Path, about: Mapping[str, str]) -> list[Path]:
    """Draw a chart for each axis of growth; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw_axis(figures, axis, folder / f"growth-{axis.name}.png", about) for axis in axes]


def _draw_axis(figures: Figures, axis: Axis, path: Path, about: Mapping[str, str]) -> Path:
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    figure, axes = pyplot.subplots(figsize=(8, 4.6), layout="constrained")
    known = driver_names()
    drivers = {driver for workload in axis.workloads.values() for driver in figures.drivers(workload.name)}
    for driver in sorted(drivers, key=lambda name: (known.index(name.partition("@")[0]), name)):
        index = known.index(driver.partition("@")[0])
        points = [
            (amount, found.median * 1e6)
            for amount, workload in axis.workloads.items()
            if (found := figures.get(workload.name, driver, CPU)) is not None
        ]
        ours = driver == "txredis_fast"
        axes.plot(
            *zip(*points, strict=True),
            label=driver,
            color=_COLOURS[index],
            linestyle="--" if "@" in driver else "-",
            linewidth=2.2 if ours else 1.2,
            marker=_MARKERS[index],
            markersize=5,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(axis.unit)
    axes.set_ylabel(f"CPU, microseconds per {axis.per}")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    for scale in (axes.xaxis, axes.yaxis):
        scale.set_minor_locator(NullLocator())
        scale.set_major_formatter(FuncFormatter(_plain))
    axes.set_title(axis.title, loc="left", fontsize=11)
    axes.grid(axis="both", which="major", color="#e4e4e4", linewidth=0.8)
    figure.legend(frameon=False, fontsize=9, loc="outside right center")  # beside the lines, not over them
    _finish(figure, axes, about)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
    return path


def draw_caching(
    costs: Mapping[str, float], shares: Mapping[int, float], folder: Path, about: Mapping[str, str]
) -> Path:
    """Draw what reads cost with client-side caching, and the share of commands that it saves; return the path.

    :param costs: microseconds by the name of the read.
    :param shares: by the number of reads between two changes of a key.
    """
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, NullLocator, PercentFormatter

    folder.mkdir(parents=True, exist_ok=True)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.2), layout="constrained", width_ratios=(3, 2))
    names = sorted(costs, key=lambda name: -costs[name])
    others = ("redis-py", "coredis", "defer.succeed")
    colours = [_OTHERS if name.startswith(others) else _OURS for name in names]
    left.barh(range(len(names)), [costs[name] for name in names], 0.7, color=colours)
    for place, name in enumerate(names):
        left.annotate(f"{costs[name]:.2g}", (costs[name], place), (4, 0), textcoords="offset points", va="center",
                      fontsize=8)  # fmt: skip
    left.set_yticks(range(len(names)), names)
    left.set_xscale("log")
    left.margins(x=0.12)
    left.xaxis.set_major_formatter(FuncFormatter(_plain))
    left.xaxis.set_minor_locator(NullLocator())
    left.set_xlabel("CPU of the client, microseconds per read (logarithmic)")
    left.set_title("What a read costs", loc="left", fontsize=11)
    right.axhline(0, color="#222222", linewidth=0.8)
    right.plot(list(shares), list(shares.values()), color=_OURS, linewidth=2.2, marker="o", markersize=5)
    right.set_xscale("log")
    right.set_xticks(list(shares), [str(reads) for reads in shares])
    right.xaxis.set_minor_locator(NullLocator())
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    right.set_xlabel("reads of a key between two changes")
    right.set_title("Share of commands saved", loc="left", fontsize=11)
    right.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    for axes in (left, right):
        _finish(figure, axes, about)
    path = folder / "caching.png"
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
    return path


def _plain(value: float, _: Any) -> str:
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{letter}"
    return f"{value:g}"


def _finish(figure: Any, axes: Any, about: Mapping[str, str]) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_axisbelow(True)
    where = f"{about['machine']}; {about['python']}; {about['server']}\n{about['command']}"
    figure.supxlabel(where, fontsize=6.5, color="#555555", x=0.01, ha="left")
