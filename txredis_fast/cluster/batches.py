"""Pipelines and batches over the nodes of a cluster: all nodes at the same time, the commands of each in one write.

The commands that a node has refused are sent again as one command would be: to the node that MOVED or ASK names, or
after a pause. All commands of one slot stay together, in their order: they are written to one connection, in one write,
and while one of them waits, the later ones that were refused wait with it. So a slot that moves costs no order. (Only a
command whose keys are on two nodes, which TRYAGAIN says, may be overtaken by others of its slot.)

This module must not know how a node is found, or how a command is taken apart.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

from twisted.internet.defer import CancelledError, Deferred, DeferredList, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from .._reactor import current_reactor
from .._tunables import MAX_TIMEOUT_SECONDS, MIN_TIMEOUT_SECONDS
from ..batching import Command
from ..commands._parts import check_together, command_name, guarded_arguments, guarded_names, longest_wait, refusal
from ..exceptions import NoSlotError, NotSentError, ResponseError
from ..inflight import first_error, limit_error
from .members import Members
from .node import ClusterNode
from .reads import ReadChoice
from .redirects import (
    ASKING,
    CONNECTION_SECONDS,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    _after,
    _now,
    is_refusal,
    send_together,
    when_known,
)
from .routing import LearnedKeys
from .spread import Plan, Reach, Unit, check_encoding, joined
from .topology import Address

__all__ = ["send_commands", "send_to_all"]

_ASKING: Command = (ASKING, None, False)


def send_commands(
    members: Members,
    learned: LearnedKeys,
    commands: Sequence[Command],
    alone: bool,
    timeout: float | None,
    reads: bool = False,
) -> Deferred[list[Any]]:
    """Send commands to the nodes of their keys.

    :param learned: knows the keys of commands that the table does not have.
    :param alone: whether one of the commands may block, so that it needs a connection of its own.
    :param timeout: seconds from the call to the last reply; None: ``poolTimeout`` for what is waited for, then
        ``replyTimeout`` for the replies.
    :param reads: whether they only read, and may be sent to replicas, as ``readFrom`` says.
    :returns: fires with the replies in order, with error replies as values, and as well what the commands of a single
        node have failed with: :exc:`.MaybeExecutedError` if it was lost, :exc:`.NotSentError` if it was never reached.
        Fails if nothing was sent: with :exc:`.NotSentError`, or with the error of a command that cannot be sent, such
        as :exc:`.CrossSlotError`. Cancelling it cancels all.
    """
    wrong = limit_error(timeout)
    if wrong is not None:
        return fail(wrong)
    began_at = _now()
    try:
        _check(members, commands)
        plan = Plan(members, learned, commands, {})
        if plan.needs_masters:
            waiting = when_known(members, timeout)
        elif plan.unknown:
            waiting = learned.ask_slots([commands[place][0] for place in plan.unknown])
        else:
            return _Batch(members, plan, alone, reads, began_at, timeout).begin()
    except Exception:  # whatever an argument makes be raised
        return fail()

    def go_on(slots: list[int | None]) -> Deferred[list[Any]]:
        again = Plan(members, learned, commands, dict(zip(plan.unknown, slots, strict=False)))
        return _Batch(members, again, alone, reads, began_at, timeout).begin()

    return waiting.addCallback(go_on)


def send_to_all(
    members: Members, reach: Reach, send: Callable[..., Deferred[Any]], options: dict[str, Any]
) -> Deferred[Any]:
    """Send a command to all masters or nodes, and make one value of their replies.

    :param send: sends it: called with the options of ``execute_command``, a slot or None, and the function that chooses
        the node.
    :param options: those of the command.
    :returns: fires with the value when all have answered; fails with the first error. Cancelling it cancels all.
    """
    timeout, began_at = options.get("timeout"), _now()

    def known(_: object) -> Deferred[Any]:
        its = {**options, "post_proc": None}
        if timeout is not None:
            its["timeout"] = max(timeout - (_now() - began_at), MIN_TIMEOUT_SECONDS)
        # A master's slot leads to whoever takes its place.
        sent = [send({**its}, slot, partial(members.owner, slot)) for slot in members.shards()]
        replicas = [node.address for node in members.replicas()] if reach.replicas else []
        sent += [send({**its}, None, partial(members.member, each)) for each in replicas]
        together: Deferred[Any] = DeferredList(sent, consumeErrors=True)
        return together.addCallback(value)

    def value(ended: list[tuple[bool, Any]]) -> Any:
        together = joined([reply if succeeded else reply.value for succeeded, reply in ended], reach.join)
        convert = options.get("post_proc")
        return together if convert is None else convert(together)

    return known(None) if members.shards() else when_known(members, timeout).addCallback(known)


def _check(members: Members, commands: Sequence[Command]) -> None:
    """Raise the error of commands that no connection of a pool may carry."""
    guarded = guarded_names(commands)
    if not guarded:
        return
    refused = check_together(commands, members.protocol)
    if refused is None and not guarded.isdisjoint(("SELECT", "AUTH")):
        args = next(each[0] for each in commands if command_name(each[0]) in ("SELECT", "AUTH"))
        refused = refusal(guarded_arguments(args, command_name(args)), members.protocol)
    if refused is not None:
        raise refused


class _Verdict(enum.Enum):
    """What follows a refusal."""

    AT_ONCE = "sent again at once"
    LATER = "sent again after a pause"
    GIVEN_UP = "not sent again"


#: A command that was refused, the refusal, and by which node.
_Refused: TypeAlias = tuple[Unit, Exception, ClusterNode[Any] | None]


class _Batch:
    """The commands of one call on their way to all nodes.

    :ivar deferred: fires with the replies.
    """

    def __init__(
        self, members: Members, plan: Plan, alone: bool, reads: bool, began_at: float, timeout: float | None
    ) -> None:
        self.deferred: Deferred[list[Any]] = Deferred(self._cancel)
        self.members = members
        self.alone = alone
        self.reads = reads
        #: Reactor time by which all replies must have come; None: no limit.
        self.limit = None if timeout is None else began_at + timeout
        self._plan = plan
        self._chains: list[_Chain] = []
        self._open = 0

    def begin(self) -> Deferred[list[Any]]:
        """Send all."""
        members = self.members
        if members.closed:
            raise NotSentError("Not connected")
        groups: dict[Address | None, list[Unit]] = {}
        owners = members.owners
        other: Address | None = None
        for unit in self._plan.units:
            if unit.slot is not None:
                address = owners[unit.slot]
            elif unit.address is not None:
                address = unit.address
            else:
                other = address = other or _of_any_master(members)
            if address in groups:
                groups[address].append(unit)
            else:
                groups[address] = [unit]
        if len(groups) > 1:
            check_encoding([each for unit in self._plan.units for each in unit.commands], members.options)
        self._chains = [_Chain(self, units) for units in groups.values()]
        self._open = len(self._chains) + 1
        for chain, address in zip(self._chains, groups, strict=True):
            chain.begin(self._reader_for(chain, address) if self.reads else address)
        self.ended()
        return self.deferred

    def _reader_for(self, chain: _Chain, address: Address | None) -> Address | None:
        """A node to read from instead of a master."""
        slot = chain.units[0].slot
        node = None if slot is None else ReadChoice(self.members, slot)()
        return address if node is None else node.address

    def ended(self) -> None:
        """A chain has ended."""
        self._open -= 1
        if self._open or self.deferred.called:
            return
        results = self._plan.results()
        if results and first_error(results) == 0 and all(isinstance(each, NotSentError) for each in results):
            self.deferred.errback(results[0])
        else:
            self.deferred.callback(results)

    def _cancel(self, deferred: Deferred[list[Any]]) -> None:
        deferred.errback(CancelledError())
        for chain in self._chains:
            chain.cancel()


class _Chain:
    """The commands of the slots that one node has served at first, and everything that becomes of them.

    Each round ends when all nodes that it has been sent to have answered. What was refused is the next round.
    """

    def __init__(self, batch: _Batch, units: list[Unit]) -> None:
        self._batch = batch
        self._members = batch.members
        self.units = units
        self._sent: dict[Deferred[Any], None] = {}
        #: Sends of the round that have not ended, and what they were refused.
        self._open = 0
        self._refused: list[_Refused] = []
        #: What the next round after a pause has to send.
        self._later: list[_Refused] = []
        self._refused_at: float | None = None
        self._rounds = 0
        self._pause = FIRST_PAUSE_SECONDS
        self._timer: IDelayedCall | None = None
        self._is_cancelled = False
        #: The master of this round for commands without keys.
        self._keyless: ClusterNode[Any] | None = None

    def begin(self, address: Address | None) -> None:
        """Send all to the node of an address, or to nobody."""
        self._rounds = self._open = 1
        if address is None:
            self._unsent(self.units, _nobody(self.units[0]), None)
        else:
            try:
                node = self._members.node_at(address)
            except NotSentError as error:  # the cluster was closed by an answer to another node's commands
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
                self._unsent(its, _nobody(its[0]), None)
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
        limit = self._batch.limit
        left = None if limit is None else limit - _now()
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
        if blocks:
            self._refused_at = None
        try:
            sent = send_together(node, commands, blocks, left, self._patience(node))
        except Exception:
            sent = fail()
        self._open += 1
        self._sent[sent] = None
        about = node, units, sent
        sent.addCallbacks(self._answered, self._failed, callbackArgs=about, errbackArgs=about)
        sent.addErrback(self._broken, units).addBoth(lambda _: self._end_one())

    def _patience(self, node: ClusterNode[Any]) -> float:
        """Seconds for a connection to a node: not long where it has none, because another one may take its place."""
        end = self._end()
        left = MAX_TIMEOUT_SECONDS if end is None else max(end - _now(), MIN_TIMEOUT_SECONDS)
        return left if node.pool.size else min(left, CONNECTION_SECONDS)

    def _end(self) -> float | None:
        """Reactor time at which nothing is waited for any more; None: no limit."""
        timeout = self._members.pool_timeout
        began = self._refused_at if self._refused_at is not None else _now()
        ends = [end for end in (None if timeout is None else began + timeout, self._batch.limit) if end is not None]
        return min(ends, default=None)

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
        elif self._later:
            self._wait()
        else:
            self._batch.ended()

    def _judge_all(self, refused: list[_Refused]) -> list[Unit]:
        """Decide what follows the refusals of a round; returns what is sent again at once."""
        if not refused:
            return []
        if self._refused_at is None:
            self._refused_at = _now()
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

    def _verdict(self, unit: Unit, error: Any, node: ClusterNode[Any] | None) -> _Verdict:
        """Decide what follows one refusal; notes where the next attempt goes."""
        members = self._members
        code = error.code if isinstance(error, ResponseError) else ""
        if node is None or code not in ("MOVED", "ASK"):
            if node is not None and code != "TRYAGAIN":
                members.note(f"{node.name} answered {code}", node.address)
            at_once = self._batch.reads and self._rounds == 1  # a replica cannot: its master will
            return _Verdict.AT_ONCE if at_once else _Verdict.LATER
        target = members.target(error, node.address)
        unit.redirections += 1
        if target is None or unit.redirections > members.options.maxRedirections:
            unit.reply = _after(error, f"{unit.redirections} redirections", node)
            return _Verdict.GIVEN_UP
        members.counts[code] += 1
        if code == "ASK":
            unit.ask = target
        elif error.slot is not None:
            members.moved(error.slot, target)
            if unit.address is None and error.slot < len(members.owners):
                unit.slot = error.slot  # of a command whose keys only the server knows
            if target == node.address:  # it says that itself serves the slot: not yet, then
                return _Verdict.LATER
        return _Verdict.AT_ONCE

    # -- pauses

    def _wait(self) -> None:
        """Begin the next round after a pause, or as soon as there is another topology."""
        end = self._end()
        left = None if end is None else end - _now()
        if left is not None and left <= 0:
            self._run_out()
            return
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        self._members.counts["again"] += 1
        self._timer = current_reactor().callLater(pause if left is None else min(pause, left), self._go_on)
        self._members.wake_me(self._woken)

    def _woken(self) -> None:
        if self._timer is not None:
            self._go_on()

    def _go_on(self) -> None:
        self._forget_pause()
        later, self._later = self._later, []
        self._round([unit for unit, _, _ in self._in_order(later)])

    def _forget_pause(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            self._members.forget_me(self._woken)
            if timer.active():
                timer.cancel()

    # -- the end

    def _run_out(self) -> None:
        """The time is up."""
        since = _now() if self._refused_at is None else self._refused_at
        tried = f"{_now() - since:.1f} s, {self._rounds} attempts"
        later, self._later = self._later, []
        for unit, error, node in later:
            unit.reply = _after(error, tried, node)
        self._batch.ended()

    def cancel(self) -> None:
        """Send nothing more, and wait for nothing."""
        self._is_cancelled = True
        self._forget_pause()
        sent, self._sent = self._sent, {}
        for each in sent:
            each.cancel()


def _of_any_master(members: Members) -> Address | None:
    node = members.any_master()
    return None if node is None else node.address


def _nobody(unit: Unit) -> NoSlotError:
    known = "no node of the cluster is known" if unit.slot is None else f"no node serves the slot {unit.slot}"
    return NoSlotError(known)
