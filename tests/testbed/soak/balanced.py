"""Two servers behind one address, as behind a balancer: what a pool asks one of them, it must not tell the other.

Each server gives its clients numbers of its own. Strangers are connected to both, and wait for ever for an element;
whoever ends their wait has mistaken a number of one server for the other's.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Sequence
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import LoopingCall
from zope.interface import implementer

from .careless import CarelessUser
from .ledger import Ledger

#: Seconds between two strangers at each server, and how many there are at most.
PACE = 0.2
MOST = 300

_WAITS = b"*3\r\n$5\r\nBLPOP\r\n$13\r\nsoak:stranger\r\n$1\r\n0\r\n"


class BalancedUser(CarelessUser):
    """One whose commands reach either server. What it reads may be missing there, but is its own where it is not."""

    WEIGHTS = {**CarelessUser.WEIGHTS, "pop": 12, "watch": 0}  # two servers count twice
    ONE_SERVER = False


@implementer(IStreamClientEndpoint)
class InTurns:
    """Connects to one endpoint after the other."""

    def __init__(self, reactor: Any, addresses: Sequence[tuple[str, int]]) -> None:
        """
        :param addresses: host and port of each.
        """
        self._next = itertools.cycle([TCP4ClientEndpoint(reactor, *address, timeout=5) for address in addresses])

    def connect(self, factory: Any) -> Any:
        return next(self._next).connect(factory)


class Strangers:
    """Clients of others, at each of some servers.

    :ivar connections: all that wait; :ivar came: how many there have been.
    """

    def __init__(self, reactor: Any, addresses: Sequence[tuple[str, int]], ledger: Ledger) -> None:
        self._addresses = addresses
        self._ledger = ledger
        self.connections: list[socket.socket] = []
        self.came = 0
        self._loop = LoopingCall(self._come)
        self._loop.clock = reactor

    def start(self) -> None:
        """Let them come, one after another."""
        self._loop.start(PACE)

    def _come(self) -> None:
        if len(self.connections) >= MOST:
            self.look()
            return
        for address in self._addresses:
            self.come_to(address)

    def come_to(self, address: tuple[str, int]) -> None:
        """Let one come to a server."""
        connection = socket.create_connection(address, timeout=5)
        self.connections.append(connection)
        self.came += 1
        connection.sendall(_WAITS)
        connection.setblocking(False)

    def look(self) -> None:
        """Note those whose wait was ended, which nobody may do."""
        for connection in list(self.connections):
            try:
                came = connection.recv(100)
            except BlockingIOError:
                continue
            except OSError as error:
                came = repr(error).encode()
            self._ledger.note_wrong(f"a stranger's command was ended: {came!r}")
            self.connections.remove(connection)
            connection.close()

    def stop(self) -> None:
        """Look, and let them go."""
        if self._loop.running:
            self._loop.stop()
        self.look()
        for connection in self.connections:
            connection.close()
        self.connections.clear()
