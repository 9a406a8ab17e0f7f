"""A price list whose readers cost the server next to nothing, and see each new price at once.

python examples/cached_reads.py [URL]      (default URL: $REDIS_URL, else redis://localhost:6379; Redis 7.0 or later)
"""

import os
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react

import txredis_fast as redis

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379")

PRICES = "example:prices"
#: Seconds that a price may be out of date if the server cannot tell of its change.
MAX_AGE = 60
READERS = 1000

Handler = redis.ConnectionHandler[Any]


async def price(rc: Handler, product: str) -> str:
    """Return a price, from memory if it has not changed."""
    return str(await rc.cached(MAX_AGE).hget(PRICES, product))


async def many_prices(rc: Handler, product: str) -> set[str]:
    """Let many readers ask at the same time."""
    readers = [Deferred.fromCoroutine(price(rc, product)) for _ in range(READERS)]
    return set(await gatherResults(readers, consumeErrors=True))


async def can_cache(rc: Handler) -> bool:
    """Wait until the server tells of changes; False if it does not do that."""
    while (state := rc.cache.link_state) == "down":
        await deferLater(reactor, 0.01)
    return state == "up"


async def show(rc: Handler, office: Handler) -> None:
    """Show it.

    :param office: another program.
    """
    if not await can_cache(rc):
        print("the server does not tell of changes, so each read is sent to it")
    await rc.delete(PRICES)
    await rc.hset(PRICES, mapping={"tea": "2.40", "cake": "3.10"})

    print("tea costs", *await many_prices(rc, "tea"))
    numbers = rc.cache.stats()
    print(f"{READERS} readers, {numbers.misses} fetched, {numbers.joined} waited for it")
    print("cake costs", await price(rc, "cake"), "and tea", *await many_prices(rc, "tea"))

    # Its own writes a program sees at once.
    await rc.hset(PRICES, "tea", "2.50")
    print("tea costs", await price(rc, "tea"))

    # Those of others it sees when the server has told of them, about one network latency later.
    await office.hset(PRICES, "tea", "2.60")
    while await price(rc, "tea") != "2.60":
        await deferLater(reactor, 0.001)
    print("tea costs", rc.cached(MAX_AGE).peek("HGET", PRICES, "tea", default="unknown"))

    await rc.delete(PRICES)


async def main(_: object) -> None:
    try:
        async with redis.connect(URL, cache=redis.ClientCache(max_bytes=4 << 20)) as rc, redis.connect(URL) as office:
            await show(rc, office)
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to Redis: {error}") from None


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
