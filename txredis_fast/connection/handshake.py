"""The handshake of a new connection: AUTH, CLIENT SETNAME and SETINFO, SELECT; within a time limit.

All commands of the handshake are written before ``connectionMade`` returns, so that a program may write its own
commands right after it. There is one exception: where a function of the program supplies the login asynchronously, the
handshake is written when its Deferred has fired.

This module must not know of pools.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._checks import seconds_or
from .._credentials import ask
from .._tunables import CONNECT_TIMEOUT_SECONDS
from .._types import Reply, Result
from ..batching import as_deferred
from ..exceptions import ResponseError, TimeoutError
from ..inflight import TimeLimit

if TYPE_CHECKING:
    from .protocol import BaseRedisProtocol

__all__ = ["Step", "begin", "write_steps"]

_log = Logger()

#: The error message if the step fails, and the Deferred of its reply.
Step = tuple[str, Deferred[Reply]]

_T = TypeVar("_T")


def begin(protocol: BaseRedisProtocol) -> Deferred[None]:
    """Write the handshake of a connection; then call the protocol's ``_become_ready`` or ``_handshake_failed``.

    :returns: fires with None when the connection is usable, or the handshake has failed.
    """
    if callable(protocol.password) or callable(protocol.username):
        return _begin_later(protocol)
    steps = protocol._handshake()
    if not steps:
        protocol._become_ready()
        return succeed(None)
    return _bounded(protocol, _answers(protocol, steps))


def _begin_later(protocol: BaseRedisProtocol) -> Deferred[None]:
    asking = ask(protocol.username, protocol.password)
    # Redaction takes the secrets from these attributes, and cannot use the functions.
    protocol.username = protocol.password = None
    protocol._awaits_login = True

    def has_ended() -> bool:
        return protocol.link.is_lost or protocol.link.end_reason is not None

    def known(login: tuple[str | bytes | None, str | bytes | None]) -> Result:
        protocol._awaits_login = False
        if not protocol.connected or has_ended():
            return None
        protocol.username, protocol.password = login
        return _answers(protocol, protocol._handshake())

    def unknown(failure: Failure) -> None:
        if not has_ended():
            protocol._handshake_done([(False, failure)], ["could not log in"])

    def cancel(lost: _T) -> _T:
        try:
            asking.cancel()
        except Exception:  # raised by the program's own canceller
            _log.failure("cancelling the program's credentials function has failed")
        return lost

    if not asking.called:
        protocol.whenDisconnected().addCallback(cancel)
    return _bounded(protocol, asking.addCallback(known).addErrback(unknown), asks=True)


def _answers(protocol: BaseRedisProtocol, steps: list[Step]) -> Deferred[None]:
    answered: Deferred[list[tuple[bool, Result]]] = DeferredList([step for _, step in steps], consumeErrors=True)
    return answered.addCallback(protocol._handshake_done, [name for name, _ in steps])


def _bounded(protocol: BaseRedisProtocol, done: Deferred[None], asks: bool = False) -> Deferred[None]:
    """Abort the connection if the handshake exceeds its time limit: the kernel accepts connections of a hung server."""
    reactor = getattr(protocol.transport, "reactor", None)
    if (done.called and not done.paused) or (reactor is None and not asks):
        return done
    limit = seconds_or(protocol.handshakeTimeout, CONNECT_TIMEOUT_SECONDS)
    slow = (
        "the program did not supply the login, or the server did not answer," if asks else ("the server did not answer")
    )
    hangs = TimeoutError(f"{slow} within {limit} seconds of being connected")
    clock = protocol if reactor is None else reactor
    timer = TimeLimit(clock, limit, lambda: protocol.link.abort(hangs), protocol.link.progress)

    def stop(result: _T) -> _T:
        timer.stop()
        return result

    return done.addBoth(stop)


def write_steps(protocol: BaseRedisProtocol) -> list[Step]:
    """Write the commands of the handshake, with a login that is known, and return its steps."""
    steps: list[Step] = []
    authenticated: Deferred[Reply] | None = None
    if protocol.password is not None or protocol.username:
        password = "" if protocol.password is None else protocol.password
        authenticated = as_deferred(protocol.auth, password, protocol.username or None)
        steps.append(("could not auth", authenticated))
    if protocol.clientName is not None:
        steps += _introduce(protocol)
    steps += protocol._handshake_checks()
    if protocol.dbid is not None:
        # In a pool, no other command is written before the handshake is done, so SELECT waits for AUTH's reply, as in
        # txredisapi. A program that writes right after connectionMade needs SELECT written before its own commands.
        alone = protocol.factory is not None and not protocol._has_own_connectionMade
        if authenticated and alone:
            selected = _select_after(protocol, authenticated)
        else:
            selected = as_deferred(protocol.select, protocol.dbid)
        steps.append((f"could not set dbid={protocol.dbid}", selected))
    return steps


def _select_after(protocol: BaseRedisProtocol, authenticated: Deferred[Reply]) -> Deferred[Reply]:
    selected: Deferred[Reply] = Deferred()

    def select(reply: Reply) -> Reply:
        as_deferred(protocol.select, protocol.dbid).chainDeferred(selected)
        return reply

    def refused(failure: Failure) -> Failure:
        selected.callback(None)  # the step of AUTH reports the error
        return failure

    authenticated.addCallbacks(select, refused)
    return selected


def _introduce(protocol: BaseRedisProtocol) -> list[Step]:
    version = sys.modules["txredis_fast"].__version__
    told = (("SETNAME", protocol.clientName), ("SETINFO", "LIB-NAME", "txredis_fast"), ("SETINFO", "LIB-VER", version))
    return [("could not name the connection", _asked(protocol, each)) for each in told]


def _asked(protocol: BaseRedisProtocol, arguments: tuple[str | None, ...]) -> Deferred[Reply]:
    # An error reply is ignored: servers before Redis 7.2 do not know SETINFO, and an ACL may forbid both commands.
    answered = as_deferred(protocol.execute_command, "CLIENT", *arguments)
    return answered.addErrback(lambda failure: failure.trap(ResponseError) and None)
