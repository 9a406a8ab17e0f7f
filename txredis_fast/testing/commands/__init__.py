"""The commands of a :class:`~txredis_fast.testing.FakeServer`, one module per group.

A command is a function of the session and of its arguments. It returns the reply, or raises :exc:`ReplyError`.
"""

from __future__ import annotations

from . import connection, hashes, keys, lists, pubsub, sets, sorted_sets, strings, transactions
from .registry import COMMANDS, Command, Wait

__all__ = ["COMMANDS", "GROUPS", "WITHOUT_LOGIN", "Command", "Wait"]

#: Importing a group registers its commands.
GROUPS = (connection, hashes, keys, lists, pubsub, sets, sorted_sets, strings, transactions)

#: Commands that may be sent before AUTH.
WITHOUT_LOGIN = ("AUTH", "HELLO", "QUIT", "RESET")
