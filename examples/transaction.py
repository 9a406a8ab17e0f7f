"""A transaction: several commands that the server executes together, or not at all.

python examples/transaction.py [URL]       (default URL: $REDIS_URL, else redis://localhost:6379)
"""

import os
import sys

from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import react

import txredis_fast as redis

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379")


async def with_await():
    # The transaction takes one connection of the pool; rc.get() below uses another one.
    rc = await redis.connect(URL)
    await rc.set("example:stock", 10)

    async with rc.transaction() as t:  # MULTI
        # The server queues these commands until EXEC, which returns their replies.
        t.decrby("example:stock", 3)
        t.rpush("example:orders", "three apples")
        t.lrange("example:orders", 0, -1)
        print("before EXEC, stock is", await rc.get("example:stock"))
    print("EXEC answered", t.results)  # the end of the block sends EXEC

    try:
        async with rc.transaction() as t:
            t.decrby("example:stock", 100)
            raise ValueError("not so many!")
    except ValueError as error:
        print("nothing was executed:", error)
    print("after that, stock is", await rc.get("example:stock"))

    await rc.delete(["example:stock", "example:orders"])
    await rc.disconnect()


@inlineCallbacks
def with_inline_callbacks():
    rc = yield redis.connect(URL)
    yield rc.set("example:stock", 10)

    t = yield rc.multi()
    yield t.decrby("example:stock", 3)  # each fires with "QUEUED"
    yield t.rpush("example:orders", "three apples")
    yield t.lrange("example:orders", 0, -1)
    stock = yield rc.get("example:stock")  # rc, not t: on another connection
    print("before EXEC, stock is", stock)
    results = yield t.commit()
    print("EXEC answered", results)

    t = yield rc.multi()
    try:
        yield t.decrby("example:stock", 100)
        raise ValueError("not so many!")
    except ValueError as error:
        yield t.discard()
        print("nothing was executed:", error)
    stock = yield rc.get("example:stock")
    print("after that, stock is", stock)

    yield rc.delete(["example:stock", "example:orders"])
    yield rc.disconnect()


async def main(reactor):
    try:
        await with_await()
        await with_inline_callbacks()
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to Redis: {error}") from None


if __name__ == "__main__":
    react(main)
