"""Races of replies with invalidations, of one program's reads with its writes, and of both with lost connections."""

from __future__ import annotations

import pytest
from testbed.scripted import settle
from testbed.support import failed, fired, pending
from testbed.ways import Fault
from testbed.wire import error
from twisted.internet.defer import CancelledError

import txredis_fast as redis

pytestmark = pytest.mark.usefixtures("logged_errors")


def between(server, place, change, times=1):
    """Let another client make a change in front of the next command that begins with a name, on a tracked link."""
    left = [times]

    def before(client, args):
        if client.tracking and left[0] and b" ".join(args).startswith(place):
            left[0] -= 1
            change()

    server.before = before


def in_one_piece(link):
    """Let the client read all that lies in its socket at once."""
    link.client.held[:] = [b"".join(link.client.held)]
    link.read()


def lose(link):
    """What lies in the client's socket is lost with the connection."""
    link.client.held = None
    link.reset()


# -- R1, R2, R20: one fetch


def test_a_fetch_is_one_write_of_three_commands(at):
    at.server.forget()
    written = len(at.server.link.client.written)
    read = at.rc.cached(60).get("k")
    sent = bytes(at.server.link.client.written[written:])
    assert sent == b"".join(
        (
            b"*3\r\n$6\r\nCLIENT\r\n$7\r\nCACHING\r\n$3\r\nYES\r\n",
            b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
            b"*2\r\n$4\r\nPTTL\r\n$1\r\nk\r\n",
        )
    )
    assert at.settled(read) == "old"
    assert at.server.names() == ["CLIENT CACHING YES", "GET k", "PTTL k"]


def test_nothing_comes_between_the_commands_of_a_fetch(at):
    at.server.forget()
    reads = [at.rc.cached(60).get(key) for key in "kabc"]
    at.cache.forget("k")
    reads += [at.rc.cached(60).hgetall("h"), at.rc.cached(60).mget(["m1", "m2"]), at.rc.cached(0).get("k")]
    settle(at.clock)
    names = at.server.names(tracked=True)
    while names:
        assert names.pop(0) == "CLIENT CACHING YES"
        _, *keys = names.pop(0).split()
        assert [names.pop(0) for _ in keys] == [f"PTTL {key}" for key in keys]


@pytest.mark.parametrize("pieces", ["one", "many"])
@pytest.mark.parametrize("place", [b"CLIENT CACHING", b"GET", b"PTTL"])
def test_another_clients_write_between_the_commands_of_a_fetch(at, place, pieces):
    between(at.server, place, lambda: at.server.write("k", "new"))
    link = at.server.link
    link.hold()
    read = at.rc.cached(60).get("k")
    settle(at.clock)
    in_one_piece(link) if pieces == "one" else link.read()
    assert at.settled(read) == ("old" if place == b"PTTL" else "new")
    at.server.forget()
    assert at.get() == "new"
    # A change before the read does not keep the reply from being kept; one behind the read does.
    assert at.fetches() == (1 if place == b"PTTL" else 0)


def test_an_invalidation_of_an_earlier_read_does_not_end_a_fetch(at):
    """The entry was evicted or forgotten here, and the server still tracks the key for the earlier read."""
    at.get()
    at.cache.forget("k")
    between(at.server, b"CLIENT CACHING", lambda: at.server.write("k", "new"))
    assert at.get() == "new"
    at.server.forget()
    assert at.get() == "new"
    assert at.fetches() == 0


def test_an_invalidation_in_the_place_behind_the_reply_is_not_ignored(at):
    """The reply is older than the push, and is not kept, however long nobody else writes."""
    between(at.server, b"PTTL", lambda: at.server.write("k", "new"))
    at.get()
    for _ in range(3):
        assert at.get() == "new"


def test_who_waits_is_told_when_the_entry_is_kept(at):
    """A waiter that reads again gets a hit, and no further fetch."""
    again = []
    link = at.server.link
    link.hold()
    read = at.rc.cached(60).get("k")
    read.addCallback(lambda value: again.append((value, fired(at.rc.cached(60).get("k")))))
    settle(at.clock)
    whole = b"".join(link.client.held)
    head, tail = whole[: -len(b":-1\r\n")], whole[-len(b":-1\r\n") :]
    link.client.held[:] = [head]
    link.read()
    assert pending(read)
    link.hold()
    link.client.held[:] = [tail]
    link.read()
    assert again == [("old", "old")]
    assert at.fetches() == 1


# -- R3: own writes, and reads in flight


def test_an_own_write_detaches_a_fetch_in_flight(at):
    """What it fetches serves who waits already; it is neither joined nor kept."""
    link = at.server.link
    link.hold()
    early = at.rc.cached(60).get("k")
    settle(at.clock)
    at.settled(at.rc.set("k", "new"))
    late = at.rc.cached(60).get("k")
    settle(at.clock)
    assert pending(early) and pending(late)
    link.read()
    settle(at.clock)
    assert (fired(early), fired(late)) == ("old", "new")
    assert at.get() == "new"
    assert at.fetches() == 2


def test_a_write_drops_what_is_kept_before_its_push_comes(at):
    at.get()
    at.server.link.down.fault = Fault(delay=3)
    seen = []
    at.rc.set("k", "new").addCallback(lambda _: seen.append(at.rc.cached(60).peek("GET", "k")))
    settle(at.clock)
    assert seen == [None]
    read = at.rc.cached(60).get("k")
    at.let_pass(3.25)
    assert fired(read) == "new"


@pytest.mark.parametrize("ending", ["error", "lost", "cancelled"])
def test_a_write_that_has_failed_may_be_executed(at, ending):
    at.get()
    at.server.link.hold()
    if ending == "error":
        at.server.refused["SET"] = error("ERR half done")
    writing = at.rc.set("k", "new")
    if ending == "lost":
        at.server.pool_links[0].hold()
    if ending == "cancelled":
        writing.cancel()
    settle(at.clock)
    if ending == "lost":
        lose(at.server.pool_links[0])
    kinds = {"error": redis.ResponseError, "lost": redis.ConnectionError, "cancelled": CancelledError}
    failed(writing, kinds[ending])
    assert at.rc.cached(60).peek("GET", "k") is None


def test_a_cancelled_write_that_is_answered_later_drops_again(at):
    """A read after the cancellation may be executed before the write."""
    pool = at.server.pool_links[0]
    pool.up.fault = Fault(delay=5)
    writing = at.rc.set("k", "new")
    writing.cancel()
    failed(writing, CancelledError)
    assert at.get() == "old"
    at.server.untold = True
    at.let_pass(5)
    assert at.rc.cached(60).peek("GET", "k") is None


# -- R4, R21: lost links


@pytest.mark.parametrize("pool_lives", [True, False])
def test_a_lost_link_empties_the_store_before_a_deferred_fires(at, pool_lives):
    at.get()
    at.server.link.hold()
    seen = []
    reading = at.rc.cached(60).get("other")
    reading.addErrback(lambda failure: seen.append((failure.type, at.rc.cached(60).peek("GET", "k"), at.stats.entries)))
    settle(at.clock)
    if not pool_lives:
        for link in at.server.pool_links:
            link.reset()
    lose(at.server.link)
    assert seen == [(redis.MaybeExecutedError, None, 0)]
    assert at.stats.link_lost == 1


def test_fetches_of_a_lost_link_are_not_joined(at):
    at.server.link.hold()
    first = at.rc.cached(60).get("k")
    second = []
    first.addErrback(lambda _: second.append(at.rc.cached(60).get("k")))
    settle(at.clock)
    lose(at.server.link)
    settle(at.clock)
    assert fired(second[0]) == "old"
    assert at.stats.uncached == 1


def test_a_former_links_words_are_ignored(at):
    """What its connection still reads after another is up says nothing about what that has fetched."""
    at.get()
    former = at.server.link.client.protocol
    at.server.link.reset()
    at.let_pass(3)
    assert at.get() == "old"
    before = at.stats
    at.cache.tracking.invalidated(former, [b"k"])
    at.cache.tracking.invalidated(former, None)
    assert (at.stats.entries, at.stats.flushes) == (before.entries, before.flushes)
    at.cache.tracking.link_down(former)
    assert at.stats.link == "up" and at.stats.link_lost == before.link_lost


def test_a_lost_fetch_fails_with_maybe_executed(at):
    at.server.link.hold()
    reads = [at.rc.cached(60).get("k"), at.rc.cached(60).mget(["k", "a"]), at.rc.cached(60).withTimeout(9).get("k")]
    settle(at.clock)
    lose(at.server.link)
    settle(at.clock)
    for read in reads:
        failed(read, redis.MaybeExecutedError)


def test_a_lost_fetch_is_read_again_where_the_retry_policy_allows_it(make):
    at = make(retry=redis.RetryPolicy(read_only=True))
    at.server.write("k", "old")
    at.server.link.hold()
    read = at.rc.cached(60).get("k")
    settle(at.clock)
    lose(at.server.link)
    assert at.settled(read) == "old"


def test_a_handler_that_is_opened_again_keeps_again(at):
    at.get()
    at.settled(at.rc.disconnect())
    at.let_pass(6)
    assert at.stats.link == "off" and not at.server.trackers
    at.factory.disconnectCalled, at.factory.reconnect = False, True
    at.start()
    at.let_pass(1)
    assert at.stats.link == "up"
    at.server.write("k", "new")
    assert at.get() == "new"
    at.server.forget()
    assert at.get() == "new" and at.server.names() == []


def test_a_link_that_is_not_made_again_is_off(at):
    at.factory.reconnect = False
    at.server.link.reset()
    at.let_pass(5)
    assert at.stats.link == "off" and at.get() == "old"


# -- R5: a link that is silent


def test_the_link_has_its_own_health_check(at):
    at.let_pass(4.75)
    at.server.forget()
    at.let_pass(0.5)
    assert at.server.names(tracked=True) == ["PING"]


def test_a_link_that_is_silent_is_replaced(at):
    at.get()
    silent = at.server.link
    silent.up.fault = silent.down.fault = Fault(stop_after=0)
    at.let_pass(10.5)
    assert not silent.client.connected
    at.let_pass(3)
    assert at.stats.link == "up" and at.stats.link_lost == 1
    assert at.get() == "old"


def test_an_error_is_a_sign_of_life(at):
    at.server.refused["PING"] = error("NOPERM this user has no permissions to run the 'ping' command")
    at.get()
    at.let_pass(30)
    assert at.stats.link_lost == 0
    at.server.forget()
    assert at.get() == "old"
    assert at.fetches() == 0


class WithoutPing(redis.RedisProtocol):
    """Lets a program send no PING."""

    def execute_command(self, *args, **kwargs):
        if args[0] == "PING":
            raise redis.RedisError("not here")
        return super().execute_command(*args, **kwargs)


def test_what_a_programs_protocol_raises_is_no_sign_of_life(make):
    at = make(own_protocol=WithoutPing)
    at.server.write("k", "old")
    at.get()
    silent = at.server.link
    silent.up.fault = silent.down.fault = Fault(stop_after=0)
    at.let_pass(10.25)
    assert at.rc.cached(1000).peek("GET", "k", default="nothing") == "nothing"


def test_what_a_programs_protocol_raises_tells_of_no_writes_of_scripts(make):
    at = make(own_protocol=WithoutPing)
    at.server.write("k", "old")
    at.get()
    at.server.link.hold()
    at.settled(at.rc.eval("hidden k", [], ["new"]))
    read = at.rc.cached(60).get("k")
    settle(at.clock)
    assert pending(read)
    at.server.link.read()
    assert at.settled(read) == "new"


# -- R6: a link that is refused


@pytest.mark.parametrize("refused", ["HELLO", "CLIENT TRACKING"])
def test_nothing_is_kept_where_the_server_does_not_track(make, refused, events):
    at = make(begin=False)
    at.server.write("k", "old")
    at.server.refused[refused] = error("NOPERM not for you")
    at.start()
    for _ in range(3):
        assert at.get() == "old"
        at.let_pass(5)
    assert (at.stats.link, at.stats.uncached, at.stats.entries) == ("off", 3, 0)
    assert events.count("cache_off") == 1
    del at.server.refused[refused]
    at.let_pass(60)
    assert at.stats.link == "up" and events.count("cache_on") == 1
    at.get()
    at.server.forget()
    assert at.get() == "old" and at.server.names() == []


def test_a_refused_link_is_tried_again_at_the_slowest_pace(make):
    at = make(begin=False)
    at.factory.maxDelay = 20
    at.server.refused["CLIENT TRACKING"] = error("NOPERM not for you")
    at.start()
    before = len(at.server.clients)
    at.let_pass(61)
    assert len(at.server.clients) - before == 3


def test_a_server_of_old_embeds_pushes_in_replies_and_is_not_used(make, events):
    at = make(begin=False)
    at.server.version = b"6.2.14"
    at.server.write("k", "old")
    at.start()
    assert at.get() == "old"
    assert at.stats.link == "off" and events.count("cache_off") == 1
    assert "6.2.14" in events.told("cache_off")[0]["reason"]


@pytest.mark.parametrize("silent", ["HELLO", "CLIENT"])
def test_nothing_is_fetched_before_the_handshake_is_answered(make, silent):
    at = make(begin=False, password="secret", dbid=3)
    at.server.write("k", "of 3", db=3)
    at.server.silent.add(silent)
    at.start()
    assert at.get() == "of 3"
    assert at.fetches() == 0 and at.stats.uncached == 1


# -- R7: keys that expire


@pytest.mark.parametrize(("ends", "kept_for"), [(7.0, 7.0), (None, 60.0), (0.5, 0.5)])
def test_an_entry_ends_when_its_key_does(at, ends, kept_for):
    """No push comes: the server's active expiry may be off."""
    at.server.write("k", "old", ends=ends)
    at.get()
    at.server.untold = True
    at.clock.advance(kept_for - 0.25)
    settle(at.clock)
    assert at.rc.cached(60).peek("GET", "k", default="gone") == "old"
    at.clock.advance(0.5)
    assert at.rc.cached(60).peek("GET", "k", default="gone") == "gone"


def test_an_entry_ends_counted_from_the_question(at):
    """The reply may have been on its way for long."""
    at.server.write("k", "old", ends=4)
    at.server.link.down.fault = Fault(delay=3)
    read = at.rc.cached(60).get("k")
    at.let_pass(3.25)
    assert fired(read) == "old"
    at.server.untold = True
    assert at.rc.cached(60).peek("GET", "k") == "old"
    at.let_pass(0.75)
    assert at.rc.cached(60).peek("GET", "k") is None


def test_nil_is_kept_for_the_ttl(at):
    assert at.get("absent") is None
    at.server.forget()
    at.clock.advance(59)
    assert at.get("absent") is None and at.server.names(tracked=True) == ["PING"] * at.fetches("PING")
    at.clock.advance(2)
    at.get("absent")
    assert at.fetches() == 1


@pytest.mark.parametrize(
    ("value", "read", "then"),
    [
        ("old", ("GET", "k"), None),
        ("", ("GET", "k"), None),
        ("0", ("GET", "k"), None),
        ({"f": "0"}, ("HGET", "k", "f"), None),
        ({"f": "v"}, ("HMGET", "k", "f"), [None]),
        ([b"0"], ("LRANGE", "k", "0", "-1"), []),
    ],
)
@pytest.mark.parametrize("numbers", [True, False])
def test_a_key_that_expires_between_the_read_and_pttl_is_not_kept(make, value, read, then, numbers):
    """A replica does not delete it, and so tells nothing."""
    at = make(convertNumbers=numbers)
    at.server.write("k", value, ends=1)
    at.server.untold = True
    between(at.server, b"PTTL", lambda: expire(at))
    at.settled(at.rc.cached(60).execute_command(*read))
    assert at.settled(at.rc.cached(60).execute_command(*read)) == then


def expire(at):
    at.server.ends[0, b"k"] = at.clock.seconds() - 1


@pytest.mark.parametrize(
    "read",
    [
        ("GET", "a"),
        ("STRLEN", "a"),
        ("EXISTS", "a"),
        ("HGETALL", "a"),
        ("HMGET", "a", "f", "g"),
        ("LRANGE", "a", 0, -1),
    ],
)
def test_what_absent_keys_give_is_kept(make, read):
    at = make(protocol=3)
    for _ in range(3):
        at.settled(at.rc.cached(60).execute_command(*read))
    assert at.fetches(read[0]) == 1


# -- R8, R9, R10


def test_a_flush_by_another_client_drops_everything(at):
    at.get()
    at.get("a")
    at.server.flush()
    settle(at.clock)
    assert at.stats.entries == 0 and at.get() is None


def test_a_flush_behind_the_reply_of_a_fetch_keeps_it_from_being_kept(at):
    between(at.server, b"PTTL", at.server.flush)
    assert at.get() == "old"
    assert at.get() is None


def test_select_drops_everything_and_the_link_follows(at):
    at.server.write("k", "of 1", db=1)
    at.get()
    link = at.server.link
    link.hold()
    early = at.rc.cached(60).get("other")
    settle(at.clock)
    selecting = at.rc.select(1)
    settle(at.clock)
    fired(selecting)
    assert at.rc.cached(60).peek("GET", "k") is None
    link.read()
    settle(at.clock)
    assert fired(early) is None
    assert at.rc.cached(60).peek("GET", "other", default="not kept") == "not kept"
    assert at.get() == "of 1"
    assert at.server.trackers[0].db == 1


def test_a_link_that_is_made_while_the_database_changes_has_the_new_one(make):
    at = make(begin=False)
    at.server.write("k", "of 0")
    at.server.write("k", "of 1", db=1)
    held = []

    def before(client, args):
        if args[:2] == [b"CLIENT", b"TRACKING"] and not held:
            held.append(client)
            at.server.link_of(client).hold()

    at.server.before = before
    at.start()
    assert at.stats.link == "down" and held
    at.settled(at.rc.select(1))
    at.server.link_of(held[0]).read()
    settle(at.clock)
    assert at.get() == "of 1"
    at.let_pass(5)
    assert at.get() == "of 1"
    assert at.get() == "of 1" and at.stats.link == "up"


def test_a_new_login_drops_everything_and_the_link_follows(at):
    at.get()
    at.settled(at.rc.auth("secret", "alice"))
    assert at.stats.entries == 0
    assert at.server.names(tracked=True)[-1] == "AUTH alice secret"
    at.get()
    at.server.forget()
    assert at.get() == "old" and at.server.names() == []


def test_a_link_that_does_not_follow_is_given_up(at):
    at.get()
    link = at.server.link

    def before(client, args):
        at.server.refused.pop("SELECT", None)
        if client.tracking and args[0] == b"SELECT":
            at.server.refused["SELECT"] = error("NOPERM not for you")

    at.server.before = before
    at.settled(at.rc.select(1))
    assert not link.client.connected
    assert at.stats.link == "down" and at.get() is None


def test_an_entry_over_several_keys_goes_with_each_of_them(at):
    for written in ("s1", "s2"):
        at.server.write("s1", ["x"])
        at.server.write("s2", ["y"])
        settle(at.clock)
        assert sorted(at.settled(at.rc.cached(60).sunion(["s1", "s2"]))) == ["x", "y"]
        at.server.write(written, ["z"])
        settle(at.clock)
        assert "z" in at.settled(at.rc.cached(60).sunion(["s1", "s2"]))


# -- R18


@pytest.mark.parametrize("which", [0, 1, 2])
def test_cancelling_one_waiter_ends_his_waiting_only(at, which):
    at.server.link.hold()
    reads = [at.rc.cached(60).get("k") for _ in range(3)]
    settle(at.clock)
    reads[which].cancel()
    failed(reads[which], CancelledError)
    at.server.link.read()
    settle(at.clock)
    del reads[which]
    assert [fired(read) for read in reads] == ["old", "old"]
    assert at.fetches() == 1 and at.rc.cached(60).peek("GET", "k") == "old"


def test_all_waiters_may_go_and_the_reply_is_kept(at):
    at.server.link.hold()
    reads = [at.rc.cached(60).get("k"), at.rc.cached(60).mget(["k"])]
    settle(at.clock)
    for read in reads:
        read.cancel()
        failed(read, CancelledError)
    at.server.link.read()
    assert at.rc.cached(60).peek("GET", "k") == "old"
    assert at.stats.fetching == 0


def test_a_time_limit_ends_one_waiters_waiting_only(at):
    at.server.link.down.fault = Fault(delay=3)
    patient, hasty = at.rc.cached(60).get("k"), at.rc.cached(60).withTimeout(1).get("k")
    several = at.rc.cached(60).withTimeout(1).mget(["k", "a"])
    at.let_pass(2)
    failed(hasty, redis.ReplyTimeoutError)
    failed(several, redis.ReplyTimeoutError)
    assert pending(patient)
    at.let_pass(1.25)
    assert fired(patient) == "old"
    assert at.stats.link_lost == 0


def test_a_time_limit_of_mget_that_only_joins(at):
    at.server.link.hold()
    single = at.rc.cached(60).get("k")
    several = at.rc.cached(60).withTimeout(2).mget(["k"])
    at.let_pass(2.25)
    failed(several, redis.ReplyTimeoutError)
    at.server.link.read()
    assert at.settled(single) == "old"


@pytest.mark.parametrize("read", [lambda view: view.get("k"), lambda view: view.mget(["k"])], ids=["get", "mget"])
def test_a_time_limit_is_that_of_the_question_about_scripts_and_of_the_fetch_together(at, read):
    at.get()
    at.server.silent |= {"GET", "MGET"}
    at.server.link.hold()
    at.settled(at.rc.eval("hidden k", [], ["new"]))
    ended = []
    limited = read(at.rc.cached(60).withTimeout(2)).addErrback(lambda failure: ended.append(failure.type))
    at.let_pass(1.5)
    at.server.link.read()
    settle(at.clock)
    assert ended == []
    at.let_pass(0.75)
    assert ended == [redis.ReplyTimeoutError]
    limited.cancel()


# -- R20: a program's own protocol


class Seeing(redis.RedisProtocol):
    """Notes each read that it is given."""

    seen: list = []

    def execute_command(self, *args, **kwargs):
        self.seen.append(args)
        return super().execute_command(*args, **kwargs)


def test_a_programs_protocol_sees_each_read_once(make):
    at = make(own_protocol=Seeing)
    at.server.write("k", "old")
    Seeing.seen = []
    at.server.forget()
    assert at.get() == "old" and at.get() == "old"
    assert at.settled(at.rc.cached(60).mget(["k", "m"])) == ["old", None]
    assert Seeing.seen == [("GET", "k"), ("MGET", b"m")]
    names = at.server.names(tracked=True)
    assert names == ["CLIENT CACHING YES", "GET k", "PTTL k", "CLIENT CACHING YES", "MGET m", "PTTL m"]


@pytest.mark.parametrize("own_protocol", [None, Seeing])
def test_a_fetch_is_written_in_one_piece(make, own_protocol):
    at = make(own_protocol=own_protocol)
    pieces = []
    way = at.server.link.up
    feed = way.feed
    way.feed = lambda data: (pieces.append(data), feed(data))
    at.get()
    at.settled(at.rc.cached(60).mget(["a", "b"]))
    assert [piece.count(b"PTTL") for piece in pieces] == [1, 2]


class Hook:
    """Notes what is started and ended."""

    def __init__(self):
        self.seen = []

    def command_started(self, info):
        self.seen.append(info.name)
        return info.name

    def command_ended(self, token, error):
        self.seen.append(f"{token} ended")


def test_a_hook_sees_each_fetch_once_and_no_hit(make):
    hook = Hook()
    at = make(hooks=[hook])
    at.server.write("k", "old")
    hook.seen.clear()
    assert at.get() == at.get() == "old"
    assert hook.seen == ["GET", "GET ended"]
    at.settled(at.rc.set("k", "new"))
    assert at.get() == "new"
    assert at.fetches() == 2


class Twice(redis.RedisProtocol):
    """Sends another command in front of each read: it is that which the server tracks."""

    def execute_command(self, *args, **kwargs):
        if args[0] == "GET":
            super().execute_command("PING")
        return super().execute_command(*args, **kwargs)


def test_what_the_server_has_perhaps_not_tracked_is_not_kept(make):
    at = make(own_protocol=Twice)
    at.server.write("k", "old")
    assert at.get() == "old"
    at.server.write("k", "new")
    assert at.get() == "new"
    assert at.fetches() == 2


class Prefixing(redis.RedisProtocol):
    """Gives each key of a program a prefix: the server tells of changes by another name than the program's."""

    def execute_command(self, *args, **kwargs):
        if args[0] in ("GET", "MGET"):
            args = (args[0], *(b"app:" + (key if isinstance(key, bytes) else key.encode()) for key in args[1:]))
        return super().execute_command(*args, **kwargs)


@pytest.mark.parametrize("read", [lambda view: view.get("k"), lambda view: view.mget(["k"])], ids=["get", "mget"])
@pytest.mark.parametrize("before", [None, "old"])
def test_what_was_read_of_another_key_is_not_kept(make, read, before):
    at = make(own_protocol=Prefixing)
    at.server.write("k", "another key")
    at.server.write("app:k", before)
    at.settled(read(at.rc.cached(60)))
    at.server.write("app:k", "new")
    assert at.settled(read(at.rc.cached(60))) in ("new", ["new"])


class Table:
    """As those of some libraries, it has no truth value."""

    def __bool__(self):
        raise ValueError("is that a table with rows or one with values?")


class OfTables(redis.RedisProtocol):
    """Makes something of its own of the replies to one command."""

    def execute_command(self, *args, **kwargs):
        reply = super().execute_command(*args, **kwargs)
        return reply.addCallback(lambda _: Table()) if args[0] == "HGETALL" else reply


def test_what_a_programs_class_makes_of_a_reply_is_not_asked_whether_it_is_true(make):
    at = make(own_protocol=OfTables)
    reads = [at.rc.cached(60).hgetall("none") for _ in range(2)]
    settle(at.clock)
    assert [type(fired(read)) for read in reads] == [Table, Table]
    assert at.stats.fetching == at.cache.store.waiting == 0


def test_what_is_raised_while_a_reply_is_taken_fails_those_who_wait_for_it(make):
    at = make(own_protocol=Seeing)
    at.cache.store.is_of_no_key = lambda data, reply: 1 / 0
    reads = [at.rc.cached(60).hgetall("none") for _ in range(2)]
    settle(at.clock)
    for read in reads:
        failed(read, ZeroDivisionError)
    assert at.stats.fetching == at.cache.store.waiting == at.stats.entries == 0


# -- the end


@pytest.mark.parametrize("seconds", [0, 0.1, 2])
def test_the_end_of_the_handler_waits_for_a_fetch_no_longer_than_it_was_told(make, seconds):
    at = make(disconnectTimeout=30)
    at.get()
    at.server.silent.add("GET")
    read = at.rc.cached(60).get("other")
    settle(at.clock)
    begun = at.clock.seconds()
    closing = at.rc.disconnect(timeout=seconds)
    while not closing.called:
        at.let_pass(0.05, 0.05)
    assert at.clock.seconds() - begun == pytest.approx(seconds, abs=0.1)
    failed(read, redis.MaybeExecutedError)


def test_a_tracked_connection_that_ends_slowly_ends_with_the_pool(make):
    at = make(disconnectTimeout=30)
    at.get()
    at.server.silent.add("GET")
    read = at.rc.cached(60).get("other")
    settle(at.clock)
    at.cache.tracking.stop()  # the node has become a replica
    closing = at.rc.disconnect(timeout=1)
    at.let_pass(1)
    assert fired(closing) is None and not at.server.endpoint.alive
    failed(read, redis.MaybeExecutedError)
    assert not at.factory.companions
