"""What programs of a checkout tell their user: an error of one line, a progress bar, a table."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence

_WIDTH = 24

#: A column: its title, and whether it is aligned to the right.
Column = tuple[str, bool]


class UsageError(Exception):
    """The user can mend it; the text is one line."""


class Progress:
    """A line on standard error that is rewritten again and again, and erased in the end; nothing without a terminal.

    A context manager.
    """

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._start = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *unused: object) -> None:
        if self._on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def update(self, done: float, what: str) -> None:
        """Show how much is done, from 0 to 1, and what is being done."""
        if self._on:
            line = bar(done, time.monotonic() - self._start, what, shutil.get_terminal_size().columns - 1)
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def bar(done: float, elapsed: float, what: str, width: int) -> str:
    """The line: bar, percentage, time left, and what is being done."""
    full = int(done * _WIDTH)
    left = f"{elapsed / done - elapsed:4.0f} s left" if done > 0.02 else " " * 11
    return f"[{'#' * full}{'.' * (_WIDTH - full)}] {done:4.0%} {left}  {what}"[:width]


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """Align cells in columns, below their titles."""
    titles = [title for title, _ in columns]
    widths = [max(map(len, cells)) for cells in zip(titles, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        parts = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, (_, right) in zip(cells, widths, columns, strict=True)
        )
        return "  ".join(parts).rstrip()

    return [line(titles), line(["-" * width for width in widths]), *map(line, rows)]
