"""Many commands in the usual case: each has one key, the owner of its slot is known, and no node refuses any.

Then the commands are grouped by node in compiled code, and written in one write to each node, without an object for
each command. What a node has refused, or was not written to it, goes the long way at once: :mod:`.batches`, which keeps
the order of a slot. All commands of a slot are in the same write, so no other node has to be waited for.

This module must not know how a node is found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ..._types import Reply
from ...batching import Command
from ...client import send_batch
from ...commands._parts.keys import ONE_KEY
from ...exceptions import InvalidResponse
from ...inflight import group_commands, group_keys, place_replies, place_values
from ..members import Members
from ..node import NodeFactory
from ..redirects import is_refusal, is_refusing_reply
from .spread import check_encoding

__all__ = ["read_keys", "send_simple"]

#: Sends commands by the long way; the Deferred fires with the replies, errors among them.
SendLong = Callable[[list[Command]], Deferred[list[Any]]]


def send_simple(members: Members, commands: Sequence[Command], send_long: SendLong) -> Deferred[list[Any]] | None:
    """Send commands with one key each.

    :returns: fires with the replies in order, errors among them; None if the case is not the usual one: nothing is
        sent, and the caller goes the long way.
    :raises InvalidData: an argument cannot be sent; nothing is.
    """
    groups = group_commands(commands, ONE_KEY, members.pools)
    if groups is None and members.know_pools():
        groups = group_commands(commands, ONE_KEY, members.pools)
    if groups is None:
        return None
    if len(groups) > 1:
        check_encoding(commands, members.options)
    return _Round.begin(members, groups, len(commands), place_replies, send_long)


def read_keys(members: Members, args: Sequence[Any], raw: bool, send_long: SendLong) -> Deferred[list[Any]] | None:
    """Send MGET for the keys of each slot, those of one node in one write.

    :param args: MGET and its keys.
    :returns: fires with the values in order, errors among them; None as in :func:`send_simple`.
    """
    keys = args[1:]
    groups = group_keys("MGET", keys, raw, members.pools)
    if groups is None and members.know_pools():
        groups = group_keys("MGET", keys, raw, members.pools)
    return None if groups is None else _Round.begin(members, groups, len(keys), place_values, send_long)


class _Round:
    """One write to each of several nodes, and the long way for the commands that they refuse.

    :ivar deferred: fires with the replies.
    """

    def __init__(self, members: Members, size: int, place: Callable[..., bool], send_long: SendLong) -> None:
        self._members = members
        self.deferred: Deferred[list[Any]] = Deferred(self._cancel)
        self._results: list[Any] = [None] * size
        self._place = place
        self._send_long = send_long
        self._sent: list[Deferred[Any]] = []
        self._open = 1

    @classmethod
    def begin(
        cls, members: Members, groups: dict[Any, Any], size: int, place: Callable[..., bool], send_long: SendLong
    ) -> Deferred[list[Any]] | None:
        """Send the commands of each pool; None if one has no connection, and then nothing is sent."""
        connections = [pool.connectionQueue.pick() for pool in groups]
        if None in connections:
            return None
        this = cls(members, size, place, send_long)
        for connection, (pool, (indices, commands)) in zip(connections, groups.items(), strict=True):
            this._open += 1
            sent = send_batch(connection, commands)
            this._sent.append(sent)
            about = pool, indices, commands
            sent.addCallbacks(this._answered, this._failed, callbackArgs=about, errbackArgs=about)
            sent.addErrback(this._broken)
        this._end_one()
        return this.deferred

    def _answered(self, replies: list[Any], pool: NodeFactory, indices: list[Any], commands: list[Command]) -> None:
        if not self._place(self._results, indices, replies):
            refused = []
            for index, command, reply in zip(indices, commands, replies, strict=True):
                if not isinstance(reply, Exception):
                    self._check(index, reply)
                elif is_refusing_reply(reply, command):
                    refused.append((index, command))
                    self._members.follow(reply, pool.address)
            self._send_again(refused)
        self._end_one()

    def _check(self, index: int | list[int], reply: Reply) -> None:
        """A reply of MGET that is no list of as many values as it had keys stands for each of them: an error, then."""
        places = index if isinstance(index, list) else [index]
        if self._place is place_values and not (isinstance(reply, list) and len(reply) == len(places)):
            for place in places:
                self._results[place] = InvalidResponse(
                    f"MGET of {len(places)} keys was not answered with so many values"
                )

    def _failed(self, failure: Failure, pool: NodeFactory, indices: list[Any], commands: list[Command]) -> None:
        error: Any = failure.value
        if is_refusal(error):
            self._send_again(list(zip(indices, commands, strict=True)))
        else:
            self._place(self._results, indices, [error] * len(indices))
        self._end_one()

    def _send_again(self, refused: list[tuple[Any, Command]]) -> None:
        """Send the commands that a node has refused, or that were not written to it, the long way."""
        if not refused or self.deferred.called:
            return
        indices = [index for index, _ in refused]
        self._open += 1
        sent = self._send_long([command for _, command in refused])
        self._sent.append(sent)
        sent.addCallbacks(self._placed, self._lost, callbackArgs=(indices,), errbackArgs=(indices,))
        sent.addErrback(self._broken)

    def _end_one(self) -> None:
        self._open -= 1
        if not self._open and not self.deferred.called:
            self.deferred.callback(self._results)

    def _placed(self, replies: list[Any], indices: list[Any]) -> None:
        self._place(self._results, indices, replies)
        self._end_one()

    def _lost(self, failure: Failure, indices: list[Any]) -> None:
        self._place(self._results, indices, [failure.value] * len(indices))
        self._end_one()

    def _broken(self, failure: Failure) -> None:
        if not self.deferred.called:
            self.deferred.errback(failure)

    def _cancel(self, deferred: Deferred[list[Any]]) -> None:
        deferred.errback(CancelledError())
        for sent in self._sent:
            sent.cancel()
