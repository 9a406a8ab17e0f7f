"""The caches of several servers as one: ``rc.cache`` of a sharded handler and of a cluster's.

This module must not know which key belongs to which server.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..telemetry import CacheStats

if TYPE_CHECKING:
    from .cache import Cache

__all__ = ["Caches"]


class Caches:
    """The replies that a handler of several servers keeps: ``rc.cache``. Each server has a cache of its own."""

    def caches(self) -> Iterable[Cache]:
        """Return the cache of each server."""
        raise NotImplementedError

    def forget(self, *keys: object) -> None:
        """Drop every kept reply that was made of one of these keys; replies being fetched are not kept.

        :param keys: as arguments of commands.
        :raises InvalidData: one cannot be encoded.
        """
        for cache in self.caches():
            cache.forget(*keys)

    def clear(self) -> None:
        """Drop every kept reply; replies being fetched are not kept."""
        for cache in self.caches():
            cache.clear()

    def stats(self) -> CacheStats:
        """Return the sum of the servers' counters since the handler was made, and of their present sizes.

        ``rc.stats().cache`` is the same. ``link`` is that of the server that is worst off.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        stats = self.stats()
        return f"<{type(self).__name__} {stats.link}, {stats.entries} entries, {stats.bytes} bytes>"
