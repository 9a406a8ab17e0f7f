"""A cluster in memory: scripted nodes that own slots, redirect, move keys, refuse and break off as a test says.

::

    cluster = ModelCluster(clock, monkeypatch)        # three masters; what a client connects to is in memory
    cluster.begin_move(slot, 7002); cluster.migrate(slot, 1); cluster.finish_move(slot)
    cluster.nodes[7001].refusing = b"-LOADING Redis is loading the dataset in memory\\r\\n"
    cluster.executed                                  # (port, command) of everything that was executed

Nodes compute slots and parse commands without any code under test.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import txredis_fast.cluster.node

from .scripted import MemoryEndpoint, Session, settle
from .slots import SLOTS, key_in, slot_of

HOST = "127.0.0.1"

#: A slot of each of three nodes.
SLOT_A, SLOT_B, SLOT_C = 10, 8000, 16000

#: Name -> place of the first key, and how many arguments belong together; without keys: not here.
_KEYS = {
    **dict.fromkeys(("GET", "SET", "INCR", "INCRBY", "APPEND"), (1, 0)),
    **dict.fromkeys(("MGET", "DEL", "EXISTS", "UNLINK", "TOUCH"), (1, 1)),
    "MSET": (1, 2),
    "RENAME": (1, 1),
    "MODULE.GET": (1, 0),
    "MODULE.MANY": (2, 1),
}


def bulk(data: bytes | None) -> bytes:
    """A RESP string."""
    return b"$-1\r\n" if data is None else b"$%d\r\n%s\r\n" % (len(data), data)


def array(elements: list[bytes]) -> bytes:
    """A RESP array of encoded elements."""
    return b"*%d\r\n%s" % (len(elements), b"".join(elements))


class ModelNode:
    """One node.

    :ivar refusing: an error, with its CRLF, that answers everything but CLUSTER SLOTS and PING; None.
    :ivar silent: whether nothing is answered any more, and nothing executed.
    :ivar breaks_after: how many more commands are answered before all connections break off; None: no limit.
    """

    def __init__(self, cluster: ModelCluster, port: int) -> None:
        self.port = port
        self.keys: dict[bytes, Any] = {}
        self.refusing: bytes | None = None
        self.silent = False
        self.breaks_after: int | None = None
        self._cluster = cluster
        self.endpoint = MemoryEndpoint(lambda: Session(self._script, cluster.clock), cluster.clock)

    @property
    def writes(self) -> list[list[list[bytes]]]:
        """The commands of each connection."""
        return [link.server.protocol.commands for link in self.endpoint.links]

    def _script(self, session: Session) -> Generator[Any, Any, None]:
        asking = False
        queued: list[list[bytes]] | None = None
        failed = False
        while True:
            args = yield
            name = args[0].upper().decode()
            if self.silent:
                continue
            if self.breaks_after is not None:
                if self.breaks_after <= 0:
                    session.reset()
                    return
                self.breaks_after -= 1
            if name == "ASKING":
                asking = True
                session.send(b"+OK\r\n")
                continue
            if name in ("PING", "CLUSTER"):
                if args[1:] == [b"INFO"]:
                    is_down = self.refusing is not None and self.refusing.startswith(b"-CLUSTERDOWN")
                    session.send(bulk(b"cluster_state:fail\r\n" if is_down else b"cluster_state:ok\r\n"))
                else:
                    session.send(b"+PONG\r\n" if name == "PING" else self._cluster.slots())
                continue
            if name == "MULTI":
                queued, failed = [], False
                session.send(b"+OK\r\n")
                continue
            refused = self.refusing or self._redirection(name, args, asking)
            if queued is None:
                session.send(refused or self._execute(name, args))
                asking = False
            elif name == "EXEC":
                late = next(filter(None, (self._redirection(_name(each), each, asking) for each in queued)), None)
                if failed:
                    session.send(b"-EXECABORT Transaction discarded because of previous errors.\r\n")
                elif late or self.refusing:
                    session.send(late or self.refusing or b"")
                else:
                    session.send(array([self._execute(_name(each), each) for each in queued]))
                queued, asking = None, False
            elif name == "DISCARD":
                queued, asking = None, False
                session.send(b"+OK\r\n")
            elif refused:
                failed = True
                session.send(refused)
            else:
                queued.append(args)
                session.send(b"+QUEUED\r\n")

    def _redirection(self, name: str, args: list[bytes], asking: bool) -> bytes | None:
        cluster = self._cluster
        if name not in _KEYS:
            return None
        first, step = _KEYS[name]
        keys = args[first::step] if step else args[first : first + 1]
        slots = {slot_of(key) for key in keys}
        if len(slots) != 1:
            return b"-CROSSSLOT Keys in request don't hash to the same slot\r\n"
        [slot] = slots
        owner, target = cluster.owners[slot], cluster.moving.get(slot)
        if owner is not None and cluster.masters.get(self.port) == owner and name in ("GET", "MGET", "EXISTS"):
            return None  # every connection of these tests says READONLY
        missing = [key for key in keys if key not in self.keys]
        if owner is None:
            return b"-CLUSTERDOWN Hash slot not served\r\n"
        if owner == self.port:
            if target is None or not missing:
                return None
            if len(missing) < len(set(keys)):
                return b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n"
            return b"-ASK %d %s:%d\r\n" % (slot, HOST.encode(), target)
        if target == self.port and asking:
            many = len(set(keys)) > 1 and missing
            return b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n" if many else None
        return b"-MOVED %d %s:%d\r\n" % (slot, HOST.encode(), owner)

    def _execute(self, name: str, args: list[bytes]) -> bytes:
        self._cluster.executed.append((self.port, args))
        keys = self.keys
        if name in ("GET", "MODULE.GET"):
            return bulk(keys.get(args[1]))
        if name == "SET":
            keys[args[1]] = args[2]
        elif name == "MSET":
            keys.update(zip(args[1::2], args[2::2], strict=True))
        elif name in ("INCR", "INCRBY"):
            value = int(keys.get(args[1], 0)) + int((*args, b"1")[2])
            keys[args[1]] = b"%d" % value
            return b":%d\r\n" % value
        elif name == "APPEND":
            keys[args[1]] = keys.get(args[1], b"") + args[2]
            return b":%d\r\n" % len(keys[args[1]])
        elif name == "MGET":
            return array([bulk(keys.get(key)) for key in args[1:]])
        elif name in ("DEL", "UNLINK", "EXISTS", "TOUCH"):
            found = [key for key in args[1:] if key in keys]
            for key in found if name in ("DEL", "UNLINK") else ():
                keys.pop(key, None)
            return b":%d\r\n" % len(found)
        elif name in self._cluster.answers:
            answer = self._cluster.answers[name]
            return answer(self, args) if callable(answer) else answer
        return b"+OK\r\n"


class ModelCluster:
    """Nodes with equal parts of the slots.

    :ivar owners: the port of each slot's owner.
    :ivar moving: slot -> port of the node that imports it.
    :ivar executed: port and arguments of each command that was executed, without those that every connection needs.
    :ivar answers: name -> the reply, or a function of node and arguments that returns it; of further commands.
    """

    def __init__(self, clock: Any, monkeypatch: Any, ports: tuple[int, ...] = (7001, 7002, 7003)) -> None:
        self.clock = clock
        self.executed: list[tuple[int, list[bytes]]] = []
        self.answers: dict[str, Any] = {"DBSIZE": lambda node, args: b":%d\r\n" % len(node.keys)}
        self.moving: dict[int, int] = {}
        self.nodes = {port: ModelNode(self, port) for port in ports}
        self.owners: list[int | None] = [ports[slot * len(ports) // SLOTS] for slot in range(SLOTS)]
        self.slots_asked = 0
        #: Port of a replica -> port of its master.
        self.masters: dict[int, int] = {}
        monkeypatch.setattr(txredis_fast.cluster.node, "tcp_endpoint", lambda host, port, *_: self.nodes[port].endpoint)

    def add_replica(self, port: int, master: int) -> ModelNode:
        """Add a replica, which has all that its master has at once."""
        self.nodes[port] = node = ModelNode(self, port)
        self.masters[port] = master
        node.keys = self.nodes[master].keys
        return node

    def slots(self) -> bytes:
        """The reply to CLUSTER SLOTS."""
        self.slots_asked += 1
        ranges: list[tuple[int, int, int]] = []
        for slot, port in enumerate(self.owners):
            if port is None:
                continue
            if ranges and ranges[-1][2] == port and ranges[-1][1] == slot - 1:
                ranges[-1] = ranges[-1][0], slot, port
            else:
                ranges.append((slot, slot, port))
        return array(
            [
                array(
                    [
                        b":%d\r\n" % first,
                        b":%d\r\n" % last,
                        *(
                            array([bulk(HOST.encode()), b":%d\r\n" % each, bulk(b"%040d" % each)])
                            for each in (port, *(its for its, master in self.masters.items() if master == port))
                        ),
                    ]
                )
                for first, last, port in ranges
            ]
        )

    def owner_of(self, key: str) -> ModelNode:
        """The node that serves a key."""
        port = self.owners[slot_of(key)]
        assert port is not None
        return self.nodes[port]

    def begin_move(self, slot: int, to: int) -> None:
        """Let a slot be on its way."""
        self.moving[slot] = to

    def migrate(self, slot: int, count: int = 1000000) -> int:
        """Hand over at most so many keys of a slot on its way; returns how many there were."""
        owner = self.owners[slot]
        assert owner is not None
        source, target = self.nodes[owner], self.nodes[self.moving[slot]]
        names = [key for key in source.keys if slot_of(key) == slot][:count]
        for name in names:
            target.keys[name] = source.keys.pop(name)
        return len(names)

    def finish_move(self, slot: int) -> None:
        """Let the target own a slot."""
        self.migrate(slot)
        self.owners[slot] = self.moving.pop(slot)

    def values(self) -> dict[bytes, Any]:
        """All keys."""
        return {key: value for node in self.nodes.values() for key, value in node.keys.items()}


def _name(args: list[bytes]) -> str:
    return args[0].upper().decode()


def key(slot: int, name: object = "") -> str:
    """A key of a slot."""
    return key_in(slot, name)


def result(deferred: Any, clock: Any) -> Any:
    """The value that a Deferred has when nothing is due any more, or its exception."""
    settle(clock)
    found: list[Any] = []
    deferred.addBoth(found.append)
    assert found, "still waiting"
    return getattr(found[0], "value", found[0])


def writes(monkeypatch: Any) -> list[int]:
    """How many commands each write of a batch has from now on."""
    from txredis_fast.cluster import quick, redirects

    written: list[int] = []
    for module in (quick, redirects):
        send = module.send_batch
        monkeypatch.setattr(module, "send_batch", lambda *args, send=send: written.append(len(args[1])) or send(*args))
    return written
