"""Subscribers through drops, restarts and floods: what is wanted is restored, what is missed is told, all is bounded.

Runs in seconds by default. The whole of it, 50 drops and 10 restarts, 20,000 numbered messages, floods of 320 MB::

    TXREDIS_FAST_FULL=1 python -m pytest tests/faults/test_subscriptions.py
"""

from __future__ import annotations

import contextlib
import os
import random
import tracemalloc

import pytest
import pytest_twisted
from testbed.live import bounded, opened, turn, until
from testbed.proxy import proxied
from testbed.servers import KINDS, ReplyError
from testbed.ways import NO_FAULT, Fault
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint

import txredis_fast as redis

pytestmark = pytest.mark.usefixtures("both")

FULL = os.environ.get("TXREDIS_FAST_FULL", "") not in ("", "0")
DROPS, RESTARTS = (50, 10) if FULL else (9, 2)
NUMBERS = 20_000 if FULL else 1_500
FLOOD = 32_000 if FULL else 3_200
#: Bytes of each message of a flood.
SIZE = 10_000
#: Bytes that one entry takes in the tests' lists of numbers.
NUMBER_SIZE = 48
#: Seconds that a message may be under way.
LATENCY = 0.3
#: Seconds for which a link is dead before anybody notices.
DEAD = 1.0


class Subscriber(redis.SubscriberProtocol):
    """Tells its factory."""

    def messageReceived(self, pattern, channel, message):
        return self.factory.on_message(message)

    def connectionGap(self, seconds, refused):
        self.factory.gaps.append((seconds, refused))
        self.factory.on_gap(seconds)

    def messagesDropped(self, count):
        self.factory.dropped.append(count)


@contextlib.asynccontextmanager
async def subscribed(address, **options):
    """A subscriber's handler, which connects again quickly; disconnected at the end."""
    from twisted.internet import reactor

    factory = redis.SubscriberFactory(**options)
    factory.protocol = Subscriber
    factory.initialDelay, factory.maxDelay = 0.01, 0.05
    factory.gaps, factory.dropped = [], []
    factory.on_message = factory.on_gap = lambda _: None
    connected = factory.deferred
    factory.startConnecting(TCP4ClientEndpoint(reactor, *address))
    rc = await bounded(connected)
    try:
        yield rc
    finally:
        await bounded(factory.disconnect())


# -- what is wanted

NAMES = [f"name{n}" for n in range(12)]


def knows_shard_channels(server):
    try:
        return server.command("PUBSUB", "SHARDCHANNELS") == []
    except ReplyError:  # Redis 6
        return False


def state(server, kinds):
    """The channels, patterns and shard channels that somebody is subscribed to."""
    try:
        channels = {name.decode() for name in server.command("PUBSUB", "CHANNELS")}
        shards = {name.decode() for name in server.command("PUBSUB", "SHARDCHANNELS")} if len(kinds) == 3 else ()
        # The server does not list patterns, but it counts who gets a message; nobody subscribes to these channels.
        patterns = {f"{name}.*" for name in NAMES if server.command("PUBLISH", f"{name}.probe", "x")}
        if server.command("PUBSUB", "NUMPAT") != len(patterns):
            return None
    except OSError:
        return None
    found = {"subscribe": channels, "psubscribe": patterns, "ssubscribe": shards}
    return {kind: found[kind] for kind in kinds}


def change(rc, rng, wanted, failures):
    """Subscribe to some names, or unsubscribe from some or all."""
    kind = rng.choice(list(wanted))
    names = [name + (".*" if kind == "psubscribe" else "") for name in rng.sample(NAMES, rng.randrange(1, 5))]
    if rng.random() < 0.6:
        answered = getattr(rc, kind)(names)
        wanted[kind].update(names)
    else:
        every = rng.random() < 0.2
        answered = getattr(rc, kind.replace("sub", "unsub"))(None if every else names)
        wanted[kind].difference_update(list(wanted[kind]) if every else names)
    # One that was not answered is wanted all the same.
    answered.addErrback(lambda failure: None if failure.check(redis.MaybeExecutedError) else failures.append(failure))


async def restored(rc, server, wanted, what):
    """Wait until exactly what is wanted is subscribed to, on a connection that works."""
    for _ in range(20):
        await until(lambda: state(server, wanted) == wanted, what)
        try:
            await bounded(rc.ping())
        except redis.ConnectionError:  # it was the old one
            continue
        if state(server, wanted) == wanted:
            return
    pytest.fail(f"in vain: {what}")


@pytest.mark.promise(
    "After lost connections and restarts exactly the current channels, patterns and shard channels are restored",
    about="Publish and subscribe",
)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest_twisted.ensureDeferred
async def test_drops_and_restarts_restore_exactly_what_is_wanted(make_server, kind):
    if kind.binary() is None:
        pytest.skip(f"{kind.name} is not installed")
    server = make_server(binary=kind.binary())
    rng = random.Random(20)
    events = ["drop"] * DROPS + ["restart"] * RESTARTS
    rng.shuffle(events)
    wanted = {"subscribe": set(), "psubscribe": set()}
    if knows_shard_channels(server):
        wanted["ssubscribe"] = set()
    failures = []
    async with proxied(*server.address) as proxy, subscribed(proxy.address) as rc:
        for number, event in enumerate(events):
            for _ in range(rng.randrange(6)):
                change(rc, rng, wanted, failures)
                if rng.random() < 0.3:
                    await turn(0)
            if rng.random() < 0.3:  # the next connections are cut in the middle of what is restored, either way
                cut = Fault(cut_after=rng.randrange(300))
                proxy.faults = rng.choice([(cut, NO_FAULT), (NO_FAULT, cut)])
            if event == "restart":
                server.restart()
            elif rng.random() < 0.5:
                proxy.reset()
            else:
                server.command("CLIENT", "KILL", "TYPE", "pubsub")
                proxy.reset()
            for _ in range(rng.randrange(4)):
                change(rc, rng, wanted, failures)
                await turn(rng.choice([0, 0.01, 0.03]))
            proxy.faults = NO_FAULT, NO_FAULT
            proxy.set_faults()
            await restored(rc, server, wanted, f"restored after {event} {number}: {wanted}")
        assert failures == []
        assert all(refused == [] for _, refused in rc._factory.gaps)
        assert len(rc._factory.gaps) >= len(events) // 2


# -- what is missed


@pytest.mark.promise(
    "Messages arrive in order and once; every missing message is part of a reported gap or counted as dropped",
    about="Publish and subscribe",
)
@pytest_twisted.ensureDeferred
async def test_every_message_that_is_missing_falls_into_a_reported_gap(server):
    from twisted.internet import reactor

    rng = random.Random(5)
    arrived, gaps, published = [], [], []
    async with (
        proxied(*server.address) as proxy,
        subscribed(proxy.address) as rc,
        opened(redis.Connection(*server.address)) as publisher,
    ):
        rc._factory.on_message = arrived.append
        rc._factory.on_gap = lambda seconds: gaps.append((reactor.seconds() - seconds, reactor.seconds()))
        await bounded(rc.subscribe("numbers"))
        drops = set(rng.sample(range(100, NUMBERS - 100), DROPS))
        dead = set(rng.sample(sorted(drops), max(2, DROPS // 10)))
        begun = reactor.seconds()

        async def publish():
            published.append(reactor.seconds())
            await bounded(publisher.publish("numbers", len(published) - 1))

        while len(published) < NUMBERS:
            await publish()
            number = len(published) - 1
            if number in dead:
                proxy.stop_forwarding()
                reactor.callLater(DEAD, proxy.reset)
            elif number in drops and rng.random() < 0.5:
                proxy.reset()
            elif number in drops:
                await bounded(publisher.execute_command("CLIENT", "KILL", "TYPE", "pubsub"))
            if number in dead:
                for _ in range(10):  # go on while nobody notices
                    await turn(DEAD / 10)
                    await publish()
        spent = reactor.seconds() - begun
        await until(lambda: server.command("PUBSUB", "NUMSUB", "numbers")[1] == 1, "subscribed again")
        await bounded(rc.ping())
        await publish()
        await until(lambda: arrived[-1:] == [len(published) - 1], "the last number")
    assert arrived == sorted(set(arrived)), "out of order, or twice"
    missing = sorted(set(range(len(published))) - set(arrived))
    assert missing
    unaccounted = [
        number
        for number in missing
        if not any(since - LATENCY <= published[number] <= until + LATENCY for since, until in gaps)
    ]
    assert unaccounted == []
    assert len(gaps) <= DROPS + len(dead)
    assert sum(until - since for since, until in gaps) < 0.9 * spent + DEAD, "what is always true tells nothing"


# -- floods


@contextlib.contextmanager
def peak():
    """Call what it gives for the bytes that Python had allocated at most since then."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        yield lambda: tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def flood(server, count):
    """Let the server publish messages as fast as it can: each begins with its number."""
    script = "for i = 1, tonumber(ARGV[1]) do redis.call('PUBLISH', 'flood', i .. ' ' .. ARGV[2]) end"
    server.command("EVAL", script, 0, count, "x" * SIZE, timeout=60)


def number_of(message):
    return int(message.split(" ", 1)[0])


@pytest.mark.promise(
    "A slow subscriber holds at most ``maxPendingMessages``, however fast the server publishes",
    about="Publish and subscribe",
)
@pytest_twisted.ensureDeferred
async def test_a_flood_is_held_back_and_nothing_is_lost_where_a_slow_program_pauses(make_server):
    from twisted.internet import reactor

    server = make_server("client-output-buffer-limit pubsub 0 0 0")
    bound, numbers, working, most = 20, [], [], 0
    async with subscribed(server.address, maxPendingMessages=bound, slowConsumer="pause") as rc:

        def slow(message):
            nonlocal most
            numbers.append(number_of(message))
            most = max(most, rc._factory.pool[0]._inbox.unfinished)
            working.append(Deferred())
            return working[-1]

        rc._factory.on_message = slow
        await bounded(rc.subscribe("flood"))
        with peak() as allocated:
            flood(server, FLOOD)
            await until(lambda: rc._factory.pool[0].paused, "paused")
            await turn(0.2)
            assert numbers == [1]
            assert allocated() < 2 * bound * SIZE + 1_000_000 + NUMBER_SIZE * len(numbers)

            def finish():
                if working:
                    working.pop(0).callback(None)
                if len(numbers) < FLOOD:
                    reactor.callLater(0, finish)

            finish()
            await until(lambda: len(numbers) == FLOOD, "all", limit=300)
            assert allocated() < 2 * bound * SIZE + 1_000_000 + NUMBER_SIZE * len(numbers)
        working.pop(0).callback(None)
        assert numbers == list(range(1, FLOOD + 1))
        assert most <= bound
        assert rc._factory.dropped == []
        assert rc._factory.gaps == []


@pytest.mark.promise("A slow subscriber holds at most ``maxPendingMessages``, however fast the server publishes")
@pytest.mark.parametrize("policy", ["drop-oldest", "drop-newest"])
@pytest_twisted.ensureDeferred
async def test_what_is_dropped_in_a_flood_is_counted_and_memory_is_bounded(make_server, policy):
    server = make_server("client-output-buffer-limit pubsub 0 0 0")
    bound, numbers, working = 20, [], []
    async with subscribed(server.address, maxPendingMessages=bound, slowConsumer=policy) as rc:

        def slow(message):
            numbers.append(number_of(message))
            working.append(Deferred())
            return working[-1]

        rc._factory.on_message = slow
        await bounded(rc.subscribe("flood"))
        with peak() as allocated:
            flood(server, FLOOD)
            await bounded(rc.ping(), limit=300)  # answered after all the messages
            assert allocated() < 2 * bound * SIZE + 1_000_000 + NUMBER_SIZE * len(numbers)
        while working:
            working.pop(0).callback(None)
        kept = range(2, bound + 1) if policy == "drop-newest" else range(FLOOD - bound + 2, FLOOD + 1)
        assert numbers == [1, *kept]
        assert rc._factory.dropped == [FLOOD - bound]
        assert rc._factory.pool[0].droppedMessages == FLOOD - bound
