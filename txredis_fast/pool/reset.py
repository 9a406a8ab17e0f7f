"""Bring a connection to its pool's state before others use it: nothing open on it, and the pool's login and database.

The pool's login or database may have changed while the connection was made or lent; and whoever had it may have left a
transaction open on it, or have selected another database.

This module must not know who waits for a connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.python.failure import Failure

from .._types import Argument
from ..commands._parts import FOREIGN_LOGIN, UNKNOWN_DATABASE
from ..connection import RedisProtocol

if TYPE_CHECKING:
    from .pool import Pool

__all__ = ["reset"]


def reset(pool: Pool, connection: RedisProtocol) -> None:
    """Write what brings a connection to the pool's state; the commands of its next user follow behind that.

    A connection that cannot be brought there is closed.
    """
    link = connection.link
    scope, link.scope = link.scope, None
    if scope is not None:
        scope.abandon()
    if link.replica_error is not None:
        pool.end_in_order(connection, link.replica_error)
        link.close_if_idle()
        return
    if link.login == FOREIGN_LOGIN:  # the pool's login may not be known: "default" without a password, for instance
        link.drain(0)
        if connection.transport is not None:
            connection.transport.loseConnection()
        return
    if link.login not in (None, pool.login_number):
        link.login = pool.login_number
        # Another login is one that auth() was called with, which takes no functions.
        login = cast(Argument, pool.password), cast(Argument | None, pool.username)
        connection.auth(*login).addErrback(_abort, connection)
    dbid = 0 if pool.dbid is None and connection.dbid == UNKNOWN_DATABASE else pool.dbid
    if dbid is not None and connection.dbid != dbid:
        connection.dbid = dbid
        connection.select(dbid).addErrback(_abort, connection)


def _abort(failure: Failure, connection: RedisProtocol) -> None:
    connection.link.abort(failure.value or ConnectionError("the connection could not be reset"))
