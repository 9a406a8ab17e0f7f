"""A consumer over a group in memory: what is delivered, when what is read, and that nothing is lost."""

from __future__ import annotations

import gc
import itertools

import pytest
from testbed.support import Pool, failed, fired, pending
from twisted.internet.defer import CancelledError, Deferred, succeed

from txredis_fast.exceptions import MaybeExecutedError, NotSentError, ResponseError, WrongTypeError
from txredis_fast.streaming.consumer import StreamConsumer
from txredis_fast.streaming.membership import Taken

BLOCK = 5.0
SLACK = 10.0


class Factory:
    """What a consumer asks of a pool."""

    def __init__(self):
        self.companions = set()
        self.disconnectCalled = False
        self.may_wait = True


class Handler:
    def __init__(self):
        self._factory = Factory()


class Group:
    """A consumer group in memory; each membership is one consumer.

    :ivar pending: ID -> [consumer, deliveries, time of the last delivery].
    """

    def __init__(self, clock):
        self.clock = clock
        self.entries = {}
        self.unread = []
        self.pending = {}
        self.waiting = []
        self.dead = []
        self._numbers = itertools.count(1)

    def add(self, count=1):
        """Append entries; returns their IDs."""
        added = []
        for _ in range(count):
            number = f"{next(self._numbers)}-0"
            self.entries[number] = {"n": number}
            self.unread.append(number)
            added.append(number)
        for member, size, waiting in list(self.waiting):
            if self.unread and not waiting.called:
                waiting.callback(self.give(member.name, size))
        return added

    def give(self, name, size):
        given, self.unread = self.unread[:size], self.unread[size:]
        for number in given:
            self.pending[number] = [name, 1, self.clock.seconds()]
        return [Taken(number, self.entries[number], 1) for number in given]

    def idle(self, number):
        return self.clock.seconds() - self.pending[number][2]

    def of(self, name):
        return sorted(number for number, (owner, *_) in self.pending.items() if owner == name)


class Member:
    """The interface of ``Membership``, over a :class:`Group`.

    :ivar errors: method -> errors of its next calls. A tuple: the call is executed, and its reply is lost.
    """

    def __init__(self, group, name):
        self.group = group
        self.name = name
        self.handler = Handler()
        self.calls = []
        self.errors = {}

    def _call(self, method, *args):
        self.calls.append((method, *args))
        errors = self.errors.get(method)
        if not errors:
            return
        error = errors.pop(0)
        if isinstance(error, tuple):
            getattr(self, "_" + method)(*args)
            error = error[0]
        raise error

    def _read(self, count, block):
        self.group.give(self.name, count)

    def _move_to_dead_letter(self, number, deliveries, dead_letter):
        self.group.dead.append(number)
        self.group.pending.pop(number)

    async def create_group(self, after):
        self._call("create_group", after)

    async def has_had(self, number):
        self._call("has_had", number)
        return number in self.group.entries

    async def read(self, count, block):
        self._call("read", count, block)
        if self.group.unread:
            return self.group.give(self.name, count)
        waiting = Deferred()
        self.group.waiting.append((self, count, waiting))
        ending = self.group.clock.callLater(block / 1000, lambda: waiting.called or waiting.callback([]))
        try:
            return await waiting
        finally:
            self.group.waiting.remove((self, count, waiting))
            if ending.active():
                ending.cancel()

    async def own(self, start):
        self._call("own", start)
        return self.group.of(self.name), None

    async def claim(self, idle, start, count):
        self._call("claim", idle)
        claimed = [number for number in self.group.pending if self.group.idle(number) * 1000 >= idle][:count]
        for number in claimed:
            self.group.pending[number][::2] = self.name, self.group.clock.seconds()
        return claimed, None

    async def deliveries(self, number):
        self._call("deliveries", number)
        owner, count, _ = self.group.pending.get(number, (None, None, None))
        return count if owner == self.name else None

    async def deliver_again(self, number, deliveries):
        self._call("deliver_again", number)
        self.group.pending[number][1:] = deliveries + 1, self.group.clock.seconds()
        return Taken(number, self.group.entries.get(number), deliveries + 1)

    async def acknowledge(self, number):
        self._call("acknowledge", number)
        return self.group.pending.pop(number, None) is not None

    async def move_to_dead_letter(self, number, deliveries, dead_letter):
        self._call("move_to_dead_letter", number, deliveries, dead_letter)
        self._move_to_dead_letter(number, deliveries, dead_letter)

    async def renew(self, ids):
        self._call("renew", *ids)
        gone = {number for number in ids if self.group.pending.get(number, [None])[0] != self.name}
        for number in set(ids) - gone:
            self.group.pending[number][2] = self.group.clock.seconds()
        return gone

    def made(self, method):
        """The arguments of the calls of a method."""
        return [args for name, *args in self.calls if name == method]


@pytest.fixture
def group(clock):
    return Group(clock)


def consumer(member, **options):
    defaults = {"count": 10, "block": 5000, "claim_idle": None, "max_deliveries": None, "dead_letter": None, "start": 0}
    return StreamConsumer(member, **{**defaults, **options})


def opened(group, name="me", **options):
    """A consumer that has been entered, and its member."""
    member = Member(group, name)
    made = consumer(member, **options)
    fired(Deferred.fromCoroutine(made.__aenter__()))
    return made, member


def take(made, count):
    """The next entries, which are there."""
    return [fired(made.next_entry()) for _ in range(count)]


def ids(entries):
    return [entry.id for entry in entries]


def test_new_entries_are_delivered_in_order_and_are_done_when_acknowledged(group):
    made, member = opened(group)
    group.add(3)
    taken = take(made, 3)
    assert [(entry.id, entry.fields, entry.deliveries) for entry in taken] == [
        (f"{n}-0", {"n": f"{n}-0"}, 1) for n in (1, 2, 3)
    ]
    assert fired(taken[1].ack()) is True
    assert fired(taken[1].ack()) is False
    assert group.of("me") == ["1-0", "3-0"]
    assert member.made("create_group") == [[0]]
    made.close()


def test_a_loop_waits_for_entries_and_ends_when_the_consumer_is_closed(group, clock):
    made, member = opened(group, claim_idle=3000)
    seen = []

    async def loop():
        async for entry in made:
            seen.append(entry.id)
            await entry.ack()

    done = Deferred.fromCoroutine(loop())
    group.add()
    group.add()
    assert seen == ["1-0", "2-0"]
    assert pending(done)
    fired(made.close())
    assert fired(done) is None
    assert clock.getDelayedCalls() == []
    assert group.waiting == []
    assert member.handler._factory.companions == set()
    assert fired(made.next_entry()) is None


def test_own_pending_entries_come_first_after_a_restart(group):
    first, _ = opened(group)
    group.add(3)
    take(first, 1)
    first.close()  # or dies
    group.add(1)
    again, member = opened(group)
    taken = take(again, 4)
    assert ids(taken) == ["1-0", "2-0", "3-0", "4-0"]
    assert [entry.deliveries for entry in taken] == [2, 2, 2, 1]
    again.close()


def test_of_entries_read_ahead_only_the_delivered_ones_count_as_delivered_again(group):
    for _ in range(5):
        made, _ = opened(group)
        if not group.entries:
            group.add(4)
        take(made, 1)
        made.close()
    assert [group.pending[number][1] for number in sorted(group.pending)] == [5, 1, 1, 1]


def test_a_read_whose_reply_was_lost_loses_nothing(group, clock):
    made, member = opened(group)
    group.add(2)
    member.errors["read"] = [(MaybeExecutedError("connection lost"),)]
    waiting = made.next_entry()
    assert pending(waiting)
    clock.advance(1)
    assert ids([fired(waiting), *take(made, 1)]) == ["1-0", "2-0"]
    made.close()


def test_a_read_that_the_server_executes_late_loses_nothing(group, clock):
    made, member = opened(group)
    clock.advance(BLOCK + SLACK)
    member.errors["read"] = [MaybeExecutedError("connection lost")]
    waiting = made.next_entry()
    clock.advance(1)
    assert len(member.made("own")) > 1
    group.add(0)
    group.unread += ["9-0"]
    group.entries["9-0"] = {}
    group.give("me", 1)  # to the lost connection, whose end the server has not noticed
    for _ in range(30):
        clock.advance(0.5)
    assert fired(waiting).id == "9-0"
    made.close()


def test_after_some_time_own_pending_entries_are_not_listed_any_more(group, clock):
    made, member = opened(group)
    waiting = made.next_entry()
    for _ in range(200):
        clock.advance(0.5)
    assert len(member.made("own")) == 2
    assert pending(waiting)
    made.close()


def test_abandoned_entries_are_claimed(group, clock):
    dead, _ = opened(group, "dead")
    group.add(2)
    take(dead, 1)
    dead.close()
    made, _ = opened(group, claim_idle=3000)
    waiting = made.next_entry()
    clock.advance(1)
    assert pending(waiting)
    for _ in range(10):
        clock.advance(0.5)
    taken = [fired(waiting), *take(made, 1)]
    assert [(entry.id, entry.deliveries) for entry in taken] == [("1-0", 2), ("2-0", 2)]
    made.close()


def test_what_is_in_work_or_read_ahead_is_claimed_by_nobody(group, clock):
    busy, _ = opened(group, "busy", claim_idle=3000)
    group.add(5)
    working = take(busy, 2)
    other, _ = opened(group, "other", claim_idle=3000)
    waiting = other.next_entry()
    for _ in range(100):
        clock.advance(0.5)
    assert pending(waiting)
    assert group.of("other") == []
    assert [fired(entry.ack()) for entry in working] == [True, True]
    assert ids(take(busy, 3)) == ["3-0", "4-0", "5-0"]
    busy.close()
    other.close()


@pytest.mark.parametrize("how", ["release", "drop"])
def test_an_entry_that_was_given_back_is_delivered_again(group, clock, how):
    made, _ = opened(group, claim_idle=3000)
    group.add(1)
    taken = take(made, 1)
    if how == "release":
        taken[0].release()
        taken[0].release()
    else:
        taken.clear()
        gc.collect()
    waiting = made.next_entry()
    for _ in range(10):
        clock.advance(0.5)
    again = fired(waiting)
    assert (again.id, again.deliveries) == ("1-0", 2)
    made.close()


def test_what_others_claimed_while_the_process_stood_still_is_not_delivered_here(group, clock):
    made, _ = opened(group, claim_idle=3000)
    group.add(3)
    [first] = take(made, 1)
    group.pending["2-0"][0] = group.pending["1-0"][0] = "other"
    clock.advance(1)
    assert ids(take(made, 1)) == ["3-0"]
    group.pending.pop("1-0")
    assert fired(first.ack()) is False
    made.close()


def test_an_entry_delivered_too_often_goes_to_the_dead_letter_stream(group):
    for number in (1, 2):
        made, _ = opened(group, max_deliveries=2, dead_letter="dead")
        if number == 1:
            group.add(2)
        assert ids(take(made, 1)) == ["1-0"]
        made.close()
    made, member = opened(group, max_deliveries=2, dead_letter="dead")
    assert ids(take(made, 1)) == ["2-0"]
    assert member.made("move_to_dead_letter") == [["1-0", 2, "dead"]]
    assert group.of("me") == ["2-0"]
    made.close()


def test_a_burial_whose_reply_was_lost_is_not_repeated(group, clock):
    made, _ = opened(group, max_deliveries=1, dead_letter="dead")
    group.add(1)
    take(made, 1)
    made.close()
    made, member = opened(group, max_deliveries=1, dead_letter="dead")
    member.errors["move_to_dead_letter"] = [(MaybeExecutedError("connection lost"),)]
    waiting = made.next_entry()
    group.add(1)
    clock.advance(1)
    assert fired(waiting).id == "2-0"
    assert group.dead == ["1-0"]
    made.close()


def test_a_pending_entry_that_was_removed_from_the_stream_is_acknowledged(group):
    made, _ = opened(group)
    group.add(2)
    take(made, 1)
    made.close()
    del group.entries["1-0"]
    made, _ = opened(group)
    assert ids(take(made, 1)) == ["2-0"]
    assert group.of("me") == ["2-0"]
    made.close()


def test_a_call_that_is_cancelled_takes_no_entry_with_it(group):
    made, _ = opened(group)
    waiting = made.next_entry()
    waiting.cancel()
    failed(waiting, CancelledError)
    group.add(1)
    assert ids(take(made, 1)) == ["1-0"]
    made.close()


def test_several_loops_share_a_consumer(group):
    made, _ = opened(group)
    waiting = [made.next_entry() for _ in range(3)]
    group.add(2)
    assert ids([fired(waiting[0]), fired(waiting[1])]) == ["1-0", "2-0"]
    assert pending(waiting[2])
    group.add(1)
    assert fired(waiting[2]).id == "3-0"
    made.close()


@pytest.mark.parametrize(
    "error",
    [NotSentError("down"), MaybeExecutedError("lost"), ResponseError("LOADING wait"), ResponseError("READONLY x")],
)
@pytest.mark.parametrize("method", ["read", "own", "claim", "create_group"])
def test_errors_that_may_pass_are_waited_out(group, clock, error, method):
    member = Member(group, "me")
    made = consumer(member, claim_idle=60000)
    member.errors[method] = [error] * 20
    group.add(1)
    waiting = made.next_entry()
    for _ in range(1000):
        clock.advance(0.1)
    assert fired(waiting).id == "1-0"
    assert member.errors[method] == []
    made.close()


def test_errors_that_will_not_pass_leave_the_loop_and_the_next_call_tries_again(group):
    made, member = opened(group)
    member.errors["read"] = [WrongTypeError("WRONGTYPE")]
    failed(made.next_entry(), WrongTypeError)
    group.add(1)
    assert ids(take(made, 1)) == ["1-0"]
    made.close()
    member = Member(group, "me")
    member.errors["create_group"] = [WrongTypeError("WRONGTYPE")]
    failed(Deferred.fromCoroutine(consumer(member).__aenter__()), WrongTypeError)
    assert member.handler._factory.companions == set()


@pytest.mark.parametrize(("start", "after"), [(0, 0), ("$", 0), ("5-0", "5-0")])
def test_a_group_that_was_removed_is_created_again_and_skips_nothing(group, clock, start, after):
    made, member = opened(group, start=start)
    member.errors["read"] = [ResponseError("NOGROUP No such key")]
    waiting = made.next_entry()
    group.add(1)
    clock.advance(1)
    fired(waiting)
    assert member.made("create_group") == [[start], [after]]
    member.errors["read"] = [ResponseError("UNBLOCKED the stream key no longer exists")]
    waiting = made.next_entry()
    clock.advance(1)
    assert member.made("create_group")[2:] == [["1-0"]], "after what was read here"
    made.close()


def test_of_a_stream_that_begins_anew_with_lower_ids_nothing_is_skipped(group, clock):
    made, member = opened(group, start="0-5")
    group.add(1)
    take(made, 1)
    group.entries.clear()
    member.errors["read"] = [ResponseError("NOGROUP No such key")]
    waiting = made.next_entry()
    clock.advance(1)
    assert member.made("create_group") == [["0-5"], [0]]
    assert member.made("has_had") == [["1-0"]]
    member.errors["read"] = [ResponseError("NOGROUP No such key")]
    group.add(1)
    fired(waiting)
    made.close()


def test_the_end_of_the_handler_ends_the_iteration(group, clock):
    made, member = opened(group)
    waiting = made.next_entry()
    factory = member.handler._factory
    assert factory.companions == {made}
    factory.disconnectCalled = True
    group.waiting[0][2].errback(NotSentError("Not connected"))
    assert fired(waiting) is None
    assert factory.companions == set()
    assert clock.getDelayedCalls() == []


def test_a_pool_that_makes_no_more_connections_fails_the_loop(group):
    made, member = opened(group)
    member.handler._factory.may_wait = False
    member.errors["read"] = [NotSentError("Not connected")]
    failed(made.next_entry(), NotSentError)
    made.close()


def test_a_renewal_that_is_refused_is_told_once(group, clock, logged_errors):
    made, member = opened(group, claim_idle=300)
    group.add(1)
    held = take(made, 1)
    member.errors["renew"] = [ResponseError("NOPERM xclaim")] * 5
    for _ in range(5):
        clock.advance(0.1)
    assert member.errors["renew"] == [] and held
    assert len(logged_errors.flush(ResponseError)) == 1
    made.close()


def test_closing_while_something_other_than_a_read_is_awaited(group, clock):
    made, member = opened(group)
    member.errors["read"] = [NotSentError("down")]
    waiting = made.next_entry()
    assert len(clock.getDelayedCalls()) == 1, "the pause"
    made.close()
    assert fired(waiting) is None
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"group": None}, TypeError, "group must be text or a number, not None"),
        ({"name": ""}, ValueError, "name must not be empty"),
        ({"stream": ["s"]}, TypeError, "stream must be text or a number, not "),
        ({"count": 0}, ValueError, "count must be a number, 1 or more, not 0"),
        ({"block": 0}, ValueError, "block must be a finite number of milliseconds, 1 or more, not 0"),
        ({"claim_idle": 5}, ValueError, "claim_idle must be a finite number of milliseconds, 100 or more, not 5"),
        ({"max_deliveries": 3}, ValueError, "max_deliveries and dead_letter need each other"),
        ({"dead_letter": "d"}, ValueError, "max_deliveries and dead_letter need each other"),
        ({"max_deliveries": 0, "dead_letter": "d"}, ValueError, "max_deliveries must be a number, 1 or more"),
        ({"max_deliveries": 3, "dead_letter": b"s"}, ValueError, "dead_letter must be another stream"),
    ],
)
def test_a_wrong_argument_is_refused_at_once(options, kind, text):
    arguments = {"stream": "s", "group": "g", "name": "n", **options}
    with pytest.raises(kind) as refused:
        Pool().handler.consume(**arguments)
    assert str(refused.value).startswith(text)


def test_disconnecting_the_handler_closes_its_consumers(clock):
    pool = Pool()
    made = pool.handler.consume("s", "g", "n", claim_idle=1000)
    assert repr(made) == "<StreamConsumer 'n' of group 'g' of stream 's', 0 in work>"
    waiting = made.next_entry()
    assert pending(waiting)
    pool.handler.disconnect()
    assert fired(waiting) is None
    assert repr(made).endswith("(closed)>")


def test_a_deferred_that_has_fired_is_what_close_returns(group):
    made, _ = opened(group)
    assert type(made.close()) is type(succeed(None))
    assert fired(made.close()) is None
