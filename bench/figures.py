"""Samples, medians, spreads and ratios. No I/O.

A ratio is the median of the ratios of neighbouring measurements: those that two sides made in the same round, within
seconds of each other. What else the machine did in that round it did to both.
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
    """A median, and the quartiles of what it was made of (with fewer than four: the extremes)."""

    median: float
    low: float
    high: float
    rounds: int


def figure(values: Sequence[float]) -> Figure | None:
    """The figure of some values, None if there are none."""
    if not values:
        return None
    if len(values) < 4:
        low, high = min(values), max(values)
    else:
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Figure(statistics.median(values), low, high, len(values))


class Figures:
    """The samples of one session: of each workload and driver one a round, or None where it was not measured."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str], dict[int, Sample]] = {}

    def add(self, workload: str, driver: str, turn: int, sample: Sample) -> None:
        """Keep a sample."""
        self._samples.setdefault((workload, driver), {})[turn] = sample

    def drivers(self, workload: str) -> list[str]:
        """Who has a figure in a workload."""
        return [driver for name, driver in self._samples if name == workload]

    def workloads(self) -> list[str]:
        """What was measured."""
        return list(dict.fromkeys(name for name, _ in self._samples))

    def samples(self, workload: str, driver: str) -> dict[int, Sample]:
        """All samples, by their rounds."""
        return self._samples.get((workload, driver), {})

    def get(self, workload: str, driver: str, metric: str) -> Figure | None:
        """What one command (message, call ...) costs."""
        samples = self.samples(workload, driver).values()
        return figure([sample[metric] for sample in samples if metric in sample])

    def ratio(self, subject: tuple[str, str], base: tuple[str, str], metric: str) -> Figure | None:
        """What the subject costs in terms of the base.

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
        """Everything."""
        return [
            {
                "workload": workload,
                "driver": driver,
                "rounds": [{"round": turn, **sample} for turn, sample in by.items()],
            }
            for (workload, driver), by in self._samples.items()
        ]


def calibrate(seconds: float, count: int, wanted: float, step: int) -> int:
    """How many commands take as long as a round is to take.

    :param seconds: that some took.
    :param count: how many those were.
    :param wanted: seconds of a round.
    :param step: the result is a multiple of it.
    """
    return max(1, round(wanted * count / max(seconds, 1e-9) / step)) * step
