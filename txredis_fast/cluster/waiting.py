"""The waits of commands that no node has executed yet: for a connection, for a pause's end, for another topology.

This module must not know what is sent, or what a refusal means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from .._reactor import current_reactor
from .._tunables import MAX_TIMEOUT_SECONDS, MIN_TIMEOUT_SECONDS
from ..connection import RedisProtocol
from ..inflight import within
from .members import Members
from .node import ClusterNode

__all__ = [
    "CONNECTION_SECONDS",
    "FIRST_PAUSE_SECONDS",
    "LONGEST_PAUSE_SECONDS",
    "MOVED_AT_ONCE",
    "Waiting",
    "now",
    "on_connection",
]

#: Seconds that an attempt waits for a connection to one node: then the slot is looked up anew.
CONNECTION_SECONDS: Final = 0.5
#: Seconds of the pause before a command is sent again where that may help only later: the first, and the longest.
FIRST_PAUSE_SECONDS: Final = 0.02
LONGEST_PAUSE_SECONDS: Final = 0.5
#: Number of MOVED replies that a command follows at once. While a slot moves, two nodes may name each other; without
#: pauses, the command would use up its redirections within milliseconds.
MOVED_AT_ONCE: Final = 4

Sent = TypeVar("Sent")


def now() -> float:
    """The reactor's time in seconds."""
    return float(current_reactor().seconds())


class Waiting:
    """The waits of commands that belong together, while nodes refuse them.

    :ivar limit: reactor time at which everything has to be over; None: no limit.
    :ivar since: reactor time of the first refusal, later by the time that servers have worked since; None: no refusal.
    """

    def __init__(self, members: Members, limit: float | None, go_on: Callable[[], object]) -> None:
        """Wait for nothing yet.

        :param go_on: called without arguments when a pause is over.
        """
        self.limit = limit
        self.since: float | None = None
        self._members = members
        self._go_on = go_on
        self._pause = FIRST_PAUSE_SECONDS
        self._timer: IDelayedCall | None = None

    @property
    def left(self) -> float | None:
        """Seconds until :attr:`limit`, not more than 0 if it is over; None: no limit."""
        return None if self.limit is None else self.limit - now()

    def refused(self) -> None:
        """A node has refused something, or had no connection."""
        if self.since is None:
            self.since = now()

    def worked(self, seconds: float) -> None:
        """A server has refused a command after blocking it for so long: that time was no wait for a connection."""
        if self.since is not None:
            self.since += seconds

    def patience(self, node: ClusterNode[Any]) -> float:
        """Seconds for a connection to a node: not long where it has none, because another one may take its place."""
        left = self._left_to_wait()
        seconds = MAX_TIMEOUT_SECONDS if left is None else max(left, MIN_TIMEOUT_SECONDS)
        return seconds if node.pool.size else min(seconds, CONNECTION_SECONDS)

    def pause(self, error: Exception) -> bool:
        """Go on after a pause, or as soon as there is another topology or the cluster is closed.

        :param error: the refusal.
        :returns: whether there was time left for it; if not, nothing goes on.
        """
        left = self._left_to_wait()
        if left is not None and left <= 0:
            return False
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        self._members.refused(error)
        self._timer = current_reactor().callLater(pause if left is None else min(pause, left), self._over)
        self._members.wake_me(self._over)
        return True

    def stop(self) -> None:
        """End the pause, if there is one, and do not go on."""
        timer, self._timer = self._timer, None
        if timer is not None:
            self._members.forget_me(self._over)
            if timer.active():
                timer.cancel()

    def _over(self) -> None:
        if self._timer is not None:
            self.stop()
            self._go_on()

    def _left_to_wait(self) -> float | None:
        """Seconds that may pass without a server's work: ``poolTimeout`` from the first refusal on, and the limit."""
        timeout, at = self._members.pool_timeout, now()
        began = at if self.since is None else self.since
        ends = [end for end in (None if timeout is None else began + timeout, self.limit) if end is not None]
        return min(ends) - at if ends else None


def on_connection(
    node: ClusterNode[Any],
    timeout: float | None,
    patience: float,
    send: Callable[[RedisProtocol, float | None], Deferred[Sent]],
) -> Deferred[Sent]:
    """Send something to a node, as soon as there is a connection.

    :param timeout: seconds from now to the reply, the wait included; None: no limit but those of the connection.
    :param patience: seconds for the connection.
    :param send: called with the connection and the seconds that are left of ``timeout``.
    :returns: fires with the result of ``send``; fails with :exc:`.NotSentError` if there was no connection.
    """
    pool = node.pool
    connection = pool.connectionQueue.pick()
    if connection is not None:
        return send(connection, timeout)

    def use(connection: RedisProtocol, left: float) -> Deferred[Sent]:
        rest = None if timeout is None else max(timeout - (patience - left), MIN_TIMEOUT_SECONDS)
        return send(connection, rest)

    return within(pool.getConnection(True), patience, use, pool.why_not_connected)
