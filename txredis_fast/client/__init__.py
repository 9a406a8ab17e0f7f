"""What a program holds: the handler of a pool with its views, retries, and the factory that owns the pool.

This room must not know how many servers there are.
"""

from __future__ import annotations

from .factory import RedisFactory
from .handler import ConnectionHandler, UnixConnectionHandler
from .views import CommandView

__all__ = [
    "CommandView",
    "ConnectionHandler",
    "RedisFactory",
    "UnixConnectionHandler",
]
