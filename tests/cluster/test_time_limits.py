"""What a time limit bounds in a cluster: everything from the call on, the wait for a connection included."""

from __future__ import annotations

import pytest
from testbed.model_cluster import SLOT_A, key
from testbed.scripted import settle
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import deferLater

import txredis_fast as redis
from txredis_fast.cluster.routing import LearnedKeys

LIMIT = 2.0
STEP = 0.01


def _first(failure):
    return getattr(failure.value, "results", [failure.value])[0]


def _command(rc):
    return rc.withTimeout(LIMIT).incr(key(SLOT_A))


def _batch(rc):
    return rc.withTimeout(LIMIT).batch([("INCR", key(SLOT_A))]).addErrback(_first)


def _transaction(rc):
    transaction = rc.multi().result
    transaction.execute_command("INCR", key(SLOT_A), timeout=LIMIT)
    return transaction.commit()


@pytest.mark.parametrize("give", [_command, _batch, _transaction])
def test_the_wait_for_a_connection_is_part_of_it(opened, cluster, clock, monkeypatch, give):
    rc = opened()
    node = cluster.nodes[7001]
    connect = node.endpoint.connect
    monkeypatch.setattr(node.endpoint, "connect", lambda factory: deferLater(clock, 0.3, connect, factory))
    monkeypatch.setattr(node, "_execute", lambda name, args: b"")  # it never answers
    node.endpoint.alive[0].reset()
    settle(clock)
    began, ended = clock.seconds(), []
    give(rc).addBoth(lambda end: ended.append((clock.seconds() - began, getattr(end, "value", end))))
    connected_at = None
    while not ended and clock.seconds() - began < 2 * LIMIT:
        clock.advance(STEP)
        settle(clock)
        if connected_at is None and node.endpoint.alive:
            connected_at = clock.seconds() - began
    [(seconds, error)] = ended
    assert connected_at > 0.25
    assert isinstance(error, redis.ReplyTimeoutError)
    assert seconds == pytest.approx(LIMIT, abs=2 * STEP)


BLOCKING = {
    "command": lambda rc: rc.blpop(key(SLOT_A), 5),
    "for ever": lambda rc: rc.blpop(key(SLOT_A), 0),
    "batch": lambda rc: rc.batch([("BLPOP", key(SLOT_A), 5)]).addErrback(_first),
}


@pytest.mark.parametrize("refusal", [b"-CLUSTERDOWN The cluster is down\r\n", b"-READONLY no\r\n", None])
@pytest.mark.parametrize("give", BLOCKING.values(), ids=BLOCKING)
def test_what_may_block_is_refused_no_longer_than_other_commands(opened, cluster, clock, give, refusal):
    rc = opened(poolTimeout=3)
    for node in cluster.nodes.values():
        node.refusing = refusal
        if refusal is None:  # it refuses connections
            node.endpoint.connect = lambda factory: fail(ConnectionRefusedError())
            for link in list(node.endpoint.alive):
                link.reset()
    settle(clock)
    began, ended = clock.seconds(), []
    give(rc).addBoth(lambda end: ended.append(getattr(end, "value", end)))
    while not ended and clock.seconds() - began < 10:
        clock.advance(0.05)
        settle(clock)
    [error] = ended
    assert isinstance(error, redis.NotSentError if refusal is None else redis.ResponseError)
    assert clock.seconds() - began < 8


@pytest.mark.parametrize(
    "give",
    [
        lambda rc: rc.withTimeout(LIMIT).execute_command("MYMODULE.GET", "a"),
        lambda rc: rc.batch([("MYMODULE.GET", "a")], timeout=LIMIT).addErrback(_first),
    ],
    ids=["command", "batch"],
)
def test_the_question_where_the_keys_of_a_command_are_is_part_of_it(opened, cluster, clock, give):
    rc = opened()
    for node in cluster.nodes.values():
        node.silent = True
    began, ended = clock.seconds(), []
    give(rc).addBoth(lambda end: ended.append((clock.seconds() - began, getattr(end, "value", end))))
    while not ended and clock.seconds() - began < 5 * LIMIT:
        clock.advance(0.05)
        settle(clock)
    [(seconds, error)] = ended
    assert isinstance(error, redis.ReplyTimeoutError | redis.NotSentError)
    assert seconds == pytest.approx(LIMIT, abs=0.2)


def test_both_questions_have_the_limit_together(clock):
    asked = []

    def ask(*args, timeout, **options):
        asked.append((args[1], timeout, Deferred()))
        return asked[-1][2]

    found = LearnedKeys(ask, "utf-8").ask_slot(("MYMODULE.GET", "a"), 2.0)
    clock.advance(1.5)
    asked[0][2].callback([[b"mymodule.get", -2, [b"movablekeys"], 0, 0, 0]])
    assert [each[:2] for each in asked] == [("INFO", 2.0), ("GETKEYS", 0.5)]
    asked[1][2].callback([b"a"])
    assert found.result == redis.key_slot("a")
