"""Commands on sets."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Items, Key, Keys, Page, V
from .._parts import (
    CommandHost,
    as_bools,
    as_set,
    counted_keys,
    errors_to_deferred,
    list_or_args,
    one_or_many,
    scan_arguments,
    scanned,
)

__all__ = ["SetCommands"]


class SetCommands(CommandHost[V]):
    """Commands of Redis's group "set"."""

    __slots__ = ()

    @errors_to_deferred
    def sadd(self, key: Key, members: Argument | Items, *args: Argument) -> Deferred[int]:
        """Add members to a set, which is created if it does not exist.

        :param key: key of the set.
        :param members: one member or an iterable of members.
        :param args: further members. Deprecated: give an iterable instead.
        :returns: fires with the number of new members.

        https://redis.io/commands/sadd/, since 1.0.0
        """
        return self.execute_command("SADD", key, *list_or_args("sadd", members, args))

    @errors_to_deferred
    def srem(self, key: Key, members: Argument | Items, *args: Argument) -> Deferred[int]:
        """Remove members from a set.

        :param key: key of the set.
        :param members: one member or an iterable of members.
        :param args: further members. Deprecated: give an iterable instead.
        :returns: fires with the number of members removed.

        https://redis.io/commands/srem/, since 1.0.0
        """
        return self.execute_command("SREM", key, *list_or_args("srem", members, args))

    def spop(self, key: Key, count: int | None = None) -> Deferred[Any]:
        """Pop random members.

        :param key: key of the set.
        :param count: maximum number of members (Redis 3.2). None: one member.
        :returns: fires with the member, or None if the set is empty; with *count*, with a set of members.

        https://redis.io/commands/spop/, since 1.0.0
        """
        if count is None:
            return self.execute_command("SPOP", key)
        return self.execute_command("SPOP", key, count, post_proc=as_set)

    def smove(self, srckey: Key, dstkey: Key, member: Argument) -> Deferred[bool]:
        """Move a member from one set to another.

        :param srckey: key of the set to remove the member from.
        :param dstkey: key of the set to add the member to.
        :param member: the member.
        :returns: fires with True if the member was moved, False if it is not in the first set.

        https://redis.io/commands/smove/, since 1.0.0
        """
        return self.execute_command("SMOVE", srckey, dstkey, member, post_proc=bool)

    def scard(self, key: Key) -> Deferred[int]:
        """Get the number of members of a set.

        :param key: key of the set.
        :returns: fires with the number, 0 if the key does not exist.

        https://redis.io/commands/scard/, since 1.0.0
        """
        return self.execute_command("SCARD", key)

    def sismember(self, key: Key, value: Argument) -> Deferred[bool]:
        """Test whether a value is a member of a set.

        :param key: key of the set.
        :param value: the value.
        :returns: fires with True or False.

        https://redis.io/commands/sismember/, since 1.0.0
        """
        return self.execute_command("SISMEMBER", key, value, post_proc=bool)

    @errors_to_deferred
    def sinter(self, keys: Keys, *args: Key) -> Deferred[set[V]]:
        """Compute the intersection of sets.

        :param keys: one key or an iterable of keys.
        :param args: further keys. Deprecated: give an iterable instead.
        :returns: fires with the set of members that are in all sets.

        https://redis.io/commands/sinter/, since 1.0.0
        """
        return self.execute_command("SINTER", *list_or_args("sinter", keys, args), post_proc=as_set)

    @errors_to_deferred
    def sinterstore(self, dstkey: Key, keys: Keys, *args: Key) -> Deferred[int]:
        """Compute the intersection of sets and store it.

        :param dstkey: key of the result; an existing value is replaced.
        :param keys: one key or an iterable of keys.
        :param args: further keys. Deprecated: give an iterable instead.
        :returns: fires with the number of members of the result.

        https://redis.io/commands/sinterstore/, since 1.0.0
        """
        return self.execute_command("SINTERSTORE", dstkey, *list_or_args("sinterstore", keys, args))

    @errors_to_deferred
    def sunion(self, keys: Keys, *args: Key) -> Deferred[set[V]]:
        """Compute the union of sets.

        :param keys: one key or an iterable of keys.
        :param args: further keys. Deprecated: give an iterable instead.
        :returns: fires with the set of members that are in any set.

        https://redis.io/commands/sunion/, since 1.0.0
        """
        return self.execute_command("SUNION", *list_or_args("sunion", keys, args), post_proc=as_set)

    @errors_to_deferred
    def sunionstore(self, dstkey: Key, keys: Keys, *args: Key) -> Deferred[int]:
        """Compute the union of sets and store it.

        :param dstkey: key of the result; an existing value is replaced.
        :param keys: one key or an iterable of keys.
        :param args: further keys. Deprecated: give an iterable instead.
        :returns: fires with the number of members of the result.

        https://redis.io/commands/sunionstore/, since 1.0.0
        """
        return self.execute_command("SUNIONSTORE", dstkey, *list_or_args("sunionstore", keys, args))

    @errors_to_deferred
    def sdiff(self, keys: Keys, *args: Key) -> Deferred[set[V]]:
        """Compute the difference between the first set and all others.

        :param keys: one key or an iterable of keys, the first set's first.
        :param args: further keys. Deprecated: give an iterable instead.
        :returns: fires with the set of members that are only in the first set.

        https://redis.io/commands/sdiff/, since 1.0.0
        """
        return self.execute_command("SDIFF", *list_or_args("sdiff", keys, args), post_proc=as_set)

    @errors_to_deferred
    def sdiffstore(self, dstkey: Key, keys: Keys, *args: Key) -> Deferred[int]:
        """Compute the difference between the first set and all others, and store it.

        :param dstkey: key of the result; an existing value is replaced.
        :param keys: one key or an iterable of keys, the first set's first.
        :param args: further keys. Deprecated: give an iterable instead.
        :returns: fires with the number of members of the result.

        https://redis.io/commands/sdiffstore/, since 1.0.0
        """
        return self.execute_command("SDIFFSTORE", dstkey, *list_or_args("sdiffstore", keys, args))

    def smembers(self, key: Key) -> Deferred[set[V]]:
        """Read all members of a set.

        :param key: key of the set.
        :returns: fires with a set, empty if the key does not exist.

        https://redis.io/commands/smembers/, since 1.0.0
        """
        return self.execute_command("SMEMBERS", key, post_proc=as_set)

    def srandmember(self, key: Key, count: int | None = None) -> Deferred[Any]:
        """Get random members without removing them.

        :param key: key of the set.
        :param count: maximum number of different members (Redis 2.6). Negative: exact number of members, with
            repetitions. None: one member.
        :returns: fires with the member, or None if the set is empty; with *count*, with a list of members.

        https://redis.io/commands/srandmember/, since 1.0.0
        """
        if count is None:
            return self.execute_command("SRANDMEMBER", key)
        return self.execute_command("SRANDMEMBER", key, count)

    def sscan(
        self,
        key: Key,
        cursor: Argument = 0,
        pattern: Argument | None = None,
        count: int | None = None,
        *,
        match: Argument | None = None,
    ) -> Deferred[Page[V]]:
        """Iterate over the members of a set, some at each call.

        :param key: key of the set.
        :param cursor: 0 to start, then the cursor that the previous call returned.
        :param pattern: glob-style pattern that the members must match.
        :param count: hint for the number of elements per call. None: the server's default, 10.
        :param match: the same as *pattern*.
        :returns: fires with ``[cursor, members]``; the cursor is an int. The iteration ends with the cursor 0.

        https://redis.io/commands/sscan/, since 2.8.0
        """
        return self.execute_command(
            "SSCAN", key, *scan_arguments(cursor, pattern if match is None else match, count), post_proc=scanned
        )

    @errors_to_deferred
    def smismember(self, key: Key, values: Argument | Items, *args: Argument) -> Deferred[list[bool]]:
        """Test whether values are members of a set.

        :param key: key of the set.
        :param values: one value or an iterable of values.
        :param args: further values.
        :returns: fires with a list of bools in the order of the values.

        https://redis.io/commands/smismember/, since 6.2.0
        """
        return self.execute_command("SMISMEMBER", key, *one_or_many(values), *args, post_proc=as_bools)

    @errors_to_deferred
    def sintercard(self, numkeys: int, keys: Keys, limit: int = 0) -> Deferred[int]:
        """Count the members of the intersection of sets.

        :param numkeys: number of *keys*.
        :param keys: one key or an iterable of keys.
        :param limit: stop counting there; 0: count all.
        :returns: fires with the number. Fails with :exc:`.InvalidData` if *numkeys* is wrong.

        https://redis.io/commands/sintercard/, since 7.0.0
        """
        return self.execute_command("SINTERCARD", *counted_keys("sintercard", numkeys, keys, limit))
