"""The connection of a :class:`~txredis_fast.Subscriber`: a pool of one, beside the pool of a handler.

It leads to the same server as the handler's pool: over the same endpoint, with the login, the options and the delays
that the handler's pool has at each attempt. Messages that wait survive the loss of the connection, because all
connections share one inbox.

This module must not know how a program gets its messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, cast

from twisted.internet.interfaces import IAddress, IStreamClientEndpoint

from ..connection import RedisProtocol
from ..exceptions import NotSentError
from ..options import ConnectionOptions
from ..pool import Pool
from .inbox import Inbox
from .restoring import Refused
from .subscriber import SubscriberProtocol
from .subscriptions import Event, Kind

__all__ = ["CompanionPool", "MessageProtocol"]

#: What a companion has of its handler's pool, afresh for each connection.
_FOLLOWED = (
    *("dbid", "charset", "username", "password", "clientName", "respVersion", "convertNumbers", "strict"),
    *("undecodable", "limits", "login_number"),
    *("replyTimeout", "poolTimeout", "connectTimeout", "disconnectTimeout", "healthCheckInterval"),
    *("maxInFlight", "maxQueuedBytes", "clock", "initialDelay", "maxDelay", "factor", "jitter", "spread"),
)


class Owner(Protocol):
    """Whom the messages are for: a subscriber."""

    @property
    def inbox(self) -> Inbox:
        """The messages that wait."""

    def gap(self, seconds: float, refused: list[Refused]) -> None:
        """Messages may have been missed."""

    def gave_up(self, error: Exception) -> None:
        """The connection is lost, and none will be made any more."""


class MessageProtocol(SubscriberProtocol):
    """The connection of a subscriber that a handler has opened."""

    factory: CompanionPool

    def _open_inbox(self) -> Inbox:
        inbox = self.factory.owner.inbox
        inbox.move(self._hold, self._read_on)
        return inbox

    def _close_inbox(self, inbox: Inbox) -> None:
        inbox.move(_nothing, _nothing)

    def _restore(self, connection: object) -> None:
        super()._restore(connection)
        self.factory.owner.inbox.hold_if_full()

    def connectionGap(self, seconds: float, refused: list[Refused]) -> None:
        """Tell the subscriber."""
        self.factory.owner.gap(seconds, refused)

    def encoded(self, names: Iterable[Any]) -> list[bytes]:
        """Names as they are sent."""
        return [self.link.encode_value(name) for name in names]

    def forget(self, kind: Kind, names: tuple[bytes, ...]) -> None:
        """Names are not wanted any more, and the server may not have confirmed them."""
        if self.connected:
            undone = self.execute_command(f"{kind.value}unsubscribe".upper(), *names)
            undone.addErrback(lambda _: None)  # a lost connection has forgotten them, too
        else:
            self._wanted.note(kind, Event.UNSUBSCRIBE, names)


def _nothing() -> None:
    """There is no connection to read from."""


class CompanionPool(Pool):
    """One connection beside those of a handler's pool.

    :ivar parent: the handler's pool.
    :ivar owner: whom the messages are for.
    :ivar connection: the last connection that was made; None before the first.
    """

    parent: Pool

    def __init__(self, parent: Pool, endpoint: IStreamClientEndpoint, owner: Owner) -> None:
        """Make one, which connects when it is started."""
        self.parent = parent
        self.owner = owner
        self.connection: MessageProtocol | None = None
        super().__init__(ConnectionOptions(), endpoint, uuid=parent.uuid)
        self.observer = parent.observer.beside(self)
        #: Names the server in events, where Sentinels find it.
        self.service_name = getattr(parent, "service_name", None)
        self.protocol = MessageProtocol if parent.subscriber_protocol is None else parent.subscriber_protocol
        self._follow()

    def _follow(self) -> None:
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
        """Make the protocol of a new connection, with what the handler's pool has now."""
        self._follow()
        protocol = super().buildProtocol(addr)
        self.connection = cast("MessageProtocol", protocol)
        return protocol

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

    def failWaitingInVain(self) -> None:
        """The connection is lost; if none follows, tell the owner."""
        super().failWaitingInVain()
        if not self.may_wait and not self.life.closing:
            self.owner.gave_up(NotSentError(self.why_not_connected()))

    def drop(self, reason: Exception) -> None:
        """Close the connection at once, so that another one is made."""
        if self.connection is not None and not self.connection.link.is_lost:
            self.connection.link.abort(reason)

    def progress(self) -> tuple[int, int]:
        """As that of the connection's ``link``."""
        return (0, 0) if self.connection is None else self.connection.link.progress()
