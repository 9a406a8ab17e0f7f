"""A counter with WATCH: read, compute, write, and detect a concurrent write by another client.

python examples/counter.py [URL]       (default URL: $REDIS_URL, else redis://localhost:6379)
"""

import os
import sys

from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.internet.task import react

import txredis_fast as redis

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379")


async def increment(t):
    # transact() calls this again whenever the watched key has changed before EXEC.
    count = await t.get("example:counter")
    await t.multi()
    t.set("example:counter", int(count) + 1)


async def with_await():
    rc = await redis.connect(URL, poolsize=5)
    await rc.set("example:counter", 0)

    try:
        async with rc.transaction(watch=["example:counter"]) as t:
            count = int(await t.get("example:counter") or 0)
            await t.multi()
            t.set("example:counter", count + 1)
            await rc.set("example:counter", 41)  # a concurrent write
    except redis.WatchError:
        print("conflict: nothing written, the counter is", await rc.get("example:counter"))

    # transact() repeats the function after a conflict.
    await rc.transact(increment, "example:counter")
    print("incremented to", await rc.get("example:counter"))
    await gatherResults([rc.transact(increment, "example:counter", retries=100) for _ in range(20)])
    print("20 more at the same time:", await rc.get("example:counter"))

    await rc.delete("example:counter")
    await rc.disconnect()


@inlineCallbacks
def increment_with_inline_callbacks(t):
    count = yield t.get("example:counter")
    yield t.multi()
    yield t.set("example:counter", int(count) + 1)


@inlineCallbacks
def with_inline_callbacks():
    rc = yield redis.connect(URL, poolsize=5)
    yield rc.set("example:counter", 0)

    t = yield rc.watch("example:counter")
    count = yield t.get("example:counter")
    yield t.multi()
    yield t.set("example:counter", int(count) + 1)
    yield rc.set("example:counter", 41)
    try:
        yield t.commit()
    except redis.WatchError:
        count = yield rc.get("example:counter")
        print("conflict: nothing written, the counter is", count)

    yield rc.transact(increment_with_inline_callbacks, "example:counter")
    count = yield rc.get("example:counter")
    print("incremented to", count)
    yield gatherResults(
        [rc.transact(increment_with_inline_callbacks, "example:counter", retries=100) for _ in range(20)]
    )
    count = yield rc.get("example:counter")
    print("20 more at the same time:", count)

    yield rc.delete("example:counter")
    yield rc.disconnect()


async def main(reactor):
    try:
        await with_await()
        await with_inline_callbacks()
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to Redis: {error}") from None


if __name__ == "__main__":
    react(main)
