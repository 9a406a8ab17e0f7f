"""Giant replies: their memory, and the longest turn of the reactor that they cause.

``python -m bench.large`` receives each kind of reply in a process of its own, from a server that only sends it. It
compares two figures with the promises: the longest turn of the reactor, in milliseconds of its thread's CPU time, and
the growth of the peak memory. It exits with 1 if a promise is broken. ``--quick`` uses values of 32 MB, not of 512 MB.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from testbed import wire
from twisted.internet.defer import Deferred

from .worker import peak_memory

MEGABYTE = 1_000_000
#: Commands in flight whose replies come at once.
REPLIES = 100_000
ELEMENTS = 1_000_000
#: What a header alone may cost: 1 MB, and what the first command of a process does (test_hostile.py is exact).
HEADER = 2 * MEGABYTE
#: Seconds that a row may take.
_LIMIT = 300


@dataclass(frozen=True)
class Row:
    """One kind of reply.

    :ivar wire: function from the size of large values to the bytes that the server sends.
    :ivar of: the commands in flight when the reply arrives; a key of ``ASKED``, or ``"many"``.
    :ivar peak: function from that size to the maximum growth of memory in bytes; None: not checked.
    :ivar turn: longest allowed turn of the reactor, in milliseconds.
    :ivar decoded_at_once: whether the pure-Python parser decodes the reply in one turn, without a limit.
    """

    what: str
    wire: Callable[[int], bytes]
    of: str
    peak: Callable[[int], float] | None = None
    turn: float = 50
    decoded_at_once: bool = False


def bulks(count: int) -> bytes:
    return wire.bulks(b"value:%d" % number for number in range(count))


def value(size: int) -> bytes:
    return wire.bulk(b"x" * size)


def elements(_: int) -> bytes:
    return wire.command(*(b"value:%d" % number for number in range(ELEMENTS)))


def together(size: int) -> bytes:
    return b"+OK\r\n+QUEUED\r\n*1\r\n" + elements(size)


def scores(_: int) -> bytes:
    members = range(ELEMENTS // 2)
    return wire.command(*(part for number in members for part in (b"member%06d" % number, b"1.5")))


ROWS = {
    "bytes": Row("a value as bytes", value, "value", lambda size: 2.1 * size),
    "text": Row("a value as text", value, "text", lambda size: 2.1 * size, decoded_at_once=True),
    "elements": Row("LRANGE of 1,000,000 strings", elements, "lrange"),
    "members": Row("SMEMBERS of 1,000,000 strings, a set", elements, "smembers"),
    "fields": Row("HGETALL of 1,000,000 strings, a dict", elements, "hgetall"),
    # The garbage collector comes by meanwhile, and looks at a million and a half elements in one go.
    "scores": Row("ZRANGE of 1,000,000 strings, members with scores", scores, "zrange", turn=80),
    "together": Row("SMEMBERS of 1,000,000 strings in a pipeline's transaction", together, "transaction"),
    "replies": Row("100,000 replies at once, each with a callback", lambda _: bulks(REPLIES), "many"),
    "bulk-header": Row("a header of 512 MiB, and nothing", lambda _: b"$536870912\r\n", "nothing", lambda _: HEADER),
    "list-header": Row("the headers of twelve lists", lambda _: b"*60000\r\n" * 12, "nothing", lambda _: HEADER),
}


async def transaction(rc: Any) -> Any:
    """Run MULTI, SMEMBERS and EXEC in one write."""
    pipeline = await rc.pipeline()
    pipeline.multi()
    pipeline.smembers("key")
    pipeline.commit()
    return await pipeline.execute_pipeline()


#: How to ask for what a row is the reply to; otherwise GET.
ASKED: dict[str, Callable[[Any], Any]] = {
    "get": lambda rc: rc.get("key"),
    "lrange": lambda rc: rc.lrange("key", 0, -1),
    "smembers": lambda rc: rc.smembers("key"),
    "hgetall": lambda rc: rc.hgetall("key"),
    "zrange": lambda rc: rc.zrange("key", 0, -1, withscores=True),
    "transaction": lambda rc: Deferred.fromCoroutine(transaction(rc)),
}


def serve(listener: socket.socket, wire: bytes, asked: int) -> None:
    """Send the reply on one connection.

    :param asked: bytes of commands to wait for: a reply before its command would be refused.
    """
    connection, _ = listener.accept()
    with connection, contextlib.suppress(ConnectionError):  # the client may close the connection early
        while asked > 0 and (data := connection.recv(65536)):
            asked -= len(data)
        connection.sendall(wire)
        while connection.recv(65536):
            pass


def measure(name: str, size: int) -> dict[str, Any]:
    """Measure a row; return its figures."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        row = ROWS[name]
        asked = len(wire.command("GET", "key")) * REPLIES if row.of == "many" else 1
        server = threading.Thread(target=serve, args=(listener, row.wire(size), asked), daemon=True)
        server.start()
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "bench.large", "--client", str(port), name, "--size", str(size)]
        answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=_LIMIT, text=True).stdout
        server.join(_LIMIT)
    return json.loads(answer)  # type: ignore[no-any-return]


def client(row: Row, port: int, size: int) -> None:
    """Receive the reply in this process, and print the figures."""
    from twisted.internet import defer, reactor, task

    import txredis_fast
    from txredis_fast.resp import IMPLEMENTATION

    def busy(reply: Any) -> None:
        """Stand for a callback of a program."""
        sum(range(100))

    def begin(rc: Any) -> list[Any]:
        if row.of == "many":
            return [rc.get("key").addCallback(busy) for _ in range(REPLIES)]
        return [ASKED.get(row.of, ASKED["get"])(rc)]

    async def main() -> None:
        charset = None if row.of == "value" else "utf-8"
        rc = await txredis_fast.Connection("127.0.0.1", port, charset=charset, reconnect=False)
        waiting = begin(rc)
        last = longest = 0.0

        def turn() -> None:  # keeps the longest only: all of half a second take 3 MB
            nonlocal last, longest
            now = time.thread_time()
            longest = max(longest, now - last)
            last = now

        ended = waiting[-1]  # replies come in order
        before = peak_memory()
        ticking = task.LoopingCall(turn)
        ticking.start(0, now=False)
        last = time.thread_time()
        if row.of == "nothing":
            await task.deferLater(reactor, 0.5)  # type: ignore[arg-type]
            ended.addErrback(lambda _: None)
        else:
            waiting.append(await ended)  # so that it is not forgotten at once: a million strings take their time
        ticking.stop()
        turn()
        after = peak_memory()
        figures = {"peak": after - before, "turn": 1000 * longest, "implementation": IMPLEMENTATION}
        print(json.dumps(figures))
        await rc.disconnect(timeout=0.1)  # a header is never followed by its value

    task.react(lambda _: defer.ensureDeferred(main()))


def report(name: str, size: int) -> bool:
    """Measure a row and print it; return whether it keeps the promises."""
    row, figures = ROWS[name], measure(name, size)
    limit = None if row.peak is None else row.peak(size)
    slow = row.decoded_at_once and figures["implementation"] == "python"
    kept = (limit is None or figures["peak"] <= limit) and (slow or figures["turn"] <= row.turn)
    peak = "" if limit is None else f"{figures['peak'] / MEGABYTE:7.1f} MB, at most {limit / MEGABYTE:.1f}"
    turn = "" if row.turn == Row.turn else f", at most {row.turn:g}"
    missed = "" if kept else "  MISSED"
    print(f"{name:<12} {figures['turn']:6.1f} ms{turn:<12}  {peak:<28} {row.what}{missed}", flush=True)
    return kept


def main(argv: list[str] | None = None) -> int:
    """Measure rows; exit with 1 if one breaks a promise."""
    parser = argparse.ArgumentParser(prog="python -m bench.large", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"rows to measure (default: all): {', '.join(ROWS)}")
    parser.add_argument("--size", type=int, default=512 * MEGABYTE, help="bytes of a value (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="values of 32 MB")
    parser.add_argument("--client", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    if options.client:
        client(ROWS[options.rows[0]], options.client, options.size)
        return 0
    size = 32 * MEGABYTE if options.quick else options.size
    print(f"values of {size / MEGABYTE:g} MB; limit of a turn of the reactor: 50 ms unless the row has another")
    kept = [report(name, size) for name in options.rows or ROWS]
    return int(not all(kept))


if __name__ == "__main__":
    sys.exit(main())
