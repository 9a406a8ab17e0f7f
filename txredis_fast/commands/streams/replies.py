"""Converters of streams' replies: entries, streams by their keys, pending entries, XINFO.

An entry is a tuple ``(id, {field: value})``; the fields are None where the entry was deleted from the stream. This
module must not know arguments.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from ..._types import Reply
from .._parts import Claimed, Pending, PendingEntry, as_dict, by_parts, convertible_by, described, text_of

__all__ = ["claimed", "entries", "pending", "pending_entries", "stream_description", "streams", "streams_with_claims"]


def _entry(reply: Reply) -> Any:
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


def streams(reply: Reply) -> Reply:
    """Convert the reply of XREAD and XREADGROUP to a dict: key -> entries."""
    if reply is None:
        return None
    pairs = reply.items() if isinstance(reply, dict) else reply
    return {key: entries(each) for key, each in pairs}


def streams_with_claims(reply: Reply) -> Reply:
    """Convert the reply of XREADGROUP with CLAIM to a dict: key -> entries, of which some have two more parts."""
    if reply is None:
        return None
    pairs = reply.items() if isinstance(reply, dict) else reply
    return {key: [(*_entry(each), *each[2:]) for each in some] for key, some in pairs}


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


def _group(reply: Reply) -> Any:
    group = described(reply)
    return {
        name: list(map(described, value)) if text_of(name) == "consumers" else value for name, value in group.items()
    }
