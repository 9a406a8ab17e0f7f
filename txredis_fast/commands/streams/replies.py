"""Converters of streams' replies: entries, streams by their keys, pending entries, XINFO.

An entry is a tuple ``(id, {field: value})``; the fields are None where the entry was deleted from the stream. This
module must not know arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from ..._types import Reply, Result
from .._parts import (
    Claimed,
    ListOfReplies,
    Pending,
    PendingEntry,
    as_dict,
    by_parts,
    convertible_by,
    described,
    text_of,
)

__all__ = ["claimed", "entries", "pending", "pending_entries", "stream_description", "streams", "streams_with_claims"]


def _entry(reply: Reply) -> Result:
    return (reply[0], as_dict(reply[1])) if isinstance(reply, list) else reply


def _entries_in_parts(reply: list[Any]) -> Generator[None, None, Any]:
    value: list[Any] = []
    for part in by_parts(reply):
        value += map(_entry, part)
        yield
    return value


@convertible_by(_entries_in_parts)
def entries(reply: Reply) -> Reply:
    """Convert a list of entries. IDs alone (JUSTID) stay, and None for an entry that no longer exists."""
    return list(map(_entry, reply)) if isinstance(reply, list) else reply


class _Streams(ListOfReplies):
    """Converts the reply of XREAD and XREADGROUP to a dict: key -> entries.

    RESP2 has a list of lists ``[key, entries]``, RESP3 a map. *entry* converts an entry.
    """

    def __init__(self, name: str, entry: Callable[[Any], Any]) -> None:
        self.__name__ = name
        self._entry = entry

    def __call__(self, reply: Reply) -> Reply:
        if reply is None:
            return None
        pairs = reply.items() if isinstance(reply, dict) else reply
        return {key: list(map(self._entry, some)) for key, some in pairs}

    def size_of(self, reply: list[Any] | dict[Any, Any]) -> int:
        # It must not raise: what is no list of streams fails in the conversion, as any other reply.
        if isinstance(reply, dict):
            return sum(len(some) for some in reply.values() if isinstance(some, list))
        return sum(len(part) for each in reply if isinstance(each, list) for part in each[1:] if isinstance(part, list))

    def in_parts(self, reply: list[Any] | dict[Any, Any]) -> Generator[None, None, Any]:
        """Convert the list of RESP2 or the map of RESP3 part by part."""
        value: dict[Any, list[Any]] = {}
        for key, some in reply.items() if isinstance(reply, dict) else reply:
            converted = value[key] = []
            for part in by_parts(some):
                converted += map(self._entry, part)
                yield
        return value


def _delivered(reply: Reply) -> Result:
    return (*_entry(reply), *reply[2:])


#: Converts streams whose entries have an ID and fields.
streams = _Streams("streams", _entry)

#: Converts the reply of XREADGROUP with CLAIM: an entry may have the time since its delivery, and their number, too.
streams_with_claims = _Streams("streams_with_claims", _delivered)


def pending(reply: Reply) -> Reply:
    """Convert the summary of XPENDING to a :class:`.Pending`."""
    if not isinstance(reply, list):
        return reply
    total, first, last, consumers = reply
    return Pending(total, first, last, {name: int(number) for name, number in consumers or ()})


def pending_entries(reply: Reply) -> Reply:
    """Convert the entries of XPENDING to a list of :class:`.PendingEntry`."""
    return [PendingEntry(*entry) for entry in reply] if isinstance(reply, list) else reply


def claimed(reply: Reply) -> Reply:
    """Convert the reply of XAUTOCLAIM to a :class:`.Claimed`."""
    if not isinstance(reply, list):
        return reply
    next_id, taken, *deleted = reply
    return Claimed(next_id, entries(taken), deleted[0] if deleted else [])


def stream_description(reply: Reply) -> Reply:
    """Convert the reply of XINFO STREAM to a dict, the groups and consumers in it, too; names of fields are str."""
    value = described(reply)
    if not isinstance(value, dict):
        return value
    for name in ("first-entry", "last-entry"):
        if name in value:
            value[name] = _entry(value[name])
    if "entries" in value:
        value["entries"] = entries(value["entries"])
        value["groups"] = list(map(_group, value["groups"]))
    return value


def _group(reply: Reply) -> Result:
    group = described(reply)
    return {
        name: list(map(described, value)) if text_of(name) == "consumers" else value for name, value in group.items()
    }
