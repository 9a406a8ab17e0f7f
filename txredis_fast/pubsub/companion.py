"""The connection of a :class:`~txredis_fast.Subscriber`: a pool of one, beside the pool of a handler.

It leads to the same server as the handler's pool; see :class:`.CompanionPool`. Messages that wait survive the loss of
the connection, because all connections share one inbox.

This module must not know how a program gets its messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from twisted.internet.interfaces import IStreamClientEndpoint

from ..exceptions import NotSentError
from ..pool import CompanionPool, Pool
from .inbox import Inbox, InboxPart
from .restoring import Refused
from .subscriber import SubscriberProtocol
from .subscriptions import Event, Kind

__all__ = ["MessageProtocol", "SubscriberPool"]


class Owner(Protocol):
    """The receiver of the messages: a subscriber."""

    @property
    def inbox(self) -> Inbox | InboxPart:
        """The messages that wait."""

    def gap(self, seconds: float, refused: list[Refused]) -> None:
        """Messages may have been missed."""

    def gave_up(self, error: Exception) -> None:
        """The connection is lost, and none will be made any more."""


class MessageProtocol(SubscriberProtocol):
    """The connection of a subscriber that a handler has opened."""

    factory: SubscriberPool

    def _open_inbox(self) -> Inbox | InboxPart:
        inbox = self.factory.owner.inbox
        inbox.move(self._hold, self._read_on)
        return inbox

    def _close_inbox(self, inbox: Inbox | InboxPart) -> None:
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


class SubscriberPool(CompanionPool):
    """The connection of a subscriber.

    :ivar owner: the receiver of the messages.
    """

    connection: MessageProtocol | None

    def __init__(self, parent: Pool, endpoint: IStreamClientEndpoint, owner: Owner) -> None:
        """Make one, which connects when it is started."""
        self.owner = owner
        super().__init__(parent, endpoint)
        self.protocol = MessageProtocol if parent.subscriber_protocol is None else parent.subscriber_protocol

    def failWaitingInVain(self) -> None:
        """The connection is lost; if none follows, tell the owner."""
        super().failWaitingInVain()
        if not self.may_wait and not self.life.closing:
            self.owner.gave_up(NotSentError(self.why_not_connected()))
