"""A server's password, which changes while pools are in use: one is told, the others ask for it."""

from __future__ import annotations

import contextlib
from typing import Any

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

import txredis_fast as redis

from .ledger import Ledger

#: How often a pool is told a new password, which fails while it has no connection, and seconds between.
TRIES = 60
PAUSE = 0.25


class Login:
    """The password of one server.

    :ivar pool: the handler that is told; the pools that are not are to have :meth:`current` as their password.
    """

    def __init__(self, reactor: Any, server: Any, ledger: Ledger) -> None:
        """
        :param server: a :class:`testbed.servers.Server`.
        """
        self._reactor = reactor
        self._server = server
        self._ledger = ledger
        self._former = server.password
        self._number = 0
        self.pool: Any = None

    def current(self) -> str:
        """The password of now."""
        password: str = self._server.password
        return password

    async def change(self) -> None:
        """Set the next password. Who is logged in stays so."""
        self._number += 1
        await self._set(f"soak-{self._number}")

    async def _set(self, password: str | None) -> None:
        await deferToThread(self._server.command, "CONFIG", "SET", "requirepass", password or "")
        self._server.password = password
        # It is to have it also when it is started again.
        await deferToThread(self._server.command, "CONFIG", "REWRITE")

    async def tell(self) -> None:
        """Tell the pool, and again as long as there is no connection to tell it on."""
        for _ in range(TRIES):
            try:
                reply = await self.pool.auth(self.current())
            except redis.ConnectionError:
                await deferLater(self._reactor, PAUSE, lambda: None)
            except redis.RedisError as error:
                self._ledger.note_wrong(f"auth: {error!r}")
                return
            else:
                if reply != "OK":
                    self._ledger.note_wrong(f"auth: {reply!r}")
                return
        self._ledger.note_wrong(f"auth: a new password could not be told in {TRIES * PAUSE:.0f} s")

    async def end(self) -> None:
        """Set the password that the server had."""
        with contextlib.suppress(OSError):
            await self._set(self._former)
