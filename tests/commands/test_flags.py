"""What is known of commands by their names agrees with the servers, and is read from any spelling."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from testbed import command_table

from txredis_fast.commands._parts.facts import command_facts, known_commands
from txredis_fast.commands._parts.traits import BLOCKING, READ_ONLY, SCRIPTS, command_name, is_read_only, longest_wait


def test_the_table_is_what_its_maker_writes():
    sources = [parent / "shared" / "commands.json" for parent in Path(__file__).resolve().parents]
    found = next((source for source in sources if source.exists()), None)
    if found is None:
        pytest.skip("what the table is made of is not here")
    made = command_table.source(json.loads(found.read_text(encoding="utf-8")))
    assert command_table.TABLE.read_text(encoding="utf-8") == made, "python -m tests.testbed.command_table writes it"


def test_the_sets_of_names_come_from_the_table():
    assert {"GET", "OBJECT ENCODING", "XREAD", "VSIM", "TOUCH"} <= READ_ONLY
    assert not {"SET", "OBJECT", "XREADGROUP", "EVAL", "PUBLISH"} & READ_ONLY
    assert len(READ_ONLY) == 119
    assert " ".join(sorted(BLOCKING)) == (
        "BLMOVE BLMOVEM BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN TS.READ WAIT WAITAOF XREAD XREADGROUP"
    )
    assert {"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"} == SCRIPTS


def test_each_line_of_the_table_can_be_read():
    assert all(command_facts(name).name == name for name in known_commands())
    assert len(known_commands()) > 400
    assert command_facts("NOSUCH") is None


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("PING", []),
        ("GET", [("RO", "a", 1, None, 0, 1, 0, None)]),
        ("MSET", [("OW", "u", 1, None, -1, 2, 0, None)]),
        ("XREAD", [("RO", "a", 1, "STREAMS", -1, 1, 2, None)]),
        ("EVAL", [("RW", "au", 2, None, None, 1, 0, (0, 1, 1))]),
        ("SPUBLISH", [("", "n", 1, None, 0, 1, 0, None)]),
        ("MIGRATE", [("RW", "ad", 3, None, 0, 1, 0, None), ("RW", "adp", -2, "KEYS", -1, 1, 0, None)]),
        ("SORT_RO", [("RO", "a", 1, None, 0, 1, 0, None), ("RO", "a", None, None, None, 1, 0, None)]),
    ],
)
def test_where_a_commands_keys_are(name, keys):
    assert [tuple(spec) for spec in command_facts(name).keys] == keys


def test_what_is_known_of_a_command():
    facts = command_facts("OBJECT ENCODING")
    assert (facts.since, facts.arity, facts.flags, facts.replies) == ("2.2.3", 3, {"readonly"}, "$_")
    assert (facts.request_policy, facts.response_policy) == ("", "")
    assert command_facts("DBSIZE").response_policy == "agg_sum"


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
        (("BLMOVEM", "a", "b", "LEFT", "RIGHT", 2, "COUNT", 9, "OBO"), 2),
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
        (("TS.READ", "block", "BLOCK"), None),
        (("TS.READ", "k", "$", "MAX_COUNT", 9, "block", 100, 1), 0.1),
        (("ts.read", "k", "$", "BLOCK", 0, 1), math.inf),
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
