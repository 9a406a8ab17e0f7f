"""Types of the keyword arguments that constructors and factories take, for typed programs and for ``help()``.

Type checkers cannot read keyword arguments from a dataclass, so the types of :class:`ConnectionOptions` stand here once
more, in groups: each option in exactly one. A test holds that both agree. What a function takes is a sum of groups,
because a typed dictionary may not repeat a parameter that the function names itself.

This module must not know what an option is used for.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict, TypeVar, cast

from .._checks import Credential, nearest
from ..transport import PEM
from .checks import ConvertNumbers, PoolTimeout, ProtocolVersion, Undecodable, WhenFull
from .connection import OPTIONS, ConnectionOptions, UnclaimedReply
from .option import options_of
from .retry_policy import RetryPolicy

if TYPE_CHECKING:
    from ..telemetry import CommandHook
    from .cache import ClientCache
    from .cluster import AddressMap, ReadFrom

__all__ = [
    "AllClusterOptions",
    "AllOptions",
    "AllOptionsOfAnyValues",
    "EndpointOptions",
    "EndpointOptionsOfAnyValues",
    "FactoryOptions",
    "MoreFactoryOptions",
    "MoreOptions",
    "SentinelOptions",
    "TCPConnectionOptions",
    "TCPPoolOptions",
    "UnixConnectionOptions",
    "UnixPoolOptions",
    "refuse_others",
    "shows_options",
]

F = TypeVar("F", bound=Callable[..., object])


# -- groups


class PoolGroup(TypedDict, total=False):
    """How many connections are kept."""

    poolsize: int


class KeptGroup(TypedDict, total=False):
    """Options of the connections that a pool keeps, which the factory of subscribers does not have."""

    dbid: int | None
    reconnect: bool


class ValuesGroup(TypedDict, total=False):
    """Options that decide the type of values; overloads name these as parameters."""

    charset: str | None
    convertNumbers: ConvertNumbers


class TextGroup(TypedDict, total=False):
    """A further option that decides the type of values, which txredisapi does not have."""

    undecodable: Undecodable


class CommonGroup(TypedDict, total=False):
    """The other options that txredisapi's constructors and its factory name as parameters."""

    password: Credential | None
    username: Credential | None
    replyTimeout: float | None


class InheritedOptions(ValuesGroup, CommonGroup, total=False):
    """Options that txredisapi's constructors and its factory name as parameters."""


class AttemptGroup(TypedDict, total=False):
    """Options of an attempt to connect; an endpoint brings its own."""

    connectTimeout: float | None


class ContextGroup(TypedDict, total=False):
    """txredisapi's way to ask for TLS."""

    ssl_context_factory: object


class TLSGroup(TypedDict, total=False):
    """TLS; an endpoint brings it with it."""

    tls: bool
    tls_ca: PEM | None
    tls_certificate: PEM | None
    tls_key: PEM | None
    tls_host: str | None


class AddedGroup(TypedDict, total=False):
    """Options that txredisapi does not have."""

    clientName: str | None
    protocol: ProtocolVersion
    poolTimeout: PoolTimeout
    healthCheckInterval: float | None
    disconnectTimeout: float
    maxBlockingConnections: int | None
    maxInFlight: int | None
    maxQueuedBytes: int | None
    whenFull: WhenFull
    onUnclaimedReply: UnclaimedReply | None
    retry: RetryPolicy | None
    cache: ClientCache | None
    strict: bool
    hooks: Sequence[CommandHook]
    slowCommandThreshold: float | None
    limits: Mapping[str, int]


class ClusterGroup(TypedDict, total=False):
    """The options of a cluster itself; see :class:`ClusterOptions`."""

    readFrom: ReadFrom
    clientZone: str | None
    addressMap: AddressMap
    topologyInterval: float
    maxRedirections: int
    nodeGrace: float


# -- the options of each way in


class MoreOptions(TextGroup, AddedGroup, TLSGroup, total=False):
    """Options that a constructor takes beside those it names; see :class:`ConnectionOptions`."""


class MoreFactoryOptions(TextGroup, AddedGroup, AttemptGroup, total=False):
    """Options that ``RedisFactory`` takes beside those it names; see :class:`ConnectionOptions`."""


class FactoryOptions(InheritedOptions, MoreFactoryOptions, total=False):
    """Options that the factories of subscribers and of monitors take; see :class:`ConnectionOptions`."""


class EndpointOptionsOfAnyValues(CommonGroup, AddedGroup, KeptGroup, PoolGroup, total=False):
    """Those of ``from_endpoint`` without :class:`ValuesGroup` and :class:`TextGroup`."""


class EndpointOptions(ValuesGroup, TextGroup, EndpointOptionsOfAnyValues, total=False):
    """Options that ``from_endpoint`` takes: all but those of the endpoint itself; see :class:`ConnectionOptions`."""


class SentinelOptionsOfAnyValues(CommonGroup, AddedGroup, KeptGroup, AttemptGroup, ContextGroup, TLSGroup, total=False):
    """Those of a connection to a Sentinel without :class:`ValuesGroup` and :class:`TextGroup`."""


class SentinelOptions(ValuesGroup, TextGroup, SentinelOptionsOfAnyValues, total=False):
    """Options of the connections to Sentinels, one to each; see :class:`ConnectionOptions`."""


class AllOptionsOfAnyValues(SentinelOptionsOfAnyValues, PoolGroup, total=False):
    """Every option without :class:`ValuesGroup` and :class:`TextGroup`."""


class AllOptions(ValuesGroup, TextGroup, AllOptionsOfAnyValues, total=False):
    """Every option; see :class:`ConnectionOptions`."""


class AllClusterOptions(AllOptions, ClusterGroup, total=False):
    """Every option of a cluster; see :class:`ClusterOptions`."""


# -- for overloads: the rest beside the parameters that decide the type of values, and the first three


class _AfterDbid(CommonGroup, AttemptGroup, AddedGroup, total=False):
    reconnect: bool


class UnixConnectionOptions(_AfterDbid, TLSGroup, total=False):
    """Options of ``UnixConnection`` after ``dbid``."""


class UnixPoolOptions(UnixConnectionOptions, PoolGroup, total=False):
    """Options of ``UnixConnectionPool`` after ``dbid``."""


class TCPConnectionOptions(UnixConnectionOptions, ContextGroup, total=False):
    """Options of ``Connection`` after ``dbid``."""


class TCPPoolOptions(TCPConnectionOptions, PoolGroup, total=False):
    """Options of ``ConnectionPool`` after ``dbid``."""


# -- at run time


def refuse_others(taker: str, keywords: Mapping[str, object], taken: type) -> None:
    """Refuse keywords that a typed dictionary does not have, as Python itself would.

    :param taker: names the function, for the error.
    :raises TypeError: there is one.
    """
    for name in keywords:
        if name not in taken.__annotations__:
            raise _unknown(taker, name, taken.__annotations__)


def shows_options(
    taken: type, defaults: Mapping[str, object] | None = None, *, declaring: type = ConnectionOptions
) -> Callable[[F], F]:
    """Decorate a function that takes a typed dictionary's options by keyword: ``help()`` lists them, with defaults.

    A function refuses keywords that are no option by its own name, and names the nearest of its own parameters. Those
    that are an option, and not its own, it refuses itself.

    :param defaults: the function's own, where they differ from those of the options.
    :param declaring: the class of the options that are listed. Others that ``taken`` has are accepted as well.
    """

    def decorate(function: F) -> F:
        shown = _Shown(function, taken, defaults or {}, declaring)
        own = shown.own_names
        name = function.__name__
        known = taken.__annotations__
        refuses = "self" not in own

        @functools.wraps(function)
        def judged(*args: object, **keywords: object) -> object:
            for each in keywords:
                if refuses and each not in own and each not in known:
                    if each == "poolsize" and name.endswith("Connection"):
                        raise TypeError(f"{name}() has one connection; {name}Pool() takes poolsize")
                    if each not in OPTIONS:
                        raise _unknown(f"{name}()", each, shown.all_names)
            return function(*args, **keywords)

        judged.__wrapped__ = shown  # type: ignore[assignment]
        return cast("F", judged)

    return decorate


class _Shown:
    """The ``__wrapped__`` of a function with options: ``inspect.signature()`` takes the signature from here.

    The signature is made when it is asked for. Those of all functions would take memory that few programs need.
    """

    def __init__(
        self, function: Callable[..., object], taken: type, defaults: Mapping[str, object], declaring: type
    ) -> None:
        self.__wrapped__ = function
        self._taken = taken
        self._defaults = defaults
        self._declaring = declaring

    @property
    def own_names(self) -> tuple[str, ...]:
        """The parameters of the function itself."""
        code = self.__wrapped__.__code__
        return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    @property
    def all_names(self) -> set[str]:
        """The names that the function takes."""
        taken = self._taken.__annotations__
        return {*self.own_names, *(taken.keys() & options_of(self._declaring).keys()), *(taken.keys() - OPTIONS.keys())}

    @property
    def __signature__(self) -> inspect.Signature:
        signature = inspect.signature(self.__wrapped__)
        # ``*args`` and ``**kwargs`` are there only to refuse further arguments in words.
        named = [signature.parameters[name] for name in self.own_names]
        added = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=self._defaults.get(name, option.default),
                annotation=_annotations(self._declaring)[name],
            )
            for name, option in options_of(self._declaring).items()
            if name in self._taken.__annotations__ and name not in self.own_names
        ]
        return signature.replace(parameters=[*named, *added])


def _annotations(declaring: type) -> dict[str, object]:
    return {
        name: kind for cls in reversed(declaring.__mro__) for name, kind in vars(cls).get("__annotations__", {}).items()
    }


#: By redis-py's name of an option, where the name here is not like it.
_OF_REDIS_PY = {
    "db": "dbid",
    "decode_responses": "charset",
    "encoding": "charset",
    "encoding_errors": "undecodable",
    "max_connections": "poolsize",
    "socket_timeout": "replyTimeout",
    "ssl": "tls",
    "timeout": "replyTimeout",
}


def _unknown(taker: str, name: str, known: Iterable[str]) -> TypeError:
    known = set(known)
    close = sorted(known & {_OF_REDIS_PY.get(name, "")}) or nearest(name, known)
    advice = f"; the nearest: {', '.join(close)}" if close else ""
    return TypeError(f"{taker} got an unexpected keyword argument {name!r}{advice}")
