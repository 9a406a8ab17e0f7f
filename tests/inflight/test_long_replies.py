"""A long list becomes a set, a dict or pairs in as many turns of the reactor as that needs."""

from __future__ import annotations

import pytest
from testbed.support import Pool, failed, fired, pending
from testbed.wire import NIL, array, bulk, command
from twisted.internet.defer import CancelledError

from txredis_fast import PipelineError
from txredis_fast._tunables import LIST_PART_ELEMENTS as PART
from txredis_fast._tunables import LONG_REPLY_MIN_ELEMENTS as LONG
from txredis_fast.commands._parts.replies import as_dict, as_set, scored_members
from txredis_fast.transport import flood
from txredis_fast.transport.turns import at_once

pytestmark = pytest.mark.promise(
    "Neither a value of 512 MB, nor a list, set or dict of a million strings, nor 100,000 replies at once "
    "hold up the reactor for longer than 50 ms at a time"
)

MEMBERS = [f"member:{number}" for number in range(LONG)]


@pytest.fixture
def slow(monkeypatch):
    """Let each part of the work take longer than a turn may."""
    now = iter(range(1_000_000_000))
    monkeypatch.setattr(flood, "seconds", lambda: next(now))


def turns(clock):
    """Run what was left for later turns; how many there were."""
    count = 0
    while clock.calls:
        call = clock.calls.pop()
        call.func(*call.args)
        count += 1
    return count


def streams_reply(protocol, **streams):
    """The reply of XREAD: a list of RESP2, or a map of RESP3."""
    if protocol == 2:
        return array(*(array(key, entries) for key, entries in streams.items()))
    return b"%%%d\r\n" % len(streams) + b"".join(bulk(key) + entries for key, entries in streams.items())


def pairs(elements):
    return list(zip(elements[::2], elements[1::2], strict=True))


SCORES = [text for number, member in enumerate(MEMBERS) for text in (member, str(number))]

LONG_ONES = [
    (lambda rc: rc.smembers("k"), [*MEMBERS, "one more"], {*MEMBERS, "one more"}),
    (lambda rc: rc.sinter(["k", "l"]), [*MEMBERS, MEMBERS[0]], set(MEMBERS)),
    (lambda rc: rc.hgetall("k"), [*MEMBERS, "field", "last"], dict([*pairs(MEMBERS), ("field", "last")])),
    (
        lambda rc: rc.zrange("k", withscores=True),
        SCORES,
        [(member, float(number)) for number, member in enumerate(MEMBERS)],
    ),
]


@pytest.mark.parametrize(("ask", "elements", "value"), LONG_ONES, ids=["set", "twice", "dict", "scores"])
def test_a_long_collection_is_made_in_many_turns(both, clock, slow, ask, elements, value):
    pool = Pool()
    asked = ask(pool.handler)
    pool.answer(command(*elements))
    assert pending(asked)
    assert turns(clock) >= len(elements) // PART
    assert fired(asked) == value


@pytest.mark.parametrize("protocol", [2, 3])
def test_many_entries_of_few_streams_are_made_in_many_turns(both, clock, slow, protocol):
    entries = [array(member, array("field", "value")) for member in MEMBERS]
    pool = Pool()
    asked = pool.handler.xread({"s": 0, "t": 0})
    pool.answer(streams_reply(protocol, s=array(*entries), t=array(array("last", NIL))))
    assert pending(asked)
    assert turns(clock) >= len(entries) // PART
    streams = fired(asked)
    assert streams["s"] == [(member, {"field": "value"}) for member in MEMBERS]
    assert streams["t"] == [("last", None)]


@pytest.mark.parametrize("protocol", [2, 3])
def test_few_entries_of_streams_come_at_once(both, clock, slow, protocol):
    pool = Pool()
    asked = pool.handler.xread({"s": 0, "t": 0})
    pool.answer(streams_reply(protocol, s=array(array("1-1", array("field", "value"))), t=array()))
    assert fired(asked) == {"s": [("1-1", {"field": "value"})], "t": []}


def test_a_map_of_what_are_no_streams_fails_as_a_list_of_them(both, clock, slow):
    pool = Pool()
    asked = pool.handler.xread({"s": 0, "t": 0})
    long = array(*(array(member, array("field", "value")) for member in MEMBERS), array("last", NIL))
    pool.answer(streams_reply(3, s=long, t=b":7\r\n"))
    turns(clock)
    failed(asked, TypeError)


def test_numbers_that_somebody_chose_are_made_text_in_many_turns_too(both, clock, slow):
    """All have the same hash, so that a set of the numbers would take minutes."""
    numbers = [number * (2**61 - 1) for number in range(5, LONG + 7)]
    pool = Pool()
    for ask, make in (
        (pool.handler.smembers, set),
        (pool.handler.hgetall, lambda texts: dict(zip(texts[::2], numbers[1::2], strict=True))),
    ):
        asked = ask("k")
        pool.answer(command(*numbers))
        assert turns(clock) >= 3 * (len(numbers) // PART) // 2
        assert fired(asked) == make([str(number) for number in numbers])


def test_where_there_is_time_it_is_made_at_once(both, clock, monkeypatch):
    monkeypatch.setattr(flood, "seconds", lambda: 0.0)
    pool = Pool()
    asked = pool.handler.smembers("k")
    pool.answer(command(*MEMBERS, "one more"))
    assert fired(asked) == {*MEMBERS, "one more"}
    assert clock.calls == []


@pytest.mark.parametrize(
    ("ask", "value"),
    [
        (lambda rc: rc.smembers("k"), set(MEMBERS)),
        (lambda rc: rc.lrange("k", 0, -1), [*MEMBERS, "one more"]),
    ],
    ids=["a shorter one", "a list that stays one"],
)
def test_what_takes_no_time_comes_at_once(both, clock, slow, ask, value):
    pool = Pool()
    asked = ask(pool.handler)
    pool.answer(command(*value))
    assert fired(asked) == value


def test_what_others_are_answered_meanwhile_does_not_wait_for_it(both, clock, slow):
    pool = Pool()
    asked, other = pool.handler.smembers("k"), pool.handler.get("k")
    pool.answer(command(*MEMBERS, "one more") + b":7\r\n")
    assert fired(other) == 7
    assert pending(asked)
    turns(clock)
    assert len(fired(asked)) == len(MEMBERS) + 1


def test_the_connection_may_be_lost_meanwhile(both, clock, slow):
    pool = Pool()
    asked = pool.handler.smembers("k")
    pool.answer(command(*MEMBERS, "one more"))
    pool.handler.disconnect()
    pool.transports[0].loseConnection()
    turns(clock)
    assert len(fired(asked)) == len(MEMBERS) + 1


def test_cancelled_meanwhile_it_fires_once(both, clock, slow, logged_errors):
    pool = Pool()
    asked = pool.handler.smembers("k")
    pool.answer(command(*MEMBERS, "one more"))
    asked.cancel()
    failed(asked, CancelledError)
    assert turns(clock)  # firing it again would be logged as an error
    assert pool.handler.stats().in_flight == 0


def test_an_element_that_cannot_be_in_a_set_fails_it(both, clock, slow):
    pool = Pool()
    asked = pool.handler.smembers("k")
    pool.answer(b"*%d\r\n" % (LONG + 1) + b":1\r\n" * LONG + b"*0\r\n")
    turns(clock)
    assert "unhashable" in str(failed(asked, TypeError))


def in_pipeline(pool):
    """Ask for a set and for a number in a pipeline; what fires with the two, and what the server says before them."""
    pipeline = fired(pool.handler.pipeline())
    pipeline.smembers("k")
    pipeline.get("l")
    return pipeline.execute_pipeline(), b""


def in_transaction(pool):
    transaction = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    transaction = fired(transaction)
    transaction.smembers("k")
    transaction.get("l")
    return transaction.commit(), b"+QUEUED\r\n+QUEUED\r\n*2\r\n"


def in_a_pipelines_transaction(pool):
    pipeline = fired(pool.handler.pipeline())
    pipeline.multi()
    pipeline.smembers("k")
    pipeline.get("l")
    pipeline.commit()
    executed = pipeline.execute_pipeline().addCallback(lambda replies: replies[-1])
    return executed, b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n"


TOGETHER = [in_pipeline, in_transaction, in_a_pipelines_transaction]


@pytest.mark.parametrize("ask", TOGETHER)
def test_beside_others_it_is_made_in_many_turns_too(both, clock, slow, ask):
    members = [*MEMBERS, "one more"]
    pool = Pool()
    asked, before = ask(pool)
    values = []
    asked.addCallback(values.append)
    pool.answer(before + command(*members) + b":7\r\n")
    assert values == []
    assert turns(clock) >= len(members) // PART
    assert values == [[set(members), 7]]


@pytest.mark.parametrize("ask", TOGETHER)
def test_beside_others_one_that_cannot_be_made_is_an_error_in_its_place(both, clock, slow, ask):
    pool = Pool()
    asked, before = ask(pool)
    pool.answer(before + b"*%d\r\n" % (LONG + 1) + b":1\r\n" * LONG + b"*0\r\n" + b":7\r\n")
    turns(clock)
    if ask is in_pipeline:
        replies = failed(asked, PipelineError).results
    else:
        replies = fired(asked)
    assert [type(reply) for reply in replies] == [TypeError, int]


@pytest.mark.parametrize("ask", TOGETHER)
def test_beside_others_a_shorter_one_comes_at_once(both, clock, slow, ask):
    pool = Pool()
    asked, before = ask(pool)
    pool.answer(before + b"*2\r\n$1\r\na\r\n$1\r\nb\r\n" + b":7\r\n")
    assert fired(asked) == [{"a", "b"}, 7]


@pytest.mark.parametrize("ask", TOGETHER)
def test_beside_others_it_may_be_cancelled_meanwhile(both, clock, slow, ask, logged_errors):
    pool = Pool()
    asked, before = ask(pool)
    pool.answer(before + command(*MEMBERS, "one more") + b":7\r\n")
    asked.cancel()
    failed(asked, CancelledError)
    turns(clock)  # firing it again would be logged as an error
    if ask is in_transaction:  # what undoes it, whatever was executed
        assert b"DISCARD" in pool.answer(b"-ERR DISCARD without MULTI\r\n+OK\r\n")
    after = pool.handler.get("k")
    pool.answer(b":8\r\n")
    assert fired(after) == 8


def test_many_replies_of_exec_are_made_in_many_turns(both, clock, slow):
    pool = Pool()
    transaction = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    transaction = fired(transaction)
    for _ in range(LONG + 1):
        transaction.exists("k")
    committed = transaction.commit()
    pool.answer(b"+QUEUED\r\n" * (LONG + 1) + b"*%d\r\n" % (LONG + 1) + b":1\r\n" * (LONG + 1))
    assert pending(committed)
    assert turns(clock) >= LONG // PART
    assert fired(committed) == [1] * (LONG + 1)


def test_many_sets_that_are_long_only_together_are_made_in_many_turns(both, clock, slow):
    members = MEMBERS[:PART]
    pool = Pool()
    transaction = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    transaction = fired(transaction)
    for _ in range(6):
        transaction.smembers("k")
    committed = transaction.commit()
    pool.answer(b"+QUEUED\r\n" * 6 + b"*6\r\n" + command(*members) * 6)
    assert pending(committed)
    assert turns(clock) >= 5
    assert fired(committed) == [set(members)] * 6


@pytest.mark.parametrize("convert", [as_set, as_dict, scored_members])
@pytest.mark.parametrize("size", [0, 2, PART, PART + 2, 3 * PART - 2, 3 * PART + 1])
def test_parts_make_what_the_whole_makes(convert, size):
    reply = [str(number % (PART + 7)) for number in range(size)]
    assert at_once(convert.in_parts(reply)) == convert(reply)


def test_parts_take_the_pairs_of_RESP3():
    reply = [["member", 1.5], ["other", 2]] * PART
    assert at_once(scored_members.in_parts(reply)) == scored_members(reply) == [("member", 1.5), ("other", 2.0)] * PART
