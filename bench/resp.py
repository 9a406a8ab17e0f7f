"""The compiled parser and serializer against hiredis, and the pure-Python ones against txredisapi's.

``python -m bench.resp`` times both sides of a row alternately in one process. It prints the median of the ratios of
neighbouring measurements, which other load on the machine affects little. Each side receives the same bytes in chunks
of 64 KiB and returns its replies in its fastest way.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Protocol

import hiredis
from testbed.wire import bulk, bulks, command
from twisted.internet.testing import StringTransport
from txredisapi import BaseRedisProtocol

from txredis_fast.commands._parts import scored_members
from txredis_fast.resp import INCOMPLETE, _pyresp

try:
    from txredis_fast.resp import _cresp
except ImportError:
    sys.exit("bench.resp measures the compiled extension, which is not built here")

CHUNK = 64 * 1024


class Side(Protocol):
    """One run over all the data. Replies are dropped once decoded, as a client does, or kept for a comparison."""

    def __call__(self, kept: list[Any] | None = None) -> None: ...


@dataclass(frozen=True)
class Row:
    """A comparison. ``prepare(scale)`` makes the two sides: ours, then theirs."""

    name: str
    what: str
    target: float | None
    prepare: Callable[[float], tuple[Side, Side]]


@dataclass(frozen=True)
class Result:
    """The result of a row: times are medians in seconds, the ratio is ours divided by theirs."""

    name: str
    what: str
    ours: float
    theirs: float
    ratio: float
    target: float | None


def cut(wire: bytes, size: int = CHUNK) -> list[bytes]:
    return [wire[i : i + size] for i in range(0, len(wire), size)]


def words(count: int) -> list[bytes]:
    return [b"value:%d" % i for i in range(count)]


def all_of(module: Any, chunks: list[bytes], **options: Any) -> Side:
    """Take replies with get_all()."""

    def run(kept: list[Any] | None = None) -> None:
        reader = module.Reader(**options)
        feed, get_all = reader.feed, reader.get_all
        for chunk in chunks:
            feed(chunk)
            replies = get_all()
            if kept is not None:
                kept += replies

    return run


def each_of(module: Any, chunks: list[bytes], **options: Any) -> Side:
    """Take replies with get(), one by one."""

    def run(kept: list[Any] | None = None) -> None:
        reader = module.Reader(**options)
        one_by_one(reader.feed, reader.get, INCOMPLETE, chunks, kept)

    return run


def hiredis_of(chunks: list[bytes], **options: Any) -> Side:
    def run(kept: list[Any] | None = None) -> None:
        incomplete = object()
        reader = hiredis.Reader(notEnoughData=incomplete, **options)
        one_by_one(reader.feed, reader.gets, incomplete, chunks, kept)

    return run


def one_by_one(feed: Any, get: Any, incomplete: object, chunks: list[bytes], kept: list[Any] | None) -> None:
    for chunk in chunks:
        feed(chunk)
        if kept is None:
            while get() is not incomplete:
                pass
        else:
            while (reply := get()) is not incomplete:
                kept.append(reply)


def txredisapi_of(chunks: list[bytes]) -> Side:
    """Run txredisapi's parser. It schedules a call after each bulk string; here the call is made at once."""

    def run(kept: list[Any] | None = None) -> None:
        protocol = BaseRedisProtocol()
        protocol.transport = StringTransport()
        later: list[Any] = []
        protocol.replyReceived = (lambda _reply: None) if kept is None else kept.append
        protocol.callLater = lambda _delay, *call: later.append(call)
        for chunk in chunks:
            protocol.dataReceived(chunk)
            while later:
                function, *args = later.pop()
                function(*args)

    return run


PLAIN: dict[str, Any] = {"charset": None, "convert_numbers": False}
TEXT: dict[str, Any] = {"charset": "utf-8", "convert_numbers": False}
THEIR_TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "strict"}


def against_hiredis(
    make: Callable[[float], bytes], options: dict[str, Any], theirs: dict[str, Any], take: Any = all_of
) -> Callable[[float], tuple[Side, Side]]:
    def prepare(scale: float) -> tuple[Side, Side]:
        chunks = cut(make(scale))
        return take(_cresp, chunks, **options), hiredis_of(chunks, **theirs)

    return prepare


def small_bulks(scale: float) -> bytes:
    return bulks(words(int(100_000 * scale)))


def arrays_of_100(scale: float) -> bytes:
    return command(*words(100)) * int(1000 * scale)


def large_array(scale: float) -> bytes:
    return command(*words(int(1_000_000 * scale)))


def large_value(scale: float) -> bytes:
    return bulk(b"x" * int(64 * 1024 * 1024 * scale))


def integers(scale: float) -> bytes:
    return b"".join(b":%d\r\n" % i for i in range(int(100_000 * scale)))


def set_commands(scale: float) -> list[tuple[str, ...]]:
    return [("SET", f"key:{i}", f"value:{i}") for i in range(int(100_000 * scale))]


def scored(pairs: bool) -> Callable[[float], bytes]:
    """Replies of 100 members and scores: as pairs with doubles, as in RESP3, or in one array of strings."""

    def make(scale: float) -> bytes:
        rows = [(b"member:%d" % i, (b"%d" if i % 2 else b"%d.25") % (i * 7)) for i in range(100)]
        if not pairs:
            return command(*(word for row in rows for word in row)) * int(1000 * scale)
        return (b"*100\r\n" + b"".join(b"*2\r\n%b,%b\r\n" % (bulk(name), score) for name, score in rows)) * int(
            1000 * scale
        )

    return make


def scores_of(module: Any, chunks: list[bytes]) -> Side:
    """Take replies one by one and convert them, as ZRANGE with WITHSCORES does."""

    def run(kept: list[Any] | None = None) -> None:
        reader = module.Reader()
        replies: list[Any] = []
        for chunk in chunks:
            reader.feed(chunk)
            while (reply := reader.get()) is not INCOMPLETE:
                pairs = scored_members(reply)
                if kept is not None:
                    replies.append(pairs)
        if kept is not None:
            kept += replies

    return run


def scores_in_both(module: Any) -> Callable[[float], tuple[Side, Side]]:
    def prepare(scale: float) -> tuple[Side, Side]:
        return scores_of(module, cut(scored(True)(scale))), scores_of(module, cut(scored(False)(scale)))

    return prepare


def packing(encode: Any, commands: list[Any]) -> Side:
    def run(kept: list[Any] | None = None) -> None:
        if kept is None:
            for command in commands:
                encode(command)
        else:
            kept += [encode(command) for command in commands]

    return run


def pack_one(scale: float) -> tuple[Side, Side]:
    commands = set_commands(scale)
    return packing(_cresp.encode_command, commands), packing(hiredis.pack_command, commands)


def pack_many(scale: float) -> tuple[Side, Side]:
    commands = set_commands(scale)
    pack = hiredis.pack_command
    return packing(lambda some: _cresp.encode_commands(some)[0], [commands]), packing(
        lambda some: b"".join([pack(command) for command in some]), [commands]
    )


def python_parser(size: int) -> Callable[[float], tuple[Side, Side]]:
    def prepare(scale: float) -> tuple[Side, Side]:
        chunks = cut(small_bulks(scale), size)
        return all_of(_pyresp, chunks), txredisapi_of(chunks)

    return prepare


def python_slower(scale: float) -> tuple[Side, Side]:
    chunks = cut(small_bulks(scale))
    return all_of(_pyresp, chunks), all_of(_cresp, chunks)


ROWS = [
    Row("bulks", "100,000 small bulk strings, get_all()", 0.75, against_hiredis(small_bulks, PLAIN, {})),
    Row("bulks-get", "100,000 small bulk strings, get()", 0.75, against_hiredis(small_bulks, PLAIN, {}, each_of)),
    Row("array", "arrays of 100 bulk strings", 0.85, against_hiredis(arrays_of_100, PLAIN, {})),
    Row("utf8", "100,000 small bulk strings, UTF-8", 0.7, against_hiredis(small_bulks, TEXT, THEIR_TEXT)),
    Row(
        "utf8-get",
        "100,000 small bulk strings, UTF-8, get()",
        0.7,
        against_hiredis(small_bulks, TEXT, THEIR_TEXT, each_of),
    ),
    Row("utf8-array", "arrays of 100 bulk strings, UTF-8", 0.7, against_hiredis(arrays_of_100, TEXT, THEIR_TEXT)),
    Row("default", "UTF-8 and number conversion; hiredis: UTF-8", None, against_hiredis(small_bulks, {}, THEIR_TEXT)),
    Row("integers", "100,000 integer replies", None, against_hiredis(integers, PLAIN, {})),
    Row("scores", "ZRANGE WITHSCORES of 100 in RESP3; in RESP2", 1.2, scores_in_both(_cresp)),
    Row("million", "one array of a million bulk strings", None, against_hiredis(large_array, PLAIN, {})),
    Row("64mb", "one value of 64 MB", None, against_hiredis(large_value, PLAIN, {})),
    Row("pack", "SET with a short key and value", 0.6, pack_one),
    Row("pack-many", "the same, 100,000 in one buffer", None, pack_many),
    Row("python", "pure Python; txredisapi's own parser; UTF-8, numbers", 0.2, python_parser(CHUNK)),
    Row("python-4k", "the same in chunks of 4 KiB", 0.2, python_parser(4096)),
    Row("python-scores", "pure Python; ZRANGE WITHSCORES of 100 in RESP3; in RESP2", 1.2, scores_in_both(_pyresp)),
    Row("slower", "pure Python; the extension", None, python_slower),
]


def seconds(side: Side) -> float:
    """Time one run."""
    gc.collect()
    start = time.perf_counter()
    side()
    return time.perf_counter() - start


def check_agreement(name: str, ours: Side, theirs: Side) -> None:
    our_results: list[Any] = []
    their_results: list[Any] = []
    ours(our_results)
    theirs(their_results)
    if our_results != their_results or not our_results:
        raise AssertionError(f"the two sides of {name!r} give different results")


def measure(row: Row, rounds: int, scale: float) -> Result:
    """Time both sides of a row in turn."""
    ours, theirs = row.prepare(scale)
    check_agreement(row.name, ours, theirs)
    times = []
    for turn in range(rounds):
        if turn % 2:
            later = seconds(theirs)
            times.append((seconds(ours), later))
        else:
            times.append((seconds(ours), seconds(theirs)))
    ratio = statistics.median(our / their for our, their in times)
    our_time, their_time = (statistics.median(side) for side in zip(*times, strict=True))
    return Result(row.name, row.what, our_time, their_time, ratio, row.target)


def processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown processor"


def environment() -> dict[str, str]:
    """Return the machine and the versions."""
    return {
        "machine": f"{processor()}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{name: metadata.version(name) for name in ("hiredis", "txredisapi", "twisted")},
    }


def main(argv: list[str] | None = None) -> int:
    """Measure rows; exit with 1 if one misses its target."""
    parser = argparse.ArgumentParser(prog="python -m bench.resp", description=(__doc__ or "").partition("\n")[0])
    names = [row.name for row in ROWS]
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"rows to measure (default: all): {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each side (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data and 5 rounds")
    parser.add_argument("--json", metavar="FILE", help="write the results to this file, too")
    options = parser.parse_args(argv)
    unknown = set(options.rows) - set(names)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    rounds, scale = (5, 0.1) if options.quick else (options.rounds, 1.0)
    about = environment()
    for key, value in about.items():
        print(f"{key}: {value}")
    print(f"\n{'row':<11}{'ours ms':>9}{'theirs ms':>11}{'ratio':>8}{'target':>8}")
    results = []
    for row in ROWS:
        if options.rows and row.name not in options.rows:
            continue
        result = measure(row, rounds, scale)
        results.append(result)
        target = f"{result.target:8.2f}" if result.target else " " * 8
        missed = "  MISSED" if result.target and result.ratio > result.target else ""
        print(
            f"{row.name:<11}{result.ours * 1000:9.2f}{result.theirs * 1000:11.2f}{result.ratio:8.3f}{target}"
            f"  {row.what}{missed}",
            flush=True,
        )
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"environment": about, "rows": [vars(result) for result in results]}, file, indent=2)
            file.write("\n")
    return int(any(result.target and result.ratio > result.target for result in results))


if __name__ == "__main__":
    sys.exit(main())
