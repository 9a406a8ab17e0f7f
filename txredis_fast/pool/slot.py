"""One place in a pool: a Twisted ``ClientService`` that keeps one connection to an endpoint.

A slot adds three things to the service: it stops for good, it restarts the back-off only after a connection proved
usable, and it notices a lost connection whose protocol does not chain ``connectionLost``.

This module must not know commands or replies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from twisted.application.internet import ClientService
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .._reactor import current_reactor
from .._tunables import FALLBACK_RETRY_SECONDS
from ..connection import RedisProtocol
from ..transport import connect_for, reason_of

if TYPE_CHECKING:
    from .pool import Pool

__all__ = ["PoolProtocols", "PoolSlot"]

_log = Logger()


class PoolSlot:
    """Keeps one connection of a factory to an endpoint.

    :ivar endpoint: the endpoint.
    """

    def __init__(self, factory: Pool, endpoint: IStreamClientEndpoint) -> None:
        self._factory = factory
        self.endpoint = endpoint
        self._protocol: RedisProtocol | None = None
        #: Reactor time when it was made.
        self._made_at = 0.0
        #: Failed attempts, and lost connections that had not proved usable, since a connection last proved usable.
        self._failures = 0
        #: The lost connections among them.
        self._dropped = 0
        #: Fires when the slot has stopped; None before :meth:`stop`.
        self._stopping: Deferred[Any] | None = None
        self._service = _QuietService(
            _NotedAttempts(endpoint, factory),
            PoolProtocols(factory, self),
            retryPolicy=self._retry_delay,
            clock=current_reactor(),
        )

    @property
    def alive(self) -> bool:
        """Whether the slot has a connection, or may still get one."""
        if self._stopping is not None:
            return False
        return self._protocol is None or bool(self._protocol.connected) or bool(self._factory.keeps_trying)

    def start(self) -> None:
        """Begin to connect."""
        if not self._factory.keeps_trying:
            # Before the start, because an endpoint may fail at once.
            self._service.whenConnected(failAfterFailures=1).addErrback(self._first_attempt_failed)
        self._service.startService()

    def stop_trying(self) -> Deferred[Any]:
        """Make no further connection; one that is up stays.

        :returns: fires at once if a connection is up, else when the slot has stopped.
        """
        if self._protocol is not None:
            return succeed(None)
        # One turn later: called from connectionMade, it would stop an attempt that the endpoint is completing.
        return deferLater(current_reactor(), 0, self._stop_if_idle)

    def _stop_if_idle(self) -> Deferred[Any] | None:
        return None if self._protocol is not None or self._factory.keeps_trying else self.stop()

    def stop(self) -> Deferred[Any]:
        """Stop now and close the connection; fires when it is closed."""
        if self._stopping is None:
            # Set before the service stops, because that may lose the connection at once, which calls this again.
            self._stopping = Deferred()
            self._service.stopService().chainDeferred(self._stopping)
        return self._stopping

    def holds(self, connections: list[Any]) -> bool:
        """Whether the slot's connection is one of these."""
        return self._protocol is not None and self._protocol in connections

    def lost(self, protocol: RedisProtocol) -> None:
        """The connection was lost; if it had proved usable, the back-off restarts."""
        if self._protocol is protocol:
            self._protocol = None
            if self._factory.hasProved(protocol, self._made_at):
                self._failures = self._dropped = 0
            elif self._factory.was_dropped(protocol):
                self._dropped += 1
            if not self._factory.keeps_trying and self._stopping is None:
                self.stop()
                self._factory.failWaitingInVain()
                # The first connections were never all usable. (Without a handshake, because a program's connectionMade
                # does not chain, nobody waits for them.)
                if self._factory.deferred is not None and protocol.link.handshake_begun:
                    current_reactor().callLater(0, self._factory.gaveUp, self)

    def forsaken(self, protocol: RedisProtocol) -> None:
        """The attempt that a protocol was built for has failed: it gets no transport."""
        if self._protocol is protocol:
            self._protocol = None

    def made(self, protocol: RedisProtocol) -> None:
        """A protocol was built; its transport follows."""
        self._protocol = protocol
        self._made_at = current_reactor().seconds()

    def ready(self, protocol: RedisProtocol) -> None:
        """The handshake of the slot's connection is done."""
        try:
            self._factory.addConnection(protocol)
            protocol.link.arrived()
        except BaseException as error:
            protocol.link.tear(error)  # else it would be up and never used
            raise

    def _retry_delay(self, attempt: int) -> float:
        try:
            return self._delay_after_failure()
        except BaseException:  # a ClientService whose retryPolicy raises never tries again
            _log.failure("The delay of the next attempt to connect cannot be told")
            return FALLBACK_RETRY_SECONDS

    def _delay_after_failure(self) -> float:
        protocol = self._protocol
        if protocol is not None and protocol.link.slot is self:
            self.lost(protocol)  # its connectionLost was replaced after we had wrapped it
            protocol.link.lost(Failure(ConnectionDone()))
        self._failures += 1
        delay: float = self._factory.delay_before(self._failures, self._dropped)
        self._factory.observer.retry(delay, self._failures)
        return delay

    def _first_attempt_failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            # One turn later: the service is in a transition and cannot be stopped from here.
            current_reactor().callLater(0, self._factory.firstAttemptFailed, self, failure)


class _QuietService(ClientService):
    """A service that logs nothing itself: it would write a line for each attempt of each connection."""

    _log = Logger(observer=lambda event: None)  # type: ignore[arg-type]


@implementer(IStreamClientEndpoint)
class _NotedAttempts:
    """An endpoint with a time limit for each attempt, which tells the pool why an attempt failed.

    ClientService does not tell.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, factory: Pool) -> None:
        self._endpoint = endpoint
        self._factory = factory

    def __repr__(self) -> str:
        return repr(self._endpoint)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        attempt: Deferred[Any] | None = None
        try:
            attempt = connect_for(self._factory, self._endpoint, protocolFactory)
            return attempt.addErrback(self._failed)
        except BaseException:  # an endpoint that raises would leave the service in a state without a way out
            failed = fail()
            if attempt is not None:
                attempt.addErrback(lambda _: None)
                attempt.cancel()
            return failed

    def _failed(self, failure: Failure) -> Failure:
        if not failure.check(CancelledError):  # this side cancels attempts when it stops
            self._factory.attemptFailed(reason_of(failure))
        return failure


class Keeper(Protocol):
    """The owner of connections of a pool: a slot, or the lane for blocking commands."""

    def made(self, protocol: RedisProtocol, /) -> None:
        """A protocol was built; its transport follows."""

    def ready(self, protocol: RedisProtocol, /) -> None:
        """The handshake of a connection is done."""

    def lost(self, protocol: RedisProtocol, /) -> None:
        """A connection was lost."""

    def forsaken(self, protocol: RedisProtocol, /) -> None:
        """The attempt that a protocol was built for has failed: it gets no transport."""


@implementer(IProtocolFactory)
class PoolProtocols:
    """A protocol factory for an endpoint: builds the pool's protocols, and reports their events to a keeper."""

    def __init__(self, factory: Pool, slot: Keeper) -> None:
        self._factory = factory
        self._slot = slot

    def doStart(self) -> None:
        """As the pool's."""
        self._factory.doStart()  # type: ignore[no-untyped-call]

    def doStop(self) -> None:
        """As the pool's."""
        self._factory.doStop()  # type: ignore[no-untyped-call]

    def buildProtocol(self, address: IAddress) -> RedisProtocol | None:
        """Make the protocol of a new connection; None if the pool's buildProtocol returns None."""
        slot = self._slot
        protocol: RedisProtocol | None = self._factory.buildProtocol(address)
        if protocol is None:
            return None
        protocol.link.slot = slot
        slot.made(protocol)
        connection_lost = protocol.connectionLost

        def notify(reason: Failure) -> None:
            why = protocol.link.why_lost(reason)
            self._factory.noteReason(why)
            try:
                connection_lost(reason)
            finally:
                protocol.link.lost(reason)  # again, for a connectionLost that does not chain
                slot.lost(protocol)
                if not protocol.link.was_pooled:
                    self._factory.noteOutage(why)

        def forsake(reason: Failure) -> None:
            """The attempt that the protocol was built for has been given up."""
            if protocol.transport is None or protocol.link.is_lost:
                slot.forsaken(protocol)
            else:
                notify(reason)

        patched: Any = protocol
        patched.connectionLost = notify
        patched.attemptForsaken = forsake
        return protocol
