"""Pipelines and batches of a cluster, over nodes in memory."""

from __future__ import annotations

import random

import pytest
from testbed.model_cluster import SLOT_A, SLOT_B, SLOT_C, array, bulk, key, result, writes
from testbed.scripted import settle
from testbed.slots import slot_of
from twisted.internet.defer import CancelledError

import txredis_fast as redis
from txredis_fast import exceptions
from txredis_fast.cluster.opening import open_cluster
from txredis_fast.options import ClusterOptions


def test_each_node_gets_its_commands_in_one_write_and_replies_come_in_order(rc, cluster, clock, monkeypatch):
    keys = [f"key{number}" for number in range(100)]
    written = writes(monkeypatch)
    replies = result(rc.batch([("SET", each, each) for each in keys] + [("GET", each) for each in keys]), clock)
    assert replies == ["OK"] * 100 + keys
    assert len(written) == 3 and sum(written) == 200
    assert len(cluster.executed) == 200
    assert all(cluster.owners[slot_of(args[1])] == port for port, args in cluster.executed)


def test_a_pipeline_has_all_commands_and_converts_each_reply_once(rc, cluster, clock):
    pipe = result(rc.pipeline(), clock)
    counted = pipe.exists(key(SLOT_A, "x"))
    raw = pipe.execute_command("GET", key(SLOT_B, "x"), raw=True)
    numbers = []
    pipe.execute_command("INCR", key(SLOT_C, "x"), post_proc=lambda value: numbers.append(value) or value * 10)
    cluster.owner_of(key(SLOT_B)).keys[key(SLOT_B, "x").encode()] = b"\xff7"
    assert result(pipe.execute_pipeline(), clock) == [0, b"\xff7", 10]
    assert (result(counted, clock), result(raw, clock), numbers) == (0, b"\xff7", [1])
    assert not pipe.pipelining


def test_a_moved_slot_costs_no_error_and_no_command_is_executed_twice(rc, cluster, clock):
    cluster.begin_move(SLOT_A, 7003)
    cluster.finish_move(SLOT_A)
    commands = [("APPEND", key(SLOT_A), letter) for letter in "abcdef"] + [("INCR", key(SLOT_B))] * 3
    assert result(rc.batch(commands), clock) == [1, 2, 3, 4, 5, 6, 1, 2, 3]
    assert cluster.values() == {key(SLOT_A).encode(): b"abcdef", key(SLOT_B).encode(): b"3"}
    assert rc._members.owners[SLOT_A] == ("127.0.0.1", 7003)


def test_asking_stands_before_each_command_that_was_asked_for_and_in_one_write(rc, cluster, clock):
    there = key(SLOT_A, "there")
    assert result(rc.set(there, "1"), clock) == "OK"
    cluster.begin_move(SLOT_A, 7002)
    new = key(SLOT_A, "new")
    replies = result(rc.batch([("APPEND", new, "a"), ("GET", there), ("APPEND", new, "b"), ("INCR", there)]), clock)
    assert replies == [1, 1, 2, 2]
    words = [args[0] for args in cluster.nodes[7002].writes[-1] if args[0] != b"PING"]
    assert words[-4:] == [b"ASKING", b"APPEND", b"ASKING", b"APPEND"]
    assert cluster.values()[new.encode()] == b"ab"


def test_commands_given_before_the_topology_is_known_go_to_all_nodes_in_order(cluster, clock):
    rc = open_cluster([("127.0.0.1", 7001)], ClusterOptions(topologyInterval=0, healthCheckInterval=0)).handler
    letters = [("APPEND", key(slot), letter) for letter in "abc" for slot in (SLOT_A, SLOT_B, SLOT_C)]
    sent = rc.batch(letters)
    for _ in range(20):
        clock.advance(0.05)
    assert result(sent, clock) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert set(cluster.values().values()) == {b"abc"}
    assert rc._members.counts["MOVED"] == 0
    rc.disconnect()
    clock.advance(5)


def test_a_silent_node_does_not_hold_the_redirected_commands_of_others(opened, cluster, clock):
    rc = opened(replyTimeout=2)
    cluster.begin_move(SLOT_A, 7003)
    cluster.finish_move(SLOT_A)
    cluster.nodes[7002].silent = True
    commands = [("APPEND", key(SLOT_A), "a"), ("INCR", key(SLOT_B)), ("APPEND", key(SLOT_A), "b")]
    sent = rc.batch(commands, raise_on_error=False)
    settle(clock)
    assert cluster.values() == {key(SLOT_A).encode(): b"ab"}
    assert not sent.called
    for _ in range(30):
        clock.advance(0.1)
    first, late, last = result(sent, clock)
    assert (first, last) == (1, 2) and isinstance(late, redis.ReplyTimeoutError)
    assert len(cluster.executed) == 2


def test_a_silent_node_does_not_hold_the_redirected_keys_of_others(opened, cluster, clock):
    rc = opened(replyTimeout=2)
    for slot in (SLOT_A, SLOT_C):
        result(rc.set(key(slot), slot), clock)
    cluster.begin_move(SLOT_A, 7003)
    cluster.finish_move(SLOT_A)
    cluster.nodes[7002].silent = True
    cluster.executed.clear()
    sent = rc.mget([key(SLOT_A), key(SLOT_B), key(SLOT_C)])
    settle(clock)
    assert [args[1:] for _, args in cluster.executed] == [[key(SLOT_C).encode()], [key(SLOT_A).encode()]]
    assert not sent.called
    for _ in range(30):
        clock.advance(0.1)
    assert isinstance(result(sent, clock), redis.ReplyTimeoutError)


def test_a_command_that_has_to_wait_keeps_the_later_ones_of_its_slot_behind_it(rc, cluster, clock):
    # The slot is served by nobody, and then by another node: the first command must not be overtaken.
    cluster.owners[SLOT_A] = None
    sent = rc.batch([("APPEND", key(SLOT_A), letter) for letter in "abc"] + [("INCR", key(SLOT_C))])
    settle(clock)
    assert not sent.called
    assert [args for port, args in cluster.executed] == [[b"INCR", key(SLOT_C).encode()]]
    cluster.owners[SLOT_A] = 7002
    clock.advance(0.5)
    assert result(sent, clock) == [1, 2, 3, 1]
    assert cluster.values()[key(SLOT_A).encode()] == b"abc"


def test_keys_on_two_nodes_wait_until_they_are_on_one(rc, cluster, clock):
    one, two = key(SLOT_A, 1), key(SLOT_A, 2)
    assert result(rc.batch([("SET", one, "1"), ("SET", two, "2")]), clock) == ["OK", "OK"]
    cluster.begin_move(SLOT_A, 7002)
    cluster.migrate(SLOT_A, 1)
    sent = rc.batch([("MGET", one, two)])
    settle(clock)
    assert not sent.called
    cluster.migrate(SLOT_A, 1)
    clock.advance(0.1)
    assert result(sent, clock) == [[1, 2]]


@pytest.mark.promise(
    "A cluster's pipelines keep the order of each slot through redirections, and nothing of them is executed twice"
)
def test_a_later_command_does_not_overtake_one_of_its_slot_that_waits(rc, cluster, clock):
    one, two = key(SLOT_A, 1), key(SLOT_A, 2)
    assert result(rc.batch([("SET", one, "1"), ("SET", two, "2")]), clock) == ["OK", "OK"]
    cluster.begin_move(SLOT_A, 7002)
    cluster.migrate(SLOT_A, 1)
    # The first waits, because its keys are on two nodes; the second could be executed at once, by the other node.
    sent = rc.batch([("MSET", one, "x", two, "y"), ("APPEND", one, "z")])
    clock.advance(0.1)
    assert not sent.called
    cluster.migrate(SLOT_A, 1)
    clock.advance(1)
    assert result(sent, clock) == ["OK", 2]
    assert cluster.values()[one.encode()] == b"xz"


def test_a_node_that_names_itself_is_asked_again_later(rc, cluster, clock):
    cluster.nodes[7001].refusing = b"-MOVED %d 127.0.0.1:7001\r\n" % SLOT_A
    sent = rc.batch([("INCR", key(SLOT_A))])
    clock.advance(0.2)
    assert not sent.called
    cluster.nodes[7001].refusing = None
    clock.advance(0.5)
    assert result(sent, clock) == [1]


def test_what_is_waited_for_ends_with_the_pool_timeout_and_says_what_was_tried(opened, cluster, clock):
    rc = opened(poolTimeout=3)
    cluster.owners[SLOT_A] = None
    sent = rc.batch([("GET", key(SLOT_A)), ("INCR", key(SLOT_B))], raise_on_error=False)
    for _ in range(40):
        settle(clock)
        clock.advance(0.1)
    error, counted = result(sent, clock)
    assert counted == 1
    assert isinstance(error, exceptions.ClusterDownError)
    assert "after 3" in str(error) and "attempts, last node 127.0.0.1:7001" in str(error)


def test_redirections_have_a_bound(opened, cluster, clock):
    rc = opened(maxRedirections=4)
    circle = {7001: 7002, 7002: 7003, 7003: 7001}
    for node in cluster.nodes.values():
        node.refusing = b"-MOVED %d 127.0.0.1:%d\r\n" % (SLOT_A, circle[node.port])
    [error] = result(rc.batch([("GET", key(SLOT_A))], raise_on_error=False), clock)
    assert isinstance(error, exceptions.MovedError) and "after 5 redirections" in str(error)
    assert not cluster.executed


@pytest.mark.promise(
    "A node that is lost fails its own commands of a cluster's pipeline only",
    "The error has the replies to all others.",
    about="Cluster",
)
def test_a_lost_node_fails_its_own_commands_only(rc, cluster, clock):
    cluster.nodes[7002].breaks_after = 1
    commands = [("INCR", key(slot)) for slot in (SLOT_A, SLOT_B, SLOT_B, SLOT_C)]
    replies = result(rc.batch(commands, raise_on_error=False), clock)
    assert replies[0] == replies[3] == 1
    assert all(isinstance(each, redis.MaybeExecutedError) for each in replies[1:3])
    assert len([args for _, args in cluster.executed if args[0] == b"INCR"]) == 3  # one was, one was not


def test_a_lost_node_fails_the_pipeline_and_the_error_has_all_replies(rc, cluster, clock):
    cluster.nodes[7002].breaks_after = 0
    pipe = result(rc.pipeline(), clock)
    first, lost = pipe.incr(key(SLOT_A)), pipe.incr(key(SLOT_B)).addErrback(lambda failure: failure.value)
    error = result(pipe.execute_pipeline(), clock)
    assert isinstance(error, redis.PipelineLostError)
    assert error.results[0] == 1 and error.index == 1
    assert result(first, clock) == 1
    assert isinstance(result(lost, clock), redis.MaybeExecutedError)


def test_an_error_reply_fails_the_pipeline_as_on_one_server(rc, cluster, clock):
    cluster.answers["BROKEN"] = b"-ERR no\r\n"
    error = result(rc.batch([("INCR", key(SLOT_A)), ("BROKEN",), ("INCR", key(SLOT_B))]), clock)
    assert isinstance(error, redis.PipelineError)
    assert (error.index, error.results[0], error.results[2]) == (1, 1, 1)


def test_nothing_sent_is_not_sent(rc, clock):
    rc.disconnect()
    assert isinstance(result(rc.batch([("GET", "a")], raise_on_error=False), clock), redis.NotSentError)


@pytest.mark.parametrize("commands", [[("INCR", key(SLOT_A))], [("INCR", key(SLOT_A)), ("MGET", "a", "b"), ("TIME",)]])
def test_where_no_node_is_reached_the_batch_fails(opened, cluster, clock, commands):
    rc = opened(poolTimeout=1)
    for node in cluster.nodes.values():
        node.endpoint.refuses = True
        node.breaks_after = 0
    result(rc.on_masters.dbsize(), clock)
    sent = rc.batch(commands, raise_on_error=False)
    for _ in range(30):
        clock.advance(0.1)
    assert isinstance(result(sent, clock), redis.NotSentError)


def test_disconnecting_fails_what_waits(rc, cluster, clock):
    cluster.owners[SLOT_A] = None
    sent = rc.batch([("GET", key(SLOT_A)), ("INCR", key(SLOT_B))], raise_on_error=False)
    settle(clock)
    rc.disconnect()
    error, counted = result(sent, clock)
    assert isinstance(error, redis.NotSentError) and counted == 1


def test_cancelling_cancels_at_all_nodes(rc, cluster, clock):
    cluster.nodes[7002].silent = True
    cluster.owners[SLOT_A] = None
    sent = rc.batch([("INCR", key(slot)) for slot in (SLOT_A, SLOT_B, SLOT_C)])
    settle(clock)
    sent.cancel()
    assert isinstance(result(sent, clock), CancelledError)
    cluster.owners[SLOT_A] = 7001
    clock.advance(1)
    settle(clock)
    assert [args for _, args in cluster.executed] == [[b"INCR", key(SLOT_C).encode()]]


def test_the_time_limit_is_that_of_all_attempts(rc, cluster, clock):
    cluster.nodes[7002].silent = True
    cluster.owners[SLOT_A] = None
    sent = rc.batch([("GET", key(slot)) for slot in (SLOT_A, SLOT_B, SLOT_C)], raise_on_error=False, timeout=1)
    for _ in range(12):
        settle(clock)
        clock.advance(0.1)
    down, silent, value = result(sent, clock)
    assert isinstance(down, exceptions.ClusterDownError)
    assert isinstance(silent, redis.ReplyTimeoutError)
    assert value is None


def test_a_full_queue_of_one_node_fails_its_commands_only(opened, cluster, clock):
    rc = opened(maxInFlight=2, poolTimeout=1)
    cluster.nodes[7002].silent = True
    waiting = [rc.get(key(SLOT_B, number)) for number in range(2)]
    settle(clock)
    sent = rc.batch([("INCR", key(SLOT_A)), ("INCR", key(SLOT_B))], raise_on_error=False)
    for _ in range(30):
        settle(clock)
        clock.advance(0.1)
    counted, error = result(sent, clock)
    assert counted == 1
    assert isinstance(error, redis.NotSentError)
    for each in waiting:
        each.addErrback(lambda _: None)


def test_an_argument_that_cannot_be_sent_sends_nothing(rc, cluster, clock):
    error = result(rc.batch([("SET", key(SLOT_A), "1"), ("SET", key(SLOT_B), "\ud800")]), clock)
    assert isinstance(error, redis.InvalidData)
    assert not cluster.executed


@pytest.mark.promise("A command with keys of several slots is refused before anything is sent")
def test_keys_of_two_slots_send_nothing(rc, cluster, clock):
    error = result(rc.batch([("INCR", key(SLOT_A)), ("RENAME", key(SLOT_A), key(SLOT_B))]), clock)
    assert isinstance(error, exceptions.CrossSlotError)
    assert key(SLOT_B) in str(error)
    assert not cluster.executed


@pytest.mark.parametrize("command", [("SELECT", 1), ("AUTH", "x"), ("WATCH", "k"), ("MULTI",), ("SCAN", 0)])
def test_what_no_shared_connection_may_carry_sends_nothing(rc, cluster, clock, command):
    error = result(rc.batch([("INCR", key(SLOT_A)), command]), clock)
    assert isinstance(error, redis.RedisError)
    assert not cluster.executed


def test_no_commands_are_no_replies(rc, clock):
    assert result(rc.batch([]), clock) == []


def test_commands_without_keys_go_to_one_master_together(rc, cluster, clock):
    cluster.answers["TIME"] = array([bulk(b"1"), bulk(b"2")])
    assert result(rc.batch([("TIME",)] * 5), clock) == [[1, 2]] * 5
    assert len({port for port, _ in cluster.executed}) == 1


# -- transactions inside


def test_a_transaction_inside_is_one_write_to_one_node(rc, cluster, clock):
    pipe = result(rc.pipeline(), clock)
    pipe.incr(key(SLOT_B))
    pipe.multi()
    pipe.incr(key(SLOT_A))
    pipe.execute_command("GET", key(SLOT_A), post_proc=lambda value: [value])
    pipe.commit()
    pipe.incr(key(SLOT_A))
    assert result(pipe.execute_pipeline(), clock) == [1, "OK", "QUEUED", "QUEUED", [1, [1]], 2]


@pytest.mark.parametrize("state", ["moved", "asking", "late"])
def test_a_transaction_inside_is_sent_again_whole(rc, cluster, clock, state):
    cluster.begin_move(SLOT_A, 7002)
    if state == "moved":
        cluster.finish_move(SLOT_A)
    commands = [("MULTI",), ("INCR", key(SLOT_A, 1)), ("INCR", key(SLOT_A, 1)), ("EXEC",), ("INCR", key(SLOT_A, 1))]
    if state == "late":  # as Valkey 9.1 does, where EXEC itself is answered with ASK
        node = cluster.nodes[7001]
        redirection = node._redirection
        node._redirection = lambda name, args, asking: (
            None if name == "INCR" and not node.queued_only.pop(0) else redirection(name, args, asking)
        )
        node.queued_only = [False, False, True, True, True]
    assert result(rc.batch(commands), clock) == ["OK", "QUEUED", "QUEUED", [1, 2], 3]
    assert cluster.values() == {key(SLOT_A, 1).encode(): b"3"}


def test_a_transaction_over_two_slots_sends_nothing(rc, cluster, clock):
    commands = [("INCR", key(SLOT_C)), ("MULTI",), ("INCR", key(SLOT_A)), ("INCR", key(SLOT_B)), ("EXEC",)]
    error = result(rc.batch(commands), clock)
    assert isinstance(error, exceptions.CrossSlotError)
    assert not cluster.executed


def test_a_transaction_whose_keys_are_on_two_nodes_waits(rc, cluster, clock):
    one, two = key(SLOT_A, 1), key(SLOT_A, 2)
    assert result(rc.batch([("SET", one, "1"), ("SET", two, "2")]), clock) == ["OK", "OK"]
    cluster.begin_move(SLOT_A, 7002)
    cluster.migrate(SLOT_A, 1)
    sent = rc.batch([("MULTI",), ("INCR", one), ("INCR", two), ("EXEC",)])
    clock.advance(0.1)
    assert not sent.called
    cluster.finish_move(SLOT_A)
    clock.advance(1)
    assert result(sent, clock) == ["OK", "QUEUED", "QUEUED", [2, 3]]


def test_a_refused_transaction_is_not_sent_again(rc, cluster, clock):
    cluster.answers["SET"] = None
    commands = [("MULTI",), ("INCR", key(SLOT_A)), ("RENAME", key(SLOT_A)), ("EXEC",)]
    cluster.nodes[7001].refusing = b"-ERR wrong number of arguments\r\n"
    begun, *refused = result(rc.batch(commands, raise_on_error=False), clock)
    assert begun == "OK" and all(isinstance(each, redis.ResponseError) for each in refused)
    assert not cluster.executed


# -- moves while pipelines run


@pytest.mark.promise(
    "A cluster's pipelines keep the order of each slot through redirections, and nothing of them is executed twice",
    "All nodes get their commands at the same time; what a node refuses is sent again, and nothing else.",
    about="Cluster",
)
@pytest.mark.parametrize("seed", range(30))
def test_moves_during_pipelines_cost_no_order_and_double_nothing(rc, cluster, clock, seed):
    chance = random.Random(seed)
    slots = [SLOT_A, SLOT_A + 1, SLOT_B, SLOT_C]
    expected = {}
    waiting = []
    letters = iter(range(100000))

    def move():
        slot = chance.choice(slots)
        if slot in cluster.moving:
            if chance.random() < 0.5:
                cluster.migrate(slot, 1)
            else:
                cluster.finish_move(slot)
        elif cluster.owners[slot] is not None:
            cluster.begin_move(slot, chance.choice([port for port in cluster.nodes if port != cluster.owners[slot]]))

    for _ in range(40):
        commands = []
        for _ in range(chance.randrange(1, 12)):
            name = key(chance.choice(slots), chance.randrange(3))
            text = f"{next(letters)},"
            expected.setdefault(name, []).append(text)
            if chance.random() < 0.2:
                commands += [("MULTI",), ("APPEND", name, text), ("EXEC",)]
            else:
                commands.append(("APPEND", name, text))
        sent = rc.batch(commands, raise_on_error=False)
        waiting.append(sent)
        for _ in range(chance.randrange(4)):
            move()
            clock.advance(0)
        while not sent.called:  # one at a time: order is promised within a pipeline
            if chance.random() < 0.3:
                move()
            clock.advance(0.01)
    for sent in waiting:
        assert not [each for each in result(sent, clock) if isinstance(each, Exception)]
    for name, texts in expected.items():
        assert cluster.values()[name.encode()].decode() == "".join(texts)
    assert cluster.executed and rc._members.counts["MOVED"]


@pytest.mark.promise("No command is executed twice in a cluster, whatever fails")
@pytest.mark.parametrize("seed", range(20))
def test_losses_and_refusals_during_pipelines_double_nothing(opened, cluster, clock, seed):
    rc = opened(poolTimeout=2, retry=None)
    chance = random.Random(seed)
    slots = [SLOT_A, SLOT_A + 1, SLOT_B, SLOT_C]
    given = []
    for number in range(60):
        texts = [(key(chance.choice(slots), chance.randrange(3)), f"{number}.{each},") for each in range(8)]
        sent = rc.batch([("APPEND", name, text) for name, text in texts], raise_on_error=False)
        node = chance.choice([*cluster.nodes.values()])
        what = chance.randrange(5)
        if what == 0:
            node.breaks_after = chance.randrange(6)
        elif what == 1:
            node.refusing = chance.choice(
                (b"-LOADING Redis is loading the dataset in memory\r\n", b"-CLUSTERDOWN The cluster is down\r\n")
            )
        elif what == 2:
            node.endpoint.refuses = True
            node.breaks_after = 0
        while not sent.called:
            clock.advance(0.05)
            if chance.random() < 0.2:
                node.breaks_after, node.refusing, node.endpoint.refuses = None, None, False
        node.breaks_after, node.refusing, node.endpoint.refuses = None, None, False
        replies = sent.result
        if not isinstance(replies, list):
            replies = [replies.value] * len(texts)
            sent.addErrback(lambda _: None)
        given += zip(texts, replies, strict=True)
    times = {}
    for _, args in cluster.executed:
        if args[0] == b"APPEND":
            times[args[2].decode()] = times.get(args[2].decode(), 0) + 1
    assert max(times.values()) == 1
    kinds = set()
    for (_, text), reply in given:
        kinds.add(type(reply))
        if isinstance(reply, int):
            assert times.get(text) == 1
        elif not isinstance(reply, redis.MaybeExecutedError):
            assert text not in times
    assert int in kinds and redis.MaybeExecutedError in {kind for each in kinds for kind in each.__mro__}
