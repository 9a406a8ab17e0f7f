"""The faults that come next on a :class:`~txredis_fast.testing.FakeServer`, as a test has scripted it.

This module must not know connections.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from .replies import ReplyError

__all__ = ["Faults"]


@dataclass
class _Failure:
    """An error in place of one command's reply."""

    text: str
    command: str | None


@dataclass
class _Cut:
    """A connection that is lost in place of one command's reply."""

    executed: bool
    command: str | None


class Faults:
    """The faults that a test has scripted.

    :ivar hangs: whether commands are left unanswered.
    :ivar delay: seconds between a command and its reply.
    """

    def __init__(self) -> None:
        self.hangs = False
        self.delay = 0.0
        self._failures: deque[_Failure] = deque()
        self._cuts: deque[_Cut] = deque()

    @property
    def pending(self) -> list[str]:
        """The errors and cuts that have not happened yet."""
        failures = [f"fail_next({failure.text!r}, {failure.command!r})" for failure in self._failures]
        return failures + [f"cut_next({cut.command!r})" for cut in self._cuts]

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self.hangs = False
        self.delay = 0.0
        self._failures.clear()
        self._cuts.clear()

    def fail(self, text: str, command: str | None, times: int) -> None:
        """Let the next commands of a name fail."""
        self._failures.extend(_Failure(text, command and command.upper()) for _ in range(times))

    def cut(self, executed: bool, command: str | None) -> None:
        """Let the connection of the next command of a name be lost."""
        self._cuts.append(_Cut(executed, command and command.upper()))

    def check(self, name: str) -> None:
        """Raise the error that a command has to fail with.

        :raises ReplyError: it has to fail.
        """
        for failure in self._failures:
            if failure.command in (None, name):
                self._failures.remove(failure)
                raise ReplyError(failure.text)

    def next_cut(self, name: str) -> tuple[bool, bool]:
        """Return whether a command is executed, and whether its connection is lost then."""
        for cut in self._cuts:
            if cut.command in (None, name):
                self._cuts.remove(cut)
                return cut.executed, True
        return True, False
