"""The handler, which a program holds: its commands, views and retries, and txredisapi's factory.

This room must not know how many servers there are.
"""

from __future__ import annotations

from .attempts import NotingConverter, execute_with_retries
from .batches import send_batch, send_on_pool
from .calls import keys_as_given, no_cache, unless_overridden
from .factory import RedisFactory
from .handler import COMMAND_METHODS, ConnectionHandler, UnixConnectionHandler
from .opening import Opening
from .views import CommandView

__all__ = [
    "COMMAND_METHODS",
    "CommandView",
    "ConnectionHandler",
    "NotingConverter",
    "Opening",
    "RedisFactory",
    "UnixConnectionHandler",
    "execute_with_retries",
    "keys_as_given",
    "no_cache",
    "send_batch",
    "send_on_pool",
    "unless_overridden",
]
