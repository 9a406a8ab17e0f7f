"""What one input does to the dispatcher of replies, and two checks: the implementations agree, nothing is shifted.

An input is a story of one connection, spelled by a tape: commands and batches are sent and cancelled, replies come
whole or in pieces, callbacks send, cancel and answer at once (a nested delivery), converters raise, time passes, the
connection is paused and lost. Every reply tells its number, so that the request that gets it can be compared with
the request whose it is.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from fuzz.generate import Tape
from testbed.wire import bulk
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

import txredis_fast
from txredis_fast.connection import link
from txredis_fast.connection import protocol as connection
from txredis_fast.exceptions import ConnectionError, DecodeError, ResponseError

#: A longer story tells nothing new.
MOST_STEPS = 200


class _Transport(StringTransport):
    """Loses its connection when asked to."""

    protocol: Any = None
    lost = False

    def loseConnection(self) -> None:
        if not self.lost:
            self.lost = True
            self.protocol.connectionLost(Failure(ConnectionDone()))

    def abortConnection(self) -> None:
        self.loseConnection()


class Converted(Exception):
    """A converter of the story's raised it."""


class Story:
    """One run of an input over one implementation.

    :ivar trace: what happened, in order; equal for both implementations.
    """

    def __init__(self, resp: ModuleType, requests: ModuleType, data: bytes) -> None:
        connection.Reader = resp.Reader  # type: ignore[misc]
        connection.encode_command, connection.encode_commands = resp.encode_command, resp.encode_commands
        link.RequestQueue = requests.RequestQueue  # type: ignore[misc]
        self.tape = Tape(data)
        self.clock = Clock()
        txredis_fast.reactor = self.clock  # type: ignore[attr-defined]
        self.trace: list[Any] = []
        self.deferreds: list[Deferred[Any]] = []
        self.fired: list[int] = []
        #: Replies that were promised, and that were fed.
        self.asked = self.answered = 0
        self.steps = 0
        self.depth = 0
        self.rest = b""
        #: What went wrong inside callbacks, where a Deferred would keep it.
        self.problems: list[BaseException] = []
        self.protocol = connection.RedisProtocol(replyTimeout=[None, 1, 5][self.tape.below(3)])
        self.protocol.undecodable = "error"
        self.transport = _Transport()
        self.transport.protocol = self.protocol
        self.protocol.pushReceived = lambda push: self.trace.append(("push", list(push)))  # type: ignore[method-assign]
        self.protocol.makeConnection(self.transport)

    def run(self) -> None:
        """Tell it, then lose the connection; every Deferred must have fired once by then."""
        while not self.tape.is_over and self.steps < MOST_STEPS:
            self.step()
        self.transport.loseConnection()
        self.trace.append(("written", self.transport.value()))
        if self.problems:
            raise self.problems[0]
        assert self.fired == [1] * len(self.fired), f"fired {self.fired} times"
        assert not self.protocol._requests.waiting, "left in the queue"
        assert not self.clock.getDelayedCalls(), "left in the reactor"
        for deferred in self.deferreds:
            deferred.addErrback(lambda _: None)

    def step(self) -> None:
        """Do what the tape says next."""
        self.steps += 1
        what = self.tape.below(12)
        if what < 3:
            self.send()
        elif what == 3:
            self.send_batch()
        elif what == 4 and self.deferreds:
            self.cancel()
        elif what < 8:
            self.feed(self.replies())
        elif what == 8:
            rest, self.rest = self.rest, b""
            self.feed(rest + b">2\r\n+push\r\n:%d\r\n" % self.steps)
        elif what == 9:
            self.clock.advance([0.05, 0.05, 0.05, 0.05, 0.05, 0.6, 2, 6][self.tape.below(8)])
        elif what == 10:
            self.pause()
        elif self.tape.below(30) == 1:
            self.transport.loseConnection()
        elif self.tape.below(30) == 1:
            self.feed(self.rest + b"\xff\r\n" * 2)  # no RESP, wherever it comes

    def send(self) -> None:
        """Send one command."""
        first = self.asked
        options: dict[str, Any] = {
            "post_proc": self.converter(self.tape.below(6)),
            "raw": bool(self.tape.below(2)),
            "blocking": self.tape.below(8) == 1,
            "apply_timeout": bool(self.tape.below(2)),
        }
        self.sent(self.protocol.execute_command("C", first, **options), first, 1, False)

    def send_batch(self) -> None:
        """Send some commands in one write."""
        first, size = self.asked, self.tape.below(5)
        commands = [
            (("B", first + place), self.converter(self.tape.below(6)), self.tape.below(4) == 1) for place in range(size)
        ]
        self.sent(self.protocol.execute_batch(commands), first, size, True)

    def converter(self, kind: int) -> Any:
        """A converter that changes nothing, raises, or sends a command."""
        if kind == 1:
            return lambda reply: reply
        if kind == 2:
            return self.raise_converted
        return None

    def raise_converted(self, reply: Any) -> Any:
        """Fail as a converter may."""
        raise Converted(reply)

    def sent(self, deferred: Deferred[Any], first: int, size: int, batch: bool) -> None:
        """Watch what becomes of a request."""
        number = len(self.deferreds)
        self.deferreds.append(deferred)
        self.fired.append(0)
        if not deferred.called:  # otherwise it was refused, or nothing was to be sent
            self.asked += size
        callback = self.tape.below(10)
        deferred.addBoth(self.came, number, first, size, batch, callback)

    def came(self, result: Any, number: int, first: int, size: int, batch: bool, callback: int) -> Any:
        """A Deferred has fired."""
        try:
            self.take(result, number, first, size, batch, callback)
        except BaseException as error:
            self.problems.append(error)

    def take(self, result: Any, number: int, first: int, size: int, batch: bool, callback: int) -> None:
        """Note a result, check whose reply it is, and do what the callback does."""
        self.fired[number] += 1
        if isinstance(result, Failure):
            error = result.value
            self.trace.append((number, type(error).__name__, str(error)))
            if isinstance(error, Converted):
                check_reply(error.args[0], first)
            elif isinstance(error, (ResponseError, DecodeError)):
                check_reply(error, first)
            else:
                assert isinstance(error, (CancelledError, ConnectionError)), error
        else:
            self.trace.append((number, repr(result)))
            if size != 1 or (isinstance(result, list) and result and result[0] == "batch"):
                assert len(result) == size
                for place, reply in enumerate(result):
                    check_reply(reply.args[0] if isinstance(reply, Converted) else reply, first + place)
            else:
                check_reply(result, first)
        self.depth += 1
        if self.depth < 20 and self.steps < MOST_STEPS:
            self.steps += 1
            self.act(callback)
        self.depth -= 1

    def act(self, callback: int) -> None:
        """What a callback does."""
        if callback == 1:
            self.send()
        elif callback == 2:
            self.send_batch()
        elif callback == 3:
            self.cancel()
        elif callback == 4:
            self.feed(self.replies())
        elif callback == 5:
            self.pause()
        elif callback == 6 and self.tape.below(8) == 1:
            self.transport.loseConnection()
        elif callback == 7:
            self.step()

    def cancel(self) -> None:
        """Cancel any request, fired or not."""
        self.deferreds[self.tape.below(len(self.deferreds))].cancel()

    def pause(self) -> None:
        """Stop reading, or go on."""
        if self.transport.lost:
            return
        if self.transport.producerState == "producing":
            self.protocol.pauseProducing()
        else:
            self.protocol.resumeProducing()

    def replies(self) -> bytes:
        """Some of the replies that are owed, sometimes one more; the last perhaps in part."""
        count = self.tape.below(6)
        if self.tape.below(100) != 1:
            count = min(count, self.asked - self.answered)
        data = b""
        for _ in range(count):
            data += spelled(self.tape.below(7), self.answered)
            self.answered += 1
        keep = self.tape.below(4) if data else 0
        data, rest = self.rest + data, b""
        if keep and data:
            data, rest = data[:-keep], data[-keep:]
        self.rest = rest
        return data

    def feed(self, data: bytes) -> None:
        """Bytes come."""
        if data and not self.transport.lost:
            self.protocol.dataReceived(data)


def spelled(kind: int, number: int) -> bytes:
    """A reply that tells its number."""
    text = b"%d" % number
    return (
        b":%b\r\n" % text,
        bulk(text),
        b"-ERR %b\r\n" % text,
        b"*1\r\n:%b\r\n" % text,
        b"+r%b\r\n" % text,
        bulk(text + b"\xff"),
        b"*1\r\n" + bulk(text + b"\xff"),
    )[kind]


def check_reply(reply: Any, number: int) -> None:
    """Raise AssertionError if a reply does not tell this number."""
    while isinstance(reply, Exception) or (isinstance(reply, list) and len(reply) == 1):
        if isinstance(reply, DecodeError):
            reply = reply.reply
        else:
            reply = reply.args[0] if isinstance(reply, Exception) else reply[0]
    if isinstance(reply, bytes):
        reply = reply.removesuffix(b"\xff").decode()
    if isinstance(reply, str):
        reply = int(reply.removeprefix("ERR ").removeprefix("r"))
    assert reply == number, f"request {number} got the reply {reply!r}"


def trace(resp: ModuleType, requests: ModuleType, data: bytes) -> list[Any]:
    """What happens over one implementation."""
    story = Story(resp, requests, data)
    story.run()
    return story.trace


def check(compiled: tuple[ModuleType, ModuleType], pure: tuple[ModuleType, ModuleType], data: bytes) -> None:
    """Raise AssertionError where the implementations differ, or a reply is another's.

    :param compiled: its resp and request modules; :param pure: those of the other.
    """
    got, expected = trace(*compiled, data), trace(*pure, data)
    for step, (one, other) in enumerate(zip(got, expected, strict=False)):
        assert one == other, f"{data!r}: step {step}: compiled {one!r}, pure Python {other!r}"
    assert len(got) == len(expected), f"{data!r}: compiled {got[len(expected) :]}, pure {expected[len(got) :]}"
