"""The world of the model: users, a pool, links and servers in memory, and a tape that tells what happens.

A tape spells one story: users act (see ``testbed.soak.careless``), operations are cancelled, time passes, links and
servers fail, roles and passwords change, the program is busy, and what belongs to it raises. The same tape is the same
story, so that what fails can be made short and told again.
"""

from __future__ import annotations

import enum
import gc
import random
from collections.abc import Callable
from typing import Any

from fuzz.generate import Tape
from testbed.model_server import ModelServer, ModelSession
from testbed.scripted import MemoryEndpoint, settle
from testbed.soak.careless import CarelessUser
from testbed.soak.facts import Facts
from testbed.soak.ledger import Ledger, OnPurpose
from testbed.support import Turns
from testbed.ways import NO_FAULT, Fault

import txredis_fast
from faults.long_turns import long_turn
from faults.model_program import Hook, Protocol, takes_callables
from faults.stories import Found
from txredis_fast import RedisProtocol, RetryPolicy

#: Seconds, of the clock, within which everything must have come to its end when nothing fails any more: poolTimeout for
#: each step of a transaction, replyTimeout, and the time that connecting takes.
BOUND = 60.0
REPLY_TIMEOUT = 1.0
POOL_TIMEOUT = 3.0
CONNECT_TIMEOUT = 2.0
BLOCKING = 2


class Reactor(Turns):
    """A clock that goes on after what a program raises, as a reactor does."""

    def run(self, function: Callable[..., object], *args: Any, **options: Any) -> None:
        try:
            function(*args, **options)
        except OnPurpose:
            self.advance(0)

    def advance(self, amount: float) -> None:
        while True:
            try:
                super().advance(amount)
            except OnPurpose:
                amount = 0
            else:
                return


class Servers(enum.Enum):
    """Where connections lead."""

    ONE = "to one server, always"
    BALANCED = "to two with the same data, in turns"
    MOVING = "to that one of the two that is no replica"


class World:
    """Tells one story.

    :ivar commands: how many commands came to an end.
    """

    def __init__(self, tape: bytes) -> None:
        self._tape = Tape(tape)
        random.seed(len(tape))  # of the back-off
        self.clock = Reactor()
        txredis_fast.reactor = self.clock  # type: ignore[attr-defined]
        self.kind = list(Servers)[self._tape.below(3)]
        self.servers = [ModelServer(self.clock, None, 3)]
        if self.kind is not Servers.ONE:
            self.servers.append(ModelServer(self.clock, self.servers[0], 2))
        if self.kind is Servers.MOVING:
            self.servers[1].demote()
        self._turn = 0
        self.endpoint = MemoryEndpoint(self._make_session, self.clock)
        self.endpoint.tells_reactor = True
        self.ledger = Ledger(self.clock.seconds)
        self.facts = Facts()
        self.facts.claimed = set()
        self.size = 1 + self._tape.below(4)
        self._make_factory()
        self.factory.startConnecting(self.endpoint)
        self.users = [
            CarelessUser(number, self.factory.handler, self._tape, self.ledger, self.facts, patience=0.2)
            for number in range(4)
        ]
        self._awaited: list[Any] = []

    def _make_factory(self) -> None:
        options: dict[str, Any] = {}
        self.protocol: Any = (RedisProtocol, RedisProtocol, type("OfStory", (Protocol,), {}))[self._tape.below(3)]
        self.hook = Hook() if self._tape.below(4) == 1 else None
        if self.hook is not None:
            options["hooks"] = [self.hook]
        if self._tape.below(3) == 1:
            options["retry"] = RetryPolicy(jitter=0, refused=self._tape.below(2) == 1)
        #: How often the password was changed; None: there is none.
        self.passwords = 0 if self._tape.below(2) else None
        self._telling: Any = None
        self.told = b"secret0"
        if self.passwords is not None:
            for server in self.servers:
                server.password = self.told
            options["password"] = "secret0"
            self.asked = takes_callables() and self._tape.below(2) == 1
            if self.asked:
                options["password"] = lambda: self.servers[0].password
        self.factory = txredis_fast.RedisFactory(
            "memory:6379",
            None,
            self.size,
            True,
            replyTimeout=REPLY_TIMEOUT,
            poolTimeout=POOL_TIMEOUT,
            connectTimeout=CONNECT_TIMEOUT,
            maxBlockingConnections=BLOCKING,
            onUnclaimedReply=self._unclaimed,
            **options,
        )
        self.factory.protocol = self.protocol
        self.factory.initialDelay, self.factory.maxDelay, self.factory.jitter = 0.05, 0.5, 0

    def _make_session(self) -> ModelSession:
        if self.kind is Servers.BALANCED:
            self._turn += 1
            return self.servers[self._turn % 2].session()
        return next(server for server in self.servers if self.kind is Servers.ONE or not server.is_replica).session()

    def _unclaimed(self, command: Any, reply: Any) -> None:
        assert self.facts.claimed is not None
        self.facts.claimed.add(reply[1])
        if len(self.facts.claimed) % 3 == 0:
            raise OnPurpose

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
        what = self._tape.below(18)
        if what < 10:
            self._awaited.append(self.users[what % 4].act(self._awaited.append))
        elif what == 10 and self._awaited:
            self._awaited.pop(self._tape.below(len(self._awaited))).cancel()
        elif what < 14:
            for _ in range(1 + self._tape.below(4)):
                self.clock.advance(0)
        elif what < 15:
            self.clock.advance([0.0, 0.001, 0.01, 0.01, 0.1, 0.3, 1.1, 4.0][self._tape.below(8)])
            self._awaited = [deferred for deferred in self._awaited if not deferred.called]
        elif what < 16:
            self._be_busy([0.01, 0.3, 1.1, 2.5, 4.0, 30.0][self._tape.below(6)])
        else:
            self._fail()
        if self.ledger.wrongs or any(server.twice or server.strangers for server in self.servers):
            self._judge()

    # -- long turns of the program

    def _be_busy(self, seconds: float) -> None:
        """A long turn: what comes meanwhile has come in time."""
        if self._tape.below(2):
            self._begin_to_pop()
        elif self._is_clean():
            self._settle()
        clean = self._is_clean()
        links = self.endpoint.alive
        late, popped = dict(self.ledger.late), len(self.servers[0].popped)
        come = long_turn(self.clock, links, seconds, self.clock.run)
        self._settle()
        if not clean:
            return
        for kind, number in self.ledger.late.items():
            # A time limit of its own may cover the time before a command is sent, which is after this turn.
            if kind != "be_late":
                self._expect(number == late.get(kind, 0), f"{kind}: told as a timeout, although its reply had come")
        if self.kind is Servers.ONE:  # else what is given up may have to be lost
            arrived = b"".join(come.values())
            for value in self.servers[0].popped[popped:]:
                claimed = value.decode() in (self.facts.claimed or ())
                self._expect(claimed or value not in arrived, f"thrown away unread: {value!r}")

    def _begin_to_pop(self) -> None:
        """Users wait for elements; these are pushed, and meanwhile some users have given up."""
        waiting: list[Any] = []
        users = self.users[: 1 + self._tape.below(2)]
        for user in users:
            self._awaited.append(user.do("pop", waiting.append))
        self._settle()
        for user, popping in zip(users, waiting, strict=True):
            self._awaited.append(user.do("push", self._awaited.append))
            if self._tape.below(2):
                popping.cancel()

    def _is_clean(self) -> bool:
        """Whether nothing is wrong, with any link or server or with what the program adds to connections."""
        if any(server.paused for server in self.servers) or getattr(self.protocol, "armed", 0):
            return False
        return not any(
            way.fault != NO_FAULT
            or way.held
            or way._has_swallowed
            or link.client.aborted
            or link.client.raises
            or link.client.raises_behind
            for link in self.endpoint.alive
            for way in (link.up, link.down)
        )

    # -- what fails

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
            lambda: setattr(self._some_server(), "paused", True),
            self._resume,
            self._restart,
            self._mend,
            self._mend,
            self._rotate,
            self._rotate,
            self._change_role,
            self._change_role,
            lambda: self._on_link(lambda link: setattr(link.client, "raises", OnPurpose("before a write"))),
            lambda: self._on_link(lambda link: setattr(link.client, "raises_behind", OnPurpose("behind a write"))),
            lambda: self._on_link(self._push),
            lambda: setattr(self.protocol, "armed", 1 + self._tape.below(2)),
        ]
        faults[self._tape.below(len(faults))]()

    def _some_server(self) -> ModelServer:
        return self.servers[self._tape.below(2) % len(self.servers)]

    def _resume(self) -> None:
        for server in self.servers:
            server.resume()

    def _rotate(self) -> None:
        """A new password: those who are logged in stay so, or are killed; and the program is told."""
        if self.passwords is None or self._telling is not None:
            return
        self.passwords += 1
        new = f"secret{self.passwords}"
        for server in self.servers:
            server.password = new.encode()
        how = self._tape.below(4)
        if how % 2:
            for server in self.servers:
                server.kill_clients()
        if self.asked:
            self.told = new.encode()
        elif how < 2:
            self._set_password(new)
        else:
            self._tell(new)

    def _tell(self, new: str) -> None:
        self._telling = self.factory.handler.auth(new)
        self._telling.addCallbacks(self._is_told, self._not_told, callbackArgs=(new,), errbackArgs=(new,))

    def _set_password(self, new: str) -> None:
        self.factory.password = new
        self.told = new.encode()

    def _is_told(self, reply: Any, new: str) -> None:
        self._telling = None
        self.told = new.encode()
        if reply != "OK":
            self.ledger.note_wrong(f"AUTH: {reply!r}")

    def _not_told(self, failure: Any, new: str) -> None:
        """Tell it again, as a program would."""
        if failure.check(txredis_fast.ConnectionError):
            self.clock.callLater(0.2, self._tell, new)
        else:
            self.ledger.note_wrong(f"AUTH: {failure.getTraceback():.1000}")

    def _change_role(self) -> None:
        """A master becomes a replica, and no connection is closed."""
        if self.kind is Servers.MOVING:
            former = next(server for server in self.servers if not server.is_replica)
            for server in self.servers:
                server.is_replica = False
            former.demote()
            return
        server = self._some_server()
        if server.is_replica:
            server.is_replica = False
        else:
            server.demote()

    def _push(self, link: Any) -> None:
        if link.server.connected and not link.down.held:
            link.server.write(b">2\r\n$4\r\nnews\r\n$3\r\nold\r\n")

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
        for server in self.servers:
            server.restart()

    def _mend(self) -> None:
        """End all faults."""
        self.endpoint.refuses = False
        for link in self.endpoint.alive:
            if link.down.fault.stop_after is None:  # a half-open link stays so: the client has to notice
                link.up.fault = link.down.fault = NO_FAULT
        self._resume()

    def _end(self) -> None:
        """Nothing fails any more: everything comes to its end, and nothing is left."""
        self._mend()
        self.protocol.armed = 0
        if self.hook is not None:
            self.hook.armed = False
        if self.kind is not Servers.MOVING:
            for server in self.servers:
                server.is_replica = False
        self._let_all_end()
        self._judge()
        self._expect(not self.ledger.pending, f"never answered: {list(self.ledger.pending.values())}")
        for link in self.endpoint.alive:
            link.client.raises = link.client.raises_behind = None
            if link.down.fault.stop_after is not None:
                link.reset()  # nobody has asked it anything, so nobody knows
        self._let_all_end()
        gc.collect()  # a cancelled coroutine may be part of a cycle, and holds its transaction until then
        self._let_all_end()
        self._expect(self.factory.size == self.size, f"{self.factory.size} of {self.size} connections are up")
        self._expect_all_work("PONG", self.size * 3, lambda handler: handler.ping(), 0)
        self._expect_all_work("OK", self.size * 3, lambda handler: handler.set("probe", "value"), BOUND)
        self._expect_all_work(None, BLOCKING, lambda handler: handler.blpop("nothing", timeout=0.05), BOUND)
        if any(self._left_open()):
            gc.collect()
            self._settle()
        self._expect(not any(self._left_open()), "a connection was left in a transaction")
        self.factory.disconnect()
        self._settle()
        self.clock.advance(BOUND)
        self._settle()
        for server in self.servers:
            self._expect(not server.sessions, f"{len(server.sessions)} connections were left open")
        self._expect(not self.clock.getDelayedCalls(), f"left in the reactor: {self.clock.getDelayedCalls()}")
        self._judge()

    def _left_open(self) -> list[bool]:
        return [
            session.queued is not None or bool(session.watched)
            for server in self.servers
            for session in server.sessions
        ]

    def _expect_all_work(self, reply: Any, number: int, ask: Callable[[Any], Any], within: float) -> None:
        """So many commands at a time are answered rightly, some time after nothing fails any more."""
        end = self.clock.seconds() + within
        while True:
            asked = [ask(self.factory.handler) for _ in range(number)]
            outcomes: list[Any] = []
            for each in asked:
                each.addErrback(lambda failure: failure.value).addCallback(outcomes.append)
            self._settle()
            for _ in range(int(BOUND / 0.05)):
                if len(outcomes) == number:
                    break
                self.clock.advance(0.05)
                self._settle()
            if outcomes == [reply] * number:
                return
            self._expect(self.clock.seconds() < end, f"not {reply!r} in the end, but {outcomes}")
            self.clock.advance(0.4)

    def _let_all_end(self) -> None:
        for _ in range(int(BOUND / 0.1)):
            self._settle()
            # A lost transaction is nobody's, but is held by the reply to its last command: that has to come, too.
            held = any(link.up.held or link.down.held for link in self.endpoint.alive)
            told = self.passwords is None or (self._telling is None and self.told == self.servers[0].password)
            if not self.ledger.pending and self.factory.size == self.size and not held and told:
                return
            self.clock.advance(0.1)
        self._settle()

    def _settle(self) -> None:
        try:
            settle(self.clock)
        except AssertionError as error:
            raise Found(str(error)) from None

    def _judge(self) -> None:
        self._expect(not self.ledger.wrongs, "\n".join(self.ledger.wrong))
        self._expect(not self.servers[0].twice, f"executed twice: {self.servers[0].twice[:3]}")
        for server in self.servers:
            self._expect(not server.strangers, f"strangers were to be unblocked: {server.strangers[:3]}")

    def _expect(self, holds: Any, what: str) -> None:
        if not holds:
            raise Found(what)
