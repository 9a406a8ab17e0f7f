"""What a run does to its own process: memory over time, and how long the reactor was kept from turning."""

from __future__ import annotations

import contextlib
import ctypes
import statistics
import time
from pathlib import Path
from typing import Any

from twisted.internet.task import LoopingCall

#: Seconds between two looks at the reactor.
TURN = 0.01
#: Memory is flat where it grows by less than this, or by less than this share, after the warm-up.
SLACK_MB = 8.0
SLACK_SHARE = 0.1


def resident_mb() -> float:
    """The process' memory, without what glibc's malloc keeps for later; 0 where the system does not tell.

    A moment in which much was in flight would look like a leak otherwise: its pages are kept.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # no glibc
        ctypes.CDLL(None).malloc_trim(0)
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
    except OSError:
        return 0.0


class Watcher:
    """Looks at intervals.

    :ivar memory: pairs of seconds since the start and megabytes.
    :ivar stall: the longest time that the reactor took for one turn, beyond :data:`TURN`;
        :ivar stall_cpu: the longest of CPU time that this process used in one.
    """

    def __init__(self, reactor: Any, interval: float) -> None:
        """
        :param interval: seconds between two looks at the memory.
        """
        self._reactor = reactor
        self._interval = interval
        self._start = reactor.seconds()
        self.memory: list[tuple[float, float]] = []
        self.stall = self.stall_cpu = 0.0
        self._last: tuple[float, float] | None = None
        self._loops = [(LoopingCall(self._look_at_memory), interval), (LoopingCall(self._look_at_reactor), TURN)]

    def start(self) -> None:
        """Begin."""
        for loop, interval in self._loops:
            loop.clock = self._reactor
            loop.start(interval)

    def stop(self) -> None:
        """End."""
        for loop, _ in self._loops:
            if loop.running:
                loop.stop()

    def _look_at_memory(self) -> None:
        self.memory.append((round(self._reactor.seconds() - self._start, 1), round(resident_mb(), 1)))

    def _look_at_reactor(self) -> None:
        now = time.monotonic(), time.thread_time()
        if self._last is not None:
            self.stall = max(self.stall, now[0] - self._last[0] - TURN)
            self.stall_cpu = max(self.stall_cpu, now[1] - self._last[1])
        self._last = now

    def growth(self) -> tuple[float, float] | None:
        """Megabytes after the warm-up and in the end; None where there are too few looks to tell.

        The warm-up is the first third.
        """
        figures = [megabytes for _, megabytes in self.memory]
        if len(figures) < 9:
            return None
        third = len(figures) // 3
        return statistics.median(figures[third : third + max(3, third // 2)]), statistics.median(figures[-third // 2 :])

    def is_flat(self) -> bool:
        """Whether memory has not grown since the warm-up."""
        growth = self.growth()
        return growth is None or growth[1] - growth[0] <= max(SLACK_MB, growth[0] * SLACK_SHARE)
