"""A web page with the numbers of a program's connections, as JSON.

python examples/stats_page.py [URL] [PORT]         (default URL: $REDIS_URL, else redis://localhost:6379; PORT: 8888)

Try it, also while the Redis server is stopped:

    curl http://127.0.0.1:8888/stats

It ends on Ctrl-C. help(txredis_fast.Stats) tells what each number counts.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from twisted.internet import endpoints
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, react
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

import txredis_fast as redis

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379")
PORT = int(sys.argv[2]) if len(sys.argv) > 2 else 8888


class StatsPage(Resource):
    """Sends a handler's numbers. No command is sent for them, so that the page works during an outage, too."""

    isLeaf = True

    def __init__(self, rc: redis.ConnectionHandler) -> None:
        Resource.__init__(self)
        self.rc = rc

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"application/json")
        return json.dumps(self.rc.stats().as_dict(), indent=1).encode() + b"\n"


async def main(reactor: Any) -> None:
    rc = redis.connect(URL, lazy=True, poolTimeout=0)  # lazy: the page is there even if the server is not
    work = LoopingCall(lambda: rc.ping().addErrback(lambda _: None))  # in place of what the program does
    work.start(0.1)
    root: Any = Resource()  # Any: pyright does not know that a Resource is an IResource
    root.putChild(b"stats", StatsPage(rc))
    port = await endpoints.TCP4ServerEndpoint(reactor, PORT, interface="127.0.0.1").listen(Site(root))
    print(f"listening on http://127.0.0.1:{port.getHost().port}/stats", flush=True)
    await Deferred()  # until Ctrl-C


if __name__ == "__main__":
    react(main)
