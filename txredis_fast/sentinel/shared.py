"""One question to the Sentinels for all connections that need the answer at the same time.

Connections of a pool that are lost together need the same address. One question is sent, and each of them gets the
answer. The rate of questions is limited, whatever happens to the connections that are made with the answers.

This module must not know what is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from .._reactor import current_reactor
from .._tunables import SENTINEL_QUESTION_BURST, SENTINEL_QUESTIONS_PER_SECOND
from ..transport import cancel_timer

__all__ = ["SharedQuestion"]


class SharedQuestion:
    """Asks a question, at most one at a time, for any number of callers."""

    def __init__(self, ask: Callable[[], Deferred[Any]]) -> None:
        """Make one, which asks nothing yet.

        :param ask: sends the question.
        """
        self._ask = ask
        self._waiting: list[Deferred[Any]] = []
        #: Whether a question is under way, its number, and its Deferred.
        self._is_out = False
        self._number = 0
        self._question: Deferred[Any] | None = None
        #: Whether the answer to the question under way will be out of date, so that it must be asked again.
        self._outdated = False
        self._timer: IDelayedCall | None = None
        #: Token bucket: how many questions were allowed at the time ``_since``.
        self._left = float(SENTINEL_QUESTION_BURST)
        self._since = 0.0

    def ask(self, *, anew: bool = False) -> Deferred[Any]:
        """Fires with the answer; all callers until then get the same.

        :param anew: an answer to a question sent before this call must not be used.
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
            # 1 % longer than needed, so that rounding does not make it wait once more.
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

    def _answered(self, answer: object, number: int) -> None:
        if not self._is_out or number != self._number:
            return  # all callers of this question have cancelled
        self._is_out = False
        self._question = None
        if self._outdated:
            self._put()
            return
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if each.called:
                continue  # cancelled by a callback of another caller
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
        cancel_timer(timer)
        question, self._question = self._question, None
        self._is_out = False
        if question is not None:
            question.cancel()
