"""When a lost connection is made again: the back-off of a factory, and its face towards Twisted's connectors.

The back-off begins anew only where a connection proved usable, and is spread at random: neither a server that accepts
connections and drops them, nor one that a thousand clients have lost in the same instant, is to be run over.

This module must not know what the connections are for.
"""

from __future__ import annotations

import math
import random
import weakref
from typing import Any

from twisted.internet.protocol import ReconnectingClientFactory
from twisted.python.failure import Failure

from .._checks import number_or
from .._reactor import current_reactor
from .._roles import Rounds

__all__ = ["Reconnecting"]


class _Reconnect:
    """``reconnect``: another name for ``continueTrying``, which programs set, replace or make a descriptor."""

    def __get__(self, factory: Any, owner: Any = None) -> bool:
        return bool((owner if factory is None else factory).continueTrying)

    def __set__(self, factory: Any, value: object) -> None:
        factory.continueTrying = value


class Reconnecting(ReconnectingClientFactory):
    """A factory that has connections made again."""

    #: Seconds before the first new attempt.
    initialDelay = 1.0
    #: Longest delay in seconds.
    maxDelay = 10
    #: The delay grows by this factor with each attempt that fails.
    factor = 2.718281828459045
    #: Randomness of the delay, as a fraction of it; 0: none at all.
    jitter = 0.119626565582
    #: How much of the delay may be left out, at random: all clients of a server lose it in the same instant, and are
    #: not to come back in one. 0: nothing.
    spread = 1.0
    noisy = False
    #: Whether a lost connection is made again.
    reconnect = _Reconnect()
    disconnectCalled = False
    observer: Any
    _last_reason = ""
    _refused = False

    def __init__(self) -> None:
        """Nothing is tried yet."""
        self.builtProtocols: weakref.WeakSet[Any] = weakref.WeakSet()
        #: By connector: how many attempts have failed since its connection last proved usable.
        self.knownConnectors: dict[Any, int] = {}
        #: By connector: how many connections were lost without having proved usable since then.
        self._dropped: dict[Any, int] = {}
        self._connecting_since: dict[Any, float] = {}
        self._retries: set[Any] = set()
        self.rounds = Rounds(self._longest_delay, self._seconds, lambda: self.maxDelay)

    def noteReason(self, reason: str) -> None:
        """Remember why the last attempt failed or the last connection was lost."""
        raise NotImplementedError

    def connectionError(self, why: str) -> None:
        """The first connection failed for good."""
        raise NotImplementedError

    def failWaitingInVain(self) -> None:
        """Fail who waits for a connection, if none may come any more."""
        raise NotImplementedError

    @property
    def keeps_trying(self) -> bool:
        """Whether lost connections are made again; read afresh each time."""
        return not self.disconnectCalled and bool(self.continueTrying) and bool(self.reconnect)

    def retryDelay(self, attempt: int) -> float:
        """Seconds to wait before an attempt to connect.

        :param attempt: how many have failed since a connection last proved usable, from 1.
        """
        longest, jitter, spread = map(self._pace, ("maxDelay", "jitter", "spread"))
        delay = self._longest_delay(attempt)
        if self._refused:
            delay = longest
        elif jitter:
            delay *= 1 - spread * random.random()
        if jitter:
            delay = random.normalvariate(delay, delay * jitter)
        return max(0.0, delay) if math.isfinite(delay) else longest

    def delay_before(self, attempt: int, dropped: int) -> float:
        """Seconds to wait before an attempt to connect, for who knows more than :meth:`retryDelay` is told.

        :param dropped: how many connections were made, and lost without having proved usable, since one had.
        """
        return self.retryDelay(attempt)

    def was_dropped(self, protocol: Any) -> bool:
        """Whether a connection that has not proved usable counts as one that the server dropped."""
        return True

    def _longest_delay(self, attempt: int) -> float:
        """The back-off before chance has its say."""
        longest = self._pace("maxDelay")
        try:
            return min(self._pace("initialDelay") * self._pace("factor") ** min(attempt - 1, 100), longest)
        except OverflowError:
            return longest

    def _pace(self, name: str) -> float:
        """An attribute that programs set; what is no number is as if it had not been set."""
        return float(number_or(getattr(self, name), getattr(Reconnecting, name)))

    def hasProved(self, protocol: Any, since: float) -> bool:
        """Whether a connection has proved usable: the server answered on it, or kept it for long.

        One that accepts connections and drops them is to be left in peace as one that refuses them.

        :param since: when it was made.
        """
        return bool(protocol.link.proved) or self._seconds() - since >= self._pace("maxDelay")

    def _seconds(self) -> float:
        seconds: float = (self.clock or current_reactor()).seconds()
        return seconds

    def startedConnecting(self, connector: Any) -> None:
        """A connector begins an attempt."""
        self.knownConnectors.setdefault(connector, 0)
        self._connecting_since[connector] = self._seconds()

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        """An attempt failed; try again after a delay, where wanted."""
        self.noteReason(reason.getErrorMessage())
        if not self.keeps_trying:
            self.connectionError(f"Redis error: could not connect: {self._last_reason}")
        super().clientConnectionFailed(connector, reason)  # type: ignore[no-untyped-call]
        self.failWaitingInVain()

    def clientConnectionLost(self, connector: Any, unused_reason: Failure) -> None:
        """A connection was lost; make it again after a delay, where wanted."""
        self.noteReason(unused_reason.getErrorMessage())
        for protocol in self._protocols_of(connector):
            if protocol.link.end_reason is not None:
                self.noteReason(str(protocol.link.end_reason))
            protocol.link.lost(unused_reason)  # for a connectionLost that does not chain
            if protocol.link.lost_because:
                self.noteReason(protocol.link.lost_because)
        super().clientConnectionLost(connector, unused_reason)  # type: ignore[no-untyped-call]
        self.failWaitingInVain()

    def retry(self, connector: Any = None) -> None:
        """Have a connector connect again, after its delay."""
        connector = self.connector if connector is None else connector
        if connector is None:
            raise ValueError("no connector to retry")
        if not self.keeps_trying:
            return
        for protocol in self._protocols_of(connector):
            self.builtProtocols.discard(protocol)
            if self.hasProved(protocol, self._connecting_since.get(connector, float("inf"))):
                self.knownConnectors[connector] = self._dropped[connector] = 0
            elif self.was_dropped(protocol):
                self._dropped[connector] = self._dropped.get(connector, 0) + 1
        attempt = self.knownConnectors.get(connector, 0) + 1
        if self.maxRetries is not None and attempt > self.maxRetries:
            return
        self.knownConnectors[connector] = self.retries = attempt
        clock = self.clock or current_reactor()

        def connect() -> None:
            self._retries.discard(call)
            self._connect_again(connector)

        delay = self.delay_before(attempt, self._dropped.get(connector, 0))
        self.observer.retry(delay, attempt)
        call = clock.callLater(delay, connect)
        self._retries.add(call)

    def _protocols_of(self, connector: Any) -> list[Any]:
        """The protocol that a connector made last. Its transport has forgotten that when the connection is lost."""
        transport = getattr(connector, "transport", None)
        return [built for built in self.builtProtocols if transport is not None and built.transport is transport]

    def _connect_again(self, connector: Any) -> None:
        connector.connect()

    def resetDelay(self) -> None:
        """The next attempts begin with the shortest delay."""
        self.retries = 0
        self.delay = self.initialDelay
        self._refused = False
        self._dropped.clear()
        for connector in self.knownConnectors:
            self.knownConnectors[connector] = 0

    def cancelRetries(self) -> None:
        """Make none of the attempts that wait for their delay."""
        retries, self._retries = self._retries, set()
        for call in retries:
            if call.active():
                call.cancel()
