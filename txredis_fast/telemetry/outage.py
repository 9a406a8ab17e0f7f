"""Outages: times in which a pool has no usable connection; one line of the log at the beginning, and one at the end.

A program may have several pools of one server: handlers, subscribers, the two connections to each Sentinel. What they
lose for the same reason is one outage, which ends when the last of them is connected again.

This module must not know of connections.
"""

from __future__ import annotations

from weakref import WeakSet

from .._reactor import current_reactor

__all__ = ["Outage"]


class _Group:
    """The pools that one server has left for the same reason."""

    def __init__(self, since: float) -> None:
        self.since = since
        #: When a pool last left it with a usable connection; None: none has, or one has lost its own since.
        self.back: float | None = None
        #: Weak, because a program may forget a pool without disconnecting it.
        self.pools: WeakSet[Outage] = WeakSet()


_groups: dict[tuple[str, str], _Group] = {}


class Outage:
    """The outage of one pool, if it has one."""

    def __init__(self, main: Outage | None = None) -> None:
        """Make that of a pool, which has none yet.

        :param main: the outage of the pool that this one goes with: while that has one, this one's is the same.
        """
        self._key: tuple[str, str] | None = None
        self._main = main

    @property
    def is_on(self) -> bool:
        """Whether the pool has an outage."""
        return self._key is not None

    def begin(self, server: str, reason: str, always: bool) -> bool:
        """The pool has no usable connection.

        :param always: whether this is new even if other pools of the server have the same outage.
        :returns: whether this is to be logged: it is new for this pool, and for all others of the server.
        """
        if self._key is not None:
            return False
        main = self._main
        self._key = (server, reason) if main is None or main._key is None else main._key
        group = _groups.get(self._key)
        is_new = group is None or not group.pools
        if group is None or is_new:
            group = _groups[self._key] = _Group(current_reactor().seconds())
        group.pools.add(self)
        group.back = None
        return is_new or always

    def end(self) -> float | None:
        """The pool has a usable connection.

        :returns: the seconds of the outage, if it is over for all pools that share it; else None.
        """
        group = self._leave()
        if group is None:
            return None
        group.back = current_reactor().seconds()
        return _seconds(group)

    def forget(self) -> float | None:
        """The pool is closed.

        :returns: the seconds of the outage, if it was the last pool without a connection, and another one was connected
            again; else None.
        """
        group = self._leave()
        return None if group is None else _seconds(group)

    def _leave(self) -> _Group | None:
        if self._key is None:
            return None
        key, self._key = self._key, None
        group = _groups.get(key)
        if group is None:
            return None
        group.pools.discard(self)
        if not group.pools:
            del _groups[key]
        return group


def _seconds(group: _Group) -> float | None:
    """How long the outage was; None if it is not over."""
    return None if group.pools or group.back is None else group.back - group.since
