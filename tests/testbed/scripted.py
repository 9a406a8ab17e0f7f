"""A RESP server that does what a script says: over real sockets, or in memory with a clock that the test turns.

A script is a generator function; it is given the :class:`Session` of one connection and what it yields says what it
waits for: ``None`` for the next command, a number for that many seconds::

    def never_answers_the_second(session):
        args = yield                    # [b"GET", b"a"]
        session.send(b"$1\\r\\n1\\r\\n")
        yield                           # the second command
        yield 5                         # seconds pass
        session.reset()

    async with listening(never_answers_the_second) as server:          # server.host, server.port, server.sessions
    link = MemoryLink(protocol, Session(never_answers_the_second, clock), clock)
    factory.startConnecting(MemoryEndpoint(lambda: Session(script, clock), clock))    # a pool in memory

A script that ends leaves the connection open and silent. :func:`answering` makes a script of a table of answers.
What the server parses, it parses itself: no code under test.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from typing import Any

from twisted.internet import defer
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IPushProducer, IStreamClientEndpoint, ITransport
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from .ways import NO_FAULT, Fault, Way

Script = Callable[["Session"], Generator[Any, Any, Any]]

#: More unanswered bytes than this are no command of a test.
MOST_BYTES = 64 * 1024 * 1024


def parse_commands(data: bytes) -> tuple[list[list[bytes]], bytes]:
    """Return the complete commands, and the rest of the bytes.

    :raises ValueError: that is no array of bulk strings.
    """
    commands: list[list[bytes]] = []
    at = 0
    while True:
        parsed = _parse_command(data, at)
        if parsed is None:
            return commands, data[at:]
        args, at = parsed
        commands.append(args)


def _parse_command(data: bytes, at: int) -> tuple[list[bytes], int] | None:
    counts = _parse_length(data, at, b"*")
    if counts is None:
        return None
    count, at = counts
    args = []
    for _ in range(count):
        lengths = _parse_length(data, at, b"$")
        if lengths is None:
            return None
        length, at = lengths
        if len(data) < at + length + 2:
            return None
        if data[at + length : at + length + 2] != b"\r\n":
            raise ValueError(f"no CRLF after {length} bytes: {data[at : at + length + 2]!r:.80}")
        args.append(data[at : at + length])
        at += length + 2
    return args, at


def _parse_length(data: bytes, at: int, kind: bytes) -> tuple[int, int] | None:
    if at >= len(data):
        return None
    if data[at : at + 1] != kind:
        raise ValueError(f"{kind!r} expected: {data[at : at + 40]!r}")
    end = data.find(b"\r\n", at)
    return None if end < 0 else (int(data[at + 1 : end]), end + 2)


class Session(Protocol):
    """The server's end of one connection.

    :ivar commands: every command that came, as lists of bytes.
    :ivar lost: whether the connection is gone.
    :ivar error: what the client sent that is no command; None.
    """

    def __init__(self, script: Script, clock: Any = None) -> None:
        """
        :param clock: an ``IReactorTime``; default: the reactor.
        """
        if clock is None:
            from twisted.internet import reactor as clock
        self.commands: list[list[bytes]] = []
        self.lost = False
        self.error: ValueError | None = None
        self._clock = clock
        self._unread: deque[list[bytes]] = deque()
        self._rest = b""
        self._timer: Any = None
        self._running = False
        self._script: Any = script(self)
        #: Whether the script waits for a command.
        self._waits = False

    # What a script calls.

    def send(self, data: bytes) -> None:
        """Send bytes, RESP or not."""
        if not self.lost:
            self.transport.write(data)

    def close(self) -> None:
        """Close in order: what was sent arrives."""
        self.transport.loseConnection()

    def reset(self) -> None:
        """Close at once: what was sent may be lost, and the client sees a reset."""
        self.transport.abortConnection()

    # What Twisted calls.

    def connectionMade(self) -> None:
        self._run(None)

    def dataReceived(self, data: bytes) -> None:
        try:
            commands, self._rest = parse_commands(self._rest + data)
            if len(self._rest) > MOST_BYTES:
                raise ValueError("a command of more bytes than a test sends")
        except ValueError as error:
            self.error = error
            self.transport.abortConnection()
            return
        self.commands += commands
        self._unread += commands
        if self._waits and self._unread:
            self._waits = False
            self._run(self._unread.popleft())

    def connectionLost(self, reason: Failure = None) -> None:
        self.lost = True
        self._waits = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if not self._running:
            self._script.close()

    def _run(self, value: Any) -> None:
        """Run the script until it waits."""
        while True:
            self._running = True
            try:
                wanted = self._script.send(value)
            except StopIteration:
                return
            finally:
                self._running = False
            if self.lost:
                self._script.close()
                return
            if wanted is not None:
                self._timer = self._clock.callLater(wanted, self._run, None)
                return
            if not self._unread:
                self._waits = True
                return
            value = self._unread.popleft()


def answering(answers: Mapping[str, bytes] | None = None, default: bytes = b"+OK\r\n") -> Script:
    """A script that answers each command by its name.

    :param answers: name, as ``"GET"`` or with its first argument ``"GET key"``, to the bytes of the reply; ``b""``:
        none. PING is answered as ever.
    :param default: for every other command.
    """
    table = {"PING": b"+PONG\r\n", **(answers or {})}

    def script(session: Session) -> Generator[Any, Any, Any]:
        while True:
            args = yield
            name = args[0].decode().upper()
            exact = f"{name} {args[1].decode(errors='replace')}" if len(args) > 1 else name
            session.send(table.get(exact, table.get(name, default)))

    return script


# -- over real sockets


class ScriptedServer:
    """Listens on a free port of 127.0.0.1.

    :ivar sessions: every connection so far.
    """

    host = "127.0.0.1"

    def __init__(self, script: Script | Callable[[int], Script], *, numbered: bool = False) -> None:
        """
        :param script: for every connection; with ``numbered`` called with its number, from 0, to get its script.
        """
        from twisted.internet import reactor

        self.sessions: list[Session] = []

        def make(address: Any = None) -> Session:
            session = Session(script(len(self.sessions)) if numbered else script)  # type: ignore[arg-type]
            self.sessions.append(session)
            return session

        factory = Factory()
        factory.noisy = False
        factory.buildProtocol = make  # type: ignore[method-assign]
        self._port = reactor.listenTCP(0, factory, interface=self.host)  # type: ignore[attr-defined]
        self.port: int = self._port.getHost().port

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port

    @property
    def commands(self) -> list[list[bytes]]:
        """Every command of every connection, connection by connection."""
        return [command for session in self.sessions for command in session.commands]

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        await defer.maybeDeferred(self._port.stopListening)
        for session in self.sessions:
            if not session.lost and session.transport is not None:
                session.transport.abortConnection()


@contextlib.asynccontextmanager
async def listening(script: Any, *, numbered: bool = False) -> AsyncIterator[ScriptedServer]:
    """A :class:`ScriptedServer` that is stopped at the end."""
    server = ScriptedServer(script, numbered=numbered)
    try:
        yield server
    finally:
        await server.stop()


# -- in memory


@implementer(ITransport, IPushProducer)
class MemoryTransport:
    """One end of a :class:`MemoryLink`.

    :ivar written: all bytes that were written to it.
    :ivar aborted: whether this side has reset the connection.
    :ivar held: what has come lies here and is not read; None: it is read at once.
    :ivar raises: what the next write raises instead; :ivar raises_behind: what it raises then; None: nothing.
    """

    def __init__(self, link: MemoryLink, peer: tuple[str, int]) -> None:
        self._link = link
        self._peer = peer
        self.protocol: Any = None
        self.way: Any = None
        self.connected = True
        self.disconnecting = False
        self.aborted = False
        self.written = bytearray()
        self.paused = False
        self.held: list[bytes] | None = None
        self.raises: BaseException | None = None
        self.raises_behind: BaseException | None = None
        self._kept: list[bytes] = []
        self.producer: Any = None
        self.options: dict[str, Any] = {}

    reactor: Any

    def write(self, data: bytes) -> None:
        raises, self.raises = self.raises, None
        if raises is not None:
            raise raises
        if self.connected and not self.disconnecting:
            self.written += data
            self._link.later(self.way.feed, bytes(data))
        raises, self.raises_behind = self.raises_behind, None
        if raises is not None:
            raise raises

    def writeSequence(self, parts: Any) -> None:
        self.write(b"".join(parts))

    def loseConnection(self) -> None:
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self._link.later(self.way.end, self._link.closed)

    def loseWriteConnection(self) -> None:
        self.loseConnection()

    def abortConnection(self) -> None:
        if self.connected:
            self.aborted = True
            self._link.later(self._link.reset)

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        kept, self._kept = self._kept, []
        for data in kept:
            self._link.later(self.receive, data)

    def stopProducing(self) -> None:
        self.loseConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", *self._peer)

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 49152)

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.options["nodelay"] = enabled

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.options["keepalive"] = enabled

    def receive(self, data: bytes) -> None:
        """Bytes have come from the other end."""
        if not self.connected or self.aborted:
            return
        if self.held is not None:
            self.held.append(data)
        elif self.paused:
            self._kept.append(data)
        else:
            try:
                self.protocol.dataReceived(data)
            except BaseException as error:  # the reactor logs it, and ends the connection
                self._link._lose(error)
                raise


class MemoryLink:
    """Joins a client's protocol with a server's, by two ways that may have faults.

    As over sockets, nothing is delivered in the middle of a write: turn the clock (``clock.advance(0)``).

    :ivar client: the client's :class:`MemoryTransport`; :ivar server: the server's.
    :ivar up: the :class:`Way` from client to server; :ivar down: the other one.
    """

    def __init__(
        self,
        protocol: Any,
        session: Any,
        clock: Any,
        up: Fault = NO_FAULT,
        down: Fault = NO_FAULT,
        tells_reactor: bool = False,
        address: tuple[str, int] = ("127.0.0.1", 6379),
    ) -> None:
        self.clock = clock
        self._queue: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._call: Any = None
        self._lost: BaseException | None = None
        self.client = MemoryTransport(self, address)
        self.server = MemoryTransport(self, ("127.0.0.1", 49152))
        self.client.protocol, self.server.protocol = protocol, session
        if tells_reactor:
            self.client.reactor = clock
        self.up = self.client.way = Way(clock, up, self.server.receive, self.reset)
        self.down = self.server.way = Way(clock, down, self.client.receive, self.reset)
        session.makeConnection(self.server)
        protocol.makeConnection(self.client)

    def later(self, function: Callable[..., Any], *args: Any) -> None:
        """Call in the next turn of the clock, in the order of the calls."""
        self._queue.append((function, args))
        if self._call is None:
            self._call = self.clock.callLater(0, self._turn)

    def _turn(self) -> None:
        self._call = None
        for _ in range(len(self._queue)):
            if not self._queue:
                break
            function, args = self._queue.popleft()
            try:
                function(*args)
            except BaseException:
                if self._queue and self._call is None:
                    self._call = self.clock.callLater(0, self._turn)
                raise
        if self._queue and self._call is None:
            self._call = self.clock.callLater(0, self._turn)

    def reset(self) -> None:
        """Both ends see the connection lost, at once."""
        self._lose(ConnectionLost())

    def closed(self) -> None:
        """Both ends see the connection closed in order."""
        self._lose(ConnectionDone())

    def hold(self) -> None:
        """Let the client be busy with something else: what comes, the end too, lies in its socket from now on."""
        self.client.held = []

    def read(self) -> None:
        """Let the client read what lies in its socket."""
        held, self.client.held = self.client.held or [], None
        try:
            while held:
                self.client.receive(held.pop(0))
        finally:
            if self._lost is not None:
                self._lose(self._lost)

    def _lose(self, why: BaseException) -> None:
        if not self.client.connected:
            return
        is_held = self.client.held is not None
        self.client.connected = is_held
        if self.server.connected:
            self.server.connected = False
            self.up.close()
            self.down.close()
            self._queue.clear()
            self.server.protocol.connectionLost(Failure(why))
        if is_held:
            self._lost = why
        else:
            self.client.protocol.connectionLost(Failure(why))


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """Connects in memory: for ``RedisFactory.startConnecting``, with the same clock as the package's reactor.

    :ivar links: every connection so far.
    :ivar refuses: whether attempts fail.
    :ivar faults: of the next connections: (up, down).
    """

    #: Whether transports know their reactor, as those of sockets do.
    tells_reactor = False

    def __init__(self, make_session: Callable[[], Any], clock: Any) -> None:
        self._make_session = make_session
        self._clock = clock
        self.links: list[MemoryLink] = []
        self.refuses = False
        self.attempts = 0
        self.faults: tuple[Fault, Fault] = (NO_FAULT, NO_FAULT)

    @property
    def alive(self) -> list[MemoryLink]:
        """The links that are up."""
        return [link for link in self.links if link.client.connected]

    def connect(self, factory: Any) -> defer.Deferred[Any]:
        self.attempts += 1
        deferred: defer.Deferred[Any] = defer.Deferred(lambda _: call.cancel())

        def attempt() -> None:
            if self.refuses:
                deferred.errback(ConnectionRefusedError())
                return
            try:  # as Twisted's own endpoints
                protocol = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 6379))
            except BaseException:
                deferred.errback()
                return
            if protocol is None:
                deferred.errback(ConnectionRefusedError())
                return
            link = MemoryLink.__new__(MemoryLink)
            self.links.append(link)
            try:
                link.__init__(  # type: ignore[misc]
                    protocol, self._make_session(), self._clock, *self.faults, tells_reactor=self.tells_reactor
                )
            except BaseException as error:  # of makeConnection: the reactor ends the connection
                self._clock.callLater(0, link._lose, error)
            deferred.callback(protocol)

        call = self._clock.callLater(0, attempt)
        return deferred


def settle(clock: Any, turns: int = 1000) -> None:
    """Turn a clock, without its time passing, until nothing is due."""
    clock.advance(0)  # what finalizers asked for is in no list
    for _ in range(turns):
        due = [call for call in clock.getDelayedCalls() if call.getTime() <= clock.seconds()]
        if not due:
            return
        clock.advance(0)
    raise AssertionError(f"still not quiet after {turns} turns: {clock.getDelayedCalls()!r:.200}")
