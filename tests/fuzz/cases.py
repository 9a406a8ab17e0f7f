"""What one input of the fuzzer does to both implementations, and that both answer alike.

An input is two bytes of options, one that seeds the cuts, one that says what the rest is: a RESP stream, or a tape
that spells one (see ``generate``), for the readers, which are fed it or, where they await it, receive it; or, where
the top bit of the first byte is set, arguments for the encoders. Knows nothing of the fuzzer, so that the tests and a
debugger can run one input.
"""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from fuzz import generate

from txredis_fast.exceptions import DecodeError, RedisError

CHARSETS = [None, "utf-8", "ascii", "latin-1", "utf-16", "utf-8", "shift_jis", "utf-7"]
NUMBERS = [True, False, "exact", True]
ERRORS = ["strict", "replace", "surrogateescape", "ignore"]

#: Low enough for short inputs to meet them.
SMALL_LIMITS = {
    "max_bulk_length": 96,
    "max_elements": 12,
    "max_depth": 4,
    "max_line_length": 40,
    "max_text_length": 60,
    "max_buffered": 128,
}


class Bytes(bytes):
    """A subclass, which takes the slow road of the encoders."""


class Text(str):
    """As :class:`Bytes`."""

    __slots__ = ()


class Number(int):
    """As :class:`Bytes`, with a text of its own."""

    def __str__(self) -> str:
        return "a number"


def shape(value: Any) -> Any:
    """What is equal only for equal values of equal types, all the way down."""
    kind = type(value).__name__
    if isinstance(value, (list, tuple)):
        return kind, [shape(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return kind, sorted((shape(item) for item in value), key=repr)
    if isinstance(value, dict):
        return kind, [(shape(key), shape(item)) for key, item in value.items()]
    if isinstance(value, float) and math.isnan(value):
        return kind, "nan"
    if isinstance(value, DecodeError):
        return kind, value.args, value.charset, shape(value.reply)
    if isinstance(value, Exception):
        return kind, value.args
    return kind, repr(value)


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    """The shape of what a call returns or raises; an exception that is not the library's own is a finding."""
    try:
        return shape(function(*args))
    except RedisError as error:
        return "raised", shape(error)


def cut(stream: bytes, seed: int) -> Iterator[bytes]:
    """The stream in chunks, of lengths that the seed gives: 0 one chunk, 1 single bytes, else a mixture."""
    position = 0
    state = seed
    while position < len(stream):
        if seed == 0:
            size = len(stream)
        elif seed == 1:
            size = 1
        else:
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            size = 1 + (state >> 16) % (3 if seed < 64 else seed)
        yield stream[position : position + size]
        position += size


def hand_over(reader: Any, chunk: bytes, kind: Callable[[bytes], Any], direct: bool) -> list[int]:
    """Give a chunk to a reader, by ``receive`` where that is wanted and awaited; return how much it took each time."""
    sizes = []
    while direct and chunk and reader.awaited:

        def recv_into(view: memoryview, data: bytes = chunk) -> int:
            size = min(len(view), len(data))
            view[:size] = data[:size]
            return size

        sizes.append(reader.receive(recv_into, len(chunk)))
        chunk = chunk[sizes[-1] :]
    if chunk or not sizes:
        reader.feed(kind(chunk))
    return sizes


def read(
    resp: ModuleType, first: int, second: int, seed: int, stream: bytes, direct: bool, undecodable: str | None
) -> list[Any]:
    """What a reader answers to a stream, step by step."""
    options: dict[str, Any] = dict(SMALL_LIMITS) if first & 0x20 else {}
    if undecodable is not None:
        options["undecodable"] = undecodable
    reader = resp.Reader(CHARSETS[first & 7], NUMBERS[first >> 3 & 3], **options)
    take_all = bool(first & 0x40)
    raw = [bool(second >> place & 1) for place in range(6)]
    as_other_type = (bytes, bytearray, memoryview, Bytes)[second >> 6]
    answers = []
    replies = 0
    for chunk in cut(stream, seed):
        answers.append((outcome(hand_over, reader, chunk, as_other_type, direct), reader.awaited))
        while True:
            if take_all:
                answer = outcome(reader.get_all)
                last = True
            else:
                answer = outcome(reader.get, raw[replies % len(raw)])
                last = answer[0] in ("raised", "Incomplete")
                replies += 1
            answers.append((answer, shape(reader.attributes), reader.buffered))
            if last:
                break
        if answer[0] == "raised":  # the reader must stay broken
            answers += [outcome(reader.feed, b"+OK\r\n"), outcome(reader.get), outcome(reader.get_all)]
            break
    return answers


def arguments(data: bytes) -> list[Any]:
    """Arguments of many types, made of a fuzzer's bytes: a type, a length, and what the value is made of."""
    made: list[Any] = []
    while len(data) >= 2:
        kind, size = data[0] % 18, data[1]
        part, data = data[2 : 2 + size], data[2 + size :]
        number = int.from_bytes(part, "big", signed=True)
        real = struct.unpack("<d", part[:8].ljust(8, b"\0"))[0]
        text = part.decode("utf-8", "surrogateescape")
        made.append(
            [
                part,
                bytearray(part),
                memoryview(part),
                memoryview(part)[::2],
                text,
                part.decode("latin-1"),
                number,
                real,
                bool(size & 1),
                None,
                Bytes(part),
                Text(text),
                Number(number),
                [number],
                {text: number},
                complex(real, number % 1000),
                number << 2000,
                memoryview(part.ljust(8)).cast("B", (2, len(part.ljust(8)) // 2)) if len(part) % 2 == 0 else part,
            ][kind]
        )
    return made


def encode(resp: ModuleType, first: int, second: int, seed: int, data: bytes) -> list[Any]:
    """What the encoders answer, and their warnings."""
    args = arguments(data)
    options = (CHARSETS[first & 7], ERRORS[first >> 3 & 3], bool(first & 0x20))
    step = seed % 5 + 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answers = [
            outcome(resp.encode_command, args if second & 1 else tuple(args), *options),
            outcome(resp.encode_commands, [args[at : at + step] for at in range(0, len(args), step)], *options),
        ]
    return [*answers, [(warning.category.__name__, str(warning.message)) for warning in caught]]


def answers(resp: ModuleType, data: bytes) -> list[Any]:
    """What one implementation answers to an input."""
    first, second, seed, form = data[:4].ljust(4, b"\0")
    if first & 0x80:
        return encode(resp, first, second, seed, data[4:])
    stream = generate.stream(data[4:]) if form & 1 else data[4:]
    return read(resp, first, second, seed, stream, bool(form & 2), "error" if form & 8 else None)


def check(compiled: ModuleType, pure: ModuleType, data: bytes) -> None:
    """Raise AssertionError where the implementations differ on an input."""
    got, expected = answers(compiled, data), answers(pure, data)
    if got == expected:
        return
    for step, (one, other) in enumerate(zip(got, expected, strict=False)):
        if one != other:
            raise AssertionError(f"{data!r}: step {step}: compiled {one!r}, pure Python {other!r}")
    raise AssertionError(f"{data!r}: compiled took {len(got)} steps, pure Python {len(expected)}")
