"""A batch: commands that are recorded, then sent in one write; one Deferred fires with the list of their replies.

A batch is the fastest way to send many commands, because its commands have no Deferreds of their own.

This module must not know how anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NoReturn

from .._types import Arguments, Converter
from ..commands import Commands
from ..commands._parts import unknown_name
from ..inflight import Command, fast_path_of_batch, plain_commands
from ..resp import fixed_arguments

__all__ = ["Batch", "commands_of"]


class Batch(Commands):
    """Records commands: ``batch = redis.Batch(); batch.get("a"); batch.incr("b")``, for ``rc.batch(batch)``.

    A batch may be sent any number of times, to any connection. Its methods return None, and raise on wrong arguments.
    """

    _eval_by_hash = False

    def __init__(self) -> None:
        self._commands: list[Command] = []

    def __len__(self) -> int:
        return len(self._commands)

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands)

    def __repr__(self) -> str:
        return f"<Batch of {len(self)} commands>"

    @fast_path_of_batch
    def execute_command(  # type: ignore[override]
        self,
        *args: object,
        post_proc: Converter | None = None,
        apply_timeout: bool = True,
        blocking: bool = False,
        raw: bool = False,
    ) -> None:
        """Record a command; see ``RedisProtocol.execute_command``.

        :raises ValueError: the command may block, which would delay all later ones.
        """
        if blocking:
            raise ValueError(f"{args[0]} may block and cannot be part of a batch")
        self._commands.append((fixed_arguments(args), post_proc, raw))

    def _refuse(self, error: Exception) -> NoReturn:
        raise error

    if not TYPE_CHECKING:  # type checkers report an unknown name themselves

        def __getattr__(self, name: str) -> NoReturn:
            raise unknown_name(self, name)


def commands_of(batch: Batch | Iterable[Arguments]) -> list[Command]:
    """Return the commands of a batch, or of an iterable of sequences such as ``("GET", "key")``."""
    if isinstance(batch, Batch):
        return list(batch)
    return plain_commands(batch)
