"""One blocking command in the lane, from waiting for a connection to its reply; and how it is given up.

A command that is given up is ended by ``CLIENT UNBLOCK``, sent on another connection up to ``UNBLOCK_MAX_TRIES`` times;
:mod:`.blocking_state` has its states. Whatever is raised at any call, the connection is given back or closed, and the
caller's Deferred fires.

This module must not know how connections are made, nor which one may send an UNBLOCK.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from .._reactor import current_reactor
from .._tunables import UNBLOCK_DELAY_SECONDS, UNBLOCK_MAX_TRIES
from .._types import Result
from ..commands._parts import BLOCKING, command_name
from ..connection import RedisProtocol
from ..exceptions import ConnectionError, NotSentError, ReplyTimeoutError
from ..inflight import TimeLimit
from ..transport import cancel_timer
from .blocking_state import TRANSITIONS, BlockingEvent, BlockingState

if TYPE_CHECKING:
    from .blocking import BlockingLane

__all__ = ["BlockingCommand"]


# Module names, because looking a member up in its enum may be a call, and a call may raise.
_WAITING, _SENT, _ANSWERED = BlockingState.WAITING, BlockingState.SENT, BlockingState.ANSWERED
_TAINTED, _DONE = BlockingState.TAINTED, BlockingState.DONE
_REPLIED = (_ANSWERED, _TAINTED, _DONE)


class BlockingCommand:
    """A blocking command, or a pipeline with one in it.

    :ivar deferred: the caller's.
    :ivar state: see :class:`BlockingState`.
    """

    _connection: RedisProtocol  # from SENT on

    def __init__(
        self,
        lane: BlockingLane,
        send: Callable[[RedisProtocol], Deferred[Any]],
        timeout: float | None,
        batch: Sequence[Sequence[Any]] | None,
    ) -> None:
        """Wait for a connection of the lane; the parameters are those of :meth:`BlockingLane.run`."""
        self.deferred: Deferred[Any] = Deferred(lambda _: self._cancelled())
        self.state = _WAITING
        self._lane = lane
        self._send = send
        self._batch = batch
        self._tries = 0
        self._timer: IDelayedCall | None = None
        self._limit: TimeLimit | None = None
        if timeout is not None:
            self._limit = TimeLimit(current_reactor(), timeout, lambda: self._overdue(timeout), self._progress)
        try:
            self._getting = lane.get()
        except BaseException:
            self._stop_timer()
            raise
        try:
            self._getting.addCallbacks(self._got, self._got_none)
        except BaseException:
            self._getting.cancel()
            self._getting.addCallbacks(lane.put, lambda _: None)
            raise

    def _enter(self, event: BlockingEvent) -> None:
        self.state = TRANSITIONS.get((self.state, event), self.state)

    # -- to the reply

    def _got_none(self, failure: Failure) -> None:
        self._stop_timer()
        if self.state is _WAITING:
            try:
                self._enter(BlockingEvent.REPLY)
            finally:
                self.deferred.errback(failure)

    def _got(self, connection: RedisProtocol) -> None:
        self._connection = connection
        try:
            self._enter(BlockingEvent.CONNECTED)
            self._send(connection).addBoth(self._answered).addErrback(self._not_answered)
        except BaseException:
            self._answered(Failure())

    def _not_answered(self, failure: Failure) -> Failure:
        """An exception came before or while the reply was handled: give the connection back all the same."""
        if self.state not in _REPLIED:
            self._answered(failure)
        return failure

    def _answered(self, result: Result) -> None:
        given_up = self.state not in (_WAITING, _SENT)
        try:
            self._enter(BlockingEvent.REPLY)
            self._stop_timer()
            if given_up:
                for command, reply in self._replies(result):
                    self._lane.unclaimed(command, reply)
            self._release()
        except BaseException as error:
            self.state = _DONE
            self._connection.link.tear(error)
            raise
        finally:
            if not given_up:
                try:
                    self.deferred.callback(result)
                except BaseException:
                    if not self.deferred.called:
                        self.deferred.callback(result)
                    raise

    def _replies(self, result: Result) -> list[tuple[Any, Any]]:
        if self._batch is None:
            return [(self._connection.link.blocking_command, result)]
        replies = zip(self._batch, result if isinstance(result, list) else (), strict=False)
        return [(command, reply) for command, reply in replies if command_name(command) in BLOCKING]

    def _release(self) -> None:
        """Give the connection back in DONE, close it in TAINTED; in ANSWERED the answer to the UNBLOCK is awaited."""
        if self.state is _DONE:
            self._lane.put(self._connection)
        elif self.state is _TAINTED:
            self._end_connection()

    # -- given up

    def _progress(self) -> tuple[int, int]:
        return (0, 0) if self.state is _WAITING else self._connection.link.progress()

    def _overdue(self, timeout: float) -> None:
        error: Exception = ReplyTimeoutError(f"Not received Redis response in {timeout} seconds")
        try:
            if self.state is _WAITING:
                error = NotSentError(f"{self._lane.why_not_connected()} (waited {timeout} seconds)")
        finally:
            try:
                self._give_up()
            finally:
                self.deferred.errback(error)

    def _cancelled(self) -> None:
        try:
            self._give_up()
        except BaseException:
            self.deferred.errback(CancelledError())
            raise

    def _give_up(self) -> None:
        waiting = self.state is _WAITING
        self._stop_timer()
        self._enter(BlockingEvent.GIVE_UP)
        if waiting:
            self._getting.cancel()
        else:
            self._unblock()

    def _unblock(self) -> None:
        self._timer = None
        if self._tries == UNBLOCK_MAX_TRIES:
            self._end_connection()
            return
        self._tries += 1
        try:
            self._lane.messenger_for(self._connection).addCallbacks(self._tell, self._cannot_tell)
        except BaseException:
            self._cannot_tell(Failure())
            raise

    def _tell(self, messenger: RedisProtocol | None) -> None:
        if self.state in _REPLIED:
            return
        try:
            if messenger is None:
                self._unblock_later()
                return
            self._enter(BlockingEvent.TELL)
            self._lane.unblock(messenger, self._connection).addCallbacks(self._told, self._cannot_tell)
        except BaseException:
            self._cannot_tell(Failure())
            raise

    def _told(self, unblocked: bool | None) -> None:
        try:
            self._enter(BlockingEvent.LOST_TRACK if unblocked is None else BlockingEvent.TOLD)
            if self.state in _REPLIED:
                self._release()
            else:
                self._unblock_later()
        except BaseException as error:
            self._connection.link.tear(error)
            raise

    def _unblock_later(self) -> None:
        self._timer = current_reactor().callLater(UNBLOCK_DELAY_SECONDS * 2**self._tries, self._unblock)

    def _cannot_tell(self, _: Failure) -> None:
        if self.state not in (_TAINTED, _DONE):  # else it is closed already, or serves another command
            self._end_connection()

    def _end_connection(self) -> None:
        self._connection.link.abort(ConnectionError("a blocking command was cancelled"))

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        cancel_timer(timer)
        if self._limit is not None:
            self._limit.stop()
