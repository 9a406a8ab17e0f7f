"""``rc.subscriber()`` over connections in memory: messages, confirmations, losses, bounds and ends."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor

import pytest
from testbed.memory import Memory
from testbed.scripted import answering, settle
from testbed.subscribers import array, message
from testbed.support import failed, fired, pending
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import globalLogPublisher

import txredis_fast as redis
from txredis_fast.telemetry import events, outage

pytestmark = pytest.mark.usefixtures("both", "logged_errors")

DENIED = b"-NOPERM no permissions to access a channel\r\n"


def publishing(session):
    """A server: confirms what is subscribed to, refuses names that begin with "no", is silent on "silent"."""
    names: dict[bytes, set[bytes]] = {}
    while True:
        args = yield
        verb = args[0].lower()
        kind, _, event = verb.rpartition(b"un") if b"unsub" in verb else verb.rpartition(b"sub")
        if not verb.endswith(b"subscribe"):
            session.send(b"+PONG\r\n" if verb == b"ping" else b"+OK\r\n")
            continue
        mine = names.setdefault(kind, set())
        given = args[1:] or sorted(mine)
        if any(name.startswith(b"no") for name in given):
            session.send(DENIED)
            continue
        for name in given:
            (mine.discard if b"unsub" in verb else mine.add)(name)
            if name != b"silent":
                session.send(array(verb, name, sum(map(len, names.values()))))


class Server(Memory):
    """A handler over connections in memory, and its subscriber."""

    def __init__(self, clock, script=publishing, **options):
        super().__init__(clock, script, **options)
        self.factory.initialDelay = 1.0

    def open(self, *args, **options):
        opening = self.rc.subscriber(*args, **options)
        settle(self.clock)
        return opening

    def opened(self, *args, **options):
        return fired(self.open(*args, **options))

    def subscribed(self, *channels, **options):
        sub = self.opened(**options)
        self.settled(sub.subscribe(channels))
        return sub

    def settled(self, deferred):
        settle(self.clock)
        return fired(deferred)

    @property
    def link(self):
        return self.endpoint.links[-1]

    def send(self, data):
        self.link.server.protocol.send(data)
        settle(self.clock)

    def publish(self, *texts, channel="a"):
        self.send(b"".join(message(channel, text) for text in texts))

    def cut(self):
        self.link.reset()
        settle(self.clock)

    def verbs(self):
        """What the present connection was sent, without handshakes."""
        return [b" ".join(args) for args in self.link.server.protocol.commands if b"subscribe" in args[0].lower()]


@pytest.fixture
def server(clock):
    server = Server(clock)
    yield server
    server.rc.disconnect()
    settle(clock)
    assert not server.endpoint.alive
    assert clock.getDelayedCalls() == []


def iterate(sub, take=None):
    """A coroutine that keeps what it iterates over; returns its list, and the Deferred of its end."""
    taken = []

    async def run():
        async for each in sub:
            taken.append(each)
            if len(taken) == take:
                break

    return taken, Deferred.fromCoroutine(run())


# -- messages


def test_an_iteration_yields_typed_messages(server):
    sub = server.subscribed("a")
    server.settled(sub.psubscribe("p*"))
    taken, end = iterate(sub)
    server.publish("x")
    server.send(array("pmessage", "p*", "pq", "y"))
    assert taken == [redis.Message(None, "a", "x"), redis.Message("p*", "pq", "y")]
    assert (taken[1].pattern, taken[1].channel, taken[1].data) == ("p*", "pq", "y")
    assert pending(end)


def test_messages_that_came_before_the_iteration_wait_for_it(server):
    sub = server.subscribed("a")
    server.publish("1", "2")
    taken, _ = iterate(sub)
    server.publish("3")
    assert [each.data for each in taken] == [1, 2, 3]


def test_an_iteration_that_is_left_is_continued_by_the_next(server):
    sub = server.subscribed("a")
    first, end = iterate(sub, take=1)
    server.publish("1", "2", "3")
    fired(end)
    second, _ = iterate(sub)
    assert ([each.data for each in first], [each.data for each in second]) == ([1], [2, 3])


def test_a_cancelled_iteration_takes_no_message_with_it(server):
    sub = server.subscribed("a")
    _, end = iterate(sub)
    end.cancel()
    failed(end, CancelledError)
    server.publish("1")
    taken, _ = iterate(sub)
    server.publish("2")
    assert [each.data for each in taken] == [1, 2]


def test_several_iterations_share_the_messages(server):
    sub = server.subscribed("a")
    lists = [iterate(sub)[0] for _ in range(2)]
    server.publish("1", "2", "3", "4")
    assert [[each.data for each in taken] for taken in lists] == [[1, 3], [2, 4]]


def test_a_function_gets_pattern_channel_and_message(server):
    got = []
    sub = server.opened(lambda *parts: got.append(parts))
    server.settled(sub.subscribe("a"))
    server.publish("x")
    assert got == [(None, "a", "x")]
    failed(iterate(sub)[1], TypeError)


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_a_function_that_fails_is_logged_and_the_next_message_comes(server, logged_errors, is_coroutine):
    got = []

    def on_message(pattern, channel, data):
        got.append(data)
        raise KeyError(data)

    async def in_coroutine(*parts):
        on_message(*parts)

    sub = server.opened(in_coroutine if is_coroutine else on_message)
    server.settled(sub.subscribe("a"))
    server.publish("1", "2")
    assert got == [1, 2]
    assert [str(error) for error in logged_errors.flush(KeyError)] == ["1", "2"]


def test_a_coroutine_is_done_before_the_next_message(server):
    working = []

    async def on_message(pattern, channel, data):
        working.append(Deferred())
        await working[-1]

    sub = server.opened(on_message)
    server.settled(sub.subscribe("a"))
    server.publish("1", "2")
    assert len(working) == 1
    working[0].callback(None)
    assert len(working) == 2


# -- subscribing


def test_a_subscription_fires_when_the_last_name_is_confirmed(clock):
    sub = (server := Server(clock)).opened()
    done = sub.subscribe(["a", "silent"])
    settle(clock)
    assert pending(done)
    server.send(array("subscribe", "silent", 2))
    assert fired(done) is None
    server.rc.disconnect()
    settle(clock)


@pytest.mark.parametrize("kind", ["", "p", "s"])
def test_each_kind_of_name_is_subscribed_to_and_left(server, kind):
    sub = server.opened()
    for name in ("subscribe", "unsubscribe"):
        assert server.settled(getattr(sub, kind + name)(["a", b"b"])) is None
        assert server.settled(getattr(sub, kind + name)("c")) is None
    server.settled(getattr(sub, f"{kind}unsubscribe")([]))
    server.settled(getattr(sub, f"{kind}subscribe")(iter(())))
    upper = kind.upper()
    assert server.verbs() == [
        f"{upper}{word}".encode() for word in ("SUBSCRIBE a b", "SUBSCRIBE c", "UNSUBSCRIBE a b", "UNSUBSCRIBE c")
    ]


def test_unsubscribe_without_a_name_leaves_all(server):
    sub = server.subscribed("a", "b")
    server.settled(sub.unsubscribe())
    assert server.verbs()[-1] == b"UNSUBSCRIBE"
    server.cut()
    server.let_pass(5)
    assert server.verbs() == []


def test_a_refused_name_fails_and_is_not_wanted_any_more(server):
    sub = server.subscribed("a")
    done = sub.subscribe(["b", "no"])
    settle(server.clock)
    assert isinstance(failed(done, redis.NoPermissionError), redis.ResponseError)
    server.cut()
    server.let_pass(5)
    assert server.verbs() == [b"SUBSCRIBE a"]


def test_a_wrong_argument_fails_in_the_deferred(server):
    failed(server.opened().subscribe(5), TypeError)


def test_names_are_those_of_the_moment_of_the_call(server):
    sub = server.opened()
    names = ["a", bytearray(b"b")]
    server.cut()
    done = sub.subscribe(names)
    names[1][:] = b"x"
    names.append("c")
    server.let_pass(5)
    assert fired(done) is None
    assert server.verbs()[-1] == b"SUBSCRIBE a b"


def test_a_confirmation_that_a_lost_connection_owes_comes_from_the_next_one(server):
    sub = server.opened()
    done = sub.subscribe("a")
    server.link.reset()
    settle(server.clock)
    assert pending(done)
    server.let_pass(5)
    assert fired(done) is None
    taken, _ = iterate(sub)
    server.publish("1")
    assert [each.data for each in taken] == [1]


def test_without_a_connection_a_subscription_waits_no_longer_than_it_may(clock):
    server = Server(clock, replyTimeout=3, poolTimeout=None)
    sub = server.opened()
    server.endpoint.refuses = True
    server.cut()
    done = sub.subscribe("a")
    server.let_pass(2.75)
    assert pending(done)
    server.let_pass(0.5)
    error = failed(done, redis.NotSentError)
    assert str(error).startswith("memory: SUBSCRIBE was not confirmed within 3 seconds: ")
    assert "refused" in str(error)
    server.rc.disconnect()
    settle(clock)


def test_poolTimeout_0_fails_a_subscription_at_once_without_a_connection(clock):
    server = Server(clock, poolTimeout=0)
    sub = server.opened()
    server.endpoint.refuses = True
    server.cut()
    failed(sub.subscribe("a"), redis.NotSentError)
    server.rc.disconnect()
    settle(clock)


def test_a_server_that_does_not_confirm_is_given_up(server):
    sub = server.subscribed("a")
    done = sub.subscribe("silent")
    server.let_pass(29.75)
    assert pending(done)
    server.let_pass(0.5)
    error = failed(done, redis.ReplyTimeoutError)
    assert str(error) == "memory: SUBSCRIBE was not confirmed within 30 seconds: the server did not answer"
    server.let_pass(5)
    assert server.verbs() == [b"SUBSCRIBE a"]  # a new connection, and the name that failed is not wanted


def test_a_cancelled_subscription_is_withdrawn(server):
    sub = server.subscribed("a")
    done = sub.subscribe(["a", "silent"])
    settle(server.clock)
    done.cancel()
    failed(done, CancelledError)
    settle(server.clock)
    assert server.verbs()[-1] == b"UNSUBSCRIBE silent"
    server.cut()
    server.let_pass(5)
    assert server.verbs() == [b"SUBSCRIBE a"]


# -- what is logged


@pytest.fixture
def told(monkeypatch):
    """The events of the package's log, in order."""
    monkeypatch.setattr(outage, "_groups", {})
    seen = []

    def observe(event):
        if event.get("log_namespace") == events.NAMESPACE:
            seen.append(event)

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


def of(told, *kinds):
    return [event for event in told if event["redis_event"] in kinds]


def test_a_lost_connection_is_no_outage_while_the_handler_has_one(server, clock, told):
    server.subscribed("a")
    server.endpoint.refuses = True
    server.cut()
    clock.advance(5)
    settle(clock)
    assert of(told, "attempt_failed") and of(told, "lost")
    assert not of(told, "outage")
    server.endpoint.refuses = False
    clock.advance(60)
    settle(clock)
    assert not of(told, "outage", "outage_over")


def test_an_outage_of_the_handler_is_that_of_its_subscriber(server, clock, told):
    server.subscribed("a")
    server.endpoint.refuses = True
    server.cut()
    server.endpoint.links[0].reset()
    for _ in range(5):
        clock.advance(5)
        settle(clock)
    assert len(of(told, "outage")) == 1, "whatever their reasons are"
    server.endpoint.refuses = False
    clock.advance(60)
    settle(clock)
    assert len(of(told, "outage", "outage_over")) == 2


def test_a_refused_handshake_is_told_once(clock, told):
    refuses = []

    def script(session):
        while True:
            yield
            session.send(b"-ERR max number of clients reached\r\n" if refuses else b"+OK\r\n")

    server = Server(clock, script, password="secret")
    settle(clock)
    refuses.append(True)
    opening = server.open()
    for _ in range(3):
        clock.advance(10)
        settle(clock)
    assert [event["reason"] for event in of(told, "refused", "outage")] == [
        "could not auth: ERR max number of clients reached"
    ]
    assert of(told, "refused")
    opening.cancel()
    opening.addErrback(lambda _: None)
    server.rc.disconnect()
    settle(clock)


def test_connections_are_counted_for_each_pool(server, clock, told):
    server.opened()
    assert [(event["connections"], event["poolsize"]) for event in of(told, "connected")] == [(1, 1)]
    server.endpoint.links[0].reset()
    clock.advance(5)
    settle(clock)
    assert [(event["connections"], event["poolsize"]) for event in of(told, "connected")] == [(1, 1)] * 2


@pytest.mark.parametrize("kind", ["", "p", "s"])
@pytest.mark.parametrize("cancelled", [0, 1])
def test_a_cancelled_subscription_leaves_a_name_to_another_one_in_flight(server, kind, cancelled):
    sub = server.opened()
    calls = [getattr(sub, f"{kind}subscribe")("x") for _ in range(2)]
    calls[cancelled].cancel()
    failed(calls.pop(cancelled), CancelledError)
    assert server.settled(calls[0]) is None
    verb = f"{kind}subscribe x".upper().replace("X", "x").encode()
    assert server.verbs() == [verb, verb]
    server.cut()
    server.let_pass(5)
    assert server.verbs() == [verb]


def test_the_last_of_several_cancelled_subscriptions_withdraws_the_name(server):
    sub = server.opened()
    calls = [sub.subscribe("silent") for _ in range(2)]
    settle(server.clock)
    for call in calls:
        assert server.verbs() == [b"SUBSCRIBE silent"] * 2
        call.cancel()
        failed(call, CancelledError)
    settle(server.clock)
    assert server.verbs()[-1] == b"UNSUBSCRIBE silent"


@pytest.mark.parametrize("kind", ["", "p", "s"])
def test_a_refused_subscription_leaves_a_name_to_another_one_in_flight(server, kind):
    sub = server.opened()
    refused = getattr(sub, f"{kind}subscribe")(["x", "no"])
    granted = getattr(sub, f"{kind}subscribe")("x")
    settle(server.clock)
    failed(refused, redis.NoPermissionError)
    assert fired(granted) is None
    upper = kind.upper()
    assert server.verbs() == [f"{upper}{word}".encode() for word in ("SUBSCRIBE x no", "SUBSCRIBE x", "UNSUBSCRIBE no")]
    server.cut()
    server.let_pass(5)
    assert server.verbs() == [f"{upper}SUBSCRIBE x".encode()]


@pytest.mark.parametrize("before", ["confirmed", "in flight"])
@pytest.mark.parametrize("left", ["a", None])
def test_a_subscription_that_is_cancelled_behind_an_unsubscription_is_withdrawn(server, before, left):
    sub = server.opened()
    calls = [sub.subscribe("a")]
    if before == "confirmed":
        settle(server.clock)
    calls.append(sub.unsubscribe(left))
    cancelled = sub.subscribe("a")
    cancelled.cancel()
    failed(cancelled, CancelledError)
    settle(server.clock)
    for call in calls:
        fired(call)
    leaving = b"UNSUBSCRIBE a" if left else b"UNSUBSCRIBE"
    assert server.verbs() == [b"SUBSCRIBE a", leaving, b"SUBSCRIBE a", b"UNSUBSCRIBE a"]
    server.cut()
    server.let_pass(5)
    assert server.verbs() == []


def test_a_subscription_that_is_cancelled_before_an_unsubscription_leaves_the_name_to_a_later_one(server):
    sub = server.opened()
    first, left, last = sub.subscribe("a"), sub.unsubscribe("a"), sub.subscribe("a")
    first.cancel()
    failed(first, CancelledError)
    server.settled(left), server.settled(last)
    taken, _ = iterate(sub)
    server.publish("one")
    assert [each.data for each in taken] == ["one"]


def test_a_name_that_is_left_behind_a_refused_subscription_stays_left(server):
    sub = server.opened()
    refused, granted, left = sub.subscribe(["x", "no"]), sub.subscribe("x"), sub.unsubscribe("x")
    settle(server.clock)
    failed(refused, redis.NoPermissionError)
    assert [fired(each) for each in (granted, left)] == [None, None]
    server.cut()
    server.let_pass(5)
    assert server.verbs() == []


# -- lost connections


def test_subscriptions_are_restored_and_the_gap_is_told(server):
    gaps = []
    sub = server.opened(on_gap=lambda *told: gaps.append(told))
    server.settled(sub.subscribe(["a", "b"]))
    server.settled(sub.psubscribe("p*"))
    taken, _ = iterate(sub)
    server.cut()
    server.let_pass(5)
    assert server.verbs() == [b"SUBSCRIBE a b", b"PSUBSCRIBE p*"]
    [(seconds, refused)] = gaps
    assert 0 < seconds <= 5
    assert refused == []
    server.publish("after")
    assert [each.data for each in taken] == ["after"]
    assert server.rc.stats().subscription_gaps == 1


def test_messages_that_wait_survive_the_loss_of_the_connection(server):
    sub = server.subscribed("a")
    server.publish("1", "2")
    server.cut()
    server.let_pass(5)
    server.publish("3")
    assert [each.data for each in iterate(sub)[0]] == [1, 2, 3]
    assert sub.droppedMessages == 0


def test_a_login_that_the_handler_has_changed_holds_for_the_next_connection(server):
    server.subscribed("a")
    server.settled(server.rc.auth("new", "alice"))
    server.cut()
    server.let_pass(5)
    assert server.link.server.protocol.commands[0] == [b"AUTH", b"alice", b"new"]


def test_an_iteration_fails_where_no_connection_follows(clock):
    server = Server(clock)
    sub = server.subscribed("a")
    _, end = iterate(sub)
    server.rc._factory.reconnect = False
    server.cut()
    assert "ot connected" in str(failed(end, redis.NotSentError))
    failed(iterate(sub)[1], redis.NotSentError)
    failed(sub.subscribe("b"), redis.NotSentError)
    server.rc.disconnect()
    settle(clock)


def test_a_subscriber_that_has_ended_accepts_no_subscription(clock):
    server = Server(clock)
    sub = server.subscribed("a")
    server.rc._factory.reconnect = False
    server.cut()
    server.rc._factory.reconnect = True
    for change in (sub.subscribe, sub.psubscribe, sub.ssubscribe, sub.unsubscribe):
        error = failed(change("b"), redis.NotSentError)
        assert str(error).startswith(f"memory: {change.__name__.upper()} was not sent: the subscriber has ended (")
        assert str(error).endswith("); open another one with rc.subscriber()")
    server.let_pass(60)
    assert len(server.endpoint.alive) == 1  # the handler's
    assert sub.pool.disconnectCalled
    server.settled(sub.disconnect())
    server.rc.disconnect()
    settle(clock)


def test_a_disconnected_subscriber_says_so(server):
    sub = server.subscribed("a")
    server.settled(sub.disconnect())
    assert str(failed(sub.subscribe("b"), redis.NotSentError)) == (
        "memory: SUBSCRIBE was not sent: the subscriber has ended (it was disconnected); "
        "open another one with rc.subscriber()"
    )


# -- bounds


def test_at_the_bound_nothing_is_read_until_half_are_taken(server):
    sub = server.subscribed("a", maxPendingMessages=4)
    server.publish(*map(str, range(6)))
    transport = server.link.client
    assert transport.paused
    taken, end = iterate(sub, take=3)
    fired(end)
    assert transport.paused  # three of six are left, more than half of four
    more, end = iterate(sub, take=1)
    fired(end)
    assert not transport.paused
    rest, _ = iterate(sub)
    assert [each.data for each in (*taken, *more, *rest)] == list(range(6))


def test_a_new_connection_of_a_full_subscriber_is_not_read_either(server):
    sub = server.subscribed("a", maxPendingMessages=2)
    server.publish("0", "1")
    server.cut()
    server.let_pass(5)
    assert server.link.client.paused
    taken, _ = iterate(sub)
    settle(server.clock)
    assert not server.link.client.paused
    server.publish("2")
    assert [each.data for each in taken] == [0, 1, 2]


@pytest.mark.parametrize(("policy", "left"), [("drop-oldest", [2, 3]), ("drop-newest", [0, 1])])
def test_messages_beyond_the_bound_are_dropped_counted_and_told(server, policy, left):
    told = []
    sub = server.subscribed("a", maxPendingMessages=2, slowConsumer=policy, on_dropped=told.append)
    server.publish(*map(str, range(4)))
    assert [each.data for each in iterate(sub)[0]] == left
    assert told == [2]
    assert sub.droppedMessages == 2


def test_a_hook_of_dropped_messages_may_take_the_last_message(server):
    taken, order = [], []

    def on_dropped(count):
        order.append(("dropped", count))
        iterate(sub, take=1)[1].addCallback(lambda _: order.append("in the hook"))

    sub = server.subscribed("a", maxPendingMessages=1, slowConsumer="drop-oldest", on_dropped=on_dropped)
    server.publish("1", "2")
    taken, end = iterate(sub, take=1)
    fired(end)
    assert [each.data for each in taken] == [2]
    server.publish("3")
    assert order == [("dropped", 1), "in the hook"]


@pytest.mark.parametrize("what", ["take", "close"])
def test_a_hook_of_dropped_messages_may_take_the_message_that_is_handed_on(server, what):
    first, got = Deferred(), []

    def on_message(pattern, channel, data):
        got.append(data)
        return first if data == 1 else None

    def on_dropped(count):
        got.append(count)
        if got == [1, 1]:
            got.append(getattr(sub.inbox, what)())

    sub = server.opened(on_message, maxPendingMessages=2, slowConsumer="drop-newest", on_dropped=on_dropped)
    server.settled(sub.subscribe("a"))
    server.publish("1", "2", "3")
    first.callback(None)
    assert got == [1, 1, *([(None, "a", 2)] if what == "take" else [1, None])]


def test_a_confirmation_behind_unread_messages_says_why_it_is_overdue(server):
    sub = server.subscribed("a", maxPendingMessages=2)
    server.publish("0", "1")
    done = sub.subscribe("b")
    server.let_pass(30.5)
    assert str(failed(done, redis.ReplyTimeoutError)) == (
        "memory: SUBSCRIBE was not confirmed within 30 seconds: nothing is read while 2 messages are unfinished "
        "(maxPendingMessages is 2); finish messages while you wait for a confirmation"
    )
    assert len(server.endpoint.alive) == 2  # it is the program that is slow


# -- opening


def test_the_connection_has_the_login_and_the_options_of_the_handler(clock):
    server = Server(clock, username="alice", password="secret", dbid=3, clientName="me", charset=None)
    sub = server.subscribed("a")
    names = [args[0] for args in server.link.server.protocol.commands]
    assert names == [b"AUTH", b"CLIENT", b"CLIENT", b"CLIENT", b"SELECT", b"SUBSCRIBE"]
    assert server.link.server.protocol.commands[0] == [b"AUTH", b"alice", b"secret"]
    server.publish("x")
    assert iterate(sub)[0] == [(None, b"a", b"x")]
    server.rc.disconnect()
    settle(clock)


def test_it_is_a_context_manager_before_and_after_it_is_open(server):
    async def use(opening):
        async with opening as sub:
            assert isinstance(sub, redis.Subscriber)
            assert len(server.endpoint.alive) == 2

    for open_one in (server.rc.subscriber, server.opened):
        done = Deferred.fromCoroutine(use(open_one()))
        server.settled(done)
        assert len(server.endpoint.alive) == 1


def test_a_server_that_is_away_for_a_while_is_waited_for(server):
    server.endpoint.refuses = True
    opening = server.open()
    server.let_pass(5)
    assert pending(opening)
    server.endpoint.refuses = False
    server.let_pass(15)
    assert isinstance(fired(opening), redis.Subscriber)


def test_without_a_server_opening_fails_within_connectTimeout(clock):
    server = Server(clock, connectTimeout=4)
    server.endpoint.refuses = True
    opening = server.open()
    server.let_pass(3.75)
    assert pending(opening)
    server.let_pass(0.5)
    error = failed(opening, redis.ConnectionFailedError)
    assert str(error).startswith("memory: no connection was usable within 4 seconds: ")
    assert "refused" in str(error)
    attempts = server.endpoint.attempts
    server.let_pass(30)
    assert server.endpoint.attempts == attempts
    server.rc.disconnect()
    settle(clock)


def test_a_refused_login_fails_at_once(clock):
    server = Server(clock, answering({"AUTH": b"-WRONGPASS invalid\r\n"}), password="secret")
    error = failed(server.open(), redis.ConnectionFailedError)
    assert "WRONGPASS" in str(error)
    server.rc.disconnect()
    settle(clock)


def test_a_cancelled_opening_leaves_no_connection(server):
    opening = server.rc.subscriber()
    opening.cancel()
    failed(opening, CancelledError)
    server.let_pass(30)
    assert len(server.endpoint.alive) == 1


def test_a_handler_without_an_address_says_so():
    factory = redis.RedisFactory("nowhere", None, 1, True)
    assert "no address yet" in str(failed(factory.handler.subscriber(), redis.NotSentError))


@pytest.mark.parametrize(
    "wrong",
    [
        {"on_message": 5},
        {"maxPendingMessages": 0},
        {"maxPendingMessages": None},
        {"maxConcurrentMessages": 0},
        {"slowConsumer": "wait"},
        {"on_gap": 5},
        {"on_dropped": 5},
    ],
)
def test_a_wrong_option_is_named(server, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        server.rc.subscriber(**wrong)


def test_a_sharded_handler_refuses_in_words():
    error = failed(redis.ShardedConnectionHandler([]).subscriber(), NotImplementedError)
    assert str(error) == (
        "A sharded handler has no subscriber, because its publish() sends each channel to one node; "
        "subscribe with a handler of your own at that node"
    )


def test_help_shows_the_method():
    parameters = inspect.signature(redis.ConnectionHandler.subscriber).parameters
    assert list(parameters)[:3] == ["self", "on_message", "maxPendingMessages"]
    assert redis.ConnectionHandler.subscriber.__name__ == "subscriber"


# -- the end


@pytest.mark.parametrize("by_handler", [False, True])
def test_a_disconnect_ends_iterations_and_fails_what_waits(clock, by_handler):
    server = Server(clock)
    sub = server.subscribed("a")
    ends = [iterate(sub)[1] for _ in range(2)]
    waiting = sub.subscribe("silent")
    settle(clock)
    closing = (server.rc if by_handler else sub).disconnect()
    server.settled(closing)
    assert [fired(end) for end in ends] == [None, None]
    failed(waiting, redis.ConnectionError)
    assert iterate(sub)[0] == []
    failed(sub.subscribe("b"), redis.NotSentError)
    assert len(server.endpoint.alive) == (0 if by_handler else 1)
    server.settled(sub.disconnect())
    server.settled(server.rc.disconnect())
    failed(server.rc.subscriber(), redis.NotSentError)


def test_a_full_subscriber_disconnects_at_once(server):
    sub = server.subscribed("a", maxPendingMessages=1)
    server.publish("1", "2")
    server.settled(sub.disconnect())
    assert len(server.endpoint.alive) == 1
    assert iterate(sub)[0] == []


def test_after_the_end_a_function_is_not_called_any_more(server):
    got, working = [], Deferred()

    def on_message(pattern, channel, data):
        got.append(data)
        return working

    sub = server.opened(on_message)
    server.settled(sub.subscribe("a"))
    server.publish("1", "2")
    sub.disconnect()
    working.callback(None)
    settle(server.clock)
    assert got == [1]


def test_an_iteration_may_cancel_another_one_at_its_end(server):
    sub = server.subscribed("a")
    ends = [iterate(sub)[1] for _ in range(2)]
    ends[0].addCallback(lambda _: ends[1].cancel())
    server.settled(sub.disconnect())
    fired(ends[0])
    failed(ends[1], CancelledError)


def test_a_message_may_end_its_own_iteration(server):
    sub = server.subscribed("a")
    taken = []

    async def run():
        async for each in sub:
            taken.append(each.data)
            await sub.disconnect()

    end = Deferred.fromCoroutine(run())
    server.publish("1", "2")
    fired(end)
    assert taken == [1]


def test_a_repr_tells_the_state_and_no_password(clock):
    server = Server(clock, password="very secret")
    sub = server.opened()
    assert repr(sub) == "<Subscriber memory (connected), 0 messages unfinished>"
    server.rc.disconnect()
    settle(clock)
    assert repr(sub) == "<Subscriber memory (closed), 0 messages unfinished>"


# -- asyncio


def in_a_loop_of_its_own(coroutine):
    """What asyncio.run() does; in a thread, because the loop of an asyncio reactor runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result(10)


@pytest.mark.parametrize("name", ["subscriber", "connect"])
def test_an_asyncio_task_that_awaits_is_told_what_to_do(server, name):
    opening = server.rc.subscriber() if name == "subscriber" else redis.Connecting()

    async def task():
        await opening

    async def entered():
        async with opening:
            pass

    for wrong in (task, entered):
        with pytest.raises(RuntimeError, match=r"an asyncio task cannot await a Deferred: await deferred.asFuture\("):
            in_a_loop_of_its_own(wrong())
    settle(server.clock)
