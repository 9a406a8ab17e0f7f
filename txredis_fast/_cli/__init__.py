"""The parts of ``python -m txredis_fast``: the tour, the doctor, and ``run``.

No other module of txredis_fast imports this room. Importing it imports no reactor.
"""

from __future__ import annotations

__all__ = ["PROGRAM", "CommandLineError"]

#: The command as the user types it: the prefix of each error.
PROGRAM = "python -m txredis_fast"


class CommandLineError(Exception):
    """Ends the program with one line on standard error.

    :ivar status: the exit status: 1 for a failure, 2 for wrong arguments.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
