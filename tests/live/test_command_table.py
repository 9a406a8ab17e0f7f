"""The table of commands says what the servers say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from testbed import command_table

from txredis_fast.commands._parts.facts import command_facts
from txredis_fast.commands.table import TABLE

pytestmark = pytest.mark.self_check

#: The flags that decide what this package does with a command.
DECISIVE = {"readonly", "write", "blocking", "no_mandatory_keys", "pubsub", "movablekeys"}

#: What Redis 7.0 said otherwise than today's servers: command -> the column.
OLDER = {
    *(("WAIT", "flags"), ("RANDOMKEY", "policies"), ("LATENCY RESET", "policies"), ("SCAN", "policies")),
    *(("CLIENT SETNAME", "policies"), ("MSETNX", "policies"), ("CONFIG REWRITE", "policies")),
    *(("CONFIG RESETSTAT", "policies"), ("ACL SETUSER", "policies"), ("ACL DELUSER", "policies")),
    *(("ACL SAVE", "policies"),),
}


def text(reply: Any) -> Any:
    if isinstance(reply, list):
        return [text(element) for element in reply]
    return reply.decode() if isinstance(reply, bytes) else reply


def described(commands: list[Any]) -> Iterator[list[Any]]:
    """Each executable command of COMMAND's reply, and their subcommands."""
    for command in commands:
        if not command[9] or command[0] == "command":
            yield command
        yield from described(command[9])


def paired(reply: list[Any]) -> Any:
    """A key spec as the table's maker reads it."""
    nested = ("begin_search", "find_keys", "spec")
    return {name: paired(value) if name in nested else value for name, value in pairs(reply)}


def pairs(reply: list[Any]) -> Iterator[tuple[str, Any]]:
    return zip(reply[::2], reply[1::2], strict=True)


def places(specs: list[str]) -> list[str]:
    """Where the keys are; servers differ in how they word what is done with them."""
    return [spec.partition("@")[2] for spec in specs]


def differences(reply: list[Any]) -> set[tuple[str, str]]:
    """Command and column, where the table does not say what a server says."""
    lines = {line.split("|")[0]: line.split("|") for line in TABLE.splitlines()}
    found: set[tuple[str, str]] = set()
    for name, _, flags, _, _, _, _, tips, keys, _ in described(text(reply)):
        name = name.upper().replace("|", " ")
        facts = command_facts(name)
        if facts is None:
            found.add((name, "name"))
            continue
        specs = [command_table.key_spec(paired(spec)) for spec in keys]
        told = dict(tip.split(":") for tip in tips if ":" in tip)
        policies = told.get("request_policy", ""), told.get("response_policy", "")
        for column, differs in [
            ("flags", DECISIVE & {*flags} != DECISIVE & facts.flags),
            ("policies", policies != (facts.request_policy, facts.response_policy)),
            ("keys", places(specs) != places(lines[name][4].split())),
        ]:
            if differs:
                found.add((name, column))
    return found


def test_the_table_says_what_each_server_says(any_server):
    name, version = any_server.version
    release = tuple(map(int, version.split(".")[:2]))
    if release < (7, 0):
        pytest.skip("COMMAND has neither policies nor key specs before 7.0")
    found = differences(any_server.command("COMMAND"))
    if release < (8, 2):
        assert found <= OLDER
    else:
        assert found == set()


def test_a_difference_is_found(any_server):
    if any_server.version[1] < "7":
        pytest.skip("COMMAND has neither policies nor key specs before 7.0")
    [get] = any_server.command("COMMAND", "INFO", "get")
    assert differences([get]) == set()
    get[2] = [b"write"]
    assert differences([get]) == {("GET", "flags")}
    assert differences([[b"gets", *get[1:]]]) == {("GETS", "name")}
    assert differences([[*get[:7], [b"request_policy:all_nodes"], [], []]]) == {
        ("GET", "flags"),
        ("GET", "policies"),
        ("GET", "keys"),
    }
