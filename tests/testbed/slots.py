"""Slots of a cluster, computed here and not with the code under test."""

from __future__ import annotations

import binascii
import itertools
from collections.abc import Iterable, Iterator
from functools import cache

#: How many slots a cluster has.
SLOTS = 16384


def slot_of(key: str | bytes) -> int:
    """The slot of a key: of what is between its first ``{`` and the next ``}``, if that is something."""
    data = key.encode() if isinstance(key, str) else key
    start = data.find(b"{")
    if start >= 0:
        end = data.find(b"}", start + 1)
        if end > start + 1:
            data = data[start + 1 : end]
    return binascii.crc_hqx(data, 0) % SLOTS


@cache
def tag_of(slot: int) -> str:
    """A short text that has this slot, the same at every call: ``"{%s}anything" % tag_of(slot)`` is a key of it."""
    if not 0 <= slot < SLOTS:
        raise ValueError(f"no slot: {slot}")
    return _tags()[slot]


def key_in(slot: int, name: object = "") -> str:
    """A key of this slot."""
    return f"{{{tag_of(slot)}}}{name}"


@cache
def _tags() -> list[str]:
    found: dict[int, str] = {}
    for number in itertools.count():
        found.setdefault(slot_of(f"{number:x}"), f"{number:x}")
        if len(found) == SLOTS:
            return [found[slot] for slot in range(SLOTS)]
    raise AssertionError


def ranges_of(slots: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The first and last of each run of slots."""
    for _, run in itertools.groupby(enumerate(sorted(set(slots))), lambda pair: pair[1] - pair[0]):
        numbers = [slot for _, slot in run]
        yield numbers[0], numbers[-1]


def shares(parts: int) -> list[range]:
    """All slots, in parts that are as equal as can be."""
    return [range(part * SLOTS // parts, (part + 1) * SLOTS // parts) for part in range(parts)]
