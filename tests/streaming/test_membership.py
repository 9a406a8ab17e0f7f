"""What a consumer sends, over connections in memory."""

from __future__ import annotations

import pytest
from testbed.support import Pool, connected, failed, fired
from testbed.wire import aggregate, array, bulk, command, error, integer
from twisted.internet.defer import Deferred

from txredis_fast._tunables import STREAM_PAGE_ELEMENTS, STREAM_RENEWAL_COMMANDS
from txredis_fast.exceptions import ResponseError, WrongTypeError
from txredis_fast.sharding import ShardedConnectionHandler
from txredis_fast.streaming.membership import Membership, Taken

pytestmark = pytest.mark.usefixtures("both", "clock")

NONE = b"*0\r\n"


def run(coroutine):
    return Deferred.fromCoroutine(coroutine)


def member(**options):
    pool = Pool(**options)
    return pool, Membership(pool.handler, "s", "g", "me")


def entry(number, *fields):
    return aggregate([bulk(number), aggregate(map(bulk, fields))])


def pending(number, deliveries):
    return aggregate([bulk(number), bulk("me"), integer(5), integer(deliveries)])


def test_the_group_is_created_with_its_stream_unless_it_exists():
    pool, me = member()
    for answer in (b"+OK\r\n", error("BUSYGROUP Consumer Group name already exists")):
        done = run(me.create_group("$"))
        assert pool.answer(answer) == command("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
        assert fired(done) is None
    done = run(me.create_group(0))
    pool.answer(error("WRONGTYPE Operation against a key holding the wrong kind of value"))
    failed(done, WrongTypeError)


@pytest.mark.parametrize("charset", ["utf-8", None])
def test_a_stream_has_had_an_entry_if_it_got_as_far_as_its_id(charset):
    pool, me = member(charset=charset)
    for last, expected in ("9-9", False), ("10-1", False), ("10-2", True), ("10-10", True), ("11-0", True):
        asked = run(me.has_had("10-2"))
        assert pool.answer(array(bulk("last-generated-id"), bulk(last))) == command("XINFO", "STREAM", "s")
        assert fired(asked) is expected
    for text, expected in ("ERR no such key", False), ("NOPERM this user has no permissions", True):
        asked = run(me.has_had("10-2"))
        pool.answer(error(text))
        assert fired(asked) is expected


def test_new_entries_are_read_with_a_limit():
    pool, me = member()
    done = run(me.read(5, 1000))
    assert pool.answer(aggregate([aggregate([bulk("s"), aggregate([entry("1-0", "n", "7")])])])) == command(
        *("XREADGROUP", "GROUP", "g", "me", "COUNT", 5, "BLOCK", 1000, "STREAMS", "s", ">")
    )
    assert fired(done) == [Taken("1-0", {"n": 7}, 1)]
    done = run(me.read(5, 1000))
    pool.answer(b"*-1\r\n")
    assert fired(done) == []


@pytest.mark.parametrize(("charset", "after"), [("utf-8", "(1-99"), (None, b"(1-99")])
def test_own_pending_entries_are_listed_page_by_page(charset, after):
    pool, me = member(charset=charset)
    done = run(me.own("-"))
    full = aggregate([pending(f"1-{n}", 1) for n in range(STREAM_PAGE_ELEMENTS)])
    assert pool.answer(full) == command("XPENDING", "s", "g", "-", "+", STREAM_PAGE_ELEMENTS, "me")
    ids, start = fired(done)
    assert (len(ids), start) == (STREAM_PAGE_ELEMENTS, after)
    done = run(me.own(start))
    assert pool.answer(NONE) == command("XPENDING", "s", "g", "(1-99", "+", STREAM_PAGE_ELEMENTS, "me")
    assert fired(done) == ([], None)


def test_idle_entries_are_claimed_without_counting_as_delivered():
    pool, me = member()
    done = run(me.claim(3000, "0-0", 10))
    reply = aggregate([bulk("5-0"), aggregate([bulk("1-0"), bulk("2-0")]), NONE])
    assert pool.answer(reply) == command("XAUTOCLAIM", "s", "g", "me", 3000, "0-0", "COUNT", 10, "JUSTID")
    assert fired(done) == (["1-0", "2-0"], "5-0")
    done = run(me.claim(3000, "5-0", 10))
    pool.answer(aggregate([bulk("0-0"), NONE]))
    assert fired(done) == ([], None)


def test_an_entry_is_delivered_again_with_its_number_of_deliveries():
    pool, me = member()
    done = run(me.deliveries("1-0"))
    assert pool.answer(aggregate([pending("1-0", 3)])) == command("XPENDING", "s", "g", "1-0", "1-0", 1, "me")
    assert fired(done) == 3
    done = run(me.deliveries("1-0"))
    pool.answer(NONE)
    assert fired(done) is None
    for reply, fields in [
        (aggregate([entry("1-0", "n", "7")]), {"n": 7}),
        (NONE, None),
        (b"*1\r\n*-1\r\n", None),  # Redis 6.2, if the entry was removed
    ]:
        done = run(me.deliver_again("1-0", 3))
        assert pool.answer(reply) == command("XCLAIM", "s", "g", "me", 0, "1-0")
        assert fired(done) == Taken("1-0", fields, 4)


def test_a_dead_letter_keeps_its_bytes():
    pool, me = member()
    done = run(me.move_to_dead_letter("1-0", 3, "dead"))
    assert pool.answer(b"+none\r\n") == command("TYPE", "dead")
    found = aggregate([entry("1-0", "n", "1.50", "n", b"\xff")])
    assert pool.answer(found) == command("XRANGE", "s", "1-0", "1-0")
    about = ("dead-letter-stream", "s", "dead-letter-group", "g", "dead-letter-id", "1-0", "dead-letter-deliveries", 3)
    assert pool.answer(b"+OK\r\n") == command("MULTI")
    moved = command("XADD", "dead", "*", "n", "1.50", "n", b"\xff", *about) + command("XACK", "s", "g", "1-0")
    replies = b"+QUEUED\r\n" * 2 + array(bulk("9-0"), integer(1))
    assert pool.answer(replies) == moved + command("EXEC")
    assert fired(done) is None


def test_nothing_is_acknowledged_where_the_dead_letter_stream_is_none():
    pool, me = member()
    done = run(me.move_to_dead_letter("1-0", 3, "dead"))
    pool.answer(b"+list\r\n")
    assert "dead-letter stream holds a value of type list" in str(failed(done, WrongTypeError))
    assert pool.written() == b""


def test_what_is_held_is_renewed_and_what_is_gone_is_told():
    pool, me = member()
    done = run(me.renew(["1-0", "2-0", "3-0"]))
    asked = b"".join(command("XPENDING", "s", "g", number, number, 1, "me") for number in ("1-0", "2-0", "3-0"))
    assert pool.answer(aggregate([pending("1-0", 1)]) + NONE + error("LOADING wait")) == asked
    assert pool.answer(NONE) == command("XCLAIM", "s", "g", "me", 0, "1-0", "3-0", "JUSTID")
    assert fired(done) == {"2-0"}


def test_many_are_renewed_in_parts():
    pool, me = member()
    done = run(me.renew([f"1-{n}" for n in range(STREAM_RENEWAL_COMMANDS + 1)]))
    assert pool.answer(NONE * STREAM_RENEWAL_COMMANDS).count(b"XPENDING") == STREAM_RENEWAL_COMMANDS
    assert pool.answer(NONE).count(b"XPENDING") == 1
    assert len(fired(done)) == STREAM_RENEWAL_COMMANDS + 1
    assert pool.written() == b""


def test_an_acknowledgement_is_sent_again_after_a_lost_connection(clock):
    pool, me = member()
    done = run(me.acknowledge("1-0"))
    assert pool.written() == command("XACK", "s", "g", "1-0")
    pool.transports[0].loseConnection()
    pool.connect()
    clock.advance(1)
    assert pool.answer(integer(1)) == command("XACK", "s", "g", "1-0")
    assert fired(done) is True
    done = run(me.acknowledge("1-0"))
    pool.answer(error("NOPERM no"))
    failed(done, ResponseError)


def test_a_consumer_reads_acknowledges_and_reads_on():
    pool = Pool()
    made = pool.handler.consume("s", "g", "me", count=2)
    waiting = made.next_entry()
    assert pool.answer(b"+OK\r\n") == command("XGROUP", "CREATE", "s", "g", 0, "MKSTREAM")
    assert pool.answer(NONE).startswith(command("XPENDING", "s", "g", "-", "+", STREAM_PAGE_ELEMENTS, "me"))
    read = command("XREADGROUP", "GROUP", "g", "me", "COUNT", 2, "BLOCK", 5000, "STREAMS", "s", ">")
    assert pool.answer(aggregate([aggregate([bulk("s"), aggregate([entry("1-0", "n", "7")])])])) == read
    got = fired(waiting)
    assert repr(got) == "<StreamEntry '1-0'>"
    done = got.ack()
    assert pool.answer(integer(1)) == command("XACK", "s", "g", "1-0")
    assert fired(done) is True
    waiting = made.next_entry()
    assert pool.written() == read
    made.close()
    assert fired(waiting) is None


def test_over_shards_a_stream_is_read_where_it_is():
    pools = [Pool(), Pool()]
    for number, pool in enumerate(pools):
        pool.factory.uuid = f"127.0.0.1:{6379 + number}"
    rc = ShardedConnectionHandler([pool.handler for pool in pools])
    for number in range(20):
        key = f"stream:{number}"
        rc.consume(key, "g", "me").next_entry()
        pool = pools[rc._ring.nodes.index(rc._ring(key))]
        assert pool.written() == command("XGROUP", "CREATE", key, "g", 0, "MKSTREAM")
        pool.connect() if not pool.factory.size else None
    with pytest.raises(
        NotImplementedError,
        match="consume cannot be sharded when its keys lie on different nodes, as 'stream:1' and 'dead:",
    ):
        for number in range(20):
            rc.consume("stream:1", "g", "me", max_deliveries=1, dead_letter=f"dead:{number}")


def test_a_single_connection_has_no_consumer():
    protocol, _ = connected()
    assert not hasattr(protocol, "consume")
