"""A pool of connections: many commands at once, and a blocking command that does not delay the others.

python examples/pool.py [URL]       (default URL: $REDIS_URL, else redis://localhost:6379)
"""

import os
import sys

from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.internet.task import react

import txredis_fast as redis

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379")


async def with_await():
    # The same for a host and a port: redis.connect(host="localhost", port=6379, poolsize=3).
    # It fires when the first connection is up; the others follow.
    rc = await redis.connect(URL, poolsize=3)

    # 100 commands are in flight together; none waits for the reply to another. A connection keeps the order of its
    # commands. Commands on different connections may overtake each other.
    counts = await gatherResults([rc.incr("example:count") for _ in range(100)])
    print("counted to", max(counts))

    # A blocking command has a connection of its own, so it delays no other command.
    job = rc.blpop("example:jobs", timeout=10)
    print("meanwhile:", await rc.get("example:count"))
    await rc.rpush("example:jobs", "sweep the floor")
    print("job:", await job)

    await rc.delete(["example:count"])
    await rc.disconnect()


@inlineCallbacks
def with_inline_callbacks():
    rc = yield redis.connect(URL, poolsize=3)

    counts = yield gatherResults([rc.incr("example:count") for _ in range(100)])
    print("counted to", max(counts))

    job = rc.blpop("example:jobs", timeout=10)
    count = yield rc.get("example:count")
    print("meanwhile:", count)
    yield rc.rpush("example:jobs", "sweep the floor")
    answer = yield job
    print("job:", answer)

    yield rc.delete(["example:count"])
    yield rc.disconnect()


async def main(reactor):
    try:
        await with_await()
        await with_inline_callbacks()
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to Redis: {error}") from None


if __name__ == "__main__":
    react(main)
