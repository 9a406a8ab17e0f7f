"""What a program sees of its cluster: statistics, events, and hooks that are told of its own commands only."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest
from testbed.model_cluster import SLOT_A, SLOT_B, SLOT_C, key, result
from testbed.scripted import settle
from testbed.slots import slot_of
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

import txredis_fast as redis
from txredis_fast import exceptions
from txredis_fast.telemetry import ClusterStats, Stats, events, outage

pytestmark = [
    pytest.mark.usefixtures("both"),
    pytest.mark.promise(
        "In a cluster, hooks are told of each command of the program once, whatever redirections it meets",
        "They are not told of topology requests, nor of single attempts. Statistics are the sums of all nodes'; nodes "
        "that have left are kept. An outage of one node, and a cluster that refuses commands, have one line each.",
        about="Observability",
    ),
]


class Seen:
    """A hook that keeps what it is told."""

    def __init__(self) -> None:
        self.started: list[redis.CommandInfo] = []
        self.ended: list[tuple[redis.CommandInfo, BaseException | None]] = []

    def command_started(self, command: redis.CommandInfo) -> Any:
        self.started.append(command)
        return command

    def command_ended(self, token: Any, error: BaseException | None) -> None:
        self.ended.append((token, error))

    def take(self) -> list[tuple[Any, ...]]:
        """Name, port, slot, redirections and kind of outcome of each command."""
        assert [info for info, _ in self.ended] == self.started
        ended, self.ended, self.started = self.ended, [], []
        return [
            (info.name, info.server[1], info.slot, info.redirections, type(error).__name__ if error else "OK")
            for info, error in ended
        ]


@pytest.fixture
def log(monkeypatch):
    """Every event of the package's log that is no detail, and redirections and topologies."""
    monkeypatch.setattr(outage, "_groups", {})
    seen: list[dict[str, Any]] = []

    def observe(event: Any) -> None:
        if event.get("log_namespace") == events.NAMESPACE:
            assert bool(formatEvent(event)) is (event["log_level"] > LogLevel.debug)
            seen.append(event)

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


def named(log, *names):
    return [event for event in log if event["redis_event"] in names]


@pytest.fixture
def hook():
    return Seen()


@pytest.fixture
def told(opened, hook):
    """A handler with a hook."""
    rc = opened(hooks=[hook])
    assert hook.started == []  # of no question of the package's own
    return rc


# -- statistics


def test_sums_of_statistics_keep_what_belongs_to_a_cluster():
    plain = Stats(commands=2, errors={"ERR": 1}, connections=1, poolsize=3)
    one = ClusterStats(commands=5, errors={"ERR": 2, "MOVED": 1}, moved=1, nodes=3, refreshes=4, connections=2)
    for total in (plain + one, one + plain):
        assert type(total) is ClusterStats
        assert (total.commands, total.moved, total.nodes, total.refreshes) == (7, 1, 3, 4)
        assert total.errors == {"ERR": 3, "MOVED": 1}
    assert type(plain + plain) is Stats
    assert (one + one).as_dict()["moved"] == 2
    assert (plain + one) + one == plain + (one + one)
    assert pickle.loads(pickle.dumps(one)) == one
    assert one.totals() == dataclasses.replace(one, nodes=0, connections=0)
    assert plain.totals() == dataclasses.replace(plain, poolsize=0, connections=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.moved = 2
    with pytest.raises(TypeError):
        one + 1


def test_a_clusters_statistics_are_the_nodes_and_its_own(rc, cluster, clock):
    before = rc.stats()
    assert (before.moved, before.asked, before.tried_again, before.nodes) == (0, 0, 0, 3)
    assert before.connections == before.poolsize == 3
    cluster.begin_move(SLOT_A, 7003)
    assert result(rc.set(key(SLOT_A), "1"), clock) == "OK"  # ASK
    cluster.finish_move(SLOT_A)
    assert result(rc.get(key(SLOT_A)), clock) == 1  # MOVED
    clock.advance(1)
    settle(clock)
    after = rc.stats()
    assert (after.moved, after.asked) == (1, 1)
    assert after.refreshes > before.refreshes
    assert after.errors == {"ASK": 1, "MOVED": 1}
    assert after.commands - before.commands >= 4  # each attempt, and ASKING


def test_of_nodes_that_have_left_only_the_totals_stay(rc, cluster, clock):
    for each in (SLOT_A, SLOT_B, SLOT_C):
        result(rc.set(key(each), "1"), clock)
    before = rc.stats()
    cluster.owners = [7001 if port == 7003 else port for port in cluster.owners]
    refreshed = rc.refresh()
    for _ in range(30):
        clock.advance(0.1)
        settle(clock)
    result(refreshed, clock)
    after = rc.stats()
    assert (after.connections, after.poolsize, after.nodes, after.in_flight) == (2, 2, 2, 0)
    assert after.commands >= before.commands
    assert after.connections_made == 3


# -- hooks


def test_a_command_is_told_once_with_its_slot_and_its_first_server(told, hook, clock):
    assert result(told.set(key(SLOT_B), "1"), clock) == "OK"
    assert result(told.get(key(SLOT_B)), clock) == 1
    assert hook.take() == [("SET", 7002, SLOT_B, 0, "OK"), ("GET", 7002, SLOT_B, 0, "OK")]


def test_redirections_are_counted_and_not_told_as_commands(told, hook, cluster, clock):
    cluster.begin_move(SLOT_A, 7003)
    result(told.set(key(SLOT_A), "1"), clock)
    cluster.finish_move(SLOT_A)
    result(told.get(key(SLOT_A)), clock)
    result(told.get(key(SLOT_A)), clock)
    assert hook.take() == [
        ("SET", 7001, SLOT_A, 1, "OK"),
        ("GET", 7001, SLOT_A, 1, "OK"),
        ("GET", 7003, SLOT_A, 0, "OK"),
    ]


def test_redirections_are_no_part_of_equality(told, hook, cluster, clock):
    cluster.begin_move(SLOT_A, 7003)
    got = told.get(key(SLOT_A))
    kept = {hook.started[0]: "kept"}
    result(got, clock)
    assert hook.started[0].redirections == 1
    assert kept[hook.started[0]] == "kept"


def test_commands_of_several_slots_and_of_all_nodes_are_told_as_given(told, hook, clock):
    keys = [key(SLOT_A), key(SLOT_B), key(SLOT_C)]
    result(told.mset(dict.fromkeys(keys, "1")), clock)
    result(told.mget(keys), clock)
    result(told.dbsize(), clock)
    assert [(info.arguments, info.commands) for info in hook.started] == [(6, 1), (3, 1), (0, 1)]
    assert hook.take() == [
        ("MSET", None, None, 0, "OK"),
        ("MGET", None, None, 0, "OK"),
        ("DBSIZE", None, None, 0, "OK"),
    ]


def test_pipelines_batches_and_transactions_are_told_as_one(told, hook, cluster, clock):
    cluster.begin_move(SLOT_A, 7003)
    cluster.finish_move(SLOT_A)
    result(told.batch([("SET", key(SLOT_A), "1"), ("SET", key(SLOT_B), "1")]), clock)
    result(told.batch([("GET", key(SLOT_B)), ("GET", key(SLOT_B))]), clock)
    transaction = result(told.multi(), clock)
    result(transaction.set(key(SLOT_B), "2"), clock)
    result(transaction.get(key(SLOT_B)), clock)
    assert result(transaction.commit(), clock) == ["OK", 2]
    assert [(info.arguments, info.commands) for info in hook.started] == [(4, 2), (2, 2), (3, 2)]
    assert hook.take() == [
        ("PIPELINE", None, None, 1, "OK"),
        ("PIPELINE", 7002, SLOT_B, 0, "OK"),
        ("MULTI", 7002, SLOT_B, 0, "OK"),
    ]


def test_what_a_node_is_told_itself_is_told_to_hooks(told, hook, clock):
    node = told.node_for(key(SLOT_C))
    result(node.set(key(SLOT_C), "1"), clock)
    result(node.batch([("GET", key(SLOT_C))]), clock)
    result(told.on_masters.ping(), clock)
    assert hook.take() == [
        ("SET", 7003, None, 0, "OK"),
        ("PIPELINE", 7003, None, 0, "OK"),
        *[("PING", port, None, 0, "OK") for port in (7001, 7002, 7003)],
    ]


def test_errors_are_told_without_secrets(opened, hook, cluster, clock):
    rc = opened(hooks=[hook], password="s3cret-word")
    hook.started.clear()
    hook.ended.clear()
    cluster.nodes[7001].refusing = b"-ERR you said s3cret-word\r\n"
    assert isinstance(result(rc.get(key(SLOT_A)), clock), redis.ResponseError)
    assert isinstance(result(rc.rename(key(SLOT_A), key(SLOT_B)), clock), exceptions.CrossSlotError)
    [(info, error)] = hook.ended  # what is refused before it is sent is not told
    assert info.name == "GET"
    assert "s3cret" not in str(error)


def test_slow_commands_are_told_with_all_their_attempts(opened, cluster, clock, log):
    rc = opened(slowCommandThreshold=0.5)
    cluster.nodes[7001].refusing = b"-LOADING Redis is loading the dataset in memory\r\n"
    got = rc.get(key(SLOT_A))
    for _ in range(20):
        clock.advance(0.1)
        settle(clock)
    cluster.nodes[7001].refusing = None
    for _ in range(20):
        clock.advance(0.1)
        settle(clock)
    assert result(got, clock) is None
    [slow] = named(log, "slow_command")
    assert (slow["command"], slow["server"]) == ("GET", "127.0.0.1:7001")
    assert slow["seconds"] >= 2


def test_what_raises_while_it_is_sent_has_ended(told, hook, clock, monkeypatch):
    def refuse(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(told.node_for(key(SLOT_A)).pool.pool[0], "execute_command", refuse)
    assert isinstance(result(told.get(key(SLOT_A)), clock), MemoryError)
    assert hook.take() == [("GET", 7001, SLOT_A, 0, "MemoryError")]


def test_a_cancelled_command_has_ended(told, hook, clock):
    got = told.get(key(SLOT_A))
    got.cancel()
    assert "Cancelled" in type(result(got, clock)).__name__
    assert hook.take() == [("GET", 7001, SLOT_A, 0, "CancelledError")]


def test_a_transaction_with_watch_is_told_command_by_command(told, hook, cluster, clock):
    transaction = result(told.watch(key(SLOT_A)), clock)
    result(transaction.get(key(SLOT_A)), clock)
    result(transaction.multi(), clock)
    result(transaction.set(key(SLOT_A), "1"), clock)
    result(transaction.commit(), clock)
    names = [info.name for info in hook.started]
    assert names == ["WATCH", "GET", "MULTI", "SET", "EXEC"]
    assert [info for info, _ in hook.ended] == hook.started


def test_without_hooks_the_compiled_way_stays_open_and_with_hooks_it_is_closed(opened, hook):
    assert opened().pools is not None
    assert opened(hooks=[hook]).pools is None


# -- events


def test_redirections_and_topologies_are_details(rc, cluster, clock, log):
    cluster.begin_move(SLOT_A, 7003)
    cluster.finish_move(SLOT_A)
    result(rc.get(key(SLOT_A)), clock)
    clock.advance(1)
    settle(clock)
    [redirected] = named(log, "redirected")
    facts = ("server", "code", "slot", "target", "log_level")
    assert [redirected[name] for name in facts] == [
        "127.0.0.1:7001", "MOVED", slot_of(key(SLOT_A)), "127.0.0.1:7003", LogLevel.debug,
    ]  # fmt: skip
    changed = named(log, "topology_changed")[-1]
    assert [changed[name] for name in ("server", "masters", "replicas", "moved_slots", "log_level")] == [
        "cluster 127.0.0.1:7001", 3, 0, 1, LogLevel.debug,
    ]  # fmt: skip
    assert all(event["log_level"] == LogLevel.debug for event in log)


def test_a_cluster_that_is_down_is_told_once_and_so_is_its_end(rc, cluster, clock, log):
    down = b"-CLUSTERDOWN The cluster is down\r\n"
    for node in cluster.nodes.values():
        node.refusing = down
    got = [rc.get(key(slot)) for slot in (SLOT_A, SLOT_B, SLOT_C) for _ in range(5)]
    for _ in range(50):
        clock.advance(0.1)
        settle(clock)
    assert [event["redis_event"] for event in log if event["log_level"] > LogLevel.debug] == ["cluster_down"]
    assert named(log, "cluster_down")[0]["reason"] == "CLUSTERDOWN The cluster is down"
    for node in cluster.nodes.values():
        node.refusing = None
    for _ in range(50):
        clock.advance(0.1)
        settle(clock)
    assert [result(each, clock) for each in got] == [None] * 15
    [up] = named(log, "cluster_up")
    assert up["log_level"] == LogLevel.info
    assert 4 < up["seconds"] < 6
    assert len(named(log, "cluster_down")) == 1
    assert rc.stats().tried_again > 15
