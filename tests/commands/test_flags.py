"""What is known of commands by their names agrees with the servers, and is read from any spelling."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from txredis_fast.commands._parts.traits import BLOCKING, READ_ONLY, command_name, is_read_only, longest_wait


def test_the_names_are_those_that_the_servers_flag():
    tables = [parent / "shared" / "commands.json" for parent in Path(__file__).resolve().parents]
    found = next((table for table in tables if table.exists()), None)
    if found is None:
        pytest.skip("the servers' table of commands is not here")
    commands = json.loads(found.read_text(encoding="utf-8"))
    assert {command["name"] for command in commands if "readonly" in command.get("flags", ())} == READ_ONLY
    assert {command["name"] for command in commands if "blocking" in command.get("flags", ())} == BLOCKING


@pytest.mark.parametrize("args", [("GET", "k"), (b"get", "k"), (bytearray(b"Get"),), ("object", b"encoding", "k")])
def test_a_reading_command_is_known_in_any_spelling(args):
    assert is_read_only(args)


@pytest.mark.parametrize(
    "args", [(), (5,), ("SET", "k", 1), ("OBJECT",), ("OBJECT", "HELP"), ("INCR", "GET"), ("GETDEL", "k"), ("EVAL",)]
)
def test_what_writes_or_is_not_known_is_not_read_only(args):
    assert not is_read_only(args)


@pytest.mark.parametrize(
    ("args", "seconds"),
    [
        (("BLPOP", "a", "b", 5), 5),
        ((b"brpop", "a", b"0.5"), 0.5),
        (("BRPOPLPUSH", "a", "b", "0"), math.inf),
        (("BLMOVE", "a", "b", "LEFT", "RIGHT", 2), 2),
        (("BLMPOP", 3, 1, "a", "LEFT", "COUNT", 9), 3),
        (("BZPOPMIN", "a", 1), 1),
        (("BZPOPMAX", "a", 1), 1),
        (("BZMPOP", 4, 1, "a", "MIN"), 4),
        (("WAIT", 1, 1500), 1.5),
        (("WAITAOF", 1, 0, 0), math.inf),
        (("XREAD", "COUNT", 2, "BLOCK", 100, "STREAMS", "s", "$"), 0.1),
        (("XREAD", "STREAMS", "block", "$"), None),
        (("XREAD", "COUNT", 2), None),
        (("XREADGROUP", "GROUP", "block", "c", "BLOCK", "0", "STREAMS", "s", ">"), math.inf),
        (("XREADGROUP", "GROUP", "g", "block", "NOACK", "STREAMS", "s", ">"), None),
        (("BLPOP", "a", "soon"), 0),
        (("BLPOP",), 0),
        (("BLPOP", "a", -1), 0),
        (("LPOP", "a", 5), None),
        ((), None),
    ],
)
def test_how_long_a_server_may_keep_a_command_waiting(args, seconds):
    assert longest_wait(args) == seconds


def test_a_name_is_text():
    assert command_name(("get",)) == command_name((b"Get",)) == command_name((memoryview(b"GET"),)) == "GET"
    assert command_name((5,)) == command_name(()) == ""
