"""Reset a connection before other callers use it: no transaction open, and the pool's login and database.

The pool's login or database may have changed while the connection was made or lent. The caller that had the connection
may have left a transaction open, or have selected another database.

This module must not know which callers wait for a connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.python.failure import Failure

from .._types import Argument
from ..commands._parts import FOREIGN_LOGIN, UNKNOWN_DATABASE
from ..connection import RedisProtocol, log_in

if TYPE_CHECKING:
    from .pool import Pool

__all__ = ["end_in_order", "reset"]


def reset(pool: Pool, connection: RedisProtocol) -> None:
    """Write the commands that reset a connection; the next caller's commands follow them on the wire.

    A connection that cannot be reset is closed.
    """
    link = connection.link
    scope, link.scope = link.scope, None
    if scope is not None:
        scope.abandon()
    if link.replica_error is not None:
        end_in_order(pool, connection, link.replica_error)
        link.close_if_idle()
        return
    if link.login == FOREIGN_LOGIN:  # a pool without a password has no command to log in again
        link.drain(0)
        link.close()
        return
    if link.login not in (None, pool.login_number):
        link.login = pool.login_number
        link.last_change["AUTH"] = None
        # Another login is one that auth() was called with, which takes no functions.
        login = cast(Argument, pool.password), cast(Argument | None, pool.username)
        log_in(connection, *login).addErrback(_abort, connection)
    dbid = 0 if pool.dbid is None and connection.dbid == UNKNOWN_DATABASE else pool.dbid
    if dbid is not None and connection.dbid != dbid:
        connection.dbid = dbid
        link.last_change["SELECT"] = None
        connection.select(dbid).addErrback(_abort, connection)


def end_in_order(pool: Pool, connection: RedisProtocol, reason: Exception) -> None:
    """Close a connection after the replies to its commands in flight.

    :param reason: the error of the requests that are not answered within ``disconnectTimeout``.
    """
    connection.link.drain_when_delivered(pool.disconnectTimeout or 5.0, reason)


def _abort(failure: Failure, connection: RedisProtocol) -> None:
    connection.link.abort(failure.value or ConnectionError("the connection could not be reset"))
