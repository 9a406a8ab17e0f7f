"""One connection: write a key, read it back, close.

python examples/single_connection.py [URL]       (default URL: $REDIS_URL, else redis://localhost:6379)
"""

import os
import sys

from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import react

import txredis_fast as redis

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379")


async def with_await():
    # The same for a host and a port: redis.connect(host="localhost", port=6379, poolsize=1).
    # It fails if no server is up. Once it is connected, it reconnects by itself.
    rc = await redis.connect(URL, poolsize=1)
    print(rc)
    await rc.set("example:greeting", "hello")
    print("greeting:", await rc.get("example:greeting"))
    print("deleted:", await rc.delete("example:greeting"))
    await rc.disconnect()


@inlineCallbacks
def with_inline_callbacks():
    rc = yield redis.connect(URL, poolsize=1)
    print(rc)
    yield rc.set("example:greeting", "hello")
    greeting = yield rc.get("example:greeting")
    print("greeting:", greeting)
    deleted = yield rc.delete("example:greeting")
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
