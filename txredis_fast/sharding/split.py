"""Commands whose keys may lie on several nodes: taken apart by node, and the nodes' replies put together.

This module must not know which node a key belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from twisted.internet import defer
from twisted.internet.defer import Deferred

from .._types import Result
from ..batching import first_error
from .ring import Node

__all__ = ["SPLIT", "Send", "Split", "send_split", "send_to"]


#: How one command is taken apart and put together: how many arguments belong together, the key first; and a function
#: that makes one value of the nodes' values, called with these and, for each node, the indices of its keys.
Split: TypeAlias = tuple[int, Callable[[list[Any], Sequence[Sequence[int]]], Any]]

#: Sends a node a command, with the options of ``execute_command``.
Send: TypeAlias = Callable[..., Deferred[Any]]


def send_to(node: Node, *args: object, **options: object) -> Deferred[Any]:
    """Send a node a command."""
    return node.execute_command(*args, **options)


def _in_order(answers: list[Any], groups: Sequence[Sequence[int]]) -> list[Any]:
    values: list[Any] = [None] * sum(map(len, groups))
    for answer, indices in zip(answers, groups, strict=True):
        for index, value in zip(indices, answer, strict=True):
            values[index] = value
    return values


def _sum(answers: list[Any], groups: Sequence[Sequence[int]]) -> int:
    return sum(answers)


def _first(answers: list[Result], groups: Sequence[Sequence[int]]) -> Result:
    return answers[0]


#: By the command's name in upper case. MSETNX and MSETEX are not among them: they set all keys, or none.
SPLIT: Mapping[str, Split] = {
    "DEL": (1, _sum),
    "EXISTS": (1, _sum),
    "MGET": (1, _in_order),
    "MSET": (2, _first),
    "TOUCH": (1, _sum),
    "UNLINK": (1, _sum),
}


def send_split(
    split: Split,
    args: Sequence[Any],
    groups: Mapping[Node, Sequence[int]],
    options: dict[str, Any],
    send: Send = send_to,
) -> Deferred[Any]:
    """Send each node the part of a command with its keys, all at the same time.

    :param args: the command's name and arguments.
    :param groups: node -> which of the command's keys it has, counted from 0, in ascending order.
    :param options: those of ``execute_command``; ``post_proc`` is called with the joined value.
    :param send: called with a node, the command's name, the node's part of the arguments, and the other options.
    :returns: fires with the joined value. If one node fails, fails with its error; the other nodes may have executed
        their parts. Cancelling it cancels all parts.
    """
    step, join = split
    convert = options.pop("post_proc", None)
    asked = []
    for node, indices in groups.items():
        part = _part(args, indices, step)
        asked.append(defer.maybeDeferred(send, node, args[0], *part, **options))
    joined = defer.gatherResults(asked, consumeErrors=True).addErrback(first_error)
    joined.addCallback(join, list(groups.values()))
    return joined if convert is None else joined.addCallback(convert)


def _part(args: Sequence[Any], indices: Sequence[int], step: int) -> list[Any]:
    if step == 1:
        return [args[index + 1] for index in indices]
    return [argument for index in indices for argument in args[1 + index * step : 1 + (index + 1) * step]]
