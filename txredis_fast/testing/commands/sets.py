"""Sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..database import Set
from ..replies import Members, ReplyError
from .registry import NOT_AN_INTEGER, SYNTAX_ERROR, check_cursor, command, integer, scan

if TYPE_CHECKING:
    from ..._types import Reply
    from ..session import Session

__all__: list[str] = []

_NOT_POSITIVE = "ERR value is out of range, must be positive"


def _set(session: Session, key: bytes) -> Set:
    return session.database.get_as(key, Set) or Set()


@command("SADD", -3)
def sadd(session: Session, key: bytes, *members: bytes) -> object:
    """Add members; return how many are new."""
    found = session.database.make(key, Set)
    before = len(found)
    found.update(dict.fromkeys(members))
    if len(found) > before:
        session.database.changed(key)
    return len(found) - before


@command("SREM", -3)
def srem(session: Session, key: bytes, *members: bytes) -> object:
    """Remove members; return how many there were."""
    found = _set(session, key)
    before = len(found)
    for member in members:
        found.pop(member, None)
    count = before - len(found)
    if count:
        session.database.changed(key)
    return count


@command("SMEMBERS", 2)
def smembers(session: Session, key: bytes) -> object:
    """Return all members."""
    return Members(_set(session, key))


@command("SISMEMBER", 3)
def sismember(session: Session, key: bytes, member: bytes) -> object:
    """Return whether there is a member."""
    return int(member in _set(session, key))


@command("SMISMEMBER", -3)
def smismember(session: Session, key: bytes, *members: bytes) -> object:
    """Return of each whether it is a member."""
    found = _set(session, key)
    return [int(member in found) for member in members]


@command("SCARD", 2)
def scard(session: Session, key: bytes) -> object:
    """Return the number of members."""
    return len(_set(session, key))


@command("SMOVE", 4)
def smove(session: Session, key: bytes, to: bytes, member: bytes) -> object:
    """Move a member to another set."""
    if not _set(session, key):
        return 0
    _set(session, to)
    if key == to:
        return int(member in _set(session, key))
    if not srem(session, key, member):
        return 0
    sadd(session, to, member)
    return 1


@command("SPOP", -2)
def spop(session: Session, key: bytes, *counts: bytes) -> object:
    """Take a member, or some, by chance."""
    if len(counts) > 1:
        raise ReplyError(SYNTAX_ERROR)
    if counts and integer(counts[0], _NOT_POSITIVE) < 0:
        raise ReplyError(_NOT_POSITIVE)
    found = _set(session, key)
    if not counts:
        if not found:
            return None
        member = session.server.random.choice(list(found))
        srem(session, key, member)
        return member
    taken = session.server.random.sample(list(found), min(int(counts[0]), len(found)))
    srem(session, key, *taken)
    return Members(taken)


@command("SRANDMEMBER", -2)
def srandmember(session: Session, key: bytes, *counts: bytes) -> object:
    """Return a member, or some, by chance."""
    if len(counts) > 1:
        raise ReplyError(SYNTAX_ERROR)
    count = integer(counts[0], NOT_AN_INTEGER) if counts else 0
    found = list(_set(session, key))
    if not counts:
        return session.server.random.choice(found) if found else None
    if not found:
        return []
    if count < 0:
        return session.server.random.choices(found, k=-count)
    return session.server.random.sample(found, min(count, len(found)))


def _combine(session: Session, how: str, keys: tuple[bytes, ...]) -> Set:
    first, *others = [_set(session, key) for key in keys]
    if how == "union":
        return Set(dict.fromkeys(member for found in (first, *others) for member in found))
    if how == "inter":
        return Set(dict.fromkeys(member for member in first if all(member in found for found in others)))
    return Set(dict.fromkeys(member for member in first if not any(member in found for found in others)))


def _combining(how: str) -> Callable[..., Any]:
    def reply(session: Session, *keys: bytes) -> Reply:
        """Return the members of a combination."""
        return Members(_combine(session, how, keys))

    return reply


def _storing(how: str) -> Callable[..., Any]:
    def reply(session: Session, to: bytes, *keys: bytes) -> Reply:
        """Store a combination; return the number of members."""
        found = _combine(session, how, keys)
        if found or session.database.get(to) is not None:
            session.database.put(to, found)
        return len(found)

    return reply


for _how, _name in (("inter", "SINTER"), ("union", "SUNION"), ("diff", "SDIFF")):
    command(_name, -2)(_combining(_how))
    command(f"{_name}STORE", -3)(_storing(_how))


@command("SSCAN", -3)
def sscan(session: Session, key: bytes, cursor: bytes, *options: bytes) -> object:
    """Return a part of the members."""
    check_cursor(cursor)
    members = _set(session, key)
    if not members:
        return [b"0", []]
    following, found, others = scan(cursor, list(members), options)
    if others:
        raise ReplyError(SYNTAX_ERROR)
    return [following, found]
