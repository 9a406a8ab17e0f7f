"""Measures the speed of commands in three ways, each in short slices of time.

Both implementations run this same code, in turns; see :mod:`txredis_fast._cli.speed.comparison`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, FirstError, gatherResults

if TYPE_CHECKING:
    from ...client import ConnectionHandler
    from ...commands import Commands

__all__ = ["WAYS", "Sample", "Target", "measure"]

#: Number of commands in flight, and number of commands in a pipeline.
CONCURRENCY = 50
PIPELINE = 100


@dataclasses.dataclass
class Sample:
    """A measurement.

    :ivar latencies: seconds of each command, or of each pipeline.
    :ivar commands: number of commands whose replies have arrived.
    :ivar elapsed: total time in seconds.
    """

    latencies: list[float] = dataclasses.field(default_factory=list)
    commands: int = 0
    elapsed: float = 0.0

    def add(self, other: Sample) -> None:
        """Add another slice."""
        self.latencies += other.latencies
        self.commands += other.commands
        self.elapsed += other.elapsed

    @property
    def rate(self) -> float:
        """Commands per second."""
        return self.commands / self.elapsed

    def quantile(self, fraction: float) -> float:
        """Return the latency in seconds that a fraction of the commands does not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(int(fraction * len(ordered)), len(ordered) - 1)]


@dataclasses.dataclass(frozen=True)
class Target:
    """The command to measure: GET of a key, or PING.

    :ivar rc: the handler.
    :ivar key: the key to read. None: the command is PING.
    """

    rc: ConnectionHandler
    key: str | None

    def give(self, commands: Commands) -> Deferred[Any]:
        """Issue the command once, on the handler or on a pipeline."""
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


#: The user's name of a way to issue commands -> the function that measures it.
WAYS: dict[str, Callable[[Target, float], Awaitable[Sample]]] = {
    "one at a time": _one_at_a_time,
    f"{CONCURRENCY} at a time": _many_at_a_time,
    f"pipelines of {PIPELINE}": _pipelines,
}


async def measure(way: str, target: Target, duration: float) -> Sample:
    """Issue commands for *duration* seconds, at least once.

    :param way: a key of :data:`WAYS`.
    """
    return await WAYS[way](target, duration)
