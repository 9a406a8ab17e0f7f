"""Commands of several slots, of all masters and of all nodes; the views of nodes."""

from __future__ import annotations

import asyncio

import pytest
from testbed.model_cluster import SLOT_A, SLOT_B, SLOT_C, array, bulk, key, result, writes
from testbed.slots import key_in, slot_of

import txredis_fast as redis
from txredis_fast import exceptions
from txredis_fast.cluster.many.spread import _REACHES, reach_of, slot_of_cursor, split_by_slot
from txredis_fast.commands._parts.facts import command_facts, known_commands

KEYS = [f"key{number}" for number in range(50)]

#: Commands about all data or servers that ask one node nevertheless; the module says why.
OF_ONE_NODE = {
    "CLUSTERSCAN",
    "COMMANDLOG GET",
    "FUNCTION STATS",
    "INFO",
    "LATENCY DOCTOR",
    "LATENCY GRAPH",
    "LATENCY HISTOGRAM",
    "LATENCY HISTORY",
    "LATENCY LATEST",
    "MEMORY DOCTOR",
    "MEMORY MALLOC-STATS",
    "MEMORY STATS",
    "PING",
    "SCAN",
    "SLOWLOG GET",
}


def test_the_policies_are_those_of_the_servers():
    told = {
        name: facts.request_policy == "all_nodes"
        for name in known_commands()
        if (facts := command_facts(name)).request_policy not in ("", "multi_shard") and name not in OF_ONE_NODE
    }
    assert {name: reach.replicas for name, reach in _REACHES.items()} == told
    for name, reach in _REACHES.items():
        policy = command_facts(name).response_policy
        joins = {
            "agg_sum": "sum",
            "agg_min": "_least",
            "agg_logical_and": "_least",
            "all_succeeded": "_first",
            "one_succeeded": "_first_success",
            "": "_concatenated",
            "special": "_any_key",
        }
        assert reach.join.__name__ == joins[policy], name


@pytest.mark.parametrize("name", ["dbsize", b"DBSIZE", "DbSize"])
def test_a_name_may_be_written_in_any_way(rc, cluster, clock, name):
    result(rc.mset(dict.fromkeys(KEYS, 1)), clock)
    assert result(rc.execute_command(name), clock) == 50


def test_keys_of_all_slots_are_one_write_to_each_node(rc, cluster, clock, monkeypatch):
    written = writes(monkeypatch)
    assert result(rc.mset({each: f"v{each}" for each in KEYS}), clock) == "OK"
    assert len(written) == 3
    assert result(rc.mget([*KEYS, "none", KEYS[0]]), clock) == [*(f"v{each}" for each in KEYS), None, f"v{KEYS[0]}"]
    assert len(written) == 6
    for args in (args for _, args in cluster.executed if args[0] in (b"MGET", b"MSET")):
        assert len({slot_of(each) for each in args[1 :: 1 if args[0] == b"MGET" else 2]}) == 1
    assert result(rc.exists(*KEYS), clock) == 50
    assert result(rc.touch(*KEYS), clock) == 50
    assert result(rc.unlink(*KEYS[:10]), clock) == 10
    assert result(rc.delete(KEYS), clock) == 40
    assert cluster.values() == {}


def test_they_are_read_from_replicas_and_from_masters_where_these_fail(opened, cluster, clock):
    for master in (7001, 7002, 7003):
        cluster.add_replica(master + 10, master)
    rc = opened(readFrom="replica")
    result(rc.mset(dict.fromkeys(KEYS, 1)), clock)
    for replica in rc.replicas():
        replica.pool.start()
    cluster.executed.clear()
    assert result(rc.mget(KEYS), clock) == [1] * 50
    assert {port for port, args in cluster.executed if args[0] == b"MGET"} == {7011, 7012, 7013}
    cluster.executed.clear()
    cluster.nodes[7012].refusing = b"-MASTERDOWN Link with MASTER is down\r\n"
    assert result(rc.mget(KEYS), clock) == [1] * 50  # without a pause: the clock stands still
    assert {port for port, args in cluster.executed if args[0] == b"MGET"} == {7011, 7002, 7013}
    cluster.executed.clear()
    assert result(rc.delete(KEYS), clock) == 50
    assert {port for port, args in cluster.executed if args[0] == b"DEL"} == {7001, 7002, 7003}


def test_keys_of_one_slot_are_one_command(rc, cluster, clock):
    assert result(rc.mget([key(SLOT_A, number) for number in range(5)]), clock) == [None] * 5
    assert len(cluster.executed) == 1


def test_views_hold_for_the_parts(rc, cluster, clock):
    result(rc.mset({each: number for number, each in enumerate(KEYS)}), clock)
    assert result(rc.raw.mget(KEYS), clock) == [b"%d" % number for number in range(50)]
    assert result(rc.withTimeout(5).mget(KEYS), clock) == list(range(50))
    assert result(rc.retrying.mget(KEYS), clock) == list(range(50))
    assert result(rc.execute_command("MGET", *KEYS, post_proc=sum), clock) == sum(range(50))


def test_inside_a_pipeline_they_are_one_command(rc, cluster, clock):
    pipe = result(rc.pipeline(), clock)
    pipe.mset({each: number for number, each in enumerate(KEYS)})
    values, size = pipe.mget(KEYS), pipe.dbsize()
    pipe.execute_command("DEL", *KEYS, post_proc=lambda count: -count)
    assert result(pipe.execute_pipeline(), clock) == ["OK", list(range(50)), 50, -50]
    assert (result(values, clock), result(size, clock)) == (list(range(50)), 50)


def test_a_moved_slot_costs_no_error(rc, cluster, clock):
    result(rc.mset({each: number for number, each in enumerate(KEYS)}), clock)
    for number, name in enumerate(KEYS[:12]):
        slot = slot_of(name)
        other = next(port for port in cluster.nodes if port != cluster.owners[slot])
        cluster.begin_move(slot, other)
        if number % 3 == 0:
            cluster.finish_move(slot)
        elif number % 3 == 1:
            cluster.migrate(slot)
    assert result(rc.mget(KEYS), clock) == list(range(50))


def test_the_first_error_is_the_error_when_all_parts_have_ended(rc, cluster, clock):
    cluster.nodes[7002].refusing = b"-NOPERM no\r\n"
    error = result(rc.mset({key(SLOT_A): 1, key(SLOT_B): 2, key(SLOT_C): 3}), clock)
    assert isinstance(error, redis.NoPermissionError)
    assert sorted(cluster.values()) == sorted([key(SLOT_A).encode(), key(SLOT_C).encode()])


def test_a_part_that_was_not_sent_is_a_command_that_may_have_been_executed(opened, cluster, clock):
    rc = opened(poolTimeout=1)
    node = cluster.nodes[7002]
    node.endpoint.refuses = True
    node.breaks_after = 0
    result(rc.batch([("GET", key(SLOT_B))], raise_on_error=False), clock)
    sent = rc.mset({key(SLOT_A): 1, key(SLOT_B): 2})
    for _ in range(30):
        clock.advance(0.1)
    error = result(sent, clock)
    assert isinstance(error, redis.MaybeExecutedError)
    assert "in part" in str(error)


@pytest.mark.parametrize("first", [SLOT_A, SLOT_B])
def test_a_part_that_was_refused_is_a_command_that_may_have_been_executed(opened, cluster, clock, first):
    rc = opened(poolTimeout=1)
    cluster.nodes[7002].refusing = b"-CLUSTERDOWN The cluster is down\r\n"
    sent = rc.mset({key(first): 1, key(SLOT_A if first == SLOT_B else SLOT_B): 2})
    for _ in range(30):
        clock.advance(0.1)
    error = result(sent, clock)
    assert list(cluster.values()) == [key(SLOT_A).encode()]
    assert isinstance(error, redis.MaybeExecutedError)
    assert isinstance(error.__cause__, redis.ClusterDownError)
    assert str(error).startswith("The command was executed in part, because a node has refused it: CLUSTERDOWN")


def test_a_command_whose_parts_were_all_refused_fails_with_the_refusal(opened, cluster, clock):
    rc = opened(poolTimeout=1)
    for node in cluster.nodes.values():
        node.refusing = b"-CLUSTERDOWN The cluster is down\r\n"
    sent = rc.mset({key(SLOT_A): 1, key(SLOT_B): 2})
    for _ in range(30):
        clock.advance(0.1)
    assert isinstance(result(sent, clock), redis.ClusterDownError)


def test_cancelling_cancels_all_parts(rc, cluster, clock):
    cluster.nodes[7002].silent = True
    for sent in (rc.mget(KEYS), rc.dbsize(), rc.batch([("DBSIZE",)])):
        sent.cancel()
        assert type(result(sent, clock)).__name__ == "CancelledError"


def test_a_value_that_is_missing_sends_nothing(rc, cluster, clock):
    error = result(rc.batch([("GET", "a"), ("MSET", "a", 1, "b")]), clock)
    assert isinstance(error, redis.InvalidData)
    assert not cluster.executed


def test_msetex_is_split_only_without_a_condition():
    args = ("MSETEX", 3, key(SLOT_A), 1, key(SLOT_B), 2, key(SLOT_A, 2), 3, "EX", 10)
    spread = split_by_slot("MSETEX", args, "utf-8")
    assert spread.parts == {
        SLOT_A: ("MSETEX", 2, key(SLOT_A), 1, key(SLOT_A, 2), 3, "EX", 10),
        SLOT_B: ("MSETEX", 1, key(SLOT_B), 2, "EX", 10),
    }
    assert spread.join([1, 0]) == 0
    for condition in ("NX", "xx"):
        assert split_by_slot("MSETEX", (*args, condition), "utf-8") is None
    assert split_by_slot("MSETEX", ("MSETEX", "many", "a", "b"), "utf-8") is None
    assert split_by_slot("MSETEX", ("MSETEX", 2, key_in(1), 1, key_in(1, "b"), 2), "utf-8") is None


# -- policies


def test_sums_lists_and_minima(rc, cluster, clock):
    result(rc.mset(dict.fromkeys(KEYS, 1)), clock)
    cluster.answers["KEYS"] = lambda node, args: array([bulk(each) for each in node.keys])
    cluster.answers["WAIT"] = lambda node, args: b":%d\r\n" % (node.port - 7000)
    cluster.answers["WAITAOF"] = lambda node, args: b"*2\r\n:1\r\n:%d\r\n" % (7003 - node.port)
    cluster.answers["SCRIPT"] = lambda node, args: b"*2\r\n:1\r\n:%d\r\n" % (node.port != 7002)
    assert result(rc.dbsize(), clock) == 50
    assert sorted(result(rc.keys("*"), clock)) == sorted(KEYS)
    assert result(rc.wait(1, 10), clock) == 1
    assert result(rc.waitaof(1, 1, 10), clock) == [1, 0]
    assert result(rc.execute_command("SCRIPT", "EXISTS", "a", "b"), clock) == [1, 0]
    assert result(rc.flushall(), clock) == "OK"
    assert {port for port, args in cluster.executed if args[0] == b"FLUSHALL"} == {7001, 7002, 7003}


def test_the_time_limit_holds_for_all_masters(rc, cluster, clock):
    cluster.nodes[7002].silent = True
    sent = [rc.withTimeout(1).dbsize(), rc.withTimeout(1).mget(KEYS), rc.batch([("DBSIZE",)], timeout=1)]
    for _ in range(12):
        clock.advance(0.1)
    for each in sent:
        assert isinstance(result(each, clock), redis.MaybeExecutedError)


def test_a_random_key_is_of_a_master_that_has_one(rc, cluster, clock):
    cluster.answers["RANDOMKEY"] = lambda node, args: bulk(next(iter(node.keys), None))
    assert result(rc.randomkey(), clock) is None
    cluster.nodes[7002].keys[b"only"] = b"1"
    assert result(rc.randomkey(), clock) == "only"


def test_one_success_is_enough_where_the_policy_says_so(rc, cluster, clock):
    cluster.answers["SCRIPT"] = lambda node, args: b"+OK\r\n" if node.port == 7002 else b"-NOTBUSY no script\r\n"
    assert result(rc.execute_command("SCRIPT", "KILL"), clock) == "OK"
    cluster.answers["SCRIPT"] = lambda node, args: (
        b"-UNKILLABLE no\r\n" if node.port == 7002 else b"-NOTBUSY no script\r\n"
    )
    assert result(rc.execute_command("SCRIPT", "KILL"), clock).code == "UNKILLABLE"
    cluster.answers["SCRIPT"] = b"-NOTBUSY no script\r\n"
    assert result(rc.execute_command("SCRIPT", "KILL"), clock).code == "NOTBUSY"


def test_one_error_fails_all_where_the_policy_says_so(rc, cluster, clock):
    cluster.answers["CONFIG"] = lambda node, args: b"+OK\r\n" if node.port != 7003 else b"-ERR unknown option\r\n"
    assert isinstance(result(rc.config_set("a", "b"), clock), redis.ResponseError)
    assert len(cluster.executed) == 3


def test_all_masters_are_asked_before_the_topology_is_known_too(cluster, clock, monkeypatch):
    from txredis_fast.cluster.opening import open_cluster
    from txredis_fast.options import ClusterOptions

    rc = open_cluster([("127.0.0.1", 7001)], ClusterOptions(topologyInterval=0, healthCheckInterval=0)).handler
    outside, inside = rc.flushall(), rc.batch([("FLUSHALL",)])
    for _ in range(20):
        clock.advance(0.05)
    assert (result(outside, clock), result(inside, clock)) == ("OK", ["OK"])
    asked = [port for port, args in cluster.executed if args[0] == b"FLUSHALL"]
    assert sorted(asked) == [7001, 7001, 7002, 7002, 7003, 7003]
    rc.disconnect()
    clock.advance(5)


@pytest.mark.parametrize("name", ["PING", "PUBLISH", "INFO", "TIME"])
def test_other_commands_without_keys_ask_one_master(rc, cluster, clock, name):
    assert result(rc.execute_command(name, "x", "y"), clock) in ("OK", "PONG")
    assert len(cluster.executed) <= 1


def test_scan_is_refused_with_what_to_use(rc, cluster, clock):
    error = result(rc.scan(0), clock)
    assert isinstance(error, redis.RedisError) and "scan_iter" in str(error)
    assert not cluster.executed


def test_a_cursor_of_clusterscan_says_its_slot():
    assert slot_of_cursor(("CLUSTERSCAN", "0")) == slot_of_cursor(("CLUSTERSCAN", b"0")) == 0
    assert slot_of_cursor(("CLUSTERSCAN", 0, "COUNT", 10, "SLOT", 77)) == 77
    cursor = f"1234-{key_in(4711)}-99"
    assert slot_of_cursor(("CLUSTERSCAN", cursor)) == slot_of_cursor(("CLUSTERSCAN", cursor.encode())) == 4711


def test_two_words_name_one_command():
    assert reach_of("CONFIG", ("CONFIG", b"set", "a", "b")) is _REACHES["CONFIG SET"]
    assert reach_of("CONFIG", ("CONFIG", "GET", "a")) is None
    assert reach_of("CONFIG", ("CONFIG",)) is None


# -- commands that the table does not have


def info(name, flags, first, last, step):
    """The reply to COMMAND INFO of one command."""
    told = array([b"+%s\r\n" % each for each in flags])
    numbers = [b":%d\r\n" % each for each in (first, last, step)]
    return array([array([bulk(name), b":-2\r\n", told, *numbers])])


def test_the_keys_of_an_unknown_command_are_asked_for_once(rc, cluster, clock):
    cluster.answers["COMMAND"] = info(b"module.get", (b"readonly",), 1, 1, 1)
    for slot in (SLOT_A, SLOT_B, SLOT_C):
        cluster.owner_of(key(slot)).keys[key(slot).encode()] = b"%d" % slot
    assert result(rc.execute_command("MODULE.GET", key(SLOT_B)), clock) == SLOT_B
    commands = [("module.get", key(slot)) for slot in (SLOT_A, SLOT_C)]
    assert result(rc.batch(commands), clock) == [SLOT_A, SLOT_C]
    asked = [args for _, args in cluster.executed if args[0] == b"COMMAND"]
    assert asked == [[b"COMMAND", b"INFO", b"MODULE.GET"]]
    assert rc._members.counts["MOVED"] == 0


def test_a_batch_asks_before_it_sends(rc, cluster, clock):
    cluster.answers["COMMAND"] = info(b"module.get", (b"readonly",), 1, 1, 1)
    cluster.owner_of(key(SLOT_B)).keys[key(SLOT_B).encode()] = b"5"
    assert result(rc.batch([("INCR", key(SLOT_B)), ("MODULE.GET", key(SLOT_B))]), clock) == [6, 6]


def test_keys_at_places_that_depend_are_asked_for_each_time(rc, cluster, clock):
    def answer(node, args):
        if args[1] == b"INFO":
            return info(b"module.many", (b"movablekeys",), 0, 0, 0)
        return array([bulk(each) for each in args[4:]])

    cluster.answers["COMMAND"] = answer
    for slot in (SLOT_A, SLOT_B):
        assert result(rc.execute_command("MODULE.MANY", 1, key(slot)), clock) == "OK"
    error = result(rc.execute_command("MODULE.MANY", 2, key(SLOT_A), key(SLOT_B)), clock)
    assert isinstance(error, exceptions.CrossSlotError) and "{user}" in str(error)  # not the server's
    assert rc._members.counts["MOVED"] == 0
    assert len([args for _, args in cluster.executed if args[:2] == [b"COMMAND", b"INFO"]]) == 1


def test_without_permission_to_ask_redirections_lead_to_the_node(rc, cluster, clock):
    cluster.answers["COMMAND"] = b"-NOPERM this user has no permissions to run the 'command' command\r\n"
    for slot in (SLOT_A, SLOT_B, SLOT_C):
        cluster.owner_of(key(slot)).keys[key(slot).encode()] = b"%d" % slot
    for slot in (SLOT_A, SLOT_B, SLOT_C):
        assert result(rc.execute_command("MODULE.GET", key(slot)), clock) == slot
    for _ in range(10):
        assert result(rc.batch([("MODULE.GET", key(SLOT_B))] * 20), clock) == [SLOT_B] * 20
    assert rc._members.counts["MOVED"] <= 3 + 10 * 20  # each command follows one at most


# -- nodes


def test_nodes_have_every_command(rc, cluster, clock):
    node = rc.node_for(key(SLOT_B))
    assert (node.port, node.is_master, node.slots) == (7002, True, [(5462, 10922)])
    assert result(node.incr(key(SLOT_B)), clock) == 1
    assert isinstance(result(node.incr(key(SLOT_A)), clock), exceptions.MovedError)
    assert [each.port for each in rc.masters()] == [each.port for each in rc.nodes()] == [7001, 7002, 7003]
    assert rc.replicas() == []
    assert rc.on("127.0.0.1:7002") is rc.on(("127.0.0.1", 7002)) is rc.on(node) is node
    with pytest.raises(ValueError, match="its nodes: "):
        rc.on("127.0.0.1:1")


def test_on_masters_has_a_reply_of_each_and_errors_as_values(rc, cluster, clock):
    for number, node in enumerate(cluster.nodes.values()):
        node.keys.update({b"%d" % each: b"" for each in range(number)})
    sizes = result(rc.on_masters.dbsize(), clock)
    assert {node.port: size for node, size in sizes.items()} == {7001: 0, 7002: 1, 7003: 2}
    cluster.nodes[7002].refusing = b"-LOADING no\r\n"
    sizes = {node.port: size for node, size in result(rc.on_all.dbsize(), clock).items()}
    assert (sizes[7001], sizes[7003]) == (0, 2) and isinstance(sizes[7002], redis.LoadingError)
    assert isinstance(result(rc.on_masters.gather.dbsize(), clock), redis.LoadingError)
    assert result(rc.on_replicas.dbsize(), clock) == {}


def test_the_views_of_nodes_give_each_node_the_same(rc, cluster, clock):
    cluster.answers["PUBLISH"] = lambda node, args: bulk(args[2])
    texts = result(rc.on_masters.raw.execute_command("PUBLISH", "c", bytearray(b"x")), clock)
    assert list(texts.values()) == [b"x"] * 3
    names = ("a" + str(number) for number in range(2))
    counts = result(rc.on_masters.withTimeout(2).batch([("PING",), ("PING",)]), clock)
    assert list(counts.values()) == [["PONG", "PONG"]] * 3
    cluster.answers["CONFIG"] = lambda node, args: array([bulk(each) for each in args])
    told = result(rc.on_masters.config_get(names), clock)
    assert len({str(each) for each in told.values()}) == 1
    with pytest.raises(AttributeError, match="dbsize"):
        rc.on_masters.dbsiz
    assert "dbsize" in dir(rc.on_masters)


def test_refresh_asks_the_nodes(rc, cluster, clock):
    before = cluster.slots_asked
    refreshed = rc.refresh()
    for _ in range(5):
        clock.advance(1)
    assert result(refreshed, clock) is None
    assert cluster.slots_asked > before


def test_select_and_auth_are_for_all_nodes_and_those_to_come(rc, cluster, clock):
    assert result(rc.select(3), clock) == "OK"
    assert result(rc.execute_command("AUTH", "user", "secret"), clock) == "OK"
    told = [args for _, args in cluster.executed]
    assert told.count([b"SELECT", b"3"]) == 3
    assert len([args for args in told if args[0] in (b"AUTH", b"HELLO")]) == 3
    cluster.nodes[7002].breaks_after = 0
    result(rc.batch([("GET", key(SLOT_B))], raise_on_error=False), clock)
    cluster.nodes[7002].breaks_after = None
    cluster.executed.clear()
    clock.advance(5)
    result(rc.get(key(SLOT_B)), clock)
    told = [args for port, args in cluster.executed if port == 7002]
    assert [b"SELECT", b"3"] in told and any(b"secret" in args for args in told)


def test_a_refused_database_changes_nothing(rc, cluster, clock):
    cluster.answers["SELECT"] = b"-ERR SELECT is not allowed in cluster mode\r\n"
    assert isinstance(result(rc.select(3), clock), redis.ResponseError)
    assert len([args for _, args in cluster.executed if args[0] == b"SELECT"]) == 1
    assert {node.pool.dbid for node in rc.nodes()} == {None}


def test_changes_of_all_nodes_that_overlap_come_one_after_the_other(rc, cluster, clock):
    changes = [rc.select(1), rc.select(2), rc.select(3)]
    assert [result(change, clock) for change in changes] == ["OK"] * 3
    for port in (7001, 7002, 7003):
        told = [args[1] for each, args in cluster.executed if each == port and args[0] == b"SELECT"]
        assert told == [b"1", b"2", b"3"]


def test_a_converter_that_raises_what_is_no_exception_ends_the_command(rc, cluster, clock):
    def convert(reply):
        raise asyncio.CancelledError

    sent = rc.execute_command("DEL", key(SLOT_A), key(SLOT_B), post_proc=convert)
    assert isinstance(result(sent, clock), RuntimeError)
