"""The ways of a command and of a reply are short: each call on them is one that a reader has to follow."""

from __future__ import annotations

import re

import pytest
from testbed.paths import PACKAGE, record_pure, recorded
from testbed.support import Pool

import txredis_fast


# (The goal for a reply is 15 calls in 4 files; the parser alone, cut along its values, has 4.)
@pytest.mark.parametrize(("which", "most_calls", "most_files"), [("command", 7, 5), ("reply", 20, 7)])
def test_the_path_is_short_in_pure_python(which, most_calls, most_files):
    text = record_pure(which)
    calls, files = map(int, re.match(r"(\d+) calls, (\d+) files", text).groups())
    assert calls == len(text.splitlines()) - 1
    assert 3 < calls <= most_calls, text
    assert 2 < files <= most_files, text


@pytest.mark.skipif(txredis_fast.IMPLEMENTATION != "cython", reason="the extension is not in use")
def test_a_compiled_command_runs_no_python_code_but_its_method():
    pool = Pool()
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
