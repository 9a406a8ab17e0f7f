"""The commands of the slots that one node serves, on their way: rounds, refusals and pauses.

The commands that a node has refused are sent again as one command would be: to the node that MOVED or ASK names, or
after a pause. All commands of one slot stay together, in their order.

This module must not know how a command is taken apart.
"""

from __future__ import annotations

import enum
from typing import Any, Protocol, TypeAlias

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from ...batching import Command
from ...commands._parts import longest_wait
from ...exceptions import AskError, MovedError, NotSentError, ResponseError
from ...inflight import first_error
from ...telemetry import Telling
from ..members import Members
from ..node import ClusterNode
from ..redirects import ASKING, after, is_refusal, send_together
from ..topology import Address
from ..waiting import MOVED_AT_ONCE, Waiting, now
from .spread import Unit

__all__ = ["Carrier", "Chain"]

_ASKING: Command = (ASKING, None, False)


class _Verdict(enum.Enum):
    """The consequence of a refusal."""

    AT_ONCE = "sent again at once"
    LATER = "sent again after a pause"
    GIVEN_UP = "not sent again"


#: A command that was refused, the refusal, and by which node.
_Refused: TypeAlias = tuple[Unit, Exception, ClusterNode[Any] | None]


class Carrier(Protocol):
    """The call that chains belong to."""

    @property
    def members(self) -> Members:
        """The nodes."""

    @property
    def alone(self) -> bool:
        """Whether one of the commands may block."""

    @property
    def limit(self) -> float | None:
        """Reactor time by which all replies must have come; None: no limit."""

    @property
    def reads(self) -> bool:
        """Whether all commands only read."""

    @property
    def telling(self) -> Telling | None:
        """The report to the hooks."""

    def ended(self) -> None:
        """A chain has ended."""


class Chain:
    """The commands of the slots that one node has served at first, and everything that becomes of them.

    Each round ends when all nodes that it has been sent to have answered. What was refused is the next round.
    """

    def __init__(self, batch: Carrier, units: list[Unit]) -> None:
        self._batch = batch
        self._members = batch.members
        self.units = units
        self._sent: dict[Deferred[Any], None] = {}
        #: Sends of the round that have not ended, and the commands that were refused.
        self._open = 0
        self._refused: list[_Refused] = []
        #: The commands for the next round after a pause.
        self._later: list[_Refused] = []
        self._waiting = Waiting(batch.members, batch.limit, self._go_on)
        self._rounds = 0
        #: Reactor time at which commands were sent that a server may block; None: it may not.
        self._blocked_at: float | None = None
        self._is_cancelled = False
        #: The master of this round for commands without keys.
        self._keyless: ClusterNode[Any] | None = None

    def begin(self, address: Address | None) -> None:
        """Send all to the node of an address, or to nobody."""
        self._rounds = self._open = 1
        if address is None:
            self._unsent(self.units, self._members.nobody(self.units[0].slot), None)
        else:
            try:
                node = self._members.node_at(address)
            except Exception as error:  # the cluster was closed by another node's answer, or the host cannot be one
                for unit in self.units:
                    unit.reply = error
            else:
                self._send(node, self.units)
        self._end_one()

    # -- one round

    def _round(self, units: list[Unit]) -> None:
        """Send commands to the nodes that are to execute them now."""
        self._rounds += 1
        self._open += 1
        self._keyless = None
        groups: dict[ClusterNode[Any] | None, list[Unit]] = {}
        for unit in units:
            try:
                node = self._node_of(unit)
            except Exception as error:  # the cluster is closed, or the node has left
                unit.reply = error
            else:
                groups.setdefault(node, []).append(unit)
        for node, its in groups.items():
            if node is None:
                self._unsent(its, self._members.nobody(its[0].slot), None)
            else:
                self._send(node, its)
        self._end_one()

    def _node_of(self, unit: Unit) -> ClusterNode[Any] | None:
        members = self._members
        if members.closed:
            raise NotSentError("Not connected")
        if unit.ask is not None:
            return members.node_at(unit.ask)
        if unit.slot is not None:
            return members.owner(unit.slot)
        if unit.address is not None:
            return members.member(unit.address)
        if self._keyless is None:
            self._keyless = members.any_master()
        return self._keyless

    def _send(self, node: ClusterNode[Any], units: list[Unit]) -> None:
        waiting = self._waiting
        left = waiting.left
        if left is not None and left <= 0:
            over = NotSentError("Not sent: the time limit was over already")
            for unit in units:
                self._unsent([unit], unit.reply if isinstance(unit.reply, Exception) else over, node)
            return
        commands: list[Command] = []
        for unit in units:
            if unit.ask is not None:
                commands.append(_ASKING)
            commands += unit.commands
        blocks = self._batch.alone and any(longest_wait(command[0]) is not None for command in commands)
        self._blocked_at = now() if blocks else None
        try:
            sent = send_together(node, commands, blocks, left, waiting.patience(node))
        except Exception:
            sent = fail()
        self._open += 1
        self._sent[sent] = None
        about = node, units, sent
        sent.addCallbacks(self._answered, self._failed, callbackArgs=about, errbackArgs=about)
        sent.addErrback(self._broken, units).addBoth(lambda _: self._end_one())

    def _answered(self, replies: list[Any], node: ClusterNode[Any], units: list[Unit], sent: Deferred[Any]) -> None:
        self._sent.pop(sent, None)
        if len(replies) == len(units) and first_error(replies) < 0:
            for unit, reply in zip(units, replies, strict=True):
                unit.reply = reply
            return
        at = 0
        for unit in units:
            if unit.ask is not None:
                unit.ask = None
                at += 1
            count = len(unit.commands)
            unit.reply = replies[at] if count == 1 else replies[at : at + count]
            at += count
            refused = unit.refusal()
            if refused is not None:
                self._refused.append((unit, refused, node))
        if self._blocked_at is not None:
            self._waiting.worked(now() - self._blocked_at)

    def _failed(self, failure: Failure, node: ClusterNode[Any], units: list[Unit], sent: Deferred[Any]) -> None:
        self._sent.pop(sent, None)
        error: Any = failure.value
        if is_refusal(error):
            self._unsent(units, error, node)
        else:
            for unit in units:
                unit.reply = error

    def _unsent(self, units: list[Unit], error: Exception, node: ClusterNode[Any] | None) -> None:
        for unit in units:
            unit.ask = None
            unit.reply = error
            self._refused.append((unit, error, node))

    def _broken(self, failure: Failure, units: list[Unit]) -> None:
        for unit in units:
            unit.reply = failure.value

    # -- the next one

    def _end_one(self) -> None:
        self._open -= 1
        if self._open or self._is_cancelled:
            return
        refused, self._refused = self._refused, []
        again = self._judge_all(refused)
        if again:
            self._round(again)
        elif not self._later:
            self._batch.ended()
        elif not self._waiting.pause(self._later[0][1]):
            self._run_out()

    def _judge_all(self, refused: list[_Refused]) -> list[Unit]:
        """Decide on the refused commands of a round; returns those that are sent again at once."""
        if not refused:
            return []
        self._waiting.refused()
        again = []
        waiting = {unit.slot for unit, _, _ in self._later if unit.slot is not None}
        for unit, error, node in self._in_order(refused):
            if unit.slot not in waiting:
                verdict = self._verdict(unit, error, node)
                if verdict is _Verdict.GIVEN_UP:
                    continue
                if verdict is _Verdict.AT_ONCE:
                    again.append(unit)
                    continue
                if unit.slot is not None:
                    waiting.add(unit.slot)
            self._later.append((unit, error, node))
        return again

    def _in_order(self, refused: list[_Refused]) -> list[_Refused]:
        numbers = {id(unit): number for number, unit in enumerate(self.units)}
        return sorted(refused, key=lambda each: numbers[id(each[0])])

    def _verdict(self, unit: Unit, error: Exception, node: ClusterNode[Any] | None) -> _Verdict:
        """Decide on one refused command; notes where its next attempt goes."""
        members = self._members
        if node is None or not isinstance(error, MovedError | AskError):
            code = error.code if isinstance(error, ResponseError) else ""
            if node is not None and code != "TRYAGAIN":
                members.note(f"{node.name} answered {code}", node.address)
            at_once = self._batch.reads and self._rounds == 1  # a replica cannot: its master will
            return _Verdict.AT_ONCE if at_once else _Verdict.LATER
        target = members.target(error, node.address)
        unit.redirections += 1
        if target is None or unit.redirections > members.options.maxRedirections:
            unit.reply = after(error, f"{unit.redirections} redirections", node)
            return _Verdict.GIVEN_UP
        members.redirected(error.code, error.slot, node, target)
        if self._batch.telling is not None:
            self._batch.telling.redirected()
        if isinstance(error, AskError):
            unit.ask = target
        elif error.slot is not None:
            members.moved(error.slot, target)
            if unit.address is None and error.slot < len(members.owners):
                unit.slot = error.slot  # of a command whose keys only the server knows
            # It says that itself serves the slot, or two nodes say so of each other: not yet, then.
            if target == node.address or unit.redirections > MOVED_AT_ONCE:
                return _Verdict.LATER
        return _Verdict.AT_ONCE

    def _go_on(self) -> None:
        later, self._later = self._later, []
        self._round([unit for unit, _, _ in self._in_order(later)])

    # -- the end

    def _run_out(self) -> None:
        """The time is up."""
        since = self._waiting.since
        tried = f"{0 if since is None else now() - since:.1f} s, {self._rounds} attempts"
        later, self._later = self._later, []
        for unit, error, node in later:
            unit.reply = after(error, tried, node)
        self._batch.ended()

    def cancel(self) -> None:
        """Send nothing more, and wait for nothing."""
        self._is_cancelled = True
        self._waiting.stop()
        sent, self._sent = self._sent, {}
        for each in sent:
            each.cancel()
