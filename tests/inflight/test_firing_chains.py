"""Chains of coroutines, each of which awaits the one before: of any length, and whatever fails while they are fired."""

from __future__ import annotations

import importlib
import os
import pathlib
import subprocess
import sys
import textwrap
import traceback

import pytest
from testbed.extent import extent
from twisted.internet.defer import Deferred, inlineCallbacks

pytestmark = pytest.mark.promise(
    "A chain of coroutines that await each other may have any length", about="Load and memory"
)


#: Coroutines; each call of C takes at least 32 bytes of a stack, so that even the short length is beyond 512 KB.
LENGTH = extent(100_000, 20_000)


@pytest.fixture
def compiled():
    pytest.importorskip("txredis_fast.inflight._crequest", reason="the extension is not built")
    return importlib.import_module("txredis_fast.inflight._cdeferred")


def queue():
    compiled = importlib.import_module("txredis_fast.inflight._crequest")
    return compiled.RequestQueue(lambda data: None, lambda error: None)


async def _one_more(awaited):
    return 1 + await awaited


@inlineCallbacks
def _one_more_too(awaited):
    value = yield awaited
    return 1 + value


def chain_of(length, first):
    """Deferreds, each of which fires with one more than the one before."""
    links = [first]
    for number in range(length):
        waits = _one_more_too(links[-1]) if number % 3 == 0 else Deferred.fromCoroutine(_one_more(links[-1]))
        links.append(waits)
    return links


CHAIN = """
import gc, sys, threading
from twisted.internet.defer import Deferred
from txredis_fast.inflight._crequest import RequestQueue

gc.disable()  # it would look at the whole chain again and again

def run():
    requests = RequestQueue(lambda data: None, lambda error: None)
    last = requests.send(b"x", None, False, None, None)

    async def wait(awaited):
        return 1 + await awaited

    for _ in range({length}):
        last = Deferred.fromCoroutine(wait(last))
    last.addBoth(lambda result: print(getattr(result, "type", result)))
    {answer}

threading.stack_size({stack} * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


@pytest.mark.parametrize("stack", [512, pytest.param(8192, marks=pytest.mark.once)])
@pytest.mark.parametrize(
    ("answer", "told"),
    [("requests.answer(0)", str(LENGTH)), ("requests.answer(KeyError())", "<class 'KeyError'>")],
    ids=["value", "error"],
)
def test_a_chain_of_100_000_coroutines_is_fired_on_any_stack(compiled, stack, answer, told):
    program = CHAIN.format(length=LENGTH, stack=stack, answer=answer)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, told), done.stderr[-500:]


def test_the_traceback_of_an_error_that_went_along_a_chain_has_its_ends(compiled):
    requests = queue()
    first = requests.send(b"x", None, False, None, None)

    async def raises():
        await first
        raise KeyError("root")

    async def catches(awaited):
        await awaited

    links = chain_of(1000, Deferred.fromCoroutine(raises()))
    seen = []
    Deferred.fromCoroutine(catches(links[-1])).addErrback(seen.append)
    requests.answer(0)
    names = [frame.name for frame in traceback.extract_tb(seen[0].value.__traceback__)]
    assert "catches" in names
    assert names[-1] == "raises"
    assert len(names) < 150


def test_a_chain_whose_connection_is_lost_fails_to_its_end(compiled):
    requests = queue()
    links = chain_of(5000, requests.send(b"x", None, False, None, None))
    seen = []
    links[-1].addErrback(lambda failure: seen.append(failure.type))
    requests.fail_all(lambda: KeyError("lost"))
    assert seen == [KeyError]


def story(length, value):
    """What happens in which order: each coroutine adds a callback to one that is still being fired further out."""
    requests = queue()
    seen = []
    links = [requests.send(b"x", None, False, None, None)]

    async def wait(number):
        try:
            result = await links[number]
        except KeyError:
            result = -1
        seen.append(("resumed", number, result))
        for outer in {0, number // 2, number}:
            links[outer].addCallback(lambda got, outer=outer: seen.append(("added", number, outer, got)))
        if number % 7 == 6:
            raise KeyError(number)
        return number

    for number in range(length):
        links += [Deferred.fromCoroutine(wait(number))]
    links[-1].addBoth(lambda result: seen.append(("end", getattr(result, "type", result))))
    requests.answer(value)
    return seen, [(link.called, link.result, link.paused, link._runningCallbacks) for link in links]


@pytest.mark.parametrize("value", [1, KeyError("no")])
@pytest.mark.parametrize("length", [1, 2, 9, 10, 11, 40])
def test_chains_are_fired_in_the_order_of_twisted(compiled, length, value):
    fast = story(length, value)
    before = compiled.uses_private_parts()
    compiled.uses_private_parts(False)
    try:
        assert story(length, value) == fast
    finally:
        compiled.uses_private_parts(before)


def unfired(links):
    for link in links:
        link.addErrback(lambda failure: None)
    return [place for place, link in enumerate(links) if not link.called]


#: Memory that is not there once, at each allocation that firing makes.
EXHAUSTED = """
import _testcapi
from test_firing_chains import chain_of, queue, unfired

for value in (0, KeyError("no")):
    for allocation in range(200):
        requests = queue()
        links = chain_of(15, requests.send(b"x", None, False, None, None))
        later = requests.send(b"y", None, False, None, None)
        _testcapi.set_nomemory(allocation, allocation + 1)
        try:
            requests.answer(value)
        except MemoryError:
            pass
        finally:
            _testcapi.remove_mem_hooks()
        if requests.torn:  # the connection ends, and another one is made
            requests.fail_all(lambda: KeyError("lost"))
            requests = queue()
            requests.send(b"z", None, False, None, None)
        requests.answer(0)
        left = unfired([*links, later])
        if left:
            print(value, allocation, left)
"""


def test_where_memory_ends_while_they_are_fired_none_is_forgotten(compiled):
    pytest.importorskip("_testcapi")
    done = subprocess.run(
        [sys.executable, "-c", EXHAUSTED],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=pathlib.Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[1])},
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-500:]


@pytest.mark.parametrize("value", [0, KeyError("no")], ids=["value", "error"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_where_the_stack_ends_while_they_are_fired_none_is_forgotten(compiled, value):
    frame, used = sys._getframe(), 0
    while frame is not None:
        frame, used = frame.f_back, used + 1

    def answered_in_depth(levels, requests, begun):
        if levels:
            answered_in_depth(levels - 1, requests, begun)
            return
        begun.append(True)
        requests.answer(value)

    left = {}
    for room in range(60):
        requests = queue()
        links = chain_of(15, requests.send(b"x", None, False, None, None))
        later = requests.send(b"y", None, False, None, None)
        begun = []
        try:
            answered_in_depth(sys.getrecursionlimit() - used - room, requests, begun)
        except RecursionError:
            if not begun:
                continue
        if len(requests.waiting) > 1 and not requests.torn:
            continue  # not even begun to be answered
        if requests.torn:
            requests.fail_all(lambda: KeyError("lost"))
            requests = queue()
            requests.send(b"z", None, False, None, None)
        requests.answer(0)  # with room
        if missing := unfired([*links, later]):
            left[room] = missing
    assert not left


def test_a_coroutine_that_cannot_be_made_to_wait_learns_of_it(compiled):
    """Where the step from "resumed" to "waits again" fails, it does not hang."""
    requests = queue()
    first = requests.send(b"x", None, False, None, None)

    class Refuses(Deferred):
        def addBoth(self, *args, **kwargs):
            raise KeyError("not now")

    seen = []

    async def wait():
        await first
        try:
            await Refuses()
        except KeyError as error:
            seen.append(error.args)
        return "done"

    Deferred.fromCoroutine(wait()).addBoth(seen.append)
    requests.answer(0)
    assert seen == [("not now",), "done"]


def test_chains_that_are_never_fired_can_be_forgotten(compiled):
    program = textwrap.dedent(
        """
        import gc
        from twisted.internet.defer import Deferred
        async def wait(awaited):
            await awaited
        gc.disable()  # it would look at the whole chain again and again
        last = first = Deferred()
        for _ in range(100_000):
            last = Deferred.fromCoroutine(wait(last))
        del first, last
        gc.collect()
        print("done")
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr[-500:]
