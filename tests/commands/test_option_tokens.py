"""Every option that servers have is sent by some row; the exceptions are listed, and become fewer."""

from __future__ import annotations

from testbed.option_tokens import recorded_tokens, text_of

from . import without_method
from .rows import command_of
from .tables import ROWS
from .tokens_without_row import TOKENS

#: How many tokens may be without a row. Only to be lowered.
MOST = 4


def words_sent():
    """Pairs of a command and a word that a row sends after its name, in upper case."""
    for row in ROWS:
        for sent in (row.sent, row.sent_queued or row.sent):
            command = command_of(sent)
            for word in sent[len(command.split()) :]:
                text = word.decode("latin-1") if isinstance(word, bytes) else str(word)
                yield command, text.upper()


def test_an_option_is_sent_by_a_row_or_has_a_reason():
    recorded = {(command, token) for command, tokens in recorded_tokens().items() for token in tokens}
    missing = recorded - set(words_sent())
    assert sorted(pair for pair in missing if pair[0] not in without_method.NAMES) == sorted(TOKENS)


def test_the_list_of_exceptions_only_shrinks():
    assert len(TOKENS) == len(set(TOKENS)) <= MOST


def test_a_token_is_recorded_with_its_releases():
    first = {"SET": frozenset({"NX", "IFEQ"}), "GET": frozenset()}
    second = {"SET": frozenset({"NX"}), "DEL": frozenset({"X"})}
    assert text_of({"a-1": first, "b-2": second}) == "DEL|X\nSET|IFEQ@a-1 NX\n"
