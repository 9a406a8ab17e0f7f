"""Traits of commands by their names: which commands only read, and which ones may block.

The names are those that COMMAND of Redis 7.0, Redis 8.2 and Valkey 9.1 flags so: see :mod:`.facts`. This module must
not know how a command is sent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from ..table import TABLE

__all__ = ["BLOCKING", "READ_ONLY", "SCRIPTS", "command_name", "is_read_only", "longest_wait", "with_less_wait"]


def _names_with_flag(flag: str) -> frozenset[str]:
    found = set()
    for line in TABLE.splitlines():
        name, _, _, flags, _ = line.split("|", 4)
        if flag in flags and flag in flags.split():
            found.add(name)
    return frozenset(found)


#: Names in upper case. A command of two words has one name: ``"OBJECT ENCODING"``.
READ_ONLY = _names_with_flag("readonly")

#: Command that blocks only with its option BLOCK -> index of the argument from which on that may stand.
_BLOCK_FROM = {"TS.READ": 3, "XREAD": 1, "XREADGROUP": 4}

#: Commands whose reply the server may delay. (One of a module stands here by its name, because few programs ask for
#: their table.)
BLOCKING = _names_with_flag("blocking") | {"TS.READ"}

#: Commands that run a program's script, which may reply with any error after it has written something.
SCRIPTS = _names_with_flag("no_mandatory_keys")

#: Blocking command -> index of the argument with its time limit, and units per second.
_LIMITS = {
    "BLMOVE": (-1, 1),
    "BLMOVEM": (5, 1),
    "BLMPOP": (1, 1),
    "BLPOP": (-1, 1),
    "BRPOP": (-1, 1),
    "BRPOPLPUSH": (-1, 1),
    "BZMPOP": (1, 1),
    "BZPOPMAX": (-1, 1),
    "BZPOPMIN": (-1, 1),
    "WAIT": (2, 1000),
    "WAITAOF": (3, 1000),
}


def command_name(args: Sequence[Any]) -> str:
    """Return the command's name in upper case; "" if it is not text."""
    return _text(args[0]) if args else ""


def _text(argument: object) -> str:
    # With the methods of the base types, as the encoder does: a subclass may override them.
    if isinstance(argument, bytes | bytearray | memoryview):
        return str(memoryview(argument), "ascii", "replace").upper()
    return str.upper(argument) if isinstance(argument, str) else ""


def is_read_only(args: Sequence[Any]) -> bool:
    """Tell whether the command only reads, so that it may be sent again after a lost reply."""
    name = command_name(args)
    if "." in name:
        return name in _read_only_of_modules()
    return name in READ_ONLY or (len(args) > 1 and f"{name} {_text(args[1])}" in READ_ONLY)


@cache
def _read_only_of_modules() -> frozenset[str]:
    from ..module_table import MODULE_TABLE  # few programs ask for these

    rows = (line.split("|") for line in MODULE_TABLE.splitlines())
    return frozenset(name for name, flags, _ in rows if "readonly" in flags)


def longest_wait(args: Sequence[Any], name: str | None = None) -> float | None:
    """Return the time limit of a blocking command in seconds.

    :param name: the command's name in upper case, if the caller knows it.
    :returns: None for a command that does not block; ``math.inf`` for a blocking command without a time limit; 0 for a
        malformed time limit, because the server refuses it at once.
    """
    name = command_name(args) if name is None else name
    if name not in BLOCKING:
        return None
    if name in _LIMITS:
        place, units = _LIMITS[name]
        return _seconds(args, place, units)
    # XREAD [COUNT n] [BLOCK ms] STREAMS ...; XREADGROUP GROUP group consumer [COUNT n] [BLOCK ms] [NOACK] STREAMS ...;
    # TS.READ key timestamp [BLOCK ms n] [MAX_COUNT n]
    place = _BLOCK_FROM[name]
    while place < len(args):
        option = _text(args[place])
        if option == "BLOCK":
            return _seconds(args, place + 1, 1000)
        if option == "STREAMS":
            return None
        place += 2 if option == "COUNT" else 1
    return None


def _seconds(args: Sequence[Any], place: int, units: int) -> float:
    try:
        seconds = float(args[place]) / units
    except (IndexError, TypeError, ValueError):
        return 0.0
    return math.inf if seconds == 0 or math.isnan(seconds) else max(seconds, 0.0)


def with_less_wait(args: Sequence[Any], waited: float) -> Sequence[Any]:
    """Return a blocking command with the rest of its time limit, to wait on another server.

    :param waited: seconds that have passed.
    :returns: the same command if it has no time limit; else one that waits for a millisecond at least.
    """
    limit = longest_wait(args)
    name = command_name(args)
    if limit is None or limit in (0, math.inf):
        return args
    if name in _LIMITS:
        place, units = _LIMITS[name]
    else:
        start = _BLOCK_FROM[name]  # a group may have any name
        place, units = 1 + next(place for place in range(start, len(args)) if _text(args[place]) == "BLOCK"), 1000
    left = max(limit - waited, 0.001)
    changed = list(args)
    changed[place] = max(round(left * units), 1) if units > 1 else round(left, 3)
    return changed
