"""RESP for tests and benchmarks, encoded here and nowhere else, so that nothing encodes with the code that it tests.

A reply is its bytes, which end with CRLF. Tests write incomplete and malformed bytes by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

NIL = b"$-1\r\n"
NIL_ARRAY = b"*-1\r\n"
OK = b"+OK\r\n"
QUEUED = b"+QUEUED\r\n"


def status(text: str) -> bytes:
    """A simple string."""
    return b"+%b\r\n" % text.encode()


def error(text: str) -> bytes:
    """An error."""
    return b"-%b\r\n" % text.encode()


def integer(number: int) -> bytes:
    """An integer."""
    return b":%d\r\n" % number


def bulk(data: Any, kind: bytes = b"$") -> bytes:
    """A bulk string of bytes, or of the UTF-8 of anything else; None is null. Other kinds: ``!`` and ``=``."""
    if data is None:
        return NIL
    data = data if isinstance(data, bytes) else str(data).encode()
    return b"%b%d\r\n%b\r\n" % (kind, len(data), data)


def bulks(items: Iterable[Any]) -> bytes:
    """Bulk strings, one after another."""
    return b"".join(map(bulk, items))


def aggregate(replies: Iterable[bytes], kind: bytes = b"*") -> bytes:
    """Replies in an array; in a set with the kind ``~``, in a push with ``>``."""
    replies = list(replies)
    return b"%b%d\r\n%b" % (kind, len(replies), b"".join(replies))


def array(*elements: Any) -> bytes:
    """An array of replies; bytes that do not end with CRLF, text, numbers and None are bulk strings."""
    return aggregate(element if _is_reply(element) else bulk(element) for element in elements)


def command(*args: str | bytes | float) -> bytes:
    """A command."""
    return aggregate(map(bulk, args))


def _is_reply(element: Any) -> bool:
    return isinstance(element, bytes) and element.endswith(b"\r\n")
