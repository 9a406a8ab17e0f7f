"""Every command over a sharded handler: to which node it is sent, what is refused, and what several nodes answer."""

from __future__ import annotations

import pytest
from commands.rows import command_of, same
from commands.tables import ROWS, name_of
from testbed.extent import some
from testbed.support import Pool, failed, fired
from testbed.wire import OK, array, bulk, command, integer

import txredis_fast as redis
from txredis_fast.commands import Commands
from txredis_fast.commands._parts import keys as key_module
from txredis_fast.commands._parts.facts import command_facts, known_commands
from txredis_fast.commands._parts.keys import keys_of, sort_patterns
from txredis_fast.connection import RedisProtocol
from txredis_fast.sharding import ShardedConnectionHandler, ShardedMethods
from txredis_fast.sharding.split import SPLIT

pytestmark = pytest.mark.usefixtures("both", "clock")

#: Their channel decides where they are sent.
OF_CHANNELS = {"publish", "spublish"}


class Ring:
    """A ring of which a test says what lies where.

    :ivar asked: the keys that it was asked for, in order.
    """

    def __init__(self, nodes, place):
        self.nodes = nodes
        self.asked = []
        self._place = place

    def __call__(self, key):
        self.asked.append(key)
        return self.nodes[self._place(self.asked)]


def sharded(place, **options):
    """Three pools in memory and a sharded handler of them; *place* returns the number of the pool for the last key."""
    pools = [Pool(**options) for _ in range(3)]
    handler = ShardedConnectionHandler([])
    handler._ring = Ring([pool.handler for pool in pools], place)
    return pools, handler


def call(row, host):
    if row.warning is None:
        return row.call(host)
    with pytest.warns(DeprecationWarning):
        return row.call(host)


def row_options(row):
    return {"charset": row.charset, "convertNumbers": row.convert_numbers}


def sent_keys(row):
    return keys_of(row.sent) or ([row.sent[1]] if row.name in OF_CHANNELS else [])


def as_bytes(values):
    return [value if isinstance(value, bytes) else str(value).encode() for value in values]


def is_open(row):
    """Whether the command reads keys that depend on the elements of a list, or has a number as a key."""
    return bool(sort_patterns(row.sent)) or not all(isinstance(key, (str, bytes)) for key in sent_keys(row))


#: Commands that a connection understands after another one only, so that a handler of nodes has no use for them.
TOGETHER = {"himport_set"}

WITH_KEYS = [row for row in ROWS if sent_keys(row) and row.name not in TOGETHER]
ROUTED = [row for row in WITH_KEYS if not is_open(row)]
WITHOUT_KEYS = [row for row in ROWS if not sent_keys(row)]


@pytest.mark.parametrize("row", some(ROUTED), ids=name_of)
def test_every_command_with_keys_is_sent_to_the_node_of_its_keys_and_gives_its_value(row):
    pools, handler = sharded(lambda asked: 1, **row_options(row))
    answer = call(row, handler)
    assert sorted(handler._ring.asked) == sorted(as_bytes(sent_keys(row)))
    assert pools[1].answer(row.answered) == (row.wire_queued if row.name == "eval" else row.wire)
    assert same(fired(answer), row.value)
    assert pools[0].written() == pools[2].written() == b""


@pytest.mark.parametrize("row", some(ROUTED), ids=name_of)
def test_a_view_sends_every_command_to_the_node_of_its_keys(row):
    pools, handler = sharded(lambda asked: 2, **row_options(row))
    answer = call(row, handler.withTimeout(5))
    assert pools[2].answer(row.answered) == row.wire
    assert same(fired(answer), row.value)
    assert pools[0].written() == pools[1].written() == b""


@pytest.mark.parametrize(
    "row", some([row for row in ROUTED if len(sent_keys(row)) > 1 and row.sent[0] not in SPLIT]), ids=name_of
)
def test_keys_of_two_nodes_are_refused_before_anything_is_sent(row):
    pools, handler = sharded(lambda asked: 0 if len(asked) < len(sent_keys(row)) else 1, **row_options(row))
    error = failed(call(row, handler), NotImplementedError)
    keys = [as_bytes([key])[0].decode() for key in sent_keys(row)]
    assert sum(f"'{key}'" in str(error) for key in keys) >= min(2, len(set(keys)))
    assert "lie on different nodes" in str(error)
    assert all(pool.written() == b"" for pool in pools)


@pytest.mark.parametrize("row", some(WITHOUT_KEYS), ids=name_of)
def test_a_command_without_keys_is_refused(row):
    pools, handler = sharded(lambda asked: 0)
    if row.name in ShardedMethods:  # a script without keys
        failed(call(row, handler), NotImplementedError)
    else:
        for holder in (handler, handler.raw, type(handler)):
            assert not hasattr(holder, row.name)
        assert row.name not in dir(handler)
        with pytest.raises(NotImplementedError, match=rf"^Method '{row.name}' cannot be sharded"):
            getattr(handler, row.name)
    failed(handler.execute_command(*row.sent), NotImplementedError)
    assert all(pool.written() == b"" for pool in pools)


def test_the_methods_are_all_that_send_a_command_with_keys():
    facts = {row.name: command_facts(command_of(row.sent)) for row in ROWS}
    have_keys = {name for name, each in facts.items() if any("n" not in spec.flags for spec in each.keys)}
    assert have_keys - TOGETHER | OF_CHANNELS | {"get_type"} == ShardedMethods
    assert ShardedMethods - {"get_type"} <= set(dir(Commands))


def test_what_can_be_split_is_what_servers_call_so():
    """MSETEX sets its keys only if all of them exist, or none: that cannot be split."""
    policies = {name: command_facts(name).request_policy for name in known_commands()}
    assert {name for name, policy in policies.items() if policy == "multi_shard"} == {*SPLIT, "MSETEX"}


# Commands by name.


@pytest.mark.parametrize(
    ("args", "keys"),
    [
        (("GET", "a"), "a"),
        (("get", "a"), "a"),
        ((b"GET", "a"), "a"),
        ((bytearray(b"gEt"), "a"), "a"),
        (("OBJECT", "ENCODING", "a"), "a"),
        (("object", b"encoding", "a"), "a"),
        (("SORT", "a", "STORE", "b"), "ab"),
        (("SORT", "a", "BY", "STORE", "GET", "STORE", "LIMIT", 0, 1), "a"),
        (("MIGRATE", "h", 1, "", 0, 1, "AUTH", "KEYS", "KEYS", "a", "b"), "ab"),
        (("GEORADIUS", "a", 1, 2, 3, "m", "STORE", "b"), "ab"),
        (("GEORADIUS", "a", 1, 2, 3, "m", "STORE", "b", "STOREDIST", "c"), "abc"),
        (("SORT", "a", "STORE", "b", "STORE", "c"), "abc"),
        (("EVAL", "return 1", "2", "a", "b", "c"), "ab"),
        (("PUBLISH", "a", "b"), "a"),
    ],
)
def test_a_command_by_name_goes_to_the_node_of_its_keys(args, keys):
    pools, handler = sharded(lambda asked: 1)
    for _ in range(2):  # the place of a single key is known the second time
        handler._ring.asked.clear()
        answer = handler.execute_command(*args)
        assert sorted(handler._ring.asked) == [key.encode() for key in keys]
        assert pools[1].answer(b"+OK\r\n") == command(
            bytes(args[0]) if isinstance(args[0], bytearray) else args[0], *args[1:]
        )
        assert fired(answer) == "OK"


@pytest.mark.parametrize(
    ("args", "kind", "text"),
    [
        ((), NotImplementedError, "cannot be sharded: it is not known where its keys are"),
        (("PING",), NotImplementedError, "PING cannot be sharded without a key"),
        (("GET",), NotImplementedError, "GET cannot be sharded without a key"),
        (("EVAL", "return 1", 0, "a"), NotImplementedError, "EVAL cannot be sharded without a key"),
        (("GRAPH.GET", "a"), NotImplementedError, "GRAPH.GET cannot be sharded: it is not known where its keys are"),
        (("SSUBSCRIBE", "a"), NotImplementedError, "SSUBSCRIBE cannot be sharded without a key"),
        (("CLUSTERSCAN", "0"), NotImplementedError, "CLUSTERSCAN cannot be sharded without a key"),
        ((5, "a"), NotImplementedError, "cannot be sharded: it is not known where its keys are"),
        (("GET", 1), ValueError, "GET requires keys that are str or bytes-like, not 1"),
        (("OBJECT", "ENCODING", None), ValueError, "OBJECT requires keys that are str or bytes-like, not None"),
        (("DEL", "a", 1.5), ValueError, "DEL requires keys that are str or bytes-like, not 1.5"),
        (("DEL",), ValueError, "DEL requires keys that are str or bytes-like"),
        (("MSET", "a", 1, "b"), redis.InvalidData, "MSET needs a value for each key"),
        (("EVAL", "return 1", 3, "a", "b"), redis.InvalidData, "EVAL has fewer arguments than its number of keys, 3"),
        (("EVAL", "return 1", "x", "a"), redis.InvalidData, "EVAL needs the number of its keys as argument 2, not 'x'"),
        (("EVAL", "return 1"), redis.InvalidData, "EVAL needs the number of its keys as argument 2, not None"),
    ],
)
def test_a_command_that_has_no_node_fails_and_nothing_is_sent(args, kind, text):
    pools, handler = sharded(lambda asked: 0)
    for host in (handler, handler.raw):
        assert text in str(failed(host.execute_command(*args), kind))
    assert all(pool.written() == b"" for pool in pools)


def test_a_command_that_changes_a_shared_connection_is_refused_by_its_node():
    pools, handler = sharded(lambda asked: 0)
    assert "rc.multi()" in str(failed(handler.execute_command("WATCH", "a"), redis.RedisError))
    assert all(pool.written() == b"" for pool in pools)


def test_a_program_cannot_fill_the_table_of_places():
    _, handler = sharded(lambda asked: 0)
    for name in ("get", "Get", "gEt", b"GET", "NONSENSE", "OBJECT"):
        handler.execute_command(name, "ENCODING", "a")
    assert all(command_facts(name).name == name for name in key_module.ONE_KEY), "of a table: also of modules'"
    assert all(type(name) is str for name in key_module.ONE_KEY)


class Shouting(str):
    def upper(self):
        return "PING"

    def __str__(self):
        return "PING"


class Word:
    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


def test_a_key_may_have_the_name_of_an_option():
    assert keys_of(("GEORADIUS", "a", 1, 2, 3, "m", "STORE", "storedist", "ASC")) == ["a", "storedist"]
    assert keys_of(("GEORADIUSBYMEMBER", "store", "store", 3, "m")) == ["store"]


def test_arguments_count_as_the_text_that_they_are_sent_as():
    assert keys_of((Shouting("get"), "a")) == ["a"]
    assert keys_of(("SORT", "a", Shouting("store"), "b")) == ["a", "b"]
    assert keys_of(("SORT", "a", Word("STORE"), "b")) == ["a", "b"]
    assert keys_of(("EVAL", "return 1", Word("1"), "a", "b")) == ["a"]
    assert keys_of(("EVAL", "return 1", b"01", "a", "b")) == ["a"]
    assert keys_of(("EVAL", "return 1", memoryview(b"1"), "a", "b")) == ["a"]


@pytest.mark.parametrize("number", ["1_0", "²", " 1", "", "-1", -1, 1.0, True, None, "9" * 5000])
def test_what_is_no_number_of_keys_is_refused(number):
    with pytest.raises(redis.InvalidData, match="EVAL needs the number of its keys as argument 2"):
        keys_of(("EVAL", "return 1", number, *"abcdefghijk"))


# The keys that SORT makes of patterns.


@pytest.mark.parametrize("pattern", ["nosort", "#", "weight_*{t}", b"weight_*{t}", "w_*{t}->field"])
def test_sort_may_read_keys_with_the_tag_of_its_own(pattern):
    pools = [Pool(), Pool()]
    for number, pool in enumerate(pools):
        pool.factory.uuid = f"127.0.0.1:{number}"
    handler = ShardedConnectionHandler([pool.handler for pool in pools])
    answer = handler.execute_command("SORT", "list{t}", "BY", pattern)
    [pool] = [pool for pool in pools if any(transport.value() for transport in pool.transports)]
    pool.answer(array("1"))
    assert fired(answer) == [1]


@pytest.mark.parametrize("option", ["BY", "GET", "get"])
@pytest.mark.parametrize("command", ["SORT", "SORT_RO"])
@pytest.mark.parametrize("pattern", ["weight_*", b"*", "w{*}", "w_*->{t}"])
def test_sort_may_not_read_keys_that_may_lie_on_another_node(command, option, pattern):
    pools, handler = sharded(lambda asked: 0)
    error = failed(handler.execute_command(command, "list{t}", option, pattern), NotImplementedError)
    assert f"{command} cannot be sharded when the keys that it makes of" in str(error)
    assert all(pool.written() == b"" for pool in pools)


def test_sort_may_not_read_keys_of_another_tag():
    pools, handler = sharded(lambda asked: len(asked) - 1)
    failed(handler.execute_command("SORT", "list{t}", "GET", "*{u}"), NotImplementedError)
    assert all(pool.written() == b"" for pool in pools)


# Commands whose keys may lie on several nodes.


def by_last_digit(asked):
    return int(asked[-1][-1:])


def test_mset_sends_each_node_its_keys_with_their_values():
    pools, handler = sharded(by_last_digit)
    answer = handler.mset({"a0": 1, "b1": 2, "c0": 3})
    assert pools[1].answer(OK) == command("MSET", "b1", 2)
    assert pools[0].answer(OK) == command("MSET", "a0", 1, "c0", 3)
    assert fired(answer) == "OK"
    assert pools[2].written() == b""


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda rc, *keys: rc.delete(keys), "DEL"),
        (lambda rc, *keys: rc.unlink(*keys), "UNLINK"),
        (lambda rc, *keys: rc.exists(*keys), "EXISTS"),
        (lambda rc, *keys: rc.touch(*keys), "TOUCH"),
        (lambda rc, *keys: rc.raw.touch(*keys), "TOUCH"),
        (lambda rc, *keys: rc.execute_command(b"touch", *keys), b"touch"),
    ],
)
def test_counts_of_several_nodes_are_added(call, name):
    pools, handler = sharded(by_last_digit)
    answer = call(handler, "a0", "b1", "c0", "a0")
    assert pools[0].answer(integer(3)) == command(name, "a0", "c0", "a0")
    assert pools[1].answer(integer(0)) == command(name, "b1")
    assert fired(answer) == 3


def test_keys_of_one_node_are_sent_as_they_were_given():
    pools, handler = sharded(lambda asked: 2)
    answer = handler.mget(["a", "b"])
    assert pools[2].answer(array("1", "2")) == command("MGET", "a", "b")
    assert fired(answer) == [1, 2]


@pytest.mark.parametrize("call", [lambda rc: rc.mset({}), lambda rc: rc.unlink(), lambda rc: rc.touch()])
def test_no_keys_at_all_are_refused(call):
    pools, handler = sharded(by_last_digit)
    failed(call(handler), ValueError)
    assert all(pool.written() == b"" for pool in pools)


def test_a_converter_gets_the_joined_value():
    pools, handler = sharded(by_last_digit)
    answer = handler.execute_command("MGET", "a0", "b1", post_proc=tuple)
    pools[1].answer(array("1"))
    pools[0].answer(array("0"))
    assert fired(answer) == (0, 1)


def test_a_program_may_change_its_list_of_keys_after_the_call():
    pools, handler = sharded(by_last_digit)
    keys = ["a0", "b1"]
    answer = handler.mget(keys)
    keys.clear()
    pools[0].answer(array("x"))
    pools[1].answer(array("y"))
    assert fired(answer) == ["x", "y"]


def test_a_part_that_waits_for_its_node_keeps_what_was_given(clock):
    pools, handler = sharded(by_last_digit, connect=False)
    value = bytearray(b"one")
    answer = handler.mset({"a0": value, "b1": 2})
    value[:] = b"two"
    for pool in pools[:2]:
        pool.connect()
    assert pools[0].answer(OK) == command("MSET", "a0", "one")
    pools[1].answer(OK)
    assert fired(answer) == "OK"


# Blocking commands and scripts.


def test_a_blocking_command_waits_on_a_connection_of_its_own():
    pools, handler = sharded(lambda asked: 0, size=2)
    popped, other = handler.blpop(["a", "b"], 1), handler.get("c")
    [waiting, used] = (
        pools[0].transports if pools[0].transports[0].value().startswith(b"*4") else pools[0].transports[::-1]
    )
    assert waiting.take() == command("BLPOP", "a", "b", 1)
    assert used.take() == command("GET", "c")
    used.protocol.dataReceived(bulk("value"))
    assert fired(other) == "value"
    waiting.protocol.dataReceived(array("a", "x"))
    assert fired(popped) == ["a", "x"]


def test_a_script_is_sent_whole_before_its_hash_so_that_later_commands_come_after_it():
    pools, handler = sharded(lambda asked: 0)
    first, get = handler.eval("return 1", "a"), handler.get("a")
    assert pools[0].written() == command("EVAL", "return 1", 1, "a") + command("GET", "a")
    pools[0].transports[0].protocol.dataReceived(integer(1) + bulk("x"))
    assert (fired(first), fired(get)) == (1, "x")
    handler.eval("return 1", "a")
    assert pools[0].written().startswith(b"*4\r\n$7\r\nEVALSHA\r\n")


def test_a_script_in_a_view_is_sent_whole_to_the_node_that_does_not_have_it():
    pools, handler = sharded(lambda asked: 0)
    answer = handler.raw.eval("return 1", ("a" for _ in range(1)), ["x"])
    pools[0].answer(b"-NOSCRIPT No matching script.\r\n")
    assert pools[0].answer(bulk("1")) == command("EVAL", "return 1", 1, "a", "x")
    assert fired(answer) == b"1"


# Programs with protocols of their own.


class Prefixing(RedisProtocol):
    def get(self, key):
        return super().get(f"app:{key}")

    def incr(self, key, amount=1):
        return super().incr(f"app:{key}", amount)


def test_a_method_that_the_nodes_protocol_overrides_is_called():
    pools = [Pool(protocol=Prefixing), Pool(protocol=Prefixing)]
    for number, pool in enumerate(pools):
        pool.factory.uuid = f"127.0.0.1:{number}"
    handler = ShardedConnectionHandler([pool.handler for pool in pools])
    node = handler._ring("a")
    [pool] = [pool for pool in pools if pool.handler is node]
    answer = handler.get("a")
    assert pool.answer(bulk("x")) == command("GET", "app:a")
    assert fired(answer) == "x"
    handler.set("a", 1)
    assert pool.written() == command("SET", "a", 1)
    handler.get(key="a")
    assert pool.written() == command("GET", "app:a")
    failed(handler.get(5), ValueError)
    failed(handler.get(), ValueError)


class PrefixingAll(redis.RedisProtocol):
    def delete(self, keys):
        return super().delete([f"app:{key}" for key in keys])

    def exists(self, *keys):
        return super().exists(*[f"app:{key}" for key in keys])

    def mget(self, keys):
        return super().mget([f"app:{key}" for key in keys])

    def rename(self, oldkey, newkey):
        return super().rename(f"app:{oldkey}", f"app:{newkey}")


def test_overridden_methods_of_several_keys_are_called_on_each_node_with_its_keys():
    pools = [Pool(protocol=PrefixingAll), Pool(protocol=PrefixingAll)]
    handler = ShardedConnectionHandler([])
    for number, pool in enumerate(pools):
        pool.factory.uuid = f"127.0.0.1:{number}"
    handler._use([pool.handler for pool in pools])
    handler._ring = Ring([pool.handler for pool in pools], lambda asked: asked[-1] == b"b")
    answer = handler.mget(["a", "b", "a"])
    assert pools[0].answer(array(bulk("x"), bulk("y"))) == command("MGET", "app:a", "app:a")
    assert pools[1].answer(array(bulk("z"))) == command("MGET", "app:b")
    assert fired(answer) == ["x", "z", "y"]
    answer = handler.delete("b")
    assert pools[1].answer(integer(1)) == command("DEL", "app:b")
    assert fired(answer) == 1
    answer = handler.exists("b", "a", "b")
    assert pools[0].answer(integer(1)) == command("EXISTS", "app:a")
    assert pools[1].answer(integer(2)) == command("EXISTS", "app:b", "app:b")
    assert fired(answer) == 3
    answer = handler.exists(key="a")
    assert pools[0].answer(integer(0)) == command("EXISTS", "app:a")
    assert fired(answer) == 0
    answer = handler.rename("a", newkey="a")
    assert pools[0].answer(OK) == command("RENAME", "app:a", "app:a")
    assert fired(answer) == "OK"
    failed(handler.rename("a", "b"), NotImplementedError)
    failed(handler.rename("a"), TypeError)
    failed(handler.delete(["a", 5]), ValueError)
    assert fired(handler.mget([])) == []
    assert pools[0].written() == pools[1].written() == b""


@pytest.mark.parametrize("name", sorted(ShardedMethods))
def test_a_call_with_wrong_parameters_fails_as_it_does_without_shards(name):
    _, handler = sharded(lambda asked: 1)
    method = getattr(handler, name)
    error = failed(method("a", no_such_parameter=1), TypeError)
    assert "no_such_parameter" in str(error)
    if name != "get_type":
        other = failed(getattr(Pool().handler, name)("a", no_such_parameter=1), TypeError)
        assert str(other).partition(".")[2] == str(error).partition(".")[2]


def test_a_method_that_the_nodes_class_overrides_is_called():
    class Handler(redis.ConnectionHandler):
        def get(self, key):
            return super().get(f"app:{key}")

    pool = Pool()
    handler = ShardedConnectionHandler([Handler(pool.factory)])
    handler.get("a")
    handler.incr("a")
    assert pool.written() == command("GET", "app:a") + command("INCRBY", "a", 1)
