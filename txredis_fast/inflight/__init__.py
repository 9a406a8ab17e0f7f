"""Who waits for which reply, and what goes out together: the exchange of commands and replies on one connection.

The requests are there twice, compiled and in pure Python, and :mod:`txredis_fast._implementation` chooses; the
reference is :mod:`txredis_fast.inflight._pyrequest`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._implementation import IMPLEMENTATION
from ._deadline import LastLook
from ._failing import as_exception, fail_each
from ._long import ListOfReplies, parts_of
from ._pyrequest import PostProc
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
        shorten_recording,
        shorten_shared,
    )
else:
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
        shorten_recording,
        shorten_shared,
    )
