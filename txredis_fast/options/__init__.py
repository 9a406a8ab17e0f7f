"""Every option of a connection, with its type, default and check; URLs; when a command is repeated.

This room must not know what is done with an option.
"""

from __future__ import annotations

from .connection import (
    DEFAULT_MAX_IN_FLIGHT,
    DEFAULT_MAX_QUEUED_BYTES,
    DEFAULT_POOL_TIMEOUT,
    TLS_DETAILS,
    ConnectionOptions,
    ConvertNumbers,
    FactoryOptions,
    RedisURL,
    check_option,
)
from .retry_policy import RetryPolicy

__all__ = [
    "DEFAULT_MAX_IN_FLIGHT",
    "DEFAULT_MAX_QUEUED_BYTES",
    "DEFAULT_POOL_TIMEOUT",
    "TLS_DETAILS",
    "ConnectionOptions",
    "ConvertNumbers",
    "FactoryOptions",
    "RedisURL",
    "RetryPolicy",
    "check_option",
]
