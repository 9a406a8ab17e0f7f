"""RESP, the protocol of Redis and Valkey: bytes <-> Python values.

This package picks the implementation: the compiled one where it was built, else the pure-Python one,
which can be forced with ``TXREDIS_FAST_PUREPYTHON=1`` in the environment. Both behave alike; the
grammar and all documentation are in :mod:`txredis_fast.resp._pyresp`. It must not know anything of
Twisted, of connections, or of commands.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from txredis_fast.resp._fixed import fix_argument, fixed_arguments, fixed_values
from txredis_fast.resp._keys import spread, spread_at_once
from txredis_fast.resp._shared import (
    DEFAULT_MAX_BUFFERED,
    DEFAULT_MAX_BULK_LENGTH,
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_ELEMENTS,
    DEFAULT_MAX_LINE_LENGTH,
    DEFAULT_MAX_TEXT_LENGTH,
    INCOMPLETE,
    Incomplete,
    Push,
)

__all__ = [
    "DEFAULT_MAX_BUFFERED",
    "DEFAULT_MAX_BULK_LENGTH",
    "DEFAULT_MAX_DEPTH",
    "DEFAULT_MAX_ELEMENTS",
    "DEFAULT_MAX_LINE_LENGTH",
    "DEFAULT_MAX_TEXT_LENGTH",
    "IMPLEMENTATION",
    "INCOMPLETE",
    "Incomplete",
    "Push",
    "Reader",
    "encode_command",
    "encode_commands",
    "fix_argument",
    "fixed_arguments",
    "fixed_values",
    "may_collide",
    "spread",
    "spread_at_once",
]

#: Which implementation is in use: ``"cython"`` or ``"python"``.
IMPLEMENTATION: str

if TYPE_CHECKING:
    from txredis_fast.resp._pyresp import Reader, encode_command, encode_commands, may_collide
elif os.environ.get("TXREDIS_FAST_PUREPYTHON", "") not in ("", "0"):
    from txredis_fast.resp._pyresp import Reader, encode_command, encode_commands, may_collide

    IMPLEMENTATION = "python"
else:
    try:
        from txredis_fast.resp._cresp import Reader, encode_command, encode_commands, may_collide

        IMPLEMENTATION = "cython"
    except ImportError:
        from txredis_fast.resp._pyresp import Reader, encode_command, encode_commands, may_collide

        IMPLEMENTATION = "python"
