"""Connections that come back: how soon, how often, and what does not count as being back."""

from __future__ import annotations

import pytest
from testbed.memory import let_pass, pool_in_memory
from testbed.scripted import Session, answering, settle
from testbed.support import failed, fired, pending
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IHostnameResolver, IReactorPluggableNameResolver
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

import txredis_fast as redis


def closes_at_once(session):
    session.close()
    return
    yield


@pytest.mark.promise(
    "A lost connection is made again after a back-off that grows to ``maxDelay`` (10 s) and is spread at random",
    "A thousand clients of one server do not reconnect at the same moment. The back-off starts anew only if "
    "the server has replied on the connection or has kept it for long, so a server that accepts and closes "
    "connections is not flooded.",
    about="Connections",
)
def test_a_server_that_accepts_and_drops_is_tried_ever_more_slowly(both, clock):
    factory, endpoint = pool_in_memory(clock, closes_at_once)
    factory.jitter = 0
    let_pass(clock, 60)
    assert 5 <= endpoint.attempts <= 10
    factory.disconnect()


@pytest.mark.promise(
    "A lost connection is made again after a back-off that grows to ``maxDelay`` (10 s) and is spread at random"
)
def test_so_is_one_that_says_too_many_clients_and_drops(both, clock):
    def full(session):
        session.send(b"-ERR max number of clients reached\r\n")
        session.close()
        return
        yield

    factory, endpoint = pool_in_memory(clock, full)
    factory.jitter = 0
    let_pass(clock, 60)
    assert 5 <= endpoint.attempts <= 10
    factory.disconnect()


REFUSALS = [
    b"-DENIED Redis is running in protected mode because no password is set.",
    b"-ERR max number of clients reached",
]


@pytest.mark.promise(
    'LOADING, BUSY, MASTERDOWN, READONLY, NOAUTH and "max number of clients" in a handshake fail no '
    "waiting command: the connection is tried again",
    "NOAUTH fails the first connection of ``Connection()``. WRONGPASS fails the waiting commands with its "
    "text, and is tried again with the longest delay.",
    about="Connections",
)
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_server_that_accepts_only_to_refuse_is_told_with_its_words(both, clock, refusal):
    def refuses(session):
        session.send(refusal + b"\r\n")
        session.close()
        yield

    factory, endpoint = pool_in_memory(clock, refuses, poolTimeout=1)
    factory.jitter = 0
    let_pass(clock, 20)
    waits = factory.handler.get("k")
    assert refusal[1:].decode() in factory.why_not_connected()
    let_pass(clock, 40)
    assert refusal[1:].decode() in str(failed(waits, redis.RedisError))
    assert 4 <= endpoint.attempts <= 10
    factory.disconnect()


@pytest.mark.promise(
    'LOADING, BUSY, MASTERDOWN, READONLY, NOAUTH and "max number of clients" in a handshake fail no '
    "waiting command: the connection is tried again"
)
@pytest.mark.parametrize("refusal", REFUSALS)
def test_it_is_remembered_where_a_command_has_been_given_meanwhile(both, clock, refusal):
    """What was said to all goes to the first command as its reply; those that come later are to be told, too."""

    def refuses(session):
        yield
        session.send(refusal + b"\r\n")
        session.close()
        yield

    factory, endpoint = pool_in_memory(clock, refuses, poolTimeout=1)
    factory.jitter = 0
    settle(clock)
    for attempts in range(1, 5):
        while not factory.size:
            let_pass(clock, 0.25)
        first, second = factory.handler.get("k"), factory.handler.get("k")
        settle(clock)
        for deferred in (first, second):
            assert refusal[1:].decode() in str(failed(deferred, redis.RedisError))
        assert refusal[1:].decode() in factory.why_not_connected()
        assert endpoint.attempts == attempts
    assert clock.seconds() > 1  # it has not proved anything, though it answered
    factory.disconnect()


@pytest.mark.parametrize("data", [b"-ERR no such thing\r\n", b"$6\r\nDENIED\r\n"])
def test_an_error_or_value_that_is_no_refusal_of_the_connection_does_not_end_it(both, clock, data):
    def answers(session):
        while True:
            yield
            session.send(data)

    factory, endpoint = pool_in_memory(clock, answers)
    settle(clock)
    for _ in range(3):
        factory.handler.get("k").addErrback(lambda _: None)
        settle(clock)
    assert (factory.size, endpoint.attempts) == (1, 1)
    factory.disconnect()


@pytest.mark.promise(
    "A lost connection is made again after a back-off that grows to ``maxDelay`` (10 s) and is spread at random"
)
@pytest.mark.parametrize("dbid", [None, 3])
def test_a_connection_that_was_answered_is_made_again_after_the_shortest_delay(both, clock, dbid):
    factory, endpoint = pool_in_memory(clock, answering(), dbid=dbid)
    factory.jitter = 0
    settle(clock)
    for _ in range(5):
        if dbid is None:  # there is no handshake, which would have proved it
            ping = factory.handler.ping()
            settle(clock)
            assert fired(ping) == "PONG"
        endpoint.alive[0].reset()
        settle(clock)
        clock.advance(factory.initialDelay)
        settle(clock)
        assert factory.size == 1
    factory.disconnect()


@pytest.mark.promise(
    "A lost connection is made again after a back-off that grows to ``maxDelay`` (10 s) and is spread at random"
)
def test_so_is_one_that_was_kept_for_long(both, clock):
    factory, endpoint = pool_in_memory(clock, answering())
    factory.jitter = 0
    endpoint.refuses = True
    let_pass(clock, 30)
    endpoint.refuses = False
    let_pass(clock, 30)
    assert factory.size == 1
    endpoint.alive[0].reset()
    clock.advance(factory.initialDelay)
    settle(clock)
    assert factory.size == 1
    factory.disconnect()


@pytest.mark.promise(
    'LOADING, BUSY, MASTERDOWN, READONLY, NOAUTH and "max number of clients" in a handshake fail no '
    "waiting command: the connection is tried again"
)
@pytest.mark.parametrize(
    "refusal",
    [
        b"-LOADING Redis is loading the dataset in memory\r\n",
        b"-BUSY Redis is busy running a script\r\n",
        b"-MASTERDOWN Link with MASTER is down\r\n",
        b"-READONLY You can't write against a read only replica.\r\n",
        b"-NOAUTH Authentication required.\r\n",
        b"-ERR max number of clients reached\r\n",
    ],
)
def test_what_passes_in_a_handshake_fails_nobody(both, clock, refusal):
    answers = {"SELECT": refusal, "GET": b"$1\r\nv\r\n"}
    factory, endpoint = pool_in_memory(clock, answering(answers), dbid=2)
    waiting = factory.handler.get("k")
    let_pass(clock, 8)
    assert endpoint.attempts > 1 and pending(waiting)
    answers["SELECT"] = b"+OK\r\n"
    endpoint._make_session = lambda: Session(answering(answers), clock)
    let_pass(clock, 15)
    assert fired(waiting) == "v"
    factory.disconnect()


@pytest.mark.promise(
    'LOADING, BUSY, MASTERDOWN, READONLY, NOAUTH and "max number of clients" in a handshake fail no '
    "waiting command: the connection is tried again"
)
def test_a_refused_password_fails_who_waits_with_its_text_and_is_tried_at_the_slowest_pace(both, clock):
    refuses = answering({"AUTH": b"-WRONGPASS invalid username-password pair\r\n"})
    factory, endpoint = pool_in_memory(clock, refuses, password="pw")
    waiting = factory.handler.get("k")
    settle(clock)
    assert "WRONGPASS invalid username-password pair" in str(failed(waiting, redis.NotSentError))
    let_pass(clock, 100)
    assert 7 <= endpoint.attempts <= 13
    factory.disconnect()


@implementer(IHostnameResolver)
class Resolver:
    """Finds another address each time."""

    def __init__(self):
        self.asked = 0

    def resolveHostName(self, receiver, hostName, portNumber=0, addressTypes=None, transportSemantics="TCP"):
        self.asked += 1
        receiver.resolutionBegan(self)
        receiver.addressResolved(IPv4Address("TCP", f"127.0.0.{self.asked}", portNumber))
        receiver.resolutionComplete()
        return self


@implementer(IReactorPluggableNameResolver)
class ResolvingReactor(MemoryReactorClock):
    def __init__(self):
        super().__init__()
        self.nameResolver = Resolver()


@pytest.mark.promise("The host name is resolved anew at each attempt", about="Connections")
def test_the_name_of_the_host_is_resolved_at_each_attempt(both, monkeypatch):
    reactor = ResolvingReactor()
    monkeypatch.setattr(redis, "reactor", reactor, raising=False)
    handler = redis.lazyConnection("redis.example", 6379, connectTimeout=2)
    for attempt in range(1, 6):
        while len(reactor.tcpClients) < attempt:
            reactor.advance(1)
        wrapped = reactor.tcpClients[-1][2]
        wrapped.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
    hosts = [client[0] for client in reactor.tcpClients]
    assert hosts == [f"127.0.0.{n}" for n in range(1, 6)]
    handler.disconnect()
