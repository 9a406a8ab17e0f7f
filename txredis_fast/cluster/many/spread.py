"""Commands of several slots or nodes: taken apart, and the replies of the parts put together.

A command whose keys belong to several slots becomes one command for each slot. A command about all data, or about all
servers, is sent to each shard or node as it is. What the servers say of that in their command table is followed, with
these exceptions: PING asks one node, because it is no health check of all; INFO, MEMORY STATS, LATENCY, SLOWLOG GET and
COMMANDLOG GET are about one server, so they ask one node (``rc.on_all`` asks each).

A :class:`Plan` does so for the commands of a pipeline: it has the units to send, and makes the replies of theirs.

This module must not know how anything is sent.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeAlias

from ..._types import Arguments, Reply
from ...batching import Command
from ...commands._parts import command_name
from ...commands._parts.keys import ONE_KEY
from ...exceptions import (
    BusyError,
    CrossSlotError,
    InvalidResponse,
    MaybeExecutedError,
    NotSentError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from ...inflight import as_exception
from ...options import ClusterOptions
from ...resp import encode_commands, fixed_arguments, key_slot
from ..members import Members
from ..redirects import is_refusal, is_refusing_reply
from ..routing import SPLIT_STEPS, UNKNOWN, LearnedKeys, groups_of_slots, slot_of_command
from ..topology import Address

__all__ = [
    "Plan",
    "Reach",
    "Spread",
    "Unit",
    "check_encoding",
    "has_several_slots",
    "joined",
    "only_value",
    "reach_of",
    "refuse_of_one_node",
    "slot_of_cursor",
    "split_by_slot",
]

#: Makes one value of the replies of all parts.
Join: TypeAlias = Callable[[list[Any]], Any]


class Spread(NamedTuple):
    """A command whose keys belong to several slots, cut into one for each slot.

    :ivar parts: of each slot the command.
    """

    parts: dict[int, Arguments]
    join: Join


class Reach(NamedTuple):
    """Where a command is sent that is about more than one node.

    :ivar replicas: whether to the replicas, too, or to the masters alone.
    """

    replicas: bool
    join: Join


# -- putting together


def joined(replies: Sequence[Reply], join: Join) -> Reply:
    """Make one value of the replies of all parts, error replies and other failures among them.

    :raises Exception: the error of the first part that failed. :exc:`.MaybeExecutedError` if that part was not
        sent, or refused because of its node's state, and others were not: then the command was executed in part.
    """
    if join is _first_success:
        return join(list(replies))
    for reply in replies:
        if _was_left_out(reply) and not all(map(_was_left_out, replies)):
            why = "was not reached" if isinstance(reply, NotSentError) else "has refused it"
            raise MaybeExecutedError(f"The command was executed in part, because a node {why}: {reply}") from reply
        if isinstance(reply, Exception):
            raise reply
    return join(list(replies))


def _was_left_out(reply: object) -> bool:
    """Whether a node has executed nothing, so that a policy may have the whole sent again."""
    return isinstance(reply, NotSentError | BusyError) or (isinstance(reply, ResponseError) and is_refusal(reply))


def only_value(replies: Sequence[Reply]) -> Reply:
    """The reply to the only command of a batch.

    :raises Exception: it is an error.
    """
    if isinstance(replies[0], Exception):
        raise replies[0]
    return replies[0]


def _first(replies: list[Reply]) -> Reply:
    return replies[0]


def _least(replies: list[Reply]) -> Reply:
    """The smallest; of lists, the smallest at each place."""
    if isinstance(replies[0], list):
        return [min(values) for values in zip(*replies, strict=True)]
    return min(replies)


def _concatenated(replies: list[Any]) -> list[Any]:
    return [element for reply in replies for element in reply]


def _any_key(replies: list[Reply]) -> Reply:
    """A random key of a master that has one: RANDOMKEY."""
    keys = [reply for reply in replies if reply is not None]
    return random.choice(keys) if keys else None


def _first_success(replies: list[Reply]) -> Reply:
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
    parts: dict[int, Arguments] = {}
    for slot, numbers in groups.items():
        if step == 1 and len(numbers) == 1:
            parts[slot] = args[0], args[numbers[0] + 1]
        else:
            parts[slot] = args[0], *_of_steps(args, 1, step, numbers)
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


def has_several_slots(name: str, args: Sequence[Any], charset: str | None) -> bool:
    """Whether :func:`split_by_slot` takes a command apart; as far as can be told without doing it.

    :param name: the command's name in upper case.
    """
    if name == "MSETEX":
        return _split_msetex(args, charset) is not None
    step = SPLIT_STEPS.get(name)
    if step is None or len(args) < 2 + step:
        return False
    first = key_slot(args[1], charset)
    return any(key_slot(key, charset) != first for key in args[1 + step :: step])


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
    parts: dict[int, Arguments] = {
        slot: (args[0], len(numbers), *_of_steps(args, 2, 2, numbers), *options) for slot, numbers in groups.items()
    }
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


#: Commands that are about one node or one connection -> the advice of the error.
_OF_ONE_NODE: Final = {
    "SCAN": "SCAN has a cursor of one node: use rc.scan_iter(), which goes through the whole cluster, or the scan() of "
    "a node, as in rc.node_for(key).scan()",
    "ASKING": "ASKING belongs to the next command on its connection: redirections are followed without it",
    "READONLY": "READONLY belongs to one connection: the option readFrom says which nodes serve what only reads",
    "READWRITE": "READWRITE belongs to one connection: the option readFrom says which nodes serve what only reads",
}


def refuse_of_one_node(name: str) -> None:
    """Raise for a command that means something to one node, or to one connection, alone.

    :raises RedisError: it is one; the text says what to use.
    """
    if name in _OF_ONE_NODE:
        raise RedisError(_OF_ONE_NODE[name])


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


# -- several commands


class Unit:
    """A unit that a node executes whole or refuses whole: a command, or a transaction from MULTI to EXEC.

    :ivar place: index among the commands given; -1 for a part of one.
    :ivar slot: None without keys.
    :ivar address: of the only node that it is for; None: the node that serves the slot.
    :ivar ask: the node that ASK has named, for the next attempt.
    :ivar reply: of a transaction, the list of all replies, or its error.
    """

    __slots__ = ("address", "ask", "commands", "place", "redirections", "reply", "slot")

    def __init__(
        self, place: int, slot: int | None, commands: Sequence[Command], address: Address | None = None
    ) -> None:
        self.place = place
        self.slot = slot
        self.commands = commands
        self.address = address
        self.ask: Address | None = None
        self.redirections = 0
        self.reply: Reply = None

    def refusal(self) -> Exception | None:
        """The reply that says that nothing of it was executed; None if there is none."""
        reply = self.reply
        if len(self.commands) > 1:
            return self._refusal_of_transaction(reply)
        return reply if is_refusing_reply(reply, self.commands[0]) else None

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


class Plan:
    """The units to send for the commands given, and the way to make the commands' replies of theirs.

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
        self.units: list[Unit] = []
        self.unknown: list[int] = []
        self.needs_masters = False
        self._members = members
        self._learned = learned
        self._found = found
        self._charset = charset = members.options.charset
        self._count = len(commands)
        #: The commands with several parts: place, number of the first part, number behind the last, function.
        self._spreads: list[tuple[int, int, int, Callable[[list[Any]], Any]]] = []
        #: The commands of the transaction that is open.
        self._transaction: list[Command] = []
        block: Unit | None = None
        add = self.units.append
        for place, command in enumerate(commands):
            args = command[0]
            at = ONE_KEY.get(args[0]) if args and type(args[0]) is str else None
            if block is None and at is not None and at < len(args):
                add(Unit(place, key_slot(args[at], charset), (command,)))
            else:
                block = self._add(place, command, block)
        self.is_simple = len(self.units) == self._count and not self._spreads

    def _add(self, place: int, command: Command, block: Unit | None) -> Unit | None:
        """Add a command of another kind; returns the transaction that is open behind it."""
        args, convert, _ = command
        name = command_name(args)
        refuse_of_one_node(name)
        if block is not None:
            self._add_to(block, name, command, place)
            return None if name in ("EXEC", "DISCARD") else block
        if name == "MULTI":
            self._transaction = [command]
            block = Unit(place, None, self._transaction)
            self.units.append(block)
            return block
        spread = split_by_slot(name, args, self._charset)
        reach = reach_of(name, args) if spread is None else None
        first = len(self.units)
        if spread is not None:
            self.units += [Unit(-1, slot, ((part, None, command[2]),)) for slot, part in spread.parts.items()]
            self._spreads.append((place, first, len(self.units), _joining(spread, convert)))
        elif reach is not None:
            slots = self._members.shards()
            self.needs_masters = self.needs_masters or not slots
            self.units += [Unit(-1, slot, ((args, None, command[2]),)) for slot in slots]
            if reach.replicas:
                nodes = self._members.replicas()
                self.units += [Unit(-1, None, ((args, None, command[2]),), node.address) for node in nodes]
            self._spreads.append((place, first, len(self.units), _joining(reach, convert)))
        else:
            self.units.append(Unit(place, self._slot_of(place, args), (command,)))
        return None

    def _add_to(self, block: Unit, name: str, command: Command, place: int) -> None:
        self._transaction.append(command)
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

    def results(self) -> list[Any]:
        """The replies to the commands given, in their order."""
        units = self.units
        if self.is_simple:
            return [unit.reply for unit in units]
        replies: list[Any] = [None] * self._count
        for unit in units:
            if unit.place < 0:
                continue
            if (count := len(unit.commands)) == 1:
                replies[unit.place] = unit.reply
            else:
                its = unit.reply if isinstance(unit.reply, list) else [unit.reply] * count
                replies[unit.place : unit.place + count] = its
        for place, first, end, join in self._spreads:
            try:
                replies[place] = join([unit.reply for unit in units[first:end]])
            except BaseException as error:
                replies[place] = as_exception(error)
        return replies


def check_encoding(commands: Sequence[Command], options: ClusterOptions) -> None:
    """Raise if an argument cannot be sent: before one of several nodes gets its commands.

    :raises InvalidData: as the connections would.
    """
    given: list[Iterable[Any]] = [command[0] for command in commands]
    encode_commands(given, options.charset, "strict", options.strict)


def _joining(spread: Spread | Reach, convert: Callable[[Any], Any] | None) -> Callable[[list[Any]], Any]:
    def join(replies: list[Reply]) -> Reply:
        value = joined(replies, spread.join)
        return value if convert is None else convert(value)

    return join
