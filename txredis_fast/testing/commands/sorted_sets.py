"""Sorted sets."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..database import Set, SortedSet
from ..replies import NULL_ARRAY, Double, Pairs, ReplyError, score_text
from .registry import NOT_AN_INTEGER, SYNTAX_ERROR, Wait, check_cursor, command, integer, number, scan, span, timeout

if TYPE_CHECKING:
    from ..._types import Reply
    from ..session import Session

__all__: list[str] = []

_NAN = "ERR resulting score is not a number (NaN)"
_NOT_POSITIVE = "ERR value is out of range, must be positive"

Item = tuple[bytes, float]


def _sorted_set(session: Session, key: bytes) -> SortedSet:
    return session.database.get_as(key, SortedSet) or SortedSet()


@command("ZADD", -4)
def zadd(session: Session, key: bytes, *words: bytes) -> object:
    """Add members with their scores."""
    flags = set()
    at = 0
    while at < len(words) and words[at].upper() in (b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR"):
        flags.add(words[at].upper())
        at += 1
    rest = words[at:]
    if not rest or len(rest) % 2:
        raise ReplyError(SYNTAX_ERROR)
    if {b"NX", b"XX"} <= flags:
        raise ReplyError("ERR XX and NX options at the same time are not compatible")
    if len(flags & {b"GT", b"LT", b"NX"}) > 1:
        raise ReplyError("ERR GT, LT, and/or NX options at the same time are not compatible")
    if b"INCR" in flags and len(rest) > 2:
        raise ReplyError("ERR INCR option supports a single increment-element pair")
    pairs = [(member, number(score)) for score, member in zip(rest[::2], rest[1::2], strict=True)]
    found = _sorted_set(session, key)
    added = updated = 0
    result: float | None = None
    for member, score in pairs:
        before = found.get(member)
        if (before is None and b"XX" in flags) or (before is not None and b"NX" in flags):
            continue
        if b"INCR" in flags:
            score = score + (before or 0.0)
            if math.isnan(score):
                raise ReplyError(_NAN)
        if before is not None and ((b"GT" in flags and score <= before) or (b"LT" in flags and score >= before)):
            continue
        result = score
        added += before is None
        updated += before is not None and before != score
        found[member] = score
    if added or updated:
        session.database.put(key, found, keep_expiry=True)
    if b"INCR" in flags:
        return None if result is None else Double(result)
    return added + updated if b"CH" in flags else added


@command("ZINCRBY", 4)
def zincrby(session: Session, key: bytes, by: bytes, member: bytes) -> object:
    """Add to a score."""
    return zadd(session, key, b"INCR", by, member)


@command("ZSCORE", 3)
def zscore(session: Session, key: bytes, member: bytes) -> object:
    """Return a score."""
    score = _sorted_set(session, key).get(member)
    return None if score is None else Double(score)


@command("ZMSCORE", -3)
def zmscore(session: Session, key: bytes, *members: bytes) -> object:
    """Return scores."""
    return [zscore(session, key, member) for member in members]


@command("ZCARD", 2)
def zcard(session: Session, key: bytes) -> object:
    """Return the number of members."""
    return len(_sorted_set(session, key))


@command("ZREM", -3)
def zrem(session: Session, key: bytes, *members: bytes) -> object:
    """Remove members; return how many there were."""
    found = _sorted_set(session, key)
    count = sum(found.pop(member, None) is not None for member in members)
    if count:
        session.database.changed(key)
    return count


def _rank(session: Session, name: str, key: bytes, member: bytes, options: tuple[bytes, ...], reverse: bool) -> object:
    with_score = bool(options) and options[0].upper() == b"WITHSCORE"
    if len(options) > 1:
        raise ReplyError(f"ERR wrong number of arguments for '{name}' command")
    if options and not with_score:
        raise ReplyError(SYNTAX_ERROR)
    items = _sorted_set(session, key).ordered()
    if reverse:
        items.reverse()
    for place, (each, score) in enumerate(items):
        if each == member:
            return [place, Double(score)] if with_score else place
    return NULL_ARRAY if with_score else None


@command("ZRANK", -3)
def zrank(session: Session, key: bytes, member: bytes, *options: bytes) -> object:
    """Return the place by rising score."""
    return _rank(session, "zrank", key, member, options, False)


@command("ZREVRANK", -3)
def zrevrank(session: Session, key: bytes, member: bytes, *options: bytes) -> object:
    """Return the place by falling score."""
    return _rank(session, "zrevrank", key, member, options, True)


def _score_bound(text: bytes) -> tuple[float, bool]:
    error = "ERR min or max is not a float"
    return (number(text[1:], error), True) if text[:1] == b"(" else (number(text, error), False)


def _by_score(items: list[Item], low: bytes, high: bytes) -> list[Item]:
    (least, above), (most, below) = _score_bound(low), _score_bound(high)
    return [
        item
        for item in items
        if (item[1] > least or (item[1] == least and not above)) and (item[1] < most or (item[1] == most and not below))
    ]


def _lex_bound(text: bytes) -> tuple[int, bytes, bool]:
    """Return -1, 0 or 1 for below, at or above all members; the member; whether it is excluded."""
    if text in (b"-", b"+"):
        return (-1 if text == b"-" else 1), b"", False
    if text[:1] not in (b"[", b"("):
        raise ReplyError("ERR min or max not valid string range item")
    return 0, text[1:], text[:1] == b"("


def _by_lex(items: list[Item], low: bytes, high: bytes) -> list[Item]:
    (least_kind, least, above), (most_kind, most, below) = _lex_bound(low), _lex_bound(high)
    found = []
    for item in items:
        from_low = least_kind < 0 or (least_kind == 0 and (item[0] > least or (item[0] == least and not above)))
        to_high = most_kind > 0 or (most_kind == 0 and (item[0] < most or (item[0] == most and not below)))
        if from_low and to_high:
            found.append(item)
    return found


def _limited(items: list[Item], offset: int, count: int) -> list[Item]:
    if offset < 0:
        return []
    return items[offset:] if count < 0 else items[offset : offset + count]


def _reply(items: list[Item], with_scores: bool) -> object:
    if with_scores:
        return Pairs((member, Double(score)) for member, score in items)
    return [member for member, _ in items]


def _range(
    session: Session, key: bytes, first: bytes, second: bytes, options: tuple[bytes, ...], by: str, reverse: bool
) -> object:
    """Answer ZRANGE and its older forms.

    :param by: ``""`` (places), ``"BYSCORE"`` or ``"BYLEX"``; :param reverse: whether it falls.
    """
    words = list(options)
    offset, count, with_scores = 0, -1, False
    while words:
        word = words.pop(0).upper()
        if word == b"WITHSCORES":
            with_scores = True
        elif word == b"LIMIT" and len(words) >= 2:
            offset, count = integer(words.pop(0)), integer(words.pop(0))
        else:
            raise ReplyError(SYNTAX_ERROR)
    if count != -1 and not by:
        raise ReplyError("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
    if with_scores and by == "BYLEX":
        raise ReplyError("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
    low, high = (second, first) if reverse and by else (first, second)
    if by == "BYSCORE":
        _score_bound(low), _score_bound(high)
    elif by == "BYLEX":
        _lex_bound(low), _lex_bound(high)
    else:
        places = integer(first), integer(second)
    items = _sorted_set(session, key).ordered()
    if not by:
        if reverse:
            items.reverse()
        found = span(*places, len(items))
        return _reply(items[found.start : max(0, found.stop)], with_scores)
    items = _by_score(items, low, high) if by == "BYSCORE" else _by_lex(items, low, high)
    if reverse:
        items.reverse()
    return _reply(_limited(items, offset, count), with_scores)


@command("ZRANGE", -4)
def zrange(session: Session, key: bytes, first: bytes, second: bytes, *options: bytes) -> object:
    """Return members by place, score or name."""
    words = [option.upper() for option in options]
    by = "BYSCORE" if b"BYSCORE" in words else "BYLEX" if b"BYLEX" in words else ""
    rest = tuple(each for each in options if each.upper() not in (b"BYSCORE", b"BYLEX", b"REV"))
    return _range(session, key, first, second, rest, by, b"REV" in words)


@command("ZREVRANGE", -4)
def zrevrange(session: Session, key: bytes, first: bytes, second: bytes, *options: bytes) -> object:
    """Return members by place, by falling score."""
    return _range(session, key, first, second, options, "", True)


@command("ZRANGEBYSCORE", -4)
def zrangebyscore(session: Session, key: bytes, low: bytes, high: bytes, *options: bytes) -> object:
    """Return members by score."""
    return _range(session, key, low, high, options, "BYSCORE", False)


@command("ZREVRANGEBYSCORE", -4)
def zrevrangebyscore(session: Session, key: bytes, high: bytes, low: bytes, *options: bytes) -> object:
    """Return members by falling score."""
    return _range(session, key, high, low, options, "BYSCORE", True)


@command("ZRANGEBYLEX", -4)
def zrangebylex(session: Session, key: bytes, low: bytes, high: bytes, *options: bytes) -> object:
    """Return members by name."""
    return _range(session, key, low, high, options, "BYLEX", False)


@command("ZCOUNT", 4)
def zcount(session: Session, key: bytes, low: bytes, high: bytes) -> object:
    """Count members by score."""
    _score_bound(low), _score_bound(high)
    return len(_by_score(_sorted_set(session, key).ordered(), low, high))


@command("ZLEXCOUNT", 4)
def zlexcount(session: Session, key: bytes, low: bytes, high: bytes) -> object:
    """Count members by name."""
    _lex_bound(low), _lex_bound(high)
    return len(_by_lex(_sorted_set(session, key).ordered(), low, high))


@command("ZREMRANGEBYSCORE", 4)
def zremrangebyscore(session: Session, key: bytes, low: bytes, high: bytes) -> object:
    """Remove members by score."""
    _score_bound(low), _score_bound(high)
    return zrem(session, key, *(member for member, _ in _by_score(_sorted_set(session, key).ordered(), low, high)))


@command("ZREMRANGEBYRANK", 4)
def zremrangebyrank(session: Session, key: bytes, start: bytes, stop: bytes) -> object:
    """Remove members by place."""
    places = integer(start), integer(stop)
    items = _sorted_set(session, key).ordered()
    found = span(*places, len(items))
    return zrem(session, key, *(member for member, _ in items[found.start : max(0, found.stop)]))


def _pop(session: Session, key: bytes, counts: tuple[bytes, ...], highest: bool) -> Reply:
    if len(counts) > 1:
        raise ReplyError(SYNTAX_ERROR)
    count = 1
    if counts:
        count = integer(counts[0], _NOT_POSITIVE)
        if count < 0:
            raise ReplyError(_NOT_POSITIVE)
    items = _sorted_set(session, key).ordered()
    if highest:
        items.reverse()
    taken = items[:count]
    zrem(session, key, *(member for member, _ in taken))
    if counts:
        return _reply(taken, True)
    return [each for member, score in taken for each in (member, Double(score))]


@command("ZPOPMIN", -2)
def zpopmin(session: Session, key: bytes, *count: bytes) -> object:
    """Take the member of the lowest score, or some."""
    return _pop(session, key, count, False)


@command("ZPOPMAX", -2)
def zpopmax(session: Session, key: bytes, *count: bytes) -> object:
    """Take the member of the highest score, or some."""
    return _pop(session, key, count, True)


def _blocking(session: Session, args: tuple[bytes, ...], highest: bool) -> Wait:
    def attempt() -> Reply:
        for key in args[:-1]:
            if taken := _pop(session, key, (), highest):
                return [key, *taken]
        return None

    return Wait(attempt, timeout(args[-1]), NULL_ARRAY)


@command("BZPOPMIN", -3)
def bzpopmin(session: Session, *args: bytes) -> object:
    """Take the member of the lowest score of the first set that has one; wait for it."""
    return _blocking(session, args, False)


@command("BZPOPMAX", -3)
def bzpopmax(session: Session, *args: bytes) -> object:
    """Take the member of the highest score of the first set that has one; wait for it."""
    return _blocking(session, args, True)


def _scores(session: Session, key: bytes) -> dict[bytes, float]:
    """Return the scores of a sorted set; members of a plain set have 1."""
    found = session.database.get(key)
    return dict.fromkeys(found, 1.0) if isinstance(found, Set) else _sorted_set(session, key)


_AGGREGATES: dict[bytes, Callable[[list[float]], float]] = {b"SUM": sum, b"MIN": min, b"MAX": max}


def _stored(session: Session, to: bytes, words: tuple[bytes, ...], union: bool) -> int:
    name = "zunionstore" if union else "zinterstore"
    count = integer(words[0], NOT_AN_INTEGER)
    if count < 1:
        raise ReplyError(f"ERR at least 1 input key is needed for '{name}' command")
    if count > len(words) - 1:
        raise ReplyError(SYNTAX_ERROR)
    sets = [_scores(session, key) for key in words[1 : count + 1]]
    weights = [1.0] * count
    together: Callable[[list[float]], float] = sum
    rest = list(words[count + 1 :])
    while rest:
        word = rest.pop(0).upper()
        if word == b"WEIGHTS" and len(rest) >= count:
            weights = [number(rest.pop(0), "ERR weight value is not a float") for _ in range(count)]
        elif word == b"AGGREGATE" and rest and rest[0].upper() in (b"SUM", b"MIN", b"MAX"):
            together = _AGGREGATES[rest.pop(0).upper()]
        else:
            raise ReplyError(SYNTAX_ERROR)
    members = dict.fromkeys(member for found in sets for member in found)
    result = SortedSet()
    for member in members:
        scores = [found[member] * weight for found, weight in zip(sets, weights, strict=True) if member in found]
        if union or len(scores) == count:
            score = together(scores)
            result[member] = 0.0 if math.isnan(score) else score
    if result or session.database.get(to) is not None:
        session.database.put(to, result)
    return len(result)


@command("ZUNIONSTORE", -4)
def zunionstore(session: Session, to: bytes, *words: bytes) -> object:
    """Store a union; return the number of members."""
    return _stored(session, to, words, True)


@command("ZINTERSTORE", -4)
def zinterstore(session: Session, to: bytes, *words: bytes) -> object:
    """Store an intersection; return the number of members."""
    return _stored(session, to, words, False)


@command("ZSCAN", -3)
def zscan(session: Session, key: bytes, cursor: bytes, *options: bytes) -> object:
    """Return a part of the members, with their scores."""
    check_cursor(cursor)
    found = _sorted_set(session, key)
    if not found:
        return [b"0", []]
    following, members, others = scan(cursor, [member for member, _ in found.ordered()], options)
    if others:
        raise ReplyError(SYNTAX_ERROR)
    return [following, [each for member in members for each in (member, score_text(found[member]))]]
