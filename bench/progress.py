"""A progress bar on standard error, where that is a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType

_WIDTH = 24


class Progress:
    """A line that is written over and over, and is gone in the end. A context manager."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._start = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
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
