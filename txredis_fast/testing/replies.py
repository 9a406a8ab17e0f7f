"""Return values of commands of a :class:`~txredis_fast.testing.FakeServer`, and their bytes in RESP2 and RESP3.

A reply is None, an int, bytes, a list or a dict; or one of the types here, where the protocols differ or where Python
has no type. This module must not know any command.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = [
    "NO_REPLY",
    "NULL_ARRAY",
    "OK",
    "Double",
    "Members",
    "Pairs",
    "Push",
    "ReplyError",
    "Status",
    "encode",
    "score_text",
]


class ReplyError(Exception):
    """The command is answered with an error.

    :param text: its code and its message.
    """

    @property
    def text(self) -> str:
        """The text of the error."""
        return str(self.args[0])


class Status(str):
    """A simple string, such as ``OK``."""

    __slots__ = ()


class Double(float):
    """A score: a bulk string in RESP2."""

    __slots__ = ()


class Members(list[Any]):
    """The elements of a set: an array in RESP2."""

    __slots__ = ()


class Pairs(list[tuple[Any, Any]]):
    """Pairs: one flat array in RESP2, an array of arrays in RESP3."""

    __slots__ = ()


class Push(list[Any]):
    """A message that answers no command: an array in RESP2."""

    __slots__ = ()


class _NullArray:
    """The null of commands that else answer with an array."""


class _NoReply:
    """The command has replied by itself, or is not to be answered."""


OK = Status("OK")
NULL_ARRAY = _NullArray()
NO_REPLY = _NoReply()


def score_text(score: float) -> bytes:
    """Return the text of a score: the shortest digits that read as the same number."""
    if score in (float("inf"), float("-inf")):
        return b"inf" if score > 0 else b"-inf"
    if score == int(score) and abs(score) < 2**62:
        return b"%d" % int(score)
    return repr(score).encode()


def encode(reply: object, protocol: int = 2) -> bytes:
    """Return the bytes of a reply.

    :param protocol: 2 or 3.
    :raises TypeError: the reply is of another type.
    """
    newer = protocol >= 3
    if reply is None or reply is NULL_ARRAY:
        return b"_\r\n" if newer else b"$-1\r\n" if reply is None else b"*-1\r\n"
    if isinstance(reply, ReplyError):
        return b"-%b\r\n" % reply.text.encode(errors="surrogateescape")
    if isinstance(reply, Status):
        return b"+%b\r\n" % reply.encode()
    if isinstance(reply, bytes | str):
        return _bulk(reply if isinstance(reply, bytes) else reply.encode())
    if isinstance(reply, float):
        text = score_text(reply)
        return b",%b\r\n" % text if newer else _bulk(text)
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, dict):
        flat = [each for pair in reply.items() for each in pair]
        return _aggregate(b"%%%d" % len(reply) if newer else b"*%d" % len(flat), flat, protocol)
    if isinstance(reply, Pairs):
        if newer:
            return _aggregate(b"*%d" % len(reply), map(list, reply), protocol)
        return _aggregate(b"*%d" % (2 * len(reply)), (each for pair in reply for each in pair), protocol)
    if isinstance(reply, list | tuple):
        kind = b"*"
        if newer:
            kind = b">" if isinstance(reply, Push) else b"~" if isinstance(reply, Members) else b"*"
        return _aggregate(b"%b%d" % (kind, len(reply)), reply, protocol)
    raise TypeError(f"a reply is None, int, float, str, bytes, list or dict, not {type(reply).__name__}: {reply!r:.80}")


def _bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)


def _aggregate(header: bytes, elements: Iterable[Any], protocol: int) -> bytes:
    return b"".join([header, b"\r\n", *(encode(each, protocol) for each in elements)])
