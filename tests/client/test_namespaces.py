"""The namespaces of server modules over every kind of host."""

from __future__ import annotations

import pytest
from commands.modules.tables import ROWS, alike
from commands.tables import name_of
from testbed.extent import some
from testbed.support import Pool, connected, failed, fired
from testbed.wire import command, integer
from twisted.internet.defer import succeed

import txredis_fast as redis
from txredis_fast.commands.modules import NAMESPACES
from txredis_fast.connection import RedisProtocol

pytestmark = pytest.mark.usefixtures("both", "clock")

QUEUED = b"+QUEUED\r\n"


@pytest.mark.parametrize("row", some(ROWS), ids=name_of)
def test_every_row_over_every_host(row):
    for reply in row.replies:
        protocol, transport = connected()
        over_connection = row.call(protocol)
        assert transport.take() == row.wire
        protocol.dataReceived(reply)
        assert alike(fired(over_connection), row.value)

        pool = Pool(2)
        for host in (pool.handler, pool.handler.withTimeout(5)):
            over_pool = row.call(host)
            assert pool.answer(reply) == row.wire
            assert alike(fired(over_pool), row.value)

        pipeline = fired(pool.handler.pipeline())
        queued = row.call(pipeline)
        done = pipeline.execute_pipeline()
        assert pool.answer(reply) == row.wire
        values = [fired(queued)]
        if not isinstance(values[0], Exception):
            values += fired(done)

        begun = pool.handler.multi()
        pool.answer(b"+OK\r\n")
        transaction = fired(begun)
        row.call(transaction)
        assert pool.answer(QUEUED) == row.wire
        done = transaction.commit()
        pool.answer(b"*1\r\n" + reply)
        values += fired(done)
        assert all(alike(value, row.value) for value in values), values

        batch = redis.Batch()
        if row.blocking:
            with pytest.raises(ValueError, match="may block and cannot be part of a batch"):
                row.call(batch)
            continue
        assert row.call(batch) is None
        done = pool.handler.batch(batch)
        assert pool.answer(reply) == row.wire
        (value,) = fired(done)
        assert alike(value, row.value), value


def test_a_view_of_raw_replies_reads_documents_nevertheless():
    pool = Pool()
    value = pool.handler.raw.json.get("k")
    pool.answer(b'$9\r\n{"a":[1]}\r\n')
    assert fired(value) == {"a": [1]}
    value = pool.handler.raw.topk.list("k")
    pool.answer(b"*1\r\n$1\r\na\r\n")
    assert fired(value) == [b"a"]


def test_a_wrong_call_in_a_transaction_keeps_it_from_being_committed():
    pool = Pool()
    begun = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    transaction = fired(begun)
    failed(transaction.json.set("k", "$", float("nan")), ValueError)
    failed(transaction.commit(), redis.ExecAbortError)
    assert b"EXEC" not in pool.written()


def test_a_wrong_call_of_a_batch_raises():
    with pytest.raises(ValueError, match="JSON"):
        redis.Batch().json.set("k", "$", float("nan"))


def test_a_command_that_waits_for_a_connection_is_sent_as_it_was_given():
    pool = Pool(connect=False)
    samples = [("k", 1, 2)]
    waiting = pool.handler.ts.madd(samples)
    samples.clear()
    pool.connect()
    assert pool.answer(b"*1\r\n:1\r\n") == command("TS.MADD", "k", 1, 2)
    assert fired(waiting) == [1]


@pytest.mark.parametrize("name", NAMESPACES)
def test_a_programs_own_method_of_that_name_stays(name):
    def own(self, *args):
        return succeed(("own", args))

    pool = Pool(protocol=type("Own", (RedisProtocol,), {name: own}))
    assert fired(getattr(pool.handler, name)(1)) == ("own", (1,))
    begun = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    assert fired(getattr(fired(begun), name)(1)) == ("own", (1,))


@pytest.mark.parametrize("name", NAMESPACES)
def test_a_programs_own_attribute_of_that_name_stays(name):
    class Own(RedisProtocol):
        def connectionMade(self):
            setattr(self, name, 5)
            return super().connectionMade()

    pool = Pool(protocol=Own)
    assert [getattr(each, name) for each in pool.factory.pool] == [5]
    setattr(pool.handler, name, 7)
    assert getattr(pool.handler, name) == 7


def test_an_override_of_execute_command_sees_the_commands():
    class Counting(RedisProtocol):
        seen = []

        def execute_command(self, *args, **kwargs):
            self.seen.append(args)
            return super().execute_command(*args, **kwargs)

    pool = Pool(protocol=Counting)
    count = pool.handler.cf.count("k", "a")
    pool.answer(integer(2))
    assert fired(count) == 2
    assert Counting.seen == [("CF.COUNT", "k", "a")]


def sharded():
    """Two pools in memory, and a sharded handler of them."""
    nodes = [Pool(), Pool()]
    for number, node in enumerate(nodes):
        node.factory.uuid = f"127.0.0.1:{number}"
    return nodes, redis.ShardedConnectionHandler([node.handler for node in nodes])


@pytest.mark.parametrize(
    ("call", "sent", "reply", "value"),
    [
        (lambda c: c.json.get("k"), ("JSON.GET", "k"), b"$1\r\n1\r\n", 1),
        (lambda c: c.json.mget(["k"], "$"), ("JSON.MGET", "k", "$"), b"*1\r\n$-1\r\n", [None]),
        (lambda c: c.bf.add("k", "x"), ("BF.ADD", "k", "x"), integer(1), True),
        (lambda c: c.ts.madd([("k", 1, 2)]), ("TS.MADD", "k", 1, 2), b"*1\r\n:1\r\n", [1]),
        (lambda c: c.search().suglen("k"), ("FT.SUGLEN", "k"), integer(1), 1),
    ],
)
def test_a_sharded_handler_sends_a_command_to_the_node_of_its_key(call, sent, reply, value):
    nodes, handler = sharded()
    deferred = call(handler)
    [node] = [node for node in nodes if any(transport.value() for transport in node.transports)]
    assert node.answer(reply) == command(*sent)
    assert fired(deferred) == value


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.ts.queryindex(["x=1"]),
        lambda c: c.search("i").search("*"),
        lambda c: c.json.mset([(f"key{number}", "$", 1) for number in range(20)]),
    ],
)
def test_a_sharded_handler_refuses_what_is_about_several_nodes(call):
    nodes, handler = sharded()
    failed(call(handler), NotImplementedError)
    assert [node.written() for node in nodes] == [b"", b""]


@pytest.mark.parametrize("cls", [redis.ConnectionHandler, redis.RedisProtocol, redis.Transaction, redis.Batch])
def test_the_namespaces_are_in_help_and_completion(cls):
    assert set(NAMESPACES) <= set(dir(cls))
    assert all(getattr(cls, name).__doc__ for name in NAMESPACES)
