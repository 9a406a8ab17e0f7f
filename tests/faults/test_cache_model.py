"""Random reads by way of the cache, writes and faults: no read is staler than is promised, nothing hangs.

In memory, with a clock: stories that a tape tells, see ``cache_world``. TXREDIS_FAST_CACHE_MODEL_READS in the
environment says how many cached reads at least (20,000), TXREDIS_FAST_MODEL_SEED which ones.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from testbed.extent import extent
from testbed.scripted import MemoryEndpoint, settle
from testbed.soak.facts import pending_deferreds
from testbed.support import Turns, fired, pending
from testbed.tracking_server import TrackingServer, TrackingSession
from testbed.ways import NO_FAULT, Fault

import txredis_fast
from faults.cache_world import CacheWorld
from faults.stories import noticed, tapes, tell
from txredis_fast import ClientCache, RedisFactory, RetryPolicy
from txredis_fast.caching import Store, _pystore, cache, link, tracking, writes

pytestmark = [
    pytest.mark.promise("``rc.cached(ttl)`` never gives what was asked of the server more than ``ttl`` seconds ago"),
    pytest.mark.promise("A program's own writes are seen by its cached reads"),
    pytest.mark.promise("Once an invalidation has been read from the socket, nothing older is given"),
    pytest.mark.promise("When the server cannot tell of changes, nothing from before is given"),
    pytest.mark.promise("Nothing is given after the expiry that its key had when it was fetched"),
    pytest.mark.promise("Cached reads of one handler never go back to an older value of a key"),
    pytest.mark.promise("One fetch serves all reads of a value meanwhile, and each read has values of its own"),
]

READS = int(os.environ.get("TXREDIS_FAST_CACHE_MODEL_READS", extent(20_000, 5_000)))
SEED = int(os.environ.get("TXREDIS_FAST_MODEL_SEED", "1"))

#: What a self-check breaks is patched in pure Python only.
pure_only = pytest.mark.skipif(Store is not _pystore.Store, reason="the compiled store cannot be patched")


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """Stories put their clock where the reactor is; afterwards it is put back."""
    monkeypatch.setattr(txredis_fast, "reactor", None, raising=False)
    monkeypatch.setattr("twisted.logger.Logger.emit", lambda *_, **__: None)  # keeps what stories are over with


def test_no_read_is_staler_than_promised_whatever_fails():
    reads = hits = faults = 0
    failed: Counter[str] = Counter()
    done: Counter[str] = Counter()
    before = pending_deferreds()
    for tape in tapes(SEED):
        world = tell(CacheWorld, tape)
        reads, hits, faults = reads + world.reads, hits + world.hits, faults + world.faults
        failed.update(world.failed)
        done.update(world.done)
        if reads >= READS:
            break
    # The stories are worth something only if what can happen did.
    assert hits > reads / (10 if reads > 200_000 else 100)
    assert faults > reads / 5000
    assert failed, failed
    assert len(done) > 8, done
    for name in ("CancelledError", "MaybeExecutedError", "NotSentError", "ReplyTimeoutError", "WrongTypeError"):
        assert failed[name] > reads / 40_000 or reads < 200_000, failed
    if reads > 200_000:  # in a shorter run, one of them may be missing
        for name in ("by name", "set", "script", "batch", "pipeline", "transaction", "watch", "peek"):
            assert done[name] > reads / 40_000, done
    del world
    txredis_fast.reactor = None  # the clock of the last story knows its connections
    assert pending_deferreds() == before, "Deferreds that never fired are left"


@settings(max_examples=extent(100, 20), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300))
def test_short_stories(tape):
    CacheWorld(tape).run()


# -- what the model has found, alone


class Scene:
    """A pool with a cache, and a server in memory."""

    def __init__(self, options: dict[str, Any] | None = None, **more: Any) -> None:
        self.clock = Turns()
        txredis_fast.reactor = self.clock  # type: ignore[attr-defined]
        self.server = TrackingServer(self.clock)
        self.endpoint = MemoryEndpoint(self.server.session, self.clock)
        clock = self.clock

        class Factory(RedisFactory):
            pass

        Factory.clock = clock
        self.factory = Factory("memory:6379", None, 1, True, cache=ClientCache(**(options or {})), **more)
        self.factory.startConnecting(self.endpoint)
        self.rc = self.factory.handler
        self.settle()

    def settle(self) -> None:
        """Let all that is due happen."""
        settle(self.clock)

    def link(self) -> Any:
        """The tracked connection."""
        (found,) = [each for each in self.endpoint.alive if each.server.protocol.tracks]
        return found

    def get(self, deferred: Any) -> Any:
        """The value of a Deferred, when all that is due has happened."""
        self.settle()
        return fired(deferred)


def test_no_kept_reply_is_given_that_is_older_than_what_an_uncached_read_gave():
    scene = Scene(maxInFlight=1)
    view = scene.rc.cached(60)
    scene.server.write("SET", "k", "old")
    assert scene.get(view.get("k")) == "old"
    scene.link().down.fault = Fault(delay=1.0)
    scene.server.write("SET", "k", "new")
    waiting = view.get("other")
    assert scene.get(scene.rc.cached(0).get("k")) == "new"  # of the pool: no more may wait for the tracked connection
    assert pending(waiting)
    assert scene.get(view.get("k")) == "new"


def test_a_silent_connection_is_not_waited_for():
    scene = Scene({"health_interval": 2.0})
    view = scene.rc.cached(60)
    scene.link().down.fault = Fault(delay=4.5)
    first = view.get("k")
    scene.settle()
    with_beat = scene.rc.cache.store.good_until - scene.clock.seconds()
    scene.clock.rightNow += with_beat  # a long turn of the program: no timer was called
    assert pending(first)
    scene.server.write("SET", "k", "new")
    assert scene.get(view.get("k")) == "new"


def test_the_tracked_connection_is_in_the_database_that_was_selected_while_it_was_made():
    scene = Scene()
    scene.server.write("SET", "k", "of 0")
    scene.server.write("SET", "k", "of 1", dbid=1)
    scene.endpoint.faults = (NO_FAULT, Fault(delay=0.5))
    scene.link().reset()
    while len(scene.endpoint.links) < 3:
        scene.clock.advance(0.1)
    assert scene.get(scene.rc.select(1)) == "OK"
    while scene.rc.stats().cache.link != "up":
        scene.clock.advance(0.1)
    scene.link().down.fault = NO_FAULT
    scene.clock.advance(1.0)
    assert scene.get(scene.rc.cached(60).get("k")) == "of 1"
    assert scene.rc.stats().cache.misses == 1


def test_an_MGET_of_one_key_gives_a_list_also_from_memory():
    scene = Scene()
    view = scene.rc.cached(60)
    first, joined = view.mget(["absent"]), view.mget(["absent"])
    assert (scene.get(first), fired(joined)) == ([None], [None])
    assert scene.get(view.mget(["absent"])) == [None]
    stats = scene.rc.stats().cache
    assert (stats.misses, stats.joined, stats.hits) == (1, 1, 1)


def test_the_keys_of_an_MGET_that_was_lost_are_read_again():
    scene = Scene(retry=RetryPolicy(read_only=True))
    scene.server.write("SET", "a", "1a")
    scene.link().down.fault = Fault(stop_after=0)
    reading = scene.rc.cached(60).mget(["a", "b"])
    scene.settle()
    scene.link().reset()
    assert scene.get(reading) == ["1a", None]


def test_the_keys_of_an_MGET_that_was_lost_and_cannot_be_read_again_fail_it():
    scene = Scene(retry=RetryPolicy(read_only=True))
    scene.link().down.fault = Fault(stop_after=0)
    reading = scene.rc.cached(60).mget(["a", "b"])
    reading.addErrback(lambda failure: failure.type)
    scene.settle()
    scene.endpoint.refuses = True
    for each in scene.endpoint.alive:
        each.reset()
    for _ in range(100):
        scene.clock.advance(1.0)
    assert issubclass(scene.get(reading), txredis_fast.ConnectionError)


@pytest.mark.parametrize("how", ["get", "mget"])
def test_a_read_that_begins_when_the_key_has_expired_is_not_given_a_late_reply(how):
    def read(view: Any) -> Any:
        return view.get("k") if how == "get" else view.mget(["k"])

    scene = Scene()
    view = scene.rc.cached(60)
    scene.server.expires_actively = False
    scene.server.write("SET", "k", "value", "PX", 100)
    scene.link().down.fault = Fault(delay=0.3)
    first = read(view)
    scene.settle()
    scene.clock.advance(0.2)
    second = read(view)
    scene.clock.advance(0.2)
    scene.settle()
    values = {"get": ("value", None), "mget": (["value"], [None])}[how]
    assert (fired(first), fired(second)) == values
    assert scene.rc.stats().cache.joined == 1


# -- the model notices what is wrong


@pytest.fixture
def broken(monkeypatch) -> Callable[..., None]:
    """Replaces methods of the store, or of what belongs to it."""

    def breaks(owner: Any, **methods: Any) -> None:
        for name, method in methods.items():
            monkeypatch.setattr(owner, name, method)

    return breaks


def is_hit(without: str) -> Callable[..., bool]:
    """``Store.is_hit`` without one of its conditions."""

    def judge(self: Any, entry: Any, ttl: float, is_sure: bool = False) -> bool:
        now = self.seconds()
        conditions = {
            "fetch": entry.fetch is None,
            "sure": is_sure or not self.unsure,
            "silent": now < self.good_until,
            "expiry": now < entry.ends,
            "age": now - entry.asked_at <= ttl,
        }
        return self.queue is not None and all(holds for name, holds in conditions.items() if name != without)

    return judge


@pure_only
@pytest.mark.self_check
@pytest.mark.parametrize("without", ["sure", "silent", "expiry", "age"])
def test_a_hit_without_a_condition_is_noticed(broken, without):
    broken(Store, is_hit=is_hit(without))
    assert "it may see" in noticed(CacheWorld)


@pure_only
@pytest.mark.self_check
def test_invalidations_that_are_ignored_are_noticed(broken):
    broken(Store, invalidate=lambda self, keys: None)
    assert "it may see" in noticed(CacheWorld)


@pure_only
@pytest.mark.self_check
def test_invalidations_behind_the_reply_of_a_fetch_that_are_ignored_are_noticed(broken):
    broken(_pystore.FetchRequest, is_read=False)
    assert "it may see" in noticed(CacheWorld)


@pure_only
@pytest.mark.self_check
def test_own_writes_that_drop_nothing_are_noticed(broken):
    broken(Store, touch=lambda self, names: None)
    assert "it may see" in noticed(CacheWorld)


@pytest.mark.self_check
def test_scripts_that_are_not_looked_after_are_noticed(broken):
    broken(writes, SCRIPTS=())
    writes.KNOWN.clear()
    try:
        assert "it may see" in noticed(CacheWorld)
    finally:
        writes.KNOWN.clear()


@pure_only
@pytest.mark.self_check
def test_own_writes_that_leave_fetches_joined_are_noticed(broken):
    touch = Store.touch

    def touch_kept(self: Any, names: Any) -> None:
        touch(self, [name for name in names if getattr(self._by_key.get(name), "fetch", None) is None])

    broken(Store, touch=touch_kept)
    assert "it may see" in noticed(CacheWorld, 400)


@pure_only
@pytest.mark.self_check
def test_replies_that_are_shared_are_noticed(broken):
    broken(_pystore, copied=lambda value: value)
    broken(cache, copied=lambda value: value)
    noticed(CacheWorld)


@pytest.mark.self_check
def test_reads_of_the_pool_that_overtake_what_is_kept_are_noticed(broken):
    broken(cache.Cache, _overtaken=lambda self, result, args: result)
    assert "it may see" in noticed(CacheWorld, 300, seed=11)


@pytest.mark.self_check
def test_a_connection_that_does_not_follow_to_another_database_is_noticed(broken):
    broken(tracking.Tracking, reset=lambda self, tell: None)
    assert "which was" in noticed(CacheWorld)


@pytest.mark.self_check
def test_errors_that_are_kept_are_noticed(broken):
    broken(link, _check_server=lambda reply: None)
    broken(TrackingSession, _do_pttl=lambda self, key: b":-1\r\n")
    assert "it may see" in noticed(CacheWorld)


@pure_only
@pytest.mark.self_check
def test_a_store_without_bounds_is_noticed(broken):
    keep = Store.keep

    def keeps(self: Any, *args: Any) -> None:
        most, self.max_bytes = self.max_bytes, 2**40
        keep(self, *args)
        self.max_bytes = most

    broken(Store, keep=keeps)
    assert "bytes are kept" in noticed(CacheWorld)


@pytest.mark.self_check
def test_reads_that_do_not_share_a_fetch_are_noticed(broken):
    send = cache.Cache._fetch

    def twice(self: Any, *args: Any) -> None:
        send(self, *args)
        self.store.misses -= 1

    broken(cache.Cache, _fetch=twice)
    assert "fetches for" in noticed(CacheWorld)
