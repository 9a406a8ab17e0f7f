"""Commands on single fields of hashes: times to live, reading with a change, random ones."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Field, Key, Number, Pairs, Seconds, Value
from ...exceptions import InvalidData
from .._parts import (
    CommandHost,
    as_float_always,
    as_pairs,
    conditions,
    errors_to_deferred,
    exclusive,
    expiry,
    flags,
    flatten,
    time_arguments,
)
from .._parts import milliseconds as whole_milliseconds

__all__ = ["HashFieldCommands"]


class HashFieldCommands(CommandHost):
    """Commands of Redis's group "hash" on single fields.

    A field with a time to live is removed when it ends (Redis 7.4, Valkey 9.0). Writing the field with :meth:`hset`
    removes its time to live. A moment is a Unix time or a ``datetime``; a ``datetime`` without a time zone is local
    time.
    """

    __slots__ = ()

    def hincrbyfloat(self, key: Key, field: Field, amount: Number = 1.0) -> Deferred[float]:
        """Add to the number in a field; a missing field counts as 0.

        :param key: key of the hash.
        :param field: name of the field.
        :param amount: the number to add.
        :returns: fires with the new value, a float.

        https://redis.io/commands/hincrbyfloat/, since 2.6.0
        """
        return self.execute_command("HINCRBYFLOAT", key, field, amount, post_proc=as_float_always)

    def hstrlen(self, key: Key, field: Field) -> Deferred[int]:
        """Get the length of a field's value.

        :param key: key of the hash.
        :param field: name of the field.
        :returns: fires with the number of bytes, 0 if the field does not exist.

        https://redis.io/commands/hstrlen/, since 3.2.0
        """
        return self.execute_command("HSTRLEN", key, field)

    def hrandfield(self, key: Key, count: int | None = None, withvalues: bool = False) -> Deferred[Any]:
        """Get random fields.

        :param key: key of the hash.
        :param count: maximum number of different fields. Negative: exact number of fields, with repetitions. None: one
            field.
        :param withvalues: whether to return the values, too; needs *count*.
        :returns: fires with a name, or None if the key does not exist; with *count*, with a list of names; with
            *withvalues*, of tuples ``(name, value)``. Fails with :exc:`.InvalidData` if *withvalues* has no *count*.

        https://redis.io/commands/hrandfield/, since 6.2.0
        """
        if count is None:
            if withvalues:
                return self._refuse(InvalidData("withvalues of hrandfield needs count"))
            return self.execute_command("HRANDFIELD", key)
        if withvalues:
            return self.execute_command("HRANDFIELD", key, count, "WITHVALUES", post_proc=as_pairs)
        return self.execute_command("HRANDFIELD", key, count)

    @errors_to_deferred
    def hexpire(
        self,
        key: Key,
        seconds: Seconds | datetime.timedelta,
        *fields: Field,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Deferred[list[int]]:
        """Set the time to live of fields.

        :param key: key of the hash.
        :param seconds: seconds, or a ``timedelta``; 0 or less removes the fields at once. A fraction is sent in
            milliseconds, as HPEXPIRE.
        :param fields: names of the fields, at least one.
        :param nx: only if the field has no time to live.
        :param xx: only if the field has a time to live.
        :param gt: only if the new time is greater than the present one; no time to live counts as infinite.
        :param lt: only if the new time is less than the present one.
        :returns: fires with a list in the order of the fields: 1: set, 2: removed at once, 0: a condition does not
            hold, -2: no such field. Fails with :exc:`.InvalidData` without fields.

        https://redis.io/commands/hexpire/, since 7.4.0
        """
        in_milliseconds, time = expiry("seconds", seconds)
        options = conditions("hexpire", nx, xx, gt, lt)
        return self._on_fields("HPEXPIRE" if in_milliseconds else "HEXPIRE", key, [time, *options], fields)

    @errors_to_deferred
    def hpexpire(
        self,
        key: Key,
        milliseconds: Number | datetime.timedelta,
        *fields: Field,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Deferred[list[int]]:
        """Set the time to live of fields in milliseconds.

        :param key: key of the hash.
        :param milliseconds: milliseconds, or a ``timedelta``; 0 or less removes the fields at once.
        :param fields: names of the fields, at least one.
        :param nx: only if the field has no time to live.
        :param xx: only if the field has a time to live.
        :param gt: only if the new time is greater than the present one; no time to live counts as infinite.
        :param lt: only if the new time is less than the present one.
        :returns: fires with a list as :meth:`hexpire`.

        https://redis.io/commands/hpexpire/, since 7.4.0
        """
        time = whole_milliseconds("milliseconds", milliseconds)
        return self._on_fields("HPEXPIRE", key, [time, *conditions("hpexpire", nx, xx, gt, lt)], fields)

    @errors_to_deferred
    def hexpireat(
        self,
        key: Key,
        unix_time_seconds: Number | datetime.datetime,
        *fields: Field,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Deferred[list[int]]:
        """Set the moment at which fields expire.

        :param key: key of the hash.
        :param unix_time_seconds: Unix time in seconds, or a ``datetime``. A fraction is sent in milliseconds, as
            HPEXPIREAT.
        :param fields: names of the fields, at least one.
        :param nx: only if the field has no time to live.
        :param xx: only if the field has a time to live.
        :param gt: only if the new moment is later than the present one; no time to live counts as infinite.
        :param lt: only if the new moment is earlier than the present one.
        :returns: fires with a list as :meth:`hexpire`.

        https://redis.io/commands/hexpireat/, since 7.4.0
        """
        in_milliseconds, time = expiry("unix_time_seconds", unix_time_seconds)
        options = conditions("hexpireat", nx, xx, gt, lt)
        return self._on_fields("HPEXPIREAT" if in_milliseconds else "HEXPIREAT", key, [time, *options], fields)

    @errors_to_deferred
    def hpexpireat(
        self,
        key: Key,
        unix_time_milliseconds: Number | datetime.datetime,
        *fields: Field,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Deferred[list[int]]:
        """Set the moment at which fields expire, in milliseconds.

        :param key: key of the hash.
        :param unix_time_milliseconds: Unix time in milliseconds, or a ``datetime``.
        :param fields: names of the fields, at least one.
        :param nx: only if the field has no time to live.
        :param xx: only if the field has a time to live.
        :param gt: only if the new moment is later than the present one; no time to live counts as infinite.
        :param lt: only if the new moment is earlier than the present one.
        :returns: fires with a list as :meth:`hexpire`.

        https://redis.io/commands/hpexpireat/, since 7.4.0
        """
        time = whole_milliseconds("unix_time_milliseconds", unix_time_milliseconds)
        return self._on_fields("HPEXPIREAT", key, [time, *conditions("hpexpireat", nx, xx, gt, lt)], fields)

    @errors_to_deferred
    def hpersist(self, key: Key, *fields: Field) -> Deferred[list[int]]:
        """Remove the time to live of fields.

        :param key: key of the hash.
        :param fields: names of the fields, at least one.
        :returns: fires with a list in the order of the fields: 1: removed, -1: there was none, -2: no such field.

        https://redis.io/commands/hpersist/, since 7.4.0
        """
        return self._on_fields("HPERSIST", key, [], fields)

    @errors_to_deferred
    def httl(self, key: Key, *fields: Field) -> Deferred[list[int]]:
        """Get the remaining time to live of fields.

        :param key: key of the hash.
        :param fields: names of the fields, at least one.
        :returns: fires with a list in the order of the fields: seconds; -1: no time to live, -2: no such field.

        https://redis.io/commands/httl/, since 7.4.0
        """
        return self._on_fields("HTTL", key, [], fields)

    @errors_to_deferred
    def hpttl(self, key: Key, *fields: Field) -> Deferred[list[int]]:
        """Get the remaining time to live of fields in milliseconds.

        :param key: key of the hash.
        :param fields: names of the fields, at least one.
        :returns: fires with a list in the order of the fields: milliseconds; -1: no time to live, -2: no such field.

        https://redis.io/commands/hpttl/, since 7.4.0
        """
        return self._on_fields("HPTTL", key, [], fields)

    @errors_to_deferred
    def hexpiretime(self, key: Key, *fields: Field) -> Deferred[list[int]]:
        """Get the moments at which fields expire.

        :param key: key of the hash.
        :param fields: names of the fields, at least one.
        :returns: fires with a list in the order of the fields: Unix time in seconds; -1: no time to live, -2: no such
            field.

        https://redis.io/commands/hexpiretime/, since 7.4.0
        """
        return self._on_fields("HEXPIRETIME", key, [], fields)

    @errors_to_deferred
    def hpexpiretime(self, key: Key, *fields: Field) -> Deferred[list[int]]:
        """Get the moments at which fields expire, in milliseconds.

        :param key: key of the hash.
        :param fields: names of the fields, at least one.
        :returns: fires with a list in the order of the fields: Unix time in milliseconds; -1: no time to live, -2: no
            such field.

        https://redis.io/commands/hpexpiretime/, since 7.4.0
        """
        return self._on_fields("HPEXPIRETIME", key, [], fields)

    @errors_to_deferred
    def hgetdel(self, key: Key, *fields: Field) -> Deferred[list[Value | None]]:
        """Read fields and remove them (Redis 8.0, Valkey 9.1).

        :param key: key of the hash.
        :param fields: names of the fields, at least one.
        :returns: fires with a list of values in the order of the fields; None where a field does not exist.

        https://redis.io/commands/hgetdel/, since 8.0.0
        """
        return self._on_fields("HGETDEL", key, [], fields)

    @errors_to_deferred
    def hgetex(
        self,
        key: Key,
        *fields: Field,
        ex: Seconds | datetime.timedelta | None = None,
        px: Number | datetime.timedelta | None = None,
        exat: Number | datetime.datetime | None = None,
        pxat: Number | datetime.datetime | None = None,
        persist: bool = False,
    ) -> Deferred[list[Value | None]]:
        """Read fields and change their time to live (Redis 8.0, Valkey 9.0). At most one option may be given.

        :param key: key of the hash.
        :param fields: names of the fields, at least one.
        :param ex: time to live in seconds, or a ``timedelta``. A fraction is sent in milliseconds.
        :param px: time to live in milliseconds, or a ``timedelta``.
        :param exat: Unix time in seconds, or a ``datetime``, at which the fields expire.
        :param pxat: Unix time in milliseconds, or a ``datetime``, at which the fields expire.
        :param persist: remove the time to live.
        :returns: fires with a list of values in the order of the fields; None where a field does not exist. Fails with
            :exc:`.InvalidData` for several options, or without fields.

        https://redis.io/commands/hgetex/, since 8.0.0
        """
        times = time_arguments("hgetex", ex=ex, px=px, exat=exat, pxat=pxat, persist=persist)
        return self._on_fields("HGETEX", key, times, fields)

    @errors_to_deferred
    def hsetex(
        self,
        key: Key,
        field: Field | None = None,
        value: Argument | None = None,
        mapping: Pairs | None = None,
        *,
        nx: bool = False,
        xx: bool = False,
        fnx: bool = False,
        fxx: bool = False,
        ex: Seconds | datetime.timedelta | None = None,
        px: Number | datetime.timedelta | None = None,
        exat: Number | datetime.datetime | None = None,
        pxat: Number | datetime.datetime | None = None,
        keepttl: bool = False,
    ) -> Deferred[bool]:
        """Set fields with one time to live (Redis 8.0, Valkey 9.0).

        :param key: key of the hash, which is created if it does not exist.
        :param field: name of the field.
        :param value: its value.
        :param mapping: further fields and their values.
        :param nx: only if the key does not exist (Valkey 9.0; *xx*, too).
        :param xx: only if the key exists.
        :param fnx: only if none of the fields exists.
        :param fxx: only if all fields exist.
        :param ex: time to live in seconds, or a ``timedelta``. At most one of *ex*, *px*, *exat*, *pxat* and *keepttl*.
        :param px: time to live in milliseconds, or a ``timedelta``.
        :param exat: Unix time in seconds, or a ``datetime``, at which the fields expire.
        :param pxat: Unix time in milliseconds, or a ``datetime``, at which the fields expire.
        :param keepttl: keep the fields' times to live.
        :returns: fires with True if the fields were set, else False. Fails with :exc:`.InvalidData` for several times,
            or without a field.

        https://redis.io/commands/hsetex/, since 8.0.0
        """
        pairs: list[Any] = [] if field is None else [field, value]
        pairs += flatten(mapping or {})
        if not pairs:
            raise InvalidData("hsetex needs a field and its value, or a mapping with at least one")
        exclusive("hsetex", nx=nx, xx=xx)
        exclusive("hsetex", fnx=fnx, fxx=fxx)
        options = [*flags(nx=nx, xx=xx, fnx=fnx, fxx=fxx)]
        times = time_arguments("hsetex", ex=ex, px=px, exat=exat, pxat=pxat, keepttl=keepttl)
        return self.execute_command("HSETEX", key, *options, *times, "FIELDS", len(pairs) // 2, *pairs, post_proc=bool)

    def _on_fields(
        self, command: str, key: Key, options: Sequence[Argument], fields: Sequence[Field]
    ) -> Deferred[list[Any]]:
        if not fields:
            raise InvalidData(f"{command} needs at least one field")
        return self.execute_command(command, key, *options, "FIELDS", len(fields), *fields)
