"""Samples, medians, spreads and ratios. No I/O.

A ratio is the median of the ratios of paired measurements: two sides measured in the same round, within seconds. Other
load on the machine affects both sides of a pair.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

#: Metrics of a sample.
CPU, WALL, PEAK, MEMORY = "cpu", "wall", "peak", "memory"

Sample = dict[str, float]


@dataclass(frozen=True)
class Figure:
    """A median with the quartiles of its values; with fewer than four values, their extremes."""

    median: float
    low: float
    high: float
    rounds: int


def figure(values: Sequence[float]) -> Figure | None:
    """Make the figure of some values; None if there are none."""
    if not values:
        return None
    if len(values) < 4:
        low, high = min(values), max(values)
    else:
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Figure(statistics.median(values), low, high, len(values))


class Figures:
    """The samples of one session: at most one for each workload, driver and round."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str], dict[int, Sample]] = {}

    def add(self, workload: str, driver: str, turn: int, sample: Sample) -> None:
        """Store a sample."""
        self._samples.setdefault((workload, driver), {})[turn] = sample

    def drivers(self, workload: str) -> list[str]:
        """Return the drivers that have samples in a workload."""
        return [driver for name, driver in self._samples if name == workload]

    def workloads(self) -> list[str]:
        """Return the workloads that have samples."""
        return list(dict.fromkeys(name for name, _ in self._samples))

    def samples(self, workload: str, driver: str) -> dict[int, Sample]:
        """Return all samples by round."""
        return self._samples.get((workload, driver), {})

    def get(self, workload: str, driver: str, metric: str) -> Figure | None:
        """Return the cost of one command (message, call ...)."""
        samples = self.samples(workload, driver).values()
        return figure([sample[metric] for sample in samples if metric in sample])

    def ratio(self, subject: tuple[str, str], base: tuple[str, str], metric: str) -> Figure | None:
        """Return the cost of the subject divided by the cost of the base.

        :param subject: workload and driver.
        :param base: workload and driver.
        """
        ours, theirs = self.samples(*subject), self.samples(*base)
        ratios = [
            sample[metric] / theirs[turn][metric]
            for turn, sample in ours.items()
            if turn in theirs and metric in sample and theirs[turn].get(metric)
        ]
        return figure(ratios)

    def as_json(self) -> list[dict[str, object]]:
        """Return all samples as JSON data."""
        return [
            {
                "workload": workload,
                "driver": driver,
                "rounds": [{"round": turn, **sample} for turn, sample in by.items()],
            }
            for (workload, driver), by in self._samples.items()
        ]


def calibrate(seconds: float, count: int, wanted: float, step: int) -> int:
    """Return the number of commands that fill a round.

    :param seconds: measured time of *count* commands.
    :param count: number of these commands.
    :param wanted: wanted seconds of a round.
    :param step: the result is a multiple of this number.
    """
    return max(1, round(wanted * count / max(seconds, 1e-9) / step)) * step
