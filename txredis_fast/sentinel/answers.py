"""Parse the replies of Sentinels, which may be of any type, and name any host and port.

For an invalid reply :exc:`.MasterNotFoundError` is raised, whose text says why; it counts as that Sentinel's answer.

This module must not know how a Sentinel is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._checks import as_text
from ..commands._parts import sentinel_states
from ..exceptions import MasterNotFoundError

__all__ = [
    "Address",
    "address_of",
    "node_of",
    "nodes_of",
    "other_sentinels_of",
]

#: Host and port.
Address = tuple[str, int]

#: Characters of a host name; DNS allows no more.
MAX_HOST_CHARACTERS = 255

#: Digits of a port or of a number of Sentinels: more cannot be meant.
MAX_DIGITS = 9

#: The host of a replica whose address the Sentinel does not know.
UNKNOWN_HOST = "?"


def node_of(reply: object) -> dict[str, Any]:
    """The description of one node: its fields, and the ``is_...`` bools; see ``sentinel_masters``."""
    if not isinstance(reply, dict | list) or not reply or any(isinstance(part, list | dict) for part in reply):
        raise MasterNotFoundError(f"its answer describes no node: {_shown(reply)}")
    state: dict[str, Any] = sentinel_states([reply])[0]
    return state


def nodes_of(reply: object) -> list[dict[str, Any]]:
    """The descriptions of several nodes. Invalid ones are left out, unless all are invalid."""
    if not isinstance(reply, list | tuple):
        raise MasterNotFoundError(f"its answer is no list of nodes: {_shown(reply)}")
    nodes = []
    for node in reply:
        try:
            nodes.append(node_of(node))
        except MasterNotFoundError as error:
            unreadable = error
    if reply and not nodes:
        raise unreadable
    return nodes


def address_of(state: Mapping[str, Any]) -> Address:
    """Host and port of a described node."""
    for field in ("ip", "port"):
        if field not in state:
            raise MasterNotFoundError(f"its answer has no field {field!r}")
    host, port = state["ip"], _whole_number(state["port"])
    if isinstance(host, bool) or not isinstance(host, str | bytes | int | float):
        raise MasterNotFoundError(f"names no host: {_shown(host)}")
    name = as_text(host)
    if name in ("", UNKNOWN_HOST) or len(name) > MAX_HOST_CHARACTERS or not name.isprintable() or " " in name:
        raise MasterNotFoundError(f"names no host: {_shown(host)}")
    if port is None or not 1 <= port <= 65535:
        raise MasterNotFoundError(f"names no port from 1 to 65535: {_shown(state['port'])}")
    return name, port


def other_sentinels_of(state: Mapping[str, Any]) -> int:
    """How many other Sentinels the one knows that sent this description of a master."""
    field = "num-other-sentinels"
    number = _whole_number(state.get(field))
    if number is None:
        raise MasterNotFoundError(f"its answer has no number in the field {field!r}")
    return number


def _whole_number(value: object) -> int | None:
    """The value of a field as an int; None if it is not a number, or has too many digits."""
    if isinstance(value, bool) or not isinstance(value, int | str | bytes):
        return None
    digits = as_text(value) if not isinstance(value, int) else value
    if isinstance(digits, int):
        return digits
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS else None


def _shown(value: object) -> str:
    return f"{value!r:.40}" if isinstance(value, str | bytes | int | float | None) else type(value).__name__
