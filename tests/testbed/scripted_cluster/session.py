"""One connection to a scripted node: what a command may do here, and the state that a connection has."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import Protocol

from ..scripted import parse_commands
from ..slots import slot_of
from ..wire import aggregate, bulk, error, integer
from . import commands
from .places import OF_CHANNELS, READS, WHILE_LOADING, WRITES_WITHOUT_KEYS, keys_of
from .replies import no_array, unknown
from .truth import Truth

if TYPE_CHECKING:
    from .node import ScriptedNode

ABORTED = error("EXECABORT Transaction discarded because of previous errors.")
CROSSSLOT = error("CROSSSLOT Keys in request don't hash to the same slot")
DOWN = error("CLUSTERDOWN The cluster is down")
LOADING = error("LOADING Redis is loading the dataset in memory")
MASTER_DOWN = error("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")
NOAUTH = error("NOAUTH Authentication required.")
NOT_SERVED = error("CLUSTERDOWN Hash slot not served")
READ_ONLY = error("READONLY You can't write against a read only replica.")
TRY_AGAIN = error("TRYAGAIN Multiple keys request during rehashing of slot")
UNBLOCKED = error("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)")

_IN_TRANSACTION = frozenset((b"MULTI", b"EXEC", b"DISCARD", b"WATCH"))
_BEFORE_LOGIN = frozenset((b"AUTH", b"HELLO"))


class NodeSession(Protocol):
    """The server's end of one connection.

    :ivar number: of the client, unlike any other in the cluster.
    :ivar protocol: of RESP: 2 or 3.
    :ivar asking: whether ASKING holds.
    :ivar readonly: whether READONLY was said.
    :ivar queued: the commands of a transaction; None: there is none.
    :ivar waits_for: the keys that it is blocked for.
    :ivar caching: whether CLIENT CACHING YES holds.
    :ivar tracked: the keys whose next change is told.
    """

    transport: Any

    def __init__(self, node: ScriptedNode, number: int) -> None:
        self.node = node
        self.number = number
        self.protocol = 2
        self.name = b""
        self.lost = False
        self.logged_in = node.cluster.password is None
        self.asking = False
        self.readonly = False
        self.queued: list[list[bytes]] | None = None
        self.dirty = False
        self.watched: dict[bytes, int] = {}
        self.waits_for: list[bytes] = []
        self.channels: set[bytes] = set()
        self.patterns: set[bytes] = set()
        self.shard_channels: set[bytes] = set()
        #: Whether it may block: not inside of EXEC.
        self.can_wait = True
        self._asked_before = False
        self.caching = False
        self.tracked: set[bytes] = set()
        self._cached_before = False
        #: What is to be sent when all that has come is executed; None: nothing is executed now.
        self._out: list[bytes] | None = None
        self._unread: deque[list[bytes]] = deque()
        self._rest = b""
        self._unsent = bytearray()
        self._sending: Any = None
        self._timer: Any = None

    @property
    def truth(self) -> Truth:
        """The data."""
        return self.node.cluster.truth

    @property
    def clock(self) -> Any:
        """What tells the time."""
        return self.node.cluster.network.clock

    @property
    def subscribed(self) -> int:
        """How many channels and patterns it listens to."""
        return len(self.channels) + len(self.patterns)

    # What Twisted calls.

    def connectionMade(self) -> None:
        self.node.sessions.append(self)

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True
        if self in self.node.sessions:
            self.node.sessions.remove(self)
        self._end_wait()
        if self._sending is not None and self._sending.active():
            self._sending.cancel()

    def dataReceived(self, data: bytes) -> None:
        arrived, self._rest = parse_commands(self._rest + data if self._rest else data)
        self._unread += arrived
        self.execute_what_came()

    # What it does.

    def execute_what_came(self) -> None:
        """As a server does, unless it waits for something."""
        if self._out is not None:
            return  # it does already
        self._out = out = []
        ends = False
        node = self.node
        try:
            while self._unread and not self.waits_for and not self.lost and not node.is_paused and not node.is_dead:
                args = self._unread.popleft()
                name = args[0] = args[0].upper()
                node.commands[name] = node.commands.get(name, 0) + 1
                plan = node.plan_for(name, bool(keys_of(name, args))) if node.has_plans else None
                if plan == "before":
                    ends = True
                    break
                if plan is None or plan == "after":
                    reply = self._take(name, args)
                else:
                    reply = self._refused(name, plan)
                # ASKING is for the next command alone, and in a transaction for all of it.
                if self.asking and self.queued is None and not self._asked_before:
                    self.asking = False
                self._asked_before = False
                self.caching, self._cached_before = self.caching and self._cached_before, False
                if plan == "after":
                    ends = True
                    break
                if reply is not None:
                    out.append(reply)
        finally:
            self._out = None
        if out:
            self.send(b"".join(out))
        if ends:
            self._unread.clear()
            self.transport.abortConnection()

    def send(self, data: bytes) -> None:
        """Send bytes, in slices if the node has it so; behind the replies to what came before."""
        if self._out is not None:
            self._out.append(data)
        elif self.lost:
            return
        elif not self.node.slices and not self._unsent:
            self.transport.write(data)
        else:
            self._unsent += data
            if self._sending is None:
                self._sending = self.clock.callLater(0, self._send_slice)

    def _send_slice(self) -> None:
        size = self.node.slices or len(self._unsent)
        piece = bytes(self._unsent[:size])
        del self._unsent[:size]
        self._sending = self.clock.callLater(0, self._send_slice) if self._unsent else None
        self.transport.write(piece)

    def ask(self) -> None:
        """ASKING holds for the next command."""
        self.asking = self._asked_before = True

    def cache_next(self) -> None:
        """CLIENT CACHING YES holds for the next command."""
        self.caching = self._cached_before = True

    def invalidate(self, key: bytes) -> None:
        """A key has changed."""
        if key in self.tracked:
            self.tracked.discard(key)
            self.push(b"invalidate", aggregate([bulk(key)]))

    def _take(self, name: bytes, args: list[bytes]) -> bytes | None:
        if not self.logged_in and name not in _BEFORE_LOGIN:
            return NOAUTH
        if name not in commands.COMMANDS:
            return self._refused(name, unknown(name))
        if not commands.is_arity_right(name, args):
            return self._refused(name, error(f"ERR wrong number of arguments for '{name.decode().lower()}' command"))
        refusal = self._refusal(name, args)
        if refusal is not None:
            return self._refused(name, refusal)
        if self.queued is not None and name not in _IN_TRANSACTION:
            self.queued.append(args)
            return b"+QUEUED\r\n"
        return self.execute(name, args)

    def _refused(self, name: bytes, reply: bytes) -> bytes:
        if name == b"EXEC":
            self._forget_transaction()
        elif self.queued is not None:
            self.dirty = True
        return reply

    def execute(self, name: bytes, args: list[bytes]) -> bytes | None:
        """Execute a command that may be executed here; None: no reply yet, or it is sent already."""
        self.truth.executed += 1
        self.node.cluster.executing = self.node
        if self.caching and name in READS:
            self.tracked.update(keys_of(name, args))
        try:
            reply = commands.COMMANDS[name][0](self, *args[1:])
        except ValueError as wrong:
            return error(str(wrong))
        moves = self.node.cluster.moves
        if moves:
            for key in keys_of(name, args):
                move = moves.get(slot_of(key))
                if move is not None and move.target is self.node:
                    move.moved.add(key)
        return reply

    # Whether a command may be executed here.

    def _refusal(self, name: bytes, args: list[bytes]) -> bytes | None:
        node, cluster = self.node, self.node.cluster
        if node.loading and (name not in WHILE_LOADING or (name == b"EXEC" and self._queues_others())):
            return LOADING
        if name == b"EXEC":
            if self.queued is None or self.dirty:
                return None
            names = [each[0] for each in self.queued]
            keys = [key for each in self.queued for key in keys_of(each[0], each)]
            writes = any(each not in READS for each in names)
        else:
            keys = keys_of(name, args)
            writes = name not in READS
        if not keys:
            if node.master is not None and name in WRITES_WITHOUT_KEYS:
                return READ_ONLY
            return None
        if cluster.down:
            return DOWN
        slot = slot_of(keys[0])
        if len(keys) > 1 and any(slot_of(key) != slot for key in keys):
            return CROSSSLOT
        owner = cluster.owners[slot]
        if owner is None:
            return NOT_SERVED
        move = cluster.moves.get(slot)
        if move is not None and name not in OF_CHANNELS:
            return self._refusal_of_moving(slot, set(keys), writes, name)
        if owner is node:
            return None
        if self.readonly and not writes and node.master is owner:
            return MASTER_DOWN if node.master_down else None
        return self._moved(slot)

    def _queues_others(self) -> bool:
        return any(args[0] not in WHILE_LOADING for args in self.queued or ())

    def _refusal_of_moving(self, slot: int, keys: set[bytes], writes: bool, name: bytes) -> bytes | None:
        node, move, data = self.node, self.node.cluster.moves[slot], self.truth.data
        if node is move.source or (node.master is move.source and self.readonly and not writes):
            missing = sum(key not in data or key in move.moved for key in keys)
            if not missing:
                return None
            if node is not move.source:
                return self._moved(slot)
            if missing < len(keys):
                return TRY_AGAIN
            if self.queued is not None and name != b"EXEC" and not node.cluster.asks_when_queued:
                return None
            return error(f"ASK {slot} {move.target.host}:{move.target.port}")
        if node is move.target and self.asking:
            missing = sum(key not in data or key not in move.moved for key in keys)
            return TRY_AGAIN if missing and len(keys) > 1 else None
        return self._moved(slot)

    def _moved(self, slot: int) -> bytes:
        owner = self.node.believed_owner(slot)
        if owner is None:
            return NOT_SERVED
        return error(f"MOVED {slot} {owner.host}:{owner.port}")

    # Transactions.

    def begin(self) -> bytes:
        """MULTI."""
        if self.queued is not None:
            return error("ERR MULTI calls can not be nested")
        self.queued = []
        self.dirty = False
        return b"+OK\r\n"

    def discard(self) -> bytes:
        """DISCARD."""
        if self.queued is None:
            return error("ERR DISCARD without MULTI")
        self._forget_transaction()
        return b"+OK\r\n"

    def commit(self) -> bytes:
        """EXEC."""
        if self.queued is None:
            return error("ERR EXEC without MULTI")
        queued, dirty = self.queued, self.dirty
        changed = any(self.truth.changes.get(key, 0) != number for key, number in self.watched.items())
        self._forget_transaction()
        if dirty:
            return ABORTED
        if changed:
            return no_array(self)
        self.can_wait = False
        try:
            return aggregate(self.execute(args[0], args) or no_array(self) for args in queued)
        finally:
            self.can_wait = True

    def _forget_transaction(self) -> None:
        self.queued = None
        self.dirty = False
        self.watched.clear()

    # Waiting.

    def block(self, keys: list[bytes], timeout: float) -> None:
        """Wait for an element, for ever if the timeout is 0."""
        self.waits_for = keys
        if timeout:
            self._timer = self.clock.callLater(timeout, self._waited_in_vain)

    def _waited_in_vain(self) -> None:
        if self.node.is_paused:
            self._timer = self.clock.callLater(0.05, self._waited_in_vain)
        else:
            self.unblock(no_array(self))

    def unblock(self, reply: bytes) -> None:
        """A wait is over."""
        self._end_wait()
        self.send(reply)
        self.clock.callLater(0, self.execute_what_came)

    def _end_wait(self) -> None:
        self.waits_for = []
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    # What the cluster tells it.

    def look_again(self, demoted: bool) -> None:
        """Slots may be served elsewhere now.

        :param demoted: whether the node was a master until now: then who listens to shards is let go.
        """
        node, cluster = self.node, self.node.cluster
        if self.waits_for:
            slot = slot_of(self.waits_for[0])
            move = cluster.moves.get(slot)
            if cluster.owners[slot] is not node and (move is None or move.target is not node):
                self.unblock(UNBLOCKED if demoted and cluster.tells_unblocked else self._moved(slot))
        for channel in sorted(self.shard_channels):
            owner = cluster.owners[slot_of(channel)]
            if demoted or owner not in (node, node.master):
                self.shard_channels.discard(channel)
                self.push(b"sunsubscribe", bulk(channel), integer(len(self.shard_channels)))

    def push(self, kind: bytes, *parts: bytes) -> None:
        """Send what nobody asked for."""
        self.send(aggregate([bulk(kind), *parts], b">" if self.protocol == 3 else b"*"))
