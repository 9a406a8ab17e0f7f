"""The commands that change subscriptions, and the replies to them: bookkeeping, no I/O.

This module must not know connections; :mod:`txredis_fast.pubsub.subscriber` does.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from .._types import Reply, Result
from ..inflight import PostProc

__all__ = ["PUSH_WORDS", "REPLIES", "VERBS", "Confirmations", "Converter", "Event", "Kind", "Pong", "command_name"]


class Kind(enum.Enum):
    """Kind of a subscribed name; the value is the prefix of its commands and replies."""

    CHANNEL = ""
    PATTERN = "p"
    SHARD = "s"


class Event(enum.Enum):
    """Meaning of a reply in subscribe mode, or of a command; the value is the end of its word."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    MESSAGE = "message"
    #: Of a command only: the server forgets all subscriptions, and much else.
    RESET = "reset"


_WORDS = {
    kind.value + event.value: (kind, event)
    for kind in Kind
    for event in (Event.SUBSCRIBE, Event.UNSUBSCRIBE, Event.MESSAGE)
}
#: First element of a reply, decoded or not -> its meaning.
REPLIES: dict[str | bytes, tuple[Kind, Event]] = {
    **_WORDS,
    **{word.encode(): meaning for word, meaning in _WORDS.items()},
}
#: The first words of the RESP3 pushes that are messages or confirmations.
PUSH_WORDS = tuple(word.encode() for word in _WORDS)
#: Name of a command -> its meaning.
VERBS = {word: meaning for word, meaning in _WORDS.items() if meaning[1] is not Event.MESSAGE}
VERBS["reset"] = (Kind.CHANNEL, Event.RESET)


def command_name(args: tuple[object, ...]) -> str:
    """The name of a command in lower case."""
    name = args[0] if args else ""
    if isinstance(name, bytes):
        name = name.decode("ascii", "replace")
    return name.lower() if isinstance(name, str) else ""


class Converter:
    """A command's converter whose class marks the command, so that the protocol recognizes its reply."""

    def __init__(self, post_proc: PostProc | None) -> None:
        self.post_proc = post_proc

    def __call__(self, reply: Reply) -> Result:
        """Convert as the program's own converter does."""
        return reply if self.post_proc is None else self.post_proc(reply)


class Pong:
    """The converter of a subscriber's ``ping``. RESP2 answers with a list while anything is subscribed to, RESP3 never.

    :ivar word: set by the connection: returns the first element of such a list, None if the reply is to stay.
    """

    def __init__(self, has_message: bool) -> None:
        self.has_message = has_message
        self.word: Callable[[], str | bytes | None] = _no_word

    def __call__(self, reply: Any) -> Any:
        """Make the list, if it is due."""
        word = self.word()
        return reply if word is None else [word, reply if self.has_message else word[:0]]


def _no_word() -> None:
    """In a transaction, both versions answer alike."""


class Confirmations(Converter):
    """The confirmations that a command which changes subscriptions is waiting for.

    :ivar names: the command's names, encoded; empty: all.
    :ivar left: how many confirmations are still to come; None before the first.
    :ivar first: the first confirmation.
    """

    def __init__(self, kind: Kind, event: Event, names: tuple[bytes, ...], post_proc: PostProc | None) -> None:
        super().__init__(post_proc)
        self.kind = kind
        self.event = event
        self.names = names
        self.left: int | None = None
        self.first: Reply = None
