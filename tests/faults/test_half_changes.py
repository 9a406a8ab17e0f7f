"""Whatever is raised, wherever: no reply reaches another caller, every Deferred fires, and the pool is whole.

The story of some users is told again and again. Each time something is raised at another one of the calls that this
package makes on the way of a command, of a reply, or of a lost connection: in Python by the interpreter's profile hook,
in C by an allocation that fails.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from testbed.extent import LEAVES_OUT
from testbed.injector import PACKAGE, Injector
from testbed.model_server import ModelServer
from testbed.scripted import MemoryEndpoint, settle
from testbed.support import Turns
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

import txredis_fast

pytestmark = pytest.mark.promise(
    "An exception in any call while a command, reply or loss is handled never shifts replies",
    "The same holds for exceptions of signal handlers, MemoryError and RecursionError: every Deferred "
    "fires, and the pool and the connections of blocking commands stay usable.",
    about="Replies and their callers",
)

#: Each how many of the points is tried; all with TXREDIS_FAST_FULL.
STRIDE = 1 if os.environ.get("TXREDIS_FAST_FULL") else 87 if LEAVES_OUT else 29

#: Turns of the reactor that one moment may have.
MOST_TURNS = 500

#: Seconds that one story may take, of some 20 ms: what hangs is a finding, too.
LONGEST_STORY = 20


class NotAnException(BaseException):
    """As KeyboardInterrupt, which a signal handler raises at any point."""


class Story:
    """Some users, a pool and a server in memory."""

    def __init__(self) -> None:
        self.clock = Turns()
        txredis_fast.reactor = self.clock  # type: ignore[attr-defined]
        self.server = ModelServer(self.clock)
        self.factory = txredis_fast.RedisFactory("memory:6379", None, 2, True, replyTimeout=2.0, poolTimeout=5.0)
        self.factory.initialDelay = self.factory.maxDelay = 0.1
        self.factory.jitter = 0  # type: ignore[assignment]
        self.factory.startConnecting(MemoryEndpoint(self.server.session, self.clock))
        self.rc = self.factory.handler
        #: What was given: what it may fire with, and what it has fired with.
        self.given: list[tuple[str, Any, list[Any]]] = []
        for number in range(8):
            self.server.data[b"k%d" % number] = b"v%d" % number
        settle(self.clock)
        assert self.factory.size == 2
        #: What does not come to rest.
        self.spins = ""

    def give(self, what: str, expected: Any, call: Any, *args: Any) -> None:
        """Call something; what it raises has told the caller."""
        outcome: list[Any] = []
        self.given.append((what, expected, outcome))
        try:
            deferred = call(*args)
        except BaseException as error:
            outcome.append(Failure(error))
            return
        assert isinstance(deferred, Deferred)
        deferred.addBoth(outcome.append)

    def quiet(self) -> None:
        """Turn the clock, without its time passing, until nothing is due; a turn that leads to another one without end
        is a finding.
        """
        self.clock.runAsked()
        for _ in range(MOST_TURNS):
            due = [call for call in self.clock.getDelayedCalls() if call.getTime() <= self.clock.seconds()]
            if not due:
                return
            for call in due:
                if call.active():
                    function, args, kwargs = call.func, call.args, call.kw
                    call.cancel()
                    self.guarded(function, *args, **kwargs)
        self.spins = f"does not come to rest: {self.clock.getDelayedCalls()[:3]!r:.300}"

    def pass_time(self, seconds: float) -> None:
        self.clock.rightNow += seconds
        self.quiet()

    def guarded(self, call: Any, *args: Any, **kwargs: Any) -> None:
        """A turn of the reactor, which logs what is raised and goes on."""
        try:
            call(*args, **kwargs)
        except BaseException:
            sys.setprofile(None)

    async def transaction(self) -> Any:
        async with self.rc.transaction(watch=["w"]) as t:
            value = await t.get("k5")
            await t.multi()
            t.set("t", "1").addErrback(lambda _: None)
            t.get("k6").addErrback(lambda _: None)
        return [value, *t.results]

    async def pipeline(self) -> Any:
        async with self.rc.pipelined() as p:
            for number in range(3):
                p.get(f"k{number}").addErrback(lambda _: None)
        return p.results

    def run(self) -> None:
        """Everything once: shared commands, a batch, a pipeline, a transaction, blocking, cancelled, late."""
        rc = self.rc
        for number in range(4):
            self.give(f"GET k{number}", f"v{number}", rc.get, f"k{number}")
        self.give("batch", ["v1", "v2"], rc.batch, [("GET", "k1"), ("GET", "k2")])
        self.give("pipeline", ["v0", "v1", "v2"], lambda: Deferred.fromCoroutine(self.pipeline()))
        self.give("transaction", ["v5", "OK", "v6"], lambda: Deferred.fromCoroutine(self.transaction()))
        self.give("blocking", ["q", "x"], rc.blpop, "q", 25)
        self.give("by name", "v7", rc.execute_command, "GET", "k7")
        self.give("eval", ["a"], rc.eval, "return ARGV", [], ["a"])
        self.give("in time", "v3", lambda: rc.withTimeout(1).get("k3"))
        self.quiet()
        self.give("push", 1, rc.rpush, "q", "x")
        cancelled = maybeDeferred(rc.blpop, "nothing", 25)
        self.quiet()
        self.guarded(cancelled.cancel)
        cancelled.addErrback(lambda _: None)
        self.quiet()
        for number in range(4):
            self.give(f"GET k{number} again", f"v{number}", rc.get, f"k{number}")
        lost = self.factory.pool[0] if self.factory.pool else None
        if lost is not None:
            self.guarded(lost.transport.abortConnection)
        self.quiet()
        self.pass_time(0.2)
        self.quiet()

    def end(self) -> list[str]:
        """Let everything come to its end; returns what is wrong."""
        for _ in range(60):
            self.pass_time(0.5)
        wrong = [self.spins] if self.spins else []
        pushed = any(what == "push" and outcome == [1] for what, _, outcome in self.given)
        for what, expected, outcome in self.given:
            if not outcome:
                wrong.append(f"{what} has not fired")
            elif what == "blocking" and outcome[0] is None and not pushed:
                continue
            elif not isinstance(outcome[0], Failure) and outcome[0] != expected:
                wrong.append(f"{what} fired with {outcome[0]!r}")
        factory, lane = self.factory, self.factory.lane
        if (factory.size, len(factory.connectionQueue.pending), factory.connectionQueue.waiting) != (2, 2, 0):
            wrong.append(f"pool: {factory.size}, {factory.connectionQueue.pending}, {factory.connectionQueue.waiting}")
        if lane is not None and (lane.waiting or len(lane.connections) != len(lane._idle)):
            wrong.append(f"lane: {lane.waiting} wait, {len(lane.connections)} of which {len(lane._idle)} rest")
        wrong += self.everything_works()
        done = factory.disconnect()
        self.quiet()
        self.pass_time(20)
        if not done.called:
            wrong.append("disconnect() has not fired")
        return wrong

    def everything_works(self) -> list[str]:
        self.given.clear()
        for number in range(8):
            self.give(f"GET k{number}, in the end", f"v{number}", self.rc.get, f"k{number}")
        self.give("pop", ["r", "y"], self.rc.blpop, "r", 25)
        self.quiet()
        self.give("push", 1, self.rc.rpush, "r", "y")
        self.give("transaction", ["v5", "OK", "v6"], lambda: Deferred.fromCoroutine(self.transaction()))
        self.quiet()
        return [f"{what}: {outcome}" for what, expected, outcome in self.given if outcome != [expected]]


@pytest.fixture(autouse=True)
def quiet(logged_errors):
    """What is raised is logged, by Twisted: thousands of times. None of that is looked at."""
    former = globalLogPublisher._observers[:]
    for observer in former:
        globalLogPublisher.removeObserver(observer)
    yield
    gc.collect()  # Deferreds tell of unhandled errors when they are collected
    logged_errors.flush()
    for observer in former:
        globalLogPublisher.addObserver(observer)


@pytest.fixture(autouse=True)
def hanging_stories():
    def hangs(number: int, frame: Any) -> None:
        raise TimeoutError("the story hangs")

    former = signal.signal(signal.SIGALRM, hangs)
    yield
    signal.signal(signal.SIGALRM, former)


@pytest.fixture(autouse=True)
def restored_reactor(clock):
    """The story puts a clock of its own in its place; the one of the test is put back."""


def told(at: int, kind: type[BaseException]) -> tuple[Injector, list[str]]:
    story = Story()
    injector = Injector(at, kind)
    signal.alarm(LONGEST_STORY)
    try:
        with injector:
            story.run()
        return injector, story.end()
    except Exception as error:
        return injector, [f"{error!r} at {error.__traceback__.tb_next.tb_lineno}"]  # type: ignore[union-attr]
    finally:
        signal.alarm(0)


def test_nothing_is_wrong_where_nothing_is_raised(both):
    injector, wrong = told(0, RuntimeError)
    assert not wrong
    assert injector.calls > 500


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", [RuntimeError, RecursionError, NotAnException])
def test_whatever_is_raised_at_any_call_nothing_is_mixed_up_or_left(both, kind):
    calls = told(0, kind)[0].calls
    found = []
    shift = (RuntimeError, RecursionError, NotAnException).index(kind)  # together they try more of the points
    for at in range(1 + shift, calls + 1, STRIDE):
        injector, wrong = told(at, kind)
        if wrong:
            found.append(f"{at}: {injector.raised_at}: {wrong}")
    told_of = f"{len(found)} of {calls}:\n" + "\n".join(found[:40])
    assert not found, told_of


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_finalizer_may_meet_what_is_raised_while_another_call_is_being_told():
    """The collector runs between CPython's look at the hook and the call of it."""
    names: dict[str, Any] = {}
    calls = "def call(): pass\ndef call_twice(): call(); call()\ndef call_often():\n  for _ in range(50): call()\n"
    exec(compile(calls, f"{PACKAGE}/a_module.py", "exec"), names)

    class Cycle:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            names["call_twice"]()

    thresholds = gc.get_threshold()
    try:
        for at in range(1, 50):
            cycles = [Cycle() for _ in range(5)]
            injector = Injector(at, RuntimeError)
            with suppress(RuntimeError), injector:
                del cycles
                gc.set_threshold(1)
                names["call_often"]()
            gc.set_threshold(*thresholds)
            assert injector.raised_at
    finally:
        gc.set_threshold(*thresholds)


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="asks CPython to let an allocation fail")
def test_whatever_allocation_fails_in_the_compiled_queue_nothing_is_mixed_up_or_left():
    pytest.importorskip("_testcapi")
    pytest.importorskip("txredis_fast.inflight._crequest")
    program = Path(__file__).with_name("failing_allocations.py")
    ran = subprocess.run([sys.executable, program, "c"], capture_output=True, text=True, timeout=60)
    last = ran.stdout.strip().splitlines()[-1]
    assert ran.returncode == 0, ran.stderr
    assert last.endswith(" allocations, 0 wrong"), ran.stdout
    assert int(last.split()[0]) > 10
