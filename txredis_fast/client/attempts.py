"""The attempts to execute one command, as a :class:`~txredis_fast.RetryPolicy` has it.

This module must not know how a command is sent: it sends with a function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._reactor import current_reactor
from .._types import Reply, Result
from ..commands._parts import SCRIPTS, Recovery, command_name, is_read_only
from ..options import RetryPolicy

__all__ = ["NotingConverter", "execute_with_retries"]

_log = Logger()


def execute_with_retries(
    policy: RetryPolicy,
    send: Callable[..., Deferred[Any]],
    args: Sequence[Any],
    options: dict[str, Any],
    marked: bool,
    useless: Callable[[], bool],
) -> Deferred[Any]:
    """Send a command, and send it again when it fails and the policy says so.

    :param send: called with ``args`` and ``options``; sends the command once.
    :param marked: whether the caller has marked the command as safe to execute twice.
    :param useless: returns whether no further attempt can succeed.
    :returns: fires as the last attempt does. Cancelling it cancels the attempt, or the wait for the next one.
    """
    return _Attempts(policy, send, args, options, marked, useless).deferred


class NotingConverter:
    """A program's converter. It notes its exception: then the command was executed, whatever the exception is.

    :ivar raised: the exception; None if it has raised none.
    """

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        self._convert = convert
        self.raised: BaseException | None = None

    def __call__(self, reply: Reply) -> Result:
        """Convert a reply."""
        try:
            return self._convert(reply)
        except BaseException as error:
            self.raised = error
            raise


class _Attempts:
    """The attempts to execute one command."""

    def __init__(
        self,
        policy: RetryPolicy,
        send: Callable[..., Deferred[Any]],
        args: Sequence[Any],
        options: dict[str, Any],
        marked: bool,
        useless: Callable[[], bool],
    ) -> None:
        self.deferred: Deferred[Any] = Deferred(self._cancel)
        self._policy = policy
        self._send = send
        self._args = args
        convert = options.get("post_proc")
        self._converter: NotingConverter | None = None
        if convert is not None and not isinstance(convert, Recovery) and not hasattr(convert, "in_parts"):
            convert = self._converter = NotingConverter(convert)
            options = {**options, "post_proc": convert}
        self._options = options
        self._marked = marked
        self._useless = useless
        self._number = 0
        self._sent: Deferred[Any] | None = None
        self._timer: IDelayedCall | None = None
        self._last_failure: Failure | None = None
        timeout = options.get("timeout")
        self._deadline = None if timeout is None else current_reactor().seconds() + timeout
        self._attempt()

    def _attempt(self) -> None:
        self._timer = None
        self._number += 1
        try:
            options = self._options
            if self._deadline is not None and self._number > 1:
                left = self._deadline - current_reactor().seconds()
                if left <= 0:  # after a long turn of the program
                    self._give_up(self._last_failure)
                    return
                options = {**options, "timeout": left}
            self._sent = self._send(*self._args, **options)
        except BaseException:
            self._give_up(Failure())
            return
        self._sent.addCallbacks(self._succeeded, self._failed)

    def _give_up(self, failure: Failure | None) -> None:
        if not self.deferred.called:
            self.deferred.errback(failure)

    def _succeeded(self, value: object) -> None:
        if not self.deferred.called:
            self.deferred.callback(value)

    def _failed(self, failure: Failure) -> None:
        policy = self._policy
        if self.deferred.called:
            return  # cancelled
        error = failure.value
        try:
            if self._number < policy.attempts and error is not None and self._may_repeat(error):
                delay = policy.delay_after(self._number)
                in_time = self._deadline is None or current_reactor().seconds() + delay < self._deadline
                if in_time and not self._useless():
                    self._last_failure = failure
                    self._timer = current_reactor().callLater(delay, self._attempt)
                    return
        except BaseException:  # of a program's subclass of the policy
            _log.failure("the retry policy cannot tell whether to repeat a command, so it is not repeated")
        self._give_up(failure)

    def _may_repeat(self, error: BaseException) -> bool:
        if self._converter is not None and self._converter.raised is error:
            return False
        args = self._args
        options = {"runs_script": True} if command_name(args) in SCRIPTS else {}
        return self._policy.repeats(error, is_read_only(args), self._marked, **options)

    def _cancel(self, deferred: Deferred[Any]) -> None:
        deferred.errback(CancelledError())
        if self._timer is not None:
            self._timer.cancel()
        elif self._sent is not None:
            self._sent.cancel()
