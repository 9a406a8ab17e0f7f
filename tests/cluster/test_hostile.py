"""Redirections that are nonsense, converters that raise what a server might send, calls after the end."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from testbed.model_cluster import SLOT_A, SLOT_B, SLOT_C, key, result
from testbed.scripted import settle
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

import txredis_fast as redis
from txredis_fast import exceptions
from txredis_fast.cluster.opening import open_cluster
from txredis_fast.options import ClusterOptions


def ended(deferred, clock, seconds=30):
    """The value of a Deferred, or its exception, which it must have within so many seconds."""
    found = []
    deferred.addBoth(found.append)
    for _ in range(seconds * 10):
        clock.advance(0.1)
        settle(clock)
    assert found, "still waiting"
    return getattr(found[0], "value", found[0])


@pytest.fixture
def caught_events():
    events = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)


def count(cluster, name):
    return sum(args[0] == name for _, args in cluster.executed)


def commit(rc, clock):
    transaction = result(rc.multi(), clock)
    assert result(transaction.incr(key(SLOT_A)), clock) == "QUEUED"
    return transaction.commit()


def pipelined(rc, clock, convert, *more):
    pipe = result(rc.pipeline(), clock)
    for deferred in (pipe.execute_command("INCR", key(SLOT_A), post_proc=convert), *(each(pipe) for each in more)):
        deferred.addErrback(lambda _: None)
    return pipe.execute_pipeline()


WAYS = {
    "alone": lambda rc, clock: rc.incr(key(SLOT_A)),
    "in time": lambda rc, clock: rc.withTimeout(5).incr(key(SLOT_A)),
    "batch": lambda rc, clock: rc.batch([("INCR", key(SLOT_A)), ("INCR", key(SLOT_B))], raise_on_error=False),
    "transaction": commit,
    "watch": lambda rc, clock: rc.watch(key(SLOT_A)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "text",
    [
        b"MOVED",
        b"MOVED 10",
        b"MOVED 10 127.0.0.1:0",
        b"MOVED 10 127.0.0.1:-1",
        b"MOVED 10 127.0.0.1:99999",
        b"MOVED 99999 127.0.0.1:7002",
        b"MOVED x 127.0.0.1:7002",
        b"MOVED 10 a b:7002",
        b"MOVED 10 \xff\xfe:7002",
        b"MOVED 10 ..:7002",
        b"MOVED 10 \x00:7002",
        b"MOVED 10 " + b"x" * 400 + b":7002",
        b"ASK 10 127.0.0.1:99999",
        b"ASK 10 ?:7002",
        b"ASK 10 :7002",
    ],
)
def test_a_redirection_that_is_nonsense_ends_and_spoils_nothing(rc, cluster, clock, text, way):
    cluster.nodes[7001].refusing = b"-%s\r\n" % text
    ended(WAYS[way](rc, clock), clock)
    assert count(cluster, b"INCR") <= (1 if way == "batch" else 0)
    cluster.nodes[7001].refusing = None
    assert ended(rc.set(key(SLOT_A, "other"), 1), clock) == "OK"


def test_a_moved_to_a_slot_that_does_not_exist_leaves_a_command_of_unknown_keys_alive(rc, cluster, clock):
    cluster.answers["COMMAND"] = b"*1\r\n*-1\r\n"
    cluster.answers["NEW.COMMAND"] = b"-MOVED 99999 127.0.0.1:7002\r\n"
    replies = ended(rc.batch([("NEW.COMMAND", "x")], raise_on_error=False), clock)
    assert type(replies[0]) is exceptions.MovedError


RAISED = [
    exceptions.LoadingError("LOADING x"),
    exceptions.MovedError("MOVED 10 127.0.0.1:7002"),
    exceptions.AskError("ASK 10 127.0.0.1:7002"),
    exceptions.NotSentError("no"),
    exceptions.TryAgainError("TRYAGAIN x"),
]


@pytest.mark.parametrize("way", ["alone", "in time", "blocking", "asking", "pipeline", "long pipeline"])
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_what_a_converter_raises_is_no_refusal(rc, cluster, clock, error, way):
    def convert(value):
        raise error

    if way == "asking":
        cluster.begin_move(SLOT_A, 7002)
    if way == "pipeline":
        sent = pipelined(rc, clock, convert)
    elif way == "long pipeline":
        sent = pipelined(rc, clock, convert, lambda pipe: pipe.exists(key(SLOT_A), key(SLOT_B)))
    else:
        options = {"in time": {"timeout": 5}, "blocking": {"blocking": True}}.get(way, {})
        sent = rc.execute_command("INCR", key(SLOT_A), post_proc=convert, **options)
    failed = ended(sent, clock)
    assert getattr(failed, "results", [failed])[0] is error
    assert count(cluster, b"INCR") == 1


@pytest.mark.parametrize("way", ["alone", "in time", "batch"])
@pytest.mark.parametrize(
    "text",
    [
        "MOVED the item",
        "ASK me",
        "TRYAGAIN later",
        "LOADING of mine",
        "READONLY mine",
        "CLUSTERDOWN mine",
        "MASTERDOWN mine",
        "UNBLOCKED, said the instance state changed",
        "UNBLOCKED instance state changed",
    ],
)
def test_what_a_script_answers_is_no_refusal(rc, cluster, clock, text, way):
    cluster.answers["EVAL"] = b"-%s\r\n" % text.encode()
    args = "EVAL", "script", 1, key(SLOT_A)
    if way == "batch":
        [error] = ended(rc.batch([args], raise_on_error=False), clock)
    else:
        error = ended(rc.execute_command(*args, **({"timeout": 5} if way == "in time" else {})), clock)
    assert isinstance(error, exceptions.ResponseError) and str(error).startswith(text)
    assert count(cluster, b"EVAL") == 1


@pytest.mark.parametrize("refusal", [b"-LOADING Redis is loading the dataset in memory\r\n", b"-BUSY a script\r\n"])
def test_a_policy_does_not_repeat_what_was_executed_in_part(opened, cluster, clock, refusal):
    rc = opened(retry=redis.RetryPolicy(attempts=3, refused=True), poolTimeout=1)
    cluster.nodes[7002].refusing = refusal
    error = ended(rc.mset({key(SLOT_A): 1, key(SLOT_B): 2}), clock)
    assert type(error) is exceptions.MaybeExecutedError and "executed in part" in str(error)
    assert count(cluster, b"MSET") == 1


def test_what_all_nodes_have_refused_is_told_as_the_refusal(opened, cluster, clock):
    rc = opened(poolTimeout=1)
    for node in cluster.nodes.values():
        node.refusing = b"-LOADING Redis is loading the dataset in memory\r\n"
    error = ended(rc.mset({key(SLOT_A): 1, key(SLOT_B): 2}), clock)
    assert type(error) is exceptions.LoadingError


def test_a_closed_handler_tells_its_nodes_and_itself(opened, cluster, clock):
    cluster.add_replica(7004, 7001)  # never connected to
    rc = opened()
    ended(rc.disconnect(), clock, 2)
    assert repr(rc) == "<Redis Cluster: 3 masters, 0 replicas>"
    assert [node.port for node in rc.nodes()] == [7001, 7002, 7003]
    with pytest.raises(ValueError, match="no node of this cluster"):
        rc.on("127.0.0.1:7009")
    assert isinstance(ended(rc.on_all.dbsize(), clock, 2), dict)
    assert isinstance(rc.disconnect(), Deferred)


REFUSED = b"-NOPERM User worker has no permissions to run the 'cluster|slots' command\r\n"


def test_a_user_who_may_not_ask_for_the_topology_works_by_moved_alone(cluster, clock, monkeypatch, caught_events):
    monkeypatch.setattr(cluster, "slots", lambda: REFUSED)
    # What any node may be asked, the first one is: it does not serve what is asked for by chance.
    monkeypatch.setattr("txredis_fast.cluster.members.random", SimpleNamespace(choice=lambda nodes: nodes[0]))
    options = ClusterOptions(topologyInterval=0, healthCheckInterval=0, poolTimeout=3)
    rc = ended(open_cluster([("127.0.0.1", 7001)], options).connecting(), clock)
    keys = [key(slot) for slot in (SLOT_A, SLOT_B, SLOT_C)]
    for each in keys:
        assert ended(rc.set(each, each), clock, 2) == "OK"
    assert [port for port, _ in cluster.executed] == [7001, 7002, 7003]
    moved = rc._members.counts["MOVED"]
    assert moved == 2
    assert ended(rc.mget(keys), clock, 2) == keys
    assert ended(rc.batch([("GET", each) for each in keys]), clock, 2) == keys
    assert ended(rc.execute_command("MODULE.GET", keys[1]), clock, 2) == keys[1]
    assert rc.node_for(keys[1]).port == 7002
    with pytest.raises(exceptions.NoSlotError):
        rc.node_for(key(9000))
    assert ended(rc.ping(), clock, 2) == "PONG"
    transaction = result(rc.multi(), clock)
    transaction.incr(key(9000))
    assert ended(transaction.commit(), clock, 2) == [1]
    assert rc._members.counts["MOVED"] >= moved + 1
    # The owner of a slot is lost, and another one has it: the nodes that are left name it.
    cluster.begin_move(SLOT_B, 7003)
    cluster.finish_move(SLOT_B)
    cluster.nodes[7002].breaks_after = 0
    assert type(ended(rc.get(key(9000)), clock, 4)) is exceptions.MaybeExecutedError
    assert ended(rc.append(keys[1], "!"), clock, 4) == len(keys[1]) + 1
    # What is about all masters cannot be known.
    assert type(ended(rc.dbsize(), clock, 5)) is exceptions.NoSlotError
    told = [event for event in caught_events if "may not ask" in (event.get("log_format") or "")]
    assert len(told) == 1
    ended(rc.disconnect(timeout=0.1), clock, 2)


def test_what_is_no_cluster_is_not_opened(cluster, clock, monkeypatch):
    monkeypatch.setattr(cluster, "slots", lambda: b"-ERR This instance has cluster support disabled\r\n")
    error = ended(open_cluster([("127.0.0.1", 7001)], ClusterOptions()).connecting(), clock)
    assert type(error) is exceptions.ConnectionFailedError and "support disabled" in str(error)
