"""The table of options: :class:`ConnectionOptions` declares each option of a connection once.

A new option takes two edits: its declaration here, and its type in ``keywords``, because type checkers cannot read
keyword arguments from a dataclass. Constructors, factories, URLs, ``help()`` and the documentation's tables follow.

This module must not know how anything is connected.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from .._checks import (
    Credential,
    check_callable,
    check_charset,
    check_client_name,
    check_credential,
    check_flag,
    check_truth,
)
from .._tunables import CONNECT_TIMEOUT_SECONDS
from ..transport import PEM, TLSSettings
from . import readers
from .checks import (
    LIMITS,
    ConvertNumbers,
    PoolTimeout,
    ProtocolVersion,
    Undecodable,
    WhenFull,
    check_cache,
    check_context_factory,
    check_convert_numbers,
    check_dbid,
    check_hooks,
    check_limits,
    check_pem,
    check_pool_timeout,
    check_poolsize,
    check_protocol,
    check_tls_host,
    check_undecodable,
    check_when_full,
    count_or_none,
    seconds,
    seconds_or_none,
)
from .option import documented, judge, option, options_of
from .retry_policy import RetryPolicy, check_retry

if TYPE_CHECKING:
    from ..telemetry import CommandHook
    from .cache import ClientCache

__all__ = ["ConnectionOptions", "UnclaimedReply", "check_option"]

#: A program's function for the option ``onUnclaimedReply``: takes the command as a tuple, and its reply.
UnclaimedReply: TypeAlias = Callable[[Any, Any], object]

DEFAULT_POOL_TIMEOUT = 30.0
DEFAULT_BLOCKING_CONNECTIONS = 32
DEFAULT_MAX_IN_FLIGHT = 100_000
DEFAULT_MAX_QUEUED_BYTES = 256 * 1024 * 1024

#: Options that require TLS.
TLS_DETAILS = ("tls_ca", "tls_certificate", "tls_key", "tls_host")

#: All options of encryption.
TLS_OPTIONS = ("ssl_context_factory", "tls", *TLS_DETAILS)


def _named(limits: Mapping[str, str]) -> str:
    return "; ".join(f"``{name}`` ({meaning})" for name, meaning in limits.items())


@documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class ConnectionOptions:
    """The options that all constructors share. Immutable; its repr omits passwords, keys and certificates.

    Constructors and factories take them as keyword arguments, and a URL in its query. Each value is validated at once.
    Times are seconds, as an int, a float or a ``datetime.timedelta``. The defaults are those of txredisapi's
    constructors; ``connect()`` has other ones: ``poolsize=10``, ``convertNumbers=False``, ``strict=True``.

    :raises ValueError: an option has a wrong type or is out of range; the error names the option.
    """

    dbid: int | None = option(
        None,
        check=check_dbid,
        read=readers.read_dbid,
        doc="""Number of the database that each new connection selects (SELECT). None: the server's default, 0.""",
    )
    poolsize: int = option(
        1,
        check=check_poolsize,
        read=readers.read_poolsize,
        doc="""Number of connections that the pool keeps, at least 1.""",
    )
    reconnect: bool = option(
        True,
        check=check_truth,
        read=readers.read_bool,
        doc="""Whether the pool replaces lost connections, with exponential back-off and jitter.""",
    )
    charset: str | None = option(
        "utf-8",
        check=check_charset,
        read=readers.read_charset,
        doc="""Encoding of str arguments and of replies; a superset of ASCII. A reply that it cannot decode stays bytes,
        unless ``undecodable`` is set. None: replies are bytes, and str arguments are sent as UTF-8.""",
    )
    undecodable: Undecodable = option(
        None,
        check=check_undecodable,
        read=readers.read_undecodable,
        doc="""What becomes of a string in a reply that ``charset`` cannot decode. None: it stays bytes. "replace": it
        is decoded with U+FFFD for what is malformed, so that all text is str. What is replaced is lost: different
        names of keys, fields or members can become the same one. "error": the command fails with ``DecodeError``,
        whose ``reply`` has the bytes; it was executed. In a batch, pipeline or EXEC only the command that has the
        string. Published messages and entries of ``rc.consume()`` have the bytes as with None, so that none is lost.
        ``rc.raw.get(key)`` returns the bytes. Without effect if ``charset`` is None.""",
    )
    username: Credential | None = option(
        None,
        check=check_credential,
        doc="""ACL user (Redis 6 and later) for AUTH on each new connection: str, bytes or int, or a function that
        returns it, as for ``password``. If there is no password, AUTH sends an empty one. None or "": the user
        ``default``.""",
    )
    password: Credential | None = option(
        None,
        check=check_credential,
        secret=True,
        doc="""Password for AUTH on each new connection: str, bytes or int; a str is sent as UTF-8, whatever ``charset``
        is. For tokens that expire: a function without arguments, called for each new connection, that returns the
        password or a Deferred of it, or a coroutine function. The call is part of the handshake, so ``connectTimeout``
        limits it (None: 30 seconds). If the function raises or returns another type, the attempt to connect fails.
        None: no AUTH, unless ``username`` is set.""",
    )
    clientName: str | None = option(
        None,
        check=check_client_name,
        read=readers.read_client_name,
        doc="""Name of each connection in the server's ``CLIENT LIST`` and log: visible ASCII characters without spaces.
        The handshake sends it with CLIENT SETNAME, and the name of this library with CLIENT SETINFO. The connection is
        used even if the server refuses these commands. None: neither is sent.""",
    )
    protocol: ProtocolVersion = option(
        2,
        check=check_protocol,
        read=readers.read_protocol,
        doc="""Version of the Redis protocol: 2, or 3 (Redis 6 and later), for which the handshake sends HELLO 3. The
        methods return the same values with either. A connection whose server refuses HELLO uses version 2, and the
        event ``protocol_refused`` tells why.""",
    )
    tls: bool = option(
        False,
        check=check_flag,
        read=readers.read_bool,
        doc="""True, or a ``rediss://`` URL: encrypt with TLS 1.2 or later, and verify the certificate chain and the
        host name. The verification cannot be turned off. Needs the extra ``tls``.""",
    )
    tls_ca: PEM | None = option(
        None,
        check=check_pem,
        read=readers.read_text,
        doc="""Certificate authorities to trust instead of the platform's: path of a PEM file, or PEM as bytes.""",
    )
    tls_certificate: PEM | None = option(
        None,
        check=check_pem,
        read=readers.read_text,
        secret=True,
        doc="""Certificate of the client, followed by its chain, for a server that requires one: path of a PEM file, or
        PEM as bytes.""",
    )
    tls_key: PEM | None = option(
        None,
        check=check_pem,
        read=readers.read_text,
        secret=True,
        doc="""Private key of the client's certificate, without a passphrase: path of a PEM file, or PEM as bytes. None:
        the key is in ``tls_certificate``.""",
    )
    tls_host: str | None = option(
        None,
        check=check_tls_host,
        read=readers.read_text,
        doc="""Host name that the server's certificate must be valid for. None: the host of the connection.""",
    )
    ssl_context_factory: object = option(
        False,
        check=check_context_factory,
        doc="""txredisapi's option of TLS. True: the same as ``tls=True``. A Twisted context factory or an
        ``IOpenSSLClientConnectionCreator`` of the program: it decides what is verified. False: see ``tls``. Needs the
        extra ``tls``.""",
    )
    connectTimeout: float | None = option(
        None,
        check=seconds_or_none(above_zero=True),
        read=readers.read_time_limit,
        doc=f"""Time limit of one attempt to connect in seconds, above 0. The handshake after it has the same limit
        again. None: {CONNECT_TIMEOUT_SECONDS}; 10 for a server that Sentinels find; 2 for a node of a cluster.""",
    )
    replyTimeout: float | None = option(
        None,
        check=seconds_or_none(),
        read=readers.read_seconds_or_none,
        doc="""Time limit of a reply in seconds. After that the command fails with ``ReplyTimeoutError``, and its
        connection is closed. None or 0: no limit.""",
    )
    poolTimeout: PoolTimeout = option(
        "default",
        check=check_pool_timeout,
        read=readers.read_seconds_or_none,
        doc=f"""Seconds that a command waits for a usable connection before it fails with ``NotSentError``. 0: the
        command fails at once. None: no limit. "default": ``replyTimeout``, or {DEFAULT_POOL_TIMEOUT:.0f} if that is
        None.""",
    )
    healthCheckInterval: float | None = option(
        None,
        check=seconds_or_none(),
        read=readers.read_seconds_or_none,
        doc="""Interval of the health check in seconds. A connection that is idle for so long gets a PING. A connection
        that has commands in flight and receives nothing for so long is considered dead: it is closed and replaced.
        Choose a time longer than the slowest command; blocking commands are exempt. TCP keep-alive gets the same
        interval. None or 0: no health check.""",
    )
    disconnectTimeout: float = option(
        5.0,
        check=seconds,
        read=readers.read_seconds,
        doc="""Seconds that ``disconnect()`` waits for the replies to commands in flight before it aborts the
        connections. 0: it aborts them at once.""",
    )
    maxBlockingConnections: int | None = option(
        None,
        check=count_or_none(0),
        read=readers.read_count_or_none,
        doc=f"""Number of connections that blocking commands (BLPOP, XREAD with BLOCK ...) may have beyond ``poolsize``.
        They are made when needed, and closed after 30 idle seconds. None: {DEFAULT_BLOCKING_CONNECTIONS}, or
        ``poolsize`` if that is more. 0: blocking commands use the connections of the pool.""",
    )
    maxInFlight: int | None = option(
        DEFAULT_MAX_IN_FLIGHT,
        check=count_or_none(1),
        read=readers.read_bound,
        doc="""Maximum number of commands in flight on one connection (accepted, and not yet answered). Each command of
        a batch counts; one batch may exceed the limit. A full connection accepts no further command until replies
        arrive; ``whenFull`` says what happens then, also to the commands of a transaction. None: no limit.""",
    )
    maxQueuedBytes: int | None = option(
        DEFAULT_MAX_QUEUED_BYTES,
        check=count_or_none(1),
        read=readers.read_bound,
        doc="""The same limit in bytes: the total size of the commands in flight on one connection, whether they are
        written yet or not. None: no limit.""",
        default_text="256 MiB",
    )
    whenFull: WhenFull = option(
        "wait",
        check=check_when_full,
        read=readers.read_when_full,
        doc="""What happens to a command if every free connection is full (``maxInFlight``, ``maxQueuedBytes``). "wait":
        it waits its turn, at most ``poolTimeout``. "fail": it fails at once with ``QueueFullError``. A transaction has
        a connection to itself, and begins by waiting for one that is not full. Its commands never wait: with "wait"
        they are sent beyond the limit; with "fail" they fail, and the transaction is not executed.""",
    )
    onUnclaimedReply: UnclaimedReply | None = option(
        None,
        check=check_callable,
        doc="""Function that receives elements without a caller: the server has removed an element for a blocking
        command (BLPOP ...) that was cancelled or timed out meanwhile. Called as ``onUnclaimedReply(command, reply)``;
        ``command`` is the tuple that was sent. It may put the element back. None: the element is lost, and a warning
        without its content is logged.""",
    )
    retry: RetryPolicy | None = option(
        None,
        check=check_retry,
        doc="""Which failed commands are sent again, how often and when: a ``RetryPolicy``. None: only those that are
        called through ``rc.retrying``.""",
    )
    cache: ClientCache | None = option(
        None,
        check=check_cache,
        doc="""Client-side caching, for ``rc.cached(ttl)``: a ``ClientCache``. None: there is none.""",
    )
    convertNumbers: ConvertNumbers = option(
        True,
        check=check_convert_numbers,
        read=readers.read_convert_numbers,
        doc="""Which bulk strings become numbers. True: ``[+-]?[0-9]+`` becomes an int, and a decimal fraction a float.
        "exact": only if formatting the number gives the same text (``007``, ``1.10`` and ``1.0`` stay text), so that
        different members of a set and fields of a hash stay different. False: none. ``rc.raw.get(key)`` returns a
        single reply as bytes.""",
    )
    strict: bool = option(
        False,
        check=check_flag,
        read=readers.read_bool,
        doc="""True: arguments that are not bytes, str, int, float or bool (``None``, a list) are refused. False: their
        ``str()`` is sent.""",
    )
    hooks: Sequence[CommandHook] = option(
        (),
        check=check_hooks,
        doc="""Objects whose methods ``command_started`` and ``command_ended`` are called around every command; see
        ``CommandHook``. Without hooks there is no cost.""",
    )
    slowCommandThreshold: float | None = option(
        None,
        check=seconds_or_none(),
        read=readers.read_seconds_or_none,
        doc="""Commands that take at least so many seconds are logged as slow; so are waits for a connection. The log
        has the command's name and the number of its arguments, but no argument. Blocking commands are not logged.
        None: no log.""",
    )
    limits: Mapping[str, int] = option(
        {},
        check=check_limits,
        doc=f"""Limits of the reply parser by name, at least 1 each: {_named(LIMITS)}. A reply beyond a limit ends the
        connection.""",
        default_text="as in brackets",
    )

    def __post_init__(self) -> None:
        """Validate every value once, and store it in the form that the package uses."""
        judge(self)
        self._check_tls()

    def _check_tls(self) -> None:
        if self.tls and not (self.ssl_context_factory is False or self.ssl_context_factory is True):
            raise ValueError("tls=True and an ssl_context_factory of your own exclude each other; give one of them")
        given = [name for name in TLS_DETAILS if getattr(self, name) is not None]
        if given and not (self.tls or self.ssl_context_factory is True):
            raise ValueError(f"{', '.join(given)} without tls=True: the connection would not be encrypted")
        if self.tls_key is not None and self.tls_certificate is None:
            raise ValueError("tls_key without tls_certificate: a private key belongs to a certificate; give both")

    @property
    def tls_context(self) -> object:
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
        """``poolTimeout`` in seconds, with "default" resolved."""
        if self.poolTimeout == "default":
            return self.replyTimeout if self.replyTimeout is not None else DEFAULT_POOL_TIMEOUT
        return self.poolTimeout


#: Every option, by name.
OPTIONS = options_of(ConnectionOptions)


def check_option(name: str, value: object) -> Any:
    """Validate one option; returns its value in the form that the package uses.

    :raises ValueError: the value has a wrong type or is out of range.
    """
    return OPTIONS[name].check(name, value)
