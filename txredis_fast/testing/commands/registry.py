"""The table of commands, and how their arguments are read. Error texts are those of servers.

This module must not know any command.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..replies import ReplyError

if TYPE_CHECKING:
    from ..._types import Reply

__all__ = [
    "COMMANDS",
    "SYNTAX_ERROR",
    "Command",
    "Wait",
    "check_cursor",
    "command",
    "glob",
    "integer",
    "long_double",
    "number",
    "number_text",
    "scan",
    "span",
    "timeout",
]

SYNTAX_ERROR = "ERR syntax error"
NOT_AN_INTEGER = "ERR value is not an integer or out of range"
NOT_A_FLOAT = "ERR value is not a valid float"

_INTEGER = re.compile(rb"-?[1-9][0-9]*|0")
_FLOAT = re.compile(rb"[-+]?([0-9]+\.?[0-9]*([eE][-+]?[0-9]+)?|\.[0-9]+([eE][-+]?[0-9]+)?|inf(inity)?)", re.IGNORECASE)


@dataclass(frozen=True)
class Command:
    """One command.

    :ivar arity: how many words it has, its name included; negative: at least so many.
    :ivar function: called with the session and the arguments; returns the reply, or a :class:`Wait`.
    :ivar subcommands: the arity of each, for a command that has nothing but them.
    """

    name: str
    arity: int
    function: Callable[..., Any]
    subcommands: Mapping[str, int] = field(default_factory=dict)

    def check(self, words: Sequence[bytes]) -> None:
        """Check the number of the words, and the subcommand.

        :raises ReplyError: it is wrong.
        """
        name, arity = self.name.lower(), self.arity
        if self.subcommands and len(words) > 1:
            word = words[1].decode(errors="replace")
            if word.upper() not in self.subcommands:
                raise ReplyError(f"ERR unknown subcommand '{word}'. Try {self.name} HELP.")
            name, arity = f"{name}|{word.lower()}", self.subcommands[word.upper()]
        if len(words) != arity if arity >= 0 else len(words) < -arity:
            raise ReplyError(f"ERR wrong number of arguments for '{name}' command")


@dataclass(frozen=True)
class Wait:
    """The wait of a blocking command.

    :ivar attempt: returns the reply; None as long as there is none.
    :ivar seconds: the limit; 0: none.
    :ivar null: the reply in a transaction, where nothing waits. At the limit it is :data:`NULL_ARRAY`.
    """

    attempt: Callable[[], Any]
    seconds: float
    null: Reply


COMMANDS: dict[str, Command] = {}

_Function = Callable[..., Any]


def command(name: str, arity: int, subcommands: Mapping[str, int] | None = None) -> Callable[[_Function], _Function]:
    """Put a function into the table; see :class:`Command`."""

    def register(function: _Function) -> _Function:
        COMMANDS[name] = Command(name, arity, function, subcommands or {})
        return function

    return register


def integer(text: bytes, error: str = NOT_AN_INTEGER) -> int:
    """Read an integer of 64 bits.

    :raises ReplyError: it is none.
    """
    if _INTEGER.fullmatch(text) and -(2**63) <= (found := int(text)) < 2**63:
        return found
    raise ReplyError(error)


def number(text: bytes, error: str = NOT_A_FLOAT) -> float:
    """Read a number, or an infinity.

    :raises ReplyError: it is neither.
    """
    if not _FLOAT.fullmatch(text):
        raise ReplyError(error)
    return float(text)


def long_double(value: Fraction) -> Fraction:
    """Return the nearest number with 64 bits, as servers add floats."""
    if not value:
        return value
    unit = Fraction(2) ** (abs(value.numerator).bit_length() - value.denominator.bit_length() - 64)
    if abs(value / unit) >= 2**64:
        unit *= 2
    return round(value / unit) * unit


def number_text(value: Fraction) -> bytes:
    """Return the text of a sum of floats, with 17 digits behind the point at most."""
    digits = f"{abs(round(value * 10**17)):018d}"
    text = f"{digits[:-17]}.{digits[-17:]}".rstrip("0").rstrip(".")
    return f"{'-' if value < 0 and text != '0' else ''}{text}".encode()


def timeout(text: bytes) -> float:
    """Read the seconds that a blocking command may wait.

    :raises ReplyError: not a number, or negative.
    """
    seconds = number(text, "ERR timeout is not a float or out of range")
    if seconds < 0:
        raise ReplyError("ERR timeout is negative")
    if math.isinf(seconds):
        raise ReplyError("ERR timeout is out of range")
    return seconds


def span(start: int, stop: int, length: int) -> range:
    """Return the places that a start and a stop name, both included, negative ones from the end."""
    start = max(0, start + length if start < 0 else start)
    stop = stop + length if stop < 0 else min(stop, length - 1)
    return range(start, stop + 1)


def glob(pattern: bytes) -> Callable[[bytes], bool]:
    """Return a function that says whether a text matches a pattern of KEYS, SCAN and PSUBSCRIBE."""
    parts: list[bytes] = []
    at = 0
    while at < len(pattern):
        char = pattern[at : at + 1]
        at += 1
        if char == b"*":
            parts.append(b".*")
        elif char == b"?":
            parts.append(b".")
        elif char == b"\\" and at < len(pattern):
            parts.append(re.escape(pattern[at : at + 1]))
            at += 1
        elif char == b"[":
            inside, at = _set(pattern, at)
            parts.append(inside)
        else:
            parts.append(re.escape(char))
    compiled = re.compile(b"".join(parts), re.DOTALL)
    return lambda text: compiled.fullmatch(text) is not None


def _set(pattern: bytes, at: int) -> tuple[bytes, int]:
    """Return the expression of a set of bytes, and the place behind it."""
    negated = pattern[at : at + 1] == b"^"
    at += negated
    ranges: list[tuple[int, int]] = []
    while at < len(pattern) and pattern[at : at + 1] != b"]":
        if pattern[at : at + 1] == b"\\" and at + 1 < len(pattern):
            at += 1
            ranges.append((pattern[at], pattern[at]))
            at += 1
        elif pattern[at + 1 : at + 2] == b"-" and at + 2 < len(pattern):
            low, high = sorted((pattern[at], pattern[at + 2]))
            ranges.append((low, high))
            at += 3
        else:
            ranges.append((pattern[at], pattern[at]))
            at += 1
    at += 1
    if not ranges:
        return (b"." if negated else rb"(?!)"), at
    body = b"".join(b"%b-%b" % (re.escape(bytes([low])), re.escape(bytes([high]))) for low, high in ranges)
    return b"[%b%b]" % (b"^" if negated else b"", body), at


def check_cursor(cursor: bytes) -> None:
    """Check the cursor of a SCAN.

    :raises ReplyError: it is no number.
    """
    if not re.fullmatch(rb"[0-9]+", cursor):
        raise ReplyError("ERR invalid cursor")


def scan(
    cursor: bytes, names: Sequence[bytes], options: Sequence[bytes]
) -> tuple[bytes, list[bytes], dict[str, bytes]]:
    """Return the next cursor, the names of one SCAN, and the options that are not MATCH and COUNT.

    The cursor is a place in the list of names. A name that exists during the whole iteration is returned, unless
    others are deleted meanwhile.
    """
    check_cursor(cursor)
    matches: Callable[[bytes], bool] = lambda name: True  # noqa: E731
    count = 10
    others: dict[str, bytes] = {}
    words = list(options)
    while words:
        word = words.pop(0).upper().decode(errors="replace")
        if word == "NOVALUES":
            others[word] = b""
            continue
        if not words:
            raise ReplyError(SYNTAX_ERROR)
        value = words.pop(0)
        if word == "MATCH":
            matches = glob(value)
        elif word == "COUNT":
            count = integer(value)
            if count < 1:
                raise ReplyError(SYNTAX_ERROR)
        else:
            others[word] = value
    start = int(cursor)
    end = start + count
    found = [name for name in names[start:end] if matches(name)]
    return (b"%d" % end if end < len(names) else b"0"), found, others
