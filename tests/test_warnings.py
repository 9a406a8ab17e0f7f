"""A warning of something deprecated points at the line of the program, on every road that a command takes."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testbed.support import Pool, connected
from twisted.internet.defer import Deferred, inlineCallbacks

import txredis_fast as redis

pytestmark = pytest.mark.usefixtures("both", "clock")


def by_a_connection(value: Any) -> str:
    connected()[0].set("key", value)
    return "argument 2 of SET"


def by_execute_command(value: Any) -> str:
    Pool().handler.execute_command("SET", "key", value)
    return "argument 2 of SET"


def by_a_handler(value: Any) -> str:
    Pool().handler.set("key", value)
    return "argument 2 of SET"


def by_a_method_kept(value: Any) -> str:
    method = Pool().handler.lpush
    method("key", [value])
    return "argument 2 of LPUSH"


def by_a_view(value: Any) -> str:
    Pool().handler.raw.set("key", value)
    return "argument 2 of SET"


def by_a_time_limit(value: Any) -> str:
    Pool().handler.withTimeout(1).set("key", value)
    return "argument 2 of SET"


def by_retrying(value: Any) -> str:
    Pool().handler.retrying.set("key", value)
    return "argument 2 of SET"


def by_a_blocking_command(value: Any) -> str:
    protocol, _ = connected()
    protocol.execute_command("BLPOP", value, 1, blocking=True)
    return "argument 1 of BLPOP"


def by_a_pipeline(value: Any) -> str:
    p = Pool().handler.pipeline().result
    p.set("key", value)
    p.execute_pipeline()
    return "argument 2 of SET"


def by_a_pipeline_of_a_connection(value: Any) -> str:
    protocol, _ = connected()
    protocol.pipeline()
    protocol.set("key", value)
    protocol.execute_pipeline()
    return "argument 2 of SET"


def by_a_batch(value: Any) -> str:
    Pool().handler.batch([("SET", "key", value)])
    return "argument 2 of SET"


def by_a_recorded_batch(value: Any) -> str:
    batch = redis.Batch()
    batch.set("key", value)
    Pool().handler.batch(batch)
    return "argument 2 of SET"


def by_a_transaction(value: Any) -> str:
    pool = Pool()
    beginning = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    transaction = beginning.result
    transaction.set("key", value)
    transaction.abandon()
    return "argument 2 of SET"


def by_a_generator(value: Any) -> str:
    @inlineCallbacks
    def run() -> Any:
        yield Deferred()
        yield Pool().handler.set("key", value)

    waiting: Any = Deferred()

    @inlineCallbacks
    def goes_on() -> Any:
        yield waiting
        yield Pool().handler.set("key", value)

    goes_on()
    waiting.callback(None)
    return "argument 2 of SET"


def by_a_coroutine_that_is_resumed_by_a_reply(value: Any) -> str:
    pool = Pool()

    async def run() -> None:
        await pool.handler.get("other")
        await pool.handler.set("key", value)

    Deferred.fromCoroutine(run())
    pool.answer(b"$-1\r\n")
    return "argument 2 of SET"


def by_a_protocol_of_the_program(value: Any) -> str:
    class Counts(redis.RedisProtocol):
        def execute_command(self, *args: Any, **kwargs: Any) -> Any:
            return super().execute_command(*args, **kwargs)

    Pool(protocol=Counts).handler.set("key", value)
    return "argument 2 of SET"


ROADS = [thing for name, thing in sorted(globals().items()) if name.startswith("by_")]


@pytest.mark.parametrize("value", [None, ["x"], {"x": 1}], ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("road", ROADS, ids=lambda road: road.__name__)
def test_a_value_that_has_no_encoding_of_its_own_is_warned_of_where_it_is_given(
    road: Callable[[Any], str], value: Any
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        place = road(value)
    told = [(warning.category, str(warning.message), warning.filename) for warning in caught]
    kind = type(value).__name__
    assert told == [(DeprecationWarning, f"{place} is of type {kind} and is sent as its str()", __file__)]


def test_what_has_to_wait_for_a_connection_is_warned_of_too():
    """By then its caller may be gone: the warning names the command and the argument."""
    pool = Pool(connect=False, isLazy=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pool.handler.set("key", None)
        pool.connect()
    assert [str(warning.message) for warning in caught] == [
        "argument 2 of SET is of type NoneType and is sent as its str()"
    ]
    assert "txredis_fast" not in Path(caught[0].filename).parts


@pytest.mark.parametrize("road", [lambda rc: rc.delete("a", "b"), lambda rc: rc.raw.delete("a", "b")])
def test_deprecated_spellings_are_warned_of_there_too(road):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        road(Pool().handler)
    assert [warning.filename for warning in caught] == [__file__]


PROGRAM = """
import txredis_fast as redis
from twisted.internet import defer, reactor

class Served(redis.BaseRedisProtocol):
    def replyReceived(self, request):
        self.transport.write(b"+OK\\r\\n")

async def main():
    from twisted.internet.protocol import Factory
    port = reactor.listenTCP(0, Factory.forProtocol(Served), interface="127.0.0.1")
    rc = redis.lazyConnection("127.0.0.1", port.getHost().port)
    await rc.set("waits", None)
    await rc.set("key", None)  # here
    await rc.disconnect()
    await port.stopListening()
    reactor.stop()

defer.ensureDeferred(main()).addErrback(print)
reactor.run()
"""


@pytest.mark.once
def test_python_shows_it_to_a_plain_program(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    run = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == ""
    line = PROGRAM[: PROGRAM.index("# here")].count("\n") + 1
    assert f"{program}:{line}: DeprecationWarning: argument 2 of SET is of type NoneType" in run.stderr
    assert run.stderr.count("DeprecationWarning") == 2, run.stderr  # also of the one that had to wait
