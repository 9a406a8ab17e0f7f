"""Reads that the cache cannot answer: reads from the pool, and those repeated after their fetch has failed.

This module must not know how anything is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from .._types import Converter, Reply
from ..exceptions import InvalidResponse, MaybeExecutedError, NotSentError
from ..options import ClientCache
from . import Store, deliver

if TYPE_CHECKING:
    from ..pool import Pool

__all__ = ["PoolReads", "ReadAgain", "UncachedReads"]


class UncachedReads(Protocol):
    """Executes the reads that a cache cannot answer."""

    def read(self, args: Sequence[Any], options: Mapping[str, Any], /) -> Deferred[Any]:
        """Read without the cache.

        :param args: the command's name and its arguments.
        :param options: ``post_proc``, ``raw`` and perhaps ``timeout``, as of ``execute_command``.
        """

    def again(self, args: Sequence[Any], raw: bool, error: Exception | None, /) -> Callable[[], Deferred[Any]] | None:
        """Decide on the reads of a fetch that has failed.

        :param args: the command's name and its arguments, as they are sent.
        :param error: what the server has answered, or what the connection was lost with; None: the reply has come, and
            its key has expired meanwhile.
        :returns: reads again, and returns what fires with the reply, not converted; None: the error is the answer.
        """


class PoolReads:
    """Reads from the pool of a cache."""

    def __init__(self, pool: Pool, options: ClientCache) -> None:
        self._pool = pool
        self._options = options

    def read(self, args: Sequence[Any], options: Mapping[str, Any]) -> Deferred[Any]:
        """Read by the pool's handler."""
        sent: Deferred[Any] = self._pool.handler.execute_command(*args, **options)
        return sent

    def again(self, args: Sequence[Any], raw: bool, error: Exception | None) -> Callable[[], Deferred[Any]] | None:
        """Repeat reads that were never sent, and lost ones if the option ``retry`` allows that."""
        policy = self._pool.retryPolicy
        if self._pool.disconnectCalled:
            return None
        if error is None:
            pass
        elif isinstance(error, NotSentError):
            if self._options.while_down == "fail":
                return None
        elif not (isinstance(error, MaybeExecutedError) and policy is not None and policy.read_only):
            return None
        return lambda: self.read(args, {"raw": raw})


class ReadAgain:
    """One further read for all that have waited for a fetch. Called with the Deferred and the converter of each."""

    def __init__(self, begin: Callable[[], Deferred[Any]], store: Store, is_several: bool) -> None:
        """Make one; the first call begins the read.

        :param begin: see :meth:`UncachedReads.again`.
        :param store: counts the reads.
        :param is_several: whether the reply is that of MGET of one key, and its value is wanted.
        """
        self._begin: Callable[[], Deferred[Any]] | None = begin
        self._store = store
        self._is_several = is_several
        self._waiting: list[tuple[Deferred[Any], Converter | None]] = []
        self._result: Reply | Failure = None
        self._is_over = False

    def __call__(self, deferred: Deferred[Any], convert: Converter | None) -> None:
        """Have a Deferred wait."""
        self._store.uncached += 1
        if self._is_over:
            self._answer(deferred, convert)
            return
        self._waiting.append((deferred, convert))
        begin, self._begin = self._begin, None
        if begin is not None:
            maybeDeferred(begin).addBoth(self._ended)

    def _ended(self, result: Reply | Failure) -> None:
        if self._is_several and not isinstance(result, Failure):
            if isinstance(result, list) and len(result) == 1:
                (result,) = result
            else:
                result = Failure(InvalidResponse("MGET of one key was answered with something else than a value"))
        self._result = result
        self._is_over = True
        waiting, self._waiting = self._waiting, []
        for deferred, convert in waiting:
            self._answer(deferred, convert)

    def _answer(self, deferred: Deferred[Any], convert: Converter | None) -> None:
        if isinstance(self._result, Failure):
            if not deferred.called:
                deferred.errback(self._result.value)
        else:
            deliver(deferred, convert, self._result)
