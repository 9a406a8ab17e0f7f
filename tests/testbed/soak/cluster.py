"""The soak of a cluster: users of three masters while slots move, roles change, and nodes die or are silent.

Each write of ``record`` carries a number, so that in the end one that was executed twice is found. What a server that
was killed had not told its replica yet is lost: that is the servers' asynchronous replication, and counted apart.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

import txredis_fast as redis

from ..clusters import Cluster
from .facts import Dice, Facts, Series, same
from .ledger import Ledger, Wrong
from .session import END_LIMIT, LONGEST, Plan
from .users import Operation, User
from .watching import Watcher

#: Numbers of one list.
RECORDS = 1000
#: Slots that move at a time.
MOVED = 200
#: Connections of the handler to each node: the pool's, one for WATCH, and those for blocking commands.
PER_NODE = 2
BLOCKING = 60


class ClusterFacts(Facts):
    """What all users know; while ``loses``, no moment is of the same epoch as another."""

    def __init__(self) -> None:
        self.loses = False
        self._epoch = 0
        super().__init__()

    @property
    def epoch(self) -> int:  # type: ignore[override]
        """Another one whenever data may have been lost."""
        self._epoch += self.loses
        return self._epoch

    @epoch.setter
    def epoch(self, number: int) -> None:
        self._epoch = number


class Record:
    """A list of numbers.

    :ivar given: how many; :ivar ends: of each, how it ended: one of the following.
    """

    UNSURE, TOLD, REFUSED = range(3)

    def __init__(self, key: str) -> None:
        self.key = key
        self.given = 0
        self.ends = bytearray(RECORDS + 1)


class ClusterUser(User):
    """A user whose keys of one operation are in one slot, and whose series end when data may have been lost."""

    ONE_SERVER = False
    WEIGHTS = {**User.WEIGHTS, "record": 12, "apart": 3}

    def __init__(self, *args: Any, records: list[Record]) -> None:
        super().__init__(*args)
        self._records = records
        self._record: Record | None = None

    def _current(self, kind: str) -> Series:
        series = self._series.get(kind)
        if series is not None and series.epoch != self._facts.epoch:
            del self._series[kind]
        series = super()._current(kind)
        if not series.key.startswith("{"):
            series.key = "{" + series.key + "}"
        return series

    def _took(self, series: Series, reply: Any) -> None:
        if series.epoch == self._facts.epoch:
            super()._took(series, reply)
        else:
            same(series.key)(reply[0])

    def record(self) -> Operation:
        """A number that is written once."""
        if self._record is None or self._record.given >= RECORDS:
            self._serial += 1
            self._record = Record(f"{self._prefix}record:{self.number}:{self._serial}")
            self._records.append(self._record)
        record = self._record
        record.given += 1
        number = record.given

        def done(length: int) -> int:
            record.ends[number] = Record.TOLD
            return length

        def failed(failure: Any) -> Any:
            if failure.check(redis.NotSentError, redis.ResponseError):
                record.ends[number] = Record.REFUSED
            return failure

        def check(length: Any) -> None:
            if not isinstance(length, int) or not 1 <= length <= record.given:
                raise Wrong(f"{record.key} has {length!r} numbers after {record.given} commands")

        sent = self.handler.rpush(record.key, f"{record.key}#{number}")
        return sent.addCallbacks(done, failed), 1, check

    def apart(self) -> Operation:
        """Keys of many slots."""
        keys = [self._key(place) for place in range(4)]

        def check(replies: Any) -> None:
            for key, reply in zip(keys, replies, strict=True):
                self._check_value(key)(reply)

        return self.handler.mget(keys), 4, check


class ClusterFaults:
    """Lets one thing after another happen to a cluster.

    :ivar happened: how many, by kind; :ivar lossy: how many of those may lose what was not replicated.
    """

    def __init__(self, reactor: Any, dice: Dice, cluster: Cluster, facts: ClusterFacts) -> None:
        self._reactor = reactor
        self._dice = dice
        self._cluster = cluster
        self._facts = facts
        self.happened: Counter[str] = Counter()
        self.lossy = 0
        self._deck: list[tuple[str, bool, Callable[[], Any]]] = []
        self._kinds: list[tuple[str, bool, Callable[[], Any]]] = [
            ("slots moved key by key", False, self._step),
            ("slots moved", False, self._move),
            ("planned fail-over", False, lambda: self._fail_over("")),
            ("forced fail-over", True, lambda: self._fail_over("FORCE")),
            ("clients killed", False, self._kill_clients),
            ("master killed", True, lambda: self._lose(self._cluster.kill, self._cluster.restart)),
            ("master silent", True, lambda: self._lose(self._cluster.pause, self._cluster.resume)),
        ]
        if cluster.moves_atomically:
            self._kinds.append(("slots moved at once", False, self._move_at_once))

    async def happen(self) -> None:
        """One, to its end."""
        if not self._deck:
            self._deck = self._dice.sample(self._kinds, len(self._kinds))
        name, loses, change = self._deck.pop()
        self._facts.loses = loses
        await deferToThread(change)
        self._facts.loses = False
        self.lossy += loses
        self.happened[name] += 1

    # In a thread.

    def _slots(self) -> tuple[list[int], Any]:
        """Some slots of one master, and another one.

        They are neighbours: single slots would cut the topology into ever more ranges, and its memory would grow.
        """
        source, to = self._dice.sample(self._cluster.masters, 2)
        slots = sorted(self._cluster.members()[source.id].slots)
        first = self._dice.randrange(max(1, len(slots) - MOVED))
        return slots[first : first + MOVED], to

    def _step(self) -> None:
        slots, to = self._slots()
        for slot in slots[:20]:
            self._cluster.begin_move(slot, to)
            while self._cluster.migrate_keys(slot, 1):
                time.sleep(0.002)
            self._cluster.finish_move(slot)

    def _move(self) -> None:
        self._cluster.move_slots(*self._slots())

    def _move_at_once(self) -> None:
        self._cluster.move_atomically(*self._slots())

    def _fail_over(self, how: str) -> None:
        master = self._dice.choice(self._cluster.masters)
        replicas = self._cluster.replicas_of(master)
        if replicas:
            self._cluster.failover(replicas[0], how)
            self._cluster.wait_until_ok()

    def _kill_clients(self) -> None:
        self._dice.choice(self._cluster.nodes).call("CLIENT", "KILL", "TYPE", "normal")

    def _lose(self, begin: Callable[[Any], None], end: Callable[[Any], None]) -> None:
        master = self._dice.choice(self._cluster.masters)
        if self._cluster.replicas_of(master):
            begin(master)
            time.sleep(self._dice.uniform(1, 4))
            end(master)
            self._cluster.wait_until_ok(40)


class ClusterSession:
    """Runs a plan on a cluster; as :class:`~testbed.soak.session.Session` for the screen."""

    def __init__(self, reactor: Any, plan: Plan, cluster: Cluster) -> None:
        self.reactor = reactor
        self.plan = plan
        self.cluster = cluster
        self.dice = Dice(plan.seed)
        self.ledger = Ledger(reactor.seconds)
        self.facts = ClusterFacts()
        self.watcher = Watcher(reactor, plan.interval)
        self.faults = ClusterFaults(reactor, self.dice, cluster, self.facts)
        self.problems: list[str] = []
        self.records: list[Record] = []
        self.started = reactor.seconds()
        self.interrupted = False
        #: Numbers that were written twice, and that were lost.
        self.doubles = self.lost = 0
        self.most_connections = self.connections = 0
        self.elapsed = 0.0
        self._ends = False

    @property
    def happened(self) -> dict[str, int]:
        """The faults so far, by kind."""
        return dict(sorted(self.faults.happened.items()))

    @property
    def done(self) -> float:
        """How much of the plan is done, from 0 to 1."""
        return min(1.0, self.elapsed / self.plan.seconds) if self.plan.seconds else 0.0

    def stop(self) -> None:
        """Come to an end, with what was done so far."""
        self.interrupted = not self._ends
        self._ends = True

    async def run(self) -> None:
        """Everything; does not fail for what it finds."""
        rc = await redis.ClusterConnection(self.cluster.addresses[:2], replyTimeout=3.0, poolTimeout=15.0)
        more = self.records
        users = [
            ClusterUser(number, rc, self.dice, self.ledger, self.facts, "soak:", 0.05, records=more)
            for number in range(self.plan.users)
        ]
        running = DeferredList([Deferred.fromCoroutine(self._guarded(self._use(user))) for user in users])
        changing = Deferred.fromCoroutine(self._guarded(self._change()))
        self.watcher.start()
        while not self._ends and self.elapsed < (self.plan.seconds or 60):
            await self._sleep(0.1)
            self.elapsed = self.reactor.seconds() - self.started
            stats = rc.stats()
            self.connections = stats.connections + stats.blocking_connections
            self.most_connections = max(self.most_connections, self.connections)
            waited, kind = self.ledger.longest_wait()
            if waited > LONGEST:
                self.problems.append(f"{kind} hangs: no answer in {waited:.0f} s")
                break
        self._ends = True
        await changing
        for _ in range(int(END_LIMIT / 0.1)):
            if running.called:
                break
            await self._sleep(0.1)
        else:
            self.problems.append(f"never answered: {sorted({kind for kind, _ in self.ledger.pending.values()})}")
        self.watcher.stop()
        await self._look_at_the_end(rc)
        await rc.disconnect()
        self.elapsed = self.reactor.seconds() - self.started

    async def _guarded(self, running: Awaitable[None]) -> None:
        try:
            await running
        except Exception as error:
            self.problems.append(f"{error!r}")
            self._ends = True

    async def _use(self, user: User) -> None:
        while not self._ends:
            if not await user.act(self._spoil):
                await self._sleep(self.dice.uniform(0, 0.02))

    def _spoil(self, deferred: Deferred[Any]) -> None:
        """Now and then, give an operation up."""
        how = self.dice.below(60)
        if how == 0:
            deferred.cancel()
        elif how == 1:
            deferred.addTimeout(self.dice.uniform(0, 0.02), self.reactor)

    async def _change(self) -> None:
        while not self._ends:
            await self._sleep(self.plan.every * self.dice.uniform(0.2, 0.5))
            if not self._ends:
                await self.faults.happen()

    async def _look_at_the_end(self, rc: Any) -> None:
        await deferToThread(self.cluster.wait_until_ok, 40)
        await rc.refresh()
        for record in self.records:
            numbers = await rc.retrying.lrange(record.key, 0, -1)
            counted = Counter(str(each) for each in numbers)
            self.doubles += sum(times - 1 for times in counted.values())
            known = {f"{record.key}#{number}": record.ends[number] for number in range(1, record.given + 1)}
            self.lost += sum(end == Record.TOLD and name not in counted for name, end in known.items())
            for name in counted:
                if name not in known:
                    self.ledger.note_wrong(f"{record.key} has {name}")
                elif known[name] == Record.REFUSED:
                    self.ledger.note_wrong(f"{name} was told as refused, and is there")
        stats = rc.stats()
        self.connections = stats.connections + stats.blocking_connections
        if stats.in_flight or stats.waiting:
            self.problems.append(f"something is still in flight: {stats}")

    def _sleep(self, seconds: float) -> Deferred[None]:
        return deferLater(self.reactor, seconds, lambda: None)

    def verdict(self) -> list[str]:
        """What is wrong; empty if nothing is."""
        found = list(self.problems)
        if self.ledger.wrongs:
            found.append(f"{self.ledger.wrongs} wrong replies")
        if self.doubles:
            found.append(f"{self.doubles} writes were executed twice")
        if self.lost and not self.faults.lossy:
            found.append(f"{self.lost} writes were lost, and no server had died")
        bound = len(self.cluster.nodes) * PER_NODE + BLOCKING + self.plan.users
        if self.most_connections > bound:
            found.append(f"{self.most_connections} connections, at most {bound} were to be")
        if not self.watcher.is_flat():
            before, after = self.watcher.growth() or (0.0, 0.0)
            found.append(f"memory grew from {before:.1f} to {after:.1f} MB after the warm-up")
        return found

    def as_json(self) -> dict[str, Any]:
        """Everything that was found."""
        return {
            "seconds": round(self.elapsed, 1),
            "seed": self.plan.seed,
            "commands": self.ledger.commands,
            "done": dict(self.ledger.done),
            "failed": dict(self.ledger.failed),
            "wrong": self.ledger.wrong,
            "faults": self.happened,
            "writes": sum(record.given for record in self.records),
            "doubles": self.doubles,
            "lost by replication": self.lost,
            "connections": [self.most_connections, self.connections],
            "memory MB": self.watcher.memory,
            "problems": self.verdict(),
        }

    def lines(self) -> list[str]:
        """The report."""
        ledger, writes = self.ledger, sum(record.given for record in self.records)
        growth = self.watcher.growth()
        told = [
            f"{ledger.commands:,} commands on a cluster in {self.elapsed:.0f} s, seed {self.plan.seed}",
            f"failed:            {dict(ledger.failed.most_common())}",
            f"changes:           {self.happened}",
            f"wrong replies:     {ledger.wrongs}",
            f"numbered writes:   {writes:,}, {self.doubles} executed twice, {self.lost} lost by replication",
            f"longest operation: {ledger.slowest[0]:.2f} s ({ledger.slowest[1]})",
            f"connections:       at most {self.most_connections}, {self.connections} in the end",
            f"memory:            {growth} MB after the warm-up and in the end",
            "",
        ]
        told += [f"WRONG: {text}" for text in ledger.wrong]
        return told + ([f"FAILED: {text}" for text in self.verdict()] or ["passed"])
