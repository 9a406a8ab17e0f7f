"""What cached reads promise: P1 age, P2 other writers, P4 lost links, P5 expiry, P6 order, P7 memory, P8 sharing.

P3, a program's own writes, has a module of its own.
"""

from __future__ import annotations

import random

import pytest
from testbed.scripted import settle
from testbed.support import failed, fired, pending
from testbed.ways import Fault
from testbed.wire import error

import txredis_fast as redis

pytestmark = pytest.mark.usefixtures("logged_errors")


# -- P1


@pytest.mark.promise(
    "``rc.cached(ttl)`` never gives what was asked of the server more than ``ttl`` seconds ago",
    "Whoever fetched it with whichever ttl, and whatever the connection does; counted from the question, on a clock "
    "that never goes back.",
    about="Client-side caching",
)
@pytest.mark.parametrize("fetched_with", [0, 1, 10, 600])
def test_nothing_is_older_than_the_ttl_of_who_asks(at, fetched_with):
    at.server.untold = True
    at.get(ttl=fetched_with)
    at.server.write("k", "new")
    at.clock.advance(4)
    settle(at.clock)
    assert at.rc.cached(4.5).peek("GET", "k") == "old"
    assert at.rc.cached(3.5).peek("GET", "k") is None
    assert at.get(ttl=3.5) == "new"
    assert at.rc.cached(600).peek("GET", "k") == "new"


@pytest.mark.promise("``rc.cached(ttl)`` never gives what was asked of the server more than ``ttl`` seconds ago")
def test_a_fetch_that_takes_long_is_not_joined_by_who_wants_it_younger(at):
    """Its reply may be as old as its question."""
    at.server.untold = True
    at.server.link.down.fault = Fault(delay=4)
    first = at.rc.cached(60).get("k")
    at.let_pass(3)
    at.server.write("k", "new")
    joins, asks = at.rc.cached(60).get("k"), at.rc.cached(2).get("k")
    at.let_pass(1.25)
    assert (fired(first), fired(joins)) == ("old", "old")
    assert pending(asks)
    at.let_pass(3)
    assert fired(asks) == "new"
    assert at.rc.cached(60).peek("GET", "k") == "new"


@pytest.mark.promise("``rc.cached(ttl)`` never gives what was asked of the server more than ``ttl`` seconds ago")
@pytest.mark.parametrize(
    "read", [lambda view: view.get("k"), lambda view: view.mget(["k"]).addCallback(lambda v: v[0])]
)
def test_a_ttl_of_0_asks_the_server(at, read):
    at.get()
    at.server.untold = True
    at.server.write("k", "new")
    at.server.forget()
    assert at.settled(read(at.rc.cached(0))) == "new"
    assert at.rc.cached(60).peek("GET", "k") == "new"
    at.server.write("k", "newer")
    first, second = read(at.rc.cached(0)), read(at.rc.cached(0))
    settle(at.clock)
    assert fired(first) == fired(second) == "newer"
    assert at.fetches("GET") + at.fetches("MGET") == 3


# -- P2


@pytest.mark.promise(
    "Once an invalidation has been read from the socket, nothing older is given",
    "A cached read that begins afterwards gives that change or something later, whatever was in flight.",
    about="Client-side caching",
)
def test_another_clients_write_is_seen_when_the_servers_word_is_here(at):
    at.get()
    at.server.link.hold()
    at.server.write("k", "new")
    settle(at.clock)
    assert at.get() == "old"
    at.server.link.read()
    assert at.get() == "new"


@pytest.mark.promise("Once an invalidation has been read from the socket, nothing older is given")
@pytest.mark.parametrize("seed", range(30))
def test_random_writes_between_random_commands(make, seed):
    """The reference: the values of each key in their order, and which one was given last when a read began."""
    chance = random.Random(seed)
    at = make(2)
    keys = ["a", "b", "c"]
    history = {key: [] for key in keys}
    number = iter(range(10_000))

    def write(key):
        value = f"v{next(number)}"
        at.server.write(key, value)
        history[key].append(value)

    for key in keys:
        write(key)

    def before(client, args):
        if client.tracking and chance.random() < 0.3:
            write(chance.choice(keys))

    at.server.before = before
    seen = dict.fromkeys(keys, 0)
    reading = []

    def got(value, key, least):
        place = history[key].index(value)
        assert place >= least[key], f"{value} after {history[key][least[key]]}"
        seen[key] = max(seen[key], place)

    def all_got(values, several, least):
        for value, key in zip(values, several, strict=True):
            got(value, key, least)

    for _ in range(200):
        action = chance.randrange(9)
        key = chance.choice(keys)
        view = at.rc.cached(chance.choice([0, 1, 60]))
        if action < 3:
            reading.append(view.get(key).addCallback(got, key, dict(seen)))
        elif action < 5:
            several = chance.sample(keys, 2)
            reading.append(view.mget(several).addCallback(all_got, several, dict(seen)))
        elif action == 5:
            write(key)
        elif action == 6:
            link = at.server.link
            link.hold() if link.client.held is None else link.read()
        elif action == 7:
            at.cache.forget(key)
        else:
            at.clock.advance(0)
    if at.server.link.client.held is not None:
        at.server.link.read()
    settle(at.clock)
    for each in reading:
        fired(each)
    at.server.before = None
    for key in keys:
        assert at.get(key) == history[key][-1]


# -- P4


@pytest.mark.promise(
    "When the server cannot tell of changes, nothing from before is given",
    "When the tracked connection is lost, or silent for twice ``health_interval``, cached reads go to the pool, "
    'uncached, until another one is up; with ``while_down="fail"`` they fail.',
    about="Client-side caching",
)
def test_reads_go_to_the_pool_until_a_link_is_back(at):
    at.get()
    at.server.link.reset()
    assert at.stats.link == "down"
    at.server.write("k", "new")
    assert at.get() == "new"
    assert at.stats.uncached == 1
    at.let_pass(5)
    assert at.stats.link == "up"
    at.server.write("k", "newer")
    assert at.get() == "newer"
    at.server.forget()
    assert at.get() == "newer" and at.server.names() == []


@pytest.mark.promise("When the server cannot tell of changes, nothing from before is given")
@pytest.mark.parametrize("interval", [5, 1])
def test_nothing_is_given_when_the_link_was_silent_for_two_intervals(make, interval):
    at = make(cache=redis.ClientCache(health_interval=interval))
    at.server.write("k", "old")
    at.get()
    at.let_pass(3 * interval)
    assert at.rc.cached(600).peek("GET", "k") == "old"
    link = at.server.link
    link.up.fault = link.down.fault = Fault(stop_after=0)
    at.server.write("k", "new")
    at.let_pass(2 * interval + 0.25, 0.125)
    assert at.rc.cached(600).peek("GET", "k") is None
    read = at.rc.cached(600).get("k")
    at.let_pass(1)
    assert fired(read) == "new"


@pytest.mark.promise("When the server cannot tell of changes, nothing from before is given")
def test_a_program_that_was_busy_for_long_asks_again(at):
    """The words of changes may lie in the socket, unread."""
    at.get()
    at.server.link.hold()
    at.server.write("k", "new")
    at.clock.rightNow += 11  # no timer could run
    assert at.rc.cached(600).peek("GET", "k") is None
    at.server.link.read()
    settle(at.clock)
    at.let_pass(1)
    assert at.get(ttl=600) == "new"


@pytest.mark.promise("When the server cannot tell of changes, nothing from before is given")
def test_reads_may_fail_while_the_link_is_down(make, events):
    at = make(cache=redis.ClientCache(while_down="fail"), begin=False)
    at.server.refused["CLIENT TRACKING"] = error("ERR unknown subcommand")
    at.start()
    for read in (at.rc.cached(60).get("k"), at.rc.cached(60).mget(["k"]), at.rc.cached(0).get("k")):
        assert "unknown subcommand" in str(failed(read, redis.NotSentError))
    assert at.settled(at.rc.get("k")) is None


def test_a_closed_handler_gives_nothing(at):
    at.get()
    at.rc.disconnect()
    assert at.rc.cached(60).peek("GET", "k") is None
    read = at.rc.cached(60).get("k")
    settle(at.clock)
    failed(read, redis.NotSentError)
    assert at.stats.link == "off" and at.stats.entries == 0


# -- P5


@pytest.mark.promise(
    "Nothing is given after the expiry that its key had when it was fetched",
    "Also where the server deletes expired keys late, and tells of it late or, as a replica, not at all.",
    about="Client-side caching",
)
@pytest.mark.parametrize("fetch", ["get", "mget"])
def test_an_expired_key_is_not_served(at, fetch):
    at.server.untold = True
    at.server.write("k", "old", ends=10)
    at.server.write("other", "x")
    view = at.rc.cached(600)
    at.settled(view.get("k") if fetch == "get" else view.mget(["other", "k"]))
    at.clock.advance(9.9)
    settle(at.clock)
    assert view.peek("GET", "k") == "old"
    at.clock.advance(0.2)
    assert view.peek("GET", "k") is None
    assert at.get(ttl=600) is None


@pytest.mark.promise("Nothing is given after the expiry that its key had when it was fetched")
@pytest.mark.parametrize(("first", "second"), [(None, 10), (10, None), (10, 20), (20, 10)])
def test_the_first_of_several_keys_that_expires_ends_an_entry(at, first, second):
    at.server.untold = True
    at.server.write("s1", ["x"], ends=first)
    at.server.write("s2", ["y"], ends=second)
    view = at.rc.cached(600)
    assert at.settled(view.execute_command("EXISTS", "s1", "s2")) == 2
    at.clock.advance(10.1)
    settle(at.clock)
    assert at.settled(view.execute_command("EXISTS", "s1", "s2")) == 1


# -- P6


@pytest.mark.promise(
    "Cached reads of one handler never go back to an older value of a key",
    "What one of them has given, or something later, is given by each that begins afterwards, whichever of them were "
    "answered from memory, by the tracked connection or by the pool. ``cached(0)`` asks the server. "
    'With ``mode="broadcast"`` two different commands about one key may disagree until the server\'s word of a change '
    "is read, which comes behind its replies.",
    about="Client-side caching",
)
def test_a_read_by_the_pool_keeps_older_values_from_being_given(make):
    """The pool's reply has overtaken the word of the change."""
    at = make(maxInFlight=1)
    at.server.write("k", "old")
    at.get()
    at.server.link.hold()
    blocker = at.rc.cached(60).get("other")
    at.server.write("k", "new")
    settle(at.clock)
    assert at.get(ttl=0) == "new"
    assert at.get() == "new"
    at.server.link.read()
    settle(at.clock)
    assert fired(blocker) is None


@pytest.mark.promise("Cached reads of one handler never go back to an older value of a key")
def test_a_read_that_is_not_kept_keeps_older_values_from_being_given(make):
    """Commands whose reply has another shape under RESP3 are read by the pool."""
    at = make()
    at.server.write("h", {"f": "old"})
    assert at.settled(at.rc.cached(60).hget("h", "f")) == "old"
    at.server.link.hold()
    at.server.write("h", {"f": "new"})
    settle(at.clock)
    assert at.settled(at.rc.cached(60).execute_command("HGETALL", "h")) == ["f", "new"]
    again = at.rc.cached(60).hget("h", "f")
    settle(at.clock)
    at.server.link.read()
    assert at.settled(again) == "new"


@pytest.mark.promise("Cached reads of one handler never go back to an older value of a key")
def test_a_new_links_fetch_is_no_older_than_what_the_pool_gave_meanwhile(at):
    at.server.link.reset()
    for link in at.server.pool_links:
        link.down.fault = Fault(delay=4)
    settle(at.clock)
    before = at.rc.cached(60).get("k")
    at.server.write("k", "old")
    at.let_pass(3)
    assert at.stats.link == "up"
    assert at.get() == "old"
    at.server.link.hold()
    at.server.write("k", "new")
    by_pool = at.rc.get("k")
    at.let_pass(2)
    fired(before)
    at.let_pass(3)
    assert fired(by_pool) == "new"
    at.server.link.read()
    assert at.get() == "new"


@pytest.mark.promise("Cached reads of one handler never go back to an older value of a key")
def test_several_replies_of_one_key_do_not_disagree_backwards(at):
    """A reply that is fetched later comes behind the word of the change, which drops the others."""
    assert at.get() == "old"
    at.server.untold = False
    at.server.link.hold()
    at.server.write("k", "newer")
    length = at.rc.cached(60).strlen("k")
    settle(at.clock)
    assert pending(length)
    at.server.link.read()
    assert at.settled(length) == 5
    assert at.get() == "newer"


# -- P7


@pytest.mark.promise(
    "``max_bytes`` bounds what is kept, with keys, overhead and values; ``maxInFlight`` bounds what waits",
    "Reads beyond ``maxInFlight`` go to the pool, which has its own bound.",
    about="Client-side caching",
)
def test_what_is_kept_is_bounded(make):
    at = make(cache=redis.ClientCache(max_bytes=10_000))
    for number in range(100):
        at.server.write(f"k{number}", "x" * 100)
        at.get(f"k{number}")
        assert at.stats.bytes <= 10_000
    stats = at.stats
    assert 10 < stats.entries < 30
    assert stats.entries + stats.evictions == 100
    assert at.rc.cached(60).peek("GET", "k99") == "x" * 100


@pytest.mark.promise(
    "``max_bytes`` bounds what is kept, with keys, overhead and values; ``maxInFlight`` bounds what waits"
)
def test_a_reply_that_is_too_large_is_not_kept(make):
    at = make(cache=redis.ClientCache(max_entry_bytes=1000))
    at.server.write("large", "x" * 1000)
    at.server.write("small", "x")
    at.get("small")
    for _ in range(2):
        assert len(at.get("large")) == 1000
    assert at.stats.entries == 1 and at.fetches() == 3


@pytest.mark.promise(
    "``max_bytes`` bounds what is kept, with keys, overhead and values; ``maxInFlight`` bounds what waits"
)
@pytest.mark.parametrize("keys", ["k" * 15, "kkkkkkkkabcdefg", "abcdefghijklmno"])
def test_reads_that_wait_are_bounded(make, keys):
    at = make(maxInFlight=10)
    at.server.write("k", "old")
    at.server.link.hold()
    reads = [at.rc.cached(60).get(key) for key in keys]
    settle(at.clock)
    assert sum(map(pending, reads)) <= 10
    assert at.stats.fetching <= 10
    at.server.link.read()
    settle(at.clock)
    assert [fired(read) for read in reads] == ["old" if key == "k" else None for key in keys]
    assert at.get() == "old" and at.stats.fetching == 0


@pytest.mark.promise(
    "``max_bytes`` bounds what is kept, with keys, overhead and values; ``maxInFlight`` bounds what waits"
)
def test_a_limit_there_is_by_default():
    assert redis.ClientCache().max_bytes == 64 * 2**20


def test_what_is_asked_for_often_stays(make):
    at = make(cache=redis.ClientCache(max_bytes=6000))
    at.server.write("hot", "x")
    for number in range(100):
        at.get("hot")
        at.get(f"cold{number}")
    assert at.fetches() <= 102


# -- P8


@pytest.mark.promise(
    "One fetch serves all reads of a value meanwhile, and each read has values of its own",
    "Lists, sets and dicts are copied for each caller, the first one too. Errors are never kept; nil is.",
    about="Client-side caching",
)
def test_a_hundred_misses_are_one_fetch(at):
    reads = [at.rc.cached(60).get("k") for _ in range(50)]
    reads += [at.rc.cached(30).execute_command("GET", b"k") for _ in range(50)]
    settle(at.clock)
    assert [fired(read) for read in reads] == ["old"] * 100
    assert at.fetches() == 1 and (at.stats.misses, at.stats.joined) == (1, 99)


@pytest.mark.promise("One fetch serves all reads of a value meanwhile, and each read has values of its own")
@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"a": "1", "b": "x"}, lambda view: view.hgetall("k")),
        (["y", "z"], lambda view: view.lrange("k", 0, -1)),
        (["y", "z"], lambda view: view.smembers("k")),
        ("x", lambda view: view.mget(["k", "a"])),
    ],
)
@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("raw", [False, True])
def test_no_caller_shares_a_value_with_another(make, value, read, protocol, raw):
    at = make(protocol=protocol)
    at.server.write("k", value)
    plain = at.settled(read(at.rc.raw if raw else at.rc))
    view = at.rc.cached(60).raw if raw else at.rc.cached(60)
    together = [read(view) for _ in range(2)]
    settle(at.clock)
    values = [*map(fired, together), fired(read(view)), fired(read(view))]
    assert values == [plain] * 4 and [*map(type, values)] == [type(plain)] * 4
    assert len({*map(id, values)}) == 4
    for each in values:
        each.clear()
    assert fired(read(view)) == plain


@pytest.mark.promise("One fetch serves all reads of a value meanwhile, and each read has values of its own")
def test_errors_are_never_kept(at):
    at.server.write("h", {"f": "v"})
    for _ in range(2):
        read = at.rc.cached(60).get("h")
        settle(at.clock)
        failed(read, redis.WrongTypeError)
    assert at.fetches() == 2 and at.stats.entries == 0
    assert at.get() == "old"
    at.server.refused["PTTL"] = error("NOPERM no permissions")
    assert at.get("a") is None and at.stats.entries == 1
    assert at.settled(at.rc.cached(60).mget(["a", "b"])) == [None, None] and at.stats.entries == 1


@pytest.mark.promise("One fetch serves all reads of a value meanwhile, and each read has values of its own")
def test_what_the_server_does_not_track_is_not_kept(at):
    at.server.refused["CLIENT CACHING"] = error("ERR not now")
    assert at.get() == "old" and at.stats.entries == 0
    assert at.settled(at.rc.cached(60).mget(["k", "a"])) == ["old", None] and at.stats.entries == 0


@pytest.mark.promise("One fetch serves all reads of a value meanwhile, and each read has values of its own")
def test_each_caller_has_an_error_of_its_own_fetch(at):
    at.server.write("h", {"f": "v"})
    reads = [at.rc.cached(60).get("h") for _ in range(3)]
    settle(at.clock)
    for read in reads:
        failed(read, redis.WrongTypeError)
    assert at.fetches() == 1
