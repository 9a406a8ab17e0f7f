"""A server in memory that tracks what clients read, for the model of the cache.

It executes commands as a real server does, one at a time, and sends invalidations in the order that was measured on
Redis 7.0, Redis 8.2 and Valkey 9.1. And it remembers each state that a key has ever had, and since when, so that a
model can tell how old a reply is. Knows nothing of the code under test.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.internet.protocol import Protocol

from .scripted import parse_commands
from .wire import NIL, OK, QUEUED, aggregate, bulk, command, integer

Value = bytes | dict[bytes, bytes] | None
#: A database and a key.
Place = tuple[int, bytes]

WRONGTYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
NULL = b"_\r\n"
#: A tag: what a test finds a write by, in an argument of its own or at a value's end.
TAG = b"#"


@dataclasses.dataclass
class State:
    """What a key was from one change to the next.

    :ivar since: when that began; ``until``: when it ended; ``inf``: it has not.
    :ivar ends: when the key expires, as far as was known while it lasted.
    """

    value: Value
    since: float
    ends: float
    until: float = float("inf")


class TrackingServer:
    """The data, and everybody who is connected.

    :ivar states: of each key each state that it had, the last one being what it is.
    :ivar done: by its tag, of each write that was executed, the keys with the numbers of their states right after it.
    :ivar sessions: the connections that are up.
    :ivar expires_actively: whether an expired key is removed when it expires, rather than when it is looked at.
    :ivar refuses_tracking: whether CLIENT TRACKING is refused.
    :ivar between: called behind each command of a connection that tracks: others may write now.
    :ivar merges: whether the replies and pushes of one turn are one write.
    :ivar fetches: how many reads were executed for a connection that tracks.
    :ivar lost: called when a connection that tracks is lost.
    """

    def __init__(self, clock: Any, databases: int = 2) -> None:
        self.clock = clock
        self.databases = databases
        self.states: dict[Place, list[State]] = {}
        self.done: dict[bytes, dict[Place, int]] = {}
        self.sessions: list[TrackingSession] = []
        self.expires_actively = True
        self.refuses_tracking = False
        self.between: Callable[[], object] = lambda: None
        self.merges = False
        self.fetches = 0
        self.lost: Callable[[TrackingSession], object] = lambda session: None
        self.tracked: dict[bytes, list[TrackingSession]] = {}
        #: Keys whose expiry nobody was told of.
        self._unseen: set[Place] = set()
        self._changed: set[Place] = set()
        self._flushing: Any = None
        self.outsider = TrackingSession(self)

    def session(self) -> TrackingSession:
        """A new connection."""
        return TrackingSession(self)

    def write(self, *args: Any, dbid: int = 0) -> bytes:
        """Another client's command; returns its reply."""
        self.outsider.dbid = dbid
        (parsed,), _ = parse_commands(command(*args))
        return self.outsider.execute(parsed)

    def restart(self) -> None:
        """Lose all connections. The data stay."""
        for session in list(self.sessions):
            session.transport.abortConnection()

    # -- data

    def value(self, place: Place) -> Value:
        """What a key is now. An expired key is removed."""
        self.look(place)
        states = self.states.get(place)
        return states[-1].value if states else None

    def number(self, place: Place) -> int:
        """The number of the state that a key has now."""
        self.expire_what_is_due()
        return len(self._of(place)) - 1

    def put(self, place: Place, value: Value, ends: float | None = None) -> None:
        """A key changes.

        :param ends: when it expires; None: as before.
        """
        states = self._of(place)
        now = self.clock.seconds()
        if ends is None:
            ends = states[-1].ends
        if value is None:
            ends = float("inf")
        states[-1].until = now
        states.append(State(value, now, ends))
        self._changed.add(place)
        self.invalidate(place[1])

    def expire_what_is_due(self) -> None:
        """Of each key that has expired: it is nil since then. Who tracks it is told if keys are expired actively."""
        now = self.clock.seconds()
        for place, states in self.states.items():
            last = states[-1]
            if last.ends <= now:
                last.until = last.ends
                states.append(State(None, last.ends, float("inf")))
                self._unseen.add(place)
        if self.expires_actively:
            for place in list(self._unseen):
                self.look(place)

    def look(self, place: Place) -> None:
        """Somebody looks at a key: if it has expired, it is removed, and who tracks it is told."""
        self.expire_due(place)
        if place in self._unseen:
            self._unseen.discard(place)
            self.invalidate(place[1])

    def expire_due(self, place: Place) -> None:
        """As :meth:`expire_what_is_due`, of one key."""
        last = self._of(place)[-1]
        if last.ends <= self.clock.seconds():
            last.until = last.ends
            self.states[place].append(State(None, last.ends, float("inf")))
            self._unseen.add(place)

    def flush(self, places: Iterable[Place]) -> None:
        """Some keys are removed, and who tracks anything is told that anything may have changed."""
        now = self.clock.seconds()
        for place in places:
            self.expire_due(place)
            states = self.states[place]
            if states[-1].value is not None:
                states[-1].until = now
                states.append(State(None, now, float("inf")))
                self._changed.add(place)
            self._unseen.discard(place)
        self.tracked.clear()
        for session in list(self.sessions):
            if session.tracks:
                session.push(None)

    def _of(self, place: Place) -> list[State]:
        states = self.states.get(place)
        if states is None:
            states = self.states[place] = [State(None, float("-inf"), float("inf"))]
        return states

    def noted(self, args: Sequence[bytes]) -> None:
        """A command was executed: note what it has changed, by its tags."""
        changed, self._changed = self._changed, set()
        for argument in args:
            if TAG in argument:
                tag = argument[argument.rindex(TAG) :]
                done = self.done.setdefault(tag, {})
                done.update({place: len(self.states[place]) - 1 for place in changed})

    # -- telling

    def invalidate(self, key: bytes) -> None:
        """Tell who tracks a key that it has changed. The name is all that is said, whatever the database."""
        told = self.tracked.pop(key, [])
        for session in list(self.sessions):
            if session.prefixes is not None:
                if key.startswith(session.prefixes):
                    session.broadcast.append(key)
                    self.flush_later()
            elif session in told:
                session.push([key])

    def drop_from_table(self, key: bytes) -> None:
        """The table of tracked keys is full: one is dropped, and who tracks it is told."""
        self.invalidate(key)

    def flush_later(self) -> None:
        """Write what there is to be written at the end of this turn."""
        if self._flushing is None:
            self._flushing = self.clock.callLater(0, self.flush_output)

    def flush_output(self) -> None:
        """Write what there is to be written. With broadcasting, invalidations are the last of a turn."""
        if self._flushing is not None and self._flushing.active():
            self._flushing.cancel()
        self._flushing = None
        for session in list(self.sessions):
            session.flush()


class TrackingSession(Protocol):
    """One connection.

    :ivar tracks: whether invalidations are sent on it.
    :ivar prefixes: with broadcasting, of which keys; None: what it reads is tracked.
    :ivar told: for each invalidation, the number of bytes written when it is complete, and the numbers of the states
        that its keys, or all, had then. A model takes out what it has seen.
    :ivar written: number of bytes written.
    """

    def __init__(self, server: TrackingServer) -> None:
        self.server = server
        self.dbid = 0
        self.resp = 2
        self.lost = False
        self.tracks = False
        self.prefixes: tuple[bytes, ...] | None = None
        self.broadcast: list[bytes] = []
        self.told: list[tuple[int, dict[Place, int]]] = []
        self.written = 0
        self._output: list[bytes] = []
        self._caching = False
        self._executing = False
        self._later: list[list[bytes] | None] = []
        self._queued: list[list[bytes]] | None = None
        self._queued_caching = False
        self._watched: dict[Place, int] = {}
        self._rest = b""

    def connectionMade(self) -> None:
        self.server.sessions.append(self)

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True
        self.server.sessions.remove(self)
        if self.tracks:
            self.server.lost(self)

    def dataReceived(self, data: bytes) -> None:
        commands, self._rest = parse_commands(self._rest + data)
        for args in commands:
            if self.lost:
                return
            self.put_out(self.execute(args))
            later, self._later = self._later, []
            for keys in later:  # one's own command's invalidations come behind its reply
                self.push(keys)
            if args[:2] == [b"CLIENT", b"TRACKING"]:  # whoever reads its reply keeps nothing from before
                self.told.append((self.written, {place: self.server.number(place) for place in self.server.states}))
            if self.tracks:
                self.server.between()

    # -- writing

    def put_out(self, data: bytes) -> None:
        """Write, now or at the end of the turn."""
        if self.lost or not data:
            return
        self._output.append(data)
        self.written += len(data)
        if self.server.merges or self.broadcast:
            self.server.flush_later()
        else:
            self.flush()

    def push(self, keys: list[bytes] | None) -> None:
        """Send an invalidation; None: of everything."""
        if self._executing:
            self._later.append(keys)
            return
        server = self.server
        body = NULL if keys is None else aggregate(map(bulk, keys))
        self.put_out(aggregate([bulk(b"invalidate"), body], b">"))
        places = [place for place in server.states if keys is None or place[1] in keys]
        self.told.append((self.written, {place: len(server.states[place]) - 1 for place in places}))

    def flush(self) -> None:
        """Write what has gathered."""
        keys, self.broadcast = self.broadcast, []
        if keys and not self.lost:
            self.push(keys)
        output, self._output = b"".join(self._output), []
        if output and not self.lost:
            self.transport.write(output)

    # -- commands

    def execute(self, args: list[bytes]) -> bytes:
        """Execute a command, or queue it; returns the reply."""
        name = args[0].upper()
        if self._queued is not None and name not in (b"EXEC", b"DISCARD", b"MULTI", b"WATCH"):
            self._queued.append(args)
            return QUEUED
        return self._execute(name, args)

    def _execute(self, name: bytes, args: list[bytes]) -> bytes:
        caching, self._caching = self._caching, False
        method: Callable[..., bytes] | None = getattr(self, f"_do_{name.decode().lower()}", None)
        if method is None:
            return b"-ERR unknown command '%b'\r\n" % name
        before, self._executing = self._executing, True
        try:
            reply = method(*args[1:])
        finally:
            self._executing = before
        self.server.noted(args)
        keys = _keys_read(name, args)
        if keys and self.tracks:
            self.server.fetches += name != b"PTTL"
            if self.prefixes is None and caching:
                for key in keys:
                    tracking = self.server.tracked.setdefault(key, [])
                    if self not in tracking:
                        tracking.append(self)
        return reply

    def _place(self, key: bytes) -> Place:
        return self.dbid, key

    def _value(self, key: bytes) -> Value:
        return self.server.value(self._place(key))

    def _do_ping(self) -> bytes:
        return b"+PONG\r\n"

    def _do_echo(self, text: bytes) -> bytes:
        return bulk(text)

    def _do_hello(self, version: bytes = b"", *more: bytes) -> bytes:
        if version:
            self.resp = int(version)
        fields = [bulk(b"server"), bulk(b"redis"), bulk(b"version"), bulk(b"7.2.0"), bulk(b"proto"), integer(self.resp)]
        if self.resp == 3:
            return b"%%%d\r\n" % (len(fields) // 2) + b"".join(fields)
        return aggregate(fields)

    def _do_client(self, what: bytes, *more: bytes) -> bytes:
        what = what.upper()
        if what == b"TRACKING":
            if self.server.refuses_tracking:
                return b"-NOPERM this user has no permissions to run the 'client|tracking' command\r\n"
            if self.resp != 3:
                return b"-ERR Client tracking can only be enabled in RESP3 mode\r\n"
            self.tracks = True
            if b"BCAST" in more:
                self.prefixes = tuple(more[at + 1] for at, word in enumerate(more) if word == b"PREFIX") or (b"",)
        elif what == b"CACHING":
            if not self.tracks or self.prefixes is not None:
                return b"-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN\r\n"
            self._caching = True
        elif what == b"ID":
            return integer(1)
        return OK

    def _do_select(self, number: bytes) -> bytes:
        if int(number) >= self.server.databases:
            return b"-ERR DB index is out of range\r\n"
        self.dbid = int(number)
        return OK

    def _do_get(self, key: bytes) -> bytes:
        value = self._value(key)
        return WRONGTYPE if isinstance(value, dict) else self._bulk(value)

    def _do_strlen(self, key: bytes) -> bytes:
        value = self._value(key)
        return WRONGTYPE if isinstance(value, dict) else integer(len(value or b""))

    def _do_mget(self, *keys: bytes) -> bytes:
        values = [self._value(key) for key in keys]
        return aggregate(self._bulk(None if isinstance(value, dict) else value) for value in values)

    def _bulk(self, value: bytes | None) -> bytes:
        if value is None:
            return NIL if self.resp == 2 else NULL
        return bulk(value)

    def _do_hget(self, key: bytes, field: bytes) -> bytes:
        value = self._value(key)
        if isinstance(value, bytes):
            return WRONGTYPE
        return self._bulk((value or {}).get(field))

    def _do_hgetall(self, key: bytes) -> bytes:
        value = self._value(key)
        if isinstance(value, bytes):
            return WRONGTYPE
        items = [bulk(item) for pair in (value or {}).items() for item in pair]
        return b"%%%d\r\n" % (len(items) // 2) + b"".join(items) if self.resp == 3 else aggregate(items)

    def _do_pttl(self, key: bytes) -> bytes:
        if self._value(key) is None:
            return integer(-2)
        ends = self.server.states[self._place(key)][-1].ends
        return integer(-1 if ends == float("inf") else int((ends - self.server.clock.seconds()) * 1000))

    def _do_set(self, key: bytes, value: bytes, *more: bytes) -> bytes:
        self._value(key)
        ends = float("inf")
        if more and more[0] == b"PX":
            ends = self.server.clock.seconds() + int(more[1]) / 1000
        self.server.put(self._place(key), value, ends)
        return OK

    def _do_mset(self, *pairs: bytes) -> bytes:
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            self._do_set(key, value)
        return OK

    def _do_incr(self, key: bytes, tag: bytes = b"") -> bytes:
        value = self._value(key)
        if isinstance(value, dict):
            return WRONGTYPE
        try:
            number = int(value or b"0") + 1
        except ValueError:
            return b"-ERR value is not an integer or out of range\r\n"
        self.server.put(self._place(key), b"%d" % number)
        return integer(number)

    def _do_hset(self, key: bytes, field: bytes, text: bytes) -> bytes:
        value = self._value(key)
        if isinstance(value, bytes):
            return WRONGTYPE
        self.server.put(self._place(key), {**(value or {}), field: text})
        return integer(field not in (value or {}))

    def _do_del(self, *keys: bytes) -> bytes:
        count = 0
        for key in keys:
            if not key.startswith(TAG) and self._value(key) is not None:
                self.server.put(self._place(key), None)
                count += 1
        return integer(count)

    def _do_pexpire(self, key: bytes, milliseconds: bytes, tag: bytes = b"") -> bytes:
        value = self._value(key)
        if value is None:
            return integer(0)
        self.server.put(self._place(key), value, self.server.clock.seconds() + int(milliseconds) / 1000)
        return integer(1)

    def _do_flushall(self, tag: bytes = b"") -> bytes:
        self.server.flush(list(self.server.states))
        return OK

    def _do_flushdb(self, tag: bytes = b"") -> bytes:
        self.server.flush([place for place in self.server.states if place[0] == self.dbid])
        return OK

    def _do_eval(self, source: bytes, number: bytes, *args: bytes) -> bytes:
        """``set KEY VALUE`` writes a key that is not declared; ``fail KEY VALUE`` does so, and fails then."""
        what, key, value = source.split(b" ")
        self._do_set(key, value)
        return b"-ERR failed after the write\r\n" if what == b"fail" else OK

    def _do_evalsha(self, *args: bytes) -> bytes:
        return b"-NOSCRIPT No matching script\r\n"

    def _do_watch(self, *keys: bytes) -> bytes:
        for key in keys:
            self._watched.setdefault(self._place(key), self.server.number(self._place(key)))
        return OK

    def _do_unwatch(self) -> bytes:
        self._watched.clear()
        return OK

    def _do_multi(self) -> bytes:
        self._queued = []
        return OK

    def _do_discard(self) -> bytes:
        self._queued = None
        self._watched.clear()
        return OK

    def _do_exec(self) -> bytes:
        if self._queued is None:
            return b"-ERR EXEC without MULTI\r\n"
        queued, self._queued = self._queued, None
        changed = any(self.server.number(place) != number for place, number in self._watched.items())
        self._watched.clear()
        if changed:
            return b"*-1\r\n"
        return aggregate([self._execute(args[0].upper(), args) for args in queued])


def _keys_read(name: bytes, args: list[bytes]) -> Sequence[bytes]:
    """The keys of a command that reads."""
    if name in (b"GET", b"STRLEN", b"HGET", b"HGETALL", b"PTTL"):
        return args[1:2]
    return args[1:] if name == b"MGET" else ()
