"""Stories that tapes of random bytes tell: their telling, the shortest one that fails, and what a model notices.

A world is a class: ``World(tape).run()`` tells the story of a tape, and raises Found where it shows what must not be.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol, TypeVar

import pytest

#: Bytes of a story.
LENGTH = 1500


class Found(AssertionError):
    """A story showed what must not be."""


class World(Protocol):
    def __init__(self, tape: bytes) -> None: ...

    def run(self) -> Any: ...


W = TypeVar("W", bound=World)


def tapes(seed: int) -> Iterator[bytes]:
    """Stories without end."""
    chance = random.Random(seed)
    while True:
        yield chance.randbytes(LENGTH)


def tell(kind: type[W], tape: bytes) -> W:
    """Tell a story; one that fails is told again as short as it can be."""
    world = kind(tape)
    try:
        world.run()
    except Found as error:
        again = f"{kind.__name__}({shortened(kind, tape)!r}).run()"
        pytest.fail(f"{error}\nthe same, shorter: {again}", pytrace=False)
    return world


def noticed(kind: type[World], stories: int = 100, seed: int = 7) -> str:
    """Tell stories until one fails; return what it showed."""
    for tape in islice(tapes(seed), stories):
        try:
            kind(tape).run()
        except Found as found:
            return str(found)
    pytest.fail(f"{stories} stories have not noticed it")


def shortened(kind: type[World], tape: bytes) -> bytes:
    """A short tape that fails as well: parts are left out for as long as that can be."""
    size = len(tape) // 2
    while size:
        at = 0
        while at < len(tape):
            shorter = tape[:at] + tape[at + size :]
            if _fails(kind, shorter):
                tape = shorter
            else:
                at += size
        size //= 2
    return tape


def _fails(kind: type[World], tape: bytes) -> bool:
    try:
        kind(tape).run()
    except Found:
        return True
    return False
