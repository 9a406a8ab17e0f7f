"""Numbers as keys: building a set or dict takes linear time, even if an attacker has chosen the numbers.

Python's hash of text is randomised, its hash of numbers is not: all multiples of ``2**61 - 1`` have the same hash,
and a set of 20,000 of them takes seconds to build. If more than :data:`SAME_HASH_MAX_KEYS` different keys of a
collection are numbers with the same hash, these keys become text. At most eight integers of 64 bits have the same
hash, so such integers always stay numbers. Ordinary data has no other collisions.

This module must not know RESP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import Any, Final

from txredis_fast._tunables import SAME_HASH_MAX_KEYS, SAME_HASH_PART_KEYS

__all__ = ["attributes_of", "spread", "spread_at_once"]

#: Integers of this magnitude or above may share their hash with any number of others.
_MANY: Final = 2**63

#: Above this number of bits an integer is written in hexadecimal: decimal digits are slow, or refused by Python.
_LONG: Final = 2000


def spread(keys: list[Any]) -> Generator[None, None, list[Any]]:
    """Replace numbers by text if too many keys share their hash.

    A generator: it yields between parts of the work, and returns the keys in their order.

    :param keys: all keys of one collection.
    :returns: a new list; *keys* itself if no key has to be replaced.
    """
    counts: Counter[int] = Counter()
    for at in range(0, len(keys), SAME_HASH_PART_KEYS):
        counts.update(hash(key) for key in keys[at : at + SAME_HASH_PART_KEYS] if _may_collide(key))
        yield
    if not counts or max(counts.values()) <= SAME_HASH_MAX_KEYS:
        return keys
    # A number may occur more than once; only different numbers collide.
    different: dict[int, set[Any]] = {same: set() for same, count in counts.items() if count > SAME_HASH_MAX_KEYS}
    for at in range(0, len(keys), SAME_HASH_PART_KEYS):
        for key in keys[at : at + SAME_HASH_PART_KEYS]:
            if _may_collide(key):
                found = different.get(hash(key))
                if found is not None and len(found) <= SAME_HASH_MAX_KEYS:
                    found.add(key)
        yield
    crowded = {same for same, found in different.items() if len(found) > SAME_HASH_MAX_KEYS}
    if not crowded:
        return keys
    as_bytes = _are_bytes(keys)
    spread_out: list[Any] = []
    for at in range(0, len(keys), SAME_HASH_PART_KEYS):
        spread_out += [
            _text(key, as_bytes) if _may_collide(key) and hash(key) in crowded else key
            for key in keys[at : at + SAME_HASH_PART_KEYS]
        ]
        yield
    return spread_out


def spread_at_once(keys: list[Any]) -> list[Any]:
    """Run :func:`spread` to its end and return its result."""
    work = spread(keys)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def attributes_of(items: list[Any]) -> dict[Any, Any]:
    """Make a dict of an attribute's names and values.

    A reply may have any number of attributes, whose dicts are merged. This function sees one of them and cannot count
    collisions of the merged dict, so every number that may collide becomes text.
    """
    keys = items[::2]
    as_bytes = _are_bytes(keys)
    names = (_text(key, as_bytes) if _may_collide(key) else key for key in keys)
    return dict(zip(names, items[1::2], strict=True))


def _are_bytes(keys: list[Any]) -> bool:
    """Tell whether the keys other than numbers are bytes; False if there are none, or if any is str."""
    return any(type(key) is bytes for key in keys) and not any(type(key) is str for key in keys)


def _may_collide(key: object) -> bool:
    return type(key) is float or (type(key) is int and not -_MANY <= key < _MANY)


def _text(number: float, as_bytes: bool) -> str | bytes:
    text = hex(number) if isinstance(number, int) and number.bit_length() > _LONG else str(number)
    return text.encode("ascii") if as_bytes else text
