"""Transactions: WATCH, MULTI, EXEC; and that whatever happens the connection comes back clean."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
from testbed.support import Pool, failed, fired, pending
from testbed.wire import command
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, inlineCallbacks

import txredis_fast as redis
from txredis_fast.batching.transaction import _TRANSITIONS, TransactionState

pytestmark = pytest.mark.usefixtures("both", "clock")

OK = b"+OK\r\n"
QUEUED = b"+QUEUED\r\n"
NOT_OPEN = b"-ERR DISCARD without MULTI\r\n" + OK


def begun(pool, *keys):
    """A transaction with MULTI open, or, if keys are given, one that watches them."""
    if not keys:
        d = pool.handler.multi()
        assert pool.answer(OK) == command("MULTI")
    else:
        d = pool.handler.watch(list(keys))
        assert pool.answer(OK) == command("WATCH", *keys)
    return fired(d)


def free(pool):
    return len(pool.factory.connectionQueue.pending)


# -- the promise


def test_commands_are_queued_and_converted_at_commit():
    pool = Pool()
    t = begun(pool)
    assert t.inTransaction
    ds = [t.set("a", 1), t.hgetall("h"), t.sismember("s", "m"), t.zscore("z", "m")]
    assert pool.answer(QUEUED * 4)
    assert [fired(d) for d in ds] == ["QUEUED"] * 4
    assert t.transactions == 4
    done = t.commit()
    assert pool.answer(b"*4\r\n+OK\r\n*2\r\n$1\r\nf\r\n$1\r\n7\r\n:1\r\n$3\r\n1.5\r\n") == command("EXEC")
    assert fired(done) == ["OK", {"f": 7}, True, 1.5]
    assert t.results == ["OK", {"f": 7}, True, 1.5]
    assert not t.inTransaction
    assert free(pool) == 1


def test_only_the_commands_fail_whose_reply_cannot_be_decoded():
    pool = Pool(undecodable="error")
    t = begun(pool)
    ds = [t.set("a", 1), t.hgetall("h"), t.get("g"), t.llen("l")]
    assert pool.answer(QUEUED * 4)
    done = t.commit()
    assert pool.answer(b"*4\r\n+OK\r\n*2\r\n$1\r\nf\r\n$1\r\n\xff\r\n$2\r\nx\xfe\r\n:3\r\n")
    results = fired(done)
    assert [results[0], results[3]] == ["OK", 3]
    assert [type(each) for each in results[1:3]] == [redis.DecodeError] * 2
    assert [each.reply for each in results[1:3]] == [["f", b"\xff"], b"x\xfe"]
    assert str(results[2]) == "expected text in utf-8, got b'x\\xfe' (2 bytes, at position 1: invalid start byte)"
    assert [fired(d) for d in ds] == ["QUEUED"] * 4
    assert free(pool) == 1
    d = pool.handler.get("a")
    pool.answer(b"$1\r\n1\r\n")
    assert fired(d) == 1


def test_it_is_an_instance_of_the_protocol_class_as_old_programs_expect():
    pool = Pool()
    t = begun(pool)
    assert isinstance(t, redis.RedisProtocol)
    assert isinstance(t, redis.Transaction)
    assert t.factory is pool.factory
    assert t.transport is pool.transports[0]
    assert t.charset == "utf-8"


def test_other_commands_wait_while_the_only_connection_is_taken_and_go_out_before_the_next_transaction():
    pool = Pool()
    t = begun(pool)
    other = pool.handler.get("a")
    second = pool.handler.multi()
    assert pool.written() == b""
    t.commit()
    pool.answer(b"*0\r\n")
    assert pool.written() == command("GET", "a") + command("MULTI")
    pool.transports[0].protocol.dataReceived(b"$1\r\na\r\n" + OK)
    assert fired(other) == "a"
    assert isinstance(fired(second), redis.Transaction)


def test_with_a_pool_other_commands_use_other_connections():
    pool = Pool(2)
    t = begun(pool)
    d = pool.handler.get("a")
    pool.answer(b"$1\r\na\r\n")
    assert fired(d) == "a"
    t.discard()
    assert pool.answer(OK) == command("DISCARD")


def test_watch_executes_at_once_until_multi():
    pool = Pool()
    t = begun(pool, "k", "l")
    d = t.get("k")
    pool.answer(b"$1\r\n5\r\n")
    assert fired(d) == 5
    m = t.multi()
    assert pool.answer(OK) == command("MULTI")
    assert fired(m) is t
    t.set("k", 6)
    pool.answer(QUEUED)
    done = t.commit()
    pool.answer(b"*-1\r\n")
    assert str(failed(done, redis.WatchError)) == "Transaction failed"
    assert free(pool) == 1


def test_multi_with_keys_watches_them_before():
    pool = Pool()
    d = pool.handler.multi(b"key")
    assert pool.answer(OK + OK) == command("WATCH", "key") + command("MULTI")
    t = fired(d)
    t.hgetall("h")
    pool.answer(QUEUED)
    done = t.commit()
    pool.answer(b"*1\r\n*2\r\n$1\r\nf\r\n$1\r\n1\r\n")
    assert fired(done) == [{"f": 1}]


def test_a_single_error_inside_EXEC_is_a_value_and_the_connection_lives_on():
    pool = Pool()
    t = begun(pool)
    t.lpush("string", 1), t.get("a")
    pool.answer(QUEUED * 2)
    done = t.commit()
    pool.answer(b"*2\r\n-WRONGTYPE no\r\n$1\r\n1\r\n")
    error, one = fired(done)
    assert isinstance(error, redis.WrongTypeError) and one == 1
    assert free(pool) == 1


def test_a_stored_value_QUEUED_is_only_a_value():
    pool = Pool()
    t = begun(pool, "k")
    d = t.get("k")
    pool.answer(b"$6\r\nQUEUED\r\n")
    assert fired(d) == "QUEUED"
    assert t.transactions == 0
    t.multi()
    pool.answer(OK)
    t.get("k")
    pool.answer(QUEUED)
    done = t.commit()
    pool.answer(b"*1\r\n$6\r\nQUEUED\r\n")
    assert fired(done) == ["QUEUED"]


@pytest.mark.parametrize("charset", [None, "utf-8", "latin-1"])
def test_the_charset_changes_nothing_about_the_verbs(charset):
    pool = Pool(charset=charset)
    t = begun(pool)
    d = t.get("k")
    pool.answer(QUEUED)
    assert fired(d) == ("QUEUED" if charset else b"QUEUED")
    done = t.commit()
    pool.answer(b"*1\r\n$1\r\nx\r\n")
    assert fired(done) == ["x" if charset else b"x"]


def test_raw_replies_and_converted_ones_mix_in_one_transaction():
    pool = Pool()
    t = begun(pool)
    t.execute_command("GET", "a", raw=True), t.get("b")
    pool.answer(QUEUED * 2)
    done = t.commit()
    pool.answer(b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n")
    assert fired(done) == [b"1", 2]


def test_a_converter_that_fails_does_not_hide_that_the_others_were_applied():
    pool = Pool()
    t = begun(pool)
    t.execute_command("GET", "a", post_proc=lambda reply: 1 / 0), t.get("b")
    pool.answer(QUEUED * 2)
    done = t.commit()
    pool.answer(b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n")
    error, two = fired(done)
    assert isinstance(error, ZeroDivisionError) and two == 2


# -- misuse


def test_the_table_has_an_answer_for_each_verb_that_the_code_asks_for():
    states = set(TransactionState)
    assert {state for state, _ in _TRANSITIONS} == states
    for state in (TransactionState.WATCHING, TransactionState.QUEUING, TransactionState.CLOSED):
        assert {(state, "EXEC"), (state, "DISCARD")} <= set(_TRANSITIONS)


def test_commit_and_discard_without_multi_are_errors_here_not_on_the_server():
    pool = Pool()
    t = begun(pool, "k")
    for d in (t.commit(), t.discard(), pool.handler.commit(), pool.handler.discard()):
        assert str(failed(d, redis.RedisError)) == "Not in transaction"
    assert pool.written() == b""
    unwatched = t.unwatch()
    assert pool.answer(OK) == command("UNWATCH")
    assert fired(unwatched) == "OK"
    assert free(pool) == 1


def test_nested_multi_and_watch_inside_multi_are_refused_and_nothing_is_lost():
    pool = Pool()
    t = begun(pool)
    assert "nested" in str(failed(t.multi(), redis.ResponseError))
    assert "WATCH inside MULTI" in str(failed(t.watch("k"), redis.ResponseError))
    assert pool.written() == b""
    t.set("a", 1)
    pool.answer(QUEUED)
    done = t.commit()
    pool.answer(b"*1\r\n+OK\r\n")
    assert fired(done) == ["OK"]


def test_unwatch_inside_multi_is_queued_like_any_command():
    pool = Pool()
    t = begun(pool)
    d = t.unwatch()
    assert pool.answer(QUEUED) == command("UNWATCH")
    assert fired(d) == "QUEUED"
    assert t.inTransaction


def test_after_the_end_its_commands_go_through_the_pool():
    pool = Pool()
    t = begun(pool)
    t.commit()
    pool.answer(b"*0\r\n")
    d = t.get("a")
    assert pool.answer(b"$1\r\na\r\n") == command("GET", "a")
    assert fired(d) == "a"
    again = t.multi()
    pool.answer(OK)
    assert fired(again) is not t
    failed(t.commit(), redis.RedisError)


# -- whatever happens, the connection comes back clean


def test_a_refused_command_aborts_the_transaction_and_frees_the_connection():
    pool = Pool()
    t = begun(pool)
    d = t.execute_command("NOSUCH")
    pool.answer(b"-ERR unknown command\r\n")
    failed(d, redis.ResponseError)
    done = t.commit()
    pool.answer(b"-EXECABORT discarded\r\n")
    failed(done, redis.ExecAbortError)
    assert free(pool) == 1
    assert pool.written() == b""


@pytest.mark.promise(
    "A failure of a transaction is told once: the Deferreds of its commands may be dropped, and keep their failures",
    about="Transactions, pipelines and batches",
)
def test_dropped_commands_are_not_logged_where_commit_tells_of_the_failure(logged_errors):
    pool = Pool()
    t = begun(pool)
    kept = t.execute_command("NOSUCH")
    t.incr("a")  # nobody keeps its Deferred
    pool.answer(b"-ERR unknown command\r\n-ERR wrong number of arguments\r\n")
    done = t.commit()
    pool.answer(b"-EXECABORT discarded\r\n")
    error = failed(done, redis.ExecAbortError)
    assert str(error.__cause__) == "ERR unknown command"
    assert str(failed(kept, redis.ResponseError)) == "ERR unknown command"  # whoever asks later gets the failure
    del t
    assert logged_errors.flush() == []


def test_dropped_commands_that_were_never_sent_are_not_logged_where_commit_tells_of_them(logged_errors):
    pool = Pool(charset="ascii")
    t = begun(pool)
    t.set("k", "\xfc"), t.bitcount("k", 0)
    error = failed(t.commit(), redis.ExecAbortError)
    assert isinstance(error.__cause__, redis.InvalidData)
    pool.answer(OK + OK)
    del t
    assert logged_errors.flush() == []


def test_dropped_commands_of_a_lost_connection_are_not_logged_where_commit_tells_of_it(logged_errors):
    pool = Pool()
    t = begun(pool)
    t.set("a", 1), t.set("b", 2)
    done = t.commit()
    pool.transports[0].loseConnection()
    failed(done, redis.MaybeExecutedError)
    del t
    assert logged_errors.flush() == []


@pytest.mark.parametrize("end", ["no commit", "commit"])
def test_what_commit_does_not_tell_of_is_logged(end, logged_errors):
    pool = Pool()
    t = begun(pool)
    if end == "commit":
        t.get("a").addErrback(lambda _: 1 / 0)  # the program's own mistake
    else:
        t.get("a")
    pool.answer(b"-ERR refused\r\n")
    if end == "commit":
        done = t.commit()
        pool.answer(b"-EXECABORT discarded\r\n")
        failed(done, redis.ExecAbortError)
    else:
        t.abandon()
        pool.answer(OK + OK)
    del t
    expected = ZeroDivisionError if end == "commit" else redis.ResponseError
    assert [type(error) for error in logged_errors.flush()] == [expected]


def test_a_cancelled_command_that_is_dropped_is_logged_as_everywhere(logged_errors):
    pool = Pool()
    t = begun(pool)
    t.get("a").cancel()
    pool.answer(b"-ERR refused\r\n")
    done = t.commit()
    pool.answer(b"-EXECABORT discarded\r\n")
    failed(done, redis.ExecAbortError)
    del t
    assert [type(error) for error in logged_errors.flush()] == [CancelledError]


@pytest.mark.parametrize(
    "refused", [lambda t: t.set("k", "\xfc"), lambda t: t.bitcount("k", 0), lambda t: t.zadd("z", 1, "a", 2)]
)
def test_a_command_refused_before_it_was_sent_aborts_the_transaction_as_the_server_would(refused):
    pool = Pool(charset="ascii")
    t = begun(pool)
    failed(refused(t), redis.RedisError)
    t.hgetall("h")
    pool.answer(QUEUED)
    assert "because of" in str(failed(t.commit(), redis.ExecAbortError))
    assert pool.answer(OK + OK) == command("DISCARD") + command("UNWATCH")
    assert free(pool) == 1


def test_a_command_refused_while_only_watching_harms_nothing():
    pool = Pool(charset="ascii")
    t = begun(pool, "k")
    failed(t.get("\xfc"), redis.InvalidData)
    t.multi()
    pool.answer(OK)
    done = t.commit()
    pool.answer(b"*0\r\n")
    assert fired(done) == []


def test_a_refused_MULTI_fails_and_leaves_neither_MULTI_nor_WATCH():
    pool = Pool()
    d = pool.handler.multi("k")
    pool.answer(OK + b"-NOPERM no multi\r\n")
    failed(d, redis.NoPermissionError)
    assert free(pool) == 0
    assert pool.answer(NOT_OPEN) == command("DISCARD") + command("UNWATCH")
    assert free(pool) == 1


def test_a_refused_WATCH_does_not_leave_the_MULTI_after_it_open():
    pool = Pool()
    d = pool.handler.multi("k")
    pool.answer(b"-NOPERM no watch\r\n" + OK)
    failed(d, redis.NoPermissionError)
    assert pool.answer(OK + OK) == command("DISCARD") + command("UNWATCH")
    assert free(pool) == 1


@pytest.mark.parametrize("verb", ["multi", "watch"])
def test_cancelling_the_beginning_after_it_was_written_undoes_it(verb):
    pool = Pool()
    d = getattr(pool.handler, verb)(*(["k"] if verb == "watch" else []))
    d.cancel()
    failed(d, CancelledError)
    assert free(pool) == 0
    pool.answer(OK + NOT_OPEN)
    assert free(pool) == 1


def test_cancelling_while_waiting_for_a_connection_takes_none():
    pool = Pool()
    t = begun(pool)
    waiting = pool.handler.multi()
    waiting.cancel()
    failed(waiting, CancelledError)
    t.commit()
    pool.answer(b"*0\r\n")
    assert pool.written() == b""
    assert free(pool) == 1


def test_cancelling_a_queued_command_keeps_the_others_in_their_places():
    pool = Pool()
    t = begun(pool)
    cancelled, kept = t.get("a"), t.hgetall("h")
    cancelled.cancel()
    failed(cancelled, CancelledError)
    pool.answer(QUEUED * 2)
    assert fired(kept) == "QUEUED"
    done = t.commit()
    pool.answer(b"*2\r\n$1\r\na\r\n*0\r\n")
    assert fired(done) == ["a", {}]


def test_cancelling_commit_leaves_the_connection_clean_for_the_next():
    pool = Pool()
    t = begun(pool)
    done = t.commit()
    done.cancel()
    failed(done, CancelledError)
    assert pool.answer(b"*0\r\n" + NOT_OPEN) == command("EXEC") + command("DISCARD") + command("UNWATCH")
    assert free(pool) == 1


def test_a_connection_lost_inside_is_not_given_to_anybody():
    pool = Pool()
    t = begun(pool)
    done = t.commit()
    pool.transports[0].loseConnection()
    failed(done, redis.MaybeExecutedError)
    assert free(pool) == 0
    assert pool.factory.size == 0
    waiting = pool.handler.get("a")
    assert pending(waiting)
    pool.written()
    pool.connect()
    assert pool.answer(b"$1\r\na\r\n") == command("GET", "a")


def test_a_connection_lost_before_the_last_command_fails_commit_as_never_executed():
    pool = Pool()
    t = begun(pool)
    t.set("a", 1).addErrback(lambda _: None)
    pool.transports[0].loseConnection()
    failed(t.set("b", 2), redis.NotSentError)
    failed(t.commit(), redis.NotSentError)


def test_a_lost_reference_discards_in_a_turn_of_the_reactor(clock, logged_errors):
    pool = Pool()
    begun(pool)
    gc.collect()
    assert pool.written() == b""  # the collector may have run in the middle of anything
    clock.advance(0)
    assert pool.answer(OK + OK) == command("DISCARD") + command("UNWATCH")
    assert free(pool) == 1


def test_a_reference_lost_after_commit_writes_nothing():
    pool = Pool()
    t = begun(pool)
    t.commit()
    pool.answer(b"*0\r\n")
    del t
    gc.collect()
    assert pool.written() == b""


LEFT_OPEN = """
from testbed.support import Pool, fired

pool = Pool()
transaction = pool.handler.multi()
pool.answer(b"+OK\\r\\n")
transaction = fired(transaction)
"""


def test_one_left_open_at_the_end_of_the_interpreter_says_nothing():
    tests = Path(__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-c", LEFT_OPEN],
        cwd=tests,
        env={**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


# -- context managers and transact


@pytest.mark.parametrize("begin", ["transaction", "pipelined"])
def test_a_coroutine_that_is_finalized_in_its_block_ends_it_in_a_turn_of_the_reactor(begin, clock, logged_errors):
    pool = Pool()

    async def program():
        async with getattr(pool.handler, begin)() as begun:
            begun.get("a").addErrback(ended.append)
            await Deferred()

    ended = []
    coroutine = program()
    coroutine.send(None)
    if begin == "transaction":
        assert pool.answer(OK) == command("MULTI")
        coroutine.send(None)
        assert pool.answer(QUEUED) == command("GET", "a")
    coroutine.close()
    assert (pool.written(), ended) == (b"", [])
    clock.advance(0)
    if begin == "transaction":
        assert pool.answer(OK + OK) == command("DISCARD") + command("UNWATCH")
    else:
        assert [type(failure.value) for failure in ended] == [redis.NotSentError]
    assert free(pool) == 1


def run(coroutine):
    return ensureDeferred(coroutine)


def test_the_context_manager_commits_what_was_queued():
    pool = Pool()

    async def program():
        async with pool.handler.transaction() as t:
            t.incr("n")
        return t.results

    d = run(program())
    pool.answer(OK)
    pool.answer(QUEUED + b"*1\r\n:1\r\n")
    assert fired(d) == [1]


def test_the_context_manager_discards_after_an_exception():
    pool = Pool()

    async def program():
        async with pool.handler.transaction() as t:
            t.incr("n")
            raise KeyError("a bug in the caller's code")

    d = run(program())
    pool.answer(OK)
    failed(d, KeyError)
    assert pool.answer(QUEUED + OK + OK).endswith(command("DISCARD") + command("UNWATCH"))
    assert free(pool) == 1


def test_the_context_manager_discards_after_a_cancellation():
    pool = Pool()

    async def program():
        async with pool.handler.transaction():
            await Deferred()

    d = run(program())
    pool.answer(OK)
    d.cancel()
    failed(d, CancelledError)
    pool.answer(OK + OK)
    assert free(pool) == 1


def test_the_context_manager_unwatches_what_was_only_watched():
    pool = Pool()

    async def program():
        async with pool.handler.transaction(watch="k"):
            pass

    d = run(program())
    pool.answer(OK)
    assert pool.answer(OK) == command("UNWATCH")
    assert fired(d) is None
    assert free(pool) == 1


def test_transact_runs_again_when_a_watched_key_changed(clock):
    pool = Pool()

    async def increment(t):
        value = await t.get("n")
        await t.multi()
        t.set("n", value + 1)

    d = pool.handler.transact(increment, "n")
    for value, answer in ((1, b"*-1\r\n"), (5, b"*1\r\n+OK\r\n")):
        assert pool.answer(OK) == command("WATCH", "n")
        pool.answer(b":%d\r\n" % value)
        pool.answer(OK)
        assert pool.answer(QUEUED + answer) == command("SET", "n", value + 1) + command("EXEC")
        clock.advance(10)
    assert fired(d) == ["OK"]


def test_transact_gives_up_after_its_retries_and_takes_old_style_functions(clock):
    pool = Pool()

    @inlineCallbacks
    def nothing(t):
        yield t.multi()
        t.get("a")

    d = pool.handler.transact(nothing, "n", retries=1)
    for _ in range(2):
        pool.answer(OK), pool.answer(OK), pool.answer(QUEUED + b"*-1\r\n")
        clock.advance(10)
    failed(d, redis.WatchError)
    assert free(pool) == 1


# -- protocol subclasses


def test_commands_that_a_protocol_subclass_adds_or_overrides_work_inside():
    log = []

    class Program(redis.RedisProtocol):
        def execute_command(self, *args, **kwargs):
            log.append(args[0])
            return super().execute_command(*args, **kwargs)

        def get(self, key):
            return super().get("prefix:" + key)

        def extra(self, key):
            return self.execute_command("EXTRA", key)

    pool = Pool(protocol=Program)
    t = begun(pool)
    t.get("a"), t.extra("b")
    assert pool.answer(QUEUED * 2) == command("GET", "prefix:a") + command("EXTRA", "b")
    t.commit()
    pool.answer(b"*2\r\n:1\r\n:2\r\n")
    assert log == ["MULTI", "GET", "EXTRA", "EXEC"]


@pytest.mark.promise(
    "EVAL after NOSCRIPT never enters the transaction of another caller that has taken the connection meanwhile",
    about="Transactions, pipelines and batches",
)
def test_a_script_that_the_server_has_lost_is_not_sent_into_somebody_elses_transaction():
    pool = Pool()
    d = pool.handler.eval("return 1")
    pool.answer(b":1\r\n")
    assert fired(d) == 1
    d = pool.handler.eval("return 1")  # by its hash now
    t = pool.handler.multi()
    written = pool.answer(b"-NOSCRIPT No matching script\r\n" + OK)
    assert written.startswith(b"*3\r\n$7\r\nEVALSHA\r\n")
    assert written.endswith(command("MULTI"))
    t = fired(t)
    assert pool.written() == b"", "it waits for its turn"
    queued = t.get("key")
    assert pool.answer(QUEUED) == command("GET", "key")
    assert fired(queued) == "QUEUED"
    done = t.commit()
    assert pool.answer(b"*1\r\n$5\r\nvalue\r\n") == command("EXEC")
    assert fired(done) == ["value"]
    assert pool.answer(b":1\r\n") == command("EVAL", "return 1", 0)
    assert fired(d) == 1
