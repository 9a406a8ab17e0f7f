"""Facts about each command, as servers report them, read from the generated table: flags, keys, policies, replies.

A line of the table is split when its command is first asked for. What every program needs of the table is in
:mod:`.traits`; this module is imported where it is needed. It must not know how a command is sent.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from ..table import TABLE

__all__ = ["CommandFacts", "KeySpec", "command_facts", "known_commands"]


class KeySpec(NamedTuple):
    """Where a command has keys, as COMMAND INFO describes it. The command's name is the argument 0.

    ``begins_at`` is an index, or ``keyword`` is searched for from ``begins_at`` on (negative: from the end, backwards)
    and the keys follow it. Both None: the server cannot say.

    With ``counted``, ``(index of the number, index of the first key, step)`` relative to the beginning, the number of
    keys is an argument. Else ``last`` is the last key's index relative to the beginning, or, if negative, counted from
    the end; ``step`` leads from key to key; a ``limit`` of 2 means that keys are the first half of the arguments.
    """

    #: ``"RO"``, ``"RW"``, ``"OW"`` or ``"RM"``: how the command uses the keys' values; "" if they are no keys.
    access: str
    #: Letters: ``a`` returns data, ``u`` updates, ``i`` inserts, ``d`` deletes; ``n`` not a key (a hashed name, such
    #: as a channel); ``p`` the spec may miss keys; ``v`` options change the flags.
    flags: str
    begins_at: int | None
    keyword: str | None
    last: int | None
    step: int
    limit: int
    counted: tuple[int, int, int] | None


class CommandFacts(NamedTuple):
    """One command, or one subcommand, as servers describe it."""

    #: In upper case; a subcommand's has two words.
    name: str
    #: The version that brought it, of Redis, or of Valkey for what only Valkey has.
    since: str
    #: Number of arguments with the name; negative: at least so many.
    arity: int
    #: Flags as COMMAND has them: ``"readonly"``, ``"blocking"`` ...
    flags: frozenset[str]
    keys: tuple[KeySpec, ...]
    #: Where a cluster's client sends it: "", ``"all_nodes"``, ``"all_shards"``, ``"multi_shard"``, ``"special"``.
    request_policy: str
    #: How the nodes' replies become one: "", ``"all_succeeded"``, ``"agg_sum"`` ...
    response_policy: str
    #: Bytes that its replies begin with under RESP2 and RESP3; ``_`` is every null.
    replies: str
    replies3: str


def known_commands() -> frozenset[str]:
    """Return the names of all commands of the table; without those of modules."""
    return frozenset(_lines())


def command_facts(name: str) -> CommandFacts | None:
    """Look up a command.

    :param name: in upper case; of a subcommand both words, ``"OBJECT ENCODING"``.
    :returns: None if no table has it. Of a command of a module only flags and keys are known.
    """
    line = _lines().get(name) or _module_lines().get(name)
    return None if line is None else _read(line)


@cache
def _lines() -> dict[str, str]:
    return {line[: line.index("|")]: line for line in TABLE.splitlines()}


@cache
def _module_lines() -> dict[str, str]:
    from ..module_table import MODULE_TABLE  # few programs ask for these

    rows = (line.split("|") for line in MODULE_TABLE.splitlines())
    return {name: f"{name}||-1|{flags}|{keys}||||" for name, flags, keys in rows}


@cache
def _read(line: str) -> CommandFacts:
    name, since, arity, flags, keys, request, response, replies, replies3 = line.split("|")
    specs = tuple(map(_key_spec, keys.split()))
    return CommandFacts(name, since, int(arity), frozenset(flags.split()), specs, request, response, replies, replies3)


def _key_spec(text: str) -> KeySpec:
    flags, _, place = text.partition("@")
    start, _, extent = place.partition(":")
    access = flags[:2] if flags[:2].isupper() else ""
    begins_at, keyword = _beginning(start)
    last, step, limit, counted = None, 1, 0, None
    if extent.startswith("#"):
        number, first, step = map(int, extent[1:].split(","))
        counted = (number, first, step)
    elif extent != "?":
        last, step, limit = map(int, extent.split(","))
    return KeySpec(access, flags[len(access) :], begins_at, keyword, last, step, limit, counted)


def _beginning(start: str) -> tuple[int | None, str | None]:
    if start == "?":
        return None, None
    if start.isdigit():
        return int(start), None
    sign = max(start.find("+"), start.find("-"))
    return int(start[sign:]), start[:sign]
