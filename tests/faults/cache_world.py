"""The world of the cache's model: a pool with a cache, other writers, links and a server in memory, and a tape.

A tape spells one story, as in ``model_world``. The program under test reads by way of the cache, with several times to
live, and writes in every way that there is; other clients write, too; links are slow, silent and cut. The server knows
each state of each key, so each reply is judged by what a reader may see at that moment:

- *age*: a state that lasted until ``ttl`` seconds before the read began, or longer (``ttl`` 0: until it began);
- *others' writes*: none older than what an invalidation was about that was read before;
- *own writes*: none older than a write of this pool whose Deferred had fired before;
- *lost links*: none older than the loss; and whatever the link does, none that ended before twice the health interval;
- *expiry*: none after the expiry that the key had while it was in that state;
- *order*: none older than what another read gave that ended before this one began; not with broadcasting, where an
  invalidation comes behind the replies to commands that the server executed after the write;
- *copies*: what a caller does to its reply is seen by nobody.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from fuzz.generate import Tape
from testbed.scripted import MemoryEndpoint, settle
from testbed.tracking_server import Place, State, TrackingServer, TrackingSession, Value
from testbed.ways import NO_FAULT, Fault
from twisted.internet import defer
from twisted.internet.defer import Deferred, ensureDeferred

import txredis_fast as redis
from faults.model_world import Reactor
from faults.stories import Found
from txredis_fast import ClientCache, RedisFactory, RedisProtocol, RetryPolicy
from txredis_fast.client.handler import ConnectionHandler

REPLY_TIMEOUT = 1.0
POOL_TIMEOUT = 3.0
HEALTH = 2.0
#: Seconds, of the clock, within which everything has to come to its end when nothing fails any more.
BOUND = 60.0
#: Seconds that PTTL, in milliseconds, cannot tell.
SLACK = 0.002

STRINGS = ("s0", "s1", "s2", "s3", "t0")
HASHES = ("h0", "h1")
COUNTER = "n0"
#: Of either type, in turns.
MIXED = "x0"
FIELDS = ("f0", "f1")
#: Nobody but the end of a story reads it.
PROBE = "s:probe"
KEYS = (*STRINGS, *HASHES, COUNTER, MIXED)
TTLS = (0, 0.05, 1, 1, 5, 60, 60, 60)


class Protocol(RedisProtocol):
    """A program's own class, which sees each command."""

    def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        return super().execute_command(*args, **kwargs)


class CacheWorld:
    """Tells one story.

    :ivar reads: how many cached reads came to an end; ``done``: these and writes, by kind; ``failed``: by error.
    :ivar hits: how many reads were answered from memory; ``faults``: how many faults happened.
    """

    def __init__(self, tape: bytes) -> None:
        self._tape = Tape(tape)
        random.seed(len(tape))  # of the back-off
        self.clock = Reactor()
        redis.reactor = self.clock  # type: ignore[attr-defined]
        self.clock.advance(1000.0)
        self.server = TrackingServer(self.clock)
        self.server.lost = self._link_lost
        self.server.merges = self._tape.below(3) == 1
        self._interleaving = random.Random(self._tape.below(256))
        if self._tape.below(2):
            self.server.between = self._interleave
        self.endpoint = MemoryEndpoint(self.server.session, self.clock)
        self.endpoint.tells_reactor = True
        self.reads = self.hits = self.faults = 0
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._floors: dict[Place, int] = {}
        self._pending: dict[int, tuple[str, Deferred[Any]]] = {}
        self._serial = 0
        #: The database; None while it is being changed. And how often it was.
        self._dbid: int | None = 0
        self._selects = 0
        self._make_factory()
        self.factory.startConnecting(self.endpoint)
        self.handler = self.factory.handler
        self.other = ConnectionHandler(self.factory)

    def _make_factory(self) -> None:
        below = self._tape.below
        self.max_bytes = (64 << 20, 64 << 20, 3000, 1200)[below(4)]
        cache: dict[str, Any] = {"max_bytes": self.max_bytes, "health_interval": HEALTH}
        kind = below(6)
        self.is_broadcast = kind > 3
        if self.is_broadcast:
            cache["mode"] = "broadcast"
            if kind == 5:
                cache["prefixes"] = ("s", "h")
        options: dict[str, Any] = {}
        if below(4) == 1:
            options["maxInFlight"] = 3
        if below(3) == 1:
            options["retry"] = RetryPolicy(jitter=0, read_only=below(2) == 1)
        if below(3) == 1:
            options["protocol"] = 3
        world = self

        class Factory(RedisFactory):
            clock = world.clock

        self.size = 1 + below(3)
        self.factory = Factory(
            "memory:6379",
            None,
            self.size,
            True,
            replyTimeout=REPLY_TIMEOUT,
            poolTimeout=POOL_TIMEOUT,
            connectTimeout=2.0,
            cache=ClientCache(**cache),
            **options,
        )
        self.factory.protocol = Protocol if below(4) == 1 else RedisProtocol
        self.factory.initialDelay, self.factory.maxDelay, self.factory.jitter = 0.05, 0.5, 0

    def run(self) -> None:
        """Tell it to its end.

        :raises Found: what must not be.
        """
        self._settle()
        while not self._tape.is_over:
            self._step()
        self._end()

    def _step(self) -> None:
        below = self._tape.below
        what = below(24)
        if what < 10:
            self._read_much(1 + below(48))
        elif what < 13:
            self._write_something()
        elif what < 15:
            for _ in range(1 + below(3)):
                self._let_other_write()
        elif what < 17:
            for _ in range(1 + below(4)):
                self.clock.advance(0)
        elif what < 20:
            self.server.flush_output()
            self.clock.advance((0.001, 0.001, 0.01, 0.01, 0.03, 0.1, 0.3, 1.1, 4.5)[below(9)])
            self.server.expire_what_is_due()
        elif what == 20:
            (self._cancel_something, self._peek)[below(2)]()
        elif what == 21:
            self._change_something()
        elif what == 22:
            self._mend()
        else:
            self.faults += 1
            self._fail()
        self._judge()

    # -- reads

    def _read_much(self, number: int) -> None:
        """Begin many reads, and let some turns pass."""
        chance = random.Random(self._tape.below(256))  # a tape has not so many bytes
        for _ in range(number):
            self._read(chance.choice(KEYS), chance.choice(TTLS), chance.randrange(8))
        for _ in range(chance.randrange(10)):
            self.clock.advance(0)

    def _read(self, key: str, ttl: float, how: int, nested: bool = False) -> None:
        """Begin a cached read.

        :param nested: whether it is begun while data are parsed: what lies behind is not read yet.
        """
        if not nested:
            self._see()
        view: Any = self.handler.cached(ttl)
        if how == 6:
            view = view.withTimeout(0.2)
        keys, kind = [key], "get"
        if key in HASHES:
            kind = ("hgetall", "hget")[how % 2]
        elif how == 1:
            kind, keys = "mget", [key, *self._further(key)]
        elif how == 4:
            kind, keys = "mget", [key]
        elif how == 2:
            kind = "strlen"
        elif how == 3:
            kind = "raw"
        begun = _Begun(self, kind, keys, ttl)
        if kind == "hget":
            deferred = view.hget(key, FIELDS[0])
        elif kind == "mget":
            deferred = view.mget(keys)
        elif kind == "raw":
            deferred = view.raw.get(key)
        else:
            deferred = getattr(view, kind)(key)
        self._follow(kind, deferred, lambda value: self._got(begun, value), lambda error: self._refused(begun, error))

    def _further(self, key: str) -> list[str]:
        first = STRINGS.index(key) if key in STRINGS else 0
        return [STRINGS[(first + place) % len(STRINGS)] for place in range(1, 4)]

    def _got(self, begun: _Begun, value: Any) -> None:
        self.reads += 1
        for place, each in zip(begun.places, value if begun.kind == "mget" else [value], strict=True):
            begun.check(place, each)
        if isinstance(value, dict | list):
            value.clear()  # it is the caller's own
        if begun.is_checked and self._tape.below(16) == 1:
            self._read(begun.keys[0], TTLS[self._tape.below(len(TTLS))], self._tape.below(8), True)

    def _refused(self, begun: _Begun, error: Exception) -> None:
        if "WRONGTYPE" not in str(error):
            self.wrong.append(f"{begun.kind} {begun.keys}: {error!r}")
            return
        self.reads += 1
        begun.check(begun.places[0], error)

    def _peek(self) -> None:
        self._see()
        key = STRINGS[self._tape.below(len(STRINGS))]
        ttl = TTLS[self._tape.below(len(TTLS))]
        begun = _Begun(self, "get", [key], ttl)
        value = self.handler.cached(ttl).peek("GET", key, default=_NOTHING)
        if value is not _NOTHING:
            self.done["peek"] += 1
            begun.check(begun.places[0], value)

    # -- writes

    def _tag(self) -> str:
        self._serial += 1
        return f"#{self._serial}"

    def _some_write(self) -> tuple[tuple[Any, ...], str, str]:
        """A command that writes; its tag, and its key."""
        below, tag = self._tape.below, self._tag()
        key = KEYS[below(len(KEYS))]
        kind = below(12)
        if kind == 0:
            return ("DEL", key, tag), tag, key
        if kind == 1:
            return ("PEXPIRE", key, (40, 300, 1500, 9000)[below(4)], tag), tag, key
        if key == COUNTER:
            return ("INCR", key, tag), tag, key
        if key in HASHES or (key == MIXED and kind == 2):
            return ("HSET", key, FIELDS[below(2)], f"{key}={tag}"), tag, key
        if kind == 2:
            return ("SET", key, "", tag), tag, key
        if kind == 3:
            return ("SET", key, f"{key}={tag}", "PX", (40, 300, 1500, 9000)[below(4)]), tag, key
        if kind == 4:
            return ("MSET", key, f"{key}={tag}", STRINGS[below(len(STRINGS))], f"more={tag}"), tag, key
        return ("SET", key, f"{key}={tag}"), tag, key

    def _let_other_write(self) -> None:
        args, _, _ = self._some_write()
        what = self._tape.below(60)
        if what < 2:
            args = (("FLUSHALL",), ("FLUSHDB",))[what]
        self.server.write(*args, dbid=0 if self._tape.below(8) else 1)

    def _interleave(self) -> None:
        """Another client writes between two commands of the tracked connection."""
        if not self._tape.is_over and self._interleaving.random() < 0.05:
            self._let_other_write()

    def _write_something(self) -> None:
        below = self._tape.below
        handler: Any = (
            self.handler,
            self.handler,
            self.other,
            self.handler.withTimeout(0.5),
            self.handler.raw,
            self.handler.retrying,
        )[below(6)]
        args, tag, key = self._some_write()
        way = below(14)
        if way < 4 and args[0] == "SET" and len(args) == 3:
            kind, deferred, tags = "set", handler.set(*args[1:]), [tag]
        elif way < 6:
            kind, deferred, tags = "by name", handler.execute_command(*args), [tag]
        elif way == 6:
            kind = "script"
            verb = ("set", "set", "fail")[below(3)]
            deferred, tags = handler.eval(f"{verb} {key} {key}={tag}", [], []), [tag]
        elif way == 7:
            more, further, _ = self._some_write()
            kind, tags = "batch", [tag, further]
            deferred = handler.batch([args, ("ECHO", "x"), more])
        elif way == 8:
            kind, tags = "pipeline", [tag]
            deferred = ensureDeferred(self._pipeline(args, tag, key))
        elif way == 9:
            kind, tags = "transaction", [tag]
            deferred = ensureDeferred(self._transaction(args, tag))
        elif way == 10:
            kind, tags = "watch", [tag]
            deferred = ensureDeferred(self._watch(args, key))
        elif way == 11 and below(4) == 1:
            kind, tags = "flush", [tag]
            deferred = handler.execute_command(("FLUSHALL", "FLUSHDB")[below(2)], tag)
        else:
            kind, deferred, tags = "by name", self.handler.execute_command(*args), [tag]
        self._follow(kind, deferred, lambda _: self._wrote(tags, key), lambda _: self._wrote(tags, key))

    async def _pipeline(self, args: Sequence[Any], tag: str, key: str) -> None:
        async with self.handler.pipelined() as pipeline:
            pipeline.execute_command("ECHO", "x").addErrback(lambda _: None)
            # Its Deferred fires before that of the pipeline.
            pipeline.execute_command(*args).addCallbacks(lambda _: self._wrote([tag], key), lambda _: None)
            pipeline.execute_command("ECHO", "y").addErrback(lambda _: None)

    async def _transaction(self, args: Sequence[Any], tag: str) -> None:
        async with self.handler.transaction() as transaction:
            transaction.execute_command("ECHO", "x").addErrback(lambda _: None)
            transaction.execute_command(*args).addErrback(lambda _: None)
            if self._tape.below(3) == 1:
                source = f"set {STRINGS[0]} {STRINGS[0]}={tag}"
                transaction.execute_command("EVAL", source, 0).addErrback(lambda _: None)

    async def _watch(self, args: Sequence[Any], key: str) -> None:
        transaction = await self.handler.watch(key)
        await transaction.execute_command("ECHO", "x")
        await transaction.multi()
        transaction.execute_command(*args).addErrback(lambda _: None)
        await transaction.commit()

    def _wrote(self, tags: Sequence[str], key: str) -> None:
        """A write of this program was answered."""
        for tag in tags:
            for place, number in self.server.done.get(tag.encode(), {}).items():
                self.raise_floor(place, number)
        if self._tape.below(2):
            self._read(key, 60, self._tape.below(8), True)

    # -- what may be seen

    def floor(self, place: Place) -> int:
        """The number of the oldest state that a read may give that begins now."""
        return self._floors.get(place, 0)

    def raise_floor(self, place: Place, number: int) -> None:
        """No read that begins from here on may give an older state."""
        if number > self._floors.get(place, 0):
            self._floors[place] = number

    def _see(self) -> None:
        """Look which invalidations the program has read."""
        for link in self.endpoint.alive:
            session: TrackingSession = link.server.protocol
            client, down = link.client, link.down
            if not session.told or client.held is not None or client.paused or client.aborted or down._has_swallowed:
                continue
            while session.told and session.told[0][0] <= down.passed - down.held:
                for place, number in session.told.pop(0)[1].items():
                    self.raise_floor(place, number)

    def _link_lost(self, session: TrackingSession) -> None:
        """Nothing from before is given any more, once the program knows."""
        if any(link.server.protocol is session and link.client.held is not None for link in self.endpoint.links):
            return  # it lies in the socket, see _read_on
        for place in list(self.server.states):
            self.raise_floor(place, self.server.number(place))

    def _read_on(self, link: Any) -> None:
        link.read()
        if link.server.protocol.lost and link.server.protocol.tracks:
            self._link_lost(link.server.protocol)

    # -- other things that happen

    def _cancel_something(self) -> None:
        if self._pending:
            numbers = list(self._pending)
            self._pending[numbers[self._tape.below(len(numbers))]][1].cancel()

    def _change_something(self) -> None:
        what = self._tape.below(8)
        if what < 3:
            self.handler.cache.forget(KEYS[self._tape.below(len(KEYS))])
        elif what == 3:
            self.handler.cache.clear()
        elif what < 6 and self._dbid is not None:
            self._select(self._tape.below(2))
        elif what == 6:
            self.server.expires_actively = not self.server.expires_actively
        else:
            self.server.merges = not self.server.merges

    def _select(self, dbid: int) -> None:
        self._dbid = None
        self._selects += 1
        self.handler.select(dbid).addCallbacks(
            lambda _: setattr(self, "_dbid", dbid), lambda _: self.clock.callLater(0.2, self._select, dbid)
        )

    def _fail(self) -> None:
        below = self._tape.below
        faults: list[Callable[[], Any]] = [
            lambda: self._on_link(lambda link: link.reset()),
            lambda: self._on_link(lambda link: setattr(link.down, "fault", self._cut(link.down))),
            lambda: self._on_link(lambda link: setattr(link.up, "fault", self._cut(link.up))),
            lambda: self._on_link(lambda link: setattr(link.down, "fault", Fault(delay=0.02))),
            lambda: self._on_link(lambda link: setattr(link.down, "fault", Fault(delay=0.4))),
            lambda: self._on_link(lambda link: setattr(link.up, "fault", Fault(delay=0.03))),
            lambda: self._on_link(lambda link: setattr(link.down, "fault", Fault(delay=0.002, trickle=True))),
            lambda: self._on_link(lambda link: setattr(link.down, "fault", Fault(trickle=True))),
            lambda: self._on_link(lambda link: setattr(link.down, "fault", Fault(stop_after=0))),
            lambda: self._on_link(lambda link: setattr(link.up, "fault", Fault(stop_after=0))),
            lambda: self._on_link(lambda link: link.server.loseConnection()),
            lambda: self._on_link(self._hold),
            lambda: self._on_link(self._hold),
            lambda: self.server.drop_from_table(KEYS[below(len(KEYS))].encode()),
            lambda: setattr(self.endpoint, "refuses", not self.endpoint.refuses),
            lambda: setattr(self.server, "refuses_tracking", not self.server.refuses_tracking),
            self.server.restart,
            self._mend,
            self._mend,
            self._mend,
        ]
        faults[below(len(faults))]()

    def _on_link(self, fault: Callable[[Any], Any]) -> None:
        """On the tracked connection in most cases."""
        alive = self.endpoint.alive
        tracked = [link for link in alive if link.server.protocol.tracks]
        links = tracked if tracked and self._tape.below(3) else alive
        if links:
            fault(links[self._tape.below(len(links))])

    def _cut(self, way: Any) -> Fault:
        return Fault(cut_after=way.passed + self._tape.below(256))

    def _hold(self, link: Any) -> None:
        """What comes is read later."""
        if link.client.held is None:
            link.hold()
            self.clock.callLater((0.0, 0.005, 0.05, 0.5)[self._tape.below(4)], self._read_on, link)

    def _mend(self) -> None:
        """End all faults."""
        self.endpoint.refuses = self.server.refuses_tracking = False
        for link in self.endpoint.alive:
            for way in (link.up, link.down):
                if way.fault.stop_after is None:  # a half-open link stays so: the client has to notice
                    way.fault = NO_FAULT

    # -- the ledger

    def _follow(
        self, kind: str, deferred: Deferred[Any], got: Callable[[Any], object], refused: Callable[[Any], object]
    ) -> None:
        self._serial += 1
        number = self._serial
        self._pending[number] = (kind, deferred)

        def fired(result: Any) -> None:
            del self._pending[number]
            self.done[kind] += 1
            got(result)

        def failed(failure: Any) -> None:
            del self._pending[number]
            error = failure.value
            self.failed[type(error).__name__] += 1
            if isinstance(error, redis.ConnectionError | defer.CancelledError | redis.WatchError):
                return
            if isinstance(error, redis.ResponseError):
                refused(error)
            else:
                self.wrong.append(f"{kind}: {failure.getTraceback()[-800:]}")

        deferred.addCallbacks(fired, failed).addErrback(lambda failure: self.wrong.append(failure.getTraceback()))

    def _judge(self) -> None:
        self._expect(not self.wrong, "\n".join(self.wrong))
        stats = self.handler.cache.stats()
        self._expect(0 <= stats.bytes <= self.max_bytes, f"{stats.bytes} bytes are kept, and {self.max_bytes} allowed")
        self._expect(
            self.server.fetches <= stats.misses, f"{self.server.fetches} fetches for {stats.misses} reads that missed"
        )

    def _end(self) -> None:
        """Nothing fails any more: everything comes to its end, the cache works, and nothing is left."""
        self._let_all_end()
        self._judge()
        self._expect(not self._pending, f"never answered: {[kind for kind, _ in self._pending.values()]}")
        self._expect(self.handler.cache.stats().link == "up", "the tracked connection has not come back")
        before = self.handler.cache.stats()
        self.server.write("SET", PROBE, "value", dbid=self._dbid or 0)
        self._settle()
        for _ in range(3):
            self._read(PROBE, 60, 0)
            self._settle()
            self.clock.advance(0.01)
            self._settle()
        self._judge()
        after = self.handler.cache.stats()
        self.hits = after.hits
        self._expect(not self._pending, "a read in the end was not answered")
        self._expect(after.hits >= before.hits + 2, f"nothing is kept in the end: {before}, then {after}")
        self._expect(not after.fetching, f"{after.fetching} fetches are left")
        self.factory.disconnect()
        self._settle()
        self.clock.advance(BOUND)
        self._settle()
        self._expect(not self.server.sessions, f"{len(self.server.sessions)} connections were left open")
        self._expect(not self.clock.getDelayedCalls(), f"left in the reactor: {self.clock.getDelayedCalls()}")
        self._judge()

    def _let_all_end(self) -> None:
        for _ in range(int(BOUND / 0.1)):
            self._mend()
            for link in self.endpoint.alive:
                if link.client.held is not None:
                    self._read_on(link)
                if any(way.fault.stop_after is not None or way._has_swallowed for way in (link.up, link.down)):
                    link.reset()
            self._settle()
            up = self.handler.cache.stats().link == "up" and self.factory.size == self.size
            held = any(link.up.held or link.down.held for link in self.endpoint.alive)
            if not self._pending and up and not held and self._dbid is not None:
                return
            self.clock.advance(0.1)
        self._settle()

    def _settle(self) -> None:
        try:
            settle(self.clock)
        except AssertionError as error:
            raise Found(str(error)) from None

    def _expect(self, holds: Any, what: str) -> None:
        if not holds:
            raise Found(what)


_NOTHING = object()


class _Begun:
    """A read that has begun, and what it may see."""

    def __init__(self, world: CacheWorld, kind: str, keys: list[str], ttl: float) -> None:
        self.world = world
        self.kind = kind
        self.keys = keys
        self.ttl = ttl
        self.at = world.clock.seconds()
        self.selects = world._selects
        dbid = world._dbid
        self.is_known = dbid is not None
        self.places: list[Place] = [(dbid or 0, key.encode()) for key in keys]
        now = world.server.number if ttl == 0 else world.floor
        self.floors = {place: max(world.floor(place), now(place)) for place in self.places}

    @property
    def is_checked(self) -> bool:
        """Whether the database is known that was read."""
        return self.is_known and self.selects == self.world._selects

    def check(self, place: Place, reply: Any) -> None:
        """Look whether a reply may be seen."""
        if not self.is_checked:
            return
        server = self.world.server
        server.expire_what_is_due()
        states = server.states[place]
        floor = self.floors[place]
        for number in range(floor, len(states)):
            if fits(self.kind, states[number].value, reply) and not self._too_old(states[number]):
                if not self.world.is_broadcast:
                    self.world.raise_floor(place, number)
                return
        known = [(number, state) for number, state in enumerate(states) if fits(self.kind, state.value, reply)]
        self.world.wrong.append(
            f"{self.kind} {place} with ttl={self.ttl}, begun at {self.at:.3f}, was given {reply!r:.80} at "
            f"{self.world.clock.seconds():.3f}, which was {known[-2:]}; it may see {floor} or later, of "
            f"{len(states)}, the last being {states[-1]}"
        )

    def _too_old(self, state: State) -> bool:
        oldest = self.at - min(self.ttl, 2 * HEALTH)
        return state.until < oldest - 1e-9 or state.ends < self.at - SLACK


def fits(kind: str, value: Value, reply: Any) -> bool:
    """Whether a reply is what a command gives for a value."""
    if isinstance(reply, Exception):
        return isinstance(value, bytes if kind in ("hget", "hgetall") else dict)
    if kind == "hgetall":
        return not isinstance(value, bytes) and {k.decode(): v.decode() for k, v in (value or {}).items()} == reply
    if kind == "hget":
        if isinstance(value, bytes):
            return False
        text = (value or {}).get(FIELDS[0].encode())
        return (None if text is None else text.decode()) == reply
    if isinstance(value, dict):
        return kind == "mget" and reply is None
    if kind == "strlen":
        return type(reply) is int and len(value or b"") == reply
    if value is None or reply is None:
        return value is None and reply is None
    return value == (reply if isinstance(reply, bytes) else str(reply).encode())
