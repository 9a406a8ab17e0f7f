"""What servers answer to the rows of the command tests under RESP2 and under RESP3, where the two differ.

``PYTHONPATH=tests python -m commands.protocol_replies`` runs every row on each server that is installed, with data in
its keys, and writes ``tests/commands/table_protocols.py``. The live tests use the same data.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from testbed.client import Connection, ReplyError
from testbed.servers import KINDS, Server
from testbed.wire import bulk, command

from .rows import Row, command_of, same
from .tables import ROWS

#: A path of the machine that records, as INFO and CLIENT LIST tell it.
_PATH = re.compile(rb"(?<=[=:\[])/(?!/)[\w./-]+")

TABLE = Path(__file__).with_name("table_protocols.py")

#: Members, and their scores: names that the rows use, numbers, and texts that look like numbers.
_MEMBERS = ("a", "b", "c", "7", "1.5", "m", "n", "member", "x")
_SCORES = ("-inf", "-1.5", "0", "1", "2.5", "3", "1e+20", "9007199254740993", "inf")
SCORED = dict(zip(_MEMBERS, _SCORES, strict=True))

#: Rows that would end, stop or change the server or the connection for the rows that follow.
LEFT_OUT = {
    *("quit", "shutdown", "auth", "select", "failover", "replicaof", "slaveof", "client_kill", "client_pause"),
    *("cluster_reset", "cluster_replicate", "config_set", "migrate", "wait", "waitaof", "bgrewriteaof", "save"),
    *("xclaim", "xautoclaim"),  # go by the time
}

#: Commands whose values are chosen by chance, or by the time: of two, only the containers are compared.
CHANCE = {"ACL GENPASS", "RANDOMKEY", "VRANDMEMBER", "SPOP", "SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER", "VLINKS"}

#: Commands whose values tell of one moment: of two, the types are compared, and the names in dicts.
VOLATILE = {
    *("ACL LOG", "CLIENT ID", "CLIENT INFO", "CLIENT LIST", "COMMANDLOG GET", "INFO", "LASTSAVE", "LATENCY HISTOGRAM"),
    *("LATENCY HISTORY", "LATENCY LATEST", "LATENCY GRAPH", "LOLWUT", "MEMORY DOCTOR", "MEMORY MALLOC-STATS"),
    *("MEMORY STATS", "SLOWLOG GET", "CLUSTER LINKS", "CLUSTER SHARDS", "TIME", "VINFO", "XADD", "XINFO CONSUMERS"),
    *("XINFO GROUPS", "XINFO STREAM", "XPENDING", "ROLE", "OBJECT IDLETIME", "MEMORY USAGE"),
}

#: Longer replies are not kept: they describe the server's own commands and settings.
MOST_BYTES = 4000

#: Prefixes of commands -> the kind of their keys' values; of all others: a string.
_KINDS = {
    "geo": ("GEO",),
    "stream": ("X",),
    "vector": ("V",),
    "zset": ("Z", "BZ"),
    "hash": ("H",),
    "list": ("LI", "LL", "LM", "LP", "LR", "LS", "LT", "RP", "BL", "BR"),
    "set": ("SA", "SCARD", "SD", "SI", "SM", "SPOP", "SR", "SU", "SS", "SORT"),
}

_ON_STRINGS = {"SUBSTR"}


def seeds(name: str, key: bytes) -> list[tuple[str | bytes, ...]]:
    """Commands that fill a key for a command.

    :param name: the command, in upper case.
    """
    if name in _ON_STRINGS:
        return [("SET", key, "10")]
    kind = next((kind for kind, prefixes in _KINDS.items() if name.startswith(prefixes)), "string")
    return {
        "zset": [("ZADD", key, *(word for pair in SCORED.items() for word in reversed(pair)))],
        "hash": [("HSET", key, *(word for name in SCORED for word in (name, name)), "f", "1", "g", "007")],
        "set": [("SADD", key, *SCORED)],
        "list": [("RPUSH", key, *SCORED)],
        "geo": [("GEOADD", key, "13.361389", "38.115556", "m", "15.087269", "37.502669", "n", "13.5", "38.5", "7")],
        "stream": [
            ("XADD", key, "1-1", "name", "Ann", "age", "42"),
            ("XADD", key, "2-1", "name", "Bob", "7", "1.50"),
            ("XGROUP", "CREATE", key, "g", "0"),
            ("XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", key, ">"),
        ],
        "vector": [
            ("VADD", key, "VALUES", "3", "1", "0", "0.5", "e", "SETATTR", '{"year": 1950}'),
            ("VADD", key, "VALUES", "3", "1", "1", "0.25", "a"),
        ],
        "string": [("SET", key, "10")],
    }[kind]


def fill(connection: Connection, name: str, sent: tuple[Any, ...]) -> None:
    """Empty a server, and fill the keys of a command with data that it is made for."""
    connection.exchange(("FLUSHALL",), ("FUNCTION", "FLUSH"), ("ACL", "DELUSER", "me"))
    try:
        keys = connection.call("COMMAND", "GETKEYS", *sent)
    except ReplyError:  # a command without keys
        return
    connection.exchange(*(seed for key in dict.fromkeys(keys) for seed in seeds(name, key)))


def commands_of(connection: Connection) -> set[str]:
    """The names of all commands of a server."""
    found = set()
    for described in connection.call("COMMAND"):
        found.add(described[0].decode().upper())
        subcommands = described[9] if len(described) > 9 else []
        found |= {each[0].decode().upper().replace("|", " ") for each in subcommands}
    return found


def runnable(rows: list[Row], server: Server, prefix: str = "") -> list[Row]:
    """The rows of commands that a server has; with a prefix, those of such methods only."""
    with Connection(server.path) as connection:
        known = commands_of(connection) - {"BGSAVE"}  # fails while another one is in progress
    return [
        row
        for row in rows
        if command_of(row.sent_queued or row.sent) in known and row.name not in LEFT_OUT and row.name.startswith(prefix)
    ]


def alike(name: str, one: Any, other: Any) -> bool:
    """Whether two values of a command are the same, as far as they can be."""
    if name in CHANCE:
        return bool(_containers(one) == _containers(other))
    return same(one, other) or (name in VOLATILE and bool(_shape(one) == _shape(other)))


def _containers(value: Any) -> Any:
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return type(value), {repr(_containers(each)) for each in value if each not in ([], {})}
    return None


def _shape(value: Any) -> Any:
    """The types in a value, and the names in a dict; of members of equal type, one."""
    if isinstance(value, dict):
        return dict, {name: _shape(each) for name, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value), {repr(_shape(each)) for each in value}
    return type(value)


class Recorder:
    """A connection of either protocol that returns replies as they are on the wire."""

    #: What is echoed behind each command: its reply is the end of that command's.
    END = "end-of-the-reply"

    def __init__(self, path: str, protocol: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(path)
        if protocol == 3:
            self.ask("HELLO", "3")

    def ask(self, *args: Any) -> bytes:
        """Send a command, and return the bytes of its reply."""
        return self._ask(command(*args))

    def ask_in_transaction(self, *args: Any) -> bytes:
        """Send a command that then does not block, and return the bytes of its reply."""
        queued, _, executed = self._ask(command("MULTI") + command(*args) + command("EXEC"))[5:].partition(b"*1\r\n")
        return executed if queued == b"+QUEUED\r\n" else queued

    def _ask(self, sent: bytes) -> bytes:
        self._socket.sendall(sent + command("ECHO", self.END))
        end = bulk(self.END)
        received = b""
        while not received.endswith(end):
            received += self._socket.recv(1 << 20)
        return received[: -len(end)]

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def kinds(reply: bytes) -> str:
    """The type bytes of a reply and of all that is in it; ``_`` is every null."""
    found = []
    at = 0
    while at < len(reply):
        kind, line_end = chr(reply[at]), reply.index(b"\r\n", at)
        line, at = reply[at + 1 : line_end], line_end + 2
        found.append("_" if line == b"-1" and kind in "$*" else kind)
        if kind in "$=!" and line != b"-1":
            at += int(line) + 2
    return "".join(found)


def without_paths(reply: bytes) -> bytes:
    """The reply with other paths, of the same length."""
    return _PATH.sub(lambda path: b"/path".ljust(len(path[0]), b"-")[: len(path[0])], reply)


def record(server: Server, rows: list[Any]) -> Iterator[tuple[tuple[Any, ...], bytes, bytes]]:
    """What is sent, and the replies under RESP2 and RESP3, for each row whose replies are of different kinds."""
    with Connection(server.path, timeout=60) as connection:
        for row in rows:
            sent = tuple(each if isinstance(each, bytes | str) else str(each) for each in row.sent_queued or row.sent)
            replies = []
            for protocol in (2, 3):
                fill(connection, command_of(sent), sent)
                with contextlib.closing(Recorder(server.path, protocol)) as recorder:
                    replies.append(recorder.ask_in_transaction(*sent) if row.blocking else recorder.ask(*sent))
            if not any(each.startswith(b"-") for each in replies) and kinds(replies[0]) != kinds(replies[1]):
                yield sent, *map(without_paths, replies)


def _beyond(method: str, *arguments: Any, sent: tuple[str, ...], **options: Any) -> Row:
    return Row(method, lambda host: getattr(host, method)(*arguments, **options), sent, b"", None)


#: Calls whose replies have more than those of the rows: subcommands, several keys, history.
ROWS_BEYOND = [
    _beyond("command_info", "config", sent=("COMMAND", "INFO", "config")),
    _beyond("command_info", "sort", "xreadgroup", sent=("COMMAND", "INFO", "sort", "xreadgroup")),
    _beyond("command_docs", "expire", sent=("COMMAND", "DOCS", "expire")),
    _beyond("command_docs", "memory", sent=("COMMAND", "DOCS", "memory")),
    _beyond("config_get", "maxmemory*", sent=("CONFIG", "GET", "maxmemory*")),
    _beyond("zrange", "z", 0, -1, withscores=True, sent=("ZRANGE", "z", "0", "-1", "WITHSCORES")),
    _beyond("zscore", "z", "a", sent=("ZSCORE", "z", "a")),
    _beyond("zscore", "z", "n", sent=("ZSCORE", "z", "n")),
    _beyond("zscore", "z", "member", sent=("ZSCORE", "z", "member")),
    _beyond("zscore", "z", "1.5", sent=("ZSCORE", "z", "1.5")),
]

_HEAD = '''\
"""What servers answer to rows of the tables where RESP2 and RESP3 differ: arguments, both replies.

Written by ``PYTHONPATH=tests python -m commands.protocol_replies``; do not edit it.
"""

# fmt: off
# ruff: noqa: E501

from __future__ import annotations

#: The arguments, and the replies under RESP2 and under RESP3.
RECORDED: list[tuple[tuple[str | bytes, ...], bytes, bytes]] = [
'''


def main() -> None:
    """Write the table."""

    recorded: dict[Any, None] = {}
    shapes: set[Any] = set()
    for config in ((), ("cluster-enabled yes",)):
        for kind in KINDS:
            binary = kind.binary()
            if binary is None:
                continue
            with Server(*config, binary=binary) as server:
                rows = runnable([*ROWS, *ROWS_BEYOND], server, "cluster" if config else "")
                for sent, reply2, reply3 in record(server, rows):
                    shape = sent, kinds(reply2), kinds(reply3)
                    if len(reply2) <= MOST_BYTES and shape not in shapes:
                        shapes.add(shape)
                        recorded[sent, reply2, reply3] = None
    lines = [f"    {each!r},\n" for each in recorded]
    TABLE.write_text(_HEAD + "".join(lines) + "]\n")
    print(f"{len(lines)} replies in {TABLE}")


if __name__ == "__main__":
    main()
