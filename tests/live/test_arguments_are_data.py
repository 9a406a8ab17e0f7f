"""Whatever bytes an argument has, the server gets one command with exactly these.

The server itself is the witness: a MONITOR tells of each command that it has read. Scaled down by default; in full::

    TXREDIS_FAST_HOSTILE_ARGUMENTS=100000 python -m pytest tests/live/test_arguments_are_data.py
"""

from __future__ import annotations

import os
import random
import re
from typing import Any

import pytest
import pytest_twisted
from testbed.live import bounded, opened, until
from twisted.internet.endpoints import TCP4ClientEndpoint

import txredis_fast as redis

pytestmark = pytest.mark.promise(
    "Whatever bytes an argument has, the server's MONITOR sees one command, byte-equal",
    "100,000 hostile arguments show it.",
    about="Security",
)

COUNT = int(os.environ.get("TXREDIS_FAST_HOSTILE_ARGUMENTS", "3000"))

FRAGMENTS = [
    *(b"\r\n", b"\n", b"\r", b"\0", b"$", b"*", b" ", b"\t", b"'", b'"', b"\\", b"\\x00", b"\\r\\n", b"{", b"}", b"%s"),
    *(b"$3\r\nGET\r\n", b"*1\r\n$8\r\nFLUSHALL\r\n", b"\r\n*1\r\n$4\r\nQUIT\r\n", b"EXEC", b"MULTI\r\n"),
    *(b"*-1\r\n", b"$-1\r\n", b"+OK\r\n", b"-ERR\r\n", b":1\r\n", b">2\r\n", b"%1\r\n"),
    *(b"\x07\x08", b"\x7f", b"\x80", b"\xff\xfe", "\u20ac\U0001f600".encode()),
]


def hostile(rng: random.Random, number: int) -> Any:
    """One argument: bytes, text or another type that is sent."""
    if number % 997 == 0:
        return rng.randbytes(rng.choice((65535, 65536, 300_000)))
    kind = rng.randrange(6)
    if kind == 0:
        return rng.randbytes(rng.randrange(40))
    if kind == 1:
        return b"".join(rng.choices(FRAGMENTS, k=rng.randrange(1, 8)))
    if kind == 2:
        alphabet = "a\r\n\0'\"\\$*\u00e4\u20ac\u2028\U0001f600\ufeff"
        return "".join(rng.choices(alphabet, k=rng.randrange(20)))
    if kind == 3:
        return bytearray(rng.choice(FRAGMENTS) + rng.randbytes(8))
    if kind == 4:
        return memoryview(rng.randbytes(5) + rng.choice(FRAGMENTS))
    return rng.choice((rng.randrange(-(2**70), 2**70), rng.random() * 10 ** rng.randrange(-20, 20), b"", "", True))


def as_sent(argument: Any) -> bytes:
    """The bytes of an argument, by rules of their own."""
    if isinstance(argument, str):
        return argument.encode()
    if isinstance(argument, bytes | bytearray | memoryview):
        return bytes(argument)
    return repr(argument).encode()


QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
ESCAPED = re.compile(rb"\\(x[0-9a-f]{2}|.)", re.DOTALL)
PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b'"': b'"', b"\\": b"\\"}


def unescaped(line: bytes) -> list[bytes]:
    """The arguments that a line of MONITOR tells of."""
    said = line.partition(b"] ")[2]
    arguments = QUOTED.findall(said)
    assert b" ".join(b'"' + argument + b'"' for argument in arguments) == said
    return [
        ESCAPED.sub(lambda found: PLAIN.get(found[1]) or bytes([int(found[1][1:], 16)]), argument)
        for argument in arguments
    ]


class Witness(redis.MonitorProtocol):
    """Keeps what the server has read: what the test sends, and anything else but the brackets of transactions."""

    def messageReceived(self, message: Any) -> None:
        if message == b"OK":
            return
        args = unescaped(message)
        if args[0].upper() == b"MGET":
            self.factory.read.append(args)
        elif args not in ([b"MULTI"], [b"EXEC"]):
            self.factory.other.append(args)


@pytest_twisted.ensureDeferred
async def test_hostile_arguments_are_each_seen_as_one_command_byte_equal(server):
    from twisted.internet import reactor

    factory = redis.MonitorFactory(charset=None, limits={"max_line_length": 16 * 1024 * 1024})
    factory.protocol = Witness
    factory.read, factory.other = [], []
    factory.startConnecting(TCP4ClientEndpoint(reactor, *server.address))
    await bounded(factory.deferred)
    (monitor,) = factory.pool
    assert await bounded(monitor.monitor()) == b"OK"
    rng = random.Random(20_26)
    arguments = [hostile(rng, number) for number in range(COUNT)]
    async with opened(redis.Connection(*server.address)) as rc:
        for start in range(0, COUNT, 100):
            chunk = list(enumerate(arguments[start : start + 100], start))
            await send(rc, chunk, (start // 100) % 6)
            await until(lambda sent=chunk[-1][0]: len(factory.read) > sent, "all to be read", 60)
        assert await bounded(rc.ping()) == "PONG"
        await until(lambda: factory.other, "the end of it")
    await bounded(factory.disconnect())
    assert factory.other == [[b"PING"]]
    assert len(factory.read) == COUNT, "one command for each argument, and no other"
    wrong = [
        (arguments[int(args[1])], args)
        for args in factory.read
        if args[0].upper() != b"MGET" or args[2:] != [as_sent(arguments[int(args[1])])]
    ]
    assert not wrong, f"{len(wrong)} of {COUNT} differ; the first: {wrong[0]!r:.500}"
    assert {int(args[1]) for args in factory.read} == set(range(COUNT))


async def send(rc: Any, chunk: list[tuple[int, Any]], way: int) -> None:
    """Send ``MGET number argument`` for each, in one of the ways there are."""
    if way == 0:
        deferreds = [rc.mget([number, argument]) for number, argument in chunk]
    elif way == 1:
        deferreds = [rc.execute_command("MGET", number, argument) for number, argument in chunk]
    elif way == 2:
        async with rc.pipelined() as p:
            deferreds = [p.mget([number, argument]) for number, argument in chunk]
    elif way == 3:
        async with rc.transaction() as t:
            deferreds = [t.mget([number, argument]) for number, argument in chunk]
    elif way == 4:
        await bounded(rc.batch([("MGET", number, argument) for number, argument in chunk]), 60)
        return
    else:
        batch = redis.Batch()
        for number, argument in chunk:
            batch.mget([number, argument])
        await bounded(rc.batch(batch), 60)
        return
    for deferred in deferreds:
        await bounded(deferred, 60)
