"""Why an attempt to connect failed, in words that name the place: ``localhost:7299: connection refused``.

This module must not know Redis.
"""

from __future__ import annotations

import contextlib
import os
import re

from twisted.internet import error
from twisted.python.failure import Failure

__all__ = ["at_place", "named", "reason_of"]

_PLACE = "_txredis_fast_place"


def at_place(failure: Failure, place: str) -> Failure:
    """Note in a failure at which place it happened, unless it is noted already; returns the failure."""
    if failure.value is not None and not hasattr(failure.value, _PLACE):
        with contextlib.suppress(Exception):  # an exception of the program's own may have no room for it
            setattr(failure.value, _PLACE, place)
    return failure


def reason_of(failure: Failure) -> str:
    """Return the reason in words, with the place, if that is noted."""
    value = failure.value
    return named(getattr(value, _PLACE, ""), _words(value) or failure.getErrorMessage())


def _words(value: BaseException | None) -> str:
    # Other classes have numbers of their own: those of name resolution and TLS are not the system's.
    is_of_system = isinstance(value, OSError) and type(value).__module__ == "builtins" and value.filename is None
    if is_of_system or (isinstance(value, error.ConnectError) and not isinstance(value, error.UnknownHostError)):
        # Twisted's own texts say it twice: "Connection was refused by other side: 111: Connection refused."
        number = getattr(value, "osError", None) or getattr(value, "errno", None)
        if isinstance(number, int) and number > 0:
            words = os.strerror(number)
            return words[:1].lower() + words[1:]
        if isinstance(value, error.ConnectionRefusedError | ConnectionRefusedError):
            return "connection refused"
    return ""


def named(place: str, reason: str) -> str:
    """Return the reason with the place before it, unless the reason names the place already."""
    if not place or re.search(rf"(?<![\w.:-]){re.escape(place)}(?!\w|\.\w|:\d)", reason):
        return reason
    return f"{place}: {reason}"
