"""Every option of a connection, documented once: :class:`ConnectionOptions`, and the URLs that spell them.

This module must not know how anything is connected; it holds and checks values.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from .._checks import (
    Credential,
    check_callable,
    check_charset,
    check_choice,
    check_client_name,
    check_count,
    check_credential,
    check_flag,
    check_host,
    check_seconds,
    check_truth,
    shown,
    whole_number,
)
from ..resp import HUGE
from ..transport import PEM, TLSSettings
from .retry_policy import RetryPolicy
from .url import RedisURL

if TYPE_CHECKING:
    from ..telemetry import CommandHook

__all__ = ["ConnectionOptions", "ConvertNumbers", "FactoryOptions", "RedisURL", "check_option"]

#: How replies that look like numbers are converted; see :attr:`ConnectionOptions.convertNumbers`.
ConvertNumbers = bool | Literal["exact"]

#: The limits that the reply parser has; each may be set in :attr:`ConnectionOptions.limits`.
LIMITS = frozenset(
    {"max_bulk_length", "max_elements", "max_depth", "max_line_length", "max_text_length", "max_buffered"}
)

DEFAULT_POOL_TIMEOUT = 30.0

#: Options that mean nothing without TLS.
TLS_DETAILS = ("tls_ca", "tls_certificate", "tls_key", "tls_host")

DEFAULT_BLOCKING_CONNECTIONS = 32

#: So many connections a host can have to an address; and servers number databases with 31 bits.
MOST_CONNECTIONS = 65_535
MOST_DATABASES = 2**31 - 1

DEFAULT_MAX_IN_FLIGHT = 100_000
DEFAULT_MAX_QUEUED_BYTES = 256 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConnectionOptions:
    """The options that all constructors share. Immutable; passwords are left out of its repr."""

    #: Database number to SELECT on each new connection; None leaves the server's default, 0.
    dbid: int | None = None
    #: How many connections to keep.
    poolsize: int = 1
    #: Whether a lost connection is made again, with exponential back-off and jitter.
    reconnect: bool = True
    #: Encoding of str arguments and of replies. None: replies are bytes (str arguments go as UTF-8).
    #: A reply that cannot be decoded stays bytes.
    charset: str | None = "utf-8"
    #: ACL user (Redis 6 and later), sent with AUTH on each new connection, with an empty password where there is none.
    #: None or "": the user ``default``. May be a function, as ``password`` may.
    username: Credential | None = None
    #: Sent with AUTH on each new connection, as UTF-8 whatever the charset; None: no AUTH, unless there is a user. A
    #: function is called without arguments for each new connection, and returns the password, or a Deferred that fires
    #: with it; or it is a coroutine function. What it takes counts as part of the handshake, ``connectTimeout`` (else
    #: 30 seconds) bounds it, and an attempt for which it raises or returns something else is given up.
    password: Credential | None = dataclasses.field(default=None, repr=False)
    #: Name of each connection in the server's ``CLIENT LIST`` and log, sent with CLIENT SETNAME; and CLIENT SETINFO
    #: tells what library this is. Where the server refuses them, it goes on without. None: neither is sent.
    clientName: str | None = None
    #: False: no TLS. True: TLS that verifies the chain against the platform's authorities, and the host name.
    #: Or a Twisted context factory, or an ``IOpenSSLClientConnectionCreator``. Needs the extra ``tls``.
    ssl_context_factory: Any = False
    #: True: TLS that verifies chain and host name, TLS 1.2 at least; there is no way to switch that off. Needs the
    #: extra ``tls``. ``ssl_context_factory=True`` is the same.
    tls: bool = False
    #: Authorities to trust instead of the platform's: the path of a PEM file, or PEM as bytes.
    tls_ca: PEM | None = None
    #: The client's own certificate, where the server wants one, with its chain behind it: path or PEM as bytes.
    tls_certificate: PEM | None = dataclasses.field(default=None, repr=False)
    #: Its private key, not encrypted: path or PEM as bytes. None: it is in ``tls_certificate``.
    tls_key: PEM | None = dataclasses.field(default=None, repr=False)
    #: The host name that the server's certificate has to be for; None: the one connected to.
    tls_host: str | None = None
    #: Seconds for one attempt to connect, above 0; None: Twisted's default, 30.
    connectTimeout: float | None = None
    #: Seconds to wait for a reply; then the command fails with ``ReplyTimeoutError`` and its connection is
    #: closed. None: no limit.
    replyTimeout: float | None = None
    #: Seconds a command waits for a usable connection before it fails with ``NotSentError``. 0: fails at once.
    #: None: waits for ever. "default": ``replyTimeout`` where that is set, else 30.
    poolTimeout: float | Literal["default"] | None = "default"
    #: Seconds after which an idle connection is asked for a PONG, and after which a reply that makes no progress shows
    #: that the link is dead: it is closed then, and made again. Longer than the slowest command, therefore; blocking
    #: ones do not count. TCP's own keep-alive is set to the same. None: neither.
    healthCheckInterval: float | None = None
    #: Seconds that ``disconnect()`` waits for the replies to what is in flight, before it closes connections all the
    #: same. 0: they are closed at once.
    disconnectTimeout: float = 5.0
    #: How many connections blocking commands (BLPOP, XREAD with BLOCK ...) may have beyond ``poolsize``. They are made
    #: when needed, and closed when they have not been used for 30 seconds. None: 32, or ``poolsize`` where that is
    #: more. 0: blocking commands take one of the pool's.
    maxBlockingConnections: int | None = None
    #: How many commands one connection may have in flight (given to it, and not answered), each of a batch counted:
    #: with so many it takes no further one before replies have come, so that at most one batch goes beyond. A
    #: transaction's own commands are its own to bound. None: any number.
    maxInFlight: int | None = DEFAULT_MAX_IN_FLIGHT
    #: The same in bytes: of commands that one connection has not written, or whose replies have not come. None: any.
    maxQueuedBytes: int | None = DEFAULT_MAX_QUEUED_BYTES
    #: What becomes of a command when every free connection has reached one of these limits. "wait": it waits its turn
    #: as one that finds no connection, at most ``poolTimeout``. "fail": it fails with ``QueueFullError`` at once. A
    #: transaction waits for a connection with room; its own commands, on a connection that nobody else uses, are sent
    #: without waiting, or fail ("fail"), and then the transaction is not executed.
    whenFull: Literal["wait", "fail"] = "wait"
    #: Called as ``onUnclaimedReply(command, reply)`` when a blocking command was cancelled, or was out of its
    #: caller's time, and the server had taken an element for it all the same: put it back, or use it. ``command`` is
    #: the tuple that was sent. None: the element is dropped, and a warning without its content is logged.
    onUnclaimedReply: Callable[[Any, Any], object] | None = None
    #: Which commands are sent again when they fail, how often and when: a :class:`~txredis_fast.RetryPolicy`. None:
    #: none but those that the program marks (``rc.retrying``).
    retry: RetryPolicy | None = None
    #: True: ``[+-]?[0-9]+`` in a bulk string becomes int, and a decimal fraction float. "exact": only where the
    #: number gives the same text back and equals that of no other text (``007``, ``1.10`` and ``1.0`` stay text), so
    #: that no member of a set and no field of a hash is lost. False: none.
    convertNumbers: ConvertNumbers = True
    #: Refuse arguments that are not bytes, str, int, float or bool, rather than send ``str(argument)``.
    strict: bool = False
    #: Called around every command; see :class:`~txredis_fast.CommandHook`. None at all costs nothing.
    hooks: Sequence[CommandHook] = ()
    #: Seconds from which on a command is logged as slow, and so is its wait for a connection; by name and number of
    #: arguments only. Blocking commands are not. None: none is.
    slowCommandThreshold: float | None = None
    #: Limits of the reply parser by name (``max_bulk_length``, ``max_elements``, ``max_depth``,
    #: ``max_line_length``, ``max_text_length``, ``max_buffered``); what is left out has the default of ``resp.Reader``.
    limits: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Judge every value once, and keep it as the package uses it.

        :raises ValueError: one is of a wrong type or out of its range; the error names it.
        """
        for name, check in _CHECKS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
        self._check_tls()

    def _check_tls(self) -> None:
        if self.tls and not (self.ssl_context_factory is False or self.ssl_context_factory is True):
            raise ValueError("tls and an ssl_context_factory of your own exclude each other")
        given = [name for name in TLS_DETAILS if getattr(self, name) is not None]
        if given and not (self.tls or self.ssl_context_factory is True):
            raise ValueError(f"{', '.join(given)} without tls=True: the connection would not be encrypted")
        if self.tls_key is not None and self.tls_certificate is None:
            raise ValueError("tls_key without tls_certificate")

    @property
    def tls_context(self) -> Any:
        """How to encrypt: :class:`.TLSSettings`, the program's own context factory, or False."""
        if self.tls or self.ssl_context_factory is True:
            return TLSSettings(self.tls_ca, self.tls_certificate, self.tls_key, self.tls_host)
        return self.ssl_context_factory

    @property
    def max_blocking_connections(self) -> int:
        """``maxBlockingConnections`` with None resolved."""
        most = self.maxBlockingConnections
        return max(DEFAULT_BLOCKING_CONNECTIONS, self.poolsize) if most is None else most

    @property
    def pool_timeout(self) -> float | None:
        """``poolTimeout`` with "default" resolved."""
        if self.poolTimeout == "default":
            return self.replyTimeout if self.replyTimeout is not None else DEFAULT_POOL_TIMEOUT
        return self.poolTimeout


def _poolsize(name: str, value: Any) -> int:
    number = whole_number(value)
    if number is None:
        raise ValueError(f"Redis {name} must be an integer, not {shown(value)}")
    if number < 1:
        raise ValueError(f"Redis {name} must be at least 1, not {number}")
    return int(check_count(f"Redis {name}", number, 1, most=MOST_CONNECTIONS))


def _dbid(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if whole_number(value) is None:
        raise ValueError(f"Redis {name} must be an integer, not {shown(value)}")
    return int(check_count(f"Redis {name}", value, most=MOST_DATABASES))


def _seconds(least: float = 0, *, exclusive: bool = False, none_allowed: bool = True) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        return check_seconds(name, value, least, exclusive=exclusive, none_allowed=none_allowed)

    return check


def _pool_timeout(name: str, value: Any) -> Any:
    if value.__class__ is str and value == "default":
        return value
    try:
        return check_seconds(name, value, none_allowed=True)
    except ValueError:
        pass
    raise ValueError(f"{name} must be a finite number of seconds, 0 or more, None or 'default', not {shown(value)}")


def _count(least: int) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        count = check_count(name, value, least, none_allowed=True)
        return None if count is None else min(count, HUGE)

    return check


def _convert_numbers(name: str, value: Any) -> Any:
    if type(value) is str:
        if value == "exact":
            return value
        raise ValueError(f"{name} must be True, False or 'exact', not {shown(value)}")
    return check_truth(name, value)


def _retry(name: str, value: Any) -> Any:
    if value is not None and not issubclass(type(value), RetryPolicy):
        raise ValueError(f"{name} must be a RetryPolicy or None, not {shown(value)}")
    return value


def _hooks(name: str, value: Any) -> tuple[Any, ...]:
    try:
        hooks = tuple(value)
    except Exception:
        hooks = None
    if hooks is None:
        raise ValueError(f"{name} must be a sequence of hooks, not {shown(value)}")
    for hook in hooks:
        try:
            fits = callable(hook.command_started) and callable(hook.command_ended)
        except Exception:
            fits = False
        if not fits:
            raise ValueError(f"{name}: a hook has command_started and command_ended; {type(hook).__name__} has not")
    return hooks


def _limits(name: str, value: Any) -> dict[str, int]:
    if value is None:
        return {}
    try:
        limits = dict(value) if isinstance(value, Mapping) else None
    except Exception:
        limits = None
    if limits is None:
        raise ValueError(f"{name} must be a mapping of names to numbers, not {shown(value)}")
    unknown = sorted(shown(limit) for limit in limits if not (type(limit) is str and limit in LIMITS))
    if unknown:
        raise ValueError(f"unknown {name}: {', '.join(unknown)}; there are: {sorted(LIMITS)}")
    return {limit: check_count(f"{name}: {limit}", most, 1) for limit, most in limits.items()}


def _context_factory(name: str, value: Any) -> Any:
    if value is None or value is False:
        return False
    if value is True:
        return True
    try:
        fits = hasattr(value, "getContext") or hasattr(value, "clientConnectionForTLS")
    except Exception:
        fits = False
    if not fits:
        raise ValueError(
            f"{name} must be True, a Twisted context factory or an IOpenSSLClientConnectionCreator, not {shown(value)}"
        )
    return value


def _pem(name: str, value: Any) -> Any:
    try:
        if value is None or type(value) is bytes:
            return value
        if isinstance(value, bytes):
            return bytes(memoryview(value))
        if isinstance(value, str | os.PathLike):
            return os.fsdecode(value)
    except Exception:
        pass
    # Not shown: it may be a key.
    raise ValueError(f"{name} must be the path of a PEM file or PEM as bytes")


def _tls_host(name: str, value: Any) -> str | None:
    return None if value is None else check_host(name, value)


def _when_full(name: str, value: Any) -> str:
    return check_choice(name, value, ("wait", "fail"))


#: By option: judges it, and returns it as the package uses it.
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "poolsize": _poolsize,
    "dbid": _dbid,
    "reconnect": check_truth,
    "charset": check_charset,
    "username": check_credential,
    "password": check_credential,
    "ssl_context_factory": _context_factory,
    "tls": check_flag,
    "tls_ca": _pem,
    "tls_certificate": _pem,
    "tls_key": _pem,
    "tls_host": _tls_host,
    "connectTimeout": _seconds(exclusive=True),
    "replyTimeout": _seconds(),
    "poolTimeout": _pool_timeout,
    "healthCheckInterval": _seconds(),
    "disconnectTimeout": _seconds(none_allowed=False),
    "maxBlockingConnections": _count(0),
    "maxInFlight": _count(1),
    "maxQueuedBytes": _count(1),
    "whenFull": _when_full,
    "onUnclaimedReply": check_callable,
    "retry": _retry,
    "convertNumbers": _convert_numbers,
    "strict": check_flag,
    "hooks": _hooks,
    "slowCommandThreshold": _seconds(),
    "limits": _limits,
    "clientName": check_client_name,
}


def check_option(name: str, value: Any) -> Any:
    """Judge one option by itself; returns it as the package uses it.

    :raises ValueError: it is of a wrong type or out of its range.
    """
    return _CHECKS[name](name, value)


class FactoryOptions(TypedDict, total=False):
    """Options of the factories of subscribers and of monitors, by keyword; see :class:`ConnectionOptions`."""

    charset: str | None
    password: Credential | None
    username: Credential | None
    clientName: str | None
    replyTimeout: float | None
    convertNumbers: ConvertNumbers
    poolTimeout: float | None
    connectTimeout: float | None
    strict: bool
    limits: Mapping[str, int]
    hooks: Sequence[CommandHook]
    slowCommandThreshold: float | None
    disconnectTimeout: float
    healthCheckInterval: float | None
