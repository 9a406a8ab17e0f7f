"""Decoded elements -> list, dict, set, Push in pure Python: the reference for the compiled ``_caggregates``.

Map keys and set elements become hashable ("frozen"). This module must not know how elements are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from txredis_fast._tunables import (
    KEY_MAX_AGGREGATES,
    KEY_MAX_DEPTH,
    MAP_COST_BYTES,
    REPLY_MAX_KEY_AGGREGATES,
    SAME_HASH_MAX_KEYS,
    SET_COST_BYTES,
)
from txredis_fast.resp._keys import spread_at_once
from txredis_fast.resp._shared import Push

if TYPE_CHECKING:
    from txredis_fast._types import Reply

__all__ = ["Frame", "Nest", "dict_of", "may_collide"]

_STAR, _PERCENT, _TILDE, _PIPE, _GREATER = b"*%~|>"


class Frame:
    """An incomplete aggregate.

    :ivar kind: its type byte.
    :ivar size: number of elements announced by its header; a pair counts two.
    :ivar frozen: nesting depth inside a map key or set element; 0 outside of them.
    :ivar inner: number of aggregates among its keys or elements that have been opened, if these are frozen.
    :ivar items: the elements decoded so far.
    """

    __slots__ = ("frozen", "inner", "items", "kind", "size")

    def __init__(self, kind: int, size: int, frozen: int) -> None:
        self.kind = kind
        self.size = size
        self.frozen = frozen
        self.inner = 0
        self.items: list[Any] = []

    def child_frozen(self) -> int:
        """Return the ``frozen`` of an aggregate that is the next element of this one."""
        if self.frozen:
            return self.frozen + 1
        if self.kind == _TILDE:
            return 1
        return int(self.kind in (_PERCENT, _PIPE) and len(self.items) % 2 == 0)

    def build(self) -> Reply:
        """Make the Python value. All elements must be decoded."""
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
        return dict_of(self.items)


class Nest:
    """The stack of incomplete aggregates of a reply.

    :param max_depth: maximum nesting.
    :param max_elements: maximum number of elements announced in one reply.

    :ivar frames: the aggregates, the innermost last.
    :ivar elements: number of elements that the reply's aggregates have announced.
    :ivar extra: bytes that the reply's sets, maps and errors count in ``max_buffered`` besides those on the wire.
    """

    __slots__ = ("_frozen", "_max_depth", "_max_elements", "elements", "extra", "frames")

    def __init__(self, max_depth: int, max_elements: int) -> None:
        self._max_depth = max_depth
        self._max_elements = max_elements
        self.frames: list[Frame] = []
        self.end_reply()

    def open(self, kind: int, size: int) -> str | None:
        """Push an aggregate.

        :returns: None; if a limit forbids it, the words for what was expected instead.
        """
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
            frames[-1].inner += 1
            if frames[-1].inner > KEY_MAX_AGGREGATES:
                return f"at most {KEY_MAX_AGGREGATES} aggregates in the keys of a collection"
            if self._frozen > REPLY_MAX_KEY_AGGREGATES:
                return f"at most {REPLY_MAX_KEY_AGGREGATES} aggregates in the keys of a reply"
        frames.append(Frame(kind, size, frozen))
        self.elements += size
        if kind != _STAR:
            self.extra += SET_COST_BYTES if kind == _TILDE else MAP_COST_BYTES
        return None

    def room_for(self, size: int) -> int:
        """Return how many arrays of *size* elements the limits still allow inside the innermost aggregate."""
        return (self._max_elements - self.elements) // size if len(self.frames) < self._max_depth else 0

    def end_reply(self) -> None:
        """Reset the counters of the reply."""
        self.elements = 0
        #: Number of aggregates inside map keys and set elements.
        self._frozen = 0
        self.extra = 0

    def clear(self) -> None:
        """Drop all aggregates and reset the counters."""
        self.frames = []
        self.end_reply()


def may_collide(keys: list[Any]) -> bool:
    """Tell whether a collection has enough keys to need :func:`._keys.spread`."""
    return len(keys) > SAME_HASH_MAX_KEYS


def dict_of(items: list[Any]) -> dict[Any, Any]:
    """Make a dict of a list in which each key is followed by its value; a last key without one is left out.

    :raises TypeError: a key is not hashable.
    """
    return dict(zip(_keys(items[::2]), items[1::2], strict=False))


def _keys(items: list[Any]) -> list[Any]:
    return spread_at_once(items) if may_collide(items) else items
