"""Commands on keys of any data type, and SORT."""

from __future__ import annotations

import datetime
from typing import Any

from twisted.internet.defer import Deferred

from ..._credentials import sendable
from ..._types import Argument, Items, Key, Keys, Number, Page, Seconds, Text, V
from ...exceptions import InvalidData
from .._parts import (
    CommandHost,
    blocking,
    conditions,
    errors_to_deferred,
    exclusive,
    expiry,
    flags,
    list_or_args,
    milliseconds,
    one_or_many,
    range_arguments,
    scan_arguments,
    scanned,
)

__all__ = ["KeyCommands"]


class KeyCommands(CommandHost[V]):
    """Commands of Redis's group "generic"."""

    __slots__ = ()

    def exists(self, key: Key, *keys: Key) -> Deferred[int]:
        """Test whether keys exist.

        :param key: the key.
        :param keys: further keys (Redis 3.0.3).
        :returns: fires with the number of keys that exist, 1 or 0 for a single one. A key given twice counts twice.

        https://redis.io/commands/exists/, since 1.0.0
        """
        return self.execute_command("EXISTS", key, *keys)

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

    def keys(self, pattern: Argument = "*") -> Deferred[list[V]]:
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
        match: Argument | None = None,
    ) -> Deferred[Page[V]]:
        """Iterate over the keys of the database, some at each call.

        :param cursor: 0 to start, then the cursor that the previous call returned.
        :param pattern: glob-style pattern that the keys must match.
        :param count: hint for the number of elements per call. None: the server's default, 10.
        :param type: data type of the keys, as :meth:`type` names it (Redis 6.0).
        :param match: the same as *pattern*.
        :returns: fires with ``[cursor, keys]``; the cursor is an int, and *keys* may be empty. The iteration ends with
            the cursor 0.

        https://redis.io/commands/scan/, since 2.8.0
        """
        arguments = scan_arguments(cursor, pattern if match is None else match, count, type)
        return self.execute_command("SCAN", *arguments, post_proc=scanned)

    def randomkey(self) -> Deferred[V | None]:
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
        try:
            options = conditions("expire", nx, xx, gt, lt) if nx or xx or gt or lt else ()
            if type(time) is int:
                return self.execute_command("EXPIRE", key, time, *options)
            in_milliseconds, amount = expiry("time", time)
        except InvalidData as error:
            return self._refuse(error)
        name = "PEXPIRE" if in_milliseconds else "EXPIRE"
        return self.execute_command(name, key, amount, *options)

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
        arguments = [key, *_sorting(by, start, end, get, desc, alpha)]
        if store is not None:
            arguments += ("STORE", store)
        return self.execute_command("SORT", *arguments)

    @errors_to_deferred
    def sort_ro(
        self,
        key: Key,
        start: int | None = None,
        num: int | None = None,
        by: Argument | None = None,
        get: Argument | Items | None = None,
        desc: bool = False,
        alpha: bool = False,
    ) -> Deferred[list[Any]]:
        """Sort the elements of a list, a set or a sorted set, also on a replica; see :meth:`sort`.

        :param key: key of the list, set or sorted set.
        :param start: number of elements to skip; needs *num*.
        :param num: number of elements to return after these; needs *start*.
        :param by: pattern of the keys whose values are compared instead of the elements.
        :param get: pattern of the keys whose values are returned instead of the elements, or a list or tuple of
            patterns; ``"#"`` is the element itself.
        :param desc: sort in descending order.
        :param alpha: compare as text, not as numbers.
        :returns: fires with a list of elements; fails with :exc:`.RedisError` if only one of *start* and *num* is
            given.

        https://redis.io/commands/sort_ro/, since 7.0.0
        """
        return self.execute_command("SORT_RO", key, *_sorting(by, start, num, get, desc, alpha))

    def unlink(self, *keys: Key) -> Deferred[int]:
        """Remove keys; the server frees their memory in the background.

        :param keys: the keys.
        :returns: fires with the number of keys removed.

        https://redis.io/commands/unlink/, since 4.0.0
        """
        return self.execute_command("UNLINK", *keys)

    def touch(self, *keys: Key) -> Deferred[int]:
        """Note that keys were used, for the server's eviction.

        :param keys: the keys.
        :returns: fires with the number of keys that exist.

        https://redis.io/commands/touch/, since 3.2.1
        """
        return self.execute_command("TOUCH", *keys)

    def copy(
        self, source: Key, destination: Key, destination_db: int | None = None, replace: bool = False
    ) -> Deferred[bool]:
        """Copy a key's value and time to live.

        :param source: the key.
        :param destination: the key of the copy.
        :param destination_db: number of the copy's database. None: the same.
        :param replace: replace an existing value.
        :returns: fires with True if the key was copied, else False.

        https://redis.io/commands/copy/, since 6.2.0
        """
        database: tuple[Argument, ...] = () if destination_db is None else ("DB", destination_db)
        return self.execute_command("COPY", source, destination, *database, *flags(replace=replace), post_proc=bool)

    def dump(self, key: Key) -> Deferred[bytes | None]:
        """Serialize a key's value in the server's own format, for :meth:`restore`.

        :param key: the key.
        :returns: fires with bytes, whatever the charset; None if the key does not exist.

        https://redis.io/commands/dump/, since 2.6.0
        """
        return self.execute_command("DUMP", key, raw=True)

    @errors_to_deferred
    def restore(
        self,
        key: Key,
        ttl: Number | datetime.timedelta | datetime.datetime,
        value: bytes,
        replace: bool = False,
        absttl: bool = False,
        idletime: int | None = None,
        frequency: int | None = None,
    ) -> Deferred[Text]:
        """Create a key of a value that :meth:`dump` has serialized.

        :param key: the key.
        :param ttl: time to live in milliseconds, or a ``timedelta``; 0: none. With *absttl*, a ``datetime`` or the Unix
            time in milliseconds at which the key expires.
        :param value: the bytes.
        :param replace: replace an existing value.
        :param absttl: *ttl* is a moment (Redis 5.0).
        :param idletime: seconds since the last use to note, for the server's eviction (Redis 5.0).
        :param frequency: frequency of use to note, 0 to 255 (Redis 5.0).
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the key exists (``BUSYKEY``).

        https://redis.io/commands/restore/, since 2.6.0
        """
        exclusive("restore", idletime=idletime is not None, frequency=frequency is not None)
        arguments: list[Argument] = [*flags(replace=replace, absttl=absttl)]
        if idletime is not None:
            arguments += ("IDLETIME", idletime)
        if frequency is not None:
            arguments += ("FREQ", frequency)
        return self.execute_command("RESTORE", key, milliseconds("ttl", ttl), value, *arguments)

    @errors_to_deferred
    def migrate(
        self,
        host: Text,
        port: int,
        keys: Keys,
        destination_db: int,
        timeout: Number | datetime.timedelta,
        copy: bool = False,
        replace: bool = False,
        auth: Argument | None = None,
        *,
        username: Argument | None = None,
    ) -> Deferred[Text]:
        """Move keys to another server. The server executes no other command until it is done.

        :param host: the other server's name or address.
        :param port: its port.
        :param keys: one key or an iterable of keys.
        :param destination_db: number of its database.
        :param timeout: milliseconds, or a ``timedelta``, that the transfer may stand still.
        :param copy: keep the keys here.
        :param replace: replace existing values there.
        :param auth: the other server's password; str is sent as UTF-8 whatever the charset.
        :param username: its ACL user (Redis 6.0); needs *auth*.
        :returns: fires with ``"OK"``, or ``"NOKEY"`` if none of the keys exists.

        https://redis.io/commands/migrate/, since 2.6.0
        """
        names = one_or_many(keys)
        arguments: list[Argument] = [*flags(copy=copy, replace=replace)]
        if auth is not None:
            password = sendable(auth)
            arguments += ("AUTH", password) if username is None else ("AUTH2", sendable(username), password)
        elif username is not None:
            raise InvalidData("username of migrate needs auth, the password")
        some = ("", ("KEYS", *names)) if len(names) != 1 else (names[0], ())
        wait = milliseconds("timeout", timeout)
        return self.execute_command("MIGRATE", host, port, some[0], destination_db, wait, *arguments, *some[1])

    @blocking
    @errors_to_deferred
    def wait(self, num_replicas: int, timeout: Number | datetime.timedelta) -> Deferred[int]:
        """Wait until replicas have the writes of this connection.

        :param num_replicas: number of replicas.
        :param timeout: milliseconds to wait, or a ``timedelta``; 0: no limit.
        :returns: fires with the number of replicas that have them, which may be less than *num_replicas*.

        https://redis.io/commands/wait/, since 3.0.0
        """
        limit = milliseconds("timeout", timeout)
        return self.execute_command("WAIT", num_replicas, limit, blocking=True, apply_timeout=False)

    @blocking
    @errors_to_deferred
    def waitaof(self, num_local: int, num_replicas: int, timeout: Number | datetime.timedelta) -> Deferred[list[int]]:
        """Wait until the writes of this connection are on disk.

        :param num_local: 1: also on the server's own disk, in its append-only file; 0: not there.
        :param num_replicas: number of replicas on whose disks.
        :param timeout: milliseconds to wait, or a ``timedelta``; 0: no limit.
        :returns: fires with ``[local, replicas]``, the numbers that have them.

        https://redis.io/commands/waitaof/, since 7.2.0
        """
        limit = milliseconds("timeout", timeout)
        return self.execute_command("WAITAOF", num_local, num_replicas, limit, blocking=True, apply_timeout=False)


def _sorting(
    by: Argument | None,
    start: int | None,
    end: int | None,
    get: Argument | Items | None,
    desc: bool | None,
    alpha: bool,
) -> list[Argument]:
    arguments: list[Argument] = []
    if by is not None:
        arguments += ("BY", by)
    if limit := range_arguments(start, end):
        arguments += ("LIMIT", *limit)
    if get is not None:
        for pattern in get if isinstance(get, (list, tuple)) else (get,):
            arguments += ("GET", pattern)
    return [*arguments, *flags(desc=desc, alpha=alpha)]
