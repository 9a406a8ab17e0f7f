"""A server that becomes a replica and closes no connection: the pool finds its way to the master, nothing is lost."""

from __future__ import annotations

import gc
import weakref

import pytest
from testbed.memory import Memory
from testbed.scripted import Session, answering, settle
from testbed.support import Pool, failed, fired, pending

import txredis_fast as redis

pytestmark = pytest.mark.promise(
    "The first refused write notices a fail-over that closes no connection",
    "A server that stays read-only sees about one connection in 10 s.",
    about="Sentinel and fail-over",
)

READONLY = b"-READONLY You can't write against a read only replica.\r\n"
#: As Redis 7 has it for a write in a script, and as Redis 6 has it.
IN_SCRIPT = b"-READONLY You can't write against a read only replica. script: 0a1b, on @user_script:1.\r\n"
IN_OLD_SCRIPT = (
    b"-ERR Error running script (call to f_0a1b): @user_script:1: @user_script: 1: -READONLY You can't write against "
    b"a read only replica.\r\n"
)
EXECABORT = b"-EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica.\r\n"
UNBLOCKED = b"-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n"
UNBLOCKED_BY_CLIENT = b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"
MASTERDOWN = b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n"

AS_REPLICA = {
    "SET": READONLY,
    "INCRBY": READONLY,
    "EVAL": IN_SCRIPT,
    "EXEC": EXECABORT,
    "BLPOP": READONLY,
    "GET": b"$1\r\nr\r\n",
    "MULTI": b"+OK\r\n",
    "DISCARD": b"+OK\r\n",
    "UNWATCH": b"+OK\r\n",
    "CLIENT": b":7\r\n",
}
AS_MASTER = {**dict.fromkeys(AS_REPLICA, b"+OK\r\n"), "GET": b"$1\r\nm\r\n", "CLIENT": b":7\r\n", "EVAL": b":1\r\n"}


class Named(Memory):
    """A pool whose name leads to a replica until :meth:`move`.

    :ivar replies: by name of the command, of the replica.
    """

    def __init__(self, clock, size=1, replies=(), **options):
        self.replies = {**AS_REPLICA, **dict(replies)}
        self.moved = False
        super().__init__(clock, self._script, size, **options)
        self.endpoint._make_session = lambda: Session(answering(AS_MASTER if self.moved else self.replies), clock)

    def _script(self, session):
        return answering(self.replies)(session)

    def move(self):
        self.moved = True

    @property
    def alive(self):
        return self.endpoint.alive

    def done(self, deferred):
        settle(self.clock)
        return deferred


@pytest.fixture
def named(clock, both, logged_errors):
    pools = []

    def make(*args, **options):
        pools.append(Named(clock, *args, **options))
        return pools[-1]

    yield make
    for each in pools:
        each.factory.disconnect()
        settle(clock)
    assert clock.getDelayedCalls() == []


def one(rc):
    return [rc.set("k", 1)]


def piped(rc):
    pipe = fired(rc.pipeline())
    pipe.set("k", 1)
    pipe.get("k")
    return [pipe.execute_pipeline()]


def plain_batch(rc):
    return [rc.batch([("SET", "k", 1), ("GET", "k")])]


def unraised_batch(rc):
    return [rc.batch([("GET", "k"), ("SET", "k", 1)], raise_on_error=False)]


def script(rc):
    return [rc.eval("return redis.call('set', KEYS[1], 1)", ["k"])]


WAYS = {each.__name__: each for each in (one, piped, plain_batch, unraised_batch, script)}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_write_refused_by_a_replica_leads_the_next_to_where_the_name_leads_by_then(named, clock, way):
    a = named()
    a.move()
    for refused in way(a.rc):
        a.done(refused).addErrback(lambda _: None)
    assert len(a.alive) == 0
    a.let_pass(2)
    assert fired(a.done(a.rc.set("k", 1))) == "OK" and a.endpoint.attempts == 2


TEXTS = {
    "in a script": ("EVAL", IN_SCRIPT),
    "in a script before Redis 7": ("EVAL", IN_OLD_SCRIPT),
    "masterdown": ("GET", MASTERDOWN),
    "unblocked": ("GET", UNBLOCKED),
    "bulk error": ("GET", b"!%d\r\n%b" % (len(READONLY) - 3, READONLY[1:])),
    "nested": ("GET", b"*2\r\n:1\r\n" + READONLY),
}


@pytest.mark.parametrize(("command", "text"), TEXTS.values(), ids=TEXTS)
def test_so_does_every_other_text_that_tells_of_a_replica(named, command, text):
    a = named(replies={command: text})
    a.move()
    a.done(a.rc.execute_command(command, "k", 0)).addErrback(lambda _: None)
    a.let_pass(2)
    assert a.endpoint.attempts == 2 and len(a.alive) == 1


@pytest.mark.parametrize(
    "text",
    [
        UNBLOCKED_BY_CLIENT,
        b"-WRONGTYPE READONLY\r\n",
        b"-ERR READONLY\r\n",
        b"+READONLY You can't write against a read only replica.\r\n",
        b"$8\r\nREADONLY\r\n",
        b"-EXECABORT Transaction discarded because of previous errors.\r\n",
        b"-LOADING Redis is loading the dataset in memory\r\n",
    ],
)
def test_what_tells_something_else_ends_no_connection(named, text):
    a = named(replies={"GET": text})
    a.done(a.rc.get("k")).addErrback(lambda _: None)
    a.let_pass(5)
    assert a.endpoint.attempts == 1 and len(a.alive) == 1


def test_what_is_in_flight_is_answered_and_what_comes_meanwhile_waits_for_the_next_connection(named, clock):
    def slow(session):
        for answer in (READONLY, b"$1\r\nr\r\n", b"$1\r\ns\r\n"):
            yield
            session.send(answer)
            yield 0.5

    a = named()
    a.endpoint._make_session = lambda: Session(answering(AS_MASTER) if a.moved else slow, clock)
    a.alive[0].client.abortConnection()
    a.let_pass(2)
    assert len(a.alive) == 1
    refused, first, second = a.rc.set("k", 1), a.rc.get("k"), a.rc.get("k")
    given = []
    refused.addErrback(lambda _: given.append(a.rc.set("k", 2)))
    a.move()
    settle(clock)
    assert pending(first) and pending(given[0]) and len(a.alive) == 1
    a.let_pass(0.5)
    assert fired(first) == "r" and pending(given[0])
    a.let_pass(2.5)
    assert fired(second) == "s" and fired(given[0]) == "OK"


def test_a_server_that_does_not_answer_the_rest_is_left_within_the_disconnect_timeout(named, clock):
    a = named(replies={"GET": b""}, disconnectTimeout=3)
    refused, hanging = a.rc.set("k", 1), a.rc.get("k")
    a.move()
    failed(a.done(refused), redis.ReadOnlyError)
    a.let_pass(2.75)
    assert pending(hanging)
    a.let_pass(0.5)
    assert "the server is a replica (READONLY)" in str(failed(hanging, redis.MaybeExecutedError))


def test_a_server_that_stays_read_only_is_connected_to_ever_more_slowly_and_every_read_is_answered(named, clock):
    a = named(poolTimeout=2)
    for _ in range(240):
        write, read = a.rc.set("k", 1), a.rc.get("k")
        read_only = []
        write.addErrback(lambda failure, read_only=read_only: read_only.append(failure.trap(redis.ReadOnlyError)))
        a.let_pass(0.25)
        if pending(read):
            a.let_pass(1)
        assert fired(read) == "r" and read_only
    assert 6 <= a.endpoint.attempts <= 20
    assert len(a.alive) == 1


def test_a_write_tried_now_and_then_costs_one_connection_each_and_no_read(named, clock):
    a = named()
    for _ in range(5):
        failed(a.done(a.rc.set("k", 1)), redis.ReadOnlyError)
        a.let_pass(30)
        assert fired(a.done(a.rc.get("k"))) == "r"
    assert a.endpoint.attempts == 6


def test_each_connection_of_a_pool_is_replaced_once_in_a_round(named, clock):
    a = named(size=3)
    for connection in list(a.factory.pool):
        failed(a.done(connection.set("k", 1)), redis.ReadOnlyError)
    a.let_pass(1)
    assert a.endpoint.attempts == 6 and len(a.alive) == 3


def test_where_nothing_is_made_anew_the_connection_stays(named, clock):
    a = named(size=1)
    a.factory.continueTrying = 0
    failed(a.done(a.rc.set("k", 1)), redis.ReadOnlyError)
    a.let_pass(5)
    assert fired(a.done(a.rc.get("k"))) == "r" and a.endpoint.attempts == 1


def test_a_transaction_keeps_its_connection_to_its_end(named, clock):
    a = named(replies={"SET": b"+QUEUED\r\n"})
    transaction = fired(a.done(a.rc.multi()))
    a.move()
    fired(a.done(transaction.set("k", 1)))
    failed(a.done(transaction.commit()), redis.ExecAbortError)
    settle(clock)
    assert len(a.alive) == 0
    a.let_pass(2)
    assert len(a.alive) == 1

    b = named(replies={"EXEC": b"-EXECABORT Transaction discarded because of previous errors.\r\n"})
    transaction = fired(b.done(b.rc.multi()))
    failed(b.done(transaction.set("k", 1)), redis.ReadOnlyError)
    assert len(b.alive) == 1
    failed(b.done(transaction.commit()), redis.ExecAbortError)
    settle(clock)
    assert len(b.alive) == 0

    c = named()
    transaction = fired(c.done(c.rc.multi()))
    failed(c.done(transaction.set("k", 1)), redis.ReadOnlyError)
    transaction.abandon()
    settle(clock)
    assert len(c.alive) == 0
    c.let_pass(2)
    assert fired(c.done(c.rc.get("k"))) == "r"


def test_a_blocking_command_refused_by_a_replica_has_its_connection_replaced_once_in_a_round(named, clock):
    a = named()
    for _ in range(40):
        failed(a.done(a.rc.blpop("k", timeout=0)), redis.ReadOnlyError)
        a.let_pass(0.25)
    assert 3 <= a.endpoint.attempts <= 8
    a.move()
    a.let_pass(10)
    failed(a.done(a.rc.blpop("k", timeout=0)), redis.ReadOnlyError)
    assert fired(a.done(a.rc.blpop("k", timeout=0))) == "OK"


def test_a_blocking_command_unblocked_because_of_a_new_role_is_followed_by_one_on_a_new_connection(named, clock):
    a = named(replies={"BLPOP": UNBLOCKED})
    failed(a.done(a.rc.blpop("k", timeout=0)), redis.ResponseError)
    a.move()
    assert fired(a.done(a.rc.blpop("k", timeout=0))) == "OK"


def test_a_protocol_without_a_factory_is_not_ended(both):
    from testbed.support import connected

    protocol, transport = connected()
    refused = protocol.set("k", 1)
    protocol.dataReceived(READONLY)
    failed(refused, redis.ReadOnlyError)
    assert protocol.connected and not transport.disconnecting


def test_below_a_twisted_factory_the_connection_is_ended_too(both, clock):
    pool = Pool()
    (transport,) = pool.transports
    refused = pool.handler.set("k", 1)
    given = []
    refused.addErrback(lambda _: given.append(pool.handler.get("k")))
    pool.answer(READONLY)
    assert transport.disconnecting and pending(given[0])
    pool.connect()
    pool.answer(b"$1\r\nv\r\n")
    assert fired(given[0]) == "v"


def test_a_reader_does_not_keep_its_connection(both, clock):
    pool = Pool(connect=False)
    protocol = pool.factory.buildProtocol(None)
    reader = protocol.link.reading.reader = protocol._make_reader()
    from txredis_fast._roles import telling_of_replica

    reader.on_error = telling_of_replica(protocol)
    gone = weakref.ref(protocol)
    del protocol, pool
    gc.collect()
    assert gone() is None
    reader.feed(READONLY)
    assert isinstance(reader.get(), redis.ReadOnlyError)
