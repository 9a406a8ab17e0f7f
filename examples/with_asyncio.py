"""asyncio and Twisted in one event loop: asyncio's tasks use a handler, and Twisted's code awaits a task.

python examples/with_asyncio.py [URL]       (default URL: $REDIS_URL, else redis://localhost:6379)
"""

import asyncio
import sys

from twisted.internet import asyncioreactor

loop = asyncio.new_event_loop()
asyncioreactor.install(loop)  # before anything imports twisted.internet.reactor

from twisted.internet.defer import Deferred, inlineCallbacks  # noqa: E402
from twisted.internet.task import react  # noqa: E402

import txredis_fast as redis  # noqa: E402

URL = sys.argv[1] if len(sys.argv) > 1 else None
KEYS = ["example:counter", "example:jobs"]


async def count(rc):
    """A coroutine of asyncio."""
    await asyncio.sleep(0)
    return await rc.incr(KEYS[0]).asFuture(loop)


async def with_await():
    """A task of asyncio: each Deferred becomes a future."""
    rc = await redis.connect(URL).asFuture(loop)
    try:
        numbers = await asyncio.gather(*(count(rc) for _ in range(10)))
        print(f"ten tasks counted: {sorted(numbers)}")
        try:
            await asyncio.wait_for(rc.blpop(KEYS[1], timeout=10).asFuture(loop), timeout=0.1)
        except asyncio.TimeoutError:
            print("no job came in time")
    finally:
        await rc.delete(KEYS).asFuture(loop)
        await rc.disconnect().asFuture(loop)


@inlineCallbacks
def with_inline_callbacks():
    """Twisted's code: each future becomes a Deferred."""
    rc = yield redis.connect(URL)
    try:
        numbers = yield Deferred.fromFuture(asyncio.gather(*(loop.create_task(count(rc)) for _ in range(10))))
        print(f"ten tasks counted: {sorted(numbers)}")
        yield rc.blpop(KEYS[1], timeout=0.1)
        print("no job came in time")
    finally:
        yield rc.delete(KEYS)
        yield rc.disconnect()


async def main(reactor):
    try:
        await Deferred.fromFuture(loop.create_task(with_await()))
        await with_inline_callbacks()
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to Redis: {error}") from None


if __name__ == "__main__":
    try:
        react(main)
    finally:
        loop.close()
