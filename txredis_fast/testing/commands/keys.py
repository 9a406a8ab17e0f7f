"""Keys of every type: existence, times to live, names, iteration."""

from __future__ import annotations

from copy import copy as shallow
from typing import TYPE_CHECKING

from ..database import type_name
from ..replies import OK, ReplyError, Status
from .registry import NOT_AN_INTEGER, SYNTAX_ERROR, command, glob, integer, scan

if TYPE_CHECKING:
    from ..database import Value
    from ..session import Session

__all__: list[str] = []

_NO_KEY = "ERR no such key"


@command("DEL", -2)
@command("UNLINK", -2)
def delete(session: Session, *keys: bytes) -> object:
    """Delete keys; return how many existed."""
    return sum(session.database.get(key) is not None and session.database.delete(key) for key in keys)


@command("EXISTS", -2)
@command("TOUCH", -2)
def exists(session: Session, *keys: bytes) -> object:
    """Return how many exist; one named twice counts twice."""
    return sum(session.database.get(key) is not None for key in keys)


@command("TYPE", 2)
def type_(session: Session, key: bytes) -> object:
    """Return the name of the type."""
    value = session.database.get(key)
    return Status("none" if value is None else type_name(value))


def _expire(session: Session, name: str, unit: int, absolute: bool, key: bytes, time: bytes, *options: bytes) -> int:
    words = {option.upper().decode(errors="replace") for option in options}
    for option, word in zip(options, (option.upper() for option in options), strict=True):
        if word not in (b"NX", b"XX", b"GT", b"LT"):
            raise ReplyError(f"ERR Unsupported option {option.decode(errors='replace')}")
    if "NX" in words and len(words) > 1:
        raise ReplyError("ERR NX and XX, GT or LT options at the same time are not compatible")
    if {"GT", "LT"} <= words:
        raise ReplyError("ERR GT and LT options at the same time are not compatible")
    value = integer(time)
    at = value * unit + (0 if absolute else session.server.now())
    if not -(2**63) <= value * unit < 2**63 or not -(2**63) <= at < 2**63:
        raise ReplyError(f"ERR invalid expire time in '{name}' command")
    database = session.database
    if database.get(key) is None:
        return 0
    now = database.expiry(key)
    if (
        ("NX" in words and now is not None)
        or ("XX" in words and now is None)
        or ("GT" in words and (now is None or at <= now))
        or ("LT" in words and now is not None and at >= now)
    ):
        return 0
    database.expire(key, at)
    return 1


@command("EXPIRE", -3)
def expire(session: Session, *args: bytes) -> object:
    """Let a key expire in seconds."""
    return _expire(session, "expire", 1000, False, *args)


@command("PEXPIRE", -3)
def pexpire(session: Session, *args: bytes) -> object:
    """Let a key expire in milliseconds."""
    return _expire(session, "pexpire", 1, False, *args)


@command("EXPIREAT", -3)
def expireat(session: Session, *args: bytes) -> object:
    """Let a key expire at a second."""
    return _expire(session, "expireat", 1000, True, *args)


@command("PEXPIREAT", -3)
def pexpireat(session: Session, *args: bytes) -> object:
    """Let a key expire at a millisecond."""
    return _expire(session, "pexpireat", 1, True, *args)


def _left(session: Session, key: bytes, since: int) -> int:
    if session.database.get(key) is None:
        return -2
    at = session.database.expiry(key)
    return -1 if at is None else at - since


@command("TTL", 2)
def ttl(session: Session, key: bytes) -> object:
    """Return the seconds left; -1: no end, -2: no key."""
    left = _left(session, key, session.server.now())
    return left if left < 0 else (left + 500) // 1000


@command("PTTL", 2)
def pttl(session: Session, key: bytes) -> object:
    """Return the milliseconds left; -1: no end, -2: no key."""
    return _left(session, key, session.server.now())


@command("EXPIRETIME", 2)
def expiretime(session: Session, key: bytes) -> object:
    """Return the second of the end."""
    at = _left(session, key, 0)
    return at if at < 0 else (at + 500) // 1000


@command("PEXPIRETIME", 2)
def pexpiretime(session: Session, key: bytes) -> object:
    """Return the millisecond of the end."""
    return _left(session, key, 0)


@command("PERSIST", 2)
def persist(session: Session, key: bytes) -> object:
    """Take the time to live away."""
    if session.database.get(key) is None or session.database.expiry(key) is None:
        return 0
    session.database.expire(key, None)
    return 1


@command("KEYS", 2)
def keys_(session: Session, pattern: bytes) -> object:
    """Return the keys that match."""
    return list(filter(glob(pattern), session.database.keys()))


@command("SCAN", -2)
def scan_(session: Session, cursor: bytes, *options: bytes) -> object:
    """Return a part of the keys."""
    following, found, others = scan(cursor, session.database.keys(), options)
    wanted = others.pop("TYPE", None)
    if others:
        raise ReplyError(SYNTAX_ERROR)
    if wanted is not None:
        found = [key for key in found if type_(session, key).encode() == wanted.lower()]
    return [following, found]


@command("RANDOMKEY", 1)
def randomkey(session: Session) -> object:
    """Return one of the keys."""
    keys = session.database.keys()
    return session.server.random.choice(keys) if keys else None


def _rename(session: Session, key: bytes, to: bytes, replace: bool) -> bool:
    database = session.database
    value = database.get(key)
    if value is None:
        raise ReplyError(_NO_KEY)
    if not replace and database.get(to) is not None:
        return False
    if key != to:
        at = database.expiry(key)
        database.delete(key)
        database.put(to, value)
        if at is not None:
            database.expire(to, at)
    return True


@command("RENAME", 3)
def rename(session: Session, key: bytes, to: bytes) -> object:
    """Give a key another name."""
    _rename(session, key, to, True)
    return OK


@command("RENAMENX", 3)
def renamenx(session: Session, key: bytes, to: bytes) -> object:
    """Give a key a new name."""
    return int(_rename(session, key, to, False))


def _copy_of(value: Value) -> Value:
    return value if isinstance(value, bytes) else shallow(value)


@command("COPY", -3)
def copy(session: Session, key: bytes, to: bytes, *options: bytes) -> object:
    """Copy a key."""
    target, replace = session.index, False
    words = list(options)
    while words:
        word = words.pop(0).upper()
        if word == b"REPLACE":
            replace = True
        elif word == b"DB" and words:
            target = database_index(session, words.pop(0))
        else:
            raise ReplyError(SYNTAX_ERROR)
    if target == session.index and key == to:
        raise ReplyError("ERR source and destination objects are the same")
    database, other = session.database, session.server.databases[target]
    value = database.get(key)
    if value is None or (other.get(to) is not None and not replace):
        return 0
    at = database.expiry(key)
    other.put(to, _copy_of(value))
    if at is not None:
        other.expire(to, at)
    return 1


@command("MOVE", 3)
def move(session: Session, key: bytes, number: bytes) -> object:
    """Move a key to another database."""
    index = database_index(session, number)
    if index == session.index:
        raise ReplyError("ERR source and destination objects are the same")
    database, other = session.database, session.server.databases[index]
    value = database.get(key)
    if value is None or other.get(key) is not None:
        return 0
    at = database.expiry(key)
    database.delete(key)
    other.put(key, value)
    if at is not None:
        other.expire(key, at)
    return 1


def database_index(session: Session, text: bytes) -> int:
    """Read the number of a database.

    :raises ReplyError: there is no such database.
    """
    index = integer(text, NOT_AN_INTEGER)
    if not 0 <= index < len(session.server.databases):
        raise ReplyError("ERR DB index is out of range")
    return index


@command("DBSIZE", 1)
def dbsize(session: Session) -> object:
    """Return the number of keys."""
    return len(session.database.keys())


def _mode(options: tuple[bytes, ...]) -> None:
    if len(options) > 1 or (options and options[0].upper() not in (b"SYNC", b"ASYNC")):
        raise ReplyError(SYNTAX_ERROR)


@command("FLUSHDB", -1)
def flushdb(session: Session, *options: bytes) -> object:
    """Delete the keys of the database."""
    _mode(options)
    session.database.clear()
    return OK


@command("FLUSHALL", -1)
def flushall(session: Session, *options: bytes) -> object:
    """Delete all keys."""
    _mode(options)
    for database in session.server.databases:
        database.clear()
    return OK
