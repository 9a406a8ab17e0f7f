"""Commands on strings, and on the numbers kept in them."""

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
        """Store a string, whatever the key held before.

        :param key: the key.
        :param value: the string.
        :param expire: time to live in seconds, or a ``timedelta``; with a fraction it is sent in milliseconds. At most
            one of this, *pexpire*, *exat*, *pxat* and *keepttl* may be given. None of them: the string lives for ever.
        :param pexpire: time to live in milliseconds.
        :param only_if_not_exists: do nothing if the key exists.
        :param only_if_exists: do nothing unless the key exists.
        :param keepttl: leave the key's time to live as it is (Redis 6.0).
        :param get: fire with the string that the key held before (Redis 6.2).
        :param exat: Unix time in seconds at which the key is removed (Redis 6.2).
        :param pxat: Unix time in milliseconds at which the key is removed (Redis 6.2).
        :returns: fires with ``"OK"``, or None if nothing was done; with *get*, with the string before, or None
            if there was none. Fails with :exc:`.RedisError` if *only_if_not_exists* and *only_if_exists* are
            both true.

        https://redis.io/commands/set/, since 1.0.0
        """
        if expire is pexpire is exat is pxat is None and not (only_if_not_exists or only_if_exists or keepttl or get):
            return self.execute_command("SET", key, value)  # by far the most frequent
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
        """Read a string.

        :param key: the key.
        :returns: fires with the string, or None if the key does not exist.

        https://redis.io/commands/get/, since 1.0.0
        """
        return self.execute_command("GET", key)

    def getset(self, key: Key, value: Argument) -> Deferred[Value | None]:
        """Store a string and read the one before.

        :param key: the key.
        :param value: the new string.
        :returns: fires with the string before, or None if the key did not exist.

        https://redis.io/commands/getset/, since 1.0.0
        """
        return self.execute_command("GETSET", key, value)

    @errors_to_deferred
    def mget(self, keys: Keys, *args: Key) -> Deferred[list[Value | None]]:
        """Read several strings.

        :param keys: one key or an iterable of keys.
        :param args: further keys. Deprecated: give an iterable instead.
        :returns: fires with a list in the order of the keys; None where a key holds no string.

        https://redis.io/commands/mget/, since 1.0.0
        """
        return self.execute_command("MGET", *list_or_args("mget", keys, args))

    def setnx(self, key: Key, value: Argument) -> Deferred[int]:
        """Store a string unless the key exists.

        :param key: the key.
        :param value: the string.
        :returns: fires with 1 if it was stored, else 0.

        https://redis.io/commands/setnx/, since 1.0.0
        """
        return self.execute_command("SETNX", key, value)

    def setex(self, key: Key, time: Seconds | datetime.timedelta, value: Argument) -> Deferred[Text]:
        """Store a string that is removed after some time.

        :param key: the key.
        :param time: time to live in seconds, above 0, or a ``timedelta``. Sent as PSETEX where it has a fraction, in
            milliseconds (Redis 2.6).
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
        """Store several strings at once.

        :param mapping: each key's string.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/mset/, since 1.0.1
        """
        return self.execute_command("MSET", *flatten(mapping))

    @errors_to_deferred
    def msetnx(self, mapping: Pairs) -> Deferred[int]:
        """Store several strings at once, all or none.

        :param mapping: each key's string.
        :returns: fires with 1 if they were stored, 0 if any of the keys existed.

        https://redis.io/commands/msetnx/, since 1.0.1
        """
        return self.execute_command("MSETNX", *flatten(mapping))

    def incr(self, key: Key, amount: int = 1) -> Deferred[int]:
        """Add to the integer at a key; one that does not exist counts as 0.

        :param key: the key.
        :param amount: what to add. Sent as INCRBY, whatever it is.
        :returns: fires with the sum.

        https://redis.io/commands/incrby/, since 1.0.0
        """
        return self.execute_command("INCRBY", key, amount)

    def incrby(self, key: Key, amount: int) -> Deferred[int]:
        """Add to the integer at a key, as :meth:`incr` does.

        :param key: the key.
        :param amount: what to add.
        :returns: fires with the sum.

        https://redis.io/commands/incrby/, since 1.0.0
        """
        return self.incr(key, amount)

    def decr(self, key: Key, amount: int = 1) -> Deferred[int]:
        """Take from the integer at a key; one that does not exist counts as 0.

        :param key: the key.
        :param amount: what to take. Sent as DECRBY, whatever it is.
        :returns: fires with the difference.

        https://redis.io/commands/decrby/, since 1.0.0
        """
        return self.execute_command("DECRBY", key, amount)

    def decrby(self, key: Key, amount: int) -> Deferred[int]:
        """Take from the integer at a key, as :meth:`decr` does.

        :param key: the key.
        :param amount: what to take.
        :returns: fires with the difference.

        https://redis.io/commands/decrby/, since 1.0.0
        """
        return self.decr(key, amount)

    def append(self, key: Key, value: Argument) -> Deferred[int]:
        """Append to the string at a key; one that does not exist counts as empty.

        :param key: the key.
        :param value: what to append.
        :returns: fires with the length of the string in bytes.

        https://redis.io/commands/append/, since 2.0.0
        """
        return self.execute_command("APPEND", key, value)

    def substr(self, key: Key, start: int, end: int = -1) -> Deferred[Value]:
        """Read a part of a string. An old name of GETRANGE.

        :param key: the key.
        :param start: offset of the first byte; a negative one counts from the end.
        :param end: offset of the last byte, which belongs to the part.
        :returns: fires with the part, empty if there is none.

        https://redis.io/commands/substr/, since 1.0.0
        """
        return self.execute_command("SUBSTR", key, start, end)
