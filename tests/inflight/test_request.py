"""The queue of requests: both implementations; and Deferreds fired the short way behave as Twisted's own."""

from __future__ import annotations

import importlib
import inspect
from contextvars import ContextVar

import pytest
from testbed.support import connected, fired
from twisted.internet import defer
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults, inlineCallbacks

import txredis_fast as redis

WAYS = ("python", "public", "private")


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Pure Python; compiled with Twisted's public interface; compiled with its private parts."""
    from testbed.support import use_implementation

    if request.param == "python":
        use_implementation(monkeypatch, "_pyresp")
        yield request.param
        return
    use_implementation(monkeypatch, "_cresp")
    compiled = importlib.import_module("txredis_fast.inflight._cdeferred")
    before = compiled.uses_private_parts()
    compiled.uses_private_parts(request.param == "private")
    yield request.param
    compiled.uses_private_parts(before)


def test_the_short_way_is_in_use_where_the_extension_is():
    if redis.IMPLEMENTATION != "cython":
        pytest.skip("the extension is not in use")
    compiled = importlib.import_module("txredis_fast.inflight._cdeferred")
    assert compiled.uses_private_parts()


def test_deferreds_of_commands_are_made_without_their_constructor(monkeypatch):
    compiled = pytest.importorskip("txredis_fast.inflight._cdeferred")
    assert compiled.uses_private_parts()
    made, init = [], Deferred.__init__

    def counting(self, *args, **kwargs):
        made.append(self)
        init(self, *args, **kwargs)

    requests = importlib.import_module("txredis_fast.inflight._crequest").RequestQueue([].append, [].append)
    monkeypatch.setattr(Deferred, "__init__", counting)
    sent = [requests.send(b"x", None, False, None, None) for _ in range(5)]
    assert not made
    monkeypatch.setattr(Deferred, "debug", True)
    requests.send(b"x", None, False, None, None)
    assert len(made) == 1
    for each in sent:
        requests.answer(1)
        assert each.called


def answered(deferred, protocol, data=b":1\r\n"):
    protocol.dataReceived(data)
    return deferred


def test_one_callback_and_many(way):
    protocol, _ = connected()
    seen = []
    d = protocol.get("a").addCallback(lambda value: value + 1)
    assert fired(answered(d, protocol)) == 2
    d = protocol.get("a").addCallback(lambda value: value + 1).addCallback(lambda value: value * 10)
    d.addBoth(seen.append)
    answered(d, protocol)
    assert seen == [20]
    assert fired(answered(protocol.get("a"), protocol)) == 1


def test_arguments_of_callbacks(way):
    protocol, _ = connected()
    d = protocol.get("a").addCallback(lambda value, *args, **kwargs: (value, args, kwargs), 2, three=3)
    assert fired(answered(d, protocol)) == (1, (2,), {"three": 3})


def test_a_callback_that_raises_fails_the_deferred(way, logged_errors):
    protocol, _ = connected()
    d = protocol.get("a").addCallback(lambda value: 1 / 0)
    answered(d, protocol)
    seen = []
    d.addErrback(lambda failure: seen.append(failure.type))
    assert seen == [ZeroDivisionError]


def test_an_error_that_nobody_handles_is_logged(way, logged_errors):
    protocol, _ = connected()
    answered(protocol.get("a").addCallback(lambda value: 1 / 0), protocol)
    assert [type(error) for error in logged_errors.flush()] == [ZeroDivisionError]


def test_a_callback_that_returns_a_deferred_is_waited_for(way):
    protocol, _ = connected()
    inner = Deferred()
    seen = []
    d = protocol.get("a").addCallback(lambda value: inner)
    answered(d, protocol)
    d.addCallback(seen.append)
    assert seen == []
    inner.callback("inner")
    assert seen == ["inner"]
    d = protocol.get("a").addCallback(lambda value: defer.succeed("at once"))
    assert fired(answered(d, protocol)) == "at once"


def test_callbacks_added_while_one_runs_come_after_it(way):
    protocol, _ = connected()
    order = []
    d = protocol.get("a")

    def first(value):
        d.addCallback(lambda _: order.append("second"))
        order.append("first")

    d.addCallback(first)
    answered(d, protocol)
    assert order == ["first", "second"]


def test_a_paused_deferred_waits(way):
    protocol, _ = connected()
    seen = []
    d = protocol.get("a").addCallback(seen.append)
    d.pause()
    answered(d, protocol)
    assert seen == []
    d.unpause()
    assert seen == [1]


def test_a_deferred_that_another_is_chained_to(way):
    protocol, _ = connected()
    inner = protocol.get("a")
    outer = defer.succeed(None).addCallback(lambda _: inner)
    assert fired(answered(outer, protocol)) == 1


def test_coroutines_and_inlineCallbacks_and_gatherResults(way):
    protocol, _ = connected()

    async def coroutine():
        return [await protocol.get("a"), await protocol.get("b")]

    @inlineCallbacks
    def generator():
        first = yield protocol.get("a")
        try:
            yield protocol.get("b")
        except redis.ResponseError as error:
            return first, str(error)

    d = ensureDeferred(coroutine())
    protocol.dataReceived(b":1\r\n")
    assert fired(answered(d, protocol, b":2\r\n")) == [1, 2]
    d = generator()
    protocol.dataReceived(b":1\r\n")
    assert fired(answered(d, protocol, b"-ERR no\r\n")) == (1, "ERR no")
    d = gatherResults([protocol.get("a") for _ in range(3)])
    assert fired(answered(d, protocol, b":1\r\n:2\r\n:3\r\n")) == [1, 2, 3]


def test_under_debugging_twisted_does_it_all(way):
    defer.setDebugging(True)
    try:
        protocol, _ = connected()
        d = protocol.get("a")
        answered(d, protocol)
        assert fired(d) == 1
        with pytest.raises(defer.AlreadyCalledError):
            d.callback(2)
    finally:
        defer.setDebugging(False)


def test_a_coroutine_that_awaits_goes_on_in_its_own_context(way):
    protocol, _ = connected()
    variable = ContextVar("variable", default="outside")
    seen = []

    async def run(name):
        variable.set(name)
        for _ in range(2):
            value = await protocol.get("a")
            seen.append((value, variable.get()))
        return name

    runs = [Deferred.fromCoroutine(run(name)) for name in ("one", "two")]
    protocol.dataReceived(b":1\r\n" * 2)
    protocol.dataReceived(b":2\r\n" * 2)
    assert seen == [(1, "one"), (1, "two"), (2, "one"), (2, "two")]
    assert [fired(run) for run in runs] == ["one", "two"]
    assert variable.get() == "outside"


def test_what_a_coroutine_raises_fails_its_deferred_with_its_own_traceback(way):
    protocol, _ = connected()

    async def run():
        await protocol.get("a")
        raise KeyError("a")

    failed = Deferred.fromCoroutine(run())
    protocol.dataReceived(b":1\r\n")
    failure = failed.result
    failed.addErrback(lambda _: None)
    assert failure.type is KeyError
    traceback = failure.getTraceback()
    assert 'raise KeyError("a")' in traceback
    assert ".pyx" not in traceback.partition("in run")[0].rpartition("Traceback")[2]


def test_a_coroutine_that_awaits_again_what_it_has_or_an_other_coroutine(way):
    protocol, _ = connected()

    async def inner():
        return await protocol.get("b")

    async def run():
        first = protocol.get("a")
        values = [await first, await first, await defer.succeed(3), await inner()]
        values.append(await Deferred.fromCoroutine(inner()))
        return values

    done = Deferred.fromCoroutine(run())
    protocol.dataReceived(b":1\r\n")
    protocol.dataReceived(b":2\r\n")
    protocol.dataReceived(b":4\r\n")
    assert fired(done) == [1, 1, 3, 2, 4]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_generators_that_wait_and_return_in_every_way(way):
    protocol, _ = connected()
    ready = defer.succeed("ready")

    @inlineCallbacks
    def run(end):
        values = [(yield protocol.get("a")), (yield "no deferred"), (yield ready), (yield protocol.get("a"))]
        if end == "returnValue":
            defer.returnValue(values)
        if end == "raise":
            raise KeyError(*values)
        return values

    for end in ("returnValue", "return", "raise"):
        ready = defer.succeed("ready")
        done = run(end)
        protocol.dataReceived(b":1\r\n")
        protocol.dataReceived(b":2\r\n")
        expected = [1, "no deferred", "ready", 2]
        if end == "raise":
            failure = done.result
            done.addErrback(lambda _: None)
            assert failure.value.args == tuple(expected)
        else:
            assert fired(done) == expected


@pytest.mark.parametrize("what", ["coroutine", "generator"])
def test_a_generator_that_yields_a_coroutine_gets_what_this_twisted_gives_it(way, what):
    """Twisted 24.3 hands it back as it is; newer ones run it."""
    protocol, _ = connected()

    async def coroutine():
        return "its result"

    def generator():
        return "its result"
        yield

    @inlineCallbacks
    def run(first):
        yield first
        inner = coroutine() if what == "coroutine" else generator()
        got = yield inner
        inner.close()
        return "the coroutine" if got is inner else got

    plain = Deferred()
    theirs = run(plain)
    plain.callback(None)
    ours = run(protocol.get("a"))
    protocol.dataReceived(b":1\r\n")
    assert fired(ours) == fired(theirs)


def test_a_coroutine_that_is_cancelled_while_it_waits_for_the_second_reply(way):
    protocol, _ = connected()

    async def run():
        await protocol.get("a")
        try:
            await protocol.get("b")
        except defer.CancelledError:
            return "cancelled"

    done = Deferred.fromCoroutine(run())
    protocol.dataReceived(b":1\r\n")
    done.cancel()
    assert fired(done) == "cancelled"
    kept = protocol.get("c")
    protocol.dataReceived(b":2\r\n:3\r\n")
    assert fired(kept) == 3


def test_an_error_reply_is_raised_where_it_was_awaited_and_what_comes_after_goes_on(way):
    protocol, _ = connected()

    async def run():
        try:
            await protocol.get("a")
        except redis.ResponseError as error:
            return str(error), await protocol.get("b")

    done = Deferred.fromCoroutine(run())
    protocol.dataReceived(b"-ERR no\r\n")
    protocol.dataReceived(b":2\r\n")
    assert fired(done) == ("ERR no", 2)


def test_callbacks_added_by_the_coroutine_that_awaits_it_run_once_it_waits_again(way):
    protocol, _ = connected()
    seen = []

    async def run():
        first = protocol.get("a")
        await first
        first.addCallback(lambda _: seen.append("callback"))
        seen.append("coroutine")
        await protocol.get("b")

    Deferred.fromCoroutine(run())
    protocol.dataReceived(b":1\r\n")
    assert seen == ["coroutine", "callback"]


def test_firing_it_again_is_refused_as_ever(way):
    protocol, _ = connected()
    d = answered(protocol.get("a").addCallback(lambda value: value), protocol)
    with pytest.raises(defer.AlreadyCalledError):
        d.callback(2)


def test_both_implementations_have_the_same_names():
    reference = importlib.import_module("txredis_fast.inflight._pyrequest")
    try:
        compiled = importlib.import_module("txredis_fast.inflight._crequest")
    except ImportError:
        pytest.skip("the extension is not built")
    assert set(compiled.__all__) == set(reference.__all__) - {"Command", "PostProc"}
    for name in ("Request", "BatchRequest", "RequestQueue"):
        ours, theirs = (
            {attribute for attribute in dir(getattr(module, name)) if not attribute.startswith("_")}
            for module in (reference, compiled)
        )
        assert ours == theirs


def test_a_batch_records_commands_without_python_code_of_its_own(monkeypatch):
    requests = pytest.importorskip("txredis_fast.inflight._crequest")
    fixed = []
    monkeypatch.setattr("txredis_fast.batching.batch.fixed_arguments", lambda args: fixed.append(args) or args)
    recorded = inspect.unwrap(redis.Batch.execute_command)
    monkeypatch.setattr(redis.Batch, "execute_command", requests.fast_path_of_batch(recorded))
    batch = redis.Batch()
    batch.get("a")
    batch.hgetall("h")
    assert not fixed
    batch.execute_command("GET", "b", raw=True)
    assert fixed == [("GET", "b")]
    assert [args for args, _, _ in batch] == [("GET", "a"), ("HGETALL", "h"), ("GET", "b")]
