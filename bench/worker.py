"""The worker: a process that runs rounds of one driver on its parent's orders.

For each round it reads a line of JSON from standard input and writes a line of JSON with the costs. Between rounds it
stays connected and blocks in that read, so that it takes no CPU time from other workers.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from .drivers import Driver, find_driver
from .scenarios import SCENARIOS, check
from .server import Address, TLSAddress
from .workloads import Spec

#: Number of commands between two measurements of the memory.
_SOAK_PARTS = 10

#: Set in the environment of a worker whose instructions are counted.
COUNTED = "BENCH_COUNTED"


def _count_from_here() -> None:
    """Tell callgrind, which is told by a call of :data:`bench.instructions.FROM`, a function of libc."""
    if COUNTED in os.environ:
        os.getsid(0)


def _count_to_here() -> None:
    """Tell callgrind, which is told by a call of :data:`bench.instructions.TO`."""
    if COUNTED in os.environ:
        os.getpgid(0)


class Worker:
    """The state between rounds: open connections.

    :ivar say: writes a message to the parent.
    """

    def __init__(
        self, make_client: Callable[..., Any], address: Address, tls: TLSAddress | None, say: Callable[[Any], None]
    ) -> None:
        self._make_client = make_client
        self._address = address
        self._tls = tls
        self._say = say
        self._clients: dict[Any, Any] = {}
        self._subscribers: dict[str, Any] = {}

    async def client(self, spec: Spec) -> Any:
        """Return the connected client of a spec."""
        wanted = spec.connection
        if wanted not in self._clients:
            client = self._make_client(self._address, self._tls)
            await client.open(spec)
            self._clients[wanted] = client
        return self._clients[wanted]

    async def run(self, spec: Spec) -> dict[str, float]:
        """Run one round."""
        client = await self.client(spec)
        if spec.scenario == "messages":
            return await self._messages(client, spec)
        if spec.scenario == "in_flight":
            return await in_flight(client, spec)
        if spec.scenario == "soak":
            return await soak(client, spec)
        scenario = SCENARIOS[spec.scenario]
        return await measured(lambda: scenario(client, spec))

    async def _messages(self, client: Any, spec: Spec) -> dict[str, float]:
        """Measure how the driver reads a backlog of messages.

        The parent publishes all messages of the round while this process blocks, so that none is read before the last
        one is published. Otherwise the figures depend on who wins the race for the CPUs: a driver that is faster than
        the server writes is woken for each piece of the server's, and pays a turn of the reactor for some 30 kB, where
        a slower one finds 64 kB at each read. A backlog is the same work for each driver: the same bytes in the same
        pieces. And it is the work in which the CPU time matters: who is woken for each message has time to spare.
        """
        if spec.channel not in self._subscribers:
            self._subscribers[spec.channel] = await client.subscribe(spec)
        waiting = self._subscribers[spec.channel](spec.count)

        def hold() -> None:
            self._say({"event": "subscribed"})
            sys.stdin.readline()  # the parent tells that it has published

        return await measured(lambda: waiting, hold)


async def measured(action: Callable[[], Any], hold: Callable[[], None] | None = None) -> dict[str, float]:
    """Measure an action: CPU seconds, wall seconds, and the growth of memory in bytes.

    :param hold: called before the action, and blocks until that may begin. Its CPU time is part of the action's: a
        driver with threads of its own has begun meanwhile.
    """
    gc.collect()
    gc.freeze()  # objects that outlive the round must not be traversed in it
    before = reset_peak()
    cpu = time.process_time()
    _count_from_here()
    if hold is not None:
        hold()
    wall = time.perf_counter()
    await action()
    _count_to_here()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = peak_memory() - before
    gc.unfreeze()
    return {"cpu": cpu, "wall": wall, "peak": peak}


async def in_flight(client: Any, spec: Spec) -> dict[str, float]:
    """Measure the memory of commands in flight."""
    call, arguments = client.command(spec), client.arguments(spec)
    calls: list[Any] = [None] * spec.count
    gc.collect()
    before = memory()
    for index in range(spec.count):
        calls[index] = call(*arguments)
    given = await client.begin(calls)
    grown = memory() - before
    await client.gather(given)
    return {"memory": grown}


async def soak(client: Any, spec: Spec) -> dict[str, float]:
    """Measure the growth of memory over many commands, after a first part of them."""
    part = Spec(**{**spec.as_json(), "count": spec.count // _SOAK_PARTS})
    sizes = []
    for _ in range(_SOAK_PARTS):
        await SCENARIOS["awaited"](client, part)
        gc.collect()
        sizes.append(memory())
    return {"memory": sizes[-1] - sizes[0]}


def memory() -> float:
    """Return the resident memory of this process in bytes."""
    try:
        with open("/proc/self/statm", encoding="ascii") as numbers:
            return int(numbers.read().split()[1]) * resource.getpagesize()
    except OSError:
        return peak_memory()


def reset_peak() -> float:
    """Reset the peak memory if the system allows it; return the resident memory in bytes."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as control:
            control.write("5")
    except OSError:
        return peak_memory()
    return memory()


def peak_memory() -> float:
    """Return the peak resident memory of this process in bytes."""
    try:
        with open("/proc/self/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


async def serve(driver: Driver, say: Callable[[Any], None]) -> None:
    """Carry out orders until standard input ends."""
    if driver.family == "twisted":
        from . import twisted_clients as clients
    else:
        from . import asyncio_clients as clients  # type: ignore[no-redef]
    where = json.loads(sys.stdin.readline())
    tls = TLSAddress.from_json(where["tls"]) if where["tls"] else None
    worker = Worker(getattr(clients, driver.client), Address(**where["address"]), tls, say)
    say({"event": "ready", **identity(driver)})
    for line in sys.stdin:
        request = json.loads(line)
        spec = Spec(**request["spec"])
        try:
            if request["action"] == "check":
                await check(await worker.client(spec), spec)
                say({"event": "done"})
            else:
                say({"event": "done", **await worker.run(spec)})
        except Exception as error:
            if os.environ.get("BENCH_DEBUG"):
                traceback.print_exc()
            say({"event": "failed", "why": f"{type(error).__name__}: {error}"[:300]})


def identity(driver: Driver) -> dict[str, str]:
    """Return the names and versions of the driver and reactor in use."""
    if driver.client != "TxredisFast":
        return {}
    import txredis_fast

    return {"implementation": txredis_fast.IMPLEMENTATION}


def run_twisted(driver: Driver, reactor_name: str, say: Callable[[Any], None]) -> None:
    """Serve under a Twisted reactor."""
    if reactor_name == "select":
        from twisted.internet import selectreactor

        selectreactor.install()
    elif reactor_name in ("asyncio", "uvloop"):
        from twisted.internet import asyncioreactor

        asyncioreactor.install(new_loop(reactor_name))
    from twisted.internet import reactor, task

    task.react(lambda _: serve(driver, say), (), reactor)


def new_loop(reactor_name: str) -> asyncio.AbstractEventLoop:
    """Make an event loop of the given kind."""
    if reactor_name == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    # Twisted needs a loop with add_reader() and add_writer(); all loops of the supported systems have them.
    return asyncio.new_event_loop()


def main(name: str, reactor_name: str) -> None:
    """Run as a worker.

    :param name: name of the driver.
    :param reactor_name: one of :data:`bench.drivers.REACTORS`.
    """
    driver = find_driver(name)
    for module in driver.hidden:
        sys.modules[module] = None  # type: ignore[assignment]
    # Output that a library prints must not mix with our JSON.
    channel = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)

    def say(message: Any) -> None:
        channel.write(json.dumps(message) + "\n")

    if driver.family == "twisted":
        run_twisted(driver, reactor_name, say)
    else:
        loop = new_loop(reactor_name)
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve(driver, say))
        channel.flush()
        os._exit(0)  # threads and pools of the clients have nothing to finish


if __name__ == "__main__":
    main(*sys.argv[1:])
