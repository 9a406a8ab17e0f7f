"""Replies that depend on the version of RESP, and what several commands need for theirs."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from ..wire import NIL, NIL_ARRAY, error

if TYPE_CHECKING:
    from .session import NodeSession

Reply = bytes | None


def nil(session: NodeSession) -> bytes:
    """No value."""
    return b"_\r\n" if session.protocol == 3 else NIL


def no_array(session: NodeSession) -> bytes:
    """No array."""
    return b"_\r\n" if session.protocol == 3 else NIL_ARRAY


def unknown(name: bytes) -> bytes:
    """The reply to a command that there is not."""
    return error(f"ERR unknown command '{name.decode(errors='replace')}'")


def matches(key: bytes, pattern: bytes) -> bool:
    """Whether a key or channel is of a pattern."""
    return fnmatch.fnmatchcase(key.decode("latin-1"), pattern.decode("latin-1"))
