"""Transactions under contention, against real servers: nothing is lost, mixed up or left behind."""

from __future__ import annotations

import contextlib
import random

import pytest
import pytest_twisted
from testbed.live import bounded, clients, opened, turn, until
from twisted.internet.defer import CancelledError, Deferred, gatherResults

import txredis_fast as redis


def left_open(server):
    """The connections on which a MULTI or a WATCH is open.

    By the flags, ``x`` for MULTI and ``d`` for a watched key that has changed: Valkey's field ``multi`` stays 0 after
    a transaction. Redis 7.4 and Valkey 8 tell of each WATCH.
    """
    return [client for client in clients(server) if {*"xd"} & {*client["flags"]} or client.get("watch", "0") != "0"]


@pytest_twisted.ensureDeferred
async def test_50_increments_at_once_with_WATCH_end_at_50(any_server):
    async with opened(redis.ConnectionPool(*any_server.address, poolsize=5)) as rc:
        await bounded(rc.set("counter", 0))
        conflicts = 0

        async def increment(t):
            nonlocal conflicts
            conflicts += 1
            count = await t.get("counter")
            await t.multi()
            t.set("counter", count + 1)
            t.get("counter")

        runs = [rc.transact(increment, "counter", retries=1000) for _ in range(50)]
        replies = await bounded(gatherResults(runs))
        assert sorted(replies) == [["OK", count] for count in range(1, 51)]
        assert await bounded(rc.get("counter")) == 50
        assert conflicts > 50, "nobody got into another's way"
        assert not left_open(any_server)


@pytest_twisted.ensureDeferred
async def test_50_at_once_on_one_counter_all_succeed_with_the_usual_number_of_repeats(any_server):
    async with opened(redis.ConnectionPool(*any_server.address, poolsize=10)) as rc:
        await bounded(rc.set("counter", 0))

        async def increment(t):
            count = await t.get("counter")
            await t.multi()
            t.set("counter", count + 1)

        await bounded(gatherResults([rc.transact(increment, "counter") for _ in range(50)]))
        assert await bounded(rc.get("counter")) == 50


@pytest_twisted.ensureDeferred
async def test_transact_gives_up_after_its_retries(server):
    async with opened(redis.ConnectionPool(*server.address, poolsize=2)) as rc:
        runs = []

        async def unlucky(t):
            runs.append(await t.get("key"))
            await t.multi()
            await rc.incr("key")
            t.set("key", "mine")

        with pytest.raises(redis.WatchError):
            await bounded(rc.transact(unlucky, "key", retries=3))
        assert runs == [None, 1, 2, 3]
        assert await bounded(rc.get("key")) == 4
        assert not left_open(server)


@pytest_twisted.ensureDeferred
async def test_transfers_keep_the_sum(server):
    accounts = [f"account:{number}" for number in range(4)]
    choose = random.Random(20)
    async with opened(redis.ConnectionPool(*server.address, poolsize=4)) as rc:
        await bounded(rc.mset(dict.fromkeys(accounts, 100)))

        async def transfer():
            source, target = choose.sample(accounts, 2)
            amount = choose.randrange(50)

            async def move(t):
                balance = await t.get(source)
                await t.multi()
                if balance >= amount:
                    t.decrby(source, amount)
                    t.incrby(target, amount)

            await rc.transact(move, source, target, retries=1000)

        async def watch_sums():
            for _ in range(100):
                assert sum(await rc.mget(accounts)) == 400

        work = [Deferred.fromCoroutine(transfer()) for _ in range(100)]
        await bounded(gatherResults([*work, Deferred.fromCoroutine(watch_sums())]))
        balances = await bounded(rc.mget(accounts))
        assert sum(balances) == 400
        assert min(balances) >= 0


class User:
    """Does random things with a pool, and checks that every reply it gets is its own.

    Each of its keys, and each value, names the user.
    """

    def __init__(self, rc, name, seed, may_conflict):
        self.rc = rc
        self.name = name
        self.may_conflict = may_conflict
        self.random = random.Random(seed)
        self.cancelled = 0

    def key(self):
        return f"{self.name}:{self.random.randrange(3)}"

    def check(self, key, value):
        assert value is None or value.startswith(f"value of {key} "), (key, value)

    async def live(self, turns):
        for _ in range(turns):
            acts = [self.plain, self.multi, self.watch, self.cancel, self.fail, self.pipeline]
            act = self.random.choices(acts, [1, 2, 2, 2, 1, 1])[0]
            await act()

    async def plain(self):
        key = self.key()
        await self.rc.set(key, f"value of {key} plain")
        self.check(key, await self.rc.get(key))

    async def multi(self):
        key, other = self.key(), self.key()
        t = await self.rc.multi([other] if self.random.random() < 0.3 else None)
        assert await t.set(key, f"value of {key} multi") == "QUEUED"
        if self.random.random() < 0.2:
            with pytest.raises(redis.ResponseError):
                await t.execute_command("NOSUCHCOMMAND", self.name)
            with pytest.raises(redis.ExecAbortError):
                await t.commit()
            return
        t.get(key)
        t.lpush(key, self.name)
        t.mget([other, key])
        if self.random.random() < 0.3:
            assert await t.discard() == "OK"
            return
        ok, value, error, values = await t.commit()
        assert ok == "OK"
        assert isinstance(error, redis.WrongTypeError)
        self.check(key, value)
        self.check(other, values[0])
        self.check(key, values[1])

    async def watch(self):
        key = self.key()
        t = await self.rc.watch(key)
        self.check(key, await t.get(key))
        way = self.random.randrange(4)
        if way == 0:
            assert await t.unwatch() == "OK"
            return
        if way == 1 and self.may_conflict:  # needs a second connection, for which all could wait
            await self.rc.set(key, f"value of {key} conflict")
        await t.multi()
        t.set(key, f"value of {key} watched")
        t.get(key)
        if way == 2:
            await t.discard()
            return
        try:
            ok, value = await t.commit()
        except redis.WatchError:
            assert way == 1
        else:
            assert ok == "OK"
            assert way == 3 or not self.may_conflict
            self.check(key, value)

    async def cancel(self):
        """Cancel a whole transaction at a random moment."""
        doing = Deferred.fromCoroutine(self.careless())
        for _ in range(self.random.randrange(6)):
            await turn(0)
        if not doing.called:
            self.cancelled += 1
        doing.cancel()
        with contextlib.suppress(CancelledError):
            await doing

    async def careless(self):
        """No clean-up of its own: the block has to do it."""
        key = self.key()
        async with self.rc.transaction(watch=[key]) as t:
            self.check(key, await t.get(key))
            await t.multi()
            await t.set(key, f"value of {key} careless")
            await turn(0)
            await t.get(key)

    async def fail(self):
        with pytest.raises(ZeroDivisionError):
            await self.erroneous()

    async def erroneous(self):
        """A bug in the caller's code."""
        key = self.key()
        async with self.rc.transaction(watch=[key] if self.random.random() < 0.5 else None) as t:
            await t.get(key)
            raise ZeroDivisionError

    async def pipeline(self):
        key = self.key()
        async with self.rc.pipelined() as p:
            p.set(key, f"value of {key} pipelined")
            p.get(key)
            p.multi()
            p.get(key)
            p.commit()
        assert p.results[0] == "OK"
        self.check(key, p.results[1])
        self.check(key, p.results[-1][0])


# A user holds one connection and asks for a second one for a moment, so with two there is always one for somebody
# who is alone; with three, not every user of eight finds one at once.
@pytest.mark.parametrize(("users", "size"), [(1, 2), (8, 9), (8, 3)])
@pytest_twisted.ensureDeferred
async def test_whatever_users_of_a_pool_do_each_gets_its_own_and_nothing_stays_open(server, users, size):
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # shown when the test fails
    async with opened(redis.ConnectionPool(*server.address, poolsize=size)) as rc:
        everybody = [User(rc, f"user{number}", seed + number, may_conflict=size > users) for number in range(users)]
        await bounded(gatherResults([Deferred.fromCoroutine(user.live(40)) for user in everybody]))
        await until(lambda: len(rc._factory.connectionQueue.pending) == size, "all connections are given back")
        await bounded(gatherResults([rc.ping() for _ in range(10)]))
        assert not left_open(server)
        assert len(clients(server)) == size, "a connection was replaced"
        assert sum(user.cancelled for user in everybody) > 0


@pytest.mark.parametrize("verb", ["multi", "watch"])
@pytest_twisted.ensureDeferred
async def test_a_transaction_whose_connection_is_killed_fails_and_the_next_one_works(server, verb):
    async with opened(redis.ConnectionPool(*server.address, poolsize=2)) as rc:
        t = await bounded(getattr(rc, verb)("key"))
        [client] = [client for client in clients(server) if client["cmd"] == verb]
        assert server.command("CLIENT", "KILL", "ID", client["id"]) == 1
        with pytest.raises(redis.ConnectionError):
            await bounded(t.get("key"))
        if verb == "multi":
            t.set("key", "lost").addErrback(lambda _: None)
            with pytest.raises((redis.ConnectionError, redis.ExecAbortError)):
                await bounded(t.commit())
        else:
            with pytest.raises(redis.ConnectionError):
                await bounded(t.unwatch())
        for _ in range(4):
            async with rc.transaction() as following:
                following.get("key")
            assert following.results == [None]
        await until(lambda: rc._factory.size == 2, "connected again")
        assert not left_open(server)
