"""Match the elements of EXEC's reply to commands, even where a program overrides ``execute_command``.

An override of ``execute_command`` on a protocol class may answer a command itself, refuse it, or send other commands
with it. EXEC's reply has one element for each command *sent* since MULTI. So each command keeps the number under which
it was sent on the connection.

This module must not know how a command is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred, FirstError, fail, succeed
from twisted.python.failure import Failure

from .._types import Reply, Result
from ..exceptions import InvalidResponse
from ..inflight import RequestQueue

__all__ = ["ReplyOrder", "as_deferred", "first_error"]


def as_deferred(send: Callable[..., Any], *args: object, **kwargs: object) -> Deferred[Result]:
    """Call a function that a program may have overridden; make its exception or plain value a Deferred."""
    try:
        result = send(*args, **kwargs)
    except Exception:
        return fail()
    return result if isinstance(result, Deferred) else succeed(result)


def first_error(failure: Failure) -> Failure:
    """An errback behind ``gatherResults``: the failure of the Deferred that has failed first."""
    return failure.value.subFailure if isinstance(failure.value, FirstError) else failure


class ReplyOrder:
    """Counts the commands sent on one connection between MULTI and EXEC."""

    def __init__(self, connection: object) -> None:
        self._requests: RequestQueue | None = getattr(getattr(connection, "link", None), "requests", None)
        #: Numbers of the first command after MULTI, and of EXEC, among all commands sent on the connection.
        self._first: int | None = None
        self._exec: int | None = None
        #: Of each queued command its number, or None if it was not sent; and its Deferred.
        self._numbers: list[int | None] = []
        self._answers: list[Deferred[Result]] = []

    @property
    def answers(self) -> Sequence[Deferred[Result]]:
        """The Deferreds of the queued commands."""
        return self._answers

    @property
    def sent(self) -> int:
        """Number of commands sent on the connection so far."""
        return 0 if self._requests is None else int(self._requests.sent)

    def was_sent(self, before: int) -> bool:
        """Whether a command was sent since :attr:`sent` was ``before``."""
        return self._requests is None or self._requests.sent > before

    def _number_of(self, before: int, deferred: Deferred[Result]) -> int | None:
        """The number of the command of a Deferred, sent since :attr:`sent` was ``before``; None if it was not sent."""
        count = self.sent - before
        if self._requests is not None and count > 1:
            for back, request in enumerate(islice(reversed(self._requests.waiting), count)):
                if request.deferred is deferred:
                    return self.sent - 1 - back
        return before if self.was_sent(before) else None

    def begin(self, before: int, deferred: Deferred[Result]) -> None:
        """Note that MULTI was sent.

        :param before: :attr:`sent` before that.
        :param deferred: its Deferred.
        """
        number = self._number_of(before, deferred)
        self._first = self.sent if number is None else number + 1

    def add(self, before: int, deferred: Deferred[Result]) -> bool:
        """Add a queued command, and return whether it was sent; parameters as of :meth:`begin`."""
        number = self._number_of(before, deferred)
        self._numbers.append(number)
        self._answers.append(deferred)
        return number is not None

    def drop_last(self) -> None:
        """Remove the last command: it was refused before it was sent."""
        self._numbers.pop()
        self._answers.pop()

    def end(self, before: int, deferred: Deferred[Result]) -> None:
        """Note that EXEC was sent; parameters as of :meth:`begin`."""
        self._exec = self._number_of(before, deferred)

    def elements(self, reply: list[Reply]) -> tuple[list[Reply], list[int]]:
        """Select the elements of EXEC's reply that belong to the added commands.

        :returns: an element for each command that was sent, in their order; and the indexes of the other commands.
        :raises InvalidResponse: the number of elements differs from the number of commands sent.
        """
        first, end = self._first, self._exec
        if self._requests is None or first is None or end is None:
            return reply, []
        if len(reply) != end - first:
            raise InvalidResponse(f"EXEC answered {len(reply)} replies to {end - first} commands")
        own = [place for place, number in enumerate(self._numbers) if number is None]
        return [reply[number - first] for number in self._numbers if number is not None], own

    def own_answer(self, place: int) -> Result:
        """The answer that an override gave to a command that was not sent.

        :param place: index of the command.
        """
        answer: Result = getattr(self._answers[place], "result", None)
        return answer.value if isinstance(answer, Failure) else answer
