"""Iterators over SCAN and its kin: what they send and give; errors, and loops that are left early."""

from __future__ import annotations

import gc

import pytest
from testbed.support import Pool, connected, failed, fired, pending
from testbed.wire import aggregate, array, bulk, command, error
from twisted.internet.defer import CancelledError, Deferred, succeed

from txredis_fast.exceptions import InvalidResponse, NotSentError, RedisError, ResponseError
from txredis_fast.helpers import ScanIterators
from txredis_fast.sharding import ShardedConnectionHandler

pytestmark = pytest.mark.usefixtures("both", "clock")


def page(cursor, *elements):
    return aggregate([bulk(str(cursor)), aggregate(map(bulk, elements))])


def collect(iterator, limit=None):
    """A Deferred that fires with what a loop sees, which leaves after some elements."""

    async def loop():
        seen = []
        async for each in iterator:
            seen.append(each)
            if len(seen) == limit:
                break
        return seen

    return Deferred.fromCoroutine(loop())


KEY_CALLS = [
    (lambda rc: rc.scan_iter(), ("SCAN", 0), ["a", "b"], ["a", "b"]),
    (lambda rc: rc.scan_iter("a*", 5), ("SCAN", 0, "MATCH", "a*", "COUNT", 5), [], []),
    (lambda rc: rc.scan_iter(match="a*", type="set"), ("SCAN", 0, "MATCH", "a*", "TYPE", "set"), [], []),
    (lambda rc: rc.hscan_iter("k"), ("HSCAN", "k", 0), ["f", "1", "g", "x"], [("f", 1), ("g", "x")]),
    (lambda rc: rc.hscan_iter("k", match="f*", count=2), ("HSCAN", "k", 0, "MATCH", "f*", "COUNT", 2), [], []),
    (lambda rc: rc.hscan_iter("k", no_values=True), ("HSCAN", "k", 0, "NOVALUES"), ["f", "g"], ["f", "g"]),
    (lambda rc: rc.sscan_iter("k", "a*", 5), ("SSCAN", "k", 0, "MATCH", "a*", "COUNT", 5), ["a", "1"], ["a", 1]),
    (lambda rc: rc.zscan_iter("k"), ("ZSCAN", "k", 0), ["a", "1", "b", "2.5"], [("a", 1.0), ("b", 2.5)]),
    (lambda rc: rc.zscan_iter("k", noscores=True), ("ZSCAN", "k", 0, "NOSCORES"), ["a", "b"], ["a", "b"]),
]


@pytest.mark.parametrize(("call", "sent", "elements", "values"), KEY_CALLS)
def test_an_iterator_sends_its_command_and_gives_its_elements(call, sent, elements, values):
    pool = Pool()
    iterator = call(pool.handler)
    assert pool.written() == b"", "nothing before the first element is asked for"
    seen = collect(iterator)
    assert pool.answer(page(0, *elements)) == command(*sent)
    got = fired(seen)
    assert [(type(each), each) for each in got] == [(type(each), each) for each in values]


@pytest.mark.parametrize("kind", ["connection", "pool", "view", "transaction that watches", "pipeline that is over"])
def test_every_host_has_iterators(kind):
    if kind == "connection":
        host, transport = connected()
        seen = collect(host.scan_iter(count=1))
        assert transport.take() == command("SCAN", 0, "COUNT", 1)
        host.dataReceived(page(0, "a"))
        assert fired(seen) == ["a"]
        return
    pool = Pool()
    host = pool.handler
    if kind == "view":
        host = host.raw
    elif kind == "transaction that watches":
        begun = host.watch("k")
        pool.answer(b"+OK\r\n")
        host = fired(begun)
    elif kind == "pipeline that is over":
        host = fired(host.pipeline())
        fired(host.execute_pipeline())
    seen = collect(host.hscan_iter("k"))
    assert pool.answer(page(0, "f", "1")) == command("HSCAN", "k", 0)
    assert fired(seen) == ([(b"f", b"1")] if kind == "view" else [("f", 1)])


def test_a_cursor_leads_to_the_next_page_and_pages_without_elements_are_passed_over():
    pool = Pool()
    seen = collect(pool.handler.scan_iter())
    assert pool.answer(page(17)) == command("SCAN", 0)
    assert pool.answer(page(2**63, "a", "b")) == command("SCAN", 17)
    assert pool.answer(page(0)) == command("SCAN", 2**63)
    assert fired(seen) == ["a", "b"]
    assert pool.written() == b""


def test_thousands_of_pages_without_elements_need_no_recursion():
    class Host(ScanIterators):
        asked = 0

        def scan(self, cursor, **options):
            self.asked += 1
            return succeed([(cursor + 1) % 5000, []])

    host = Host()
    assert fired(host.scan_iter().next_page()) == []
    assert host.asked == 5000


def test_next_page_gives_a_list_and_an_empty_one_at_the_end():
    pool = Pool()
    iterator = pool.handler.sscan_iter("k")
    first = iterator.next_page()
    assert pool.answer(page(5, "a", "b")) == command("SSCAN", "k", 0)
    assert fired(first) == ["a", "b"]
    second = iterator.next_page()
    assert pool.answer(page(0, "c")) == command("SSCAN", "k", 5)
    assert fired(second) == ["c"]
    assert fired(iterator.next_page()) == []
    assert fired(iterator.next_page()) == []
    assert fired(collect(iterator)) == []
    assert pool.written() == b""


def test_a_loop_left_early_leaves_nothing_and_may_go_on_later():
    pool = Pool()
    iterator = pool.handler.scan_iter()
    seen = collect(iterator, 2)
    pool.answer(page(5, "a", "b", "c"))
    assert fired(seen) == ["a", "b"]
    gc.collect()
    assert pool.written() == b""
    assert fired(iterator.next_page()) == ["c"], "what is left of the page"
    rest = collect(iterator)
    assert pool.answer(page(0, "d")) == command("SCAN", 5)
    assert fired(rest) == ["d"]


def test_a_page_that_failed_is_asked_for_again():
    pool = Pool()
    iterator = pool.handler.scan_iter()
    seen = collect(iterator)
    pool.answer(page(7, "a"))
    assert pool.answer(error("LOADING wait")) == command("SCAN", 7)
    failed(seen, ResponseError)
    again = collect(iterator)
    assert pool.answer(page(0, "b")) == command("SCAN", 7)
    assert fired(again) == ["b"]


def test_a_page_that_was_cancelled_is_asked_for_again():
    pool = Pool()
    iterator = pool.handler.scan_iter()
    waiting = iterator.next_page()
    assert pool.written() == command("SCAN", 0)
    waiting.cancel()
    failed(waiting, CancelledError)
    pool.transports[0].protocol.dataReceived(page(9, "lost"))
    again = iterator.next_page()
    assert pool.answer(page(0, "a")) == command("SCAN", 0)
    assert fired(again) == ["a"]


def test_two_calls_at_the_same_time_are_refused_in_words():
    pool = Pool()
    iterator = pool.handler.zscan_iter("k")
    waiting = iterator.next_page()
    refused = failed(iterator.next_page(), RedisError)
    assert str(refused) == "zscan_iter waits for a page already: an iterator serves one call at a time"
    failed(collect(iterator), RedisError)
    pool.answer(page(0, "a", "1"))
    assert fired(waiting) == [("a", 1.0)]


def test_where_commands_are_collected_an_iterator_says_why_it_cannot_go_on():
    pool = Pool()
    transaction = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    protocol, transport = connected()
    protocol.multi()
    protocol.dataReceived(b"+OK\r\n")
    transport.take()
    for host in (fired(transaction), fired(pool.handler.pipeline()), protocol):
        refused = failed(host.scan_iter().next_page(), RedisError)
        assert str(refused) == "scan_iter needs each reply at once, but a transaction or pipeline collects commands"
    assert pool.written() == transport.take() == b""


@pytest.mark.parametrize("reply", [b"+OK\r\n", b"*1\r\n$1\r\n0\r\n", array(bulk("0"), bulk("x"))])
def test_a_reply_that_is_no_page_is_refused_in_words(reply):
    pool = Pool()
    waiting = pool.handler.scan_iter().next_page()
    pool.answer(reply)
    assert "scan_iter needs a reply of cursor and elements, not " in str(failed(waiting, InvalidResponse))


def test_a_key_is_needed_and_fixed_when_it_is_given():
    pool = Pool()
    with pytest.raises(TypeError, match=r"^hscan_iter needs a key, not None$"):
        pool.handler.hscan_iter(None)
    key, pattern = bytearray(b"k"), bytearray(b"p*")
    iterator = pool.handler.hscan_iter(key, pattern)
    key[:] = pattern[:] = b"changed"
    iterator.next_page()
    assert pool.answer(page(0)) == command("HSCAN", "k", 0, "MATCH", "p*")


def test_an_iterator_shows_where_it_is():
    pool = Pool()
    iterator = pool.handler.scan_iter()
    assert repr(iterator) == "<ScanIterator of scan_iter at cursor 0>"
    iterator.next_page()
    pool.answer(page(5, "a"))
    assert repr(iterator) == "<ScanIterator of scan_iter at cursor 5>"
    iterator.next_page()
    pool.answer(page(0, "a"))
    assert repr(iterator) == "<ScanIterator of scan_iter at its end>"


# -- over shards


def shards():
    pools = [Pool(), Pool()]
    for number, pool in enumerate(pools):
        pool.factory.uuid = f"127.0.0.1:{6379 + number}"
    return ShardedConnectionHandler([pool.handler for pool in pools]), pools


def test_over_shards_scan_visits_all_one_after_the_other():
    rc, (one, two) = shards()
    seen = collect(rc.scan_iter("k*"))
    assert two.written() == b""
    assert one.answer(page(3, "k1")) == command("SCAN", 0, "MATCH", "k*")
    assert one.answer(page(0, "k2")) == command("SCAN", 3, "MATCH", "k*")
    assert two.answer(page(4, "k3")) == command("SCAN", 0, "MATCH", "k*")
    assert pending(seen)
    assert two.answer(page(0)) == command("SCAN", 4, "MATCH", "k*")
    assert fired(seen) == ["k1", "k2", "k3"]
    assert one.written() == two.written() == b""


@pytest.mark.parametrize("name", ["hscan_iter", "sscan_iter", "zscan_iter"])
def test_over_shards_a_key_is_looked_for_where_it_is(name):
    rc, pools = shards()
    asked = set()
    for number in range(20):
        key = f"key:{number}"
        getattr(rc, name)(key).next_page()
        [pool] = [pool for pool in pools if any(transport.value() for transport in pool.transports)]
        assert pool is pools[rc._ring.nodes.index(rc._ring(key))]
        assert pool.answer(page(0)) == command(name[:5].upper(), key, 0)
        asked.add(id(pool))
    assert len(asked) == 2


def test_over_shards_views_apply_to_iterators():
    rc, (one, two) = shards()
    seen = collect(rc.raw.scan_iter())
    one.answer(page(0, "1"))
    two.answer(page(0, "2"))
    assert fired(seen) == [b"1", b"2"]


def test_over_shards_that_are_not_connected_the_first_page_fails():
    rc = ShardedConnectionHandler(Deferred())
    assert str(failed(rc.scan_iter().next_page(), NotSentError)) == "Not connected"
    assert str(failed(rc.sscan_iter("k").next_page(), NotSentError)) == "Not connected"
