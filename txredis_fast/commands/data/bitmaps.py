"""Commands on the bits of strings."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Key
from ...exceptions import RedisError
from .._parts import CommandHost, errors_to_deferred, operation_name, range_arguments

__all__ = ["BitmapCommands"]


class BitmapCommands(CommandHost):
    """Commands of Redis's group "bitmap"."""

    __slots__ = ()

    def getbit(self, key: Key, offset: int) -> Deferred[int]:
        """Read a bit.

        :param key: key of the string.
        :param offset: index of the bit; 0 is the most significant bit of the first byte.
        :returns: fires with 0 or 1; 0 beyond the end of the string.

        https://redis.io/commands/getbit/, since 2.2.0
        """
        return self.execute_command("GETBIT", key, offset)

    def setbit(self, key: Key, offset: int, value: bool | int) -> Deferred[int]:
        """Set or clear a bit. The string grows as needed, padded with zero bits.

        :param key: key of the string.
        :param offset: index of the bit, below 2**32.
        :param value: the bit.
        :returns: fires with the previous bit, 0 or 1.

        https://redis.io/commands/setbit/, since 2.2.0
        """
        return self.execute_command("SETBIT", key, offset, int(value) if isinstance(value, bool) else value)

    @errors_to_deferred
    def bitop(self, operation: Any, destkey: Key, *srckeys: Key) -> Deferred[int]:
        """Combine strings bitwise and store the result. Shorter strings are padded with zero bits.

        :param operation: ``"AND"``, ``"OR"``, ``"XOR"`` or ``"NOT"`` in any case, or ``and_``, ``or_``, ``xor``
            or ``not_`` of :mod:`operator`.
        :param destkey: key of the result.
        :param srckeys: keys of the strings; exactly one for NOT.
        :returns: fires with the length of the result in bytes. Fails with :exc:`.InvalidData` for another
            operation, with :exc:`.RedisError` for a wrong number of *srckeys*.

        https://redis.io/commands/bitop/, since 2.6.0
        """
        if not srckeys:
            raise RedisError("no ``srckeys`` specified")
        name = operation_name(operation)
        if name == "NOT" and len(srckeys) > 1:
            raise RedisError("bitop NOT takes only one ``srckey``")
        return self.execute_command("BITOP", name, destkey, *srckeys)

    @errors_to_deferred
    def bitcount(
        self, key: Key, start: int | None = None, end: int | None = None, *, unit: str | None = None
    ) -> Deferred[int]:
        """Count the set bits of a string.

        :param key: key of the string.
        :param start: index of the first byte; a negative index counts from the end.
        :param end: index of the last byte, included.
        :param unit: ``"BIT"`` if *start* and *end* are indexes of bits (Redis 7.0); None: of bytes.
        :returns: fires with the number of set bits; fails with :exc:`.RedisError` if only one of *start* and *end* is
            given.

        https://redis.io/commands/bitcount/, since 2.6.0
        """
        unit_arguments = () if unit is None else (unit,)
        return self.execute_command("BITCOUNT", key, *range_arguments(start, end), *unit_arguments)
