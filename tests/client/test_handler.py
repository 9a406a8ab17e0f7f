"""The handler: every command as a real method, over whatever connections there are."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from typing import Any
from unittest import mock

import pytest
from commands.rows import same
from commands.tables import ROWS, name_of
from testbed.extent import some
from testbed.support import Pool, connect, failed, fired
from testbed.wire import command
from twisted.internet.defer import CancelledError
from twisted.internet.testing import MemoryReactorClock

import txredis_fast as redis
from txredis_fast._lazy import LazyMethod
from txredis_fast.client import handler
from txredis_fast.client.retrying import retrying_class
from txredis_fast.commands import Commands
from txredis_fast.commands.modules import NAMESPACES
from txredis_fast.connection import RedisProtocol

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


@pytest.mark.parametrize("row", some(ROWS), ids=name_of)
def test_every_row_over_a_connection(row):
    from testbed.support import connected

    protocol, transport = connected(**options(row))
    d = call(row, protocol)
    assert transport.take() == first_wire(row)
    protocol.dataReceived(row.answered)
    assert same(fired(d), row.value)


# select and auth are about all connections of the pool at once, and HIMPORT about a single one, so that it is refused;
# they have tests of their own, here and in test_guards.
OF_A_POOL = [row for row in ROWS if row.name not in ("select", "auth") and row.sent[0] != "HIMPORT"]


@pytest.mark.parametrize("row", some(OF_A_POOL), ids=name_of)
def test_every_row_over_a_pool(row):
    pool = Pool(3, **options(row))
    d = call(row, pool.handler)
    assert pool.answer(row.answered) == first_wire(row)
    assert same(fired(d), row.value)
    assert len(pool.factory.connectionQueue.pending) == 3 - (
        row.name == "quit"
    )  # which its connection does not survive
    assert (pool.factory.continueTrying == 0) == row.stops_trying


@pytest.mark.parametrize("row", some(ROWS), ids=name_of)
def test_every_row_over_a_pipeline(row):
    pool = Pool(**options(row))
    p = fired(pool.handler.pipeline())
    d = call(row, p)
    done = p.execute_pipeline()
    assert pool.answer(row.answered) == row.wire_queued
    assert same(fired(done), [row.value])
    assert same(fired(d), row.value)


@pytest.mark.parametrize("row", some(ROWS), ids=name_of)
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
        if not name.startswith("_") and name not in ("execute_command", *NAMESPACES):
            method = inspect.getattr_static(cls, name)
            assert callable(method) or isinstance(method, staticmethod)
            assert inspect.signature(getattr(cls, name)) == inspect.signature(getattr(Commands, name))
            assert inspect.getdoc(getattr(cls, name))
            assert name in dir(cls)


def lazy_methods(cls):
    return {name for name, value in vars(cls).items() if isinstance(value, LazyMethod)}


def fresh_handler_class(repeated):
    """Of handlers whose methods are not made, as after the import."""
    cls = type("Handler", (redis.ConnectionHandler,), {})
    if repeated:
        return retrying_class(cls)
    for name, method in handler.COMMAND_METHODS.items():
        setattr(cls, name, LazyMethod(cls, handler._delegate, name, method))
    return cls


@pytest.mark.parametrize("repeated", [False, True])
def test_a_method_is_made_when_it_is_first_used(repeated):
    cls = fresh_handler_class(repeated)
    before = lazy_methods(cls)
    assert "get" in before
    assert len(before) > 300
    below = type("Below", (cls,), {"set": lambda self, *args: super(below, self).set(*args)})
    assert cls.get is cls.get is vars(cls)["get"] is below.get
    assert inspect.isfunction(cls.get) or type(cls.get).__name__ == "cython_function_or_method"
    assert below.set is not cls.set
    assert before - lazy_methods(cls) == {"get", "set"}
    made = below(Pool().factory)
    assert made.append.__self__ is made
    assert made.append.__name__ == "append"


def test_a_method_that_a_program_replaces_stays(monkeypatch):
    cls = fresh_handler_class(False)
    kept = vars(cls)["get"]
    with monkeypatch.context() as patched:
        patched.setattr(cls, "get", lambda self, key: key)
        assert kept.__get__(None, cls).__name__ == "get"
        assert cls(Pool().factory).get("own") == "own"
    assert cls.get.__name__ == "get"
    assert cls.get.__doc__ == Commands.get.__doc__
    pool = Pool()
    kept(pool.handler, "key")
    assert pool.written() == command("GET", "key")


def test_a_method_fetched_once_may_be_called_often():
    pool = Pool()
    lpush = pool.handler.lpush
    lpush("a", 1), lpush("a", 2)
    assert pool.written() == command("LPUSH", "a", 1) + command("LPUSH", "a", 2)


def unknown(holder: Any, name: str) -> str:
    """The text of the error of an unknown name, which hasattr and a default do not raise."""
    assert not hasattr(holder, name)
    assert getattr(holder, name, 5) == 5
    with pytest.raises(AttributeError) as raised:
        getattr(holder, name)
    return str(raised.value)


def test_an_unknown_name_fails_at_once_and_the_nearest_are_named():
    pool = Pool(size=2)
    rc = pool.handler
    begun = rc.multi()
    pool.answer(b"+OK\r\n")
    holders = [rc, rc.raw, rc.withTimeout(1), rc.retrying, redis.Batch(), fired(rc.pipeline()), fired(begun)]
    holders.append(Pool(retry=redis.RetryPolicy()).handler)
    for holder in holders:
        text = unknown(holder, "hgettall")
        assert f"{type(holder).__name__!r} object has no attribute 'hgettall'; the nearest: hgetall, " in text
        assert text.endswith("; execute_command() sends any command by its name")
        assert "the nearest: get" in unknown(holder, "GETT")
        assert "nearest" not in unknown(holder, "quux_zzy")
        assert "nearest" not in unknown(holder, "_private")


def test_a_name_of_other_clients_leads_to_the_one_here():
    rc = Pool().handler
    for name, here in (("close", "disconnect"), ("aclose", "disconnect"), ("pubsub", "subscriber")):
        assert unknown(rc, name) == f"'ConnectionHandler' object has no attribute {name!r}; here it is {here}()"
    assert "here it is" not in unknown(redis.Batch(), "close")


def test_a_deferred_of_a_handler_that_is_used_as_the_handler_says_what_it_is(monkeypatch):
    monkeypatch.setattr(redis, "reactor", MemoryReactorClock(), raising=False)
    connecting = redis.connect("redis://127.0.0.1")
    connecting.addErrback(lambda _: None)
    opening = Pool().handler.subscriber()
    opening.addErrback(lambda _: None)
    for deferred in (connecting, opening):
        assert unknown(deferred, "get").endswith("await it, and use what it fires with")
        assert "await" not in unknown(deferred, "_private")
        deferred.cancel()


def test_the_number_of_keys_of_a_script_is_added():
    rc = Pool().handler
    for call in (rc.eval("return 1", 1, "key"), rc.evalsha("0" * 40, 1, "key")):
        assert str(failed(call, TypeError)).startswith("keys must be one key or a list of keys, whose number is added")


def test_an_unknown_name_of_a_pipeline_without_a_connection_is_no_error_of_the_connection():
    pipeline = fired(Pool(connect=False).handler.pipeline())
    assert "the nearest: get" in unknown(pipeline, "gett")


def test_an_error_in_a_property_of_a_programs_protocol_stays_as_it_is():
    class Protocol(RedisProtocol):
        @property
        def broken(self) -> Any:
            return self.transport.no_such_thing

    pool = Pool(protocol=Protocol)
    begun = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    with pytest.raises(AttributeError, match="no_such_thing"):
        fired(begun).broken


def test_handlers_and_batches_can_be_copied_and_mocked():
    rc = Pool().handler
    assert copy.copy(rc)._factory is rc._factory
    batch = redis.Batch()
    batch.get("key")
    assert len(copy.deepcopy(batch)) == len(pickle.loads(pickle.dumps(batch))) == 1
    for holder in (rc, batch):
        mocked = mock.create_autospec(holder)
        mocked.get("key")
        with pytest.raises(AttributeError):
            mocked.gett


def test_names_that_a_programs_protocol_adds_are_reached_in_each_of_its_ways():
    class Added(RedisProtocol):
        def hello(self, name: str) -> str:
            return f"hello {name}"

    class Dynamic(RedisProtocol):
        def __getattr__(self, name: str) -> Any:
            if name != "hello":
                raise AttributeError(name)
            return lambda name: f"hello {name}"

    def made(*args: Any, **kwargs: Any) -> Any:
        return Added(*args, **kwargs)

    for protocol in (Added, Dynamic, made):
        pool = Pool(protocol=protocol)
        assert fired(pool.handler.hello("you")) == "hello you"

    class Factory(redis.RedisFactory):
        def buildProtocol(self, addr: Any) -> Any:
            protocol = super().buildProtocol(addr)
            protocol.hello = lambda name: f"hello {name}"
            return protocol

    factory = Factory(None, None, 1)
    method = factory.handler.hello  # before there is a connection
    connect(factory.buildProtocol(None))
    assert fired(method("you")) == fired(factory.handler.hello("you")) == "hello you"
    assert not hasattr(factory.handler, "goodbye")


def test_a_name_that_its_connection_turns_out_not_to_have_fails_when_called():
    def made(*args: Any, **kwargs: Any) -> Any:
        return RedisProtocol(*args, **kwargs)

    method = Pool(protocol=made).handler.no_such_command
    assert "no_such_command" in str(failed(method(1, a=2), AttributeError))


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


def test_a_read_of_a_time_series_that_may_block_has_a_connection_of_its_own():
    pool = Pool(2)
    waiting = pool.handler.ts.read("s", "$", 5000, 2)
    taken = pool.busy()
    pool.handler.get("a")
    assert b"TS.READ" in taken.value()
    assert b"GET" not in taken.value()
    assert taken.protocol.link.blocking_command == ("TS.READ", "s", "$", "BLOCK", 5000, 2)
    assert taken.protocol not in pool.factory.connectionQueue.pending
    waiting.cancel()
    failed(waiting, CancelledError)


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


@pytest.mark.parametrize("how", ["made", "given back"])
def test_a_connection_that_comes_while_the_others_are_told_follows(how):
    pool = Pool(2, connect=False)
    first = pool.connect()
    if how == "given back":
        second = pool.connect()
        begun = pool.handler.multi()
        second = pool.busy()
        (first,) = [each for each in pool.transports if each is not second]
        second.take()
        second.protocol.dataReceived(b"+OK\r\n")
        transaction = fired(begun)
    d = pool.handler.select(3)
    assert first.take() == command("SELECT", 3)
    if how == "given back":
        discarded = transaction.discard()
        second.take()
        second.protocol.dataReceived(b"+OK\r\n")
        fired(discarded)
    else:
        second = pool.connect()
    assert second.take() == b""
    first.protocol.dataReceived(b"+OK\r\n")
    assert fired(d) == "OK"
    assert second.take() == command("SELECT", 3)


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


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda rc: rc.set("a", 1, exx=5), "unexpected keyword argument 'exx'; the nearest: xx, ex$"),
        (lambda rc: rc.xadd("a", {"f": 1}, maxln=5), "'maxln'; the nearest: maxlen"),
        (lambda rc: rc.blpop("a", timeot=5), "'timeot'; the nearest: timeout"),
        (lambda rc: rc.ttl("a", qqqqq=5), "unexpected keyword argument 'qqqqq'$"),
        (lambda rc: rc.set("a"), "missing 1 required positional argument: 'value'$"),
    ],
)
def test_a_misspelt_keyword_of_a_command_is_told_the_nearest(call, says):
    pool = Pool()
    assert re.search(says, str(failed(call(pool.handler), TypeError)))
    assert pool.written() == b""


def test_an_error_inside_a_program_s_own_method_is_left_as_it_is():
    class Own(redis.RedisProtocol):
        def set(self, key, value, **options):
            return super().get(key, exx=1)

    error = failed(Pool(protocol=Own).handler.set("a", 1, exx=5), TypeError)
    assert "nearest" not in str(error)
