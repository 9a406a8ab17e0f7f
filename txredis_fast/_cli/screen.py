"""The user interface: lines of text on standard output, and a progress bar on standard error.

Only a terminal gets colours, unless ``NO_COLOR`` is set. Characters that its encoding lacks have an ASCII spelling.
This module must not know Redis.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import textwrap
from typing import TextIO

__all__ = ["Progress", "Screen", "plain", "seconds"]

_BOLD, _DIM, _GREEN, _YELLOW, _RESET = "\033[1m", "\033[2m", "\033[32m", "\033[33m", "\033[0m"


def plain(text: object) -> str:
    """Return a text from an untrusted server on one line, without control characters."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(text))


def seconds(duration: float, micro: str = "us") -> str:
    """Format a duration with three digits and its unit: ``"58.3 us"``.

    :param duration: in seconds.
    :param micro: spelling of the unit microsecond.
    """
    for factor, unit in ((1e6, micro), (1e3, "ms")):
        if duration * factor < 999.5:
            return f"{_three_digits(duration * factor)} {unit}"
    return f"{_three_digits(duration)} s"


def _three_digits(number: float) -> str:
    decimals = 2 if number < 9.995 else 1 if number < 99.95 else 0
    return f"{number:.{decimals}f}"


def _can_encode(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class Screen:
    """Standard output of this program.

    :ivar micro: spelling of the unit microsecond in the output's encoding.
    """

    #: Width of the column of labels such as "Server".
    LABEL_WIDTH = 10

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = sys.stdout if out is None else out
        # Values come from a server. Characters that the encoding lacks are escaped, because they must not be an error.
        with contextlib.suppress(AttributeError):
            self._out.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        self._width = shutil.get_terminal_size().columns
        self._coloured = _is_terminal(self._out) and not os.environ.get("NO_COLOR")
        self.micro = "µs" if _can_encode(self._out, "µ") else "us"

    def line(self, text: str = "") -> None:
        """Write a line and flush it, so that it is visible before the next, slow step."""
        self._out.write(f"{text}\n")
        self._out.flush()

    def heading(self, text: str) -> None:
        """Write the title of a section, below an empty line."""
        self.line()
        self.line(self._paint(text, _BOLD))

    def fact(self, label: str, text: object) -> None:
        """Write a labelled line."""
        self.line(f"  {self._paint(label.ljust(self.LABEL_WIDTH), _DIM)}{plain(text)}")

    def code(self, text: str, result: str | None = None, column: int = 0, refused: bool = False) -> None:
        """Write a line of Python with its result as a comment, on the same line if there is room, else below.

        :param column: column of the comment.
        :param refused: whether the result is a refusal.
        """
        line = f"  {text}"
        if result is not None:
            comment = f"# {plain(result)}"
            painted = self._paint(comment, _YELLOW if refused else _GREEN)
            beside, below = f"{line.ljust(column)}  ", f"{line}\n" if text else ""
            line = f"{beside}{painted}" if len(beside) + len(comment) <= self._width else f"{below}  {painted}"
        self.line(line)

    def note(self, text: str) -> None:
        """Write an explanation, in lines of the screen's width."""
        for line in textwrap.wrap(plain(text), max(20, self._width - 2), break_on_hyphens=False):
            self.line(f"  {self._paint(line, _DIM)}")

    def table(self, rows: list[tuple[str, ...]]) -> None:
        """Write a table. The first row is the header; all columns but the first are aligned right."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for index, (first, *others) in enumerate(rows):
            cells = [first.ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
            self.line(f"  {self._paint('   '.join(cells), '' if index else _DIM)}")

    def _paint(self, text: str, style: str) -> str:
        return f"{style}{text}{_RESET}" if self._coloured and style else text


class Progress:
    """A progress bar on standard error, removed at the end. If that is not a terminal, a single line instead.

    Use it as a context manager.
    """

    WIDTH = 30

    def __init__(self, what: str, err: TextIO | None = None) -> None:
        """Show nothing yet.

        :param what: rest of the sentence that begins with "Measuring".
        """
        self._err = sys.stderr if err is None else err
        self._what = what
        self._moves = _is_terminal(self._err)
        self._full, self._empty = "█░" if _can_encode(self._err, "█░") else "#."
        self._shown = ""

    def __enter__(self) -> Progress:
        if not self._moves:
            self._write(f"Measuring {self._what} ...\n")
        return self

    def update(self, fraction: float, what: str) -> None:
        """Show the progress.

        :param fraction: fraction done, between 0 and 1.
        :param what: the current step.
        """
        filled = round(fraction * self.WIDTH)
        bar = self._full * filled + self._empty * (self.WIDTH - filled)
        self._show(f"  {bar} {fraction:4.0%}  {what}")

    def _show(self, text: str) -> None:
        if self._moves and text != self._shown:
            self._write("\r" + text.ljust(len(self._shown)) + ("" if text else "\r"))
            self._shown = text

    def _write(self, text: str) -> None:
        # Standard error may be closed; progress is not worth an error.
        with contextlib.suppress(OSError, ValueError):
            self._err.write(text)
            self._err.flush()

    def __exit__(self, *unused: object) -> None:
        self._show("")
