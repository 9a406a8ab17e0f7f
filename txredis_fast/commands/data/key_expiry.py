"""Commands on keys' times to live, in milliseconds and as moments."""

from __future__ import annotations

import datetime

from twisted.internet.defer import Deferred

from ..._types import Key, Number
from .._parts import CommandHost, conditions, errors_to_deferred, expiry, milliseconds

__all__ = ["KeyExpiryCommands"]


class KeyExpiryCommands(CommandHost):
    """Commands of Redis's group "generic" on times to live; see :meth:`expire` and :meth:`ttl`, too.

    A moment is a Unix time or a ``datetime``; a ``datetime`` without a time zone is local time.
    """

    __slots__ = ()

    @errors_to_deferred
    def pexpire(
        self,
        key: Key,
        time: Number | datetime.timedelta,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Deferred[int]:
        """Set a key's time to live in milliseconds.

        :param key: the key.
        :param time: milliseconds, or a ``timedelta``; 0 or less removes the key at once.
        :param nx: only if the key has no time to live (*nx*, *xx*, *gt* and *lt*: Redis 7.0).
        :param xx: only if the key has a time to live.
        :param gt: only if the new time is greater than the present one; no time to live counts as infinite.
        :param lt: only if the new time is less than the present one.
        :returns: fires with 1 if the time was set, else 0.

        https://redis.io/commands/pexpire/, since 2.6.0
        """
        return self.execute_command("PEXPIRE", key, milliseconds("time", time), *conditions("pexpire", nx, xx, gt, lt))

    @errors_to_deferred
    def expireat(
        self,
        key: Key,
        when: Number | datetime.datetime,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Deferred[int]:
        """Set the moment at which a key expires.

        :param key: the key.
        :param when: Unix time in seconds, or a ``datetime``. A fraction is sent in milliseconds, as PEXPIREAT.
        :param nx: only if the key has no time to live (*nx*, *xx*, *gt* and *lt*: Redis 7.0).
        :param xx: only if the key has a time to live.
        :param gt: only if the new moment is later than the present one; no time to live counts as infinite.
        :param lt: only if the new moment is earlier than the present one.
        :returns: fires with 1 if the moment was set, else 0.

        https://redis.io/commands/expireat/, since 1.2.0
        """
        in_milliseconds, moment = expiry("when", when)
        command = "PEXPIREAT" if in_milliseconds else "EXPIREAT"
        return self.execute_command(command, key, moment, *conditions("expireat", nx, xx, gt, lt))

    @errors_to_deferred
    def pexpireat(
        self,
        key: Key,
        when: Number | datetime.datetime,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Deferred[int]:
        """Set the moment at which a key expires, in milliseconds.

        :param key: the key.
        :param when: Unix time in milliseconds, or a ``datetime``.
        :param nx: only if the key has no time to live (*nx*, *xx*, *gt* and *lt*: Redis 7.0).
        :param xx: only if the key has a time to live.
        :param gt: only if the new moment is later than the present one; no time to live counts as infinite.
        :param lt: only if the new moment is earlier than the present one.
        :returns: fires with 1 if the moment was set, else 0.

        https://redis.io/commands/pexpireat/, since 2.6.0
        """
        return self.execute_command(
            "PEXPIREAT", key, milliseconds("when", when), *conditions("pexpireat", nx, xx, gt, lt)
        )

    def pttl(self, key: Key) -> Deferred[int]:
        """Get a key's remaining time to live in milliseconds.

        :param key: the key.
        :returns: fires with the time; -1 if the key has no time to live, -2 if it does not exist.

        https://redis.io/commands/pttl/, since 2.6.0
        """
        return self.execute_command("PTTL", key)

    def expiretime(self, key: Key) -> Deferred[int]:
        """Get the moment at which a key expires.

        :param key: the key.
        :returns: fires with the Unix time in seconds; -1 if the key has no time to live, -2 if it does not exist.

        https://redis.io/commands/expiretime/, since 7.0.0
        """
        return self.execute_command("EXPIRETIME", key)

    def pexpiretime(self, key: Key) -> Deferred[int]:
        """Get the moment at which a key expires, in milliseconds.

        :param key: the key.
        :returns: fires with the Unix time in milliseconds; -1 if the key has no time to live, -2 if it does not exist.

        https://redis.io/commands/pexpiretime/, since 7.0.0
        """
        return self.execute_command("PEXPIRETIME", key)
