"""What the rows of the command tests send is what the servers understand: names, options, their order."""

from __future__ import annotations

import re

import pytest
from commands.protocol_replies import commands_of
from commands.rows import command_of
from commands.tables import ROWS
from testbed.client import Connection
from testbed.sentinels import Sentinel
from testbed.servers import Process, ReplyError, Server

pytestmark = pytest.mark.once

#: Error texts of a server that does not understand what it was sent.
NOT_UNDERSTOOD = re.compile(
    r"syntax|wrong number of arguments|unknown (sub)?command|unrecognized|unsupported|numfields|numkeys|must match"
    r"|invalid (argument|option|number|flag|expire)|not an integer|not a valid|out of range",
    re.IGNORECASE,
)

#: Rows whose command would end, stop or change the server for the rows that follow.
LEFT_OUT = {"quit", "shutdown", "auth", "select"}

#: What is no fault of the words: command -> its error in the rows' circumstances.
EXPECTED = {"SET": "invalid expire time"}


def is_for(server: tuple[str, str], needs: tuple[str, ...]) -> bool:
    """Whether a server has what a row needs, such as ``("redis 8.2", "valkey 9.0")``; without needs, every one."""
    name, version = server
    return not needs or any(
        kind == name and tuple(map(int, version.split(".")[:2])) >= tuple(map(int, least.split(".")))
        for kind, _, least in (need.partition(" ") for need in needs)
    )


def not_understood(server: Process, version: tuple[str, str], prefix: str = "") -> list[str]:
    """The rows that a server does not understand, each with its error.

    :param prefix: only the rows of methods whose names begin so; without, all, each after FLUSHALL.
    """
    problems = []
    first = [] if prefix else [("FLUSHALL",)]
    with Connection(server.path) as connection:
        known = commands_of(connection)
        for row in ROWS:
            sent = row.sent_queued or row.sent
            if row.name in LEFT_OUT or command_of(sent) not in known or not is_for(version, row.needs):
                continue
            if not row.name.startswith(prefix):
                continue
            sent = tuple(word if isinstance(word, (bytes, str)) else str(word) for word in sent)
            try:
                # A command that blocks does not block in a transaction.
                connection.exchange(*first, *([("MULTI",), sent, ("EXEC",)] if row.blocking else [sent]))
            except ReplyError as error:
                expected = EXPECTED.get(command_of(sent))
                if NOT_UNDERSTOOD.search(str(error)) and (expected is None or expected not in str(error)):
                    problems.append(f"{row.name}: {' '.join(map(str, sent))}: {error}")
                connection.exchange(("PING",))
    return problems


@pytest.mark.promise(
    "Every server understands what the command methods send",
    "Each method's rows are sent to Redis 7.0, Redis 8.2 and Valkey: names, options and their order.",
    about="Replies and their callers",
)
def test_every_server_understands_what_the_rows_send(any_server):
    if any_server.version[1] < "7":
        pytest.skip("options of the commands are those of Redis 7.0 and later")
    with Server(binary=any_server.binary) as server:
        assert not_understood(server, server.version) == []


def test_a_server_of_a_cluster_understands_the_rows_about_clusters(any_server):
    if any_server.version[1] < "7":
        pytest.skip("options of the commands are those of Redis 7.0 and later")
    with Server("cluster-enabled yes", binary=any_server.binary) as server:
        assert not_understood(server, server.version, "cluster") == []


def test_a_sentinel_understands_the_rows_about_sentinels(server):
    with Sentinel(server, service="main") as sentinel:
        assert not_understood(sentinel, server.version, "sentinel") == []
