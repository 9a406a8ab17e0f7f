"""A cluster's client that is as small as can be, and wrong in ways that the test chooses: for self-checks."""

from __future__ import annotations

from collections import deque
from typing import Any

from testbed.slots import slot_of
from testbed.wire import command
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol


class Refused(Exception):
    """Was not executed."""


class Lost(Exception):
    """Perhaps was executed."""


def read(data: bytes, at: int) -> tuple[Any, int]:
    """A reply of RESP2 and where it ends; IndexError: not whole."""
    end = data.index(b"\r\n", at)
    kind, text, at = data[at : at + 1], data[at + 1 : end], end + 2
    if kind == b"-":
        return Refused(text.decode()), at
    if kind == b":":
        return int(text), at
    if kind == b"$" and text != b"-1":
        end = at + int(text)
        if len(data) < end + 2:
            raise IndexError
        return data[at:end], end + 2
    if kind == b"*" and text != b"-1":
        items = []
        for _ in range(int(text)):
            item, at = read(data, at)
            items.append(item)
        return items, at
    return (text.decode() if kind == b"+" else None), at


class Connection(Protocol):
    """Replies in the order of the commands."""

    def __init__(self, client: MiniClient, place: Any) -> None:
        self.client = client
        self.place = place
        self.waiting: deque[Any] = deque()
        self._data = b""

    def connectionMade(self) -> None:
        self.client.connections[self.place] = self

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        at = 0
        while at < len(self._data):
            try:
                reply, at = read(self._data, at)
            except (IndexError, ValueError):
                break
            self.waiting.popleft()(reply)
        self._data = self._data[at:]

    def connectionLost(self, reason: Any = None) -> None:
        del self.client.connections[self.place]
        waiting, self.waiting = self.waiting, deque()
        for each in waiting:
            each(Lost())


class MiniClient:
    """Sends commands where their first key is.

    :ivar bugs: of ``again`` (a lost command is sent again), ``other`` (a reply of another command is told now and
        then), ``refused`` (lost ones are told as refused), ``done`` (some are told as done and never sent).
    """

    def __init__(self, reactor: Any, addresses: Any, bugs: tuple[str, ...] = (), tries: int = 12) -> None:
        self.reactor = reactor
        self.seeds = list(addresses)
        self.bugs = bugs
        self.tries = tries
        self.connections: dict[Any, Connection] = {}
        self.connecting: dict[Any, list[Any]] = {}
        self.owners: dict[int, Any] = {}
        self._told = 0
        self._last: Any = None

    def do(self, *args: Any, place: int = 1) -> Deferred[Any]:
        """Send a command; ``place`` is that of its first key."""
        key = args[place]
        slot = slot_of(key)
        done: Deferred[Any] = Deferred(lambda _: None)
        self._told += 1
        if "done" in self.bugs and self._told % 1000 == 0 and args[0] == "SET":
            done.callback("OK")
        else:
            self._send(args, slot, self.owners.get(slot, self.seeds[slot % len(self.seeds)]), False, done, self.tries)
        return done

    def _send(self, args: Any, slot: int, address: Any, asks: bool, done: Any, tries: int) -> None:
        if done.called:
            return
        if tries == 0:
            done.errback(Refused("no way"))
            return

        def replied(reply: Any) -> None:
            self._replied(reply, args, slot, address, done, tries - 1)

        place = (address, args[0] == "BLPOP")  # which blocks others
        connection = self.connections.get(place)
        if connection is not None:
            self._write(connection, args, asks, replied)
            return

        def failed() -> None:
            self.owners.pop(slot, None)
            self._later(args, slot, self.seeds[(slot + tries) % len(self.seeds)], done, tries - 1)

        waiting = self.connecting.setdefault(place, [])
        waiting.append((lambda: self._write(self.connections[place], args, asks, replied), failed))
        if len(waiting) == 1:
            factory = Factory.forProtocol(lambda: Connection(self, place))
            factory.noisy = False
            connecting = TCP4ClientEndpoint(self.reactor, *address, timeout=1).connect(factory)
            connecting.addBoth(self._attempted, place)

    def _attempted(self, result: Any, place: Any) -> None:
        for connected, failed in self.connecting.pop(place):
            if place in self.connections:
                connected()
            else:
                failed()

    def _write(self, connection: Connection, args: Any, asks: bool, replied: Any) -> None:
        if asks:
            connection.waiting.append(lambda reply: None)
        connection.waiting.append(replied)
        connection.transport.write((command("ASKING") if asks else b"") + command(*args))

    def _later(self, args: Any, slot: int, address: Any, done: Any, tries: int) -> None:
        self.reactor.callLater(0.1, self._send, args, slot, address, False, done, tries)

    def _replied(self, reply: Any, args: Any, slot: int, address: Any, done: Any, tries: int) -> None:
        if isinstance(reply, Lost) and "again" in self.bugs:
            self._later(args, slot, address, done, tries)
        elif isinstance(reply, Lost):
            done.errback(Refused("lost") if "refused" in self.bugs else reply)
        elif isinstance(reply, Refused):
            code, _, text = str(reply).partition(" ")
            if code in ("MOVED", "ASK"):
                host, _, port = text.split()[1].partition(":")
                target = host, int(port)
                if code == "MOVED":
                    self.owners[slot] = target
                self._send(args, slot, target, code == "ASK", done, tries)
            elif code in ("TRYAGAIN", "CLUSTERDOWN", "LOADING"):
                self._later(args, slot, address, done, tries)
            else:
                done.errback(reply)
        else:
            kept, self._last = self._last, reply
            done.callback(kept if "other" in self.bugs and self._told % 100 == 0 else reply)
