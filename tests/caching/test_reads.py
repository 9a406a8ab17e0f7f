"""What may be read through the cache, what identifies a reply; peek, broadcast, counters; what peers get wrong."""

from __future__ import annotations

import time

import pytest
from testbed.scripted import settle
from testbed.support import failed, fired, outcome_of, pending
from testbed.tracking import NOT_CACHED
from testbed.ways import Fault
from testbed.wire import error
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

import txredis_fast as redis
from txredis_fast.caching import reads
from txredis_fast.commands._parts.facts import command_facts, known_commands

pytestmark = pytest.mark.usefixtures("logged_errors")

# -- what may be cached


def test_every_command_that_reads_keys_is_cached_or_refused_for_a_reason():
    names = [name for name in known_commands() if "readonly" in command_facts(name).flags and command_facts(name).keys]
    assert len(names) > 90
    assert {name for name in names if name not in reads.CACHEABLE} == {*NOT_CACHED}
    assert not {*NOT_CACHED} & reads.CACHEABLE


def test_what_is_cached_only_reads_and_has_keys():
    for name in reads.CACHEABLE | reads.CACHEABLE_OF_MODULES:
        facts = command_facts(name)
        assert "readonly" in facts.flags and "blocking" not in facts.flags, name
        assert facts.keys, name


def test_the_key_of_simple_commands_is_their_first_argument_and_their_only_key():
    for name in reads.SIMPLE:
        (spec,) = command_facts(name).keys
        assert (spec.begins_at, spec.keyword, spec.last, spec.counted) == (1, None, 0, None), name


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("SET", "k", "v"), "it may write"),
        (("GETDEL", "k"), "it may write"),
        (("GETEX", "k"), "it may write"),
        (("SORT", "k"), "it may write"),
        (("EVAL", "return 1", 0), "it may write"),
        (("FLUSHALL",), "it may write"),
        (("UNHEARD.OF", "k"), "it may write"),
        (("BLPOP", "k", 1), "it may block"),
        (("XREAD", "STREAMS", "k", "0"), "it may block"),
        (("TTL", "k"), "its reply changes without a write to a key"),
        (("DBSIZE",), "its reply changes without a write to a key"),
        (("KEYS", "*"), "its reply changes without a write to a key"),
        (("RANDOMKEY",), "its reply changes without a write to a key"),
        (("OBJECT", "IDLETIME", "k"), "its reply changes without a write to a key"),
        (("MEMORY", "USAGE", "k"), "its reply changes without a write to a key"),
        (("XINFO", "STREAM", "k"), "its reply changes without a write to a key"),
        (("SRANDMEMBER", "k"), "its reply depends on chance, or on a cursor"),
        (("HSCAN", "k", 0), "its reply depends on chance, or on a cursor"),
        (("SORT_RO", "k"), "its patterns may read other keys"),
        (("TS.GET", "k", "LATEST"), "with LATEST it reads other keys"),
        (("TS.RANGE", "k", "-", "+", b"latest"), "with LATEST it reads other keys"),
        (("EVAL_RO", "return 1", 1, "k"), "a script may depend on more than its keys"),
        (("MULTI",), "it may write"),
        ((), "a command needs at least its name"),
    ],
)
def test_a_view_refuses_and_sends_nothing(at, command, reason):
    at.server.forget()
    error = failed(at.rc.cached(60).execute_command(*command), redis.RedisError)
    assert reason in str(error), error
    settle(at.clock)
    assert at.server.names() == []


@pytest.mark.parametrize(
    "refused",
    [
        lambda view: view.batch([("GET", "k")]),
        lambda view: view.set("k", "v"),
        lambda view: view.execute_command("GET", "k", blocking=True),
        lambda view: view.execute_command("GET", "k", no_such_option=1),
        lambda view: view.execute_command("GET", "k", timeout=-1),
        lambda view: view.execute_command("GET"),
        lambda view: view.execute_command("MGET"),
        lambda view: view.execute_command("SUNION"),
        lambda view: view.execute_command("ZUNION", "two", "a"),
        lambda view: view.execute_command("GET", "\ud800"),
    ],
)
def test_a_wrong_call_fails_by_its_deferred(at, refused):
    at.server.forget()
    failed(refused(at.rc.cached(60)), Exception)
    settle(at.clock)
    assert at.server.names() == [] and at.stats.fetching == 0


def test_scripts_that_only_read_are_cached_if_the_program_says_so(make):
    at = make(cache=redis.ClientCache(cacheable_scripts=True), protocol=3)
    at.server.write("k", "old")
    view = at.rc.cached(60)
    for _ in range(2):
        assert at.settled(view.execute_command("EVAL_RO", "return", 1, "k")) == "old"
    assert at.fetches("EVAL_RO") == 1
    at.server.write("k", "new")
    settle(at.clock)
    assert at.settled(view.execute_command("EVAL_RO", "return", 1, "k")) == "new"
    failed(view.execute_command("EVAL_RO", "return", 0), redis.RedisError)


def test_a_handler_without_the_option_says_what_to_do(clock):
    rc = redis.RedisFactory("memory", None, 1, True).handler
    with pytest.raises(redis.RedisError, match=r"cache=txredis_fast\.ClientCache"):
        rc.cached(60)
    with pytest.raises(redis.RedisError, match=r"cache=txredis_fast\.ClientCache"):
        rc.cache


@pytest.mark.parametrize("ttl", [-1, float("nan"), float("inf"), "60", True, [], {}])
def test_a_wrong_ttl_is_refused(at, ttl):
    with pytest.raises(ValueError, match="ttl"):
        at.rc.cached(ttl)


def test_views_are_made_once_for_each_ttl(at):
    assert at.rc.cached(60) is at.rc.cached(60) is at.rc.cached(60.0) is at.rc.cached()
    assert at.rc.cached(5) is not at.rc.cached(60)
    for ttl in range(1000):
        assert at.rc.cached(ttl / 10).max_age == ttl / 10


# -- R12 and trap 6: what identifies a reply


def test_keys_that_are_equal_in_python_and_not_on_the_server(at):
    for key, value in (("1", "int"), ("True", "bool"), ("1.0", "float")):
        at.server.write(key, value)
    view = at.rc.cached(60)
    assert (at.get(1), at.get(1.0), at.get("1"), at.get(b"1")) == ("int", "float", "int", "int")
    assert at.fetches() == 2
    assert view.peek("GET", "1.0") == "float"


def test_arguments_belong_to_the_identity(at):
    at.server.write("k", "abcdef")
    view = at.rc.cached(60)
    assert at.settled(view.getrange("k", 0, -1)) == "abcdef"
    assert at.settled(view.getrange("k", 2, -1)) == "cdef"
    assert at.settled(view.getrange("k", 0, -1)) == "abcdef"


def test_raw_and_converted_are_two_replies(make):
    at = make(convertNumbers=True)
    at.server.write("k", "12")
    view = at.rc.cached(60)
    for _ in range(2):
        assert at.settled(view.get("k")) == 12
        assert at.settled(view.raw.get("k")) == b"12"
        assert view.peek("GET", "k") == 12 and view.raw.peek("GET", "k") == b"12"
    assert at.fetches() == 2


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_method_and_a_name_share_a_reply_and_convert_it_each_for_itself(make, protocol):
    at = make(protocol=protocol)
    at.server.write("k", {"a": "x"})
    view = at.rc.cached(60)
    assert at.settled(view.hgetall("k")) == {"a": "x"}
    by_name = at.settled(view.execute_command("HGETALL", "k"))
    assert by_name == at.settled(at.rc.execute_command("HGETALL", "k"))
    assert at.settled(view.execute_command("HGETALL", "k", post_proc=lambda reply: (len(reply), type(reply)))) == (
        1,
        dict,
    )
    assert at.settled(view.hgetall("k")) == {"a": "x"}


def test_a_converter_that_raises_fails_its_own_read(at):
    def broken(reply):
        raise KeyError(reply)

    view = at.rc.cached(60)
    for _ in range(2):
        wrong, right = view.execute_command("GET", "k", post_proc=broken), view.get("k")
        settle(at.clock)
        assert failed(wrong, KeyError).args == ("old",)
        assert fired(right) == "old"


# -- R13 and traps 1, 3: pushes


@pytest.mark.parametrize("key", ["007", "1.50", "12", "ключ", "1e3", "-0", "nan"])
@pytest.mark.parametrize("numbers", [True, False])
@pytest.mark.parametrize("charset", ["utf-8", None])
def test_pushed_keys_are_bytes(make, key, numbers, charset):
    at = make(convertNumbers=numbers, charset=charset)
    at.server.write(key, "old")
    for view in (at.rc.cached(60), at.rc.cached(60).raw):
        at.settled(view.get(key))
        at.server.link.hold()
        reading = view.get("other")
        settle(at.clock)
        at.server.write(key, "new")
        settle(at.clock)
        at.server.link.client.held[:] = [b"".join(at.server.link.client.held)]
        at.server.link.read()
        settle(at.clock)
        fired(reading)
        assert view.peek("GET", key, default="gone") == "gone"


def test_invalidations_are_no_business_of_the_programs(make):
    got = []

    class Program(redis.RedisProtocol):
        def pushReceived(self, push):
            got.append(push)

    at = make(own_protocol=Program)
    at.server.write("k", "old")
    at.get()
    at.server.write("k", "new")
    settle(at.clock)
    assert at.get() == "new" and got == []
    at.server.trackers[0].session.send(b">2\r\n$5\r\nother\r\n$1\r\nx\r\n")
    settle(at.clock)
    assert [list(push) for push in got] == [["other", "x"]]


def test_a_namespace_of_a_module_is_cached(make):
    at = make(protocol=3)
    at.server.write("k", '{"a": 1}')
    at.server.__dict__["_do_json.get"] = at.server._do_get
    for _ in range(2):
        assert at.settled(at.rc.cached(60).json.get("k")) == {"a": 1}
    assert at.fetches("JSON.GET") == 1


# -- R11 and trap 5: a loop of hits


@pytest.mark.parametrize(
    "read", [lambda view: view.get("k"), lambda view: view.mget(["k"]), lambda view: view.raw.get("k")]
)
def test_a_loop_of_hits_lets_the_reactor_read_invalidations(at, read):
    view = at.rc.cached(60)
    first = at.settled(read(view))
    at.server.write("k", "new")
    count = 0

    async def loop():
        nonlocal count
        while await read(view) == first and count < 10_000:
            count += 1

    looping = Deferred.fromCoroutine(loop())
    settle(at.clock)
    fired(looping)
    assert 900 <= count <= 1001


def test_a_read_of_the_next_turn_may_be_cancelled(at):
    at.get()
    pending_reads = [read for read in (at.rc.cached(60).get("k") for _ in range(1500)) if pending(read)]
    assert 1 <= len(pending_reads) <= 2
    pending_reads[0].cancel()
    assert isinstance(outcome_of(pending_reads[0]), Failure)


# -- R14, R16, R17


def test_another_server_empties_the_store(at):
    """As a Sentinel's word of a new master does."""
    at.get()
    at.server.link.hold()
    waiting = at.rc.cached(60).get("other")
    settle(at.clock)
    link = at.server.link
    for companion in list(at.factory.companions):
        companion.drop(redis.ConnectionError("the master has changed"))
    assert at.stats.entries == 0 and at.rc.cached(60).peek("GET", "k") is None
    link.client.held = None
    at.let_pass(3)
    failed(waiting, redis.ConnectionError)
    assert not link.client.connected and at.stats.link == "up"
    assert at.get() == "old"


def test_many_invalidations_of_what_nobody_read_are_told_once(at, events):
    for number in range(1500):
        key = f"k{number}"
        at.get(key)
        at.server.write(key, "x")
    settle(at.clock)
    (event,) = events.told("cache_churn")
    assert event["invalidations"] == event["unused"] == 1000
    assert "tracking-table-max-keys" in events.texts[-1]


def test_invalidations_of_what_was_read_are_no_churn(at, events):
    for number in range(1500):
        key = f"k{number}"
        at.get(key)
        at.get(key)
        at.server.write(key, "x")
    settle(at.clock)
    assert events.count("cache_churn") == 0


def test_the_link_has_no_privileges_at_the_server(at):
    """Where it does not read what the server pushes, the server may close it."""
    handshake = at.server.names()
    assert not [name for name in handshake if "NO-EVICT" in name.upper()]
    assert "CLIENT TRACKING ON OPTIN" in handshake


# -- peek, forget, clear, counters


def test_peek_gives_at_once_what_is_kept_and_fetches_nothing(at):
    view = at.rc.cached(60)
    at.server.forget()
    assert view.peek("GET", "k") is None and view.peek("GET", "k", default="none") == "none"
    settle(at.clock)
    assert at.server.names() == []
    at.get()
    assert view.peek("GET", "k") == "old" and at.rc.cached(0).peek("GET", "k") is None
    assert at.stats.hits == 1
    assert view.peek("SET", "k", "v", default="none") == "none"


def test_peek_gives_nil_that_is_kept(at):
    at.get("absent")
    assert at.rc.cached(60).peek("GET", "absent", default="none") is None


@pytest.mark.parametrize("wrong", [{"key": "k"}, {"command": "GET"}])
def test_the_arguments_of_peek_have_no_names(at, wrong):
    at.get()
    with pytest.raises(TypeError):
        at.rc.cached(60).peek(*([] if "command" in wrong else ["GET"]), **wrong)


def test_peek_of_mget_is_a_list(at):
    view = at.rc.cached(60)
    at.settled(view.mget(["k", "absent"]))
    assert view.peek("MGET", "k", "absent", default="none") == ["old", None]
    assert view.peek("MGET", "absent", default="none") == [None]
    assert view.peek("MGET", "k", "x", default="none") == "none"
    assert view.peek("GET", "k") == "old"


@pytest.mark.parametrize("wrong", [(), ("\ud800",), ("GET", "\ud800"), ("MGET", "\ud800")])
def test_peek_of_what_cannot_be_sent_raises(at, wrong):
    with pytest.raises((TypeError, redis.InvalidData)):
        at.rc.cached(60).peek(*wrong)
    with pytest.raises((TypeError, redis.InvalidData)):
        at.rc.cached(60).raw.peek(*wrong)


def test_peek_converts_and_copies(make):
    at = make(protocol=2)
    at.server.write("k", {"a": "x"})
    view = at.rc.cached(60)
    at.settled(view.hgetall("k"))
    view.peek("HGETALL", "k").clear()
    assert view.peek("HGETALL", "k") == {"a": "x"}


def test_forget_and_clear(at):
    at.get()
    at.get("a")
    at.cache.forget(b"k", 7)
    assert at.stats.entries == 1 and at.rc.cached(60).peek("GET", "k") is None
    at.cache.clear()
    assert at.stats.entries == 0
    at.server.link.hold()
    reading = at.rc.cached(60).get("k")
    settle(at.clock)
    at.cache.forget("k")
    at.server.link.read()
    assert fired(reading) == "old"
    assert at.rc.cached(60).peek("GET", "k") is None
    with pytest.raises(redis.InvalidData):
        at.cache.forget("\ud800")


def test_counters(at):
    view = at.rc.cached(60)
    at.get()
    at.get()
    at.settled(view.mget(["k", "a", "b"]))
    both = [view.get("c"), view.get("c")]
    settle(at.clock)
    for each in both:
        fired(each)
    at.server.write("a", "1")
    settle(at.clock)
    at.cache.clear()
    stats = at.cache.stats()
    assert stats == at.rc.stats().cache
    assert (stats.hits, stats.misses, stats.joined, stats.uncached) == (2, 4, 1, 0)
    assert (stats.invalidations, stats.evictions, stats.entries, stats.bytes, stats.fetching) == (1, 0, 0, 0, 0)
    assert stats.link == "up" and stats.link_lost == 0
    assert at.rc.stats().as_dict()["cache"]["hits"] == 2
    assert (stats + stats).hits == 4


# -- MGET


def test_mget_fetches_what_is_missing_only(at):
    at.server.write("a", "1")
    at.get()
    at.server.forget()
    assert at.settled(at.rc.cached(60).mget(["k", "a", "b", "a"])) == ["old", 1, None, 1]
    assert at.server.names() == ["CLIENT CACHING YES", "MGET a b", "PTTL a", "PTTL b"]
    at.server.forget()
    assert at.settled(at.rc.cached(60).mget(["b", "a"])) == [None, 1]
    assert at.get("a") == 1 and at.server.names() == []


def test_mget_has_nil_for_a_value_of_another_type(at):
    at.server.write("h", {"f": "v"})
    view = at.rc.cached(60)
    assert at.settled(view.mget(["h", "k"])) == [None, "old"]
    wrong = view.get("h")
    settle(at.clock)
    failed(wrong, redis.WrongTypeError)
    assert at.settled(view.mget(["h", "k"])) == [None, "old"]


def test_mget_joins_the_fetches_of_others(at):
    at.server.link.hold()
    single = at.rc.cached(60).get("k")
    several = at.rc.cached(60).mget(["k", "h", "a"])
    again = at.rc.cached(60).mget(["a", "k"])
    settle(at.clock)
    at.server.link.read()
    settle(at.clock)
    assert (fired(single), fired(several), fired(again)) == ("old", ["old", None, None], [None, "old"])
    assert at.server.names(tracked=True).count("MGET h a") == 1 and at.fetches("MGET") == 1


def test_mget_that_joins_a_get_of_another_type(at):
    at.server.write("k", {"f": "v"})
    at.server.link.hold()
    single, several = at.rc.cached(60).get("k"), at.rc.cached(60).mget(["k", "a"])
    settle(at.clock)
    at.server.link.read()
    settle(at.clock)
    failed(single, redis.WrongTypeError)
    assert fired(several) == [None, None]


def test_mget_that_goes_to_the_pool_leaves_nothing_behind(make, logged_errors):
    at = make(maxInFlight=4)
    at.server.link.hold()
    single, other = at.rc.cached(60).get("k"), at.rc.cached(60).get("a")
    several = at.rc.cached(60).mget(["k", "h"])  # the first key joins, and the second finds the link full
    assert at.settled(several) == [None, None]
    at.server.link.client.held = None
    at.server.link.reset()
    settle(at.clock)
    for lost in (single, other):
        failed(lost, redis.MaybeExecutedError)
    assert logged_errors.describe() == []


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize("value", [None, "old", {"f": "v"}], ids=["nil", "value", "of another type"])
def test_mget_of_one_key_is_a_list_however_it_is_answered(make, value, by_name):
    at = make()
    at.server.write("k", value)
    view = at.rc.cached(60)
    wanted = [value if isinstance(value, str) else None]

    def read():
        return view.execute_command("MGET", "k") if by_name else view.mget(["k"])

    at.server.link.hold()
    fetched, joined = read(), read()
    settle(at.clock)
    at.server.link.read()
    settle(at.clock)
    assert (fired(fetched), fired(joined)) == (wanted, wanted)
    assert at.settled(read()) == wanted
    assert at.settled(view.mget(["k", "other"])) == [*wanted, None]
    assert at.settled(view.execute_command("MGET", "other")) == [None]


def test_mget_is_not_refused_for_keys_of_another(at):
    """A server refuses the whole of an MGET for one key that a user may not read."""
    at.server.write("a", "one")
    at.server.refused["MGET"] = error("NOPERM No permissions to access a key")
    at.server.link.hold()
    refused = at.rc.cached(60).mget(["a", "forbidden"])
    others = [at.rc.cached(60).mget(["a", "k"]), at.rc.cached(60).mget(["a"])]
    settle(at.clock)
    at.server.refused.clear()
    at.server.link.read()
    settle(at.clock)
    failed(refused, redis.NoPermissionError)
    failed(others.pop(0), redis.NoPermissionError)  # its own fetch, of k
    assert [fired(other) for other in others] == [["one"]]


def test_mget_that_is_refused_itself_is_asked_once_more(at):
    at.server.refused["MGET"] = error("NOPERM No permissions to access a key")
    at.server.link.hold()
    reads = [at.rc.cached(60).mget(["a"]) for _ in range(10)]
    settle(at.clock)
    at.server.link.read()
    settle(at.clock)
    for read in reads:
        failed(read, redis.NoPermissionError)
    assert at.fetches("MGET") == 2


# -- broadcast mode


def broadcast(make, **options):
    at = make(cache=redis.ClientCache(mode="broadcast", **options))
    for key in ("p:1", "other"):
        at.server.write(key, "old")
    return at


def test_in_broadcast_mode_keys_outside_the_prefixes_are_read_each_time(make):
    at = broadcast(make, prefixes=("p:", b"q"))
    assert "CLIENT TRACKING ON BCAST PREFIX p: PREFIX q" in at.server.names()
    for _ in range(2):
        assert at.get("p:1") == at.get("other") == "old"
    at.server.write("p:1", "new")
    at.server.write("other", "new")
    settle(at.clock)
    assert at.get("p:1") == at.get("other") == "new"
    assert at.fetches() == 2 and at.stats.uncached == 3
    assert at.settled(at.rc.cached(60).mget(["p:1", "other"])) == ["new", "new"]
    assert at.stats.uncached == 4


def test_a_fetch_in_broadcast_mode_needs_no_preface(make):
    at = broadcast(make)
    at.server.forget()
    assert at.get("other") == "old"
    assert at.server.names() == ["GET other", "PTTL other"]


@pytest.mark.parametrize("place", [b"GET", b"PTTL"])
def test_races_in_broadcast_mode(make, place):
    at = broadcast(make)
    changed = []

    def before(client, args):
        if args[0] == place and client.tracking and not changed:
            changed.append(args)
            at.server.write("p:1", "new")

    at.server.before = before
    assert at.get("p:1") == ("old" if place == b"PTTL" else "new")
    assert at.get("p:1") == "new"


def test_a_script_in_broadcast_mode_drops_everything(make):
    """Its word comes after the replies of later commands, so a PING would tell nothing."""
    at = broadcast(make)
    at.get("p:1")
    at.server.broadcast_delay = 1.0
    at.settled(at.rc.eval("hidden p:1", [], ["new"]))
    assert at.get("p:1") == "new"
    at.let_pass(1)


# -- what peers get wrong, where no other test has it


def test_nil_is_not_fetched_each_time(at):
    for _ in range(5):
        assert at.get("absent") is None
    assert at.fetches() == 1
    at.server.write("absent", "here")
    settle(at.clock)
    assert at.get("absent") == "here"


@pytest.mark.speed
def test_an_invalidation_costs_the_same_however_much_is_kept(at):
    def cost(entries):
        at.cache.clear()
        names = [f"{entries}:{number}" for number in range(entries)]
        link = at.server.trackers[0]
        reading = [at.rc.cached(60).get(name) for name in names]
        settle(at.clock)
        for each in reading:
            fired(each)
        assert at.stats.entries == entries
        best = float("inf")
        for start in range(0, 500, 100):
            data = b"".join(b">2\r\n$10\r\ninvalidate\r\n*1\r\n$%d\r\n%b\r\n" % (len(name), name.encode())
                            for name in names[start : start + 100])  # fmt: skip
            client = at.server.link.client.protocol
            begun = time.process_time()
            client.dataReceived(data)
            best = min(best, time.process_time() - begun)
        assert at.stats.entries == entries - 500 and not link.session.lost
        return best

    cost(500)
    assert cost(20_000) < 8 * cost(500)


def test_old_values_do_not_survive_a_link_that_went_silent(at):
    at.get()
    at.let_pass(11)
    link = at.server.link
    link.down.fault = Fault(stop_after=0)
    at.server.write("k", "new")
    at.let_pass(10.25)
    assert at.get(ttl=600) == "new"


def test_ages_need_no_wall_clock(make, clock):
    """A test's clock, of the package or of the pool, is the clock of ages."""
    at = make()
    at.get("k")
    clock.advance(59)
    settle(clock)
    assert at.rc.cached(60).peek("GET", "k", default="gone") is None
    clock.advance(1.5)
    assert at.rc.cached(60).peek("GET", "k", default="gone") == "gone"
