"""The shard channels at one node of a cluster, and the connection that they come on.

This module must not know which channels are wanted, nor whose a slot is.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred, fail

from ..._reactor import current_reactor
from ...connection import RedisProtocol
from ...exceptions import NotSentError
from ...pubsub import Inbox, InboxPart, Kind, MessageProtocol, Refused, SubscriberPool
from ...resp import key_slot
from ..node import ClusterNode

__all__ = ["Shard"]


class ShardProtocol(MessageProtocol):
    """The connection for the shard channels of one node."""

    def nameWithdrawn(self, kind: Kind, name: bytes) -> None:
        """The slot of a channel moves."""
        self.factory.owner.withdrawn(name)  # type: ignore[attr-defined]


class ShardPool(SubscriberPool):
    """One connection to the node of shard channels."""

    def delConnection(self, conn: RedisProtocol) -> None:
        """The connection was lost."""
        self.owner.connection_lost(cast(ShardProtocol, conn))  # type: ignore[attr-defined]
        super().delConnection(conn)


class Owner(Protocol):
    """The owner of the shard channels, whichever node serves them."""

    def withdrawn(self, shard: Shard, name: bytes) -> None:
        """The server has unsubscribed from a channel, because its slot moves."""

    def lose_all(self, shard: Shard, since: float) -> None:
        """The connection is lost.

        :param since: reactor time from which on messages may be missed.
        """

    def close_idle(self) -> None:
        """A connection has left channels."""

    def shard_ended(self, shard: Shard, since: float, closed: Deferred[Any]) -> None:
        """The connection is being closed, and not made again.

        :param closed: fires when it is closed; until then, messages may come.
        """

    def node_left(self, node: ClusterNode[Any]) -> None:
        """The node has left: another one is asked for its channels."""


class Shard:
    """The shard channels at one node, and the connection for them.

    :ivar inbox: see :class:`~txredis_fast.pubsub.inbox.InboxPart`.
    :ivar asked: the channels that it has been asked for, and not to leave: confirmed ones, and those in flight.
    :ivar leaving: how many commands to leave some are in flight; messages may come before their confirmations.
    """

    def __init__(self, owner: Owner, node: ClusterNode[Any], inbox: Inbox | InboxPart) -> None:
        """Connect to a node.

        :param owner: of the channels.
        :param inbox: of the subscriber.
        """
        self._owner = owner
        self.node = node
        self.inbox = InboxPart(inbox)
        self.asked: set[bytes] = set()
        self.leaving = 0
        self.pool = ShardPool(node.pool, node.pool.endpoint_of_lane(), self)
        self.pool.protocol = ShardProtocol
        node.pool.companions.add(self)
        self.pool.deferred.addErrback(lambda _: None)
        self.pool.startConnecting()

    @property
    def missed_since(self) -> float:
        """Reactor time from which on messages may be missed, if the node is no longer the one to ask."""
        connection = self.pool.connection
        return current_reactor().seconds() if connection is None else connection.missedSince

    def leave(self, names: set[bytes]) -> list[Deferred[Any]]:
        """Unsubscribe from channels, as far as it was asked for them."""
        here, connection = self.asked & names, self.pool.connection
        self.asked -= here
        slots: dict[int, list[bytes]] = {}
        for name in sorted(here):
            slots.setdefault(key_slot(name), []).append(name)
        return [] if connection is None else [self._leave_at(connection, tuple(each)) for each in slots.values()]

    def _leave_at(self, connection: MessageProtocol, names: tuple[bytes, ...]) -> Deferred[Any]:
        self.leaving += 1
        return _leave_at(connection, names).addBoth(self._left)

    def _left(self, result: object) -> object:
        self.leaving -= 1
        self._owner.close_idle()
        return result

    # -- reports of the connection

    def gap(self, seconds: float, refused: list[Refused]) -> None:
        """The connection was made again; the subscriber knows which channels it has lost."""

    def withdrawn(self, name: bytes) -> None:
        """The server has unsubscribed from a channel, because its slot moves."""
        self.asked.discard(name)
        self._owner.withdrawn(self, name)

    def connection_lost(self, connection: MessageProtocol) -> None:
        """The connection is lost, and the next one begins without channels: their slots may have moved meanwhile."""
        since, self.asked = connection.missedSince, set()
        connection.forget(Kind.SHARD, ())
        self._owner.lose_all(self, since)

    def gave_up(self, error: Exception) -> None:
        """No connection will be made any more."""
        self.pool_ends()

    # -- calls of the node's pool to its companions

    def drop(self, reason: Exception) -> None:
        """Close the connection at once."""
        self.pool.drop(reason)

    def pool_ends(self, seconds: float = 0) -> Deferred[Any]:
        """Close the connection: its node has left, it has no channels any more, or the subscriber ends.

        :param seconds: at most, for the messages that the node has sent before it confirms that all channels are left.
        """
        since = self.missed_since
        self.node.pool.companions.discard(self)
        if seconds:
            self.leave(self.asked)
        closing = self.pool.disconnect(timeout=seconds)
        if self.inbox.full:
            self.pool.drop(NotSentError("Not connected"))
        self._owner.shard_ended(self, since, closing)
        if seconds:
            self._owner.node_left(self.node)
        return closing


def _leave_at(connection: MessageProtocol, names: tuple[bytes, ...]) -> Deferred[Any]:
    """Unsubscribe from channels of one slot; the successor of a lost connection must not subscribe to them again."""

    def failed(_: object) -> None:
        if not connection.connected:
            connection.forget(Kind.SHARD, names)

    sent: Deferred[Any] = (
        connection.sunsubscribe(names) if connection.connected else fail(NotSentError("no connection"))
    )
    return sent.addErrback(failed)
