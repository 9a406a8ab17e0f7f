"""In debug mode a command that is given in another thread than the reactor's is refused, and says what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from testbed.support import Pool, failed, fired
from testbed.wire import command
from twisted.internet import defer
from twisted.python import threadable

import txredis_fast as redis

pytestmark = [
    pytest.mark.usefixtures("both", "clock"),
    pytest.mark.promise(
        "In debug mode a command from another thread than the reactor's fails, and says what to do",
        about="Observability",
    ),
]


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """This thread is the reactor's."""
    monkeypatch.setattr(threadable, "ioThread", threading.get_ident())


@pytest.fixture(params=["setDebugging", "environment"])
def debug(request, monkeypatch):
    if request.param == "environment":
        monkeypatch.setenv("TXREDIS_FAST_DEBUG", "1")
        yield
        return
    before = defer.getDebugging()
    defer.setDebugging(True)
    yield
    defer.setDebugging(before)


def elsewhere(function: Callable[[], Any]) -> Any:
    """What a function returns in another thread."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(function()), name="a worker")
    thread.start()
    thread.join()
    return results[0]


def pipeline(rc: Any) -> Any:
    p = fired(rc.pipeline())
    p.get("key")
    return p.execute_pipeline()


ROADS: dict[str, Callable[[Any], Any]] = {
    "a method": lambda rc: rc.get("key"),
    "execute_command": lambda rc: rc.execute_command("GET", "key"),
    "a view": lambda rc: rc.raw.get("key"),
    "a batch": lambda rc: rc.batch([("GET", "key")]),
    "a pipeline": pipeline,
    "a transaction": lambda rc: rc.multi(),
    "transact": lambda rc: rc.transact(lambda t: t.get("key")),
    "a blocking command": lambda rc: rc.blpop("key", 1),
    "a time limit": lambda rc: rc.withTimeout(1).get("key"),
    "retrying": lambda rc: rc.retrying.get("key"),
    "select": lambda rc: rc.select(1),
}


@pytest.mark.parametrize("road", sorted(ROADS))
@pytest.mark.parametrize("up", [True, False])
def test_a_command_from_another_thread_is_refused_on_every_road(debug, road, up):
    pool = Pool(connect=up, isLazy=True)
    error = failed(elsewhere(lambda: ROADS[road](pool.handler)), redis.RedisError)
    assert not isinstance(error, redis.ConnectionError)
    for words in ("'a worker'", "reactor.callFromThread", "blockingCallFromThread"):
        assert words in str(error)
    assert pool.written() == b""
    assert pool.handler.stats().waiting == 0


def test_commands_of_the_reactors_thread_are_served_as_ever(debug):
    pool = Pool(hooks=[])
    got = pool.handler.get("key")
    assert pool.answer(b"$1\r\nv\r\n") == command("GET", "key")
    assert fired(got) == "v"
    done = pipeline(pool.handler)
    pool.answer(b"$1\r\nv\r\n")
    assert fired(done) == ["v"]
    assert elsewhere(pool.handler.stats).commands == 2  # these may be read anywhere


def test_nothing_is_looked_at_otherwise():
    pool = Pool()
    protocol = pool.factory.pool[0]
    assert "execute_command" not in vars(protocol)
    assert "getConnection" not in vars(pool.factory)
    assert "_run_blocking" not in vars(pool.handler)


def test_before_the_reactor_runs_any_thread_may_give_commands_that_wait(debug, monkeypatch):
    monkeypatch.setattr(threadable, "ioThread", None)
    pool = Pool(connect=False, isLazy=True)
    got = pool.handler.get("key")
    pool.connect()
    pool.answer(b"$1\r\nv\r\n")
    assert fired(got) == "v"
