"""A connection is on its way, or taken by its owner, or ended: also where the stack is nearly exhausted meanwhile.

Each time, the data of a new connection's handshake is received with another number of frames left. With so few, even
the handlers of the exception may raise.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
from testbed.extent import LEAVES_OUT
from testbed.injector import Injector
from testbed.memory import let_pass
from testbed.model_server import ModelServer, ModelSession
from testbed.scripted import MemoryEndpoint, settle
from testbed.support import Turns
from testbed.wire import bulk
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

import txredis_fast as redis
from txredis_fast.client.factory import RedisFactory
from txredis_fast.connection import RedisProtocol
from txredis_fast.pubsub.subscriber import SubscriberProtocol

pytestmark = [
    pytest.mark.usefixtures("both", "quiet"),
    pytest.mark.promise(
        "An exception in any call while a command, reply or loss is handled never shifts replies",
    ),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

#: With more frames left than this, nothing is raised; a test tells whether it is so.
ENOUGH = 80
#: Each how many of the depths is tried; all with TXREDIS_FAST_FULL.
STRIDE = 1 if os.environ.get("TXREDIS_FAST_FULL") else 15 if LEAVES_OUT else 5
#: The tests together try more of the depths.
SHIFTS = itertools.count()
#: Calls that may be due at the same time.
MOST_CALLS = 2000
#: Seconds that a connection may be on its way.
LIMIT = 3


class Exhausted:
    """Calls functions with few frames left.

    :ivar left: how many; None: as many as there are.
    :ivar raised: how many of these calls have raised.
    """

    def __init__(self, left: int | None) -> None:
        self.left = left
        self.raised = 0

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        if self.left is None:
            return function(*args)
        usual = sys.getrecursionlimit()
        sys.setrecursionlimit(usual - _frames_left() + self.left)
        try:
            return function(*args)
        except RecursionError:
            self.raised += 1
            raise
        finally:
            sys.setrecursionlimit(usual)


class Failing(Exhausted):
    """Calls functions, of which the first raises MemoryError at one of the calls that the package makes.

    :ivar left: the number of that call.
    """

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        if self.left is None or self.raised:
            return function(*args)
        injector = Injector(self.left, MemoryError)
        try:
            with injector:
                return function(*args)
        finally:
            self.left -= injector.calls
            self.raised += bool(injector.raised_at)


def _frames_left() -> int:
    try:
        return 1 + _frames_left()
    except RecursionError:
        return 0


class DeepEndpoint(MemoryEndpoint):
    """Its connections are made, and receive, with few frames left."""

    def __init__(self, make_session: Callable[[], Any], clock: Any, exhausted: Exhausted) -> None:
        super().__init__(make_session, clock)
        self._exhausted = exhausted

    def connect(self, factory: Any) -> Any:
        return super().connect(_DeepProtocols(factory, self._exhausted))


class _DeepProtocols:
    def __init__(self, factory: Any, exhausted: Exhausted) -> None:
        self._factory = factory
        self._exhausted = exhausted

    def buildProtocol(self, address: Any) -> Any:
        protocol = self._exhausted.call(self._factory.buildProtocol, address)
        if protocol is not None:
            make, receive = protocol.makeConnection, protocol.dataReceived
            protocol.makeConnection = lambda transport: self._exhausted.call(make, transport)
            protocol.dataReceived = lambda data: self._exhausted.call(receive, data)
        return protocol


class Clock(Turns):
    """Goes on when a turn raises, as a reactor does."""

    def advance(self, amount: float) -> None:
        self.rightNow += amount
        for _ in range(MOST_CALLS):
            try:
                self.runAsked()
                due = [call for call in self.getDelayedCalls() if call.getTime() <= self.seconds()]
                if not due:
                    return
                function, args, kwargs = due[0].func, due[0].args, due[0].kw
                due[0].cancel()
                function(*args, **kwargs)
            except (RecursionError, MemoryError):
                continue
        raise AssertionError("does not come to rest")


class HelloSession(ModelSession):
    """Knows HELLO and SUBSCRIBE."""

    def _hello(self, version: bytes) -> bytes:
        return b"%%1\r\n$5\r\nproto\r\n:%b\r\n" % version

    def _subscribe(self, name: bytes) -> bytes:
        self.server.subscribed.append(self)
        return b"*3\r\n$9\r\nsubscribe\r\n" + bulk(name) + b":1\r\n"


@pytest.fixture
def quiet(logged_errors):
    """What is raised is logged, by Twisted: none of that is looked at."""
    former = globalLogPublisher._observers[:]
    for observer in former:
        globalLogPublisher.removeObserver(observer)
    unraisable, sys.unraisablehook = sys.unraisablehook, lambda _: None
    yield
    gc.collect()  # Deferreds tell of unhandled errors when they are collected
    logged_errors.flush()
    sys.unraisablehook = unraisable
    for observer in former:
        globalLogPublisher.addObserver(observer)


@pytest.fixture(autouse=True)
def restored_reactor(clock):
    """Each story puts a clock of its own in its place; the one of the test is put back."""


HANDSHAKES = pytest.mark.parametrize(
    "options",
    [{}, {"password": "pw", "dbid": 0}, {"protocol": 3}, {"protocol": 3, "password": "pw", "clientName": "n"}],
    ids=["nothing", "login", "RESP3", "RESP3 and login"],
)
REACTORS = pytest.mark.parametrize("tells_reactor", [False, True], ids=["", "reactor"])


class InMemory:
    """A pool of two, which connects while few frames are left."""

    def __init__(
        self,
        exhausted: Exhausted,
        tells_reactor: bool,
        dbid: int | None = None,
        protocol_class: Any = RedisProtocol,
        **options: Any,
    ) -> None:
        self.clock = redis.reactor = Clock()  # type: ignore[attr-defined]
        self.server: Any = ModelServer(self.clock)
        self.server.subscribed = []
        self.server.password = b"pw" if "password" in options else None
        self.server.data[b"k"] = b"v"
        self.exhausted = exhausted
        self.endpoint = DeepEndpoint(self._session, self.clock, self.exhausted)
        self.endpoint.tells_reactor = tells_reactor
        self.factory = RedisFactory("memory", dbid, 2, True, connectTimeout=LIMIT, **options)
        self.factory.initialDelay = self.factory.maxDelay = 0.1
        self.factory.protocol = protocol_class
        self.factory.startConnecting(self.endpoint)
        self.rc = self.factory.handler

    def _session(self) -> ModelSession:
        return HelloSession(self.server, id(self))

    def let_pass(self, seconds: float) -> None:
        let_pass(self.clock, seconds)

    def values(self, *calls: Any) -> list[Any]:
        outcomes: list[Any] = []
        for function, *args in calls:
            function(*args).addBoth(outcomes.append)
        settle(self.clock)
        return outcomes

    def whats_wrong(self) -> list[str]:
        """Let the stack be as ever, and everything come to its end."""
        self.exhausted.left = None
        self.let_pass(LIMIT + 1)
        factory = self.factory
        wrong = []
        if (factory.size, len(factory.connectionQueue.pending)) != (2, 2):
            states = [link.client.protocol.link.state.name for link in self.endpoint.alive]
            wrong.append(f"{factory.size} in the pool, of which {len(factory.connectionQueue.pending)} free; {states}")
        lane = factory.lane
        known = [*factory.pool, *(lane.connections if lane is not None else [])]
        if len(self.server.sessions) != len(known):
            wrong.append(f"{len(self.server.sessions)} are up, and {len(known)} known")
        if lane is not None and len(lane._idle) != len(lane.connections):
            wrong.append(f"{len(lane._idle)} of {len(lane.connections)} rest")
        values = self.values((self.rc.get, "k"), (self.rc.rpush, "q", "x"), (self.rc.blpop, "q", 1))
        if values != ["v", 1, ["q", "x"]]:
            wrong.append(f"{values}")
        ended = factory.disconnect()
        self.let_pass(10)
        if not ended.called or self.server.sessions or self.clock.getDelayedCalls():
            wrong.append(f"disconnect(): {ended}, {self.server.sessions}, {self.clock.getDelayedCalls()}")
        return wrong


def found_at_each_depth(story: Callable[[int], tuple[list[str], Exhausted]]) -> dict[int, list[str]]:
    found, raised = {}, 0
    for left in (3, *range(4 + next(SHIFTS) % STRIDE, ENOUGH, STRIDE)):
        wrong, exhausted = story(left)
        raised += exhausted.raised > 0
        if wrong:
            found[left] = wrong
    assert raised, "nothing was raised"
    return found


@HANDSHAKES
@REACTORS
def test_a_connection_whose_handshake_ends_deep_in_the_stack_is_in_the_pool_or_ended(options, tells_reactor):
    def story(left):
        a = InMemory(Exhausted(left), tells_reactor, **options)
        settle(a.clock)
        return a.whats_wrong(), a.exhausted

    assert found_at_each_depth(story) == {}


@HANDSHAKES
@REACTORS
def test_so_is_one_whose_handshake_finds_no_memory(options, tells_reactor):
    found, at = {}, 1
    while True:
        a = InMemory(Failing(at), tells_reactor, **options)
        settle(a.clock)
        raised, wrong = a.exhausted.raised, a.whats_wrong()
        if wrong:
            found[at] = wrong
        if not raised:
            break
        at += STRIDE
    assert at > 10, "nothing was raised"
    assert found == {}


@pytest.mark.parametrize("options", [{}, {"protocol": 3, "password": "pw"}], ids=["nothing", "RESP3 and login"])
@REACTORS
def test_so_is_one_for_blocking_commands(options, tells_reactor):
    def story(left):
        a = InMemory(Exhausted(None), tells_reactor, **options)
        settle(a.clock)
        a.exhausted.left = left
        popped = a.rc.blpop("p", 5)
        popped.addErrback(lambda _: None)
        settle(a.clock)
        a.exhausted.left = None
        a.let_pass(10)
        return [*a.whats_wrong(), *([] if popped.called else ["BLPOP has not fired"])], a.exhausted

    assert found_at_each_depth(story) == {}


@REACTORS
def test_so_is_one_for_blocking_commands_that_finds_no_memory(tells_reactor):
    found, at = {}, 1
    while True:
        a = InMemory(Failing(None), tells_reactor)
        settle(a.clock)
        a.exhausted.left = at
        popped = a.rc.blpop("p", 5)
        popped.addErrback(lambda _: None)
        a.let_pass(10)
        raised, wrong = a.exhausted.raised, a.whats_wrong()
        if wrong or not popped.called:
            found[at] = wrong
        if not raised:
            break
        at += STRIDE
    assert at > 50, "nothing was raised"
    assert found == {}


#: From 3.12 on, CPython counts frames of C and of Python apart, so that at a few depths Twisted itself cannot go on.
STACK_IN_ONE = pytest.mark.skipif(sys.version_info >= (3, 12), reason="C and Python frames are counted apart")


@STACK_IN_ONE
@REACTORS
def test_what_a_program_does_deep_in_the_stack_keeps_no_connection(tells_reactor):
    def story(left):
        a = InMemory(Exhausted(None), tells_reactor)
        settle(a.clock)
        a.exhausted.left = left
        given = []
        for function, *args in (
            (a.rc.blpop, "p", 5),
            (a.rc.multi,),
            (a.rc.watch, "k"),
            (a.rc.get, "k"),
            (a.rc.blpop, "p", 1),
        ):
            with contextlib.suppress(RecursionError):
                given.append(a.exhausted.call(function, *args))
        a.exhausted.left = None
        a.let_pass(10)
        for deferred in given:
            deferred.addCallbacks(lambda result: getattr(result, "discard", lambda: None)(), lambda _: None)
        a.let_pass(1)
        wrong = [] if all(deferred.called for deferred in given) else [f"have not fired: {given}"]
        return [*wrong, *a.whats_wrong()], a.exhausted

    assert found_at_each_depth(story) == {}


@STACK_IN_ONE
@REACTORS
@pytest.mark.parametrize("end", ["commit", "discard"])
def test_a_transaction_that_ends_deep_in_the_stack_keeps_no_connection_once_it_is_dropped(tells_reactor, end):
    def story(left):
        a = InMemory(Exhausted(None), tells_reactor)
        settle(a.clock)
        for keys in ((), ("k",)):
            transaction = Deferred()
            a.rc.multi(*keys).chainDeferred(transaction)
            settle(a.clock)
            a.exhausted.left = left
            getattr(transaction.result, end)().addErrback(lambda _: None)
            del transaction
            settle(a.clock)
            a.exhausted.left = None
            a.let_pass(1)
        gc.collect()
        needed = [a.rc.multi(), a.rc.multi()]  # of every connection: one that was torn ends, at the latest, now
        a.let_pass(1)
        for each in needed:
            each.addCallback(lambda transaction: transaction.discard())
        return a.whats_wrong(), a.exhausted

    assert found_at_each_depth(story) == {}


@pytest.mark.parametrize("options", [{}, {"password": "pw"}], ids=["nothing", "login"])
@REACTORS
def test_a_subscriber_that_comes_back_deep_in_the_stack_has_subscribed_again_or_ends(options, tells_reactor):
    def story(left):
        a = InMemory(Exhausted(None), tells_reactor, protocol_class=SubscriberProtocol, **options)
        settle(a.clock)
        for each in a.factory.pool:
            each.subscribe("news")
        settle(a.clock)
        a.exhausted.left = left
        a.server.kill_clients()
        a.let_pass(0.5)
        a.exhausted.left = None
        a.let_pass(2 * LIMIT)
        subscribed = [session for session in a.server.subscribed if not session.lost]
        wrong = [] if len(subscribed) == len(a.factory.pool) == 2 else [f"{len(subscribed)}, {a.factory.pool}"]
        a.factory.disconnect()
        a.let_pass(10)
        return wrong, a.exhausted

    assert found_at_each_depth(story) == {}
