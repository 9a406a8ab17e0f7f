"""The scripted server does what its script says, over sockets and in memory."""

from __future__ import annotations

import pytest
import pytest_twisted
from testbed.live import bounded, opened
from testbed.scripted import MemoryEndpoint, MemoryLink, Session, answering, listening, parse_commands, settle
from testbed.support import connected, failed, fired, pending
from testbed.ways import Fault
from testbed.wire import bulk, command
from twisted.internet.task import Clock

import txredis_fast as redis
from txredis_fast.client.factory import RedisFactory
from txredis_fast.connection.protocol import RedisProtocol


def test_commands_are_parsed_however_they_are_cut():
    stream = command("SET", "key", b"a\r\nb") + command("PING") + command("GET", "")
    expected = [[b"SET", b"key", b"a\r\nb"], [b"PING"], [b"GET", b""]]
    assert parse_commands(stream) == (expected, b"")
    for at in range(len(stream)):
        first, rest = parse_commands(stream[:at])
        second, rest = parse_commands(rest + stream[at:])
        assert (first + second, rest) == (expected, b"")
    for wrong in (b"PING\r\n", b"*1\r\n:1\r\n", b"*1\r\n$1\r\nabc\r\n"):
        with pytest.raises(ValueError):
            parse_commands(wrong)


def linked(script, **faults):
    """A protocol joined with a script, and their clock."""
    clock = Clock()
    protocol, session = RedisProtocol(), Session(script, clock)
    link = MemoryLink(protocol, session, clock, **faults)
    settle(clock)
    return protocol, session, link, clock


def test_a_script_waits_for_commands_and_for_time(both):
    def script(session):
        first = yield
        session.send(bulk(first[1]))
        yield
        yield 5
        session.send(b":2\r\n")
        yield
        session.close()

    protocol, session, _, clock = linked(script)
    echoed, late, never = protocol.execute_command("ECHO", "hello"), protocol.incr("a"), protocol.incr("b")
    settle(clock)
    assert fired(echoed) == "hello"
    clock.advance(4.9)
    assert pending(late)
    clock.advance(0.2)
    settle(clock)
    assert fired(late) == 2
    failed(never, redis.MaybeExecutedError)
    assert session.lost
    assert session.commands == [[b"ECHO", b"hello"], [b"INCRBY", b"a", b"1"], [b"INCRBY", b"b", b"1"]]
    assert clock.getDelayedCalls() == []


def test_ten_thousand_commands_at_once_are_no_recursion():
    protocol, _, _, clock = linked(answering({"INCRBY": b":1\r\n"}))
    counted = [protocol.incr("a") for _ in range(10_000)]
    settle(clock)
    assert [fired(each) for each in counted] == [1] * 10_000


def test_answers_by_name_and_by_first_argument():
    protocol, _, _, clock = linked(answering({"GET": b"$-1\r\n", "GET a": b"$1\r\nx\r\n", "DEL": b""}))
    given = [protocol.get("a"), protocol.get("b"), protocol.set("c", 1), protocol.ping()]
    silent = protocol.delete("a")
    settle(clock)
    assert [fired(each) for each in given] == ["x", None, "OK", "PONG"]
    assert pending(silent)


def test_what_is_no_command_resets_the_connection():
    protocol, session, _, clock = linked(answering())
    protocol.transport.write(b"GET / HTTP/1.1\r\n")
    settle(clock)
    assert isinstance(session.error, ValueError)
    assert session.lost
    assert not protocol.connected


@pytest.mark.parametrize("delay", [0.0, 0.5])
def test_a_link_in_memory_trickles_in_order(both, delay):
    fault = Fault(delay=delay, trickle=True)
    protocol, session, link, clock = linked(answering({"GET": b"$5\r\nhello\r\n"}), up=fault, down=fault)
    got = [protocol.get("a") for _ in range(3)]
    settle(clock)
    if delay:
        assert pending(got[0])
        clock.pump([0.5] * (len(command("GET", "a")) + len(b"$5\r\nhello\r\n") + 2))
        assert fired(got[0]) == "hello"
        assert pending(got[1])
        clock.pump([0.5] * 100)
        got = got[1:]
    assert [fired(each) for each in got] == ["hello"] * len(got)


def test_a_link_in_memory_is_cut_after_so_many_bytes(both):
    protocol, session, link, clock = linked(answering({"GET": b"$5\r\nhello\r\n"}), down=Fault(cut_after=15))
    got = [protocol.get("a"), protocol.get("b")]
    settle(clock)
    assert fired(got[0]) == "hello"
    failed(got[1], redis.MaybeExecutedError)
    assert session.lost
    assert link.down.passed == 22


def test_a_half_open_link_in_memory(both):
    protocol, session, link, clock = linked(answering(), up=Fault(stop_after=0))
    waiting = protocol.ping()
    clock.advance(1000)
    assert pending(waiting)
    assert session.commands == []
    link.reset()
    failed(waiting, redis.MaybeExecutedError)


def test_garbage_in_a_reply(both):
    protocol, _, link, clock = linked(answering({"GET": b"$5\r\nhello\r\n"}), down=Fault(garbage_after=11))
    got = [protocol.get("a"), protocol.get("b")]
    settle(clock)
    assert fired(got[0]) == "hello"
    failed(got[1], redis.GarbledReplyError)


def test_a_pool_in_memory_comes_back(clock, both):
    endpoint = MemoryEndpoint(lambda: Session(answering({"GET": b"$1\r\nx\r\n"}), clock), clock)
    factory = RedisFactory("memory", None, 2)
    factory.startConnecting(endpoint)
    settle(clock)
    rc = factory.handler
    assert factory.size == 2
    endpoint.refuses = True
    for link in endpoint.alive:
        link.reset()
    waiting = rc.get("a")
    clock.pump([0.5] * 10)
    assert factory.size == 0
    assert endpoint.attempts > 2
    endpoint.refuses = False
    clock.pump([0.5] * 50)
    settle(clock)
    assert fired(waiting) == "x"
    assert factory.size == 2
    done = rc.disconnect()
    settle(clock)
    fired(done)
    assert clock.getDelayedCalls() == []


def test_support_needs_no_link():
    """The plainer fakes of ``support`` stay what fast tests use."""
    protocol, transport = connected()
    got = protocol.get("a")
    protocol.dataReceived(b"+OK\r\n")
    assert fired(got) == "OK"
    assert transport.take() == command("GET", "a")


@pytest_twisted.ensureDeferred
async def test_a_listening_one_runs_a_script_for_each_connection():
    def scripts(number):
        return answering({"GET": b":%d\r\n" % number})

    async with listening(scripts, numbered=True) as server:
        for number in range(3):
            async with opened(redis.Connection(*server.address)) as rc:
                assert await bounded(rc.get("a")) == number
        assert len(server.sessions) == 3
        assert server.commands == [[b"GET", b"a"]] * 3


@pytest_twisted.ensureDeferred
async def test_a_listening_one_resets_and_closes():
    def script(session):
        args = yield
        session.send(b"$1\r\n")
        if args[1] == b"reset":
            session.reset()
        else:
            session.close()

    async with listening(script) as server:
        for how in ("reset", "close"):
            async with opened(redis.Connection(*server.address)) as rc:
                with pytest.raises(redis.MaybeExecutedError):
                    await bounded(rc.get(how))
