"""Compares what a client was told with what the nodes executed."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from .truth import Truth, number_in

#: So many wrongs are kept in words; all are counted.
MOST_KEPT = 20


def as_bytes(value: Any) -> bytes | None:
    """A reply as the nodes have it."""
    if value is None or isinstance(value, bytes):
        return value
    return str(value).encode()


class Judge:
    """Follows commands to their end.

    :ivar wrong: what was wrong, in words; :ivar wrongs: how often.
    :ivar ended: how many commands came to which end: ``done``, ``refused``, ``maybe``.
    :ivar pending: what is awaited, by a number of its own.
    """

    def __init__(
        self,
        truth: Truth,
        maybe: tuple[type[BaseException], ...],
        refused: tuple[type[BaseException], ...],
    ) -> None:
        """
        :param maybe: errors after which a write may have been executed, once; being cancelled is one anyway.
        :param refused: errors after which it was not executed; they are looked at second.
        """
        self.truth = truth
        self.wrong: list[str] = []
        self.wrongs = 0
        self.ended: Counter[str] = Counter()
        self.pending: dict[int, str] = {}
        self._maybe = (CancelledError, *maybe)
        self._refused = refused
        self._numbers = itertools.count(1)
        self._not_executed: set[int] = set()
        self._counted: Counter[bytes] = Counter()
        self._perhaps_counted: Counter[bytes] = Counter()
        self._counts_told: dict[bytes, set[int]] = {}
        self._pushed: set[int] = set()
        self._taken: set[int] = set()
        self._perhaps_taken = 0

    def number(self) -> int:
        """A number for one write; see ``truth.marked``."""
        return next(self._numbers)

    # One command each. All return the Deferred, which fires with True if the command was done, and fails never.

    def follow(
        self,
        what: str,
        deferred: Deferred[Any],
        numbers: Iterable[int] = (),
        check: Callable[[Any], object] | None = None,
        not_done: Callable[[bool], object] | None = None,
    ) -> Deferred[bool]:
        """Follow a command.

        :param what: names it, for texts.
        :param numbers: of its writes.
        :param check: called with its reply; returns whether that may be.
        :param not_done: called when it failed, with whether it may have been executed.
        """
        key = self.number()
        self.pending[key] = what
        more = (key, what, list(numbers))
        return deferred.addCallbacks(
            self._done, self._failed, callbackArgs=(*more, check), errbackArgs=(*more, not_done)
        )

    def follow_count(self, what: str, deferred: Deferred[Any], key: bytes) -> Deferred[bool]:
        """Follow an INCR: no two may return the same number."""

        def check(reply: Any) -> bool:
            told = self._counts_told.setdefault(key, set())
            is_new = isinstance(reply, int) and reply > 0 and reply not in told
            told.add(reply)
            self._counted[key] += 1
            return is_new

        def not_done(perhaps: bool) -> None:
            self._perhaps_counted[key] += perhaps

        return self.follow(what, deferred, check=check, not_done=not_done)

    def follow_read(self, what: str, deferred: Deferred[Any], *keys: bytes) -> Deferred[bool]:
        """Follow a GET or MGET: each value was there at some moment since now."""
        since = self.truth.moment

        def check(reply: Any) -> bool:
            values = reply if isinstance(reply, list) else [reply]
            return len(values) == len(keys) and all(
                self.truth.had(key, as_bytes(value), since) for key, value in zip(keys, values, strict=True)
            )

        return self.follow(what, deferred, check=check)

    def follow_push(self, what: str, deferred: Deferred[Any], number: int) -> Deferred[bool]:
        """Follow a push of one element with this number."""

        def check(reply: Any) -> bool:
            self._pushed.add(number)
            return isinstance(reply, int)

        return self.follow(what, deferred, [number], check=check)

    def follow_pop(self, what: str, deferred: Deferred[Any], *keys: bytes) -> Deferred[bool]:
        """Follow a BLPOP: its element was pushed to one of the keys, and nobody else got it."""

        def check(reply: Any) -> bool:
            if reply is None:
                return True
            key, value = map(as_bytes, reply)
            number = number_in(value)
            is_right = key in keys and number is not None and number not in self._taken
            if number is not None:
                self._taken.add(number)
            return is_right

        def not_done(perhaps: bool) -> None:
            self._perhaps_taken += perhaps

        return self.follow(what, deferred, check=check, not_done=not_done)

    # The judgement.

    def note(self, text: str) -> None:
        """Something is wrong."""
        self.wrongs += 1
        if len(self.wrong) < MOST_KEPT:
            self.wrong.append(text[:500])

    def end(self) -> None:
        """Judge, when nothing happens any more.

        :raises AssertionError: something was wrong, now or before.
        """
        truth = self.truth
        for number in truth.twice:
            self.note(f"executed {truth.executions[number]} times: #{number}")
        for number in sorted(self._not_executed & truth.executions.keys()):
            self.note(f"executed after it was told as refused: #{number}")
        for what in self.pending.values():
            self.note(f"never answered: {what}")
        for key in truth.counted.keys() | self._counted.keys():
            least, counted = self._counted[key], truth.counted[key]
            if not least <= counted <= least + self._perhaps_counted[key]:
                perhaps = self._perhaps_counted[key]
                self.note(f"{key!r} was counted {counted} times, told {least} times, perhaps {perhaps} more")
        self._judge_lists()
        assert not self.wrongs, f"{self.wrongs} wrongs:\n" + "\n".join(self.wrong)

    def _judge_lists(self) -> None:
        lists = [value for value in self.truth.data.values() if isinstance(value, list)]
        there = {number_in(item) for items in lists for item in items}
        popped = set(self.truth.popped)
        if len(popped) < len(self.truth.popped):
            self.note("an element was taken out twice")
        for number in sorted(self._pushed - there - popped):
            self.note(f"lost: pushed and neither there nor taken out: #{number}")
        for number in sorted(self._taken - popped):
            self.note(f"told as taken out, and was not: #{number}")
        if len(popped) - len(self._taken) > self._perhaps_taken:
            self.note(f"{len(popped) - len(self._taken)} elements got lost on their way, {self._perhaps_taken} may")

    # What becomes of a command.

    def _done(self, reply: Any, key: int, what: str, numbers: list[int], check: Callable[[Any], object] | None) -> bool:
        del self.pending[key]
        self.ended["done"] += 1
        for number in numbers:
            if number not in self.truth.executions:
                self.note(f"{what}: told as done with {reply!r:.100}, and was not: #{number}")
        if check is not None:
            try:
                if not check(reply):
                    self.note(f"{what}: the reply may not be: {reply!r:.200}")
            except Exception as error:
                self.note(f"{what}: {reply!r:.200}: {error!r}")
        return True

    def _failed(
        self, failure: Failure, key: int, what: str, numbers: list[int], not_done: Callable[[bool], object] | None
    ) -> bool:
        del self.pending[key]
        perhaps = failure.check(*self._maybe) is not None
        if perhaps:
            self.ended["maybe"] += 1
        elif failure.check(*self._refused):
            self.ended["refused"] += 1
            for number in numbers:
                self._not_executed.add(number)
                if number in self.truth.executions:
                    self.note(f"{what}: executed, and told as refused: {failure.value}: #{number}")
        else:
            self.note(f"{what}: {failure.getTraceback():.400}")
        if not_done is not None:
            not_done(perhaps)
        return False
