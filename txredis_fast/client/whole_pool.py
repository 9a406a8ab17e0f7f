"""A command that changes every connection of a pool, such as AUTH: accepted by all, or undone on all.

This module must not know how connections are made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from ..batching import first_error
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
    :param told: called with the connections when all have accepted it; makes the others follow before they are used.
    :returns: fires with the reply; fails with the first error, and then no connection is left changed.
    """
    # Those that may have accepted it. What it changed there is undone if another one refuses, or if it is cancelled.
    changed: list[RedisProtocol] = []

    def tell_free(_: object) -> Deferred[Any]:
        changed.extend(pool.connectionQueue.pending)
        replies = [tell(connection).addErrback(failed, connection) for connection in changed]
        return gatherResults(replies, consumeErrors=True).addCallbacks(accepted, refused)

    def failed(failure: Failure, connection: RedisProtocol) -> Failure:
        if failure.check(ResponseError):
            changed.remove(connection)
        return failure

    def accepted(replies: list[Reply]) -> Reply:
        told(changed)
        for connection in [each for each in pool.connectionQueue.pending if each not in changed]:
            pool.reset_connection(connection)  # it was made, or given back, while the others were told
        return replies[0]

    def refused(failure: Failure) -> Failure:
        for connection in changed:
            if connection.link.usable:
                note_changes(connection, (name,))
                pool.reset_connection(connection)
        return first_error(failure)

    return pool.getConnection(True).addCallback(tell_free)
