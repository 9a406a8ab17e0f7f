"""What a program holds: the handler that has the commands, its views and retries, and txredisapi's factory.

This room must not know how many servers there are.
"""

from __future__ import annotations

from .calls import unless_overridden
from .factory import RedisFactory
from .handler import ConnectionHandler, UnixConnectionHandler
from .opening import Opening
from .views import CommandView

__all__ = [
    "CommandView",
    "ConnectionHandler",
    "Opening",
    "RedisFactory",
    "UnixConnectionHandler",
    "unless_overridden",
]
