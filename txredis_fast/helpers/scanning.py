"""Iterators over SCAN, HSCAN, SSCAN and ZSCAN: ``async for key in rc.scan_iter("user:*")``.

An iterator is an object with ``__anext__``, not an async generator: a loop may be left at any point, and leaves neither
a command nor a generator behind that somebody would have to close.

This module must not know how a command is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, Literal, TypeVar, overload

from twisted.internet.defer import Deferred, maybeDeferred, succeed

from .._checks import shown
from .._types import Argument, Key, V
from ..commands._parts import as_pairs, scored_members
from ..exceptions import InvalidResponse, RedisError
from ..resp import fix_argument

__all__ = ["ScanIterator", "ScanIterators"]

_T = TypeVar("_T")

#: Asks a host for the page at a cursor; the Deferred fires with ``[next cursor, elements]``.
Ask = Callable[[Any, Any], Deferred[Any]]


class ScanIterator(Generic[_T]):
    """The elements that a command such as SCAN finds, page by page: for ``async for``, or with :meth:`next_page`.

    Nothing is sent before the first element is asked for, and then one command at a time, when a page is used up. A
    loop that is left early leaves nothing behind, and a later loop goes on where it ended.

    As the command has it: what exists from the first page to the last is found, some elements perhaps several times;
    what is added or removed meanwhile may be found. After a failover or a restart between two pages, elements may be
    missed, because the cursor was another server's.

    If a page fails, its error is raised or fails the Deferred; the next call asks for the same page again.
    """

    def __init__(
        self, name: str, hosts: Callable[[], Iterable[Any]], ask: Ask, convert: Callable[[Any], list[_T]]
    ) -> None:
        """Make an iterator; handlers do it.

        :param name: of the method, for errors.
        :param hosts: returns the hosts to ask, one after the other; called for the first page.
        :param ask: asks one of them for a page.
        :param convert: makes the elements of a page from the reply's.
        """
        self._name = name
        self._find_hosts = hosts
        self._ask = ask
        self._convert = convert
        #: The hosts that have not reached their end; None before the first page.
        self._hosts: list[Any] | None = None
        #: Of the first of them.
        self._cursor: Any = 0
        #: The elements of the last page that were not taken yet.
        self._left: Iterator[_T] = iter(())
        self._waits = False

    def __repr__(self) -> str:
        state = "at its end" if self._hosts == [] else f"at cursor {self._cursor}"
        return f"<{type(self).__name__} of {self._name} {state}>"

    def __aiter__(self) -> ScanIterator[_T]:
        return self

    async def __anext__(self) -> _T:
        for item in self._left:
            return item
        self._left = iter(await self._read())
        for item in self._left:
            return item
        raise StopAsyncIteration

    def next_page(self) -> Deferred[list[_T]]:
        """Get the next elements, as many as one command finds; for programs with ``inlineCallbacks``.

        :returns: fires with a list: the rest of the page that a loop has begun, or else the next page. Pages
            without elements are passed over, so an empty list is the end. Fails as the command does, and then the next
            call asks for the same page again; with :exc:`.RedisError` while another call waits for a page, or if a
            transaction or pipeline collects the commands.
        """
        left = list(self._left)
        return succeed(left) if left else Deferred.fromCoroutine(self._read())

    async def _read(self) -> list[_T]:
        if self._waits:
            raise RedisError(f"{self._name} waits for a page already: an iterator serves one call at a time")
        self._waits = True
        try:
            if self._hosts is None:
                self._hosts = list(self._find_hosts())
            while self._hosts:
                page = await self._read_page(self._hosts)
                if page:
                    return page
            return []
        finally:
            self._waits = False

    async def _read_page(self, hosts: list[Any]) -> list[_T]:
        host = hosts[0]
        if host._collects_now:
            raise RedisError(f"{self._name} needs each reply at once, but a transaction or pipeline collects commands")
        reply = await maybeDeferred(self._ask, host, self._cursor)
        if not isinstance(reply, Sequence) or len(reply) != 2 or not isinstance(reply[1], list):
            raise InvalidResponse(f"{self._name} needs a reply of cursor and elements, not {shown(reply)}")
        page = self._convert(reply[1])
        self._cursor = reply[0]
        if not self._cursor:
            del hosts[0]
        return page


class ScanIterators(Generic[V]):
    """The methods of a host with the commands SCAN, HSCAN, SSCAN and ZSCAN that make iterators over them."""

    __slots__ = ()

    @property
    def _collects_now(self) -> bool:
        """Whether commands are collected, so that no reply comes before all of them are sent."""
        return False

    def scan_iter(
        self,
        pattern: Argument | None = None,
        count: int | None = None,
        *,
        type: Argument | None = None,
        match: Argument | None = None,
    ) -> ScanIterator[V]:
        """Iterate over the keys of the database; over those of all shards, one after the other, if there are several.

        :param pattern: glob-style pattern that the keys must match.
        :param count: hint for the number of elements per command. None: the server's default, 10.
        :param type: data type of the keys, as ``rc.type()`` names it.
        :param match: the same as *pattern*.
        :returns: a :class:`.ScanIterator` of keys.
        """
        options = {"pattern": _fixed(pattern if match is None else match), "count": count, "type": _fixed(type)}

        def ask(host: Any, cursor: Argument) -> Deferred[Any]:
            return host.scan(cursor, **options)  # type: ignore[no-any-return]

        return ScanIterator("scan_iter", self._hosts_of_all, ask, list)

    @overload
    def hscan_iter(
        self,
        key: Key,
        pattern: Argument | None = None,
        count: int | None = None,
        *,
        match: Argument | None = None,
        no_values: Literal[False] = False,
    ) -> ScanIterator[tuple[V, V]]: ...

    @overload
    def hscan_iter(
        self,
        key: Key,
        pattern: Argument | None = None,
        count: int | None = None,
        *,
        match: Argument | None = None,
        no_values: Literal[True],
    ) -> ScanIterator[V]: ...

    def hscan_iter(
        self,
        key: Key,
        pattern: Argument | None = None,
        count: int | None = None,
        *,
        match: Argument | None = None,
        no_values: bool = False,
    ) -> ScanIterator[Any]:
        """Iterate over the fields of a hash.

        :param key: key of the hash.
        :param pattern: glob-style pattern that the fields' names must match.
        :param count: hint for the number of elements per command. None: the server's default, 10.
        :param match: the same as *pattern*.
        :param no_values: names only (Redis 7.4, Valkey 8.0).
        :returns: a :class:`.ScanIterator` of tuples ``(name, value)``; with *no_values*, of names.
        """
        options = {"no_values": True} if no_values else {}
        convert: Callable[[Any], list[Any]] = list if no_values else as_pairs
        return self._scan_key("hscan", key, pattern if match is None else match, count, options, convert)

    def sscan_iter(
        self,
        key: Key,
        pattern: Argument | None = None,
        count: int | None = None,
        *,
        match: Argument | None = None,
    ) -> ScanIterator[V]:
        """Iterate over the members of a set.

        :param key: key of the set.
        :param pattern: glob-style pattern that the members must match.
        :param count: hint for the number of elements per command. None: the server's default, 10.
        :param match: the same as *pattern*.
        :returns: a :class:`.ScanIterator` of members.
        """
        return self._scan_key("sscan", key, pattern if match is None else match, count, {}, list)

    @overload
    def zscan_iter(
        self,
        key: Key,
        pattern: Argument | None = None,
        count: int | None = None,
        *,
        match: Argument | None = None,
        noscores: Literal[False] = False,
    ) -> ScanIterator[tuple[V, float]]: ...

    @overload
    def zscan_iter(
        self,
        key: Key,
        pattern: Argument | None = None,
        count: int | None = None,
        *,
        match: Argument | None = None,
        noscores: Literal[True],
    ) -> ScanIterator[V]: ...

    def zscan_iter(
        self,
        key: Key,
        pattern: Argument | None = None,
        count: int | None = None,
        *,
        match: Argument | None = None,
        noscores: bool = False,
    ) -> ScanIterator[Any]:
        """Iterate over the members of a sorted set, in no order.

        :param key: key of the sorted set.
        :param pattern: glob-style pattern that the members must match.
        :param count: hint for the number of elements per command. None: the server's default, 10.
        :param match: the same as *pattern*.
        :param noscores: members only (Valkey 8.1).
        :returns: a :class:`.ScanIterator` of tuples ``(member, score)``, the score a float; with *noscores*, of
            members.
        """
        options = {"noscores": True} if noscores else {}
        convert: Callable[[Any], list[Any]] = list if noscores else scored_members
        return self._scan_key("zscan", key, pattern if match is None else match, count, options, convert)

    def _scan_key(
        self,
        command: str,
        key: Key,
        pattern: Argument | None,
        count: int | None,
        options: dict[str, Any],
        convert: Callable[[Any], list[Any]],
    ) -> ScanIterator[Any]:
        name = f"{command}_iter"
        if key is None:
            raise TypeError(f"{name} needs a key, not None")
        key, options = fix_argument(key), {"pattern": _fixed(pattern), "count": count, **options}

        def ask(host: Any, cursor: Argument) -> Deferred[Any]:
            return getattr(host, command)(key, cursor, **options)  # type: ignore[no-any-return]

        return ScanIterator(name, lambda: self._hosts_of_key(name, key), ask, convert)

    def _hosts_of_all(self) -> Iterable[Any]:
        """The hosts that SCAN is sent to, one after the other."""
        return (self,)

    def _hosts_of_key(self, method: str, key: Key) -> Iterable[Any]:
        """The host of a key."""
        return (self,)


def _fixed(argument: Argument | None) -> Argument | None:
    return None if argument is None else fix_argument(argument)
