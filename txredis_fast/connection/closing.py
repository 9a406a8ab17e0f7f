"""The end of a connection in order: no more commands, the replies to those in flight, and within a bound.

This module must not know of pools or of replies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..exceptions import ConnectionError
from ..inflight import RequestQueue, TimeLimit
from ..transport import is_encrypted, name_of_peer
from .state import ConnectionEvent, Lifecycle

__all__ = ["Closing"]


class Closing:
    """The part of a connection that ends it."""

    transport: Any
    callLater: Callable[..., Any]
    _requests: RequestQueue
    _life: Lifecycle
    _reader: Any
    #: Why this side ended the connection, where it did.
    _end_reason: Exception | None
    #: The last blocking command that was sent.
    _blocked_by: Deferred[Any] | None = None
    _finish_timer: TimeLimit | None = None
    #: Why it is to end in order, where this side wants that.
    _finish_reason: Exception | None = None

    def _abort(self, reason: BaseException) -> None:
        raise NotImplementedError

    def _progress(self) -> tuple[int, int]:
        raise NotImplementedError

    def finish(self, timeout: float) -> None:
        """Take no more commands, and close the connection when those in flight are answered.

        A blocking command is not waited for: it may take for ever.

        :param timeout: seconds until the connection is aborted: the server does not answer, or does not let it close.
        """
        if self.transport is None:
            return
        self._life.enter(ConnectionEvent.DRAIN)
        in_flight = bool(self._requests.waiting)
        blocked = self._blocked_by is not None and not self._blocked_by.called
        self._stop_finish_timer()
        if in_flight and not timeout:
            self.transport.loseConnection()
        elif in_flight or getattr(self.transport, "reactor", None) is not None:
            reason = ConnectionError(f"disconnected, {timeout} seconds after that was wanted")
            self._finish_timer = TimeLimit(self, timeout or 5.0, lambda: self._abort(reason), self._progress)
        if blocked:
            self.transport.loseConnection()
        self._close_if_idle()

    def finish_when_delivered(self, timeout: float, reason: Exception) -> None:
        """As :meth:`finish`, for who is called in the middle of handing on replies: it is closed after that only.

        :param timeout: seconds, above 0.
        :param reason: why it ends.
        """
        self._life.enter(ConnectionEvent.DRAIN)
        self._finish_reason = reason
        self._stop_finish_timer()
        self._finish_timer = TimeLimit(self, timeout, lambda: self._abort(reason), self._progress)

    def _why_lost(self, why: Failure) -> str:
        """Say why the connection was lost, and what it looks like."""
        if self._end_reason is not None:
            return str(self._end_reason)
        text = why.getErrorMessage()
        server = name_of_peer(self.transport)
        if self._reader is None and self._requests.waiting and server and not is_encrypted(self.transport):
            text += f" {server} had answered nothing at all: perhaps it wants TLS (rediss://, tls=True)"
        return text

    def _close_if_idle(self) -> None:
        if not self._requests.waiting:
            self._end_reason = self._end_reason or self._finish_reason
            self.transport.loseConnection()

    def _closed(self) -> None:
        self._stop_finish_timer()

    def _stop_finish_timer(self) -> None:
        timer, self._finish_timer = self._finish_timer, None
        if timer is not None:
            timer.stop()
