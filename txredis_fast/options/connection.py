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
    WhenFull,
    check_context_factory,
    check_convert_numbers,
    check_dbid,
    check_hooks,
    check_limits,
    check_pem,
    check_pool_timeout,
    check_poolsize,
    check_tls_host,
    check_when_full,
    count_or_none,
    seconds,
    seconds_or_none,
)
from .option import documented, judge, option, options_of
from .retry_policy import RetryPolicy, check_retry

if TYPE_CHECKING:
    from ..telemetry import CommandHook

__all__ = ["ConnectionOptions", "UnclaimedReply", "check_option"]

#: A program's function for the option ``onUnclaimedReply``: takes the command as a tuple, and its reply.
UnclaimedReply: TypeAlias = Callable[[Any, Any], object]

DEFAULT_POOL_TIMEOUT = 30.0
DEFAULT_BLOCKING_CONNECTIONS = 32
DEFAULT_MAX_IN_FLIGHT = 100_000
DEFAULT_MAX_QUEUED_BYTES = 256 * 1024 * 1024

#: Options that mean nothing without TLS.
TLS_DETAILS = ("tls_ca", "tls_certificate", "tls_key", "tls_host")

#: Options that say how to encrypt.
TLS_OPTIONS = ("ssl_context_factory", "tls", *TLS_DETAILS)


def _named(limits: Mapping[str, str]) -> str:
    return "; ".join(f"``{name}`` ({meaning})" for name, meaning in limits.items())


@documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class ConnectionOptions:
    """The options that all constructors share. Immutable; its repr leaves passwords, keys and certificates out.

    Each constructor, factory and URL takes these by keyword and judges them at once. Times are seconds, as an int, a
    float or a ``datetime.timedelta``.

    :raises ValueError: an option is of a wrong type or out of its range; the error names it.
    """

    dbid: int | None = option(
        None,
        check=check_dbid,
        read=readers.read_dbid,
        doc="""Number of the database that each new connection SELECTs. None: the server's default, 0.""",
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
        doc="""Encoding of str arguments and of replies; it must contain ASCII. A reply that cannot be decoded stays
        bytes. None: replies are bytes, and str arguments are sent as UTF-8.""",
    )
    username: Credential | None = option(
        None,
        check=check_credential,
        doc="""ACL user (Redis 6 and later) for AUTH on each new connection, as str, bytes or int, or as a function that
        returns it, as for ``password``. Without a password, AUTH sends an empty one. None or "": the user
        ``default``.""",
    )
    password: Credential | None = option(
        None,
        check=check_credential,
        secret=True,
        doc="""Password for AUTH on each new connection, as str, bytes or int; text is sent as UTF-8 whatever the
        charset. Or a function without arguments, which is called for each new connection and returns the password or
        a Deferred that fires with it, or a coroutine function: for tokens that expire. The call is part of the
        handshake, which ``connectTimeout`` bounds (30 seconds if that is None); an attempt to connect ends if the
        function raises or returns anything else. None: no AUTH, unless there is a user.""",
    )
    clientName: str | None = option(
        None,
        check=check_client_name,
        read=check_client_name,
        doc="""Name of each connection in the server's ``CLIENT LIST`` and log, sent with CLIENT SETNAME: visible ASCII
        characters without spaces. CLIENT SETINFO then names this library, too. A server that refuses either command
        is used all the same. None: neither command is sent.""",
    )
    tls: bool = option(
        False,
        check=check_flag,
        read=readers.read_bool,
        doc="""True (or a ``rediss://`` URL): TLS 1.2 or later that verifies the certificate chain and the host name;
        nothing switches the verification off. Needs the extra ``tls``.""",
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
        doc="""Certificate of the client with its chain after it, if the server asks for one: path of a PEM file, or PEM
        as bytes.""",
    )
    tls_key: PEM | None = option(
        None,
        check=check_pem,
        read=readers.read_text,
        secret=True,
        doc="""Private key of the client's certificate, not encrypted: path of a PEM file, or PEM as bytes. None: the
        key is in ``tls_certificate``.""",
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
        doc="""True: the same as ``tls=True``. Or the program's own Twisted context factory or
        ``IOpenSSLClientConnectionCreator``, which then decides what is verified. Needs the extra ``tls``.""",
    )
    connectTimeout: float | None = option(
        None,
        check=seconds_or_none(above_zero=True),
        read=readers.read_seconds_or_none,
        doc=f"""Seconds for one attempt to connect, above 0, and again for the handshake after it. None:
        {CONNECT_TIMEOUT_SECONDS}; through Sentinels, 10.""",
    )
    replyTimeout: float | None = option(
        None,
        check=seconds_or_none(),
        read=readers.read_seconds_or_none,
        doc="""Seconds to wait for a reply. Then the command fails with ``ReplyTimeoutError``, and its connection is
        closed. None: no limit.""",
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
        doc="""Seconds of idleness after which a connection is sent a PING, and seconds without progress after which a
        connection that owes a reply counts as dead: it is closed and replaced. Must be longer than the slowest command;
        blocking commands do not count. TCP keep-alive gets the same interval. None or 0: no health check.""",
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
        read=readers.read_count_or_none,
        doc="""Number of commands that one connection may have in flight (accepted, and not yet answered), each command
        of a batch counted. A full connection accepts no further command until replies arrive; the last batch may go
        beyond the limit. A transaction's own commands do not count. None: no limit.""",
    )
    maxQueuedBytes: int | None = option(
        DEFAULT_MAX_QUEUED_BYTES,
        check=count_or_none(1),
        read=readers.read_count_or_none,
        doc="""The same limit in bytes: of commands that one connection has not written yet, or that are not answered
        yet. None: no limit.""",
        default_text="256 MiB",
    )
    whenFull: WhenFull = option(
        "wait",
        check=check_when_full,
        read=readers.read_when_full,
        doc="""What a command does if every free connection is full (``maxInFlight``, ``maxQueuedBytes``). "wait": it
        waits its turn, at most ``poolTimeout``. "fail": it fails at once with ``QueueFullError``. A transaction waits
        for a connection with room. Its own commands, on a connection that nobody else uses, never wait: they are sent
        ("wait") or fail ("fail"), and after a failure the transaction is not executed.""",
    )
    onUnclaimedReply: UnclaimedReply | None = option(
        None,
        check=check_callable,
        doc="""Function for elements that nobody waits for any more, called as ``onUnclaimedReply(command, reply)``: the
        server took an element for a blocking command, but the command was cancelled or its time limit had passed. Put
        the element back, or use it. ``command`` is the tuple that was sent. None: the element is lost, and a warning
        without its content is logged.""",
    )
    retry: RetryPolicy | None = option(
        None,
        check=check_retry,
        doc="""Which failed commands are sent again, how often and when: a ``RetryPolicy``. None: only those that the
        program marks (``rc.retrying``).""",
    )
    convertNumbers: ConvertNumbers = option(
        True,
        check=check_convert_numbers,
        read=readers.read_convert_numbers,
        doc="""How bulk strings become numbers. True: ``[+-]?[0-9]+`` becomes int, and a decimal fraction float.
        "exact": only text that the number reproduces (``007``, ``1.10`` and ``1.0`` stay text), so that different
        members of a set and fields of a hash stay different. False: never. For one reply,
        ``rc.raw.get(key)`` returns the bytes as they arrived.""",
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
        doc="""Objects whose ``command_started`` and ``command_ended`` are called around every command; see
        ``CommandHook``. An empty sequence costs nothing.""",
    )
    slowCommandThreshold: float | None = option(
        None,
        check=seconds_or_none(),
        read=readers.read_seconds_or_none,
        doc="""Seconds from which on a command is logged as slow, and so is its wait for a connection. The log has the
        command's name and number of arguments, no argument. Blocking commands are never logged. None: no log.""",
    )
    limits: Mapping[str, int] = option(
        {},
        check=check_limits,
        doc=f"""Limits of the reply parser by name, at least 1 each: {_named(LIMITS)}. A reply beyond a limit ends the
        connection.""",
        default_text="as in brackets",
    )

    def __post_init__(self) -> None:
        """Judge every value once, and keep it as the package uses it."""
        judge(self)
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
    """Judge one option by itself; returns it as the package uses it.

    :raises ValueError: it is of a wrong type or out of its range.
    """
    return OPTIONS[name].check(name, value)
