"""What commands of this process may change, found in their bytes: so every way of sending one is seen.

A command that is not known to only read has an *effect*: before its Deferred fires, each of its arguments that is the
name of a kept or fetched key is dropped. No table of key positions can be wrong then. While MULTI is open the effects
are collected, and are those of EXEC.

This module must not know how anything is kept.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence

from .._tunables import CACHED_KEY_MAX_BYTES, COMMAND_NAME_MAX_CHARACTERS
from ..commands._parts import SCRIPTS, command_name

__all__ = ["Effect", "Effects", "Touching", "commands_in"]

#: Bytes of the number in a header of RESP, at most.
_HEADER_BYTES = 24


class Touching(enum.Enum):
    """What a command may change."""

    NOTHING = "nothing"
    #: Keys among its arguments.
    ARGUMENTS = "arguments"
    #: Keys among its arguments, and perhaps others: a script need not declare its keys.
    SCRIPT = "script"
    EVERYTHING = "everything"
    MULTI = "multi"
    EXEC = "exec"
    DISCARD = "discard"


_OF_NAME = {
    "MULTI": Touching.MULTI,
    "EXEC": Touching.EXEC,
    "DISCARD": Touching.DISCARD,
    # Those that servers do not flag as writing.
    **dict.fromkeys(
        ("FLUSHALL", "FLUSHDB", "SWAPDB", "DEBUG", "REPLICAOF", "SLAVEOF", "FAILOVER", "RESTORE-ASKING"),
        Touching.EVERYTHING,
    ),
}

#: What was found out about names, as they are sent; the bound is that of a program's vocabulary.
_known: dict[bytes, Touching] = {}
_MOST_KNOWN = 4096


def commands_in(data: bytes) -> Iterator[list[bytes | None]]:
    """Split encoded commands into their arguments; None stands for those that are too long to be a kept key's name.

    :param data: commands as the encoder makes them.
    """
    at, end = 0, len(data)
    while at < end:
        line = data.index(b"\r\n", at, at + _HEADER_BYTES)
        count, at = int(data[at + 1 : line]), line + 2
        command: list[bytes | None] = []
        for _ in range(count):
            line = data.index(b"\r\n", at, at + _HEADER_BYTES)
            size, at = int(data[at + 1 : line]), line + 2
            command.append(data[at : at + size] if size <= CACHED_KEY_MAX_BYTES else None)
            at += size + 2
        yield command


def touching(command: Sequence[bytes | None]) -> Touching:
    """Tell what a command may change.

    :param command: its name and arguments, as they are sent.
    """
    verb = command[0]
    if verb is None:
        return Touching.EVERYTHING  # a name of that length is no command's
    found = _known.get(verb)
    if found is not None:
        return found
    name = command_name(command)
    found = _OF_NAME.get(name) or _by_flags(name)
    if found is None:
        return (len(command) > 1 and _by_flags(f"{name} {command_name(command[1:])}")) or Touching.EVERYTHING
    if len(name) <= COMMAND_NAME_MAX_CHARACTERS and len(_known) < _MOST_KNOWN:
        _known[verb] = found
    return found


def _by_flags(name: str) -> Touching | None:
    """What the table says of a name; None if it does not have it."""
    from ..commands._parts.facts import command_facts

    facts = command_facts(name)
    if facts is None:
        return None
    if "readonly" in facts.flags:
        return Touching.NOTHING
    if name in SCRIPTS:
        return Touching.SCRIPT
    if "write" in facts.flags:
        return Touching.ARGUMENTS if facts.keys else Touching.EVERYTHING
    return Touching.NOTHING


class Effect:
    """What some commands may have changed. Called before their Deferred fires."""

    __slots__ = ("_apply", "everything", "names", "scripts")

    def __init__(self, apply: Callable[[Effect], object]) -> None:
        """Make one of no commands.

        :param apply: called with this object; must not raise.
        """
        self.names: list[bytes | None] = []
        self.scripts = False
        self.everything = False
        self._apply = apply

    def __call__(self) -> None:
        """Drop what may have changed."""
        self._apply(self)

    def add(self, kind: Touching, command: Sequence[bytes | None]) -> None:
        """Add what a command may change."""
        if kind is Touching.EVERYTHING:
            self.everything = True
        elif kind is not Touching.NOTHING:
            self.names += command[1:]
            self.scripts = self.scripts or kind is Touching.SCRIPT

    def add_all(self, other: Effect) -> None:
        """Add what the commands of another effect may change."""
        self.names += other.names
        self.scripts = self.scripts or other.scripts
        self.everything = self.everything or other.everything

    def __bool__(self) -> bool:
        return bool(self.names or self.everything or self.scripts)


class Effects:
    """The effects of the commands of one connection, in their order: what ``RequestQueue.effects`` is set to."""

    def __init__(self, apply: Callable[[Effect], object]) -> None:
        """Make one; see :class:`Effect`."""
        self._apply = apply
        #: What the commands of the open MULTI may change; None: it is not open.
        self._multi: Effect | None = None

    def __call__(self, data: bytes) -> Effect | None:
        """Return the effect of the commands that are about to be sent; None if they have none."""
        effect: Effect | None = None
        for command in commands_in(data):
            kind = touching(command)
            if kind is Touching.NOTHING:
                continue
            if kind is Touching.MULTI:
                self._multi = self._multi or Effect(self._apply)
            elif kind is Touching.DISCARD:
                self._multi = None
            elif kind is Touching.EXEC:
                if self._multi is not None:
                    effect = effect or Effect(self._apply)
                    effect.add_all(self._multi)
                    self._multi = None
            elif self._multi is not None:
                self._multi.add(kind, command)
            else:
                effect = effect or Effect(self._apply)
                effect.add(kind, command)
        return effect
