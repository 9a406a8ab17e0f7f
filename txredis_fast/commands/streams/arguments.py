"""Arguments that several commands on streams share: trimming, references, the keys to read. Raises on wrong arguments.

This module must not know replies.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from ..._types import Argument, Key, Number
from ...exceptions import InvalidData
from .._parts import milliseconds

__all__ = ["numbered_ids", "producer_arguments", "reading_arguments", "reference_arguments", "trim_arguments"]

#: The fate of references to a removed entry in the groups' lists of pending entries.
_REFERENCES = ("KEEPREF", "DELREF", "ACKED")


def reference_arguments(ref_policy: str | None) -> tuple[str, ...]:
    """Make the argument of the references that a removed entry leaves.

    :raises InvalidData: *ref_policy* is no such word.
    """
    if ref_policy is None:
        return ()
    word = ref_policy.upper() if isinstance(ref_policy, str) else ref_policy
    if word not in _REFERENCES:
        raise InvalidData(f"ref_policy must be KEEPREF, DELREF, ACKED or None, not {ref_policy!r}")
    return (word,)


def trim_arguments(
    maxlen: int | None, minid: Argument | None, approximate: bool, limit: int | None, ref_policy: str | None
) -> list[Argument]:
    """Make the arguments that trim a stream; none if it is not to be trimmed.

    :raises InvalidData: the options contradict each other.
    """
    if maxlen is not None and minid is not None:
        raise InvalidData("maxlen and minid cannot be given together: a stream is trimmed by one of them")
    arguments: list[Argument] = [*reference_arguments(ref_policy)]
    if maxlen is None and minid is None:
        if limit is not None:
            raise InvalidData("limit needs maxlen or minid, which tell what is trimmed")
        return arguments
    arguments += ("MINID" if maxlen is None else "MAXLEN", "~" if approximate else "=")
    arguments.append(minid if maxlen is None else maxlen)  # type: ignore[arg-type]  # one of them is given
    if limit is not None:
        if not approximate:
            raise InvalidData("limit needs approximate=True: exact trimming has no limit")
        arguments += ("LIMIT", limit)
    return arguments


def producer_arguments(
    entry: Argument, idmpauto: Argument | None, idmp: tuple[Argument, Argument] | None
) -> tuple[Argument, ...]:
    """Make the arguments of an entry's producer.

    :param entry: the entry's ID.
    :raises InvalidData: both are given, or *idmp* is no pair, or the ID is not the server's.
    """
    if idmpauto is not None and idmp is not None:
        raise InvalidData("idmpauto and idmp cannot be given together")
    if entry not in ("*", b"*"):
        raise InvalidData(f"idmpauto and idmp need the ID '*', not {entry!r}: the server makes the ID")
    if idmp is None:
        return () if idmpauto is None else ("IDMPAUTO", idmpauto)
    if not isinstance(idmp, (tuple, list)) or len(idmp) != 2:  # producer and ID
        raise InvalidData(f"idmp must be a pair of producer and ID, not {idmp!r}")
    return ("IDMP", *idmp)


def reading_arguments(
    streams: Mapping[Any, Any],
    count: int | None,
    block: Number | datetime.timedelta | None,
    noack: bool = False,
    *,
    claim: Number | datetime.timedelta | None = None,
    max_count: int | None = None,
    max_size: int | None = None,
) -> list[Argument]:
    """Make the arguments of XREAD and XREADGROUP from COUNT on.

    :raises InvalidData: *streams* is no mapping or is empty.
    """
    if not isinstance(streams, Mapping) or not streams:
        raise InvalidData("streams must be a mapping with at least one key, {key: ID after which to read}")
    arguments: list[Argument] = []
    if count is not None:
        arguments += ("COUNT", count)
    if max_count is not None:
        arguments += ("MAXCOUNT", max_count)
    if max_size is not None:
        arguments += ("MAXSIZE", max_size)
    if block is not None:
        arguments += ("BLOCK", milliseconds("block", block))
    if claim is not None:
        arguments += ("CLAIM", milliseconds("claim_min_idle_time", claim))
    if noack:
        arguments.append("NOACK")
    return [*arguments, "STREAMS", *streams, *streams.values()]


def numbered_ids(key: Key, ids: Sequence[Argument]) -> list[Argument]:
    """Make the arguments ``IDS``, number, IDs.

    :param key: for the error.
    :raises InvalidData: there are none.
    """
    if not ids:
        raise InvalidData(f"no IDs were given for the stream {key!r}")
    return ["IDS", len(ids), *ids]
