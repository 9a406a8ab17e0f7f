"""Whether kept replies may be given: as long as the server tells of every change.

The tracked connection is opened, looked after and made again here. While there is none, or it follows a change of the
database or the login, the store has no queue, and holds nothing.

Commands of the pool that may write have an effect (:mod:`.writes`): entries that they may have changed are dropped
before the program is told of their reply. So it never reads a value that it has itself overwritten.

A script may write keys that it does not name. The server tells of these on the tracked connection, before it answers a
PING that is sent there after the script's reply. So the next read of something kept waits for such a PING.

This module must not know how a program reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from .._reactor import current_reactor
from .._tunables import CACHE_CHURN_COUNTED
from ..batching import as_deferred
from ..connection import BaseRedisProtocol, RedisProtocol
from ..exceptions import ConnectionError
from ..options import ClientCache
from ..pool import Pool
from ..transport import cancel_timer
from . import Effect, Effects, Store
from .link import TrackedPool

__all__ = ["Tracking"]


class Tracking:
    """The tracked connection of a cache, and the effects of the program's own commands on kept replies.

    :ivar connection: the tracked connection; None: there is none that is usable.
    :ivar links_lost: how many tracked connections were lost.
    :ivar refused: why the server does not track; empty if it does, or was not asked.
    """

    def __init__(self, pool: Pool, options: ClientCache, store: Store) -> None:
        """Have a store follow the server of a pool; the connection is opened when the pool has one."""
        self._pool = pool
        self._options = options
        self._store = store
        self._link: TrackedPool | None = None
        #: Former ones, which end after the replies to their fetches.
        self._ending: set[TrackedPool] = set()
        self.connection: RedisProtocol | None = None
        self.links_lost = 0
        self.refused = ""
        self._beat: IDelayedCall | None = None
        self._has_told_churn = False
        #: Number of scripts so far that may have written what they do not declare, and the PING behind whose reply all
        #: of that is known.
        self._doubts = 0
        self._asking: _Question | None = None

    @property
    def state(self) -> str:
        """``"up"``; ``"down"``: the tracked connection is being made; ``"off"``: it is refused, or not made again."""
        if self.is_open:
            return "up"
        return "off" if self.refused or not self._pool.keeps_trying else "down"

    @property
    def is_open(self) -> bool:
        """Whether there is a tracked connection that commands can be sent on."""
        queue = self._store.queue
        return queue is not None and queue.accepting

    @property
    def progress(self) -> Callable[[], tuple[int, int]] | None:
        """A function that counts the bytes that the tracked connection has received; see :class:`.TimeLimit`."""
        return None if self._link is None else self._link.progress

    # -- reports of the pool and the handler

    def watch(self, connection: BaseRedisProtocol) -> None:
        """A connection of the pool was made: its commands have effects."""
        connection.link.requests.effects = Effects(self._apply, self._store.touch)

    def start(self) -> None:
        """Open the tracked connection, if that was not done: the pool has one."""
        if self._link is not None or self._pool.disconnectCalled:
            return
        endpoint = self._pool.endpoint_of_lane()
        if endpoint is None:
            return
        self._link = TrackedPool(self._pool, endpoint, self, self._options)
        self._link.deferred.addErrback(lambda _: None)
        self._pool.companions.add(self)
        self._link.startConnecting()

    def reset(self, tell: Callable[[RedisProtocol], Deferred[Any]]) -> None:
        """The pool's database or login has changed: nothing from before is given.

        :param tell: has the tracked connection follow; it is aborted if it does not.
        """
        self._close_store()
        connection = self.connection
        if connection is not None and connection.link.usable:
            as_deferred(tell, connection).addCallback(self._told, connection).addErrback(self._not_told, connection)

    def _told(self, _: object, connection: RedisProtocol) -> None:
        if connection is self.connection:
            self._store.clear()
            self._store.queue = connection.link.requests

    def _not_told(self, failure: Failure, connection: RedisProtocol) -> None:
        connection.link.abort(ConnectionError(f"the tracked connection does not follow: {failure.value}"))

    def drop(self, reason: Exception) -> None:
        """The server is another one: nothing from before is given."""
        self._close_store()
        if self._link is not None:
            self._link.drop(reason)

    def stop(self) -> Deferred[Any]:
        """Close the tracked connection after the replies to its fetches, until :meth:`start` opens another one.

        Nothing from before is given.

        :returns: fires when it is closed.
        """
        link = self._let_go()
        return succeed(None) if link is None else link.disconnect().addBoth(self._has_ended, link)

    def pool_ends(self, seconds: float) -> Deferred[Any]:
        """See :class:`.pool.Companion`. When the pool is opened again, another connection is made."""
        self._let_go()
        ending = [link.disconnect(timeout=seconds).addBoth(self._has_ended, link) for link in list(self._ending)]
        return gatherResults(ending, consumeErrors=True)

    def _let_go(self) -> TrackedPool | None:
        link, self._link, self.connection = self._link, None, None
        if link is not None:
            self._ending.add(link)
        self._close_store()
        self._stop_beat()
        return link

    def _has_ended(self, result: object, link: TrackedPool) -> object:
        self._ending.discard(link)
        if self._link is None and not self._ending:
            self._pool.companions.discard(self)
        return result

    # -- reports of the tracked connection

    def link_up(self, connection: RedisProtocol) -> None:
        """See :class:`.link.Owner`."""
        store, link = self._store, connection.link
        store.clear()
        self.connection = connection
        store.charset = connection.charset
        store.start_deadline = link.start_deadline
        # An override of a program's class, and a hook, have to see each read.
        store.direct = getattr(connection.execute_command, "__func__", None) is BaseRedisProtocol.execute_command
        store.most_waiting = 2**62 if self._pool.maxInFlight is None else self._pool.maxInFlight
        store.unsure = False
        self._asking = None
        store.good_until = store.seconds() + 2 * self._options.health_interval
        store.queue = link.requests
        if self.refused:
            self._pool.observer.cache_on()
        self.refused = ""
        self._stop_beat()
        self._beat = self._timers.callLater(self._options.health_interval, self._look_after, connection)

    def link_down(self, connection: RedisProtocol) -> None:
        """See :class:`.link.Owner`."""
        if connection is self.connection:
            self.connection = None
            self.links_lost += 1
            self._close_store()
            self._stop_beat()

    def link_refused(self, reason: str) -> None:
        """See :class:`.link.Owner`."""
        if not self.refused:
            self.refused = reason
            self._pool.observer.cache_off(reason)

    def invalidated(self, connection: RedisProtocol, keys: Sequence[bytes] | None) -> None:
        """See :class:`.link.Owner`."""
        store = self._store
        if store.queue is not connection.link.requests:
            return
        store.invalidate(keys)
        if store.invalidations < CACHE_CHURN_COUNTED or self._has_told_churn:
            return
        if store.unused > store.invalidations / 2:
            self._has_told_churn = True
            self._pool.observer.cache_churn(store.invalidations, store.unused)

    @property
    def _timers(self) -> IReactorTime:
        return self._pool.clock or current_reactor()

    def _close_store(self) -> None:
        self._store.queue = None
        self._store.clear()

    def _stop_beat(self) -> None:
        beat, self._beat = self._beat, None
        cancel_timer(beat)

    def _look_after(self, connection: RedisProtocol) -> None:
        """The tracked connection has to prove that it is alive."""
        self._beat = None
        if connection is not self.connection or self._link is None:
            return
        interval = self._options.health_interval
        self._beat = self._timers.callLater(interval, self._look_after, connection)
        asked_at = self._store.seconds()
        answered = self._link.ping(interval)
        if answered is not None:
            answered.addCallback(self._alive, connection, asked_at).addErrback(self._not_alive, connection, asked_at)

    def _alive(self, _: object, connection: RedisProtocol, asked_at: float) -> None:
        if connection is self.connection:
            self._store.good_until = asked_at + 2 * self._options.health_interval

    def _not_alive(self, failure: Failure, connection: RedisProtocol, asked_at: float) -> None:
        if not failure.check(ConnectionError):  # an error reply is a sign of life, too
            self._alive(None, connection, asked_at)

    # -- effects of the program's own commands

    def _apply(self, effect: Effect) -> None:
        store = self._store
        if effect.everything or (effect.scripts and self._options.mode == "broadcast"):
            # In this mode, the server may tell of a change after it has answered a later command.
            store.clear()
            return
        store.touch(effect.names)
        if effect.scripts and (store.entries or store.fetching):
            self._doubts += 1
            store.unsure = True

    def make_sure(self) -> Deferred[None]:
        """Ask the tracked connection, after all scripts whose Deferreds have fired.

        :returns: fires when it has answered, or is lost.
        """
        asking = self._asking
        if asking is None or asking.doubts != self._doubts:
            asking = self._asking = _Question(self._doubts)
            answered = None if self._link is None else self._link.ping(self._options.health_interval)
            if answered is None:
                self._asking = None
                asking.end()
            else:
                answered.addBoth(self._answered, asking, self.connection)
        return asking.wait()

    def _answered(self, result: object, asking: _Question, connection: RedisProtocol | None) -> None:
        if self._asking is asking:
            self._asking = None
        # A former connection, which ends slowly, tells nothing of the changes that the present one has told.
        if connection is self.connection and asking.doubts == self._doubts and not isinstance(result, Failure):
            self._store.unsure = False
        asking.end()


class _Question:
    """A PING on the tracked connection, and the reads that wait for its reply.

    :ivar doubts: the number of scripts before it.
    """

    def __init__(self, doubts: int) -> None:
        self.doubts = doubts
        self._waiting: list[Deferred[None]] = []
        self._is_over = False

    def wait(self) -> Deferred[None]:
        """Fires when it is answered, or the connection is lost."""
        if self._is_over:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def end(self) -> None:
        """Call back the callers that wait."""
        self._is_over = True
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:
                each.callback(None)
