"""Commands of several slots or nodes: taken apart, and the replies of the parts put together.

A command whose keys belong to several slots becomes one command for each slot. A command about all data, or about all
servers, is sent to each shard or node as it is. What the servers say of that in their command table is followed, with
these exceptions: PING asks one node, because it is no health check of all; INFO, MEMORY STATS, LATENCY, SLOWLOG GET and
COMMANDLOG GET are about one server, so they ask one node (``rc.on_all`` asks each).

This module must not know nodes or connections.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeAlias

from ..commands._parts import command_name
from ..exceptions import InvalidResponse, MaybeExecutedError, NotSentError, RedisError, ResponseError
from ..resp import fixed_arguments, key_slot
from .routing import SPLIT_STEPS, groups_of_slots

__all__ = [
    "Part",
    "Reach",
    "Spread",
    "join_replies",
    "joined",
    "only_value",
    "reach_of",
    "refuse_scan",
    "slot_of_cursor",
    "split_by_slot",
]

#: Makes one value of the replies of all parts.
Join: TypeAlias = Callable[[list[Any]], Any]


class Part(NamedTuple):
    """One command of several that do the work of one.

    :ivar slot: of its keys.
    """

    args: tuple[Any, ...]
    slot: int


class Spread(NamedTuple):
    """What becomes of a command whose keys belong to several slots."""

    parts: list[Part]
    join: Join


class Reach(NamedTuple):
    """Where a command is sent that is about more than one node.

    :ivar replicas: whether to the replicas, too, or to the masters alone.
    """

    replicas: bool
    join: Join


# -- putting together


def joined(replies: Sequence[Any], join: Join) -> Any:
    """Make one value of the replies of all parts.

    :param replies: error replies, and other failures, among them as values.
    :raises Exception: what the first part that failed has failed with. :exc:`.MaybeExecutedError` if that part was not
        sent and others were: then the command was executed in part.
    """
    if join is _first_success:
        return join(list(replies))
    for reply in replies:
        if isinstance(reply, NotSentError) and not all(isinstance(each, NotSentError) for each in replies):
            raise MaybeExecutedError(f"The command was executed in part, because a node was not reached: {reply}")
        if isinstance(reply, Exception):
            raise reply
    return join(list(replies))


def join_replies(ended: Sequence[tuple[bool, Any]], join: Join, convert: Callable[[Any], Any] | None) -> Any:
    """Make one value of what a ``DeferredList`` of all parts fires with; see :func:`joined`.

    :param convert: the converter of the command.
    """
    value = joined([reply if succeeded else reply.value for succeeded, reply in ended], join)
    return value if convert is None else convert(value)


def only_value(replies: Sequence[Any]) -> Any:
    """The reply to the only command of a batch.

    :raises Exception: it is an error.
    """
    [reply] = replies
    if isinstance(reply, Exception):
        raise reply
    return reply


def _first(replies: list[Any]) -> Any:
    return replies[0]


def _least(replies: list[Any]) -> Any:
    """The smallest; of lists, the smallest at each place."""
    if isinstance(replies[0], list):
        return [min(values) for values in zip(*replies, strict=True)]
    return min(replies)


def _concatenated(replies: list[Any]) -> list[Any]:
    return [element for reply in replies for element in reply]


def _any_key(replies: list[Any]) -> Any:
    """A random key of a master that has one: RANDOMKEY."""
    keys = [reply for reply in replies if reply is not None]
    return random.choice(keys) if keys else None


def _first_success(replies: list[Any]) -> Any:
    """The reply of the first node that did it; else the error of one that has more to say than that nothing runs."""
    errors = []
    for reply in replies:
        if not isinstance(reply, Exception):
            return reply
        errors.append(reply)
    for error in errors:
        if not isinstance(error, ResponseError) or error.code != "NOTBUSY":
            raise error
    raise errors[0]


# -- by slot


def split_by_slot(name: str, args: Sequence[Any], charset: str | None) -> Spread | None:
    """Take a command apart whose keys may belong to any slots: one command for each slot.

    :param name: the command's name in upper case.
    :returns: None for other commands, and where all keys belong to one slot.
    :raises InvalidData: a key cannot be one, or a value is missing.
    """
    if name == "MSETEX":
        return _split_msetex(args, charset)
    step = SPLIT_STEPS.get(name)
    if step is None or len(args) < 2 + step:
        return None
    groups = groups_of_slots(name, args, charset)
    if len(groups) == 1:
        return None
    if step == 1:
        parts = [Part((args[0], *[args[number + 1] for number in numbers]), slot) for slot, numbers in groups.items()]
    else:
        parts = [Part((args[0], *_of_steps(args, 1, step, numbers)), slot) for slot, numbers in groups.items()]
    if name != "MGET":
        return Spread(parts, _first if name == "MSET" else sum)
    places = list(groups.values())

    def in_order(replies: list[Any]) -> list[Any]:
        values: list[Any] = [None] * (len(args) - 1)
        for numbers, reply in zip(places, replies, strict=True):
            if not isinstance(reply, list) or len(reply) != len(numbers):
                raise InvalidResponse(f"MGET of {len(numbers)} keys was not answered with so many values")
            for number, value in zip(numbers, reply, strict=True):
                values[number] = value
        return values

    return Spread(parts, in_order)


def _of_steps(args: Sequence[Any], start: int, step: int, numbers: Sequence[int]) -> list[Any]:
    return [each for number in numbers for each in args[start + number * step : start + (number + 1) * step]]


def _split_msetex(args: Sequence[Any], charset: str | None) -> Spread | None:
    """MSETEX numkeys key value ... [NX | XX] [EX seconds | ...]: with a condition, it sets all keys or none."""
    args = fixed_arguments(tuple(args), words=True)
    try:
        count = int(args[1])
    except (IndexError, TypeError, ValueError):
        return None  # the server refuses it
    options = args[2 + 2 * count :]
    if count < 2 or len(args) < 2 + 2 * count or any(command_name((each,)) in ("NX", "XX") for each in options):
        return None
    groups: dict[int, list[int]] = {}
    for number, key in enumerate(args[2 : 2 + 2 * count : 2]):
        groups.setdefault(key_slot(key, charset), []).append(number)
    if len(groups) == 1:
        return None
    parts = [
        Part((args[0], len(numbers), *_of_steps(args, 2, 2, numbers), *options), slot)
        for slot, numbers in groups.items()
    ]
    return Spread(parts, _least)


# -- by policy

_NODES: Final = True
_MASTERS: Final = False

#: Commands about all servers or all data: whether replicas are told as well, and how the replies become one.
_REACHES: Final[dict[str, Reach]] = {
    "ACL DELUSER": Reach(_NODES, _first),
    "ACL SAVE": Reach(_NODES, _first),
    "ACL SETUSER": Reach(_NODES, _first),
    "CLIENT SETINFO": Reach(_NODES, _first),
    "CLIENT SETNAME": Reach(_NODES, _first),
    "CLUSTER SLOT-STATS": Reach(_MASTERS, _concatenated),
    "COMMANDLOG LEN": Reach(_NODES, sum),
    "COMMANDLOG RESET": Reach(_NODES, _first),
    "CONFIG RESETSTAT": Reach(_NODES, _first),
    "CONFIG REWRITE": Reach(_NODES, _first),
    "CONFIG SET": Reach(_NODES, _first),
    "DBSIZE": Reach(_MASTERS, sum),
    "FLUSHALL": Reach(_MASTERS, _first),
    "FLUSHDB": Reach(_MASTERS, _first),
    "FUNCTION DELETE": Reach(_MASTERS, _first),
    "FUNCTION FLUSH": Reach(_MASTERS, _first),
    "FUNCTION KILL": Reach(_MASTERS, _first_success),
    "FUNCTION LOAD": Reach(_MASTERS, _first),
    "FUNCTION RESTORE": Reach(_MASTERS, _first),
    "KEYS": Reach(_MASTERS, _concatenated),
    "LATENCY RESET": Reach(_NODES, sum),
    "MEMORY PURGE": Reach(_MASTERS, _first),
    "RANDOMKEY": Reach(_MASTERS, _any_key),
    "SCRIPT EXISTS": Reach(_MASTERS, _least),
    "SCRIPT FLUSH": Reach(_NODES, _first),
    "SCRIPT KILL": Reach(_MASTERS, _first_success),
    "SCRIPT LOAD": Reach(_NODES, _first),
    "SLOWLOG LEN": Reach(_NODES, sum),
    "SLOWLOG RESET": Reach(_NODES, _first),
    "WAIT": Reach(_MASTERS, _least),
    "WAITAOF": Reach(_MASTERS, _least),
}
_CONTAINERS: Final = frozenset(name.partition(" ")[0] for name in _REACHES if " " in name)


def reach_of(name: str, args: Sequence[Any]) -> Reach | None:
    """Return where a command is sent that is about more than one node; None for every other command.

    :param name: the command's name in upper case.
    """
    if name in _CONTAINERS:
        return _REACHES.get(f"{name} {command_name(args[1:])}")
    return _REACHES.get(name)


def refuse_scan(name: str) -> None:
    """Raise for SCAN, whose cursor means something to one node alone.

    :raises RedisError: it is SCAN; the text says what to use.
    """
    if name == "SCAN":
        raise RedisError(
            "SCAN has a cursor of one node: use rc.scan_iter(), which goes through the whole cluster, or the scan() of "
            "a node, as in rc.node_for(key).scan()"
        )


def slot_of_cursor(args: Sequence[Any]) -> int:
    """The slot of CLUSTERSCAN's cursor: that of its hash tag; at the beginning, that of the option SLOT, or 0."""
    args = fixed_arguments(tuple(args), words=True)
    if len(args) > 1 and args[1] not in (0, "0", b"0"):
        return key_slot(args[1])
    for option, value in pairwise(args[2:]):
        if command_name((option,)) == "SLOT":
            try:
                return int(value) % 16384
            except ValueError:
                return 0
    return 0
