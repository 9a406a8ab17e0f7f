"""Cancelling any Deferred at any moment shifts no reply, leaves every connection usable, and eats no element."""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest
import pytest_twisted
from testbed.extent import extent
from testbed.live import bounded, opened, turn, until
from testbed.support import Pool, connected, fired
from twisted.internet.defer import CancelledError, Deferred, DeferredList

import txredis_fast as redis

pytestmark = pytest.mark.promise(
    "Cancelling any Deferred at any moment shifts no reply and leaves every connection usable",
    "The server unblocks a cancelled blocking command at once; an element that it has already popped goes to "
    "``onUnclaimedReply``, so nothing is lost. ``TXREDIS_FAST_CANCELLATIONS=100000 python -m pytest "
    "tests/faults/test_cancellation.py`` cancels more.",
    about="Time limits and cancellation",
)

#: Cancellations against a real server; for the figure in docs/promises.rst: TXREDIS_FAST_CANCELLATIONS=100000.
CANCELLATIONS = int(os.environ.get("TXREDIS_FAST_CANCELLATIONS", extent(3000, 1000)))

CANCELLED = (CancelledError, redis.RedisError)


def swallow(deferred):
    deferred.addErrback(lambda failure: failure.trap(*CANCELLED))


# -- in memory: every kind of Deferred, cancelled after every number of bytes of the replies


def _pipeline(rc):
    p = fired(rc.pipeline())
    swallow(p.get("a"))
    swallow(p.incr("b"))
    return p.execute_pipeline()


#: Of each kind: what makes its Deferred from the handler, and the server's replies.
KINDS = {
    "a command": (lambda rc: rc.get("k"), b"$5\r\nfirst\r\n"),
    "one with a converter": (lambda rc: rc.hgetall("k"), b"*2\r\n$1\r\nf\r\n$1\r\nv\r\n"),
    "one that fails": (lambda rc: rc.get("k"), b"-ERR first\r\n"),
    "a raw one": (lambda rc: rc.raw.get("k"), b"$5\r\nfirst\r\n"),
    "a batch": (lambda rc: rc.batch([("GET", "a"), ("GET", "b")]), b"$1\r\na\r\n$1\r\nb\r\n"),
    "a pipeline": (_pipeline, b"$1\r\na\r\n:5\r\n"),
    "a script": (lambda rc: rc.eval("return 1"), b"*2\r\n:1\r\n*1\r\n:2\r\n"),
    "one with a time limit": (lambda rc: rc.withTimeout(5).get("k"), b"$5\r\nfirst\r\n"),
    "one that is repeated": (lambda rc: rc.retrying.get("k"), b"$5\r\nfirst\r\n"),
}


@pytest.mark.usefixtures("both", "clock", "logged_errors")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behind", [True, False])
def test_cancelled_after_any_byte_of_its_reply_it_swallows_its_own_reply_only(kind, behind):
    make, replies = KINDS[kind]
    for at in range(len(replies) + 1):
        pool = Pool()
        (protocol,) = pool.factory.pool
        before = pool.handler.incr("before")
        cancelled = make(pool.handler)
        after = pool.handler.incr("after") if behind else None
        protocol.dataReceived(b":100\r\n" + replies[:at])
        cancelled.cancel()
        after = pool.handler.incr("after") if after is None else after
        swallow(cancelled)
        protocol.dataReceived(replies[at:] + b":200\r\n")
        assert fired(before) == 100
        assert fired(after) == 200
        assert protocol._requests.waiting == type(protocol._requests.waiting)()
        assert len(pool.factory.connectionQueue.pending) == 1


@pytest.mark.usefixtures("both", "clock", "logged_errors")
@pytest.mark.parametrize("at", range(5))
def test_cancelled_inside_a_transaction_the_rest_stays_in_its_place(at):
    pool = Pool()
    steps = [pool.handler.multi()]
    if at == 0:
        steps[0].cancel()
        swallow(steps[0])
    else:
        pool.answer(b"+OK\r\n")
        t = fired(steps[0])
        steps += [t.get("a"), t.get("b"), t.get("c"), t.commit()]
        steps[at].cancel()
        for step in steps[1:]:
            swallow(step)
        written = pool.written()
        undone = b"+OK\r\n" * (written.count(b"DISCARD") + written.count(b"UNWATCH"))
        t._connection.dataReceived(b"+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:1\r\n:2\r\n:3\r\n" + undone)
        if at != 4:
            assert t.results == [1, 2, 3]
    # Whatever it still has to undo is answered, and the next user has its own reply.
    after = pool.handler.incr("after")
    (protocol,) = pool.factory.pool
    for _ in range(3):
        written = pool.written()
        protocol.dataReceived(b"+OK\r\n" * (written.count(b"*1\r\n")) + b":7\r\n" * (written.count(b"INCRBY")))
    assert fired(after) == 7
    assert len(pool.factory.connectionQueue.pending) == 1


@pytest.mark.usefixtures("both", "clock", "logged_errors")
@pytest.mark.parametrize("answered", [True, False])
def test_a_cancelled_select_leaves_the_pool_where_it_was(answered):
    pool = Pool(2, dbid=1)
    for transport in pool.transports:
        transport.take()
        transport.protocol.dataReceived(b"+OK\r\n")
    selected = pool.handler.select(3)
    if answered:
        pool.transports[0].protocol.dataReceived(b"+OK\r\n")
    selected.cancel()
    swallow(selected)
    for transport in pool.transports:
        assert transport.take().endswith(b"SELECT\r\n$1\r\n1\r\n")
    assert pool.factory.dbid == 1


@pytest.mark.usefixtures("both", "clock")
def test_cancelled_while_it_waits_for_a_connection_it_is_never_sent():
    for make, _ in KINDS.values():
        pool = Pool(connect=False)
        pool.factory.continueTrying = 1
        waiting = make(pool.handler)
        if isinstance(waiting, Deferred):
            waiting.cancel()
            swallow(waiting)
        after = pool.handler.incr("after")
        transport = pool.connect()
        assert transport.take().count(b"*") == 1
        transport.protocol.dataReceived(b":7\r\n")
        assert fired(after) == 7


@pytest.mark.usefixtures("both")
def test_a_handshake_that_is_cancelled_ends_the_connection():
    protocol, transport = connected(password="secret")
    assert protocol.whenConnected()
    protocol._requests.waiting[0].deferred.cancel()
    assert transport.disconnecting or transport.aborted


# -- against a real server


class Users:
    """Commands of every kind at random, each cancelled at a random moment, or not at all.

    :ivar cancelled: how many were.
    :ivar popped: the elements that blocking commands gave; with the hook's.
    """

    def __init__(self, rc, seed):
        self.rc = rc
        self.random = random.Random(seed)
        self.cancelled = 0
        self.pushed = 0
        self.popped = Counter()
        self.wrong = []

    def unclaimed(self, command, reply):
        assert command[0] in ("BLPOP", "BRPOP", "BLMOVE", "BZPOPMIN"), command
        self.popped[reply[1]] += 1

    def _note(self, reply):
        if reply is not None:
            self.popped[reply[1]] += 1

    def _check(self, reply, number):
        if reply != f"value:{number}":
            self.wrong.append((reply, number))

    def start(self):
        """Begin a command; return its Deferred."""
        rc, number = self.rc, self.random.randrange(20)
        kind = self.random.randrange(10)
        if kind < 2:
            return rc.get(f"key:{number}").addCallback(self._check, number)
        if kind == 2:
            return rc.withTimeout(20).get(f"key:{number}").addCallback(self._check, number)
        if kind == 3:
            batch = rc.batch([("GET", f"key:{number}"), ("GET", f"key:{number}")])
            return batch.addCallback(lambda replies: [self._check(reply, number) for reply in replies])
        if kind == 4:
            return Deferred.fromCoroutine(self._transaction(number))
        if kind == 5:
            return Deferred.fromCoroutine(self._pipeline(number))
        self.pushed += 1
        element = f"element:{self.pushed}"
        if self.random.random() < 0.5:
            self._push(element)
            return rc.blpop("queue", 1).addCallback(self._note)
        blocked = rc.execute_command("BRPOP", "queue", 1).addCallback(self._note)
        self._push(element)
        return blocked

    def _push(self, element):
        self.rc.rpush("queue", element).addErrback(self.wrong.append)  # never cancelled, so never lost

    async def _transaction(self, number):
        async with self.rc.transaction(watch=f"key:{number}" if number % 2 else None) as t:
            if number % 2:
                self._check(await t.get(f"key:{number}"), number)
                await t.multi()
            t.get(f"key:{number}").addErrback(lambda _: None)
        self._check(t.results[0], number)

    async def _pipeline(self, number):
        async with self.rc.pipelined() as p:
            p.get(f"key:{number}").addErrback(lambda _: None)
        self._check(p.results[0], number)

    async def run(self, cancellations):
        from twisted.internet import reactor

        while self.cancelled < cancellations:
            burst = [self.start() for _ in range(20)]
            for deferred in burst:
                deferred.addErrback(lambda failure: failure.trap(CancelledError))
            moment = self.random.random()
            chosen = [deferred for deferred in burst if self.random.random() < 0.8]
            if moment < 0.3:
                self._cancel(chosen)
            else:
                for deferred in chosen:
                    reactor.callLater(self.random.random() * 0.004, self._cancel, [deferred])
            await bounded(DeferredList(burst), 30)

    def _cancel(self, deferreds):
        for deferred in deferreds:
            if not deferred.called:
                self.cancelled += 1
                deferred.cancel()


# With so short a time to rest, connections of the lane come and go, and with them who tells the server to unblock.
@pytest.mark.parametrize(("size", "idle_time"), [(1, 30), (4, 30), (1, 0.05)])
@pytest_twisted.ensureDeferred
async def test_cancellations_at_random_moments_leave_all_usable_and_eat_no_element(server, size, idle_time):
    def unclaimed(command, reply):
        users.unclaimed(command, reply)

    connecting = redis.ConnectionPool(*server.address, poolsize=size, onUnclaimedReply=unclaimed)
    async with opened(connecting) as rc:
        for number in range(20):
            await bounded(rc.set(f"key:{number}", f"value:{number}"))
        rc._factory.blockingIdleTime = idle_time
        users = Users(rc, seed=size)
        connections = list(rc._factory.pool)
        await users.run(CANCELLATIONS)
        assert users.cancelled >= CANCELLATIONS
        assert users.wrong == []
        await until(lambda: len(rc._factory.connectionQueue.pending) == size, "every connection is given back")
        assert rc._factory.pool == connections, "not one was lost"
        # Behind the last RPUSH of each connection; nobody has waited for that.
        assert await bounded(DeferredList([connection.ping() for connection in connections])) == [(True, "PONG")] * size
        lane = rc._factory.blockingLane
        await until(lambda: len(lane._idle) == len(lane.connections), "every blocking command has left the server")
        left = server.command("LRANGE", "queue", "0", "-1")
        users.popped.update(element.decode() for element in left)
        assert users.popped == Counter(f"element:{number + 1}" for number in range(users.pushed))
        await turn()
