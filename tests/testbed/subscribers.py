"""Subscribers over fake transports, and the bytes that a server sends them."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

import txredis_fast as redis
from txredis_fast.pubsub.subscriber import SubscriberFactory, SubscriberProtocol

from .support import connect, connected
from .wire import aggregate, bulk, integer


class Recorder(SubscriberProtocol):
    """Keeps what it is told."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.messages = []

    def messageReceived(self, pattern, channel, message):
        self.messages.append((pattern, channel, message))


def array(*items, kind=b"*"):
    """An array or push of integers, bulk strings and nulls."""
    return aggregate((integer(item) if isinstance(item, int) else bulk(item) for item in items), kind)


def message(channel, text):
    return array("message", channel, text)


def subscriber(*channels, cls=Recorder, **options):
    """A protocol that is subscribed to channels, with its transport."""
    protocol, transport = connected(cls, **options)
    for count, channel in enumerate(channels, 1):
        protocol.subscribe(channel)
        protocol.dataReceived(array("subscribe", channel, count))
    transport.take()
    return protocol, transport


def lose(protocol):
    protocol.connectionLost(Failure(ConnectionLost()))


def subscriber_factory(protocol=Recorder, **options):
    factory = SubscriberFactory(**options)
    factory.protocol = protocol
    return factory


def unanswered(deferred):
    """Nobody is told that the connection is lost before the answer comes."""
    return deferred.addErrback(lambda failure: failure.trap(redis.MaybeExecutedError))


def connect_factory(factory):
    protocol = factory.buildProtocol(None)
    return protocol, connect(protocol)
