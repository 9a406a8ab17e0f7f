"""From a reply to a command's value.

Each function here is given to ``execute_command`` as ``post_proc``, so the value is the same alone, in a
pipeline and in a transaction. A reply's data may be ``str``, ``bytes`` (no charset) or already a number, and
a reply may already have the richer shape that RESP3 gives it (a dict, a set, pairs); each function takes them
all. Nil is passed through, except where a truth value is asked.

Those that make a collection have an attribute ``in_parts``: a function that does the same to a list bit by bit, as a
generator, which yields between the parts and returns the value. A list of a million elements is then converted in many
turns of the reactor.

This module must not know arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from ..._tunables import LIST_PART_ELEMENTS
from ..._types import Reply
from ...resp import may_collide, spread, spread_at_once

__all__ = [
    "as_dict",
    "as_float",
    "as_score",
    "as_set",
    "info_fields",
    "scanned",
    "scored_members",
    "sentinel_master_states",
    "sentinel_states",
    "truth_values",
]

#: Key added to a Sentinel's description of a node -> the word in its ``flags`` that makes it True.
_SENTINEL_FLAGS = {
    "is_master": "master",
    "is_slave": "slave",
    "is_sdown": "s_down",
    "is_odown": "o_down",
    "is_sentinel": "sentinel",
    "is_disconnected": "disconnected",
    "is_master_down": "master_down",
}

_Parts = Generator[None, None, Any]
_Converter = TypeVar("_Converter", bound=Callable[[Any], Any])


def _convertible_by(in_parts: Callable[[list[Any]], _Parts]) -> Callable[[_Converter], _Converter]:
    def mark(convert: _Converter) -> _Converter:
        convert.in_parts = in_parts  # type: ignore[attr-defined]
        return convert

    return mark


def _parts(reply: list[Any]) -> Iterator[list[Any]]:
    return (reply[at : at + LIST_PART_ELEMENTS] for at in range(0, len(reply), LIST_PART_ELEMENTS))


def _set_in_parts(reply: list[Any]) -> _Parts:
    if may_collide(reply):
        reply = yield from spread(reply)
    value: set[Any] = set()
    for part in _parts(reply):
        value.update(part)
        yield
    return value


@_convertible_by(_set_in_parts)
def as_set(reply: Reply) -> Reply:
    """Set of a list's elements."""
    return set(_keys(reply)) if isinstance(reply, list) else reply


def _dict_in_parts(reply: list[Any]) -> _Parts:
    names = reply[::2]
    if may_collide(names):
        names = yield from spread(names)
    values = reply[1::2]
    value: dict[Any, Any] = {}
    pairs = LIST_PART_ELEMENTS // 2
    for at in range(0, len(values), pairs):
        value.update(zip(names[at : at + pairs], values[at : at + pairs], strict=False))
        yield
    return value


@_convertible_by(_dict_in_parts)
def as_dict(reply: Reply) -> Reply:
    """Dict of a list in which each name is followed by its value."""
    return dict(zip(_keys(reply[::2]), reply[1::2], strict=False)) if isinstance(reply, list) else reply


def _scored_in_parts(reply: list[Any]) -> _Parts:
    value: list[Any] = []
    for part in _parts(reply):
        value += scored_members(part)
        yield
    return value


@_convertible_by(_scored_in_parts)
def scored_members(reply: Reply) -> Reply:
    """List of ``(member, score)`` with float scores, of a list in which each member is followed by its score."""
    if not isinstance(reply, list):
        return reply
    # A member is never a list, so a list as the first element is RESP3's pair.
    pairs = reply if reply and isinstance(reply[0], list) else _pairs(reply)
    return [(member, float(score)) for member, score in pairs]


def as_float(reply: Reply) -> Reply:
    """Number of a score; one that is still text becomes a float."""
    return float(reply) if isinstance(reply, (str, bytes)) else reply


def as_score(reply: Reply) -> Reply:
    """Number of a score; one that is still text becomes an int where it is whole digits, else a float."""
    if not isinstance(reply, (str, bytes)):
        return reply
    try:
        return int(reply)
    except ValueError:
        return float(reply)


def scanned(reply: Reply) -> Reply:
    """What SCAN and its like answer, with the cursor as an int: the walk ends with 0, which is false."""
    if not isinstance(reply, list) or not reply or not isinstance(reply[0], (str, bytes)):
        return reply
    try:
        return [int(reply[0]), *reply[1:]]
    except ValueError:  # of a proxy with cursors of its own kind
        return reply


def truth_values(reply: Reply) -> Reply:
    """List of bools, or the bool itself where there is only one."""
    if not isinstance(reply, list):
        return reply
    values = [bool(element) for element in reply]
    return values[0] if len(values) == 1 else values


def info_fields(reply: Reply) -> Reply:
    """Dict of the ``name:value`` lines of INFO; names and values are str, whatever the charset."""
    if reply is None:
        return None
    lines = _text(reply).split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


def sentinel_states(reply: Reply) -> Reply:
    """List of the nodes that a Sentinel describes; each is a dict with the ``is_...`` bools added."""
    return [_sentinel_state(node) for node in reply] if isinstance(reply, list) else reply


def sentinel_master_states(reply: Reply) -> Reply:
    """Dict of the masters that a Sentinel describes, by the name of the service."""
    if not isinstance(reply, list):
        return reply
    return {state["name"]: state for state in map(_sentinel_state, reply)}


def _sentinel_state(node: Reply) -> dict[str, Any]:
    described = node.items() if isinstance(node, dict) else _pairs(node)
    state = {_text(name): value for name, value in described}
    words = _text(state.get("flags", "")).split(",")
    for name, word in _SENTINEL_FLAGS.items():
        state[name] = word in words
    return state


def _keys(keys: list[Any]) -> list[Any]:
    return spread_at_once(keys) if may_collide(keys) else keys


def _pairs(reply: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(reply[::2], reply[1::2], strict=False)


def _text(reply: Any) -> str:
    # Paths in INFO may be in any encoding: an odd byte must not cost the whole reply.
    return reply.decode("utf-8", "surrogateescape") if isinstance(reply, bytes) else str(reply)
