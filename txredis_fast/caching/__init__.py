"""Replies kept in this process, which the server invalidates: client-side caching.

The store has two implementations, compiled and pure Python; :mod:`txredis_fast._implementation` chooses. The
documentation is in :mod:`txredis_fast.caching._pystore`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._implementation import IMPLEMENTATION

__all__ = [
    "HITS_PER_TURN",
    "Cache",
    "CachedView",
    "Entry",
    "FastView",
    "FetchRequest",
    "Store",
    "boot_seconds",
    "copied",
    "deliver",
    "fast_path_of_view",
]

if TYPE_CHECKING or IMPLEMENTATION == "python":
    from ._pystore import (
        HITS_PER_TURN,
        Entry,
        FastView,
        FetchRequest,
        Store,
        boot_seconds,
        copied,
        deliver,
        fast_path_of_view,
    )
else:
    from ._cstore import (
        HITS_PER_TURN,
        Entry,
        FastView,
        FetchRequest,
        Store,
        boot_seconds,
        copied,
        deliver,
        fast_path_of_view,
    )

from .cache import Cache
from .view import CachedView
