"""Pipelines and batches over the nodes of a cluster: all nodes at the same time, the commands of each in one write.

The commands that a node has refused are sent again as one command would be: to the node that MOVED or ASK names, or
after a pause. All commands of one slot stay together, in their order: they are written to one connection, in one write,
and while one of them waits, the later ones that were refused wait with it. So a slot that moves costs no order. (Only a
command whose keys are on two nodes, which TRYAGAIN says, may be overtaken by others of its slot.)

This module must not know how a node is found, or how a command is taken apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, fail

from ..._tunables import MIN_TIMEOUT_SECONDS
from ..._types import Reply
from ...batching import Command
from ...commands._parts import check_together, command_name, guarded_arguments, guarded_names, refusal
from ...exceptions import NotSentError
from ...inflight import first_error, limit_error
from ...telemetry import Telling
from ..members import Members
from ..reads import ReadChoice
from ..redirects import when_known
from ..routing import LearnedKeys
from ..topology import Address
from ..waiting import now
from .chains import Chain
from .spread import Plan, Reach, Unit, check_encoding, joined

__all__ = ["send_commands", "send_to_all"]


def send_commands(
    members: Members,
    learned: LearnedKeys,
    commands: Sequence[Command],
    alone: bool,
    timeout: float | None,
    reads: bool = False,
    telling: Telling | None = None,
) -> Deferred[list[Any]]:
    """Send commands to the nodes of their keys.

    :param learned: knows the keys of commands that the table does not have.
    :param alone: whether one of the commands may block, so that it needs a connection of its own.
    :param timeout: seconds from the call to the last reply; None: ``poolTimeout`` for what is waited for, then
        ``replyTimeout`` for the replies.
    :param reads: whether they only read, and may be sent to replicas, as ``readFrom`` says.
    :param telling: the report to the hooks; None: they are told nothing.
    :returns: fires with the replies in order, with error replies as values, and as well what the commands of a single
        node have failed with: :exc:`.MaybeExecutedError` if it was lost, :exc:`.NotSentError` if it was never reached.
        Fails if nothing was sent: with :exc:`.NotSentError`, or with the error of a command that cannot be sent, such
        as :exc:`.CrossSlotError`. Cancelling it cancels all.
    """
    wrong = limit_error(timeout)
    if wrong is not None:
        return fail(wrong)
    began_at = now()
    try:
        _check(members, commands)
        plan = Plan(members, learned, commands, {})
        if plan.needs_masters:
            waiting = when_known(members, timeout)
        elif plan.unknown:
            waiting = learned.ask_slots([commands[place][0] for place in plan.unknown], timeout)
        else:
            return _Batch(members, plan, alone, reads, began_at, timeout, telling).begin()
    except Exception:  # whatever an argument makes be raised
        return fail()

    def go_on(slots: list[int | None]) -> Deferred[list[Any]]:
        again = Plan(members, learned, commands, dict(zip(plan.unknown, slots, strict=False)))
        return _Batch(members, again, alone, reads, began_at, timeout, telling).begin()

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
    timeout, began_at = options.get("timeout"), now()

    def known(_: object) -> Deferred[Any]:
        its = {**options, "post_proc": None}
        if timeout is not None:
            its["timeout"] = max(timeout - (now() - began_at), MIN_TIMEOUT_SECONDS)
        # A master's slot leads to the node that takes its place.
        sent = [send({**its}, slot, partial(members.owner, slot)) for slot in members.shards()]
        replicas = [node.address for node in members.replicas()] if reach.replicas else []
        sent += [send({**its}, None, partial(members.member, each)) for each in replicas]
        together: Deferred[Any] = DeferredList(sent, consumeErrors=True)
        return together.addCallback(value)

    def value(ended: list[tuple[bool, Any]]) -> Reply:
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


class _Batch:
    """The commands of one call on their way to all nodes.

    :ivar deferred: fires with the replies.
    """

    def __init__(
        self,
        members: Members,
        plan: Plan,
        alone: bool,
        reads: bool,
        began_at: float,
        timeout: float | None,
        telling: Telling | None,
    ) -> None:
        self.telling = telling
        self.deferred: Deferred[list[Any]] = Deferred(self._cancel)
        self.members = members
        self.alone = alone
        self.reads = reads
        #: Reactor time by which all replies must have come; None: no limit.
        self.limit = None if timeout is None else began_at + timeout
        self._plan = plan
        self._chains: list[Chain] = []
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
        if self.telling is not None:
            slots = {unit.slot for unit in self._plan.units}
            first = next(iter(groups), None) if len(groups) == 1 else None
            self.telling.begin(first or ("", None), slots.pop() if len(slots) == 1 else None)
        self._chains = [Chain(self, units) for units in groups.values()]
        self._open = len(self._chains) + 1
        for chain, address in zip(self._chains, groups, strict=True):
            chain.begin(self._reader_for(chain, address) if self.reads else address)
        self.ended()
        return self.deferred

    def _reader_for(self, chain: Chain, address: Address | None) -> Address | None:
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


def _of_any_master(members: Members) -> Address | None:
    node = members.any_master()
    return None if node is None else node.address
