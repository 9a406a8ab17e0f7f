"""Nothing is sent twice unless a policy says so, and what a policy may repeat is known."""

from __future__ import annotations

import os

import pytest
import pytest_twisted
from testbed.live import bounded, opened, turn
from testbed.proxy import proxied
from testbed.scripted import MemoryEndpoint, Session, settle
from testbed.support import Pool, failed, fired, pending
from testbed.ways import Fault
from testbed.wire import command
from twisted.internet.defer import CancelledError, DeferredList

import txredis_fast as redis
from txredis_fast.client.factory import RedisFactory

pytestmark = pytest.mark.promise(
    "No command is executed twice unless a ``RetryPolicy`` or a mark asks for it",
    "``TXREDIS_FAST_LOST_REPLIES=1000 python -m pytest tests/faults/test_retry.py`` loses more replies "
    "than the tests do.",
    about="Replies and their callers",
)

#: Replies that are lost on purpose; for the figure in docs/promises.rst: TXREDIS_FAST_LOST_REPLIES=1000.
LOST_REPLIES = int(os.environ.get("TXREDIS_FAST_LOST_REPLIES", "150"))

#: Repeats all that it may.
EAGER = redis.RetryPolicy(attempts=5, delay=0.01, read_only=True, refused=True)


class Losing:
    """A pool in memory whose server loses the replies to its first commands.

    :ivar sent: the names of all commands that it saw.
    """

    def __init__(self, clock, lose=1, answer=b":1\r\n", **options):
        self.clock = clock
        self.sent = []
        self.left = lose
        self.refuse = b""
        self.answer = answer
        self.factory = RedisFactory("memory", None, 1, **options)
        self.factory.initialDelay = self.factory.maxDelay = 0.01
        self.factory.startConnecting(MemoryEndpoint(lambda: Session(self._script, clock), clock))
        self.rc = self.factory.handler
        settle(clock)

    def _script(self, session):
        while True:
            args = yield
            self.sent.append(args[0].decode())
            if not self.left:
                session.send(self.answer)
            elif self.refuse:
                self.left -= 1
                session.send(self.refuse)
            else:
                self.left -= 1
                session.reset()
                return

    def run(self, seconds=2.0):
        self.clock.pump([0.01] * int(seconds * 100))


@pytest.fixture
def losing(clock, both, logged_errors):
    pools = []

    def make(**options):
        pools.append(Losing(clock, **options))
        return pools[-1]

    yield make
    for each in pools:
        each.factory.disconnect()
        settle(clock)
    assert clock.getDelayedCalls() == []


def test_without_a_policy_nothing_is_sent_again(losing):
    a = losing()
    lost = [a.rc.get("k"), a.rc.incr("k")]
    a.run()
    for each in lost:
        failed(each, redis.MaybeExecutedError)
    assert a.sent == ["GET"]


def test_a_policy_never_repeats_what_writes(losing):
    a = losing(retry=EAGER)
    lost = [a.rc.incr("k"), a.rc.execute_command("SET", "k", 1), a.rc.execute_command("EVAL", "x", 0)]
    a.run()
    for each in lost:
        failed(each, redis.MaybeExecutedError)
    assert a.sent == ["INCRBY"]


@pytest.mark.parametrize("by_name", [True, False])
def test_a_policy_repeats_what_only_reads_where_that_is_chosen(losing, by_name):
    a = losing(retry=EAGER, lose=3)
    read = a.rc.execute_command("get", "k") if by_name else a.rc.get("k")
    a.run()
    assert fired(read) == 1
    assert [name.upper() for name in a.sent] == ["GET"] * 4
    b = losing(retry=redis.RetryPolicy())
    read = b.rc.get("k")
    b.run()
    failed(read, redis.MaybeExecutedError)


def test_a_call_that_is_marked_is_repeated(losing):
    for options in ({}, {"retry": EAGER}):
        for mark in (
            lambda rc: rc.retrying.set("k", 1),
            lambda rc: rc.execute_command("SET", "k", 1, retry=True),
            lambda rc: rc.raw.retrying.set("k", 1),
        ):
            a = losing(**options)
            repeated = mark(a.rc)
            a.run()
            assert fired(repeated) == 1
            assert a.sent == ["SET", "SET"]


def test_attempts_are_bounded(losing):
    a = losing(retry=EAGER, lose=100)
    read = a.rc.get("k")
    a.run(5)
    failed(read, redis.MaybeExecutedError)
    assert len(a.sent) == EAGER.attempts


def test_what_was_never_written_is_repeated_whatever_it_is(clock, both):
    pool = Pool(poolTimeout=0, retry=redis.RetryPolicy(attempts=2, delay=1, jitter=0))
    taken = fired(pool.factory.getConnection())
    counted, never = pool.handler.incr("k"), Pool(poolTimeout=0).handler
    assert pending(counted)
    pool.factory.connectionQueue.put(taken)
    clock.advance(1)
    assert pool.answer(b":1\r\n") == command("INCRBY", "k", 1)
    assert fired(counted) == 1
    fired(never._factory.getConnection())
    failed(never.incr("k"), redis.NotSentError)


REFUSALS = [
    b"-LOADING not now\r\n",
    b"-BUSY not now\r\n",
    b"-READONLY You can't write against a read only replica.\r\n",
    b"-MASTERDOWN Link with MASTER is down\r\n",
    b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
    b"-CLUSTERDOWN The cluster is down\r\n",
    b"-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n",
]


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("call", [lambda rc: rc.get("k"), lambda rc: rc.incr("k")])
def test_what_was_refused_and_not_executed_is_repeated_whatever_it_is_where_that_is_chosen(losing, refusal, call):
    a = losing(retry=redis.RetryPolicy(refused=True, attempts=5))
    a.refuse = refusal
    repeated = call(a.rc)
    a.run()
    assert fired(repeated) == 1 and len(a.sent) == 2
    for options in ({}, {"retry": redis.RetryPolicy(read_only=True)}):
        b = losing(**options)
        b.refuse = refusal
        refused = call(b.rc)
        b.run()
        failed(refused, redis.ResponseError)
        assert len(b.sent) == 1


def test_the_choice_to_repeat_what_was_refused_repeats_nothing_after_a_lost_reply(losing):
    a = losing(retry=redis.RetryPolicy(refused=True, attempts=5))
    lost = a.rc.incr("k")
    a.run()
    failed(lost, redis.MaybeExecutedError)
    assert len(a.sent) == 1


@pytest.mark.parametrize("command", [("EVAL", "return 1", 0), (b"evalsha", "0" * 40, 0), ("FCALL", "f", 0)])
@pytest.mark.parametrize(
    ("refusal", "repeated"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", True),
        (b"-LOADING Valkey is loading the dataset in memory\r\n", True),
        (b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n", True),
        (b"-READONLY Can not run script with write flag on readonly replica.\r\n", True),
        (b"-READONLY You can't write against a read only replica. script: 0a, on @user_script:1.\r\n", False),
        (b"-READONLY You can't write against a read only replica.\r\n", False),  # of redis.pcall()
        (b"-BUSY says the script\r\n", False),
    ],
)
def test_a_script_is_repeated_where_it_cannot_have_begun_or_is_marked(losing, command, refusal, repeated):
    policy = redis.RetryPolicy(refused=True, attempts=5)
    a = losing(retry=policy)
    a.refuse = refusal
    ran = a.rc.execute_command(*command)
    a.run()
    assert (fired(ran) == 1) if repeated else failed(ran, redis.ResponseError)
    assert len(a.sent) == (2 if repeated else 1)
    b = losing(retry=policy)
    b.refuse = refusal
    ran = b.rc.retrying.execute_command(*command)
    b.run()
    assert fired(ran) == 1


def test_a_policy_of_the_programs_own_that_knows_no_scripts_is_asked_as_before(losing):
    class Own(redis.RetryPolicy):
        def repeats(self, error, reads, marked=False):
            return isinstance(error, redis.WrongTypeError)

    a = losing(retry=Own())
    a.refuse = b"-WRONGTYPE no\r\n"
    repeated = a.rc.incr("k")
    a.run()
    assert fired(repeated) == 1


def test_other_errors_are_final(losing):
    a = losing(retry=EAGER)
    a.refuse = b"-WRONGTYPE no\r\n"
    read = a.rc.get("k")
    a.run()
    failed(read, redis.WrongTypeError)
    assert a.sent == ["GET"]


def test_cancelling_ends_the_attempts(losing, clock):
    a = losing(retry=redis.RetryPolicy(read_only=True, delay=1, attempts=9), lose=2)
    read = a.rc.get("k")
    settle(clock)
    assert pending(read)
    read.cancel()
    failed(read, CancelledError)
    a.run(5)
    assert a.sent == ["GET"]


def test_a_time_limit_covers_all_attempts(losing, clock):
    a = losing(retry=redis.RetryPolicy(read_only=True, delay=1, max_delay=1, factor=1, jitter=0, attempts=99), lose=99)
    read = a.rc.withTimeout(3.5).get("k")
    a.run(10)
    failed(read, redis.ConnectionError)
    assert 3 <= len(a.sent) <= 4


def test_what_a_protocol_subclass_makes_of_a_command_is_not_repeated(losing):
    a = losing(retry=EAGER)

    class Program(redis.RedisProtocol):
        def get(self, key):
            return self.incr(key)

    a.factory.protocol = Program
    a.factory.pool[0].transport.abortConnection()
    a.run()
    read = a.rc.get("k")
    a.run()
    failed(read, redis.MaybeExecutedError)
    assert a.sent == ["INCRBY"]


def test_a_handler_that_repeats_is_as_any_other(clock):
    pool = Pool(retry=EAGER)
    assert isinstance(pool.handler, redis.ConnectionHandler)
    assert type(pool.handler).__name__ == "ConnectionHandler"
    d = pool.handler.get("k")
    pool.answer(b":1\r\n")
    assert fired(d) == 1
    d = pool.handler.eval("return 1")
    pool.answer(b":1\r\n")
    assert fired(d) == 1
    failed(pool.handler.get(), TypeError)


@pytest.mark.parametrize(
    "wrong",
    [{"attempts": 0}, {"attempts": 1.5}, {"delay": -1}, {"factor": 0.5}, {"max_delay": "1"}, {"jitter": 2}],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError):
        redis.RetryPolicy(**wrong)
    with pytest.raises(ValueError, match="retry must be"):
        redis.ConnectionOptions(retry=3)


def test_the_delay_grows_to_its_maximum_with_jitter():
    policy = redis.RetryPolicy(delay=0.1, factor=2, max_delay=0.5, jitter=0.5)
    for attempt, middle in ((1, 0.1), (2, 0.2), (3, 0.4), (4, 0.5), (1000, 0.5)):
        delays = {policy.delay_after(attempt) for _ in range(50)}
        assert middle * 0.5 <= min(delays) < max(delays) <= middle * 1.5


# -- against a real server: every lost reply, and no second execution


@pytest_twisted.ensureDeferred
async def test_lost_replies_never_give_a_second_execution(server):
    size = 10
    async with (
        proxied(*server.address, faults=(Fault(), Fault(cut_after=0))) as proxy,
        opened(redis.lazyConnectionPool(*proxy.address, poolsize=size, retry=EAGER)) as rc,
    ):
        rc._factory.initialDelay = rc._factory.maxDelay = 0.005
        lost = 0
        for _ in range(0, LOST_REPLIES, size):
            while rc._factory.size < size:
                await turn(0.005)
            connections = list(rc._factory.pool)
            keys = [f"key:{lost + number}" for number in range(len(connections))]
            # One on each connection: its first reply is where the proxy cuts.
            sent = [
                rc._repeat(("INCR", key), {}, False) if number % 2 else connection.incr(key)
                for number, (connection, key) in enumerate(zip(connections, keys, strict=True))
            ]
            outcomes = await bounded(DeferredList(sent, consumeErrors=True))
            assert all(not success and failure.check(redis.MaybeExecutedError) for success, failure in outcomes)
            lost += len(keys)
        proxy.set_faults()
        counts = [server.command("GET", f"key:{number}") for number in range(lost)]
        assert lost >= LOST_REPLIES
        assert set(counts) <= {b"1", None}
        assert counts.count(b"1") > 0.9 * lost, "they were executed: only the replies are lost"


def test_a_script_that_the_server_lacks_gets_no_more_attempts_than_any_command(clock):
    sent = []

    def script(session):
        while True:
            args = yield
            sent.append(args[0])
            if args[0] != b"EVALSHA":
                session.reset()
                return
            session.send(b"-NOSCRIPT No matching script\r\n")

    factory = RedisFactory("memory", None, 1, retry=EAGER)
    factory.initialDelay = factory.maxDelay = 0.01
    factory.startConnecting(MemoryEndpoint(lambda: Session(script, clock), clock))
    settle(clock)
    d = factory.handler.retrying.eval("return 1")
    clock.pump([0.01] * 500)
    failed(d, redis.MaybeExecutedError)
    assert sent == [b"EVALSHA"] + [b"EVAL"] * EAGER.attempts
    factory.disconnect()


def test_a_script_that_the_server_lacks_is_sent_whole_by_a_view(clock):
    pool = Pool(retry=EAGER)
    d = pool.handler.raw.eval("return 1")
    pool.answer(b"-NOSCRIPT No matching script\r\n")
    assert pool.answer(b"$1\r\n1\r\n").startswith(b"*3\r\n$4\r\nEVAL\r\n")
    assert fired(d) == b"1"


class Raising(redis.RetryPolicy):
    def repeats(self, *args, **options):
        raise KeyError("a fault of the program")


def test_a_policy_of_the_programs_own_that_raises_repeats_nothing(logged_errors, clock):
    pool = Pool(1, retry=Raising(attempts=3))
    sent = pool.handler.get("k")
    pool.transports[0].protocol.dataReceived(b"-LOADING Redis is loading the dataset in memory\r\n")
    failed(sent, redis.ResponseError)
    assert [type(error) for error in logged_errors.flush()] == [KeyError]


@pytest.mark.parametrize("is_marked", [True, False])
def test_what_a_converter_raises_repeats_nothing(clock, is_marked):
    """It was executed, though the exception may say that something else was not sent."""

    def convert(reply):
        raise redis.NotSentError("another service was not reached")

    pool = Pool(1, retry=None if is_marked else EAGER)
    rc = pool.handler.retrying if is_marked else pool.handler
    sent = rc.execute_command("INCR", "k", post_proc=convert)
    assert pool.answer(b":1\r\n") == command("INCR", "k")
    clock.advance(10)
    failed(sent, redis.NotSentError)
    assert pool.written() == b""
