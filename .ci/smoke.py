"""Try an installed wheel: ``python .ci/smoke.py``, from any folder; it ends within seconds.

It needs nothing but the wheel and Twisted: the server is a few lines of this file, on the loopback interface. So it
runs on every system that a wheel is built for, also where no server can be installed. The test suite runs elsewhere.
With ``TXREDIS_FAST_PUREPYTHON=1`` it tries the pure-Python implementation.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from twisted.internet import protocol
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import react

import txredis_fast as redis

#: Seconds after which nothing is waited for.
LIMIT = 30


class Server(protocol.Protocol):
    """Enough of a server for the commands below: strings, MULTI and EXEC."""

    def connectionMade(self) -> None:
        """Begin a connection."""
        self.reader = redis.Reader(charset=None, convert_numbers=False)
        self.queued: list[bytes] | None = None
        self.values: dict[bytes, bytes] = self.factory.values  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        """Execute commands, which are arrays of bulk strings."""
        self.reader.feed(data)
        for command in self.reader.get_all():
            self.transport.write(self.execute(*command))  # type: ignore[union-attr]

    def execute(self, name: bytes, *arguments: bytes) -> bytes:
        """Return the reply to a command."""
        if name == b"MULTI":
            self.queued = []
            return b"+OK\r\n"
        if name == b"EXEC":
            queued, self.queued = self.queued or [], None
            return b"*%d\r\n" % len(queued) + b"".join(queued)
        reply = self.reply(name, *arguments)
        if self.queued is None:
            return reply
        self.queued.append(reply)
        return b"+QUEUED\r\n"

    def reply(self, name: bytes, *arguments: bytes) -> bytes:
        """Return the reply to a command outside of a transaction."""
        if name == b"SET":
            self.values[arguments[0]] = arguments[1]
            return b"+OK\r\n"
        if name == b"GET":
            value = self.values.get(arguments[0])
            return b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)
        return b"-ERR unknown command '%b'\r\n" % name


def expect(found: object, wanted: object) -> None:
    """End the program if they differ."""
    if found != wanted:
        sys.exit(f"{found!r}, and not {wanted!r}")


async def main(reactor: Any) -> None:
    """Use each way of sending commands once."""
    factory: Any = protocol.Factory.forProtocol(Server)
    factory.values = {}
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    async with redis.connect(f"redis://127.0.0.1:{port.getHost().port}", replyTimeout=LIMIT, poolsize=2) as rc:
        await rc.set("key", "värde")
        expect(await rc.get("key"), "värde")
        expect(await rc.get("no such key"), None)
        large = "x" * 1_000_000
        await rc.set("large", large)
        expect(await rc.get("large"), large)
        async with rc.pipelined() as pipeline:
            for _ in range(100):
                pipeline.get("key")
        expect(pipeline.results, ["värde"] * 100)
        async with rc.transaction() as transaction:
            transaction.set("key", "other")
            transaction.get("key")
        expect(transaction.results, ["OK", "other"])
        try:
            await rc.incr("key")
        except redis.ResponseError as error:
            expect(str(error), "ERR unknown command 'INCRBY'")
        else:
            sys.exit("an error reply was no error")
        stats = rc.stats()
        expect(stats.commands, stats.replies)
        expect(rc.stats().as_dict()["errors"], {"ERR": 1})
    await port.stopListening()


def check_install() -> None:
    """Check that it is the wheel that is tried, complete, and the implementation that is wanted."""
    pure = os.environ.get("TXREDIS_FAST_PUREPYTHON", "") not in ("", "0")
    expect(redis.IMPLEMENTATION, "python" if pure else "cython")
    installed = metadata.distribution("txredis-fast")
    expect(redis.__version__, installed.version)
    package = Path(redis.__file__).parent
    expect(package, Path(str(installed.locate_file("txredis_fast"))))
    expect((package / "py.typed").is_file(), True)
    said = subprocess.run(
        [sys.executable, "-m", "txredis_fast", "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=package.parent,
    )
    expect(said.stdout, f"txredis_fast {redis.__version__}\n")


if __name__ == "__main__":
    check_install()
    react(main)
