"""Keys spread over several servers by consistent hashing.

python examples/sharding.py [HOST:PORT ...]       (default: localhost:6379 localhost:6380)
"""

import sys

from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import react

import txredis_fast as redis

HOSTS = sys.argv[1:] or ["localhost:6379", "localhost:6380"]
KEYS = [f"example:{number:02}" for number in range(100)]


async def with_await():
    rc = await redis.ShardedConnection(HOSTS, reconnect=False)
    print(rc)
    for number, key in enumerate(KEYS):
        await rc.set(key, number)  # on the server that the key belongs to

    # mget() sends MGET to each server with the keys that belong to it, and returns the values in the order of KEYS.
    values = await rc.mget(KEYS)
    print("sum:", sum(int(value or 0) for value in values))

    # Keys with the same hash tag (in braces) are on the same server.
    await rc.set("example{user:1}:cart", "book")
    await rc.rename("example{user:1}:cart", "example{user:1}:order")
    print("order:", await rc.get("example{user:1}:order"))

    # A command on all keys of all servers cannot be sharded.
    try:
        await rc.keys("*")
    except NotImplementedError as error:
        print(error)

    print("deleted:", await rc.delete([*KEYS, "example{user:1}:order"]))
    await rc.disconnect()


@inlineCallbacks
def with_inline_callbacks():
    rc = yield redis.ShardedConnection(HOSTS, reconnect=False)
    print(rc)
    for number, key in enumerate(KEYS):
        yield rc.set(key, number)

    values = yield rc.mget(KEYS)
    print("sum:", sum(int(value or 0) for value in values))

    yield rc.set("example{user:1}:cart", "book")
    yield rc.rename("example{user:1}:cart", "example{user:1}:order")
    order = yield rc.get("example{user:1}:order")
    print("order:", order)

    try:
        yield rc.keys("*")
    except NotImplementedError as error:
        print(error)

    deleted = yield rc.delete([*KEYS, "example{user:1}:order"])
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
