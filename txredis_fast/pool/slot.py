"""One place in a pool: a Twisted ``ClientService`` that keeps one connection to an endpoint.

It adds to the service what a pool needs: to stop for good, a back-off that begins anew only when a connection proved
usable, and to notice a lost connection whose protocol does not chain ``connectionLost``.

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
from ..transport import connect_for

if TYPE_CHECKING:
    from .pool import Pool

__all__ = ["PoolProtocols", "PoolSlot"]

_log = Logger()


class PoolSlot:
    """Keeps one connection of a factory to an endpoint."""

    def __init__(self, factory: Pool, endpoint: IStreamClientEndpoint) -> None:
        self._factory = factory
        self._protocol: RedisProtocol | None = None
        #: When that was made.
        self._made_at = 0.0
        #: Attempts that failed, and connections that were lost without having proved usable, since one had.
        self._failures = 0
        #: How many of these were connections that were lost.
        self._dropped = 0
        #: Fires when it has stopped; None before that is wanted.
        self._stopping: Deferred[Any] | None = None
        self._service = ClientService(
            _NotedAttempts(endpoint, factory),
            PoolProtocols(factory, self),
            retryPolicy=self._retry_delay,
            clock=current_reactor(),
        )

    @property
    def alive(self) -> bool:
        """Whether it has a connection, or may still get one."""
        if self._stopping is not None:
            return False
        return self._protocol is None or bool(self._protocol.connected) or bool(self._factory.keeps_trying)

    def start(self) -> None:
        """Begin to connect."""
        if not self._factory.keeps_trying:
            # Asked for before the start, because an endpoint may fail at once.
            self._service.whenConnected(failAfterFailures=1).addErrback(self._first_attempt_failed)
        self._service.startService()

    def stop_trying(self) -> Deferred[Any]:
        """Stop once the connection that there is, if any, is closed; fires when an idle slot has stopped."""
        if self._protocol is not None:
            return succeed(None)
        # Called from a connectionMade, this would stop an attempt that the endpoint is just completing.
        return deferLater(current_reactor(), 0, self._stop_if_idle)

    def _stop_if_idle(self) -> Deferred[Any] | None:
        return None if self._protocol is not None else self.stop()

    def stop(self) -> Deferred[Any]:
        """Stop now and close the connection; fires when it is closed."""
        if self._stopping is None:
            # Noted first: stopping may lose the connection at once. And once: a service that stops refuses to be.
            self._stopping = Deferred()
            self._service.stopService().chainDeferred(self._stopping)
        return self._stopping

    def holds(self, connections: list[Any]) -> bool:
        """Whether its connection is one of these, and up."""
        return self._protocol is not None and self._protocol in connections

    def lost(self, protocol: RedisProtocol) -> None:
        """The connection was lost; where it had proved usable, the back-off begins anew."""
        if self._protocol is protocol:
            self._protocol = None
            if self._factory.hasProved(protocol, self._made_at):
                self._failures = self._dropped = 0
            elif self._factory.was_dropped(protocol):
                self._dropped += 1
            if not self._factory.keeps_trying and self._stopping is None:
                self.stop()
                self._factory.failWaitingInVain()
                # Lost before it, or another one, became usable. (A program whose connectionMade does not chain never
                # waits for that.)
                if self._factory.deferred is not None and protocol.link.handshake_begun:
                    current_reactor().callLater(0, self._factory.gaveUp, self)

    def forsaken(self, protocol: RedisProtocol) -> None:
        """A protocol that was built will have no transport: the attempt has failed, which is told next."""
        if self._protocol is protocol:
            self._protocol = None

    def made(self, protocol: RedisProtocol) -> None:
        """A protocol was built, whose transport is to come."""
        self._protocol = protocol
        self._made_at = current_reactor().seconds()

    def ready(self, protocol: RedisProtocol) -> None:
        """The handshake of its connection is done."""
        try:
            self._factory.addConnection(protocol)
        except BaseException as error:
            protocol.link.tear(error)  # else it would be up, and nobody would be given it
            raise

    def _retry_delay(self, attempt: int) -> float:
        try:
            return self._delay_after_failure()
        except BaseException:  # a service that cannot be told a delay never tries again
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
            # The service is in the middle of a transition and cannot be stopped from here.
            current_reactor().callLater(0, self._factory.firstAttemptFailed, self, failure)


@implementer(IStreamClientEndpoint)
class _NotedAttempts:
    """An endpoint whose attempts end in time. It tells why one failed, which ClientService keeps to itself."""

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
        except BaseException:  # a service whose endpoint raises is not in a state that it knows
            failed = fail()
            if attempt is not None:
                attempt.addErrback(lambda _: None)
                attempt.cancel()
            return failed

    def _failed(self, failure: Failure) -> Failure:
        if not failure.check(CancelledError):  # by ourselves
            self._factory.noteReason(failure.getErrorMessage())
        return failure


class Keeper(Protocol):
    """What keeps connections of a pool: a slot, or the lane for blocking commands."""

    def made(self, protocol: RedisProtocol, /) -> None:
        """A protocol was built, whose transport is to come."""

    def ready(self, protocol: RedisProtocol, /) -> None:
        """The handshake of a connection is done."""

    def lost(self, protocol: RedisProtocol, /) -> None:
        """A connection was lost."""

    def forsaken(self, protocol: RedisProtocol, /) -> None:
        """A protocol that was built will have no transport."""


@implementer(IProtocolFactory)
class PoolProtocols:
    """The factory as an endpoint sees it: makes protocols that know what keeps them.

    That is told when one is ``made``, ``ready`` and ``lost``, or ``forsaken`` before it had a connection.
    """

    def __init__(self, factory: Pool, slot: Keeper) -> None:
        self._factory = factory
        self._slot = slot

    def doStart(self) -> None:
        """As the factory's."""
        self._factory.doStart()  # type: ignore[no-untyped-call]

    def doStop(self) -> None:
        """As the factory's."""
        self._factory.doStop()  # type: ignore[no-untyped-call]

    def buildProtocol(self, address: IAddress) -> RedisProtocol | None:
        """Make the protocol of a new connection; None where the factory does."""
        slot = self._slot
        protocol: RedisProtocol | None = self._factory.buildProtocol(address)
        if protocol is None:
            return None
        protocol.link.slot = slot
        slot.made(protocol)
        connection_lost = protocol.connectionLost

        def notify(reason: Failure) -> None:
            self._factory.noteReason(protocol.link.why_lost(reason))
            try:
                connection_lost(reason)
            finally:
                protocol.link.lost(reason)  # again, for a connectionLost that does not chain
                slot.lost(protocol)

        def forsake(reason: Failure) -> None:
            """The attempt that it was made for has been given up."""
            if protocol.transport is None or protocol.link.is_lost:
                slot.forsaken(protocol)
            else:
                notify(reason)

        patched: Any = protocol
        patched.connectionLost = notify
        patched.attemptForsaken = forsake
        return protocol
