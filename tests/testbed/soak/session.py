"""One run, from the first connection to the last look at what is left."""

from __future__ import annotations

import dataclasses
import gc
from collections import Counter
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.task import deferLater

import txredis_fast as redis

from .balanced import BalancedUser, InTurns, Strangers
from .cached import HEALTH, CachedUsers
from .careless import CarelessUser
from .channel import Numbers
from .facts import Dice, Facts
from .faults import Faults, MasterFaults
from .ledger import Ledger
from .login import Login
from .transports import TRANSPORTS, OverTCP
from .users import User
from .watching import Watcher

#: Seconds that anything that is awaited may take; more is a hang.
LONGEST = 30.0
#: Seconds that everything gets to come to its end.
END_LIMIT = 30.0
#: Seconds that the server may take to see the end of what was open on a connection.
SETTLE_LIMIT = 5.0
REPLY_TIMEOUT = 1.0
#: Of those who have a server without faults, and no proxy in this process; shorter than long turns of the program.
DIRECT_REPLY_TIMEOUT = 0.75
#: What else may go wrong there: a key that was watched has changed.
DIRECT_ERRORS = {"WatchError"}
CONNECTIONS = 8


@dataclasses.dataclass
class Plan:
    """How long, how much, with what.

    :ivar seconds: the end; None: none.
    :ivar operations: end after so many commands; None: no such end.
    :ivar faults: with ``operations``: so many faults, spread over them.
    :ivar every: seconds between two faults, where ``faults`` does not say.
    :ivar transport: one of :data:`~testbed.soak.transports.TRANSPORTS`.
    """

    seconds: float | None = 60.0
    operations: int | None = None
    faults: int | None = None
    every: float = 3.0
    users: int = 50
    seed: int = 1
    transport: str = "tcp"
    interval: float = 1.0


class Session:
    """Runs a plan.

    :ivar problems: what is wrong besides replies.
    """

    def __init__(
        self,
        reactor: Any,
        plan: Plan,
        address: tuple[str, int],
        server: Any,
        options: dict[str, Any],
        group: Any = None,
        pair: Sequence[Any] = (),
    ) -> None:
        """
        :param address: of the server; :param server: itself, where it may be stopped and restarted.
        :param options: of connections: password and the like.
        :param group: of Sentinels and their servers, for fail-over.
        :param pair: two further servers, which do not fail: both behind one address, and one of them without a proxy.
        """
        self.reactor = reactor
        self.plan = plan
        self.address = address
        self.server = server
        self.group = group
        self.pair = pair
        self.options = {"replyTimeout": REPLY_TIMEOUT, **options}
        self.dice = Dice(plan.seed)
        self.ledger = Ledger(reactor.seconds)
        self.facts = Facts()
        self.watcher = Watcher(reactor, plan.interval)
        self.problems: list[str] = []
        self.started = reactor.seconds()
        self.finished: float | None = None
        self.interrupted = False
        self.faults: Faults | None = None
        self.master_faults: MasterFaults | None = None
        self.numbers: Numbers | None = None
        self.login: Login | None = None
        #: Of those whose server does not fail, and whose program is busy now and then.
        self.direct = Ledger(reactor.seconds)
        self.strangers: Strangers | None = None
        #: Of cached reads.
        self.cached = Ledger(reactor.seconds)
        self.cached_users: CachedUsers | None = None
        self.connections = 0
        self._ends = False
        self._handlers: list[Any] = []
        self._running: list[Deferred[Any]] = []
        self._more_faults: list[Faults] = []

    # -- from outside

    def stop(self) -> None:
        """Come to an end, with what was done so far."""
        self.interrupted = not self._ends
        self._ends = True

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return (self.finished or self.reactor.seconds()) - self.started

    @property
    def done(self) -> float:
        """How much of the plan is done, from 0 to 1."""
        if self.plan.operations is not None:
            return min(1.0, self.ledger.commands / self.plan.operations)
        return min(1.0, self.elapsed / self.plan.seconds) if self.plan.seconds else 0.0

    @property
    def happened(self) -> dict[str, int]:
        """The faults so far, by kind."""
        happened: Counter[str] = Counter()
        for source in (self.faults, self.master_faults, *self._more_faults):
            if source is not None:
                happened.update(source.happened)
        return dict(sorted(happened.items()))

    @property
    def met(self) -> int:
        """How many strangers waited for ever, undisturbed or not."""
        return 0 if self.strangers is None else self.strangers.came

    # -- the run

    async def run(self) -> None:
        """Everything; does not fail for what it finds."""
        transport = TRANSPORTS[self.plan.transport](self.reactor, self.address)
        try:
            if self.server is not None:
                self.login = Login(self.reactor, self.server, self.ledger)
                await self.login.change()
            await self._run(transport)
        finally:
            self._ends = True
            self.watcher.stop()
            if self.strangers is not None:
                self.strangers.stop()
            if self.login is not None:
                await self.login.end()
            await transport.stop()
        self.finished = self.reactor.seconds()

    async def _run(self, transport: OverTCP) -> None:
        asked = {} if self.login is None else {"password": self.login.current}
        pool, publisher = self._connect_users(transport), self._connect(transport, 1, **asked)
        self.faults = Faults(self.reactor, self.dice, transport.proxy, self.server, self.facts, self.login)
        self.numbers = Numbers(
            self.reactor, self.ledger, publisher, transport.endpoint(), {**self._subscriber_options(), **asked}
        )
        for number in range(self.plan.users):
            self._begin(self._use(CarelessUser(number, pool, self.dice, self.ledger, self.facts, "soak:", 0.05)))
        self._begin(self._let_happen(self.faults))
        if self.group is not None:
            self._begin_group()
        balancer = self._begin_pair() if self.pair else None
        cached = self._begin_cached(asked)
        self.numbers.start()
        self.watcher.start()
        while not self._is_over():
            await self._sleep(0.1)
            waited, kind = max(self.ledger.longest_wait(), self.cached.longest_wait())
            if waited > LONGEST:
                self.problems.append(f"{kind} hangs: no answer in {waited:.0f} s")
                break
        self._ends = True
        try:
            await self._finish(transport.proxy)
        finally:
            await cached.stop()
            if balancer is not None:
                await balancer.stop()

    def _connect_users(self, transport: OverTCP) -> Any:
        if self.login is None:
            return self._connect(transport, CONNECTIONS)
        self.login.pool = self._connect(transport, CONNECTIONS, password=self.login.current())
        return self.login.pool

    def _connect(self, transport: OverTCP, size: int, **more: Any) -> Any:
        options = {**self.options, **more}
        return self._keep(transport.pool(poolsize=size, connectTimeout=1.0, poolTimeout=5.0, **options))

    def _keep(self, handler: Any) -> Any:
        handler._factory.initialDelay, handler._factory.maxDelay = 0.05, 0.5
        self._handlers.append(handler)
        return handler

    def _subscriber_options(self) -> dict[str, Any]:
        known = redis.ConnectionOptions.__dataclass_fields__
        health = {"healthCheckInterval": 1.0} if "healthCheckInterval" in known else {}
        return {**self.options, **health}

    def _begin_group(self) -> None:
        """Users of a master that is lost again and again, found by Sentinel."""
        facts = Facts()
        self.master_faults = MasterFaults(self.reactor, self.dice, self.group, facts)
        _, _, sentinels = self.group
        finder = redis.Sentinel([watcher.address for watcher in sentinels])
        pool = self._keep(
            finder.master_for(sentinels[0].service, poolsize=4, connectTimeout=1.0, poolTimeout=10.0, **self.options)
        )
        for number in range(max(1, self.plan.users // 5)):
            self._begin(self._use(CarelessUser(1000 + number, pool, self.dice, self.ledger, facts, "soak:", 0.05)))
        self._begin(self._let_happen(self.master_faults, 1.0))

    def _begin_pair(self) -> OverTCP:
        """Users of two servers behind one address; and users of one of them who are spared all but long turns."""
        addresses = [server.address for server in self.pair]
        balancer = OverTCP(self.reactor, addresses[0])
        balancer.proxy.endpoint = InTurns(self.reactor, addresses)
        facts = Facts()
        links = Faults(self.reactor, self.dice, balancer.proxy, None, facts)
        self._more_faults.append(links)
        pool = self._connect(balancer, 2)
        users = max(1, self.plan.users // 5)
        for number in range(users):
            self._begin(self._use(BalancedUser(2000 + number, pool, self.dice, self.ledger, facts, "soak:", 0.05)))
        self._begin(self._let_happen(links, self.plan.every * 2))
        self.strangers = Strangers(self.reactor, addresses, self.ledger)
        self.strangers.start()
        options = {**self.options, "replyTimeout": DIRECT_REPLY_TIMEOUT}
        direct = self._keep(redis.lazyConnectionPool(*addresses[0], poolsize=2, poolTimeout=10.0, **options))
        for number in range(users):
            user = User(3000 + number, direct, self.dice, self.direct, Facts(), "direct:", 0.05)
            self._begin(self._use(user, spoils=False))
        return balancer

    def _begin_cached(self, asked: dict[str, Any]) -> OverTCP:
        """Readers of a cache, whose links fail, and writers: through the same handler, and through another one."""
        transport = TRANSPORTS[self.plan.transport](self.reactor, self.address)
        links = Faults(self.reactor, self.dice, transport.proxy, None, self.facts)
        self._more_faults.append(links)
        cache = redis.ClientCache(health_interval=HEALTH)
        pool, other = self._connect(transport, 2, cache=cache, **asked), self._connect(transport, 1, **asked)
        self.cached_users = CachedUsers(self.reactor, pool, other, self.dice, self.cached, self.facts)
        for key in self.cached_users.keys:
            self._begin(self.cached_users.write(key, lambda: self._ends))
        for _ in range(max(1, self.plan.users // 10)):
            self._begin(self.cached_users.use(lambda: self._ends))
        self._begin(self._let_happen(links, self.plan.every))
        return transport

    def _begin(self, coroutine: Any) -> None:
        self._running.append(Deferred.fromCoroutine(coroutine).addErrback(self._broken))

    def _broken(self, failure: Any) -> None:
        self.problems.append(failure.getTraceback())
        self._ends = True

    async def _use(self, user: User, spoils: bool = True) -> None:
        """One user's life: one operation after another, some of them given up."""
        while not self._ends:
            if not await user.act(self._spoil if spoils else None):
                await self._sleep(self.dice.uniform(0, 0.02))

    def _spoil(self, deferred: Deferred[Any]) -> None:
        """Cancel an operation, at once or later, or limit its time."""
        how = self.dice.below(40)
        if how == 0:
            deferred.cancel()
        elif how == 1:
            deferred.addTimeout(self.dice.uniform(0, 0.02), self.reactor)
        elif how == 2 and not deferred.called:
            call = self.reactor.callLater(self.dice.uniform(0, 0.01), deferred.cancel)
            deferred.addBoth(lambda result: (call.active() and call.cancel(), result)[1])

    async def _let_happen(self, faults: Any, every: float | None = None) -> None:
        number = 0
        while not self._ends:
            if self.plan.faults is not None and self.plan.operations is not None and every is None:
                # The first and the last commands are to have some peace, too.
                due = self.plan.operations * (number + 0.5) / self.plan.faults
                if self.ledger.commands < due:
                    await self._sleep(0.002)
                    continue
            else:
                await self._sleep(self.plan.every if every is None else every)
            if not self._ends:
                await faults.happen()
                number += 1

    def _is_over(self) -> bool:
        plan = self.plan
        if plan.operations is not None and self.ledger.commands >= plan.operations:
            return plan.faults is None or sum(self.happened.values()) >= plan.faults
        return self._ends or (plan.seconds is not None and self.elapsed >= plan.seconds)

    async def _finish(self, proxy: Any) -> None:
        """Let all come to an end, and look at what is left."""
        ending: Deferred[Any] = DeferredList(self._running)
        if not await self._within(END_LIMIT, lambda: ending.called and not self._pending()):
            self.problems.append(f"never answered: {sorted(self._pending())}")
        if self.numbers is not None:
            await self.numbers.stop()
        gc.collect()  # of cancelled transactions, which cycles may still hold
        pool = self._handlers[0]
        if not await self._within(END_LIMIT, lambda: pool._factory.size == CONNECTIONS):
            self.problems.append(f"{pool._factory.size} of {CONNECTIONS} connections have come back")
        for handler in self._handlers:
            try:
                await handler.retrying.ping()  # the first may find a link that is half open
            except redis.RedisError as error:
                self.problems.append(f"no answer in the end: {error}")
        self.connections = len(proxy.fronts)
        if self.server is not None:
            # What ends a transaction may still be on its way, through a proxy that delays it.
            await self._within(SETTLE_LIMIT, lambda: not any(map(left_open, clients(self.server))))
            self.problems += [
                f"left open on the server: {client}" for client in clients(self.server) if left_open(client)
            ]
        for handler in self._handlers:
            try:
                await handler.disconnect().addTimeout(END_LIMIT, self.reactor)
            except DeferredTimeoutError:
                self.problems.append(f"disconnect() of {handler!r} has come to no end")
        if not await self._within(END_LIMIT, lambda: not proxy.fronts):
            self.problems.append(f"{len(proxy.fronts)} connections were not closed")

    def _pending(self) -> set[str]:
        return {kind for ledger in (self.ledger, self.direct, self.cached) for kind, _ in ledger.pending.values()}

    async def _within(self, limit: float, condition: Any) -> bool:
        end = self.reactor.seconds() + limit
        while not condition():
            if self.reactor.seconds() > end:
                return False
            await self._sleep(0.02)
        return True

    def _sleep(self, seconds: float) -> Deferred[None]:
        return deferLater(self.reactor, seconds, lambda: None)

    # -- the verdict

    def verdict(self) -> list[str]:
        """What is wrong; empty if nothing is."""
        found = list(self.problems)
        found += [f"{text}, and nothing had failed there" for text in self.direct.wrong]
        found += [f"cached: {text}" for text in self.cached.wrong]
        refused = {name: number for name, number in self.direct.failed.items() if name not in DIRECT_ERRORS}
        if refused:
            found.append(f"where nothing fails, and the program is busy now and then: {refused}")
        if self.ledger.wrongs:
            found.append(f"{self.ledger.wrongs} wrong replies")
        if not self.watcher.is_flat():
            before, after = self.watcher.growth() or (0.0, 0.0)
            found.append(f"memory grew from {before:.1f} to {after:.1f} MB after the warm-up")
        return found


def clients(server: Any) -> list[dict[str, str]]:
    """The fields of CLIENT LIST of each connection but the one that asks."""
    lines = server.command("CLIENT", "LIST").decode().splitlines()
    found = [dict(field.partition("=")[::2] for field in line.split(" ")) for line in lines]
    return [client for client in found if not client["cmd"].startswith("client")]


def left_open(client: dict[str, str]) -> bool:
    """Whether a connection is in a transaction, watches a key or blocks."""
    return client.get("watch", "0") != "0" or bool(set("xb") & set(client["flags"]))
