"""A view of a handler whose reads may be answered from memory: ``rc.cached(60)``.

This module must not know how anything is kept or fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from twisted.internet.defer import Deferred, fail

from .._checks import check_seconds
from .._types import Argument, V
from ..commands import Commands
from ..commands._parts import unknown_name
from ..exceptions import RedisError
from ..inflight import check_timeout, limit_error
from . import FastView, fast_path_of_view

if TYPE_CHECKING:
    from .cache import Cache

__all__ = ["CachedView", "check_ttl"]

#: Options of commands that are about sending, and have no meaning for a read from memory.
_WITHOUT_MEANING = ("apply_timeout", "retry")


def check_ttl(ttl: object) -> float:
    """Check and return a time to live in seconds.

    :raises ValueError: it is not a finite number, 0 or more.
    """
    return check_seconds("ttl", ttl)  # type: ignore[no-any-return]


class CachedView(FastView, Commands[V]):
    """The commands that read keys, answered from memory where it has a reply that is young enough.

    Made by ``rc.cached(ttl)``. Every other command fails with :exc:`RedisError`, and nothing is sent: writes, blocking
    commands, those without a key, and those whose reply changes by itself (TTL, SCAN, RANDOMKEY ...). Errors are never
    kept; nil is. Lists, sets and dicts are the caller's own.
    """

    _eval_by_hash = False

    def __init__(self, cache: Cache, ttl: float, options: Mapping[str, Any] | None = None) -> None:
        """Make one; ``rc.cached(ttl)`` does it."""
        self._cache = cache
        self._options = dict(options or {})
        super().__init__(cache.store, ttl, not self._options)

    def __repr__(self) -> str:
        more = "".join(f", {name}={value!r}" for name, value in self._options.items())
        return f"<CachedView of {self._cache!r} max_age={self.max_age}{more}>"

    @fast_path_of_view
    def execute_command(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Read by any cacheable command: ``rc.cached(60).execute_command("GET", "key")``.

        :returns: fires with the value; fails with :exc:`RedisError` if the command cannot be cached.
        """
        options = {**kwargs, **self._options}
        convert = options.pop("post_proc", None)
        raw = bool(options.pop("raw", False))
        timeout = options.pop("timeout", None)
        if options.pop("blocking", False):
            return fail(RedisError("A blocking command cannot be cached; call it on the handler itself"))
        for name in _WITHOUT_MEANING:
            options.pop(name, None)
        if options:
            return fail(TypeError(f"execute_command() has no option {', '.join(options)}"))
        wrong = None if timeout is None else limit_error(timeout)
        if wrong is not None:
            return fail(wrong)
        return self._cache.read(args, convert, raw, self.max_age, timeout)

    def peek_any(self, args: Sequence[Argument], default: Any) -> Any:
        """See :meth:`.FastView.peek_any`."""
        return self._cache.peek(args, bool(self._options.get("raw", False)), self.max_age, default)

    @property
    def raw(self) -> CachedView[bytes]:
        """The same, with replies left as bytes."""
        return CachedView(self._cache, self.max_age, {**self._options, "raw": True})

    def withTimeout(self, seconds: float) -> CachedView[V]:
        """The same, each read with a time limit.

        :param seconds: from the call to the reply, above 0. A read that waits longer fails with
            :exc:`ReplyTimeoutError`; its fetch goes on for others.
        :raises ValueError: ``seconds`` is not a number above 0.
        """
        return CachedView(self._cache, self.max_age, {**self._options, "timeout": check_timeout(seconds)})

    def batch(self, commands: Iterable[Sequence[Any]], **options: Any) -> Deferred[list[Any]]:
        """Fails: a cached read needs no batch; ``mget`` reads several keys at once."""
        return fail(RedisError("A batch cannot be cached: use mget, or gather the Deferreds of single reads"))

    if not TYPE_CHECKING:  # type checkers report an unknown name themselves

        def __getattr__(self, name: str) -> NoReturn:
            raise unknown_name(self, name)
