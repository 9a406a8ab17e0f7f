"""Who waits for which reply, and what goes out together: the exchange of commands and replies on one connection.

This package picks the implementation that goes with the one of :mod:`txredis_fast.resp`; the reference is
:mod:`txredis_fast.inflight._pyrequest`.
"""

from __future__ import annotations

import contextlib

from ..resp import IMPLEMENTATION
from ._deadline import LastLook
from ._failing import as_exception, fail_each
from ._long import ListOfReplies, parts_of
from ._pyrequest import (
    BatchRequest,
    PostProc,
    Request,
    RequestQueue,
    add_command,
    answer_each,
    first_error,
    plain_commands,
    shorten,
    shorten_adding,
    shorten_recording,
    shorten_shared,
)
from .time_limit import TimeLimit, check_timeout, limit_error, within

__all__ = [
    "BatchRequest",
    "LastLook",
    "ListOfReplies",
    "PostProc",
    "Request",
    "RequestQueue",
    "TimeLimit",
    "add_command",
    "answer_each",
    "as_exception",
    "check_timeout",
    "fail_each",
    "first_error",
    "limit_error",
    "parts_of",
    "plain_commands",
    "shorten",
    "shorten_adding",
    "shorten_recording",
    "shorten_shared",
    "within",
]

if IMPLEMENTATION != "python":
    with contextlib.suppress(ImportError):
        from . import _crequest  # type: ignore[attr-defined]

        globals().update({name: getattr(_crequest, name) for name in _crequest.__all__})
