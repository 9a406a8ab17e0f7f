"""Views of a handler: the same commands, each sent with options; and the namespaces of a handler.

Views are combined by chaining: ``rc.raw.withTimeout(2).get("key")``.

This module must not know how a command is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, TypeVar

from twisted.internet.defer import Deferred

from .._types import V
from ..batching import Batch
from ..commands import Commands
from ..commands._parts import unknown_name
from ..commands.modules import NAMESPACES, NamespaceAttribute
from ..helpers import RegisteredScripts, ScanIterators
from ..inflight import check_timeout, fast_path_of_cached
from ..pool import Pool
from .calls import no_cache

if TYPE_CHECKING:
    from ..caching import Cache, CachedView

__all__ = ["CachedReads", "CommandView", "with_namespaces"]

_Class = TypeVar("_Class", bound=type)


class Host(Protocol):
    """The handler that sends the commands of a view."""

    def execute_command(self, *args: object, **kwargs: object) -> Deferred[Any]:
        """Send a command."""

    def batch(
        self, commands: Batch | Iterable[Sequence[Any]], *, raise_on_error: bool = True, timeout: float | None = None
    ) -> Deferred[list[Any]]:
        """Send many commands in one write."""


class CommandView(Commands[V], ScanIterators[V], RegisteredScripts):
    """The commands of a handler, with options of ``execute_command``."""

    def __init__(self, host: Host, options: Mapping[str, Any]) -> None:
        self._host = host
        self._options = dict(options)

    def __repr__(self) -> str:
        return f"<{self._host!r} with {', '.join(f'{name}={value!r}' for name, value in self._options.items())}>"

    def execute_command(self, *args: object, **kwargs: object) -> Deferred[Any]:
        """Send a command with the options of this view; else as the handler's."""
        return self._host.execute_command(*args, **{**kwargs, **self._options})

    def batch(self, commands: Batch | Iterable[Sequence[Any]], *, raise_on_error: bool = True) -> Deferred[list[Any]]:
        """Send many commands within the time limit of this view; else as the handler's."""
        return self._host.batch(commands, raise_on_error=raise_on_error, timeout=self._options.get("timeout"))

    @property
    def raw(self) -> CommandView[bytes]:
        """As the handler's."""
        return CommandView(self._host, {**self._options, "raw": True})

    @property
    def retrying(self) -> CommandView[V]:
        """As the handler's."""
        return CommandView(self._host, {**self._options, "retry": True})

    def withTimeout(self, seconds: float) -> CommandView[V]:
        """As the handler's."""
        return CommandView(self._host, {**self._options, "timeout": check_timeout(seconds)})

    if not TYPE_CHECKING:  # type checkers report an unknown name themselves

        def __getattr__(self, name: str) -> NoReturn:
            raise unknown_name(self, name)


class CachedReads(Generic[V]):
    """``cached`` and ``cache`` of a handler."""

    _factory: Pool
    #: The views of the cache by time to live, as soon as one was asked for.
    _views: dict[float, CachedView[Any]] = {}  # noqa: RUF012 - never changed; an instance gets its cache's

    @fast_path_of_cached
    def cached(self, ttl: float | None = None) -> CachedView[V]:
        """The commands that read keys, answered from memory where it has a young reply: ``rc.cached(60).get("key")``.

        Needs the option ``cache``. The server tells of each change; see :class:`~txredis_fast.ClientCache`.

        :param ttl: age in seconds that is accepted, 0 or more; 0: the server is asked. None: ``default_ttl``.
        :raises RedisError: the handler was made without the option ``cache``.
        :raises ValueError: ``ttl`` is not a finite number, 0 or more.
        """
        cache = self.cache
        self._views = cache.views
        return cache.view(ttl)

    @property
    def cache(self) -> Cache:
        """The cache that :meth:`cached` reads from, with ``forget(*keys)``, ``clear()`` and ``stats()``.

        :raises RedisError: the handler was made without the option ``cache``.
        """
        cache: Any = self._factory.cache
        if cache is None:
            raise no_cache()
        return cache  # type: ignore[no-any-return]


def with_namespaces(cls: _Class) -> _Class:
    """Decorate the handlers' class: a method of a program's protocol goes before the namespace of the same name.

    Programs from before there were namespaces may have a method ``search``, for example.
    """
    for name in NAMESPACES:
        setattr(cls, name, _namespace(name, getattr(Commands, name)))
    return cls


def _namespace(name: str, own: NamespaceAttribute[Any]) -> NamespaceAttribute[Any]:
    def find(handler: Any) -> Any:
        if getattr(handler._factory.protocol, name, own) is own:
            return own.__get__(handler)
        return handler.__getattr__(name)

    find.__doc__ = own.__doc__
    return NamespaceAttribute(find)
