"""What a row of the tables is, and the words that they are written in.

A row says: this call sends these bytes, and answered so it gives this value. It holds for every host: a bare one,
a connection, a pool, a transaction, a pipeline. RESP is encoded by :mod:`testbed.wire`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from testbed.wire import array

from txredis_fast.commands._parts.facts import known_commands


@dataclass(frozen=True)
class Row:
    """One call, what it sends, what is answered, and the value that this gives."""

    #: The method's name.
    name: str
    #: Calls it on a host, and returns its Deferred.
    call: Callable[[Any], Any]
    #: The arguments sent; text stands for its UTF-8 bytes, a number for its digits.
    sent: tuple[Any, ...]
    #: The reply's bytes.
    answered: bytes
    #: What the Deferred fires with; its type counts, to any depth.
    value: Any
    #: Options of the connection that the row is about.
    charset: str | None = "utf-8"
    convert_numbers: bool | str = True
    #: Text of the DeprecationWarning that the call gives.
    warning: str | None = None
    #: What a transaction or a pipeline sends in place of ``sent``, where that differs.
    sent_queued: tuple[Any, ...] | None = None
    #: Whether the connection must not be shared while the reply is awaited.
    blocking: bool = False
    #: Whether the call ends reconnecting.
    stops_trying: bool = False
    #: The servers that have its options, such as ``("redis 8.2", "valkey 9.0")``; without, all that have the command.
    needs: tuple[str, ...] = ()

    @property
    def wire(self) -> bytes:
        """The bytes sent."""
        return array(*self.sent)

    @property
    def wire_queued(self) -> bytes:
        """The bytes that a transaction or a pipeline sends."""
        return array(*(self.sent_queued or self.sent))


@dataclass(frozen=True)
class Refusal:
    """One call that sends nothing: its Deferred fails."""

    #: The method's name.
    name: str
    #: Calls it on a host, and returns its Deferred.
    call: Callable[[Any], Any]
    #: Exactly the class of the exception.
    kind: type[BaseException]
    #: Its text; None where it is Python's own.
    text: str | None = None
    #: Text of the DeprecationWarning that the call gives.
    warning: str | None = None


def same(actual, expected):
    """Whether two values are equal and of the same types, to any depth: 1, 1.0 and True are three values."""
    if type(actual) is not type(expected):
        return False
    if isinstance(expected, (list, tuple)):
        return len(actual) == len(expected) and all(map(same, actual, expected))
    if isinstance(expected, dict):
        return same(list(actual.items()), list(expected.items()))
    if isinstance(expected, set):
        return same(sorted(actual, key=repr), sorted(expected, key=repr))
    return actual == expected


def command_of(words: tuple[Any, ...]) -> str:
    """Name of the command in the table of commands: of two words, where it is a subcommand."""
    name = " ".join(str(word).upper() for word in words[:2])
    return name if name in known_commands() else str(words[0]).upper()


def old_arguments(method):
    """Text of the warning that several keys were not given as one iterable."""
    return f"Passing *args to redis.{method} is deprecated. Pass an iterable to ``keys`` instead"
