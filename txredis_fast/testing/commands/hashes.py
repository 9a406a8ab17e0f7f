"""Hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..database import Hash
from ..replies import OK, ReplyError
from .registry import NOT_AN_INTEGER, SYNTAX_ERROR, check_cursor, command, integer, number, scan
from .strings import add_floats

if TYPE_CHECKING:
    from ..session import Session

__all__: list[str] = []


def _hash(session: Session, key: bytes) -> Hash:
    return session.database.get_as(key, Hash) or Hash()


def _set(session: Session, name: str, key: bytes, words: tuple[bytes, ...]) -> int:
    if len(words) % 2:
        raise ReplyError(f"ERR wrong number of arguments for '{name}' command")
    fields = session.database.make(key, Hash)
    before = len(fields)
    fields.update(zip(words[::2], words[1::2], strict=True))
    session.database.changed(key)
    return len(fields) - before


@command("HSET", -4)
def hset(session: Session, key: bytes, *words: bytes) -> object:
    """Set fields; return how many are new."""
    return _set(session, "hset", key, words)


@command("HMSET", -4)
def hmset(session: Session, key: bytes, *words: bytes) -> object:
    """Set fields."""
    _set(session, "hmset", key, words)
    return OK


@command("HSETNX", 4)
def hsetnx(session: Session, key: bytes, field: bytes, value: bytes) -> object:
    """Set a new field."""
    return 0 if field in _hash(session, key) else _set(session, "hsetnx", key, (field, value))


@command("HGET", 3)
def hget(session: Session, key: bytes, field: bytes) -> object:
    """Return a field."""
    return _hash(session, key).get(field)


@command("HMGET", -3)
def hmget(session: Session, key: bytes, *fields: bytes) -> object:
    """Return fields."""
    return list(map(_hash(session, key).get, fields))


@command("HGETALL", 2)
def hgetall(session: Session, key: bytes) -> object:
    """Return all fields and values."""
    return dict(_hash(session, key))


@command("HKEYS", 2)
def hkeys(session: Session, key: bytes) -> object:
    """Return the fields."""
    return list(_hash(session, key))


@command("HVALS", 2)
def hvals(session: Session, key: bytes) -> object:
    """Return the values."""
    return list(_hash(session, key).values())


@command("HLEN", 2)
def hlen(session: Session, key: bytes) -> object:
    """Return the number of fields."""
    return len(_hash(session, key))


@command("HEXISTS", 3)
def hexists(session: Session, key: bytes, field: bytes) -> object:
    """Return whether there is a field."""
    return int(field in _hash(session, key))


@command("HSTRLEN", 3)
def hstrlen(session: Session, key: bytes, field: bytes) -> object:
    """Return the length of a value."""
    return len(_hash(session, key).get(field, b""))


@command("HDEL", -3)
def hdel(session: Session, key: bytes, *fields: bytes) -> object:
    """Delete fields; return how many there were."""
    found = _hash(session, key)
    count = sum(found.pop(field, None) is not None for field in fields)
    if count:
        session.database.changed(key)
    return count


@command("HINCRBY", 4)
def hincrby(session: Session, key: bytes, field: bytes, by: bytes) -> object:
    """Add to a field."""
    step = integer(by, NOT_AN_INTEGER)
    total = integer(_hash(session, key).get(field, b"0"), "ERR hash value is not an integer") + step
    if not -(2**63) <= total < 2**63:
        raise ReplyError("ERR increment or decrement would overflow")
    _set(session, "hincrby", key, (field, b"%d" % total))
    return total


@command("HINCRBYFLOAT", 4)
def hincrbyfloat(session: Session, key: bytes, field: bytes, by: bytes) -> object:
    """Add a float to a field."""
    number(by)  # before the key is looked up, as a server does it
    total = add_floats(_hash(session, key).get(field, b"0"), by, "ERR hash value is not a float")
    _set(session, "hincrbyfloat", key, (field, total))
    return total


@command("HSCAN", -3)
def hscan(session: Session, key: bytes, cursor: bytes, *options: bytes) -> object:
    """Return a part of the fields."""
    check_cursor(cursor)
    fields = _hash(session, key)
    if not fields:
        return [b"0", []]
    following, found, others = scan(cursor, list(fields), options)
    names_only = others.pop("NOVALUES", None) is not None
    if others:
        raise ReplyError(SYNTAX_ERROR)
    if names_only:
        return [following, found]
    return [following, [each for field in found for each in (field, fields[field])]]
