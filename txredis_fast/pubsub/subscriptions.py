"""What a connection is subscribed to, and what its subscribing commands are still owed: bookkeeping, no I/O.

This module must not know connections; :mod:`txredis_fast.pubsub.subscriber` does.
"""

from __future__ import annotations

import enum
from typing import Any

from ..inflight import PostProc

__all__ = ["PUSH_WORDS", "REPLIES", "VERBS", "Confirmations", "Converter", "Event", "Kind", "command_name"]


class Kind(enum.Enum):
    """What is subscribed to; the value is the prefix of its commands and replies."""

    CHANNEL = ""
    PATTERN = "p"
    SHARD = "s"


class Event(enum.Enum):
    """What a reply in subscribe mode tells of a name, or what a command does; the value ends its words."""

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
#: First element of a reply, decoded or not -> what it is.
REPLIES: dict[str | bytes, tuple[Kind, Event]] = {
    **_WORDS,
    **{word.encode(): meaning for word, meaning in _WORDS.items()},
}
#: The first words of the RESP3 pushes that are messages or confirmations.
PUSH_WORDS = tuple(word.encode() for word in _WORDS)
#: Name of a command -> what it does.
VERBS = {word: meaning for word, meaning in _WORDS.items() if meaning[1] is not Event.MESSAGE}
VERBS["reset"] = (Kind.CHANNEL, Event.RESET)


def command_name(args: tuple[Any, ...]) -> str:
    """The name of the command that these arguments are, in lower case."""
    name = args[0] if args else ""
    if isinstance(name, bytes):
        name = name.decode("ascii", "replace")
    return name.lower() if isinstance(name, str) else ""


class Converter:
    """A command's converter that also marks the command, for the protocol that awaits its reply."""

    def __init__(self, post_proc: PostProc | None) -> None:
        self.post_proc = post_proc

    def __call__(self, reply: Any) -> Any:
        """Convert as the program's own converter does."""
        return reply if self.post_proc is None else self.post_proc(reply)


class Confirmations(Converter):
    """What a command that changes subscriptions is owed.

    :ivar names: as they are sent; empty: all.
    :ivar left: how many confirmations are still to come; None before the first.
    :ivar first: the first one.
    """

    def __init__(self, kind: Kind, event: Event, names: tuple[bytes, ...], post_proc: PostProc | None) -> None:
        super().__init__(post_proc)
        self.kind = kind
        self.event = event
        self.names = names
        self.left: int | None = None
        self.first: Any = None
