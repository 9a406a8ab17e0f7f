"""RESP, the protocol of Redis and Valkey: bytes <-> Python values.

The code that decodes replies and encodes commands exists twice, compiled and in pure Python. Both behave alike;
:mod:`txredis_fast._implementation` chooses one. :mod:`txredis_fast.resp._pyresp` has the grammar and the documentation.
The grammar is that of https://redis.io/docs/latest/develop/reference/protocol-spec/.
This package must not know Twisted, connections or commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._implementation import IMPLEMENTATION
from ._fixed import fix_argument, fixed_arguments, fixed_values
from ._keys import spread, spread_at_once
from ._shared import (
    DEFAULT_MAX_BUFFERED,
    DEFAULT_MAX_BULK_LENGTH,
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_ELEMENTS,
    DEFAULT_MAX_LINE_LENGTH,
    DEFAULT_MAX_TEXT_LENGTH,
    HUGE,
    INCOMPLETE,
    Incomplete,
    Push,
    undecodable_error,
    warn_caller,
)

__all__ = [
    "DEFAULT_MAX_BUFFERED",
    "DEFAULT_MAX_BULK_LENGTH",
    "DEFAULT_MAX_DEPTH",
    "DEFAULT_MAX_ELEMENTS",
    "DEFAULT_MAX_LINE_LENGTH",
    "DEFAULT_MAX_TEXT_LENGTH",
    "HUGE",
    "IMPLEMENTATION",
    "INCOMPLETE",
    "Incomplete",
    "Push",
    "Reader",
    "dict_of",
    "encode_command",
    "encode_commands",
    "fix_argument",
    "fixed_arguments",
    "fixed_values",
    "key_slot",
    "may_collide",
    "spread",
    "spread_at_once",
    "undecodable_error",
    "warn_caller",
]

if TYPE_CHECKING or IMPLEMENTATION == "python":
    from ._pyresp import Reader, dict_of, encode_command, encode_commands, key_slot, may_collide
else:
    from ._cresp import Reader, dict_of, encode_command, encode_commands, key_slot, may_collide
