"""The store alone, without connections: random operations, and a reference of dictionaries that says what it holds."""

from __future__ import annotations

import dataclasses
import gc
import os
import random
from typing import Any

import pytest
from testbed.extent import extent
from twisted.internet.defer import Deferred

from txredis_fast.caching import Entry, FetchRequest, Store
from txredis_fast.inflight import RequestQueue
from txredis_fast.resp import encode_command

OPERATIONS = int(os.environ.get("TXREDIS_FAST_STORE_MODEL_OPERATIONS", extent(40_000, 10_000)))
KEYS = tuple(b"k%d" % number for number in range(8))
TTLS = (0, 0.5, 1, 5, 60)


@dataclasses.dataclass
class Known:
    """What the reference knows of an entry that is not gone."""

    entry: Entry
    name: tuple[bytes, bool]
    keys: tuple[bytes, ...]
    asked_at: float
    value: Any = None
    ends: float = float("inf")
    fetch: FetchRequest | None = None
    places: int = 0
    prefaces: int = 0
    waiters: list[Deferred[Any]] = dataclasses.field(default_factory=list)

    @property
    def is_read(self) -> bool:
        return self.places > self.prefaces


class Model:
    """A store, and what it has to hold."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 1000.0
        self.max_bytes = self.chance.choice((900, 3000, 1 << 20))
        self.max_entry_bytes = self.chance.choice((None, 700))
        self.store = Store(self.max_bytes, self.max_entry_bytes, lambda: self.now)
        self.queue = self.make_queue()
        self.store.queue = self.queue
        self.store.good_until = self.now + 10
        self.known: dict[tuple[bytes, bool], Known] = {}
        #: Fetches whose entry is gone.
        self.detached: list[Known] = []
        self.invalidations = 0
        self.evicted_before = 0
        self.serial = 0

    def make_queue(self) -> RequestQueue:
        queue = RequestQueue(lambda data: None, lambda error: None)
        queue.accepting = True
        return queue

    def step(self) -> None:
        """One operation, then all that must hold."""
        operation = self.chance.choices(
            (
                *(self.begin, self.answer, self.join, self.take, self.invalidate, self.touch, self.clear),
                *(self.let_time_pass, self.rename, self.drop, self.give_up, self.lose, self.doubt),
            ),
            (30, 60, 8, 20, 6, 4, 0.5, 10, 3, 3, 1, 1, 1),
        )[0]
        operation()
        self.check()

    # -- operations

    def begin(self) -> None:
        keys = tuple(self.chance.choice(KEYS) for _ in range(self.chance.choice((1, 1, 1, 2, 3))))
        data = encode_command((self.chance.choice(("GET", "STRLEN")) if len(keys) == 1 else "SUNION", *keys))
        raw = self.chance.random() < 0.2
        prefaces = self.chance.choice((0, 1))
        fetch = FetchRequest(self.store, self.queue, prefaces, prefaces + 1 + len(keys), 0, None)
        self.forget((data, raw))
        entry = self.store.begin(data, raw, keys, fetch, None)
        known = Known(entry, (data, raw), keys, self.now, fetch=fetch, prefaces=prefaces)
        self.known[data, raw] = known
        self.wait(known)

    def wait(self, known: Known) -> None:
        waiting: Deferred[Any] = Deferred()
        known.waiters.append(waiting)
        self.store.join(known.entry, waiting, None)

    def fetches(self) -> list[Known]:
        return [known for known in (*self.known.values(), *self.detached) if known.fetch is not None]

    def answer(self) -> None:
        fetches = self.fetches()
        if not fetches:
            return
        known = self.chance.choice(fetches)
        place = known.places
        if place < known.prefaces:
            reply: Any = "OK"
        elif place == known.prefaces:
            self.serial += 1
            reply = self.chance.choice((None, f"value {self.serial}", "x" * self.chance.choice((10, 200, 5000)), ["a"]))
            known.value = reply
        else:
            reply = self.chance.choice((-1, -1, 700, 3000, -2 if known.value is None else 5000))
            if reply >= 0:
                known.ends = min(known.ends, known.asked_at + reply / 1000)
        assert known.fetch is not None
        known.places += 1
        is_over = known.fetch.answer(reply)
        assert is_over == (known.places == known.prefaces + 1 + len(known.keys))
        if is_over:
            self.finish(known)

    def finish(self, known: Known) -> None:
        fetch, known.fetch = known.fetch, None
        assert fetch is not None
        before = self.store.evictions
        fetch.finish()
        for place, waiting in enumerate(known.waiters):
            assert waiting.called, place
            assert waiting.result == known.value
        if known in self.detached:
            self.detached.remove(known)
        elif known.entry.size == 0:
            assert self.is_too_large(known)
            self.known.pop(known.name)
        else:
            self.see_evictions(before, known)

    def is_too_large(self, known: Known) -> bool:
        """Whether a reply of that size may be refused: it takes more than one entry may."""
        most = self.max_bytes if self.max_entry_bytes is None else min(self.max_entry_bytes, self.max_bytes)
        return len(known.value or "") + 320 + 200 * (1 + len(known.keys)) > most

    def see_evictions(self, before: int, new: Known) -> None:
        """What was evicted is kept no more: others only, which were kept, and only for want of room."""
        gone = [known for known in self.known.values() if not known.entry.live]
        assert len(gone) == self.store.evictions - before
        for known in gone:
            assert known.fetch is None
            assert known is not new
            del self.known[known.name]

    def join(self) -> None:
        for known in self.fetches():
            if known in self.detached:
                continue
            ttl = self.chance.choice(TTLS)
            may = self.now - known.asked_at <= ttl and ttl > 0 and self.is_alive()
            assert self.store.can_join(known.entry, ttl) == may
            if may:
                self.wait(known)
            return

    def is_alive(self) -> bool:
        return self.store.queue is not None and self.now < self.store.good_until and not self.store.unsure

    def take(self) -> None:
        if self.known:
            known = self.chance.choice(list(self.known.values()))
            if known.fetch is None:
                hits = self.store.hits
                assert self.store.take(known.entry) == known.value
                assert self.store.hits == hits + 1

    def invalidate(self) -> None:
        keys = self.chance.sample(KEYS, self.chance.choice((1, 1, 2)))
        count = 0
        for known in list(self.known.values()):
            if set(keys) & set(known.keys) and (known.fetch is None or known.is_read):
                count += 1
                self.forget(known.name)
        before = self.store.invalidations
        self.store.invalidate(keys)
        assert self.store.invalidations == before + count

    def touch(self) -> None:
        names = [*self.chance.sample(KEYS, 2), b"nothing", None]
        for known in list(self.known.values()):
            if set(names) & set(known.keys):
                self.forget(known.name)
        self.store.touch(names)

    def clear(self) -> None:
        for name in list(self.known):
            self.forget(name)
        if self.chance.random() < 0.5:
            self.store.clear()
        else:
            self.store.invalidate(None)

    def drop(self) -> None:
        if self.known:
            known = self.chance.choice(list(self.known.values()))
            self.forget(known.name)
            self.store.drop(known.entry)
            self.store.drop(known.entry)  # twice is once

    def give_up(self) -> None:
        for known in self.fetches():
            self.store.given_up(known.entry)
            known.fetch = None
            self.known.pop(known.name, None) if known not in self.detached else self.detached.remove(known)
            return

    def lose(self) -> None:
        """The connection is lost, and another one is made."""
        for name in list(self.known):
            self.forget(name)
        self.store.queue = None
        self.store.clear()
        self.check()
        for known in self.fetches():
            assert known.fetch is not None
            known.fetch.fail(ConnectionError("lost"))
            known.fetch = None
            for waiting in known.waiters:
                waiting.addErrback(lambda failure: failure.trap(ConnectionError))
        self.detached.clear()
        self.queue = self.make_queue()
        self.store.queue = self.queue
        self.store.good_until = self.now + 10

    def doubt(self) -> None:
        self.store.unsure = not self.store.unsure

    def rename(self) -> None:
        kept = [known for known in self.known.values() if known.fetch is None and len(known.keys) == 1]
        if kept:
            known = self.chance.choice(kept)
            data = encode_command(("GETRANGE", known.keys[0], self.chance.choice(("0", "1"))))
            if data == known.name[0]:
                return
            self.forget((data, known.name[1]))
            self.store.rename(known.entry, data)
            del self.known[known.name]
            known.name = (data, known.name[1])
            self.known[known.name] = known

    def let_time_pass(self) -> None:
        self.now += self.chance.choice((0.01, 0.2, 0.2, 1.1))
        if self.chance.random() < 0.8:
            self.store.good_until = self.now + 10

    def forget(self, name: tuple[bytes, bool]) -> None:
        """An entry is gone."""
        known = self.known.pop(name, None)
        if known is not None and known.fetch is not None:
            self.detached.append(known)

    # -- what must hold

    def check(self) -> None:
        store = self.store
        kept = [known for known in self.known.values() if known.fetch is None]
        for known in self.known.values():
            assert store.find(*known.name) is known.entry
            assert known.entry.live
            ttl = self.chance.choice(TTLS)
            age = self.now - known.asked_at
            may = known.fetch is None and ttl > 0 and age <= ttl and self.now < known.ends
            assert store.is_hit(known.entry, ttl) == (may and self.is_alive())
            sure = store.queue is not None and self.now < store.good_until
            assert store.is_hit(known.entry, ttl, True) == (may and sure)
        assert store.entries == len(kept)
        assert store.bytes == sum(known.entry.size for known in kept) <= self.max_bytes
        assert store.fetching == len(self.fetches())
        assert store.waiting == sum(len(known.waiters) for known in self.fetches())
        for known in self.detached:
            assert not known.entry.live
            assert store.find(*known.name) is not known.entry

    def end(self) -> None:
        """By its keys, each entry is found, and none that is gone; nothing is left when all are dropped."""
        while self.fetches():
            self.answer()
        for key in KEYS:
            expected = [known for known in self.known.values() if key in known.keys]
            before = self.store.invalidations
            self.store.invalidate([key])
            assert self.store.invalidations == before + len(expected)
            for known in expected:
                self.forget(known.name)
            self.check()
        self.clear()
        self.check()
        assert (self.store.entries, self.store.bytes, self.store.fetching, self.store.waiting) == (0, 0, 0, 0)


def entries_alive() -> int:
    """How many entries there are."""
    gc.collect()
    return sum(type(each) is Entry for each in gc.get_objects())


def test_the_store_holds_what_the_reference_says():
    steps = 300
    evictions = hits = 0
    for seed in range(max(1, OPERATIONS // steps)):
        model = Model(seed)
        try:
            for _ in range(steps):
                model.step()
            model.end()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        evictions, hits = evictions + model.store.evictions, hits + model.store.hits
    assert evictions > OPERATIONS / 1000
    assert hits > OPERATIONS / 100


def test_no_entry_is_left_when_all_are_dropped():
    before = entries_alive()
    model = Model(1)
    for _ in range(1000):
        model.step()
    model.end()
    store = model.store
    assert store.entries == 0
    del model
    assert entries_alive() == before, "the store still has entries that are gone"
    for key in KEYS:
        assert store.find(encode_command(("GET", key)), False) is None


@pytest.mark.self_check
@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("touch", lambda self, names: None),
        ("ended", lambda self, entry: setattr(entry, "fetch", None)),
        ("_unlink", lambda self, entry: None),
        ("is_hit", lambda self, entry, ttl, is_sure=False: entry.fetch is None),
    ],
)
def test_the_reference_notices_what_is_wrong(monkeypatch, name, broken):
    from txredis_fast.caching import _pystore

    if Store is not _pystore.Store:
        pytest.skip("the compiled store cannot be patched")
    monkeypatch.setattr(Store, name, broken)
    with pytest.raises(AssertionError):
        test_the_store_holds_what_the_reference_says()
