"""Published messages of a cluster: ``sub = await rc.subscriber()``.

Channels and patterns reach every node, so one connection to any node serves them: each attempt to connect goes to
another node (:class:`_AnyNode`). A shard channel belongs to the node of its slot, so there is one more connection to
each node whose shard channels are wanted (:mod:`.shard`); :mod:`.channels` decides which channel is asked for where.

All connections share one inbox, so that the bounds of the program hold for all of them together.

This module must not know how a program gets its messages.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults, succeed
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from ..._checks import seconds_or
from ..._reactor import current_reactor
from ..._tunables import CONFIRMATION_SECONDS
from ..._types import Argument, Keys
from ...commands._parts import one_or_many
from ...exceptions import NotSentError, ReplyTimeoutError
from ...pubsub import InboxPart, Refused, Subscriber
from ...resp import fixed_arguments
from ...transport import cancel_timer
from ..members import Members
from .channels import ShardChannels

if TYPE_CHECKING:
    from ...pubsub import OnMessage, SlowConsumerPolicy
    from ..topology import Address

__all__ = ["ClusterSubscriber"]


@implementer(IStreamClientEndpoint)
class _AnyNode:
    """An endpoint that leads to another known node at each attempt; at first to one that is connected."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._last: Address | None = None

    def __repr__(self) -> str:
        return "<any node of the cluster>"

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """Connect to a node; fails if none is known."""
        nodes = [*self._members.masters(), *self._members.replicas()] or list(self._members.nodes.values())
        others = [node for node in nodes if node.address != self._last] or nodes
        if not others:
            return self._members.topology.refresh(anew=False).addCallback(lambda _: self.connect(factory))
        node = random.choice([each for each in others if each.pool.size] or others)
        self._last = node.address
        return node.pool.endpoint_of_lane().connect(factory)


class ClusterSubscriber(Subscriber):
    """Receives published messages of a cluster: ``sub = await rc.subscriber()``; as :class:`~txredis_fast.Subscriber`.

    ``ssubscribe`` takes channels of any slots. Each is followed when its slot moves or its node is lost; ``on_gap`` is
    then told for how long its messages may have been missed.
    """

    def __init__(
        self,
        members: Members,
        on_message: OnMessage | None,
        bounds: tuple[int, int, SlowConsumerPolicy],
        on_gap: Callable[[float, list[Refused]], object] | None,
        on_dropped: Callable[[int], object] | None,
    ) -> None:
        """``rc.subscriber()`` makes one."""
        self._members = members
        super().__init__(members.options_pool, _AnyNode(members), on_message, bounds, on_gap, on_dropped)
        #: The inbox itself, of which each connection sees a part.
        self.whole_inbox = self.inbox
        self.inbox = self._own = InboxPart(self.whole_inbox)
        self.whole_inbox.move(self._hold_all, self._go_on_all)
        self._shard_channels = ShardChannels(members, self.whole_inbox, self.gap, self._converted)
        members.subscribers.add(self)

    def _converted(self, name: bytes) -> Any:
        connection = self.pool.connection
        return name if connection is None else connection.tryConvertData(name)

    def _sources(self) -> list[InboxPart]:
        return [self._own, *(shard.inbox for shard in self._shard_channels.sources())]

    def _hold_all(self) -> None:
        for source in self._sources():
            source.hold()

    def _go_on_all(self) -> None:
        for source in self._sources():
            if self.whole_inbox.full:  # by messages of the former source
                return
            source.go_on()

    # -- shard channels

    def ssubscribe(self, channels: Keys) -> Deferred[None]:
        """Receive what is published by SPUBLISH on shard channels.

        :param channels: one channel, or an iterable of channels, of any slots.
        :returns: fires with None when the owners of their slots have confirmed every channel. Fails as
            :meth:`.Subscriber.ssubscribe`, and then the channels of this call are not subscribed to, except those that
            another call has subscribed to.

        https://redis.io/commands/ssubscribe/, since 7.0.0
        """
        return self._change_shards("ssubscribe", channels, self._shard_channels.join)

    def sunsubscribe(self, channels: Keys | None = None) -> Deferred[None]:
        """Receive no longer what is published on shard channels.

        :param channels: one channel, or an iterable of channels; an empty one changes nothing; None: all.
        :returns: fires with None when the servers have confirmed it.

        https://redis.io/commands/sunsubscribe/, since 7.0.0
        """
        return self._change_shards("sunsubscribe", channels, self._shard_channels.leave)

    def _change_shards(self, verb: str, given: Keys | None, change: Callable[[Any], Deferred[None]]) -> Deferred[None]:
        try:
            names = None if given is None else fixed_arguments((verb, *one_or_many(given)))[1:]
            encoded = None if names is None else [self._encode(name) for name in names]
        except Exception:
            return fail()
        if encoded == []:
            return succeed(None)
        if self.ended:
            return fail(NotSentError(f"{verb.upper()} was not sent: the subscriber has ended"))
        return self._in_time(change(encoded), verb)

    def _encode(self, name: Argument) -> bytes:
        if isinstance(name, bytes | bytearray | memoryview):
            return bytes(name)
        return str(name).encode(self._members.options.charset or "utf-8")

    def _in_time(self, changed: Deferred[None], verb: str) -> Deferred[None]:
        if changed.called:
            return changed
        seconds = seconds_or(self._members.options.replyTimeout, 0) or CONFIRMATION_SECONDS
        is_over = False

        def over() -> None:
            nonlocal is_over
            is_over = True
            changed.cancel()

        timer = current_reactor().callLater(seconds, over)

        def done(result: Failure | None) -> Failure | None:
            cancel_timer(timer)
            if is_over and result is not None and result.check(CancelledError):
                raise ReplyTimeoutError(f"{verb.upper()} was not confirmed within {seconds:g} seconds")
            return result

        return changed.addBoth(done)

    def topology_changed(self) -> None:
        """Slots may have other owners."""
        self._shard_channels.topology_changed()

    # -- the end

    def gave_up(self, error: Exception) -> None:
        """No connection for channels and patterns will be made any more: the subscriber ends as a whole."""
        super().gave_up(error)
        self._end_shards()

    def disconnect(self) -> Deferred[None]:
        """Unsubscribe from everything and close all connections; as :meth:`.Subscriber.disconnect`."""
        closing: list[Deferred[Any]] = [super().disconnect(), *self._end_shards()]
        return gatherResults(closing, consumeErrors=True).addCallback(lambda _: None)

    def _end_shards(self) -> list[Deferred[Any]]:
        self._members.subscribers.discard(self)
        return self._shard_channels.end()
