"""Several commands as one unit: transactions, pipelines and batches, and the conversion of their replies.

This room must not know where a connection comes from.
"""

from __future__ import annotations

from .batch import Batch, commands_of
from .contexts import PipelineContext, TransactionContext
from .exec_reply import ExecConverter
from .pipeline import Command, Pipeline, PipelineError, PipelineLostError, check_replies
from .reply_order import ReplyOrder, as_deferred, first_error
from .scope import Outside, Scope, bind_scope_class
from .transaction import Transaction

__all__ = [
    "Batch",
    "Command",
    "ExecConverter",
    "Outside",
    "Pipeline",
    "PipelineContext",
    "PipelineError",
    "PipelineLostError",
    "ReplyOrder",
    "Scope",
    "Transaction",
    "TransactionContext",
    "as_deferred",
    "bind_scope_class",
    "check_replies",
    "commands_of",
    "first_error",
]
