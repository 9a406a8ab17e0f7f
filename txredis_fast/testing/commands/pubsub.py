"""Publishing and subscribing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..replies import NO_REPLY, Push, ReplyError
from .registry import command, glob

if TYPE_CHECKING:
    from ..session import Session

__all__: list[str] = []


def _alone(session: Session) -> None:
    if session.executing:
        raise ReplyError("ERR FakeServer has no subscriptions inside of MULTI")


def _confirm(session: Session, word: bytes, name: bytes | None) -> None:
    sharded = word in (b"ssubscribe", b"sunsubscribe")
    count = len(session.shard_channels) if sharded else len(session.channels) + len(session.patterns)
    session.send(Push([word, name, count]))


@command("SUBSCRIBE", -2)
def subscribe(session: Session, *channels: bytes) -> object:
    """Subscribe to channels; each is confirmed."""
    _alone(session)
    for channel in channels:
        session.channels[channel] = None
        _confirm(session, b"subscribe", channel)
    return NO_REPLY


@command("PSUBSCRIBE", -2)
def psubscribe(session: Session, *patterns: bytes) -> object:
    """Subscribe to patterns; each is confirmed."""
    _alone(session)
    for pattern in patterns:
        session.patterns[pattern] = None
        _confirm(session, b"psubscribe", pattern)
    return NO_REPLY


@command("SSUBSCRIBE", -2)
def ssubscribe(session: Session, *channels: bytes) -> object:
    """Subscribe to sharded channels; each is confirmed."""
    _alone(session)
    for channel in channels:
        session.shard_channels[channel] = None
        _confirm(session, b"ssubscribe", channel)
    return NO_REPLY


def _leave(session: Session, word: bytes, joined: dict[bytes, None], names: tuple[bytes, ...]) -> object:
    _alone(session)
    leaving = names or tuple(joined)
    for name in leaving:
        joined.pop(name, None)
        _confirm(session, word, name)
    if not leaving:
        _confirm(session, word, None)
    return NO_REPLY


@command("UNSUBSCRIBE", -1)
def unsubscribe(session: Session, *channels: bytes) -> object:
    """Leave channels, all if none is named."""
    return _leave(session, b"unsubscribe", session.channels, channels)


@command("PUNSUBSCRIBE", -1)
def punsubscribe(session: Session, *patterns: bytes) -> object:
    """Leave patterns, all if none is named."""
    return _leave(session, b"punsubscribe", session.patterns, patterns)


@command("SUNSUBSCRIBE", -1)
def sunsubscribe(session: Session, *channels: bytes) -> object:
    """Leave sharded channels, all if none is named."""
    return _leave(session, b"sunsubscribe", session.shard_channels, channels)


@command("SPUBLISH", 3)
def spublish(session: Session, channel: bytes, message: bytes) -> object:
    """Send a message to a sharded channel; return how many got it."""
    receivers = [other for other in session.server.sessions if channel in other.shard_channels]
    for other in receivers:
        other.send(Push([b"smessage", channel, message]))
    return len(receivers)


@command("PUBLISH", 3)
def publish(session: Session, channel: bytes, message: bytes) -> object:
    """Send a message; return how many got it."""
    count = 0
    for other in session.server.sessions:
        if channel in other.channels:
            other.send(Push([b"message", channel, message]))
            count += 1
    for other in session.server.sessions:
        for pattern in other.patterns:
            if glob(pattern)(channel):
                other.send(Push([b"pmessage", pattern, channel, message]))
                count += 1
    return count


@command("PUBSUB", -2, {"CHANNELS": -2, "NUMSUB": -2, "NUMPAT": 2})
def pubsub(session: Session, what: bytes, *args: bytes) -> object:
    """Return channels, or numbers of subscribers."""
    sessions = session.server.sessions
    word = what.upper()
    if word == b"CHANNELS":
        matches = glob(args[0] if args else b"*")
        return list(dict.fromkeys(channel for each in sessions for channel in each.channels if matches(channel)))
    if word == b"NUMSUB":
        counts = [sum(channel in each.channels for each in sessions) for channel in args]
        return [each for pair in zip(args, counts, strict=True) for each in pair]
    return len({pattern for each in sessions for pattern in each.patterns})
