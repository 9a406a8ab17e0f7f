"""Commands of Redis 8.4 to 8.10 and Valkey 9.2, written after their documentation: no server of the tests has them."""

from __future__ import annotations

from .arrays import ArrayCommands
from .hashes import NewerHashCommands
from .lists_sets import NewerListSetCommands
from .strings import NewerStringCommands

__all__ = ["ArrayCommands", "NewerHashCommands", "NewerListSetCommands", "NewerStringCommands"]
