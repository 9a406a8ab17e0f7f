"""Commands on the bits of strings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, V
from ...exceptions import InvalidData, RedisError
from .._parts import CommandHost, errors_to_deferred, one_or_many, operation_name, range_arguments

__all__ = ["BitmapCommands"]


class BitmapCommands(CommandHost[V]):
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
    def bitop(self, operation: str | Callable[..., object], destkey: Key, *srckeys: Key) -> Deferred[int]:
        """Combine strings bitwise and store the result. Shorter strings are padded with zero bits.

        :param operation: ``"AND"``, ``"OR"``, ``"XOR"`` or ``"NOT"`` in any case, or ``and_``, ``or_``, ``xor``
            or ``not_`` of :mod:`operator`. ``"DIFF"``: bits of the first string only; ``"DIFF1"``: of the others only;
            ``"ANDOR"``: of the first and any other; ``"ONE"``: of exactly one string (these: Redis 8.2).
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
        :param end: index of the last byte, included; -1: the last one of the string.
        :param unit: ``"BIT"`` if *start* and *end* are indexes of bits (Redis 7.0); ``"BYTE"`` or None: of bytes.
        :returns: fires with the number of set bits; fails with :exc:`.RedisError` if only one of *start* and *end* is
            given, with :exc:`.InvalidData` for a *unit* without them.

        https://redis.io/commands/bitcount/, since 2.6.0
        """
        if unit is not None and start is None and end is None:
            raise InvalidData("unit of bitcount needs start and end")
        unit_arguments = () if unit is None else (unit,)
        return self.execute_command("BITCOUNT", key, *range_arguments(start, end), *unit_arguments)

    @errors_to_deferred
    def bitpos(
        self,
        key: Key,
        bit: int,
        start: int | None = None,
        end: int | None = None,
        mode: str | None = None,
    ) -> Deferred[int]:
        """Find the first bit that is set, or clear.

        :param key: key of the string.
        :param bit: 1 or 0.
        :param start: index of the first byte to search; a negative index counts from the end.
        :param end: index of the last byte, included; needs *start*.
        :param mode: ``"BIT"`` if *start* and *end* are indexes of bits (Redis 7.0), ``"BYTE"``; needs *end*.
        :returns: fires with the index of the bit, or -1. Fails with :exc:`.InvalidData` if *end* has no *start*, or
            *mode* no *end*.

        https://redis.io/commands/bitpos/, since 2.8.7
        """
        given = [each is not None for each in (start, end, mode)]
        if given != sorted(given, reverse=True):
            raise InvalidData("end of bitpos needs start, and mode needs end")
        return self.execute_command("BITPOS", key, bit, *(each for each in (start, end, mode) if each is not None))

    @errors_to_deferred
    def bitfield(self, key: Key, *operations: Sequence[Argument], overflow: str | None = None) -> Deferred[Any]:
        """Read and change integers of any width in a string.

        :param key: key of the string, which is created if it does not exist.
        :param operations: each a tuple: ``("GET", "u8", 0)``, ``("SET", "i16", "#2", 100)``, ``("INCRBY", "u2", 100,
            1)`` or ``("OVERFLOW", "SAT")``, which holds for those that follow.
        :param overflow: ``"WRAP"``, ``"SAT"`` or ``"FAIL"``, for all. None: WRAP.
        :returns: fires with a list of one integer for each operation but OVERFLOW: the value read, the one replaced, or
            the sum; None where FAIL prevented the change.

        https://redis.io/commands/bitfield/, since 3.2.0
        """
        arguments: list[Argument] = [] if overflow is None else ["OVERFLOW", overflow]
        for operation in operations:
            arguments += one_or_many(operation)
        return self.execute_command("BITFIELD", key, *arguments)

    @errors_to_deferred
    def bitfield_ro(
        self, key: Key, encoding: str, offset: Argument, items: Iterable[Sequence[Argument]] = ()
    ) -> Deferred[list[int]]:
        """Read integers of any width in a string, also on a replica.

        :param key: key of the string.
        :param encoding: ``"u8"`` is unsigned with 8 bits, ``"i16"`` signed with 16 bits.
        :param offset: index of the first bit; ``"#2"``: the third integer of this width.
        :param items: further pairs ``(encoding, offset)``.
        :returns: fires with a list of integers.

        https://redis.io/commands/bitfield_ro/, since 6.0.0
        """
        arguments: list[Argument] = []
        for each in ((encoding, offset), *items):
            arguments += ("GET", *each)
        return self.execute_command("BITFIELD_RO", key, *arguments)
