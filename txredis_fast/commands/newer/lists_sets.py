"""Commands that move several elements between lists, and that count the members of combined sets."""

from __future__ import annotations

import datetime

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Keys, Seconds, Value
from ...exceptions import InvalidData
from .._parts import CommandHost, blocking, counted_keys, errors_to_deferred, flags, waiting_time

__all__ = ["NewerListSetCommands"]


class NewerListSetCommands(CommandHost):
    """Commands of Redis's groups "list" and "set" since Redis 8.10."""

    __slots__ = ()

    @errors_to_deferred
    def lmovem(
        self,
        first_list: Key,
        second_list: Key,
        src: str = "LEFT",
        dest: str = "RIGHT",
        count: int | None = None,
        mode: str | None = None,
        ordering: str | None = None,
    ) -> Deferred[list[Value] | None]:
        """Move several elements from one list to another (Redis 8.10).

        :param first_list: key of the list to pop from.
        :param second_list: key of the list to push to; may be the same key.
        :param src: the end to pop from: ``"LEFT"`` is the head, ``"RIGHT"`` the tail.
        :param dest: the end to push to.
        :param count: number of elements; needs *ordering*. None: one.
        :param mode: with *count*: ``"COUNT"``: so many at most, ``"EXACTLY"``: so many or none. None: COUNT.
        :param ordering: with *count*: ``"OBO"``: one after the other, which turns their order round where *src* and
            *dest* are the same end; ``"BULK"``: in the order that they have.
        :returns: fires with a list of the elements in the order of the second list, or None if none was moved. Fails
            with :exc:`.InvalidData` for *count* without *ordering*, and for *mode* or *ordering* without *count*.

        https://redis.io/commands/lmovem/, since 8.10.0
        """
        number = _number_moved("lmovem", count, mode, ordering)
        return self.execute_command("LMOVEM", first_list, second_list, src, dest, *number)

    @blocking
    @errors_to_deferred
    def blmovem(
        self,
        first_list: Key,
        second_list: Key,
        timeout: Seconds | datetime.timedelta,
        src: str = "LEFT",
        dest: str = "RIGHT",
        count: int | None = None,
        mode: str | None = None,
        ordering: str | None = None,
    ) -> Deferred[list[Value] | None]:
        """Move several elements from one list to another; block while there are too few (Redis 8.10).

        The reply may take *timeout* and ``replyTimeout`` seconds (10 if that is None); any time if *timeout* is 0.

        :param first_list: key of the list to pop from.
        :param second_list: key of the list to push to; may be the same key.
        :param timeout: seconds to wait, or a ``timedelta``; 0: no limit.
        :param src: the end to pop from: ``"LEFT"`` is the head, ``"RIGHT"`` the tail.
        :param dest: the end to push to.
        :param count: number of elements; needs *ordering*. None: one.
        :param mode: with *count*: ``"COUNT"``: as many as there are, one at least; ``"EXACTLY"``: so many. None: COUNT.
        :param ordering: as of :meth:`lmovem`.
        :returns: fires with a list as :meth:`lmovem`, or None after *timeout*. Fails with :exc:`.InvalidData` as
            :meth:`lmovem`.

        https://redis.io/commands/blmovem/, since 8.10.0
        """
        number = _number_moved("blmovem", count, mode, ordering)
        arguments = (first_list, second_list, src, dest, waiting_time(timeout), *number)
        return self.execute_command("BLMOVEM", *arguments, blocking=True, apply_timeout=False)

    @errors_to_deferred
    def sdiffcard(self, numkeys: int, keys: Keys, limit: int = 0) -> Deferred[int]:
        """Count the members of the first set that are in none of the others (Redis 8.10).

        :param numkeys: number of *keys*.
        :param keys: one key or an iterable of keys, the first set's first.
        :param limit: stop counting there; 0: count all.
        :returns: fires with the number. Fails with :exc:`.InvalidData` if *numkeys* is wrong.

        https://redis.io/commands/sdiffcard/, since 8.10.0
        """
        return self.execute_command("SDIFFCARD", *counted_keys("sdiffcard", numkeys, keys, limit))

    @errors_to_deferred
    def sunioncard(self, numkeys: int, keys: Keys, limit: int = 0, approx: bool = False) -> Deferred[int]:
        """Count the members of the union of sets (Redis 8.10).

        :param numkeys: number of *keys*.
        :param keys: one key or an iterable of keys.
        :param limit: stop counting there; 0: count all.
        :param approx: estimate the number, which takes less memory of the server.
        :returns: fires with the number. Fails with :exc:`.InvalidData` if *numkeys* is wrong.

        https://redis.io/commands/sunioncard/, since 8.10.0
        """
        counted = counted_keys("sunioncard", numkeys, keys)
        end = ("LIMIT", limit) if limit else ()
        return self.execute_command("SUNIONCARD", *counted, *flags(approx=approx), *end)


def _number_moved(method: str, count: int | None, mode: str | None, ordering: str | None) -> tuple[Argument, ...]:
    if count is None:
        if mode is not None or ordering is not None:
            raise InvalidData(f"mode and ordering of {method} need count")
        return ()
    if ordering is None:
        raise InvalidData(f"count of {method} needs ordering: OBO or BULK")
    return ("COUNT" if mode is None else mode, count, ordering)
