"""A web API that caches its answers in Redis, and lets each client ask a few times in a while.

python examples/web_api.py [URL] [PORT]       (default URL: $REDIS_URL, else redis://localhost:6379; PORT: 8888)

    curl -i 'http://127.0.0.1:8888/factors?n=9007199254740881'

Without a Redis server it works on, slowly and without limits. It ends on Ctrl-C.
"""

import contextlib
import json
import os
import sys
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import react
from twisted.internet.threads import deferToThread
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

import txredis_fast as redis

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379")
PORT = int(sys.argv[2]) if len(sys.argv) > 2 else 8888

log = Logger()

CACHE_SECONDS = 60
LIMIT_REQUESTS = 5
LIMIT_SECONDS = 10


class RateLimiter:
    """Counts the requests of each client in a span of time that begins with the first."""

    def __init__(self, rc: redis.ConnectionHandler) -> None:
        self.rc = rc

    async def seconds_to_wait(self, client: str) -> int:
        """Count a request; return 0 if it is within the limit, else the seconds until the next one is."""
        key = f"example:requests:{client}"
        async with self.rc.transaction() as t:
            t.set(key, 0, expire=LIMIT_SECONDS, only_if_not_exists=True)
            t.incr(key)
            t.ttl(key)
            _, count, seconds = await t.commit()
        return max(seconds, 1) if count > LIMIT_REQUESTS else 0


class Cache:
    """Keeps answers for a while."""

    def __init__(self, rc: redis.ConnectionHandler) -> None:
        self.rc = rc

    async def factors(self, number: int) -> tuple[list[int], bool]:
        """Return the prime factors of a number, and whether they were in the cache."""
        key = f"example:factors:{number}"
        try:
            cached = await self.rc.get(key)
        except redis.ConnectionError:
            return await deferToThread(factors, number), False
        if cached is not None:
            return json.loads(str(cached)), True
        found = await deferToThread(factors, number)  # the reactor stays free meanwhile
        with contextlib.suppress(redis.ConnectionError):
            await self.rc.set(key, json.dumps(found), expire=CACHE_SECONDS)
        return found, False


def factors(number: int) -> list[int]:
    """Return the prime factors of a number, slowly."""
    found = []
    divisor = 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
    return [*found, number] if number > 1 else found


class Factors(Resource):
    isLeaf = True

    def __init__(self, rc: redis.ConnectionHandler) -> None:
        Resource.__init__(self)
        self.limiter = RateLimiter(rc)
        self.cache = Cache(rc)

    def render_GET(self, request: Request) -> int:
        answering = Deferred.fromCoroutine(self.answer(request))
        request.notifyFinish().addErrback(lambda _: answering.cancel())  # the client has hung up
        answering.addErrback(self.failed, request)
        return NOT_DONE_YET

    def failed(self, failure: Failure, request: Request) -> None:
        if not failure.check(CancelledError):  # that is a client that has hung up
            log.failure("{path} failed", failure, path=request.path.decode())
            self.write(request, 500, {"error": "an error of this service; its log has the reason"})

    async def answer(self, request: Request) -> None:
        try:
            number = int((request.args or {})[b"n"][0])
            if not 1 <= number < 2**53:
                raise ValueError(number)
        except (KeyError, ValueError):
            self.write(request, 400, {"error": "n must be a whole number from 1 to 2**53 - 1"})
            return
        try:
            seconds = await self.limiter.seconds_to_wait(request.getClientAddress().host)
        except redis.ConnectionError:
            seconds = 0  # rather no limit than no answer
        if seconds:
            request.setHeader(b"retry-after", b"%d" % seconds)
            self.write(request, 429, {"error": f"too many requests: wait {seconds} s"})
            return
        found, cached = await self.cache.factors(number)
        self.write(request, 200, {"n": number, "factors": found, "cached": cached})

    def write(self, request: Request, status: int, body: dict[str, Any]) -> None:
        request.setResponseCode(status)
        request.setHeader(b"content-type", b"application/json")
        request.write(json.dumps(body).encode() + b"\n")
        request.finish()


async def main(reactor: Any) -> None:
    # lazy: the site starts without a Redis server. poolTimeout=0: a command then fails at once.
    rc = redis.connect(URL, lazy=True, poolTimeout=0, replyTimeout=1)
    root: Any = Resource()  # Any: pyright does not know that a Resource is an IResource
    root.putChild(b"factors", Factors(rc))
    port = await TCP4ServerEndpoint(reactor, PORT, interface="127.0.0.1").listen(Site(root))
    print(f"listening on http://127.0.0.1:{port.getHost().port}/factors", flush=True)
    await Deferred()  # until Ctrl-C


if __name__ == "__main__":
    react(main)
