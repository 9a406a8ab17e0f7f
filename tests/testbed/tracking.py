"""A server in memory that tracks keys, as Redis 7 and Valkey do: for tests of client-side caching.

It executes what comes on all its connections one command at a time, and tells the tracking ones of changes in between,
as the servers do. A test may write as another client, also between two commands of one write; hold connections back;
and have commands refused. Knows nothing of the code under test.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from .scripted import MemoryEndpoint, MemoryLink, Session
from .wire import NIL, OK, QUEUED, aggregate, bulk, error, integer

Reply = bytes

#: Commands that only read keys and are not cached, with the reason.
NOT_CACHED = {
    **dict.fromkeys(
        ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME", "HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME"],
        "time changes the reply",
    ),
    **dict.fromkeys(("HRANDFIELD", "SRANDMEMBER", "VRANDMEMBER", "ZRANDMEMBER"), "chance"),
    **dict.fromkeys(("ARSCAN", "CLUSTERSCAN", "HSCAN", "SSCAN", "ZSCAN"), "a cursor is good for one walk"),
    **dict.fromkeys(
        ("OBJECT ENCODING", "OBJECT FREQ", "OBJECT IDLETIME", "OBJECT REFCOUNT", "MEMORY USAGE"),
        "of the server's memory",
    ),
    **dict.fromkeys(("XINFO CONSUMERS", "XINFO GROUPS", "XINFO STREAM", "XPENDING"), "has idle times"),
    "TOUCH": "its purpose is the access at the server",
    "XREAD": "it may block, and is never asked twice with one id",
    "SORT_RO": "its patterns read other keys",
    "EVAL_RO": "scripts, unless the program says so",
    "EVALSHA_RO": "scripts, unless the program says so",
    "FCALL_RO": "scripts, unless the program says so",
}

WRONG_TYPE = error("WRONGTYPE Operation against a key holding the wrong kind of value")


class Client:
    """What the server knows of one connection."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.protocol = 2
        self.tracking: str = ""
        self.prefixes: list[bytes] = []
        #: Whether the next command is tracked, with ``OPTIN``.
        self.caching = False
        self.db = 0
        self.queued: list[list[bytes]] | None = None
        #: What is sent behind the reply to the present command: changes that it made itself.
        self.behind: list[bytes] = []


class TrackingServer:
    """The data, and everybody who is connected.

    :ivar executed: every command, in order: (client, arguments).
    :ivar before: called with a client and the arguments before each command: another client may write there.
    :ivar refused: name, or name and first argument -> the error that answers it.
    :ivar silent: names of commands that are executed and not answered.
    :ivar untold: whether changes are not told, as SWAPDB's are.
    :ivar broadcast_delay: seconds until connections in broadcast mode are told of a change.
    """

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.data: dict[int, dict[bytes, Any]] = {}
        self.ends: dict[tuple[int, bytes], float] = {}
        self.tracked: dict[bytes, list[Client]] = {}
        self.clients: list[Client] = []
        self.executed: list[tuple[Client, list[bytes]]] = []
        self.before: Callable[[Client, list[bytes]], object] | None = None
        self.refused: dict[str, bytes] = {}
        self.silent: set[str] = set()
        self.untold = False
        self.broadcast_delay = 0.0
        self.version = b"7.2.0"
        self.endpoint = MemoryEndpoint(lambda: Session(self.script, clock), clock)

    # -- what a test does

    def write(self, key: str, value: Any, db: int = 0, ends: float | None = None) -> None:
        """Another client writes: text, a dict or a list; None deletes. ``ends``: seconds until it expires."""
        name = key.encode()
        self._put(name, value.encode() if isinstance(value, str) else value, None, db)
        if ends is not None:
            self.ends[db, name] = self.clock.seconds() + ends

    def flush(self) -> None:
        """Another client empties the server."""
        self._flush(None)

    def names(self, tracked: bool | None = None) -> list[str]:
        """The commands so far, as text.

        :param tracked: of tracking connections only, or of the others only.
        """
        return [
            b" ".join(args).decode(errors="replace")
            for client, args in self.executed
            if tracked is None or bool(client.tracking) is tracked
        ]

    def forget(self) -> None:
        """Forget what was executed."""
        self.executed.clear()

    @property
    def trackers(self) -> list[Client]:
        """The connections that track, and are up."""
        return [client for client in self.clients if client.tracking and not client.session.lost]

    @property
    def link(self) -> MemoryLink:
        """The one tracking connection that is up."""
        (client,) = self.trackers
        return self.link_of(client)

    def link_of(self, client: Client) -> MemoryLink:
        """The connection of a client."""
        return next(link for link in self.endpoint.links if link.server.protocol is client.session)

    @property
    def pool_links(self) -> list[MemoryLink]:
        """The connections that do not track."""
        tracking = [client.session for client in self.trackers]
        return [link for link in self.endpoint.alive if link.server.protocol not in tracking]

    # -- how it works

    def script(self, session: Session) -> Generator[Any, Any, Any]:
        """Of each connection."""
        client = Client(session)
        self.clients.append(client)
        while True:
            args = yield
            if self.before is not None:
                self.before(client, args)
            self.executed.append((client, args))
            reply = self._take(client, args)
            if self._name(args) not in self.silent:
                session.send(reply)
            behind, client.behind = client.behind, []
            for push in behind:
                session.send(push)

    @staticmethod
    def _name(args: list[bytes]) -> str:
        return args[0].decode().upper()

    def _take(self, client: Client, args: list[bytes]) -> Reply:
        name = self._name(args)
        exact = f"{name} {args[1].decode(errors='replace').upper()}" if len(args) > 1 else name
        refused = self.refused.get(exact) or self.refused.get(name)
        if refused is not None:
            return refused
        if client.queued is not None and name not in ("EXEC", "DISCARD", "MULTI", "WATCH"):
            client.queued.append(args)
            return QUEUED
        return self._execute(client, name, args[1:])

    def _execute(self, client: Client, name: str, args: list[bytes]) -> Reply:
        command: Callable[..., Reply] | None = getattr(self, f"_do_{name.lower()}", None)
        if command is None:
            return error(f"ERR unknown command '{name}'")
        caching, client.caching = client.caching, False
        reply = command(client, *args)
        if caching:
            for key in self._read_keys(name, args):
                holders = self.tracked.setdefault(key, [])
                if client not in holders:
                    holders.append(client)
        return reply

    @staticmethod
    def _read_keys(name: str, args: list[bytes]) -> list[bytes]:
        if name in ("GET", "HGETALL", "HGET", "LRANGE", "STRLEN", "TYPE", "HMGET", "SMEMBERS", "GETRANGE"):
            return args[:1]
        if name in ("MGET", "SUNION", "EXISTS"):
            return args
        if name == "EVAL_RO":
            return args[2 : 2 + int(args[1])]
        return []

    def _alive(self, client: Client | None, db: int, key: bytes) -> Any:
        ends = self.ends.get((db, key))
        if ends is not None and self.clock.seconds() >= ends:
            self._put(key, None, client, db)
        return self.data.get(db, {}).get(key)

    def _put(self, key: bytes, value: Any, client: Client | None, db: int) -> None:
        values = self.data.setdefault(db, {})
        if value is None and key not in values:
            return
        self.ends.pop((db, key), None)
        if value is None:
            del values[key]
        else:
            values[key] = value
        self.changed(key, client)

    def changed(self, key: bytes, by: Client | None) -> None:
        """A key has changed: tell who has read it."""
        holders = self.tracked.pop(key, [])
        holders += [
            each
            for each in self.clients
            if each.tracking == "bcast" and (not each.prefixes or key.startswith(tuple(each.prefixes)))
        ]
        if not self.untold:
            for holder in holders:
                self._tell(holder, aggregate([bulk(b"invalidate"), aggregate([bulk(key)])], b">"), by)

    def _tell(self, holder: Client, push: bytes, by: Client | None) -> None:
        if holder.session.lost or not holder.tracking:
            return
        if holder.tracking == "bcast":
            # Servers collect these, and send them behind all replies of the same turn of their loop.
            self.clock.callLater(self.broadcast_delay, holder.session.send, push)
        elif holder is by:
            holder.behind.append(push)
        else:
            holder.session.send(push)

    def _flush(self, client: Client | None) -> None:
        self.data.clear()
        self.ends.clear()
        self.tracked.clear()
        for holder in self.clients:
            self._tell(holder, aggregate([bulk(b"invalidate"), b"_\r\n"], b">"), client)

    @staticmethod
    def _null(client: Client) -> Reply:
        return b"_\r\n" if client.protocol == 3 else NIL

    def _bulk(self, client: Client, value: Any) -> Reply:
        return self._null(client) if value is None else bulk(value)

    # -- connections

    def _do_ping(self, client: Client) -> Reply:
        return b"+PONG\r\n"

    def _do_auth(self, client: Client, *login: bytes) -> Reply:
        return OK

    def _do_select(self, client: Client, number: bytes) -> Reply:
        client.db = int(number)
        return OK

    def _do_hello(self, client: Client, version: bytes = b"", *more: bytes) -> Reply:
        if version:
            client.protocol = int(version)
        fields = [bulk("server"), bulk("redis"), bulk("version"), bulk(self.version), bulk("proto")]
        fields.append(integer(client.protocol))
        if client.protocol == 3:
            return b"%3\r\n" + b"".join(fields)
        return aggregate(fields)

    def _do_client(self, client: Client, what: bytes, *more: bytes) -> Reply:
        what = what.upper()
        if what == b"TRACKING":
            words = [word.upper() for word in more]
            if words[0] == b"OFF":
                client.tracking = ""
            elif b"BCAST" in words:
                client.tracking = "bcast"
                client.prefixes = [more[at + 1] for at, word in enumerate(words) if word == b"PREFIX"]
            else:
                client.tracking = "optin"
        elif what == b"CACHING":
            if client.tracking != "optin":
                return error("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN")
            client.caching = True
        elif what == b"ID":
            return integer(self.clients.index(client) + 1)
        return OK

    # -- keys

    def _do_get(self, client: Client, key: bytes) -> Reply:
        value = self._alive(client, client.db, key)
        if value is not None and not isinstance(value, bytes):
            return WRONG_TYPE
        return self._bulk(client, value)

    def _do_mget(self, client: Client, *keys: bytes) -> Reply:
        values = [self._alive(client, client.db, key) for key in keys]
        return aggregate(self._bulk(client, value if isinstance(value, bytes) else None) for value in values)

    def _do_strlen(self, client: Client, key: bytes) -> Reply:
        return integer(len(self._alive(client, client.db, key) or b""))

    def _do_getrange(self, client: Client, key: bytes, start: bytes, end: bytes) -> Reply:
        return bulk((self._alive(client, client.db, key) or b"")[int(start) :])

    def _do_exists(self, client: Client, *keys: bytes) -> Reply:
        return integer(sum(self._alive(client, client.db, key) is not None for key in keys))

    def _do_type(self, client: Client, key: bytes) -> Reply:
        kinds = {bytes: "string", dict: "hash", list: "list", set: "set"}
        value = self._alive(client, client.db, key)
        return b"+%b\r\n" % (b"none" if value is None else kinds[type(value)].encode())

    def _do_hgetall(self, client: Client, key: bytes) -> Reply:
        value = self._alive(client, client.db, key) or {}
        pairs = [bulk(each) for pair in value.items() for each in pair]
        return b"%%%d\r\n" % len(value) + b"".join(pairs) if client.protocol == 3 else aggregate(pairs)

    def _do_hget(self, client: Client, key: bytes, field: bytes) -> Reply:
        return self._bulk(client, (self._alive(client, client.db, key) or {}).get(field.decode()))

    def _do_hmget(self, client: Client, key: bytes, *fields: bytes) -> Reply:
        value = self._alive(client, client.db, key) or {}
        return aggregate(self._bulk(client, value.get(field.decode())) for field in fields)

    def _do_lrange(self, client: Client, key: bytes, start: bytes, end: bytes) -> Reply:
        return aggregate(map(bulk, self._alive(client, client.db, key) or []))

    def _do_smembers(self, client: Client, key: bytes) -> Reply:
        members = sorted(self._alive(client, client.db, key) or [])
        return aggregate(map(bulk, members), b"~" if client.protocol == 3 else b"*")

    def _do_sunion(self, client: Client, *keys: bytes) -> Reply:
        members = sorted({each for key in keys for each in self._alive(client, client.db, key) or ()})
        return aggregate(map(bulk, members), b"~" if client.protocol == 3 else b"*")

    def _do_pttl(self, client: Client, key: bytes) -> Reply:
        if self._alive(client, client.db, key) is None:
            return integer(-2)
        ends = self.ends.get((client.db, key))
        return integer(-1 if ends is None else round((ends - self.clock.seconds()) * 1000))

    def _do_set(self, client: Client, key: bytes, value: bytes, *options: bytes) -> Reply:
        self._put(key, value, client, client.db)
        return OK

    def _do_mset(self, client: Client, *pairs: bytes) -> Reply:
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            self._put(key, value, client, client.db)
        return OK

    def _do_incrby(self, client: Client, key: bytes, by: bytes = b"1") -> Reply:
        number = int(self._alive(client, client.db, key) or b"0") + int(by)
        self._put(key, b"%d" % number, client, client.db)
        return integer(number)

    def _do_hset(self, client: Client, key: bytes, field: bytes, value: bytes) -> Reply:
        self._put(key, {**self.data.get(client.db, {}).get(key, {}), field.decode(): value.decode()}, client, client.db)
        return integer(1)

    def _do_del(self, client: Client, *keys: bytes) -> Reply:
        for key in keys:
            self._put(key, None, client, client.db)
        return integer(len(keys))

    def _do_lpush(self, client: Client, key: bytes, value: bytes) -> Reply:
        items = [value, *(self._alive(client, client.db, key) or [])]
        self._put(key, items, client, client.db)
        return integer(len(items))

    def _do_blpop(self, client: Client, key: bytes, seconds: bytes) -> Reply:
        first, *rest = self._alive(client, client.db, key) or [b""]
        self._put(key, rest or None, client, client.db)
        return aggregate([bulk(key), bulk(first)])

    def _do_rename(self, client: Client, source: bytes, target: bytes) -> Reply:
        value = self._alive(client, client.db, source)
        self._put(source, None, client, client.db)
        self._put(target, value, client, client.db)
        return OK

    def _do_pexpire(self, client: Client, key: bytes, milliseconds: bytes) -> Reply:
        self.ends[client.db, key] = self.clock.seconds() + int(milliseconds) / 1000
        self.changed(key, client)
        return integer(1)

    def _do_flushall(self, client: Client) -> Reply:
        self._flush(client)
        return OK

    _do_flushdb = _do_flushall

    def _do_swapdb(self, client: Client, one: bytes, other: bytes) -> Reply:
        """No connection is told of it."""
        first, second = int(one), int(other)
        self.data[first], self.data[second] = self.data.get(second, {}), self.data.get(first, {})
        return OK

    def _do_eval(self, client: Client, source: bytes, count: bytes, *more: bytes) -> Reply:
        """``write`` writes its first key, ``hidden NAME`` one that it is not told of; value: its last argument."""
        key = source.split()[1] if source.startswith(b"hidden") else more[0]
        self._put(key, more[-1], client, client.db)
        return OK

    def _do_evalsha(self, client: Client, digest: bytes, *more: bytes) -> Reply:
        return error("NOSCRIPT No matching script. Please use EVAL.")

    def _do_eval_ro(self, client: Client, source: bytes, count: bytes, *more: bytes) -> Reply:
        return self._do_get(client, more[0])

    # -- transactions

    def _do_watch(self, client: Client, *keys: bytes) -> Reply:
        return OK

    _do_unwatch = _do_watch

    def _do_multi(self, client: Client) -> Reply:
        client.queued = []
        return OK

    def _do_discard(self, client: Client) -> Reply:
        client.queued = None
        return OK

    def _do_exec(self, client: Client) -> Reply:
        queued, client.queued = client.queued or [], None
        return aggregate([self._execute(client, self._name(args), args[1:]) for args in queued])

    def _do_reset(self, client: Client) -> Reply:
        client.queued = None
        client.db = 0
        return b"+RESET\r\n"
