"""What real servers say of commands that have a secret in them: none of it is in the errors that a program gets."""

from __future__ import annotations

import pytest
import pytest_twisted
from testbed.live import bounded, opened
from testbed.sentinels import Sentinel
from testbed.servers import KINDS, Server

import txredis_fast as redis

pytestmark = pytest.mark.promise(
    "No error, event or hook contains a password or a part of it, whatever its type and whatever the server repeats"
)

MARKER = "Marker9f31Pass"

#: Each is refused, by one server or another; a quote, a space and a colon are what texts are taken apart at.
COMMANDS = [
    ("AUTH",),
    ("AUTH", MARKER),
    ("AUTH", "user", MARKER),
    ("AUTH", "user", MARKER, MARKER),
    ("AUTH " + MARKER,),
    ("CONFIG SET requirepass " + MARKER,),
    ("MYAUTH", MARKER),
    ("ACL SETUSER", "u", ">" + MARKER),
    *(
        ("ACL", "SETUSER", "u", *rules)
        for rules in (
            (">x", MARKER),
            ("<" + MARKER,),
            ("<" + MARKER + "'s end",),
            ("<" + MARKER + "': end",),
            ("#" + MARKER,),
            ("!" + MARKER,),
            ("x>" + MARKER,),
            ("(>" + MARKER,),
            ("(>" + MARKER + ")",),
            ("(", "<" + MARKER, ")"),
            ("nopass", MARKER + ">"),
        )
    ),
    ("ACL", "SETUSERX", "u", ">" + MARKER),
    ("CONFIG", "SET", "requirepass", MARKER, MARKER),
    ("CONFIG", "SET", "requirepass", "x", MARKER, MARKER),
    ("CONFIG", "SET", "masterauth", MARKER, "maxmemory", "x"),
    ("CONFIG", "SETX", "requirepass", MARKER),
    ("MIGRATE", "127.0.0.1", 1, "k", 0, 10, "AUTHX", MARKER),
    ("MIGRATE", "127.0.0.1", 1, "", 0, 10, "AUTH2", "u", MARKER, "KEYS"),
    ("SENTINEL", "SET", "m", "auth-pass", MARKER),
    ("EVAL", "return redis.call('auth', ARGV[1])", 0, MARKER),
    ("EVAL", "return redis.call('acl', 'setuser', 'u', '<' .. ARGV[1])", 0, MARKER),
    ("EVAL", "return redis.call('config', 'set', 'requirepass', ARGV[1], ARGV[1])", 0, MARKER),
    ("EVAL", "return redis.call('hello', '3', 'auth', 'u', ARGV[1], ARGV[1])", 0, MARKER),
]

TO_SENTINELS = [
    ("SENTINEL", "SET", "m", "auth-pass", "x", MARKER, MARKER),
    ("SENTINEL", "SET", "m", "auth-pass", MARKER, MARKER),
    ("SENTINEL", "SET", "no-such-master", "auth-pass", MARKER),
    ("SENTINEL", "CONFIG", "SET", MARKER, MARKER),
    ("CONFIG", "SET", "requirepass", MARKER),
    ("ACL", "SETUSER", "u", "<" + MARKER + "'s end"),
]


async def texts(address, commands):
    """What each command fails with, alone and in a transaction; a connection each, as some are closed."""
    found = []
    for command in commands:
        for queued in (False, True):
            async with opened(redis.Connection(*address, reconnect=False)) as rc:
                connection = rc._factory.pool[0]
                if queued:
                    connection.execute_command("MULTI").addErrback(lambda _: None)
                try:
                    await bounded(connection.execute_command(*command))
                except redis.RedisError as error:
                    found.append((command, f"{error} {error!r}"))
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest_twisted.ensureDeferred
async def test_no_error_of_a_server_has_a_part_of_a_secret(kind):
    binary = kind.binary()
    if binary is None:
        pytest.skip("it is not installed")
    with Server(binary=binary) as server:
        found = await texts(server.address, COMMANDS)
    assert len(found) > len(COMMANDS)
    assert [each for each in found if MARKER[:6].lower() in each[1].lower()] == []


@pytest_twisted.ensureDeferred
async def test_no_error_of_a_sentinel_has_a_part_of_a_secret():
    with Server() as master, Sentinel(master, service="m") as sentinel:
        found = await texts(sentinel.address, TO_SENTINELS)
    assert len(found) > len(TO_SENTINELS)
    assert [each for each in found if MARKER[:6].lower() in each[1].lower()] == []
