"""The store by itself, against a dictionary: what it finds, what it drops, what it counts."""

from __future__ import annotations

import random
import tracemalloc
from types import SimpleNamespace

import pytest
from testbed.support import failed, fired, pending
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txredis_fast.caching import FetchRequest, Store, copied
from txredis_fast.exceptions import MaybeExecutedError


class Model:
    """The same as a store, of plain dictionaries: what was fetched of which keys, and whether it may be given."""

    def __init__(self):
        self.fetching = {}
        self.kept = {}

    def begin(self, name, keys, now, fetch):
        self.kept.pop(name, None)
        self.fetching[name] = SimpleNamespace(keys=keys, asked_at=now, is_read=False, good=True, fetch=fetch)

    def changed(self, keys, is_own):
        for name, each in list(self.kept.items()):
            if keys is None or set(keys) & set(each.keys):
                del self.kept[name]
        for name, each in list(self.fetching.items()):
            if keys is None or (set(keys) & set(each.keys) and (is_own or each.is_read)):
                del self.fetching[name]

    def is_hit(self, name, ttl, now):
        each = self.kept.get(name)
        return each is not None and now < each.ends and now - each.asked_at <= ttl and ttl > 0


class Flight:
    """A fetch in flight, and what it will be answered with."""

    def __init__(self, name, keys, fetch, waiting, value):
        self.name, self.keys, self.fetch, self.waiting, self.value = name, keys, fetch, waiting, value
        self.place = 0
        self.ends = float("inf")


def make(clock, max_bytes=10**9, max_entry_bytes=None):
    store = Store(max_bytes, max_entry_bytes, clock.seconds)
    store.queue = SimpleNamespace(accepting=True)
    store.good_until = float("inf")
    return store


def begin(store, data, keys, raw=False):
    """Begin a fetch; returns it and who waits for it."""
    fetch = FetchRequest(store, store.queue, 1, 2 + len(keys), 0, None)
    entry = store.begin(data, raw, keys, fetch, None)
    waiting = Deferred()
    store.join(entry, waiting, None)
    return fetch, waiting


def kept(store, data, keys, value, raw=False, pttl=-1):
    fetch, waiting = begin(store, data, keys, raw)
    for reply in ("OK", value, *[pttl] * len(keys)):
        is_last = fetch.answer(reply)
    assert is_last
    fetch.finish()
    return fired(waiting)


@pytest.mark.parametrize("seed", range(60))
def test_it_is_as_a_dictionary(seed):
    chance = random.Random(seed)
    clock = Clock()
    store, model = make(clock), Model()
    names = [(b"%d" % number, raw) for number in range(8) for raw in (False, True)]
    keys_of = {name: tuple(chance.sample([b"a", b"b", b"c", b"d"], chance.choice([1, 1, 1, 2, 3]))) for name in names}
    flights = []
    numbers = iter(range(100_000))
    for _ in range(600):
        action = chance.randrange(12)
        name = chance.choice(names)
        if action < 3:
            fetch, waiting = begin(store, name[0], keys_of[name], name[1])
            model.begin(name, keys_of[name], clock.seconds(), fetch)
            flights.append(Flight(name, keys_of[name], fetch, waiting, [next(numbers)]))
        elif action < 7 and flights:
            flight = flights[0] if chance.random() < 0.8 else chance.choice(flights)
            mine = model.fetching.get(flight.name)
            is_live = mine is not None and mine.fetch is flight.fetch
            if flight.place == 0:
                reply = "OK"
            elif flight.place == 1:
                reply = flight.value
                if is_live:
                    mine.is_read = True
            else:
                reply = chance.choice([-1, 300, 5000])
                if reply > 0:
                    asked_at = mine.asked_at if is_live else 0
                    flight.ends = min(flight.ends, asked_at + reply / 1000)
            flight.place += 1
            is_last = flight.fetch.answer(reply)
            assert is_last == (flight.place == 2 + len(flight.keys))
            if is_last:
                flights.remove(flight)
                flight.fetch.finish()
                given = fired(flight.waiting)
                assert given == flight.value and given is not flight.value
                if is_live:
                    del model.fetching[flight.name]
                    mine.value, mine.ends = flight.value, flight.ends
                    model.kept[flight.name] = mine
        elif action == 7:
            keys = chance.sample([b"a", b"b", b"c", b"d", b"none"], 2) if chance.random() < 0.9 else None
            store.invalidate(keys)
            model.changed(keys, keys is None)
        elif action == 8:
            keys = [chance.choice([b"a", b"b", b"c", b"d"]), None]
            store.touch(keys)
            model.changed(keys, True)
        elif action == 9 and chance.random() < 0.05:
            store.clear()
            model.changed(None, True)
        elif action == 10 and flights and chance.random() < 0.3:
            flight = flights.pop(chance.randrange(len(flights)))
            flight.fetch.fail(MaybeExecutedError("lost"))
            failed(flight.waiting, MaybeExecutedError)
            mine = model.fetching.get(flight.name)
            if mine is not None and mine.fetch is flight.fetch:
                del model.fetching[flight.name]
        else:
            clock.advance(chance.choice([0, 0.1, 1]))
        now = clock.seconds()
        for name in names:
            for ttl in (0, 0.5, 60):
                entry = store.find(*name)
                is_hit = entry is not None and store.is_hit(entry, ttl)
                assert is_hit == model.is_hit(name, ttl, now), (name, ttl)
                if is_hit:
                    assert store.take(entry) == model.kept[name].value
            entry = store.find(*name)
            assert (entry is not None) == (name in model.kept or name in model.fetching)
        assert store.entries == len(model.kept)
        assert store.fetching == len(flights) and store.waiting == len(flights)
        assert (store.bytes == 0) == (not model.kept)
    for flight in flights:
        flight.fetch.fail(MaybeExecutedError("lost"))
        failed(flight.waiting, MaybeExecutedError)
    store.touch([b"a", b"b", b"c", b"d"])
    assert (store.entries, store.bytes, store.fetching, store.waiting) == (0, 0, 0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_it_stays_within_its_bytes(seed):
    chance = random.Random(seed)
    clock = Clock()
    store = make(clock, 20_000, 4000)
    values = {}
    for _ in range(1500):
        data = b"%d" % chance.randrange(200)
        entry = store.find(data, False)
        if entry is not None and store.is_hit(entry, 60):
            assert store.take(entry) == values[data]
        else:
            values[data] = "x" * chance.choice([1, 10, 100, 1000, 5000])
            assert kept(store, data, (data,), values[data]) == values[data]
        if chance.random() < 0.1:
            store.invalidate([b"%d" % chance.randrange(200)])
        assert 0 <= store.bytes <= 20_000 and store.entries >= 0
        assert (store.entries == 0) == (store.bytes == 0)
    assert store.evictions > 50
    store.touch(values)
    assert (store.entries, store.bytes) == (0, 0)


def test_what_is_hit_outlives_what_is_not():
    clock = Clock()
    store = make(clock, 20_000)
    hot = [b"hot%d" % number for number in range(5)]
    for name in hot:
        kept(store, name, (name,), "x")
    for number in range(1000):
        for name in hot:
            store.take(store.find(name, False))
        kept(store, b"%d" % number, (b"%d" % number,), "x")
    assert all(store.find(name, False) is not None for name in hot)


@pytest.mark.parametrize(
    ("make_value", "count", "factor"),
    [
        (lambda number: f"{number:010}", 3000, 2.5),
        (None, 300, 1.2),
        (lambda number: "x" * 10_000 + str(number), 300, 1.2),
        (lambda number: {f"field{n}": f"value{number}{n}" for n in range(10)}, 1000, 2.5),
        (lambda number: [f"{number}:{n}" for n in range(10)], 1000, 2.5),
        (lambda number: number + 10**6, 3000, 2.5),
        (lambda number: None, 3000, 2.5),
    ],
)
@pytest.mark.promise(
    "``max_bytes`` bounds what is kept, with keys, overhead and values; ``maxInFlight`` bounds what waits"
)
def test_the_bytes_are_those_that_memory_loses(make_value, count, factor):
    """Without a function that makes values, the keys are what is long."""
    clock = Clock()
    store = make(clock)
    for number in range(100):
        kept(store, b"warm%d" % number, (b"warm%d" % number,), "x")
    store.clear()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(count):
            key = b"some:key:%d" % number if make_value else b"x" * 10_000 + b"%d" % number
            value = make_value(number) if make_value else "x"
            kept(store, b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(key), key), (key,), value)
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert store.entries == count
    assert used / factor <= store.bytes <= used * factor


@pytest.mark.promise(
    "``max_bytes`` bounds what is kept, with keys, overhead and values; ``maxInFlight`` bounds what waits"
)
def test_what_was_kept_leaves_no_memory_behind():
    store = make(Clock())
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(5000):
            kept(store, b"*2\r\n$3\r\nGET\r\n$4\r\n%04d\r\n" % number, (b"%04d" % number,), "x", raw=number % 2 == 1)
        full = tracemalloc.get_traced_memory()[0] - before
        store.clear()
        left = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert left < full / 10  # the interpreter keeps up to 2,000 tuples


def test_a_copy_shares_no_container():
    value = {"a": [1, {"b": ["c"]}], "s": {1, 2}, "t": "text"}
    copy = copied(value)
    assert copy == value and copy is not value
    copy["a"][1]["b"].append("d")
    copy["s"].add(3)
    assert value == {"a": [1, {"b": ["c"]}], "s": {1, 2}, "t": "text"}


def test_who_was_cancelled_is_not_told():
    clock = Clock()
    store = make(clock)
    fetch, first = begin(store, b"x", (b"k",))
    second = Deferred()
    store.join(store.find(b"x", False), second, None)
    first.addErrback(lambda _: None)
    first.cancel()
    for reply in ("OK", "v", -1):
        fetch.answer(reply)
    assert pending(second)
    fetch.finish()
    assert fired(second) == "v" and store.waiting == 0


class Exhausted:
    """A waiting read whose callback finds the stack exhausted."""

    called = False

    def callback(self, value):
        self.called = True
        raise RecursionError


@pytest.mark.parametrize("others", [0, 1])
def test_a_read_that_was_told_waits_no_more_whatever_its_callback_raises(others):
    clock = Clock()
    store = make(clock)
    fetch = FetchRequest(store, store.queue, 0, 2, 0, None)
    entry = store.begin(b"GET k", False, (b"k",), fetch, None)
    for _ in range(others):
        store.join(entry, Deferred(), None)
    store.join(entry, Exhausted(), None)
    fetch.answer("value")
    fetch.answer(-1)
    with pytest.raises(RecursionError):
        fetch.finish()
    assert store.waiting == 0
