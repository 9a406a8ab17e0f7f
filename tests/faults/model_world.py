"""The world of the model: users, a pool, links and a server in memory, and a tape that tells what happens.

A tape spells one story: users act (see ``bench.soak.users``), operations are cancelled, time passes, links and the
server fail. The same tape is the same story, so that what fails can be made short and told again.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from fuzz.generate import Tape
from support import Turns

import txredis_fast
from bench.soak.facts import Facts
from bench.soak.ledger import Ledger
from bench.soak.users import User
from bench.testbed.ways import NO_FAULT, Fault
from faults.model_server import ModelServer
from faults.scripted import MemoryEndpoint, settle

#: Seconds, of the clock, within which everything must have come to its end when nothing fails any more: poolTimeout for
#: each step of a transaction, replyTimeout, and the time that connecting takes.
BOUND = 60.0
REPLY_TIMEOUT = 1.0
POOL_TIMEOUT = 3.0


class Found(AssertionError):
    """A story showed what must not be."""


class World:
    """Tells one story.

    :ivar commands: how many commands came to an end.
    """

    def __init__(self, tape: bytes) -> None:
        self._tape = Tape(tape)
        self.clock = Turns()
        txredis_fast.reactor = self.clock  # type: ignore[attr-defined]
        self.server = ModelServer(self.clock)
        self.endpoint = MemoryEndpoint(self.server.session, self.clock)
        self.ledger = Ledger(self.clock.seconds)
        self.facts = Facts()
        self.size = 1 + self._tape.below(4)
        self.factory = txredis_fast.RedisFactory(
            "memory:6379", None, self.size, True, replyTimeout=REPLY_TIMEOUT, poolTimeout=POOL_TIMEOUT
        )
        self.factory.initialDelay, self.factory.maxDelay, self.factory.jitter = 0.05, 0.5, 0
        self.factory.startConnecting(self.endpoint)
        self.users = [
            User(number, self.factory.handler, self._tape, self.ledger, self.facts, patience=0.2) for number in range(4)
        ]
        self._awaited: list[Any] = []

    @property
    def commands(self) -> int:
        return self.ledger.commands

    def run(self) -> None:
        """Tell it to its end.

        :raises Found: what must not be.
        """
        while not self._tape.is_over:
            self._step()
        self._end()

    def _step(self) -> None:
        what = self._tape.below(16)
        if what < 9:
            self._awaited.append(self.users[what % 4].act(self._awaited.append))
        elif what == 9 and self._awaited:
            self._awaited.pop(self._tape.below(len(self._awaited))).cancel()
        elif what < 13:
            for _ in range(1 + self._tape.below(4)):
                self.clock.advance(0)
        elif what < 15:
            self.clock.advance([0.0, 0.001, 0.01, 0.01, 0.1, 0.3, 1.1, 4.0][self._tape.below(8)])
            self._awaited = [deferred for deferred in self._awaited if not deferred.called]
        else:
            self._fail()
        if self.ledger.wrongs or self.server.twice:
            self._judge()

    def _fail(self) -> None:
        faults: list[Callable[[], Any]] = [
            lambda: self._on_link(lambda link: link.reset()),
            lambda: self._on_link(lambda link: setattr(link.up, "fault", self._cut(link.up))),
            lambda: self._on_link(lambda link: setattr(link.down, "fault", self._cut(link.down))),
            lambda: self._on_link(lambda link: setattr(link.up, "fault", Fault(delay=0.02))),
            lambda: self._on_link(lambda link: setattr(link.down, "fault", Fault(delay=0.02, trickle=True))),
            lambda: self._on_link(lambda link: setattr(link.down, "fault", Fault(trickle=True))),
            lambda: self._on_link(lambda link: setattr(link.down, "fault", Fault(stop_after=0))),
            lambda: self._on_link(self._garble),
            lambda: self._on_link(lambda link: link.server.loseConnection()),
            lambda: setattr(self.endpoint, "refuses", not self.endpoint.refuses),
            lambda: setattr(self.server, "paused", True),
            self.server.resume,
            self._restart,
            self._mend,
        ]
        faults[self._tape.below(len(faults))]()

    def _on_link(self, fault: Callable[[Any], Any]) -> None:
        alive = self.endpoint.alive
        if alive:
            fault(alive[self._tape.below(len(alive))])

    def _cut(self, way: Any) -> Fault:
        return Fault(cut_after=way.passed + self._tape.below(256))

    def _garble(self, link: Any) -> None:
        if not link.down.held:  # between two replies; inside of one, garbage could be a value
            link.down.fault = Fault(garbage_after=link.down.passed)

    def _restart(self) -> None:
        self.facts.epoch += 1
        self.server.restart()

    def _mend(self) -> None:
        """End all faults."""
        self.endpoint.refuses = False
        for link in self.endpoint.alive:
            if link.down.fault.stop_after is None:  # a half-open link stays so: the client has to notice
                link.up.fault = link.down.fault = NO_FAULT
        self.server.resume()

    def _end(self) -> None:
        """Nothing fails any more: everything comes to its end, and nothing is left."""
        self._mend()
        self._let_all_end()
        self._judge()
        self._expect(not self.ledger.pending, f"never answered: {list(self.ledger.pending.values())}")
        for link in self.endpoint.alive:
            if link.down.fault.stop_after is not None:
                link.reset()  # nobody has asked it anything, so nobody knows
        self._let_all_end()
        self._expect(self.factory.size == self.size, f"{self.factory.size} of {self.size} connections are up")
        pings = [self.factory.handler.ping() for _ in range(3)]
        self.clock.advance(0.1)
        settle(self.clock)
        for ping in pings:
            self._expect(ping.called and ping.result == "PONG", f"no PONG in the end: {ping}")
            ping.addErrback(lambda _: None)
        if any(session.queued is not None or session.watched for session in self.server.sessions):
            gc.collect()  # a cancelled coroutine may be part of a cycle, and holds its transaction until then
            settle(self.clock)
        for session in self.server.sessions:
            self._expect(session.queued is None and not session.watched, "a connection was left in a transaction")
        self.factory.disconnect()
        settle(self.clock)
        self.clock.advance(BOUND)
        settle(self.clock)
        self._expect(not self.server.sessions, f"{len(self.server.sessions)} connections were left open")
        self._expect(not self.clock.getDelayedCalls(), f"left in the reactor: {self.clock.getDelayedCalls()}")

    def _let_all_end(self) -> None:
        for _ in range(int(BOUND / 0.1)):
            settle(self.clock)
            # A lost transaction is nobody's, but is held by the reply to its last command: that has to come, too.
            held = any(link.up.held or link.down.held for link in self.endpoint.alive)
            if not self.ledger.pending and self.factory.size == self.size and not held:
                return
            self.clock.advance(0.1)
        settle(self.clock)

    def _judge(self) -> None:
        self._expect(not self.ledger.wrongs, "\n".join(self.ledger.wrong))
        self._expect(not self.server.twice, f"executed twice: {self.server.twice[:3]}")

    def _expect(self, holds: Any, what: str) -> None:
        if not holds:
            raise Found(what)


def shortened(tape: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """A short tape that fails as well: parts are left out for as long as that can be."""
    size = len(tape) // 2
    while size:
        at = 0
        while at < len(tape):
            shorter = tape[:at] + tape[at + size :]
            if fails(shorter):
                tape = shorter
            else:
                at += size
        size //= 2
    return tape
