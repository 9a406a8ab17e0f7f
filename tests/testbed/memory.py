"""A pool whose connections are in memory: a factory, its endpoint, and time that the test lets pass."""

from __future__ import annotations

from typing import Any

import txredis_fast as redis

from .scripted import MemoryEndpoint, Script, Session, settle


def pool_in_memory(
    clock: Any, script: Script, size: int = 1, **options: Any
) -> tuple[redis.RedisFactory, MemoryEndpoint]:
    """A lazy factory over connections in memory, which has begun to connect; with its endpoint."""
    factory = redis.RedisFactory("memory", options.pop("dbid", None), size, True, **options)
    endpoint = MemoryEndpoint(lambda: Session(script, clock), clock)
    factory.startConnecting(endpoint)
    return factory, endpoint


def let_pass(clock: Any, seconds: float, step: float = 0.25) -> None:
    """Let time pass in small steps."""
    for _ in range(round(seconds / step)):
        clock.advance(step)
        settle(clock)


class Memory:
    """Such a pool, connected, without chance in its back-off."""

    def __init__(self, clock: Any, script: Script, size: int = 1, **options: Any) -> None:
        self.clock = clock
        self.factory, self.endpoint = pool_in_memory(clock, script, size, **options)
        self.factory.jitter = 0
        self.rc = self.factory.handler
        settle(clock)

    def let_pass(self, seconds: float, step: float = 0.25) -> None:
        let_pass(self.clock, seconds, step)
