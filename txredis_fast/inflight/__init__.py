"""The commands in flight on one connection: match each reply to its request, write commands together, limit the time.

The request queue has two implementations, compiled and pure Python; :mod:`txredis_fast._implementation` chooses. The
documentation is in :mod:`txredis_fast.inflight._pyrequest`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._implementation import IMPLEMENTATION
from ._arguments import Command, PostProc
from ._deadline import LastLook
from ._failing import as_exception, fail_each, keep_out_of_log
from ._long import ListOfReplies, convert_in_turns, parts_of
from .time_limit import TimeLimit, check_timeout, limit_error, within

__all__ = [
    "BatchRequest",
    "Command",
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
    "compiled_fast_path",
    "convert_in_turns",
    "fail_each",
    "fast_path_by_name",
    "fast_path_of_batch",
    "fast_path_of_cached",
    "fast_path_of_cluster",
    "fast_path_of_eval",
    "fast_path_of_pipeline",
    "fast_path_of_pool",
    "first_error",
    "group_commands",
    "group_keys",
    "keep_out_of_log",
    "limit_error",
    "parts_of",
    "place_replies",
    "place_values",
    "plain_commands",
    "within",
]

if TYPE_CHECKING or IMPLEMENTATION == "python":
    from ._pyrequest import (
        BatchRequest,
        Request,
        RequestQueue,
        add_command,
        answer_each,
        compiled_fast_path,
        fast_path_by_name,
        fast_path_of_batch,
        fast_path_of_cached,
        fast_path_of_eval,
        fast_path_of_pipeline,
        fast_path_of_pool,
        first_error,
        plain_commands,
    )
    from ._pyrouting import fast_path_of_cluster, group_commands, group_keys, place_replies, place_values
else:
    from ._crequest import (
        BatchRequest,
        Request,
        RequestQueue,
        add_command,
        answer_each,
        compiled_fast_path,
        fast_path_by_name,
        fast_path_of_batch,
        fast_path_of_cached,
        fast_path_of_pipeline,
        fast_path_of_pool,
        first_error,
        plain_commands,
    )
    from ._crouting import fast_path_of_cluster, group_commands, group_keys, place_replies, place_values
    from ._cscripts import fast_path_of_eval
