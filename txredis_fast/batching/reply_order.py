"""Which element of EXEC's reply belongs to which command, whatever a subclass makes of ``execute_command``.

A program may override ``execute_command`` on its protocol class, and there answer a command itself, refuse it, or send
others beside it. EXEC's reply has an element for each command that was *sent* since MULTI, so what was sent is counted.

This module must not know how a command is sent.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from ..exceptions import InvalidResponse

__all__ = ["ReplyOrder", "as_deferred"]


def as_deferred(send: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
    """Call what may be overridden; what it raises is what the Deferred fails with, and a plain value is its result."""
    try:
        result = send(*args, **kwargs)
    except Exception:
        return fail()
    return result if isinstance(result, Deferred) else succeed(result)


class ReplyOrder:
    """Counts what is sent on one connection between MULTI and EXEC."""

    def __init__(self, connection: Any) -> None:
        self._requests = getattr(getattr(connection, "link", None), "requests", None)
        #: Number of the first command after MULTI, and of EXEC, among those of the connection.
        self._first: int | None = None
        self._exec: int | None = None
        #: Of each command that was given its number, None where it was not sent; and what it answered.
        self._numbers: list[int | None] = []
        self._answers: list[Deferred[Any]] = []

    @property
    def sent(self) -> int:
        """How many commands were sent on the connection so far."""
        return 0 if self._requests is None else int(self._requests.sent)

    def was_sent(self, before: int) -> bool:
        """Whether anything was sent since :attr:`sent` was ``before``."""
        return self._requests is None or self._requests.sent > before

    def _number_of(self, before: int, deferred: Deferred[Any]) -> int | None:
        """The number of the command that fires a Deferred, among those sent since ``before``."""
        count = self.sent - before
        if self._requests is not None and count > 1:
            for back, request in enumerate(islice(reversed(self._requests.waiting), count)):
                if request.deferred is deferred:
                    return self.sent - 1 - back
        return before if self.was_sent(before) else None

    def begin(self, before: int, deferred: Deferred[Any]) -> None:
        """MULTI was sent."""
        number = self._number_of(before, deferred)
        self._first = self.sent if number is None else number + 1

    def add(self, before: int, deferred: Deferred[Any]) -> bool:
        """A command was given; returns whether it was sent."""
        number = self._number_of(before, deferred)
        self._numbers.append(number)
        self._answers.append(deferred)
        return number is not None

    def drop_last(self) -> None:
        """The last command was refused before it could be sent."""
        self._numbers.pop()
        self._answers.pop()

    def end(self, before: int, deferred: Deferred[Any]) -> None:
        """EXEC was sent."""
        self._exec = self._number_of(before, deferred)

    def elements(self, reply: list[Any]) -> tuple[list[Any], list[int]]:
        """What the commands have of EXEC's reply.

        :returns: an element for each that was sent, in their order; and the places of the others.
        :raises InvalidResponse: the reply has another length than commands were sent.
        """
        first, end = self._first, self._exec
        if self._requests is None or first is None or end is None:
            return reply, []
        if len(reply) != end - first:
            raise InvalidResponse(f"EXEC answered {len(reply)} replies to {end - first} commands")
        own = [place for place, number in enumerate(self._numbers) if number is None]
        return [reply[number - first] for number in self._numbers if number is not None], own

    def own_answer(self, place: int) -> Any:
        """What a command that was not sent was answered with."""
        answer: Any = getattr(self._answers[place], "result", None)
        return answer.value if isinstance(answer, Failure) else answer
