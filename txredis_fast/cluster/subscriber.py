"""Published messages of a cluster: ``sub = await rc.subscriber()``.

Channels and patterns reach every node, so one connection to any node serves them: each attempt to connect goes to
another node (:class:`_AnyNode`). A shard channel belongs to the node of its slot, so there is one more connection to
each node whose shard channels are wanted (:class:`_Shard`).

The subscriber owns the shard channels, not their connections. A channel leaves its connection in four ways: the server
withdraws it because its slot moves, the connection is lost, its new owner is another node, or a node refuses it with a
redirection. All of them lead to :meth:`ClusterSubscriber._reconcile`, which subscribes to each channel at the owner of
its slot, until every channel is where it belongs.

All connections share one inbox, so that the bounds of the program hold for all of them together.

This module must not know how a program gets its messages.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults, succeed
from twisted.internet.interfaces import IDelayedCall, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .._checks import seconds_or
from .._reactor import current_reactor
from .._tunables import CONFIRMATION_SECONDS
from .._types import Argument, Keys
from ..batching import first_error
from ..commands._parts import one_or_many
from ..connection import RedisProtocol
from ..exceptions import MovedError, NotSentError, ReplyTimeoutError, ResponseError
from ..pubsub import InboxPart, Kind, MessageProtocol, Refused, Subscriber, SubscriberPool
from ..resp import fixed_arguments, key_slot
from ..transport import cancel_timer
from .members import Members
from .node import ClusterNode
from .redirects import is_refusal
from .waiting import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS

if TYPE_CHECKING:
    from ..pubsub import OnMessage, SlowConsumerPolicy
    from .topology import Address

__all__ = ["ClusterSubscriber"]

_log = Logger()


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


class _ShardProtocol(MessageProtocol):
    """The connection for the shard channels of one node."""

    def nameWithdrawn(self, kind: Kind, name: bytes) -> None:
        """The slot of a channel moves."""
        self.factory.owner.withdrawn(name)  # type: ignore[attr-defined]

    def gapEnded(self, seconds: float, refused: list[tuple[bytes, Refused]]) -> None:
        """The connection was made again."""
        self.factory.owner.gap_ended(seconds, dict(refused))  # type: ignore[attr-defined]


class _ShardPool(SubscriberPool):
    """One connection to the node of shard channels.

    :ivar lost_at: reactor time at which the connection was lost; None while there is one, and before the first.
    """

    lost_at: float | None = None

    def addConnection(self, conn: RedisProtocol) -> None:
        """The connection is usable."""
        self.lost_at = None
        super().addConnection(conn)

    def delConnection(self, conn: RedisProtocol) -> None:
        """The connection was lost."""
        self.lost_at = current_reactor().seconds()
        super().delConnection(conn)


class _Shard:
    """The shard channels at one node, and the connection for them.

    :ivar inbox: see :class:`~txredis_fast.pubsub.inbox.InboxPart`.
    :ivar channels: those that the node has confirmed.
    """

    def __init__(self, subscriber: ClusterSubscriber, node: ClusterNode[Any]) -> None:
        self._subscriber = subscriber
        self.node = node
        self.inbox = InboxPart(subscriber.whole_inbox)
        self.channels: set[bytes] = set()
        # Of gaps it is told by their names, by _ShardProtocol.
        self.pool = _ShardPool(node.pool, node.pool.endpoint_of_lane(), self)  # type: ignore[arg-type]
        self.pool.protocol = _ShardProtocol
        node.pool.companions.add(self)
        self.pool.deferred.addErrback(lambda _: None)
        self.pool.startConnecting()

    # -- what the connection tells

    def gap_ended(self, seconds: float, refused: dict[bytes, Refused]) -> None:
        """The connection was made again, and has its channels again, except those that were refused."""
        ended = {name: each for name, each in refused.items() if not is_refusal(each.error)}
        self.channels -= refused.keys()
        self._subscriber.gap_at(seconds, ended, set(refused))

    def withdrawn(self, name: bytes) -> None:
        """The server has unsubscribed from a channel, because its slot moves."""
        self.channels.discard(name)
        self._subscriber.channel_lost(name)

    def gave_up(self, error: Exception) -> None:
        """No connection will be made any more."""
        self._subscriber.shard_ended(self)

    # -- what the node's pool asks of its companions

    def drop(self, reason: Exception) -> None:
        """Close the connection at once."""
        self.pool.drop(reason)

    def pool_ends(self, seconds: float = 0) -> Deferred[Any]:
        """Close the connection: its node has left, it has no channels any more, or the subscriber ends."""
        self.node.pool.companions.discard(self)
        closing = self.pool.disconnect(timeout=0)
        if self.inbox.full:
            self.pool.drop(NotSentError("Not connected"))
        self._subscriber.shard_ended(self)
        return closing


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
        self._shards: dict[Address, _Shard] = {}
        #: Shard channels, encoded, that the program wants -> reactor time at which one was lost; None: it is confirmed.
        self._wanted_shards: dict[bytes, float | None] = {}
        #: Of these, those that are being subscribed to again.
        self._trying: set[bytes] = set()
        self._is_closed = False
        self._timer: IDelayedCall | None = None
        super().__init__(members.options_pool, _AnyNode(members), on_message, bounds, on_gap, on_dropped)
        #: The inbox itself, of which each connection sees a part.
        self.whole_inbox = self.inbox
        self.inbox = self._own = InboxPart(self.whole_inbox)
        self.whole_inbox.move(self._hold_all, self._go_on_all)
        members.subscribers.add(self)

    def _sources(self) -> list[InboxPart]:
        return [self._own, *(shard.inbox for shard in self._shards.values())]

    def _hold_all(self) -> None:
        for source in self._sources():
            source.hold()

    def _go_on_all(self) -> None:
        for source in self._sources():
            source.go_on()

    # -- shard channels

    def ssubscribe(self, channels: Keys) -> Deferred[None]:
        """Receive what is published by SPUBLISH on shard channels.

        :param channels: one channel, or an iterable of channels, of any slots.
        :returns: fires with None when the owners of their slots have confirmed every channel. Fails as
            :meth:`.Subscriber.ssubscribe`, and then the channels of this call are not subscribed to, except those that
            were before.

        https://redis.io/commands/ssubscribe/, since 7.0.0
        """
        return self._change_shards("ssubscribe", channels, self._add)

    def sunsubscribe(self, channels: Keys | None = None) -> Deferred[None]:
        """Receive no longer what is published on shard channels.

        :param channels: one channel, or an iterable of channels; an empty one changes nothing; None: all.
        :returns: fires with None when the servers have confirmed it.

        https://redis.io/commands/sunsubscribe/, since 7.0.0
        """
        return self._change_shards("sunsubscribe", channels, self._remove)

    def _change_shards(self, verb: str, given: Keys | None, change: Callable[..., Any]) -> Deferred[None]:
        try:
            names = None if given is None else fixed_arguments((verb, *one_or_many(given)))[1:]
            encoded = None if names is None else [self.encode(name) for name in names]
        except Exception:
            return fail()
        if encoded == []:
            return succeed(None)
        if self._is_closed or self.ended:
            return fail(NotSentError(f"{verb.upper()} was not sent: the subscriber has ended"))
        return self._in_time(Deferred.fromCoroutine(change(encoded)), verb)

    def encode(self, name: Argument) -> bytes:
        """Encode the name of a channel."""
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

    async def _add(self, names: list[bytes]) -> None:
        new = [name for name in dict.fromkeys(names) if name not in self._wanted_shards]
        try:
            asking = [Deferred.fromCoroutine(self._add_slot(slot, each)) for slot, each in _by_slot(new)]
            await gatherResults(asking, consumeErrors=True).addErrback(first_error)
        except BaseException:
            for name in new:
                self._wanted_shards.pop(name, None)
            self._forget(new, perhaps=True)
            raise

    async def _add_slot(self, slot: int, names: list[bytes]) -> None:
        await self._subscribe_slot(slot, names, joining=True)
        self._wanted_shards.update(dict.fromkeys(names))  # it may be withdrawn before other slots are confirmed

    async def _subscribe_slot(self, slot: int, names: list[bytes], joining: bool = False) -> _Shard:
        """Subscribe at the owner of a slot, whoever that is by the end; returns where that is.

        :param joining: whether they are not wanted before they are confirmed.
        """
        pause, redirections = FIRST_PAUSE_SECONDS, 0
        while True:
            node = self._members.owner(slot)
            try:
                if node is None:
                    raise NotSentError(f"no node serves the slot {slot}")
                shard = self._shard_of(node)
                connection = cast(_ShardProtocol, await shard.pool.getConnection(True))
                names = names if joining else [each for each in names if each in self._wanted_shards]
                if not names:
                    raise _Left
                await connection.ssubscribe(names)
            except (CancelledError, _Left):
                raise
            except Exception as error:
                if self._is_closed:
                    raise NotSentError("Not connected") from error
                if isinstance(error, ResponseError) and is_refusal(error):
                    target = (
                        self._members.target(error, node.address) if isinstance(error, MovedError) and node else None
                    )
                    if target is not None:
                        self._members.moved(slot, target)
                        redirections += 1
                        if redirections <= self._members.options.maxRedirections:  # nodes may name each other
                            continue
                elif isinstance(error, ResponseError):
                    raise
                self._members.note(f"SSUBSCRIBE has failed: {error}")
                await deferLater(current_reactor(), pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                owner = self._members.owners[slot]
                # Meanwhile it may have been closed, as idle or with its node, and the slot may have moved.
                if self._shards.get(node.address) is shard and owner in (None, node.address):
                    shard.channels.update(names)
                    return shard
                self._leave_shard(shard, set(names), perhaps=True)

    def _shard_of(self, node: ClusterNode[Any]) -> _Shard:
        if self._is_closed:
            raise NotSentError("Not connected")
        shard = self._shards.get(node.address)
        if shard is None or shard.node is not node:
            shard = self._shards[node.address] = _Shard(self, node)
        return shard

    async def _remove(self, names: list[bytes] | None) -> None:
        leaving = (
            list(self._wanted_shards) if names is None else [each for each in names if each in self._wanted_shards]
        )
        lost = [since for name in leaving if (since := self._wanted_shards.pop(name)) is not None]
        if lost:  # later nobody would tell what was missed
            self.gap(current_reactor().seconds() - min(lost), [])
        others = [(shard, set(leaving) - shard.channels) for shard in self._shards.values()]
        left = self._forget(leaving)
        for shard, withdrawn in others:  # which the next connection there would subscribe to again
            self._leave_shard(shard, withdrawn, perhaps=True)
        await left

    def _forget(self, names: Iterable[bytes], perhaps: bool = False) -> Deferred[Any]:
        """Unsubscribe from channels wherever they are subscribed to; an idle connection is closed.

        :param perhaps: whether a node may have confirmed them, or may yet, without having been heard.
        """
        left = set(names)
        closing = [each for shard in list(self._shards.values()) for each in self._leave_shard(shard, left, perhaps)]
        done = gatherResults(closing, consumeErrors=True)
        return done.addCallback(lambda _: self._close_idle())

    def _leave_shard(self, shard: _Shard, names: set[bytes], perhaps: bool = False) -> list[Deferred[Any]]:
        """Unsubscribe from channels at one node; a connection that is lost must not subscribe to them again."""
        here = names if perhaps else shard.channels & names
        shard.channels -= here
        connection = shard.pool.connection
        return [] if connection is None else [_leave_at(connection, tuple(each)) for _, each in _by_slot(sorted(here))]

    def _close_idle(self) -> None:
        for shard in list(self._shards.values()):
            if not shard.channels and not self._is_wanted_at(shard):
                shard.pool_ends().addErrback(lambda _: None)

    def _is_wanted_at(self, shard: _Shard) -> bool:
        return any(self._members.owners[key_slot(name)] == shard.node.address for name in self._wanted_shards)

    # -- channels that have left their connection

    def channel_lost(self, name: bytes) -> None:
        """The server has withdrawn a channel."""
        self._members.note("a shard channel was withdrawn")
        self._note_lost([name])

    def gap_at(self, seconds: float, ended: dict[bytes, Refused], lost: set[bytes]) -> None:
        """A connection was made again, without the lost channels; those that the user may not have have ended."""
        wanted = lost & self._wanted_shards.keys()
        for name in ended:
            self._wanted_shards.pop(name, None)
        self.gap(seconds, list(ended.values()))
        self._note_lost(wanted & self._wanted_shards.keys())

    def shard_ended(self, shard: _Shard) -> None:
        """A node has left, or its connection is not made again."""
        if self._shards.get(shard.node.address) is shard:
            del self._shards[shard.node.address]
        lost, shard.channels = shard.channels, set()
        self._note_lost(lost, shard.pool.lost_at)

    def topology_changed(self) -> None:
        """Slots may have other owners."""
        if self._is_closed:
            return
        owners = self._members.owners
        for shard in list(self._shards.values()):
            moved = [name for name in shard.channels if owners[key_slot(name)] not in (None, shard.node.address)]
            self._note_lost(moved, shard.pool.lost_at)

    def _note_lost(self, names: Iterable[bytes], since: float | None = None) -> None:
        lost_at = current_reactor().seconds() if since is None else since
        for name in names:
            if self._wanted_shards.get(name, 0) is None:
                self._wanted_shards[name] = lost_at
        self._reconcile_in(0)  # then all that are lost in one turn are one gap

    def _reconcile_in(self, seconds: float) -> None:
        timer, self._timer = self._timer, None
        cancel_timer(timer)
        if self._lost() and not self._is_closed:
            self._timer = current_reactor().callLater(seconds, self._reconcile)

    def _reconcile(self) -> None:
        """Subscribe to every channel that was lost, at the owner of its slot."""
        self._timer = None
        Deferred.fromCoroutine(self._subscribe_again(self._lost())).addErrback(_log_failure).addBoth(self._reconciled)

    def _lost(self) -> list[bytes]:
        return [each for each, since in self._wanted_shards.items() if since is not None and each not in self._trying]

    async def _subscribe_again(self, lost: list[bytes]) -> None:
        self._trying.update(lost)
        times = [(name, self._wanted_shards[name]) for name in lost]
        asking = [Deferred.fromCoroutine(self._move_slot(slot, names)) for slot, names in _by_slot(lost)]
        ended = await gatherResults(asking, consumeErrors=True).addErrback(first_error)
        refused = {name: each for some in ended for name, each in some.items()}
        known = self._wanted_shards.keys() | refused.keys()
        since = [time for name, time in times if time is not None and name in known]
        if since and not self._is_closed:  # none: the program has left them, and was told
            self.gap(current_reactor().seconds() - min(since), list(refused.values()))

    async def _move_slot(self, slot: int, names: list[bytes]) -> dict[bytes, Refused]:
        """Subscribe to channels of one slot at its owner; returns those that it refuses."""
        former = [(shard, shard.channels & set(names)) for shard in self._shards.values()]
        try:
            try:
                now = await self._subscribe_slot(slot, names)
            finally:
                self._trying.difference_update(names)
        except ResponseError as error:
            for name in names:
                self._wanted_shards.pop(name, None)
            return {name: Refused("ssubscribe", name.decode("utf-8", "replace"), error) for name in names}
        except (NotSentError, _Left):
            return {}  # the subscriber has ended, or the program has left the channels
        for shard, channels in former:
            if channels and shard is not now:
                self._leave_shard(shard, channels)
        for name in names:
            if name in self._wanted_shards:
                self._wanted_shards[name] = None
        self._forget([name for name in names if name not in self._wanted_shards])
        return {}

    def _reconciled(self, _: object) -> None:
        self._close_idle()
        if self._timer is None:
            self._reconcile_in(LONGEST_PAUSE_SECONDS)

    # -- the end

    def disconnect(self) -> Deferred[None]:
        """Unsubscribe from everything and close all connections; as :meth:`.Subscriber.disconnect`."""
        self._is_closed = True
        self._members.subscribers.discard(self)
        cancel_timer(self._timer)
        shards, self._shards = list(self._shards.values()), {}
        closing: list[Deferred[Any]] = [super().disconnect(), *(shard.pool_ends() for shard in shards)]
        return gatherResults(closing, consumeErrors=True).addCallback(lambda _: None)


class _Left(Exception):
    """The program has left all channels that were to be subscribed to again."""


def _by_slot(names: Iterable[bytes]) -> Iterable[tuple[int, list[bytes]]]:
    groups: dict[int, list[bytes]] = {}
    for name in names:
        groups.setdefault(key_slot(name), []).append(name)
    return groups.items()


def _leave_at(connection: MessageProtocol, names: tuple[bytes, ...]) -> Deferred[Any]:
    """Unsubscribe from channels of one slot; the successor of a lost connection must not subscribe to them again."""

    def failed(_: object) -> None:
        if not connection.connected:
            connection.forget(Kind.SHARD, names)

    sent: Deferred[Any] = (
        connection.sunsubscribe(names) if connection.connected else fail(NotSentError("no connection"))
    )
    return sent.addErrback(failed)


def _log_failure(failure: Failure) -> None:
    _log.failure("shard channels could not be moved", failure)
