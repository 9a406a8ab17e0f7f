"""Elements -> list, dict, set, Push in pure Python: the reference for the compiled ``_caggregates``.

Keys of maps, and elements of sets, are made hashable. This module must not know how elements come.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from txredis_fast._tunables import KEY_MAX_AGGREGATES, KEY_MAX_DEPTH, MAP_COST_BYTES, SAME_HASH_MAX_KEYS, SET_COST_BYTES
from txredis_fast.resp._keys import spread_at_once
from txredis_fast.resp._shared import Push

__all__ = ["Frame", "Nest", "may_collide"]

_STAR, _PERCENT, _TILDE, _PIPE, _GREATER = b"*%~|>"


class Frame:
    """An aggregate that is being read.

    :ivar kind: its type byte.
    :ivar size: how many elements it has; a pair counts two.
    :ivar frozen: how deep this is inside a map key or set element; 0 if it is in none.
    :ivar items: the elements that have come.
    """

    __slots__ = ("frozen", "items", "kind", "size")

    def __init__(self, kind: int, size: int, frozen: int) -> None:
        self.kind = kind
        self.size = size
        self.frozen = frozen
        self.items: list[Any] = []

    def child_frozen(self) -> int:
        """The ``frozen`` of an aggregate that comes next in this one."""
        if self.frozen:
            return self.frozen + 1
        if self.kind == _TILDE:
            return 1
        return int(self.kind in (_PERCENT, _PIPE) and len(self.items) % 2 == 0)

    def build(self) -> Any:
        """Make the value, once all items have come."""
        if self.kind == _STAR:
            return tuple(self.items) if self.frozen else self.items
        if self.kind == _TILDE:
            elements = _keys(self.items)
            return frozenset(elements) if self.frozen else set(elements)
        if self.kind == _GREATER:
            return Push(self.items)
        if self.frozen:
            items: Iterator[Any] = iter(self.items)
            return tuple(zip(items, items, strict=True))
        return dict(zip(_keys(self.items[::2]), self.items[1::2], strict=True))


class Nest:
    """The aggregates that are being read, one in another.

    :param max_depth: how many there may be.
    :param max_elements: elements announced in one reply.

    :ivar frames: the aggregates, the innermost last.
    :ivar elements: how many elements the aggregates of the reply have announced.
    :ivar extra: what the sets, maps and errors of the reply count besides their bytes.
    """

    __slots__ = ("_frozen", "_max_depth", "_max_elements", "elements", "extra", "frames")

    def __init__(self, max_depth: int, max_elements: int) -> None:
        self._max_depth = max_depth
        self._max_elements = max_elements
        self.frames: list[Frame] = []
        self.end_reply()

    def open(self, kind: int, size: int) -> str | None:
        """Begin an aggregate; where a limit forbids it, say what was expected instead."""
        frames = self.frames
        frozen = frames[-1].child_frozen() if frames else 0
        if len(frames) >= self._max_depth:
            return f"at most {self._max_depth} nested aggregates"
        if self.elements + size > self._max_elements:
            return f"at most {self._max_elements} elements in a reply"
        if frozen > KEY_MAX_DEPTH:
            return f"at most {KEY_MAX_DEPTH} nested aggregates in a key"
        if frozen:
            self._frozen += 1
            if self._frozen > KEY_MAX_AGGREGATES:
                return f"at most {KEY_MAX_AGGREGATES} aggregates in the keys of a reply"
        frames.append(Frame(kind, size, frozen))
        self.elements += size
        if kind != _STAR:
            self.extra += SET_COST_BYTES if kind == _TILDE else MAP_COST_BYTES
        return None

    def end_reply(self) -> None:
        """Count from nothing again."""
        self.elements = 0
        #: How many aggregates are inside of keys.
        self._frozen = 0
        self.extra = 0

    def clear(self) -> None:
        """Forget all aggregates."""
        self.frames = []
        self.end_reply()


def may_collide(keys: list[Any]) -> bool:
    """Whether keys are so many that numbers among them might have to be :func:`._keys.spread`."""
    return len(keys) > SAME_HASH_MAX_KEYS


def _keys(items: list[Any]) -> list[Any]:
    return spread_at_once(items) if may_collide(items) else items
