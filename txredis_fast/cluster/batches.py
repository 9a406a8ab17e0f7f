"""Pipelines and batches over the nodes of a cluster: all nodes at the same time, the commands of each in one write.

The commands that a node has refused are sent again as one command would be: to the node that MOVED or ASK names, or
after a pause. All commands of one slot stay together, in their order: they are written to one connection, in one write,
and while one of them waits, the later ones that were refused wait with it. So a slot that moves costs no order. (Only a
command whose keys are on two nodes, which TRYAGAIN says, may be overtaken by others of its slot.)

This module must not know how a node is found, or how a command is taken apart.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from twisted.internet.defer import CancelledError, Deferred, DeferredList, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from .._reactor import current_reactor
from .._tunables import MAX_TIMEOUT_SECONDS, MIN_TIMEOUT_SECONDS
from ..batching import Command
from ..client import send_batch, send_on_pool
from ..commands._parts import check_together, command_name, guarded_arguments, guarded_names, longest_wait, refusal
from ..commands._parts.keys import ONE_KEY
from ..connection import RedisProtocol
from ..exceptions import CrossSlotError, NoSlotError, NotSentError, ResponseError, TryAgainError
from ..inflight import first_error, limit_error, within
from ..resp import encode_commands, key_slot
from .members import Members
from .node import ClusterNode
from .redirects import (
    ASKING,
    CONNECTION_SECONDS,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Way,
    _after,
    _now,
    is_refusal,
)
from .routing import UNKNOWN, LearnedKeys, slot_of_command
from .slots_reply import Address
from .spread import Reach, Spread, joined, reach_of, refuse_scan, slot_of_cursor, split_by_slot

__all__ = ["send_commands", "when_known"]

_ASKING: Command = (ASKING, None, False)


def send_commands(
    members: Members, learned: LearnedKeys, commands: Sequence[Command], alone: bool, timeout: float | None
) -> Deferred[list[Any]]:
    """Send commands to the nodes of their keys.

    :param learned: knows the keys of commands that the table does not have.
    :param alone: whether one of the commands may block, so that it needs a connection of its own.
    :param timeout: seconds from the call to the last reply; None: ``poolTimeout`` for what is waited for, then
        ``replyTimeout`` for the replies.
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
        plan = _Plan(members, learned, commands, {})
        if plan.needs_masters:
            waiting = when_known(members, timeout)
        elif plan.unknown:
            waiting = _ask_slots(learned, [commands[place][0] for place in plan.unknown])
        else:
            return _Batch(members, plan, alone, began_at, timeout).begin()
    except Exception:  # whatever an argument makes be raised
        return fail()

    def go_on(slots: list[int | None]) -> Deferred[list[Any]]:
        again = _Plan(members, learned, commands, dict(zip(plan.unknown, slots, strict=False)))
        return _Batch(members, again, alone, began_at, timeout).begin()

    return waiting.addCallback(go_on)


def when_known(members: Members, timeout: float | None) -> Deferred[list[Any]]:
    """Wait for the first topology, as a command waits that has no node.

    :returns: fires with an empty list.
    """
    return _FirstTopology(members, None, members.any_master, timeout).begin()


class _FirstTopology(Way):
    """The wait until a master is known."""

    def _send_on(self, node: ClusterNode[Any], timeout: float | None, asking: bool, patience: float) -> Deferred[Any]:
        return succeed([])


def _ask_slots(learned: LearnedKeys, commands: Iterable[Sequence[Any]]) -> Deferred[list[int | None]]:
    def slots(found: list[tuple[bool, Any]]) -> list[int | None]:
        for is_found, slot in found:
            if not is_found:
                slot.raiseException()
        return [slot for _, slot in found]

    asking: Deferred[Any] = DeferredList([learned.ask_slot(args) for args in commands], consumeErrors=True)
    return asking.addCallback(slots)


def _check(members: Members, commands: Sequence[Command]) -> None:
    """Raise the error of commands that no connection of a pool may carry."""
    guarded = guarded_names(commands)
    if not guarded:
        return
    refused = check_together(commands, members.protocol)
    for args, _, _ in commands if refused is None else ():
        name = command_name(args)
        if name in ("SELECT", "AUTH") and refused is None:
            refused = refusal(guarded_arguments(args, name), members.protocol)
    if refused is not None:
        raise refused


class _Unit:
    """What is executed whole or refused whole: a command, or a transaction from MULTI to EXEC.

    :ivar place: index among the commands given; -1 for a part of one.
    :ivar slot: None without keys.
    :ivar address: of the only node that it is for; None: whoever serves the slot.
    :ivar ask: the node that ASK has named, for the next attempt.
    :ivar reply: of a transaction, the list of all replies, or what it has failed with.
    """

    __slots__ = ("address", "ask", "commands", "place", "redirections", "reply", "slot")

    def __init__(self, place: int, slot: int | None, commands: list[Command], address: Address | None = None) -> None:
        self.place = place
        self.slot = slot
        self.commands = commands
        self.address = address
        self.ask: Address | None = None
        self.redirections = 0
        self.reply: Any = None

    def refusal(self) -> Exception | None:
        """The reply that says that nothing of it was executed; None if there is none."""
        reply = self.reply
        if len(self.commands) > 1:
            return self._refusal_of_transaction(reply)
        if isinstance(reply, ResponseError) and is_refusal(reply, self.commands[0][0]):
            return reply
        return None

    def _refusal_of_transaction(self, replies: list[Any]) -> Exception | None:
        begun, *queued, executed = replies
        if not isinstance(executed, ResponseError):
            return None
        if isinstance(begun, Exception):  # then each command was executed by itself, unless all were refused
            return begun if all(isinstance(each, ResponseError) and is_refusal(each) for each in replies[:-1]) else None
        if is_refusal(executed):
            return executed
        errors: list[Any] = [each for each in queued if isinstance(each, Exception)]
        if not errors or not all(is_refusal(each) for each in errors):
            return None
        for error in errors:
            if error.code == "MOVED":
                return error  # type: ignore[no-any-return]
        keyed = sum(1 for args, _, _ in self.commands[1:-1] if slot_of_command(args) is not None)
        if errors[0].code == "ASK" and (len(errors) < keyed or len({str(each) for each in errors}) > 1):
            return TryAgainError("TRYAGAIN some keys of the transaction are on another node already")
        return errors[0]  # type: ignore[no-any-return]


class _Plan:
    """What is sent for the commands given, and how their replies are made of it.

    :ivar units: in the order given.
    :ivar unknown: places of commands whose keys only a server can tell.
    :ivar needs_masters: whether a command is for all masters, and none is known yet.
    """

    def __init__(
        self, members: Members, learned: LearnedKeys, commands: Sequence[Command], found: Mapping[int, int | None]
    ) -> None:
        """Make one.

        :param found: the slots of commands whose keys a server has told, by their places.
        :raises CrossSlotError: the keys of a command, or of a transaction, belong to different slots.
        """
        self.units: list[_Unit] = []
        self.unknown: list[int] = []
        self.needs_masters = False
        self._members = members
        self._learned = learned
        self._found = found
        self._charset = charset = members.options.charset
        self._count = len(commands)
        #: The commands with several parts: place, number of the first part, number behind the last, function.
        self._spreads: list[tuple[int, int, int, Callable[[list[Any]], Any]]] = []
        block: _Unit | None = None
        add = self.units.append
        for place, command in enumerate(commands):
            args = command[0]
            at = ONE_KEY.get(args[0]) if args and type(args[0]) is str else None
            if block is None and at is not None and at < len(args):
                add(_Unit(place, key_slot(args[at], charset), [command]))
            else:
                block = self._add(place, command, block)
        self.is_simple = len(self.units) == self._count and not self._spreads

    def _add(self, place: int, command: Command, block: _Unit | None) -> _Unit | None:
        """Add a command of another kind; returns the transaction that is open behind it."""
        args, convert, _ = command
        name = command_name(args)
        refuse_scan(name)
        if block is not None:
            self._add_to(block, name, command, place)
            return None if name in ("EXEC", "DISCARD") else block
        if name == "MULTI":
            block = _Unit(place, None, [command])
            self.units.append(block)
            return block
        spread = split_by_slot(name, args, self._charset)
        reach = reach_of(name, args) if spread is None else None
        first = len(self.units)
        if spread is not None:
            self.units += [_Unit(-1, slot, [(part, None, command[2])]) for part, slot in spread.parts]
            self._spreads.append((place, first, len(self.units), _joining(spread, convert)))
        elif reach is not None:
            slots = self._members.shards()
            self.needs_masters = self.needs_masters or not slots
            self.units += [_Unit(-1, slot, [(args, None, command[2])]) for slot in slots]
            if reach.replicas:
                nodes = self._members.replicas()
                self.units += [_Unit(-1, None, [(args, None, command[2])], node.address) for node in nodes]
            self._spreads.append((place, first, len(self.units), _joining(reach, convert)))
        else:
            self.units.append(_Unit(place, self._slot_of(place, args), [command]))
        return None

    def _add_to(self, block: _Unit, name: str, command: Command, place: int) -> None:
        block.commands.append(command)
        slot = self._slot_of(place, command[0])
        if slot is None:
            return
        if block.slot is None:
            block.slot = slot
        elif block.slot != slot:
            raise CrossSlotError(
                f"CROSSSLOT the keys of {name} belong to slot {slot}, and the transaction of the pipeline is of slot "
                f"{block.slot}; the same hash tag in braces, as in {{user}}:a and {{user}}:b, keeps keys together"
            )

    def _slot_of(self, place: int, args: Sequence[Any]) -> int | None:
        if command_name(args) == "CLUSTERSCAN":
            return slot_of_cursor(args)
        slot = slot_of_command(args, self._charset)
        if slot != UNKNOWN:
            return slot
        if place in self._found:
            return self._found[place]
        slot = self._learned.slot(args)
        if slot == UNKNOWN:
            self.unknown.append(place)
            return None
        return slot

    def check_encoding(self) -> None:
        """Raise if an argument cannot be sent: the other nodes must not get their commands then.

        :raises InvalidData: as the connections would.
        """
        options = self._members.options
        given: list[Iterable[Any]] = [command[0] for unit in self.units for command in unit.commands]
        encode_commands(given, options.charset, "strict", options.strict)

    def results(self) -> list[Any]:
        """The replies to the commands given, in their order."""
        units = self.units
        if self.is_simple:
            return [unit.reply for unit in units]
        replies: list[Any] = [None] * self._count
        for unit in units:
            if unit.place < 0:
                continue
            count = len(unit.commands)
            if count == 1:
                replies[unit.place] = unit.reply
            else:
                its = unit.reply if isinstance(unit.reply, list) else [unit.reply] * count
                replies[unit.place : unit.place + count] = its
        for place, first, end, join in self._spreads:
            try:
                replies[place] = join([unit.reply for unit in units[first:end]])
            except Exception as error:
                replies[place] = error
        return replies


def _joining(spread: Spread | Reach, convert: Callable[[Any], Any] | None) -> Callable[[list[Any]], Any]:
    def join(replies: list[Any]) -> Any:
        value = joined(replies, spread.join)
        return value if convert is None else convert(value)

    return join


class _Verdict(enum.Enum):
    """What follows a refusal."""

    AT_ONCE = "sent again at once"
    LATER = "sent again after a pause"
    GIVEN_UP = "not sent again"


#: A command that was refused, the refusal, and by which node.
_Refused: TypeAlias = tuple[_Unit, Exception, ClusterNode[Any] | None]


class _Batch:
    """The commands of one call on their way to all nodes.

    :ivar deferred: fires with the replies.
    """

    def __init__(self, members: Members, plan: _Plan, alone: bool, began_at: float, timeout: float | None) -> None:
        self.deferred: Deferred[list[Any]] = Deferred(self._cancel)
        self.members = members
        self.alone = alone
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
        groups: dict[Address | None, list[_Unit]] = {}
        keyless = members.any_master()
        owners = members.owners
        other = None if keyless is None else keyless.address
        for unit in self._plan.units:
            address = owners[unit.slot] if unit.slot is not None else unit.address or other
            if address in groups:
                groups[address].append(unit)
            else:
                groups[address] = [unit]
        if len(groups) > 1:
            self._plan.check_encoding()
        self._chains = [_Chain(self, units) for units in groups.values()]
        self._open = len(self._chains) + 1
        for chain, address in zip(self._chains, groups, strict=True):
            chain.begin(address)
        self.ended()
        return self.deferred

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

    def __init__(self, batch: _Batch, units: list[_Unit]) -> None:
        self._batch = batch
        self._members = batch.members
        self._units = units
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

    def begin(self, address: Address | None) -> None:
        """Send all to the node of an address, or to nobody."""
        self._rounds = self._open = 1
        if address is None:
            self._unsent(self._units, NoSlotError(self._nobody(self._units[0])), None)
        else:
            try:
                node = self._members.node_at(address)
            except NotSentError as error:  # the cluster was closed by an answer to another node's commands
                for unit in self._units:
                    unit.reply = error
            else:
                self._send(node, self._units)
        self._end_one()

    # -- one round

    def _round(self, units: list[_Unit]) -> None:
        """Send commands to the nodes that are to execute them now."""
        self._rounds += 1
        self._open += 1
        groups: dict[ClusterNode[Any] | None, list[_Unit]] = {}
        keyless = self._members.any_master()
        for unit in units:
            try:
                node = self._node_of(unit, keyless)
            except NotSentError as error:  # the cluster is closed, or the node has left
                unit.reply = error
            else:
                groups.setdefault(node, []).append(unit)
        for node, its in groups.items():
            if node is None:
                self._unsent(its, NoSlotError(self._nobody(its[0])), None)
            else:
                self._send(node, its)
        self._end_one()

    def _node_of(self, unit: _Unit, keyless: ClusterNode[Any] | None) -> ClusterNode[Any] | None:
        members = self._members
        if members.closed:
            raise NotSentError("Not connected")
        if unit.ask is not None:
            return members.node_at(unit.ask)
        if unit.slot is not None:
            return members.owner(unit.slot)
        if unit.address is None:
            return keyless
        return members.member(unit.address)

    def _nobody(self, unit: _Unit) -> str:
        return "no node of the cluster is known" if unit.slot is None else f"no node serves the slot {unit.slot}"

    def _send(self, node: ClusterNode[Any], units: list[_Unit]) -> None:
        limit = self._batch.limit
        left = None if limit is None else limit - _now()
        if left is not None and left <= 0:
            self._unsent(units, NotSentError("Not sent: the time limit was over already"), node)
            return
        commands: list[Command] = []
        for unit in units:
            if unit.ask is not None:
                commands.append(_ASKING)
            commands += unit.commands
        blocks = self._batch.alone and any(longest_wait(command[0]) is not None for command in commands)
        if blocks:
            self._refused_at = None
        elif self._refused_at is None and not node.pool.size:
            self._refused_at = _now()
        try:
            sent = _send_to(node, commands, blocks, left, self._patience(node))
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

    def _answered(self, replies: list[Any], node: ClusterNode[Any], units: list[_Unit], sent: Deferred[Any]) -> None:
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

    def _failed(self, failure: Failure, node: ClusterNode[Any], units: list[_Unit], sent: Deferred[Any]) -> None:
        self._sent.pop(sent, None)
        error: Any = failure.value
        if is_refusal(error):
            self._unsent(units, error, node)
        else:
            for unit in units:
                unit.reply = error

    def _unsent(self, units: list[_Unit], error: Exception, node: ClusterNode[Any] | None) -> None:
        for unit in units:
            unit.ask = None
            unit.reply = error
            self._refused.append((unit, error, node))

    def _broken(self, failure: Failure, units: list[_Unit]) -> None:
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

    def _judge_all(self, refused: list[_Refused]) -> list[_Unit]:
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
        numbers = {id(unit): number for number, unit in enumerate(self._units)}
        return sorted(refused, key=lambda each: numbers[id(each[0])])

    def _verdict(self, unit: _Unit, error: Any, node: ClusterNode[Any] | None) -> _Verdict:
        """Decide what follows one refusal; notes where the next attempt goes."""
        members = self._members
        code = error.code if isinstance(error, ResponseError) else ""
        if node is None or code not in ("MOVED", "ASK"):
            if node is not None and code not in ("TRYAGAIN", ""):
                members.note(f"{node.name} answered {code}", node.address)
            return _Verdict.LATER
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
            if unit.address is None:
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


def _send_to(
    node: ClusterNode[Any], commands: list[Command], blocks: bool, timeout: float | None, patience: float
) -> Deferred[list[Any]]:
    """Send commands to a node in one write, as soon as there is a connection.

    :param blocks: whether one of them may block, so that they need a connection of their own.
    :param timeout: seconds until the last reply; None: ``replyTimeout``.
    :param patience: seconds for a connection, unless they block.
    """
    pool = node.pool
    if blocks:
        pool.start()
        return send_on_pool(pool, commands, True, timeout)
    connection = pool.connectionQueue.pick()
    if connection is not None:
        return send_batch(connection, commands, timeout)

    def use(connection: RedisProtocol, left: float) -> Deferred[list[Any]]:
        rest = None if timeout is None else max(timeout - (patience - left), MIN_TIMEOUT_SECONDS)
        return send_batch(connection, commands, rest)

    return within(pool.getConnection(True), patience, use, pool.why_not_connected)
