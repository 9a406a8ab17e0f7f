"""Reply converters: a decoded reply -> the command's value.

A converter is the ``post_proc`` of ``execute_command``, so a command has the same value alone, in a pipeline and in a
transaction. It accepts str, bytes (no charset) and numbers as a reply's data, and both the lists of RESP2 and the
dicts, sets and pairs of RESP3. It returns None for nil, except a converter to a bool.

This module must not know arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..._tunables import LIST_PART_ELEMENTS
from ..._types import Reply
from ...resp import dict_of, may_collide, spread, spread_at_once
from .in_parts import Parts, by_parts, convertible_by

__all__ = [
    "as_bools",
    "as_dict",
    "as_float",
    "as_float_always",
    "as_floats",
    "as_pairs",
    "as_score",
    "as_set",
    "as_tuple",
    "described",
    "described_flags",
    "descriptions",
    "info_fields",
    "key_scored_member",
    "key_scored_members",
    "link_scores",
    "rank_and_score",
    "raw_vector",
    "scanned",
    "scored_member",
    "scored_members",
    "scores_and_attributes",
    "scores_by_member",
    "sentinel_master_states",
    "sentinel_state",
    "sentinel_states",
    "text_of",
    "truth_values",
    "words",
]

#: The doubles up to this have no gaps, so that each whole number is one.
_LARGEST_WHOLE_SCORE = 2**53

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


def _set_in_parts(reply: list[Any]) -> Parts:
    if may_collide(reply):
        reply = yield from spread(reply)
    value: set[Any] = set()
    for part in by_parts(reply):
        value.update(part)
        yield
    return value


@convertible_by(_set_in_parts)
def as_set(reply: Reply) -> Reply:
    """Convert a list to a set."""
    return set(_keys(reply)) if isinstance(reply, list) else reply


def _dict_in_parts(reply: list[Any]) -> Parts:
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


@convertible_by(_dict_in_parts)
def as_dict(reply: Reply) -> Reply:
    """Convert a list in which each name is followed by its value to a dict."""
    return dict_of(reply) if isinstance(reply, list) else reply


def _scored_in_parts(reply: list[Any]) -> Parts:
    value: list[Any] = []
    for part in by_parts(reply):
        value += scored_members(part)
        yield
    return value


@convertible_by(_scored_in_parts)
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


def as_float_always(reply: Reply) -> Reply:
    """Convert a number, text or not, to a float."""
    return None if reply is None else float(reply)


def as_floats(reply: Reply) -> Reply:
    """Convert each element of a list to a float, but nil."""
    if not isinstance(reply, list):
        return reply
    return [None if each is None else float(each) for each in reply]


def as_bools(reply: Reply) -> Reply:
    """Convert each element of a list to a bool."""
    return list(map(bool, reply)) if isinstance(reply, list) else reply


def scored_member(reply: Reply) -> Reply:
    """Convert one member and its score to a tuple ``(member, float)``; None if there is none."""
    members = scored_members(reply)
    return (members[0] if members else None) if isinstance(members, list) else members


def key_scored_member(reply: Reply) -> Reply:
    """Convert a key, a member and its score to a tuple with a float."""
    return (reply[0], reply[1], float(reply[2])) if isinstance(reply, list) else reply


def key_scored_members(reply: Reply) -> Reply:
    """Convert a key and its members with their scores to a tuple ``(key, [(member, float), ...])``."""
    return (reply[0], scored_members(reply[1])) if isinstance(reply, list) else reply


def scores_by_member(reply: Reply) -> Reply:
    """Convert members, each followed by its score, to a dict: member -> float."""
    members = as_dict(reply)
    return {name: float(score) for name, score in members.items()} if isinstance(members, dict) else members


def scores_and_attributes(reply: Reply) -> Reply:
    """Convert members, each followed by its score and its attributes, to a dict: member -> (float, attributes)."""
    if isinstance(reply, dict):
        return {name: (float(score), attributes) for name, (score, attributes) in reply.items()}
    if not isinstance(reply, list):
        return reply
    parts = zip(_keys(reply[::3]), reply[1::3], reply[2::3], strict=False)
    return {name: (float(score), attributes) for name, score, attributes in parts}


def link_scores(reply: Reply) -> Reply:
    """Convert lists of members and scores to a list of dicts: member -> float."""
    return list(map(scores_by_member, reply)) if isinstance(reply, list) else reply


def raw_vector(reply: Reply) -> Reply:
    """Convert a stored vector to a tuple: name of the quantization, bytes, floats."""
    return (text_of(reply[0]), reply[1], *map(float, reply[2:])) if isinstance(reply, list) else reply


def rank_and_score(reply: Reply) -> Reply:
    """Convert a rank and a score to a tuple with a float."""
    return (reply[0], float(reply[1])) if isinstance(reply, list) else reply


def as_tuple(reply: Reply) -> Reply:
    """Convert a list of parts of different meaning to a tuple."""
    return tuple(reply) if isinstance(reply, list) else reply


def as_pairs(reply: Reply) -> Reply:
    """Convert a list in which each name is followed by its value to a list of tuples."""
    if not isinstance(reply, list):
        return reply
    pairs = reply if reply and isinstance(reply[0], list) else _pairs(reply)
    return [(name, value) for name, value in pairs]


def as_score(reply: Reply) -> Reply:
    """Convert a score to an int if it is whole and its size is at most 2**53, else to a float.

    Scores are doubles, and a larger one is written with an exponent by some servers, and in digits by others.
    """
    if reply is None:
        return None
    score = float(reply)
    return int(score) if score.is_integer() and abs(score) <= _LARGEST_WHOLE_SCORE else score


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
    lines = text_of(reply).split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


def described(reply: Reply) -> Reply:
    """Convert names, each followed by its value, to a dict; names are str, whatever the charset."""
    if isinstance(reply, dict):
        return {text_of(name): value for name, value in reply.items()}
    if isinstance(reply, tuple):  # a map in a set of RESP3
        return {text_of(name): value for name, value in reply}
    return {text_of(name): value for name, value in _pairs(reply)} if isinstance(reply, list) else reply


def words(reply: Iterable[Reply]) -> list[str]:
    """Convert words of the protocol to a sorted list of str: they have no order, and are a set in RESP3."""
    return sorted(map(text_of, reply))


def described_flags(reply: Reply) -> Reply:
    """Convert as :func:`described` does, and the flags in it to a sorted list of str."""
    value = described(reply)
    if isinstance(value, dict) and "flags" in value:
        value["flags"] = words(value["flags"])
    return value


def descriptions(reply: Reply) -> Reply:
    """Convert each element of a list as :func:`described` does."""
    return [described(each) for each in reply] if isinstance(reply, list) else reply


def sentinel_states(reply: Reply) -> Reply:
    """Convert a Sentinel's list of nodes to a list of dicts, each with the ``is_...`` bools added."""
    return [_sentinel_state(node) for node in reply] if isinstance(reply, list) else reply


def sentinel_master_states(reply: Reply) -> Reply:
    """Convert a Sentinel's list of masters to a dict: name of the service -> description of its master."""
    if not isinstance(reply, list):
        return reply
    return {state["name"]: state for state in map(_sentinel_state, reply)}


def sentinel_state(reply: Reply) -> Reply:
    """Convert a Sentinel's description of one node to a dict with the ``is_...`` bools."""
    return _sentinel_state(reply) if isinstance(reply, (list, dict)) else reply


def _sentinel_state(node: Reply) -> dict[str, Any]:
    state: dict[str, Any] = described(node)
    words = text_of(state.get("flags", "")).split(",")
    for name, word in _SENTINEL_FLAGS.items():
        state[name] = word in words
    return state


def _keys(keys: list[Any]) -> list[Any]:
    return spread_at_once(keys) if may_collide(keys) else keys


def _pairs(reply: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(reply[::2], reply[1::2], strict=False)


def text_of(reply: object) -> str:
    """Return text of a server as str, whatever the charset."""
    # Paths in INFO may be in any encoding: a byte that is not UTF-8 must not fail the reply.
    return reply.decode("utf-8", "surrogateescape") if isinstance(reply, bytes) else str(reply)
