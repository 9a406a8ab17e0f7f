"""Commands on keys of any data type, and SORT."""

from __future__ import annotations

import datetime
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Items, Key, Keys, Seconds, Text, Value
from ...exceptions import InvalidData
from .._parts import (
    CommandHost,
    errors_to_deferred,
    expiry,
    flags,
    list_or_args,
    range_arguments,
    scan_arguments,
    scanned,
)

__all__ = ["KeyCommands"]


class KeyCommands(CommandHost):
    """Commands of Redis's group "generic"."""

    __slots__ = ()

    def exists(self, key: Key) -> Deferred[int]:
        """Test whether a key exists.

        :param key: the key.
        :returns: fires with 1 if it exists, else 0.

        https://redis.io/commands/exists/, since 1.0.0
        """
        return self.execute_command("EXISTS", key)

    @errors_to_deferred
    def delete(self, keys: Keys, *args: Key) -> Deferred[int]:
        """Remove keys; missing keys are ignored.

        :param keys: one key or an iterable of keys.
        :param args: further keys. Deprecated: give an iterable instead.
        :returns: fires with the number of keys removed.

        https://redis.io/commands/del/, since 1.0.0
        """
        return self.execute_command("DEL", *list_or_args("delete", keys, args))

    def type(self, key: Key) -> Deferred[Text]:
        """Get the data type of the value at a key.

        :param key: the key.
        :returns: fires with ``"string"``, ``"list"``, ``"set"``, ``"zset"``, ``"hash"``, ``"stream"``, or
            ``"none"`` if the key does not exist.

        https://redis.io/commands/type/, since 1.0.0
        """
        return self.execute_command("TYPE", key)

    def keys(self, pattern: Argument = "*") -> Deferred[list[Value]]:
        """List all keys that match a pattern. The server scans the whole database at once: prefer :meth:`scan`.

        :param pattern: glob-style pattern (``*``, ``?``, ``[abc]``; a backslash escapes).
        :returns: fires with a list of keys, in no particular order.

        https://redis.io/commands/keys/, since 1.0.0
        """
        return self.execute_command("KEYS", pattern)

    def scan(
        self,
        cursor: Argument = 0,
        pattern: Argument | None = None,
        count: int | None = None,
        *,
        type: Argument | None = None,
    ) -> Deferred[list[Any]]:
        """Iterate over the keys of the database, some at each call.

        :param cursor: 0 to start, then the cursor that the previous call returned.
        :param pattern: glob-style pattern that the keys must match.
        :param count: hint for the number of elements per call. None: the server's default, 10.
        :param type: data type of the keys, as :meth:`type` names it (Redis 6.0).
        :returns: fires with ``[cursor, keys]``; the cursor is an int, and *keys* may be empty. The iteration ends with
            the cursor 0.

        https://redis.io/commands/scan/, since 2.8.0
        """
        return self.execute_command("SCAN", *scan_arguments(cursor, pattern, count, type), post_proc=scanned)

    def randomkey(self) -> Deferred[Value | None]:
        """Get a random key.

        :returns: fires with a key, or None if the database is empty.

        https://redis.io/commands/randomkey/, since 1.0.0
        """
        return self.execute_command("RANDOMKEY")

    def rename(self, oldkey: Key, newkey: Key) -> Deferred[Text]:
        """Rename a key; an existing value at the new name is replaced.

        :param oldkey: the key.
        :param newkey: its new name.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if *oldkey* does not exist.

        https://redis.io/commands/rename/, since 1.0.0
        """
        return self.execute_command("RENAME", oldkey, newkey)

    def renamenx(self, oldkey: Key, newkey: Key) -> Deferred[int]:
        """Rename a key unless the new name is in use.

        :param oldkey: the key.
        :param newkey: its new name.
        :returns: fires with 1 if the key was renamed, 0 if *newkey* exists; fails with :exc:`.ResponseError` if
            *oldkey* does not exist.

        https://redis.io/commands/renamenx/, since 1.0.0
        """
        return self.execute_command("RENAMENX", oldkey, newkey)

    def expire(
        self,
        key: Key,
        time: Seconds | datetime.timedelta,
        *,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Deferred[int]:
        """Set a key's time to live, after which the server removes it.

        :param key: the key.
        :param time: time to live in seconds, or a ``timedelta``; 0 or less removes the key at once. A fraction is sent
            in milliseconds, as PEXPIRE (Redis 2.6).
        :param nx: only if the key has no time to live (*nx*, *xx*, *gt* and *lt*: Redis 7.0).
        :param xx: only if the key has a time to live.
        :param gt: only if the new time is greater than the present one; no time to live counts as infinite.
        :param lt: only if the new time is less than the present one.
        :returns: fires with 1 if the time was set, else 0.

        https://redis.io/commands/expire/, since 1.0.0
        """
        if type(time) is int:
            return self.execute_command("EXPIRE", key, time, *flags(nx=nx, xx=xx, gt=gt, lt=lt))
        try:
            in_milliseconds, amount = expiry("time", time)
        except InvalidData as error:
            return self._refuse(error)
        name = "PEXPIRE" if in_milliseconds else "EXPIRE"
        return self.execute_command(name, key, amount, *flags(nx=nx, xx=xx, gt=gt, lt=lt))

    def persist(self, key: Key) -> Deferred[int]:
        """Remove a key's time to live.

        :param key: the key.
        :returns: fires with 1 if the key had a time to live, else 0.

        https://redis.io/commands/persist/, since 2.2.0
        """
        return self.execute_command("PERSIST", key)

    def ttl(self, key: Key) -> Deferred[int]:
        """Get a key's remaining time to live.

        :param key: the key.
        :returns: fires with the time in seconds; -1 if the key has no time to live, -2 if it does not exist.

        https://redis.io/commands/ttl/, since 1.0.0
        """
        return self.execute_command("TTL", key)

    def move(self, key: Key, dbindex: int) -> Deferred[int]:
        """Move a key to another database.

        :param key: the key.
        :param dbindex: number of the other database.
        :returns: fires with 1 if the key was moved; 0 if it does not exist, or exists in the other database.

        https://redis.io/commands/move/, since 1.0.0
        """
        return self.execute_command("MOVE", key, dbindex)

    @errors_to_deferred
    def sort(
        self,
        key: Key,
        start: int | None = None,
        end: int | None = None,
        by: Argument | None = None,
        get: Argument | Items | None = None,
        desc: bool | None = None,
        alpha: bool = False,
        store: Key | None = None,
    ) -> Deferred[Any]:
        """Sort the elements of a list, a set or a sorted set.

        :param key: key of the list, set or sorted set.
        :param start: number of elements to skip; needs *end*.
        :param end: number of elements to return after these (LIMIT's count, in spite of the name); needs *start*.
        :param by: pattern of the keys whose values are compared instead of the elements, such as ``"weight_*"`` or
            ``"object_*->weight"``. A pattern without ``*`` switches sorting off.
        :param get: pattern of the keys whose values are returned instead of the elements, or a list or tuple of
            patterns; ``"#"`` is the element itself.
        :param desc: sort in descending order.
        :param alpha: compare as text, not as numbers.
        :param store: key of a list that receives the result.
        :returns: fires with a list of elements, or, with *store*, their number; fails with :exc:`.RedisError`
            if only one of *start* and *end* is given.

        https://redis.io/commands/sort/, since 1.0.0
        """
        arguments: list[Argument] = [key]
        if by is not None:
            arguments += ("BY", by)
        if limit := range_arguments(start, end):
            arguments += ("LIMIT", *limit)
        if get is not None:
            for pattern in get if isinstance(get, (list, tuple)) else (get,):
                arguments += ("GET", pattern)
        arguments += flags(desc=desc, alpha=alpha)
        if store is not None:
            arguments += ("STORE", store)
        return self.execute_command("SORT", *arguments)
