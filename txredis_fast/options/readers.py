"""Readers of options in a URL: each takes a name and a text, and returns the value, or raises ``ValueError``.

The error of a reader is never shown, because any text of a URL may be part of a password. Instead, the program is told
what the reader takes.

This module must not know which option has which reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .._checks import check_charset, check_choice, check_client_name, check_count, check_seconds
from .checks import ConvertNumbers, ProtocolVersion, Undecodable, check_protocol, check_undecodable
from .option import Reader

__all__ = [
    "digits",
    "read_bool",
    "read_bound",
    "read_charset",
    "read_client_name",
    "read_convert_numbers",
    "read_count_or_none",
    "read_dbid",
    "read_poolsize",
    "read_protocol",
    "read_seconds",
    "read_seconds_or_none",
    "read_text",
    "read_time_limit",
    "read_undecodable",
    "read_when_full",
]

#: Whether a text is the digits of a whole number.
digits = re.compile(r"[0-9]{1,20}").fullmatch


def _takes(allowed: str) -> Callable[[Callable[[str, str], object]], Reader]:
    """Decorate a reader with the words for the texts that it takes."""
    return lambda read: Reader(read, allowed)


def _flag(text: str) -> bool:
    word = text.lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError


def _seconds(name: str, text: str) -> float:
    return float(check_seconds(name, float(text)))


def _whole(name: str, text: str, least: int) -> int:
    if not digits(text):
        raise ValueError
    return int(check_count(name, int(text), least))


@_takes("the number of a database, 0 or more")
def read_dbid(name: str, text: str) -> int:
    """Read the number of a database."""
    return _whole(name, text, 0)


@_takes("a whole number, 1 or more")
def read_poolsize(name: str, text: str) -> int:
    """Read a number of connections, 1 or more."""
    return _whole(name, text, 1)


@_takes("2 or 3")
def read_protocol(name: str, text: str) -> ProtocolVersion:
    """Read the version of the Redis protocol."""
    return check_protocol(name, _whole(name, text, 2))


@_takes("a whole number, 0 or more, or none")
def read_count_or_none(name: str, text: str) -> int | None:
    """Read a whole number, or "none"."""
    return None if text.lower() == "none" else _whole(name, text, 0)


@_takes("a whole number, 1 or more, or none")
def read_bound(name: str, text: str) -> int | None:
    """Read a whole number above 0, or "none"."""
    return None if text.lower() == "none" else _whole(name, text, 1)


@_takes("a number of seconds above 0, or none")
def read_time_limit(name: str, text: str) -> float | None:
    """Read a time in seconds above 0, or "none"."""
    return None if text.lower() == "none" else float(check_seconds(name, float(text), exclusive=True))


@_takes("true or false")
def read_bool(name: str, text: str) -> bool:
    """Read 1, true, yes or on; or 0, false, no or off."""
    return _flag(text)


@_takes("true, false or exact")
def read_convert_numbers(name: str, text: str) -> ConvertNumbers:
    """Read "exact", or a text that :func:`read_bool` takes."""
    return "exact" if text == "exact" else _flag(text)


@_takes("a number of seconds, 0 or more")
def read_seconds(name: str, text: str) -> float:
    """Read a time in seconds."""
    return _seconds(name, text)


@_takes("a number of seconds, 0 or more, or none")
def read_seconds_or_none(name: str, text: str) -> float | None:
    """Read a time in seconds, or "none"."""
    return None if text.lower() == "none" else _seconds(name, text)


@_takes("the name of a text encoding that contains ASCII, or none")
def read_charset(name: str, text: str) -> str | None:
    """Read the name of a text encoding, or "none"."""
    return None if text.lower() == "none" else check_charset(name, text)


@_takes("replace, error or none")
def read_undecodable(name: str, text: str) -> Undecodable:
    """Read "replace", "error" or "none"."""
    return None if text.lower() == "none" else check_undecodable(name, text)


@_takes("visible ASCII characters without spaces")
def read_client_name(name: str, text: str) -> str | None:
    """Read the name of a connection."""
    return check_client_name(name, text)


@_takes("wait or fail")
def read_when_full(name: str, text: str) -> str:
    """Read "wait" or "fail"."""
    return check_choice(name, text, ("wait", "fail"))


@_takes("master, replica, any or zone")
def read_read_from(name: str, text: str) -> str:
    """Read the option ``readFrom``."""
    return check_choice(name, text, ("master", "replica", "any", "zone"))


@_takes("text")
def read_text(name: str, text: str) -> str:
    """Take the text as it is."""
    return text
