"""The commands of one consumer of a consumer group, in the pieces that :mod:`.consumer` puts together.

Entries that were delivered before are claimed by ID only (JUSTID), which leaves the number of their deliveries, and are
delivered one at a time. So a process that dies of one entry does not raise the number of others that it had read ahead.

This module must not know when what is asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

from .._checks import as_text
from .._tunables import STREAM_PAGE_ELEMENTS, STREAM_RENEWAL_COMMANDS
from .._types import Argument, Key, Text
from ..client import ConnectionHandler
from ..commands.streams import entries_of, stream_description, streams
from ..exceptions import DecodeError, ResponseError, WrongTypeError

__all__ = ["Membership", "Taken"]


class Taken(NamedTuple):
    """An entry with its number of deliveries; no fields if it was removed from the stream."""

    id: Text
    fields: dict[Any, Any] | None
    deliveries: int


class Membership:
    """A consumer of a group, over a handler."""

    def __init__(self, handler: ConnectionHandler, stream: Key, group: Argument, name: Argument) -> None:
        self.handler = handler
        self.stream = stream
        self.group = group
        self.name = name

    def __repr__(self) -> str:
        return f"{as_text(self.name)!r} of group {as_text(self.group)!r} of stream {self.stream!r}"

    async def create_group(self, after: Argument) -> None:
        """Create the group if it does not exist, and the stream.

        :param after: ID after which the group begins.
        """
        try:
            await self.handler.xgroup_create(self.stream, self.group, after, mkstream=True)
        except ResponseError as error:
            if error.code != "BUSYGROUP":
                raise

    async def has_had(self, number: str) -> bool:
        """Whether the stream has got as far as an entry's ID; if not, it is another one than that of the entry."""
        try:
            described = await _or_bytes(self.handler.xinfo_stream(self.stream), stream_description)
        except ResponseError as error:
            return error.code != "ERR"  # "ERR no such key"; of other errors the next command tells
        return _ordinal(as_text(described["last-generated-id"])) >= _ordinal(number)

    async def read(self, count: int, block: int) -> list[Taken]:
        """Read entries that no consumer has got yet.

        :param block: milliseconds to wait for one.
        """
        reading = self.handler.xreadgroup(self.group, self.name, {self.stream: ">"}, count=count, block=block)
        reply = await _or_bytes(reading, streams)
        return [Taken(number, fields, 1) for some in (reply or {}).values() for number, fields in some]

    async def own(self, start: Argument) -> tuple[list[Text], Argument | None]:
        """List own pending entries.

        :param start: the lowest ID.
        :returns: some IDs, and the start of the next call; None at the end.
        """
        page = await self.handler.xpending_range(
            self.stream, self.group, start, "+", STREAM_PAGE_ELEMENTS, consumername=self.name
        )
        ids = [each.id for each in page]
        return ids, _after(ids[-1]) if len(ids) == STREAM_PAGE_ELEMENTS else None

    async def claim(self, idle: int, start: Argument, count: int) -> tuple[list[Text], Argument | None]:
        """Claim entries that no consumer has worked on for long; they become own pending entries.

        :param idle: milliseconds.
        :param start: the lowest ID.
        :returns: IDs, and the start of the next call; None at the end.
        """
        claimed = await self.handler.xautoclaim(self.stream, self.group, self.name, idle, start, count, justid=True)
        ended = as_text(claimed.next_id) == "0-0"
        return claimed.entries, None if ended else claimed.next_id

    async def deliveries(self, number: Text) -> int | None:
        """How often an own pending entry was delivered; None if it is not, or another consumer's."""
        found = await self.handler.xpending_range(self.stream, self.group, number, number, 1, consumername=self.name)
        return found[0].deliveries if found else None

    async def deliver_again(self, number: Text, deliveries: int) -> Taken:
        """Deliver an own pending entry once more.

        :param deliveries: how often that was done before.
        """
        claimed = await _or_bytes(self.handler.xclaim(self.stream, self.group, self.name, 0, number), entries_of)
        found = claimed[0] if claimed else None  # Redis 7 leaves out entries that were removed, 6.2 has None
        return Taken(number, None if found is None else found[1], deliveries + 1)

    async def acknowledge(self, number: Text) -> bool:
        """Acknowledge an entry; again after a lost connection, because that does no harm."""
        return bool(await self.handler.retrying.xack(self.stream, self.group, number))

    async def move_to_dead_letter(self, number: Text, deliveries: int, dead_letter: Key) -> None:
        """Move an own pending entry to another stream, with its fields as they are, and acknowledge it.

        :raises WrongTypeError: the key of the other stream has another type. EXEC would acknowledge all the same.
        """
        kind = await self.handler.type(dead_letter)
        if as_text(kind) not in ("none", "stream"):
            raise WrongTypeError(f"WRONGTYPE The key of the dead-letter stream holds a value of type {as_text(kind)}")
        found = await self.handler.execute_command("XRANGE", self.stream, number, number, raw=True)
        about = ("dead-letter-stream", self.stream, "dead-letter-group", self.group)
        more = ("dead-letter-id", number, "dead-letter-deliveries", deliveries)
        async with self.handler.transaction() as transaction:
            if found:
                transaction.execute_command("XADD", dead_letter, "*", *found[0][1], *about, *more)
            transaction.xack(self.stream, self.group, number)

    async def renew(self, ids: Sequence[Text]) -> set[Text]:
        """Set the idle time of own pending entries to 0, so that no other consumer claims them.

        :returns: those that are not own pending entries any more.
        """
        gone: set[Text] = set()
        for at in range(0, len(ids), STREAM_RENEWAL_COMMANDS):
            gone |= await self._renew(ids[at : at + STREAM_RENEWAL_COMMANDS])
        return gone

    async def _renew(self, ids: Sequence[Text]) -> set[Text]:
        asking = [("XPENDING", self.stream, self.group, number, number, 1, self.name) for number in ids]
        replies: Iterable[Any] = await self.handler.batch(asking, raise_on_error=False)
        answers = dict(zip(ids, replies, strict=True))
        gone = {number for number, reply in answers.items() if reply == []}
        kept = [number for number in ids if number not in gone]
        if kept:
            await self.handler.xclaim(self.stream, self.group, self.name, 0, kept, justid=True)
        return gone


async def _or_bytes(reading: Awaitable[Any], convert: Callable[[Any], Any]) -> Any:
    """Await a reply; where text in it cannot be decoded, keep the bytes.

    An entry that fails would be neither delivered nor acknowledged, here and after each restart.

    :param convert: converts the reply.
    """
    try:
        return await reading
    except DecodeError as error:
        return convert(error.reply)


def _ordinal(number: str) -> tuple[int, ...]:
    """The key by which IDs are compared."""
    return tuple(map(int, number.split("-")))


def _after(number: Text) -> Argument:
    return b"(" + number if isinstance(number, bytes) else f"({number}"
