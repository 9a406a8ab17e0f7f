"""What users know of the data, and the checks that follow from it."""

from __future__ import annotations

import gc
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from .ledger import Wrong


class Chance(Protocol):
    """Where decisions come from."""

    def below(self, limit: int) -> int:
        """A number from 0 on, less than the limit."""


class Dice(random.Random):
    """Decisions from a seed."""

    below = random.Random.randrange


class Facts:
    """What all users of one server know.

    :ivar epoch: changes whenever the server may have lost data.
    :ivar claimed: elements of queues that have come out, or were handed on for want of their user; None: not noted.
    :ivar written: of each user's own key the highest serial number that may have been written.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.claimed: set[str] | None = None
        self.written: dict[str, int] = {}
        self._commits: dict[str, deque[tuple[int, int]]] = {}

    def committed(self, key: str, epoch: int, number: int) -> None:
        """A transaction that watched a key has made its value this number."""
        if epoch != self.epoch:
            return
        commits = self._commits.setdefault(key, deque(maxlen=500))
        if (epoch, number) in commits:
            raise Wrong(f"two transactions that watched {key} have both written {number}")
        commits.append((epoch, number))


class Series:
    """A key that one user alone counts or queues at, while nothing has failed there; then the next one.

    :ivar pushes: how many are not answered; :ivar pops: likewise.
    """

    def __init__(self, key: str, epoch: int = 0) -> None:
        self.key = key
        self.epoch = epoch
        self.pushes = self.pops = 0
        self.attempts = 0
        self.queued: set[str] = set()
        self.failed = False

    def is_sure(self, epoch: int) -> bool:
        """Whether what was pushed, and did not come out, has to be there."""
        return not (self.failed or self.pushes or self.pops or epoch != self.epoch)

    def counted(self, reply: Any) -> None:
        """What a counter, or a queue of its length, says."""
        if type(reply) is not int or not 1 <= reply <= self.attempts:
            raise Wrong(f"{self.key} counts {reply!r} after {self.attempts} commands")

    def took(self, reply: Any) -> None:
        """What came out of a queue."""
        if reply is None:
            return
        if reply not in self.queued:
            raise Wrong(f"{reply!r} came from {self.key}, where it was not, or no more")
        self.queued.discard(reply)


def same(expected: Any) -> Callable[[Any], object]:
    """A check: the result is this."""

    def check(reply: Any) -> None:
        if reply != expected or type(reply) is not type(expected):
            raise Wrong(f"{reply!r:.200} instead of {expected!r:.200}")

    return check


def each(checks: list[Callable[[Any], object]]) -> Callable[[Any], object]:
    """A check of a list of results."""

    def check(replies: Any) -> None:
        if not isinstance(replies, list) or len(replies) != len(checks):
            raise Wrong(f"{replies!r:.300} instead of {len(checks)} replies")
        for reply, one in zip(replies, checks, strict=True):
            one(reply)

    return check


def pending_deferreds() -> int:
    """How many Deferreds there are that have not fired."""
    gc.collect()
    gc.collect()  # a finalizer, as of a coroutine, keeps what it can reach until the next collection
    return sum(1 for thing in gc.get_objects() if isinstance(thing, Deferred) and not thing.called)
