"""Every option of a connection, with its type, default and check; URLs; the policy for repeating commands.

This room must not know what an option is used for.
"""

from __future__ import annotations

from .checks import ConvertNumbers, Undecodable
from .connection import DEFAULT_POOL_TIMEOUT, OPTIONS, TLS_DETAILS, TLS_OPTIONS, ConnectionOptions, check_option
from .document import option_table
from .keywords import (
    AllOptions,
    AllOptionsOfAnyValues,
    EndpointOptions,
    EndpointOptionsOfAnyValues,
    FactoryOptions,
    MoreFactoryOptions,
    MoreOptions,
    SentinelOptions,
    TCPConnectionOptions,
    TCPPoolOptions,
    UnixConnectionOptions,
    UnixPoolOptions,
    refuse_others,
    shows_options,
)
from .retry_policy import RetryPolicy
from .url import RedisURL

__all__ = [
    "DEFAULT_POOL_TIMEOUT",
    "OPTIONS",
    "TLS_DETAILS",
    "TLS_OPTIONS",
    "AllOptions",
    "AllOptionsOfAnyValues",
    "ConnectionOptions",
    "ConvertNumbers",
    "EndpointOptions",
    "EndpointOptionsOfAnyValues",
    "FactoryOptions",
    "MoreFactoryOptions",
    "MoreOptions",
    "RedisURL",
    "RetryPolicy",
    "SentinelOptions",
    "TCPConnectionOptions",
    "TCPPoolOptions",
    "Undecodable",
    "UnixConnectionOptions",
    "UnixPoolOptions",
    "check_option",
    "option_table",
    "refuse_others",
    "shows_options",
]
