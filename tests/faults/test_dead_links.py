"""Links whose other end has vanished: noticed within the interval and what a reply may take; and no false alarms."""

from __future__ import annotations

import socket

import pytest
import pytest_twisted
from testbed.live import bounded, opened
from testbed.memory import Memory
from testbed.proxy import proxied
from testbed.scripted import MemoryEndpoint, Session, answering, settle
from testbed.support import connect, connected, failed, fired, pending
from testbed.ways import Fault
from twisted.internet.defer import Deferred

import txredis_fast as redis
from txredis_fast._tunables import HEALTH_TURNS
from txredis_fast.pool.health import HealthChecks, keep_alive

pytestmark = pytest.mark.promise(
    "With ``healthCheckInterval`` a half-open connection is detected within that interval plus the limit of a reply",
    "That limit is ``replyTimeout``, or the same interval. An idle connection, subscribed or not, is tested by "
    "PING. While a blocking command waits, TCP tests the connection: keep-alive, and ``TCP_USER_TIMEOUT`` on "
    "Linux, are set to the same interval.",
    about="Connections",
)

ANSWERS = {"GET": b"$1\r\nv\r\n", "MULTI": b"+OK\r\n", "CLIENT": b":7\r\n", "BLPOP": b"", "SLOW": b""}


class Links(Memory):
    def __init__(self, clock, script=None, size=1, **options):
        super().__init__(clock, script or answering(ANSWERS), size, **options)

    def vanish(self):
        """Nothing passes any more, and every connection stays open."""
        for link in self.endpoint.alive:
            link.up.fault = link.down.fault = Fault(stop_after=0)

    def pings(self):
        return sum(each == [b"PING"] for link in self.endpoint.links for each in link.server.protocol.commands)

    def close(self):
        self.rc.disconnect()
        self.let_pass(6)
        assert self.clock.getDelayedCalls() == []


def test_without_the_option_nothing_is_sent_and_no_timer_runs(both, clock):
    memory = Links(clock)
    assert clock.getDelayedCalls() == []
    memory.let_pass(1000, 50)
    assert memory.pings() == 0
    memory.close()


def test_of_a_link_that_was_given_up_no_other_command_is_blamed(both, clock):
    memory = Links(clock, healthCheckInterval=4, replyTimeout=None, poolTimeout=None)
    memory.vanish()
    only = memory.rc.get("k")
    memory.let_pass(8)
    error = failed(only, redis.MaybeExecutedError)
    assert str(error).startswith("Lost connection: Nothing came from the server for ")
    assert "another command" not in str(error) and "may have been executed" in str(error)
    memory.close()


@pytest.mark.parametrize("moment", [0, 1.25, 2.5, 4.75])
@pytest.mark.parametrize("in_flight", [False, True])
def test_a_half_open_link_is_noticed_within_the_interval_and_what_a_reply_may_take(both, clock, moment, in_flight):
    memory = Links(clock, healthCheckInterval=4, replyTimeout=None, poolTimeout=None)
    memory.let_pass(20 + moment)
    assert fired_after(memory, memory.rc.get("k")) == "v"
    memory.vanish()
    d = memory.rc.get("k") if in_flight else None
    memory.let_pass(4 + 4)
    assert len(memory.endpoint.links) == 2 or memory.factory.size == 0
    if d is not None:
        assert "Nothing came" in str(failed(d, redis.MaybeExecutedError))
    memory.let_pass(2)
    assert fired_after(memory, memory.rc.get("k")) == "v"
    memory.close()


def fired_after(memory, deferred):
    settle(memory.clock)
    return fired(deferred)


def test_a_shorter_replyTimeout_is_what_a_PING_may_take(both, clock):
    memory = Links(clock, healthCheckInterval=4, replyTimeout=1)
    memory.let_pass(10)
    memory.vanish()
    memory.let_pass(5)
    assert len(memory.endpoint.links) == 2 or memory.factory.size == 0
    memory.close()


def test_an_idle_connection_stays_and_one_that_is_used_is_not_asked(both, clock):
    memory = Links(clock, healthCheckInterval=4)
    memory.let_pass(40)
    assert memory.factory.size == 1 and len(memory.endpoint.links) == 1
    asked = memory.pings()
    assert 8 <= asked <= 20
    for _ in range(40):
        assert fired_after(memory, memory.rc.get("k")) == "v"
        memory.let_pass(1)
    assert memory.pings() == asked
    memory.close()


def test_a_pool_has_one_timer_that_ends_with_its_last_connection(both, clock):
    memory = Links(clock, size=5, healthCheckInterval=4)
    assert len(clock.getDelayedCalls()) == 1
    memory.let_pass(50)
    assert len(clock.getDelayedCalls()) == 1
    memory.close()
    assert not clock.getDelayedCalls()


def test_the_timer_of_a_large_pool_rings_a_bounded_number_of_times(both, clock, monkeypatch):
    rings = []
    examine = HealthChecks._examine
    monkeypatch.setattr(HealthChecks, "_examine", lambda self: (rings.append(clock.seconds()), examine(self)))
    memory = Links(clock, size=100, healthCheckInterval=4)
    memory.let_pass(40)
    assert len(rings) <= 20 * HEALTH_TURNS + 1
    assert memory.pings() >= 100 * 8, "each connection was examined"
    memory.vanish()
    memory.let_pass(10)
    assert memory.factory.size == 0 or len(memory.endpoint.links) == 200
    memory.close()


class Fake:
    """A connection, as far as its checks know it."""

    def __init__(self, clock):
        self.replyTimeout = None
        self.paused = False
        self.callLater = clock.callLater
        self.lost = Deferred()
        self.whenDisconnected = lambda: self.lost
        self.clock = clock
        self.pinged = []
        self.link = self
        self.clock_seconds = clock.seconds
        self.reader = self.blocked_by = None
        self.requests = self
        self.waiting = ()
        self.progress = None

    def execute_stock(self, *args):
        self.pinged.append(self.clock.seconds())
        return Deferred()


def test_connections_that_come_at_different_times_are_examined_in_their_turns(clock):
    checks = HealthChecks(lambda connection: True)
    fakes = []
    for _ in range(3):
        fakes.append(Fake(clock))
        checks.add(fakes[-1], 4)
        clock.advance(0.5)
    fakes[1].lost.callback(fakes[1])
    for _ in range(80):
        clock.advance(0.1)
    assert fakes[1].pinged == []
    for number, late in ((0, 0), (2, 1.0)):
        assert [round(each - late) for each in fakes[number].pinged[:3]] == [2, 4, 6], fakes[number].pinged
    fakes[0].lost.callback(fakes[0])
    fakes[2].lost.callback(fakes[2])
    assert not clock.getDelayedCalls()


def test_an_examination_that_takes_longer_than_the_pace_ends(clock, monkeypatch):
    checks = HealthChecks(lambda connection: True)
    fakes = [Fake(clock) for _ in range(10)]
    for fake in fakes:
        checks.add(fake, 4)

    def slowly(fake, *args):
        fake.pinged.append(args)
        clock.rightNow += 1
        assert len(fake.pinged) < 10, "the reactor gets no turn"
        return Deferred()

    monkeypatch.setattr(Fake, "execute_stock", slowly)
    clock.advance(2)
    assert [len(fake.pinged) for fake in fakes] == [1] * 10
    for fake in fakes:
        fake.lost.callback(fake)
    assert not clock.getDelayedCalls()


def test_lost_connections_are_not_kept_until_it_is_their_turn(clock):
    checks = HealthChecks(lambda connection: True)
    stays = Fake(clock)
    checks.add(stays, 600)
    for _ in range(100):
        fake = Fake(clock)
        checks.add(fake, 600)
        fake.lost.callback(fake)
    assert len(checks._turns) <= 20
    clock.advance(300)
    assert len(stays.pinged) == 1
    stays.lost.callback(stays)
    assert not clock.getDelayedCalls()


def test_a_connection_that_cannot_be_added_leaves_no_timer(clock):
    checks = HealthChecks(lambda connection: True)
    fake = Fake(clock)
    fake.whenDisconnected = None
    with pytest.raises(TypeError):
        checks.add(fake, 4)
    assert not clock.getDelayedCalls()


def test_a_transaction_that_rests_gets_no_PING_among_its_replies(both, clock):
    memory = Links(clock, healthCheckInterval=4)
    multi = memory.rc.multi()
    settle(clock)
    transaction = fired(multi)
    memory.let_pass(40)
    assert memory.pings() == 0 and memory.factory.size == 1
    discarded = transaction.discard()
    settle(clock)
    fired(discarded)
    memory.close()


def test_a_blocking_command_may_take_its_time(both, clock):
    memory = Links(clock, healthCheckInterval=4, maxBlockingConnections=0)
    outcomes = []
    memory.rc.blpop("q").addBoth(outcomes.append)
    memory.let_pass(100, 1)
    assert outcomes == [] and len(memory.endpoint.links) == 1
    memory.close()


def test_a_large_reply_that_makes_progress_is_waited_for(both, clock):
    def drips(session):
        yield
        session.send(b"$20\r\n")
        for _ in range(20):
            yield 1.5
            session.send(b"x")
        session.send(b"\r\n")
        while True:
            yield

    memory = Links(clock, drips, healthCheckInterval=4)
    d = memory.rc.get("k")
    memory.let_pass(31)
    assert fired(d) == "x" * 20
    memory.rc.disconnect()
    memory.let_pass(6)


def test_a_connection_that_this_side_does_not_read_is_not_judged(both, clock):
    memory = Links(clock, healthCheckInterval=4)
    connection = memory.factory.pool[0]
    connection.pauseProducing()
    d = memory.rc.get("k")
    memory.let_pass(50)
    assert pending(d)
    connection.resumeProducing()
    assert fired_after(memory, d) == "v"
    memory.close()


def test_a_subscriber_is_asked_while_it_is_subscribed(both, clock):
    class Factory(redis.SubscriberFactory):
        jitter = 0

    def server(session):
        while True:
            args = yield
            if args[0] == b"PING":
                session.send(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n")
            else:
                session.send(b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")

    factory = Factory(isLazy=True, healthCheckInterval=4)
    endpoint = MemoryEndpoint(lambda: Session(server, clock), clock)
    factory.startConnecting(endpoint)
    settle(clock)
    factory.pool[0].subscribe("news")
    for _ in range(120):
        clock.advance(0.25)
        settle(clock)
    assert len(endpoint.links) == 1
    for link in endpoint.alive:
        link.up.fault = link.down.fault = Fault(stop_after=0)
    for _ in range(40):
        clock.advance(0.25)
        settle(clock)
    assert len(endpoint.links) == 2
    assert [b"SUBSCRIBE", b"news"] in endpoint.links[1].server.protocol.commands
    factory.disconnect()
    settle(clock)


def test_TCP_asks_for_itself_where_it_can_be_told_to():
    here, there = socket.create_server(("127.0.0.1", 0)), None
    try:
        there = socket.create_connection(here.getsockname())

        class BelowTLS:
            socket = there

        class TLS:
            transport = BelowTLS

        keep_alive(TLS, 9)
        expected = {"TCP_KEEPIDLE": 9, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 18_000}
        for name, value in expected.items():
            if hasattr(socket, name):
                assert there.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value
    finally:
        here.close()
        if there is not None:
            there.close()


def test_small_commands_do_not_wait_and_keep_alive_is_on():
    _, transport = connected()
    assert transport.options == {"nodelay": True, "keepalive": True}
    connect(redis.RedisProtocol())


def test_the_option_is_checked():
    with pytest.raises(ValueError, match="healthCheckInterval"):
        redis.ConnectionOptions(healthCheckInterval=-1)


@pytest_twisted.ensureDeferred
async def test_a_half_open_link_to_a_real_server_is_replaced(server, both):
    async with (
        proxied(*server.address) as proxy,
        opened(redis.Connection(*proxy.address, healthCheckInterval=0.2)) as rc,
    ):
        rc._factory.initialDelay = 0.01
        assert await bounded(rc.ping()) == "PONG"
        proxy.stop_forwarding()
        with pytest.raises(redis.MaybeExecutedError, match="Nothing came"):
            await bounded(rc.ping())
        assert await bounded(rc.ping()) == "PONG"
        assert proxy.accepted == 2
