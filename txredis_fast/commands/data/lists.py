"""Commands on lists."""

from __future__ import annotations

import datetime
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Keys, Seconds, Text, V
from .._parts import (
    CommandHost,
    as_tuple,
    blocking,
    counted_keys,
    deprecated,
    errors_to_deferred,
    one_or_many,
    waiting_time,
)

__all__ = ["ListCommands"]


class ListCommands(CommandHost[V]):
    """Commands of Redis's group "list".

    Index 0 is the first element (head), -1 the last one (tail).
    """

    __slots__ = ()

    @errors_to_deferred
    def push(self, key: Key, value: Argument | list[Any] | tuple[Any, ...], tail: bool = False) -> Deferred[int]:
        """Add elements to a list. Deprecated: use :meth:`lpush` or :meth:`rpush`.

        :param key: key of the list.
        :param value: the element, or a list or tuple of elements.
        :param tail: append to the tail instead of the head.
        :returns: fires with the new length of the list.

        https://redis.io/commands/lpush/, since 1.0.0
        """
        deprecated("redis.push() has been deprecated, use redis.lpush() or redis.rpush() instead")
        return self.rpush(key, value) if tail else self.lpush(key, value)

    def rpush(self, key: Key, value: Argument | list[Any] | tuple[Any, ...]) -> Deferred[int]:
        """Append elements to the tail of a list, which is created if it does not exist.

        :param key: key of the list.
        :param value: the element, or a list or tuple of elements.
        :returns: fires with the new length of the list.

        https://redis.io/commands/rpush/, since 1.0.0
        """
        if isinstance(value, (list, tuple)):
            return self.execute_command("RPUSH", key, *value)
        return self.execute_command("RPUSH", key, value)

    def lpush(self, key: Key, value: Argument | list[Any] | tuple[Any, ...]) -> Deferred[int]:
        """Insert elements at the head of a list, one after the other: the last element of *value* becomes the head.

        :param key: key of the list.
        :param value: the element, or a list or tuple of elements.
        :returns: fires with the new length of the list.

        https://redis.io/commands/lpush/, since 1.0.0
        """
        if isinstance(value, (list, tuple)):
            return self.execute_command("LPUSH", key, *value)
        return self.execute_command("LPUSH", key, value)

    def llen(self, key: Key) -> Deferred[int]:
        """Get the length of a list.

        :param key: key of the list.
        :returns: fires with the number of elements, 0 if the key does not exist.

        https://redis.io/commands/llen/, since 1.0.0
        """
        return self.execute_command("LLEN", key)

    def lrange(self, key: Key, start: int, end: int) -> Deferred[list[V]]:
        """Read a range of elements.

        :param key: key of the list.
        :param start: index of the first element.
        :param end: index of the last element, included.
        :returns: fires with a list of elements.

        https://redis.io/commands/lrange/, since 1.0.0
        """
        return self.execute_command("LRANGE", key, start, end)

    def ltrim(self, key: Key, start: int, end: int) -> Deferred[Text]:
        """Remove all elements outside a range.

        :param key: key of the list.
        :param start: index of the first element to keep.
        :param end: index of the last element to keep.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/ltrim/, since 1.0.0
        """
        return self.execute_command("LTRIM", key, start, end)

    def lindex(self, key: Key, index: int) -> Deferred[V | None]:
        """Read one element.

        :param key: key of the list.
        :param index: index of the element.
        :returns: fires with the element, or None if the index is out of range.

        https://redis.io/commands/lindex/, since 1.0.0
        """
        return self.execute_command("LINDEX", key, index)

    def lset(self, key: Key, index: int, value: Argument) -> Deferred[Text]:
        """Replace one element.

        :param key: key of the list.
        :param index: index of the element.
        :param value: the new element.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the index is out of range.

        https://redis.io/commands/lset/, since 1.0.0
        """
        return self.execute_command("LSET", key, index, value)

    def lrem(self, key: Key, count: int, value: Argument) -> Deferred[int]:
        """Remove elements equal to a value.

        :param key: key of the list.
        :param count: maximum number to remove, from the head if positive, from the tail if negative; 0: all.
        :param value: the value.
        :returns: fires with the number of elements removed.

        https://redis.io/commands/lrem/, since 1.0.0
        """
        return self.execute_command("LREM", key, count, value)

    @errors_to_deferred
    def pop(self, key: Key, tail: bool = False) -> Deferred[V | None]:
        """Pop an element. Deprecated: use :meth:`lpop` or :meth:`rpop`.

        :param key: key of the list.
        :param tail: pop the last element instead of the first.
        :returns: fires with the element, or None if the list is empty.

        https://redis.io/commands/lpop/, since 1.0.0
        """
        # "user" is how txredisapi spells it: programs filter warnings by their text.
        deprecated("redis.pop() has been deprecated, user redis.lpop() or redis.rpop() instead")
        return self.rpop(key) if tail else self.lpop(key)

    def lpop(self, key: Key, count: int | None = None) -> Deferred[Any]:
        """Pop elements from the head of a list.

        :param key: key of the list.
        :param count: maximum number of elements (Redis 6.2). None: one element.
        :returns: fires with the element, or, with *count*, a list of elements; None if the key does not exist.

        https://redis.io/commands/lpop/, since 1.0.0
        """
        if count is None:
            return self.execute_command("LPOP", key)
        return self.execute_command("LPOP", key, count)

    def rpop(self, key: Key, count: int | None = None) -> Deferred[Any]:
        """Pop elements from the tail of a list.

        :param key: key of the list.
        :param count: maximum number of elements (Redis 6.2). None: one element.
        :returns: fires with the element, or, with *count*, a list of elements, the tail first; None if
            the key does not exist.

        https://redis.io/commands/rpop/, since 1.0.0
        """
        if count is None:
            return self.execute_command("RPOP", key)
        return self.execute_command("RPOP", key, count)

    @blocking
    @errors_to_deferred
    def blpop(self, keys: Keys, timeout: Seconds | datetime.timedelta = 0) -> Deferred[list[V] | None]:
        """Pop the first element of the first list that is not empty; block while all are empty.

        The reply may take *timeout* and ``replyTimeout`` seconds (10 if that is None); any time if *timeout* is 0.

        :param keys: one key or an iterable of keys, in order of precedence.
        :param timeout: seconds to wait, or a ``timedelta``; 0: no limit. A fraction needs Redis 6.0.
        :returns: fires with ``[key, element]``, or None after *timeout*.

        https://redis.io/commands/blpop/, since 2.0.0
        """
        return self.execute_command(
            "BLPOP", *one_or_many(keys), waiting_time(timeout), blocking=True, apply_timeout=False
        )

    @blocking
    @errors_to_deferred
    def brpop(self, keys: Keys, timeout: Seconds | datetime.timedelta = 0) -> Deferred[list[V] | None]:
        """Pop the last element of the first list that is not empty; block while all are empty.

        The reply may take *timeout* and ``replyTimeout`` seconds (10 if that is None); any time if *timeout* is 0.

        :param keys: one key or an iterable of keys, in order of precedence.
        :param timeout: seconds to wait, or a ``timedelta``; 0: no limit. A fraction needs Redis 6.0.
        :returns: fires with ``[key, element]``, or None after *timeout*.

        https://redis.io/commands/brpop/, since 2.0.0
        """
        return self.execute_command(
            "BRPOP", *one_or_many(keys), waiting_time(timeout), blocking=True, apply_timeout=False
        )

    @blocking
    def brpoplpush(
        self, source: Key, destination: Key, timeout: Seconds | datetime.timedelta = 0
    ) -> Deferred[V | None]:
        """Move the last element of a list to the head of another; block while the list is empty.

        The reply may take *timeout* and ``replyTimeout`` seconds (10 if that is None); any time if *timeout* is 0.

        :param source: key of the list to pop from.
        :param destination: key of the list to push to; may be the same key.
        :param timeout: seconds to wait, or a ``timedelta``; 0: no limit. A fraction needs Redis 6.0.
        :returns: fires with the element, or None after *timeout*.

        https://redis.io/commands/brpoplpush/, since 2.2.0
        """
        return self.execute_command(
            "BRPOPLPUSH", source, destination, waiting_time(timeout), blocking=True, apply_timeout=False
        )

    def rpoplpush(self, srckey: Key, dstkey: Key) -> Deferred[V | None]:
        """Move the last element of a list to the head of another.

        :param srckey: key of the list to pop from.
        :param dstkey: key of the list to push to; may be the same key.
        :returns: fires with the element, or None if the list is empty.

        https://redis.io/commands/rpoplpush/, since 1.2.0
        """
        return self.execute_command("RPOPLPUSH", srckey, dstkey)

    def lpushx(self, key: Key, *values: Argument) -> Deferred[int]:
        """Insert elements at the head of a list, unless it does not exist; see :meth:`lpush`.

        :param key: key of the list.
        :param values: the elements.
        :returns: fires with the new length of the list, 0 if it does not exist.

        https://redis.io/commands/lpushx/, since 2.2.0
        """
        return self.execute_command("LPUSHX", key, *values)

    def rpushx(self, key: Key, *values: Argument) -> Deferred[int]:
        """Append elements to the tail of a list, unless it does not exist.

        :param key: key of the list.
        :param values: the elements.
        :returns: fires with the new length of the list, 0 if it does not exist.

        https://redis.io/commands/rpushx/, since 2.2.0
        """
        return self.execute_command("RPUSHX", key, *values)

    def linsert(self, key: Key, where: str, refvalue: Argument, value: Argument) -> Deferred[int]:
        """Insert an element before or after another one.

        :param key: key of the list.
        :param where: ``"BEFORE"`` or ``"AFTER"``.
        :param refvalue: the other element, the first one with this value.
        :param value: the new element.
        :returns: fires with the new length of the list; -1 if there is no such element, 0 if the key does not exist.

        https://redis.io/commands/linsert/, since 2.2.0
        """
        return self.execute_command("LINSERT", key, where, refvalue, value)

    def lpos(
        self,
        key: Key,
        value: Argument,
        rank: int | None = None,
        count: int | None = None,
        maxlen: int | None = None,
    ) -> Deferred[Any]:
        """Find an element.

        :param key: key of the list.
        :param value: the element.
        :param rank: 1: the first occurrence, 2: the second ...; negative: from the tail. None: 1.
        :param count: maximum number of occurrences to find; 0: all. None: one.
        :param maxlen: maximum number of elements to compare; 0: all. None: all.
        :returns: fires with the index, or None if there is none; with *count*, with a list of indexes.

        https://redis.io/commands/lpos/, since 6.0.6
        """
        arguments: list[Argument] = []
        for word, number in (("RANK", rank), ("COUNT", count), ("MAXLEN", maxlen)):
            if number is not None:
                arguments += (word, number)
        return self.execute_command("LPOS", key, value, *arguments)

    def lmove(self, first_list: Key, second_list: Key, src: str = "LEFT", dest: str = "RIGHT") -> Deferred[V | None]:
        """Move an element from one list to another.

        :param first_list: key of the list to pop from.
        :param second_list: key of the list to push to; may be the same key.
        :param src: the end to pop from: ``"LEFT"`` is the head, ``"RIGHT"`` the tail.
        :param dest: the end to push to.
        :returns: fires with the element, or None if the list is empty.

        https://redis.io/commands/lmove/, since 6.2.0
        """
        return self.execute_command("LMOVE", first_list, second_list, src, dest)

    @blocking
    def blmove(
        self,
        first_list: Key,
        second_list: Key,
        timeout: Seconds | datetime.timedelta,
        src: str = "LEFT",
        dest: str = "RIGHT",
    ) -> Deferred[V | None]:
        """Move an element from one list to another; block while the list is empty.

        The reply may take *timeout* and ``replyTimeout`` seconds (10 if that is None); any time if *timeout* is 0.

        :param first_list: key of the list to pop from.
        :param second_list: key of the list to push to; may be the same key.
        :param timeout: seconds to wait, or a ``timedelta``; 0: no limit.
        :param src: the end to pop from: ``"LEFT"`` is the head, ``"RIGHT"`` the tail.
        :param dest: the end to push to.
        :returns: fires with the element, or None after *timeout*.

        https://redis.io/commands/blmove/, since 6.2.0
        """
        arguments = (first_list, second_list, src, dest, waiting_time(timeout))
        return self.execute_command("BLMOVE", *arguments, blocking=True, apply_timeout=False)

    @errors_to_deferred
    def lmpop(
        self, num_keys: int, *args: Key, direction: str, count: int | None = 1
    ) -> Deferred[tuple[V, list[V]] | None]:
        """Pop elements of the first list that is not empty.

        :param num_keys: number of *args*.
        :param args: the keys, in order of precedence.
        :param direction: ``"LEFT"``: from the head, ``"RIGHT"``: from the tail.
        :param count: maximum number of elements.
        :returns: fires with ``(key, [element, ...])``, or None if all lists are empty. Fails with :exc:`.InvalidData`
            if *num_keys* is wrong.

        https://redis.io/commands/lmpop/, since 7.0.0
        """
        some = () if count in (1, None) else ("COUNT", count)
        return self.execute_command(
            "LMPOP", *counted_keys("lmpop", num_keys, args), direction, *some, post_proc=as_tuple
        )

    @blocking
    @errors_to_deferred
    def blmpop(
        self,
        timeout: Seconds | datetime.timedelta,
        numkeys: int,
        *args: Key,
        direction: str,
        count: int | None = 1,
    ) -> Deferred[tuple[V, list[V]] | None]:
        """Pop elements of the first list that is not empty; block while all are empty.

        The reply may take *timeout* and ``replyTimeout`` seconds (10 if that is None); any time if *timeout* is 0.

        :param timeout: seconds to wait, or a ``timedelta``; 0: no limit.
        :param numkeys: number of *args*.
        :param args: the keys, in order of precedence.
        :param direction: ``"LEFT"``: from the head, ``"RIGHT"``: from the tail.
        :param count: maximum number of elements.
        :returns: fires with ``(key, [element, ...])``, or None after *timeout*. Fails with :exc:`.InvalidData` if
            *numkeys* is wrong.

        https://redis.io/commands/blmpop/, since 7.0.0
        """
        arguments: list[Any] = [waiting_time(timeout), *counted_keys("blmpop", numkeys, args), direction]
        if count not in (1, None):
            arguments += ("COUNT", count)
        return self.execute_command("BLMPOP", *arguments, post_proc=as_tuple, blocking=True, apply_timeout=False)
