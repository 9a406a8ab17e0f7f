"""Observability: events, hooks, statistics, and texts without secrets.

This room must not know of connections.
"""

from __future__ import annotations

from .clusters import ClusterObserver, Telling
from .events import protocol_refused
from .hooks import CommandHook, CommandInfo
from .observer import Observer
from .redact import kind_and_size, redacted, refusal, secrets_of, told, without_secret
from .stats import CacheStats, ClusterStats, Stats

__all__ = [
    "CacheStats",
    "ClusterObserver",
    "ClusterStats",
    "CommandHook",
    "CommandInfo",
    "Observer",
    "Stats",
    "Telling",
    "kind_and_size",
    "protocol_refused",
    "redacted",
    "refusal",
    "secrets_of",
    "told",
    "without_secret",
]
