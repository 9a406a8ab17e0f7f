"""A pool beside the pool of a handler: connections of their own to the same server, for subscribers and for caching.

It leads to the same server: over the same endpoint, with the login, the options and the delays that the handler's pool
has at each attempt.

This module must not know what the connections are for.
"""

from __future__ import annotations

from twisted.internet.interfaces import IAddress, IStreamClientEndpoint

from ..connection import RedisProtocol
from ..options import ConnectionOptions
from .pool import Pool

__all__ = ["CompanionPool"]

#: Attributes that a companion takes from its handler's pool, afresh for each connection.
_FOLLOWED = (
    *("dbid", "charset", "username", "password", "clientName", "respVersion", "convertNumbers", "strict"),
    *("undecodable", "limits", "login_number"),
    *("replyTimeout", "poolTimeout", "connectTimeout", "disconnectTimeout", "healthCheckInterval"),
    *("maxInFlight", "maxQueuedBytes", "clock", "initialDelay", "maxDelay", "factor", "jitter", "spread"),
)


class CompanionPool(Pool):
    """One connection beside those of a handler's pool.

    :ivar parent: the handler's pool.
    :ivar connection: the last connection that was made; None before the first.
    """

    def __init__(self, parent: Pool, endpoint: IStreamClientEndpoint, *, isLazy: bool = False) -> None:
        """Make one, which connects when it is started.

        :param isLazy: see :class:`.Pool`.
        """
        self.parent = parent
        self.connection: RedisProtocol | None = None
        super().__init__(ConnectionOptions(), endpoint, uuid=parent.uuid, isLazy=isLazy)
        self.observer = parent.observer.beside(self)
        #: Names the server in events, where Sentinels find it.
        self.service_name = getattr(parent, "service_name", None)
        self.follow()

    def follow(self) -> None:
        """Take the options that the handler's pool has now; called for each connection."""
        for name in _FOLLOWED:
            setattr(self, name, getattr(self.parent, name))

    @property
    def keeps_trying(self) -> bool:
        """Whether a lost connection is made again: as in the handler's pool."""
        return super().keeps_trying and self.parent.keeps_trying

    @property
    def reaches_server(self) -> bool:
        """Whether a connection is usable, of this pool or of the handler's."""
        return super().reaches_server or self.parent.reaches_server

    def buildProtocol(self, addr: IAddress | None) -> RedisProtocol:  # type: ignore[override]
        """Make the protocol of a new connection, with the present attributes of the handler's pool."""
        self.follow()
        self.connection = super().buildProtocol(addr)
        return self.connection

    def refusal_passes(self, error: BaseException, first: bool) -> bool:
        """As in the handler's pool."""
        return self.parent.refusal_passes(error, first)

    def delay_before(self, attempt: int, dropped: int) -> float:
        """As in the handler's pool, unless the server has refused this one's last handshake."""
        if self.handshake_refused:
            return super().delay_before(attempt, dropped)
        return self.parent.delay_before(attempt, dropped)

    def was_dropped(self, protocol: RedisProtocol) -> bool:
        """As in the handler's pool."""
        return self.parent.was_dropped(protocol)

    def drop(self, reason: Exception) -> None:
        """Close the connection at once, so that another one is made."""
        if self.connection is not None and not self.connection.link.is_lost:
            self.connection.link.abort(reason)

    def progress(self) -> tuple[int, int]:
        """As that of the connection's ``link``."""
        return (0, 0) if self.connection is None else self.connection.link.progress()
