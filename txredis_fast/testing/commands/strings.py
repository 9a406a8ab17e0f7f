"""Strings, counters and bits."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from ..database import Database
from ..replies import OK, ReplyError
from .registry import NOT_A_FLOAT, SYNTAX_ERROR, command, integer, long_double, number, number_text, span

if TYPE_CHECKING:
    from ..session import Session

__all__: list[str] = []

_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
_MAX_LENGTH = 512 * 1024 * 1024

#: Unit of an expiry option in milliseconds, and whether it is a time of day.
_EXPIRY = {"EX": (1000, False), "PX": (1, False), "EXAT": (1000, True), "PXAT": (1, True)}


def _get(database: Database, key: bytes) -> bytes | None:
    return database.get_as(key, bytes)


def _expiry(session: Session, name: str, option: str, text: bytes) -> int:
    unit, absolute = _EXPIRY[option]
    value = integer(text)
    if value <= 0 or value * unit >= 2**63:
        raise ReplyError(f"ERR invalid expire time in '{name}' command")
    return value * unit + (0 if absolute else session.server.now())


@command("GET", 2)
def get(session: Session, key: bytes) -> object:
    """Return the value."""
    return _get(session.database, key)


@command("SET", -3)
def set_(session: Session, key: bytes, value: bytes, *options: bytes) -> object:
    """Set the value."""
    words = [option.upper().decode(errors="replace") for option in options]
    only = None
    keep = returns = False
    expires: tuple[str, bytes] | None = None
    at = 0
    while at < len(words):
        word = words[at]
        if word in ("NX", "XX") and only in (None, word):
            only = word
        elif word == "GET":
            returns = True
        elif word == "KEEPTTL" and expires is None:
            keep = True
        elif word in _EXPIRY and at + 1 < len(words) and expires is None and not keep:
            at += 1
            expires = word, options[at]
        else:
            raise ReplyError(SYNTAX_ERROR)
        at += 1
    expiry = None if expires is None else _expiry(session, "set", *expires)
    database = session.database
    before = _get(database, key) if returns else database.get(key)
    if (only == "NX" and before is not None) or (only == "XX" and before is None):
        return before if returns else None
    database.put(key, value, keep_expiry=keep)
    if expiry is not None:
        database.expire(key, expiry)
    return before if returns else OK


@command("SETEX", 4)
def setex(session: Session, key: bytes, seconds: bytes, value: bytes) -> object:
    """Set a value that expires."""
    expiry = _expiry(session, "setex", "EX", seconds)
    session.database.put(key, value)
    session.database.expire(key, expiry)
    return OK


@command("PSETEX", 4)
def psetex(session: Session, key: bytes, milliseconds: bytes, value: bytes) -> object:
    """Set a value that expires."""
    expiry = _expiry(session, "psetex", "PX", milliseconds)
    session.database.put(key, value)
    session.database.expire(key, expiry)
    return OK


@command("SETNX", 3)
def setnx(session: Session, key: bytes, value: bytes) -> object:
    """Set the value of a new key."""
    if session.database.get(key) is not None:
        return 0
    session.database.put(key, value)
    return 1


@command("GETSET", 3)
def getset(session: Session, key: bytes, value: bytes) -> object:
    """Set a value; return the one before."""
    before = _get(session.database, key)
    session.database.put(key, value)
    return before


@command("GETDEL", 2)
def getdel(session: Session, key: bytes) -> object:
    """Return the value and delete the key."""
    value = _get(session.database, key)
    session.database.delete(key)
    return value


@command("GETEX", -2)
def getex(session: Session, key: bytes, *options: bytes) -> object:
    """Return the value and change its time to live."""
    word = options[0].upper().decode(errors="replace") if options else ""
    expires = word in _EXPIRY and len(options) == 2
    if options and not expires and (word != "PERSIST" or len(options) > 1):
        raise ReplyError(SYNTAX_ERROR)
    value = _get(session.database, key)
    if value is not None and options:
        session.database.expire(key, _expiry(session, "getex", word, options[1]) if expires else None)
    return value


@command("MGET", -2)
def mget(session: Session, *keys: bytes) -> object:
    """Return the values; None for what is no string."""
    values = [session.database.get(key) for key in keys]
    return [value if isinstance(value, bytes) else None for value in values]


def _pairs(name: str, words: tuple[bytes, ...]) -> list[tuple[bytes, bytes]]:
    if len(words) % 2:
        raise ReplyError(f"ERR wrong number of arguments for '{name}' command")
    return list(zip(words[::2], words[1::2], strict=True))


@command("MSET", -3)
def mset(session: Session, *words: bytes) -> object:
    """Set several values."""
    for key, value in _pairs("mset", words):
        session.database.put(key, value)
    return OK


@command("MSETNX", -3)
def msetnx(session: Session, *words: bytes) -> object:
    """Set several values if no key exists."""
    pairs = _pairs("msetnx", words)
    if any(session.database.get(key) is not None for key, _ in pairs):
        return 0
    for key, value in pairs:
        session.database.put(key, value)
    return 1


@command("APPEND", 3)
def append(session: Session, key: bytes, value: bytes) -> object:
    """Append to a value; return its length."""
    joined = (_get(session.database, key) or b"") + value
    session.database.put(key, joined, keep_expiry=True)
    return len(joined)


@command("STRLEN", 2)
def strlen(session: Session, key: bytes) -> object:
    """Return the length."""
    return len(_get(session.database, key) or b"")


@command("GETRANGE", 4)
@command("SUBSTR", 4)
def getrange(session: Session, key: bytes, start: bytes, stop: bytes) -> object:
    """Return a part of the value."""
    places = integer(start), integer(stop)
    value = _get(session.database, key) or b""
    if places[0] < 0 and places[1] < 0 and places[0] > places[1]:
        return b""
    found = span(places[0], max(0, places[1] + len(value)) if places[1] < 0 else places[1], len(value))
    return value[found.start : found.stop]


@command("SETRANGE", 4)
def setrange(session: Session, key: bytes, offset: bytes, part: bytes) -> object:
    """Overwrite a part of the value; return its length."""
    at = integer(offset)
    if at < 0:
        raise ReplyError("ERR offset is out of range")
    value = _get(session.database, key) or b""
    if not part:
        return len(value)
    if at + len(part) > _MAX_LENGTH:
        raise ReplyError(_TOO_LONG)
    value = value.ljust(at, b"\0")
    value = value[:at] + part + value[at + len(part) :]
    session.database.put(key, value, keep_expiry=True)
    return len(value)


def _add(session: Session, key: bytes, by: int) -> int:
    value = _get(session.database, key)
    total = integer(b"0" if value is None else value) + by
    if not -(2**63) <= total < 2**63:
        raise ReplyError("ERR increment or decrement would overflow")
    session.database.put(key, b"%d" % total, keep_expiry=True)
    return total


@command("INCR", 2)
def incr(session: Session, key: bytes) -> object:
    """Count up."""
    return _add(session, key, 1)


@command("DECR", 2)
def decr(session: Session, key: bytes) -> object:
    """Count down."""
    return _add(session, key, -1)


@command("INCRBY", 3)
def incrby(session: Session, key: bytes, by: bytes) -> object:
    """Add."""
    return _add(session, key, integer(by))


@command("DECRBY", 3)
def decrby(session: Session, key: bytes, by: bytes) -> object:
    """Subtract."""
    value = integer(by)
    if value == -(2**63):
        raise ReplyError("ERR decrement would overflow")
    return _add(session, key, -value)


def add_floats(value: bytes, by: bytes, wrong: str = NOT_A_FLOAT) -> bytes:
    """Return the text of a sum."""
    total = number(value, wrong) + number(by)
    if math.isinf(total) or math.isnan(total):
        raise ReplyError("ERR increment would produce NaN or Infinity")
    return number_text(long_double(long_double(Fraction(value.decode())) + long_double(Fraction(by.decode()))))


@command("INCRBYFLOAT", 3)
def incrbyfloat(session: Session, key: bytes, by: bytes) -> object:
    """Add a float."""
    value = _get(session.database, key)
    total = add_floats(b"0" if value is None else value, by)
    session.database.put(key, total, keep_expiry=True)
    return total


@command("SETBIT", 4)
def setbit(session: Session, key: bytes, offset: bytes, bit: bytes) -> object:
    """Set a bit; return the one before."""
    at = integer(offset, "ERR bit offset is not an integer or out of range")
    if not 0 <= at < _MAX_LENGTH * 8:
        raise ReplyError("ERR bit offset is not an integer or out of range")
    if bit not in (b"0", b"1"):
        raise ReplyError("ERR bit is not an integer or out of range")
    value = bytearray((_get(session.database, key) or b"").ljust(at // 8 + 1, b"\0"))
    mask = 0x80 >> at % 8
    before = int(bool(value[at // 8] & mask))
    value[at // 8] = value[at // 8] | mask if bit == b"1" else value[at // 8] & ~mask
    session.database.put(key, bytes(value), keep_expiry=True)
    return before


@command("GETBIT", 3)
def getbit(session: Session, key: bytes, offset: bytes) -> object:
    """Return a bit."""
    at = integer(offset, "ERR bit offset is not an integer or out of range")
    if not 0 <= at < _MAX_LENGTH * 8:
        raise ReplyError("ERR bit offset is not an integer or out of range")
    value = _get(session.database, key) or b""
    return int(bool(value[at // 8] & 0x80 >> at % 8)) if at // 8 < len(value) else 0
