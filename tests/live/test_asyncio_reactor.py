"""Everything works on the asyncio reactor too: a small program, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import txredis_fast

PROGRAM = """
import asyncio, sys
from twisted.internet import asyncioreactor
loop = asyncio.new_event_loop()
asyncioreactor.install(loop)

from twisted.internet.defer import Deferred
from twisted.internet.task import react
import txredis_fast as redis

async def main(reactor):
    assert isinstance(reactor, asyncioreactor.AsyncioSelectorReactor)
    rc = await redis.ConnectionPool("127.0.0.1", int(sys.argv[1]), poolsize=3)
    await rc.set("key", "välue" * 100_000)
    assert await rc.get("key") == "välue" * 100_000
    async with rc.pipelined() as p:
        for number in range(1000):
            p.set(f"key:{number}", number)
        p.get("key:999")
    assert p.results == ["OK"] * 1000 + [999]
    async with rc.transaction(watch="key:1") as t:
        count = await t.get("key:1")
        await t.multi()
        t.set("key:1", count + 1)
        t.get("key:1")
    assert t.results == ["OK", 2]
    job = rc.blpop("jobs", timeout=10)
    await rc.rpush("jobs", "work")
    assert await job == ["jobs", "work"]
    # A command's Deferred is what asyncio may await.
    future = rc.get("key:1").asFuture(loop)
    assert await Deferred.fromFuture(future) == 2
    await rc.disconnect()
    print("all is well")

try:
    react(main)
finally:
    loop.close()
"""


def test_a_program_on_the_asyncio_reactor(server):
    package = str(Path(txredis_fast.__file__).parents[1])
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(server.port)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert (done.stdout, done.stderr, done.returncode) == ("all is well\n", "", 0)
