"""When Twisted's connectors, which ``reactor.connectTCP`` and the like make for a factory, connect again.

This module must not know what the connections are for.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IConnector, IDelayedCall, IStreamClientEndpoint

from .._checks import as_text
from .._reactor import current_reactor
from ..connection import RedisProtocol
from ..transport import cancel_timer, endpoint_of_connector, name_of_place

if TYPE_CHECKING:
    from .factory import RedisFactory

__all__ = ["Connectors"]


class Connectors:
    """The connectors of one factory.

    :ivar built: the protocols that the factory has built and no connector has lost.
    """

    def __init__(self, factory: RedisFactory) -> None:
        self._factory = factory
        self.built: weakref.WeakSet[RedisProtocol] = weakref.WeakSet()
        #: By connector: number of failed attempts since its connection last proved usable.
        self._failures: dict[IConnector, int] = {}
        #: By connector: number of connections since then that were lost without having proved usable.
        self._dropped: dict[IConnector, int] = {}
        #: By connector: reactor time at which its last attempt began.
        self._started_at: dict[IConnector, float] = {}
        #: By connector: the attempt that waits for its delay.
        self._retries: dict[IConnector, IDelayedCall] = {}

    @property
    def in_progress(self) -> bool:
        """Whether a connector is connecting or connected."""
        return any(getattr(connector, "state", "disconnected") != "disconnected" for connector in self._failures)

    @property
    def given_up(self) -> list[IConnector]:
        """The connectors that are disconnected and will not connect again by themselves."""
        return [
            connector
            for connector in self._failures
            if getattr(connector, "state", "") == "disconnected" and connector not in self._retries
        ]

    def endpoint(self) -> IStreamClientEndpoint | None:
        """Return an endpoint with the address of the first connector that tells its own; None if none does."""
        return next(filter(None, map(endpoint_of_connector, self._failures)), None)

    def place(self) -> str:
        """Where the first connector that tells it leads, for texts; empty if none does."""
        return next(filter(None, map(self.place_of, self._failures)), "")

    @staticmethod
    def place_of(connector: IConnector) -> str:
        """Where a connector leads, for texts; empty if it does not tell."""
        try:
            destination = connector.getDestination()
        except Exception:  # a connector of the program's own, or of a test
            return ""
        if isinstance(destination, UNIXAddress):
            return as_text(destination.name or "")
        if isinstance(destination, IPv4Address | IPv6Address):
            return name_of_place(destination.host, destination.port)
        return ""

    def started(self, connector: IConnector) -> None:
        """A connector begins an attempt."""
        self._failures.setdefault(connector, 0)
        self._started_at[connector] = self._factory.reactor_seconds()

    def protocols_of(self, connector: IConnector) -> list[RedisProtocol]:
        """Return the protocols on a connector's transport, which itself forgets its protocol when it is lost."""
        transport = getattr(connector, "transport", None)
        return [built for built in self.built if transport is not None and built.transport is transport]

    def count_failure(self, connector: IConnector) -> int:
        """Count an attempt that failed, or a connection that was lost; returns the number of the next attempt."""
        factory = self._factory
        for protocol in self.protocols_of(connector):
            self.built.discard(protocol)
            if factory.hasProved(protocol, self._started_at.get(connector, float("inf"))):
                self._failures[connector] = self._dropped[connector] = 0
            elif factory.was_dropped(protocol):
                self._dropped[connector] = self._dropped.get(connector, 0) + 1
        return self._failures.get(connector, 0) + 1

    def retry(self, connector: IConnector, attempt: int, connect: Callable[[IConnector], object]) -> None:
        """Have a connector connect again after its delay.

        :param attempt: the number of the attempt, from 1.
        :param connect: called with the connector after the delay.
        """
        self._failures[connector] = attempt
        factory = self._factory

        def try_again() -> None:
            self._retries.pop(connector, None)
            connect(connector)

        delay = factory.next_delay(attempt, self._dropped.get(connector, 0))
        factory.observer.retry(delay, attempt)
        self._retries[connector] = (factory.clock or current_reactor()).callLater(delay, try_again)

    def reset(self) -> None:
        """Let the next attempts have the shortest delay."""
        self._dropped.clear()
        for connector in self._failures:
            self._failures[connector] = 0

    def cancel_retries(self) -> None:
        """Cancel the attempts that wait for their delay."""
        retries, self._retries = self._retries, {}
        for call in retries.values():
            cancel_timer(call)

    def stop_connecting(self) -> None:
        """Cancel the attempts in progress."""
        for connector in list(self._failures):
            if getattr(connector, "state", "") == "connecting":
                connector.stopConnecting()
