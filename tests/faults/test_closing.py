"""``disconnect()``: what is in flight is finished within a bound, and nothing is ever left unfired."""

from __future__ import annotations

import pytest
from testbed.memory import Memory
from testbed.scripted import MemoryEndpoint, Session, answering, settle
from testbed.support import failed, fired, pending
from testbed.ways import Fault
from twisted.internet.defer import Deferred

import txredis_fast as redis

pytestmark = pytest.mark.promise(
    "``disconnect()`` finishes the commands in flight within ``disconnectTimeout`` seconds and then "
    "closes the connections",
    "Later commands fail with ``NotSentError``. The Deferred of every pending command (waiting, connecting, "
    "in flight, blocking, in a transaction, a pipeline or a batch) fires.",
    about="Connections",
)

ANSWERS = {"GET": b"$1\r\nv\r\n", "SET": b"+OK\r\n", "MULTI": b"+OK\r\n", "CLIENT": b":7\r\n", "BLPOP": b""}


def slowly(seconds, answers=ANSWERS):
    """A script that answers each command after a while, in order."""

    def script(session):
        while True:
            args = yield
            yield seconds
            session.send(answers.get(args[0].decode(), b"+OK\r\n"))

    return script


def silent(session):
    while True:
        yield


class Closing(Memory):
    def is_over(self):
        settle(self.clock)
        assert self.clock.getDelayedCalls() == []
        assert self.endpoint.alive == [] and self.factory.pool == []


def test_disconnect_fires_with_None(both, clock):
    for size in (1, 3):
        memory = Closing(clock, silent, size)
        for _ in range(2):
            done = memory.rc.disconnect()
            settle(clock)
            assert fired(done) is None


def test_what_is_in_flight_is_answered_before_the_connections_are_closed(both, clock):
    memory = Closing(clock, slowly(1), 3)
    held = [memory.rc.get("a"), memory.rc.batch([("GET", "b"), ("SET", "c", 1)])]
    settle(clock)
    done = memory.rc.disconnect()
    settle(clock)
    assert len(memory.endpoint.alive) == 1  # those with nothing to do are closed at once
    memory.let_pass(10)
    assert [fired(d) for d in held] == ["v", ["v", "OK"]]
    fired(done)
    memory.is_over()


def test_commands_given_after_it_fail_while_others_are_finished(both, clock):
    memory = Closing(clock, slowly(2))
    follow_ups = []
    first = memory.rc.get("a").addCallback(lambda value: follow_ups.append(memory.rc.get("c")) or value)
    settle(clock)
    connection = memory.factory.pool[0]
    done = memory.rc.disconnect()
    for late in (memory.rc.get("b"), memory.rc.multi(), memory.rc.batch([("GET", "b")]), memory.rc.blpop("q")):
        assert str(failed(late, redis.NotSentError)) == "Not connected"
    assert str(failed(connection.get("b"), redis.NotSentError)) == "Not connected"
    memory.let_pass(3)
    assert fired(first) == "v"
    assert str(failed(follow_ups[0], redis.NotSentError)) == "Not connected"
    fired(done)
    memory.is_over()
    assert memory.endpoint.links[0].server.protocol.commands == [[b"GET", b"a"]]


@pytest.mark.parametrize("bound", [0, 1.5, None])
def test_a_server_that_does_not_answer_is_waited_for_within_the_bound(both, clock, bound):
    memory = Closing(clock, silent)
    d = memory.rc.get("a")
    settle(clock)
    done = memory.rc.disconnect(timeout=bound)
    over = []
    done.addCallback(over.append)
    limit = memory.factory.disconnectTimeout if bound is None else bound
    if limit:
        memory.let_pass(limit - 0.25)
        assert pending(d) and not over
        memory.let_pass(0.25)
    settle(clock)
    failed(d, redis.MaybeExecutedError)
    assert over
    memory.is_over()


def test_the_bound_is_an_option(both, clock):
    memory = Closing(clock, silent, disconnectTimeout=1)
    d = memory.rc.get("a")
    settle(clock)
    memory.rc.disconnect()
    memory.let_pass(1)
    failed(d, redis.MaybeExecutedError)
    memory.is_over()
    with pytest.raises(ValueError, match="disconnectTimeout"):
        redis.ConnectionOptions(disconnectTimeout=-1)


def test_asking_again_may_shorten_the_bound(both, clock):
    memory = Closing(clock, silent)
    d = memory.rc.get("a")
    settle(clock)
    memory.rc.disconnect()
    done = memory.rc.disconnect(timeout=0)
    settle(clock)
    failed(d, redis.MaybeExecutedError)
    fired(done)
    memory.is_over()


def test_blocking_commands_are_not_waited_for(both, clock):
    memory = Closing(clock, answering(ANSWERS))
    blocked = memory.rc.blpop("q")
    settle(clock)
    done = memory.rc.disconnect()
    settle(clock)
    failed(blocked, redis.MaybeExecutedError)
    fired(done)
    memory.is_over()


def everything(memory):
    """One Deferred of each kind that may be pending, by name."""
    rc = memory.rc
    kinds = {
        "in flight": rc.get("a"),
        "batch": rc.batch([("GET", "a"), ("GET", "b")]),
        "blocking": rc.blpop("q"),
        "multi": rc.multi(),
        "watch": rc.watch("k"),
        "transact": rc.transact(lambda t: t.set("a", 1)),
        "select": rc.select(3),
        "waiting": rc.multi(),
    }

    async def pipelined():
        async with rc.pipelined() as pipeline:
            pipeline.get("a")
            pipeline.set("b", 1)

    kinds["pipeline"] = Deferred.fromCoroutine(pipelined())
    return kinds


@pytest.mark.parametrize("when", ["connecting", "handshaking", "retrying", "up", "silent", "half-open"])
def test_nothing_is_left_unfired(both, clock, when):
    script = silent if when in ("handshaking", "silent", "half-open") else answering(ANSWERS)
    memory = Closing(clock, script, 2, dbid=1 if when == "handshaking" else None)
    if when == "retrying":
        memory.endpoint.refuses = True
        for link in memory.endpoint.alive:
            link.reset()
        memory.let_pass(3)
    kinds = everything(memory)
    outcomes = {}
    for name, deferred in kinds.items():
        deferred.addBoth(lambda outcome, name=name: outcomes.__setitem__(name, outcome))
    if when != "connecting":
        settle(clock)
    if when == "half-open":
        for link in memory.endpoint.alive:
            link.down.fault = link.up.fault = Fault(stop_after=0)
    done = memory.rc.disconnect()
    memory.let_pass(6)
    fired(done)
    assert set(outcomes) == set(kinds)
    memory.is_over()


def test_nothing_is_left_unfired_when_it_is_asked_before_the_first_turn(both, clock):
    factory = redis.RedisFactory("memory", None, 2, True)
    endpoint = MemoryEndpoint(lambda: Session(answering(), clock), clock)
    factory.startConnecting(endpoint)
    d = factory.handler.get("a")
    done = factory.handler.disconnect()
    settle(clock)
    assert str(failed(d, redis.NotSentError)) == "Not connected"
    fired(done)
    assert clock.getDelayedCalls() == []


# -- a peer that is gone: a close in order, which TLS and what is not yet written wait for, comes to no end


def never_close(memory):
    for link in memory.endpoint.alive:
        link.client.reactor = memory.clock
        link.client.loseConnection = lambda: None


def test_an_idle_connection_for_blocking_commands_that_does_not_close_is_aborted(both, clock):
    memory = Closing(clock, answering({**ANSWERS, "BLPOP": b"*2\r\n$1\r\nq\r\n$1\r\nv\r\n"}), 1)
    popped = memory.rc.blpop("q", 1)
    settle(clock)
    assert fired(popped) == ["q", "v"]
    never_close(memory)
    done = memory.rc.disconnect()
    memory.let_pass(6)
    fired(done)
    memory.is_over()


def test_one_that_its_time_is_over_for_is_aborted_too(both, clock):
    memory = Closing(clock, answering({**ANSWERS, "BLPOP": b"*2\r\n$1\r\nq\r\n$1\r\nv\r\n"}), 1)
    fired_with = memory.rc.blpop("q", 1)
    settle(clock)
    fired(fired_with)
    assert len(memory.endpoint.alive) == 2
    never_close(memory)
    memory.let_pass(memory.factory.blockingIdleTime + 6)
    assert len(memory.endpoint.alive) == 1


def test_a_connection_with_a_command_in_flight_that_is_not_waited_for_is_aborted(both, clock):
    memory = Closing(clock, silent, 1)
    value = memory.rc.get("a")
    settle(clock)
    never_close(memory)
    done = memory.rc.disconnect(timeout=0)
    memory.let_pass(6)
    fired(done)
    failed(value, redis.MaybeExecutedError)
    memory.is_over()


def test_a_connection_whose_handshake_was_refused_is_aborted_and_made_anew(both, clock):
    memory = Closing(clock, slowly(1, {"SELECT": b"-ERR no\r\n"}), 1, dbid=1)
    never_close(memory)
    (first,) = memory.endpoint.alive
    memory.let_pass(7)
    assert first.client.aborted
    memory.let_pass(memory.factory.maxDelay)
    assert len(memory.endpoint.links) > 1


def test_a_connection_that_was_quit_is_aborted(both, clock):
    memory = Closing(clock, answering({**ANSWERS, "QUIT": b"+OK\r\n"}), 1)
    never_close(memory)
    (first,) = memory.endpoint.alive
    done = memory.rc.quit()
    memory.let_pass(6)
    assert fired(done) == "OK"
    assert first.client.aborted
