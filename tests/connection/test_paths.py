"""The ways of a command and of a reply are short: each call on them is one that a reader has to follow."""

from __future__ import annotations

import re

import pytest
from testbed.paths import PACKAGE, record_pure, recorded
from testbed.support import Pool, connected, fired
from testbed.wire import command
from twisted.internet.defer import CancelledError

import txredis_fast


@pytest.mark.parametrize(("which", "most_calls", "most_files"), [("command", 7, 5), ("reply", 10, 4)])
def test_the_path_is_short_in_pure_python(which, most_calls, most_files):
    text = record_pure(which)
    calls, files = map(int, re.match(r"(\d+) calls, (\d+) files", text).groups())
    assert calls == len(text.splitlines()) - 1
    assert 3 < calls <= most_calls, text
    assert 2 < files <= most_files, text


@pytest.mark.skipif(txredis_fast.IMPLEMENTATION != "cython", reason="the extension is not in use")
def test_a_compiled_command_runs_no_python_code_but_its_method():
    pool = Pool()
    assert callable(pool.handler.get)  # the first look makes the method
    path = recorded(lambda: pool.handler.get("key"), str(PACKAGE))
    assert [name for _, _, name in path] == ["get"]
    assert pool.written() == b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"


@pytest.mark.skipif(txredis_fast.IMPLEMENTATION != "cython", reason="the extension is not in use")
def test_neither_does_one_with_a_reply_timeout_while_the_timer_runs(clock):
    pool = Pool(replyTimeout=5)
    pool.handler.get("first")
    path = recorded(lambda: pool.handler.get("key"), str(PACKAGE))
    assert [name for _, _, name in path] == ["get"]
    clock.advance(4)
    (connection,) = pool.factory.pool
    connection.dataReceived(b"$1\r\n1\r\n")
    clock.advance(0.5)
    assert connection.connected
    for _ in range(5):
        clock.advance(0.5)
    assert not connection.connected  # the second one is overdue


@pytest.mark.skipif(txredis_fast.IMPLEMENTATION != "cython", reason="the extension is not in use")
def test_a_command_by_its_name_runs_no_python_code_once_the_name_is_known():
    pool = Pool()
    pool.handler.execute_command("OBJECT", "FREQ", "key")
    pool.written()
    path = recorded(lambda: pool.handler.execute_command("OBJECT", "FREQ", "key"), str(PACKAGE))
    assert path == []
    assert pool.written() == b"*3\r\n$6\r\nOBJECT\r\n$4\r\nFREQ\r\n$3\r\nkey\r\n"


@pytest.mark.skipif(txredis_fast.IMPLEMENTATION != "cython", reason="the extension is not in use")
def test_the_reply_to_a_script_fires_its_deferred_without_an_errback_of_ours():
    pool = Pool()
    pool.handler.eval("return 1", [], [])
    (connection,) = pool.factory.pool
    connection.dataReceived(b":1\r\n")
    deferred = pool.handler.eval("return 1", [], [])
    assert b"EVALSHA" in pool.written()
    assert [value for name, value in vars(deferred).items() if name.endswith("callbacks")] == [[]]
    connection.dataReceived(b"-NOSCRIPT No matching script. Please use EVAL.\r\n")
    assert b"EVAL\r\n" in pool.written() and not deferred.called
    connection.dataReceived(b":2\r\n")
    assert deferred.result == 2


def test_the_second_try_of_a_script_stays_on_a_connection_that_is_its_callers_alone():
    pool = Pool(2)
    pool.handler.eval("return 1", [], [])
    pool.answer(b":1\r\n")
    connection = pool.factory.connectionQueue.current
    taken = {fired(pool.handler._factory.getConnection()) for _ in range(2)}
    assert connection in taken
    deferred = connection.eval("return 1", [], [])
    assert b"EVALSHA" in pool.answer(b"-NOSCRIPT No matching script. Please use EVAL.\r\n")
    assert connection.transport.value().startswith(b"*3\r\n$4\r\nEVAL\r\n")
    pool.answer(b":2\r\n")
    assert fired(deferred) == 2


def test_a_cancelled_script_is_counted_and_its_reply_dropped():
    pool = Pool()
    pool.handler.eval("return 1", [], [])
    pool.answer(b":1\r\n")
    (connection,) = pool.factory.pool
    deferred = pool.handler.eval("return 1", [], [])
    deferred.addErrback(lambda failure: failure.trap(CancelledError))
    deferred.cancel()
    assert deferred.result is CancelledError
    assert connection.link.requests.cancelled == 1
    assert b"EVALSHA" in pool.answer(b"-NOSCRIPT No matching script. Please use EVAL.\r\n")
    assert pool.written() == b"", "what was cancelled is not sent again"


def test_a_script_that_is_cancelled_before_its_second_try_is_answered_cancels_that():
    pool = Pool()
    pool.handler.eval("return 1", [], [])
    (connection,) = pool.factory.pool
    connection.dataReceived(b":1\r\n")
    deferred = pool.handler.eval("return 1", [], [])
    waits = pool.handler._factory.getConnection()  # taken: the second try waits for a connection
    assert waits.result is connection
    connection.dataReceived(b"-NOSCRIPT No matching script. Please use EVAL.\r\n")
    pool.written()
    deferred.addErrback(lambda failure: failure.trap(CancelledError))
    deferred.cancel()
    assert deferred.result is CancelledError
    pool.factory.connectionQueue.put(connection)
    assert pool.written() == b"", "what was cancelled is not sent"


def test_a_program_whose_execute_command_returns_a_plain_value_keeps_its_connection():
    connection, _ = connected()
    connection.eval("return 1")
    connection.dataReceived(b":1\r\n")
    deferred = connection.eval("return 1")
    connection.execute_command = lambda *args, **kwargs: "from a cache"
    connection.dataReceived(b"-NOSCRIPT No matching script. Please use EVAL.\r\n")
    assert deferred.result == "from a cache"
    assert connection.connected


def test_a_script_in_a_transaction_on_the_connection_itself_is_sent_whole():
    connection, _ = connected()
    connection.eval("return 1")
    connection.dataReceived(b":1\r\n")
    connection.multi()
    connection.dataReceived(b"+OK\r\n")
    connection.transport.clear()
    queued = connection.eval("return 1")
    assert connection.transport.value().startswith(b"*3\r\n$4\r\nEVAL\r\n")
    done = connection.commit()
    connection.dataReceived(b"+QUEUED\r\n*1\r\n:1\r\n")
    assert (queued.result, done.result) == ("QUEUED", [1])


def test_messages_go_to_the_method_that_the_subscriber_has_when_they_come():
    seen = []

    class Subscriber(txredis_fast.SubscriberProtocol):
        def messageReceived(self, pattern, channel, message):
            seen.append(("first", message))
            self.messageReceived = lambda *args: seen.append(("second", args[-1]))
            raise ValueError("of the program, which is logged")

    protocol, _ = connected(Subscriber)
    protocol.subscribe("news")
    protocol.dataReceived(b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")
    protocol.dataReceived(command("message", "news", "a") + command("message", "news", "b"))
    assert seen == [("first", "a"), ("second", "b")]
