"""Measures both implementations in turns, and shows the figures as a table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

import txredis_fast

from ..address import Address
from ..screen import Progress, Screen, seconds
from .comparison import IMPLEMENTATION_NAMES, Other
from .measure import WAYS, Sample, Target, measure

__all__ = ["show_speed"]

#: Number of rounds. In each round every way is measured with both implementations.
_ROUNDS = 8


async def show_speed(
    screen: Screen, address: Address, options: Mapping[str, Any], target: Target, what: str, duration: float
) -> None:
    """Measure, and show the results.

    :param options: options of the other implementation's connections.
    :param what: description of the measured command.
    :param duration: seconds to measure.
    """
    # An answer may be late by replyTimeout, by connecting, which takes as long at most, and by the process's start.
    other = Other(patience=10 + 2 * options["replyTimeout"])
    try:
        missing = await other.start(address.url, options, target.key)
        samples, ratios = await _measure(target, None if missing else other, duration)
    finally:
        await other.stop()
    screen.heading(f"Speed: {what}, round trip")
    screen.table(table(samples, ratios, other.name, screen.micro))
    mine = IMPLEMENTATION_NAMES[txredis_fast.IMPLEMENTATION]
    screen.line()
    screen.note(f"Measured with the {mine} implementation.")
    if missing:
        screen.note(f"The {other.name} one is missing from the comparison: {address.scrub(missing)}.")
    else:
        screen.note(f"Last column: time with the {other.name} implementation, relative to this one.")


async def _measure(target: Target, other: Other | None, duration: float) -> tuple[dict[str, Sample], dict[str, float]]:
    samples = {way: Sample() for way in WAYS}
    ratios: dict[str, list[float]] = {way: [] for way in WAYS}
    turns = _ROUNDS * len(WAYS)
    share = duration / (turns if other is None else 2 * turns)
    done = 0
    with Progress(f"for {duration:g} s") as progress:
        for way in WAYS:  # not counted: the first commands of a process are slow
            progress.update(0, "warming up")
            await measure(way, target, share / 4)
            if other is not None:
                await other.rate(way, share / 4)
        for _ in range(_ROUNDS):
            for way, whole in samples.items():
                progress.update(done / turns, way)
                sample = await measure(way, target, share)
                whole.add(sample)
                rate = await other.rate(way, share) if other is not None else None
                if rate:
                    ratios[way].append(sample.rate / rate)
                done += 1
    return samples, {way: statistics.median(values) for way, values in ratios.items() if values}


def table(samples: Mapping[str, Sample], ratios: Mapping[str, float], other: str, micro: str) -> list[tuple[str, ...]]:
    """Return the rows of the table as text; the first row is the header.

    :param samples: way to issue commands -> measurement.
    :param ratios: way -> time of the other implementation divided by the time of this one; only for measured ways.
    :param other: name of the other implementation.
    :param micro: spelling of the unit microsecond.
    """
    rows: list[tuple[str, ...]] = [("", "median", "99 %", "commands/s", *([other] if ratios else []))]
    for way, sample in samples.items():
        times = (seconds(sample.quantile(fraction), micro) for fraction in (0.5, 0.99))
        ratio = [f"{ratios[way]:.2f} x" if way in ratios else "?"] if ratios else []
        rows.append((way, *times, f"{sample.rate:,.0f}", *ratio))
    return rows
