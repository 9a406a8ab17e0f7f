"""Readers of options in a URL: each takes a name and a text, and returns the value, or raises ``ValueError``.

The error of a reader is never shown: any text of a URL may be part of a password.

This module must not know which option has which reader.
"""

from __future__ import annotations

import re

from .._checks import check_charset, check_choice, check_count, check_seconds
from .checks import ConvertNumbers, ProtocolVersion, check_protocol

__all__ = [
    "digits",
    "read_bool",
    "read_charset",
    "read_convert_numbers",
    "read_count_or_none",
    "read_dbid",
    "read_poolsize",
    "read_protocol",
    "read_seconds",
    "read_seconds_or_none",
    "read_text",
    "read_when_full",
]

#: Whether a text is the digits of a whole number.
digits = re.compile(r"[0-9]{1,20}").fullmatch


def _whole(name: str, text: str, least: int) -> int:
    if not digits(text):
        raise ValueError
    return int(check_count(name, int(text), least))


def read_dbid(name: str, text: str) -> int:
    """Read the number of a database."""
    return _whole(name, text, 0)


def read_poolsize(name: str, text: str) -> int:
    """Read a number of connections, 1 or more."""
    return _whole(name, text, 1)


def read_protocol(name: str, text: str) -> ProtocolVersion:
    """Read the version of the Redis protocol."""
    return check_protocol(name, _whole(name, text, 2))


def read_count_or_none(name: str, text: str) -> int | None:
    """Read a whole number, or "none"."""
    return None if text.lower() == "none" else _whole(name, text, 0)


def read_bool(name: str, text: str) -> bool:
    """Read 1, true, yes or on; or 0, false, no or off."""
    word = text.lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError


def read_convert_numbers(name: str, text: str) -> ConvertNumbers:
    """Read "exact", or what :func:`read_bool` takes."""
    return "exact" if text == "exact" else read_bool(name, text)


def read_seconds(name: str, text: str) -> float:
    """Read a time in seconds."""
    return float(check_seconds(name, float(text)))


def read_seconds_or_none(name: str, text: str) -> float | None:
    """Read a time in seconds, or "none"."""
    return None if text.lower() == "none" else read_seconds(name, text)


def read_charset(name: str, text: str) -> str | None:
    """Read the name of a text encoding, or "none"."""
    return None if text.lower() == "none" else check_charset(name, text)


def read_when_full(name: str, text: str) -> str:
    """Read "wait" or "fail"."""
    return check_choice(name, text, ("wait", "fail"))


def read_text(name: str, text: str) -> str:
    """Take the text as it is."""
    return text
