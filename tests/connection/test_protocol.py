"""A connection: commands out, replies to who waits for them; what a subclass may rely on; how it ends."""

from __future__ import annotations

import pytest
from testbed.support import Transport, connect, connected, failed, fired, pending
from testbed.wire import command
from twisted.internet.defer import CancelledError, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.python.failure import Failure

import txredis_fast as redis

pytestmark = pytest.mark.usefixtures("both", "logged_errors")


def lose(protocol, reason=None):
    protocol.connectionLost(Failure(reason or ConnectionLost()))


# -- commands and replies


def test_a_command_is_written_at_once_and_its_reply_fires_before_dataReceived_returns():
    protocol, transport = connected()
    d = protocol.get("key")
    assert transport.take() == command("GET", "key")
    protocol.dataReceived(b"$5\r\nval")
    assert pending(d)
    protocol.dataReceived(b"ue\r\n")
    assert fired(d) == "value"


def test_replies_go_to_the_commands_in_the_order_of_the_commands():
    protocol, _ = connected()
    ds = [protocol.get(n) for n in "abc"]
    protocol.dataReceived(b"$1\r\n1\r\n$-1\r\n-ERR no\r\n")
    assert [fired(ds[0]), fired(ds[1])] == [1, None]
    assert failed(ds[2], redis.ResponseError).args == ("ERR no",)


def test_a_reply_may_be_wanted_raw():
    protocol, _ = connected()
    raw, converted = protocol.execute_command("GET", "a", raw=True), protocol.get("a")
    protocol.dataReceived(b"$1\r\n1\r\n$1\r\n1\r\n")
    assert fired(raw) == b"1"
    assert fired(converted) == 1


def test_the_reply_to_a_cancelled_command_goes_to_nobody():
    protocol, _ = connected()
    first, second = protocol.get("a"), protocol.get("b")
    first.cancel()
    failed(first, CancelledError)
    protocol.dataReceived(b"$1\r\na\r\n$1\r\nb\r\n")
    assert fired(second) == "b"


def test_a_converter_that_raises_fails_its_own_command_only():
    protocol, _ = connected()
    bad = protocol.execute_command("GET", "a", post_proc=lambda reply: 1 / 0)
    good = protocol.get("b")
    protocol.dataReceived(b"$1\r\na\r\n$1\r\nb\r\n")
    failed(bad, ZeroDivisionError)
    assert fired(good) == "b"


def test_commands_never_raise():
    protocol = redis.RedisProtocol()
    assert str(failed(protocol.get("key"), redis.NotSentError)) == "Not connected"
    protocol, transport = connected(charset="ascii")
    failed(protocol.get("k\xfc"), redis.InvalidData)
    failed(protocol.set("k", "v", only_if_exists=True, only_if_not_exists=True), redis.RedisError)
    assert transport.take() == b""


def test_a_command_issued_by_a_callback_is_answered_in_its_turn():
    protocol, transport = connected()
    second = []
    protocol.get("a").addCallback(lambda value: second.append(protocol.get(value)))
    third = protocol.get("c")
    transport.take()
    protocol.dataReceived(b"$1\r\nb\r\n$1\r\n3\r\n")
    assert transport.take() == command("GET", "b")
    assert fired(third) == 3
    protocol.dataReceived(b"$1\r\n2\r\n")
    assert fired(second[0]) == 2


def test_what_a_callback_sends_is_written_when_all_replies_that_have_come_are_handed_on():
    protocol, transport = connected()
    written = []
    first, second = protocol.get("a"), protocol.get("b")
    first.addCallback(lambda value: [protocol.get("c"), written.append(transport.take())])
    second.addCallback(lambda value: [protocol.get("d"), written.append(transport.take())])
    transport.take()
    protocol.dataReceived(b"$1\r\n1\r\n$1\r\n2\r\n")
    assert written == [b"", b""]
    assert transport.take() == command("GET", "c") + command("GET", "d")


def test_a_transport_that_answers_during_write_is_served():
    class Echo(Transport):
        def write(self, data):
            super().write(data)
            self.protocol.dataReceived(b"+OK\r\n")

    protocol = redis.RedisProtocol()
    connect(protocol, Echo())
    assert fired(protocol.set("a", 1)) == "OK"


def test_error_replies_inside_an_array_are_values():
    protocol, _ = connected()
    d = protocol.execute_command("EVAL", "...", 0)
    protocol.dataReceived(b"*2\r\n:1\r\n-WRONGTYPE no\r\n")
    one, error = fired(d)
    assert one == 1
    assert isinstance(error, redis.WrongTypeError)


# -- what comes unasked or garbled


def test_a_reply_that_no_command_asked_for_ends_the_connection():
    protocol, transport = connected()
    protocol.dataReceived(b"+surplus\r\n+more\r\n")
    assert transport.aborted
    failed(protocol.get("a"), redis.NotSentError)


def test_a_surplus_reply_is_not_delivered_to_the_next_command():
    protocol, transport = connected()
    first = protocol.get("a")
    second = []
    first.addCallback(lambda _: second.append(protocol.get("b")))
    protocol.dataReceived(b"$1\r\na\r\n")
    protocol.dataReceived(b"$1\r\nb\r\n$1\r\nx\r\n")
    assert fired(second[0]) == "b"
    assert transport.aborted


def test_garbage_fails_what_is_in_flight_saying_what_came_and_delivers_nothing_after_it():
    protocol, transport = connected()
    ds = [protocol.get("a"), protocol.get("b"), protocol.get("c")]
    protocol.dataReceived(b"$1\r\na\r\n?nonsense\r\n+OK\r\n")
    assert fired(ds[0]) == "a"
    assert transport.aborted
    for d in ds[1:]:
        error = failed(d, redis.GarbledReplyError)
        assert isinstance(error, redis.InvalidData) and isinstance(error, redis.InvalidResponse)
        assert isinstance(error, redis.MaybeExecutedError)
        assert "expected a type byte, got b'?'" in str(error)
        assert "perhaps no Redis" not in str(error)  # it has answered in RESP


@pytest.mark.parametrize("stopping", [False, True])
def test_a_peer_that_has_said_nothing_perhaps_wants_tls_unless_this_program_has_ended_the_connection(
    stopping, monkeypatch
):
    monkeypatch.setattr("txredis_fast.connection.link.is_stopping", lambda: stopping)
    protocol, transport = connected()
    answer = protocol.get("a")
    protocol.connectionLost(Failure(ConnectionLost()))
    assert ("perhaps it wants TLS" in str(failed(answer, redis.MaybeExecutedError))) is not stopping


def test_a_peer_that_begins_with_garbage_is_perhaps_another_kind_of_server():
    protocol, transport = connected()
    answer = protocol.get("a")
    protocol.dataReceived(b"HTTP/1.1 400 Bad Request\r\n")
    assert transport.aborted
    error = failed(answer, redis.GarbledReplyError)
    assert "expected a type byte, got b'H' (" in str(error)
    assert str(error).endswith(" is perhaps no Redis or Valkey server)")


def test_the_parsers_limits_can_be_set():
    class Limited(redis.RedisProtocol):
        limits = {"max_bulk_length": 3}

    protocol, transport = connected(Limited)
    d = protocol.get("a")
    protocol.dataReceived(b"$4\r\n")
    assert transport.aborted
    failed(d, redis.ProtocolError)


# -- the end


def test_a_lost_connection_fails_what_was_written_as_maybe_executed():
    protocol, _ = connected()
    gone = protocol.whenDisconnected()
    d = protocol.incr("n")
    lose(protocol)
    assert fired(gone) is protocol
    error = failed(d, redis.MaybeExecutedError)
    assert isinstance(error, redis.ConnectionError)
    assert str(error).startswith("Lost connection")
    failed(protocol.get("a"), redis.NotSentError)


def test_whoever_waits_for_the_end_hears_of_it_before_the_commands_fail():
    protocol, _ = connected()
    order = []
    protocol.get("a").addErrback(lambda _: order.append("command"))
    protocol.whenDisconnected().addCallback(lambda _: order.append("end"))
    lose(protocol)
    assert order == ["end", "command"]


def test_losing_it_twice_does_nothing_more():
    protocol, _ = connected()
    failed_once = protocol.get("a")
    lose(protocol)
    lose(protocol)
    failed(failed_once, redis.MaybeExecutedError)


def test_cancelling_a_blocking_command_ends_its_connection():
    protocol, transport = connected()
    d = protocol.blpop("queue")
    d.cancel()
    failed(d, CancelledError)
    assert transport.aborted


# -- the deadline


def test_a_reply_that_is_overdue_fails_all_in_flight_and_ends_the_connection(both):
    clock = Clock()
    protocol, transport = connected(replyTimeout=2)
    protocol.callLater = clock.callLater
    late = protocol.get("a")
    clock.advance(1)
    later = protocol.get("b")
    clock.advance(0.9)
    assert pending(late)
    clock.advance(0.12)
    assert transport.aborted
    assert str(failed(late, redis.TimeoutError)) == "Not received Redis response in 2 seconds"
    error = failed(later, redis.MaybeExecutedError)
    assert not isinstance(error, redis.ReplyTimeoutError)
    assert "another command's reply was overdue" in str(error) and "may have been executed" in str(error)
    assert isinstance(failed(protocol.get("c"), redis.ConnectionError), redis.NotSentError)


def test_one_timer_serves_all_commands_and_none_is_left_behind():
    clock = Clock()
    protocol, transport = connected(replyTimeout=2)
    protocol.callLater = clock.callLater
    ds = []
    for _ in range(20):
        ds.append(protocol.get("a"))
        clock.advance(0.5)
        protocol.dataReceived(b"$1\r\na\r\n")
        assert len(clock.getDelayedCalls()) <= 1
    assert not transport.aborted
    protocol.get("a").addErrback(lambda _: None)
    lose(protocol)
    assert clock.getDelayedCalls() == []
    assert {fired(d) for d in ds} == {"a"}


def test_the_deadline_counts_from_the_command_not_from_the_timer():
    clock = Clock()
    protocol, transport = connected(replyTimeout=2)
    protocol.callLater = clock.callLater
    fast = protocol.get("a")
    clock.advance(1.5)
    protocol.dataReceived(b"+OK\r\n")
    fired(fast)
    slow = protocol.get("b")
    clock.advance(1.5)
    assert not transport.aborted
    clock.advance(0.51)
    failed(slow, redis.ReplyTimeoutError)


def test_a_blocking_command_has_no_reply_timeout():
    clock = Clock()
    protocol, transport = connected(replyTimeout=2)
    protocol.callLater = clock.callLater
    d = protocol.blpop("q", timeout=0)
    clock.advance(1000)
    assert pending(d) and not transport.aborted


def test_callLater_is_patched_on_the_class_as_well(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(redis.LineReceiver, "callLater", clock.callLater)
    protocol, transport = connected(replyTimeout=1)
    d = protocol.get("a")
    clock.advance(1)
    failed(d, redis.TimeoutError)


def test_without_a_patch_the_packages_reactor_is_the_clock(clock):
    protocol, _ = connected(replyTimeout=1)
    d = protocol.get("a")
    clock.advance(1)
    failed(d, redis.TimeoutError)


# -- the handshake


def test_it_is_connected_when_connectionMade_returns_if_there_is_nothing_to_say():
    protocol = redis.RedisProtocol()
    ready = protocol.whenConnected()
    transport = connect(protocol)
    assert fired(ready) is protocol
    assert fired(protocol.whenConnected()) is protocol
    assert transport.take() == b""
    assert transport.options == {"nodelay": True, "keepalive": True}


def test_AUTH_and_SELECT_are_written_before_connectionMade_returns():
    class Program(redis.RedisProtocol):
        def connectionMade(self):
            super().connectionMade()
            self.execute_command("SUBSCRIBE", "news").addErrback(lambda _: None)

    protocol = Program(password="secret", username="user", dbid=3)
    ready = protocol.whenConnected()
    transport = connect(protocol)
    assert transport.take() == command("AUTH", "user", "secret") + command("SELECT", 3) + command("SUBSCRIBE", "news")
    protocol.dataReceived(b"+OK\r\n")
    assert pending(ready)
    protocol.dataReceived(b"+OK\r\n")
    assert fired(ready) is protocol


@pytest.mark.parametrize(
    "answers", [b"-WRONGPASS no\r\n-NOAUTH first\r\n", b"+OK\r\n-ERR DB index is out of range\r\n"]
)
def test_a_refused_handshake_closes_the_connection_which_never_becomes_usable(answers):
    protocol = redis.RedisProtocol(password="secret", dbid=99)
    ready = protocol.whenConnected()
    made = []
    transport = Transport()
    transport.protocol = protocol
    protocol.transport = transport
    protocol.connected = 1
    protocol.connectionMade().addCallback(made.append)
    protocol.dataReceived(answers)
    assert made == [None]
    assert transport.disconnecting
    assert pending(ready)
    assert not protocol.link.usable


def test_connectionMade_may_be_awaited_whether_or_not_there_is_a_handshake():
    for password, answer in ((None, b""), ("pw", b"+OK\r\n")):
        protocol = redis.RedisProtocol(password=password)
        protocol.transport, protocol.connected = Transport(), 1
        made = protocol.connectionMade()
        if answer:
            protocol.dataReceived(answer)
        assert fired(made) is None


def test_passwords_are_in_no_repr_and_no_error():
    protocol, _ = connected(password="s3cret")
    assert "s3cret" not in repr(protocol)
    d = protocol.get("a")
    lose(protocol)
    assert "s3cret" not in repr(failed(d, redis.MaybeExecutedError))


# -- what subclasses do


def test_every_command_goes_through_execute_command():
    seen = []

    class Program(redis.RedisProtocol):
        def execute_command(self, *args, **kwargs):
            seen.append(args)
            return super().execute_command(*args, **kwargs)

    protocol, _ = connected(Program, password="pw", dbid=1)
    protocol.hgetall("key")
    protocol.set("k", "v", expire=5)
    assert seen == [("AUTH", "pw"), ("SELECT", 1), ("HGETALL", "key"), ("SET", "k", "v", "EX", 5)]


def test_replyReceived_may_take_the_replies():
    class Program(redis.RedisProtocol):
        def __init__(self):
            super().__init__()
            self.seen = []

        def replyReceived(self, reply):
            self.seen.append(reply)

    protocol, transport = connected(Program)
    protocol.dataReceived(b"*2\r\n$4\r\nPING\r\n$2\r\n10\r\n+OK\r\n")
    assert protocol.seen == [["PING", 10], "OK"]
    assert not transport.aborted


def test_BaseRedisProtocol_serves_as_the_server_of_a_test():
    class Server(redis.BaseRedisProtocol):
        def replyReceived(self, request):
            if request[0] == "GET":
                self.transport.write(self._build_command("*", request[1]))
            else:
                redis.BaseRedisProtocol.replyReceived(self, request)

    server, transport = connected(Server)
    server.dataReceived(command("GET", "key"))
    assert transport.take() == command("*", "key")
    assert server.link.encode_value("x\xfc") == "x\xfc".encode()


def test_connectionMade_that_does_not_chain_leaves_a_connection_that_can_be_used():
    class Program(redis.RedisProtocol):
        def connectionMade(self):
            self.made = True

    protocol, transport = connected(Program)
    d = protocol.get("a")
    assert transport.take() == command("GET", "a")
    protocol.dataReceived(b"$1\r\na\r\n")
    assert fired(d) == "a"


def test_a_plain_factory_serves():
    factory = Factory.forProtocol(redis.RedisProtocol)
    protocol = factory.buildProtocol(None)
    connect(protocol)
    d = protocol.quit()
    protocol.dataReceived(b"+OK\r\n")
    assert fired(d) == "OK"


def test_behind_quit_nothing_is_sent():
    protocol, transport = connected()
    before, done, behind = protocol.get("a"), protocol.quit(), protocol.get("b")
    assert transport.take() == command("GET", "a") + command("QUIT")
    failed(behind, redis.NotSentError)
    protocol.dataReceived(b"$1\r\na\r\n")
    assert not transport.disconnecting
    protocol.dataReceived(b"+OK\r\n")
    assert (fired(before), fired(done)) == ("a", "OK")
    assert transport.disconnecting
    failed(protocol.get("b"), redis.NotSentError)


def test_quit_that_was_not_sent_closes_nothing():
    class Refusing(redis.RedisProtocol):
        def execute_command(self, *args, **kwargs):
            return succeed(None) if args[0] == "QUIT" else super().execute_command(*args, **kwargs)

    protocol, transport = connected(Refusing)
    fired(protocol.quit())
    protocol.get("a")
    assert transport.take() == command("GET", "a")


def test_a_transport_put_in_later_is_written_to():
    protocol, first = connected()
    protocol.transport = second = Transport()
    protocol.get("a")
    assert (first.take(), second.take()) == (b"", command("GET", "a"))


def test_public_classes_are_patchable_python_classes(monkeypatch):
    for cls in (redis.RedisProtocol, redis.BaseRedisProtocol, redis.LineReceiver, redis.ConnectionHandler):
        monkeypatch.setattr(cls, "patched", True, raising=False)
        assert cls.patched
    protocol = redis.RedisProtocol()
    protocol.anything = 1
    assert vars(protocol)["anything"] == 1


def test_while_paused_nothing_is_delivered():
    protocol, _ = connected()
    d = protocol.get("a")
    protocol.pauseProducing()
    protocol.dataReceived(b"$1\r\na\r\n")
    assert pending(d)
    protocol.resumeProducing()
    assert fired(d) == "a"


def test_a_batch_whose_callback_pauses_is_the_last_that_is_delivered():
    protocol, _ = connected()
    batch = protocol.execute_batch([(("GET", key), None, False) for key in "ab"])
    after = protocol.get("c")
    batch.addCallback(lambda replies: protocol.pauseProducing() or replies)
    protocol.dataReceived(b"$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n")
    assert fired(batch) == ["a", "b"]
    assert pending(after)
    protocol.resumeProducing()
    assert fired(after) == "c"


class Declares:
    """A program's mixin, whose attributes have the names of a connection's."""

    transport = None
    charset = "latin-1"
    replyTimeout = None


@pytest.mark.parametrize(
    "cls",
    [
        type("Subclass", (redis.RedisProtocol,), {"transport": None, "charset": "latin-1", "replyTimeout": None}),
        type("Mixed", (Declares, redis.RedisProtocol), {}),
        type("Later", (type("Earlier", (Declares, redis.SubscriberProtocol), {}),), {}),
    ],
)
def test_a_class_attribute_does_not_hide_an_attribute_of_the_connection(cls):
    clock = Clock()
    protocol = cls(charset="utf-8", replyTimeout=3)
    protocol.callLater = clock.callLater
    transport = connect(protocol)
    d = protocol.get("k\xe9")
    assert transport.take() == command("GET", "k\xe9".encode())
    clock.advance(3)
    clock.advance(0)
    failed(d, redis.ReplyTimeoutError)


# -- transactions and pipelines on the object itself


def test_a_transaction_can_be_begun_on_a_protocol_itself():
    protocol, transport = connected()
    begun = protocol.multi()
    assert transport.take() == command("MULTI")
    protocol.dataReceived(b"+OK\r\n")
    assert fired(begun) is protocol
    assert protocol.inTransaction
    queued = protocol.hgetall("h")
    committed = protocol.commit()
    assert protocol.inTransaction is False
    assert transport.take() == command("HGETALL", "h") + command("EXEC")
    protocol.dataReceived(b"+QUEUED\r\n*1\r\n*2\r\n$1\r\nf\r\n$1\r\n1\r\n")
    assert fired(queued) == "QUEUED"
    assert fired(committed) == [{"f": 1}]
    protocol.get("a")
    assert transport.take() == command("GET", "a")
    failed(protocol.commit(), redis.RedisError)


def test_a_pipeline_can_be_begun_on_a_protocol_itself():
    protocol, transport = connected()
    assert fired(protocol.pipeline()) is protocol
    assert protocol.pipelining
    a, b = protocol.get("a"), protocol.get("b")
    assert transport.take() == b""
    done = protocol.execute_pipeline()
    assert not protocol.pipelining
    assert transport.take() == command("GET", "a") + command("GET", "b")
    protocol.dataReceived(b"$1\r\n1\r\n$1\r\n2\r\n")
    assert [fired(done), fired(a), fired(b)] == [[1, 2], 1, 2]
    failed(protocol.execute_pipeline(), redis.RedisError)


# -- batches


def test_a_batch_is_one_write_and_one_list_with_errors_as_values():
    protocol, transport = connected()
    d = protocol.execute_batch(
        [(("GET", "a"), None, False), (("GET", "b"), None, True), (("HGETALL", "h"), dict, False)]
    )
    assert transport.take() == command("GET", "a") + command("GET", "b") + command("HGETALL", "h")
    protocol.dataReceived(b"$1\r\n1\r\n$1\r\n1\r\n")
    assert pending(d)
    protocol.dataReceived(b"-ERR no\r\n")
    one, raw, error = fired(d)
    assert (one, raw) == (1, b"1")
    assert isinstance(error, redis.ResponseError)


def test_a_cancelled_batch_swallows_all_its_replies():
    protocol, _ = connected()
    batch = protocol.execute_batch([(("GET", "a"), None, False)] * 2)
    after = protocol.get("z")
    batch.cancel()
    failed(batch, CancelledError)
    protocol.dataReceived(b"+1\r\n+2\r\n$1\r\nz\r\n")
    assert fired(after) == "z"


def test_a_batch_with_an_argument_that_cannot_be_sent_sends_nothing():
    protocol, transport = connected(charset="ascii")
    failed(
        protocol.execute_batch([(("GET", "a"), None, False), (("GET", "\xfc"), None, False)]),
        redis.InvalidData,
    )
    assert transport.take() == b""
    assert fired(protocol.execute_batch([])) == []


# -- txredisapi's names for the steps of parsing


def test_the_steps_of_parsing_may_be_called_by_their_old_names():
    protocol, _ = connected()
    ds = [protocol.get(name) for name in "abcd"]
    protocol.lineReceived("+OK")
    protocol.rawDataReceived(b"$1\r\n5\r\n")
    protocol.bulkDataReceived(b"1.5")
    protocol.multi_bulk = protocol.multi_bulk.set_pending(2)
    protocol.handleMultiBulkElement("x")
    assert pending(ds[3])
    protocol.handleMultiBulkElement(None)
    assert [fired(d) for d in ds] == ["OK", 5, 1.5, ["x", None]]
    assert protocol.tryConvertData([b"7", "007", 3, b"\xff"]) == [7, 7, 3, b"\xff"]
    protocol.undecodable, protocol.charset = "replace", "ascii"
    assert protocol.tryConvertData([b"7", "007", "\xe9", b"\xff"]) == [7, 7, "\xe9", "\ufffd"]


def test_every_aggregate_of_a_raw_reply_can_be_converted():
    protocol, _ = connected()
    raw = [{b"7": {b"a": [b"1.5", {b"x", b"8"}]}, (b"k", b"9"): None, frozenset({b"4"}): True}, ((b"m", b"3"),), b"x"]
    value = [{7: {"a": [1.5, {"x", 8}]}, ("k", 9): None, frozenset({4}): True}, (("m", 3),), "x"]
    converted = protocol.tryConvertData(raw)
    assert converted == value
    assert [type(each) for each in converted] == [dict, tuple, str]
    protocol.undecodable = "error"
    assert protocol.tryConvertData(raw) == value
    error = protocol.tryConvertData([{b"a\xff": [b"7"]}, b"\xfe"])
    assert isinstance(error, redis.DecodeError)
    assert error.args == ("expected text in utf-8, got b'a\\xff' (2 bytes, at position 1: invalid start byte)",)
    assert error.reply == [{b"a\xff": [7]}, b"\xfe"]
    assert protocol.tryConvertData(b"\xff").reply == b"\xff"
    protocol.charset = "ascii"
    assert protocol.tryConvertData("\xe9") == "\xe9"  # text already


def test_a_reply_deeper_than_the_stack_is_converted():
    protocol = redis.RedisProtocol()
    reply = b"7"
    for _ in range(20_000):
        reply = [reply, b"a"]
    value, depth = protocol.tryConvertData(reply), 0
    while isinstance(value, list):
        assert value[1] == "a"
        value, depth = value[0], depth + 1
    assert (value, depth) == (7, 20_000)
    assert protocol.handle_reply("fine") == "fine"
    with pytest.raises(redis.ResponseError):
        protocol.handle_reply(redis.ResponseError("ERR no"))


def test_what_a_callback_sent_before_garbage_came_is_never_written():
    class Slow(Transport):
        """Reports an abort later, as a real transport does."""

        def abortConnection(self):
            self.aborted = True

    protocol = redis.RedisProtocol()
    transport = connect(protocol, Slow())
    late = []
    protocol.get("a").addCallback(lambda _: late.append(protocol.incr("n")))
    transport.take()
    protocol.dataReceived(b"$1\r\na\r\n?garbage\r\n")
    assert transport.aborted
    assert transport.take() == b""
    lose(protocol)
    failed(late[0], redis.NotSentError)


def test_what_gives_a_connection_up_while_it_is_lost_leaves_its_transport_alone():
    # One over TLS has nothing left to shut down by then, in older Twisted, and says so with an AttributeError.
    protocol, transport = connected()
    lost = protocol.get("a").addErrback(lambda _: protocol.link.abort(redis.ConnectionError("given up")))
    transport.loseConnection()
    assert fired(lost) is None
    assert not transport.aborted


def test_a_subclass_may_look_at_its_attributes_before_it_calls_the_base_class():
    seen = []

    class Early(redis.RedisProtocol):
        def __init__(self):
            seen.append((self.transport, self.charset, self.replyTimeout))
            super().__init__(charset=None, replyTimeout=3)
            seen.append((self.transport, self.charset, self.replyTimeout))

    Early()
    assert seen == [(None, "utf-8", None), (None, None, 3)]


# -- its own transaction


@pytest.mark.parametrize(("end", "reply"), [("commit", b"*1\r\n+OK\r\n"), ("discard", b"+OK\r\n")])
def test_the_next_transaction_may_be_opened_before_the_last_ones_end_is_answered(end, reply):
    protocol, transport = connected()
    protocol.multi()
    transport.protocol.dataReceived(b"+OK\r\n")
    protocol.set("a", 1)
    transport.protocol.dataReceived(b"+QUEUED\r\n")
    getattr(protocol, end)()
    opened = protocol.multi()
    transport.protocol.dataReceived(reply + b"+OK\r\n")
    assert fired(opened) is protocol and protocol.inTransaction
    protocol.set("b", 2)
    transport.protocol.dataReceived(b"+QUEUED\r\n")
    executed = protocol.commit()
    transport.protocol.dataReceived(b"*1\r\n+OK\r\n")
    assert fired(executed) == ["OK"] and not protocol.inTransaction


def test_after_a_transaction_that_was_cancelled_commands_are_sent_behind_its_end():
    protocol, transport = connected()
    opened = protocol.multi()
    opened.cancel()
    failed(opened, CancelledError)
    sent, again = protocol.get("x"), protocol.multi()
    written = transport.take()
    assert written.index(b"DISCARD") < written.index(b"GET") < written.rindex(b"MULTI")
    transport.protocol.dataReceived(b"+OK\r\n+OK\r\n+OK\r\n$1\r\nv\r\n+OK\r\n")
    assert fired(sent) == "v" and fired(again) is protocol


def test_a_command_in_the_errback_of_a_refused_transaction_is_sent():
    protocol, transport = connected()
    sent = protocol.multi().addErrback(lambda _: protocol.get("x"))
    transport.protocol.dataReceived(b"-NOPERM no\r\n")
    transport.protocol.dataReceived(b"-ERR DISCARD without MULTI\r\n+OK\r\n$1\r\nv\r\n")
    assert fired(sent) == "v"
