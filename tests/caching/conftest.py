"""A handler with a cache, and the server in memory that it reads from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testbed.memory import let_pass
from testbed.scripted import settle
from testbed.support import fired
from testbed.tracking import TrackingServer
from twisted.logger import formatEvent, globalLogPublisher

import txredis_fast as redis


class Cached:
    """A handler with a cache over connections in memory, connected, with the server.

    :ivar rc: the handler; :ivar factory: its factory; :ivar server: see :class:`TrackingServer`.
    """

    def __init__(self, clock: Any, size: int = 1, own_protocol: Any = None, begin: bool = True, **options: Any) -> None:
        self.clock = clock
        self.server = TrackingServer(clock)
        options.setdefault("cache", redis.ClientCache())
        self.factory = redis.RedisFactory("memory", options.pop("dbid", None), size, True, **options)
        if own_protocol is not None:
            self.factory.protocol = own_protocol
        self.factory.jitter = 0
        self.rc: Any = self.factory.handler
        if begin:
            self.start()

    def start(self) -> None:
        """Connect."""
        self.factory.startConnecting(self.server.endpoint)
        settle(self.clock)

    def let_pass(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass in small steps."""
        let_pass(self.clock, seconds, step)

    def settle(self) -> None:
        """Let everything happen that is due."""
        settle(self.clock)

    def settled(self, deferred: Any) -> Any:
        """Let everything happen that is due, and return what a Deferred has fired with."""
        settle(self.clock)
        return fired(deferred)

    def get(self, key: str = "k", ttl: float = 60) -> Any:
        """A cached GET, answered."""
        return self.settled(self.rc.cached(ttl).get(key))

    @property
    def cache(self) -> Any:
        """``rc.cache``."""
        return self.rc.cache

    @property
    def stats(self) -> Any:
        """``rc.stats().cache``."""
        return self.rc.stats().cache

    def fetches(self, verb: str = "GET") -> int:
        """How many fetches of a command have come to the server."""
        return sum(name.split()[0] == verb for name in self.server.names(tracked=True))


@pytest.fixture
def make(clock: Any) -> Iterator[Callable[..., Cached]]:
    """Makes handlers with a cache; all are closed at the end, and leave nothing behind."""
    made: list[Cached] = []

    def make(size: int = 1, **options: Any) -> Cached:
        made.append(Cached(clock, size, **options))
        return made[-1]

    yield make
    for each in made:
        for link in each.server.endpoint.alive:
            if link.client.held is not None:
                link.read()
        each.rc.disconnect()
        let_pass(clock, 6)
        assert not each.server.endpoint.alive
    assert clock.getDelayedCalls() == []


@pytest.fixture
def at(make: Callable[..., Cached]) -> Cached:
    """A handler with a cache, whose key ``k`` has the value ``old``."""
    at = make()
    at.server.write("k", "old")
    return at


class Events:
    """The package's events of a test."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []

    def __call__(self, event: dict[str, Any]) -> None:
        """Take one, as a log observer."""
        if "redis_event" in event:
            self.all.append(event)

    def told(self, name: str) -> list[dict[str, Any]]:
        """Those of one name."""
        return [event for event in self.all if event["redis_event"] == name]

    @property
    def texts(self) -> list[str]:
        """What the log says of them."""
        return [formatEvent(event) for event in self.all]

    def count(self, name: str) -> int:
        """How many there are of one name."""
        return len(self.told(name))


@pytest.fixture
def events() -> Iterator[Events]:
    """Collects events."""
    found = Events()
    globalLogPublisher.addObserver(found)
    yield found
    globalLogPublisher.removeObserver(found)
