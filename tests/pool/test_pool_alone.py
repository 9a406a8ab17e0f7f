"""The pool proper, without the interface of txredisapi and of Twisted's connectors; and its state machine."""

from __future__ import annotations

import pytest
from testbed.memory import let_pass
from testbed.scripted import MemoryEndpoint, Session, answering, settle
from testbed.support import failed, fired, pending
from testbed.wire import command
from twisted.internet.protocol import ReconnectingClientFactory

import txredis_fast as redis
from txredis_fast.client import ConnectionHandler
from txredis_fast.pool import Pool
from txredis_fast.pool.state import TRANSITIONS, PoolEvent, PoolState

S = PoolState

pytestmark = pytest.mark.usefixtures("both", "logged_errors")


def test_every_state_is_reached():
    reached, grown = set(), {S.FIRST}
    while grown:
        reached |= grown
        grown = {after for (before, _), after in TRANSITIONS.items() if before in reached} - reached
    assert reached == set(S)


def test_nothing_but_a_program_opens_a_pool_that_closes():
    closing = {S.CLOSING, S.CLOSED}
    out = {event for (before, event), after in TRANSITIONS.items() if before in closing and after not in closing}
    assert out == {PoolEvent.REOPEN}


@pytest.fixture
def server(clock):
    """A server in memory, whose answers the test may change."""
    answers = {"GET": b"$1\r\nv\r\n"}

    def script(session):
        return answering(answers)(session)

    endpoint = MemoryEndpoint(lambda: Session(script, clock), clock)
    endpoint.answers = answers
    return endpoint


@pytest.fixture
def make(clock, server):
    pools = []

    def make(**options):
        more = {name: options.pop(name) for name in ("isLazy", "handler") if name in options}
        pool = Pool(redis.ConnectionOptions(**options), server, uuid="memory:6379", **more)
        pool.jitter = 0
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        pool.disconnect(timeout=0)
        let_pass(clock, 6)


def test_it_is_no_factory_of_twisteds_connectors_and_has_no_handler_of_commands(make):
    pool = make(isLazy=True)
    assert not isinstance(pool, ReconnectingClientFactory | redis.RedisFactory)
    assert pool.handler is pool and pool.life.state is S.FIRST


def test_it_lends_connections(make, clock):
    pool = make(poolsize=2)
    connected = pool.deferred
    early = pool.getConnection(True)
    pool.startConnecting()
    settle(clock)
    assert fired(connected) is pool and pool.life.state is S.UP
    assert fired(early) in pool.pool and pool.stats().connections == 2
    first, second = fired(pool.getConnection()), fired(pool.getConnection())
    third = pool.getConnection()
    assert first is not second and pending(third)
    pool.connectionQueue.put(first)
    assert fired(third) is first


def test_it_sends_commands_on_a_shared_connection(make, clock, server):
    pool = make()
    pool.deferred.addErrback(lambda _: None)
    early = pool.execute_command("GET", "k")
    pool.startConnecting()
    settle(clock)
    assert fired(early) == "v"
    later = pool.execute_command("GET", "k")
    settle(clock)
    assert fired(later) == "v"


def test_a_script_that_the_server_does_not_know_is_sent_by_the_pool(make, clock, server):
    server.answers |= {"EVALSHA": b"-NOSCRIPT none\r\n", "EVAL": b"+done\r\n"}
    pool = make()
    pool.startConnecting()
    settle(clock)
    evaluated = pool.pool[0].eval("return 1")
    settle(clock)
    again = pool.pool[0].eval("return 1")
    settle(clock)
    assert fired(evaluated) == fired(again) == "done"


def test_a_handler_may_be_made_for_it(make, clock):
    pool = make(handler=ConnectionHandler)
    connected = pool.deferred
    pool.startConnecting()
    settle(clock)
    rc = fired(connected)
    assert rc is pool.handler
    got, popped = rc.get("k"), rc.blpop("q", 1)
    settle(clock)
    assert fired(got) == "v" and len(pool.lane.connections) == 1
    assert popped.called


def test_a_lost_connection_is_made_again(make, clock):
    pool = make(isLazy=True)
    pool.startConnecting()
    settle(clock)
    lost = pool.pool[0]
    lost.transport.abortConnection()
    settle(clock)
    assert pool.life.state is S.RETRYING and pool.keeps_trying and pool.may_wait
    waits = pool.execute_command("GET", "k")
    let_pass(clock, 3)
    assert fired(waits) == "v" and pool.life.state is S.UP and lost not in pool.pool


def test_without_reconnect_a_lost_connection_is_the_end(make, clock):
    pool = make(reconnect=False)
    pool.startConnecting()
    settle(clock)
    assert pool.may_wait and not pool.keeps_trying
    pool.pool[0].transport.abortConnection()
    settle(clock)
    assert not pool.may_wait
    failed(pool.execute_command("GET", "k"), redis.NotSentError)


def test_a_refused_login_is_a_state_that_another_login_ends(make, clock, server):
    server.answers["AUTH"] = b"-WRONGPASS no\r\n"
    pool = make(isLazy=True, password="former")
    pool.startConnecting()
    settle(clock)
    assert pool.life.state is S.REFUSED and pool.handshake_refused and pool.retryDelay(1) == pool.maxDelay
    server.answers["AUTH"] = b"+OK\r\n"
    pool.logInNext("new", None)
    assert pool.life.state is S.RETRYING and pool.retryDelay(1) == pool.initialDelay
    let_pass(clock, 11)
    assert pool.life.state is S.UP


def test_a_refused_login_ends_the_first_connections_of_who_waits_for_them(make, clock, server):
    server.answers["AUTH"] = b"-WRONGPASS no\r\n"
    pool = make(password="former")
    connected = pool.deferred
    pool.startConnecting()
    settle(clock)
    failed(connected, redis.ConnectionFailedError)
    assert not pool.keeps_trying and not pool.may_wait


def test_a_connection_given_back_has_the_pools_database_again(make, clock, server):
    pool = make(dbid=3)
    pool.startConnecting()
    settle(clock)
    connection = fired(pool.getConnection())
    connection.select(5)
    connection.dbid = 5
    settle(clock)
    connection.transport.written.clear()
    pool.connectionQueue.put(connection)
    settle(clock)
    assert bytes(connection.transport.written) == command("SELECT", 3)


def test_it_closes_in_order(make, clock):
    pool = make(poolsize=2)
    pool.startConnecting()
    settle(clock)
    answered = pool.execute_command("GET", "k")
    closed = pool.disconnect()
    assert pool.life.state is S.CLOSING and not pool.may_wait and pool.disconnectCalled
    failed(pool.execute_command("GET", "k"), redis.NotSentError)
    let_pass(clock, 1)
    assert fired(answered) == "v" and fired(closed) is None
    assert pool.life.state is S.CLOSED and pool.disconnectCalled and pool.size == 0
    assert not clock.getDelayedCalls()


def test_a_program_may_set_disconnectCalled(make, clock):
    pool = make(isLazy=True)
    pool.startConnecting()
    settle(clock)
    pool.disconnectCalled = True
    assert pool.life.state is S.CLOSING and not pool.keeps_trying and not pool.may_wait
    failed(pool.getConnection(True), redis.NotSentError)
    pool.disconnectCalled = False
    assert pool.keeps_trying and fired(pool.getConnection(True)) in pool.pool


def test_one_without_an_endpoint_says_so_when_it_is_started():
    pool = Pool(redis.ConnectionOptions())
    with pytest.raises(ValueError, match="no endpoint"):
        pool.startConnecting()


def test_a_factory_is_a_pool_of_the_same_states():
    factory = redis.RedisFactory(None, None, 1, isLazy=True)
    assert isinstance(factory, Pool) and factory.life.state is S.FIRST
    factory.deferred = None
    factory.handshakeFailed("refused", redis.AuthenticationError("WRONGPASS no"))
    assert factory.life.state is S.REFUSED and factory.retryDelay(1) > factory.initialDelay
    factory.resetDelay()
    assert factory.life.state is S.RETRYING


def test_a_pool_that_a_program_opens_again_lends_its_connections(make, clock):
    pool = make(isLazy=True)
    pool.startConnecting()
    settle(clock)
    pool.disconnect()
    settle(clock)
    pool.disconnectCalled, pool.reconnect = False, True
    pool.startConnecting()
    settle(clock)
    assert fired(pool.getConnection(True)) in pool.pool and not pool.connectionQueue.waiting


def test_a_delay_that_a_program_cannot_tell_is_the_usual_one(make, logged_errors):
    pool = make(isLazy=True)
    pool.retryDelay = lambda attempt: 1 / 0
    assert pool.next_delay(1, 0) == 10.0
    assert [type(error) for error in logged_errors.flush()] == [ZeroDivisionError]


def test_a_pool_that_is_open_is_not_opened_again(make):
    pool = make(isLazy=True)
    lane = pool.blockingLane
    assert lane is not None
    pool.disconnectCalled = False
    assert pool.blockingLane is lane
