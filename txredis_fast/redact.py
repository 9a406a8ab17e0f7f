"""Take a password out of a text that came from elsewhere: a server, or whatever answers there, may repeat it.

This module must not know where texts go.
"""

from __future__ import annotations

from typing import TypeVar

__all__ = ["redacted", "without_password"]

_E = TypeVar("_E", bound=BaseException)

#: A text may be cut in the middle of a password: a beginning of this length or more is taken out, too.
SHORTEST_PART = 6


def without_password(text: str, password: str | bytes | None) -> str:
    """Return a text with ``***`` in place of the password, as it is or as ``repr()`` shows it."""
    if not password:
        return text
    if isinstance(password, bytes):
        known = [password.decode("utf-8", "replace"), repr(password)[2:-1]]
    else:
        known = [password, repr(password)[1:-1], repr(password.encode("utf-8", "replace"))[2:-1]]
    for spelling in known:
        for length in range(len(spelling), min(len(spelling), SHORTEST_PART) - 1, -1):
            if spelling[:length] in text:
                text = text.replace(spelling[:length], "***")
    return text


def redacted(error: _E, password: str | bytes | None) -> _E:
    """Return an error whose text does not have the password: itself, or another one of its class."""
    text = str(error)
    clean = without_password(text, password)
    if clean == text:
        return error
    other = type(error).__new__(type(error))
    other.args = (clean,)
    return other
