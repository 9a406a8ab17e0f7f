"""The queue of requests: both implementations; and Deferreds fired the short way behave as Twisted's own."""

from __future__ import annotations

import importlib

import pytest
from support import connected, fired
from twisted.internet import defer
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults, inlineCallbacks

import txredis_fast as redis

WAYS = ("python", "public", "private")


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Pure Python; compiled with Twisted's public interface; compiled with its private parts."""
    from support import use_implementation

    if request.param == "python":
        use_implementation(monkeypatch, "_pyresp")
        yield request.param
        return
    use_implementation(monkeypatch, "_cresp")
    compiled = importlib.import_module("txredis_fast.request._crequest")
    before = compiled.uses_private_parts()
    compiled.uses_private_parts(request.param == "private")
    yield request.param
    compiled.uses_private_parts(before)


def test_the_short_way_is_in_use_where_the_extension_is():
    if redis.IMPLEMENTATION != "cython":
        pytest.skip("the extension is not in use")
    compiled = importlib.import_module("txredis_fast.request._crequest")
    assert compiled.uses_private_parts()


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


def test_firing_it_again_is_refused_as_ever(way):
    protocol, _ = connected()
    d = answered(protocol.get("a").addCallback(lambda value: value), protocol)
    with pytest.raises(defer.AlreadyCalledError):
        d.callback(2)


def test_both_implementations_have_the_same_names():
    reference = importlib.import_module("txredis_fast.request._pyrequest")
    try:
        compiled = importlib.import_module("txredis_fast.request._crequest")
    except ImportError:
        pytest.skip("the extension is not built")
    for name in ("Request", "BatchRequest", "RequestQueue"):
        ours, theirs = (
            {attribute for attribute in dir(getattr(module, name)) if not attribute.startswith("_")}
            for module in (reference, compiled)
        )
        assert ours == theirs
