"""The routing of each command of a cluster's handler, in pure Python: the reference for the compiled ``_crouting``.

This module must not know nodes: a *pool* is whatever stands in the list of the pools of all slots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ..resp import key_slot
from ._arguments import Command

__all__ = ["fast_path_of_cluster", "group_commands", "group_keys", "place_replies", "place_values"]

_Method = TypeVar("_Method", bound=Callable[..., object])

_MOST = 2**63

#: Of each pool the indices of its commands, and the commands.
Groups = dict[Any, tuple[list[Any], list[Command]]]


def fast_path_of_cluster(one_key: object, by_connection: object, execute_command: _Method) -> _Method:
    """Decorate ``execute_command`` of a cluster's handler; compiled, it sends a command with one key itself.

    It then needs no more of the handler than ``pools``, the pool of each slot's owner, and
    ``recovery_of(args, post_proc, pool)``, which makes the converter of a command that is refused.

    :param one_key: name of a command with one key -> the key's place.
    :param by_connection: a connection's ``execute_command``, which compiled code stands for.
    """
    return execute_command


def group_commands(commands: Sequence[Command], one_key: Mapping[Any, int], pools: list[Any]) -> Groups | None:
    """Group commands by the pools of their keys' slots.

    :param one_key: name of a command with one key -> the key's place.
    :param pools: by slot, the pool of its owner; None where it is not known yet.
    :returns: the groups, each in the order given; None if a command is not of the simple kind: its name is in
        ``one_key`` as it is spelled, its arguments are bytes, text of ASCII or usual numbers, so that none can fail to
        be encoded, and the pool of its key's slot is known.
    """
    groups: Groups = {}
    for index, command in enumerate(commands):
        args = command[0]
        name = args[0] if args else None
        place = one_key.get(name) if type(name) is str else None
        if place is None or place >= len(args):
            return None
        pool = _pool_of(args[place], pools)
        if pool is None or not all(map(_can_be_sent, args)):
            return None
        group = groups.get(pool)
        if group is None:
            groups[pool] = [index], [command]
        else:
            group[0].append(index)
            group[1].append(command)
    return groups


def group_keys(name: str, keys: Sequence[Any], raw: bool, pools: list[Any]) -> Groups | None:
    """Make a command for the keys of each slot, and group the commands as :func:`group_commands` does.

    :param name: of the commands.
    :param raw: whether their replies stay raw.
    :returns: the groups; the index of a command for several keys is the list of theirs.
    """
    groups: Groups = {}
    #: Of each slot: the command's arguments, the indices of its group, and its place among them.
    of_slots: dict[int, tuple[list[Any], list[Any], int]] = {}
    for index, key in enumerate(keys):
        if not (type(key) is bytes or (type(key) is str and key.isascii())):
            return None
        slot = key_slot(key)
        pool = pools[slot]
        if pool is None:
            return None
        former = of_slots.get(slot)
        if former is None:
            indices, commands = groups.setdefault(pool, ([], []))
            args = [name, key]
            of_slots[slot] = args, indices, len(indices)
            indices.append(index)
            commands.append((args, None, raw))
            continue
        args, indices, at = former
        args.append(key)
        place = indices[at]
        if isinstance(place, list):
            place.append(index)
        else:
            indices[at] = [place, index]
    return groups


def _can_be_sent(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is int:  # Python refuses to convert an int of thousands of digits
        return -_MOST <= value <= _MOST  # type: ignore[no-any-return]
    return kind is bytes or kind is float


def _pool_of(key: Any, pools: list[Any]) -> Any:
    if type(key) is bytes or (type(key) is str and key.isascii()):
        return pools[key_slot(key)]
    return None


def place_replies(results: list[Any], indices: list[int], replies: list[Any]) -> bool:
    """Put replies where they belong.

    :returns: whether none of them is an error.
    """
    is_fine = True
    for index, reply in zip(indices, replies, strict=True):
        results[index] = reply
        if isinstance(reply, Exception):
            is_fine = False
    return is_fine


def place_values(results: list[Any], indices: list[Any], replies: list[Any]) -> bool:
    """Put the elements of replies where they belong, of commands that :func:`group_keys` has made.

    A reply that is no list of as many elements as the command had keys stands for each of them.

    :returns: whether there was none such.
    """
    is_fine = True
    for place, reply in zip(indices, replies, strict=True):
        places = place if isinstance(place, list) else [place]
        fits = type(reply) is list and len(reply) == len(places)
        for each, value in zip(places, reply if fits else [reply] * len(places), strict=True):
            results[each] = value
        is_fine = is_fine and fits
    return is_fine
