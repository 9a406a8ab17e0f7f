"""Outages in the log: one line when one begins, one when it ends, whatever the number of connections."""

from __future__ import annotations

from typing import Any

import pytest
from testbed.support import MemoryReactor, Transport, connect, failed, fired
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import LogLevel, LogPublisher, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

import txredis_fast as redis
from txredis_fast.telemetry import events, outage

pytestmark = pytest.mark.promise(
    "An outage is one line of the log when it begins and one when it ends, whatever the size of the pool",
    about="Observability",
)


@implementer(IStreamClientEndpoint)
class Endpoint:
    """An endpoint whose attempts the test ends, all that are open at once."""

    def __init__(self) -> None:
        self.attempts: list[tuple[Deferred[Any], Any]] = []
        self.transports: list[Transport] = []

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        deferred: Deferred[Any] = Deferred()
        self.attempts.append((deferred, protocolFactory))
        return deferred

    def accept(self) -> None:
        attempts, self.attempts = self.attempts, []
        for deferred, factory in attempts:
            protocol = factory.buildProtocol(None)
            self.transports.append(connect(protocol))
            deferred.callback(protocol)

    def refuse(self) -> None:
        attempts, self.attempts = self.attempts, []
        for deferred, _ in attempts:
            deferred.errback(ConnectionRefusedError())

    def close(self) -> None:
        transports, self.transports = self.transports, []
        for transport in transports:
            transport.loseConnection()


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The lines of the log above debug, of every namespace, each with its level."""
    monkeypatch.setattr(outage, "_groups", {})
    seen: list[str] = []

    def observe(event: Any) -> None:
        if event["log_level"] > LogLevel.debug:
            seen.append(f"{event['log_level'].name}: {formatEvent(event)}")

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


def start(endpoint: Any, size: int = 1, lazy: bool = True, uuid: str | None = "r:1", **options: Any) -> Any:
    factory = redis.RedisFactory(uuid, options.pop("dbid", None), size, lazy, **options)
    factory.jitter = 0
    factory.startConnecting(endpoint)
    return factory


BEGUN = "warn: Redis r:1: not connected: connection refused; trying to connect until it is reachable"
LOST = "warn: Redis r:1: not connected: Connection was closed cleanly; trying to connect until it is reachable"


def test_a_pool_of_ten_writes_one_line_when_its_server_goes_and_one_when_it_is_back(clock, endpoint, lines):
    factory = start(endpoint, 10)
    endpoint.accept()
    clock.advance(0)
    assert factory.size == 10 and lines == []
    endpoint.close()
    assert lines == [LOST]
    clock.advance(1)
    endpoint.refuse()
    clock.advance(3)
    endpoint.refuse()
    clock.advance(8)
    endpoint.accept()
    clock.advance(0)
    assert factory.size == 10
    assert lines == [LOST, "info: Redis r:1: connected after 12.0 seconds without a connection"]
    endpoint.close()
    assert lines[2:] == [LOST], "the next one is another"
    factory.disconnect()


def test_a_server_that_is_not_there_at_the_start_is_an_outage(clock, endpoint, lines):
    factory = start(endpoint, 10)
    for _ in range(3):
        endpoint.refuse()
        clock.advance(10)
    assert lines == [BEGUN]
    endpoint.accept()
    clock.advance(0)
    assert lines == [BEGUN, "info: Redis r:1: connected after 30.0 seconds without a connection"]
    factory.disconnect()


def test_a_connection_of_several_that_is_lost_is_no_outage(clock, endpoint, lines):
    factory = start(endpoint, 2)
    endpoint.accept()
    clock.advance(0)
    endpoint.transports.pop().loseConnection()
    clock.advance(1)
    endpoint.refuse()
    assert factory.size == 1 and lines == []
    factory.disconnect()


def test_a_program_that_disconnects_has_no_outage(clock, endpoint, lines):
    factory = start(endpoint, 3)
    endpoint.accept()
    clock.advance(0)
    factory.disconnect()
    clock.advance(10)
    assert lines == []
    other = Endpoint()
    factory = start(other)
    other.refuse()
    factory.disconnect()
    clock.advance(10)
    assert lines == [BEGUN], "an outage that the program ends has no end"
    assert outage._groups == {}


def test_the_end_of_the_reactor_is_no_outage(clock, endpoint, lines, monkeypatch):
    factory = start(endpoint)
    endpoint.accept()
    clock.advance(0)
    monkeypatch.setattr("txredis_fast.pool.pool.is_stopping", lambda: True)
    endpoint.close()
    assert lines == []
    factory.disconnect()


def test_an_error_that_the_caller_gets_is_not_logged_as_well(clock, endpoint, lines):
    factory = redis.RedisFactory("r:1", None, 1)
    factory.reconnect = False
    connected = factory.deferred
    factory.startConnecting(endpoint)
    endpoint.refuse()
    clock.advance(0)
    error = failed(connected, redis.ConnectionFailedError)
    assert str(error) == "Redis error: could not connect: r:1: connection refused"
    assert lines == []


def test_a_pool_that_does_not_reconnect_says_so(clock, endpoint, lines):
    factory = start(endpoint, lazy=True)
    factory.reconnect = False
    endpoint.accept()
    clock.advance(0)
    endpoint.close()
    assert lines == [
        "warn: Redis r:1: not connected: Connection was closed cleanly; not trying again (reconnect is off)"
    ]
    text = str(failed(factory.handler.get("a"), redis.NotSentError))
    assert text == "Not connected: r:1: Connection was closed cleanly."


def test_what_several_pools_of_a_server_lose_for_the_same_reason_is_one_outage(clock, lines):
    endpoints = [Endpoint() for _ in range(3)]
    factories = [start(each, 2) for each in endpoints]
    for each in endpoints[:2]:
        each.refuse()
    clock.advance(5)
    endpoints[2].accept()
    clock.advance(0)
    assert lines == [BEGUN]
    endpoints[0].accept()
    clock.advance(0)
    assert lines == [BEGUN], "the other one is not connected yet"
    endpoints[2].close()
    assert lines == [BEGUN, LOST], "another reason is another outage"
    endpoints[1].accept()
    clock.advance(0)
    assert lines == [BEGUN, LOST, "info: Redis r:1: connected after 5.0 seconds without a connection"]
    for factory in factories:
        factory.disconnect()


def test_an_outage_ends_when_its_last_pool_is_closed_and_another_one_is_back(clock, lines):
    endpoints = [Endpoint(), Endpoint()]
    back, closed = (start(each) for each in endpoints)
    for each in endpoints:
        each.refuse()
    clock.advance(5)
    endpoints[0].accept()
    clock.advance(0)
    assert lines == [BEGUN], "the other one is not connected yet"
    clock.advance(60)
    closed.disconnect()
    over = "info: Redis r:1: connected after 5.0 seconds without a connection"
    assert lines == [BEGUN, over], "the time until the last pool that came back"
    back.disconnect()
    assert lines == [BEGUN, over] and outage._groups == {}


def test_an_outage_in_which_what_came_back_is_lost_again_has_no_end_when_its_pools_are_closed(clock, lines):
    endpoints = [Endpoint(), Endpoint()]
    factories = [start(each) for each in endpoints]
    for each in endpoints:
        each.refuse()
    clock.advance(5)
    endpoints[0].accept()
    clock.advance(0)
    factories[0].delConnection(factories[0].pool[0])
    factories[0].noteOutage("connection refused")
    assert lines[1:] == [line for line in lines[1:] if "not connected" in line]
    begun = list(lines)
    for each in factories:
        each.disconnect()
    assert lines == begun and outage._groups == {}


def test_a_refusal_while_other_connections_are_usable_is_one_line(clock, endpoint, lines):
    factory = start(endpoint, 3, password="secret")
    endpoint.accept()
    (first, *others) = endpoint.transports
    first.protocol.dataReceived(b"+OK\r\n")
    clock.advance(0)
    for each in others:
        each.protocol.dataReceived(b"-ERR max number of clients reached\r\n")
    assert factory.size == 1
    told = "warn: Redis r:1: the server refuses a further connection: could not auth: ERR max number of clients reached"
    assert lines == [told]
    factory.disconnect()


def test_a_server_that_hangs_is_one_overdue_reply_and_one_outage(clock, endpoint, lines):
    factory = start(endpoint, 3, replyTimeout=2)
    endpoint.accept()
    clock.advance(0)
    asked = [connection.get("a") for connection in factory.pool]
    for _ in range(3):
        clock.advance(1)
    for each in asked:
        failed(each, redis.ReplyTimeoutError)
    reason = "Not received Redis response in 2 seconds"
    assert lines == [
        f"warn: Redis r:1: {reason}; its connection is closed, with 1 command unanswered",
        f"warn: Redis r:1: not connected: {reason}; trying to connect until it is reachable",
    ]
    factory.disconnect()


def test_a_refused_login_of_a_lazy_pool_is_one_line_with_its_reason(clock, endpoint, lines):
    factory = start(endpoint, 3, password="secret")
    waiting = factory.handler.get("a")
    for _ in range(3):
        endpoint.accept()
        for each in endpoint.transports:
            each.protocol.dataReceived(b"-WRONGPASS invalid username-password pair\r\n")
        endpoint.transports.clear()
        clock.advance(11)
    reason = "could not auth: WRONGPASS invalid username-password pair"
    assert lines == [f"warn: Redis r:1: not connected: {reason}; trying to connect until it is reachable"]
    assert str(failed(waiting, redis.NotSentError)) == f"Not connected: r:1: {reason}"
    factory.disconnect()


def test_a_refused_login_of_a_constructor_names_the_server(clock, endpoint, lines):
    factory = redis.RedisFactory("r:1", None, 1, password="secret")
    connected = factory.deferred
    factory.startConnecting(endpoint)
    endpoint.accept()
    endpoint.transports[0].protocol.dataReceived(b"-WRONGPASS no\r\n")
    assert str(failed(connected, redis.ConnectionFailedError)) == "Redis error: could not auth: WRONGPASS no (r:1)"
    assert lines == []


def test_a_constructor_that_waits_tells_it_once_also_on_stderr_if_nothing_observes_the_log(
    clock, lines, monkeypatch, capsys
):
    start(Endpoint()).noteOutage("connection refused")
    lines.clear()
    endpoint = Endpoint()
    factory = start(endpoint, 10, lazy=False)
    connected = factory.deferred
    endpoint.refuse()
    assert lines == [BEGUN], "the other pool has the same outage, but this caller has heard nothing yet"
    assert capsys.readouterr().err == ""
    factory.disconnect()
    failed(connected, redis.ConnectionFailedError)

    monkeypatch.setattr(events, "globalLogPublisher", LogPublisher())
    for lazy, expected in ((False, f"{BEGUN.removeprefix('warn: ')}\n"), (True, "")):
        endpoint = Endpoint()
        factory = start(endpoint, 10, lazy=lazy)
        connected = factory.deferred
        outage._groups.clear()
        for _ in range(3):
            endpoint.refuse()
            clock.advance(10)
        assert capsys.readouterr().err == expected
        factory.disconnect()
        if not lazy:
            failed(connected, redis.ConnectionFailedError)


def test_factories_under_twisteds_connectors_name_their_server_too(lines, monkeypatch):
    reactor = MemoryReactor()
    monkeypatch.setattr(redis, "reactor", reactor, raising=False)
    factory = redis.SubscriberFactory(isLazy=True)
    reactor.connectTCP("redis.example", 6390, factory)
    connector: Any = reactor.connectors[-1]
    factory.startedConnecting(connector)
    factory.clientConnectionFailed(connector, Failure(ConnectionRefusedError()))
    assert lines == [BEGUN.replace("r:1", "redis.example:6390")]
    factory.poolTimeout = 0
    text = "Not connected: redis.example:6390: connection refused"
    assert str(failed(factory.handler.get("a"), redis.NotSentError)) == text
    factory.disconnect()


@pytest.mark.parametrize(
    ("uuid", "name"),
    [("::1:6379", "[::1]:6379"), ("tcp:localhost:6379", "tcp:localhost:6379"), ("/run/redis.sock", "/run/redis.sock")],
)
def test_servers_have_their_usual_names(uuid, name):
    assert redis.RedisFactory(uuid, None, 1).observer.server == name


def test_an_attempt_is_told_at_debug(clock, endpoint, lines):
    seen: list[Any] = []
    globalLogPublisher.addObserver(seen.append)
    try:
        factory = start(endpoint, 2)
        endpoint.refuse()
        clock.advance(2)
        factory.disconnect()
    finally:
        globalLogPublisher.removeObserver(seen.append)
    told = [(event.get("redis_event"), event["log_level"].name) for event in seen]
    assert told.count(("attempt_failed", "debug")) == told.count(("retry", "debug")) == 2
    assert {event["log_namespace"] for event in seen} == {"txredis_fast"}, "Twisted's ClientService is silent"
    assert [formatEvent(event) for event in seen if event["log_level"] is LogLevel.debug] == [""] * 4


def test_the_debug_mode_writes_what_is_debug(clock, endpoint, monkeypatch):
    monkeypatch.setattr(events, "_SHOWS_DETAILS", True)
    seen: list[str] = []

    def observe(event: Any) -> None:
        seen.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    try:
        factory = start(endpoint)
        endpoint.refuse()
        factory.disconnect()
    finally:
        globalLogPublisher.removeObserver(observe)
    assert "Redis r:1: an attempt to connect failed: connection refused" in seen


def test_waiting_without_an_attempt_that_has_ended_names_the_server(clock, endpoint):
    factory = start(endpoint, poolTimeout=0)
    text = "Not connected: r:1: no attempt to connect has ended yet"
    assert str(failed(factory.handler.get("a"), redis.NotSentError)) == text
    endpoint.refuse()
    assert str(failed(factory.handler.multi(), redis.NotSentError)) == "Not connected: r:1: connection refused"
    limited = factory.handler.withTimeout(3)
    factory.poolTimeout = 30
    waiting = limited.get("a")
    clock.advance(3)
    text = "Not connected: r:1: connection refused (no connection was free within 3 seconds)"
    assert str(failed(waiting, redis.NotSentError)) == text
    fired(factory.disconnect())
    assert str(failed(factory.handler.get("a"), redis.NotSentError)) == "Not connected"
