"""Names for the types that command signatures speak of.

This module holds aliases and protocols only: no code, and nothing else of the package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime
    from typing_extensions import TypeVar
else:
    from typing import TypeVar

__all__ = [
    "Aggregate",
    "Argument",
    "Arguments",
    "Converter",
    "Field",
    "Items",
    "Key",
    "Keys",
    "Number",
    "Page",
    "Pairs",
    "Reply",
    "Result",
    "Score",
    "ScoreBound",
    "ScoredMembers",
    "Seconds",
    "Text",
    "Transport",
    "V",
    "Value",
    "Weights",
]

Argument: TypeAlias = str | bytes | bytearray | memoryview | int | float
"""An argument of a command: text is encoded with the connection's charset, bytes are sent unchanged, numbers as their
digits."""

Arguments: TypeAlias = Sequence[Any]
"""A command's name and its arguments, of any type: unless ``strict`` is set, ``str()`` of an argument that is no
:data:`Argument` is sent."""

Key: TypeAlias = Argument
"""The name of a key."""

Field: TypeAlias = Argument
"""The name of a field of a hash."""

Items: TypeAlias = Iterable[Argument]
"""Several arguments of one kind."""

Keys: TypeAlias = Key | Iterable[Key]
"""One key, or several in any iterable. A ``str`` or ``bytes`` is always one key."""

Pairs: TypeAlias = Mapping[Any, Any]
"""Names and their values, in the order they are sent."""

Number: TypeAlias = int | float
"""A number as a caller has it."""

Seconds: TypeAlias = int | float
"""A time in seconds. Where the server takes whole seconds only, see the command."""

Score: TypeAlias = int | float
"""The score of a sorted set's member: ``int`` for whole numbers where numbers are converted, else ``float``."""

ScoreBound: TypeAlias = Argument
"""An end of a range of scores: a number, ``"-inf"``, ``"+inf"``, or ``"(1.5"`` which leaves 1.5 itself out."""

Text: TypeAlias = str | bytes
"""Text of the server: ``str``, or ``bytes`` where the charset is ``None`` or does not fit."""

Value: TypeAlias = str | bytes | int | float
"""A stored value as it comes back: ``int`` or ``float`` where it looks like one and numbers are converted,
``bytes`` where the charset is ``None`` or does not fit, else ``str``."""

if TYPE_CHECKING:
    V = TypeVar("V", default=Value, covariant=True)
else:
    V = TypeVar("V", covariant=True)
"""The type of the stored values that a handler's commands fire with, as its options ``charset``, ``convertNumbers`` and
``undecodable`` make them: ``ConnectionHandler[bytes]``, for one. Without brackets it is :data:`Value`. A handler of a
narrower type is one of a wider type, too."""

Page: TypeAlias = tuple[int, list[V]]
"""The value of one call of SCAN, HSCAN, SSCAN or ZSCAN: the cursor for the next call, and the items of this one.

At run time it is a ``list`` of both, as txredisapi has it. It is a tuple for type checkers, because they know no list
whose places have types of their own."""

ScoredMembers: TypeAlias = list[tuple[Value, float]]
"""Members of a sorted set with their scores, in the order of the reply."""

Weights: TypeAlias = Mapping[Any, Number] | Sequence[Key]
"""The keys of sorted sets to combine: a sequence, or a mapping of each key to its weight."""

Aggregate: TypeAlias = Callable[..., Any] | Literal["min", "max", "sum", "MIN", "MAX", "SUM"] | str | None
"""How scores are combined: the built-in ``min``, ``max`` or ``sum``, or its name in any case."""

Reply: TypeAlias = Any
"""Whatever a server can answer: a :data:`Value`, ``None``, or a list of replies to any depth."""

Result: TypeAlias = Any
"""The value of a command's Deferred: its reply, or the value that its converter, which a program may supply, returns.
No type of this package can say more where commands of all kinds pass through."""


class Transport(Protocol):
    """A transport, as far as a connection uses it.

    A program's own, or that of a test, has ``write`` at least; whatever else is used is asked for first.
    """

    reactor: IReactorTime

    def write(self, data: bytes, /) -> object:
        """Send data, which may wait for the socket."""

    def loseConnection(self) -> object:
        """Close the connection when all data is sent."""

    def pauseProducing(self) -> object:
        """Read no more for now."""

    def resumeProducing(self) -> object:
        """Read again."""

    def unregisterProducer(self) -> object:
        """Ask no more for data."""


Converter: TypeAlias = Callable[[Any], Any]
"""Makes a command's value from its reply. Is never given an error reply, may be given ``None``."""
