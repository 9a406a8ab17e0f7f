"""A pipeline: many commands in one write, all replies in order.

python examples/pipeline.py [URL]       (default URL: $REDIS_URL, else redis://localhost:6379)
"""

import os
import sys

from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import react

import txredis_fast as redis

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379")
KEYS = [f"example:{number}" for number in range(10_000)]


async def with_await():
    rc = await redis.connect(URL)

    async with rc.pipelined() as p:
        for number, key in enumerate(KEYS):
            p.set(key, number)
        p.mget(KEYS[:3])
    print(len(p.results), "replies, the last is", p.results[-1])  # the pipeline is executed at the end of the block

    # An error reply does not affect the other commands.
    p = await rc.pipeline()
    p.get("example:1")
    p.lpush("example:1", "not a list")
    p.get("example:2")
    print(await p.execute_pipeline(raise_on_error=False))

    print("deleted:", await rc.delete(KEYS))
    await rc.disconnect()


@inlineCallbacks
def with_inline_callbacks():
    rc = yield redis.connect(URL)

    p = yield rc.pipeline()
    for number, key in enumerate(KEYS):
        p.set(key, number)
    p.mget(KEYS[:3])
    results = yield p.execute_pipeline()
    print(len(results), "replies, the last is", results[-1])

    p = yield rc.pipeline()
    p.get("example:1")
    p.lpush("example:1", "not a list")
    p.get("example:2")
    results = yield p.execute_pipeline(raise_on_error=False)
    print(results)

    deleted = yield rc.delete(KEYS)
    print("deleted:", deleted)
    yield rc.disconnect()


async def main(reactor):
    try:
        await with_await()
        await with_inline_callbacks()
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to Redis: {error}") from None


if __name__ == "__main__":
    react(main)
