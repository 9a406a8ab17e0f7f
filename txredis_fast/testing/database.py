"""The keys of one database of a :class:`~txredis_fast.testing.FakeServer`: values, types and times to live.

This module must not know commands or connections.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .replies import ReplyError

__all__ = ["Database", "Hash", "List", "Set", "SortedSet", "Value", "type_name"]

_WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"


class Hash(dict[bytes, bytes]):
    """Field to value."""


class List(list[bytes]):
    """Elements."""


class Set(dict[bytes, None]):
    """Members, in the order of their addition, so that a test always sees the same order."""


class SortedSet(dict[bytes, float]):
    """Member to score."""

    def ordered(self) -> list[tuple[bytes, float]]:
        """Return the members by score, those of one score by their bytes."""
        return sorted(self.items(), key=lambda item: (item[1], item[0]))


Value = bytes | Hash | List | Set | SortedSet
AnyValue = TypeVar("AnyValue", bytes, Hash, List, Set, SortedSet)

_NAMES: dict[type, str] = {bytes: "string", Hash: "hash", List: "list", Set: "set", SortedSet: "zset"}


def type_name(value: Value) -> str:
    """Return the name that TYPE gives a value."""
    return _NAMES[type(value)]


class Database:
    """The keys of one database.

    A key has expired when its time has come: a test that lets 60 seconds pass sees no key of ``EXPIRE 60``. (A real
    server keeps it until a millisecond later.)
    """

    def __init__(self, now: Callable[[], int], changed: Callable[[Database, bytes], None]) -> None:
        """Make an empty one.

        :param now: returns the time in milliseconds.
        :param changed: called with this database and a key after each change.
        """
        self._now = now
        self._changed = changed
        self._values: dict[bytes, Value] = {}
        self._expiry: dict[bytes, int] = {}

    def get(self, key: bytes) -> Value | None:
        """Return a value; None if the key does not exist."""
        expiry = self._expiry.get(key)
        if expiry is not None and expiry <= self._now():
            self.delete(key)
        return self._values.get(key)

    def get_as(self, key: bytes, kind: type[AnyValue]) -> AnyValue | None:
        """Return a value of a type; None if the key does not exist.

        :raises ReplyError: it has another type.
        """
        value = self.get(key)
        if value is not None and not isinstance(value, kind):
            raise ReplyError(_WRONG_TYPE)
        return value

    def make(self, key: bytes, kind: type[AnyValue]) -> AnyValue:
        """Return a value of a type, which is made if the key does not exist. Call :meth:`changed` after changing it.

        :raises ReplyError: it has another type.
        """
        value = self.get_as(key, kind)
        if value is None:
            value = kind()
            self._values[key] = value
        return value

    def put(self, key: bytes, value: Value, *, keep_expiry: bool = False) -> None:
        """Give a key a value; an empty collection deletes the key."""
        if not keep_expiry:
            self._expiry.pop(key, None)
        self._values[key] = value
        self.changed(key)

    def changed(self, key: bytes) -> None:
        """A value was changed in place: delete an empty collection, and tell of the change."""
        value = self._values.get(key)
        if value is not None and not isinstance(value, bytes) and not value:
            del self._values[key]
            self._expiry.pop(key, None)
        self._changed(self, key)

    def delete(self, key: bytes) -> bool:
        """Delete a key; return whether it existed, also if its time had come."""
        self._expiry.pop(key, None)
        if self._values.pop(key, None) is None:
            return False
        self._changed(self, key)
        return True

    def keys(self) -> list[bytes]:
        """Return all keys, in the order in which they were made."""
        return [key for key in list(self._values) if self.get(key) is not None]

    def clear(self) -> None:
        """Delete all keys."""
        for key in self.keys():
            self.delete(key)

    def expiry(self, key: bytes) -> int | None:
        """Return the time in milliseconds at which a key expires; None: never."""
        return self._expiry.get(key)

    def expire(self, key: bytes, at: int | None) -> None:
        """Let an existing key expire.

        :param at: the time in milliseconds; one that has passed deletes the key. None: never.
        """
        if at is None:
            self._expiry.pop(key, None)
        elif at <= self._now():
            self.delete(key)
            return
        else:
            self._expiry[key] = at
        self._changed(self, key)
