"""Publish/subscribe: print published messages, also after a restart of the server.

python examples/subscriber.py [URL]       (default URL: $REDIS_URL, else redis://localhost:6379)

Try it with: redis-cli publish news hello; redis-cli publish weather:here rain. It ends on Ctrl-C.
"""

import os
import sys

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import connectionDone
from twisted.internet.task import react

import txredis_fast as redis

URL = redis.RedisURL.parse(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379"))


class Printer(redis.SubscriberProtocol):
    """Prints each message."""

    style = "await"

    def messageReceived(self, pattern, channel, message):
        matched = f" (matches {pattern})" if pattern else ""
        print(f"{self.style}: {channel}{matched}: {message}", flush=True)

    def connectionLost(self, why=connectionDone):
        super().connectionLost(why)
        print(f"{self.style}: connection lost", flush=True)


class InlineCallbacksPrinter(Printer):
    style = "inlineCallbacks"


def make_factory(protocol):
    factory = redis.SubscriberFactory(**URL.options)
    factory.protocol = protocol
    factory.reconnect = False  # give up if no server is up at the start
    return factory


async def with_await(reactor):
    factory = make_factory(Printer)
    connected = factory.deferred
    factory.startConnecting(HostnameEndpoint(reactor, *URL.addresses[0]))
    subscriber = await connected
    factory.reconnect = True  # from now on it reconnects and restores its subscriptions
    await subscriber.subscribe(["news", "sports"])
    await subscriber.psubscribe("weather:*")
    print("await: subscribed", flush=True)


@inlineCallbacks
def with_inline_callbacks(reactor):
    factory = make_factory(InlineCallbacksPrinter)
    connected = factory.deferred
    factory.startConnecting(HostnameEndpoint(reactor, *URL.addresses[0]))
    subscriber = yield connected
    factory.reconnect = True
    yield subscriber.subscribe(["news", "sports"])
    yield subscriber.psubscribe("weather:*")
    print("inlineCallbacks: subscribed", flush=True)


async def main(reactor):
    try:
        await with_await(reactor)
        await with_inline_callbacks(reactor)
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to Redis: {error}") from None
    await Deferred()  # until Ctrl-C


if __name__ == "__main__":
    react(main)
