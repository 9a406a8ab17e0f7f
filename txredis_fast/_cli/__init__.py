"""What ``python -m txredis_fast`` is made of.

Nothing of the library imports this package, and importing it imports no reactor.
"""

from __future__ import annotations

__all__ = ["PROGRAM", "CommandLineError"]

#: What the user typed, in front of each error.
PROGRAM = "python -m txredis_fast"


class CommandLineError(Exception):
    """Ends the program with one line on standard error.

    :ivar status: the exit status: 1 where something did not work, 2 where something was asked for wrongly.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
