"""Where this package finds the keys of a command is where the servers find them: COMMAND GETKEYS."""

from __future__ import annotations

from typing import Any

import pytest
from commands.rows import command_of
from commands.tables import ROWS
from testbed.client import Connection
from testbed.servers import ReplyError

from txredis_fast.commands._parts.facts import command_facts, known_commands
from txredis_fast.commands._parts.keys import keys_of

#: Commands without a method, and arguments that no row has.
SAMPLES: list[tuple[Any, ...]] = [
    ("BITFIELD_RO", "a", "GET", "u8", 0),
    ("bItCoUnT", "a"),
    ("BLMPOP", 0, 2, "a", "b", "LEFT"),
    ("BRPOPLPUSH", "a", "b", 0),
    ("DECR", "a"),
    ("EVAL", "return 1", 0),
    ("EVAL", "return 1", "01", "a"),
    ("EVALSHA_RO", "0" * 40, 2, "a", "b", "c"),
    ("FCALL", "f", 1, "a", "b"),
    ("FCALL_RO", "f", 1, "a", "b"),
    ("EVAL_RO", "return 1", 1, "a"),
    ("GEORADIUS", "a", 1, 2, 3, "m"),
    ("GEORADIUS", "a", 1, 2, 3, "m", "COUNT", 1, "storedist", "c"),
    ("GEORADIUS_RO", "a", 1, 2, 3, "m"),
    ("GEORADIUSBYMEMBER", "a", "STORE", 3, "m", "STORE", "b"),
    ("GEORADIUSBYMEMBER_RO", "a", "b", 3, "m"),
    ("GETSET", "a", "b"),
    ("INCR", "a"),
    ("MIGRATE", "h", 1, "a", 0, 1),
    ("MIGRATE", "h", 1, "", 0, 1, "KEYS", "a", "b"),
    ("MIGRATE", "h", 1, "", 0, 1, "COPY", "AUTH", "KEYS", "KEYS", "a", "b"),
    ("MIGRATE", "h", 1, "", 0, 1, "AUTH2", "KEYS", "KEYS", "keys", "a", "KEYS"),
    ("MSETEX", 2, "a", 1, "b", 2, "NX"),
    ("OBJECT", "FREQ", "a"),
    ("object", "idletime", "a"),
    ("PFDEBUG", "ENCODING", "a"),
    ("PFSELFTEST",),
    ("PING",),
    ("PUBLISH", "a", "b"),
    ("RESTORE-ASKING", "a", 0, "x"),
    ("SORT", "a"),
    ("SORT", "a", "BY", "STORE", "GET", "STORE", "GET", "b*", "LIMIT", 0, 1, "DESC", "STORE", "b"),
    ("SORT", "a", "STORE"),
    ("SORT_RO", "a", "GET", "STORE"),
    ("SPUBLISH", "a", "b"),
    ("SSUBSCRIBE", "a"),
    ("SUBSTR", "a", 0, 1),
    ("WATCH", "a", "b"),
    ("XREAD", "BLOCK", 0, "COUNT", 1, "STREAMS", "a", "STREAMS", 0, 0),
    ("XREAD", "streams", "a", "$"),
    ("XREADGROUP", "GROUP", "STREAMS", "STREAMS", "NOACK", "STREAMS", "a", "b", ">", ">"),
    ("XINFO", "CONSUMERS", "a", "b"),
    ("ZMPOP", 1, "a", "MIN"),
    ("BZMPOP", 0, 2, "a", "b", "MAX"),
    ("ZUNIONSTORE", "a", 2, "b", "c", "WEIGHTS", 1, 2),
]


def as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def keys_of_server(connection: Connection, args: tuple[Any, ...]) -> list[bytes] | None:
    """What a server says; None if it does not have the command, or not with so many arguments."""
    words = tuple(word if isinstance(word, (bytes, str)) else str(word) for word in args)
    try:
        return sorted(connection.call("COMMAND", "GETKEYS", *words))
    except ReplyError as error:
        if "no key arguments" in str(error) or len(args) == 1:
            return []
        if "Invalid command" in str(error) or "Invalid number" in str(error):
            return None
        raise


@pytest.mark.once
@pytest.mark.promise(
    "Keys are found where the servers find them",
    "For every command, the keys among its arguments are those that COMMAND GETKEYS of Redis 7.0, Redis 8.2 and Valkey "
    "names. A sharded handler sends a command to the server of its keys, or not at all.",
    about="Replies and their callers",
)
def test_keys_are_found_where_the_server_finds_them(any_server):
    if any_server.version[1] < "7":
        pytest.skip("before 7.0 COMMAND GETKEYS knows fewer commands")
    compared = set()
    with Connection(any_server.path) as connection:
        for args in [*SAMPLES, *(row.sent for row in ROWS)]:
            theirs = keys_of_server(connection, args)
            if theirs is None:
                continue
            ours = keys_of(args)
            assert ours is not None, args
            assert (args, sorted(map(as_bytes, ours))) == (args, theirs)
            compared.add(command_of(args))
        has = {name for name in known_commands() if _has(connection, name)}
    with_keys = {name for name in has if any("n" not in spec.flags for spec in command_facts(name).keys)}
    assert with_keys <= compared
    assert len(with_keys) > 150


def _has(connection: Connection, name: str) -> bool:
    [described] = connection.call("COMMAND", "INFO", name.replace(" ", "|"))
    return described is not None
