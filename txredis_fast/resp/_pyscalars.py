"""Lines and bulk strings -> numbers, text, bytes in pure Python: the reference for the compiled ``_cscalars``.

The rules are in :mod:`._pyresp`. This module must not know aggregates, error replies or the input buffer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from txredis_fast.resp._shared import (
    MAX_INT_DIGITS,
    NUMBERS_ALL,
    NUMBERS_EXACT,
    UNDECODABLE_FAILS,
    UNDECODABLE_REPLACED,
    parse_integer,
    replaced,
)

if TYPE_CHECKING:
    from txredis_fast._types import Reply, Value

__all__ = ["MALFORMED", "Name", "Scalars"]

#: Returned by :meth:`Scalars.line` for a malformed line.
MALFORMED: Final = object()

_INTEGER = re.compile(rb"[+-]?[0-9]+").fullmatch
_DOUBLE = re.compile(rb"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?").fullmatch
_SPECIAL_DOUBLES = {
    b"inf": float("inf"),
    b"+inf": float("inf"),
    b"-inf": float("-inf"),
    b"nan": float("nan"),
    b"-nan": float("nan"),
}
_EXACT_INTEGER = re.compile(rb"0|-?[1-9][0-9]*").fullmatch
#: An int if group 1 matches, else a float. No digits match in two ways, so there is no backtracking.
_NUMBER = re.compile(rb"([+-]?[0-9]+)|[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
_LINE_BREAK = re.compile(rb"[\r\n]").search

#: The commonest simple strings: one shared object each, which is the text in every charset.
_SHARED_TEXT = {b"OK": "OK", b"QUEUED": "QUEUED", b"PONG": "PONG"}
_SHARED_BYTES = {word: word for word in _SHARED_TEXT}

_PLUS, _COLON, _UNDERSCORE, _HASH, _PAREN = b"+:_#("
_LAST_DIGIT: Final = ord("9")


class Scalars:
    """Makes the values of lines and bulk strings, except errors.

    :param charset: codec of text, by its name from :func:`._shared.check_options`; None: text stays bytes.
    :param numbers: one of ``NUMBERS_OFF``, ``NUMBERS_ALL`` and ``NUMBERS_EXACT`` of :mod:`._shared`.
    :param undecodable: the treatment of text that the charset cannot decode. ``UNDECODABLE_REPLACED`` of
        :mod:`._shared`: it is decoded with U+FFFD; else it stays bytes, and with ``UNDECODABLE_FAILS`` :attr:`failed`
        tells of it.

    :ivar failed: whether text was left bytes since this was last set to False; the reader makes the error.
    """

    __slots__ = ("_charset", "_fails", "_numbers", "_replaces", "failed")

    def __init__(self, charset: str | None, numbers: int, undecodable: int) -> None:
        self._charset = charset
        self._numbers = numbers
        self._replaces = undecodable == UNDECODABLE_REPLACED
        self._fails = undecodable == UNDECODABLE_FAILS
        self.failed = False

    def bulk(self, data: bytes) -> Value:
        """Make the value of a bulk string: a number, text or bytes."""
        if self._numbers and data and data[0] <= _LAST_DIGIT:
            number = _number(data, self._numbers)
            if number is not None:
                return number
        if self._charset is not None:
            try:
                return data.decode(self._charset)
            except UnicodeError:
                if self._replaces:
                    return replaced(data, self._charset)
                self.failed = self._fails
        return data

    def text(self, data: bytes) -> str | bytes:
        """Decode text; bytes that the charset cannot decode are replaced, or returned unchanged."""
        if self._charset is not None:
            try:
                return data.decode(self._charset)
            except UnicodeError:
                if self._replaces:
                    return replaced(data, self._charset)
                self.failed = self._fails
        return data

    def line(self, kind: int, line: bytes, raw: bool) -> Reply:
        """Make the value of a line that is a complete element other than an error.

        :param kind: the type byte.
        :param line: the bytes between the type byte and CRLF.
        :param raw: whether text stays bytes.
        :returns: the value, or :data:`MALFORMED`.
        """
        if kind in (_COLON, _PAREN):
            if _INTEGER(line):
                return parse_integer(line)
        elif kind == _PLUS:
            if not _LINE_BREAK(line):
                as_bytes = raw or self._charset is None
                shared = (_SHARED_BYTES if as_bytes else _SHARED_TEXT).get(line)
                if shared is not None:
                    return shared
                return line if as_bytes else self.text(line)
        elif kind == _UNDERSCORE:
            if not line:
                return None
        elif kind == _HASH:
            if line == b"t" or line == b"f":
                return line == b"t"
        elif _DOUBLE(line):
            return float(line)
        elif line in _SPECIAL_DOUBLES:
            return _SPECIAL_DOUBLES[line]
        return MALFORMED


class Name:
    """A cache of one string and its value: consecutive messages often have the same channel or pattern."""

    __slots__ = ("_data", "_value")

    def __init__(self) -> None:
        self._data: bytes | None = None
        self._value: Value | None = None

    def value_of(self, scalars: Scalars, data: bytes) -> Value | None:
        """Return the value of a bulk string, decoded only if it differs from the last one."""
        if self._data != data:
            self._value = scalars.bulk(data)
            self._data = data
        return self._value


def _number(data: bytes, numbers: int) -> int | float | None:
    """Convert a bulk string to a number; None if it is not a number."""
    if numbers == NUMBERS_ALL and len(data) < 19 and data.isdigit():
        return int(data)
    found = _NUMBER(data)
    if found is None:
        return None
    if found.lastindex is None:
        real = float(data)
        if real - real != 0.0:
            return None
        # A whole float (1.0) would be equal to the int of another text (1), as keys of a dict.
        if numbers == NUMBERS_EXACT and (real.is_integer() or repr(real).encode("ascii") != data):
            return None
        return real
    if len(data) - data.startswith((b"+", b"-")) > MAX_INT_DIGITS:
        return None
    if numbers == NUMBERS_EXACT and _EXACT_INTEGER(data) is None:
        return None
    try:
        return int(data)
    except ValueError:  # the program has lowered sys.set_int_max_str_digits()
        return None
