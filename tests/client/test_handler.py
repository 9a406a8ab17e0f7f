"""The handler: every command as a real method, over whatever connections there are."""

from __future__ import annotations

import inspect

import pytest
from commands.rows import same
from commands.tables import ROWS, name_of
from testbed.support import Pool, failed, fired
from testbed.wire import command
from twisted.internet.defer import CancelledError

import txredis_fast as redis
from txredis_fast.client import handler
from txredis_fast.commands import Commands

pytestmark = pytest.mark.usefixtures("both", "clock")

QUEUED = b"+QUEUED\r\n"


def options(row):
    return {"charset": row.charset, "convertNumbers": row.convert_numbers}


def first_wire(row):
    """What a connection sends that has not executed a script before: that script, not its hash."""
    return row.wire_queued if row.name == "eval" else row.wire


def call(row, host):
    if row.warning is None:
        return row.call(host)
    with pytest.warns(DeprecationWarning):
        return row.call(host)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_every_row_over_a_connection(row):
    from testbed.support import connected

    protocol, transport = connected(**options(row))
    d = call(row, protocol)
    assert transport.take() == first_wire(row)
    protocol.dataReceived(row.answered)
    assert same(fired(d), row.value)


# select and auth are about all connections of the pool at once; they have tests of their own, here and in test_guards.
@pytest.mark.parametrize("row", [row for row in ROWS if row.name not in ("select", "auth")], ids=name_of)
def test_every_row_over_a_pool(row):
    pool = Pool(3, **options(row))
    d = call(row, pool.handler)
    assert pool.answer(row.answered) == first_wire(row)
    assert same(fired(d), row.value)
    assert len(pool.factory.connectionQueue.pending) == 3
    assert (pool.factory.continueTrying == 0) == row.stops_trying


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_every_row_over_a_pipeline(row):
    pool = Pool(**options(row))
    p = fired(pool.handler.pipeline())
    d = call(row, p)
    done = p.execute_pipeline()
    assert pool.answer(row.answered) == row.wire_queued
    assert same(fired(done), [row.value])
    assert same(fired(d), row.value)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_every_row_over_a_transaction(row):
    pool = Pool(**options(row))
    begun = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    t = fired(begun)
    d = call(row, t)
    assert pool.answer(QUEUED) == row.wire_queued
    assert fired(d) in ("QUEUED", b"QUEUED")
    done = t.commit()
    pool.answer(b"*1\r\n" + row.answered)
    assert same(fired(done), [row.value])


# -- real methods


@pytest.mark.parametrize("cls", [redis.ConnectionHandler, redis.RedisProtocol, redis.Transaction, redis.Pipeline])
def test_every_command_is_a_real_method_with_signature_and_help(cls):
    for name in dir(Commands):
        if not name.startswith("_") and name != "execute_command":
            method = inspect.getattr_static(cls, name)
            assert callable(method) or isinstance(method, staticmethod)
            assert inspect.signature(getattr(cls, name)) == inspect.signature(getattr(Commands, name))
            assert inspect.getdoc(getattr(cls, name))
            assert name in dir(cls)


def test_a_method_fetched_once_may_be_called_often():
    pool = Pool()
    lpush = pool.handler.lpush
    lpush("a", 1), lpush("a", 2)
    assert pool.written() == command("LPUSH", "a", 1) + command("LPUSH", "a", 2)


def test_an_unknown_name_never_raises_on_access_and_fails_when_called():
    pool = Pool()
    method = pool.handler.no_such_command
    assert "no_such_command" in str(failed(method(1, a=2), AttributeError))
    with pytest.raises(AttributeError):
        pool.handler._private


def test_wrong_arguments_fail_the_Deferred():
    pool = Pool()
    failed(pool.handler.get(), TypeError)
    failed(pool.handler.set("a"), TypeError)
    d = pool.handler.get("a")
    pool.answer(b":1\r\n")
    assert fired(d) == 1


def test_any_command_can_be_sent_by_its_name():
    pool = Pool()
    d = pool.handler.execute_command("OBJECT", "ENCODING", "k")
    assert pool.answer(b"$3\r\nint\r\n") == command("OBJECT", "ENCODING", "k")
    assert fired(d) == "int"


def test_any_command_can_give_its_reply_raw():
    pool = Pool()
    d = pool.handler.raw.get("k")
    pool.answer(b"$1\r\n1\r\n")
    assert fired(d) == b"1"
    d = pool.handler.raw.hgetall("k")
    pool.answer(b"*2\r\n$1\r\nf\r\n$1\r\n1\r\n")
    assert fired(d) == {b"f": b"1"}


def test_commands_that_a_protocol_subclass_adds_or_overrides_are_reached():
    class Program(redis.RedisProtocol):
        def get(self, key):
            return super().get("prefix:" + key)

        def extra(self):
            return self.execute_command("EXTRA")

        def plain(self):
            return 5

    pool = Pool(protocol=Program)
    pool.handler.get("a"), pool.handler.extra()
    assert pool.written() == command("GET", "prefix:a") + command("EXTRA")
    assert fired(pool.handler.plain()) == 5


def test_the_handler_class_can_be_given():
    class Mine(redis.ConnectionHandler):
        def get(self, key):
            return super().get("mine:" + key)

    pool = Pool(handler=Mine)
    pool.handler.get("a")
    assert pool.written() == command("GET", "mine:a")


# -- blocking commands


def test_a_blocking_command_has_its_connection_alone():
    pool = Pool(2)
    blocked = pool.handler.blpop("q")
    taken = pool.busy()
    taken.take()
    for _ in range(5):
        pool.handler.get("a")
    assert taken.value() == b""
    taken.protocol.dataReceived(b"*2\r\n$1\r\nq\r\n$1\r\nx\r\n")
    assert fired(blocked) == ["q", "x"]
    assert len(pool.factory.connectionQueue.pending) == 2


def test_a_cancelled_blocking_command_ends_its_connection_so_that_no_element_is_eaten():
    pool = Pool(2)
    blocked = pool.handler.blpop("q")
    taken = pool.busy()
    blocked.cancel()
    failed(blocked, CancelledError)
    assert taken.aborted
    assert pool.factory.size == 1
    assert taken.protocol not in pool.factory.connectionQueue.pending


def test_a_cancelled_blocking_command_that_was_waiting_takes_nothing():
    pool = Pool(poolTimeout=None)
    pool.handler.blpop("q")
    second = pool.handler.blpop("r")
    second.cancel()
    failed(second, CancelledError)
    pool.answer(b"*-1\r\n")
    assert pool.written() == b""
    assert len(pool.factory.connectionQueue.pending) == 1


def test_a_blocking_command_by_name_needs_to_be_said_so():
    pool = Pool()
    pool.handler.execute_command("XREAD", "BLOCK", 0, "STREAMS", "s", "$", blocking=True)
    assert pool.factory.connectionQueue.pending == []


# -- spreading


@pytest.mark.parametrize(("commands", "helped"), [(200, False), (900, True)])
def test_one_burst_goes_to_one_connection_until_that_has_much_to_do(commands, helped):
    pool = Pool(3)
    for _ in range(commands):
        pool.handler.get("a")
    in_flight = sorted(protocol.link.in_flight for protocol in pool.factory.pool)
    assert sum(in_flight) == commands
    assert (in_flight[0] > 100) == (in_flight[1] > 100) == helped


def test_repr_names_the_server_and_the_number_of_connections():
    assert repr(Pool(2).handler) == "<Redis Connection: 192.168.1.1:54321 - 2 connection(s)>"
    assert repr(Pool(connect=False).handler) == "<Redis Connection: Not connected>"


# -- select


def test_select_changes_all_connections_and_those_to_come(clock):
    pool = Pool(2)
    d = pool.handler.select(3)
    for transport in pool.transports:
        assert transport.take() == command("SELECT", 3)
        transport.protocol.dataReceived(b"+OK\r\n")
    assert fired(d) == "OK"
    assert pool.connect().take() == command("SELECT", 3)


def test_a_connection_that_is_taken_meanwhile_follows_when_it_is_given_back():
    pool = Pool(2)
    pool.handler.blpop("q")
    taken = pool.busy()
    taken.take()
    d = pool.handler.select(3)
    pool.answer(b"+OK\r\n")
    assert fired(d) == "OK"
    assert taken.value() == b""
    taken.protocol.dataReceived(b"*-1\r\n")
    assert taken.take() == command("SELECT", 3)


def test_a_refused_select_changes_nothing():
    pool = Pool(2)
    d = pool.handler.select(99)
    for transport in pool.transports:
        transport.take()
        transport.protocol.dataReceived(b"-ERR DB index is out of range\r\n")
    failed(d, redis.ResponseError)
    assert pool.factory.dbid is None
    assert pool.connect().take() == b""


def test_a_long_name_of_a_command_is_not_kept():
    pool = Pool()
    long = "x" * 1000
    pool.handler.execute_command(long)
    pool.handler.execute_command("OBJECT", "HELP")
    assert long not in handler._plain_names
    assert "OBJECT" in handler._plain_names
