"""What a cluster's handler does for each command, in pure Python: the reference for the compiled ``_crouting``.

This module must not know nodes: a *pool* is whatever stands in the list of the pools of all slots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ..resp import key_slot
from ._arguments import Command

__all__ = ["fast_path_of_cluster", "group_commands", "group_keys", "place_replies", "place_values"]

_Method = TypeVar("_Method", bound=Callable[..., object])

#: Of each pool the indices of its commands, and the commands.
Groups = dict[Any, tuple[list[int], list[Command]]]


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
        ``one_key`` as it is spelled, its key is bytes or text of ASCII, and the pool of its slot is known.
    """
    groups: Groups = {}
    for index, command in enumerate(commands):
        args = command[0]
        name = args[0] if args else None
        place = one_key.get(name) if type(name) is str else None
        if place is None or place >= len(args):
            return None
        pool = _pool_of(args[place], pools)
        if pool is None:
            return None
        group = groups.get(pool)
        if group is None:
            groups[pool] = [index], [command]
        else:
            group[0].append(index)
            group[1].append(command)
    return groups


def group_keys(name: str, keys: Sequence[Any], raw: bool, pools: list[Any]) -> Groups | None:
    """Make a command of each key, and group them as :func:`group_commands` does.

    :param name: of the commands.
    :param raw: whether their replies stay raw.
    """
    groups: Groups = {}
    for index, key in enumerate(keys):
        pool = _pool_of(key, pools)
        if pool is None:
            return None
        group = groups.get(pool)
        if group is None:
            group = groups[pool] = [], []
        group[0].append(index)
        group[1].append(((name, key), None, raw))
    return groups


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


def place_values(results: list[Any], indices: list[int], replies: list[Any]) -> bool:
    """Put the only elements of replies where they belong; a reply that is no list of one is put there itself.

    :returns: whether all are lists of one element.
    """
    is_fine = True
    for index, reply in zip(indices, replies, strict=True):
        if type(reply) is list and len(reply) == 1:
            results[index] = reply[0]
        else:
            results[index] = reply
            is_fine = False
    return is_fine
