""":class:`FakeServer`: a server in memory, for unit tests. No socket, no process, no thread.

This module must not know how a connection is read or what commands do.
"""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Awaitable
from types import TracebackType
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from .._checks import check_truth
from .._tunables import FAKE_SERVER_COMMANDS_KEPT
from .._types import Reply
from ..exceptions import ResponseError
from ..exceptions import response_error as classified
from ..resp import Reader
from .commands import Command
from .database import Database
from .faults import Faults
from .link import FakeReactor, FakeTransport
from .replies import NO_REPLY, ReplyError, encode
from .session import Session

__all__ = ["FakeServer"]

Result = TypeVar("Result")

#: As many as a server has by default.
_DATABASES = 16

#: An argument of :meth:`FakeServer.execute`.
Argument = str | bytes | int | float


class FakeServer:
    """A Redis server in memory, with time that the test lets pass.

    ::

        with FakeServer() as server:                            # redis.connect() and the constructors lead to it
            rc = server.result(redis.connect("redis://cache.internal"))
            server.result(rc.set("greeting", "hello", expire=60))
            server.advance(60)
            assert server.result(rc.get("greeting")) is None

    It executes the everyday commands of strings, counters, keys and times to live, hashes, lists, sets, sorted sets,
    transactions, publish and subscribe, and blocking pops, with the error texts of a real server. It has no scripts,
    streams, ACLs, TLS or cluster; :meth:`answer` scripts the reply of any other command.

    :ivar clock: the clock. Its time in seconds is the time of day of the server.
    :ivar reactor: a reactor with this clock, on which every host, port and path leads to this server.
    :ivar commands: the words of every command that came over a connection, the latest 10,000 of them.
    """

    def __init__(
        self,
        clock: IReactorTime | None = None,
        *,
        password: str | None = None,
        username: str = "default",
        hello: bool = True,
        seed: int = 0,
    ) -> None:
        """Make a server that takes connections.

        :param clock: an ``IReactorTime``; default: a new ``twisted.internet.task.Clock``. With the real reactor,
            Deferreds fire by themselves, so that a test may await them; :meth:`advance` and :meth:`result` then refuse.
        :param password: what clients must send in AUTH; None: nothing.
        :param username: the one user.
        :param hello: whether HELLO is accepted, and with it RESP3. False: it is an unknown command, as for Redis 5.
        :param seed: of the random choices of SPOP, SRANDMEMBER and RANDOMKEY.
        """
        self.clock: Any = Clock() if clock is None else clock
        self.reactor = FakeReactor(self.clock, self)
        self.password: str | None = password
        self.username = username
        self.accepts_hello = check_truth("hello", hello)
        self.random = random.Random(seed)
        self.commands: deque[list[bytes]] = deque(maxlen=FAKE_SERVER_COMMANDS_KEPT)
        self.databases = [Database(self.now, self._changed) for _ in range(_DATABASES)]
        self.sessions: list[Session] = []
        self.waiting: list[Session] = []
        self.scripted: dict[str, Command] = {}
        self.refuses = False
        self._faults = Faults()
        self._numbers = 0
        self._is_changed = False
        self._is_installed = False
        self._reactor_before: object = None
        self._own = Session(self, 0)

    def __repr__(self) -> str:
        return f"<FakeServer: {len(self.sessions)} connection(s), {self.reactor.seconds():g} s>"

    # -- how a program reaches it

    def __enter__(self) -> FakeServer:
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.uninstall()
        if kind is None:
            self.check_faults()

    def install(self) -> None:
        """Make :attr:`reactor` the reactor of ``txredis_fast``: whatever connects from now on reaches this server.

        :meth:`uninstall` ends it. As a context manager, the server does both.

        :raises RuntimeError: a FakeServer is installed already.
        """
        package = sys.modules["txredis_fast"].__dict__
        if isinstance(package.get("reactor"), FakeReactor):
            raise RuntimeError(
                "a FakeServer is installed already; leave its with block, or call its uninstall(), first"
            )
        self._reactor_before = package.get("reactor")
        package["reactor"] = self.reactor
        self._is_installed = True

    def uninstall(self) -> None:
        """Lose all connections, and give ``txredis_fast`` its reactor back. Twice is no error."""
        if not self._is_installed:
            return
        self.cut()
        if not self._has_real_time():
            self.advance(0)
        package = sys.modules["txredis_fast"].__dict__
        if self._reactor_before is None:
            package.pop("reactor", None)
        else:
            package["reactor"] = self._reactor_before
        self._is_installed = False

    def endpoint(self) -> IStreamClientEndpoint:
        """Return an endpoint to this server, for ``from_endpoint()`` and for ``factory.startConnecting()``.

        The timers of the driver are the reactor's, unless the server is installed.
        """
        from twisted.internet.endpoints import TCP4ClientEndpoint  # imports OpenSSL, where it is installed

        endpoint: IStreamClientEndpoint = TCP4ClientEndpoint(self.reactor, "127.0.0.1", 6379)
        return endpoint

    # -- time

    def advance(self, seconds: float = 0.0) -> None:
        """Let time pass, from timer to timer, and deliver what is on its way.

        :param seconds: 0: time stands still, and what is due is done.
        :raises ValueError: negative.
        :raises RuntimeError: the clock is the real reactor.
        """
        if seconds < 0:
            raise ValueError(f"seconds must not be negative: {seconds!r}")
        self._check_clock()
        end = self.clock.seconds() + seconds
        self.clock.advance(0)
        while (due := self._next_timer()) is not None and due <= end:
            self.clock.advance(max(0.0, due - self.clock.seconds()))
        self.clock.advance(max(0.0, end - self.clock.seconds()))

    def result(self, awaitable: Awaitable[Result], seconds: float = 0.0) -> Result:
        """Let time pass until a Deferred or a coroutine has its result; return that, or raise its error.

        :param seconds: how many may pass; it stops as soon as there is a result.
        :raises AssertionError: there is none by then.
        :raises RuntimeError: the clock is the real reactor.
        """
        self._check_clock()
        outcome: list[Any] = []
        deferred = awaitable if isinstance(awaitable, Deferred) else Deferred.fromCoroutine(_awaited(awaitable))
        deferred.addBoth(_noted, outcome)
        end = self.clock.seconds() + seconds
        self.clock.advance(0)
        while not outcome and (due := self._next_timer()) is not None and due <= end:
            self.clock.advance(max(0.0, due - self.clock.seconds()))
        if not outcome:
            raise AssertionError(self._no_result(seconds))
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        found: Result = outcome[0]
        return found

    def now(self) -> int:
        """Return the time of day in milliseconds: the clock's."""
        return round(self.reactor.seconds() * 1000)

    def _no_result(self, seconds: float) -> str:
        due = self._next_timer()
        following = "no timer is set" if due is None else f"the next timer is due in {due - self.clock.seconds():g} s"
        state = "; the server hangs, see recover()" if self._faults.hangs else ""
        state += "; the server refuses connections, see recover()" if self.refuses else ""
        return f"no result within {seconds:g} s of the clock; {following}{state}; result(..., seconds=N) waits longer"

    def _next_timer(self) -> float | None:
        return min((call.getTime() for call in self.clock.getDelayedCalls()), default=None)

    def _has_real_time(self) -> bool:
        return not hasattr(self.clock, "advance")

    def _check_clock(self) -> None:
        if self._has_real_time():
            raise RuntimeError("this FakeServer has the real reactor's time: await the Deferred instead")

    # -- what a test asks and scripts

    def execute(self, *words: Argument, db: int = 0) -> Reply:
        """Execute a command without a connection, to prepare or to examine the data.

        :param words: the command and its arguments.
        :param db: the number of the database.
        :returns: the reply: bytes, int, None, or a list of these, as in RESP2.
        :raises ResponseError: the command is refused.
        """
        self._own.index = db
        reply = self._own.execute([_bytes(word) for word in words])
        self.serve_waiting()
        if isinstance(reply, ReplyError):
            raise classified(reply.text)
        if reply is NO_REPLY:
            return None
        reader = Reader(charset=None, convert_numbers=False)
        reader.feed(encode(reply))
        return reader.get_all()[0]

    def answer(self, command: str, reply: object) -> None:
        """Script the reply of a command, also of one that this server does not have.

        :param command: its name.
        :param reply: None, int, float, str, bytes, list or dict; a :exc:`~txredis_fast.ResponseError`; or a function of
            the arguments, as bytes, that returns or raises one of these.
        """
        function = reply if callable(reply) else lambda *unused: reply

        def execute(session: Session, *args: bytes) -> Reply:
            try:
                found = function(*args)
            except ResponseError as error:
                found = error
            if isinstance(found, ResponseError):
                raise ReplyError(str(found))
            encode(found)  # raises where the test has a mistake
            return found

        self.scripted[command.upper()] = Command(command.upper(), -1, execute)

    def flush(self) -> None:
        """Delete all keys, and forget the commands that came."""
        for database in self.databases:
            database.clear()
        self.commands.clear()

    # -- failures

    @property
    def hangs(self) -> bool:
        """Whether commands are left unanswered."""
        return self._faults.hangs

    @property
    def delay(self) -> float:
        """Seconds between a command and its reply."""
        return self._faults.delay

    def refuse(self) -> None:
        """Refuse new connections, until :meth:`recover`. Those that are up stay."""
        self.refuses = True

    def cut(self) -> None:
        """Lose all connections now. New ones are taken, unless :meth:`refuse` was called."""
        for session in list(self.sessions):
            self.cut_session(session)

    def hang(self) -> None:
        """Execute and answer nothing, until :meth:`recover`, which then executes what has come."""
        self._faults.hangs = True

    def slow(self, seconds: float) -> None:
        """Execute commands at once, but send each reply so many seconds later, until :meth:`recover`.

        :raises ValueError: negative.
        """
        if not seconds >= 0:
            raise ValueError(f"seconds must not be negative: {seconds!r}")
        self._faults.delay = float(seconds)

    def fail_next(self, text: str, command: str | None = None, times: int = 1) -> None:
        """Answer the next commands with an error instead of executing them.

        :param text: the whole text, such as ``"LOADING Redis is loading the dataset in memory"``.
        :param command: only of this name; None: of any.
        :param times: how many.
        """
        self._faults.fail(text, command, times)

    def cut_next(self, command: str | None = None, *, executed: bool = True) -> None:
        """Lose the connection instead of answering the next command.

        :param command: only one of this name; None: of any.
        :param executed: whether it is executed before. The client cannot know.
        """
        self._faults.cut(check_truth("executed", executed), command)

    def check_faults(self) -> None:
        """Check that every error and cut that was scripted has happened. Leaving the ``with`` block checks it, too.

        :raises AssertionError: one has not; names the commands that came.
        """
        left = self._faults.pending
        if left:
            came = ", ".join(dict.fromkeys(words[0].decode(errors="replace") for words in self.commands)) or "none"
            raise AssertionError(f"never happened: {', '.join(left)}; the commands that came: {came}")

    def recover(self) -> None:
        """Behave again: take connections, answer at once, execute what has come. Scripted errors are forgotten."""
        self.refuses = False
        self._faults.clear()
        for session in list(self.sessions):
            session.execute_unread()

    # -- what connections ask

    def accept(self, transport: FakeTransport) -> Session:
        """Take a new connection."""
        self._numbers += 1
        session = Session(self, self._numbers, transport)
        self.sessions.append(session)
        return session

    def forget(self, session: Session) -> None:
        """A connection is gone."""
        self.sessions.remove(session)
        if session in self.waiting:
            self.waiting.remove(session)

    def cut_session(self, session: Session) -> None:
        """Lose a connection, with what is on its way."""
        if session.transport is not None:
            session.transport.end(ConnectionLost())

    def next_cut(self, name: str) -> tuple[bool, bool]:
        """Return whether a command is executed, and whether its connection is lost then."""
        return self._faults.next_cut(name)

    def next_failure(self, name: str) -> None:
        """Raise the error that a command has to fail with.

        :raises ReplyError: it has to fail.
        """
        self._faults.check(name)

    def serve_waiting(self) -> None:
        """Answer the blocking commands whose element has come, those first that have waited longest."""
        while self._is_changed:
            self._is_changed = False
            for session in list(self.waiting):
                if session.wait is None:
                    continue
                try:
                    reply = session.wait.attempt()
                except ReplyError:  # the key has another type; the client goes on waiting
                    reply = None
                if reply is not None:
                    session.end_wait(reply)

    def _changed(self, database: Database, key: bytes) -> None:
        self._is_changed = True
        for session in (*self.sessions, self._own):
            if (database, key) in session.watched:
                session.conflict = True


def _noted(outcome: Result, outcomes: list[Result]) -> Result | None:
    """Note a result, and leave it to the callbacks that follow; an error is dealt with."""
    outcomes.append(outcome)
    return None if isinstance(outcome, Failure) else outcome


async def _awaited(awaitable: Awaitable[Result]) -> Result:
    return await awaitable


def _bytes(word: Argument) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()
