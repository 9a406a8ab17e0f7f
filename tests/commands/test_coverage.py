"""Every command that servers have is a method; the exceptions are listed, and become fewer."""

from __future__ import annotations

from txredis_fast.commands._parts.facts import known_commands

from .rows import command_of
from .tables import ROWS
from .without_method import NAMES

#: How many commands may be without a method. Only to be lowered.
MOST = 54


def test_a_command_has_a_method_or_a_reason():
    sent = {command_of(words) for row in ROWS for words in (row.sent, row.sent_queued or row.sent)}
    assert sorted(known_commands() - sent) == sorted(NAMES)


def test_the_list_of_exceptions_only_shrinks():
    assert len(NAMES) == len(set(NAMES)) <= MOST
