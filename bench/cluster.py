"""CPU time of cluster clients for the same work, each in a process of its own, round after round.

``python -m bench.cluster [--rounds N]`` starts a cluster of one master and one of three, and prints microseconds of the
client's CPU for each command or key: 50 callers that await GET, pipelines of 100 and MGET of 100 keys of all slots. The
handler of one connection (``plain``) does the same work at the cluster of one master, as far as it can. redis-py and
valkey-glide are measured where they are installed. It ends with the ratios that are promised, and exits with 1 if one
is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from testbed.clusters import Cluster
from twisted.internet import defer, task

import txredis_fast as redis

KEYS = [f"key:{number}" for number in range(1000)]
HUNDRED = KEYS[:100]
CALLERS = 50

#: Work -> how many commands or calls are measured, and the commands or keys of each.
WORK = {"get": (20_000, 1), "pipeline": (300, 100), "mget": (300, 100)}

#: Client, and whether its cluster has one master.
CLIENTS = {"plain": True, "one master": True, "three masters": False, "redis-py": False, "valkey-glide": False}
MODULES = {"redis-py": "redis", "valkey-glide": "glide"}

#: (dividend, divisor, work): at most or at least so much.
PROMISES = [
    ("one master", "plain", "get", "at most", 1.5),
    ("three masters", "plain", "get", "at most", 3.5),
    ("valkey-glide", "three masters", "get", "at least", 4.0),
    ("redis-py", "three masters", "get", "at least", 6.0),
    ("valkey-glide", "three masters", "pipeline", "at least", 3.0),
    ("valkey-glide", "three masters", "mget", "at least", 1.5),
]


def cpu_seconds() -> float:
    """CPU time of this process, with all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def gets(get: Callable[[str], Awaitable[Any]], count: int, gather: Callable[[list[Any]], Awaitable[Any]]) -> None:
    """GETs of callers that each await one after the other."""
    numbers = iter(range(count))

    async def call() -> None:
        for number in numbers:
            await get(KEYS[number % len(KEYS)])

    await gather([call() for _ in range(CALLERS)])


async def measured(work: dict[str, Callable[[int], Awaitable[Any]]]) -> dict[str, float]:
    """Microseconds of each kind of work."""
    found = {}
    for name, run in work.items():
        count, each = WORK[name]
        await run(count // 10)
        begun = cpu_seconds()
        await run(count)
        found[name] = (cpu_seconds() - begun) / count / each * 1e6
    return found


async def with_us(client: str, port: int) -> dict[str, float]:
    """This package."""
    if client == "plain":
        rc: Any = await redis.connect(host="127.0.0.1", port=port, poolsize=1)
    else:
        rc = await redis.ClusterConnection(f"127.0.0.1:{port}", convertNumbers=False)

    def gather(calls: list[Any]) -> Awaitable[Any]:
        return defer.gatherResults([defer.ensureDeferred(call) for call in calls])

    async def pipeline(count: int) -> None:
        for _ in range(count):
            async with rc.pipelined() as pipe:
                for key in HUNDRED:
                    pipe.get(key)

    async def mget(count: int) -> None:
        for _ in range(count):
            await rc.mget(HUNDRED)

    work: dict[str, Any] = {"get": lambda count: gets(rc.get, count, gather), "pipeline": pipeline}
    if client != "plain":  # whose keys would have to be of one slot
        work["mget"] = mget
    found = await measured(work)
    await rc.disconnect()
    return found


async def with_redis_py(port: int) -> dict[str, float]:
    """redis-py's asyncio client."""
    from redis.asyncio.cluster import RedisCluster

    rc: Any = RedisCluster(host="127.0.0.1", port=port, decode_responses=True)
    await rc.initialize()

    async def pipeline(count: int) -> None:
        for _ in range(count):
            pipe = rc.pipeline()
            for key in HUNDRED:
                pipe.get(key)
            await pipe.execute()

    async def mget(count: int) -> None:
        for _ in range(count):
            await rc.mget_nonatomic(HUNDRED)

    found = await measured({"get": lambda count: gets(rc.get, count, _gather), "pipeline": pipeline, "mget": mget})
    await rc.aclose()
    return found


async def with_glide(port: int) -> dict[str, float]:
    """valkey-glide's client."""
    import glide  # type: ignore[import-not-found,unused-ignore]

    addresses = [glide.NodeAddress("127.0.0.1", port)]
    rc: Any = await glide.GlideClusterClient.create(glide.GlideClusterClientConfiguration(addresses))

    async def pipeline(count: int) -> None:
        for _ in range(count):
            batch = glide.ClusterBatch(is_atomic=False)
            for key in HUNDRED:
                batch.get(key)
            await rc.exec(batch, raise_on_error=True)

    async def mget(count: int) -> None:
        for _ in range(count):
            await rc.mget(HUNDRED)

    found = await measured({"get": lambda count: gets(rc.get, count, _gather), "pipeline": pipeline, "mget": mget})
    await rc.close()
    return found


async def _gather(calls: list[Any]) -> None:
    await asyncio.gather(*calls)


def measure(client: str, port: int) -> None:
    """Measure one client in this process, and print its figures as JSON."""
    if client in MODULES:
        run = with_redis_py if client == "redis-py" else with_glide
        print(json.dumps(asyncio.run(run(port))))
        return

    async def main(_: object) -> None:
        print(json.dumps(await with_us(client, port)))

    task.react(lambda reactor: defer.ensureDeferred(main(reactor)))


def compare(rounds: int) -> bool:
    """Measure all clients, print the figures, and return whether the promises hold."""
    clients = [name for name in CLIENTS if name not in MODULES or importlib.util.find_spec(MODULES[name])]
    figures: dict[tuple[str, str], list[float]] = {}
    with Cluster(masters=1) as one, Cluster(masters=3) as three:
        for key in KEYS:
            one.owner_of(key).call("SET", key, "value")
            three.owner_of(key).call("SET", key, "value")
        for _ in range(rounds):
            for client in clients:
                port = (one if CLIENTS[client] else three).addresses[0][1]
                command = [sys.executable, "-m", "bench.cluster", "--client", client, "--port", str(port)]
                ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
                for work, figure in json.loads(ran.stdout.splitlines()[-1]).items():
                    figures.setdefault((client, work), []).append(figure)
    print(f"us of CPU, median of {rounds}:")
    for (client, work), each in figures.items():
        print(f"  {client:14} {work:9} {statistics.median(each):7.2f}")
    fine = True
    for dividend, divisor, work, word, bound in PROMISES:
        if (dividend, work) not in figures:
            continue
        pairs = zip(figures[dividend, work], figures[divisor, work], strict=True)
        ratio = statistics.median(first / second for first, second in pairs)
        holds = ratio <= bound if word == "at most" else ratio >= bound
        fine = fine and holds
        print(f"{dividend} / {divisor}, {work}: {ratio:.2f}, {word} {bound:g}: {'yes' if holds else 'MISSED'}")
    return fine


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description="CPU time of cluster clients")
    parser.add_argument("--rounds", type=int, default=5, help="how often each client is measured (default 5)")
    parser.add_argument("--client", choices=list(CLIENTS), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        measure(options.client, options.port)
        return 0
    return 0 if compare(max(1, options.rounds)) else 1


if __name__ == "__main__":
    sys.exit(main())
