"""The subscriber of a handler that Sentinels lead: it checks the server's role, and leaves a former master."""

from __future__ import annotations

import pytest
from testbed.scripted import MemoryEndpoint, Session, settle
from testbed.support import fired, pending
from testbed.wire import array
from twisted.internet.defer import Deferred, succeed

import txredis_fast as redis

pytestmark = pytest.mark.usefixtures("both", "logged_errors")


class Manager:
    """Sentinels that name one address."""

    address = ("10.0.0.1", 6379)

    def discover_master(self, service: str) -> Deferred:
        return succeed(self.address)


class Group:
    """A pool that wants the master, over connections in memory to a server of a certain role."""

    def __init__(self, clock, role="master"):
        self.clock = clock
        self.role = role
        self.manager = Manager()
        self.factory = redis.SentinelConnectionFactory(self.manager, "mymaster", True, None, None, 1, True)
        self.endpoint = MemoryEndpoint(lambda: Session(self.script, clock), clock)
        self.factory.startConnecting(self.endpoint)
        settle(clock)

    def script(self, session):
        while True:
            args = yield
            if args[0] == b"ROLE":
                session.send(array(self.role, 0, array()))
            else:
                session.send(array("subscribe", args[1], 1))

    def let_pass(self, seconds):
        for _ in range(seconds * 4):
            self.clock.advance(0.25)
            settle(self.clock)


@pytest.fixture
def group(clock):
    group = Group(clock)
    yield group
    group.factory.disconnect()
    settle(clock)
    assert not group.endpoint.alive


def test_its_connection_is_asked_for_its_role_first(group, clock):
    sub = fired_after(clock, group.factory.handler.subscriber())
    fired_after(clock, sub.subscribe("a"))
    assert group.endpoint.links[-1].server.protocol.commands == [[b"ROLE"], [b"SUBSCRIBE", b"a"]]


def test_it_waits_while_the_server_is_no_master(group, clock):
    group.role = "slave"
    opening = group.factory.handler.subscriber()
    group.let_pass(2)
    assert pending(opening)
    group.role = "master"
    group.let_pass(5)
    assert isinstance(fired(opening), redis.Subscriber)


def test_it_leaves_the_former_master_and_subscribes_at_the_new_one(group, clock):
    sub = fired_after(clock, group.factory.handler.subscriber())
    fired_after(clock, sub.subscribe("a"))
    group.factory.masterSwitched()  # the pool hears of the first master
    settle(clock)
    former = group.endpoint.alive
    assert len(former) == 2
    group.manager.address = ("10.0.0.2", 6379)
    group.factory.masterSwitched()
    group.let_pass(5)
    assert not set(former) & set(group.endpoint.alive)
    assert [b"SUBSCRIBE", b"a"] in [link.server.protocol.commands[-1] for link in group.endpoint.alive]


def fired_after(clock, deferred):
    settle(clock)
    return fired(deferred)
