"""What became of every command: done, failed with what, wrong, or still awaited."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet import defer
from twisted.python.failure import Failure

import txredis_fast as redis

#: Errors of a server that is being replaced or stopped; they are answers, and no user is given a wrong one by them.
PASSING = {"READONLY", "LOADING", "MASTERDOWN", "UNBLOCKED", "CLUSTERDOWN", "NOREPLICAS", "BUSY"}
#: So many wrong replies are kept in words; all are counted.
MOST_KEPT = 20


class Wrong(Exception):
    """A reply that cannot be the command's own."""


class OnPurpose(Exception):
    """A user's own exception, in the middle of a transaction."""


class Ledger:
    """Counts.

    :ivar done: commands answered rightly, by kind.
    :ivar failed: commands that failed, by the name of the error.
    :ivar wrong: what was wrong, in words; ``wrongs``: how often.
    :ivar pending: of each operation that is awaited its kind and when it began.
    :ivar late: operations that failed with ``ReplyTimeoutError``, by kind.
    :ivar slowest: the longest time that any took, and its kind.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.seconds = seconds
        self._numbers = itertools.count()
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.late: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.wrongs = 0
        self.pending: dict[int, tuple[str, float]] = {}
        self.slowest = (0.0, "")

    @property
    def commands(self) -> int:
        """How many commands have come to an end."""
        return sum(self.done.values()) + sum(self.failed.values())

    def follow(
        self, kind: str, size: int, deferred: defer.Deferred[Any], check: Callable[[Any], object]
    ) -> defer.Deferred[Any]:
        """Note what becomes of an operation.

        :param size: how many commands it is.
        :param check: called with its result; raises :class:`Wrong`.
        :returns: the same Deferred; it then fires with whether the operation was done.
        """
        number = next(self._numbers)
        self.pending[number] = (kind, self.seconds())
        what = (number, kind, size)
        return deferred.addCallbacks(self._answered, self._failed, callbackArgs=(check, *what), errbackArgs=what)

    def note_wrong(self, text: str) -> None:
        """Something is wrong."""
        self.wrongs += 1
        if len(self.wrong) < MOST_KEPT:
            self.wrong.append(text[:500])

    def longest_wait(self) -> tuple[float, str]:
        """How long the oldest of what is awaited has been, and its kind."""
        now = self.seconds()
        return max(((now - since, kind) for kind, since in self.pending.values()), default=(0.0, ""))

    def _end(self, number: int) -> None:
        kind, since = self.pending.pop(number)
        self.slowest = max(self.slowest, (self.seconds() - since, kind))

    def _answered(self, result: Any, check: Callable[[Any], object], number: int, kind: str, size: int) -> bool:
        self._end(number)
        try:
            check(result)
        except Wrong as error:
            self.note_wrong(f"{kind}: {error}")
        except Exception as error:
            self.note_wrong(f"{kind}: {result!r:.200}: {error!r}")
        self.done[kind] += size
        return True

    def _failed(self, failure: Failure, number: int, kind: str, size: int) -> bool:
        self._end(number)
        error = failure.value
        name = type(error).__name__
        if isinstance(error, OnPurpose):
            self.done[kind] += size
            return True
        passing = (defer.CancelledError, defer.TimeoutError, redis.ConnectionError, redis.WatchError)
        if isinstance(error, redis.ResponseError) and not isinstance(error, passing):
            name = str(error).partition(" ")[0]
            wrong = name not in PASSING and not _is_of_refused(error)
        else:
            wrong = not isinstance(error, passing)
        if wrong:
            self.note_wrong(f"{kind}: {_shown(failure)}")
        self.failed[name] += size
        if isinstance(error, redis.ReplyTimeoutError):
            self.late[kind] += 1
        return False


def _is_of_refused(error: Exception) -> bool:
    """Whether a transaction was discarded by the server, because a command was refused: by a replica, say."""
    text = str(error)
    return isinstance(error, redis.ExecAbortError) and ("because of previous errors" in text or "READONLY" in text)


def _shown(failure: Failure) -> str:
    """What has failed, then where: a traceback is too long to be kept whole, and its end says most."""
    return f"{failure.value!r:.200} ... {failure.getTraceback()[-250:]}"
