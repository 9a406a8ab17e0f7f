"""Batches: recorded once, one write, one list."""

from __future__ import annotations

import pytest
from testbed.support import Pool, failed, fired
from testbed.wire import command
from twisted.internet.defer import CancelledError, FirstError

import txredis_fast as redis

pytestmark = pytest.mark.usefixtures("both", "clock", "logged_errors")


def test_a_list_of_commands_is_one_write_and_one_list():
    pool = Pool()
    d = pool.handler.batch([("SET", "a", 1), ["GET", "a"], ("GET", "b")])
    assert pool.written() == command("SET", "a", 1) + command("GET", "a") + command("GET", "b")
    protocol = pool.factory.pool[0]
    replies = []
    d.addCallback(replies.append)
    protocol.dataReceived(b"+OK\r\n$1\r\n")
    assert replies == []
    protocol.dataReceived(b"1\r\n$-1\r\n")
    assert replies == [["OK", 1, None]]


def test_a_recorded_batch_converts_and_may_be_sent_again():
    batch = redis.Batch()
    batch.hgetall("h")
    batch.execute_command("GET", "a", raw=True)
    batch.sismember("s", 1)
    assert len(batch) == 3
    pool = Pool()
    for _ in range(2):
        d = pool.handler.batch(batch)
        pool.answer(b"*2\r\n$1\r\nf\r\n$1\r\n1\r\n$1\r\n2\r\n:1\r\n")
        assert fired(d) == [{"f": 1}, b"2", True]


@pytest.mark.parametrize("wrong", ["GET k", b"GET", bytearray(b"GET")])
def test_text_is_no_command_of_it(wrong):
    pool = Pool()
    for commands in ([("GET", "a"), wrong], [wrong]):
        error = failed(pool.handler.batch(commands), redis.InvalidData)
        assert str(error).startswith('a command must be a sequence of its arguments, such as ("GET", "key"), not ')
    assert pool.written() == b""
    d = pool.handler.batch([["GET", "a"]])
    pool.answer(b"$-1\r\n")
    assert fired(d) == [None]


def test_an_error_reply_fails_it_with_all_replies_or_is_a_value():
    pool = Pool()
    d = pool.handler.batch([("GET", "a"), ("LPUSH", "a", 1)])
    pool.answer(b":1\r\n-WRONGTYPE no\r\n")
    error = failed(d, redis.PipelineError)
    assert isinstance(error, FirstError) and error.results[0] == 1
    d = pool.handler.batch([("GET", "a"), ("LPUSH", "a", 1)], raise_on_error=False)
    pool.answer(b":1\r\n-WRONGTYPE no\r\n")
    assert isinstance(fired(d)[1], redis.WrongTypeError)


def test_replies_after_a_batch_go_to_the_commands_after_it_in_the_same_chunk():
    pool = Pool()
    first = pool.handler.batch([("GET", "a")] * 3)
    raw = pool.handler.raw.get("b")
    second = pool.handler.batch([("GET", "a")] * 2)
    last = pool.handler.get("c")
    pool.answer(b":1\r\n:2\r\n:3\r\n$1\r\n4\r\n:5\r\n:6\r\n$1\r\n7\r\n")
    assert [fired(first), fired(raw), fired(second), fired(last)] == [[1, 2, 3], b"4", [5, 6], 7]


def test_push_messages_between_its_replies_are_told_apart():
    pushes = []

    class Program(redis.RedisProtocol):
        def pushReceived(self, push):
            pushes.append(list(push))

    pool = Pool(protocol=Program)
    d = pool.handler.batch([("GET", "a")] * 3)
    pool.answer(b":1\r\n>1\r\n$1\r\nx\r\n:2\r\n>1\r\n$1\r\ny\r\n:3\r\n")
    assert fired(d) == [1, 2, 3]
    assert pushes == [["x"], ["y"]]


def test_a_cancelled_batch_shifts_no_reply():
    pool = Pool()
    d = pool.handler.batch([("GET", "a")] * 3)
    after = pool.handler.get("z")
    d.cancel()
    failed(d, CancelledError)
    pool.answer(b":1\r\n:2\r\n:3\r\n:4\r\n")
    assert fired(after) == 4


def test_garbage_in_the_middle_fails_it():
    pool = Pool()
    d = pool.handler.batch([("GET", "a")] * 3)
    pool.answer(b":1\r\n?\r\n")
    failed(d, redis.GarbledReplyError)


def test_wrong_arguments_are_told_at_once():
    batch = redis.Batch()
    with pytest.raises(redis.RedisError):
        batch.bitcount("k", 0)
    with pytest.raises(redis.InvalidData):
        batch.zadd("z", 1, "a", 2)
    with pytest.raises(ValueError, match="BLPOP may block"):
        batch.blpop("q")
    assert len(batch) == 0
    failed(Pool().handler.batch([5]), TypeError)


def test_an_empty_batch_gives_an_empty_list():
    assert fired(Pool().handler.batch([])) == []
