"""Commands on strings that depend on the present value, and a counter with bounds."""

from __future__ import annotations

import datetime
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Number, Reply, Seconds, Text, V
from ...exceptions import InvalidData
from .._parts import CommandHost, as_floats, as_tuple, errors_to_deferred, exclusive, flags, text_of, time_arguments

__all__ = ["NewerStringCommands", "digest_text"]


class NewerStringCommands(CommandHost[V]):
    """Commands of Redis's group "string" since Redis 8.4.

    A digest is the XXH3 hash of a string, 16 hexadecimal digits: see :meth:`digest`.
    """

    __slots__ = ()

    def digest(self, key: Key) -> Deferred[str | None]:
        """Get the digest of a string (Redis 8.4).

        :param key: the key.
        :returns: fires with 16 hexadecimal digits as ``str``, or None if the key does not exist; fails with
            :exc:`.ResponseError` if the value is no string.

        https://redis.io/commands/digest/, since 8.4.0
        """
        # Raw, because number conversion would change digests such as 1234567890123456.
        return self.execute_command("DIGEST", key, post_proc=digest_text, raw=True)

    @errors_to_deferred
    def delex(
        self,
        key: Key,
        ifeq: Argument | None = None,
        ifne: Argument | None = None,
        ifdeq: Text | None = None,
        ifdne: Text | None = None,
    ) -> Deferred[bool]:
        """Remove a key if its string meets a condition (Redis 8.4). At most one condition may be given.

        :param key: the key.
        :param ifeq: only if the string is equal to this.
        :param ifne: only if the string is not equal to this.
        :param ifdeq: only if the string has this digest.
        :param ifdne: only if the string does not have this digest.
        :returns: fires with True if the key was removed, else False. Fails with :exc:`.InvalidData` for several
            conditions, with :exc:`.ResponseError` if there is a condition and the value is no string.

        https://redis.io/commands/delex/, since 8.4.0
        """
        condition = _condition("delex", ifeq, ifne, ifdeq, ifdne)
        return self.execute_command("DELEX", key, *condition, post_proc=bool)

    @errors_to_deferred
    def set_if(
        self,
        key: Key,
        value: Argument,
        *,
        ifeq: Argument | None = None,
        ifne: Argument | None = None,
        ifdeq: Text | None = None,
        ifdne: Text | None = None,
        get: bool = False,
        ex: Seconds | datetime.timedelta | None = None,
        px: Number | datetime.timedelta | None = None,
        exat: Number | datetime.datetime | None = None,
        pxat: Number | datetime.datetime | None = None,
        keepttl: bool = False,
    ) -> Deferred[Any]:
        """Set a string if the present one meets a condition (Redis 8.4). Exactly one condition must be given.

        :param key: the key.
        :param value: the string.
        :param ifeq: only if the present string is equal to this; :meth:`set` has this one, too (Valkey 8.1).
        :param ifne: only if the present string is not equal to this, or does not exist.
        :param ifdeq: only if the present string has this digest.
        :param ifdne: only if the present string does not have this digest, or does not exist.
        :param get: fire with the previous string.
        :param ex: time to live in seconds, or a ``timedelta``. At most one of *ex*, *px*, *exat*, *pxat* and *keepttl*.
        :param px: time to live in milliseconds, or a ``timedelta``.
        :param exat: Unix time in seconds, or a ``datetime``, at which the key expires.
        :param pxat: Unix time in milliseconds, or a ``datetime``, at which the key expires.
        :param keepttl: keep the key's time to live.
        :returns: fires with ``"OK"``, or None if the condition does not hold; with *get*, with the previous string or
            None. Fails with :exc:`.InvalidData` unless there is one condition, and for several times.

        https://redis.io/commands/set/, since 8.4.0
        """
        condition = _condition("set_if", ifeq, ifne, ifdeq, ifdne)
        if not condition:
            raise InvalidData("set_if needs a condition: ifeq, ifne, ifdeq or ifdne")
        times = time_arguments("set_if", ex=ex, px=px, exat=exat, pxat=pxat, keepttl=keepttl)
        return self.execute_command("SET", key, value, *condition, *flags(get=get), *times)

    @errors_to_deferred
    def increx(
        self,
        key: Key,
        *,
        byfloat: Number | None = None,
        byint: int | None = None,
        lbound: Number | None = None,
        ubound: Number | None = None,
        saturate: bool = False,
        ex: Seconds | datetime.timedelta | None = None,
        px: Number | datetime.timedelta | None = None,
        exat: Number | datetime.datetime | None = None,
        pxat: Number | datetime.datetime | None = None,
        persist: bool = False,
        enx: bool = False,
        nx: bool = False,
        xx: bool = False,
    ) -> Deferred[tuple[Any, ...] | None]:
        """Add to a number within bounds, and change the key's time to live (Redis 8.8, Valkey 9.2).

        :param key: the key; a missing one counts as 0.
        :param byfloat: the number to add, as a float; or *byint*.
        :param byint: the integer to add. Neither: 1.
        :param lbound: the least value allowed.
        :param ubound: the greatest value allowed.
        :param saturate: stop at the bound. False: a sum out of bounds changes nothing, the time to live neither.
        :param ex: time to live in seconds, or a ``timedelta``. At most one of *ex*, *px*, *exat*, *pxat* and *persist*.
        :param px: time to live in milliseconds, or a ``timedelta``.
        :param exat: Unix time in seconds, or a ``datetime``, at which the key expires.
        :param pxat: Unix time in milliseconds, or a ``datetime``, at which the key expires.
        :param persist: remove the time to live.
        :param enx: set the time to live only if the key has none; needs one.
        :param nx: only if the key does not exist (*nx* and *xx*: Valkey 9.2).
        :param xx: only if the key exists.
        :returns: fires with a tuple ``(value, added)``: the new value and what was added to it, integers; with
            *byfloat*, floats. Fails with :exc:`.InvalidData` if options contradict each other.

        https://redis.io/commands/increx/, since 8.8.0
        """
        times = time_arguments("increx", ex=ex, px=px, exat=exat, pxat=pxat, persist=persist)
        exclusive("increx", byfloat=byfloat is not None, byint=byint is not None)
        exclusive("increx", nx=nx, xx=xx)
        if enx and (persist or not times):
            raise InvalidData("enx of increx needs a time: ex, px, exat or pxat")
        arguments: list[Argument] = [*flags(nx=nx, xx=xx)]
        for word, number in (("BYFLOAT", byfloat), ("BYINT", byint), ("LBOUND", lbound), ("UBOUND", ubound)):
            if number is not None:
                arguments += (word, number)
        arguments += (*flags(saturate=saturate), *times, *flags(enx=enx))
        convert = as_tuple if byfloat is None else _float_pair
        return self.execute_command("INCREX", key, *arguments, post_proc=convert)


def digest_text(reply: Reply) -> Reply:
    """Convert a digest to a str."""
    return None if reply is None else text_of(reply)


def _float_pair(reply: Reply) -> Reply:
    return as_tuple(as_floats(reply))


def _condition(
    method: str, ifeq: Argument | None, ifne: Argument | None, ifdeq: Text | None, ifdne: Text | None
) -> tuple[Argument, ...]:
    conditions = {"ifeq": ifeq, "ifne": ifne, "ifdeq": ifdeq, "ifdne": ifdne}
    exclusive(method, **{name: value is not None for name, value in conditions.items()})
    return tuple(word for name, value in conditions.items() if value is not None for word in (name.upper(), value))
