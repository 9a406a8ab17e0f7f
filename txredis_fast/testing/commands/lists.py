"""Lists, and the commands that wait for an element."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..database import List
from ..replies import NULL_ARRAY, OK, ReplyError
from .registry import SYNTAX_ERROR, Wait, command, integer, span, timeout

if TYPE_CHECKING:
    from ..session import Session

__all__: list[str] = []

_NOT_POSITIVE = "ERR value is out of range, must be positive"


def _list(session: Session, key: bytes) -> List:
    return session.database.get_as(key, List) or List()


def _push(session: Session, key: bytes, items: tuple[bytes, ...], left: bool) -> int:
    found = session.database.make(key, List)
    if left:
        found[:0] = items[::-1]
    else:
        found += items
    session.database.changed(key)
    return len(found)


def _take(session: Session, key: bytes, left: bool) -> bytes | None:
    found = session.database.get_as(key, List)
    if found is None:
        return None
    item = found.pop(0 if left else -1)
    session.database.changed(key)
    return item


@command("LPUSH", -3)
def lpush(session: Session, key: bytes, *items: bytes) -> object:
    """Add elements in front; return the length."""
    return _push(session, key, items, True)


@command("RPUSH", -3)
def rpush(session: Session, key: bytes, *items: bytes) -> object:
    """Add elements behind; return the length."""
    return _push(session, key, items, False)


@command("LPUSHX", -3)
def lpushx(session: Session, key: bytes, *items: bytes) -> object:
    """Add elements in front of an existing list."""
    return _push(session, key, items, True) if _list(session, key) else 0


@command("RPUSHX", -3)
def rpushx(session: Session, key: bytes, *items: bytes) -> object:
    """Add elements behind an existing list."""
    return _push(session, key, items, False) if _list(session, key) else 0


def _pop(session: Session, name: str, key: bytes, counts: tuple[bytes, ...], left: bool) -> object:
    if not counts:
        return _take(session, key, left)
    if len(counts) > 1:
        raise ReplyError(f"ERR wrong number of arguments for '{name}' command")
    count = integer(counts[0], _NOT_POSITIVE)
    if count < 0:
        raise ReplyError(_NOT_POSITIVE)
    length = len(_list(session, key))
    if not length:
        return NULL_ARRAY
    return [_take(session, key, left) for _ in range(min(count, length))]


@command("LPOP", -2)
def lpop(session: Session, key: bytes, *count: bytes) -> object:
    """Take the first element, or some."""
    return _pop(session, "lpop", key, count, True)


@command("RPOP", -2)
def rpop(session: Session, key: bytes, *count: bytes) -> object:
    """Take the last element, or some."""
    return _pop(session, "rpop", key, count, False)


@command("LLEN", 2)
def llen(session: Session, key: bytes) -> object:
    """Return the length."""
    return len(_list(session, key))


@command("LRANGE", 4)
def lrange(session: Session, key: bytes, start: bytes, stop: bytes) -> object:
    """Return a part."""
    places = integer(start), integer(stop)
    found = _list(session, key)
    places_found = span(*places, len(found))
    return list(found[places_found.start : max(0, places_found.stop)])


@command("LINDEX", 3)
def lindex(session: Session, key: bytes, index: bytes) -> object:
    """Return an element."""
    found = _list(session, key)
    if not found:
        return None
    at = integer(index)
    return found[at] if -len(found) <= at < len(found) else None


@command("LSET", 4)
def lset(session: Session, key: bytes, index: bytes, value: bytes) -> object:
    """Replace an element."""
    found = session.database.get_as(key, List)
    if found is None:
        raise ReplyError("ERR no such key")
    at = integer(index)
    if not -len(found) <= at < len(found):
        raise ReplyError("ERR index out of range")
    found[at] = value
    session.database.changed(key)
    return OK


@command("LREM", 4)
def lrem(session: Session, key: bytes, count: bytes, value: bytes) -> object:
    """Remove equal elements; return how many."""
    limit = integer(count)
    found = _list(session, key)
    places = [at for at, each in enumerate(found) if each == value]
    places = places[:limit] if limit > 0 else places[limit:] if limit < 0 else places
    for at in reversed(places):
        del found[at]
    if places:
        session.database.changed(key)
    return len(places)


@command("LTRIM", 4)
def ltrim(session: Session, key: bytes, start: bytes, stop: bytes) -> object:
    """Keep a part."""
    places = integer(start), integer(stop)
    found = session.database.get_as(key, List)
    if found is not None:
        kept = span(*places, len(found))
        found[:] = found[kept.start : max(0, kept.stop)]
        session.database.changed(key)
    return OK


@command("LINSERT", 5)
def linsert(session: Session, key: bytes, where: bytes, pivot: bytes, value: bytes) -> object:
    """Insert beside an element; return the length."""
    if where.upper() not in (b"BEFORE", b"AFTER"):
        raise ReplyError(SYNTAX_ERROR)
    found = session.database.get_as(key, List)
    if found is None:
        return 0
    if pivot not in found:
        return -1
    found.insert(found.index(pivot) + (where.upper() == b"AFTER"), value)
    session.database.changed(key)
    return len(found)


@command("LPOS", -3)
def lpos(session: Session, key: bytes, value: bytes, *options: bytes) -> object:
    """Return the place of an element."""
    if len(options) % 2:
        raise ReplyError(SYNTAX_ERROR)
    rank, count, limit = 1, None, 0
    for word, text in zip(options[::2], options[1::2], strict=True):
        if word.upper() == b"RANK":
            rank = integer(text)
            if rank == 0:
                raise ReplyError(
                    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
                    "or use negative to start from the end of the list"
                )
        elif word.upper() == b"COUNT":
            count = integer(text)
            if count < 0:
                raise ReplyError("ERR COUNT can't be negative")
        elif word.upper() == b"MAXLEN":
            limit = integer(text)
            if limit < 0:
                raise ReplyError("ERR MAXLEN can't be negative")
        else:
            raise ReplyError(SYNTAX_ERROR)
    found = list(enumerate(_list(session, key)))
    if rank < 0:
        found.reverse()
    places = [at for at, each in found[: limit or None] if each == value][abs(rank) - 1 :]
    if count is None:
        return places[0] if places else None
    return places[: count or None]


def _side(word: bytes) -> bool:
    if word.upper() not in (b"LEFT", b"RIGHT"):
        raise ReplyError(SYNTAX_ERROR)
    return word.upper() == b"LEFT"


def _move(session: Session, key: bytes, to: bytes, left: bool, to_left: bool) -> bytes | None:
    if not _list(session, key):
        return None
    _list(session, to)  # before anything changes: it may have another type
    item = _take(session, key, left)
    if item is not None:
        _push(session, to, (item,), to_left)
    return item


@command("LMOVE", 5)
def lmove(session: Session, key: bytes, to: bytes, where: bytes, to_where: bytes) -> object:
    """Move an element to another list."""
    return _move(session, key, to, _side(where), _side(to_where))


@command("RPOPLPUSH", 3)
def rpoplpush(session: Session, key: bytes, to: bytes) -> object:
    """Move the last element to the front of another list."""
    return _move(session, key, to, False, True)


def _pop_of(session: Session, keys: tuple[bytes, ...], left: bool) -> object:
    for key in keys:
        item = _take(session, key, left)
        if item is not None:
            return [key, item]
    return None


@command("BLPOP", -3)
def blpop(session: Session, *args: bytes) -> object:
    """Take the first element of the first list that has one; wait for it."""
    return Wait(lambda: _pop_of(session, args[:-1], True), timeout(args[-1]), NULL_ARRAY)


@command("BRPOP", -3)
def brpop(session: Session, *args: bytes) -> object:
    """Take the last element of the first list that has one; wait for it."""
    return Wait(lambda: _pop_of(session, args[:-1], False), timeout(args[-1]), NULL_ARRAY)


@command("BLMOVE", 6)
def blmove(session: Session, key: bytes, to: bytes, where: bytes, to_where: bytes, limit: bytes) -> object:
    """Move an element to another list; wait for it."""
    left, to_left = _side(where), _side(to_where)
    return Wait(lambda: _move(session, key, to, left, to_left), timeout(limit), None)


@command("BRPOPLPUSH", 4)
def brpoplpush(session: Session, key: bytes, to: bytes, limit: bytes) -> object:
    """Move the last element to the front of another list; wait for it."""
    return Wait(lambda: _move(session, key, to, False, True), timeout(limit), None)
