"""Reply converters: a decoded reply -> the command's value.

A converter is the ``post_proc`` of ``execute_command``, so a command has the same value alone, in a pipeline and in a
transaction. It accepts str, bytes (no charset) and numbers as a reply's data, and both the lists of RESP2 and the
dicts, sets and pairs of RESP3. It returns None for nil, except a converter to a bool.

A converter that makes a collection has an attribute ``in_parts``: a generator function that converts a list part by
part, yields between the parts and returns the value. A list of a million elements is thus converted in many turns of
the reactor.

This module must not know arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from ..._tunables import LIST_PART_ELEMENTS
from ..._types import Reply
from ...resp import dict_of, may_collide, spread, spread_at_once

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

#: Bool added to a Sentinel's description of a node -> the word in ``flags`` that makes it True.
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
    """Convert a list to a set."""
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
    """Convert a list in which each name is followed by its value to a dict."""
    return dict_of(reply) if isinstance(reply, list) else reply


def _scored_in_parts(reply: list[Any]) -> _Parts:
    value: list[Any] = []
    for part in _parts(reply):
        value += scored_members(part)
        yield
    return value


@_convertible_by(_scored_in_parts)
def scored_members(reply: Reply) -> Reply:
    """Convert a list in which each member is followed by its score to a list of tuples ``(member, float)``."""
    if not isinstance(reply, list):
        return reply
    # A member is never a list: a list as the first element is a pair of RESP3.
    pairs = reply if reply and isinstance(reply[0], list) else _pairs(reply)
    return [(member, float(score)) for member, score in pairs]


def as_float(reply: Reply) -> Reply:
    """Convert a score that is still text to a float."""
    return float(reply) if isinstance(reply, (str, bytes)) else reply


def as_score(reply: Reply) -> Reply:
    """Convert a score that is still text to an int if it has only digits, else to a float."""
    if not isinstance(reply, (str, bytes)):
        return reply
    try:
        return int(reply)
    except ValueError:
        return float(reply)


def scanned(reply: Reply) -> Reply:
    """Convert the cursor of a SCAN reply to an int: the last cursor is 0, which is false."""
    if not isinstance(reply, list) or not reply or not isinstance(reply[0], (str, bytes)):
        return reply
    try:
        return [int(reply[0]), *reply[1:]]
    except ValueError:  # some proxies have cursors that are not numbers
        return reply


def truth_values(reply: Reply) -> Reply:
    """Convert a list to bools; return the bool itself if there is only one."""
    if not isinstance(reply, list):
        return reply
    values = [bool(element) for element in reply]
    return values[0] if len(values) == 1 else values


def info_fields(reply: Reply) -> Reply:
    """Convert the ``name:value`` lines of INFO to a dict; names and values are str, whatever the charset."""
    if reply is None:
        return None
    lines = _text(reply).split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


def sentinel_states(reply: Reply) -> Reply:
    """Convert a Sentinel's list of nodes to a list of dicts, each with the ``is_...`` bools added."""
    return [_sentinel_state(node) for node in reply] if isinstance(reply, list) else reply


def sentinel_master_states(reply: Reply) -> Reply:
    """Convert a Sentinel's list of masters to a dict: name of the service -> description of its master."""
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
    # Paths in INFO may be in any encoding: a byte that is not UTF-8 must not fail the reply.
    return reply.decode("utf-8", "surrogateescape") if isinstance(reply, bytes) else str(reply)
