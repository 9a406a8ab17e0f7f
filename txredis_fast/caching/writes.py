"""The keys that commands of this process may change, found in their bytes: so every way of sending one is seen.

A command that is not known to only read may change each key that is one of its arguments. No table of key positions can
be wrong then. :mod:`._pyeffects` has the consequences.

This module must not know how anything is kept.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Final

from .._tunables import CACHED_KEY_MAX_BYTES, COMMAND_NAME_MAX_CHARACTERS
from ..commands._parts import SCRIPTS, command_name

__all__ = ["KNOWN", "Touching", "commands_in", "touching"]

#: Bytes of the number in a header of RESP, at most.
_HEADER_BYTES = 24


class Touching(enum.Enum):
    """The keys that a command may change."""

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

#: Findings about command names, as they are sent; the bound is that of a program's vocabulary.
KNOWN: Final[dict[bytes, Touching]] = {}
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
    """Tell which keys a command may change.

    :param command: its name and arguments, as they are sent.
    """
    verb = command[0]
    if verb is None:
        return Touching.EVERYTHING  # a name of that length is no command's
    found = KNOWN.get(verb)
    if found is not None:
        return found
    name = command_name(command)
    found = _OF_NAME.get(name) or _by_flags(name)
    if found is None:
        return (len(command) > 1 and _by_flags(f"{name} {command_name(command[1:])}")) or Touching.EVERYTHING
    if len(name) <= COMMAND_NAME_MAX_CHARACTERS and len(KNOWN) < _MOST_KNOWN:
        KNOWN[verb] = found
    return found


def _by_flags(name: str) -> Touching | None:
    """The finding by the table of commands; None if it does not have the name."""
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
