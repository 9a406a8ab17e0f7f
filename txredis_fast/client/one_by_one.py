"""A batch on a connection whose class overrides ``execute_command``: each command is sent by that override.

All commands are written in one piece. Each place of the result has the reply to its own command, whatever the override
does: answer by itself, raise, return None, or send other commands.

This module must not know of pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, fail
from twisted.python.failure import Failure

from .._types import Converter
from ..batching import Command, ExecConverter, ReplyOrder, as_deferred
from ..commands._parts import command_name
from ..connection import RedisProtocol
from ..exceptions import ConnectionError, ExecAbortError, MaybeExecutedError, NotSentError

__all__ = ["send_one_by_one"]


def send_one_by_one(
    connection: RedisProtocol, commands: Sequence[Command], timeout: float | None = None
) -> Deferred[list[Any]]:
    """Send each command by ``connection.execute_command``; parameters and result as of ``execute_batch``."""
    if not connection.connected:
        return fail(NotSentError("Not connected"))
    try:
        for args, _, _ in commands:
            connection.link.encode(
                *args
            )  # an argument that cannot be encoded fails the batch before anything is written
    except Exception:
        return fail()
    sending = _OneByOne(connection, timeout)
    with connection.corked():
        answers = [sending.send(*command) for command in commands]
    gathered: Deferred[Any] = DeferredList(answers, consumeErrors=True)
    return gathered.addCallback(sending.results)


class _OneByOne:
    """Sends the commands of one batch."""

    def __init__(self, connection: RedisProtocol, timeout: float | None) -> None:
        self._connection = connection
        self._options = {} if timeout is None else {"timeout": timeout}
        #: The order of replies of the open transaction; None outside of MULTI.
        self._order: ReplyOrder | None = None
        #: Why the open transaction must not be executed; None if it may.
        self._refusal: BaseException | None = None

    def send(self, args: Sequence[Any], post_proc: Converter | None, raw: bool) -> Deferred[Any]:
        """Send one command; fires with its reply."""
        name = command_name(args)
        order = self._order
        if name == "EXEC" and order is not None:
            return self._execute(order, args, post_proc, raw)
        options: dict[str, Any] = {**self._options, "raw": raw, "post_proc": post_proc}
        if order is None:
            order = ReplyOrder(self._connection)
        before = order.sent
        answer = as_deferred(self._connection.execute_command, *args, **options)
        if name == "MULTI":
            self._order, self._refusal = order, None
            order.begin(before, answer)
        elif name == "DISCARD":
            self._order = None
        elif self._order is not None and not order.add(before, answer):
            result = getattr(answer, "result", None)
            if isinstance(result, Failure):
                self._refusal = self._refusal or result.value
        return answer

    def _execute(self, order: ReplyOrder, args: Sequence[Any], post_proc: Converter | None, raw: bool) -> Deferred[Any]:
        self._order = None
        execute = self._connection.execute_command
        if self._refusal is not None:
            # As the server does after it has refused a command: nothing of the transaction is executed.
            why = ExecAbortError(f"EXECABORT Transaction discarded because of: {self._refusal}")
            return as_deferred(execute, "DISCARD", **self._options).addCallback(lambda _: Failure(why))
        if isinstance(post_proc, ExecConverter):
            post_proc = post_proc.in_order(order)
        before = order.sent
        answer = as_deferred(execute, *args, post_proc=post_proc, raw=raw, **self._options)
        order.end(before, answer)
        return answer

    def results(self, answers: list[tuple[bool, Any]]) -> list[Any]:
        """Return the replies in order, with errors as values.

        :raises ConnectionError: the connection was lost before the last reply.
        """
        replies = [value if success else value.value for success, value in answers]
        lost = [reply for reply in replies if isinstance(reply, ConnectionError)]
        if lost and self._connection.connected:
            return replies  # the override itself has made these errors
        if lost and len(lost) < len(replies):
            raise next((error for error in lost if isinstance(error, MaybeExecutedError)), _partly(lost[0]))
        if lost:
            raise next((error for error in lost if isinstance(error, MaybeExecutedError)), lost[0])
        return replies


def _partly(error: ConnectionError) -> MaybeExecutedError:
    return MaybeExecutedError(f"{error}, with a part of the commands sent")
