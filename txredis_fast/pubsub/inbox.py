"""Calls of a program's hooks, and a bound on the messages that a slow program has not finished with.

:class:`Inbox` is for programs that set a bound. ``messageReceived`` may then return a Deferred or be a coroutine
function, and the next message waits until it is done. Messages that wait or are being handled are *unfinished*. When
there are as many as the bound, either reading stops until half of them are finished, so that further messages
accumulate at the server, or messages are dropped and counted.

This module must not know connections.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._checks import check_choice, check_count

__all__ = ["POLICIES", "Inbox", "InboxPart", "SlowConsumerPolicy", "call_hook", "check_bounds", "run_coroutine"]

#: The fate of messages that are received while as many as allowed are unfinished.
SlowConsumerPolicy = Literal["pause", "drop-oldest", "drop-newest"]
POLICIES = ("pause", "drop-oldest", "drop-newest")

#: Pattern or None, channel and text; converted as replies are.
Parts = tuple[Any, Any, Any]

_T = TypeVar("_T")

_log = Logger()


def call_hook(hook: Callable[..., _T], *args: object) -> _T | None:
    """Call a program's hook; an exception is logged, and harms neither the connection nor later messages."""
    try:
        return hook(*args)
    except Exception:
        _log.failure("{hook} raised an exception", hook=getattr(hook, "__name__", hook))
        return None


def check_bounds(limit: int | None, at_once: int | None, policy: str | None) -> tuple[Any, Any, Any]:
    """Check the three options; None: not given.

    :returns: the options, numbers as int.
    :raises ValueError: an option is wrong; the text names it.
    """
    return (
        check_count("maxPendingMessages", limit, 1, none_allowed=True),
        check_count("maxConcurrentMessages", at_once, 1, none_allowed=True),
        None if policy is None else check_choice("slowConsumer", policy, POLICIES),
    )


def _log_failure(failure: Failure) -> None:
    _log.failure("what messageReceived returned has failed", failure)


def run_coroutine(result: object) -> None:
    """Run the result of a hook if it is a coroutine; ignore any other."""
    if inspect.iscoroutine(result):
        Deferred.fromCoroutine(result).addErrback(_log_failure)


class Inbox:
    """The unfinished messages of one connection, which are handled in the order in which they were received.

    :ivar full: whether reading is paused until messages are finished.
    """

    def __init__(
        self,
        limit: int,
        at_once: int,
        policy: SlowConsumerPolicy,
        *,
        receive: Callable[..., object],
        hold: Callable[[], object],
        go_on: Callable[[], object],
        dropped: Callable[[int], object],
    ) -> None:
        """Make one, empty.

        :param limit: how many messages may be unfinished.
        :param at_once: how many may be handled at the same time; the others wait.
        :param policy: the fate of further messages.
        :param receive: handles a message; called with pattern or None, channel and text.
        :param hold: stops reading.
        :param go_on: resumes reading.
        :param dropped: called before the next message is handled, with the number of messages dropped since its last
            call.
        :raises ValueError: a limit or the policy is wrong.
        """
        limit, at_once, policy = check_bounds(limit, at_once, policy)
        self.full = False
        self._limit = limit
        self._at_once = min(at_once, limit)
        self._policy = policy
        self._receive = receive
        self._hold = hold
        self._go_on = go_on
        self._dropped = dropped
        self._waiting: deque[Parts] = deque()
        self._running = 0
        self._untold = 0
        self._handing_on = False
        self._closed = False

    @property
    def unfinished(self) -> int:
        """How many messages wait or are being handled."""
        return self._running + len(self._waiting)

    def put(self, message: Parts) -> None:
        """Append a message, and handle it if fewer than ``at_once`` are being handled."""
        waiting = self._waiting
        waiting.append(message)
        self._hand_on()
        excess = self._running + len(waiting) - self._limit
        if self._policy == "pause":
            self.hold_if_full()
        elif excess > 0:
            if self._policy == "drop-oldest":
                waiting.popleft()
            else:
                waiting.pop()
            self._untold += 1

    def admit(self, at_once: int) -> None:
        """From now on, handle as many messages at the same time; 0: all wait for :meth:`take`."""
        self._at_once = at_once
        self._hand_on()

    def take(self) -> Parts | None:
        """Return the message that has waited longest, which counts as finished; None if there is none."""
        if not self._waiting:
            return None
        message = self._waiting.popleft()
        self._tell()  # the program's hook may take a message itself
        self._hand_on()
        return message

    def move(self, hold: Callable[[], object], go_on: Callable[[], object]) -> None:
        """Messages come from another connection from now on; those that wait are kept, and handled first.

        :param hold: stops reading from it.
        :param go_on: resumes reading from it.
        """
        self.full = False
        self._hold = hold
        self._go_on = go_on

    def hold_if_full(self) -> None:
        """Stop reading if as many messages as allowed are unfinished already."""
        if self._policy == "pause" and self.unfinished >= self._limit and not self.full and not self._closed:
            self.full = True
            self._hold()

    def close(self) -> None:
        """The connection is lost: drop waiting messages, so that none is handled after those of the next connection."""
        self._closed = True
        self.full = False
        self._untold += len(self._waiting)
        self._waiting.clear()
        self._tell()

    def _tell(self) -> None:
        count, self._untold = self._untold, 0
        if count:
            self._dropped(count)

    def _hand_on(self) -> None:
        if self._handing_on:  # called by the previous message, which was finished at once
            return
        self._handing_on = True
        try:
            while True:
                while self._waiting and self._running < self._at_once:
                    if self._untold:
                        self._tell()  # the program's hook may take the message itself, or close: look again
                    else:
                        self._begin(self._waiting.popleft())
                if not self.full or self.unfinished > self._limit // 2:
                    break
                self.full = False
                self._go_on()  # messages that this delivers are appended, and handled by this loop
        finally:
            self._handing_on = False

    def _begin(self, message: Parts) -> None:
        result = call_hook(self._receive, *message)
        if result is None:
            return
        if inspect.iscoroutine(result):
            result = Deferred.fromCoroutine(result)
        if isinstance(result, Deferred):
            self._running += 1
            result.addErrback(_log_failure).addCallback(self._finished)

    def _finished(self, _: object) -> None:
        self._running -= 1
        self._hand_on()


class InboxPart:
    """The inbox of a subscriber, as one of several connections uses it."""

    def __init__(self, inbox: Inbox | InboxPart) -> None:
        self._inbox = inbox
        self._hold: Callable[[], object] = _nothing
        self._go_on: Callable[[], object] = _nothing

    @property
    def full(self) -> bool:
        """Whether reading is paused until messages are finished."""
        return self._inbox.full

    @property
    def unfinished(self) -> int:
        """How many messages wait or are being handled."""
        return self._inbox.unfinished

    def put(self, message: tuple[Any, Any, Any]) -> None:
        """Append a message."""
        self._inbox.put(message)

    def admit(self, at_once: int) -> None:
        """Handle as many messages at the same time."""
        self._inbox.admit(at_once)

    def take(self) -> tuple[Any, Any, Any] | None:
        """Return the message that has waited longest; None if there is none."""
        return self._inbox.take()

    def move(self, hold: Callable[[], object], go_on: Callable[[], object]) -> None:
        """Messages come from another connection from now on."""
        self._hold, self._go_on = hold, go_on

    def hold_if_full(self) -> None:
        """Stop reading if as many messages as allowed are unfinished already."""
        self._inbox.hold_if_full()
        if self._inbox.full:
            self._hold()

    def hold(self) -> None:
        """Stop reading."""
        self._hold()

    def go_on(self) -> None:
        """Read on."""
        self._go_on()


def _nothing() -> None:
    """There is no connection to read from."""
