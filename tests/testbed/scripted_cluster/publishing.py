"""Subscribing and publishing at a scripted node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..wire import bulk, integer
from .replies import Reply, matches, nil

if TYPE_CHECKING:
    from .session import NodeSession


def count_of_all(session: NodeSession) -> int:
    return session.subscribed


def count_of_shards(session: NodeSession) -> int:
    return len(session.shard_channels)


def subscribing(kind: bytes, attribute: str, count: Callable[[NodeSession], int], adds: bool) -> Callable[..., Reply]:
    def command(session: NodeSession, *names: bytes) -> Reply:
        known: set[bytes] = getattr(session, attribute)
        wanted: Sequence[bytes | None] = names or sorted(known) or (None,)
        for name in wanted:
            if adds and name is not None:
                known.add(name)
            elif name is not None:
                known.discard(name)
            session.push(kind, nil(session) if name is None else bulk(name), integer(count(session)))
        return None

    return command


def publish(session: NodeSession, channel: bytes, message: bytes) -> Reply:
    session.truth.note(message)
    session.truth.published.setdefault(channel, []).append(message)
    heard = 0
    for node in session.node.cluster.nodes:
        for each in list(node.sessions):
            if channel in each.channels:
                each.push(b"message", bulk(channel), bulk(message))
                heard += node is session.node
            for pattern in sorted(each.patterns):
                if matches(channel, pattern):
                    each.push(b"pmessage", bulk(pattern), bulk(channel), bulk(message))
                    heard += node is session.node
    return integer(heard)


def spublish(session: NodeSession, channel: bytes, message: bytes) -> Reply:
    session.truth.note(message)
    session.truth.published.setdefault(channel, []).append(message)
    shard = [session.node, *session.node.cluster.replicas_of(session.node)]
    listening = [each for node in shard for each in node.sessions if channel in each.shard_channels]
    for each in listening:
        each.push(b"smessage", bulk(channel), bulk(message))
    return integer(len(listening))
