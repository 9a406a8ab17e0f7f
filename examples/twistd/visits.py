"""A web service that counts visits, as a Twisted application: see visits.tac and twisted/plugins/visits_plugin.py.

    curl http://127.0.0.1:8080/

While the Redis server is down it responds 503, and recovers by itself.
"""

from collections.abc import Mapping
from typing import Any

from twisted.application import internet, service
from twisted.internet import endpoints
from twisted.internet.defer import CancelledError, Deferred
from twisted.python import usage
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

import txredis_fast as redis

LISTEN = "tcp:8080:interface=127.0.0.1"


class Visits(Resource):
    """Counts the visits."""

    isLeaf = True

    def __init__(self, store: redis.RedisService) -> None:
        Resource.__init__(self)
        self.store = store

    def render_GET(self, request: Request) -> int:
        answered = Deferred.fromCoroutine(self.answer(request))
        request.notifyFinish().addErrback(lambda _: answered.cancel())  # the client has hung up
        answered.addErrback(self.failed, request)
        return NOT_DONE_YET

    def failed(self, failure: Failure, request: Request) -> None:
        if not failure.check(CancelledError):
            request.processingFailed(failure)  # responds 500, and logs the reason

    async def answer(self, request: Request) -> None:
        try:
            text = f"visit {await self.store.rc.incr('example:visits')}\n"
        except redis.ConnectionError as error:
            request.setResponseCode(503)
            text = f"{error}\n"
        request.write(text.encode())
        request.finish()


class Options(usage.Options):
    """The command line of ``twistd visits``."""

    optParameters = [
        ["redis", "r", None, "URL of the Redis server; default: $REDIS_URL, else redis://localhost:6379"],
        ["listen", "l", LISTEN, "endpoint of the web server"],
    ]


def makeService(options: Mapping[str, Any]) -> service.MultiService:
    """Make the application's services: the connections to Redis, then what uses them."""
    from twisted.internet import reactor  # now that twistd has chosen one

    services = service.MultiService()
    store = redis.RedisService(options["redis"], poolTimeout=2, replyTimeout=5)
    store.setServiceParent(services)
    endpoint = endpoints.serverFromString(reactor, options["listen"])
    internet.StreamServerEndpointService(endpoint, Site(Visits(store))).setServiceParent(services)
    return services
