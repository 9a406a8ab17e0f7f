"""The tracked connection: it fetches the values to cache, and the server tells it of changes.

One connection beside the pool, in none of its counts. Replies and invalidations are one sequence on it, which is what
tells old from new. It speaks RESP3, whatever the pool speaks, and no other command of the program is sent on it.

https://redis.io/docs/latest/develop/reference/client-side-caching/

This module must not know how anything is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure

from .._checks import as_text
from .._types import Reply
from ..batching import as_deferred
from ..connection import RedisProtocol
from ..exceptions import NoPermissionError, RedisError, ResponseError
from ..options import ClientCache
from ..pool import CompanionPool, Pool
from ..resp import Push

__all__ = ["CACHING_YES", "Owner", "TrackedPool"]

#: The command before each read with ``OPTIN``: the server tracks the keys of the next command.
CACHING_YES = b"*3\r\n$6\r\nCLIENT\r\n$7\r\nCACHING\r\n$3\r\nYES\r\n"

#: The first version whose invalidations stand between replies, and never in one.
_FIRST_MAJOR_VERSION = 7


class Owner(Protocol):
    """The cache that the tracked connection is for."""

    def link_up(self, connection: RedisProtocol) -> None:
        """The server tracks the keys that are read on this connection from here on."""

    def link_down(self, connection: RedisProtocol) -> None:
        """The connection is lost. Called before the Deferreds of its requests fail."""

    def link_refused(self, reason: str) -> None:
        """The server does not track."""

    def invalidated(self, connection: RedisProtocol, keys: Sequence[bytes] | None) -> None:
        """The server tells of changed keys; None: any may have changed."""


class TrackedProtocol(RedisProtocol):
    """A mixin of the class of a pool's connections: the connection is usable when the server tracks."""

    factory: TrackedPool

    def _handshake_checks(self) -> list[Any]:
        self.link.pushes.register(b"invalidate", self._invalidate)
        asked = as_deferred(self.execute_command, "HELLO").addCallback(_check_server)
        needed = [asked, as_deferred(self.execute_command, "CLIENT", "TRACKING", "ON", *self.factory.words)]
        if self.factory.opts_in:
            needed.append(as_deferred(self.execute_command, "CLIENT", "CACHING", "YES"))
        # A fetch asks for the time to live; the user may have no right to do that, or none for this key.
        needed.append(as_deferred(self.execute_command, "PTTL", "txredis_fast").addErrback(_check_command))
        return [*super()._handshake_checks(), *(("could not have keys tracked", each) for each in needed)]

    def _invalidate(self, push: Push) -> bool:
        self.factory.owner.invalidated(self, push[1])
        return True


def _check_command(failure: Failure) -> None:
    """Ignore an error reply to PTTL, unless the user may not send that command at all."""
    failure.trap(ResponseError)
    if isinstance(failure.value, NoPermissionError) and "command" in str(failure.value):
        failure.raiseException()


def _check_server(reply: Reply) -> None:
    """Check the reply to HELLO.

    :raises RedisError: the connection does not speak RESP3, or the server is too old.
    """
    if isinstance(reply, list):  # as it is under RESP2
        reply = dict(zip(reply[::2], reply[1::2], strict=False))
    fields = {as_text(name): value for name, value in reply.items()} if isinstance(reply, Mapping) else {}
    if fields.get("proto") != 3:
        raise RedisError("the server does not speak RESP3")
    version = re.match(r"\d+", as_text(fields.get("version", "")))
    if version is None or int(version[0]) < _FIRST_MAJOR_VERSION:
        raise RedisError(
            f"the server's version is {as_text(fields.get('version')):.20}, and caching needs 7.0 or later"
        )


@cache
def _tracked(protocol: type[RedisProtocol]) -> type[RedisProtocol]:
    """Make the class of tracked connections of a pool: a program's own class sees each read once."""
    return type("TrackedProtocol", (TrackedProtocol, protocol), {"__module__": __name__})


class TrackedPool(CompanionPool):
    """The tracked connection beside the pool of a handler, made again when it is lost.

    :ivar owner: the cache.
    :ivar opts_in: whether each read is announced by CLIENT CACHING YES.
    :ivar words: the arguments of CLIENT TRACKING ON.
    """

    def __init__(self, parent: Pool, endpoint: IStreamClientEndpoint, owner: Owner, options: ClientCache) -> None:
        """Make one, which connects when it is started."""
        self.owner = owner
        self.opts_in = options.mode == "optin"
        self.words: tuple[str | bytes, ...] = ("OPTIN",)
        if not self.opts_in:
            self.words = ("BCAST", *(word for prefix in options.prefixes for word in ("PREFIX", prefix)))
        super().__init__(parent, endpoint, isLazy=True)

    def follow(self) -> None:
        """See :meth:`.CompanionPool.follow`. The connection speaks RESP3, and has its own health check."""
        super().follow()
        self.respVersion = 3
        self.healthCheckInterval = None
        parent: Any = self.parent
        protocol = parent.protocol if parent.tracked_protocol is None else parent.tracked_protocol
        self.protocol = _tracked(protocol if isinstance(protocol, type) else RedisProtocol)
        #: A question that connections ask a pool of a Sentinel service: whether its server is a master.
        self.is_master = getattr(parent, "is_master", False)

    def addConnection(self, conn: RedisProtocol) -> None:
        """The connection is usable; it has the database and the login that the handler's pool has by now."""
        self.follow()
        self.reset_connection(conn)
        super().addConnection(conn)
        if conn in self.pool:
            try:
                self.owner.link_up(conn)
            except BaseException as error:
                conn.link.tear(error)
                raise

    def delConnection(self, conn: RedisProtocol) -> None:
        """The connection was lost."""
        self.owner.link_down(conn)
        super().delConnection(conn)

    def handshakeFailed(self, message: str, error: BaseException, connection: RedisProtocol | None = None) -> None:
        """The server refused a step of the handshake: it does not track, unless the refusal passes by itself."""
        super().handshakeFailed(message, error, connection)
        if self.handshake_refused:
            self.owner.link_refused(self.last_reason)

    def helloRefused(self, version: int, reason: str) -> None:
        """The server refused HELLO; the check that follows tells so."""

    def ping(self, seconds: float) -> Deferred[Any] | None:
        """Ask the server for a sign of life, whatever a program's class makes of the command.

        What such a class raises or answers by itself is none, and no reply behind the invalidations.

        :param seconds: how long it may take.
        :returns: fires with the reply; None: there is no usable connection.
        """
        for connection in self.pool:
            if connection.link.usable:
                return as_deferred(connection.link.execute_stock, "PING", timeout=seconds)
        return None
