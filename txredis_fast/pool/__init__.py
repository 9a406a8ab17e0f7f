"""The connections of one server: the pool, its waiting callers, reconnecting, health checks, blocking commands.

This room must not know of commands, nor of what a program holds.
"""

from __future__ import annotations

from .backoff import Reconnect
from .blocking import BlockingLane
from .companion import CompanionPool
from .dispatch import ConnectionQueue
from .health import HealthChecks, keep_alive
from .pool import Pool
from .slot import PoolSlot

__all__ = [
    "BlockingLane",
    "CompanionPool",
    "ConnectionQueue",
    "HealthChecks",
    "Pool",
    "PoolSlot",
    "Reconnect",
    "keep_alive",
]
