"""Every option of a connection, documented once: :class:`ConnectionOptions`, and the URLs that spell them.

This module must not know how anything is connected; it holds and checks values.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from .retry import RetryPolicy
from .tls import PEM, TLSSettings

if TYPE_CHECKING:
    from .hooks import CommandHook

__all__ = ["ConnectionOptions", "ConvertNumbers", "FactoryOptions", "RedisURL"]

#: How replies that look like numbers are converted; see :attr:`ConnectionOptions.convertNumbers`.
ConvertNumbers = bool | Literal["exact"]

#: The limits that the reply parser has; each may be set in :attr:`ConnectionOptions.limits`.
LIMITS = frozenset(
    {"max_bulk_length", "max_elements", "max_depth", "max_line_length", "max_text_length", "max_buffered"}
)

#: A URL names at most these schemes.
SCHEMES = ("redis", "rediss", "unix", "redis+sentinel")

DEFAULT_POOL_TIMEOUT = 30.0

#: Options that mean nothing without TLS.
TLS_DETAILS = ("tls_ca", "tls_certificate", "tls_key", "tls_host")

DEFAULT_BLOCKING_CONNECTIONS = 32

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
    #: ACL user (Redis 6 and later); used only together with ``password``.
    username: str | None = None
    #: Sent with AUTH on each new connection; None: no AUTH.
    password: str | bytes | None = dataclasses.field(default=None, repr=False)
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
    #: Seconds for one attempt to connect; None: Twisted's default, 30.
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
        """Refuse values of a wrong type with ``ValueError``, as early as the constructor is called."""
        if not isinstance(self.poolsize, int):
            raise ValueError(f"Redis poolsize must be an integer, not {self.poolsize!r}")
        if self.poolsize < 1:
            raise ValueError(f"Redis poolsize must be at least 1, not {self.poolsize!r}")
        if not isinstance(self.dbid, int | None):
            raise ValueError(f"Redis dbid must be an integer, not {self.dbid!r}")
        for name in ("connectTimeout", "replyTimeout", "slowCommandThreshold", "healthCheckInterval"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int | float) or value < 0):
                raise ValueError(f"{name} must be a number of seconds or None, not {value!r}")
        if not isinstance(self.disconnectTimeout, int | float) or self.disconnectTimeout < 0:
            raise ValueError(f"disconnectTimeout must be a number of seconds, not {self.disconnectTimeout!r}")
        for hook in self.hooks:
            if not callable(getattr(hook, "command_started", None)) or not callable(
                getattr(hook, "command_ended", None)
            ):
                raise ValueError(f"a hook has command_started and command_ended; {type(hook).__name__} has not")
        _check_charset(self.charset)
        self._check_tls()
        if isinstance(self.convertNumbers, str) and self.convertNumbers != "exact":
            raise ValueError(f"convertNumbers must be True, False or 'exact', not {self.convertNumbers!r}")
        if not isinstance(self.retry, RetryPolicy | None):
            raise ValueError(f"retry must be a RetryPolicy or None, not {self.retry!r}")
        most = self.maxBlockingConnections
        if most is not None and (not isinstance(most, int) or most < 0):
            raise ValueError(f"maxBlockingConnections must be a number, 0 or more, or None, not {most!r}")
        for name in ("maxInFlight", "maxQueuedBytes"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ValueError(f"{name} must be a number, 1 or more, or None, not {value!r}")
        if self.whenFull not in ("wait", "fail"):
            raise ValueError(f"whenFull must be 'wait' or 'fail', not {self.whenFull!r}")
        unknown = set(self.limits) - LIMITS
        if unknown:
            raise ValueError(f"unknown limits: {sorted(unknown)}; there are: {sorted(LIMITS)}")
        pool_timeout = self.poolTimeout
        if isinstance(pool_timeout, int | float):
            if pool_timeout < 0:
                raise ValueError(f"poolTimeout must be 0 or more seconds, not {pool_timeout!r}")
        elif pool_timeout is not None and pool_timeout != "default":
            raise ValueError(f"poolTimeout must be a number of seconds, None or 'default', not {pool_timeout!r}")

    def _check_tls(self) -> None:
        if not isinstance(self.tls, bool):
            raise ValueError(f"tls must be True or False, not {self.tls!r}")
        if self.tls and self.ssl_context_factory not in (False, None, True):
            raise ValueError("tls and an ssl_context_factory of your own exclude each other")
        if self.tls_host is not None and (not isinstance(self.tls_host, str) or not self.tls_host):
            raise ValueError(f"tls_host must be a host name, not {self.tls_host!r}")
        for name in ("tls_ca", "tls_certificate", "tls_key"):
            # Not shown in the message: it may be a key.
            if not isinstance(getattr(self, name), str | bytes | os.PathLike | None):
                raise ValueError(f"{name} must be the path of a PEM file or PEM as bytes")
        given = [name for name in TLS_DETAILS if getattr(self, name) is not None]
        if given and not (self.tls or self.ssl_context_factory is True):
            raise ValueError(f"{', '.join(given)} without tls=True: the connection would not be encrypted")
        if self.tls_key is not None and self.tls_certificate is None:
            raise ValueError("tls_key without tls_certificate")

    @property
    def tls_context(self) -> Any:
        """How to encrypt: :class:`~txredis_fast.tls.TLSSettings`, the program's own context factory, or False."""
        if self.tls or self.ssl_context_factory is True:
            return TLSSettings(self.tls_ca, self.tls_certificate, self.tls_key, self.tls_host)
        return self.ssl_context_factory or False

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


def _check_charset(charset: str | None) -> None:
    if charset is None:
        return
    try:
        if not isinstance("".encode(charset), bytes):
            raise LookupError
    except (LookupError, TypeError):
        raise ValueError(f"charset must be the name of a text encoding, or None, not {charset!r}") from None


class FactoryOptions(TypedDict, total=False):
    """Options of the factories of subscribers and of monitors, by keyword; see :class:`ConnectionOptions`."""

    charset: str | None
    password: str | bytes | None
    username: str | None
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


@dataclasses.dataclass(frozen=True)
class RedisURL:
    """What a URL says: where to connect, and the options it sets."""

    #: ``redis``, ``rediss``, ``unix`` or ``redis+sentinel``.
    scheme: str
    #: Host and port of each address, one but for ``redis+sentinel``; empty for ``unix``.
    addresses: tuple[tuple[str, int], ...]
    #: Path of the socket; "" but for ``unix``.
    path: str
    #: Name of the service that the Sentinels watch; "" but for ``redis+sentinel``.
    service: str
    #: Fields of :class:`ConnectionOptions` by name.
    options: Mapping[str, Any] = dataclasses.field(repr=False)

    @classmethod
    def parse(cls, url: str) -> RedisURL:
        """Read a URL.

        ``redis://[user:password@]host[:port][/db][?option=value&...]``, ``rediss://`` the same over TLS,
        ``unix://[user:password@]/path[?db=2&...]``, and
        ``redis+sentinel://[user:password@]host:port,host:port/service[/db]``. Options are the fields of
        :class:`ConnectionOptions`; user, password and path are percent-encoded.

        :raises ValueError: what is wrong with it, never repeating the password.
        """
        # Checked first, because what is behind such a character is taken for an address, and errors show that.
        if re.search(r"[/?#\[\]\s]", url.partition("://")[2].rpartition("@")[0]):
            raise ValueError("user and password in a URL are percent-encoded: / is %2F, ? is %3F, # is %23, @ is %40")
        parts = _split(url)
        if parts.scheme not in SCHEMES:
            raise ValueError(
                f"a Redis URL begins with one of {', '.join(f'{s}://' for s in SCHEMES)}; not {parts.scheme!r}"
            )
        options = _query_options(parts.query)
        credentials, _, hosts = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        if user:
            options["username"] = unquote(user)
        if password:
            options["password"] = unquote(password)
        if parts.scheme == "unix":
            if hosts or not parts.path:
                raise ValueError(
                    "a unix:// URL has three slashes before the path of the socket: unix:///run/redis.sock"
                )
            return cls(parts.scheme, (), unquote(parts.path), "", options)
        if parts.scheme == "rediss":
            options.setdefault("ssl_context_factory", True)
        path = parts.path.strip("/")
        service = ""
        if parts.scheme == "redis+sentinel":
            service, _, path = path.partition("/")
            if not service:
                raise ValueError("a redis+sentinel:// URL names the service after the addresses: /mymaster")
        if path:
            options["dbid"] = _read_option("dbid", path, int)
        port = 26379 if service else 6379
        addresses = tuple(_host_and_port(parts, text, port) for text in hosts.split(","))
        return cls(parts.scheme, addresses, "", unquote(service), options)


def _split(url: str) -> SplitResult:
    with contextlib.suppress(ValueError):
        return urlsplit(url)
    # Python's message may repeat all that stands before the path.
    raise ValueError("not a Redis URL: its host has brackets that are not an IPv6 address's, or characters of no host")


def _host_and_port(parts: SplitResult, text: str, default_port: int) -> tuple[str, int]:
    one = parts._replace(netloc=text)
    with contextlib.suppress(ValueError):
        return one.hostname or "localhost", one.port or default_port
    # Not shown: without its "@" this is a user and a password.
    raise ValueError("cannot read the address in the URL: its port is a number up to 65535; a password ends with @")


def _read_bool(text: str) -> bool:
    values = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    return values[text.lower()]


def _read_convert_numbers(text: str) -> ConvertNumbers:
    return "exact" if text == "exact" else _read_bool(text)


def _read_seconds(text: str) -> float | None:
    return None if text.lower() == "none" else float(text)


def _read_count(text: str) -> int | None:
    return None if text.lower() == "none" else int(text)


def _read_charset(text: str) -> str | None:
    return None if text.lower() == "none" else text


_READERS: dict[str, Callable[[str], Any]] = {
    "dbid": int,
    "poolsize": int,
    "reconnect": _read_bool,
    "charset": _read_charset,
    "connectTimeout": _read_seconds,
    "replyTimeout": _read_seconds,
    "poolTimeout": _read_seconds,
    "maxBlockingConnections": _read_count,
    "maxInFlight": _read_count,
    "maxQueuedBytes": _read_count,
    "whenFull": str,
    "convertNumbers": _read_convert_numbers,
    "slowCommandThreshold": _read_seconds,
    "disconnectTimeout": float,
    "healthCheckInterval": _read_seconds,
    "strict": _read_bool,
    "tls": _read_bool,
    "tls_ca": str,
    "tls_certificate": str,
    "tls_key": str,
    "tls_host": str,
}


def _read_option(name: str, text: str, reader: Callable[[str], Any]) -> Any:
    try:
        return reader(text)
    except (ValueError, KeyError):
        raise ValueError(f"cannot read the value of {name} in the URL: {text!r}") from None


def _query_options(query: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for given, text in parse_qsl(query, keep_blank_values=True):
        name = "dbid" if given == "db" else given
        reader = _READERS.get(name)
        if reader is None:
            raise ValueError(f"unknown option {name!r} in the URL; there are: {', '.join(sorted(_READERS))}")
        options[name] = _read_option(name, text, reader)
    return options
