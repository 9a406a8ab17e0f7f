"""A view of a handler whose reads may be answered from memory: ``rc.cached(60)``.

This module must not know how anything is kept or fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from twisted.internet.defer import Deferred, fail

from .._checks import check_seconds
from .._types import Argument, Converter, V
from ..commands import Commands
from ..commands._parts import unknown_name
from ..exceptions import RedisError
from ..inflight import check_timeout, limit_error
from . import FastView, fast_path_of_view

if TYPE_CHECKING:
    from .cache import Cache

__all__ = ["CachedCommands", "CachedView", "check_ttl", "read_options"]

#: Options of commands that are about sending, and have no meaning for a read from memory.
_WITHOUT_MEANING = ("apply_timeout", "retry")


def check_ttl(ttl: object) -> float:
    """Check and return a time to live in seconds.

    :raises ValueError: it is not a finite number, 0 or more.
    """
    return check_seconds("ttl", ttl)  # type: ignore[no-any-return]


def read_options(options: Mapping[str, Any]) -> tuple[Converter | None, bool, float | None]:
    """Take the options of ``execute_command`` that a cached read has.

    :returns: the converter, whether strings stay bytes, and seconds from the call to the reply, or None.
    :raises RedisError: the command may block.
    :raises TypeError: there is no such option.
    :raises ValueError: the time is none.
    """
    left = dict(options)
    convert = left.pop("post_proc", None)
    raw = bool(left.pop("raw", False))
    timeout = left.pop("timeout", None)
    if left.pop("blocking", False):
        raise RedisError("A blocking command cannot be cached; call it on the handler itself")
    for name in _WITHOUT_MEANING:
        left.pop(name, None)
    if left:
        raise TypeError(f"execute_command() has no option {', '.join(left)}")
    wrong = None if timeout is None else limit_error(timeout)
    if wrong is not None:
        raise wrong
    return convert, raw, timeout


class CachedCommands(Commands[V]):
    """The commands of ``rc.cached(ttl)``, of one server or of several."""

    _eval_by_hash = False
    _options: Mapping[str, Any]
    #: Age in seconds that is accepted.
    max_age: float

    def __repr__(self) -> str:
        more = "".join(f", {name}={value!r}" for name, value in self._options.items())
        return f"<{type(self).__name__} of {self._owner()!r} max_age={self.max_age}{more}>"

    def _owner(self) -> object:
        """Return the cache that it reads from."""
        raise NotImplementedError

    def _with(self, name: str, value: object) -> Any:
        """Return the same view with one more option."""
        raise NotImplementedError

    @property
    def raw(self) -> CachedCommands[bytes]:
        """The same, with replies left as bytes."""
        view: CachedCommands[bytes] = self._with("raw", True)
        return view

    def withTimeout(self, seconds: float) -> CachedCommands[V]:
        """The same, each read with a time limit.

        :param seconds: from the call to the reply, above 0. A read that waits longer fails with
            :exc:`ReplyTimeoutError`; its fetch goes on for others.
        :raises ValueError: ``seconds`` is not a number above 0.
        """
        view: CachedCommands[V] = self._with("timeout", check_timeout(seconds))
        return view

    def batch(self, commands: Iterable[Sequence[Any]], **options: Any) -> Deferred[list[Any]]:
        """Fails: a cached read needs no batch; ``mget`` reads several keys at once."""
        return fail(RedisError("A batch cannot be cached: use mget, or gather the Deferreds of single reads"))

    if not TYPE_CHECKING:  # type checkers report an unknown name themselves

        def __getattr__(self, name: str) -> NoReturn:
            raise unknown_name(self, name)


class CachedView(FastView, CachedCommands[V]):
    """The commands that read keys, answered from memory where it has a reply that is young enough.

    Made by ``rc.cached(ttl)``. Every other command fails with :exc:`RedisError`, and nothing is sent: writes, blocking
    commands, those without a key, and those whose reply changes by itself (TTL, SCAN, RANDOMKEY ...). Errors are never
    kept; nil is. Lists, sets and dicts are the caller's own.
    """

    def __init__(self, cache: Cache, ttl: float, options: Mapping[str, Any] | None = None) -> None:
        """Make one; ``rc.cached(ttl)`` does it."""
        self._cache = cache
        self._options = dict(options or {})
        super().__init__(cache.store, ttl, not self._options)

    @fast_path_of_view
    def execute_command(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Read by any cacheable command: ``rc.cached(60).execute_command("GET", "key")``.

        :returns: fires with the value; fails with :exc:`RedisError` if the command cannot be cached.
        """
        try:
            convert, raw, timeout = read_options({**kwargs, **self._options})
        except Exception:
            return fail()
        return self._cache.read(args, convert, raw, self.max_age, timeout)

    def _owner(self) -> Cache:
        return self._cache

    def _with(self, name: str, value: object) -> CachedView[Any]:
        return CachedView(self._cache, self.max_age, {**self._options, name: value})

    def peek_any(self, args: Sequence[Argument], default: Any) -> Any:
        """See :meth:`.FastView.peek_any`."""
        return self._cache.peek(args, bool(self._options.get("raw", False)), self.max_age, default)
