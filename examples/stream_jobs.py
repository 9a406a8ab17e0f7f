"""Jobs in a stream: each is done at least once, and what cannot be done is set aside.

python examples/stream_jobs.py [URL]       (default URL: $REDIS_URL, else redis://localhost:6379)
"""

import os
import sys

from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import react

import txredis_fast as redis

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379")
JOBS, DEAD = "example:jobs", "example:jobs:dead"

# A real worker would have a name of its own, which stays the same after a restart; more than one delivery; and
# claim_idle=60_000, to take over the jobs of workers that died.
WORKER = {"group": "workers", "name": "worker-1", "max_deliveries": 1, "dead_letter": DEAD}


def resize(picture):
    if picture.endswith(".gif"):
        raise ValueError(f"cannot resize {picture}")
    print("resized", picture)


async def work(rc, count):
    async with rc.consume(JOBS, **WORKER) as jobs:
        async for job in jobs:
            try:
                resize(job.fields["picture"])
            except ValueError as error:
                print(error)  # not acknowledged: it stays pending
            else:
                await job.ack()
            count -= 1
            if not count:
                break


async def with_await():
    rc = await redis.connect(URL)
    for picture in ("a.png", "b.gif", "c.png"):
        await rc.xadd(JOBS, {"picture": picture})
    await work(rc, 3)

    await rc.xadd(JOBS, {"picture": "d.png"})
    await work(rc, 1)  # as after a restart: own pending jobs come first, and this one has come too often
    print("set aside:", [fields["picture"] for _, fields in await rc.xrange(DEAD)])

    await rc.delete([JOBS, DEAD])
    await rc.disconnect()


@inlineCallbacks
def work_with_callbacks(rc, count):
    jobs = rc.consume(JOBS, **WORKER)
    for _ in range(count):
        job = yield jobs.next_entry()
        try:
            resize(job.fields["picture"])
        except ValueError as error:
            print(error)
        else:
            yield job.ack()
    jobs.close()


@inlineCallbacks
def with_inline_callbacks():
    rc = yield redis.connect(URL)
    for picture in ("a.png", "b.gif", "c.png"):
        yield rc.xadd(JOBS, {"picture": picture})
    yield work_with_callbacks(rc, 3)

    yield rc.xadd(JOBS, {"picture": "d.png"})
    yield work_with_callbacks(rc, 1)
    dead = yield rc.xrange(DEAD)
    print("set aside:", [fields["picture"] for _, fields in dead])

    yield rc.delete([JOBS, DEAD])
    yield rc.disconnect()


async def main(reactor):
    try:
        await with_await()
        await with_inline_callbacks()
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to Redis: {error}") from None


if __name__ == "__main__":
    react(main)
