"""The choice between the compiled and the pure-Python implementation, made once, for all extensions together.

The compiled one is chosen if every extension exists and can be loaded, unless ``TXREDIS_FAST_PUREPYTHON=1`` is set in
the environment. All rooms with extensions follow this choice, so that the two are never mixed. This module must not
know what the extensions are for.
"""

from __future__ import annotations

import os
import sys
from importlib.util import module_from_spec
from pathlib import Path
from typing import Final

__all__ = ["EXTENSIONS", "IMPLEMENTATION"]

#: Room -> its extensions. Each has a twin in pure Python beside it.
EXTENSIONS: Final = {
    "resp": ("_caggregates", "_cencode", "_clarge", "_cresp", "_cscalars"),
    "inflight": ("_cdeferred", "_crequest", "_crouting", "_cscripts"),
    "transport": ("_csocket",),
    "connection": ("_creading",),
    "caching": ("_cstore",),
}


def _can_be_loaded(room: str, name: str) -> bool:
    """Whether an extension exists, and fits this interpreter and system.

    A plain import is not possible: it would first import the room, which imports this module.
    """
    full_name = f"txredis_fast.{room}.{name}"
    if full_name in sys.modules:
        return sys.modules[full_name] is not None
    folder = str(Path(__file__).parent / room)
    try:
        for finder in sys.meta_path:
            spec = finder.find_spec(full_name, [folder]) if hasattr(finder, "find_spec") else None
            if spec is not None:
                module_from_spec(spec)  # loads the library without running its code
                return True
    except ImportError:
        pass
    return False


def _choose() -> str:
    if os.environ.get("TXREDIS_FAST_PUREPYTHON", "") not in ("", "0"):
        return "python"
    every = all(_can_be_loaded(room, name) for room, names in EXTENSIONS.items() for name in names)
    return "cython" if every else "python"


#: Which implementation is in use: ``"cython"`` or ``"python"``.
IMPLEMENTATION: Final = _choose()
