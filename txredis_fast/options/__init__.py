"""Every option of a connection, with its type, default and check; URLs; the policy for repeating commands.

This room must not know what an option is used for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names
from .checks import ConvertNumbers, Undecodable
from .connection import DEFAULT_POOL_TIMEOUT, OPTIONS, TLS_DETAILS, TLS_OPTIONS, ConnectionOptions, check_option
from .keywords import (
    AllClusterOptions,
    AllOptions,
    AllOptionsOfAnyValues,
    ClusterGroup,
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

if TYPE_CHECKING:
    from .cache import ClientCache
    from .cluster import ClusterOptions
    from .document import option_table
else:
    __getattr__, __dir__ = lazy_names(
        globals(), {"cache": ("ClientCache",), "cluster": ("ClusterOptions",), "document": ("option_table",)}
    )

__all__ = [
    "DEFAULT_POOL_TIMEOUT",
    "OPTIONS",
    "TLS_DETAILS",
    "TLS_OPTIONS",
    "AllClusterOptions",
    "AllOptions",
    "AllOptionsOfAnyValues",
    "ClientCache",
    "ClusterGroup",
    "ClusterOptions",
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
