"""Commands on hashes."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Field, Key, Keys, Page, Pairs, Text, V
from ...exceptions import InvalidData
from .._parts import CommandHost, as_dict, errors_to_deferred, flags, flatten, one_or_many, scan_arguments, scanned

__all__ = ["HashCommands"]


class HashCommands(CommandHost[V]):
    """Commands of Redis's group "hash"."""

    __slots__ = ()

    def hset(
        self, key: Key, field: Field | None = None, value: Argument | None = None, mapping: Pairs | None = None
    ) -> Deferred[int]:
        """Set fields of a hash, which is created if it does not exist.

        :param key: key of the hash.
        :param field: name of the field.
        :param value: its value.
        :param mapping: further fields and their values (Redis 4.0).
        :returns: fires with the number of new fields: 0 for a field whose value was replaced. Fails with
            :exc:`.InvalidData` without a field.

        https://redis.io/commands/hset/, since 2.0.0
        """
        if mapping is None and field is not None:
            return self.execute_command("HSET", key, field, value)  # type: ignore[arg-type]  # refused if it is None
        return self._set_fields(key, field, value, mapping)

    @errors_to_deferred
    def _set_fields(
        self, key: Key, field: Field | None, value: Argument | None, mapping: Pairs | None
    ) -> Deferred[int]:
        arguments: list[Any] = [] if field is None else [field, value]
        arguments += flatten(mapping or {})
        if not arguments:
            raise InvalidData("hset needs a field and its value, or a mapping with at least one")
        return self.execute_command("HSET", key, *arguments)

    def hsetnx(self, key: Key, field: Field, value: Argument) -> Deferred[int]:
        """Set a field of a hash unless the field exists.

        :param key: key of the hash.
        :param field: name of the field.
        :param value: its value.
        :returns: fires with 1 if the field was set, else 0.

        https://redis.io/commands/hsetnx/, since 2.0.0
        """
        return self.execute_command("HSETNX", key, field, value)

    def hget(self, key: Key, field: Field) -> Deferred[V | None]:
        """Read a field of a hash.

        :param key: key of the hash.
        :param field: name of the field.
        :returns: fires with its value, or None if it does not exist.

        https://redis.io/commands/hget/, since 2.0.0
        """
        return self.execute_command("HGET", key, field)

    @errors_to_deferred
    def hmget(self, key: Key, fields: Keys, *more: Field) -> Deferred[list[V | None]]:
        """Read several fields of a hash.

        :param key: key of the hash.
        :param fields: one name or an iterable of names.
        :param more: further names.
        :returns: fires with a list in the order of the names; None where a field does not exist.

        https://redis.io/commands/hmget/, since 2.0.0
        """
        return self.execute_command("HMGET", key, *one_or_many(fields), *more)

    @errors_to_deferred
    def hmset(self, key: Key, mapping: Pairs) -> Deferred[Text]:
        """Set several fields of a hash, which is created if it does not exist.

        :param key: key of the hash.
        :param mapping: the fields and their values.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/hmset/, since 2.0.0
        """
        return self.execute_command("HMSET", key, *flatten(mapping))

    def hincr(self, key: Key, field: Field) -> Deferred[int]:
        """Add 1 to the integer in a field, as :meth:`hincrby` does.

        :param key: key of the hash.
        :param field: name of the field.
        :returns: fires with the new value.

        https://redis.io/commands/hincrby/, since 2.0.0
        """
        return self.hincrby(key, field, 1)

    def hdecr(self, key: Key, field: Field) -> Deferred[int]:
        """Subtract 1 from the integer in a field, as :meth:`hincrby` does.

        :param key: key of the hash.
        :param field: name of the field.
        :returns: fires with the new value.

        https://redis.io/commands/hincrby/, since 2.0.0
        """
        return self.hincrby(key, field, -1)

    def hincrby(self, key: Key, field: Field, integer: int) -> Deferred[int]:
        """Add to the integer in a field; a missing field counts as 0.

        :param key: key of the hash.
        :param field: name of the field.
        :param integer: the number to add.
        :returns: fires with the new value.

        https://redis.io/commands/hincrby/, since 2.0.0
        """
        return self.execute_command("HINCRBY", key, field, integer)

    def hexists(self, key: Key, field: Field) -> Deferred[bool]:
        """Test whether a field exists.

        :param key: key of the hash.
        :param field: name of the field.
        :returns: fires with True or False.

        https://redis.io/commands/hexists/, since 2.0.0
        """
        return self.execute_command("HEXISTS", key, field, post_proc=bool)

    @errors_to_deferred
    def hdel(self, key: Key, fields: Keys, *more: Field) -> Deferred[int]:
        """Remove fields of a hash.

        :param key: key of the hash.
        :param fields: one name or an iterable of names.
        :param more: further names.
        :returns: fires with the number of fields removed.

        https://redis.io/commands/hdel/, since 2.0.0
        """
        return self.execute_command("HDEL", key, *one_or_many(fields), *more)

    def hlen(self, key: Key) -> Deferred[int]:
        """Get the number of fields of a hash.

        :param key: key of the hash.
        :returns: fires with the number, 0 if the key does not exist.

        https://redis.io/commands/hlen/, since 2.0.0
        """
        return self.execute_command("HLEN", key)

    def hkeys(self, key: Key) -> Deferred[list[V]]:
        """Read the names of all fields of a hash.

        :param key: key of the hash.
        :returns: fires with a list of names.

        https://redis.io/commands/hkeys/, since 2.0.0
        """
        return self.execute_command("HKEYS", key)

    def hvals(self, key: Key) -> Deferred[list[V]]:
        """Read the values of all fields of a hash.

        :param key: key of the hash.
        :returns: fires with a list of values.

        https://redis.io/commands/hvals/, since 2.0.0
        """
        return self.execute_command("HVALS", key)

    def hgetall(self, key: Key) -> Deferred[dict[V, V]]:
        """Read all fields of a hash with their values.

        :param key: key of the hash.
        :returns: fires with a dict, empty if the key does not exist. Numbers are converted in names, too.

        https://redis.io/commands/hgetall/, since 2.0.0
        """
        return self.execute_command("HGETALL", key, post_proc=as_dict)

    def hscan(
        self,
        key: Key,
        cursor: Argument = 0,
        pattern: Argument | None = None,
        count: int | None = None,
        *,
        match: Argument | None = None,
        no_values: bool = False,
    ) -> Deferred[Page[V]]:
        """Iterate over the fields of a hash, some at each call.

        :param key: key of the hash.
        :param cursor: 0 to start, then the cursor that the previous call returned.
        :param pattern: glob-style pattern that the fields' names must match.
        :param count: hint for the number of elements per call. None: the server's default, 10.
        :param match: the same as *pattern*.
        :param no_values: names only (Redis 7.4, Valkey 8.0).
        :returns: fires with ``[cursor, [name, value, name, value, ...]]``, with *no_values* ``[cursor, names]``; the
            cursor is an int. The iteration ends with the cursor 0.

        https://redis.io/commands/hscan/, since 2.8.0
        """
        arguments = scan_arguments(cursor, pattern if match is None else match, count)
        return self.execute_command("HSCAN", key, *arguments, *flags(novalues=no_values), post_proc=scanned)
