"""Numbers as keys: sets and dicts of numbers that somebody chose, made in a time that does not explode.

Python hashes text with a secret, but numbers without one: all multiples of ``2**61 - 1`` have the same hash, and a set
of 20,000 of them takes seconds. Where the keys of one collection have more than :data:`SAME_HASH_MAX_KEYS` different
numbers with the same hash, these are text in it. Of integers within 64 bits at most eight have the same, so these
always stay what they are. Nobody comes upon the others who does not look for them.

This module must not know of RESP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import Any, Final

from txredis_fast._tunables import SAME_HASH_MAX_KEYS, SAME_HASH_PART_KEYS

__all__ = ["attributes_of", "spread", "spread_at_once"]

#: Integers from here on may have the same hash as any number of others.
_MANY: Final = 2**63

#: From so many bits on, decimal digits would take long to make, or Python refuses to.
_LONG: Final = 2000


def spread(keys: list[Any]) -> Generator[None, None, list[Any]]:
    """Make text of numbers that too many others of the keys have the hash of.

    :param keys: of one collection, all of them.
    :returns: as a generator, which yields between parts of the work: the keys in their order; the list given, where
        there is nothing to do.
    """
    counts: Counter[int] = Counter()
    for at in range(0, len(keys), SAME_HASH_PART_KEYS):
        counts.update(hash(key) for key in keys[at : at + SAME_HASH_PART_KEYS] if _may_collide(key))
        yield
    if not counts or max(counts.values()) <= SAME_HASH_MAX_KEYS:
        return keys
    # The same number may have come more than once: different ones are to be counted.
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
    """As :func:`spread`, without breaks."""
    work = spread(keys)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def attributes_of(items: list[Any]) -> dict[Any, Any]:
    """Dict of the names and values of attributes, which may be added to those of others without end.

    Numbers that may collide are text in it, however few: a part does not know the whole.
    """
    keys = items[::2]
    as_bytes = _are_bytes(keys)
    names = (_text(key, as_bytes) if _may_collide(key) else key for key in keys)
    return dict(zip(names, items[1::2], strict=True))


def _are_bytes(keys: list[Any]) -> bool:
    """Whether what is no number among them is bytes."""
    return any(type(key) is bytes for key in keys) and not any(type(key) is str for key in keys)


def _may_collide(key: Any) -> bool:
    return type(key) is float or (type(key) is int and not -_MANY <= key < _MANY)


def _text(number: float, as_bytes: bool) -> str | bytes:
    text = hex(number) if isinstance(number, int) and number.bit_length() > _LONG else str(number)
    return text.encode("ascii") if as_bytes else text
