"""The handshake of a new connection: AUTH, HELLO, CLIENT SETNAME and SETINFO, SELECT; within a time limit.

All commands of the handshake are written before ``connectionMade`` returns, so that a program may write its own
commands right after it. There is one exception: where a function of the program supplies the login asynchronously, the
handshake is written when its Deferred has fired.

A connection is on its way from the begin of its handshake until its owner has taken it: a pool, when it can lend the
connection, or else nobody, when the handshake is done. One time limit covers all of this. It is started before the
first command is written, and does not depend on any callback, which a nearly exhausted stack may leave out: so a
connection on its way is taken or ends.

A server or a proxy that does not know HELLO, or not RESP3, answers it with an error. Then the connection uses RESP2. A
server that demands a login first gets HELLO again with the program's AUTH; see :func:`log_in`.

This module must not know of pools.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._checks import as_text, seconds_or
from .._credentials import ask
from .._tunables import CONNECT_TIMEOUT_SECONDS, MIN_TIMEOUT_SECONDS
from .._types import Argument, Reply, Result
from ..batching import as_deferred
from ..exceptions import ResponseError, TimeoutError
from ..inflight import TimeLimit
from ..telemetry import kind_and_size, protocol_refused, refusal
from ..transport import name_of_peer
from .state import TORN

if TYPE_CHECKING:
    from .protocol import BaseRedisProtocol

__all__ = ["Step", "begin", "log_in", "write_steps"]

_log = Logger()

#: The error message if the step fails, and the Deferred of its reply.
Step = tuple[str, Deferred[Reply]]

_T = TypeVar("_T")


def begin(protocol: BaseRedisProtocol) -> Deferred[None]:
    """Write the handshake of a connection; then call the protocol's ``_become_ready`` or ``_handshake_failed``.

    :returns: fires with None when the connection is usable, or the handshake has failed.
    """
    asks = callable(protocol.password) or callable(protocol.username)
    _limit_the_way(protocol, asks)
    if asks:
        return _begin_later(protocol)
    steps = protocol._handshake()
    if not steps:
        _done([], protocol, [])
        return succeed(None)
    return _answers(protocol, steps)


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
            _done([(False, failure)], protocol, ["could not log in"])

    def cancel(lost: _T) -> _T:
        try:
            asking.cancel()
        except Exception:  # raised by the program's own canceller
            _log.failure("cancelling the program's credentials function has failed")
        return lost

    if not asking.called:
        protocol.whenDisconnected().addCallback(cancel)
    return asking.addCallback(known).addErrback(unknown)


def _answers(protocol: BaseRedisProtocol, steps: list[Step]) -> Deferred[None]:
    answered: Deferred[list[tuple[bool, Result]]] = DeferredList([step for _, step in steps], consumeErrors=True)
    return answered.addCallback(_done, protocol, [name for name, _ in steps])


def _done(results: list[tuple[bool, Result]], protocol: BaseRedisProtocol, names: list[str]) -> None:
    try:
        for (success, result), name in zip(results, names, strict=True):
            if not success:
                protocol._handshake_failed(name, result)
                return
        protocol._become_ready()
    except BaseException as error:  # it ends in a Deferred that nobody looks at
        protocol.link.tear(error)
        raise


def _limit_the_way(protocol: BaseRedisProtocol, asks: bool) -> None:
    """Abort the connection if it is on its way for too long: the kernel accepts connections of a hung server."""
    link = protocol.link
    reactor = getattr(protocol.transport, "reactor", None)
    if reactor is None and link.on_ready is None and not asks:
        return
    limit = seconds_or(protocol.handshakeTimeout, CONNECT_TIMEOUT_SECONDS)
    slow = (
        "the program did not supply the login, or the server did not answer," if asks else "the server did not answer"
    )

    def over() -> None:
        awaited = link.requests.waiting or protocol._awaits_login
        link.abort(TimeoutError(f"{slow} within {limit} seconds of being connected") if awaited else TORN)

    # A usable connection needs a turn of the reactor until its owner has it. Without it, a limit that a program has set
    # to next to nothing would end each connection, and the lane would make the next one at once.
    seconds = max(limit, MIN_TIMEOUT_SECONDS)
    link.limit_way(TimeLimit(protocol if reactor is None else reactor, seconds, over, link.progress))


def write_steps(protocol: BaseRedisProtocol) -> list[Step]:
    """Write the commands of the handshake, with a login that is known, and return its steps."""
    if protocol.respVersion == 2:
        return _write_steps(protocol)
    with protocol.link.corked():  # in one write; SELECT does not wait for AUTH's reply
        return _write_steps(protocol)


def _write_steps(protocol: BaseRedisProtocol) -> list[Step]:
    steps: list[Step] = []
    authenticated: Deferred[Reply] | None = None
    if protocol.password is not None or protocol.username:
        password = "" if protocol.password is None else protocol.password
        authenticated = as_deferred(protocol.auth, password, protocol.username or None)
        steps.append(("could not auth", authenticated))
    if protocol.respVersion != 2:
        steps.append(("could not say hello", _say_hello(protocol)))
    if protocol.clientName is not None:
        steps += _introduce(protocol)
    steps += protocol._handshake_checks()
    if protocol.dbid is not None:
        # In a pool, no other command is written before the handshake is done, so SELECT waits for AUTH's reply, as in
        # txredisapi. A program that writes right after connectionMade needs SELECT written before its own commands.
        alone = protocol.factory is not None and not protocol._has_own_connectionMade and protocol.respVersion == 2
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


def log_in(protocol: BaseRedisProtocol, password: Argument, username: Argument | None) -> Deferred[Reply]:
    """Send AUTH on a connection in use; then HELLO, if the server has refused it for want of a login.

    :returns: fires with AUTH's reply, or fails as ``auth``.
    """
    authenticated: Deferred[Reply] = protocol.auth(password, username)
    if protocol.link.hello_awaits_login:
        # A connection that is lost, or ends in between, has no use for it.
        _say_hello(protocol).addErrback(lambda _: None)
    return authenticated


def _say_hello(protocol: BaseRedisProtocol) -> Deferred[Reply]:
    """Send HELLO; fires with None, whether the server speaks the version or not, unless it ends the connection."""
    version = protocol.respVersion

    def answered(reply: Reply) -> None:
        protocol.link.hello_awaits_login = False
        fields = {as_text(name): value for name, value in reply.items()} if isinstance(reply, Mapping) else {}
        if fields.get("proto") == version:
            protocol.link.resp_version = version
        else:
            tell(f"it answered HELLO {version} with {kind_and_size(reply)}")

    def refused(failure: Failure) -> Failure | None:
        failure.trap(ResponseError)
        error = failure.value
        if protocol.link.reading.refused:
            return failure  # of the connection, not of HELLO, which was its first command
        protocol.link.hello_awaits_login = getattr(error, "code", "") == "NOAUTH"
        if not protocol.link.hello_awaits_login:
            tell(refusal(error, False, protocol))
        return None

    def tell(reason: str) -> None:
        told = getattr(protocol.factory, "helloRefused", None)
        if told is None:
            protocol_refused(name_of_peer(protocol.transport) or "", version, reason)
        else:
            told(version, reason)

    return as_deferred(protocol.execute_command, "HELLO", version).addCallbacks(answered, refused)


def _introduce(protocol: BaseRedisProtocol) -> list[Step]:
    version = sys.modules["txredis_fast"].__version__
    told = (("SETNAME", protocol.clientName), ("SETINFO", "LIB-NAME", "txredis_fast"), ("SETINFO", "LIB-VER", version))
    return [("could not name the connection", _asked(protocol, each)) for each in told]


def _asked(protocol: BaseRedisProtocol, arguments: tuple[str | None, ...]) -> Deferred[Reply]:
    # An error reply is ignored: servers before Redis 7.2 do not know SETINFO, and an ACL may forbid both commands.
    answered = as_deferred(protocol.execute_command, "CLIENT", *arguments)
    return answered.addErrback(lambda failure: failure.trap(ResponseError) and None)
