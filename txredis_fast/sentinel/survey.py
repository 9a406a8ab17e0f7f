"""One question to all Sentinels at the same time: the first usable answer counts, and the others are cancelled.

This module must not know what is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from .._reactor import current_reactor
from .._tunables import SENTINEL_GRACE_SECONDS
from ..client import ConnectionHandler
from ..exceptions import ConnectionError, MasterNotFoundError, RedisError
from ..transport import cancel_timer

__all__ = ["Survey", "name_of"]

#: The reply of a Sentinel, which may be of any type.
_Reply = Any
_Answer = TypeVar("_Answer")


class Survey(Generic[_Answer]):
    """One question to all Sentinels at the same time; the first usable answer ends it.

    :ivar result: fires with the Sentinel and the result of ``read``; fails with ``MasterNotFoundError``.
    """

    def __init__(
        self,
        sentinels: list[ConnectionHandler],
        ask: Callable[[ConnectionHandler], Deferred[_Reply]],
        read: Callable[[_Reply], _Answer],
        timeout: float,
        complaint: str,
    ) -> None:
        """Send the question.

        :param ask: sends it to one Sentinel.
        :param read: makes the result from a reply; raises ``MasterNotFoundError`` if the reply is not usable.
        :param timeout: seconds for all answers together.
        :param complaint: begins the text of the error.
        """
        self.result: Deferred[tuple[ConnectionHandler, _Answer]] = Deferred(lambda _: self._end())
        self._sentinels = sentinels
        self._complaint = complaint
        self._refusals: dict[ConnectionHandler, str] = {}
        self._asked: dict[ConnectionHandler, Deferred[_Reply] | None] = dict.fromkeys(sentinels)
        self._timers = [current_reactor().callLater(timeout, self._give_up)]
        for sentinel in sentinels:
            if sentinel in self._asked:  # else an earlier one has answered at once, which ended the survey
                asked = self._asked[sentinel] = maybeDeferred(ask, sentinel)
                asked.addCallback(read).addCallbacks(
                    self._answered, self._refused, callbackArgs=(sentinel,), errbackArgs=(sentinel,)
                )
        if not sentinels:
            self._give_up()

    def _answered(self, value: _Answer, sentinel: ConnectionHandler) -> None:
        if sentinel in self._asked:
            self._end()
            self.result.callback((sentinel, value))

    def _refused(self, failure: Failure, sentinel: ConnectionHandler) -> None:
        if sentinel not in self._asked:
            return
        del self._asked[sentinel]
        if failure.check(RedisError):
            self._refusals[sentinel] = _without_name(sentinel, failure.getErrorMessage())
        else:
            self._refusals[sentinel] = (
                f"its answer makes no sense ({type(failure.value).__name__}: {failure.value!s:.80})"
            )
        if not self._asked:
            self._give_up()
        elif len(self._timers) == 1 and (failure.check(MasterNotFoundError) or not failure.check(ConnectionError)):
            self._timers.append(current_reactor().callLater(SENTINEL_GRACE_SECONDS, self._leave_out_unreachable))

    def _leave_out_unreachable(self) -> None:
        for sentinel in [asked for asked in self._asked if not asked._factory.size]:
            self._refusals[sentinel] = _silence_of(sentinel)
            question = self._asked.pop(sentinel)
            if question is not None:
                question.cancel()
        if not self._asked:
            self._give_up()

    def _give_up(self) -> None:
        answers = {sentinel: self._refusals.get(sentinel) or _silence_of(sentinel) for sentinel in self._sentinels}
        self._end()
        told = "; ".join(f"Sentinel {name_of(sentinel)}: {answer}" for sentinel, answer in answers.items())
        self.result.errback(MasterNotFoundError(f"{self._complaint}: {told or 'there are no Sentinels to ask'}"))

    def _end(self) -> None:
        asked, self._asked = self._asked, {}
        for timer in self._timers:
            cancel_timer(timer)
        for question in asked.values():
            if question is not None:
                question.cancel()


def _silence_of(sentinel: ConnectionHandler) -> str:
    if sentinel._factory.size:
        return "did not answer in time"
    return _without_name(sentinel, sentinel._factory.why_not_connected())


def _without_name(sentinel: ConnectionHandler, text: str) -> str:
    """A text about one Sentinel, without its name, which stands before it already."""
    return text.replace(f"Not connected: {sentinel._factory.observer.server}: ", "Not connected: ", 1)


def name_of(sentinel: ConnectionHandler) -> str:
    """Host and port of a Sentinel's handler."""
    return str(sentinel._factory.uuid)
