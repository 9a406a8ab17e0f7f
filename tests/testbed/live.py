"""Waiting for real servers without waiting for ever, and handlers that are closed for certain."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import deferLater

from txredis_fast import ClusterConnection, ShardedConnectionHandler

from .clusters import Cluster

#: Seconds that anything awaited in a test may take.
LIMIT = 15.0


def bounded(deferred: Deferred[Any], limit: float = LIMIT) -> Deferred[Any]:
    """Fail what has not come in time."""
    from twisted.internet import reactor

    return deferred.addTimeout(limit, reactor)


def turn(seconds: float = 0.01) -> Deferred[None]:
    """Let the reactor run."""
    from twisted.internet import reactor

    return deferLater(reactor, seconds, lambda: None)


async def until(condition: Callable[[], Any], what: str, limit: float = LIMIT) -> None:
    """Let the reactor run until ``condition()`` is true.

    :param what: completes "in vain:".
    """
    from twisted.internet import reactor

    deadline = reactor.seconds() + limit
    while not condition():
        assert reactor.seconds() < deadline, f"in vain: {what}"
        await turn()


async def error_of(awaited: Awaitable[Any], kind: type[BaseException]) -> BaseException:
    """The error that something fails with, which has to be of this kind."""
    with pytest.raises(kind) as raised:
        await awaited
    return raised.value


def connect(cluster: Cluster, **options: Any) -> Any:
    """A handler of a cluster, connected; by default, it leaves numbers as text."""
    return ClusterConnection(cluster.addresses[:2], **{"convertNumbers": False, **options})


@contextlib.asynccontextmanager
async def opened(connecting: Any) -> AsyncIterator[Any]:
    """A handler, or what a Deferred fires with; lost connections are made again quickly; closed at the end."""
    handler = await bounded(maybeDeferred(lambda: connecting))
    for node in handler._ring.nodes if isinstance(handler, ShardedConnectionHandler) else [handler]:
        node._factory.initialDelay = 0.02
        node._factory.maxDelay = 0.1
    try:
        yield handler
    finally:
        await bounded(maybeDeferred(handler.disconnect))


def clients(server: Any) -> list[dict[str, str]]:
    """The fields of CLIENT LIST of each connection but the one that asks."""
    lines = server.command("CLIENT", "LIST").decode().splitlines()
    found = [dict(field.partition("=")[::2] for field in line.split(" ")) for line in lines]
    return [client for client in found if not client["cmd"].startswith("client")]
