"""Twisted's connectors below a factory, as ``reactor.connectTCP`` and the like make them: when each tries again.

This module must not know what the connections are for.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from .._reactor import current_reactor
from ..transport import cancel_timer, endpoint_of_connector

__all__ = ["Connectors"]


class Connectors:
    """The connectors of one factory.

    :ivar built: the protocols that the factory has built.
    """

    def __init__(self, factory: Any) -> None:
        self._factory = factory
        self.built: weakref.WeakSet[Any] = weakref.WeakSet()
        #: By connector: how many attempts have failed since its connection last proved usable.
        self._failures: dict[Any, int] = {}
        #: By connector: how many connections were lost without having proved usable since then.
        self._dropped: dict[Any, int] = {}
        #: By connector: when its last attempt began.
        self._started_at: dict[Any, float] = {}
        self._retries: set[Any] = set()

    @property
    def in_progress(self) -> bool:
        """Whether one is connecting or connected."""
        return any(getattr(connector, "state", "disconnected") != "disconnected" for connector in self._failures)

    def endpoint(self) -> Any:
        """Return an endpoint that leads where the first connector does; None if that is not known."""
        return next(filter(None, map(endpoint_of_connector, self._failures)), None)

    def started(self, connector: Any) -> None:
        """A connector begins an attempt."""
        self._failures.setdefault(connector, 0)
        self._started_at[connector] = self._factory.reactor_seconds()

    def protocols_of(self, connector: Any) -> list[Any]:
        """The protocol that a connector made last. Its transport has forgotten that when the connection is lost."""
        transport = getattr(connector, "transport", None)
        return [built for built in self.built if transport is not None and built.transport is transport]

    def count_failure(self, connector: Any) -> int:
        """Count an attempt that failed, or a connection that was lost; returns the number of the next attempt."""
        factory = self._factory
        for protocol in self.protocols_of(connector):
            self.built.discard(protocol)
            if factory.hasProved(protocol, self._started_at.get(connector, float("inf"))):
                self._failures[connector] = self._dropped[connector] = 0
            elif factory.was_dropped(protocol):
                self._dropped[connector] = self._dropped.get(connector, 0) + 1
        return self._failures.get(connector, 0) + 1

    def retry(self, connector: Any, attempt: int, connect: Callable[[Any], object]) -> None:
        """Have a connector connect again, after its delay.

        :param connect: called with it then.
        """
        self._failures[connector] = attempt
        factory = self._factory

        def try_again() -> None:
            self._retries.discard(call)
            connect(connector)

        delay = factory.delay_before(attempt, self._dropped.get(connector, 0))
        factory.observer.retry(delay, attempt)
        call = (factory.clock or current_reactor()).callLater(delay, try_again)
        self._retries.add(call)

    def reset(self) -> None:
        """The next attempts begin with the shortest delay."""
        self._dropped.clear()
        for connector in self._failures:
            self._failures[connector] = 0

    def cancel_retries(self) -> None:
        """Make none of the attempts that wait for their delay."""
        retries, self._retries = self._retries, set()
        for call in retries:
            cancel_timer(call)

    def stop_connecting(self) -> None:
        """End the attempts in progress."""
        for connector in list(self._failures):
            if getattr(connector, "state", "") == "connecting":
                connector.stopConnecting()
