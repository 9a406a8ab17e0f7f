"""Commands on strings, and on numbers stored as strings."""

from __future__ import annotations

import datetime
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Keys, Number, Pairs, Seconds, Text, Value
from ...exceptions import InvalidData, RedisError
from .._parts import (
    CommandHost,
    as_float_always,
    described,
    errors_to_deferred,
    exclusive,
    expiry,
    flags,
    flatten,
    list_or_args,
    milliseconds,
    time_arguments,
)

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
        keepttl: bool = False,
        get: bool = False,
        exat: Number | datetime.datetime | None = None,
        pxat: Number | datetime.datetime | None = None,
        ex: Seconds | datetime.timedelta | None = None,
        px: Number | datetime.timedelta | None = None,
        nx: bool = False,
        xx: bool = False,
        ifeq: Argument | None = None,
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
        :param exat: Unix time in seconds, or a ``datetime``, at which the key expires (Redis 6.2).
        :param pxat: Unix time in milliseconds, or a ``datetime``, at which the key expires (Redis 6.2).
        :param ex: the same as *expire*.
        :param px: the same as *pexpire*.
        :param nx: the same as *only_if_not_exists*.
        :param xx: the same as *only_if_exists*.
        :param ifeq: do nothing unless the string is equal to this (Redis 8.4, Valkey 8.1).
        :returns: fires with ``"OK"``, or None if the string was not set; with *get*, with the previous string, or
            None if the key did not exist. Fails with :exc:`.RedisError` if more than one of the conditions is given,
            with :exc:`.InvalidData` if *expire* and *ex*, or *pexpire* and *px* are.

        https://redis.io/commands/set/, since 1.0.0
        """
        # Fast path: the commonest call. All parameters may be given by position, because defaults of keyword-only ones
        # are looked up by name at each call.
        if expire is pexpire is exat is pxat is ex is px is ifeq is None and not (
            only_if_not_exists or only_if_exists or keepttl or get or nx or xx
        ):
            return self.execute_command("SET", key, value)
        for name, value_of_name, alias, value_of_alias in (
            ("expire", expire, "ex", ex),
            ("pexpire", pexpire, "px", px),
        ):
            if value_of_name is not None and value_of_alias is not None:
                return self._refuse(InvalidData(f"{name} and {alias} are the same: give one of them"))
        expire = ex if expire is None else expire
        pexpire = px if pexpire is None else pexpire
        only_if_not_exists, only_if_exists = only_if_not_exists or nx, only_if_exists or xx
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
        if ifeq is not None:
            if only_if_not_exists or only_if_exists:
                return self._refuse(RedisError("ifeq cannot be given together with another condition"))
            arguments += ("IFEQ", ifeq)
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

    def getrange(self, key: Key, start: int, end: int) -> Deferred[Value]:
        """Get a part of a string.

        :param key: the key.
        :param start: index of the first byte; a negative index counts from the end.
        :param end: index of the last byte, included.
        :returns: fires with the part, empty if the range is out of bounds or the key does not exist.

        https://redis.io/commands/getrange/, since 2.4.0
        """
        return self.execute_command("GETRANGE", key, start, end)

    def setrange(self, key: Key, offset: int, value: Argument) -> Deferred[int]:
        """Overwrite a part of a string. The string grows as needed, padded with zero bytes.

        :param key: the key.
        :param offset: index of the first byte to overwrite.
        :param value: the text or bytes.
        :returns: fires with the new length of the string in bytes.

        https://redis.io/commands/setrange/, since 2.2.0
        """
        return self.execute_command("SETRANGE", key, offset, value)

    def strlen(self, key: Key) -> Deferred[int]:
        """Get the length of a string.

        :param key: the key.
        :returns: fires with the number of bytes, 0 if the key does not exist.

        https://redis.io/commands/strlen/, since 2.2.0
        """
        return self.execute_command("STRLEN", key)

    def incrbyfloat(self, key: Key, amount: Number = 1.0) -> Deferred[float]:
        """Add to the number at a key; a missing key counts as 0.

        :param key: the key.
        :param amount: the number to add.
        :returns: fires with the new value, a float.

        https://redis.io/commands/incrbyfloat/, since 2.6.0
        """
        return self.execute_command("INCRBYFLOAT", key, amount, post_proc=as_float_always)

    @errors_to_deferred
    def psetex(self, key: Key, time_ms: Number | datetime.timedelta, value: Argument) -> Deferred[Text]:
        """Set a string and the key's time to live.

        :param key: the key.
        :param time_ms: time to live in milliseconds, above 0, or a ``timedelta``.
        :param value: the string.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/psetex/, since 2.6.0
        """
        return self.execute_command("PSETEX", key, milliseconds("time_ms", time_ms), value)

    def getdel(self, key: Key) -> Deferred[Value | None]:
        """Get the string at a key and remove the key.

        :param key: the key.
        :returns: fires with the string, or None if the key does not exist.

        https://redis.io/commands/getdel/, since 6.2.0
        """
        return self.execute_command("GETDEL", key)

    def delifeq(self, key: Key, value: Argument) -> Deferred[bool]:
        """Remove a key if its string equals a value (Valkey 9.0).

        :param key: the key.
        :param value: the value.
        :returns: fires with True if the key was removed, else False.

        https://valkey.io/commands/delifeq/, since 9.0.0
        """
        return self.execute_command("DELIFEQ", key, value, post_proc=bool)

    @errors_to_deferred
    def getex(
        self,
        key: Key,
        ex: Seconds | datetime.timedelta | None = None,
        px: Number | datetime.timedelta | None = None,
        exat: Number | datetime.datetime | None = None,
        pxat: Number | datetime.datetime | None = None,
        persist: bool = False,
    ) -> Deferred[Value | None]:
        """Get the string at a key and change the key's time to live. At most one option may be given.

        :param key: the key.
        :param ex: time to live in seconds, or a ``timedelta``. A fraction is sent in milliseconds.
        :param px: time to live in milliseconds, or a ``timedelta``.
        :param exat: Unix time in seconds, or a ``datetime``, at which the key expires.
        :param pxat: Unix time in milliseconds, or a ``datetime``, at which the key expires.
        :param persist: remove the time to live.
        :returns: fires with the string, or None if the key does not exist. Fails with :exc:`.InvalidData` for several
            options.

        https://redis.io/commands/getex/, since 6.2.0
        """
        return self.execute_command(
            "GETEX", key, *time_arguments("getex", ex=ex, px=px, exat=exat, pxat=pxat, persist=persist)
        )

    @errors_to_deferred
    def msetex(
        self,
        mapping: Pairs,
        *,
        nx: bool = False,
        xx: bool = False,
        ex: Seconds | datetime.timedelta | None = None,
        px: Number | datetime.timedelta | None = None,
        exat: Number | datetime.datetime | None = None,
        pxat: Number | datetime.datetime | None = None,
        keepttl: bool = False,
    ) -> Deferred[bool]:
        """Set several strings atomically, with one time to live (Redis 8.4, Valkey 9.1).

        :param mapping: the keys and their strings.
        :param nx: only if none of the keys exists.
        :param xx: only if all keys exist.
        :param ex: time to live in seconds, or a ``timedelta``. At most one of *ex*, *px*, *exat*, *pxat* and *keepttl*.
        :param px: time to live in milliseconds, or a ``timedelta``.
        :param exat: Unix time in seconds, or a ``datetime``, at which the keys expire.
        :param pxat: Unix time in milliseconds, or a ``datetime``, at which the keys expire.
        :param keepttl: keep the keys' times to live.
        :returns: fires with True if the strings were set, else False. Fails with :exc:`.InvalidData` for several times.

        https://valkey.io/commands/msetex/, since 9.1.0
        """
        exclusive("msetex", nx=nx, xx=xx)
        times = time_arguments("msetex", ex=ex, px=px, exat=exat, pxat=pxat, keepttl=keepttl)
        pairs = flatten(mapping)
        return self.execute_command("MSETEX", len(pairs) // 2, *pairs, *flags(nx=nx, xx=xx), *times, post_proc=bool)

    @errors_to_deferred
    def lcs(
        self,
        key1: Key,
        key2: Key,
        len: bool = False,
        idx: bool = False,
        minmatchlen: int | None = None,
        withmatchlen: bool = False,
    ) -> Deferred[Any]:
        """Find the longest common subsequence of two strings.

        :param key1: a key.
        :param key2: another key.
        :param len: fire with its length instead.
        :param idx: fire with the places of its parts instead.
        :param minmatchlen: with *idx*, leave out parts that are shorter.
        :param withmatchlen: with *idx*, add the length of each part.
        :returns: fires with the subsequence; with *len*, with its length in bytes; with *idx*, with a dict
            ``{"matches": [[[start, end], [start, end]], ...], "len": length}``, the last part first, the ends included.
            Fails with :exc:`.InvalidData` for *len* and *idx*, and for *minmatchlen* or *withmatchlen* without *idx*.

        https://redis.io/commands/lcs/, since 7.0.0
        """
        exclusive("lcs", len=len, idx=idx)
        if (minmatchlen is not None or withmatchlen) and not idx:
            raise InvalidData("minmatchlen and withmatchlen of lcs need idx")
        arguments: list[Argument] = [*flags(len=len, idx=idx)]
        if minmatchlen is not None:
            arguments += ("MINMATCHLEN", minmatchlen)
        arguments += flags(withmatchlen=withmatchlen)
        return self.execute_command("LCS", key1, key2, *arguments, post_proc=described if idx else None)
