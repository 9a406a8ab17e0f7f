"""Commands on strings, and on numbers stored as strings."""

from __future__ import annotations

import datetime
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Keys, Number, Pairs, Seconds, Text, Value
from ...exceptions import InvalidData, RedisError
from .._parts import CommandHost, errors_to_deferred, expiry, flags, flatten, list_or_args, milliseconds

__all__ = ["StringCommands"]


class StringCommands(CommandHost):
    """Commands of Redis's group "string"."""

    __slots__ = ()

    def set(
        self,
        key: Key,
        value: Argument,
        expire: Seconds | datetime.timedelta | None = None,
        pexpire: Number | datetime.timedelta | None = None,
        only_if_not_exists: bool = False,
        only_if_exists: bool = False,
        *,
        keepttl: bool = False,
        get: bool = False,
        exat: Number | None = None,
        pxat: Number | None = None,
    ) -> Deferred[Any]:
        """Set the string at a key; an existing value of any type is replaced.

        :param key: the key.
        :param value: the string.
        :param expire: time to live in seconds, or a ``timedelta``. A fraction is sent in milliseconds. At most one of
            *expire*, *pexpire*, *exat*, *pxat* and *keepttl* may be given. None of them: the key never expires.
        :param pexpire: time to live in milliseconds, or a ``timedelta``.
        :param only_if_not_exists: do nothing if the key exists.
        :param only_if_exists: do nothing unless the key exists.
        :param keepttl: keep the key's time to live (Redis 6.0).
        :param get: fire with the previous string of the key (Redis 6.2).
        :param exat: Unix time in seconds at which the key expires (Redis 6.2).
        :param pxat: Unix time in milliseconds at which the key expires (Redis 6.2).
        :returns: fires with ``"OK"``, or None if the string was not set; with *get*, with the previous string, or
            None if the key did not exist. Fails with :exc:`.RedisError` if *only_if_not_exists* and
            *only_if_exists* are both true.

        https://redis.io/commands/set/, since 1.0.0
        """
        if expire is pexpire is exat is pxat is None and not (only_if_not_exists or only_if_exists or keepttl or get):
            return self.execute_command("SET", key, value)  # fast path: the commonest call
        arguments: list[Argument] = []
        try:
            if expire is not None:
                in_milliseconds, time = expiry("expire", expire)
                arguments += ("PX" if in_milliseconds else "EX", time)
            if pexpire is not None:
                arguments += ("PX", milliseconds("pexpire", pexpire))
            if exat is not None:
                in_milliseconds, time = expiry("exat", exat)
                moment: list[Argument] = ["PXAT" if in_milliseconds else "EXAT", time]
            else:
                moment = []
            if pxat is not None:
                moment += ("PXAT", milliseconds("pxat", pxat))
        except InvalidData as error:
            return self._refuse(error)
        if only_if_not_exists or only_if_exists:
            if only_if_not_exists and only_if_exists:
                return self._refuse(RedisError("only_if_not_exists and only_if_exists cannot be true simultaneously"))
            arguments.append("NX" if only_if_not_exists else "XX")
        arguments += moment
        if keepttl or get:
            arguments += flags(keepttl=keepttl, get=get)
        return self.execute_command("SET", key, value, *arguments)

    def get(self, key: Key) -> Deferred[Value | None]:
        """Get the string at a key.

        :param key: the key.
        :returns: fires with the string, or None if the key does not exist.

        https://redis.io/commands/get/, since 1.0.0
        """
        return self.execute_command("GET", key)

    def getset(self, key: Key, value: Argument) -> Deferred[Value | None]:
        """Set a string and return the previous one.

        :param key: the key.
        :param value: the new string.
        :returns: fires with the previous string, or None if the key did not exist.

        https://redis.io/commands/getset/, since 1.0.0
        """
        return self.execute_command("GETSET", key, value)

    @errors_to_deferred
    def mget(self, keys: Keys, *args: Key) -> Deferred[list[Value | None]]:
        """Get the strings at several keys.

        :param keys: one key or an iterable of keys.
        :param args: further keys. Deprecated: give an iterable instead.
        :returns: fires with a list in the order of the keys; None where a key holds no string.

        https://redis.io/commands/mget/, since 1.0.0
        """
        return self.execute_command("MGET", *list_or_args("mget", keys, args))

    def setnx(self, key: Key, value: Argument) -> Deferred[int]:
        """Set a string unless the key exists.

        :param key: the key.
        :param value: the string.
        :returns: fires with 1 if the string was set, else 0.

        https://redis.io/commands/setnx/, since 1.0.0
        """
        return self.execute_command("SETNX", key, value)

    def setex(self, key: Key, time: Seconds | datetime.timedelta, value: Argument) -> Deferred[Text]:
        """Set a string and the key's time to live.

        :param key: the key.
        :param time: time to live in seconds, above 0, or a ``timedelta``. A fraction is sent in milliseconds, as PSETEX
            (Redis 2.6).
        :param value: the string.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/setex/, since 2.0.0
        """
        if type(time) is int:
            return self.execute_command("SETEX", key, time, value)
        try:
            in_milliseconds, amount = expiry("time", time)
        except InvalidData as error:
            return self._refuse(error)
        return self.execute_command("PSETEX" if in_milliseconds else "SETEX", key, amount, value)

    @errors_to_deferred
    def mset(self, mapping: Pairs) -> Deferred[Text]:
        """Set several strings atomically.

        :param mapping: the keys and their strings.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/mset/, since 1.0.1
        """
        return self.execute_command("MSET", *flatten(mapping))

    @errors_to_deferred
    def msetnx(self, mapping: Pairs) -> Deferred[int]:
        """Set several strings atomically, if none of the keys exists.

        :param mapping: the keys and their strings.
        :returns: fires with 1 if the strings were set, 0 if any key existed.

        https://redis.io/commands/msetnx/, since 1.0.1
        """
        return self.execute_command("MSETNX", *flatten(mapping))

    def incr(self, key: Key, amount: int = 1) -> Deferred[int]:
        """Add to the integer at a key; a missing key counts as 0.

        :param key: the key.
        :param amount: the number to add. The command is always INCRBY.
        :returns: fires with the new value.

        https://redis.io/commands/incrby/, since 1.0.0
        """
        return self.execute_command("INCRBY", key, amount)

    def incrby(self, key: Key, amount: int) -> Deferred[int]:
        """Add to the integer at a key, as :meth:`incr` does.

        :param key: the key.
        :param amount: the number to add.
        :returns: fires with the new value.

        https://redis.io/commands/incrby/, since 1.0.0
        """
        return self.incr(key, amount)

    def decr(self, key: Key, amount: int = 1) -> Deferred[int]:
        """Subtract from the integer at a key; a missing key counts as 0.

        :param key: the key.
        :param amount: the number to subtract. The command is always DECRBY.
        :returns: fires with the new value.

        https://redis.io/commands/decrby/, since 1.0.0
        """
        return self.execute_command("DECRBY", key, amount)

    def decrby(self, key: Key, amount: int) -> Deferred[int]:
        """Subtract from the integer at a key, as :meth:`decr` does.

        :param key: the key.
        :param amount: the number to subtract.
        :returns: fires with the new value.

        https://redis.io/commands/decrby/, since 1.0.0
        """
        return self.decr(key, amount)

    def append(self, key: Key, value: Argument) -> Deferred[int]:
        """Append to the string at a key; a missing key counts as an empty string.

        :param key: the key.
        :param value: the text or bytes to append.
        :returns: fires with the new length of the string in bytes.

        https://redis.io/commands/append/, since 2.0.0
        """
        return self.execute_command("APPEND", key, value)

    def substr(self, key: Key, start: int, end: int = -1) -> Deferred[Value]:
        """Get a part of a string. SUBSTR is an old name of GETRANGE.

        :param key: the key.
        :param start: index of the first byte; a negative index counts from the end.
        :param end: index of the last byte, included.
        :returns: fires with the part, empty if the range is out of bounds or the key does not exist.

        https://redis.io/commands/substr/, since 1.0.0
        """
        return self.execute_command("SUBSTR", key, start, end)
