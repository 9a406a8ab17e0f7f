"""Whether and when a lost connection is made again: the switch of a pool, and its back-off.

The delay starts anew only after a connection proved usable, else a server that accepts connections and drops them
would get attempts at full pace. The delay is random, else a thousand clients that lose one server in the same instant
would all reconnect in the same instant.

This module must not know what the connections are for.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .._checks import number_or
from .._reactor import current_reactor
from .._tunables import FALLBACK_RETRY_SECONDS
from ..connection import RedisProtocol

if TYPE_CHECKING:
    from .pool import Pool

__all__ = ["Backoff", "Reconnect"]

_log = Logger()


class Backoff:
    """The delays between attempts to connect. Programs set its attributes, and override :meth:`retryDelay`."""

    #: Seconds before the first new attempt.
    initialDelay = 1.0
    #: Longest delay in seconds.
    maxDelay = 10
    #: The delay grows by this factor with each attempt that fails.
    factor = 2.718281828459045
    #: Standard deviation of the delay, as a fraction of it; 0: nothing is random.
    jitter = 0.119626565582
    #: The part of the delay that may be left out at random, from 0 to 1; 0: nothing.
    spread = 1.0
    #: The ``IReactorTime`` to measure with; None: the reactor.
    clock: IReactorTime | None = None

    @property
    def handshake_refused(self) -> bool:
        """Whether the server refused the last handshake, so that the next attempt has to wait for the longest delay."""
        raise NotImplementedError

    def retryDelay(self, attempt: int) -> float:
        """Seconds to wait before an attempt to connect.

        :param attempt: how many have failed since a connection last proved usable, from 1.
        """
        longest, jitter, spread = map(self._pace, ("maxDelay", "jitter", "spread"))
        delay = self.longest_delay(attempt)
        if self.handshake_refused:
            delay = longest
        elif jitter:
            delay *= 1 - spread * random.random()
        if jitter:
            delay = random.normalvariate(delay, delay * jitter)
        return max(0.0, delay) if math.isfinite(delay) else longest

    def delay_before(self, attempt: int, dropped: int) -> float:
        """Seconds to wait before an attempt to connect; as :meth:`retryDelay`, with one more argument.

        :param dropped: how many connections were made, and lost without having proved usable, since one had.
        """
        return self.retryDelay(attempt)

    def next_delay(self, attempt: int, dropped: int) -> float:
        """As :meth:`delay_before`, whatever a program's override raises: the next attempt must come."""
        try:
            return self.delay_before(attempt, dropped)
        except BaseException:
            _log.failure("The delay of the next attempt to connect cannot be told")
            return FALLBACK_RETRY_SECONDS

    def was_dropped(self, protocol: RedisProtocol) -> bool:
        """Whether a connection that has not proved usable counts as one that the server dropped."""
        return True

    def longest_delay(self, attempt: int) -> float:
        """The delay in seconds before anything is left out at random."""
        longest = self._pace("maxDelay")
        try:
            return min(self._pace("initialDelay") * self._pace("factor") ** min(attempt - 1, 100), longest)
        except OverflowError:
            return longest

    def _pace(self, name: str) -> float:
        """An attribute that programs set; its default where that is no number."""
        return float(number_or(getattr(self, name), getattr(Backoff, name)))

    def hasProved(self, protocol: RedisProtocol, since: float) -> bool:
        """Whether a connection has proved usable: the server answered on it, or kept it open for ``maxDelay`` seconds.

        :param since: when it was made, in the reactor's seconds.
        """
        return bool(protocol.link.proved) or self.reactor_seconds() - since >= self._pace("maxDelay")

    def reactor_seconds(self) -> float:
        """The time, in the reactor's seconds."""
        seconds: float = (self.clock or current_reactor()).seconds()
        return seconds


class Reconnect:
    """The attribute of a pool that says whether lost connections are made again; programs set it at any time.

    The pool is told when it is set (:meth:`.Pool.reconnect_changed`). The value is stored in the pool's ``__dict__``.

    :param default: the value on the class, and of a pool that has not set it.
    """

    def __init__(self, default: object) -> None:
        self._default = default
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, pool: Pool | None, owner: type[Pool] | None = None) -> object:
        return self._default if pool is None else vars(pool).get(self._name, self._default)

    def __set__(self, pool: Pool, value: object) -> None:
        vars(pool)[self._name] = value
        pool.reconnect_changed()
