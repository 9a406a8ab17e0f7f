"""One question for all who ask it at the same time.

All connections of a pool that are lost together ask the same. One question goes out, and all are told its answer. Nor
are there ever more than so many questions a second, whatever becomes of the connections that are made upon them.

This module must not know what is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from .._reactor import current_reactor
from .._tunables import SENTINEL_QUESTION_BURST, SENTINEL_QUESTIONS_PER_SECOND

__all__ = ["SharedQuestion"]


class SharedQuestion:
    """Puts a question, one at a time, for any number who ask."""

    def __init__(self, ask: Callable[[], Deferred[Any]]) -> None:
        """Make it.

        :param ask: puts it.
        """
        self._ask = ask
        self._waiting: list[Deferred[Any]] = []
        #: Whether a question is out, of which number, and what it fires.
        self._is_out = False
        self._number = 0
        self._question: Deferred[Any] | None = None
        #: Whether the answer that is awaited is out of date already.
        self._outdated = False
        self._timer: Any = None
        #: How many questions may be put at once, as of then.
        self._left = float(SENTINEL_QUESTION_BURST)
        self._since = 0.0

    def ask(self, *, anew: bool = False) -> Deferred[Any]:
        """Fires with the answer; all who ask meanwhile are given the same.

        :param anew: an answer to what was asked before this is of no use.
        """
        waiting: Deferred[Any] = Deferred(self._leave)
        self._waiting.append(waiting)
        if self._is_out:
            self._outdated = self._outdated or anew
        elif self._timer is None:
            self._put()
        return waiting

    def _put(self) -> None:
        self._timer = None
        now = current_reactor().seconds()
        self._left = min(self._left + (now - self._since) * SENTINEL_QUESTIONS_PER_SECOND, SENTINEL_QUESTION_BURST)
        self._since = now
        if self._left < 1:
            # A little longer than it takes, so that no rounding makes it wait once more.
            self._timer = current_reactor().callLater((1.01 - self._left) / SENTINEL_QUESTIONS_PER_SECOND, self._put)
            return
        self._left -= 1
        self._outdated = False
        self._is_out = True
        self._number += 1
        number = self._number
        question = maybeDeferred(self._ask)
        question.addBoth(self._answered, number)
        if self._is_out and number == self._number:
            self._question = question

    def _answered(self, answer: Any, number: int) -> None:
        if not self._is_out or number != self._number:
            return  # nobody waits for this one any more
        self._is_out = False
        self._question = None
        if self._outdated:
            self._put()
            return
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if each.called:
                continue  # cancelled by what another one did with the answer
            if isinstance(answer, Failure):
                each.errback(answer.value)
            else:
                each.callback(answer)

    def _leave(self, waiting: Deferred[Any]) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)
        if self._waiting:
            return
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        question, self._question = self._question, None
        self._is_out = False
        if question is not None:
            question.cancel()
