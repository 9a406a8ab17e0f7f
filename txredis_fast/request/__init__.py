"""Who waits for which reply, and what goes out together: the exchange of commands and replies on one connection.

This package picks the implementation that goes with the one of :mod:`txredis_fast.resp`; the reference is
:mod:`txredis_fast.request._pyrequest`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..resp import IMPLEMENTATION
from ._pyrequest import PostProc

__all__ = [
    "BatchRequest",
    "PostProc",
    "Request",
    "RequestQueue",
    "add_command",
    "answer_each",
    "first_error",
    "plain_commands",
    "shorten",
    "shorten_adding",
    "shorten_shared",
]

if TYPE_CHECKING or IMPLEMENTATION == "python":
    from ._pyrequest import (
        BatchRequest,
        Request,
        RequestQueue,
        add_command,
        answer_each,
        first_error,
        plain_commands,
        shorten,
        shorten_adding,
        shorten_shared,
    )
else:
    try:
        from ._crequest import (
            BatchRequest,
            Request,
            RequestQueue,
            add_command,
            answer_each,
            first_error,
            plain_commands,
            shorten,
            shorten_adding,
            shorten_shared,
        )
    except ImportError:
        from ._pyrequest import (
            BatchRequest,
            Request,
            RequestQueue,
            add_command,
            answer_each,
            first_error,
            plain_commands,
            shorten,
            shorten_adding,
            shorten_shared,
        )
