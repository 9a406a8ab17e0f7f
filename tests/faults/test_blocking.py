"""Blocking commands have connections of their own, and giving one up takes nothing out of the database."""

from __future__ import annotations

import pytest
from testbed.lists import ListServer
from testbed.memory import let_pass
from testbed.scripted import settle
from testbed.support import Pool, failed, fired, pending
from testbed.wire import command
from twisted.internet.defer import CancelledError
from twisted.logger import globalLogPublisher

import txredis_fast as redis
from txredis_fast.client.factory import RedisFactory

pytestmark = [
    pytest.mark.usefixtures("both", "logged_errors"),
    pytest.mark.promise(
        "Blocking commands neither delay nor use the connections of the pool",
        "Their time limit is their own timeout plus ``replyTimeout``, or plus 10 seconds if that is None.",
        about="Blocking commands",
    ),
]


class Lane:
    """A pool in memory, and its server."""

    def __init__(self, clock, poolsize=1, **options):
        self.clock = clock
        self.server = ListServer(clock)
        self.unclaimed = []
        options.setdefault("onUnclaimedReply", lambda *args: self.unclaimed.append(args))
        self.factory = RedisFactory("memory", options.pop("dbid", None), poolsize, **options)
        self.factory.startConnecting(self.server.endpoint)
        self.rc = self.factory.handler
        self.settle()

    def settle(self):
        settle(self.clock)

    def introduce(self):
        """Let it be known that all connections lead to one server, so that an UNBLOCK is sent at once."""
        lane = self.factory.blockingLane
        for known in lane._same_server.values():
            known.update([*self.factory.pool, *lane.connections])

    @property
    def extra(self):
        """How many connections there are beyond the pool's."""
        return len(self.server.endpoint.alive) - self.factory.size

    def close(self):
        done = self.factory.disconnect()
        self.settle()
        assert done.called
        assert self.clock.getDelayedCalls() == []


@pytest.fixture
def lane(clock):
    lanes = []

    def make(**options):
        lanes.append(Lane(clock, **options))
        return lanes[-1]

    yield make
    for each in lanes:
        each.close()


def test_a_blocking_command_holds_up_nobody(lane):
    a = lane()
    blocked = a.rc.blpop("q")
    by_name = a.rc.execute_command("brpop", "q", 0)
    others = [a.rc.get("k") for _ in range(5)]
    a.settle()
    assert [fired(each) for each in others] == ["OK"] * 5
    assert pending(blocked), pending(by_name)
    assert a.factory.size == len(a.factory.pool) == 1
    assert a.extra == 2
    a.server.push(b"q", b"x")
    a.settle()
    assert fired(blocked) == ["q", "x"]


def test_connections_are_used_again_and_closed_when_they_have_rested(lane, clock):
    a = lane()
    a.server.push(b"q", *[b"x"] * 20)
    for _ in range(20):
        popped = a.rc.blpop("q")
        a.settle()
        assert fired(popped) == ["q", "x"]
    assert a.extra == 1
    clock.advance(a.factory.blockingIdleTime - 1)
    assert a.extra == 1
    clock.advance(1.1)
    a.settle()
    assert a.extra == 0
    assert a.factory.size == 1


def test_there_are_at_most_so_many(lane, clock):
    a = lane(maxBlockingConnections=2, poolTimeout=5)
    blocked = [a.rc.blpop("q", 60) for _ in range(4)]
    a.settle()
    assert a.extra == 2
    a.server.push(b"q", b"1", b"2", b"3")
    a.settle()
    assert [fired(each)[1] for each in blocked[:3]] == [1, 2, 3]
    fifth, sixth = a.rc.blpop("q", 60), a.rc.blpop("q", 60)
    clock.advance(5.1)
    assert "all 2 connections for blocking commands are taken" in str(failed(sixth, redis.NotSentError))
    for each in (blocked[3], fifth):
        assert pending(each)
        each.cancel()
        failed(each, CancelledError)


def test_without_a_lane_a_blocking_command_takes_one_of_the_pools(lane):
    a = lane(maxBlockingConnections=0, poolsize=2)
    blocked = a.rc.blpop("q")
    a.settle()
    assert a.extra == 0
    assert len(a.factory.connectionQueue.pending) == 1
    a.server.push(b"q", b"x")
    a.settle()
    assert fired(blocked) == ["q", "x"]


@pytest.mark.parametrize("wrong", [-1, "2"])
def test_a_wrong_number_is_refused(wrong):
    with pytest.raises(ValueError, match="maxBlockingConnections"):
        redis.ConnectionOptions(maxBlockingConnections=wrong)


def test_login_and_database_are_the_pools(lane):
    a = lane(dbid=3, password="secret")
    a.rc.blpop("q").addErrback(lambda _: None)
    a.settle()
    names = [args[0] for args in a.server.sessions[-1].commands]
    assert names == [b"AUTH", b"SELECT", b"CLIENT", b"CLIENT", b"BLPOP"]
    a.server.push(b"q", b"x")
    a.settle()
    changed = a.rc.select(5)
    a.settle()
    assert fired(changed) == "OK"
    a.rc.blpop("q").addErrback(lambda _: None)
    a.settle()
    assert a.server.sessions[-1].commands[-2:] == [[b"SELECT", b"5"], [b"BLPOP", b"q", b"0"]]


def test_what_a_protocol_subclass_overrides_is_honoured(lane, clock):
    a = lane()

    class Program(redis.RedisProtocol):
        def blpop(self, keys, timeout=0):
            return super().blpop("prefix:" + keys, timeout)

    a.factory.protocol = Program
    a.server.push(b"prefix:q", b"x")
    popped = a.rc.blpop("q")
    a.settle()
    assert fired(popped) == ["prefix:q", "x"]


# -- deadlines


@pytest.mark.parametrize(("reply_timeout", "slack"), [(2, 2), (None, 10)])
def test_its_deadline_is_its_own_timeout_and_some_more(lane, clock, reply_timeout, slack):
    a = lane(replyTimeout=reply_timeout)
    silent = a.rc.blpop("q", 5)
    a.settle()
    let_pass(clock, 5 + slack - 0.1, 0.02)  # in one step it would be a long turn
    assert pending(silent)
    clock.advance(0.12)
    a.settle()
    failed(silent, redis.ReplyTimeoutError)
    assert a.extra == 0, "that connection is closed"
    assert a.factory.size == 1, "and no other"


def test_without_a_timeout_of_its_own_it_waits_for_ever(lane, clock):
    a = lane(replyTimeout=1)
    for_ever = a.rc.blpop("q", 0)
    a.settle()
    clock.advance(100_000)
    a.server.push(b"q", b"x")
    a.settle()
    assert fired(for_ever) == ["q", "x"]


# -- given up


def cancelled(a, blocked):
    blocked.cancel()
    failed(blocked, CancelledError)
    a.settle()


def test_one_that_waits_at_the_server_is_unblocked_and_its_connection_used_again(lane):
    a = lane()
    blocked = a.rc.blpop("q")
    a.settle()
    cancelled(a, blocked)
    assert a.server.blocked == {}
    a.server.push(b"q", b"x")
    again = a.rc.blpop("q")
    a.settle()
    assert fired(again) == ["q", "x"]
    assert a.extra == 1
    assert a.unclaimed == []


def test_one_that_waits_for_a_connection_leaves_no_trace(lane):
    a = lane()
    blocked = a.rc.blpop("q")
    cancelled(a, blocked)
    a.server.push(b"q", b"x")
    assert a.server.lists[b"q"]
    assert not a.server.blocked


def test_an_element_that_was_taken_already_goes_to_the_hook(lane):
    a = lane()
    blocked = a.rc.blpop("q")
    a.settle()
    a.server.push(b"q", b"x")  # its reply is on the way
    blocked.cancel()
    failed(blocked, CancelledError)
    a.settle()
    assert a.unclaimed == [(("BLPOP", "q", 0), ["q", "x"])]
    assert a.server.lists[b"q"] == a.server.lists[b"none"]
    assert a.extra == 1


@pytest.mark.parametrize(
    ("command", "warned"),
    [
        (("BLPOP", "q", 0), True),
        (("XREADGROUP", "GROUP", b"g", "me", "BLOCK", 5, "STREAMS", "s", ">"), False),
        (("XREADGROUP", "GROUP", b"g", "me", "NOACK", "STREAMS", "s", ">"), True),
    ],
)
def test_without_a_hook_a_warning_tells_of_what_is_lost_but_pending_entries_are_not(lane, command, warned):
    a = lane(onUnclaimedReply=None)
    events = []
    observe = events.append
    globalLogPublisher.addObserver(observe)
    try:
        a.factory.blockingLane.unclaimed(command, ["q", "x"])
    finally:
        globalLogPublisher.removeObserver(observe)
    assert bool([event for event in events if "onUnclaimedReply" in event.get("log_format", "")]) == warned


def test_one_that_the_server_has_not_read_yet_is_unblocked_later(lane, clock):
    a = lane()
    a.server.delay = 0.1
    blocked = a.rc.blpop("q")
    a.settle()
    cancelled(a, blocked)
    for _ in range(30):
        clock.advance(0.02)
        a.settle()
    assert a.server.blocked == {}
    a.server.push(b"q", b"x")
    assert list(a.server.lists[b"q"]) == [b"x"]
    assert a.extra == 1


@pytest.mark.promise(
    "Cancelling a blocking command unblocks no other client, even behind a proxy or load balancer",
    about="Blocking commands",
)
def test_a_late_unblock_never_hits_the_next_command(lane, clock):
    a = lane(maxBlockingConnections=1)
    first = a.rc.blpop("q")
    a.settle()
    a.server.push(b"q", b"x")
    (client,) = a.factory.pool
    a.introduce()
    sent = []
    client.transport.write, write = sent.append, client.transport.write
    first.cancel()
    failed(first, CancelledError)
    second = a.rc.blpop("q")
    a.settle()
    assert a.unclaimed
    assert not a.server.blocked, "the second is not sent before the UNBLOCK is answered"
    client.transport.write = write
    write(b"".join(sent))
    a.settle()
    assert len(a.server.blocked) == 1
    a.server.push(b"q", b"y")
    a.settle()
    assert fired(second) == ["q", "y"]


class Balancer:
    """An endpoint that leads to one of several servers, as it is told."""

    def __init__(self, *servers):
        self.servers = servers
        self.next = 0

    def connect(self, factory):
        return self.servers[self.next].endpoint.connect(factory)


@pytest.mark.promise("Cancelling a blocking command unblocks no other client, even behind a proxy or load balancer")
def test_a_stranger_at_another_server_is_not_unblocked(clock):
    mine, other = ListServer(clock), ListServer(clock)
    balancer = Balancer(mine, other)
    factory, strangers = (RedisFactory(name, None, 1) for name in ("balanced", "theirs"))
    factory.startConnecting(balancer)
    balancer.next = 1
    strangers.startConnecting(other.endpoint)
    settle(clock)
    stranger = strangers.handler.blpop("q")
    settle(clock)
    (number,) = other.blocked
    blocked = factory.handler.blpop("q")  # on the other server, its number is that of nobody here
    settle(clock)
    assert len(other.blocked) == 2
    lane = factory.blockingLane
    (connection,) = lane.connections
    mine.blocked = {lane._ids[connection]: next(iter(other.blocked.values()))}  # where it is a stranger's
    blocked.cancel()
    settle(clock)
    failed(blocked, CancelledError)
    assert pending(stranger)
    assert mine.blocked, "somebody who has that number at another server was unblocked"
    assert not connection.connected, "it is closed, since nobody can tell its server"
    for each in (factory, strangers):
        each.disconnect()
    settle(clock)
    failed(stranger, redis.ConnectionError)


@pytest.mark.promise("Cancelling a blocking command unblocks no other client, even behind a proxy or load balancer")
def test_whether_the_server_is_the_same_is_asked_once(lane, clock):
    a = lane()
    for _ in range(3):
        blocked = a.rc.blpop("q")
        a.settle()
        cancelled(a, blocked)
        a.settle()
    commands = [b" ".join(args[:2]) for session in a.server.sessions for args in session.commands]
    assert commands.count(b"CLIENT LIST") == 1
    assert commands.count(b"CLIENT UNBLOCK") == 3
    assert a.extra == 1


def test_what_was_given_up_before_the_server_was_known_has_its_connection_back(lane, clock):
    a = lane()
    blocked = a.rc.blpop("q")
    a.settle()
    (messenger,) = a.factory.pool
    written = never_sent(messenger)
    blocked.cancel()
    failed(blocked, CancelledError)
    assert b"LIST" in b"".join(written)
    a.server.push(b"q", b"x")
    a.settle()
    assert a.unclaimed == [(("BLPOP", "q", 0), ["q", "x"])]
    assert a.extra == 1
    again = a.rc.blpop("q")
    del messenger.transport.write
    messenger.transport.write(b"".join(written))
    a.settle()
    assert pending(again), "nothing is left of the UNBLOCK that was not needed"
    a.server.push(b"q", b"y")
    a.settle()
    assert fired(again) == ["q", "y"]


def never_sent(connection):
    """From now on, what is written on a connection does not get to the server; what that is."""
    written = []
    connection.transport.write = written.append
    return written


def test_where_who_tells_the_server_is_lost_another_one_tells_it(lane, clock):
    a = lane(poolsize=2)
    blocked = a.rc.blpop("q")
    a.settle()
    messenger = a.factory.connectionQueue.pick()
    a.introduce()
    written = never_sent(messenger)
    blocked.cancel()
    failed(blocked, CancelledError)
    assert b"UNBLOCK" in b"".join(written)
    messenger.transport.abortConnection()
    a.settle()
    clock.advance(a.factory.maxDelay)
    a.settle()
    assert a.server.blocked == {}
    a.server.push(b"q", b"x")
    assert list(a.server.lists[b"q"]) == [b"x"]


def test_where_who_tells_the_server_is_lost_the_element_that_comes_goes_to_the_hook(lane, clock):
    a = lane()
    blocked = a.rc.blpop("q")
    a.settle()
    (messenger,) = a.factory.pool
    a.introduce()
    never_sent(messenger)
    blocked.cancel()
    failed(blocked, CancelledError)
    messenger.transport.abortConnection()
    a.server.push(b"q", b"x")
    a.settle()
    assert a.unclaimed == [(("BLPOP", "q", 0), ["q", "x"])]
    # Nobody knows whether the server is still to see that UNBLOCK: it must not hit another command.
    assert a.extra == 0
    clock.advance(a.factory.maxDelay)
    a.settle()
    assert a.factory.size == 1


def test_where_nobody_can_tell_the_server_in_the_end_the_connection_is_closed(lane, clock):
    a = lane()
    blocked = a.rc.blpop("q")
    a.settle()
    blocked_on = next(iter(a.factory.blockingLane.connections))
    a.introduce()
    blocked.cancel()
    failed(blocked, CancelledError)
    for _ in range(100):
        for connection in a.factory.pool:
            connection.transport.abortConnection()
        clock.advance(0.1)
        a.settle()
    assert not blocked_on.connected
    clock.advance(a.factory.maxDelay)
    a.settle()


def test_a_connection_that_tells_the_server_has_not_rested(lane, clock):
    a = lane()
    a.server.push(b"q", b"x", b"y")
    popped = [a.rc.blpop("q"), a.rc.blpop("q")]
    a.settle()
    assert [fired(each)[1] for each in popped] == ["x", "y"]
    assert a.extra == 2
    transaction = a.rc.multi()  # takes the pool's only connection
    a.settle()
    blocked = a.rc.blpop("q")
    a.settle()
    clock.advance(a.factory.blockingIdleTime - 0.01)
    (messenger,) = a.factory.blockingLane._idle
    a.introduce()
    written = never_sent(messenger)
    blocked.cancel()
    failed(blocked, CancelledError)
    assert b"UNBLOCK" in b"".join(written)
    clock.advance(0.02)
    assert messenger.connected
    del messenger.transport.write
    messenger.transport.write(b"".join(written))
    a.settle()
    assert a.server.blocked == {}
    assert a.extra == 2
    fired(transaction).discard()
    a.settle()


def test_where_the_server_cannot_unblock_the_connection_is_closed(lane):
    a = lane()
    a.server.knows_clients = False
    blocked = a.rc.blpop("q")
    a.settle()
    assert a.extra == 1
    cancelled(a, blocked)
    assert a.extra == 0
    assert a.factory.size == 1


def test_a_server_that_never_answers_has_its_connection_closed(lane, clock):
    a = lane()
    a.server.delay = 1000.0
    blocked = a.rc.blpop("q")
    a.settle()
    cancelled(a, blocked)
    for _ in range(70):
        clock.advance(0.1)
        a.settle()
    assert a.extra == 0


def test_without_a_hook_it_is_logged_without_the_element(lane):
    from twisted.logger import globalLogPublisher

    a = lane(onUnclaimedReply=None)
    blocked = a.rc.blpop("q")
    a.settle()
    events = []
    globalLogPublisher.addObserver(events.append)
    try:
        a.server.push(b"q", b"secret")
        blocked.cancel()
        failed(blocked, CancelledError)
        a.settle()
    finally:
        globalLogPublisher.removeObserver(events.append)
    (event,) = [event for event in events if "given up" in str(event.get("log_format"))]
    assert event["name"] == "BLPOP"
    assert "secret" not in repr(event)


def test_a_hook_that_raises_is_logged_and_harms_nothing(lane, logged_errors):
    a = lane(onUnclaimedReply=lambda command, reply: 1 / 0)
    blocked = a.rc.blpop("q")
    a.settle()
    a.server.push(b"q", b"x", b"y")
    cancelled(a, blocked)
    assert [type(error) for error in logged_errors.flush()] == [ZeroDivisionError]
    again = a.rc.blpop("q")
    a.settle()
    assert fired(again) == ["q", "y"]


# -- connections that come and go


def test_one_whose_connection_is_lost_fails_and_the_next_gets_another(lane):
    a = lane()
    blocked = a.rc.blpop("q")
    a.settle()
    a.server.endpoint.links[-1].reset()
    failed(blocked, redis.MaybeExecutedError)
    a.server.blocked.clear()
    a.server.push(b"q", b"x")
    again = a.rc.blpop("q")
    a.settle()
    assert fired(again) == ["q", "x"]


def test_it_waits_for_a_server_that_comes_back(lane, clock):
    a = lane()
    a.server.endpoint.refuses = True
    a.server.push(b"q", b"x")
    waiting = a.rc.blpop("q")
    a.settle()
    clock.advance(5)
    assert pending(waiting)
    a.server.endpoint.refuses = False
    clock.pump([1] * 15)
    a.settle()
    assert fired(waiting) == ["q", "x"]


def test_it_fails_when_nothing_comes_in_time(lane, clock):
    a = lane(poolTimeout=3)
    a.server.endpoint.refuses = True
    waiting = a.rc.blpop("q")
    clock.pump([0.5] * 8)
    failed(waiting, redis.NotSentError)


def test_with_no_time_to_wait_a_connection_is_made_all_the_same(lane):
    a = lane(poolTimeout=0)
    a.server.push(b"q", b"x")
    popped = a.rc.blpop("q")
    a.settle()
    assert fired(popped) == ["q", "x"]


def test_disconnect_ends_the_lane(lane):
    a = lane()
    blocked = a.rc.blpop("q")
    a.settle()
    resting = a.rc.blpop("r")
    a.settle()
    a.server.push(b"r", b"x")
    a.settle()
    assert fired(resting)
    a.close()
    failed(blocked, redis.MaybeExecutedError)
    assert not a.server.endpoint.alive
    failed(a.rc.blpop("q"), redis.NotSentError)


def test_a_pipeline_with_a_blocking_command_is_in_the_lane_too(lane):
    a = lane()
    p = fired(a.rc.pipeline())
    p.set("a", 1)
    p.blpop("q")
    done = p.execute_pipeline()
    a.settle()
    assert pending(done)
    assert a.extra == 1
    a.server.push(b"q", b"x")
    done.cancel()
    failed(done, CancelledError)
    a.settle()
    assert a.unclaimed == [(("BLPOP", "q", 0), ["q", "x"])]


def test_WAIT_speaks_of_the_writes_of_the_shared_connection(clock):
    pool = Pool(2)
    pool.handler.set("a", 1)
    transport = pool.busy()
    waiting = pool.handler.execute_command("WAIT", 1, 100)
    pool.handler.get("b")
    assert b"WAIT" in transport.take()
    (other,) = [each for each in pool.transports if each.value()]
    assert other is not transport
    transport.protocol.dataReceived(b"+OK\r\n:1\r\n")
    assert fired(waiting) == 1
    assert len(pool.factory.connectionQueue.pending) == 2


def test_the_keyword_timeout_of_a_command_is_the_commands_own(lane, clock):
    a = lane()
    blocked = a.rc.blpop("q", timeout=2)
    a.settle()
    clock.advance(3)  # as long as its own, and not yet overdue
    a.settle()
    assert pending(blocked)
    assert [b"BLPOP", b"q", b"2"] in [args for session in a.server.sessions for args in session.commands]
    a.server.push(b"q", b"x")
    a.settle()
    assert fired(blocked) == ["q", "x"]


def test_the_keyword_timeout_of_a_command_is_its_own_without_a_lane_too(clock):
    pool = Pool()
    outcomes = []
    pool.handler.brpop("q", timeout=2).addBoth(outcomes.append)
    clock.advance(3)
    assert outcomes == []
    assert pool.answer(b"*-1\r\n") == command("BRPOP", "q", 2)
    assert outcomes == [None]


def raises(*args):
    raise RuntimeError("injected")


@pytest.mark.parametrize("how", ["cancelled", "overdue"])
def test_the_caller_of_a_command_given_up_is_told_whatever_is_raised_meanwhile(lane, clock, monkeypatch, how):
    a = lane()
    d = a.rc.execute_command("BLPOP", "q", 0, timeout=3)
    a.settle()
    monkeypatch.setattr(a.factory.blockingLane, "messenger_for", raises)
    with pytest.raises(RuntimeError, match="injected"):
        d.cancel() if how == "cancelled" else clock.pump([3, 0, 0])
    failed(d, CancelledError if how == "cancelled" else redis.ReplyTimeoutError)


def test_a_command_that_cannot_begin_to_wait_leaves_no_timer(lane, clock, monkeypatch):
    a = lane()
    before = len(clock.getDelayedCalls())
    monkeypatch.setattr(a.factory.blockingLane, "get", raises)
    with pytest.raises(RuntimeError, match="injected"):
        a.rc.execute_command("BLPOP", "q", 0, timeout=3)
    assert len(clock.getDelayedCalls()) == before
