"""The cost of commands divided by the cost of the Twisted floor, in one process: the figures of the performance test.

``python -m bench.regression`` starts a server. This package and the floor take turns of some milliseconds on the same
reactor, so that other load on the machine affects both. The result is the median of the ratios of neighbouring turns.
``TXREDIS_FAST_PUREPYTHON`` chooses the implementation, as everywhere.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from dataclasses import replace
from typing import Any

from twisted.internet import task

from .figures import calibrate
from .scenarios import SCENARIOS, check
from .server import Address, embedded_server
from .session import data
from .twisted_clients import Floor, TxredisFast
from .workloads import Spec, by_name, make_workloads

WORKLOADS = ("get", "set", "gather", "pipeline", "batch-1000", "lrange")

#: Number of turns of each side per workload, and CPU seconds of a turn.
TURNS, SECONDS = 40, 0.005

#: A side: a client, and its function to measure.
Side = tuple[Any, Spec]


async def cost(side: Side) -> float:
    """Measure the CPU seconds of one command (call)."""
    client, spec = side
    start = time.process_time()
    await SCENARIOS[spec.scenario](client, spec)
    return (time.process_time() - start) / spec.count


async def ready(client: Any, spec: Spec) -> Side:
    """Check the reply, warm up, and calibrate the number of commands per turn."""
    await check(client, spec)
    warm = replace(spec, count=calibrate(1, 200, 1, spec.step))
    for _ in range(3):
        seconds = await cost((client, warm))
    return client, replace(spec, count=calibrate(seconds, 1, SECONDS, spec.step))


async def ratio(ours: Side, floor: Side) -> float:
    """Return the median of the ratios of neighbouring turns."""
    ratios = []
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection would fall into a random turn
    for turn in range(TURNS):
        first, second = (ours, floor) if turn % 2 else (floor, ours)
        costs = await cost(first), await cost(second)
        ratios.append(costs[0] / costs[1] if turn % 2 else costs[1] / costs[0])
    gc.enable()
    gc.unfreeze()
    return statistics.median(ratios)


async def measure(address: Address, prefix: str) -> dict[str, float]:
    """Measure all workloads. The base is always the floor's GET, because its batch costs next to nothing."""
    specs = {name: replace(by_name(make_workloads())[name].spec, prefix=prefix) for name in WORKLOADS}
    ours, floor = TxredisFast(address), Floor(address)
    for client in (ours, floor):
        await client.open(specs["get"])
    with data(address, None, list(specs.values()), prefix):
        base = await ready(floor, specs["get"])
        return {name: await ratio(await ready(ours, spec), base) for name, spec in specs.items()}


async def main(reactor: object) -> None:
    """Measure, and print JSON."""
    with embedded_server() as address:
        figures = await measure(address, "regression")
    json.dump({name: round(value, 3) for name, value in figures.items()}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    task.react(main)
