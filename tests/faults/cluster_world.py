"""The world of the cluster's model: a scripted cluster in memory, a storm, and users of the real client.

The same seed is the same story. What every command may end with says :class:`~testbed.scripted_cluster.Judge`; what
else has to hold is in :meth:`World.run`.
"""

from __future__ import annotations

import gc
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from testbed.scripted_cluster import Judge, Network, ScriptedCluster, Storm, marked, number_in
from testbed.slots import key_in
from twisted.internet.defer import Deferred

import txredis_fast as redis

SLOTS = [5, 700, 5461, 9000, 12345, 16383]
#: Hash tags, each of a slot of its own; and two names in each.
TAGS = [key_in(slot, "").encode() for slot in SLOTS]
NAMES = (b"a", b"b")
#: Keys that are there from the beginning to the end, for SCAN.
STATIC = {b"z" + tag for tag in TAGS}
#: At most so many operations are awaited at a time, and begun in a turn.
USERS, BURST = 150, 15
POOL_TIMEOUT, REPLY_TIMEOUT, CONNECT_TIMEOUT = 5.0, 1.0, 1.0
#: The share of SCAN, which is many commands.
SCANNING = 0.002
#: Seconds of the clock in which all comes to an end when nothing fails any more.
BOUND = 60.0
#: CLUSTER SLOTS for each second of a handler's life: one refresh in 100 ms, three nodes, and as many when they fail.
REQUESTS_PER_SECOND = 60
#: Connections of a handler to one node beyond those of blocking commands: the pool's, and those that are being made.
CONNECTIONS_PER_NODE = 4


class OnPurpose(Exception):
    """A user's own exception."""


class Found(AssertionError):
    """A story showed what must not be."""


class World:
    """One story.

    :ivar commands: how many commands have come to an end.
    :ivar acted: how often each operation was begun, by its name.
    """

    #: How often each operation is chosen.
    WEIGHTS = {
        "set": 6,
        "append": 4,
        "incr": 8,
        "get": 6,
        "mget": 2,
        "mset": 1,
        "delete": 1,
        "script": 2,
        "push": 3,
        "pop": 3,
        "batch": 2,
        "pipeline": 1,
        "transaction": 2,
        "pair": 2,
        "give_up": 1,
        "transact": 2,
        "crossing": 1,
    }

    def __init__(self, seed: int, rough: bool = True, **options: Any) -> None:
        """
        :param rough: whether what costs errors happens, too; otherwise nothing may fail.
        :param options: of the handlers, instead of those that the seed chooses.
        """
        self.chance = chance = random.Random(seed)
        self.network = Network()
        redis.reactor = self.network  # type: ignore[attr-defined]
        self.cluster = ScriptedCluster(self.network, masters=3, replicas=1)
        self.cluster.asks_when_queued = chance.random() < 0.5
        self.cluster.tells_unblocked = chance.random() < 0.5
        for key in STATIC:
            self.cluster.truth.put(key, b"there")
        self.rough = rough
        self.storm = Storm(self.cluster, chance, SLOTS)
        #: Whether the order of a batch is judged: no node refuses one command, and executes the next of its slot.
        self.judges_order = chance.random() < 0.5
        if self.judges_order:
            self.storm.gentle.remove(self.storm.refuse_one)
        refused = (redis.NotSentError, redis.ResponseError, redis.WatchError, OnPurpose)
        self.judge = Judge(self.cluster.truth, maybe=(redis.MaybeExecutedError,), refused=refused)
        self.options: dict[str, Any] = {
            "poolTimeout": POOL_TIMEOUT,
            "replyTimeout": REPLY_TIMEOUT,
            "connectTimeout": CONNECT_TIMEOUT,
            "charset": None,
            "poolsize": chance.choice((1, 1, 2)),
            "readFrom": chance.choice(("master", "master", "any", "replica")),
            "protocol": chance.choice((2, 3)),
        }
        if not rough:
            self.options |= {"poolTimeout": 1000.0, "replyTimeout": None, "maxRedirections": 10_000}
        self.options |= options
        self.failed: Counter[str] = Counter()
        self.acted: Counter[str] = Counter()
        self._names = [name for name, weight in self.WEIGHTS.items() for _ in range(weight)]
        self._handlers = 0
        self._lives = 0.0
        self._began_at = 0.0
        self._all_numbers: list[tuple[int, int]] = []
        self._committed: dict[bytes, set[int]] = {}
        self._open: list[Any] = []
        self._popping = 0
        self.rc: Any = None
        self._connect()

    @property
    def commands(self) -> int:
        """How many have come to an end."""
        return sum(self.judge.ended.values())

    def _connect(self) -> None:
        self._handlers += 1
        self.rc = redis.lazyClusterConnection(self.cluster.addresses[: self.chance.randrange(1, 7)], **self.options)
        self._open.append(self.rc)
        self._began_at = self.network.seconds()

    # Names.

    def _tag(self) -> bytes:
        return self.chance.choice(TAGS)

    def _key(self, kind: bytes) -> bytes:
        return kind + self._tag() + self.chance.choice(NAMES)

    # Operations. Each returns the Deferred that the program would hold, and begins to follow it.

    def set(self) -> Deferred[Any]:
        key, number = self._key(b"s"), self.judge.number()
        sent = self.rc.set(key, marked(key, number))
        self._follow("SET", sent, [number], lambda reply: reply == b"OK")
        return sent

    def append(self) -> Deferred[Any]:
        key, number = self._key(b"a"), self.judge.number()
        sent = self._view().append(key, marked(b";", number))
        self._follow("APPEND", sent, [number], lambda reply: reply > 0)
        return sent

    def incr(self) -> Deferred[Any]:
        key = self._key(b"i")
        sent = self._view().incr(key)
        self._told(self.judge.follow_count("INCR", self._noted(sent), key))
        return sent

    def get(self) -> Deferred[Any]:
        key = self._key(b"s")
        sent = self.rc.get(key)
        self._told(self.judge.follow_read("GET", self._noted(sent), key))
        return sent

    def mget(self) -> Deferred[Any]:
        keys = [self._key(b"s") for _ in range(self.chance.randrange(1, 12))]
        sent = self._view().mget(keys)
        self._told(self.judge.follow_read("MGET", self._noted(sent), *keys))
        return sent

    def mset(self) -> Deferred[Any]:
        """Of several slots: each node's part is executed or not."""
        pairs = {}
        for _ in range(self.chance.randrange(1, 6)):
            number = self.judge.number()
            pairs[self._key(b"s")] = marked(b"m", number)
        numbers = [number_in(value) or 0 for value in pairs.values()]
        sent = self.rc.mset(pairs)
        self._follow("MSET", sent, numbers, lambda reply: reply == b"OK")
        return sent

    def delete(self) -> Deferred[Any]:
        keys = [self._key(b"s") for _ in range(self.chance.randrange(1, 6))]
        sent = self.rc.delete(keys)
        self._follow("DEL", sent, [], lambda reply: 0 <= reply <= len(set(keys)))
        return sent

    def script(self) -> Deferred[Any]:
        key, number = self._key(b"s"), self.judge.number()
        sent = self.rc.eval("script", [key], [marked(b"", number)])
        self._follow("EVAL", sent, [number], lambda reply: reply == [marked(b"", number)])
        return sent

    def push(self) -> Deferred[Any]:
        key, number = self._key(b"l"), self.judge.number()
        sent = self.rc.rpush(key, marked(b"e", number))
        self._told(self.judge.follow_push("RPUSH", self._noted(sent), number))
        return sent

    def pop(self) -> Deferred[Any]:
        key = self._key(b"l")
        sent = self._view().blpop(key, timeout=0.3)
        self._popping += 1
        self._told(self.judge.follow_pop("BLPOP", self._noted(sent), key)).addCallback(self._popped)
        return sent

    def _popped(self, _: object) -> None:
        self._popping -= 1

    def batch(self) -> Deferred[Any]:
        """Its commands are followed one by one: the errors of nodes are values."""
        commands, followed, counts = self._some()
        timeout = 0.4 if self.rough and self.chance.random() < 0.1 else None
        sent = self.rc.batch(commands, raise_on_error=False, timeout=timeout)

        def answered(replies: Sequence[Any]) -> None:
            if len(replies) != len(commands):
                self.judge.note(f"{len(replies)} replies to {len(commands)} commands")
            for deferred, reply in zip(followed, replies, strict=False):
                (deferred.errback if isinstance(reply, Exception) else deferred.callback)(reply)
            for places in counts.values():
                told = [replies[place] for place in places if isinstance(replies[place], int)]
                if self.judges_order and told != sorted(told):
                    self.judge.note(f"a batch was executed in another order: {told}")

        def failed(failure: Any) -> None:
            self.failed["a whole batch"] += 1
            for deferred in followed:
                deferred.errback(failure)

        sent.addCallbacks(answered, failed).addErrback(self._broken)
        return sent

    def _some(self) -> tuple[list[tuple[Any, ...]], list[Deferred[Any]], dict[bytes, list[int]]]:
        """Commands, a Deferred for each that is followed, and where each key is counted."""
        commands: list[tuple[Any, ...]] = []
        followed: list[Deferred[Any]] = []
        counts: dict[bytes, list[int]] = {}
        for place in range(self.chance.randrange(1, 20)):
            deferred: Deferred[Any] = Deferred()
            followed.append(deferred)
            kind = self.chance.randrange(5)
            if kind < 2:
                key = self._key(b"i")
                counts.setdefault(key, []).append(place)
                commands.append(("INCR", key))
                self.judge.follow_count("INCR of a batch", self._noted(deferred), key)
            elif kind == 2:
                key = self._key(b"s")
                commands.append(("GET", key))
                self.judge.follow_read("GET of a batch", self._noted(deferred), key)
            elif kind == 3:
                key, number = self._key(b"a"), self.judge.number()
                commands.append(("APPEND", key, marked(b",", number)))
                self._follow("APPEND of a batch", deferred, [number])
            else:
                keys = [self._key(b"s") for _ in range(3)]
                commands.append(("MGET", *keys))
                self.judge.follow_read("MGET of a batch", self._noted(deferred), *keys)
        return commands, followed, counts

    def pipeline(self) -> Deferred[Any]:
        commands, followed, _ = self._some()

        async def run() -> None:
            async with self.rc.pipelined() as pipeline:  # it needs no connection, so this never fails
                for command, deferred in zip(commands, followed, strict=True):
                    pipeline.execute_command(*command).chainDeferred(deferred)
                if self.rough and self.chance.random() < 0.05:
                    raise OnPurpose

        return self._follow("a pipeline", Deferred.fromCoroutine(run()))

    def transaction(self) -> Deferred[Any]:
        """Two writes: both are executed, or none."""
        tag, first, second = self._tag(), self.judge.number(), self.judge.number()
        self._all_numbers.append((first, second))

        async def run() -> Any:
            async with self.rc.transaction() as transaction:
                transaction.set(b"t" + tag + b"a", marked(b"x", first))
                transaction.set(b"t" + tag + b"b", marked(b"y", second))
            return transaction.results

        sent = Deferred.fromCoroutine(run())
        return self._follow("MULTI", sent, [first, second], lambda reply: reply == [b"OK", b"OK"])

    def pair(self) -> Deferred[Any]:
        """Two counters that are counted together always, so that they are the same always."""
        tag = self._tag()

        async def run() -> Any:
            transaction = await self.rc.multi()
            transaction.incr(b"p" + tag + b"a")
            transaction.incr(b"p" + tag + b"b")
            first, second = await transaction.commit()
            if first != second:
                self.judge.note(f"a transaction was executed in parts: {first}, {second}")
            return first

        sent = Deferred.fromCoroutine(run())
        self._told(self.judge.follow_count("two INCR", self._noted(sent), b"p" + tag + b"a"))
        return sent

    def give_up(self) -> Deferred[Any]:
        """An exception of the program: nothing of it may be executed."""
        tag, number = self._tag(), self.judge.number()

        async def run() -> None:
            async with self.rc.transaction() as transaction:
                transaction.set(b"t" + tag + b"a", marked(b"never", number))
                raise OnPurpose

        return self._follow("a transaction that is given up", Deferred.fromCoroutine(run()), [number])

    def transact(self) -> Deferred[Any]:
        """Counts by reading and writing: no two may commit the same count."""
        key, number = b"w" + self._tag(), self.judge.number()
        written = 0

        async def function(transaction: Any) -> None:
            nonlocal written
            value = await transaction.get(key)
            written = 1 + (0 if value is None else int(value.partition(b"#")[0]))
            await transaction.multi()
            transaction.set(key, marked(str(written), number))

        def check(reply: Any) -> bool:
            committed = self._committed.setdefault(key, set())
            is_new = reply == [b"OK"] and written not in committed
            committed.add(written)
            return is_new

        sent = self.rc.transact(function, key)
        self._follow("WATCH", sent, [number], check)
        return sent

    def crossing(self) -> Deferred[Any]:
        """Keys of two slots: refused, and nothing is sent."""
        number, (first, second) = self.judge.number(), self.chance.sample(TAGS, 2)
        sent = self.rc.eval("script", [b"s" + first, b"s" + second], [marked(b"", number)])

        def refused(failure: Any) -> str:
            failure.trap(redis.CrossSlotError)
            self.judge._not_executed.add(number)
            return "refused"

        self._follow("EVAL of two slots", sent.addErrback(refused), [], lambda reply: reply == "refused")
        return sent

    def scan(self) -> Deferred[Any]:
        """Every key that was there all the time is found."""

        async def run() -> set[bytes]:
            return {key async for key in self.rc.scan_iter(match="z*")}

        return self._follow("SCAN", Deferred.fromCoroutine(run()), [], lambda found: found == STATIC)

    def _view(self) -> Any:
        """Now and then with a time limit."""
        if self.rough and self.chance.random() < 0.1:
            return self.rc.withTimeout(self.chance.choice((0.05, 0.3, 2.0)))
        return self.rc

    def _follow(
        self,
        what: str,
        sent: Deferred[Any],
        numbers: Sequence[int] = (),
        check: Callable[[Any], object] | None = None,
    ) -> Deferred[Any]:
        self._told(self.judge.follow(what, self._noted(sent), numbers, check))
        return sent

    def _noted(self, sent: Deferred[Any]) -> Deferred[Any]:
        return sent.addErrback(self._note)

    def _note(self, failure: Any) -> Any:
        self.failed[type(failure.value).__name__] += 1
        return failure

    def _broken(self, failure: Any) -> None:
        self.judge.note(failure.getTraceback())

    def _told(self, followed: Deferred[Any]) -> Deferred[Any]:
        """What programs do in callbacks: they raise, and they go on with another command."""
        choice = self.chance.random()
        if choice < 0.02:
            followed.addCallback(self._raise).addErrback(lambda _: None)
        elif choice < 0.1 and len(self.judge.pending) < USERS:
            followed.addCallback(lambda _: self.act() and None)
        return followed

    @staticmethod
    def _raise(_: object) -> None:
        raise OnPurpose

    # The story.

    def act(self) -> None:
        """One operation, which may be cancelled."""
        name = "scan" if self.chance.random() < SCANNING else self.chance.choice(self._names)
        self.acted[name] += 1
        sent = getattr(self, name)()
        if not self.rough:
            return
        choice = self.chance.random()
        if choice < 0.02:
            sent.cancel()
        elif choice < 0.05:
            self.network.callLater(self.chance.choice((0, 0.001, 0.05, 0.3, 1.0)), sent.cancel)

    def _new_handler(self) -> None:
        """The former one is closed with what is in flight."""
        former = self.rc
        self._lives += self.network.seconds() - self._began_at
        self._connect()
        closed = former.disconnect(timeout=self.chance.choice((None, 0.01, 1.0)))
        closed.addErrback(self._broken).addCallback(lambda _: self._open.remove(former))
        self.acted["disconnect"] += 1

    def run(self, commands: int) -> World:
        """So many commands at least, and the judgement.

        :raises Found: what must not be.
        """
        judge = self.judge
        while self.commands < commands:
            for _ in range(min(BURST, USERS - len(judge.pending))):
                self.act()
            if self.chance.random() < 0.3:
                self.storm.step(self.rough)
            if self.rough and self.chance.random() < 0.001:
                self._new_handler()
            self.network.advance(self.chance.choice((0, 0, 0, 0.01, 0.01, 0.2)))
            links, bound = len(self.network.links), self._most_connections()
            if links > bound:
                raise Found(f"{links} connections, at most {bound} were to be")
        self.storm.mend()
        self._let_all_end(lambda: not judge.pending)
        self._judge_what_is_left()
        self._judge_the_end()
        try:
            judge.end()
        except AssertionError as error:
            raise Found(str(error)) from None
        return self

    def _most_connections(self) -> int:
        poolsize = max(2, self.options["poolsize"])  # a WATCH takes one of two
        return len(self.cluster.nodes) * (poolsize + CONNECTIONS_PER_NODE) * len(self._open) + USERS

    def _let_all_end(self, is_over: Callable[[], bool]) -> None:
        for _ in range(int(BOUND / 0.1)):
            self.network.settle()
            if is_over():
                return
            self.network.advance(0.1)

    def _judge_what_is_left(self) -> None:
        """Nothing fails any more: the pools are whole, and every operation is done."""
        gc.collect()  # a cancelled coroutine may be part of a cycle, and holds its transaction until then
        self._let_all_end(lambda: not self.judge.pending and self._is_whole())
        stats = self.rc.stats()
        if not self._is_whole():
            raise Found(f"a pool is not whole: {stats}; {[(each.name, each.stats()) for each in self.rc.masters()]}")
        for node in self.cluster.nodes:
            for session in node.sessions:
                if session.queued is not None or session.watched or session.waits_for:
                    raise Found(f"a connection to {node} was left in a transaction or in a wait")
        before, self.rough = self.judge.ended.copy(), False
        for name in self.WEIGHTS:
            for _ in range(6):
                getattr(self, name)()
        self.scan()
        self._let_all_end(lambda: not self.judge.pending)
        ended = self.judge.ended - before
        ended["refused"] -= 6  # those that were given up
        if ended["maybe"] or ended["refused"] > self.failed["WatchError"] + self.failed["OnPurpose"]:
            raise Found(f"nothing was wrong any more, and commands failed: {ended}; {self.failed}")
        self._judge_requests()

    def _is_whole(self) -> bool:
        stats = self.rc.stats()
        used = [node.stats() for node in self.rc.masters()]
        return (
            stats.in_flight == stats.waiting == 0
            and len(used) > 0
            and all(each.connections == each.free == each.poolsize for each in used if each.connections_made)
        )

    def _judge_requests(self) -> None:
        asked = sum(node.commands.get(b"CLUSTER", 0) for node in self.cluster.nodes)
        lives = self._lives + self.network.seconds() - self._began_at
        if asked > REQUESTS_PER_SECOND * (lives + self._handlers + self.acted["scan"] + 1):
            raise Found(f"the topology was asked for {asked} times in {lives:.0f} seconds")

    def _judge_the_end(self) -> None:
        """When all is closed nothing is left."""
        self._new_handler()
        last = self.rc
        last.disconnect().addErrback(self._broken).addCallback(lambda _: self._open.remove(last))
        self._let_all_end(lambda: not self._open)
        self.network.advance(BOUND)
        self.network.settle()
        if self._open:
            raise Found("disconnect() has come to no end")
        if self.network.links or any(node.sessions for node in self.cluster.nodes):
            raise Found(f"{len(self.network.links)} connections were not closed")
        if self.network.getDelayedCalls():
            raise Found(f"timers are left: {self.network.getDelayedCalls()[:3]}")
        self._judge_transactions()

    def _judge_transactions(self) -> None:
        """Each was executed whole or not at all."""
        executions, counted = self.cluster.truth.executions, self.cluster.truth.counted
        for tag in TAGS:
            first, second = (counted.get(b"p" + tag + name, 0) for name in NAMES)
            if first != second:
                raise Found(f"of two counters in a transaction one was counted {first} times, the other {second} times")
            counted.pop(b"p" + tag + b"b", None)
        for pair in self._all_numbers:
            if len({number in executions for number in pair}) == 2:
                raise Found(f"a transaction was executed in parts: {pair}")
