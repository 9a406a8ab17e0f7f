"""Sentinel: find the master and its replicas, and follow a fail-over.

python examples/sentinel.py [URL]       (default URL: $REDIS_URL, else redis+sentinel://localhost:26379/mymaster)

The URL lists the Sentinels and the service: redis+sentinel://10.0.0.1:26379,10.0.0.2:26379/mymaster.
"""

import os
import sys

from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import react

import txredis_fast as redis

URL = redis.RedisURL.parse(
    sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis+sentinel://localhost:26379/mymaster")
)


async def with_await():
    sentinel = redis.Sentinel(URL.addresses)
    sentinel.discovery_timeout = 2  # seconds
    host, port = await sentinel.discover_master(URL.service)
    print(f"master: {host}:{port}")
    for host, port in await sentinel.discover_slaves(URL.service):
        print(f"replica: {host}:{port}")

    # Both are handlers with every command. After a fail-over they connect to the new master and its replicas.
    master = sentinel.master_for(URL.service, **URL.options)
    replica = sentinel.slave_for(URL.service, **URL.options)
    await master.set("example:greeting", "hello")
    await master.execute_command("WAIT", 1, 1000)  # until one replica has the value, at most 1000 ms
    print("the replica says", await replica.get("example:greeting"))
    await master.delete("example:greeting")

    await master.disconnect()
    await replica.disconnect()
    await sentinel.disconnect()


@inlineCallbacks
def with_inline_callbacks():
    sentinel = redis.Sentinel(URL.addresses)
    sentinel.discovery_timeout = 2
    host, port = yield sentinel.discover_master(URL.service)
    print(f"master: {host}:{port}")
    replicas = yield sentinel.discover_slaves(URL.service)
    for host, port in replicas:
        print(f"replica: {host}:{port}")

    master = sentinel.master_for(URL.service, **URL.options)
    replica = sentinel.slave_for(URL.service, **URL.options)
    yield master.set("example:greeting", "hello")
    yield master.execute_command("WAIT", 1, 1000)
    greeting = yield replica.get("example:greeting")
    print("the replica says", greeting)
    yield master.delete("example:greeting")

    yield master.disconnect()
    yield replica.disconnect()
    yield sentinel.disconnect()


async def main(reactor):
    try:
        await with_await()
        await with_inline_callbacks()
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to Redis: {error}") from None


if __name__ == "__main__":
    react(main)
