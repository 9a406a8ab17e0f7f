"""Where a command goes: to the node of one slot, to several slots, or to nodes that its policy names.

The keys are found by the table of commands (:mod:`~txredis_fast.commands._parts.keys`). A channel of sharded pub/sub is
hashed like a key. This module must not know nodes or connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred, DeferredList, succeed
from twisted.python.failure import Failure

from .._checks import as_text, shown
from .._reactor import current_reactor
from .._tunables import MIN_TIMEOUT_SECONDS
from .._types import Reply
from ..commands._parts import command_name
from ..commands._parts.keys import ONE_KEY, keys_of, sort_patterns
from ..exceptions import CrossSlotError, InvalidData
from ..resp import key_slot

__all__ = [
    "SPLIT_STEPS",
    "UNKNOWN",
    "LearnedKeys",
    "groups_of_slots",
    "keys_and_channels",
    "slot_of_command",
    "slot_of_keys",
]

#: By the name of a command whose keys may belong to any slots: how many arguments belong together, the key first.
SPLIT_STEPS: Final[dict[str, int]] = {"DEL": 1, "EXISTS": 1, "MGET": 1, "MSET": 2, "TOUCH": 1, "UNLINK": 1}

#: The value of :func:`slot_of_command` where only a server can tell the keys.
UNKNOWN: Final = -1

#: Commands whose channel is hashed like a key: name -> place of the channel.
_CHANNELS: Final = {"SPUBLISH": 1}


def slot_of_command(args: Sequence[Any], charset: str | None = "utf-8") -> int | None:
    """Find the slot of a command.

    :param args: the command's name, str or bytes-like in any case, and its arguments.
    :param charset: that of the connections: what is hashed are the bytes that are sent.
    :returns: the slot; None for a command without keys; :data:`UNKNOWN` for one that the table does not have.
    :raises CrossSlotError: its keys belong to different slots.
    :raises InvalidData: a key, or the number of keys, cannot be one.
    """
    place = ONE_KEY.get(args[0]) if args and type(args[0]) is str else None
    if place is not None and place < len(args):
        return key_slot(args[place], charset)
    name = command_name(args)
    keys = keys_and_channels(name, args)
    if keys is None:
        return UNKNOWN
    if not keys:
        return None
    slot = slot_of_keys(name, keys, charset)
    for pattern in sort_patterns(args):
        # A pattern whose tag holds no asterisk makes keys of one slot; of others the server must judge.
        if _has_closed_tag(pattern) and key_slot(pattern, charset) != slot:
            raise CrossSlotError(
                f"CROSSSLOT {name} of {shown(keys[0])} reads keys of {shown(pattern)}, which belong to another slot; "
                "the same hash tag in braces keeps them together"
            )
    return slot


def keys_and_channels(name: str, args: Sequence[Any]) -> list[Any] | None:
    """The keys of a command, or its channel; None if the table does not have it.

    :param name: the command's name in upper case.
    """
    place = _CHANNELS.get(name)
    return keys_of(args) if place is None else list(args[place : place + 1])


def slot_of_keys(name: str, keys: Sequence[Any], charset: str | None = "utf-8") -> int:
    """The one slot of several keys.

    :param name: of the command, for the error.
    :param keys: at least one.
    :raises CrossSlotError: they belong to different slots; the error names two of them.
    """
    slot = key_slot(keys[0], charset)
    for key in keys[1:]:
        if key_slot(key, charset) != slot:
            raise CrossSlotError(
                f"CROSSSLOT the keys of {name} must belong to one slot, and {shown(keys[0])} and {shown(key)} do not; "
                "the same hash tag in braces, as in {user}:a and {user}:b, keeps them together"
            )
    return slot


def groups_of_slots(name: str, args: Sequence[Any], charset: str | None) -> dict[int, list[int]]:
    """Which keys of a command that may be split belong to each slot.

    :param name: a name of :data:`SPLIT_STEPS`.
    :returns: slot -> the numbers of its keys, counted from 0, in ascending order.
    :raises InvalidData: there is no key, or a value is missing.
    """
    step = SPLIT_STEPS[name]
    if len(args) < 2 or (len(args) - 1) % step:
        raise InvalidData(f"{name} needs {'a value for each key' if step == 2 else 'a key'}")
    groups: dict[int, list[int]] = {}
    for number, key in enumerate(args[1::step]):
        groups.setdefault(key_slot(key, charset), []).append(number)
    return groups


def _has_closed_tag(pattern: str | bytes) -> bool:
    text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    start = text.find("{") + 1
    end = text.find("}", start)
    return 0 < start < end and "*" not in text[start:end]


#: Names of which it is remembered where their keys are.
LEARNED_NAMES: Final = 1024


class LearnedKeys:
    """Where commands have their keys that the table does not have, such as a module's: learned from the servers.

    COMMAND INFO is asked once for each name. Where it says that the places depend on the arguments, COMMAND GETKEYS is
    asked each time. If a server does not tell, the command goes to any node, whose MOVED leads to the right one.
    """

    def __init__(self, ask: Callable[..., Deferred[Any]], charset: str | None) -> None:
        """Make it.

        :param ask: sends a command to any node; fires with the reply.
        """
        self._ask = ask
        self._charset = charset
        #: Name -> first key, last key, step, as COMMAND INFO has them; None: they depend on the arguments.
        self._places: dict[str, tuple[int, int, int] | None] = {}

    def slot(self, args: Sequence[Any]) -> int | None:
        """The slot of a command, by what was learned; :data:`UNKNOWN` if that does not tell.

        :raises CrossSlotError: its keys belong to different slots.
        """
        name = command_name(args)
        places = self._places.get(name)
        if places is None:
            return UNKNOWN
        first, last, step = places
        keys = args[first : len(args) + last + 1 if last < 0 else last + 1 : max(step, 1)] if first > 0 else ()
        return slot_of_keys(name, keys, self._charset) if keys else None

    def ask_slot(self, args: Sequence[Any], timeout: float | None = None) -> Deferred[int | None]:
        """Ask for the slot of a command.

        :param timeout: seconds for all that is asked; None: no limit but that of the connection.
        :returns: fires with the slot, None if nobody tells; fails as :meth:`slot` raises.
        """
        name, began_at = command_name(args), current_reactor().seconds()

        def find(_: object) -> int | Deferred[int | None] | None:
            if timeout is None:
                return self._find(name, args, None)
            left = timeout - (current_reactor().seconds() - began_at)
            return self._find(name, args, max(left, MIN_TIMEOUT_SECONDS))

        if name in self._places:
            asked: Deferred[Any] = succeed(None)
        else:
            asked = self._ask("COMMAND", "INFO", name, raw=True, timeout=timeout).addCallback(self._learn, name)
        found: Deferred[int | None] = asked.addCallback(find)
        return found.addErrback(_unless_refused)

    def ask_slots(self, commands: Iterable[Sequence[Any]], timeout: float | None = None) -> Deferred[list[int | None]]:
        """Ask for the slots of several commands; fires with a list, fails as :meth:`ask_slot` does."""

        def slots(found: list[tuple[bool, Any]]) -> list[int | None]:
            for is_found, slot in found:
                if not is_found:
                    slot.raiseException()
            return [slot for _, slot in found]

        asking: Deferred[Any] = DeferredList([self.ask_slot(args, timeout) for args in commands], consumeErrors=True)
        return asking.addCallback(slots)

    def _learn(self, reply: Reply, name: str) -> None:
        places: tuple[int, int, int] | None = (0, 0, 0)
        if isinstance(reply, list) and reply and isinstance(reply[0], list):
            _, _, its_flags, first, last, step, *more = reply[0]
            subcommands = more[3] if len(more) > 3 else ()
            movable = any(as_text(flag) == "movablekeys" for flag in its_flags)
            places = None if movable or subcommands else (int(first), int(last), int(step))
        if len(self._places) >= LEARNED_NAMES:
            del self._places[next(iter(self._places))]
        self._places[name] = places

    def _find(self, name: str, args: Sequence[Any], timeout: float | None) -> int | Deferred[int | None] | None:
        slot = self.slot(args)
        if slot != UNKNOWN:
            return slot
        asked = self._ask("COMMAND", "GETKEYS", *args, raw=True, timeout=timeout)
        return asked.addCallback(lambda keys: slot_of_keys(name, keys, self._charset) if keys else None)


def _unless_refused(failure: Failure) -> Any:
    """No server tells: the command then goes to any node. But its keys must belong to one slot."""
    return failure if failure.check(CancelledError, CrossSlotError, InvalidData) else None
