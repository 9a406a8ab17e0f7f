"""The events, counters and hooks of one pool.

The pool calls the observer for everything that happens; the observer counts it, and decides what is logged. This module
must not change anything else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._checks import as_text
from .._reactor import current_reactor
from ..exceptions import ReplyTimeoutError
from . import events
from .hooks import CommandHook, SlowCommands, instrument
from .outage import Outage
from .stats import Counters, Stats

if TYPE_CHECKING:
    from .observed import Connection, Pool

__all__ = ["Observer"]


class Observer:
    """Observes the connections of a pool."""

    def __init__(self, factory: Pool, hooks: Sequence[CommandHook], slow: float | None) -> None:
        """Observe a pool.

        :param hooks: called around every command.
        :param slow: seconds from which on a command, or waiting for a connection, is logged as slow; None: never.
        """
        self._factory = factory
        self._hooks = [*hooks, *([] if slow is None else [SlowCommands(slow)])]
        self._slow = slow
        #: The connections whose counts are not added to the counters yet.
        self._counted: dict[Connection, None] = {}
        self._counters = Counters()
        #: How many usable connections this pool has; those counted may be of others, too.
        self._usable_now = 0
        self._outage = Outage()
        #: The reason for which the server last refused a handshake, since a connection was last usable.
        self._refusal = ""
        #: Whether an overdue reply was logged since then: a server that hangs makes one on each connection.
        self._has_told_timeout = False
        #: The versions of the protocol whose refusal was logged.
        self._refused_versions: set[int] = set()

    @property
    def server(self) -> str:
        """The server's name in texts: ``host:port``, a path, or the name of a service; empty if it is not known."""
        name = self._factory.uuid or getattr(self._factory, "service_name", None)
        return self._factory.place_of_server() if name is None else _in_brackets(as_text(name))

    def beside(self, factory: Pool) -> Observer:
        """Return an observer of a further pool of the same server, with this one's hooks and counters."""
        other = Observer(factory, self._hooks, None)
        other._slow = self._slow
        other._counters, other._counted = self._counters, self._counted
        other._outage = Outage(self._outage)
        other._refused_versions = self._refused_versions
        return other

    def built(self, protocol: Connection) -> None:
        """A protocol was made; it has no transport yet."""
        if self._hooks:
            instrument(protocol, self._hooks, self._address)
        protocol.whenConnected().addCallback(self._usable)
        protocol.whenDisconnected().addCallback(self._lost)

    def _usable(self, protocol: Connection) -> None:
        self._counted[protocol] = None
        self._counters.connections_made += 1
        self._usable_now += 1
        self._refusal = ""
        self._has_told_timeout = False
        events.connected(self.server, self._usable_now, self._factory.poolsize)

    def _lost(self, protocol: Connection) -> None:
        unanswered, was_usable = self._counters.keep(protocol, self._counted)
        self._counters.connections_lost += was_usable
        self._usable_now -= was_usable
        if isinstance(protocol.link.end_reason, ReplyTimeoutError):
            self._counters.timeouts += 1
            events.timeout(self.server, str(protocol.link.end_reason), unanswered, self._has_told_timeout)
            self._has_told_timeout = True
        elif was_usable:
            events.lost(self.server, protocol.link.lost_because, unanswered)

    def attempt_failed(self, reason: str) -> None:
        """An attempt to connect failed."""
        events.attempt_failed(self.server, _without(self.server, reason))

    def refused(self, reason: str, others: bool) -> None:
        """The server refused a handshake.

        :param others: whether other connections are usable: no outage is logged, so the refusal is, once.
        """
        if others and reason != self._refusal:
            self._refusal = reason
            events.refused(self.server, reason)
        else:
            events.attempt_failed(self.server, reason)

    def protocol_refused(self, version: int, reason: str) -> None:
        """The server has refused HELLO on a connection, which then uses RESP2. Logged once for all connections."""
        if version not in self._refused_versions:
            self._refused_versions.add(version)
            events.protocol_refused(self.server, version, reason)

    def outage(self, reason: str, tries_again: bool, awaited: bool) -> None:
        """No connection is usable. Logged once for each outage, and once for all pools that one server leaves.

        :param tries_again: whether the pool goes on trying to connect.
        :param awaited: whether a program waits for its first connection, and may have no log yet.
        """
        reason = _without(self.server, reason)
        if self._outage.begin(self.server, reason, awaited):
            events.outage(self.server, reason, tries_again, awaited)

    def outage_over(self) -> None:
        """A connection is usable."""
        self._over(self._outage.end())

    def closed(self) -> None:
        """The program has closed the pool: its outage has an end only if another pool that shared it is back."""
        self._over(self._outage.forget())

    def _over(self, seconds: float | None) -> None:
        if seconds is not None:
            events.outage_over(self.server, seconds)

    def retry(self, delay: float, attempt: int) -> None:
        """Another attempt to connect is scheduled."""
        self._counters.retries += 1
        events.retry(self.server, delay, attempt)

    def pool_wait_over(self, waited: int, reason: str) -> None:
        """Commands have failed because no connection was free in time."""
        self._counters.wait_timeouts += waited
        events.pool_wait_over(self.server, waited, reason, self._outage.is_on)

    def waited(self, since: float) -> None:
        """A command that was waiting has a connection now.

        :param since: absolute reactor time in seconds when it began to wait.
        """
        if self._slow is not None:
            seconds = current_reactor().seconds() - since
            if seconds >= self._slow:
                events.slow_pool_wait(self.server, seconds)

    def cache_off(self, reason: str) -> None:
        """The server does not tell of changes, so nothing is cached."""
        events.cache_off(self.server, _without(self.server, reason))

    def cache_on(self) -> None:
        """The server tells of changes, which it had refused before."""
        events.cache_on(self.server)

    def cache_churn(self, invalidations: int, unused: int) -> None:
        """Most kept replies are dropped before they are read again."""
        events.cache_churn(self.server, invalidations, unused)

    def subscription_gap(self, seconds: float, names: int) -> None:
        """Subscriptions are restored.

        :param seconds: for how long they were interrupted.
        :param names: how many channels and patterns are restored.
        """
        self._counters.subscription_gaps += 1
        events.subscription_gap(self.server, seconds, names)

    def stats(self) -> Stats:
        """Return a snapshot."""
        factory, queue = self._factory, self._factory.connectionQueue
        lane = factory.lane  # not blockingLane, which creates it
        return self._counters.snapshot(
            self._counted,
            waiting=queue.waiting + (0 if lane is None else lane.waiting),
            blocking_connections=0 if lane is None else len(lane.connections),
            connections=factory.size,
            poolsize=factory.poolsize,
            free=len(queue.pending),
            cache=None if factory.cache is None else factory.cache.stats(),
        )

    def _address(self, protocol: Connection) -> tuple[str, int | None]:
        host, _, port = as_text(self._factory.uuid or "").rpartition(":")
        if host and port.isdigit():
            return host, int(port)
        return _peer(protocol)


def _in_brackets(name: str) -> str:
    """Host and port of an IPv6 address in the usual form, ``[::1]:6379``; other names as they are."""
    host, _, port = name.rpartition(":")
    return f"[{host}]:{port}" if ":" in host and port.isdigit() and _IPV6(host) else name


_IPV6 = re.compile(r"[0-9A-Fa-f:.]+(%\w+)?").fullmatch


def _without(server: str, reason: str) -> str:
    """A reason without the server's name, which the text of the event has already."""
    return (reason.removeprefix(f"{server}: ") if server else reason).rstrip(".")


def _peer(protocol: Connection) -> tuple[str, int | None]:
    """Host and port of a connection's peer, or the path of its socket and None."""
    peer: Any = protocol.transport.getPeer() if protocol.transport is not None else None
    if hasattr(peer, "host"):
        return str(peer.host), int(peer.port)
    name = getattr(peer, "name", None) or ""
    return as_text(name), None
