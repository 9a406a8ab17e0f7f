"""What goes wrong, one thing after another: on the links, with the server, its role and password, with the program."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from ..proxy import OnAccept, Proxy
from ..ways import NO_FAULT, Fault
from .facts import Dice, Facts
from .login import Login

#: Seconds that a long turn takes, more and less than any ``replyTimeout`` of the soak.
BUSY = (0.3, 1.5)
#: Where nobody listens: who is to be a replica of that keeps its data.
NO_MASTER = ("127.0.0.1", 1)


class Faults:
    """Lets one fault after another happen, each for a while, and then ends it: all kinds in a random order, and again.

    :ivar happened: how many, by kind.
    """

    def __init__(
        self, reactor: Any, dice: Dice, proxy: Proxy, server: Any, facts: Facts, login: Login | None = None
    ) -> None:
        """
        :param server: a :class:`testbed.servers.Server` that may be stopped and restarted; None: only links fail.
        :param login: its password, which may be changed.
        """
        self._reactor = reactor
        self._dice = dice
        self._proxy = proxy
        self._server = server
        self._facts = facts
        self._login = login
        self.happened: Counter[str] = Counter()
        self._deck: list[tuple[str, Callable[[], Awaitable[Any]]]] = []
        self.kinds: list[tuple[str, Callable[[], Awaitable[Any]]]] = [
            ("link reset", self._reset),
            ("cut while sending", lambda: self._cut(True)),
            ("cut while receiving", lambda: self._cut(False)),
            ("delay", self._delay),
            ("trickle", self._trickle),
            ("half-open", self._half_open),
            ("refused", self._refuse),
            ("program busy", self._be_busy),
            *(
                (f"accepted and {mode.value}", self._accepting(mode))
                for mode in OnAccept
                if mode is not OnAccept.FORWARD
            ),
        ]
        if server is not None:
            self.kinds += [
                ("server kills clients", self._client_kill),
                ("server stopped", self._pause),
                ("server restarted", self._restart),
                ("server a replica for a while", self._demote),
            ]
        if login is not None:
            self.kinds += [
                ("password changed", lambda: self._change_password(False)),
                ("password changed, clients killed", lambda: self._change_password(True)),
            ]

    async def happen(self) -> None:
        """One fault, from its beginning to its end."""
        if not self._deck:
            self._deck = self._dice.sample(self.kinds, len(self.kinds))
        name, fault = self._deck.pop()
        await fault()
        self.happened[name] += 1

    def wait(self, least: float, most: float) -> Deferred[None]:
        """Some seconds."""
        return deferLater(self._reactor, self._dice.uniform(least, most), lambda: None)

    def _some(self) -> list[Any]:
        """Some of the links."""
        links = [front for front in self._proxy.fronts if front.up is not None]
        return self._dice.sample(links, min(len(links), 1 + self._dice.below(3)))

    async def _reset(self) -> None:
        self._proxy.reset(1 + self._dice.below(4))

    async def _cut(self, up: bool) -> None:
        for link in self._some():
            way = link.up if up else link.down
            way.fault = Fault(cut_after=way.passed + self._dice.below(3000))
        await self.wait(0.05, 0.2)

    async def _delay(self) -> None:
        self._proxy.set_faults(Fault(delay=self._dice.uniform(0, 0.05)), Fault(delay=self._dice.uniform(0, 0.05)))
        await self.wait(0.1, 0.4)
        self._proxy.set_faults()

    async def _trickle(self) -> None:
        links = self._some()
        for link in links:
            link.down.fault = Fault(trickle=True)
        await self.wait(0.1, 0.3)
        for link in links:
            link.down.fault = NO_FAULT

    async def _half_open(self) -> None:
        for link in self._some():
            link.up.fault = link.down.fault = Fault(stop_after=0)
        await self.wait(0.1, 0.3)

    async def _refuse(self) -> None:
        await self._proxy.refuse()
        self._proxy.reset()
        await self.wait(0.1, 0.4)
        self._proxy.accept()

    def _accepting(self, mode: OnAccept) -> Callable[[], Awaitable[None]]:
        async def accept() -> None:
            self._proxy.on_accept = mode
            self._proxy.reset(4)
            await self.wait(0.1, 0.4)
            self._proxy.on_accept = OnAccept.FORWARD

        return accept

    async def _client_kill(self) -> None:
        await deferToThread(self._server.command, "CLIENT", "KILL", "TYPE", "normal")

    async def _pause(self) -> None:
        self._server.pause()
        await self.wait(0.05, 1.5)
        self._server.resume()

    async def _be_busy(self) -> None:
        """A long turn of the program: the reactor does not turn."""
        # Calls from threads come before timers, and these before what is read: the worst place for it.
        ends: Deferred[None] = Deferred()
        seconds = self._dice.uniform(*BUSY)
        self._reactor.callFromThread(lambda: (time.sleep(seconds), ends.callback(None)))
        await ends

    async def _demote(self) -> None:
        """It closes no connection, and refuses writes."""
        await deferToThread(self._server.command, "REPLICAOF", *NO_MASTER)
        await self.wait(0.2, 1.5)
        await deferToThread(self._server.command, "REPLICAOF", "NO", "ONE")

    async def _change_password(self, kill: bool) -> None:
        assert self._login is not None
        await self._login.change()
        if kill:
            await self._client_kill()
        await self.wait(0, 0.5)
        await self._login.tell()

    async def _restart(self) -> None:
        self._facts.epoch += 1
        await deferToThread(self._server.restart)
        self._facts.epoch += 1


class MasterFaults:
    """Lets a master be lost, so that its Sentinels promote the replica; and brings it back as the replica.

    :ivar happened: how many, by kind.
    """

    def __init__(self, reactor: Any, dice: Dice, group: Any, facts: Facts) -> None:
        """
        :param group: what :func:`testbed.sentinels.sentinel_group` gives.
        """
        master, replicas, self._sentinels = group
        self._servers = [master, *replicas]
        self._reactor = reactor
        self._dice = dice
        self._facts = facts
        self.happened: Counter[str] = Counter()

    async def happen(self) -> None:
        """One fail-over, from the loss of the master to the return of the old one as a replica."""
        master = await deferToThread(self._find_master)
        if master is None:
            await deferLater(self._reactor, 0.5, lambda: None)
            return
        self._facts.epoch += 1
        await deferToThread(master.kill)
        for _ in range(100):
            await deferLater(self._reactor, 0.2, lambda: None)
            if await deferToThread(self._find_master) is not None:
                self.happened["master lost"] += 1
                break
        self._facts.epoch += 1
        await deferLater(self._reactor, 1.0, lambda: None)
        await deferToThread(master.start)
        await deferLater(self._reactor, self._dice.uniform(3, 6), lambda: None)
        self._facts.epoch += 1

    def _find_master(self) -> Any:
        """The server that the Sentinels name and that says it is a master."""
        try:
            host, port = self._sentinels[0].command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._sentinels[0].service)
        except (OSError, TypeError, ValueError):
            return None
        for server in self._servers:
            if server.port == int(port) and server.pid is not None:
                try:
                    return server if server.info("replication")["role"] == "master" else None
                except (OSError, KeyError):
                    return None
        return None
