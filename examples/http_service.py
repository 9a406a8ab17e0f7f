"""A web service that stores texts in Redis. It survives an outage of the Redis server.

python examples/http_service.py [URL] [PORT]       (default URL: $REDIS_URL, else redis://localhost:6379; PORT: 8888)

Try it, also while the Redis server is stopped, and after its restart:

    curl -d value=hello http://127.0.0.1:8888/text/greeting
    curl http://127.0.0.1:8888/text/greeting
    curl -X DELETE http://127.0.0.1:8888/text/greeting

It ends on Ctrl-C. /inline-callbacks/text/ is the same service, written with inlineCallbacks.
"""

import os
import sys

from twisted.internet import endpoints
from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks
from twisted.internet.task import react
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

import txredis_fast as redis

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379")
PORT = int(sys.argv[2]) if len(sys.argv) > 2 else 8888


class Service(Resource):
    """Base class of both styles: sends the text that a Deferred fires with as the response."""

    isLeaf = True

    def __init__(self, rc):
        super().__init__()
        self.rc = rc

    def answer(self, request, deferred):
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        request.notifyFinish().addErrback(lambda _: deferred.cancel())  # the client has hung up
        deferred.addErrback(self.explain, request)
        deferred.addCallbacks(self.write, lambda _: None, callbackArgs=(request,))
        return NOT_DONE_YET

    def explain(self, failure, request):
        if failure.check(CancelledError):
            return failure
        request.setResponseCode(503 if failure.check(redis.ConnectionError) else 500)
        print(f"{request.method.decode()} {request.path.decode()}: {failure.getErrorMessage()}", flush=True)
        return failure.getErrorMessage()

    def write(self, text, request):
        if text is None:
            request.setResponseCode(404)
            text = "not found"
        request.write(f"{text}\r\n".encode())
        request.finish()


def key_of(request):
    return b"/".join(request.postpath).decode()


def value_of(request):
    return request.args.get(b"value", [b""])[0]


class TextService(Service):
    def render_GET(self, request):
        return self.answer(request, Deferred.fromCoroutine(self.get(key_of(request))))

    def render_POST(self, request):
        return self.answer(request, Deferred.fromCoroutine(self.post(key_of(request), value_of(request))))

    def render_DELETE(self, request):
        return self.answer(request, Deferred.fromCoroutine(self.delete(key_of(request))))

    async def get(self, key):
        return await self.rc.get(key)  # None: the key does not exist

    async def post(self, key, value):
        await self.rc.set(key, value)
        return f"{key} is set"

    async def delete(self, key):
        return f"{await self.rc.delete(key)} deleted"


class InlineCallbacksTextService(Service):
    def render_GET(self, request):
        return self.answer(request, self.get(key_of(request)))

    def render_POST(self, request):
        return self.answer(request, self.post(key_of(request), value_of(request)))

    def render_DELETE(self, request):
        return self.answer(request, self.delete(key_of(request)))

    @inlineCallbacks
    def get(self, key):
        value = yield self.rc.get(key)
        return value

    @inlineCallbacks
    def post(self, key, value):
        yield self.rc.set(key, value)
        return f"{key} is set"

    @inlineCallbacks
    def delete(self, key):
        count = yield self.rc.delete(key)
        return f"{count} deleted"


async def main(reactor):
    # lazy: connect() returns the handler at once; it connects and reconnects in the background.
    # poolTimeout=0: without a connection, a command fails at once instead of waiting for one.
    # replyTimeout: a command fails if the server does not reply in time.
    rc = redis.connect(URL, lazy=True, poolsize=5, poolTimeout=0, replyTimeout=2)
    root = Resource()
    root.putChild(b"text", TextService(rc))
    older = Resource()
    older.putChild(b"text", InlineCallbacksTextService(rc))
    root.putChild(b"inline-callbacks", older)
    port = await endpoints.TCP4ServerEndpoint(reactor, PORT, interface="127.0.0.1").listen(Site(root))
    print(f"listening on http://127.0.0.1:{port.getHost().port}/text/", flush=True)
    await Deferred()  # until Ctrl-C


if __name__ == "__main__":
    react(main)
