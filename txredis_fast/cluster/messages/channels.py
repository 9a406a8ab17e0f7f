"""The shard channels that a program wants, wherever their slots are.

A channel that is wanted and confirmed nowhere is *missing*: a call has just asked for it, the server has withdrawn it
because its slot moves, its connection is lost, or its slot has another owner. For each slot with missing channels one
task (:meth:`ShardChannels._settle`) subscribes to them at the owner, until none is missing. A call of ``ssubscribe``
waits for its channels; one that fails takes back the channels that no other call wants.

This module must not know how a program gets its messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._reactor import current_reactor
from ...batching import first_error
from ...exceptions import MovedError, NotSentError, ResponseError
from ...inflight import within
from ...pubsub import Inbox, InboxPart, MessageProtocol, Refused, SubscriberPool
from ...resp import key_slot
from ...transport import cancel_timer
from ..members import Members
from ..node import ClusterNode
from ..redirects import is_refusal
from ..waiting import CONNECTION_SECONDS, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
from .shard import Shard

if TYPE_CHECKING:
    from ..topology import Address

__all__ = ["ShardChannels"]

_log = Logger()

_T = TypeVar("_T")


class _Channel:
    """A shard channel that the program wants.

    :ivar calls: of ``ssubscribe``, those that have not ended and want it.
    :ivar is_kept: whether one that has succeeded wants it.
    :ivar shard: where it is confirmed; None: it is missing.
    :ivar lost_at: reactor time from which on its messages are missed; None: no call has succeeded before.
    """

    __slots__ = ("calls", "is_kept", "lost_at", "name", "shard")

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.calls: set[_Call] = set()
        self.is_kept = False
        self.shard: Shard | None = None
        self.lost_at: float | None = None


class _Call:
    """A call of ``ssubscribe``.

    :ivar channels: those that it wants.
    :ivar done: fires when each has been confirmed, or left.
    """

    def __init__(self, channels: list[_Channel], given_up: Callable[[_Call], object]) -> None:
        self.channels = channels
        self.done: Deferred[None] = Deferred(self._cancelled)
        self._given_up = given_up

    def _cancelled(self, _: object) -> None:
        self._given_up(self)


class ShardChannels:
    """The shard channels of one subscriber.

    :ivar shards: by the address of its node, each connection.
    """

    def __init__(
        self,
        members: Members,
        inbox: Inbox | InboxPart,
        tell: Callable[[float, list[Refused]], object],
        convert: Callable[[bytes], Any],
    ) -> None:
        """Want none yet.

        :param inbox: of the subscriber.
        :param tell: is told of each gap: for how many seconds messages may have been missed, and the refused channels.
        :param convert: converts a name as in messages.
        """
        self.shards: dict[Address, Shard] = {}
        #: The connections that are being closed.
        self._ending: dict[Shard, None] = {}
        self._members = members
        self._inbox = inbox
        self._report = tell
        self._convert = convert
        #: By slot and encoded name.
        self._wanted: dict[int, dict[bytes, _Channel]] = {}
        #: The slots that have a task; and of each, the node and the Deferred that it waits for.
        self._tasks: set[int] = set()
        self._waits: dict[int, tuple[ClusterNode[Any] | None, Deferred[Any]]] = {}
        #: The gap to be told in the next turn: its begin, and the refused channels.
        self._gap: tuple[float, list[Refused]] | None = None
        self._timer: IDelayedCall | None = None
        self._is_closed = False

    def sources(self) -> list[Shard]:
        """All connections that messages may come on."""
        return [*self.shards.values(), *self._ending]

    # -- calls of the program

    def join(self, names: Iterable[bytes]) -> Deferred[None]:
        """Want channels; fires when all are confirmed, or left again. Cancelling it takes them back."""
        channels = []
        for name in dict.fromkeys(names):
            of_slot = self._wanted.setdefault(key_slot(name), {})
            channels.append(of_slot.setdefault(name, _Channel(name)))
        call = _Call(channels, self._take_back)
        for channel in channels:
            channel.calls.add(call)
        self._judge(call)
        for slot in {key_slot(channel.name) for channel in call.channels if channel.shard is None}:
            self._begin(slot)
        return call.done

    def _judge(self, call: _Call) -> None:
        """End a call that waits for nothing any more."""
        if call.done.called or any(channel.shard is None for channel in call.channels):
            return
        for channel in call.channels:
            channel.calls.discard(call)
            channel.is_kept = True
        call.done.callback(None)

    def _take_back(self, call: _Call) -> None:
        """A call fails, or is cancelled: leave the channels that no other call wants."""
        for channel in call.channels:
            channel.calls.discard(call)
        self._forget([channel for channel in call.channels if not channel.calls and not channel.is_kept])

    def leave(self, names: Iterable[bytes] | None) -> Deferred[None]:
        """Want channels no longer, or none; fires when the servers have confirmed it."""
        if names is None:
            leaving = [channel for of_slot in self._wanted.values() for channel in of_slot.values()]
        else:
            found = [self._wanted.get(key_slot(name), {}).get(name) for name in dict.fromkeys(names)]
            leaving = [channel for channel in found if channel is not None]
        left = self._forget(leaving)
        for channel in leaving:
            if channel.lost_at is not None:
                self._owe(channel.lost_at)  # of the messages missed until now
            for call in list(channel.calls):  # as with channels that are not of shards, the later call counts
                call.channels.remove(channel)
                self._judge(call)
        return left

    def _forget(self, channels: list[_Channel]) -> Deferred[None]:
        """Channels are wanted no longer: unsubscribe wherever they may be subscribed to."""
        names = {channel.name for channel in channels}
        for name in names:
            of_slot = self._wanted.get(key_slot(name), {})
            of_slot.pop(name, None)
            if not of_slot:
                self._wanted.pop(key_slot(name), None)
        closing = [each for shard in list(self.shards.values()) for each in shard.leave(names)]
        done: Deferred[Any] = gatherResults(closing, consumeErrors=True)
        return done.addErrback(first_error).addCallback(lambda _: self.close_idle())

    def close_idle(self) -> None:
        """Close the connections that are no longer needed."""
        owners = {self._members.owners[slot] for slot in self._wanted}
        for shard in list(self.shards.values()):
            if not shard.asked and not shard.leaving and shard.node.address not in owners:
                shard.pool_ends().addErrback(lambda _: None)

    # -- missing channels

    def _begin(self, slot: int) -> None:
        """Begin the task of a slot, if it has none."""
        if slot in self._tasks or self._is_closed:
            return
        self._tasks.add(slot)
        Deferred.fromCoroutine(self._settle(slot)).addErrback(_log_failure).addBoth(self._settled, slot)

    def _settled(self, _: object, slot: int) -> None:
        self._tasks.discard(slot)
        if not self._is_closed:
            self.close_idle()

    def _missing(self, slot: int) -> list[_Channel]:
        return [channel for channel in self._wanted.get(slot, {}).values() if channel.shard is None]

    async def _settle(self, slot: int) -> None:
        """Subscribe to the missing channels of a slot at its owner, which may change meanwhile."""
        pause, delay, redirections, alone = FIRST_PAUSE_SECONDS, 0.0, 0, False
        while self._missing(slot) and not self._is_closed:
            node = self._members.owner(slot)
            shard: Shard | None = None
            channels: list[_Channel] = []
            new: set[bytes] = set()
            try:
                if delay:
                    seconds, delay = delay, 0.0
                    await self._wait(slot, node, deferLater(current_reactor(), seconds))
                    continue
                if node is None:
                    raise NotSentError(f"no node serves the slot {slot}")
                shard = self._shard_of(node)
                connection = await self._wait(slot, node, _connected(shard.pool))
                channels = self._missing(slot)[: 1 if alone else None]  # some may have been left meanwhile
                names = [channel.name for channel in channels]
                new = set(names) - shard.asked
                shard.asked |= new
                if names:
                    await self._wait(slot, node, connection.ssubscribe(names))
                if self._confirmed(slot, shard, channels):
                    continue
            except CancelledError:
                continue  # the slot has another owner, or the subscriber has ended
            except ResponseError as error:
                if shard is not None:
                    shard.asked -= new  # a node that has had some before has them still
                if is_refusal(error):
                    target = (
                        self._members.target(error, node.address) if isinstance(error, MovedError) and node else None
                    )
                    if target is not None:
                        self._members.moved(slot, target)
                        redirections += 1
                        if redirections <= self._members.options.maxRedirections:  # nodes may name each other
                            continue
                    self._members.note(f"SSUBSCRIBE has failed: {error}")
                else:
                    alone = True  # a whole command is refused for one of its channels
                    if len(channels) == 1:
                        self._refuse(channels[0], error)
                    continue
            except Exception as error:
                self._members.note(f"SSUBSCRIBE has failed: {error}")
                if shard is not None and shard.pool.handshake_refused:
                    delay = shard.pool.longest_delay(100)
                    continue
            delay, pause = pause, min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _wait(self, slot: int, node: ClusterNode[Any] | None, waiting: Deferred[_T]) -> _T:
        """Wait until the slot has another owner than this node, at most."""
        self._waits[slot] = node, waiting
        try:
            return await waiting
        finally:
            del self._waits[slot]

    def _shard_of(self, node: ClusterNode[Any]) -> Shard:
        shard = self.shards.get(node.address)
        if shard is None or shard.node is not node:
            shard = self.shards[node.address] = Shard(self, node, self._inbox)
        return shard

    def _confirmed(self, slot: int, shard: Shard, channels: list[_Channel]) -> bool:
        """A node has confirmed channels; returns whether one of them is where it belongs now."""
        # Meanwhile it may have been closed, as idle or with its node, and the slot may have moved.
        if self.shards.get(shard.node.address) is not shard or self._has_moved(slot, shard.node.address):
            shard.leave({channel.name for channel in channels})
            return False
        here = [each for each in channels if each.name in shard.asked and self._is_wanted(each, slot)]
        for channel in here:
            channel.shard = shard
            if channel.lost_at is not None:
                self._owe(channel.lost_at)
                channel.lost_at = None
        for other in list(self.shards.values()):
            if other is not shard:
                other.leave({channel.name for channel in here})
        for call in [call for channel in here for call in channel.calls]:
            self._judge(call)
        return bool(here)

    def _is_wanted(self, channel: _Channel, slot: int) -> bool:
        return self._wanted.get(slot, {}).get(channel.name) is channel

    def _has_moved(self, slot: int, address: Address | None) -> bool:
        return self._members.owners[slot] not in (None, address)

    def _refuse(self, channel: _Channel, error: ResponseError) -> None:
        """The user may not have a channel: the calls that want it fail, or the program is told with the gap."""
        calls = list(channel.calls)
        self._forget([channel])
        if channel.lost_at is not None:
            self._owe(channel.lost_at, Refused("ssubscribe", self._convert(channel.name), error))
        for call in calls:
            self._take_back(call)
            if not call.done.called:
                call.done.errback(error)

    # -- gaps

    def withdrawn(self, shard: Shard, name: bytes) -> None:
        """The server has withdrawn a channel."""
        self._members.note("a shard channel was withdrawn")
        channel = self._wanted.get(key_slot(name), {}).get(name)
        if channel is not None and channel.shard is shard:
            self._lose([channel], current_reactor().seconds())

    def lose_all(self, shard: Shard, since: float) -> None:
        """The connection of a node is lost."""
        self._lose(
            [each for of_slot in self._wanted.values() for each in of_slot.values() if each.shard is shard], since
        )

    def shard_ended(self, shard: Shard, since: float, closed: Deferred[Any]) -> None:
        """A node has left, or its connection is not made again."""
        self._ending[shard] = None
        closed.addBoth(self._closed, shard)
        if self.shards.get(shard.node.address) is shard:
            del self.shards[shard.node.address]
        self.lose_all(shard, since)

    def node_left(self, node: ClusterNode[Any]) -> None:
        """Whoever waits for its answers asks the owners of the slots, which are others, or made anew."""
        for each, waiting in list(self._waits.values()):
            if each is node:
                waiting.cancel()

    def _closed(self, result: object, shard: Shard) -> object:
        self._ending.pop(shard, None)
        return result

    def topology_changed(self) -> None:
        """Slots may have other owners."""
        for slot, of_slot in list(self._wanted.items()):
            for channel in list(of_slot.values()):
                if channel.shard is not None and self._has_moved(slot, channel.shard.node.address):
                    self._lose([channel], channel.shard.missed_since)
        for slot, (node, waiting) in list(self._waits.items()):
            if self._has_moved(slot, None if node is None else node.address):
                waiting.cancel()

    def _lose(self, channels: list[_Channel], since: float) -> None:
        for channel in channels:
            channel.shard = None
            if channel.is_kept:
                channel.lost_at = since
        for channel in channels:
            self._begin(key_slot(channel.name))

    def _owe(self, since: float, *refused: Refused) -> None:
        """Have the program told of a gap in the next turn, all gaps of one turn as one."""
        begun, others = self._gap or (since, [])
        self._gap = min(begun, since), [*others, *refused]
        if self._timer is None and not self._is_closed:
            self._timer = current_reactor().callLater(0, self._tell)

    def _tell(self) -> None:
        self._timer = None
        (begun, refused), self._gap = self._gap or (0.0, []), None
        self._report(current_reactor().seconds() - begun, refused)

    # -- the end

    def end(self) -> list[Deferred[Any]]:
        """Close all connections; the calls that wait fail.

        :returns: each fires when one is closed.
        """
        self._is_closed = True
        timer, self._timer = self._timer, None
        cancel_timer(timer)
        calls = {call for of_slot in self._wanted.values() for each in of_slot.values() for call in each.calls}
        self._wanted.clear()
        for _, waiting in list(self._waits.values()):
            waiting.cancel()
        closing = [shard.pool_ends() for shard in self.sources()]
        for call in calls:
            if not call.done.called:
                call.done.errback(NotSentError("the subscriber has ended"))
        return closing


def _connected(pool: SubscriberPool) -> Deferred[MessageProtocol]:
    getting: Deferred[Any] = pool.getConnection(True)
    return within(getting, CONNECTION_SECONDS, lambda connection, _: connection, pool.why_not_connected)


def _log_failure(failure: Failure) -> None:
    _log.failure("shard channels could not be moved", failure)
