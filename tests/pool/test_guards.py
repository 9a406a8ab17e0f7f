"""No state of a pooled connection leaks to its next user: each way to change it is safe, or refused."""

from __future__ import annotations

import pytest
from testbed.support import Pool, failed, fired, pending
from testbed.wire import command

import txredis_fast as redis

pytestmark = [
    pytest.mark.usefixtures("both", "clock"),
    pytest.mark.promise("However a transaction ends, it leaves no MULTI, WATCH or other database behind"),
]

REFUSED = [
    (("MULTI",), "rc.multi()"),
    (("multi",), "rc.multi()"),
    ((b"Watch", "k"), "rc.transaction()"),
    (("SUBSCRIBE", "c"), "SubscriberFactory"),
    (("PSUBSCRIBE", "c*"), "SubscriberFactory"),
    (("SSUBSCRIBE", "c"), "SubscriberFactory"),
    (("UNSUBSCRIBE", "a", "b"), "SubscriberFactory"),
    (("MONITOR",), "MonitorFactory"),
    (("SYNC",), "connection of its own"),
    (("PSYNC", "?", -1), "connection of its own"),
    (("RESET",), "login"),
    (("HELLO", 3), "protocol"),
    (("HELLO", 2, "AUTH", "default", "x"), "login"),
    (("CLIENT", "REPLY", "OFF"), "without replies"),
    ((b"client", b"reply", b"skip"), "without replies"),
    (("SCRIPT", "DEBUG", "YES"), "debugging"),
]
HARMLESS = [
    ("HELLO",),
    ("CLIENT", "REPLY", "ON"),
    ("CLIENT", "LIST"),
    ("SCRIPT", "DEBUG", "NO"),
    ("SCRIPT", "EXISTS", "x"),
]


@pytest.mark.parametrize(("args", "hint"), REFUSED)
def test_what_changes_the_connection_of_others_is_refused_and_the_right_way_named(args, hint):
    pool = Pool()
    assert hint in str(failed(pool.handler.execute_command(*args), redis.RedisError))
    assert hint in str(failed(pool.handler.raw.execute_command(*args), redis.RedisError))
    assert hint in str(failed(pool.handler.batch([("GET", "k"), args]), redis.RedisError))
    p = fired(pool.handler.pipeline())
    p.execute_command(*args).addErrback(lambda _: None)
    assert hint in str(failed(p.execute_pipeline(), redis.RedisError))
    assert pool.written() == b""


@pytest.mark.parametrize("args", HARMLESS)
def test_what_does_no_harm_is_sent(args):
    pool = Pool()
    d = pool.handler.execute_command(*args)
    assert pool.answer(b"+OK\r\n") == command(*args)
    assert fired(d) == "OK"


@pytest.mark.parametrize("args", [args for args, _ in REFUSED[3:]])
def test_inside_a_transaction_it_is_refused_too_and_nothing_is_executed(args):
    pool = Pool()
    begun = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    t = fired(begun)
    failed(t.execute_command(*args), redis.RedisError)
    failed(t.commit(), redis.ExecAbortError)
    assert pool.answer(b"+OK\r\n+OK\r\n") == command("DISCARD") + command("UNWATCH")


def test_a_protocol_that_is_made_for_it_may(logged_errors):
    pool = Pool(protocol=redis.SubscriberProtocol)
    d = pool.handler.execute_command("SUBSCRIBE", "c")
    pool.answer(b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
    assert fired(d)
    d = pool.handler.execute_command("HELLO", 3)
    assert pool.answer(b"%1\r\n$5\r\nproto\r\n:3\r\n") == command("HELLO", 3)
    assert fired(d) == {"proto": 3}


def test_a_connection_of_ones_own_is_free_to_send_anything():
    pool = Pool()
    (protocol,) = pool.factory.pool
    for args, _ in REFUSED:
        protocol.execute_command(*args).addErrback(lambda _: None)
        assert pool.written() == command(*args)


def test_HIMPORT_is_sent_together_or_not_at_all():
    """A fieldset is of one connection: alone, PREPARE and SET may reach two, or one where another caller has it."""
    pool = Pool(2)
    for alone in (lambda c: c.himport_prepare("u", "name"), lambda c: c.himport_set("k", "u", "Ada")):
        assert "HIMPORT PREPARE" in str(failed(alone(pool.handler), redis.RedisError))
    assert pool.written() == b""
    p = fired(pool.handler.pipeline())
    ds = [p.himport_prepare("u", "name"), p.himport_set("k", "u", "Ada"), p.himport_discard("u")]
    done = p.execute_pipeline()
    sent = command("HIMPORT", "PREPARE", "u", "name") + command("HIMPORT", "SET", "k", "u", "Ada")
    assert pool.answer(b"+OK\r\n+OK\r\n:1\r\n") == sent + command("HIMPORT", "DISCARD", "u")
    assert fired(done) == [fired(d) for d in ds] == ["OK", "OK", 1]
    begun = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    t = fired(begun)
    d = t.himport_prepare("u", "name")
    assert pool.answer(b"+QUEUED\r\n") == command("HIMPORT", "PREPARE", "u", "name")
    assert fired(d) == "QUEUED"
    done = t.commit()
    pool.answer(b"*1\r\n+OK\r\n")
    assert fired(done) == ["OK"]


def test_a_whole_transaction_in_a_batch_is_sent_alone():
    pool = Pool(2)
    d = pool.handler.batch([("MULTI",), ("INCR", "k"), ("EXEC",)])
    assert len(pool.factory.connectionQueue.pending) == 1
    pool.answer(b"+OK\r\n+QUEUED\r\n*1\r\n:1\r\n")
    assert fired(d) == ["OK", "QUEUED", [1]]
    assert len(pool.factory.connectionQueue.pending) == 2
    failed(pool.handler.batch([("MULTI",), ("EXEC",), ("MULTI",), ("INCR", "k")]), redis.RedisError)
    assert pool.written() == b""


# -- SELECT and AUTH are for the whole pool


@pytest.mark.parametrize("index", [3, "3", b"3"])
def test_SELECT_by_name_changes_the_whole_pool(index):
    pool = Pool(2)
    d = pool.handler.execute_command("select", index)
    for transport in pool.transports:
        assert transport.take() == command("SELECT", 3)
        transport.protocol.dataReceived(b"+OK\r\n")
    assert fired(d) == "OK"
    assert pool.factory.dbid == 3
    assert pool.connect().take() == command("SELECT", 3)


@pytest.mark.parametrize("dbid", [None, 2])
@pytest.mark.parametrize("by_name", [True, False])
def test_a_database_selected_in_a_transaction_does_not_stay(dbid, by_name):
    pool = Pool(dbid=dbid)
    pool.answer(b"+OK\r\n") if dbid is not None else None
    begun = pool.handler.watch("k")
    pool.answer(b"+OK\r\n")
    t = fired(begun)
    selected = t.execute_command("SELECT", 5) if by_name else t.select(5)
    pool.answer(b"+OK\r\n")
    assert fired(selected) == "OK"
    t.unwatch()
    waiting = pool.handler.get("a")
    assert pool.answer(b"+OK\r\n") == command("UNWATCH")
    assert pool.answer(b"+OK\r\n:1\r\n") == command("SELECT", dbid or 0) + command("GET", "a")
    assert fired(waiting) == 1


@pytest.mark.parametrize("by_name", [True, False])
def test_AUTH_logs_in_the_whole_pool_and_those_that_are_taken_or_made_later(by_name):
    pool = Pool(2)
    begun = pool.handler.multi()
    busy = pool.busy()
    busy.take()
    busy.protocol.dataReceived(b"+OK\r\n")
    rc = pool.handler
    d = rc.execute_command("AUTH", "user", "secret") if by_name else rc.auth("secret", "user")
    assert pool.answer(b"+OK\r\n") == command("AUTH", "user", "secret")
    assert fired(d) == "OK"
    fired(begun).discard()
    pool.answer(b"+OK\r\n")
    assert pool.answer(b"+OK\r\n") == command("AUTH", "user", "secret"), "follows when it is given back"
    assert pool.connect().take() == command("AUTH", "user", "secret")


@pytest.mark.parametrize("how", ["batch", "pipeline", "transaction"])
def test_a_connection_that_was_logged_in_by_hand_is_closed_when_it_is_given_back(how):
    pool = Pool(2)
    if how == "batch":
        pool.handler.batch([("AUTH", "secret")])
    elif how == "pipeline":
        p = fired(pool.handler.pipeline())
        p.auth("secret")
        p.execute_pipeline()
    else:
        begun = pool.handler.multi()
        transport = pool.busy()
        pool.answer(b"+OK\r\n")
        t = fired(begun)
        t.auth("secret")
        t.commit()
        transport.protocol.dataReceived(b"+QUEUED\r\n*1\r\n")
    if how != "transaction":
        transport = pool.busy()
    assert not transport.disconnecting
    transport.protocol.dataReceived(b"+OK\r\n")
    assert transport.disconnecting
    assert pool.factory.size == 1


def test_a_database_selected_in_a_batch_does_not_stay():
    pool = Pool()
    d = pool.handler.batch([("SELECT", 5), ("GET", "k")])
    pool.answer(b"+OK\r\n:1\r\n")
    assert fired(d) == ["OK", 1]
    assert pool.written() == command("SELECT", 0)


def test_a_refused_AUTH_is_not_remembered():
    pool = Pool()
    d = pool.handler.auth("wrong")
    pool.answer(b"-WRONGPASS no\r\n")
    failed(d, redis.AuthenticationError)
    assert pool.factory.password is None
    assert pool.connect().take() == b""


# -- transactions


def test_the_verbs_of_a_transaction_work_by_name():
    pool = Pool()
    begun = pool.handler.watch("a")
    pool.answer(b"+OK\r\n")
    t = fired(begun)
    t.execute_command("WATCH", "b", "c")
    t.execute_command("multi")
    t.incr("k")
    done = t.execute_command("EXEC")
    assert pool.answer(b"+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n:1\r\n") == (
        command("WATCH", "b", "c") + command("MULTI") + command("INCRBY", "k", 1) + command("EXEC")
    )
    assert fired(done) == [1]
    assert len(pool.factory.connectionQueue.pending) == 1


def test_a_transaction_left_open_on_a_connection_that_is_put_back_is_discarded_first():
    pool = Pool()
    connection = fired(pool.factory.getConnection())
    connection.multi()
    connection.incr("k")
    pool.answer(b"+OK\r\n+QUEUED\r\n")
    pool.factory.connectionQueue.put(connection)
    d = pool.handler.get("a")
    assert pool.answer(b"+OK\r\n+OK\r\n:5\r\n") == command("DISCARD") + command("UNWATCH") + command("GET", "a")
    assert fired(d) == 5
    assert not connection.inTransaction


def test_a_pipeline_left_open_on_a_connection_that_is_put_back_is_forgotten(logged_errors):
    pool = Pool()
    connection = fired(pool.factory.getConnection())
    connection.pipeline()
    errors = []
    connection.incr("k").addErrback(errors.append)
    pool.factory.connectionQueue.put(connection)
    assert errors[0].check(redis.NotSentError)
    d = pool.handler.get("a")
    assert pool.answer(b":5\r\n") == command("GET", "a")
    assert fired(d) == 5


def test_waiting_for_a_connection_that_is_being_cleaned_is_no_loss():
    pool = Pool()
    begun = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    t = fired(begun)
    t.abandon()
    d = pool.handler.get("a")
    assert pending(d)
    pool.answer(b"+OK\r\n+OK\r\n")
    pool.answer(b":1\r\n")
    assert fired(d) == 1
