"""Choice of the connection for a batch: the shared one, one taken for the batch, or one for blocking commands.

This module must not know how connections are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail

from ..batching import Command
from ..commands._parts import check_together, guarded_names, longest_wait, note_changes
from ..connection import BaseRedisProtocol, RedisProtocol
from ..inflight import limit_error, within
from ..pool import Pool
from .calls import lend

__all__ = ["send_batch", "send_on_pool"]


def send_on_pool(
    pool: Pool, commands: Sequence[Command], alone: bool, timeout: float | None = None
) -> Deferred[list[Any]]:
    """Send commands in one write, as soon as there is a connection.

    :param alone: whether the commands need a connection of their own.
    :param timeout: seconds from the call to the last reply; None: ``poolTimeout`` for the connection, then
        ``replyTimeout`` for the replies.
    :returns: fires with the replies, error replies among them as values.
    """
    wrong = limit_error(timeout)
    if wrong is not None:
        return fail(wrong)
    guarded = guarded_names(commands)
    if guarded:
        refused = check_together(commands, pool.protocol)
        if refused is not None:
            return fail(refused)
        alone = alone or not guarded.isdisjoint(("MULTI", "SELECT", "AUTH"))
    lane = pool.blockingLane if alone and any(longest_wait(each[0]) for each in commands) else None

    def send_noted(connection: RedisProtocol, left: float | None = None) -> Deferred[list[Any]]:
        note_changes(connection, guarded)
        return send_batch(connection, commands, left)

    if lane is not None:
        return lane.run(send_noted, timeout, [each[0] for each in commands])
    if not alone and timeout is None:
        connection = pool.connectionQueue.pick()
        if connection is not None:
            return send_batch(connection, commands)
    getting = pool.getConnection(not alone)

    def use(connection: RedisProtocol, left: float | None = None) -> Deferred[list[Any]]:
        if not alone:
            return send_batch(connection, commands, left)
        return lend(pool, connection, send_noted, left)

    return getting.addCallback(use) if timeout is None else within(getting, timeout, use, pool.why_not_connected)


def send_batch(
    connection: RedisProtocol, commands: Sequence[Command], timeout: float | None = None
) -> Deferred[list[Any]]:
    """Send commands in one write; each by ``execute_command`` if a protocol subclass overrides that."""
    if type(connection).execute_command is BaseRedisProtocol.execute_command:
        return connection.execute_batch(commands, timeout)
    from .one_by_one import send_one_by_one  # few programs need it

    return send_one_by_one(connection, commands, timeout)
