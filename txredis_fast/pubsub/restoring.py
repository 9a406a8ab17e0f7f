"""Subscriptions that outlive a connection: the names to subscribe to, and since when messages may have been missed.

The next connection of the same factory takes both over, subscribes again, and reports the gap.

This module must not know how connections are made, nor how messages are handled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._reactor import current_reactor
from .._tunables import CAUGHT_UP_SECONDS
from .._types import Reply, Result, Value
from ..connection import Link
from ..exceptions import ConnectionError, ResponseError
from ..inflight import PostProc
from ..pool import Pool
from .inbox import call_hook
from .subscriptions import Event, Kind

__all__ = ["Refused", "Restorer", "is_restored"]

_log = Logger()


class Subscriber(Protocol):
    """A subscriber's protocol, as this module needs it."""

    @property
    def connected(self) -> int:
        """1 while the connection is up."""

    @property
    def factory(self) -> Any:
        """Its factory."""

    @property
    def link(self) -> Link:
        """The life of its connection."""

    @property
    def callLater(self) -> object:
        """Of its clock."""

    def execute_command(self, *args: object, post_proc: PostProc | None = None) -> Deferred[Result]:
        """Send a command."""

    def tryConvertData(self, data: bytes) -> Value:
        """Convert bytes as in replies."""

    def connectionGap(self, seconds: float, refused: list[Refused]) -> None:
        """Report the gap to the program."""


class Refused(NamedTuple):
    """A name that the server refused after a reconnection.

    It is asked for again after the next reconnection, unless it is a shard channel of a cluster.
    """

    #: ``"subscribe"``, ``"psubscribe"`` or ``"ssubscribe"``.
    command: str
    #: The channel or pattern, converted as in messages.
    name: Value
    #: The server's error reply.
    error: Exception


class _Wanted:
    """The names that a connection is to be subscribed to, which its successor takes over.

    :ivar names: by kind, encoded, in the order in which the program first subscribed to them.
    :ivar owner: the protocol of the connection.
    :ivar is_left: whether they are among those that wait for a successor.
    :ivar lost_at: absolute reactor time in seconds since when messages may have been missed; None: there is no gap.
    :ivar dropped: how many messages were dropped because the program was slow.
    """

    def __init__(self) -> None:
        self.names: dict[Kind, dict[bytes, None]] = {kind: {} for kind in Kind}
        self.owner: Subscriber | None = None
        self.is_left = False
        self.lost_at: float | None = None
        self.dropped = 0


def _waiting_for_successors(factory: object) -> deque[_Wanted] | None:
    """The names of those connections of a factory that went down; None if it is not a factory of this package."""
    # Any pool may have subscribers as its protocol. Connections of other factories may lead to different
    # servers, and need not replace each other.
    if not isinstance(factory, Pool):
        return None
    waiting: deque[_Wanted] = vars(factory).setdefault("_subscriptions", deque())
    return waiting


def _taken_over(waiting: deque[_Wanted]) -> _Wanted:
    """The names of the connection that went down first and has no successor yet; none if there is no such one.

    A factory may have thousands of subscribers, so that a new one must not look at each of them.
    """
    while waiting:
        wanted = waiting[0]
        # A program may set `connected` to 0, and to 1 again. Asked first: what is raised must not leave the names out.
        is_free = wanted.owner is None or not wanted.owner.connected
        waiting.popleft()
        wanted.is_left = False
        if is_free:
            return wanted
    return _Wanted()


def is_restored(reply: Reply) -> Reply:
    """The converter of this module's own SUBSCRIBE commands, by which they are recognized."""
    return reply


class Restorer:
    """The subscriptions of one connection: wanted, asked for and confirmed; and the gap, if there is one.

    :ivar asked: by kind, the names in subscribing commands that were sent on this connection, each with the last of
        these commands.
    :ivar confirmed: by kind, the names that the server has confirmed.
    """

    def __init__(self, protocol: Subscriber) -> None:
        self.asked: dict[Kind, dict[bytes, object]] = {kind: {} for kind in Kind}
        self.confirmed: dict[Kind, set[bytes]] = {kind: set() for kind in Kind}
        self._protocol = protocol
        self._wanted = _Wanted()
        #: Kinds and names that are neither confirmed nor refused yet; None if there is no gap to report.
        self._missing: set[tuple[Kind, bytes]] | None = None
        self._refused: list[Refused] = []
        #: How many bytes were received, and when the last of them.
        self._heard = 0
        self._heard_at: float | None = None
        #: Since when reading is paused, or was paused again and again; and when it was last resumed, None while paused.
        self._behind_since: float | None = None
        self._went_on_at: float | None = None

    @property
    def dropped(self) -> int:
        """How many messages were dropped, on this connection and those it has replaced."""
        return self._wanted.dropped

    @dropped.setter
    def dropped(self, count: int) -> None:
        self._wanted.dropped = count

    def take_over(self) -> None:
        """The connection is made: take over the names of a lost one."""
        waiting = _waiting_for_successors(self._protocol.factory)
        if waiting is not None:
            self._wanted = _taken_over(waiting)
            self._wanted.owner = self._protocol

    def leave(self) -> None:
        """The connection goes down: leave its names to the next one."""
        wanted, waiting = self._wanted, _waiting_for_successors(self._protocol.factory)
        if waiting is not None and wanted.owner is self._protocol and not wanted.is_left:
            waiting.append(wanted)
            wanted.is_left = True

    def heard(self, size: int) -> None:
        """Record when data was last received.

        :param size: bytes received so far on this connection.
        """
        if size != self._heard and self._wanted.owner is self._protocol:
            self._heard = size
            self._heard_at = self._now()

    def held(self) -> None:
        """Reading is paused: data that accumulates meanwhile is lost if the connection is lost."""
        if self._wanted.owner is not self._protocol:
            return
        now = self._now()
        if self._caught_up(now):
            self._behind_since = now
        self._went_on_at = None

    def went_on(self) -> None:
        """Reading is resumed."""
        if self._behind_since is not None:
            self._went_on_at = self._now()

    def _caught_up(self, now: float) -> bool:
        return self._behind_since is None or (
            self._went_on_at is not None and now - self._went_on_at > CAUGHT_UP_SECONDS
        )

    def lost(self, why: Failure, by_us: bool) -> None:
        """The connection is lost: the gap begins."""
        wanted = self._wanted
        self.leave()
        if wanted.owner is not self._protocol or wanted.lost_at is not None or not any(wanted.names.values()):
            return
        now = self._now()
        # A broken link may have been dead for a long time. If the peer closed it, all data before that was received.
        closed = why.check(ConnectionDone) and not by_us
        since = now if closed or self._heard_at is None else self._heard_at
        wanted.lost_at = since if self._behind_since is None or self._caught_up(now) else self._behind_since

    def missed_since(self) -> float:
        """Reactor time from which on messages may be missed; see :attr:`.SubscriberProtocol.missedSince`."""
        if self._wanted.lost_at is not None:
            return self._wanted.lost_at
        now = self._now()
        behind = None if self._caught_up(now) else self._behind_since
        return behind or self._heard_at or now

    def _now(self) -> float:
        clock = getattr(self._protocol.callLater, "__self__", self._protocol)
        if clock is self._protocol or not hasattr(clock, "seconds"):
            clock = current_reactor()
        return float(clock.seconds())

    def note(self, kind: Kind, event: Event, names: tuple[bytes, ...], command: object = None) -> None:
        """A command is being sent: add to, or remove from, the wanted names."""
        wanted = self._wanted.names
        if event is Event.SUBSCRIBE:
            self.asked[kind].update(dict.fromkeys(names, command))
            wanted[kind].update(dict.fromkeys(names))
            return
        for each in (kind,) if event is Event.UNSUBSCRIBE else Kind:
            unwanted = names or tuple(wanted[each])
            for name in names or tuple(self.asked[each]):
                self.asked[each].pop(name, None)
            for name in unwanted:
                wanted[each].pop(name, None)
            self.settled(each, unwanted)

    def begin(self) -> None:
        """The connection is usable: subscribe to those wanted names that the program has not subscribed to itself."""
        wanted = self._wanted
        if wanted.lost_at is not None:
            self._missing = {
                (kind, name) for kind, names in wanted.names.items() for name in names.keys() - self.confirmed[kind]
            }
        for kind, names in wanted.names.items():
            again = [name for name in names if name not in self.asked[kind]]
            if again:
                self._subscribe_again(kind, again)
        self.settled(Kind.CHANNEL, ())

    def settled(self, kind: Kind, names: Iterable[bytes]) -> None:
        """Names are confirmed, refused or not wanted any more; with the last of them the gap ends, and is reported."""
        missing, wanted = self._missing, self._wanted
        if missing is None:
            return
        missing.difference_update([(kind, name) for name in names])
        if not missing and wanted.lost_at is not None:
            seconds = self._now() - wanted.lost_at
            self._missing = wanted.lost_at = None
            factory = self._protocol.factory
            factory.observer.subscription_gap(seconds, sum(map(len, wanted.names.values())) - len(self._refused))
            call_hook(self._protocol.connectionGap, seconds, self._refused)

    def refused(self, kind: Kind, name: bytes, error: Exception) -> None:
        """The server has refused a name, which is not wanted any more."""
        self.asked[kind].pop(name, None)
        self._wanted.names[kind].pop(name, None)
        self._note_refused(kind, name, error)

    def _note_refused(self, kind: Kind, name: bytes, error: Exception) -> None:
        if self._missing is not None:
            self._refused.append(Refused(_word(kind), self._protocol.tryConvertData(name), error))
            self.settled(kind, (name,))

    def _subscribe_again(self, kind: Kind, names: list[bytes]) -> None:
        answered = self._protocol.execute_command(_word(kind).upper(), *names, post_proc=is_restored)
        failed = answered.result if answered.called and isinstance(answered.result, Failure) else None
        answered.addErrback(self._not_restored, kind, names)
        if failed is not None and not failed.check(ResponseError):
            raise failed.value or ConnectionError("not subscribed")  # not left to a callback that may not be called

    def _not_restored(self, failure: Failure, kind: Kind, names: list[bytes]) -> None:
        if not failure.check(ResponseError):
            if not failure.check(ConnectionError):  # else it is lost, or ends
                self._protocol.link.tear(failure.value or ConnectionError("not subscribed"))
            return  # the successor subscribes
        if len(names) == 1:
            _log.warn(
                "Cannot subscribe again to {kind} {name}: {error}",
                kind=kind.name.lower(),
                name=names[0],
                error=failure.getErrorMessage(),
            )
            self._note_refused(kind, names[0], failure.value)  # type: ignore[arg-type]
            return
        # The server refuses a whole command for one of its names, so each is tried alone.
        for name in names:
            if name in self._wanted.names[kind] and name not in self.asked[kind]:
                self._subscribe_again(kind, [name])


def _word(kind: Kind) -> str:
    return kind.value + Event.SUBSCRIBE.value
