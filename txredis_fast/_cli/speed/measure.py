"""How fast commands are: three ways to give them, each timed in short slices.

Both implementations of RESP are measured by this same code, in turns; see :mod:`txredis_fast._cli.speed.comparison`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults

__all__ = ["WAYS", "Sample", "Target", "measure"]

#: Commands in flight at the same time, and commands in one pipeline.
CONCURRENCY = 50
PIPELINE = 100


@dataclasses.dataclass
class Sample:
    """What was timed.

    :ivar latencies: seconds of each command, or of each pipeline.
    :ivar commands: how many were answered.
    :ivar elapsed: seconds, all together.
    """

    latencies: list[float] = dataclasses.field(default_factory=list)
    commands: int = 0
    elapsed: float = 0.0

    def add(self, other: Sample) -> None:
        """Take another slice in."""
        self.latencies += other.latencies
        self.commands += other.commands
        self.elapsed += other.elapsed

    @property
    def rate(self) -> float:
        """Commands a second."""
        return self.commands / self.elapsed

    def quantile(self, fraction: float) -> float:
        """The latency that this fraction of them does not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(int(fraction * len(ordered)), len(ordered) - 1)]


@dataclasses.dataclass(frozen=True)
class Target:
    """What is measured: a reading command.

    :ivar rc: the handler of a pool.
    :ivar key: what is read; None: PING is sent instead.
    """

    rc: Any
    key: str | None

    def give(self, commands: Any) -> Any:
        """Give the command once, to the handler or to a pipeline."""
        return commands.ping() if self.key is None else commands.get(self.key)


async def _one_at_a_time(target: Target, duration: float) -> Sample:
    return await _repeat(lambda: target.give(target.rc), duration, 1)


async def _many_at_a_time(target: Target, duration: float) -> Sample:
    start = time.perf_counter()
    workers = [Deferred.fromCoroutine(_one_at_a_time(target, duration)) for _ in range(CONCURRENCY)]
    try:
        samples = await gatherResults(workers, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
        raise
    whole = Sample()
    for sample in samples:
        whole.add(sample)
    whole.elapsed = time.perf_counter() - start
    return whole


async def _pipelines(target: Target, duration: float) -> Sample:
    async def pipeline() -> None:
        async with target.rc.pipelined() as p:
            for _ in range(PIPELINE):
                target.give(p)

    return await _repeat(pipeline, duration, PIPELINE)


async def _repeat(action: Callable[[], Awaitable[Any]], duration: float, commands: int) -> Sample:
    clock = time.perf_counter
    latencies: list[float] = []
    start = now = clock()
    while not latencies or now - start < duration:
        before = now
        await action()
        now = clock()
        latencies.append(now - before)
    return Sample(latencies, commands * len(latencies), now - start)


#: Ways to give commands, by what the user is told they are.
WAYS: dict[str, Callable[[Target, float], Awaitable[Sample]]] = {
    "one at a time": _one_at_a_time,
    f"{CONCURRENCY} at a time": _many_at_a_time,
    f"pipelines of {PIPELINE}": _pipelines,
}


async def measure(way: str, target: Target, duration: float) -> Sample:
    """Give commands for some time, at least once.

    :param way: one of :data:`WAYS`.
    :param duration: in seconds.
    """
    return await WAYS[way](target, duration)
