"""Sharding: where keys lie, which node is asked, and what comes back of several."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
from testbed.support import Pool
from testbed.wire import command
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from txredis_fast.commands import Commands
from txredis_fast.exceptions import ConnectionError, ConnectionFailedError, NotSentError, ReplyTimeoutError
from txredis_fast.sharding import (
    HashRing,
    ShardedConnectionHandler,
    ShardedMethods,
    ShardedUnixConnectionHandler,
    connect_shards,
    parse_hosts,
    parse_paths,
    ring,
)

RECORD = json.loads((Path(__file__).parents[1] / "data" / "ring_placements.json").read_text())
RECORDED_KEYS = [bytes.fromhex(key) for key in RECORD["keys"]]
EACH_RECORDED_RING = pytest.mark.parametrize(
    "recorded", RECORD["rings"], ids=lambda ring: f"{ring['replicas']} of {' '.join(ring['uuids'])}"
)


class FakeFactory:
    def __init__(self, uuid):
        self.uuid = uuid
        self.size = 3
        self.pool = ["a connection"]


class FakeNode:
    """Stands in for a connection handler: remembers its calls, answers them when told to."""

    def __init__(self, uuid):
        self._factory = FakeFactory(uuid)
        self.calls = []
        self.answers = []
        self.closed = Deferred()
        self.disconnected = False

    def disconnect(self):
        self.disconnected = True
        return self.closed

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def method(*args, **kwargs):
            self.calls.append((name, args, kwargs))
            self.answers.append(Deferred())
            return self.answers[-1]

        return method

    def __repr__(self):
        return f"<{self._factory.uuid}>"


def make_nodes(*uuids):
    return [FakeNode(uuid) for uuid in uuids]


@pytest.fixture
def nodes():
    return make_nodes("127.0.0.1:6379", "127.0.0.1:6380", "127.0.0.1:6381")


@pytest.fixture
def handler(nodes):
    return ShardedConnectionHandler(nodes)


def result_of(deferred):
    """What the Deferred fired with; raises what it failed with."""
    results = []
    deferred.addBoth(results.append)
    assert results, "the Deferred has not fired"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


def keys_of(handler, *nodes):
    """A key for each of these nodes."""
    return [next(key for key in map("key:{}".format, range(1000)) if handler._ring(key) is node) for node in nodes]


def asked(handler, key, method="get"):
    """The node that a command for this key goes to."""
    called = {node: len(node.calls) for node in handler._ring.nodes}
    getattr(handler, method)(key)
    [node] = [node for node in handler._ring.nodes if len(node.calls) > called[node]]
    return node


# The ring.


@EACH_RECORDED_RING
def test_a_key_lies_where_txredisapi_on_python_2_put_it(recorded):
    nodes = make_nodes(*recorded["uuids"])
    ring = HashRing(nodes, recorded["replicas"])
    assert [ring.get_node_pos(key)[1] for key in RECORDED_KEYS] == recorded["positions"]
    assert "".join(str(nodes.index(ring.get_node(key))) for key in RECORDED_KEYS) == recorded["nodes"]
    places = [[place, nodes.index(node)] for place, node in ring.iter_nodes(RECORDED_KEYS[0])]
    assert places[:5] == recorded["places"]


@EACH_RECORDED_RING
def test_a_command_goes_where_txredisapi_on_python_2_sent_it(recorded):
    nodes = make_nodes(*recorded["uuids"])
    handler = ShardedConnectionHandler([])
    handler._ring = HashRing(nodes, recorded["replicas"])
    assert "".join(str(nodes.index(asked(handler, key))) for key in RECORDED_KEYS) == recorded["get"]


@EACH_RECORDED_RING
def test_the_record_has_keys_for_the_edges(recorded):
    """Else the two tests above could not fail for a ring that wraps, or for bisecting to the left."""
    places = HashRing(make_nodes(*recorded["uuids"]), recorded["replicas"]).sorted_keys
    assert any(ring.place_of(key) >= places[-1] for key in RECORDED_KEYS)
    assert any(ring.place_of(key) in places for key in RECORDED_KEYS)


@pytest.mark.parametrize("key", [b"", b"key", b"cart{user:1}", "schlüssel{é}".encode(), b"a\n{b}"])
@pytest.mark.parametrize("convert", [bytes.decode, bytearray, memoryview])
def test_a_key_lies_in_one_place_whatever_its_type(handler, key, convert):
    assert handler._ring(convert(key)) is handler._ring(key)
    assert asked(handler, convert(key)) is asked(handler, key)


class Text(str):
    def encode(self, *args):
        return b"elsewhere"


class Data(bytes):
    def __bytes__(self):
        return b"elsewhere"


@pytest.mark.parametrize("convert", [lambda key: Text(key.decode()), Data])
def test_a_key_lies_where_the_bytes_that_are_sent_lie(handler, convert):
    for key in (b"a", b"b", b"c", b"d", b"x{e}", b"x{f}"):
        assert asked(handler, convert(key)) is asked(handler, key)


def test_a_key_that_is_no_utf_8_has_a_place(handler, nodes):
    assert asked(handler, "\udc80") in nodes


def test_a_ring_is_called_for_the_node(nodes):
    ring = HashRing(nodes)
    assert ring("key") is ring.get_node("key") is ring.get_node_pos("key")[0]


def test_an_empty_ring_has_no_node():
    ring = HashRing()
    assert ring.get_node("key") is None
    assert ring.get_node_pos("key") == [None, None]
    assert list(ring.iter_nodes("key")) == [(None, None)]


def test_nodes_are_iterated_from_the_keys_own_to_the_end(nodes):
    ring = HashRing(nodes)
    node, index = ring.get_node_pos("key")
    places = list(ring.iter_nodes("key"))
    assert places[0] == (ring.sorted_keys[index], node)
    assert [place for place, _ in places] == ring.sorted_keys[index:]


def test_two_rings_do_not_share_their_nodes(nodes):
    HashRing().add_node(nodes[0])
    assert HashRing().nodes == []


@pytest.mark.parametrize("number", [1, 2, 4, 9])
def test_adding_a_node_moves_its_share_of_the_keys_and_no_others(number):
    ring = HashRing(make_nodes(*(f"10.0.0.{n}:6379" for n in range(number))))
    keys = [f"user:{n}:name" for n in range(10_000)]
    before = {key: ring(key) for key in keys}
    [added] = make_nodes("10.0.1.1:6379")
    ring.add_node(added)
    moved = [key for key in keys if ring(key) is not before[key]]
    assert all(ring(key) is added for key in moved)
    share = len(moved) / len(keys)
    # CRC-32 of such similar names is no good hash: the shares are even to about a half.
    assert 0.5 / (number + 1) < share < 1.6 / (number + 1)


def test_removing_a_node_undoes_adding_it(nodes):
    *others, last = nodes
    ring, without = HashRing(nodes), HashRing(others)
    ring.remove_node(last)
    assert (ring.nodes, ring.ring, ring.sorted_keys) == (without.nodes, without.ring, without.sorted_keys)


def test_removing_a_node_gives_back_the_places_it_had_taken_from_another():
    first, second = make_nodes("same:1", "same:1")
    ring = HashRing([first, second])
    assert ring("key") is second
    ring.remove_node(second)
    assert ring("key") is first


def test_removing_an_unknown_node_is_refused(nodes):
    ring = HashRing(nodes[:2])
    with pytest.raises(ValueError):
        ring.remove_node(nodes[2])
    assert ring.nodes == nodes[:2]


def test_a_hash_tag_is_found_in_linear_time(handler, nodes):
    """A backtracking pattern takes minutes for this."""
    assert asked(handler, "{" * 1_000_000) in nodes


# Commands for one key.


def test_get_type_asks_the_node_for_the_type(handler):
    node = asked(handler, "some key")
    handler.get_type("some key")
    assert node.calls[-1] == ("execute_command", ("TYPE", "some key"), {})


def test_a_command_is_a_real_method_with_the_commands_name_parameters_and_description(handler):
    assert ShardedMethods <= set(dir(handler))
    for name in ShardedMethods - {"get_type"}:
        ours, theirs = getattr(ShardedConnectionHandler, name), getattr(Commands, name)
        assert ours.__name__ == name
        assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
        assert ours.__doc__


def test_the_names_of_the_commands_are_on_the_handler_and_the_module(handler):
    assert handler.ShardedMethods is ShardedMethods
    assert isinstance(ShardedMethods, frozenset)
    assert {"get", "get_type", "mget", "blpop", "eval", "publish", "object_encoding"} <= ShardedMethods


@pytest.mark.parametrize("key", [1, None, ["a", "b"], 1.5])
@pytest.mark.parametrize("method", ["ttl", "get", "publish"])
def test_a_command_without_a_key_fails(handler, method, key):
    with pytest.raises(ValueError, match=rf"^{method.upper()} requires keys that are str or bytes-like, not "):
        result_of(getattr(handler, method)(key, *(["message"] if method == "publish" else [])))


@pytest.mark.parametrize("method", ["flushall", "keys", "multi", "watch", "batch", "no_such_command"])
def test_what_cannot_be_sharded_says_so(handler, method):
    with pytest.raises(NotImplementedError, match=rf"^Method '{method}' cannot be sharded$"):
        getattr(handler, method)
    assert not hasattr(handler, method)


def test_a_name_that_is_no_command_is_refused_with_the_nearest(handler):
    for holder in (handler, handler.raw):
        with pytest.raises(
            AttributeError, match=r"^Method 'hgettall' cannot be sharded; the nearest that can: hgetall, "
        ):
            holder.hgettall


def test_a_pipeline_cannot_be_sharded(handler):
    with pytest.raises(NotImplementedError, match=r"^Pipelining is not supported across shards$"):
        handler.pipeline()


def test_a_command_that_the_node_refuses_to_send_fails(handler, nodes):
    def execute_command(*args):
        raise TypeError("not like this")

    for node in nodes:
        node.execute_command = execute_command
    with pytest.raises(TypeError, match="not like this"):
        result_of(handler.get("key"))


def test_a_node_that_is_down_fails_its_own_keys_only(handler, nodes):
    keys = keys_of(handler, *nodes)
    answers = [handler.get(key) for key in keys]
    nodes[0].answers[0].callback("value")
    nodes[1].answers[0].errback(NotSentError("Not connected"))
    nodes[2].answers[0].callback("other")
    assert result_of(answers[0]) == "value"
    with pytest.raises(NotSentError):
        result_of(answers[1])
    assert result_of(answers[2]) == "other"


def test_rename_stays_on_one_node(handler):
    node = asked(handler, "old{tag}")
    handler.rename("old{tag}", "new{tag}")
    assert node.calls[-1] == ("execute_command", ("RENAME", "old{tag}", "new{tag}"), {})


def test_rename_to_another_node_fails(handler, nodes):
    old, new = keys_of(handler, *nodes[:2])
    with pytest.raises(NotImplementedError, match=rf"^RENAME cannot be sharded .* as '{old}' and '{new}' do; "):
        result_of(handler.rename(old, new))
    assert not any(node.calls for node in nodes)


# Commands for several keys.


def test_mget_asks_each_node_once_and_answers_in_the_order_of_the_keys(handler, nodes):
    a, b, c = keys_of(handler, *nodes)
    answer = handler.mget([b, a, c, a, f"x{{{b}}}"])
    assert [node.calls for node in nodes] == [
        [("execute_command", ("MGET", a, a), {})],
        [("execute_command", ("MGET", b, f"x{{{b}}}"), {})],
        [("execute_command", ("MGET", c), {})],
    ]
    nodes[2].answers[0].callback([None])
    nodes[0].answers[0].callback(["A1", "A2"])
    assert not answer.called
    nodes[1].answers[0].callback(["B", 5])
    assert result_of(answer) == ["B", "A1", None, "A2", 5]


def test_mget_asks_only_the_nodes_that_have_keys(handler, nodes):
    [key] = keys_of(handler, nodes[1])
    answer = handler.mget(key)
    assert [len(node.calls) for node in nodes] == [0, 1, 0]
    nodes[1].answers[0].callback(["value"])
    assert result_of(answer) == ["value"]


def test_mget_takes_any_iterable_of_keys(handler, nodes):
    a, b = keys_of(handler, *nodes[:2])
    answer = handler.mget(key for key in (b, a.encode()))
    nodes[0].answers[0].callback(["A"])
    nodes[1].answers[0].callback(["B"])
    assert result_of(answer) == ["B", "A"]
    assert nodes[0].calls == [("execute_command", ("MGET", a.encode()), {})]


@pytest.mark.parametrize("method", ["mget", "delete"])
def test_keys_as_further_arguments_are_deprecated(handler, method):
    with pytest.warns(DeprecationWarning, match=f"redis.{method} is deprecated") as warned:
        getattr(handler, method)("a", "b")
    assert warned[0].filename == __file__


def test_mget_of_no_keys_is_empty(handler):
    assert result_of(handler.mget([])) == []


@pytest.mark.parametrize("method", ["mget", "delete"])
def test_the_error_of_one_node_is_the_error_of_the_whole(handler, nodes, method, logged_errors):
    answer = getattr(handler, method)(keys_of(handler, *nodes))
    nodes[2].answers[0].errback(NotSentError("Not connected"))
    with pytest.raises(NotSentError, match=r"^Not connected$"):
        result_of(answer)
    # What the others say later goes nowhere: in particular not to the log, which logged_errors looks at.
    nodes[0].answers[0].errback(NotSentError("Not connected"))
    nodes[1].answers[0].callback([1])


@pytest.mark.parametrize("method", ["mget", "delete"])
def test_a_node_that_refuses_to_send_fails_the_whole_with_its_error(handler, nodes, method):
    nodes[1].execute_command = lambda *args: defer.fail(TypeError("not like this"))
    with pytest.raises(TypeError, match="not like this"):
        result_of(getattr(handler, method)(keys_of(handler, *nodes)))


@pytest.mark.parametrize("keys", [["a", 1], [None], 5])
@pytest.mark.parametrize("method", ["mget", "delete"])
def test_several_keys_must_all_be_keys(handler, nodes, method, keys):
    with pytest.raises(ValueError, match=r"^(MGET|DEL) requires keys that are str or bytes-like, not "):
        if keys == 5:
            with pytest.warns(DeprecationWarning):
                answer = getattr(handler, method)(keys)
        else:
            answer = getattr(handler, method)(keys)
        result_of(answer)
    assert not any(node.calls for node in nodes)


def test_cancelling_mget_cancels_what_every_node_was_asked(handler, nodes):
    answer = handler.mget(keys_of(handler, *nodes))
    answer.cancel()
    with pytest.raises(defer.CancelledError):
        result_of(answer)
    assert all(node.answers[0].called for node in nodes)


def test_delete_adds_up_what_each_node_removed(handler, nodes):
    a, b, c = keys_of(handler, *nodes)
    answer = handler.delete([a, c, b, f"x{{{c}}}"])
    assert nodes[2].calls == [("execute_command", ("DEL", c, f"x{{{c}}}"), {})]
    for node, removed in zip(nodes, (1, 0, 2), strict=True):
        node.answers[0].callback(removed)
    assert result_of(answer) == 3


def test_delete_of_one_key_asks_its_node(handler, nodes):
    [key] = keys_of(handler, nodes[1])
    answer = handler.delete(key)
    nodes[1].answers[0].callback(1)
    assert result_of(answer) == 1


def test_delete_of_no_keys_fails(handler):
    with pytest.raises(ValueError, match="DEL requires keys"):
        result_of(handler.delete([]))


# Views: the same commands, with options.


VIEWS = {
    "raw": (lambda rc: rc.raw, {"raw": True}),
    "retrying": (lambda rc: rc.retrying, {"retry": True}),
    "withTimeout": (lambda rc: rc.withTimeout(2), {"timeout": 2}),
    "all": (lambda rc: rc.raw.withTimeout(2).retrying, {"raw": True, "timeout": 2, "retry": True}),
}
each_view = pytest.mark.parametrize(("view", "options"), VIEWS.values(), ids=VIEWS)


@each_view
def test_a_view_sends_a_command_to_the_node_of_its_key_with_its_options(handler, nodes, view, options):
    for node, key in zip(nodes, keys_of(handler, *nodes), strict=True):
        for method, name in (("get", "GET"), ("get_type", "TYPE")):
            getattr(view(handler), method)(key)
            [(called, args, kwargs)] = node.calls
            assert (called, args) == ("execute_command", (name, key))
            assert options.items() <= kwargs.items()
            node.calls.clear()


@each_view
@pytest.mark.parametrize(("method", "name"), [("mget", "MGET"), ("delete", "DEL")])
def test_a_view_asks_each_node_once_with_its_options(handler, nodes, view, options, method, name):
    a, b, _ = keys_of(handler, *nodes)
    getattr(view(handler), method)([b, a, f"x{{{b}}}"])
    sent = [(args, kwargs) for node in nodes for _, args, kwargs in node.calls]
    assert [args for args, _ in sent] == [(name, a), (name, b, f"x{{{b}}}")]
    assert all(options.items() <= kwargs.items() for _, kwargs in sent)


@each_view
def test_a_view_has_what_can_be_sharded_and_nothing_else(handler, nodes, view, options):
    assert ShardedMethods <= set(dir(view(handler)))
    for method in ("keys", "multi", "batch", "disconnect"):
        with pytest.raises(NotImplementedError, match=rf"^Method '{method}' cannot be sharded$"):
            getattr(view(handler), method)
    with pytest.raises(NotImplementedError, match="Pipelining"):
        view(handler).pipeline()
    with pytest.raises(NotImplementedError, match="RENAME cannot be sharded"):
        result_of(view(handler).rename(*keys_of(handler, *nodes[:2])))
    with pytest.raises(ValueError, match="GET requires keys"):
        result_of(view(handler).get(1))


def test_a_view_made_before_the_connections_follows_its_handler(nodes):
    connections = [Deferred() for _ in nodes]
    view = ShardedConnectionHandler(DeferredList(connections)).raw
    with pytest.raises(NotSentError, match=r"^Not connected$"):
        result_of(view.get("key"))
    for connection, node in zip(connections, nodes, strict=True):
        connection.callback(node)
    view.get("key")
    assert [len(node.calls) for node in nodes].count(1) == 1


def test_a_view_says_what_it_is(handler):
    assert repr(handler.raw.withTimeout(2)) == f"<{handler!r} with raw=True, timeout=2>"


@pytest.mark.parametrize("wrong", [0, -1, None, "2", True])
def test_a_wrong_time_limit_is_refused(handler, wrong):
    with pytest.raises(ValueError, match="seconds above 0"):
        handler.withTimeout(wrong)


@pytest.fixture
def pools():
    """Two real nodes in memory, and a sharded handler of them."""
    pools = [Pool(), Pool()]
    for number, pool in enumerate(pools):
        pool.factory.uuid = f"127.0.0.1:{number}"
    return *pools, ShardedConnectionHandler([pool.handler for pool in pools])


def test_raw_values_of_several_nodes_are_bytes_in_the_order_of_the_keys(pools):
    one, two, handler = pools
    a, b = keys_of(handler, one.handler, two.handler)
    answer = handler.raw.mget([b, a, b])
    assert two.answer(b"*2\r\n$2\r\n07\r\n$-1\r\n") == command("MGET", b, b)
    assert one.answer(b"*1\r\n$3\r\n1.5\r\n") == command("MGET", a)
    assert result_of(answer) == [b"07", b"1.5", None]


def test_keys_that_were_removed_are_counted_in_a_raw_view_too(pools):
    one, two, handler = pools
    answer = handler.raw.delete(keys_of(handler, one.handler, two.handler))
    one.answer(b":1\r\n")
    two.answer(b":1\r\n")
    assert result_of(answer) == 2


def test_a_node_that_does_not_answer_in_time_fails_what_it_was_asked_for_and_nothing_else(pools, clock):
    one, two, handler = pools
    a, b = keys_of(handler, one.handler, two.handler)
    both, other = handler.withTimeout(2).mget([a, b]), handler.get(a)
    one.answer(b"*1\r\n$1\r\n1\r\n$1\r\n2\r\n")
    assert result_of(other) == 2
    clock.advance(2)
    with pytest.raises(ReplyTimeoutError):
        result_of(both)
    assert two.transports[0].aborted
    assert not one.transports[0].aborted


# Connecting and disconnecting.


@pytest.mark.parametrize("kind", [ShardedConnectionHandler, ShardedUnixConnectionHandler])
def test_the_deferred_list_of_the_connections_fires_with_the_handler(nodes, kind):
    connections = [Deferred() for _ in nodes]
    shards = connect_shards(connections, ["a", "b", "c"], kind)
    assert isinstance(shards, DeferredList)
    for connection, node in zip(reversed(connections), reversed(nodes), strict=True):
        assert not shards.called
        connection.callback(node)
    handler = result_of(shards)
    assert type(handler) is kind
    assert handler._ring.nodes == nodes


def test_commands_before_the_connections_are_made_fail(nodes):
    handler = ShardedConnectionHandler(DeferredList([Deferred() for _ in nodes]))
    with pytest.raises(NotSentError, match=r"^Not connected$"):
        result_of(handler.get("key"))
    with pytest.raises(ConnectionError, match=r"^Not connected$"):
        result_of(handler.disconnect())
    assert repr(handler) == "<Redis Sharded Connection: Not connected>"


def test_commands_on_no_nodes_at_all_fail():
    with pytest.raises(NotSentError, match=r"^Not connected$"):
        result_of(ShardedConnectionHandler([]).get("key"))


def test_connections_that_cannot_be_made_are_named_and_the_others_closed(nodes):
    connections = [Deferred() for _ in range(3)]
    shards = connect_shards(connections, ["10.0.0.1:1", "10.0.0.2:2", "10.0.0.3:3"])
    refused = ConnectionFailedError("Connection refused")
    connections[0].errback(refused)
    connections[1].callback(nodes[1])
    connections[2].errback(ConnectionFailedError("WRONGPASS"))
    fired = []
    shards.addBoth(lambda result: fired.append(result) or result)
    assert nodes[1].disconnected
    assert not fired
    nodes[1].closed.callback(True)
    with pytest.raises(
        ConnectionFailedError,
        match=r"^Could not connect to 10.0.0.1:1 \(Connection refused\), 10.0.0.3:3 \(WRONGPASS\)$",
    ) as caught:
        result_of(shards)
    assert caught.value.__cause__ is refused


def test_the_failure_to_connect_is_told_even_if_closing_the_others_fails(nodes):
    connections = [defer.fail(ConnectionFailedError("no")), defer.succeed(nodes[0])]
    shards = connect_shards(connections, ["a:1", "b:2"])
    nodes[0].closed.errback(RuntimeError("cannot close"))
    with pytest.raises(ConnectionFailedError, match=r"^Could not connect to a:1 \(no\)$"):
        result_of(shards)


def test_connections_without_names_are_numbered(nodes):
    connections = DeferredList([defer.succeed(nodes[0]), defer.fail(ValueError("why"))], consumeErrors=True)
    ShardedConnectionHandler(connections)
    nodes[0].closed.callback(True)
    with pytest.raises(ConnectionFailedError, match=r"shard 2 \(why\)"):
        result_of(connections)


def test_cancelling_the_connections_closes_those_that_were_made(nodes):
    connections = [defer.succeed(nodes[0]), Deferred()]
    nodes[0].closed.callback(True)
    shards = connect_shards(connections, ["a:1", "b:2"])
    shards.cancel()
    assert nodes[0].disconnected
    with pytest.raises(ConnectionFailedError):
        result_of(shards)


def test_disconnect_closes_every_node_and_fires_with_true(handler, nodes):
    done = handler.disconnect()
    assert all(node.disconnected for node in nodes)
    for node in nodes:
        assert not done.called
        node.closed.callback(None)
    assert result_of(done) is True


def test_disconnect_fails_only_after_every_node_was_tried(handler, nodes):
    done = handler.disconnect()
    nodes[0].closed.errback(RuntimeError("cannot close"))
    nodes[1].closed.callback(True)
    assert nodes[2].disconnected and not done.called
    nodes[2].closed.callback(True)
    with pytest.raises(RuntimeError, match="cannot close"):
        result_of(done)


def test_repr_lists_the_nodes(handler, nodes):
    nodes[1]._factory.pool = []
    assert repr(handler) == (
        "<Redis Sharded Connection: 127.0.0.1:6379/3, 127.0.0.1:6380/3 (not connected), 127.0.0.1:6381/3>"
    )


# What the constructors are given.


def test_hosts_are_read():
    assert parse_hosts(["localhost:6379", "10.0.0.1:1", "[::1]:65535"]) == [
        ("localhost", 6379),
        ("10.0.0.1", 1),
        ("::1", 65535),
    ]
    assert parse_hosts(("a:1",)) == [("a", 1)]
    assert parse_hosts([]) == []


@pytest.mark.parametrize(
    "hosts",
    [
        *("a:1", None, {"a:1": 1}, {"a:1"}),
        *(["a"], ["a:"], [":1"], ["a:b"], ["a:1:2"], ["::1:6379"], ["[]:1"]),
        *(["a:-1"], ["a:0"], ["a:65536"], ["a:1_0"], ["a:²"]),
        *([("a", 1)], [b"a:1"], [None]),
    ],
    ids=repr,
)
def test_what_is_no_list_of_hosts_is_refused(hosts):
    with pytest.raises(ValueError, match=r"^Please use a list or tuple of host:port for sharded connections$"):
        parse_hosts(hosts)


def test_paths_are_read():
    assert parse_paths(["/a", "/b"]) == parse_paths(("/a", "/b")) == ["/a", "/b"]


@pytest.mark.parametrize("paths", ["/tmp/redis.sock", None, {"/a"}], ids=repr)
def test_what_is_no_list_of_paths_is_refused(paths):
    with pytest.raises(ValueError, match=r"^Please use a list or tuple of paths for sharded unix"):
        parse_paths(paths)
