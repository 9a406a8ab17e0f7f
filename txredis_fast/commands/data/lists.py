"""Commands on lists."""

from __future__ import annotations

import datetime
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Keys, Seconds, Text, Value
from .._parts import CommandHost, blocking, deprecated, errors_to_deferred, one_or_many, waiting_time

__all__ = ["ListCommands"]


class ListCommands(CommandHost):
    """Commands of Redis's group "list".

    An index counts from the head, 0 first; a negative one counts from the tail, -1 last.
    """

    __slots__ = ()

    @errors_to_deferred
    def push(self, key: Key, value: Argument | list[Any] | tuple[Any, ...], tail: bool = False) -> Deferred[int]:
        """Add elements to a list. Deprecated: use :meth:`lpush` or :meth:`rpush`.

        :param key: key of the list.
        :param value: the element, or a list or tuple of elements.
        :param tail: add at the tail, not at the head.
        :returns: fires with the length of the list.

        https://redis.io/commands/lpush/, since 1.0.0
        """
        deprecated("redis.push() has been deprecated, use redis.lpush() or redis.rpush() instead")
        return self.rpush(key, value) if tail else self.lpush(key, value)

    def rpush(self, key: Key, value: Argument | list[Any] | tuple[Any, ...]) -> Deferred[int]:
        """Append elements at the tail of a list, which is made if it does not exist.

        :param key: key of the list.
        :param value: the element, or a list or tuple of elements.
        :returns: fires with the length of the list.

        https://redis.io/commands/rpush/, since 1.0.0
        """
        if isinstance(value, (list, tuple)):
            return self.execute_command("RPUSH", key, *value)
        return self.execute_command("RPUSH", key, value)

    def lpush(self, key: Key, value: Argument | list[Any] | tuple[Any, ...]) -> Deferred[int]:
        """Insert elements at the head of a list, one after the other: the last one becomes the first element.

        :param key: key of the list.
        :param value: the element, or a list or tuple of elements.
        :returns: fires with the length of the list.

        https://redis.io/commands/lpush/, since 1.0.0
        """
        if isinstance(value, (list, tuple)):
            return self.execute_command("LPUSH", key, *value)
        return self.execute_command("LPUSH", key, value)

    def llen(self, key: Key) -> Deferred[int]:
        """Tell the length of a list.

        :param key: key of the list.
        :returns: fires with the number of elements, 0 if the key does not exist.

        https://redis.io/commands/llen/, since 1.0.0
        """
        return self.execute_command("LLEN", key)

    def lrange(self, key: Key, start: int, end: int) -> Deferred[list[Value]]:
        """Read a range of elements.

        :param key: key of the list.
        :param start: index of the first element.
        :param end: index of the last one, which belongs to the range.
        :returns: fires with a list of elements.

        https://redis.io/commands/lrange/, since 1.0.0
        """
        return self.execute_command("LRANGE", key, start, end)

    def ltrim(self, key: Key, start: int, end: int) -> Deferred[Text]:
        """Remove all elements outside a range.

        :param key: key of the list.
        :param start: index of the first element to keep.
        :param end: index of the last one to keep.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/ltrim/, since 1.0.0
        """
        return self.execute_command("LTRIM", key, start, end)

    def lindex(self, key: Key, index: int) -> Deferred[Value | None]:
        """Read one element.

        :param key: key of the list.
        :param index: its index.
        :returns: fires with the element, or None if there is none.

        https://redis.io/commands/lindex/, since 1.0.0
        """
        return self.execute_command("LINDEX", key, index)

    def lset(self, key: Key, index: int, value: Argument) -> Deferred[Text]:
        """Replace one element.

        :param key: key of the list.
        :param index: its index.
        :param value: the new element.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if there is no such element.

        https://redis.io/commands/lset/, since 1.0.0
        """
        return self.execute_command("LSET", key, index, value)

    def lrem(self, key: Key, count: int, value: Argument) -> Deferred[int]:
        """Remove elements equal to a value.

        :param key: key of the list.
        :param count: how many at most: counted from the head, from the tail if negative; 0 means all.
        :param value: the value.
        :returns: fires with the number of elements removed.

        https://redis.io/commands/lrem/, since 1.0.0
        """
        return self.execute_command("LREM", key, count, value)

    @errors_to_deferred
    def pop(self, key: Key, tail: bool = False) -> Deferred[Value | None]:
        """Remove and read an element. Deprecated: use :meth:`lpop` or :meth:`rpop`.

        :param key: key of the list.
        :param tail: take the last element, not the first.
        :returns: fires with the element, or None if there is none.

        https://redis.io/commands/lpop/, since 1.0.0
        """
        # "user" is how txredisapi spells it: programs filter warnings by their text.
        deprecated("redis.pop() has been deprecated, user redis.lpop() or redis.rpop() instead")
        return self.rpop(key) if tail else self.lpop(key)

    def lpop(self, key: Key, *, count: int | None = None) -> Deferred[Any]:
        """Remove and read elements at the head of a list.

        :param key: key of the list.
        :param count: how many at most (Redis 6.2); None means one.
        :returns: fires with the element, or, with *count*, a list of elements; None if the key does not exist.

        https://redis.io/commands/lpop/, since 1.0.0
        """
        if count is None:
            return self.execute_command("LPOP", key)
        return self.execute_command("LPOP", key, count)

    def rpop(self, key: Key, *, count: int | None = None) -> Deferred[Any]:
        """Remove and read elements at the tail of a list.

        :param key: key of the list.
        :param count: how many at most (Redis 6.2); None means one.
        :returns: fires with the element, or, with *count*, a list of elements, the last of the list first;
            None if the key does not exist.

        https://redis.io/commands/rpop/, since 1.0.0
        """
        if count is None:
            return self.execute_command("RPOP", key)
        return self.execute_command("RPOP", key, count)

    @blocking
    @errors_to_deferred
    def blpop(self, keys: Keys, timeout: Seconds | datetime.timedelta = 0) -> Deferred[list[Value] | None]:
        """Remove and read the first element of the first list that is not empty, or wait for one.

        ``replyTimeout`` does not count here.

        :param keys: one key or an iterable of keys, tried in this order.
        :param timeout: seconds to wait, or a ``timedelta``; 0 means for ever. A fraction needs Redis 6.0.
        :returns: fires with ``[key, element]``, or None when the time is over.

        https://redis.io/commands/blpop/, since 2.0.0
        """
        return self.execute_command(
            "BLPOP", *one_or_many(keys), waiting_time(timeout), blocking=True, apply_timeout=False
        )

    @blocking
    @errors_to_deferred
    def brpop(self, keys: Keys, timeout: Seconds | datetime.timedelta = 0) -> Deferred[list[Value] | None]:
        """Remove and read the last element of the first list that is not empty, or wait for one.

        ``replyTimeout`` does not count here.

        :param keys: one key or an iterable of keys, tried in this order.
        :param timeout: seconds to wait, or a ``timedelta``; 0 means for ever. A fraction needs Redis 6.0.
        :returns: fires with ``[key, element]``, or None when the time is over.

        https://redis.io/commands/brpop/, since 2.0.0
        """
        return self.execute_command(
            "BRPOP", *one_or_many(keys), waiting_time(timeout), blocking=True, apply_timeout=False
        )

    @blocking
    def brpoplpush(
        self, source: Key, destination: Key, timeout: Seconds | datetime.timedelta = 0
    ) -> Deferred[Value | None]:
        """Move the last element of a list to the head of another, or wait for one.

        ``replyTimeout`` does not count here.

        :param source: key of the list to take from.
        :param destination: key of the list to add to; may be the same.
        :param timeout: seconds to wait, or a ``timedelta``; 0 means for ever. A fraction needs Redis 6.0.
        :returns: fires with the element, or None when the time is over.

        https://redis.io/commands/brpoplpush/, since 2.2.0
        """
        return self.execute_command(
            "BRPOPLPUSH", source, destination, waiting_time(timeout), blocking=True, apply_timeout=False
        )

    def rpoplpush(self, srckey: Key, dstkey: Key) -> Deferred[Value | None]:
        """Move the last element of a list to the head of another.

        :param srckey: key of the list to take from.
        :param dstkey: key of the list to add to; may be the same.
        :returns: fires with the element, or None if there is none.

        https://redis.io/commands/rpoplpush/, since 1.2.0
        """
        return self.execute_command("RPOPLPUSH", srckey, dstkey)
