"""The doctor's examination: connects once to a server, and describes the server or, in one line, the failure.

No text of this module contains a password.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import socket
import threading
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from .._reactor import current_reactor
from ..connection import RedisProtocol
from ..exceptions import AuthenticationError, NoPermissionError, ResponseError
from . import CommandLineError
from .address import Address
from .reasons import Reason

__all__ = ["ServerFacts", "examine"]


@dataclasses.dataclass(frozen=True)
class ServerFacts:
    """A description of a server and of the connection to it.

    :ivar server: kind, version and mode: ``"Valkey 9.1.2, standalone"``.
    :ivar tls: ``"no"``, or the version of TLS.
    :ivar user: the ACL user of the connection.
    :ivar forbidden: commands about the server that the user may not execute.
    :ivar unknown: commands about the server that it refuses for another reason: they are disabled or renamed.
    """

    server: str
    tls: str
    user: str
    forbidden: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


#: Commands that examine a server and change nothing there. Operators withhold them from users, and hosts disable them.
_ABOUT_THE_SERVER = (
    ("INFO", "server"),
    ("CLIENT", "ID"),
    ("CONFIG", "GET", "maxmemory"),
    ("SLOWLOG", "LEN"),
    ("LATENCY", "LATEST"),
    ("ACL", "WHOAMI"),
)


class _Probe(RedisProtocol):
    """A connection that records the reason of its loss and the first bytes received."""

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        reason = self.factory.reason
        reason.first_bytes = reason.first_bytes or bytes(data[:16])
        super().dataReceived(data, unpause)

    def connectionLost(self, why: Failure = connectionDone) -> None:
        self.factory.reason.lost_because = self.link.end_reason or why.value
        super().connectionLost(why)


class _ProbeFactory(Factory):
    noisy = False

    def __init__(self, options: dict[str, Any], timeout: float, reason: Reason) -> None:
        self._options = {name: options.get(name) for name in ("password", "dbid", "username")}
        self._timeout = timeout
        self.reason = reason

    def buildProtocol(self, addr: object) -> _Probe:  # type: ignore[override]
        probe = _Probe(replyTimeout=self._timeout, **self._options)
        probe.factory = self
        return probe

    def handshakeFailed(self, message: str, error: BaseException, connection: object = None) -> None:
        self.reason.refusal = message, error


async def examine(address: Address, timeout: float) -> ServerFacts:
    """Connect, authenticate and query the server.

    :param timeout: seconds for all of it.
    :raises CommandLineError: it failed; the message says why.
    """
    why = Reason(address, timeout)
    # With TLS, a part of the time is left for the check whether the port speaks plain RESP.
    patience = timeout * 0.8 if address.uses_tls else timeout
    examination = Deferred.fromCoroutine(_examine(address, timeout, why)).addTimeout(patience, current_reactor())
    try:
        return await examination
    except CommandLineError:
        raise
    except CancelledError:
        raise
    except DeferredTimeoutError:
        reason = why.timed_out()
    except Exception as error:  # every failure is reported to the user
        reason = why.explain(error)
    if (
        address.uses_tls
        and why.resolved
        and why.refusal is None
        and await _speaks_plain_text(address, timeout - patience)
    ):
        reason = "this port does not speak TLS; without it the URL begins with redis://"
    raise CommandLineError(f"cannot connect to {address.shown}: {reason}")


async def _examine(address: Address, timeout: float, why: Reason) -> ServerFacts:
    if address.host:
        await _resolve(address.host)
    why.resolved = True
    factory = _ProbeFactory(address.options, timeout, why)
    try:
        probe = await address.endpoint(timeout, address.uses_tls).connect(factory)
    except ImportError as error:
        raise CommandLineError(str(error)) from None
    why.connected = True
    try:
        await _first_of(probe.whenConnected(), probe.whenDisconnected())
        if not probe.connected:
            raise why.lost_because  # type: ignore[misc]
        return await _facts(probe, address)
    finally:
        if probe.transport is not None:
            probe.transport.abortConnection()


async def _facts(probe: _Probe, address: Address) -> ServerFacts:
    try:
        await probe.ping()
    except AuthenticationError:
        raise
    except ResponseError as error:
        if error.code != "NOPERM" and "unknown command" not in str(error):
            raise
    answers: dict[str, object] = {}
    forbidden, unknown = [], []
    for command in _ABOUT_THE_SERVER:
        try:
            answers[command[0]] = await probe.execute_command(*command)
        except NoPermissionError:
            forbidden.append(command[0])
        except ResponseError:
            unknown.append(command[0])
    return ServerFacts(
        _kind(answers),
        _tls_version(probe) if address.uses_tls else "no",
        str(answers.get("ACL") or address.options.get("username") or "default"),
        tuple(forbidden),
        tuple(unknown),
    )


def _kind(answers: dict[str, object]) -> str:
    if "INFO" not in answers:
        return "a server that refuses INFO"
    fields = dict(line.partition(":")[::2] for line in str(answers["INFO"]).splitlines())
    mode = fields.get("redis_mode", fields.get("server_mode", ""))
    for name, key in (
        ("Dragonfly", "dragonfly_version"),
        ("Valkey", "valkey_version"),
        ("Redis", "redis_version"),
    ):
        if key in fields:
            return f"{name} {fields[key]}{f', {mode}' if mode else ''}"
    return "an unknown server"


def _tls_version(probe: _Probe) -> str:
    handle = probe.transport.getHandle()
    return f"{handle.get_protocol_version_name().replace('TLSv', 'TLS ')}, certificate verified"


def _first_of(*deferreds: Deferred[Any]) -> Deferred[Any]:
    return DeferredList(deferreds, fireOnOneCallback=True)


def _resolve(host: str) -> Deferred[None]:
    """Resolve a host name.

    :returns: fires with None; fails with ``socket.gaierror``.
    """
    done: Deferred[None] = Deferred()
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host.partition("%")[0])
        done.callback(None)
        return done
    reactor = current_reactor()

    def finish(error: OSError | None) -> None:
        if not done.called and error is None:
            done.callback(None)
        elif not done.called:
            done.errback(error)

    def look_up() -> None:
        error: OSError | None = None
        try:
            socket.getaddrinfo(host, None)
        except OSError as unknown:
            error = unknown
        except UnicodeError as not_encodable:  # it has no IDNA form
            error = socket.gaierror(socket.EAI_NONAME, str(not_encodable))
        reactor.callFromThread(finish, error)

    # A daemon thread of its own: the resolver may take minutes, and the program must not wait for it at exit.
    threading.Thread(target=look_up, daemon=True).start()
    return done


class _Greeting(Protocol):
    """Sends PING in plain text, and fires with the first bytes received."""

    def __init__(self) -> None:
        self.answer: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(b"PING\r\n")  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self._fire(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._fire(b"")

    def _fire(self, data: bytes) -> None:
        if not self.answer.called:
            self.answer.callback(data)


async def _speaks_plain_text(address: Address, timeout: float) -> bool:
    """Tell whether the port speaks RESP without TLS."""

    async def greet() -> bool:
        greeting = await address.endpoint(timeout, False).connect(Factory.forProtocol(_Greeting))
        try:
            answer: bytes = await greeting.answer
            return answer.startswith((b"+", b"-"))
        finally:
            greeting.transport.abortConnection()

    try:
        return await Deferred.fromCoroutine(greet()).addTimeout(timeout, current_reactor())
    except CancelledError:
        raise
    except Exception:  # any failure means no
        return False
