"""A command that changes every connection of a pool, such as AUTH: accepted by all, or undone on all.

This module must not know how connections are made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from ..batching import as_deferred
from ..commands._parts import note_changes
from ..connection import RedisProtocol
from ..exceptions import ResponseError
from ..pool import Pool

if TYPE_CHECKING:
    from .._types import Reply

__all__ = ["tell_all"]


def tell_all(
    pool: Pool,
    name: str,
    tell: Callable[[RedisProtocol], Deferred[Any]],
    told: Callable[[list[RedisProtocol]], object],
) -> Deferred[Any]:
    """Send a command on every free connection of a pool.

    :param name: the command's name, ``"AUTH"`` or ``"SELECT"``.
    :param tell: sends it on one connection.
    :param told: called when all have accepted it, with those connections on which nothing of the kind was sent behind
        it; makes the others follow before they are used.
    :returns: fires with the reply; fails with the first error, and then no connection is left changed.
    """

    def tell_free(_: object) -> Deferred[Any]:
        change = _Change(pool, name)
        replies = [change.send(tell, connection) for connection in list(pool.connectionQueue.pending)]
        # All are awaited: a connection that refused has nothing to undo.
        telling: Deferred[Any] = DeferredList(replies, consumeErrors=True)
        return telling.addCallback(change.judge, told)

    return pool.getConnection(True).addCallback(tell_free)


class _Change:
    """One such command, on its connections. Another one may be sent behind it before all have answered.

    :ivar is_pending: whether its outcome is not known yet.
    """

    def __init__(self, pool: Pool, name: str) -> None:
        self.is_pending = True
        self._pool = pool
        self._name = name
        self._connections: list[RedisProtocol] = []
        #: Those that have refused it.
        self._unchanged: list[RedisProtocol] = []

    def send(self, tell: Callable[[RedisProtocol], Deferred[Any]], connection: RedisProtocol) -> Deferred[Any]:
        """Send it on one connection."""
        connection.link.last_change[self._name] = self
        self._connections.append(connection)
        return as_deferred(tell, connection).addErrback(self._failed, connection)

    def _failed(self, failure: Failure, connection: RedisProtocol) -> Failure:
        if failure.check(ResponseError):
            self._unchanged.append(connection)
        return failure

    def _is_last(self, connection: RedisProtocol) -> bool:
        return connection.link.last_change.get(self._name) is self

    def judge(self, ended: list[tuple[bool, Any]], told: Callable[[list[RedisProtocol]], object]) -> Reply | Failure:
        """All have answered, or are lost."""
        self.is_pending = False
        for is_well, failure in ended:
            if not is_well:
                self._undo()
                return failure
        self._accepted(told)
        return ended[0][1]

    def _accepted(self, told: Callable[[list[RedisProtocol]], object]) -> None:
        told([connection for connection in self._connections if self._is_last(connection)])
        for connection in list(self._pool.connectionQueue.pending):
            last = connection.link.last_change.get(self._name)
            # Another such command that is pending decides itself. Else the connection was made or given back meanwhile,
            # or something else was sent on it.
            if last is not self and not (isinstance(last, _Change) and last.is_pending):
                self._pool.reset_connection(connection)

    def _undo(self) -> None:
        """Undo it where it may have been accepted."""
        for connection in self._connections:
            is_last = self._is_last(connection)
            last = connection.link.last_change.get(self._name)
            if connection.link.usable and (is_last or isinstance(last, _Change)):
                if connection not in self._unchanged:
                    note_changes(connection, (self._name,))
                    if not is_last:  # that one decides
                        connection.link.last_change[self._name] = last
                        continue
                if connection in self._pool.connectionQueue.pending:  # else when it is given back
                    self._pool.reset_connection(connection)
