"""``connect()``: the front door for programs that are not written for txredisapi.

It differs from txredisapi's constructors where these surprise:

- The first connection gets one attempt. If that fails, so does the call, and says which server and why; txredisapi's
  constructors try for ever. Once it is up, lost connections are made again for ever.
- Numbers are not guessed: bulk strings stay text, unless the option ``convertNumbers`` is given.
- Arguments without a natural encoding (``None``, a list) are refused.

This module must not know how connections are kept.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from .._checks import check_host, check_port, check_truth
from .._reactor import current_reactor
from .._tunables import CONNECT_TIMEOUT_SECONDS
from .._types import V
from ..client import ConnectionHandler, Opening
from ..exceptions import ConnectionFailedError
from ..options import AllClusterOptions, RedisURL, refuse_others, shows_options
from .constructors import open_url, options_for

if TYPE_CHECKING:
    from typing import overload

    from typing_extensions import Unpack

    from ..options import AllOptionsOfAnyValues, ConvertNumbers, Undecodable
else:
    from .._lazy import overload

__all__ = ["DEFAULTS", "Connecting", "address_of", "connect"]

#: Defaults of options where they differ from txredisapi's.
DEFAULTS: Mapping[str, Any] = {"convertNumbers": False, "strict": True, "poolsize": 10}

#: The environment variable with the URL, where a program gives none; and the URL without both.
ENVIRONMENT = "REDIS_URL"
LOCAL = "redis://localhost:6379"

#: How the texts of the pool's errors begin.
_PREFIXES = ("Redis error: ", "could not connect: ")


class Connecting(Opening[ConnectionHandler[V]]):
    """Fires with the handler when the first connection is up; also a context manager, which closes the handler.

    It fails with :exc:`ConnectionFailedError`: the server, and the reason.
    """


@overload
def connect(
    url: str | None = ...,
    *,
    host: str | None = ...,
    port: int | None = ...,
    lazy: Literal[False] = ...,
    charset: None,
    convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ...,
    sentinel_options: Mapping[str, Any] | None = ...,
    **options: Unpack[AllOptionsOfAnyValues],
) -> Connecting[bytes]: ...


@overload
def connect(
    url: str | None = ...,
    *,
    host: str | None = ...,
    port: int | None = ...,
    lazy: Literal[False] = ...,
    charset: str = ...,
    convertNumbers: Literal[False] = ...,
    undecodable: None = ...,
    sentinel_options: Mapping[str, Any] | None = ...,
    **options: Unpack[AllOptionsOfAnyValues],
) -> Connecting[str | bytes]: ...


@overload
def connect(
    url: str | None = ...,
    *,
    host: str | None = ...,
    port: int | None = ...,
    lazy: Literal[False] = ...,
    charset: str = ...,
    convertNumbers: Literal[False] = ...,
    undecodable: Literal["replace", "error"],
    sentinel_options: Mapping[str, Any] | None = ...,
    **options: Unpack[AllOptionsOfAnyValues],
) -> Connecting[str]: ...


@overload
def connect(
    url: str | None = ...,
    *,
    host: str | None = ...,
    port: int | None = ...,
    lazy: Literal[False] = ...,
    sentinel_options: Mapping[str, Any] | None = ...,
    **options: Unpack[AllClusterOptions],
) -> Connecting: ...


@overload
def connect(
    url: str | None = ...,
    *,
    host: str | None = ...,
    port: int | None = ...,
    lazy: Literal[True],
    charset: None,
    convertNumbers: ConvertNumbers = ...,
    undecodable: Undecodable = ...,
    sentinel_options: Mapping[str, Any] | None = ...,
    **options: Unpack[AllOptionsOfAnyValues],
) -> ConnectionHandler[bytes]: ...


@overload
def connect(
    url: str | None = ...,
    *,
    host: str | None = ...,
    port: int | None = ...,
    lazy: Literal[True],
    charset: str = ...,
    convertNumbers: Literal[False] = ...,
    undecodable: None = ...,
    sentinel_options: Mapping[str, Any] | None = ...,
    **options: Unpack[AllOptionsOfAnyValues],
) -> ConnectionHandler[str | bytes]: ...


@overload
def connect(
    url: str | None = ...,
    *,
    host: str | None = ...,
    port: int | None = ...,
    lazy: Literal[True],
    charset: str = ...,
    convertNumbers: Literal[False] = ...,
    undecodable: Literal["replace", "error"],
    sentinel_options: Mapping[str, Any] | None = ...,
    **options: Unpack[AllOptionsOfAnyValues],
) -> ConnectionHandler[str]: ...


@overload
def connect(
    url: str | None = ...,
    *,
    host: str | None = ...,
    port: int | None = ...,
    lazy: Literal[True],
    sentinel_options: Mapping[str, Any] | None = ...,
    **options: Unpack[AllClusterOptions],
) -> ConnectionHandler: ...


@shows_options(AllClusterOptions, DEFAULTS)
def connect(
    url: str | None = None,
    *others: object,
    host: str | None = None,
    port: int | None = None,
    lazy: bool = False,
    sentinel_options: Mapping[str, Any] | None = None,
    **options: Unpack[AllClusterOptions],
) -> Connecting | ConnectionHandler:
    """Connect to a server, to a unix socket, to the master of a Sentinel service, or to a cluster.

    ``async with redis.connect("redis://localhost:6379/0") as rc:`` or ``rc = await redis.connect(host="localhost")``.

    :param url: ``redis``, ``rediss``, ``valkey``, ``valkeys``, ``unix``, ``redis+sentinel``, ``redis+cluster``,
        ``rediss+cluster``, or the last two with ``valkey``, see :meth:`RedisURL.parse`. None: the host and port given;
        if there are none, the environment's ``REDIS_URL``; if that is empty, ``redis://localhost:6379``.
    :param host: a host instead of a URL; ``localhost`` where only a port is given.
    :param port: its port; 6379 where only a host is given.
    :param lazy: return the handler at once, and connect in the background. A command then waits for a connection, as
        the option ``poolTimeout`` says.
    :param sentinel_options: options of the connections to the Sentinels, such as their own ``password``.
    :param options: fields of :class:`~txredis_fast.ConnectionOptions`, which win over those in the URL. Other defaults
        than there: ``convertNumbers`` False, ``strict`` True, ``poolsize`` 10. For a cluster, also fields of
        :class:`~txredis_fast.ClusterOptions`; its ``poolsize`` is 1 for each node.
    :returns: a :class:`Connecting`, which fires with the handler when the first connection is up. There is one attempt,
        of ``connectTimeout`` seconds (30) at most, handshake included. It fails with :exc:`ConnectionFailedError`.
        ``lazy``: the handler. A cluster: see :func:`~txredis_fast.ClusterConnection`.
    :raises ValueError: the URL, the address or an option is wrong.
    """
    refuse_others("connect()", options, AllClusterOptions)
    if others:  # such as a port, behind a host
        raise TypeError('connect() takes a URL, connect("redis://host:6379"), or connect(host=..., port=...)')
    lazy = check_truth("lazy", lazy)
    parsed = address_of(url, host, port)
    chosen = options_for(parsed, {**defaults_of(parsed), **parsed.options, **options})
    if lazy or parsed.is_cluster:
        handler, opening = open_url(parsed, chosen, lazy, sentinel_options)
        return handler if lazy else opening  # type: ignore[no-any-return]
    # One connection and one attempt at first; the others follow when it is up.
    one = dataclasses.replace(chosen, reconnect=False, poolsize=1)
    first: Deferred[Any]
    handler, first = open_url(parsed, one, False, sentinel_options)
    factory = handler._factory
    connecting = Connecting(lambda _: first.cancel())
    server, known = _named(parsed), factory.observer.server
    limit = chosen.connectTimeout or CONNECT_TIMEOUT_SECONDS
    first.addTimeout(limit, current_reactor(), lambda _, seconds: _too_long(factory.known_reason(), seconds))

    def up(handler: ConnectionHandler) -> None:
        factory.reconnect = chosen.reconnect
        factory.grow(chosen.poolsize)
        connecting.callback(handler)

    def failed(failure: Failure) -> None:
        if not connecting.called:
            connecting.errback(failure if failure.check(CancelledError) else _in_words(server, known, failure))

    first.addCallback(up).addErrback(failed)
    return connecting


def defaults_of(parsed: RedisURL) -> dict[str, Any]:
    """The defaults of ``connect()`` for a URL. A cluster's ``poolsize`` is that of each node."""
    return {name: value for name, value in DEFAULTS.items() if name != "poolsize" or not parsed.is_cluster}


def address_of(url: str | None, host: str | None, port: int | None) -> RedisURL:
    """The address to connect to, of a program that gives a URL, or host and port, or neither; see :func:`connect`."""
    if host is not None or port is not None:
        if url is not None:
            raise ValueError("give either a URL, or host and port")
        at = check_host("host", "localhost" if host is None else host), check_port("port", port or 6379)
        return RedisURL("redis", (at,), "", "", {})
    if isinstance(url, str) and "://" not in url:
        raise ValueError(
            "a URL begins with a scheme, as redis://localhost:6379 does; a host is given as host=..., and port=..."
        )
    if url is not None:
        return RedisURL.parse(url)
    try:
        return RedisURL.parse(os.environ.get(ENVIRONMENT) or LOCAL)
    except ValueError as error:  # of what the program's source does not show
        raise ValueError(f"the environment's {ENVIRONMENT}: {error}") from None


def _named(parsed: RedisURL) -> str:
    if parsed.path:
        return parsed.path
    places = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in parsed.addresses)
    return f"service {parsed.service} of the Sentinels {places}" if parsed.service else places


def _too_long(reason: str, seconds: float) -> NoReturn:
    told = f" ({reason})" if reason else ""
    raise ConnectionFailedError(f"no connection was usable within {seconds:g} seconds{told}")


def _in_words(server: str, known: str, failure: Failure) -> Exception:
    """The error of the caller: the server, and the reason without the words common to all.

    :param known: the server's name in the failure's text.
    """
    text = failure.getErrorMessage()
    for prefix in (*_PREFIXES, f"{known}: ", f"{server}: "):
        text = text.removeprefix(prefix)
    text = text.removesuffix(f" ({known})").removesuffix(f", to {known}")
    return ConnectionFailedError(f"{server}: {text}")
